/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices: which entries are one and what of them is told, as a message that
 * may come from anybody, and to the byte as JSON and RFC 5424.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/notice.h"
#include "policy/policy.h"

#define NOV1   1793491200000LL /* 2026-11-01T00:00:00Z */
#define DAY    86400000LL
#define WINDOW "caisi/orion:x/2026-11-01T00:00:00Z"

static const struct entry ends = {.n = 29,
                                  .t = NOV1 + 29 * DAY + 1500,
                                  .kind = ENTRY_WINDOW_NOTICE,
                                  .u.window_notice = {.window = WINDOW,
                                                      .party = "caisi",
                                                      .model = "orion:x",
                                                      .closes = NOV1 + 30 * DAY,
                                                      .before = DAY}};

static struct notice of(const struct entry *e)
{
    struct notice v;

    assert_true(notice_from_entry(&v, e));
    return v;
}

static void entries_that_concern_a_party(void **state)
{
    struct entry e = {.n = 5, .t = NOV1, .kind = ENTRY_WINDOW_CLOSED};
    struct notice v = of(&ends);

    (void)state;
    assert_string_equal(v.party, "caisi");
    assert_string_equal(v.model, "orion:x");
    assert_int_equal(v.before, DAY);
    e.u.window_closed =
        (struct entry_window_closed){.window = WINDOW,
                                     .cause = "order",
                                     .by = {.known = true, .uid = 1000},
                                     .reason = "they talked to other-party"};
    v = of(&e);
    assert_string_equal(v.party, "caisi");
    assert_string_equal(v.cause, "order");
    e.kind = ENTRY_PERSON_SUSPENDED;
    e.u.person_suspended = (struct entry_person_suspended){
        .party = "bank", .person = "kim", .cause = "tripwire:honeypot"};
    v = of(&e);
    assert_string_equal(v.person, "kim");
    assert_string_equal(v.cause, "tripwire"); /* not which */
    assert_string_equal(v.window, "");
    e.kind = ENTRY_PARTY_REVOKED;
    e.u.party_revoked = (struct entry_party_revoked){.party = "bank"};
    v = of(&e);
    assert_string_equal(v.person, "");
    assert_int_equal(v.event, NOTICE_REVOKED);
}

static void all_other_entries_are_nobodys(void **state)
{
    unsigned told = 0;

    (void)state;
    for (int k = 0; k < ENTRY_KIND_COUNT; k++) {
        struct entry e = {.kind = (enum entry_kind)k};
        struct notice v;

        if (k == ENTRY_WINDOW_OPENED || k == ENTRY_WINDOW_NOTICE ||
            k == ENTRY_WINDOW_CLOSED) {
            e.u.window_opened.window = WINDOW;
            e.u.window_closed.cause = "expired";
        }
        if (k == ENTRY_WINDOW_NOTICE)
            e = ends;
        if (k == ENTRY_PERSON_SUSPENDED)
            e.u.person_suspended.cause = "order";
        told += notice_from_entry(&v, &e);
    }
    assert_int_equal(told, NOTICE_EVENTS);
}

static int decoded(const struct notice *in, struct notice *out)
{
    uint8_t memory[1024];
    size_t length;

    assert_int_equal(notice_put(in, memory, sizeof memory, &length), 0);
    for (size_t i = 0; i < length; i++) /* cut anywhere, it is none */
        assert_int_equal(notice_get(out, memory, i), SP_EPROTO);
    memory[length] = 0;
    assert_int_equal(notice_get(out, memory, length + 1), SP_EPROTO);
    return notice_get(out, memory, length);
}

static void messages_come_back(void **state)
{
    const struct notice in = of(&ends);
    struct notice out;

    (void)state;
    assert_int_equal(decoded(&in, &out), 0);
    assert_memory_equal(&in, &out, sizeof in);
}

/* Whatever could be more than one word, or somebody else's, in a log. */
static void messages_that_are_none(void **state)
{
    struct notice good = of(&ends), bad, out;

    (void)state;
#define BAD(member, value)                                                     \
    do {                                                                       \
        bad = good;                                                            \
        snprintf(bad.member, sizeof bad.member, "%s", value);                  \
        assert_int_equal(decoded(&bad, &out), SP_EPROTO);                      \
    } while (0)
    BAD(party, "");
    BAD(party, "a b");
    BAD(party, "a\"b");
    BAD(party, "a\nb");
    BAD(party, "a/b");
    BAD(party, "\xc3\xa9");
    BAD(window, "");
    BAD(window, "a]b");
    BAD(model, "");
    BAD(model, "a/b");
    BAD(person, "eva"); /* a window is nobody's own */
    BAD(cause, "tripwire:x");
#undef BAD
    bad = good;
    bad.t = -1;
    assert_int_equal(decoded(&bad, &out), SP_EPROTO);
    bad = good;
    bad.closes = -1;
    assert_int_equal(decoded(&bad, &out), SP_EPROTO);
    bad = good;
    bad.event = NOTICE_EVENTS;
    assert_int_equal(decoded(&bad, &out), SP_EPROTO);
    bad = good;
    bad.event = NOTICE_REVOKED; /* about people, with a window */
    assert_int_equal(decoded(&bad, &out), SP_EPROTO);
}

static const char *json(const struct notice *v, const struct policy_notices *to)
{
    static char memory[NOTICE_BYTES + 1];
    struct text t;

    text_init(&t, memory, NOTICE_BYTES);
    notice_json(&t, v, "sp-east-1", to);
    assert_int_equal(text_end(&t), 0);
    memory[t.length] = '\0';
    return memory;
}

static void what_the_hook_reads(void **state)
{
    char mail[] = "mailto:soc@example.org", sms[] = "sms:+15550100";
    char *addresses[] = {mail, sms};
    const struct policy_notices to = {.addresses = addresses, .naddresses = 2};
    struct notice v = of(&ends);

    (void)state;
    assert_string_equal(
        json(&v, &to),
        "{\"event\":\"window.notice\",\"n\":29,"
        "\"time\":\"2026-11-30T00:00:01.500Z\",\"deployment\":\"sp-east-1\","
        "\"party\":\"caisi\",\"model\":\"orion:x\","
        "\"window\":\"caisi/orion:x/2026-11-01T00:00:00Z\","
        "\"closes\":\"2026-12-01T00:00:00.000Z\",\"seconds_left\":86398,"
        "\"before\":86400,\"text\":\"Access of caisi to orion:x ends in 23 "
        "hours 59 minutes, at 2026-12-01T00:00:00.000Z.\","
        "\"addresses\":[\"mailto:soc@example.org\",\"sms:+15550100\"]}\n");
    v = (struct notice){.n = 7,
                        .t = NOV1,
                        .event = NOTICE_SUSPENDED,
                        .party = "bank",
                        .person = "kim",
                        .cause = "tripwire"};
    assert_string_equal(
        json(&v, NULL),
        "{\"event\":\"person.suspended\",\"n\":7,"
        "\"time\":\"2026-11-01T00:00:00.000Z\",\"deployment\":\"sp-east-1\","
        "\"party\":\"bank\",\"person\":\"kim\",\"cause\":\"tripwire\","
        "\"text\":\"Access of bank/kim is suspended (tripwire).\","
        "\"addresses\":[]}\n");
}

static void how_long_it_is_in_words(void **state)
{
    static const struct {
        int64_t seconds;
        const char *says;
    } cases[] = {
        {72 * 3600, "in 3 days, at"},
        {24 * 3600, "in 1 day, at"},
        {26 * 3600 + 59 * 60, "in 1 day 2 hours, at"},
        {3600, "in 1 hour, at"},
        {3599, "in 59 minutes 59 seconds, at"},
        {60, "in 1 minute, at"},
        {1, "in 1 second, at"},
        {0, "in 0 seconds, at"},
        {86400 + 59, "in 1 day, at"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct notice v = of(&ends);
        char memory[512];
        struct text t;

        v.t = v.closes - cases[i].seconds * 1000;
        text_init(&t, memory, sizeof memory - 1);
        notice_sentence(&t, &v);
        memory[t.length] = '\0';
        if (strstr(memory, cases[i].says) == NULL)
            fail_msg("%s, not %s", memory, cases[i].says);
    }
}

static void what_syslog_reads(void **state)
{
    struct notice v = of(&ends);
    char memory[NOTICE_BYTES + 1];
    struct text t;

    (void)state;
    text_init(&t, memory, NOTICE_BYTES);
    notice_syslog(&t, &v, "sp-east-1");
    assert_int_equal(text_end(&t), 0);
    memory[t.length] = '\0';
    assert_string_equal(
        memory,
        "<28>1 2026-11-30T00:00:01.500Z sp-east-1 sallyport - window.notice "
        "[sallyport@32473 n=\"29\" party=\"caisi\" model=\"orion:x\" "
        "window=\"caisi/orion:x/2026-11-01T00:00:00Z\" "
        "closes=\"2026-12-01T00:00:00.000Z\" seconds_left=\"86398\" "
        "before=\"86400\"] Access of caisi to orion:x ends in 23 hours 59 "
        "minutes, at 2026-12-01T00:00:00.000Z.");
}

/* RFC 5424, section 6.3.3: these three and no others. */
static void parameters_are_escaped(void **state)
{
    char memory[128];
    struct text t;

    (void)state;
    text_init(&t, memory, sizeof memory - 1);
    notice_parameter(&t, "x", "a\"b\\c]d[e'f");
    memory[t.length] = '\0';
    assert_string_equal(memory, " x=\"a\\\"b\\\\c\\]d[e'f\"");
}

static void what_does_not_fit_is_said(void **state)
{
    struct notice v = of(&ends);
    char memory[40];
    struct text t;

    (void)state;
    text_init(&t, memory, sizeof memory);
    notice_json(&t, &v, "sp-east-1", NULL);
    assert_int_equal(text_end(&t), SP_ETOOBIG);
    text_init(&t, memory, sizeof memory);
    notice_syslog(&t, &v, "sp-east-1");
    assert_int_equal(text_end(&t), SP_ETOOBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_that_concern_a_party),
        cmocka_unit_test(all_other_entries_are_nobodys),
        cmocka_unit_test(messages_come_back),
        cmocka_unit_test(messages_that_are_none),
        cmocka_unit_test(what_the_hook_reads),
        cmocka_unit_test(how_long_it_is_in_words),
        cmocka_unit_test(what_syslog_reads),
        cmocka_unit_test(parameters_are_escaped),
        cmocka_unit_test(what_does_not_fit_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
