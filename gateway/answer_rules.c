/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for answers out of the policy. Runs in a worker; reads nothing of
 * strangers.
 */
#include "gateway/answer_rules.h"

#include <stdlib.h>

const char *const *answer_default_removals(void)
{
    /* No terms forbid anything in answers, so nothing is taken away. */
    static const char *const names[] = {NULL};

    return names;
}

int answer_rules_set_up(struct worker *w)
{
    const struct policy *p = w->policy;

    w->answer_rules = calloc(p->nmodels + 1, sizeof(*w->answer_rules));
    if (w->answer_rules == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < p->nmodels; i++)
        w->answer_rules[i] =
            (struct answer_rule){.model = p->models[i].name,
                                 .upstream = p->models[i].upstream_name,
                                 .remove = answer_default_removals()};
    return 0;
}

const struct answer_rule *answer_rule_for(const struct worker *w,
                                          uint32_t model, uint32_t terms)
{
    (void)terms; /* all have the same, so far */
    return &w->answer_rules[model];
}
