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
#include "tests/unit/policy/attacks.h"

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
