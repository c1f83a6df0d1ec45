/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport explain: what would happen to this request, at this time, and why.
 * Asks the same code that the gate does, on the deployment's ledger as far as
 * it is published, and changes nothing.
 */
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/overview.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "policy/body.h"
#include "policy/explain.h"
#include "policy/labels.h"

static const char help[] =
    "usage: sallyport explain DIR --as PARTY/PERSON [OPTION]...\n"
    "\n"
    "Says step by step what would happen to a request, and why. DIR is a\n"
    "deployment, a sallyport.yaml or a policy alone. What is open, spent and\n"
    "accepted comes from the deployment's ledger if there is one.\n"
    "\n"
    "  --as PARTY/PERSON      who asks\n"
    "  --path PATH            the target; default /v1/chat/completions\n"
    "  --method METHOD        default POST with a body, else GET\n"
    "  --body FILE            the JSON body; - is standard input\n"
    "  --header 'NAME: VALUE' x-sallyport-purpose, x-sallyport-case,\n"
    "                         anthropic-version, anthropic-beta; may be "
    "repeated\n"
    "  --address IP           where from; default 127.0.0.1\n"
    "  --at TIME              when, such as 2026-11-20T08:00:00Z; default now\n"
    "  --fresh                as if the ledger were empty\n"
    "  --show-body            print the body that would travel\n"
    "  --json                 print JSON\n"
    "  --help                 print this text\n"
    "\n"
    "Exit status: 0 it would be allowed, 1 it would not, 2 usage.\n";

struct request {
    const char *as, *path, *method, *body_path, *address;
    const char *headers[16];
    size_t nheaders;
    int64_t at;
    bool fresh, show_body, json;
    char *body;
    size_t body_length;
    struct json parsed;
    char pointer[128];
};

SP_PRINTF(1, 2)
static int complain(const char *format, ...)
{
    va_list list;

    fputs("sallyport explain: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return SP_EINVAL;
}

static int body_load(struct request *r)
{
    FILE *f;
    int c;
    size_t room = 0;

    if (r->body_path == NULL)
        return 0;
    f = strcmp(r->body_path, "-") == 0 ? stdin : fopen(r->body_path, "r");
    if (f == NULL)
        return complain("%s: cannot be read", r->body_path);
    while ((c = getc(f)) != EOF) {
        if (r->body_length == LIMIT_BODY_BYTES)
            break;
        if (r->body_length == room) {
            char *more = realloc(r->body, room = room == 0 ? 4096 : room * 2);

            if (more == NULL)
                break;
            r->body = more;
        }
        r->body[r->body_length++] = (char)c;
    }
    if (f != stdin)
        fclose(f);
    return c == EOF ? 0
                    : complain("%s: larger than any body may be", r->body_path);
}

static int who_find(const struct policy *p, const char *as, struct facts *f)
{
    char party[LIMIT_NAME_BYTES + 1];
    const char *slash = strchr(as, '/');
    int found, person;

    if (slash == NULL || (size_t)(slash - as) > LIMIT_NAME_BYTES)
        return complain("--as %s: expected PARTY/PERSON", as);
    snprintf(party, sizeof party, "%.*s", (int)(slash - as), as);
    found = policy_find_party(p, party);
    if (found < 0)
        return complain("--as %s: no party \"%s\" in the policy", as, party);
    person = policy_find_person(p, (uint32_t)found, slash + 1);
    if (person < 0)
        return complain("--as %s: \"%s\" has no person \"%s\"", as, party,
                        slash + 1);
    f->party = (uint32_t)found;
    f->person = (uint32_t)person;
    return 0;
}

/* "Name: value" as a client would write it. */
static int header_take(struct facts *f, const char *header)
{
    const char *colon = strchr(header, ':');
    char name[64];
    size_t n = colon == NULL ? 0 : (size_t)(colon - header), length;
    int r;

    if (n == 0 || n >= sizeof name)
        return complain("--header %s: expected NAME: VALUE", header);
    for (size_t i = 0; i < n; i++)
        name[i] = (char)tolower((unsigned char)header[i]);
    name[n] = 0;
    colon += 1 + strspn(colon + 1, " \t");
    length = strlen(colon);
    while (length > 0 &&
           (colon[length - 1] == ' ' || colon[length - 1] == '\t'))
        length--;
    r = labels_take(f, name, colon, length);
    if (r == SP_EINVAL)
        f->fault = REASON_BAD_REQUEST;
    return 0; /* decisions do not depend on any other */
}

static enum method method_of(const char *name)
{
    if (strcmp(name, "GET") == 0)
        return METHOD_GET;
    if (strcmp(name, "HEAD") == 0)
        return METHOD_HEAD;
    return strcmp(name, "POST") == 0 ? METHOD_POST : METHOD_OTHER;
}

static void target_take(struct request *r, struct facts *f)
{
    static const enum reason faults[] = {
        [TARGET_FINE] = REASON_NONE,
        [TARGET_UNKNOWN] = REASON_ROUTE_UNKNOWN,
        [TARGET_METHOD] = REASON_METHOD_NOT_ALLOWED,
        [TARGET_MALFORMED] = REASON_BAD_REQUEST};
    struct target target;
    enum target_fault fault;

    f->method = method_of(r->method);
    fault = target_match(f->method, r->path, strlen(r->path), &target);
    f->route = target.route;
    f->dialect = target.dialect;
    if (f->fault == REASON_NONE)
        f->fault = faults[fault];
    if (f->route == ROUTE_MODEL)
        snprintf(f->model, sizeof f->model, "%s", target.id);
}

static int facts_make(struct request *r, const struct policy *p,
                      struct facts *f)
{
    int error;

    *f = (struct facts){
        .cert_not_after = INT64_MAX, .max_tokens = -1, .outputs = 1};
    if ((error = who_find(p, r->as, f)) != 0)
        return error;
    if (strlen(r->address) >= sizeof f->address)
        return complain("--address %s: expected an address", r->address);
    strcpy(f->address, r->address);
    for (size_t i = 0; i < r->nheaders; i++)
        if ((error = header_take(f, r->headers[i])) != 0)
            return error;
    target_take(r, f);
    if (f->fault == REASON_NONE && f->method == METHOD_POST &&
        !route_info(f->route)->local)
        body_read(&r->parsed, f->route, r->body == NULL ? "" : r->body,
                  r->body_length, f);
    return 0;
}

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

/* What time makes due until then, as the gate would have it. */
static int standing_advance(struct overview *d, int64_t now)
{
    struct entry e;
    int r = 0;

    while (r == 0 && standing_due(d->standing, now, true, &e)) {
        e.n = standing_count(d->standing);
        e.t = now;
        r = standing_apply(d->standing, &e);
    }
    return r;
}

static int standing_make(struct request *r, struct overview *d)
{
    int error = r->fresh ? 0 : overview_replay(d);

    if (error == 0 && d->standing == NULL)
        error = standing_fresh(d);
    if (error == 0 && r->at < standing_newest(d->standing))
        return complain("--at is before the newest entry of the ledger: "
                        "expected a later time, or --fresh");
    return error != 0 ? error : standing_advance(d, r->at);
}

/* ---- telling ---- */

static int status_of(const struct verdict *v)
{
    return v->reason == REASON_NONE ? 200 : reason_info(v->reason)->status;
}

static void steps_print(const struct explanation *e)
{
    for (size_t i = 0; i < e->count; i++)
        printf("%-12s %-8s %s\n", decide_step_text(e->steps[i].step),
               e->steps[i].reason == REASON_NONE ? "ok" : "refused",
               e->steps[i].words);
}

static void verdict_print(const struct request *r, const struct explanation *e)
{
    const struct verdict *v = &e->verdict;
    char utc[CLOCK_UTC_SIZE];

    if (v->reason != REASON_NONE) {
        printf("\nrefused: %d %s%s%s%s\n  %s\n", status_of(v),
               reason_info(v->reason)->code, r->pointer[0] != 0 ? " (" : "",
               r->pointer, r->pointer[0] != 0 ? ")" : "",
               reason_info(v->reason)->text);
        if (v->retry_after > 0)
            printf("  again in %d s\n", v->retry_after);
        return;
    }
    printf("\nallowed");
    if (v->deadline != INT64_MAX) {
        clock_format_utc(v->deadline, utc);
        printf(", until %.19sZ at the latest (then %s)", utc,
               reason_info(v->deadline_reason)->code);
    }
    putchar('\n');
    if (v->reserve.units[UNIT_TOKENS] > 0)
        printf("  %" PRIu64 " tokens are reserved until it ends\n",
               v->reserve.units[UNIT_TOKENS]);
}

static void body_print(struct request *r, const struct explanation *e)
{
    const struct verdict *v = &e->verdict;
    const struct facts *f = e->facts;
    struct body_change change = {.count = f->stream &&
                                          (f->route == ROUTE_CHAT_COMPLETIONS ||
                                           f->route == ROUTE_COMPLETIONS)};
    struct buf out;

    if (v->reason != REASON_NONE || v->terms >= e->policy->nterms ||
        v->model >= e->policy->nmodels)
        return;
    change.model = e->policy->models[v->model].upstream_name;
    change.terms = &e->policy->terms[v->terms];
    buf_init(&out, 2 * LIMIT_BODY_BYTES);
    if (body_rebuild(&r->parsed, f, &change, &out) == 0)
        printf("%.*s\n", (int)out.length, (const char *)buf_bytes(&out));
    buf_release(&out);
}

static void json_text_print(const char *name, const char *text)
{
    char quoted[4096];
    size_t length = 0;

    if (json_quote(quoted, sizeof quoted, &length, text, strlen(text)) == 0)
        printf("\"%s\":%.*s", name, (int)length, quoted);
}

static void json_print(const struct request *r, const struct explanation *e)
{
    const struct verdict *v = &e->verdict;

    printf("{\"allowed\":%s,\"status\":%d,",
           v->reason == REASON_NONE ? "true" : "false", status_of(v));
    json_text_print("code", v->reason == REASON_NONE
                                ? "none"
                                : reason_info(v->reason)->code);
    printf(",");
    json_text_print("param", r->pointer);
    printf(",\"steps\":[");
    for (size_t i = 0; i < e->count; i++) {
        printf("%s{", i == 0 ? "" : ",");
        json_text_print("step", decide_step_text(e->steps[i].step));
        printf(",\"ok\":%s,",
               e->steps[i].reason == REASON_NONE ? "true" : "false");
        json_text_print("words", e->steps[i].words);
        printf("}");
    }
    printf("]}\n");
}

static int explain_request(struct request *r, struct overview *d)
{
    struct explanation e;
    struct facts f;

    if (body_load(r) != 0 || facts_make(r, d->policy, &f) != 0 ||
        standing_make(r, d) != 0)
        return EXIT_MISUSED;
    explain(&e, d->policy, d->standing, &f, r->at);
    if (e.verdict.field != FIELD_NONE ||
        e.verdict.reason == REASON_INVALID_FIELD)
        body_locate(&r->parsed, f.route, e.verdict.field, r->pointer,
                    sizeof r->pointer);
    if (r->json) {
        json_print(r, &e);
    } else {
        steps_print(&e);
        verdict_print(r, &e);
    }
    if (r->show_body)
        body_print(r, &e);
    return e.verdict.reason == REASON_NONE ? EXIT_HOLDS : EXIT_FAILS;
}

static bool option_take(struct request *r, int option)
{
    switch (option) {
    case 'a':
        r->as = optarg;
        return true;
    case 'p':
        r->path = optarg;
        return true;
    case 'm':
        r->method = optarg;
        return true;
    case 'b':
        r->body_path = optarg;
        return true;
    case 'd':
        r->address = optarg;
        return true;
    case 'H':
        if (r->nheaders == sizeof r->headers / sizeof r->headers[0])
            return false;
        r->headers[r->nheaders++] = optarg;
        return true;
    case 't':
        if (clock_parse_utc(optarg, strlen(optarg), &r->at) == 0)
            return true;
        complain("--at %s: expected a time such as 2026-11-20T08:00:00Z",
                 optarg);
        return false;
    case 'f':
        return r->fresh = true;
    case 's':
        return r->show_body = true;
    case 'j':
        return r->json = true;
    default:
        return false;
    }
}

int verb_explain(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"as", required_argument, NULL, 'a'},
        {"path", required_argument, NULL, 'p'},
        {"method", required_argument, NULL, 'm'},
        {"body", required_argument, NULL, 'b'},
        {"header", required_argument, NULL, 'H'},
        {"address", required_argument, NULL, 'd'},
        {"at", required_argument, NULL, 't'},
        {"fresh", no_argument, NULL, 'f'},
        {"show-body", no_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct request r = {.address = "127.0.0.1", .at = clock_wall_ms()};
    struct overview d = {0};
    int option, status = EXIT_MISUSED;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_HOLDS;
        }
        if (!option_take(&r, option)) {
            fputs(help, stderr);
            return EXIT_MISUSED;
        }
    }
    if (optind + 1 != argc || r.as == NULL) {
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    if (r.path == NULL)
        r.path = "/v1/chat/completions";
    if (r.method == NULL)
        r.method = r.body_path != NULL ? "POST" : "GET";
    if (overview_load(argv[optind], &d) == 0)
        status = explain_request(&r, &d);
    overview_release(&d);
    json_release(&r.parsed);
    free(r.body);
    return status;
}
