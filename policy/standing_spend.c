/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What requests spend and reserve, in each scope that a budget can be for.
 * Runs in the keeper, and in auditors' tools on ledgers that are trusted with
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/standing_state.h"

void standing_spend_free(struct standing *s)
{
    for (size_t i = 0; i < s->nspent; i++)
        free(s->spent[i].minute);
    free(s->spent);
    table_release(&s->places);
}

static struct place_key key_make(enum spent_scope scope, uint32_t window,
                                 uint32_t terms, uint32_t model,
                                 uint32_t person)
{
    switch (scope) {
    case SCOPE_WINDOW:
        return (struct place_key){window, terms, SLOT_NONE};
    case SCOPE_WINDOW_PERSON:
        return (struct place_key){window, terms, person};
    case SCOPE_PERSON:
        return (struct place_key){SLOT_NONE, SLOT_NONE, person};
    case SCOPE_MODEL:
    case SCOPE_COUNT:
    default:
        return (struct place_key){SLOT_NONE, model, SLOT_NONE};
    }
}

static int spent_grow(struct standing *s)
{
    struct spent *more;

    if ((s->nspent & (s->nspent - 1)) != 0)
        return 0;
    more = reallocarray(s->spent, s->nspent == 0 ? 1 : s->nspent * 2,
                        sizeof *more);
    if (more == NULL)
        return SP_ENOMEM;
    s->spent = more;
    return 0;
}

int standing_place_need(struct standing *s, struct place_key key, bool minute,
                        uint32_t *place)
{
    struct spent new = {0};
    int r;

    if ((*place = table_get(&s->places, &key, sizeof key)) != TABLE_NONE)
        return 0;
    if ((r = spent_grow(s)) != 0)
        return r;
    if (minute && (new.minute = calloc(1, sizeof *new.minute)) == NULL)
        return SP_ENOMEM;
    if ((r = table_put(&s->places, &key, sizeof key, (uint32_t)s->nspent)) !=
        0) {
        free(new.minute);
        return r;
    }
    *place = (uint32_t)s->nspent;
    s->spent[s->nspent++] = new;
    return 0;
}

static void reserve_read(const struct entry_request *q, struct cost *c)
{
    *c = (struct cost){0};
    c->units[UNIT_TOKENS] = q->reserve_tokens;
    c->units[UNIT_INPUT_TOKENS] = q->reserve_input;
    c->units[UNIT_OUTPUT_TOKENS] = q->reserve_output;
    c->units[UNIT_BYTES] = q->reserve_bytes;
    c->units[UNIT_CONTENT_BYTES] = q->reserve_bytes;
}

int standing_spend_admit(struct standing *s, struct open_request *q,
                         const struct entry *e)
{
    const struct entry_request *r = &e->u.request;
    uint32_t terms = SLOT_NONE, model = SLOT_NONE;
    int error;

    for (int i = 0; i < SCOPE_COUNT; i++)
        q->spent[i] = SLOT_NONE;
    reserve_read(r, &q->reserve);
    if (q->window != SLOT_NONE &&
        ((error = standing_slot_word(s, 't', r->terms, &terms)) != 0 ||
         (error = standing_slot_model(s, r->model, &model)) != 0))
        return error;
    for (int i = 0; i < SCOPE_COUNT; i++) {
        enum spent_scope scope = (enum spent_scope)i;

        /* What the gateway answers itself only counts for its person. */
        if (q->window == SLOT_NONE && scope != SCOPE_PERSON)
            continue;
        error = standing_place_need(
            s, key_make(scope, q->window, terms, model, q->person),
            scope != SCOPE_WINDOW_PERSON, &q->spent[i]);
        if (error != 0)
            return error;
    }
    for (int i = 0; i < SCOPE_COUNT; i++)
        if (q->spent[i] != SLOT_NONE)
            spent_admit(&s->spent[q->spent[i]], &q->reserve, e->t);
    return 0;
}

/* At least what was reserved of tokens. */
static void cost_raise(struct cost *cost, const struct cost *reserve)
{
    for (int u = UNIT_TOKENS; u <= UNIT_OUTPUT_TOKENS; u++)
        if (cost->units[u] < reserve->units[u])
            cost->units[u] = reserve->units[u];
}

/* A request whose end nobody saw is charged what it had reserved. */
static void cost_read(const struct open_request *q,
                      const struct entry_request_closed *c, struct cost *cost)
{
    *cost = (struct cost){0};
    if (c->cause == CAUSE_LOST) {
        *cost = q->reserve;
        return;
    }
    cost->units[UNIT_INPUT_TOKENS] = c->input_tokens;
    cost->units[UNIT_OUTPUT_TOKENS] = c->output_tokens;
    if (__builtin_add_overflow(c->input_tokens, c->output_tokens,
                               &cost->units[UNIT_TOKENS]))
        cost->units[UNIT_TOKENS] = UINT64_MAX;
    if (c->source == USAGE_UNKNOWN)
        cost_raise(cost, &q->reserve);
    cost->units[UNIT_CACHED_TOKENS] = c->cached_tokens;
    cost->units[UNIT_REASONING_TOKENS] = c->reasoning_tokens;
    cost->units[UNIT_BYTES] = c->answered_bytes;
    cost->units[UNIT_CONTENT_BYTES] = c->content_bytes;
}

void standing_spend_settle(struct standing *s, const struct open_request *q,
                           const struct entry *e)
{
    struct cost cost;

    cost_read(q, &e->u.request_closed, &cost);
    for (int i = 0; i < SCOPE_COUNT; i++)
        if (q->spent[i] != SLOT_NONE)
            spent_settle(&s->spent[q->spent[i]], &q->reserve, &cost, e->t);
    watch_closed(s->people[q->person].watch, q->place, e->t,
                 cost.units[UNIT_TOKENS], cost.units[UNIT_BYTES],
                 cost.units[UNIT_CONTENT_BYTES]);
}

const struct spent *standing_spent(const struct standing *s,
                                   enum spent_scope scope,
                                   const struct standing_place *at)
{
    const struct policy *p = s->policy;
    struct place_key key = {SLOT_NONE, SLOT_NONE, SLOT_NONE};
    bool windowed = scope == SCOPE_WINDOW || scope == SCOPE_WINDOW_PERSON;
    uint32_t window = SLOT_NONE, terms = SLOT_NONE, place;

    if (p == NULL ||
        (scope != SCOPE_MODEL && scope != SCOPE_WINDOW &&
         at->person >= p->npeople) ||
        (scope == SCOPE_MODEL && at->model >= p->nmodels) ||
        (windowed && (at->window >= p->nwindows ||
                      at->terms >= p->windows[at->window].nterms)))
        return NULL;
    if (windowed) {
        window = s->bound_windows[at->window].state;
        terms = s->bound_terms[p->windows[at->window].terms[at->terms]];
        if (window == SLOT_NONE)
            return NULL;
    }
    key = key_make(
        scope, window, terms,
        scope == SCOPE_MODEL ? s->bound_models[at->model] : SLOT_NONE,
        at->person < p->npeople ? s->bound_people[at->person] : SLOT_NONE);
    place = table_get(&s->places, &key, sizeof key);
    return place == TABLE_NONE ? NULL : &s->spent[place];
}
