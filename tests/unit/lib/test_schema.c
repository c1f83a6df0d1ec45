/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of fields: every type's good and bad values, defaults that are
 * filled in, misspelt names, and the reference that is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/schema.h"

static const char *const colours[] = {"red", "green", NULL};
static const char *const automatic[] = {"auto", NULL};

static const struct schema_field fields[] = {
    {.name = "text", .type = SCHEMA_TEXT, .min = 2, .max = 4, .help = "a"},
    {.name = "name", .type = SCHEMA_NAME, .help = "b"},
    {.name = "model", .type = SCHEMA_MODEL, .help = "c"},
    {.name = "path", .type = SCHEMA_PATH, .help = "d"},
    {.name = "colour", .type = SCHEMA_CHOICE, .words = colours, .help = "e"},
    {.name = "count", .type = SCHEMA_COUNT, .min = 2, .max = 5000, .help = "f"},
    {.name = "workers",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = 9,
     .words = automatic,
     .fallback = "auto",
     .help = "g"},
    {.name = "size", .type = SCHEMA_SIZE, .max = 1 << 30, .help = "h"},
    {.name = "time", .type = SCHEMA_TIME, .help = "i"},
    {.name = "wait",
     .type = SCHEMA_DURATION,
     .min = 5,
     .max = 60000,
     .fallback = "3s",
     .help = "j"},
    {.name = "seconds", .type = SCHEMA_SECONDS, .max = 60000, .help = "k"},
    {.name = "hash", .type = SCHEMA_HASH, .help = "l"},
    {.name = NULL},
};

static const struct {
    const char *yaml;
    bool good;
    int64_t number;
} cases[] = {
    {"text: ab", true, 0},
    {"text: abcd", true, 0},
    {"text: a", false, 0},
    {"text: abcde", false, 0},
    {"text: null", false, 0},
    {"text: 'null'", true, 0},
    {"text: ~", false, 0},
    {"text:", false, 0},
    {"name: a", true, 0},
    {"name: 0a-b_c.d", true, 0},
    {"name: -a", false, 0},
    {"name: A", false, 0},
    {"name: a b", false, 0},
    {"name: a/b", false, 0},
    {"name: \xc3\xa9", false, 0},
    {"model: Orion-7:b.c_d", true, 0},
    {"model: .a", false, 0},
    {"model: a/b", false, 0},
    {"path: a/b.pem", true, 0},
    {"path: /a/b", true, 0},
    {"path: a..b", true, 0},
    {"path: ../b", false, 0},
    {"path: a/../b", false, 0},
    {"path: a/..", false, 0},
    {"path: ..", false, 0},
    {"path: a//b", false, 0},
    {"path: a/", false, 0},
    {"colour: green", true, 1},
    {"colour: Green", false, 0},
    {"colour: blue", false, 0},
    {"count: 2", true, 2},
    {"count: 5k", true, 5000},
    {"count: 1", false, 0},
    {"count: 6k", false, 0},
    {"count: 1KiB", false, 0},
    {"count: 02", false, 0},
    {"count: +2", false, 0},
    {"count: 2.0", false, 0},
    {"count: 0x10", false, 0},
    {"count: auto", false, 0},
    {"count: 9223372036854775808", false, 0},
    {"count: 9223372036854775807G", false, 0},
    {"workers: auto", true, 0},
    {"workers: 9", true, 9},
    {"workers: 0", false, 0},
    {"size: 1KiB", true, 1024},
    {"size: 2k", true, 2000},
    {"size: 1GiB", true, 1 << 30},
    {"size: 2GiB", false, 0},
    {"size: 1kb", false, 0},
    {"size: 1 MiB", false, 0},
    {"time: 1970-01-01T00:00:00Z", false, 0},
    {"time: 2026-11-01T00:00:00Z", true, 1793491200000},
    {"time: 2026-11-01T00:00:00+00:00", false, 0},
    {"time: 2026-11-01", false, 0},
    {"wait: 5ms", true, 5},
    {"wait: 1m", true, 60000},
    {"wait: 4ms", false, 0},
    {"wait: 61s", false, 0},
    {"wait: 5", false, 0},
    {"wait: 1.5s", false, 0},
    {"seconds: 30", true, 30000},
    {"seconds: 1m", true, 60000},
    {"seconds: 61", false, 0},
    {"seconds: 9223372036854775807", false, 0},
    {"hash: "
     "00000000000000000000000000000000000000000000000000000000000000FF",
     true, 0},
    {"hash: 00", false, 0},
    {"hash: "
     "0000000000000000000000000000000000000000000000000000000000000g00",
     false, 0},
};

static void values_are_what_their_type_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report report = {0};
        struct document *d;
        struct node *n;

        assert_int_equal(document_parse("f", cases[i].yaml,
                                        strlen(cases[i].yaml), 4096, &report,
                                        &d),
                         0);
        if ((schema_check(d, fields, &report) == 0) != cases[i].good ||
            (report.errors == 0) != cases[i].good)
            fail_msg("%s", cases[i].yaml);
        n = d->root->items[0];
        if (cases[i].good && n->number != cases[i].number)
            fail_msg("%s: %lld", cases[i].yaml, (long long)n->number);
        assert_int_equal(n->bad, !cases[i].good);
        n = node_member(d->root, "wait"); /* there in any case */
        assert_non_null(n);
        if (n->implied)
            assert_int_equal(n->number, 3000);
        document_free(d);
    }
}

static const char *nearest_of(const char *word)
{
    struct nearest n = {.word = word};

    nearest_try(&n, "policy");
    nearest_try(&n, "parties");
    nearest_try(&n, "windows");
    nearest_try(&n, "ca");
    return n.best;
}

static void misspelt_names_are_recognised(void **state)
{
    char word[200];

    (void)state;
    assert_string_equal(nearest_of("polciy"), "policy");
    assert_string_equal(nearest_of("polcy"), "policy");
    assert_string_equal(nearest_of("party"), "parties");
    assert_string_equal(nearest_of("window"), "windows");
    assert_null(nearest_of("colour"));
    assert_null(nearest_of("cb"));
    assert_null(nearest_of(""));
    memset(word, 'a', sizeof word);
    word[sizeof word - 1] = 0;
    assert_null(nearest_of(word));
}

static void reference_has_every_field(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    assert_non_null(f);
    assert_int_equal(schema_reference(f, fields), 0);
    fclose(f);
    assert_non_null(strstr(text, "| `text` | a text with a length from 2 to 4 "
                                 "| | a |\n"));
    assert_non_null(strstr(text, "| `workers` | auto or a whole number from 1 "
                                 "to 9 | `auto` | g |\n"));
    assert_non_null(strstr(text, "| `wait` | a duration, such as 12h or 30d, "
                                 "from 5ms to 1m | `3s` | j |\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_what_their_type_wants),
        cmocka_unit_test(misspelt_names_are_recognised),
        cmocka_unit_test(reference_has_every_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
