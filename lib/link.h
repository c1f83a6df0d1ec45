/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link joins two processes by one pair of rings and a watermark in one
 * piece of shared memory, with an eventfd doorbell for each end that is rung
 * only when that end sleeps.
 *
 * The asking end (a worker) puts questions and gets answers; the answering
 * end (the keeper) the reverse. The watermark is a number that the answering
 * side raises from any of its threads ("durable up to n") and a heartbeat
 * that says when it was last alive; the asking side says up to which number it
 * is waiting, and is woken when that is reached.
 */
#ifndef SP_LIB_LINK_H
#define SP_LIB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/ring.h"

#define LINK_RING_BYTES (1u << 20)

enum link_end { LINK_ASKING, LINK_ANSWERING };

/* The three descriptors that make a link; all close-on-exec. */
struct link_fds {
    int memory;         /* sealed memfd (no grow, no shrink) */
    int bell_asking;    /* eventfd, non-blocking: wakes the asking end */
    int bell_answering; /* eventfd, non-blocking: wakes the answering end */
};

struct link; /* one end, mapped in one process */

int link_create(struct link_fds *fds) SP_MUST_USE; /* SP_EIO */
void link_fds_close(struct link_fds *fds);

/* Maps one end. Takes the descriptors (they are closed with the link, or on
 * error). SP_EPROTO if the memory has not the expected size and seals. */
int link_open(const struct link_fds *fds, enum link_end end, struct link **l)
    SP_MUST_USE;
void link_free(struct link *l);

/* The descriptor to poll for reading: our own doorbell. */
int link_doorbell(const struct link *l);

/* Sends a record and rings if the other side sleeps. SP_EAGAIN: ring full. */
int link_put(struct link *l, const void *record, size_t length) SP_MUST_USE;
/* link_put() without ringing; link_flush() rings once for many. */
int link_put_quiet(struct link *l, const void *record, size_t length) SP_MUST_USE;
void link_flush(struct link *l);
int link_get(struct link *l, void *record, size_t *length) SP_MUST_USE;

/* Before polling: true if the caller may sleep now (the doorbell will ring). */
bool link_may_sleep(struct link *l);
/* After polling: clears the doorbell and the sleep mark. */
void link_awake(struct link *l);

/* Answering end, any thread: raises the watermark to `value` and wakes the
 * asking end if it waits for no more than that. */
void link_publish(struct link *l, uint64_t value);
/* Answering end: "alive at `now`", milliseconds of CLOCK_BOOTTIME. */
void link_beat(struct link *l, int64_t now);

/* Asking end. */
uint64_t link_published(const struct link *l);
int64_t link_last_beat(const struct link *l);
/* Asks to be woken once the watermark is ≥ `value` (0: no longer waiting).
 * Returns true if it is already there. */
bool link_wait_for(struct link *l, uint64_t value);

#endif
