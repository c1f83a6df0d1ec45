/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the authority at rest. Runs in the command, and in a role that signs
 * revocation lists. The file is the operator's; a wrong passphrase is an
 * ordinary event and is told as one.
 */
#include "certs/authority_key.h"

#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/token.h"
#include "lib/file.h"

#define KEY_FILE_MAX 65536
#define SALT         16
/* 16 MiB, the most that OpenSSL uses without being asked for more, ten times
 * over. */
#define SCRYPT_N      (1 << 14)
#define SCRYPT_R      8
#define SCRYPT_P      10
#define PBKDF2_ROUNDS 600000

static int fail(char problem[256], int error, const char *format, ...)
    SP_PRINTF(3, 4);

static int fail(char problem[256], int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(problem, 256, format, list);
    va_end(list);
    ERR_clear_error();
    return error;
}

static void wipe_free(void *data, size_t length)
{
    if (data != NULL)
        OPENSSL_cleanse(data, length);
    free(data);
}

static enum authority_key_state text_look(const char *text)
{
    if (token_is_uri(text))
        return AUTHORITY_KEY_TOKEN;
    if (strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") != NULL ||
        strstr(text, "Proc-Type: 4,ENCRYPTED") != NULL)
        return AUTHORITY_KEY_ENCRYPTED;
    return AUTHORITY_KEY_PLAIN;
}

int authority_key_look(int folder, const char *name,
                       enum authority_key_state *state)
{
    uint8_t *data = NULL;
    size_t length = 0;
    int r = file_read(folder, name, KEY_FILE_MAX, &data, &length);

    *state = AUTHORITY_KEY_NONE;
    if (r == SP_ENOENT)
        return 0;
    if (r == 0)
        *state = text_look((const char *)data);
    wipe_free(data, length);
    return r;
}

/* OpenSSL asks here; it must never ask the terminal by itself. */
static int passphrase_give(char *to, int size, int writing, void *arg)
{
    const char *passphrase = arg;
    size_t length = passphrase == NULL ? 0 : strlen(passphrase);

    (void)writing;
    if (passphrase == NULL || size < 0 || length > (size_t)size)
        return -1;
    memcpy(to, passphrase, length);
    return (int)length;
}

static int pem_open(const char *name, const char *text, const char *passphrase,
                    EVP_PKEY **key, char problem[256])
{
    bool encrypted = text_look(text) == AUTHORITY_KEY_ENCRYPTED;
    BIO *bio = BIO_new_mem_buf(text, -1);

    if (bio == NULL)
        return fail(problem, SP_ENOMEM, "%s", sp_strerror(SP_ENOMEM));
    if (encrypted && passphrase == NULL) {
        BIO_free(bio);
        return fail(problem, SP_EPERM,
                    "%s is encrypted: expected its passphrase", name);
    }
    *key = PEM_read_bio_PrivateKey(bio, NULL, passphrase_give,
                                   (void *)(uintptr_t)passphrase);
    BIO_free(bio);
    if (*key == NULL && encrypted)
        return fail(problem, SP_EPERM,
                    "%s: wrong passphrase, or the file was changed", name);
    if (*key == NULL)
        return fail(problem, SP_EINVAL,
                    "%s: no usable private key in it: expected PKCS#8 in PEM, "
                    "or a line \"pkcs11:…\"",
                    name);
    return 0;
}

/* One line; its end is not part of the URI. */
static int token_open(const char *name, char *uri, const char *pin,
                      EVP_PKEY **key, char problem[256])
{
    char why[TOKEN_PROBLEM] = "";
    int r;

    uri[strcspn(uri, "\r\n")] = '\0';
    r = token_key_open(uri, pin, key, why);
    return r == 0 ? 0 : fail(problem, r, "%s: %.220s", name, why);
}

int authority_key_read(int folder, const char *name, const char *passphrase,
                       EVP_PKEY **key, char problem[256])
{
    uint8_t *data = NULL;
    size_t length = 0;
    int r = file_read(folder, name, KEY_FILE_MAX, &data, &length);

    if (r != 0)
        return fail(problem, r,
                    "%s: %s: certificates and lists are signed where this key "
                    "is",
                    name, sp_strerror(r));
    if (text_look((const char *)data) == AUTHORITY_KEY_TOKEN)
        r = token_open(name, (char *)data, passphrase, key, problem);
    else
        r = pem_open(name, (const char *)data, passphrase, key, problem);
    wipe_free(data, length);
    return r;
}

/* --- writing ------------------------------------------------------------- */

static X509_ALGOR *encryption_make(void)
{
    EVP_KDF *scrypt = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    uint8_t salt[SALT];
    X509_ALGOR *made = NULL;

    if (RAND_bytes(salt, sizeof salt) != 1)
        made = NULL;
    else if (scrypt != NULL)
        made = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof salt, NULL,
                                     SCRYPT_N, SCRYPT_R, SCRYPT_P);
    else
        made = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PBKDF2_ROUNDS, salt,
                                 sizeof salt, NULL, NID_hmacWithSHA256);
    EVP_KDF_free(scrypt);
    return made;
}

static X509_SIG *key_encrypt(EVP_PKEY *key, const char *passphrase)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    X509_ALGOR *how = info == NULL ? NULL : encryption_make();
    X509_SIG *made =
        how == NULL
            ? NULL
            : PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), info, how);

    if (made == NULL)
        X509_ALGOR_free(how);
    PKCS8_PRIV_KEY_INFO_free(info);
    return made;
}

static bool key_write(BIO *bio, EVP_PKEY *key, const char *passphrase)
{
    X509_SIG *secret;
    bool good;

    if (passphrase == NULL)
        return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
                                             NULL) == 1;
    secret = key_encrypt(key, passphrase);
    good = secret != NULL && PEM_write_bio_PKCS8(bio, secret) == 1;
    X509_SIG_free(secret);
    return good;
}

char *authority_key_text(EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data = NULL, *text = NULL;
    long length;

    if (bio == NULL || !key_write(bio, key, passphrase)) {
        BIO_free(bio);
        ERR_clear_error();
        return NULL;
    }
    length = BIO_get_mem_data(bio, &data);
    if (length > 0 && (text = calloc(1, (size_t)length + 1)) != NULL)
        memcpy(text, data, (size_t)length);
    if (length > 0)
        OPENSSL_cleanse(data, (size_t)length);
    BIO_free(bio);
    return text;
}

void authority_key_text_free(char *text)
{
    wipe_free(text, text == NULL ? 0 : strlen(text));
}
