/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of requests: facts out of JSON, and JSON for the upstream out of what
 * was parsed. Values are copied as they were written, after every byte of them
 * was validated; what is rebuilt is the punctuation and the model's name. Runs
 * in workers on strangers' bytes.
 */
#include "policy/body.h"

#include <string.h>

/* The largest whole number that every JSON reader keeps exact (RFC 8259 §6). */
#define TOKENS_MAX ((int64_t)1 << 53)

/* Fields that hold the ceiling of tokens: the first that is there counts, all
 * must be right. */
static const char *const ceilings[ROUTE_COUNT][3] = {
    [ROUTE_CHAT_COMPLETIONS] = {"max_completion_tokens", "max_tokens", NULL},
    [ROUTE_COMPLETIONS] = {"max_tokens", NULL, NULL},
    [ROUTE_RESPONSES] = {"max_output_tokens", NULL, NULL},
    [ROUTE_MESSAGES] = {"max_tokens", NULL, NULL},
};

static void fault_set(struct facts *f, enum reason reason)
{
    if (f->fault == REASON_NONE)
        f->fault = reason;
}

static enum reason fault_reason(enum json_fault fault)
{
    if (fault == JSON_DUPLICATE_NAME)
        return REASON_DUPLICATE_KEY;
    if (fault == JSON_TOO_DEEP)
        return REASON_TOO_DEEP;
    return fault == JSON_NO_MEMORY ? REASON_OVERLOADED : REASON_INVALID_JSON;
}

/* The member of the body's object, or 0; null counts as absent. */
static uint32_t field_find(const struct json *j, const char *name)
{
    uint32_t m = json_member(j, 0, name);

    return m != 0 && j->nodes[m].type == JSON_NULL ? 0 : m;
}

static bool name_is_plain(const struct json *j, const struct json_node *name)
{
    if (name->escaped)
        return false;
    for (uint32_t i = name->start; i < name->end; i++) {
        uint8_t c = (uint8_t)j->text[i];

        if (c >= 0x80 || (c >= 'A' && c <= 'Z'))
            return false;
    }
    return true;
}

/* No API has a field whose name needs an escape, a capital or more than ASCII.
 * A reader behind us that compares names before unescaping, or without regard
 * to case ("Model", or with a U+017F for the s of stream), must see what we saw
 * (P10).
 */
static bool names_are_plain(const struct json *j)
{
    for (uint32_t m = j->nodes[0].child; m != 0; m = j->nodes[m].next)
        if (!name_is_plain(j, &j->nodes[j->nodes[m].name]))
            return false;
    return true;
}

static void model_read(const struct json *j, struct facts *f)
{
    uint32_t m = json_member(j, 0, "model");

    if (m == 0 || json_text(j, m, f->model, sizeof f->model) != 0 ||
        f->model[0] == 0) {
        f->model[0] = 0;
        fault_set(f, REASON_INVALID_FIELD);
    }
}

static void stream_read(const struct json *j, struct facts *f)
{
    uint32_t m = field_find(j, "stream");

    if (m == 0)
        return;
    f->stream = j->nodes[m].type == JSON_TRUE;
    if (!f->stream && j->nodes[m].type != JSON_FALSE)
        fault_set(f, REASON_INVALID_FIELD);
}

static void ceiling_read(const struct json *j, enum route route,
                         struct facts *f)
{
    for (size_t i = 0; i < 3 && ceilings[route][i] != NULL; i++) {
        uint32_t m = field_find(j, ceilings[route][i]);
        int64_t tokens;

        if (m == 0)
            continue;
        if (json_int(j, m, &tokens) != 0 || tokens < 0 || tokens > TOKENS_MAX)
            fault_set(f, REASON_INVALID_FIELD);
        else if (f->max_tokens < 0)
            f->max_tokens = tokens;
    }
}

void body_read(struct json *j, enum route route, const char *body,
               size_t length, struct facts *f)
{
    f->model[0] = 0;
    f->stream = false;
    f->max_tokens = -1;
    f->body_bytes = length;
    if (json_parse(j, body, length, LIMIT_JSON_DEPTH, LIMIT_JSON_NODES) != 0) {
        fault_set(f, fault_reason(j->fault));
        return;
    }
    if (j->nodes[0].type != JSON_OBJECT) {
        fault_set(f, REASON_INVALID_JSON);
        return;
    }
    if (!names_are_plain(j))
        fault_set(f, REASON_INVALID_FIELD);
    model_read(j, f);
    stream_read(j, f);
    if ((unsigned)route < ROUTE_COUNT)
        ceiling_read(j, route, f);
}

bool body_asks_usage(const struct json *j)
{
    uint32_t options = json_member(j, 0, "stream_options");
    uint32_t m = options == 0 ? 0 : json_member(j, options, "include_usage");

    return m != 0 && j->nodes[m].type == JSON_TRUE;
}

/* Rebuilding: the tape is walked in the order of the text, and every token is
 * copied; what lay between them is not. */
struct rebuild {
    const struct json *j;
    const char *model; /* quoted */
    size_t model_length;
    uint32_t model_node;
    uint8_t *out;
    size_t length;
};

static void put(struct rebuild *r, const void *data, size_t length)
{
    memcpy(r->out + r->length, data, length);
    r->length += length;
}

static void put_node(struct rebuild *r, uint32_t node)
{
    const struct json_node *n = &r->j->nodes[node];

    if (node == r->model_node)
        put(r, r->model, r->model_length);
    else
        put(r, r->j->text + n->start, n->end - n->start);
}

static void put_opening(struct rebuild *r, const struct json_node *n)
{
    put(r, n->type == JSON_OBJECT ? "{" : "[", 1);
}

static void put_closing(struct rebuild *r, const struct json_node *n)
{
    put(r, n->type == JSON_OBJECT ? "}" : "]", 1);
}

static void put_name(struct rebuild *r, uint32_t node)
{
    if (r->j->nodes[node].name == 0)
        return;
    put_node(r, r->j->nodes[node].name);
    put(r, ":", 1);
}

/* Depth first without recursion; depth is bounded by the parser. */
static void rebuild_walk(struct rebuild *r)
{
    uint32_t path[LIMIT_JSON_DEPTH + 1], node = 0;
    const struct json_node *nodes = r->j->nodes;
    size_t depth = 0;

    for (;;) {
        put_name(r, node);
        if (nodes[node].type < JSON_ARRAY) {
            put_node(r, node);
        } else {
            put_opening(r, &nodes[node]);
            if (nodes[node].child != 0) {
                path[depth++] = node;
                node = nodes[node].child;
                continue;
            }
            put_closing(r, &nodes[node]);
        }
        while (depth > 0 && nodes[node].next == 0) {
            node = path[--depth];
            put_closing(r, &nodes[node]);
        }
        if (depth == 0)
            return;
        put(r, ",", 1);
        node = nodes[node].next;
    }
}

/* Without white space between tokens, the text around the model's name is
 * what the walk would write. */
static void rebuild_around(struct rebuild *r)
{
    const struct json_node *m = &r->j->nodes[r->model_node];

    put(r, r->j->text, m->start);
    put(r, r->model, r->model_length);
    put(r, r->j->text + m->end, r->j->length - m->end);
}

int body_rebuild(const struct json *j, const char *upstream_model,
                 struct buf *out)
{
    char model[LIMIT_MODEL_BYTES * 6 + 3];
    struct rebuild r = {.j = j, .model = model};
    int error;

    error = json_quote(model, sizeof model, &r.model_length, upstream_model,
                       strlen(upstream_model));
    if (error != 0)
        return error;
    r.model_node = json_member(j, 0, "model");
    if (r.model_node == 0)
        return SP_EINVAL;
    /* Never longer than the body with another name in it. */
    error = buf_reserve(out, j->length + r.model_length, &r.out);
    if (error != 0)
        return error;
    if (j->spaced)
        rebuild_walk(&r);
    else
        rebuild_around(&r);
    buf_commit(out, r.length);
    return 0;
}
