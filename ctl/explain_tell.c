/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sallyport explain` prints: the steps, what the client would get, and
 * what an allowed request is under. Runs in the command.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/explain.h"
#include "ctl/log.h"
#include "policy/body.h"
#include "policy/dialect.h"

#define LINE   80
#define INDENT 22 /* where the words of a step begin */
#define TEXTS  4096

/* Words from column `indent` on, broken before column LINE. */
static void words_print(const char *words, unsigned indent)
{
    unsigned column = indent;

    while (*words != 0) {
        size_t n = strcspn(words, " ");

        if (column > indent && column + n > LINE) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        }
        printf("%.*s", (int)n, words);
        column += (unsigned)n + 1;
        words += n;
        words += strspn(words, " ");
        if (*words != 0 && column + strcspn(words, " ") <= LINE)
            putchar(' ');
    }
    putchar('\n');
}

static const char *state_of(const struct explain_step *s)
{
    return !s->taken                  ? "not reached"
           : s->reason == REASON_NONE ? "ok"
                                      : "refused";
}

static void steps_print(const struct explanation *e)
{
    for (size_t i = 0; i < EXPLAIN_STEPS; i++) {
        const struct explain_step *s = &e->steps[i];

        printf("%-12s %-8s%s", decide_step_text(s->step), state_of(s),
               s->taken ? " " : "\n");
        if (s->taken)
            words_print(s->words, INDENT);
    }
}

static void head_print(const struct explain_answer *a)
{
    const struct explanation *e = a->explanation;
    char utc[CLOCK_UTC_SIZE];

    clock_format_utc(e->q.now, utc);
    printf("%s asks %s %s, at %.19sZ\n", a->request->as, a->request->method,
           a->request->path, utc);
    if (!a->has_ledger)
        printf("as in an empty ledger, with policy %u\n\n",
               e->q.policy->serial);
    else
        printf("by the ledger's %" PRIu64 " entries; policy %u is %s\n\n",
               a->overview->entries, e->q.policy->serial,
               a->overview->in_force ? "in force"
                                     : "not in force: as if it were loaded");
}

/* ---- what the client gets ---- */

static int status_of(const struct verdict *v)
{
    return v->reason == REASON_NONE ? 200 : reason_info(v->reason)->status;
}

static void error_body(const struct explanation *e, char body[DIALECT_BYTES])
{
    const struct dialect_error error = {.dialect = e->q.facts->dialect,
                                        .route = e->q.facts->route,
                                        .reason = e->verdict.reason,
                                        .param = e->param,
                                        .request_id = "of-each-request"};
    struct text t;

    text_init(&t, body, DIALECT_BYTES - 1);
    dialect_body(&t, &error);
    body[t.length] = 0;
}

static void refusal_print(const struct explanation *e)
{
    const struct verdict *v = &e->verdict;
    char body[DIALECT_BYTES];

    error_body(e, body);
    printf("\nrefused: %d %s\n", status_of(v), reason_info(v->reason)->code);
    printf("  ");
    words_print(reason_info(v->reason)->text, 2);
    if (e->param[0] != 0)
        printf("  about %s\n", e->param);
    if (v->retry_after > 0)
        printf("  to be tried again in %d s\n", v->retry_after);
    else
        printf("  not to be tried again as it is\n");
    printf("  %s\n", body);
}

static void line_print(const char *name, const char *text)
{
    if (text[0] == 0)
        return;
    printf("  %-10s ", name);
    words_print(text, 13);
}

static void ceiling_print(const struct explanation *e)
{
    const struct verdict *v = &e->verdict;
    const struct facts *f = e->q.facts;
    const struct policy_terms *t;
    int64_t most;

    if (e->terms >= e->q.policy->nterms || route_info(f->route)->local)
        return;
    t = &e->q.policy->terms[e->terms];
    most = t->ceiling[f->route];
    printf("  ceiling    ");
    if (f->max_tokens >= 0)
        printf("%" PRId64 " tokens, as asked", f->max_tokens);
    else if (most >= 0)
        printf("%" PRId64 " tokens, as the terms set", most);
    else
        printf("none asked and none set: the endpoint's own");
    if (v->bytes_left != UINT64_MAX)
        printf("; at most %" PRIu64 " bytes of answer", v->bytes_left);
    putchar('\n');
    if (v->reserve.units[UNIT_TOKENS] > 0)
        printf("  set aside  %" PRIu64 " tokens until it ends\n",
               v->reserve.units[UNIT_TOKENS]);
}

static void allowed_print(const struct explanation *e)
{
    const struct verdict *v = &e->verdict;
    char utc[CLOCK_UTC_SIZE], text[TEXTS];

    printf("\nallowed: %s\n", route_info(e->q.facts->route)->local
                                  ? "the gateway answers it itself"
                                  : "it goes to the model");
    clock_format_utc(v->deadline, utc);
    if (v->deadline != INT64_MAX)
        printf("  until      %.19sZ at the latest, then %s\n", utc,
               reason_info(v->deadline_reason)->code);
    if (e->terms < e->q.policy->nterms)
        printf("  terms      %s\n", e->q.policy->terms[e->terms].name);
    if (!route_info(e->q.facts->route)->local) {
        explain_fields(e, text, sizeof text);
        line_print("fields", text);
    }
    ceiling_print(e);
    explain_left(e, text, sizeof text);
    line_print("budgets", text);
}

/* The body that travels; false if none does. `out` is released by the caller.
 */
static bool body_make(const struct explanation *e, struct buf *out)
{
    const struct verdict *v = &e->verdict;
    const struct facts *f = e->q.facts;
    struct body_change change = {.count = f->stream &&
                                          (f->route == ROUTE_CHAT_COMPLETIONS ||
                                           f->route == ROUTE_COMPLETIONS)};

    if (v->reason != REASON_NONE || v->terms >= e->q.policy->nterms ||
        v->model >= e->q.policy->nmodels || e->q.body == NULL)
        return false;
    change.model = e->q.policy->models[v->model].upstream_name;
    change.terms = &e->q.policy->terms[v->terms];
    return body_rebuild(e->q.body, f, &change, out) == 0;
}

void explain_tell(const struct explain_answer *a)
{
    const struct explanation *e = a->explanation;
    struct buf out;

    head_print(a);
    steps_print(e);
    if (e->verdict.reason != REASON_NONE)
        refusal_print(e);
    else
        allowed_print(e);
    if (!a->show_body)
        return;
    buf_init(&out, 2 * LIMIT_BODY_BYTES);
    if (body_make(e, &out))
        printf("\nwhat travels:\n%.*s\n", (int)out.length,
               (const char *)buf_bytes(&out));
    buf_release(&out);
}

/* ---- JSON ---- */

static void member_text(const char *name, const char *text)
{
    printf(",\"%s\":", name);
    log_print_json_text(text);
}

static void member_time(const char *name, int64_t t)
{
    char utc[CLOCK_UTC_SIZE];

    if (t == INT64_MAX) {
        printf(",\"%s\":null", name);
        return;
    }
    clock_format_utc(t, utc);
    member_text(name, utc);
}

static void steps_json(const struct explanation *e)
{
    printf(",\"steps\":[");
    for (size_t i = 0; i < EXPLAIN_STEPS; i++) {
        const struct explain_step *s = &e->steps[i];

        printf("%s{\"step\":\"%s\",\"state\":\"%s\"", i == 0 ? "" : ",",
               decide_step_text(s->step), state_of(s));
        if (s->taken)
            member_text("words", s->words);
        printf("}");
    }
    printf("]");
}

static void refusal_json(const struct explanation *e)
{
    const struct verdict *v = &e->verdict;
    char body[DIALECT_BYTES];

    error_body(e, body);
    member_text("step", decide_step_text(v->step));
    member_text("message", reason_info(v->reason)->text);
    member_text("param", e->param);
    printf(",\"retry_after\":%d,\"answer\":%s", v->retry_after, body);
}

static void allowed_json(const struct explain_answer *a)
{
    const struct explanation *e = a->explanation;
    const struct verdict *v = &e->verdict;
    char text[TEXTS];
    struct buf out;

    member_time("deadline", v->deadline);
    member_text("then", reason_info(v->deadline_reason)->code);
    if (!route_info(e->q.facts->route)->local) {
        explain_fields(e, text, sizeof text);
        member_text("fields", text);
        printf(",\"reserved_tokens\":%" PRIu64, v->reserve.units[UNIT_TOKENS]);
        if (v->bytes_left != UINT64_MAX)
            printf(",\"answer_bytes\":%" PRIu64, v->bytes_left);
    }
    explain_left(e, text, sizeof text);
    member_text("budgets", text);
    if (!a->show_body)
        return;
    buf_init(&out, 2 * LIMIT_BODY_BYTES);
    if (body_make(e, &out))
        printf(",\"body\":%.*s", (int)out.length,
               (const char *)buf_bytes(&out));
    buf_release(&out);
}

void explain_tell_json(const struct explain_answer *a)
{
    const struct explanation *e = a->explanation;
    const struct policy *p = e->q.policy;
    bool allowed = e->verdict.reason == REASON_NONE;

    printf("{\"allowed\":%s,\"status\":%d", allowed ? "true" : "false",
           status_of(&e->verdict));
    member_text("code", reason_info(e->verdict.reason)->code);
    member_text("as", a->request->as);
    member_time("at", e->q.now);
    printf(",\"policy\":%u,\"in_force\":%s", p->serial,
           a->has_ledger && a->overview->in_force ? "true" : "false");
    if (e->window < p->nwindows)
        member_text("window", p->windows[e->window].id);
    if (e->terms < p->nterms)
        member_text("terms", p->terms[e->terms].name);
    if (allowed)
        allowed_json(a);
    else
        refusal_json(e);
    steps_json(e);
    printf("}\n");
}
