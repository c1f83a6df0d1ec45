/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing and counting signatures as the command does it: for `approve`,
 * `init` and `check`.
 */
#ifndef SP_CTL_APPROVALS_H
#define SP_CTL_APPROVALS_H

#include <stdio.h>

#include "ctl/overview.h"
#include "policy/approval.h"

/* Collects the signatures beside the file `path` and judges them now. Those
 * that do not count are told on `out` (may be NULL), one line each. 0, SP_EPERM
 * or SP_EINVAL as approval_judge(), with *a; SP_EIO, SP_ENOMEM without. */
int approvals_judge(const struct approvers *set, const char *path,
                    const struct approval_document *d, FILE *out,
                    struct approval *a) SP_MUST_USE;

/* The exact bytes of a deployment's policy, malloc'd. SP_ENOENT … */
int approvals_policy_read(const struct overview *d, uint8_t **yaml,
                          size_t *length) SP_MUST_USE;

/* Signs `data` and writes `<path>.<key id>.minisig`, whole or not at all.
 * *made is the file's name, malloc'd (also on failure, if it got so far). */
int approvals_sign(const struct minisign_secret *secret, const char *path,
                   const void *data, size_t length, int64_t expires,
                   uint32_t serial, char **made) SP_MUST_USE;

/* The state of the policy's approval in plain words. Needs settings. */
void approvals_print(const struct overview *d, FILE *out);

#endif
