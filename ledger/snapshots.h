/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: files that stand for the entries before one, so that a start need
 * not read them all. What is in them the ledger does not know; that they are
 * the ones that an entry of the tree names is between that entry and whoever
 * wrote both.
 */
#ifndef SP_LEDGER_SNAPSHOTS_H
#define SP_LEDGER_SNAPSHOTS_H

#include "ledger/view.h"

#define SNAPSHOTS_FOLDER    "snapshot"
#define SNAPSHOTS_PATH_MAX  32
#define SNAPSHOTS_BYTES_MAX (256u << 20)

/* "snapshot/<size in 20 digits>" */
void snapshots_path(uint64_t size, char path[SNAPSHOTS_PATH_MAX]);

/* Writes one, durably, and removes all others but the newest before it, and
 * what a crash left of one: what is of more entries than there are now was
 * never in the ledger. SP_ENOSPC,
 * SP_EIO; nothing depends on it. */
int snapshots_put(int folder, uint64_t size, const void *data,
                  size_t length) SP_MUST_USE;

/* Offers those of the view's tree, newest first. Returns the size of the one
 * that was taken, or 0; out->restored and out->skipped tell of it. */
uint64_t snapshots_restore(int folder, struct ledger_view *v,
                           ledger_restore_fn *restore, void *arg,
                           struct ledger_recovery *out);

#endif
