/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature over a list or an answer, checked over its bytes as they came:
 * what is verified is what is read, nothing is encoded again. OpenSSL's own way
 * copies what it verifies, which for a list of 30 MB it need not.
 */
#include "certs/signed.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>

/* Longer RSA keys cost a verification of milliseconds, and nobody has them. */
#define SIGNED_RSA_BITS_MAX 8192

static const struct scheme {
    int nid;
    const char *digest; /* NULL: the algorithm has its own */
    const char *key;
} schemes[] = {
    {NID_sha256WithRSAEncryption, "SHA256", "RSA"},
    {NID_sha384WithRSAEncryption, "SHA384", "RSA"},
    {NID_sha512WithRSAEncryption, "SHA512", "RSA"},
    {NID_sha224WithRSAEncryption, "SHA224", "RSA"},
    {NID_ecdsa_with_SHA256, "SHA256", "EC"},
    {NID_ecdsa_with_SHA384, "SHA384", "EC"},
    {NID_ecdsa_with_SHA512, "SHA512", "EC"},
    {NID_ecdsa_with_SHA224, "SHA224", "EC"},
    {NID_ED25519, NULL, "ED25519"},
    {NID_ED448, NULL, "ED448"},
#ifdef NID_ML_DSA_87
    {NID_ML_DSA_44, NULL, "ML-DSA-44"},
    {NID_ML_DSA_65, NULL, "ML-DSA-65"},
    {NID_ML_DSA_87, NULL, "ML-DSA-87"},
#endif
};

/* What to verify with. */
struct way {
    const char *digest;
    const char *key;
    bool pss;
    int salt;
};

static int unsupported(const X509_ALGOR *alg, char problem[SIGNED_PROBLEM])
{
    const ASN1_OBJECT *oid = NULL;
    char name[80];

    X509_ALGOR_get0(&oid, NULL, NULL, alg);
    if (oid == NULL || OBJ_obj2txt(name, sizeof name, oid, 0) <= 0)
        snprintf(name, sizeof name, "unknown");
    snprintf(problem, SIGNED_PROBLEM,
             "signature algorithm %s: expected SHA-2 with RSA or ECDSA, or "
             "EdDSA",
             name);
    return SP_EUNSUPPORTED;
}

static const char *pss_digest(const X509_ALGOR *hash)
{
    const ASN1_OBJECT *oid = NULL;

    if (hash == NULL) /* the default is SHA-1 */
        return NULL;
    X509_ALGOR_get0(&oid, NULL, NULL, hash);
    switch (OBJ_obj2nid(oid)) {
    case NID_sha256:
        return "SHA256";
    case NID_sha384:
        return "SHA384";
    case NID_sha512:
        return "SHA512";
    default:
        return NULL;
    }
}

/* RFC 4055 section 3.1: the same SHA-2 for the text and for the mask. */
static bool pss_read(const RSA_PSS_PARAMS *p, struct way *way)
{
    const ASN1_OBJECT *oid = NULL;
    const void *value = NULL;
    int type = 0;
    X509_ALGOR *mask;
    const char *digest = pss_digest(p->hashAlgorithm);
    bool same;

    if (digest == NULL || p->maskGenAlgorithm == NULL)
        return false;
    X509_ALGOR_get0(&oid, &type, &value, p->maskGenAlgorithm);
    if (OBJ_obj2nid(oid) != NID_mgf1 || type != V_ASN1_SEQUENCE)
        return false;
    mask = ASN1_item_unpack(value, ASN1_ITEM_rptr(X509_ALGOR));
    same = mask != NULL && pss_digest(mask) == digest;
    X509_ALGOR_free(mask);
    way->salt =
        p->saltLength == NULL ? 20 : (int)ASN1_INTEGER_get(p->saltLength);
    way->digest = digest;
    return same && way->salt >= 0 && way->salt <= 64 &&
           (p->trailerField == NULL || ASN1_INTEGER_get(p->trailerField) == 1);
}

static bool pss_way(int type, const void *value, struct way *way)
{
    RSA_PSS_PARAMS *p = NULL;
    bool good = false;

    *way = (struct way){.key = "RSA", .pss = true};
    if (type == V_ASN1_SEQUENCE)
        p = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
    if (p != NULL)
        good = pss_read(p, way);
    RSA_PSS_PARAMS_free(p);
    ERR_clear_error();
    return good;
}

/* RSA's algorithms have parameters NULL (or none), the others none. */
static bool parameters_fit(const struct scheme *s, int type)
{
    return type == V_ASN1_UNDEF || (type == V_ASN1_NULL && s->key[0] == 'R');
}

static int way_find(const X509_ALGOR *alg, struct way *way,
                    char problem[SIGNED_PROBLEM])
{
    const ASN1_OBJECT *oid = NULL;
    const void *value = NULL;
    int type = 0, nid;

    X509_ALGOR_get0(&oid, &type, &value, alg);
    nid = OBJ_obj2nid(oid);
    if (nid == NID_rsassaPss && pss_way(type, value, way))
        return 0;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (schemes[i].nid != nid || !parameters_fit(&schemes[i], type))
            continue;
        *way = (struct way){.digest = schemes[i].digest, .key = schemes[i].key};
        return 0;
    }
    return unsupported(alg, problem);
}

int signed_check_algorithm(const X509_ALGOR *alg, char problem[SIGNED_PROBLEM])
{
    struct way way;

    return way_find(alg, &way, problem);
}

static int key_check(EVP_PKEY *key, const struct way *way,
                     char problem[SIGNED_PROBLEM])
{
    int bits = EVP_PKEY_get_security_bits(key);

    if (!EVP_PKEY_is_a(key, way->key) &&
        !(way->pss && EVP_PKEY_is_a(key, "RSA-PSS"))) {
        snprintf(problem, SIGNED_PROBLEM,
                 "the signer's key is no %s key, which the signature's "
                 "algorithm needs",
                 way->key);
        return SP_EUNSUPPORTED;
    }
    if (bits < SIGNED_BITS) {
        snprintf(problem, SIGNED_PROBLEM,
                 "the signer's key is worth %d bits: expected %d or more", bits,
                 SIGNED_BITS);
        return SP_EUNSUPPORTED;
    }
    if (way->key[0] == 'R' && EVP_PKEY_get_bits(key) > SIGNED_RSA_BITS_MAX) {
        snprintf(problem, SIGNED_PROBLEM,
                 "the signer's RSA key has %d bits: expected at most %d",
                 EVP_PKEY_get_bits(key), SIGNED_RSA_BITS_MAX);
        return SP_EUNSUPPORTED;
    }
    return 0;
}

static bool padding_set(EVP_PKEY_CTX *ctx, const struct way *way)
{
    return !way->pss ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, way->salt) == 1 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, way->digest, NULL) == 1);
}

int signed_verify(const X509_ALGOR *alg, EVP_PKEY *key, const uint8_t *data,
                  size_t length, const uint8_t *signature,
                  size_t signature_length, char problem[SIGNED_PROBLEM])
{
    EVP_PKEY_CTX *how = NULL; /* the context's */
    EVP_MD_CTX *ctx;
    struct way way;
    int r;

    if ((r = way_find(alg, &way, problem)) != 0 ||
        (r = key_check(key, &way, problem)) != 0)
        return r;
    ctx = EVP_MD_CTX_new();
    if (ctx == NULL ||
        EVP_DigestVerifyInit_ex(ctx, &how, way.digest, NULL, NULL, key, NULL) !=
            1 ||
        !padding_set(how, &way)) {
        snprintf(problem, SIGNED_PROBLEM,
                 "the signature's algorithm cannot be used here");
        r = SP_ECRYPTO;
    } else if (EVP_DigestVerify(ctx, signature, signature_length, data,
                                length) != 1) {
        snprintf(problem, SIGNED_PROBLEM, "the signature does not verify");
        r = SP_ESIGNATURE;
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return r;
}
