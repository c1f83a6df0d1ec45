/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages about metrics: what is put comes out the same, whatever was cut,
 * lengthened or changed is refused or read, and so is what nobody honest says
 * (P12: a control role or a revoker that was taken over).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "check_messages.h"
#include "gateway/metrics_messages.h"
#include "lib/channel.h"

DECODER(metrics_page_message, metrics_page_message)
DECODER(metrics_number, metrics_number)
DECODER(ask_standings, ask_standings)
DECODER(list_ages, list_ages)

/* Head and all rows, as control reads them. */
static int decode_answer(const void *data, size_t length)
{
    struct standings_head head;
    struct standings_row row;
    struct msg_in m;
    int r = standings_head_get(&m, &head, data, length);

    while (r == 0 && m.position < m.length)
        r = standings_row_get(&m, &row);
    if (r == 0)
        r = msg_get_end(&m);
    free((void *)(uintptr_t)data);
    return r;
}

static void pages_come_back(void **state)
{
    struct metrics_page_message in = {.worker = LIMIT_WORKERS - 1}, out;
    uint8_t data[32];
    size_t length;

    (void)state;
    ROUND_TRIP(metrics_page_message, &in, &out, MESSAGE_METRICS_PAGE);
    assert_false(out.keeper);
    assert_int_equal(out.worker, LIMIT_WORKERS - 1);
    in = (struct metrics_page_message){.keeper = true};
    ROUND_TRIP(metrics_page_message, &in, &out, MESSAGE_METRICS_PAGE);
    assert_true(out.keeper);
    in.worker = 1; /* there is one keeper */
    assert_int_equal(metrics_page_message_put(&in, data, sizeof(data), &length),
                     0);
    assert_int_equal(metrics_page_message_get(&out, data, length), SP_EPROTO);
    in = (struct metrics_page_message){.worker = LIMIT_WORKERS};
    assert_int_equal(metrics_page_message_put(&in, data, sizeof(data), &length),
                     0);
    assert_int_equal(metrics_page_message_get(&out, data, length), SP_EPROTO);
}

static void numbers_come_back(void **state)
{
    static const uint16_t types[] = {MESSAGE_METRICS_SERVE, MESSAGE_STANDINGS};
    const struct metrics_number in = {.number = UINT64_MAX - 7};
    struct metrics_number out;
    uint8_t data[32];
    size_t length;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            metrics_number_put(types[i], &in, data, sizeof(data), &length), 0);
        assert_int_equal(metrics_number_get(&out, data, length), 0);
        assert_true(out.number == in.number);
        check_cuts(data, length, decode_metrics_number);
        check_longer(data, length, decode_metrics_number);
        check_types(data, length, decode_metrics_number, types, 2);
    }
}

static void questions_come_back(void **state)
{
    const struct ask_standings in = {.ticket = 77, .from = 1000};
    struct ask_standings out;

    (void)state;
    ROUND_TRIP(ask_standings, &in, &out, MESSAGE_ASK_STANDINGS);
    assert_true(out.ticket == 77 && out.from == 1000);
}

static const struct standings_row rows[] = {
    {.kind = STANDINGS_WINDOW,
     .window = "caisi/orion/2026-11-29T16:00:49Z",
     .party = "caisi",
     .model = "orion",
     .state = WINDOW_OPEN,
     .left = 1234567,
     .requests = 99,
     .open = 3},
    {.kind = STANDINGS_BUDGET,
     .terms = "evaluation",
     .unit = UNIT_TOKENS,
     .limit = 1000,
     .spent = 1001},
    {.kind = STANDINGS_MODEL_BUDGET,
     .model = "orion",
     .unit = UNIT_CONTENT_BYTES,
     .limit = UINT64_MAX,
     .spent = 1},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static size_t answer_make(uint8_t *data, size_t capacity)
{
    const struct standings_head head = {
        .ticket = 5, .policy = 12, .next = STANDINGS_END};
    struct msg_out m;

    msg_put_begin(&m, data, capacity, MESSAGE_ANSWER_STANDINGS);
    standings_head_put(&m, &head);
    for (size_t i = 0; i < NROWS; i++)
        assert_int_equal(standings_row_put(&m, &rows[i]), 0);
    return m.length;
}

static void rows_come_back(void **state)
{
    struct standings_head head;
    struct standings_row row;
    struct msg_in m;
    uint8_t data[1024];
    size_t length = answer_make(data, sizeof(data));

    (void)state;
    assert_int_equal(standings_head_get(&m, &head, data, length), 0);
    assert_true(head.ticket == 5 && head.policy == 12 &&
                head.next == STANDINGS_END);
    assert_int_equal(standings_row_get(&m, &row), 0);
    assert_int_equal(row.kind, STANDINGS_WINDOW);
    assert_string_equal(row.window, rows[0].window);
    assert_string_equal(row.party, "caisi");
    assert_string_equal(row.model, "orion");
    assert_true(row.state == WINDOW_OPEN && row.left == 1234567 &&
                row.requests == 99 && row.open == 3);
    assert_int_equal(standings_row_get(&m, &row), 0);
    assert_string_equal(row.terms, "evaluation");
    assert_true(row.unit == UNIT_TOKENS && row.limit == 1000 &&
                row.spent == 1001);
    assert_int_equal(standings_row_get(&m, &row), 0);
    assert_true(row.kind == STANDINGS_MODEL_BUDGET && row.limit == UINT64_MAX);
    assert_int_equal(msg_get_end(&m), 0);
}

/* A cut between two rows is a shorter answer; anywhere else it is none. */
static void answers_stand_what_is_changed(void **state)
{
    uint8_t data[1024];
    size_t length = answer_make(data, sizeof(data)), good = 0;

    (void)state;
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *part = malloc(cut + 1);

        assert_non_null(part);
        memcpy(part, data, cut);
        good += decode_answer(part, cut) == 0;
    }
    assert_int_equal(good, NROWS);
    check_longer(data, length, decode_answer);
    check_flips(data, length, decode_answer);
}

/* What does not fit leaves the rows before it as they were. */
static void a_row_fits_or_leaves_nothing(void **state)
{
    uint8_t data[1024];
    size_t whole = answer_make(data, sizeof(data));
    const struct standings_head head = {.next = 0};

    (void)state;
    for (size_t room = 18; room < whole; room++) {
        uint8_t *tight = malloc(room);
        struct msg_out m;
        size_t n = 0;

        assert_non_null(tight);
        msg_put_begin(&m, tight, room, MESSAGE_ANSWER_STANDINGS);
        standings_head_put(&m, &head);
        while (n < NROWS && standings_row_put(&m, &rows[n]) == 0)
            n++;
        assert_true(n < NROWS && m.length <= room && !m.failed);
        assert_int_equal(decode_answer(tight, m.length), 0);
    }
}

/* Of the largest policy: 256 parties with the longest names fit a message. */
static void ages_come_back(void **state)
{
    static struct list_ages in, out;
    static uint8_t data[CHANNEL_MESSAGE_MAX];
    size_t length;

    (void)state;
    in.count = 2;
    for (uint32_t i = 0; i < 2; i++)
        in.parties[i] = (struct list_age){
            .party = "caisi", .lists = i, .oldest = 17, .stale_at = 18};
    ROUND_TRIP(list_ages, &in, &out, MESSAGE_LIST_AGES);
    assert_true(out.count == 2 && out.parties[1].lists == 1 &&
                out.parties[1].stale_at == 18);
    in.count = LIMIT_POLICY_PARTIES;
    for (uint32_t i = 0; i < in.count; i++)
        memset(in.parties[i].party, 'a', LIMIT_NAME_BYTES);
    assert_int_equal(list_ages_put(&in, data, sizeof(data), &length), 0);
    assert_int_equal(list_ages_get(&out, data, length), 0);
    in.parties[3].oldest = -1;
    assert_int_equal(list_ages_put(&in, data, sizeof(data), &length), 0);
    assert_int_equal(list_ages_get(&out, data, length), SP_EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_back),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(questions_come_back),
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(answers_stand_what_is_changed),
        cmocka_unit_test(a_row_fits_or_leaves_nothing),
        cmocka_unit_test(ages_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
