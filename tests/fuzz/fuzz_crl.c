/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a text of revocation lists: nothing that no key has signed is
 * ever verified, and nothing that is refused revokes anybody. Then the same as
 * entries and as what stands behind them in a list that is signed, which is
 * what an authority that went wrong could hand out: whatever is read out of it
 * is sorted, counted, and builds a set that opens.
 */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/crl.h"
#include "certs/revocations.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 2026-11-20T10:00:00Z */
#define NOW 1795168800000LL

static EVP_PKEY *key;
static STACK_OF(X509) * pool;

static void must(int holds)
{
    if (!holds)
        abort();
}

static void pool_once(void)
{
    X509 *cert;
    X509_EXTENSION *ca;

    if (pool != NULL)
        return;
    key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    cert = X509_new();
    must(key != NULL && cert != NULL);
    X509_set_version(cert, X509_VERSION_3);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"A", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
                             "critical,CA:TRUE");
    must(ca != NULL && X509_add_ext(cert, ca, -1) == 1);
    X509_EXTENSION_free(ca);
    must(X509_sign(cert, key, NULL) > 0);
    pool = sk_X509_new_null();
    must(sk_X509_push(pool, cert) == 1);
}

static size_t put(uint8_t *out, uint8_t tag, const void *data, size_t length)
{
    out[0] = tag;
    out[1] = 0x83;
    out[2] = (uint8_t)(length >> 16);
    out[3] = (uint8_t)(length >> 8);
    out[4] = (uint8_t)length;
    memmove(out + 5, data, length);
    if (length >= 0x10000)
        return length + 5;
    out[1] = 0x82;
    memmove(out + 2, out + 3, length + 2);
    if (length >= 0x100)
        return length + 4;
    out[1] = 0x81;
    memmove(out + 2, out + 3, length + 1);
    if (length >= 0x80)
        return length + 3;
    memmove(out + 1, out + 2, length + 1);
    return length + 2;
}

/* A list with `data` behind its times, signed as it should be. */
static uint8_t *list_sign(const uint8_t *data, size_t size, size_t *length)
{
    static const uint8_t head[] =
        "\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70"
        "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
        "A"
        "\x17\x0d"
        "261120090000Z"
        "\x17\x0d"
        "261120110000Z";
    uint8_t *tbs = malloc(size + 256), *all = malloc(size + 512);
    uint8_t signature[65] = {0};
    size_t n = sizeof head - 1, signed_length = 64;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(tbs != NULL && all != NULL && ctx != NULL);
    memcpy(all, head, n);
    memcpy(all + n, data, size);
    n = put(tbs, 0x30, all, n + size);
    must(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
         EVP_DigestSign(ctx, signature + 1, &signed_length, tbs, n) == 1);
    memcpy(tbs + n, head + 3, 7);
    n += 7;
    n += put(tbs + n, 0x03, signature, sizeof signature);
    *length = put(all, 0x30, tbs, n);
    EVP_MD_CTX_free(ctx);
    free(tbs);
    return all;
}

static void sorted(const struct crl *crl)
{
    const struct crl_record *r = crl_records(crl);

    for (size_t i = 1; i < crl_info(crl)->count; i++)
        must(memcmp(r[i - 1].serial, r[i].serial, 20) < 0);
}

static void built(struct crl_list *l)
{
    struct revocations_outcome outcomes[CRL_LISTS_MAX];
    struct revocations_built first, second;
    struct revocations view;

    must(revocations_build(l->items, l->count, NULL, NOW, outcomes, &first) ==
         0);
    must(revocations_open(first.data, first.length, &view) == 0);
    must(revocations_build(l->items, l->count, &view, NOW, outcomes, &second) ==
         0);
    must(second.length == first.length && second.taken == 0 &&
         memcmp(second.data, first.data, first.length) == 0);
    free(first.data);
    free(second.data);
}

static int read_all(const uint8_t *data, size_t size, int is_signed)
{
    char problem[CRL_PROBLEM];
    struct crl_list l;
    int r = crl_parse(data, size, &l, problem), verified = 0;

    must((r == 0) == (l.count > 0) && (r == 0) == (problem[0] == '\0'));
    for (size_t i = 0; i < l.count; i++) {
        if (crl_verify(l.items[i], pool, NOW, problem) != 0) {
            must(problem[0] != '\0' && crl_records(l.items[i]) == NULL);
            continue;
        }
        must(is_signed);
        sorted(l.items[i]);
        verified++;
    }
    if (l.count > 0)
        built(&l);
    crl_list_release(&l);
    return verified;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *der, *wrapped;
    size_t length;

    pool_once();
    if (size > 65000)
        return 0;
    read_all(data, size, 0);
    der = list_sign(data, size, &length);
    read_all(der, length, 1);
    free(der);
    wrapped = malloc(size + 8);
    must(wrapped != NULL);
    length = put(wrapped, 0x30, data, size);
    der = list_sign(wrapped, length, &length);
    read_all(der, length, 1);
    free(wrapped);
    free(der);
    return 0;
}
