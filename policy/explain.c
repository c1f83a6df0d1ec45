/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explains a decision: has it traced and says what each step looked at. Runs
 * in the command, on an operator's or auditor's machine.
 */
#include "policy/explain.h"

#include <string.h>

#include "policy/body.h"
#include "policy/explain_words.h"

const struct policy_terms *explain_terms(const struct explain_question *q,
                                         const struct verdict *v)
{
    return v->terms < q->policy->nterms ? &q->policy->terms[v->terms] : NULL;
}

/* In the order of the steps: one without words is a defect that a test finds.
 */
static say_step *const sayings[EXPLAIN_STEPS] = {
    [STEP_CLOCK] = say_clock,
    [STEP_IDENTITY] = say_identity,
    [STEP_CERTIFICATE] = say_certificate,
    [STEP_REVOCATION] = say_revocation,
    [STEP_SUSPENDED] = say_suspended,
    [STEP_SOURCE] = say_source,
    [STEP_MODEL] = say_model,
    [STEP_WINDOW] = say_window,
    [STEP_NDA] = say_nda,
    [STEP_ROUTE] = say_route,
    [STEP_PURPOSE] = say_purpose,
    [STEP_BODY] = say_body,
    [STEP_FIELDS] = say_fields,
    [STEP_TOOLS] = say_tools,
    [STEP_MEDIA] = say_media,
    [STEP_RATE] = say_rate,
    [STEP_BUDGET] = say_budget,
};

/* As the gate says it: of a field that was refused, or of a body that has a
 * member of the wrong type. */
static void param_find(struct explanation *e, const struct verdict *v)
{
    const struct explain_question *q = &e->q;

    if (q->body == NULL || v->reason == REASON_NONE)
        return;
    if (v->field != FIELD_NONE || q->facts->fault == REASON_INVALID_FIELD)
        body_locate(q->body, q->facts->route, v->field, e->param,
                    sizeof e->param);
}

static void on_step(void *arg, const struct verdict *so_far)
{
    struct explanation *e = arg;
    struct explain_step *s;
    struct words w;

    if ((unsigned)so_far->step >= EXPLAIN_STEPS)
        return;
    s = &e->steps[so_far->step];
    s->taken = true;
    s->reason = so_far->reason;
    e->window = so_far->window;
    e->terms = so_far->terms;
    param_find(e, so_far);
    w = (struct words){s->words, sizeof s->words, 0};
    if (sayings[so_far->step] != NULL)
        sayings[so_far->step](&w, &e->q, so_far, e->param);
}

void explain(struct explanation *e, const struct explain_question *q)
{
    memset(e, 0, sizeof *e);
    e->q = *q;
    e->window = e->terms = VERDICT_NONE;
    for (unsigned i = 0; i < EXPLAIN_STEPS; i++)
        e->steps[i].step = (enum decide_step)i;
    e->verdict = policy_decide_traced(q->policy, q->standing, q->facts, q->now,
                                      q->clock, on_step, e);
}

/* The verdict with the place that local routes do not tell others. */
static struct verdict place_of(const struct explanation *e)
{
    struct verdict v = e->verdict;

    v.window = e->window;
    v.terms = e->terms;
    return v;
}

void explain_fields(const struct explanation *e, char *text, size_t size)
{
    const struct verdict v = place_of(e);
    const struct policy_terms *t = explain_terms(&e->q, &v);
    struct words w = {text, size, 0};

    text[0] = 0;
    if (t != NULL)
        say_field_rules(&w, &e->q, t);
}

void explain_left(const struct explanation *e, char *text, size_t size)
{
    const struct verdict v = place_of(e);
    struct words w = {text, size, 0};

    text[0] = 0;
    say_left(&w, &e->q, &v);
}
