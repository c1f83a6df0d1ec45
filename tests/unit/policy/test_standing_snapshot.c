/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P5: a standing as bytes. That it goes on as the one it was made of is
 * test_replay_property's; here are its spelling, and everything that is none:
 * bytes cut off, bits flipped, numbers past every range, bytes made at random.
 * What is read all the same is used, so that the sanitizers see it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "policy/decide.h"
#include "policy/standing_snapshot.h"

#define T0 INT64_C(1793491200000) /* 2026-11-01T00:00:00Z */

static const char yaml[] =
    "policy: 1\n"
    "serial: 7\n"
    "developer: Test\n"
    "models:\n"
    "  orion:\n"
    "    upstream: {endpoints: [\"http://127.0.0.1:1\"]}\n"
    "    apis: [openai.chat, anthropic.messages]\n"
    "  vega:\n"
    "    upstream: {endpoints: [\"http://127.0.0.1:2\"]}\n"
    "    apis: [openai.chat]\n"
    "parties:\n"
    "  bank: {kind: trusted-partner, anchors: ca, people: {kim: {san_uri: "
    "\"s://d/bank/kim\"}}}\n"
    "  caisi: {kind: government, anchors: ca, people: {eva: {san_uri: "
    "\"s://d/caisi/eva\"}, bob: {san_uri: \"s://d/caisi/bob\"}}}\n"
    "terms:\n"
    "  t: {uses: [chat.completions], tripwires: [{name: roam, when: "
    "\"addresses > 16\"}]}\n"
    "sequence: concurrent\n"
    "windows:\n"
    "  - {party: caisi, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 9d, "
    "terms: [t]}\n"
    "  - {party: bank, model: vega, opens: 2026-11-01T00:00:00Z, lasts: 9d, "
    "terms: [t]}\n";

#define ORION "caisi/orion/2026-11-01T00:00:00Z"
#define VEGA  "bank/vega/2026-11-01T00:00:00Z"
#define ALICE "alice:RWSqpFEfUcPa/yEIMmOndvCoaYy+nhViNRxGe9iqfYRTi2Wk5WomdHsa"
#define BOB   "bob:RWQ05d6Pqve49Vk5U3To9dcxoAPBJ0lqY/qjD4Hcr5bWOeYuPTTN8+xY"

static struct policy *policy;
static struct standing *standing;
static uint8_t *bytes;
static size_t length;

static void put(struct standing *s, struct entry e)
{
    e.n = standing_count(s);
    e.t = T0 + (int64_t)e.n * 1000;
    if (standing_apply(s, &e) != 0)
        fail_msg("%s: %s", entry_kind_text(e.kind), standing_error(s));
}

static struct entry request(enum entry_kind kind, enum route route,
                            const char *party, const char *person,
                            const char *address)
{
    bool local = route_info(route)->local, bank = strcmp(party, "bank") == 0;
    struct entry e = {.kind = kind};

    e.u.request = (struct entry_request){.party = party,
                                         .person = person,
                                         .model = bank ? "vega" : "orion",
                                         .window = bank ? VEGA : ORION,
                                         .terms = "t",
                                         .method = METHOD_POST,
                                         .route = route,
                                         .max_tokens = -1,
                                         .outputs = 1,
                                         .address = address,
                                         .policy = 7,
                                         .deadline = T0 + 3600000,
                                         .reserve_tokens = 70,
                                         .reserve_bytes = 300};
    if (local)
        e.u.request.model = e.u.request.window = e.u.request.terms = NULL;
    if (kind == ENTRY_REQUEST_REFUSED)
        e.u.request.reason = REASON_ROUTE_DENIED;
    return e;
}

static void admit(struct standing *s, enum route route, const char *party,
                  const char *person, const char *address)
{
    put(s, request(ENTRY_REQUEST_ADMITTED, route, party, person, address));
}

static void settle(struct standing *s, uint64_t of)
{
    put(s, (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                          .u.request_closed = {.of = of,
                                               .cause = CAUSE_DONE,
                                               .source = USAGE_REPORTED,
                                               .input_tokens = 11,
                                               .output_tokens = 600,
                                               .answered_bytes = 70000,
                                               .content_bytes = 1234}});
}

static void begin(struct standing *s)
{
    struct entry loaded = {.kind = ENTRY_POLICY_LOADED};

    put(s, (struct entry){.kind = ENTRY_LOG_OPENED,
                          .u.log_opened = {.vkey = "d+1+first"}});
    put(s, (struct entry){.kind = ENTRY_APPROVERS_SET,
                          .u.approvers_set = {.required = 1,
                                              .valid_ms = 86400000,
                                              .approvers = ALICE "," BOB}});
    loaded.u.policy_loaded.serial = 7;
    loaded.u.policy_loaded.approvers = "alice:FFDAC3511F51A4AA";
    memcpy(loaded.u.policy_loaded.sha256, policy->sha256, 32);
    put(s, loaded);
    put(s, (struct entry){.kind = ENTRY_WINDOW_OPENED,
                          .u.window_opened = {.window = ORION,
                                              .party = "caisi",
                                              .model = "orion",
                                              .opens = T0,
                                              .closes = T0 + 777600000}});
    put(s, (struct entry){.kind = ENTRY_WINDOW_OPENED,
                          .u.window_opened = {.window = VEGA,
                                              .party = "bank",
                                              .model = "vega",
                                              .opens = T0,
                                              .closes = T0 + 777600000}});
}

/* People, requests open and closed, an acceptance, a finding; entries 5 … */
static void requests(struct standing *s)
{
    struct entry accepted = {.kind = ENTRY_NDA_ACCEPTED,
                             .u.nda_accepted = {.of = 11,
                                                .party = "caisi",
                                                .person = "bob",
                                                .document = "d",
                                                .sha256 = {1, 2, 3}}};

    admit(s, ROUTE_CHAT_COMPLETIONS, "caisi", "eva", "192.0.2.1");
    admit(s, ROUTE_CHAT_COMPLETIONS, "caisi", "eva", "192.0.2.2");
    admit(s, ROUTE_CHAT_COMPLETIONS, "bank", "kim", "2001:db8::1");
    settle(s, 5);
    put(s, request(ENTRY_REQUEST_REFUSED, ROUTE_MESSAGES, "caisi", "bob",
                   "192.0.2.1"));
    admit(s, ROUTE_MODELS, "caisi", "bob", "no address");
    admit(s, ROUTE_NDA_ACCEPT, "caisi", "bob", "192.0.2.4");
    put(s, accepted);
    admit(s, ROUTE_FINDINGS, "caisi", "eva", "192.0.2.1");
    put(s, (struct entry){.kind = ENTRY_FINDING_FILED,
                          .u.finding_filed = {.of = 13,
                                              .part = 1,
                                              .parts = 2,
                                              .party = "caisi",
                                              .person = "eva"}});
}

static void orders(struct standing *s)
{
    const struct entry_operator by = {.known = true};
    uint64_t of = standing_count(s);

    put(s, (struct entry){.kind = ENTRY_PERSON_SUSPENDED,
                          .u.person_suspended = {.party = "caisi",
                                                 .person = "bob",
                                                 .cause = "order",
                                                 .by = by}});
    put(s, (struct entry){.kind = ENTRY_PERSON_RESUMED,
                          .u.person_resumed = {.party = "caisi",
                                               .person = "bob",
                                               .of = of,
                                               .by = by,
                                               .approver = "a:1"}});
    put(s, (struct entry){.kind = ENTRY_PERSON_SUSPENDED,
                          .u.person_suspended = {.party = "caisi",
                                                 .person = "eva",
                                                 .cause = "tripwire:x"}});
    put(s, (struct entry){.kind = ENTRY_PARTY_REVOKED,
                          .u.party_revoked = {.party = "bank", .by = by}});
    put(s, (struct entry){.kind = ENTRY_TRIPWIRE_ALERTED,
                          .u.tripwire_alerted = {.party = "caisi",
                                                 .person = "bob",
                                                 .tripwire = "first",
                                                 .what = "first_use"}});
    put(s, (struct entry){.kind = ENTRY_MODEL_RELEASED,
                          .u.model_released = {
                              .model = "vega", .cause = "order", .by = by}});
    put(s, (struct entry){
               .kind = ENTRY_WINDOW_CLOSED,
               .u.window_closed = {.window = VEGA, .cause = "released"}});
    put(s, (struct entry){.kind = ENTRY_WINDOW_NOTICE,
                          .u.window_notice = {.window = ORION,
                                              .party = "caisi",
                                              .model = "orion",
                                              .closes = T0 + 777600000,
                                              .before = 777600000}});
}

/* Issued and left, issued and revoked, of another authority. */
static void certificates(struct standing *s)
{
    struct entry issued = {.kind = ENTRY_CERTIFICATE_ISSUED,
                           .u.certificate_issued = {.sha256 = {1},
                                                    .serial = "0a1b2c",
                                                    .party = "caisi",
                                                    .person = "eva",
                                                    .issued = T0,
                                                    .not_after = T0 * 2}};
    struct entry revoked = {.kind = ENTRY_CERTIFICATE_REVOKED,
                            .u.certificate_revoked = {.sha256 = {2},
                                                      .serial = "0a1b2c",
                                                      .party = "new",
                                                      .person = "ann",
                                                      .not_after = T0 * 2,
                                                      .cause = "authority"}};

    put(s, issued);
    issued.u.certificate_issued.sha256[0] = 2;
    issued.u.certificate_issued.party = "new";
    issued.u.certificate_issued.person = "ann";
    put(s, issued);
    put(s, revoked);
    revoked.u.certificate_revoked =
        (struct entry_certificate_revoked){.sha256 = {3},
                                           .has_issuer = true,
                                           .serial = "01",
                                           .party = "bank",
                                           .cause = "crl"};
    put(s, revoked);
}

static int setup(void **state)
{
    struct report report = {.out = stderr};

    (void)state;
    assert_int_equal(policy_parse("policy.yaml", yaml, sizeof yaml - 1, NULL,
                                  NULL, &report, &policy),
                     0);
    standing = standing_new();
    begin(standing);
    requests(standing);
    orders(standing);
    certificates(standing);
    return standing_encode(standing, &bytes, &length);
}

static int teardown(void **state)
{
    (void)state;
    standing_free(standing);
    policy_free(policy);
    free(bytes);
    return 0;
}

/* What a keeper does with a standing; nothing is expected of the answers. */
static void use(struct standing *s)
{
    static const struct entry_operator by = {.known = true};
    struct facts f = {.cert_not_after = T0 * 2,
                      .address = "192.0.2.9",
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .method = METHOD_POST,
                      .model = "orion",
                      .max_tokens = -1};
    struct standing_trip trip;
    struct entry e;
    int64_t now = standing_newest(s);

    if (now > INT64_MAX / 2) /* no clock shows it */
        return;
    (void)!standing_bind(s, policy);
    for (f.person = 0; f.person < policy->npeople; f.person++) {
        f.party = policy->people[f.person].party;
        (void)policy_decide(policy, s, &f, now, CLOCK_GOOD);
        (void)standing_accepted(s, f.person, policy->sha256, NULL);
    }
    (void)standing_tripped(s, now, &trip);
    for (unsigned i = 0; i < 9 && standing_due(s, now, true, &e); i++) {
        e.n = standing_count(s);
        e.t = now;
        if (standing_apply(s, &e) != 0)
            break;
    }
    for (unsigned i = 0; i < 9; i++) {
        uint64_t of = standing_next_open(s, 0);

        e = request(ENTRY_REQUEST_ADMITTED,
                    i % 2 ? ROUTE_CHAT_COMPLETIONS : ROUTE_STATUS, "caisi",
                    i % 3 ? "eva" : "bob", "192.0.2.3");
        if (i == 4)
            e = (struct entry){.kind = ENTRY_PERSON_RESUMED,
                               .u.person_resumed = {.party = "caisi",
                                                    .person = "eva",
                                                    .of = 17,
                                                    .by = by,
                                                    .approver = "a:1"}};
        if (i == 5)
            e = (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                               .u.request_closed = {.of = of}};
        e.n = standing_count(s);
        e.t = now + i * 30000;
        (void)!standing_apply(s, &e);
    }
}

/* Refused, or another standing of exactly these bytes. True: refused. */
static bool refused(const uint8_t *data, size_t n)
{
    struct standing *s;
    uint8_t *again;
    size_t m;
    int r = standing_decode(data, n, &s);

    if (r != 0) {
        assert_int_equal(r, SP_EINVAL);
        assert_null(s);
        return true;
    }
    assert_int_equal(standing_encode(s, &again, &m), 0);
    assert_int_equal(m, n);
    assert_memory_equal(again, data, n);
    use(s);
    free(again);
    standing_free(s);
    return false;
}

/* --- */

static void P5_it_has_one_spelling(void **state)
{
    struct standing_certificate c;
    struct standing *s;
    uint8_t *again;
    size_t n;

    (void)state;
    assert_false(refused(bytes, length));
    /* A policy that was bound gives slots to names, and changes no byte. */
    assert_int_equal(standing_bind(standing, policy), 0);
    assert_int_equal(standing_encode(standing, &again, &n), 0);
    assert_int_equal(n, length);
    assert_memory_equal(again, bytes, n);
    free(again);
    assert_int_equal(standing_decode(bytes, length, &s), 0);
    assert_int_equal(standing_count(s), standing_count(standing));
    assert_int_equal(standing_newest(s), standing_newest(standing));
    assert_int_equal(standing_open_requests(s), 5);
    assert_true(standing_suspended(s, "caisi", "eva", NULL));
    assert_true(standing_revoked(s, "bank", NULL, NULL));
    assert_true(standing_released(s, "vega", NULL));
    assert_true(standing_knows_person(s, "caisi", "bob"));
    assert_true(standing_policy_is_current(s, policy));
    assert_true(standing_certificate(s, (const uint8_t[32]){1}, &c));
    assert_true(c.issued && !c.revoked && strcmp(c.serial, "0a1b2c") == 0);
    assert_true(standing_certificate_is_revoked(s, (const uint8_t[32]){2}));
    assert_true(standing_certificate_is_revoked(s, (const uint8_t[32]){3}));
    assert_false(standing_certificate_is_revoked(s, (const uint8_t[32]){4}));
    standing_free(s);
}

/* Whoever changes what is written gives the layout another number. */
static void the_layout_is_what_its_number_says(void **state)
{
    char format[STANDING_FORMAT_SIZE], hex[65];
    uint8_t hash[32];
    size_t head;

    (void)state;
    standing_format(format);
    head = 1 + strlen(format);
    assert_int_equal(bytes[0], strlen(format));
    assert_memory_equal(bytes + 1, format, strlen(format));
    assert_memory_equal(format, "5-", 2);
    crypto_hash_sha256(hash, bytes + head, length - head);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    assert_string_equal(hex, "afda68e9017704e07c27673e1ffb211d"
                             "f8f90eb3388737f92eb1e346dcd1734e");
}

/* More addresses than are told apart: a moment, and no list. */
static void whoever_roamed_is_remembered(void **state)
{
    struct standing *s, *t = standing_new();
    struct standing_trip a, b;
    uint8_t *data;
    size_t n;

    (void)state;
    begin(t);
    for (unsigned i = 0; i < 17; i++) {
        char address[24];

        snprintf(address, sizeof address, "192.0.2.%u", 1 + i);
        admit(t, ROUTE_CHAT_COMPLETIONS, "caisi", "bob", address);
    }
    assert_int_equal(standing_encode(t, &data, &n), 0);
    assert_int_equal(standing_decode(data, n, &s), 0);
    assert_int_equal(standing_bind(s, policy), 0);
    assert_int_equal(standing_bind(t, policy), 0);
    assert_true(standing_tripped(t, standing_newest(t), &a));
    assert_true(standing_tripped(s, standing_newest(s), &b));
    assert_int_equal(a.value, UINT64_MAX);
    assert_int_equal(b.value, UINT64_MAX);
    standing_free(s);
    standing_free(t);
    free(data);
}

static struct entry rekeyed(const struct standing *s, const char *vkey,
                            const char *replaces)
{
    return (struct entry){.n = standing_count(s),
                          .t = standing_newest(s),
                          .kind = ENTRY_LOG_REKEYED,
                          .u.log_rekeyed = {vkey, replaces}};
}

/* Who signs, and who may not any more, is not forgotten. */
static void P5_keys_that_were_replaced_are_known(void **state)
{
    struct standing *s;
    struct entry e = rekeyed(standing, "d+2+second", "d+9+other");
    uint8_t *data;
    size_t n;

    (void)state;
    assert_string_equal(standing_key(standing), "d+1+first");
    assert_int_equal(standing_apply(standing, &e), SP_EINVAL);
    e = rekeyed(standing, "d+2+second", "d+1+first");
    assert_int_equal(standing_apply(standing, &e), 0);
    assert_int_equal(standing_encode(standing, &data, &n), 0);
    assert_false(refused(data, n));
    assert_int_equal(standing_decode(data, n, &s), 0);
    assert_string_equal(standing_key(s), "d+2+second");
    assert_true(standing_key_was_replaced(s, "d+1+first"));
    assert_false(standing_key_was_replaced(s, "d+2+second"));
    e = rekeyed(s, "d+3+third", "d+1+first");
    assert_int_equal(standing_apply(s, &e), SP_EINVAL);
    e = rekeyed(s, "d+3+third", "d+2+second");
    assert_int_equal(standing_apply(s, &e), 0);
    standing_free(s);
    free(data);
}

static void an_empty_one_too(void **state)
{
    struct standing *s = standing_new();
    uint8_t *data;
    size_t n;

    (void)state;
    assert_int_equal(standing_encode(s, &data, &n), 0);
    assert_false(refused(data, n));
    standing_free(s);
    free(data);
}

static void whatever_is_cut_or_added_is_refused(void **state)
{
    uint8_t *more = calloc(1, length + 1);

    (void)state;
    for (size_t n = 0; n < length; n++) {
        uint8_t *less = malloc(n + 1); /* its end is the memory's */

        memcpy(less + 1, bytes, n);
        assert_true(refused(less + 1, n));
        free(less);
    }
    memcpy(more, bytes, length);
    assert_true(refused(more, length + 1));
    free(more);
}

static void flipped_bits_are_refused_or_mean_what_they_say(void **state)
{
    uint8_t *data = malloc(length);
    size_t good = 0;

    (void)state;
    memcpy(data, bytes, length);
    for (size_t i = 0; i < length * 8; i++) {
        data[i / 8] ^= (uint8_t)(1u << i % 8);
        good += !refused(data, length);
        data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(good > 100); /* counts, names, hashes: others, but possible */
    assert_true(good < length * 8);
    free(data);
}

/* Several bytes at once, some of them the largest there are. */
static void bytes_at_random(void **state)
{
    uint8_t *data = malloc(length);
    uint32_t seed = 7;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        memcpy(data, bytes, length);
        for (unsigned j = 0; j < 1 + i % 4; j++) {
            seed = seed * 1664525u + 1013904223u;
            data[(seed >> 8) % length] =
                i % 3 == 0 ? 0xff : (uint8_t)(seed >> 3);
        }
        (void)refused(data, length);
    }
    free(data);
}

/* A count of 2^56 elements is more than there are bytes: nothing is taken. */
static void counts_take_no_memory(void **state)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0x7f};
    uint8_t *data = malloc(length + sizeof huge);

    (void)state;
    for (size_t i = 25; i < length; i++) {
        memcpy(data, bytes, i);
        memcpy(data + i, huge, sizeof huge);
        memcpy(data + i + sizeof huge, bytes + i + 1, length - i - 1);
        (void)refused(data, length + sizeof huge - 1);
    }
    free(data);
}

static void another_format_is_refused(void **state)
{
    uint8_t *data = malloc(length);

    (void)state;
    memcpy(data, bytes, length);
    data[1] = '1';
    assert_true(refused(data, length));
    free(data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(P5_it_has_one_spelling),
        TEST(the_layout_is_what_its_number_says),
        TEST(whoever_roamed_is_remembered),
        TEST(P5_keys_that_were_replaced_are_known),
        TEST(an_empty_one_too),
        TEST(whatever_is_cut_or_added_is_refused),
        TEST(flipped_bits_are_refused_or_mean_what_they_say),
        TEST(bytes_at_random),
        TEST(counts_take_no_memory),
        TEST(another_format_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
