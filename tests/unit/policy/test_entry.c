/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries: the lines that docs/ledger.md shows are those that are written, and
 * no other spelling is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/limits.h"
#include "policy/entry.h"
#include "policy/facts.h"

#define T 1793491200000LL /* 2026-11-01T00:00:00Z */

#define HASH(a)                                                                \
    {                                                                          \
        a, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5             \
    }

#define REQUEST                                                                \
    .method = METHOD_POST, .dialect = DIALECT_OPENAI, .bytes = 713,            \
    .address = "192.0.2.7", .cert_sha256 = HASH(0x12),                         \
    .cert_not_before = T - 86400000, .cert_not_after = T + 86400000,           \
    .policy = 42

/* One of each kind, as in the paper. */
/* seed=42, one tool, a data: URL, and what was reserved. */
static struct field_set example_fields;

static void example_fields_make(void)
{
    uint16_t seed = field_of_route(ROUTE_CHAT_COMPLETIONS, "seed", 4);

    field_set_add(&example_fields, seed);
    example_fields.number[field_number_slot(seed)] = 42000000;
    field_set_add(&example_fields,
                  field_of_route(ROUTE_CHAT_COMPLETIONS, "stop", 4));
}

static const struct entry examples[] = {
    {.n = 0,
     .t = T,
     .kind = ENTRY_LOG_OPENED,
     .u.log_opened = {.origin = "sp-east-1.sallyport/ledger",
                      .version = "0.1.0",
                      .vkey = "sp-east-1.sallyport/"
                              "ledger+5c2a1f0e+AUnZ0T0w2mCSrnVf2jK5f6Lw==",
                      .crypto = "OpenSSL-3.0.19;default-3.0.19;fips=off"}},
    {.n = 1,
     .t = T,
     .kind = ENTRY_POLICY_LOADED,
     .u.policy_loaded = {.serial = 42,
                         .sha256 = HASH(0xaa),
                         .has_replaces = true,
                         .replaces = HASH(0xbb),
                         .basis = "voluntary",
                         .developer = "Acme AI, Inc.",
                         .author = "carol",
                         .approvers = "alice:FFDAC3511F51A4AA,"
                                      "bob:F5B8F7AA8FDEE534"}},
    {.n = 2,
     .t = T + 1,
     .kind = ENTRY_WINDOW_OPENED,
     .u.window_opened = {.window = "nist-caisi/orion-preview/"
                                   "2026-11-01T00:00:00Z",
                         .party = "nist-caisi",
                         .model = "orion-preview",
                         .opens = T,
                         .closes = T + 2592000000,
                         .agreement = "eo-2026-11",
                         .agreement_sha256 = HASH(0x77),
                         .designation = "covered",
                         .designated_by = "Director, NSA",
                         .designation_reference = "NSA-CFM-2026-014"}},
    {.n = 3,
     .t = T + 4711,
     .kind = ENTRY_REQUEST_ADMITTED,
     .u.request = {.party = "nist-caisi",
                   .person = "evaluator-1",
                   .model = "orion-preview",
                   .window = "nist-caisi/orion-preview/2026-11-01T00:00:00Z",
                   .terms = "evaluation",
                   .route = ROUTE_CHAT_COMPLETIONS,
                   .stream = true,
                   .max_tokens = 1024,
                   .outputs = 2,
                   .fields = &example_fields,
                   .tools = 1,
                   .tool_types = "function",
                   .media = MEDIA_DATA,
                   .purpose = "validate",
                   .case_id = "TP-2026-0031",
                   .deadline = T + 3604711,
                   .reserve_tokens = 2227,
                   .reserve_bytes = 67108864,
                   REQUEST}},
    {.n = 4,
     .t = T + 4800,
     .kind = ENTRY_REQUEST_REFUSED,
     .u.request = {.party = "nist-caisi",
                   .person = "evaluator-1",
                   .route = ROUTE_CHAT_COMPLETIONS,
                   .fault = REASON_DUPLICATE_KEY,
                   .max_tokens = -1,
                   .reason = REASON_DUPLICATE_KEY,
                   REQUEST}},
    {.n = 5,
     .t = T + 9000,
     .kind = ENTRY_REQUEST_CLOSED,
     .u.request_closed = {.of = 3,
                          .cause = CAUSE_DONE,
                          .status = 200,
                          .asked_bytes = 713,
                          .answered_bytes = 18420,
                          .content_bytes = 2904,
                          .source = USAGE_REPORTED,
                          .input_tokens = 171,
                          .output_tokens = 702,
                          .cached_tokens = 128,
                          .reasoning_tokens = 96,
                          .finish = "stop",
                          .has_commitments = true,
                          .asked = HASH(0xcc),
                          .answered = HASH(0xdd),
                          .has_transcript = true,
                          .transcript = HASH(0xee)}},
    {.n = 6,
     .t = T + 9100,
     .kind = ENTRY_CONNECTION_REFUSED,
     .u.connection_refused = {.address = "198.51.100.9",
                              .reason = "untrusted",
                              .count = 3}},
    {.n = 7,
     .t = T + 9200,
     .kind = ENTRY_CLOCK_ANOMALY,
     .u.clock_anomaly = {.what = "step_back", .wall = T - 5000}},
    {.n = 8,
     .t = T + 9300,
     .kind = ENTRY_WORKER_DIED,
     .u.worker_died = {.worker = 1, .status = "signal=11", .requests = 2}},
    {.n = 9,
     .t = T + 9400,
     .kind = ENTRY_LEDGER_RESUMED,
     .u.ledger_resumed = {.version = "0.1.0",
                          .cut_bytes = 57,
                          .requests = 1,
                          .landlock = 2,
                          .crypto = "OpenSSL-3.0.19;fips-3.0.9;fips=required"}},
    {.n = 10, .t = T + 609400, .kind = ENTRY_HEARTBEAT},
    {.n = 12,
     .t = T + 9500,
     .kind = ENTRY_NDA_ACCEPTED,
     .u.nda_accepted = {.of = 11,
                        .party = "nist-caisi",
                        .person = "evaluator-1",
                        .document = "nda-v3",
                        .sha256 = HASH(0x1d),
                        .certificate = "MIIBszCCAVmgAwIBAgIUe3…",
                        .signature = "MEUCIQDx2m…",
                        .algorithm = "ecdsa-sha256"}},
    {.n = 15,
     .t = T + 9600,
     .kind = ENTRY_FINDING_FILED,
     .u.finding_filed = {.of = 14,
                         .part = 1,
                         .parts = 2,
                         .party = "nist-caisi",
                         .person = "evaluator-1",
                         .sha256 = HASH(0xee),
                         .data = "v9XkQ0…"}},
    {.n = 11,
     .t = T + 2592000000,
     .kind = ENTRY_WINDOW_CLOSED,
     .u.window_closed = {.window = "nist-caisi/orion-preview/"
                                   "2026-11-01T00:00:00Z",
                         .cause = "expired"}},
    {.n = 12,
     .t = T + 2592000100,
     .kind = ENTRY_WINDOW_CLOSED,
     .u.window_closed = {.window = "valley-hospital/orion-preview/"
                                   "2026-11-20T00:00:00Z",
                         .cause = "order",
                         .by = {.known = true, .uid = 1000}}},
    {.n = 13,
     .t = T + 2592000200,
     .kind = ENTRY_PERSON_SUSPENDED,
     .u.person_suspended = {.party = "nist-caisi",
                            .person = "evaluator-1",
                            .cause = "order",
                            .by = {.known = true, .uid = 1000},
                            .reason = "laptop lost"}},
    {.n = 14,
     .t = T + 2592000300,
     .kind = ENTRY_PERSON_SUSPENDED,
     .u.person_suspended = {.party = "valley-hospital",
                            .cause = "tripwire:volume"}},
    {.n = 15,
     .t = T + 2592000400,
     .kind = ENTRY_PERSON_RESUMED,
     .u.person_resumed = {.party = "nist-caisi",
                          .person = "evaluator-1",
                          .of = 13,
                          .by = {.known = true},
                          .approver = "ada:1F0C3A5B7D9E2468",
                          .reason = "laptop found"}},
    {.n = 16,
     .t = T + 2592000500,
     .kind = ENTRY_PARTY_REVOKED,
     .u.party_revoked = {.party = "valley-hospital",
                         .by = {.known = true, .uid = 1000},
                         .reason = "agreement ended"}},
    {.n = 17,
     .t = T + 2592000600,
     .kind = ENTRY_MODEL_RELEASED,
     .u.model_released = {.model = "orion-preview",
                          .cause = "order",
                          .by = {.known = true, .uid = 1000}}},
    {.n = 18,
     .t = T + 2592000700,
     .kind = ENTRY_TRIPWIRE_ALERTED,
     .u.tripwire_alerted = {.party = "nist-caisi",
                            .person = "evaluator-1",
                            .tripwire = "roaming",
                            .what = "addresses",
                            .value = 3,
                            .above = 2}},
    {.n = 19,
     .t = T + 2592000800,
     .kind = ENTRY_WITNESS_ALARM,
     .u.witness_alarm = {.what = "fork",
                         .witness = "city",
                         .size = 257,
                         .problem = "it says that our head does not extend "
                                    "what it cosigned"}},
    {.n = 20,
     .t = T + 2592000900,
     .kind = ENTRY_WITNESS_ALARM,
     .u.witness_alarm = {.what = "missing",
                         .size = 260,
                         .problem = "not cosigned by 2 witnesses in time"}},
    {.n = 21,
     .t = T + 2592001000,
     .kind = ENTRY_TRANSCRIPT_REVEALED,
     .u.transcript_revealed = {.of = 3,
                               .by = {.known = true, .uid = 1000},
                               .reason = "dispute 7, agreed with CAISI"}},
    {.n = 22,
     .t = T + 2592001100,
     .kind = ENTRY_WINDOW_STATEMENT,
     .u.window_statement = {.window = "nist-caisi/orion-preview/"
                                      "2026-11-01T00:00:00Z",
                            .admitted = 1912,
                            .refused = 31,
                            .input_tokens = 812044,
                            .output_tokens = 390211,
                            .content_bytes = 1893442}},
    {.n = 30,
     .t = T + 2592001900,
     .kind = ENTRY_GATEWAY_ORDERED,
     .u.gateway_ordered = {.order = "reload",
                           .by = {.known = true, .uid = 1000}}},
    {.n = 31,
     .t = T + 2592002000,
     .kind = ENTRY_GATEWAY_ORDERED,
     .u.gateway_ordered = {.order = "drain",
                           .within_ms = 30000,
                           .by = {.known = true, .uid = 1000},
                           .reason = "kernel update"}},
    {.n = 29,
     .t = T + 2592001800,
     .kind = ENTRY_WINDOW_NOTICE,
     .u.window_notice = {.window = "valley-hospital/orion-preview/"
                                   "2026-12-20T00:00:00Z",
                         .party = "valley-hospital",
                         .model = "orion-preview",
                         .closes = 1796169601800,
                         .before = 86400000}},
    {.n = 65536,
     .t = T + 2592000800,
     .kind = ENTRY_SNAPSHOT,
     .u.snapshot = {.size = 65536,
                    .format = "1-9f3c1b5e7a2d4c60",
                    .sha256 = HASH(0x5a)}},
    {.n = 12,
     .t = T + 2592000500,
     .kind = ENTRY_APPROVERS_SET,
     .u.approvers_set =
         {.required = 2,
          .valid_ms = 2592000000,
          .approvers =
              "alice:RWSqpFEfUcPa/"
              "yEIMmOndvCoaYy+nhViNRxGe9iqfYRTi2Wk5WomdHsa,bob:"
              "RWQ05d6Pqve49Vk5U3To9dcxoAPBJ0lqY/qjD4Hcr5bWOeYuPTTN8+xY",
          .by = "alice:FFDAC3511F51A4AA,carol:0123456789ABCDEF"}},
    {.n = 20,
     .t = T + 2592000800,
     .kind = ENTRY_LOG_REKEYED,
     .u.log_rekeyed = {.vkey = "sp-east-1.sallyport/"
                               "ledger+00a41c77+AWRSVTNWYVdXbGtNZ0pPY2xnPT0=",
                       .replaces = "sp-east-1.sallyport/ledger+5c2a1f0e+"
                                   "AUnZ0T0w2mCSrnVf2jK5f6Lw=="}},
    {.n = 23,
     .t = T + 2592001200,
     .kind = ENTRY_CERTIFICATE_ISSUED,
     .u.certificate_issued = {.sha256 = HASH(0x12),
                              .serial = "2f0c41d5e6a7b8c9",
                              .party = "valley-hospital",
                              .person = "soc-1",
                              .issued = T + 2592001100,
                              .not_after = T + 3456000000,
                              .profile = "person-p256"}},
    {.n = 24,
     .t = T + 2592001300,
     .kind = ENTRY_CERTIFICATE_MATCHED,
     .u.certificate_matched = {.sha256 = HASH(0x21),
                               .issuer_key = HASH(0x31),
                               .serial = "0a1b2c3d",
                               .party = "nist-caisi",
                               .person = "evaluator-1",
                               .rule = "upn",
                               .matched_sha256 = HASH(0x41),
                               .policy = "2.16.840.1.101.3.2.1.3.13"}},
    {.n = 25,
     .t = T + 2592001400,
     .kind = ENTRY_CERTIFICATE_MATCHED,
     .u.certificate_matched = {.sha256 = HASH(0x22),
                               .issuer_key = HASH(0x32),
                               .serial = "01",
                               .party = "test-lab",
                               .person = "scanner",
                               .rule = "san_uri",
                               .matched_sha256 = HASH(0x42),
                               .service = true,
                               .test_pki = true}},
    {.n = 26,
     .t = T + 2592001500,
     .kind = ENTRY_CRL_LOADED,
     .u.crl_loaded = {.issuer_key = HASH(0x31),
                      .sha256 = HASH(0x51),
                      .number = "4711",
                      .this_update = T + 2592000000,
                      .next_update = T + 2592064800,
                      .count = 812,
                      .source = "fetched"}},
    {.n = 27,
     .t = T + 2592001600,
     .kind = ENTRY_CERTIFICATE_REVOKED,
     .u.certificate_revoked = {.sha256 = HASH(0x21),
                               .has_issuer = true,
                               .issuer_key = HASH(0x31),
                               .serial = "0a1b2c3d",
                               .party = "nist-caisi",
                               .person = "evaluator-1",
                               .not_after = T + 9999999000,
                               .cause = "crl",
                               .reason = "keyCompromise"}},
    {.n = 28,
     .t = T + 2592001700,
     .kind = ENTRY_CERTIFICATE_REVOKED,
     .u.certificate_revoked = {.sha256 = HASH(0x12),
                               .serial = "2f0c41d5e6a7b8c9",
                               .party = "valley-hospital",
                               .person = "soc-1",
                               .not_after = T + 3456000000,
                               .cause = "window_ended",
                               .reason = "cessationOfOperation"}},
    {.n = 29,
     .t = T + 2592001800,
     .kind = ENTRY_REQUEST_REFUSED,
     .u.request = {.party = "nist-caisi",
                   .person = "evaluator-1",
                   .model = "orion-preview",
                   .route = ROUTE_CHAT_COMPLETIONS,
                   .max_tokens = -1,
                   .revocation = REVOCATION_REVOKED,
                   .test_pki = true,
                   .reason = REASON_CERTIFICATE_REVOKED,
                   REQUEST}},
};
#define EXAMPLES (sizeof examples / sizeof examples[0])

static size_t encode(const struct entry *e, char line[LIMIT_ENTRY_BYTES])
{
    size_t length;

    assert_int_equal(entry_encode(e, line, LIMIT_ENTRY_BYTES - 1, &length), 0);
    line[length] = 0;
    return length;
}

static char *paper_read(void)
{
    FILE *f = fopen(SP_TEST_DATA "/../../../docs/ledger.md", "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

static void paper_shows_what_is_written(void **state)
{
    char line[LIMIT_ENTRY_BYTES], shown[LIMIT_ENTRY_BYTES + 8];
    char *paper = paper_read();
    bool seen[ENTRY_KIND_COUNT] = {false};
    size_t lines = 0;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        encode(&examples[i], line);
        seen[examples[i].kind] = true;
        snprintf(shown, sizeof shown, "\n    %s\n", line);
        if (strstr(paper, shown) == NULL)
            fail_msg("docs/ledger.md does not show:\n    %s", line);
    }
    for (int k = ENTRY_NONE + 1; k < ENTRY_KIND_COUNT; k++)
        assert_true(seen[k]);
    for (const char *p = paper; (p = strstr(p, "\n    {\"n\":")) != NULL; p++)
        lines++;
    assert_int_equal(lines, EXAMPLES); /* and nothing else */
    free(paper);
}

static struct entry_reader *reader_new(void)
{
    struct entry_reader *r = malloc(sizeof *r);

    assert_non_null(r);
    entry_reader_init(r);
    return r;
}

static void reader_end(struct entry_reader *r)
{
    entry_reader_release(r);
    free(r);
}

static void entries_are_read_back(void **state)
{
    char line[LIMIT_ENTRY_BYTES], again[LIMIT_ENTRY_BYTES];
    struct entry_reader *r = reader_new();
    struct entry e;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        assert_int_equal(entry_decode(r, line, encode(&examples[i], line), &e),
                         0);
        assert_int_equal(e.kind, examples[i].kind);
        encode(&e, again);
        assert_string_equal(again, line);
    }
    reader_end(r);
}

/* Cutting, doubling, flipping: no byte of a line can be another one unless it
 * says something else and is read so. */
static void other_spellings_are_refused(void **state)
{
    char line[LIMIT_ENTRY_BYTES], bad[LIMIT_ENTRY_BYTES],
        again[LIMIT_ENTRY_BYTES];
    struct entry_reader *r = reader_new();
    struct entry e;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        size_t length = encode(&examples[i], line);

        for (size_t at = 0; at < length; at++) {
            assert_int_not_equal(entry_decode(r, line, at, &e), 0);
            for (unsigned bit = 0; bit < 8; bit++) {
                memcpy(bad, line, length + 1);
                bad[at] = (char)(bad[at] ^ 1 << bit);
                if (entry_decode(r, bad, length, &e) != 0)
                    continue;
                encode(&e, again);
                assert_string_equal(again, bad);
            }
        }
    }
    reader_end(r);
}

static void strictness_has_no_gaps(void **state)
{
    static const char *const lines[] = {
        "{}",
        "[]",
        "{\"n\":0,\"t\":0}",
        "{\"t\":0,\"n\":0,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"ledger.heartbeat\" }",
        " {\"n\":0,\"t\":0,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"ledger.heartbeat\"}\n",
        "{\"n\":0,\"t\":0,\"kind\":\"ledger.heartbeat\",\"x\":1}",
        "{\"n\":00,\"t\":0,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":-0,\"t\":0,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":0.0,\"t\":0,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":0,\"t\":-1,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":\"0\",\"t\":0,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":18446744073709551616,\"t\":0,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":0,\"t\":9223372036854775808,\"kind\":\"ledger.heartbeat\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"ledger.h\\u0065artbeat\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"none\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"request.vanished\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"window.closed\",\"window\":\"a\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"window.closed\",\"cause\":\"a\","
        "\"window\":\"a\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"window.closed\",\"window\":null,"
        "\"cause\":\"a\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"window.closed\",\"window\":[\"a\"],"
        "\"cause\":\"a\"}",
        "{\"n\":0,\"t\":0,\"kind\":\"worker.died\",\"worker\":4294967296,"
        "\"status\":\"\",\"requests\":0}",
        "{\"n\":0,\"t\":0,\"kind\":\"request.closed\",\"of\":1,\"cause\":"
        "\"gone\",\"status\":200,\"asked_bytes\":1,\"answered_bytes\":1}",
        "{\"n\":0,\"t\":0,\"kind\":\"request.closed\",\"of\":1,\"cause\":"
        "\"done\",\"status\":65536,\"asked_bytes\":1,\"answered_bytes\":1}",
        "{\"n\":0,\"t\":0,\"kind\":\"request.closed\",\"of\":1,\"cause\":"
        "\"done\",\"status\":1,\"asked_bytes\":1,\"answered_bytes\":1,"
        "\"asked\":"
        "\"00000000000000000000000000000000000000000000000000000000000000"
        "00\"}",
    };
    static const char good[] =
        "{\"n\":0,\"t\":0,\"kind\":\"ledger.heartbeat\"}";
    struct entry_reader *r = reader_new();
    struct entry e;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (entry_decode(r, lines[i], strlen(lines[i]), &e) == 0)
            fail_msg("read: %s", lines[i]);
    assert_int_equal(entry_decode(r, good, strlen(good), &e), 0);
    reader_end(r);
}

/* Bytes that C's functions stop at, put in one to forty times anywhere, in
 * memory that ends where the line does. */
static void zeros_are_refused(void **state)
{
    char line[LIMIT_ENTRY_BYTES];
    struct entry_reader *r = reader_new();
    struct entry e;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        size_t length = encode(&examples[i], line);

        for (size_t at = 0; at <= length; at++) {
            size_t zeros = 1 + (at + i) % 40;
            char *bad = malloc(length + zeros);
            assert_non_null(bad);
            memcpy(bad, line, at);
            memset(bad + at, 0, zeros);
            memcpy(bad + at + zeros, line + at, length - at);
            assert_int_not_equal(entry_decode(r, bad, length + zeros, &e), 0);
            free(bad);
        }
    }
    reader_end(r);
}

/* Cut anywhere, in memory that ends there. */
static void cut_lines_are_refused(void **state)
{
    char line[LIMIT_ENTRY_BYTES];
    struct entry_reader *r = reader_new();
    struct entry e;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        size_t length = encode(&examples[i], line);

        for (size_t at = 1; at < length; at++) {
            char *bad = malloc(at);
            assert_non_null(bad);
            memcpy(bad, line, at);
            assert_int_not_equal(entry_decode(r, bad, at, &e), 0);
            free(bad);
        }
    }
    reader_end(r);
}

static void lines_that_do_not_fit_are_refused(void **state)
{
    char line[LIMIT_ENTRY_BYTES];
    struct entry e = examples[3];
    size_t length, n;

    (void)state;
    length = encode(&e, line);
    for (size_t size = 0; size < length; size++)
        assert_int_equal(entry_encode(&e, line, size, &n), SP_ETOOBIG);
    assert_int_equal(entry_encode(&e, line, length, &n), 0);
    e.u.request.address = NULL; /* must be there */
    assert_int_equal(entry_encode(&e, line, sizeof line, &n), SP_ETOOBIG);
    e = (struct entry){0};
    assert_int_not_equal(entry_encode(&e, line, sizeof line, &n), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_shows_what_is_written),
        cmocka_unit_test(entries_are_read_back),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(strictness_has_no_gaps),
        cmocka_unit_test(zeros_are_refused),
        cmocka_unit_test(cut_lines_are_refused),
        cmocka_unit_test(lines_that_do_not_fit_are_refused),
    };

    if (argc == 2 && strcmp(argv[1], "--lines") == 0) { /* for the paper */
        char line[LIMIT_ENTRY_BYTES];
        size_t length;

        for (size_t i = 0; i < EXAMPLES; i++)
            if (entry_encode(&examples[i], line, sizeof line, &length) == 0)
                printf("    %.*s\n", (int)length, line);
        return 0;
    }
    example_fields_make();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
