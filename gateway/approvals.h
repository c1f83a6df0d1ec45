/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's look at approvals before it starts anything with a policy
 * (P8): the operator gets the whole story at once. What counts is what the
 * keeper finds (keeper_approve.c), from the same bytes.
 */
#ifndef SP_GATEWAY_APPROVALS_H
#define SP_GATEWAY_APPROVALS_H

#include "gateway/snapshot.h"

/* 0 if enough signatures count at this moment, or if the ledger in the open
 * folder (-1: there is none) says that this very policy is in force: it was
 * approved then. Signatures that do not count are logged. SP_EPERM, or
 * SP_EINVAL if its author is no approver: not approved, with who signed, who is
 * missing, what is wrong with each file and what to do, in `report`. */
int approvals_check(const struct snapshot *s, int ledger,
                    struct report *report) SP_MUST_USE;

#endif
