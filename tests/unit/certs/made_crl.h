/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists for tests, good and hostile, put together byte by byte so
 * that every field can be bent and the signature still holds. What is not set
 * is as a careful authority would make it. After made.h.
 */
#ifndef SP_TESTS_CERTS_MADE_CRL_H
#define SP_TESTS_CERTS_MADE_CRL_H

#include <stdio.h>
#include <time.h>

#include "tests/unit/certs/made.h"

struct bytes {
    uint8_t *data;
    size_t length, room;
};

static inline void bytes_put(struct bytes *b, const void *data, size_t n)
{
    if (b->length + n > b->room) {
        b->room = 2 * (b->length + n) + 64;
        b->data = realloc(b->data, b->room);
        made_must(b->data != NULL, "memory");
    }
    if (n > 0)
        memcpy(b->data + b->length, data, n);
    b->length += n;
}

static inline void bytes_value(struct bytes *b, uint8_t tag, const void *data,
                               size_t n)
{
    uint8_t head[6] = {tag};
    size_t used = 2;

    if (n < 0x80) {
        head[1] = (uint8_t)n;
    } else {
        size_t count = n > 0xffffff ? 4 : n > 0xffff ? 3 : n > 0xff ? 2 : 1;

        head[1] = (uint8_t)(0x80 | count);
        for (size_t i = count; i > 0; i--)
            head[used++] = (uint8_t)(n >> (8 * (i - 1)));
    }
    bytes_put(b, head, used);
    bytes_put(b, data, n);
}

/* Everything so far becomes one value. */
static inline void bytes_wrap(struct bytes *b, uint8_t tag)
{
    struct bytes whole = {0};

    bytes_value(&whole, tag, b->data, b->length);
    free(b->data);
    *b = whole;
}

static inline void bytes_hex(struct bytes *b, const char *hex)
{
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        unsigned value;

        made_must(sscanf(hex, "%2x", &value) == 1, hex);
        bytes_put(b, &(uint8_t){(uint8_t)value}, 1);
    }
}

struct made_entry {
    const char *serial;    /* hex of the INTEGER's contents */
    uint8_t reason;        /* 0: none */
    const char *extension; /* hex of one more Extension */
    const char *date;      /* instead of a good one */
};

struct made_crl {
    const struct made *issuer;
    const struct made *signer; /* NULL: the issuer */
    const char *digest;        /* NULL: SHA256, "": none */
    int version;               /* 0: two; 1: one; else the INTEGER's value */
    int64_t from, to;          /* ms UTC; 0: an hour around MADE_NOW */
    const char *from_text, *to_text; /* UTCTime instead; to "": none */
    long number;                     /* 0: none */
    const char *number_hex;          /* the INTEGER's contents instead */
    long base;                       /* 0: no delta */
    const char *points[6];
    bool relative, users, cas, attributes, indirect;
    uint8_t reasons;           /* the first byte of ReasonFlags */
    const struct made *keyid;  /* authorityKeyIdentifier; NULL: none */
    const char *extensions[3]; /* hex of whole Extensions */
    bool other_algorithm;      /* outside, ecdsa-with-SHA384 */
    bool unsigned_odd;         /* the signature is no whole bytes */
    const char *behind;        /* hex behind the entries, within the tbs */
    const char *after;         /* hex behind everything */
    struct made_entry entries[6];
    const struct bytes *more; /* entries in DER instead */
};

static inline void made_extension(struct bytes *b, const char *oid,
                                  bool critical, struct bytes *value)
{
    struct bytes e = {0}, o = {0};

    bytes_hex(&o, oid);
    bytes_value(&e, 0x06, o.data, o.length);
    if (critical)
        bytes_put(&e, "\x01\x01\xff", 3);
    bytes_value(&e, 0x04, value->data, value->length);
    bytes_value(b, 0x30, e.data, e.length);
    free(value->data);
    free(e.data);
    free(o.data);
    *value = (struct bytes){0};
}

static inline void made_integer(struct bytes *b, long value)
{
    uint8_t all[9] = {0};
    size_t at = 8;

    for (size_t i = 0; i < 8; i++)
        all[8 - i] = (uint8_t)((unsigned long)value >> (8 * i));
    for (at = 0; at < 8 && all[at] == 0 && (all[at + 1] & 0x80) == 0;)
        at++;
    bytes_value(b, 0x02, all + at, 9 - at);
}

static inline void made_time(struct bytes *b, int64_t ms, const char *text)
{
    char made[32];
    time_t t = (time_t)(ms / 1000);
    struct tm tm;

    if (text == NULL) {
        strftime(made, sizeof made, "%Y%m%d%H%M%SZ", gmtime_r(&t, &tm));
        text = made + 2; /* UTCTime */
    }
    bytes_value(b, strlen(text) == 15 ? 0x18 : 0x17, text, strlen(text));
}

static inline bool made_crl_has_scope(const struct made_crl *m)
{
    return m->points[0] || m->relative || m->users || m->cas || m->attributes ||
           m->indirect || m->reasons;
}

static inline void made_crl_scope(struct bytes *all, const struct made_crl *m)
{
    struct bytes names = {0}, v = {0};

    for (size_t i = 0; i < 6 && m->points[i] != NULL; i++)
        bytes_value(&names, 0x86, m->points[i], strlen(m->points[i]));
    if (names.length > 0) {
        bytes_wrap(&names, 0xa0); /* fullName */
        bytes_value(&v, 0xa0, names.data, names.length);
    }
    if (m->relative) {
        static const uint8_t relative[] = {0xa0, 0x0e, 0xa1, 0x0c, 0x30, 0x0a,
                                           0x06, 0x03, 0x55, 0x04, 0x03, 0x0c,
                                           0x03, 'o',  'n',  'e'};
        bytes_put(&v, relative, sizeof relative);
    }
    if (m->users)
        bytes_put(&v, "\x81\x01\xff", 3);
    if (m->cas)
        bytes_put(&v, "\x82\x01\xff", 3);
    if (m->reasons)
        bytes_value(&v, 0x83, (uint8_t[]){0, m->reasons}, 2);
    if (m->indirect)
        bytes_put(&v, "\x84\x01\xff", 3);
    if (m->attributes)
        bytes_put(&v, "\x85\x01\xff", 3);
    bytes_wrap(&v, 0x30);
    made_extension(all, "551d1c", true, &v);
    free(names.data);
}

static inline void made_crl_extensions(struct bytes *tbs,
                                       const struct made_crl *m)
{
    struct bytes all = {0}, v = {0};

    if (m->keyid != NULL) {
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(m->keyid->cert);

        bytes_value(&v, 0x80, ASN1_STRING_get0_data(id),
                    (size_t)ASN1_STRING_length(id));
        bytes_wrap(&v, 0x30);
        made_extension(&all, "551d23", false, &v);
    }
    if (m->number_hex != NULL) {
        bytes_hex(&v, m->number_hex);
        bytes_wrap(&v, 0x02);
        made_extension(&all, "551d14", false, &v);
    } else if (m->number != 0) {
        made_integer(&v, m->number);
        made_extension(&all, "551d14", false, &v);
    }
    if (m->base != 0) {
        made_integer(&v, m->base);
        made_extension(&all, "551d1b", true, &v);
    }
    if (made_crl_has_scope(m))
        made_crl_scope(&all, m);
    for (size_t i = 0; i < 3 && m->extensions[i] != NULL; i++)
        bytes_hex(&all, m->extensions[i]);
    if (all.length > 0) {
        bytes_wrap(&all, 0x30);
        bytes_value(tbs, 0xa0, all.data, all.length);
    }
    free(all.data);
}

static inline void made_crl_entry(struct bytes *list,
                                  const struct made_entry *e)
{
    struct bytes entry = {0}, v = {0}, all = {0};

    bytes_hex(&v, e->serial);
    bytes_value(&entry, 0x02, v.data, v.length);
    free(v.data);
    v = (struct bytes){0};
    made_time(&entry, MADE_NOW - 86400000, e->date);
    if (e->reason != 0) {
        bytes_value(&v, 0x0a, &e->reason, 1);
        made_extension(&all, "551d15", false, &v);
    }
    if (e->extension != NULL)
        bytes_hex(&all, e->extension);
    if (all.length > 0)
        bytes_value(&entry, 0x30, all.data, all.length);
    bytes_value(list, 0x30, entry.data, entry.length);
    free(entry.data);
    free(all.data);
}

static inline void made_crl_entries(struct bytes *tbs, const struct made_crl *m)
{
    struct bytes list = {0};

    for (size_t i = 0; i < 6 && m->entries[i].serial != NULL; i++)
        made_crl_entry(&list, &m->entries[i]);
    if (m->more != NULL)
        bytes_value(tbs, 0x30, m->more->data, m->more->length);
    else if (list.length > 0)
        bytes_value(tbs, 0x30, list.data, list.length);
    free(list.data);
}

static inline void made_algorithm(struct bytes *b, EVP_PKEY *key,
                                  const char *digest)
{
    int md = digest[0] == '\0' ? NID_undef : OBJ_sn2nid(digest);
    int nid = EVP_PKEY_get_id(key);
    unsigned char *der = NULL;
    X509_ALGOR *alg = X509_ALGOR_new();

    if (md != NID_undef)
        made_must(OBJ_find_sigid_by_algs(&nid, md, EVP_PKEY_get_id(key)) == 1,
                  "signature algorithm");
    X509_ALGOR_set0(alg, OBJ_nid2obj(nid),
                    EVP_PKEY_is_a(key, "RSA") ? V_ASN1_NULL : V_ASN1_UNDEF,
                    NULL);
    int n = i2d_X509_ALGOR(alg, &der);
    made_must(n > 0, "algorithm");
    bytes_put(b, der, (size_t)n);
    OPENSSL_free(der);
    X509_ALGOR_free(alg);
}

static inline void made_sign(struct bytes *b, const struct bytes *tbs,
                             EVP_PKEY *key, const char *digest, bool odd)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t signature[1024];
    size_t n = sizeof signature - 1;

    made_must(
        EVP_DigestSignInit_ex(ctx, NULL, digest[0] ? digest : NULL, NULL, NULL,
                              key, NULL) == 1 &&
            EVP_DigestSign(ctx, signature + 1, &n, tbs->data, tbs->length) == 1,
        "signature");
    EVP_MD_CTX_free(ctx);
    signature[0] = odd ? 4 : 0;
    bytes_value(b, 0x03, signature, n + 1);
}

static inline void made_crl_tbs(struct bytes *tbs, const struct made_crl *m,
                                EVP_PKEY *key, const char *digest)
{
    unsigned char *name = NULL;
    int n = i2d_X509_NAME(X509_get_subject_name(m->issuer->cert), &name);

    if (m->version != 1)
        made_integer(tbs, m->version == 0 ? 1 : m->version - 1);
    made_algorithm(tbs, key, digest);
    bytes_put(tbs, name, (size_t)n);
    OPENSSL_free(name);
    made_time(tbs, m->from ? m->from : MADE_NOW - 3600000, m->from_text);
    if (m->to_text == NULL || m->to_text[0] != '\0')
        made_time(tbs, m->to ? m->to : MADE_NOW + 3600000, m->to_text);
    made_crl_entries(tbs, m);
    if (m->behind != NULL)
        bytes_hex(tbs, m->behind);
    made_crl_extensions(tbs, m);
    bytes_wrap(tbs, 0x30);
}

/* DER; data is the caller's. */
static inline struct bytes make_crl(const struct made_crl *m)
{
    EVP_PKEY *key = m->signer ? m->signer->key : m->issuer->key;
    const char *digest = m->digest ? m->digest : "SHA256";
    struct bytes tbs = {0}, all = {0};

    made_crl_tbs(&tbs, m, key, digest);
    bytes_put(&all, tbs.data, tbs.length);
    made_algorithm(&all, key, m->other_algorithm ? "SHA384" : digest);
    made_sign(&all, &tbs, key, digest, m->unsigned_odd);
    bytes_wrap(&all, 0x30);
    if (m->after != NULL)
        bytes_hex(&all, m->after);
    free(tbs.data);
    return all;
}

/* PEM text behind what is there. */
static inline void bytes_pem(struct bytes *out, const char *name,
                             const struct bytes *der)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    made_must(PEM_write_bio(bio, name, "", der->data, (long)der->length) > 0,
              "PEM");
    long n = BIO_get_mem_data(bio, &text);
    bytes_put(out, text, (size_t)n);
    BIO_free(bio);
}

#endif
