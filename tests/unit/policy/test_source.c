/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where and when requests come from: networks, hours of use, and what is
 * remembered of a person's last hour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/hours.h"
#include "policy/network.h"
#include "policy/watch.h"

#define CHAT   ROUTE_CHAT_COMPLETIONS
#define HOUR   3600000LL
#define DAY    86400000LL
#define MONDAY 1793577600000LL /* 2026-11-02T00:00:00Z */

static void networks_hold_their_addresses(void **state)
{
    static const struct {
        const char *network, *address;
        bool has;
    } cases[] = {
        {"198.51.100.0/24", "198.51.100.0", true},
        {"198.51.100.0/24", "198.51.100.255", true},
        {"198.51.100.0/24", "198.51.101.0", false},
        {"198.51.100.0/24", "198.51.99.255", false},
        {"198.51.100.128/25", "198.51.100.127", false},
        {"198.51.100.128/25", "198.51.100.128", true},
        {"198.51.100.7", "198.51.100.7", true},
        {"198.51.100.7", "198.51.100.6", false},
        {"198.51.100.6/31", "198.51.100.7", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true}, /* as IPv4-mapped */
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false},
        {"127.0.0.0/8", "x", false},
        {"127.0.0.0/8", "", false},
        {"127.0.0.0/8", "127.0.0.1 ", false},
        {"127.0.0.0/8", "127.1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *expected;
        uint8_t address[16];
        struct network n;
        bool has;

        assert_int_equal(network_parse(cases[i].network, &n, &expected), 0);
        has = network_address(cases[i].address, address) == 0 &&
              network_has(&n, address);
        if (has != cases[i].has)
            fail_msg("%s in %s: %d", cases[i].address, cases[i].network, has);
    }
}

static void wrong_networks_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "/",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0/8",
        "10.0.0.1/8",
        "10.0.0.0/08",
        "10.0.0.0/-1",
        "::/129",
        "2001:db8::1/32",
        "10.0.0.0/8/8",
        " 10.0.0.0/8",
        "localhost",
        "10.0.0.0/8 ",
        "10.0.0.0/+8",
        "::1%lo",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64"};
    const char *expected;
    struct network n;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (network_parse(wrong[i], &n, &expected) == 0)
            fail_msg("\"%s\" is taken for a network", wrong[i]);
}

static void hours_begin_and_end(void **state)
{
    static const struct {
        uint8_t days;
        const char *from, *until;
        int64_t now, end; /* ms from Monday; end < 0: closed */
    } cases[] = {
        {0x01, "08:00", "18:00", 8 * HOUR - 1, -1},
        {0x01, "08:00", "18:00", 8 * HOUR, 18 * HOUR},
        {0x01, "08:00", "18:00", 18 * HOUR - 1, 18 * HOUR},
        {0x01, "08:00", "18:00", 18 * HOUR, -1},
        {0x02, "08:00", "18:00", 9 * HOUR, -1},
        {0x40, "08:00", "18:00", 6 * DAY + 9 * HOUR, 6 * DAY + 18 * HOUR},
        /* past midnight: Sunday's goes into Monday */
        {0x40, "22:00", "06:00", 5 * HOUR, 6 * HOUR},
        {0x40, "22:00", "06:00", 6 * HOUR, -1},
        {0x01, "22:00", "06:00", 5 * HOUR, -1},
        {0x01, "22:00", "06:00", 23 * HOUR, 30 * HOUR},
        /* whole days that follow each other go on */
        {0x1f, "00:00", "24:00", 3 * HOUR, 5 * DAY},
        {0x1f, "00:00", "24:00", 5 * DAY, -1},
        {0x60, "00:00", "24:00", 5 * DAY, 7 * DAY},
        {0x03, "12:00", "12:00", 13 * HOUR, 60 * HOUR},
    };
    int64_t end;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hours h = {.days = cases[i].days};
        bool open;

        assert_int_equal(hours_parse_time(cases[i].from, &h.from), 0);
        assert_int_equal(hours_parse_time(cases[i].until, &h.until), 0);
        open = hours_open(&h, MONDAY + cases[i].now, &end);
        if (open != (cases[i].end >= 0) ||
            (open && end != MONDAY + cases[i].end))
            fail_msg("case %zu: open %d until %lld", i, open,
                     (long long)(end - MONDAY));
    }
    assert_true(hours_open(&(struct hours){0}, 5, &end));
    assert_int_equal(end, INT64_MAX);
    assert_true(hours_open(&(struct hours){.days = 0x7f}, 5, &end));
    assert_int_equal(end, INT64_MAX);
}

static void wrong_times_of_day_are_refused(void **state)
{
    static const char *const wrong[] = {"",      "8:00",  "08:60", "24:01",
                                        "25:00", "08-00", "0800 ", "-1:00",
                                        "08:0x", "08:000"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(hours_parse_time(wrong[i], &ms), SP_EINVAL);
}

static void sums_slide(void **state)
{
    struct watch *w = watch_new();
    int64_t t = MONDAY;

    (void)state;
    for (int i = 0; i < 50; i++)
        watch_admitted(w, "192.0.2.1", CHAT, NULL, t + i * 1000);
    for (int i = 0; i < 7; i++)
        watch_refused(w, t + i);
    watch_closed(w, 0, t + 59000, 1000, 200000, 100);
    assert_int_equal(watch_value(w, WATCH_REQUESTS_PER_MINUTE, t + 49000), 50);
    assert_int_equal(watch_value(w, WATCH_REQUESTS_PER_MINUTE, t + 61000), 49);
    assert_int_equal(watch_value(w, WATCH_REQUESTS_PER_MINUTE, t + 111000), 0);
    assert_int_equal(watch_value(w, WATCH_REFUSALS_PER_MINUTE, t + 60999), 7);
    assert_int_equal(watch_value(w, WATCH_REFUSALS_PER_MINUTE, t + 61000), 0);
    assert_int_equal(watch_value(w, WATCH_REQUESTS_PER_HOUR, t + HOUR), 50);
    assert_int_equal(watch_value(w, WATCH_TOKENS_PER_HOUR, t + HOUR), 1000);
    assert_int_equal(watch_value(w, WATCH_BYTES_PER_HOUR, t + HOUR), 200000);
    assert_int_equal(watch_value(w, WATCH_WIRE_PER_CONTENT, t + HOUR), 2000);
    assert_int_equal(watch_value(w, WATCH_REQUESTS_PER_HOUR, t + 62 * 60000),
                     0);
    watch_closed(w, 0, t + DAY, UINT64_MAX, UINT64_MAX, 0);
    watch_closed(w, 0, t + DAY + 60000, 1, 1, 0);
    assert_true(watch_value(w, WATCH_TOKENS_PER_HOUR, t + DAY + 60000) ==
                UINT64_MAX);
    watch_free(w);
}

static void addresses_are_counted(void **state)
{
    struct watch *w = watch_new();
    uint8_t a, b;

    (void)state;
    assert_int_equal(watch_addresses_open(w, "192.0.2.1"), 1);
    a = watch_admitted(w, "192.0.2.1", CHAT, NULL, MONDAY);
    assert_int_equal(watch_addresses_open(w, "192.0.2.1"), 1);
    assert_int_equal(watch_addresses_open(w, "192.0.2.2"), 2);
    b = watch_admitted(w, "192.0.2.2", CHAT, NULL, MONDAY);
    assert_int_equal(watch_value(w, WATCH_ADDRESSES_PER_HOUR, MONDAY), 2);
    watch_closed(w, a, MONDAY + 1, 0, 0, 0);
    assert_int_equal(watch_addresses_open(w, "192.0.2.2"), 1);
    assert_int_equal(watch_value(w, WATCH_ADDRESSES_PER_HOUR, MONDAY + 2), 2);
    /* one that is open counts however long ago it came */
    assert_int_equal(watch_value(w, WATCH_ADDRESSES_PER_HOUR, MONDAY + DAY), 1);
    watch_closed(w, b, MONDAY + DAY, 0, 0, 0);
    assert_int_equal(watch_value(w, WATCH_ADDRESSES_PER_HOUR, MONDAY + DAY), 0);
    for (int i = 0; i <= WATCH_ADDRESSES; i++) {
        char text[32];

        snprintf(text, sizeof text, "198.51.100.%d", i);
        watch_admitted(w, text, CHAT, NULL, MONDAY + DAY);
    }
    assert_true(watch_value(w, WATCH_ADDRESSES_PER_HOUR, MONDAY + DAY) >
                WATCH_ADDRESSES);
    watch_free(w);
}

static void first_uses_are_noticed(void **state)
{
    struct field_set with = {.present = {1u << 5}};
    struct watch *w = watch_new();

    (void)state;
    watch_admitted(w, "192.0.2.1", CHAT, &with, MONDAY);
    assert_int_equal(watch_value(w, WATCH_FIRST_USE, MONDAY), 0);
    watch_admitted(w, "192.0.2.1", CHAT, &with, MONDAY);
    assert_int_equal(watch_value(w, WATCH_FIRST_USE, MONDAY), 0);
    with.present[1] = 2;
    watch_admitted(w, "192.0.2.1", CHAT, &with, MONDAY);
    assert_int_equal(watch_value(w, WATCH_FIRST_USE, MONDAY), 1);
    watch_admitted(w, "192.0.2.1", ROUTE_RESPONSES, NULL, MONDAY);
    assert_int_equal(watch_value(w, WATCH_FIRST_USE, MONDAY), 1);
    watch_admitted(w, "192.0.2.1", ROUTE_RESPONSES, &with, MONDAY);
    assert_int_equal(watch_value(w, WATCH_FIRST_USE, MONDAY), 0);
    assert_false(watch_was_told(w, "a", MONDAY));
    watch_told(w, "a", MONDAY);
    assert_true(watch_was_told(w, "a", MONDAY + HOUR - 1));
    assert_false(watch_was_told(w, "a", MONDAY + HOUR));
    assert_false(watch_was_told(w, "b", MONDAY));
    watch_admitted(w, "192.0.2.2", CHAT, NULL, MONDAY);
    watch_refused(w, MONDAY);
    watch_forget(w);
    assert_false(watch_was_told(w, "a", MONDAY + 1));
    assert_int_equal(watch_value(w, WATCH_REFUSALS_PER_MINUTE, MONDAY), 0);
    assert_int_equal(watch_value(w, WATCH_REQUESTS_PER_HOUR, MONDAY), 0);
    assert_int_equal(watch_value(w, WATCH_ADDRESSES_PER_HOUR, MONDAY), 2);
    watch_admitted(w, "192.0.2.1", CHAT, &with, MONDAY); /* nothing new */
    assert_int_equal(watch_value(w, WATCH_FIRST_USE, MONDAY), 0);
    watch_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(wrong_networks_are_refused),
        cmocka_unit_test(hours_begin_and_end),
        cmocka_unit_test(wrong_times_of_day_are_refused),
        cmocka_unit_test(sums_slide),
        cmocka_unit_test(addresses_are_counted),
        cmocka_unit_test(first_uses_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
