/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads transcripts and shares, which may come from anybody, and writes shares.
 */
#include "ctl/transcript_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/verbs.h"
#include "lib/file.h"

/* A body and an answer as long as they may be, and some. */
#define FILE_MAX (1u << 30)

#define SHARE_PREFIX "sallyport-share:"
#define SHARE_TEXT                                                             \
    (sizeof(SHARE_PREFIX) +                                                    \
     sodium_base64_ENCODED_LEN(TRANSCRIPT_SHARE,                               \
                               sodium_base64_VARIANT_ORIGINAL))

static int problem(const char *verb, const char *what, const char *why)
{
    fprintf(stderr, "sallyport %s: %s: %s\n", verb, what, why);
    return EXIT_FAILS;
}

int transcript_file_read(const char *verb, const char *path, uint8_t **data,
                         size_t *length, struct transcript_head *head)
{
    const char *why = NULL;
    int r = file_read(AT_FDCWD, path, FILE_MAX, data, length);

    if (r != 0)
        return problem(verb, path, sp_strerror(r));
    if (transcript_head_read(head, *data, *length, &why) != 0)
        return problem(verb, path, why);
    return EXIT_HOLDS;
}

int transcript_share_write(const char *verb, const char *path,
                           const uint8_t share[TRANSCRIPT_SHARE])
{
    char text[SHARE_TEXT + 1] = SHARE_PREFIX;
    int r;

    sodium_bin2base64(text + sizeof(SHARE_PREFIX) - 1,
                      sizeof(text) - sizeof(SHARE_PREFIX) + 1, share,
                      TRANSCRIPT_SHARE, sodium_base64_VARIANT_ORIGINAL);
    strcat(text, "\n");
    r = file_create(AT_FDCWD, path, 0600, text, strlen(text));
    return r == 0 ? EXIT_HOLDS : problem(verb, path, sp_strerror(r));
}

int transcript_share_read(const char *verb, const char *path,
                          uint8_t share[TRANSCRIPT_SHARE])
{
    static const size_t prefix = sizeof(SHARE_PREFIX) - 1;
    uint8_t *data = NULL;
    size_t length = 0, n = 0;
    int r = file_read(AT_FDCWD, path, 4096, &data, &length), status;

    if (r != 0)
        return problem(verb, path, sp_strerror(r));
    if (length > prefix && memcmp(data, SHARE_PREFIX, prefix) == 0 &&
        sodium_base642bin(share, TRANSCRIPT_SHARE, (char *)data + prefix,
                          length - prefix, "\r\n", &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        n == TRANSCRIPT_SHARE)
        status = EXIT_HOLDS;
    else
        status = problem(verb, path, "not a share that `seal share` made");
    free(data);
    return status;
}
