/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of each kind of entry, in the order in which they are written: what
 * docs/ledger.md says, as tables. Runs wherever entries are read or written.
 */
#include "policy/entry_table.h"

#define FIELD(key, type, rule, member)                                         \
    {                                                                          \
        key, LEAD(key), sizeof LEAD(key) - 1, VALUE_##type, rule,              \
            offsetof(struct entry, u.member)                                   \
    }

static const struct field log_opened[] = {
    FIELD("origin", TEXT, ALWAYS, log_opened.origin),
    FIELD("version", TEXT, ALWAYS, log_opened.version),
    FIELD("vkey", TEXT, ALWAYS, log_opened.vkey),
    FIELD("crypto", TEXT, IF_SET, log_opened.crypto),
    {0},
};
static const struct field log_rekeyed[] = {
    FIELD("vkey", TEXT, ALWAYS, log_rekeyed.vkey),
    FIELD("replaces", TEXT, ALWAYS, log_rekeyed.replaces),
    {0},
};
static const struct field policy_loaded[] = {
    FIELD("serial", U32, ALWAYS, policy_loaded.serial),
    FIELD("sha256", HASH, ALWAYS, policy_loaded.sha256),
    FIELD("replaces", HASH, IF_REPLACES, policy_loaded.replaces),
    FIELD("basis", TEXT, IF_SET, policy_loaded.basis),
    FIELD("developer", TEXT, IF_SET, policy_loaded.developer),
    FIELD("author", TEXT, IF_SET, policy_loaded.author),
    FIELD("approvers", TEXT, IF_SET, policy_loaded.approvers),
    {0},
};
static const struct field approvers_set[] = {
    FIELD("required", U32, ALWAYS, approvers_set.required),
    FIELD("valid_ms", I64, ALWAYS, approvers_set.valid_ms),
    FIELD("approvers", TEXT, ALWAYS, approvers_set.approvers),
    FIELD("by", TEXT, IF_SET, approvers_set.by),
    {0},
};
static const struct field window_opened[] = {
    FIELD("window", TEXT, ALWAYS, window_opened.window),
    FIELD("party", TEXT, ALWAYS, window_opened.party),
    FIELD("model", TEXT, ALWAYS, window_opened.model),
    FIELD("opens", I64, ALWAYS, window_opened.opens),
    FIELD("closes", I64, ALWAYS, window_opened.closes),
    FIELD("agreement", TEXT, IF_SET, window_opened.agreement),
    FIELD("agreement_sha256", HASH, IF_AGREEMENT,
          window_opened.agreement_sha256),
    FIELD("selection", TEXT, IF_SET, window_opened.selection),
    FIELD("designation", TEXT, IF_SET, window_opened.designation),
    FIELD("designated_by", TEXT, IF_SET, window_opened.designated_by),
    FIELD("designation_reference", TEXT, IF_SET,
          window_opened.designation_reference),
    {0},
};
static const struct field window_closed[] = {
    FIELD("window", TEXT, ALWAYS, window_closed.window),
    FIELD("cause", TEXT, ALWAYS, window_closed.cause),
    FIELD("operator", OPERATOR, IF_SET, window_closed.by),
    FIELD("reason", TEXT, IF_SET, window_closed.reason),
    {0},
};
#define REQUEST_FIELDS                                                         \
    FIELD("party", TEXT, IF_SET, request.party),                               \
        FIELD("person", TEXT, IF_SET, request.person),                         \
        FIELD("model", TEXT, IF_SET, request.model),                           \
        FIELD("window", TEXT, IF_SET, request.window),                         \
        FIELD("terms", TEXT, IF_SET, request.terms),                           \
        FIELD("method", METHOD, ALWAYS, request.method),                       \
        FIELD("route", ROUTE, ALWAYS, request.route),                          \
        FIELD("dialect", DIALECT, ALWAYS, request.dialect),                    \
        FIELD("fault", REASON, IF_SET, request.fault),                         \
        FIELD("stream", BOOL, ALWAYS, request.stream),                         \
        FIELD("max_tokens", I64, IF_SET, request.max_tokens),                  \
        FIELD("bytes", U64, ALWAYS, request.bytes),                            \
        FIELD("outputs", U32, IF_MANY, request.outputs),                       \
        FIELD("fields", FIELDS, IF_SET, request.fields),                       \
        FIELD("tools", U32, IF_ANY, request.tools),                            \
        FIELD("tool_types", TEXT, IF_SET, request.tool_types),                 \
        FIELD("media", MEDIA, IF_ANY, request.media),                          \
        FIELD("purpose", TEXT, IF_SET, request.purpose),                       \
        FIELD("case", TEXT, IF_SET, request.case_id),                          \
        FIELD("version", TEXT, IF_SET, request.version),                       \
        FIELD("betas", TEXT, IF_SET, request.betas),                           \
        FIELD("address", TEXT, ALWAYS, request.address),                       \
        FIELD("cert_sha256", HASH, ALWAYS, request.cert_sha256),               \
        FIELD("cert_not_before", I64, ALWAYS, request.cert_not_before),        \
        FIELD("cert_not_after", I64, ALWAYS, request.cert_not_after),          \
        FIELD("revocation", REVOCATION, IF_SET, request.revocation),           \
        FIELD("test_pki", BOOL, IF_TRUE, request.test_pki),                    \
        FIELD("policy", U32, ALWAYS, request.policy)
static const struct field request_admitted[] = {
    REQUEST_FIELDS,
    FIELD("deadline", I64, ALWAYS, request.deadline),
    FIELD("reserve_tokens", U64, IF_ANY, request.reserve_tokens),
    FIELD("reserve_input", U64, IF_ANY, request.reserve_input),
    FIELD("reserve_output", U64, IF_ANY, request.reserve_output),
    FIELD("reserve_bytes", U64, IF_ANY, request.reserve_bytes),
    {0},
};
static const struct field request_refused[] = {
    REQUEST_FIELDS,
    FIELD("reason", REASON, ALWAYS, request.reason),
    FIELD("field", TEXT, IF_SET, request.field),
    {0},
};
static const struct field request_closed[] = {
    FIELD("of", U64, ALWAYS, request_closed.of),
    FIELD("cause", CAUSE, ALWAYS, request_closed.cause),
    FIELD("status", U16, ALWAYS, request_closed.status),
    FIELD("asked_bytes", U64, ALWAYS, request_closed.asked_bytes),
    FIELD("answered_bytes", U64, ALWAYS, request_closed.answered_bytes),
    FIELD("content_bytes", U64, IF_ANY, request_closed.content_bytes),
    FIELD("usage", SOURCE, IF_SET, request_closed.source),
    FIELD("input_tokens", U64, IF_ANY, request_closed.input_tokens),
    FIELD("output_tokens", U64, IF_ANY, request_closed.output_tokens),
    FIELD("cached_tokens", U64, IF_ANY, request_closed.cached_tokens),
    FIELD("reasoning_tokens", U64, IF_ANY, request_closed.reasoning_tokens),
    FIELD("finish", TEXT, IF_SET, request_closed.finish),
    FIELD("asked", HASH, IF_COMMITMENTS, request_closed.asked),
    FIELD("answered", HASH, IF_COMMITMENTS, request_closed.answered),
    FIELD("transcript", HASH, IF_TRANSCRIPT, request_closed.transcript),
    {0},
};
static const struct field connection_refused[] = {
    FIELD("address", TEXT, ALWAYS, connection_refused.address),
    FIELD("reason", TEXT, ALWAYS, connection_refused.reason),
    FIELD("count", U32, ALWAYS, connection_refused.count),
    {0},
};
static const struct field clock_anomaly[] = {
    FIELD("what", TEXT, ALWAYS, clock_anomaly.what),
    FIELD("wall", I64, ALWAYS, clock_anomaly.wall),
    {0},
};
static const struct field worker_died[] = {
    FIELD("worker", U32, ALWAYS, worker_died.worker),
    FIELD("status", TEXT, ALWAYS, worker_died.status),
    FIELD("requests", U32, ALWAYS, worker_died.requests),
    {0},
};
static const struct field ledger_resumed[] = {
    FIELD("version", TEXT, ALWAYS, ledger_resumed.version),
    FIELD("cut_bytes", U64, ALWAYS, ledger_resumed.cut_bytes),
    FIELD("requests", U32, ALWAYS, ledger_resumed.requests),
    FIELD("landlock", U32, ALWAYS, ledger_resumed.landlock),
    FIELD("crypto", TEXT, IF_SET, ledger_resumed.crypto),
    {0},
};
static const struct field nda_accepted[] = {
    FIELD("of", U64, ALWAYS, nda_accepted.of),
    FIELD("party", TEXT, ALWAYS, nda_accepted.party),
    FIELD("person", TEXT, ALWAYS, nda_accepted.person),
    FIELD("document", TEXT, ALWAYS, nda_accepted.document),
    FIELD("sha256", HASH, ALWAYS, nda_accepted.sha256),
    FIELD("certificate", TEXT, ALWAYS, nda_accepted.certificate),
    FIELD("signature", TEXT, ALWAYS, nda_accepted.signature),
    FIELD("algorithm", TEXT, ALWAYS, nda_accepted.algorithm),
    {0},
};
static const struct field finding_filed[] = {
    FIELD("of", U64, ALWAYS, finding_filed.of),
    FIELD("part", U32, ALWAYS, finding_filed.part),
    FIELD("parts", U32, ALWAYS, finding_filed.parts),
    FIELD("party", TEXT, ALWAYS, finding_filed.party),
    FIELD("person", TEXT, ALWAYS, finding_filed.person),
    FIELD("sha256", HASH, ALWAYS, finding_filed.sha256),
    FIELD("data", TEXT, ALWAYS, finding_filed.data),
    {0},
};
static const struct field person_suspended[] = {
    FIELD("party", TEXT, ALWAYS, person_suspended.party),
    FIELD("person", TEXT, IF_SET, person_suspended.person),
    FIELD("cause", TEXT, ALWAYS, person_suspended.cause),
    FIELD("operator", OPERATOR, IF_SET, person_suspended.by),
    FIELD("reason", TEXT, IF_SET, person_suspended.reason),
    {0},
};
static const struct field person_resumed[] = {
    FIELD("party", TEXT, ALWAYS, person_resumed.party),
    FIELD("person", TEXT, IF_SET, person_resumed.person),
    FIELD("of", U64, ALWAYS, person_resumed.of),
    FIELD("operator", OPERATOR, IF_SET, person_resumed.by),
    FIELD("approver", TEXT, ALWAYS, person_resumed.approver),
    FIELD("reason", TEXT, IF_SET, person_resumed.reason),
    {0},
};
static const struct field party_revoked[] = {
    FIELD("party", TEXT, ALWAYS, party_revoked.party),
    FIELD("person", TEXT, IF_SET, party_revoked.person),
    FIELD("operator", OPERATOR, IF_SET, party_revoked.by),
    FIELD("reason", TEXT, IF_SET, party_revoked.reason),
    {0},
};
static const struct field model_released[] = {
    FIELD("model", TEXT, ALWAYS, model_released.model),
    FIELD("cause", TEXT, ALWAYS, model_released.cause),
    FIELD("operator", OPERATOR, IF_SET, model_released.by),
    FIELD("reason", TEXT, IF_SET, model_released.reason),
    {0},
};
static const struct field tripwire_alerted[] = {
    FIELD("party", TEXT, ALWAYS, tripwire_alerted.party),
    FIELD("person", TEXT, ALWAYS, tripwire_alerted.person),
    FIELD("tripwire", TEXT, ALWAYS, tripwire_alerted.tripwire),
    FIELD("what", TEXT, ALWAYS, tripwire_alerted.what),
    FIELD("value", U64, ALWAYS, tripwire_alerted.value),
    FIELD("above", U64, ALWAYS, tripwire_alerted.above),
    {0},
};
static const struct field witness_alarm[] = {
    FIELD("what", TEXT, ALWAYS, witness_alarm.what),
    FIELD("witness", TEXT, IF_SET, witness_alarm.witness),
    FIELD("size", U64, ALWAYS, witness_alarm.size),
    FIELD("problem", TEXT, ALWAYS, witness_alarm.problem),
    {0},
};

static const struct field transcript_revealed[] = {
    FIELD("of", U64, ALWAYS, transcript_revealed.of),
    FIELD("operator", OPERATOR, IF_SET, transcript_revealed.by),
    FIELD("reason", TEXT, ALWAYS, transcript_revealed.reason),
    {0},
};

static const struct field snapshot[] = {
    FIELD("size", U64, ALWAYS, snapshot.size),
    FIELD("format", TEXT, ALWAYS, snapshot.format),
    FIELD("sha256", HASH, ALWAYS, snapshot.sha256),
    {0},
};
static const struct field window_statement[] = {
    FIELD("window", TEXT, ALWAYS, window_statement.window),
    FIELD("admitted", U64, ALWAYS, window_statement.admitted),
    FIELD("refused", U64, ALWAYS, window_statement.refused),
    FIELD("input_tokens", U64, ALWAYS, window_statement.input_tokens),
    FIELD("output_tokens", U64, ALWAYS, window_statement.output_tokens),
    FIELD("content_bytes", U64, ALWAYS, window_statement.content_bytes),
    {0},
};
static const struct field window_notice[] = {
    FIELD("window", TEXT, ALWAYS, window_notice.window),
    FIELD("party", TEXT, ALWAYS, window_notice.party),
    FIELD("model", TEXT, ALWAYS, window_notice.model),
    FIELD("closes", I64, ALWAYS, window_notice.closes),
    FIELD("before", I64, ALWAYS, window_notice.before),
    {0},
};
static const struct field certificate_issued[] = {
    FIELD("sha256", HASH, ALWAYS, certificate_issued.sha256),
    FIELD("serial", TEXT, ALWAYS, certificate_issued.serial),
    FIELD("party", TEXT, ALWAYS, certificate_issued.party),
    FIELD("person", TEXT, ALWAYS, certificate_issued.person),
    FIELD("issued", I64, ALWAYS, certificate_issued.issued),
    FIELD("not_after", I64, ALWAYS, certificate_issued.not_after),
    FIELD("profile", TEXT, IF_SET, certificate_issued.profile),
    FIELD("operator", OPERATOR, IF_SET, certificate_issued.by),
    {0},
};
static const struct field certificate_revoked[] = {
    FIELD("sha256", HASH, ALWAYS, certificate_revoked.sha256),
    FIELD("issuer_key", HASH, IF_ISSUER, certificate_revoked.issuer_key),
    FIELD("serial", TEXT, ALWAYS, certificate_revoked.serial),
    FIELD("party", TEXT, ALWAYS, certificate_revoked.party),
    FIELD("person", TEXT, IF_SET, certificate_revoked.person),
    FIELD("not_after", I64, IF_ANY, certificate_revoked.not_after),
    FIELD("cause", TEXT, ALWAYS, certificate_revoked.cause),
    FIELD("reason", TEXT, IF_SET, certificate_revoked.reason),
    FIELD("operator", OPERATOR, IF_SET, certificate_revoked.by),
    FIELD("words", TEXT, IF_SET, certificate_revoked.words),
    {0},
};
static const struct field certificate_matched[] = {
    FIELD("sha256", HASH, ALWAYS, certificate_matched.sha256),
    FIELD("issuer_key", HASH, ALWAYS, certificate_matched.issuer_key),
    FIELD("serial", TEXT, ALWAYS, certificate_matched.serial),
    FIELD("party", TEXT, ALWAYS, certificate_matched.party),
    FIELD("person", TEXT, ALWAYS, certificate_matched.person),
    FIELD("rule", TEXT, ALWAYS, certificate_matched.rule),
    FIELD("matched_sha256", HASH, ALWAYS, certificate_matched.matched_sha256),
    FIELD("policy", TEXT, IF_SET, certificate_matched.policy),
    FIELD("service", BOOL, IF_TRUE, certificate_matched.service),
    FIELD("test_pki", BOOL, IF_TRUE, certificate_matched.test_pki),
    {0},
};
static const struct field crl_loaded[] = {
    FIELD("issuer_key", HASH, ALWAYS, crl_loaded.issuer_key),
    FIELD("sha256", HASH, ALWAYS, crl_loaded.sha256),
    FIELD("number", TEXT, IF_SET, crl_loaded.number),
    FIELD("this_update", I64, ALWAYS, crl_loaded.this_update),
    FIELD("next_update", I64, ALWAYS, crl_loaded.next_update),
    FIELD("count", U32, ALWAYS, crl_loaded.count),
    FIELD("source", TEXT, ALWAYS, crl_loaded.source),
    {0},
};
static const struct field gateway_ordered[] = {
    FIELD("order", TEXT, ALWAYS, gateway_ordered.order),
    FIELD("within_ms", U32, IF_ANY, gateway_ordered.within_ms),
    FIELD("operator", OPERATOR, IF_SET, gateway_ordered.by),
    FIELD("reason", TEXT, IF_SET, gateway_ordered.reason),
    {0},
};
static const struct field nothing[] = {{0}};

const struct kind entry_kinds[ENTRY_KIND_COUNT] = {
    [ENTRY_NONE] = {"none", NULL},
    [ENTRY_LOG_OPENED] = {"log.opened", log_opened},
    [ENTRY_POLICY_LOADED] = {"policy.loaded", policy_loaded},
    [ENTRY_WINDOW_OPENED] = {"window.opened", window_opened},
    [ENTRY_WINDOW_CLOSED] = {"window.closed", window_closed},
    [ENTRY_REQUEST_ADMITTED] = {"request.admitted", request_admitted},
    [ENTRY_REQUEST_REFUSED] = {"request.refused", request_refused},
    [ENTRY_REQUEST_CLOSED] = {"request.closed", request_closed},
    [ENTRY_CONNECTION_REFUSED] = {"connection.refused", connection_refused},
    [ENTRY_CLOCK_ANOMALY] = {"clock.anomaly", clock_anomaly},
    [ENTRY_WORKER_DIED] = {"worker.died", worker_died},
    [ENTRY_LEDGER_RESUMED] = {"ledger.resumed", ledger_resumed},
    [ENTRY_APPROVERS_SET] = {"approvers.set", approvers_set},
    [ENTRY_NDA_ACCEPTED] = {"nda.accepted", nda_accepted},
    [ENTRY_FINDING_FILED] = {"finding.filed", finding_filed},
    [ENTRY_HEARTBEAT] = {"ledger.heartbeat", nothing},
    [ENTRY_PERSON_SUSPENDED] = {"person.suspended", person_suspended},
    [ENTRY_PERSON_RESUMED] = {"person.resumed", person_resumed},
    [ENTRY_PARTY_REVOKED] = {"party.revoked", party_revoked},
    [ENTRY_MODEL_RELEASED] = {"model.released", model_released},
    [ENTRY_TRIPWIRE_ALERTED] = {"tripwire.alerted", tripwire_alerted},
    [ENTRY_WITNESS_ALARM] = {"witness.alarm", witness_alarm},
    [ENTRY_TRANSCRIPT_REVEALED] = {"transcript.revealed", transcript_revealed},
    [ENTRY_SNAPSHOT] = {"snapshot", snapshot},
    [ENTRY_WINDOW_STATEMENT] = {"window.statement", window_statement},
    [ENTRY_WINDOW_NOTICE] = {"window.notice", window_notice},
    [ENTRY_LOG_REKEYED] = {"log.rekeyed", log_rekeyed},
    [ENTRY_CERTIFICATE_ISSUED] = {"certificate.issued", certificate_issued},
    [ENTRY_CERTIFICATE_REVOKED] = {"certificate.revoked", certificate_revoked},
    [ENTRY_CERTIFICATE_MATCHED] = {"certificate.matched", certificate_matched},
    [ENTRY_CRL_LOADED] = {"crl.loaded", crl_loaded},
    [ENTRY_GATEWAY_ORDERED] = {"gateway.ordered", gateway_ordered},
};
