/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for an answer of the keeper's, by ticket. Runs in control; the
 * keeper's messages are checked as all are.
 */
#include "gateway/control_standings.h"

#include <unistd.h>

#include "lib/channel.h"
#include "lib/log.h"

/* The control socket's clients, and metrics. */
#define ASKERS 80

static struct control_standings {
    struct channel *keeper; /* NULL: none */
    uint64_t tickets;
    struct asker {
        uint64_t ticket; /* 0: free */
        standings_fn *fn;
        void *arg;
    } askers[ASKERS];
} all;

static struct asker *asker_of(uint64_t ticket)
{
    for (size_t i = 0; i < ASKERS; i++)
        if (all.askers[i].ticket == ticket)
            return &all.askers[i];
    return NULL;
}

static void keeper_drop(void)
{
    if (all.keeper != NULL)
        channel_free(all.keeper);
    all.keeper = NULL;
    for (size_t i = 0; i < ASKERS; i++) {
        const struct asker a = all.askers[i];

        all.askers[i].ticket = 0;
        if (a.ticket != 0)
            (void)a.fn(a.arg, NULL, NULL);
    }
}

static int take(const uint8_t *data, size_t length)
{
    struct standings_head head;
    struct asker *place, a;
    struct msg_in m;
    int r = standings_head_get(&m, &head, data, length);

    if (r != 0)
        return r;
    place = head.ticket != 0 ? asker_of(head.ticket) : NULL;
    if (place == NULL)
        return 0; /* too late */
    a = *place;
    place->ticket = 0;
    return a.fn(a.arg, &head, &m);
}

static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    int r = nfds != 0 ? SP_EPROTO : take(data, length);

    (void)arg;
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (r == 0)
        return;
    log_error("keeper_broke_protocol", "type=%u error=%s",
              message_type(data, length), log_quote(sp_strerror(r)));
    keeper_drop();
}

static void on_left(void *arg, int error)
{
    (void)arg;
    (void)error; /* the supervisor knows why, and sends a new one */
    keeper_drop();
}

int control_standings_join(struct event_base *base, int fd)
{
    keeper_drop();
    all.keeper = channel_new(base, fd, on_message, on_left, &all);
    return all.keeper != NULL ? 0 : SP_ENOMEM;
}

int control_standings_ask(uint32_t from, standings_fn *fn, void *arg,
                          uint64_t *ticket)
{
    struct asker *a = asker_of(0);
    struct ask_standings ask = {.from = from};
    uint8_t data[32];
    size_t length;
    int r;

    if (all.keeper == NULL)
        return SP_ECLOSED;
    if (a == NULL)
        return SP_EAGAIN;
    ask.ticket = all.tickets + 1;
    if ((r = ask_standings_put(&ask, data, sizeof(data), &length)) != 0 ||
        (r = channel_send(all.keeper, data, length, NULL, 0)) != 0)
        return r;
    *a = (struct asker){.ticket = ask.ticket, .fn = fn, .arg = arg};
    *ticket = all.tickets = ask.ticket;
    return 0;
}

void control_standings_forget(uint64_t ticket)
{
    struct asker *a = ticket != 0 ? asker_of(ticket) : NULL;

    if (a != NULL)
        a->ticket = 0;
}
