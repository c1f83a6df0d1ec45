/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The card's number, from the bytes of a real one and of every wrong one that
 * is a bit or two away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/fascn.h"

#include <string.h>

/* 4700-0256-001337-0-1-1112223333-1-4700-1 */
static const uint8_t sample[FASCN_BYTES] = {
    0xd1, 0x38, 0x10, 0xd8, 0x28, 0xab, 0x6c, 0x10, 0xc3,
    0x39, 0xe5, 0x83, 0x68, 0x5a, 0x10, 0x82, 0x10, 0x8c,
    0xe7, 0x39, 0x81, 0x38, 0x10, 0xc3, 0xe7};
static const char sample_digits[] = "47000256001337011112223333147001";

static void a_card_is_read(void **state)
{
    char digits[FASCN_DIGITS + 1];

    (void)state;
    assert_int_equal(fascn_decode(sample, sizeof sample, digits), 0);
    assert_string_equal(digits, sample_digits);
}

static void other_lengths_are_refused(void **state)
{
    uint8_t longer[64] = {0};
    char digits[FASCN_DIGITS + 1];

    (void)state;
    memcpy(longer, sample, sizeof sample);
    for (size_t n = 0; n <= sizeof longer; n++)
        if (n != FASCN_BYTES)
            assert_int_equal(fascn_decode(longer, n, digits), SP_EINVAL);
}

/* Parity finds one wrong bit of a symbol, the check two of one symbol. */
static void every_pair_of_wrong_bits_is_found(void **state)
{
    char digits[FASCN_DIGITS + 1];

    (void)state;
    for (size_t i = 0; i < 200; i++)
        for (size_t k = i; k < 200; k++) {
            uint8_t bent[FASCN_BYTES];

            memcpy(bent, sample, sizeof bent);
            bent[i / 8] ^= (uint8_t)(0x80 >> i % 8);
            if (k != i)
                bent[k / 8] ^= (uint8_t)(0x80 >> k % 8);
            if (fascn_decode(bent, sizeof bent, digits) != SP_EINVAL)
                fail_msg("bits %zu and %zu wrong: taken", i, k);
        }
}

static void write_symbol(uint8_t *data, size_t index, unsigned value)
{
    unsigned ones = (unsigned)__builtin_popcount(value);

    for (size_t i = 0; i < 5; i++) {
        size_t bit = index * 5 + i;
        unsigned set = i < 4 ? value >> i & 1 : ones % 2 == 0;

        data[bit / 8] |= (uint8_t)(set << (7 - bit % 8));
    }
}

/* All that is read is written back to the same bytes: no two encodings of one
 * number. Symbols are random, separators nearly always right. */
static void random_symbols(void **state)
{
    static const char layout[] = "SddddFddddFddddddFdFdFddddddddddddddddEC";
    uint32_t seed = 99, taken = 0;

    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t data[FASCN_BYTES] = {0};
        char digits[FASCN_DIGITS + 1] = "", want[FASCN_DIGITS + 1] = "";
        unsigned sum = 0, used = 0;
        bool right = true;

        for (size_t i = 0; i < 40; i++) {
            unsigned value;

            seed = seed * 1664525u + 1013904223u;
            value = layout[i] == 'S'   ? 11
                    : layout[i] == 'F' ? 13
                    : layout[i] == 'E' ? 15
                    : layout[i] == 'C' ? sum
                                       : (seed >> 8) % 10;
            if ((seed >> 20) % 200 == 0)
                value = seed >> 28;
            right &= layout[i] == 'd'   ? value < 10
                     : layout[i] == 'C' ? value == sum
                                        : value == (layout[i] == 'S'   ? 11u
                                                    : layout[i] == 'F' ? 13u
                                                                       : 15u);
            if (layout[i] == 'd' && used < FASCN_DIGITS)
                want[used++] = (char)('0' + value);
            sum ^= value;
            write_symbol(data, i, value);
        }
        assert_int_equal(fascn_decode(data, sizeof data, digits) == 0, right);
        if (right)
            assert_memory_equal(digits, want, FASCN_DIGITS);
        taken += right;
    }
    assert_true(taken > 10000 && taken < 99000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_is_read),
        cmocka_unit_test(other_lengths_are_refused),
        cmocka_unit_test(every_pair_of_wrong_bits_is_found),
        cmocka_unit_test(random_symbols),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
