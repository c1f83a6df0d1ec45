/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyportd's command line. Runs in every process of the daemon: the
 * supervisor starts this program again with `--role NAME` for each role.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/roles.h"
#include "gateway/supervisor.h"
#include "gateway/upgrade_state.h"

static const char usage_text[] =
    "usage: sallyportd -c FILE [-n]\n"
    "       sallyportd --help | --version\n"
    "\n"
    "  -c FILE        the configuration, DIR/sallyport.yaml\n"
    "  -n             check everything, start nothing\n"
    "  -h, --help     this text\n"
    "  -V, --version  which version it is\n"
    "\n"
    "Runs in the foreground and logs to standard error. SIGTERM drains and\n"
    "stops; a second one stops at once. `sallyport init DIR` makes a\n"
    "configuration.\n"
    "\n"
    "Exit status: 0 stopped as asked, or with -n all is right; 1 it failed, "
    "or\n"
    "could not start; 2 wrong usage.\n";

static int usage_error(const char *what)
{
    fprintf(stderr, "sallyportd: %s\n%s", what, usage_text);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    const char *config = NULL;
    bool check = false;
    int c, messages = UPGRADE_MESSAGES;

    if (argc == 3 && strcmp(argv[1], "--role") == 0)
        return role_run(argv[2]);
    while ((c = getopt_long(argc, argv, "c:m:nhV", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            config = optarg;
            break;
        case 'm': /* from a daemon that is about to become this program */
            messages = atoi(optarg);
            break;
        case 'n':
            check = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 0;
        case 'V':
            puts("sallyportd " SP_VERSION);
            return 0;
        default:
            fputs(usage_text, stderr);
            return 2;
        }
    }
    if (optind != argc)
        return usage_error("too many arguments");
    if (config == NULL)
        return usage_error("-c FILE is missing");
    if (messages != UPGRADE_MESSAGES) {
        fprintf(stderr, "sallyportd: version " SP_VERSION
                        " speaks other messages than the daemon that runs\n");
        return 1;
    }
    return check ? supervisor_check(config) : supervisor_run(config);
}
