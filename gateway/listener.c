/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener's sockets in this worker: one, unless more were handed over than
 * there are workers. Runs in a worker. Accepts in bounded turns,
 * and keeps some descriptors back: a process that has none left could not
 * even turn a client away, and its loop would spin on the waiting connection.
 */
#include "gateway/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/connection.h"
#include "lib/clock.h"
#include "lib/log.h"

/* Connections in one turn, so that those that are there get theirs. */
#define ACCEPT_TURN 32
/* How long nobody is accepted when nobody can be. */
#define REST_MS 100

struct listener_socket {
    struct listener *listener;
    int fd;
    struct event *event;
};

struct listener {
    struct worker *worker;
    size_t number; /* in the settings */
    bool stopped;
    struct listener_socket sockets[LIMIT_WORKERS];
    size_t count;
    struct event *rested;
    int reserve[LIMIT_ACCEPT_RESERVE];
    size_t nreserve;
    int64_t complained; /* boot ms */
};

static void reserve_fill(struct listener *l)
{
    while (l->nreserve < LIMIT_ACCEPT_RESERVE) {
        int fd = fcntl(l->sockets[0].fd, F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
            return;
        l->reserve[l->nreserve++] = fd;
    }
}

static void reserve_close(struct listener *l)
{
    while (l->nreserve > 0)
        close(l->reserve[--l->nreserve]);
}

/* Once a second: whoever floods us must not fill the log as well. */
static void complain(struct listener *l, const char *what)
{
    int64_t now = clock_boot_ms();

    if (now - l->complained < 1000)
        return;
    l->complained = now;
    log_warn("accept_limit", "what=%s connections=%zu", what,
             connections_count(l->worker->connections));
}

static void address_text(const struct sockaddr_storage *from, char text[46])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

    if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, 46);
    else if (from->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, text, 46);
    else if (from->ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, text, 46);
    else
        snprintf(text, 46, "unknown");
}

/* Who waits will go on waiting; the loop must not be told so all the time. */
static void listener_rest(struct listener *l)
{
    const struct timeval rest = {.tv_usec = REST_MS * 1000};

    if (event_add(l->rested, &rest) != 0)
        return;
    for (size_t i = 0; i < l->count; i++)
        (void)event_del(l->sockets[i].event);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < l->count; i++)
        if (event_add(l->sockets[i].event, NULL) != 0) {
            listener_rest(l);
            return;
        }
}

/* With one of the descriptors kept back the client is at least told to go;
 * unless what is missing is not a descriptor of ours. */
static void accept_and_close(struct listener *l, int from)
{
    int fd;

    complain(l, "descriptors");
    if (l->nreserve > 0)
        close(l->reserve[--l->nreserve]);
    fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    else if (errno != EAGAIN)
        listener_rest(l);
    reserve_fill(l);
}

/* False if nobody waits any more. */
static bool accept_one(struct listener_socket *s)
{
    struct listener *l = s->listener;
    struct worker *w = l->worker;
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    char address[46];
    int fd = accept4(s->fd, (struct sockaddr *)&from, &size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
            errno == ENOMEM) {
            accept_and_close(l, s->fd);
            return false;
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    address_text(&from, address);
    if (connections_count(w->connections) >= w->rules->settings->connections) {
        complain(l, "connections");
        connections_refused(w->connections, address, "limit");
        close(fd);
        return true;
    }
    connection_new(w->connections, fd, address, w->rules->tls[l->number]);
    return true;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct listener_socket *s = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < ACCEPT_TURN && accept_one(s); i++)
        ;
    if (s->listener->nreserve < LIMIT_ACCEPT_RESERVE)
        reserve_fill(s->listener);
}

struct listener *listener_new(struct worker *w, size_t number)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->worker = w;
    l->number = number;
    l->complained = -1000;
    l->rested = evtimer_new(w->base, on_rested, l);
    if (l->rested == NULL) {
        free(l);
        return NULL;
    }
    return l;
}

int listener_add(struct listener *l, int fd)
{
    struct listener_socket *s = &l->sockets[l->count];

    if (l->stopped || l->count == LIMIT_WORKERS) {
        close(fd);
        return l->stopped ? 0 : SP_ETOOBIG;
    }
    s->listener = l;
    s->fd = fd;
    s->event =
        event_new(l->worker->base, fd, EV_READ | EV_PERSIST, on_accept, s);
    if (s->event == NULL || event_add(s->event, NULL) != 0) {
        if (s->event != NULL)
            event_free(s->event);
        close(fd);
        return SP_ENOMEM;
    }
    l->count++;
    reserve_fill(l);
    return 0;
}

static void sockets_close(struct listener *l)
{
    while (l->count > 0) {
        struct listener_socket *s = &l->sockets[--l->count];

        event_free(s->event);
        close(s->fd);
    }
}

/* Whoever was in a queue when we stopped listening is answered still, if
 * nobody else can. */
void listener_stop(struct listener *l, bool left)
{
    if (l->stopped)
        return;
    for (size_t n = 0; n < l->count && !left; n++)
        for (unsigned i = 0;
             i < LIMIT_CONNECTIONS && accept_one(&l->sockets[n]); i++)
            ;
    l->stopped = true;
    reserve_close(l);
    (void)event_del(l->rested);
    sockets_close(l);
}

void listener_free(struct listener *l)
{
    if (l == NULL)
        return;
    reserve_close(l);
    sockets_close(l);
    event_free(l->rested);
    free(l);
}
