/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standing and the decision together, as the keeper runs them: a small
 * gate that decides, writes entries, applies them, and can be restarted by
 * replaying the bytes it wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decide.h"

#define DAY   86400000LL
#define HOUR  3600000LL
#define NOV1  1793491200000LL /* 2026-11-01T00:00:00Z */
#define LINES 4096

/* A keeper without threads: what it wrote is all that it remembers. */
struct gate {
    struct standing *s;
    struct policy *p;
    char *lines[LINES];
    size_t n;
};

static struct policy *policy_of(unsigned serial, const char *windows,
                                const char *budget, const char *rest)
{
    struct report report = {.out = stderr};
    struct policy *p;
    char *yaml;

    assert_true(
        asprintf(
            &yaml,
            "policy: 1\nserial: %u\n%s"
            "models:\n"
            "  orion: {upstream: {endpoints: [\"unix:/m\"], model: secret},"
            " apis: [openai.chat, anthropic.messages]}\n"
            "  vega: {upstream: {endpoints: [\"unix:/v\"]}, apis: "
            "[openai.chat]}\n"
            "parties:\n"
            "  caisi: {kind: government, anchors: ca, people: {eva: "
            "{san_uri: \"x://sp/caisi/eva\"}, bob: {san_uri: "
            "\"x://sp/caisi/bob\"}}}\n"
            "  bank: {kind: trusted-partner, anchors: ca, people: {kim: "
            "{san_uri: \"x://sp/bank/kim\"}}}\n"
            "terms:\n  t: {uses: [chat.completions, models]%s}\n"
            "windows:\n%s",
            serial, rest, budget, windows) > 0);
    if (policy_parse("p", yaml, strlen(yaml), NULL, NULL, &report, &p) != 0)
        fail_msg("%s", yaml);
    free(yaml);
    return p;
}

#define WINDOW(party, model, opens, lasts)                                     \
    "  - {party: " party ", model: " model ", opens: " opens ", lasts: " lasts \
    ", terms: [t]}\n"
#define NOV "2026-11-01T00:00:00Z"

static const struct spent *person_of(const struct gate *g,
                                     const struct facts *f)
{
    const struct standing_place at = {.person = f->person};

    return standing_spent(g->s, SCOPE_PERSON, &at);
}

static void gate_write(struct gate *g, struct entry *e, int64_t t)
{
    char line[LIMIT_ENTRY_BYTES];
    size_t length;
    int r;

    e->n = standing_count(g->s);
    e->t = t > standing_newest(g->s) ? t : standing_newest(g->s);
    assert_int_equal(entry_encode(e, line, sizeof line, &length), 0);
    r = standing_apply(g->s, e);
    if (r != 0)
        fail_msg("%s", standing_error(g->s));
    assert_true(g->n < LINES);
    g->lines[g->n++] = strndup(line, length);
}

/* Everything that time makes due; says how many entries that was. */
static int gate_tick(struct gate *g, int64_t now, bool may_open)
{
    struct entry e;
    int count = 0;

    while (standing_due(g->s, now, may_open, &e)) {
        gate_write(g, &e, now);
        assert_true(++count < 100);
    }
    return count;
}

/* As its author would write it: every policy but the first replaces one. */
static void chain(const struct policy *before, struct policy *p)
{
    if (before == NULL || memcmp(before->sha256, p->sha256, 32) == 0)
        return;
    p->has_replaces = true;
    memcpy(p->replaces, before->sha256, 32);
}

static void gate_load(struct gate *g, struct policy *p, int64_t now)
{
    struct entry e = {.kind = ENTRY_POLICY_LOADED};

    chain(g->p, p);
    assert_null(standing_policy_objection(g->s, p));
    e.u.policy_loaded.serial = p->serial;
    e.u.policy_loaded.has_replaces = p->has_replaces;
    memcpy(e.u.policy_loaded.replaces, p->replaces, 32);
    memcpy(e.u.policy_loaded.sha256, p->sha256, 32);
    gate_write(g, &e, now);
    assert_int_equal(standing_bind(g->s, p), 0);
    policy_free(g->p);
    g->p = p;
    gate_tick(g, now, true);
}

static void gate_open(struct gate *g, struct policy *p, int64_t now)
{
    struct entry e = {.kind = ENTRY_LOG_OPENED};

    *g = (struct gate){.s = standing_new()};
    assert_non_null(g->s);
    e.u.log_opened.origin = e.u.log_opened.version = e.u.log_opened.vkey = "x";
    gate_write(g, &e, now);
    gate_load(g, p, now);
}

static void gate_close(struct gate *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->lines[i]);
    standing_free(g->s);
    policy_free(g->p);
}

/* A restart: all there is are the written bytes. */
static void gate_restart(struct gate *g)
{
    struct entry_reader *r = malloc(sizeof *r);
    struct entry e;

    assert_non_null(r);
    entry_reader_init(r);
    standing_free(g->s);
    g->s = standing_new();
    for (size_t i = 0; i < g->n; i++) {
        assert_int_equal(entry_decode(r, g->lines[i], strlen(g->lines[i]), &e),
                         0);
        if (standing_apply(g->s, &e) != 0)
            fail_msg("%s", standing_error(g->s));
    }
    assert_int_equal(standing_bind(g->s, g->p), 0);
    entry_reader_release(r);
    free(r);
}

static struct facts facts_of(const struct gate *g, const char *party,
                             const char *person, const char *model)
{
    struct facts f = {.party = (uint32_t)policy_find_party(g->p, party),
                      .cert_not_before = 0,
                      .cert_not_after = INT64_MAX,
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .max_tokens = -1,
                      .body_bytes = 100};

    f.person = (uint32_t)policy_find_person(g->p, f.party, person);
    snprintf(f.model, sizeof f.model, "%s", model);
    return f;
}

/* Decides and writes, as the keeper does. */
static struct verdict gate_ask(struct gate *g, const struct facts *f,
                               int64_t now)
{
    struct verdict v;
    struct entry e;

    gate_tick(g, now, true);
    v = policy_decide(g->p, g->s, f, now, CLOCK_GOOD);
    decide_entry(g->p, f, &v, &e);
    gate_write(g, &e, now);
    return v;
}

static enum reason gate_chat(struct gate *g, const char *party, int64_t now)
{
    struct facts f =
        facts_of(g, party, strcmp(party, "bank") == 0 ? "kim" : "eva", "orion");

    return gate_ask(g, &f, now).reason;
}

static void gate_settle(struct gate *g, uint64_t n, int64_t now)
{
    struct entry e = {.kind = ENTRY_REQUEST_CLOSED};

    e.u.request_closed.of = n;
    gate_write(g, &e, now);
}

/* Ends everything that is open. */
static void gate_settle_all(struct gate *g, int64_t now)
{
    uint64_t n;

    while ((n = standing_next_open(g->s, 0)) != UINT64_MAX)
        gate_settle(g, n, now);
}

static void window_opens_and_ends_on_time(void **state)
{
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "10d"), "", ""),
              NOV1 - DAY);
    assert_int_equal(standing_next_due(g.s), NOV1);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 - 1), REASON_WINDOW_NOT_OPEN);
    assert_int_equal(gate_chat(&g, "caisi", NOV1), REASON_NONE);
    assert_int_equal(standing_next_due(g.s), NOV1 + 7 * DAY); /* a notice */
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 10 * DAY - 1), REASON_NONE);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 10 * DAY),
                     REASON_WINDOW_EXPIRED);
    assert_int_equal(standing_next_due(g.s), INT64_MAX);
    gate_close(&g);
}

static uint32_t person_open(const struct gate *g, uint32_t person)
{
    const struct standing_place at = {.person = person};
    const struct spent *s = standing_spent(g->s, SCOPE_PERSON, &at);

    return s == NULL ? 0 : s->open;
}

static uint64_t person_minute(const struct gate *g, uint32_t person,
                              int64_t now)
{
    const struct standing_place at = {.person = person};

    return spent_minute_requests(standing_spent(g->s, SCOPE_PERSON, &at), now);
}

static uint64_t person_requests(const struct gate *g, uint32_t window,
                                uint32_t person)
{
    const struct standing_place at = {.window = window, .person = person};
    const struct spent *s = standing_spent(g->s, SCOPE_WINDOW_PERSON, &at);

    return s == NULL ? 0 : s->total[UNIT_REQUESTS];
}

/* People have a place of their own once they come; until then they share one
 * where nothing is ever written. */
static void newcomers_have_done_nothing(void **state)
{
    struct gate g;
    uint32_t eva, kim;

    (void)state;
    gate_open(&g,
              policy_of(1,
                        WINDOW("caisi", "orion", NOV, "10d")
                            WINDOW("bank", "orion", NOV, "10d"),
                        "", "sequence: concurrent\n"),
              NOV1);
    eva = facts_of(&g, "caisi", "eva", "orion").person;
    kim = facts_of(&g, "bank", "kim", "orion").person;
    assert_int_equal(person_open(&g, eva), 0);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(gate_chat(&g, "caisi", NOV1 + i), REASON_NONE);
    for (unsigned i = 0; i < 2; i++) { /* bound while it came, and again */
        assert_int_equal(person_open(&g, eva), 3);
        assert_int_equal(person_minute(&g, eva, NOV1 + 9), 3);
        assert_int_equal(person_open(&g, kim), 0);
        assert_int_equal(person_minute(&g, kim, NOV1 + 9), 0);
        for (uint32_t w = 0; w < 2; w++) {
            assert_int_equal(person_requests(&g, w, kim), 0);
            assert_int_equal(
                person_requests(&g, w, eva),
                g.p->windows[w].party == g.p->people[eva].party ? 3 : 0);
        }
        assert_int_equal(standing_bind(g.s, g.p), 0);
    }
    assert_int_equal(gate_chat(&g, "bank", NOV1 + 10), REASON_NONE);
    assert_int_equal(person_open(&g, kim), 1);
    assert_int_equal(person_open(&g, eva), 3);
    gate_close(&g);
}

/* P3: a window that nobody used counts from its opening all the same. */
static void P3_unused_window_counts_from_its_opening(void **state)
{
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "30d"), "", ""),
              NOV1 + 20 * DAY);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 30 * DAY - 1), REASON_NONE);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 30 * DAY),
                     REASON_WINDOW_EXPIRED);
    gate_close(&g);
}

/* P3: new policies with windows that begin later and later, each 30 days long
 * by itself: together they never go past 30 days from the first opening. */
static void P3_renewals_add_nothing(void **state)
{
    static const char *const opens[] = {
        "2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z", "2026-11-29T00:00:00Z",
        "2026-12-01T00:00:00Z", "2026-12-25T00:00:00Z"};
    int64_t open_ms = 0;
    struct gate g;
    unsigned k = 0;

    (void)state;
    for (int64_t now = NOV1 - DAY; now < NOV1 + 100 * DAY; now += 6 * HOUR) {
        if (now >= NOV1 + (int64_t)k * 9 * DAY - DAY && k < 5) {
            char *window;

            assert_true(asprintf(&window,
                                 "  - {party: caisi, model: orion, opens: %s, "
                                 "lasts: 30d, terms: [t]}\n",
                                 opens[k]) > 0);
            if (k == 0)
                gate_open(&g, policy_of(1, window, "", ""), now);
            else
                gate_load(&g, policy_of(k + 1, window, "", ""), now);
            free(window);
            k++;
        }
        if (gate_chat(&g, "caisi", now) == REASON_NONE) {
            open_ms += 6 * HOUR;
            assert_true(now < NOV1 + 30 * DAY);
        }
        gate_settle_all(&g, now);
        gate_restart(&g);
    }
    assert_true(open_ms > 0 && open_ms <= 30 * DAY);
    gate_close(&g);
}

/* P3: the same opening with a later end: 30 days from it and no more. */
static void P3_longer_window_in_a_new_policy(void **state)
{
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "2d"), "", ""),
              NOV1);
    gate_load(&g, policy_of(2, WINDOW("caisi", "orion", NOV, "30d"), "", ""),
              NOV1 + DAY);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 29 * DAY), REASON_NONE);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 30 * DAY),
                     REASON_WINDOW_EXPIRED);
    gate_load(&g, policy_of(3, WINDOW("caisi", "orion", NOV, "29d"), "", ""),
              NOV1 + 31 * DAY);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 31 * DAY),
                     REASON_WINDOW_EXPIRED);
    gate_close(&g);
}

/* P3: a window whose 30 days were over before it opens never opens, and is
 * said to have expired, not to come. */
static void P3_window_after_the_thirty_days_never_opens(void **state)
{
    struct gate g;
    size_t before;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "1d"), "", ""),
              NOV1);
    gate_tick(&g, NOV1 + DAY, true);
    gate_load(&g,
              policy_of(2,
                        WINDOW("caisi", "orion", "2026-12-01T00:00:00Z", "30d"),
                        "", ""),
              NOV1 + 2 * DAY);
    before = g.n;
    assert_int_equal(standing_next_due(g.s), INT64_MAX);
    assert_int_equal(gate_tick(&g, NOV1 + 30 * DAY, true), 0);
    assert_int_equal(g.n, before);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 31 * DAY),
                     REASON_WINDOW_EXPIRED);
    gate_close(&g);
}

/* P3: a window that opens late in the 30 days is cut at their end, and its
 * entry says so. */
static void P3_late_window_is_shortened(void **state)
{
    struct standing_window w;
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "1d"), "", ""),
              NOV1);
    gate_tick(&g, NOV1 + DAY, true);
    gate_load(&g,
              policy_of(2,
                        WINDOW("caisi", "orion", "2026-11-25T00:00:00Z", "30d"),
                        "", ""),
              NOV1 + 2 * DAY);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 25 * DAY), REASON_NONE);
    assert_non_null(strstr(g.lines[g.n - 2], "\"closes\":1796083200000"));
    standing_window(g.s, 0, &w);
    assert_int_equal(w.closes, NOV1 + 30 * DAY);
    assert_int_equal(w.first_opened, NOV1);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 30 * DAY),
                     REASON_WINDOW_EXPIRED);
    gate_close(&g);
}

/* P3: a back-dated window opens and ends at once, and moves the pair's count
 * back, never forward. */
static void P3_backdated_window_is_over_at_once(void **state)
{
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "5d"), "", ""),
              NOV1 + 40 * DAY);
    assert_non_null(strstr(g.lines[g.n - 2], "window.opened"));
    assert_non_null(strstr(g.lines[g.n - 1], "\"cause\":\"expired\""));
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 40 * DAY),
                     REASON_WINDOW_EXPIRED);
    gate_close(&g);
}

/* P3: a ledger that claims more is not believed. */
static void P3_entries_past_thirty_days_are_refused(void **state)
{
    struct entry e = {.kind = ENTRY_WINDOW_OPENED};
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "1d"), "", ""),
              NOV1 - DAY);
    e.n = standing_count(g.s);
    e.t = NOV1;
    e.u.window_opened.window = "caisi/orion/2026-11-01T00:00:00Z";
    e.u.window_opened.party = "caisi";
    e.u.window_opened.model = "orion";
    e.u.window_opened.opens = NOV1;
    e.u.window_opened.closes = NOV1 + 30 * DAY + 1;
    assert_int_equal(standing_apply(g.s, &e), SP_EINVAL);
    assert_non_null(strstr(standing_error(g.s), "30 days"));
    e.u.window_opened.closes = NOV1 + 30 * DAY;
    assert_int_equal(standing_apply(g.s, &e), 0);
    gate_close(&g);
}

/* P4: while the clock settles nothing opens, but what ends, ends. */
static void P4_settling_clock_opens_nothing(void **state)
{
    struct facts f;
    struct verdict v;
    struct gate g;

    (void)state;
    gate_open(&g,
              policy_of(1,
                        WINDOW("caisi", "orion", NOV, "1d") WINDOW(
                            "caisi", "orion", "2026-11-03T00:00:00Z", "1d"),
                        "", ""),
              NOV1);
    assert_int_equal(gate_tick(&g, NOV1 + 2 * DAY, false), 1);
    assert_non_null(strstr(g.lines[g.n - 1], "window.closed"));
    f = facts_of(&g, "caisi", "eva", "orion");
    v = policy_decide(g.p, g.s, &f, NOV1 + 2 * DAY, CLOCK_SETTLING);
    assert_int_equal(v.reason, REASON_WINDOW_NOT_OPEN);
    assert_int_equal(gate_tick(&g, NOV1 + 2 * DAY, true), 1);
    v = policy_decide(g.p, g.s, &f, NOV1 + 2 * DAY, CLOCK_SETTLING);
    assert_int_equal(v.reason, REASON_NONE);
    v = policy_decide(g.p, g.s, &f, NOV1 + 2 * DAY, CLOCK_BEHIND);
    assert_int_equal(v.reason, REASON_CLOCK_UNSAFE);
    assert_int_equal(v.step, STEP_CLOCK);
    gate_close(&g);
}

/* P4: an entry from before the newest one is not believed. */
static void P4_entries_never_go_back_in_time(void **state)
{
    struct entry e = {.kind = ENTRY_HEARTBEAT};
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "1d"), "", ""),
              NOV1);
    e.n = standing_count(g.s);
    e.t = NOV1 - 1;
    assert_int_equal(standing_apply(g.s, &e), SP_EINVAL);
    e.t = NOV1;
    e.n++;
    assert_int_equal(standing_apply(g.s, &e), SP_EINVAL);
    e.n--;
    assert_int_equal(standing_apply(g.s, &e), 0);
    gate_close(&g);
}

static void closed_windows_never_reopen(void **state)
{
    const char *windows = WINDOW("caisi", "orion", NOV, "10d");
    const char *other = WINDOW("caisi", "vega", NOV, "10d");
    char *both;
    struct gate g;

    (void)state;
    assert_true(asprintf(&both, "%s%s", windows, other) > 0);
    gate_open(&g, policy_of(1, both, "", ""), NOV1);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + HOUR), REASON_NONE);
    gate_load(&g, policy_of(2, other, "", ""), NOV1 + DAY);
    assert_non_null(strstr(g.lines[g.n - 1], "\"cause\":\"policy\""));
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + DAY),
                     REASON_MODEL_NOT_FOUND);
    gate_load(&g, policy_of(3, both, "", ""), NOV1 + 2 * DAY);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 2 * DAY),
                     REASON_WINDOW_CLOSED);
    gate_restart(&g);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 2 * DAY),
                     REASON_WINDOW_CLOSED);
    free(both);
    gate_close(&g);
}

static void last_unit_admits_exactly_one(void **state)
{
    struct gate g;
    int admitted = 0;

    (void)state;
    gate_open(&g,
              policy_of(1, WINDOW("caisi", "orion", NOV, "10d"),
                        ", budget: {window: {requests: 5}}", ""),
              NOV1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(gate_chat(&g, "caisi", NOV1), REASON_NONE);
    for (int i = 0; i < 50; i++) {
        struct facts f = facts_of(&g, "caisi", i % 2 ? "eva" : "bob", "orion");
        struct verdict v = gate_ask(&g, &f, NOV1);

        admitted += v.reason == REASON_NONE;
        if (v.reason != REASON_NONE) {
            assert_int_equal(v.reason, REASON_BUDGET_EXHAUSTED);
            assert_int_equal(v.step, STEP_BUDGET);
            assert_int_equal(v.retry_after, 0);
        }
    }
    assert_int_equal(admitted, 1);
    /* Ending gives nothing back, and neither does a restart. */
    gate_settle_all(&g, NOV1 + 1);
    gate_restart(&g);
    assert_int_equal(gate_chat(&g, "caisi", NOV1 + 2), REASON_BUDGET_EXHAUSTED);
    gate_close(&g);
}

static void budgets_of_people_are_their_own(void **state)
{
    struct facts eva, bob;
    struct gate g;

    (void)state;
    gate_open(&g,
              policy_of(1, WINDOW("caisi", "orion", NOV, "10d"),
                        ", budget: {person: {requests: 2}}", ""),
              NOV1);
    eva = facts_of(&g, "caisi", "eva", "orion");
    bob = facts_of(&g, "caisi", "bob", "orion");
    assert_int_equal(gate_ask(&g, &eva, NOV1).reason, REASON_NONE);
    assert_int_equal(gate_ask(&g, &eva, NOV1).reason, REASON_NONE);
    assert_int_equal(gate_ask(&g, &eva, NOV1).reason, REASON_BUDGET_EXHAUSTED);
    assert_int_equal(gate_ask(&g, &bob, NOV1).reason, REASON_NONE);
    gate_close(&g);
}

static void concurrency_is_given_back(void **state)
{
    struct verdict v;
    struct facts f;
    struct gate g;
    uint64_t n;

    (void)state;
    gate_open(&g,
              policy_of(1, WINDOW("caisi", "orion", NOV, "10d"),
                        ", budget: {person: {concurrent: 2}}", ""),
              NOV1);
    f = facts_of(&g, "caisi", "eva", "orion");
    assert_int_equal(gate_ask(&g, &f, NOV1).reason, REASON_NONE);
    n = standing_count(g.s) - 1;
    assert_int_equal(gate_ask(&g, &f, NOV1).reason, REASON_NONE);
    v = gate_ask(&g, &f, NOV1);
    assert_int_equal(v.reason, REASON_CONCURRENCY_LIMITED);
    assert_in_range(v.retry_after, 1, 60);
    assert_int_equal(standing_open_requests(g.s), 2);
    assert_int_equal(standing_next_open(g.s, 0), n);
    assert_int_equal(standing_next_open(g.s, n + 1), n + 1);
    gate_settle(&g, n, NOV1 + 1);
    assert_int_equal(standing_next_open(g.s, 0), n + 1);
    assert_int_equal(gate_ask(&g, &f, NOV1 + 1).reason, REASON_NONE);
    gate_close(&g);
}

/* Never more than the limit within any 60 seconds, however they are placed. */
static void rate_holds_in_any_minute(void **state)
{
    int64_t admitted[512];
    struct verdict v;
    struct facts f;
    struct gate g;
    size_t n = 0;

    (void)state;
    gate_open(&g,
              policy_of(1, WINDOW("caisi", "orion", NOV, "10d"),
                        ", budget: {person: {requests_per_minute: 7, "
                        "concurrent: 1k}}",
                        ""),
              NOV1);
    f = facts_of(&g, "caisi", "eva", "orion");
    for (int64_t now = NOV1; now < NOV1 + 400000; now += 1337) {
        v = gate_ask(&g, &f, now);
        if (v.reason == REASON_NONE)
            admitted[n++] = now;
        else {
            assert_int_equal(v.reason, REASON_RATE_LIMITED);
            assert_in_range(v.retry_after, 1, 60);
            /* Waiting as long as it says is enough. */
            assert_true(spent_minute_requests(person_of(&g, &f),
                                              now + v.retry_after * 1000) < 7);
        }
        gate_restart(&g);
    }
    assert_true(n >= 35);
    for (size_t i = 7; i < n; i++)
        assert_true(admitted[i] - admitted[i - 7] >= 60000);
    gate_close(&g);
}

static void sequence_holds_whatever_was_loaded(void **state)
{
    const char *both = WINDOW("caisi", "orion", NOV, "10d")
        WINDOW("bank", "orion", NOV, "10d");
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, both, "", "sequence: concurrent\n"), NOV1);
    assert_int_equal(gate_chat(&g, "bank", NOV1), REASON_NONE);
    /* As if loading had not refused it. */
    g.p->sequence = SEQUENCE_GOVERNMENT_FIRST;
    assert_int_equal(gate_chat(&g, "bank", NOV1), REASON_WINDOW_NOT_OPEN);
    assert_int_equal(gate_chat(&g, "caisi", NOV1), REASON_NONE);
    gate_close(&g);
}

/* P6: every decision in the written bytes, made again, is the same. */
static void P6_replay_decides_the_same(void **state)
{
    static const char *const models[] = {"orion", "vega", "nothing", ""};
    struct entry_reader *r = malloc(sizeof *r);
    struct standing *s = standing_new();
    unsigned seed = 1, decisions = 0;
    struct gate g;

    (void)state;
    assert_non_null(r);
    entry_reader_init(r);
    gate_open(
        &g,
        policy_of(1,
                  WINDOW("caisi", "orion", NOV, "1d") WINDOW(
                      "caisi", "vega", "2026-11-02T00:00:00Z", "1d")
                      WINDOW("bank", "orion", "2026-11-02T00:00:00Z", "12h"),
                  ", budget: {window: {requests: 90}, person: "
                  "{concurrent: 9, requests_per_minute: 20}}",
                  ""),
        NOV1 - HOUR);
    for (int64_t now = NOV1 - HOUR; now < NOV1 + 3 * DAY;
         now += 4 * HOUR / 25) {
        struct facts f;

        seed = seed * 1103515245 + 12345;
        f = facts_of(&g, seed >> 16 & 1 ? "caisi" : "bank",
                     seed >> 16 & 1 ? "eva" : "kim", models[seed >> 17 & 3]);
        f.fault = (seed >> 19 & 7) == 0 ? REASON_INVALID_FIELD : REASON_NONE;
        f.route = (seed >> 22 & 7) == 0 ? ROUTE_MODELS : ROUTE_CHAT_COMPLETIONS;
        gate_ask(&g, &f, now);
        if ((seed >> 25 & 3) == 0)
            gate_settle_all(&g, now);
    }
    for (size_t i = 0; i < g.n; i++) {
        char again[LIMIT_ENTRY_BYTES];
        struct verdict v;
        struct entry e, made;
        struct facts f;
        size_t length;

        assert_int_equal(entry_decode(r, g.lines[i], strlen(g.lines[i]), &e),
                         0);
        if (e.kind == ENTRY_REQUEST_ADMITTED ||
            e.kind == ENTRY_REQUEST_REFUSED) {
            decide_facts(g.p, &e, &f);
            v = policy_decide(g.p, s, &f, e.t, CLOCK_GOOD);
            decide_entry(g.p, &f, &v, &made);
            made.n = e.n;
            made.t = e.t;
            assert_int_equal(entry_encode(&made, again, sizeof again, &length),
                             0);
            again[length] = 0;
            assert_string_equal(again, g.lines[i]);
            decisions++;
        }
        assert_int_equal(standing_apply(s, &e), 0);
        if (e.kind == ENTRY_POLICY_LOADED)
            assert_int_equal(standing_bind(s, g.p), 0);
    }
    assert_true(decisions > 400);
    standing_free(s);
    entry_reader_release(r);
    free(r);
    gate_close(&g);
}

static void contradictions_are_refused(void **state)
{
    struct entry closed = {.kind = ENTRY_REQUEST_CLOSED};
    struct entry window = {.kind = ENTRY_WINDOW_CLOSED};
    struct entry opened = {.kind = ENTRY_LOG_OPENED};
    struct entry admitted;
    struct verdict v = {.terms = 0, .window = 0, .deadline = NOV1 + 1};
    struct facts f;
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, WINDOW("caisi", "orion", NOV, "1d"), "", ""),
              NOV1);
    assert_int_equal(gate_chat(&g, "caisi", NOV1), REASON_NONE);
    gate_settle_all(&g, NOV1);
    f = facts_of(&g, "caisi", "eva", "orion");
    closed.n = window.n = opened.n = standing_count(g.s);
    closed.t = window.t = opened.t = NOV1;
    closed.u.request_closed.of = closed.n - 2; /* a second end */
    assert_int_equal(standing_apply(g.s, &closed), SP_EINVAL);
    closed.u.request_closed.of = 9999;
    assert_int_equal(standing_apply(g.s, &closed), SP_EINVAL);
    window.u.window_closed.window = "caisi/vega/2026-11-01T00:00:00Z";
    window.u.window_closed.cause = "expired";
    assert_int_equal(standing_apply(g.s, &window), SP_EINVAL);
    assert_true(strlen(standing_error(g.s)) > 0);
    assert_int_equal(standing_apply(g.s, &opened), SP_EINVAL);
    gate_tick(&g, NOV1 + DAY, true); /* the window is closed now */
    decide_entry(g.p, &f, &v, &admitted);
    admitted.n = standing_count(g.s);
    admitted.t = NOV1 + DAY;
    assert_int_equal(standing_apply(g.s, &admitted), SP_EINVAL);
    assert_non_null(strstr(standing_error(g.s), "closed window"));
    gate_close(&g);
}

/* What to write is said. */
static void assert_objection_has_hash(const struct gate *g,
                                      const struct policy *p)
{
    const char *objection = standing_policy_objection(g->s, p);
    char hash[65];

    for (size_t i = 0; i < 32; i++)
        snprintf(hash + 2 * i, 3, "%02x", g->p->sha256[i]);
    assert_non_null(objection);
    assert_non_null(strstr(objection, hash));
}

static void objections_name_the_policy_at_fault(void **state)
{
    const char *w = WINDOW("caisi", "orion", NOV, "1d");
    struct policy *p;
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(5, w, "", ""), NOV1);
    p = policy_of(5, w, ", budget: {window: {requests: 1}}", "");
    assert_non_null(standing_policy_objection(g.s, p));
    assert_int_equal(standing_bind(g.s, p), SP_EINVAL);
    policy_free(p);
    assert_null(standing_policy(g.s)); /* nothing is bound now: fail shut */
    p = policy_of(4, w, "", "");
    assert_non_null(standing_policy_objection(g.s, p));
    policy_free(p);
    p = policy_of(6, w, "",
                  "replaces: 00112233445566778899aabbccddeeff"
                  "00112233445566778899aabbccddeeff\n");
    assert_non_null(standing_policy_objection(g.s, p));
    p->has_replaces = false;
    assert_objection_has_hash(&g, p);
    p->has_replaces = true;
    memcpy(p->replaces, g.p->sha256, 32);
    assert_null(standing_policy_objection(g.s, p));
    policy_free(p);
    assert_null(standing_policy_objection(g.s, g.p));
    assert_true(standing_policy_is_current(g.s, g.p));
    gate_close(&g);
}

/* A long-lived request among many short ones does not keep their memory, and
 * is still found. */
static void long_requests_outlive_short_ones(void **state)
{
    struct standing *s = standing_new();
    struct policy *p =
        policy_of(1, WINDOW("caisi", "orion", NOV, "9d"), "", "");
    struct gate g = {.s = s};
    struct entry e = {.kind = ENTRY_LOG_OPENED};
    struct verdict v = {.deadline = NOV1 + DAY};
    struct facts f;

    (void)state;
    g.p = p;
    e.u.log_opened.origin = e.u.log_opened.version = e.u.log_opened.vkey = "x";
    e.t = NOV1;
    assert_int_equal(standing_apply(s, &e), 0);
    e = (struct entry){.kind = ENTRY_POLICY_LOADED, .n = 1, .t = NOV1};
    e.u.policy_loaded.serial = 1;
    memcpy(e.u.policy_loaded.sha256, p->sha256, 32);
    assert_int_equal(standing_apply(s, &e), 0);
    assert_int_equal(standing_bind(s, p), 0);
    assert_true(standing_due(s, NOV1, true, &e));
    e.n = 2;
    e.t = NOV1;
    assert_int_equal(standing_apply(s, &e), 0);
    f = facts_of(&g, "caisi", "eva", "orion");
    for (uint64_t i = 0; i < 100000; i++) {
        decide_entry(p, &f, &v, &e);
        e.n = standing_count(s);
        e.t = NOV1;
        assert_int_equal(standing_apply(s, &e), 0);
        if (i == 0)
            continue;
        e = (struct entry){
            .kind = ENTRY_REQUEST_CLOSED, .n = e.n + 1, .t = NOV1};
        e.u.request_closed.of = e.n - 1;
        assert_int_equal(standing_apply(s, &e), 0);
    }
    assert_int_equal(standing_open_requests(s), 1);
    assert_int_equal(standing_next_open(s, 0), 3);
    assert_int_equal(standing_next_open(s, 4), UINT64_MAX);
    standing_free(s);
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_opens_and_ends_on_time),
        cmocka_unit_test(newcomers_have_done_nothing),
        cmocka_unit_test(P3_unused_window_counts_from_its_opening),
        cmocka_unit_test(P3_renewals_add_nothing),
        cmocka_unit_test(P3_longer_window_in_a_new_policy),
        cmocka_unit_test(P3_window_after_the_thirty_days_never_opens),
        cmocka_unit_test(P3_late_window_is_shortened),
        cmocka_unit_test(P3_backdated_window_is_over_at_once),
        cmocka_unit_test(P3_entries_past_thirty_days_are_refused),
        cmocka_unit_test(P4_settling_clock_opens_nothing),
        cmocka_unit_test(P4_entries_never_go_back_in_time),
        cmocka_unit_test(closed_windows_never_reopen),
        cmocka_unit_test(last_unit_admits_exactly_one),
        cmocka_unit_test(budgets_of_people_are_their_own),
        cmocka_unit_test(concurrency_is_given_back),
        cmocka_unit_test(rate_holds_in_any_minute),
        cmocka_unit_test(sequence_holds_whatever_was_loaded),
        cmocka_unit_test(P6_replay_decides_the_same),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(objections_name_the_policy_at_fault),
        cmocka_unit_test(long_requests_outlive_short_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
