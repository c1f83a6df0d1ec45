/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's answers, good and hostile: each read whole and split in two at
 * every byte; all must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/http1_client.h"
#include "lib/error.h"
#include "lib/limits.h"

#define OK      "HTTP/1.1 200 OK\r\n"
#define JSON    "Content-Type: application/json\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

struct outcome {
    int r;
    bool headed, complete, keeps;
    int eof; /* what http1_client_eof() says behind it */
    struct upstream_head head;
    char body[128];
    size_t length;
    bool refuse;
};

static int on_head(void *arg, const struct upstream_head *head)
{
    struct outcome *o = arg;

    assert_false(o->headed);
    o->headed = true;
    o->head = *head;
    return o->refuse ? -1 : 0;
}

static int on_body(void *arg, const uint8_t *data, size_t length)
{
    struct outcome *o = arg;

    assert_true(o->headed);
    assert_true(o->length + length <= sizeof(o->body));
    memcpy(o->body + o->length, data, length);
    o->length += length;
    return 0;
}

static const struct http1_client_calls calls = {on_head, on_body};

/* From memory of its own size, so that a sanitizer sees reading behind it. */
static int feed(struct http1_client *h, const char *text, size_t length)
{
    uint8_t *exact = malloc(length + 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, text, length);
    exact = realloc(exact, length > 0 ? length : 1);
    r = http1_client_feed(h, exact, length);
    free(exact);
    return r;
}

static struct outcome read_split(const char *text, size_t length, size_t at)
{
    struct http1_client h;
    struct outcome o = {0};

    http1_client_init(&h, &calls, &o);
    o.r = feed(&h, text, at);
    if (o.r == 0)
        o.r = feed(&h, text + at, length - at);
    o.complete = h.complete;
    o.keeps = http1_client_keeps(&h);
    o.eof = o.r == 0 ? http1_client_eof(&h) : o.r;
    return o;
}

static struct outcome read_all_ways(const char *name, const char *text)
{
    size_t length = strlen(text);
    struct outcome whole = read_split(text, length, length);

    for (size_t at = 0; at < length; at++) {
        struct outcome o = read_split(text, length, at);

        if (o.r != whole.r ||
            (o.r == 0 &&
             (o.complete != whole.complete || o.keeps != whole.keeps ||
              o.eof != whole.eof || o.head.status != whole.head.status ||
              o.head.type != whole.head.type ||
              o.head.encoded != whole.head.encoded ||
              o.head.content_length != whole.head.content_length ||
              o.head.retry_after != whole.head.retry_after ||
              o.length != whole.length ||
              memcmp(o.body, whole.body, o.length) != 0)))
            fail_msg("%s: split at %zu reads otherwise (%d, %d)", name, at, o.r,
                     whole.r);
    }
    return whole;
}

static const struct {
    const char *name, *text;
    uint16_t status;
    enum upstream_type type;
    bool encoded;
    int64_t content_length;
    int retry_after;
    const char *body;
    bool complete, keeps;
    int eof;
} good[] = {
    {"length", OK JSON "Content-Length: 2\r\n\r\n{}", 200, UPSTREAM_JSON, false,
     2, 0, "{}", true, true, 0},
    {"chunked",
     OK "content-type: text/event-stream; charset=utf-8\r\n" CHUNKED
        "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     200, UPSTREAM_EVENTS, false, -1, 0, "abcde", true, true, 0},
    {"close", OK JSON "Connection: close\r\nContent-Length: 2\r\n\r\n{}", 200,
     UPSTREAM_JSON, false, 2, 0, "{}", true, false, 0},
    {"until_eof", OK JSON "\r\n{}", 200, UPSTREAM_JSON, false, -1, 0, "{}",
     false, false, 0},
    {"interim",
     "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK JSON
     "Content-Length: 2\r\n\r\n{}",
     200, UPSTREAM_JSON, false, 2, 0, "{}", true, true, 0},
    {"gzip", OK JSON "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 200,
     UPSTREAM_JSON, true, 0, 0, "", true, true, 0},
    {"identity",
     OK JSON "Content-Encoding: identity\r\nContent-Length: 0\r\n"
             "\r\n",
     200, UPSTREAM_JSON, false, 0, 0, "", true, true, 0},
    {"gzip_and_identity",
     OK JSON "Content-Encoding: gzip\r\nContent-Encoding: identity\r\n"
             "Content-Length: 0\r\n\r\n",
     200, UPSTREAM_JSON, true, 0, 0, "", true, true, 0},
    {"identity_folded",
     OK JSON "Content-Encoding: identity\r\n gzip\r\nContent-Length: 0\r\n"
             "\r\n",
     200, UPSTREAM_JSON, true, 0, 0, "", true, true, 0},
    {"gzip_and_chunked",
     OK JSON "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 200,
     UPSTREAM_JSON, true, -1, 0, "", true, true, 0},
    {"two_types",
     OK "Content-Type: text/html\r\n" JSON "Content-Length: 0\r\n\r\n", 200,
     UPSTREAM_OTHER, false, 0, 0, "", true, true, 0},
    {"html", OK "Content-Type: text/html\r\nContent-Length: 0\r\n\r\n", 200,
     UPSTREAM_OTHER, false, 0, 0, "", true, true, 0},
    {"no_type", OK "Content-Length: 0\r\n\r\n", 200, UPSTREAM_OTHER, false, 0,
     0, "", true, true, 0},
    {"jsonx", OK "Content-Type: application/jsonx\r\nContent-Length: 0\r\n\r\n",
     200, UPSTREAM_OTHER, false, 0, 0, "", true, true, 0},
    {"busy", "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
     429, UPSTREAM_OTHER, false, 0, 7, "", true, true, 0},
    {"busy_long",
     "HTTP/1.1 503 No\r\nRetry-After: 61\r\nContent-Length: 0\r\n"
     "\r\n",
     503, UPSTREAM_OTHER, false, 0, 0, "", true, true, 0},
    {"busy_date",
     "HTTP/1.1 503 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 "
     "GMT\r\nContent-Length: 0\r\n\r\n",
     503, UPSTREAM_OTHER, false, 0, 0, "", true, true, 0},
    {"short", OK JSON "Content-Length: 5\r\n\r\n{}", 200, UPSTREAM_JSON, false,
     5, 0, "{}", false, false, SP_ECLOSED},
    {"no_last_chunk", OK JSON CHUNKED "\r\n2\r\n{}\r\n", 200, UPSTREAM_JSON,
     false, -1, 0, "{}", false, false, SP_ECLOSED},
    {"half_head", OK JSON, 0, UPSTREAM_JSON, false, 0, 0, "", false, false,
     SP_ECLOSED},
};

static void good_answers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct outcome o = read_all_ways(good[i].name, good[i].text);

        if (o.r != 0 || o.complete != good[i].complete ||
            o.keeps != good[i].keeps || o.eof != good[i].eof ||
            o.length != strlen(good[i].body) ||
            memcmp(o.body, good[i].body, o.length) != 0)
            fail_msg("%s: r %d complete %d keeps %d eof %d body %zu",
                     good[i].name, o.r, o.complete, o.keeps, o.eof, o.length);
        if (o.headed &&
            (o.head.status != good[i].status || o.head.type != good[i].type ||
             o.head.encoded != good[i].encoded ||
             o.head.content_length != good[i].content_length ||
             o.head.retry_after != good[i].retry_after))
            fail_msg("%s: status %u type %d length %lld retry %d", good[i].name,
                     o.head.status, o.head.type,
                     (long long)o.head.content_length, o.head.retry_after);
    }
}

static const struct {
    const char *name, *text;
} bad[] = {
    {"not_http", "SSH-2.0-OpenSSH\r\n"},
    {"length_and_chunked", OK JSON "Content-Length: 2\r\n" CHUNKED "\r\n"},
    {"length_twice", OK JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n"},
    {"length_word", OK JSON "Content-Length: two\r\n\r\n"},
    {"bare_lf", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
    {"more_than_asked", OK JSON "Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK"},
    {"upgrade", "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: "
                "upgrade\r\n\r\n"},
    {"bad_chunk", OK JSON CHUNKED "\r\nzz\r\n"},
};

static void P10_answers_that_could_be_read_twice_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct outcome o = read_all_ways(bad[i].name, bad[i].text);

        if (o.r != SP_EPROTO)
            fail_msg("%s: %d", bad[i].name, o.r);
    }
}

static void a_head_can_be_refused(void **state)
{
    static const char text[] = OK JSON "Content-Length: 2\r\n\r\n{}";
    struct http1_client h;
    struct outcome o = {.refuse = true};

    (void)state;
    http1_client_init(&h, &calls, &o);
    assert_int_equal(feed(&h, text, sizeof(text) - 1), SP_EPROTO);
    assert_int_equal(o.length, 0);
}

static void heads_are_bounded(void **state)
{
    struct http1_client h;
    struct outcome o = {0};
    char field[1024];
    size_t fed = sizeof(OK) - 1;

    (void)state;
    memset(field, 'a', sizeof(field));
    memcpy(field, "x: ", 3);
    memcpy(field + sizeof(field) - 2, "\r\n", 2);
    http1_client_init(&h, &calls, &o);
    assert_int_equal(feed(&h, OK, sizeof(OK) - 1), 0);
    while (feed(&h, field, sizeof(field)) == 0)
        fed += sizeof(field);
    assert_true(fed > LIMIT_HEAD_BYTES - 2 * sizeof(field));
    assert_true(fed <= LIMIT_HEAD_BYTES + sizeof(field));
    assert_false(o.headed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_answers_are_read),
        cmocka_unit_test(P10_answers_that_could_be_read_twice_are_refused),
        cmocka_unit_test(a_head_can_be_refused),
        cmocka_unit_test(heads_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
