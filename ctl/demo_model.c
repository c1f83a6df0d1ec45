/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport demo-model`: a stand-in for a model's endpoint, which the demo and
 * the tests put behind the gate. It runs as a process of its own, never inside
 * the gateway, speaks plain HTTP, and trusts nobody's bytes: it is meant for
 * loopback and Unix sockets.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "ctl/address.h"
#include "ctl/model_ask.h"
#include "ctl/model_dialect.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/limits.h"

#define LISTENERS_MAX     8
#define PACE_DEFAULT      50.0
#define BURST_TOKENS      64           /* of one turn of the loop, at pace 0 */
#define OUTPUT_HIGH_BYTES (256u << 10) /* a client that reads slowly */
#define OUTPUT_POLL_MS    2
#define LAST_BODY_MAX     65536

/* What the endpoint received last, for tests of what the gate lets pass. */
struct last {
    char *json;
    size_t length;
};

struct server {
    struct event_base *base;
    struct evhttp *http;
    double pace;       /* tokens per second; 0: as fast as they are read */
    uint64_t requests; /* for an answer of the model, so far */
    uint64_t open;     /* being answered now */
    uint64_t left;     /* whose client left before the end */
    uint64_t tokens;   /* given out */
    struct last last;
    const char *sockets[LISTENERS_MAX];
    size_t nsockets;
};

enum exchange_state { EXCHANGE_WAITING, EXCHANGE_STREAMING, EXCHANGE_CLOSING };

/* One request for an answer, from its arrival to its end. */
struct exchange {
    struct server *server;
    struct evhttp_request *request;
    struct event *timer;
    enum exchange_state state;
    uint64_t started; /* clock_boot_ns() of the first token */
    struct model_reply reply;
};

static void exchange_free(struct exchange *x)
{
    x->server->open--;
    x->server->tokens += (uint64_t)x->reply.sent;
    event_free(x->timer);
    free(x);
}

static void timer_set(struct exchange *x, int64_t ns)
{
    struct timeval tv = {ns / 1000000000, (ns % 1000000000) / 1000};

    if (ns < 0)
        tv = (struct timeval){0, 0};
    evtimer_add(x->timer, &tv);
}

/* The connection goes down under an exchange. If libevent has let go of the
 * request, it is ours to free. */
static void on_connection_closed(struct evhttp_connection *c, void *arg)
{
    struct exchange *x = arg;

    (void)c;
    if (x->state != EXCHANGE_CLOSING)
        x->server->left++;
    if (evhttp_request_get_connection(x->request) == NULL)
        evhttp_send_reply_end(x->request);
    exchange_free(x);
}

/* While nothing has been written yet, libevent does not watch for a client
 * that leaves; whoever frees a slot for an early leaver wants to see that. */
static void on_waiting_event(struct bufferevent *bev, short what, void *arg)
{
    struct exchange *x = arg;

    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
        evhttp_connection_free(evhttp_request_get_connection(x->request));
}

static void exchange_watch(struct exchange *x)
{
    struct evhttp_connection *c = evhttp_request_get_connection(x->request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(c);

    evhttp_connection_set_closecb(c, on_connection_closed, x);
    bufferevent_setcb(bev, NULL, NULL, on_waiting_event, x);
    bufferevent_enable(bev, EV_READ);
}

static struct evbuffer *exchange_output(struct exchange *x)
{
    return bufferevent_get_output(evhttp_connection_get_bufferevent(
        evhttp_request_get_connection(x->request)));
}

/* The exchange is over and its answer complete. */
static struct evhttp_request *exchange_finish(struct exchange *x)
{
    struct evhttp_request *request = x->request;

    evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL,
                                  NULL);
    exchange_free(x);
    return request;
}

static void header_add(struct evhttp_request *req, const char *name,
                       const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

/* What a lab's endpoint says about itself and no gate should let pass. */
static void headers_add(struct evhttp_request *req, const char *type)
{
    header_add(req, "Content-Type", type);
    header_add(req, "Server", "demo-model");
    header_add(req, "X-Lab-Internal", "rack-12");
}

static void reply_send(struct evhttp_request *req, int status,
                       struct evbuffer *body)
{
    headers_add(req, "application/json");
    if (status >= 300 && status < 400)
        header_add(req, "Location", "/v1/models");
    evhttp_send_reply(req, status, NULL, body);
    evbuffer_free(body);
}

static void reply_error(struct evhttp_request *req, enum model_api api,
                        int status, const char *message)
{
    struct evbuffer *body = evbuffer_new();

    model_error(body, api, status, message);
    reply_send(req, status, body);
}

static void exchange_fail(struct exchange *x)
{
    int status = (int)x->reply.ask.fail;
    enum model_api api = x->reply.ask.api;

    reply_error(exchange_finish(x), api, status < 200 ? 500 : status,
                "the prompt asked for this");
}

/* Lets what was written go out, then closes without an end. */
static void exchange_break(struct exchange *x)
{
    x->state = EXCHANGE_CLOSING;
    if (evbuffer_get_length(exchange_output(x)) > 0)
        timer_set(x, OUTPUT_POLL_MS * 1000000);
    else
        evhttp_connection_free(evhttp_request_get_connection(x->request));
}

/* A body that is cut in its middle: the head promises all of it. */
static void exchange_break_whole(struct exchange *x, struct evbuffer *body)
{
    char length[24];
    struct evbuffer *half = evbuffer_new();
    size_t all = evbuffer_get_length(body);

    snprintf(length, sizeof length, "%zu", all);
    header_add(x->request, "Content-Length", length);
    headers_add(x->request, "application/json");
    evhttp_send_reply_start(x->request, 200, NULL);
    evbuffer_remove_buffer(body, half, all / 2);
    evhttp_send_reply_chunk(x->request, half);
    evbuffer_free(half);
    evbuffer_free(body);
    exchange_break(x);
}

static void exchange_answer_whole(struct exchange *x)
{
    struct evbuffer *body;

    if (x->reply.ask.hang_after != MODEL_NEVER)
        return;
    body = evbuffer_new();
    model_whole(body, &x->reply);
    if (x->reply.ask.close_after != MODEL_NEVER)
        exchange_break_whole(x, body);
    else
        reply_send(exchange_finish(x), 200, body);
}

static double exchange_pace(const struct exchange *x)
{
    return x->reply.ask.pace >= 0 ? x->reply.ask.pace : x->server->pace;
}

/* How many tokens should have been sent by now. */
static int64_t exchange_due(const struct exchange *x)
{
    double pace = exchange_pace(x);
    double elapsed = (double)(clock_boot_ns() - x->started) / 1e9;

    if (pace <= 0)
        return x->reply.sent + BURST_TOKENS;
    double due = elapsed * pace + 1;
    return due > MODEL_TOKENS_MAX ? MODEL_TOKENS_MAX : (int64_t)due;
}

static void exchange_schedule(struct exchange *x)
{
    double pace = exchange_pace(x);
    int64_t at = 0;

    if (pace > 0)
        at = (int64_t)x->started - (int64_t)clock_boot_ns() +
             (int64_t)((double)x->reply.sent / pace * 1e9);
    timer_set(x, at);
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where this stream stops: at its end, or where the prompt says. */
static int64_t exchange_stop(const struct model_ask *ask)
{
    int64_t stop = ask->tokens;

    if (ask->hang_after != MODEL_NEVER)
        stop = min64(stop, ask->hang_after);
    if (ask->close_after != MODEL_NEVER)
        stop = min64(stop, ask->close_after);
    return stop;
}

static void exchange_stopped(struct exchange *x)
{
    const struct model_ask *ask = &x->reply.ask;

    if (x->reply.sent == ask->close_after)
        exchange_break(x);
    else if (x->reply.sent != ask->hang_after)
        evhttp_send_reply_end(exchange_finish(x));
}

static void exchange_tick(struct exchange *x)
{
    struct model_reply *r = &x->reply;
    int64_t stop = exchange_stop(&r->ask);
    int64_t due = min64(exchange_due(x), stop);

    if (evbuffer_get_length(exchange_output(x)) > OUTPUT_HIGH_BYTES) {
        timer_set(x, OUTPUT_POLL_MS * 1000000);
        return;
    }
    struct evbuffer *events = evbuffer_new();
    while (r->sent < due && evbuffer_get_length(events) < OUTPUT_HIGH_BYTES)
        model_stream_token(events, r);
    if (r->sent == r->ask.tokens && r->sent != r->ask.hang_after &&
        r->sent != r->ask.close_after)
        model_stream_end(events, r);
    if (evbuffer_get_length(events) > 0)
        evhttp_send_reply_chunk(x->request, events);
    evbuffer_free(events);
    if (r->sent < stop)
        exchange_schedule(x);
    else
        exchange_stopped(x);
}

static void exchange_stream(struct exchange *x)
{
    struct evbuffer *events = evbuffer_new();

    x->state = EXCHANGE_STREAMING;
    x->started = clock_boot_ns();
    headers_add(x->request, "text/event-stream");
    header_add(x->request, "Cache-Control", "no-cache");
    evhttp_send_reply_start(x->request, 200, NULL);
    if (exchange_stop(&x->reply.ask) > 0)
        model_stream_begin(events, &x->reply);
    if (evbuffer_get_length(events) > 0)
        evhttp_send_reply_chunk(x->request, events);
    evbuffer_free(events);
    exchange_tick(x);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *x = arg;

    (void)fd;
    (void)what;
    switch (x->state) {
    case EXCHANGE_WAITING:
        if (x->reply.ask.fail != 0)
            exchange_fail(x);
        else if (x->reply.ask.stream)
            exchange_stream(x);
        else
            exchange_answer_whole(x);
        return;
    case EXCHANGE_STREAMING:
        exchange_tick(x);
        return;
    case EXCHANGE_CLOSING:
        exchange_break(x);
        return;
    }
}

static void exchange_start(struct server *s, struct evhttp_request *req,
                           const struct model_ask *ask)
{
    char id[32];
    struct exchange *x = calloc(1, sizeof *x);

    if (x == NULL || (x->timer = evtimer_new(s->base, on_timer, x)) == NULL) {
        free(x);
        reply_error(req, ask->api, 503, "out of memory");
        return;
    }
    x->server = s;
    x->request = req;
    x->reply.ask = *ask;
    x->reply.number = ++s->requests;
    x->reply.created = (int64_t)time(NULL);
    s->open++;
    snprintf(id, sizeof id, "req_%06" PRIu64, x->reply.number);
    header_add(req, "X-Request-Id", id);
    header_add(req, "Request-Id", id);
    exchange_watch(x);
    int64_t wait = ask->wait_ms * 1000000;
    if (!ask->stream && ask->api != MODEL_COUNT_TOKENS && exchange_pace(x) > 0)
        wait += (int64_t)((double)ask->tokens / exchange_pace(x) * 1e9);
    timer_set(x, wait);
}

/* --- the routes --- */

static int quote_append(struct evbuffer *out, const char *text, size_t length)
{
    size_t size = length * 6 + 3, used = 0;
    char *quoted = malloc(size);
    int r = quoted == NULL ? SP_ENOMEM
                           : json_quote(quoted, size, &used, text, length);

    if (r == 0)
        evbuffer_add(out, quoted, used);
    free(quoted);
    return r;
}

/* A name that came twice is there twice, as it came. */
static void last_headers(struct evbuffer *out, struct evhttp_request *req)
{
    const char *comma = "";

    for (struct evkeyval *h = evhttp_request_get_input_headers(req)->tqh_first;
         h != NULL; h = h->next.tqe_next) {
        evbuffer_add_printf(out, "%s[", comma);
        (void)!quote_append(out, h->key, strlen(h->key));
        evbuffer_add(out, ",", 1);
        (void)!quote_append(out, h->value, strlen(h->value));
        evbuffer_add(out, "]", 1);
        comma = ",";
    }
}

static void last_keep(struct server *s, struct evhttp_request *req,
                      const char *body, size_t length)
{
    struct evbuffer *out = evbuffer_new();

    evbuffer_add_printf(out, "{\"path\":");
    (void)!quote_append(out, evhttp_request_get_uri(req),
                        strlen(evhttp_request_get_uri(req)));
    evbuffer_add_printf(out, ",\"headers\":[");
    last_headers(out, req);
    evbuffer_add_printf(out, "],\"bytes\":%zu,\"body\":", length);
    (void)!quote_append(out, body,
                        length < LAST_BODY_MAX ? length : LAST_BODY_MAX);
    evbuffer_add_printf(out, "}");
    free(s->last.json);
    s->last.length = evbuffer_get_length(out);
    s->last.json = malloc(s->last.length);
    if (s->last.json != NULL)
        evbuffer_remove(out, s->last.json, s->last.length);
    evbuffer_free(out);
}

static void route_model(struct server *s, struct evhttp_request *req,
                        enum model_api api)
{
    char problem[160];
    struct model_ask ask;
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t length = evbuffer_get_length(in);
    const char *body = length == 0 ? "" : (char *)evbuffer_pullup(in, -1);

    if (body == NULL) {
        reply_error(req, api, 503, "out of memory");
        return;
    }
    last_keep(s, req, body, length);
    if (model_ask_parse(api, body, length, &ask, problem) != 0)
        reply_error(req, api, 400, problem);
    else
        exchange_start(s, req, &ask);
}

static void write_health(struct server *s, struct evbuffer *out)
{
    (void)s;
    evbuffer_add_printf(out, "{\"status\":\"ok\"}");
}

static void write_models(struct server *s, struct evbuffer *out)
{
    (void)s;
    model_list(out);
}

static void write_stats(struct server *s, struct evbuffer *out)
{
    evbuffer_add_printf(out,
                        "{\"requests\":%" PRIu64 ",\"open\":%" PRIu64
                        ",\"left\":%" PRIu64 ",\"tokens\":%" PRIu64 "}",
                        s->requests, s->open, s->left, s->tokens);
}

static void write_last(struct server *s, struct evbuffer *out)
{
    if (s->last.json == NULL)
        evbuffer_add_printf(out, "null");
    else
        evbuffer_add(out, s->last.json, s->last.length);
}

static const struct {
    const char *path;
    enum model_api api;                                    /* POST routes */
    void (*write)(struct server *s, struct evbuffer *out); /* GET routes */
} routes[] = {
    {"/v1/chat/completions", MODEL_CHAT, NULL},
    {"/v1/completions", MODEL_COMPLETIONS, NULL},
    {"/v1/responses", MODEL_RESPONSES, NULL},
    {"/v1/messages", MODEL_MESSAGES, NULL},
    {"/v1/messages/count_tokens", MODEL_COUNT_TOKENS, NULL},
    {"/v1/models", MODEL_API_COUNT, write_models},
    {"/health", MODEL_API_COUNT, write_health},
    {"/demo/stats", MODEL_API_COUNT, write_stats},
    {"/demo/last", MODEL_API_COUNT, write_last},
};

static void route_run(struct server *s, struct evhttp_request *req, size_t i)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(req);

    if (routes[i].write == NULL && method == EVHTTP_REQ_POST) {
        route_model(s, req, routes[i].api);
    } else if (routes[i].write != NULL &&
               (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD)) {
        struct evbuffer *body = evbuffer_new();
        routes[i].write(s, body);
        reply_send(req, 200, body);
    } else {
        reply_error(req, routes[i].api, 405, "method not allowed");
    }
}

static void on_request(struct evhttp_request *req, void *arg)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (path != NULL && strcmp(path, routes[i].path) == 0) {
            route_run(arg, req, i);
            return;
        }
    }
    reply_error(req, MODEL_CHAT, path == NULL ? 400 : 404, "no such route");
}

/* --- the process --- */

static int server_listen(struct server *s, const char *text)
{
    struct address a;
    char name[ADDRESS_TEXT];

    if (s->nsockets == LISTENERS_MAX || address_parse(text, &a) != 0) {
        fprintf(stderr,
                "sallyport demo-model: --listen %s: expected HOST:PORT, "
                "[HOST]:PORT or unix:PATH, at most %d of them\n",
                text, LISTENERS_MAX);
        return EXIT_MISUSED;
    }
    int fd = address_listen(&a);
    if (fd < 0) {
        fprintf(stderr, "sallyport demo-model: listen on %s: %s\n", text,
                strerror(errno));
        return EXIT_FAILS;
    }
    struct evconnlistener *l = evconnlistener_new(
        s->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
        fd);
    if (l == NULL || evhttp_bind_listener(s->http, l) == NULL)
        return EXIT_FAILS;
    s->sockets[s->nsockets++] = address_path(text);
    address_format(&a, name);
    printf("listening %s\n", name);
    fflush(stdout);
    return EXIT_HOLDS;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    event_base_loopbreak(arg);
}

static void server_close(struct server *s)
{
    for (size_t i = 0; i < s->nsockets; i++) {
        if (s->sockets[i] != NULL)
            remove(s->sockets[i]);
    }
    free(s->last.json);
}

static int server_run(struct server *s, char **listen, size_t nlisten)
{
    int status = EXIT_HOLDS;
    struct event *term, *interrupt;
    struct rlimit files;

    /* A thousand streams and more: two descriptors each would be plenty. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if ((s->base = event_base_new()) == NULL ||
        (s->http = evhttp_new(s->base)) == NULL)
        return EXIT_FAILS;
    evhttp_set_gencb(s->http, on_request, s);
    evhttp_set_max_body_size(s->http, LIMIT_BODY_BYTES);
    evhttp_set_max_headers_size(s->http, LIMIT_HEAD_BYTES);
    /* libevent's 50 s would end streams that are slower. */
    evhttp_set_timeout(s->http, 3600);
    term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
    interrupt = evsignal_new(s->base, SIGINT, on_signal, s->base);
    if (term == NULL || interrupt == NULL)
        return EXIT_FAILS;
    evsignal_add(term, NULL);
    evsignal_add(interrupt, NULL);
    for (size_t i = 0; i < nlisten && status == EXIT_HOLDS; i++)
        status = server_listen(s, listen[i]);
    if (status == EXIT_HOLDS)
        event_base_dispatch(s->base);
    event_free(term);
    event_free(interrupt);
    server_close(s);
    return status;
}

static void help_print(FILE *out)
{
    fprintf(
        out,
        "usage: sallyport demo-model --listen ADDR... [--tokens-per-second N]\n"
        "\n"
        "A stand-in for a model's endpoint over plain HTTP: the OpenAI and "
        "Anthropic\nAPIs, streamed and not, with an answer that follows from "
        "the prompt alone.\n"
        "\n"
        "  --listen ADDR            HOST:PORT (port 0: a free one), "
        "[HOST]:PORT "
        "or\n"
        "                           unix:PATH; up to %d times\n"
        "  --tokens-per-second N    pace of every answer, %g if not given; 0: "
        "as fast\n"
        "                           as the client reads\n"
        "\n"
        "Prints `listening address=HOST port=PORT` or `listening path=PATH` "
        "for "
        "each\nsocket when it is ready.\n"
        "\n"
        "Routes: POST /v1/chat/completions /v1/completions /v1/responses "
        "/v1/messages\n/v1/messages/count_tokens, GET /v1/models /health; GET "
        "/demo/stats counts\nrequests, open ones, clients that left early and "
        "tokens; GET /demo/last shows\nthe last request as it came.\n"
        "\n"
        "A token is one word. The answer's first word is the CRC-32 (hex) of "
        "the\nprompt's texts, each with a line end behind it. These words "
        "anywhere in the\nprompt are directives:\n"
        "\n"
        "  tokens=N        the answer has N tokens (else 24 to 64); the "
        "request's own\n"
        "                  ceiling still holds\n"
        "  bytes=N         each token is padded to N bytes, at most %d\n"
        "  pace=N          N tokens per second for this answer\n"
        "  wait=SECONDS    say nothing at all for so long first\n"
        "  hang-after=N    fall silent after N tokens, connection open (0: "
        "after the\n"
        "                  head); not streamed: never answer\n"
        "  close-after=N   close the connection after N tokens, without an "
        "end; not\n"
        "                  streamed: after half of the body\n"
        "  fail=STATUS     answer with this HTTP status and an error body\n"
        "\n"
        "Every answer carries headers that a gate should not let pass "
        "(Server,\nX-Lab-Internal).\n",
        LISTENERS_MAX, PACE_DEFAULT, MODEL_TOKEN_BYTES_MAX);
}

static int pace_read(const char *text, double *pace)
{
    char *end;

    errno = 0;
    *pace = strtod(text, &end);
    if (errno == 0 && end != text && *end == '\0' && *pace >= 0 && *pace <= 1e6)
        return 0;
    fprintf(stderr,
            "sallyport demo-model: --tokens-per-second %s: expected a number "
            "from 0 to 1000000\n",
            text);
    return SP_EINVAL;
}

int verb_demo_model(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"tokens-per-second", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    static struct server server = {.pace = PACE_DEFAULT};
    char *listen[LISTENERS_MAX + 1];
    size_t nlisten = 0;

    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            help_print(stdout);
            return EXIT_HOLDS;
        }
        if (c == 'l' && nlisten <= LISTENERS_MAX)
            listen[nlisten++] = optarg;
        else if (c == 't' && pace_read(optarg, &server.pace) == 0)
            continue;
        else
            return EXIT_MISUSED;
    }
    if (optind != argc || nlisten == 0) {
        help_print(stderr);
        return EXIT_MISUSED;
    }
    return server_run(&server, listen, nlisten);
}
