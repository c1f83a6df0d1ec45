/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the events that a client got and knows if it has half of one, so that
 * an error event never lands within another. Runs in a worker over what it
 * wrote itself.
 */
#include "gateway/sse.h"

#include <string.h>

static void line_ended(struct sse *s)
{
    if (s->in_line) {
        s->in_line = false;
        return;
    }
    if (s->in_event)
        s->events++;
    s->in_event = false;
}

void sse_count(struct sse *s, const uint8_t *data, size_t length)
{
    const uint8_t *end = data + length, *p = data;

    while (p < end) {
        const uint8_t *lf = memchr(p, '\n', (size_t)(end - p));

        if (lf != p)
            s->in_event = s->in_line = true;
        if (lf == NULL)
            return;
        line_ended(s);
        p = lf + 1;
    }
}

const char *sse_gap(const struct sse *s)
{
    if (!s->in_event)
        return "";
    return s->in_line ? "\n\n" : "\n";
}
