/* SPDX-License-Identifier: Apache-2.0 */
/* What log_reads.c (files, receipts) and log_scope.c (entries within an
 * auditor's scope) share. */
#ifndef SP_GATEWAY_LOG_READS_PARTS_H
#define SP_GATEWAY_LOG_READS_PARTS_H

#include "gateway/log_reads.h"
#include "ledger/tile.h"
#include "policy/entry.h"

/* A proof wants the checkpoint, two bundles and a tile of each level. */
#define LOG_FILES_MAX  16
#define LOG_BUNDLE_MAX (TILE_WIDTH * (2u + LIMIT_ENTRY_BYTES))

struct log_read {
    struct log_read *next; /* of all that wait */
    struct exchange *x;
    uint64_t ticket; /* of the file that is asked for */
    char wanted[TILE_PATH_MAX];
    struct got {
        char path[TILE_PATH_MAX];
        int error; /* 0: there is one */
        uint8_t *data;
        size_t length;
    } got[LOG_FILES_MAX];
    size_t count;
    /* Of a bundle that is read by somebody with a scope: whose each end is. */
    enum owner { OWNER_UNKNOWN, OWNER_THEIRS, OWNER_OTHERS } ends[TILE_WIDTH];
};

/* A ledger_files.read: what is here, or SP_EAGAIN and what is to be fetched is
 * in `wanted`. */
int log_read_file(void *arg, const char *path, size_t max, uint8_t **data,
                  size_t *length);

/* Whether the auditor who asks may read an entry, as far as it tells itself. */
bool log_scope_has(const struct exchange *x, const struct entry *e);
/* The lines of a bundle, in x->held. */
int log_scope_serve(struct exchange *x, struct log_read *r) SP_MUST_USE;

#endif
