/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies made so that two JSON readers could see two requests (P10): each is
 * refused under its own code, and what is legitimate beside it is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/body.h"

#define TEXT(s) s, sizeof(s) - 1
/* A member in a body that is right without it. */
#define WITH(s) TEXT("{\"model\":\"a\"," s "}")

static const struct {
    enum reason fault;
    const char *body;
    size_t length;
} attacks[] = {
    /* bytes before and behind the object */
    {REASON_INVALID_JSON, TEXT("\xef\xbb\xbf{\"model\":\"a\"}")},
    {REASON_INVALID_JSON, TEXT("\xff\xfe{\0\"\0m\0\"\0")},
    {REASON_INVALID_JSON, TEXT("\xfe\xff\0{\0\"\0m")},
    {REASON_INVALID_JSON, TEXT("{\0\"\0m\0o\0")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"}\0")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"} }")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"}{\"model\":\"b\"}")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"}\n{\"model\":\"b\"}")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"}\x0c")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"}\xc2\xa0")},
    {REASON_NONE, TEXT("{\"model\":\"a\"}\n")},
    {REASON_NONE, TEXT(" \t\r\n{\"model\":\"a\"} \t\r\n")},
    /* what lenient readers take */
    {REASON_INVALID_JSON, TEXT("{'model':'a'}")},
    {REASON_INVALID_JSON, TEXT("{model:\"a\"}")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\",}")},
    {REASON_INVALID_JSON, TEXT("{,\"model\":\"a\"}")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"/**/}")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"}//")},
    {REASON_INVALID_JSON, TEXT("#\n{\"model\":\"a\"}")},
    {REASON_INVALID_JSON, TEXT("{\"model\" \"a\"}")},
    {REASON_INVALID_JSON, TEXT("{\"model\":\"a\"")},
    {REASON_INVALID_JSON, WITH("\"stop\":[1,]")},
    {REASON_INVALID_JSON, WITH("\"stop\":[1}")},
    {REASON_INVALID_JSON, WITH("\"stream\":True")},
    {REASON_INVALID_JSON, WITH("\"stream\":undefined")},
    /* numbers */
    {REASON_INVALID_JSON, WITH("\"n\":NaN")},
    {REASON_INVALID_JSON, WITH("\"n\":Infinity")},
    {REASON_INVALID_JSON, WITH("\"n\":-Infinity")},
    {REASON_INVALID_JSON, WITH("\"n\":01")},
    {REASON_INVALID_JSON, WITH("\"n\":-01")},
    {REASON_INVALID_JSON, WITH("\"n\":+1")},
    {REASON_INVALID_JSON, WITH("\"n\":.5")},
    {REASON_INVALID_JSON, WITH("\"n\":1.")},
    {REASON_INVALID_JSON, WITH("\"n\":1e")},
    {REASON_INVALID_JSON, WITH("\"n\":0x1")},
    {REASON_INVALID_JSON, WITH("\"n\":1_0")},
    {REASON_INVALID_JSON, WITH("\"n\":-")},
    {REASON_INVALID_JSON,
     WITH("\"seed\":"
          "11111111111111111111111111111111111111111111111111111111111111111")},
    {REASON_NONE,
     WITH("\"seed\":"
          "1111111111111111111111111111111111111111111111111111111111111111")},
    {REASON_INVALID_FIELD, WITH("\"max_tokens\":9007199254740993")},
    {REASON_INVALID_FIELD, WITH("\"max_tokens\":18446744073709551617")},
    {REASON_INVALID_JSON, WITH("\"max_tokens\":1e999999")},
    /* infinity to one reader, an error to another */
    {REASON_INVALID_JSON, WITH("\"temperature\":1E400")},
    {REASON_INVALID_JSON, WITH("\"temperature\":-1e309")},
    {REASON_INVALID_JSON, WITH("\"temperature\":1.7976931348623159e308")},
    {REASON_INVALID_JSON, WITH("\"metadata\":{\"a\":[1e+309]}")},
    {REASON_NONE, WITH("\"temperature\":1.7976931348623157e308")},
    {REASON_NONE, WITH("\"temperature\":1e-400")},
    /* strings */
    {REASON_INVALID_JSON, WITH("\"user\":\"\x01\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\n\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\0\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\x41\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\u00g0\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\u00\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\ud800\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\udc00\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\udc00\\ud800\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\ud800\\ud800\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\\ud800x\"")},
    {REASON_INVALID_JSON, WITH("\"metadata\":{\"\\ud800\":1}")},
    {REASON_INVALID_JSON, WITH("\"metadata\":{\"\\udc00\":1}")},
    {REASON_NONE, WITH("\"user\":\"\\ud83d\\ude00\"")},
    /* bytes that are not UTF-8 */
    {REASON_INVALID_JSON, WITH("\"user\":\"\xc0\xaf\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\xe0\x80\xaf\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\xf0\x80\x80\xaf\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\xed\xa0\x80\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\xed\xbf\xbf\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\xf4\x90\x80\x80\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\xf5\x80\x80\x80\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\xe2\x82\"")},
    {REASON_INVALID_JSON, WITH("\"user\":\"\x80\"")},
    {REASON_NONE, WITH("\"user\":\"\xf4\x8f\xbf\xbf\"")},
    /* one name twice */
    {REASON_DUPLICATE_KEY, TEXT("{\"model\":\"a\",\"model\":\"a\"}")},
    {REASON_DUPLICATE_KEY, TEXT("{\"\\u006dodel\":\"b\",\"model\":\"a\"}")},
    {REASON_DUPLICATE_KEY, WITH("\"n\":1,\"\\u006E\":2")},
    {REASON_DUPLICATE_KEY,
     WITH("\"metadata\":{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}")},
    {REASON_DUPLICATE_KEY, WITH("\"metadata\":{\"\":1,\"\":2}")},
    {REASON_DUPLICATE_KEY, WITH("\"metadata\":{\"/\":1,\"\\/\":2}")},
    {REASON_DUPLICATE_KEY, WITH("\"tools\":[{\"function\":{\"parameters\":"
                                "{\"type\":1,\"typ\\u0065\":2}}}]")},
    {REASON_DUPLICATE_KEY, WITH("\"response_format\":{\"json_schema\":"
                                "{\"schema\":{\"a\":1,\"a\":1}}}")},
    {REASON_DUPLICATE_KEY, WITH("\"messages\":[{\"role\":\"user\"},"
                                "{\"role\":\"user\",\"role\":\"system\"}]")},
    /* names that end early where they are C strings */
    {REASON_INVALID_JSON, WITH("\"metadata\":{\"a\\u0000\":1}")},
    {REASON_INVALID_JSON, WITH("\"metadata\":{\"\\u0000\":1}")},
    {REASON_INVALID_JSON, WITH("\"metadata\":{\"a\\\\\\u0000b\":1}")},
    {REASON_INVALID_JSON, TEXT("{\"model\\u0000x\":\"b\",\"model\":\"a\"}")},
    {REASON_NONE, WITH("\"metadata\":{\"a\\\\u0000\":1}")},
    {REASON_NONE, WITH("\"metadata\":{\"a\":\"\\u0000\"}")},
    /* the same to the eye, or after normalisation: two names */
    {REASON_NONE,
     WITH("\"metadata\":{\"\xc3\xa9\":1,\"e\xcc\x81\":2,\"E\":3,\"e\":4}")},
    /* names that some readers fold */
    {REASON_INVALID_FIELD, WITH("\"Model\":\"b\"")},
    {REASON_INVALID_FIELD, WITH("\"MAX_TOKENS\":1")},
    {REASON_INVALID_FIELD, TEXT("{\"\\u006dodel\":\"a\"}")},
};

static void body_is(enum reason fault, const char *body, size_t length)
{
    struct json j = {0};
    struct facts f = {0};

    body_read(&j, ROUTE_CHAT_COMPLETIONS, body, length, &f);
    if (f.fault != fault)
        fail_msg("%.200s (%zu bytes): %s, wanted %s", body, length,
                 reason_info(f.fault)->code, reason_info(fault)->code);
    json_release(&j);
}

static void P10_attacks_have_their_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        /* In memory of its own, so that a read behind it is found. */
        char *copy = malloc(attacks[i].length);

        assert_non_null(copy);
        memcpy(copy, attacks[i].body, attacks[i].length);
        body_is(attacks[i].fault, copy, attacks[i].length);
        free(copy);
    }
}

/* `metadata` holds `depth` containers, objects and lists by turns, around
 * `inner`. */
static size_t put_deep(char *out, size_t depth, const char *inner)
{
    size_t n = (size_t)sprintf(out, "{\"model\":\"a\",\"metadata\":");

    for (size_t i = 0; i < depth; i++)
        n += (size_t)sprintf(out + n, i % 2 == 0 ? "{\"k\":" : "[");
    n += (size_t)sprintf(out + n, "%s", inner);
    for (size_t i = depth; i-- > 0;)
        out[n++] = i % 2 == 0 ? '}' : ']';
    out[n++] = '}';
    return n;
}

static void P10_duplicates_are_found_at_every_depth(void **state)
{
    char body[2048];

    (void)state;
    for (size_t depth = 0; depth + 2 <= LIMIT_JSON_DEPTH; depth++) {
        body_is(REASON_DUPLICATE_KEY, body,
                put_deep(body, depth, "{\"x\":1,\"\\u0078\":1}"));
        body_is(REASON_NONE, body, put_deep(body, depth, "{\"x\":1,\"X\":1}"));
    }
    body_is(REASON_TOO_DEEP, body,
            put_deep(body, LIMIT_JSON_DEPTH - 1, "{\"x\":1,\"X\":1}"));
}

static void P10_a_million_levels_are_too_deep(void **state)
{
    enum { LEVELS = 1000000 };
    char *body = malloc(LEVELS + 32);
    size_t n;

    (void)state;
    assert_non_null(body);
    n = (size_t)sprintf(body, "{\"model\":\"a\",\"stop\":");
    memset(body + n, '[', LEVELS);
    body_is(REASON_TOO_DEEP, body, n + LEVELS);
    free(body);
}

/* Past the few that are compared with each other. */
static void P10_duplicates_are_found_among_many(void **state)
{
    enum { MEMBERS = 20000 };
    char *body = malloc(MEMBERS * 16 + 64);
    size_t n;

    (void)state;
    assert_non_null(body);
    n = (size_t)sprintf(body, "{\"model\":\"a\",\"metadata\":{");
    for (int i = 0; i < MEMBERS; i++)
        n += (size_t)sprintf(body + n, "\"k%d\":0,", i);
    body_is(REASON_NONE, body, n + (size_t)sprintf(body + n, "\"x\":0}}"));
    body_is(REASON_DUPLICATE_KEY, body,
            n + (size_t)sprintf(body + n, "\"\\u006b7\":0}}"));
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P10_attacks_have_their_codes),
        cmocka_unit_test(P10_duplicates_are_found_at_every_depth),
        cmocka_unit_test(P10_a_million_levels_are_too_deep),
        cmocka_unit_test(P10_duplicates_are_found_among_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
