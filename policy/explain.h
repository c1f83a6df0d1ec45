/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision in plain words: what each step looked at and how it was left.
 * The steps themselves are those of policy_decide(); nothing is decided here.
 * Pure.
 */
#ifndef SP_POLICY_EXPLAIN_H
#define SP_POLICY_EXPLAIN_H

#include "lib/json.h"
#include "policy/decide.h"

#define EXPLAIN_STEPS STEP_ALLOWED
#define EXPLAIN_WORDS 768 /* bytes of one step's words; more is left out */

struct explain_step {
    enum decide_step step;
    bool taken;         /* false: an earlier one refused; no words */
    enum reason reason; /* REASON_NONE: passed */
    char words[EXPLAIN_WORDS];
};

/* What is asked. All of it must outlive the explanation. */
struct explain_question {
    const struct policy *policy;
    const struct standing *standing;
    const struct facts *facts;
    const struct json *body; /* as body_read() left it; NULL: there is none */
    int64_t now;             /* ms UTC */
    enum clock_state clock;
};

struct explanation {
    struct explain_question q;
    struct explain_step steps[EXPLAIN_STEPS]; /* all, in their order */
    struct verdict verdict;
    /* Where the request ran under: of the decision, also of local routes;
     * VERDICT_NONE if it did not get so far. */
    uint32_t window, terms;
    char param[128]; /* JSON pointer to what was refused, or "" */
};

/* Decides and explains. */
void explain(struct explanation *e, const struct explain_question *q);

/* What happens to the request's fields under the terms it is under: "seed=1
 * allowed, user stripped, store forced to false"; "" if there are none. */
void explain_fields(const struct explanation *e, char *text, size_t size);

/* What is left of every budget that the request is under, before it: "window
 * requests: 4 of 9 left; person tokens: …"; "" if there is none. */
void explain_left(const struct explanation *e, char *text, size_t size);

#endif
