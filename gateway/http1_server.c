/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads HTTP/1.1 requests. Runs in a worker, on bytes of strangers that have
 * proved a certificate and nothing else.
 *
 * A head is handed to llhttp only when it is here as a whole and its bytes
 * have passed our own scan, so llhttp never sees a head in pieces and all of
 * its fields are looked at together. Bodies go through llhttp as they come;
 * the framing bytes of chunked ones pass our own check first.
 */
#include "gateway/http1_server.h"

#include <string.h>
#include <strings.h>

#include "lib/http_head.h"
#include "policy/labels.h"

enum field {
    FIELD_HOST,
    FIELD_CONTENT_LENGTH,
    FIELD_CONTENT_TYPE,
    FIELD_CONTENT_ENCODING,
    FIELD_TRANSFER_ENCODING,
    FIELD_EXPECT,
    FIELD_UPGRADE,
    FIELD_ANTHROPIC_VERSION,
    FIELD_ANTHROPIC_BETA,
    FIELD_PURPOSE,
    FIELD_CASE,
    FIELD_COUNT
};

/* Every field that has a meaning here. More than one of any of them could be
 * read in two ways; all others are neither looked at nor forwarded. */
static const struct {
    const char *name;
    size_t length;
} fields[FIELD_COUNT] = {
    [FIELD_HOST] = {"host", 4},
    [FIELD_CONTENT_LENGTH] = {"content-length", 14},
    [FIELD_CONTENT_TYPE] = {"content-type", 12},
    [FIELD_CONTENT_ENCODING] = {"content-encoding", 16},
    [FIELD_TRANSFER_ENCODING] = {"transfer-encoding", 17},
    [FIELD_EXPECT] = {"expect", 6},
    [FIELD_UPGRADE] = {"upgrade", 7},
    [FIELD_ANTHROPIC_VERSION] = {"anthropic-version", 17},
    [FIELD_ANTHROPIC_BETA] = {"anthropic-beta", 14},
    [FIELD_PURPOSE] = {"x-sallyport-purpose", 19},
    [FIELD_CASE] = {"x-sallyport-case", 16},
};

struct span {
    const char *data;
    size_t length;
};

/* One head while llhttp goes over it; lives on the stack of one call. */
struct head_parse {
    struct span name, value;
    struct span found[FIELD_COUNT];
    unsigned times[FIELD_COUNT];
    unsigned count;
};

/* Where in a chunked body (RFC 9112, section 7.1): what may come next. */
enum chunk {
    CHUNK_NONE, /* not chunked */
    CHUNK_SIZE,
    CHUNK_SIZE_MORE,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_LAST_CR,
    CHUNK_LAST_LF
};

/* No chunk is longer than any body may be; a longer one cannot overflow. */
#define CHUNK_LIMIT (1u << 30)

static bool is_token(struct span s)
{
    return http_token_is(s.data, s.length);
}

/* ---- llhttp's calls ---- */

static int on_field_name(llhttp_t *parser, const char *at, size_t length)
{
    struct http1_server *h = (struct http1_server *)(void *)parser;
    struct head_parse *p = parser->data;

    if (h->in_body) {
        h->why = "trailer";
        return HPE_USER;
    }
    if (p->name.data == NULL)
        p->name.data = at;
    p->name.length = (size_t)(at + length - p->name.data);
    return 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t length)
{
    struct head_parse *p = parser->data;

    if (p == NULL)
        return HPE_USER;
    if (p->value.data == NULL)
        p->value.data = at;
    p->value.length = (size_t)(at + length - p->value.data);
    return 0;
}

static int on_field_end(llhttp_t *parser)
{
    struct head_parse *p = parser->data;

    /* llhttp lets a field without a name pass. */
    if (p == NULL || !is_token(p->name))
        return HPE_USER;
    p->count++;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (p->name.length != fields[i].length ||
            strncasecmp(p->name.data, fields[i].name, p->name.length) != 0)
            continue;
        p->found[i] = p->value;
        p->times[i]++;
    }
    p->name = p->value = (struct span){0};
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct http1_server *h = (struct http1_server *)(void *)parser;

    if (h->body == NULL)
        return HPE_USER;
    return h->body(h->body_arg, (const uint8_t *)at, length) == 0 ? 0
                                                                  : HPE_USER;
}

static int on_extension(llhttp_t *parser, const char *at, size_t length)
{
    struct http1_server *h = (struct http1_server *)(void *)parser;

    (void)at;
    (void)length;
    h->why = "chunk_extension";
    return HPE_USER;
}

/* Stops the parser there, so that it never begins the next request. */
static int on_complete(llhttp_t *parser)
{
    struct http1_server *h = (struct http1_server *)(void *)parser;

    h->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_header_value_complete = on_field_end,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_message_complete = on_complete,
};

_Static_assert(offsetof(struct http1_server, parser) == 0,
               "the parser's address is ours");

/* llhttp wants settings that are not const; it never writes them. */
static void parser_init(struct http1_server *h)
{
    union {
        const llhttp_settings_t *given;
        llhttp_settings_t *wanted;
    } pass = {.given = &settings};

    llhttp_init(&h->parser, HTTP_REQUEST, pass.wanted);
}

void http1_server_init(struct http1_server *h)
{
    memset(h, 0, sizeof(*h));
    parser_init(h);
}

/* ---- our rules for a head ---- */

static bool span_is(struct span s, const char *word)
{
    return s.length == strlen(word) && strncasecmp(s.data, word, s.length) == 0;
}

/* Optional whitespace around a value is not part of it (RFC 9110, 5.5). */
static struct span span_trim(struct span s)
{
    while (s.length > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.length--;
    }
    while (s.length > 0 &&
           (s.data[s.length - 1] == ' ' || s.data[s.length - 1] == '\t'))
        s.length--;
    return s;
}

static void refuse(struct request_head *head, enum reason fault,
                   const char *why)
{
    if (head->fault != REASON_NONE)
        return;
    head->fault = fault;
    head->why = why;
}

/* The request line's three parts; SP_EINVAL unless there are exactly three
 * with one space between them. */
static int line_split(const char *line, size_t length, struct span part[3])
{
    size_t at = 0;

    for (unsigned i = 0; i < 3; i++) {
        const char *from = line + at;
        const char *to = i < 2 ? memchr(from, ' ', length - at) : line + length;

        if (to == NULL || to == from)
            return SP_EINVAL;
        part[i] = (struct span){from, (size_t)(to - from)};
        at += part[i].length + 1;
    }
    if (memchr(part[2].data, ' ', part[2].length) != NULL)
        return SP_EINVAL;
    return is_token(part[0]) ? 0 : SP_EINVAL;
}

static enum method method_from(struct span s)
{
    static const struct {
        const char *name;
        enum method method;
    } known[] = {
        {"POST", METHOD_POST}, {"GET", METHOD_GET}, {"HEAD", METHOD_HEAD}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (s.length == strlen(known[i].name) &&
            memcmp(s.data, known[i].name, s.length) == 0)
            return known[i].method;
    return METHOD_OTHER;
}

static bool line_read(const char *line, size_t length,
                      struct request_head *head, struct span *target)
{
    struct span part[3];

    if (line_split(line, length, part) != 0) {
        refuse(head, REASON_BAD_REQUEST, "request_line");
        return false;
    }
    *target = part[1];
    head->method = method_from(part[0]);
    if (part[2].length == 8 && memcmp(part[2].data, "HTTP/1.0", 8) == 0)
        head->http10 = true;
    else if (part[2].length != 8 || memcmp(part[2].data, "HTTP/1.1", 8) != 0)
        refuse(head, REASON_BAD_REQUEST, "version");
    return head->fault == REASON_NONE;
}

/* Host is not used for anything, but a proxy before us may have used it. */
static bool host_is_fine(struct span host)
{
    if (host.length == 0 || host.length > 255)
        return false;
    for (size_t i = 0; i < host.length; i++) {
        char c = host.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z') || strchr("-._:[]", c) != NULL))
            return false;
    }
    return true;
}

static bool length_is_fine(struct span s)
{
    if (s.length == 0 || s.length > 18)
        return false;
    for (size_t i = 0; i < s.length; i++)
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    return true;
}

static bool length_is_zero(const struct head_parse *p)
{
    struct span s = span_trim(p->found[FIELD_CONTENT_LENGTH]);

    for (size_t i = 0; i < s.length; i++)
        if (s.data[i] != '0')
            return false;
    return true;
}

/* Where the request ends (RFC 9112, section 6), and who it is for. */
static bool rules_framing(const struct head_parse *p, struct request_head *head)
{
    enum reason before = head->fault;
    const char *why = head->why;
    bool has_length = p->times[FIELD_CONTENT_LENGTH] > 0;
    bool has_coding = p->times[FIELD_TRANSFER_ENCODING] > 0;

    head->fault = REASON_NONE; /* framing comes before what a target means */
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (p->times[i] > 1)
            refuse(head, REASON_BAD_REQUEST, "field_twice");
    if (p->times[FIELD_HOST] == 0 ||
        !host_is_fine(span_trim(p->found[FIELD_HOST])))
        refuse(head, REASON_BAD_REQUEST, "host");
    if (has_length && has_coding)
        refuse(head, REASON_BAD_REQUEST, "length_and_coding");
    if (has_length &&
        !length_is_fine(span_trim(p->found[FIELD_CONTENT_LENGTH])))
        refuse(head, REASON_BAD_REQUEST, "content_length");
    if (has_coding &&
        (head->http10 ||
         !span_is(span_trim(p->found[FIELD_TRANSFER_ENCODING]), "chunked")))
        refuse(head, REASON_BAD_REQUEST, "transfer_encoding");
    if (p->times[FIELD_UPGRADE] > 0)
        refuse(head, REASON_BAD_REQUEST, "upgrade");
    if ((has_coding || (has_length && !length_is_zero(p))) &&
        head->method != METHOD_POST)
        /* A body that GET has no meaning for is how requests are smuggled. */
        refuse(head, REASON_BAD_REQUEST, "unexpected_body");
    if (head->fault != REASON_NONE)
        return false;
    head->fault = before;
    head->why = why;
    return true;
}

static void head_body(const struct head_parse *p, struct http1_server *h,
                      struct request_head *head)
{
    bool chunked = p->times[FIELD_TRANSFER_ENCODING] > 0;

    head->content_length = 0;
    if (p->times[FIELD_CONTENT_LENGTH] > 0) {
        struct span s = span_trim(p->found[FIELD_CONTENT_LENGTH]);

        for (size_t i = 0; i < s.length; i++)
            head->content_length =
                head->content_length * 10 + (s.data[i] - '0');
    }
    if (chunked) {
        head->content_length = -1;
        h->chunk = CHUNK_SIZE;
    }
    head->has_body = head->content_length != 0;
}

/* The type, perhaps with charset=utf-8 (RFC 8259 knows no other). */
static bool type_is(struct span s, const char *type)
{
    static const char utf8[] = "charset=utf-8";
    size_t length = strlen(type);

    if (s.length < length || strncasecmp(s.data, type, length) != 0)
        return false;
    s = span_trim((struct span){s.data + length, s.length - length});
    if (s.length == 0)
        return true;
    if (s.data[0] != ';')
        return false;
    s = span_trim((struct span){s.data + 1, s.length - 1});
    return span_is(s, utf8) || span_is(s, "charset=\"utf-8\"");
}

/* A finding is whatever its author writes; nobody here looks into it. */
static bool type_is_taken(enum route route, struct span s)
{
    return type_is(s, "application/json") ||
           (route == ROUTE_FINDINGS &&
            (type_is(s, "text/plain") ||
             span_is(s, "application/octet-stream")));
}

static void head_target(struct span target, struct request_head *head)
{
    enum target_fault fault = target.length > LIMIT_TARGET_BYTES
                                  ? TARGET_MALFORMED
                                  : target_match(head->method, target.data,
                                                 target.length, &head->target);

    head->dialect = head->target.dialect;
    if (fault == TARGET_MALFORMED)
        refuse(head, REASON_BAD_REQUEST, "target");
    else if (fault == TARGET_UNKNOWN)
        refuse(head, REASON_ROUTE_UNKNOWN, "route");
    else if (fault == TARGET_METHOD || head->method == METHOD_OTHER)
        refuse(head, REASON_METHOD_NOT_ALLOWED, "method");
}

static void head_anthropic(const struct head_parse *p,
                           struct request_head *head)
{
    struct span s = span_trim(p->found[FIELD_ANTHROPIC_VERSION]);

    if (p->times[FIELD_ANTHROPIC_VERSION] == 0)
        return;
    head->has_anthropic = true;
    (void)version_take(head->anthropic_version, s.data, s.length);
    /* Lists and unknown routes have no dialect of their own. */
    if (head->target.route == ROUTE_UNKNOWN ||
        route_info(head->target.route)->local)
        head->dialect = DIALECT_ANTHROPIC;
}

/* A word that goes into the ledger; empty is as good as absent. */
static void head_label(struct request_head *head, struct span s,
                       char label[FACTS_LABEL + 1], const char *why)
{
    s = span_trim(s);
    if (label_take(label, s.data, s.length) != 0)
        refuse(head, REASON_BAD_REQUEST, why);
}

static void head_labels(const struct head_parse *p, struct request_head *head)
{
    if (p->times[FIELD_PURPOSE] > 0)
        head_label(head, p->found[FIELD_PURPOSE], head->purpose, "purpose");
    if (p->times[FIELD_CASE] > 0)
        head_label(head, p->found[FIELD_CASE], head->case_id, "case");
    if (p->times[FIELD_ANTHROPIC_BETA] > 0) {
        struct span s = span_trim(p->found[FIELD_ANTHROPIC_BETA]);

        if (betas_take(head->betas, s.data, s.length) != 0)
            refuse(head, REASON_BAD_REQUEST, "anthropic_beta");
    }
}

static void rules_meaning(const struct head_parse *p, struct request_head *head)
{
    if (p->times[FIELD_EXPECT] > 0 && !head->http10) {
        if (span_is(span_trim(p->found[FIELD_EXPECT]), "100-continue"))
            head->expects_continue = true;
        else
            refuse(head, REASON_EXPECTATION_FAILED, "expect");
    }
    if (p->times[FIELD_CONTENT_ENCODING] > 0 &&
        !span_is(span_trim(p->found[FIELD_CONTENT_ENCODING]), "identity"))
        refuse(head, REASON_ENCODING_UNSUPPORTED, "content_encoding");
    if (head->method == METHOD_POST &&
        (p->times[FIELD_CONTENT_TYPE] == 0 ||
         !type_is_taken(head->target.route,
                        span_trim(p->found[FIELD_CONTENT_TYPE]))))
        refuse(head, REASON_CONTENT_TYPE, "content_type");
}

/* ---- a whole head ---- */

/* True if llhttp agrees that this is one head and nothing more. */
static bool parser_agrees(struct http1_server *h, struct head_parse *p,
                          const char *data, size_t length)
{
    llhttp_errno_t e;

    h->parser.data = p;
    e = llhttp_execute(&h->parser, data, length);
    h->parser.data = NULL;
    if (e == HPE_PAUSED && h->complete) {
        const char *stopped = llhttp_get_error_pos(&h->parser);

        return stopped == data + length;
    }
    return e == HPE_OK && !h->complete;
}

static void head_parse(struct http1_server *h, const char *data, size_t length,
                       struct request_head *head)
{
    const char *line_end = memchr(data, '\r', length);
    struct head_parse p = {0};
    struct span target;

    if (line_end == NULL ||
        !line_read(data, (size_t)(line_end - data), head, &target))
        return;
    head_target(target, head);
    if (head->method == METHOD_OTHER) {
        /* llhttp knows dozens of methods, each with its own rules: none. */
        refuse(head, REASON_METHOD_NOT_ALLOWED, "method");
        return;
    }
    if (!parser_agrees(h, &p, data, length)) {
        /* However fine its target looked: this comes first. */
        head->fault = REASON_NONE;
        refuse(head, REASON_BAD_REQUEST, "syntax");
        return;
    }
    head_anthropic(&p, head);
    head_labels(&p, head);
    if (p.count > LIMIT_HEAD_FIELDS) {
        head->fault = REASON_NONE;
        refuse(head, REASON_HEAD_TOO_LARGE, "fields");
        return;
    }
    if (!rules_framing(&p, head))
        return;
    head_body(&p, h, head);
    rules_meaning(&p, head);
    /* Whoever writes targets like that may mean the rest otherwise too. */
    head->framed = head->fault != REASON_BAD_REQUEST;
    head->keep_alive = llhttp_should_keep_alive(&h->parser) != 0;
}

/* One empty line before a request is skipped (RFC 9112, 2.2), not more. */
static size_t empty_line(const uint8_t *data, size_t length)
{
    return length >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0;
}

/* Nothing of a head that is too large is parsed; but its client must be able
 * to read why it is refused, so what stands where the target would be says in
 * which dialect. The rest of it is not looked at. */
static void head_is_too_large(const char *data, size_t length,
                              struct request_head *head)
{
    const char *space = memchr(data, ' ', length);

    if (space != NULL)
        head->dialect =
            target_dialect(space + 1, (size_t)(data + length - space - 1));
    refuse(head, REASON_HEAD_TOO_LARGE, http_head_too_large);
}

enum http1_step http1_server_head(struct http1_server *h, const uint8_t *data,
                                  size_t length, struct request_head *head,
                                  size_t *used)
{
    size_t skip = empty_line(data, length);
    enum http_head step;
    size_t end = 0;

    memset(head, 0, sizeof(*head));
    head->method = METHOD_OTHER;
    *used = 0;
    if (length == 1 && data[0] == '\r')
        return HTTP1_MORE;
    data += skip;
    length -= skip;
    step = length > 0 && data[0] == '\r'
               ? HTTP_HEAD_FAULT
               : http_head_scan(data, length, LIMIT_HEAD_BYTES, &h->scanned,
                                &end, &h->why);
    if (step == HTTP_HEAD_MORE)
        return HTTP1_MORE;
    if (step == HTTP_HEAD_WHOLE) {
        head_parse(h, (const char *)data, end, head);
        *used = skip + end;
    } else if (h->why == http_head_too_large) {
        head_is_too_large((const char *)data, length, head);
    } else {
        refuse(head, REASON_BAD_REQUEST,
               h->why != NULL ? h->why : "empty_line");
    }
    h->in_body = true;
    return head->framed ? HTTP1_DONE : HTTP1_FAULT;
}

/* ---- the body ---- */

static int hex_value(uint8_t b)
{
    if (b >= '0' && b <= '9')
        return b - '0';
    if ((b | 0x20) >= 'a' && (b | 0x20) <= 'f')
        return (b | 0x20) - 'a' + 10;
    return -1;
}

static bool chunk_digit(struct http1_server *h, uint8_t b)
{
    int digit = hex_value(b);

    if (digit < 0 || h->chunk_left > CHUNK_LIMIT / 16)
        return false;
    h->chunk_left = h->chunk_left * 16 + (uint32_t)digit;
    return true;
}

/* What may follow, byte by byte, in the framing of a chunked body. Returns
 * false at the first byte that must not be there. */
static bool chunk_framing(struct http1_server *h, uint8_t b)
{
    switch ((enum chunk)h->chunk) {
    case CHUNK_SIZE:
        h->chunk = CHUNK_SIZE_MORE;
        h->chunk_left = 0;
        return chunk_digit(h, b);
    case CHUNK_SIZE_MORE:
        if (b != '\r')
            return chunk_digit(h, b);
        h->chunk = CHUNK_SIZE_LF;
        return true;
    case CHUNK_SIZE_LF:
        h->chunk = h->chunk_left > 0 ? CHUNK_DATA : CHUNK_LAST_CR;
        return b == '\n';
    case CHUNK_DATA_CR:
        h->chunk = CHUNK_DATA_LF;
        return b == '\r';
    case CHUNK_DATA_LF:
        h->chunk = CHUNK_SIZE;
        return b == '\n';
    case CHUNK_LAST_CR:
        h->chunk = CHUNK_LAST_LF;
        return b == '\r';
    case CHUNK_LAST_LF:
        return b == '\n';
    case CHUNK_NONE:
    case CHUNK_DATA:
    default:
        return false;
    }
}

static enum http1_step parser_feed(struct http1_server *h, const uint8_t *data,
                                   size_t length)
{
    llhttp_errno_t e = llhttp_execute(&h->parser, (const char *)data, length);

    if (h->complete && e == HPE_PAUSED)
        return HTTP1_DONE;
    if (e == HPE_OK)
        return HTTP1_MORE;
    if (h->why == NULL)
        h->why = "body_framing";
    return HTTP1_FAULT;
}

static enum http1_step body_chunked(struct http1_server *h, const uint8_t *data,
                                    size_t length, size_t *used)
{
    enum http1_step step = HTTP1_MORE;

    while (*used < length && step == HTTP1_MORE) {
        size_t n = 1;

        if (h->chunk == CHUNK_DATA) {
            n = length - *used;
            if (n > h->chunk_left)
                n = h->chunk_left;
            h->chunk_left -= (uint32_t)n;
            if (h->chunk_left == 0)
                h->chunk = CHUNK_DATA_CR;
        } else if (!chunk_framing(h, data[*used])) {
            h->why = "chunk_framing";
            return HTTP1_FAULT;
        }
        step = parser_feed(h, data + *used, n);
        *used += n;
    }
    return step;
}

enum http1_step http1_server_body(struct http1_server *h, const uint8_t *data,
                                  size_t length, http1_body_fn *body, void *arg,
                                  size_t *used)
{
    enum http1_step step;

    *used = 0;
    h->body = body;
    h->body_arg = arg;
    if (h->chunk != CHUNK_NONE)
        return body_chunked(h, data, length, used);
    step = parser_feed(h, data, length);
    *used = length;
    if (step == HTTP1_DONE)
        *used = (size_t)(llhttp_get_error_pos(&h->parser) - (const char *)data);
    return step;
}
