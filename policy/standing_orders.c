/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators order and tripwires do: people and parties that are suspended
 * or revoked, models that are released. All of it is kept by name, so that
 * neither a new policy nor a restart loses it. Runs in the keeper and in
 * auditors' tools.
 */
#include <inttypes.h>
#include <string.h>

#include "policy/standing_state.h"

#define TRIPWIRE "tripwire:"

/* "party" or "party/person", for messages. */
#define WHO          "%.64s%s%.64s"
#define WHO_OF(p, q) (p), (q)[0] != 0 ? "/" : "", (q)

static const char *person_text(const char *person)
{
    return person == NULL ? "" : person;
}

/* An order has its operator, a tripwire has none. */
static bool cause_is_right(const struct entry_person_suspended *p)
{
    if (strcmp(p->cause, "order") == 0)
        return p->by.known;
    return !p->by.known &&
           strncmp(p->cause, TRIPWIRE, sizeof TRIPWIRE - 1) == 0 &&
           p->cause[sizeof TRIPWIRE - 1] != 0;
}

int standing_apply_suspended(struct standing *s, const struct entry *e)
{
    const struct entry_person_suspended *p = &e->u.person_suspended;
    const char *person = person_text(p->person);
    struct hold_state *h;
    uint32_t slot;
    int r;

    if (!cause_is_right(p))
        return standing_refuse(s, WHO " is suspended by nobody",
                               WHO_OF(p->party, person));
    if ((r = standing_slot_hold(s, p->party, person, &slot)) != 0)
        return r;
    h = &s->holds[slot];
    if (h->revoked != NO_ENTRY || h->suspended != NO_ENTRY)
        return standing_refuse(s, WHO " is %s already, by entry %" PRIu64,
                               WHO_OF(p->party, person),
                               h->revoked != NO_ENTRY ? "revoked" : "suspended",
                               h->revoked != NO_ENTRY ? h->revoked
                                                      : h->suspended);
    h->suspended = e->n;
    s->held++;
    return 0;
}

int standing_apply_resumed(struct standing *s, const struct entry *e)
{
    const struct entry_person_resumed *p = &e->u.person_resumed;
    const char *person = person_text(p->person);
    uint32_t slot = standing_slot(s, 'h', p->party, person);
    struct hold_state *h;

    if (!p->by.known || p->approver[0] == 0)
        return standing_refuse(s, WHO " is resumed by fewer than two",
                               WHO_OF(p->party, person));
    if (slot == SLOT_NONE || s->holds[slot].suspended == NO_ENTRY)
        return standing_refuse(s, WHO " is not suspended",
                               WHO_OF(p->party, person));
    h = &s->holds[slot];
    if (h->suspended != p->of)
        return standing_refuse(
            s, WHO " was suspended by entry %" PRIu64 ", not %" PRIu64,
            WHO_OF(p->party, person), h->suspended, p->of);
    h->suspended = NO_ENTRY;
    s->held--;
    standing_forget(s, p->party, p->person);
    return 0;
}

static void people_revoke(struct standing *s, const char *party,
                          const char *person)
{
    for (size_t i = SLOT_NEWCOMER + 1; i < s->npeople; i++)
        if (strcmp(s->people[i].party, party) == 0 &&
            (person == NULL || strcmp(s->people[i].person, person) == 0))
            s->people[i].revoked = true;
}

/* Takes the place of a suspension: nothing is left to resume. */
int standing_apply_revoked(struct standing *s, const struct entry *e)
{
    const struct entry_party_revoked *p = &e->u.party_revoked;
    const char *person = person_text(p->person);
    struct hold_state *h;
    uint32_t slot;
    int r;

    if (!p->by.known)
        return standing_refuse(s, WHO " is revoked by nobody",
                               WHO_OF(p->party, person));
    if ((r = standing_slot_hold(s, p->party, person, &slot)) != 0)
        return r;
    h = &s->holds[slot];
    if (h->revoked != NO_ENTRY)
        return standing_refuse(s, WHO " is revoked already, by entry %" PRIu64,
                               WHO_OF(p->party, person), h->revoked);
    if (h->suspended == NO_ENTRY)
        s->held++;
    *h = (struct hold_state){.suspended = NO_ENTRY, .revoked = e->n};
    people_revoke(s, p->party, p->person);
    standing_certificates_schedule(s);
    return 0;
}

int standing_apply_released(struct standing *s, const struct entry *e)
{
    const struct entry_model_released *m = &e->u.model_released;
    bool order = strcmp(m->cause, "order") == 0;
    uint32_t slot;
    int r;

    if (order != m->by.known || (!order && strcmp(m->cause, "time") != 0))
        return standing_refuse(s, "model %.128s is released by nobody",
                               m->model);
    if ((r = standing_slot_model(s, m->model, &slot)) != 0)
        return r;
    if (s->models[slot].released != NO_ENTRY)
        return standing_refuse(s,
                               "model %.128s is released already, by entry "
                               "%" PRIu64,
                               m->model, s->models[slot].released);
    s->models[slot].released = e->n;
    standing_schedule(s);
    standing_certificates_schedule(s);
    return 0;
}

static const struct hold_state *hold_find(const struct standing *s,
                                          const char *party, const char *person)
{
    uint32_t slot = standing_slot(s, 'h', party, person_text(person));

    return slot == SLOT_NONE ? NULL : &s->holds[slot];
}

static bool entry_of(uint64_t n, uint64_t *entry)
{
    if (entry != NULL)
        *entry = n;
    return n != NO_ENTRY;
}

bool standing_suspended(const struct standing *s, const char *party,
                        const char *person, uint64_t *entry)
{
    const struct hold_state *h = hold_find(s, party, person);

    return entry_of(h == NULL ? NO_ENTRY : h->suspended, entry);
}

bool standing_revoked(const struct standing *s, const char *party,
                      const char *person, uint64_t *entry)
{
    const struct hold_state *h = hold_find(s, party, person);

    return entry_of(h == NULL ? NO_ENTRY : h->revoked, entry);
}

bool standing_released(const struct standing *s, const char *model,
                       uint64_t *entry)
{
    uint32_t slot = standing_slot(s, 'm', model, "");

    return entry_of(slot == SLOT_NONE ? NO_ENTRY : s->models[slot].released,
                    entry);
}

static bool policy_knows(const struct policy *p, const char *party,
                         const char *person)
{
    int of = p == NULL ? -1 : policy_find_party(p, party);

    return of >= 0 &&
           (person == NULL || policy_find_person(p, (uint32_t)of, person) >= 0);
}

bool standing_knows_person(const struct standing *s, const char *party,
                           const char *person)
{
    return hold_find(s, party, person) != NULL ||
           (person != NULL &&
            standing_slot(s, 'p', party, person) != SLOT_NONE) ||
           policy_knows(s->policy, party, person);
}

bool standing_knows_model(const struct standing *s, const char *model)
{
    return standing_slot(s, 'm', model, "") != SLOT_NONE;
}

const char *standing_open_window(const struct standing *s, const char *target)
{
    size_t length = strlen(target);

    for (size_t i = 0; i < s->nwindows; i++) {
        const char *id = s->windows[i].id;

        if (s->windows[i].closed || strncmp(id, target, length) != 0)
            continue;
        if (id[length] == 0 ||
            (id[length] == '/' && strchr(id + length + 1, '/') == NULL))
            return id;
    }
    return NULL;
}

static enum reason hold_reason(const struct hold_state *h)
{
    if (h->revoked != NO_ENTRY)
        return REASON_ACCESS_REVOKED;
    return h->suspended != NO_ENTRY ? REASON_PERSON_SUSPENDED : REASON_NONE;
}

/* What is for ever says more than what is not. */
static enum reason holds_reason(const struct hold_state *party,
                                const struct hold_state *person)
{
    enum reason a = hold_reason(party), b = hold_reason(person);

    return a == REASON_ACCESS_REVOKED || b == REASON_NONE ? a : b;
}

/* By names: hardly ever is anybody held, so nobody's place is kept ready. */
static enum reason names_reason(const struct standing *s, const char *party,
                                const char *person)
{
    static const struct hold_state none = {NO_ENTRY, NO_ENTRY};
    const struct hold_state *whole = hold_find(s, party, NULL);
    const struct hold_state *one = hold_find(s, party, person);

    return holds_reason(whole == NULL ? &none : whole,
                        one == NULL ? &none : one);
}

enum reason standing_person_held(const struct standing *s, uint32_t party,
                                 uint32_t person)
{
    if (s->held == 0 || s->policy == NULL || party >= s->policy->nparties ||
        person >= s->policy->npeople)
        return REASON_NONE;
    return names_reason(s, s->policy->parties[party].name,
                        s->policy->people[person].name);
}

int standing_check_held(struct standing *s, const struct entry_request *q)
{
    if (s->held == 0 || names_reason(s, q->party, q->person) == REASON_NONE)
        return 0;
    return standing_refuse(s, "a request of " WHO ", who may ask nothing",
                           WHO_OF(q->party, q->person));
}

bool standing_model_released(const struct standing *s, uint32_t model)
{
    return s->policy != NULL && model < s->policy->nmodels &&
           s->models[s->bound_models[model]].released != NO_ENTRY;
}

static bool scope_has(uint32_t wanted, uint32_t have)
{
    return wanted == UINT32_MAX || wanted == have;
}

static bool request_in(const struct standing *s, const struct open_request *q,
                       const struct standing_scope *scope)
{
    const struct policy_window *w;
    uint32_t bound;

    if (q->closed || q->window == SLOT_NONE)
        return false;
    bound = s->windows[q->window].bound;
    if (bound == SLOT_NONE)
        return false;
    w = &s->policy->windows[bound];
    return scope_has(scope->window, bound) &&
           scope_has(scope->model, w->model) &&
           scope_has(scope->party, w->party) &&
           (scope->person == UINT32_MAX ||
            (scope->person < s->policy->npeople &&
             s->bound_people[scope->person] == q->person));
}

uint32_t standing_open_in(const struct standing *s,
                          const struct standing_scope *scope)
{
    uint32_t count = 0;

    for (size_t i = 0; s->policy != NULL && i < s->nrequests; i++)
        count += request_in(s, &s->requests[i], scope);
    return count;
}
