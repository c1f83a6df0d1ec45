/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte buffers with a limit, and the per-thread store of blocks that makes
 * giving memory back on every idle connection cheap. Used in every process;
 * holds outsiders' bytes and looks at none of them.
 */
#include "lib/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks kept per thread: 4 MiB serve a burst; more goes back to malloc. Under
 * the sanitizers none is kept, so that they see every use after release. */
#ifdef SP_SANITIZED
#define POOL_BLOCKS 0
#else
#define POOL_BLOCKS 256
#endif

struct block {
    struct block *next;
};

static _Thread_local struct block *pool;
static _Thread_local size_t pool_count;

static void *block_take(void)
{
    struct block *b = pool;

    if (b == NULL)
        return malloc(BUF_BLOCK);
    pool = b->next;
    pool_count--;
    return b;
}

static void block_give(void *memory)
{
    struct block *b = memory;

    if (pool_count + 1 > POOL_BLOCKS) {
        free(memory);
        return;
    }
    b->next = pool;
    pool = b;
    pool_count++;
}

void buf_pool_release(void)
{
    while (pool != NULL) {
        struct block *b = pool;

        pool = b->next;
        free(b);
    }
    pool_count = 0;
}

static void *memory_take(size_t capacity)
{
    return capacity == BUF_BLOCK ? block_take() : malloc(capacity);
}

static void memory_give(void *memory, size_t capacity)
{
    if (capacity == BUF_BLOCK)
        block_give(memory);
    else
        free(memory);
}

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit == 0 ? BUF_BLOCK : limit};
}

static void data_give(struct buf *b)
{
    if (b->data == NULL)
        return;
    explicit_bzero(b->data, b->used);
    memory_give(b->data, b->capacity);
}

void buf_release(struct buf *b)
{
    data_give(b);
    b->data = NULL;
    b->start = b->length = b->capacity = b->used = 0;
}

/* The least of BUF_BLOCK, its doublings and the limit that holds `need`. */
static size_t capacity_for(const struct buf *b, size_t need)
{
    size_t capacity = BUF_BLOCK;

    while (capacity < need)
        capacity = capacity > b->limit / 2 ? b->limit : capacity * 2;
    return capacity;
}

static int buf_grow(struct buf *b, size_t need)
{
    size_t capacity = capacity_for(b, need);
    uint8_t *data = memory_take(capacity);

    if (data == NULL)
        return SP_ENOMEM;
    if (b->length > 0)
        memcpy(data, b->data + b->start, b->length);
    data_give(b);
    b->data = data;
    b->start = 0;
    b->capacity = capacity;
    b->used = b->length;
    return 0;
}

int buf_reserve(struct buf *b, size_t want, uint8_t **space)
{
    int error;

    if (b->length > b->limit || want > b->limit - b->length)
        return SP_ETOOBIG;
    if (b->data == NULL || b->length + want > b->capacity) {
        error = buf_grow(b, b->length + want);
        if (error != 0)
            return error;
    } else if (b->start + b->length + want > b->capacity) {
        memmove(b->data, b->data + b->start, b->length);
        b->start = 0;
    }
    *space = b->data + b->start + b->length;
    return 0;
}

void buf_commit(struct buf *b, size_t length)
{
    b->length += length;
    if (b->start + b->length > b->used)
        b->used = b->start + b->length;
}

int buf_append(struct buf *b, const void *data, size_t length)
{
    uint8_t *space;
    int error;

    if (length == 0)
        return 0;
    error = buf_reserve(b, length, &space);
    if (error != 0)
        return error;
    memcpy(space, data, length);
    buf_commit(b, length);
    return 0;
}

int buf_append_text(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

int buf_printf(struct buf *b, const char *format, ...)
{
    char small[512];
    char *text = small;
    va_list args;
    int n, error;

    va_start(args, format);
    n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (n >= (int)sizeof(small)) {
        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
    }
    if (n < 0)
        return SP_ENOMEM;
    error = buf_append(b, text, (size_t)n);
    if (text != small)
        free(text);
    return error;
}

void buf_drain(struct buf *b, size_t length)
{
    if (length >= b->length) {
        b->start = b->length = 0;
        return;
    }
    b->start += length;
    b->length -= length;
}
