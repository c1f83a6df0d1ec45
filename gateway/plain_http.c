/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small HTTP server of the publisher and of control. What it reads is a
 * stranger's: llhttp reads the head, nothing else is taken, and whoever is
 * slow, long or wrong is closed. Not libevent's own server, which has no bound
 * on connections and none on the time that a head may take.
 */
#include "gateway/plain_http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/headers.h"
#include "lib/clock.h"

/* How long nobody is accepted when nobody can be, and how long one that has its
 * answer may take to close: its FIN is waited for, so that what it still sends
 * does not reset what it reads. */
#define REST_MS   200
#define LINGER_MS 1000

/* Where a connection is; it goes only forward. */
enum plain_state {
    PLAIN_HEAD,   /* its request comes */
    PLAIN_ASKED,  /* its answer is not known yet */
    PLAIN_ANSWER, /* it is on its way */
    PLAIN_LINGER
};

struct plain_connection {
    TAILQ_ENTRY(plain_connection) link;
    struct plain_http *http;
    enum plain_state state;
    struct bufferevent *io;
    struct event *limit;
    int64_t since; /* boot ms */
    llhttp_t parser;
    size_t head_bytes;
    char path[PLAIN_HTTP_PATH_BYTES];
    size_t path_length;
    bool too_long; /* the path is */
    bool complete; /* the request is here, as a whole */
};

struct plain_http {
    struct plain_http_plan plan;
    struct event_base *base;
    struct event *listening, *rested;
    TAILQ_HEAD(plain_list, plain_connection) connections; /* the oldest first */
    size_t count;
};

static void timer_set(struct event *timer, int64_t ms)
{
    const struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    (void)event_add(timer, &after);
}

/* ---- the end of a connection ---- */

static void connection_close(struct plain_connection *c)
{
    struct plain_http *h = c->http;

    TAILQ_REMOVE(&h->connections, c, link);
    h->count--;
    if (c->limit != NULL)
        event_free(c->limit);
    if (c->io != NULL)
        bufferevent_free(c->io);
    free(c);
    if (!event_pending(h->rested, EV_TIMEOUT, NULL))
        (void)event_add(h->listening, NULL);
}

/* Everything was written: no more comes from us. */
static void connection_linger(struct plain_connection *c)
{
    c->state = PLAIN_LINGER;
    if (shutdown(bufferevent_getfd(c->io), SHUT_WR) != 0) {
        connection_close(c);
        return;
    }
    timer_set(c->limit, LINGER_MS);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    connection_close(arg);
}

/* ---- answers ---- */

static const char *status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {431, "Request Header Fields Too Large"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Error";
}

/* The time that is left of `total_ms`; the answer itself is bound by what the
 * client takes of it. */
static void answer_limits(struct plain_connection *c)
{
    const struct plain_http_plan *p = &c->http->plan;
    const struct timeval idle = {.tv_sec = (time_t)(p->idle_ms / 1000),
                                 .tv_usec =
                                     (suseconds_t)(p->idle_ms % 1000 * 1000)};
    int64_t left = c->since + p->total_ms - clock_boot_ms();

    bufferevent_set_timeouts(c->io, NULL, &idle);
    timer_set(c->limit, left > 0 ? left : 0);
}

static void connection_answer(struct plain_connection *c,
                              const struct plain_answer *a)
{
    struct evbuffer *out = bufferevent_get_output(c->io);
    size_t length = a->body != NULL ? evbuffer_get_length(a->body) : 0;
    char date[HEADERS_DATE_SIZE];
    int r;

    headers_date(clock_wall_ms() / 1000, date);
    c->state = PLAIN_ANSWER;
    r = evbuffer_add_printf(out,
                            "HTTP/1.1 %u %s\r\ndate: %s\r\n%s"
                            "content-length: %zu\r\nconnection: close\r\n",
                            a->status, status_text(a->status), date,
                            a->status == 405 ? "allow: GET, HEAD\r\n" : "",
                            length);
    if (r >= 0 && a->type != NULL)
        r = evbuffer_add_printf(out, "content-type: %s\r\n", a->type);
    if (r >= 0 && a->cache != NULL)
        r = evbuffer_add_printf(out, "cache-control: %s\r\n", a->cache);
    if (r >= 0)
        r = evbuffer_add(out, "\r\n", 2);
    if (r >= 0 && length > 0 && c->parser.method != HTTP_HEAD)
        r = evbuffer_add_buffer_reference(out, a->body);
    if (r < 0)
        connection_close(c);
    else
        answer_limits(c);
}

static void answer_error(struct plain_connection *c, unsigned status)
{
    const struct plain_answer a = {.status = status};

    connection_answer(c, &a);
}

void plain_http_answer(struct plain_http *h, const struct plain_answer *a)
{
    struct plain_connection *c = TAILQ_FIRST(&h->connections), *next;

    for (; c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->state == PLAIN_ASKED)
            connection_answer(c, a);
    }
}

/* ---- requests ---- */

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    struct plain_connection *c = parser->data;

    if (length >= sizeof(c->path) - c->path_length) {
        c->too_long = true;
        return 0;
    }
    memcpy(c->path + c->path_length, at, length);
    c->path_length += length;
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct plain_connection *c = parser->data;

    c->complete = true;
    return HPE_PAUSED;
}

/* Nothing that is asked has a body, and whoever announces one is not read to
 * its end. */
static int on_head(llhttp_t *parser)
{
    if ((parser->flags & (F_TRANSFER_ENCODING | F_UPGRADE)) != 0 ||
        parser->content_length > 0)
        return -1;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_headers_complete = on_head,
    .on_message_complete = on_complete,
};

static void parser_init(struct plain_connection *c)
{
    /* llhttp wants settings that are not const; it never writes them. */
    const union {
        const llhttp_settings_t *given;
        llhttp_settings_t *wanted;
    } pass = {&settings};

    llhttp_init(&c->parser, HTTP_REQUEST, pass.wanted);
    c->parser.data = c;
}

static void request_take(struct plain_connection *c)
{
    struct plain_answer a = {.status = 404};

    (void)event_del(c->limit);
    c->state = PLAIN_ASKED;
    if (c->parser.method != HTTP_GET && c->parser.method != HTTP_HEAD)
        a.status = 405;
    else if (!c->too_long && !c->http->plan.ask(c->http->plan.arg, c->path, &a))
        return answer_limits(c);
    connection_answer(c, &a);
}

/* True: go on reading. */
static bool head_read(struct plain_connection *c, const char *data,
                      size_t length)
{
    llhttp_errno_t e = llhttp_execute(&c->parser, data, length);

    c->head_bytes += length;
    if (c->complete) {
        struct evbuffer *in = bufferevent_get_input(c->io);

        (void)evbuffer_drain(in, evbuffer_get_length(in));
        request_take(c);
    } else if (e != HPE_OK) {
        answer_error(c, 400);
    } else if (c->head_bytes > PLAIN_HTTP_HEAD_BYTES) {
        answer_error(c, 431);
    } else {
        return true;
    }
    return false;
}

static void on_read(struct bufferevent *io, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(io);
    struct plain_connection *c = arg;
    char data[PLAIN_HTTP_HEAD_BYTES];
    int n = 1;

    while (c->state == PLAIN_HEAD &&
           (n = evbuffer_remove(in, data, sizeof(data))) > 0)
        if (!head_read(c, data, (size_t)n))
            return; /* it may be gone */
    /* What comes behind a request is of no interest. */
    if (c->state != PLAIN_HEAD)
        (void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_written(struct bufferevent *io, void *arg)
{
    struct plain_connection *c = arg;

    if (c->state == PLAIN_ANSWER &&
        evbuffer_get_length(bufferevent_get_output(io)) == 0)
        connection_linger(c);
}

/* A client that has sent its FIN may still wait for what it asked. */
static void on_event(struct bufferevent *io, short what, void *arg)
{
    struct plain_connection *c = arg;

    (void)io;
    if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_ERROR) == 0 &&
        (c->state == PLAIN_ASKED || c->state == PLAIN_ANSWER))
        return;
    connection_close(c);
}

/* ---- connections ---- */

static int connection_new(struct plain_http *h, int fd)
{
    struct plain_connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        close(fd);
        return SP_ENOMEM;
    }
    c->http = h;
    c->since = clock_boot_ms();
    TAILQ_INSERT_TAIL(&h->connections, c, link);
    h->count++;
    parser_init(c);
    c->io = bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (c->io == NULL)
        close(fd);
    c->limit = event_new(h->base, -1, 0, on_limit, c);
    if (c->io == NULL || c->limit == NULL) {
        connection_close(c);
        return SP_ENOMEM;
    }
    timer_set(c->limit, h->plan.head_ms);
    bufferevent_setcb(c->io, on_read, on_written, on_event, c);
    bufferevent_setwatermark(c->io, EV_READ, 0, PLAIN_HTTP_HEAD_BYTES);
    (void)bufferevent_enable(c->io, EV_READ | EV_WRITE);
    return 0;
}

/* Whoever says nothing, or has heard everything, must not keep others out. */
static bool place_make(struct plain_http *h)
{
    struct plain_connection *c;

    TAILQ_FOREACH (c, &h->connections, link)
        if (c->state == PLAIN_HEAD || c->state == PLAIN_LINGER) {
            connection_close(c);
            return true;
        }
    return false;
}

/* The others wait in the kernel's queue. */
static void http_rest(struct plain_http *h)
{
    (void)event_del(h->listening);
    timer_set(h->rested, REST_MS);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct plain_http *h = arg;

    (void)fd;
    (void)what;
    (void)event_add(h->listening, NULL);
}

static void on_connect(evutil_socket_t listening, short what, void *arg)
{
    struct plain_http *h = arg;
    int fd;

    (void)what;
    if (h->count >= h->plan.connections && !place_make(h)) {
        http_rest(h);
        return;
    }
    fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
        return;
    if (fd < 0 || connection_new(h, fd) != 0)
        http_rest(h);
}

struct plain_http *plain_http_new(struct event_base *base, int listening,
                                  const struct plain_http_plan *plan)
{
    struct plain_http *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    h->plan = *plan;
    h->base = base;
    TAILQ_INIT(&h->connections);
    h->listening =
        event_new(base, listening, EV_READ | EV_PERSIST, on_connect, h);
    h->rested = event_new(base, -1, 0, on_rested, h);
    if (h->listening == NULL || h->rested == NULL) {
        plain_http_free(h);
        return NULL;
    }
    /* Not before descriptors that come meanwhile have found room. */
    timer_set(h->rested, REST_MS);
    return h;
}

void plain_http_free(struct plain_http *h)
{
    struct plain_connection *c;

    if (h == NULL)
        return;
    while ((c = TAILQ_FIRST(&h->connections)) != NULL)
        connection_close(c);
    if (h->listening != NULL)
        event_free(h->listening);
    if (h->rested != NULL)
        event_free(h->rested);
    free(h);
}
