/* SPDX-License-Identifier: Apache-2.0 */
/* The set of open requests against a plain table, over long random histories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/openset.h"

#define RANGE 4096

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* `stride` spreads the indices so that many fall on the same slots. */
static void history(uint64_t stride)
{
    static bool in[RANGE];
    struct openset s = {0};
    size_t count = 0;

    for (size_t i = 0; i < RANGE; i++)
        in[i] = false;
    for (size_t i = 0; i < 200000; i++) {
        size_t n = random_next() % RANGE;

        if (random_next() % 2 == 0) {
            assert_int_equal(openset_add(&s, n * stride, RANGE),
                             in[n] ? SP_EEXIST : 0);
            count += !in[n];
            in[n] = true;
        } else {
            assert_int_equal(openset_remove(&s, n * stride), in[n]);
            count -= in[n];
            in[n] = false;
        }
        assert_int_equal(s.count, count);
    }
    for (size_t n = 0; n < RANGE; n++)
        assert_int_equal(openset_has(&s, n * stride), in[n]);
    openset_release(&s);
    assert_false(openset_has(&s, 0));
}

static void agrees_with_a_table(void **state)
{
    (void)state;
    history(1);
    history(64);
    history(8192);
}

static void P11_an_end_counts_once(void **state)
{
    struct openset s = {0};

    (void)state;
    assert_false(openset_remove(&s, 0));
    assert_int_equal(openset_add(&s, 0, 10), 0);
    assert_int_equal(openset_add(&s, 0, 10), SP_EEXIST);
    assert_true(openset_remove(&s, 0));
    assert_false(openset_remove(&s, 0));
    openset_release(&s);
}

/* The largest number would be taken for a free slot. */
static void P12_the_largest_number_is_never_in_it(void **state)
{
    struct openset s = {0};

    (void)state;
    assert_false(openset_has(&s, UINT64_MAX));
    assert_int_equal(openset_add(&s, UINT64_MAX, 10), SP_ERANGE);
    assert_int_equal(openset_add(&s, 3, 10), 0);
    assert_false(openset_has(&s, UINT64_MAX));
    assert_false(openset_remove(&s, UINT64_MAX));
    assert_int_equal(s.count, 1);
    openset_release(&s);
}

static void has_a_bound(void **state)
{
    struct openset s = {0};

    (void)state;
    for (uint64_t n = 0; n < 100; n++)
        assert_int_equal(openset_add(&s, n, 100), 0);
    assert_int_equal(openset_add(&s, 100, 100), SP_ETOOBIG);
    assert_true(openset_remove(&s, 50));
    assert_int_equal(openset_add(&s, 100, 100), 0);
    openset_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_table),
        cmocka_unit_test(P11_an_end_counts_once),
        cmocka_unit_test(P12_the_largest_number_is_never_in_it),
        cmocka_unit_test(has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
