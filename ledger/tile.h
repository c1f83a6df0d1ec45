/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tiles and entry bundles live (C2SP tlog-tiles v0.1.0) and how a
 * bundle is laid out: for each entry a big-endian 16-bit length and its bytes.
 */
#ifndef SP_LEDGER_TILE_H
#define SP_LEDGER_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define TILE_WIDTH    256
#define TILE_PATH_MAX 80
#define TILE_ENTRIES  (-1) /* the level of entry bundles */

/* "tile/0/x001/x234/067", with ".p/W" for a width of 1–255 (256: full). */
int tile_path(int level, uint64_t index, unsigned width,
              char path[TILE_PATH_MAX]) SP_MUST_USE;

/* The same backwards: what tile_path() writes and nothing else. SP_EINVAL. */
int tile_path_parse(const char *path, int *level, uint64_t *index,
                    unsigned *width) SP_MUST_USE;

/* The width of the rightmost tile of `level` for a tree of `size`; 0: none. */
unsigned tile_partial_width(int level, uint64_t size);

/* One entry of a bundle: sets *entry and *length, moves *position on.
 * SP_EINVAL at a torn one; SP_ENOENT at the end. */
int bundle_next(const uint8_t *bundle, size_t size, size_t *position,
                const uint8_t **entry, size_t *length) SP_MUST_USE;

#endif
