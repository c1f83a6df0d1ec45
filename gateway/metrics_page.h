/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers and the keeper count: one page of numbers each, that its process
 * alone writes and that control reads. Counting is two moves in plain memory;
 * no call, no lock, no allocation, so it stands in the way of requests.
 *
 * A page is sealed shared memory that the supervisor makes and keeps: a process
 * that is started again goes on counting where the one before it ended. Before
 * its page has come, and where metrics are off, a process counts in memory of
 * its own. One that was taken over can write into its own page whatever it
 * likes; the numbers of others are out of its reach, and a reader believes
 * nothing but that they are numbers.
 */
#ifndef SP_GATEWAY_METRICS_PAGE_H
#define SP_GATEWAY_METRICS_PAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "policy/entry.h"

/* A histogram: as many buckets, the last without an upper end, and the sum of
 * what was observed, in ns. */
#define METRICS_BUCKETS   16
#define METRICS_HISTOGRAM (METRICS_BUCKETS + 1)

enum metrics_histogram {
    METRICS_DECISION,   /* keeper: from a question to its entry */
    METRICS_DURABILITY, /* worker: an answer is ready until it may leave */
    METRICS_FIRST_BYTE, /* worker: admitted until the model's head is here */
    METRICS_HISTOGRAMS
};

/* Numbers of a page. What is a state, not a sum, comes first: it ends with its
 * process. */
enum metrics_cell {
    METRICS_BEAT,         /* ns of boot time: when the loop last turned */
    METRICS_LAG,          /* ns: the latest that it has been lately */
    METRICS_CONNECTIONS,  /* worker: open */
    METRICS_REQUESTS,     /* worker: being read, asked or answered */
    METRICS_STREAMS,      /* worker: of them answered as events */
    METRICS_SYNC_WAIT,    /* keeper, ns: of the oldest entry not on disk */
    METRICS_PUBLISH_WAIT, /* keeper, ns: … not under a checkpoint */
    METRICS_PUBLISHED_AT, /* keeper: ms UTC of the newest checkpoint, 0 */
    METRICS_STATES,
    /* sums, from the daemon's start on */
    METRICS_ACCEPTED = METRICS_STATES, /* worker: connections */
    METRICS_TURNED_AWAY,               /* worker: connections */
    METRICS_ADMITTED,                  /* keeper */
    METRICS_ANSWERED_BYTES,            /* keeper: of closed requests */
    METRICS_INPUT_TOKENS,              /* keeper: the same */
    METRICS_OUTPUT_TOKENS,             /* keeper: the same */
    METRICS_REFUSED,                   /* keeper: by reason */
    METRICS_UNRECORDED = METRICS_REFUSED + REASON_COUNT, /* worker: the same */
    METRICS_CLOSED = METRICS_UNRECORDED + REASON_COUNT,  /* keeper: by cause */
    METRICS_ENTRIES = METRICS_CLOSED + CAUSE_COUNT,      /* keeper: by kind */
    METRICS_OBSERVED = METRICS_ENTRIES + ENTRY_KIND_COUNT,
    METRICS_CELLS = METRICS_OBSERVED + METRICS_HISTOGRAMS * METRICS_HISTOGRAM
};

struct metrics_page {
    _Atomic uint64_t cells[METRICS_CELLS];
};

/* This process's own. */
extern struct metrics_page *metrics_mine;

static inline uint64_t metrics_read(const struct metrics_page *p, unsigned cell)
{
    return atomic_load_explicit(&p->cells[cell], memory_order_relaxed);
}

static inline void metrics_set(unsigned cell, uint64_t value)
{
    atomic_store_explicit(&metrics_mine->cells[cell], value,
                          memory_order_relaxed);
}

static inline void metrics_add(unsigned cell, uint64_t more)
{
    metrics_set(cell, metrics_read(metrics_mine, cell) + more);
}

static inline void metrics_take(unsigned cell)
{
    metrics_set(cell, metrics_read(metrics_mine, cell) - 1);
}

/* The upper end of a bucket, included, in ns; UINT64_MAX of the last. */
uint64_t metrics_bucket_end(enum metrics_histogram which, unsigned bucket);
void metrics_observe(enum metrics_histogram which, uint64_t ns);

/* One turn of a loop that should turn every `every_ms`. */
void metrics_turn(int64_t every_ms);
/* How long lag is remembered at least, so that no scrape misses it. */
#define METRICS_LAG_MS 15000

/* A new page, all zero, sealed against growing and shrinking. SP_EIO … */
int metrics_page_create(int *memory) SP_MUST_USE;
/* Maps it; takes the descriptor. SP_EPROTO: not such a page. */
int metrics_page_open(int memory, bool writable,
                      struct metrics_page **p) SP_MUST_USE;
void metrics_page_free(struct metrics_page *p);
/* It is this process's from now on; what was counted before is in it. Takes the
 * descriptor. SP_EPROTO, SP_ENOMEM. */
int metrics_adopt(int memory) SP_MUST_USE;
/* Its process has ended: it has nothing open any more. */
void metrics_page_ended(struct metrics_page *p);

#endif
