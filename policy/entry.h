/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's entries as the product understands them: one struct per kind,
 * written as one JSON object on one line with keys in a fixed order, and read
 * back strictly. docs/ledger.md has each kind with an example.
 *
 * Texts are pointers: into the caller's memory when encoding, into the
 * decoder's scratch memory when decoding (struct entry_reader).
 */
#ifndef SP_POLICY_ENTRY_H
#define SP_POLICY_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/json.h"
#include "lib/limits.h"
#include "lib/revocation.h"
#include "policy/field.h"
#include "policy/reason.h"
#include "policy/route.h"

enum entry_kind {
    ENTRY_NONE,
    ENTRY_LOG_OPENED,         /* log.opened */
    ENTRY_POLICY_LOADED,      /* policy.loaded */
    ENTRY_WINDOW_OPENED,      /* window.opened */
    ENTRY_WINDOW_CLOSED,      /* window.closed */
    ENTRY_REQUEST_ADMITTED,   /* request.admitted */
    ENTRY_REQUEST_REFUSED,    /* request.refused */
    ENTRY_REQUEST_CLOSED,     /* request.closed */
    ENTRY_CONNECTION_REFUSED, /* connection.refused */
    ENTRY_CLOCK_ANOMALY,      /* clock.anomaly */
    ENTRY_WORKER_DIED,        /* worker.died */
    ENTRY_LEDGER_RESUMED,     /* ledger.resumed */
    ENTRY_APPROVERS_SET,      /* approvers.set */
    ENTRY_NDA_ACCEPTED,       /* nda.accepted */
    ENTRY_FINDING_FILED,      /* finding.filed */
    ENTRY_TRIPWIRE_ALERTED,   /* tripwire.alerted */
    ENTRY_HEARTBEAT,        /* ledger.heartbeat, every 10 minutes of silence */
    ENTRY_PERSON_SUSPENDED, /* person.suspended: also a whole party */
    ENTRY_PERSON_RESUMED,   /* person.resumed */
    ENTRY_PARTY_REVOKED,    /* party.revoked: also one of its people */
    ENTRY_MODEL_RELEASED,   /* model.released */
    ENTRY_WITNESS_ALARM,    /* witness.alarm */
    ENTRY_TRANSCRIPT_REVEALED, /* transcript.revealed */
    ENTRY_SNAPSHOT,            /* snapshot */
    ENTRY_WINDOW_STATEMENT,    /* window.statement */
    ENTRY_LOG_REKEYED,         /* log.rekeyed */
    ENTRY_CERTIFICATE_ISSUED,  /* certificate.issued */
    ENTRY_CERTIFICATE_REVOKED, /* certificate.revoked */
    ENTRY_CERTIFICATE_MATCHED, /* certificate.matched */
    ENTRY_CRL_LOADED,          /* crl.loaded */
    ENTRY_GATEWAY_ORDERED,     /* gateway.ordered */
    ENTRY_WINDOW_NOTICE,       /* window.notice */
    ENTRY_KIND_COUNT
};

struct entry_log_opened {
    const char *origin, *version;
    const char *vkey;
    const char *crypto; /* library, provider, FIPS; NULL: not said */
};

/* Another key signs the heads that cover this entry. */
struct entry_log_rekeyed {
    const char *vkey, *replaces;
};

struct entry_policy_loaded {
    uint32_t serial;
    uint8_t sha256[32];
    bool has_replaces;
    uint8_t replaces[32];
    const char *basis, *developer; /* NULL if absent */
    const char *author;            /* NULL if absent */
    const char *approvers;         /* "name:KEYID,…" of those that count */
};

/* Who may approve from now on (policy/approvers.h). */
struct entry_approvers_set {
    uint32_t required;
    int64_t valid_ms;
    const char *approvers; /* "name:RWkey,…", sorted by name */
    const char *by; /* of the set before, who approved; NULL: the first */
};

struct entry_window_opened {
    const char *window, *party, *model;
    const char *agreement, *selection; /* of the policy, or NULL */
    uint8_t agreement_sha256[32];
    const char *designation, *designated_by, *designation_reference;
    int64_t opens, closes; /* closes: what holds, with P3 applied */
};

/* An open window ends soon: `before` its end, if not later, was the time to
 * say so. Once for each time and end. */
struct entry_window_notice {
    const char *window, *party, *model;
    int64_t closes; /* ms UTC, with P3 applied */
    int64_t before; /* ms */
};

/* What was done in a window that has ended, said once all of it has an end. */
struct entry_window_statement {
    const char *window;
    uint64_t admitted, refused; /* requests, under any terms */
    uint64_t input_tokens, output_tokens, content_bytes; /* as in their ends */
};

/* Who gave an order: the uid at the control socket, by the kernel's word. */
struct entry_operator {
    bool known; /* false: nobody did (time, a tripwire) */
    uint32_t uid;
};

struct entry_window_closed {
    const char *window;
    const char *cause;        /* "expired", "policy", "order", "released" */
    struct entry_operator by; /* of an order */
    const char *reason;       /* the operator's words, or NULL */
};

/* `person` NULL: the whole party. The standing holds causes and operators to
 * each other. */
struct entry_person_suspended {
    const char *party, *person;
    const char *cause; /* "order", "tripwire:<name>" */
    struct entry_operator by;
    const char *reason; /* the operator's words, or NULL */
};

struct entry_person_resumed {
    const char *party, *person;
    uint64_t of; /* the entry of the suspension that ends */
    struct entry_operator by;
    const char *approver; /* "<name>:<key id>": the second person */
    const char *reason;
};

struct entry_party_revoked {
    const char *party, *person;
    struct entry_operator by;
    const char *reason;
};

struct entry_model_released {
    const char *model;
    const char *cause; /* "order", "time" */
    struct entry_operator by;
    const char *reason;
};

/* Two officers are about to open it (docs/transcripts.md). */
struct entry_transcript_revealed {
    uint64_t of; /* the request whose it is */
    struct entry_operator by;
    const char *reason;
};

/* What an operator wants of the gateway itself, before it is done. */
#define ENTRY_DRAIN_MAX_MS 3600000
struct entry_gateway_ordered {
    const char *order; /* "reload", "drain" */
    uint32_t within_ms; /* drain: what is open may go on for so long, at most
                           ENTRY_DRAIN_MAX_MS; else 0 */
    struct entry_operator by;
    const char *reason; /* the operator's words, or NULL */
};

/* Facts and, for an admitted one, what was granted; for a refused one why. */
struct entry_request {
    const char *party, *person; /* NULL: nobody we know */
    const char *model;          /* as asked; NULL if not read */
    const char *window, *terms; /* NULL if the decision did not get so far */
    enum method method;
    enum route route;
    enum dialect dialect;
    enum reason fault; /* of the facts */
    bool stream;
    int64_t max_tokens; /* -1: none */
    uint64_t bytes;
    uint32_t outputs;
    const struct field_set *fields; /* NULL: none that a rule can be made for */
    uint32_t tools;
    const char *tool_types; /* NULL if absent, as those below */
    uint8_t media;
    const char *purpose, *case_id, *version, *betas;
    const char *address;
    uint8_t cert_sha256[32];
    int64_t cert_not_before, cert_not_after;
    enum revocation revocation;
    bool test_pki;    /* the certificate is of a PKI for tests */
    uint32_t policy;  /* serial */
    int64_t deadline; /* admitted only, as those below */
    uint64_t reserve_tokens, reserve_input, reserve_output, reserve_bytes;
    enum reason reason; /* refused only */
    const char *field;  /* refused only: which one, or NULL */
};

/* Where counts of tokens come from. */
enum usage_source {
    USAGE_NONE,      /* the model was not reached: there are none */
    USAGE_REPORTED,  /* the endpoint said them */
    USAGE_ESTIMATED, /* it did not, or not all: a quarter of the bytes */
    USAGE_UNKNOWN,   /* it was asked, and nobody saw an answer: what was
                        reserved is charged, at least the question */
    USAGE_COUNT
};

struct entry_request_closed {
    uint64_t of; /* the admitted entry */
    enum cause cause;
    uint16_t status; /* what the client was told; 0 if nothing */
    uint64_t asked_bytes, answered_bytes;
    uint64_t content_bytes; /* of the answer, what the model said */
    uint64_t input_tokens, output_tokens, cached_tokens, reasoning_tokens;
    enum usage_source source;
    const char *finish; /* why the model stopped, in its API's word, or NULL */
    bool has_commitments;
    uint8_t asked[32], answered[32]; /* BLAKE2b-256(salt ‖ body) */
    bool has_transcript;
    uint8_t transcript[32]; /* SHA-256 of the sealed file */
};

struct entry_connection_refused {
    const char *address;
    const char *reason; /* "no_certificate", "untrusted", "tls", "limit" … */
    uint32_t count;     /* how many since the last such entry */
};

struct entry_clock_anomaly {
    const char *what; /* "behind", "step_back", "step_forward", "recovered" */
    int64_t wall;     /* what the wall clock said */
};

struct entry_worker_died {
    uint32_t worker;
    const char *status; /* "signal=11" */
    uint32_t requests;  /* that were open and are now closed as lost */
};

struct entry_ledger_resumed {
    const char *version;
    uint64_t cut_bytes; /* of a torn write that were dropped */
    uint32_t requests;  /* open ones that are now closed as lost */
    uint32_t landlock;  /* the kernel's ABI version, 0: none (downgrade) */
    const char *crypto; /* as in log.opened */
};

/* Whoever has this can verify it alone (docs/nda.md). */
struct entry_nda_accepted {
    uint64_t of; /* the admitted request that brought it */
    const char *party, *person, *document;
    uint8_t sha256[32];      /* of the document's bytes */
    const char *certificate; /* base64 of its DER */
    const char *signature;   /* base64 */
    const char *algorithm;
};

/* One part of a sealed finding; its name is the request that brought it. */
struct entry_finding_filed {
    uint64_t of;
    uint32_t part, parts; /* 1 … */
    const char *party, *person;
    uint8_t sha256[32]; /* of the whole ciphertext */
    const char *data;   /* base64 of this part of it */
};

/* A tripwire whose action is to tell. */
struct entry_tripwire_alerted {
    const char *party, *person, *tripwire;
    const char *what; /* "tokens_per_hour" */
    uint64_t value, above;
};

/* What witnesses of this ledger said, or did not say in time. */
struct entry_witness_alarm {
    const char *what;    /* "fork", "missing", "met" (again) */
    const char *witness; /* of a fork: its name in the settings; else NULL */
    uint64_t size;       /* of the head that it is about */
    const char *problem;
};

/* The standing that follows from the entries before this one, in a file. */
struct entry_snapshot {
    uint64_t size;      /* how many: this entry's own index */
    const char *format; /* of policy/standing_snapshot.h */
    uint8_t sha256[32]; /* of the file */
};

/* A certificate of the deployment's authority, when the keeper first hears of
 * it. Serials are lower-case hex of the magnitude, at most 40 digits. */
struct entry_certificate_issued {
    uint8_t sha256[32]; /* of its DER, as everywhere */
    const char *serial;
    const char *party, *person;
    int64_t issued; /* when, as the authority says */
    int64_t not_after;
    const char *profile;      /* or NULL */
    struct entry_operator by; /* unknown: the authority's index says so */
};

/* A certificate that nothing is admitted with any more, for ever. */
struct entry_certificate_revoked {
    uint8_t sha256[32];
    bool has_issuer; /* if a list or responder said it: SHA-256 of the issuer's
                      */
    uint8_t issuer_key[32]; /* SubjectPublicKeyInfo */
    const char *serial;
    const char *party, *person; /* person: NULL if unknown */
    const char *cause;          /* "crl", "ocsp", "authority", "window_ended",
                                   "access_revoked" */
    int64_t not_after;          /* 0: unknown */
    const char *reason; /* RFC 5280's CRLReason in its own words, or NULL */
    struct entry_operator by; /* of an order */
    const char *words;        /* the operator's, or NULL */
};

/* What a certificate was recognised by, when a person's is first seen. */
struct entry_certificate_matched {
    uint8_t sha256[32];
    uint8_t issuer_key[32];
    const char *serial;
    const char *party, *person;
    const char *rule; /* "issuer_subject", "upn" …: the key in the policy */
    uint8_t matched_sha256[32]; /* of what that is in the certificate */
    const char *policy;         /* the policy OID that counted, or NULL */
    bool service, test_pki;
};

/* A revocation list that counts from here on. */
struct entry_crl_loaded {
    uint8_t issuer_key[32];
    uint8_t sha256[32]; /* of its DER */
    const char *number; /* decimal, at most 40 digits, or NULL */
    int64_t this_update, next_update;
    uint32_t count;     /* of certificates that it revokes */
    const char *source; /* "file", "fetched", "authority" */
};

struct entry {
    uint64_t n;
    int64_t t; /* ms UTC */
    enum entry_kind kind;
    union {
        struct entry_log_opened log_opened;
        struct entry_log_rekeyed log_rekeyed;
        struct entry_policy_loaded policy_loaded;
        struct entry_approvers_set approvers_set;
        struct entry_window_opened window_opened;
        struct entry_window_closed window_closed;
        struct entry_request request;
        struct entry_request_closed request_closed;
        struct entry_connection_refused connection_refused;
        struct entry_clock_anomaly clock_anomaly;
        struct entry_worker_died worker_died;
        struct entry_ledger_resumed ledger_resumed;
        struct entry_nda_accepted nda_accepted;
        struct entry_finding_filed finding_filed;
        struct entry_person_suspended person_suspended;
        struct entry_person_resumed person_resumed;
        struct entry_party_revoked party_revoked;
        struct entry_model_released model_released;
        struct entry_transcript_revealed transcript_revealed;
        struct entry_tripwire_alerted tripwire_alerted;
        struct entry_witness_alarm witness_alarm;
        struct entry_snapshot snapshot;
        struct entry_window_statement window_statement;
        struct entry_window_notice window_notice;
        struct entry_certificate_issued certificate_issued;
        struct entry_certificate_revoked certificate_revoked;
        struct entry_certificate_matched certificate_matched;
        struct entry_crl_loaded crl_loaded;
        struct entry_gateway_ordered gateway_ordered;
    } u;
};

const char *entry_kind_text(enum entry_kind kind);

/* Whether an entry says itself that it is about this party; of what belongs to
 * a request, the request says it. */
bool entry_is_of_party(const struct entry *e, const char *party);
/* The request that an end, or an opening of its transcript, belongs to;
 * UINT64_MAX: another kind. */
uint64_t entry_request(const struct entry *e);

/* Writes the line without a newline. SP_ETOOBIG: longer than `size`, or a
 * text that must be there is NULL, or a time is negative. Longest: a
 * finding's part, 12 KiB; all others stay below 8. */
int entry_encode(const struct entry *e, char *line, size_t size,
                 size_t *length) SP_MUST_USE;

/* Decoding needs memory for texts that lives until the next call. */
struct entry_reader {
    char text[LIMIT_ENTRY_BYTES];
    size_t used;
    struct field_set fields;
};

void entry_reader_init(struct entry_reader *r);
void entry_reader_release(struct entry_reader *r);
/* Strict: unknown kinds, missing, unknown or misplaced keys, white space and
 * any other spelling than entry_encode()'s are SP_EINVAL; SP_ENOMEM. */
int entry_decode(struct entry_reader *r, const char *line, size_t length,
                 struct entry *e) SP_MUST_USE;

#endif
