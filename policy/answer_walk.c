/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through an answer's JSON, in the order of its text and without
 * recursion; the parser bounds its depth. What each member means is in
 * answer_shape.c; here is what is done about it. Runs in workers on what a
 * model's endpoint sent.
 */
#include "policy/answer_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/answer_shape.h"

/* Names that are compared are shorter. */
#define NAME_BYTES 64
/* What a client is told instead of an endpoint's own words. */
#define FAILURE_TEXT "The model failed."

/* A container that is being walked through. */
struct place {
    uint32_t next;   /* the member to come, 0: none */
    uint32_t behind; /* where the last member that stays ends */
    uint8_t shape;
    bool object;
    bool kept;  /* a member in front stays */
    bool muted; /* all of it goes anyway: only counted */
};

struct walk {
    struct answer *a;
    const struct json *j;
    size_t depth;
    bool thought;      /* a chat's reasoning was removed … */
    bool substance;    /* … and something else is there */
    bool hidden_usage; /* there was one, and it is not for the client */
    struct place places[LIMIT_JSON_DEPTH + 1];
};

enum fate { FATE_KEPT, FATE_CUT, FATE_CHANGED };

struct view {
    const char *p;
    size_t length;
};

/* ---- small looks ---- */

static const struct json_node *node_at(const struct walk *w, uint32_t node)
{
    return &w->j->nodes[node];
}

/* The string's text; one that is escaped and too long for `room` is "". */
static struct view text_view(const struct json *j, uint32_t node,
                             char room[NAME_BYTES])
{
    const struct json_node *n = &j->nodes[node];

    if (!n->escaped)
        return (struct view){j->text + n->start + 1, n->end - n->start - 2};
    if (json_text(j, node, room, NAME_BYTES) != 0)
        room[0] = 0;
    return (struct view){room, strlen(room)};
}

static bool view_is(struct view v, const char *text)
{
    return v.length == strlen(text) && memcmp(v.p, text, v.length) == 0;
}

static bool view_begins(struct view v, const char *text)
{
    size_t length = strlen(text);

    return v.length >= length && memcmp(v.p, text, length) == 0;
}

static bool view_ends(struct view v, const char *text)
{
    size_t length = strlen(text);

    return v.length >= length &&
           memcmp(v.p + v.length - length, text, length) == 0;
}

/* The text of a string member, or "". */
static struct view member_view(const struct json *j, uint32_t object,
                               const char *name, char room[NAME_BYTES])
{
    uint32_t m = json_member(j, object, name);

    if (m == 0 || j->nodes[m].type != JSON_STRING)
        return (struct view){"", 0};
    return text_view(j, m, room);
}

/* null, "", {} or []. */
static bool node_is_void(const struct json_node *n)
{
    return n->type == JSON_NULL ||
           (n->type == JSON_STRING && n->end - n->start == 2) ||
           (n->type >= JSON_ARRAY && n->count == 0);
}

uint64_t answer_name_bit(const char *name, size_t length)
{
    size_t hash = length == 0 ? 0 : length * 7 + (uint8_t)name[0];

    return (uint64_t)1 << (hash & 63);
}

static bool name_is_removed(const struct answer *a, struct view name)
{
    const char *const *n = a->rule->remove;

    if ((a->remove_filter & answer_name_bit(name.p, name.length)) == 0)
        return false;
    for (; *n != NULL; n++)
        if (view_is(name, *n))
            return true;
    return false;
}

/* ---- edits ---- */

static int edit_add(struct walk *w, struct answer_edit edit)
{
    struct answer *a = w->a;
    struct answer_edit *edits;
    size_t capacity;

    if (a->nedits == a->edits_capacity) {
        capacity = a->edits_capacity == 0 ? 8 : a->edits_capacity * 2;
        edits = realloc(a->edits, capacity * sizeof *edits);
        if (edits == NULL)
            return SP_ENOMEM;
        a->edits = edits;
        a->edits_capacity = capacity;
    }
    a->edits[a->nedits++] = edit;
    return 0;
}

static int edit_text(struct walk *w, uint32_t node, const char *text)
{
    const struct json_node *n = node_at(w, node);
    size_t length = strlen(text);

    if (n->end - n->start == length &&
        memcmp(w->j->text + n->start, text, length) == 0)
        return 0;
    return edit_add(w, (struct answer_edit){.start = n->start,
                                            .end = n->end,
                                            .length = (uint32_t)length,
                                            .text = text});
}

static uint32_t member_start(const struct walk *w, uint32_t node)
{
    const struct json_node *n = node_at(w, node);

    return n->name != 0 ? node_at(w, n->name)->start : n->start;
}

/* Takes a member out, with the comma in front of it, or, if nothing in front
 * stays, with the one behind it. */
static int member_cut(struct walk *w, struct place *in, uint32_t node)
{
    const struct json_node *n = node_at(w, node);
    struct answer_edit cut = {.end = n->end};

    if (in->kept) {
        cut.start = in->behind;
        in->behind = n->end;
    } else {
        cut.start = member_start(w, node);
        if (n->next != 0)
            cut.end = member_start(w, n->next);
    }
    return edit_add(w, cut);
}

/* ---- deeds ---- */

struct visit {
    struct place *in;
    uint32_t node;
    const struct json_node *n;
    enum shape shape; /* of the value */
    enum fate fate;
    const char *text; /* FATE_CHANGED: NULL: the model's name */
};

static void count(struct walk *w, size_t bytes)
{
    w->a->said[w->a->counter] += bytes;
}

static int do_nothing(struct walk *w, struct visit *v)
{
    (void)w;
    (void)v;
    return 0;
}

static int do_said(struct walk *w, struct visit *v)
{
    if (v->n->type == JSON_STRING)
        count(w, json_text_bytes(w->j, v->node));
    else if (v->shape == SHAPE_OPAQUE && v->n->count > 0)
        count(w, v->n->end - v->n->start);
    return 0;
}

static int do_thought_again(struct walk *w, struct visit *v)
{
    if (!w->a->rule->strip_reasoning)
        return 0;
    w->thought = true;
    v->fate = FATE_CUT;
    return 0;
}

static int do_thought(struct walk *w, struct visit *v)
{
    (void)do_said(w, v);
    return do_thought_again(w, v);
}

static int do_thought_emptied(struct walk *w, struct visit *v)
{
    (void)do_said(w, v);
    if (!w->a->rule->strip_reasoning || v->n->type == JSON_NULL)
        return 0;
    v->fate = FATE_CHANGED;
    v->text = v->n->type == JSON_STRING  ? "\"\""
              : v->n->type == JSON_ARRAY ? "[]"
                                         : "null";
    return 0;
}

static int do_thought_event(struct walk *w, struct visit *v)
{
    (void)do_said(w, v);
    if (w->a->rule->strip_reasoning)
        w->a->dropped = true;
    return 0;
}

static int do_model(struct walk *w, struct visit *v)
{
    struct answer *a = w->a;

    if (json_equals(w->j, v->node, a->rule->model))
        return 0;
    if (!json_equals(w->j, v->node, a->rule->upstream))
        a->other_model = true;
    v->fate = FATE_CHANGED;
    return 0;
}

static int do_model_maybe(struct walk *w, struct visit *v)
{
    if (json_equals(w->j, v->node, w->a->rule->upstream) &&
        !json_equals(w->j, v->node, w->a->rule->model))
        v->fate = FATE_CHANGED;
    return 0;
}

static int do_usage(struct walk *w, struct visit *v)
{
    bool told = v->n->type == JSON_OBJECT;

    if (told)
        usage_read(&w->a->usage, w->j, v->node);
    if (w->a->hide_usage && v->in->shape == SHAPE_CHAT) {
        v->fate = FATE_CUT;
        w->hidden_usage = told;
    } else if (told) {
        w->substance = true;
    }
    return 0;
}

static int do_id(struct walk *w, struct visit *v)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789_.:-";
    char *id = w->a->id;

    if (id[0] == 0 && (json_text(w->j, v->node, id, sizeof(w->a->id)) != 0 ||
                       id[strspn(id, good)] != 0))
        id[0] = 0;
    return 0;
}

static bool is_word(const char *text)
{
    return text[0] != 0 &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")] == 0;
}

static int do_finish(struct walk *w, struct visit *v)
{
    char finish[ANSWER_FINISH_BYTES + 1];

    if (v->n->type == JSON_NULL)
        return 0;
    w->substance = true;
    if (json_text(w->j, v->node, finish, sizeof(finish)) == 0 &&
        is_word(finish) && strcmp(finish, "in_progress") != 0 &&
        strcmp(finish, "queued") != 0)
        memcpy(w->a->finish, finish, sizeof(finish));
    return 0;
}

static int do_kind(struct walk *w, struct visit *v)
{
    return json_equals(w->j, v->node, "error") ? SP_EPERM : 0;
}

static int do_error(struct walk *w, struct visit *v)
{
    (void)w;
    return v->n->type == JSON_NULL ? 0 : SP_EPERM;
}

static int do_failure(struct walk *w, struct visit *v)
{
    char code[ANSWER_FINISH_BYTES + 1];
    uint32_t m = json_member(w->j, v->node, "code");

    if (v->n->type == JSON_NULL)
        return 0;
    if (m == 0 || json_text(w->j, m, code, sizeof(code)) != 0 || !is_word(code))
        snprintf(code, sizeof(code), "server_error");
    snprintf(w->a->failure, sizeof(w->a->failure),
             "{\"code\":\"%s\",\"message\":\"" FAILURE_TEXT "\"}", code);
    v->fate = FATE_CHANGED;
    v->text = w->a->failure;
    return 0;
}

static int (*const deeds[DEED_COUNT])(struct walk *, struct visit *) = {
    [DEED_NONE] = do_nothing,
    [DEED_SAID] = do_said,
    [DEED_THOUGHT] = do_thought,
    [DEED_THOUGHT_AGAIN] = do_thought_again,
    [DEED_THOUGHT_EMPTIED] = do_thought_emptied,
    [DEED_THOUGHT_EVENT] = do_thought_event,
    [DEED_MODEL] = do_model,
    [DEED_MODEL_MAYBE] = do_model_maybe,
    [DEED_USAGE] = do_usage,
    [DEED_ID] = do_id,
    [DEED_FINISH] = do_finish,
    [DEED_KIND] = do_kind,
    [DEED_ERROR] = do_error,
    [DEED_FAILURE] = do_failure,
};

/* ---- the walk ---- */

static enum shape item_shape(const struct json *j, uint32_t node)
{
    char room[NAME_BYTES];

    return view_is(member_view(j, node, "type", room), "reasoning")
               ? SHAPE_REASONING_ITEM
               : SHAPE_ITEM;
}

static void enter(struct walk *w, uint32_t node, enum shape shape, bool muted)
{
    const struct json_node *n = node_at(w, node);
    bool object = n->type == JSON_OBJECT;

    if (object && shape == SHAPE_ITEM)
        shape = item_shape(w->j, node);
    w->places[w->depth++] = (struct place){.next = n->child,
                                           .behind = n->start + 1,
                                           .shape = (uint8_t)shape,
                                           .object = object,
                                           .muted = muted};
}

static int fate_apply(struct walk *w, struct visit *v)
{
    if (v->in->muted)
        return 0;
    if (v->fate == FATE_CUT)
        return member_cut(w, v->in, v->node);
    v->in->kept = true;
    v->in->behind = v->n->end;
    if (v->in->shape == SHAPE_SPOKEN && v->fate == FATE_KEPT &&
        !node_is_void(v->n))
        w->substance = true;
    if (v->fate == FATE_KEPT)
        return 0;
    if (v->text != NULL)
        return edit_text(w, v->node, v->text);
    return edit_add(w, (struct answer_edit){.start = v->n->start,
                                            .end = v->n->end,
                                            .length = w->a->model_length});
}

/* The next member of the container at hand. */
static int visit(struct walk *w, struct place *in)
{
    struct visit v = {.in = in, .node = in->next, .n = node_at(w, in->next)};
    const struct shape_row *row = shape_element((enum shape)in->shape);
    char room[NAME_BYTES];
    bool muted;
    int r;

    in->next = v.n->next;
    if (in->object) {
        struct view name = text_view(w->j, v.n->name, room);

        row = shape_row((enum shape)in->shape, name.p, name.length);
        if (name_is_removed(w->a, name))
            v.fate = FATE_CUT;
    }
    v.shape = (enum shape)row->shape;
    muted = in->muted || v.fate == FATE_CUT;
    if ((r = deeds[row->deed](w, &v)) != 0)
        return r;
    if (muted && !in->muted)
        v.fate = FATE_CUT; /* whatever the deed made of it */
    if ((r = fate_apply(w, &v)) != 0)
        return r;
    if (v.n->child != 0 && v.shape != SHAPE_OPAQUE &&
        !(muted && v.shape == SHAPE_ANY))
        enter(w, v.node, v.shape, muted || v.fate != FATE_KEPT);
    return 0;
}

static int walk_all(struct walk *w, enum shape shape)
{
    int r;

    enter(w, 0, shape, false);
    while (w->depth > 0) {
        struct place *in = &w->places[w->depth - 1];

        if (in->next == 0)
            w->depth--;
        else if ((r = visit(w, in)) != 0)
            return r;
    }
    return 0;
}

/* ---- each API ---- */

/* A chunk that had nothing but what the client is not to see is not sent. */
static int chat_walk(struct walk *w, const struct answer_event *e)
{
    const struct json *j = w->j;
    int r = walk_all(w, SHAPE_CHAT);
    uint32_t choices;

    if (r != 0 || e == NULL)
        return r;
    if (w->hidden_usage) {
        choices = json_member(j, 0, "choices");
        if (choices == 0 || j->nodes[choices].count == 0)
            w->a->dropped = true;
    }
    if (w->thought && !w->substance)
        w->a->dropped = true;
    return 0;
}

/* Clients go by the event's name or by the type in it: they must be one. */
static int event_type(struct walk *w, const struct answer_event *e,
                      char room[NAME_BYTES], struct view *type)
{
    *type = member_view(w->j, 0, "type", room);
    if (e->name != NULL && (e->name_length != type->length ||
                            memcmp(e->name, type->p, type->length) != 0))
        return SP_EPROTO;
    return 0;
}

static bool type_is_terminal(struct view type)
{
    return view_is(type, "response.completed") ||
           view_is(type, "response.incomplete") ||
           view_is(type, "response.failed");
}

static enum answer_said type_counter(struct view type)
{
    if (view_ends(type, ".delta"))
        return SAID_ONCE;
    if (view_is(type, "response.output_item.done"))
        return SAID_ITEMS;
    return type_is_terminal(type) ? SAID_RESPONSE : SAID_NOTHING;
}

static bool event_is_reasoning(struct walk *w, struct view type)
{
    uint32_t part = json_member(w->j, 0, "part");
    char room[NAME_BYTES];

    return view_begins(type, "response.reasoning") ||
           (part != 0 &&
            view_begins(member_view(w->j, part, "type", room), "reasoning"));
}

static int response_event_walk(struct walk *w, const struct answer_event *e)
{
    char room[NAME_BYTES];
    struct view type;
    int r = event_type(w, e, room, &type);

    if (r != 0)
        return r;
    w->a->counter = type_counter(type);
    r = walk_all(w, SHAPE_RESPONSE_EVENT);
    if (r != 0)
        return r;
    if (w->a->rule->strip_reasoning && event_is_reasoning(w, type))
        w->a->dropped = true;
    if (type_is_terminal(type))
        w->a->finished = true;
    return 0;
}

/* What fails as a response says so in its status; anything else that has an
 * error is not one. */
static int response_walk(struct walk *w)
{
    uint32_t error = json_member(w->j, 0, "error");
    uint32_t status = json_member(w->j, 0, "status");

    if (error != 0 && w->j->nodes[error].type != JSON_NULL &&
        (status == 0 || !json_equals(w->j, status, "failed")))
        return SP_EPERM;
    return walk_all(w, SHAPE_RESPONSE);
}

static int message_event_walk(struct walk *w, const struct answer_event *e)
{
    char room[NAME_BYTES];
    struct view type;
    int r = event_type(w, e, room, &type);

    if (r == 0)
        r = walk_all(w, SHAPE_MESSAGE_EVENT);
    if (r == 0 && view_is(type, "message_stop"))
        w->a->finished = true;
    return r;
}

static int tokens_walk(struct walk *w)
{
    usage_read(&w->a->usage, w->j, 0);
    return walk_all(w, SHAPE_TOKENS);
}

static int route_walk(struct walk *w, const struct answer_event *e)
{
    switch (w->a->route) {
    case ROUTE_RESPONSES:
        return e != NULL ? response_event_walk(w, e) : response_walk(w);
    case ROUTE_MESSAGES:
        return e != NULL ? message_event_walk(w, e)
                         : walk_all(w, SHAPE_MESSAGE);
    case ROUTE_MESSAGES_COUNT_TOKENS:
        return tokens_walk(w);
    case ROUTE_CHAT_COMPLETIONS:
    case ROUTE_COMPLETIONS:
    case ROUTE_MODELS:
    case ROUTE_MODEL:
    case ROUTE_STATUS:
    case ROUTE_NDA:
    case ROUTE_NDA_DOCUMENT:
    case ROUTE_NDA_ACCEPT:
    case ROUTE_FINDINGS:
    case ROUTE_RECEIPT:
    case ROUTE_LOG_CHECKPOINT:
    case ROUTE_LOG_COSIGNED:
    case ROUTE_LOG_ENTRIES:
    case ROUTE_LOG_BUNDLE:
    case ROUTE_LOG_TILE:
    case ROUTE_UNKNOWN:
    case ROUTE_COUNT:
    default:
        return chat_walk(w, e);
    }
}

int answer_walk(struct answer *a, const struct answer_event *e)
{
    struct walk w;

    /* Not the places: each is written when it is entered. */
    w.a = a;
    w.j = &a->json;
    w.depth = 0;
    w.thought = w.substance = w.hidden_usage = false;
    a->nedits = 0;
    a->dropped = false;
    a->counter = SAID_ONCE;
    if (a->json.nodes[0].type != JSON_OBJECT)
        return SP_EPROTO;
    return route_walk(&w, e);
}
