/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport whoami: what a gateway says about who asks it. Runs as an
 * evaluator; the gateway's words are printed without control bytes.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl/remote.h"
#include "ctl/verbs.h"
#include "lib/json.h"
#include "lib/log.h"

static const char usage[] =
    "usage: sallyport whoami [--enrolled DIR | --url URL --cert FILE --key "
    "FILE]\n"
    "                        [--json]\n"
    "\n"
    "Says who you are to the gateway, what is open to you and until when, "
    "what\n"
    "is left, and which documents you have to accept first.\n"
    "\n" REMOTE_USAGE "  --json          the gateway's answer as it is\n";

/* The member as text for people: a text quoted where it must be, anything
 * else as it is written; "-" if it is not there. Good until the next call. */
static const char *member(const struct json *j, uint32_t of, const char *name)
{
    static char text[1024];
    uint32_t m =
        j->nodes[of].type == JSON_OBJECT ? json_member(j, of, name) : 0;
    const struct json_node *n = &j->nodes[m];

    if (m == 0 || n->type == JSON_NULL)
        return "-";
    if (n->type != JSON_STRING) {
        snprintf(text, sizeof(text), "%.*s", (int)(n->end - n->start),
                 j->text + n->start);
        return text;
    }
    if (json_text(j, m, text, sizeof(text)) != 0)
        return "-";
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return text;
}

static bool member_is_true(const struct json *j, uint32_t of, const char *name)
{
    uint32_t m = json_member(j, of, name);

    return m != 0 && j->nodes[m].type == JSON_TRUE;
}

/* The first element of a list, or 0. */
static uint32_t elements(const struct json *j, uint32_t of, const char *name)
{
    uint32_t m =
        j->nodes[of].type == JSON_OBJECT ? json_member(j, of, name) : 0;

    return m != 0 && j->nodes[m].type == JSON_ARRAY ? j->nodes[m].child : 0;
}

static void terms_print(const struct json *j, uint32_t terms)
{
    printf("    terms %s:", member(j, terms, "name"));
    for (uint32_t u = elements(j, terms, "uses"); u != 0; u = j->nodes[u].next)
        printf(" %.*s", (int)(j->nodes[u].end - j->nodes[u].start),
               j->text + j->nodes[u].start);
    printf("\n");
    for (uint32_t b = elements(j, terms, "budgets"); b != 0;
         b = j->nodes[b].next) {
        printf("      %s:", member(j, b, "name"));
        printf(" %s left", member(j, b, "left"));
        printf(" of %s\n", member(j, b, "limit"));
    }
}

static void window_print(const struct json *j, uint32_t window)
{
    bool open = member_is_true(j, window, "open");

    printf("  %s\n", member(j, window, "id"));
    printf("    model %s", member(j, window, "model"));
    printf(", from %s", member(j, window, "opens"));
    printf(" to %s", member(j, window, "closes"));
    printf(open ? ": open, %s s left\n" : ": %s\n",
           member(j, window, open ? "seconds_left" : "reason"));
    if (json_member(j, window, "statement") != 0)
        printf("    summed up in entry %s: GET /sallyport/v1/receipts/ that "
               "number proves it\n",
               member(j, window, "statement"));
    for (uint32_t t = elements(j, window, "terms"); t != 0;
         t = j->nodes[t].next)
        terms_print(j, t);
}

static void document_print(const struct json *j, uint32_t document)
{
    bool accepted = member_is_true(j, document, "accepted");

    printf("  %s", member(j, document, "name"));
    printf(accepted ? ": accepted, entry %s\n"
                    : ": to be accepted (`sallyport accept`), SHA-256 %s\n",
           member(j, document, accepted ? "entry" : "sha256"));
}

static void status_print(const struct json *j)
{
    printf("%s", member(j, 0, "party"));
    printf("/%s", member(j, 0, "person"));
    printf(" (%s of a", member(j, 0, "kind"));
    printf(" %s party)", member(j, 0, "party_kind"));
    printf(" at %s\n", member(j, 0, "gateway"));
    printf("  time %s", member(j, 0, "time"));
    printf(", policy %s", member(j, 0, "policy"));
    printf(", certificate until %s\n", member(j, 0, "certificate_ends"));
    for (uint32_t w = elements(j, 0, "windows"); w != 0; w = j->nodes[w].next)
        window_print(j, w);
    for (uint32_t d = elements(j, 0, "documents"); d != 0; d = j->nodes[d].next)
        document_print(j, d);
}

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
    if (json_parse(&j, (const char *)buf_bytes(&a.body), a.body.length, 16,
                   1u << 18) != 0 ||
        j.nodes[0].type != JSON_OBJECT) {
        fprintf(stderr, "sallyport whoami: not the answer of a gateway\n");
        status = EXIT_FAILS;
    } else if (json) {
        printf("%.*s", (int)a.body.length, (const char *)buf_bytes(&a.body));
    } else {
        status_print(&j);
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
