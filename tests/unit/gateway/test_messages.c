/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message between processes: what is put comes out the same, a message
 * that was cut anywhere or has a byte too many is refused, and so is each
 * hostile value that a decoder promises to stop (P12: a worker that was taken
 * over).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/messages.h"
#include "gateway/own_messages.h"
#include "gateway/witness_messages.h"
#include "lib/channel.h"
#include "lib/ring.h"
#include "policy/settings.h"
#include "tests/unit/gateway/check_messages.h"

DECODER(ask_admit, ask_admit)
DECODER(answer_admit, answer_admit)
DECODER(settle, settle)
DECODER(connection_refused, connection_refused)
DECODER(cut, cut)
DECODER(setup, setup)
DECODER(ask_dial, ask_dial)
DECODER(answer_dial, answer_dial)
DECODER(stop, stop)
DECODER(listen_message, listen_message)
DECODER(worker_died, worker_died)
DECODER(worker_broken, worker_broken)
DECODER(ask_transcript, ask_transcript)
DECODER(transcript_file, transcript_file)
DECODER(ask_log_file, ask_log_file)
DECODER(log_file, log_file)
DECODER(reload_message, reload_message)
DECODER(failed, failed)
DECODER(link_message, link_message)
DECODER(ledger_message, control_ledger)
DECODER(roles_message, control_roles)
DECODER(witness_channel, witness_channel)
DECODER(ask_witness, ask_witness)
DECODER(answer_witness, answer_witness)
DECODER(own_part, own_part)
DECODER(own_acceptance, own_acceptance)
DECODER(own_window, own_window)
DECODER(own_document, own_document)
DECODER(order_message, order_message)
DECODER(order_answer_message, order_answer_message)
DECODER(ask_order, order)
DECODER(answer_order, order_answer)
DECODER(answer_status, control_status)

static struct ask_admit an_ask(void)
{
    struct ask_admit v = {
        .ticket = 0x1122334455667788u,
        .policy = 7,
        .facts =
            {
                .party = 3,
                .person = 4,
                .cert_not_before = 1700000000000,
                .cert_not_after = 1800000000000,
                .revocation = REVOCATION_UNKNOWN,
                .test_pki = true,
                .address = "2001:db8::1",
                .method = METHOD_POST,
                .route = ROUTE_CHAT_COMPLETIONS,
                .dialect = DIALECT_ANTHROPIC,
                .fault = REASON_DUPLICATE_KEY,
                .model = "orion \"\\ \xc3\xa9",
                .stream = true,
                .max_tokens = 4096,
                .body_bytes = 70000,
                .outputs = 3,
                .tools = 2,
                .tool_types = "function,bash_20250124,?",
                .media = MEDIA_REMOTE,
                .purpose = "scan",
                .case_id = "TP-2026/0031",
                .version = "2026-10-21",
                .betas = "files-2026-04-14,x",
            },
    };

    for (uint16_t i = 0; i < field_count(); i++) {
        int slot = field_number_slot(i);

        if ((field_info(i)->routes & 1u << v.facts.route) == 0)
            continue;
        field_set_add(&v.facts.fields, i);
        if (slot >= 0)
            v.facts.fields.number[slot] = -1500000 * slot;
    }
    memset(v.facts.cert_sha256, 0xab, sizeof(v.facts.cert_sha256));
    return v;
}

static void ask_admit_comes_back(void **state)
{
    struct ask_admit in = an_ask(), out;

    (void)state;
    ROUND_TRIP(ask_admit, &in, &out, MESSAGE_ASK_ADMIT);
    assert_int_equal(out.ticket, in.ticket);
    assert_int_equal(out.policy, in.policy);
    assert_int_equal(out.facts.party, 3);
    assert_int_equal(out.facts.person, 4);
    assert_memory_equal(out.facts.cert_sha256, in.facts.cert_sha256, 32);
    assert_int_equal(out.facts.cert_not_before, in.facts.cert_not_before);
    assert_int_equal(out.facts.cert_not_after, in.facts.cert_not_after);
    assert_int_equal(out.facts.revocation, REVOCATION_UNKNOWN);
    assert_true(out.facts.test_pki);
    assert_string_equal(out.facts.address, in.facts.address);
    assert_int_equal(out.facts.method, in.facts.method);
    assert_int_equal(out.facts.route, in.facts.route);
    assert_int_equal(out.facts.dialect, in.facts.dialect);
    assert_int_equal(out.facts.fault, in.facts.fault);
    assert_string_equal(out.facts.model, in.facts.model);
    assert_true(out.facts.stream);
    assert_int_equal(out.facts.max_tokens, 4096);
    assert_int_equal(out.facts.body_bytes, 70000);
    assert_int_equal(out.facts.outputs, 3);
    assert_memory_equal(&out.facts.fields, &in.facts.fields,
                        sizeof(in.facts.fields));
    assert_int_equal(out.facts.tools, 2);
    assert_string_equal(out.facts.tool_types, in.facts.tool_types);
    assert_int_equal(out.facts.media, MEDIA_REMOTE);
    assert_string_equal(out.facts.purpose, "scan");
    assert_string_equal(out.facts.case_id, "TP-2026/0031");
    assert_string_equal(out.facts.version, "2026-10-21");
    assert_string_equal(out.facts.betas, in.facts.betas);
}

/* What an entry could not say and be read back is no fact. */
static void P12_uses_that_no_entry_could_say_are_refused(void **state)
{
    static const struct {
        size_t offset;
        const char *text;
    } wrong[] = {
        {offsetof(struct ask_admit, facts.tool_types), "a\nb"},
        {offsetof(struct ask_admit, facts.purpose), "a b"},
        {offsetof(struct ask_admit, facts.case_id), "\"x\""},
        {offsetof(struct ask_admit, facts.version), "2026-1o-21"},
        {offsetof(struct ask_admit, facts.betas), "A"},
    };
    uint8_t memory[RING_RECORD_MAX];
    struct ask_admit v;
    size_t length;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        v = an_ask();
        strcpy((char *)&v + wrong[i].offset, wrong[i].text);
        assert_int_equal(ask_admit_put(&v, memory, sizeof(memory), &length), 0);
        assert_int_equal(ask_admit_get(&v, memory, length), SP_EPROTO);
    }
    v = an_ask(); /* a field of another route */
    field_set_add(&v.facts.fields,
                  field_of_route(ROUTE_COMPLETIONS, "best_of", 7));
    assert_int_equal(ask_admit_put(&v, memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_admit_get(&v, memory, length), SP_EPROTO);
    v = an_ask(); /* a row that is none */
    field_set_add(&v.facts.fields, FIELD_MAX - 1);
    assert_int_equal(ask_admit_put(&v, memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_admit_get(&v, memory, length), SP_EPROTO);
}

/* The longest question there is fits a ring's record. */
static void ask_admit_fits_the_ring(void **state)
{
    struct ask_admit v = an_ask();
    uint8_t memory[RING_RECORD_MAX];
    size_t length;

    (void)state;
    memset(v.facts.model, 'm', LIMIT_MODEL_BYTES);
    memset(v.facts.address, 'f', sizeof(v.facts.address) - 1);
    v.facts.address[sizeof(v.facts.address) - 1] = '\0';
    assert_int_equal(ask_admit_put(&v, memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_admit_get(&v, memory, length), 0);
    assert_int_equal(strlen(v.facts.model), LIMIT_MODEL_BYTES);
}

/* A certificate may be valid since before 1970; an entry's times may not. */
static void times_before_1970_are_the_beginning(void **state)
{
    struct ask_admit v = an_ask();
    uint8_t memory[RING_RECORD_MAX];
    size_t length;

    (void)state;
    v.facts.cert_not_before = -1;
    v.facts.cert_not_after = INT64_MIN;
    assert_int_equal(ask_admit_put(&v, memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_admit_get(&v, memory, length), 0);
    assert_int_equal(v.facts.cert_not_before, 0);
    assert_int_equal(v.facts.cert_not_after, 0);
}

/* Every value that must not get through, as an encoder would write it. */
static int ask_with(void (*change)(struct ask_admit *v))
{
    struct ask_admit v = an_ask();
    uint8_t memory[RING_RECORD_MAX];
    size_t length;

    change(&v);
    assert_int_equal(ask_admit_put(&v, memory, sizeof(memory), &length), 0);
    return ask_admit_get(&v, memory, length);
}

static void wrong_revocation(struct ask_admit *v)
{
    v->facts.revocation = (enum revocation)REVOCATION_COUNT;
}

static void no_change(struct ask_admit *v)
{
    (void)v;
}
static void bad_method(struct ask_admit *v)
{
    v->facts.method = (enum method)(METHOD_OTHER + 1);
}
static void bad_route(struct ask_admit *v)
{
    v->facts.route = ROUTE_COUNT;
}
static void bad_dialect(struct ask_admit *v)
{
    v->facts.dialect = (enum dialect)(DIALECT_ANTHROPIC + 1);
}
static void bad_fault(struct ask_admit *v)
{
    v->facts.fault = REASON_COUNT;
}
static void bad_tokens(struct ask_admit *v)
{
    v->facts.max_tokens = -2;
}
static void bad_bytes(struct ask_admit *v)
{
    v->facts.body_bytes = (uint64_t)INT64_MAX + 1;
}
static void no_address(struct ask_admit *v)
{
    v->facts.address[0] = '\0';
}
static void address_breaks_line(struct ask_admit *v)
{
    strcpy(v->facts.address, "::1\n{\"kind\":");
}
static void address_is_html(struct ask_admit *v)
{
    strcpy(v->facts.address, "<b>");
}

static void P12_hostile_questions_are_refused(void **state)
{
    static void (*const changes[])(struct ask_admit *) = {
        wrong_revocation,    bad_method,     bad_route, bad_dialect,
        bad_fault,           bad_tokens,     bad_bytes, no_address,
        address_breaks_line, address_is_html};

    (void)state;
    assert_int_equal(ask_with(no_change), 0);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        assert_int_equal(ask_with(changes[i]), SP_EPROTO);
}

static void answer_admit_comes_back(void **state)
{
    const struct answer_admit in = {
        .ticket = 9,
        .n = UINT64_MAX - 1,
        .reason = REASON_WINDOW_EXPIRED,
        .window = 1,
        .terms = VERDICT_NONE,
        .model = 2,
        .deadline = INT64_MAX,
        .deadline_wall = 1750000000123,
        .closes = 1750000000999,
        .deadline_reason = REASON_TIME_LIMIT,
        .retry_after = 60,
        .behind = LIMIT_FINDING_PARTS,
        .made = 77,
        .problem = OWN_SIGNATURE,
        .models = UINT64_C(1) << 63 | 5,
    };
    struct answer_admit out, late = in;
    uint8_t memory[256];
    size_t length;

    (void)state;
    ROUND_TRIP(answer_admit, &in, &out, MESSAGE_ANSWER_ADMIT);
    assert_int_equal(out.ticket, in.ticket);
    assert_int_equal(out.n, in.n);
    assert_int_equal(out.reason, in.reason);
    assert_int_equal(out.window, in.window);
    assert_int_equal(out.terms, in.terms);
    assert_int_equal(out.model, in.model);
    assert_int_equal(out.deadline, in.deadline);
    assert_int_equal(out.deadline_wall, in.deadline_wall);
    assert_int_equal(out.closes, in.closes);
    assert_int_equal(out.deadline_reason, in.deadline_reason);
    assert_int_equal(out.retry_after, in.retry_after);
    assert_int_equal(out.behind, in.behind);
    assert_int_equal(out.made, in.made);
    assert_int_equal(out.problem, in.problem);
    assert_true(out.models == in.models);
    late.behind++;
    assert_int_equal(answer_admit_put(&late, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(answer_admit_get(&out, memory, length), SP_EPROTO);
    late = in;
    late.problem = OWN_PROBLEMS;
    assert_int_equal(answer_admit_put(&late, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(answer_admit_get(&out, memory, length), SP_EPROTO);
    late = in;
    late.retry_after = 61;
    assert_int_equal(answer_admit_put(&late, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(answer_admit_get(&out, memory, length), SP_EPROTO);
    late.retry_after = -1;
    assert_int_equal(answer_admit_put(&late, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(answer_admit_get(&out, memory, length), SP_EPROTO);
}

static int part_with(struct own_part v)
{
    static const uint8_t zeros[OWN_PART_BYTES + 1];
    uint8_t memory[2 * OWN_PART_BYTES];
    size_t length;

    v.data = zeros;
    assert_int_equal(own_part_put(&v, memory, sizeof(memory), &length), 0);
    return own_part_get(&v, memory, length);
}

static void P12_parts_are_bounded(void **state)
{
    static const uint8_t bytes[] = "content";
    const struct own_part in = {7, 1, 2, bytes, sizeof(bytes)};
    struct own_part out;
    uint8_t memory[RING_RECORD_MAX];
    size_t length;

    (void)state;
    ROUND_TRIP(own_part, &in, &out, MESSAGE_OWN_PART);
    assert_int_equal(out.ticket, 7);
    assert_int_equal(out.part, 1);
    assert_int_equal(out.parts, 2);
    assert_int_equal(out.length, sizeof(bytes));
    const struct own_part full = {7, 0, OWN_PARTS, memory, OWN_PART_BYTES};
    uint8_t record[RING_RECORD_MAX]; /* the longest fits the ring */
    memset(memory, 0, sizeof(memory));
    assert_int_equal(own_part_put(&full, record, sizeof(record), &length), 0);
    assert_int_equal(own_part_get(&out, record, length), 0);
    const struct own_part bad[] = {
        {7, 0, 0, NULL, 1},
        {7, 2, 2, NULL, 1},
        {7, 0, OWN_PARTS + 1, NULL, OWN_PART_BYTES},
        {7, UINT32_MAX, UINT32_MAX, NULL, 1},
        {7, 0, 1, NULL, 0},
        {7, 0, 1, NULL, OWN_PART_BYTES + 1},
        {7, 0, 2, NULL, OWN_PART_BYTES - 1}, /* only the last is shorter */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(part_with(bad[i]), SP_EPROTO);
    assert_int_equal(part_with((struct own_part){7, 0, 1, NULL, 1}), 0);
}

static struct own_acceptance an_acceptance(void)
{
    static const uint8_t bytes[LIMIT_CERTIFICATE_BYTES + 1] = {1, 2, 3};

    return (struct own_acceptance){.document = 3,
                                   .sha256 = {9},
                                   .algorithm = ACCEPTANCE_ED25519,
                                   .certificate = bytes,
                                   .certificate_length = 40,
                                   .signature = bytes,
                                   .signature_length = 20,
                                   .nchain = 2,
                                   .chain = {bytes, bytes, bytes, bytes},
                                   .chain_length = {10, 11, 12, 13}};
}

static int acceptance_with(void (*change)(struct own_acceptance *v))
{
    struct own_acceptance v = an_acceptance();
    uint8_t memory[ROOM];
    size_t length;

    change(&v);
    assert_int_equal(own_acceptance_put(&v, memory, sizeof(memory), &length),
                     0);
    return own_acceptance_get(&v, memory, length);
}

static void longest_acceptance(struct own_acceptance *v)
{
    v->certificate_length = LIMIT_CERTIFICATE_BYTES;
    v->signature_length = LIMIT_SIGNATURE_BYTES;
    v->nchain = LIMIT_CERTIFICATE_CHAIN;
}
static void bad_algorithm(struct own_acceptance *v)
{
    v->algorithm = ACCEPTANCE_ALGORITHMS;
}
static void no_certificate(struct own_acceptance *v)
{
    v->certificate_length = 0;
}
static void long_certificate(struct own_acceptance *v)
{
    v->certificate_length = LIMIT_CERTIFICATE_BYTES + 1;
}
static void no_signature(struct own_acceptance *v)
{
    v->signature_length = 0;
}
static void long_signature(struct own_acceptance *v)
{
    v->signature_length = LIMIT_SIGNATURE_BYTES + 1;
}
static void empty_in_chain(struct own_acceptance *v)
{
    v->chain_length[1] = 0;
}
static void long_in_chain(struct own_acceptance *v)
{
    v->chain_length[0] = LIMIT_CERTIFICATE_BYTES + 1;
}

static void P12_acceptances_are_bounded(void **state)
{
    static void (*const changes[])(struct own_acceptance *) = {
        bad_algorithm,  no_certificate, long_certificate, no_signature,
        long_signature, empty_in_chain, long_in_chain};
    struct own_acceptance in = an_acceptance(), out;
    uint8_t memory[ROOM];
    size_t length;

    (void)state;
    ROUND_TRIP(own_acceptance, &in, &out, MESSAGE_OWN_ACCEPTANCE);
    assert_int_equal(out.document, 3);
    assert_memory_equal(out.sha256, in.sha256, 32);
    assert_int_equal(out.algorithm, ACCEPTANCE_ED25519);
    assert_int_equal(out.certificate_length, 40);
    assert_int_equal(out.signature_length, 20);
    assert_int_equal(out.nchain, 2);
    assert_int_equal(out.chain_length[1], 11);
    assert_int_equal(acceptance_with(longest_acceptance), 0);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        assert_int_equal(acceptance_with(changes[i]), SP_EPROTO);
    /* a chain of more than it says there may be */
    assert_int_equal(own_acceptance_put(&in, memory, sizeof(memory), &length),
                     0);
    memory[2 + 4 + 32 + 1 + 4 + 40 + 4 + 20] = LIMIT_CERTIFICATE_CHAIN + 1;
    assert_int_equal(own_acceptance_get(&out, memory, length), SP_EPROTO);
}

static void own_rows_come_back(void **state)
{
    const struct own_window in = {.ticket = 5,
                                  .window = 2,
                                  .reason = REASON_WINDOW_EXPIRED,
                                  .closes = 1750000000123,
                                  .nterms = 2,
                                  .all = {{10}, {20}},
                                  .own = {{1}, {2}}};
    const struct own_document in2 = {
        .ticket = 6, .document = 1, .accepted = true, .n = 9, .t = 17};
    struct own_window out, bad = in;
    struct own_document out2, bad2 = in2;
    uint8_t memory[RING_RECORD_MAX];
    size_t length;

    (void)state;
    ROUND_TRIP(own_window, &in, &out, MESSAGE_OWN_WINDOW);
    assert_memory_equal(&in, &out, sizeof(in));
    bad.reason = REASON_COUNT;
    assert_int_equal(own_window_put(&bad, memory, sizeof(memory), &length), 0);
    assert_int_equal(own_window_get(&out, memory, length), SP_EPROTO);
    bad = in;
    bad.nterms = OWN_TERMS + 1;
    assert_int_equal(own_window_put(&bad, memory, sizeof(memory), &length), 0);
    assert_int_equal(own_window_get(&out, memory, length), SP_EPROTO);
    ROUND_TRIP(own_document, &in2, &out2, MESSAGE_OWN_DOCUMENT);
    assert_int_equal(out2.n, 9);
    assert_int_equal(out2.t, 17);
    bad2.accepted = false;
    assert_int_equal(own_document_put(&bad2, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(own_document_get(&out2, memory, length), SP_EPROTO);
}

static void settle_comes_back(void **state)
{
    struct settle in = {
        .n = 5,
        .cause = CAUSE_EXPIRED,
        .status = 200,
        .asked_bytes = 12,
        .answered_bytes = 34,
        .has_commitments = true,
    };
    struct settle out;

    (void)state;
    memset(in.asked, 1, sizeof(in.asked));
    memset(in.answered, 2, sizeof(in.answered));
    ROUND_TRIP(settle, &in, &out, MESSAGE_SETTLE);
    assert_int_equal(out.n, 5);
    assert_int_equal(out.status, 200);
    assert_int_equal(out.asked_bytes, 12);
    assert_int_equal(out.answered_bytes, 34);
    assert_memory_equal(in.asked, out.asked, sizeof(in.asked));
    assert_memory_equal(in.answered, out.answered, sizeof(in.answered));
    assert_false(out.has_transcript);
    in.has_transcript = true;
    memset(in.transcript, 3, sizeof(in.transcript));
    ROUND_TRIP(settle, &in, &out, MESSAGE_SETTLE);
    assert_memory_equal(in.transcript, out.transcript, sizeof(in.transcript));
    in.has_commitments = in.has_transcript = false;
    ROUND_TRIP(settle, &in, &out, MESSAGE_SETTLE);
    assert_false(out.has_commitments);
    assert_int_equal(out.asked[0], 0); /* nothing stale */
    assert_int_equal(out.transcript[0], 0);
    assert_int_equal(out.cause, CAUSE_EXPIRED);
}

/* A transcript is of what there are commitments to. */
static void a_transcript_has_commitments(void **state)
{
    const struct settle in = {.n = 5, .has_transcript = true};
    struct settle out;
    uint8_t memory[512];
    size_t length;

    (void)state;
    assert_int_equal(settle_put(&in, memory, sizeof(memory), &length), 0);
    assert_int_equal(settle_get(&out, memory, length), SP_EPROTO);
}

static int settle_of(enum cause cause, uint16_t status, uint64_t bytes)
{
    struct settle v = {.n = 1,
                       .cause = cause,
                       .status = status,
                       .asked_bytes = 0,
                       .answered_bytes = bytes};
    uint8_t memory[256];
    size_t length;

    assert_int_equal(settle_put(&v, memory, sizeof(memory), &length), 0);
    return settle_get(&v, memory, length);
}

static void P11_only_the_keeper_says_lost(void **state)
{
    (void)state;
    for (unsigned cause = 0; cause < CAUSE_COUNT; cause++)
        assert_int_equal(settle_of((enum cause)cause, 200, 0),
                         cause == CAUSE_LOST ? SP_EPROTO : 0);
    assert_int_equal(settle_of(CAUSE_COUNT, 200, 0), SP_EPROTO);
}

static void settle_has_bounds(void **state)
{
    (void)state;
    assert_int_equal(settle_of(CAUSE_DONE, 0, 0), 0);
    assert_int_equal(settle_of(CAUSE_DONE, 100, 0), 0);
    assert_int_equal(settle_of(CAUSE_DONE, 599, INT64_MAX), 0);
    assert_int_equal(settle_of(CAUSE_DONE, 99, 0), SP_EPROTO);
    assert_int_equal(settle_of(CAUSE_DONE, 600, 0), SP_EPROTO);
    assert_int_equal(settle_of(CAUSE_DONE, 200, (uint64_t)INT64_MAX + 1),
                     SP_EPROTO);
}

static int refused_of(const char *address, const char *reason, uint32_t count)
{
    struct connection_refused v = {.count = count};
    uint8_t memory[256];
    size_t length;

    strcpy(v.address, address);
    strcpy(v.reason, reason);
    assert_int_equal(
        connection_refused_put(&v, memory, sizeof(memory), &length), 0);
    return connection_refused_get(&v, memory, length);
}

static void connection_refused_comes_back(void **state)
{
    struct connection_refused in = {
        .address = "192.0.2.1", .reason = "no_certificate", .count = 3};
    struct connection_refused out;

    (void)state;
    ROUND_TRIP(connection_refused, &in, &out, MESSAGE_CONNECTION_REFUSED);
    assert_string_equal(out.address, in.address);
    assert_string_equal(out.reason, in.reason);
    assert_int_equal(out.count, 3);
    assert_int_equal(refused_of("::1", "tls", 1), 0);
    assert_int_equal(refused_of("::1", "tls", 0), SP_EPROTO);
    assert_int_equal(refused_of("", "tls", 1), SP_EPROTO);
    assert_int_equal(refused_of("::1", "", 1), SP_EPROTO);
    assert_int_equal(refused_of("::1", "TLS", 1), SP_EPROTO);
    assert_int_equal(refused_of("::1", "tls\"", 1), SP_EPROTO);
    assert_int_equal(refused_of("::1 x", "tls", 1), SP_EPROTO);
}

static void cut_comes_back(void **state)
{
    struct cut in = {CUT_ALL, .reason = REASON_WINDOW_EXPIRED};
    struct cut out;
    uint8_t memory[64];
    size_t length;

    (void)state;
    ROUND_TRIP(cut, &in, &out, MESSAGE_CUT);
    assert_int_equal(out.window, VERDICT_NONE);
    assert_int_equal(out.person, VERDICT_NONE);
    in = (struct cut){.window = 1,
                      .model = 2,
                      .party = 3,
                      .person = 4,
                      .reason = REASON_CERTIFICATE_REVOKED,
                      .has_certificate = true,
                      .certificate = {7, 8, 9}};
    ROUND_TRIP(cut, &in, &out, MESSAGE_CUT);
    assert_int_equal(out.window, 1);
    assert_int_equal(out.model, 2);
    assert_int_equal(out.party, 3);
    assert_int_equal(out.person, 4);
    assert_true(out.has_certificate);
    assert_memory_equal(in.certificate, out.certificate, 32);
    in.has_certificate = false;
    ROUND_TRIP(cut, &in, &out, MESSAGE_CUT);
    assert_false(out.has_certificate);
    assert_int_equal(out.certificate[0], 0);
    in.reason = REASON_WINDOW_EXPIRED;
    ROUND_TRIP(cut, &in, &out, MESSAGE_CUT);
    assert_int_equal(out.reason, REASON_WINDOW_EXPIRED);
    in.reason = REASON_NONE; /* a cut without a reason cannot be told */
    assert_int_equal(cut_put(&in, memory, sizeof(memory), &length), 0);
    assert_int_equal(cut_get(&out, memory, length), SP_EPROTO);
}

/* Each of those that is named must fit; none named takes all. */
static void P2_a_cut_takes_exactly_its_own(void **state)
{
    struct cut c = {CUT_ALL, .reason = REASON_DRAINING};
    const uint8_t hers[32] = {1}, his[32] = {1, 2};
    uint32_t *const named[] = {&c.window, &c.model, &c.party, &c.person};

    (void)state;
    assert_true(cut_takes(&c, 1, 2, 3, 4, hers));
    assert_true(cut_takes(&c, VERDICT_NONE, VERDICT_NONE, 3, 4, hers));
    for (uint32_t i = 0; i < 4; i++) {
        *named[i] = i + 1;
        assert_true(cut_takes(&c, 1, 2, 3, 4, hers));
        *named[i] = i + 2;
        assert_false(cut_takes(&c, 1, 2, 3, 4, hers));
        *named[i] = i + 1; /* and stays: more of them must fit */
    }
    assert_false(cut_takes(&c, VERDICT_NONE, 2, 3, 4, hers));
    assert_false(cut_takes(&c, 1, 2, 3, VERDICT_NONE, hers));
    c = (struct cut){CUT_ALL, .has_certificate = true, .certificate = {1}};
    assert_true(cut_takes(&c, 1, 2, 3, 4, hers));
    assert_false(cut_takes(&c, 1, 2, 3, 4, his));
    c.party = 4; /* both must fit */
    assert_false(cut_takes(&c, 1, 2, 3, 4, hers));
}

static int setup_of(uint32_t index, uint32_t workers, uint32_t debug)
{
    struct setup v = {
        .index = index, .workers = workers, .landlock_debug = debug};
    uint8_t memory[64];
    size_t length;

    assert_int_equal(setup_put(&v, memory, sizeof(memory), &length), 0);
    return setup_get(&v, memory, length);
}

static void setup_comes_back(void **state)
{
    const struct setup in = {.index = 1,
                             .workers = 2,
                             .generation = 3,
                             .handover = 1,
                             .landlock_debug = 1,
                             .sent_boot_ms = 4};
    struct setup out = {0};

    (void)state;
    ROUND_TRIP(setup, &in, &out, MESSAGE_SETUP);
    assert_int_equal(out.index, 1);
    assert_int_equal(out.workers, 2);
    assert_int_equal(out.generation, 3);
    assert_int_equal(out.handover, 1);
    assert_int_equal(out.landlock_debug, 1);
    assert_int_equal(out.sent_boot_ms, 4);
    assert_int_equal(setup_of(0, LIMIT_WORKERS, 0), 0);
    assert_int_equal(setup_of(0, 0, 0), SP_EPROTO);
    assert_int_equal(setup_of(2, 2, 0), SP_EPROTO);
    assert_int_equal(setup_of(0, LIMIT_WORKERS + 1, 0), SP_EPROTO);
    assert_int_equal(setup_of(0, 1, 2), SP_EPROTO);
}

static void dials_come_back(void **state)
{
    const struct ask_dial ask = {
        .ticket = 1, .policy = 2, .model = 3, .endpoint = 4};
    const struct answer_dial answer = {.ticket = 5, .error = SP_ETIMEDOUT};
    struct ask_dial ask_out;
    struct answer_dial answer_out;
    uint8_t memory[64] = {MESSAGE_ANSWER_DIAL};
    size_t length;

    (void)state;
    ROUND_TRIP(ask_dial, &ask, &ask_out, MESSAGE_ASK_DIAL);
    assert_int_equal(ask_out.ticket, 1);
    assert_int_equal(ask_out.policy, 2);
    assert_int_equal(ask_out.model, 3);
    assert_int_equal(ask_out.endpoint, 4);
    ROUND_TRIP(answer_dial, &answer, &answer_out, MESSAGE_ANSWER_DIAL);
    assert_int_equal(answer_out.ticket, 5);
    assert_int_equal(answer_out.error, SP_ETIMEDOUT);
    for (int error = 0; error >= SP_ETIMEDOUT; error--) {
        const struct answer_dial each = {.ticket = 5, .error = error};

        assert_int_equal(
            answer_dial_put(&each, memory, sizeof(memory), &length), 0);
        assert_int_equal(answer_dial_get(&answer_out, memory, length), 0);
        assert_int_equal(answer_out.error, error);
    }
    memory[length - 1] = -SP_ETIMEDOUT + 1; /* no such error */
    assert_int_equal(answer_dial_get(&answer_out, memory, length), SP_EPROTO);
}

static void stop_comes_back(void **state)
{
    const struct stop in = {.deadline = -5, .held = 0x81};
    const struct stop over = {.held = 1u << SETTINGS_LISTENERS_MAX};
    uint8_t memory[64];
    size_t length;
    struct stop out;

    (void)state;
    ROUND_TRIP(stop, &in, &out, MESSAGE_STOP);
    assert_int_equal(out.deadline, -5);
    assert_int_equal(out.held, 0x81);
    assert_int_equal(stop_put(&over, memory, sizeof(memory), &length), 0);
    assert_int_equal(stop_get(&out, memory, length), SP_EPROTO);
}

static void listens_come_back(void **state)
{
    const struct listen_message in = {.listener = SETTINGS_LISTENERS_MAX - 1};
    const struct listen_message over = {.listener = SETTINGS_LISTENERS_MAX};
    uint8_t memory[64];
    size_t length;
    struct listen_message out;

    (void)state;
    ROUND_TRIP(listen_message, &in, &out, MESSAGE_LISTEN);
    assert_int_equal(out.listener, SETTINGS_LISTENERS_MAX - 1);
    assert_int_equal(listen_message_put(&over, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(listen_message_get(&out, memory, length), SP_EPROTO);
}

static void deaths_come_back(void **state)
{
    struct worker_died died = {.worker = 1, .generation = 2};
    struct worker_broken broken = {.worker = 3, .generation = 4};
    struct worker_died died_out;
    struct worker_broken broken_out;
    uint8_t memory[256];
    size_t length;

    (void)state;
    strcpy(died.status, "signal=11");
    strcpy(broken.what, "a ring that does not add up");
    ROUND_TRIP(worker_died, &died, &died_out, MESSAGE_WORKER_DIED);
    assert_string_equal(died_out.status, "signal=11");
    ROUND_TRIP(worker_broken, &broken, &broken_out, MESSAGE_WORKER_BROKEN);
    assert_string_equal(broken_out.what, broken.what);
    assert_int_equal(broken_out.generation, 4);
    died.worker = LIMIT_WORKERS;
    assert_int_equal(worker_died_put(&died, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(worker_died_get(&died_out, memory, length), SP_EPROTO);
    broken.worker = LIMIT_WORKERS;
    assert_int_equal(
        worker_broken_put(&broken, memory, sizeof(memory), &length), 0);
    assert_int_equal(worker_broken_get(&broken_out, memory, length), SP_EPROTO);
}

static void transcripts_come_back(void **state)
{
    struct ask_transcript ask = {.worker = 3, .generation = 4, .n = 1u << 20};
    struct transcript_file file = {.generation = 5, .n = 7, .error = SP_ENOSPC};
    struct transcript_file file_out;
    struct ask_transcript ask_out;
    uint8_t memory[256];
    size_t length;

    (void)state;
    ROUND_TRIP(ask_transcript, &ask, &ask_out, MESSAGE_ASK_TRANSCRIPT);
    assert_int_equal(ask_out.worker, 3);
    assert_int_equal(ask_out.generation, 4);
    assert_int_equal(ask_out.n, 1u << 20);
    ROUND_TRIP(transcript_file, &file, &file_out, MESSAGE_TRANSCRIPT);
    assert_int_equal(file_out.generation, 5);
    assert_int_equal(file_out.n, 7);
    assert_int_equal(file_out.error, SP_ENOSPC);
    ask.worker = LIMIT_WORKERS;
    assert_int_equal(ask_transcript_put(&ask, memory, sizeof(memory), &length),
                     0);
    assert_int_equal(ask_transcript_get(&ask_out, memory, length), SP_EPROTO);
    file.error = 1; /* a descriptor is not a word */
    assert_int_equal(
        transcript_file_put(&file, memory, sizeof(memory), &length), 0);
    assert_int_equal(transcript_file_get(&file_out, memory, length), SP_EPROTO);
}

static void reloads_have_a_number(void **state)
{
    struct reload_message v = {.number = 1u << 20}, out;

    (void)state;
    ROUND_TRIP(reload_message, &v, &out, MESSAGE_RELOAD);
    assert_int_equal(out.number, 1u << 20);
}

static void log_files_are_numbers_of_files(void **state)
{
    static const struct ask_log_file wrong[] = {
        {1, -4, 0, 1}, {1, 64, 0, 1}, {1, 0, 0, 0}, {1, 0, 0, 257}};
    struct ask_log_file ask = {1, 7, 1u << 20, 256}, ask_out;
    struct log_file file = {.ticket = 9, .error = SP_ENOENT}, file_out;
    uint8_t memory[256];
    size_t length;

    (void)state;
    ROUND_TRIP(ask_log_file, &ask, &ask_out, MESSAGE_ASK_LOG_FILE);
    assert_true(ask_out.ticket == 1 && ask_out.level == 7 &&
                ask_out.index == 1u << 20 && ask_out.width == 256);
    ask.level = LOG_FILE_CHECKPOINT;
    ROUND_TRIP(ask_log_file, &ask, &ask_out, MESSAGE_ASK_LOG_FILE);
    assert_int_equal(ask_out.level, LOG_FILE_CHECKPOINT);
    ROUND_TRIP(log_file, &file, &file_out, MESSAGE_LOG_FILE);
    assert_true(file_out.ticket == 9 && file_out.error == SP_ENOENT);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(
            ask_log_file_put(&wrong[i], memory, sizeof(memory), &length), 0);
        assert_int_equal(ask_log_file_get(&ask_out, memory, length), SP_EPROTO);
    }
    file.error = 1;
    assert_int_equal(log_file_put(&file, memory, sizeof(memory), &length), 0);
    assert_int_equal(log_file_get(&file_out, memory, length), SP_EPROTO);
}

static void witnesses_come_back(void **state)
{
    static uint8_t memory[CHANNEL_MESSAGE_MAX], text[WITNESS_ASK_MAX + 1];
    struct witness_channel channel = {.number = 7}, channel_out;
    struct ask_witness ask = {.ticket = 5, .witness = 2, .body = text}, ask_out;
    struct answer_witness answer = {.ticket = 5, .status = 409, .body = text},
                          answer_out;
    size_t length;

    (void)state;
    memset(text, 'x', sizeof(text));
    ask.length = 300;
    answer.length = 100;
    ROUND_TRIP(witness_channel, &channel, &channel_out, MESSAGE_WITNESSES);
    assert_int_equal(channel_out.number, 7);
    ROUND_TRIP(ask_witness, &ask, &ask_out, MESSAGE_ASK_WITNESS);
    assert_int_equal(ask_out.length, 300);
    ROUND_TRIP(answer_witness, &answer, &answer_out, MESSAGE_ANSWER_WITNESS);
    assert_int_equal(answer_out.status, 409);
    answer.error = SP_ETIMEDOUT;
    answer.status = 0;
    answer.length = 0;
    ROUND_TRIP(answer_witness, &answer, &answer_out, MESSAGE_ANSWER_WITNESS);
    assert_int_equal(answer_out.error, SP_ETIMEDOUT);
    /* bounds: bodies, the number of witnesses, statuses, errors with an answer
     */
    ask.length = WITNESS_ASK_MAX + 1;
    assert_int_equal(ask_witness_put(&ask, memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_witness_get(&ask_out, memory, length), SP_EPROTO);
    ask.length = 0;
    assert_int_equal(ask_witness_put(&ask, memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_witness_get(&ask_out, memory, length), SP_EPROTO);
    ask.length = 1;
    ask.witness = SETTINGS_WITNESSES_MAX;
    assert_int_equal(ask_witness_put(&ask, memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_witness_get(&ask_out, memory, length), SP_EPROTO);
    static const struct answer_witness bad[] = {
        {.ticket = 1, .status = 99},
        {.ticket = 1, .status = 600},
        {.ticket = 1, .error = SP_EIO, .status = 200},
        {.ticket = 1, .error = SP_EIO, .body = text, .length = 1},
        {.ticket = 1,
         .status = 200,
         .body = text,
         .length = WITNESS_ANSWER_MAX + 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            answer_witness_put(&bad[i], memory, sizeof(memory), &length), 0);
        assert_int_equal(answer_witness_get(&answer_out, memory, length),
                         SP_EPROTO);
    }
}

static void links_come_back(void **state)
{
    static const uint16_t types[] = {MESSAGE_LINK, MESSAGE_LINK_GONE,
                                     MESSAGE_DIALER, MESSAGE_REVOKER};
    struct link_message in = {.worker = 2, .generation = 99, .before = 98}, out;
    uint8_t memory[64];
    size_t length;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(
            link_message_put(types[i], &in, memory, sizeof(memory), &length),
            0);
        assert_int_equal(message_type(memory, length), types[i]);
        assert_int_equal(link_message_get(&out, memory, length), 0);
        assert_int_equal(out.worker, 2);
        assert_int_equal(out.generation, 99);
        assert_int_equal(out.before, 98);
        check_cuts(memory, length, decode_link_message);
        check_longer(memory, length, decode_link_message);
        check_types(memory, length, decode_link_message, types,
                    sizeof(types) / sizeof(types[0]));
    }
    in.before = 99; /* numbers grow */
    assert_int_equal(
        link_message_put(types[0], &in, memory, sizeof(memory), &length), 0);
    assert_int_equal(link_message_get(&out, memory, length), SP_EPROTO);
    in.before = 0;
    in.worker = LIMIT_WORKERS;
    assert_int_equal(
        link_message_put(MESSAGE_LINK, &in, memory, sizeof(memory), &length),
        0);
    assert_int_equal(link_message_get(&out, memory, length), SP_EPROTO);
}

static void handovers_come_back(void **state)
{
    static const uint16_t types[] = {MESSAGE_HANDOVER, MESSAGE_HANDOVER_ACK};
    uint8_t memory[16] = {0};
    size_t length;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            handover_put(types[i], memory, sizeof(memory), &length), 0);
        assert_int_equal(message_type(memory, length), types[i]);
        assert_int_equal(handover_get(memory, length), 0);
        assert_int_equal(handover_get(memory, length + 1), SP_EPROTO);
        assert_int_equal(handover_get(memory, 1), SP_EPROTO);
    }
    assert_int_equal(ready_put(memory, sizeof(memory), &length), 0);
    assert_int_equal(handover_get(memory, length), SP_EPROTO);
}

static void ready_and_failed_come_back(void **state)
{
    struct failed in = {.retry = true}, out;
    uint8_t memory[64];
    size_t length;

    (void)state;
    strcpy(in.problem, "ledger: no space left: make room");
    ROUND_TRIP(failed, &in, &out, MESSAGE_FAILED);
    assert_true(out.retry);
    assert_string_equal(out.problem, in.problem);
    assert_int_equal(ready_put(memory, sizeof(memory), &length), 0);
    assert_int_equal(ready_get(memory, length), 0);
    memory[length] = 0;
    assert_int_equal(ready_get(memory, length + 1), SP_EPROTO);
    assert_int_equal(ready_get(memory, 1), SP_EPROTO);
}

static struct control_status a_status(uint32_t roles)
{
    struct control_status v = {
        .version = "0.1.0",
        .crypto = "OpenSSL-3;fips=off",
        .ledger = {.known = true,
                   .size = 30,
                   .durable = 20,
                   .published = 10,
                   .policy = 4,
                   .open = 5,
                   .clock = CLOCK_SETTLING,
                   .landlock = 6,
                   .witnesses = 3,
                   .quorum = 2,
                   .cosigned = 9,
                   .alarm = WITNESS_ALARM_FORK,
                   .refusing = true},
        .roles = {.started = 1700000000000,
                  .phase = CONTROL_ENDING,
                  .reloads = 3,
                  .reload_at = 1700000001000,
                  .reload_refused = true,
                  .count = roles},
    };

    for (uint32_t i = 0; i < roles && i < CONTROL_ROLES_MAX; i++) {
        v.roles.roles[i] = (struct control_role){.name = "worker",
                                                 .index = i,
                                                 .pid = 100 + i,
                                                 .generation = i + 1,
                                                 .state = ROLE_STATE_READY};
    }
    return v;
}

static void status_comes_back(void **state)
{
    struct control_status in = a_status(3), out;
    struct control_ledger ledger;
    struct control_roles roles;
    uint8_t memory[CONTROL_MESSAGE_MAX];
    size_t length;

    (void)state;
    ROUND_TRIP(ledger_message, &in.ledger, &ledger, MESSAGE_LEDGER);
    assert_int_equal(ledger.size, 30);
    assert_int_equal(ledger.published, 10);
    ROUND_TRIP(roles_message, &in.roles, &roles, MESSAGE_ROLES);
    assert_int_equal(roles.count, 3);
    assert_int_equal(roles.started, in.roles.started);
    assert_int_equal(roles.phase, CONTROL_ENDING);
    assert_int_equal(roles.reloads, 3);
    assert_int_equal(roles.reload_at, in.roles.reload_at);
    assert_true(roles.reload_refused);
    assert_int_equal(roles.roles[2].pid, 102);
    ROUND_TRIP(answer_status, &in, &out, CONTROL_ANSWER_STATUS);
    assert_string_equal(out.version, "0.1.0");
    assert_string_equal(out.crypto, "OpenSSL-3;fips=off");
    assert_int_equal(out.ledger.clock, CLOCK_SETTLING);
    assert_int_equal(out.ledger.quorum, 2);
    assert_int_equal(out.ledger.cosigned, 9);
    assert_int_equal(out.ledger.alarm, WITNESS_ALARM_FORK);
    assert_true(out.ledger.refusing);
    assert_int_equal(out.roles.roles[1].generation, 2);
    assert_string_equal(out.roles.roles[1].name, "worker");
    assert_int_equal(ask_status_put(memory, sizeof(memory), &length), 0);
    assert_int_equal(ask_status_get(memory, length), 0);
    assert_int_equal(ask_status_get(memory, length - 1), SP_EPROTO);
    assert_int_equal(ask_status_get(memory, length + 1), SP_EPROTO);
}

static int status_decodes(const struct control_status *in)
{
    struct control_status out;
    uint8_t memory[ROOM];
    size_t length;

    assert_int_equal(answer_status_put(in, memory, sizeof(memory), &length), 0);
    return answer_status_get(&out, memory, length);
}

static void status_has_bounds(void **state)
{
    struct control_status v = a_status(CONTROL_ROLES_MAX);
    uint8_t memory[CONTROL_MESSAGE_MAX];
    size_t length;

    (void)state;
    /* The fullest table fits the command's memory. */
    assert_int_equal(answer_status_put(&v, memory, sizeof(memory), &length), 0);
    assert_int_equal(status_decodes(&v), 0);
    v.roles.count = CONTROL_ROLES_MAX + 1;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.ledger.durable = 31;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.ledger.published = 21;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.ledger.clock = CLOCK_SETTLING + 1;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.ledger.quorum = 4;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.ledger.cosigned = 31;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.ledger.alarm = 4;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.roles.roles[0].state = ROLE_STATE_COUNT;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.roles.phase = CONTROL_PHASES;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.roles.reload_at = -1;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    v.roles.roles[0].pid = -1;
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    strcpy(v.roles.roles[0].name, "\033[2J"); /* a terminal's order */
    assert_int_equal(status_decodes(&v), SP_EPROTO);
    v = a_status(1);
    strcpy(v.version, "1\n2");
    assert_int_equal(status_decodes(&v), SP_EPROTO);
}

static struct order an_order(void)
{
    return (struct order){.verb = ORDER_RESUME,
                          .target = "nist-caisi/evaluator-1",
                          .reason = "laptop found",
                          .approval = "untrusted comment: x\nRU\n"};
}

static void orders_come_back(void **state)
{
    static struct order_message in, out;
    struct order_answer_message answer = {
        .ticket = 9,
        .answer = {.error = SP_EEXIST,
                   .n = 7,
                   .cut = 3,
                   .text = "by entry 7",
                   .report = "a:1:2: wrong\nb:3:4: wrong\n"}};
    struct order_answer_message told;
    struct order order = an_order(), heard;
    struct order_answer a;

    (void)state;
    in = (struct order_message){.ticket = 9, .uid = 1000, .order = order};
    ROUND_TRIP(order_message, &in, &out, MESSAGE_ORDER);
    assert_memory_equal(&in, &out, sizeof(in));
    ROUND_TRIP(order_answer_message, &answer, &told, MESSAGE_ANSWER_ORDER);
    assert_memory_equal(&answer, &told, sizeof(told));
    ROUND_TRIP(ask_order, &order, &heard, CONTROL_ASK_ORDER);
    assert_string_equal(heard.target, order.target);
    assert_string_equal(heard.reason, order.reason);
    assert_string_equal(heard.approval, order.approval);
    ROUND_TRIP(answer_order, &answer.answer, &a, CONTROL_ANSWER_ORDER);
    assert_int_equal(a.error, SP_EEXIST);
    assert_int_equal(a.cut, 3);
    assert_string_equal(a.report, answer.answer.report);
}

static int order_decodes(const struct order *v)
{
    uint8_t data[CONTROL_MESSAGE_MAX];
    struct order out;
    size_t length;

    assert_int_equal(ask_order_put(v, data, sizeof(data), &length), 0);
    return ask_order_get(&out, data, length);
}

static void hostile_orders_are_refused(void **state)
{
    static const char *const targets[] = {"",        " ",     "a b",     "a\n",
                                          "\033[2J", "a\x7f", "\xc3\xa4"};
    struct order v;

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        v = an_order();
        strcpy(v.target, targets[i]);
        assert_int_equal(order_decodes(&v), SP_EPROTO);
    }
    v = an_order();
    memset(v.target, 'a', sizeof(v.target) - 1);
    memset(v.reason, ' ', sizeof(v.reason) - 1);
    memset(v.approval, '\n', sizeof(v.approval) - 1);
    assert_int_equal(order_decodes(&v), 0); /* the longest there is */
    strcpy(v.reason, "two\nlines");
    assert_int_equal(order_decodes(&v), SP_EPROTO);
    v.reason[0] = '\0';
    v.verb = ORDER_VERB_COUNT;
    assert_int_equal(order_decodes(&v), SP_EPROTO);
    for (unsigned verb = 0; verb < ORDER_VERB_COUNT; verb++) {
        v = an_order(); /* an approval, and a reason, where none is read */
        v.verb = (enum order_verb)verb;
        assert_int_equal(order_decodes(&v),
                         verb == ORDER_RESUME ? 0 : SP_EPROTO);
        v.approval[0] = '\0';
        assert_int_equal(order_decodes(&v),
                         verb == ORDER_STATEMENT ? SP_EPROTO : 0);
    }
}

static void only_a_drain_has_a_deadline(void **state)
{
    static const struct {
        uint32_t within_ms;
        int drain, other;
    } cases[] = {{0, 0, 0},
                 {1, 0, SP_EPROTO},
                 {ORDER_DRAIN_MAX_MS, 0, SP_EPROTO},
                 {ORDER_DRAIN_MAX_MS + 1, SP_EPROTO, SP_EPROTO},
                 {ORDER_DRAIN_DEFAULT - 1, SP_EPROTO, SP_EPROTO},
                 {ORDER_DRAIN_DEFAULT, 0, SP_EPROTO}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (unsigned verb = 0; verb < ORDER_VERB_COUNT; verb++) {
            struct order v = {.verb = (enum order_verb)verb,
                              .target = ORDER_TARGET_GATEWAY,
                              .within_ms = cases[i].within_ms};

            assert_int_equal(order_decodes(&v), verb == ORDER_DRAIN
                                                    ? cases[i].drain
                                                    : cases[i].other);
        }
}

/* The command prints them on a terminal. */
static void hostile_reports_are_refused(void **state)
{
    static const char *const reports[] = {"\033[2J", "a\tb", "a\x7f",
                                          "\xc3\xa4", "a\r\n"};
    uint8_t data[CONTROL_MESSAGE_MAX];
    size_t length;

    (void)state;
    for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++) {
        struct order_answer a = {0}, told;

        strcpy(a.report, reports[i]);
        assert_int_equal(answer_order_put(&a, data, sizeof(data), &length), 0);
        assert_int_equal(answer_order_get(&told, data, length), SP_EPROTO);
    }
}

static void texts_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        size_t target, reason, approval;
    } sizes[] = {{ORDER_TARGET_SIZE, 0, 0},
                 {1, ORDER_REASON_SIZE, 0},
                 {1, 0, ORDER_APPROVAL_SIZE}};
    static char text[CONTROL_MESSAGE_MAX];
    uint8_t data[CONTROL_MESSAGE_MAX];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct msg_out m;
        struct order out;

        msg_put_begin(&m, data, sizeof(data), CONTROL_ASK_ORDER);
        msg_put_u8(&m, ORDER_RESUME);
        msg_put_bytes(&m, text, sizes[i].target);
        msg_put_bytes(&m, text, sizes[i].reason);
        msg_put_bytes(&m, text, sizes[i].approval);
        msg_put_u32(&m, 0);
        assert_int_equal(msg_put_end(&m), 0);
        assert_int_equal(ask_order_get(&out, data, m.length), SP_EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ask_admit_comes_back),
        cmocka_unit_test(P12_uses_that_no_entry_could_say_are_refused),
        cmocka_unit_test(ask_admit_fits_the_ring),
        cmocka_unit_test(times_before_1970_are_the_beginning),
        cmocka_unit_test(P12_hostile_questions_are_refused),
        cmocka_unit_test(answer_admit_comes_back),
        cmocka_unit_test(P12_parts_are_bounded),
        cmocka_unit_test(P12_acceptances_are_bounded),
        cmocka_unit_test(own_rows_come_back),
        cmocka_unit_test(settle_comes_back),
        cmocka_unit_test(a_transcript_has_commitments),
        cmocka_unit_test(P11_only_the_keeper_says_lost),
        cmocka_unit_test(settle_has_bounds),
        cmocka_unit_test(connection_refused_comes_back),
        cmocka_unit_test(cut_comes_back),
        cmocka_unit_test(P2_a_cut_takes_exactly_its_own),
        cmocka_unit_test(orders_come_back),
        cmocka_unit_test(only_a_drain_has_a_deadline),
        cmocka_unit_test(hostile_reports_are_refused),
        cmocka_unit_test(hostile_orders_are_refused),
        cmocka_unit_test(texts_that_do_not_fit_are_refused),
        cmocka_unit_test(setup_comes_back),
        cmocka_unit_test(dials_come_back),
        cmocka_unit_test(stop_comes_back),
        cmocka_unit_test(listens_come_back),
        cmocka_unit_test(deaths_come_back),
        cmocka_unit_test(transcripts_come_back),
        cmocka_unit_test(reloads_have_a_number),
        cmocka_unit_test(log_files_are_numbers_of_files),
        cmocka_unit_test(witnesses_come_back),
        cmocka_unit_test(links_come_back),
        cmocka_unit_test(handovers_come_back),
        cmocka_unit_test(ready_and_failed_come_back),
        cmocka_unit_test(status_comes_back),
        cmocka_unit_test(status_has_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
