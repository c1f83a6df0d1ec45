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
#include "policy/route.h"

enum party_kind {
    PARTY_GOVERNMENT,
    PARTY_STATE_LOCAL,
    PARTY_CRITICAL_INFRASTRUCTURE,
    PARTY_TRUSTED_PARTNER,
    PARTY_AUDITOR
};

/* Whether others may use a model while governments still may or will. */
enum policy_sequence { SEQUENCE_GOVERNMENT_FIRST, SEQUENCE_CONCURRENT };

enum person_kind { PERSON_HUMAN, PERSON_SERVICE };

enum endpoint_scheme { ENDPOINT_HTTP, ENDPOINT_HTTPS, ENDPOINT_UNIX };

struct policy_endpoint {
    char *url;                   /* as written */
    enum endpoint_scheme scheme;
    char *host;                  /* name or address; NULL for unix */
    uint16_t port;
    char *path;                  /* unix: the socket's path; else "" or a prefix
                                    without a trailing slash */
};

struct policy_model {
    char *name;                  /* what clients say */
    char *upstream_name;         /* what the endpoint is told; never shown */
    struct policy_endpoint *endpoints;
    size_t nendpoints;
    char *ca;                    /* name of the anchors' file, NULL: system's none */
    char *credential;            /* name in sallyport.yaml, or NULL */
    uint32_t apis;               /* bit per enum route that its `apis` allow */
    char *build;                 /* or NULL */
    int64_t release;             /* ms UTC; windows of the model end there at the
                                    latest (`closes` has it applied). INT64_MAX:
                                    none set */
};

struct policy_party {
    char *name;
    enum party_kind kind;
    char *anchors;               /* "ca" (the deployment's own) or a file's name */
    char *intermediates;         /* a file's name or NULL */
};

/* Exactly one of the match fields is set. */
struct policy_person {
    char *name;
    uint32_t party;
    enum person_kind kind;
    char *custodian;             /* of a service; NULL for a human */
    char *issuer_subject;        /* "SUBJECT | ISSUER", RFC 2253 as OpenSSL prints */
    uint8_t *spki_sha256;        /* 32 bytes */
    char *san_uri;
};

/* -1 in any limit: none set. */
struct policy_terms {
    char *name;
    uint32_t uses;               /* bit per enum route */
    int64_t request_bytes;       /* ≤ LIMIT_BODY_BYTES; default 16 MiB */
    int64_t request_ms;          /* longest duration of one request */
    int64_t window_requests;     /* under these terms in one window, all people
                                    together */
    int64_t person_requests;     /* the same, of one person */
    int64_t person_concurrent;   /* of one person, whatever the window */
    int64_t person_requests_per_minute; /* the same */
};

struct policy_window {
    char *id;                    /* "<party>/<model>/<opens as UTC>", unique */
    uint32_t party;
    uint32_t model;
    int64_t opens;               /* ms UTC */
    int64_t closes;              /* ms UTC, ≤ opens + 30 × 24 h */
    uint32_t *terms;             /* indices; no route is in two of them */
    size_t nterms;
};

struct policy {
    uint32_t serial;
    uint8_t sha256[32];          /* of the YAML file's exact bytes */
    bool has_replaces;
    uint8_t replaces[32];
    char *basis;                 /* "voluntary" … or NULL */
    char *developer;
    char *author;                /* an approver who does not count, or NULL */
    enum policy_sequence sequence;
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
};

/* Gives the bytes of a file that the policy names (PEM and the like), or
 * SP_ENOENT …; they must live until policy_parse() returns. */
typedef int policy_file_fn(void *arg, const char *name, const uint8_t **data,
                           size_t *length);

/* Parses and validates. `name` is the file's name in messages. 0 with *p, or
 * SP_EINVAL with at least one error reported, or SP_ENOMEM. The referenced
 * files are checked to exist and to be PEM by name only; certs reads them. */
int policy_parse(const char *name, const char *yaml, size_t length,
                 policy_file_fn *file, void *file_arg, struct report *report,
                 struct policy **p) SP_MUST_USE;
void policy_free(struct policy *p);

/* -1 if there is none. */
int policy_find_model(const struct policy *p, const char *name);
int policy_find_party(const struct policy *p, const char *name);
int policy_find_person(const struct policy *p, uint32_t party, const char *name);

/* The terms of `window` that name `route`, or NULL. */
const struct policy_terms *policy_terms_for(const struct policy *p,
                                            const struct policy_window *w,
                                            enum route route);

const char *party_kind_text(enum party_kind kind);
const char *person_kind_text(enum person_kind kind);

/* Whether a policy's sequence holds parties of this kind back. */
bool party_kind_waits(enum party_kind kind);

#endif
