/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half of a client's connection: records, the codec that answers
 * HTTP/1 with them, and the ways to end. Runs in a worker; what it writes are
 * answers, and it is here that none of them outlives its deadline (P2).
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/connection_parts.h"
#include "gateway/headers.h"
#include "gateway/metrics_page.h"
#include "lib/clock.h"
#include "lib/log.h"

/* A closing connection's input is read for as many bytes and TIMER_LINGER. */
#define LINGER_BYTES (1u << 20)
/* Around a chunk's data: size, two line ends; and the last chunk. */
#define CHUNK_ROOM 16

/* ---- the end of a connection ---- */

void connection_timer(struct connection *c, enum worker_timer timer)
{
    event_add(&c->timer, c->all->worker->timers[timer]);
}

/* Frees what a connection has at once, the connection after the turn. */
void connection_close(struct connection *c)
{
    struct connections *cs = c->all;
    struct exchange *x = c->exchange;

    if (c->state == CONNECTION_CLOSED)
        return;
    c->state = CONNECTION_CLOSED;
    c->exchange = NULL;
    if (x != NULL)
        exchange_left(x);
    peer_end(&c->peer);
    event_del(&c->event);
    event_del(&c->timer);
    if (c->ssl != NULL) {
        SSL_set_quiet_shutdown(c->ssl, 1);
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    close(c->fd);
    buf_release(&c->in);
    buf_release(&c->out);
    buf_release(&c->head);
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        cs->first = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    cs->count--;
    metrics_set(METRICS_CONNECTIONS, cs->count);
    c->previous = cs->graveyard;
    cs->graveyard = c;
}

/* What the kernel still holds for the client never reaches it. */
void connection_reset(struct connection *c)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    if (c->state == CONNECTION_CLOSED)
        return;
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    connection_close(c);
}

/* A thousand streams may end in one turn (P2): each is told first, the rest of
 * closing comes when all have been told. */
static void ending_later(struct connection *c)
{
    c->state = CONNECTION_CLOSING;
    c->next_ending = c->all->endings;
    c->all->endings = c;
}

void connections_bury(struct connections *cs)
{
    while (cs->endings != NULL) {
        struct connection *c = cs->endings;

        cs->endings = c->next_ending;
        if (c->state == CONNECTION_CLOSING)
            connection_end(c);
    }
    while (cs->graveyard != NULL) {
        struct connection *c = cs->graveyard;

        cs->graveyard = c->previous;
        connection_rules_end(c);
        free(c);
    }
}

/* Closing with unread input would reset the connection and could destroy
 * what was just said; so the client's end is waited for, a little. */
void connection_drain(struct connection *c)
{
    uint8_t *scratch = c->all->worker->scratch;

    while (c->readable) {
        ssize_t n = recv(c->fd, scratch, WORKER_SCRATCH, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            c->readable = false;
            return;
        }
        if (n <= 0) {
            connection_close(c);
            return;
        }
        c->received += (uint64_t)n;
        if (c->received > LINGER_BYTES) {
            connection_reset(c);
            return;
        }
    }
}

void connection_linger(struct connection *c)
{
    c->state = CONNECTION_LINGER;
    c->received = 0;
    c->timer_writes = false; /* there is nothing left to write */
    buf_release(&c->in);
    (void)shutdown(c->fd, SHUT_WR);
    if (!c->cut)
        connection_timer(c, TIMER_LINGER);
    connection_drain(c);
}

/* How much of what we wrote the kernel has not sent, and not seen
 * acknowledged. */
static struct tcp_info bytes_left(const struct connection *c)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        info.tcpi_notsent_bytes = info.tcpi_unacked = 1; /* assume the worst */
    return info;
}

/* After a cut: bytes the client did not take in time go with the connection.
 * Those that left us may still be on their way a moment longer. */
void connection_look(struct connection *c)
{
    struct tcp_info left = bytes_left(c);

    if (c->cut && !c->looked && left.tcpi_notsent_bytes == 0) {
        c->looked = true;
        connection_timer(c, TIMER_LINGER);
        return;
    }
    if (left.tcpi_notsent_bytes > 0 || left.tcpi_unacked > 0)
        connection_reset(c);
    else
        connection_close(c);
}

/* ---- writing ---- */

/* What did not fit stays to be offered again, the same bytes first, as
 * OpenSSL wants it: its record is already made. */
static void write_keep(struct connection *c, const uint8_t *data, size_t length)
{
    uint8_t *space;

    if (buf_reserve(&c->out, length, &space) != 0) {
        connection_close(c);
        return;
    }
    memcpy(space, data, length);
    buf_commit(&c->out, length);
    if (!c->cut && !c->timer_writes) {
        c->timer_writes = true;
        c->progress = false;
        connection_timer(c, TIMER_WRITE);
    }
}

/* > 0: taken by the socket; SP_EAGAIN; SP_ECLOSED: the connection is gone. */
static ssize_t write_some(struct connection *c, const uint8_t *data,
                          size_t length)
{
    int n = SSL_write(c->ssl, data, (int)length);
    int e;

    if (n > 0) {
        c->progress = true;
        return n;
    }
    e = SSL_get_error(c->ssl, n);
    ERR_clear_error();
    if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ) {
        connection_close(c);
        return SP_ECLOSED;
    }
    c->writable = false;
    return SP_EAGAIN;
}

/* One record; all of it is ours to deliver from here on. */
void connection_write(struct connection *c, const uint8_t *data, size_t length)
{
    ssize_t n = SP_EAGAIN;

    if (c->out.length == 0)
        n = write_some(c, data, length);
    if (n == SP_ECLOSED || n == (ssize_t)length)
        return;
    if (n < 0)
        n = 0;
    write_keep(c, data + n, length - (size_t)n);
}

/* How far our TCP stream has come, all of TLS included. */
static uint64_t stream_position(const struct connection *c)
{
    return BIO_number_written(SSL_get_wbio(c->ssl));
}

/* True if nothing waits to be written. */
bool connection_flush(struct connection *c)
{
    while (c->out.length > 0 && c->writable) {
        size_t length =
            c->out.length < WORKER_RECORD ? c->out.length : WORKER_RECORD;
        ssize_t n = write_some(c, buf_bytes(&c->out), length);

        if (n < 0)
            return false;
        buf_drain(&c->out, (size_t)n);
    }
    if (c->out.length > 0)
        return false;
    buf_release(&c->out);
    if (c->answer_end == UINT64_MAX)
        c->answer_end = stream_position(c);
    return true;
}

void connection_end(struct connection *c)
{
    c->state = CONNECTION_CLOSING;
    if (!connection_flush(c)) {
        if (c->state == CONNECTION_CLOSING && !c->cut)
            connection_timer(c, TIMER_WRITE);
        return;
    }
    ERR_clear_error();
    (void)SSL_shutdown(c->ssl);
    ERR_clear_error();
    connection_linger(c);
}

/* ---- the codec ---- */

static enum framing answer_framing(const struct connection *c,
                                   const struct answer_head *a)
{
    if (a->length >= 0)
        return FRAMING_LENGTH;
    return c->http10 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

static bool connection_keeps(const struct connection *c)
{
    return c->keep_alive && !c->unframed &&
           c->all->worker->state <= WORKER_RETIRING &&
           (c->body_left == 0 ||
            (c->body_left > 0 && c->body_left <= DISCARD_BYTES));
}

static void codec_start(void *stream, const struct answer_head *answer)
{
    struct connection *c = stream;
    enum framing framing = answer_framing(c, answer);
    struct worker *w = c->all->worker;
    const struct headers_time now = {
        .date = worker_date(w),
        .sunset = answer->closes > 0 ? worker_sunset(w, answer->closes) : NULL,
        .boot = answer->closes > 0 ? clock_boot_ms() : 0};
    char head[HEADERS_BYTES];
    struct text t;

    if (!connection_keeps(c) || framing == FRAMING_CLOSE ||
        w->state == WORKER_RETIRING)
        c->keep_alive = false;
    text_init(&t, head, sizeof(head));
    headers_answer(&t, answer, framing, !c->keep_alive, &now);
    c->framing = (uint8_t)framing;
    /* RFC 8446, section 5.4. Only TLS 1.3 has it; 1.2 ignores it. */
    if (SSL_set_block_padding(c->ssl, answer->padding) != 1)
        log_error("padding_failed", "conn=%llu", (unsigned long long)c->id);
    buf_release(&c->head);
    if (text_end(&t) != 0 || buf_append(&c->head, t.data, t.length) != 0)
        log_error("answer_head_failed", "conn=%llu", (unsigned long long)c->id);
}

/* Puts one record together: the head if it has not gone, a chunk's frame, as
 * much of the data as fits, and the end. Returns how much of `data` is in. */
static size_t record_build(struct connection *c, struct text *t,
                           const uint8_t *data, size_t length, bool last)
{
    size_t room;

    if (c->head.length > 0) {
        text_add(t, buf_bytes(&c->head), c->head.length);
        buf_release(&c->head);
    }
    room = t->capacity - t->length - CHUNK_ROOM;
    if (length > room) {
        length = room;
        last = false;
    }
    if (c->framing != FRAMING_CHUNKED) {
        text_add(t, data, length);
        return length;
    }
    if (length > 0) {
        const uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};

        text_hex(t, size, sizeof(size));
        text_put(t, "\r\n");
        text_add(t, data, length);
        text_put(t, "\r\n");
    }
    if (last)
        text_put(t, "0\r\n\r\n");
    return length;
}

static ssize_t codec_body(void *stream, const uint8_t *data, size_t length,
                          bool last)
{
    struct connection *c = stream;
    struct text t;
    size_t taken;

    if (c->out.length > 0)
        return SP_EAGAIN;
    if (!c->writable && !last)
        return SP_EAGAIN;
    if (c->head.length == 0 && c->framing != FRAMING_CHUNKED && length > 0 &&
        length <= WORKER_RECORD) {
        connection_write(c, data, length); /* nothing around it: no copy */
        return (ssize_t)length;
    }
    text_init(&t, c->all->worker->record, WORKER_RECORD);
    taken = record_build(c, &t, data, length, last);
    if (t.length > 0)
        connection_write(c, (const uint8_t *)t.data, t.length);
    explicit_bzero(t.data, t.length); /* P7 */
    return (ssize_t)taken;
}

static void codec_hurry(void *stream)
{
    struct connection *c = stream;

    c->cut = true;
    c->keep_alive = false;
    connection_timer(c, TIMER_CUT);
}

/* Remembers what must not reach the client once its window has ended. */
static void answer_note(struct connection *c)
{
    const struct exchange *x = c->exchange;

    if (x == NULL || !x->admitted || x->own)
        return;
    c->window = x->window;
    c->answer_end = c->out.length > 0 ? UINT64_MAX : stream_position(c);
}

static void codec_finish(void *stream, enum codec_end end)
{
    struct connection *c = stream;

    if (c->state == CONNECTION_CLOSED)
        return;
    answer_note(c);
    c->exchange = NULL;
    buf_release(&c->head);
    if (end == CODEC_BROKEN) {
        /* Not even the form of an end: no close_notify, no FIN. */
        connection_reset(c);
        return;
    }
    if (end == CODEC_CUT) {
        ending_later(c);
        return;
    }
    if (!c->keep_alive || !connection_keeps(c)) {
        connection_end(c);
        return;
    }
    c->state = c->body_left == 0 ? CONNECTION_IDLE : CONNECTION_DISCARD;
    if (c->state == CONNECTION_IDLE)
        http1_server_init(&c->http);
    if (c->out.length == 0) {
        c->timer_writes = false;
        connection_timer(c, c->state == CONNECTION_IDLE ? TIMER_KEEPALIVE
                                                        : TIMER_BODY);
    }
    connection_resume(c);
}

/* The newest answer that was whole for us may still be unsent, or sent and not
 * acknowledged: dropped by a client's kernel that has no room, to be sent
 * again when it has. */
void connection_cut(struct connection *c)
{
    struct tcp_info left = bytes_left(c);

    if (left.tcpi_bytes_acked >= c->answer_end)
        return;
    if (c->out.length > 0 || left.tcpi_notsent_bytes > 0) {
        connection_reset(c);
    } else if (c->exchange == NULL && c->state < CONNECTION_CLOSING) {
        /* It may be on its way: it has as long as the end of a stream. */
        codec_hurry(c);
        connection_end(c);
    }
}

/* Whether the newest answer of a model on this connection is among them. */
static bool connection_is_cut(const struct connection *c,
                              const struct rules *of, const struct cut *cut)
{
    const struct policy *p = c->rules->policy;
    const struct policy_window *w;

    if (c->cut || c->window >= p->nwindows || c->identity == NULL)
        return false;
    w = &p->windows[c->window];
    return rules_cut_takes(of, cut, c->rules, c->window, w->model, w->party,
                           c->identity->person, c->identity->cert_sha256);
}

/* Whoever holds this certificate is not to be talked to any more: what is being
 * answered by us ends, and then the connection does. */
static void connection_disown(struct connection *c, const struct cut *cut)
{
    if (!cut->has_certificate || c->identity == NULL ||
        memcmp(c->identity->cert_sha256, cut->certificate, 32) != 0)
        return;
    c->keep_alive = false;
    if (c->exchange == NULL && c->state < CONNECTION_CLOSING)
        connection_end(c);
}

void connections_cut(struct connections *cs, const struct rules *of,
                     const struct cut *cut)
{
    struct connection *next;

    for (struct connection *c = cs->first; c != NULL; c = next) {
        next = c->next;
        if (connection_is_cut(c, of, cut))
            connection_cut(c);
        if (c->state != CONNECTION_CLOSED) /* else its identity has gone */
            connection_disown(c, cut);
    }
}

const struct codec http1_codec = {codec_start, codec_body, codec_hurry,
                                  codec_finish};
