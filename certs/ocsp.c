/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP questions and answers. Runs where answers are read: in a process without
 * files and network. An answer came over plain HTTP: it is anybody's, and
 * perhaps an old one, until all of the rules below hold. What OpenSSL has
 * decoded is encoded again for the signature, so what is read is what was
 * signed.
 */
#include "certs/ocsp.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/der.h"
#include "certs/signed.h"

_Static_assert(OCSP_PROBLEM == SIGNED_PROBLEM, "problems are handed on");

/* Certificates of delegates in one answer that are looked at. */
#define DELEGATES_MAX 4

/* --- asking -------------------------------------------------------------- */

/* SHA-1 names here and protects nothing: also where only approved algorithms
 * are to be used (OpenSSL's property "fips"), it may come from anywhere. */
static OCSP_CERTID *id_make(X509 *leaf, X509 *issuer)
{
    EVP_MD *sha1 = EVP_MD_fetch(NULL, "SHA1", "?fips=yes");
    OCSP_CERTID *id = NULL;

    if (sha1 != NULL)
        id = OCSP_cert_id_new(sha1, X509_get_subject_name(issuer),
                              X509_get0_pubkey_bitstr(issuer),
                              X509_get0_serialNumber(leaf));
    EVP_MD_free(sha1);
    return id;
}

/* The request owns the id once it is added. */
static bool request_fill(OCSP_REQUEST *request, OCSP_CERTID *id,
                         const uint8_t *nonce)
{
    unsigned char copy[OCSP_NONCE];

    if (OCSP_request_add0_id(request, id) == NULL) {
        OCSP_CERTID_free(id);
        return false;
    }
    if (nonce == NULL)
        return true;
    memcpy(copy, nonce, sizeof copy); /* OpenSSL takes no const */
    return OCSP_request_add1_nonce(request, copy, sizeof copy) == 1;
}

int ocsp_ask_make(X509 *leaf, X509 *issuer, const uint8_t *nonce, uint8_t **der,
                  size_t *length)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = id_make(leaf, issuer);
    unsigned char *at = NULL;
    int n = 0, r = SP_ECRYPTO;

    *der = NULL;
    *length = 0;
    if (request == NULL || id == NULL)
        OCSP_CERTID_free(id);
    else if (request_fill(request, id, nonce))
        n = i2d_OCSP_REQUEST(request, NULL);
    if (n > 0) {
        *der = at = malloc((size_t)n);
        r = at == NULL ? SP_ENOMEM : 0;
    }
    if (r == 0)
        *length = (size_t)i2d_OCSP_REQUEST(request, &at);
    OCSP_REQUEST_free(request);
    ERR_clear_error();
    return r;
}

/* --- reading ------------------------------------------------------------- */

/* One answer while it is read. */
struct reading {
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    OCSP_SINGLERESP *single; /* the basic one's */
    X509 *leaf, *issuer;
    const uint8_t *nonce;
    int64_t now, max_age;
    struct ocsp_answer *out;
};

/* Writes the problem; false, for the caller to return. */
static bool wrong(struct reading *r, const char *format, ...) SP_PRINTF(2, 3);

static bool wrong(struct reading *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->out->problem, sizeof r->out->problem, format, args);
    va_end(args);
    return false;
}

static const char *status_name(int status)
{
    switch (status) {
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST:
        return "malformedRequest";
    case OCSP_RESPONSE_STATUS_INTERNALERROR:
        return "internalError";
    case OCSP_RESPONSE_STATUS_TRYLATER:
        return "tryLater";
    case OCSP_RESPONSE_STATUS_SIGREQUIRED:
        return "sigRequired";
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
        return "unauthorized";
    default:
        return "a status that no standard has";
    }
}

static bool outer_read(struct reading *r, const uint8_t *der, size_t length)
{
    const unsigned char *at = der;
    int status;

    if (length == 0)
        return wrong(r, "no answer");
    if (length > OCSP_ANSWER_MAX)
        return wrong(r, "answer of %zu bytes: expected at most %d", length,
                     OCSP_ANSWER_MAX);
    r->response = d2i_OCSP_RESPONSE(NULL, &at, (long)length);
    if (r->response == NULL)
        return wrong(r, "malformed: expected an OCSPResponse in DER");
    if (at != der + length)
        return wrong(r, "malformed: bytes behind the answer");
    status = OCSP_response_status(r->response);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return wrong(r, "the responder refuses: %s", status_name(status));
    r->basic = OCSP_response_get1_basic(r->response);
    if (r->basic == NULL)
        return wrong(r, "malformed: expected a BasicOCSPResponse");
    return true;
}

/* --- who has signed ------------------------------------------------------ */

static bool key_hash_sha1(X509 *cert, uint8_t hash[20])
{
    EVP_MD *sha1 = EVP_MD_fetch(NULL, "SHA1", "?fips=yes");
    const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(cert);
    bool good =
        sha1 != NULL && key != NULL &&
        EVP_Digest(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key),
                   hash, NULL, sha1, NULL) == 1;

    EVP_MD_free(sha1);
    return good;
}

/* Whether the answer's ResponderID means this certificate. */
static bool responder_is(const OCSP_BASICRESP *basic, X509 *cert)
{
    const ASN1_OCTET_STRING *key = NULL;
    const X509_NAME *name = NULL;
    uint8_t hash[20];

    if (OCSP_resp_get0_id(basic, &key, &name) != 1)
        return false;
    if (name != NULL)
        return X509_NAME_cmp(name, X509_get_subject_name(cert)) == 0;
    return key != NULL && ASN1_STRING_length(key) == sizeof hash &&
           key_hash_sha1(cert, hash) &&
           memcmp(ASN1_STRING_get0_data(key), hash, sizeof hash) == 0;
}

static bool signature_verify(struct reading *r, X509 *cert)
{
    const ASN1_OCTET_STRING *signature = OCSP_resp_get0_signature(r->basic);
    EVP_PKEY *key = X509_get0_pubkey(cert);
    unsigned char *data = NULL;
    int length = i2d_OCSP_RESPDATA(OCSP_resp_get0_respdata(r->basic), &data);
    bool good = false;

    if (length <= 0 || key == NULL)
        wrong(r, "the responder's key or answer is unreadable");
    else
        good = signed_verify(OCSP_resp_get0_tbs_sigalg(r->basic), key, data,
                             (size_t)length, ASN1_STRING_get0_data(signature),
                             (size_t)ASN1_STRING_length(signature),
                             r->out->problem) == 0;
    OPENSSL_free(data);
    return good;
}

/* Whether this key has signed the certificate, with 112 bits. */
static bool issued_by(X509 *cert, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    int bits = 0;

    return key != NULL &&
           X509_NAME_cmp(X509_get_issuer_name(cert),
                         X509_get_subject_name(issuer)) == 0 &&
           EVP_PKEY_get_security_bits(key) >= SIGNED_BITS &&
           X509_get_signature_info(cert, NULL, NULL, &bits, NULL) == 1 &&
           bits >= SIGNED_BITS && X509_verify(cert, key) == 1;
}

/* RFC 6960 section 4.2.2.2. Whether a delegate itself is revoked can only be
 * asked with lists: the caller gets what is needed for that. */
static bool delegate_check(struct reading *r, X509 *cert)
{
    const uint32_t flags = X509_get_extension_flags(cert);
    int64_t from, to;

    if (!issued_by(cert, r->issuer))
        return wrong(r, "the responder's certificate is not issued by the "
                        "issuer of what was asked about");
    if ((flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0)
        return wrong(r, "the responder's certificate is malformed, or has a "
                        "critical extension that is not known");
    if ((flags & EXFLAG_CA) != 0)
        return wrong(r, "the responder's certificate is a CA's");
    if ((flags & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(cert) & XKU_OCSP_SIGN) == 0)
        return wrong(r, "the responder's certificate is not for OCSPSigning");
    if ((X509_get_key_usage(cert) &
         (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
        return wrong(r, "the responder's key may not sign (keyUsage)");
    if (!der_time_of(X509_get0_notBefore(cert), &from) ||
        !der_time_of(X509_get0_notAfter(cert), &to) || r->now < from ||
        r->now >= to)
        return wrong(r, "the responder's certificate is not valid now");
    if (chain_link_make(cert, r->issuer, &r->out->delegate) != 0)
        return wrong(r, "the responder's certificate has an odd serial number "
                        "or distribution points");
    return true;
}

static bool delegate_find(struct reading *r)
{
    const STACK_OF(X509) *certs = OCSP_resp_get0_certs(r->basic);
    int count = sk_X509_num(certs);

    wrong(r, "the responder is neither the issuer nor somebody whose "
             "certificate is in the answer");
    for (int i = 0; i < count && i < DELEGATES_MAX; i++) {
        X509 *cert = sk_X509_value(certs, i);

        if (responder_is(r->basic, cert) && delegate_check(r, cert) &&
            signature_verify(r, cert)) {
            r->out->delegated = true;
            return true;
        }
    }
    memset(&r->out->delegate, 0, sizeof r->out->delegate);
    return false;
}

static bool signer_check(struct reading *r)
{
    if (responder_is(r->basic, r->issuer) && signature_verify(r, r->issuer))
        return true;
    if (r->out->problem[0] != '\0' &&
        sk_X509_num(OCSP_resp_get0_certs(r->basic)) <= 0)
        return false; /* the issuer's, but not with its signature */
    return delegate_find(r);
}

/* --- what it says -------------------------------------------------------- */

/* No critical extension but the nonce (RFC 6960 section 4.4). */
static bool extensions_check(struct reading *r)
{
    for (int i = 0; i < OCSP_BASICRESP_get_ext_count(r->basic); i++) {
        X509_EXTENSION *e = OCSP_BASICRESP_get_ext(r->basic, i);

        if (X509_EXTENSION_get_critical(e) &&
            OBJ_obj2nid(X509_EXTENSION_get_object(e)) != NID_id_pkix_OCSP_Nonce)
            return wrong(r, "a critical extension of the answer is not known");
    }
    for (int i = 0; i < OCSP_SINGLERESP_get_ext_count(r->single); i++) {
        if (X509_EXTENSION_get_critical(OCSP_SINGLERESP_get_ext(r->single, i)))
            return wrong(r, "a critical extension of the answer is not known");
    }
    return true;
}

/* Responders that keep answers ready leave the nonce out. */
static bool nonce_check(struct reading *r)
{
    const uint8_t head[2] = {DER_OCTET_STRING, OCSP_NONCE};
    int at =
        OCSP_BASICRESP_get_ext_by_NID(r->basic, NID_id_pkix_OCSP_Nonce, -1);
    const ASN1_OCTET_STRING *value;
    const uint8_t *data;

    if (at < 0)
        return true;
    if (r->nonce == NULL)
        return wrong(r, "a nonce, although none was sent: another's answer");
    if (OCSP_BASICRESP_get_ext_by_NID(r->basic, NID_id_pkix_OCSP_Nonce, at) >=
        0)
        return wrong(r, "more than one nonce");
    value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(r->basic, at));
    data = ASN1_STRING_get0_data(value);
    if (ASN1_STRING_length(value) != (int)sizeof head + OCSP_NONCE ||
        memcmp(data, head, sizeof head) != 0 ||
        memcmp(data + sizeof head, r->nonce, OCSP_NONCE) != 0)
        return wrong(r, "another nonce than the one that was sent: another's "
                        "answer, or an old one");
    return true;
}

static bool single_find(struct reading *r)
{
    OCSP_CERTID *id = id_make(r->leaf, r->issuer);
    int at = -1, again = -1;

    if (id == NULL)
        return wrong(r, "SHA-1 is not available for the CertID");
    at = OCSP_resp_find(r->basic, id, -1);
    if (at >= 0)
        again = OCSP_resp_find(r->basic, id, at);
    OCSP_CERTID_free(id);
    if (at < 0)
        return wrong(r, "the answer is about other certificates");
    if (again >= 0)
        return wrong(r, "more than one answer about the certificate");
    r->single = OCSP_resp_get0(r->basic, at);
    return true;
}

static bool times_read(struct reading *r, const ASN1_GENERALIZEDTIME *from,
                       const ASN1_GENERALIZEDTIME *to)
{
    struct ocsp_answer *out = r->out;

    if (!der_time_of(from, &out->this_update) || out->this_update < 0) {
        out->this_update = 0;
        return wrong(r, "thisUpdate: expected a time in seconds and Z");
    }
    if (to != NULL && !der_time_of(to, &out->next_update)) {
        out->next_update = 0;
        return wrong(r, "nextUpdate: expected a time in seconds and Z");
    }
    if (to != NULL && out->next_update <= out->this_update)
        return wrong(r, "nextUpdate is not later than thisUpdate");
    return true;
}

static bool fresh_check(struct reading *r)
{
    struct ocsp_answer *out = r->out;
    int64_t until = out->next_update != 0 ? out->next_update : INT64_MAX;

    if (out->this_update - OCSP_SKEW_MS > r->now)
        return wrong(r, "thisUpdate is in the future");
    if (out->next_update != 0 && out->next_update <= r->now)
        return wrong(r, "stale: its nextUpdate is past");
    if (r->max_age <= 0 || r->max_age <= r->now - out->this_update)
        return wrong(r, "stale: older than the policy's max_age");
    if (r->max_age < until - out->this_update)
        until = out->this_update + r->max_age;
    out->good_until = until;
    return true;
}

static enum revocation status_read(struct reading *r)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *to = NULL;
    int reason = -1;
    int status =
        OCSP_single_get0_status(r->single, &reason, &revoked, &from, &to);

    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        /* Its age does not matter, nor whether its times can be read. */
        (void)times_read(r, from, to);
        r->out->problem[0] = '\0';
        r->out->reason = reason >= 0 && reason <= 10 ? reason : -1;
        return REVOCATION_REVOKED;
    }
    if (!times_read(r, from, to))
        return REVOCATION_UNKNOWN;
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        wrong(r, "the responder does not know it");
        return REVOCATION_UNKNOWN;
    }
    return fresh_check(r) ? REVOCATION_GOOD : REVOCATION_UNKNOWN;
}

void ocsp_answer_read(const uint8_t *der, size_t length, X509 *leaf,
                      X509 *issuer, const uint8_t *nonce, int64_t now_ms,
                      int64_t max_age_ms, struct ocsp_answer *out)
{
    struct reading r = {.leaf = leaf,
                        .issuer = issuer,
                        .nonce = nonce,
                        .now = now_ms,
                        .max_age = max_age_ms,
                        .out = out};

    *out = (struct ocsp_answer){.status = REVOCATION_UNKNOWN, .reason = -1};
    ERR_clear_error();
    if (outer_read(&r, der, length) && single_find(&r) && signer_check(&r)) {
        out->problem[0] = '\0'; /* of a signer that it was not */
        if (extensions_check(&r) && nonce_check(&r))
            out->status = status_read(&r);
    }
    OCSP_BASICRESP_free(r.basic);
    OCSP_RESPONSE_free(r.response);
    ERR_clear_error();
}

/* --- whom to ask --------------------------------------------------------- */

static bool location_read(const ACCESS_DESCRIPTION *a,
                          char url[HTTP_URL_MAX + 1])
{
    const GENERAL_NAME *name = a->location;
    struct http_url parsed;
    const char *text;
    size_t length;

    if (OBJ_obj2nid(a->method) != NID_ad_OCSP || name->type != GEN_URI)
        return false;
    text =
        (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
    length = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
    if (http_url_parse(text, length, &parsed) != 0)
        return false;
    memcpy(url, text, length);
    url[length] = '\0';
    return true;
}

int ocsp_url_of(X509 *cert, char url[HTTP_URL_MAX + 1])
{
    AUTHORITY_INFO_ACCESS *access =
        X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    int r = SP_ENOENT;

    url[0] = '\0';
    ERR_clear_error();
    for (int i = 0; r != 0 && i < sk_ACCESS_DESCRIPTION_num(access); i++) {
        if (location_read(sk_ACCESS_DESCRIPTION_value(access, i), url))
            r = 0;
    }
    AUTHORITY_INFO_ACCESS_free(access);
    return r;
}
