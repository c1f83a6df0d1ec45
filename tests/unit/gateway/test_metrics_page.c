/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of numbers: what is counted before a page comes is in it, sums go on
 * from one process to the next and states do not (P12: memory that is not a
 * sealed page of the right size is refused); and the text that is made of pages
 * that may say anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/metrics_text.h"
#include "lib/file.h"

static int copy_of(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    assert_true(copy >= 0);
    return copy;
}

static void sums_go_on_and_states_end(void **state)
{
    struct metrics_page *seen;
    int memory;

    (void)state;
    assert_int_equal(metrics_page_create(&memory), 0);
    assert_int_equal(metrics_page_open(copy_of(memory), true, &seen), 0);
    metrics_add(METRICS_ACCEPTED, 3); /* nobody sees it yet */
    metrics_set(METRICS_CONNECTIONS, 2);
    assert_int_equal(metrics_read(seen, METRICS_ACCEPTED), 0);
    assert_int_equal(metrics_adopt(copy_of(memory)), 0);
    assert_int_equal(metrics_read(seen, METRICS_ACCEPTED), 3);
    assert_int_equal(metrics_read(seen, METRICS_CONNECTIONS), 2);
    metrics_add(METRICS_ACCEPTED, 1);
    metrics_take(METRICS_CONNECTIONS);
    assert_int_equal(metrics_read(seen, METRICS_ACCEPTED), 4);
    assert_int_equal(metrics_read(seen, METRICS_CONNECTIONS), 1);

    metrics_page_ended(seen); /* its process is gone */
    assert_int_equal(metrics_read(seen, METRICS_CONNECTIONS), 0);
    assert_int_equal(metrics_read(seen, METRICS_ACCEPTED), 4);
    metrics_page_free(seen);
    close(memory);
}

static void other_memory_is_refused(void **state)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    struct metrics_page *page;
    int memory;

    (void)state;
    assert_int_equal(file_memory("test", &memory), 0); /* not sealed */
    assert_int_equal(ftruncate(memory, sizeof(*page)), 0);
    assert_int_equal(metrics_page_open(copy_of(memory), true, &page),
                     SP_EPROTO);
    assert_int_equal(fcntl(memory, F_ADD_SEALS, seals), 0);
    assert_int_equal(metrics_page_open(copy_of(memory), true, &page), 0);
    metrics_page_free(page);
    close(memory);
    assert_int_equal(file_memory("test", &memory), 0); /* too short */
    assert_int_equal(ftruncate(memory, sizeof(*page) - 8), 0);
    assert_int_equal(fcntl(memory, F_ADD_SEALS, seals), 0);
    assert_int_equal(metrics_page_open(copy_of(memory), false, &page),
                     SP_EPROTO);
    close(memory);
}

static uint64_t bucket(enum metrics_histogram which, unsigned i)
{
    return metrics_read(metrics_mine,
                        METRICS_OBSERVED + which * METRICS_HISTOGRAM + i);
}

/* Each end is in its own bucket, one more is in the next. */
static void buckets_have_their_ends(void **state)
{
    (void)state;
    for (unsigned which = 0; which < METRICS_HISTOGRAMS; which++) {
        uint64_t all = 0;

        for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
            uint64_t end = metrics_bucket_end((enum metrics_histogram)which, i);
            uint64_t before = bucket((enum metrics_histogram)which, i);

            assert_true(
                i == 0 ||
                end > metrics_bucket_end((enum metrics_histogram)which, i - 1));
            if (i == METRICS_BUCKETS - 1)
                break;
            metrics_observe((enum metrics_histogram)which, end);
            assert_int_equal(bucket((enum metrics_histogram)which, i),
                             before + 1);
            metrics_observe((enum metrics_histogram)which, end + 1);
            assert_int_equal(bucket((enum metrics_histogram)which, i + 1), 1);
            all += 2 * end + 1;
        }
        assert_true(bucket((enum metrics_histogram)which, METRICS_BUCKETS) ==
                    all);
    }
}

static void a_late_turn_is_remembered(void **state)
{
    (void)state;
    metrics_set(METRICS_BEAT, 0);
    metrics_turn(100);
    assert_int_equal(metrics_read(metrics_mine, METRICS_LAG), 0);
    metrics_set(METRICS_BEAT, clock_boot_ns() - 350000000u);
    metrics_turn(100);
    assert_true(metrics_read(metrics_mine, METRICS_LAG) >= 250000000u);
    metrics_turn(100); /* and it is still there when the next one is on time */
    assert_true(metrics_read(metrics_mine, METRICS_LAG) >= 250000000u);
}

/* ---- the text ---- */

static char *text_of(struct metrics_source *s)
{
    struct evbuffer *out = evbuffer_new();
    size_t length;
    char *text;

    assert_non_null(out);
    assert_int_equal(metrics_text(s, out), 0);
    length = evbuffer_get_length(out);
    text = calloc(1, length + 1);
    assert_non_null(text);
    assert_int_equal(evbuffer_remove(out, text, length), length);
    evbuffer_free(out);
    return text;
}

static struct metrics_source source_new(const struct control_status *status)
{
    struct metrics_source s = {.status = status, .wall = 1000, .boot = 1000};

    for (size_t i = 0; i < ROWS_COUNT; i++)
        assert_non_null(s.rows[i] = evbuffer_new());
    return s;
}

static void source_release(struct metrics_source *s)
{
    for (size_t i = 0; i < ROWS_COUNT; i++)
        evbuffer_free(s->rows[i]);
}

/* What a worker that was taken over can make of the text: its own numbers, and
 * never a negative one, more digits than a number has, or another's. */
static void p12_a_page_that_lies_stays_a_number(void **state)
{
    static struct metrics_page liar, honest;
    static struct control_status status;
    struct metrics_source s = source_new(&status);
    char *text;

    (void)state;
    memset(&liar, 0xff, sizeof(liar));
    honest.cells[METRICS_CONNECTIONS] = 7;
    honest.cells[METRICS_ADMITTED] = 5;
    s.workers[0] = &liar;
    s.workers[63] = &honest;
    s.keeper = &honest;
    text = text_of(&s);
    assert_non_null(strstr(text, "\nsallyport_connections 16391\n"));
    assert_non_null(strstr(text, "\nsallyport_connections_accepted_total "
                                 "18446744073709551615\n"));
    assert_non_null(strstr(text, "\nsallyport_requests_admitted_total 5\n"));
    assert_null(strstr(text, "} -"));
    assert_null(strstr(text, "nan"));
    for (const char *line = text; *line != '\0';) {
        const char *end = strchr(line, '\n');
        char number[64], *stop;
        const char *space = memrchr(line, ' ', (size_t)(end - line));

        if (*line != '#') {
            snprintf(number, sizeof(number), "%.*s", (int)(end - space - 1),
                     space + 1);
            assert_true(strtod(number, &stop) >= 0);
            assert_true(*stop == '\0' && stop != number);
        }
        line = end + 1;
    }
    free(text);
    source_release(&s);
}

/* No name of a policy, whatever it was, breaks out of its label. */
static void labels_are_escaped(void **state)
{
    static const struct control_status status;
    struct standings_row row = {.kind = STANDINGS_WINDOW,
                                .window = "a\"b\\c\nd",
                                .party = "}",
                                .model = "x",
                                .state = WINDOW_OPEN,
                                .left = 1500};
    struct metrics_source s = source_new(&status);
    char *text;

    (void)state;
    assert_int_equal(metrics_row_add(s.rows, &row, &row), 0);
    text = text_of(&s);
    assert_non_null(
        strstr(text, "\nsallyport_window_seconds_left{window=\"a\\\"b\\\\c?d\","
                     "party=\"}\",model=\"x\"} 1.500\n"));
    free(text);
    source_release(&s);
}

static void a_budget_is_never_below_nothing(void **state)
{
    static const struct control_status status;
    const struct standings_row window = {
        .kind = STANDINGS_WINDOW, .window = "w", .party = "p", .model = "m"};
    const struct standings_row row = {.kind = STANDINGS_BUDGET,
                                      .terms = "t",
                                      .unit = UNIT_TOKENS,
                                      .limit = 10,
                                      .spent = 12};
    struct metrics_source s = source_new(&status);
    char *text;

    (void)state;
    assert_int_equal(metrics_row_add(s.rows, &row, &window), 0);
    text = text_of(&s);
    assert_non_null(strstr(text, "left{window=\"w\",party=\"p\",model=\"m\","
                                 "terms=\"t\",unit=\"tokens\"} 0\n"));
    free(text);
    source_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_go_on_and_states_end),
        cmocka_unit_test(other_memory_is_refused),
        cmocka_unit_test(buckets_have_their_ends),
        cmocka_unit_test(a_late_turn_is_remembered),
        cmocka_unit_test(p12_a_page_that_lies_stays_a_number),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(a_budget_is_never_below_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
