/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection: TLS straight on the socket, HTTP/1 over it, one
 * exchange at a time. Runs in a worker; everything a peer sends here is a
 * stranger's until the handshake is done, and hostile after it.
 *
 * Events are edge-triggered and added once for each socket: `readable` and
 * `writable` remember what the socket said until a call says otherwise.
 * Reading stops while an exchange has the whole request: what a client
 * pipelines waits in the socket.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/connection_parts.h"
#include "gateway/metrics_page.h"
#include "lib/log.h"

/* What the kernel may hold of an answer that its client does not read: all of
 * it could still arrive after a cut. */
#define SEND_BUFFER_BYTES   65536
#define NOTSENT_LOWAT_BYTES 16384
/* Progress of a body in LIMIT_BODY_IDLE_MS. */
#define BODY_PROGRESS_BYTES 8192

/* ---- requests ---- */

static int body_to_exchange(void *arg, const uint8_t *data, size_t length)
{
    struct connection *c = arg;

    return exchange_body(c->exchange, data, length);
}

static int body_to_nobody(void *arg, const uint8_t *data, size_t length)
{
    (void)arg;
    (void)data;
    (void)length;
    return 0;
}

static void say_continue(struct connection *c)
{
    static const uint8_t line[] = "HTTP/1.1 100 Continue\r\n\r\n";

    connection_write(c, line, sizeof(line) - 1);
}

/* A head is here, good or bad: it gets an exchange and an answer. */
static void request_begin(struct connection *c, const struct request_head *head)
{
    enum exchange_want want;

    c->unframed = !head->framed;
    c->keep_alive = head->keep_alive;
    c->http10 = head->http10;
    c->body_left = head->has_body ? head->content_length : 0;
    if (head->expects_continue && head->has_body)
        c->body_left = -1; /* it is not sent unless we ask for it */
    c->exchange =
        exchange_new(c->all->worker, &http1_codec, c, c->identity, c->address);
    if (c->exchange == NULL) {
        connection_close(c);
        return;
    }
    c->exchange->peer = &c->peer;
    c->state = CONNECTION_BUSY;
    want = exchange_head(c->exchange, head);
    if (want == EXCHANGE_WANTS_NOTHING || c->state != CONNECTION_BUSY)
        return;
    c->state = CONNECTION_BODY;
    c->received = 0;
    connection_timer(c, TIMER_BODY);
    if (want == EXCHANGE_WANTS_CONTINUE) {
        c->body_left = head->content_length;
        say_continue(c);
    }
}

static size_t input_head(struct connection *c, const uint8_t *data,
                         size_t length)
{
    struct request_head head;
    size_t used;

    if (http1_server_head(&c->http, data, length, &head, &used) == HTTP1_MORE) {
        if (c->state == CONNECTION_IDLE && length > 0) {
            c->state = CONNECTION_HEAD;
            connection_timer(c, TIMER_HEAD);
        }
        return 0;
    }
    request_begin(c, &head);
    return used;
}

static void body_count(struct connection *c, size_t used)
{
    c->received += used;
    if (c->body_left > 0)
        c->body_left -=
            (int64_t)used < c->body_left ? (int64_t)used : c->body_left;
}

static size_t input_body(struct connection *c, const uint8_t *data,
                         size_t length)
{
    bool discard = c->state == CONNECTION_DISCARD;
    size_t used;
    enum http1_step step = http1_server_body(
        &c->http, data, length, discard ? body_to_nobody : body_to_exchange, c,
        &used);

    body_count(c, used);
    if (step == HTTP1_MORE)
        return used;
    if (discard && step == HTTP1_DONE) {
        http1_server_init(&c->http);
        c->state = CONNECTION_IDLE;
        connection_timer(c, TIMER_KEEPALIVE);
    } else if (discard) {
        connection_end(c);
    } else {
        c->state = CONNECTION_BUSY;
        c->unframed = step == HTTP1_FAULT;
        c->body_left = 0;
        exchange_asked(c->exchange,
                       step == HTTP1_DONE ? REASON_NONE : REASON_BAD_REQUEST,
                       c->http.why);
    }
    return used;
}

/* Understands what it can of the bytes; returns how many it needs no more. */
static size_t connection_input(struct connection *c, const uint8_t *data,
                               size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t used = 0;

        if (c->state == CONNECTION_IDLE || c->state == CONNECTION_HEAD)
            used = input_head(c, data + at, length - at);
        else if (c->state == CONNECTION_BODY || c->state == CONNECTION_DISCARD)
            used = input_body(c, data + at, length - at);
        if (used == 0)
            break;
        at += used;
    }
    return at;
}

static void input_new(struct connection *c, const uint8_t *data, size_t length)
{
    size_t used;

    if (c->in.length == 0) {
        used = connection_input(c, data, length);
        data += used;
        length -= used;
    }
    if (c->state == CONNECTION_CLOSED || c->state >= CONNECTION_CLOSING ||
        length == 0)
        return;
    if (buf_append(&c->in, data, length) != 0)
        connection_close(c);
}

static void input_old(struct connection *c)
{
    size_t used;

    if (c->in.length == 0)
        return;
    used = connection_input(c, buf_bytes(&c->in), c->in.length);
    if (c->state >= CONNECTION_CLOSING)
        return;
    buf_drain(&c->in, used);
    if (c->in.length == 0)
        buf_release(&c->in);
}

/* ---- reading ---- */

/* A read that brought less than was asked for emptied the socket; what comes
 * later rings again (epoll(7)). Asking once more for each request only to hear
 * so is a system call and a buffer. */
static long on_socket(BIO *bio, int operation, const char *data, size_t wanted,
                      int unused, long unused_too, int r, size_t *got)
{
    struct connection *c = (void *)BIO_get_callback_arg(bio);

    (void)data;
    (void)unused;
    (void)unused_too;
    if (operation == (BIO_CB_READ | BIO_CB_RETURN))
        c->drained = r > 0 && *got < wanted;
    return r;
}

static bool connection_reads(const struct connection *c)
{
    return c->state == CONNECTION_IDLE || c->state == CONNECTION_HEAD ||
           c->state == CONNECTION_BODY || c->state == CONNECTION_DISCARD;
}

/* The client said that it sends nothing more. In the middle of a request that
 * is leaving; between requests it is the usual end. */
static void input_end(struct connection *c, bool properly)
{
    if (properly && c->state == CONNECTION_IDLE)
        connection_end(c);
    else
        connection_close(c);
}

static void connection_read(struct connection *c)
{
    uint8_t *scratch = c->all->worker->scratch;
    int n = SSL_read(c->ssl, scratch, WORKER_SCRATCH);
    int e;

    if (n > 0) {
        /* The client's FIN may have rung already. */
        if (c->drained && !c->fin && !SSL_has_pending(c->ssl))
            c->readable = false;
        input_new(c, scratch, (size_t)n);
        explicit_bzero(scratch, (size_t)n); /* P7 */
        if (connection_reads(c))
            input_old(c);
        return;
    }
    e = SSL_get_error(c->ssl, n);
    ERR_clear_error();
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        c->readable = false;
    else
        input_end(c, e == SSL_ERROR_ZERO_RETURN);
}

/* Reads for as long as the state wants it. Answers may end an exchange while
 * this is on the stack; then the loop here goes on with the next request. */
void connection_resume(struct connection *c)
{
    if (c->running)
        return;
    c->running = true;
    while (connection_reads(c)) {
        size_t before = c->in.length;

        input_old(c);
        if (!connection_reads(c))
            break;
        if (c->in.length > 0 && c->in.length != before)
            continue;
        if (!c->readable)
            break;
        connection_read(c);
    }
    c->running = false;
}

/* ---- the handshake ---- */

static void handshake_failed(struct connection *c, const char *reason)
{
    /* Looking whether the port is open is nothing to record. */
    if (BIO_number_read(SSL_get_rbio(c->ssl)) > 0)
        refused_count(c->all->refusals, c->address, reason);
    ERR_clear_error();
    if (c->fin)
        connection_close(c);
    else
        connection_linger(c); /* so that the alert arrives */
}

static void connection_handshake(struct connection *c)
{
    int r = SSL_accept(c->ssl);
    int e;

    if (r == 1 && !tls_handshake_good(c->ssl)) {
        handshake_failed(c, "protocol");
        return;
    }
    if (r == 1) {
        c->identity = tls_identity(c->ssl);
        if (c->identity == NULL)
            c->identity = &identity_of_nobody;
        connection_rules(c); /* they came during the handshake */
        peer_begin(&c->peer, c->all->worker, c->ssl, c->identity);
        tls_forget_chain(c->ssl);
        /* OpenSSL reads ahead: the request may have come out of the socket with
         * the end of the handshake, and then nothing rings for it. */
        c->readable = true;
        c->state = CONNECTION_IDLE;
        connection_timer(c, TIMER_KEEPALIVE);
        return;
    }
    e = SSL_get_error(c->ssl, r);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        c->readable = false;
        ERR_clear_error();
        return;
    }
    log_debug("handshake_failed", "conn=%llu address=%s error=%s",
              (unsigned long long)c->id, c->address,
              log_quote(tls_error_text()));
    handshake_failed(c, tls_failure_code(c->ssl));
}

/* ---- events ---- */

/* Reset while an answer is on its way: there is nobody any more. */
static bool connection_broken(const struct connection *c)
{
    uint8_t byte;
    ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n < 0 && errno != EAGAIN && errno != EINTR;
}

static void busy_event(struct connection *c, short what)
{
    if ((what & EV_READ) && connection_broken(c)) {
        connection_close(c);
        return;
    }
    if ((what & EV_CLOSED) && c->exchange != NULL)
        exchange_client_done(c->exchange);
}

static void connection_written(struct connection *c)
{
    if (c->out.length > 0 && !connection_flush(c))
        return;
    if (c->state == CONNECTION_CLOSING)
        connection_end(c);
    else if (c->exchange != NULL)
        exchange_writable(c->exchange);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;

    (void)fd;
    if (what & (EV_READ | EV_CLOSED))
        c->readable = true;
    if (what & EV_CLOSED)
        c->fin = true;
    if (what & EV_WRITE)
        c->writable = true;
    if (c->state == CONNECTION_HANDSHAKE)
        connection_handshake(c);
    else if (what & EV_WRITE)
        connection_written(c);
    if (c->state == CONNECTION_LINGER)
        connection_drain(c);
    else if (c->state == CONNECTION_BUSY)
        busy_event(c, what);
    connection_resume(c);
    /* The request and the client's end came at once. */
    if (c->state == CONNECTION_BUSY && c->fin && c->exchange != NULL)
        exchange_client_done(c->exchange);
}

/* A body must not trickle: so much in so long. */
static void body_timer(struct connection *c)
{
    if (c->received >= BODY_PROGRESS_BYTES) {
        c->received = 0;
        connection_timer(c, TIMER_BODY);
        return;
    }
    if (c->state == CONNECTION_DISCARD) {
        connection_close(c);
        return;
    }
    c->state = CONNECTION_BUSY;
    c->unframed = true;
    exchange_asked(c->exchange, REASON_BODY_TIMEOUT, "body_timeout");
}

static void write_timer(struct connection *c)
{
    c->timer_writes = false;
    if (c->out.length == 0) {
        if (c->state == CONNECTION_IDLE)
            connection_timer(c, TIMER_KEEPALIVE);
        return;
    }
    if (!c->progress) {
        log_info("client_does_not_read", "conn=%llu address=%s",
                 (unsigned long long)c->id, c->address);
        connection_reset(c);
        return;
    }
    c->timer_writes = true;
    c->progress = false;
    connection_timer(c, TIMER_WRITE);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;

    (void)fd;
    (void)what;
    if (c->cut && c->state != CONNECTION_LINGER) {
        connection_reset(c); /* it did not take its last words */
        return;
    }
    if (c->timer_writes) {
        write_timer(c);
        return;
    }
    switch (c->state) {
    case CONNECTION_HANDSHAKE:
        handshake_failed(c, "timeout");
        break;
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
        connection_end(c);
        break;
    case CONNECTION_BODY:
    case CONNECTION_DISCARD:
        body_timer(c);
        break;
    case CONNECTION_CLOSING:
        connection_reset(c);
        break;
    case CONNECTION_LINGER:
        connection_look(c);
        break;
    case CONNECTION_BUSY: /* the model's side has its own timers */
    case CONNECTION_CLOSED:
    default:
        break;
    }
}

/* ---- set-up ---- */

/* Small, so that little is on its way when a window ends, and every event
 * goes at once. */
static void socket_tune(int fd)
{
    const int on = 1, lowat = NOTSENT_LOWAT_BYTES, size = SEND_BUFFER_BYTES;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

void connection_new(struct connections *cs, int fd, const char *address,
                    SSL_CTX *tls)
{
    struct worker *w = cs->worker;
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        close(fd);
        return;
    }
    socket_tune(fd);
    c->all = cs;
    c->rules = rules_hold(w->rules);
    c->fd = fd;
    c->id = ++cs->ids;
    c->window = VERDICT_NONE;
    c->readable = c->writable = true;
    snprintf(c->address, sizeof(c->address), "%s", address);
    buf_init(&c->in, LIMIT_HEAD_BYTES + WORKER_SCRATCH);
    buf_init(&c->out, 2 * WORKER_RECORD);
    buf_init(&c->head, 0);
    http1_server_init(&c->http);
    evtimer_assign(&c->timer, w->base, on_timer, c);
    event_assign(&c->event, w->base, fd,
                 EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_event,
                 c);
    c->next = cs->first;
    if (cs->first != NULL)
        cs->first->previous = c;
    cs->first = c;
    cs->count++;
    metrics_set(METRICS_CONNECTIONS, cs->count);
    metrics_add(METRICS_ACCEPTED, 1);
    c->ssl = SSL_new(tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1 ||
        event_add(&c->event, NULL) != 0) {
        connection_close(c);
        return;
    }
    BIO_set_callback_ex(SSL_get_rbio(c->ssl), on_socket);
    BIO_set_callback_arg(SSL_get_rbio(c->ssl), (char *)c);
    SSL_set_accept_state(c->ssl);
    connection_timer(c, TIMER_HANDSHAKE);
}

struct connections *connections_new(struct worker *w)
{
    struct connections *cs = calloc(1, sizeof(*cs));

    if (cs == NULL)
        return NULL;
    cs->worker = w;
    cs->refusals = refusals_new(w);
    if (cs->refusals == NULL) {
        connections_free(cs);
        return NULL;
    }
    return cs;
}

void connections_free(struct connections *cs)
{
    if (cs == NULL)
        return;
    while (cs->first != NULL)
        connection_close(cs->first);
    connections_bury(cs);
    refusals_free(cs->refusals);
    free(cs);
}

void connections_refused(struct connections *cs, const char *address,
                         const char *reason)
{
    refused_count(cs->refusals, address, reason);
}

size_t connections_count(const struct connections *cs)
{
    return cs->count;
}

void connections_drain(struct connections *cs)
{
    struct connection *next;

    for (struct connection *c = cs->first; c != NULL; c = next) {
        next = c->next;
        if (c->state == CONNECTION_HANDSHAKE)
            connection_close(c);
        else if (c->state == CONNECTION_IDLE)
            connection_end(c);
    }
}
