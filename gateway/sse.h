/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where events begin and end in a text/event-stream (WHATWG HTML, 9.2.6):
 * an empty line ends one; lines end with LF, CR or CRLF. Knows nothing of
 * what is in an event. Pure.
 */
#ifndef SP_GATEWAY_SSE_H
#define SP_GATEWAY_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sse {
    bool in_event;   /* bytes of an event came that has not ended */
    bool in_line;    /* … and of a line that has not ended */
    bool after_cr;   /* an LF now would belong to the line before */
    uint64_t events; /* that ended */
};

/* Goes over the next bytes of the stream; all zero is its beginning. Returns
 * how many of them are whole events (0: none ended here). */
size_t sse_scan(struct sse *s, const uint8_t *data, size_t length);

/* What must be sent so that a new event can begin: "", "\n" or "\n\n". */
const char *sse_gap(const struct sse *s);

#endif
