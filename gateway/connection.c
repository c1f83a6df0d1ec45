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
#include "gateway/connection.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/admission.h"
#include "gateway/exchange.h"
#include "gateway/http1_server.h"
#include "lib/clock.h"
#include "lib/log.h"

/* What the kernel may hold of an answer that its client does not read: all of
 * it could still arrive after a cut. */
#define SEND_BUFFER_BYTES   65536
#define NOTSENT_LOWAT_BYTES 16384
/* A refused request's body is read to its end if no more than this is left. */
#define DISCARD_BYTES 65536
/* …and a closing connection's input for as many bytes and TIMER_LINGER. */
#define LINGER_BYTES (1u << 20)
/* Progress of a body in LIMIT_BODY_IDLE_MS. */
#define BODY_PROGRESS_BYTES 8192
/* Sources whose refused connections are counted one by one. */
#define REFUSED_SOURCES 256
#define REFUSED_MS      1000
/* Around a chunk's data: size, two line ends; and the last chunk. */
#define CHUNK_ROOM 16

enum connection_state {
    CONNECTION_HANDSHAKE,
    CONNECTION_IDLE, /* nothing of the next request is here */
    CONNECTION_HEAD, /* a part of its head is */
    CONNECTION_BODY,
    CONNECTION_BUSY,    /* an exchange has all of the request */
    CONNECTION_DISCARD, /* it was answered; the rest of its body is dropped */
    CONNECTION_CLOSING, /* the last bytes go out, then close_notify */
    CONNECTION_LINGER,  /* shut for writing; waits for the client's end */
    CONNECTION_CLOSED
};

struct connection {
    struct connections *all;
    struct connection *next, *previous;
    struct connection *next_ending;
    uint64_t id;
    enum connection_state state;
    int fd;
    SSL *ssl;
    struct event event, timer;
    bool readable, writable;
    bool fin;      /* the client's TCP has ended */
    bool running;  /* connection_input() is on the stack */
    bool unframed; /* where the request ends is not known: close */
    bool keep_alive;
    bool http10;
    bool cut;          /* what it is told now is the last, and urgent */
    bool progress;     /* bytes went out since the timer was set */
    bool timer_writes; /* the timer watches that */
    uint8_t framing;   /* enum framing of the answer */
    bool looked;       /* after a cut: nothing was left unsent */
    uint64_t received; /* of a body, since the timer was set */
    struct exchange *exchange;
    struct http1_server http;
    int64_t body_left; /* that was announced and not read; -1: unknown */
    struct buf in;     /* read, not yet understood */
    struct buf out;    /* the rest of a record that did not fit the socket */
    struct buf head;   /* of the answer, until it goes out with its body */
    char address[46];
};

struct refused {
    char address[46];
    int64_t last;   /* boot ms of the last entry */
    uint32_t count; /* since then */
    char reason[32];
};

struct connections {
    struct worker *worker;
    struct connection *first;
    struct connection *graveyard;
    struct connection *endings; /* that were cut in this turn of the loop */
    size_t count;
    uint64_t ids;
    struct refused refused[REFUSED_SOURCES];
    struct event *refused_timer;
};

static void connection_resume(struct connection *c);
static void write_end(struct connection *c);

static const struct identity nobody = {.party = IDENTITY_NOBODY,
                                       .person = IDENTITY_NOBODY};

/* ---- refused connections ---- */

static struct refused *refused_find(struct connections *cs, const char *address,
                                    int64_t now)
{
    uint32_t hash = 2166136261u;

    for (const char *p = address; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    for (uint32_t i = 0; i < 8; i++) {
        struct refused *r = &cs->refused[(hash + i) % REFUSED_SOURCES];

        if (strcmp(r->address, address) == 0)
            return r;
        if (r->count == 0 && now - r->last >= REFUSED_MS) {
            memset(r, 0, sizeof(*r));
            snprintf(r->address, sizeof(r->address), "%s", address);
            r->last = now - REFUSED_MS;
            return r;
        }
    }
    /* More sources than places: they share one. */
    return &cs->refused[hash % REFUSED_SOURCES];
}

static void refused_tell(struct connections *cs, struct refused *r, int64_t now)
{
    struct connection_refused v = {.count = r->count};

    snprintf(v.address, sizeof(v.address), "%s", r->address);
    snprintf(v.reason, sizeof(v.reason), "%s", r->reason);
    admission_connection_refused(cs->worker->admissions, &v);
    log_info("connection_refused", "address=%s reason=%s count=%u", r->address,
             r->reason, r->count);
    r->count = 0;
    r->last = now;
}

void connections_refused(struct connections *cs, const char *address,
                         const char *reason)
{
    int64_t now = clock_boot_ms();
    struct refused *r = refused_find(cs, address, now);

    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    r->count++;
    if (now - r->last >= REFUSED_MS)
        refused_tell(cs, r, now);
}

/* What was counted and not told yet. */
static void on_refused_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connections *cs = arg;
    int64_t now = clock_boot_ms();

    (void)fd;
    (void)what;
    for (size_t i = 0; i < REFUSED_SOURCES; i++)
        if (cs->refused[i].count > 0 && now - cs->refused[i].last >= REFUSED_MS)
            refused_tell(cs, &cs->refused[i], now);
}

/* ---- the end of a connection ---- */

static void timer_set(struct connection *c, enum worker_timer timer)
{
    event_add(&c->timer, c->all->worker->timers[timer]);
}

/* Frees what a connection has at once, the connection after the turn. */
static void connection_close(struct connection *c)
{
    struct connections *cs = c->all;
    struct exchange *x = c->exchange;

    if (c->state == CONNECTION_CLOSED)
        return;
    c->state = CONNECTION_CLOSED;
    c->exchange = NULL;
    if (x != NULL)
        exchange_left(x);
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
    c->previous = cs->graveyard;
    cs->graveyard = c;
}

/* What the kernel still holds for the client never reaches it. */
static void connection_reset(struct connection *c)
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
            write_end(c);
    }
    while (cs->graveyard != NULL) {
        struct connection *c = cs->graveyard;

        cs->graveyard = c->previous;
        free(c);
    }
}

/* Closing with unread input would reset the connection and could destroy
 * what was just said; so the client's end is waited for, a little. */
static void linger_drain(struct connection *c)
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

static void linger_begin(struct connection *c)
{
    c->state = CONNECTION_LINGER;
    c->received = 0;
    buf_release(&c->in);
    (void)shutdown(c->fd, SHUT_WR);
    if (!c->cut)
        timer_set(c, TIMER_LINGER);
    linger_drain(c);
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
static void linger_look(struct connection *c)
{
    struct tcp_info left = bytes_left(c);

    if (c->cut && !c->looked && left.tcpi_notsent_bytes == 0) {
        c->looked = true;
        timer_set(c, TIMER_LINGER);
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
        timer_set(c, TIMER_WRITE);
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
static void write_record(struct connection *c, const uint8_t *data,
                         size_t length)
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

/* True if nothing waits to be written. */
static bool write_flush(struct connection *c)
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
    return true;
}

static void write_end(struct connection *c)
{
    c->state = CONNECTION_CLOSING;
    if (!write_flush(c)) {
        if (c->state == CONNECTION_CLOSING && !c->cut)
            timer_set(c, TIMER_WRITE);
        return;
    }
    ERR_clear_error();
    (void)SSL_shutdown(c->ssl);
    ERR_clear_error();
    linger_begin(c);
}

/* ---- the codec ---- */

static enum framing answer_framing(const struct connection *c,
                                   const struct answer *a)
{
    if (a->length >= 0)
        return FRAMING_LENGTH;
    return c->http10 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

static bool connection_keeps(const struct connection *c)
{
    return c->keep_alive && !c->unframed &&
           c->all->worker->state == WORKER_SERVING &&
           (c->body_left == 0 ||
            (c->body_left > 0 && c->body_left <= DISCARD_BYTES));
}

static void codec_start(void *stream, const struct answer *answer)
{
    struct connection *c = stream;
    enum framing framing = answer_framing(c, answer);
    char head[HEADERS_BYTES];
    struct text t;

    if (!connection_keeps(c) || framing == FRAMING_CLOSE)
        c->keep_alive = false;
    text_init(&t, head, sizeof(head));
    headers_answer(&t, answer, framing, !c->keep_alive,
                   worker_date(c->all->worker));
    c->framing = (uint8_t)framing;
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
        write_record(c, data, length); /* nothing around it: no copy */
        return (ssize_t)length;
    }
    text_init(&t, c->all->worker->record, WORKER_RECORD);
    taken = record_build(c, &t, data, length, last);
    if (t.length > 0)
        write_record(c, (const uint8_t *)t.data, t.length);
    return (ssize_t)taken;
}

static void codec_hurry(void *stream)
{
    struct connection *c = stream;

    c->cut = true;
    c->keep_alive = false;
    timer_set(c, TIMER_CUT);
}

static void codec_finish(void *stream, enum codec_end end)
{
    struct connection *c = stream;

    if (c->state == CONNECTION_CLOSED)
        return;
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
        write_end(c);
        return;
    }
    c->state = c->body_left == 0 ? CONNECTION_IDLE : CONNECTION_DISCARD;
    if (c->state == CONNECTION_IDLE)
        http1_server_init(&c->http);
    if (c->out.length == 0) {
        c->timer_writes = false;
        timer_set(c,
                  c->state == CONNECTION_IDLE ? TIMER_KEEPALIVE : TIMER_BODY);
    }
    connection_resume(c);
}

static const struct codec http1_codec = {codec_start, codec_body, codec_hurry,
                                         codec_finish};

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

    write_record(c, line, sizeof(line) - 1);
}

/* A head is here, good or bad: it gets an exchange and an answer. */
static void request_begin(struct connection *c, const struct request_head *head)
{
    const struct identity *id = tls_identity(c->ssl);
    enum exchange_want want;

    c->unframed = !head->framed;
    c->keep_alive = head->keep_alive;
    c->http10 = head->http10;
    c->body_left = head->has_body ? head->content_length : 0;
    if (head->expects_continue && head->has_body)
        c->body_left = -1; /* it is not sent unless we ask for it */
    c->exchange = exchange_new(c->all->worker, &http1_codec, c,
                               id != NULL ? id : &nobody, c->address);
    if (c->exchange == NULL) {
        connection_close(c);
        return;
    }
    c->state = CONNECTION_BUSY;
    want = exchange_head(c->exchange, head);
    if (want == EXCHANGE_WANTS_NOTHING || c->state != CONNECTION_BUSY)
        return;
    c->state = CONNECTION_BODY;
    c->received = 0;
    timer_set(c, TIMER_BODY);
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
            timer_set(c, TIMER_HEAD);
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
        timer_set(c, TIMER_KEEPALIVE);
    } else if (discard) {
        write_end(c);
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
        write_end(c);
    else
        connection_close(c);
}

static void connection_read(struct connection *c)
{
    uint8_t *scratch = c->all->worker->scratch;
    int n = SSL_read(c->ssl, scratch, WORKER_SCRATCH);
    int e;

    if (n > 0) {
        input_new(c, scratch, (size_t)n);
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
static void connection_resume(struct connection *c)
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
        connections_refused(c->all, c->address, reason);
    ERR_clear_error();
    if (c->fin)
        connection_close(c);
    else
        linger_begin(c); /* so that the alert arrives */
}

static void connection_handshake(struct connection *c)
{
    int r = SSL_accept(c->ssl);
    int e;

    if (r == 1) {
        c->state = CONNECTION_IDLE;
        timer_set(c, TIMER_KEEPALIVE);
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
    if (c->out.length > 0 && !write_flush(c))
        return;
    if (c->state == CONNECTION_CLOSING)
        write_end(c);
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
        linger_drain(c);
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
        timer_set(c, TIMER_BODY);
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
            timer_set(c, TIMER_KEEPALIVE);
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
    timer_set(c, TIMER_WRITE);
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
        write_end(c);
        break;
    case CONNECTION_BODY:
    case CONNECTION_DISCARD:
        body_timer(c);
        break;
    case CONNECTION_CLOSING:
        connection_reset(c);
        break;
    case CONNECTION_LINGER:
        linger_look(c);
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

void connection_new(struct connections *cs, int fd, const char *address)
{
    struct worker *w = cs->worker;
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        close(fd);
        return;
    }
    socket_tune(fd);
    c->all = cs;
    c->fd = fd;
    c->id = ++cs->ids;
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
    c->ssl = SSL_new(w->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1 ||
        event_add(&c->event, NULL) != 0) {
        connection_close(c);
        return;
    }
    SSL_set_accept_state(c->ssl);
    timer_set(c, TIMER_HANDSHAKE);
}

struct connections *connections_new(struct worker *w)
{
    const struct timeval second = {.tv_sec = 1};
    struct connections *cs = calloc(1, sizeof(*cs));

    if (cs == NULL)
        return NULL;
    cs->worker = w;
    cs->refused_timer =
        event_new(w->base, -1, EV_PERSIST, on_refused_timer, cs);
    if (cs->refused_timer == NULL ||
        event_add(cs->refused_timer, &second) != 0) {
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
    if (cs->refused_timer != NULL)
        event_free(cs->refused_timer);
    free(cs);
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
            write_end(c);
    }
}
