/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a standing's snapshot, behind the head that every other one is
 * refused for: never a crash, and what is read has exactly these bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/standing_snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void standing_try(const uint8_t *data, size_t size)
{
    struct standing *s;
    uint8_t *again;
    size_t length;
    int r = standing_decode(data, size, &s);

    if ((r == 0) != (s != NULL) || (r != 0 && r != SP_EINVAL))
        abort();
    if (r != 0)
        return;
    if (standing_encode(s, &again, &length) != 0 || length != size ||
        memcmp(again, data, size) != 0)
        abort();
    free(again);
    standing_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char format[STANDING_FORMAT_SIZE];
    uint8_t *whole = malloc(1 + STANDING_FORMAT_SIZE + size);
    size_t head;

    if (whole == NULL)
        abort();
    standing_format(format);
    head = 1 + strlen(format);
    whole[0] = (uint8_t)strlen(format);
    memcpy(whole + 1, format, strlen(format));
    if (size > 0)
        memcpy(whole + head, data, size);
    standing_try(whole, head + size);
    free(whole);
    return 0;
}
