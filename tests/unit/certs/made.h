/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for tests, good and hostile, made in memory by OpenSSL. Every
 * field that an attack may bend can be set; what is not set is as a careful
 * authority would make it. Failing to make one fails the test.
 */
#ifndef SP_TESTS_CERTS_MADE_H
#define SP_TESTS_CERTS_MADE_H

#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-20T10:00:00Z: when the tests without a socket take place. */
#define MADE_NOW 1795168800000LL

struct made {
    X509 *cert;
    EVP_PKEY *key;
};

struct make {
    const struct made *issuer; /* NULL: self-signed */
    const char *cn;
    const char *o;     /* NULL: none */
    const char *uri;   /* NULL: none */
    size_t uri_length; /* 0: strlen */
    const char *uri2;
    const char *san;         /* OpenSSL's own text instead of uri */
    const char *eku;         /* NULL: clientAuth, "": none */
    const char *ku;          /* NULL: as fits, "": none */
    const char *constraints; /* NULL: as fits */
    const char *policies;    /* OIDs with commas; NULL: none */
    bool ca;
    int64_t from, to;   /* ms UTC; 0: one hour around MADE_NOW */
    EVP_PKEY *key;      /* NULL: a new P-256 */
    const char *digest; /* NULL: SHA256 */
};

static inline void made_must(bool good, const char *what)
{
    if (!good)
        fail_msg("cannot make a test certificate: %s", what);
}

static inline void made_extend(X509 *cert, X509 *issuer, int nid,
                               const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    CONF *none; /* policies are not made without one */

    if (value[0] == '\0')
        return;
    none = NCONF_new(NULL);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509V3_set_nconf(&ctx, none);
    e = X509V3_EXT_nconf_nid(none, &ctx, nid, value);
    NCONF_free(none);
    made_must(e != NULL && X509_add_ext(cert, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

static inline void made_add_uri(GENERAL_NAMES *names, const char *uri,
                                size_t length)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    made_must(ASN1_STRING_set(text, uri, (int)length) == 1, "uri");
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    made_must(sk_GENERAL_NAME_push(names, name) > 0, "names");
}

static inline void made_san(X509 *cert, const struct make *m)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();

    if (m->uri != NULL)
        made_add_uri(names, m->uri,
                     m->uri_length ? m->uri_length : strlen(m->uri));
    if (m->uri2 != NULL)
        made_add_uri(names, m->uri2, strlen(m->uri2));
    if (sk_GENERAL_NAME_num(names) > 0)
        made_must(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) ==
                      1,
                  "san");
    GENERAL_NAMES_free(names);
    if (m->san != NULL)
        made_extend(cert, cert, NID_subject_alt_name, m->san);
}

static inline void made_name(X509_NAME *name, const char *type,
                             const char *value)
{
    if (value != NULL)
        made_must(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                                             (const unsigned char *)value, -1,
                                             -1, 0) == 1,
                  value);
}

static inline void made_extensions(X509 *cert, X509 *issuer,
                                   const struct make *m)
{
    const char *ku =
        m->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
    const char *bc = m->ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
    const char *eku = m->ca ? "" : "clientAuth";

    made_extend(cert, issuer, NID_basic_constraints,
                m->constraints ? m->constraints : bc);
    made_extend(cert, issuer, NID_key_usage, m->ku ? m->ku : ku);
    made_extend(cert, issuer, NID_ext_key_usage, m->eku ? m->eku : eku);
    made_extend(cert, issuer, NID_subject_key_identifier, "hash");
    if (issuer != cert)
        made_extend(cert, issuer, NID_authority_key_identifier, "keyid:always");
    if (m->policies != NULL)
        made_extend(cert, issuer, NID_certificate_policies, m->policies);
    made_san(cert, m);
}

static inline struct made make_certificate(const struct make *m)
{
    static long serial = 1000;
    struct made made = {.cert = X509_new()};
    X509 *issuer = m->issuer ? m->issuer->cert : made.cert;
    int64_t from = m->from ? m->from : MADE_NOW - 3600000;
    int64_t to = m->to ? m->to : MADE_NOW + 3600000;

    made.key = m->key ? m->key : EVP_EC_gen("P-256");
    made_must(made.cert != NULL && made.key != NULL, "memory");
    if (m->key != NULL)
        EVP_PKEY_up_ref(m->key);
    X509_set_version(made.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
    made_name(X509_get_subject_name(made.cert), "C", m->o ? "US" : NULL);
    made_name(X509_get_subject_name(made.cert), "O", m->o);
    made_name(X509_get_subject_name(made.cert), "CN", m->cn);
    X509_set_issuer_name(made.cert, X509_get_subject_name(issuer));
    X509_time_adj_ex(X509_getm_notBefore(made.cert), 0, 0,
                     &(time_t){(time_t)(from / 1000)});
    X509_time_adj_ex(X509_getm_notAfter(made.cert), 0, 0,
                     &(time_t){(time_t)(to / 1000)});
    X509_set_pubkey(made.cert, made.key);
    made_extensions(made.cert, issuer, m);
    made_must(
        X509_sign(made.cert, m->issuer ? m->issuer->key : made.key,
                  EVP_get_digestbyname(m->digest ? m->digest : "SHA256")) > 0,
        "signature");
    return made;
}

static inline void made_free(struct made *m)
{
    X509_free(m->cert);
    EVP_PKEY_free(m->key);
    *m = (struct made){0};
}

/* malloc'd, with a NUL. */
static inline char *made_take(BIO *bio)
{
    char *data = NULL, *text;
    size_t length = (size_t)BIO_get_mem_data(bio, &data);

    text = calloc(1, length + 1);
    made_must(text != NULL, "memory");
    memcpy(text, data, length);
    BIO_free(bio);
    return text;
}

/* PEM of up to two certificates; malloc'd. */
static inline char *made_pem(const struct made *first,
                             const struct made *second)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509(bio, first->cert);
    if (second != NULL)
        PEM_write_bio_X509(bio, second->cert);
    return made_take(bio);
}

static inline char *made_key_pem(const struct made *m)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PrivateKey(bio, m->key, NULL, NULL, 0, NULL, NULL);
    return made_take(bio);
}

#endif
