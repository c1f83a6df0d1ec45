/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P4: the clock cannot be turned back. Every case is a story told to the
 * guard reading by reading; times are milliseconds after an arbitrary moment.
 * Below: times and durations as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

#define START  1790000000000LL /* wall clock at the beginning of each story */
#define BOOT   5000000LL
#define SETTLE 60000
#define HOUR   3600000

#define GOOD     CLOCK_GOOD
#define BEHIND   CLOCK_BEHIND
#define SETTLING CLOCK_SETTLING
#define NOTHING  CLOCK_NOTHING
#define BACK     CLOCK_STEPPED_BACK
#define FORWARD  CLOCK_STEPPED_FORWARD
#define RECOVER  CLOCK_RECOVERED
#define UNSYNC   false
#define SYNC     true

struct reading {
    int64_t boot; /* ms since the beginning */
    int64_t wall; /* ms since the beginning */
    bool synchronised;
    enum clock_event event;
    enum clock_state state;
    int64_t now;   /* ms since the beginning */
    int64_t entry; /* if not 0: an entry is written at this time after */
};

struct story {
    const char *name;
    int64_t newest; /* at the beginning; INT64_MIN: a fresh ledger */
    enum clock_state state;
    struct reading readings[8];
};

#define FRESH INT64_MIN

static const struct story stories[] = {
    {"a clock that runs",
     FRESH,
     GOOD,
     {{10, 10, UNSYNC, NOTHING, GOOD, 10, 0},
      {1000, 1000, UNSYNC, NOTHING, GOOD, 1000, 0},
      {HOUR, HOUR, UNSYNC, NOTHING, GOOD, HOUR, 0}}},
    {"small drifts are absorbed and now never decreases",
     FRESH,
     GOOD,
     {{1000, 1000, UNSYNC, NOTHING, GOOD, 1000, 0},
      {1010, 10, UNSYNC, NOTHING, GOOD, 1000, 0},
      {1500, 500, UNSYNC, NOTHING, GOOD, 1000, 0},
      {2100, 1100, UNSYNC, NOTHING, GOOD, 1100, 0},
      {2200, 2200, UNSYNC, NOTHING, GOOD, 2200, 0}}},
    {"2000 ms back is still absorbed",
     FRESH,
     GOOD,
     {{5000, 3000, UNSYNC, NOTHING, GOOD, 3000, 0}}},
    {"2001 ms back is a step",
     FRESH,
     GOOD,
     {{5000, 2999, UNSYNC, BACK, BEHIND, 2999, 0}}},
    {"an hour back costs an hour",
     FRESH,
     GOOD,
     {{5000, 5000, UNSYNC, NOTHING, GOOD, 5000, 0},
      {6000, 6000 - HOUR, UNSYNC, BACK, BEHIND, 5000, 0},
      {7000, 7000 - HOUR, UNSYNC, NOTHING, BEHIND, 5000, 0},
      {5999 + HOUR, 5999, SYNC, NOTHING, BEHIND, 5999, 0},
      {6000 + HOUR, 6000, UNSYNC, RECOVER, GOOD, 6000, 0},
      {7000 + HOUR, 7000, UNSYNC, NOTHING, GOOD, 7000, 0}}},
    {"being synchronised does not excuse a step back",
     FRESH,
     GOOD,
     {{6000, 6000 - HOUR, SYNC, BACK, BEHIND, 0, 0},
      {7000, 7000 - HOUR, SYNC, NOTHING, BEHIND, 0, 0}}},
    {"set right again: trusted at once",
     FRESH,
     GOOD,
     {{5000, 5000, UNSYNC, NOTHING, GOOD, 5000, 0},
      {6000, 6000 - HOUR, UNSYNC, BACK, BEHIND, 5000, 0},
      {60000, 60000, UNSYNC, RECOVER, GOOD, 60000, 0},
      {61000, 61000, UNSYNC, NOTHING, GOOD, 61000, 0}}},
    {"back and then further forward than before is a step forward",
     FRESH,
     GOOD,
     {{6000, 0, UNSYNC, BACK, BEHIND, 0, 0},
      {7000, 7000 + HOUR, UNSYNC, FORWARD, SETTLING, 7000 + HOUR, 0},
      {66999, 66999 + HOUR, UNSYNC, NOTHING, SETTLING, 66999 + HOUR, 0},
      {67000, 67000 + HOUR, UNSYNC, RECOVER, GOOD, 67000 + HOUR, 0}}},
    {"the same, but synchronised",
     FRESH,
     GOOD,
     {{6000, 0, UNSYNC, BACK, BEHIND, 0, 0},
      {7000, 7000 + HOUR, SYNC, RECOVER, GOOD, 7000 + HOUR, 0},
      {8000, 8000 + HOUR, UNSYNC, NOTHING, GOOD, 8000 + HOUR, 0}}},
    {"many small steps back add up",
     FRESH,
     GOOD,
     {{1000, 100, UNSYNC, NOTHING, GOOD, 100, 0},
      {2000, 200, UNSYNC, NOTHING, GOOD, 200, 0},
      {3000, 900, UNSYNC, BACK, BEHIND, 900, 0},
      {5000, 2999, UNSYNC, NOTHING, BEHIND, 2999, 0},
      {5001, 3000, UNSYNC, RECOVER, GOOD, 3000, 0}}},
    {"many small steps forward add up",
     FRESH,
     GOOD,
     {{1000, 2900, UNSYNC, NOTHING, GOOD, 2900, 0},
      {2000, 4001, UNSYNC, FORWARD, SETTLING, 4001, 0}}},
    {"forward a little and back a lot is seen from the top",
     FRESH,
     GOOD,
     {{1000, 2900, UNSYNC, NOTHING, GOOD, 2900, 0},
      {2000, 1899, UNSYNC, BACK, BEHIND, 2900, 0}}},
    {"2000 ms forward is still absorbed",
     FRESH,
     GOOD,
     {{1000, 3000, UNSYNC, NOTHING, GOOD, 3000, 0}}},
    {"2001 ms forward opens nothing for a while",
     FRESH,
     GOOD,
     {{1000, 3001, UNSYNC, FORWARD, SETTLING, 3001, 0},
      {60999, 63000, UNSYNC, NOTHING, SETTLING, 63000, 0},
      {61000, 63001, UNSYNC, RECOVER, GOOD, 63001, 0}}},
    {"forward while synchronised stays good",
     FRESH,
     GOOD,
     {{1000, 1000 + HOUR, SYNC, FORWARD, GOOD, 1000 + HOUR, 0},
      {2000, 2000 + HOUR, UNSYNC, NOTHING, GOOD, 2000 + HOUR, 0}}},
    {"settling ends when the kernel is synchronised",
     FRESH,
     GOOD,
     {{1000, 1000 + HOUR, UNSYNC, FORWARD, SETTLING, 1000 + HOUR, 0},
      {2000, 2000 + HOUR, SYNC, RECOVER, GOOD, 2000 + HOUR, 0}}},
    {"settling is boot time: no wall clock shortens it",
     FRESH,
     GOOD,
     {{1000, 1000 + HOUR, UNSYNC, FORWARD, SETTLING, 1000 + HOUR, 0},
      {2000, 2000 + 2 * HOUR, UNSYNC, FORWARD, SETTLING, 2000 + 2 * HOUR, 0},
      {61999, 61999 + 2 * HOUR, UNSYNC, NOTHING, SETTLING, 61999 + 2 * HOUR, 0},
      {62000, 62000 + 2 * HOUR, UNSYNC, RECOVER, GOOD, 62000 + 2 * HOUR, 0}}},
    {"forward and back again: what was reached stays reached",
     FRESH,
     GOOD,
     {{1000, 1000 + HOUR, UNSYNC, FORWARD, SETTLING, 1000 + HOUR, 0},
      {2000, 2000, UNSYNC, BACK, BEHIND, 1000 + HOUR, 0},
      {100000, 100000, SYNC, NOTHING, BEHIND, 1000 + HOUR, 0},
      {2000 + HOUR, 2000 + HOUR, UNSYNC, RECOVER, GOOD, 2000 + HOUR, 0}}},
    {"a second step back while behind changes nothing",
     FRESH,
     GOOD,
     {{6000, 0, UNSYNC, BACK, BEHIND, 0, 0},
      {7000, -HOUR, UNSYNC, NOTHING, BEHIND, 0, 0},
      {8000, 5999, UNSYNC, NOTHING, BEHIND, 5999, 0},
      {9000, 6999, UNSYNC, RECOVER, GOOD, 6999, 0}}},
    {"started up to 2 s behind the newest entry",
     2000,
     GOOD,
     {{1, 1, UNSYNC, NOTHING, GOOD, 2000, 0},
      {3000, 3000, UNSYNC, NOTHING, GOOD, 3000, 0}}},
    {"started further behind the newest entry",
     10000,
     BEHIND,
     {{1, 1, SYNC, NOTHING, BEHIND, 10000, 0},
      {9999, 9999, SYNC, NOTHING, BEHIND, 10000, 0},
      {10000, 10000, UNSYNC, RECOVER, GOOD, 10000, 0}}},
    {"started behind, then set forward unsynchronised",
     10000,
     BEHIND,
     {{1000, 20000, UNSYNC, FORWARD, SETTLING, 20000, 0},
      {61000, 80000, UNSYNC, RECOVER, GOOD, 80000, 0}}},
    {"started behind, then synchronised",
     10000,
     BEHIND,
     {{1000, 20000, SYNC, RECOVER, GOOD, 20000, 0}}},
    {"an entry ahead of the wall clock holds now",
     FRESH,
     GOOD,
     {{1000, 1000, UNSYNC, NOTHING, GOOD, 1000, 2500},
      {1100, 1100, UNSYNC, NOTHING, GOOD, 2500, 0}}},
    {"an entry far ahead of the wall clock is a clock behind it",
     FRESH,
     GOOD,
     {{1000, 1000, UNSYNC, NOTHING, GOOD, 1000, 5000},
      {1100, 1100, UNSYNC, BACK, BEHIND, 5000, 0},
      {4999, 4999, UNSYNC, NOTHING, BEHIND, 5000, 0},
      {5000, 5000, UNSYNC, RECOVER, GOOD, 5000, 0}}},
    {"an entry written while behind must be reached too",
     FRESH,
     GOOD,
     {{6000, 0, UNSYNC, BACK, BEHIND, 0, 8000},
      {12500, 6500, UNSYNC, NOTHING, BEHIND, 8000, 0},
      {14000, 8000, UNSYNC, RECOVER, GOOD, 8000, 0}}},
    {"an older entry changes nothing",
     5000,
     BEHIND,
     {{5100, 5100, UNSYNC, RECOVER, GOOD, 5100, 100},
      {5200, 5200, UNSYNC, NOTHING, GOOD, 5200, 0}}},
    {"suspended: both clocks went on",
     FRESH,
     GOOD,
     {{1000, 1000, UNSYNC, NOTHING, GOOD, 1000, 0},
      {1000 + 8 * HOUR, 1000 + 8 * HOUR, UNSYNC, NOTHING, GOOD, 1000 + 8 * HOUR,
       0}}},
    {"a leap second",
     FRESH,
     GOOD,
     {{1000, 1000, SYNC, NOTHING, GOOD, 1000, 0},
      {2000, 1000, SYNC, NOTHING, GOOD, 1000, 0},
      {3000, 2000, SYNC, NOTHING, GOOD, 2000, 0}}},
};

static void story_tell(const struct story *s)
{
    struct clock_guard g;
    int64_t newest = s->newest == FRESH ? 0 : START + s->newest;

    clock_guard_init(&g, SETTLE, newest, START, BOOT);
    if (g.state != s->state)
        fail_msg("%s: begins in state %d", s->name, (int)g.state);
    for (size_t i = 0; i < 8 && s->readings[i].boot != 0; i++) {
        const struct reading *r = &s->readings[i];
        int64_t now;
        enum clock_event event = clock_guard_read(
            &g, START + r->wall, BOOT + r->boot, r->synchronised, &now);

        if (event != r->event || g.state != r->state)
            fail_msg("%s: reading %zu: event %d state %d", s->name, i,
                     (int)event, (int)g.state);
        if (now - START != r->now)
            fail_msg("%s: reading %zu: now is %lld", s->name, i,
                     (long long)(now - START));
        if (r->entry != 0)
            clock_guard_entry(&g, START + r->entry);
    }
}

static void test_P4_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        story_tell(&stories[i]);
}

/* Whoever owns the clock does what they like with it. While the guard lets
 * anything through (CLOCK_GOOD), decisions' time must not pass more slowly
 * than real time by more than the tolerance, in total: that is what would
 * lengthen a window. And now never decreases, whatever happens. */
static void test_P4_no_sequence_of_steps_gains_time(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct clock_guard g;
        int64_t wall = START, boot = BOOT, now, before = START, start_now;
        int64_t usable = 0;

        srandom(seed);
        clock_guard_init(&g, SETTLE, START, wall, boot);
        (void)clock_guard_read(&g, wall, boot, false, &start_now);
        before = start_now;
        for (int i = 0; i < 3000; i++) {
            enum clock_state was = g.state;
            int64_t passed = random() % 3000;
            int64_t step = 0;

            if (random() % 8 == 0)
                step = -(random() % 2100);
            else if (random() % 50 == 0)
                step = -(random() % HOUR);
            boot += passed;
            wall += passed + step;
            (void)clock_guard_read(&g, wall, boot, random() % 2 != 0, &now);
            assert_true(now >= before);
            assert_true(now >= g.newest);
            before = now;
            if (was == CLOCK_GOOD && g.state == CLOCK_GOOD)
                usable += passed;
            if (g.state == CLOCK_GOOD && random() % 3 == 0)
                clock_guard_entry(&g, now);
        }
        /* Each accepted band may hide 2 s; a new band begins only after as
         * much time was refused. */
        assert_true(usable <= now - start_now + CLOCK_TOLERANCE_MS);
    }
}

/* Text ------------------------------------------------------------------- */

static const struct {
    const char *text;
    int64_t t;
} times[] = {
    {"2026-11-20T10:00:00Z", 1795168800000},
    {"2026-11-20T10:00:00.1Z", 1795168800100},
    {"2026-11-20T10:00:00.12Z", 1795168800120},
    {"2026-11-20T10:00:00.123Z", 1795168800123},
    {"2000-01-01T00:00:00Z", 946684800000},
    {"2000-02-29T23:59:59.999Z", 951868799999},
    {"2024-02-29T00:00:00Z", 1709164800000},
    {"2100-02-28T23:59:59Z", 4107542399000},
    {"2199-12-31T23:59:59.999Z", 7258118399999},
};

static void test_utc_both_ways(void **state)
{
    char text[CLOCK_UTC_SIZE];
    int64_t t;

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        assert_int_equal(
            clock_parse_utc(times[i].text, strlen(times[i].text), &t), 0);
        assert_int_equal(t, times[i].t);
        clock_format_utc(t, text);
        assert_int_equal(strlen(text), 24);
        assert_memory_equal(text, times[i].text, 19);
        assert_int_equal(clock_parse_utc(text, 24, &t), 0);
        assert_int_equal(t, times[i].t);
    }
}

static void test_utc_agrees_with_libc(void **state)
{
    (void)state;
    srandom(3);
    for (int i = 0; i < 20000; i++) {
        int64_t t = (int64_t)random() * (random() % 3500) % 7258118400000;
        time_t seconds = t / 1000;
        char mine[CLOCK_UTC_SIZE], theirs[CLOCK_UTC_SIZE];
        struct tm tm;

        assert_non_null(gmtime_r(&seconds, &tm));
        (void)strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &tm);
        clock_format_utc(t, mine);
        assert_memory_equal(mine, theirs, 19);
        assert_int_equal(atoi(mine + 20), t % 1000);
    }
}

static void test_utc_of_any_number_has_24_characters(void **state)
{
    static const struct {
        int64_t t;
        const char *text;
    } cases[] = {
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {0, "1970-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char text[CLOCK_UTC_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clock_format_utc(cases[i].t, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_utc_refusals(void **state)
{
    static const char *const cases[] = {
        "",
        "Z",
        "2026-11-20",
        "2026-11-20T10:00:00",
        "2026-11-20T10:00:00+00:00",
        "2026-11-20t10:00:00z",
        "2026-11-20 10:00:00Z",
        "2026-11-20T10:00:00.Z",
        "2026-11-20T10:00:00.1234Z",
        "2026-11-20T10:00:00,1Z",
        "2026-11-20T10:00:00.-1Z",
        "2026-11-20T10:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z",
        "2026-11-20T10:00:60Z",
        "2026-13-20T10:00:00Z",
        "2026-00-20T10:00:00Z",
        "2026-11-31T10:00:00Z",
        "2026-11-00T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "1999-12-31T10:00:00Z",
        "2200-01-01T00:00:00Z",
        "+026-11-20T10:00:00Z",
        "2026-11-20T1 :00:00Z",
        " 2026-11-20T10:00:00Z",
        "2026-11-20T10:00:00Z ",
        "2026-11-20T10:00:00ZZ",
        "2026/11/20T10:00:00Z",
        "20261-1-20T10:00:00Z",
    };
    int64_t t = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (clock_parse_utc(cases[i], strlen(cases[i]), &t) != SP_EINVAL)
            fail_msg("accepted: %s", cases[i]);
    }
    assert_int_equal(t, 77);
    /* No NUL is needed, and none is looked for. */
    assert_int_equal(clock_parse_utc("2026-11-20T10:00:00ZX", 20, &t), 0);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int error;
        int64_t ms;
    } cases[] = {
        {"30d", 0, 2592000000},
        {"12h", 0, 43200000},
        {"90m", 0, 5400000},
        {"45s", 0, 45000},
        {"1500ms", 0, 1500},
        {"0s", 0, 0},
        {"9223372036854775807ms", 0, INT64_MAX},
        {"9223372036854775808ms", SP_ERANGE, 0},
        {"9223372036854775807s", SP_ERANGE, 0},
        {"99999999999999999999999999d", SP_ERANGE, 0},
        {"106751991168d", SP_ERANGE, 0},
        {"", SP_EINVAL, 0},
        {"5", SP_EINVAL, 0},
        {"d", SP_EINVAL, 0},
        {"-5d", SP_EINVAL, 0},
        {"+5d", SP_EINVAL, 0},
        {" 5d", SP_EINVAL, 0},
        {"5d ", SP_EINVAL, 0},
        {"5 d", SP_EINVAL, 0},
        {"1.5h", SP_EINVAL, 0},
        {"1h30m", SP_EINVAL, 0},
        {"5D", SP_EINVAL, 0},
        {"5w", SP_EINVAL, 0},
        {"5us", SP_EINVAL, 0},
        {"010s", SP_EINVAL, 0},
        {"0x10s", SP_EINVAL, 0},
        {"99999999999999999999999999x", SP_EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 0;
        int error =
            clock_parse_duration(cases[i].text, strlen(cases[i].text), &ms);

        if (error != cases[i].error || ms != cases[i].ms)
            fail_msg("%s: error %d, %lld ms", cases[i].text, error,
                     (long long)ms);
    }
}

/* Reading ---------------------------------------------------------------- */

static void test_reading(void **state)
{
    int64_t wall, boot;

    (void)state;
    clock_read(&wall, &boot);
    assert_true(llabs(wall - (int64_t)time(NULL) * 1000) < 60000);
    assert_true(boot > 0 && clock_boot_ms() >= boot);
    assert_true(llabs((int64_t)(clock_boot_ns() / 1000000) - boot) < 60000);
}

#ifdef SP_HOOKS
static void test_hook_moves_the_wall_clock_only(void **state)
{
    char path[] = "/tmp/sp-clock-XXXXXX";
    int fd = mkstemp(path);
    int64_t offset = -HOUR, boot = clock_boot_ms();

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(clock_hook_offset_fd(fd), SP_EINVAL); /* too short */
    assert_int_equal(pwrite(fd, &offset, 8, 0), 8);
    clock_hook_offset(path);
    assert_true(llabs(clock_wall_ms() + HOUR - (int64_t)time(NULL) * 1000) <
                60000);
    offset = HOUR; /* while we run */
    assert_int_equal(pwrite(fd, &offset, 8, 0), 8);
    assert_true(llabs(clock_wall_ms() - HOUR - (int64_t)time(NULL) * 1000) <
                60000);
    assert_true(clock_boot_ms() - boot < 60000);
    offset = 0;
    assert_int_equal(pwrite(fd, &offset, 8, 0), 8);
    (void)close(fd);
    (void)unlink(path);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_P4_stories),
        cmocka_unit_test(test_P4_no_sequence_of_steps_gains_time),
        cmocka_unit_test(test_utc_both_ways),
        cmocka_unit_test(test_utc_agrees_with_libc),
        cmocka_unit_test(test_utc_of_any_number_has_24_characters),
        cmocka_unit_test(test_utc_refusals),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_reading),
#ifdef SP_HOOKS
        cmocka_unit_test(test_hook_moves_the_wall_clock_only),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
