/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot files: written by a thread of the keeper's, looked for at its
 * start. The folder's content is trusted with nothing: a file counts only if
 * the entry of its name is in the signed tree, by its leaf hash and the path to
 * the root, and if the caller finds that entry to be about exactly its bytes.
 * Whatever does not add up is passed over, never an end: the entries are all
 * there.
 */
#include "ledger/snapshots.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/numbered.h"
#include "lib/file.h"

/* How many are tried; there are two, unless somebody else put more there. */
#define TRIES 4

void snapshots_path(uint64_t size, char path[SNAPSHOTS_PATH_MAX])
{
    snprintf(path, SNAPSHOTS_PATH_MAX, SNAPSHOTS_FOLDER "/%020llu",
             (unsigned long long)size);
}

/* Writing ----------------------------------------------------------------- */

static void others_remove(int folder, uint64_t size)
{
    uint64_t *list = NULL, before = size;
    char path[SNAPSHOTS_PATH_MAX];
    size_t n = 0;

    if (numbered_list(folder, SNAPSHOTS_FOLDER, &list, &n) != 0)
        return;
    for (size_t i = 0; i < n && list[i] < size; i++)
        before = list[i];
    for (size_t i = 0; i < n; i++) {
        if (list[i] == size || list[i] == before)
            continue;
        snapshots_path(list[i], path);
        (void)unlinkat(folder, path, 0);
    }
    free(list);
}

int snapshots_put(int folder, uint64_t size, const void *data, size_t length)
{
    char path[SNAPSHOTS_PATH_MAX];
    int r;

    snapshots_path(size, path);
    numbered_clean(folder, SNAPSHOTS_FOLDER);
    if ((r = file_make_folders(folder, SNAPSHOTS_FOLDER, 0700)) != 0 ||
        (r = file_replace(folder, path, 0600, data, length)) != 0)
        return r;
    others_remove(folder, size);
    return 0;
}

/* Reading ----------------------------------------------------------------- */

static int skip(struct ledger_recovery *out, const char *path, const char *why,
                int error)
{
    if (out->skipped[0] == '\0')
        snprintf(out->skipped, sizeof out->skipped, "%s: %s: %s", path, why,
                 sp_strerror(error));
    return error;
}

/* The entry with index `size`, proven to be in the signed tree. */
static int entry_prove(struct ledger_view *v, uint64_t size,
                       const uint8_t **entry, size_t *length)
{
    struct merkle_path path;
    struct hash leaf;
    int r = ledger_view_entry(v, size, entry, length);

    if (r != 0)
        return r;
    merkle_leaf(*entry, *length, &leaf);
    r = merkle_prove_inclusion(ledger_view_hash, v, size, v->head.size, &path);
    if (r != 0)
        return r;
    return merkle_verify_inclusion(&leaf, size, v->head.size, &path,
                                   &v->head.root);
}

static int snapshot_try(int folder, struct ledger_view *v, uint64_t size,
                        ledger_restore_fn *restore, void *arg,
                        struct ledger_recovery *out)
{
    char path[SNAPSHOTS_PATH_MAX];
    const uint8_t *entry;
    uint8_t *data = NULL;
    size_t length, n;
    int r;

    snapshots_path(size, path);
    if (size >= v->head.size)
        return skip(out, path, "its entry is not in the signed tree",
                    SP_ENOENT);
    if ((r = entry_prove(v, size, &entry, &length)) != 0)
        return skip(out, path, "its entry's way to the signed root", r);
    if ((r = file_read(folder, path, SNAPSHOTS_BYTES_MAX, &data, &n)) != 0)
        return skip(out, path, "reading it", r);
    r = restore(arg, size, entry, length, data, n);
    free(data);
    return r == 0 ? 0 : skip(out, path, "it is not what its entry says", r);
}

uint64_t snapshots_restore(int folder, struct ledger_view *v,
                           ledger_restore_fn *restore, void *arg,
                           struct ledger_recovery *out)
{
    uint64_t *list = NULL;
    size_t n = 0;

    if (numbered_list(folder, SNAPSHOTS_FOLDER, &list, &n) != 0)
        return 0;
    for (size_t tries = 0; n > 0 && tries < TRIES && out->restored == 0;
         tries++) {
        uint64_t size = list[--n];

        if (size > 0 && snapshot_try(folder, v, size, restore, arg, out) == 0)
            out->restored = size;
    }
    free(list);
    return out->restored;
}
