/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the decision: of two things that are wrong, the earlier step
 * speaks. And the deadline of what is allowed.
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

#define DAY  86400000LL
#define NOV1 1793491200000LL /* 2026-11-01T00:00:00Z */
#define NOW  (NOV1 + DAY)

/* caisi: orion open until 11 Nov, vega to come, lyra over, nova without chat;
 * bank: nothing but a model to come; gao reads the ledger. eva has accepted
 * what her terms want, bob has not. */
static const char yaml[] =
    "policy: 1\n"
    "serial: 1\n"
    "sequence: concurrent\n"
    "models:\n"
    "  orion: {upstream: {endpoints: [\"unix:/o\"]}, apis: [openai.chat]}\n"
    "  vega: {upstream: {endpoints: [\"unix:/v\"]}, apis: [openai.chat]}\n"
    "  lyra: {upstream: {endpoints: [\"unix:/l\"]}, apis: [openai.chat]}\n"
    "  nova: {upstream: {endpoints: [\"unix:/n\"]}, apis: "
    "[anthropic.messages]}\n"
    "  secret: {upstream: {endpoints: [\"unix:/s\"]}, apis: [openai.chat]}\n"
    "documents: {doc: {file: d, sha256: "
    "dd000000000000000000000000000000000000000000000000000000000000dd}}\n"
    "findings: {sealing_key: "
    "\"x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\", max: 100}\n"
    "parties:\n"
    "  caisi: {kind: government, anchors: ca, people: {eva: {san_uri: "
    "\"x://a/eva\"}, bob: {san_uri: \"x://a/bob\"}}}\n"
    "  bank: {kind: trusted-partner, anchors: ca, revocation: {fetch: "
    "[\"http://h/l\"]}, people: {kim: {san_uri: \"x://a/kim\"}}}\n"
    "  gao: {kind: auditor, anchors: ca, people: {aud: {san_uri: "
    "\"x://a/aud\"}}}\n"
    "terms:\n"
    "  t: {nda: doc, uses: [chat.completions, messages, models], budget: "
    "{window: "
    "{requests: 3}, person: {requests_per_minute: 9, concurrent: 2}, request: "
    "{bytes: 1k, seconds: 60}}}\n"
    "  plain: {}\n"
    "windows:\n"
    "  - {party: caisi, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n"
    "  - {party: caisi, model: nova, opens: 2026-11-01T00:00:00Z, lasts: 5d, "
    "terms: [t]}\n"
    "  - {party: caisi, model: vega, opens: 2026-11-20T00:00:00Z, lasts: 10d, "
    "terms: [plain]}\n"
    "  - {party: caisi, model: lyra, opens: 2026-10-20T00:00:00Z, lasts: 10d, "
    "terms: [plain]}\n"
    "  - {party: bank, model: secret, opens: 2026-11-20T00:00:00Z, lasts: 10d, "
    "terms: [plain]}\n";

struct scene {
    struct policy *p;
    struct standing *s;
};

static void scene_apply(struct scene *c, struct entry *e, int64_t t)
{
    e->n = standing_count(c->s);
    e->t = t;
    if (standing_apply(c->s, e) != 0)
        fail_msg("%s", standing_error(c->s));
}

/* eva accepts, as the keeper writes it down. */
static void scene_accept(struct scene *c)
{
    struct facts f = {.cert_not_after = NOW + 90 * DAY,
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = ROUTE_NDA_ACCEPT,
                      .max_tokens = -1};
    struct verdict v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
    struct entry e;
    uint64_t n = standing_count(c->s);

    assert_int_equal(v.reason, REASON_NONE);
    decide_entry(c->p, &f, &v, &e);
    scene_apply(c, &e, NOW);
    e = (struct entry){.kind = ENTRY_NDA_ACCEPTED,
                       .u.nda_accepted = {.of = n,
                                          .party = "caisi",
                                          .person = "eva",
                                          .document = "doc",
                                          .certificate = "",
                                          .signature = "",
                                          .algorithm = "x"}};
    memcpy(e.u.nda_accepted.sha256, c->p->documents[0].sha256, 32);
    scene_apply(c, &e, NOW);
    e = (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                       .u.request_closed = {.of = n, .status = 200}};
    scene_apply(c, &e, NOW);
}

static int scene_make(void **state)
{
    struct scene *c = calloc(1, sizeof *c);
    struct report report = {.out = stderr};
    struct entry e = {.kind = ENTRY_LOG_OPENED};

    assert_non_null(c);
    c->s = standing_new();
    assert_int_equal(
        policy_parse("p", yaml, sizeof yaml - 1, NULL, NULL, &report, &c->p),
        0);
    e.u.log_opened.origin = e.u.log_opened.version = e.u.log_opened.vkey = "x";
    scene_apply(c, &e, NOW);
    e = (struct entry){.kind = ENTRY_POLICY_LOADED};
    e.u.policy_loaded.serial = 1;
    memcpy(e.u.policy_loaded.sha256, c->p->sha256, 32);
    scene_apply(c, &e, NOW);
    assert_int_equal(standing_bind(c->s, c->p), 0);
    while (standing_due(c->s, NOW, true, &e))
        scene_apply(c, &e, NOW);
    scene_accept(c);
    *state = c;
    return 0;
}

static int scene_end(void **state)
{
    struct scene *c = *state;

    standing_free(c->s);
    policy_free(c->p);
    free(c);
    return 0;
}

static struct facts facts_good(void)
{
    return (struct facts){.party = 0,
                          .person = 0,
                          .cert_not_before = NOW - DAY,
                          .cert_not_after = NOW + 90 * DAY,
                          .revocation = REVOCATION_GOOD,
                          .address = "192.0.2.1",
                          .method = METHOD_POST,
                          .route = ROUTE_CHAT_COMPLETIONS,
                          .model = "orion",
                          .max_tokens = -1,
                          .body_bytes = 100};
}

/* What can be wrong, in the order in which it is said. */
static const struct wrong {
    const char *name;
    enum reason reason;
    enum decide_step step;
} wrongs[] = {
    {"clock", REASON_CLOCK_UNSAFE, STEP_CLOCK},
    {"nobody", REASON_IDENTITY_UNMAPPED, STEP_IDENTITY},
    {"certificate", REASON_CERTIFICATE_EXPIRED, STEP_CERTIFICATE},
    {"revoked", REASON_CERTIFICATE_REVOKED, STEP_REVOCATION},
    {"model", REASON_MODEL_NOT_FOUND, STEP_MODEL},
    {"window", REASON_WINDOW_NOT_OPEN, STEP_WINDOW},
    {"nda", REASON_NDA_REQUIRED, STEP_NDA},
    {"route", REASON_ROUTE_DENIED, STEP_ROUTE},
    {"body", REASON_INVALID_FIELD, STEP_BODY},
    {"size", REASON_BODY_TOO_LARGE, STEP_BODY},
};
#define WRONGS (sizeof wrongs / sizeof wrongs[0])

static void make_wrong(struct facts *f, size_t i, enum clock_state *clock)
{
    switch (i) {
    case 0:
        *clock = CLOCK_BEHIND;
        break;
    case 1:
        f->party = FACTS_NOBODY;
        break;
    case 2:
        f->cert_not_after = NOW;
        break;
    case 3:
        f->revocation = REVOCATION_REVOKED;
        break;
    case 4:
        snprintf(f->model, sizeof f->model, "secret");
        break;
    case 5:
        if (strcmp(f->model, "orion") == 0)
            snprintf(f->model, sizeof f->model, "vega");
        break;
    case 6:
        f->person = 1;
        break;
    case 7:
        f->route = ROUTE_COMPLETIONS;
        break;
    case 8:
        f->fault = REASON_INVALID_FIELD;
        break;
    default:
        f->body_bytes = 1001;
        break;
    }
}

static void earlier_steps_speak_first(void **state)
{
    const struct scene *c = *state;

    for (unsigned set = 1; set < 1u << WRONGS; set++) {
        struct facts f = facts_good();
        enum clock_state clock = CLOCK_GOOD;
        size_t first = (size_t)__builtin_ctz(set);
        struct verdict v;

        for (size_t i = 0; i < WRONGS; i++)
            if (set & 1u << i)
                make_wrong(&f, i, &clock);
        v = policy_decide(c->p, c->s, &f, NOW, clock);
        if (v.reason != wrongs[first].reason || v.step != wrongs[first].step)
            fail_msg("set %x: wanted %s at %s, have %s at %s", set,
                     reason_info(wrongs[first].reason)->code,
                     decide_step_text(wrongs[first].step),
                     reason_info(v.reason)->code, decide_step_text(v.step));
    }
}

/* A party that wants somebody asked is refused what nobody answered for; a
 * worker that did not ask knows nothing. */
static void P9_nobody_comes_in_for_lack_of_an_answer(void **state)
{
    static const struct {
        enum revocation told;
        enum reason without, with; /* a rule of the party */
    } rows[] = {
        {REVOCATION_UNCHECKED, REASON_NONE, REASON_REVOCATION_UNAVAILABLE},
        {REVOCATION_GOOD, REASON_NONE, REASON_NONE},
        {REVOCATION_REVOKED, REASON_CERTIFICATE_REVOKED,
         REASON_CERTIFICATE_REVOKED},
        {REVOCATION_UNKNOWN, REASON_REVOCATION_UNAVAILABLE,
         REASON_REVOCATION_UNAVAILABLE},
        {(enum revocation)99, REASON_REVOCATION_UNAVAILABLE,
         REASON_REVOCATION_UNAVAILABLE},
    };
    const struct scene *c = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct facts f = facts_good();
        struct verdict v;

        f.revocation = rows[i].told;
        v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
        assert_int_equal(v.reason, rows[i].without);
        f.route = ROUTE_STATUS; /* ours need no window, but this */
        v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
        assert_int_equal(v.reason, rows[i].without);
        f.party = (uint32_t)policy_find_party(c->p, "bank");
        f.person = (uint32_t)policy_find_person(c->p, f.party, "kim");
        v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
        assert_int_equal(v.reason, rows[i].with);
        if (v.reason == REASON_REVOCATION_UNAVAILABLE) {
            assert_int_equal(v.step, STEP_REVOCATION);
            assert_true(v.retry_after > 0); /* it may come back */
        }
    }
}

static const struct {
    const char *model;
    enum route route;
    enum reason fault, reason;
    enum decide_step step;
} cases[] = {
    {"orion", ROUTE_CHAT_COMPLETIONS, 0, REASON_NONE, STEP_ALLOWED},
    {"nova", ROUTE_MESSAGES, 0, REASON_NONE, STEP_ALLOWED},
    /* granted by the terms, not spoken by the model; and the other way */
    {"orion", ROUTE_MESSAGES, 0, REASON_ROUTE_DENIED, STEP_ROUTE},
    {"nova", ROUTE_MESSAGES_COUNT_TOKENS, 0, REASON_ROUTE_DENIED, STEP_ROUTE},
    {"lyra", ROUTE_CHAT_COMPLETIONS, 0, REASON_WINDOW_EXPIRED, STEP_WINDOW},
    /* unknown and ungranted look the same */
    {"secret", ROUTE_CHAT_COMPLETIONS, 0, REASON_MODEL_NOT_FOUND, STEP_MODEL},
    {"no-such", ROUTE_CHAT_COMPLETIONS, 0, REASON_MODEL_NOT_FOUND, STEP_MODEL},
    {"ORION", ROUTE_CHAT_COMPLETIONS, 0, REASON_MODEL_NOT_FOUND, STEP_MODEL},
    /* faults without a model are told without asking for one */
    {"", ROUTE_CHAT_COMPLETIONS, REASON_INVALID_JSON, REASON_INVALID_JSON,
     STEP_BODY},
    {"", ROUTE_UNKNOWN, REASON_HEAD_TOO_LARGE, REASON_HEAD_TOO_LARGE,
     STEP_BODY},
    {"", ROUTE_UNKNOWN, REASON_ROUTE_UNKNOWN, REASON_ROUTE_UNKNOWN, STEP_ROUTE},
    {"", ROUTE_UNKNOWN, 0, REASON_ROUTE_UNKNOWN, STEP_ROUTE},
    {"", ROUTE_CHAT_COMPLETIONS, REASON_METHOD_NOT_ALLOWED,
     REASON_METHOD_NOT_ALLOWED, STEP_ROUTE},
    {"", ROUTE_CHAT_COMPLETIONS, 0, REASON_INVALID_FIELD, STEP_MODEL},
    /* with one, the order holds: a fault is no way to ask what exists */
    {"secret", ROUTE_CHAT_COMPLETIONS, REASON_INVALID_FIELD,
     REASON_MODEL_NOT_FOUND, STEP_MODEL},
    {"vega", ROUTE_CHAT_COMPLETIONS, REASON_INVALID_FIELD,
     REASON_WINDOW_NOT_OPEN, STEP_WINDOW},
    /* lists of models */
    {"", ROUTE_MODELS, 0, REASON_NONE, STEP_ALLOWED},
    {"", ROUTE_MODELS, REASON_BAD_REQUEST, REASON_BAD_REQUEST, STEP_BODY},
    {"orion", ROUTE_MODEL, 0, REASON_NONE, STEP_ALLOWED},
    {"vega", ROUTE_MODEL, 0, REASON_MODEL_NOT_FOUND, STEP_WINDOW},
    {"lyra", ROUTE_MODEL, 0, REASON_MODEL_NOT_FOUND, STEP_WINDOW},
    {"secret", ROUTE_MODEL, 0, REASON_MODEL_NOT_FOUND, STEP_WINDOW},
    {"", ROUTE_MODEL, 0, REASON_MODEL_NOT_FOUND, STEP_WINDOW},
    {"orion", (enum route)77, 0, REASON_ROUTE_UNKNOWN, STEP_ROUTE},
    {"orion", ROUTE_CHAT_COMPLETIONS, (enum reason)999, REASON_BAD_REQUEST,
     STEP_BODY},
};

static void each_case_has_its_reason(void **state)
{
    const struct scene *c = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts f = facts_good();
        struct verdict v;

        snprintf(f.model, sizeof f.model, "%s", cases[i].model);
        f.route = cases[i].route;
        f.fault = cases[i].fault;
        v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
        if (v.reason != cases[i].reason || v.step != cases[i].step)
            fail_msg("case %zu: have %s at %s", i, reason_info(v.reason)->code,
                     decide_step_text(v.step));
    }
}

static void nobody_stays_nobody(void **state)
{
    static const uint32_t pairs[][2] = {{FACTS_NOBODY, FACTS_NOBODY},
                                        {0, FACTS_NOBODY},
                                        {FACTS_NOBODY, 0},
                                        {0, 2} /* a person of another party */,
                                        {3, 0},
                                        {0, 4}};
    const struct scene *c = *state;

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct facts f = facts_good();
        struct verdict v;
        struct entry e;
        char line[LIMIT_ENTRY_BYTES];
        size_t length;

        f.party = pairs[i][0];
        f.person = pairs[i][1];
        v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
        assert_int_equal(v.reason, REASON_IDENTITY_UNMAPPED);
        decide_entry(c->p, &f, &v, &e);
        assert_int_equal(entry_encode(&e, line, sizeof line, &length), 0);
    }
}

static void parties_without_windows_have_no_models(void **state)
{
    const struct scene *c = *state;
    struct facts f = facts_good();

    f.party = 2;
    f.person = 3; /* the auditor */
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_MODEL_NOT_FOUND);
    f.route = ROUTE_MODELS;
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_ROUTE_DENIED);
    f.party = 1;
    f.person = 2; /* whose window is still to come */
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_WINDOW_NOT_OPEN);
}

static void deadline_is_the_earliest_end(void **state)
{
    const struct scene *c = *state;
    struct facts f = facts_good();
    struct verdict v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);

    assert_true(v.deadline == NOW + 60000);
    assert_int_equal(v.deadline_reason, REASON_TIME_LIMIT);
    assert_string_equal(c->p->windows[v.window].id,
                        "caisi/orion/2026-11-01T00:00:00Z");
    f.cert_not_after = NOW + 5000;
    v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
    assert_true(v.deadline == NOW + 5000);
    assert_int_equal(v.deadline_reason, REASON_CERTIFICATE_EXPIRED);
    f.cert_not_after = NOW + 90 * DAY;
    v = policy_decide(c->p, c->s, &f, NOV1 + 10 * DAY - 1000, CLOCK_GOOD);
    assert_true(v.deadline == NOV1 + 10 * DAY);
    assert_int_equal(v.deadline_reason, REASON_WINDOW_EXPIRED);
    /* a list of models: the window that ends last, and in no window */
    f.route = ROUTE_MODELS;
    f.cert_not_after = INT64_MAX;
    v = policy_decide(c->p, c->s, &f, NOV1 + 10 * DAY - 1000, CLOCK_GOOD);
    assert_true(v.deadline == NOV1 + 10 * DAY);
    assert_int_equal(v.window, VERDICT_NONE);
    assert_int_equal(v.terms, VERDICT_NONE);
}

static void certificates_hold_to_the_millisecond(void **state)
{
    const struct scene *c = *state;
    struct facts f = facts_good();

    f.cert_not_before = NOW;
    f.cert_not_after = NOW + 1;
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_NONE);
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW + 1, CLOCK_GOOD).reason,
                     REASON_CERTIFICATE_EXPIRED);
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW - 1, CLOCK_GOOD).reason,
                     REASON_CERTIFICATE_EXPIRED);
}

static void P9_unbound_policies_allow_nothing(void **state)
{
    struct scene *c = *state;
    struct standing *empty = standing_new();
    struct facts f = facts_good();

    assert_int_equal(policy_decide(c->p, empty, &f, NOW, CLOCK_GOOD).reason,
                     REASON_AUDIT_UNAVAILABLE);
    assert_int_equal(policy_decide(NULL, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_AUDIT_UNAVAILABLE);
    standing_free(empty);
}

static void rate_speaks_before_budget(void **state)
{
    struct scene *c = *state;
    struct facts f = facts_good();
    struct verdict v;
    struct entry e;

    for (int i = 0; i < 2; i++) {
        v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
        assert_int_equal(v.reason, REASON_NONE);
        decide_entry(c->p, &f, &v, &e);
        scene_apply(c, &e, NOW);
    }
    v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
    assert_int_equal(v.reason, REASON_CONCURRENCY_LIMITED);
    assert_int_equal(v.step, STEP_RATE);
}

/* The gateway's own routes: of anybody known, whatever its windows. */
static void own_routes_need_no_window(void **state)
{
    static const enum route routes[] = {ROUTE_STATUS, ROUTE_NDA,
                                        ROUTE_NDA_DOCUMENT, ROUTE_NDA_ACCEPT,
                                        ROUTE_FINDINGS};
    const struct scene *c = *state;

    for (uint32_t person = 0; person < c->p->npeople; person++)
        for (size_t i = 0; i < 5; i++) {
            struct facts f = facts_good();
            struct verdict v;

            f.person = person;
            f.party = c->p->people[person].party;
            f.route = routes[i];
            f.model[0] = 0;
            v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
            assert_int_equal(v.reason, REASON_NONE);
            assert_int_equal(v.step, STEP_ALLOWED);
            assert_int_equal(v.window, VERDICT_NONE);
            assert_int_equal(v.terms, VERDICT_NONE);
            assert_int_equal(v.deadline, NOW + LIMIT_OWN_MS);
            assert_int_equal(v.deadline_reason, REASON_TIME_LIMIT);
            f.cert_not_after = NOW + 5;
            v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
            assert_int_equal(v.deadline, NOW + 5);
            assert_int_equal(v.deadline_reason, REASON_CERTIFICATE_EXPIRED);
        }
}

static void own_routes_are_refused_like_others(void **state)
{
    static const struct {
        enum route route;
        uint64_t bytes;
        enum reason fault, reason;
    } own[] = {
        {ROUTE_FINDINGS, 100, 0, REASON_NONE},
        {ROUTE_FINDINGS, 101, 0, REASON_BODY_TOO_LARGE},
        {ROUTE_NDA_ACCEPT, LIMIT_ACCEPT_BYTES, 0, REASON_NONE},
        {ROUTE_NDA_ACCEPT, LIMIT_ACCEPT_BYTES + 1, 0, REASON_BODY_TOO_LARGE},
        {ROUTE_NDA_ACCEPT, 10, REASON_NDA_INVALID, REASON_NDA_INVALID},
        {ROUTE_NDA_DOCUMENT, 0, REASON_DOCUMENT_NOT_FOUND,
         REASON_DOCUMENT_NOT_FOUND},
        {ROUTE_STATUS, 0, REASON_METHOD_NOT_ALLOWED, REASON_METHOD_NOT_ALLOWED},
        {ROUTE_STATUS, 0, REASON_DRAINING, REASON_DRAINING},
    };
    const struct scene *c = *state;

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        struct facts f = facts_good();

        f.route = own[i].route;
        f.body_bytes = own[i].bytes;
        f.fault = own[i].fault;
        f.model[0] = 0;
        assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                         own[i].reason);
        f.party = f.person = FACTS_NOBODY;
        assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                         REASON_IDENTITY_UNMAPPED);
        assert_int_equal(
            policy_decide(c->p, c->s, &f, NOW, CLOCK_BEHIND).reason,
            REASON_CLOCK_UNSAFE);
        f = facts_good();
        f.route = own[i].route;
        f.cert_not_after = NOW;
        assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                         REASON_CERTIFICATE_EXPIRED);
    }
}

/* The auditors' window is for auditors, receipts are for everybody known. */
static void the_ledger_is_read_by_auditors(void **state)
{
    static const enum route routes[] = {ROUTE_LOG_CHECKPOINT, ROUTE_LOG_BUNDLE,
                                        ROUTE_LOG_TILE, ROUTE_LOG_ENTRIES,
                                        ROUTE_LOG_COSIGNED};
    const struct scene *c = *state;

    for (uint32_t person = 0; person < c->p->npeople; person++)
        for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
            struct facts f = facts_good();
            bool auditor;
            struct verdict v;

            f.person = person;
            f.party = c->p->people[person].party;
            f.route = routes[i];
            f.model[0] = 0;
            auditor = c->p->parties[f.party].kind == PARTY_AUDITOR;
            v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
            assert_int_equal(v.reason,
                             auditor ? REASON_NONE : REASON_ROUTE_DENIED);
            assert_int_equal(v.step, auditor ? STEP_ALLOWED : STEP_ROUTE);
            c->p->parties[f.party].nscope = 1; /* a part of it: no bundles */
            v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
            assert_int_equal(v.reason, auditor && routes[i] != ROUTE_LOG_BUNDLE
                                           ? REASON_NONE
                                           : REASON_ROUTE_DENIED);
            c->p->parties[f.party].nscope = 0;
            f.fault = REASON_ROUTE_UNKNOWN; /* no such file can be */
            v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
            assert_int_equal(v.reason, REASON_ROUTE_UNKNOWN);
            f.fault = REASON_NONE;
            f.route = ROUTE_RECEIPT;
            v = policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD);
            assert_int_equal(v.reason, REASON_NONE);
        }
}

static void findings_need_a_key(void **state)
{
    const struct scene *c = *state;
    struct facts f = facts_good();

    f.route = ROUTE_FINDINGS;
    f.body_bytes = 5;
    c->p->has_findings = false;
    for (unsigned fault = 0; fault < 2; fault++) {
        f.fault = fault ? REASON_CONTENT_TYPE : REASON_NONE;
        f.model[0] = 0;
        assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                         REASON_ROUTE_UNKNOWN);
    }
    c->p->has_findings = true;
}

/* Whoever has accepted nothing learns nothing about its terms. */
static void nda_speaks_before_uses(void **state)
{
    const struct scene *c = *state;
    struct facts f = facts_good();

    f.person = 1;
    f.route = ROUTE_COMPLETIONS;
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_NDA_REQUIRED);
    f.route = ROUTE_MODELS;
    f.model[0] = 0;
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_NDA_REQUIRED);
    f.fault = REASON_ROUTE_UNKNOWN;
    assert_int_equal(policy_decide(c->p, c->s, &f, NOW, CLOCK_GOOD).reason,
                     REASON_ROUTE_UNKNOWN);
}

static void own_routes_have_a_rate_of_their_own(void **state)
{
    struct scene *c = *state;
    struct facts f = facts_good();
    int64_t now = NOW + 60000 - NOW % 60000 + 60000;
    struct verdict v;
    struct entry e;
    unsigned i;

    f.route = ROUTE_STATUS;
    f.model[0] = 0;
    f.party = 2; /* no window: no other rate */
    f.person = (uint32_t)policy_find_person(c->p, 2, "aud");
    for (i = 0; i < 1000; i++) {
        uint64_t n = standing_count(c->s);

        v = policy_decide(c->p, c->s, &f, now, CLOCK_GOOD);
        if (v.reason != REASON_NONE)
            break;
        decide_entry(c->p, &f, &v, &e);
        scene_apply(c, &e, now);
        e = (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                           .u.request_closed = {.of = n, .status = 200}};
        scene_apply(c, &e, now);
    }
    assert_int_equal(i, LIMIT_OWN_PER_MINUTE);
    assert_int_equal(v.reason, REASON_RATE_LIMITED);
    assert_int_equal(v.retry_after, 60);
    v = policy_decide(c->p, c->s, &f, now + 59999, CLOCK_GOOD);
    assert_int_equal(v.retry_after, 1);
    /* a ledger is many files: they may go on, to a rate of their own */
    f.route = ROUTE_LOG_BUNDLE;
    for (; i < 10000; i++) {
        uint64_t n = standing_count(c->s);

        v = policy_decide(c->p, c->s, &f, now, CLOCK_GOOD);
        if (v.reason != REASON_NONE)
            break;
        decide_entry(c->p, &f, &v, &e);
        scene_apply(c, &e, now);
        e = (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                           .u.request_closed = {.of = n, .status = 200}};
        scene_apply(c, &e, now);
    }
    assert_int_equal(i, LIMIT_LOG_PER_MINUTE);
    assert_int_equal(v.reason, REASON_RATE_LIMITED);
    f.route = ROUTE_STATUS;
    now += 60000;
    for (i = 0; i < 1000; i++) { /* open ones */
        v = policy_decide(c->p, c->s, &f, now, CLOCK_GOOD);
        if (v.reason != REASON_NONE)
            break;
        decide_entry(c->p, &f, &v, &e);
        scene_apply(c, &e, now);
    }
    assert_int_equal(i, LIMIT_OWN_CONCURRENT);
    assert_int_equal(v.reason, REASON_CONCURRENCY_LIMITED);
    /* nine requests a minute, whatever they are for, are the most that any
     * terms of eva's party allow */
    c->p->terms[1].person.requests_per_minute = 5;
    f.party = f.person = 0;
    for (i = 0; i < 1000; i++) {
        uint64_t n = standing_count(c->s);

        v = policy_decide(c->p, c->s, &f, now, CLOCK_GOOD);
        if (v.reason != REASON_NONE)
            break;
        decide_entry(c->p, &f, &v, &e);
        scene_apply(c, &e, now);
        e = (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                           .u.request_closed = {.of = n, .status = 200}};
        scene_apply(c, &e, now);
    }
    assert_int_equal(v.reason, REASON_RATE_LIMITED);
    assert_int_equal(i, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earlier_steps_speak_first),
        cmocka_unit_test(P9_nobody_comes_in_for_lack_of_an_answer),
        cmocka_unit_test(each_case_has_its_reason),
        cmocka_unit_test(own_routes_need_no_window),
        cmocka_unit_test(own_routes_are_refused_like_others),
        cmocka_unit_test(the_ledger_is_read_by_auditors),
        cmocka_unit_test(findings_need_a_key),
        cmocka_unit_test(nda_speaks_before_uses),
        cmocka_unit_test_setup_teardown(own_routes_have_a_rate_of_their_own,
                                        scene_make, scene_end),
        cmocka_unit_test(nobody_stays_nobody),
        cmocka_unit_test(parties_without_windows_have_no_models),
        cmocka_unit_test(deadline_is_the_earliest_end),
        cmocka_unit_test(certificates_hold_to_the_millisecond),
        cmocka_unit_test(P9_unbound_policies_allow_nothing),
        cmocka_unit_test(rate_speaks_before_budget), /* changes the scene */
    };

    return cmocka_run_group_tests(tests, scene_make, scene_end);
}
