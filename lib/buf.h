/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte buffer that grows to a limit. Readable bytes are
 * [data + start, data + start + length). An empty buffer owns no memory after
 * buf_release(), so idle connections cost nothing for theirs.
 *
 * Blocks of BUF_BLOCK bytes come from and return to a per-thread free list
 * (bounded), larger ones from malloc. What was in them is wiped when they are
 * given back or outgrown: prompts and answers pass through them (P7).
 */
#ifndef SP_LIB_BUF_H
#define SP_LIB_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define BUF_BLOCK 16384

struct buf {
    uint8_t *data;
    size_t start;
    size_t length;
    size_t capacity;
    size_t used;  /* bytes from `data` on that ever held something */
    size_t limit; /* length never exceeds this; 0 means BUF_BLOCK */
};

/* No memory is taken before the first byte. */
void buf_init(struct buf *b, size_t limit);

/* Gives the memory back; the buffer is empty and usable afterwards. */
void buf_release(struct buf *b);

/* Room for `want` more bytes at the end, moving or growing as needed; the
 * pointer is good until the next call on `b`. SP_ETOOBIG past the limit,
 * SP_ENOMEM. */
int buf_reserve(struct buf *b, size_t want, uint8_t **space) SP_MUST_USE;

/* `length` bytes were written to the space that buf_reserve() gave. */
void buf_commit(struct buf *b, size_t length);

/* SP_ETOOBIG or SP_ENOMEM, and nothing appended. */
int buf_append(struct buf *b, const void *data, size_t length) SP_MUST_USE;
int buf_append_text(struct buf *b, const char *text) SP_MUST_USE;
int buf_printf(struct buf *b, const char *format, ...)
    SP_PRINTF(2, 3) SP_MUST_USE;

/* Drops `length` bytes (at most all) from the front. When the buffer becomes
 * empty it keeps its block; call buf_release() when going idle. */
void buf_drain(struct buf *b, size_t length);

static inline const uint8_t *buf_bytes(const struct buf *b)
{
    return b->data + b->start;
}

/* Frees this thread's cached blocks; at the end of a thread or program. */
void buf_pool_release(void);

#endif
