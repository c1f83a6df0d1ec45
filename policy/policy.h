/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy: who may reach which model, when, on what terms. Made from YAML by
 * policy_parse() through a schema table; immutable afterwards. Indices into
 * its arrays are what messages between processes carry, always together with
 * the policy's number in this run, so that they cannot be mixed up.
 *
 * Runs in the supervisor (errors for the operator) and again in every role
 * from the supervisor's snapshot: one parser, one meaning.
 */
#ifndef SP_POLICY_POLICY_H
#define SP_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "lib/report.h"
#include "policy/field.h"
#include "policy/hours.h"
#include "policy/network.h"
#include "policy/route.h"
#include "policy/spent.h"
#include "policy/watch.h"

enum party_kind {
    PARTY_GOVERNMENT,
    PARTY_STATE_LOCAL,
    PARTY_CRITICAL_INFRASTRUCTURE,
    PARTY_TRUSTED_PARTNER,
    PARTY_AUDITOR
};

/* Whether others may use a model while governments still may or will. */
enum policy_sequence { SEQUENCE_GOVERNMENT_FIRST, SEQUENCE_CONCURRENT };

/* What is kept of what was said; each keeps what the one before does. */
enum policy_transcripts {
    TRANSCRIPTS_NONE,       /* sizes */
    TRANSCRIPTS_COMMITMENT, /* salted commitments in the ledger */
    TRANSCRIPTS_SEALED      /* a file that only the party can open */
};

enum person_kind { PERSON_HUMAN, PERSON_SERVICE };

/* How a person's certificate is recognised (docs/certificates.md). */
enum policy_match {
    MATCH_NONE, /* of a policy with errors only */
    MATCH_ISSUER_SUBJECT,
    MATCH_SPKI,
    MATCH_URI,
    MATCH_SERIAL,
    MATCH_UUID,
    MATCH_EMAIL,
    MATCH_UPN,
    MATCH_EDIPI,
    MATCH_FASCN,
    MATCH_COUNT
};

/* A certificate policy that a party's certificates may be under. */
#define POLICY_CERTIFICATES_MAX 64
struct policy_certificate {
    char *oid;
    bool service; /* it is devices', not people's */
};

enum endpoint_scheme { ENDPOINT_HTTP, ENDPOINT_HTTPS, ENDPOINT_UNIX };

struct policy_endpoint {
    char *url; /* as written */
    enum endpoint_scheme scheme;
    char *host; /* name or address; NULL for unix */
    uint16_t port;
    char *path; /* unix: the socket's path; else "" or a prefix
                   without a trailing slash */
};

struct policy_model {
    char *name;          /* what clients say */
    char *upstream_name; /* what the endpoint is told; never shown */
    struct policy_endpoint *endpoints;
    size_t nendpoints;
    char *ca;         /* name of the anchors' file, NULL: system's none */
    char *credential; /* name in sallyport.yaml, or NULL */
    char *client_certificate; /* the same, of a certificate; for https */
    uint32_t apis;            /* bit per enum route that its `apis` allow */
    char *build;              /* or NULL */
    char *designation;        /* "status", "by" and "reference", or NULL: */
    char *designated_by, *designation_reference;
    struct budget budget; /* of all parties and windows together */
    int64_t release;      /* ms UTC; windows of the model end there at the
                             latest (`closes` has it applied). INT64_MAX:
                             none set */
};

/* Who is asked whether a certificate of a party has been revoked. */
enum policy_revocation_mode {
    POLICY_REVOCATION_NONE, /* nobody: lists of the policy's and responders */
    POLICY_REVOCATION_CRL,
    POLICY_REVOCATION_OCSP,
    POLICY_REVOCATION_OCSP_THEN_CRL /* lists where no responder answers */
};

struct policy_revocation {
    enum policy_revocation_mode mode;
    char *crl;    /* name of a file of lists, PEM or DER, or NULL */
    char **fetch; /* http:// URLs of lists */
    size_t nfetch;
    char **hosts; /* lower case; that URLs in certificates may point to */
    size_t nhosts;
    char *responder;       /* http:// URL that is asked instead, or NULL */
    int64_t max_age_ms;    /* an older answer or list says nothing */
    int64_t ocsp_cache_ms; /* an answer is asked for again after that */
    int64_t timeout_ms;    /* of one question to a responder */
};

/* Where a party hears of what concerns it (docs/notices.md). */
struct policy_notices {
    char **addresses; /* URIs for the hook */
    size_t naddresses;
    char *syslog; /* "unix:/PATH", or NULL */
};
/* Of such a PATH: as much as a socket's address holds. */
#define SYSLOG_PATH_MAX 107
bool syslog_path_is_good(const char *text);

struct policy_party {
    char *name;
    enum party_kind kind;
    char *anchors;       /* "ca" (the deployment's own) or a file's name */
    char *intermediates; /* a file's name or NULL */
    bool has_anchors_sha256;
    uint8_t anchors_sha256[32]; /* that the anchors' file must have */
    /* One of them must hold for a certificate's chain; none: none is asked. */
    struct policy_certificate *certificates;
    size_t ncertificates;
    bool any_eku;             /* clientAuth may be left unsaid */
    struct network *networks; /* where its people come from; none: anywhere */
    size_t nnetworks;
    struct hours hours; /* when they may come */
    struct policy_revocation revocation;
    struct policy_notices notices;
    char *selection; /* its reference, or NULL */
    bool has_sealing_key;
    uint8_t sealing_key[32]; /* X25519: its transcripts are sealed to it */
    uint32_t first;          /* of its people, who are one behind the other */
    uint32_t npeople;
    const struct policy_tripwire **tripwires; /* of all terms of its windows */
    size_t ntripwires;
    /* Of an auditor: the parties whose entries it may read; none: all of them,
     * and the ledger as a whole. */
    uint32_t *scope;
    size_t nscope;
};

/* Exactly one of the four texts is set, as `match` says. */
struct policy_person {
    char *name;
    uint32_t party;
    enum person_kind kind;
    char *custodian;      /* of a service; NULL for a human */
    char *issuer_subject; /* "SUBJECT | ISSUER", RFC 2253 as OpenSSL prints */
    uint8_t *spki_sha256; /* 32 bytes */
    char *san_uri;
    char *other;  /* the text of any other kind of match */
    char *policy; /* the one of the party's that must hold, or NULL */
    enum policy_match match;
};

/* What happens to a field of a request. */
enum field_action {
    FIELD_ALLOW,
    FIELD_DENY,
    FIELD_STRIP, /* taken out of what is forwarded */
    FIELD_LIMIT  /* allowed up to a number */
};

struct policy_force {
    uint16_t field;
    char *json; /* the value as JSON; never an object that has fields */
};

/* What suspends a person, or is told of, when a value is above a limit. */
struct policy_tripwire {
    char *name;
    enum watch_value value;
    uint64_t above;
    bool suspends;
};

enum purpose_rule { PURPOSE_IGNORED, PURPOSE_OPTIONAL, PURPOSE_REQUIRED };
/* What people accept before they use a model. */
struct policy_document {
    char *name;
    char *file;         /* its name; the bytes are in the fileset */
    uint8_t sha256[32]; /* of these bytes: its version */
};

#define POLICY_NO_DOCUMENT UINT32_MAX

/* -1 in any limit: none set. */
struct policy_terms {
    char *name;
    uint32_t uses; /* bit per enum route */
    uint32_t nda;  /* index of a document, POLICY_NO_DOCUMENT */

    /* fields: for every row of the table what happens to it */
    uint8_t action[FIELD_MAX];    /* enum field_action */
    int64_t most[FIELD_MAX];      /* FIELD_LIMIT: millionths */
    uint64_t strip[FIELD_WORDS];  /* those with FIELD_STRIP */
    int64_t ceiling[ROUTE_COUNT]; /* the largest whole token ceiling that these
                                     fields allow on a route; -1: none set */
    struct policy_force *forces;
    size_t nforces;

    char **tool_types; /* exact, or with a '*' at the end */
    size_t ntool_types;
    int64_t tools_max;
    bool data_urls, remote_urls; /* media that may be in a request */

    enum purpose_rule purpose, case_id;
    char **purposes; /* allowed ones; none listed: any */
    size_t npurposes;
    char **versions; /* of anthropic-version */
    size_t nversions;
    char **betas; /* of anthropic-beta */
    size_t nbetas;

    bool answer_json, answer_events; /* types of answers that pass */
    char **removed;                  /* members of answers; NULL-terminated */
    bool strip_reasoning;
    int64_t coalesce_ms; /* events are held together for so long; 0 */
    int64_t padding;     /* TLS records are padded to multiples; 0 */

    struct policy_tripwire *tripwires;
    size_t ntripwires;
    char *marking; /* value of x-sallyport-marking, or NULL */
    enum policy_transcripts transcripts;

    int64_t request_bytes;    /* ≤ LIMIT_BODY_BYTES; default 16 MiB */
    int64_t request_ms;       /* longest duration of one request */
    int64_t request_tokens;   /* reserved for one that names no ceiling */
    int64_t answer_bytes;     /* the largest answer */
    struct budget window;     /* under these terms in one window, all people
                                 together */
    struct budget person;     /* of one person: totals under these terms in one
                                 window; what is per minute and concurrent
                                 whatever the window */
    int64_t person_addresses; /* that one person's open requests come from */
};

struct policy_window {
    char *id; /* "<party>/<model>/<opens as UTC>", unique */
    uint32_t party;
    uint32_t model;
    int64_t opens;   /* ms UTC */
    int64_t closes;  /* ms UTC, ≤ opens + 30 × 24 h */
    char *agreement; /* its id, or NULL */
    uint8_t agreement_sha256[32];
    uint32_t *terms; /* indices; no route is in two of them */
    size_t nterms;
    int64_t notify[LIMIT_WINDOW_NOTICES]; /* ms before its end, the longest
                                             first; less than it lasts */
    size_t nnotify;
};

struct policy {
    uint32_t serial;
    uint8_t sha256[32]; /* of the YAML file's exact bytes */
    bool has_replaces;
    uint8_t replaces[32];
    char *basis; /* "voluntary" … or NULL */
    char *developer;
    char *author; /* an approver who does not count, or NULL */
    enum policy_sequence sequence;
    bool has_findings;        /* findings are taken, sealed to: */
    uint8_t findings_key[32]; /* X25519 */
    int64_t findings_max;     /* bytes of one, before it is sealed */
    bool has_escrow;          /* transcripts are sealed to these two, too, */
    uint8_t escrow[2][32];    /* who open them together */
    struct policy_document *documents;
    size_t ndocuments;
    struct policy_model *models;
    size_t nmodels;
    struct policy_party *parties;
    size_t nparties;
    struct policy_person *people;
    size_t npeople;
    struct policy_terms *terms;
    size_t nterms;
    struct policy_window *windows; /* sorted by opens */
    size_t nwindows;
    struct policy_order *order; /* of names, for policy_find_…() */
};

/* Gives the bytes of a file that the policy names (PEM and the like), or
 * SP_ENOENT …; they must live until policy_parse() returns. NULL data: the
 * file was looked at elsewhere, its content is not checked here. With *length
 * POLICY_FILE_LOOK before the call only whether it can be read is asked: it may
 * be large, and *data is NULL. */
#define POLICY_FILE_LOOK SIZE_MAX
typedef int policy_file_fn(void *arg, const char *name, const uint8_t **data,
                           size_t *length);

/* Parses and validates. `name` is the file's name in messages. 0 with *p, or
 * SP_EINVAL with at least one error reported, or SP_ENOMEM. The referenced
 * files are checked to exist and to be PEM by name only; certs reads them. */
int policy_parse(const char *name, const char *yaml, size_t length,
                 policy_file_fn *file, void *file_arg, struct report *report,
                 struct policy **p) SP_MUST_USE;
void policy_free(struct policy *p);

/* -1 if there is none; in the time of a binary search. */
int policy_find_model(const struct policy *p, const char *name);
int policy_find_document(const struct policy *p, const char *name);
int policy_find_party(const struct policy *p, const char *name);
int policy_find_person(const struct policy *p, uint32_t party,
                       const char *name);

/* The terms of `window` that name `route`, or NULL. */
const struct policy_terms *policy_terms_for(const struct policy *p,
                                            const struct policy_window *w,
                                            enum route route);

/* Whether an auditor's party may read the entries of a party of that name
 * (NULL: what is nobody's); one without a scope may read all. */
bool policy_scope_has(const struct policy *p, uint32_t auditor,
                      const char *party);
/* Whether any terms of this party's windows name the document. */
bool policy_party_document(const struct policy *p, uint32_t party,
                           uint32_t document);

/* Bytes of the largest body that any terms of this party's windows allow; 0: it
 * has no window. */
int64_t policy_party_body_limit(const struct policy *p, uint32_t party);

/* Whether requests under the terms of this index (any number) leave sealed
 * transcripts; whether any of this policy do. */
bool policy_terms_seal(const struct policy *p, uint32_t terms);
bool policy_seals(const struct policy *p);

/* Whether a certificate's own URL, of that host, may be asked for. */
bool policy_revocation_allows(const struct policy_revocation *r,
                              const char *host);

const char *policy_revocation_mode_text(enum policy_revocation_mode mode);
const char *party_kind_text(enum party_kind kind);
const char *person_kind_text(enum person_kind kind);
/* The word that a policy uses: "issuer_subject" …; "none". */
const char *policy_match_text(enum policy_match match);

/* Whether a policy's sequence holds parties of this kind back. */
bool party_kind_waits(enum party_kind kind);

#endif
