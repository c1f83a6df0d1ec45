/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialer: the only process that may connect. Workers name an endpoint by
 * its number in the policy and get a connected socket back; nothing else can
 * be reached through it. A worker that asks for what is not in the policy gets
 * an error, one that does not speak the protocol loses its channel.
 *
 * Names are resolved by libevent's own asynchronous resolver, so that a slow
 * name server holds up nobody and no thread or file is needed inside the
 * sandbox: /etc/resolv.conf and /etc/hosts are read once, at the start.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/dialer_parts.h"
#include "gateway/revocation_messages.h"
#include "lib/log.h"

/* Dials of one worker at a time; more than that is a model that is not there.
 */
#define DIALS_MAX 256

static struct dialer dialer;

static void dial_free(struct dial *d)
{
    LIST_REMOVE(d, link);
    d->client->ndials--;
    if (d->asking != NULL)
        evdns_getaddrinfo_cancel(d->asking);
    if (d->addresses != NULL)
        evutil_freeaddrinfo(d->addresses);
    if (d->writable != NULL)
        event_free(d->writable);
    if (d->limit != NULL)
        event_free(d->limit);
    if (d->fd >= 0)
        close(d->fd);
    free(d);
}

void client_close(struct client *c)
{
    struct http_call *h;
    struct dial *d;

    while ((d = LIST_FIRST(&c->dials)) != NULL) /* they point to calls */
        dial_free(d);
    while ((h = LIST_FIRST(&c->calls)) != NULL)
        http_call_free(h);
    if (c->channel != NULL)
        channel_free(c->channel);
    c->channel = NULL;
}

static void client_answer(struct client *c, uint64_t ticket, int error, int fd)
{
    const struct answer_dial v = {.ticket = ticket, .error = error};
    uint8_t data[32];
    size_t length;
    int r = answer_dial_put(&v, data, sizeof(data), &length);

    if (r == 0)
        r = channel_send(c->channel, data, length, &fd, error == 0 ? 1 : 0);
    if (r != 0) {
        log_warn("worker_does_not_listen", "worker=%u error=%s", c->worker,
                 log_quote(sp_strerror(r)));
        client_close(c);
    }
}

void dial_end(struct dial *d, int error)
{
    struct client *c = d->client;
    uint64_t ticket = d->ticket;
    dial_done_fn *done = d->done;
    void *arg = d->arg;
    int fd = d->fd;

    if (error != 0)
        log_info("dial_failed", "endpoint=%s error=%s",
                 log_quote(d->endpoint->url),
                 log_quote(error == SP_EIO && d->system_error != 0
                               ? strerror(d->system_error)
                               : sp_strerror(error)));
    d->fd = -1;
    dial_free(d);
    done(c, ticket, arg, error, fd);
}

static void worker_done(struct client *c, uint64_t ticket, void *arg, int error,
                        int fd)
{
    (void)arg;
    client_answer(c, ticket, error, fd);
    if (fd >= 0)
        close(fd);
}

static void dial_try_next(struct dial *d);

/* A try's socket is connected, or it is not. */
static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct dial *d = arg;
    int error = 0;
    socklen_t size = sizeof(error);

    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error == 0) {
        dial_end(d, 0);
        return;
    }
    d->system_error = error;
    d->error = error == ETIMEDOUT ? SP_ETIMEDOUT : SP_EIO;
    dial_try_next(d);
}

static void dial_drop_try(struct dial *d)
{
    if (d->writable != NULL)
        event_free(d->writable);
    if (d->fd >= 0)
        close(d->fd);
    d->writable = NULL;
    d->fd = -1;
}

/* What every socket to a model has; failing is no reason not to use it. */
static void socket_tune(int fd, int family)
{
    const int on = 1;

    if (family == AF_UNIX)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* 0: under way (or there already: the event fires at once). */
static int dial_connect(struct dial *d, const struct sockaddr *address,
                        socklen_t size)
{
    d->fd = socket(address->sa_family,
                   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0) {
        d->system_error = errno;
        return SP_EIO;
    }
    socket_tune(d->fd, address->sa_family);
    if (connect(d->fd, address, size) != 0 && errno != EINPROGRESS) {
        d->system_error = errno;
        return SP_EIO;
    }
    d->writable =
        event_new(d->client->dialer->base, d->fd, EV_WRITE, on_writable, d);
    if (d->writable == NULL || event_add(d->writable, NULL) != 0)
        return SP_ENOMEM;
    return 0;
}

/* The next address of the name, until one connects or none is left. */
static void dial_try_next(struct dial *d)
{
    dial_drop_try(d);
    while (d->next != NULL) {
        const struct evutil_addrinfo *a = d->next;

        d->next = a->ai_next;
        d->error = dial_connect(d, a->ai_addr, (socklen_t)a->ai_addrlen);
        if (d->error == 0)
            return;
        dial_drop_try(d);
    }
    dial_end(d, d->error);
}

static void on_resolved(int result, struct evutil_addrinfo *addresses,
                        void *arg)
{
    struct dial *d = arg;

    if (result == EVUTIL_EAI_CANCEL)
        return; /* the dial is gone already */
    d->asking = NULL;
    d->addresses = addresses;
    d->next = result == 0 ? addresses : NULL;
    d->error = SP_ENOENT;
    dial_try_next(d);
}

static void dial_resolve(struct dial *d)
{
    const struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = EVUTIL_AI_NUMERICSERV,
    };
    char port[8];
    struct evdns_getaddrinfo_request *asking;
    struct client *c = d->client;

    evutil_snprintf(port, sizeof(port), "%u", d->endpoint->port);
    asking = evdns_getaddrinfo(c->dialer->dns, d->endpoint->host, port, &hints,
                               on_resolved, d);
    /* NULL: on_resolved() ran already, and the dial may be gone with it. */
    if (asking != NULL)
        d->asking = asking;
}

/* An address as it stands in a URL: its size, or 0: it is a name. */
static socklen_t address_parse(const struct policy_endpoint *e,
                               struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, e->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(e->port);
        return sizeof(*v4);
    }
    if (inet_pton(AF_INET6, e->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(e->port);
        return sizeof(*v6);
    }
    return 0;
}

static void dial_unix(struct dial *d)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(d->endpoint->path);
    int r = SP_ETOOBIG;

    if (length < sizeof(address.sun_path)) {
        memcpy(address.sun_path, d->endpoint->path, length + 1);
        r = dial_connect(d, (struct sockaddr *)&address, sizeof(address));
    }
    if (r != 0) {
        dial_drop_try(d);
        dial_end(d, r);
    }
}

static void dial_start(struct dial *d)
{
    struct sockaddr_storage address;
    socklen_t size;
    int r;

    if (d->endpoint->scheme == ENDPOINT_UNIX) {
        dial_unix(d);
        return;
    }
    size = address_parse(d->endpoint, &address);
    if (size == 0) {
        dial_resolve(d);
        return;
    }
    r = dial_connect(d, (struct sockaddr *)&address, size);
    if (r != 0) {
        dial_drop_try(d);
        dial_end(d, r);
    }
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct dial *d = arg;

    (void)fd;
    (void)what;
    dial_drop_try(d);
    dial_end(d, SP_ETIMEDOUT);
}

static struct dial *dial_new(struct client *c, uint64_t ticket,
                             const struct policy_endpoint *endpoint, int64_t ms)
{
    const struct timeval limit = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    struct dial *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->client = c;
    d->ticket = ticket;
    d->endpoint = endpoint;
    d->fd = -1;
    d->limit = event_new(c->dialer->base, -1, 0, on_limit, d);
    if (d->limit == NULL || event_add(d->limit, &limit) != 0) {
        if (d->limit != NULL)
            event_free(d->limit);
        free(d);
        return NULL;
    }
    LIST_INSERT_HEAD(&c->dials, d, link);
    c->ndials++;
    return d;
}

bool dial_begin(struct client *c, uint64_t ticket,
                const struct policy_endpoint *endpoint,
                const struct policy *policy, int64_t limit_ms,
                dial_done_fn *done, void *arg)
{
    struct dial *d = dial_new(c, ticket, endpoint, limit_ms);

    if (d == NULL)
        return false;
    d->policy = policy;
    d->done = done;
    d->arg = arg;
    dial_start(d);
    return true;
}

static void client_ask(struct client *c, const struct ask_dial *ask)
{
    const struct policy *policy;
    const struct policy_endpoint *endpoint =
        dialer_endpoint(c->dialer, ask, &policy);
    int64_t limit = dialer_newest(c->dialer)->settings->connect_ms;

    if (endpoint == NULL) {
        log_warn("dial_not_in_policy",
                 "worker=%u policy=%u model=%u "
                 "endpoint=%u",
                 c->worker, ask->policy, ask->model, ask->endpoint);
        client_answer(c, ask->ticket, SP_EPERM, -1);
    } else if (c->ndials >= DIALS_MAX) {
        client_answer(c, ask->ticket, SP_EAGAIN, -1);
    } else if (!dial_begin(c, ask->ticket, endpoint, policy, limit, worker_done,
                           NULL)) {
        client_answer(c, ask->ticket, SP_ENOMEM, -1);
    }
}

static void on_client_message(void *arg, const uint8_t *data, size_t length,
                              int *fds, size_t nfds)
{
    struct client *c = arg;
    struct ask_dial ask;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds == 0 && ask_dial_get(&ask, data, length) == 0) {
        client_ask(c, &ask);
        return;
    }
    log_error("worker_broke_protocol", "worker=%u type=%u", c->worker,
              message_type(data, length));
    client_close(c);
}

static void on_client_closed(void *arg, int error)
{
    struct client *c = arg;

    (void)error; /* the supervisor knows why, and sends a new one */
    client_close(c);
}

static void on_dialer(struct dialer *d, const struct link_message *v, int fd)
{
    struct client *c = &d->clients[v->worker];

    client_close(c);
    c->dialer = d;
    c->worker = v->worker;
    c->channel =
        channel_new(d->base, fd, on_client_message, on_client_closed, c);
    if (c->channel == NULL)
        fatal("channel", "worker=%u error=%s", v->worker,
              log_quote("out of memory"));
}

/* From the supervisor, which is trusted. */
static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct dialer *d = arg;
    struct witness_channel witnesses;
    struct fetch_channel fetches;
    struct link_message v;

    switch (message_type(data, length)) {
    case MESSAGE_WITNESSES:
        if (nfds == 1 && witness_channel_get(&witnesses, data, length) == 0) {
            witnesses_channel(d, fds[0]);
            return;
        }
        break;
    case MESSAGE_FETCHES:
        if (nfds == 1 && fetch_channel_get(&fetches, data, length) == 0) {
            fetches_channel(d, fds[0]);
            return;
        }
        break;
    case MESSAGE_DIALER:
        if (nfds == 1 && link_message_get(&v, data, length) == 0) {
            on_dialer(d, &v, fds[0]);
            return;
        }
        break;
    default:
        if (dialer_rules_message(d, data, length, fds, nfds) == 0)
            return;
        break;
    }
    role_message_other(data, length, nfds);
}

bool endpoint_needs_name(const struct policy_endpoint *e)
{
    struct sockaddr_storage address;

    return e->scheme != ENDPOINT_UNIX && address_parse(e, &address) == 0;
}

bool dialer_needs_names(const struct snapshot *s)
{
    const struct policy *p = s->policy;

    for (size_t i = 0; i < s->settings->nwitnesses; i++)
        if (endpoint_needs_name(&s->settings->witnesses[i].endpoint))
            return true;
    for (size_t i = 0; i < p->nmodels; i++)
        for (size_t j = 0; j < p->models[i].nendpoints; j++)
            if (endpoint_needs_name(&p->models[i].endpoints[j]))
                return true;
    return fetches_need_names(p);
}

/* Before the sandbox: this is the last time a file is read. */
static int resolver_start(struct dialer *d)
{
    int r;

    if (!dialer_needs_names(&d->snapshot))
        return 0;
    d->dns = evdns_base_new(d->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (d->dns == NULL)
        return SP_ENOMEM;
    r = evdns_base_resolv_conf_parse(d->dns, DNS_OPTIONS_ALL,
                                     "/etc/resolv.conf");
    if (r != 0)
        log_warn("resolver", "problem=%s",
                 log_quote("/etc/resolv.conf names no server: only names in "
                           "/etc/hosts are known"));
    return 0;
}

int dialer_main(struct role_start *start)
{
    struct dialer *d = &dialer;
    struct sandbox_report report = {0};
    char problem[256];
    int r;

    if ((r = snapshot_from_fd(start->fds[0], &d->snapshot)) != 0 ||
        d->snapshot.policy == NULL)
        return role_failed(start, false, "dialer: snapshot: %s",
                           sp_strerror(r));
    snapshot_forget_text(&d->snapshot);
    role_log(start, d->snapshot.settings->log_level);
    if (witnesses_init(d, problem) != 0)
        return role_failed(start, false, "dialer: %s", problem);
    if ((d->base = event_base_new()) == NULL || (r = resolver_start(d)) != 0 ||
        (r = role_sandbox(start, NULL, 0, 0, &report)) != 0)
        return role_failed(start, true, "dialer: %s", sp_strerror(r));
    d->channel =
        channel_new(d->base, start->channel, on_message, role_closed, d);
    if (d->channel == NULL || role_ready(start) != 0)
        return role_failed(start, true, "dialer: no channel");
    event_base_dispatch(d->base);
    fatal("event_loop", "error=%s", log_quote("ended by itself"));
}
