/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sallyport connect` makes of requests: P10, whatever the network makes
 * of their bytes, and nothing in what is forwarded that was not read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/connect_ask.h"

#define GET  "GET /v1/models HTTP/1.1\r\nhost: x\r\n"
#define POST "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"

struct sink {
    char body[256];
    size_t length;
    size_t room;
};

static int body_add(void *arg, const void *data, size_t length)
{
    struct sink *s = arg;

    if (s->length + length > s->room)
        return -1;
    memcpy(s->body + s->length, data, length);
    s->length += length;
    return 0;
}

/* Reads `text` as it comes in pieces cut at `cut`; how it ended. */
static enum ask_step read_all(struct ask *a, const char *text, size_t length,
                              size_t cut, struct sink *s, size_t *used)
{
    size_t ends[2] = {cut, length};
    enum ask_step step = ASK_MORE;
    bool in_body = false;
    size_t at = 0, n;

    for (int i = 0; i < 2 && step == ASK_MORE; i++) {
        if (!in_body) {
            step = ask_head(a, (const uint8_t *)text, ends[i], &n);
            at = n;
            in_body = step == ASK_DONE && a->has_body;
            step = in_body ? ASK_MORE : step;
        }
        if (in_body && at < ends[i]) {
            step = ask_body(a, (const uint8_t *)text + at, ends[i] - at,
                            body_add, s, &n);
            at += n;
        }
    }
    *used = at;
    return step;
}

static const struct {
    const char *text, *why; /* NULL: it is fine, and this is its body: */
    const char *body;
    int status;
} cases[] = {
    {GET "\r\n", NULL, "", 0},
    {"\r\n" GET "\r\n", NULL, "", 0},
    {POST "content-length: 5\r\n\r\nhello", NULL, "hello", 0},
    {POST "content-length: 0\r\n\r\n", NULL, "", 0},
    {POST "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
     NULL, "hello", 0},
    {POST "Transfer-Encoding: Chunked\r\n\r\n005\r\nhello\r\n0\r\n\r\n", NULL,
     "hello", 0},
    {"\r\n\r\n" GET "\r\n", "empty_line", NULL, 400},
    {"GET  /v1/models HTTP/1.1\r\nhost: x\r\n\r\n", "request_line", NULL, 400},
    {"GET /v1/models HTTP/1.1 \r\nhost: x\r\n\r\n", "request_line", NULL, 400},
    {"GET /v1/models\r\nhost: x\r\n\r\n", "request_line", NULL, 400},
    {"GET /v1/models HTTP/1.2\r\nhost: x\r\n\r\n", "version", NULL, 400},
    {"GET http://x/v1/models HTTP/1.1\r\nhost: x\r\n\r\n", "target", NULL, 400},
    {"GET /v1/../models HTTP/1.1\r\nhost: x\r\n\r\n", "target", NULL, 400},
    {"PUT /v1/models HTTP/1.1\r\nhost: x\r\n\r\n", "method", NULL, 405},
    {"GET /v1/models HTTP/1.1\r\n\r\n", "host", NULL, 400},
    {"GET /v1/models HTTP/1.1\r\nhost: \r\n\r\n", "host", NULL, 400},
    {GET "host: x\r\n\r\n", "field_twice", NULL, 400},
    {GET "authorization: a\r\nauthorization: b\r\n\r\n", "field_twice", NULL,
     400},
    {GET "a: b\n\r\n", "bare_lf", NULL, 400},
    {GET "a: b\r\n c\r\n\r\n", "folded_line", NULL, 400},
    {GET "a : b\r\n\r\n", "syntax", NULL, 400},
    {GET ": b\r\n\r\n", "syntax", NULL, 400},
    {GET "a: \x01\r\n\r\n", "control_byte", NULL, 400},
    {GET "content-length: 1\r\n\r\nx", "unexpected_body", NULL, 400},
    {GET "upgrade: h2c\r\n\r\n", "upgrade", NULL, 400},
    {POST "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", NULL, NULL,
     400},
    {POST "content-length: -5\r\n\r\n", NULL, NULL, 400},
    {POST "content-length: 33554433\r\n\r\n", NULL, NULL, 413},
    {POST "transfer-encoding: chunked, chunked\r\n\r\n", NULL, NULL, 400},
    {POST "expect: more\r\ncontent-length: 1\r\n\r\n", "expect", NULL, 417},
    {POST "transfer-encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
     "chunk_extension", NULL, 400},
    {POST "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: b\r\n\r\n",
     "trailer", NULL, 400},
    {POST "transfer-encoding: chunked\r\n\r\nx\r\n", "body_framing", NULL, 400},
    {POST "transfer-encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
     "body_framing", NULL, 400},
};

static void case_check(size_t i, size_t cut)
{
    const char *text = cases[i].text;
    struct sink s = {.room = sizeof s.body};
    struct ask a;
    size_t used;
    enum ask_step step;

    ask_init(&a);
    step = read_all(&a, text, strlen(text), cut, &s, &used);
    if (cases[i].status == 0) {
        if (step != ASK_DONE || used != strlen(text) || a.fault != NULL ||
            s.length != strlen(cases[i].body) ||
            memcmp(s.body, cases[i].body, s.length) != 0)
            fail_msg("case %zu cut at %zu", i, cut);
    } else {
        if (step != ASK_FAULT || a.fault->status != cases[i].status)
            fail_msg("case %zu cut at %zu: %d", i, cut, step);
        if (cases[i].why != NULL &&
            (a.why == NULL || strcmp(a.why, cases[i].why) != 0))
            fail_msg("case %zu cut at %zu: %s", i, cut,
                     a.why != NULL ? a.why : "-");
    }
    ask_release(&a);
}

static void p10_one_meaning_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t cut = 0; cut <= strlen(cases[i].text); cut++)
            case_check(i, cut);
}

static void p10_what_is_behind_a_request_is_left(void **state)
{
    static const char text[] = POST "content-length: 2\r\n\r\nhi" GET "\r\n";
    struct sink s = {.room = sizeof s.body};
    struct ask a;
    size_t used;

    (void)state;
    ask_init(&a);
    assert_int_equal(read_all(&a, text, sizeof text - 1, 0, &s, &used),
                     ASK_DONE);
    assert_int_equal(used, sizeof text - 1 - strlen(GET "\r\n"));
    assert_int_equal(s.length, 2);
    ask_release(&a);
}

static void p10_only_what_is_known_is_forwarded(void **state)
{
    static const char text[] =
        POST "Content-Type:  application/json \r\nAuthorization: Bearer k\r\n"
             "X-Api-Key: k\r\ncookie: c\r\nx-forwarded-for: y\r\n"
             "Connection: x-sallyport-case\r\nanthropic-beta: b\r\n"
             "x-sallyport-case: 7\r\ncontent-length: 0\r\n\r\n";
    static const char want[] = "content-type: application/json\r\n"
                               "anthropic-beta: b\r\nx-sallyport-case: 7\r\n";
    struct sink s = {.room = sizeof s.body};
    struct ask a;
    struct buf out;
    size_t used;

    (void)state;
    ask_init(&a);
    buf_init(&out, 4096);
    assert_int_equal(read_all(&a, text, sizeof text - 1, 0, &s, &used),
                     ASK_DONE);
    assert_int_equal(ask_forward(&a, &out), 0);
    assert_int_equal(out.length, sizeof want - 1);
    assert_memory_equal(buf_bytes(&out), want, sizeof want - 1);
    buf_release(&out);
    ask_release(&a);
}

static void bounds(void **state)
{
    struct sink small = {.room = 3};
    char *text = malloc(70000);
    struct ask a;
    size_t used, n;

    (void)state;
    n = (size_t)sprintf(text, GET "x: ");
    memset(text + n, 'y', 60000);
    ask_init(&a);
    assert_int_equal(ask_head(&a, (uint8_t *)text, n + 60000, &used),
                     ASK_FAULT);
    assert_int_equal(a.fault->status, 431);
    ask_release(&a);
    n = (size_t)sprintf(text, GET);
    for (int i = 0; i < LIMIT_HEAD_FIELDS; i++)
        n += (size_t)sprintf(text + n, "a: b\r\n");
    n += (size_t)sprintf(text + n, "\r\n");
    assert_int_equal(ask_head(&a, (uint8_t *)text, n, &used), ASK_FAULT);
    assert_int_equal(a.fault->status, 431);
    ask_release(&a);
    n = (size_t)sprintf(text, POST "content-length: 5\r\n\r\nhello");
    assert_int_equal(read_all(&a, text, n, 0, &small, &used), ASK_FAULT);
    ask_release(&a);
    free(text);
}

static void the_dialect_is_that_of_the_route(void **state)
{
    static const struct {
        const char *text;
        enum dialect dialect;
    } of[] = {
        {"POST /v1/messages HTTP/1.1\r\nhost: x\nx", DIALECT_ANTHROPIC},
        {"POST /v1/messages HTTP/1.1\r\n\r\n", DIALECT_ANTHROPIC},
        {"POST /v1/other HTTP/1.1\r\n\r\n", DIALECT_OPENAI},
        {GET "anthropic-version: 2023-06-01\r\n\r\n", DIALECT_ANTHROPIC},
        {GET "\r\n", DIALECT_OPENAI},
        {"nonsense\n", DIALECT_OPENAI},
    };
    struct ask a;
    size_t used;

    (void)state;
    ask_init(&a);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        (void)ask_head(&a, (const uint8_t *)of[i].text, strlen(of[i].text),
                       &used);
        assert_int_equal(a.dialect, of[i].dialect);
        ask_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p10_one_meaning_however_it_is_cut),
        cmocka_unit_test(p10_what_is_behind_a_request_is_left),
        cmocka_unit_test(p10_only_what_is_known_is_forwarded),
        cmocka_unit_test(bounds),
        cmocka_unit_test(the_dialect_is_that_of_the_route),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
