/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte ring between a worker and the keeper. Each side trusts its own
 * position only; the other's position and every record's length are read
 * once, checked, and used from a copy. A record is a 32-bit length and its
 * bytes, padded to 8, and may wrap around the end of the area.
 *
 * Sleeping: the consumer stores `sleeping`, then looks at `head` again; the
 * producer stores `head`, then looks at `sleeping`. All four accesses are
 * sequentially consistent, so at least one side sees the other's store and no
 * wake-up is lost.
 */
#include "lib/ring.h"

#include <string.h>

#define RECORD_HEAD 4u

static uint64_t record_space(size_t length)
{
    return ((uint64_t)length + RECORD_HEAD + 7) & ~(uint64_t)7;
}

size_t ring_footprint(size_t size)
{
    return sizeof(struct ring_shared) + size;
}

void ring_attach(struct ring *r, void *memory, size_t size)
{
    *r = (struct ring){
        .shared = memory,
        .data = (uint8_t *)memory + sizeof(struct ring_shared),
        .size = size,
    };
}

static int ring_break(struct ring *r)
{
    r->broken = true;
    return SP_EPROTO;
}

/* The length field of the record at `position`. It is 4-byte aligned and
 * never wraps. Atomic so that it is read exactly once. */
static _Atomic uint32_t *length_at(struct ring *r, uint64_t position)
{
    void *p = r->data + (position & (r->size - 1));

    return p;
}

static void copy_in(struct ring *r, uint64_t position, const void *record,
                    size_t length)
{
    size_t offset = (size_t)(position & (r->size - 1));
    size_t first = (size_t)r->size - offset;

    if (first > length)
        first = length;
    memcpy(r->data + offset, record, first);
    memcpy(r->data, (const uint8_t *)record + first, length - first);
}

static void copy_out(struct ring *r, uint64_t position, void *record,
                     size_t length)
{
    size_t offset = (size_t)(position & (r->size - 1));
    size_t first = (size_t)r->size - offset;

    if (first > length)
        first = length;
    memcpy(record, r->data + offset, first);
    memcpy((uint8_t *)record + first, r->data, length - first);
}

/* Takes over the consumer's position; false if it does not add up: it may
 * move up to ours and never back. */
static bool producer_sees(struct ring *r, uint64_t tail)
{
    if (tail - r->theirs > r->mine - r->theirs || (tail & 7) != 0)
        return false;
    r->theirs = tail;
    return true;
}

int ring_put(struct ring *r, const void *record, size_t length)
{
    uint64_t space = record_space(length);

    if (r->broken)
        return SP_EPROTO;
    if (length == 0 || length > RING_RECORD_MAX)
        return SP_ETOOBIG;
    if (space > r->size - (r->mine - r->theirs)) {
        if (!producer_sees(r, atomic_load_explicit(&r->shared->tail,
                                                   memory_order_acquire)))
            return ring_break(r);
        if (space > r->size - (r->mine - r->theirs))
            return SP_EAGAIN;
    }
    atomic_store_explicit(length_at(r, r->mine), (uint32_t)length,
                          memory_order_relaxed);
    copy_in(r, r->mine + RECORD_HEAD, record, length);
    r->mine += space;
    atomic_store(&r->shared->head, r->mine);
    return 0;
}

bool ring_must_wake(struct ring *r)
{
    return atomic_load(&r->shared->sleeping) != 0 &&
           atomic_exchange(&r->shared->sleeping, 0) != 0;
}

/* As producer_sees(): the producer may be ahead of us by at most the ring. */
static bool consumer_sees(struct ring *r, uint64_t head)
{
    if (head - r->mine > r->size || head - r->mine < r->theirs - r->mine ||
        (head & 7) != 0)
        return false;
    r->theirs = head;
    return true;
}

int ring_get(struct ring *r, void *record, size_t *length)
{
    uint64_t ready;
    uint32_t n;

    if (r->broken)
        return SP_EPROTO;
    if (!consumer_sees(
            r, atomic_load_explicit(&r->shared->head, memory_order_acquire)))
        return ring_break(r);
    ready = r->theirs - r->mine;
    if (ready == 0)
        return SP_EAGAIN;
    n = atomic_load_explicit(length_at(r, r->mine), memory_order_relaxed);
    if (n == 0 || n > RING_RECORD_MAX || record_space(n) > ready)
        return ring_break(r);
    copy_out(r, r->mine + RECORD_HEAD, record, n);
    r->mine += record_space(n);
    atomic_store_explicit(&r->shared->tail, r->mine, memory_order_release);
    *length = n;
    return 0;
}

bool ring_may_sleep(struct ring *r)
{
    if (r->broken)
        return false;
    atomic_store(&r->shared->sleeping, 1);
    if (atomic_load(&r->shared->head) == r->mine)
        return true;
    ring_awake(r);
    return false;
}

void ring_awake(struct ring *r)
{
    atomic_store(&r->shared->sleeping, 0);
}
