/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers from text. The texts are the operator's (policies) or parts of
 * a certificate (UUIDs); neither is trusted to be what it should be.
 */
#include "lib/identifier.h"

#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"

bool oid_text_is_good(const char *text)
{
    size_t arcs = 0, length;
    const char *p = text;

    if (strlen(text) >= OID_TEXT_SIZE)
        return false;
    for (;; p++, arcs++) {
        length = strspn(p, DIGITS);
        if (length == 0 || length > 9 || (length > 1 && *p == '0'))
            return false;
        if (arcs == 0 && (length > 1 || *p > '2'))
            return false;
        if (arcs == 1 && text[0] != '2' &&
            (length > 2 || (length == 2 && *p > '3')))
            return false;
        p += length;
        if (*p != '.')
            break;
    }
    return *p == '\0' && arcs >= 2;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int uuid_parse(const char *text, size_t length, uint8_t uuid[16])
{
    static const char prefix[] = "urn:uuid:";
    size_t nibbles = 0;

    if (length == 36 + sizeof prefix - 1 &&
        strncasecmp(text, prefix, sizeof prefix - 1) == 0) {
        text += sizeof prefix - 1;
        length = 36;
    }
    if (length != 36)
        return SP_EINVAL;
    memset(uuid, 0, 16);
    for (size_t i = 0; i < length; i++) {
        int digit = hex_digit(text[i]);

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return SP_EINVAL;
            continue;
        }
        if (digit < 0)
            return SP_EINVAL;
        uuid[nibbles / 2] |= (uint8_t)(nibbles % 2 == 0 ? digit << 4 : digit);
        nibbles++;
    }
    return 0;
}

int fascn_parse(const char *text, char digits[FASCN_DIGITS + 1], size_t *length)
{
    static const uint8_t fields[] = {4, 4, 6, 1, 1, 10, 1, 4, 1};
    size_t used = 0, i;

    for (i = 0; i < sizeof fields; i++) {
        if (strspn(text, DIGITS) != fields[i])
            return SP_EINVAL;
        memcpy(digits + used, text, fields[i]);
        used += fields[i];
        text += fields[i];
        if (*text == '\0')
            break;
        if (*text++ != '-')
            return SP_EINVAL;
    }
    if (used != FASCN_CREDENTIAL && used != FASCN_DIGITS)
        return SP_EINVAL;
    digits[used] = '\0';
    *length = used;
    return i < sizeof fields ? 0 : SP_EINVAL;
}

int serial_parse(const char *text, size_t length, uint8_t serial[SERIAL_BYTES],
                 size_t *bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i += 2) {
        int high, low;

        if (i > 0 && text[i] == ':')
            i++;
        if (length - i < 2 || (high = hex_digit(text[i])) < 0 ||
            (low = hex_digit(text[i + 1])) < 0)
            return SP_EINVAL;
        if (n == 0 && high == 0 && low == 0)
            continue;
        if (n == SERIAL_BYTES)
            return SP_EINVAL;
        serial[n++] = (uint8_t)(high << 4 | low);
    }
    *bytes = n;
    return n > 0 ? 0 : SP_EINVAL;
}

int issuer_split(const char *text, size_t *value_length, const char **issuer)
{
    const char *bar = strstr(text, " | ");

    if (bar == NULL || bar == text || bar[3] == '\0' ||
        strstr(bar + 3, " | ") != NULL)
        return SP_EINVAL;
    *value_length = (size_t)(bar - text);
    *issuer = bar + 3;
    return 0;
}
