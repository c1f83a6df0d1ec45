/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deployment's own small certificate authority: EC P-256 or P-384. Files in
 * its folder: ca.crt, ca.key (0600), issued/<serial>.crt, issued/index with a
 * line "<serial> <party> <person> <not after>" each. Used by the command, never
 * by the daemon.
 */
#ifndef SP_CERTS_AUTHORITY_H
#define SP_CERTS_AUTHORITY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

enum authority_curve { AUTHORITY_P256, AUTHORITY_P384 };

/* Makes ca.crt and ca.key below `folder` (created if missing). SP_EEXIST: there
 * is one; nothing is overwritten. Valid for ten years. */
int authority_create(const char *folder, const char *deployment,
                     enum authority_curve curve, char problem[256]) SP_MUST_USE;

/* PEM texts are malloc'd. */
struct authority_issued {
    char *cert_pem;
    char *key_pem; /* NULL when made from a CSR */
};
void authority_issued_free(struct authority_issued *i);

/* A client certificate: EKU clientAuth, digitalSignature, SAN URI
 * sallyport://<deployment>/<party>/<person>, not after `not_after` (ms UTC).
 * With `csr_pem` (PKCS#10; its signature is checked, its names ignored) the
 * key stays with its owner; else a P-256 key is made. It is on disk in issued/
 * before this returns. Never valid longer than the authority. SP_EINVAL (also
 * a weak key), SP_ERANGE if not_after is past, SP_EPERM if ca.key is not the
 * key of ca.crt, SP_ENOENT without an authority, SP_ECRYPTO, SP_EIO. */
int authority_issue_client(const char *folder, const char *deployment,
                           const char *party, const char *person, int64_t now,
                           int64_t not_after, const uint8_t *csr_pem,
                           size_t csr_length, struct authority_issued *out,
                           char problem[256]) SP_MUST_USE;

/* A server certificate (EKU serverAuth) for addresses and DNS names; in the
 * index with "-" and its first name. */
int authority_issue_server(const char *folder, const char *deployment,
                           const char *const *names, size_t nnames, int64_t now,
                           int64_t not_after, struct authority_issued *out,
                           char problem[256]) SP_MUST_USE;

#endif
