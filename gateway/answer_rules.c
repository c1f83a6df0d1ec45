/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for answers out of the policy. Runs in a worker; reads nothing of
 * strangers.
 */
#include "gateway/answer_rules.h"

#include <stdlib.h>
#include <string.h>

/* What tells of the model's inside is taken out of answers unless the terms
 * let it be asked for: an endpoint may tell without being asked. */
static const struct {
    const char *member;
    const char *fields[4]; /* any of which allows it */
} inside[] = {
    {"logprobs",
     {"logprobs", "top_logprobs", "include.message.output_text.logprobs"}},
    {"top_logprobs",
     {"logprobs", "top_logprobs", "include.message.output_text.logprobs"}},
    {"prompt_logprobs", {"prompt_logprobs"}},
    {"token_ids", {"return_token_ids"}},
    {"prompt_token_ids", {"return_token_ids"}},
    {"kv_transfer_params", {"kv_transfer_params"}},
};
#define INSIDE (sizeof(inside) / sizeof(inside[0]))

static bool may_be_asked(const struct policy_terms *t, const char *path)
{
    for (uint16_t f = field_find(path, FIELD_NONE); f != FIELD_NONE;
         f = field_find(path, f))
        if (t->action[f] == FIELD_ALLOW || t->action[f] == FIELD_LIMIT)
            return true;
    return false;
}

static bool is_shown(const struct policy_terms *t, size_t i)
{
    for (size_t k = 0; k < 4 && inside[i].fields[k] != NULL; k++)
        if (may_be_asked(t, inside[i].fields[k]))
            return true;
    return false;
}

/* The terms' own list, then what they do not let be asked for. */
static const char **removals(const struct policy_terms *t)
{
    const char **names;
    size_t n = 0;

    while (t->removed != NULL && t->removed[n] != NULL)
        n++;
    names = calloc(n + INSIDE + 1, sizeof(*names));
    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        names[i] = t->removed[i];
    for (size_t i = 0; i < INSIDE; i++)
        if (!is_shown(t, i))
            names[n++] = inside[i].member;
    return names;
}

int answer_rules_set_up(struct rules *r)
{
    const struct policy *p = r->policy;

    r->answer_removals = calloc(p->nterms + 1, sizeof(*r->answer_removals));
    r->answer_rules =
        calloc(p->nmodels * p->nterms + 1, sizeof(*r->answer_rules));
    if (r->answer_removals == NULL || r->answer_rules == NULL)
        return SP_ENOMEM;
    for (size_t t = 0; t < p->nterms; t++) {
        r->answer_removals[t] = removals(&p->terms[t]);
        if (r->answer_removals[t] == NULL)
            return SP_ENOMEM;
        for (size_t m = 0; m < p->nmodels; m++)
            r->answer_rules[m * p->nterms + t] = (struct answer_rule){
                .model = p->models[m].name,
                .upstream = p->models[m].upstream_name,
                .remove = r->answer_removals[t],
                .strip_reasoning = p->terms[t].strip_reasoning};
    }
    return 0;
}

void answer_rules_release(struct rules *r)
{
    for (size_t t = 0; r->answer_removals != NULL && r->policy != NULL &&
                       t < r->policy->nterms;
         t++)
        free(r->answer_removals[t]);
    free(r->answer_removals);
    free(r->answer_rules);
    r->answer_removals = NULL;
    r->answer_rules = NULL;
}

const struct answer_rule *answer_rule_for(const struct rules *r, uint32_t model,
                                          uint32_t terms)
{
    return &r->answer_rules[model * r->policy->nterms + terms];
}
