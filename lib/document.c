/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML events to a tree. Runs wherever a configuration or a policy is read;
 * the text comes from an operator's file, but a policy may have been written
 * by somebody who wants its approvers to misread it.
 */
#include "lib/document.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/table.h"
#include "lib/utf8.h"

/* From so many members on, a table finds the key that was there before. */
#define INDEXED_MEMBERS 16

struct builder {
    yaml_parser_t parser;
    struct document *d;
    const struct document_large *large; /* or NULL */
    struct report *report;
    bool faulty; /* something was reported */
    int error;   /* the tree cannot be finished: SP_EINVAL, SP_ENOMEM */
};

static void node_free(struct node *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->count; i++)
        node_free(n->items[i]);
    free(n->items);
    free(n->key);
    free(n->text);
    free(n);
}

void document_free(struct document *d)
{
    if (d == NULL)
        return;
    node_free(d->root);
    free(d->name);
    free(d);
}

struct node *node_member(const struct node *n, const char *key)
{
    if (n == NULL || n->kind != NODE_MAP)
        return NULL;
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->items[i]->key, key) == 0)
            return n->items[i];
    return NULL;
}

static int node_add(struct node *parent, struct node *n)
{
    struct node **items;

    /* Grows at powers of two. */
    if ((parent->count & (parent->count - 1)) == 0) {
        size_t room = parent->count == 0 ? 1 : parent->count * 2;

        items = reallocarray(parent->items, room, sizeof(struct node *));
        if (items == NULL)
            return SP_ENOMEM;
        parent->items = items;
    }
    parent->items[parent->count++] = n;
    return 0;
}

struct node *node_imply(struct node *n, const char *key, const char *text)
{
    struct node *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->kind = text == NULL ? NODE_MAP : NODE_SCALAR;
    m->line = m->key_line = n->line;
    m->column = m->key_column = n->column;
    m->plain = m->implied = true;
    m->key = strdup(key);
    if (text != NULL)
        m->text = strdup(text);
    if (m->key == NULL || (text != NULL && m->text == NULL) ||
        node_add(n, m) != 0) {
        node_free(m);
        return NULL;
    }
    return m;
}

void document_error(const struct document *d, struct report *r,
                    const struct node *n, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    report_error_list(r, d->name, n->line, n->column, format, list);
    va_end(list);
}

void document_error_key(const struct document *d, struct report *r,
                        const struct node *n, const char *format, ...)
{
    bool keyed = n->key != NULL;
    va_list list;

    va_start(list, format);
    report_error_list(r, d->name, keyed ? n->key_line : n->line,
                      keyed ? n->key_column : n->column, format, list);
    va_end(list);
}

static void builder_complain(struct builder *b, yaml_mark_t mark,
                             const char *text)
{
    report_error(b->report, b->d->name, (unsigned)mark.line + 1,
                 (unsigned)mark.column + 1, "%s", text);
    b->faulty = true;
}

/* Characters that show nothing, or make a text look like another one:
 * controls, other line breaks than \n, characters without width, byte order
 * marks, and those that change the direction of what follows. */
static bool point_is_forbidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xfffe ||
           c == 0xffff;
}

/* The whole file before libyaml sees it, so that a bad byte has a place. */
static int text_check(const struct document *d, const char *text, size_t length,
                      struct report *report)
{
    const uint8_t *p = (const uint8_t *)text;
    unsigned line = 1, column = 1;
    size_t n;

    for (size_t i = 0; i < length; i += n) {
        uint32_t c;

        if (p[i] >= 0x20 && p[i] < 0x7f) { /* nearly all there is */
            n = 1;
            column++;
            continue;
        }
        n = utf8_length(p + i, length - i);
        if (n == 0) {
            report_error(report, d->name, line, column,
                         "byte 0x%02x is not UTF-8: expected a text file",
                         p[i]);
            return SP_EINVAL;
        }
        c = utf8_point(p + i, n);
        if (c == '\n') {
            line++;
            column = 1;
            continue;
        }
        if (c == '\t' || (c == '\r' && i + 1 < length && p[i + 1] == '\n'))
            ; /* libyaml says where a tab may stand */
        else if (point_is_forbidden(c)) {
            report_error(report, d->name, line, column,
                         "character U+%04X: expected visible text", c);
            return SP_EINVAL;
        }
        column++;
    }
    return 0;
}

static bool builder_next(struct builder *b, yaml_event_t *event)
{
    const yaml_parser_t *p = &b->parser;
    char text[256];

    if (b->error != 0)
        return false;
    if (yaml_parser_parse(&b->parser, event))
        return true;
    if (p->error == YAML_MEMORY_ERROR) {
        b->error = SP_ENOMEM;
        return false;
    }
    snprintf(text, sizeof text, "not YAML (%s): expected key: value",
             p->problem != NULL ? p->problem : "unreadable");
    builder_complain(b, p->problem_mark, text);
    b->error = SP_EINVAL;
    return false;
}

/* Reports what no node may have. */
static void decoration_check(struct builder *b, const yaml_event_t *e,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        builder_complain(b, e->start_mark,
                         "an anchor (&): expected a plain value");
    if (tag != NULL)
        builder_complain(b, e->start_mark, "a tag (!): expected a plain value");
}

/* A scalar's text, which escapes may have filled with anything. */
static char *scalar_text(struct builder *b, const yaml_event_t *e)
{
    const uint8_t *p = e->data.scalar.value;
    size_t length = e->data.scalar.length, n;
    char *text;

    for (size_t i = 0; i < length; i += n) {
        n = 1;
        if (p[i] >= 0x20 && p[i] < 0x7f)
            continue;
        n = utf8_length(p + i, length - i);
        if (n == 0 || point_is_forbidden(utf8_point(p + i, n))) {
            builder_complain(b, e->start_mark,
                             "a line break or an invisible character in a "
                             "value: expected visible text on one line");
            return strdup("");
        }
    }
    text = malloc(length + 1);
    if (text != NULL) {
        memcpy(text, p, length);
        text[length] = 0;
    }
    return text;
}

static struct node *node_read(struct builder *b, yaml_event_t *event,
                              const char *key, unsigned depth);

static struct node *scalar_read(struct builder *b, struct node *n,
                                const yaml_event_t *e)
{
    unsigned before = b->report->errors;

    decoration_check(b, e, e->data.scalar.anchor, e->data.scalar.tag);
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = scalar_text(b, e);
    if (n->text == NULL)
        b->error = SP_ENOMEM;
    n->bad = b->report->errors != before;
    return n;
}

static void items_check(struct builder *b, const struct node *n, size_t most,
                        const yaml_event_t *e)
{
    char text[64];

    if (n->count < most)
        return;
    snprintf(text, sizeof text, "too many members: expected at most %zu", most);
    builder_complain(b, e->start_mark, text);
    b->error = SP_EINVAL;
}

static void list_read(struct builder *b, struct node *n, unsigned depth)
{
    yaml_event_t e;

    while (builder_next(b, &e)) {
        struct node *item;

        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            return;
        }
        items_check(b, n, DOCUMENT_MEMBERS, &e);
        item = node_read(b, &e, NULL, depth);
        if (item != NULL && node_add(n, item) != 0) {
            node_free(item);
            b->error = SP_ENOMEM;
        }
    }
}

/* A mapping while it is read: the places of its members' keys, from the
 * first that is one too many to look through. */
struct members {
    struct node *map;
    struct table keys;
    size_t indexed; /* members that are in `keys` */
    size_t most;
};

/* The first member of that key, or NULL. A key that is there twice keeps its
 * first place. */
static const struct node *members_find(struct builder *b, struct members *m,
                                       const char *key)
{
    uint32_t at;

    if (m->map->count < INDEXED_MEMBERS)
        return node_member(m->map, key);
    for (; m->indexed < m->map->count; m->indexed++) {
        const char *next = m->map->items[m->indexed]->key;

        if (table_get(&m->keys, next, strlen(next)) == TABLE_NONE &&
            table_put(&m->keys, next, strlen(next), (uint32_t)m->indexed) != 0)
            b->error = SP_ENOMEM;
    }
    at = table_get(&m->keys, key, strlen(key));
    return at == TABLE_NONE ? NULL : m->map->items[at];
}

/* The key in `e`, checked against those that are there. */
static char *key_read(struct builder *b, struct members *m, yaml_event_t *e)
{
    const struct node *first;
    char text[160], *key;

    if (e->type != YAML_SCALAR_EVENT) {
        builder_complain(b, e->start_mark,
                         "a key that is not a plain word: "
                         "expected key: value");
        b->error = SP_EINVAL;
        return NULL;
    }
    decoration_check(b, e, e->data.scalar.anchor, e->data.scalar.tag);
    key = scalar_text(b, e);
    if (key == NULL) {
        b->error = SP_ENOMEM;
        return NULL;
    }
    if (strcmp(key, "<<") == 0 &&
        e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        builder_complain(b, e->start_mark,
                         "a merge key (<<): expected the fields themselves");
    first = members_find(b, m, key);
    if (first != NULL) {
        snprintf(text, sizeof text,
                 "duplicate key \"%.64s\": expected it once, it is in line %u",
                 key, first->key_line);
        builder_complain(b, e->start_mark, text);
    }
    return key;
}

/* The member whose key is in `e`; takes the event. */
static void member_read(struct builder *b, struct members *m, yaml_event_t *e,
                        unsigned depth)
{
    yaml_mark_t mark = e->start_mark;
    struct node *item;
    char *key;

    items_check(b, m->map, m->most, e);
    key = b->error == 0 ? key_read(b, m, e) : NULL;
    yaml_event_delete(e);
    item =
        key != NULL && builder_next(b, e) ? node_read(b, e, key, depth) : NULL;
    if (item == NULL || node_add(m->map, item) != 0) {
        node_free(item);
        free(key);
        b->error = b->error == 0 ? SP_ENOMEM : b->error;
        return;
    }
    item->key = key;
    item->key_line = (unsigned)mark.line + 1;
    item->key_column = (unsigned)mark.column + 1;
}

static void map_read(struct builder *b, struct node *n, size_t most,
                     unsigned depth)
{
    struct members m = {.map = n, .most = most};
    yaml_event_t e;

    while (builder_next(b, &e)) {
        if (e.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&e);
            break;
        }
        member_read(b, &m, &e, depth);
    }
    table_release(&m.keys);
}

static size_t members_most(const struct builder *b, const char *key,
                           unsigned depth)
{
    const struct document_large *l = b->large;

    return l != NULL && key != NULL && depth == l->depth &&
                   strcmp(key, l->key) == 0
               ? l->members
               : DOCUMENT_MEMBERS;
}

/* The node that `event` begins, a member's with its key; takes the event. NULL
 * with b->error. */
static struct node *node_read(struct builder *b, yaml_event_t *event,
                              const char *key, unsigned depth)
{
    struct node *n = b->error == 0 ? calloc(1, sizeof *n) : NULL;

    if (n == NULL) {
        b->error = b->error == 0 ? SP_ENOMEM : b->error;
        yaml_event_delete(event);
        return NULL;
    }
    n->line = (unsigned)event->start_mark.line + 1;
    n->column = (unsigned)event->start_mark.column + 1;
    if (depth > DOCUMENT_DEPTH) {
        builder_complain(b, event->start_mark,
                         "nested too deeply: expected at most 16 levels");
        b->error = SP_EINVAL;
    } else if (event->type == YAML_SCALAR_EVENT) {
        scalar_read(b, n, event);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        n->kind = NODE_LIST;
        decoration_check(b, event, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag);
        list_read(b, n, depth + 1);
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        n->kind = NODE_MAP;
        decoration_check(b, event, event->data.mapping_start.anchor,
                         event->data.mapping_start.tag);
        map_read(b, n, members_most(b, key, depth - 1), depth + 1);
    } else { /* an alias */
        builder_complain(b, event->start_mark,
                         "an alias (*): expected the value itself");
        n->bad = true;
    }
    yaml_event_delete(event);
    return n;
}

/* Events around the document's only value. */
static void stream_read(struct builder *b)
{
    yaml_event_t e;

    while (builder_next(b, &e)) {
        yaml_event_type_t type = e.type;

        if (type == YAML_STREAM_START_EVENT || type == YAML_STREAM_END_EVENT ||
            type == YAML_DOCUMENT_END_EVENT) {
            yaml_event_delete(&e);
            if (type == YAML_STREAM_END_EVENT)
                return;
        } else if (type == YAML_DOCUMENT_START_EVENT) {
            if (e.data.document_start.version_directive != NULL ||
                e.data.document_start.tag_directives.start !=
                    e.data.document_start.tag_directives.end)
                builder_complain(b, e.start_mark,
                                 "a directive (%): expected none");
            if (b->d->root != NULL) {
                builder_complain(b, e.start_mark,
                                 "a second document: expected one a file");
                b->error = SP_EINVAL;
            }
            yaml_event_delete(&e);
        } else {
            b->d->root = node_read(b, &e, NULL, 1);
        }
    }
}

static struct document *document_new(const char *name)
{
    struct document *d = calloc(1, sizeof *d);

    if (d != NULL && (d->name = strdup(name)) == NULL) {
        free(d);
        return NULL;
    }
    return d;
}

int document_parse(const char *name, const char *text, size_t length,
                   size_t max, struct report *report, struct document **d)
{
    return document_parse_large(name, text, length, max, NULL, report, d);
}

int document_parse_large(const char *name, const char *text, size_t length,
                         size_t max, const struct document_large *large,
                         struct report *report, struct document **d)
{
    struct builder b = {.report = report, .large = large};

    b.d = *d = document_new(name);
    if (b.d == NULL)
        return SP_ENOMEM;
    if (length > max) {
        report_error(report, name, 1, 1,
                     "the file has %zu bytes: expected at most %zu", length,
                     max);
        return SP_EINVAL;
    }
    if (text_check(b.d, text, length, report) != 0)
        return SP_EINVAL;
    if (!yaml_parser_initialize(&b.parser))
        return SP_ENOMEM;
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const uint8_t *)text, length);
    stream_read(&b);
    yaml_parser_delete(&b.parser);
    if (b.error == 0 && b.d->root == NULL) {
        report_error(report, name, 1, 1, "the file is empty: expected fields");
        b.error = SP_EINVAL;
    } else if (b.error == 0 && b.d->root->kind != NODE_MAP) {
        document_error(b.d, report, b.d->root,
                       "the file is not a mapping: expected key: value");
        b.error = SP_EINVAL;
    }
    if (b.error != 0) {
        node_free(b.d->root);
        b.d->root = NULL;
        return b.error;
    }
    return b.faulty ? SP_EINVAL : 0;
}
