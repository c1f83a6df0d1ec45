/* SPDX-License-Identifier: Apache-2.0 */
/* A model's endpoint, from the text in a policy. */
#ifndef SP_POLICY_ENDPOINT_H
#define SP_POLICY_ENDPOINT_H

#include "policy/policy.h"

/* Splits `url` into *e (zeroed before). 0; SP_EINVAL with *expected a constant
 * text of what would have been right; SP_ENOMEM. */
int endpoint_parse(const char *url, struct policy_endpoint *e,
                   const char **expected) SP_MUST_USE;
void endpoint_release(struct policy_endpoint *e);

#endif
