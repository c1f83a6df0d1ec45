/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing keys: one spelling of each, and none that seals from nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "lib/sealing.h"

static void keys_go_there_and_back(void **state)
{
    uint8_t key[SEALING_KEY_BYTES], secret[SEALING_KEY_BYTES];
    uint8_t again[SEALING_KEY_BYTES];
    char text[SEALING_KEY_TEXT];

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(crypto_box_keypair(key, secret), 0);
        sealing_key_format(key, text);
        assert_int_equal(strlen(text), SEALING_KEY_TEXT - 1);
        assert_int_equal(sealing_key_parse(text, again), 0);
        assert_memory_equal(key, again, sizeof(key));
    }
}

static void other_spellings_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x25519:",
        "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        "X25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo",
        "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo==",
        "x25519:hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo=",
        "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp=",
        "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066Spjqqb Tmo",
        "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n",
        /* 0, 1, and another point of small order */
        "x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "x25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "x25519:4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA=",
    };
    uint8_t key[SEALING_KEY_BYTES];

    (void)state;
    assert_int_equal(
        sealing_key_parse("x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
                          key),
        0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (sealing_key_parse(bad[i], key) != SP_EINVAL)
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_go_there_and_back),
        cmocka_unit_test(other_spellings_are_refused),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
