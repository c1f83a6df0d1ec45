/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can the linked OpenSSL do what a profile says? Runs in the supervisor before
 * anything is opened, and in `sallyport check`. OpenSSL takes some lists as
 * they are and leaves out silently what it has not (another provider, another
 * build), so that every suite is looked for, every group is set alone, and
 * both sides shake hands in memory.
 */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "certs/tls_profile.h"

/* More than any handshake takes. */
#define ROUNDS 16

static int missing(char problem[256], const struct tls_profile *p,
                   const char *what, const char *name)
{
    snprintf(problem, 256,
             "TLS profile %s: %s %s is not to be had from %s: expected an "
             "OpenSSL that has it, or another profile",
             p->name, what, name, OpenSSL_version(OPENSSL_VERSION_STRING));
    ERR_clear_error();
    return SP_EUNSUPPORTED;
}

static bool word_counts(const struct tls_word *w)
{
    return w->fips || EVP_default_properties_is_fips_enabled(NULL) != 1;
}

static int probe_groups(const struct tls_profile *p, SSL_CTX *ctx,
                        char problem[256])
{
    for (const struct tls_word *w = p->groups; w->name != NULL; w++) {
        char name[64];

        snprintf(name, sizeof name, "%s", w->name);
        if (word_counts(w) && SSL_CTX_set1_groups_list(ctx, name) != 1)
            return missing(problem, p, "the group", w->name);
    }
    return 0;
}

static int probe_signatures(const struct tls_profile *p, SSL_CTX *ctx,
                            char problem[256])
{
    for (const struct tls_word *w = p->signatures; w->name != NULL; w++) {
        char name[64];

        snprintf(name, sizeof name, "%s", w->name);
        if (word_counts(w) && SSL_CTX_set1_sigalgs_list(ctx, name) != 1)
            return missing(problem, p, "the signature algorithm", w->name);
    }
    return 0;
}

static bool cipher_is_there(const STACK_OF(SSL_CIPHER) * all, const char *name)
{
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++)
        if (strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i)), name) == 0)
            return true;
    return false;
}

/* What is really left of the lists, with the versions and the level applied. */
static int probe_suites(const struct tls_profile *p, SSL_CTX *ctx,
                        const struct tls_word *words, char problem[256])
{
    SSL *ssl = SSL_new(ctx);
    STACK_OF(SSL_CIPHER) *all =
        ssl != NULL ? SSL_get1_supported_ciphers(ssl) : NULL;
    int r = ssl == NULL ? SP_ENOMEM : 0;

    for (; r == 0 && words != NULL && words->name != NULL; words++)
        if (word_counts(words) && !cipher_is_there(all, words->name))
            r = missing(problem, p, "the suite", words->name);
    sk_SSL_CIPHER_free(all);
    SSL_free(ssl);
    return r;
}

/* --- a handshake in memory ----------------------------------------------- */

static EVP_PKEY *key_make(const char *kind)
{
    if (strncmp(kind, "P-", 2) == 0)
        return EVP_EC_gen(kind);
    return EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

/* Its name does not matter, and nobody else ever sees it. */
static X509 *certificate_make(EVP_PKEY *key, const char *kind)
{
    const EVP_MD *digest = strcmp(kind, "P-384") == 0    ? EVP_sha384()
                           : strncmp(kind, "P-", 2) == 0 ? EVP_sha256()
                                                         : NULL;
    X509 *cert = X509_new();
    X509_NAME *name = cert != NULL ? X509_get_subject_name(cert) : NULL;

    if (name == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), 3600) == NULL ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   (const unsigned char *)"probe", -1, -1,
                                   0) != 1 ||
        X509_set_issuer_name(cert, name) != 1 ||
        X509_set_pubkey(cert, key) != 1 || X509_sign(cert, key, digest) == 0) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool step(SSL *ssl)
{
    int n = SSL_do_handshake(ssl);

    if (n == 1)
        return true;
    n = SSL_get_error(ssl, n);
    return n == SSL_ERROR_WANT_READ || n == SSL_ERROR_WANT_WRITE;
}

static bool shake(SSL *client, SSL *server)
{
    BIO *a = NULL, *b = NULL;

    if (BIO_new_bio_pair(&a, 0, &b, 0) != 1)
        return false;
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < ROUNDS; i++) {
        if (!step(client) || !step(server))
            return false;
        if (SSL_is_init_finished(client) && SSL_is_init_finished(server))
            return true;
    }
    return false;
}

/* Both sides with the same key; who they are is not the question here. */
static bool shake_version(const struct tls_profile *p, SSL_CTX *from,
                          SSL_CTX *to, int version)
{
    SSL *client = SSL_new(from), *server = SSL_new(to);
    bool good = client != NULL && server != NULL &&
                SSL_set_max_proto_version(client, version) == 1 &&
                SSL_set_min_proto_version(client, p->oldest) == 1 &&
                shake(client, server) && SSL_version(server) == version;

    SSL_free(client);
    SSL_free(server);
    return good;
}

static int any_certificate(X509_STORE_CTX *ctx, void *arg)
{
    (void)ctx;
    (void)arg;
    return 1;
}

static SSL_CTX *side_new(const struct tls_profile *p, const SSL_METHOD *method,
                         X509 *cert, EVP_PKEY *key)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (ctx == NULL || tls_profile_apply(p, ctx) != 0 ||
        SSL_CTX_use_certificate(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
    SSL_CTX_set_cert_verify_callback(ctx, any_certificate, NULL);
    return ctx;
}

static int probe_handshake(const struct tls_profile *p, char problem[256])
{
    EVP_PKEY *key = key_make(p->key);
    X509 *cert = key != NULL ? certificate_make(key, p->key) : NULL;
    SSL_CTX *from = NULL, *to = NULL;
    int r = 0;

    if (cert == NULL) {
        r = missing(problem, p, "a key and certificate of", p->key);
        goto out;
    }
    from = side_new(p, TLS_client_method(), cert, key);
    to = side_new(p, TLS_server_method(), cert, key);
    if (from == NULL || to == NULL ||
        !shake_version(p, from, to, TLS1_3_VERSION))
        r = missing(problem, p, "a handshake of", "TLS 1.3");
    else if (p->oldest < TLS1_3_VERSION &&
             !shake_version(p, from, to, TLS1_2_VERSION))
        r = missing(problem, p, "a handshake of", "TLS 1.2");
out:
    ERR_clear_error();
    SSL_CTX_free(from);
    SSL_CTX_free(to);
    X509_free(cert);
    EVP_PKEY_free(key);
    return r;
}

int tls_profile_probe(const struct tls_profile *p, char problem[256])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int r;

    problem[0] = '\0';
    ERR_clear_error();
    if (ctx == NULL)
        return SP_ENOMEM;
    if ((r = probe_groups(p, ctx, problem)) == 0 &&
        (r = probe_signatures(p, ctx, problem)) == 0 &&
        tls_profile_apply(p, ctx) != 0)
        r = missing(problem, p, "one of", "its suites");
    if (r == 0 && (r = probe_suites(p, ctx, p->suites, problem)) == 0)
        r = probe_suites(p, ctx, p->suites_1_2, problem);
    SSL_CTX_free(ctx);
    return r != 0 ? r : probe_handshake(p, problem);
}
