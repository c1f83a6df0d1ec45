/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is revoked, compiled from verified lists into one piece of memory without
 * pointers: one process builds it, others map it read-only and ask it. The
 * format is in docs/revocation.md.
 *
 * Whoever was revoked in the set before stays so, whatever newer lists say, and
 * no list is replaced by an older one.
 */
#ifndef SP_CERTS_REVOCATIONS_H
#define SP_CERTS_REVOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/chain.h"
#include "certs/crl.h"
#include "lib/error.h"
#include "lib/revocation.h"

#define REVOCATIONS_LISTS_MAX   4096u
#define REVOCATIONS_RECORDS_MAX 8000000u /* 192 MB */
/* Of one issuer's key: nobody's authority crowds out the others'. */
#define REVOCATIONS_ISSUER_LISTS   1024u
#define REVOCATIONS_ISSUER_RECORDS CRL_ENTRIES_MAX

/* A view of a set; plain, copied freely, valid while the memory is. Made by
 * revocations_open alone. */
struct revocations {
    const uint8_t *data;
    size_t length;
    uint32_t nlists;
    uint64_t nrecords;
};

/* What became of one list. */
struct revocations_outcome {
    int error; /* 0: it is in the set, or changes nothing there; SP_EROLLBACK:
                  older than what is loaded; SP_ENOENT: a delta without a
                  fitting base; SP_EPERM: not verified; SP_ETOOBIG: its
                  issuer would have more than one may have, or most of a set
                  that is full: what it has there stays */
    char problem[CRL_PROBLEM]; /* empty without an error */
};

struct revocations_built {
    uint8_t *data; /* malloc'd, the caller's; may go into a sealed memfd */
    size_t length;
    size_t taken;  /* lists that are new in it or replace others */
    size_t sticky; /* serials in it that no list names any more */
};

/* Builds from `count` verified lists in any order and the set before (NULL:
 * none). Lists of the set before that nothing replaces stay as they are. Deltas
 * are joined to their base: one among `crls`, or the one in the set before.
 * A list that is refused changes nothing; outcomes[i] says why, and the others
 * go on. SP_ENOMEM; SP_ETOOBIG: more than REVOCATIONS_LISTS_MAX in
 * `crls`. */
int revocations_build(struct crl *const *crls, size_t count,
                      const struct revocations *previous, int64_t now,
                      struct revocations_outcome *outcomes,
                      struct revocations_built *out) SP_MUST_USE;

/* Looks at all of it once: sizes, order, flags, checksum. Afterwards every
 * function here stays within it, as long as nobody changes it: map it from a
 * memfd sealed against writing. `data` is aligned to 8 bytes. SP_ECORRUPT. The
 * checksum finds what is torn; it is no signature. */
int revocations_open(const void *data, size_t length,
                     struct revocations *view) SP_MUST_USE;

/* REVOKED: one of the links is in a list of its issuer, however old. GOOD: for
 * each link there is a list that covers it and is fresh: `now` (ms UTC) is
 * before its nextUpdate and before its thisUpdate plus `max_age_ms`; then
 * *good_until_ms is the earliest of these (GOOD until then, exclusively; 0 if
 * the answer is another). UNKNOWN: everything else: no set (NULL), no links. */
enum revocation revocations_check(const struct revocations *set,
                                  const struct chain_link *links, size_t n,
                                  int64_t now_ms, int64_t max_age_ms,
                                  int64_t *good_until_ms);

/* Why that answer was UNKNOWN, for a log: which certificate of the chain (1:
 * the first link) and what is missing or since when it is stale. Empty for
 * another answer. */
void revocations_problem(const struct revocations *set,
                         const struct chain_link *links, size_t n,
                         int64_t now_ms, int64_t max_age_ms,
                         char problem[CRL_PROBLEM]);

/* One list of the set, for logs and the ledger. */
struct revocations_info {
    char issuer[CRL_NAME_MAX];
    uint8_t issuer_key[32];
    uint8_t sha256[32]; /* of the list in DER; of the newest delta, if joined */
    bool has_number;
    uint8_t number[20];  /* big-endian */
    int64_t this_update; /* ms UTC; 0 if sticky */
    int64_t next_update;
    uint32_t scope; /* CRL_… */
    uint32_t npoints;
    bool sticky; /* not a list: serials that an earlier one named */
    bool delta;  /* a delta was joined */
    uint64_t count;
};
/* i < set->nlists; sorted by the issuer's key. */
void revocations_list(const struct revocations *set, size_t i,
                      struct revocations_info *info);

#endif
