/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares: whatever some parties take, each other one still gets something; and
 * refusals cost no more entries than the limits say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/shares.h"
#include "lib/limits.h"

#define MIB     (1u << 20)
#define PARTIES 5
#define NOBODY  UINT32_MAX
#define NOW     INT64_C(100000)

static const struct policy policy = {.nparties = PARTIES, .npeople = 3};

/* Takes whole MiB until no more fit. */
static size_t take_all(struct shares *s, uint32_t party)
{
    size_t taken = 0;

    for (; shares_body_fits(s, party, MIB); taken += MIB)
        shares_body_take(s, party, MIB);
    return taken;
}

static void one_party_leaves_half(void **state)
{
    struct shares *s = shares_new(&policy, NOW);

    (void)state;
    assert_int_equal(take_all(s, 0), LIMIT_BODIES_BYTES / 2);
    assert_false(shares_body_fits(s, 0, 1));
    assert_true(shares_body_fits(s, 1, LIMIT_BODY_BYTES));
    shares_body_give(s, 0, LIMIT_BODIES_BYTES / 2);
    assert_int_equal(shares_bodies(s), 0);
    shares_free(s);
}

/* Four greedy parties: the fifth can still ask with a large body. */
static void greedy_parties_leave_something(void **state)
{
    struct shares *s = shares_new(&policy, NOW);

    (void)state;
    for (uint32_t i = 0; i + 1 < PARTIES; i++)
        assert_true(take_all(s, i) > 0);
    assert_true(shares_body_fits(s, PARTIES - 1, 16 * MIB));
    assert_true(shares_bodies(s) < LIMIT_BODIES_BYTES);
    shares_free(s);
}

static void bodies_of_nobody_never_fit(void **state)
{
    struct shares *s = shares_new(&policy, NOW);

    (void)state;
    assert_false(shares_body_fits(s, NOBODY, 1));
    assert_false(shares_body_fits(s, PARTIES, 0));
    assert_false(shares_body_fits(s, 0, SIZE_MAX));
    shares_body_give(s, NOBODY, 0);
    shares_free(s);
}

/* How often one asks in vain until it may ask no more. */
static unsigned refused_until_stopped(struct shares *s, uint32_t party,
                                      uint32_t person, int64_t now)
{
    unsigned count = 0;

    for (; count < 10 * LIMIT_REFUSALS && shares_may_ask(s, party, person, now);
         count++)
        shares_refused(s, party, person);
    return count;
}

static void refusals_are_bounded(void **state)
{
    static const uint32_t who[][2] = {
        {0, 1}, {0, NOBODY}, {NOBODY, NOBODY}, {PARTIES, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
        struct shares *s = shares_new(&policy, NOW);
        unsigned first = refused_until_stopped(s, who[i][0], who[i][1], NOW);

        assert_int_equal(first, LIMIT_REFUSALS);
        assert_false(shares_may_ask(s, who[i][0], who[i][1], NOW));
        assert_int_equal(
            refused_until_stopped(s, who[i][0], who[i][1], NOW + 1000),
            LIMIT_REFUSALS_PER_SECOND);
        assert_int_equal(
            refused_until_stopped(s, who[i][0], who[i][1], NOW + 3000),
            2 * LIMIT_REFUSALS_PER_SECOND);
        assert_true(shares_may_ask(s, 0, 2, NOW)); /* a colleague */
        shares_free(s);
    }
}

/* Waiting fills the bucket, and no further. */
static void patience_is_no_store(void **state)
{
    struct shares *s = shares_new(&policy, NOW);

    (void)state;
    (void)refused_until_stopped(s, 0, 0, NOW);
    assert_int_equal(refused_until_stopped(s, 0, 0, NOW + 100 * 86400000LL),
                     LIMIT_REFUSALS);
    shares_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_party_leaves_half),
        cmocka_unit_test(greedy_parties_leave_something),
        cmocka_unit_test(bodies_of_nobody_never_fit),
        cmocka_unit_test(refusals_are_bounded),
        cmocka_unit_test(patience_is_no_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
