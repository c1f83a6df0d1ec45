/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding again (P6), entry by entry: what agrees, and each way in which an
 * entry can differ from what follows, told with both sides. The long run over
 * a real ledger is tests/system/test_p6_replay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/replay.h"
#include "policy/standing_snapshot.h"

#define T0   INT64_C(1793491200000) /* 2026-11-01T00:00:00Z */
#define HOUR INT64_C(3600000)

static const char yaml[] =
    "policy: 1\n"
    "serial: 7\n"
    "basis: voluntary\n"
    "developer: Test\n"
    "models:\n"
    "  orion:\n"
    "    upstream: {endpoints: [\"http://127.0.0.1:1\"]}\n"
    "    apis: [openai.chat, anthropic.messages]\n"
    "parties:\n"
    "  caisi:\n"
    "    kind: government\n"
    "    anchors: ca\n"
    "    people:\n"
    "      eva: {san_uri: \"sallyport://d/caisi/eva\"}\n"
    "terms:\n"
    "  t:\n"
    "    uses: [chat.completions]\n"
    "    budget:\n"
    "      person: {requests: 3}\n"
    "    tripwires:\n"
    "      - {name: knocks, when: \"refusals_per_minute > 1\"}\n"
    "windows:\n"
    "  - party: caisi\n"
    "    model: orion\n"
    "    opens: 2026-11-01T00:00:00Z\n"
    "    lasts: 2h\n"
    "    notify: [30m, 10m]\n"
    "    terms: [t]\n";

#define WINDOW "caisi/orion/2026-11-01T00:00:00Z"

static struct replay *replay;
static struct policy *policy;
static struct replay_policy given;
static int given_error;
static uint64_t next;
static int64_t now;
static int last;

static int get(void *arg, const struct entry *loaded, struct replay_policy *p)
{
    (void)arg;
    (void)loaded;
    *p = given;
    return given_error;
}

static int no_file(void *arg, const char *name, const uint8_t **data,
                   size_t *length)
{
    (void)arg;
    (void)name;
    *data = NULL;
    *length = 0;
    return 0;
}

static int setup(void **state)
{
    struct report report = {.out = stderr};

    (void)state;
    given = (struct replay_policy){.yaml = yaml, .length = sizeof yaml - 1};
    given_error = 0;
    next = 0;
    now = T0 - HOUR;
    replay = replay_new(get, NULL);
    assert_non_null(replay);
    return policy_parse("policy.yaml", yaml, sizeof yaml - 1, no_file, NULL,
                        &report, &policy);
}

static int teardown(void **state)
{
    (void)state;
    replay_free(replay);
    policy_free(policy);
    return 0;
}

/* The next entry; what replay says of it. */
static int put(struct entry e)
{
    char line[LIMIT_ENTRY_BYTES];
    size_t length;

    e.n = next;
    e.t = now;
    assert_int_equal(entry_encode(&e, line, sizeof line, &length), 0);
    last = replay_entry(replay, next, (uint8_t *)line, length);
    next += last == 0;
    return last;
}

static void agrees(struct entry e)
{
    if (put(e) != 0) {
        const struct replay_difference *d = replay_difference(replay);
        fail_msg("%d: entry %llu: %s: recorded %s, derived %s", last,
                 (unsigned long long)d->n, d->what, d->recorded, d->derived);
    }
}

static void differs(struct entry e, const char *what, const char *recorded,
                    const char *derived, const char *step)
{
    const struct replay_difference *d = replay_difference(replay);

    assert_int_equal(put(e), SP_ECORRUPT);
    assert_int_equal(d->n, next);
    if (strstr(d->what, what) == NULL ||
        strstr(d->recorded, recorded) == NULL ||
        strstr(d->derived, derived) == NULL ||
        strcmp(d->step != NULL ? d->step : "", step) != 0)
        fail_msg("%s: recorded %s, derived %s, step %s", d->what, d->recorded,
                 d->derived, d->step);
}

static struct entry opened(void)
{
    return (struct entry){.kind = ENTRY_LOG_OPENED,
                          .u.log_opened = {.origin = "d.sallyport/ledger",
                                           .version = "0.1.0",
                                           .vkey = "v"}};
}

static struct entry loaded(void)
{
    struct entry e = {.kind = ENTRY_POLICY_LOADED,
                      .u.policy_loaded = {.serial = 7,
                                          .basis = "voluntary",
                                          .developer = "Test",
                                          .approvers = ""}};

    memcpy(e.u.policy_loaded.sha256, policy->sha256, 32);
    return e;
}

static struct entry window_opened(void)
{
    return (struct entry){.kind = ENTRY_WINDOW_OPENED,
                          .u.window_opened = {.window = WINDOW,
                                              .party = "caisi",
                                              .model = "orion",
                                              .opens = T0,
                                              .closes = T0 + 2 * HOUR}};
}

static struct entry window_closed(const char *cause)
{
    return (struct entry){
        .kind = ENTRY_WINDOW_CLOSED,
        .u.window_closed = {.window = WINDOW, .cause = cause}};
}

static struct facts facts(void)
{
    return (struct facts){.party = 0,
                          .person = 0,
                          .cert_not_after = T0 + 300 * HOUR,
                          .address = "127.0.0.1",
                          .method = METHOD_POST,
                          .route = ROUTE_CHAT_COMPLETIONS,
                          .dialect = DIALECT_OPENAI,
                          .model = "orion",
                          .max_tokens = -1,
                          .body_bytes = 100};
}

static struct facts asked; /* entries point into them */

static struct entry admitted(void)
{
    struct verdict v = {.window = 0,
                        .terms = 0,
                        .model = 0,
                        .step = STEP_ALLOWED,
                        .field = FIELD_NONE,
                        .deadline = now + policy->terms[0].request_ms,
                        .reserve = {.units = {[UNIT_TOKENS] = 0}}};
    struct entry e;

    asked = facts();
    if (v.deadline > T0 + 2 * HOUR)
        v.deadline = T0 + 2 * HOUR;
    decide_entry(policy, &asked, &v, &e);
    return e;
}

static struct entry refused(enum reason reason, enum decide_step reached)
{
    struct verdict v = {.reason = reason,
                        .window = reached > STEP_WINDOW ? 0 : VERDICT_NONE,
                        .terms = reached > STEP_ROUTE ? 0 : VERDICT_NONE,
                        .model = VERDICT_NONE,
                        .field = FIELD_NONE};
    struct entry e;

    asked = facts();
    decide_entry(policy, &asked, &v, &e);
    return e;
}

static struct entry ended(uint64_t of, enum cause cause)
{
    return (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                          .u.request_closed = {.of = of, .cause = cause}};
}

static struct entry clock_said(const char *what)
{
    return (struct entry){.kind = ENTRY_CLOCK_ANOMALY,
                          .u.clock_anomaly = {.what = what, .wall = now}};
}

static struct entry resumed(void)
{
    return (struct entry){.kind = ENTRY_LEDGER_RESUMED,
                          .u.ledger_resumed = {.version = "0.1.0"}};
}

static struct entry suspended(const char *cause)
{
    return (struct entry){.kind = ENTRY_PERSON_SUSPENDED,
                          .u.person_suspended = {.party = "caisi",
                                                 .person = "eva",
                                                 .cause = cause}};
}

/* To the middle of the open window. */
static void begin(void)
{
    agrees(opened());
    agrees(loaded());
    now = T0;
    agrees(window_opened());
    now = T0 + HOUR;
}

static void P6_a_whole_window_agrees(void **state)
{
    const struct replay_counts *c = replay_counts(replay);

    (void)state;
    begin();
    for (unsigned i = 0; i < 3; i++) {
        agrees(admitted());
        agrees(ended(next - 1, CAUSE_DONE));
    }
    agrees(refused(REASON_BUDGET_EXHAUSTED, STEP_BUDGET));
    now = T0 + 2 * HOUR;
    agrees(window_closed("expired"));
    agrees(refused(REASON_WINDOW_EXPIRED, STEP_WINDOW));
    assert_int_equal(c->entries, next);
    assert_int_equal(c->admitted, 3);
    assert_int_equal(c->refused, 2);
    assert_int_equal(c->closed, 3);
    assert_int_equal(c->windows, 2);
    assert_int_equal(c->policies, 1);
    assert_int_equal(c->approved, 0);
}

static void P6_a_wrong_verdict_is_told_with_both_sides(void **state)
{
    (void)state;
    begin();
    differs(refused(REASON_SOURCE_DENIED, STEP_SOURCE), "the decision",
            "refused: source_denied", "admitted", "source");
    agrees(admitted());
    agrees(admitted());
    agrees(admitted());
    differs(admitted(), "the decision", "admitted", "refused: budget_exhausted",
            "budget");
    differs(refused(REASON_BUDGET_RESERVED, STEP_BUDGET), "the decision",
            "refused: budget_reserved", "refused: budget_exhausted", "budget");
    differs(refused(REASON_ROUTE_DENIED, STEP_ROUTE), "the decision",
            "refused: route_denied", "refused: budget_exhausted", "route");
}

static void P6_a_wrong_grant_is_told_by_its_member(void **state)
{
    struct entry e;

    (void)state;
    begin();
    e = admitted();
    e.u.request.deadline++;
    differs(e, "the decision", "\"deadline\":", "\"deadline\":", "allowed");
    e = admitted();
    e.u.request.reserve_bytes = 5;
    differs(e, "the decision", "\"reserve_bytes\":5", "", "allowed");
    e = admitted();
    e.u.request.terms = "other";
    differs(e, "the decision", "\"terms\":\"other\"", "\"terms\":\"t\"",
            "allowed");
    e = admitted();
    e.u.request.policy = 8;
    differs(e, "the decision", "\"policy\":8", "\"policy\":7", "allowed");
    agrees(admitted());
}

static void P6_windows_open_and_end_when_they_are_due(void **state)
{
    struct entry e = window_opened();

    (void)state;
    agrees(opened());
    differs(window_opened(), "was not due", "window.opened", "nothing", "");
    agrees(loaded());
    differs(window_opened(), "was not due", "window.opened", "nothing", "");
    now = T0;
    differs(refused(REASON_WINDOW_NOT_OPEN, STEP_WINDOW), "is missing",
            "request.refused", "window.opened of " WINDOW, "window");
    e.u.window_opened.closes++;
    differs(e, "beginning or end", "\"closes\":", "\"closes\":", "");
    agrees(window_opened());
    differs(window_closed("expired"), "was not due", "window.closed", "nothing",
            "");
    now = T0 + 2 * HOUR;
    differs(admitted(), "is missing", "request.admitted",
            "window.closed of " WINDOW, "window");
    differs(window_closed("policy"), "beginning or end", "\"cause\":\"policy\"",
            "\"cause\":\"expired\"", "");
    agrees(window_closed("expired"));
}

static struct entry statement(uint64_t admitted, uint64_t refused)
{
    return (struct entry){.kind = ENTRY_WINDOW_STATEMENT,
                          .u.window_statement = {.window = WINDOW,
                                                 .admitted = admitted,
                                                 .refused = refused}};
}

static void P6_a_window_comes_to_its_sum(void **state)
{
    struct entry e, more;

    (void)state;
    begin();
    agrees(admitted());
    agrees(admitted());
    e = ended(3, CAUSE_DONE);
    e.u.request_closed.source = USAGE_REPORTED;
    e.u.request_closed.input_tokens = 7;
    e.u.request_closed.output_tokens = UINT64_MAX;
    e.u.request_closed.content_bytes = 40;
    agrees(e);
    differs(statement(2, 0), "entries before it allow", "window.statement",
            "before its end", "");
    now = T0 + 2 * HOUR;
    agrees(window_closed("expired"));
    differs(statement(2, 0), "entries before it allow", "window.statement",
            "before its end", ""); /* one is still open */
    e = ended(4, CAUSE_DONE);
    e.u.request_closed.source = USAGE_REPORTED;
    e.u.request_closed.output_tokens = 5;
    agrees(e);
    e = statement(2, 0);
    e.u.window_statement.input_tokens = 7;
    e.u.window_statement.output_tokens = UINT64_MAX; /* it stays there */
    e.u.window_statement.content_bytes = 40;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t *const members[] = {&more.u.window_statement.admitted,
                                     &more.u.window_statement.refused,
                                     &more.u.window_statement.input_tokens,
                                     &more.u.window_statement.output_tokens,
                                     &more.u.window_statement.content_bytes};

        more = e;
        *members[i] ^= 1;
        differs(more, "entries before it allow", "window.statement",
                "another sum", "");
    }
    more = e;
    more.u.window_statement.window = "caisi/vega/2026-11-01T00:00:00Z";
    differs(more, "entries before it allow", "window.statement", "never opened",
            "");
    agrees(e);
    differs(e, "entries before it allow", "window.statement", "twice", "");
    agrees(refused(REASON_WINDOW_EXPIRED, STEP_WINDOW));
}

/* What an operator ordered follows from nothing, but is no secret either. */
static struct entry certificate_issued(uint8_t id)
{
    return (struct entry){.kind = ENTRY_CERTIFICATE_ISSUED,
                          .u.certificate_issued = {.sha256 = {id},
                                                   .serial = "0a1b",
                                                   .party = "caisi",
                                                   .person = "eva",
                                                   .issued = now,
                                                   .not_after = T0 * 2}};
}

static struct entry certificate_revoked(uint8_t id, const char *cause)
{
    return (struct entry){
        .kind = ENTRY_CERTIFICATE_REVOKED,
        .u.certificate_revoked = {.sha256 = {id},
                                  .has_issuer = strcmp(cause, "crl") == 0,
                                  .serial = "0a1b",
                                  .party = "caisi",
                                  .person = "eva",
                                  .not_after = T0 * 2,
                                  .cause = cause,
                                  .reason = "cessationOfOperation"}};
}

static struct entry notice(int64_t before)
{
    return (struct entry){.kind = ENTRY_WINDOW_NOTICE,
                          .u.window_notice = {.window = WINDOW,
                                              .party = "caisi",
                                              .model = "orion",
                                              .closes = T0 + 2 * HOUR,
                                              .before = before}};
}

static void P6_notices_are_due_by_time(void **state)
{
    const struct replay_counts *c = replay_counts(replay);
    struct entry e = notice(HOUR / 2);

    (void)state;
    begin();
    differs(e, "a window's notice that was not due", "window.notice", "nothing",
            "");
    now = T0 + 3 * HOUR / 2;
    differs(notice(HOUR / 6), "a window's notice", "600000", "1800000", "");
    e.u.window_notice.closes++;
    differs(e, "a window's notice", "", "", "");
    agrees(notice(HOUR / 2));
    differs(notice(HOUR / 2), "a window's notice that was not due", "", "", "");
    agrees(admitted());
    assert_int_equal(c->missed_notices, 0);
    /* No decision needs one, but that it was not written is seen. */
    now = T0 + 2 * HOUR - 60000;
    agrees(admitted());
    agrees(admitted());
    assert_int_equal(c->missed_notices, 1);
    agrees(notice(HOUR / 6));
    agrees(refused(REASON_BUDGET_EXHAUSTED, STEP_BUDGET));
    now = T0 + 2 * HOUR;
    differs(notice(1000), "a window's notice", "window.notice", "window.closed",
            "");
    agrees(window_closed("expired"));
    assert_int_equal(c->missed_notices, 1);
    assert_int_equal(c->notices, 2);
}

static void P6_certificates_end_with_the_last_window(void **state)
{
    struct entry e;

    (void)state;
    begin();
    agrees(certificate_issued(1));
    agrees(certificate_issued(2));
    differs(certificate_revoked(1, "window_ended"), "was not due",
            "certificate.revoked", "nothing", "");
    agrees(certificate_revoked(2, "authority"));
    now = T0 + 2 * HOUR;
    differs(certificate_revoked(1, "window_ended"),
            "a certificate's revocation", "certificate.revoked",
            "window.closed", "");
    agrees(window_closed("expired"));
    differs(refused(REASON_WINDOW_EXPIRED, STEP_WINDOW),
            "a certificate's revocation is missing", "request.refused",
            "certificate.revoked of 0a1b", "revocation");
    e = certificate_revoked(1, "window_ended");
    e.u.certificate_revoked.reason = "superseded";
    differs(e, "a certificate's revocation", "\"superseded\"",
            "\"cessationOfOperation\"", "");
    e = certificate_revoked(1, "window_ended");
    e.u.certificate_revoked.sha256[0] = 3; /* never issued */
    differs(e, "a certificate's revocation", "\"sha256\":\"03",
            "\"sha256\":\"01", "");
    agrees(certificate_revoked(1, "window_ended"));
    differs(certificate_revoked(1, "window_ended"), "was not due", "", "", "");
    agrees(refused(REASON_WINDOW_EXPIRED, STEP_WINDOW));
    assert_int_equal(replay_counts(replay)->certificates, 4);
}

static void P6_what_is_revoked_decides(void **state)
{
    struct entry e;

    (void)state;
    begin();
    agrees(admitted());
    agrees(certificate_revoked(0, "crl")); /* what the requests come with */
    differs(admitted(), "the decision", "admitted",
            "refused: certificate_revoked", "revocation");
    agrees(refused(REASON_CERTIFICATE_REVOKED, STEP_REVOCATION));
    e = refused(REASON_CERTIFICATE_REVOKED, STEP_REVOCATION);
    e.u.request.revocation = REVOCATION_GOOD;
    now += 120000; /* not a tripwire's business */
    agrees(e);
    e.u.request.cert_sha256[0] = 1;
    differs(e, "the decision", "refused: certificate_revoked", "admitted",
            "revocation");
    e.u.request.revocation = REVOCATION_UNKNOWN;
    differs(e, "the decision", "refused: certificate_revoked",
            "refused: revocation_unavailable", "revocation");
}

static void P6_orders_are_taken_as_they_are(void **state)
{
    struct entry e = window_closed("order");

    (void)state;
    begin();
    e.u.window_closed.by = (struct entry_operator){true, 1000};
    agrees(e);
    agrees(refused(REASON_WINDOW_CLOSED, STEP_WINDOW));
    differs(admitted(), "the decision", "admitted", "refused: window_closed",
            "window");
}

static void P4_the_clock_is_told_by_the_entries(void **state)
{
    (void)state;
    begin();
    differs(refused(REASON_CLOCK_UNSAFE, STEP_CLOCK), "the decision",
            "clock_unsafe", "admitted", "clock");
    agrees(clock_said("step_back"));
    differs(admitted(), "the decision", "admitted", "refused: clock_unsafe",
            "clock");
    agrees(refused(REASON_CLOCK_UNSAFE, STEP_CLOCK));
    agrees(clock_said("recovered"));
    agrees(admitted());
    agrees(clock_said("behind"));
    agrees(refused(REASON_CLOCK_UNSAFE, STEP_CLOCK));
    agrees(ended(next - 3, CAUSE_LOST));
    agrees(resumed());
}

/* While a clock that was set forward settles, windows need not open. */
static void P4_nothing_need_open_while_the_clock_settles(void **state)
{
    (void)state;
    agrees(opened());
    agrees(loaded());
    now = T0 + HOUR;
    agrees(clock_said("step_forward"));
    agrees(refused(REASON_WINDOW_NOT_OPEN, STEP_WINDOW));
    agrees(clock_said("recovered"));
    differs(refused(REASON_WINDOW_NOT_OPEN, STEP_WINDOW), "is missing",
            "request.refused", "window.opened of " WINDOW, "window");
    agrees(window_opened());
    agrees(admitted());
}

static void P6_tripwires_are_set_off_again(void **state)
{
    struct entry order = suspended("order");

    (void)state;
    begin();
    differs(suspended("tripwire:knocks"), "nothing set off", "", "", "");
    for (unsigned i = 0; i < 3; i++)
        agrees(admitted());
    agrees(refused(REASON_BUDGET_EXHAUSTED, STEP_BUDGET));
    agrees(refused(REASON_BUDGET_EXHAUSTED, STEP_BUDGET));
    differs(refused(REASON_BUDGET_EXHAUSTED, STEP_BUDGET), "is missing",
            "request.refused", "tripwire knocks of caisi/eva", "");
    order.u.person_suspended.by = (struct entry_operator){true, 0};
    differs(order, "is missing", "person.suspended", "tripwire knocks", "");
    differs(suspended("tripwire:other"), "a tripwire",
            "\"cause\":\"tripwire:other\"", "\"cause\":\"tripwire:knocks\"",
            "");
    agrees(suspended("tripwire:knocks"));
    agrees(refused(REASON_PERSON_SUSPENDED, STEP_SUSPENDED));
    assert_int_equal(replay_counts(replay)->tripwires, 1);
}

/* Of the standing that the entries so far give, by another one's hand. */
static struct entry snapshot(struct standing *s)
{
    static char format[STANDING_FORMAT_SIZE];
    struct entry e = {.kind = ENTRY_SNAPSHOT,
                      .u.snapshot = {.size = next, .format = format}};

    standing_format(format);
    assert_int_equal(standing_digest(s, e.u.snapshot.sha256), 0);
    return e;
}

static void apply(struct standing *s, struct entry e, int64_t t)
{
    e.n = standing_count(s);
    e.t = t;
    assert_int_equal(standing_apply(s, &e), 0);
}

static void P5_snapshots_are_made_again(void **state)
{
    struct standing *s = standing_new();
    struct entry e;

    (void)state;
    begin();
    apply(s, opened(), T0 - HOUR);
    apply(s, loaded(), T0 - HOUR);
    apply(s, window_opened(), T0);
    e = snapshot(s);
    e.u.snapshot.sha256[31] ^= 1;
    differs(e, "snapshot's hash", "", "", "");
    e = snapshot(s);
    e.u.snapshot.size--;
    differs(e, "what the entries before it allow", "snapshot", "of 2 entries",
            "");
    e = snapshot(s);
    agrees(e);
    /* Without the last entry: a standing knows how many there were. */
    differs(snapshot(s), "snapshot's hash", "", "", "");
    apply(s, e, now);
    agrees(snapshot(s));
    e = snapshot(s);
    e.u.snapshot.format = "2-0000000000000000";
    agrees(e);
    assert_int_equal(replay_counts(replay)->snapshots, 3);
    assert_int_equal(replay_counts(replay)->other_snapshots, 1);
    standing_free(s);
}

/* A keeper that ends right then tells of it no more. */
static void P6_a_crash_forgets_a_tripwire(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 3; i++)
        agrees(admitted());
    agrees(refused(REASON_BUDGET_EXHAUSTED, STEP_BUDGET));
    agrees(refused(REASON_BUDGET_EXHAUSTED, STEP_BUDGET));
    for (uint64_t of = 3; of < 6; of++)
        agrees(ended(of, CAUSE_LOST));
    agrees(resumed());
}

static void P6_a_policy_is_what_its_entry_says(void **state)
{
    static const char other[] = "policy: 1\nserial: 7\n";
    struct entry e = loaded();

    (void)state;
    agrees(opened());
    given_error = SP_ENOENT;
    assert_int_equal(put(loaded()), SP_ENOENT);
    assert_non_null(
        strstr(replay_difference(replay)->what, "text is not here"));
    given_error = 0;
    given = (struct replay_policy){.yaml = other, .length = sizeof other - 1};
    differs(loaded(), "the policy's text", "a policy", "not one", "");
    given = (struct replay_policy){.yaml = yaml, .length = sizeof yaml - 1};
    e.u.policy_loaded.sha256[0] ^= 1;
    differs(e, "the policy's hash", "", "", "");
    e = loaded();
    e.u.policy_loaded.developer = "Somebody";
    differs(e, "what is said of the policy", "developer", "other ones", "");
    e = loaded();
    e.u.policy_loaded.serial = 8;
    differs(e, "what is said of the policy", "serial", "other ones", "");
    agrees(loaded());
    differs(admitted(), "the decision", "admitted", "window_not_open",
            "window");
}

static void P6_another_policy_instead(void **state)
{
    static char other[sizeof yaml];
    char *at;

    (void)state;
    memcpy(other, yaml, sizeof yaml);
    at = strstr(other, "requests: 3");
    assert_non_null(at);
    memcpy(at, "requests: 2", strlen("requests: 2"));
    given.yaml = other;
    agrees(opened());
    differs(loaded(), "the policy's hash", "", "", "");
    given.instead = true;
    agrees(loaded());
    now = T0;
    agrees(window_opened());
    agrees(admitted());
    agrees(admitted());
    differs(admitted(), "the decision", "admitted", "refused: budget_exhausted",
            "budget");
}

static void P11_a_second_end_and_an_unknown_one_differ(void **state)
{
    (void)state;
    begin();
    agrees(admitted());
    agrees(ended(3, CAUSE_DONE));
    differs(ended(3, CAUSE_DONE), "entries before it allow", "request.closed",
            "ends but is not open", "");
    differs(ended(2, CAUSE_DONE), "entries before it allow", "request.closed",
            "not open", "");
}

static void what_is_no_entry_differs(void **state)
{
    static const char *const wrong[] = {
        "",
        "{}",
        "null",
        "{\"n\":0,\"t\":1,\"kind\":\"ledger.heartbeats\"}",
        "{\"n\":0,\"t\":1,\"kind\":\"ledger.heartbeat\"} ",
        "{\"n\":1,\"t\":1,\"kind\":\"ledger.heartbeat\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(replay_entry(replay, 0, (const uint8_t *)wrong[i],
                                      strlen(wrong[i])),
                         SP_ECORRUPT);
        assert_true(replay_difference(replay)->what[0] != '\0');
    }
    differs((struct entry){.kind = ENTRY_HEARTBEAT}, "entries before it allow",
            "ledger.heartbeat", "log.opened", "");
    agrees(opened());
    differs(admitted(), "before the first policy", "", "", "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(P6_a_whole_window_agrees),
        TEST(P6_a_wrong_verdict_is_told_with_both_sides),
        TEST(P6_a_wrong_grant_is_told_by_its_member),
        TEST(P6_windows_open_and_end_when_they_are_due),
        TEST(P6_a_window_comes_to_its_sum),
        TEST(P6_notices_are_due_by_time),
        TEST(P6_certificates_end_with_the_last_window),
        TEST(P6_what_is_revoked_decides),
        TEST(P6_orders_are_taken_as_they_are),
        TEST(P4_the_clock_is_told_by_the_entries),
        TEST(P4_nothing_need_open_while_the_clock_settles),
        TEST(P6_tripwires_are_set_off_again),
        TEST(P6_a_crash_forgets_a_tripwire),
        TEST(P5_snapshots_are_made_again),
        TEST(P6_a_policy_is_what_its_entry_says),
        TEST(P6_another_policy_instead),
        TEST(P11_a_second_end_and_an_unknown_one_differ),
        TEST(what_is_no_entry_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
