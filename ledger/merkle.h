/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Merkle tree of RFC 6962 section 2.1 (= RFC 9162 section 2.1) over
 * SHA-256: leaf and node hashes, an incremental tree head, inclusion and
 * consistency proofs and their verification.
 */
#ifndef SP_LEDGER_MERKLE_H
#define SP_LEDGER_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define MERKLE_HASH     32
#define MERKLE_PATH_MAX 64

struct hash {
    uint8_t b[MERKLE_HASH];
};

void merkle_leaf(const void *data, size_t length, struct hash *h);
void merkle_node(const struct hash *left, const struct hash *right,
                 struct hash *h);
void merkle_empty(struct hash *h);
bool merkle_equal(const struct hash *a, const struct hash *b);

/* The right edge of a growing tree: enough to append and to give the root. */
struct merkle_edge {
    uint64_t size;
    struct hash roots[64]; /* of the perfect subtrees, largest first */
    unsigned count;
};

void merkle_edge_init(struct merkle_edge *e);
void merkle_edge_append(struct merkle_edge *e, const struct hash *leaf);
/* The same. Gives the roots of the subtrees of 256, 256², … leaves that this
 * one completed, which are what tiles above the lowest hold; returns how many.
 */
#define MERKLE_TALL 8
unsigned merkle_edge_append_tall(struct merkle_edge *e, const struct hash *leaf,
                                 struct hash tall[MERKLE_TALL]);
void merkle_edge_root(const struct merkle_edge *e, struct hash *root);

/* Where proofs get hashes from: the root of the perfect subtree of 2^level
 * leaves that begins at leaf index << level. SP_ENOENT, SP_EIO. */
typedef int merkle_hash_fn(void *arg, unsigned level, uint64_t index,
                           struct hash *h);

struct merkle_path {
    struct hash hashes[MERKLE_PATH_MAX];
    unsigned count;
};

/* The root of the first `size` leaves. */
int merkle_root(merkle_hash_fn *get, void *arg, uint64_t size,
                struct hash *root) SP_MUST_USE;
int merkle_prove_inclusion(merkle_hash_fn *get, void *arg, uint64_t index,
                           uint64_t size, struct merkle_path *p) SP_MUST_USE;
int merkle_prove_consistency(merkle_hash_fn *get, void *arg, uint64_t size1,
                             uint64_t size2, struct merkle_path *p) SP_MUST_USE;

/* 0 or SP_ECORRUPT. RFC 9162 sections 2.1.3.2 and 2.1.4.2. */
int merkle_verify_inclusion(const struct hash *leaf, uint64_t index,
                            uint64_t size, const struct merkle_path *p,
                            const struct hash *root) SP_MUST_USE;
int merkle_verify_consistency(uint64_t size1, const struct hash *root1,
                              uint64_t size2, const struct hash *root2,
                              const struct merkle_path *p) SP_MUST_USE;

#endif
