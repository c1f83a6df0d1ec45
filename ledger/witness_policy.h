/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C2SP tlog-policy: which logs are known, which witnesses, and how many of
 * them, in groups, must have cosigned a checkpoint for it to be believed.
 */
#ifndef SP_LEDGER_WITNESS_POLICY_H
#define SP_LEDGER_WITNESS_POLICY_H

#include "ledger/note.h"
#include "lib/report.h"

/* Of logs, of witnesses and of groups each; C2SP asks for at least 32. */
#define WITNESS_POLICY_ITEMS 64
#define WITNESS_POLICY_BYTES (256u << 10)

struct witness_policy;

/* Everything that is wrong goes to the report with its line; SP_EINVAL then.
 * SP_ENOMEM. */
int witness_policy_parse(const char *text, size_t length, const char *file,
                         struct report *r,
                         struct witness_policy **p) SP_MUST_USE;
void witness_policy_free(struct witness_policy *p);

size_t witness_policy_logs(const struct witness_policy *p);
size_t witness_policy_witnesses(const struct witness_policy *p);
const struct note_verifier *witness_policy_log(const struct witness_policy *p,
                                               size_t i);
/* The name that the policy gives the i-th witness. */
const char *witness_policy_name(const struct witness_policy *p, size_t i);

struct witness_verdict {
    bool quorum;       /* met; always with `quorum none` */
    size_t log;        /* whose signature it has; SIZE_MAX: the policy names
                          none, and none was looked for */
    unsigned cosigned; /* witnesses of the policy that have */
    uint64_t times[WITNESS_POLICY_ITEMS]; /* UINT64_MAX: has not cosigned */
    struct checkpoint checkpoint;
};

/* Judges a checkpoint. 0 whether the quorum is met or not; SP_EINVAL
 * malformed; SP_ESIGNATURE: no known log has signed it under its own origin,
 * or the signature of one that the policy names fails. */
int witness_policy_judge(const struct witness_policy *p, const char *note,
                         size_t length,
                         struct witness_verdict *verdict) SP_MUST_USE;

#endif
