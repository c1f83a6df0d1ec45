/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table: everything put in is found, nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/table.h"

static void keys_are_found_again(void **state)
{
    struct table t = {0};
    char key[32];

    (void)state;
    assert_int_equal(table_get(&t, "a", 1), TABLE_NONE);
    for (uint32_t i = 0; i < 20000; i++) {
        size_t n = (size_t)snprintf(key, sizeof key, "key-%u", i);

        assert_int_equal(table_put(&t, key, n, i), 0);
    }
    assert_int_equal(t.count, 20000);
    for (uint32_t i = 0; i < 40000; i++) {
        size_t n = (size_t)snprintf(key, sizeof key, "key-%u", i);

        assert_int_equal(table_get(&t, key, n), i < 20000 ? i : TABLE_NONE);
    }
    table_release(&t);
    assert_int_equal(table_get(&t, "key-1", 5), TABLE_NONE);
}

static void values_are_replaced(void **state)
{
    struct table t = {0};

    (void)state;
    assert_int_equal(table_put(&t, "a", 1, 1), 0);
    assert_int_equal(table_put(&t, "a", 1, 2), 0);
    assert_int_equal(t.count, 1);
    assert_int_equal(table_get(&t, "a", 1), 2);
    assert_int_equal(table_put(&t, "a", 1, TABLE_NONE), SP_EINVAL);
    assert_int_equal(table_get(&t, "a", 1), 2);
    table_release(&t);
}

static void keys_are_bytes(void **state)
{
    struct table t = {0};

    (void)state;
    assert_int_equal(table_put(&t, "a\0b", 3, 1), 0);
    assert_int_equal(table_put(&t, "a\0c", 3, 2), 0);
    assert_int_equal(table_put(&t, "", 0, 3), 0);
    assert_int_equal(table_get(&t, "a\0b", 3), 1);
    assert_int_equal(table_get(&t, "a\0c", 3), 2);
    assert_int_equal(table_get(&t, "a", 1), TABLE_NONE);
    assert_int_equal(table_get(&t, "", 0), 3);
    table_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_again),
        cmocka_unit_test(values_are_replaced),
        cmocka_unit_test(keys_are_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
