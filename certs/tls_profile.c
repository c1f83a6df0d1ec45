/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of TLS profiles and its way into OpenSSL. Runs in the supervisor
 * and the workers at start; the rule for chains in each handshake, on
 * certificates that have been verified.
 */
#include "certs/tls_profile.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define END                                                                    \
    {                                                                          \
        NULL, false                                                            \
    }

/* The client chooses among them: one without AES in hardware asks for
 * ChaCha20, and each is strong enough for everybody. */
static const struct tls_word suites[] = {
    {"TLS_AES_256_GCM_SHA384", true},
    {"TLS_AES_128_GCM_SHA256", true},
    {"TLS_CHACHA20_POLY1305_SHA256", false},
    END,
};

static const struct tls_word suites_1_2[] = {
    {"ECDHE-ECDSA-AES256-GCM-SHA384", true},
    {"ECDHE-RSA-AES256-GCM-SHA384", true},
    {"ECDHE-ECDSA-AES128-GCM-SHA256", true},
    {"ECDHE-RSA-AES128-GCM-SHA256", true},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", false},
    {"ECDHE-RSA-CHACHA20-POLY1305", false},
    END,
};

static const struct tls_word groups[] = {
    {"X25519", false},
    {"P-256", true},
    {"P-384", true},
    END,
};

/* PKCS#1 1.5: in TLS 1.3 only within certificates, in 1.2 also what cards
 * with old middleware sign with. */
static const struct tls_word signatures[] = {
    {"ecdsa_secp256r1_sha256", true},
    {"ecdsa_secp384r1_sha384", true},
    {"ecdsa_secp521r1_sha512", true},
    {"ed25519", false},
    {"ed448", false},
    {"rsa_pss_pss_sha256", true},
    {"rsa_pss_pss_sha384", true},
    {"rsa_pss_pss_sha512", true},
    {"rsa_pss_rsae_sha256", true},
    {"rsa_pss_rsae_sha384", true},
    {"rsa_pss_rsae_sha512", true},
    {"rsa_pkcs1_sha256", true},
    {"rsa_pkcs1_sha384", true},
    {"rsa_pkcs1_sha512", true},
    END,
};

/* RFC 9151. */
static const struct tls_word suites_cnsa[] = {
    {"TLS_AES_256_GCM_SHA384", true},
    END,
};

static const struct tls_word suites_1_2_cnsa1[] = {
    {"ECDHE-ECDSA-AES256-GCM-SHA384", true},
    {"ECDHE-RSA-AES256-GCM-SHA384", true},
    END,
};

static const struct tls_word groups_cnsa1[] = {
    {"P-384", true},
    END,
};

static const struct tls_word signatures_cnsa1[] = {
    {"ecdsa_secp384r1_sha384", true},
    {"rsa_pss_pss_sha384", true},
    {"rsa_pss_rsae_sha384", true},
    {"rsa_pkcs1_sha384", true},
    END,
};

/* draft-becker-cnsa2-tls-profile. */
static const struct tls_word groups_cnsa2[] = {
    {"MLKEM1024", true},
    END,
};

static const struct tls_word signatures_cnsa2[] = {
    {"mldsa87", true},
    END,
};

#define CNSA1_TEXT                                                             \
    "P-384 or RSA of at least 3072 bits, signed with SHA-384, in every "       \
    "certificate"
#define CNSA2_TEXT "ML-DSA-87 in every certificate"

/* Level 2: 112 bits: RSA-2048, P-256, SHA-2. Level 3: 128 bits. */
static const struct tls_profile profiles[] = {
    {.name = "strict",
     .oldest = TLS1_3_VERSION,
     .level = 2,
     .suites = suites,
     .groups = groups,
     .signatures = signatures,
     .key = "P-256"},
    {.name = "piv",
     .oldest = TLS1_2_VERSION,
     .level = 2,
     .suites = suites,
     .suites_1_2 = suites_1_2,
     .groups = groups,
     .signatures = signatures,
     .key = "P-256"},
    {.name = "cnsa",
     .oldest = TLS1_3_VERSION,
     .level = 3,
     .suites = suites_cnsa,
     .groups = groups_cnsa2,
     .signatures = signatures_cnsa2,
     .chain = TLS_RULE_CNSA2,
     .chain_text = CNSA2_TEXT,
     .key = "ML-DSA-87"},
    {.name = "cnsa1",
     .oldest = TLS1_2_VERSION,
     .level = 3,
     .suites = suites_cnsa,
     .suites_1_2 = suites_1_2_cnsa1,
     .groups = groups_cnsa1,
     .signatures = signatures_cnsa1,
     .chain = TLS_RULE_CNSA1,
     .chain_text = CNSA1_TEXT,
     .key = "P-384"},
};

const struct tls_profile tls_profile_client = {
    .name = "client",
    .oldest = TLS1_2_VERSION,
    .level = 2,
    .suites = suites,
    .suites_1_2 = suites_1_2,
    .groups = groups,
    .signatures = signatures,
    .key = "P-256",
};

const struct tls_profile *tls_profile_at(size_t i)
{
    return i < sizeof profiles / sizeof *profiles ? &profiles[i] : NULL;
}

const struct tls_profile *tls_profile_find(const char *name)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}

/* --- into a context ------------------------------------------------------ */

#define LIST_SIZE 512

/* "a:b:c" of the words that may be used. */
static int list_join(const struct tls_word *words, char list[LIST_SIZE])
{
    bool fips = EVP_default_properties_is_fips_enabled(NULL) == 1;
    size_t length = 0;

    list[0] = '\0';
    for (; words->name != NULL; words++) {
        if (fips && !words->fips)
            continue;
        length += (size_t)snprintf(list + length, LIST_SIZE - length, "%s%s",
                                   length == 0 ? "" : ":", words->name);
        if (length >= LIST_SIZE)
            return SP_ETOOBIG;
    }
    return 0;
}

static int lists_apply(const struct tls_profile *p, SSL_CTX *ctx)
{
    char list[LIST_SIZE];

    if (list_join(p->suites, list) != 0 ||
        SSL_CTX_set_ciphersuites(ctx, list) != 1)
        return SP_ECRYPTO;
    /* What 1.2 would use if there were no list of ours is not allowed
     * anyway, but a context without any is refused. */
    if (p->suites_1_2 != NULL && (list_join(p->suites_1_2, list) != 0 ||
                                  SSL_CTX_set_cipher_list(ctx, list) != 1))
        return SP_ECRYPTO;
    if (list_join(p->groups, list) != 0 ||
        SSL_CTX_set1_groups_list(ctx, list) != 1)
        return SP_ECRYPTO;
    /* Both lists: what may be used by the peer, and what by us. */
    if (list_join(p->signatures, list) != 0 ||
        SSL_CTX_set1_sigalgs_list(ctx, list) != 1 ||
        SSL_CTX_set1_client_sigalgs_list(ctx, list) != 1)
        return SP_ECRYPTO;
    return 0;
}

int tls_profile_apply(const struct tls_profile *p, SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, p->level);
    if (SSL_CTX_set_min_proto_version(ctx, p->oldest) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1)
        return SP_ECRYPTO;
    return lists_apply(p, ctx);
}

/* --- rules for chains ---------------------------------------------------- */

/* RFC 8603 section 4: the key of each certificate ... */
static bool key_is_cnsa1(const EVP_PKEY *key)
{
    char curve[32];
    size_t length;

    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
        return EVP_PKEY_get_bits(key) >= 3072;
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, curve, sizeof curve, &length) == 1 &&
           strcmp(curve, SN_secp384r1) == 0;
}

/* FIPS 204: id-ml-dsa-87. */
static bool signature_is_mldsa87(const X509 *cert)
{
    char oid[64];

    return OBJ_obj2txt(oid, sizeof oid,
                       OBJ_nid2obj(X509_get_signature_nid(cert)), 1) > 0 &&
           strcmp(oid, "2.16.840.1.101.3.4.3.19") == 0;
}

static unsigned key_rules(const X509 *cert)
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    unsigned met = 0;

    if (key == NULL)
        return 0;
    if (key_is_cnsa1(key))
        met |= TLS_RULE_CNSA1;
    if (EVP_PKEY_is_a(key, "ML-DSA-87"))
        met |= TLS_RULE_CNSA2;
    return met;
}

/* ... and what it is signed with. */
static unsigned signature_rules(const X509 *cert)
{
    int digest = NID_undef, key, bits;
    uint32_t flags;
    unsigned met = 0;

    /* X509_get_signature_info() caches, and has no const for it. */
    if (X509_get_signature_info((X509 *)(uintptr_t)cert, &digest, &key, &bits,
                                &flags) == 1 &&
        digest == NID_sha384)
        met |= TLS_RULE_CNSA1;
    if (signature_is_mldsa87(cert))
        met |= TLS_RULE_CNSA2;
    return met;
}

unsigned tls_certificate_rules(const X509 *cert)
{
    return key_rules(cert) & signature_rules(cert);
}

unsigned tls_chain_rules(const STACK_OF(X509) * chain, bool anchored)
{
    unsigned met = TLS_RULE_CNSA1 | TLS_RULE_CNSA2;
    int count = sk_X509_num(chain);

    for (int i = 0; i < count && met != 0; i++) {
        const X509 *cert = sk_X509_value(chain, i);

        met &= key_rules(cert);
        if (met != 0 && !(anchored && i == count - 1))
            met &= signature_rules(cert);
    }
    return count > 0 ? met : 0;
}
