/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads what a person comes with. Runs as that person; the files and the token
 * are theirs and may be the wrong ones, so each problem says where it is.
 */
#include "ctl/credential.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/pem.h"
#include "ctl/password.h"
#include "lib/file.h"

#define FILE_MAX 65536

static int say(char problem[CREDENTIAL_PROBLEM], int r, const char *where,
               const char *what)
{
    snprintf(problem, CREDENTIAL_PROBLEM, "%.200s: %s", where, what);
    return r;
}

int credential_prompt(const char *label, char pin[TOKEN_PIN_SIZE])
{
    char prompt[128], password[PASSWORD_SIZE];
    int r;

    snprintf(prompt, sizeof prompt, "PIN of the token \"%.64s\": ", label);
    r = password_get(NULL, prompt, false, password);
    if (r == 0 && strlen(password) >= TOKEN_PIN_SIZE)
        r = SP_ETOOBIG;
    if (r == 0)
        memcpy(pin, password, strlen(password) + 1);
    sodium_memzero(password, sizeof password);
    return r;
}

/* ---- the key ---- */

static int token_key(const char *uri, const char *passphrase_file,
                     EVP_PKEY **out, char problem[CREDENTIAL_PROBLEM])
{
    char pin[PASSWORD_SIZE] = "", why[TOKEN_PROBLEM];
    int r = 0;

    if (passphrase_file != NULL &&
        (r = password_get(passphrase_file, "", false, pin)) != 0)
        return say(problem, r, passphrase_file, "no PIN in it");
    r = token_key_open(uri, passphrase_file != NULL ? pin : NULL, out, why);
    sodium_memzero(pin, sizeof pin);
    return r == 0 ? 0 : say(problem, r, "the key on a token", why);
}

struct passphrase {
    const char *file, *key;
    bool asked;
    int result;
};

/* A pem_password_cb: called only for a key that has a passphrase. */
static int passphrase_give(char *text, int size, int writing, void *arg)
{
    struct passphrase *p = arg;
    char prompt[256], password[PASSWORD_SIZE];
    size_t length;

    (void)writing;
    p->asked = true;
    snprintf(prompt, sizeof prompt, "Passphrase of %.200s: ", p->key);
    p->result = password_get(p->file, prompt, false, password);
    if (p->result != 0)
        return -1;
    length = strlen(password);
    if (length > (size_t)size)
        length = (size_t)size;
    memcpy(text, password, length);
    sodium_memzero(password, sizeof password);
    return (int)length;
}

static const char *key_problem(const struct passphrase *p)
{
    if (!p->asked)
        return "no private key in it: expected PEM, "
               "\"-----BEGIN PRIVATE KEY-----\"";
    return p->result != 0 ? "has a passphrase, and there is none"
                          : "the passphrase is wrong, or the file damaged";
}

static int file_key(const char *path, const char *passphrase_file,
                    EVP_PKEY **out, char problem[CREDENTIAL_PROBLEM])
{
    struct passphrase p = {.file = passphrase_file, .key = path};
    uint8_t *pem = NULL;
    size_t length = 0;
    BIO *bio;
    int r = file_read(AT_FDCWD, path, FILE_MAX, &pem, &length);

    if (r != 0)
        return say(problem, r, path, sp_strerror(r));
    bio = BIO_new_mem_buf(pem, (int)length);
    ERR_clear_error();
    *out = bio == NULL
               ? NULL
               : PEM_read_bio_PrivateKey(bio, NULL, passphrase_give, &p);
    BIO_free(bio);
    ERR_clear_error();
    sodium_memzero(pem, length);
    free(pem);
    return *out != NULL ? 0 : say(problem, SP_EINVAL, path, key_problem(&p));
}

int credential_key(const char *key, const char *passphrase_file, EVP_PKEY **out,
                   char problem[CREDENTIAL_PROBLEM])
{
    *out = NULL;
    return token_is_uri(key) ? token_key(key, passphrase_file, out, problem)
                             : file_key(key, passphrase_file, out, problem);
}

/* ---- the certificate ---- */

static int token_chain(const char *uri, STACK_OF(X509) * *out,
                       char problem[CREDENTIAL_PROBLEM])
{
    char why[TOKEN_PROBLEM];
    X509 *cert = NULL;
    int r = token_certificate_open(uri, &cert, why);

    if (r != 0)
        return say(problem, r, "the certificate on a token", why);
    *out = sk_X509_new_null();
    if (*out == NULL || sk_X509_push(*out, cert) == 0) {
        sk_X509_free(*out);
        *out = NULL;
        X509_free(cert);
        return say(problem, SP_ENOMEM, "--cert", sp_strerror(SP_ENOMEM));
    }
    return 0;
}

int credential_chain(const char *certificate, STACK_OF(X509) * *out,
                     char problem[CREDENTIAL_PROBLEM])
{
    char why[PEM_PROBLEM] = "";
    uint8_t *pem = NULL;
    size_t length = 0;
    int r;

    *out = NULL;
    if (token_is_uri(certificate))
        return token_chain(certificate, out, problem);
    r = file_read(AT_FDCWD, certificate, FILE_MAX, &pem, &length);
    if (r == 0)
        r = pem_read_certificates(pem, length, out, why);
    free(pem);
    return r == 0 ? 0
                  : say(problem, r, certificate,
                        why[0] != '\0' ? why : sp_strerror(r));
}

int credential_load(struct credential *c, char problem[CREDENTIAL_PROBLEM])
{
    int r;

    problem[0] = '\0';
    if (c->chain == NULL &&
        (r = credential_chain(c->certificate, &c->chain, problem)) != 0)
        return r;
    if (c->pkey == NULL && (r = credential_key(c->key, c->passphrase_file,
                                               &c->pkey, problem)) != 0)
        return r;
    if (X509_check_private_key(sk_X509_value(c->chain, 0), c->pkey) == 1)
        return 0;
    ERR_clear_error();
    return say(problem, SP_EPERM, c->certificate,
               "the certificate is for another key than --key");
}

void credential_release(struct credential *c)
{
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->pkey);
    c->chain = NULL;
    c->pkey = NULL;
}
