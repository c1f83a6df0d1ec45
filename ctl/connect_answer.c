/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads answers. Runs in `sallyport connect`; the gateway has proved who it
 * is, and is trusted to speak HTTP within bounds.
 */
#include "ctl/connect_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/limits.h"

static struct answer *self(llhttp_t *parser)
{
    return parser->data;
}

/* Fields about one connection (RFC 9110, section 7.6.1), and those that are
 * written anew. */
static bool field_is_hop(const char *name)
{
    static const char *const hops[] = {
        "connection", "keep-alive", "transfer-encoding",  "te",
        "trailer",    "upgrade",    "proxy-authenticate", "content-length"};

    for (size_t i = 0; i < sizeof hops / sizeof hops[0]; i++)
        if (strcasecmp(name, hops[i]) == 0)
            return true;
    return false;
}

static int head_add(struct answer *a, struct buf *b, const char *at,
                    size_t length)
{
    a->head_bytes += length;
    if (a->head_bytes > LIMIT_HEAD_BYTES || a->parser.data == NULL)
        return HPE_USER;
    return buf_append(b, at, length) == 0 ? 0 : HPE_USER;
}

static int on_name(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *a = self(parser);

    return a->head.status != 0 ? HPE_USER : head_add(a, &a->name, at, length);
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *a = self(parser);

    return a->head.status != 0 ? HPE_USER : head_add(a, &a->value, at, length);
}

static void copy(char *to, size_t size, const char *from)
{
    size_t n = strlen(from);

    if (n < size)
        memcpy(to, from, n + 1);
}

static void field_note(struct gate_answer *h, const char *name,
                       const char *value)
{
    if (strcasecmp(name, "x-sallyport-receipt") == 0)
        copy(h->receipt, sizeof h->receipt, value);
    else if (strcasecmp(name, "x-sallyport-window-closes") == 0)
        copy(h->closes, sizeof h->closes, value);
    else if (strcasecmp(name, "content-type") == 0)
        h->events = strncasecmp(value, "text/event-stream", 17) == 0;
}

static int on_field_end(llhttp_t *parser)
{
    struct answer *a = self(parser);
    const char *name, *value;
    int r = buf_append(&a->name, "", 1);

    if (r == 0)
        r = buf_append(&a->value, "", 1);
    if (r != 0)
        return HPE_USER;
    name = (const char *)buf_bytes(&a->name);
    value = (const char *)buf_bytes(&a->value);
    field_note(&a->head, name, value);
    if (!field_is_hop(name) &&
        evbuffer_add_printf(a->head.fields, "%s: %s\r\n", name, value) < 0)
        return HPE_USER;
    buf_drain(&a->name, a->name.length);
    buf_drain(&a->value, a->value.length);
    return 0;
}

static int on_head_end(llhttp_t *parser)
{
    struct answer *a = self(parser);

    /* Nobody asked for an interim answer. */
    if (parser->status_code < 200)
        return HPE_USER;
    a->head.status = parser->status_code;
    a->head.length =
        parser->flags & F_CONTENT_LENGTH ? (int64_t)parser->content_length : -1;
    a->begin(a->arg, &a->head);
    if (*a->over)
        return HPE_USER;
    return a->head.no_body ? 1 : 0; /* 1: there is none, whatever is said */
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *a = self(parser);

    a->piece(a->arg, at, length);
    return *a->over ? HPE_USER : 0;
}

static int on_complete(llhttp_t *parser)
{
    struct answer *a = self(parser);

    a->complete = true;
    a->keep = llhttp_should_keep_alive(parser) != 0;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field_end,
    .on_headers_complete = on_head_end,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

int answer_init(struct answer *a, bool no_body)
{
    answer_release(a);
    *a = (struct answer){.head = {.length = -1, .no_body = no_body}};
    buf_init(&a->name, LIMIT_HEAD_BYTES);
    buf_init(&a->value, LIMIT_HEAD_BYTES);
    llhttp_init(&a->parser, HTTP_RESPONSE, &settings);
    a->parser.data = a;
    a->head.fields = evbuffer_new();
    return a->head.fields != NULL ? 0 : SP_ENOMEM;
}

void answer_release(struct answer *a)
{
    buf_release(&a->name);
    buf_release(&a->value);
    if (a->head.fields != NULL)
        evbuffer_free(a->head.fields);
    a->head.fields = NULL;
}

int answer_read(struct answer *a, const void *data, size_t length)
{
    llhttp_errno_t e;

    if (a->complete)
        return SP_EPROTO;
    e = llhttp_execute(&a->parser, data, length);
    if (e == HPE_PAUSED && a->complete)
        return llhttp_get_error_pos(&a->parser) == (const char *)data + length
                   ? 0
                   : SP_EPROTO;
    /* One that ends with its connection could be cut anywhere. */
    return e == HPE_OK && !(a->head.status != 0 &&
                            llhttp_message_needs_eof(&a->parser))
               ? 0
               : SP_EPROTO;
}
