/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies: what is read of them, what is refused, and that what is rebuilt says
 * the same under another model's name (P10).
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

#define CHAT ROUTE_CHAT_COMPLETIONS

static const struct {
    enum route route;
    const char *body;
    enum reason fault;
    const char *model;
    bool stream;
    int64_t max_tokens;
} cases[] = {
    {CHAT, "{\"model\":\"a\"}", REASON_NONE, "a", false, -1},
    {CHAT, "{\"model\":\"\\u0061\"}", REASON_NONE, "a", false, -1},
    {CHAT, "{\"model\":\"a\",\"stream\":true}", REASON_NONE, "a", true, -1},
    {CHAT, "{\"model\":\"a\",\"stream\":null}", REASON_NONE, "a", false, -1},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":7}", REASON_NONE, "a", false, 7},
    {CHAT, "{\"max_tokens\":7,\"model\":\"a\",\"max_completion_tokens\":5}",
     REASON_NONE, "a", false, 7},
    {CHAT, "{\"max_completion_tokens\":0,\"max_tokens\":7,\"model\":\"a\"}",
     REASON_NONE, "a", false, 7},
    {CHAT, "{\"max_completion_tokens\":9,\"max_tokens\":0,\"model\":\"a\"}",
     REASON_NONE, "a", false, 9},
    {CHAT, "{\"model\":\"a\",\"max_completion_tokens\":null,\"max_tokens\":3}",
     REASON_NONE, "a", false, 3},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":0}", REASON_NONE, "a", false, 0},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":9007199254740992}", REASON_NONE,
     "a", false, 9007199254740992},
    {ROUTE_RESPONSES, "{\"model\":\"a\",\"max_output_tokens\":4}", REASON_NONE,
     "a", false, 4},
    {ROUTE_RESPONSES, "{\"model\":\"a\",\"max_tokens\":4}", REASON_NONE, "a",
     false, -1},
    {ROUTE_MESSAGES, "{\"model\":\"a\",\"max_tokens\":4}", REASON_NONE, "a",
     false, 4},
    {ROUTE_COMPLETIONS, "{\"model\":\"a\",\"max_tokens\":4}", REASON_NONE, "a",
     false, 4},
    {ROUTE_MESSAGES_COUNT_TOKENS, "{\"model\":\"a\"}", REASON_NONE, "a", false,
     -1},
    /* fields of the same name further down are nobody's */
    {CHAT, "{\"x\":{\"model\":1,\"stream\":2},\"model\":\"a\"}", REASON_NONE,
     "a", false, -1},
    {CHAT, "{}", REASON_INVALID_FIELD, "", false, -1},
    {CHAT, "{\"model\":null}", REASON_INVALID_FIELD, "", false, -1},
    {CHAT, "{\"model\":\"\"}", REASON_INVALID_FIELD, "", false, -1},
    {CHAT, "{\"model\":5}", REASON_INVALID_FIELD, "", false, -1},
    {CHAT, "{\"model\":[\"a\"]}", REASON_INVALID_FIELD, "", false, -1},
    {CHAT, "{\"model\":\"a\\u0000b\"}", REASON_INVALID_FIELD, "", false, -1},
    {CHAT, "{\"mod\\u0065l\":\"a\"}", REASON_INVALID_FIELD, "a", false, -1},
    /* P10: Go's reader would take each of them for the lower-case one */
    {CHAT, "{\"model\":\"a\",\"MODEL\":\"b\"}", REASON_INVALID_FIELD, "a",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"Stream\":true}", REASON_INVALID_FIELD, "a",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"\xc5\xbftream\":true}", REASON_INVALID_FIELD,
     "a", false, -1},
    {CHAT,
     "{\"model\":\"a\",\"max_to\xe2\x84\xaa"
     "ens\":9}",
     REASON_INVALID_FIELD, "a", false, -1},
    {CHAT, "{\"model\":\"a\",\"metadata\":{\"Case\":\"\xc3\xa9\"}}",
     REASON_NONE, "a", false, -1},
    {CHAT, "{\"model\":\"a\",\"stream\":\"true\"}", REASON_INVALID_FIELD, "a",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"stream\":1}", REASON_INVALID_FIELD, "a", false,
     -1},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":-1}", REASON_INVALID_FIELD, "a",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":1.5}", REASON_INVALID_FIELD, "a",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":1e3}", REASON_INVALID_FIELD, "a",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":\"9\"}", REASON_INVALID_FIELD, "a",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"max_tokens\":9007199254740993}",
     REASON_INVALID_FIELD, "a", false, -1},
    {CHAT, "{\"model\":\"a\",\"max_completion_tokens\":4,\"max_tokens\":\"x\"}",
     REASON_INVALID_FIELD, "a", false, 4},
    {CHAT, "[{\"model\":\"a\"}]", REASON_INVALID_JSON, "", false, -1},
    {CHAT, "\"model\"", REASON_INVALID_JSON, "", false, -1},
    {CHAT, "", REASON_INVALID_JSON, "", false, -1},
    {CHAT, "{\"model\":\"a\"}x", REASON_INVALID_JSON, "", false, -1},
    {CHAT, "{\"model\":\"\xff\"}", REASON_INVALID_JSON, "", false, -1},
    {CHAT, "{\"model\":\"a\",\"model\":\"b\"}", REASON_DUPLICATE_KEY, "", false,
     -1},
    {CHAT, "{\"model\":\"a\",\"m\\u006fdel\":\"b\"}", REASON_DUPLICATE_KEY, "",
     false, -1},
    {CHAT, "{\"model\":\"a\",\"x\":{\"y\":1,\"y\":1}}", REASON_DUPLICATE_KEY,
     "", false, -1},
};

static void facts_are_read(void **state)
{
    struct json j = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts f = {.max_tokens = 99, .stream = true, .model = "junk"};
        size_t length = strlen(cases[i].body);

        body_read(&j, cases[i].route, cases[i].body, length, &f);
        if (f.fault != cases[i].fault || strcmp(f.model, cases[i].model) != 0 ||
            f.stream != cases[i].stream ||
            f.max_tokens != cases[i].max_tokens || f.body_bytes != length)
            fail_msg("%s: fault %s model %s stream %d tokens %lld",
                     cases[i].body, reason_info(f.fault)->code, f.model,
                     f.stream, (long long)f.max_tokens);
    }
    json_release(&j);
}

static void earlier_fault_is_kept(void **state)
{
    struct facts f = {.fault = REASON_CONTENT_TYPE};
    struct json j = {0};

    (void)state;
    body_read(&j, CHAT, "{\"model\":5}", 11, &f);
    assert_int_equal(f.fault, REASON_CONTENT_TYPE);
    body_read(&j, CHAT, "{\"model\":\"a\"}", 13, &f);
    assert_int_equal(f.fault, REASON_CONTENT_TYPE);
    assert_string_equal(f.model, "a");
    json_release(&j);
}

static void long_model_names_and_deep_bodies_are_refused(void **state)
{
    struct json j = {0};
    char body[512];
    struct facts f = {0};
    int n;

    (void)state;
    n = snprintf(body, sizeof body, "{\"model\":\"%0128d\"}", 0);
    body_read(&j, CHAT, body, (size_t)n, &f);
    assert_int_equal(f.fault, REASON_NONE);
    assert_int_equal(strlen(f.model), 128);
    n = snprintf(body, sizeof body, "{\"model\":\"%0129d\"}", 0);
    body_read(&j, CHAT, body, (size_t)n, &f);
    assert_int_equal(f.fault, REASON_INVALID_FIELD);
    assert_string_equal(f.model, "");
    f = (struct facts){0};
    n = snprintf(body, sizeof body, "{\"model\":\"a\",\"x\":");
    memset(body + n, '[', 64);
    memset(body + n + 64, ']', 64);
    body[n + 128] = '}';
    body_read(&j, CHAT, body, (size_t)n + 129, &f);
    assert_int_equal(f.fault, REASON_TOO_DEEP);
    json_release(&j);
}

static const struct {
    const char *body, *rebuilt;
} rebuilds[] = {
    {"{\"model\":\"a\"}", "{\"model\":\"up-1\"}"},
    {" { \"model\" : \"a\" } \n", "{\"model\":\"up-1\"}"},
    {"{\"a\":[],\"model\":\"a\",\"b\":{}}",
     "{\"a\":[],\"model\":\"up-1\",\"b\":{}}"},
    {"{\"a\": [ ] , \"model\": \"a\",\"b\": { }}",
     "{\"a\":[],\"model\":\"up-1\",\"b\":{}}"},
    {"{\"x\": {\"model\": \"a\"}, \"model\": \"a\"}",
     "{\"x\":{\"model\":\"a\"},\"model\":\"up-1\"}"},
    {"{ \"x\":[1.50,-0,1E+2,[[\"\\u00e9 \\n\"],{\"k\":null}],true,false],"
     "\"model\":\"a\"}",
     "{\"x\":[1.50,-0,1E+2,[[\"\\u00e9 \\n\"],{\"k\":null}],true,false],"
     "\"model\":\"up-1\"}"},
};

static int rebuild_as(const struct json *j, const struct facts *f,
                      const char *model, struct buf *out)
{
    const struct body_change change = {.model = model};

    return body_rebuild(j, f, &change, out);
}

static void bodies_are_rebuilt(void **state)
{
    struct json j = {0};
    struct facts f = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof rebuilds / sizeof *rebuilds; i++) {
        body_read(&j, CHAT, rebuilds[i].body, strlen(rebuilds[i].body), &f);
        assert_int_equal(f.fault, REASON_NONE);
        assert_int_equal(rebuild_as(&j, &f, "up-1", &out), 0);
        assert_int_equal(out.length, strlen(rebuilds[i].rebuilt));
        assert_memory_equal(buf_bytes(&out), rebuilds[i].rebuilt, out.length);
        buf_drain(&out, out.length);
    }
    /* A model's name with quotes stays one string. */
    assert_int_equal(rebuild_as(&j, &f, "a\",\"stream\":\"", &out), 0);
    assert_non_null(memmem(buf_bytes(&out), out.length,
                           "\"a\\\",\\\"stream\\\":\\\"\"", 19));
    buf_release(&out);
    buf_init(&out, 8);
    assert_int_equal(rebuild_as(&j, &f, "up-1", &out), SP_ETOOBIG);
    assert_int_equal(out.length, 0);
    buf_release(&out);
    json_release(&j);
}

static size_t put_text(char *out, size_t at, bool loose, const char *text)
{
    if (loose)
        out[at++] = ' ';
    memcpy(out + at, text, strlen(text));
    return at + strlen(text);
}

static unsigned random_next(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

/* A random value, with a space before each token if `loose`. */
static size_t put_value(char *out, size_t at, bool loose, unsigned *seed,
                        int depth)
{
    static const char *const scalars[] = {
        "null",         "true", "-1.5e9", "\"\"", "\"\\u0041\\n\"",
        "\"\xc3\xa9\"", "0",    "false",  "[]",   "{}"};
    unsigned kind = random_next(seed) % 12, count = random_next(seed) % 4 + 1;

    if (depth == 0 || kind < 10)
        return put_text(out, at, loose, scalars[kind % 10]);
    at = put_text(out, at, loose, kind == 10 ? "[" : "{");
    for (unsigned i = 0; i < count; i++) {
        char name[16];

        if (i > 0)
            at = put_text(out, at, loose, ",");
        snprintf(name, sizeof name, "\"k%u\"", i);
        if (kind == 11) {
            at = put_text(out, at, loose, name);
            at = put_text(out, at, loose, ":");
        }
        at = put_value(out, at, loose, seed, depth - 1);
    }
    return put_text(out, at, loose, kind == 10 ? "]" : "}");
}

/* P10: with white space or without, what is forwarded is the same text. */
static void P10_white_space_changes_nothing(void **state)
{
    static char text[2][1 << 16];
    struct json j = {0};
    struct facts f = {0};
    struct buf out[2];

    (void)state;
    buf_init(&out[0], 1 << 20);
    buf_init(&out[1], 1 << 20);
    for (unsigned i = 0; i < 500; i++) {
        for (unsigned loose = 0; loose < 2; loose++) {
            unsigned seed = i;
            size_t n = put_text(text[loose], 0, loose, "{");

            n = put_text(text[loose], n, loose, "\"a\"");
            n = put_text(text[loose], n, loose, ":");
            n = put_value(text[loose], n, loose, &seed, 5);
            n = put_text(text[loose], n, loose, ",");
            n = put_text(text[loose], n, loose, "\"model\"");
            n = put_text(text[loose], n, loose, ":");
            n = put_text(text[loose], n, loose, "\"a\"");
            n = put_text(text[loose], n, loose, "}");
            body_read(&j, CHAT, text[loose], n, &f);
            assert_int_equal(f.fault, REASON_NONE);
            assert_int_equal(j.spaced, loose);
            assert_int_equal(rebuild_as(&j, &f, "upstream", &out[loose]), 0);
        }
        assert_int_equal(out[0].length, out[1].length);
        assert_memory_equal(buf_bytes(&out[0]), buf_bytes(&out[1]),
                            out[0].length);
        buf_drain(&out[0], out[0].length);
        buf_drain(&out[1], out[1].length);
    }
    buf_release(&out[0]);
    buf_release(&out[1]);
    json_release(&j);
}

static void usage_is_asked_for_only_by_true(void **state)
{
    static const struct {
        const char *body;
        bool asks;
    } bodies[] = {
        {"{\"stream_options\":{\"include_usage\":true}}", true},
        {"{\"stream_options\":{\"include\\u005fusage\":true}}", true},
        {"{\"stream_options\":{\"include_usage\":false}}", false},
        {"{\"stream_options\":{\"include_usage\":\"true\"}}", false},
        {"{\"stream_options\":{}}", false},
        {"{\"stream_options\":null}", false},
        {"{\"include_usage\":true}", false},
        {"{\"x\":{\"stream_options\":{\"include_usage\":true}}}", false},
    };
    struct json j = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        assert_int_equal(json_parse(&j, bodies[i].body, strlen(bodies[i].body),
                                    LIMIT_JSON_DEPTH, LIMIT_JSON_NODES),
                         0);
        if (body_asks_usage(&j) != bodies[i].asks)
            fail_msg("%s", bodies[i].body);
    }
    json_release(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_read),
        cmocka_unit_test(usage_is_asked_for_only_by_true),
        cmocka_unit_test(earlier_fault_is_kept),
        cmocka_unit_test(long_model_names_and_deep_bodies_are_refused),
        cmocka_unit_test(bodies_are_rebuilt),
        cmocka_unit_test(P10_white_space_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
