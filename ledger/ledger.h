/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as its one writer has it: append, make durable, publish.
 *
 * Three threads, one direction: the owner appends (memory only); the sync
 * thread writes what was appended to the write-ahead file and calls
 * fdatasync, nothing else; the publisher turns what is durable into bundles,
 * tiles and signed checkpoints. Nothing waits for the publisher but the cutting
 * of the write-ahead file. (A third thread, because writing tiles costs several
 * syncs that no answer should wait for.)
 *
 * Runs in the keeper. The folder's content is trusted as far as its hashes and
 * the signed head go.
 */
#ifndef SP_LEDGER_LEDGER_H
#define SP_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/note.h"

struct ledger;

/* Called while opening, before any entry, for a file snapshot/<size> whose
 * entry, the one with the index `size`, is proven to be in the signed tree.
 * What both say is the caller's to know: 0, and entries are replayed from
 * `size` on; any error, and an older one is looked for, or all are replayed. */
typedef int ledger_restore_fn(void *arg, uint64_t size, const uint8_t *entry,
                              size_t length, const uint8_t *file,
                              size_t file_length);

struct ledger_options {
    int folder;                       /* open directory; duplicated */
    const struct note_signer *signer; /* its name is the origin; copied */
    /* NULL, or the key that is to replace it: signs every head too; copied */
    const struct note_signer *successor;
    int64_t checkpoint_ms; /* shortest time between two checkpoints, 100–1000 */
    /* Called on the sync thread after each fdatasync: entries with an index
     * < durable are on disk. Must not block. */
    void (*on_durable)(void *arg, uint64_t durable);
    /* Called once, on any ledger thread, when the ledger can no longer be
     * written; the process must end (a failed sync is never retried). */
    void (*on_failed)(void *arg, int error, const char *what);
    void *arg;
    ledger_restore_fn *restore; /* its `arg` is that of `entry`; NULL: none */
};

/* Called for each stored entry in order while opening. An error stops it. */
typedef int ledger_entry_fn(void *arg, uint64_t n, const uint8_t *entry,
                            size_t length);

struct ledger_recovery {
    uint64_t entries;     /* there now */
    uint64_t cut_bytes;   /* of a torn tail, dropped */
    uint64_t signed_size; /* of the last signed head */
    uint64_t restored;    /* entries that a snapshot stood for; 0: none did */
    uint64_t replayed;    /* entries that were replayed */
    char skipped[160];    /* the newest snapshot that did not fit, and why */
    uint64_t
        bad_index; /* on SP_ECORRUPT: the first entry that does not add up */
    char problem[256]; /* on failure: what, where, and the way out */
};

/* Creates an empty ledger's folders and signs the head of size 0. SP_EEXIST
 * if there is one already. */
int ledger_create(int folder, const struct note_signer *signer) SP_MUST_USE;

/* Locks the folder, re-derives the tree (from a snapshot on: the tiles' right
 * edge stands for what is before it), checks it against the last signed head,
 * replays every entry from there through `entry`, cuts a torn tail, starts the
 * threads. SP_ENOENT no ledger here; SP_EEXIST another process has it open;
 * SP_ECORRUPT, SP_EROLLBACK, SP_ESIGNATURE, SP_ENOSPC, SP_EIO with *recovery
 * saying what to do. */
int ledger_open(const struct ledger_options *o, ledger_entry_fn *entry,
                void *entry_arg, struct ledger_recovery *recovery,
                struct ledger **l) SP_MUST_USE;

/* Owner thread. Takes the next index; copies the entry (1 … LIMIT_ENTRY_BYTES
 * bytes). SP_ETOOBIG; SP_ENOMEM, also when 64 MiB wait
 * for the disk; SP_EIO once failed. Does no system call. */
int ledger_append(struct ledger *l, const void *entry, size_t length,
                  uint64_t *n) SP_MUST_USE;
/* Owner thread, after a turn of appending: the sync thread starts now if
 * `urgent` (an answer waits for it), else within 2 ms. */
void ledger_kick(struct ledger *l, bool urgent);

uint64_t ledger_size(const struct ledger *l);    /* appended */
uint64_t ledger_durable(const struct ledger *l); /* any thread */
uint64_t
ledger_published(const struct ledger *l); /* size of the newest checkpoint */

/* Syncs and publishes everything, stops the threads, unlocks. SP_EIO …: what
 * is durable stays so. */
int ledger_close(struct ledger *l) SP_MUST_USE;

/* Reading a ledger's folder without its writer's rights: tools, auditors. */
struct ledger_view;

/* Where a view reads "checkpoint" and "tile/…" from, if not a folder. */
struct ledger_files {
    /* The whole file, at most `max` bytes, malloc'd. SP_ENOENT, SP_ETOOBIG,
     * SP_ENOMEM, SP_EIO, or an error of its own, which comes back unchanged. */
    int (*read)(void *arg, const char *path, size_t max, uint8_t **data,
                size_t *length);
    void *arg;
};
int ledger_view_open_files(const struct ledger_files *files,
                           const struct note_verifier *known, size_t nknown,
                           struct ledger_view **v) SP_MUST_USE;

/* Opens by the checkpoint file; `known` are acceptable keys (0 of them: the
 * signature is not checked and *signed_ok says false). */
int ledger_view_open(int folder, const struct note_verifier *known,
                     size_t nknown, struct ledger_view **v) SP_MUST_USE;
/* By another of the folder's signed notes. */
#define LEDGER_COSIGNED "checkpoint.cosigned" /* docs/witnesses.md */
int ledger_view_open_note(int folder, const char *name,
                          const struct note_verifier *known, size_t nknown,
                          struct ledger_view **v) SP_MUST_USE;
void ledger_view_free(struct ledger_view *v);
const struct checkpoint *ledger_view_checkpoint(const struct ledger_view *v);
bool ledger_view_signed(const struct ledger_view *v);
/* The checkpoint as it was read, signatures and all; as long as the view. */
const char *ledger_view_note(const struct ledger_view *v);
/* The entry's bytes, good until the next call. SP_ENOENT, SP_ECORRUPT, SP_EIO.
 */
int ledger_view_entry(struct ledger_view *v, uint64_t n, const uint8_t **entry,
                      size_t *length) SP_MUST_USE;
/* A merkle_hash_fn over the stored tiles; `arg` is the view. */
int ledger_view_hash(void *arg, unsigned level, uint64_t index, struct hash *h);

/* Everything a checkpoint commits to: every bundle against every tile, every
 * tile against the root. Streams: one bundle is in memory at a time. 0 if all
 * fits; SP_ECORRUPT with the verdict if not; SP_EIO, SP_ENOMEM if it could not
 * be told. `entry` (may be NULL) gets each entry once its leaf hash fits, which
 * is before the root was compared; its own error stops and is returned. */
struct ledger_verdict {
    uint64_t entries; /* that were checked and fit */
    bool good;
    uint64_t bad_index; /* the first entry affected */
    char problem[256];  /* "entry 17: leaf hash: wanted …, have …" */
};
int ledger_verify(struct ledger_view *v, ledger_entry_fn *entry,
                  void *entry_arg, struct ledger_verdict *verdict) SP_MUST_USE;

#ifdef SP_HOOKS
/* Each sync takes this long more (P1's test); 0 switches it off. */
void ledger_hook_sync_delay(unsigned ms);
#endif

#endif
