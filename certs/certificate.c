/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile of our own certificates (RFC 5280): what is in each of the four
 * kinds and nothing else. Used by the command alone. Texts that go into names
 * were checked by the callers; nothing of a certificate request is copied.
 */
#include "certs/certificate.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct extension {
    int nid;
    const char *value; /* as OpenSSL's configuration writes it */
};

#define EXTENSIONS_MAX 5

/* Key identifiers come first: the others do not depend on them. A root signs
 * issuing authorities, these sign end entities only, hence the path lengths. */
static const struct extension profiles[][EXTENSIONS_MAX + 1] = {
    [CERTIFICATE_ROOT] =
        {
            {NID_subject_key_identifier, "hash"},
            {NID_authority_key_identifier, "keyid:always"},
            {NID_basic_constraints, "critical,CA:TRUE,pathlen:1"},
            {NID_key_usage, "critical,keyCertSign,cRLSign"},
            {NID_undef, NULL},
        },
    [CERTIFICATE_ISSUING] =
        {
            {NID_subject_key_identifier, "hash"},
            {NID_authority_key_identifier, "keyid:always"},
            {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
            {NID_key_usage, "critical,keyCertSign,cRLSign"},
            {NID_undef, NULL},
        },
    [CERTIFICATE_CLIENT] =
        {
            {NID_subject_key_identifier, "hash"},
            {NID_authority_key_identifier, "keyid:always"},
            {NID_basic_constraints, "critical,CA:FALSE"},
            {NID_key_usage, "critical,digitalSignature"},
            {NID_ext_key_usage, "clientAuth"},
            {NID_undef, NULL},
        },
    [CERTIFICATE_SERVER] =
        {
            {NID_subject_key_identifier, "hash"},
            {NID_authority_key_identifier, "keyid:always"},
            {NID_basic_constraints, "critical,CA:FALSE"},
            {NID_key_usage, "critical,digitalSignature"},
            {NID_ext_key_usage, "serverAuth"},
            {NID_undef, NULL},
        },
};

static bool extension_add(X509 *cert, X509 *issuer, const struct extension *e)
{
    X509V3_CTX ctx;
    X509_EXTENSION *made;
    bool good;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    made = X509V3_EXT_conf_nid(NULL, &ctx, e->nid, e->value);
    good = made != NULL && X509_add_ext(cert, made, -1) == 1;
    X509_EXTENSION_free(made);
    return good;
}

/* RFC 5280 section 4.2.1.10: URIs of this deployment alone, so that who has the
 * issuing key cannot make people of another one that trusts the same root. No
 * mail addresses: permitted is one host that cannot exist (RFC 2606), because
 * leaving a form out permits it. Servers' names and addresses stay open. */
static bool constraints_add(X509 *cert, X509 *issuer, const char *deployment)
{
    struct extension e = {.nid = NID_name_constraints};
    char text[256];
    int n = snprintf(text, sizeof text,
                     "critical,permitted;URI:%s,permitted;email:none.invalid",
                     deployment);

    e.value = text;
    return n > 0 && (size_t)n < sizeof text && extension_add(cert, issuer, &e);
}

bool certificate_is_constrained(X509 *cert, const char *deployment)
{
    int critical = 0;
    NAME_CONSTRAINTS *have =
        X509_get_ext_d2i(cert, NID_name_constraints, &critical, NULL);
    bool uris = false, other = false;

    for (int i = 0;
         have != NULL && i < sk_GENERAL_SUBTREE_num(have->permittedSubtrees);
         i++) {
        const GENERAL_NAME *base =
            sk_GENERAL_SUBTREE_value(have->permittedSubtrees, i)->base;

        if (base->type != GEN_URI)
            continue;
        if (ASN1_STRING_length(base->d.ia5) == (int)strlen(deployment) &&
            memcmp(ASN1_STRING_get0_data(base->d.ia5), deployment,
                   strlen(deployment)) == 0)
            uris = true;
        else
            other = true;
    }
    NAME_CONSTRAINTS_free(have);
    return uris && !other && critical == 1;
}

static bool extensions_add(X509 *cert, const struct certificate_plan *plan)
{
    X509 *issuer = plan->issuer == NULL ? cert : plan->issuer;

    for (const struct extension *e = profiles[plan->kind]; e->value != NULL;
         e++) {
        if (!extension_add(cert, issuer, e))
            return false;
    }
    if (plan->kind == CERTIFICATE_ISSUING &&
        !constraints_add(cert, issuer, plan->deployment))
        return false;
    if (plan->alternatives == NULL)
        return true;
    /* OpenSSL takes a plain pointer and only reads. */
    GENERAL_NAMES *names = sk_GENERAL_NAME_dup(plan->alternatives);
    bool good = names != NULL &&
                X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;

    sk_GENERAL_NAME_free(names);
    return good;
}

/* 128 random bits: nobody can foresee what the next signature covers. */
static bool serial_make(ASN1_INTEGER *number,
                        char text[CERTIFICATE_SERIAL_TEXT])
{
    uint8_t bytes[CERTIFICATE_SERIAL_BYTES];
    BIGNUM *value;
    bool good;

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] |= 1; /* never zero, always the same length */
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    value = BN_bin2bn(bytes, sizeof bytes, NULL);
    good = value != NULL && BN_to_ASN1_INTEGER(value, number) != NULL;
    BN_free(value);
    return good;
}

static bool name_entry_add(X509_NAME *name, const char *type, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                                      (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

static bool names_set(X509 *cert, const struct certificate_plan *plan)
{
    X509_NAME *subject = X509_get_subject_name(cert);

    if (!name_entry_add(subject, "O", plan->organization) ||
        !name_entry_add(subject, "CN", plan->name))
        return false;
    return X509_set_issuer_name(cert,
                                plan->issuer == NULL
                                    ? subject
                                    : X509_get_subject_name(plan->issuer)) == 1;
}

/* UTCTime up to 2049 and GeneralizedTime after, as RFC 5280 wants. */
static bool times_set(X509 *cert, int64_t from, int64_t to)
{
    return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(from / 1000)) !=
               NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(to / 1000)) != NULL;
}

/* The digest that is as strong as the signing key's curve. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519"))
        return NULL;
    return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

int certificate_make(const struct certificate_plan *plan, X509 **cert,
                     char serial[CERTIFICATE_SERIAL_TEXT])
{
    X509 *made = X509_new();
    EVP_PKEY *signer = plan->issuer == NULL ? plan->key : plan->issuer_key;

    if (made == NULL || X509_set_version(made, X509_VERSION_3) != 1 ||
        !serial_make(X509_get_serialNumber(made), serial) ||
        !names_set(made, plan) || !times_set(made, plan->from, plan->to) ||
        X509_set_pubkey(made, plan->key) != 1 || !extensions_add(made, plan) ||
        X509_sign(made, signer, digest_for(signer)) <= 0) {
        X509_free(made);
        return SP_ECRYPTO;
    }
    *cert = made;
    return 0;
}

/* Takes `value`, also when it fails. */
static int alternatives_add(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();

    if (name == NULL || value == NULL) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return SP_ENOMEM;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return SP_ENOMEM;
    }
    return 0;
}

static ASN1_STRING *text_make(const char *text)
{
    ASN1_STRING *value = ASN1_IA5STRING_new();

    if (value != NULL && ASN1_STRING_set(value, text, -1) != 1) {
        ASN1_STRING_free(value);
        return NULL;
    }
    return value;
}

int alternatives_of_person(const char *deployment, const char *party,
                           const char *person, GENERAL_NAMES **out)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    char uri[256];
    int n = snprintf(uri, sizeof uri, "sallyport://%s/%s/%s", deployment, party,
                     person);

    if (n < 0 || (size_t)n >= sizeof uri || names == NULL ||
        alternatives_add(names, GEN_URI, text_make(uri)) != 0) {
        sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
        return SP_ENOMEM;
    }
    *out = names;
    return 0;
}

/* Letters, digits, hyphens and dots, as RFC 1123 has host names. */
static bool host_is_name(const char *host)
{
    size_t length = strspn(host, "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

    return length > 0 && length <= 253 && host[length] == '\0' &&
           strchr("-.", host[0]) == NULL && strstr(host, "..") == NULL;
}

int alternatives_of_server(const char *const *names, size_t count,
                           GENERAL_NAMES **out, size_t *bad)
{
    GENERAL_NAMES *made = sk_GENERAL_NAME_new_null();
    int r = made == NULL ? SP_ENOMEM : 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        ASN1_STRING *address = a2i_IPADDRESS(names[i]);

        *bad = i;
        if (address != NULL)
            r = alternatives_add(made, GEN_IPADD, address);
        else if (host_is_name(names[i]))
            r = alternatives_add(made, GEN_DNS, text_make(names[i]));
        else
            r = SP_EINVAL;
    }
    ERR_clear_error(); /* a name is no address: that was not an error */
    if (r != 0) {
        sk_GENERAL_NAME_pop_free(made, GENERAL_NAME_free);
        return r;
    }
    *out = made;
    return 0;
}
