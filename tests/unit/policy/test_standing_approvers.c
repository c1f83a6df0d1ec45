/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P8 in the ledger: a standing that knows its approvers takes no policy
 * without them and no other approvers without these, so that an auditor's
 * replay finds an entry that should not be there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/standing.h"

#define T    INT64_C(1793491200000)
#define DAYS (INT64_C(30) * 86400000)

enum { ALICE, BOB, CAROL, DAVE, PEOPLE };
static const char *const names[] = {"alice", "bob", "carol", "dave"};

struct fixture {
    struct standing *s;
    struct minisign_key key[PEOPLE];
    uint8_t last; /* of the newest policy's hash, which is that in all bytes */
};

static int apply(struct fixture *f, struct entry *e)
{
    e->n = standing_count(f->s);
    e->t = T;
    return standing_apply(f->s, e);
}

/* "name:RW…,…" of the people in `who`, a bit each. */
static const char *set_text(const struct fixture *f, unsigned who)
{
    static char text[APPROVERS_TEXT_MAX];
    struct approvers set = {0};

    for (size_t i = 0; i < PEOPLE; i++)
        if (who & 1u << i)
            assert_int_equal(approvers_add(&set, names[i], &f->key[i]), 0);
    approvers_format(&set, text);
    return text;
}

static const char *by_text(const struct fixture *f, unsigned who)
{
    static char text[APPROVERS_BY_MAX];
    struct approvers set = {0};

    for (size_t i = 0; i < PEOPLE; i++)
        if (who & 1u << i)
            assert_int_equal(approvers_add(&set, names[i], &f->key[i]), 0);
    approvers_by_format(&set, NULL, text);
    return text;
}

static int set_apply(struct fixture *f, unsigned who, unsigned required,
                     const char *by)
{
    struct entry e = {
        .kind = ENTRY_APPROVERS_SET,
        .u.approvers_set = {.required = required,
                            .valid_ms = DAYS,
                            .approvers = set_text(f, who),
                            .by = by},
    };

    return apply(f, &e);
}

/* Policy `serial`, which replaces the one before. */
static int policy_apply(struct fixture *f, uint32_t serial, const char *by,
                        const char *author)
{
    struct entry e = {
        .kind = ENTRY_POLICY_LOADED,
        .u.policy_loaded = {.serial = serial,
                            .has_replaces = f->last != 0,
                            .approvers = by,
                            .author = author},
    };
    int r;

    memset(e.u.policy_loaded.sha256, (int)serial, 32);
    memset(e.u.policy_loaded.replaces, f->last, 32);
    r = apply(f, &e);
    if (r == 0)
        f->last = (uint8_t)serial;
    return r;
}

/* alice, bob and carol, two of them required. */
#define THREE (1u << ALICE | 1u << BOB | 1u << CAROL)
#define TWO   (1u << ALICE | 1u << BOB)

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct entry e = {.kind = ENTRY_LOG_OPENED};

    assert_non_null(f);
    f->s = standing_new();
    for (size_t i = 0; i < PEOPLE; i++) {
        struct minisign_secret secret;

        assert_int_equal(minisign_generate(&secret), 0);
        minisign_public(&secret, &f->key[i]);
    }
    e.u.log_opened.origin = e.u.log_opened.version = e.u.log_opened.vkey = "x";
    assert_int_equal(apply(f, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    standing_free(f->s);
    free(f);
    return 0;
}

static void P8_the_first_set_is_recorded(void **state)
{
    struct fixture *f = *state;
    const struct approvers *set;
    uint64_t n = 99;

    assert_null(standing_approvers(f->s, &n));
    assert_int_equal(set_apply(f, THREE, 2, by_text(f, TWO)), SP_EINVAL);
    assert_int_equal(set_apply(f, THREE, 0, NULL), SP_EINVAL);
    assert_int_equal(set_apply(f, THREE, 4, NULL), SP_EINVAL);
    assert_null(standing_approvers(f->s, &n));
    assert_int_equal(set_apply(f, THREE, 2, NULL), 0);
    set = standing_approvers(f->s, &n);
    assert_non_null(set);
    assert_int_equal(n, 1);
    assert_int_equal(set->required, 2);
    assert_int_equal(set->count, 3);
}

static void P8_policies_need_their_approvers(void **state)
{
    struct fixture *f = *state;
    char swapped[APPROVERS_BY_MAX];
    const char *by;

    assert_int_equal(set_apply(f, THREE, 2, NULL), 0);
    assert_int_equal(policy_apply(f, 1, NULL, NULL), SP_EINVAL);
    assert_int_equal(policy_apply(f, 1, "", NULL), SP_EINVAL);
    assert_int_equal(policy_apply(f, 1, by_text(f, 1u << BOB), NULL),
                     SP_EINVAL);
    assert_non_null(strstr(standing_error(f->s), "1 of 2 approvals"));
    assert_int_equal(
        policy_apply(f, 1, by_text(f, 1u << BOB | 1u << DAVE), NULL),
        SP_EINVAL);
    by = by_text(f, 1u << BOB);
    snprintf(swapped, sizeof swapped, "%s,%s", by, by);
    assert_int_equal(policy_apply(f, 1, swapped, NULL), SP_EINVAL);
    assert_int_equal(policy_apply(f, 1, by_text(f, TWO), NULL), 0);
    assert_int_equal(policy_apply(f, 2, by_text(f, THREE), NULL), 0);
}

static void P8_authors_do_not_count(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set_apply(f, THREE, 2, NULL), 0);
    assert_int_equal(policy_apply(f, 1, by_text(f, TWO), "alice"), SP_EINVAL);
    assert_int_equal(policy_apply(f, 1, by_text(f, TWO), "nobody"), SP_EINVAL);
    assert_int_equal(policy_apply(f, 1, by_text(f, TWO), "carol"), 0);
}

static void P8_policies_are_a_chain(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set_apply(f, THREE, 2, NULL), 0);
    f->last = 9; /* the first replaces nothing */
    assert_int_equal(policy_apply(f, 1, by_text(f, TWO), NULL), SP_EINVAL);
    f->last = 0;
    assert_int_equal(policy_apply(f, 1, by_text(f, TWO), NULL), 0);
    f->last = 0; /* the second says which one */
    assert_int_equal(policy_apply(f, 2, by_text(f, TWO), NULL), SP_EINVAL);
    f->last = 9; /* the right one */
    assert_int_equal(policy_apply(f, 2, by_text(f, TWO), NULL), SP_EINVAL);
    f->last = 1;
    assert_int_equal(policy_apply(f, 2, by_text(f, TWO), NULL), 0);
}

static void P8_a_set_is_replaced_by_its_own(void **state)
{
    const unsigned next = 1u << CAROL | 1u << DAVE;
    struct fixture *f = *state;
    uint64_t n;

    assert_int_equal(set_apply(f, THREE, 2, NULL), 0);
    assert_int_equal(set_apply(f, next, 1, NULL), SP_EINVAL);
    assert_int_equal(set_apply(f, next, 1, ""), SP_EINVAL);
    assert_int_equal(set_apply(f, next, 1, by_text(f, 1u << BOB)), SP_EINVAL);
    /* The new ones have nothing to say yet. */
    assert_int_equal(set_apply(f, next, 1, by_text(f, next)), SP_EINVAL);
    /* Nothing but the number required. */
    assert_int_equal(set_apply(f, THREE, 1, NULL), SP_EINVAL);
    assert_int_equal(set_apply(f, THREE, 2, by_text(f, TWO)), SP_EINVAL);
    assert_int_equal(standing_approvers(f->s, &n)->count, 3);
    assert_int_equal(set_apply(f, next, 2, by_text(f, TWO)), 0);
    /* And the old ones have no longer. */
    assert_int_equal(policy_apply(f, 1, by_text(f, TWO), NULL), SP_EINVAL);
    assert_int_equal(set_apply(f, THREE, 2, by_text(f, TWO)), SP_EINVAL);
    assert_int_equal(policy_apply(f, 1, by_text(f, next), NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(P8_the_first_set_is_recorded),
        TEST(P8_policies_need_their_approvers),
        TEST(P8_authors_do_not_count),
        TEST(P8_policies_are_a_chain),
        TEST(P8_a_set_is_replaced_by_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
