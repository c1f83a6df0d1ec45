/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP (RFC 6960): what to ask about one certificate, and what an answer is
 * worth. Sending and fetching is somebody else's: answers come over plain HTTP
 * and are anybody's until a signature says otherwise.
 */
#ifndef SP_CERTS_OCSP_H
#define SP_CERTS_OCSP_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/chain.h"
#include "lib/http_url.h"
#include "lib/error.h"
#include "lib/revocation.h"

#define OCSP_ANSWER_MAX 65536
#define OCSP_NONCE      16 /* bytes (RFC 8954: 1 … 32) */
#define OCSP_SKEW_MS    (5LL * 60 * 1000)
#define OCSP_PROBLEM    256

/* A DER request about `leaf`; CertID with SHA-1, which here is a name and no
 * protection, and which is all that some responders know. `nonce` of 16 random
 * bytes, or NULL. *der is malloc'd. SP_ENOMEM, SP_ECRYPTO. */
int ocsp_ask_make(X509 *leaf, X509 *issuer, const uint8_t *nonce, uint8_t **der,
                  size_t *length) SP_MUST_USE;

struct ocsp_answer {
    enum revocation status; /* GOOD, REVOKED or UNKNOWN */
    int64_t this_update;    /* ms UTC; 0: not known */
    int64_t next_update;    /* 0: none given */
    int64_t good_until;     /* if GOOD: until then, exclusively; else 0 */
    int reason;             /* if REVOKED: RFC 5280 section 5.3.1; -1: none */
    bool delegated;         /* signed by a delegate of the issuer: */
    struct chain_link delegate; /* whoever has lists can ask for it there */
    char problem[OCSP_PROBLEM]; /* why UNKNOWN; else empty */
};

/* What `der` says about `leaf`, which `issuer` has issued (verified before). It
 * never fails: what is not a sound answer is UNKNOWN with the problem.
 * Sound is: a signature worth 112 bits by the issuer's own key, or by a
 * delegate that this key has issued for id-kp-OCSPSigning and that is valid
 * now; exactly one answer with our CertID; the nonce, if there is one, is ours
 * (`nonce`: what was asked with, or NULL). GOOD only if it is fresh: thisUpdate
 * at most 5 minutes ahead and less than `max_age_ms` ago, nextUpdate (if given)
 * ahead. REVOKED whatever its age: an answer that was true stays true. */
void ocsp_answer_read(const uint8_t *der, size_t length, X509 *leaf,
                      X509 *issuer, const uint8_t *nonce, int64_t now_ms,
                      int64_t max_age_ms, struct ocsp_answer *out);

/* The first http:// URI of id-ad-ocsp in the certificate's authority
 * information access, if it can be asked (http_url_parse). SP_ENOENT. */
int ocsp_url_of(X509 *cert, char url[HTTP_URL_MAX + 1]) SP_MUST_USE;

#endif
