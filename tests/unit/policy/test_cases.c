/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/rules/cases through policy_decide(): each line's request gets the
 * reason it names, about the member it names, and the body that travels. A
 * third of them goes through the live daemon, too (tests/system/test_cases).
 * Each decision is made again from its encoded entry (P6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/policy/rules.h"

/* As gateway/own.c does: the last segment is a document's name, no model's. */
static void document_read(const struct table *t, struct facts *f)
{
    int document;

    if (f->route != ROUTE_NDA_DOCUMENT || f->party == FACTS_NOBODY)
        return;
    document = policy_find_document(t->p, f->model);
    if (document < 0 ||
        !policy_party_document(t->p, f->party, (uint32_t)document))
        f->fault = REASON_DOCUMENT_NOT_FOUND;
    f->model[0] = 0;
}

/* The same decision from the entry alone. */
static void decide_again(struct table *t, const struct facts *f,
                         const struct verdict *v)
{
    char line[LIMIT_ENTRY_BYTES];
    struct entry e, back;
    struct verdict again;
    struct facts told;
    size_t length;

    decide_entry(t->p, f, v, &e);
    e.n = 1;
    e.t = NOON;
    assert_int_equal(entry_encode(&e, line, sizeof line, &length), 0);
    assert_int_equal(entry_decode(&t->reader, line, length, &back), 0);
    decide_facts(t->p, &back, &told);
    again = policy_decide(t->p, t->s, &told, NOON, CLOCK_GOOD);
    assert_int_equal(again.reason, v->reason);
    assert_int_equal(again.step, v->step);
    assert_int_equal(again.field, v->field);
    assert_int_equal(again.deadline, v->deadline);
    assert_memory_equal(&again.reserve, &v->reserve, sizeof again.reserve);
}

/* What is written down is told with the step that gave it. */
static void step_check(const struct verdict *v, unsigned line)
{
    enum decide_step told = decide_reason_step(v->reason);

    if (told == v->step ||
        (v->reason == REASON_ROUTE_DENIED && v->step == STEP_WINDOW) ||
        (v->reason == REASON_MODEL_NOT_FOUND && v->step == STEP_WINDOW) ||
        (v->reason == REASON_INVALID_FIELD && v->step == STEP_MODEL))
        return;
    fail_msg("cases:%u: %s at step %s, told as %s", line,
             reason_info(v->reason)->code, decide_step_text(v->step),
             decide_step_text(told));
}

static void rebuilt_check(struct table *t, const struct facts *f,
                          const struct verdict *v, const struct test_case *c,
                          unsigned line)
{
    const struct body_change change = {
        .model = t->p->models[v->model].upstream_name,
        .terms = &t->p->terms[v->terms],
        .count = f->stream && (f->route == ROUTE_CHAT_COMPLETIONS ||
                               f->route == ROUTE_COMPLETIONS)};
    struct json again = {0};
    struct facts g = {0};
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(body_rebuild(&t->json, f, &change, &out), 0);
    if (c->rebuilt != NULL &&
        (out.length != strlen(c->rebuilt) ||
         memcmp(buf_bytes(&out), c->rebuilt, out.length) != 0)) {
        print_error("cases:%u: travels as %.*s\n", line, (int)out.length,
                    (const char *)buf_bytes(&out));
        t->failed++;
    }
    /* What travels is read the same way, and nothing in it was refused. */
    body_read(&again, f->route, (const char *)buf_bytes(&out), out.length, &g);
    assert_int_equal(g.fault, REASON_NONE);
    assert_false(field_set_has(&g.fields, FIELD_OTHERS));
    json_release(&again);
    buf_release(&out);
}

static void case_run(struct table *t, struct test_case *c, unsigned line)
{
    struct facts f = {.cert_not_after = NOON + 300 * DAY,
                      .address = "127.0.0.1",
                      .max_tokens = -1};
    char pointer[128] = "";
    struct verdict v;

    who_read(t, c->who, &f);
    request_read(c, &f);
    document_read(t, &f);
    if (f.fault == REASON_NONE && !route_info(f.route)->local)
        body_read(&t->json, f.route, c->body, strlen(c->body), &f);
    v = policy_decide(t->p, t->s, &f, NOON, CLOCK_GOOD);
    if (v.field != FIELD_NONE || v.reason == REASON_INVALID_FIELD)
        body_locate(&t->json, f.route, v.field, pointer, sizeof pointer);
    t->cases++;
    t->seen[v.reason] = true;
    t->allowed += v.reason == REASON_NONE;
    t->refused += v.reason != REASON_NONE;
    if (strcmp(c->expected, v.reason == REASON_NONE
                                ? "allow"
                                : reason_info(v.reason)->code) != 0 ||
        (c->pointer != NULL && strcmp(c->pointer, pointer) != 0)) {
        print_error("cases:%u: %s@%s, wanted %s@%s\n", line,
                    reason_info(v.reason)->code, pointer, c->expected,
                    c->pointer == NULL ? "" : c->pointer);
        t->failed++;
        return;
    }
    decide_again(t, &f, &v);
    step_check(&v, line);
    if (v.reason == REASON_NONE && !route_info(f.route)->local)
        rebuilt_check(t, &f, &v, c, line);
}

static void every_case_is_decided_as_it_says(void **state)
{
    struct table *t = *state;
    char *text = file_read(RULES "cases"), *next = text, *line;
    unsigned number = 0;

    while ((line = strsep(&next, "\n")) != NULL) {
        struct test_case c;

        number++;
        if (line[0] == 0 || line[0] == '#')
            continue;
        c = case_read(line);
        case_run(t, &c, number);
    }
    print_message("%u cases: %u allowed, %u refused\n", t->cases, t->allowed,
                  t->refused);
    assert_int_equal(t->failed, 0);
    assert_true(t->cases >= 400);
    free(text);
}

/* Reasons that a request by itself can meet are all met. */
static void every_reason_has_a_case(void **state)
{
    static const enum reason elsewhere[] = {
        /* HTTP, time, load, a ledger, another process: tested there */
        REASON_CERTIFICATE_EXPIRED,
        REASON_CERTIFICATE_REVOKED,
        REASON_WINDOW_CLOSED,
        REASON_HEAD_TOO_LARGE,
        REASON_EXPECTATION_FAILED,
        REASON_BODY_TIMEOUT,
        REASON_CONTENT_TYPE,
        REASON_ENCODING_UNSUPPORTED,
        REASON_RATE_LIMITED,
        REASON_ADDRESSES_LIMITED,
        REASON_CONCURRENCY_LIMITED,
        REASON_BUDGET_RESERVED,
        REASON_BUDGET_EXHAUSTED,
        REASON_EGRESS_CEILING,
        REASON_TIME_LIMIT,
        REASON_AUDIT_UNAVAILABLE,
        REASON_CLOCK_UNSAFE,
        REASON_DRAINING,
        REASON_OVERLOADED,
        REASON_NDA_INVALID,
        REASON_PERSON_SUSPENDED,
        REASON_ACCESS_REVOKED,
        REASON_MODEL_RELEASED,
        REASON_UPSTREAM_ERROR,
        REASON_UPSTREAM_TIMEOUT,
    };
    struct table *t = *state;
    unsigned missing = 0;

    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        t->seen[elsewhere[i]] = true;
    for (int r = 0; r < REASON_COUNT; r++)
        if (!t->seen[r]) {
            print_error("no case is %s\n", reason_info((enum reason)r)->code);
            missing++;
        }
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_decided_as_it_says),
        cmocka_unit_test(every_reason_has_a_case),
    };

    return cmocka_run_group_tests(tests, table_make, table_end);
}
