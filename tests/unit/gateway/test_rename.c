/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream's model name in answers, wherever the stream is split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/rename.h"

static const struct {
    const char *in, *out; /* out NULL: as it was */
} cases[] = {
    {"{\"model\":\"lab/x7\"}", "{\"model\":\"orion\"}"},
    {"{\"id\":1,\"model\" :\t\"lab/x7\",\"a\":[]}",
     "{\"id\":1,\"model\" :\t\"orion\",\"a\":[]}"},
    {"{\"model\":\r\n \"lab/x7\"}", "{\"model\":\r\n \"orion\"}"},
    {"{\"model\":\"lab\\/x7\"}", "{\"model\":\"orion\"}"},
    {"data: {\"a\":{\"model\":\"lab/x7\"}}\n\ndata: {\"model\":\"lab/x7\"}\n\n",
     "data: {\"a\":{\"model\":\"orion\"}}\n\ndata: {\"model\":\"orion\"}\n\n"},
    {"{\"model\":\"lab/x7\",\"model\":\"lab/x7\"}",
     "{\"model\":\"orion\",\"model\":\"orion\"}"},
    {"{\"x\":\"\\\"model\\\":\\\"lab/x7\\\"\"}", NULL},
    {"{\"model\":\"lab/x8\"}", NULL},
    {"{\"model\":\"lab/x77\"}", NULL},
    {"{\"model\":\"lab/x\"}", NULL},
    {"{\"model\":\"lab\\\\/x7\"}", NULL},
    {"{\"models\":\"lab/x7\"}", NULL},
    {"{\"mode\":\"lab/x7\"}", NULL},
    {"{\"amodel\":\"lab/x7\"}", NULL},
    {"{\"a\\\"model\":\"lab/x7\"}", NULL},
    {"[\"model\",\"lab/x7\"]", NULL},
    {"{\"model\":null}", NULL},
    {"{\"model\":{\"model\":\"lab/x7\"}}", "{\"model\":{\"model\":\"orion\"}}"},
    {"[\"model\",{\"model\":\"lab/x7\"}]", "[\"model\",{\"model\":\"orion\"}]"},
    {"{\"model\":\"model\",\"model\":\"lab/x7\"}",
     "{\"model\":\"model\",\"model\":\"orion\"}"},
    {"{\"model\":                                \"lab/x7\"}", NULL},
    {"\"model\"", NULL},
    {"\"mod", NULL},
    {"{\"model\":\"lab/", NULL},
    {"\"", NULL},
    {"plain text", NULL},
    {"\"\"\"\"model\":\"lab/x7\"", "\"\"\"\"model\":\"orion\""},
};

static void check(const struct rename_rule *rule, const char *in,
                  const char *want, size_t step, size_t first)
{
    struct rename r = {.rule = rule};
    const uint8_t *bytes = (const uint8_t *)in;
    size_t length = strlen(in), at = 0;
    struct buf out;

    buf_init(&out, 4096);
    while (at < length) {
        size_t n = at == 0 && first > 0 ? first : step;

        n = n < length - at ? n : length - at;
        assert_int_equal(rename_feed(&r, bytes + at, n, &out), 0);
        at += n;
    }
    assert_int_equal(rename_end(&r, &out), 0);
    if (out.length != strlen(want) ||
        (out.length > 0 && memcmp(buf_bytes(&out), want, out.length) != 0))
        fail_msg("%s, first %zu step %zu: %.*s", in, first, step,
                 (int)out.length, (const char *)buf_bytes(&out));
    buf_release(&out);
}

static void the_upstreams_name_never_passes(void **state)
{
    struct rename_rule rule;

    (void)state;
    assert_int_equal(rename_rule_init(&rule, "lab/x7", "orion"), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *want = cases[i].out != NULL ? cases[i].out : cases[i].in;

        check(&rule, cases[i].in, want, 1, 0);
        for (size_t at = 1; at <= strlen(cases[i].in); at++)
            check(&rule, cases[i].in, want, 4096, at);
    }
}

static void the_longest_names_fit(void **state)
{
    char from[LIMIT_MODEL_BYTES + 1], to[LIMIT_MODEL_BYTES + 1];
    char in[512], want[512];
    struct rename_rule rule;

    (void)state;
    memset(from, '/', LIMIT_MODEL_BYTES);
    memset(to, 'b', LIMIT_MODEL_BYTES);
    from[LIMIT_MODEL_BYTES] = to[LIMIT_MODEL_BYTES] = '\0';
    assert_int_equal(rename_rule_init(&rule, from, to), 0);
    strcpy(in, "{\"model\":\"");
    for (unsigned i = 0; i < LIMIT_MODEL_BYTES; i++)
        strcat(in, "\\/");
    strcat(in, "\"}");
    strcpy(want, "{\"model\":\"");
    strcat(want, to);
    strcat(want, "\"}");
    check(&rule, in, want, 1, 0);
    check(&rule, in, want, 4096, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_upstreams_name_never_passes),
        cmocka_unit_test(the_longest_names_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
