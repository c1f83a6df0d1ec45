/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a decision that look at how much is used: the minute, addresses
 * and what is open; then the totals of every scope, and what has to be set
 * aside so that N requests on the last unit admit exactly one. Runs in the
 * keeper on facts that a worker may have been made to invent, and in auditors'
 * tools.
 */
#include "policy/decide_steps.h"

/* A budget and what it stands at. */
struct scope {
    const struct budget *budget;
    const struct spent *spent;
};

static struct standing_place place_of(const struct question *q)
{
    return (struct standing_place){.window = q->v->window,
                                   .model = q->v->model,
                                   .person = q->f->person,
                                   .terms = q->terms};
}

/* ---- the minute, and what is open ---- */

/* What one person does counts whatever the window; of a local route nothing
 * else is asked. */
static size_t rate_scopes(const struct question *q, struct scope scopes[3])
{
    const struct policy_terms *t = &q->p->terms[q->v->terms];
    const struct standing_place at = place_of(q);

    scopes[0] =
        (struct scope){&t->person, standing_spent(q->s, SCOPE_PERSON, &at)};
    if (q->local)
        return 1;
    scopes[1] =
        (struct scope){&t->window, standing_spent(q->s, SCOPE_WINDOW, &at)};
    scopes[2] = (struct scope){&q->p->models[q->v->model].budget,
                               standing_spent(q->s, SCOPE_MODEL, &at)};
    return 3;
}

static enum reason rate_check(struct question *q, const struct scope *s)
{
    const struct budget *b = s->budget;

    if (b->requests_per_minute >= 0 &&
        spent_minute_requests(s->spent, q->now) >=
            (uint64_t)b->requests_per_minute) {
        q->v->retry_after =
            spent_wait_requests(s->spent, q->now, b->requests_per_minute);
        return REASON_RATE_LIMITED;
    }
    if (!q->local && b->tokens_per_minute >= 0 &&
        spent_minute_tokens(s->spent, q->now) >=
            (uint64_t)b->tokens_per_minute) {
        q->v->retry_after =
            spent_wait_tokens(s->spent, q->now, b->tokens_per_minute);
        return REASON_RATE_LIMITED;
    }
    return REASON_NONE;
}

int64_t decide_own_rate(const struct policy *p, uint32_t party)
{
    int64_t most = -1;

    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];

        for (size_t k = 0; w->party == party && k < w->nterms; k++) {
            int64_t rate = p->terms[w->terms[k]].person.requests_per_minute;

            if (rate < 0)
                return -1;
            if (rate > most)
                most = rate;
        }
    }
    return most;
}

uint32_t decide_own_limit(enum route route)
{
    return route_is_log(route) ? LIMIT_LOG_PER_MINUTE : LIMIT_OWN_PER_MINUTE;
}

/* No window bounds these: the person's own rate does, and one of their own. */
static enum reason rate_own(struct question *q)
{
    const struct standing_place at = place_of(q);
    const struct spent *s = standing_spent(q->s, SCOPE_PERSON, &at);
    int64_t limit = decide_own_rate(q->p, q->f->party);

    if (limit >= 0 && spent_minute_requests(s, q->now) >= (uint64_t)limit) {
        q->v->retry_after = spent_wait_requests(s, q->now, limit);
        return REASON_RATE_LIMITED;
    }
    if (standing_own_minute(q->s, q->f->person, q->now) >=
        decide_own_limit(q->route->route)) {
        q->v->retry_after = 60 - (int)(q->now / 1000 % 60);
        return REASON_RATE_LIMITED;
    }
    return standing_own_open(q->s, q->f->person) >= LIMIT_OWN_CONCURRENT
               ? REASON_CONCURRENCY_LIMITED
               : REASON_NONE;
}

static enum reason rate_terms(struct question *q)
{
    const struct policy_terms *t = &q->p->terms[q->v->terms];
    struct scope scopes[3];
    size_t n = rate_scopes(q, scopes);
    enum reason reason;

    for (size_t i = 0; i < n; i++)
        if ((reason = rate_check(q, &scopes[i])) != REASON_NONE)
            return reason;
    if (t->person_addresses >= 0 &&
        standing_person_addresses(q->s, q->f->person, q->f->address) >
            t->person_addresses)
        return REASON_ADDRESSES_LIMITED;
    for (size_t i = 0; i < n; i++)
        if (scopes[i].budget->concurrent >= 0 && scopes[i].spent != NULL &&
            scopes[i].spent->open >= scopes[i].budget->concurrent)
            return REASON_CONCURRENCY_LIMITED;
    return REASON_NONE;
}

enum reason step_rate(struct question *q)
{
    return q->own ? rate_own(q) : rate_terms(q);
}

/* ---- totals ---- */

static void total_scopes(const struct question *q, struct scope scopes[3])
{
    const struct policy_terms *t = &q->p->terms[q->v->terms];
    const struct standing_place at = place_of(q);

    scopes[0] =
        (struct scope){&t->window, standing_spent(q->s, SCOPE_WINDOW, &at)};
    scopes[1] = (struct scope){&t->person,
                               standing_spent(q->s, SCOPE_WINDOW_PERSON, &at)};
    scopes[2] = (struct scope){&q->p->models[q->v->model].budget,
                               standing_spent(q->s, SCOPE_MODEL, &at)};
}

/* The worst of all scopes; *left is what is left in the tightest. */
static enum budget_state unit_state(const struct scope scopes[3],
                                    enum unit unit, uint64_t *left)
{
    enum budget_state worst = BUDGET_LEFT;

    *left = UINT64_MAX;
    for (size_t i = 0; i < 3; i++) {
        enum budget_state state =
            budget_state(scopes[i].budget, scopes[i].spent, unit, left);

        worst = state > worst ? state : worst;
    }
    return worst;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t r;

    return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX / 2 : r;
}

/* A quarter of the question's bytes: what its tokens are taken for until the
 * endpoint says better. */
static uint64_t input_estimate(const struct facts *f)
{
    return f->body_bytes / 4 + (f->body_bytes % 4 != 0);
}

/* The most that the answers could have. */
static uint64_t output_most(const struct question *q)
{
    const struct policy_terms *t = &q->p->terms[q->v->terms];
    int64_t ceiling = q->f->max_tokens;

    if (q->f->route == ROUTE_MESSAGES_COUNT_TOKENS)
        return 0;
    if (ceiling < 0)
        ceiling = t->ceiling[q->f->route];
    if (ceiling < 0)
        ceiling = t->request_tokens;
    return times((uint64_t)ceiling, q->f->outputs == 0 ? 1 : q->f->outputs);
}

static bool is_limited(const struct scope scopes[3], enum unit unit)
{
    return budget_limits(scopes[0].budget, unit) ||
           budget_limits(scopes[1].budget, unit) ||
           budget_limits(scopes[2].budget, unit);
}

static bool minute_is_limited(const struct question *q)
{
    const struct policy_terms *t = &q->p->terms[q->v->terms];

    return t->person.tokens_per_minute >= 0 ||
           t->window.tokens_per_minute >= 0 ||
           q->p->models[q->v->model].budget.tokens_per_minute >= 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the request may use, and what of it is set aside. Its own reservation
 * is no limit for tokens: what a question costs is only estimated, and nobody
 * is cut while something is left. */
static void reserve_set(struct question *q, const struct scope scopes[3],
                        const uint64_t left[UNIT_COUNT])
{
    uint64_t input = input_estimate(q->f), output = output_most(q);
    uint64_t most = (uint64_t)q->p->terms[q->v->terms].answer_bytes;
    struct verdict *v = q->v;
    uint64_t *units = v->reserve.units;

    if (is_limited(scopes, UNIT_TOKENS) || minute_is_limited(q))
        units[UNIT_TOKENS] = least(input + output, left[UNIT_TOKENS]);
    if (is_limited(scopes, UNIT_INPUT_TOKENS))
        units[UNIT_INPUT_TOKENS] = least(input, left[UNIT_INPUT_TOKENS]);
    if (is_limited(scopes, UNIT_OUTPUT_TOKENS))
        units[UNIT_OUTPUT_TOKENS] = least(output, left[UNIT_OUTPUT_TOKENS]);
    if (is_limited(scopes, UNIT_BYTES) ||
        is_limited(scopes, UNIT_CONTENT_BYTES))
        units[UNIT_BYTES] =
            least(most, least(left[UNIT_BYTES], left[UNIT_CONTENT_BYTES]));
    v->tokens_left =
        least(left[UNIT_TOKENS], left[UNIT_OUTPUT_TOKENS] > UINT64_MAX - input
                                     ? UINT64_MAX
                                     : left[UNIT_OUTPUT_TOKENS] + input);
    v->bytes_left =
        least(most, least(left[UNIT_BYTES], left[UNIT_CONTENT_BYTES]));
    v->bytes_reason =
        v->bytes_left < most ? REASON_BUDGET_EXHAUSTED : REASON_EGRESS_CEILING;
}

enum reason step_budget(struct question *q)
{
    uint64_t left[UNIT_COUNT];
    struct scope scopes[3];
    bool held = false;

    q->v->tokens_left = q->v->bytes_left = UINT64_MAX;
    if (q->local)
        return REASON_NONE;
    total_scopes(q, scopes);
    for (int u = 0; u < UNIT_COUNT; u++) {
        enum budget_state state = unit_state(scopes, (enum unit)u, &left[u]);

        if (state == BUDGET_SPENT)
            return REASON_BUDGET_EXHAUSTED;
        held = held || state == BUDGET_HELD;
    }
    if (held)
        return REASON_BUDGET_RESERVED;
    reserve_set(q, scopes, left);
    return REASON_NONE;
}
