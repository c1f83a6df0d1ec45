/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger's witnesses are asked: one HTTP request for each, over a
 * connection of its own, within a time limit. Runs in the dialer, since nobody
 * else may connect, and since a witness's bytes are a stranger's: they are read
 * strictly, bounded, and handed to the keeper as they are. The keeper is
 * trusted with what is asked, not with whom: witnesses are those of the
 * settings.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/dialer_parts.h"
#include "gateway/http1_client.h"
#include "lib/buf.h"
#include "lib/log.h"

/* Two for each witness: a late one may still run when the next is asked. */
#define POSTS_MAX (2 * SETTINGS_WITNESSES_MAX)

struct post {
    LIST_ENTRY(post) link;
    struct dialer *dialer;
    uint64_t ticket;
    const struct settings_witness *witness;
    SSL_CTX *tls;
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
    uint8_t body[WITNESS_ANSWER_MAX];
    size_t length;
    bool enough; /* the status counts, more of the body does not */
};

static void post_free(struct post *p)
{
    LIST_REMOVE(p, link);
    p->dialer->witnesses.nposts--;
    if (p->io != NULL)
        event_free(p->io);
    if (p->limit != NULL)
        event_free(p->limit);
    if (p->ssl != NULL) {
        SSL_set_quiet_shutdown(p->ssl, 1);
        SSL_free(p->ssl);
    }
    if (p->fd >= 0)
        close(p->fd);
    buf_release(&p->out);
    free(p);
}

/* Everything of the keeper's channel, and what was under way for it. */
static void witnesses_close(struct dialer *d)
{
    struct post *p;

    client_close(&d->witnesses.client); /* dials first: they point to posts */
    while ((p = LIST_FIRST(&d->witnesses.posts)) != NULL)
        post_free(p);
}

static void keeper_answer(struct dialer *d, const struct answer_witness *v)
{
    static uint8_t data[WITNESS_ANSWER_MAX + 64];
    struct client *c = &d->witnesses.client;
    size_t length;
    int r = answer_witness_put(v, data, sizeof(data), &length);

    if (c->channel == NULL)
        return;
    if (r == 0)
        r = channel_send(c->channel, data, length, NULL, 0);
    if (r != 0)
        log_warn("keeper_does_not_listen", "error=%s",
                 log_quote(sp_strerror(r)));
}

/* The one end of a post. */
static void post_end(struct post *p, int error)
{
    struct dialer *d = p->dialer;
    struct answer_witness v = {.ticket = p->ticket, .error = error};

    if (error == 0) {
        v.status = p->status;
        v.body = p->body;
        v.length = p->length;
    } else {
        log_info("witness_not_asked", "witness=%s error=%s",
                 log_quote(p->witness->name), log_quote(sp_strerror(error)));
    }
    keeper_answer(d, &v);
    post_free(p);
}

/* --- What comes back --- */

static int on_head(void *arg, const struct upstream_head *head)
{
    struct post *p = arg;

    if (head->status > 599)
        return SP_EPROTO;
    p->status = head->status;
    p->enough = head->encoded;
    return p->enough ? SP_EPROTO : 0;
}

static int on_body(void *arg, const uint8_t *data, size_t length)
{
    struct post *p = arg;

    size_t room = sizeof(p->body) - p->length;
    size_t n = length < room ? length : room;

    memcpy(p->body + p->length, data, n);
    p->length += n;
    p->enough = length > room;
    return p->enough ? SP_ETOOBIG : 0;
}

/* --- Bytes --- */

/* 0, SP_EAGAIN, SP_ECLOSED, SP_EIO, from what OpenSSL said. */
static int tls_result(struct post *p, int n)
{
    int e = SSL_get_error(p->ssl, n);

    if (e == SSL_ERROR_WANT_WRITE)
        p->want_write = true;
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        ERR_clear_error();
        return SP_EAGAIN;
    }
    if (!p->shaken)
        log_warn("witness_tls", "witness=%s error=%s",
                 log_quote(p->witness->name), log_quote(tls_error_text()));
    ERR_clear_error();
    return e == SSL_ERROR_ZERO_RETURN ? SP_ECLOSED : SP_EIO;
}

static int post_handshake(struct post *p)
{
    int n;

    if (p->ssl == NULL || p->shaken)
        return 0;
    n = SSL_connect(p->ssl);
    if (n != 1)
        return tls_result(p, n);
    p->shaken = true;
    return 0;
}

static int post_send(struct post *p)
{
    while (p->out.length > 0) {
        ssize_t n =
            p->ssl != NULL
                ? SSL_write(p->ssl, buf_bytes(&p->out), (int)p->out.length)
                : send(p->fd, buf_bytes(&p->out), p->out.length, MSG_NOSIGNAL);

        if (n <= 0 && p->ssl != NULL)
            return tls_result(p, (int)n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            p->want_write = true;
            return SP_EAGAIN;
        }
        if (n < 0)
            return SP_EIO;
        buf_drain(&p->out, (size_t)n);
    }
    return 0;
}

/* 0: the answer is whole. */
static int post_receive(struct post *p)
{
    uint8_t data[4096];

    while (!p->http.complete) {
        ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, data, (int)sizeof(data))
                                   : recv(p->fd, data, sizeof(data), 0);
        int r;

        if (n <= 0 && p->ssl != NULL) {
            r = tls_result(p, (int)n);
            return r == SP_ECLOSED ? http1_client_eof(&p->http) : r;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? SP_EAGAIN : SP_EIO;
        if (n == 0)
            return http1_client_eof(&p->http);
        if ((r = http1_client_feed(&p->http, data, (size_t)n)) != 0)
            return r;
    }
    return 0;
}

static void post_wait(struct post *p);

/* As far as it goes now. What cannot be sent is no reason not to read: it may
 * have answered before it stopped reading. */
static void post_run(struct post *p)
{
    int r, sent;

    p->want_write = false;
    r = post_handshake(p);
    if (r == 0) {
        sent = post_send(p);
        r = post_receive(p);
        if (r == SP_EAGAIN && sent != 0 && sent != SP_EAGAIN)
            r = sent;
    }
    if (r == SP_EAGAIN)
        post_wait(p);
    else
        post_end(p, p->enough ? 0 : r);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    post_run(arg);
}

static void post_wait(struct post *p)
{
    short what = p->want_write ? EV_READ | EV_WRITE : EV_READ;

    if (p->io != NULL)
        event_free(p->io);
    p->io = event_new(p->dialer->base, p->fd, what, on_io, p);
    if (p->io == NULL || event_add(p->io, NULL) != 0)
        post_end(p, SP_ENOMEM);
}

/* --- The start of one --- */

static int post_tls(struct post *p)
{
    if (p->tls == NULL)
        return 0;
    p->ssl = SSL_new(p->tls);
    if (p->ssl == NULL || SSL_set_fd(p->ssl, p->fd) != 1)
        return SP_ENOMEM;
    SSL_set_connect_state(p->ssl);
    return tls_client_set_peer(p->ssl, p->witness->endpoint.host);
}

static void on_connected(struct client *c, uint64_t ticket, void *arg,
                         int error, int fd)
{
    struct post *p = arg;

    (void)c;
    (void)ticket;
    p->dialing = false;
    p->fd = fd;
    if (error == 0)
        error = p->late ? SP_ETIMEDOUT : post_tls(p);
    if (error == 0)
        post_run(p);
    else
        post_end(p, error);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct post *p = arg;

    (void)fd;
    (void)what;
    p->late = true;
    if (!p->dialing) /* its dial ends by the same limit */
        post_end(p, SP_ETIMEDOUT);
}

static int post_write(struct post *p, const struct ask_witness *ask)
{
    const struct policy_endpoint *e = &p->witness->endpoint;
    bool local = e->scheme == ENDPOINT_UNIX;
    bool v6 = !local && strchr(e->host, ':') != NULL;
    uint16_t usual = e->scheme == ENDPOINT_HTTPS ? 443 : 80;
    int r = buf_printf(&p->out, "POST %s/add-checkpoint HTTP/1.1\r\nhost: ",
                       local ? "" : e->path);

    if (r == 0 && local)
        r = buf_append_text(&p->out, "localhost");
    else if (r == 0)
        r = buf_printf(&p->out, "%s%s%s", v6 ? "[" : "", e->host,
                       v6 ? "]" : "");
    if (r == 0 && !local && e->port != usual)
        r = buf_printf(&p->out, ":%u", e->port);
    if (r == 0)
        r = buf_printf(&p->out,
                       "\r\nuser-agent: sallyport\r\n"
                       "content-type: text/plain; charset=utf-8\r\n"
                       "content-length: %zu\r\nconnection: close\r\n\r\n",
                       ask->length);
    return r == 0 ? buf_append(&p->out, ask->body, ask->length) : r;
}

static struct post *post_new(struct dialer *d, const struct ask_witness *ask)
{
    static const struct http1_client_calls calls = {.head = on_head,
                                                    .body = on_body};
    int64_t ms = d->snapshot.settings->witness_timeout_ms;
    const struct timeval limit = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    struct post *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->dialer = d;
    p->ticket = ask->ticket;
    p->witness = &d->snapshot.settings->witnesses[ask->witness];
    p->tls = d->witnesses.tls[ask->witness];
    p->fd = -1;
    p->dialing = true;
    buf_init(&p->out, WITNESS_ASK_MAX + 2048);
    http1_client_init(&p->http, &calls, p);
    LIST_INSERT_HEAD(&d->witnesses.posts, p, link);
    d->witnesses.nposts++;
    p->limit = event_new(d->base, -1, 0, on_limit, p);
    if (p->limit == NULL || event_add(p->limit, &limit) != 0 ||
        post_write(p, ask) != 0) {
        post_free(p);
        return NULL;
    }
    return p;
}

static void witness_ask(struct dialer *d, const struct ask_witness *ask)
{
    struct answer_witness refused = {.ticket = ask->ticket};
    const struct settings *s = d->snapshot.settings;
    struct post *p = NULL;

    if (ask->witness >= s->nwitnesses)
        refused.error = SP_EPERM;
    else if (d->witnesses.nposts >= POSTS_MAX)
        refused.error = SP_EAGAIN;
    else if ((p = post_new(d, ask)) == NULL ||
             !dial_begin(&d->witnesses.client, ask->ticket,
                         &p->witness->endpoint, s->witness_timeout_ms,
                         on_connected, p))
        refused.error = SP_ENOMEM;
    if (refused.error == 0)
        return;
    if (p != NULL)
        post_free(p);
    keeper_answer(d, &refused);
}

/* --- The keeper's channel --- */

static void on_keeper_message(void *arg, const uint8_t *data, size_t length,
                              int *fds, size_t nfds)
{
    struct dialer *d = arg;
    struct ask_witness ask;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds == 0 && ask_witness_get(&ask, data, length) == 0) {
        witness_ask(d, &ask);
        return;
    }
    log_error("keeper_broke_protocol", "type=%u", message_type(data, length));
    witnesses_close(d);
}

static void on_keeper_closed(void *arg, int error)
{
    (void)error; /* the supervisor knows why, and sends a new one */
    witnesses_close(arg);
}

void witnesses_channel(struct dialer *d, int fd)
{
    witnesses_close(d);
    d->witnesses.client.dialer = d;
    d->witnesses.client.channel =
        channel_new(d->base, fd, on_keeper_message, on_keeper_closed, d);
    if (d->witnesses.client.channel == NULL)
        fatal("channel", "error=%s", log_quote("out of memory"));
}

int witnesses_init(struct dialer *d, char problem[256])
{
    const struct settings *s = d->snapshot.settings;

    for (size_t i = 0; i < s->nwitnesses; i++) {
        const struct settings_witness *w = &s->witnesses[i];
        char name[LIMIT_NAME_BYTES + 16], why[256] = "";
        const uint8_t *pem;
        size_t length;
        int r;

        if (w->endpoint.scheme != ENDPOINT_HTTPS)
            continue;
        snprintf(name, sizeof(name), "@witness/%s", w->name);
        r = fileset_get(d->snapshot.files, name, &pem, &length);
        if (r == 0)
            r = tls_client_new(pem, length, why, &d->witnesses.tls[i]);
        if (r != 0) {
            snprintf(problem, 256, "witness %s: %.180s", w->name,
                     why[0] != '\0' ? why : sp_strerror(r));
            return r;
        }
    }
    return 0;
}
