/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the ends of server-sent events, so that they are relayed whole and an
 * error event never lands within another. Runs in a worker over what a model
 * answered; any bytes are fine.
 */
#include "gateway/sse.h"

static size_t line_end(struct sse *s, size_t at, size_t whole)
{
    if (s->in_line) {
        s->in_line = false;
        return whole;
    }
    if (s->in_event)
        s->events++;
    s->in_event = false;
    return at + 1;
}

size_t sse_scan(struct sse *s, const uint8_t *data, size_t length)
{
    size_t whole = 0;

    for (size_t i = 0; i < length; i++) {
        uint8_t b = data[i];

        if (b != '\n' && b != '\r') {
            s->in_event = s->in_line = true;
            s->after_cr = false;
        } else if (b == '\n' && s->after_cr) {
            s->after_cr = false;
            if (!s->in_event)
                whole = i + 1;
        } else {
            s->after_cr = b == '\r';
            whole = line_end(s, i, whole);
        }
    }
    return whole;
}

const char *sse_gap(const struct sse *s)
{
    if (!s->in_event)
        return "";
    return s->in_line ? "\n\n" : "\n";
}
