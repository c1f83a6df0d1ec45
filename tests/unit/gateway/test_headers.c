/* SPDX-License-Identifier: Apache-2.0 */
/* The heads of both sides, byte for byte: what is not here does not travel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/commitment.h"
#include "gateway/headers.h"

#define ID   "0123456789abcdef0123456789abcdef"
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static const struct headers_time now = {
    .date = DATE, .sunset = "Wed, 18 Nov 2026 11:06:40 GMT", .boot = 5000};

static const char *answer_text(const struct answer_head *a,
                               enum framing framing, bool closes)
{
    static char memory[HEADERS_BYTES];
    struct text t;

    text_init(&t, memory, sizeof(memory) - 1);
    headers_answer(&t, a, framing, closes, &now);
    assert_int_equal(text_end(&t), 0);
    memory[t.length] = '\0';
    return memory;
}

static void a_relayed_answers_head(void **state)
{
    static const uint8_t salt[SALT_BYTES] = {0,   17,  34,  51,  68,  85,
                                             102, 119, 136, 153, 170, 187,
                                             204, 221, 238, 255};
    const struct answer_head a = {.status = 200,
                                  .type = ANSWER_EVENTS,
                                  .length = -1,
                                  .request_id = ID,
                                  .has_receipt = true,
                                  .n = 17,
                                  .salt = salt,
                                  .closes = 1795000000123,
                                  .closes_boot = 5000 + 86400999,
                                  .policy = 42,
                                  .build = "orion/7"};

    (void)state;
    assert_string_equal(
        answer_text(&a, FRAMING_CHUNKED, false),
        "HTTP/1.1 200 OK\r\n"
        "date: " DATE "\r\n"
        "content-type: text/event-stream; charset=utf-8\r\n"
        "transfer-encoding: chunked\r\n"
        "cache-control: no-store\r\n"
        "x-request-id: " ID "\r\n"
        "request-id: " ID "\r\n"
        "x-sallyport-policy: 42\r\n"
        "x-sallyport-receipt: 17;00112233445566778899aabbccddeeff\r\n"
        "x-sallyport-window-closes: 2026-11-18T11:06:40.123Z\r\n"
        "x-sallyport-window-remaining: 86400\r\n"
        "sunset: Wed, 18 Nov 2026 11:06:40 GMT\r\n"
        "x-sallyport-model-build: orion/7\r\n"
        "\r\n");
}

/* By the monotonic clock; what is over is not below zero. */
static void the_seconds_that_are_left(void **state)
{
    static const struct {
        int64_t left;
        const char *says;
    } cases[] = {
        {2592000000, "2592000"},
        {3600000, "3600"},
        {1999, "1"},
        {999, "0"},
        {0, "0"},
        {-1, "0"},
        {-4000, "0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct answer_head a = {.status = 200,
                                      .request_id = ID,
                                      .closes = 1795000000123,
                                      .closes_boot = now.boot + cases[i].left};
        char line[64];

        snprintf(line, sizeof line, "\r\nx-sallyport-window-remaining: %s\r\n",
                 cases[i].says);
        if (strstr(answer_text(&a, FRAMING_LENGTH, false), line) == NULL)
            fail_msg("case %zu: not %s", i, cases[i].says);
    }
}

static void a_refusals_head(void **state)
{
    const struct answer_head never = {.status = 403,
                                      .length = 5,
                                      .retry = RETRY_NEVER,
                                      .request_id = ID,
                                      .has_receipt = true,
                                      .n = 3,
                                      .policy = 1};
    const struct answer_head later = {.status = 405,
                                      .length = 5,
                                      .retry = RETRY_LATER,
                                      .retry_after = 60,
                                      .allow = "POST",
                                      .request_id = ID,
                                      .policy = 1};

    (void)state;
    assert_string_equal(answer_text(&never, FRAMING_LENGTH, false),
                        "HTTP/1.1 403 Forbidden\r\n"
                        "date: " DATE "\r\n"
                        "content-type: application/json\r\n"
                        "content-length: 5\r\n"
                        "cache-control: no-store\r\n"
                        "x-request-id: " ID "\r\n"
                        "request-id: " ID "\r\n"
                        "x-sallyport-policy: 1\r\n"
                        "x-sallyport-receipt: 3\r\n"
                        "x-should-retry: false\r\n"
                        "\r\n");
    assert_string_equal(answer_text(&later, FRAMING_CLOSE, true),
                        "HTTP/1.1 405 Method Not Allowed\r\n"
                        "date: " DATE "\r\n"
                        "content-type: application/json\r\n"
                        "cache-control: no-store\r\n"
                        "allow: POST\r\n"
                        "x-request-id: " ID "\r\n"
                        "request-id: " ID "\r\n"
                        "x-sallyport-policy: 1\r\n"
                        "x-should-retry: true\r\n"
                        "retry-after: 60\r\n"
                        "retry-after-ms: 60000\r\n"
                        "connection: close\r\n"
                        "\r\n");
}

static const char *request_text(const struct upstream_request *r)
{
    static char memory[HEADERS_BYTES];
    struct text t;

    text_init(&t, memory, sizeof(memory) - 1);
    headers_request(&t, r);
    assert_int_equal(text_end(&t), 0);
    memory[t.length] = '\0';
    return memory;
}

static void P10_the_models_request_is_ours_alone(void **state)
{
    struct upstream_request r = {.route = ROUTE_CHAT_COMPLETIONS,
                                 .host = "10.1.2.3:8000",
                                 .prefix = "/api",
                                 .credential = "authorization: Bearer s\r\n",
                                 .request_id = ID,
                                 .anthropic_version = "2026-10-21",
                                 .betas = "",
                                 .stream = true,
                                 .body_bytes = 1234};

    (void)state;
    assert_string_equal(request_text(&r),
                        "POST /api/v1/chat/completions HTTP/1.1\r\n"
                        "host: 10.1.2.3:8000\r\n"
                        "content-type: application/json\r\n"
                        "content-length: 1234\r\n"
                        "accept: text/event-stream\r\n"
                        "accept-encoding: identity\r\n"
                        "x-request-id: " ID "\r\n"
                        "authorization: Bearer s\r\n"
                        "\r\n");
    r.route = ROUTE_MESSAGES;
    r.prefix = r.credential = "";
    r.stream = false;
    assert_string_equal(request_text(&r), "POST /v1/messages HTTP/1.1\r\n"
                                          "host: 10.1.2.3:8000\r\n"
                                          "content-type: application/json\r\n"
                                          "content-length: 1234\r\n"
                                          "accept: application/json\r\n"
                                          "accept-encoding: identity\r\n"
                                          "x-request-id: " ID "\r\n"
                                          "anthropic-version: 2026-10-21\r\n"
                                          "\r\n");
    r.betas = "a-2026-01-01,b";
    assert_non_null(
        strstr(request_text(&r), "\r\nanthropic-beta: a-2026-01-01,b\r\n"));
    r.anthropic_version = "";
    assert_non_null(
        strstr(request_text(&r), "\r\nanthropic-version: 2023-06-01\r\n"));
}

static void what_does_not_fit_is_said(void **state)
{
    const struct answer_head a = {.status = 200, .request_id = ID};
    char memory[40];
    struct text t;

    (void)state;
    text_init(&t, memory, sizeof(memory));
    headers_answer(&t, &a, FRAMING_LENGTH, false, &now);
    assert_int_equal(text_end(&t), SP_ETOOBIG);
    assert_true(t.length <= sizeof(memory));
}

static void dates_are_fixed_form(void **state)
{
    char date[HEADERS_DATE_SIZE];

    (void)state;
    headers_date(784111777, date);
    assert_string_equal(date, DATE);
    headers_date(0, date);
    assert_string_equal(date, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void numbers_are_written_whole(void **state)
{
    char memory[32];
    struct text t;

    (void)state;
    text_init(&t, memory, sizeof(memory));
    text_number(&t, UINT64_MAX);
    text_put(&t, " ");
    text_number(&t, 0);
    assert_memory_equal(memory, "18446744073709551615 0", t.length);
    assert_int_equal(t.length, 22);
}

/* BLAKE2b-256 over (salt ‖ body), in one piece by libsodium itself. */
static void commitments_cover_salt_and_body(void **state)
{
    uint8_t salt[SALT_BYTES], all[SALT_BYTES + 5], want[32], have[32];
    struct commitment c;

    (void)state;
    memset(salt, 7, sizeof(salt));
    memcpy(all, salt, sizeof(salt));
    memcpy(all + sizeof(salt), "hello", 5);
    crypto_generichash(want, sizeof(want), all, sizeof(all), NULL, 0);
    for (size_t at = 0; at <= 5; at++) {
        commitment_init(&c, salt);
        commitment_add(&c, "hello", at);
        commitment_add(&c, &"hello"[at], 5 - at);
        commitment_end(&c, have);
        assert_memory_equal(have, want, sizeof(want));
    }
    salt[0] ^= 1;
    commitment_init(&c, salt);
    commitment_add(&c, "hello", 5);
    commitment_end(&c, have);
    assert_memory_not_equal(have, want, sizeof(want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relayed_answers_head),
        cmocka_unit_test(the_seconds_that_are_left),
        cmocka_unit_test(a_refusals_head),
        cmocka_unit_test(P10_the_models_request_is_ours_alone),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(dates_are_fixed_form),
        cmocka_unit_test(numbers_are_written_whole),
        cmocka_unit_test(commitments_cover_salt_and_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
