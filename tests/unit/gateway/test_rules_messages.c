/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages by which other rules come into force: what is put comes out the
 * same, whatever was cut, lengthened or changed is refused or read, and the
 * start's rules are nothing that anybody is given later (P12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_messages.h"
#include "gateway/rules_messages.h"

DECODER(rules_message, rules_message)
DECODER(rules_ready, rules_ready)
DECODER(rules_in_force, rules_in_force)

static void numbers_come_back(void **state)
{
    static const uint16_t types[] = {MESSAGE_RULES, MESSAGE_RULES_DROP};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct rules_message in = {.number = UINT64_MAX - i};
        struct rules_message out;
        uint8_t data[32];
        size_t length, ignored;

        assert_int_equal(
            rules_message_put(types[i], &in, data, sizeof(data), &length), 0);
        for (size_t room = 0; room < length; room++)
            assert_int_equal(
                rules_message_put(types[i], &in, data, room, &ignored),
                SP_ETOOBIG);
        assert_int_equal(rules_message_get(&out, data, length), 0);
        assert_int_equal(out.number, in.number);
        check_cuts(data, length, decode_rules_message);
        check_longer(data, length, decode_rules_message);
        check_types(data, length, decode_rules_message, types, 2);
    }
}

static void answers_come_back(void **state)
{
    static const int errors[] = {0, SP_EPERM, SP_ENOMEM};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rules_ready in = {.number = i + 1, .error = errors[i]}, out;

        snprintf(in.problem, sizeof(in.problem), "%s",
                 errors[i] == 0 ? "" : "policy serial 4: not approved");
        ROUND_TRIP(rules_ready, &in, &out, MESSAGE_RULES_READY);
        assert_int_equal(out.number, in.number);
        assert_int_equal(out.error, in.error);
        assert_string_equal(out.problem, in.problem);
    }
}

static void in_force_comes_back(void **state)
{
    const struct rules_in_force in = {.number = 7, .policy = 42};
    struct rules_in_force out;

    (void)state;
    ROUND_TRIP(rules_in_force, &in, &out, MESSAGE_RULES_IN_FORCE);
    assert_int_equal(out.number, 7);
    assert_int_equal(out.policy, 42);
}

/* What no honest process says. */
static void P12_nonsense_is_refused(void **state)
{
    const struct rules_message start = {.number = 0};
    const struct rules_ready of_start = {.number = 0},
                             wild = {.number = 1, .error = -5000};
    struct rules_message message;
    struct rules_ready ready;
    uint8_t data[ROOM];
    size_t length;

    (void)state;
    assert_int_equal(
        rules_message_put(MESSAGE_RULES, &start, data, sizeof(data), &length),
        0);
    assert_int_equal(rules_message_get(&message, data, length), SP_EPROTO);
    assert_int_equal(rules_ready_put(&of_start, data, sizeof(data), &length),
                     0);
    assert_int_equal(rules_ready_get(&ready, data, length), SP_EPROTO);
    assert_int_equal(rules_ready_put(&wild, data, sizeof(data), &length), 0);
    assert_int_equal(rules_ready_get(&ready, data, length), SP_EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(in_force_comes_back),
        cmocka_unit_test(P12_nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
