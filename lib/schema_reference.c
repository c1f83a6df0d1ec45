/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the reference of a schema in Markdown: one heading a record, one line
 * a field. Runs in the command and in the test that holds the paper to it.
 */
#include <string.h>

#include "lib/schema.h"

#define DEEPEST 8

struct writer {
    FILE *out;
    const char *path[DEEPEST];
    size_t depth;
};

static void path_write(const struct writer *w)
{
    for (size_t i = 0; i < w->depth; i++)
        fprintf(w->out, "%s%s", i == 0 ? "" : ".", w->path[i]);
}

static void field_write(struct writer *w, const struct schema_field *f)
{
    char expected[SCHEMA_EXPECTED_SIZE];

    fprintf(w->out, "| `%s` | ", f->name);
    if (f->flags & SCHEMA_LATER) {
        fprintf(w->out, "not yet supported | | %s |\n", f->help);
        return;
    }
    schema_expected(f, expected);
    if (f->type == SCHEMA_LIST && f->fields[0].type != SCHEMA_RECORD) {
        char element[SCHEMA_EXPECTED_SIZE];

        schema_expected(&f->fields[0], element);
        fprintf(w->out, "a list; each: %s | ", element);
    } else {
        fprintf(w->out, "%s | ", expected);
    }
    if (f->flags & SCHEMA_REQUIRED)
        fprintf(w->out, "required | ");
    else if (f->fallback != NULL)
        fprintf(w->out, "`%s` | ", f->fallback);
    else
        fprintf(w->out, "| ");
    fprintf(w->out, "%s |\n", f->help);
}

/* The record within a field, or NULL; adds what leads to it to the path. */
static const struct schema_field *record_within(struct writer *w,
                                                const struct schema_field *f)
{
    if ((f->flags & SCHEMA_LATER) || w->depth + 2 > DEEPEST)
        return NULL;
    if (f->type == SCHEMA_RECORD) {
        w->path[w->depth++] = f->name;
        return f->fields;
    }
    if ((f->type != SCHEMA_MAP && f->type != SCHEMA_LIST) ||
        f->fields[0].type != SCHEMA_RECORD)
        return NULL;
    w->path[w->depth++] = f->name;
    w->path[w->depth++] = f->type == SCHEMA_MAP ? "<name>" : "[]";
    return f->fields[0].fields;
}

static void record_write(struct writer *w, const struct schema_field *fields)
{
    size_t depth = w->depth;

    fprintf(w->out, "\n## ");
    if (depth == 0)
        fprintf(w->out, "Top level");
    else {
        fputc('`', w->out);
        path_write(w);
        fputc('`', w->out);
    }
    fprintf(w->out, "\n\n| field | what it takes | default | meaning |\n"
                    "|---|---|---|---|\n");
    for (const struct schema_field *f = fields; f->name != NULL; f++)
        field_write(w, f);
    for (const struct schema_field *f = fields; f->name != NULL; f++) {
        const struct schema_field *inner = record_within(w, f);

        if (inner != NULL)
            record_write(w, inner);
        w->depth = depth;
    }
}

int schema_reference(FILE *out, const struct schema_field *fields)
{
    struct writer w = {.out = out};

    record_write(&w, fields);
    return ferror(out) ? SP_EIO : 0;
}
