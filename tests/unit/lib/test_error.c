/* SPDX-License-Identifier: Apache-2.0 */
/* Every error code has a text of its own, and errno finds its code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/error.h"

static void test_every_code_has_its_own_text(void **state)
{
    (void)state;
    for (int a = SP_ETIMEDOUT; a <= 0; a++) {
        assert_string_not_equal(sp_strerror(a), "unknown error");
        for (int b = SP_ETIMEDOUT; b < a; b++)
            assert_string_not_equal(sp_strerror(a), sp_strerror(b));
    }
}

static void test_unknown_codes_are_harmless(void **state)
{
    const int codes[] = {1, SP_ETIMEDOUT - 1, INT_MIN, INT_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        assert_string_equal(sp_strerror(codes[i]), "unknown error");
}

static void test_errno_is_mapped_and_kept(void **state)
{
    static const struct {
        int number, error;
    } cases[] = {
        {ENOSPC, SP_ENOSPC}, {EDQUOT, SP_ENOSPC},       {ENOENT, SP_ENOENT},
        {EEXIST, SP_EEXIST}, {EACCES, SP_EPERM},        {EROFS, SP_EPERM},
        {ENOMEM, SP_ENOMEM}, {EPIPE, SP_ECLOSED},       {EAGAIN, SP_EAGAIN},
        {EIO, SP_EIO},       {ENOTBLK, SP_EIO},         {0, SP_EIO},
        {EMFILE, SP_EIO},    {ENOSYS, SP_EUNSUPPORTED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        errno = cases[i].number;
        assert_int_equal(sp_error_from_errno(), cases[i].error);
        assert_int_equal(errno, cases[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_own_text),
        cmocka_unit_test(test_unknown_codes_are_harmless),
        cmocka_unit_test(test_errno_is_mapped_and_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
