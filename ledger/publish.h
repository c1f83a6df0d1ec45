/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From durable entries to a new checkpoint: bundles, tiles, the signature,
 * and afterwards the cleaning up. One thread's; recovery makes it.
 */
#ifndef SP_LEDGER_PUBLISH_H
#define SP_LEDGER_PUBLISH_H

#include "ledger/outbox.h"
#include "ledger/view.h"
#include "ledger/wal.h"
#include "lib/limits.h"

#define PUBLISH_BUNDLE_BYTES (TILE_WIDTH * (2u + LIMIT_ENTRY_BYTES))

struct publisher {
    int folder;                          /* borrowed */
    const struct note_signer *signer;    /* borrowed, as is the next */
    const struct note_signer *successor; /* signs too, or NULL */
    struct checkpoint last;              /* the newest that was signed */
    struct rows *rows;    /* of all entries taken from the write-ahead file */
    struct rows *checked; /* read back from disk, to the last full tile */
    uint8_t *bundle;      /* the rightmost, PUBLISH_BUNDLE_BYTES of room */
    size_t bundle_length;
    struct wal_reader reader;
    uint64_t *segments; /* of the write-ahead file, the reader's is the last */
    size_t nsegments;
    struct outbox outbox;
    char problem[256]; /* after a failure */
};

/* Allocates; everything else is filled by recovery. SP_ENOMEM. */
int publisher_init(struct publisher *p, int folder,
                   const struct note_signer *signer,
                   const struct note_signer *successor) SP_MUST_USE;
void publisher_release(struct publisher *p);

/* Publishes the tree of the first `size` entries, which are durable in the
 * write-ahead file; more than were published. SP_ENOSPC, SP_EIO; SP_ECORRUPT
 * when what is on disk is not what was appended. */
int publisher_publish(struct publisher *p, uint64_t size) SP_MUST_USE;

/* Signs `c`, with the successor (may be NULL) too, and checks the signatures;
 * length without the NUL. */
int publisher_sign(const struct note_signer *signer,
                   const struct note_signer *successor,
                   const struct checkpoint *c, char note[NOTE_MAX],
                   size_t *length) SP_MUST_USE;

/* Removes the partial tiles beside tiles that are full in a tree of `size`;
 * only such as a tree of `before` entries or more had. */
void publisher_clean(int folder, uint64_t before, uint64_t size);

#endif
