/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists of the deployment's authority. Pure: what is listed, the
 * number and the times are the caller's. Runs in the command, and in whatever
 * role holds the issuing key.
 */
#include "certs/authority_crl.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool number_add(X509_CRL *crl, uint64_t number)
{
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    bool good = value != NULL && ASN1_INTEGER_set_uint64(value, number) == 1 &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1;

    ASN1_INTEGER_free(value);
    return good;
}

static bool issuer_add(X509_CRL *crl, X509 *issuer)
{
    X509V3_CTX ctx;
    X509_EXTENSION *made;
    bool good;

    X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
    made = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier,
                               "keyid:always");
    good = made != NULL && X509_CRL_add_ext(crl, made, -1) == 1;
    X509_EXTENSION_free(made);
    return good;
}

/* RFC 5280 section 5.3.1: no reason rather than "unspecified". */
static bool reason_add(X509_REVOKED *entry, enum authority_reason reason)
{
    ASN1_ENUMERATED *value;
    bool good;

    if (reason == AUTHORITY_UNSPECIFIED)
        return true;
    value = ASN1_ENUMERATED_new();
    good = value != NULL && ASN1_ENUMERATED_set(value, (long)reason) == 1 &&
           X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, value, 0, 0) == 1;
    ASN1_ENUMERATED_free(value);
    return good;
}

static bool entry_fill(X509_REVOKED *entry, const struct authority_record *r)
{
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)(r->revoked / 1000));
    ASN1_INTEGER *serial = NULL;
    BIGNUM *value = NULL;
    bool good = when != NULL && BN_hex2bn(&value, r->serial) != 0 &&
                (serial = BN_to_ASN1_INTEGER(value, NULL)) != NULL &&
                X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
                X509_REVOKED_set_revocationDate(entry, when) == 1 &&
                reason_add(entry, r->reason);

    ASN1_TIME_free(when);
    ASN1_INTEGER_free(serial);
    BN_free(value);
    return good;
}

static bool entries_add(X509_CRL *crl, const struct authority_crl_plan *plan)
{
    for (size_t i = 0; i < plan->index->count; i++) {
        const struct authority_record *r = &plan->index->list[i];
        X509_REVOKED *entry;

        if (r->revoked == 0 ||
            r->not_after + AUTHORITY_CRL_KEEP_MS <= plan->now)
            continue;
        entry = X509_REVOKED_new();
        if (entry == NULL || !entry_fill(entry, r) ||
            X509_CRL_add0_revoked(crl, entry) != 1) {
            X509_REVOKED_free(entry);
            return false;
        }
    }
    return X509_CRL_sort(crl) == 1;
}

static bool times_set(X509_CRL *crl, int64_t now, int64_t next)
{
    ASN1_TIME *this = ASN1_TIME_set(NULL, (time_t)(now / 1000));
    ASN1_TIME *then = ASN1_TIME_set(NULL, (time_t)(next / 1000));
    bool good = this != NULL && then != NULL &&
                X509_CRL_set1_lastUpdate(crl, this) == 1 &&
                X509_CRL_set1_nextUpdate(crl, then) == 1;

    ASN1_TIME_free(this);
    ASN1_TIME_free(then);
    return good;
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519"))
        return NULL;
    return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

static int der_take(X509_CRL *crl, uint8_t **der, size_t *length)
{
    int n = i2d_X509_CRL(crl, NULL);
    uint8_t *at;

    if (n <= 0)
        return SP_ECRYPTO;
    at = *der = malloc((size_t)n);
    if (at == NULL)
        return SP_ENOMEM;
    *length = (size_t)n;
    i2d_X509_CRL(crl, &at);
    return 0;
}

int authority_crl_make(const struct authority_crl_plan *plan, uint8_t **der,
                       size_t *length)
{
    X509_CRL *crl;
    int r = SP_ECRYPTO;

    if (plan->next / 1000 <= plan->now / 1000)
        return SP_ERANGE;
    crl = X509_CRL_new();
    if (crl != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(plan->issuer)) ==
            1 &&
        times_set(crl, plan->now, plan->next) &&
        issuer_add(crl, plan->issuer) && number_add(crl, plan->number) &&
        entries_add(crl, plan) &&
        X509_CRL_sign(crl, plan->key, digest_for(plan->key)) > 0)
        r = der_take(crl, der, length);
    X509_CRL_free(crl);
    ERR_clear_error();
    return r;
}

static X509_CRL *crl_parse(const uint8_t *der, size_t length)
{
    const uint8_t *at = der;

    return length > INT32_MAX ? NULL : d2i_X509_CRL(NULL, &at, (long)length);
}

char *authority_crl_pem(const uint8_t *der, size_t length)
{
    X509_CRL *crl = crl_parse(der, length);
    BIO *bio = crl == NULL ? NULL : BIO_new(BIO_s_mem());
    char *data = NULL, *text = NULL;
    long n;

    if (bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1 &&
        (n = BIO_get_mem_data(bio, &data)) > 0 &&
        (text = calloc(1, (size_t)n + 1)) != NULL)
        memcpy(text, data, (size_t)n);
    BIO_free(bio);
    X509_CRL_free(crl);
    ERR_clear_error();
    return text;
}

uint64_t authority_crl_number(const uint8_t *der, size_t length)
{
    X509_CRL *crl = crl_parse(der, length);
    ASN1_INTEGER *value =
        crl == NULL ? NULL
                    : X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    uint64_t number = 0;

    if (value == NULL || ASN1_INTEGER_get_uint64(&number, value) != 1)
        number = 0;
    ASN1_INTEGER_free(value);
    X509_CRL_free(crl);
    ERR_clear_error();
    return number;
}
