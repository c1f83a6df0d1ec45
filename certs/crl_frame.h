/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a list, for crl.c and crl_frame.c alone. */
#ifndef SP_CERTS_CRL_FRAME_H
#define SP_CERTS_CRL_FRAME_H

#include <openssl/x509v3.h>

#include "certs/crl.h"
#include "certs/der.h"

struct crl {
    struct crl_info info;
    bool verified;
    uint8_t *der; /* until verified; what follows points into it */
    size_t length;
    struct der_value tbs, signature;
    struct der revoked;
    bool extensible; /* version 2 */
    X509_NAME *issuer;
    X509_ALGOR *algorithm;
    AUTHORITY_KEYID *signer; /* may be NULL */
    struct crl_record *records;
};

/* Extensions of lists and entries that we know (RFC 5280 sections 5.2, 5.3). */
enum crl_extension {
    CRL_EXT_UNKNOWN,
    CRL_EXT_NUMBER,
    CRL_EXT_DELTA,
    CRL_EXT_SCOPE,  /* issuingDistributionPoint */
    CRL_EXT_SIGNER, /* authorityKeyIdentifier */
    CRL_EXT_FRESHEST,
    CRL_EXT_ISSUER_NAMES,
    CRL_EXT_AUTHORITY_ACCESS,
    CRL_EXT_EXPIRED,
    CRL_EXT_REASON,
    CRL_EXT_INVALIDITY,
    CRL_EXT_HOLD,
    CRL_EXT_CERTIFICATE_ISSUER
};

struct crl_extension_read {
    enum crl_extension kind;
    bool critical;
    struct der_value oid;
    struct der_value value; /* the OCTET STRING's contents are the extension */
};
bool crl_extension_take(struct der *d,
                        struct crl_extension_read *e) SP_MUST_USE;

/* Reads everything but the entries; takes `der` (malloc'd), also if it fails.
 */
int crl_frame_read(uint8_t *der, size_t length, struct crl **out,
                   char problem[CRL_PROBLEM]) SP_MUST_USE;
void crl_free(struct crl *crl);

/* Writes the problem and returns `error`. */
int crl_refuse(char problem[CRL_PROBLEM], int error, const char *format, ...)
    SP_PRINTF(3, 4);

#endif
