/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of entry indices: the requests of one worker that have no end yet.
 * Open addressing with linear probing; grows by doubling to a bound, because
 * its size follows what a worker sends.
 */
#ifndef SP_GATEWAY_OPENSET_H
#define SP_GATEWAY_OPENSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct openset {
    uint64_t *slots; /* n + 1; 0 is free */
    size_t capacity; /* power of two, or 0 */
    size_t count;
};

/* An all-zero struct is an empty set. */
void openset_release(struct openset *s);
/* SP_EEXIST; SP_ETOOBIG: `max` are in it already; SP_ENOMEM; SP_ERANGE:
 * UINT64_MAX, which no entry has. */
int openset_add(struct openset *s, uint64_t n, size_t max) SP_MUST_USE;
bool openset_has(const struct openset *s, uint64_t n);
/* False if it was not in the set. */
bool openset_remove(struct openset *s, uint64_t n);

#endif
