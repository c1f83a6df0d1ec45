/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publisher: hands the revocation lists of the deployment's authority to
 * whoever asks, over plain HTTP as such lists are published (they are signed).
 * What it reads is a stranger's, and libevent's HTTP server reads it; so it has
 * no key, no file and no way to connect, and holds nothing but two lists.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/authority_messages.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "lib/channel.h"
#include "lib/file.h"
#include "lib/log.h"

#define LIST_MAX    (64u << 20)
#define HEAD_BYTES  4096
#define TIMEOUT_S   10
#define CONNECTIONS 256
#define PAUSE_MS    200

enum { FD_FILES, FD_LISTENER };

struct list {
    const char *path;
    struct evbuffer *der; /* NULL: there is none */
};

static struct list lists[PUBLISHED_LISTS] = {
    [PUBLISHED_CA] = {.path = "/ca.crl"},
    [PUBLISHED_ROOT] = {.path = "/root.crl"},
};
static struct event_base *base;
static struct evconnlistener *listener;
static struct event *again;

static void answer(struct evhttp_request *q, const struct list *l)
{
    struct evkeyvalq *fields = evhttp_request_get_output_headers(q);
    struct evbuffer *body = evbuffer_new();

    evhttp_add_header(fields, "content-type", "application/pkix-crl");
    evhttp_add_header(fields, "cache-control", "max-age=60");
    evhttp_add_header(fields, "connection", "close");
    /* The same bytes for everybody, however many ask and read slowly; those of
     * a list that is replaced live as long as somebody reads them. */
    if (body == NULL || evbuffer_add_buffer_reference(body, l->der) != 0)
        evhttp_send_error(q, HTTP_SERVUNAVAIL, NULL);
    else
        evhttp_send_reply(q, HTTP_OK, "OK", body);
    if (body != NULL)
        evbuffer_free(body);
}

static void on_request(struct evhttp_request *q, void *arg)
{
    const char *uri = evhttp_request_get_uri(q);

    (void)arg;
    for (size_t i = 0; i < PUBLISHED_LISTS; i++)
        if (lists[i].der != NULL && strcmp(uri, lists[i].path) == 0) {
            answer(q, &lists[i]);
            return;
        }
    evhttp_send_error(q, HTTP_NOTFOUND, NULL);
}

static int accept_later(void)
{
    static const struct timeval pause = {.tv_usec = PAUSE_MS * 1000};

    return event_add(again, &pause);
}

/* Too many at once: the others wait in the kernel's queue. */
static void on_accept_error(struct evconnlistener *l, void *arg)
{
    (void)arg;
    (void)evconnlistener_disable(l);
    (void)accept_later();
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    (void)evconnlistener_enable(listener);
}

static void bytes_free(const void *data, size_t length, void *der)
{
    (void)data;
    (void)length;
    free(der);
}

static void list_take(enum published_list which, int fd)
{
    struct list *l = &lists[which];
    struct evbuffer *fresh = evbuffer_new();
    uint8_t *der = NULL;
    size_t length = 0;
    int r = file_read_fd(fd, LIST_MAX, &der, &length);

    close(fd);
    if (r == 0 &&
        (fresh == NULL ||
         evbuffer_add_reference(fresh, der, length, bytes_free, der) != 0)) {
        free(der);
        r = SP_ENOMEM;
    }
    if (r != 0) {
        log_error("list_not_read", "path=%s error=%s", l->path,
                  log_quote(sp_strerror(r)));
        if (fresh != NULL)
            evbuffer_free(fresh);
        return;
    }
    if (l->der != NULL)
        evbuffer_free(l->der);
    l->der = fresh;
    log_info("list_served", "path=%s bytes=%zu", l->path, length);
}

/* From the supervisor, which is trusted. */
static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct publish_message publish;

    (void)arg;
    switch (message_type(data, length)) {
    case MESSAGE_PUBLISH:
        if (nfds == 1 && publish_message_get(&publish, data, length) == 0) {
            list_take(publish.list, fds[0]);
            return;
        }
        break;
    default:
        break;
    }
    role_message_other(data, length, nfds);
}

/* Nothing that is asked needs a body, and no head needs a page. It accepts
 * nobody before the lists can have come: their descriptors need room. */
static int server_start(int fd)
{
    struct evhttp *http = evhttp_new(base);

    again = event_new(base, -1, 0, on_again, NULL);
    listener = evconnlistener_new(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DISABLED, 0, fd);
    if (http == NULL || again == NULL || listener == NULL ||
        evhttp_bind_listener(http, listener) == NULL)
        return SP_ENOMEM;
    evconnlistener_set_error_cb(listener, on_accept_error);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(http, HEAD_BYTES);
    evhttp_set_max_body_size(http, 0);
    evhttp_set_timeout(http, TIMEOUT_S);
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_gencb(http, on_request, NULL);
    return accept_later() == 0 ? 0 : SP_ENOMEM;
}

int publisher_main(struct role_start *start)
{
    struct sandbox_report report = {0};
    struct snapshot s;
    struct channel *channel;
    int r;

    if ((r = snapshot_from_fd(start->fds[FD_FILES], &s)) != 0)
        return role_failed(start, false, "publisher: snapshot: %s",
                           sp_strerror(r));
    role_log(start, s.settings->log_level);
    snapshot_release(&s);
    if ((base = event_base_new()) == NULL ||
        (r = server_start(start->fds[FD_LISTENER])) != 0 ||
        (r = role_sandbox(start, NULL, 0, CONNECTIONS, &report)) != 0)
        return role_failed(start, true, "publisher: %s", sp_strerror(r));
    channel = channel_new(base, start->channel, on_message, role_closed, NULL);
    if (channel == NULL || role_ready(start) != 0)
        return role_failed(start, true, "publisher: no channel");
    event_base_dispatch(base);
    fatal("event_loop", "error=%s", log_quote("ended by itself"));
}
