/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes to every decoder. What a decoder accepts must encode to the same
 * bytes again (one meaning, P10), and a question that it accepts must become
 * an entry that can be written and read back: a hostile worker must not be
 * able to put into the ledger what a replay would choke on (P5).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/messages.h"
#include "gateway/notice.h"
#include "gateway/metrics_messages.h"
#include "gateway/own_messages.h"
#include "gateway/revocation_messages.h"
#include "gateway/witness_messages.h"
#include "policy/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void must(bool holds)
{
    if (!holds)
        abort();
}

#define SAME(name, type)                                                       \
    do {                                                                       \
        static struct type v;                                                  \
        static uint8_t again[65536];                                           \
        size_t n;                                                              \
        if (name##_get(&v, data, length) == 0) {                               \
            must(name##_put(&v, again, sizeof(again), &n) == 0);               \
            must(n == length && memcmp(again, data, n) == 0);                  \
        }                                                                      \
    } while (0)

static void entry_is_replayable(const struct entry *e)
{
    static char line[LIMIT_ENTRY_BYTES];
    struct entry_reader reader;
    struct entry back;
    size_t length;

    must(entry_encode(e, line, sizeof(line), &length) == 0);
    entry_reader_init(&reader);
    must(entry_decode(&reader, line, length, &back) == 0);
    entry_reader_release(&reader);
}

static void question_is_recordable(const uint8_t *data, size_t length)
{
    struct ask_admit v;
    struct entry e = {.n = 1, .t = 1, .kind = ENTRY_REQUEST_REFUSED};

    if (ask_admit_get(&v, data, length) != 0)
        return;
    e.u.request = (struct entry_request){
        .model = v.facts.model[0] != '\0' ? v.facts.model : NULL,
        .method = v.facts.method,
        .route = v.facts.route,
        .dialect = v.facts.dialect,
        .fault = v.facts.fault,
        .stream = v.facts.stream,
        .max_tokens = v.facts.max_tokens,
        .bytes = v.facts.body_bytes,
        .address = v.facts.address,
        .cert_not_before = v.facts.cert_not_before,
        .cert_not_after = v.facts.cert_not_after,
        .policy = v.policy,
        .reason = REASON_IDENTITY_UNMAPPED,
    };
    entry_is_replayable(&e);
}

static void end_is_recordable(const uint8_t *data, size_t length)
{
    struct settle v;
    struct entry e = {.n = 1, .t = 1, .kind = ENTRY_REQUEST_CLOSED};

    if (settle_get(&v, data, length) != 0 || v.n > INT64_MAX)
        return;
    e.u.request_closed = (struct entry_request_closed){
        .of = v.n,
        .cause = v.cause,
        .status = v.status,
        .asked_bytes = v.asked_bytes,
        .answered_bytes = v.answered_bytes,
        .has_commitments = v.has_commitments,
        .has_transcript = v.has_transcript,
    };
    entry_is_replayable(&e);
}

static void set_is_same(const uint8_t *data, size_t length)
{
    struct revocations_number v;
    uint8_t again[64];
    size_t n;

    if (revocations_number_get(&v, data, length) != 0)
        return;
    must(revocations_number_put(message_type(data, length), &v, again,
                                sizeof(again), &n) == 0);
    must(n == length && memcmp(again, data, n) == 0);
}

/* An answer of the keeper's: each row that is read is written the same. */
static void standings_are_same(const uint8_t *data, size_t length)
{
    static struct standings_row row;
    static uint8_t again[65536];
    struct standings_head head;
    struct msg_out out;
    struct msg_in in;

    if (standings_head_get(&in, &head, data, length) != 0)
        return;
    msg_put_begin(&out, again, sizeof(again), MESSAGE_ANSWER_STANDINGS);
    standings_head_put(&out, &head);
    while (in.position < in.length) {
        if (standings_row_get(&in, &row) != 0)
            return;
        must(standings_row_put(&out, &row) == 0);
    }
    must(out.length == length && memcmp(again, data, length) == 0);
}

static void list_is_recordable(const uint8_t *data, size_t length)
{
    struct crl_loaded v;
    struct entry e = {.n = 1, .t = 1, .kind = ENTRY_CRL_LOADED};

    if (crl_loaded_get(&v, data, length) != 0)
        return;
    e.u.crl_loaded = (struct entry_crl_loaded){
        .number = v.number[0] != '\0' ? v.number : NULL,
        .this_update = v.this_update,
        .next_update = v.next_update,
        .count = v.count,
        .source = "fetched",
    };
    memcpy(e.u.crl_loaded.issuer_key, v.issuer_key, 32);
    memcpy(e.u.crl_loaded.sha256, v.sha256, 32);
    entry_is_replayable(&e);
}

/* What the supervisor takes it can tell, in one line of printable ASCII. */
static void notice_is_tellable(const uint8_t *data, size_t length)
{
    static char memory[NOTICE_BYTES];
    struct notice v;
    struct text t;

    if (notice_get(&v, data, length) != 0)
        return;
    text_init(&t, memory, sizeof(memory));
    notice_json(&t, &v, "deployment", NULL);
    must(text_end(&t) == 0 &&
         memchr(t.data, '\n', t.length) == t.data + t.length - 1);
    text_init(&t, memory, sizeof(memory));
    notice_syslog(&t, &v, "deployment");
    must(text_end(&t) == 0);
    for (size_t i = 0; i < t.length; i++)
        must(t.data[i] >= 0x20 && t.data[i] <= 0x7e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    SAME(ask_admit, ask_admit);
    SAME(answer_admit, answer_admit);
    SAME(settle, settle);
    SAME(connection_refused, connection_refused);
    SAME(cut, cut);
    SAME(setup, setup);
    SAME(ask_dial, ask_dial);
    SAME(answer_dial, answer_dial);
    SAME(stop, stop);
    SAME(worker_died, worker_died);
    SAME(worker_broken, worker_broken);
    SAME(ask_transcript, ask_transcript);
    SAME(transcript_file, transcript_file);
    SAME(ask_log_file, ask_log_file);
    SAME(log_file, log_file);
    SAME(failed, failed);
    SAME(ledger_message, control_ledger);
    SAME(roles_message, control_roles);
    SAME(witness_channel, witness_channel);
    SAME(ask_witness, ask_witness);
    SAME(answer_witness, answer_witness);
    SAME(own_part, own_part);
    SAME(own_acceptance, own_acceptance);
    SAME(own_window, own_window);
    SAME(own_document, own_document);
    SAME(answer_status, control_status);
    SAME(order_message, order_message);
    SAME(order_answer_message, order_answer_message);
    SAME(ask_order, order);
    SAME(answer_order, order_answer);
    SAME(fetch_channel, fetch_channel);
    SAME(ask_fetch, ask_fetch);
    SAME(answer_fetch, answer_fetch);
    SAME(ask_revocation, ask_revocation);
    SAME(answer_revocation, answer_revocation);
    SAME(crl_file, crl_file);
    SAME(crl_loaded, crl_loaded);
    SAME(certificate_matched, certificate_matched);
    SAME(certificate_is_revoked, certificate_is_revoked);
    SAME(notice, notice);
    notice_is_tellable(data, length);
    SAME(metrics_page_message, metrics_page_message);
    SAME(ask_standings, ask_standings);
    SAME(list_ages, list_ages);
    set_is_same(data, length);
    standings_are_same(data, length);
    list_is_recordable(data, length);
    question_is_recordable(data, length);
    end_is_recordable(data, length);
    return 0;
}
