/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares of a worker's memory and of the ledger's disk. Runs in a worker; who
 * is counted is what the handshake said, how much is in strangers' hands.
 */
#include "gateway/shares.h"

#include <stdlib.h>

#include "lib/limits.h"

/* Refusals that may still be recorded: fills up with time. */
struct bucket {
    int64_t filled; /* boot ms up to which it was filled */
    uint32_t spent;
};

struct shares {
    size_t nparties, npeople;
    size_t all;              /* bytes of bodies */
    size_t *bodies;          /* by party */
    struct bucket *refusals; /* people; then nameless ones of each party; then
                                those of none */
};

struct shares *shares_new(const struct policy *p, int64_t now)
{
    struct shares *s = calloc(1, sizeof(*s));
    size_t buckets = p->npeople + p->nparties + 1;

    if (s == NULL)
        return NULL;
    s->nparties = p->nparties;
    s->npeople = p->npeople;
    s->bodies = calloc(s->nparties + 1, sizeof(*s->bodies));
    s->refusals = calloc(buckets, sizeof(*s->refusals));
    if (s->bodies == NULL || s->refusals == NULL) {
        shares_free(s);
        return NULL;
    }
    for (size_t i = 0; i < buckets; i++)
        s->refusals[i].filled = now;
    return s;
}

void shares_free(struct shares *s)
{
    if (s == NULL)
        return;
    free(s->bodies);
    free(s->refusals);
    free(s);
}

bool shares_body_fits(const struct shares *s, uint32_t party, size_t length)
{
    size_t others, own;

    if (party >= s->nparties || length > LIMIT_BODIES_BYTES)
        return false;
    own = s->bodies[party];
    others = s->all - own;
    return others <= LIMIT_BODIES_BYTES &&
           own + length <= (LIMIT_BODIES_BYTES - others) / 2;
}

void shares_body_take(struct shares *s, uint32_t party, size_t length)
{
    s->bodies[party] += length;
    s->all += length;
}

void shares_body_give(struct shares *s, uint32_t party, size_t length)
{
    if (length == 0)
        return;
    s->bodies[party] -= length;
    s->all -= length;
}

size_t shares_bodies(const struct shares *s)
{
    return s->all;
}

static struct bucket *bucket_of(const struct shares *s, uint32_t party,
                                uint32_t person)
{
    if (person < s->npeople)
        return &s->refusals[person];
    return &s->refusals[s->npeople +
                        (party < s->nparties ? party : s->nparties)];
}

bool shares_may_ask(struct shares *s, uint32_t party, uint32_t person,
                    int64_t now)
{
    struct bucket *b = bucket_of(s, party, person);
    int64_t more;

    if (b->spent < LIMIT_REFUSALS)
        return true;
    more = (now - b->filled) * LIMIT_REFUSALS_PER_SECOND / 1000;
    if (more <= 0)
        return false;
    b->spent = more < (int64_t)b->spent ? b->spent - (uint32_t)more : 0;
    b->filled = now;
    return b->spent < LIMIT_REFUSALS;
}

void shares_refused(struct shares *s, uint32_t party, uint32_t person)
{
    struct bucket *b = bucket_of(s, party, person);

    if (b->spent < UINT32_MAX)
        b->spent++;
}
