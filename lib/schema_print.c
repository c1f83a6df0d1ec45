/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a checked document as canonical YAML, so that two files can be
 * compared by what they say: fields in the order of their table, members of
 * maps and lists in their own; one member a line; each value in one spelling;
 * quotes only where they are needed; no comments.
 *
 * What was not written is not written here either. Defaults that were written
 * stay: beside `extends`, a default that is written says something else than
 * one that is not. Runs in the command, on an operator's file.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/schema.h"

struct printer {
    FILE *out;
    unsigned depth;
    bool after_dash; /* the line was begun by "- " */
};

static void node_print(struct printer *p, const struct schema_field *f,
                       const struct node *n);

static void line_begin(struct printer *p)
{
    if (!p->after_dash)
        fprintf(p->out, "%*s", (int)p->depth * 2, "");
    p->after_dash = false;
}

/* Read as the same text by every reader of YAML, in any place: no indicator,
 * no colon or number sign, nothing that begins or ends with a blank, and no
 * word for "nothing". Numbers and the like need no quotes: fields know what
 * they are. */
static bool text_is_plain(const char *text)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789 ._/+-";
    size_t length = strlen(text);

    return length > 0 && strchr(first, text[0]) != NULL &&
           strspn(text, more) == length && text[length - 1] != ' ' &&
           strcasecmp(text, "null") != 0;
}

static void quoted_print(struct printer *p, const char *text)
{
    fputc('"', p->out);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', p->out);
        fputc(*text, p->out);
    }
    fputc('"', p->out);
}

static void text_print(struct printer *p, const char *text)
{
    if (text_is_plain(text))
        fputs(text, p->out);
    else
        quoted_print(p, text);
}

static void time_print(struct printer *p, int64_t t)
{
    char text[CLOCK_UTC_SIZE];

    clock_format_utc(t, text);
    if (t % 1000 == 0)
        fprintf(p->out, "%.19sZ", text);
    else
        fputs(text, p->out);
}

static void number_print(struct printer *p, const struct schema_field *f,
                         int64_t v)
{
    char text[32];

    if (v == 0 && f->words != NULL) {
        text_print(p, f->words[0]);
        return;
    }
    schema_number(f, v, text, sizeof text);
    fputs(text, p->out);
}

static void scalar_print(struct printer *p, const struct schema_field *f,
                         const struct node *n)
{
    switch (f->type) {
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
    case SCHEMA_SECONDS:
        number_print(p, f, n->number);
        break;
    case SCHEMA_TIME:
        time_print(p, n->number);
        break;
    case SCHEMA_HASH:
        for (size_t i = 0; i < sizeof n->hash; i++)
            fprintf(p->out, "%02x", n->hash[i]);
        break;
    case SCHEMA_FREE:
        /* Quotes tell a text from what else reads like one. */
        if (n->plain)
            fputs(n->text, p->out);
        else
            quoted_print(p, n->text);
        break;
    case SCHEMA_TEXT:
    case SCHEMA_NAME:
    case SCHEMA_MODEL:
    case SCHEMA_PATH:
    case SCHEMA_CHOICE:
    case SCHEMA_RECORD:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
    case SCHEMA_ANY:
    default:
        text_print(p, n->text);
        break;
    }
}

/* Members that stand in the file. */
static size_t written(const struct node *n)
{
    size_t count = 0;

    for (size_t i = 0; i < n->count; i++)
        count += !n->items[i]->implied;
    return count;
}

/* What stands behind "key:" or "- "; ends the line. */
static void value_print(struct printer *p, const struct schema_field *f,
                        const struct node *n)
{
    if (n->kind == NODE_SCALAR) {
        if (!p->after_dash)
            fputc(' ', p->out);
        p->after_dash = false;
        scalar_print(p, f, n);
        fputc('\n', p->out);
    } else if (written(n) == 0) {
        fprintf(p->out, "%s%s\n", p->after_dash ? "" : " ",
                n->kind == NODE_LIST ? "[]" : "{}");
        p->after_dash = false;
    } else {
        if (!p->after_dash)
            fputc('\n', p->out);
        p->depth++;
        node_print(p, f, n);
        p->depth--;
    }
}

static void member_print(struct printer *p, const struct schema_field *f,
                         const struct node *n)
{
    line_begin(p);
    text_print(p, n->key);
    fputc(':', p->out);
    value_print(p, f, n);
}

static void record_print(struct printer *p, const struct schema_field *fields,
                         const struct node *n)
{
    for (const struct schema_field *f = fields; f->name != NULL; f++) {
        const struct node *m = node_member(n, f->name);

        if (m != NULL && !m->implied)
            member_print(p, f, m);
    }
}

static void node_print(struct printer *p, const struct schema_field *f,
                       const struct node *n)
{
    if (f->type == SCHEMA_RECORD) {
        record_print(p, f->fields, n);
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        const struct schema_field *inner =
            f->type == SCHEMA_FREE ? f : f->fields;

        if (n->kind == NODE_MAP) {
            member_print(p, inner, n->items[i]);
            continue;
        }
        line_begin(p);
        fputs("- ", p->out);
        p->after_dash = true;
        value_print(p, inner, n->items[i]);
    }
}

int schema_print(FILE *out, const struct document *d,
                 const struct schema_field *fields)
{
    struct printer p = {.out = out};

    record_print(&p, fields, d->root);
    return ferror(out) ? SP_EIO : 0;
}
