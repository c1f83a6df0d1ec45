/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control role: answers the local control socket. Only root, the daemon's
 * own user and the staff whom the settings name are let in, by the kernel's
 * word (SO_PEERCRED), each to what their role may (gateway/control_staff.c);
 * what they send is still checked, and a malformed message costs that client
 * its connection and nobody else anything. What it tells it has from the
 * supervisor; orders it passes on with the uid of who gave them, and waits.
 *
 * Nobody can keep another one out: when all places are taken, whoever has most
 * of them gives one up, and there are more places than people. Nor can anybody
 * fill our memory (who does not take an answer gets no other) or the log.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/crypto.h"
#include "gateway/control_http.h"
#include "gateway/control_messages.h"
#include "gateway/control_staff.h"
#include "gateway/control_standings.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "lib/channel.h"
#include "lib/clock.h"

/* So many that among all of them somebody has two: whoever has one keeps it. */
#define CLIENTS_MAX 64
_Static_assert(CLIENTS_MAX > STAFF_MAX + 2, "one place for each");
/* Nobody holds a place without asking. */
#define CLIENT_IDLE_S 60
/* What the keeper may be asked for clients; it has answers for metrics, too. */
#define WINDOWS_PER_SECOND 32
#define WINDOWS_WAIT_S     3
/* Taken from the queue before others have their turn. */
#define ACCEPTS_MAX 16
/* Lines about clients: whoever can connect can cause one. */
#define LINES_PER_SECOND 8

struct control;

struct client {
    LIST_ENTRY(client) link;
    struct control *control;
    uid_t uid;
    enum staff role;
    uint64_t ticket;  /* of the order that is under way, 0: none */
    uint64_t windows; /* of the question to the keeper, 0: none */
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
    struct staff_list staff;
    uint64_t tickets; /* the newest; it has the number of this start above */
    int64_t second;   /* boot time, of the lines below */
    unsigned lines;
    int64_t asked; /* the same, of the questions to the keeper below */
    unsigned asks;
};

static struct control control;

/* Whether there is room for one more line about clients in this second. */
static bool may_log(struct control *k)
{
    int64_t second = clock_boot_ms() / 1000;
    unsigned left_out =
        k->lines > LINES_PER_SECOND ? k->lines - LINES_PER_SECOND : 0;

    if (second != k->second) {
        k->second = second;
        k->lines = 0;
        if (left_out > 0)
            log_warn("control_lines_left_out", "count=%u", left_out);
    }
    return ++k->lines <= LINES_PER_SECOND;
}

static void client_close(struct client *c)
{
    control_standings_forget(c->windows);
    LIST_REMOVE(c, link);
    c->control->nclients--;
    channel_free(c->channel);
    event_free(c->idle);
    free(c);
}

static bool client_wait(struct client *c)
{
    static const struct timeval limit = {.tv_sec = CLIENT_IDLE_S};

    return event_add(c->idle, &limit) == 0;
}

/* Then another question may come. A socket that is full of answers is one that
 * nobody reads. */
static int answer(struct client *c, const void *data, size_t length)
{
    int r = channel_send(c->channel, data, length, NULL, 0);

    if (r == 0 && channel_queued(c->channel) > 0)
        r = SP_EAGAIN;
    return r == 0 && !client_wait(c) ? SP_ENOMEM : r;
}

static int answer_status(struct client *c)
{
    uint8_t data[CONTROL_MESSAGE_MAX];
    size_t length;
    int r = answer_status_put(&c->control->status, data, sizeof(data), &length);

    return r != 0 ? r : answer(c, data, length);
}

static int answer_order(struct client *c, const struct order_answer *a)
{
    uint8_t data[sizeof(*a) + 64];
    size_t length;
    int r = answer_order_put(a, data, sizeof(data), &length);

    return r != 0 ? r : answer(c, data, length);
}

/* The keeper's rows go on as they came; an error has none. */
static int answer_windows(struct client *c, const struct windows_head *head,
                          const struct msg_in *rows)
{
    static uint8_t data[CONTROL_WINDOWS_MAX];
    struct msg_out m;

    msg_put_begin(&m, data, sizeof(data), CONTROL_ANSWER_WINDOWS);
    windows_head_put(&m, head);
    if (rows != NULL)
        msg_put_fixed(&m, rows->data + rows->position,
                      rows->length - rows->position);
    return msg_put_end(&m) != 0 ? SP_ETOOBIG : answer(c, data, m.length);
}

static int windows_told(void *arg, const struct standings_head *head,
                        struct msg_in *m)
{
    struct client *c = arg;
    struct windows_head v = {.error = SP_ECLOSED};

    c->windows = 0;
    if (head != NULL)
        v = (struct windows_head){.policy = head->policy, .next = head->next};
    if (answer_windows(c, &v, m) != 0)
        client_close(c);
    return 0;
}

static bool may_ask_keeper(struct control *k)
{
    int64_t second = clock_boot_ms() / 1000;

    if (second != k->asked)
        k->asks = 0;
    k->asked = second;
    return k->asks++ < WINDOWS_PER_SECOND;
}

static int ask_windows(struct client *c, uint32_t from)
{
    static const struct timeval limit = {.tv_sec = WINDOWS_WAIT_S};
    struct windows_head v = {.error = SP_EAGAIN};

    if (may_ask_keeper(c->control))
        v.error = control_standings_ask(from, windows_told, c, &c->windows);
    if (v.error != 0)
        return answer_windows(c, &v, NULL);
    return event_add(c->idle, &limit) == 0 ? 0 : SP_ENOMEM;
}

/* It says nothing, or the keeper says nothing to it. */
static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    const struct windows_head v = {.error = SP_ETIMEDOUT};
    struct client *c = arg;

    (void)fd;
    (void)what;
    if (c->windows == 0) {
        client_close(c);
        return;
    }
    control_standings_forget(c->windows);
    c->windows = 0;
    if (answer_windows(c, &v, NULL) != 0)
        client_close(c);
}

/* It changes nothing and is no entry: whoever may order little must not be able
 * to fill the ledger. */
static int refuse_order(struct client *c, const struct order *order)
{
    struct order_answer a = {.error = SP_EPERM};

    staff_refusal(c->role, order->verb, c->uid, a.text);
    if (may_log(c->control))
        log_warn("control_order_refused", "verb=%s uid=%u role=%s",
                 order_verb_text(order->verb), (unsigned)c->uid,
                 staff_text(c->role));
    return answer_order(c, &a);
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
    const struct control *k = c->control;
    struct order order;
    uint32_t from;

    if (c->ticket != 0 || c->windows != 0)
        return SP_EPROTO;
    c->role = staff_of(&k->staff, geteuid(), c->uid);
    if (c->role == STAFF_NONE) /* since it came in */
        return SP_EPERM;
    if (ask_status_get(data, length) == 0)
        return staff_may(c->role, STAFF_ASK_STATUS) ? answer_status(c)
                                                    : SP_EPERM;
    if (ask_windows_get(&from, data, length) == 0)
        return staff_may(c->role, STAFF_ASK_WINDOWS) ? ask_windows(c, from)
                                                     : SP_EPERM;
    if (ask_order_get(&order, data, length) != 0)
        return SP_EPROTO;
    return staff_may(c->role, order.verb) ? pass_order(c, &order)
                                          : refuse_order(c, &order);
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
    if (may_log(c->control))
        log_warn(r == SP_EPROTO ? "control_client_malformed"
                                : "control_client_dropped",
                 "uid=%u length=%zu error=%s", (unsigned)c->uid, length,
                 log_quote(sp_strerror(r)));
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
    if (answer_order(c, &v->answer) != 0)
        client_close(c);
}

static void on_left(void *arg, int error)
{
    (void)error;
    client_close(arg);
}

static int client_new(struct control *k, int fd, uid_t uid, enum staff role)
{
    struct client *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        close(fd);
        return SP_ENOMEM;
    }
    c->control = k;
    c->uid = uid;
    c->role = role;
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

static enum staff peer_role(struct control *k, int fd, uid_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    enum staff role;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return STAFF_NONE;
    *uid = peer.uid;
    role = staff_of(&k->staff, geteuid(), peer.uid);
    if (role == STAFF_NONE && may_log(k))
        log_warn("control_client_refused", "uid=%u", (unsigned)peer.uid);
    return role;
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
    if (may_log(k))
        log_warn("control_clients_full", "uid=%u places=%zu",
                 (unsigned)victim->uid, most);
    client_close(victim);
}

static void client_accept(struct control *k, int fd)
{
    uid_t uid = 0;
    enum staff role = peer_role(k, fd, &uid);

    if (role == STAFF_NONE) {
        close(fd);
        return;
    }
    if (k->nclients >= CLIENTS_MAX)
        place_make(k);
    if (client_new(k, fd, uid, role) != 0 && may_log(k))
        log_warn("control_client_refused", "problem=%s",
                 log_quote("out of memory"));
}

static void on_connect(evutil_socket_t listening, short what, void *arg)
{
    (void)what;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
            return;
        client_accept(arg, fd);
    }
}

/* From the supervisor, which is trusted. */
static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct control *k = arg;
    struct order_answer_message answer;
    struct stop stop;
    int r = SP_EPROTO;

    switch (nfds == 0 ? message_type(data, length) : 0) {
    case MESSAGE_ROLES:
        r = roles_message_get(&k->status.roles, data, length);
        break;
    case MESSAGE_LEDGER:
        r = ledger_message_get(&k->status.ledger, data, length);
        break;
    case MESSAGE_STAFF:
        r = staff_message_get(&k->staff, data, length);
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
        r = control_http_message(data, length, fds, nfds);
        break;
    }
    if (r != 0)
        role_message_unknown(data, length, nfds);
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
    staff_take(&k->staff, snapshot.settings);
    k->tickets = start->setup.generation << 32;
    snapshot_release(&snapshot);
    snprintf(k->status.version, sizeof(k->status.version), "%s", SP_VERSION);
    crypto_text(k->status.crypto);
    if ((r = control_events(k, start->fds[1])) != 0 ||
        (r = control_http_init(k->base, &k->status)) != 0 ||
        (r = role_sandbox(start, NULL, 0, CLIENTS_MAX + 64 + CONTROL_HTTP_FILES,
                          &report)) != 0)
        return role_failed(start, true, "control: %s", sp_strerror(r));
    k->channel =
        channel_new(k->base, start->channel, on_message, role_closed, k);
    if (k->channel == NULL || role_ready(start) != 0)
        return role_failed(start, true, "control: no channel");
    event_base_dispatch(k->base);
    fatal("event_loop", "error=%s", log_quote("ended by itself"));
}
