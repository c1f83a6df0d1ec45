/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The officers whose signatures make a policy count (P8): their names and
 * public keys, how many are needed, how long a signature is good. The settings
 * name the set, the ledger records it, and only the set in force can replace
 * itself.
 */
#ifndef SP_POLICY_APPROVERS_H
#define SP_POLICY_APPROVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/limits.h"
#include "lib/minisign.h"

struct approver {
    char name[LIMIT_NAME_BYTES + 1];
    struct minisign_key key;
};

struct approvers {
    unsigned required; /* 1 … LIMIT_APPROVALS_REQUIRED, ≤ count */
    int64_t valid_ms;  /* of a signature that does not say until when */
    size_t count;      /* 0: none (no settings, a ledger of an old version) */
    struct approver list[LIMIT_APPROVERS]; /* sorted by name */
};

/* With the NUL: "name:RWkey,…" and "name:KEYID,…". */
#define APPROVERS_TEXT_MAX                                                     \
    (LIMIT_APPROVERS * (LIMIT_NAME_BYTES + MINISIGN_KEY_TEXT + 1) + 1)
#define APPROVERS_BY_MAX                                                       \
    (LIMIT_APPROVERS * (LIMIT_NAME_BYTES + MINISIGN_ID_TEXT + 1) + 1)
#define APPROVERS_DOCUMENT_MAX (APPROVERS_TEXT_MAX + 512)

/* Signatures' range of `valid_ms`. */
#define APPROVERS_VALID_MIN_MS (3600LL * 1000)
#define APPROVERS_VALID_MAX_MS (365LL * 24 * 3600 * 1000)

/* Adds one, in its place. SP_EEXIST: another one has this name, this key or
 * this key id; SP_ETOOBIG: there are LIMIT_APPROVERS. */
int approvers_add(struct approvers *a, const char *name,
                  const struct minisign_key *key) SP_MUST_USE;

/* The canonical text of names and keys, and back: sorted by name, every name
 * and key once, `required` within its range. SP_EINVAL. */
void approvers_format(const struct approvers *a, char text[APPROVERS_TEXT_MAX]);
int approvers_parse(const char *text, unsigned required, int64_t valid_ms,
                    struct approvers *a) SP_MUST_USE;

bool approvers_equal(const struct approvers *a, const struct approvers *b);
/* The index, or -1. */
int approvers_find(const struct approvers *a, const char *name);
int approvers_find_id(const struct approvers *a, const uint8_t id[8]);

/* "name:KEYID,…" of those for whom `who` is true (NULL: all). */
void approvers_by_format(const struct approvers *a, const bool *who,
                         char text[APPROVERS_BY_MAX]);
/* How many of `a` such a text names. SP_EINVAL: another spelling, somebody
 * twice, or somebody who is not in the set under this key. */
int approvers_by_parse(const struct approvers *a, const char *text,
                       bool who[LIMIT_APPROVERS], unsigned *count) SP_MUST_USE;

/* The document that the set in force signs to be replaced by `a`. It names the
 * ledger and the entry of the set that it replaces, so that it can be used
 * once, and nowhere else. */
void approvers_document(const struct approvers *a, const char *origin,
                        uint64_t replaces, char text[APPROVERS_DOCUMENT_MAX]);

#endif
