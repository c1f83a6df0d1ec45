/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an OCSP answer, and as the signed part of one that the issuer's
 * key has signed: nothing unsigned says anything, and what is good is fresh,
 * about this certificate, and has no problem. Any bytes as a URL as well: what
 * is read is written in one way and is read again.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http_url.h"
#include "certs/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1795168800000LL
#define AGE (24LL * 3600 * 1000)

static EVP_PKEY *key;
static X509 *issuer, *leaf;

static void must(int holds)
{
    if (!holds)
        abort();
}

static X509 *cert_make(const char *name, long serial)
{
    X509 *cert = X509_new();

    must(cert != NULL);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"A", -1, -1, 0);
    X509_set_pubkey(cert, key);
    must(X509_sign(cert, key, NULL) > 0);
    return cert;
}

/* The same key each time, so that a corpus stays worth something. */
static void world_once(void)
{
    static const uint8_t seed[32] = {7};

    if (key != NULL)
        return;
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    must(key != NULL);
    issuer = cert_make("A", 1);
    leaf = cert_make("B", 2);
}

static size_t put(uint8_t *out, uint8_t tag, const void *data, size_t length)
{
    size_t head = length < 0x80 ? 2 : length < 0x100 ? 3 : 4;

    memmove(out + head, data, length);
    out[0] = tag;
    out[1] = (uint8_t)(head == 2 ? length : 0x80 | (head - 2));
    if (head == 3)
        out[2] = (uint8_t)length;
    if (head == 4) {
        out[2] = (uint8_t)(length >> 8);
        out[3] = (uint8_t)length;
    }
    return head + length;
}

/* OCSPResponse { successful, [0] { id-pkix-ocsp-basic, { data, alg, sig } } }
 */
static uint8_t *answer_sign(const uint8_t *data, size_t size, size_t *length)
{
    static const uint8_t algorithm[] = "\x30\x05\x06\x03\x2b\x65\x70";
    static const uint8_t kind[] =
        "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
    uint8_t *a = malloc(size + 512), *b = malloc(size + 512);
    uint8_t signature[65] = {0};
    size_t n, signed_length = 64;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(a != NULL && b != NULL && ctx != NULL);
    n = put(a, 0x30, data, size);
    must(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
         EVP_DigestSign(ctx, signature + 1, &signed_length, a, n) == 1);
    memcpy(a + n, algorithm, 7);
    n += 7;
    n += put(a + n, 0x03, signature, sizeof signature);
    n = put(b, 0x30, a, n);
    n = put(a, 0x04, b, n);
    memcpy(b, kind, 11);
    memcpy(b + 11, a, n);
    n = put(a, 0x30, b, n + 11);
    n = put(b, 0xa0, a, n);
    memcpy(a, "\x0a\x01\x00", 3);
    memcpy(a + 3, b, n);
    *length = put(b, 0x30, a, n + 3);
    EVP_MD_CTX_free(ctx);
    free(a);
    return b;
}

static void read_one(const uint8_t *der, size_t length, int is_signed)
{
    struct ocsp_answer a;

    ocsp_answer_read(der, length, leaf, issuer, NULL, NOW, AGE, &a);
    must(a.status == REVOCATION_GOOD || a.status == REVOCATION_REVOKED ||
         a.status == REVOCATION_UNKNOWN);
    must((a.status == REVOCATION_UNKNOWN) == (a.problem[0] != '\0'));
    must((a.status == REVOCATION_GOOD) == (a.good_until > NOW));
    must(is_signed || a.status == REVOCATION_UNKNOWN);
}

static void read_url(const uint8_t *data, size_t size)
{
    struct http_url url, again;
    char text[2 * HTTP_URL_MAX];

    if (http_url_parse((const char *)data, size, &url) != 0)
        return;
    must(url.port > 0 && url.path[0] == '/' && url.host[0] != '\0');
    must(strpbrk(url.host, "@:/ \r\n%") == NULL &&
         strpbrk(url.path, " \r\n\t#\\") == NULL);
    int n = snprintf(text, sizeof text, "http://%s:%u%s", url.host, url.port,
                     url.path);
    if (n > HTTP_URL_MAX)
        return;
    must(http_url_parse(text, (size_t)n, &again) == 0);
    must(memcmp(&url, &again, sizeof url) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *der;
    size_t length;

    world_once();
    if (size > 60000)
        return 0;
    read_url(data, size);
    read_one(data, size, 0);
    der = answer_sign(data, size, &length);
    read_one(der, length, 1);
    free(der);
    return 0;
}
