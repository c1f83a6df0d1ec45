/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a worker: made of a snapshot, taken over, given up. Runs in the
 * worker; everything in them is the operator's, checked by the supervisor
 * before.
 */
#include "gateway/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/answer_rules.h"
#include "gateway/people.h"
#include "gateway/shares.h"
#include "gateway/tls_files.h"
#include "gateway/upstream.h"
#include "gateway/upstream_endpoint.h"
#include "lib/clock.h"

/* ---- making them ---- */

/* The largest body that any terms of a party allow; before its model is
 * known, no more can be said. */
static int make_limits(struct rules *r)
{
    const struct policy *p = r->policy;

    r->body_limits = calloc(p->nparties + 1, sizeof(*r->body_limits));
    if (r->body_limits == NULL)
        return SP_ENOMEM;
    for (uint32_t i = 0; i < p->nparties; i++)
        /* Who has no window is told so, and not that a body is too large. */
        if ((r->body_limits[i] = policy_party_body_limit(p, i)) == 0)
            r->body_limits[i] = WORKER_SCRATCH;
    return 0;
}

static int make_ends(struct rules *r)
{
    r->ends = calloc(r->policy->nwindows + 1, sizeof(*r->ends));
    if (r->ends == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < r->policy->nwindows; i++)
        r->ends[i].boot = INT64_MAX;
    return 0;
}

static int make_tls(struct rules *r, char problem[256])
{
    struct tls_problem of_files;
    int e = people_load(&r->snapshot, &r->identities, problem);

    if (e != 0)
        return e;
    e = tls_contexts_new(&r->snapshot, r->identities, false, &of_files, r->tls);
    if (e != 0)
        snprintf(problem, 256, "%s", of_files.text);
    return e;
}

static int make_all(struct rules *r, char problem[256])
{
    int e;

    snprintf(problem, 256, "%s", sp_strerror(SP_ENOMEM));
    r->shares = shares_new(r->policy, clock_boot_ms());
    if (r->shares == NULL)
        return SP_ENOMEM;
    if ((e = make_limits(r)) != 0 || (e = make_ends(r)) != 0 ||
        (e = answer_rules_set_up(r)) != 0 || (e = make_tls(r, problem)) != 0)
        return e;
    return endpoints_new(r, problem, &r->endpoints);
}

int rules_new(struct worker *w, uint64_t number, struct snapshot *s,
              char problem[256], struct rules **rules)
{
    struct rules *r = calloc(1, sizeof(*r));
    int e;

    *rules = NULL;
    if (r == NULL) {
        snapshot_release(s);
        return SP_ENOMEM;
    }
    r->worker = w;
    r->number = number;
    r->snapshot = *s;
    *s = (struct snapshot){0};
    r->settings = r->snapshot.settings;
    r->policy = r->snapshot.policy;
    if ((e = make_all(r, problem)) == 0)
        *rules = r;
    else
        rules_free(r);
    return e;
}

static void now_release(struct rules_now *now)
{
    free(now->windows);
    free(now->models);
    free(now->parties);
    free(now->people);
    *now = (struct rules_now){0};
}

void rules_free(struct rules *r)
{
    if (r == NULL)
        return;
    endpoints_free(r->endpoints);
    tls_contexts_free(r->tls);
    identities_free(r->identities);
    answer_rules_release(r); /* its keys are the policy's own terms */
    shares_free(r->shares);
    free(r->body_limits);
    free(r->ends);
    now_release(&r->now);
    snapshot_release(&r->snapshot);
    free(r);
}

/* ---- what old indices mean ---- */

static uint32_t window_find(const struct policy *p, const char *id)
{
    for (uint32_t i = 0; i < p->nwindows; i++)
        if (strcmp(p->windows[i].id, id) == 0)
            return i;
    return VERDICT_NONE;
}

static uint32_t model_find(const struct policy *p, const char *name)
{
    for (uint32_t i = 0; i < p->nmodels; i++)
        if (strcmp(p->models[i].name, name) == 0)
            return i;
    return VERDICT_NONE;
}

static uint32_t person_find(const struct policy *p, const struct rules_now *now,
                            const struct policy_person *person)
{
    uint32_t party = now->parties[person->party];
    int found =
        party == VERDICT_NONE ? -1 : policy_find_person(p, party, person->name);

    return found < 0 ? VERDICT_NONE : (uint32_t)found;
}

static int now_make(const struct policy *old, const struct policy *new,
                    struct rules_now *now)
{
    now->windows = calloc(old->nwindows + 1, sizeof(*now->windows));
    now->models = calloc(old->nmodels + 1, sizeof(*now->models));
    now->parties = calloc(old->nparties + 1, sizeof(*now->parties));
    now->people = calloc(old->npeople + 1, sizeof(*now->people));
    if (now->windows == NULL || now->models == NULL || now->parties == NULL ||
        now->people == NULL) {
        now_release(now);
        return SP_ENOMEM;
    }
    for (uint32_t i = 0; i < old->nwindows; i++)
        now->windows[i] = window_find(new, old->windows[i].id);
    for (uint32_t i = 0; i < old->nmodels; i++)
        now->models[i] = model_find(new, old->models[i].name);
    for (uint32_t i = 0; i < old->nparties; i++) {
        int found = policy_find_party(new, old->parties[i].name);

        now->parties[i] = found < 0 ? VERDICT_NONE : (uint32_t)found;
    }
    for (uint32_t i = 0; i < old->npeople; i++)
        now->people[i] = person_find(new, now, &old->people[i]);
    return 0;
}

int64_t rules_window_closes(const struct rules *r, uint32_t window)
{
    const struct policy_window *w = &r->policy->windows[window];
    int64_t release = r->policy->models[w->model].release;

    return release < w->closes ? release : w->closes;
}

/* When windows end is known of what was admitted in them; the newest may end
 * them sooner, and never later for what was admitted before (P2). */
static void ends_carry(const struct rules *old, struct rules *new)
{
    int64_t shift = clock_boot_ms() - clock_wall_ms();

    for (uint32_t i = 0; i < old->policy->nwindows; i++) {
        uint32_t j = old->now.windows[i];
        const struct window_end *was = &old->ends[i];
        int64_t closes;

        if (j == VERDICT_NONE || was->boot == INT64_MAX)
            continue;
        closes = rules_window_closes(new, j);
        new->ends[j] = *was;
        if (closes < was->wall) {
            new->ends[j].wall = closes;
            new->ends[j].boot = closes + shift;
        }
    }
}

/* ---- taking them over ---- */

unsigned rules_count(const struct worker *w)
{
    unsigned count = 0;

    for (const struct rules *r = w->rules; r != NULL; r = r->older)
        count++;
    return count;
}

bool rules_are_newest(const struct rules *r)
{
    return r == r->worker->rules;
}

static int now_make_all(struct worker *w, const struct rules *new,
                        struct rules_now *made)
{
    size_t i = 0;
    int e = 0;

    for (struct rules *r = w->rules; e == 0 && r != NULL; r = r->older)
        e = now_make(r->policy, new->policy, &made[i++]);
    if (e != 0)
        while (i > 0)
            now_release(&made[--i]);
    return e;
}

int rules_take_over(struct worker *w, struct rules *r)
{
    struct rules_now made[RULES_MAX + 1] = {0};
    struct rules *before = w->rules;
    size_t i = 0;
    int e;

    if (rules_count(w) > RULES_MAX)
        return SP_EAGAIN;
    if ((e = now_make_all(w, r, made)) != 0)
        return e;
    for (struct rules *old = before; old != NULL; old = old->older) {
        now_release(&old->now);
        old->now = made[i++];
    }
    r->older = before;
    w->rules = rules_hold(r);
    if (before != NULL) {
        ends_carry(before, r);
        /* Nobody will make connections with them any more. */
        tls_contexts_free(before->tls);
        upstreams_forget(w->upstreams, before->endpoints);
        rules_drop(before);
    }
    return 0;
}

struct rules *rules_hold(struct rules *r)
{
    r->users++;
    return r;
}

void rules_drop(struct rules *r)
{
    struct rules **at;

    if (r == NULL || --r->users > 0)
        return;
    for (at = &r->worker->rules; *at != NULL && *at != r; at = &(*at)->older)
        ;
    if (*at == r)
        *at = r->older;
    rules_free(r);
}

bool rules_cut_takes(const struct rules *of, const struct cut *c,
                     const struct rules *mine, uint32_t window, uint32_t model,
                     uint32_t party, uint32_t person,
                     const uint8_t certificate[32])
{
    const struct policy *p = mine->policy;
    const struct rules_now *now = &mine->now;

    if (of == mine)
        return cut_takes(c, window, model, party, person, certificate);
    if (!rules_are_newest(of))
        return false; /* what it means in `mine` nobody knows */
    return cut_takes(
        c, window < p->nwindows ? now->windows[window] : VERDICT_NONE - 1,
        model < p->nmodels ? now->models[model] : VERDICT_NONE - 1,
        party < p->nparties ? now->parties[party] : VERDICT_NONE - 1,
        person < p->npeople ? now->people[person] : VERDICT_NONE - 1,
        certificate);
}
