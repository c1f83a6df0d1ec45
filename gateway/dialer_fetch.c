/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What revocation needs from elsewhere: lists and responders' answers, over
 * plain HTTP as they are published. Runs in the dialer. URLs may come out of
 * certificates that strangers present, so the revoker is not believed where to
 * go: the policy's party names the URLs, or the hosts, that may be asked. What
 * comes is memory that the revoker gets sealed; nobody here looks into it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/dialer_parts.h"
#include "gateway/revocation_messages.h"
#include "lib/http_url.h"
#include "lib/log.h"

/* At the same time. The revoker asks for a few lists and, as people come, for
 * single certificates, and bounds both by party. */
#define FETCHES_MAX 512

struct fetch {
    struct dialer *dialer;
    uint64_t ticket;
    char url[REVOCATION_URL_MAX + 1];
    struct http_url parts;
    struct policy_endpoint endpoint; /* points to them */
    uint32_t most, length;
    int memory; /* -1: none */
};

static void revoker_answer(struct dialer *d, const struct answer_fetch *v,
                           int fd)
{
    struct client *c = &d->revoker;
    uint8_t data[64];
    size_t length;
    int r = answer_fetch_put(v, data, sizeof(data), &length);

    if (c->channel == NULL)
        return;
    if (r == 0)
        r = channel_send(c->channel, data, length, &fd, fd < 0 ? 0 : 1);
    if (r != 0)
        log_warn("revoker_does_not_listen", "error=%s",
                 log_quote(sp_strerror(r)));
}

static int fetch_body(void *arg, const uint8_t *data, size_t length)
{
    struct fetch *f = arg;

    if (length > f->most - f->length)
        return SP_ETOOBIG;
    while (length > 0) {
        ssize_t n = write(f->memory, data, length);

        if (n <= 0)
            return SP_EIO;
        f->length += (uint32_t)n;
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

static int memory_seal(int fd)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

    return fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : SP_EIO;
}

static void fetch_done(void *arg, int error, uint16_t status)
{
    struct fetch *f = arg;
    struct answer_fetch v = {.ticket = f->ticket, .error = error};

    if (error == 0 && status < 200)
        error = SP_EPROTO;
    if (error == 0)
        error = memory_seal(f->memory);
    v.error = error;
    v.status = status;
    v.length = error == 0 ? f->length : 0;
    if (error != 0)
        log_info("fetch_failed", "url=%s status=%u error=%s", log_quote(f->url),
                 status, log_quote(sp_strerror(error)));
    revoker_answer(f->dialer, &v, error == 0 ? f->memory : -1);
}

static void fetch_release(void *arg)
{
    struct fetch *f = arg;

    if (f->memory >= 0)
        close(f->memory);
    free(f);
}

static bool url_is_named(const struct policy_revocation *r, const char *url)
{
    for (size_t i = 0; i < r->nfetch; i++)
        if (strcmp(r->fetch[i], url) == 0)
            return true;
    return r->responder != NULL && strcmp(r->responder, url) == 0;
}

static int fetch_request(const struct fetch *f, const struct ask_fetch *ask,
                         struct buf *out)
{
    int r = buf_printf(out, "%s %s HTTP/1.1\r\n",
                       ask->length > 0 ? "POST" : "GET", f->endpoint.path);

    if (r == 0)
        r = http_call_host(&f->endpoint, out);
    if (r == 0 && ask->length > 0)
        r = buf_printf(out,
                       "content-type: application/ocsp-request\r\n"
                       "accept: application/ocsp-response\r\n"
                       "content-length: %zu\r\n\r\n",
                       ask->length);
    else if (r == 0)
        r = buf_append_text(out, "accept: */*\r\n\r\n");
    return r == 0 && ask->length > 0 ? buf_append(out, ask->body, ask->length)
                                     : r;
}

/* Where it goes, if it may go there. */
static int fetch_aim(struct fetch *f, const struct ask_fetch *ask)
{
    const struct policy *p = dialer_newest(f->dialer)->policy;
    const struct policy_revocation *rule;

    memcpy(f->url, ask->url, sizeof(f->url));
    if (ask->party >= p->nparties ||
        http_url_parse(f->url, strlen(f->url), &f->parts) != 0)
        return SP_EPERM;
    rule = &p->parties[ask->party].revocation;
    if (rule->mode == POLICY_REVOCATION_NONE ||
        (!url_is_named(rule, f->url) &&
         !policy_revocation_allows(rule, f->parts.host)))
        return SP_EPERM;
    f->endpoint = (struct policy_endpoint){.url = f->url,
                                           .scheme = ENDPOINT_HTTP,
                                           .host = f->parts.host,
                                           .port = f->parts.port,
                                           .path = f->parts.path};
    return 0;
}

static int fetch_start(struct dialer *d, const struct ask_fetch *ask)
{
    struct fetch *f = calloc(1, sizeof(*f));
    struct http_call_plan plan = {
        .limit_ms = ask->timeout_ms,
        .body = fetch_body,
        .done = fetch_done,
        .release = fetch_release,
        .arg = f,
    };
    struct buf request;
    int r;

    if (f == NULL)
        return SP_ENOMEM;
    f->dialer = d;
    f->ticket = ask->ticket;
    f->most = ask->most;
    f->memory = -1;
    buf_init(&request, REVOCATION_ASK_MAX + 2048);
    r = fetch_aim(f, ask);
    if (r != 0)
        log_warn("fetch_not_in_policy", "party=%u url=%s", ask->party,
                 log_quote(ask->url));
    plan.endpoint = &f->endpoint;
    plan.name = f->url;
    if (r == 0)
        r = file_memory("sallyport-fetch", &f->memory);
    if (r == 0)
        r = fetch_request(f, ask, &request);
    if (r == 0)
        r = http_call_start(&d->revoker, &plan, &request);
    if (r != 0) {
        buf_release(&request);
        fetch_release(f);
    }
    return r;
}

static void on_revoker_message(void *arg, const uint8_t *data, size_t length,
                               int *fds, size_t nfds)
{
    struct dialer *d = arg;
    struct answer_fetch refused = {0};
    struct ask_fetch ask;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds != 0 || ask_fetch_get(&ask, data, length) != 0) {
        log_error("revoker_broke_protocol", "type=%u",
                  message_type(data, length));
        client_close(&d->revoker);
        return;
    }
    refused.ticket = ask.ticket;
    refused.error =
        d->revoker.ncalls < FETCHES_MAX ? fetch_start(d, &ask) : SP_EAGAIN;
    if (refused.error != 0)
        revoker_answer(d, &refused, -1);
}

static void on_revoker_closed(void *arg, int error)
{
    struct dialer *d = arg;

    (void)error; /* the supervisor knows why, and sends a new one */
    client_close(&d->revoker);
}

void fetches_channel(struct dialer *d, int fd)
{
    client_close(&d->revoker);
    d->revoker.dialer = d;
    d->revoker.channel =
        channel_new(d->base, fd, on_revoker_message, on_revoker_closed, d);
    if (d->revoker.channel == NULL)
        fatal("channel", "error=%s", log_quote("out of memory"));
}

static bool host_needs_name(const char *host)
{
    char copy[HTTP_HOST_MAX + 1];
    struct policy_endpoint e = {.scheme = ENDPOINT_HTTP, .host = copy};

    snprintf(copy, sizeof(copy), "%s", host);
    return endpoint_needs_name(&e);
}

static bool url_needs_name(const char *url)
{
    struct http_url parts;

    return http_url_parse(url, strlen(url), &parts) == 0 &&
           host_needs_name(parts.host);
}

bool fetches_need_names(const struct policy *p)
{
    for (size_t i = 0; i < p->nparties; i++) {
        const struct policy_revocation *r = &p->parties[i].revocation;

        if (r->responder != NULL && url_needs_name(r->responder))
            return true;
        for (size_t j = 0; j < r->nhosts; j++)
            if (host_needs_name(r->hosts[j]))
                return true;
        for (size_t j = 0; j < r->nfetch; j++)
            if (url_needs_name(r->fetch[j]))
                return true;
    }
    return false;
}
