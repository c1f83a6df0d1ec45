/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoint bodies (C2SP tlog-checkpoint v1.0.0): origin, size, root, each on
 * a line, and nothing else: what a verifier skips can be used to deceive it,
 * so extension lines are refused. Bodies come from strangers.
 */
#include "ledger/note.h"

#include <stdio.h>
#include <string.h>

#include "lib/base64.h"

#define ROOT_BASE64 44

int checkpoint_format(const struct checkpoint *c, char *body, size_t size,
                      size_t *length)
{
    char root[ROOT_BASE64 + 1];
    size_t origin = strnlen(c->origin, sizeof c->origin);

    if (origin == 0 || origin == sizeof c->origin ||
        memchr(c->origin, '\n', origin) != NULL || c->size > INT64_MAX)
        return SP_EINVAL;
    base64_encode(c->root.b, sizeof c->root.b, root);
    int n = snprintf(body, size, "%s\n%llu\n%s\n", c->origin,
                     (unsigned long long)c->size, root);
    if (n < 0 || (size_t)n >= size)
        return SP_ETOOBIG;
    *length = (size_t)n;
    return 0;
}

int checkpoint_size_parse(const char *text, size_t length, uint64_t *size)
{
    *size = 0;
    if (length == 0 || length > 19 || (text[0] == '0' && length > 1))
        return SP_EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return SP_EINVAL;
        *size = *size * 10 + (uint64_t)(text[i] - '0');
    }
    return *size <= INT64_MAX ? 0 : SP_EINVAL;
}

int checkpoint_parse(const char *body, size_t length, struct checkpoint *c)
{
    const char *end = body + length;
    const char *origin_end = memchr(body, '\n', length);
    size_t n;

    memset(c, 0, sizeof *c);
    if (origin_end == NULL)
        return SP_EINVAL;
    const char *size = origin_end + 1;
    const char *size_end = memchr(size, '\n', (size_t)(end - size));
    if (size_end == NULL)
        return SP_EINVAL;
    const char *root = size_end + 1;
    size_t origin = (size_t)(origin_end - body);
    if (origin == 0 || origin > NOTE_NAME_MAX ||
        memchr(body, '\0', origin) != NULL ||
        checkpoint_size_parse(size, (size_t)(size_end - size), &c->size) != 0 ||
        end - root != ROOT_BASE64 + 1 || end[-1] != '\n' ||
        base64_decode(root, ROOT_BASE64, c->root.b, sizeof c->root.b, &n) !=
            0 ||
        n != sizeof c->root.b)
        return SP_EINVAL;
    memcpy(c->origin, body, origin);
    return 0;
}
