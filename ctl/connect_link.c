/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the gateway: from dialling through TLS to one call after the
 * other. Runs in `sallyport connect`.
 */
#include "ctl/connect_link.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/client_tls.h"
#include "ctl/remote_words.h"
#include "lib/limits.h"

/* What the gateway gives a handshake, and time for the network. */
#define OPEN_MS (LIMIT_CONNECT_MS + LIMIT_HANDSHAKE_MS)
/* Below the gateway's own limit, so that it is we who close: it never happens
 * in the moment of a call. */
#define IDLE_MS (LIMIT_KEEPALIVE_MS - 20000)
/* Above the gateway's own limits, which come with words. */
#define ANSWER_MS (LIMIT_ANSWER_IDLE_MS + 60000)

/* A gateway that vanishes without a word is noticed within a minute. */
#define PROBE_AFTER_S 30
#define PROBE_EACH_S  10
#define PROBES        3

static void timer_set(struct gate_connection *c, int ms)
{
    const struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    event_add(c->timer, &tv);
}

/* ---- the end of one ---- */

void link_free(struct gate_connection *c)
{
    LIST_REMOVE(c, all);
    if (c->bev != NULL)
        bufferevent_free(c->bev);
    if (c->timer != NULL)
        event_free(c->timer);
    if (c->later != NULL)
        event_free(c->later);
    answer_release(&c->answer);
    free(c);
}

void link_close(struct gate_connection *c)
{
    if (c->state == LINK_CLOSED)
        return;
    if (c->state == LINK_IDLE) {
        LIST_REMOVE(c, idle);
        if (c->ssl != NULL) {
            ERR_clear_error();
            SSL_shutdown(c->ssl); /* a close_notify, if there is room */
            ERR_clear_error();
        }
    }
    c->gate->connecting -= c->state == LINK_CONNECTING;
    c->gate->nlinks--;
    c->state = LINK_CLOSED;
    c->over = true;
    event_del(c->timer);
    if (c->bev != NULL)
        bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    event_active(c->later, EV_TIMEOUT, 0);
}

static void idle_enter(struct gate_connection *c)
{
    c->gate->connecting -= c->state == LINK_CONNECTING;
    c->state = LINK_IDLE;
    LIST_INSERT_HEAD(&c->gate->idle, c, idle);
    timer_set(c, IDLE_MS);
    gate_link_ready(c->gate);
}

/* ---- what went wrong ---- */

struct fault {
    const struct reason_info *reason;
    char text[REMOTE_WORDS];
};

static void fault_set(struct fault *f, enum connect_reason reason,
                      const char *text)
{
    f->reason = connect_reason(reason);
    snprintf(f->text, sizeof f->text, "%s", text);
}

/* The gateway told by an alert that it does not want our certificate; in TLS
 * 1.3 we learn it only after the handshake. */
static bool refused(const struct gate_connection *c)
{
    return !c->reused && !c->answered && remote_alert_words(c->alert) != NULL;
}

static void fault_tls(const struct gate_connection *c, unsigned long e,
                      struct fault *f)
{
    const char *says = c->alert >= 0 ? SSL_alert_desc_string_long(c->alert)
                       : e != 0      ? ERR_reason_error_string(e)
                                     : NULL;
    char text[REMOTE_WORDS];

    snprintf(text, sizeof text, "no encrypted connection to %.128s: %.200s",
             c->gate->o.remote->host, says != NULL ? says : "it was ended");
    fault_set(f, CONNECT_GATE_UNREACHABLE, text);
}

/* While a connection is opened; `error` is an errno, or 0. */
static void fault_open(struct gate_connection *c, int error, struct fault *f)
{
    const struct remote *r = c->gate->o.remote;
    unsigned long e = bufferevent_get_openssl_error(c->bev);
    long trust = SSL_get_verify_result(c->ssl);
    char text[REMOTE_WORDS];

    if (ERR_SYSTEM_ERROR(e))
        error = ERR_GET_REASON(e);
    if (ERR_GET_LIB(e) == 0) /* libevent keeps what SSL_get_error() said, too */
        e = 0;
    if (refused(c)) {
        fault_set(f, CONNECT_CERTIFICATE_REFUSED, remote_alert_words(c->alert));
    } else if (trust != X509_V_OK) {
        remote_trust_words(trust, r->name, text);
        fault_set(f, CONNECT_GATE_UNTRUSTED, text);
    } else if (c->alert < 0 && SSL_get_state(c->ssl) == TLS_ST_CW_CERT_VRFY) {
        fault_set(f, CONNECT_KEY_UNAVAILABLE, "");
    } else if (c->alert >= 0 || (e != 0 && !ERR_SYSTEM_ERROR(e))) {
        fault_tls(c, e, f);
    } else {
        remote_connect_words(error != 0 ? error : ECONNRESET, r->host, r->port,
                             text);
        fault_set(f, CONNECT_GATE_UNREACHABLE, text);
    }
}

static int dial(struct gate_connection *c);

/* Another address of the name may lead there, if this one did not. */
static void open_failed(struct gate_connection *c, const struct fault *f,
                        bool slowly)
{
    struct gate *g = c->gate;

    if (f->reason == connect_reason(CONNECT_GATE_UNREACHABLE) &&
        c->at->ai_next != NULL) {
        c->at = c->at->ai_next;
        event_active(c->later, EV_TIMEOUT, 0);
        return;
    }
    link_close(c);
    gate_link_failed(g, f->reason, f->text, slowly);
}

static void broke(struct gate_connection *c, const struct fault *f)
{
    struct gate *g = c->gate;
    struct gate_call *call = c->call;
    bool answered = c->answered, reused = c->reused;

    link_close(c);
    /* Whoever is refused learns it from the first read; nothing that was
     * written has been looked at. */
    if (refused(c))
        gate_link_failed(g, f->reason, f->text, false);
    gate_link_broke(g, call, answered, reused, f->reason, f->text);
}

/* ---- what comes ---- */

static void call_complete(struct gate_connection *c, bool more)
{
    struct gate_call *call = c->call;

    gate_link_answered(c->gate);
    c->reused = true;
    if (c->answer.keep && !more && !c->paused) {
        c->call = NULL;
        call->on = NULL;
        answer_release(&c->answer);
        /* The call ends first: it may have been the last thing wanted. */
        c->state = LINK_IDLE;
        LIST_INSERT_HEAD(&c->gate->idle, c, idle);
        timer_set(c, IDLE_MS);
    } else {
        link_close(c);
    }
    gate_link_complete(c->gate, call);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct gate_connection *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_iovec v;
    struct fault f;

    if (c->state == LINK_IDLE) { /* nobody asked */
        link_close(c);
        return;
    }
    while (c->state == LINK_BUSY && !c->paused && !c->answer.complete &&
           evbuffer_peek(in, -1, NULL, &v, 1) > 0) {
        c->answered = true;
        timer_set(c, ANSWER_MS);
        if (answer_read(&c->answer, v.iov_base, v.iov_len) != 0 &&
            !c->answer.complete && !c->over) {
            fault_set(&f, CONNECT_GATE_LOST, "");
            broke(c, &f);
            return;
        }
        evbuffer_drain(in, v.iov_len);
    }
    if (c->state == LINK_BUSY && c->answer.complete)
        call_complete(c, evbuffer_get_length(in) > 0);
}

static void on_connected(struct gate_connection *c)
{
    c->gate->opened++;
    idle_enter(c);
}

/* Whoever refuses us may have closed before we had written all: its reason is
 * still there to be read. */
static void alert_look(struct gate_connection *c)
{
    char byte;

    ERR_clear_error();
    (void)SSL_read(c->ssl, &byte, 1);
    ERR_clear_error();
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct gate_connection *c = arg;
    int error = EVUTIL_SOCKET_ERROR();
    struct fault f;

    (void)bev;
    if (c->state == LINK_CLOSED)
        return;
    if (what & BEV_EVENT_CONNECTED) {
        on_connected(c);
        return;
    }
    if (c->state == LINK_CONNECTING) {
        fault_open(c, error, &f);
        open_failed(c, &f, false);
        return;
    }
    if (!c->answered)
        alert_look(c);
    if (refused(c))
        fault_set(&f, CONNECT_CERTIFICATE_REFUSED,
                  remote_alert_words(c->alert));
    else
        fault_set(&f, CONNECT_GATE_LOST, "");
    broke(c, &f);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct gate_connection *c = arg;
    struct fault f;

    (void)fd;
    (void)what;
    if (c->state == LINK_CONNECTING) {
        fault_open(c, ETIMEDOUT, &f);
        open_failed(c, &f, true);
    } else if (c->state == LINK_IDLE) {
        link_close(c);
    } else if (c->state == LINK_BUSY && c->paused) {
        timer_set(c, ANSWER_MS);
    } else if (c->state == LINK_BUSY) {
        fault_set(&f, CONNECT_GATE_SILENT, "");
        broke(c, &f);
    }
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct gate_connection *c = arg;
    struct fault f;

    (void)fd;
    (void)what;
    if (c->state == LINK_CLOSED) {
        link_free(c);
        return;
    }
    if (dial(c) != 0) {
        fault_set(&f, CONNECT_GATE_UNREACHABLE, "");
        open_failed(c, &f, false);
    }
}

/* ---- opening ---- */

static void on_info(const SSL *ssl, int where, int value)
{
    struct gate_connection *c = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
        (value >> 8) == SSL3_AL_FATAL)
        c->alert = value & 0xff;
}

static void socket_tune(int fd)
{
    const int on = 1, after = PROBE_AFTER_S, each = PROBE_EACH_S, n = PROBES;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &after, sizeof after);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof each);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &n, sizeof n);
}

static SSL *tls_start(struct gate_connection *c)
{
    SSL *ssl = SSL_new(c->gate->tls);
    char name[256];

    snprintf(name, sizeof name, "%s", c->gate->o.remote->name);
    if (ssl == NULL || client_tls_name(ssl, name) != 0) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_app_data(ssl, c);
    SSL_set_info_callback(ssl, on_info);
    return ssl;
}

/* The first address from c->at on that can be tried. */
static int socket_dial(struct gate_connection *c)
{
    for (; c->at != NULL; c->at = c->at->ai_next) {
        struct address to = {.length = c->at->ai_addrlen};
        int fd;

        memcpy(&to.sa, c->at->ai_addr, c->at->ai_addrlen);
        if ((fd = address_dial(&to)) >= 0)
            return fd;
        if (c->at->ai_next == NULL)
            break;
    }
    return -1;
}

static int dial(struct gate_connection *c)
{
    int fd;

    if (c->bev != NULL)
        bufferevent_free(c->bev);
    c->bev = NULL;
    if ((fd = socket_dial(c)) < 0)
        return SP_EIO;
    socket_tune(fd);
    c->alert = -1;
    c->ssl = tls_start(c);
    if (c->ssl != NULL)
        c->bev = bufferevent_openssl_socket_new(c->gate->o.base, fd, c->ssl,
                                                BUFFEREVENT_SSL_CONNECTING,
                                                BEV_OPT_CLOSE_ON_FREE);
    if (c->bev == NULL) {
        SSL_free(c->ssl);
        c->ssl = NULL;
        close(fd);
        return SP_ENOMEM;
    }
    /* How it ended is told by HTTP's framing, not by a close_notify. */
    bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
    bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    timer_set(c, OPEN_MS);
    return 0;
}

int link_open(struct gate *g)
{
    struct gate_connection *c = calloc(1, sizeof *c);
    int r = SP_ENOMEM;

    if (c == NULL)
        return SP_ENOMEM;
    c->gate = g;
    c->at = g->addresses;
    LIST_INSERT_HEAD(&g->links, c, all);
    c->timer = event_new(g->o.base, -1, 0, on_timer, c);
    c->later = event_new(g->o.base, -1, 0, on_later, c);
    if (c->timer != NULL && c->later != NULL)
        r = dial(c);
    if (r != 0) {
        link_free(c);
        return r;
    }
    g->nlinks++;
    g->connecting++;
    return 0;
}

/* ---- calls ---- */

bool link_stands(struct gate_connection *c)
{
    char byte;

    return recv(bufferevent_getfd(c->bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <
               0 &&
           errno == EAGAIN;
}

/* The owner keeps both: a call may be sent again. */
static int request_write(struct gate_connection *c, struct gate_call *call)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    size_t length = evbuffer_get_length(call->head);
    unsigned char *head = evbuffer_pullup(call->head, -1);

    if (head == NULL || evbuffer_add(out, head, length) != 0)
        return SP_ENOMEM;
    return call->body == NULL ||
                   evbuffer_add_buffer_reference(out, call->body) == 0
               ? 0
               : SP_ENOMEM;
}

void link_ask(struct gate_connection *c, struct gate_call *call)
{
    struct fault f;

    LIST_REMOVE(c, idle);
    c->state = LINK_BUSY;
    c->call = call;
    call->on = c;
    c->answered = c->paused = false;
    timer_set(c, ANSWER_MS);
    if (answer_init(&c->answer, call->no_body) != 0 ||
        request_write(c, call) != 0) {
        fault_set(&f, CONNECT_BUSY, "");
        broke(c, &f);
        return;
    }
    c->answer.begin = call->sink->begin;
    c->answer.piece = call->sink->piece;
    c->answer.arg = call->arg;
    c->answer.over = &c->over;
}

void link_pause(struct gate_connection *c, bool paused)
{
    if (c->paused == paused || c->state != LINK_BUSY)
        return;
    c->paused = paused;
    if (paused) {
        bufferevent_disable(c->bev, EV_READ);
    } else {
        bufferevent_enable(c->bev, EV_READ);
        /* What is here already brings no event of its own. */
        bufferevent_trigger(c->bev, EV_READ,
                            BEV_TRIG_IGNORE_WATERMARKS |
                                BEV_OPT_DEFER_CALLBACKS);
    }
}
