/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator's side of TLS towards a gateway. Runs in `sallyport`; the files
 * are those of whoever runs it.
 */
#include "ctl/client_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <stdio.h>

static int file_failed(char problem[CLIENT_PROBLEM], const char *path)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(problem, CLIENT_PROBLEM, "%.200s: %s", path,
             reason != NULL ? reason : "cannot be read");
    return SP_EINVAL;
}

static int credential_use(SSL_CTX *ctx, const struct credential *k,
                          char problem[CLIENT_PROBLEM])
{
    if (SSL_CTX_use_certificate(ctx, sk_X509_value(k->chain, 0)) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, k->pkey) != 1)
        return file_failed(problem, "certificate and key");
    for (int i = 1; i < sk_X509_num(k->chain); i++) {
        if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(k->chain, i)) != 1)
            return file_failed(problem, "certificate");
    }
    return 0;
}

static int files_load(SSL_CTX *ctx, const struct client_options *o,
                      char problem[CLIENT_PROBLEM])
{
    if (o->anchors == NULL && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return file_failed(problem, "the system's certificates");
    if (o->anchors != NULL && SSL_CTX_load_verify_file(ctx, o->anchors) != 1)
        return file_failed(problem, o->anchors);
    if (o->credential != NULL)
        return credential_use(ctx, o->credential, problem);
    if (o->certificate == NULL)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, o->certificate) != 1)
        return file_failed(problem, o->certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM) != 1)
        return file_failed(problem, o->key);
    return 0;
}

int client_tls_name(SSL *ssl, char *host)
{
    unsigned char binary[16];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (inet_pton(AF_INET, host, binary) == 1 ||
        inet_pton(AF_INET6, host, binary) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ? 0 : SP_ENOMEM;
    return SSL_set_tlsext_host_name(ssl, host) == 1 &&
                   SSL_set1_host(ssl, host) == 1
               ? 0
               : SP_ENOMEM;
}

/* A gateway decides by its own profile; one for old cards speaks 1.2, which is
 * then as narrow as ours are. Nothing of it is left to openssl.cnf. */
static bool versions_set(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_NO_TICKET);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                        "ECDHE-RSA-AES256-GCM-SHA384:"
                                        "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                        "ECDHE-RSA-AES128-GCM-SHA256:"
                                        "ECDHE-ECDSA-CHACHA20-POLY1305:"
                                        "ECDHE-RSA-CHACHA20-POLY1305") == 1;
}

int client_tls_new(const struct client_options *o, SSL_CTX **out,
                   char problem[CLIENT_PROBLEM])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int r;

    *out = NULL;
    if (ctx == NULL)
        return SP_ENOMEM;
    r = versions_set(ctx) ? files_load(ctx, o, problem) : SP_ECRYPTO;
    if (r != 0) {
        SSL_CTX_free(ctx);
        return r;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    *out = ctx;
    return 0;
}
