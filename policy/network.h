/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and networks (RFC 4632, RFC 4291) that parties come from. IPv4 is
 * kept as IPv4-mapped IPv6, so that there is one kind. Pure.
 */
#ifndef SP_POLICY_NETWORK_H
#define SP_POLICY_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct network {
    uint8_t address[16]; /* bits behind the prefix are 0 */
    unsigned bits;       /* of the prefix: 0–128 */
};

/* "198.51.100.0/24", "2001:db8::/32", or an address alone. SP_EINVAL with
 * *expected: what would be right. */
int network_parse(const char *text, struct network *n,
                  const char **expected) SP_MUST_USE;
/* A client's address as text; an IPv4-mapped one is IPv4. SP_EINVAL. */
int network_address(const char *text, uint8_t address[16]) SP_MUST_USE;
/* As short as network_parse() takes it: IPv4 as such, an address alone without
 * its length. */
#define NETWORK_SIZE 50
void network_print(const struct network *n, char text[NETWORK_SIZE]);
bool network_has(const struct network *n, const uint8_t address[16]);

#endif
