/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads requests of local clients. Runs in `sallyport connect`, on bytes of
 * whoever reaches a loopback port: tools of the evaluator, other users of the
 * machine, web pages in a browser on it.
 */
#include "ctl/connect_ask.h"

#include <string.h>
#include <strings.h>

#include "lib/http_head.h"

/* Each at most once: of two, two readers could each take another. */
static const char *const names[ASK_FIELDS] = {
    [ASK_HOST] = "host",
    [ASK_CONTENT_LENGTH] = "content-length",
    [ASK_TRANSFER_ENCODING] = "transfer-encoding",
    [ASK_EXPECT] = "expect",
    [ASK_UPGRADE] = "upgrade",
    [ASK_ORIGIN] = "origin",
    [ASK_FETCH_SITE] = "sec-fetch-site",
    [ASK_AUTHORIZATION] = "authorization",
    [ASK_API_KEY] = "x-api-key",
    [ASK_CONTENT_TYPE] = "content-type",
    [ASK_CONTENT_ENCODING] = "content-encoding",
    [ASK_ANTHROPIC_VERSION] = "anthropic-version",
    [ASK_ANTHROPIC_BETA] = "anthropic-beta",
    [ASK_PURPOSE] = "x-sallyport-purpose",
    [ASK_CASE] = "x-sallyport-case",
};

static enum ask_step refuse(struct ask *a, enum reason reason, const char *why)
{
    a->fault = reason_info(reason);
    a->why = why;
    return ASK_FAULT;
}

static const char *bytes_at(const struct ask *a, struct ask_span s)
{
    return (const char *)buf_bytes(&a->head) + s.at;
}

static bool span_is(const struct ask *a, struct ask_span s, const char *word)
{
    return s.length == strlen(word) &&
           strncasecmp(bytes_at(a, s), word, s.length) == 0;
}

/* ---- llhttp's calls ---- */

static struct ask *self(llhttp_t *parser)
{
    return parser->data;
}

static void span_grow(const struct ask *a, struct ask_span *s, const char *at,
                      size_t length)
{
    size_t from = (size_t)(at - (const char *)buf_bytes(&a->head));

    if (s->length == 0)
        s->at = (uint16_t)from;
    s->length = (uint16_t)(from + length - s->at);
}

static int on_name(llhttp_t *parser, const char *at, size_t length)
{
    struct ask *a = self(parser);

    if (a->in_body) {
        a->why = "trailer";
        return HPE_USER;
    }
    span_grow(a, &a->name, at, length);
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct ask *a = self(parser);

    if (a->in_body)
        return HPE_USER;
    span_grow(a, &a->value, at, length);
    return 0;
}

/* Blanks around a value are no part of it (RFC 9110, section 5.5). */
static struct ask_span span_trim(const struct ask *a, struct ask_span s)
{
    const char *data = bytes_at(a, s);
    size_t skip = 0;

    while (s.length > 0 && strchr(" \t", data[s.length - 1]) != NULL)
        s.length--;
    while (skip < s.length && strchr(" \t", data[skip]) != NULL)
        skip++;
    return (struct ask_span){(uint16_t)(s.at + skip),
                             (uint16_t)(s.length - skip)};
}

static int on_value_end(llhttp_t *parser)
{
    struct ask *a = self(parser);

    /* llhttp lets a field without a name pass. */
    if (a->in_body || !http_token_is(bytes_at(a, a->name), a->name.length))
        return HPE_USER;
    a->count++;
    for (int i = 0; i < ASK_FIELDS; i++) {
        if (!span_is(a, a->name, names[i]))
            continue;
        a->field[i] = span_trim(a, a->value);
        a->times[i]++;
    }
    a->name = a->value = (struct ask_span){0};
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct ask *a = self(parser);

    return a->body != NULL && a->body(a->body_arg, at, length) == 0 ? 0
                                                                    : HPE_USER;
}

static int on_extension(llhttp_t *parser, const char *at, size_t length)
{
    (void)at;
    (void)length;
    self(parser)->why = "chunk_extension";
    return HPE_USER;
}

/* Stops there, so that the next request is never begun. */
static int on_complete(llhttp_t *parser)
{
    self(parser)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_end,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_message_complete = on_complete,
};

void ask_init(struct ask *a)
{
    *a = (struct ask){.method = METHOD_OTHER};
    buf_init(&a->head, LIMIT_HEAD_BYTES + 1);
    llhttp_init(&a->parser, HTTP_REQUEST, &settings);
    a->parser.data = a;
}

void ask_release(struct ask *a)
{
    buf_release(&a->head);
    ask_init(a);
}

/* ---- the request line ---- */

static enum method method_from(const char *text, size_t length)
{
    static const struct {
        const char *name;
        enum method method;
    } known[] = {
        {"POST", METHOD_POST}, {"GET", METHOD_GET}, {"HEAD", METHOD_HEAD}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (length == strlen(known[i].name) &&
            memcmp(text, known[i].name, length) == 0)
            return known[i].method;
    return METHOD_OTHER;
}

/* Three parts with one space between them; the target in origin-form, for this
 * is no proxy for other places. */
static enum ask_step line_read(struct ask *a, const char *line, size_t length)
{
    const char *end = line + length, *target, *version;
    struct target t;

    target = memchr(line, ' ', length);
    version = target == NULL
                  ? NULL
                  : memchr(target + 1, ' ', (size_t)(end - target - 1));
    if (version == NULL ||
        memchr(version + 1, ' ', (size_t)(end - version - 1)))
        return refuse(a, REASON_BAD_REQUEST, "request_line");
    a->method = method_from(line, (size_t)(target - line));
    target++;
    length = (size_t)(version - target);
    a->dialect = target_dialect(target, length);
    if (end - version != 9 || (memcmp(version, " HTTP/1.1", 9) != 0 &&
                               memcmp(version, " HTTP/1.0", 9) != 0))
        return refuse(a, REASON_BAD_REQUEST, "version");
    a->http10 = version[8] == '0';
    if (length == 0 || length > LIMIT_TARGET_BYTES || target[0] != '/')
        return refuse(a, REASON_BAD_REQUEST, "target");
    memcpy(a->target, target, length);
    a->target[length] = '\0';
    /* The gateway judges and records what leads nowhere; a target that two
     * readers could read apart does not leave here. */
    if (target_match(a->method, target, length, &t) == TARGET_MALFORMED)
        return refuse(a, REASON_BAD_REQUEST, "target");
    a->route = t.route;
    a->dialect = t.dialect;
    return ASK_DONE;
}

/* ---- the fields ---- */

static bool length_is_fine(const struct ask *a)
{
    struct ask_span s = a->field[ASK_CONTENT_LENGTH];
    const char *digits = bytes_at(a, s);

    for (size_t i = 0; i < s.length; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    return s.length > 0 && s.length <= 18;
}

/* Of one that is fine. */
static int64_t length_value(const struct ask *a)
{
    struct ask_span s = a->field[ASK_CONTENT_LENGTH];
    const char *digits = bytes_at(a, s);
    int64_t value = 0;

    for (size_t i = 0; i < s.length; i++)
        value = value * 10 + (digits[i] - '0');
    return value;
}

/* Where the request ends (RFC 9112, section 6). */
static enum ask_step framing_check(struct ask *a)
{
    bool has_length = a->times[ASK_CONTENT_LENGTH] > 0;
    bool has_coding = a->times[ASK_TRANSFER_ENCODING] > 0;

    for (int i = 0; i < ASK_FIELDS; i++)
        if (a->times[i] > 1)
            return refuse(a, REASON_BAD_REQUEST, "field_twice");
    if (a->times[ASK_HOST] == 0 || a->field[ASK_HOST].length == 0)
        return refuse(a, REASON_BAD_REQUEST, "host");
    if (has_length && (has_coding || !length_is_fine(a)))
        return refuse(a, REASON_BAD_REQUEST, "content_length");
    if (has_coding &&
        (a->http10 || !span_is(a, a->field[ASK_TRANSFER_ENCODING], "chunked")))
        return refuse(a, REASON_BAD_REQUEST, "transfer_encoding");
    if (a->times[ASK_UPGRADE] > 0)
        return refuse(a, REASON_BAD_REQUEST, "upgrade");
    a->has_body = has_coding || (has_length && length_value(a) > 0);
    if (a->has_body && a->method != METHOD_POST)
        return refuse(a, REASON_BAD_REQUEST, "unexpected_body");
    if (has_length && length_value(a) > LIMIT_BODY_BYTES)
        return refuse(a, REASON_BODY_TOO_LARGE, NULL);
    if (a->times[ASK_EXPECT] > 0 && !a->http10) {
        if (!span_is(a, a->field[ASK_EXPECT], "100-continue"))
            return refuse(a, REASON_EXPECTATION_FAILED, "expect");
        a->expects_continue = a->has_body;
    }
    return ASK_DONE;
}

/* Whether llhttp agrees that this is one head and nothing more. */
static bool parser_agrees(struct ask *a)
{
    const char *data = (const char *)buf_bytes(&a->head);
    llhttp_errno_t e = llhttp_execute(&a->parser, data, a->head.length);

    if (e == HPE_PAUSED && a->complete)
        return llhttp_get_error_pos(&a->parser) == data + a->head.length;
    return e == HPE_OK && !a->complete;
}

static enum ask_step head_read(struct ask *a)
{
    const char *data = (const char *)buf_bytes(&a->head);
    const char *end = memchr(data, '\r', a->head.length);
    enum ask_step step = line_read(a, data, (size_t)(end - data));

    if (step != ASK_DONE)
        return step;
    if (a->method == METHOD_OTHER)
        return refuse(a, REASON_METHOD_NOT_ALLOWED, "method");
    if (!parser_agrees(a))
        return refuse(a, REASON_BAD_REQUEST, "syntax");
    /* Unknown routes and lists have no dialect of their own. */
    if (a->times[ASK_ANTHROPIC_VERSION] > 0 &&
        (a->route == ROUTE_UNKNOWN || route_info(a->route)->local))
        a->dialect = DIALECT_ANTHROPIC;
    if (a->count > LIMIT_HEAD_FIELDS)
        return refuse(a, REASON_HEAD_TOO_LARGE, "fields");
    if ((step = framing_check(a)) != ASK_DONE)
        return step;
    a->keep_alive = llhttp_should_keep_alive(&a->parser) != 0;
    return ASK_DONE;
}

/* What stands where the target would says how to answer. */
static enum ask_step head_fault(struct ask *a, const uint8_t *data,
                                size_t length)
{
    const uint8_t *space = memchr(data, ' ', length);

    if (space != NULL)
        a->dialect = target_dialect((const char *)space + 1,
                                    (size_t)(data + length - space - 1));
    return refuse(a,
                  a->why == http_head_too_large ? REASON_HEAD_TOO_LARGE
                                                : REASON_BAD_REQUEST,
                  a->why);
}

enum ask_step ask_head(struct ask *a, const uint8_t *data, size_t length,
                       size_t *used)
{
    /* One empty line before a request is skipped (RFC 9112, section 2.2). */
    size_t skip = length >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0,
           end = 0;
    enum ask_step step;

    *used = 0;
    if (length == 0 || (length == 1 && data[0] == '\r'))
        return ASK_MORE;
    a->why = "empty_line";
    if (length > skip && data[skip] == '\r')
        return head_fault(a, data, length);
    switch (http_head_scan(data + skip, length - skip, LIMIT_HEAD_BYTES,
                           &a->scanned, &end, &a->why)) {
    case HTTP_HEAD_MORE:
        return ASK_MORE;
    case HTTP_HEAD_FAULT:
        return head_fault(a, data, length);
    case HTTP_HEAD_WHOLE:
    default:
        break;
    }
    if (buf_append(&a->head, data + skip, end) != 0)
        return refuse(a, REASON_OVERLOADED, "memory");
    *used = skip + end;
    step = head_read(a);
    a->in_body = true;
    return step;
}

/* ---- the body ---- */

enum ask_step ask_body(struct ask *a, const uint8_t *data, size_t length,
                       ask_body_fn *body, void *arg, size_t *used)
{
    llhttp_errno_t e;

    a->body = body;
    a->body_arg = arg;
    a->why = NULL;
    *used = length;
    e = llhttp_execute(&a->parser, (const char *)data, length);
    if (e == HPE_PAUSED && a->complete) {
        *used = (size_t)(llhttp_get_error_pos(&a->parser) - (const char *)data);
        return ASK_DONE;
    }
    if (e == HPE_OK)
        return ASK_MORE;
    if (a->fault != NULL) /* `body` said what */
        return ASK_FAULT;
    return refuse(a, REASON_BAD_REQUEST,
                  a->why != NULL ? a->why : "body_framing");
}

/* ---- what was read ---- */

const char *ask_value(const struct ask *a, enum ask_field field, size_t *length)
{
    *length = a->field[field].length;
    return *length == 0 ? "" : bytes_at(a, a->field[field]);
}

int ask_forward(const struct ask *a, struct buf *out)
{
    int r = 0;

    for (int i = ASK_FORWARDED; r == 0 && i < ASK_FIELDS; i++) {
        size_t length;
        const char *value = ask_value(a, (enum ask_field)i, &length);

        if (a->times[i] > 0)
            r = buf_printf(out, "%s: %.*s\r\n", names[i], (int)length, value);
    }
    return r;
}
