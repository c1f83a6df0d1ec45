/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders in the standing and in the decision: who is suspended or revoked and
 * what is released stays so by name, through policies and replays; whatever
 * contradicts what was ordered before is refused.
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

#define DAY    86400000LL
#define HOUR   3600000LL
#define NOV1   1793491200000LL /* 2026-11-01T00:00:00Z */
#define LINES  512
#define NOBODY ((struct entry_operator){0})
#define ROOT   ((struct entry_operator){.known = true})

struct gate {
    struct standing *s;
    struct policy *p;
    char *lines[LINES];
    size_t n;
};

#define BOTH                                                                   \
    "  - {party: caisi, model: orion, opens: 2026-11-01T00:00:00Z, lasts: "    \
    "20d, terms: [t]}\n"                                                       \
    "  - {party: bank, model: orion, opens: 2026-11-01T00:00:00Z, lasts: "     \
    "20d, "                                                                    \
    "terms: [t]}\n"                                                            \
    "  - {party: bank, model: vega, opens: 2026-11-01T00:00:00Z, lasts: 20d, " \
    "terms: [t]}\n"

static struct policy *policy_of(unsigned serial, const char *release,
                                const char *windows)
{
    struct report report = {.out = stderr};
    struct policy *p = NULL;
    char *yaml;

    assert_true(
        asprintf(&yaml,
                 "policy: 1\nserial: %u\nsequence: concurrent\nmodels:\n"
                 "  orion: {upstream: {endpoints: [\"unix:/m\"]}, apis: "
                 "[openai.chat]%s}\n"
                 "  vega: {upstream: {endpoints: [\"unix:/v\"]}, apis: "
                 "[openai.chat]}\n"
                 "parties:\n"
                 "  caisi: {kind: government, anchors: ca, people: {eva: "
                 "{san_uri: \"x://a\"}, bob: {san_uri: \"x://b\"}}}\n"
                 "  bank: {kind: trusted-partner, anchors: ca, people: {kim: "
                 "{san_uri: \"x://c\"}}}\n"
                 "terms:\n  t: {uses: [chat.completions, models]}\n"
                 "windows:\n%s",
                 serial, release, windows) > 0);
    if (policy_parse("p", yaml, strlen(yaml), NULL, NULL, &report, &p) != 0)
        fail_msg("%s", yaml);
    free(yaml);
    return p;
}

static int gate_try(struct gate *g, struct entry *e, int64_t t)
{
    e->n = standing_count(g->s);
    e->t = t > standing_newest(g->s) ? t : standing_newest(g->s);
    return standing_apply(g->s, e);
}

static void gate_write(struct gate *g, struct entry *e, int64_t t)
{
    char line[LIMIT_ENTRY_BYTES];
    size_t length;

    if (gate_try(g, e, t) != 0)
        fail_msg("%s", standing_error(g->s));
    assert_int_equal(entry_encode(e, line, sizeof line, &length), 0);
    assert_true(g->n < LINES);
    g->lines[g->n++] = strndup(line, length);
}

static void gate_tick(struct gate *g, int64_t now, bool may_open)
{
    struct entry e;

    while (standing_due(g->s, now, may_open, &e))
        gate_write(g, &e, now);
}

static void gate_load(struct gate *g, struct policy *p, int64_t now)
{
    struct entry e = {.kind = ENTRY_POLICY_LOADED};

    e.u.policy_loaded.serial = p->serial;
    memcpy(e.u.policy_loaded.sha256, p->sha256, 32);
    gate_write(g, &e, now);
    assert_int_equal(standing_bind(g->s, p), 0);
    policy_free(g->p);
    g->p = p;
    gate_tick(g, now, true);
}

static void gate_open(struct gate *g, struct policy *p)
{
    struct entry e = {.kind = ENTRY_LOG_OPENED,
                      .u.log_opened = {"x", "x", "x", NULL}};

    *g = (struct gate){.s = standing_new()};
    assert_non_null(g->s);
    gate_write(g, &e, NOV1);
    gate_load(g, p, NOV1);
}

static void gate_close(struct gate *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->lines[i]);
    standing_free(g->s);
    policy_free(g->p);
}

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
            fail_msg("%s: %s", g->lines[i], standing_error(g->s));
    }
    assert_int_equal(standing_bind(g->s, g->p), 0);
    entry_reader_release(r);
    free(r);
}

/* What one person is told who asks for a chat; the decision is recorded. */
static struct verdict ask(struct gate *g, const char *party, const char *person,
                          const char *model, int64_t now)
{
    struct facts f = {.party = (uint32_t)policy_find_party(g->p, party),
                      .cert_not_after = INT64_MAX,
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .max_tokens = -1};
    struct verdict v;
    struct entry e;

    f.person = (uint32_t)policy_find_person(g->p, f.party, person);
    snprintf(f.model, sizeof f.model, "%s", model);
    gate_tick(g, now, true);
    v = policy_decide(g->p, g->s, &f, now, CLOCK_GOOD);
    decide_entry(g->p, &f, &v, &e);
    gate_write(g, &e, now);
    return v;
}

#define TOLD(g, party, person, model, now)                                     \
    ask(g, party, person, model, now).reason

static struct entry suspended(const char *party, const char *person,
                              const char *cause, struct entry_operator by)
{
    return (struct entry){
        .kind = ENTRY_PERSON_SUSPENDED,
        .u.person_suspended = {
            .party = party, .person = person, .cause = cause, .by = by}};
}

static struct entry resumed(const char *party, const char *person, uint64_t of)
{
    return (struct entry){.kind = ENTRY_PERSON_RESUMED,
                          .u.person_resumed = {.party = party,
                                               .person = person,
                                               .of = of,
                                               .by = ROOT,
                                               .approver = "a:0"}};
}

static struct entry revoked(const char *party, const char *person)
{
    return (struct entry){
        .kind = ENTRY_PARTY_REVOKED,
        .u.party_revoked = {.party = party, .person = person, .by = ROOT}};
}

static struct entry released(const char *model, const char *cause,
                             struct entry_operator by)
{
    return (struct entry){
        .kind = ENTRY_MODEL_RELEASED,
        .u.model_released = {.model = model, .cause = cause, .by = by}};
}

static struct entry closed(const char *window, const char *cause,
                           struct entry_operator by)
{
    return (struct entry){
        .kind = ENTRY_WINDOW_CLOSED,
        .u.window_closed = {.window = window, .cause = cause, .by = by}};
}

static void P5_suspended_by_name_until_resumed(void **state)
{
    struct entry e = suspended("caisi", "eva", "order", ROOT);
    struct gate g;
    uint64_t of;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    gate_write(&g, &e, NOV1 + HOUR);
    of = e.n;
    for (unsigned i = 0; i < 2; i++) {
        struct verdict v = ask(&g, "caisi", "eva", "orion", NOV1 + HOUR);

        assert_int_equal(v.reason, REASON_PERSON_SUSPENDED);
        assert_int_equal(v.step, STEP_SUSPENDED);
        assert_int_equal(v.retry_after, 0);
        /* An unknown model and a suspended person: no word on the model. */
        assert_int_equal(TOLD(&g, "caisi", "eva", "none", NOV1 + HOUR),
                         REASON_PERSON_SUSPENDED);
        assert_int_equal(TOLD(&g, "caisi", "bob", "orion", NOV1 + HOUR),
                         REASON_NONE);
        assert_int_equal(TOLD(&g, "bank", "kim", "orion", NOV1 + HOUR),
                         REASON_NONE);
        gate_restart(&g);
    }
    gate_load(&g, policy_of(2, "", BOTH), NOV1 + 2 * HOUR);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", NOV1 + 2 * HOUR),
                     REASON_PERSON_SUSPENDED);
    e = resumed("caisi", "eva", of);
    gate_write(&g, &e, NOV1 + 3 * HOUR);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", NOV1 + 3 * HOUR),
                     REASON_NONE);
    gate_restart(&g);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", NOV1 + 3 * HOUR),
                     REASON_NONE);
    gate_close(&g);
}

/* The party's account and each person's are kept apart. */
static void parties_and_people_are_held_apart(void **state)
{
    struct entry person = suspended("caisi", "eva", "tripwire:volume", NOBODY);
    struct entry party = suspended("caisi", NULL, "order", ROOT);
    struct entry e;
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    gate_write(&g, &person, NOV1);
    gate_write(&g, &party, NOV1);
    assert_true(standing_suspended(g.s, "caisi", NULL, NULL));
    assert_false(standing_suspended(g.s, "caisi", "bob", NULL));
    assert_int_equal(TOLD(&g, "caisi", "bob", "orion", NOV1),
                     REASON_PERSON_SUSPENDED);
    e = resumed("caisi", NULL, party.n);
    gate_write(&g, &e, NOV1);
    assert_int_equal(TOLD(&g, "caisi", "bob", "orion", NOV1), REASON_NONE);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", NOV1),
                     REASON_PERSON_SUSPENDED);
    e = revoked("caisi", NULL);
    gate_write(&g, &e, NOV1);
    assert_int_equal(TOLD(&g, "caisi", "bob", "orion", NOV1),
                     REASON_ACCESS_REVOKED);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", NOV1),
                     REASON_ACCESS_REVOKED); /* what is for ever speaks first */
    gate_close(&g);
}

static void P5_revoked_for_the_ledgers_life(void **state)
{
    struct entry before = suspended("caisi", "eva", "order", ROOT);
    struct entry e = revoked("caisi", "eva");
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    gate_write(&g, &before, NOV1);
    gate_write(&g, &e, NOV1);
    e = resumed("caisi", "eva", before.n);
    assert_int_equal(gate_try(&g, &e, NOV1), SP_EINVAL);
    gate_load(&g, policy_of(2, "", BOTH), NOV1 + HOUR);
    gate_restart(&g);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", NOV1 + HOUR),
                     REASON_ACCESS_REVOKED);
    assert_int_equal(TOLD(&g, "caisi", "bob", "orion", NOV1 + HOUR),
                     REASON_NONE);
    gate_close(&g);
}

static size_t count_lines(const struct gate *g, const char *what)
{
    size_t count = 0;

    for (size_t i = 0; i < g->n; i++)
        count += strstr(g->lines[i], what) != NULL;
    return count;
}

static void P3_P5_nothing_opens_after_a_release(void **state)
{
    struct entry e = released("orion", "order", ROOT);
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    gate_write(&g, &e, NOV1 + HOUR);
    /* Also before the windows' own entries, which are due now. */
    assert_true(standing_next_due(g.s) <= NOV1 + HOUR);
    gate_tick(&g, NOV1 + HOUR, false);
    assert_int_equal(count_lines(&g, "\"cause\":\"released\""), 2);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", NOV1 + HOUR),
                     REASON_MODEL_RELEASED);
    assert_int_equal(TOLD(&g, "bank", "kim", "orion", NOV1 + HOUR),
                     REASON_MODEL_RELEASED);
    assert_int_equal(TOLD(&g, "bank", "kim", "vega", NOV1 + HOUR), REASON_NONE);
    gate_load(&g,
              policy_of(2, "",
                        BOTH "  - {party: caisi, model: vega, opens: "
                             "2026-11-02T00:00:00Z, lasts: 2d, terms: [t]}\n"
                             "  - {party: bank, model: orion, opens: "
                             "2026-11-22T00:00:00Z, lasts: 2d, terms: [t]}\n"),
              NOV1 + 2 * DAY);
    gate_restart(&g);
    gate_tick(&g, NOV1 + 22 * DAY, true);
    assert_int_equal(count_lines(&g, "window.opened"), 4); /* vega's alone */
    assert_int_equal(TOLD(&g, "bank", "kim", "orion", NOV1 + 22 * DAY),
                     REASON_MODEL_RELEASED);
    gate_close(&g);
}

static void a_release_by_time_is_said_once_the_clock_is_good(void **state)
{
    const int64_t at = NOV1 + 10 * DAY;
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, ", release: 2026-11-11T00:00:00Z", BOTH));
    assert_int_equal(ask(&g, "caisi", "eva", "orion", at - 1).deadline_reason,
                     REASON_MODEL_RELEASED);
    assert_int_equal(standing_next_due(g.s), at);
    gate_tick(&g, at - 1, true);
    assert_int_equal(count_lines(&g, "model.released"), 0);
    gate_tick(&g, at, true);
    assert_int_equal(count_lines(&g, "model.released"), 1);
    assert_int_equal(count_lines(&g, "\"cause\":\"time\""), 1);
    assert_int_equal(count_lines(&g, "\"cause\":\"released\""), 2);
    /* A later policy that moves it changes nothing. */
    gate_load(&g, policy_of(2, ", release: 2026-11-18T00:00:00Z", BOTH), at);
    gate_tick(&g, at + 9 * DAY, true);
    assert_int_equal(count_lines(&g, "model.released"), 1);
    assert_int_equal(TOLD(&g, "caisi", "eva", "orion", at + HOUR),
                     REASON_MODEL_RELEASED);
    gate_close(&g);
}

static void P4_settling_clock_releases_nothing(void **state)
{
    const int64_t at = NOV1 + 10 * DAY;
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, ", release: 2026-11-11T00:00:00Z", BOTH));
    gate_tick(&g, at, false);
    assert_int_equal(count_lines(&g, "model.released"), 0);
    assert_int_equal(count_lines(&g, "\"cause\":\"expired\""), 2);
    gate_tick(&g, at, true);
    assert_int_equal(count_lines(&g, "model.released"), 1);
    gate_close(&g);
}

static void windows_are_found_by_id_or_pair_and_closed(void **state)
{
    static const char *const none[] = {
        "",
        "bank",
        "bank/",
        "bank/ve",
        "bank/vega/",
        "bank/vega/2026-11-01T00:00:00",
        "bank/vega/2026-11-01T00:00:00Z/",
        "caisi/vega",
    };
    struct entry e;
    struct gate g;
    const char *id;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(standing_open_window(g.s, none[i]));
    id = standing_open_window(g.s, "bank/vega");
    assert_string_equal(id, "bank/vega/2026-11-01T00:00:00Z");
    assert_ptr_equal(standing_open_window(g.s, id), id);
    e = closed(id, "order", ROOT);
    gate_write(&g, &e, NOV1 + HOUR);
    assert_null(standing_open_window(g.s, "bank/vega"));
    assert_int_equal(gate_try(&g, &e, NOV1 + HOUR), SP_EINVAL);
    assert_int_equal(TOLD(&g, "bank", "kim", "vega", NOV1 + HOUR),
                     REASON_WINDOW_CLOSED);
    assert_int_equal(TOLD(&g, "bank", "kim", "orion", NOV1 + HOUR),
                     REASON_NONE);
    gate_restart(&g);
    gate_tick(&g, NOV1 + DAY, true); /* it does not open again */
    assert_int_equal(TOLD(&g, "bank", "kim", "vega", NOV1 + DAY),
                     REASON_WINDOW_CLOSED);
    gate_close(&g);
}

static void only_what_is_in_the_scope_is_counted(void **state)
{
    const uint32_t any = UINT32_MAX;
    struct gate g;
    uint32_t caisi, bank, eva, orion, vega;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    caisi = (uint32_t)policy_find_party(g.p, "caisi");
    bank = (uint32_t)policy_find_party(g.p, "bank");
    eva = (uint32_t)policy_find_person(g.p, caisi, "eva");
    orion = (uint32_t)policy_find_model(g.p, "orion");
    vega = (uint32_t)policy_find_model(g.p, "vega");
    for (int i = 0; i < 3; i++)
        ask(&g, "caisi", "eva", "orion", NOV1);
    ask(&g, "caisi", "bob", "orion", NOV1);
    ask(&g, "bank", "kim", "orion", NOV1);
    ask(&g, "bank", "kim", "vega", NOV1);
    ask(&g, "bank", "kim", "vega", NOV1);
#define OPEN(...)                                                              \
    standing_open_in(g.s, &(const struct standing_scope){__VA_ARGS__})
    assert_int_equal(OPEN(any, any, any, any), 7);
    assert_int_equal(OPEN(any, any, caisi, any), 4);
    assert_int_equal(OPEN(any, any, caisi, eva), 3);
    assert_int_equal(OPEN(any, orion, any, any), 5);
    assert_int_equal(OPEN(any, vega, any, any), 2);
    assert_int_equal(OPEN(any, orion, bank, any), 1);
    assert_int_equal(OPEN(any, any, bank, eva), 0);
    assert_int_equal(OPEN(99, any, any, any), 0);
    assert_int_equal(OPEN(any, any, any, 99), 0);
    gate_close(&g);
}

/* Who may ask nothing was not admitted, whoever wrote that it was. */
static void admissions_of_the_held_are_refused(void **state)
{
    struct entry person = suspended("caisi", "eva", "order", ROOT);
    struct entry party = revoked("bank", NULL);
    struct entry model = released("vega", "order", ROOT);
    struct verdict v;
    struct facts f = {.cert_not_after = INT64_MAX,
                      .address = "::1",
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .max_tokens = -1,
                      .model = "vega"};
    struct entry admitted[3];
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    for (unsigned i = 0; i < 3; i++) {
        f.party = (uint32_t)policy_find_party(g.p, i == 0 ? "caisi" : "bank");
        f.person =
            (uint32_t)policy_find_person(g.p, f.party, i == 0 ? "eva" : "kim");
        strcpy(f.model, i == 2 ? "vega" : "orion");
        v = policy_decide(g.p, g.s, &f, NOV1, CLOCK_GOOD);
        assert_int_equal(v.reason, REASON_NONE);
        decide_entry(g.p, &f, &v, &admitted[i]);
        gate_write(&g, &admitted[i], NOV1);
    }
    gate_write(&g, &model, NOV1);
    assert_int_equal(gate_try(&g, &admitted[2], NOV1), SP_EINVAL);
    gate_write(&g, &person, NOV1);
    assert_int_equal(gate_try(&g, &admitted[0], NOV1), SP_EINVAL);
    gate_write(&g, &party, NOV1);
    assert_int_equal(gate_try(&g, &admitted[1], NOV1), SP_EINVAL);
    gate_close(&g);
}

static struct entry ordered(const char *order, uint32_t within_ms,
                            struct entry_operator by)
{
    return (struct entry){.kind = ENTRY_GATEWAY_ORDERED,
                          .u.gateway_ordered = {.order = order,
                                                .within_ms = within_ms,
                                                .by = by}};
}

static void contradictions_are_refused(void **state)
{
    struct gate g;
    struct entry first[] = {
        suspended("caisi", "eva", "order", ROOT),
        revoked("caisi", "bob"),
        released("vega", "order", ROOT),
        ordered("reload", 0, ROOT),
        ordered("drain", 0, ROOT),
        ordered("drain", ENTRY_DRAIN_MAX_MS, ROOT),
    };
    struct entry wrong[] = {
        suspended("caisi", "eva", "order", ROOT),        /* twice */
        suspended("caisi", "eva", "tripwire:x", NOBODY), /* also then */
        suspended("caisi", "bob", "order", ROOT),        /* revoked */
        suspended("bank", "kim", "order", NOBODY),       /* by whom? */
        suspended("bank", "kim", "tripwire:x", ROOT),    /* not both */
        suspended("bank", "kim", "tripwire:", NOBODY),   /* which? */
        suspended("bank", "kim", "mood", ROOT),          /* no cause */
        resumed("bank", "kim", 0),                       /* is not */
        resumed("caisi", NULL, 5),                       /* nor the party */
        resumed("caisi", "eva", 4),                      /* another one */
        resumed("caisi", "bob", 6),                      /* revoked */
        revoked("caisi", "bob"),                         /* twice */
        released("vega", "order", ROOT),                 /* twice */
        released("vega", "time", NOBODY),                /* also then */
        released("orion", "order", NOBODY),              /* by whom? */
        released("orion", "time", ROOT),                 /* not both */
        released("orion", "mood", NOBODY),               /* no cause */
        closed("bank/orion/2026-11-01T00:00:00Z", "order", NOBODY),
        closed("bank/orion/2026-11-01T00:00:00Z", "expired", ROOT),
        closed("bank/orion/2026-11-01T00:00:00Z", "released", NOBODY),
        closed("bank/orion/2026-11-01T00:00:00Z", "mood", NOBODY),
        ordered("reload", 0, NOBODY), /* by whom? */
        ordered("drain", 0, NOBODY),
        ordered("reload", 1, ROOT), /* it has no time */
        ordered("drain", ENTRY_DRAIN_MAX_MS + 1, ROOT),
        ordered("mood", 0, ROOT), /* no order */
    };
    struct entry alone = resumed("caisi", "eva", 0);
    uint64_t count;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        gate_write(&g, &first[i], NOV1);
    count = standing_count(g.s);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (gate_try(&g, &wrong[i], NOV1) != SP_EINVAL)
            fail_msg("wrong[%zu] was applied", i);
        assert_true(standing_error(g.s)[0] != 0);
    }
    alone.u.person_resumed.of = first[0].n;
    alone.u.person_resumed.by = NOBODY; /* two are needed */
    assert_int_equal(gate_try(&g, &alone, NOV1), SP_EINVAL);
    alone.u.person_resumed.by = ROOT;
    alone.u.person_resumed.approver = "";
    assert_int_equal(gate_try(&g, &alone, NOV1), SP_EINVAL);
    assert_int_equal(standing_count(g.s), count);
    assert_true(standing_suspended(g.s, "caisi", "eva", NULL));
    assert_true(standing_revoked(g.s, "caisi", "bob", NULL));
    assert_true(standing_released(g.s, "vega", NULL));
    assert_false(standing_released(g.s, "orion", NULL));
    gate_close(&g);
}

static void names_that_nobody_has_are_unknown(void **state)
{
    struct gate g;

    (void)state;
    gate_open(&g, policy_of(1, "", BOTH));
    assert_true(standing_knows_person(g.s, "caisi", NULL));
    assert_true(standing_knows_person(g.s, "caisi", "eva"));
    assert_false(standing_knows_person(g.s, "caisi", "kim"));
    assert_false(standing_knows_person(g.s, "casi", NULL));
    assert_false(standing_knows_person(g.s, "", NULL));
    assert_true(standing_knows_model(g.s, "orion"));
    assert_false(standing_knows_model(g.s, "orio"));
    gate_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P5_suspended_by_name_until_resumed),
        cmocka_unit_test(parties_and_people_are_held_apart),
        cmocka_unit_test(P5_revoked_for_the_ledgers_life),
        cmocka_unit_test(P3_P5_nothing_opens_after_a_release),
        cmocka_unit_test(a_release_by_time_is_said_once_the_clock_is_good),
        cmocka_unit_test(P4_settling_clock_releases_nothing),
        cmocka_unit_test(windows_are_found_by_id_or_pair_and_closed),
        cmocka_unit_test(only_what_is_in_the_scope_is_counted),
        cmocka_unit_test(admissions_of_the_held_are_refused),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(names_that_nobody_has_are_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
