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

#include "policy/body.h"
#include "policy/decide.h"

#define RULES SP_TEST_DATA "/../../rules/"
#define NOON  1793620800000LL /* 2026-11-02T12:00:00Z, a Monday */
#define DAY   86400000LL

struct table {
    struct policy *p;
    struct standing *s;
    struct entry_reader reader;
    struct json json;
    unsigned cases, failed, allowed, refused;
    bool seen[REASON_COUNT];
};

struct test_case {
    char *expected, *who, *request, *headers, *body, *rebuilt;
    char *pointer; /* NULL: not said */
};

static char *file_read(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    assert_non_null(f);
    assert_true(getdelim(&text, &size, 0, f) > 0);
    fclose(f);
    return text;
}

static char *text_replace(char *text, const char *word, const char *by)
{
    for (char *at; (at = strstr(text, word)) != NULL;) {
        char *new;

        assert_true(asprintf(&new, "%.*s%s%s", (int)(at - text), text, by,
                             at + strlen(word)) > 0);
        free(text);
        text = new;
    }
    return text;
}

static char *policy_text(void)
{
    static const char *const words[][2] = {
        {"@ENDPOINT@", "http://127.0.0.1:1"},
        {"@DEPLOYMENT@", "test"},
        {"@OPENS@", "2026-11-01T00:00:00Z"},
        {"@PAST@", "2026-10-20T00:00:00Z"},
        {"@FUTURE@", "2026-11-10T00:00:00Z"},
        {"@TODAY@", "mon"},
        {"@TOMORROW@", "tue"},
        {"@NOT_TODAY@", "thu"},
    };
    char *text = file_read(RULES "policy.yaml");

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        text = text_replace(text, words[i][0], words[i][1]);
    return text;
}

static void table_apply(struct table *t, struct entry *e)
{
    e->n = standing_count(t->s);
    e->t = NOON;
    if (standing_apply(t->s, e) != 0)
        fail_msg("%s", standing_error(t->s));
}

static int table_make(void **state)
{
    struct table *t = calloc(1, sizeof *t);
    struct report report = {.out = stderr};
    struct entry e = {.kind = ENTRY_LOG_OPENED};
    char *text = policy_text();

    assert_non_null(t);
    t->s = standing_new();
    entry_reader_init(&t->reader);
    assert_int_equal(policy_parse("policy.yaml", text, strlen(text), NULL, NULL,
                                  &report, &t->p),
                     0);
    free(text);
    e.u.log_opened.origin = e.u.log_opened.version = e.u.log_opened.vkey = "x";
    table_apply(t, &e);
    e = (struct entry){.kind = ENTRY_POLICY_LOADED,
                       .u.policy_loaded = {.serial = t->p->serial}};
    memcpy(e.u.policy_loaded.sha256, t->p->sha256, 32);
    table_apply(t, &e);
    assert_int_equal(standing_bind(t->s, t->p), 0);
    while (standing_due(t->s, NOON, true, &e))
        table_apply(t, &e);
    *state = t;
    return 0;
}

static int table_end(void **state)
{
    struct table *t = *state;

    json_release(&t->json);
    entry_reader_release(&t->reader);
    standing_free(t->s);
    policy_free(t->p);
    free(t);
    return 0;
}

/* The next part of a line, up to " | "; NULL behind the last. */
static char *part_next(char **line)
{
    char *part = *line, *bar;

    if (part == NULL)
        return NULL;
    bar = strstr(part, " | ");
    *line = bar == NULL ? NULL : bar + 3;
    if (bar != NULL)
        *bar = 0;
    return part;
}

static struct test_case case_read(char *line)
{
    struct test_case c = {0};

    c.expected = part_next(&line);
    c.who = part_next(&line);
    c.request = part_next(&line);
    c.headers = part_next(&line);
    c.body = part_next(&line);
    c.rebuilt = part_next(&line);
    assert_non_null(c.body);
    c.pointer = strchr(c.expected, '@');
    if (c.pointer != NULL)
        *c.pointer++ = 0;
    if (c.rebuilt != NULL) {
        assert_memory_equal(c.rebuilt, "=> ", 3);
        c.rebuilt += 3;
    }
    return c;
}

static void who_read(const struct table *t, const char *who, struct facts *f)
{
    f->party = f->person = FACTS_NOBODY;
    for (uint32_t i = 0; i < t->p->npeople; i++)
        if (strcmp(t->p->people[i].name, who) == 0) {
            f->person = i;
            f->party = t->p->people[i].party;
        }
}

static void header_read(char *header, struct facts *f)
{
    static const struct {
        const char *name;
        size_t at;
    } names[] = {
        {"x-sallyport-purpose: ", offsetof(struct facts, purpose)},
        {"x-sallyport-case: ", offsetof(struct facts, case_id)},
        {"anthropic-version: ", offsetof(struct facts, version)},
        {"anthropic-beta: ", offsetof(struct facts, betas)},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(header, names[i].name, strlen(names[i].name)) == 0) {
            strcpy((char *)f + names[i].at, header + strlen(names[i].name));
            return;
        }
    fail_msg("no header %s", header);
}

static void request_read(struct test_case *c, struct facts *f)
{
    char *path = strchr(c->request, ' ') + 1, *header;
    struct target target;
    enum target_fault fault;

    f->method = strncmp(c->request, "GET", 3) == 0 ? METHOD_GET : METHOD_POST;
    fault = target_match(f->method, path, strlen(path), &target);
    f->route = target.route;
    f->dialect = target.dialect;
    strcpy(f->model, target.id);
    if (fault == TARGET_MALFORMED)
        f->fault = REASON_BAD_REQUEST;
    else if (fault == TARGET_UNKNOWN)
        f->fault = REASON_ROUTE_UNKNOWN;
    else if (fault == TARGET_METHOD)
        f->fault = REASON_METHOD_NOT_ALLOWED;
    while ((header = strsep(&c->headers, ";")) != NULL)
        if (header[0] != 0)
            header_read(header + strspn(header, " "), f);
}

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
