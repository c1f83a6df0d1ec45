/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many workers there are, which of them accept, and from which sockets.
 * One that is not wanted any more retires: it stops accepting when somebody
 * else has its sockets, serves who is there, and ends. No socket is ever closed
 * while the daemon runs, for who waits in its queue would be refused. Runs in
 * the supervisor.
 */
#include <sched.h>
#include <string.h>

#include "gateway/processes.h"

unsigned supervisor_workers_wanted(const struct settings *settings)
{
    unsigned n = settings->workers;
    cpu_set_t set;

    /* The cores that we may use, not those there are. */
    if (n == 0 && sched_getaffinity(0, sizeof(set), &set) == 0)
        n = (unsigned)CPU_COUNT(&set);
    if (n == 0)
        n = 1;
    return n > LIMIT_WORKERS ? LIMIT_WORKERS : n;
}

static struct process *worker_at(struct supervisor *s, size_t i)
{
    return &s->processes[WORKERS + i];
}

static bool accepts(const struct process *p)
{
    return !p->unused && !p->retiring;
}

/* --- sockets --- */

/* Of one listener; those that it has already stay its own. */
static int give_sockets(struct supervisor *s, struct process *worker,
                        uint32_t listener)
{
    const struct opening_listener *l = &s->openings.listeners[listener];
    const struct listen_message v = {.listener = listener};
    uint8_t data[32];
    size_t length;
    int i, r = 0;

    for (size_t n = 0; r == 0; n++) {
        i = openings_socket(l, worker->seat, s->nworkers, n);
        if (i < 0)
            break;
        if ((worker->sockets[listener] >> i & 1) != 0)
            continue;
        if ((r = openings_listen_again(l, (size_t)i)) == 0)
            r = listen_message_put(&v, data, sizeof(data), &length);
        if (r == 0)
            process_send(worker, data, length, &l->fds[i], 1);
        worker->sockets[listener] |= UINT64_C(1) << i;
    }
    return r;
}

void supervisor_listen(struct supervisor *s, struct process *worker)
{
    if (!accepts(worker))
        return;
    for (uint32_t i = 0; i < s->openings.nlisteners; i++) {
        if (give_sockets(s, worker, i) != 0) {
            process_kill(worker); /* its back-off is the retry */
            return;
        }
    }
    supervisor_workers_seated(s);
}

/* --- coming and going --- */

static void retire(struct process *p)
{
    uint8_t data[16];
    size_t length;

    if (retire_put(data, sizeof(data), &length) == 0)
        process_send(p, data, length, NULL, 0);
    log_info("worker_retires", "worker=%u pid=%d", p->index, (int)p->pid);
}

/* Once those who follow accept, and not before. One that is not ready has
 * nobody to serve. */
void supervisor_workers_seated(struct supervisor *s)
{
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (accepts(worker_at(s, i)) &&
            worker_at(s, i)->state != ROLE_STATE_READY)
            return;
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        struct process *p = worker_at(s, i);

        if (!p->retiring || p->retired)
            continue;
        p->retired = true;
        if (p->state == ROLE_STATE_READY)
            retire(p);
        else
            process_kill(p);
    }
}

/* Seats are numbered anew, so that each socket has somebody. */
static void seats_deal(struct supervisor *s)
{
    unsigned seat = 0;

    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (accepts(worker_at(s, i)))
            worker_at(s, i)->seat = seat++;
    s->nworkers = seat;
    for (size_t i = 0; s->accepting && i < LIMIT_WORKERS; i++)
        if (worker_at(s, i)->state == ROLE_STATE_READY)
            supervisor_listen(s, worker_at(s, i));
}

/* A place that nobody has, not even one that still retires. */
static void worker_add(struct supervisor *s)
{
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        struct process *p = worker_at(s, i);

        if (!p->unused || p->alive)
            continue;
        p->unused = false;
        process_begin(p);
        return;
    }
    log_warn("no_place_for_a_worker", "places=%u advice=%s", LIMIT_WORKERS,
             log_quote("those that retire have clients still"));
}

static void worker_remove(struct process *p)
{
    p->retiring = true;
    p->retired = false;
    if (!p->alive)
        p->unused = true; /* it waits to be started again */
}

void supervisor_workers_set(struct supervisor *s, unsigned count)
{
    unsigned have = 0;

    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        if (!accepts(worker_at(s, i)))
            continue;
        if (have < count)
            have++;
        else
            worker_remove(worker_at(s, i));
    }
    for (; have < count; have++)
        worker_add(s);
    seats_deal(s);
}

void supervisor_worker_gone(struct supervisor *s, struct process *p)
{
    if (p->role != ROLE_WORKER)
        return;
    memset(p->sockets, 0, sizeof(p->sockets));
    if (!p->retiring)
        return;
    p->retiring = p->retired = false;
    p->unused = true;
    p->generation = 0;
    /* There may have been no place for one of those that follow. */
    if (s->phase == PHASE_RUNNING &&
        s->nworkers < supervisor_workers_wanted(s->snapshot.settings))
        supervisor_workers_set(s,
                               supervisor_workers_wanted(s->snapshot.settings));
}

bool supervisor_workers_may_follow(struct supervisor *s)
{
    unsigned have = 0;

    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        have += worker_at(s, i)->alive;
    return have + supervisor_workers_wanted(s->snapshot.settings) <=
           LIMIT_WORKERS;
}
