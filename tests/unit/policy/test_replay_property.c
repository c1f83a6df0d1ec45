/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P5, P6 and P3 as properties: whatever is asked, settled, ordered, let pass in
 * time and restarted, in whatever order, a standing that was only ever told the
 * encoded entries decides every question as the one that made them, and so does
 * one that was put into bytes and read back again and again; all three have the
 * same bytes. Each recorded decision is made again from its entry alone, and no
 * pair is ever admitted past 30 days. Sequences are random, with fixed seeds.
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
#include "policy/standing_snapshot.h"

#define DAY   86400000LL
#define NOV1  1793491200000LL /* 2026-11-01T00:00:00Z */
#define LINES 8192
#define SEEDS 30
#define STEPS 1500

/* Renewed, renamed, moved back, shortened, overlapping in time with what was
 * there before: all of it by policies that follow one another. */
static const char *const windows[] = {
    "  - {party: caisi, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 20d, "
    "terms: [t, u]}\n"
    "  - {party: bank, model: orion, opens: 2026-11-02T00:00:00Z, lasts: 30d, "
    "terms: [t]}\n",
    "  - {party: caisi, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 30d, "
    "terms: [t]}\n"
    "  - {party: bank, model: vega, opens: 2026-11-05T00:00:00Z, lasts: 3d, "
    "terms: [t]}\n"
    "  - {party: bank, model: vega, opens: 2026-11-09T00:00:00Z, lasts: 3d, "
    "terms: [u]}\n",
    "  - {party: caisi, model: orion, opens: 2026-10-25T00:00:00Z, lasts: 30d, "
    "terms: [t]}\n"
    "  - {party: bank, model: orion, opens: 2026-11-20T00:00:00Z, lasts: 30d, "
    "terms: [t, u]}\n",
    "  - {party: caisi, model: orion, opens: 2026-11-29T00:00:00Z, lasts: 30d, "
    "terms: [t]}\n"
    "  - {party: bank, model: orion, opens: 2026-12-01T00:00:00Z, lasts: 30d, "
    "terms: [u]}\n",
};
#define POLICIES (sizeof(windows) / sizeof(windows[0]))

struct run {
    unsigned seed;
    struct policy *policies[POLICIES];
    size_t policy;
    int64_t now;
    struct standing *made; /* applies what it made */
    struct standing *told; /* applies what was decoded */
    struct standing *kept; /* as `told`, by way of snapshots */
    struct entry_reader reader;
    char *lines[LINES];
    size_t count;
    uint64_t open[LINES];
    size_t nopen;
    unsigned orders, alerts, read_back;
};

/* Over all seeds: certificates that were issued and revoked, those that it
 * happened to by itself, requests that were refused for it. */
static unsigned issued_seen, revoked_seen, ended_seen, refused_seen;

static unsigned statements_seen; /* over all seeds */

static unsigned any(struct run *r, unsigned below)
{
    r->seed = r->seed * 1664525u + 1013904223u;
    return (r->seed >> 8) % below;
}

static struct policy *policy_make(unsigned serial)
{
    struct report report = {.out = stderr};
    struct policy *p = NULL;
    char *yaml;

    assert_true(
        asprintf(&yaml,
                 "policy: 1\nserial: %u\nsequence: concurrent\nmodels:\n"
                 "  orion: {upstream: {endpoints: [\"unix:/m\"]}, apis: "
                 "[openai.chat, anthropic.messages]}\n"
                 "  vega: {upstream: {endpoints: [\"unix:/v\"]}, apis: "
                 "[openai.chat, anthropic.messages]}\n"
                 "documents: {d: {file: d, sha256: "
                 "%s00000000000000000000000000000000000000000000000000000000"
                 "000000}}\n"
                 "findings: {sealing_key: "
                 "\"x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\"}\n"
                 "parties:\n"
                 "  caisi: {kind: government, anchors: ca, people: {eva: "
                 "{san_uri: \"x://a\"}, bob: {san_uri: \"x://b\"}}}\n"
                 "  bank: {kind: trusted-partner, anchors: ca, people: {kim: "
                 "{san_uri: \"x://c\"}}}\n"
                 "terms:\n"
                 "  t: {uses: [chat.completions, models], budget: {window: "
                 "{requests: 150, tokens: 400000}, person: {requests: 80, "
                 "concurrent: 3, requests_per_minute: 4}, request: {bytes: "
                 "1000}}, tripwires: [{name: new, when: first_use, action: "
                 "alert}, {name: knocks, when: \"refusals_per_minute > 2\", "
                 "action: alert}, {name: volume, when: \"tokens_per_hour > "
                 "30000\"}]}\n"
                 "  u: {nda: d, uses: [messages], budget: {window: {requests: "
                 "30}}}\n"
                 "windows:\n%s",
                 serial, serial < 3 ? "aa" : "bb", windows[serial - 1]) > 0);
    assert_int_equal(
        policy_parse("p", yaml, strlen(yaml), NULL, NULL, &report, &p), 0);
    free(yaml);
    return p;
}

static struct entry entry_of(struct run *r, size_t n)
{
    struct entry e;

    assert_int_equal(
        entry_decode(&r->reader, r->lines[n], strlen(r->lines[n]), &e), 0);
    return e;
}

static void record(struct run *r, struct entry *e)
{
    char line[LIMIT_ENTRY_BYTES];
    struct entry decoded;
    size_t length;

    assert_true(r->count < LINES);
    e->n = r->count;
    e->t = r->now;
    assert_int_equal(entry_encode(e, line, sizeof(line), &length), 0);
    r->lines[r->count] = strndup(line, length);
    assert_non_null(r->lines[r->count]);
    if (standing_apply(r->made, e) != 0)
        fail_msg("%s: %s", line, standing_error(r->made));
    decoded = entry_of(r, r->count++);
    if (standing_apply(r->told, &decoded) != 0)
        fail_msg("told %s: %s", line, standing_error(r->told));
    if (standing_apply(r->kept, &decoded) != 0)
        fail_msg("kept %s: %s", line, standing_error(r->kept));
}

static const struct policy *policy_now(const struct run *r)
{
    return r->policies[r->policy];
}

static void policy_load(struct run *r)
{
    const struct policy *p = policy_now(r);
    struct entry e = {.kind = ENTRY_POLICY_LOADED,
                      .u.policy_loaded = {.serial = p->serial}};

    if (!standing_policy_is_current(r->made, p)) {
        if (r->policy > 0) {
            struct policy *next = r->policies[r->policy];

            next->has_replaces = e.u.policy_loaded.has_replaces = true;
            memcpy(next->replaces, r->policies[r->policy - 1]->sha256, 32);
            memcpy(e.u.policy_loaded.replaces, next->replaces, 32);
        }
        assert_null(standing_policy_objection(r->made, p));
        memcpy(e.u.policy_loaded.sha256, p->sha256, sizeof(p->sha256));
        record(r, &e);
    }
    assert_int_equal(standing_bind(r->made, p), 0);
    assert_int_equal(standing_bind(r->told, p), 0);
    assert_int_equal(standing_bind(r->kept, p), 0);
}

static void same_place(struct run *r, enum spent_scope scope,
                       const struct standing_place *at)
{
    const struct spent *a = standing_spent(r->made, scope, at);
    const struct spent *b = standing_spent(r->kept, scope, at);

    assert_true((a == NULL) == (b == NULL));
    assert_int_equal(spent_minute_requests(a, r->now),
                     spent_minute_requests(b, r->now));
    assert_int_equal(spent_minute_tokens(a, r->now),
                     spent_minute_tokens(b, r->now));
}

/* What no verdict need depend on in this run. */
static void same_view(struct run *r)
{
    const struct policy *p = policy_now(r);

    for (uint32_t i = 0; i < p->nwindows; i++) {
        struct standing_window a, b;

        memset(&a, 0, sizeof a);
        memset(&b, 0, sizeof b);
        standing_window(r->made, i, &a);
        standing_window(r->kept, i, &b);
        assert_int_equal(a.closed, b.closed);
        assert_int_equal(a.by_policy, b.by_policy);
        assert_int_equal(a.first_opened, b.first_opened);
        assert_int_equal(a.requests, b.requests);
        assert_int_equal(a.open_requests, b.open_requests);
    }
    for (uint32_t i = 0; i < p->npeople; i++) {
        assert_int_equal(standing_own_minute(r->made, i, r->now),
                         standing_own_minute(r->kept, i, r->now));
        assert_int_equal(standing_own_open(r->made, i),
                         standing_own_open(r->kept, i));
        for (uint32_t w = 0; w < p->nwindows; w++)
            for (int scope = 0; scope < SCOPE_COUNT; scope++)
                same_place(r, (enum spent_scope)scope,
                           &(struct standing_place){.window = w, .person = i});
    }
}

/* The three have one spelling; one of them goes on from it. */
static void read_back(struct run *r)
{
    uint8_t *made, *told, *kept;
    size_t n, m, k;

    assert_int_equal(standing_encode(r->made, &made, &n), 0);
    assert_int_equal(standing_encode(r->told, &told, &m), 0);
    assert_int_equal(standing_encode(r->kept, &kept, &k), 0);
    assert_int_equal(n, m);
    assert_memory_equal(made, told, n);
    assert_int_equal(n, k);
    assert_memory_equal(made, kept, n);
    standing_free(r->kept);
    assert_int_equal(standing_decode(kept, k, &r->kept), 0);
    assert_null(standing_policy(r->kept));
    assert_int_equal(standing_bind(r->kept, policy_now(r)), 0);
    same_view(r);
    r->read_back++;
    free(made);
    free(told);
    free(kept);
}

static const char *due_name(const struct entry *e)
{
    if (e->kind == ENTRY_CERTIFICATE_REVOKED)
        return e->u.certificate_revoked.serial;
    return e->kind == ENTRY_WINDOW_OPENED ? e->u.window_opened.window
                                          : e->u.window_closed.window;
}

static void due(struct run *r, bool may_open)
{
    struct entry e, other;

    while (standing_due(r->made, r->now, may_open, &e)) {
        assert_true(standing_due(r->told, r->now, may_open, &other));
        assert_int_equal(e.kind, other.kind);
        assert_true(standing_due(r->kept, r->now, may_open, &other));
        assert_int_equal(e.kind, other.kind);
        assert_string_equal(due_name(&e), due_name(&other));
        ended_seen += e.kind == ENTRY_CERTIFICATE_REVOKED;
        record(r, &e);
    }
    assert_false(standing_due(r->told, r->now, may_open, &other));
    assert_false(standing_due(r->kept, r->now, may_open, &other));
    assert_int_equal(standing_next_due(r->made), standing_next_due(r->told));
    assert_int_equal(standing_next_due(r->made), standing_next_due(r->kept));
}

/* Closed windows are summed up some time later. */
static void statements(struct run *r)
{
    struct entry e, other;

    while (standing_statement_due(r->made, &e)) {
        assert_true(standing_statement_due(r->kept, &other));
        assert_string_equal(e.u.window_statement.window,
                            other.u.window_statement.window);
        assert_int_equal(e.u.window_statement.refused,
                         other.u.window_statement.refused);
        assert_int_equal(e.u.window_statement.output_tokens,
                         other.u.window_statement.output_tokens);
        record(r, &e);
        statements_seen++;
    }
    assert_false(standing_statement_due(r->kept, &other));
}

static struct facts facts_any(struct run *r)
{
    static const char *const models[] = {
        "orion", "orion", "orion", "vega", "vega", "nova", "", "or\"io\nn\xff"};
    static const enum route routes[] = {
        ROUTE_CHAT_COMPLETIONS, ROUTE_CHAT_COMPLETIONS, ROUTE_MESSAGES,
        ROUTE_STATUS,           ROUTE_NDA_ACCEPT,       ROUTE_FINDINGS,
        ROUTE_MESSAGES,         ROUTE_MODELS,           ROUTE_MODEL,
        ROUTE_UNKNOWN,          ROUTE_COMPLETIONS};
    static const char *const fields[] = {"seed", "stop", "temperature"};
    const struct policy *p = policy_now(r);
    unsigned chosen = any(r, 3);
    struct facts f = {.cert_not_after = r->now + any(r, 40) * DAY - 2 * DAY,
                      .cert_sha256 = {(uint8_t)any(r, 256)},
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = routes[any(r, 11)],
                      .dialect = (enum dialect)any(r, 2),
                      .stream = any(r, 2) != 0,
                      .max_tokens = (int64_t)any(r, 1000) - 1,
                      .body_bytes = any(r, 1100)};

    f.revocation = any(r, 9) ? REVOCATION_UNCHECKED
                             : (enum revocation)any(r, REVOCATION_COUNT);
    if (f.cert_not_after < 0)
        f.cert_not_after = 0;
    snprintf(f.address, sizeof f.address, "192.0.2.%u", 1 + any(r, 20));
    if (any(r, 3) == 0)
        field_set_add(&f.fields, field_of_route(f.route, fields[chosen],
                                                strlen(fields[chosen])));
    f.person = any(r, (unsigned)p->npeople);
    f.party = p->people[f.person].party;
    if (any(r, 20) == 0)
        f.person = FACTS_NOBODY;
    if (any(r, 20) == 0)
        f.party = f.person = FACTS_NOBODY;
    if (any(r, 12) == 0)
        f.fault = (enum reason)any(r, REASON_COUNT);
    strcpy(f.model, models[any(r, 8)]);
    return f;
}

static void same_verdict(const struct verdict *a, const struct verdict *b)
{
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->terms, b->terms);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->deadline, b->deadline);
    assert_int_equal(a->deadline_reason, b->deadline_reason);
    assert_int_equal(a->retry_after, b->retry_after);
}

/* From the encoded entry to the same entry, by a decision of its own. */
static void decide_again(struct run *r, const struct entry *made,
                         enum clock_state clock)
{
    char before[LIMIT_ENTRY_BYTES], after[LIMIT_ENTRY_BYTES];
    struct entry e = *made, again = {0}, decoded;
    size_t n, m;
    struct facts f;
    struct verdict v;

    e.n = r->count;
    e.t = r->now;
    assert_int_equal(entry_encode(&e, before, sizeof(before), &n), 0);
    assert_int_equal(entry_decode(&r->reader, before, n, &decoded), 0);
    decide_facts(policy_now(r), &decoded, &f);
    v = policy_decide(policy_now(r), r->told, &f, decoded.t, clock);
    decide_entry(policy_now(r), &f, &v, &again);
    again.n = e.n;
    again.t = e.t;
    assert_int_equal(entry_encode(&again, after, sizeof(after), &m), 0);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
}

/* Refused by both, and changes neither. */
static void nobody_takes(struct run *r, struct entry e)
{
    e.n = r->count;
    e.t = r->now;
    assert_int_equal(standing_apply(r->made, &e), SP_EINVAL);
    assert_int_equal(standing_apply(r->told, &e), SP_EINVAL);
    assert_int_equal(standing_apply(r->kept, &e), SP_EINVAL);
}

/* What the keeper writes behind an admitted acceptance: once for a person and
 * a version, and of no other person's request. */
static void accept(struct run *r, const struct entry *admitted)
{
    const struct entry_request *q = &admitted->u.request;
    const struct policy *p = policy_now(r);
    int party = policy_find_party(p, q->party);
    uint32_t person =
        (uint32_t)policy_find_person(p, (uint32_t)party, q->person);
    struct entry e = {.kind = ENTRY_NDA_ACCEPTED,
                      .u.nda_accepted = {.of = admitted->n,
                                         .party = q->party,
                                         .person = q->person,
                                         .document = "d",
                                         .certificate = "AA==",
                                         .signature = "AA==",
                                         .algorithm = "ed25519"}},
                 other;

    memcpy(e.u.nda_accepted.sha256, p->documents[0].sha256, 32);
    other = e;
    other.u.nda_accepted.person = strcmp(q->person, "kim") == 0 ? "eva" : "kim";
    nobody_takes(r, other);
    other = e;
    other.u.nda_accepted.of++;
    nobody_takes(r, other);
    if (!standing_accepted(r->made, person, p->documents[0].sha256, NULL))
        record(r, &e);
    nobody_takes(r, e);
    assert_true(
        standing_accepted(r->told, person, p->documents[0].sha256, NULL));
}

static void file(struct run *r, const struct entry *admitted)
{
    const struct entry_request *q = &admitted->u.request;
    struct entry e = {.kind = ENTRY_FINDING_FILED,
                      .u.finding_filed = {.of = admitted->n,
                                          .parts = 1 + any(r, 3),
                                          .party = q->party,
                                          .person = q->person,
                                          .data = "AA=="}};

    for (uint32_t i = 1; i <= e.u.finding_filed.parts; i++) {
        e.u.finding_filed.part = i + 1;
        nobody_takes(r, e);
        e.u.finding_filed.part = i;
        record(r, &e);
        read_back(r); /* between two parts */
        nobody_takes(r, e);
    }
}

/* As the keeper does behind each entry of a request. */
static void tripwires(struct run *r)
{
    struct standing_trip trip, other;

    while (standing_tripped(r->made, r->now, &trip)) {
        char cause[96];
        struct entry e = {.kind = ENTRY_TRIPWIRE_ALERTED,
                          .u.tripwire_alerted = {
                              .party = trip.party,
                              .person = trip.person,
                              .tripwire = trip.tripwire->name,
                              .what = watch_value_name(trip.tripwire->value),
                              .value = trip.value,
                              .above = trip.tripwire->above}};

        assert_true(standing_tripped(r->kept, r->now, &other));
        assert_ptr_equal(trip.tripwire, other.tripwire);
        assert_int_equal(trip.value, other.value);
        if (trip.tripwire->suspends) {
            snprintf(cause, sizeof cause, "tripwire:%s", trip.tripwire->name);
            e.kind = ENTRY_PERSON_SUSPENDED;
            e.u.person_suspended = (struct entry_person_suspended){
                .party = trip.party, .person = trip.person, .cause = cause};
        }
        r->alerts++;
        record(r, &e);
    }
    assert_false(standing_tripped(r->told, r->now, &other));
    assert_false(standing_tripped(r->kept, r->now, &other));
}

static void ask(struct run *r)
{
    enum clock_state clock = any(r, 25) == 0 ? CLOCK_BEHIND : CLOCK_GOOD;
    struct facts f = facts_any(r);
    struct verdict v = policy_decide(policy_now(r), r->made, &f, r->now, clock);
    struct verdict w = policy_decide(policy_now(r), r->told, &f, r->now, clock);
    struct entry e = {0};

    same_verdict(&v, &w);
    w = policy_decide(policy_now(r), r->kept, &f, r->now, clock);
    same_verdict(&v, &w);
    assert_int_equal(v.tokens_left, w.tokens_left);
    assert_int_equal(v.bytes_left, w.bytes_left);
    decide_entry(policy_now(r), &f, &v, &e);
    decide_again(r, &e, clock);
    refused_seen += v.reason == REASON_CERTIFICATE_REVOKED &&
                    f.revocation != REVOCATION_REVOKED;
    record(r, &e);
    if (v.reason == REASON_NONE) {
        r->open[r->nopen++] = e.n;
        if (f.route == ROUTE_NDA_ACCEPT)
            accept(r, &e);
        else if (f.route == ROUTE_FINDINGS)
            file(r, &e);
    }
    tripwires(r);
}

static void settle(struct run *r)
{
    size_t i;
    struct entry e = {.kind = ENTRY_REQUEST_CLOSED};

    if (r->nopen == 0)
        return;
    i = any(r, (unsigned)r->nopen);
    e.u.request_closed.of = r->open[i];
    e.u.request_closed.cause = (enum cause)any(r, CAUSE_COUNT);
    e.u.request_closed.source = (enum usage_source)any(r, USAGE_COUNT);
    e.u.request_closed.input_tokens = any(r, 500);
    e.u.request_closed.output_tokens = any(r, 3000);
    e.u.request_closed.answered_bytes = any(r, 100000);
    e.u.request_closed.content_bytes = any(r, 20000);
    r->open[i] = r->open[--r->nopen];
    record(r, &e);
    /* A second end is refused by both, and changes neither. */
    nobody_takes(r, e);
    tripwires(r);
}

/* The maker forgets everything and is told the entries. */
static void restart(struct run *r)
{
    standing_free(r->made);
    r->made = standing_new();
    assert_non_null(r->made);
    for (size_t i = 0; i < r->count; i++) {
        struct entry e = entry_of(r, i);

        assert_int_equal(standing_apply(r->made, &e), 0);
    }
    assert_int_equal(standing_newest(r->made), standing_newest(r->told));
    assert_int_equal(standing_open_requests(r->made), r->nopen);
    if (r->policy + 1 < POLICIES && any(r, 3) == 0)
        r->policy++;
    policy_load(r);
}

/* Both standings must take it or refuse it alike. */
static bool order_try(struct run *r, struct entry *e)
{
    int told;

    e->n = r->count;
    e->t = r->now;
    told = standing_apply(r->told, e);
    if (told != 0) {
        assert_int_equal(told, SP_EINVAL);
        assert_int_equal(standing_apply(r->made, e), SP_EINVAL);
        assert_int_equal(standing_apply(r->kept, e), SP_EINVAL);
        return false;
    }
    standing_free(r->told); /* it only had to say so */
    r->told = standing_new();
    assert_non_null(r->told);
    for (size_t i = 0; i < r->count; i++) {
        struct entry before = entry_of(r, i);

        assert_int_equal(standing_apply(r->told, &before), 0);
    }
    assert_int_equal(standing_bind(r->told, policy_now(r)), 0);
    return true;
}

/* Any order about anybody, right or wrong. What is for ever is rare. */
static void order(struct run *r)
{
    static const char *const people[] = {NULL, "eva", "bob", "kim"};
    const struct entry_operator by = {.known = any(r, 9) != 0,
                                      .uid = any(r, 3)};
    const char *party = any(r, 2) ? "caisi" : "bank";
    const char *person = people[any(r, 4)];
    struct entry e = {0};
    uint64_t of = 0;

    switch (any(r, 50)) {
    case 0:
        e.kind = ENTRY_PARTY_REVOKED;
        e.u.party_revoked = (struct entry_party_revoked){
            .party = party, .person = any(r, 3) ? "gus" : person, .by = by};
        break;
    case 1:
        e.kind = ENTRY_MODEL_RELEASED;
        e.u.model_released = (struct entry_model_released){
            .model = any(r, 3) ? "nova" : "vega", .cause = "order", .by = by};
        break;
    case 2:
        e.kind = ENTRY_WINDOW_CLOSED;
        e.u.window_closed.window = standing_open_window(r->made, "bank/vega");
        e.u.window_closed.cause = "order";
        e.u.window_closed.by = by;
        if (e.u.window_closed.window == NULL)
            return;
        break;
    default:
        if (any(r, 4) == 0) {
            e.kind = ENTRY_PERSON_SUSPENDED;
            e.u.person_suspended = (struct entry_person_suspended){
                .party = party, .person = person, .cause = "order", .by = by};
            break;
        }
        (void)standing_suspended(r->made, party, person, &of);
        e.kind = ENTRY_PERSON_RESUMED;
        e.u.person_resumed = (struct entry_person_resumed){.party = party,
                                                           .person = person,
                                                           .of = of,
                                                           .by = by,
                                                           .approver = "a:1"};
    }
    if (order_try(r, &e)) {
        r->orders++;
        record(r, &e);
    }
}

static void certificate_issued(struct run *r, struct entry *e)
{
    static const char *const people[] = {"eva", "bob", "kim", "gus"};
    const char *person = people[any(r, 4)];

    e->kind = ENTRY_CERTIFICATE_ISSUED;
    e->u.certificate_issued = (struct entry_certificate_issued){
        .sha256 = {(uint8_t)any(r, 256)},
        .serial = any(r, 20) ? "0a1b" : "XY",
        .party = strcmp(person, "kim") == 0   ? "bank"
                 : strcmp(person, "gus") == 0 ? "gone"
                                              : "caisi",
        .person = person,
        .issued = r->now - (int64_t)any(r, 3) * DAY,
        .not_after = r->now + ((int64_t)any(r, 40) - 20) * DAY};
}

/* By any cause, right or wrong, of any certificate. */
static void certificate_revoked(struct run *r, struct entry *e)
{
    static const char *const causes[] = {
        "crl", "ocsp", "authority", "window_ended", "access_revoked", "none"};
    struct entry_certificate_revoked *q = &e->u.certificate_revoked;
    uint8_t sha256[32] = {(uint8_t)any(r, 256)};
    unsigned cause = any(r, 6);
    struct standing_certificate c;

    e->kind = ENTRY_CERTIFICATE_REVOKED;
    *q = (struct entry_certificate_revoked){.serial = "0a1b",
                                            .party = "caisi",
                                            .cause = causes[cause],
                                            .has_issuer = cause < 2};
    memcpy(q->sha256, sha256, 32);
    if (!standing_certificate(r->told, sha256, &c) || !c.issued)
        return;
    q->party = strcmp(c.party, "bank") == 0   ? "bank"
               : strcmp(c.party, "gone") == 0 ? "gone"
                                              : "caisi";
    q->person = strcmp(c.person, "eva") == 0   ? "eva"
                : strcmp(c.person, "bob") == 0 ? "bob"
                : strcmp(c.person, "kim") == 0 ? "kim"
                                               : "gus";
    q->not_after = c.not_after;
}

static void certificates(struct run *r)
{
    struct entry e = {0};
    bool issue = any(r, 2) != 0;

    if (issue)
        certificate_issued(r, &e);
    else
        certificate_revoked(r, &e);
    if (!order_try(r, &e))
        return;
    record(r, &e);
    issued_seen += issue;
    revoked_seen += !issue;
    nobody_takes(r, e); /* not twice */
}

static void step(struct run *r)
{
    unsigned what = any(r, 107);

    if (what >= 104)
        certificates(r);
    else if (what >= 100)
        order(r);
    else if (what < 55)
        ask(r);
    else if (what < 75)
        settle(r);
    else if (what < 85)
        r->now += any(r, 30000);
    else if (what < 99)
        r->now += any(r, 2) * 3 * 3600000LL + any(r, 1000);
    else
        restart(r);
    due(r, any(r, 5) != 0);
    if (any(r, 12) == 0)
        read_back(r);
    if (any(r, 60) == 0)
        statements(r);
}

/* From the entries alone, as an outsider would: P3. */
static void check_days(struct run *r)
{
    int64_t first[2][2] = {{0}};

    for (size_t i = 0; i < r->count; i++) {
        struct entry e = entry_of(r, i);
        const struct entry_request *q = &e.u.request;
        const struct entry_window_opened *w = &e.u.window_opened;
        int64_t *f;

        if (e.kind == ENTRY_WINDOW_OPENED) {
            f = &first[strcmp(w->party, "bank") == 0]
                      [strcmp(w->model, "vega") == 0];
            if (*f == 0 || w->opens < *f)
                *f = w->opens;
            assert_true(w->closes - *f <= LIMIT_ACCESS_MS);
        }
        if (e.kind != ENTRY_REQUEST_ADMITTED || q->window == NULL)
            continue;
        f = &first[strcmp(q->party, "bank") == 0]
                  [strcmp(q->model, "vega") == 0];
        assert_true(*f != 0 && e.t >= *f);
        assert_true(e.t - *f < LIMIT_ACCESS_MS);
        assert_true(q->deadline - *f <= LIMIT_ACCESS_MS);
    }
}

static unsigned run_once(unsigned seed)
{
    struct run *r = calloc(1, sizeof(*r));
    struct entry e = {.kind = ENTRY_LOG_OPENED,
                      .u.log_opened = {"o", "1", "v", NULL}};
    unsigned admitted = 0;

    assert_non_null(r);
    r->seed = seed;
    r->now = NOV1;
    entry_reader_init(&r->reader);
    r->made = standing_new();
    r->told = standing_new();
    r->kept = standing_new();
    for (unsigned i = 0; i < POLICIES; i++)
        r->policies[i] = policy_make(i + 1);
    record(r, &e);
    policy_load(r);
    due(r, true);
    for (unsigned i = 0; i < STEPS; i++)
        step(r);
    restart(r);
    check_days(r);
    assert_true(r->orders > 3);
    assert_true(r->alerts > 3);
    assert_true(r->read_back > 50);
    statements(r);
    read_back(r);
    for (size_t i = 0; i < r->count; i++) {
        admitted += strstr(r->lines[i], "request.admitted") != NULL;
        free(r->lines[i]);
    }
    standing_free(r->made);
    standing_free(r->told);
    standing_free(r->kept);
    for (size_t i = 0; i < POLICIES; i++)
        policy_free(r->policies[i]);
    entry_reader_release(&r->reader);
    free(r);
    return admitted;
}

static void P6_any_sequence_is_decided_again_the_same(void **state)
{
    unsigned admitted = 0;

    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++)
        admitted += run_once(seed);
    assert_true(admitted > SEEDS * 20); /* it was not all refused */
    assert_true(statements_seen > SEEDS / 2);
    print_message("%u certificates issued, %u revoked, %u by themselves; %u "
                  "requests refused for it\n",
                  issued_seen, revoked_seen, ended_seen, refused_seen);
    assert_true(issued_seen > SEEDS && revoked_seen > SEEDS);
    assert_true(ended_seen > SEEDS / 2 && refused_seen > SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P6_any_sequence_is_decided_again_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
