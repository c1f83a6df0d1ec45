/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision in plain words: what each step looked at and how it was left.
 * The steps themselves are those of policy_decide(); nothing is decided here.
 * Pure.
 */
#ifndef SP_POLICY_EXPLAIN_H
#define SP_POLICY_EXPLAIN_H

#include "lib/buf.h"
#include "policy/decide.h"

struct explain_step {
    enum decide_step step;
    enum reason reason; /* REASON_NONE: passed */
    char words[512];
};

#define EXPLAIN_STEPS STEP_ALLOWED

struct explanation {
    struct explain_step steps[EXPLAIN_STEPS];
    size_t count; /* steps that were taken */
    struct verdict verdict;
    /* The question, for the words. */
    const struct policy *policy;
    const struct standing *standing;
    const struct facts *facts;
    int64_t now;
};

/* Decides and explains. All of the arguments must outlive the explanation. */
void explain(struct explanation *e, const struct policy *p,
             const struct standing *s, const struct facts *f, int64_t now);

/* What happens to the request's fields under the verdict's terms: "seed=1
 * allowed, user stripped, store forced to false"; "" if there are none. */
void explain_fields(const struct explanation *e, char *text, size_t size);

#endif
