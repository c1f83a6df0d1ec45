/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models' side of a worker: which endpoint, which connection, the request
 * out and the answer in. Runs in a worker. Endpoints are the developer's own,
 * but their answers are read as strictly as anybody's.
 *
 * A call that has received nothing is tried again in two cases only: an
 * endpoint that could not be connected (nothing was sent), and once on a kept
 * connection that turned out to be closed before a byte of an answer came,
 * which is how servers end keep-alive (RFC 9110, section 9.2.2).
 */
#include "gateway/upstream.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/upstream_endpoint.h"
#include "lib/channel.h"
#include "lib/log.h"

/* Endpoints that one request tries. */
#define ATTEMPTS_MAX 3
/* The dialer takes no more of one worker at a time; others wait here. */
#define DIALS_ASKED_MAX 200
/* Of one connection in one turn: an endpoint that writes as fast as we read
 * must not hold up the others and their deadlines (P2). */
#define READS_PER_TURN 16

enum upstream_state {
    UPSTREAM_HANDSHAKE,
    UPSTREAM_CALLING, /* an exchange has it */
    UPSTREAM_IDLE,
    UPSTREAM_CLOSED
};

struct upstream_connection {
    struct upstreams *upstreams;
    struct upstream_connection *next, *previous; /* idle, or the graveyard */
    struct endpoint *endpoint;
    enum upstream_state state;
    int fd;
    SSL *ssl;
    struct event event, timer;
    bool readable, writable, closed_by_peer;
    bool kept;     /* it carried an exchange before */
    bool answered; /* bytes of this answer came */
    bool progress; /* …since the timer was set */
    bool again;    /* in upstreams->again */
    struct upstream_connection *next_again;
    struct exchange *exchange;
    struct http1_client http;
};

/* A socket that was asked for. */
struct dial {
    struct dial *next, *previous;
    struct upstreams *upstreams;
    uint64_t ticket;
    struct endpoint *endpoint;
    struct exchange *exchange; /* NULL: it went away */
    bool asked;
    struct event timer;
};

struct upstreams {
    struct worker *worker;
    struct channel *dialer;         /* NULL: none */
    struct dial *dials, *last_dial; /* oldest first */
    size_t asked;
    uint64_t tickets;
    struct upstream_connection *graveyard;
    struct upstream_connection *again; /* that have more to read, next turn */
    struct event again_timer;
};

static void connection_run(struct upstream_connection *c);

/* ---- connections ---- */

static void idle_remove(struct upstream_connection *c)
{
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        c->endpoint->idle = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    c->endpoint->nidle--;
}

/* A call that was ended early: what the kernel has not sent of its request
 * goes with the connection (P2). And an endpoint that still works on it hears
 * at once that it need not. */
static void connection_discard(struct upstream_connection *c)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static void again_remove(struct upstream_connection *c)
{
    struct upstream_connection **at = &c->upstreams->again;

    while (*at != NULL && *at != c)
        at = &(*at)->next_again;
    if (*at != NULL)
        *at = c->next_again;
    c->again = false;
}

/* Freed after the loop has turned: callers further up still look at it, and
 * closing a thousand sockets must not hold up the last words of a thousand
 * streams (P2). */
static void connection_close(struct upstream_connection *c)
{
    struct upstreams *u = c->upstreams;

    if (c->state == UPSTREAM_CLOSED)
        return;
    if (c->state == UPSTREAM_IDLE)
        idle_remove(c);
    else
        c->endpoint->active--;
    if (c->state == UPSTREAM_CALLING && !c->http.complete)
        connection_discard(c);
    if (c->again)
        again_remove(c);
    c->state = UPSTREAM_CLOSED;
    if (c->exchange != NULL)
        c->exchange->call.connection = NULL;
    c->exchange = NULL;
    event_del(&c->event);
    event_del(&c->timer);
    if (c->ssl != NULL) {
        SSL_set_quiet_shutdown(c->ssl, 1);
        SSL_free(c->ssl);
    }
    c->next = u->graveyard;
    u->graveyard = c;
}

void upstreams_bury(struct upstreams *u)
{
    while (u->graveyard != NULL) {
        struct upstream_connection *c = u->graveyard;

        u->graveyard = c->next;
        close(c->fd);
        sodium_memzero(c, sizeof(*c));
        free(c);
    }
}

static void timer_set(struct upstream_connection *c, enum worker_timer timer)
{
    c->progress = false;
    event_add(&c->timer, c->upstreams->worker->timers[timer]);
}

/* The exchange hears of it; the connection is gone. */
static void call_failed(struct upstream_connection *c, enum reason reason,
                        bool endpoints_fault)
{
    struct exchange *x = c->exchange;
    bool again = c->kept && !c->answered && x != NULL && !x->call.retried &&
                 endpoints_fault && reason == REASON_UPSTREAM_ERROR;

    if (endpoints_fault && !again)
        endpoint_failed(c->endpoint);
    connection_close(c);
    if (x == NULL)
        return;
    if (again) {
        x->call.retried = true;
        upstream_start(x);
        return;
    }
    exchange_upstream_failed(x, reason);
}

/* ---- reading ---- */

static int on_head(void *arg, const struct upstream_head *head)
{
    struct upstream_connection *c = arg;

    return exchange_upstream_head(c->exchange, head);
}

static int on_body(void *arg, const uint8_t *data, size_t length)
{
    struct upstream_connection *c = arg;

    return exchange_upstream_body(c->exchange, data, length);
}

static const struct http1_client_calls calls = {on_head, on_body};

/* > 0: bytes; 0: the endpoint closed; SP_EAGAIN; SP_EIO. */
static ssize_t connection_receive(struct upstream_connection *c, uint8_t *data,
                                  size_t size)
{
    ssize_t n;
    int e;

    if (c->ssl == NULL) {
        do
            n = recv(c->fd, data, size, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return errno == EAGAIN ? SP_EAGAIN : SP_EIO;
        /* Less than was asked for: nothing more is there, and what comes
         * rings again. Its FIN may have rung already. */
        if ((size_t)n < size && !c->closed_by_peer)
            c->readable = false;
        return n;
    }
    n = SSL_read(c->ssl, data, (int)size);
    if (n > 0)
        return n;
    e = SSL_get_error(c->ssl, (int)n);
    if (e == SSL_ERROR_SSL && tls_was_alerted())
        log_warn("endpoint_tls", "endpoint=%s error=%s",
                 log_quote(c->endpoint->policy->url),
                 log_quote(tls_error_text()));
    ERR_clear_error();
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return SP_EAGAIN;
    return e == SSL_ERROR_ZERO_RETURN ? 0 : SP_EIO;
}

/* Nothing came behind the answer. It would be taken for the next one's, which
 * may be another client's. */
static bool connection_quiet(struct upstream_connection *c)
{
    uint8_t byte;

    if (!c->readable)
        return true;
    c->readable = false;
    return connection_receive(c, &byte, sizeof(byte)) == SP_EAGAIN;
}

static void connection_keep(struct upstream_connection *c)
{
    struct endpoint *e = c->endpoint;

    if (e->nidle >= LIMIT_UPSTREAM_IDLE || c->closed_by_peer ||
        !rules_are_newest(e->rules) ||
        c->upstreams->worker->state >= WORKER_DRAINING ||
        !connection_quiet(c)) {
        connection_close(c);
        return;
    }
    e->active--;
    e->nidle++;
    c->state = UPSTREAM_IDLE;
    c->kept = true;
    c->previous = NULL;
    c->next = e->idle;
    if (e->idle != NULL)
        e->idle->previous = c;
    e->idle = c;
    timer_set(c, TIMER_UPSTREAM_IDLE);
}

static void call_complete(struct upstream_connection *c)
{
    struct exchange *x = c->exchange;
    bool keep =
        http1_client_keeps(&c->http) && x->forward_sent == x->forward.length;

    c->exchange = NULL;
    x->call.connection = NULL;
    if (keep)
        connection_keep(c);
    else
        connection_close(c);
    exchange_upstream_pump(x, true);
}

static void first_bytes(struct upstream_connection *c)
{
    c->answered = true;
    c->endpoint->failures = 0;
    timer_set(c, TIMER_ANSWER_IDLE);
}

/* Bytes of an answer; false if there is nothing more to do now. */
static bool connection_take(struct upstream_connection *c, const uint8_t *data,
                            size_t length)
{
    struct exchange *x = c->exchange;

    if (!c->answered)
        first_bytes(c);
    c->progress = true;
    if (http1_client_feed(&c->http, data, length) != 0) {
        call_failed(c, REASON_UPSTREAM_ERROR, false);
        return false;
    }
    if (c->http.complete) {
        call_complete(c);
        return false;
    }
    exchange_upstream_pump(x, false);
    return c->state == UPSTREAM_CALLING;
}

/* One read's worth; false if there is nothing more to do now. */
static bool connection_read(struct upstream_connection *c)
{
    uint8_t *scratch = c->upstreams->worker->scratch;
    ssize_t n = connection_receive(c, scratch, WORKER_SCRATCH);
    bool more;

    if (n == SP_EAGAIN) {
        c->readable = false;
        return false;
    }
    if (n <= 0) {
        if (n == 0 && http1_client_eof(&c->http) == 0)
            call_complete(c);
        else
            call_failed(c, REASON_UPSTREAM_ERROR, true);
        return false;
    }
    more = connection_take(c, scratch, (size_t)n);
    explicit_bzero(scratch, (size_t)n); /* P7 */
    return more;
}

/* ---- writing ---- */

static ssize_t connection_send(struct upstream_connection *c,
                               const uint8_t *data, size_t length)
{
    ssize_t n;
    int e;

    if (c->ssl == NULL) {
        do
            n = send(c->fd, data, length, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return errno == EAGAIN ? SP_EAGAIN : SP_EIO;
        return n;
    }
    n = SSL_write(c->ssl, data, length > INT_MAX ? INT_MAX : (int)length);
    if (n > 0)
        return n;
    e = SSL_get_error(c->ssl, (int)n);
    ERR_clear_error();
    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? SP_EAGAIN
                                                                 : SP_EIO;
}

static void connection_write(struct upstream_connection *c)
{
    struct exchange *x = c->exchange;

    while (c->writable && x->forward_sent < x->forward.length) {
        ssize_t n = connection_send(c, buf_bytes(&x->forward) + x->forward_sent,
                                    x->forward.length - x->forward_sent);

        if (n == SP_EAGAIN) {
            c->writable = false;
            return;
        }
        if (n < 0) {
            /* It may have answered before it stopped reading. */
            c->writable = false;
            c->readable = true;
            return;
        }
        x->forward_sent += (size_t)n;
        x->reached = x->reached || n > 0;
    }
}

/* ---- events ---- */

static void connection_handshake(struct upstream_connection *c)
{
    int r = SSL_connect(c->ssl);
    int e;

    if (r == 1) {
        c->state = UPSTREAM_CALLING;
        timer_set(c, TIMER_FIRST_BYTE);
        return;
    }
    e = SSL_get_error(c->ssl, r);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return;
    log_warn("endpoint_tls", "endpoint=%s error=%s",
             log_quote(c->endpoint->policy->url), log_quote(tls_error_text()));
    ERR_clear_error();
    call_failed(c, REASON_UPSTREAM_ERROR, true);
}

static void connection_again(struct upstream_connection *c)
{
    static const struct timeval now = {0};
    struct upstreams *u = c->upstreams;

    if (c->again)
        return;
    c->again = true;
    c->next_again = u->again;
    u->again = c;
    event_add(&u->again_timer, &now);
}

static void connection_run(struct upstream_connection *c)
{
    if (c->state == UPSTREAM_HANDSHAKE)
        connection_handshake(c);
    if (c->state != UPSTREAM_CALLING)
        return;
    connection_write(c);
    for (unsigned i = 0; c->state == UPSTREAM_CALLING && c->readable &&
                         !c->exchange->call.paused;
         i++) {
        if (i == READS_PER_TURN) {
            connection_again(c);
            return;
        }
        if (!connection_read(c))
            return;
    }
}

/* What closes meanwhile stays readable until the loop has turned. */
static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct upstreams *u = arg;
    struct upstream_connection *next, *c = u->again;

    (void)fd;
    (void)what;
    u->again = NULL;
    for (; c != NULL; c = next) {
        next = c->next_again;
        c->again = false;
        connection_run(c);
    }
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_connection *c = arg;

    (void)fd;
    if (what & EV_CLOSED) {
        c->closed_by_peer = true;
        c->readable = true;
    }
    if (what & EV_READ)
        c->readable = true;
    if (what & EV_WRITE)
        c->writable = true;
    if (c->state == UPSTREAM_IDLE) {
        /* It closed, or it talks without being asked. */
        if (what & (EV_READ | EV_CLOSED))
            connection_close(c);
        return;
    }
    connection_run(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_connection *c = arg;

    (void)fd;
    (void)what;
    if (c->state == UPSTREAM_IDLE) {
        connection_close(c);
        return;
    }
    if (c->answered && (c->progress || c->exchange->call.paused)) {
        timer_set(c, TIMER_ANSWER_IDLE);
        return;
    }
    call_failed(c, REASON_UPSTREAM_TIMEOUT, !c->answered);
}

/* ---- a new connection ---- */

static int connection_tls(struct upstream_connection *c)
{
    const struct endpoint *e = c->endpoint;

    if (e->tls == NULL)
        return 0;
    c->ssl = SSL_new(e->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
        return SP_ENOMEM;
    SSL_set_connect_state(c->ssl);
    c->state = UPSTREAM_HANDSHAKE;
    return tls_client_set_peer(c->ssl, e->policy->host);
}

/* Takes the descriptor. NULL: it could not be made. */
static struct upstream_connection *connection_make(struct upstreams *u,
                                                   struct endpoint *e, int fd)
{
    struct upstream_connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        close(fd);
        return NULL;
    }
    c->upstreams = u;
    c->endpoint = e;
    c->fd = fd;
    c->state = UPSTREAM_CALLING;
    c->writable = true;
    e->active++;
    evtimer_assign(&c->timer, u->worker->base, on_timer, c);
    event_assign(&c->event, u->worker->base, fd,
                 EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_event,
                 c);
    if (connection_tls(c) != 0 || event_add(&c->event, NULL) != 0) {
        connection_close(c);
        return NULL;
    }
    return c;
}

/* Writes the head into the room before the body, so that both are one piece
 * and another endpoint costs no copy. */
static int request_head(struct exchange *x, const struct endpoint *e)
{
    const struct upstream_request request = {
        .route = x->facts.route,
        .host = e->host,
        .prefix = e->policy->scheme == ENDPOINT_UNIX ? "" : e->policy->path,
        .credential = endpoint_credential(x->rules->endpoints, x->model),
        .request_id = x->request_id,
        .anthropic_version = x->facts.version,
        .betas = x->facts.betas,
        .stream = x->facts.stream,
        .body_bytes = x->forward.length - HEADERS_BYTES,
    };
    char head[HEADERS_BYTES];
    struct text t;

    text_init(&t, head, sizeof(head));
    headers_request(&t, &request);
    if (text_end(&t) != 0)
        return SP_ETOOBIG;
    x->forward_sent = HEADERS_BYTES - t.length;
    memcpy(x->forward.data + x->forward.start + x->forward_sent, head,
           t.length);
    sodium_memzero(head, sizeof(head));
    return 0;
}

static void connection_call(struct upstream_connection *c, struct exchange *x)
{
    c->exchange = x;
    x->call.connection = c;
    c->answered = false;
    if (request_head(x, c->endpoint) != 0) {
        call_failed(c, REASON_OVERLOADED, false);
        return;
    }
    http1_client_init(&c->http, &calls, c);
    timer_set(c,
              c->state == UPSTREAM_HANDSHAKE ? TIMER_DIAL : TIMER_FIRST_BYTE);
    connection_run(c);
}

/* ---- dialing ---- */

static void dial_remove(struct dial *d)
{
    struct upstreams *u = d->upstreams;

    if (d->previous != NULL)
        d->previous->next = d->next;
    else
        u->dials = d->next;
    if (d->next != NULL)
        d->next->previous = d->previous;
    else
        u->last_dial = d->previous;
    if (d->asked)
        u->asked--;
    if (d->exchange != NULL)
        d->exchange->call.dial = NULL;
    event_del(&d->timer);
    rules_drop(d->endpoint->rules);
    free(d);
}

static void dial_failed(struct dial *d, enum reason reason)
{
    struct exchange *x = d->exchange;

    endpoint_failed(d->endpoint);
    dial_remove(d); /* perhaps the last that needs the endpoint's rules */
    if (x == NULL)
        return;
    x->call.attempts++;
    if (x->call.attempts < endpoints_count(x->rules->endpoints, x->model) &&
        x->call.attempts < ATTEMPTS_MAX)
        upstream_start(x);
    else
        exchange_upstream_failed(x, reason);
}

static int dial_ask(struct dial *d)
{
    struct upstreams *u = d->upstreams;
    const struct ask_dial ask = {.ticket = d->ticket,
                                 .policy = d->endpoint->rules->policy->serial,
                                 .model = d->endpoint->model,
                                 .endpoint = d->endpoint->index};
    uint8_t data[64];
    size_t length;
    int r;

    if (u->dialer == NULL)
        return SP_ECLOSED;
    if ((r = ask_dial_put(&ask, data, sizeof(data), &length)) != 0 ||
        (r = channel_send(u->dialer, data, length, NULL, 0)) != 0)
        return r;
    d->asked = true;
    u->asked++;
    return 0;
}

/* Those that wait for their turn, in order. */
static void dials_ask(struct upstreams *u)
{
    struct dial *d = u->dials;

    while (d != NULL && u->asked < DIALS_ASKED_MAX) {
        struct dial *next = d->next;

        if (!d->asked && dial_ask(d) != 0)
            return; /* its own time limit ends it */
        d = next;
    }
}

static void on_dial_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    dial_failed(arg, REASON_UPSTREAM_TIMEOUT);
}

static void dial_start(struct upstreams *u, struct endpoint *e,
                       struct exchange *x)
{
    struct dial *d = calloc(1, sizeof(*d));

    if (d == NULL || u->dialer == NULL) {
        free(d);
        exchange_upstream_failed(x, REASON_UPSTREAM_ERROR);
        return;
    }
    d->upstreams = u;
    d->endpoint = e;
    (void)rules_hold(e->rules);
    d->exchange = x;
    d->ticket = ++u->tickets;
    d->previous = u->last_dial;
    *(u->last_dial != NULL ? &u->last_dial->next : &u->dials) = d;
    u->last_dial = d;
    x->call.dial = d;
    evtimer_assign(&d->timer, u->worker->base, on_dial_timer, d);
    event_add(&d->timer, u->worker->timers[TIMER_DIAL]);
    if (u->asked < DIALS_ASKED_MAX && dial_ask(d) != 0)
        dial_failed(d, REASON_UPSTREAM_ERROR);
}

static void dial_answered(struct upstreams *u, const struct answer_dial *v,
                          int fd)
{
    struct upstream_connection *c;
    struct endpoint *e;
    struct exchange *x;
    struct dial *d = u->dials;

    while (d != NULL && d->ticket != v->ticket)
        d = d->next;
    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (v->error != 0 || fd < 0) {
        if (fd >= 0)
            close(fd);
        dial_failed(d, v->error == SP_ETIMEDOUT ? REASON_UPSTREAM_TIMEOUT
                                                : REASON_UPSTREAM_ERROR);
        return;
    }
    e = d->endpoint;
    x = d->exchange;
    if (x == NULL && (e->tls != NULL || !rules_are_newest(e->rules))) {
        dial_remove(d); /* and perhaps the endpoint with it */
        close(fd);      /* nobody is left to pay for its handshake */
        return;
    }
    dial_remove(d);
    c = connection_make(u, e, fd);
    if (x == NULL && c != NULL)
        connection_keep(c);
    else if (c != NULL)
        connection_call(c, x);
    else if (x != NULL)
        exchange_upstream_failed(x, REASON_UPSTREAM_ERROR);
}

static void on_dialer_message(void *arg, const uint8_t *data, size_t length,
                              int *fds, size_t nfds)
{
    struct upstreams *u = arg;
    struct answer_dial v;

    if (answer_dial_get(&v, data, length) != 0 || nfds > 1)
        fatal("dialer_message_malformed", "length=%zu fds=%zu", length, nfds);
    dial_answered(u, &v, nfds == 1 ? fds[0] : -1);
    dials_ask(u);
}

static void dials_fail(struct upstreams *u)
{
    struct dial *last = u->last_dial;
    bool more = last != NULL;

    /* Those that fail may dial again, at the end of the list. */
    while (more && u->dials != NULL) {
        more = u->dials != last;
        dial_failed(u->dials, REASON_UPSTREAM_ERROR);
    }
}

static void on_dialer_closed(void *arg, int error)
{
    struct upstreams *u = arg;

    log_warn("dialer_gone", "error=%s", log_quote(sp_strerror(error)));
    channel_free(u->dialer);
    u->dialer = NULL;
    dials_fail(u);
}

void upstreams_dialer(struct upstreams *u, int fd)
{
    if (u->dialer != NULL) { /* another one follows: it is asked instead */
        channel_free(u->dialer);
        for (struct dial *d = u->dials; d != NULL; d = d->next)
            d->asked = false;
        u->asked = 0;
    }
    u->dialer = channel_new(u->worker->base, fd, on_dialer_message,
                            on_dialer_closed, u);
    if (u->dialer == NULL)
        fatal("dialer_channel_failed", "error=%s",
              log_quote(sp_strerror(SP_ENOMEM)));
    dials_ask(u);
}

/* ---- calls ---- */

void upstream_start(struct exchange *x)
{
    struct upstreams *u = x->worker->upstreams;
    struct endpoint *e = endpoint_choose(x->rules->endpoints, x->model);
    struct upstream_connection *c;

    if (e == NULL) {
        exchange_upstream_failed(x, REASON_UPSTREAM_ERROR);
        return;
    }
    c = e->idle;
    if (c == NULL || x->call.retried) {
        dial_start(u, e, x);
        return;
    }
    idle_remove(c);
    e->active++;
    c->state = UPSTREAM_CALLING;
    connection_call(c, x);
}

void upstream_cancel(struct exchange *x)
{
    if (x->call.dial != NULL) {
        x->call.dial->exchange = NULL;
        x->call.dial = NULL;
    }
    if (x->call.connection != NULL)
        connection_close(x->call.connection);
}

void upstream_pause(struct exchange *x)
{
    x->call.paused = true;
}

void upstream_resume(struct exchange *x)
{
    x->call.paused = false;
    if (x->call.connection != NULL)
        connection_run(x->call.connection);
}

/* ---- set-up ---- */

struct upstreams *upstreams_new(struct worker *w)
{
    struct upstreams *u = calloc(1, sizeof(*u));

    if (u == NULL)
        return NULL;
    u->worker = w;
    evtimer_assign(&u->again_timer, w->base, on_again, u);
    return u;
}

void upstreams_forget(struct upstreams *u, struct endpoints *es)
{
    struct upstream_connection *c;

    (void)u;
    for (size_t i = 0; (c = endpoints_idle(es, &i)) != NULL;)
        connection_close(c);
}

void upstreams_free(struct upstreams *u)
{
    if (u == NULL)
        return;
    while (u->dials != NULL)
        dial_remove(u->dials);
    upstreams_bury(u);
    event_del(&u->again_timer);
    if (u->dialer != NULL)
        channel_free(u->dialer);
    free(u);
}
