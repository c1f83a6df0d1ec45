/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 requests, good and hostile (P10). Each is read whole and then
 * split in two at every byte; all must agree. The hostile ones are named
 * after what they try.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http1_server.h"

#define POST     "POST /v1/chat/completions HTTP/1.1\r\n"
#define HOST     "Host: gate.example\r\n"
#define JSON     "Content-Type: application/json\r\n"
#define FINDINGS "POST /sallyport/v1/findings HTTP/1.1\r\n"
#define LEN2     "Content-Length: 2\r\n"
#define CHUNKED  "Transfer-Encoding: chunked\r\n"
#define GET      "GET /v1/models HTTP/1.1\r\n"

struct outcome {
    enum http1_step step;
    bool head; /* a head came out */
    struct request_head h;
    char body[256];
    size_t body_length;
    size_t used; /* bytes of the stream that were the request's */
};

struct sink {
    struct outcome *o;
};

static int take(void *arg, const uint8_t *data, size_t length)
{
    struct outcome *o = ((struct sink *)arg)->o;

    if (o->body_length + length > sizeof(o->body))
        return -1;
    memcpy(o->body + o->body_length, data, length);
    o->body_length += length;
    return 0;
}

/* A reader as the connection is one: unfinished heads are offered again with
 * more behind them, bodies as they come. */
struct reader {
    struct http1_server h;
    struct outcome o;
    uint8_t *held;
    size_t nheld;
    bool done;
};

static void reader_feed(struct reader *r, const char *data, size_t length)
{
    struct sink sink = {&r->o};
    size_t used = 0;

    r->held = realloc(r->held, r->nheld + length + 1);
    assert_non_null(r->held);
    memcpy(r->held + r->nheld, data, length);
    r->nheld += length;
    if (!r->done && !r->o.head) {
        r->o.step = http1_server_head(&r->h, r->held, r->nheld, &r->o.h, &used);
        r->o.head = r->o.step != HTTP1_MORE;
        r->done = r->o.step == HTTP1_FAULT ||
                  (r->o.step == HTTP1_DONE && !r->o.h.has_body);
        r->o.used += used;
        memmove(r->held, r->held + used, r->nheld - used);
        r->nheld -= used;
    }
    if (!r->done && r->o.head && r->nheld > 0) {
        /* A copy of its own size, so that a sanitizer sees reading behind. */
        uint8_t *exact = malloc(r->nheld);

        assert_non_null(exact);
        memcpy(exact, r->held, r->nheld);
        r->o.step =
            http1_server_body(&r->h, exact, r->nheld, take, &sink, &used);
        r->done = r->o.step != HTTP1_MORE;
        free(exact);
        r->o.used += used;
        memmove(r->held, r->held + used, r->nheld - used);
        r->nheld -= used;
    }
}

static void read_split(const char *text, size_t length, size_t at,
                       struct outcome *o)
{
    struct reader r = {0};

    http1_server_init(&r.h);
    reader_feed(&r, text, at);
    reader_feed(&r, text + at, length - at);
    *o = r.o;
    free(r.held);
}

static void read_bytewise(const char *text, size_t length, struct outcome *o)
{
    struct reader r = {0};

    http1_server_init(&r.h);
    for (size_t i = 0; i < length; i++)
        reader_feed(&r, text + i, 1);
    *o = r.o;
    free(r.held);
}

static void assert_same(const struct outcome *a, const struct outcome *b,
                        const char *name, size_t at)
{
    if (a->step == b->step && a->head == b->head && a->h.fault == b->h.fault &&
        a->h.framed == b->h.framed && a->h.method == b->h.method &&
        a->h.target.route == b->h.target.route &&
        a->h.content_length == b->h.content_length &&
        a->h.keep_alive == b->h.keep_alive &&
        a->h.expects_continue == b->h.expects_continue &&
        (a->step == HTTP1_FAULT || a->body_length == b->body_length) &&
        memcmp(a->body, b->body,
               b->body_length < a->body_length ? b->body_length
                                               : a->body_length) == 0 &&
        (a->step == HTTP1_FAULT || a->used == b->used))
        return;
    fail_msg("%s: split at %zu reads otherwise: step %d/%d fault %d/%d "
             "body %zu/%zu used %zu/%zu",
             name, at, a->step, b->step, a->h.fault, b->h.fault, a->body_length,
             b->body_length, a->used, b->used);
}

static void read_all_ways(const char *name, const char *text, size_t length,
                          struct outcome *whole)
{
    struct outcome other;

    read_split(text, length, length, whole);
    for (size_t at = 0; at < length; at++) {
        read_split(text, length, at, &other);
        assert_same(whole, &other, name, at);
    }
    read_bytewise(text, length, &other);
    assert_same(whole, &other, name, length);
}

/* ---- refused ---- */

#define BAD REASON_BAD_REQUEST

static const struct {
    const char *name;
    enum reason fault;
    bool framed; /* it can be answered and the connection kept */
    const char *text;
    size_t length; /* 0: strlen */
} refused[] = {
    /* two lengths */
    {"cl_te", BAD, false, POST HOST JSON LEN2 CHUNKED "\r\n", 0},
    {"te_cl", BAD, false, POST HOST JSON CHUNKED LEN2 "\r\n", 0},
    {"cl_twice_same", BAD, false, POST HOST JSON LEN2 LEN2 "\r\n{}", 0},
    {"cl_twice_other", BAD, false,
     POST HOST JSON LEN2 "Content-Length: 3\r\n\r\n{}", 0},
    {"cl_list", BAD, false, POST HOST JSON "Content-Length: 2, 2\r\n\r\n{}", 0},
    {"cl_plus", BAD, false, POST HOST JSON "Content-Length: +2\r\n\r\n{}", 0},
    {"cl_minus", BAD, false, POST HOST JSON "Content-Length: -2\r\n\r\n{}", 0},
    {"cl_hex", BAD, false, POST HOST JSON "Content-Length: 0x2\r\n\r\n{}", 0},
    {"cl_empty", BAD, false, POST HOST JSON "Content-Length:\r\n\r\n", 0},
    {"cl_inner_space", BAD, false, POST HOST JSON "Content-Length: 1 2\r\n\r\n",
     0},
    {"cl_overflow", BAD, false,
     POST HOST JSON "Content-Length: 18446744073709551618\r\n\r\n{}", 0},
    {"cl_decimal", BAD, false, POST HOST JSON "Content-Length: 2.0\r\n\r\n{}",
     0},
    {"te_twice", BAD, false, POST HOST JSON CHUNKED CHUNKED "\r\n", 0},
    {"te_list", BAD, false,
     POST HOST JSON "Transfer-Encoding: gzip, chunked\r\n\r\n", 0},
    {"te_chunked_twice", BAD, false,
     POST HOST JSON "Transfer-Encoding: chunked, chunked\r\n\r\n", 0},
    {"te_identity", BAD, false,
     POST HOST JSON "Transfer-Encoding: identity\r\n\r\n", 0},
    {"te_xchunked", BAD, false,
     POST HOST JSON "Transfer-Encoding: xchunked\r\n\r\n", 0},
    {"te_empty", BAD, false, POST HOST JSON "Transfer-Encoding:\r\n\r\n", 0},
    {"te_quoted", BAD, false,
     POST HOST JSON "Transfer-Encoding: \"chunked\"\r\n\r\n", 0},
    {"te_semicolon", BAD, false,
     POST HOST JSON "Transfer-Encoding: chunked;q=1\r\n\r\n", 0},
    {"te_vtab", BAD, false,
     POST HOST JSON "Transfer-Encoding: \x0b"
                    "chunked\r\n\r\n",
     0},
    {"te_http10", BAD, false,
     "POST /v1/messages HTTP/1.0\r\n" HOST JSON CHUNKED "\r\n", 0},
    {"te_space_colon", BAD, false,
     POST HOST JSON "Transfer-Encoding : chunked\r\n\r\n", 0},
    {"cl_space_colon", BAD, false,
     POST HOST JSON "Content-Length : 2\r\n\r\n{}", 0},
    {"get_with_body", BAD, false, GET HOST LEN2 "\r\n{}", 0},
    {"get_chunked", BAD, false, GET HOST CHUNKED "\r\n0\r\n\r\n", 0},
    {"head_with_body", BAD, false,
     "HEAD /v1/models HTTP/1.1\r\n" HOST LEN2 "\r\n{}", 0},
    /* line ends and bytes */
    {"bare_lf_line", BAD, false, "GET /v1/models HTTP/1.1\nHost: a\n\n", 0},
    {"bare_lf_field", BAD, false, GET "Host: a\n\r\n", 0},
    {"bare_lf_end", BAD, false, GET HOST "\n", 0},
    {"bare_cr_value", BAD, false, GET "Host: a\rX: b\r\n\r\n", 0},
    {"cr_cr_lf", BAD, false, GET "Host: a\r\r\n\r\n", 0},
    {"folded", BAD, false, GET HOST "X: a\r\n b\r\n\r\n", 0},
    {"folded_tab", BAD, false, GET HOST "X: a\r\n\tb\r\n\r\n", 0},
    {"folded_first", BAD, false, GET " Host: a\r\n\r\n", 0},
    {"nul_value", BAD, false, GET HOST "X: a\0b\r\n\r\n",
     sizeof(GET HOST "X: a\0b\r\n\r\n") - 1},
    {"nul_name", BAD, false, GET HOST "X\0: a\r\n\r\n",
     sizeof(GET HOST "X\0: a\r\n\r\n") - 1},
    {"nul_target", BAD, false, "GET /v1/\0models HTTP/1.1\r\n" HOST "\r\n",
     sizeof("GET /v1/\0models HTTP/1.1\r\n" HOST "\r\n") - 1},
    {"del_value", BAD, false, GET HOST "X: a\x7f\r\n\r\n", 0},
    {"escape_value", BAD, false, GET HOST "X: \x1b[2J\r\n\r\n", 0},
    {"tab_request_line", BAD, false, "GET\t/v1/models HTTP/1.1\r\n" HOST "\r\n",
     0},
    {"two_empty_lines_before", BAD, false, "\r\n\r\n" GET HOST "\r\n", 0},
    {"tls_in_plain", BAD, false, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
     10},
    /* request line */
    {"no_version", BAD, false, "GET /v1/models\r\n" HOST "\r\n", 0},
    {"http09", BAD, false, "GET /v1/models HTTP/0.9\r\n" HOST "\r\n", 0},
    {"http2", BAD, false, "GET /v1/models HTTP/2.0\r\n" HOST "\r\n", 0},
    {"http12", BAD, false, "GET /v1/models HTTP/1.2\r\n" HOST "\r\n", 0},
    {"http_lower", BAD, false, "GET /v1/models http/1.1\r\n" HOST "\r\n", 0},
    {"two_spaces", BAD, false, "GET  /v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"space_in_target", BAD, false, "GET /v1/mo dels HTTP/1.1\r\n" HOST "\r\n",
     0},
    {"trailing_space", BAD, false, "GET /v1/models HTTP/1.1 \r\n" HOST "\r\n",
     0},
    {"method_colon", BAD, false, "G:T /v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"absolute_form", BAD, false,
     "GET http://gate/v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"double_slash", BAD, false, "GET //v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"dots", BAD, false, "GET /v1/../v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"encoded_slash", BAD, false, "GET /v1%2fmodels HTTP/1.1\r\n" HOST "\r\n",
     0},
    {"semicolon", BAD, false, "GET /v1/models;a HTTP/1.1\r\n" HOST "\r\n", 0},
    {"fragment", BAD, false, "GET /v1/models#a HTTP/1.1\r\n" HOST "\r\n", 0},
    /* Host */
    {"host_missing", BAD, false, GET "\r\n", 0},
    {"host_empty", BAD, false, GET "Host:\r\n\r\n", 0},
    {"host_twice", BAD, false, GET HOST HOST "\r\n", 0},
    {"host_comma", BAD, false, GET "Host: a,b\r\n\r\n", 0},
    {"host_userinfo", BAD, false, GET "Host: a@b\r\n\r\n", 0},
    {"host_path", BAD, false, GET "Host: a/b\r\n\r\n", 0},
    {"host_missing_10", BAD, false, "GET /v1/models HTTP/1.0\r\n\r\n", 0},
    /* fields */
    {"empty_name", BAD, false, GET HOST ": a\r\n\r\n", 0},
    {"name_space", BAD, false, GET HOST "A B: a\r\n\r\n", 0},
    {"no_colon", BAD, false, GET HOST "Accept\r\n\r\n", 0},
    {"name_utf8", BAD, false, GET HOST "\xc3\xa4: a\r\n\r\n", 0},
    {"type_twice", BAD, false, POST HOST JSON JSON LEN2 "\r\n{}", 0},
    {"encoding_twice", BAD, false,
     POST HOST JSON LEN2
     "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n\r\n{}",
     0},
    {"expect_twice", BAD, false,
     POST HOST JSON LEN2
     "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n{}",
     0},
    {"version_twice", BAD, false,
     GET HOST "anthropic-version: 2023-06-01\r\n"
              "anthropic-version: 2023-06-01\r\n\r\n",
     0},
    {"upgrade_h2c", BAD, false,
     GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 0},
    {"upgrade_websocket", BAD, false,
     "GET /v1/responses HTTP/1.1\r\n" HOST
     "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
     0},
    {"upgrade_alone", BAD, false, GET HOST "Upgrade: TLS/1.3\r\n\r\n", 0},
    /* well-formed, but not for us: the connection can be kept */
    {"route_unknown", REASON_ROUTE_UNKNOWN, true,
     "GET /v1/files HTTP/1.1\r\n" HOST "\r\n", 0},
    {"query", REASON_ROUTE_UNKNOWN, true,
     "GET /v1/models?limit=5 HTTP/1.1\r\n" HOST "\r\n", 0},
    {"wrong_method", REASON_METHOD_NOT_ALLOWED, true,
     "POST /v1/models HTTP/1.1\r\n" HOST JSON "\r\n", 0},
    {"delete", REASON_METHOD_NOT_ALLOWED, false,
     "DELETE /v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"connect", REASON_BAD_REQUEST, false,
     "CONNECT gate:443 HTTP/1.1\r\n" HOST "\r\n", 0},
    {"unheard_of", REASON_METHOD_NOT_ALLOWED, false,
     "BREW /v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"lower_case_method", REASON_METHOD_NOT_ALLOWED, false,
     "get /v1/models HTTP/1.1\r\n" HOST "\r\n", 0},
    {"expect_other", REASON_EXPECTATION_FAILED, true,
     POST HOST JSON LEN2 "Expect: the-unexpected\r\n\r\n{}", 0},
    {"expect_list", REASON_EXPECTATION_FAILED, true,
     POST HOST JSON LEN2 "Expect: 100-continue, x\r\n\r\n{}", 0},
    {"gzip", REASON_ENCODING_UNSUPPORTED, true,
     POST HOST JSON LEN2 "Content-Encoding: gzip\r\n\r\n{}", 0},
    {"type_missing", REASON_CONTENT_TYPE, true, POST HOST LEN2 "\r\n{}", 0},
    {"type_form", REASON_CONTENT_TYPE, true,
     POST HOST LEN2 "Content-Type: text/plain\r\n\r\n{}", 0},
    {"type_latin1", REASON_CONTENT_TYPE, true,
     POST HOST LEN2 "Content-Type: application/json; charset=latin1\r\n\r\n{}",
     0},
    {"type_json_only", REASON_CONTENT_TYPE, true,
     "POST /sallyport/v1/nda HTTP/1.1\r\n" HOST LEN2
     "Content-Type: text/plain\r\n\r\n{}",
     0},
    {"type_html", REASON_CONTENT_TYPE, true,
     FINDINGS HOST LEN2 "Content-Type: text/html\r\n\r\n{}", 0},
    {"type_octets_x", REASON_CONTENT_TYPE, true,
     FINDINGS HOST LEN2
     "Content-Type: application/octet-stream; charset=utf-8\r\n\r\n{}",
     0},
    {"type_text_latin1", REASON_CONTENT_TYPE, true,
     FINDINGS HOST LEN2 "Content-Type: text/plain; charset=latin1\r\n\r\n{}",
     0},
    {"type_json_x", REASON_CONTENT_TYPE, true,
     POST HOST LEN2 "Content-Type: application/jsonx\r\n\r\n{}", 0},
};

static void P10_what_could_be_read_twice_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        size_t length = refused[i].length != 0 ? refused[i].length
                                               : strlen(refused[i].text);
        struct outcome o;

        read_all_ways(refused[i].name, refused[i].text, length, &o);
        if (!o.head || o.h.fault != refused[i].fault ||
            o.h.framed != refused[i].framed)
            fail_msg("%s: head %d fault %d wanted %d framed %d wanted %d (%s)",
                     refused[i].name, o.head, o.h.fault, refused[i].fault,
                     o.h.framed, refused[i].framed,
                     o.h.why != NULL ? o.h.why : "-");
        if (o.h.why == NULL)
            fail_msg("%s: no rule is named", refused[i].name);
    }
}

/* ---- bodies that are refused ---- */

static const struct {
    const char *name;
    const char *body;
} bad_chunks[] = {
    {"extension", "2;a=b\r\n{}\r\n0\r\n\r\n"},
    {"extension_empty", "2;\r\n{}\r\n0\r\n\r\n"},
    {"extension_last", "2\r\n{}\r\n0;a\r\n\r\n"},
    {"trailer", "2\r\n{}\r\n0\r\nX: y\r\n\r\n"},
    {"trailer_length", "2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"},
    {"bare_lf_size", "2\n{}\r\n0\r\n\r\n"},
    {"bare_lf_data", "2\r\n{}\n0\r\n\r\n"},
    {"bare_lf_last", "2\r\n{}\r\n0\n\r\n"},
    {"bare_lf_end", "2\r\n{}\r\n0\r\n\n"},
    {"data_longer", "2\r\n{}}\r\n0\r\n\r\n"},
    {"data_shorter", "3\r\n{}\r\n0\r\n\r\n"},
    {"space_before", " 2\r\n{}\r\n0\r\n\r\n"},
    {"space_behind", "2 \r\n{}\r\n0\r\n\r\n"},
    {"hex_prefix", "0x2\r\n{}\r\n0\r\n\r\n"},
    {"plus", "+2\r\n{}\r\n0\r\n\r\n"},
    {"minus", "-2\r\n{}\r\n0\r\n\r\n"},
    {"no_size", "\r\n{}\r\n0\r\n\r\n"},
    {"letters", "2g\r\n{}\r\n0\r\n\r\n"},
    {"overflow_32", "100000002\r\n{}\r\n0\r\n\r\n"},
    {"overflow_64", "10000000000000002\r\n{}\r\n0\r\n\r\n"},
    {"cr_only", "2\r{}\r\n0\r\n\r\n"},
};

static void P10_chunks_that_could_be_read_twice_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_chunks) / sizeof(bad_chunks[0]); i++) {
        char text[512];
        struct outcome o;

        snprintf(text, sizeof(text), POST HOST JSON CHUNKED "\r\n%s",
                 bad_chunks[i].body);
        read_all_ways(bad_chunks[i].name, text, strlen(text), &o);
        if (o.h.fault != REASON_NONE || o.step != HTTP1_FAULT)
            fail_msg("%s: fault %d step %d", bad_chunks[i].name, o.h.fault,
                     o.step);
    }
}

/* ---- accepted ---- */

static const struct {
    const char *name;
    const char *text;
    enum route route;
    enum method method;
    const char *body;
    bool keep_alive;
    size_t behind; /* bytes of a next request at the end */
} accepted[] = {
    {"get", GET HOST "\r\n", ROUTE_MODELS, METHOD_GET, "", true, 0},
    {"head", "HEAD /v1/models HTTP/1.1\r\n" HOST "\r\n", ROUTE_MODELS,
     METHOD_HEAD, "", true, 0},
    {"one_model", "GET /v1/models/orion HTTP/1.1\r\n" HOST "\r\n", ROUTE_MODEL,
     METHOD_GET, "", true, 0},
    {"post", POST HOST JSON LEN2 "\r\n{}", ROUTE_CHAT_COMPLETIONS, METHOD_POST,
     "{}", true, 0},
    {"zero", POST HOST JSON "Content-Length: 0\r\n\r\n", ROUTE_CHAT_COMPLETIONS,
     METHOD_POST, "", true, 0},
    {"no_length", POST HOST JSON "\r\n", ROUTE_CHAT_COMPLETIONS, METHOD_POST,
     "", true, 0},
    {"charset",
     POST HOST LEN2 "Content-Type: application/json; charset=UTF-8\r\n\r\n{}",
     ROUTE_CHAT_COMPLETIONS, METHOD_POST, "{}", true, 0},
    {"charset_quoted",
     POST HOST LEN2 "content-type:application/json;charset=\"utf-8\"\r\n\r\n{}",
     ROUTE_CHAT_COMPLETIONS, METHOD_POST, "{}", true, 0},
    {"finding_text", FINDINGS HOST LEN2 "Content-Type: text/plain\r\n\r\n{}",
     ROUTE_FINDINGS, METHOD_POST, "{}", true, 0},
    {"finding_utf8",
     FINDINGS HOST LEN2 "Content-Type: Text/Plain; charset=UTF-8\r\n\r\n{}",
     ROUTE_FINDINGS, METHOD_POST, "{}", true, 0},
    {"finding_octets",
     FINDINGS HOST LEN2 "Content-Type: application/octet-stream\r\n\r\n{}",
     ROUTE_FINDINGS, METHOD_POST, "{}", true, 0},
    {"finding_json", FINDINGS HOST JSON LEN2 "\r\n{}", ROUTE_FINDINGS,
     METHOD_POST, "{}", true, 0},
    {"identity", POST HOST JSON LEN2 "Content-Encoding: identity\r\n\r\n{}",
     ROUTE_CHAT_COMPLETIONS, METHOD_POST, "{}", true, 0},
    {"chunked", POST HOST JSON CHUNKED "\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
     ROUTE_CHAT_COMPLETIONS, METHOD_POST, "{}", true, 0},
    {"chunked_case",
     POST HOST JSON
     "transfer-encoding: Chunked\r\n\r\n0A\r\n{\"a\": \"b\"}\r\n00\r\n\r\n",
     ROUTE_CHAT_COMPLETIONS, METHOD_POST, "{\"a\": \"b\"}", true, 0},
    {"close", GET HOST "Connection: close\r\n\r\n", ROUTE_MODELS, METHOD_GET,
     "", false, 0},
    {"http10", "GET /v1/models HTTP/1.0\r\n" HOST "\r\n", ROUTE_MODELS,
     METHOD_GET, "", false, 0},
    {"empty_line_before", "\r\n" GET HOST "\r\n", ROUTE_MODELS, METHOD_GET, "",
     true, 0},
    {"pipelined", POST HOST JSON LEN2 "\r\n{}" GET HOST "\r\n",
     ROUTE_CHAT_COMPLETIONS, METHOD_POST, "{}", true,
     sizeof(GET HOST "\r\n") - 1},
    {"pipelined_get", GET HOST "\r\n" GET HOST "\r\n", ROUTE_MODELS, METHOD_GET,
     "", true, sizeof(GET HOST "\r\n") - 1},
    {"pipelined_chunked",
     POST HOST JSON CHUNKED "\r\n2\r\n{}\r\n0\r\n\r\n" GET HOST "\r\n",
     ROUTE_CHAT_COMPLETIONS, METHOD_POST, "{}", true,
     sizeof(GET HOST "\r\n") - 1},
    {"beta", "POST /v1/messages?beta=true HTTP/1.1\r\n" HOST JSON LEN2 "\r\n{}",
     ROUTE_MESSAGES, METHOD_POST, "{}", true, 0},
    {"obs_text_value", GET HOST "User-Agent: \xc3\xa4\r\n\r\n", ROUTE_MODELS,
     METHOD_GET, "", true, 0},
    {"secrets_ignored",
     GET HOST "Authorization: Bearer a\r\n"
              "Authorization: Bearer b\r\nX-Api-Key: c\r\n\r\n",
     ROUTE_MODELS, METHOD_GET, "", true, 0},
};

static void good_requests_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        size_t length = strlen(accepted[i].text);
        struct outcome o;

        read_all_ways(accepted[i].name, accepted[i].text, length, &o);
        if (o.step != HTTP1_DONE || o.h.fault != REASON_NONE ||
            o.h.target.route != accepted[i].route ||
            o.h.method != accepted[i].method ||
            o.h.keep_alive != accepted[i].keep_alive ||
            o.body_length != strlen(accepted[i].body) ||
            memcmp(o.body, accepted[i].body, o.body_length) != 0 ||
            o.used != length - accepted[i].behind)
            fail_msg("%s: step %d fault %d (%s) route %d keep %d body %zu used "
                     "%zu of %zu",
                     accepted[i].name, o.step, o.h.fault,
                     o.h.why != NULL ? o.h.why : "-", o.h.target.route,
                     o.h.keep_alive, o.body_length, o.used, length);
    }
}

static void expect_continue_is_seen(void **state)
{
    const char *text = POST HOST JSON LEN2 "Expect: 100-Continue\r\n\r\n{}";
    const char *old = "POST /v1/messages HTTP/1.0\r\n" HOST JSON LEN2
                      "Expect: 100-continue\r\n\r\n{}";
    struct outcome o;

    (void)state;
    read_all_ways("expect", text, strlen(text), &o);
    assert_true(o.h.expects_continue);
    read_all_ways("expect_http10", old, strlen(old), &o);
    assert_int_equal(o.h.fault, REASON_NONE);
    assert_false(o.h.expects_continue);
}

static void anthropic_version_is_a_date_or_nothing(void **state)
{
    static const struct {
        const char *value, *wanted;
    } cases[] = {{"2023-06-01", "2023-06-01"},
                 {"2026-10-21", "2026-10-21"},
                 {"2023-06-01, x", ""},
                 {"2023_06_01", ""},
                 {"x", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct outcome o;

        snprintf(text, sizeof(text), GET HOST "anthropic-version: %s\r\n\r\n",
                 cases[i].value);
        read_all_ways(cases[i].value, text, strlen(text), &o);
        assert_true(o.h.has_anthropic);
        assert_int_equal(o.h.dialect, DIALECT_ANTHROPIC);
        assert_string_equal(o.h.anthropic_version, cases[i].wanted);
    }
}

/* ---- limits ---- */

static char *with_fields(unsigned count, size_t *length)
{
    char *text = malloc(64 + count * 16);
    size_t at;

    assert_non_null(text);
    at = (size_t)sprintf(text, GET HOST);
    for (unsigned i = 1; i < count; i++)
        at += (size_t)sprintf(text + at, "X-%u: a\r\n", i);
    at += (size_t)sprintf(text + at, "\r\n");
    *length = at;
    return text;
}

static void fields_are_counted(void **state)
{
    struct outcome o;
    size_t length;
    char *text = with_fields(LIMIT_HEAD_FIELDS, &length);

    (void)state;
    read_split(text, length, length, &o);
    assert_int_equal(o.h.fault, REASON_NONE);
    free(text);
    text = with_fields(LIMIT_HEAD_FIELDS + 1, &length);
    read_all_ways("fields", text, length, &o);
    assert_int_equal(o.h.fault, REASON_HEAD_TOO_LARGE);
    free(text);
}

/* A head of exactly `length` bytes with its empty line. */
static char *long_head_of(const char *begins, size_t length)
{
    char *text = malloc(length + 1);
    size_t at;

    assert_non_null(text);
    at = (size_t)sprintf(text, "%sX: ", begins);
    memset(text + at, 'a', length - at);
    memcpy(text + length - 4, "\r\n\r\n", 4);
    return text;
}

static char *long_head(size_t length)
{
    return long_head_of(GET HOST, length);
}

/* Its client must be able to read the refusal. */
static void large_heads_are_refused_in_their_dialect(void **state)
{
    static const struct {
        const char *begins;
        enum dialect dialect;
    } cases[] = {
        {"POST /v1/messages HTTP/1.1\r\n" HOST, DIALECT_ANTHROPIC},
        {"POST /v1/messages/none?x HTTP/1.1\r\n" HOST, DIALECT_ANTHROPIC},
        {"POST /v1/chat/completions HTTP/1.1\r\n" HOST, DIALECT_OPENAI},
        {"POST /v1/message HTTP/1.1\r\n" HOST, DIALECT_OPENAI},
        {"POST\r\n", DIALECT_OPENAI},
    };
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = long_head_of(cases[i].begins, LIMIT_HEAD_BYTES + 1);

        for (size_t split = 0; split < 50; split++) {
            read_split(text, LIMIT_HEAD_BYTES + 1, split, &o);
            assert_int_equal(o.h.fault, REASON_HEAD_TOO_LARGE);
            assert_int_equal(o.h.dialect, cases[i].dialect);
            assert_int_equal(o.h.target.route, ROUTE_UNKNOWN);
        }
        free(text);
    }
}

static void heads_are_bounded(void **state)
{
    static const size_t splits[] = {0, 1, 100, LIMIT_HEAD_BYTES - 1,
                                    LIMIT_HEAD_BYTES};
    char *fits = long_head(LIMIT_HEAD_BYTES);
    char *large = long_head(LIMIT_HEAD_BYTES + 1);
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
        read_split(fits, LIMIT_HEAD_BYTES, splits[i], &o);
        assert_int_equal(o.h.fault, REASON_NONE);
        assert_int_equal(o.step, HTTP1_DONE);
        read_split(large, LIMIT_HEAD_BYTES + 1, splits[i], &o);
        assert_int_equal(o.h.fault, REASON_HEAD_TOO_LARGE);
        assert_false(o.h.framed);
    }
    free(fits);
    free(large);
}

static void unfinished_heads_wait(void **state)
{
    const char *text = POST HOST JSON LEN2;
    struct outcome o;

    (void)state;
    read_all_ways("unfinished", text, strlen(text), &o);
    assert_int_equal(o.step, HTTP1_MORE);
    assert_false(o.head);
}

static int refuse_all(void *arg, const uint8_t *data, size_t length)
{
    (void)arg;
    (void)data;
    (void)length;
    return -1;
}

static void a_body_can_be_refused(void **state)
{
    const char *text = POST HOST JSON LEN2 "\r\n{}";
    const uint8_t *bytes = (const uint8_t *)text;
    struct request_head head;
    struct http1_server h;
    size_t used;

    (void)state;
    http1_server_init(&h);
    assert_int_equal(http1_server_head(&h, bytes, strlen(text), &head, &used),
                     HTTP1_DONE);
    assert_int_equal(
        http1_server_body(&h, bytes + used, 2, refuse_all, NULL, &used),
        HTTP1_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P10_what_could_be_read_twice_is_refused),
        cmocka_unit_test(P10_chunks_that_could_be_read_twice_are_refused),
        cmocka_unit_test(good_requests_are_read),
        cmocka_unit_test(expect_continue_is_seen),
        cmocka_unit_test(anthropic_version_is_a_date_or_nothing),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(large_heads_are_refused_in_their_dialect),
        cmocka_unit_test(unfinished_heads_wait),
        cmocka_unit_test(a_body_can_be_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
