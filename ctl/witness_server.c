/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP side of a witness: POST /add-checkpoint and, for monitors,
 * GET /<hex SHA-256 of an origin>/checkpoint. Runs in `sallyport log witness`,
 * in a process of its own, never in the gateway. Requests are anybody's: they
 * are bounded in size, time and number here, and judged in ledger/witness.c.
 * Plain HTTP: what is said is public and what matters is signed; who wants TLS
 * puts a proxy in front.
 */
#include "ctl/witness_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/address.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sandbox.h"

#define IDLE_S       10 /* a client that neither sends nor reads */
#define HEAD_MAX     8192
#define CONNECTIONS  256
#define OTHER_FILES  16 /* our own */
#define STORE_FILES  4  /* kept back for storing, which opens two at a time */
#define ACCEPT_AGAIN 100000 /* µs */

struct server {
    struct witness *witness;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *again, *term, *interrupt;
    struct address address;
    int folder; /* of the state */
    int kept[STORE_FILES];
};

static struct server server; /* the listener's callbacks get evhttp's own */

static void reply(struct evhttp_request *req, unsigned status, const char *type,
                  const char *body, size_t length)
{
    struct evbuffer *out = evbuffer_new();

    if (out == NULL || evbuffer_add(out, body, length) != 0) {
        evhttp_send_error(req, 500, NULL);
    } else {
        struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
        evhttp_add_header(headers, "Content-Type", type);
        evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
        evhttp_send_reply(req, (int)status, NULL, out);
    }
    if (out != NULL)
        evbuffer_free(out);
}

static void reply_text(struct evhttp_request *req, unsigned status,
                       const char *text)
{
    reply(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* Only what a known log signed is worth a line; strangers must not fill it. */
static void answer_log(const struct witness_answer *a)
{
    const char *origin = log_quote(a->origin);
    unsigned long long size = a->size;

    if (a->fork)
        log_error("fork_seen", "origin=%s size=%llu what=%s", origin, size,
                  log_quote(a->why));
    else if (a->status == 200)
        log_info("cosigned", "origin=%s size=%llu", origin, size);
    else if (a->status == 500)
        log_error("not_cosigned", "origin=%s size=%llu what=%s", origin, size,
                  log_quote(a->why));
    else if (a->status == 409 || a->status == 422)
        log_warn("not_cosigned", "origin=%s size=%llu status=%u what=%s",
                 origin, size, a->status, log_quote(a->why));
}

/* Connections may have all descriptors but these: storing must not fail because
 * strangers are many. */
static void files_give(struct server *s)
{
    for (size_t i = 0; i < STORE_FILES; i++) {
        if (s->kept[i] >= 0)
            close(s->kept[i]);
        s->kept[i] = -1;
    }
}

static void files_take(struct server *s)
{
    for (size_t i = 0; i < STORE_FILES; i++)
        s->kept[i] = fcntl(s->folder, F_DUPFD_CLOEXEC, 0);
}

static void on_add_checkpoint(struct server *s, struct evhttp_request *req)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t length = evbuffer_get_length(in);
    struct witness_answer a;
    const char *body = length > 0 ? (const char *)evbuffer_pullup(in, -1) : "";

    if (body == NULL) {
        reply_text(req, 500, "out of memory\n");
        return;
    }
    files_give(s);
    witness_add_checkpoint(s->witness, body, length,
                           (uint64_t)(clock_wall_ms() / 1000), &a);
    files_take(s);
    answer_log(&a);
    reply(req, a.status, a.type, a.body, a.length);
}

/* "/<64 hex digits>/checkpoint" */
static void on_checkpoint(struct server *s, struct evhttp_request *req,
                          const char *path)
{
    char name[WITNESS_NAME_MAX], *note = NULL;
    size_t length;

    if (strlen(path) != 1 + 64 + strlen("/checkpoint") ||
        strcmp(path + 65, "/checkpoint") != 0) {
        reply_text(req, 404, "no such thing here\n");
        return;
    }
    memcpy(name, path + 1, 64);
    name[64] = '\0';
    files_give(s);
    int r = witness_latest(s->witness, name, &note, &length);
    files_take(s);
    if (r == 0)
        reply(req, 200, "text/plain; charset=utf-8", note, length);
    else if (r == SP_ENOENT)
        reply_text(req, 404, "nothing was cosigned of that\n");
    else
        reply_text(req, 500, "what is remembered does not add up\n");
    free(note);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct server *s = arg;
    const char *path = evhttp_request_get_uri(req);
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    bool post = strcmp(path, "/add-checkpoint") == 0;

    if (method == EVHTTP_REQ_POST && post) {
        on_add_checkpoint(s, req);
    } else if (method == EVHTTP_REQ_GET && !post) {
        on_checkpoint(s, req, path);
    } else {
        evhttp_add_header(evhttp_request_get_output_headers(req), "Allow",
                          post ? "POST" : "GET");
        reply_text(req, 405, "another method is wanted\n");
    }
}

/* No descriptor left: those who wait, wait, and the loop does not spin. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    static const struct timeval again = {.tv_usec = ACCEPT_AGAIN};

    (void)arg;
    evconnlistener_disable(listener);
    event_add(server.again, &again);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;

    (void)fd;
    (void)what;
    evconnlistener_enable(s->listener);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;

    (void)fd;
    (void)what;
    event_base_loopexit(s->base, NULL);
}

static int server_start(struct server *s)
{
    s->base = event_base_new();
    s->http = s->base == NULL ? NULL : evhttp_new(s->base);
    if (s->http == NULL)
        return SP_ENOMEM;
    evhttp_set_max_headers_size(s->http, HEAD_MAX);
    evhttp_set_max_body_size(s->http, WITNESS_BODY_MAX);
    evhttp_set_timeout(s->http, IDLE_S);
    evhttp_set_allowed_methods(
        s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                     EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS);
    evhttp_set_gencb(s->http, on_request, s);
    s->again = evtimer_new(s->base, on_accept_again, s);
    s->term = evsignal_new(s->base, SIGTERM, on_stop, s);
    s->interrupt = evsignal_new(s->base, SIGINT, on_stop, s);
    if (s->again == NULL || s->term == NULL || s->interrupt == NULL ||
        event_add(s->term, NULL) != 0 || event_add(s->interrupt, NULL) != 0)
        return SP_ENOMEM;
    return 0;
}

static int server_listen(struct server *s, const char *listen)
{
    int fd;

    if (address_parse(listen, &s->address) != 0 ||
        address_path(listen) != NULL) {
        fprintf(stderr,
                "sallyport log witness: --listen %s: expected ADDRESS:PORT\n",
                listen);
        return EXIT_MISUSED;
    }
    if ((fd = address_listen(&s->address)) < 0) {
        fprintf(stderr, "sallyport log witness: --listen %s: %s\n", listen,
                strerror(errno));
        return EXIT_FAILS;
    }
    struct evhttp_bound_socket *bound =
        evhttp_accept_socket_with_handle(s->http, fd);
    if (bound == NULL)
        return EXIT_FAILS;
    s->listener = evhttp_bound_socket_get_listener(bound);
    evconnlistener_set_error_cb(s->listener, on_accept_failed);
    return EXIT_HOLDS;
}

static void server_free(struct server *s)
{
    if (s->http != NULL)
        evhttp_free(s->http);
    if (s->again != NULL)
        event_free(s->again);
    if (s->term != NULL)
        event_free(s->term);
    if (s->interrupt != NULL)
        event_free(s->interrupt);
    if (s->base != NULL)
        event_base_free(s->base);
}

/* The process that reads what strangers send holds the witness's key: it can
 * reach nothing by name but the state, start nothing and connect nowhere. */
static int server_enclose(const struct server *s)
{
    const struct sandbox_path paths[] = {{.fd = s->folder, .writable = true}};
    const struct sandbox box = {
        .role = "witness",
        .groups =
            SANDBOX_BASE | SANDBOX_STREAM | SANDBOX_ACCEPT | SANDBOX_FILES,
        .paths = paths,
        .npaths = 1,
        .max_files = CONNECTIONS + OTHER_FILES + STORE_FILES,
    };
    struct sandbox_report report;
    int r = sandbox_enter(&box, &report);

    if (r == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport log witness: sandbox: %s\n", sp_strerror(r));
    return EXIT_FAILS;
}

static int server_announce(const struct server *s)
{
    char text[ADDRESS_TEXT];

    address_format(&s->address, text);
    printf("listening %s\n", text);
    return fflush(stdout) == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

int witness_serve(struct witness *w, int folder, const char *listen)
{
    struct server *s = &server;
    int status = EXIT_FAILS;

    s->witness = w;
    s->folder = folder;
    signal(SIGPIPE, SIG_IGN);
    log_open("witness", LOG_LEVEL_INFO);
    files_take(s);
    if (server_start(s) != 0)
        fputs("sallyport log witness: out of memory\n", stderr);
    else
        status = server_listen(s, listen);
    if (status == EXIT_HOLDS)
        status = server_enclose(s);
    if (status == EXIT_HOLDS)
        status = server_announce(s);
    if (status == EXIT_HOLDS && event_base_dispatch(s->base) < 0)
        status = EXIT_FAILS;
    files_give(s);
    server_free(s);
    return status;
}
