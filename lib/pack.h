/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte format whose two directions are one walk: each function writes the
 * value that a pointer points to, or reads it to there, so that what is written
 * and what is read cannot come apart.
 *
 * Numbers are LEB128 (seven bits a byte, lowest first, no longer than need be),
 * texts and lists have their length before them. What is read may be anybody's:
 * nothing is looked at behind the end, the first thing that is wrong is
 * remembered, and from then on everything is zero.
 */
#ifndef SP_LIB_PACK_H
#define SP_LIB_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct pack {
    bool reading;
    int error;           /* 0 so far */
    uint8_t *data;       /* written; malloc'd, the caller's */
    const uint8_t *from; /* read */
    size_t at;           /* bytes written, or read so far */
    size_t length;       /* room for writing, or bytes to read */
    size_t limit;        /* of what is written */
};

void pack_write(struct pack *p, size_t limit);
void pack_read(struct pack *p, const void *data, size_t length);
/* SP_EINVAL: read wrongly, bytes left, or a value to write that is outside its
 * range; SP_ETOOBIG: more than the limit; SP_ENOMEM. */
int pack_end(const struct pack *p) SP_MUST_USE;
/* Makes it fail, if nothing else has. */
void pack_fail(struct pack *p, int error);

/* 0 … most. */
void pack_number(struct pack *p, uint64_t *value, uint64_t most);
void pack_u32(struct pack *p, uint32_t *value, uint32_t most);
void pack_time(struct pack *p, int64_t *value, int64_t most);
void pack_bool(struct pack *p, bool *value);
/* Exactly so many bytes. */
void pack_fixed(struct pack *p, void *data, size_t length);
/* With its NUL it fits in `size`, and has none within. */
void pack_text(struct pack *p, char *text, size_t size);
/* Of a list whose elements take a byte or more: never more than there are
 * bytes left. 0 once something was wrong. */
size_t pack_count(struct pack *p, size_t count);
/* Mostly zeros: the others, each with its distance from the one before. */
void pack_sparse(struct pack *p, uint64_t *values, size_t count);

#endif
