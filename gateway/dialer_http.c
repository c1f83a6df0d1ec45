/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request over a connection of its own, within a time limit: what
 * the ledger's witnesses are asked, and what revocation needs. Runs in the
 * dialer, since nobody else may connect, and since what comes back are
 * strangers' bytes: they are read strictly, bounded, and handed on as they are.
 * Nothing is followed: another place would be one that nobody allowed.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/dialer_parts.h"
#include "gateway/http1_client.h"
#include "lib/log.h"

struct http_call {
    LIST_ENTRY(http_call) link;
    struct client *client;
    struct http_call_plan plan;
    bool dialing; /* not connected yet */
    bool late;    /* the limit ran out meanwhile */
    bool shaken;  /* hands, if there is TLS */
    int fd;       /* -1: none */
    SSL *ssl;
    struct event *limit, *io;
    bool want_write;
    struct buf out;
    struct http1_client http;
    uint16_t status;
    bool enough; /* the status counts, more of the body does not */
};

static void call_free(struct http_call *h)
{
    LIST_REMOVE(h, link);
    h->client->ncalls--;
    if (h->io != NULL)
        event_free(h->io);
    if (h->limit != NULL)
        event_free(h->limit);
    if (h->ssl != NULL) {
        SSL_set_quiet_shutdown(h->ssl, 1);
        SSL_free(h->ssl);
    }
    if (h->fd >= 0)
        close(h->fd);
    buf_release(&h->out);
    free(h);
}

void http_call_free(struct http_call *h)
{
    const struct http_call_plan plan = h->plan;

    call_free(h);
    plan.release(plan.arg);
}

/* The one end of a call; nothing of it is left when its owner hears of it. */
static void call_end(struct http_call *h, int error)
{
    const struct http_call_plan plan = h->plan;
    uint16_t status = h->status;

    if (h->enough)
        error = SP_ETOOBIG;
    call_free(h);
    plan.done(plan.arg, error, status);
    plan.release(plan.arg);
}

/* --- What comes back --- */

static int on_head(void *arg, const struct upstream_head *head)
{
    struct http_call *h = arg;

    if (head->status > 599)
        return SP_EPROTO;
    h->status = head->status;
    h->enough = head->encoded;
    return h->enough ? SP_EPROTO : 0;
}

static int on_body(void *arg, const uint8_t *data, size_t length)
{
    struct http_call *h = arg;

    h->enough = h->plan.body(h->plan.arg, data, length) != 0;
    return h->enough ? SP_ETOOBIG : 0;
}

/* --- Bytes --- */

/* 0, SP_EAGAIN, SP_ECLOSED, SP_EIO, from what OpenSSL said. */
static int tls_result(struct http_call *h, int n)
{
    int e = SSL_get_error(h->ssl, n);

    if (e == SSL_ERROR_WANT_WRITE)
        h->want_write = true;
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        ERR_clear_error();
        return SP_EAGAIN;
    }
    if (!h->shaken)
        log_warn("call_tls", "to=%s error=%s", log_quote(h->plan.name),
                 log_quote(tls_error_text()));
    ERR_clear_error();
    return e == SSL_ERROR_ZERO_RETURN ? SP_ECLOSED : SP_EIO;
}

static int call_handshake(struct http_call *h)
{
    int n;

    if (h->ssl == NULL || h->shaken)
        return 0;
    n = SSL_connect(h->ssl);
    if (n != 1)
        return tls_result(h, n);
    h->shaken = true;
    return 0;
}

static int call_send(struct http_call *h)
{
    while (h->out.length > 0) {
        ssize_t n =
            h->ssl != NULL
                ? SSL_write(h->ssl, buf_bytes(&h->out), (int)h->out.length)
                : send(h->fd, buf_bytes(&h->out), h->out.length, MSG_NOSIGNAL);

        if (n <= 0 && h->ssl != NULL)
            return tls_result(h, (int)n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            h->want_write = true;
            return SP_EAGAIN;
        }
        if (n < 0)
            return SP_EIO;
        buf_drain(&h->out, (size_t)n);
    }
    return 0;
}

/* 0: the answer is whole. A large one is taken a piece in each turn of the
 * loop, so that it holds up nobody's dial. */
static int call_receive(struct http_call *h)
{
    static uint8_t data[65536];
    int turns = 16;

    while (!h->http.complete) {
        ssize_t n;
        int r;

        if (turns-- == 0) {
            h->want_write = true; /* come back at once */
            return SP_EAGAIN;
        }
        n = h->ssl != NULL ? SSL_read(h->ssl, data, (int)sizeof(data))
                           : recv(h->fd, data, sizeof(data), 0);
        if (n <= 0 && h->ssl != NULL) {
            r = tls_result(h, (int)n);
            return r == SP_ECLOSED ? http1_client_eof(&h->http) : r;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? SP_EAGAIN : SP_EIO;
        if (n == 0)
            return http1_client_eof(&h->http);
        if ((r = http1_client_feed(&h->http, data, (size_t)n)) != 0)
            return r;
    }
    return 0;
}

static void call_wait(struct http_call *h);

/* As far as it goes now. What cannot be sent is no reason not to read: it may
 * have answered before it stopped reading. */
static void call_run(struct http_call *h)
{
    int r, sent;

    h->want_write = false;
    r = call_handshake(h);
    if (r == 0) {
        sent = call_send(h);
        r = call_receive(h);
        if (r == SP_EAGAIN && sent != 0 && sent != SP_EAGAIN)
            r = sent;
    }
    if (r == SP_EAGAIN)
        call_wait(h);
    else
        call_end(h, r);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    call_run(arg);
}

static void call_wait(struct http_call *h)
{
    short what = h->want_write ? EV_READ | EV_WRITE : EV_READ;

    if (h->io != NULL)
        event_free(h->io);
    h->io = event_new(h->client->dialer->base, h->fd, what, on_io, h);
    if (h->io == NULL || event_add(h->io, NULL) != 0)
        call_end(h, SP_ENOMEM);
}

/* --- The start of one --- */

static int call_tls(struct http_call *h)
{
    if (h->plan.tls == NULL)
        return 0;
    h->ssl = SSL_new(h->plan.tls);
    if (h->ssl == NULL || SSL_set_fd(h->ssl, h->fd) != 1)
        return SP_ENOMEM;
    SSL_set_connect_state(h->ssl);
    return tls_client_set_peer(h->ssl, h->plan.endpoint->host);
}

static void on_connected(struct client *c, uint64_t ticket, void *arg,
                         int error, int fd)
{
    struct http_call *h = arg;

    (void)c;
    (void)ticket;
    h->dialing = false;
    h->fd = fd;
    if (error == 0)
        error = h->late ? SP_ETIMEDOUT : call_tls(h);
    if (error == 0)
        call_run(h);
    else
        call_end(h, error);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct http_call *h = arg;

    (void)fd;
    (void)what;
    h->late = true;
    if (!h->dialing) /* its dial ends by the same limit */
        call_end(h, SP_ETIMEDOUT);
}

int http_call_host(const struct policy_endpoint *e, struct buf *out)
{
    bool local = e->scheme == ENDPOINT_UNIX;
    bool v6 = !local && strchr(e->host, ':') != NULL;
    uint16_t usual = e->scheme == ENDPOINT_HTTPS ? 443 : 80;
    int r = buf_append_text(out, "host: ");

    if (r == 0 && local)
        r = buf_append_text(out, "localhost");
    else if (r == 0)
        r = buf_printf(out, "%s%s%s", v6 ? "[" : "", e->host, v6 ? "]" : "");
    if (r == 0 && !local && e->port != usual)
        r = buf_printf(out, ":%u", e->port);
    return r != 0 ? r
                  : buf_append_text(out, "\r\nuser-agent: sallyport\r\n"
                                         "connection: close\r\n");
}

static struct http_call *call_new(struct client *c,
                                  const struct http_call_plan *plan,
                                  struct buf *request)
{
    static const struct http1_client_calls calls = {.head = on_head,
                                                    .body = on_body};
    const struct timeval limit = {
        .tv_sec = (time_t)(plan->limit_ms / 1000),
        .tv_usec = (suseconds_t)(plan->limit_ms % 1000 * 1000)};
    struct http_call *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    h->client = c;
    h->plan = *plan;
    h->fd = -1;
    h->dialing = true;
    h->out = *request;
    *request = (struct buf){0};
    http1_client_init(&h->http, &calls, h);
    LIST_INSERT_HEAD(&c->calls, h, link);
    c->ncalls++;
    h->limit = event_new(c->dialer->base, -1, 0, on_limit, h);
    if (h->limit == NULL || event_add(h->limit, &limit) != 0) {
        call_free(h);
        return NULL;
    }
    return h;
}

int http_call_start(struct client *c, const struct http_call_plan *plan,
                    struct buf *request)
{
    struct http_call *h = call_new(c, plan, request);

    if (h == NULL) {
        buf_release(request);
        return SP_ENOMEM;
    }
    if (dial_begin(c, 0, plan->endpoint, NULL, plan->limit_ms, on_connected, h))
        return 0;
    call_free(h);
    return SP_ENOMEM;
}
