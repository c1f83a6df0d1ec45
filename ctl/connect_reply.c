/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's answer on its way to a local client: its head with our own
 * framing, its body as it comes. Runs in `sallyport connect`.
 */
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>

#include "ctl/connect_caller_parts.h"
#include "lib/http_head.h"
#include "lib/json.h"

/* When so much waits for a client the gateway's side is not read, until that
 * little is left. As the gateway itself does it. */
#define HIGH_BYTES LIMIT_RELAY_BYTES
#define LOW_BYTES  (LIMIT_RELAY_BYTES / 4)

static struct evbuffer *out_of(struct caller *c)
{
    return bufferevent_get_output(c->bev);
}

static void put(struct caller *c, const void *data, size_t length)
{
    if (evbuffer_add(out_of(c), data, length) != 0)
        caller_close(c);
    else
        c->added += length;
}

/* ---- the head ---- */

/* Everything that was asked, into the receipt, now that its salt is here. */
static void asked_commit(struct caller *c)
{
    size_t left = c->body == NULL ? 0 : evbuffer_get_length(c->body);
    struct evbuffer_ptr at;
    struct evbuffer_iovec v;

    if (left == 0 || evbuffer_ptr_set(c->body, &at, 0, EVBUFFER_PTR_SET) != 0)
        return;
    while (evbuffer_peek(c->body, -1, &at, &v, 1) > 0) {
        receipt_asked(&c->receipt, v.iov_base, v.iov_len);
        keep_asked(&c->keep, v.iov_base, v.iov_len);
        left -= v.iov_len;
        if (left == 0 ||
            evbuffer_ptr_set(c->body, &at, v.iov_len, EVBUFFER_PTR_ADD) != 0)
            break;
    }
}

static void framing_put(struct caller *c, const struct gate_answer *a)
{
    struct evbuffer *out = out_of(c);

    c->chunked = false;
    c->closes = !c->ask.keep_alive || c->of->stopping;
    if (a->length >= 0) {
        evbuffer_add_printf(out, "content-length: %lld\r\n",
                            (long long)a->length);
    } else if (!a->no_body && !c->ask.http10) {
        c->chunked = true;
        evbuffer_add_printf(out, "transfer-encoding: chunked\r\n");
    } else if (!a->no_body) {
        c->closes = true;
    }
    evbuffer_add_printf(out, "%s\r\n",
                        c->closes ? "connection: close\r\n" : "");
}

static void on_begin(void *arg, const struct gate_answer *a)
{
    struct caller *c = arg;
    struct evbuffer *out = out_of(c);
    size_t before = evbuffer_get_length(out);

    caller_state(c, CALLER_ANSWERING);
    c->status = a->status;
    c->events = a->events;
    c->tail_length = 0;
    c->receipt.status = a->status;
    receipt_begin(&c->receipt, a->receipt);
    if (c->receipt.open && c->receipt.has_salt)
        keep_begin(&c->keep, c->of->o.keep, c->receipt.n);
    asked_commit(c);
    caller_body_drop(c);
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", a->status,
                        http_status_phrase(a->status));
    evbuffer_add_buffer(out, a->fields);
    framing_put(c, a);
    c->added += evbuffer_get_length(out) - before;
}

/* ---- the body ---- */

static void tail_keep(struct caller *c, const char *data, size_t length)
{
    size_t room = sizeof c->tail, keep;

    if (!c->events && c->status < 400)
        return;
    if (length > room) {
        data += length - room;
        length = room;
    }
    keep = c->tail_length < room - length ? c->tail_length : room - length;
    memmove(c->tail, c->tail + c->tail_length - keep, keep);
    memcpy(c->tail + keep, data, length);
    c->tail_length = keep + length;
}

static void piece_put(struct caller *c, const void *data, size_t length)
{
    char frame[24];

    if (c->chunked)
        put(c, frame, (size_t)snprintf(frame, sizeof frame, "%zx\r\n", length));
    put(c, data, length);
    if (c->chunked)
        put(c, "\r\n", 2);
}

static void on_piece(void *arg, const void *data, size_t length)
{
    struct caller *c = arg;

    receipt_answered(&c->receipt, data, length);
    keep_answered(&c->keep, data, length);
    tail_keep(c, data, length);
    piece_put(c, data, length);
    if (c->state == CALLER_ANSWERING && !c->paused &&
        evbuffer_get_length(out_of(c)) > HIGH_BYTES) {
        c->paused = true;
        gate_pause(&c->call, true);
    }
}

void reply_writable(struct caller *c)
{
    if (!c->paused || evbuffer_get_length(out_of(c)) > LOW_BYTES)
        return;
    c->paused = false;
    gate_pause(&c->call, false);
}

/* ---- the end ---- */

/* The code in {"error":{…}} of either family; "" if it is none. */
static void code_read(const char *text, size_t length, char code[64])
{
    struct json j = {0};
    uint32_t error = 0, m = 0;

    code[0] = '\0';
    if (json_parse(&j, text, length, 8, 256) == 0 &&
        j.nodes[0].type == JSON_OBJECT)
        error = json_member(&j, 0, "error");
    if (error != 0 && j.nodes[error].type == JSON_OBJECT) {
        uint32_t details = json_member(&j, error, "details");

        m = json_member(&j, error, "code");
        if (m == 0 && details != 0 && j.nodes[details].type == JSON_OBJECT)
            m = json_member(&j, details, "error_code");
    }
    if (m != 0 &&
        (j.nodes[m].type != JSON_STRING || json_text(&j, m, code, 64) != 0))
        code[0] = '\0';
    code[strspn(code, "abcdefghijklmnopqrstuvwxyz_0123456789")] = '\0';
    json_release(&j);
}

/* The last event's data, if the tail has all of it. */
static void stream_code(const struct caller *c, char code[64])
{
    size_t end = c->tail_length, at;

    while (end > 0 && c->tail[end - 1] == '\n')
        end--;
    for (at = end; at > 0 && c->tail[at - 1] != '\n';)
        at--;
    code[0] = '\0';
    if (end - at > 6 && memcmp(c->tail + at, "data: ", 6) == 0)
        code_read(c->tail + at + 6, end - at - 6, code);
}

/* Whether the gateway itself said why it ends: a refusal, or a stream's last
 * event. */
static bool refusal_tell(struct caller *c)
{
    char code[64] = "";

    if (c->status >= 400)
        code_read(c->tail, c->tail_length, code);
    else if (c->events)
        stream_code(c, code);
    if (code[0] != '\0')
        c->of->o.refused(c->of->o.arg, code, c->status < 400);
    return code[0] != '\0';
}

static void record(struct caller *c, const char *end)
{
    receipt_end(&c->receipt, c->of->o.receipts, end);
    keep_end(&c->keep);
}

/* An event can be put behind what the client has only where one may begin. */
static bool event_may_come(const struct caller *c)
{
    return c->events && c->chunked &&
           (c->tail_length == 0 ||
            (c->tail_length >= 2 &&
             memcmp(c->tail + c->tail_length - 2, "\n\n", 2) == 0));
}

/* Never an end that looks like one: the last chunk is missing. */
void reply_cut(struct caller *c, const struct reason_info *info,
               const char *text)
{
    struct evbuffer *event = evbuffer_new();

    record(c, "cut");
    if (event != NULL && event_may_come(c)) {
        connect_error_event(event, c->ask.dialect, c->ask.route, info, text);
        piece_put(c, evbuffer_pullup(event, -1), evbuffer_get_length(event));
    }
    if (event != NULL)
        evbuffer_free(event);
    caller_end(c);
}

void reply_left(struct caller *c)
{
    record(c, "client_left");
}

static void on_end(void *arg, const struct gate_end *e)
{
    struct caller *c = arg;
    const char *text = e->text[0] != '\0' ? e->text : NULL;

    caller_body_drop(c);
    if (c->state == CALLER_WAITING) {
        caller_refuse(c, e->reason, text, !c->ask.keep_alive);
        return;
    }
    if (refusal_tell(c) && !e->complete) {
        record(c, "cut");
        caller_end(c);
        return;
    }
    if (!e->complete) {
        reply_cut(c, e->reason, text);
        return;
    }
    record(c, "done");
    if (c->chunked)
        put(c, "0\r\n\r\n", 5);
    caller_done(c);
}

const struct gate_sink caller_sink = {on_begin, on_piece, on_end};
