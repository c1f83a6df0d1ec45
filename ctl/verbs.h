/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the command `sallyport`, one per file. Each gets argv from its
 * own name on (argv[0] is "check") and returns the exit status: 0, 1 when the
 * thing checked does not hold or the work failed, 2 for wrong usage. Each has
 * --help; what prints data has --json.
 */
#ifndef SP_CTL_VERBS_H
#define SP_CTL_VERBS_H

#include <stdbool.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* one line for `sallyport --help` */
};

/* True if any argument is --help or -h: for what takes a file's name where
 * getopt does not look, and must not make a file of that name. In main.c. */
bool verb_asks_help(int argc, char **argv);

#define EXIT_HOLDS   0
#define EXIT_FAILS   1
#define EXIT_MISUSED 2

int seal_reveal(int argc, char **argv); /* a subcommand, in order.c */
int verb_accept(int argc, char **argv);
int verb_approve(int argc, char **argv);
int verb_enrol(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_ca(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_close(int argc, char **argv);
int verb_connect(int argc, char **argv);
int verb_drain(int argc, char **argv);
int verb_demo(int argc, char **argv);
int verb_demo_model(int argc, char **argv);
int verb_finding(int argc, char **argv);
int verb_init(int argc, char **argv);
int verb_log(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_release(int argc, char **argv);
int verb_resume(int argc, char **argv);
int verb_revoke(int argc, char **argv);
int verb_seal(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_unseal(int argc, char **argv);
int verb_whoami(int argc, char **argv);
int verb_suspend(int argc, char **argv);
int verb_windows(int argc, char **argv);

#endif
