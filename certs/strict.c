/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates are a stranger's bytes that OpenSSL has parsed once; what it
 * keeps as bytes (extensions, keys) is read here with bounds of its own.
 */
#include "certs/strict.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "certs/san.h"

/* Object identifiers as they are encoded, without tag and length. */
static const uint8_t oid_client[] = {0x2b, 6, 1, 5, 5, 7, 3, 2};
static const uint8_t oid_any_eku[] = {0x55, 0x1d, 0x25, 0};
static const uint8_t oid_card[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 6, 8};
static const uint8_t oid_content[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 6, 7};
static const uint8_t oid_any_policy[] = {0x55, 0x1d, 0x20, 0};
/* 2.16.840.1.101.3.2.1: federal policies; .48 is the arc of the test PKI, .3
 * that of the federal PKI itself. */
static const uint8_t oid_federal[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 2, 1};
#define ARC_TEST 48
#define ARC_FPKI 3

/* Policies of certificates that nobody has to show more than a card for, or
 * that sign what is on cards: last arcs below both. */
static const uint8_t no_pin_fpki[] = {17, 19, 20, 39};
static const uint8_t no_pin_test[] = {13, 79, 80, 86};

/* A part of DER that is being read. */
struct der {
    const uint8_t *at, *end;
};

/* The next element's content in *content; false: there is none, or it is not
 * of that tag, or it does not fit. */
static bool der_next(struct der *d, int tag, struct der *content)
{
    const unsigned char *p = d->at;
    int have, class;
    long length;
    int form;

    if (d->at >= d->end)
        return false;
    form = ASN1_get_object(&p, &length, &have, &class, d->end - d->at);
    /* Also false for an indefinite length (bit 0), which DER does not have. */
    if ((form & 0x81) != 0 || class != V_ASN1_UNIVERSAL || have != tag ||
        length > d->end - p)
        return false;
    *content = (struct der){p, p + length};
    d->at = p + length;
    return true;
}

static bool der_is(const struct der *d, const uint8_t *oid, size_t length)
{
    return (size_t)(d->end - d->at) == length &&
           memcmp(d->at, oid, length) == 0;
}

#define DER_IS(d, oid) der_is(d, oid, sizeof oid)

static bool extension_open(const X509 *cert, int nid, struct der *d)
{
    int at = X509_get_ext_by_NID(cert, nid, -1);
    const ASN1_OCTET_STRING *data;

    if (at < 0)
        return false;
    data = X509_EXTENSION_get_data(X509_get_ext(cert, at));
    d->at = ASN1_STRING_get0_data(data);
    d->end = d->at + ASN1_STRING_length(data);
    return true;
}

static unsigned eku_of(const struct der *oid)
{
    return DER_IS(oid, oid_client)    ? STRICT_EKU_CLIENT
           : DER_IS(oid, oid_any_eku) ? STRICT_EKU_ANY
           : DER_IS(oid, oid_card)    ? STRICT_EKU_CARD
           : DER_IS(oid, oid_content) ? STRICT_EKU_CONTENT
                                      : 0;
}

unsigned strict_key_usage(const X509 *cert)
{
    struct der d, list, oid;
    unsigned said = STRICT_EKU_THERE;

    if (!extension_open(cert, NID_ext_key_usage, &d))
        return 0;
    if (!der_next(&d, V_ASN1_SEQUENCE, &list) || d.at != d.end ||
        list.at == list.end)
        return said | STRICT_EKU_BAD;
    while (list.at < list.end) {
        if (!der_next(&list, V_ASN1_OBJECT, &oid))
            return said | STRICT_EKU_BAD;
        said |= eku_of(&oid);
    }
    return said;
}

static unsigned policy_of(const struct der *oid)
{
    const size_t length = (size_t)(oid->end - oid->at);
    const uint8_t *rest = oid->at + sizeof oid_federal;
    unsigned said = 0;

    if (DER_IS(oid, oid_any_policy))
        return STRICT_POLICY_ANY;
    if (length <= sizeof oid_federal ||
        memcmp(oid->at, oid_federal, sizeof oid_federal) != 0)
        return 0;
    if (rest[0] == ARC_TEST)
        said = STRICT_POLICY_TEST;
    if (length != sizeof oid_federal + 2)
        return said;
    if ((rest[0] == ARC_FPKI &&
         memchr(no_pin_fpki, rest[1], sizeof no_pin_fpki) != NULL) ||
        (rest[0] == ARC_TEST &&
         memchr(no_pin_test, rest[1], sizeof no_pin_test) != NULL))
        said |= STRICT_POLICY_NO_PIN;
    return said;
}

unsigned strict_policies(const X509 *cert)
{
    struct der d, list, info, oid;
    unsigned said = STRICT_POLICY_THERE;

    if (!extension_open(cert, NID_certificate_policies, &d))
        return 0;
    if (!der_next(&d, V_ASN1_SEQUENCE, &list) || d.at != d.end ||
        list.at == list.end)
        return said | STRICT_POLICY_BAD;
    while (list.at < list.end) {
        if (!der_next(&list, V_ASN1_SEQUENCE, &info) ||
            !der_next(&info, V_ASN1_OBJECT, &oid))
            return said | STRICT_POLICY_BAD;
        said |= policy_of(&oid);
    }
    return said;
}

/* RFC 5280 section 4.1.2.2, in the bytes that were signed. */
static bool serial_is_good(const ASN1_INTEGER *serial)
{
    const uint8_t *data = ASN1_STRING_get0_data(serial);
    int length = ASN1_STRING_length(serial);

    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || length < 1 ||
        length > 20 || (length == 20 && (data[0] & 0x80) != 0))
        return false; /* a sign bit would have taken one more */
    for (int i = 0; i < length; i++) {
        if (data[i] != 0)
            return true;
    }
    return false;
}

static bool extension_is_twice(const X509 *cert, int at)
{
    ASN1_OBJECT *kind = X509_EXTENSION_get_object(X509_get_ext(cert, at));

    for (int i = 0; i < at; i++) {
        if (OBJ_cmp(X509_EXTENSION_get_object(X509_get_ext(cert, i)), kind) ==
            0)
            return true;
    }
    return false;
}

/* An extension of RFC 5280's own (2.5.29) is one element and nothing behind it,
 * which OpenSSL would not look at and another reader might. */
static bool extension_is_whole(const X509 *cert, int at)
{
    X509_EXTENSION *e = X509_get_ext(cert, at);
    const ASN1_OBJECT *kind = X509_EXTENSION_get_object(e);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
    const uint8_t *oid = OBJ_get0_data(kind);
    const uint8_t *data = ASN1_STRING_get0_data(value), *p = data;
    long length, size = ASN1_STRING_length(value);
    int tag, class;

    if (OBJ_length(kind) != 3 || oid[0] != 0x55 || oid[1] != 0x1d)
        return true;
    return (ASN1_get_object(&p, &length, &tag, &class, size) & 0x81) == 0 &&
           p + length == data + size;
}

int strict_check(const X509 *cert)
{
    int n = X509_get_ext_count(cert);

    if (!serial_is_good(X509_get0_serialNumber(cert)))
        return X509_V_ERR_CERT_REJECTED;
    if (n > STRICT_EXTENSIONS)
        return X509_V_ERR_INVALID_EXTENSION;
    for (int i = 0; i < n; i++) {
        if (extension_is_twice(cert, i) || !extension_is_whole(cert, i))
            return X509_V_ERR_INVALID_EXTENSION;
    }
    return X509_V_OK;
}

/* --- keys ---------------------------------------------------------------- */

/* A positive number's bytes, without a sign byte. */
static bool number_read(struct der *list, struct der *number)
{
    if (!der_next(list, V_ASN1_INTEGER, number) || number->at == number->end ||
        (number->at[0] & 0x80) != 0)
        return false;
    while (number->at < number->end && number->at[0] == 0)
        number->at++;
    return number->at < number->end;
}

static size_t number_bits(const struct der *n)
{
    return (size_t)(n->end - n->at) * 8 -
           (size_t)(__builtin_clz((unsigned)n->at[0]) - 24);
}

static int rsa_check(const uint8_t *key, size_t length)
{
    struct der d = {key, key + length}, list, modulus, exponent;
    size_t bits, exponent_bits;

    if (!der_next(&d, V_ASN1_SEQUENCE, &list) ||
        !number_read(&list, &modulus) || !number_read(&list, &exponent))
        return X509_V_ERR_CERT_REJECTED;
    bits = number_bits(&modulus);
    exponent_bits = number_bits(&exponent);
    if (bits < 2048)
        return X509_V_ERR_EE_KEY_TOO_SMALL;
    return bits <= 8192 && bits % 8 == 0 && (modulus.end[-1] & 1) != 0 &&
                   exponent_bits >= 17 && exponent_bits <= 64 &&
                   (exponent.end[-1] & 1) != 0
               ? X509_V_OK
               : X509_V_ERR_CERT_REJECTED;
}

static int curve_check(const X509_ALGOR *algorithm)
{
    const void *curve;
    int type, nid;

    X509_ALGOR_get0(NULL, &type, &curve, algorithm);
    if (type != V_ASN1_OBJECT)
        return X509_V_ERR_EC_KEY_EXPLICIT_PARAMS;
    nid = OBJ_obj2nid(curve);
    return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 ||
                   nid == NID_secp521r1
               ? X509_V_OK
               : X509_V_ERR_CERT_REJECTED;
}

int strict_check_key(const X509 *cert)
{
    const X509_PUBKEY *key = X509_get_X509_PUBKEY(cert);
    const uint8_t *data;
    X509_ALGOR *algorithm;
    ASN1_OBJECT *kind;
    int length;

    if (X509_PUBKEY_get0_param(&kind, &data, &length, &algorithm, key) != 1)
        return X509_V_ERR_CERT_REJECTED;
    switch (OBJ_obj2nid(kind)) {
    case NID_rsaEncryption:
    case NID_rsassaPss:
        return rsa_check(data, (size_t)length);
    case NID_X9_62_id_ecPublicKey:
        return curve_check(algorithm);
    case NID_dsa:
    case NID_rsa:
        return X509_V_ERR_CERT_REJECTED;
    default:
        return X509_V_OK;
    }
}

/* --- leaves -------------------------------------------------------------- */

static bool leaf_is_small(X509 *cert, const STACK_OF(GENERAL_NAME) * names)
{
    return i2d_X509(cert, NULL) <= STRICT_LEAF_BYTES &&
           sk_GENERAL_NAME_num(names) <= STRICT_NAMES;
}

int strict_check_leaf(X509 *cert, const STACK_OF(GENERAL_NAME) * names)
{
    const uint32_t flags = X509_get_extension_flags(cert);
    const unsigned eku = strict_key_usage(cert);
    const unsigned policies = strict_policies(cert);
    int error;

    if ((flags & EXFLAG_INVALID) != 0 || (eku & STRICT_EKU_BAD) != 0 ||
        (policies & STRICT_POLICY_BAD) != 0)
        return X509_V_ERR_INVALID_EXTENSION;
    if ((flags & EXFLAG_CA) != 0 || X509_check_ca(cert) != 0)
        return X509_V_ERR_INVALID_PURPOSE;
    if ((eku & (STRICT_EKU_CARD | STRICT_EKU_CONTENT)) != 0 ||
        (policies & STRICT_POLICY_NO_PIN) != 0)
        return X509_V_ERR_INVALID_PURPOSE;
    /* Says all bits if there is no key usage. */
    if ((X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) == 0)
        return X509_V_ERR_INVALID_PURPOSE;
    if (!san_is_plain(names) || !subject_is_plain(X509_get_subject_name(cert)))
        return X509_V_ERR_UNSUPPORTED_NAME_SYNTAX;
    if (!leaf_is_small(cert, names))
        return X509_V_ERR_CERT_REJECTED;
    error = strict_check(cert);
    return error != X509_V_OK ? error : strict_check_key(cert);
}
