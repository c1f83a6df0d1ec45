/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who speaks with whom: the ends of links and channels, made and handed out by
 * the supervisor, which never reads what goes through them.
 */
#include <unistd.h>

#include "gateway/processes.h"
#include "gateway/witness_messages.h"
#include "lib/channel.h"
#include "lib/link.h"

void process_send_link(struct process *p, uint16_t type, uint32_t worker,
                       uint64_t number, const int *fds, size_t nfds)
{
    const struct link_message v = {.worker = worker, .generation = number};
    uint8_t data[64];
    size_t length;

    if (link_message_put(type, &v, data, sizeof(data), &length) == 0)
        process_send(p, data, length, fds, nfds);
}

static void send_keeper_link(struct process *p, const struct process *worker,
                             const int fds[3])
{
    const struct link_message v = {.worker = worker->index,
                                   .generation = worker->link,
                                   .before = worker->before};
    uint8_t data[64];
    size_t length;

    if (link_message_put(MESSAGE_LINK, &v, data, sizeof(data), &length) == 0)
        process_send(p, data, length, fds, 3);
}

/* Gives a worker and the keeper the two ends of a new link, when both are
 * there to take them. */
void process_join_keeper(struct supervisor *s, struct process *worker)
{
    struct process *keeper = &s->processes[KEEPER];
    struct link_fds ends;
    int fds[3], r;

    if (worker->linked || worker->state != ROLE_STATE_READY ||
        keeper->state != ROLE_STATE_READY)
        return;
    if ((r = link_create(&ends)) != 0) {
        log_error("link_not_made", "worker=%u error=%s", worker->index,
                  log_quote(sp_strerror(r)));
        process_kill(worker); /* its back-off is the retry */
        return;
    }
    worker->link = ++s->links;
    worker->linked = true;
    fds[0] = ends.memory;
    fds[1] = ends.bell_asking;
    fds[2] = ends.bell_answering;
    send_keeper_link(keeper, worker, fds);
    send_keeper_link(worker, worker, fds);
    worker->before = 0;
    link_fds_close(&ends);
}

int process_join(struct process *a, struct process *b, const uint8_t *data,
                 size_t length)
{
    int ends[2];
    int r = channel_pair(ends);

    if (r != 0) {
        log_error("processes_not_joined", "roles=%s,%s error=%s",
                  role_info(a->role)->name, role_info(b->role)->name,
                  log_quote(sp_strerror(r)));
        return r;
    }
    process_send(a, data, length, &ends[0], 1);
    process_send(b, data, length, &ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* Hands the dialer its end of a worker's channel, a new one if the worker's
 * first went down with another dialer. */
void process_join_dialer(struct supervisor *s, struct process *worker)
{
    struct process *dialer = &s->processes[DIALER];
    int ends[2];

    if (dialer->state != ROLE_STATE_READY || !worker->alive)
        return;
    if (worker->dialer_end < 0) {
        if (channel_pair(ends) != 0) {
            process_kill(worker);
            return;
        }
        process_send_link(worker, MESSAGE_DIALER, worker->index, ++s->links,
                          ends, 1);
        close(ends[0]);
        worker->dialer_end = ends[1];
    }
    process_send_link(dialer, MESSAGE_DIALER, worker->index, ++s->links,
                      &worker->dialer_end, 1);
    close(worker->dialer_end);
    worker->dialer_end = -1;
}

/* Keeper and dialer get the ends of a new channel when both are there; the
 * one that was there before drops its old end. */
void process_join_witnesses(struct supervisor *s)
{
    struct process *keeper = &s->processes[KEEPER];
    struct process *dialer = &s->processes[DIALER];
    struct witness_channel v = {.number = ++s->links};
    uint8_t data[32];
    size_t length;

    if (s->snapshot.settings->nwitnesses == 0 ||
        keeper->state != ROLE_STATE_READY || dialer->state != ROLE_STATE_READY)
        return;
    if (witness_channel_put(&v, data, sizeof(data), &length) != 0 ||
        process_join(keeper, dialer, data, length) != 0)
        process_kill(dialer); /* its back-off is the retry */
}
