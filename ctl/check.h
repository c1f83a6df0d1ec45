/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy allows, in plain words: `sallyport check`, and what approvers
 * are shown before they sign. */
#ifndef SP_CTL_CHECK_H
#define SP_CTL_CHECK_H

#include "ctl/overview.h"

/* On stdout, as of `now`. */
void check_policy_print(const struct overview *d, int64_t now);

/* On stdout: what the policy changes against that in `file`. Problems are told
 * on stderr. 0 or SP_E…. */
int check_against(const struct overview *d, const char *file) SP_MUST_USE;

#endif
