/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What request headers say for decisions: purpose and case, version and betas
 * of the Anthropic API. One reading for the gate and for whoever asks it what
 * it would do. Pure.
 */
#ifndef SP_POLICY_LABELS_H
#define SP_POLICY_LABELS_H

#include "policy/facts.h"

/* The value of a field without white space around it into its place in `f`.
 * `name` in lower case. SP_ENOENT: decisions do not depend on that field.
 * SP_EINVAL: a value that cannot be (purpose and case: at most FACTS_LABEL of
 * letters, digits and "_.:/-"; betas: tokens of a-z, 0-9 and "_.-" with commas
 * between, at most FACTS_BETAS), and nothing is taken. A version that is no
 * date counts as none. */
int labels_take(struct facts *f, const char *name, const char *value,
                size_t length) SP_MUST_USE;

int label_take(char label[FACTS_LABEL + 1], const char *value,
               size_t length) SP_MUST_USE;
int betas_take(char betas[FACTS_BETAS + 1], const char *value,
               size_t length) SP_MUST_USE;
/* False, and "": not a year, a month and a day. */
bool version_take(char version[FACTS_VERSION + 1], const char *value,
                  size_t length);

#endif
