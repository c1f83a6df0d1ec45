/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a verified chain to what is kept of it. Runs in workers, once for each
 * certificate of a handshake; the certificate is a stranger's, but an authority
 * that a party named has signed it.
 */
#include "certs/chain.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

static int digest(const void *data, size_t length, uint8_t hash[32])
{
    if (EVP_Digest(data, length, hash, NULL, EVP_sha256(), NULL) == 1)
        return 0;
    ERR_clear_error();
    return SP_ECRYPTO;
}

int chain_point_hash(const uint8_t *uri, size_t length, uint8_t hash[32])
{
    return digest(uri, length, hash);
}

int chain_key_hash(X509 *cert, uint8_t hash[32])
{
    uint8_t *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    int r = SP_ECRYPTO;

    if (length > 0)
        r = digest(der, (size_t)length, hash);
    OPENSSL_free(der);
    ERR_clear_error();
    return r;
}

int chain_name_hash(X509 *cert, uint8_t hash[32])
{
    unsigned length = 0;

    if (X509_NAME_digest(X509_get_subject_name(cert), EVP_sha256(), hash,
                         &length) == 1 &&
        length == 32)
        return 0;
    ERR_clear_error();
    return SP_ECRYPTO;
}

static int serial_read(X509 *cert, struct chain_link *out)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const uint8_t *data = ASN1_STRING_get0_data(serial);
    size_t length = (size_t)ASN1_STRING_length(serial);

    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        return SP_EINVAL;
    while (length > 0 && data[0] == 0) {
        data++;
        length--;
    }
    if (length == 0 || length > CHAIN_SERIAL_MAX)
        return SP_EINVAL;
    memcpy(out->serial, data, length);
    out->serial_length = (uint8_t)length;
    return 0;
}

static int points_add(const GENERAL_NAMES *names, struct chain_link *out)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *uri = name->d.uniformResourceIdentifier;
        int r;

        if (name->type != GEN_URI)
            continue;
        if (out->npoints == CHAIN_POINTS_MAX)
            return 0;
        if ((r = chain_point_hash(ASN1_STRING_get0_data(uri),
                                  (size_t)ASN1_STRING_length(uri),
                                  out->points[out->npoints])) != 0)
            return r;
        out->npoints++;
    }
    return 0;
}

static int points_read(X509 *cert, struct chain_link *out)
{
    int found, r = 0;
    CRL_DIST_POINTS *points =
        X509_get_ext_d2i(cert, NID_crl_distribution_points, &found, NULL);

    if (points == NULL) {
        ERR_clear_error();
        return found == -1 ? 0 : SP_EINVAL; /* -1: there is none */
    }
    for (int i = 0; r == 0 && i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *p = sk_DIST_POINT_value(points, i);

        if (p->distpoint == NULL || p->distpoint->type != 0 ||
            p->reasons != NULL || p->CRLissuer != NULL)
            continue;
        r = points_add(p->distpoint->name.fullname, out);
    }
    CRL_DIST_POINTS_free(points);
    return r;
}

int chain_link_make(X509 *cert, X509 *issuer, struct chain_link *out)
{
    int r;

    memset(out, 0, sizeof *out);
    out->ca = (X509_get_extension_flags(cert) & EXFLAG_CA) != 0;
    if ((r = chain_key_hash(issuer, out->issuer_key)) == 0 &&
        (r = chain_name_hash(issuer, out->issuer_name)) == 0 &&
        (r = serial_read(cert, out)) == 0)
        r = points_read(cert, out);
    if (r != 0)
        memset(out, 0, sizeof *out);
    return r;
}
