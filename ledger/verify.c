/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a checkpoint commits to: each entry against its leaf hash,
 * each tile against the tile below, the whole against the root. One bundle and
 * one tile of each level are in memory at a time. Runs in auditors' tools, at
 * the keeper's start, and in its publisher over what was just written.
 */
#include "ledger/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bundles between the one that is hashed and the one that the disk is asked
 * for: some megabytes, so that neither waits for the other. */
#define AHEAD 32

struct verification {
    struct ledger_view *view;
    struct ledger_verdict *verdict;
};

/* Eight bytes of it from `from` on, with dots for what is left out. */
static void hash_text(const struct hash *h, unsigned from, char text[24])
{
    unsigned n = (unsigned)snprintf(text, 24, "%s", from > 0 ? "…" : "");

    for (unsigned i = from; i < from + 8; i++)
        n += (unsigned)snprintf(text + n, 24 - n, "%02x", h->b[i]);
    if (from + 8 < MERKLE_HASH)
        snprintf(text + n, 24 - n, "…");
}

/* Where two hashes begin to differ, to the last eight bytes. */
static unsigned hash_difference(const struct hash *a, const struct hash *b)
{
    unsigned i = 0;

    while (i < MERKLE_HASH - 8 && a->b[i] == b->b[i])
        i++;
    return i < 8 ? 0 : i;
}

static int blame(struct ledger_verdict *v, uint64_t n, int error,
                 const char *path, const char *what)
{
    v->bad_index = n;
    snprintf(v->problem, sizeof v->problem, "entry %llu: %s: %s",
             (unsigned long long)n, path, what);
    return error;
}

static int blame_hash(struct ledger_verdict *v, uint64_t n, const char *path,
                      const char *what, const struct hash *want,
                      const struct hash *have)
{
    char text[160], a[24], b[24];
    unsigned from = hash_difference(want, have);

    hash_text(want, from, a);
    hash_text(have, from, b);
    snprintf(text, sizeof text, "%s: wanted %s, have %s", what, a, b);
    return blame(v, n, SP_ECORRUPT, path, text);
}

/* The file that a tile of this tree would be read from, for messages. */
static void path_of(const struct ledger_view *v, int level, uint64_t number,
                    char path[TILE_PATH_MAX])
{
    if (tile_path(level, number, view_width(v, level, number), path) != 0)
        path[0] = '\0';
}

/* A tile above the lowest, against what the tiles below it come to. */
static int upper_tile_check(struct verification *c, unsigned level,
                            const struct row *row)
{
    unsigned width = view_width(c->view, (int)level, row->tile);
    const struct hash *stored;
    char path[TILE_PATH_MAX];
    int r = view_tile_load(c->view, level, row->tile, &stored);

    path_of(c->view, (int)level, row->tile, path);
    uint64_t first = (row->tile * TILE_WIDTH) << (8 * level);
    if (r != 0)
        return blame(c->verdict, first, r, path,
                     r == SP_ECORRUPT ? "wrong length" : sp_strerror(r));
    for (unsigned i = 0; i < width; i++)
        if (!merkle_equal(&stored[i], &row->hashes[i]))
            return blame_hash(c->verdict, first + ((uint64_t)i << (8 * level)),
                              path, "hash of the tile below", &row->hashes[i],
                              &stored[i]);
    return 0;
}

static int full_tile_check(void *arg, unsigned level, const struct row *row)
{
    /* The lowest was compared entry by entry. */
    return level == 0 ? 0 : upper_tile_check(arg, level, row);
}

/* Loads bundle `number` and its leaf hashes. A torn bundle is an error only
 * after its whole entries were looked at: *torn. */
static int bundle_load(struct verification *c, uint64_t number,
                       const struct hash **leaves, bool *torn)
{
    char path[TILE_PATH_MAX];
    uint64_t first = number * TILE_WIDTH;

    path_of(c->view, TILE_ENTRIES, number, path);
    int r = view_bundle_load(c->view, number);
    *torn = r == SP_ECORRUPT;
    if (r != 0 && !*torn)
        return blame(c->verdict, first, r, path, sp_strerror(r));
    path_of(c->view, 0, number, path);
    r = view_tile_load(c->view, 0, number, leaves);
    if (r != 0)
        return blame(c->verdict, first, r, path,
                     r == SP_ECORRUPT ? "wrong length" : sp_strerror(r));
    return 0;
}

static int entry_check(struct verification *c, uint64_t n, unsigned i,
                       const struct hash *want, ledger_entry_fn *entry,
                       void *entry_arg)
{
    const struct view_bundle *b = &c->view->bundle;
    const uint8_t *data = b->data + b->starts[i] + 2;
    size_t length = b->starts[i + 1] - b->starts[i] - 2;
    char bundle[TILE_PATH_MAX], tile[TILE_PATH_MAX];
    char both[2 * TILE_PATH_MAX + 8];
    struct hash have;

    merkle_leaf(data, length, &have);
    if (!merkle_equal(&have, want)) {
        /* One of the two was changed; nothing here says which. */
        path_of(c->view, TILE_ENTRIES, n / TILE_WIDTH, bundle);
        path_of(c->view, 0, n / TILE_WIDTH, tile);
        snprintf(both, sizeof both, "%s or %s", bundle, tile);
        return blame_hash(c->verdict, n, both, "leaf hash", want, &have);
    }
    int r = entry != NULL ? entry(entry_arg, n, data, length) : 0;
    if (r != 0 && c->verdict->problem[0] == '\0')
        return blame(c->verdict, n, r, "content", sp_strerror(r));
    return r;
}

static int bundle_check(struct verification *c, struct rows *rows,
                        ledger_entry_fn *entry, void *entry_arg)
{
    uint64_t first = rows->edge.size, number = first / TILE_WIDTH;
    const struct hash *leaves;
    char path[TILE_PATH_MAX];
    bool torn;
    view_read_ahead(c->view, number + AHEAD);
    int r = bundle_load(c, number, &leaves, &torn);

    for (unsigned i = 0; r == 0 && i < c->view->bundle.count; i++) {
        r = entry_check(c, first + i, i, &leaves[i], entry, entry_arg);
        if (r == 0)
            c->verdict->entries++;
        if (r == 0)
            r = rows_append(rows, &leaves[i], full_tile_check, c);
    }
    if (r != 0 || !torn)
        return r;
    path_of(c->view, TILE_ENTRIES, number, path);
    unsigned whole = c->view->bundle.count;
    unsigned width = view_width(c->view, TILE_ENTRIES, number);
    return blame(c->verdict, first + (whole < width ? whole : width - 1),
                 SP_ECORRUPT, path,
                 whole < width ? "the bundle ends here"
                               : "bytes behind the last entry");
}

int verify_range(struct ledger_view *v, struct rows *rows, struct rows *end,
                 ledger_entry_fn *entry, void *entry_arg,
                 struct ledger_verdict *verdict)
{
    struct verification c = {v, verdict};
    uint64_t full = v->head.size - v->head.size % TILE_WIDTH;
    struct rows *last = malloc(sizeof *last);
    int r = last == NULL ? SP_ENOMEM : 0;

    while (r == 0 && rows->edge.size < full)
        r = bundle_check(&c, rows, entry, entry_arg);
    if (r != 0)
        goto out;
    *last = *rows;
    if (v->head.size > full)
        r = bundle_check(&c, last, entry, entry_arg);
    for (unsigned level = 1; r == 0 && level < ROWS_LEVELS; level++)
        if (last->level[level].width > 0)
            r = upper_tile_check(&c, level, &last->level[level]);
    if (r == 0 && end != NULL)
        *end = *last;
out:
    free(last);
    return r;
}

int ledger_verify(struct ledger_view *v, ledger_entry_fn *entry,
                  void *entry_arg, struct ledger_verdict *verdict)
{
    struct rows *rows = malloc(sizeof *rows), *end = malloc(sizeof *end);
    struct hash root;
    int r = SP_ENOMEM;

    memset(verdict, 0, sizeof *verdict);
    if (rows == NULL || end == NULL)
        goto out;
    rows_init(rows);
    r = verify_range(v, rows, end, entry, entry_arg, verdict);
    if (r == SP_ENOENT || r == SP_ETOOBIG || r == SP_EINVAL)
        r = SP_ECORRUPT; /* a missing or oversized file is a wrong ledger */
    if (r != 0)
        goto out;
    merkle_edge_root(&end->edge, &root);
    if (!merkle_equal(&root, &v->head.root)) {
        /* Every file fits every other, so nothing says where it began. */
        r = blame_hash(verdict, 0, "checkpoint",
                       "root (all of the tree differs from what was signed)",
                       &v->head.root, &root);
        goto out;
    }
    verdict->good = true;
out:
    free(rows);
    free(end);
    return r;
}
