/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deployment's own certificate authority: a root and the issuing authority
 * below it. In its folder:
 *
 *   ca.crt         the root's certificate, what `anchors: ca` means
 *   ca.key         its key; may be on another machine
 *   issuing.crt    the issuing authority's certificate, vouched for by the root
 *   issuing.key    its key
 *   issued/        <serial>.crt and `index`: people's and servers' certificates
 *   authorities/   the same for issuing authorities, where the root's key is
 *   ca.crl(.pem)   revocation list of what was issued; ca.crl.number
 *   root.crl(.pem) the root's, for issuing authorities; root.crl.number
 *
 * A folder with ca.crt of path length 0 and ca.key alone is one from before
 * there were issuing authorities: it issues by itself and goes on doing so.
 *
 * Nothing here prints or asks. One `struct authority` is one holder of the
 * folder's lock; others wait. After an error close it. Used by the command, and
 * by a role that signs revocation lists.
 */
#ifndef SP_CERTS_AUTHORITY_H
#define SP_CERTS_AUTHORITY_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/authority_index.h"
#include "certs/authority_key.h"
#include "certs/profile.h"
#include "certs/request.h"
#include "lib/error.h"

enum authority_part { AUTHORITY_ISSUING, AUTHORITY_ROOT };

struct authority;

struct authority_opening {
    int at; /* folder descriptor that `folder` is relative to, or AT_FDCWD */
    const char *folder;
    enum authority_part part;
    bool with_key;          /* else it can read and revoke, but not sign */
    const char *passphrase; /* of the key, or the token's PIN; NULL: none */
    bool at_once; /* SP_EAGAIN if somebody else has the folder's lock */
};

/* Waits for the folder's lock, unless `at_once`; an index of the older form is written anew.
 * SP_ENOENT without an authority or its key;
 * SP_EPERM: a missing or wrong passphrase, a key that is not the certificate's,
 * an issuing certificate that ca.crt has not signed or that was revoked;
 * SP_ECORRUPT: its index; SP_EINVAL. */
int authority_open(const struct authority_opening *o, struct authority **out,
                   char problem[256]) SP_MUST_USE;
void authority_close(struct authority *a); /* NULL is fine */

/* How the key of a part is kept, without opening anything. */
int authority_look_key(int at, const char *folder, enum authority_part part,
                       enum authority_key_state *state) SP_MUST_USE;

/* They live as long as `a`. */
X509 *authority_certificate(const struct authority *a);
EVP_PKEY *authority_key(const struct authority *a); /* NULL: without */
const struct authority_index *authority_records(const struct authority *a);
/* The deployment that the authority is of, out of its name; malloc'd. */
char *authority_deployment(const struct authority *a);

/* --- issuing --- */

/* PEM texts are malloc'd. */
struct authority_issued {
    char *cert_pem; /* the certificate, then the issuing authority's */
    char *key_pem;  /* NULL: its owner has it */
    struct authority_record record;
};
void authority_issued_free(struct authority_issued *i);

struct authority_order {
    const char *deployment;
    /* A client: EKU clientAuth, SAN URI sallyport://DEPLOYMENT/PARTY/PERSON. */
    const char *party, *person;
    /* Or a server: EKU serverAuth, addresses and DNS names; party is NULL. */
    const char *const *names;
    size_t nnames;
    int64_t now, not_after;        /* ms UTC */
    const struct request *request; /* NULL: a key is made */
    const struct profile *profile; /* of the key that is made; NULL: p256 */
};

/* What would be issued, asking all that issuing asks, without issuing: the end
 * in *until, the key's profile. The same errors as authority_issue(). */
int authority_consider(const struct authority *a,
                       const struct authority_order *o, int64_t *until,
                       const struct profile **profile,
                       char problem[256]) SP_MUST_USE;

/* It is on disk in issued/ and in its index before this returns. Never valid
 * longer than the authority. SP_EINVAL (names; a request, see
 * request_check()), SP_ERANGE if not_after is past, SP_EEXIST: the request's
 * key is another's; SP_EPERM: it was revoked as compromised, or the authority
 * was opened without its key; SP_ECRYPTO, SP_EIO. */
int authority_issue(struct authority *a, const struct authority_order *o,
                    struct authority_issued *out,
                    char problem[256]) SP_MUST_USE;

/* A new certificate for who has one: for the same key, or the request's. The
 * old ones stay valid to their end, or are revoked (superseded) in the same
 * step. SP_ENOENT: there is none to renew; SP_EEXIST: the new one would have
 * the same key and end no later than the old one. */
int authority_renew(struct authority *a, const struct authority_order *o,
                    bool revoke_old, struct authority_issued *out,
                    char problem[256]) SP_MUST_USE;

/* --- revoking --- */

/* Exactly one of: a serial number in hexadecimal, a certificate's SHA-256, or
 * all of a person's that have not ended. */
struct authority_selection {
    const char *serial;
    const uint8_t *sha256;
    const char *party, *person;
};

/* Durable in the index before it returns; `count` certificates. Needs no key.
 * SP_ENOENT: none fits; SP_EEXIST: revoked before, which is never taken back
 * (its reason may still become keyCompromise). SP_EINVAL. */
int authority_revoke(struct authority *a, const struct authority_selection *s,
                     enum authority_reason reason, int64_t now, size_t *count,
                     char problem[256]) SP_MUST_USE;

/* Signs a list of what is revoked and puts it into ca.crl and ca.crl.pem, or
 * root.crl and root.crl.pem. Its number is durable before it is signed and
 * never used again. `number` may be NULL. SP_EPERM: opened without the key. */
int authority_publish(struct authority *a, int64_t now, int64_t next,
                      uint64_t *number, char problem[256]) SP_MUST_USE;

/* --- shorthands: no passphrases --- */

/* The names of the deployment, a party, a person: SP_EINVAL. NULL: not asked.
 */
int authority_check_names(const char *deployment, const char *party,
                          const char *person, char problem[256]) SP_MUST_USE;

/* Opens, issues to a person, closes. With `csr_pem` the key stays with its
 * owner. */
int authority_issue_client(const char *folder, const char *deployment,
                           const char *party, const char *person, int64_t now,
                           int64_t not_after, const uint8_t *csr_pem,
                           size_t csr_length, struct authority_issued *out,
                           char problem[256]) SP_MUST_USE;
int authority_issue_server(const char *folder, const char *deployment,
                           const char *const *names, size_t nnames, int64_t now,
                           int64_t not_after, struct authority_issued *out,
                           char problem[256]) SP_MUST_USE;

#endif
