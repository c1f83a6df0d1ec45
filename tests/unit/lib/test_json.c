/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON: what is refused, with the fault and its offset; what is kept
 * as it was written; and the tape's shape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"

#define DEPTH 64
#define NODES 100000

static const struct {
    const char *text;
    enum json_fault fault;
    size_t offset;
} refused[] = {
    {"", JSON_SYNTAX, 0},
    {" ", JSON_SYNTAX, 1},
    {"{", JSON_SYNTAX, 1},
    {"[", JSON_SYNTAX, 1},
    {"[1", JSON_SYNTAX, 2},
    {"[1,", JSON_SYNTAX, 3},
    {"[1,]", JSON_SYNTAX, 3},
    {"[,1]", JSON_SYNTAX, 1},
    {"[1 2]", JSON_SYNTAX, 3},
    {"[1}", JSON_SYNTAX, 2},
    {"{]", JSON_SYNTAX, 1},
    {"{\"a\"}", JSON_SYNTAX, 4},
    {"{\"a\":}", JSON_SYNTAX, 5},
    {"{\"a\":1,}", JSON_SYNTAX, 7},
    {"{\"a\" 1}", JSON_SYNTAX, 5},
    {"{a:1}", JSON_SYNTAX, 1},
    {"{1:1}", JSON_SYNTAX, 1},
    {"{'a':1}", JSON_SYNTAX, 1},
    {"// x\n1", JSON_SYNTAX, 0},
    {"1 // x", JSON_TRAILING, 2},
    {"{} {}", JSON_TRAILING, 3},
    {"[]]", JSON_TRAILING, 2},
    {"\xef\xbb\xbf{}", JSON_SYNTAX, 0}, /* byte order mark */
    {"nul", JSON_SYNTAX, 0},
    {"nulll", JSON_TRAILING, 4},
    {"True", JSON_SYNTAX, 0},
    {"NaN", JSON_SYNTAX, 0},
    {"Infinity", JSON_SYNTAX, 0},
    {"-Infinity", JSON_SYNTAX, 1},
    {"-", JSON_SYNTAX, 1},
    {"+1", JSON_SYNTAX, 0},
    {".5", JSON_SYNTAX, 0},
    {"1.", JSON_SYNTAX, 2},
    {"01", JSON_TRAILING, 1},
    {"[-01]", JSON_SYNTAX, 3},
    {"1e", JSON_SYNTAX, 2},
    {"1e+", JSON_SYNTAX, 3},
    {"0x10", JSON_TRAILING, 1},
    {"\"", JSON_SYNTAX, 1},
    {"\"abc", JSON_SYNTAX, 4},
    {"\"a\nb\"", JSON_SYNTAX, 2},
    {"\"a\tb\"", JSON_SYNTAX, 2},
    {"\"0123456789abcdef0123\x01\"", JSON_SYNTAX, 21},
    {"\"\\x41\"", JSON_SYNTAX, 1},
    {"\"\\u12\"", JSON_SYNTAX, 1},
    {"\"\\u12g4\"", JSON_SYNTAX, 1},
    {"\"\\", JSON_SYNTAX, 1},
    {"\"\\\"", JSON_SYNTAX, 3},
    {"\"\\ud800\"", JSON_BAD_UTF8, 1},
    {"\"\\udc00\"", JSON_BAD_UTF8, 1},
    {"\"\\ud800\\u0041\"", JSON_BAD_UTF8, 1},
    {"\"\\ud800x\\udc00\"", JSON_BAD_UTF8, 1},
    {"\"\\udc00\\ud800\"", JSON_BAD_UTF8, 1},
    {"\"\x80\"", JSON_BAD_UTF8, 1},
    {"\"\xc3\"", JSON_BAD_UTF8, 1},
    {"\"\xc0\xaf\"", JSON_BAD_UTF8, 1},         /* overlong / */
    {"\"\xe0\x80\xaf\"", JSON_BAD_UTF8, 1},     /* overlong */
    {"\"\xed\xa0\x80\"", JSON_BAD_UTF8, 1},     /* surrogate */
    {"\"\xf4\x90\x80\x80\"", JSON_BAD_UTF8, 1}, /* above U+10FFFF */
    {"\"\xf0\x80\x80\xaf\"", JSON_BAD_UTF8, 1},
    {"\"ok \xc3\xa9 \xff\"", JSON_BAD_UTF8, 7},
    {"{\"a\":1,\"a\":2}", JSON_DUPLICATE_NAME, 7},
    {"{\"model\":1,\"mod\\u0065l\":2}", JSON_DUPLICATE_NAME, 11},
    {"{\"\\u00e9\":1,\"\xc3\xa9\":2}", JSON_DUPLICATE_NAME, 12},
    {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", JSON_DUPLICATE_NAME, 18},
    {"[{\"x\":{\"\":1,\"\":2}}]", JSON_DUPLICATE_NAME, 12},
    {"{\"\\u0061b\":1,\"x\":2,\"ab\":3}", JSON_DUPLICATE_NAME, 19},
};

static void refuses(void **state)
{
    struct json j = {0};

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        size_t length = strlen(refused[i].text);
        /* Exactly as long as it is, so that a sanitizer sees a read behind. */
        char *copy = malloc(length + 1);

        assert_non_null(copy);
        memcpy(copy, refused[i].text, length);
        copy = realloc(copy, length == 0 ? 1 : length);
        if (json_parse(&j, copy, length, DEPTH, NODES) == 0 ||
            j.fault != refused[i].fault || j.fault_offset != refused[i].offset)
            fail_msg("%s: wanted %d at %zu, have %d at %zu", refused[i].text,
                     (int)refused[i].fault, refused[i].offset, (int)j.fault,
                     j.fault_offset);
        assert_int_equal(j.count, 0);
        free(copy);
    }
    json_release(&j);
}

static void accepts(void **state)
{
    static const char *const texts[] = {
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "-0.0e-10",
        "1E+5",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"a\":{\"b\":[1,2,{}]},\"c\":null}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\ud83d\\ude00\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\"",
        "\t\n\r [ 1 , 2 ]\n",
        "\"\x7f\"",
        "{\"a\":1,\"A\":2,\"a \":3,\"\\u0061b\":4}"};
    struct json j = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (json_parse(&j, texts[i], strlen(texts[i]), DEPTH, NODES) != 0)
            fail_msg("%s: %s at %zu", texts[i], json_fault_text(j.fault),
                     j.fault_offset);
    json_release(&j);
}

static void tape_has_the_documents_shape(void **state)
{
    const char *text = "{\"a\": [10, \"x\", {}], \"b\\n\": -7, \"c\": true}";
    struct json j = {0};
    uint32_t a, e;
    int64_t v;
    char s[8];

    (void)state;
    assert_int_equal(json_parse(&j, text, strlen(text), DEPTH, NODES), 0);
    assert_true(j.spaced);
    assert_int_equal(j.nodes[0].type, JSON_OBJECT);
    assert_int_equal(j.nodes[0].count, 3);
    a = json_member(&j, 0, "a");
    assert_int_equal(j.nodes[a].count, 3);
    e = j.nodes[a].child;
    assert_int_equal(json_int(&j, e, &v), 0);
    assert_int_equal(v, 10);
    e = j.nodes[e].next;
    assert_true(json_equals(&j, e, "x"));
    e = j.nodes[e].next;
    assert_int_equal(j.nodes[e].type, JSON_OBJECT);
    assert_int_equal(j.nodes[e].next, 0);
    e = json_member(&j, 0, "b\n");
    assert_true(j.nodes[j.nodes[e].name].escaped);
    assert_int_equal(json_text(&j, j.nodes[e].name, s, sizeof s), 0);
    assert_string_equal(s, "b\n");
    assert_int_equal(json_int(&j, e, &v), 0);
    assert_int_equal(v, -7);
    assert_int_equal(json_member(&j, 0, "d"), 0);
    assert_int_equal(json_member(&j, a, "a"), 0);
    assert_int_equal(json_member(&j, 9999, "a"), 0);
    json_release(&j);
}

static void depth_is_bounded(void **state)
{
    char text[200] = "";
    struct json j = {0};

    (void)state;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_int_equal(json_parse(&j, text, 128, 64, NODES), 0);
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_int_equal(json_parse(&j, text, 130, 64, NODES), SP_ETOOBIG);
    assert_int_equal(j.fault, JSON_TOO_DEEP);
    assert_int_equal(j.fault_offset, 64);
    json_release(&j);
}

static void nodes_are_bounded(void **state)
{
    struct json j = {0};

    (void)state;
    assert_int_equal(json_parse(&j, "[1,2,3]", 7, DEPTH, 4), 0);
    assert_int_equal(json_parse(&j, "[1,2,3]", 7, DEPTH, 3), SP_ETOOBIG);
    assert_int_equal(j.fault, JSON_TOO_LARGE);
    assert_int_equal(j.fault_offset, 5);
    json_release(&j);
}

static void numbers_are_kept_and_bounded(void **state)
{
    static const struct {
        const char *text;
        int result;
        int64_t value;
    } cases[] = {
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", SP_ERANGE, 0},
        {"-9223372036854775809", SP_ERANGE, 0},
        {"99999999999999999999999", SP_ERANGE, 0},
        {"1.0", SP_EINVAL, 0},
        {"1e3", SP_EINVAL, 0},
        {"1E3", SP_EINVAL, 0},
        {"-0", 0, 0},
        {"\"1\"", SP_EINVAL, 0},
    };
    struct json j = {0};
    char text[80];
    int64_t v;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        v = 0;
        assert_int_equal(
            json_parse(&j, cases[i].text, strlen(cases[i].text), DEPTH, NODES),
            0);
        assert_int_equal(json_int(&j, 0, &v), cases[i].result);
        assert_true(v == cases[i].value);
    }
    memset(text, '1', sizeof text);
    assert_int_equal(json_parse(&j, text, 64, DEPTH, NODES), 0);
    assert_int_equal(json_parse(&j, text, 65, DEPTH, NODES), SP_ETOOBIG);
    assert_int_equal(j.fault, JSON_TOO_LARGE);
    json_release(&j);
}

/* Above the number of members where names are hashed. */
static void duplicates_are_found_among_many(void **state)
{
    enum { MEMBERS = 5000 };
    char *text = malloc(MEMBERS * 24 + 64);
    struct json j = {0};
    size_t n = 0, last = 0;

    (void)state;
    assert_non_null(text);
    text[n++] = '{';
    for (int i = 0; i < MEMBERS; i++)
        n += (size_t)sprintf(text + n, "\"name%d\":%d,", i, i);
    text[n - 1] = '}';
    assert_int_equal(json_parse(&j, text, n, DEPTH, NODES), 0);
    assert_int_equal(j.nodes[0].count, MEMBERS);
    last = n;
    n += (size_t)sprintf(text + n - 1, ",\"n\\u0061me17\":0}") - 1;
    assert_int_equal(json_parse(&j, text, n, DEPTH, NODES), SP_EINVAL);
    assert_int_equal(j.fault, JSON_DUPLICATE_NAME);
    assert_int_equal(j.fault_offset, last);
    free(text);
    json_release(&j);
}

static void text_that_does_not_fit_is_refused(void **state)
{
    struct json j = {0};
    char out[4];

    (void)state;
    assert_int_equal(json_parse(&j, "\"abc\"", 5, DEPTH, NODES), 0);
    assert_int_equal(json_text(&j, 0, out, 4), 0);
    assert_string_equal(out, "abc");
    assert_int_equal(json_text(&j, 0, out, 3), SP_ETOOBIG);
    assert_string_equal(out, "");
    assert_int_equal(json_parse(&j, "\"a\\u0000\"", 9, DEPTH, NODES), 0);
    assert_int_equal(json_text(&j, 0, out, 4), SP_ETOOBIG);
    assert_int_equal(json_parse(&j, "1", 1, DEPTH, NODES), 0);
    assert_int_equal(json_text(&j, 0, out, 4), SP_EINVAL);
    json_release(&j);
}

static void quote_is_read_back(void **state)
{
    static const char text[] = "a\"b\\c\n\t\x01\x7f \xc3\xa9\xf0\x9f\x98\x80";
    char out[128], back[64];
    struct json j = {0};
    size_t n = 0, m;

    (void)state;
    assert_int_equal(json_quote(out, sizeof out, &n, text, strlen(text)), 0);
    assert_int_equal(json_parse(&j, out, n, DEPTH, NODES), 0);
    assert_int_equal(json_text(&j, 0, back, sizeof back), 0);
    assert_string_equal(back, text);
    for (size_t size = 0; size < n; size++) {
        m = 0;
        assert_int_equal(json_quote(out, size, &m, text, strlen(text)),
                         SP_ETOOBIG);
        assert_int_equal(m, 0);
    }
    n = 0;
    assert_int_equal(json_quote(out, sizeof out, &n,
                                "a\xff"
                                "b\xe2\x82",
                                5),
                     0);
    out[n] = 0;
    assert_string_equal(out, "\"a\xef\xbf\xbd"
                             "b\xef\xbf\xbd\xef\xbf\xbd\"");
    json_release(&j);
}

/* Every byte at every position of a long string: vector and tail agree. */
static void long_strings_are_checked_at_each_position(void **state)
{
    struct json j = {0};

    (void)state;
    for (size_t length = 1; length < 40; length++)
        for (size_t at = 0; at < length; at++)
            for (unsigned c = 0; c < 256; c++) {
                char text[64];
                int want;

                memset(text, 'x', sizeof text);
                text[0] = '"';
                text[length + 1] = '"';
                text[at + 1] = (char)c;
                want = c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
                if (c == '\\' && at + 1 < length)
                    text[at + 2] = 'n', want = 0;
                if ((json_parse(&j, text, length + 2, DEPTH, NODES) != 0) !=
                    want)
                    fail_msg("length %zu, byte %u at %zu", length, c, at);
            }
    json_release(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(accepts),
        cmocka_unit_test(tape_has_the_documents_shape),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(nodes_are_bounded),
        cmocka_unit_test(numbers_are_kept_and_bounded),
        cmocka_unit_test(duplicates_are_found_among_many),
        cmocka_unit_test(text_that_does_not_fit_is_refused),
        cmocka_unit_test(quote_is_read_back),
        cmocka_unit_test(long_strings_are_checked_at_each_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
