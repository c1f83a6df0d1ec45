/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows as the control socket tells them: what the command prints on a
 * terminal is checked, whoever wrote it; heads and questions have their bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/control_messages.h"

static struct standings_row a_window(void)
{
    return (struct standings_row){.kind = STANDINGS_WINDOW,
                                  .window = "caisi/orion/2026-11-01T00:00:00Z",
                                  .party = "caisi",
                                  .model = "orion",
                                  .state = WINDOW_CLOSED,
                                  .ordered = true,
                                  .opens = 1793491200000,
                                  .closes = 1796083200000,
                                  .left = 5,
                                  .requests = 7,
                                  .allowed = -1,
                                  .open = 2};
}

static int row_decodes(const struct standings_row *v)
{
    uint8_t data[1024];
    struct standings_row row;
    struct msg_out out;
    struct msg_in in;

    msg_put_begin(&out, data, sizeof(data), CONTROL_ANSWER_WINDOWS);
    assert_int_equal(standings_row_put(&out, v), 0);
    msg_get_begin(&in, data, out.length);
    return standings_row_get(&in, &row);
}

static void names_that_a_terminal_obeys_are_refused(void **state)
{
    static const char *const names[] = {"\033[2J", "a b", "a\n", "\x7f",
                                        "\xc3\xa4"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct standings_row rows[5] = {a_window(),
                                        a_window(),
                                        a_window(),
                                        {.kind = STANDINGS_BUDGET},
                                        {.kind = STANDINGS_MODEL_BUDGET}};

        for (size_t k = 0; k < 5; k++)
            assert_int_equal(row_decodes(&rows[k]), 0);
        strcpy(rows[0].window, names[i]);
        strcpy(rows[1].party, names[i]);
        strcpy(rows[2].model, names[i]);
        strcpy(rows[3].terms, names[i]);
        strcpy(rows[4].model, names[i]);
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(row_decodes(&rows[k]), SP_EPROTO);
    }
}

static void rows_out_of_bounds_are_refused(void **state)
{
    struct standings_row v = a_window();

    (void)state;
    assert_int_equal(row_decodes(&v), 0);
    v.allowed = 0;
    assert_int_equal(row_decodes(&v), 0);
    v.allowed = -2;
    assert_int_equal(row_decodes(&v), SP_EPROTO);
    v = a_window();
    v.left = -1;
    assert_int_equal(row_decodes(&v), SP_EPROTO);
    v = a_window();
    v.opens = -1;
    assert_int_equal(row_decodes(&v), SP_EPROTO);
    v = a_window();
    v.closes = -1;
    assert_int_equal(row_decodes(&v), SP_EPROTO);
    v = a_window();
    v.state = WINDOW_STATES;
    assert_int_equal(row_decodes(&v), SP_EPROTO);
    v = (struct standings_row){.kind = STANDINGS_BUDGET, .unit = UNIT_COUNT};
    assert_int_equal(row_decodes(&v), SP_EPROTO);
}

static void questions_come_back(void **state)
{
    uint8_t data[64];
    uint32_t from;
    size_t length;

    (void)state;
    assert_int_equal(ask_windows_put(4711, data, sizeof(data), &length), 0);
    assert_int_equal(ask_windows_get(&from, data, length), 0);
    assert_int_equal(from, 4711);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(ask_windows_get(&from, data, cut), SP_EPROTO);
    assert_int_equal(ask_windows_get(&from, data, length + 1), SP_EPROTO);
    data[0]++;
    assert_int_equal(ask_windows_get(&from, data, length), SP_EPROTO);
}

static void heads_come_back(void **state)
{
    const struct windows_head v = {
        .error = SP_EAGAIN, .policy = 3, .next = STANDINGS_END};
    struct windows_head told;
    uint8_t data[64];
    struct msg_out m;
    struct msg_in in;

    (void)state;
    msg_put_begin(&m, data, sizeof(data), CONTROL_ANSWER_WINDOWS);
    windows_head_put(&m, &v);
    assert_int_equal(windows_head_get(&in, &told, data, m.length), 0);
    assert_memory_equal(&v, &told, sizeof(v));
    assert_int_equal(msg_get_end(&in), 0);
    for (size_t cut = 0; cut < m.length; cut++)
        assert_int_equal(windows_head_get(&in, &told, data, cut), SP_EPROTO);
    for (unsigned error = 0; error < 256; error++) {
        data[2] = (uint8_t)error;
        assert_int_equal(windows_head_get(&in, &told, data, m.length),
                         error <= -SP_ETIMEDOUT ? 0 : SP_EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_a_terminal_obeys_are_refused),
        cmocka_unit_test(rows_out_of_bounds_are_refused),
        cmocka_unit_test(questions_come_back),
        cmocka_unit_test(heads_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
