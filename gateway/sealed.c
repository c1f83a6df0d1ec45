/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed transcripts on their way into files. Runs in a worker, over bytes of
 * anybody; only ciphertext leaves this process. The keeper has the supervisor
 * make a file for each request that it admits under terms that seal; that word
 * and the keeper's own come on two ways, in any order.
 */
#include "gateway/sealed.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/transcript.h"
#include "lib/clock.h"
#include "lib/log.h"

/* A file that does not come is none (P9); one that nobody waits for was for a
 * request that has ended meanwhile. */
#define WAIT_MS 2000
#define LOOK_MS 100
#define ROOM    (4 * TRANSCRIPT_CHUNK_MAX)
#define NO_FILE (-1)

/* Waits in a list for its exchange or for its file; then it is the
 * exchange's. */
struct sealed {
    struct sealed *next, *previous;
    bool listed;
    struct exchange *exchange; /* NULL: it has not asked yet */
    uint64_t link, n;          /* whose request it is: which keeper's entry */
    int fd;
    int64_t since;
    bool begun;
    int error;    /* it can be written no more */
    size_t ahead; /* sealed bytes of the answer that have not left */
    struct transcript_writer writer;
};

struct seals {
    struct worker *worker;
    struct sealed *waiting;
    struct event *look;
    int64_t told; /* the second of the last complaint */
    size_t used;
    uint8_t room[ROOM]; /* ciphertext alone */
};

/* ---- the list ---- */

static void list_add(struct seals *all, struct sealed *s)
{
    const struct timeval often = {.tv_usec = LOOK_MS * 1000};

    s->since = clock_boot_ms();
    s->listed = true;
    s->next = all->waiting;
    if (s->next != NULL)
        s->next->previous = s;
    else if (event_add(all->look, &often) != 0)
        fatal("seals_timer", "error=%s", log_quote("out of memory"));
    all->waiting = s;
}

static void list_remove(struct seals *all, struct sealed *s)
{
    if (!s->listed)
        return;
    *(s->previous != NULL ? &s->previous->next : &all->waiting) = s->next;
    if (s->next != NULL)
        s->next->previous = s->previous;
    s->next = s->previous = NULL;
    s->listed = false;
    if (all->waiting == NULL)
        event_del(all->look);
}

static struct sealed *list_find(const struct seals *all, uint64_t link,
                                uint64_t n)
{
    struct sealed *s = all->waiting;

    while (s != NULL && (s->n != n || s->link != link))
        s = s->next;
    return s;
}

static struct sealed *sealed_new(struct seals *all, uint64_t link, uint64_t n,
                                 int fd)
{
    struct sealed *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->link = link;
    s->n = n;
    s->fd = fd;
    list_add(all, s);
    return s;
}

static void sealed_free(struct seals *all, struct sealed *s)
{
    list_remove(all, s);
    if (s->exchange != NULL)
        s->exchange->sealed = NULL;
    if (s->fd != NO_FILE)
        close(s->fd);
    transcript_wipe(&s->writer);
    free(s);
}

/* ---- writing ---- */

/* A full disk is told once a second, not by each request. */
static int complain(struct seals *all, const struct sealed *s, int error)
{
    int64_t second = clock_boot_ms() / 1000;

    if (second != all->told)
        log_error("transcript_not_kept", "n=%llu error=%s advice=%s",
                  (unsigned long long)s->n, log_quote(sp_strerror(error)),
                  log_quote("make room for `transcripts`; until then what is "
                            "to be sealed is refused"));
    all->told = second;
    return error;
}

static void flush(struct seals *all, struct sealed *s)
{
    size_t written = 0;

    while (s->error == 0 && written < all->used) {
        ssize_t n = write(s->fd, all->room + written, all->used - written);

        if (n > 0)
            written += (size_t)n;
        else if (n == 0 || errno != EINTR)
            s->error =
                complain(all, s, n == 0 ? SP_EIO : sp_error_from_errno());
    }
    all->used = 0;
}

static uint8_t *room(struct seals *all, struct sealed *s)
{
    if (all->used + TRANSCRIPT_CHUNK_MAX > ROOM)
        flush(all, s);
    return all->room + all->used;
}

static void put(struct seals *all, struct sealed *s, enum transcript_part part,
                const uint8_t *data, size_t length)
{
    while (length > 0 && s->error == 0) {
        size_t piece =
            length < TRANSCRIPT_DATA_MAX ? length : TRANSCRIPT_DATA_MAX;

        all->used +=
            transcript_chunk(&s->writer, part, data, piece, room(all, s));
        data += piece;
        length -= piece;
    }
}

/* ---- the beginning ---- */

bool sealed_wanted(const struct exchange *x)
{
    return policy_terms_seal(x->rules->policy, x->terms);
}

static int write_first(struct exchange *x)
{
    const struct worker *w = x->worker;
    const struct policy_party *party =
        &x->rules->policy->parties[x->facts.party];
    struct transcript_recipient to[2] = {{.count = 1}, {.count = 2}};
    struct sealed *s = x->sealed;
    size_t length = 0;

    if (!party->has_sealing_key)
        return SP_ENOENT; /* no policy loads like that */
    memcpy(to[0].keys[0], party->sealing_key, sizeof(party->sealing_key));
    memcpy(to[1].keys, x->rules->policy->escrow,
           sizeof(x->rules->policy->escrow));
    w->seals->used = 0;
    s->error = transcript_begin(&s->writer, x->rules->settings->origin, x->n,
                                to, x->rules->policy->has_escrow ? 2 : 1,
                                w->seals->room, &length);
    if (s->error != 0)
        return complain(w->seals, s, s->error);
    w->seals->used = length;
    s->begun = true;
    put(w->seals, s, TRANSCRIPT_SALTED, x->salt, sizeof(x->salt));
    put(w->seals, s, TRANSCRIPT_ASKED, buf_bytes(&x->body), x->body.length);
    flush(w->seals, s);
    return s->error;
}

int sealed_begin(struct exchange *x)
{
    struct seals *all = x->worker->seals;
    struct sealed *s = list_find(all, x->link, x->n);
    bool there = s != NULL;

    if (s == NULL && (s = sealed_new(all, x->link, x->n, NO_FILE)) == NULL)
        return SP_ENOMEM;
    s->exchange = x;
    x->sealed = s;
    if (!there)
        return SP_EAGAIN;
    list_remove(all, s);
    return s->fd != NO_FILE ? write_first(x) : SP_EIO;
}

/* Its waiting is over, with or without a file. One that was cut meanwhile is
 * answered without the model: there is nothing to keep. */
static void waited(struct seals *all, struct sealed *s)
{
    struct exchange *x = s->exchange;

    if (x == NULL || x->state != EXCHANGE_CALLING)
        sealed_free(all, s);
    else if (s->fd != NO_FILE && write_first(x) == 0)
        exchange_sealed(x);
    else
        exchange_unsealed(x);
}

void seals_arrived(struct seals *all, const struct transcript_file *v, int fd)
{
    struct sealed *s = list_find(all, v->generation, v->n);

    if (fd == NO_FILE)
        log_error("transcript_not_made", "n=%llu error=%s",
                  (unsigned long long)v->n, log_quote(sp_strerror(v->error)));
    if (s == NULL) {
        if (sealed_new(all, v->generation, v->n, fd) == NULL && fd != NO_FILE)
            close(fd); /* whoever is to have it gives up in time */
        return;
    }
    if (s->exchange == NULL) { /* the same twice */
        if (fd != NO_FILE)
            close(fd);
        return;
    }
    list_remove(all, s);
    s->fd = fd;
    waited(all, s);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct seals *all = arg;
    int64_t old = clock_boot_ms() - WAIT_MS;
    struct sealed *next;

    (void)fd;
    (void)what;
    for (struct sealed *s = all->waiting; s != NULL; s = next) {
        next = s->next;
        if (s->since > old)
            continue;
        if (s->exchange != NULL)
            (void)complain(all, s, SP_ETIMEDOUT);
        list_remove(all, s);
        waited(all, s);
        next = all->waiting; /* that may have ended others */
    }
}

/* ---- the answer ---- */

int sealed_answered(struct exchange *x, const uint8_t *data, size_t length)
{
    struct seals *all = x->worker->seals;
    struct sealed *s = x->sealed;

    if (s == NULL || !s->begun)
        return 0;
    if (length > s->ahead) {
        put(all, s, TRANSCRIPT_ANSWERED, data + s->ahead, length - s->ahead);
        flush(all, s);
        s->ahead = length;
    }
    return s->error;
}

void sealed_sent(struct exchange *x, size_t length)
{
    if (x->sealed != NULL && x->sealed->begun)
        x->sealed->ahead -= length;
}

void sealed_unsent(struct exchange *x)
{
    struct sealed *s = x->sealed;
    uint8_t count[8];

    if (s == NULL || s->ahead == 0)
        return;
    for (unsigned i = 0; i < 8; i++)
        count[i] = (uint8_t)((uint64_t)s->ahead >> 8 * (7 - i));
    put(x->worker->seals, s, TRANSCRIPT_UNSENT, count, sizeof(count));
    flush(x->worker->seals, s);
    s->ahead = 0;
}

int sealed_end(struct exchange *x, uint8_t sha256[32])
{
    struct seals *all = x->worker->seals;
    struct sealed *s = x->sealed;
    int r = SP_ENOENT;

    if (s == NULL)
        return r;
    if (s->begun) {
        sealed_unsent(x);
        all->used += transcript_end(&s->writer, room(all, s), sha256);
        flush(all, s);
        r = s->error;
    }
    sealed_free(all, s);
    return r;
}

void sealed_drop(struct exchange *x)
{
    if (x->sealed != NULL)
        sealed_free(x->worker->seals, x->sealed);
}

/* ---- set-up ---- */

struct seals *seals_new(struct worker *w)
{
    struct seals *all = calloc(1, sizeof(*all));

    if (all == NULL)
        return NULL;
    all->worker = w;
    all->look = event_new(w->base, -1, EV_PERSIST, on_look, all);
    if (all->look == NULL) {
        free(all);
        return NULL;
    }
    return all;
}

void seals_free(struct seals *all)
{
    if (all == NULL)
        return;
    while (all->waiting != NULL)
        sealed_free(all, all->waiting);
    event_free(all->look);
    free(all);
}
