/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error bodies and in-stream ends, byte for byte, and the ends of events. The
 * official clients' parsers were read for these forms; a changed byte may
 * turn a typed error into a crash of an evaluation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/sse.h"
#include "policy/dialect.h"

#define ID      "0123456789abcdef0123456789abcdef"
#define EXPIRED "The access window of this party for this model has ended."

static const char *body(enum dialect dialect, enum reason reason,
                        const char *text)
{
    static char memory[DIALECT_BYTES];
    struct dialect_error e = {
        .dialect = dialect, .reason = reason, .text = text, .request_id = ID};
    struct text t;

    text_init(&t, memory, sizeof(memory) - 1);
    dialect_body(&t, &e);
    assert_int_equal(text_end(&t), 0);
    memory[t.length] = '\0';
    return memory;
}

static const char *event(enum dialect dialect, enum route route)
{
    static char memory[DIALECT_BYTES];
    struct dialect_error e = {.dialect = dialect,
                              .route = route,
                              .reason = REASON_WINDOW_EXPIRED,
                              .request_id = ID};
    struct text t;

    text_init(&t, memory, sizeof(memory) - 1);
    dialect_event(&t, &e, 42);
    assert_int_equal(text_end(&t), 0);
    memory[t.length] = '\0';
    return memory;
}

static void openai_bodies_have_four_keys(void **state)
{
    (void)state;
    assert_string_equal(body(DIALECT_OPENAI, REASON_WINDOW_EXPIRED, NULL),
                        "{\"error\":{\"message\":\"" EXPIRED
                        "\",\"type\":\"permission_error\","
                        "\"param\":null,\"code\":\"window_expired\"}}");
    assert_string_equal(
        body(DIALECT_OPENAI, REASON_UPSTREAM_ERROR, "Other words."),
        "{\"error\":{\"message\":\"Other words.\",\"type\":\"server_error\","
        "\"param\":null,\"code\":\"upstream_error\"}}");
}

static void anthropic_bodies_have_the_code_in_details(void **state)
{
    (void)state;
    assert_string_equal(
        body(DIALECT_ANTHROPIC, REASON_WINDOW_EXPIRED, NULL),
        "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\","
        "\"message\":\"" EXPIRED "\",\"details\":{\"error_code\":"
        "\"window_expired\"}},\"request_id\":\"" ID "\"}");
}

static void P2_streams_end_in_their_dialect(void **state)
{
    (void)state;
    assert_string_equal(event(DIALECT_OPENAI, ROUTE_CHAT_COMPLETIONS),
                        "data: {\"error\":{\"message\":\"" EXPIRED
                        "\",\"type\":"
                        "\"permission_error\",\"param\":null,\"code\":\"window_"
                        "expired\"}}\n\n");
    assert_string_equal(
        event(DIALECT_OPENAI, ROUTE_RESPONSES),
        "event: error\ndata: {\"type\":\"error\",\"code\":\"window_expired\","
        "\"message\":\"" EXPIRED "\",\"param\":null,\"sequence_number\":42,"
        "\"error\":{\"message\":\"" EXPIRED "\",\"type\":\"permission_error\","
        "\"code\":\"window_expired\"}}\n\n");
    assert_string_equal(
        event(DIALECT_ANTHROPIC, ROUTE_MESSAGES),
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
        "\"permission_error\",\"message\":\"" EXPIRED "\",\"details\":{"
        "\"error_code\":\"window_expired\"}},\"request_id\":\"" ID "\"}\n\n");
}

/* Every reason fits, is one JSON line, and never claims that all is done. */
static void P2_no_reason_ends_a_stream_falsely(void **state)
{
    static const enum route routes[] = {ROUTE_CHAT_COMPLETIONS,
                                        ROUTE_COMPLETIONS, ROUTE_RESPONSES,
                                        ROUTE_MESSAGES};

    (void)state;
    for (int reason = REASON_NONE + 1; reason < REASON_COUNT; reason++) {
        for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
            struct dialect_error e = {.dialect = route_info(routes[i])->dialect,
                                      .route = routes[i],
                                      .reason = (enum reason)reason,
                                      .request_id = ID};
            char memory[DIALECT_BYTES];
            struct sse sse = {0};
            struct text t;

            text_init(&t, memory, sizeof(memory));
            dialect_event(&t, &e, UINT64_MAX);
            assert_int_equal(text_end(&t), 0);
            assert_null(memmem(t.data, t.length, "[DONE]", 6));
            assert_non_null(memmem(t.data, t.length,
                                   reason_info(e.reason)->code,
                                   strlen(reason_info(e.reason)->code)));
            sse_count(&sse, (const uint8_t *)t.data, t.length);
            assert_int_equal(sse.events, 1);
            assert_string_equal(sse_gap(&sse), "");
        }
    }
}

/* Texts go into JSON as they are. */
static void reasons_need_no_escaping(void **state)
{
    (void)state;
    for (int reason = REASON_NONE; reason < REASON_COUNT; reason++) {
        const struct reason_info *info = reason_info((enum reason)reason);

        for (const char *p = info->text; *p != '\0'; p++)
            if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
                fail_msg("%s: byte %02x", info->code, (unsigned char)*p);
    }
}

/* ---- events ---- */

static const struct {
    const char *name, *bytes;
    uint64_t events;
    const char *gap;
} streams[] = {
    {"nothing", "", 0, ""},
    {"two", "data: a\n\ndata: b\n\n", 2, ""},
    {"half_line", "data: a\n\ndata: b", 1, "\n\n"},
    {"whole_line", "data: a\n\ndata: b\n", 1, "\n"},
    {"two_lines", "event: a\ndata: b\n\n", 1, ""},
    {"comment", ":\n\n", 1, ""},
    {"many_empty", "data: a\n\n\n\n", 1, ""},
};

static void events_are_counted_wherever_they_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        const uint8_t *bytes = (const uint8_t *)streams[i].bytes;
        size_t length = strlen(streams[i].bytes);

        for (size_t at = 0; at <= length; at++) {
            struct sse s = {0};

            sse_count(&s, bytes, at);
            sse_count(&s, bytes + at, length - at);
            if (s.events != streams[i].events ||
                strcmp(sse_gap(&s), streams[i].gap) != 0)
                fail_msg("%s split at %zu: events %llu gap %zu",
                         streams[i].name, at, (unsigned long long)s.events,
                         strlen(sse_gap(&s)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_bodies_have_four_keys),
        cmocka_unit_test(anthropic_bodies_have_the_code_in_details),
        cmocka_unit_test(P2_streams_end_in_their_dialect),
        cmocka_unit_test(P2_no_reason_ends_a_stream_falsely),
        cmocka_unit_test(reasons_need_no_escaping),
        cmocka_unit_test(events_are_counted_wherever_they_are_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
