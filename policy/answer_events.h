/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a text/event-stream (WHATWG HTML, section 9.2.6): where events
 * and comments end, whatever the bytes are cut into, and what the lines of one
 * event say. Lines end with LF, CR or CRLF; a byte order mark may stand in
 * front. Knows nothing of what is in an event's data.
 */
#ifndef SP_POLICY_ANSWER_EVENTS_H
#define SP_POLICY_ANSWER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/error.h"

/* No API has a longer event name. */
#define EVENT_NAME_BYTES 64

enum events_found {
    EVENTS_MORE,    /* all bytes were used; what they begin has not ended */
    EVENTS_EVENT,   /* an event ended */
    EVENTS_COMMENT, /* a comment ended that stands outside an event */
    EVENTS_NOTHING  /* bytes that mean nothing */
};

/* Where a stream stands; all zero is its beginning. */
struct events {
    uint8_t mark;  /* bytes of the byte order mark that were seen */
    bool begun;    /* there can be none any more */
    bool in_event; /* a line of an event came; it has not ended */
    uint8_t line;  /* enum line of answer_events.c: what the line is so far */
    bool after_cr; /* an LF now would belong to the line before */
};

/* Goes on to the end of the next thing found; *used tells how many bytes that
 * took. An event's bytes are those of all calls in a row that returned with
 * `in_event`, and of the one that found its end. SP_EPROTO: a NUL, or half a
 * byte order mark. */
int events_scan(struct events *s, const uint8_t *data, size_t length,
                size_t *used, enum events_found *found) SP_MUST_USE;

/* What an event says; points into its bytes or into `joined`. */
struct answer_event {
    const char *name; /* NULL: it has none */
    size_t name_length;
    const char *text; /* its data; NULL: it has none and means nothing */
    size_t length;
    bool plain; /* it is written as answer.c would */
};

/* Reads the lines of one whole event. Data in several lines is put together in
 * `joined`. `id`, `retry` and unknown fields and comments are passed over.
 * SP_EPROTO: a name with other than [a-z0-9_.], too long, or two of them.
 * SP_ENOMEM, SP_ETOOBIG. */
int answer_event_read(const uint8_t *data, size_t length, struct buf *joined,
                      struct answer_event *e) SP_MUST_USE;

#endif
