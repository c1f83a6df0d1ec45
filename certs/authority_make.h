/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes authorities: root and issuing authority at once, or the root on a
 * machine that is connected to nothing, which signs what the other machine
 * requests. Files: certs/authority.h. Nothing is ever overwritten.
 */
#ifndef SP_CERTS_AUTHORITY_MAKE_H
#define SP_CERTS_AUTHORITY_MAKE_H

#include "certs/authority.h"

#define AUTHORITY_ROOT_MS    (10LL * 365 * 24 * 3600 * 1000)
#define AUTHORITY_ISSUING_MS (2LL * 365 * 24 * 3600 * 1000)

struct authority_key_plan {
    const char *uri;   /* a key that a token has ("pkcs11:…"); NULL: made */
    const char *curve; /* "p256" or "p384", for one that is made */
    const char *passphrase; /* encrypts it, or the token's PIN; NULL: none */
};

struct authority_plan {
    const char *deployment;
    struct authority_key_plan root, issuing;
    int64_t root_ms, issuing_ms; /* how long they are valid; 0: as above */
    bool root_only;              /* what an offline machine has */
};

/* Makes the files below `folder` (created if missing). SP_EEXIST: there is one,
 * or a part of one; SP_EINVAL. */
int authority_create_as(const char *folder, const struct authority_plan *plan,
                        char problem[256]) SP_MUST_USE;
/* Root and issuing authority, P-256, no passphrases. */
int authority_create(const char *folder, const char *deployment,
                     char problem[256]) SP_MUST_USE;

/* On the machine that will issue: makes issuing.key, unless there is one, and
 * the request for it, issuing.csr, again each time. `csr` is malloc'd PEM. */
int authority_request(const char *folder, const char *deployment,
                      const struct authority_key_plan *key, char **csr,
                      char problem[256]) SP_MUST_USE;

/* Where the root is: a certificate for the request's key, path length 0, for
 * URIs of the root's deployment alone; on record in authorities/. `pem` is
 * malloc'd: it, then the root's. SP_EINVAL: the request; SP_EPERM: such a key
 * was compromised; SP_ERANGE: the root has ended. */
int authority_sign_issuing(struct authority *root, const struct request *r,
                           int64_t now, int64_t ms, char **pem,
                           struct authority_record *record,
                           char problem[256]) SP_MUST_USE;

/* Back on the machine that issues: ca.crt and issuing.crt out of that PEM.
 * SP_EPERM: not for the key that was requested, not by this root, or not for
 * this deployment alone; SP_EEXIST: nothing would be gained; SP_ERANGE. */
int authority_install(const char *folder, const char *deployment,
                      const uint8_t *pem, size_t length,
                      char problem[256]) SP_MUST_USE;

/* Encrypts the key of a part anew, or no longer if `to` is NULL. The old file
 * is overwritten with nothing else: only its name goes away. SP_EUNSUPPORTED:
 * a token keeps it. */
int authority_change_passphrase(const char *folder, enum authority_part part,
                                const char *from, const char *to,
                                char problem[256]) SP_MUST_USE;

#endif
