/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from the entries of the gateway's own routes: who accepted
 * which version of which document, and how often a person came. Runs in the
 * keeper, and in auditors' tools on ledgers that are trusted with nothing.
 * Signatures are not looked at here: the keeper verified them before it wrote
 * the entry, and the entry has all that anybody needs to do it again.
 */
#include <inttypes.h>
#include <string.h>

#include "policy/standing_state.h"

#define MINUTE_MS 60000

void standing_own_count(struct person_state *p, int64_t t)
{
    if (t / MINUTE_MS != p->own_minute)
        p->own_admitted = 0;
    p->own_minute = t / MINUTE_MS;
    p->own_admitted++;
    p->own_open++;
}

/* The open request that an entry says it comes from: of that person, on that
 * route. */
static int source_check(struct standing *s, const struct entry *e, uint64_t of,
                        enum route route, const char *party, const char *person,
                        uint32_t *slot)
{
    const struct open_request *q = standing_request_open(s, of);

    *slot = standing_slot(s, 'p', party, person);
    if (q == NULL || q->route != route || q->person != *slot)
        return standing_refuse(s,
                               "%s of request %" PRIu64
                               ", which is no such request of this person",
                               entry_kind_text(e->kind), of);
    return 0;
}

int standing_apply_nda_accepted(struct standing *s, const struct entry *e)
{
    const struct entry_nda_accepted *a = &e->u.nda_accepted;
    struct accepted_key key;
    void *array = s->acceptances;
    int r = source_check(s, e, a->of, ROUTE_NDA_ACCEPT, a->party, a->person,
                         &key.person);

    if (r != 0)
        return r;
    memcpy(key.sha256, a->sha256, sizeof key.sha256);
    if (table_get(&s->accepted, &key, sizeof key) != TABLE_NONE)
        return standing_refuse(s, "%.64s/%.64s accepts %.64s again", a->party,
                               a->person, a->document);
    r = standing_array_grow(&array, s->nacceptances, sizeof *s->acceptances);
    s->acceptances = array;
    if (r != 0 || (r = table_put(&s->accepted, &key, sizeof key,
                                 (uint32_t)s->nacceptances)) != 0)
        return r;
    s->acceptances[s->nacceptances++] =
        (struct standing_acceptance){.n = e->n, .t = e->t};
    return 0;
}

/* Parts come in order and none is missing, but for the last ones of a finding
 * that a crash cut short; nothing else depends on them. */
int standing_apply_finding_filed(struct standing *s, const struct entry *e)
{
    const struct entry_finding_filed *f = &e->u.finding_filed;
    uint32_t person;
    int r =
        source_check(s, e, f->of, ROUTE_FINDINGS, f->party, f->person, &person);

    if (r != 0)
        return r;
    if (f->part == 0 || f->part > f->parts || f->parts > LIMIT_FINDING_PARTS ||
        (f->part > 1 &&
         (f->of != s->finding || f->part != s->finding_part + 1)) ||
        (f->part == 1 && f->of == s->finding && s->finding_part != 0))
        return standing_refuse(
            s, "part %u of finding %" PRIu64 " is not what is next", f->part,
            f->of);
    s->finding = f->of;
    s->finding_part = f->part;
    return 0;
}

bool standing_accepted(const struct standing *s, uint32_t person,
                       const uint8_t sha256[32], struct standing_acceptance *a)
{
    struct accepted_key key;
    uint32_t i;

    if (s->policy == NULL || person >= s->policy->npeople)
        return false;
    key.person = s->bound_people[person];
    memcpy(key.sha256, sha256, sizeof key.sha256);
    i = table_get(&s->accepted, &key, sizeof key);
    if (i == TABLE_NONE)
        return false;
    if (a != NULL)
        *a = s->acceptances[i];
    return true;
}

static const struct person_state *own_person(const struct standing *s,
                                             uint32_t person)
{
    if (s->policy == NULL || person >= s->policy->npeople)
        return NULL;
    return &s->people[s->bound_people[person]];
}

uint32_t standing_own_minute(const struct standing *s, uint32_t person,
                             int64_t now)
{
    const struct person_state *p = own_person(s, person);

    return p == NULL || now / MINUTE_MS != p->own_minute ? 0 : p->own_admitted;
}

uint32_t standing_own_open(const struct standing *s, uint32_t person)
{
    const struct person_state *p = own_person(s, person);

    return p == NULL ? 0 : p->own_open;
}
