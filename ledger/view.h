/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger's files as one tree size shows them: the inside of ledger_view, for
 * recovery, the publisher and verification, which pin a head themselves.
 */
#ifndef SP_LEDGER_VIEW_H
#define SP_LEDGER_VIEW_H

#include "ledger/ledger.h"
#include "ledger/rows.h"

/* 256 entries of the largest size that a bundle can say. */
#define VIEW_BUNDLE_MAX (TILE_WIDTH * (2u + 65535u))

struct view_bundle {
    uint64_t number;
    unsigned count; /* entries that belong to this tree; 0: none loaded */
    uint8_t *data;
    size_t length;                 /* of those entries, 2 + n bytes each */
    size_t starts[TILE_WIDTH + 1]; /* of each entry's length field */
};

struct ledger_view {
    int folder; /* duplicated; -1: `files` are somewhere else */
    struct ledger_files files;
    struct checkpoint head;
    char note[NOTE_MAX + 1]; /* "" if the view was not opened by one */
    bool signed_ok;
    struct view_bundle bundle;
    struct view_tile { /* the last one used of each level */
        bool loaded;
        uint64_t number;
        unsigned width;
        struct hash *hashes;
    } tile[ROWS_LEVELS];
};

int view_new(int folder, const struct checkpoint *head,
             struct ledger_view **v) SP_MUST_USE;

/* How many of tile `number` belong to the tree: 0 … 256. */
unsigned view_width(const struct ledger_view *v, int level, uint64_t number);

/* Loads a bundle or tile of this tree; the partial file or, where that is gone
 * because the full one is there, the first part of the full one. Their bytes
 * are good until the next call for that level. SP_ENOENT, SP_ECORRUPT, SP_EIO.
 * A bundle that is torn comes back with SP_ECORRUPT and `count` whole entries.
 */
int view_bundle_load(struct ledger_view *v, uint64_t number) SP_MUST_USE;
int view_tile_load(struct ledger_view *v, unsigned level, uint64_t number,
                   const struct hash **hashes) SP_MUST_USE;

/* The rows of the first `size` leaves, a multiple of 256 and of this tree, from
 * its tiles: as true as the root that they come to with what follows. */
int view_rows(struct ledger_view *v, uint64_t size,
              struct rows *rows) SP_MUST_USE;

/* Lets the kernel begin to read bundle `number` and its leaf hashes, if they
 * are full ones of this tree and in a folder; nothing depends on it. */
void view_read_ahead(const struct ledger_view *v, uint64_t number);

/* Reads and splits one of the two signed notes of a ledger. With keys:
 * SP_EINVAL malformed, SP_ESIGNATURE. Its bytes and a NUL go to `copy` if that
 * is not NULL. */
int view_read_note(int folder, const char *name,
                   const struct note_verifier *known, size_t nknown,
                   struct checkpoint *c, char copy[NOTE_MAX + 1]) SP_MUST_USE;

/* Verifies bundles and tiles from rows->edge.size (a multiple of 256) to the
 * end of v. `rows` is left at the last full tile, `end` (if not NULL) at the
 * end of the tree. 0, or SP_ECORRUPT / SP_ENOENT with bad_index and problem
 * filled; the root is not compared. */
int verify_range(struct ledger_view *v, struct rows *rows, struct rows *end,
                 ledger_entry_fn *entry, void *entry_arg,
                 struct ledger_verdict *verdict) SP_MUST_USE;

#endif
