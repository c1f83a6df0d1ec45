/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of the demo. Runs in `sallyport`; the server is trusted for
 * nothing but what its certificate proves, and its answers are bounded.
 */
#include "ctl/client.h"

#include <errno.h>
#include <llhttp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "ctl/client_tls.h"

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    int timeout_ms;
    int alert; /* the server's fatal one; -1: none */
    char host[128];
    char problem[CLIENT_PROBLEM];
    /* of the exchange that is going on */
    llhttp_t parser;
    struct client_answer *answer;
    client_piece_fn *piece;
    void *arg;
    bool head_done;
    char field[32];
    size_t field_length;
    char value[64];
    size_t value_length;
};

int64_t client_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

const char *client_problem(const struct client *c)
{
    return c->problem;
}

long client_trust(const struct client *c)
{
    return c->ssl == NULL ? X509_V_OK : SSL_get_verify_result(c->ssl);
}

int client_alert(const struct client *c)
{
    return c->alert;
}

const char *client_protocol(const struct client *c)
{
    return SSL_get_version(c->ssl);
}

/* --- TLS --- */

static void on_info(const SSL *ssl, int where, int value)
{
    struct client *c = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
        (value >> 8) == SSL3_AL_FATAL)
        c->alert = value & 0xff;
}

/* OpenSSL's own words, of which only those behind "alert " are the peer's. */
static int tls_failed(struct client *c, int fallback)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    const char *alert = reason == NULL ? NULL : strstr(reason, "alert ");

    if (c->alert >= 0) {
        snprintf(c->problem, sizeof c->problem, "alert: %s",
                 alert != NULL ? alert + 6 : "unnamed");
        return SP_EPERM;
    }
    if (reason != NULL)
        snprintf(c->problem, sizeof c->problem, "TLS: %s", reason);
    else
        snprintf(c->problem, sizeof c->problem, "%s",
                 errno != 0 ? strerror(errno) : "connection closed");
    return fallback;
}

static int tls_wait(struct client *c, short events)
{
    struct pollfd p = {.fd = c->fd, .events = events};

    if (poll(&p, 1, c->timeout_ms) == 1)
        return 0;
    snprintf(c->problem, sizeof c->problem, "nothing came within %d ms",
             c->timeout_ms);
    return SP_ETIMEDOUT;
}

/* After an SSL call that returned `r` < 1: 0 to call it again. */
static int tls_again(struct client *c, int r)
{
    switch (SSL_get_error(c->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return tls_wait(c, POLLIN);
    case SSL_ERROR_WANT_WRITE:
        return tls_wait(c, POLLOUT);
    case SSL_ERROR_ZERO_RETURN:
        return SP_ECLOSED;
    default:
        return tls_failed(c, SP_ECLOSED);
    }
}

static int tls_start(struct client *c, const struct client_options *o)
{
    int r;

    if ((r = client_tls_new(o, &c->ctx, c->problem)) != 0)
        return r;
    if ((c->ssl = SSL_new(c->ctx)) == NULL ||
        client_tls_name(c->ssl, c->host) != 0 || SSL_set_fd(c->ssl, c->fd) != 1)
        return SP_ENOMEM;
    SSL_set_app_data(c->ssl, c);
    SSL_set_info_callback(c->ssl, on_info);
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int done = SSL_connect(c->ssl);
        if (done == 1)
            return 0;
        if ((r = tls_again(c, done)) != 0)
            return r == SP_ECLOSED ? SP_EIO : r;
    }
}

int client_connect(const struct client_options *o, struct client **out)
{
    struct client *c = calloc(1, sizeof *c);

    *out = c;
    if (c == NULL)
        return SP_ENOMEM;
    c->timeout_ms = o->timeout_ms;
    c->alert = -1;
    snprintf(c->host, sizeof c->host, "%s", o->host);
    if ((c->fd = address_connect(o->to, o->timeout_ms)) < 0) {
        snprintf(c->problem, sizeof c->problem, "connect: %s", strerror(errno));
        return errno == ETIMEDOUT ? SP_ETIMEDOUT : SP_EIO;
    }
    return tls_start(c, o);
}

void client_close(struct client *c)
{
    if (c == NULL)
        return;
    if (c->ssl != NULL && SSL_is_init_finished(c->ssl))
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

/* --- the answer --- */

static void text_append(char *text, size_t size, size_t *length,
                        const char *data, size_t count)
{
    if (count > size - 1 - *length)
        count = size - 1 - *length;
    memcpy(text + *length, data, count);
    *length += count;
    text[*length] = '\0';
}

static int on_field(llhttp_t *p, const char *at, size_t length)
{
    struct client *c = p->data;
    text_append(c->field, sizeof c->field, &c->field_length, at, length);
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t length)
{
    struct client *c = p->data;
    text_append(c->value, sizeof c->value, &c->value_length, at, length);
    return 0;
}

static int on_value_complete(llhttp_t *p)
{
    struct client *c = p->data;

    if (strcasecmp(c->field, "content-type") == 0)
        memcpy(c->answer->type, c->value, sizeof c->value);
    if (strcasecmp(c->field, "x-sallyport-receipt") == 0)
        memcpy(c->answer->receipt, c->value, sizeof c->value);
    if (strcasecmp(c->field, "x-should-retry") == 0)
        c->answer->retry_denied = strcmp(c->value, "false") == 0;
    c->field_length = c->value_length = 0;
    c->field[0] = c->value[0] = '\0';
    return 0;
}

static int on_head(llhttp_t *p)
{
    struct client *c = p->data;
    c->answer->status = p->status_code;
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t length)
{
    struct client *c = p->data;

    c->answer->last_us = client_now_us();
    if (c->piece != NULL)
        c->piece(c->arg, c->answer->last_us, at, length);
    return buf_append(&c->answer->body, at, length) == 0 ? 0 : HPE_USER;
}

static int on_complete(llhttp_t *p)
{
    struct client *c = p->data;

    if (p->status_code < 200)
        return 0;
    c->answer->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t parser_settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

static int answer_parse(struct client *c, const char *data, size_t length)
{
    enum llhttp_errno e = llhttp_execute(&c->parser, data, length);

    if (e == HPE_OK || e == HPE_PAUSED)
        return 0;
    snprintf(c->problem, sizeof c->problem, "malformed answer: %s",
             llhttp_get_error_reason(&c->parser));
    return SP_EPROTO;
}

/* The other side closed: fine for a body that ends so, and for a stream that
 * is cut, which `complete` tells apart. */
static int answer_closed(struct client *c)
{
    c->answer->closed = true;
    if (c->answer->status == 0) {
        if (c->problem[0] == '\0')
            snprintf(c->problem, sizeof c->problem, "closed without an answer");
        return SP_ECLOSED;
    }
    if (llhttp_message_needs_eof(&c->parser))
        c->answer->complete = true;
    return 0;
}

static int answer_read(struct client *c)
{
    char data[16384];
    int r = 0;

    while (r == 0 && !c->answer->complete) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_read(c->ssl, data, sizeof data);
        if (n > 0) {
            if (c->answer->first_us == 0)
                c->answer->first_us = client_now_us();
            r = answer_parse(c, data, (size_t)n);
        } else if ((r = tls_again(c, n)) == SP_ECLOSED) {
            r = answer_closed(c);
            break;
        }
    }
    c->answer->end_us = client_now_us();
    return r;
}

static int request_write(struct client *c, const struct buf *b)
{
    size_t done = 0;
    int r;

    while (done < b->length) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_write(c->ssl, buf_bytes(b) + done, (int)(b->length - done));
        if (n > 0)
            done += (size_t)n;
        else if ((r = tls_again(c, n)) != 0)
            return r;
    }
    return 0;
}

static int request_build(struct buf *b, const struct client *c,
                         const char *method, const char *target,
                         const char *body)
{
    int r = buf_printf(b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target,
                       c->host);

    if (r == 0 && body != NULL)
        r = buf_printf(
            b, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
            strlen(body));
    if (r == 0)
        r = buf_append_text(b, "\r\n");
    if (r == 0 && body != NULL)
        r = buf_append_text(b, body);
    return r;
}

int client_exchange(struct client *c, const char *method, const char *target,
                    const char *body, struct client_answer *a,
                    client_piece_fn *piece, void *arg)
{
    struct buf request;
    int r;

    *a = (struct client_answer){0};
    buf_init(&a->body, CLIENT_BODY_MAX);
    buf_init(&request, CLIENT_BODY_MAX);
    llhttp_init(&c->parser, HTTP_RESPONSE, &parser_settings);
    c->parser.data = c;
    c->answer = a;
    c->piece = piece;
    c->arg = arg;
    c->problem[0] = '\0';
    if ((r = request_build(&request, c, method, target, body)) == 0) {
        a->sent_us = client_now_us();
        r = request_write(c, &request);
        /* Whoever refuses us may have closed already: its reason is still
         * there to be read. */
        if (r == 0 || r == SP_ECLOSED)
            r = answer_read(c);
    }
    buf_release(&request);
    c->answer = NULL;
    return r;
}

void client_answer_release(struct client_answer *a)
{
    buf_release(&a->body);
}

bool client_closed_within(struct client *c, int timeout_ms)
{
    char byte;
    int saved = c->timeout_ms, r = 0, n = 0;

    c->timeout_ms = timeout_ms;
    while (r == 0 && n <= 0) {
        ERR_clear_error();
        errno = 0;
        n = SSL_read(c->ssl, &byte, 1);
        if (n <= 0)
            r = tls_again(c, n);
    }
    c->timeout_ms = saved;
    return r == SP_ECLOSED;
}
