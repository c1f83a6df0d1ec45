/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tripwires: which of them what a person does has set off. Computed from the
 * standing alone, so that an auditor finds the same (P6). Runs in the keeper
 * after each request's entries, and in auditors' tools.
 */
#include <string.h>

#include "policy/standing_state.h"

/* Somebody who is suspended already has nothing more to lose. */
static bool is_held(const struct standing *s, uint32_t party, uint32_t person)
{
    return standing_person_held(s, party, person) != REASON_NONE;
}

static bool trips(const struct policy_tripwire *w, const struct watch *watch,
                  int64_t now, uint64_t *value)
{
    *value = watch_value(watch, w->value, now);
    if (*value <= w->above)
        return false;
    return w->suspends || !watch_was_told(watch, w->name, now);
}

bool standing_tripped(const struct standing *s, int64_t now,
                      struct standing_trip *trip)
{
    const struct person_state *p = &s->people[s->touched];
    const struct policy_party *party;
    int of, person;

    if (s->policy == NULL || s->touched == SLOT_NEWCOMER || p->watch == NULL ||
        (of = policy_find_party(s->policy, p->party)) < 0)
        return false;
    party = &s->policy->parties[of];
    if (party->ntripwires == 0)
        return false;
    person = policy_find_person(s->policy, (uint32_t)of, p->person);
    if (person < 0 || is_held(s, (uint32_t)of, (uint32_t)person))
        return false;
    for (size_t i = 0; i < party->ntripwires; i++)
        if (trips(party->tripwires[i], p->watch, now, &trip->value)) {
            trip->tripwire = party->tripwires[i];
            trip->party = p->party;
            trip->person = p->person;
            return true;
        }
    return false;
}

int standing_apply_alerted(struct standing *s, const struct entry *e)
{
    const struct entry_tripwire_alerted *a = &e->u.tripwire_alerted;
    uint32_t slot = standing_slot(s, 'p', a->party, a->person);

    if (slot == SLOT_NONE || s->people[slot].watch == NULL)
        return standing_refuse(s,
                               "a tripwire tells of %.64s/%.64s, who never "
                               "came",
                               a->party, a->person);
    watch_told(s->people[slot].watch, a->tripwire, e->t);
    return 0;
}

void standing_forget(struct standing *s, const char *party, const char *person)
{
    for (size_t i = SLOT_NEWCOMER + 1; i < s->npeople; i++) {
        struct person_state *p = &s->people[i];

        if (p->watch != NULL && strcmp(p->party, party) == 0 &&
            (person == NULL || strcmp(p->person, person) == 0))
            watch_forget(p->watch);
    }
}
