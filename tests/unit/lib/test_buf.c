/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers: contents survive every way of growing and moving; limits hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

static void test_empty_owns_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    assert_int_equal(b.limit, BUF_BLOCK);
    assert_null(b.data);
    assert_int_equal(buf_append(&b, "", 0), 0);
    assert_null(b.data);
    assert_int_equal(buf_append(&b, "x", 1), 0);
    buf_release(&b);
    assert_null(b.data);
    assert_int_equal(b.length + b.capacity + b.start, 0);
    buf_drain(&b, 5);
    assert_int_equal(b.length, 0);
    assert_int_equal(buf_append(&b, "y", 1), 0); /* usable again */
    assert_memory_equal(buf_bytes(&b), "y", 1);
    buf_release(&b);
}

static void test_limit_holds_exactly(void **state)
{
    static const size_t limits[] = {1, 100, BUF_BLOCK, BUF_BLOCK + 1, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        uint8_t *all = calloc(1, limits[i] + 1), *space;
        struct buf b;

        assert_non_null(all);
        buf_init(&b, limits[i]);
        assert_int_equal(buf_append(&b, all, limits[i] + 1), SP_ETOOBIG);
        assert_int_equal(b.length, 0);
        assert_int_equal(buf_append(&b, all, limits[i]), 0);
        assert_int_equal(buf_append(&b, all, 1), SP_ETOOBIG);
        assert_int_equal(buf_reserve(&b, SIZE_MAX, &space), SP_ETOOBIG);
        assert_int_equal(buf_printf(&b, "%s", "x"), SP_ETOOBIG);
        assert_int_equal(b.length, limits[i]);
        buf_drain(&b, 1);
        assert_int_equal(buf_append(&b, "z", 1), 0);
        assert_int_equal(b.length, limits[i]);
        assert_int_equal(buf_bytes(&b)[limits[i] - 1], 'z');
        buf_release(&b);
        free(all);
    }
}

static void test_drain_more_than_there_is(void **state)
{
    struct buf b;
    uint8_t *block;

    (void)state;
    buf_init(&b, 0);
    assert_int_equal(buf_append_text(&b, "hello"), 0);
    block = b.data;
    buf_drain(&b, 2);
    assert_memory_equal(buf_bytes(&b), "llo", 3);
    buf_drain(&b, 100);
    assert_int_equal(b.length, 0);
    assert_ptr_equal(b.data, block); /* keeps its block */
    assert_int_equal(b.start, 0);
    buf_release(&b);
}

static void test_printf(void **state)
{
    static char longer[3000];
    struct buf b;

    (void)state;
    memset(longer, 'q', sizeof(longer) - 1);
    buf_init(&b, 4000);
    assert_int_equal(buf_printf(&b, "%d-%s", 7, "x"), 0);
    assert_memory_equal(buf_bytes(&b), "7-x", 3);
    assert_int_equal(buf_printf(&b, "%s|", longer), 0);
    assert_int_equal(b.length, 3 + 2999 + 1);
    assert_int_equal(buf_bytes(&b)[b.length - 1], '|');
    assert_int_equal(buf_printf(&b, "%s", longer), SP_ETOOBIG);
    assert_int_equal(b.length, 3003);
    buf_release(&b);
}

/* Against the simplest buffer there is: one array that never moves. */
static void test_random_use_keeps_the_bytes(void **state)
{
    enum { LIMIT = 50000, ROUNDS = 20000 };
    static uint8_t stream[ROUNDS * 2000];
    size_t put = 0, got = 0;
    struct buf b;

    (void)state;
    srandom(7);
    for (size_t i = 0; i < sizeof(stream); i++)
        stream[i] = (uint8_t)(i * 2654435761u >> 13);
    buf_init(&b, LIMIT);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = (size_t)random() % 2000;
        int error = buf_append(&b, stream + put, n);

        assert_int_equal(error, put - got + n > LIMIT ? SP_ETOOBIG : 0);
        put += error == 0 ? n : 0;
        n = (size_t)random() % 2100;
        n = n > put - got ? put - got : n;
        assert_int_equal(b.length, put - got);
        assert_memory_equal(buf_bytes(&b), stream + got, b.length);
        buf_drain(&b, n);
        got += n;
        if (b.length == 0 && i % 3 == 0)
            buf_release(&b);
    }
    buf_release(&b);
}

static void test_blocks_are_used_again(void **state)
{
    struct buf a, b;
    uint8_t *block;

    (void)state;
#ifdef SP_SANITIZED
    skip(); /* no block is kept there, on purpose */
#endif
    buf_init(&a, 0);
    buf_init(&b, 0);
    assert_int_equal(buf_append(&a, "a", 1), 0);
    block = a.data;
    buf_release(&a);
    assert_int_equal(buf_append(&b, "b", 1), 0);
    assert_ptr_equal(b.data, block);
    buf_release(&b);
}

static int teardown(void **state)
{
    (void)state;
    buf_pool_release();
    return 0;
}

/* P7: what a buffer held is not found where its memory was: in the block that
 * the next buffer gets, or in the smaller one that it outgrew. */
static void P7_memory_is_wiped_when_given_back(void **state)
{
    /* The first bytes of a free block are the list's. */
    static const char behind_the_list[] = "................secret";
    struct buf b, other;
    uint8_t *space;

    (void)state;
    buf_init(&b, 4 * BUF_BLOCK);
    buf_init(&other, BUF_BLOCK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(buf_append_text(&b, behind_the_list), 0);
        buf_drain(&b, i == 0 ? 3 : 22);
        if (i == 0)
            assert_int_equal(buf_reserve(&b, 2 * BUF_BLOCK, &space), 0);
        else
            buf_release(&b);
        /* Poisoned under AddressSanitizer, where none is kept to be reused. */
        assert_int_equal(buf_reserve(&other, 64, &space), 0);
#ifndef SP_SANITIZED
        assert_null(memmem(space, 64, "ret", 3));
#endif
        buf_release(&other);
        buf_release(&b);
    }
    buf_pool_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P7_memory_is_wiped_when_given_back),
        cmocka_unit_test(test_empty_owns_nothing),
        cmocka_unit_test(test_limit_holds_exactly),
        cmocka_unit_test(test_drain_more_than_there_is),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_random_use_keeps_the_bytes),
        cmocka_unit_test(test_blocks_are_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
