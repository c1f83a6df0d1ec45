/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport whoami: what a gateway says about who asks it. Runs as an
 * evaluator; the gateway's words are printed without control bytes.
 */
#include <getopt.h>
#include <stdio.h>

#include "ctl/person_status.h"
#include "ctl/remote.h"
#include "ctl/verbs.h"

static const char usage[] =
    "usage: sallyport whoami [--enrolled DIR | --url URL --cert FILE --key "
    "FILE]\n"
    "                        [--json]\n"
    "\n"
    "Says who you are to the gateway, what is open to you and until when, "
    "what\n"
    "is left, and which documents you have to accept first.\n"
    "\n" REMOTE_USAGE "  --json          the gateway's answer as it is\n"
    "\n"
    "Exit status: 0 the gateway answered, 1 it did not or refused, 2 wrong "
    "usage.\n";

static int status_show(struct remote *r, bool json)
{
    struct client_answer a = {0};
    struct json j = {0};
    int status = remote_open(r);

    if (status != EXIT_HOLDS)
        goto out;
    status = remote_ask(r, "GET", "/sallyport/v1/status", NULL, 200, &a);
    if (status != EXIT_HOLDS)
        goto out;
    /* Strict JSON: no control byte can be in it. */
    if (person_status_parse(&j, (const char *)buf_bytes(&a.body),
                            a.body.length) != 0) {
        fprintf(stderr, "sallyport whoami: not the answer of a gateway\n");
        status = EXIT_FAILS;
    } else if (json) {
        printf("%.*s", (int)a.body.length, (const char *)buf_bytes(&a.body));
    } else {
        person_status_print(stdout, &j, r->said);
    }
out:
    json_release(&j);
    client_answer_release(&a);
    remote_release(r);
    return status;
}

int verb_whoami(int argc, char **argv)
{
    static const struct option options[] = {REMOTE_OPTIONS,
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct remote r = {.verb = "whoami"};
    bool json = false, good = true;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        if (c == 'j')
            json = true;
        else
            good = good && remote_option(&r, c, optarg);
    }
    if (!good || !remote_is_complete(&r) || argc != optind) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    return status_show(&r, json);
}
