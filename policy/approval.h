/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a document has the signatures that it needs (P8). Pure: what signed
 * it travels in a fileset. A signature that is wrong in any way is told and
 * does not count; it never helps and never blocks.
 */
#ifndef SP_POLICY_APPROVAL_H
#define SP_POLICY_APPROVAL_H

#include "lib/file.h"
#include "policy/approvers.h"
#include "policy/policy.h"

/* In a fileset: the signatures' files by their names behind these, and the
 * document for a new set of approvers. */
#define APPROVAL_OF_POLICY    "@approval/policy/"
#define APPROVAL_OF_APPROVERS "@approval/approvers/"
#define APPROVAL_APPROVERS    "@approvers.txt"
#define APPROVERS_FILE        "approvers.txt"

struct approval_document {
    const char *prefix; /* of its signatures in the fileset */
    const void *data;
    size_t length;
    const char *author; /* whose signature does not count; NULL: nobody's */
    uint32_t serial;    /* what `serial:` in a signature must say; 0: nothing */
};

struct approval {
    unsigned have, need;
    bool who[LIMIT_APPROVERS];      /* of the set: whose signature counts */
    char by[APPROVERS_BY_MAX];      /* "name:KEYID,…" of them */
    char missing[APPROVERS_BY_MAX]; /* "name, name": who could still sign */
};

/* Called for each file that does not count. `why` says what was expected. */
typedef void approval_tell_fn(void *arg, const char *file, const char *why);

/* A clock may be ahead of ours by so much. */
#define APPROVAL_FUTURE_MS (5LL * 60 * 1000)

/* Judges at `now` (ms UTC). 0: enough; SP_EPERM: not; SP_EINVAL: the author is
 * nobody of the set, so that there is no telling whose signature not to count
 * (*a is filled in any case). `tell` may be NULL. */
int approval_judge(const struct approvers *set,
                   const struct approval_document *d,
                   const struct fileset *files, int64_t now,
                   approval_tell_fn *tell, void *arg,
                   struct approval *a) SP_MUST_USE;

/* The policy's own document. `yaml` are the exact bytes it was made from. */
struct approval_document approval_of_policy(const struct policy *p,
                                            const void *yaml, size_t length);

#define APPROVAL_SUMMARY_MAX 400
/* "1 of 2 approvals (alice:0123…); still missing: bob, carol", cut at a name
 * if that is too long. */
void approval_summary(const struct approval *a,
                      char text[APPROVAL_SUMMARY_MAX]);

/* The trusted comment of a signature made at `now` that holds until `expires`
 * (ms UTC; seconds are what it says); serial 0: none. */
#define APPROVAL_COMMENT_MAX 128
void approval_comment(int64_t now, int64_t expires, uint32_t serial,
                      char text[APPROVAL_COMMENT_MAX]);

#endif
