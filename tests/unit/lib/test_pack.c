/* SPDX-License-Identifier: Apache-2.0 */
/* Both directions of a byte format: what is written is read, nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pack.h"

struct things {
    uint64_t number;
    uint32_t small;
    int64_t time;
    bool yes;
    uint8_t fixed[3];
    char text[8];
    uint64_t sparse[5];
};

static void things_pack(struct things *t, struct pack *p)
{
    pack_number(p, &t->number, UINT64_MAX);
    pack_u32(p, &t->small, 1000);
    pack_time(p, &t->time, 5000);
    pack_bool(p, &t->yes);
    pack_fixed(p, t->fixed, sizeof t->fixed);
    pack_text(p, t->text, sizeof t->text);
    pack_sparse(p, t->sparse, 5);
}

static void what_is_written_is_read(void **state)
{
    struct things a = {UINT64_MAX, 1000,      5000,           true,
                       {1, 2, 3},  "seven77", {0, 9, 0, 0, 1}},
                  b = {0};
    struct pack w, r;

    (void)state;
    pack_write(&w, 1000);
    things_pack(&a, &w);
    assert_int_equal(pack_end(&w), 0);
    for (size_t n = 0; n <= w.at; n++) {
        pack_read(&r, w.data, n);
        things_pack(&b, &r);
        assert_int_equal(pack_end(&r), n == w.at ? 0 : SP_EINVAL);
    }
    assert_string_equal(b.text, "seven77");
    assert_true(b.yes && b.time == 5000 && b.small == 1000);
    assert_memory_equal(b.sparse, a.sparse, sizeof a.sparse);
    assert_memory_equal(b.fixed, a.fixed, sizeof a.fixed);
    assert_true(b.number == UINT64_MAX);
    pack_read(&r, w.data, w.at + 1); /* there is room behind */
    things_pack(&b, &r);
    assert_int_equal(pack_end(&r), SP_EINVAL);
    free(w.data);
}

static int number_of(const char *data, size_t n, uint64_t most, uint64_t *value)
{
    struct pack p;

    pack_read(&p, data, n);
    pack_number(&p, value, most);
    return pack_end(&p);
}

static void numbers_have_one_spelling(void **state)
{
    static const struct {
        const char *data;
        size_t n;
        uint64_t most, value;
        int error;
    } cases[] = {
        {"\x00", 1, UINT64_MAX, 0, 0},
        {"\x7f", 1, UINT64_MAX, 127, 0},
        {"\x80\x01", 2, UINT64_MAX, 128, 0},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, UINT64_MAX,
         0},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, UINT64_MAX, 0,
         SP_EINVAL},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, UINT64_MAX, 0,
         SP_EINVAL},
        {"\x80\x00", 2, UINT64_MAX, 0, SP_EINVAL},
        {"\x81\x80\x00", 3, UINT64_MAX, 0, SP_EINVAL},
        {"\x80", 1, UINT64_MAX, 0, SP_EINVAL},
        {"", 0, UINT64_MAX, 0, SP_EINVAL},
        {"\x07", 1, 7, 7, 0},
        {"\x08", 1, 7, 0, SP_EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 77;

        assert_int_equal(
            number_of(cases[i].data, cases[i].n, cases[i].most, &value),
            cases[i].error);
        assert_int_equal(value, cases[i].value);
    }
}

static int sparse_of(const char *data, size_t n)
{
    uint64_t values[4];
    struct pack p;

    pack_read(&p, data, n);
    pack_sparse(&p, values, 4);
    return pack_end(&p);
}

static void lists_and_texts_stay_within(void **state)
{
    struct pack p;
    char text[4];

    (void)state;
    assert_int_equal(sparse_of("\x00", 1), 0);
    assert_int_equal(sparse_of("\x01\x03\x05", 3), 0);
    assert_int_equal(sparse_of("\x01\x04\x05", 3), SP_EINVAL);
    assert_int_equal(sparse_of("\x01\x00\x00", 3), SP_EINVAL);
    assert_int_equal(sparse_of("\x02\x03\x05\x00\x05", 5), SP_EINVAL);
    assert_int_equal(sparse_of("\x05\0\1\0\1\0\1\0\1\0\1", 11), SP_EINVAL);
    pack_read(&p,
              "\x03"
              "abc",
              4);
    pack_text(&p, text, sizeof text);
    assert_int_equal(pack_end(&p), 0);
    assert_string_equal(text, "abc");
    pack_read(&p,
              "\x04"
              "abcd",
              5);
    pack_text(&p, text, sizeof text);
    assert_int_equal(pack_end(&p), SP_EINVAL);
    assert_string_equal(text, "");
    pack_read(&p,
              "\x03"
              "a\0c",
              4);
    pack_text(&p, text, sizeof text);
    assert_int_equal(pack_end(&p), SP_EINVAL);
    pack_read(&p,
              "\x03"
              "ab",
              3);
    assert_int_equal(pack_count(&p, 0), 0);
    assert_int_equal(pack_end(&p), SP_EINVAL);
    pack_read(&p,
              "\x02"
              "ab",
              3);
    assert_int_equal(pack_count(&p, 0), 2);
}

static void what_is_written_has_a_limit_and_a_range(void **state)
{
    uint64_t number = 8;
    int64_t before = -1;
    struct pack p;

    (void)state;
    pack_write(&p, 2);
    for (unsigned i = 0; i < 3; i++)
        pack_number(&p, &number, 8);
    assert_int_equal(pack_end(&p), SP_ETOOBIG);
    free(p.data);
    pack_write(&p, 100);
    pack_number(&p, &number, 7);
    assert_int_equal(pack_end(&p), SP_EINVAL);
    free(p.data);
    pack_write(&p, 100);
    pack_time(&p, &before, INT64_MAX);
    assert_int_equal(pack_end(&p), SP_EINVAL);
    free(p.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(numbers_have_one_spelling),
        cmocka_unit_test(lists_and_texts_stay_within),
        cmocka_unit_test(what_is_written_has_a_limit_and_a_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
