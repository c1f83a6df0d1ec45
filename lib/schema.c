/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a document's tree against tables of fields. Runs wherever a
 * configuration or a policy is read; the tree comes from an operator's file.
 */
#include "lib/schema.h"

#include <string.h>

struct checker {
    struct document *d;
    struct report *report;
    int error; /* SP_ENOMEM */
};

static const char *const kind_words[] = {[NODE_SCALAR] = "a single value",
                                         [NODE_LIST] = "a list",
                                         [NODE_MAP] = "a mapping"};

static enum node_kind kind_wanted(const struct schema_field *f)
{
    if (f->type == SCHEMA_RECORD || f->type == SCHEMA_MAP)
        return NODE_MAP;
    return f->type == SCHEMA_LIST ? NODE_LIST : NODE_SCALAR;
}

static void value_check(struct checker *c, const struct schema_field *f,
                        struct node *n);

static void unknown_key(struct checker *c, const struct schema_field *fields,
                        const struct node *n)
{
    struct nearest nearest = {.word = n->key};
    char words[SCHEMA_EXPECTED_SIZE] = "";
    size_t at = 0;

    for (const struct schema_field *f = fields; f->name != NULL; f++) {
        nearest_try(&nearest, f->name);
        if ((f->flags & SCHEMA_LATER) == 0 && at < sizeof words)
            at += (size_t)snprintf(words + at, sizeof words - at, "%s%s",
                                   at == 0 ? "" : ", ", f->name);
    }
    if (nearest.best != NULL)
        document_error_key(c->d, c->report, n,
                           "unknown key \"%.64s\": did you mean \"%s\"?",
                           n->key, nearest.best);
    else
        document_error_key(c->d, c->report, n,
                           "unknown key \"%.64s\": expected one of %s", n->key,
                           words);
}

static const struct schema_field *field_find(const struct schema_field *fields,
                                             const char *name)
{
    for (const struct schema_field *f = fields; f->name != NULL; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

/* Adds a field that is not written: its default, or an empty record for its
 * fields' defaults. */
static void field_imply(struct checker *c, const struct schema_field *f,
                        struct node *n)
{
    char expected[SCHEMA_EXPECTED_SIZE];
    struct node *m;

    if (f->flags & SCHEMA_REQUIRED) {
        schema_expected(f, expected);
        document_error(c->d, c->report, n, "\"%s\" is missing: expected %s",
                       f->name, expected);
        return;
    }
    if (f->fallback == NULL && (f->flags & SCHEMA_IMPLIED) == 0)
        return;
    m = node_imply(n, f->name, f->type == SCHEMA_RECORD ? NULL : f->fallback);
    if (m == NULL)
        c->error = SP_ENOMEM;
    else
        value_check(c, f, m);
}

static void record_check(struct checker *c, const struct schema_field *fields,
                         struct node *n)
{
    size_t written = n->count;

    for (size_t i = 0; i < written; i++) {
        const struct schema_field *f = field_find(fields, n->items[i]->key);

        if (f == NULL)
            unknown_key(c, fields, n->items[i]);
        else if (f->flags & SCHEMA_LATER)
            document_error_key(c->d, c->report, n->items[i],
                               "\"%s\" is not yet supported: expected it to "
                               "be left out",
                               f->name);
        else
            value_check(c, f, n->items[i]);
    }
    for (const struct schema_field *f = fields; f->name != NULL; f++)
        if (c->error == 0 && node_member(n, f->name) == NULL)
            field_imply(c, f, n);
}

static void key_check(struct checker *c, const struct schema_field *f,
                      struct node *n)
{
    struct schema_field key = {.name = f->name, .type = f->key};
    struct node as_value = {.text = n->key};
    char expected[SCHEMA_EXPECTED_SIZE];

    if (schema_decode(&key, &as_value))
        return;
    schema_expected(&key, expected);
    document_error_key(c->d, c->report, n, "bad name \"%.130s\": expected %s",
                       n->key, expected);
    n->bad = true;
}

static void members_check(struct checker *c, const struct schema_field *f,
                          struct node *n)
{
    if ((int64_t)n->count < f->min)
        document_error(c->d, c->report, n,
                       "\"%s\" has %zu members: expected at least %d", f->name,
                       n->count, (int)f->min);
    if (f->max != 0 && (int64_t)n->count > f->max)
        document_error(c->d, c->report, n,
                       "\"%s\" has %zu members: expected at most %d", f->name,
                       n->count, (int)f->max);
    for (size_t i = 0; i < n->count && c->error == 0; i++) {
        if (f->type == SCHEMA_MAP)
            key_check(c, f, n->items[i]);
        value_check(c, f->fields, n->items[i]);
    }
}

static void scalar_check(struct checker *c, const struct schema_field *f,
                         struct node *n)
{
    char expected[SCHEMA_EXPECTED_SIZE];
    struct nearest nearest = {.word = n->text};

    if (schema_decode(f, n))
        return;
    n->bad = true;
    for (size_t i = 0; f->type == SCHEMA_CHOICE && f->words[i] != NULL; i++)
        nearest_try(&nearest, f->words[i]);
    if (nearest.best != NULL)
        document_error(c->d, c->report, n,
                       "bad %s \"%.64s\": did you mean \"%s\"?", f->name,
                       n->text, nearest.best);
    else {
        schema_expected(f, expected);
        document_error(c->d, c->report, n, "bad %s \"%.64s\": expected %s",
                       f->name, n->text, expected);
    }
}

static void value_check(struct checker *c, const struct schema_field *f,
                        struct node *n)
{
    char expected[SCHEMA_EXPECTED_SIZE];

    n->field = f;
    if (n->bad || c->error != 0 || f->type == SCHEMA_FREE)
        return;
    if (n->kind != kind_wanted(f)) {
        schema_expected(f, expected);
        document_error(c->d, c->report, n, "\"%s\" is %s: expected %s", f->name,
                       kind_words[n->kind], expected);
        n->bad = true;
    } else if (f->type == SCHEMA_RECORD) {
        record_check(c, f->fields, n);
    } else if (n->kind != NODE_SCALAR) {
        members_check(c, f, n);
    } else {
        scalar_check(c, f, n);
    }
}

int schema_check(struct document *d, const struct schema_field *fields,
                 struct report *report)
{
    struct checker c = {.d = d, .report = report};
    unsigned before = report->errors;

    record_check(&c, fields, d->root);
    if (c.error != 0)
        return c.error;
    return report->errors == before ? 0 : SP_EINVAL;
}
