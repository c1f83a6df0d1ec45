/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control role: answers the local control socket. Only root, the daemon's
 * own user and the operators whom the settings name are let in, by the
 * kernel's word (SO_PEERCRED); what they send is still checked, and a malformed
 * message costs that client its connection and nobody else anything. What it
 * tells it has from the supervisor; orders it passes on with the uid of who
 * gave them, and waits.
 *
 * No operator can keep another one out: when all places are taken, whoever has
 * most of them gives one up.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/crypto.h"
#include "gateway/control_messages.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "lib/channel.h"

/* Operators and their monitoring; more is a loop gone wrong. */
#define CLIENTS_MAX 32
/* Nobody holds a place without asking. */
#define CLIENT_IDLE_S 60

struct control;

struct client {
    LIST_ENTRY(client) link;
    struct control *control;
    uid_t uid;
    uint64_t ticket; /* of the order that is under way, 0: none */
    struct channel *channel;
    struct event *idle;
};

struct control {
    struct event_base *base;
    struct channel *channel;
    struct event *listening;
    LIST_HEAD(, client) clients;
    size_t nclients;
    struct control_status status;
    uid_t operators[SETTINGS_OPERATORS_MAX];
    size_t noperators;
    uint64_t tickets; /* the newest; it has the number of this start above */
};

static struct control control;

static void client_close(struct client *c)
{
    LIST_REMOVE(c, link);
    c->control->nclients--;
    channel_free(c->channel);
    event_free(c->idle);
    free(c);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    client_close(arg);
}

static bool client_wait(struct client *c)
{
    static const struct timeval limit = {.tv_sec = CLIENT_IDLE_S};

    return event_add(c->idle, &limit) == 0;
}

static int answer_status(struct client *c)
{
    uint8_t data[CONTROL_MESSAGE_MAX];
    size_t length;
    int r = answer_status_put(&c->control->status, data, sizeof(data), &length);

    return r != 0 ? r : channel_send(c->channel, data, length, NULL, 0);
}

static int answer_order(struct client *c, const struct order_answer *a)
{
    uint8_t data[sizeof(*a) + 64];
    size_t length;
    int r = answer_order_put(a, data, sizeof(data), &length);

    return r != 0 ? r : channel_send(c->channel, data, length, NULL, 0);
}

/* The client waits without a limit from here on: a slow disk is no reason to
 * leave an operator without an answer. */
static int pass_order(struct client *c, const struct order *order)
{
    static struct order_message v;
    struct control *k = c->control;
    uint8_t data[sizeof(v) + 64];
    size_t length;
    int r;

    v = (struct order_message){
        .ticket = ++k->tickets, .uid = c->uid, .order = *order};
    r = order_message_put(&v, data, sizeof(data), &length);
    if (r == 0)
        r = channel_send(k->channel, data, length, NULL, 0);
    if (r != 0)
        return r;
    c->ticket = v.ticket;
    event_del(c->idle);
    return 0;
}

/* One question at a time; one that is not understood is the last. */
static int take(struct client *c, const uint8_t *data, size_t length)
{
    struct order order;

    if (c->ticket != 0)
        return SP_EPROTO;
    if (ask_status_get(data, length) == 0)
        return answer_status(c) == 0 && client_wait(c) ? 0 : SP_ECLOSED;
    if (ask_order_get(&order, data, length) == 0)
        return pass_order(c, &order);
    return SP_EPROTO;
}

static void on_ask(void *arg, const uint8_t *data, size_t length, int *fds,
                   size_t nfds)
{
    struct client *c = arg;
    int r;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    r = nfds != 0 ? SP_EPROTO : take(c, data, length);
    if (r == 0)
        return;
    if (r == SP_EPROTO)
        log_warn("control_client_malformed", "uid=%u length=%zu",
                 (unsigned)c->uid, length);
    client_close(c);
}

/* Whoever asked may have left meanwhile. */
static void on_order_answer(struct control *k,
                            const struct order_answer_message *v)
{
    struct client *c = LIST_FIRST(&k->clients);

    while (c != NULL && c->ticket != v->ticket)
        c = LIST_NEXT(c, link);
    if (c == NULL)
        return;
    c->ticket = 0;
    if (answer_order(c, &v->answer) != 0 || !client_wait(c))
        client_close(c);
}

static void on_left(void *arg, int error)
{
    (void)error;
    client_close(arg);
}

static int client_new(struct control *k, int fd, uid_t uid)
{
    struct client *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        close(fd);
        return SP_ENOMEM;
    }
    c->control = k;
    c->uid = uid;
    c->idle = event_new(k->base, -1, 0, on_idle, c);
    if (c->idle == NULL || !client_wait(c)) {
        close(fd);
        goto out;
    }
    c->channel = channel_new(k->base, fd, on_ask, on_left, c);
    if (c->channel == NULL)
        goto out;
    LIST_INSERT_HEAD(&k->clients, c, link);
    k->nclients++;
    return 0;
out:
    if (c->idle != NULL)
        event_free(c->idle);
    free(c);
    return SP_ENOMEM;
}

static bool uid_is_allowed(const struct control *k, uid_t uid)
{
    if (uid == 0 || uid == geteuid())
        return true;
    for (size_t i = 0; i < k->noperators; i++)
        if (k->operators[i] == uid)
            return true;
    return false;
}

static bool peer_is_allowed(const struct control *k, int fd, uid_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *uid = peer.uid;
    if (uid_is_allowed(k, peer.uid))
        return true;
    log_warn("control_client_refused", "uid=%u", (unsigned)peer.uid);
    return false;
}

static size_t places_of(const struct control *k, uid_t uid)
{
    const struct client *c = LIST_FIRST(&k->clients);
    size_t count = 0;

    for (; c != NULL; c = LIST_NEXT(c, link))
        count += c->uid == uid;
    return count;
}

/* Whose place is taken: of the uid that has most, the one that came first. The
 * list has the newest first. What was ordered is done all the same. */
static void place_make(struct control *k)
{
    struct client *c = LIST_FIRST(&k->clients), *victim = NULL;
    size_t most = 0;

    for (; c != NULL; c = LIST_NEXT(c, link)) {
        size_t places = places_of(k, c->uid);

        if (places < most)
            continue;
        most = places;
        victim = c;
    }
    if (victim == NULL)
        return;
    log_warn("control_clients_full", "uid=%u places=%zu", (unsigned)victim->uid,
             most);
    client_close(victim);
}

static void on_connect(evutil_socket_t listening, short what, void *arg)
{
    struct control *k = arg;
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    uid_t uid;

    (void)what;
    if (fd < 0)
        return;
    if (!peer_is_allowed(k, fd, &uid)) {
        close(fd);
        return;
    }
    if (k->nclients >= CLIENTS_MAX)
        place_make(k);
    if (client_new(k, fd, uid) != 0)
        log_warn("control_client_refused", "problem=%s",
                 log_quote("out of memory"));
}

/* From the supervisor, which is trusted. */
static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct control *k = arg;
    struct order_answer_message answer;
    struct stop stop;
    int r = SP_EPROTO;

    (void)fds;
    switch (nfds == 0 ? message_type(data, length) : 0) {
    case MESSAGE_ROLES:
        r = roles_message_get(&k->status.roles, data, length);
        break;
    case MESSAGE_LEDGER:
        r = ledger_message_get(&k->status.ledger, data, length);
        break;
    case MESSAGE_ANSWER_ORDER:
        r = order_answer_message_get(&answer, data, length);
        if (r == 0)
            on_order_answer(k, &answer);
        break;
    case MESSAGE_STOP:
        if (stop_get(&stop, data, length) == 0)
            exit(0);
        break;
    default:
        break;
    }
    if (r != 0)
        role_message_unknown(data, length, nfds);
}

/* Copied: the snapshot does not stay. */
static void operators_take(struct control *k, const struct settings *s)
{
    for (; k->noperators < s->noperators &&
           k->noperators < SETTINGS_OPERATORS_MAX;
         k->noperators++)
        k->operators[k->noperators] = s->operators[k->noperators];
}

static int control_events(struct control *k, int listening)
{
    if ((k->base = event_base_new()) == NULL)
        return SP_ENOMEM;
    k->listening =
        event_new(k->base, listening, EV_READ | EV_PERSIST, on_connect, k);
    if (k->listening == NULL || event_add(k->listening, NULL) != 0)
        return SP_ENOMEM;
    return 0;
}

int control_main(struct role_start *start)
{
    struct control *k = &control;
    struct sandbox_report report = {0};
    struct snapshot snapshot;
    int r;

    if ((r = snapshot_from_fd(start->fds[0], &snapshot)) != 0)
        return role_failed(start, false, "control: snapshot: %s",
                           sp_strerror(r));
    snapshot_forget_text(&snapshot);
    role_log(start, snapshot.settings->log_level);
    operators_take(k, snapshot.settings);
    k->tickets = start->setup.generation << 32;
    snapshot_release(&snapshot);
    snprintf(k->status.version, sizeof(k->status.version), "%s", SP_VERSION);
    crypto_text(k->status.crypto);
    if ((r = control_events(k, start->fds[1])) != 0 ||
        (r = role_sandbox(start, NULL, 0, CLIENTS_MAX + 64, &report)) != 0)
        return role_failed(start, true, "control: %s", sp_strerror(r));
    k->channel =
        channel_new(k->base, start->channel, on_message, role_closed, k);
    if (k->channel == NULL || role_ready(start) != 0)
        return role_failed(start, true, "control: no channel");
    event_base_dispatch(k->base);
    fatal("event_loop", "error=%s", log_quote("ended by itself"));
}
