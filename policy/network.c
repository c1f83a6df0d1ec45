/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks from policies and addresses from facts. Runs in the keeper and in
 * auditors' tools; addresses come from workers that may have been taken over.
 */
#include "policy/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

int network_address(const char *text, uint8_t address[16])
{
    memcpy(address, mapped, sizeof mapped);
    if (inet_pton(AF_INET, text, address + 12) == 1 ||
        inet_pton(AF_INET6, text, address) == 1)
        return 0;
    return SP_EINVAL;
}

/* A whole number of at most 3 digits, without zeros before it. */
static int bits_parse(const char *text, unsigned *bits)
{
    size_t n = strlen(text);

    if (n == 0 || n > 3 || strspn(text, "0123456789") != n ||
        (n > 1 && text[0] == '0'))
        return SP_EINVAL;
    *bits = 0;
    for (size_t i = 0; i < n; i++)
        *bits = *bits * 10 + (unsigned)(text[i] - '0');
    return 0;
}

/* Whether every bit behind the prefix is 0. */
static bool prefix_is_clean(const struct network *n)
{
    for (unsigned bit = n->bits; bit < 128; bit++)
        if (n->address[bit / 8] & 0x80u >> bit % 8)
            return false;
    return true;
}

int network_parse(const char *text, struct network *n, const char **expected)
{
    const char *slash = strchr(text, '/');
    size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    char address[INET6_ADDRSTRLEN];
    bool four;

    *expected = "a network such as 198.51.100.0/24 or 2001:db8::/32";
    if (length >= sizeof address)
        return SP_EINVAL;
    memcpy(address, text, length);
    address[length] = 0;
    if (network_address(address, n->address) != 0)
        return SP_EINVAL;
    four = strchr(address, ':') == NULL;
    n->bits = four ? 32 : 128;
    if (slash != NULL && bits_parse(slash + 1, &n->bits) != 0)
        return SP_EINVAL;
    if (n->bits > (four ? 32u : 128u))
        return SP_EINVAL;
    n->bits += four ? 96 : 0;
    *expected = "a network whose bits behind the prefix are 0";
    return prefix_is_clean(n) ? 0 : SP_EINVAL;
}

void network_print(const struct network *n, char text[NETWORK_SIZE])
{
    bool four = n->bits >= 96 && memcmp(n->address, mapped, 12) == 0;
    size_t length;

    if (inet_ntop(four ? AF_INET : AF_INET6,
                  four ? n->address + 12 : n->address, text,
                  NETWORK_SIZE) == NULL)
        text[0] = 0;
    length = strlen(text);
    if (n->bits < 128)
        snprintf(text + length, NETWORK_SIZE - length, "/%u",
                 four ? n->bits - 96 : n->bits);
}

bool network_has(const struct network *n, const uint8_t address[16])
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (n->bits > 128 || memcmp(n->address, address, whole) != 0)
        return false;
    return rest == 0 ||
           ((n->address[whole] ^ address[whole]) & 0xff00u >> rest & 0xff) == 0;
}
