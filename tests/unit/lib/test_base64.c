/* SPDX-License-Identifier: Apache-2.0 */
/* One spelling of every value, and nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"

static void vectors_of_the_standard(void **state)
{
    /* RFC 4648 section 10 */
    static const char *const v[][2] = {{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"fooba", "Zm9vYmE="},
                                       {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        char text[BASE64_SIZE(6)];
        uint8_t data[6];
        size_t n;

        base64_encode(v[i][0], strlen(v[i][0]), text);
        assert_string_equal(text, v[i][1]);
        assert_int_equal(base64_decode(text, strlen(text), data, 6, &n), 0);
        assert_int_equal(n, strlen(v[i][0]));
        assert_memory_equal(data, v[i][0], n);
    }
}

static void other_spellings_are_refused(void **state)
{
    static const char *const wrong[] = {
        "Zg",           "Zg=",     "Zh==",     "Zm9=",    "Zm9v\n",   " Zm9v",
        "Zm9v====",     "Zm-_",    "Zm9v=Zg=", "Z\x80==", "=",        "====",
        "Zm9vYg==Zg==", "Zm9\xab", "Zm9\xff",  "\xebm9v", "Zm9v Zm9v"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t data[32];
        size_t n = 9;

        if (base64_decode(wrong[i], strlen(wrong[i]), data, sizeof data, &n) !=
                SP_EINVAL ||
            n != 0)
            fail_msg("taken: %s", wrong[i]);
    }
}

/* Every byte in every place of a group: exactly the alphabet is read. */
static void every_byte_that_is_read_has_one_spelling(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 4; at++)
        for (unsigned c = 0; c < 256; c++) {
            char text[5] = "AAAA", again[BASE64_SIZE(3)];
            uint8_t data[3];
            size_t n;

            text[at] = (char)c;
            if (base64_decode(text, 4, data, sizeof data, &n) != 0)
                continue;
            base64_encode(data, n, again);
            assert_memory_equal(again, text, 4);
        }
}

static void longer_than_there_is_room_is_refused(void **state)
{
    uint8_t data[200], back[200];
    char text[BASE64_SIZE(200)];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37);
    for (size_t length = 0; length <= sizeof data; length++) {
        base64_encode(data, length, text);
        assert_int_equal(strlen(text), BASE64_SIZE(length) - 1);
        assert_int_equal(base64_decode(text, strlen(text), back, length, &n),
                         0);
        assert_int_equal(n, length);
        assert_memory_equal(back, data, length);
        if (length > 0)
            assert_int_equal(
                base64_decode(text, strlen(text), back, length - 1, &n),
                SP_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_standard),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(every_byte_that_is_read_has_one_spelling),
        cmocka_unit_test(longer_than_there_is_room_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
