/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates in the standing: what is issued and revoked, what nobody may
 * say of them, when a window's end revokes them by itself, and what is
 * forgotten. That it survives snapshots is test_replay_property's.
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

#define T0   INT64_C(1793491200000) /* 2026-11-01T00:00:00Z */
#define DAY  INT64_C(86400000)
#define YEAR (366 * DAY)

/* caisi has two windows, of two models; bank one; gao is an auditor. */
#define HEAD(serial)                                                           \
    "policy: 1\nserial: " serial "\nsequence: concurrent\nmodels:\n"           \
    "  orion: {upstream: {endpoints: [\"unix:/m\"]}, apis: [openai.chat]}\n"   \
    "  vega: {upstream: {endpoints: [\"unix:/v\"]}, apis: [openai.chat]}\n"    \
    "terms: {t: {}}\n"
#define CAISI                                                                  \
    "  caisi: {kind: government, anchors: ca, people: {eva: {san_uri: "        \
    "\"x://a\"}, bob: {san_uri: \"x://b\"}}}\n"
#define OTHERS                                                                 \
    "  bank: {kind: trusted-partner, anchors: ca, people: {kim: {san_uri: "    \
    "\"x://c\"}}}\n"                                                           \
    "  gao: {kind: auditor, anchors: ca, people: {aud: {san_uri: "             \
    "\"x://d\"}}}\n"
#define ORION                                                                  \
    "  - {party: caisi, model: orion, opens: 2026-11-01T00:00:00Z, lasts: "    \
    "10d, terms: [t]}\n"
#define VEGA                                                                   \
    "  - {party: caisi, model: vega, opens: 2026-11-05T00:00:00Z, lasts: "     \
    "20d, terms: [t]}\n"
#define BANK                                                                   \
    "  - {party: bank, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 5d, " \
    "terms: [t]}\n"
#define LATER                                                                  \
    "  - {party: caisi, model: vega, opens: 2026-11-27T00:00:00Z, lasts: 2d, " \
    "terms: [t]}\n"

static const char first[] =
    HEAD("1") "parties:\n" CAISI OTHERS "windows:\n" ORION VEGA BANK;
static const char dropped[] =
    HEAD("2") "parties:\n" CAISI OTHERS "windows:\n" BANK;
static const char without[] = HEAD("2") "parties:\n" OTHERS "windows:\n" BANK;
static const char auditing[] =
    HEAD("2") "parties:\n"
              "  caisi: {kind: auditor, anchors: ca, people: {eva: {san_uri: "
              "\"x://a\"}}}\n" OTHERS "windows:\n" BANK;
static const char later[] =
    HEAD("2") "parties:\n" CAISI OTHERS "windows:\n" ORION VEGA BANK LATER;

static struct standing *s;
static struct policy *policy, *old;
static int64_t now;

static int apply(struct entry *e)
{
    e->n = standing_count(s);
    e->t = now;
    return standing_apply(s, e);
}

static void takes(struct entry e)
{
    if (apply(&e) != 0)
        fail_msg("%s: %s", entry_kind_text(e.kind), standing_error(s));
}

static void refuses(struct entry e, const char *why)
{
    uint64_t before = standing_count(s);

    assert_int_equal(apply(&e), SP_EINVAL);
    assert_int_equal(standing_count(s), before);
    if (strstr(standing_error(s), why) == NULL)
        fail_msg("%s: expected %s", standing_error(s), why);
}

static void load(const char *yaml)
{
    struct report report = {.out = stderr};
    struct entry e = {.kind = ENTRY_POLICY_LOADED};

    policy_free(old);
    old = policy;
    assert_int_equal(
        policy_parse("p", yaml, strlen(yaml), NULL, NULL, &report, &policy), 0);
    e.u.policy_loaded.serial = policy->serial;
    memcpy(e.u.policy_loaded.sha256, policy->sha256, 32);
    if (old != NULL) {
        e.u.policy_loaded.has_replaces = true;
        memcpy(e.u.policy_loaded.replaces, old->sha256, 32);
    }
    takes(e);
    assert_int_equal(standing_bind(s, policy), 0);
}

static int setup(void **state)
{
    (void)state;
    s = standing_new();
    policy = old = NULL;
    now = T0;
    takes((struct entry){.kind = ENTRY_LOG_OPENED, .u.log_opened.vkey = "v"});
    load(first);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    standing_free(s);
    policy_free(policy);
    policy_free(old);
    return 0;
}

static struct entry issued(uint8_t id, const char *party, const char *person)
{
    return (struct entry){.kind = ENTRY_CERTIFICATE_ISSUED,
                          .u.certificate_issued = {.sha256 = {id},
                                                   .serial = "0a1b2c",
                                                   .party = party,
                                                   .person = person,
                                                   .issued = now,
                                                   .not_after = T0 + YEAR}};
}

static struct entry revoked(uint8_t id, const char *cause)
{
    bool told = strcmp(cause, "crl") == 0 || strcmp(cause, "ocsp") == 0;

    return (struct entry){.kind = ENTRY_CERTIFICATE_REVOKED,
                          .u.certificate_revoked = {.sha256 = {id},
                                                    .has_issuer = told,
                                                    .serial = "0a1b2c",
                                                    .party = "caisi",
                                                    .person = "eva",
                                                    .not_after = T0 + YEAR,
                                                    .cause = cause,
                                                    .reason = "keyCompromise"}};
}

static bool is_revoked(uint8_t id)
{
    const uint8_t sha256[32] = {id};

    return standing_certificate_is_revoked(s, sha256);
}

/* Writes what is due; how many certificates that revoked, "cause" of the
 * last. */
static unsigned due(int64_t at, const char **cause)
{
    unsigned count = 0;
    struct entry e;

    now = at;
    while (standing_due(s, now, true, &e)) {
        if (e.kind == ENTRY_CERTIFICATE_REVOKED) {
            const char *c = e.u.certificate_revoked.cause;

            count++;
            *cause = strcmp(c, "window_ended") == 0     ? "window_ended"
                     : strcmp(c, "access_revoked") == 0 ? "access_revoked"
                                                        : c;
            assert_string_equal(e.u.certificate_revoked.reason,
                                (*cause)[0] == 'w' ? "cessationOfOperation"
                                                   : "privilegeWithdrawn");
        }
        takes(e);
    }
    return count;
}

static unsigned due_at(int64_t at)
{
    const char *cause = "";

    return due(at, &cause);
}

/* ---- what may be said ---- */

static void P9_what_is_revoked_is_never_admitted(void **state)
{
    struct facts f = {.cert_sha256 = {1},
                      .cert_not_after = T0 + YEAR,
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .model = "orion",
                      .revocation = REVOCATION_GOOD,
                      .max_tokens = -1};
    struct verdict v;
    struct entry e;

    (void)state;
    due_at(T0);
    v = policy_decide(policy, s, &f, now, CLOCK_GOOD);
    assert_int_equal(v.reason, REASON_NONE);
    decide_entry(policy, &f, &v, &e);
    takes(revoked(1, "crl"));
    /* Whatever the worker says that a list says. */
    assert_int_equal(policy_decide(policy, s, &f, now, CLOCK_GOOD).reason,
                     REASON_CERTIFICATE_REVOKED);
    refuses(e, "with a certificate that is revoked");
    f.cert_sha256[0] = 2;
    assert_int_equal(policy_decide(policy, s, &f, now, CLOCK_GOOD).reason,
                     REASON_NONE);
}

static void nothing_else_can_be_said(void **state)
{
    struct entry e;

    (void)state;
    takes(issued(1, "caisi", "eva"));
    refuses(issued(1, "caisi", "eva"), "is issued already");
    e = issued(2, "caisi", "eva");
    e.u.certificate_issued.serial = "0A";
    refuses(e, "a serial that is none");
    e.u.certificate_issued.serial = "";
    refuses(e, "a serial that is none");
    e.u.certificate_issued.serial = "00112233445566778899aabbccddeeff001122334";
    refuses(e, "a serial that is none");
    e = issued(2, "", "eva");
    refuses(e, "to nobody");
    e = issued(2, "caisi", "eva");
    e.u.certificate_issued.not_after = 0;
    refuses(e, "for no time");

    refuses(revoked(2, "authority"), "was not issued so");
    refuses(revoked(1, "bored"), "for no such cause");
    refuses(revoked(1, "access_revoked"), "its holder's access is not");
    e = revoked(1, "authority");
    e.u.certificate_revoked.reason = "removeFromCRL";
    refuses(e, "for no such reason");
    e = revoked(1, "authority");
    e.u.certificate_revoked.serial = "0a1b2d";
    refuses(e, "was not issued so");
    e = revoked(1, "authority");
    e.u.certificate_revoked.person = "bob";
    refuses(e, "was not issued so");
    e = revoked(1, "authority");
    e.u.certificate_revoked.person = NULL;
    refuses(e, "was not issued so");
    e = revoked(1, "authority");
    e.u.certificate_revoked.not_after = 0;
    refuses(e, "was not issued so");
    e = revoked(1, "window_ended");
    e.u.certificate_revoked.by = (struct entry_operator){true, 7};
    refuses(e, "by itself, and by somebody");
    e = revoked(1, "crl");
    e.u.certificate_revoked.has_issuer = false;
    refuses(e, "by nobody");
    e = revoked(1, "authority");
    e.u.certificate_revoked.has_issuer = true;
    refuses(e, "by nobody");
    takes(revoked(1, "authority"));
    refuses(revoked(1, "authority"), "is revoked already");
    refuses(revoked(1, "crl"), "is revoked already");

    e = (struct entry){.kind = ENTRY_CRL_LOADED,
                       .u.crl_loaded = {.number = "1a", .source = "file"}};
    refuses(e, "from nowhere");
    e.u.crl_loaded.number = NULL;
    e.u.crl_loaded.source = "mail";
    refuses(e, "from nowhere");
    e = (struct entry){
        .kind = ENTRY_CERTIFICATE_MATCHED,
        .u.certificate_matched = {
            .serial = "01", .party = "caisi", .person = "eva", .rule = ""}};
    refuses(e, "recognised as nobody");
}

/* Revoked by a list before the keeper hears that it was issued: it stays so,
 * and is not due again. */
static void what_is_revoked_first_stays_revoked(void **state)
{
    struct standing_certificate c;

    (void)state;
    due_at(T0);
    takes(revoked(1, "crl"));
    takes(issued(1, "caisi", "eva"));
    assert_true(is_revoked(1));
    assert_true(standing_certificate(s, (const uint8_t[32]){1}, &c));
    assert_true(c.issued && c.revoked);
    assert_int_equal(due_at(T0 + 40 * DAY), 0);
}

/* ---- by itself ---- */

/* Over all of its models, and no other party's. */
static void the_last_window_revokes(void **state)
{
    const char *cause = "";

    (void)state;
    due_at(T0);
    takes(issued(1, "caisi", "eva"));
    takes(issued(2, "caisi", "bob"));
    takes(issued(3, "bank", "kim"));
    takes(issued(4, "gao", "aud"));
    assert_int_equal(due_at(T0 + 4 * DAY), 0);
    assert_int_equal(standing_next_due(s), T0 + 5 * DAY - 3600000); /* told */
    assert_int_equal(due(T0 + 6 * DAY, &cause), 1);
    assert_string_equal(cause, "window_ended");
    assert_true(is_revoked(3));
    assert_int_equal(due_at(T0 + 12 * DAY), 0); /* vega's is open */
    assert_int_equal(due_at(T0 + 24 * DAY), 2);
    assert_true(is_revoked(1) && is_revoked(2));
    assert_int_equal(due_at(T0 + 300 * DAY), 0);
    assert_false(is_revoked(4)); /* an auditor has none to end */
}

/* Neither a keeper nor an index was there when it ended. */
static void P3_also_what_slept_through_the_end(void **state)
{
    struct entry e;

    (void)state;
    due_at(T0 + 60 * DAY); /* all of them open and close at once */
    e = issued(1, "caisi", "eva");
    e.u.certificate_issued.issued = T0 + DAY;
    takes(e);
    assert_int_equal(due_at(now), 1);
    assert_true(is_revoked(1));
    /* One that was made afterwards is for what may come. */
    now++;
    takes(issued(2, "caisi", "bob"));
    assert_int_equal(due_at(now + 9 * DAY), 0);
}

/* An authority whose clock is ahead gains nothing. */
static void P3_also_what_says_that_it_is_of_the_future(void **state)
{
    struct entry e = issued(1, "bank", "kim");

    (void)state;
    due_at(T0);
    e.u.certificate_issued.issued = T0 + YEAR;
    takes(e);
    assert_int_equal(due_at(T0 + 6 * DAY), 1);
    assert_true(is_revoked(1));
}

/* Whoever becomes an auditor goes on as one. */
static void an_auditor_has_no_windows_to_end(void **state)
{
    (void)state;
    due_at(T0);
    takes(issued(1, "caisi", "eva"));
    now = T0 + DAY;
    load(auditing);
    assert_int_equal(due_at(now), 0);
    assert_int_equal(due_at(T0 + 60 * DAY), 0);
    assert_false(is_revoked(1));
}

static void orders_and_policies_end_windows_too(void **state)
{
    struct entry close = {
        .kind = ENTRY_WINDOW_CLOSED,
        .u.window_closed = {.window = "bank/orion/2026-11-01T00:00:00Z",
                            .cause = "order",
                            .by = {true, 0}}};

    (void)state;
    due_at(T0);
    takes(issued(1, "caisi", "eva"));
    takes(issued(2, "bank", "kim"));
    now = T0 + 60000;
    takes(close);
    assert_int_equal(due_at(now), 1);
    assert_true(is_revoked(2));
    now += 60000;
    load(dropped); /* orion's is closed by it, vega's never opens */
    assert_int_equal(due_at(now), 1);
    assert_true(is_revoked(1));
}

static void a_party_that_is_gone_has_none(void **state)
{
    (void)state;
    takes(issued(1, "caisi", "eva")); /* before anything has opened */
    load(without);
    takes(issued(2, "caisi", "bob")); /* for a policy that may come */
    assert_int_equal(due_at(now), 1);
    assert_true(is_revoked(1));
    assert_false(is_revoked(2));
}

/* What is to come keeps it; a window that comes too late needs another one. */
static void a_later_window_needs_another(void **state)
{
    (void)state;
    due_at(T0);
    takes(issued(1, "caisi", "eva"));
    now = T0 + DAY;
    load(later);
    assert_int_equal(due_at(T0 + 25 * DAY), 0);
    assert_int_equal(due_at(T0 + 28 * DAY), 1);
    now++;
    takes(issued(2, "caisi", "eva"));
    assert_int_equal(due_at(now + DAY), 0);
}

/* Who comes with a certificate that ended with its window is told what has
 * ended; and when nothing has, that another one is needed. */
static void P3_an_ended_one_is_told_why_and_never_admitted(void **state)
{
    struct facts f = {.cert_sha256 = {1},
                      .cert_not_after = T0 + YEAR,
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .model = "vega",
                      .max_tokens = -1};
    struct verdict v;
    struct entry e;

    (void)state;
    due_at(T0);
    takes(issued(1, "caisi", "eva"));
    assert_int_equal(due_at(T0 + 25 * DAY), 1);
    v = policy_decide(policy, s, &f, now, CLOCK_GOOD);
    assert_int_equal(v.reason, REASON_WINDOW_EXPIRED);
    assert_int_equal(v.step, STEP_WINDOW);
    load(later);
    due_at(T0 + 26 * DAY + DAY / 2);
    v = policy_decide(policy, s, &f, now, CLOCK_GOOD);
    assert_int_equal(v.reason, REASON_CERTIFICATE_REVOKED);
    assert_int_equal(v.step, STEP_REVOCATION);
    f.cert_sha256[0] = 2;
    v = policy_decide(policy, s, &f, now, CLOCK_GOOD);
    assert_int_equal(v.reason, REASON_NONE);
    f.cert_sha256[0] = 1; /* nor does the standing take it from a keeper */
    decide_entry(policy, &f, &v, &e);
    refuses(e, "with a certificate that is revoked");
}

static void access_that_is_revoked_takes_it_along(void **state)
{
    const struct entry_operator by = {true, 0};
    const char *cause = "";

    (void)state;
    due_at(T0);
    takes(issued(1, "caisi", "eva"));
    takes(issued(2, "caisi", "bob"));
    takes(issued(3, "gao", "aud"));
    takes((struct entry){.kind = ENTRY_PARTY_REVOKED,
                         .u.party_revoked = {"caisi", "eva", by, NULL}});
    assert_int_equal(due(now, &cause), 1);
    assert_string_equal(cause, "access_revoked");
    assert_true(is_revoked(1));
    takes((struct entry){.kind = ENTRY_PARTY_REVOKED,
                         .u.party_revoked = {"caisi", NULL, by, NULL}});
    takes((struct entry){.kind = ENTRY_PARTY_REVOKED,
                         .u.party_revoked = {"gao", NULL, by, NULL}});
    assert_int_equal(due(now, &cause), 2);
    takes(issued(4, "caisi", "bob")); /* at once */
    assert_int_equal(due(now, &cause), 1);
    assert_true(is_revoked(4));
}

/* It is for ever: not by a clock that may be wrong. */
static void P4_not_while_the_clock_settles(void **state)
{
    struct entry e;

    (void)state;
    due_at(T0);
    takes(issued(1, "bank", "kim"));
    now = T0 + 7 * DAY;
    assert_true(standing_due(s, now, false, &e));
    assert_int_equal(e.kind, ENTRY_WINDOW_CLOSED);
    takes(e);
    assert_false(standing_due(s, now, false, &e));
    assert_true(standing_next_due(s) <= now);
    assert_true(standing_due(s, now, true, &e));
    assert_int_equal(e.kind, ENTRY_CERTIFICATE_REVOKED);
}

/* ---- what is kept ---- */

static void what_has_run_out_is_forgotten(void **state)
{
    struct standing_certificate c;
    struct entry e;

    (void)state;
    due_at(T0);
    e = issued(1, "gao", "aud");
    e.u.certificate_issued.not_after = T0 + DAY;
    takes(e);
    e.u.certificate_issued.sha256[0] = 2;
    takes(e);
    e = revoked(2, "authority");
    e.u.certificate_revoked.party = "gao";
    e.u.certificate_revoked.person = "aud";
    e.u.certificate_revoked.not_after = T0 + DAY;
    takes(e);
    e = revoked(3, "crl");
    e.u.certificate_revoked.not_after = 0; /* unknown: never forgotten */
    takes(e);

    now = T0 + 31 * DAY;
    takes(issued(10, "gao", "aud"));
    assert_true(standing_certificate(s, (const uint8_t[32]){1}, &c));
    now = T0 + 33 * DAY;
    takes(issued(11, "gao", "aud"));
    assert_false(standing_certificate(s, (const uint8_t[32]){1}, &c));
    assert_true(is_revoked(2));
    now = T0 + 380 * DAY;
    e = issued(12, "gao", "aud");
    e.u.certificate_issued.not_after = now + YEAR;
    takes(e);
    assert_false(standing_certificate(s, (const uint8_t[32]){2}, &c));
    assert_true(is_revoked(3));
    assert_true(standing_certificate(s, (const uint8_t[32]){12}, &c));
    assert_false(c.revoked);
}

static void hash_of(uint32_t i, uint8_t sha256[32])
{
    memset(sha256, 0, 32);
    memcpy(sha256, &i, sizeof i);
    sha256[31] = 1;
}

static void P9_what_finds_no_room_lets_nobody_in(void **state)
{
    struct facts f = {.cert_sha256 = {99},
                      .cert_not_after = T0 + YEAR,
                      .address = "192.0.2.1",
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .model = "orion",
                      .max_tokens = -1};
    struct entry e;

    (void)state;
    due_at(T0);
    for (uint32_t i = 0; i < LIMIT_CERTIFICATES; i++) {
        e = issued(0, "caisi", "eva");
        hash_of(i, e.u.certificate_issued.sha256);
        takes(e);
    }
    assert_true(standing_certificates_full(s));
    refuses(issued(1, "caisi", "eva"), "more than can be kept");
    for (uint32_t i = 0; i < LIMIT_CERTIFICATES; i++) {
        e = revoked(0, "crl");
        hash_of(LIMIT_CERTIFICATES + i, e.u.certificate_revoked.sha256);
        takes(e);
    }
    assert_int_equal(policy_decide(policy, s, &f, now, CLOCK_GOOD).reason,
                     REASON_NONE);
    assert_false(standing_revocations_lost(s));
    takes(revoked(1, "crl"));
    assert_true(standing_revocations_lost(s));
    assert_int_equal(policy_decide(policy, s, &f, now, CLOCK_GOOD).reason,
                     REASON_REVOCATION_UNAVAILABLE);
    /* An issued one has its room. */
    e = revoked(0, "authority");
    hash_of(7, e.u.certificate_revoked.sha256);
    takes(e);
    assert_true(
        standing_certificate_is_revoked(s, e.u.certificate_revoked.sha256));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(P9_what_is_revoked_is_never_admitted),
        TEST(nothing_else_can_be_said),
        TEST(what_is_revoked_first_stays_revoked),
        TEST(the_last_window_revokes),
        TEST(P3_also_what_slept_through_the_end),
        TEST(P3_also_what_says_that_it_is_of_the_future),
        TEST(an_auditor_has_no_windows_to_end),
        TEST(orders_and_policies_end_windows_too),
        TEST(a_party_that_is_gone_has_none),
        TEST(a_later_window_needs_another),
        TEST(P3_an_ended_one_is_told_why_and_never_admitted),
        TEST(access_that_is_revoked_takes_it_along),
        TEST(P4_not_while_the_clock_settles),
        TEST(what_has_run_out_is_forgotten),
        TEST(P9_what_finds_no_room_lets_nobody_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
