/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-backend: the model's side for benches and tests. It answers every
 * POST with a fixed JSON of 1100 bytes, or, when the body says
 * "stream":true, with server-sent events in the dialect of the path. How an
 * answer goes is asked for in the prompt, so that it travels through any
 * gateway unchanged: "bench:events=50,pace=10".
 *
 *   events  events of a stream (default 20)      pace   ms between two (0)
 *   first   ms until the head (0)                size   bytes of an event (120)
 *   cut     close without an end after so many   silent 1: the head, then
 * nothing status  the answer's status (200)
 *
 * GET /bench/stats tells what it saw. A process of its own, on loopback,
 * between programs of ours: it trusts its input as far as memory safety goes
 * and no further.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define HEAD_MAX     65536
#define BODY_MAX     (64u << 20)
#define PENDING_MAX  65536 /* bytes of a stream that wait for the reader */
#define EVENT_MAX    65536
#define PLAIN_BODY   1100
#define CUT_FLUSH_MS 20

enum family { FAMILY_CHAT, FAMILY_RESPONSES, FAMILY_MESSAGES };

struct plan {
    long events, pace, first, size, cut, silent, status;
};

static const struct plan plan_default = {20, 0, 0, 120, -1, 0, 200};

enum state { STATE_READING, STATE_WAITING, STATE_STREAMING, STATE_CUTTING };

struct client {
    struct bufferevent *bev;
    struct event *timer;
    enum state state;
    enum family family;
    struct plan plan;
    bool stream;
    long sent;
    int64_t due; /* ms, monotonic: when the next event is to go */
};

static struct {
    unsigned long accepted, requests, streams, events, left;
    unsigned long connections, open; /* now */
    int64_t last_left, last_request; /* ms UTC */
} stats;

static struct event_base *base;
static char plain_body[PLAIN_BODY + 1];
static char event_filler[EVENT_MAX + 1];

static int64_t now_ms(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void plan_set(struct plan *plan, const char *name, size_t length,
                     long value)
{
    const struct {
        const char *name;
        long *value;
    } fields[] = {{"events", &plan->events}, {"pace", &plan->pace},
                  {"first", &plan->first},   {"size", &plan->size},
                  {"cut", &plan->cut},       {"silent", &plan->silent},
                  {"status", &plan->status}};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strlen(fields[i].name) == length &&
            memcmp(fields[i].name, name, length) == 0)
            *fields[i].value = value;
}

/* Reads "bench:name=value,name=value" wherever it stands in the body. */
static void plan_read(struct plan *plan, const char *body)
{
    const char *p = strstr(body, "bench:");

    *plan = plan_default;
    if (p != NULL)
        p += strlen("bench:");
    while (p != NULL) {
        size_t length = strspn(p, "abcdefghijklmnopqrstuvwxyz");
        char *end;

        if (length == 0 || p[length] != '=')
            break;
        long value = strtol(p + length + 1, &end, 10);
        plan_set(plan, p, length, value);
        p = *end == ',' ? end + 1 : NULL;
    }
    if (plan->size < 1 || plan->size > EVENT_MAX - 512)
        plan->size = plan_default.size;
}

static void client_free(struct client *c)
{
    if (c->state != STATE_READING)
        stats.open--;
    if (c->state == STATE_WAITING || c->state == STATE_STREAMING) {
        stats.left++;
        stats.last_left = now_ms(CLOCK_REALTIME);
    }
    stats.connections--;
    event_free(c->timer);
    bufferevent_free(c->bev);
    free(c);
}

static void client_set_timer(struct client *c, int64_t ms)
{
    struct timeval t = {ms / 1000, (ms % 1000) * 1000};

    event_add(c->timer, &t);
}

static void client_finish(struct client *c)
{
    c->state = STATE_READING;
    stats.open--;
    bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

static void client_send_plain(struct client *c)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);

    evbuffer_add_printf(out,
                        "HTTP/1.1 %ld %s\r\n"
                        "content-type: application/json\r\n"
                        "content-length: %d\r\n\r\n%s",
                        c->plan.status, c->plan.status < 400 ? "OK" : "Error",
                        PLAIN_BODY, plain_body);
    client_finish(c);
}

static void chunk_add(struct evbuffer *out, const char *data, size_t length)
{
    evbuffer_add_printf(out, "%zx\r\n", length);
    evbuffer_add(out, data, length);
    evbuffer_add(out, "\r\n", 2);
}

static void client_send_event(struct client *c)
{
    static const char *const formats[] = {
        [FAMILY_CHAT] =
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\","
            "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{"
            "\"content\":\"%ld %.*s\"},\"finish_reason\":null}]}\n\n",
        [FAMILY_RESPONSES] = "event: response.output_text.delta\n"
                             "data: {\"type\":\"response.output_text.delta\","
                             "\"sequence_number\":%ld,\"delta\":\"%.*s\"}\n\n",
        [FAMILY_MESSAGES] =
            "event: content_block_delta\n"
            "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
            "\"type\":\"text_delta\",\"text\":\"%ld %.*s\"}}\n\n"};
    static char text[EVENT_MAX + 512];
    int length;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    length = snprintf(text, sizeof text, formats[c->family], c->sent,
                      (int)c->plan.size, event_filler);
#pragma GCC diagnostic pop
    chunk_add(bufferevent_get_output(c->bev), text, (size_t)length);
    c->sent++;
    stats.events++;
}

static void client_send_end(struct client *c)
{
    static const char *const ends[] = {
        [FAMILY_CHAT] = "data: [DONE]\n\n",
        [FAMILY_RESPONSES] =
            "event: response.completed\n"
            "data: {\"type\":\"response.completed\",\"response\":{\"status\":"
            "\"completed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1,"
            "\"total_tokens\":2}}}\n\n",
        [FAMILY_MESSAGES] =
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"};
    struct evbuffer *out = bufferevent_get_output(c->bev);

    chunk_add(out, ends[c->family], strlen(ends[c->family]));
    evbuffer_add(out, "0\r\n\r\n", 5);
    client_finish(c);
}

/* Sends what is due. Without a pace: as fast as the reader takes it. */
static void client_stream_on(struct client *c)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    int64_t now = now_ms(CLOCK_MONOTONIC);

    while (c->sent < c->plan.events && c->due <= now) {
        if (c->sent == c->plan.cut) {
            c->state = STATE_CUTTING;
            client_set_timer(c, CUT_FLUSH_MS);
            return;
        }
        if (evbuffer_get_length(out) > PENDING_MAX)
            return; /* the write callback comes back to us */
        client_send_event(c);
        c->due += c->plan.pace;
    }
    if (c->sent >= c->plan.events)
        client_send_end(c);
    else
        client_set_timer(c, c->due - now);
}

static void client_stream_start(struct client *c)
{
    evbuffer_add_printf(bufferevent_get_output(c->bev),
                        "HTTP/1.1 200 OK\r\n"
                        "content-type: text/event-stream\r\n"
                        "cache-control: no-cache\r\n"
                        "transfer-encoding: chunked\r\n\r\n");
    c->state = STATE_STREAMING;
    c->sent = 0;
    c->due = now_ms(CLOCK_MONOTONIC) + c->plan.pace;
    stats.streams++;
    if (!c->plan.silent)
        client_stream_on(c);
}

static void client_answer(struct client *c)
{
    if (c->stream && c->plan.status == 200)
        client_stream_start(c);
    else
        client_send_plain(c);
}

static void client_begin(struct client *c, const char *path, const char *body)
{
    plan_read(&c->plan, body);
    c->stream = strstr(body, "\"stream\":true") != NULL ||
                strstr(body, "\"stream\": true") != NULL;
    c->family = strncmp(path, "/v1/responses", 13) == 0  ? FAMILY_RESPONSES
                : strncmp(path, "/v1/messages", 12) == 0 ? FAMILY_MESSAGES
                                                         : FAMILY_CHAT;
    c->state = STATE_WAITING;
    stats.open++;
    stats.requests++;
    stats.last_request = now_ms(CLOCK_REALTIME);
    if (c->plan.first > 0)
        client_set_timer(c, c->plan.first);
    else
        client_answer(c);
}

static void client_send_stats(struct client *c)
{
    char body[512];
    int length = snprintf(
        body, sizeof body,
        "{\"accepted\":%lu,\"requests\":%lu,\"streams\":%lu,\"events\":%lu,"
        "\"left\":%lu,\"connections\":%lu,\"open\":%lu,\"last_left\":%lld,"
        "\"last_request\":%lld}\n",
        stats.accepted, stats.requests, stats.streams, stats.events, stats.left,
        stats.connections, stats.open, (long long)stats.last_left,
        (long long)stats.last_request);

    evbuffer_add_printf(bufferevent_get_output(c->bev),
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                        "content-length: %d\r\n\r\n%s",
                        length, body);
}

/* The value of `name` in a head, or NULL; ends at the line's end. */
static const char *head_field(const char *head, const char *name)
{
    size_t length = strlen(name);
    const char *line = strstr(head, "\r\n");

    for (; line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1;
    }
    return NULL;
}

static void client_refuse(struct client *c, const char *status)
{
    evbuffer_add_printf(bufferevent_get_output(c->bev),
                        "HTTP/1.1 %s\r\ncontent-length: 0\r\n\r\n", status);
}

/* Takes one request from the input if it is all there. False: wait. */
static bool client_read_one(struct client *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    static char head[HEAD_MAX + 1];

    if (end.pos < 0 || (size_t)end.pos + 4 > HEAD_MAX)
        return false;
    size_t head_length = (size_t)end.pos + 4;
    evbuffer_copyout(in, head, head_length);
    head[head_length] = '\0';
    const char *field = head_field(head, "content-length");
    size_t length = field != NULL ? strtoul(field, NULL, 10) : 0;
    if (length > BODY_MAX || evbuffer_get_length(in) < head_length + length)
        return false;
    evbuffer_drain(in, head_length);
    char *body = calloc(1, length + 1);
    if (body == NULL)
        abort();
    evbuffer_remove(in, body, length);

    char *space = strchr(head, ' ');
    const char *path = space != NULL ? space + 1 : "";
    if (strncmp(head, "GET /bench/stats ", 17) == 0)
        client_send_stats(c);
    else if (strncmp(head, "GET ", 4) == 0)
        client_refuse(c, "200 OK"); /* health checks */
    else if (head_field(head, "transfer-encoding") != NULL)
        client_refuse(c, "501 Not Implemented");
    else
        client_begin(c, path, body);
    free(body);
    return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct client *c = arg;

    (void)bev;
    while (c->state == STATE_READING && client_read_one(c))
        ;
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct client *c = arg;

    (void)bev;
    if (c->state == STATE_STREAMING && !c->plan.silent &&
        c->due <= now_ms(CLOCK_MONOTONIC))
        client_stream_on(c);
}

static void on_closed(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    client_free(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;

    (void)fd;
    (void)what;
    if (c->state == STATE_WAITING)
        client_answer(c);
    else if (c->state == STATE_STREAMING)
        client_stream_on(c);
    else if (c->state == STATE_CUTTING)
        client_free(c);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *address, int length, void *arg)
{
    struct client *c = calloc(1, sizeof *c);
    int one = 1;

    (void)listener;
    (void)address;
    (void)length;
    (void)arg;
    if (c == NULL)
        abort();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    c->timer = evtimer_new(base, on_timer, c);
    if (c->bev == NULL || c->timer == NULL)
        abort();
    bufferevent_setcb(c->bev, on_read, on_write, on_closed, c);
    bufferevent_setwatermark(c->bev, EV_WRITE, PENDING_MAX / 2, 0);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    stats.accepted++;
    stats.connections++;
}

static void plain_body_fill(void)
{
    static const char start[] =
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\","
        "\"created\":1700000000,\"model\":\"bench\",\"choices\":[{\"index\":0,"
        "\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\","
        "\"content\":\"";
    static const char end[] =
        "\"}}],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":180,"
        "\"total_tokens\":300}}";

    memset(plain_body, 'x', PLAIN_BODY);
    memcpy(plain_body, start, strlen(start));
    memcpy(plain_body + PLAIN_BODY - strlen(end), end, strlen(end));
    memset(event_filler, 'y', EVENT_MAX);
}

/* "ADDRESS:PORT", IPv4. libevent's own parser refuses port 0. */
static struct evconnlistener *listen_on(const char *where)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(where, ':');
    char host[INET_ADDRSTRLEN];

    if (colon == NULL || (size_t)(colon - where) >= sizeof host)
        return NULL;
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return NULL;
    return evconnlistener_new_bind(
        base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024,
        (struct sockaddr *)&address, sizeof address);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
    struct event_config *config = event_config_new();
    struct sockaddr_in bound;
    socklen_t length = sizeof bound;

    if (argc != 2) {
        fprintf(stderr, "usage: bench-backend ADDRESS:PORT (port 0: any)\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    plain_body_fill();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    base = event_base_new_with_config(config);
    event_config_free(config);
    struct evconnlistener *listener = listen_on(argv[1]);
    if (listener == NULL) {
        perror(argv[1]);
        return 1;
    }
    struct event *stop = evsignal_new(base, SIGTERM, on_signal, NULL);
    event_add(stop, NULL);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&bound,
                &length);
    printf("{\"kind\":\"listening\",\"port\":%u}\n", ntohs(bound.sin_port));
    fflush(stdout);
    event_base_dispatch(base);
    event_free(stop);
    evconnlistener_free(listener);
    event_base_free(base);
    return 0;
}
