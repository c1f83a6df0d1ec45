/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads PEM texts: trust anchors, server certificates, keys. Runs in the
 * supervisor and the workers at start, and in the command. The texts come
 * from files of the operator or of a party: they may be wrong, so every
 * refusal says what was expected.
 */
#include "certs/pem.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>

void pem_problem(char problem[PEM_PROBLEM], const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    if (reason != NULL)
        snprintf(problem, PEM_PROBLEM, "%s: %s", what, reason);
    else
        snprintf(problem, PEM_PROBLEM, "%s", what);
    ERR_clear_error();
}

/* OpenSSL would ask the terminal; a daemon has none. */
static int passphrase_refuse(char *text, int size, int writing, void *arg)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static BIO *pem_open(const uint8_t *pem, size_t length)
{
    if (length > INT_MAX)
        return NULL;
    return BIO_new_mem_buf(pem, (int)length);
}

/* True at the regular end of a text: no further block begins. */
static bool pem_ended(void)
{
    unsigned long e = ERR_peek_last_error();

    return ERR_GET_LIB(e) == ERR_LIB_PEM &&
           ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

int pem_read_certificates(const uint8_t *pem, size_t length,
                          STACK_OF(X509) * *certs, char problem[PEM_PROBLEM])
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *bio = pem_open(pem, length);
    X509 *cert = NULL;
    int r = SP_ENOMEM;

    problem[0] = '\0';
    ERR_clear_error();
    if (all == NULL || bio == NULL)
        goto out;
    while ((cert = PEM_read_bio_X509(bio, NULL, passphrase_refuse, NULL))) {
        if (sk_X509_push(all, cert) == 0)
            goto out;
    }
    r = SP_EINVAL;
    if (!pem_ended()) {
        snprintf(problem, PEM_PROBLEM, "certificate %d is malformed",
                 sk_X509_num(all) + 1);
        goto out;
    }
    if (sk_X509_num(all) == 0) {
        snprintf(problem, PEM_PROBLEM,
                 "no certificate in it: expected PEM, "
                 "\"-----BEGIN CERTIFICATE-----\"");
        goto out;
    }
    *certs = all;
    all = NULL;
    r = 0;
out:
    ERR_clear_error();
    if (r == SP_ENOMEM)
        X509_free(cert);
    BIO_free(bio);
    sk_X509_pop_free(all, X509_free);
    return r;
}

int pem_read_key(const uint8_t *pem, size_t length, EVP_PKEY **key,
                 char problem[PEM_PROBLEM])
{
    BIO *bio = pem_open(pem, length);

    problem[0] = '\0';
    if (bio == NULL)
        return SP_ENOMEM;
    ERR_clear_error();
    *key = PEM_read_bio_PrivateKey(bio, NULL, passphrase_refuse, NULL);
    BIO_free(bio);
    if (*key == NULL) {
        snprintf(problem, PEM_PROBLEM,
                 "no usable private key in it: expected "
                 "PEM without a passphrase");
        ERR_clear_error();
        return SP_EINVAL;
    }
    return 0;
}
