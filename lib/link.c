/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the link between a worker and the keeper: the shared memory, its
 * two rings, the watermark and the doorbells. The other end may be hostile:
 * the memory can be neither cut nor grown (no SIGBUS), nothing is believed
 * that the other end can write, and what a bell says is only "look".
 *
 * Layout: struct link_shared, the ring of questions, the ring of answers.
 */
#include "lib/link.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"

#define LINK_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Written by the answering end, but for wait_for. The waiting protocol is that
 * of the rings: store one, look at the other, all sequentially consistent. */
struct link_shared {
    _Alignas(64) _Atomic uint64_t watermark;
    _Atomic int64_t beat;
    _Alignas(64) _Atomic uint64_t wait_for; /* 0: nobody waits */
};

struct link {
    struct link_shared *shared;
    struct ring out;
    struct ring in;
    int bell_mine;
    int bell_theirs;
    int memory;
    pthread_mutex_t publishing; /* link_publish() comes from any thread */
    uint64_t published;         /* by us; never read back */
};

static size_t link_size(void)
{
    return sizeof(struct link_shared) + 2 * ring_footprint(LINK_RING_BYTES);
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void link_fds_close(struct link_fds *fds)
{
    fd_close(&fds->memory);
    fd_close(&fds->bell_asking);
    fd_close(&fds->bell_answering);
}

static int memory_create(int *memory)
{
    int error = file_memory("sallyport-link", memory);

    if (error != 0)
        return error;
    if (ftruncate(*memory, (off_t)link_size()) != 0 ||
        fcntl(*memory, F_ADD_SEALS, LINK_SEALS) != 0) {
        error = sp_error_from_errno();
        fd_close(memory);
    }
    return error;
}

int link_create(struct link_fds *fds)
{
    const int flags = EFD_NONBLOCK | EFD_CLOEXEC;
    int error;

    *fds = (struct link_fds){-1, -1, -1};
    error = memory_create(&fds->memory);
    if (error != 0)
        return error;
    fds->bell_asking = eventfd(0, flags);
    fds->bell_answering = eventfd(0, flags);
    if (fds->bell_asking < 0 || fds->bell_answering < 0) {
        error = sp_error_from_errno();
        link_fds_close(fds);
    }
    return error;
}

static int memory_map(int memory, struct link_shared **shared)
{
    struct stat st;
    void *map;
    int error = file_check_seals(memory, LINK_SEALS);

    if (error != 0)
        return error;
    if (fstat(memory, &st) != 0)
        return sp_error_from_errno();
    if (st.st_size != (off_t)link_size())
        return SP_EPROTO;
    map =
        mmap(NULL, link_size(), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (map == MAP_FAILED)
        return sp_error_from_errno();
    *shared = map;
    return 0;
}

static void rings_attach(struct link *l, enum link_end end)
{
    uint8_t *questions = (uint8_t *)(l->shared + 1);
    uint8_t *answers = questions + ring_footprint(LINK_RING_BYTES);

    if (end == LINK_ASKING) {
        ring_attach(&l->out, questions, LINK_RING_BYTES);
        ring_attach(&l->in, answers, LINK_RING_BYTES);
    } else {
        ring_attach(&l->out, answers, LINK_RING_BYTES);
        ring_attach(&l->in, questions, LINK_RING_BYTES);
    }
}

int link_open(const struct link_fds *fds, enum link_end end, struct link **l)
{
    struct link_fds taken = *fds;
    struct link *new = calloc(1, sizeof(*new));
    int error = SP_ENOMEM;

    if (new == NULL)
        goto out;
    error = memory_map(taken.memory, &new->shared);
    if (error != 0)
        goto out;
    (void)pthread_mutex_init(&new->publishing, NULL); /* cannot fail on Linux */
    rings_attach(new, end);
    new->memory = taken.memory;
    new->bell_mine =
        end == LINK_ASKING ? taken.bell_asking : taken.bell_answering;
    new->bell_theirs =
        end == LINK_ASKING ? taken.bell_answering : taken.bell_asking;
    *l = new;
    return 0;
out:
    link_fds_close(&taken);
    free(new);
    return error;
}

void link_free(struct link *l)
{
    if (l == NULL)
        return;
    (void)munmap(l->shared, link_size());
    (void)pthread_mutex_destroy(&l->publishing);
    fd_close(&l->memory);
    fd_close(&l->bell_mine);
    fd_close(&l->bell_theirs);
    free(l);
}

int link_doorbell(const struct link *l)
{
    return l->bell_mine;
}

static void bell_ring(const struct link *l)
{
    const uint64_t one = 1;
    ssize_t n;

    do
        n = write(l->bell_theirs, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
    /* EAGAIN: somebody filled the counter, so the bell rings as it is. */
}

int link_put_quiet(struct link *l, const void *record, size_t length)
{
    return ring_put(&l->out, record, length);
}

void link_flush(struct link *l)
{
    if (ring_must_wake(&l->out))
        bell_ring(l);
}

int link_put(struct link *l, const void *record, size_t length)
{
    int error = link_put_quiet(l, record, length);

    if (error == 0)
        link_flush(l);
    return error;
}

int link_get(struct link *l, void *record, size_t *length)
{
    return ring_get(&l->in, record, length);
}

bool link_may_sleep(struct link *l)
{
    return ring_may_sleep(&l->in);
}

void link_awake(struct link *l)
{
    uint64_t count;
    ssize_t n;

    do
        n = read(l->bell_mine, &count, sizeof(count));
    while (n < 0 && errno == EINTR);
    ring_awake(&l->in);
}

void link_publish(struct link *l, uint64_t value)
{
    uint64_t wanted;

    (void)pthread_mutex_lock(&l->publishing);
    if (value > l->published) {
        l->published = value;
        atomic_store(&l->shared->watermark, value);
    }
    (void)pthread_mutex_unlock(&l->publishing);
    wanted = atomic_load(&l->shared->wait_for);
    /* Whoever takes the wish away rings; a wish that was changed meanwhile
     * was compared with the new watermark by the one who changed it. */
    if (wanted != 0 && wanted <= value &&
        atomic_compare_exchange_strong(&l->shared->wait_for, &wanted, 0))
        bell_ring(l);
}

void link_beat(struct link *l, int64_t now)
{
    atomic_store_explicit(&l->shared->beat, now, memory_order_relaxed);
}

uint64_t link_published(const struct link *l)
{
    return atomic_load(&l->shared->watermark);
}

int64_t link_last_beat(const struct link *l)
{
    return atomic_load_explicit(&l->shared->beat, memory_order_relaxed);
}

bool link_wait_for(struct link *l, uint64_t value)
{
    atomic_store(&l->shared->wait_for, value);
    if (value != 0 && link_published(l) < value)
        return false;
    atomic_store(&l->shared->wait_for, 0);
    return true;
}
