/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a client stands in a text/event-stream that we write: lines end with
 * LF alone. What an endpoint writes is read by policy/answer_events.h. Pure.
 */
#ifndef SP_GATEWAY_SSE_H
#define SP_GATEWAY_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sse {
    bool in_event;   /* bytes of an event went that has not ended */
    bool in_line;    /* … and of a line that has not ended */
    uint64_t events; /* that ended */
};

/* Goes over the next bytes of the stream; all zero is its beginning. */
void sse_count(struct sse *s, const uint8_t *data, size_t length);

/* What must be sent so that a new event can begin: "", "\n" or "\n\n". */
const char *sse_gap(const struct sse *s);

#endif
