/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport.yaml: how the daemon runs. It can make the gateway stricter or
 * move it, never wider; what widens access is in the policy. Relative paths
 * are relative to the file's own folder.
 */
#ifndef SP_POLICY_SETTINGS_H
#define SP_POLICY_SETTINGS_H

#include "lib/log.h"
#include "policy/approvers.h"
#include "policy/policy.h"

struct settings_credential {
    char *name;
    char *file;   /* one line: the secret */
    char *header; /* "authorization" (value "Bearer <secret>") or "x-api-key" */
};

/* Who cosigns the ledger's checkpoints (docs/witnesses.md). The key is a C2SP
 * vkey, which only the ledger's room reads. */
struct settings_witness {
    char *name;
    char *vkey;
    char *ca; /* PEM file; NULL: none, not for https:// */
    struct policy_endpoint endpoint;
};

#define SETTINGS_WITNESSES_MAX 16

/* Uids in `operators`. */
#define SETTINGS_OPERATORS_MAX 16

struct settings {
    char *folder;     /* of the file, absolute or as given */
    char *deployment; /* id in SAN URIs: [a-z0-9-]{1,63} */
    char *listen;     /* "127.0.0.1:8443", "[::1]:8443", port 0 allowed */
    bool test_pki;    /* clients of the federal test PKI are let in */
    unsigned workers; /* 0: one a core */
    char *policy;     /* "policy.yaml" */
    char *
        server_certificate; /* "keys/server.crt" (leaf first, then its chain) */
    char *server_key;       /* "keys/server.key" */
    char *authority;        /* "ca/ca.crt": what `anchors: ca` means */
    char *ledger;           /* "ledger" */
    char *ledger_key;       /* "keys/ledger.key" */
    char *transcripts;      /* folder: "transcripts" */
    char *origin;  /* the ledger's name: "<deployment>.sallyport/ledger" */
    char *control; /* "control.sock" */
    uint32_t *operators; /* uids that may give orders, beside root and the
                            daemon's own */
    size_t noperators;
    enum log_level log_level;
    int64_t clock_settle_ms; /* 0 … 1 h */
    int64_t drain_ms;
    int64_t checkpoint_ms; /* 100 … 1000 */
    unsigned connections;  /* per worker */
    int64_t handshake_ms, head_ms, keepalive_ms, write_idle_ms;
    int64_t connect_ms, first_byte_ms, answer_idle_ms;
    struct approvers approvers; /* at least `required` of them */
    struct settings_credential *credentials;
    size_t ncredentials;
    struct settings_witness *witnesses;
    size_t nwitnesses;       /* 0: none are asked */
    unsigned witness_quorum; /* so many must cosign; at most nwitnesses */
    bool witness_refuse;     /* `on_missing: refuse` */
    int64_t witness_overdue_ms, witness_every_ms, witness_timeout_ms;
};

/* As policy_parse(). `folder` is where relative paths start. */
int settings_parse(const char *name, const char *yaml, size_t length,
                   const char *folder, struct report *report,
                   struct settings **s) SP_MUST_USE;
void settings_free(struct settings *s);
/* `path` as it is if absolute, else below the folder; malloc'd, NULL: memory.
 */
char *settings_path(const struct settings *s, const char *path);

#endif
