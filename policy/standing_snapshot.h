/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A standing as bytes, and back: so that a start need not read all of a ledger,
 * and an auditor can say whether what it began from was right. One standing has
 * one spelling, whatever policies were bound to it on the way: what follows
 * from the same entries encodes to the same bytes.
 */
#ifndef SP_POLICY_STANDING_SNAPSHOT_H
#define SP_POLICY_STANDING_SNAPSHOT_H

#include "policy/standing.h"

/* Of 131,072 people who all came it takes some 40 MiB. */
#define STANDING_BYTES_MAX (256u << 20)

/* What the bytes mean: the version of their layout, and a hash of the tables
 * of routes, fields and units whose rows they name. A program reads and checks
 * those of its own format only. */
#define STANDING_FORMAT_SIZE 24
void standing_format(char text[STANDING_FORMAT_SIZE]);

/* *data is the caller's. SP_ETOOBIG, SP_ENOMEM. */
int standing_encode(const struct standing *s, uint8_t **data,
                    size_t *length) SP_MUST_USE;

/* Strict: whatever standing_encode() would not write is SP_EINVAL; SP_ENOMEM.
 * The standing has no policy bound. */
int standing_decode(const uint8_t *data, size_t length,
                    struct standing **s) SP_MUST_USE;

/* SHA-256 of what it encodes to. */
int standing_digest(const struct standing *s, uint8_t sha256[32]) SP_MUST_USE;

#endif
