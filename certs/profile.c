/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys the authority certifies. Used by the command; keys in requests are
 * a stranger's bytes that OpenSSL has parsed and nobody has judged yet.
 */
#include "certs/profile.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct profile profiles[] = {
    {.name = "p256",
     .key = "EC P-256",
     .what_for = "everybody; the default",
     .type = "EC",
     .curve = SN_X9_62_prime256v1,
     .made = true},
    {.name = "p384",
     .key = "EC P-384",
     .what_for = "who must have 192 bits of strength (CNSA)",
     .type = "EC",
     .curve = SN_secp384r1,
     .made = true},
    {.name = "p521",
     .key = "EC P-521",
     .what_for = "requests of those who have one",
     .type = "EC",
     .curve = SN_secp521r1},
    {.name = "rsa",
     .key = "RSA, 3072 to 8192 bits",
     .what_for = "old middleware that knows no elliptic curves",
     .type = "RSA",
     .bits = 3072,
     .bits_most = 8192,
     .made = true},
    {.name = "piv",
     .key = "RSA, 2048 to 3071 bits",
     .what_for = "cards that can do no better, in requests alone",
     .type = "RSA",
     .bits = 2048,
     .bits_most = 3071},
    {.name = "ed25519",
     .key = "Ed25519",
     .what_for = "requests of those who have one",
     .type = "ED25519"},
};

#define NPROFILES (sizeof profiles / sizeof profiles[0])

const struct profile *profile_at(size_t i)
{
    return i < NPROFILES ? &profiles[i] : NULL;
}

const struct profile *profile_find(const char *name)
{
    for (size_t i = 0; i < NPROFILES; i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

/* Curves by their names: parameters of one's own have been used to forge keys
 * (CVE-2020-0601). */
static bool curve_is(EVP_PKEY *key, const char *curve)
{
    char name[64] = "", encoding[32] = "";
    size_t length;

    return EVP_PKEY_get_group_name(key, name, sizeof name, &length) == 1 &&
           strcmp(name, curve) == 0 &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                          encoding, sizeof encoding,
                                          &length) == 1 &&
           strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) == 0;
}

static bool profile_fits(const struct profile *p, EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    if (!EVP_PKEY_is_a(key, p->type))
        return false;
    if (p->curve != NULL)
        return curve_is(key, p->curve);
    return p->bits == 0 || (bits >= p->bits && bits <= p->bits_most);
}

/* FIPS 186-5 section 5.1: odd, more than 2^16 and less than 2^256. A small one
 * makes mistakes in padding forgeries. */
static bool exponent_is_usual(EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                BN_is_odd(e) && BN_num_bits(e) > 16 && BN_num_bits(e) <= 256;

    BN_free(e);
    return good;
}

/* On the curve; a modulus without small factors. */
static bool key_is_sound(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool good = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

static int refuse(char problem[256], const char *what)
{
    ERR_clear_error();
    snprintf(problem, 256, "%s", what);
    return SP_EINVAL;
}

static int key_judge(EVP_PKEY *key, const struct profile **p, char problem[256])
{
    size_t i = 0;

    while (i < NPROFILES && !profile_fits(&profiles[i], key))
        i++;
    if (i == NPROFILES)
        return refuse(problem, "the key: expected EC P-256, P-384 or P-521, by "
                               "name, RSA of 2048 to 8192 bits, or Ed25519");
    if (profiles[i].bits != 0 && !exponent_is_usual(key))
        return refuse(problem, "the RSA key's exponent: expected an odd number "
                               "from 65537 on, below 2^256");
    if (!key_is_sound(key))
        return refuse(problem, "the key: expected a point of its curve or a "
                               "product of two large primes: this is none");
    *p = &profiles[i];
    return 0;
}

/* The key as certificates have it, in OpenSSL's own form. A token's has no
 * parameters to ask for, and once its module is loaded d2i_PUBKEY() makes
 * others as opaque. */
static EVP_PKEY *key_copy(const EVP_PKEY *key)
{
    uint8_t *der = NULL;
    const uint8_t *at;
    int length = i2d_PUBKEY(key, &der);
    size_t left = length > 0 ? (size_t)length : 0;
    EVP_PKEY *copy = NULL;
    OSSL_DECODER_CTX *ctx =
        OSSL_DECODER_CTX_new_for_pkey(&copy, "DER", "SubjectPublicKeyInfo",
                                      NULL, EVP_PKEY_PUBLIC_KEY, NULL, NULL);

    at = der;
    if (ctx == NULL || left == 0 ||
        OSSL_DECODER_from_data(ctx, &at, &left) != 1) {
        EVP_PKEY_free(copy);
        copy = NULL;
    }
    OSSL_DECODER_CTX_free(ctx);
    OPENSSL_free(der);
    return copy;
}

int profile_of_key(EVP_PKEY *key, const struct profile **p, char problem[256])
{
    EVP_PKEY *copy = key_copy(key);
    int r;

    if (copy == NULL)
        return refuse(problem, "the key: expected a public key that can be "
                               "written down");
    r = key_judge(copy, p, problem);
    EVP_PKEY_free(copy);
    return r;
}

int profile_make_key(const struct profile *p, EVP_PKEY **key)
{
    if (!p->made)
        return SP_EUNSUPPORTED;
    if (p->curve != NULL)
        *key = EVP_EC_gen(p->curve);
    else
        *key = EVP_RSA_gen((unsigned)p->bits);
    return *key == NULL ? SP_ECRYPTO : 0;
}
