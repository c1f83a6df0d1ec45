/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts by which certificates name people and rules: object identifiers,
 * UUIDs, FASC-Ns, serial numbers, in the one form that each is compared in.
 */
#ifndef SP_LIB_IDENTIFIER_H
#define SP_LIB_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* "2.16.840.1.101.3.2.1.3.13": at least three arcs of at most 9 digits without
 * leading zeros, the first 0 to 2, the second below 40 unless the first is 2;
 * shorter than OID_TEXT_SIZE. */
#define OID_TEXT_SIZE 64
bool oid_text_is_good(const char *text);

/* "urn:uuid:" (any case) may stand before it. SP_EINVAL: not 8-4-4-4-12 hex
 * digits. */
int uuid_parse(const char *text, size_t length, uint8_t uuid[16]) SP_MUST_USE;

/* A FASC-N as digits: agency (4), system (4), credential (6), series (1), issue
 * (1), person (10), category (1), organization (4), association (1). */
#define FASCN_DIGITS     32
#define FASCN_CREDENTIAL 14 /* of them, the first three fields */
/* "4700-0256-001337", or all nine fields. *length: 14 or 32. SP_EINVAL. */
int fascn_parse(const char *text, char digits[FASCN_DIGITS + 1],
                size_t *length) SP_MUST_USE;

/* Hex digits, colons between bytes allowed: 1 to 20 bytes, not zero, leading
 * zeros dropped. SP_EINVAL. */
#define SERIAL_BYTES 20
int serial_parse(const char *text, size_t length, uint8_t serial[SERIAL_BYTES],
                 size_t *bytes) SP_MUST_USE;

/* "VALUE | ISSUER": where the value ends and the issuer begins. SP_EINVAL: no
 * " | ", more than one, or nothing on a side of it. */
int issuer_split(const char *text, size_t *value_length,
                 const char **issuer) SP_MUST_USE;

#endif
