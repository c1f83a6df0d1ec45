/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of explanations, for the explain files alone: the words of each
 * step. */
#ifndef SP_POLICY_EXPLAIN_WORDS_H
#define SP_POLICY_EXPLAIN_WORDS_H

#include "policy/explain.h"
#include "policy/words.h"

/* The terms that the decision has come to so far, or NULL. */
const struct policy_terms *explain_terms(const struct explain_question *q,
                                         const struct verdict *v);

/* One step's words, from the question and the verdict as the step left it;
 * `param` is the JSON pointer to what it refused, or "". */
typedef void say_step(struct words *w, const struct explain_question *q,
                      const struct verdict *v, const char *param);

/* explain_who.c: who asks, where from, for which model, and when. */
say_step say_clock, say_identity, say_certificate, say_revocation,
    say_suspended, say_source, say_model, say_window, say_nda, say_route;

/* explain_use.c: what for, and with what. */
say_step say_purpose, say_body, say_fields, say_tools, say_media;
void say_field_rules(struct words *w, const struct explain_question *q,
                     const struct policy_terms *t);

/* explain_much.c: how much. */
say_step say_rate, say_budget;
void say_left(struct words *w, const struct explain_question *q,
              const struct verdict *v);

#endif
