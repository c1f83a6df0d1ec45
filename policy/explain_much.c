/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for the steps that look at how much is asked and spent. Runs in the
 * command.
 */
#include <inttypes.h>

#include "policy/explain_words.h"

/* A budget that a request is under, and what it stands at. */
struct scope {
    const char *name;
    const struct budget *budget;
    const struct spent *spent;  /* whose totals count; NULL: nothing yet */
    const struct spent *recent; /* whose minute and open requests count */
};

/* 0 if no terms hold; a local route is under the person's alone. */
static size_t scopes_of(const struct explain_question *q,
                        const struct verdict *v, struct scope scopes[3])
{
    const struct policy *p = q->policy;
    const struct policy_terms *t = explain_terms(q, v);
    struct standing_place at = {
        .window = v->window, .model = v->model, .person = q->facts->person};
    const struct spent *s;

    if (t == NULL || v->window >= p->nwindows)
        return 0;
    while (at.terms < p->windows[v->window].nterms &&
           p->windows[v->window].terms[at.terms] != v->terms)
        at.terms++;
    if (at.terms == p->windows[v->window].nterms)
        return 0;
    scopes[0] = (struct scope){"person", &t->person, NULL,
                               standing_spent(q->standing, SCOPE_PERSON, &at)};
    if (route_info(q->facts->route)->local || v->model >= p->nmodels)
        return 1;
    scopes[0].spent = standing_spent(q->standing, SCOPE_WINDOW_PERSON, &at);
    s = standing_spent(q->standing, SCOPE_WINDOW, &at);
    scopes[1] = (struct scope){"window", &t->window, s, s};
    s = standing_spent(q->standing, SCOPE_MODEL, &at);
    scopes[2] = (struct scope){"model", &p->models[v->model].budget, s, s};
    return 3;
}

static void say_part(struct words *w, const char *name, const char *what,
                     uint64_t have, int64_t most)
{
    if (most >= 0)
        say(w, "%s%s %s: %" PRIu64 " of %" PRId64, w->length == 0 ? "" : "; ",
            name, what, have, most);
}

static void say_own_rate(struct words *w, const struct explain_question *q)
{
    const struct standing_place at = {.window = VERDICT_NONE,
                                      .model = VERDICT_NONE,
                                      .person = q->facts->person};

    say_part(w, "person", "requests within the minute",
             spent_minute_requests(
                 standing_spent(q->standing, SCOPE_PERSON, &at), q->now),
             decide_own_rate(q->policy, q->facts->party));
    say_part(w, "own routes", "within the minute",
             standing_own_minute(q->standing, q->facts->person, q->now),
             decide_own_limit(q->facts->route));
    say_part(w, "own routes", "open",
             standing_own_open(q->standing, q->facts->person),
             LIMIT_OWN_CONCURRENT);
}

void say_rate(struct words *w, const struct explain_question *q,
              const struct verdict *v, const char *param)
{
    const struct policy_terms *t = explain_terms(q, v);
    bool local = route_info(q->facts->route)->local;
    struct scope scopes[3];
    size_t n = scopes_of(q, v, scopes);

    (void)param;
    if (route_info(q->facts->route)->own)
        say_own_rate(w, q);
    for (size_t i = 0; i < n; i++) {
        const struct scope *s = &scopes[i];

        say_part(w, s->name, "requests within the minute",
                 spent_minute_requests(s->recent, q->now),
                 s->budget->requests_per_minute);
        if (!local)
            say_part(w, s->name, "tokens within the minute",
                     spent_minute_tokens(s->recent, q->now),
                     s->budget->tokens_per_minute);
        say_part(w, s->name, "requests open",
                 s->recent == NULL ? 0 : s->recent->open,
                 s->budget->concurrent);
    }
    if (t != NULL && n > 0)
        say_part(w, "person", "addresses with this one",
                 standing_person_addresses(q->standing, q->facts->person,
                                           q->facts->address),
                 t->person_addresses);
    if (w->length == 0)
        say(w, "nothing is limited");
    if (v->retry_after > 0)
        say(w, "; again in %d s", v->retry_after);
}

void say_budget(struct words *w, const struct explain_question *q,
                const struct verdict *v, const char *param)
{
    struct scope scopes[3];
    size_t n = scopes_of(q, v, scopes);

    (void)param;
    for (size_t i = 0; i < n && n > 1; i++)
        for (int u = 0; u < UNIT_COUNT; u++) {
            const struct spent *s = scopes[i].spent;

            say_part(w, scopes[i].name, unit_text((enum unit)u),
                     s == NULL ? 0 : s->total[u], scopes[i].budget->total[u]);
            if (scopes[i].budget->total[u] >= 0 && s != NULL &&
                s->reserved[u] > 0)
                say(w, " and %" PRIu64 " set aside", s->reserved[u]);
        }
    if (w->length == 0)
        say(w, "nothing is limited");
}

void say_left(struct words *w, const struct explain_question *q,
              const struct verdict *v)
{
    struct scope scopes[3];
    size_t n = scopes_of(q, v, scopes);

    for (size_t i = 0; i < n && n > 1; i++)
        for (int u = 0; u < UNIT_COUNT; u++) {
            uint64_t left = UINT64_MAX;

            if (scopes[i].budget->total[u] < 0)
                continue;
            if (budget_state(scopes[i].budget, scopes[i].spent, (enum unit)u,
                             &left) == BUDGET_SPENT)
                left = 0;
            say(w, "%s%s %s: %" PRIu64 " of %" PRId64 " left",
                w->length == 0 ? "" : "; ", scopes[i].name,
                unit_text((enum unit)u), left, scopes[i].budget->total[u]);
        }
}
