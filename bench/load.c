/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-load: a mutual-TLS client that makes load and says what came back, as
 * JSON lines on standard output. One thread, one epoll, OpenSSL straight on
 * the sockets.
 *
 *   warm       C connections, R requests over them, one after the other
 *   handshake  a new connection with a full handshake for each request
 *   stream     streamed answers; one line for each when there is one a
 *              connection: when its first and last byte came, how it ended
 *   hold       the same with a model that stays silent after the head
 *   idle       one request on each connection, then it stays open
 *
 * {"kind":"ready"} comes once all connections are there (and all streams have
 * their head). hold and idle end when the other side closes everything, after
 * --duration, or on SIGTERM. Times of streams are ms UTC with fractions. A
 * process of its own, talking to proxies that we run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/answer.h"

#define READ_SIZE   16384
#define OPENING_MAX 32    /* handshakes at the same time */
#define LINGER_MS   300   /* for the close behind the last stream's end */
#define STALL_MS    30000 /* nothing moves for so long: give up */

struct mode {
    const char *name;
    bool stream;
    bool fresh; /* a new connection for each request */
    bool silent;
    bool idle;
};

static const struct mode modes[] = {
    {.name = "warm"},
    {.name = "handshake", .fresh = true},
    {.name = "stream", .stream = true},
    {.name = "hold", .stream = true, .silent = true},
    {.name = "idle", .idle = true},
};

static struct {
    const struct mode *mode;
    const char *to, *cert, *key, *ca, *path, *model, *prompt, *answers, *tls;
    long connections, requests, body_bytes, duration, pause;
} options = {.to = NULL,
             .path = "/v1/chat/completions",
             .model = "orion",
             .prompt = "",
             .tls = "1.3",
             .connections = 1,
             .requests = 0,
             .body_bytes = 700};

enum state {
    STATE_HANDSHAKE,
    STATE_PAUSING, /* until `due` */
    STATE_WRITING,
    STATE_READING,
    STATE_HOLDING, /* its work is done, the connection stays */
    STATE_CLOSED
};

struct conn {
    int fd;
    SSL *ssl;
    enum state state;
    size_t written;
    uint64_t began;             /* ns, of the request (or of the connection) */
    uint64_t due;               /* ns, STATE_PAUSING */
    double first, last, closed; /* ms UTC, 0: not yet */
    bool counted_open, peer_closed;
    struct answer answer;
};

static struct {
    unsigned long ok, refused, handshakes, events, reconnects;
    unsigned long errors_connect, errors_handshake, errors_write, errors_read;
    unsigned long statuses[600];
    uint64_t body_bytes;
    uint32_t *latency; /* µs */
    size_t latencies;
} totals;

static SSL_CTX *tls;
static int poller;
static struct sockaddr_storage target;
static socklen_t target_length;
static char target_host[64];
static char *request;
static size_t request_length;
static struct conn *conns;
static long issued, opening, streaming;
static volatile sig_atomic_t stopping;
static uint64_t last_move;
static FILE *answers_file;

static void die(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

static void conn_next(struct conn *c);

static void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One stream for each connection: then each is told about and lingers. */
static bool streams_told(void)
{
    return options.mode->stream && options.requests == options.connections;
}

static void stream_print(const struct conn *c)
{
    const struct answer *a = &c->answer;
    char code[64];

    answer_code(a, code);
    printf("{\"kind\":\"stream\",\"id\":%ld,\"status\":%d,\"events\":%u,"
           "\"bytes\":%llu,\"first\":%.3f,\"last\":%.3f,\"closed\":%.3f,"
           "\"done\":%s,\"error\":%s,\"complete\":%s,\"code\":\"%s\"}\n",
           (long)(c - conns), a->status, a->events,
           (unsigned long long)a->bytes, c->first, c->last, c->closed,
           answer_says_done(a) ? "true" : "false",
           answer_says_error(a) ? "true" : "false",
           a->step == ANSWER_DONE ? "true" : "false", code);
}

/* Ends the connection; `ours` says that we want to, not the peer. */
static void conn_close(struct conn *c, bool ours)
{
    if (c->state == STATE_HANDSHAKE)
        opening--;
    if (!ours && c->closed == 0)
        c->closed = wall_ms();
    c->peer_closed = !ours;
    if (ours && c->state != STATE_HANDSHAKE)
        SSL_shutdown(c->ssl);
    ERR_clear_error();
    SSL_free(c->ssl);
    close(c->fd);
    c->fd = -1;
    c->ssl = NULL;
    c->state = STATE_CLOSED;
}

/* A request without an answer. It counts as made; the next one follows. */
static void conn_fail(struct conn *c, unsigned long *counter)
{
    (*counter)++;
    conn_close(c, false);
    if (!streams_told() && !options.mode->idle)
        conn_next(c);
}

static void answer_write_line(const struct conn *c)
{
    const char *receipt = answer_field(&c->answer, "x-sallyport-receipt");
    size_t length = receipt != NULL ? strcspn(receipt, "\r\n") : 1;
    char code[64];

    answer_code(&c->answer, code);
    fprintf(answers_file, "%d %.*s %s %d\n", c->answer.status, (int)length,
            receipt != NULL ? receipt : "-", code[0] != '\0' ? code : "-",
            c->answer.step == ANSWER_DONE);
}

static void answer_count(struct conn *c)
{
    const struct answer *a = &c->answer;

    totals.statuses[a->status]++;
    totals.ok += a->status < 300;
    totals.refused += a->status >= 300;
    totals.events += a->events;
    totals.body_bytes += a->bytes;
    if (totals.latencies < (size_t)options.requests)
        totals.latency[totals.latencies++] =
            (uint32_t)((now_ns() - c->began) / 1000);
    if (answers_file != NULL)
        answer_write_line(c);
}

/* The answer is complete. */
static void conn_finish(struct conn *c)
{
    answer_count(c);
    if (streams_told() || options.mode->idle) {
        c->state = STATE_HOLDING;
        return;
    }
    if (options.mode->fresh || c->answer.closes)
        conn_close(c, true);
    conn_next(c);
}

/* Starts the connection's next request, or ends it when all are made. */
static void conn_next(struct conn *c)
{
    if (issued >= options.requests || stopping) {
        if (c->state != STATE_CLOSED)
            conn_close(c, true);
        return;
    }
    if (options.pause > 0)
        c->due = now_ns() + (uint64_t)options.pause * 1000000u;
    if (c->state == STATE_CLOSED) {
        totals.reconnects += !options.mode->fresh;
        return; /* conns_advance() opens it */
    }
    issued++;
    answer_reset(&c->answer);
    c->written = 0;
    c->state = STATE_PAUSING;
}

/* The steps return true when they got on and the next one may be tried. */
static bool conn_step_handshake(struct conn *c)
{
    int r = SSL_do_handshake(c->ssl);
    int error = SSL_get_error(c->ssl, r);

    if (r == 1) {
        totals.handshakes++;
        opening--;
        c->state = STATE_PAUSING;
        conn_next(c);
        return true;
    }
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return false;
    issued++;
    conn_fail(c, error == SSL_ERROR_SYSCALL ? &totals.errors_connect
                                            : &totals.errors_handshake);
    return false;
}

static bool conn_step_pause(struct conn *c)
{
    uint64_t now = now_ns();

    if (c->due > now)
        return false;
    if (!options.mode->fresh)
        c->began = now;
    c->state = STATE_WRITING;
    return true;
}

static bool conn_step_write(struct conn *c)
{
    int r = SSL_write(c->ssl, request + c->written,
                      (int)(request_length - c->written));
    int error = SSL_get_error(c->ssl, r);

    if (r > 0) {
        c->written += (size_t)r;
        if (c->written == request_length)
            c->state = STATE_READING;
        return true;
    }
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return false;
    conn_fail(c, &totals.errors_write);
    return false;
}

static void conn_take(struct conn *c, const char *data, size_t length)
{
    double now = wall_ms();

    if (c->first == 0)
        c->first = now;
    c->last = now;
    answer_feed(&c->answer, data, length);
    if (c->answer.step > ANSWER_HEAD && !c->counted_open &&
        !options.mode->idle) {
        c->counted_open = true;
        streaming++;
    }
    if (c->answer.step == ANSWER_BAD)
        conn_fail(c, &totals.errors_read);
    else if (c->answer.step == ANSWER_DONE)
        conn_finish(c);
}

static void conn_step_eof(struct conn *c)
{
    bool until_close = c->answer.step == ANSWER_BODY && c->answer.left < 0;

    if (c->state == STATE_HOLDING) {
        conn_close(c, false);
        return;
    }
    if (until_close && SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN) {
        answer_count(c);
        conn_close(c, false);
        if (!streams_told())
            conn_next(c);
        return;
    }
    conn_fail(c, &totals.errors_read);
}

static bool conn_step_read(struct conn *c)
{
    static char data[READ_SIZE];
    int r = SSL_read(c->ssl, data, sizeof data);
    int error = SSL_get_error(c->ssl, r);

    if (r > 0 && c->state == STATE_READING) {
        conn_take(c, data, (size_t)r);
        return c->state != STATE_CLOSED;
    }
    if (r > 0) { /* bytes behind the end of an answer */
        c->last = wall_ms();
        return true;
    }
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return false;
    conn_step_eof(c);
    return false;
}

static void conn_step(struct conn *c)
{
    bool again = true;

    last_move = now_ns();
    while (again) {
        ERR_clear_error();
        switch (c->state) {
        case STATE_HANDSHAKE:
            again = conn_step_handshake(c);
            break;
        case STATE_WRITING:
            again = conn_step_write(c);
            break;
        case STATE_PAUSING:
            again = conn_step_pause(c);
            break;
        case STATE_READING:
        case STATE_HOLDING:
            again = conn_step_read(c);
            break;
        case STATE_CLOSED:
            again = false;
            break;
        }
    }
}

static void conn_open(struct conn *c)
{
    struct epoll_event ev = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    int one = 1;

    answer_reset(&c->answer);
    c->began = now_ns();
    c->fd =
        socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&target, target_length) != 0 &&
        errno != EINPROGRESS && errno != ECONNREFUSED)
        die("connect: %s", strerror(errno));
    c->ssl = SSL_new(tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
        die("SSL_new");
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), target_host);
    SSL_set_connect_state(c->ssl);
    c->state = STATE_HANDSHAKE;
    opening++;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &ev) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

/* Whether a closed connection is to be opened (again). */
static bool conn_wanted(const struct conn *c, uint64_t now)
{
    bool once = streams_told() || options.mode->idle;

    return c->state == STATE_CLOSED && c->due <= now && !stopping &&
           opening < OPENING_MAX && issued + opening < options.requests &&
           !(once && c->began != 0);
}

/* Opens what is to be open and wakes what has paused long enough. */
static void conns_advance(void)
{
    uint64_t now = now_ns();

    for (long i = 0; i < options.connections; i++) {
        struct conn *c = &conns[i];

        if (conn_wanted(c, now)) {
            conn_open(c);
            conn_step(c);
        } else if (c->state == STATE_PAUSING && c->due <= now) {
            conn_step(c);
        }
    }
}

/* How many connections are in a state that ends by itself; and held ones. */
static void conns_count(long *busy, long *held)
{
    *busy = *held = 0;
    for (long i = 0; i < options.connections; i++) {
        if (conns[i].state == STATE_HOLDING)
            (*held)++;
        else if (conns[i].state != STATE_CLOSED)
            (*busy)++;
    }
}

/* All connections are there: what is measured from here on holds none of
 * their handshakes. */
static bool ready_now(long held)
{
    if (options.mode->idle)
        return held == options.connections;
    if (options.mode->stream)
        return streaming == options.connections;
    return totals.handshakes >= (unsigned long)options.connections;
}

static void ready_print(void)
{
    unsigned long events = totals.events;

    for (long i = 0; i < options.connections; i++)
        if (conns[i].state == STATE_READING)
            events += conns[i].answer.events;
    printf("{\"kind\":\"ready\",\"at\":%.3f,\"answers\":%lu,\"events\":%lu}\n",
           wall_ms(), totals.ok + totals.refused, events);
    fflush(stdout);
}

/* True when there is nothing left to wait for. */
static bool run_over(long busy, long held, uint64_t begin)
{
    static uint64_t quiet_since;
    uint64_t now = now_ns();
    uint64_t limit = (uint64_t)options.duration * 1000000u;

    if (stopping || (limit > 0 && now - begin > limit))
        return true;
    if (limit == 0 && now - last_move > STALL_MS * 1000000ull)
        return true;
    if (busy > 0 || issued < options.requests) {
        quiet_since = 0;
        return false;
    }
    if (held == 0)
        return true;
    if (options.mode->idle)
        return false;
    if (quiet_since == 0)
        quiet_since = now;
    return now - quiet_since > LINGER_MS * 1000000u;
}

static void run(void)
{
    struct epoll_event events[256];
    uint64_t begin = now_ns();
    bool told = false;
    long busy, held;

    last_move = begin;
    do {
        conns_advance();
        int n = epoll_wait(poller, events, 256, options.pause > 0 ? 1 : 10);
        for (int i = 0; i < n; i++)
            conn_step(events[i].data.ptr);
        conns_count(&busy, &held);
        if (!told && ready_now(held)) {
            told = true;
            ready_print();
        }
    } while (!run_over(busy, held, begin));
}

static int compare_latency(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t percentile(double share)
{
    if (totals.latencies == 0)
        return 0;
    return totals.latency[(size_t)(share * (double)(totals.latencies - 1))];
}

static void summary_print(double seconds)
{
    unsigned long errors = totals.errors_connect + totals.errors_handshake +
                           totals.errors_write + totals.errors_read;
    unsigned long closed = 0;
    const char *comma = "";

    for (long i = 0; i < options.connections; i++)
        closed += conns[i].peer_closed;
    qsort(totals.latency, totals.latencies, sizeof *totals.latency,
          compare_latency);
    printf(
        "{\"kind\":\"summary\",\"mode\":\"%s\",\"ok\":%lu,\"refused\":%lu,"
        "\"errors\":%lu,\"errors_connect\":%lu,\"errors_handshake\":%lu,"
        "\"errors_write\":%lu,\"errors_read\":%lu,\"handshakes\":%lu,"
        "\"reconnects\":%lu,\"events\":%lu,\"bytes\":%llu,\"peer_closed\":%lu,"
        "\"seconds\":%.3f,\"p50_us\":%u,\"p90_us\":%u,\"p99_us\":%u,"
        "\"max_us\":%u,\"statuses\":{",
        options.mode->name, totals.ok, totals.refused, errors,
        totals.errors_connect, totals.errors_handshake, totals.errors_write,
        totals.errors_read, totals.handshakes, totals.reconnects, totals.events,
        (unsigned long long)totals.body_bytes, closed, seconds, percentile(0.5),
        percentile(0.9), percentile(0.99), percentile(1));
    for (int i = 0; i < 600; i++) {
        if (totals.statuses[i] == 0)
            continue;
        printf("%s\"%d\":%lu", comma, i, totals.statuses[i]);
        comma = ",";
    }
    printf("}}\n");
}

/* The body: the prompt, then filler up to the size that was asked for. */
static char *body_new(void)
{
    bool responses = strncmp(options.path, "/v1/responses", 13) == 0;
    char *filler, *body = NULL;
    size_t spare = (size_t)options.body_bytes;

    if (asprintf(&filler, "%*s", (int)spare, "") < 0)
        die("out of memory");
    memset(filler, 'z', spare);
    for (size_t fill = 0, tries = 0; tries < 2; tries++) {
        free(body);
        int length = asprintf(
            &body, "{\"model\":\"%s\",%s%s%s %.*s%s%s}", options.model,
            responses ? "\"input\":\""
                      : "\"max_tokens\":256,\"messages\":[{\"role\":\"user\","
                        "\"content\":\"",
            options.prompt, options.mode->silent ? "bench:silent=1" : "",
            (int)fill, filler, responses ? "\"" : "\"}]",
            options.mode->stream ? ",\"stream\":true" : "");
        if (length < 0)
            die("out of memory");
        fill = (size_t)length < spare ? spare - (size_t)length : 0;
    }
    free(filler);
    return body;
}

static void request_make(void)
{
    char *body = body_new();
    int length = asprintf(&request,
                          "POST %s HTTP/1.1\r\nhost: %s\r\n"
                          "content-type: application/json\r\n"
                          "accept: %s\r\nuser-agent: bench-load\r\n"
                          "content-length: %zu\r\n\r\n%s",
                          options.path, options.to,
                          options.mode->stream ? "text/event-stream"
                                               : "application/json",
                          strlen(body), body);

    if (length < 0)
        die("out of memory");
    request_length = (size_t)length;
    free(body);
}

static void target_parse(void)
{
    struct sockaddr_in *a = (struct sockaddr_in *)&target;
    const char *colon = options.to != NULL ? strrchr(options.to, ':') : NULL;

    if (colon == NULL || (size_t)(colon - options.to) >= sizeof target_host)
        die("--to needs ADDRESS:PORT");
    memcpy(target_host, options.to, (size_t)(colon - options.to));
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, target_host, &a->sin_addr) != 1)
        die("--to: %s is not an IPv4 address", target_host);
    target_length = sizeof *a;
}

static void tls_make(void)
{
    tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || options.cert == NULL || options.key == NULL ||
        options.ca == NULL)
        die("--cert, --key and --ca are needed");
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(
        tls, strcmp(options.tls, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_use_certificate_chain_file(tls, options.cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options.key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(tls, options.ca, NULL) != 1)
        die("certificate, key or anchors");
}

static const struct mode *mode_find(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    die("--mode: warm, handshake, stream, hold or idle");
}

static void options_parse(int argc, char **argv)
{
    static const struct option names[] = {
        {"to", required_argument, NULL, 't'},
        {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"ca", required_argument, NULL, 'a'},
        {"mode", required_argument, NULL, 'm'},
        {"path", required_argument, NULL, 'P'},
        {"model", required_argument, NULL, 'M'},
        {"prompt", required_argument, NULL, 'p'},
        {"answers", required_argument, NULL, 'A'},
        {"tls", required_argument, NULL, 'T'},
        {"connections", required_argument, NULL, 'C'},
        {"requests", required_argument, NULL, 'R'},
        {"body-bytes", required_argument, NULL, 'B'},
        {"duration", required_argument, NULL, 'D'},
        {"pause", required_argument, NULL, 'S'},
        {NULL, 0, NULL, 0}};
    const struct {
        int letter;
        const char **text;
        long *number;
    } places[] = {
        {'t', &options.to, NULL},       {'c', &options.cert, NULL},
        {'k', &options.key, NULL},      {'a', &options.ca, NULL},
        {'P', &options.path, NULL},     {'M', &options.model, NULL},
        {'p', &options.prompt, NULL},   {'A', &options.answers, NULL},
        {'T', &options.tls, NULL},      {'C', NULL, &options.connections},
        {'R', NULL, &options.requests}, {'B', NULL, &options.body_bytes},
        {'D', NULL, &options.duration}, {'S', NULL, &options.pause}};
    int letter;

    options.mode = &modes[0];
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (letter == '?')
            exit(2);
        if (letter == 'm')
            options.mode = mode_find(optarg);
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            if (places[i].letter != letter)
                continue;
            if (places[i].text != NULL)
                *places[i].text = optarg;
            else
                *places[i].number = strtol(optarg, NULL, 10);
        }
    }
    if (options.requests == 0 || options.mode->idle || options.mode->silent)
        options.requests = options.connections;
    if (options.connections < 1 || options.requests < options.connections)
        die("--connections at least 1, --requests at least as many");
}

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void conns_make(void)
{
    conns = calloc((size_t)options.connections, sizeof *conns);
    totals.latency = calloc((size_t)options.requests, sizeof *totals.latency);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (conns == NULL || totals.latency == NULL || poller < 0)
        die("out of memory or descriptors");
    for (long i = 0; i < options.connections; i++) {
        conns[i].fd = -1;
        conns[i].state = STATE_CLOSED;
    }
    if (options.answers != NULL &&
        (answers_file = fopen(options.answers, "w")) == NULL)
        die("%s: %s", options.answers, strerror(errno));
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    options_parse(argc, argv);
    target_parse();
    tls_make();
    request_make();
    conns_make();

    uint64_t begin = now_ns();
    run();
    double seconds = (double)(now_ns() - begin) / 1e9;
    for (long i = 0; streams_told() && i < options.connections; i++)
        stream_print(&conns[i]);
    summary_print(seconds);
    if (answers_file != NULL)
        fclose(answers_file);
    for (long i = 0; i < options.connections; i++)
        if (conns[i].state != STATE_CLOSED)
            conn_close(&conns[i], true);
    SSL_CTX_free(tls);
    return 0;
}
