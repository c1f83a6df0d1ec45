/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of fields, sets of them as text, and numbers that are compared
 * exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/field.h"

#define CHAT ROUTE_CHAT_COMPLETIONS

static uint16_t chat(const char *path)
{
    return field_of_route(CHAT, path, strlen(path));
}

static void the_table_holds_its_rules(void **state)
{
    int numbers = 0;

    (void)state;
    assert_true(field_count() <= FIELD_MAX);
    for (uint16_t i = 0; i < field_count(); i++) {
        const struct field_info *f = field_info(i);
        const char *dot = strrchr(f->path, '.');

        assert_true(f->routes != 0);
        numbers += f->shape == FIELD_NUMBER;
        if (f->like != NULL)
            assert_int_not_equal(field_find(f->like, FIELD_NONE), FIELD_NONE);
        for (uint16_t k = field_find(f->path, FIELD_NONE); k < i;
             k = field_find(f->path, k)) /* one row a path and route */
            if (field_info(k)->routes & f->routes)
                fail_msg("%s is there twice", f->path);
        if (dot == NULL || i <= FIELD_PREFILL)
            continue;
        for (unsigned r = 1; r < ROUTE_COUNT; r++) { /* found from the top */
            char path[128], *next = path, *name;
            uint16_t at = FIELD_NONE;

            if ((f->routes & 1u << r) == 0)
                continue;
            strcpy(path, f->path);
            while ((name = strsep(&next, ".")) != NULL) {
                uint16_t member =
                    field_member((enum route)r, at, name, strlen(name));

                if (member == FIELD_NONE && next != NULL) {
                    next[-1] = '.'; /* a name with a dot in it */
                    next = name;
                    member =
                        field_member((enum route)r, at, name, strlen(name));
                    at = member;
                    break;
                }
                at = member;
            }
            if (at != i)
                fail_msg("%s is not found from the top (%u)", f->path, at);
        }
    }
    assert_true(numbers <= FIELD_NUMBERS);
    assert_string_equal(field_info(FIELD_OTHERS)->path, "others");
    assert_string_equal(field_info(FIELD_PREFILL)->path, "prefill");
}

static void routes_have_their_own_rows(void **state)
{
    uint16_t of_chat = chat("logprobs");
    uint16_t of_completions = field_of_route(ROUTE_COMPLETIONS, "logprobs", 8);

    (void)state;
    assert_int_not_equal(of_chat, of_completions);
    assert_int_equal(field_info(of_chat)->shape, FIELD_BOOL);
    assert_int_equal(field_info(of_completions)->shape, FIELD_NUMBER);
    assert_int_equal(field_member(CHAT, FIELD_NONE, "best_of", 7), FIELD_NONE);
    assert_int_equal(field_member(CHAT, FIELD_NONE, "others", 6), FIELD_NONE);
    assert_int_equal(field_member(CHAT, FIELD_NONE, "prefill", 7), FIELD_NONE);
    assert_int_equal(field_member(CHAT, FIELD_NONE, "", 0), FIELD_NONE);
    assert_int_equal(field_member(CHAT, 9999, "n", 1), FIELD_NONE);
    /* blocks within blocks have the same members */
    assert_int_equal(
        field_member(ROUTE_MESSAGES,
                     field_of_route(ROUTE_MESSAGES, "system", 6), "text", 4),
        field_of_route(ROUTE_MESSAGES, "messages.content.text", 21));
}

static void numbers_are_exact(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
        const char *again;
    } cases[] = {
        {"0", 0, "0"},
        {"-0", 0, "0"},
        {"1", 1000000, "1"},
        {"0.7", 700000, "0.7"},
        {"0.1", 100000, "0.1"},
        {"1.0000001", 1000001, "1.000001"},
        {"1.0000000", 1000000, "1"},
        {"-1.5", -1500000, "-1.5"},
        {"-0.0000001", 0, "0"},
        {"1e3", 1000000000, "1000"},
        {"1E-6", 1, "0.000001"},
        {"1e-7", 1, "0.000001"},
        {"0e99999999999", 0, "0"},
        {"1e400", INT64_MAX, "9223372036854.775807"},
        {"-1e400", -INT64_MAX, "-9223372036854.775807"},
        {"1e-400", 1, "0.000001"},
        {"9223372036854.775807", INT64_MAX, "9223372036854.775807"},
        {"99999999999999999999999999999999", INT64_MAX, NULL},
        {"0.00000000000000000000000000000000000001", 1, NULL},
        {"131072.00000000000000000000000000000001", 131072000001, NULL},
    };
    static const char *const wrong[] = {"",    "-",   ".5",  "1.",  "1e",
                                        "1e+", "0x1", "1 ",  "NaN", "+1",
                                        "--1", "1,0", "true"};
    char text[FIELD_NUMBER_SIZE];
    int64_t v;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            field_number_parse(cases[i].text, strlen(cases[i].text), &v), 0);
        if (v != cases[i].value)
            fail_msg("%s: %lld", cases[i].text, (long long)v);
        field_number_print(v, text);
        if (cases[i].again != NULL)
            assert_string_equal(text, cases[i].again);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (field_number_parse(wrong[i], strlen(wrong[i]), &v) == 0)
            fail_msg("\"%s\" is taken for a number", wrong[i]);
}

static void sets_have_one_spelling(void **state)
{
    static const char *const wrong[] = {
        " n=1",       "n=1 ",       "n=1  seed=2", "n",
        "n=",         "n=1.0",      "n=01",        "seed=1 n=1",
        "n=1 n=1",    "store=1",    "best_of=1",   "x",
        "n=1,seed=2", "store=true", "n=1\n",       "model",
    };
    struct field_set s = {0}, t;
    char text[FIELD_SET_TEXT];
    size_t length;
    int parsed = 0;

    (void)state;
    assert_true(field_set_empty(&s));
    assert_int_equal(field_set_print(&s, text, sizeof text, &length), 0);
    assert_int_equal(length, 0);
    field_set_add(&s, chat("store"));
    field_set_add(&s, chat("n"));
    field_set_add(&s, FIELD_OTHERS);
    field_set_add(&s, chat("temperature"));
    s.number[field_number_slot(chat("n"))] = 2000000;
    s.number[field_number_slot(chat("temperature"))] = 700000;
    assert_int_equal(field_set_print(&s, text, sizeof text, &length), 0);
    assert_string_equal(text, "others n=2 temperature=0.7 store");
    assert_int_equal(field_set_parse(&t, CHAT, text, length), 0);
    assert_memory_equal(&s, &t, sizeof s);
    assert_int_equal(field_set_print(&s, text, length, &length), SP_ETOOBIG);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (field_set_parse(&t, CHAT, wrong[i], strlen(wrong[i])) == 0) {
            print_error("\"%s\" is taken for a set\n", wrong[i]);
            parsed++;
        }
    assert_int_equal(parsed, 1); /* model: a row like any other */
}

/* Everything at once fits an entry. */
static void the_longest_set_fits(void **state)
{
    struct field_set s = {0}, t;
    char text[FIELD_SET_TEXT];
    size_t length, longest = 0;

    (void)state;
    for (unsigned r = 1; r < ROUTE_COUNT; r++) {
        memset(&s, 0, sizeof s);
        for (uint16_t i = 0; i < field_count(); i++)
            if ((field_info(i)->routes & 1u << r) &&
                field_info(i)->otherwise != FIELD_PART) {
                field_set_add(&s, i);
                if (field_number_slot(i) >= 0)
                    s.number[field_number_slot(i)] = -INT64_MAX;
            }
        assert_int_equal(field_set_print(&s, text, sizeof text, &length), 0);
        assert_int_equal(field_set_parse(&t, (enum route)r, text, length), 0);
        assert_memory_equal(&s, &t, sizeof s);
        longest = length > longest ? length : longest;
    }
    print_message("longest: %zu bytes\n", longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_its_rules),
        cmocka_unit_test(routes_have_their_own_rows),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(sets_have_one_spelling),
        cmocka_unit_test(the_longest_set_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
