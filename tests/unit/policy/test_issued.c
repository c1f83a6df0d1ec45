/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority's index as the keeper reads it: right lines, and each way in
 * which a line can be wrong, told with its number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/issued.h"

#define HASH "ab00112233445566778899aabbccddeeff00112233445566778899aabbccddee"
#define GOOD "0a1b " HASH " caisi eva 1800000000000 1790000000000 - - p256\n"

struct seen {
    unsigned count;
    struct issued last;
    int answer;
};

static int take(void *arg, const struct issued *l)
{
    struct seen *s = arg;

    s->count++;
    s->last = *l;
    return s->answer;
}

static int parse(const char *text, size_t length, struct seen *s,
                 char problem[256])
{
    char *exact = malloc(length + 1); /* the sanitizer sees its end */
    int r;

    assert_non_null(exact);
    memcpy(exact, text, length);
    exact = realloc(exact, length == 0 ? 1 : length);
    r = issued_parse(exact, length, take, s, problem);
    free(exact);
    return r;
}

static void lines_are_read(void **state)
{
    static const char text[] =
        GOOD "ff " HASH " - gate.example 1800000000000 1790000000000 "
             "1795000000000 superseded server\n"
             "00 " HASH " bank kim 1 2 3 - p\n";
    char problem[256];
    struct seen s = {0};

    (void)state;
    assert_int_equal(parse(text, 0, &s, problem), 0);
    assert_int_equal(s.count, 0);
    assert_int_equal(parse(text, sizeof GOOD - 1, &s, problem), 0);
    assert_string_equal(s.last.serial, "0a1b");
    assert_int_equal(s.last.sha256[0], 0xab);
    assert_int_equal(s.last.sha256[31], 0xee);
    assert_string_equal(s.last.party, "caisi");
    assert_string_equal(s.last.person, "eva");
    assert_int_equal(s.last.not_after, 1800000000000);
    assert_int_equal(s.last.issued, 1790000000000);
    assert_int_equal(s.last.revoked, 0);
    assert_string_equal(s.last.profile, "p256");
    assert_int_equal(parse(text, sizeof text - 1, &s, problem), 0);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.last.line, 3);
    assert_int_equal(s.last.revoked, 3);
    assert_string_equal(s.last.reason, "");
    s.answer = SP_ENOMEM; /* what the taker says is what is said */
    assert_int_equal(parse(text, sizeof text - 1, &s, problem), SP_ENOMEM);
    assert_int_equal(s.count, 5);
}

static void wrong_lines_are_refused_with_their_number(void **state)
{
#define A "0a1b "
#define B HASH
#define C " caisi eva "
#define D "1800000000000 1790000000000 "
    static const struct {
        const char *line, *problem;
    } wrong[] = {
        {"\n", "nine fields"},
        {A B C D "- -\n", "nine fields"},
        {A B C D "- - p p\n", "nine fields"},
        {A B C D "- -  p\n", "nine fields"},
        {" " A B C D "- - p\n", "nine fields"},
        {A B C D "- - p \n", "nine fields"},
        {"0A1B " B C D "- - p\n", "a serial"},
        {"0x1b " B C D "- - p\n", "a serial"},
        {"00112233445566778899aabbccddeeff001122334 " B C D "- - p\n",
         "a serial"},
        {A
         "AB00112233445566778899aabbccddeeff00112233445566778899aabbccddee" C D
         "- - p\n",
         "a SHA-256"},
        {A "ab" C D "- - p\n", "a SHA-256"},
        {A B " Caisi eva " D "- - p\n", "a party"},
        {A B " caisi e/a " D "- - p\n", "a party"},
        {A B C "1800000000000 -1 - - p\n", "the end"},
        {A B C "+1 1 - - p\n", "the end"},
        {A B C "01 1 - - p\n", "the end"},
        {A B C "0 1 - - p\n", "the end"},
        {A B C "1111222233334444 1 - - p\n", "the end"},
        {A B C D "- superseded p\n", "when it was revoked"},
        {A B C D "1 removeFromCRL p\n", "when it was revoked"},
        {A B C D "1 Superseded p\n", "when it was revoked"},
        {A B C D "0 - p\n", "when it was revoked"},
        {A B C D "- - \x01\n", "a profile"},
        {A B C D "- - p\r\n", "a profile"},
    };
    char problem[256], text[1024];
    struct seen s;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        s = (struct seen){0};
        strcpy(text, GOOD);
        strcat(text, wrong[i].line);
        assert_int_equal(parse(text, strlen(text), &s, problem), SP_EINVAL);
        if (strncmp(problem, "line 2: expected ", 17) != 0 ||
            strstr(problem, wrong[i].problem) == NULL)
            fail_msg("%s: %s", wrong[i].line, problem);
        assert_int_equal(s.count, 1);
    }
}

static void bytes_that_are_missing_are_refused(void **state)
{
    char problem[256], text[] = GOOD, longer[1100];
    struct seen s = {0};

    (void)state;
    for (size_t n = 1; n < sizeof GOOD - 1; n++)
        assert_int_equal(parse(GOOD, n, &s, problem), SP_EINVAL);
    text[20] = 0;
    assert_int_equal(parse(text, sizeof GOOD - 1, &s, problem), SP_EINVAL);
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\n';
    assert_int_equal(parse(longer, sizeof longer, &s, problem), SP_EINVAL);
    assert_int_equal(s.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(wrong_lines_are_refused_with_their_number),
        cmocka_unit_test(bytes_that_are_missing_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
