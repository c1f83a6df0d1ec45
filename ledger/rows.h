/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash tiles of a growing tree: the rightmost tile of every level, and the
 * tree's edge. Appending a leaf may fill tiles; each full one is handed out
 * once, lowest level first. Pure; for the publisher and for verification.
 */
#ifndef SP_LEDGER_ROWS_H
#define SP_LEDGER_ROWS_H

#include "ledger/merkle.h"
#include "ledger/tile.h"

#define ROWS_LEVELS 8 /* 256^8 > 2^63 */

struct rows {
    struct merkle_edge edge; /* its size is the tree's */
    struct row {
        uint64_t tile; /* number of the rightmost tile */
        unsigned width;
        struct hash hashes[TILE_WIDTH];
    } level[ROWS_LEVELS];
};

/* Gets a tile that just became full. */
typedef int rows_full_fn(void *arg, unsigned level, const struct row *row);

void rows_init(struct rows *r);
/* 0 or what `full` returned. */
int rows_append(struct rows *r, const struct hash *leaf, rows_full_fn *full,
                void *arg) SP_MUST_USE;
/* The root of the perfect tree over `count` (a power of two) hashes. */
void rows_fold(const struct hash *hashes, unsigned count, struct hash *root);

#endif
