/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from bytes to a number. Keyed with the process's own random
 * bytes, so that nobody outside can choose keys that collide.
 */
#ifndef SP_LIB_TABLE_H
#define SP_LIB_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define TABLE_NONE UINT32_MAX

struct table_slot;

/* Starts zeroed. */
struct table {
    struct table_slot *slots;
    size_t size; /* power of two */
    size_t count;
    uint8_t *keys; /* all of them, one behind the other */
    size_t used, room;
};

void table_release(struct table *t);
/* The value of a key, TABLE_NONE if it is not there. */
uint32_t table_get(const struct table *t, const void *key, size_t length);
/* Adds or replaces; the key is copied. SP_ENOMEM; SP_EINVAL: the value is
 * TABLE_NONE. */
int table_put(struct table *t, const void *key, size_t length,
              uint32_t value) SP_MUST_USE;

/* Every key once, in an order that means nothing; keys live until the next
 * table_put(). */
typedef void table_each_fn(void *arg, const void *key, size_t length,
                           uint32_t value);
void table_each(const struct table *t, table_each_fn *each, void *arg);

/* SipHash-2-4 under the process's key. */
uint64_t table_hash(const void *key, size_t length);

#endif
