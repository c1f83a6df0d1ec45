/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rule holds for an answer: made once, when a worker starts, looked up by
 * model and terms.
 */
#ifndef SP_GATEWAY_ANSWER_RULES_H
#define SP_GATEWAY_ANSWER_RULES_H

#include <stdint.h>

#include "gateway/rules.h"
#include "policy/answer.h"

/* Makes r->answer_rules out of r->policy. SP_ENOMEM; release in any case. */
int answer_rules_set_up(struct rules *r) SP_MUST_USE;

/* The rule for answers of a model under terms, both indices in the policy. It
 * lives as long as the rules. */
const struct answer_rule *answer_rule_for(const struct rules *r, uint32_t model,
                                          uint32_t terms);

void answer_rules_release(struct rules *r);

#endif
