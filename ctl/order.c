/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport suspend, resume, revoke, close, seal reveal: an operator's orders,
 * and release, a releaser's; sent over the control socket to the running daemon
 * (docs/operators.md). Runs as whoever gives them; the daemon asks the kernel
 * who that is. Its answer comes when the entry is on disk, and is checked
 * before it is printed.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/control_socket.h"
#include "ctl/verbs.h"
#include "gateway/control_messages.h"
#include "lib/file.h"
#include "policy/resume.h"

#define EXITS                                                                  \
    "\nExit status: 0: done, and on disk in the ledger; 1: it was not; 2: "    \
    "wrong usage.\n"
#define COMMON                                                                 \
    "  --reason TEXT  at most 200 printable characters, kept in the ledger\n"  \
    "  --json         prints {\"verb\",\"target\",\"entry\",\"cut\"}\n"

struct family {
    enum order_verb verb;
    const char *done; /* "suspended" */
    const char *help;
};

static const struct family suspend = {
    ORDER_SUSPEND, "suspended",
    "usage: sallyport suspend DIR PARTY[/PERSON] [--reason TEXT] [--json]\n"
    "\n"
    "Refuses everything that the party, or one person of it, asks from now\n"
    "on, and cuts what is being answered. It holds through new policies and\n"
    "restarts, until `sallyport resume`.\n"
    "\n" COMMON EXITS};

static const struct family resume = {
    ORDER_RESUME, "resumed",
    "usage: sallyport resume DIR PARTY[/PERSON] --statement\n"
    "       sallyport resume DIR PARTY[/PERSON] --approval FILE\n"
    "                 [--reason TEXT] [--json]\n"
    "\n"
    "Ends a suspension. That takes two: you, and an approver who signs what\n"
    "--statement prints:\n"
    "\n"
    "  sallyport resume DIR PARTY --statement > statement\n"
    "  minisign -S -s APPROVER.key -m statement     (the approver)\n"
    "  sallyport resume DIR PARTY --approval statement.minisig\n"
    "\n"
    "  --statement      prints the text, which is good for this suspension\n"
    "                   alone, and changes nothing\n"
    "  --approval FILE  the signature\n" COMMON EXITS};

static const struct family revoke_access = {
    ORDER_REVOKE, "revoked",
    "usage: sallyport revoke DIR PARTY[/PERSON] [--reason TEXT] [--json]\n"
    "\n"
    "Ends all access of the party, or of one person of it, for good: nothing\n"
    "brings the name back in this ledger's life, neither `resume` nor a later\n"
    "policy that still has it.\n"
    "\n" COMMON EXITS};

static const struct family close_window = {
    ORDER_CLOSE, "closed",
    "usage: sallyport close DIR WINDOW [--reason TEXT] [--json]\n"
    "       sallyport close DIR PARTY MODEL [--reason TEXT] [--json]\n"
    "\n"
    "Ends a window that is open (`sallyport windows DIR` lists them by name)\n"
    "and cuts what is being answered in it. It never opens again.\n"
    "\n" COMMON EXITS};

static const struct family release = {
    ORDER_RELEASE, "released",
    "usage: sallyport release DIR MODEL [--reason TEXT] [--json]\n"
    "\n"
    "The model is out: ends all of its windows, for every party, at once and\n"
    "for good, whatever a later policy says.\n"
    "\n" COMMON EXITS};

static const struct family reveal = {
    ORDER_REVEAL, "revealed",
    "usage: sallyport seal reveal DIR N --reason TEXT [--json]\n"
    "\n"
    "Records that the transcript of request N is about to be opened with the\n"
    "keys of `escrow`. Its two holders open it then with `seal share` and\n"
    "`unseal`, which demand this entry.\n"
    "\n" COMMON EXITS};

struct request {
    const struct family *family;
    const char *dir;
    const char *approval; /* a file's name, or NULL */
    bool statement, json;
    struct order order;
};

static int misuse(const struct request *r, const char *what)
{
    fprintf(stderr, "sallyport %s: %s\n\n%s", order_verb_text(r->family->verb),
            what, r->family->help);
    return EXIT_MISUSED;
}

static int approval_take(struct request *r)
{
    uint8_t *data = NULL;
    size_t length;
    int e = file_read(AT_FDCWD, r->approval, ORDER_APPROVAL_SIZE - 1, &data,
                      &length);

    if (e == 0 && (length == 0 || memchr(data, 0, length) != NULL))
        e = SP_EINVAL;
    if (e == 0)
        memcpy(r->order.approval, data, length);
    else
        fprintf(stderr, "sallyport resume: %s: %s\n", r->approval,
                sp_strerror(e));
    free(data);
    return e;
}

static void print_statement(const struct request *r,
                            const struct order_answer *a)
{
    char text[RESUME_STATEMENT_SIZE], party[ORDER_TARGET_SIZE];
    char *slash;

    snprintf(party, sizeof(party), "%s", r->order.target);
    slash = strchr(party, '/');
    if (slash != NULL)
        *slash = '\0';
    resume_statement(text, a->text, party, slash == NULL ? NULL : slash + 1,
                     a->n);
    fputs(text, stdout);
}

/* The target was one of plain names: nothing to escape. */
static void print_done(const struct request *r, const struct order_answer *a)
{
    if (r->json)
        printf("{\"verb\":\"%s\",\"target\":\"%s\",\"entry\":%" PRIu64
               ",\"cut\":%" PRIu32 "}\n",
               order_verb_text(r->order.verb), r->order.target, a->n, a->cut);
    else
        printf("%s %s: entry %" PRIu64 ", %" PRIu32 " request%s cut\n",
               r->family->done, r->order.target, a->n, a->cut,
               a->cut == 1 ? "" : "s");
}

static int give(struct request *r)
{
    const char *verb = order_verb_text(r->family->verb);
    struct order_answer a;

    if (r->approval != NULL && approval_take(r) != 0)
        return EXIT_FAILS;
    if (control_give(verb, r->dir, &r->order, &a) != 0)
        return EXIT_FAILS;
    if (a.error != 0) {
        fprintf(stderr, "sallyport %s: %s: %s\n", verb, r->order.target,
                a.text[0] != '\0' ? a.text : sp_strerror(a.error));
        return EXIT_FAILS;
    }
    if (r->statement)
        print_statement(r, &a);
    else
        print_done(r, &a);
    return EXIT_HOLDS;
}

/* DIR TARGET, or for `close` also DIR PARTY MODEL. */
static int arguments_take(struct request *r, int argc, char **argv)
{
    char pair[2 * ORDER_TARGET_SIZE];
    const char *problem;

    if (argc == 3 && r->family->verb == ORDER_CLOSE) {
        if (snprintf(pair, sizeof(pair), "%s/%s", argv[1], argv[2]) >=
            ORDER_TARGET_SIZE)
            return misuse(r, "too long");
    } else if (argc == 2) {
        snprintf(pair, sizeof(pair), "%.*s", (int)sizeof(pair) - 1, argv[1]);
    } else {
        return misuse(r, "wrong number of arguments");
    }
    r->dir = argv[0];
    problem =
        control_text_take(r->order.target, sizeof(r->order.target), pair, 0x21);
    if (problem != NULL || pair[0] == '\0' || strpbrk(pair, "\"\\") != NULL)
        return misuse(r, problem != NULL ? problem : "that is no name");
    if (r->family->verb == ORDER_RESUME &&
        r->statement == (r->approval != NULL))
        return misuse(r, "expected either --statement or --approval FILE");
    if (r->statement && r->order.reason[0] != '\0')
        return misuse(r, "--statement changes nothing: no --reason");
    r->order.verb = r->statement ? ORDER_STATEMENT : r->family->verb;
    return give(r);
}

static int order_main(const struct family *family, int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, 'j'},
        {"reason", required_argument, NULL, 'r'},
        {"statement", no_argument, NULL, 's'},
        {"approval", required_argument, NULL, 'a'},
        {0}};
    struct request r = {.family = family};
    const char *problem;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(family->help, stdout);
            return EXIT_HOLDS;
        } else if (c == 'j') {
            r.json = true;
        } else if (c == 'r') {
            problem = control_text_take(r.order.reason, sizeof(r.order.reason),
                                        optarg, 0x20);
            if (problem != NULL)
                return misuse(&r, problem);
        } else if (c == 's' && family->verb == ORDER_RESUME) {
            r.statement = true;
        } else if (c == 'a' && family->verb == ORDER_RESUME) {
            r.approval = optarg;
        } else {
            return misuse(&r, "that is not an option of it");
        }
    }
    return arguments_take(&r, argc - optind, argv + optind);
}

int verb_suspend(int argc, char **argv)
{
    return order_main(&suspend, argc, argv);
}

int verb_resume(int argc, char **argv)
{
    return order_main(&resume, argc, argv);
}

int verb_revoke(int argc, char **argv)
{
    return order_main(&revoke_access, argc, argv);
}

int verb_close(int argc, char **argv)
{
    return order_main(&close_window, argc, argv);
}

int verb_release(int argc, char **argv)
{
    return order_main(&release, argc, argv);
}

int seal_reveal(int argc, char **argv)
{
    return order_main(&reveal, argc, argv);
}
