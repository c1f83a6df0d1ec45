/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted numbers, for the verbs that follow requests through a ledger. */
#include "ctl/numbers.h"

#include <stdlib.h>
#include <string.h>

int numbers_add(struct numbers *l, uint64_t n)
{
    if (l->count == l->room) {
        size_t room = l->room == 0 ? 64 : l->room * 2;
        uint64_t *more = reallocarray(l->n, room, sizeof *more);

        if (more == NULL)
            return SP_ENOMEM;
        l->n = more;
        l->room = room;
    }
    l->n[l->count++] = n;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static uint64_t *find(const struct numbers *l, uint64_t n)
{
    return l->count == 0 ? NULL
                         : bsearch(&n, l->n, l->count, sizeof *l->n, compare);
}

bool numbers_has(const struct numbers *l, uint64_t n)
{
    return find(l, n) != NULL;
}

bool numbers_remove(struct numbers *l, uint64_t n)
{
    uint64_t *at = find(l, n);

    if (at == NULL)
        return false;
    l->count--;
    memmove(at, at + 1, (size_t)(l->n + l->count - at) * sizeof *at);
    return true;
}

void numbers_release(struct numbers *l)
{
    free(l->n);
    *l = (struct numbers){0};
}
