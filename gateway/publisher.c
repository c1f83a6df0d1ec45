/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publisher: hands the revocation lists of the deployment's authority to
 * whoever asks, over plain HTTP as such lists are published (they are signed).
 * What it reads is a stranger's (gateway/plain_http.c reads it); so it has no
 * key, no file and no way to connect, and holds nothing but two lists.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/authority_messages.h"
#include "gateway/plain_http.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "lib/channel.h"
#include "lib/file.h"
#include "lib/log.h"

#define LIST_MAX    (64u << 20)
#define CONNECTIONS 256
/* Descriptors beside those. */
#define OTHER_FILES 32
#define HEAD_MS     10000
#define IDLE_MS     10000
/* 64 MiB over a line of 1 Mbit/s. */
#define TOTAL_MS 600000

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

/* The same bytes for everybody, however many ask and read slowly; those of a
 * list that is replaced live as long as somebody reads them. */
static bool on_ask(void *arg, const char *path, struct plain_answer *a)
{
    (void)arg;
    for (size_t i = 0; i < PUBLISHED_LISTS; i++)
        if (lists[i].der != NULL && strcmp(path, lists[i].path) == 0)
            *a = (struct plain_answer){.status = 200,
                                       .type = "application/pkix-crl",
                                       .cache = "max-age=60",
                                       .body = lists[i].der};
    return true;
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

static int server_start(int fd)
{
    const struct plain_http_plan plan = {.connections = CONNECTIONS,
                                         .head_ms = HEAD_MS,
                                         .idle_ms = IDLE_MS,
                                         .total_ms = TOTAL_MS,
                                         .ask = on_ask};

    return plain_http_new(base, fd, &plan) != NULL ? 0 : SP_ENOMEM;
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
        (r = role_sandbox(start, NULL, 0, CONNECTIONS + OTHER_FILES,
                          &report)) != 0)
        return role_failed(start, true, "publisher: %s", sp_strerror(r));
    channel = channel_new(base, start->channel, on_message, role_closed, NULL);
    if (channel == NULL || role_ready(start) != 0)
        return role_failed(start, true, "publisher: no channel");
    event_base_dispatch(base);
    fatal("event_loop", "error=%s", log_quote("ended by itself"));
}
