/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash tiles of a growing tree (C2SP tlog-tiles): a level's hash is the
 * root of one full tile of the level below. Pure computation, used by the
 * publisher and by verification; its leaves are as true as who gives them.
 */
#include "ledger/rows.h"

#include <string.h>

void rows_init(struct rows *r)
{
    memset(r, 0, sizeof *r);
}

void rows_fold(const struct hash *hashes, unsigned count, struct hash *root)
{
    struct hash h[TILE_WIDTH];

    memcpy(h, hashes, count * sizeof *h);
    for (; count > 1; count /= 2)
        for (unsigned i = 0; i < count / 2; i++)
            merkle_node(&h[2 * i], &h[2 * i + 1], &h[i]);
    *root = h[0];
}

int rows_append(struct rows *r, const struct hash *leaf, rows_full_fn *full,
                void *arg)
{
    struct hash tall[MERKLE_TALL];
    unsigned filled = merkle_edge_append_tall(&r->edge, leaf, tall);

    for (unsigned level = 0; level < ROWS_LEVELS; level++) {
        struct row *row = &r->level[level];
        row->hashes[row->width++] = level == 0 ? *leaf : tall[level - 1];
        if (level == filled)
            return 0;
        int error = full(arg, level, row);
        if (error != 0)
            return error;
        row->width = 0;
        row->tile++;
    }
    return SP_ERANGE; /* 2^64 entries */
}
