/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of one answer: bytes to events or a document, each parsed,
 * looked through (answer_walk.c) and written again. Runs in workers on what a
 * model's endpoint sent, which is trusted to be neither right nor honest.
 */
#include "policy/answer.h"

#include <stdlib.h>
#include <string.h>

#include "policy/answer_walk.h"

/* Around an event's data when it is written: `event: N`, `data: ` and ends. */
#define FRAME_BYTES (7 + EVENT_NAME_BYTES + 1 + 6 + 2)

/* Most events have less; room for more is given back behind the event that
 * took it, or each stream would keep room for the longest there was. */
#define SPARE_NODES 1024

/* ---- the reader ---- */

static uint64_t remove_filter(const char *const *names)
{
    uint64_t filter = 0;

    for (; names != NULL && *names != NULL; names++)
        filter |= answer_name_bit(*names, strlen(*names));
    return filter;
}

int answer_init(struct answer *a, const struct answer_rule *rule,
                enum route route, bool events, bool usage_asked)
{
    char quoted[LIMIT_MODEL_BYTES * 6 + 3];
    size_t length = 0;
    int r;

    memset(a, 0, sizeof(*a));
    a->rule = rule;
    a->route = route;
    a->events = events;
    a->hide_usage = events && !usage_asked;
    a->remove_filter = remove_filter(rule->remove);
    usage_init(&a->usage);
    buf_init(&a->pending, events ? LIMIT_EVENT_BYTES : LIMIT_ANSWER_BYTES);
    buf_init(&a->joined, LIMIT_EVENT_BYTES);
    r = json_quote(quoted, sizeof(quoted), &length, rule->model,
                   strlen(rule->model));
    a->model_length = (uint32_t)length;
    return r;
}

void answer_release(struct answer *a)
{
    buf_release(&a->pending);
    buf_release(&a->joined);
    json_release(&a->json);
    free(a->edits);
    explicit_bzero(a, sizeof(*a));
}

/* ---- writing ---- */

static size_t put(uint8_t *to, size_t at, const char *text, size_t length)
{
    memcpy(to + at, text, length);
    return at + length;
}

static size_t put_model(const struct answer *a, uint8_t *to, size_t at)
{
    size_t end = at;

    /* Cannot fail: it was written so once, to know its length. */
    if (json_quote((char *)to, at + a->model_length, &end, a->rule->model,
                   strlen(a->rule->model)) != 0)
        return at;
    return end;
}

/* The text at hand with its edits; returns where it ends. */
static size_t put_edited(const struct answer *a, uint8_t *to, size_t at)
{
    const char *text = a->json.text;
    size_t from = 0;

    for (size_t i = 0; i < a->nedits; i++) {
        const struct answer_edit *e = &a->edits[i];

        at = put(to, at, text + from, e->start - from);
        if (e->text != NULL)
            at = put(to, at, e->text, e->length);
        else if (e->length > 0)
            at = put_model(a, to, at);
        from = e->end;
    }
    return put(to, at, text + from, a->json.length - from);
}

/* The most that it may be longer for its edits. */
static size_t edits_bytes(const struct answer *a)
{
    size_t bytes = 0;

    for (size_t i = 0; i < a->nedits; i++)
        bytes += a->edits[i].length;
    return bytes;
}

static int event_write(const struct answer *a, const struct answer_event *e,
                       struct buf *out)
{
    uint8_t *to;
    size_t at = 0;
    int r = buf_reserve(out, FRAME_BYTES + e->length + edits_bytes(a), &to);

    if (r != 0)
        return r;
    if (e->name != NULL) {
        at = put(to, at, "event: ", 7);
        at = put(to, at, e->name, e->name_length);
        at = put(to, at, "\n", 1);
    }
    at = put(to, at, "data: ", 6);
    at = put_edited(a, to, at);
    at = put(to, at, "\n\n", 2);
    buf_commit(out, at);
    return 0;
}

static int document_write(const struct answer *a, struct buf *out)
{
    uint8_t *to;
    int r = buf_reserve(out, a->json.length + edits_bytes(a), &to);

    if (r == 0)
        buf_commit(out, put_edited(a, to, 0));
    return r;
}

/* ---- events ---- */

static int parse(struct answer *a, const char *text, size_t length,
                 size_t max_nodes)
{
    int r = json_parse(&a->json, text, length, LIMIT_JSON_DEPTH, max_nodes);

    return r == SP_EINVAL ? SP_EPROTO : r;
}

/* Line ends between the lines of data: in JSON they can only stand where any
 * white space can, and one line is written for all. */
static void lines_join(struct answer *a)
{
    uint8_t *p;

    if (a->joined.length == 0)
        return;
    p = a->joined.data + a->joined.start;
    for (size_t i = 0; i < a->joined.length; i++)
        if (p[i] == '\n')
            p[i] = ' ';
}

static bool event_is_done(const struct answer_event *e)
{
    return e->length == 6 && memcmp(e->text, "[DONE]", 6) == 0;
}

/* `data: [DONE]`, the one that is no JSON. */
static int done_take(struct answer *a, const struct answer_event *e,
                     struct buf *out)
{
    if (a->route == ROUTE_MESSAGES)
        return SP_EPROTO;
    if (a->route != ROUTE_RESPONSES)
        a->finished = true;
    a->nedits = 0;
    a->json.text = e->text;
    a->json.length = e->length;
    return event_write(a, e, out);
}

static int data_take(struct answer *a, const struct answer_event *e,
                     const uint8_t *data, size_t length, struct buf *out)
{
    int r;

    if (event_is_done(e))
        return done_take(a, e, out);
    if ((r = parse(a, e->text, e->length, LIMIT_JSON_NODES)) != 0)
        return r;
    lines_join(a);
    if ((r = answer_walk(a, e)) != 0 || a->dropped)
        return r;
    if (e->plain && a->nedits == 0)
        return buf_append(out, data, length);
    return event_write(a, e, out);
}

static bool event_is_error(const struct answer_event *e)
{
    return e->name != NULL && e->name_length == 5 &&
           memcmp(e->name, "error", 5) == 0;
}

/* One whole event's bytes. */
static int event_take(struct answer *a, const uint8_t *data, size_t length,
                      struct buf *out)
{
    struct answer_event e;
    int r;

    if (length > LIMIT_EVENT_BYTES)
        return SP_EPROTO;
    r = answer_event_read(data, length, &a->joined, &e);
    if (r == 0 && event_is_error(&e))
        r = SP_EPERM;
    if (r == 0 && e.text != NULL)
        r = data_take(a, &e, data, length, out);
    if (a->joined.length > 0)
        buf_release(&a->joined);
    if (a->json.capacity > SPARE_NODES)
        json_release(&a->json);
    return r;
}

/* The event at hand has begun in bytes that came before. */
static int pending_add(struct answer *a, const uint8_t *data, size_t length)
{
    int r = buf_append(&a->pending, data, length);

    return r == SP_ETOOBIG ? SP_EPROTO : r;
}

static int pending_take(struct answer *a, struct buf *out)
{
    int r = event_take(a, buf_bytes(&a->pending), a->pending.length, out);

    buf_release(&a->pending);
    return r;
}

static int found_take(struct answer *a, enum events_found found,
                      const uint8_t *data, size_t length, struct buf *out)
{
    int r;

    if (found == EVENTS_NOTHING)
        return 0;
    if (found == EVENTS_COMMENT)
        return buf_append(out, ":\n\n", 3);
    if (found == EVENTS_MORE)
        return a->framing.in_event ? pending_add(a, data, length) : 0;
    if (a->pending.length == 0)
        return event_take(a, data, length, out);
    r = pending_add(a, data, length);
    return r != 0 ? r : pending_take(a, out);
}

static int events_feed(struct answer *a, const uint8_t *data, size_t length,
                       struct buf *out)
{
    int r = 0;

    while (r == 0 && length > 0) {
        enum events_found found;
        size_t used;

        r = events_scan(&a->framing, data, length, &used, &found);
        if (r != 0)
            break;
        r = found_take(a, found, data, used, out);
        data += used;
        length -= used;
    }
    return r;
}

/* ---- feeding ---- */

int answer_feed(struct answer *a, const uint8_t *data, size_t length,
                struct buf *out)
{
    if (a->failed == 0)
        a->failed = a->events ? events_feed(a, data, length, out)
                              : buf_append(&a->pending, data, length);
    return a->failed;
}

static int document_end(struct answer *a, struct buf *out)
{
    size_t length = a->pending.length;
    int r = length == 0 ? SP_EPROTO
                        : parse(a, (const char *)buf_bytes(&a->pending), length,
                                LIMIT_ANSWER_NODES);

    if (r == 0)
        r = answer_walk(a, NULL);
    if (r == 0)
        r = document_write(a, out);
    if (r == 0)
        a->finished = true;
    buf_release(&a->pending);
    json_release(&a->json);
    return r;
}

static int events_end(struct answer *a, struct buf *out)
{
    a->framing.in_event = false;
    return a->pending.length > 0 ? pending_take(a, out) : 0;
}

int answer_end(struct answer *a, struct buf *out)
{
    if (a->failed == 0)
        a->failed = a->events ? events_end(a, out) : document_end(a, out);
    return a->failed;
}

/* ---- what it told ---- */

struct answer_usage answer_usage(const struct answer *a)
{
    return usage_sum(&a->usage);
}

uint64_t answer_content_bytes(const struct answer *a)
{
    uint64_t most = 0;

    for (size_t i = 0; i < SAID_NOTHING; i++)
        if (a->said[i] > most)
            most = a->said[i];
    return most;
}

int64_t answer_estimate(const struct answer *a)
{
    return (int64_t)((answer_content_bytes(a) + 3) / 4);
}

const char *answer_finish(const struct answer *a)
{
    return a->finish;
}

const char *answer_id(const struct answer *a)
{
    return a->id;
}

bool answer_other_model(const struct answer *a)
{
    return a->other_model;
}

bool answer_finished(const struct answer *a)
{
    return a->finished;
}
