/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload tells: whatever is in operators' files, it is lines that a
 * terminal may have, fits its message, and says how much was left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/reload_result.h"

static void lines_come_as_they_are(void **state)
{
    struct reload_result r = {0};
    char text[ORDER_REPORT_SIZE];

    (void)state;
    reload_result_text(&r, text);
    assert_string_equal(text, "");
    reload_result_add(&r, "a:1:2: wrong: expected right\n\nb:3:4: also\n");
    reload_result_say(&r, "%u more", 2U);
    reload_result_text(&r, text);
    assert_string_equal(text,
                        "a:1:2: wrong: expected right\nb:3:4: also\n2 more\n");
    assert_int_equal(r.left_out, 0);
}

static void nothing_that_a_terminal_obeys_is_in_them(void **state)
{
    struct reload_result r = {0};
    char text[ORDER_REPORT_SIZE];

    (void)state;
    reload_result_add(&r, "a\033[2J\r\tb\x7f\xc3\xa4\n");
    reload_result_text(&r, text);
    assert_string_equal(text, "a?[2J??b???\n");
}

/* Any number of lines of any length; the answer is one message with them. */
static void what_does_not_fit_is_counted(void **state)
{
    static char line[20000];
    uint8_t data[CONTROL_MESSAGE_MAX];

    (void)state;
    for (size_t length = 1; length < sizeof(line); length += 97) {
        struct order_answer a = {.n = UINT64_MAX, .cut = UINT32_MAX}, told;
        struct reload_result r = {0};
        unsigned lines = 0;
        size_t n;

        memset(line, 'x', length);
        line[length] = '\0';
        while (r.left_out < 2000 && lines < 5000) {
            reload_result_add(&r, line);
            lines++;
        }
        reload_result_text(&r, a.report);
        assert_true(strlen(a.report) < sizeof(a.report));
        for (const char *c = a.report; *c; c++)
            lines -= *c == '\n';
        assert_int_equal(lines + 1, r.left_out);
        assert_non_null(strstr(a.report, "\n... and "));
        memset(a.text, 'x', sizeof(a.text) - 1);
        assert_int_equal(answer_order_put(&a, data, sizeof(data), &n), 0);
        assert_int_equal(answer_order_get(&told, data, n), 0);
        assert_string_equal(told.report, a.report);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_as_they_are),
        cmocka_unit_test(nothing_that_a_terminal_obeys_is_in_them),
        cmocka_unit_test(what_does_not_fit_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
