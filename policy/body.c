/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of requests: facts out of JSON. Runs in workers on strangers' bytes.
 */
#include "policy/body.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/body_walk.h"

/* The largest whole number that every JSON reader keeps exact (RFC 8259 §6). */
#define TOKENS_MAX ((int64_t)1 << 53)
/* Answers asked for at once; more only means that no budget has so much. */
#define OUTPUTS_MAX 1000000
#define TYPE_MAX    48

/* Fields that hold the ceiling of tokens: all must be right, and the largest
 * counts, since endpoints differ in which of two they keep to, and some take a
 * 0 for absent. */
static const char *const ceilings[ROUTE_COUNT][3] = {
    [ROUTE_CHAT_COMPLETIONS] = {"max_completion_tokens", "max_tokens", NULL},
    [ROUTE_COMPLETIONS] = {"max_tokens", NULL, NULL},
    [ROUTE_RESPONSES] = {"max_output_tokens", NULL, NULL},
    [ROUTE_MESSAGES] = {"max_tokens", NULL, NULL},
};

struct reading {
    const struct json *j;
    struct facts *f;
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
static uint32_t field_at(const struct json *j, const char *name)
{
    uint32_t m = json_member(j, 0, name);

    return m != 0 && j->nodes[m].type == JSON_NULL ? 0 : m;
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
    uint32_t m = field_at(j, "stream");

    f->stream = m != 0 && j->nodes[m].type == JSON_TRUE;
}

static void ceiling_read(const struct json *j, enum route route,
                         struct facts *f)
{
    for (size_t i = 0; i < 3 && ceilings[route][i] != NULL; i++) {
        uint32_t m = field_at(j, ceilings[route][i]);
        int64_t tokens;

        if (m == 0)
            continue;
        if (json_int(j, m, &tokens) != 0 || tokens < 0 || tokens > TOKENS_MAX)
            fault_set(f, REASON_INVALID_FIELD);
        else if (tokens > f->max_tokens)
            f->max_tokens = tokens;
    }
}

/* ---- media ---- */

/* An escaped scheme is not taken for a data: URL: that only refuses. */
static bool url_is_data(const struct json *j, uint32_t node)
{
    const struct json_node *n = &j->nodes[node];

    return n->end - n->start > 7 &&
           strncasecmp(j->text + n->start + 1, "data:", 5) == 0;
}

/* Text as a document's data is no file. */
static bool beside_text_type(const struct json *j, uint32_t node)
{
    uint32_t object = 0, at = 0;

    while (at != node) { /* the innermost object around the node */
        uint32_t child = j->nodes[at].child;

        while (child != 0 && j->nodes[child].end <= j->nodes[node].start)
            child = j->nodes[child].next;
        if (child == 0)
            return false;
        if (j->nodes[at].type == JSON_OBJECT)
            object = at;
        at = child;
    }
    at = json_member(j, object, "type");
    return at != 0 && json_equals(j, at, "text");
}

static void media_read(const struct reading *r, uint32_t node,
                       enum field_shape shape)
{
    if (r->j->nodes[node].type != JSON_STRING)
        return;
    if (shape == FIELD_URL)
        r->f->media |= url_is_data(r->j, node) ? MEDIA_DATA : MEDIA_REMOTE;
    else if (!beside_text_type(r->j, node))
        r->f->media |= MEDIA_DATA;
}

/* Some servers take a URL where the API has an object with one. */
static bool is_bare_url(const struct reading *r, uint32_t node, uint16_t field)
{
    return r->j->nodes[node].type == JSON_STRING &&
           strcmp(field_info(field)->path, "messages.content.image_url") == 0;
}

/* ---- tools ---- */

static bool type_is_plain(const char *type)
{
    return type[0] != 0 && strspn(type, "abcdefghijklmnopqrstuvwxyz"
                                        "0123456789_.-") == strlen(type);
}

/* Whether `word` is one of a list with commas between. */
static bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
        if ((p == list || p[-1] == ',') && (p[n] == 0 || p[n] == ','))
            return true;
    return false;
}

/* Room for ",?" is kept. */
static void type_add(char list[FACTS_TOOL_TYPES + 1], const char *type)
{
    size_t at = strlen(list), n = strlen(type);

    if (list_has(list, type) || list_has(list, "?"))
        return;
    if (at + n + 1 > FACTS_TOOL_TYPES - 2) {
        type = "?";
        n = 1;
    }
    if (at > 0)
        list[at++] = ',';
    memcpy(list + at, type, n + 1);
}

static void tool_read(const struct reading *r, uint32_t tool,
                      const char *otherwise)
{
    char type[TYPE_MAX + 1];
    uint32_t m = json_member(r->j, tool, "type");

    r->f->tools++;
    if (r->j->nodes[tool].type != JSON_OBJECT)
        fault_set(r->f, REASON_INVALID_FIELD);
    else if (m == 0)
        type_add(r->f->tool_types, otherwise);
    else if (json_text(r->j, m, type, sizeof type) != 0 || !type_is_plain(type))
        type_add(r->f->tool_types, "?");
    else
        type_add(r->f->tool_types, type);
}

/* Tools without a type are functions; in messages, custom ones. */
static void tools_read(const struct reading *r, uint32_t list)
{
    const char *otherwise =
        route_info(r->f->route)->dialect == DIALECT_ANTHROPIC ? "custom"
                                                              : "function";
    const struct json_node *nodes = r->j->nodes;

    if (nodes[list].type != JSON_ARRAY) {
        fault_set(r->f, REASON_INVALID_FIELD);
        return;
    }
    for (uint32_t e = nodes[list].child; e != 0; e = nodes[e].next)
        tool_read(r, e, otherwise);
}

static void functions_read(const struct reading *r, uint32_t list)
{
    if (r->j->nodes[list].type != JSON_ARRAY) {
        fault_set(r->f, REASON_INVALID_FIELD);
        return;
    }
    r->f->tools += r->j->nodes[list].count;
    if (r->j->nodes[list].count > 0)
        type_add(r->f->tool_types, "function");
}

/* ---- fields ---- */

static void number_read(const struct reading *r, uint32_t node, uint16_t field)
{
    const struct json_node *n = &r->j->nodes[node];
    int slot = field_number_slot(field);
    bool first = !field_set_has(&r->f->fields, field);
    int64_t v;

    if (slot < 0 || n->type != JSON_NUMBER ||
        field_number_parse(r->j->text + n->start, n->end - n->start, &v) != 0)
        return;
    if (first || v > r->f->fields.number[slot])
        r->f->fields.number[slot] = v;
}

/* Whether a member asks for anything. */
static bool says_something(const struct json *j, uint32_t node,
                           const struct field_info *info)
{
    enum json_type type = (enum json_type)j->nodes[node].type;

    if (type == JSON_NULL)
        return false;
    return !info->off || type != JSON_FALSE;
}

static bool on_member(void *arg, uint32_t node, uint16_t field)
{
    const struct reading *r = arg;
    const struct field_info *info;

    if (field == FIELD_NONE) {
        field_set_add(&r->f->fields, FIELD_OTHERS);
        return true;
    }
    info = field_info(field);
    if (info->shape == FIELD_URL || info->shape == FIELD_DATA)
        media_read(r, node, info->shape);
    else if (is_bare_url(r, node, field))
        media_read(r, node, FIELD_URL);
    if (strcmp(info->path, "tools") == 0)
        tools_read(r, node);
    else if (strcmp(info->path, "functions") == 0)
        functions_read(r, node);
    if (info->otherwise == FIELD_PART || !says_something(r->j, node, info))
        return true;
    if (info->shape == FIELD_NUMBER) {
        if (r->j->nodes[node].type != JSON_NUMBER)
            return true; /* odd, as the walk says next */
        number_read(r, node, field);
    }
    field_set_add(&r->f->fields, field);
    return true;
}

static bool on_odd(void *arg, uint32_t node)
{
    const struct reading *r = arg;

    (void)node;
    fault_set(r->f, REASON_INVALID_FIELD);
    return true;
}

/* The last message is the assistant's: the model is to go on with it. */
static bool ends_with_assistant(const struct json *j, uint32_t list)
{
    uint32_t last = 0, role;

    if (list == 0 || j->nodes[list].type != JSON_ARRAY)
        return false;
    for (uint32_t e = j->nodes[list].child; e != 0; e = j->nodes[e].next)
        last = e;
    role = last == 0 ? 0 : json_member(j, last, "role");
    return role != 0 && json_equals(j, role, "assistant");
}

static const char *conversation_name(enum route route)
{
    if (route == ROUTE_RESPONSES)
        return "input";
    return route == ROUTE_CHAT_COMPLETIONS || route == ROUTE_MESSAGES
               ? "messages"
               : NULL;
}

static void prefill_read(const struct json *j, enum route route,
                         struct facts *f)
{
    const char *name = conversation_name(route);

    if (name != NULL && ends_with_assistant(j, json_member(j, 0, name)))
        field_set_add(&f->fields, FIELD_PREFILL);
}

/* Prompts that are answered each for itself. */
static uint64_t prompts_count(const struct json *j, enum route route)
{
    uint32_t m = route == ROUTE_COMPLETIONS ? json_member(j, 0, "prompt") : 0;
    uint32_t first;

    if (m == 0 || j->nodes[m].type != JSON_ARRAY || j->nodes[m].count == 0)
        return 1;
    first = j->nodes[m].child;
    return j->nodes[first].type == JSON_NUMBER ? 1 : j->nodes[m].count;
}

static uint64_t number_whole(const struct facts *f, const char *path)
{
    uint16_t field = field_of_route(f->route, path, strlen(path));
    int slot = field_number_slot(field);
    int64_t v = slot < 0 || !field_set_has(&f->fields, field)
                    ? 0
                    : f->fields.number[slot];

    if (v <= 0)
        return 0;
    v = v / 1000000 + (v % 1000000 != 0);
    return v > OUTPUTS_MAX ? OUTPUTS_MAX : (uint64_t)v;
}

static void outputs_read(const struct json *j, struct facts *f)
{
    uint64_t n = number_whole(f, "n"), best = number_whole(f, "best_of");
    uint64_t each = best > n ? best : n;
    uint64_t all = (each == 0 ? 1 : each) * prompts_count(j, f->route);

    f->outputs = all > OUTPUTS_MAX ? OUTPUTS_MAX : (uint32_t)all;
}

static void facts_clear(struct facts *f, enum route route, size_t length)
{
    f->route = route;
    f->model[0] = 0;
    f->stream = false;
    f->max_tokens = -1;
    f->body_bytes = length;
    f->outputs = 1;
    f->fields = (struct field_set){0};
    f->tools = 0;
    f->tool_types[0] = 0;
    f->media = 0;
}

void body_read(struct json *j, enum route route, const char *body,
               size_t length, struct facts *f)
{
    struct reading r = {.j = j, .f = f};
    struct body_walk walk = {
        .j = j, .arg = &r, .member = on_member, .odd = on_odd};

    if ((unsigned)route >= ROUTE_COUNT)
        route = ROUTE_UNKNOWN;
    walk.route = route;
    facts_clear(f, route, length);
    if (json_parse(j, body, length, LIMIT_JSON_DEPTH, LIMIT_JSON_NODES) != 0) {
        fault_set(f, fault_reason(j->fault));
        return;
    }
    if (j->nodes[0].type != JSON_OBJECT) {
        fault_set(f, REASON_INVALID_JSON);
        return;
    }
    body_walk(&walk);
    model_read(j, f);
    stream_read(j, f);
    ceiling_read(j, route, f);
    prefill_read(j, route, f);
    outputs_read(j, f);
}

bool body_asks_usage(const struct json *j)
{
    uint32_t options = json_member(j, 0, "stream_options");
    uint32_t m = options == 0 ? 0 : json_member(j, options, "include_usage");

    return m != 0 && j->nodes[m].type == JSON_TRUE;
}

/* ---- where something is ---- */

struct looking {
    const struct json *j;
    uint16_t field;
    bool odd; /* what is odd is looked for */
    uint32_t found;
};

static bool look_member(void *arg, uint32_t node, uint16_t field)
{
    struct looking *l = arg;

    if (l->odd || field != l->field)
        return true;
    l->found = node;
    return false;
}

static bool look_odd(void *arg, uint32_t node)
{
    struct looking *l = arg;

    if (!l->odd)
        return true;
    l->found = node;
    return false;
}

/* RFC 6901: "~" and "/" are escaped. */
static void name_put(const struct json *j, uint32_t name, char *out,
                     size_t size, size_t *at)
{
    const struct json_node *n = &j->nodes[name];
    size_t most = 64;

    for (uint32_t i = n->start + 1; i + 1 < n->end && most-- > 0; i++) {
        char c = j->text[i];

        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            c = '?';
        if (*at + 3 > size)
            return;
        if (c == '~' || c == '/') {
            out[(*at)++] = '~';
            c = c == '~' ? '0' : '1';
        }
        out[(*at)++] = c;
    }
}

/* Down from the top, each time into the child that has the node in it. */
static void pointer_write(const struct json *j, uint32_t target, char *out,
                          size_t size)
{
    uint32_t at = 0;
    size_t n = 0;

    while (at != target && n + 16 < size) {
        uint32_t child = j->nodes[at].child, index = 0;

        for (; child != 0 && j->nodes[child].end <= j->nodes[target].start;
             index++)
            child = j->nodes[child].next;
        if (child == 0)
            break;
        out[n++] = '/';
        if (j->nodes[at].type == JSON_ARRAY)
            n += (size_t)snprintf(out + n, size - n, "%u", index);
        else
            name_put(j, j->nodes[child].name, out, size - 1, &n);
        at = child;
    }
    out[at == target ? n : 0] = 0;
}

void body_locate(const struct json *j, enum route route, uint16_t field,
                 char *pointer, size_t size)
{
    struct looking l = {.j = j,
                        .field = field == FIELD_OTHERS ? FIELD_NONE : field,
                        .odd = field == FIELD_NONE};
    const struct body_walk walk = {.j = j,
                                   .route = route,
                                   .arg = &l,
                                   .member = look_member,
                                   .odd = look_odd};

    if (size > 0)
        pointer[0] = 0;
    if (size < 32 || j->count == 0 || j->nodes[0].type != JSON_OBJECT)
        return;
    if (field == FIELD_PREFILL) {
        const char *name = conversation_name(route);
        uint32_t list = name == NULL ? 0 : json_member(j, 0, name);

        for (uint32_t e = list == 0 ? 0 : j->nodes[list].child; e != 0;
             e = j->nodes[e].next)
            l.found = e;
    } else {
        body_walk(&walk);
    }
    if (l.found != 0)
        pointer_write(j, l.found, pointer, size);
}
