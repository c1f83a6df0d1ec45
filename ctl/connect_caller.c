/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local clients and what they ask. Runs in `sallyport connect`; a client is
 * whoever reaches the port: its owner's tools, other users of the machine, web
 * pages in a browser. All of them are read with bounds of size, time and
 * number.
 */
#include <event2/listener.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/connect_caller_parts.h"
#include "ctl/connect_tell.h"
#include "ctl/connect_user.h"
#include "lib/json.h"

/* More than an SDK's pool has; those behind it wait to be accepted. */
#define CALLERS_MAX 1024
/* All bodies that are being read or wait for the gateway, together. */
#define BODIES_MAX (256u << 20)
/* Read ahead of what is being answered. */
#define AHEAD_BYTES 65536
/* A body makes so much progress in a time limit. */
#define PROGRESS_BYTES 8192
/* After the last byte a client has so long to close first: a reset would take
 * the answer with it. */
#define LINGER_MS 1000
/* A model's name is looked for in bodies of at most so many values. */
#define MODEL_NODES 65536

static void request_read(struct caller *c);

static void timer_set(struct caller *c, int ms)
{
    const struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    event_add(c->timer, &tv);
}

void caller_state(struct caller *c, enum caller_state state)
{
    static const int limits[] = {[CALLER_HEAD] = LIMIT_KEEPALIVE_MS,
                                 [CALLER_BODY] = LIMIT_BODY_IDLE_MS,
                                 [CALLER_ANSWERING] = LIMIT_WRITE_IDLE_MS,
                                 [CALLER_CLOSING] = LIMIT_WRITE_IDLE_MS};

    c->state = state;
    c->progress = 0;
    event_del(c->timer);
    if (state != CALLER_WAITING && state != CALLER_CLOSED)
        timer_set(c, limits[state]);
}

/* ---- the end of one ---- */

void caller_body_drop(struct caller *c)
{
    c->of->bodies -= c->body_bytes;
    c->body_bytes = 0;
    if (c->body != NULL)
        evbuffer_free(c->body);
    c->body = NULL;
    if (c->call.head != NULL)
        evbuffer_free(c->call.head);
    c->call.head = NULL;
}

static void caller_free(struct caller *c)
{
    struct callers *all = c->of;

    LIST_REMOVE(c, all);
    all->count--;
    caller_body_drop(c);
    keep_end(&c->keep);
    ask_release(&c->ask);
    if (c->bev != NULL)
        bufferevent_free(c->bev);
    if (c->timer != NULL)
        event_free(c->timer);
    if (c->later != NULL)
        event_free(c->later);
    free(c);
    if (all->listener != NULL)
        evconnlistener_enable(all->listener);
}

void caller_close(struct caller *c)
{
    if (c->state == CALLER_CLOSED)
        return;
    gate_cancel(c->of->o.gate, &c->call);
    caller_state(c, CALLER_CLOSED);
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    event_active(c->later, EV_TIMEOUT, 0);
}

void caller_end(struct caller *c)
{
    if (c->state == CALLER_CLOSED)
        return;
    gate_cancel(c->of->o.gate, &c->call);
    caller_body_drop(c);
    caller_state(c, CALLER_CLOSING);
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        event_active(c->later, EV_TIMEOUT, 0);
}

/* All is out: our side ends, and the client may end first. */
static void closing_on(struct caller *c)
{
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    timer_set(c, LINGER_MS);
}

void caller_refuse(struct caller *c, const struct reason_info *info,
                   const char *text, bool closes)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    size_t before = evbuffer_get_length(out);

    connect_error_write(out, c->ask.dialect, info, text, closes,
                        c->ask.method == METHOD_HEAD);
    c->added += evbuffer_get_length(out) - before;
    c->closes = closes;
    caller_done(c);
}

void caller_done(struct caller *c)
{
    if (c->state == CALLER_CLOSED)
        return;
    if (c->closes || c->of->stopping) {
        caller_end(c);
        return;
    }
    caller_body_drop(c);
    ask_release(&c->ask);
    caller_state(c, CALLER_HEAD);
    event_active(c->later, EV_TIMEOUT, 0); /* what was read ahead */
}

/* ---- who may ask ---- */

static void token_hash(const struct callers *all, const char *text,
                       size_t length, uint8_t hash[32])
{
    crypto_generichash(hash, 32, (const uint8_t *)text, length, all->token_key,
                       sizeof all->token_key);
}

static bool token_is(const struct callers *all, const char *text, size_t length)
{
    uint8_t hash[32];

    token_hash(all, text, length, hash);
    return sodium_memcmp(hash, all->token, sizeof hash) == 0;
}

/* As either family of clients sends its API key. */
static bool token_fits(const struct caller *c)
{
    size_t length, key_length;
    const char *bearer = ask_value(&c->ask, ASK_AUTHORIZATION, &length);
    const char *key = ask_value(&c->ask, ASK_API_KEY, &key_length);

    if (c->of->o.token == NULL)
        return true;
    if (key_length > 0 && token_is(c->of, key, key_length))
        return true;
    return length > 7 && strncasecmp(bearer, "bearer ", 7) == 0 &&
           token_is(c->of, bearer + 7, length - 7);
}

/* NULL: this one may. */
static const struct reason_info *denied(const struct caller *c)
{
    size_t length;
    const char *host = ask_value(&c->ask, ASK_HOST, &length);
    const char *site;

    if (!listening_is_host(c->of->o.where, host, length))
        return connect_reason(CONNECT_HOST_DENIED);
    /* A browser sends one or the other for everything that a page asks for. */
    site = ask_value(&c->ask, ASK_FETCH_SITE, &length);
    if (c->ask.times[ASK_ORIGIN] > 0 ||
        (c->ask.times[ASK_FETCH_SITE] > 0 &&
         (length != 4 || strncasecmp(site, "none", 4) != 0)))
        return connect_reason(CONNECT_BROWSER_DENIED);
    if (c->stranger)
        return connect_reason(CONNECT_USER_DENIED);
    if (!token_fits(c))
        return connect_reason(CONNECT_TOKEN_REQUIRED);
    if (c->of->stopping)
        return connect_reason(CONNECT_STOPPING);
    if (!receipts_fine(c->of->o.receipts) && c->ask.method == METHOD_POST)
        return connect_reason(CONNECT_RECEIPTS_UNWRITABLE);
    return NULL;
}

/* ---- asking ---- */

static void model_find(struct caller *c)
{
    struct json j = {0};
    size_t length = c->body == NULL ? 0 : evbuffer_get_length(c->body);
    const char *text =
        length == 0 ? NULL : (const char *)evbuffer_pullup(c->body, -1);
    uint32_t m;

    c->receipt.model[0] = '\0';
    if (text != NULL &&
        json_parse(&j, text, length, LIMIT_JSON_DEPTH, MODEL_NODES) == 0 &&
        j.nodes[0].type == JSON_OBJECT &&
        (m = json_member(&j, 0, "model")) != 0 &&
        j.nodes[m].type == JSON_STRING &&
        json_text(&j, m, c->receipt.model, sizeof c->receipt.model) != 0)
        c->receipt.model[0] = '\0';
    json_release(&j);
}

/* P10: only what was read is written. */
static int head_build(struct caller *c)
{
    static const char *const methods[] = {
        [METHOD_GET] = "GET", [METHOD_HEAD] = "HEAD", [METHOD_POST] = "POST"};
    struct buf fields;
    int r;

    buf_init(&fields, LIMIT_HEAD_BYTES);
    r = ask_forward(&c->ask, &fields);
    if (r == 0 && (c->call.head = evbuffer_new()) == NULL)
        r = SP_ENOMEM;
    if (r == 0) {
        evbuffer_add_printf(c->call.head, "%s %s HTTP/1.1\r\nhost: %s\r\n",
                            methods[c->ask.method], c->ask.target,
                            c->of->o.host);
        evbuffer_add(c->call.head, buf_bytes(&fields), fields.length);
        if (c->ask.method == METHOD_POST)
            evbuffer_add_printf(c->call.head, "content-length: %zu\r\n",
                                c->body == NULL ? (size_t)0
                                                : evbuffer_get_length(c->body));
        r = evbuffer_add(c->call.head, "\r\n", 2) == 0 ? 0 : SP_ENOMEM;
    }
    buf_release(&fields);
    return r;
}

static void request_send(struct caller *c)
{
    struct evbuffer *head;

    if (head_build(c) != 0) {
        caller_refuse(c, connect_reason(CONNECT_BUSY), NULL, true);
        return;
    }
    c->receipt = (struct receipt){.route = route_info(c->ask.route)->name};
    if (c->of->o.receipts != NULL)
        model_find(c);
    c->of->asked++;
    c->paused = false;
    head = c->call.head;
    c->call = (struct gate_call){.sink = &caller_sink,
                                 .arg = c,
                                 .head = head,
                                 .body = c->body,
                                 .safe = c->ask.method != METHOD_POST,
                                 .no_body = c->ask.method == METHOD_HEAD};
    caller_state(c, CALLER_WAITING);
    gate_ask(c->of->o.gate, &c->call);
}

/* ---- reading ---- */

static int on_body(void *arg, const void *data, size_t length)
{
    struct caller *c = arg;

    if (c->body_bytes + length > LIMIT_BODY_BYTES)
        c->ask.fault = reason_info(REASON_BODY_TOO_LARGE);
    else if (c->of->bodies + length > BODIES_MAX)
        c->ask.fault = connect_reason(CONNECT_BUSY);
    else if ((c->body == NULL && (c->body = evbuffer_new()) == NULL) ||
             evbuffer_add(c->body, data, length) != 0)
        c->ask.fault = connect_reason(CONNECT_BUSY);
    if (c->ask.fault != NULL)
        return -1;
    c->body_bytes += length;
    c->of->bodies += length;
    c->progress += length;
    return 0;
}

static void fault_tell(struct caller *c)
{
    char text[256];

    snprintf(text, sizeof text, "%.160s (%.60s)", c->ask.fault->text,
             c->ask.why != NULL ? c->ask.why : "");
    caller_refuse(c, c->ask.fault, c->ask.why != NULL ? text : NULL, true);
}

/* Step functions: false if there is nothing more to do for now. */
static bool head_step(struct caller *c, struct evbuffer *in)
{
    size_t length = evbuffer_get_length(in), used = 0;
    const struct reason_info *why;

    if (length == 0)
        return false;
    if (c->progress == 0) /* the head's first byte: it has so long */
        timer_set(c, LIMIT_HEAD_MS);
    c->progress = length;
    if (length > LIMIT_HEAD_BYTES + 2)
        length = LIMIT_HEAD_BYTES + 2;
    switch (ask_head(&c->ask, evbuffer_pullup(in, (ssize_t)length), length,
                     &used)) {
    case ASK_MORE:
        return false;
    case ASK_FAULT:
        fault_tell(c);
        return false;
    case ASK_DONE:
    default:
        break;
    }
    evbuffer_drain(in, used);
    if ((why = denied(c)) != NULL) {
        caller_refuse(c, why, NULL, c->ask.has_body || !c->ask.keep_alive);
        return false;
    }
    if (!c->ask.has_body) {
        request_send(c);
        return false;
    }
    if (c->ask.expects_continue)
        bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    caller_state(c, CALLER_BODY);
    return true;
}

static bool body_step(struct caller *c, struct evbuffer *in)
{
    struct evbuffer_iovec v;
    enum ask_step step;
    size_t used;

    if (evbuffer_peek(in, -1, NULL, &v, 1) <= 0)
        return false;
    step = ask_body(&c->ask, v.iov_base, v.iov_len, on_body, c, &used);
    evbuffer_drain(in, used);
    if (step == ASK_FAULT)
        fault_tell(c);
    else if (step == ASK_DONE)
        request_send(c);
    return step == ASK_MORE;
}

static void request_read(struct caller *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    bool more = true;

    while (more) {
        if (c->state == CALLER_HEAD)
            more = head_step(c, in);
        else if (c->state == CALLER_BODY)
            more = body_step(c, in);
        else
            more = false;
    }
    if (c->state == CALLER_CLOSING)
        evbuffer_drain(in, evbuffer_get_length(in));
}

/* ---- what the loop brings ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    request_read(arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct caller *c = arg;

    if (c->state == CALLER_CLOSING &&
        evbuffer_get_length(bufferevent_get_output(bev)) == 0)
        closing_on(c);
    else if (c->state == CALLER_ANSWERING)
        reply_writable(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct caller *c = arg;

    (void)bev;
    (void)what;
    if (c->state == CALLER_ANSWERING)
        reply_left(c);
    caller_close(c);
}

/* Whether the client has read anything since the last look. */
static bool reads_on(struct caller *c)
{
    size_t waits = evbuffer_get_length(bufferevent_get_output(c->bev));
    size_t taken = (size_t)c->added - waits;
    bool on = waits == 0 || taken != c->progress;

    c->progress = taken;
    return on;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct caller *c = arg;

    (void)fd;
    (void)what;
    if (c->state == CALLER_BODY && c->progress < PROGRESS_BYTES) {
        c->ask.fault = reason_info(REASON_BODY_TIMEOUT);
        c->ask.why = NULL;
        fault_tell(c);
    } else if (c->state == CALLER_BODY) {
        caller_state(c, CALLER_BODY);
    } else if (c->state == CALLER_ANSWERING && reads_on(c)) {
        timer_set(c, LIMIT_WRITE_IDLE_MS);
    } else {
        on_event(c->bev, BEV_EVENT_TIMEOUT, c);
    }
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct caller *c = arg;

    (void)fd;
    (void)what;
    if (c->state == CALLER_CLOSED)
        caller_free(c);
    else if (c->state == CALLER_CLOSING)
        closing_on(c);
    else
        request_read(c);
}

/* Root may do anything with our key anyway. If the kernel does not tell, it is
 * told once; who has gone already gets nothing. */
static bool user_is_stranger(const struct callers *all, int fd, bool *gone)
{
    static bool told;
    uid_t uid = 0;
    int r = all->o.any_user || all->o.where->path != NULL
                ? 0
                : connect_user(fd, &uid);

    *gone = r == SP_ENOENT;
    if (r == SP_EIO && !told)
        tell("users_unknown", NULL,
             "the kernel does not say whose connections are: other users of "
             "this machine are not kept out (--token-file does it)");
    told = told || r == SP_EIO;
    return r == 0 && uid != 0 && uid != geteuid();
}

static void caller_new(struct callers *all, int fd)
{
    struct event_base *base = all->o.base;
    bool gone, stranger = user_is_stranger(all, fd, &gone);
    struct caller *c = gone ? NULL : calloc(1, sizeof *c);

    if (c == NULL) {
        close(fd);
        return;
    }
    c->of = all;
    c->stranger = stranger;
    LIST_INSERT_HEAD(&all->all, c, all);
    all->count++;
    ask_init(&c->ask);
    c->timer = event_new(base, -1, 0, on_timer, c);
    c->later = event_new(base, -1, 0, on_later, c);
    c->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (c->bev == NULL)
        close(fd);
    if (c->timer == NULL || c->later == NULL || c->bev == NULL) {
        caller_free(c);
        return;
    }
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, AHEAD_BYTES);
    bufferevent_setwatermark(c->bev, EV_WRITE, LIMIT_RELAY_BYTES / 4, 0);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    caller_state(c, CALLER_HEAD);
    if (all->count >= CALLERS_MAX)
        evconnlistener_disable(all->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *from, int length, void *arg)
{
    (void)listener;
    (void)from;
    (void)length;
    caller_new(arg, fd);
}

/* No descriptor left: those who wait, wait until somebody goes. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    struct callers *all = arg;

    if (all->count > 0)
        evconnlistener_disable(listener);
}

/* ---- all of them ---- */

int callers_new(const struct callers_options *o, struct callers **out)
{
    struct callers *all = calloc(1, sizeof *all);

    *out = all;
    if (all == NULL)
        return SP_ENOMEM;
    all->o = *o;
    LIST_INIT(&all->all);
    randombytes_buf(all->token_key, sizeof all->token_key);
    if (o->token != NULL)
        token_hash(all, o->token, strlen(o->token), all->token);
    all->listener = evconnlistener_new(o->base, on_accept, all,
                                       LEV_OPT_CLOSE_ON_EXEC, 0, o->where->fd);
    if (all->listener == NULL)
        return SP_ENOMEM;
    evconnlistener_set_error_cb(all->listener, on_accept_failed);
    return 0;
}

void callers_stop(struct callers *all)
{
    struct caller *c, *next;

    all->stopping = true;
    if (all->listener != NULL)
        evconnlistener_free(all->listener);
    all->listener = NULL;
    for (c = LIST_FIRST(&all->all); c != NULL; c = next) {
        next = LIST_NEXT(c, all);
        if (c->state == CALLER_HEAD || c->state == CALLER_BODY)
            caller_close(c);
        else if (c->state == CALLER_WAITING && c->call.waits)
            caller_refuse(c, connect_reason(CONNECT_STOPPING), NULL, true);
    }
}

bool callers_busy(const struct callers *all)
{
    return all->count > 0;
}

void callers_cut(struct callers *all)
{
    struct caller *c, *next;

    for (c = LIST_FIRST(&all->all); c != NULL; c = next) {
        next = LIST_NEXT(c, all);
        if (c->state == CALLER_ANSWERING)
            reply_cut(c, connect_reason(CONNECT_STOPPING), NULL);
        else if (c->state == CALLER_WAITING)
            caller_refuse(c, connect_reason(CONNECT_STOPPING), NULL, true);
        else if (c->state != CALLER_CLOSING)
            caller_close(c);
    }
}

void callers_free(struct callers *all)
{
    struct caller *c;

    if (all == NULL)
        return;
    all->stopping = true;
    while ((c = LIST_FIRST(&all->all)) != NULL) {
        gate_cancel(all->o.gate, &c->call);
        caller_free(c);
    }
    if (all->listener != NULL)
        evconnlistener_free(all->listener);
    free(all);
}

uint64_t callers_asked(const struct callers *all)
{
    return all->asked;
}
