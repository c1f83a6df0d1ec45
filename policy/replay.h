/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every decision again, from entries and policies alone (P6): the standing is
 * derived from the entries, each verdict, window and tripwire from the standing
 * and the policy, and compared with what was written down. The first that
 * differs is told with both sides.
 *
 * For auditors' tools. Pure; whoever calls reads ledger and policies, and has
 * verified the ledger.
 */
#ifndef SP_POLICY_REPLAY_H
#define SP_POLICY_REPLAY_H

#include "lib/file.h"
#include "policy/decide.h"

/* The text of a policy that was loaded. */
struct replay_policy {
    const char *yaml; /* lives until the call that asked for it returns */
    size_t length;
    const struct fileset *signatures; /* by names behind APPROVAL_OF_POLICY;
                                         NULL: not here, not checked */
    bool instead; /* another one than was in force: what would have been? */
};

/* Gets the policy of a policy.loaded entry. SP_ENOENT: not here. */
typedef int replay_policy_fn(void *arg, const struct entry *loaded,
                             struct replay_policy *p);

struct replay_counts {
    uint64_t entries, admitted, refused, closed, windows, tripwires, orders;
    uint64_t policies, approved; /* those whose signatures were judged again */
    uint64_t certificates;       /* issued or revoked */
    uint64_t notices;            /* of windows' ends */
    uint64_t missed_notices; /* that were due at a decision; at least so many */
    uint64_t snapshots, other_snapshots; /* of another format, not compared */
};

#define REPLAY_TEXT 240
struct replay_difference {
    uint64_t n;             /* the first entry that differs */
    const char *step;       /* of the decision's order; NULL: no decision */
    char what[REPLAY_TEXT]; /* what it is that differs */
    char recorded[REPLAY_TEXT];
    char derived[REPLAY_TEXT];
};

struct replay;

struct replay *replay_new(replay_policy_fn *policy,
                          void *arg); /* NULL: out of memory */
void replay_free(struct replay *r);

/* The next entry's bytes. SP_ECORRUPT: it differs, see replay_difference();
 * SP_ENOENT: a policy is not here, and there is no going on; SP_ENOMEM. */
int replay_entry(struct replay *r, uint64_t n, const uint8_t *line,
                 size_t length) SP_MUST_USE;

const struct replay_difference *replay_difference(const struct replay *r);
const struct replay_counts *replay_counts(const struct replay *r);

#endif
