/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the answers of a model's endpoint. Runs in a worker. The endpoint is
 * the developer's own, but its answers pass on what a model wrote: trusted to
 * speak HTTP, not to be harmless, and read as strictly as a stranger.
 */
#include "gateway/http1_client.h"

#include <string.h>
#include <strings.h>

#include "lib/limits.h"

static struct http1_client *self(llhttp_t *parser)
{
    return parser->data;
}

static int on_field_name(llhttp_t *parser, const char *at, size_t length)
{
    struct http1_client *h = self(parser);

    for (size_t i = 0; i < length && h->name_length < sizeof(h->name); i++) {
        char c = at[i];

        h->name[h->name_length++] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
    }
    return 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t length)
{
    struct http1_client *h = self(parser);
    size_t room = sizeof(h->value) - 1 - h->value_length;
    size_t n = length < room ? length : room;

    memcpy(h->value + h->value_length, at, n);
    h->value_length = (uint8_t)(h->value_length + n);
    return 0;
}

static bool name_is(const struct http1_client *h, const char *name)
{
    return h->name_length == strlen(name) &&
           memcmp(h->name, name, h->name_length) == 0;
}

/* The value up to its parameters. */
static bool value_is(const struct http1_client *h, const char *word)
{
    size_t length = strlen(word);

    return h->value_length >= length &&
           strncasecmp(h->value, word, length) == 0 &&
           (h->value[length] == '\0' || strchr("; \t", h->value[length]));
}

static bool value_is_exactly(const struct http1_client *h, const char *word)
{
    return strcasecmp(h->value, word) == 0;
}

/* Of two types, one must be wrong, and readers differ in which. */
static void type_read(struct http1_client *h)
{
    if (h->typed)
        h->head.type = UPSTREAM_OTHER;
    else if (value_is(h, "application/json"))
        h->head.type = UPSTREAM_JSON;
    else if (value_is(h, "text/event-stream"))
        h->head.type = UPSTREAM_EVENTS;
    h->typed = true;
}

/* Only a small number of seconds is passed on: a date or a long wait would
 * make clients give up (docs/request.md). */
static int value_seconds(const struct http1_client *h)
{
    int seconds = 0;

    if (h->value_length == 0 || h->value_length > 2)
        return 0;
    for (unsigned i = 0; i < h->value_length; i++) {
        if (h->value[i] < '0' || h->value[i] > '9')
            return 0;
        seconds = seconds * 10 + (h->value[i] - '0');
    }
    return seconds <= 60 ? seconds : 0;
}

static int on_field_end(llhttp_t *parser)
{
    struct http1_client *h = self(parser);

    h->value[h->value_length] = '\0';
    if (name_is(h, "content-type"))
        type_read(h);
    else if (name_is(h, "content-encoding"))
        h->head.encoded |= !value_is_exactly(h, "identity");
    else if (name_is(h, "transfer-encoding")) /* llhttp takes lists, too */
        h->head.encoded |= !value_is_exactly(h, "chunked");
    else if (name_is(h, "retry-after"))
        h->head.retry_after = value_seconds(h);
    h->name_length = h->value_length = 0;
    /* Trailers come here too, and are dropped. */
    return ++h->fields > LIMIT_HEAD_FIELDS ? HPE_USER : 0;
}

static int on_head(llhttp_t *parser)
{
    struct http1_client *h = self(parser);

    h->head.status = parser->status_code;
    h->interim = h->head.status < 200;
    if (h->head.status < 100 || h->head.status == 101)
        return HPE_USER;
    if (h->interim)
        return 0;
    h->headed = true;
    h->head.content_length = (parser->flags & F_CONTENT_LENGTH) != 0
                                 ? (int64_t)parser->content_length
                                 : -1;
    if (h->head.content_length < -1)
        return HPE_USER;
    return h->calls->head(h->arg, &h->head) == 0 ? 0 : HPE_USER;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct http1_client *h = self(parser);

    return h->calls->body(h->arg, (const uint8_t *)at, length) == 0 ? 0
                                                                    : HPE_USER;
}

static int on_complete(llhttp_t *parser)
{
    struct http1_client *h = self(parser);

    if (h->interim) {
        memset(&h->head, 0, sizeof(h->head));
        h->head.type = UPSTREAM_OTHER;
        h->typed = h->interim = false;
        h->fields = 0;
        return 0;
    }
    h->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {

    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_header_value_complete = on_field_end,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void http1_client_init(struct http1_client *h,
                       const struct http1_client_calls *calls, void *arg)
{
    union {
        const llhttp_settings_t *given;
        llhttp_settings_t *wanted; /* llhttp never writes them */
    } pass = {.given = &settings};

    memset(h, 0, sizeof(*h));
    h->head.type = UPSTREAM_OTHER;
    h->calls = calls;
    h->arg = arg;
    llhttp_init(&h->parser, HTTP_RESPONSE, pass.wanted);
    h->parser.data = h;
}

int http1_client_feed(struct http1_client *h, const uint8_t *data,
                      size_t length)
{
    llhttp_errno_t e;

    if (h->complete)
        return length == 0 ? 0 : SP_EPROTO;
    if (!h->headed) {
        h->head_bytes += length;
        /* Counted before: one read of body may come with the head. */
        if (h->head_bytes > LIMIT_HEAD_BYTES + length)
            return SP_EPROTO;
    }
    e = llhttp_execute(&h->parser, (const char *)data, length);
    if (e == HPE_OK)
        return 0;
    if (e == HPE_PAUSED && h->complete)
        return llhttp_get_error_pos(&h->parser) == (const char *)data + length
                   ? 0
                   : SP_EPROTO;
    return SP_EPROTO;
}

int http1_client_eof(struct http1_client *h)
{
    llhttp_errno_t e;

    if (h->complete)
        return 0;
    if (!h->headed)
        return SP_ECLOSED;
    e = llhttp_finish(&h->parser);
    return h->complete && (e == HPE_OK || e == HPE_PAUSED) ? 0 : SP_ECLOSED;
}

bool http1_client_keeps(const struct http1_client *h)
{
    return h->complete && !llhttp_message_needs_eof(&h->parser) &&
           llhttp_should_keep_alive(&h->parser) != 0;
}
