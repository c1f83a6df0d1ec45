/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts out of the files of a snapshot: by the supervisor to check
 * them, by workers to work with them; at start and when files are taken over.
 */
#ifndef SP_GATEWAY_TLS_FILES_H
#define SP_GATEWAY_TLS_FILES_H

#include <openssl/ssl.h>

#include "certs/identity.h"
#include "gateway/snapshot.h"

/* The longest name of such a file in a set, and of a place in a document. */
#define TLS_FILE_NAME (LIMIT_NAME_BYTES + 32)

/* One of the files, in the order of what they belong to. */
struct tls_file {
    char name[TLS_FILE_NAME];  /* in the set: "@server.crt" */
    char where[TLS_FILE_NAME]; /* in sallyport.yaml: "server/certificate" */
    const char *path;          /* the setting's */
    bool secret;
    const char *what; /* is expected in it */
};

/* The file of number `i`; false: there are no more. */
bool tls_file_at(const struct settings *s, size_t i, struct tls_file *f);

/* What is wrong, and which setting it is about ("": none of them). */
struct tls_problem {
    char text[256];
    char where[TLS_FILE_NAME];
};

/* A context for each listener of the settings, in their order. `fresh`: OCSP
 * responses must hold now; else one that has ended is just not shown.
 * SP_EINVAL, SP_EPERM, SP_ENOENT, SP_ECRYPTO, SP_ENOMEM with *problem. */
int tls_contexts_new(const struct snapshot *s, const struct identities *ids,
                     bool fresh, struct tls_problem *problem,
                     SSL_CTX *contexts[SETTINGS_LISTENERS_MAX]) SP_MUST_USE;
/* Sets them to NULL. */
void tls_contexts_free(SSL_CTX *contexts[SETTINGS_LISTENERS_MAX]);

/* Towards the endpoints of a model that has a `ca`, with its client
 * certificate if it names one. As above. */
int tls_model_context(const struct snapshot *s, const struct policy_model *m,
                      char problem[256], SSL_CTX **ctx) SP_MUST_USE;

/* Whether the client certificate that the settings have under number `i` can
 * be used. As above. */
int tls_client_certificate_check(const struct snapshot *s, size_t i,
                                 struct tls_problem *problem) SP_MUST_USE;

#endif
