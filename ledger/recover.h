/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a folder to a running ledger: what ledger_open() does before there are
 * threads. docs/ledger.md has the rules and what to do about each refusal.
 */
#ifndef SP_LEDGER_RECOVER_H
#define SP_LEDGER_RECOVER_H

#include "ledger/publish.h"

/* True if there is nothing of a ledger: neither heads nor entries. */
bool recover_is_empty(int folder);

/* Verifies and replays everything, or what is behind a snapshot that `restore`
 * (may be NULL) takes; leaves `p` at the last signed head and `w`
 * at the end of the write-ahead file. Both are initialised by the caller. */
int recover(struct publisher *p, struct wal_writer *w,
            ledger_restore_fn *restore, ledger_entry_fn *entry, void *entry_arg,
            struct ledger_recovery *recovery) SP_MUST_USE;

#endif
