/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's threads. The owner appends into `pending`, under a mutex that
 * is held for a copy; the sync thread takes all of it at once, writes and
 * syncs; the publisher reads what is durable from the write-ahead file and
 * shares nothing with the others but two counters. Runs in the keeper.
 *
 * A failed write or sync is the end: after a failed fsync the kernel may call
 * pages clean that never reached the disk, so trying again could succeed
 * falsely. The process ends, and recovery finds what is really there.
 */
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "ledger/recover.h"
#include "lib/file.h"
#include "lib/limits.h"

/* What may wait for the sync thread: seconds of the fastest load. More means
 * that the disk stands still. */
#define PENDING_MAX   (64u << 20)
#define PENDING_START (1u << 20)
/* How long an entry that nobody waits for may wait for company. */
#define SYNC_DELAY_MS 2
/* A request's two entries mostly come within this; one checkpoint for both. */
#define PUBLISH_GATHER_MS 50
#define PUBLISH_MOST      (UINT64_C(1) << 16)

struct batch {
    uint8_t *frames;
    size_t length, capacity;
    uint64_t first, next; /* indices of the entries */
};

enum sync_state {
    SYNC_WORKING, /* or about to: looks at everything before it sleeps */
    SYNC_IDLE,    /* sleeps until there is something */
    SYNC_DELAYED  /* sleeps for company; an urgent kick wakes it */
};

struct ledger {
    int folder, lock;
    struct note_signer signer, successor;
    struct ledger_options options;
    atomic_uint_fast64_t size, durable, published;
    atomic_int failed; /* the first error, 0 while all is well */

    pthread_mutex_t mutex; /* the five below */
    pthread_cond_t wake;
    struct batch pending;
    enum sync_state state;
    bool urgent, stopping;

    struct batch writing; /* the sync thread's own, as is wal */
    struct wal_writer wal;

    pthread_mutex_t publish_mutex; /* the three below */
    pthread_cond_t publish_wake;
    bool publish_idle, publish_stopping;
    struct publisher publisher; /* the publisher thread's own */

    pthread_t sync_thread, publish_thread;
};

#ifdef SP_HOOKS
static atomic_uint hook_delay_ms;

void ledger_hook_sync_delay(unsigned ms)
{
    atomic_store(&hook_delay_ms, ms);
}
#endif

static void hook_delay(void)
{
#ifdef SP_HOOKS
    unsigned ms = atomic_load(&hook_delay_ms);
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    if (ms > 0)
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
#endif
}

static struct timespec time_after(struct timespec t, int64_t ms)
{
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static struct timespec time_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t;
}

static bool time_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec
                                  : a->tv_nsec < b->tv_nsec;
}

static void ledger_fail(struct ledger *l, int error, const char *what)
{
    int none = 0;

    if (atomic_compare_exchange_strong(&l->failed, &none, error) &&
        l->options.on_failed != NULL)
        l->options.on_failed(l->options.arg, error, what);
}

/* Appending --------------------------------------------------------------- */

static int batch_reserve(struct batch *b, size_t more)
{
    size_t capacity = b->capacity;

    if (b->length + more <= capacity)
        return 0;
    if (b->length + more > PENDING_MAX)
        return SP_ENOMEM;
    while (capacity < b->length + more)
        capacity = capacity == 0 ? PENDING_START : capacity * 2;
    uint8_t *frames = realloc(b->frames, capacity);
    if (frames == NULL)
        return SP_ENOMEM;
    b->frames = frames;
    b->capacity = capacity;
    return 0;
}

int ledger_append(struct ledger *l, const void *entry, size_t length,
                  uint64_t *n)
{
    struct wal_frame f = {.entry = entry, .length = length};
    struct batch *b = &l->pending;

    if (length == 0 || length > LIMIT_ENTRY_BYTES)
        return SP_ETOOBIG;
    if (atomic_load_explicit(&l->failed, memory_order_relaxed) != 0)
        return SP_EIO;
    merkle_leaf(entry, length, &f.leaf);
    f.index = atomic_load_explicit(&l->size, memory_order_relaxed);
    pthread_mutex_lock(&l->mutex);
    int r = batch_reserve(b, WAL_HEADER + length);
    if (r == 0) {
        if (b->length == 0)
            b->first = f.index;
        f.batch = b->first; /* exactly what is pending is one batch */
        wal_frame_put(&f, b->frames + b->length);
        b->length += WAL_HEADER + length;
        b->next = f.index + 1;
    }
    pthread_mutex_unlock(&l->mutex);
    if (r != 0)
        return r;
    atomic_store_explicit(&l->size, f.index + 1, memory_order_relaxed);
    *n = f.index;
    return 0;
}

void ledger_kick(struct ledger *l, bool urgent)
{
    bool wake = false;

    pthread_mutex_lock(&l->mutex);
    if (l->pending.length > 0) {
        l->urgent = l->urgent || urgent;
        wake = l->state == SYNC_IDLE || (urgent && l->state == SYNC_DELAYED);
        if (wake)
            l->state = SYNC_WORKING; /* once is enough */
    }
    pthread_mutex_unlock(&l->mutex);
    if (wake)
        pthread_cond_signal(&l->wake);
}

uint64_t ledger_size(const struct ledger *l)
{
    return atomic_load_explicit(&l->size, memory_order_relaxed);
}

uint64_t ledger_durable(const struct ledger *l)
{
    return atomic_load(&l->durable);
}

uint64_t ledger_published(const struct ledger *l)
{
    return atomic_load(&l->published);
}

/* The sync thread --------------------------------------------------------- */

/* Waits for a batch and takes it into l->writing; false: stop. */
static bool batch_wait(struct ledger *l)
{
    struct timespec until;
    bool there;

    pthread_mutex_lock(&l->mutex);
    while (l->pending.length == 0 && !l->stopping) {
        l->state = SYNC_IDLE;
        pthread_cond_wait(&l->wake, &l->mutex);
    }
    until = time_after(time_now(), SYNC_DELAY_MS);
    while (!l->urgent && !l->stopping) {
        l->state = SYNC_DELAYED;
        if (pthread_cond_timedwait(&l->wake, &l->mutex, &until) == ETIMEDOUT)
            break;
    }
    l->state = SYNC_WORKING;
    l->urgent = false;
    there = l->pending.length > 0;
    if (there) {
        struct batch empty = l->writing;
        l->writing = l->pending;
        l->pending = empty;
    }
    pthread_mutex_unlock(&l->mutex);
    return there;
}

static void durable_set(struct ledger *l, uint64_t durable)
{
    atomic_store(&l->durable, durable);
    if (l->options.on_durable != NULL)
        l->options.on_durable(l->options.arg, durable);
    pthread_mutex_lock(&l->publish_mutex);
    bool wake = l->publish_idle;
    l->publish_idle = false;
    pthread_mutex_unlock(&l->publish_mutex);
    if (wake)
        pthread_cond_signal(&l->publish_wake);
}

static void *sync_main(void *arg)
{
    struct ledger *l = arg;
    struct batch *b = &l->writing;

    while (batch_wait(l)) {
        if (atomic_load(&l->failed) != 0)
            break;
        hook_delay();
        int r = wal_writer_append(&l->wal, b->first, b->frames, b->length);
        if (r != 0) {
            ledger_fail(l, r, "write-ahead file: writing or syncing failed");
            break;
        }
        b->length = 0;
        durable_set(l, b->next);
    }
    return NULL;
}

/* The publisher thread ---------------------------------------------------- */

/* Under load a head ends with a full tile: what a partial one costs (files,
 * folders, their syncs, and their removal soon after) buys nothing that the
 * next head does not have. */
static uint64_t publish_size(uint64_t published, uint64_t durable, bool last)
{
    uint64_t full = durable - durable % TILE_WIDTH;

    if (durable - published > PUBLISH_MOST)
        return published + PUBLISH_MOST;
    return !last && durable - published > TILE_WIDTH ? full : durable;
}

/* Waits until there is something new and it is time for it, or the end.
 * Returns the size to publish, 0 to stop. */
static uint64_t publish_wait(struct ledger *l, const struct timespec *last)
{
    uint64_t published = atomic_load(&l->published);

    pthread_mutex_lock(&l->publish_mutex);
    while (atomic_load(&l->durable) == published && !l->publish_stopping) {
        l->publish_idle = true;
        pthread_cond_wait(&l->publish_wake, &l->publish_mutex);
    }
    l->publish_idle = false;
    struct timespec due = time_after(*last, l->options.checkpoint_ms);
    struct timespec gather = time_after(time_now(), PUBLISH_GATHER_MS);
    if (time_before(&due, &gather))
        due = gather;
    while (!l->publish_stopping &&
           atomic_load(&l->durable) - published < PUBLISH_MOST)
        if (pthread_cond_timedwait(&l->publish_wake, &l->publish_mutex, &due) ==
            ETIMEDOUT)
            break;
    bool stopping = l->publish_stopping;
    pthread_mutex_unlock(&l->publish_mutex);
    uint64_t durable = atomic_load(&l->durable);
    if (durable == published || atomic_load(&l->failed) != 0)
        return 0;
    return publish_size(published, durable, stopping);
}

static void *publish_main(void *arg)
{
    struct ledger *l = arg;
    struct timespec last = {0, 0};
    uint64_t size;

    while ((size = publish_wait(l, &last)) != 0) {
        last = time_now();
        int r = publisher_publish(&l->publisher, size);
        if (r != 0) {
            ledger_fail(l, r, l->publisher.problem);
            break;
        }
        atomic_store(&l->published, size);
    }
    return NULL;
}

/* Opening and closing ----------------------------------------------------- */

/* 0, SP_EEXIST if another has it, SP_EIO …; *lock is the caller's. */
static int folder_lock(int folder, int *lock)
{
    int fd =
        openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return sp_error_from_errno();
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int r = errno == EWOULDBLOCK ? SP_EEXIST : sp_error_from_errno();
        close(fd);
        return r;
    }
    *lock = fd;
    return 0;
}

static int folder_fill(int folder, const struct note_signer *signer)
{
    struct checkpoint head = {.size = 0};
    struct wal_writer w = {folder, -1, 0};
    char note[NOTE_MAX];
    size_t n;
    int r;

    snprintf(head.origin, sizeof head.origin, "%s", signer->verifier.name);
    merkle_empty(&head.root);
    if ((r = file_make_folders(folder, WAL_FOLDER, 0700)) != 0 ||
        (r = file_make_folders(folder, "tile", 0700)) != 0 ||
        (r = wal_writer_open(&w, folder, 0)) != 0)
        return r;
    wal_writer_close(&w);
    if ((r = publisher_sign(signer, NULL, &head, note, &n)) != 0 ||
        (r = file_replace(folder, "last-signed", 0600, note, n)) != 0)
        return r;
    return file_replace(folder, "checkpoint", 0600, note, n);
}

int ledger_create(int folder, const struct note_signer *signer)
{
    int lock;
    int r = folder_lock(folder, &lock);

    if (r != 0)
        return r;
    r = recover_is_empty(folder) ? folder_fill(folder, signer) : SP_EEXIST;
    close(lock);
    return r;
}

/* None of these can fail on Linux: they only fill memory. */
static void locks_init(struct ledger *l)
{
    pthread_condattr_t a;

    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_mutex_init(&l->publish_mutex, NULL);
    pthread_cond_init(&l->wake, &a);
    pthread_cond_init(&l->publish_wake, &a);
    pthread_condattr_destroy(&a);
}

static void ledger_free(struct ledger *l)
{
    publisher_release(&l->publisher);
    wal_writer_close(&l->wal);
    free(l->pending.frames);
    free(l->writing.frames);
    note_signer_wipe(&l->signer);
    note_signer_wipe(&l->successor);
    pthread_mutex_destroy(&l->mutex);
    pthread_mutex_destroy(&l->publish_mutex);
    pthread_cond_destroy(&l->wake);
    pthread_cond_destroy(&l->publish_wake);
    if (l->lock >= 0)
        close(l->lock); /* unlocks */
    if (l->folder >= 0)
        close(l->folder);
    free(l);
}

static int ledger_new(const struct ledger_options *o, struct ledger **out)
{
    struct ledger *l = calloc(1, sizeof *l);

    if (l == NULL)
        return SP_ENOMEM;
    l->lock = l->wal.fd = l->publisher.reader.fd = -1;
    l->options = *o;
    l->signer = *o->signer;
    l->options.signer = &l->signer;
    if (o->successor != NULL) {
        l->successor = *o->successor;
        l->options.successor = &l->successor;
    }
    locks_init(l);
    l->folder = fcntl(o->folder, F_DUPFD_CLOEXEC, 0);
    if (l->folder < 0 || batch_reserve(&l->pending, PENDING_START) != 0 ||
        batch_reserve(&l->writing, PENDING_START) != 0 ||
        publisher_init(&l->publisher, l->folder, &l->signer,
                       l->options.successor) != 0) {
        ledger_free(l);
        return SP_ENOMEM;
    }
    *out = l;
    return 0;
}

static int threads_start(struct ledger *l)
{
    if (pthread_create(&l->sync_thread, NULL, sync_main, l) != 0)
        return SP_ENOMEM;
    if (pthread_create(&l->publish_thread, NULL, publish_main, l) == 0)
        return 0;
    pthread_mutex_lock(&l->mutex);
    l->stopping = true;
    pthread_mutex_unlock(&l->mutex);
    pthread_cond_signal(&l->wake);
    pthread_join(l->sync_thread, NULL);
    return SP_ENOMEM;
}

int ledger_open(const struct ledger_options *o, ledger_entry_fn *entry,
                void *entry_arg, struct ledger_recovery *recovery,
                struct ledger **out)
{
    struct ledger *l = NULL;
    int r;

    *out = NULL;
    memset(recovery, 0, sizeof *recovery);
    if ((r = ledger_new(o, &l)) != 0)
        return r;
    if ((r = folder_lock(l->folder, &l->lock)) != 0)
        goto out;
    r = recover(&l->publisher, &l->wal, o->restore, entry, entry_arg, recovery);
    if (r != 0)
        goto out;
    atomic_store(&l->size, recovery->entries);
    atomic_store(&l->durable, recovery->entries);
    atomic_store(&l->published, recovery->signed_size);
    if ((r = threads_start(l)) == 0) {
        *out = l;
        return 0;
    }
out:
    if (recovery->problem[0] == '\0')
        snprintf(recovery->problem, sizeof recovery->problem, "%s",
                 r == SP_EEXIST ? "lock: another process has this ledger open"
                                : sp_strerror(r));
    ledger_free(l);
    return r;
}

int ledger_close(struct ledger *l)
{
    pthread_mutex_lock(&l->mutex);
    l->stopping = true;
    pthread_mutex_unlock(&l->mutex);
    pthread_cond_signal(&l->wake);
    pthread_join(l->sync_thread, NULL);
    /* Only now is everything durable that ever will be. */
    pthread_mutex_lock(&l->publish_mutex);
    l->publish_stopping = true;
    pthread_mutex_unlock(&l->publish_mutex);
    pthread_cond_signal(&l->publish_wake);
    pthread_join(l->publish_thread, NULL);
    int r = atomic_load(&l->failed);
    ledger_free(l);
    return r;
}
