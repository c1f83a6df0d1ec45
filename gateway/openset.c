/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of a worker's open requests. Runs in the keeper. The indices are the
 * keeper's own; only how many there are is in a worker's hands.
 */
#include "gateway/openset.h"

#include <stdlib.h>

#define OPENSET_START 64

/* Indices are dense and the keeper's own: their low bits spread well, and
 * nobody can choose them to collide. */
static size_t home(const struct openset *s, uint64_t stored)
{
    return (size_t)stored & (s->capacity - 1);
}

static size_t next(const struct openset *s, size_t i)
{
    return (i + 1) & (s->capacity - 1);
}

/* The slot that holds `stored`, or the free one where it would go. */
static size_t find(const struct openset *s, uint64_t stored)
{
    size_t i = home(s, stored);

    while (s->slots[i] != 0 && s->slots[i] != stored)
        i = next(s, i);
    return i;
}

void openset_release(struct openset *s)
{
    free(s->slots);
    *s = (struct openset){0};
}

static int grow(struct openset *s)
{
    struct openset wider = {
        .capacity = s->capacity != 0 ? s->capacity * 2 : OPENSET_START,
        .count = s->count,
    };

    wider.slots = calloc(wider.capacity, sizeof(*wider.slots));
    if (wider.slots == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < s->capacity; i++)
        if (s->slots[i] != 0)
            wider.slots[find(&wider, s->slots[i])] = s->slots[i];
    free(s->slots);
    *s = wider;
    return 0;
}

int openset_add(struct openset *s, uint64_t n, size_t max)
{
    size_t i;
    int r;

    if (n == UINT64_MAX)
        return SP_ERANGE;
    if (openset_has(s, n))
        return SP_EEXIST;
    if (s->count >= max)
        return SP_ETOOBIG;
    if (s->count >= s->capacity / 2 && (r = grow(s)) != 0)
        return r;
    i = find(s, n + 1);
    s->slots[i] = n + 1;
    s->count++;
    return 0;
}

bool openset_has(const struct openset *s, uint64_t n)
{
    /* n + 1 would be the mark of a free slot, and be found. */
    return n != UINT64_MAX && s->count > 0 && s->slots[find(s, n + 1)] == n + 1;
}

bool openset_remove(struct openset *s, uint64_t n)
{
    size_t hole, i;

    if (!openset_has(s, n))
        return false;
    hole = find(s, n + 1);
    /* Move back what probed past the hole, so that no chain breaks. */
    for (i = next(s, hole); s->slots[i] != 0; i = next(s, i)) {
        size_t distance = (i - home(s, s->slots[i])) & (s->capacity - 1);

        if (distance < ((i - hole) & (s->capacity - 1)))
            continue;
        s->slots[hole] = s->slots[i];
        hole = i;
    }
    s->slots[hole] = 0;
    s->count--;
    return true;
}
