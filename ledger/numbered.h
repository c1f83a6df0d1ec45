/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in a folder of their own that are named by a number of 20 digits: the
 * write-ahead file's segments, snapshots.
 */
#ifndef SP_LEDGER_NUMBERED_H
#define SP_LEDGER_NUMBERED_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define NUMBERED_DIGITS 20

/* The numbers of those in `name` below `folder`, sorted; malloc'd. Other names
 * are what a crash left beside, or not ours. SP_ENOENT: no such folder. */
int numbered_list(int folder, const char *name, uint64_t **numbers,
                  size_t *count) SP_MUST_USE;

/* Removes what a crash left beside: "<number>.new". Not while one is written.
 */
void numbered_clean(int folder, const char *name);

#endif
