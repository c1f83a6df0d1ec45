/* SPDX-License-Identifier: Apache-2.0 */
/* A set while it is built, for revocations_build.c and revocations_keep.c. */
#ifndef SP_CERTS_REVOCATIONS_BUILD_H
#define SP_CERTS_REVOCATIONS_BUILD_H

#include "certs/revocations_format.h"

#define NOWHERE SIZE_MAX

/* One list of the set to come. */
struct part {
    struct set_list meta;
    const struct crl_record *records;
    struct crl_record *owned; /* the same, if they are ours */
    bool stays;               /* from the set before */
    bool dropped;
};

struct build {
    struct crl *const *crls;
    size_t count;
    const struct revocations *previous;
    struct revocations_outcome *outcomes;
    struct part *parts;
    size_t nparts, room;
    size_t *part_of; /* of each list, or NOWHERE */
    /* Serials of one issuer that no list names any more. */
    struct crl_record *sticky;
    size_t nsticky, sticky_room;
};

/* SP_ENOMEM. */
int build_part_add(struct build *b, const struct part *p) SP_MUST_USE;
/* By issuer, then by what they are about. */
void build_parts_sort(struct build *b);
void build_outcome_set(struct build *b, size_t i, int error, const char *text);

/* Adds the sticky part of each issuer of the set before; parts are sorted
 * before and afterwards. SP_ENOMEM. */
int build_sticky_add(struct build *b) SP_MUST_USE;
/* True if somebody's lists were refused as too much: all is to be built again,
 * without them. */
bool build_share_refuse(struct build *b);

#endif
