/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a compiled set (docs/revocation.md), for revocations.c and
 * revocations_build.c alone. Numbers are the machine's own: a set never leaves
 * the machine, nor the life of the processes that share it.
 */
#ifndef SP_CERTS_REVOCATIONS_FORMAT_H
#define SP_CERTS_REVOCATIONS_FORMAT_H

#include <stddef.h>
#include <string.h>

#include "certs/revocations.h"

#define SET_MAGIC   "SPREVOK1"
#define SET_VERSION 1u

struct set_header {
    uint8_t magic[8];
    uint32_t version;
    uint32_t nlists;
    uint64_t length; /* of everything */
    uint64_t nrecords;
    int64_t built; /* ms UTC */
    uint64_t zero[2];
    uint64_t checksum; /* of everything but itself */
};

/* Not a list: serials that lists before have named. In `scope`, alone. */
#define SET_STICKY 0x80000000u

/* In `state`. */
#define SET_NUMBER 1u /* it has a CRLNumber */
#define SET_DELTA  2u /* a delta was joined */

struct set_list {
    /* What makes two lists versions of one another. */
    uint8_t issuer_key[32];
    uint8_t issuer_name[32]; /* zero if sticky */
    uint32_t scope;
    uint32_t npoints;
    uint8_t points[CHAIN_POINTS_MAX][32];
    /* The rest. */
    uint32_t state;
    uint8_t number[20];
    uint8_t sha256[32];
    int64_t this_update;
    int64_t next_update;
    uint64_t first; /* of its records; they follow each other without gaps */
    uint64_t count;
    char issuer[CRL_NAME_MAX];
};

_Static_assert(sizeof(struct set_header) == 64, "docs/revocation.md");
_Static_assert(sizeof(struct set_list) == 416, "docs/revocation.md");
_Static_assert(sizeof(struct crl_record) == 24, "docs/revocation.md");
_Static_assert(offsetof(struct set_header, checksum) == 56 &&
                   offsetof(struct set_list, points) == 72 &&
                   offsetof(struct set_list, state) == 200 &&
                   offsetof(struct set_list, sha256) == 224 &&
                   offsetof(struct set_list, this_update) == 256 &&
                   offsetof(struct set_list, issuer) == 288,
               "docs/revocation.md");

#define SET_IDENTITY offsetof(struct set_list, state)

static inline const struct set_list *set_lists(const struct revocations *set)
{
    return (const void *)(set->data + sizeof(struct set_header));
}

static inline const struct crl_record *
set_records(const struct revocations *set, const struct set_list *l)
{
    const struct crl_record *all = (const void *)(set_lists(set) + set->nlists);

    return all + l->first;
}

/* By issuer, then by what they are about. */
static inline int set_list_order(const struct set_list *a,
                                 const struct set_list *b)
{
    return memcmp(a, b, SET_IDENTITY);
}

/* Whether the serial (20 bytes) is among `count` sorted records. */
bool set_records_have(const struct crl_record *records, uint64_t count,
                      const uint8_t serial[20]);

/* The first list of this issuer, or of the next one; up to nlists. */
size_t set_issuer_find(const struct set_list *lists, size_t count,
                       const uint8_t issuer_key[32]);

/* `length` is a multiple of 8 and at least a header. */
uint64_t set_checksum(const uint8_t *data, size_t length);

#endif
