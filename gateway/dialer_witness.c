/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger's witnesses are asked: one HTTP request for each, over a
 * connection of its own, within a time limit. Runs in the dialer, since nobody
 * else may connect, and since a witness's bytes are a stranger's: they are read
 * strictly, bounded, and handed to the keeper as they are. The keeper is
 * trusted with what is asked, not with whom: witnesses are those of the
 * settings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/dialer_parts.h"
#include "lib/log.h"

/* Two for each witness: a late one may still run when the next is asked. */
#define POSTS_MAX (2 * SETTINGS_WITNESSES_MAX)

/* One witness that is asked; it dies with its call. */
struct post {
    struct dialer *dialer;
    uint64_t ticket;
    const struct settings_witness *witness;
    uint8_t body[WITNESS_ANSWER_MAX];
    size_t length;
};

static void keeper_answer(struct dialer *d, const struct answer_witness *v)
{
    static uint8_t data[WITNESS_ANSWER_MAX + 64];
    struct client *c = &d->witnesses.client;
    size_t length;
    int r = answer_witness_put(v, data, sizeof(data), &length);

    if (c->channel == NULL)
        return;
    if (r == 0)
        r = channel_send(c->channel, data, length, NULL, 0);
    if (r != 0)
        log_warn("keeper_does_not_listen", "error=%s",
                 log_quote(sp_strerror(r)));
}

static int post_body(void *arg, const uint8_t *data, size_t length)
{
    struct post *p = arg;
    size_t room = sizeof(p->body) - p->length;
    size_t n = length < room ? length : room;

    memcpy(p->body + p->length, data, n);
    p->length += n;
    return length > room ? SP_ETOOBIG : 0;
}

/* Of an answer that is too long, the status and the beginning count. */
static void post_done(void *arg, int error, uint16_t status)
{
    struct post *p = arg;
    struct answer_witness v = {.ticket = p->ticket, .error = error};

    if (error == 0 || error == SP_ETOOBIG) {
        v.error = 0;
        v.status = status;
        v.body = p->body;
        v.length = p->length;
    } else {
        log_info("witness_not_asked", "witness=%s error=%s",
                 log_quote(p->witness->name), log_quote(sp_strerror(error)));
    }
    keeper_answer(p->dialer, &v);
}

static int post_write(const struct policy_endpoint *e,
                      const struct ask_witness *ask, struct buf *out)
{
    int r = buf_printf(out, "POST %s/add-checkpoint HTTP/1.1\r\n",
                       e->scheme == ENDPOINT_UNIX ? "" : e->path);

    if (r == 0)
        r = http_call_host(e, out);
    if (r == 0)
        r = buf_printf(out,
                       "content-type: text/plain; charset=utf-8\r\n"
                       "content-length: %zu\r\n\r\n",
                       ask->length);
    return r == 0 ? buf_append(out, ask->body, ask->length) : r;
}

static int post_start(struct dialer *d, const struct ask_witness *ask)
{
    const struct settings *s = d->snapshot.settings;
    const struct settings_witness *w = &s->witnesses[ask->witness];
    struct post *p = calloc(1, sizeof(*p));
    struct buf request;
    struct http_call_plan plan = {
        .endpoint = &w->endpoint,
        .tls = d->witnesses.tls[ask->witness],
        .name = w->name,
        .limit_ms = s->witness_timeout_ms,
        .body = post_body,
        .done = post_done,
        .release = free,
        .arg = p,
    };
    int r = SP_ENOMEM;

    buf_init(&request, WITNESS_ASK_MAX + 2048);
    if (p != NULL) {
        p->dialer = d;
        p->ticket = ask->ticket;
        p->witness = w;
        r = post_write(&w->endpoint, ask, &request);
    }
    if (r == 0)
        r = http_call_start(&d->witnesses.client, &plan, &request);
    if (r != 0) {
        buf_release(&request);
        free(p);
    }
    return r;
}

static void witness_ask(struct dialer *d, const struct ask_witness *ask)
{
    struct answer_witness refused = {.ticket = ask->ticket};

    if (ask->witness >= d->snapshot.settings->nwitnesses)
        refused.error = SP_EPERM;
    else if (d->witnesses.client.ncalls >= POSTS_MAX)
        refused.error = SP_EAGAIN;
    else
        refused.error = post_start(d, ask);
    if (refused.error != 0)
        keeper_answer(d, &refused);
}

/* --- The keeper's channel --- */

static void on_keeper_message(void *arg, const uint8_t *data, size_t length,
                              int *fds, size_t nfds)
{
    struct dialer *d = arg;
    struct ask_witness ask;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds == 0 && ask_witness_get(&ask, data, length) == 0) {
        witness_ask(d, &ask);
        return;
    }
    log_error("keeper_broke_protocol", "type=%u", message_type(data, length));
    client_close(&d->witnesses.client);
}

static void on_keeper_closed(void *arg, int error)
{
    struct dialer *d = arg;

    (void)error; /* the supervisor knows why, and sends a new one */
    client_close(&d->witnesses.client);
}

void witnesses_channel(struct dialer *d, int fd)
{
    client_close(&d->witnesses.client);
    d->witnesses.client.dialer = d;
    d->witnesses.client.channel =
        channel_new(d->base, fd, on_keeper_message, on_keeper_closed, d);
    if (d->witnesses.client.channel == NULL)
        fatal("channel", "error=%s", log_quote("out of memory"));
}

int witnesses_init(struct dialer *d, char problem[256])
{
    const struct settings *s = d->snapshot.settings;

    for (size_t i = 0; i < s->nwitnesses; i++) {
        const struct settings_witness *w = &s->witnesses[i];
        char name[LIMIT_NAME_BYTES + 16], why[256] = "";
        const uint8_t *pem;
        size_t length;
        int r;

        if (w->endpoint.scheme != ENDPOINT_HTTPS)
            continue;
        snprintf(name, sizeof(name), "@witness/%s", w->name);
        r = fileset_get(d->snapshot.files, name, &pem, &length);
        if (r == 0)
            r = tls_client_new(pem, length, why, &d->witnesses.tls[i]);
        if (r != 0) {
            snprintf(problem, 256, "witness %s: %.180s", w->name,
                     why[0] != '\0' ? why : sp_strerror(r));
            return r;
        }
    }
    return 0;
}
