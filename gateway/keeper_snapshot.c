/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of the standing, so that a start need not replay all entries (P5).
 * Taking one is a copy in memory and an entry with its hash, between two turns;
 * a thread of its own writes the file. A file that is not written, or whose
 * entry is not, costs the next start some time and nothing else. Reading one
 * back is the other half: it counts if a signed entry names exactly its bytes.
 * Runs in the keeper.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/keeper.h"
#include "ledger/snapshots.h"
#include "policy/standing_snapshot.h"

_Static_assert(STANDING_BYTES_MAX <= SNAPSHOTS_BYTES_MAX,
               "what is written can be read");

void keeper_snapshot_init(struct keeper *k, int ledger, uint64_t restored)
{
    struct keeper_snapshot *s = &k->snapshots;

    *s = (struct keeper_snapshot){.folder = ledger,
                                  .last = restored,
                                  .every = KEEPER_SNAPSHOT_EVERY,
                                  .least = KEEPER_SNAPSHOT_LEAST};
#ifdef SP_HOOKS
    if (getenv("SALLYPORT_SNAPSHOT_EVERY") != NULL)
        s->every = s->least =
            strtoull(getenv("SALLYPORT_SNAPSHOT_EVERY"), NULL, 10);
#endif
}

/* Reading ----------------------------------------------------------------- */

int keeper_snapshot_read(const struct entry *e, uint64_t size,
                         const uint8_t *file, size_t length,
                         struct standing **s)
{
    const struct entry_snapshot *v = &e->u.snapshot;
    char format[STANDING_FORMAT_SIZE];
    uint8_t sha256[32];
    int r;

    *s = NULL;
    if (e->kind != ENTRY_SNAPSHOT || e->n != size || v->size != size)
        return SP_ECORRUPT;
    standing_format(format);
    if (strcmp(v->format, format) != 0)
        return SP_EUNSUPPORTED; /* another version of the program */
    crypto_hash_sha256(sha256, file, length);
    if (memcmp(sha256, v->sha256, sizeof(sha256)) != 0)
        return SP_ECORRUPT;
    if ((r = standing_decode(file, length, s)) != 0)
        return r;
    if (standing_count(*s) == size)
        return 0;
    standing_free(*s);
    *s = NULL;
    return SP_ECORRUPT;
}

/* Taking ------------------------------------------------------------------ */

static void *write_main(void *arg)
{
    struct keeper_snapshot *s = arg;

    s->error = snapshots_put(s->folder, s->size, s->data, s->length);
    atomic_store(&s->done, true);
    return NULL;
}

/* The thread has ended, or is waited for. */
static void write_end(struct keeper_snapshot *s)
{
    if (!s->writing)
        return;
    pthread_join(s->thread, NULL);
    s->writing = false;
    free(s->data);
    s->data = NULL;
    if (s->error != 0)
        log_warn("snapshot_not_written", "entries=%llu error=%s",
                 (unsigned long long)s->size, log_quote(sp_strerror(s->error)));
    else
        log_info("snapshot", "entries=%llu bytes=%zu",
                 (unsigned long long)s->size, s->length);
}

static void write_begin(struct keeper_snapshot *s)
{
    atomic_store(&s->done, false);
    s->writing = pthread_create(&s->thread, NULL, write_main, s) == 0;
    if (s->writing)
        return;
    log_warn("snapshot_not_written", "entries=%llu error=\"no thread\"",
             (unsigned long long)s->size);
    free(s->data);
    s->data = NULL;
}

/* The entry is right behind what it covers. */
static void take(struct keeper *k)
{
    struct keeper_snapshot *s = &k->snapshots;
    char format[STANDING_FORMAT_SIZE];
    struct entry e = {.kind = ENTRY_SNAPSHOT, .u.snapshot = {.format = format}};
    int r = standing_encode(k->standing, &s->data, &s->length);

    s->last = standing_count(k->standing);
    if (r != 0) {
        log_warn("snapshot_not_taken", "error=%s", log_quote(sp_strerror(r)));
        return;
    }
    standing_format(format);
    s->size = e.u.snapshot.size = s->last;
    crypto_hash_sha256(e.u.snapshot.sha256, s->data, s->length);
    keeper_record(k, &e);
    write_begin(s);
}

static bool is_due(const struct keeper *k, uint64_t entries)
{
    return entries > 0 &&
           standing_count(k->standing) - k->snapshots.last >= entries;
}

void keeper_snapshot_turn(struct keeper *k)
{
    struct keeper_snapshot *s = &k->snapshots;

    if (s->writing && !atomic_load(&s->done))
        return;
    write_end(s);
    if (is_due(k, s->every))
        take(k);
}

void keeper_snapshot_last(struct keeper *k)
{
    write_end(&k->snapshots);
    if (is_due(k, k->snapshots.least))
        take(k);
}

void keeper_snapshot_stop(struct keeper *k)
{
    write_end(&k->snapshots);
}
