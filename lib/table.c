/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing, at most half full; nothing is ever
 * removed. Runs in every role; keys may be strangers'.
 */
#include "lib/table.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

struct table_slot {
    uint64_t hash;
    size_t at; /* of the key in keys */
    uint32_t length;
    uint32_t value; /* TABLE_NONE: free */
};

uint64_t table_hash(const void *key, size_t length)
{
    /* The kernel's 16 random bytes for this process (getauxval(3)): there at
     * once, in any sandbox. It gives their address as a number. */
    static const uint8_t none[crypto_shorthash_KEYBYTES];
    const union {
        unsigned long number;
        const uint8_t *pointer;
    } secret = {.number = getauxval(AT_RANDOM)};
    union {
        uint8_t bytes[crypto_shorthash_BYTES];
        uint64_t number;
    } hash;

    crypto_shorthash(hash.bytes, key, length,
                     secret.pointer != NULL ? secret.pointer : none);
    return hash.number;
}

void table_release(struct table *t)
{
    free(t->slots);
    free(t->keys);
    *t = (struct table){0};
}

/* The slot of a key, or the free one where it belongs. */
static struct table_slot *slot_find(const struct table *t, const void *key,
                                    size_t length, uint64_t hash)
{
    for (size_t i = hash & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
        struct table_slot *s = &t->slots[i];

        if (s->value == TABLE_NONE ||
            (s->hash == hash && s->length == length &&
             memcmp(t->keys + s->at, key, length) == 0))
            return s;
    }
}

uint32_t table_get(const struct table *t, const void *key, size_t length)
{
    if (t->count == 0)
        return TABLE_NONE;
    return slot_find(t, key, length, table_hash(key, length))->value;
}

static int table_grow(struct table *t)
{
    struct table_slot *old = t->slots, *slots;
    size_t old_size = t->size, size = old_size == 0 ? 16 : old_size * 2;

    slots = reallocarray(NULL, size, sizeof *slots);
    if (slots == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < size; i++)
        slots[i].value = TABLE_NONE;
    t->slots = slots;
    t->size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].value != TABLE_NONE)
            *slot_find(t, t->keys + old[i].at, old[i].length, old[i].hash) =
                old[i];
    free(old);
    return 0;
}

static int keys_grow(struct table *t, size_t length)
{
    size_t room = t->room == 0 ? 256 : t->room;
    uint8_t *keys;

    while (room - t->used < length)
        room *= 2;
    if (room == t->room)
        return 0;
    keys = realloc(t->keys, room);
    if (keys == NULL)
        return SP_ENOMEM;
    t->keys = keys;
    t->room = room;
    return 0;
}

int table_put(struct table *t, const void *key, size_t length, uint32_t value)
{
    uint64_t hash = table_hash(key, length);
    struct table_slot *s;

    if (value == TABLE_NONE || length > UINT32_MAX)
        return SP_EINVAL;
    if (t->count * 2 >= t->size && table_grow(t) != 0)
        return SP_ENOMEM;
    s = slot_find(t, key, length, hash);
    if (s->value == TABLE_NONE) {
        if (keys_grow(t, length) != 0)
            return SP_ENOMEM;
        memcpy(t->keys + t->used, key, length);
        s->hash = hash;
        s->at = t->used;
        s->length = (uint32_t)length;
        t->used += length;
        t->count++;
    }
    s->value = value;
    return 0;
}

void table_each(const struct table *t, table_each_fn *each, void *arg)
{
    for (size_t i = 0; i < t->size; i++)
        if (t->slots[i].value != TABLE_NONE)
            each(arg, t->keys + t->slots[i].at, t->slots[i].length,
                 t->slots[i].value);
}
