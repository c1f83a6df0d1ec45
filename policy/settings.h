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

/* The developer's staff at the control socket: which list of the settings a uid
 * is in (docs/operators.md has who may what). Root and the daemon's own user
 * are in none, and are STAFF_OWNER. */
enum staff {
    STAFF_NONE,
    STAFF_OBSERVER, /* `observers` */
    STAFF_OPERATOR, /* `operators` */
    STAFF_RELEASER, /* `releasers` */
    STAFF_OWNER,
    STAFF_COUNT
};

/* Uids in one of these lists. */
#define SETTINGS_STAFF_MAX 16

struct settings_staff {
    uint32_t uid;
    enum staff role;
};

/* In front of a path, where an address may stand, too. */
#define SETTINGS_UNIX "unix:"

/* Where clients connect, and how (docs/tls.md). */
struct settings_listener {
    char *address;       /* "127.0.0.1:8443", "[::1]:8443", port 0 allowed */
    const char *profile; /* a name of certs/tls_profile.h */
    bool allow_test_pki; /* certificates of a test arc are taken */
};

/* A certificate of the server's beside the default one, for clients that ask
 * for one of these names (SNI). */
struct settings_names {
    char **names; /* lower case, "*." in front stands for one label */
    size_t nnames;
    char *certificate;
    char *key;
    char *ocsp; /* NULL: none */
};

/* What the gateway shows to a model's endpoint that asks who it is. */
struct settings_client_certificate {
    char *name;
    char *certificate;
    char *key;
};

#define SETTINGS_PROFILE_DEFAULT         "strict"
#define SETTINGS_LISTENERS_MAX           8
#define SETTINGS_SERVER_NAMES_MAX        16 /* certificates */
#define SETTINGS_CLIENT_CERTIFICATES_MAX 64

struct settings {
    char *folder;     /* of the file, absolute or as given */
    char *deployment; /* id in SAN URIs: [a-z0-9-]{1,63} */
    struct settings_listener *listeners;
    size_t nlisteners; /* at least 1 */
    unsigned workers;  /* 0: one a core */
    char *policy;      /* "policy.yaml" */
    char *
        server_certificate; /* "keys/server.crt" (leaf first, then its chain) */
    char *server_key;       /* "keys/server.key" */
    char *server_ocsp;      /* NULL: nothing is stapled */
    struct settings_names *server_names;
    size_t nserver_names;
    struct settings_client_certificate *client_certificates;
    size_t nclient_certificates;
    bool fips; /* required: nothing runs without OpenSSL's FIPS provider */
    char *authority;   /* "ca/ca.crt": what `anchors: ca` means */
    char *ledger;      /* "ledger" */
    char *ledger_key;  /* "keys/ledger.key" */
    char *transcripts; /* folder: "transcripts" */
    char *origin;      /* the ledger's name: "<deployment>.sallyport/ledger" */
    char *crl_listen;  /* where the own authority's lists are served; NULL */
    int64_t crl_lifetime_ms; /* of such a list */
    char *notice_hook;       /* program that is run for each notice, or NULL */
    char *notice_syslog;     /* "unix:/PATH" that gets all of them, or NULL */
    int64_t notice_timeout_ms;    /* of the hook */
    char *control;                /* "control.sock" */
    struct settings_staff *staff; /* each uid once */
    size_t nstaff;                /* at most 3 * SETTINGS_STAFF_MAX */
    char *metrics_listen; /* "127.0.0.1:9464", "[::1]:9464" or "unix:PATH" (a
                             relative path is below the folder); NULL: off */
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
/* The first setting that differs and cannot change while the daemon runs; NULL:
 * there is none. */
const char *settings_fixed_change(const struct settings *running,
                                  const struct settings *fresh);
/* The client certificate of that name, or NULL. */
const struct settings_client_certificate *
settings_client_certificate(const struct settings *s, const char *name);
/* A path that starts so names a file that the service manager hands over
 * (docs/systemd.md); gateway/service_credential.h knows where. */
#define SETTINGS_CREDENTIAL "credential:"
/* `path` as it is if absolute, else below the folder; malloc'd, NULL: memory.
 * `credential:NAME` is keys/NAME: what lies beside a key (its .vkey) is looked
 * for there, wherever the key itself is. */
char *settings_path(const struct settings *s, const char *path);

#endif
