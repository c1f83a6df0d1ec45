/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads or makes a token. Runs in `sallyport connect`.
 */
#include "ctl/connect_token.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/verbs.h"
#include "lib/file.h"

#define RANDOM_BYTES 24
#define TOKEN_MIN    16

static int problem(const char *path, const char *what)
{
    fprintf(stderr, "sallyport connect: --token-file %s: %s\n", path, what);
    return EXIT_FAILS;
}

static int token_make(const char *path, char token[CONNECT_TOKEN_SIZE])
{
    uint8_t random[RANDOM_BYTES];
    char line[80];
    int r;

    randombytes_buf(random, sizeof random);
    sodium_bin2hex(token, CONNECT_TOKEN_SIZE, random, sizeof random);
    snprintf(line, sizeof line, "%.64s\n", token);
    r = file_create(AT_FDCWD, path, 0600, line, strlen(line));
    sodium_memzero(line, sizeof line);
    return r == 0 ? EXIT_HOLDS : problem(path, sp_strerror(r));
}

int connect_token_get(const char *path, char token[CONNECT_TOKEN_SIZE])
{
    uint8_t *data = NULL;
    size_t length = 0, n;
    struct stat st;
    int r;

    if (stat(path, &st) != 0)
        return errno == ENOENT ? token_make(path, token)
                               : problem(path, strerror(errno));
    if (st.st_mode & 077)
        return problem(path, "others may read it: expected mode 0600 (chmod "
                             "600)");
    if ((r = file_read(AT_FDCWD, path, 4096, &data, &length)) != 0)
        return problem(path, sp_strerror(r));
    n = strcspn((const char *)data, "\r\n");
    for (size_t i = 0; i < n; i++)
        if (data[i] <= 0x20 || data[i] > 0x7e)
            n = 0;
    if (n >= TOKEN_MIN && n < CONNECT_TOKEN_SIZE) {
        memcpy(token, data, n);
        token[n] = '\0';
        r = EXIT_HOLDS;
    } else {
        r = problem(path, "the first line: expected 16 to 256 printable "
                          "characters without blanks");
    }
    sodium_memzero(data, length);
    free(data);
    return r;
}
