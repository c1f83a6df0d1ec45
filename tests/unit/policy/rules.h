/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/rules: the policy with a standing in which its windows are open, and
 * the lines of the cases. For tests that decide them; after cmocka.h.
 */
#ifndef SP_TESTS_POLICY_RULES_H
#define SP_TESTS_POLICY_RULES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#endif
