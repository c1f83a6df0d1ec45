/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standing beside a policy: whose slots its indices mean, what time makes
 * due, and what is spent. Runs in the keeper and in auditors' tools.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/standing_state.h"

void standing_unbind(struct standing *s)
{
    free(s->bound_windows);
    free(s->bound_people);
    free(s->bound_terms);
    free(s->bound_models);
    table_release(&s->bound_ids);
    s->bound_windows = NULL;
    s->bound_people = s->bound_terms = NULL;
    s->bound_models = NULL;
    s->policy = NULL;
    for (size_t i = 0; i < s->nwindows; i++)
        s->windows[i].bound = SLOT_NONE;
    s->next_close = s->next_open = s->next_release = INT64_MAX;
    s->next_notice = INT64_MAX;
    s->due_certificate = SLOT_NONE;
}

static int window_bind(struct standing *s, uint32_t window)
{
    const struct policy *p = s->policy;
    const struct policy_window *w = &p->windows[window];
    struct bound_window *b = &s->bound_windows[window];
    int r;

    if ((r = standing_slot_pair(s, p->parties[w->party].name,
                                p->models[w->model].name, &b->pair)) != 0 ||
        (r = table_put(&s->bound_ids, w->id, strlen(w->id), window)) != 0)
        return r;
    b->state = standing_slot(s, 'w', w->id, "");
    if (b->state == SLOT_NONE)
        return 0;
    s->windows[b->state].bound = window;
    return 0;
}

static int names_bind(struct standing *s)
{
    const struct policy *p = s->policy;
    int r;

    s->bound_windows = calloc(p->nwindows + 1, sizeof *s->bound_windows);
    s->bound_people = calloc(p->npeople + 1, sizeof *s->bound_people);
    s->bound_terms = calloc(p->nterms + 1, sizeof *s->bound_terms);
    if (s->bound_windows == NULL || s->bound_people == NULL ||
        s->bound_terms == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < p->npeople; i++) {
        uint32_t slot = standing_slot(
            s, 'p', p->parties[p->people[i].party].name, p->people[i].name);

        s->bound_people[i] = slot == SLOT_NONE ? SLOT_NEWCOMER : slot;
    }
    for (size_t i = 0; i < p->nterms; i++)
        if ((r = standing_slot_word(s, 't', p->terms[i].name,
                                    &s->bound_terms[i])) != 0)
            return r;
    for (size_t i = 0; i < p->nwindows; i++)
        if ((r = window_bind(s, (uint32_t)i)) != 0)
            return r;
    return 0;
}

/* Each model has a place, so that its release is found by its index. */
static int models_bind(struct standing *s)
{
    const struct policy *p = s->policy;
    int r = 0;

    s->bound_models = calloc(p->nmodels + 1, sizeof *s->bound_models);
    if (s->bound_models == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; r == 0 && i < p->nmodels; i++)
        r = standing_slot_model(s, p->models[i].name, &s->bound_models[i]);
    return r;
}

int standing_bind(struct standing *s, const struct policy *p)
{
    int r;

    standing_unbind(s);
    if (!standing_policy_is_current(s, p))
        return SP_EINVAL;
    s->policy = p;
    if ((r = names_bind(s)) == 0)
        r = models_bind(s);
    if (r != 0) {
        standing_unbind(s);
        return r;
    }
    standing_schedule(s);
    standing_certificates_schedule(s);
    return 0;
}

void standing_bind_person(struct standing *s, const char *party,
                          const char *person, uint32_t slot)
{
    int of = s->policy == NULL ? -1 : policy_find_party(s->policy, party), i;

    if (of < 0)
        return;
    i = policy_find_person(s->policy, (uint32_t)of, person);
    if (i >= 0)
        s->bound_people[i] = slot;
}

int standing_bind_opened(struct standing *s, uint32_t state)
{
    const char *id = s->windows[state].id;
    uint32_t window;

    if (s->policy == NULL)
        return 0;
    window = table_get(&s->bound_ids, id, strlen(id));
    if (window != TABLE_NONE) {
        s->bound_windows[window].state = state;
        s->windows[state].bound = window;
    }
    standing_schedule(s);
    return 0;
}

const struct policy *standing_policy(const struct standing *s)
{
    return s->policy;
}

bool standing_policy_is_current(const struct standing *s,
                                const struct policy *p)
{
    return s->loaded && s->serial == p->serial &&
           memcmp(s->sha256, p->sha256, 32) == 0;
}

const char *standing_policy_objection(const struct standing *s,
                                      const struct policy *p)
{
    if (standing_policy_is_current(s, p))
        return NULL;
    if (!s->loaded)
        return p->has_replaces
                   ? "it replaces another policy, but this ledger has none yet"
                   : NULL;
    if (p->serial == s->serial)
        return "it has the serial of the policy in force, but other content";
    if (p->serial < s->serial)
        return "its serial is smaller than that of the policy in force";
    if (!p->has_replaces || memcmp(p->replaces, s->sha256, 32) != 0)
        return s->successor;
    return NULL;
}

int64_t standing_window_end(const struct standing *s, uint32_t window)
{
    const struct policy_window *w = &s->policy->windows[window];
    int64_t first = s->pairs[s->bound_windows[window].pair];

    if (first == 0 || w->opens < first)
        first = w->opens;
    return w->closes - first > LIMIT_ACCESS_MS ? first + LIMIT_ACCESS_MS
                                               : w->closes;
}

/* Never opened so far, and something is left of it to open. */
bool standing_window_may_open(const struct standing *s, uint32_t window)
{
    return s->bound_windows[window].state == SLOT_NONE &&
           !standing_model_released(s, s->policy->windows[window].model) &&
           standing_window_end(s, window) > s->policy->windows[window].opens;
}

bool standing_window_is_released(const struct standing *s,
                                 const struct window_state *w)
{
    return s->models[w->model].released != NO_ENTRY;
}

void standing_schedule(struct standing *s)
{
    s->next_close = s->next_open = s->next_release = INT64_MAX;
    s->next_notice = INT64_MAX;
    if (s->policy == NULL)
        return;
    for (size_t i = 0; i < s->nwindows; i++) {
        const struct window_state *w = &s->windows[i];
        int64_t end;

        if (w->closed)
            continue;
        end = w->bound == SLOT_NONE || standing_window_is_released(s, w)
                  ? 0
                  : standing_window_end(s, w->bound);
        if (end < s->next_close)
            s->next_close = end;
    }
    for (uint32_t i = 0; i < s->policy->nwindows; i++)
        if (standing_window_may_open(s,
                                     i)) { /* sorted: the first is the next */
            s->next_open = s->policy->windows[i].opens;
            break;
        }
    for (uint32_t i = 0; i < s->policy->nmodels; i++)
        if (!standing_model_released(s, i) &&
            s->policy->models[i].release < s->next_release)
            s->next_release = s->policy->models[i].release;
    s->next_notice = standing_notice_next(s);
}

/* The developer's time has come: said once, and for ever. */
static bool release_due(const struct standing *s, int64_t now, struct entry *e)
{
    for (uint32_t i = 0; i < s->policy->nmodels; i++) {
        const struct policy_model *m = &s->policy->models[i];

        if (m->release > now || standing_model_released(s, i))
            continue;
        e->kind = ENTRY_MODEL_RELEASED;
        e->u.model_released.model = m->name;
        e->u.model_released.cause = "time";
        return true;
    }
    return false;
}

static const char *closing_cause(const struct standing *s,
                                 const struct window_state *w)
{
    if (standing_window_is_released(s, w))
        return "released";
    return w->bound == SLOT_NONE ? "policy" : "expired";
}

static bool closing_due(const struct standing *s, int64_t now, struct entry *e)
{
    for (size_t i = 0; i < s->nwindows; i++) {
        const struct window_state *w = &s->windows[i];

        if (w->closed ||
            (w->bound != SLOT_NONE && !standing_window_is_released(s, w) &&
             now < standing_window_end(s, w->bound)))
            continue;
        e->kind = ENTRY_WINDOW_CLOSED;
        e->u.window_closed.window = w->id;
        e->u.window_closed.cause = closing_cause(s, w);
        return true;
    }
    return false;
}

static bool opening_due(const struct standing *s, int64_t now, struct entry *e)
{
    const struct policy *p = s->policy;

    for (uint32_t i = 0; i < p->nwindows && p->windows[i].opens <= now; i++) {
        const struct policy_window *w = &p->windows[i];

        if (!standing_window_may_open(s, i))
            continue;
        e->kind = ENTRY_WINDOW_OPENED;
        e->u.window_opened.window = w->id;
        e->u.window_opened.party = p->parties[w->party].name;
        e->u.window_opened.model = p->models[w->model].name;
        e->u.window_opened.opens = w->opens;
        e->u.window_opened.agreement = w->agreement;
        memcpy(e->u.window_opened.agreement_sha256, w->agreement_sha256, 32);
        e->u.window_opened.selection = p->parties[w->party].selection;
        e->u.window_opened.designation = p->models[w->model].designation;
        e->u.window_opened.designated_by = p->models[w->model].designated_by;
        e->u.window_opened.designation_reference =
            p->models[w->model].designation_reference;
        e->u.window_opened.closes = standing_window_end(s, i);
        return true;
    }
    return false;
}

static void statement_fill(const struct window_state *w, struct entry *e)
{
    e->kind = ENTRY_WINDOW_STATEMENT;
    e->u.window_statement =
        (struct entry_window_statement){.window = w->id,
                                        .admitted = w->requests,
                                        .refused = w->refused,
                                        .input_tokens = w->input_tokens,
                                        .output_tokens = w->output_tokens,
                                        .content_bytes = w->content_bytes};
}

bool standing_statement_due(const struct standing *s, struct entry *e)
{
    *e = (struct entry){0};
    for (size_t i = 0; s->unsaid > 0 && i < s->nwindows; i++) {
        const struct window_state *w = &s->windows[i];

        if (!w->closed || w->statement != 0 || w->open_requests > 0)
            continue;
        statement_fill(w, e);
        return true;
    }
    return false;
}

int standing_apply_statement(struct standing *s, const struct entry *e)
{
    const struct entry_window_statement *said = &e->u.window_statement, *is;
    uint32_t slot = standing_slot(s, 'w', said->window, "");
    struct window_state *w;
    struct entry sum;

    if (slot == SLOT_NONE)
        return standing_refuse(s, "window %.128s is summed up but never opened",
                               said->window);
    w = &s->windows[slot];
    if (!w->closed || w->statement != 0 || w->open_requests > 0)
        return standing_refuse(s,
                               "window %.128s is summed up before its end, or "
                               "twice",
                               w->id);
    statement_fill(w, &sum);
    is = &sum.u.window_statement;
    if (said->admitted != is->admitted || said->refused != is->refused ||
        said->input_tokens != is->input_tokens ||
        said->output_tokens != is->output_tokens ||
        said->content_bytes != is->content_bytes)
        return standing_refuse(s, "window %.128s comes to another sum", w->id);
    w->statement = e->n;
    s->unsaid--;
    return 0;
}

bool standing_due(const struct standing *s, int64_t now, bool may_open,
                  struct entry *e)
{
    if (s->policy == NULL)
        return false;
    *e = (struct entry){0};
    /* Before the windows that it ends. A clock that was set forward ends them
     * too; that the model is released it may not say before it has settled. */
    if (may_open && now >= s->next_release && release_due(s, now, e))
        return true;
    if (now >= s->next_close && closing_due(s, now, e))
        return true;
    /* For ever, so not by a clock that may be wrong. */
    if (may_open && standing_certificate_due(s, e))
        return true;
    if (may_open && now >= s->next_open && opening_due(s, now, e))
        return true;
    return may_open && now >= s->next_notice && standing_notice_due(s, now, e);
}

int64_t standing_next_due(const struct standing *s)
{
    int64_t next = s->due_certificate != SLOT_NONE ? 0 : INT64_MAX;

    if (s->next_close < next)
        next = s->next_close;
    if (s->next_open < next)
        next = s->next_open;
    if (s->next_notice < next)
        next = s->next_notice;
    return next < s->next_release ? next : s->next_release;
}

void standing_window(const struct standing *s, uint32_t window,
                     struct standing_window *w)
{
    const struct bound_window *b;

    *w = (struct standing_window){0};
    if (s->policy == NULL || window >= s->policy->nwindows)
        return;
    b = &s->bound_windows[window];
    w->closes = standing_window_end(s, window);
    w->first_opened = s->pairs[b->pair];
    w->never = b->state == SLOT_NONE && !standing_window_may_open(s, window);
    w->released = standing_model_released(s, s->policy->windows[window].model);
    if (b->state == SLOT_NONE)
        return;
    w->opened = true;
    w->closed = s->windows[b->state].closed;
    w->by_policy = s->windows[b->state].by_policy;
    w->requests = s->windows[b->state].requests;
    w->statement = s->windows[b->state].statement;
    w->open_requests = s->windows[b->state].open_requests;
}

static const struct person_state *person_find(const struct standing *s,
                                              uint32_t person)
{
    if (s->policy == NULL || person >= s->policy->npeople)
        return NULL;
    return &s->people[s->bound_people[person]];
}

uint32_t standing_person_addresses(const struct standing *s, uint32_t person,
                                   const char *address)
{
    const struct person_state *p = person_find(s, person);

    return p == NULL || p->watch == NULL
               ? 1
               : watch_addresses_open(p->watch, address);
}
