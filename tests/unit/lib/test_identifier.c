/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers from text: what is taken, in which form, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/identifier.h"

#include <stdlib.h>
#include <string.h>

static void object_identifiers(void **state)
{
    static const char *const good[] = {"1.2.3", "0.0.0", "2.999.1",
                                       "2.16.840.1.101.3.2.1.3.13", "1.39.7"};
    static const char *const bad[] = {
        "",
        "1",
        "1.2",
        "1.2.",
        ".1.2.3",
        "1..2.3",
        "3.1.2",
        "1.40.1",
        "0.99.1",
        "1.2.03",
        "1.2.x",
        "1.2.3 ",
        " 1.2.3",
        "1.2.-3",
        "1.2.1234567890",
        "01.2.3",
        "1,2,3",
        "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!oid_text_is_good(good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (oid_text_is_good(bad[i]))
            fail_msg("%s is taken", bad[i]);
}

static void uuids(void **state)
{
    static const uint8_t want[16] = {0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f,
                                     0x4a, 0x6b, 0x8c, 0x7d, 0x9e, 0x0f,
                                     0x1a, 0x2b, 0x3c, 0x4d};
    static const char *const good[] = {
        "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
        "0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D",
        "urn:uuid:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
        "URN:Uuid:0a1b2c3d-4E5f-4a6b-8c7d-9e0f1a2b3c4d"};
    static const char *const bad[] = {
        "",
        "urn:uuid:",
        "0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d",
        "{0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d}",
        "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4",
        "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d0",
        "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4g",
        "0a1b2c3d_4e5f-4a6b-8c7d-9e0f1a2b3c4d",
        "urn:guid:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
        "0a1b2c3-d4e5f-4a6b-8c7d-9e0f1a2b3c4d"};
    uint8_t uuid[16];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(uuid_parse(good[i], strlen(good[i]), uuid), 0);
        assert_memory_equal(uuid, want, sizeof want);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (uuid_parse(bad[i], strlen(bad[i]), uuid) != SP_EINVAL)
            fail_msg("%s is taken", bad[i]);
}

static void fascns(void **state)
{
    static const char *const bad[] = {
        "",
        "4700",
        "4700-0256",
        "4700-0256-00133",
        "4700-0256-0013377",
        "4700-0256-001337-",
        "4700-0256-001337-0",
        "4700-0256-001337-0-1-1112223333-1-4700",
        "4700-0256-001337-0-1-1112223333-1-4700-1-",
        "4700-0256-001337-0-1-1112223333-1-4700-1-1",
        "47000256001337",
        "4700 0256 001337",
        "470a-0256-001337"};
    char digits[FASCN_DIGITS + 1];
    size_t length;

    (void)state;
    assert_int_equal(fascn_parse("4700-0256-001337", digits, &length), 0);
    assert_int_equal(length, FASCN_CREDENTIAL);
    assert_string_equal(digits, "47000256001337");
    assert_int_equal(fascn_parse("4700-0256-001337-0-1-1112223333-1-4700-1",
                                 digits, &length),
                     0);
    assert_int_equal(length, FASCN_DIGITS);
    assert_string_equal(digits, "47000256001337011112223333147001");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (fascn_parse(bad[i], digits, &length) != SP_EINVAL)
            fail_msg("%s is taken", bad[i]);
}

static void serial_numbers(void **state)
{
    static const char *const good[] = {"1a2b", "1A:2B", "001a2b",
                                       "00:00:1a:2b"};
    static const char *const bad[] = {
        "",
        "0",
        "00",
        "1",
        "1a2",
        "1a:",
        ":1a",
        "1a::2b",
        "xy",
        "1a 2b",
        "-1a2b",
        "0x1a",
        "0102030405060708090a0b0c0d0e0f101112131415"};
    uint8_t serial[SERIAL_BYTES];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(serial_parse(good[i], strlen(good[i]), serial, &n), 0);
        assert_int_equal(n, 2);
        assert_memory_equal(serial, "\x1a\x2b", 2);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (serial_parse(bad[i], strlen(bad[i]), serial, &n) != SP_EINVAL)
            fail_msg("%s is taken", bad[i]);
    assert_int_equal(serial_parse("ff02030405060708090a0b0c0d0e0f1011121314",
                                  40, serial, &n),
                     0);
    assert_int_equal(n, 20);
}

static void issuers_are_split_off(void **state)
{
    static const char *const bad[] = {"",     "x",    "x|y",
                                      " | y", "x | ", "x | y | z"};
    const char *issuer;
    size_t length;

    (void)state;
    assert_int_equal(issuer_split("a@b | CN=CA", &length, &issuer), 0);
    assert_int_equal(length, 3);
    assert_string_equal(issuer, "CN=CA");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (issuer_split(bad[i], &length, &issuer) != SP_EINVAL)
            fail_msg("\"%s\" is taken", bad[i]);
}

/* Copies end where the text does, so that a sanitizer sees a byte too many. */
static void random_texts(void **state)
{
    static const char letters[] = "0123456789abcdefABCDEF:-. |urnid@";
    uint32_t seed = 4711;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        size_t length = (seed >> 8) % 48, n;
        char *text = malloc(length + 1);
        char digits[FASCN_DIGITS + 1];
        uint8_t bytes[SERIAL_BYTES];
        const char *issuer;

        assert_non_null(text);
        for (size_t k = 0; k < length; k++) {
            seed = seed * 1664525u + 1013904223u;
            text[k] = letters[(seed >> 8) % (sizeof letters - 1)];
        }
        text[length] = '\0';
        (void)oid_text_is_good(text);
        if (uuid_parse(text, length, bytes) == 0)
            assert_true(length == 36 || length == 45);
        if (fascn_parse(text, digits, &n) == 0)
            assert_int_equal(strlen(digits), n);
        if (serial_parse(text, length, bytes, &n) == 0)
            assert_true(n > 0 && n <= SERIAL_BYTES && bytes[0] != 0);
        if (issuer_split(text, &n, &issuer) == 0)
            assert_true(n > 0 && n + 3 < length && *issuer != '\0');
        free(text);
        seed = seed * 1664525u + 1013904223u;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_identifiers),
        cmocka_unit_test(uuids),
        cmocka_unit_test(fascns),
        cmocka_unit_test(serial_numbers),
        cmocka_unit_test(issuers_are_split_off),
        cmocka_unit_test(random_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
