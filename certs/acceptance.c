/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes and verifies acceptances. Verified in the keeper, on bytes that a
 * stranger sent and a worker passed on; made in the command. What a certificate
 * is worth is certs/identity.c's to say: here it is only a key.
 */
#include "certs/acceptance.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What identities demand of keys, too. */
#define SECURITY_BITS 112

static const struct {
    const char *text;
    const char *digest; /* NULL: the algorithm has its own */
    int padding;        /* RSA's, else 0 */
} algorithms[ACCEPTANCE_ALGORITHMS] = {
    [ACCEPTANCE_BY_KEY] = {"by-key", NULL, 0},
    [ACCEPTANCE_ECDSA_SHA256] = {"ecdsa-sha256", "SHA256", 0},
    [ACCEPTANCE_ECDSA_SHA384] = {"ecdsa-sha384", "SHA384", 0},
    [ACCEPTANCE_ED25519] = {"ed25519", NULL, 0},
    [ACCEPTANCE_RSA_SHA256] = {"rsa-pkcs1-sha256", "SHA256", RSA_PKCS1_PADDING},
    [ACCEPTANCE_RSA_PSS_SHA256] = {"rsa-pss-sha256", "SHA256",
                                   RSA_PKCS1_PSS_PADDING},
};

const char *acceptance_algorithm_text(enum acceptance_algorithm a)
{
    return algorithms[(unsigned)a < ACCEPTANCE_ALGORITHMS ? a
                                                          : ACCEPTANCE_BY_KEY]
        .text;
}

enum acceptance_algorithm acceptance_algorithm_from(const char *text)
{
    for (int i = ACCEPTANCE_BY_KEY + 1; i < ACCEPTANCE_ALGORITHMS; i++)
        if (strcmp(algorithms[i].text, text) == 0)
            return (enum acceptance_algorithm)i;
    return ACCEPTANCE_ALGORITHMS;
}

/* ---- what is signed ---- */

static void hex(const uint8_t hash[32], char text[65])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

/* A name with a newline could say something else on the next line. */
static bool is_one_line(const char *text)
{
    return text[0] != 0 && strpbrk(text, "\r\n") == NULL;
}

int acceptance_statement(const struct acceptance_claim *c,
                         char text[ACCEPTANCE_STATEMENT_SIZE])
{
    char document[65], certificate[65];
    int n;

    if (!is_one_line(c->origin) || !is_one_line(c->party) ||
        !is_one_line(c->person) || !is_one_line(c->document))
        return SP_EINVAL;
    hex(c->sha256, document);
    hex(c->cert_sha256, certificate);
    n = snprintf(text, ACCEPTANCE_STATEMENT_SIZE,
                 "sallyport nda acceptance\n%s\n%s/%s\n%s\n%s\n%s\n", c->origin,
                 c->party, c->person, c->document, document, certificate);
    return n < 0 || n >= ACCEPTANCE_STATEMENT_SIZE ? SP_ETOOBIG : 0;
}

/* ---- keys and signatures ---- */

int acceptance_certificate(const uint8_t *der, size_t length, X509 **cert)
{
    const uint8_t *at = der;

    *cert = length > INT32_MAX ? NULL : d2i_X509(NULL, &at, (long)length);
    ERR_clear_error();
    if (*cert != NULL && at == der + length)
        return 0;
    X509_free(*cert);
    *cert = NULL;
    return SP_EINVAL;
}

static bool curve_is(EVP_PKEY *key, const char *name)
{
    char group[64] = "";
    size_t length = 0;

    return EVP_PKEY_get_group_name(key, group, sizeof(group), &length) == 1 &&
           strcmp(group, name) == 0;
}

/* Whether a key of this kind can have made it; BY_KEY becomes the kind's own
 * algorithm. */
static int algorithm_fit(EVP_PKEY *key, enum acceptance_algorithm *a)
{
    bool p256 = curve_is(key, "prime256v1"), p384 = curve_is(key, "secp384r1");
    bool rsa = EVP_PKEY_is_a(key, "RSA"), pss = EVP_PKEY_is_a(key, "RSA-PSS");
    bool ed25519 = EVP_PKEY_is_a(key, "ED25519");

    if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS)
        return SP_EUNSUPPORTED;
    switch (*a) {
    case ACCEPTANCE_BY_KEY:
        *a = p256      ? ACCEPTANCE_ECDSA_SHA256
             : p384    ? ACCEPTANCE_ECDSA_SHA384
             : ed25519 ? ACCEPTANCE_ED25519
             : pss     ? ACCEPTANCE_RSA_PSS_SHA256
                       : ACCEPTANCE_RSA_SHA256;
        return p256 || p384 || ed25519 || pss || rsa ? 0 : SP_EUNSUPPORTED;
    case ACCEPTANCE_ECDSA_SHA256:
    case ACCEPTANCE_ECDSA_SHA384:
        return p256 || p384 ? 0 : SP_EUNSUPPORTED;
    case ACCEPTANCE_ED25519:
        return ed25519 ? 0 : SP_EUNSUPPORTED;
    case ACCEPTANCE_RSA_SHA256:
        return rsa ? 0 : SP_EUNSUPPORTED;
    case ACCEPTANCE_RSA_PSS_SHA256:
        return rsa || pss ? 0 : SP_EUNSUPPORTED;
    case ACCEPTANCE_ALGORITHMS:
    default:
        return SP_EUNSUPPORTED;
    }
}

/* A context that is ready to sign or to verify; NULL: OpenSSL said no. */
static EVP_MD_CTX *context_new(EVP_PKEY *key, enum acceptance_algorithm a,
                               bool sign)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *digest = algorithms[a].digest;
    EVP_PKEY_CTX *own = NULL;
    int padding = algorithms[a].padding, ok;

    if (ctx == NULL)
        return NULL;
    ok = sign ? EVP_DigestSignInit_ex(ctx, &own, digest, NULL, NULL, key, NULL)
              : EVP_DigestVerifyInit_ex(ctx, &own, digest, NULL, NULL, key,
                                        NULL);
    if (ok == 1 && padding != 0)
        ok = EVP_PKEY_CTX_set_rsa_padding(own, padding);
    /* Tools differ in the salt they take: any length proves the same. */
    if (ok == 1 && padding == RSA_PKCS1_PSS_PADDING)
        ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(own, sign ? RSA_PSS_SALTLEN_DIGEST
                                                        : RSA_PSS_SALTLEN_AUTO);
    if (ok == 1)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

int acceptance_verify(EVP_PKEY *key, enum acceptance_algorithm *algorithm,
                      const char *statement, const uint8_t *signature,
                      size_t length)
{
    EVP_MD_CTX *ctx;
    int r = algorithm_fit(key, algorithm);

    if (r != 0)
        return r;
    ctx = context_new(key, *algorithm, false);
    r = ctx != NULL && EVP_DigestVerify(ctx, signature, length,
                                        (const uint8_t *)statement,
                                        strlen(statement)) == 1
            ? 0
            : SP_ESIGNATURE;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return r;
}

int acceptance_sign(EVP_PKEY *key, enum acceptance_algorithm *algorithm,
                    const char *statement, uint8_t **signature, size_t *length)
{
    const uint8_t *text = (const uint8_t *)statement;
    EVP_MD_CTX *ctx = NULL;
    uint8_t *out = NULL;
    int r = algorithm_fit(key, algorithm);

    *signature = NULL;
    if (r != 0)
        return r;
    r = SP_ECRYPTO;
    ctx = context_new(key, *algorithm, true);
    if (ctx == NULL ||
        EVP_DigestSign(ctx, NULL, length, text, strlen(statement)) != 1)
        goto out;
    if ((out = malloc(*length)) == NULL) {
        r = SP_ENOMEM;
        goto out;
    }
    if (EVP_DigestSign(ctx, out, length, text, strlen(statement)) != 1)
        goto out;
    *signature = out;
    out = NULL;
    r = 0;
out:
    free(out);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return r;
}
