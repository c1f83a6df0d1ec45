/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on their way to the disk, a few dozen at a time: written beside their
 * place, synced together, renamed, and the folders synced once each. The cost
 * of a full bundle is then a share of one round and not eight syncs.
 */
#ifndef SP_LEDGER_OUTBOX_H
#define SP_LEDGER_OUTBOX_H

#include <stddef.h>

#include "ledger/tile.h"

#define OUTBOX_FILES 32
#define OUTBOX_PATH  (TILE_PATH_MAX + 8)
#define OUTBOX_KNOWN 32 /* a round has up to ten folders */

struct outbox {
    int folder; /* borrowed */
    unsigned count;
    struct outbox_file {
        int fd;
        char path[OUTBOX_PATH];
    } files[OUTBOX_FILES];
    /* Folders whose names are durable, the newest in place of the oldest. */
    char known[OUTBOX_KNOWN][OUTBOX_PATH];
    unsigned nknown;
};

void outbox_init(struct outbox *o, int folder);
/* Closes what is open; files that were not flushed stay beside their place. */
void outbox_release(struct outbox *o);
/* Writes it beside; flushes first when the box is full. An existing file will
 * be replaced. SP_ENOSPC, SP_EIO. */
int outbox_put(struct outbox *o, const char *path, const void *data,
               size_t length) SP_MUST_USE;
/* Everything put is durable in its place when this returns 0. */
int outbox_flush(struct outbox *o) SP_MUST_USE;

#endif
