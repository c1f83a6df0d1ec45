/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: what was put is got, byte for byte; whatever is short, long,
 * out of bounds or left over fails at the end and never reads outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/msg.h"

static size_t sample_put(uint8_t *memory, size_t capacity, int *error)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, 0x1234);
    msg_put_u8(&m, 1);
    msg_put_u16(&m, 0xabcd);
    msg_put_u32(&m, 0xdeadbeef);
    msg_put_u64(&m, 0x0102030405060708);
    msg_put_i64(&m, -2);
    msg_put_bytes(&m, "\0\1\2", 3);
    msg_put_text(&m, "hi");
    msg_put_fixed(&m, "FIXD", 4);
    *error = msg_put_end(&m);
    return m.length;
}

static int sample_get(const uint8_t *data, size_t length)
{
    struct msg_in m;
    size_t n;
    char text[3], fixed[4];
    const uint8_t *bytes;

    (void)msg_get_begin(&m, data, length);
    (void)msg_get_bool(&m);
    (void)msg_get_u16(&m);
    (void)msg_get_u32(&m);
    (void)msg_get_u64(&m);
    (void)msg_get_i64(&m);
    bytes = msg_get_bytes(&m, 3, &n);
    assert_true(bytes == NULL ? n == 0 : n <= 3);
    msg_get_text(&m, text, sizeof(text));
    assert_true(strlen(text) <= 2);
    msg_get_fixed(&m, fixed, sizeof(fixed));
    return msg_get_end(&m);
}

static void test_layout_to_the_byte(void **state)
{
    static const uint8_t wanted[] = {
        0x34, 0x12, 1,    0xcd, 0xab, 0xef, 0xbe, 0xad, 0xde, 8,    7,
        6,    5,    4,    3,    2,    1,    0xfe, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 3,    0,    0,    0,    0,    1,    2,    2,
        0,    0,    0,    'h',  'i',  'F',  'I',  'X',  'D'};
    uint8_t memory[128];
    int error;

    (void)state;
    assert_int_equal(sample_put(memory, sizeof(memory), &error),
                     sizeof(wanted));
    assert_int_equal(error, 0);
    assert_memory_equal(memory, wanted, sizeof(wanted));
}

static void test_what_was_put_is_got(void **state)
{
    uint8_t memory[128], fixed[4];
    struct msg_in m;
    char text[8];
    size_t n, length;
    int error;

    (void)state;
    length = sample_put(memory, sizeof(memory), &error);
    assert_int_equal(msg_get_begin(&m, memory, length), 0x1234);
    assert_true(msg_get_bool(&m));
    assert_int_equal(msg_get_u16(&m), 0xabcd);
    assert_int_equal(msg_get_u32(&m), 0xdeadbeef);
    assert_int_equal(msg_get_u64(&m), 0x0102030405060708);
    assert_int_equal(msg_get_i64(&m), -2);
    assert_memory_equal(msg_get_bytes(&m, 3, &n), "\0\1\2", 3);
    assert_int_equal(n, 3);
    msg_get_text(&m, text, sizeof(text));
    assert_string_equal(text, "hi");
    msg_get_fixed(&m, fixed, 4);
    assert_memory_equal(fixed, "FIXD", 4);
    assert_int_equal(msg_get_end(&m), 0);
}

static void test_put_stops_at_the_capacity(void **state)
{
    uint8_t memory[128], whole[128];
    int error;
    size_t length = sample_put(whole, sizeof(whole), &error);

    (void)state;
    for (size_t capacity = 0; capacity < length; capacity++) {
        memset(memory, 0x55, sizeof(memory));
        assert_true(sample_put(memory, capacity, &error) <= capacity);
        assert_int_equal(error, SP_ETOOBIG);
        for (size_t i = capacity; i < sizeof(memory); i++)
            assert_int_equal(memory[i], 0x55);
    }
    assert_int_equal(sample_put(memory, length, &error), length);
    assert_int_equal(error, 0);
}

static void test_put_of_what_follows_a_failure_fails_too(void **state)
{
    uint8_t memory[8];
    struct msg_out m;

    (void)state;
    msg_put_begin(&m, memory, sizeof(memory), 1);
    msg_put_u64(&m, 1); /* does not fit */
    msg_put_u8(&m, 1);  /* would */
    assert_int_equal(msg_put_end(&m), SP_ETOOBIG);
    assert_int_equal(m.length, 2);
}

/* Every prefix lives in memory of its own, so that a read past it is seen. */
static void test_every_cut_fails(void **state)
{
    uint8_t whole[128];
    int error;
    size_t length = sample_put(whole, sizeof(whole), &error);

    (void)state;
    assert_int_equal(sample_get(whole, length), 0);
    for (size_t n = 0; n < length; n++) {
        uint8_t *part = malloc(n + 1);

        assert_non_null(part);
        memcpy(part, whole, n);
        part = realloc(part, n > 0 ? n : 1);
        assert_non_null(part);
        assert_int_equal(sample_get(part, n), SP_EPROTO);
        free(part);
    }
    assert_int_equal(sample_get(NULL, 0), SP_EPROTO);
    assert_int_equal(sample_get(whole, length + 1), SP_EPROTO);
}

static void test_bounds(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
    } cases[] = {
        {"type 0", 0, 0},
        {"bool of 2", 2, 2},
        {"bytes longer than max", 25, 4},
        {"bytes longer than the message", 28, 0xff},
        {"text too long for its place", 32, 3},
        {"text with a NUL", 36, 0},
    };
    uint8_t whole[128], bad[128];
    int error;
    size_t length = sample_put(whole, sizeof(whole), &error);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(bad, whole, sizeof(bad));
        bad[cases[i].at] = cases[i].value;
        if (cases[i].at == 0)
            bad[1] = 0;
        if (sample_get(bad, length) != SP_EPROTO)
            fail_msg("accepted: %s", cases[i].what);
    }
}

static void test_nothing_is_got_after_a_failure(void **state)
{
    const uint8_t data[] = {1, 0, 9, 1, 1, 1, 1};
    struct msg_in m;
    uint8_t fixed[2] = {7, 7};
    char text[4] = "abc";
    size_t n = 5;

    (void)state;
    assert_int_equal(msg_get_begin(&m, data, sizeof(data)), 1);
    assert_false(msg_get_bool(&m));
    assert_int_equal(msg_get_u8(&m), 0);
    assert_int_equal(msg_get_u32(&m), 0);
    msg_get_fixed(&m, fixed, 2);
    assert_int_equal(fixed[0] + fixed[1], 0);
    msg_get_text(&m, text, sizeof(text));
    assert_string_equal(text, "");
    assert_null(msg_get_bytes(&m, 100, &n));
    assert_int_equal(n, 0);
    assert_int_equal(msg_get_end(&m), SP_EPROTO);
}

static void test_mutations_never_read_outside(void **state)
{
    uint8_t whole[128];
    int error, accepted = 0;
    size_t length = sample_put(whole, sizeof(whole), &error);

    (void)state;
    srandom(11);
    for (int i = 0; i < 100000; i++) {
        size_t n = (size_t)random() % (length + 1);
        uint8_t *part = malloc(n > 0 ? n : 1);

        assert_non_null(part);
        memcpy(part, whole, n);
        for (int k = (int)(random() % 4); k > 0 && n > 0; k--)
            part[(size_t)random() % n] = (uint8_t)random();
        accepted += sample_get(part, n) == 0;
        free(part);
    }
    assert_true(accepted < 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_to_the_byte),
        cmocka_unit_test(test_what_was_put_is_got),
        cmocka_unit_test(test_put_stops_at_the_capacity),
        cmocka_unit_test(test_put_of_what_follows_a_failure_fails_too),
        cmocka_unit_test(test_every_cut_fails),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_nothing_is_got_after_a_failure),
        cmocka_unit_test(test_mutations_never_read_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
