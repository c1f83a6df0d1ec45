/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport explain: what would happen to this request, at this time, and why.
 * Asks the same code that the gate does, on the deployment's ledger as far as
 * it is published, and changes nothing.
 */
#include "ctl/explain.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/verbs.h"
#include "policy/route.h"

static const char help[] =
    "usage: sallyport explain DIR --as PARTY/PERSON [OPTION]...\n"
    "\n"
    "Says step by step what would happen to a request, and why, by the code "
    "that\n"
    "the gate decides with. DIR is a deployment, a sallyport.yaml or a "
    "policy.\n"
    "What is open, spent, accepted and suspended comes from the deployment's\n"
    "ledger, if there is one; the daemon may be running, and nothing is "
    "changed.\n"
    "\n"
    "  --as PARTY/PERSON      who asks, with a certificate that is valid\n"
    "  --route USE            what for, as in a policy's uses; default\n"
    "                         chat.completions\n"
    "  --method METHOD --path TARGET\n"
    "                         the same in HTTP's words\n"
    "  --body FILE            the JSON body; - is standard input\n"
    "  --header 'NAME: VALUE'\n"
    "                         x-sallyport-purpose, x-sallyport-case,\n"
    "                         anthropic-version or anthropic-beta; may be "
    "repeated\n"
    "  --revocation STATUS    what is found out about the certificate: good,\n"
    "                         revoked or unknown; default good\n"
    "  --certificate SHA256   which certificate it is, if the ledger may have\n"
    "                         seen it revoked\n"
    "  --address IP           where from; default 127.0.0.1\n"
    "  --at TIME              when, such as 2026-11-20T08:00:00Z; default now\n"
    "  --ledger               fail if there is no ledger\n"
    "  --fresh                as in an empty ledger, with the windows opened "
    "as\n"
    "                         they are due\n"
    "  --show-body            print the body that would travel, too\n"
    "  --json                 print JSON\n"
    "  --help                 print this text\n"
    "\n"
    "Exit status: 0 it would be allowed, 1 it would be refused, 2 it cannot "
    "be\n"
    "told: wrong usage, or files that are not right.\n";

struct options {
    struct explain_request request;
    const char *route, *body;
    int64_t at; /* -1: now */
    bool ledger, fresh, show_body, json;
};

int explain_complain(const char *format, ...)
{
    va_list list;

    fputs("sallyport explain: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return SP_EINVAL;
}

/* ---- the request ---- */

static int body_read_all(FILE *f, const char *name, struct explain_request *r)
{
    size_t room = 0, n;

    do {
        if (r->body_length == room) {
            char *more = realloc(r->body, room = room == 0 ? 65536 : room * 2);

            if (more == NULL)
                return explain_complain("%s: out of memory", name);
            r->body = more;
        }
        n = fread(r->body + r->body_length, 1, room - r->body_length, f);
        r->body_length += n;
    } while (n > 0 && r->body_length <= LIMIT_BODY_BYTES);
    if (ferror(f))
        return explain_complain("%s: %s", name, strerror(errno));
    return r->body_length <= LIMIT_BODY_BYTES
               ? 0
               : explain_complain("%s: larger than any body may be", name);
}

static int body_load(struct options *o)
{
    FILE *f;
    int r;

    if (o->body == NULL)
        return 0;
    if (strcmp(o->body, "-") == 0)
        return body_read_all(stdin, "standard input", &o->request);
    if ((f = fopen(o->body, "r")) == NULL)
        return explain_complain("%s: %s", o->body, strerror(errno));
    r = body_read_all(f, o->body, &o->request);
    fclose(f);
    return r;
}

/* A use of a policy, or HTTP's words; both at once could contradict. */
static int target_choose(struct options *o)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "GET"};
    struct explain_request *r = &o->request;
    const struct route_info *info;
    enum route route;

    if (o->route != NULL && (r->path != NULL || r->method != NULL))
        return explain_complain("--route says method and path already");
    if (r->path != NULL) {
        if (r->method == NULL)
            r->method = o->body != NULL ? "POST" : "GET";
        return 0;
    }
    if (r->method != NULL)
        return explain_complain("--method: expected a --path, too");
    if (o->route == NULL)
        o->route = "chat.completions";
    route = route_from_name(o->route, strlen(o->route));
    info = route_info(route);
    if (route == ROUTE_UNKNOWN || info->path[strlen(info->path) - 1] == '/')
        return explain_complain("--route %s: expected a use such as "
                                "chat.completions, messages or models",
                                o->route);
    r->path = info->path;
    r->method = methods[info->method];
    return 0;
}

/* ---- the standing ---- */

/* An empty ledger in which this policy was just loaded. */
static int standing_fresh(struct overview *d)
{
    struct entry opened = {.kind = ENTRY_LOG_OPENED,
                           .u.log_opened = {"explain", "", ""}};
    struct entry loaded = {.n = 1,
                           .kind = ENTRY_POLICY_LOADED,
                           .u.policy_loaded = {.serial = d->policy->serial}};
    int r;

    standing_free(d->standing);
    if ((d->standing = standing_new()) == NULL)
        return SP_ENOMEM;
    memcpy(loaded.u.policy_loaded.sha256, d->policy->sha256, 32);
    if ((r = standing_apply(d->standing, &opened)) != 0 ||
        (r = standing_apply(d->standing, &loaded)) != 0)
        return r;
    return standing_bind(d->standing, d->policy);
}

/* What time makes due until then, when it is due, as the gate would have it. */
static int standing_advance(struct overview *d, int64_t now)
{
    int r = 0;

    while (r == 0 && standing_next_due(d->standing) <= now) {
        int64_t t = standing_next_due(d->standing);
        struct entry e;

        if (t < standing_newest(d->standing))
            t = standing_newest(d->standing);
        if (!standing_due(d->standing, t, true, &e))
            break;
        e.n = standing_count(d->standing);
        e.t = t;
        r = standing_apply(d->standing, &e);
    }
    return r;
}

/* The gate's clock never falls behind its ledger (P4); a time that somebody
 * names must not be one that the ledger has gone past. */
static int time_choose(struct options *o, const struct overview *d)
{
    int64_t newest = standing_newest(d->standing);

    if (o->at < 0) {
        o->at = clock_wall_ms();
        o->at = o->at < newest ? newest : o->at;
    }
    return o->at >= newest
               ? 0
               : explain_complain("--at is before the newest entry of the "
                                  "ledger: expected a later time, or --fresh");
}

static int standing_make(struct options *o, struct overview *d,
                         bool *has_ledger)
{
    int r = o->fresh ? 0 : overview_replay(d);

    if (r != 0)
        return r;
    *has_ledger = d->standing != NULL;
    if (o->ledger && !*has_ledger)
        return explain_complain("there is no ledger");
    if (d->standing == NULL && (r = standing_fresh(d)) != 0)
        return explain_complain("%s", sp_strerror(r));
    if ((r = time_choose(o, d)) != 0)
        return r;
    if ((r = standing_advance(d, o->at)) != 0)
        return explain_complain("%s", standing_error(d->standing));
    return 0;
}

/* ---- the verb ---- */

static int explain_request(struct options *o, struct overview *d)
{
    struct explain_answer a = {
        .overview = d, .request = &o->request, .show_body = o->show_body};
    struct explanation *e = calloc(1, sizeof *e);
    struct json body = {0};
    struct facts f;
    int status = EXIT_MISUSED;

    if (e != NULL && explain_facts(&o->request, d->policy, &body, &f) == 0 &&
        standing_make(o, d, &a.has_ledger) == 0) {
        explain(e, &(struct explain_question){.policy = d->policy,
                                              .standing = d->standing,
                                              .facts = &f,
                                              .body = &body,
                                              .now = o->at,
                                              .clock = CLOCK_GOOD});
        a.explanation = e;
        (o->json ? explain_tell_json : explain_tell)(&a);
        status = e->verdict.reason == REASON_NONE ? EXIT_HOLDS : EXIT_FAILS;
    }
    json_release(&body);
    free(e);
    return status;
}

static bool time_take(struct options *o)
{
    if (clock_parse_utc(optarg, strlen(optarg), &o->at) == 0)
        return true;
    explain_complain("--at %s: expected a time such as 2026-11-20T08:00:00Z",
                     optarg);
    return false;
}

static bool header_keep(struct explain_request *r)
{
    if (r->nheaders == EXPLAIN_HEADERS)
        return false;
    r->headers[r->nheaders++] = optarg;
    return true;
}

static bool option_take(struct options *o, int option)
{
    const struct {
        int option;
        const char **text;
    } texts[] = {{'a', &o->request.as},
                 {'p', &o->request.path},
                 {'m', &o->request.method},
                 {'d', &o->request.address},
                 {'b', &o->body},
                 {'r', &o->route},
                 {'v', &o->request.revocation},
                 {'c', &o->request.certificate}};
    const struct {
        int option;
        bool *flag;
    } flags[] = {{'l', &o->ledger},
                 {'f', &o->fresh},
                 {'s', &o->show_body},
                 {'j', &o->json}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].option == option) {
            *texts[i].text = optarg;
            return true;
        }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].option == option)
            return *flags[i].flag = true;
    return option == 't'   ? time_take(o)
           : option == 'H' ? header_keep(&o->request)
                           : false;
}

static int run(struct options *o, const char *dir)
{
    struct overview d = {0};
    int status = EXIT_MISUSED;

    if (target_choose(o) == 0 && body_load(o) == 0 &&
        overview_load(dir, &d) == 0)
        status = explain_request(o, &d);
    overview_release(&d);
    free(o->request.body);
    return status;
}

int verb_explain(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"as", required_argument, NULL, 'a'},
        {"route", required_argument, NULL, 'r'},
        {"path", required_argument, NULL, 'p'},
        {"method", required_argument, NULL, 'm'},
        {"body", required_argument, NULL, 'b'},
        {"header", required_argument, NULL, 'H'},
        {"address", required_argument, NULL, 'd'},
        {"revocation", required_argument, NULL, 'v'},
        {"certificate", required_argument, NULL, 'c'},
        {"at", required_argument, NULL, 't'},
        {"ledger", no_argument, NULL, 'l'},
        {"fresh", no_argument, NULL, 'f'},
        {"show-body", no_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct options o = {.request.address = "127.0.0.1", .at = -1};
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_HOLDS;
        }
        if (!option_take(&o, option)) {
            fputs(help, stderr);
            return EXIT_MISUSED;
        }
    }
    if (optind + 1 != argc || o.request.as == NULL || (o.ledger && o.fresh)) {
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    return run(&o, argv[optind]);
}
