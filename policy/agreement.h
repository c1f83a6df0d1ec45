/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy's rules in plain words, whole: what is not told of terms holds as
 * docs/policy-reference.md says. For those who sign. Runs in the command.
 */
#ifndef SP_POLICY_AGREEMENT_H
#define SP_POLICY_AGREEMENT_H

#include <stdio.h>

#include "policy/policy.h"

/* Several lines, each with `indent` before it. */
void agreement_print_terms(const struct policy *p, const struct policy_terms *t,
                           const char *indent, FILE *out);
/* Where a party's people come from and when they may: a line, or none. */
void agreement_print_source(const struct policy_party *party,
                            const char *indent, FILE *out);
/* When people are told that a window ends: a line. */
void agreement_print_notify(const struct policy_window *w, const char *indent,
                            FILE *out);
/* What all parties together may use of a model: a line, or none. */
void agreement_print_model(const struct policy_model *m, const char *indent,
                           FILE *out);

#endif
