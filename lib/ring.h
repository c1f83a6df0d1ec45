/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte ring in shared memory with one producer and one consumer, carrying
 * records of 1 to RING_RECORD_MAX bytes. No locks and no system calls: the
 * doorbell that wakes a sleeping consumer belongs to the link (lib/link.h).
 *
 * The other side may be hostile: positions are checked on every call, a
 * record is copied out before anybody looks into it, and a ring that does not
 * add up gives SP_EPROTO for good.
 */
#ifndef SP_LIB_RING_H
#define SP_LIB_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define RING_RECORD_MAX 4096

/* The part in shared memory; the data follows it. */
struct ring_shared {
    _Alignas(64) _Atomic uint64_t head; /* written by the producer */
    _Alignas(64) _Atomic uint64_t tail; /* written by the consumer */
    _Alignas(64) _Atomic uint32_t sleeping; /* the consumer wants the doorbell */
};

/* This process's view; never in shared memory. */
struct ring {
    struct ring_shared *shared;
    uint8_t *data;
    uint64_t size; /* power of two */
    uint64_t mine; /* our own position, never read back from shared memory */
    uint64_t theirs; /* the other side's, as last seen: it never goes back */
    bool broken;
};

/* Bytes of shared memory for a ring with `size` (a power of two ≥ 8192) bytes
 * of data. */
size_t ring_footprint(size_t size);
/* Looks at (producer side) or takes over (consumer side) an all-zero area. */
void ring_attach(struct ring *r, void *memory, size_t size);

/* SP_EAGAIN: no room. SP_ETOOBIG: not 1 to RING_RECORD_MAX bytes. SP_EPROTO. */
int ring_put(struct ring *r, const void *record, size_t length) SP_MUST_USE;
/* True once if the consumer slept: the caller must ring the doorbell. */
bool ring_must_wake(struct ring *r);

/* Copies the next record to `record` (RING_RECORD_MAX bytes of room).
 * SP_EAGAIN: empty. SP_EPROTO. */
int ring_get(struct ring *r, void *record, size_t *length) SP_MUST_USE;
/* Announces sleep; false (and no sleep announced) if there is something to
 * get, be it the SP_EPROTO of a broken ring. */
bool ring_may_sleep(struct ring *r);
/* The consumer is awake again. */
void ring_awake(struct ring *r);

#endif
