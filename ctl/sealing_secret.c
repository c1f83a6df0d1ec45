/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret sealing keys in files. Runs where the secret is, which is not where
 * the gateway is.
 */
#include "ctl/sealing_secret.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/verbs.h"
#include "lib/file.h"

#define SECRET_PREFIX "x25519-secret:"
#define SECRET_TEXT   (sizeof(SECRET_PREFIX) + 44)

static int problem(const char *verb, const char *what, const char *why)
{
    fprintf(stderr, "sallyport %s: %s: %s\n", verb, what, why);
    return EXIT_FAILS;
}

int sealing_secret_make(const char *verb, const char *path)
{
    uint8_t key[SEALING_KEY_BYTES], secret[SEALING_KEY_BYTES];
    char text[SECRET_TEXT + 1], line[SEALING_KEY_TEXT];
    int r;

    crypto_box_keypair(key, secret);
    memcpy(text, SECRET_PREFIX, sizeof(SECRET_PREFIX));
    sodium_bin2base64(text + sizeof(SECRET_PREFIX) - 1,
                      sizeof(text) - sizeof(SECRET_PREFIX) + 1, secret,
                      sizeof(secret), sodium_base64_VARIANT_ORIGINAL);
    strcat(text, "\n");
    r = file_create(AT_FDCWD, path, 0600, text, strlen(text));
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(text, sizeof(text));
    if (r != 0)
        return problem(verb, path, sp_strerror(r));
    sealing_key_format(key, line);
    puts(line);
    return EXIT_HOLDS;
}

int sealing_secret_read(const char *verb, const char *path,
                        uint8_t secret[SEALING_KEY_BYTES])
{
    static const size_t prefix = sizeof(SECRET_PREFIX) - 1;
    uint8_t *data = NULL;
    size_t length = 0, n = 0;
    int r = file_read(AT_FDCWD, path, 4096, &data, &length), status;

    if (r != 0)
        return problem(verb, path, sp_strerror(r));
    if (length > prefix && memcmp(data, SECRET_PREFIX, prefix) == 0 &&
        sodium_base642bin(secret, SEALING_KEY_BYTES, (char *)data + prefix,
                          length - prefix, "\r\n", &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        n == SEALING_KEY_BYTES)
        status = EXIT_HOLDS;
    else
        status = problem(verb, path, "not a secret key that keygen made");
    sodium_memzero(data, length);
    free(data);
    return status;
}
