/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body that the model's endpoint gets: the tape is walked in the order of
 * the text and every token copied, but for the model's name, what the terms
 * strip and what they force. Values are copied as they were written, after
 * every byte of them was validated. Runs in workers on strangers' bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/body.h"

/* What may be added beside what terms force: a ceiling, counts of tokens. */
#define EXTRA_BYTES 128

struct rebuild {
    const struct json *j;
    const struct facts *f;
    const struct body_change *change;
    char model[LIMIT_MODEL_BYTES * 6 + 3]; /* quoted */
    size_t model_length;
    char ceiling[32]; /* member to add when none was asked, or "" */
    uint16_t ceiling_field;
    uint8_t *out;
    size_t length;
};

static void put(struct rebuild *r, const void *data, size_t length)
{
    memcpy(r->out + r->length, data, length);
    r->length += length;
}

static void put_text(struct rebuild *r, const char *text)
{
    put(r, text, strlen(text));
}

static const struct json_node *node_at(const struct rebuild *r, uint32_t node)
{
    return &r->j->nodes[node];
}

static void put_span(struct rebuild *r, uint32_t node)
{
    const struct json_node *n = node_at(r, node);

    put(r, r->j->text + n->start, n->end - n->start);
}

/* ---- what is forced ---- */

static bool force_holds(const struct rebuild *r, uint16_t field)
{
    const struct field_info *info = field_info(field);

    return (info->routes & 1u << r->f->route) != 0 &&
           (!info->streamed || r->f->stream);
}

/* Members forced below a field that is only there in streams are, too. */
static uint16_t parent_of(const struct rebuild *r, uint16_t field)
{
    const char *path = field_info(field)->path;
    const char *dot = strrchr(path, '.');

    return dot == NULL
               ? FIELD_NONE
               : field_of_route(r->f->route, path, (size_t)(dot - path));
}

static bool is_usage(uint16_t field)
{
    return strcmp(field_info(field)->path, "stream_options.include_usage") == 0;
}

/* The value that a member is to have, or NULL: what it has. */
static const char *forced_value(const struct rebuild *r, uint16_t field)
{
    const struct policy_terms *t = r->change->terms;

    if (r->change->count && is_usage(field))
        return "true";
    for (size_t i = 0; t != NULL && i < t->nforces; i++)
        if (t->forces[i].field == field && force_holds(r, field))
            return t->forces[i].json;
    return NULL;
}

struct additions {
    struct rebuild *r;
    uint16_t parent;
    bool any; /* something stands before in the object */
};

static void add_member(struct additions *a, uint16_t field, const char *json)
{
    const char *path = field_info(field)->path;
    const char *dot = strrchr(path, '.');

    put_text(a->r, a->any ? ",\"" : "\"");
    put_text(a->r, dot == NULL ? path : dot + 1);
    put_text(a->r, "\":");
    put_text(a->r, json);
    a->any = true;
}

static uint16_t usage_field(const struct rebuild *r)
{
    return r->change->count
               ? field_of_route(r->f->route, "stream_options.include_usage", 28)
               : FIELD_NONE;
}

/* Adds what is forced directly below `parent`. */
static void add_forced(struct additions *a)
{
    struct rebuild *r = a->r;
    const struct policy_terms *t = r->change->terms;
    uint16_t usage = usage_field(r);

    if (usage != FIELD_NONE && parent_of(r, usage) == a->parent)
        add_member(a, usage, "true");
    for (size_t i = 0; t != NULL && i < t->nforces; i++) {
        uint16_t field = t->forces[i].field;

        if (field != usage && force_holds(r, field) &&
            parent_of(r, field) == a->parent)
            add_member(a, field, t->forces[i].json);
    }
}

/* Whether something is forced below `field`. */
static bool forces_below(const struct rebuild *r, uint16_t field)
{
    const struct policy_terms *t = r->change->terms;
    uint16_t usage = usage_field(r);

    if (usage != FIELD_NONE && parent_of(r, usage) == field)
        return true;
    for (size_t i = 0; t != NULL && i < t->nforces; i++)
        if (force_holds(r, t->forces[i].field) &&
            parent_of(r, t->forces[i].field) == field)
            return true;
    return false;
}

/* The nth field at the top below which something is forced. */
static bool forced_parent(const struct rebuild *r, uint16_t *from)
{
    for (; *from < field_count(); ++*from)
        if (strchr(field_info(*from)->path, '.') == NULL &&
            force_holds(r, *from) && forces_below(r, *from))
            return true;
    return false;
}

/* ---- writing ---- */

static void write_value(struct rebuild *r, uint32_t node, uint16_t field);

/* A text of a set is a field below it, which terms may strip; one that the
 * table does not have, or that is escaped, is one of the others. */
static bool choice_travels(const struct rebuild *r, uint32_t node, uint16_t set)
{
    const struct policy_terms *t = r->change->terms;
    const struct json_node *n = node_at(r, node);
    uint16_t choice = FIELD_NONE;

    if (t == NULL || n->type != JSON_STRING)
        return true;
    if (!n->escaped)
        choice = field_member(r->f->route, set, r->j->text + n->start + 1,
                              n->end - n->start - 2);
    return t->action[choice == FIELD_NONE ? FIELD_OTHERS : choice] !=
           FIELD_STRIP;
}

/* A member of an object that the table knows: does it travel? */
static bool member_travels(const struct rebuild *r, uint32_t node,
                           uint16_t field, uint16_t parent)
{
    const struct policy_terms *t = r->change->terms;
    bool top = parent == FIELD_NONE;

    if (field == FIELD_NONE)
        return t == NULL || t->action[FIELD_OTHERS] != FIELD_STRIP;
    if (top && node_at(r, node)->type == JSON_NULL)
        return false;
    if (t != NULL && t->action[field] == FIELD_STRIP)
        return false;
    if (forced_value(r, field) != NULL)
        return false; /* added behind the others */
    if (field_info(field)->shape == FIELD_SET &&
        !choice_travels(r, node, field))
        return false;
    return node_at(r, node)->type == JSON_OBJECT || !forces_below(r, field);
}

static uint16_t member_field(const struct rebuild *r, uint32_t node,
                             uint16_t parent)
{
    const struct json_node *name = node_at(r, node_at(r, node)->name);

    return field_member(r->f->route, parent, r->j->text + name->start + 1,
                        name->end - name->start - 2);
}

/* What is forced below a field that does not travel itself or is not there. */
static void add_parents(struct additions *a)
{
    struct rebuild *r = a->r;

    for (uint16_t at = 0; forced_parent(r, &at); at++) {
        const char *path = field_info(at)->path;
        uint32_t m = json_member(r->j, 0, path);
        struct additions inner = {.r = r, .parent = at};

        if (m != 0 && node_at(r, m)->type == JSON_OBJECT &&
            member_travels(r, m, at, FIELD_NONE))
            continue;
        put_text(r, a->any ? ",\"" : "\"");
        put_text(r, path);
        put_text(r, "\":{");
        add_forced(&inner);
        put_text(r, "}");
        a->any = true;
    }
}

static void write_object(struct rebuild *r, uint32_t node, uint16_t field)
{
    struct additions a = {.r = r, .parent = field};

    put(r, "{", 1);
    for (uint32_t m = node_at(r, node)->child; m != 0;
         m = node_at(r, m)->next) {
        uint16_t member = member_field(r, m, field);

        if (!member_travels(r, m, member, field))
            continue;
        if (a.any)
            put(r, ",", 1);
        a.any = true;
        put_span(r, node_at(r, m)->name);
        put(r, ":", 1);
        if (field == FIELD_NONE && member != FIELD_NONE &&
            strcmp(field_info(member)->path, "model") == 0)
            put(r, r->model, r->model_length);
        else
            write_value(r, m, member);
    }
    add_forced(&a);
    if (field == FIELD_NONE) {
        add_parents(&a);
        if (r->ceiling[0] != 0)
            add_member(&a, r->ceiling_field, r->ceiling);
    }
    put(r, "}", 1);
}

/* A part that no rule looks into. Depth first; depth is bounded. */
static void write_plain(struct rebuild *r, uint32_t node)
{
    const struct json_node *n = node_at(r, node);
    bool object = n->type == JSON_OBJECT;

    if (!r->j->spaced || n->type < JSON_ARRAY) {
        put_span(r, node);
        return;
    }
    put(r, object ? "{" : "[", 1);
    for (uint32_t e = n->child; e != 0; e = node_at(r, e)->next) {
        if (e != n->child)
            put(r, ",", 1);
        if (object) {
            put_span(r, node_at(r, e)->name);
            put(r, ":", 1);
        }
        write_plain(r, e);
    }
    put(r, object ? "}" : "]", 1);
}

/* Through lists; of a set without what does not travel. */
static void write_list(struct rebuild *r, uint32_t node, uint16_t field)
{
    bool set = field_info(field)->shape == FIELD_SET, any = false;

    put(r, "[", 1);
    for (uint32_t e = node_at(r, node)->child; e != 0;
         e = node_at(r, e)->next) {
        if (set && !choice_travels(r, e, field))
            continue;
        if (any)
            put(r, ",", 1);
        any = true;
        write_value(r, e, field);
    }
    put(r, "]", 1);
}

static void write_value(struct rebuild *r, uint32_t node, uint16_t field)
{
    enum field_shape shape =
        field == FIELD_NONE ? FIELD_FREE : field_info(field)->shape;
    enum json_type type = (enum json_type)node_at(r, node)->type;

    if (type == JSON_OBJECT && shape == FIELD_OBJECT)
        write_object(r, node, field);
    else if (type == JSON_ARRAY &&
             (shape == FIELD_OBJECT || shape == FIELD_SET))
        write_list(r, node, field);
    else
        write_plain(r, node);
}

/* ---- how much of it ---- */

static bool has_null(const struct json *j)
{
    for (uint32_t m = j->nodes[0].child; m != 0; m = j->nodes[m].next)
        if (j->nodes[m].type == JSON_NULL)
            return true;
    return false;
}

static bool strips(const struct rebuild *r)
{
    const struct policy_terms *t = r->change->terms;
    uint64_t any = 0;

    for (size_t i = 0; t != NULL && i < FIELD_WORDS; i++)
        any |= t->strip[i] & r->f->fields.present[i];
    return any != 0;
}

/* A ceiling that the terms set and the request does not say: what is not said
 * would be the endpoint's own, larger one. */
static void ceiling_choose(struct rebuild *r)
{
    static const char *const names[ROUTE_COUNT] = {
        [ROUTE_CHAT_COMPLETIONS] = "max_tokens",
        [ROUTE_COMPLETIONS] = "max_tokens",
        [ROUTE_RESPONSES] = "max_output_tokens",
    };
    const char *name = names[r->f->route];
    int64_t most;

    r->ceiling[0] = 0;
    if (r->change->terms == NULL || name == NULL || r->f->max_tokens >= 0)
        return;
    r->ceiling_field = field_of_route(r->f->route, name, strlen(name));
    most = r->change->terms->ceiling[r->f->route];
    if (most >= 0 && forced_value(r, r->ceiling_field) == NULL)
        snprintf(r->ceiling, sizeof r->ceiling, "%" PRId64, most);
}

static size_t room(const struct rebuild *r)
{
    const struct policy_terms *t = r->change->terms;
    size_t more = EXTRA_BYTES + r->model_length;

    for (size_t i = 0; t != NULL && i < t->nforces; i++)
        more += strlen(t->forces[i].json) +
                2 * strlen(field_info(t->forces[i].field)->path) + 16;
    return r->j->length + more;
}

/* Without white space between tokens, the text around the model's name is
 * what the walk would write. */
static void rebuild_around(struct rebuild *r, uint32_t model)
{
    const struct json_node *m = node_at(r, model);

    put(r, r->j->text, m->start);
    put(r, r->model, r->model_length);
    put(r, r->j->text + m->end, r->j->length - m->end);
}

int body_rebuild(const struct json *j, const struct facts *f,
                 const struct body_change *change, struct buf *out)
{
    struct rebuild r = {.j = j, .f = f, .change = change};
    uint32_t model = json_member(j, 0, "model");
    bool forces =
        change->count || (change->terms != NULL && change->terms->nforces > 0);
    int error;

    if (model == 0)
        return SP_EINVAL;
    error = json_quote(r.model, sizeof r.model, &r.model_length, change->model,
                       strlen(change->model));
    if (error != 0)
        return error;
    ceiling_choose(&r);
    error = buf_reserve(out, room(&r), &r.out);
    if (error != 0)
        return error;
    if (j->spaced || forces || strips(&r) || has_null(j) || r.ceiling[0] != 0)
        write_object(&r, 0, FIELD_NONE);
    else
        rebuild_around(&r, model);
    buf_commit(out, r.length);
    return 0;
}
