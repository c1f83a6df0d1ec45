/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices of a window's end: what the language takes, when one is due, that it
 * is due once, through restarts, snapshots and new policies, and which entries
 * a standing refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/standing_snapshot.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NOV1   1793491200000LL /* 2026-11-01T00:00:00Z */
#define WINDOW "caisi/orion/2026-11-01T00:00:00Z"

/* ---- the language ---- */

static int parse(unsigned serial, const char *model, const char *party,
                 const char *window, char **said, struct policy **p)
{
    struct report report = {.limit = 9};
    size_t size;
    char *yaml;
    int r;

    assert_true(
        asprintf(&yaml,
                 "policy: 1\nserial: %u\nsequence: concurrent\nmodels:\n"
                 "  orion: {upstream: {endpoints: [\"unix:/m\"]}, apis: "
                 "[openai.chat]%s}\n"
                 "parties:\n"
                 "  caisi:\n    kind: government\n    anchors: ca\n"
                 "    people: {eva: {san_uri: \"x://a\"}}\n%s"
                 "  bank: {kind: trusted-partner, anchors: ca, people: {kim: "
                 "{san_uri: \"x://c\"}}}\n"
                 "terms:\n  t: {}\nwindows:\n"
                 "  - {party: caisi, model: orion, terms: [t], opens: "
                 "2026-11-01T00:00:00Z, %s}\n"
                 "  - {party: bank, model: orion, terms: [t], opens: "
                 "2026-11-01T00:00:00Z, lasts: 20d, notify: [1d]}\n",
                 serial, model, party, window) > 0);
    report.out = open_memstream(said, &size);
    assert_non_null(report.out);
    r = policy_parse("p", yaml, strlen(yaml), NULL, NULL, &report, p);
    fclose(report.out);
    free(yaml);
    return r;
}

static struct policy *policy_of(unsigned serial, const char *window)
{
    struct policy *p;
    char *said;

    if (parse(serial, "", "", window, &said, &p) != 0)
        fail_msg("%s: %s", window, said);
    free(said);
    return p;
}

static void what_notify_may_not_say(void **state)
{
    static const struct {
        const char *window, *says;
    } cases[] = {
        {"lasts: 10d, notify: 72h", "\"notify\" is a single value"},
        {"lasts: 10d, notify: [0s]", "bad time \"0s\""},
        {"lasts: 10d, notify: [999ms]", "bad time \"999ms\""},
        {"lasts: 10d, notify: [31d]", "bad time \"31d\""},
        {"lasts: 10d, notify: [72]", "bad time \"72\""},
        {"lasts: 10d, notify: [-1h]", "bad time \"-1h\""},
        {"lasts: 10d, notify: [soon]", "bad time \"soon\""},
        {"lasts: 10d, notify: [[1h]]", "expected a duration"},
        {"lasts: 10d, notify: [24h, 1h, 24h]", "the longest time first"},
        {"lasts: 10d, notify: [1h, 1h]", "the longest time first"},
        {"lasts: 10d, notify: [1h, 3600s]", "the longest time first"},
        {"lasts: 10d, notify: [1h, 72h]", "the longest time first"},
        {"lasts: 72h, notify: [72h, 24h]", "a notice before the window opens"},
        {"closes: 2026-11-01T00:30:00Z, notify: [1h]",
         "a notice before the window opens"},
        {"lasts: 10d, notify: [9h, 8h, 7h, 6h, 5h, 4h, 3h, 2h, 1h]",
         "has 9 members: expected at most 8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct policy *p = NULL;
        char *said;

        assert_int_equal(parse(1, "", "", cases[i].window, &said, &p),
                         SP_EINVAL);
        if (strstr(said, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].window, said);
        free(said);
    }
}

static void what_notices_may_not_say(void **state)
{
    static const struct {
        const char *party, *says;
    } cases[] = {
        {"{}", "notices without any place to go"},
        {"{addresses: []}", "has 0 members"},
        {"{addresses: [soc@example.org]}", "bad address"},
        {"{addresses: [\"mailto:\"]}", "bad address"},
        {"{addresses: [\":x@y\"]}", "bad address"},
        {"{addresses: [\"Mailto:x@y\"]}", "bad address"},
        {"{addresses: [\"mailto:a b@y\"]}", "bad address"},
        {"{addresses: [\"mailto:a'b@y\"]}", "bad address"},
        {"{addresses: [\"mailto:a`b@y\"]}", "bad address"},
        {"{addresses: [\"mailto:*\"]}", "bad address"},
        {"{addresses: [\"mailto:\\xe9@y\"]}", "bad address"},
        {"{addresses: [\"mailto:a@y\", \"mailto:a@y\"]}", "stands here twice"},
        {"{syslog: /dev/log}", "bad socket"},
        {"{syslog: \"unix:dev/log\"}", "bad socket"},
        {"{syslog: \"udp:127.0.0.1:514\"}", "bad socket"},
        {"{syslog: \"unix:/dev/log\", hook: /bin/true}", "unknown key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct policy *p = NULL;
        char *said, *party;

        assert_true(asprintf(&party, "    notices: %s\n", cases[i].party) > 0);
        assert_int_equal(parse(1, "", party, "lasts: 1d", &said, &p),
                         SP_EINVAL);
        if (strstr(said, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].party, said);
        free(said);
        free(party);
    }
}

static void what_they_may_say(void **state)
{
    struct policy *p;
    char *said;

    (void)state;
    assert_int_equal(
        parse(1, "",
              "    notices: {addresses: [\"mailto:a@y\", \"sms:+15550100\"], "
              "syslog: \"unix:/run/x\"}\n",
              "lasts: 1d", &said, &p),
        0);
    assert_int_equal(p->parties[0].notices.naddresses, 2);
    assert_string_equal(p->parties[0].notices.addresses[1], "sms:+15550100");
    assert_string_equal(p->parties[0].notices.syslog, "unix:/run/x");
    assert_int_equal(p->parties[1].notices.naddresses, 0);
    assert_null(p->parties[1].notices.syslog);
    free(said);
    policy_free(p);
}

/* Without a word: three, as far as the window has room for them. */
static void what_notify_means(void **state)
{
    static const struct {
        const char *window;
        size_t count;
        int64_t times[3];
    } cases[] = {
        {"lasts: 10d", 3, {72 * HOUR, 24 * HOUR, HOUR}},
        {"lasts: 72h", 2, {24 * HOUR, HOUR}},
        {"lasts: 2h", 1, {HOUR}},
        {"lasts: 1h", 0, {0}},
        {"lasts: 10d, notify: []", 0, {0}},
        {"lasts: 2h, notify: [90m, 1s]", 2, {90 * MINUTE, 1000}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct policy *p = policy_of(1, cases[i].window);
        const struct policy_window *w = &p->windows[0];

        assert_int_equal(w->party, 0);
        if (w->nnotify != cases[i].count)
            fail_msg("%s: %zu", cases[i].window, w->nnotify);
        for (size_t k = 0; k < w->nnotify; k++)
            assert_int_equal(w->notify[k], cases[i].times[k]);
        policy_free(p);
    }
}

/* ---- when ---- */

struct gate {
    struct standing *s;
    struct policy *p;
};

static int put(struct gate *g, struct entry *e, int64_t t)
{
    e->n = standing_count(g->s);
    e->t = t;
    return standing_apply(g->s, e);
}

static void gate_load(struct gate *g, struct policy *p, int64_t t)
{
    struct entry e = {.kind = ENTRY_POLICY_LOADED,
                      .u.policy_loaded = {.serial = p->serial}};

    memcpy(e.u.policy_loaded.sha256, p->sha256, 32);
    assert_int_equal(put(g, &e, t), 0);
    assert_int_equal(standing_bind(g->s, p), 0);
    policy_free(g->p);
    g->p = p;
}

static struct gate gate_open(struct policy *p)
{
    struct entry e = {.kind = ENTRY_LOG_OPENED,
                      .u.log_opened = {"x", "x", "x", NULL}};
    struct gate g = {.s = standing_new()};

    assert_non_null(g.s);
    assert_int_equal(put(&g, &e, NOV1 - DAY), 0);
    gate_load(&g, p, NOV1 - DAY);
    return g;
}

static void gate_close(struct gate *g)
{
    standing_free(g->s);
    policy_free(g->p);
}

/* What is told at `t` of the first party's window: the times, in minutes. All
 * else that is due is done. */
static const char *told(struct gate *g, int64_t t, bool settled)
{
    static char text[128];
    size_t at = 0;
    struct entry e;

    text[0] = '\0';
    while (standing_due(g->s, t, settled, &e)) {
        const struct entry_window_notice *n = &e.u.window_notice;

        if (e.kind == ENTRY_WINDOW_NOTICE && strcmp(n->window, WINDOW) == 0) {
            assert_string_equal(n->party, "caisi");
            assert_string_equal(n->model, "orion");
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld",
                                   at == 0 ? "" : " ",
                                   (long long)(n->before / MINUTE));
        }
        assert_int_equal(put(g, &e, t), 0);
    }
    return text;
}

/* From its bytes: as after a restart. */
static void gate_restart(struct gate *g)
{
    struct standing *s;
    uint8_t *data;
    size_t length;

    assert_int_equal(standing_encode(g->s, &data, &length), 0);
    assert_int_equal(standing_decode(data, length, &s), 0);
    free(data);
    standing_free(g->s);
    g->s = s;
    assert_int_equal(standing_bind(g->s, g->p), 0);
}

static void each_is_due_once(void **state)
{
    struct gate g = gate_open(policy_of(1, "lasts: 10d"));
    const int64_t end = NOV1 + 10 * DAY;

    (void)state;
    assert_string_equal(told(&g, NOV1, true), "");
    for (int i = 0; i < 3; i++) {
        const int64_t before[] = {72 * HOUR, 24 * HOUR, HOUR};
        const char *text[] = {"4320", "1440", "60"};

        assert_int_equal(standing_next_due(g.s), end - before[i]);
        assert_string_equal(told(&g, end - before[i] - 1, true), "");
        assert_string_equal(told(&g, end - before[i], true), text[i]);
        assert_string_equal(told(&g, end - before[i] + 1, true), "");
        gate_restart(&g);
        assert_string_equal(told(&g, end - before[i] + 2, true), "");
    }
    assert_int_equal(standing_next_due(g.s), end);
    assert_string_equal(told(&g, end, true), "");
    gate_close(&g);
}

/* Of several that were missed the nearest alone, whether the window was open or
 * opens late; nothing when it is over. */
static void late_starts_tell_the_nearest(void **state)
{
    static const struct {
        int64_t first, then; /* before the end */
        const char *told;
    } cases[] = {
        {240 * HOUR, 30 * MINUTE, "60"},
        {240 * HOUR, HOUR, "60"},
        {240 * HOUR, 2 * HOUR, "1440"},
        {0, 2 * HOUR, "1440"},
        {0, 70 * HOUR, "4320"},
        {0, 5 * MINUTE, "60"},
        {0, 1, "60"},
        {240 * HOUR, 0, ""},
        {0, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gate g = gate_open(policy_of(1, "lasts: 10d"));
        const int64_t end = NOV1 + 10 * DAY;

        if (cases[i].first != 0)
            assert_string_equal(told(&g, end - cases[i].first, true), "");
        if (strcmp(told(&g, end - cases[i].then, true), cases[i].told) != 0)
            fail_msg("case %zu", i);
        gate_restart(&g);
        assert_string_equal(told(&g, end - cases[i].then, true), "");
        gate_close(&g);
    }
}

/* A model's release and the thirty days of the pair end it earlier. */
static void the_end_is_the_one_that_holds(void **state)
{
    struct gate g;
    struct policy *p;
    char *said;

    (void)state;
    assert_int_equal(parse(1, ", release: 2026-11-03T00:00:00Z", "",
                           "lasts: 10d, notify: [72h, 47h, 1h]", &said, &p),
                     0);
    free(said);
    g = gate_open(p);
    assert_string_equal(told(&g, NOV1, true), ""); /* 72h: before it opens */
    assert_string_equal(told(&g, NOV1 + HOUR, true), "2820");
    assert_string_equal(told(&g, NOV1 + 47 * HOUR, true), "60");
    assert_string_equal(told(&g, NOV1 + 48 * HOUR, true), "");
    gate_close(&g);
}

/* A clock that was set forward ends windows, and tells of nothing. */
static void P4_an_unsettled_clock_tells_nothing(void **state)
{
    struct gate g = gate_open(policy_of(1, "lasts: 10d"));

    (void)state;
    told(&g, NOV1, true);
    assert_string_equal(told(&g, NOV1 + 9 * DAY, false), "");
    assert_string_equal(told(&g, NOV1 + 9 * DAY, true), "1440");
    gate_close(&g);
}

/* A new policy gives the same window another end, or other notices. */
static void another_end_is_told_anew(void **state)
{
    struct gate g = gate_open(policy_of(1, "lasts: 10d"));

    (void)state;
    told(&g, NOV1, true);
    assert_string_equal(told(&g, NOV1 + 9 * DAY, true), "1440");
    gate_load(&g, policy_of(2, "lasts: 10d, notify: [25h, 24h, 12h]"),
              NOV1 + 9 * DAY);
    assert_string_equal(told(&g, NOV1 + 9 * DAY, true), "");
    assert_string_equal(told(&g, NOV1 + 9 * DAY + 12 * HOUR, true), "720");
    gate_load(&g, policy_of(3, "lasts: 12d, notify: [36h]"),
              NOV1 + 9 * DAY + 12 * HOUR);
    assert_string_equal(told(&g, NOV1 + 10 * DAY + 12 * HOUR - 1, true), "");
    assert_string_equal(told(&g, NOV1 + 10 * DAY + 12 * HOUR, true), "2160");
    gate_load(&g, policy_of(4, "lasts: 12d, notify: []"), NOV1 + 11 * DAY);
    assert_string_equal(told(&g, NOV1 + 12 * DAY - 1, true), "");
    gate_close(&g);
}

/* ---- what a standing refuses ---- */

static struct entry notice(int64_t closes, int64_t before)
{
    return (struct entry){.kind = ENTRY_WINDOW_NOTICE,
                          .u.window_notice = {.window = WINDOW,
                                              .party = "caisi",
                                              .model = "orion",
                                              .closes = closes,
                                              .before = before}};
}

static void refuses(struct gate *g, struct entry e, int64_t t, const char *what)
{
    assert_int_equal(put(g, &e, t), SP_EINVAL);
    if (strstr(standing_error(g->s), what) == NULL)
        fail_msg("%s, not %s", standing_error(g->s), what);
}

static void P5_notices_that_contradict_are_refused(void **state)
{
    struct gate g = gate_open(policy_of(1, "lasts: 10d"));
    const int64_t end = NOV1 + 10 * DAY, now = end - DAY;
    struct entry e = notice(end, DAY);

    (void)state;
    refuses(&g, e, NOV1 - DAY, "is not open");
    told(&g, NOV1, true);
    refuses(&g, e, now - 1, "wrong time");
    refuses(&g, notice(end, 0), now, "wrong time");
    refuses(&g, notice(end, -1), now, "wrong time");
    refuses(&g, notice(now, DAY), now, "wrong time");
    refuses(&g, notice(INT64_MAX, INT64_MAX), now, "wrong time");
    refuses(&g, notice(NOV1 + 30 * DAY + 1, 30 * DAY), now, "30 days");
    e.u.window_notice.party = "bank";
    refuses(&g, e, now, "another's");
    e.u.window_notice.party = "cais";
    refuses(&g, e, now, "another's");
    e = notice(end, DAY);
    e.u.window_notice.model = "ori";
    refuses(&g, e, now, "another's");
    e.u.window_notice.window = "caisi/orion/2026-11-02T00:00:00Z";
    refuses(&g, e, now, "is not open");
    e = notice(end, DAY);
    assert_int_equal(put(&g, &e, now), 0);
    refuses(&g, e, now, "again");
    refuses(&g, notice(end, 2 * DAY), now, "again");
    told(&g, end, true);
    refuses(&g, notice(end + DAY, 2 * DAY), end, "is not open");
    gate_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_notify_may_not_say),
        cmocka_unit_test(what_notices_may_not_say),
        cmocka_unit_test(what_they_may_say),
        cmocka_unit_test(what_notify_means),
        cmocka_unit_test(each_is_due_once),
        cmocka_unit_test(late_starts_tell_the_nearest),
        cmocka_unit_test(the_end_is_the_one_that_holds),
        cmocka_unit_test(P4_an_unsettled_clock_tells_nothing),
        cmocka_unit_test(another_end_is_told_anew),
        cmocka_unit_test(P5_notices_that_contradict_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
