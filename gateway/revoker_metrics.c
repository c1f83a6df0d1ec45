/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How old the lists of each party are, for metrics. Runs in the revoker, each
 * time that a set is told; where metrics are off, not at all.
 */
#include <stdio.h>
#include <string.h>

#include "certs/chain.h"
#include "gateway/metrics_messages.h"
#include "gateway/revoker_parts.h"
#include "lib/log.h"

/* Whether one of the party's authorities has that key. */
static bool is_of(const struct revoker *r, uint32_t party,
                  const uint8_t issuer_key[32])
{
    uint8_t key[32];

    for (int i = 0; i < sk_X509_num(r->pools[party]); i++)
        if (chain_key_hash(sk_X509_value(r->pools[party], i), key) == 0 &&
            memcmp(key, issuer_key, sizeof(key)) == 0)
            return true;
    return false;
}

/* As certs/revocations.c has it: a list says nothing once it is over, or older
 * than the party's rule allows. */
static int64_t stale_at(const struct revocations_info *info, int64_t max_age_ms)
{
    int64_t at = info->next_update;

    if (max_age_ms < at - info->this_update)
        at = info->this_update + max_age_ms;
    return at;
}

static void age_of(const struct revoker *r, uint32_t party, struct list_age *a)
{
    const struct policy_party *p = &r->policy->parties[party];

    *a = (struct list_age){0};
    snprintf(a->party, sizeof(a->party), "%s", p->name);
    for (size_t i = 0; i < r->set.nlists; i++) {
        struct revocations_info info;
        int64_t at;

        revocations_list(&r->set, i, &info);
        if (info.sticky || info.this_update <= 0 ||
            !is_of(r, party, info.issuer_key))
            continue;
        at = stale_at(&info, p->revocation.max_age_ms);
        if (a->lists == 0 || info.this_update < a->oldest)
            a->oldest = info.this_update;
        if (a->lists == 0 || at < a->stale_at)
            a->stale_at = at > 0 ? at : 0;
        a->lists++;
    }
}

bool revoker_ages(const struct revoker *r, uint8_t *data, size_t capacity,
                  size_t *length)
{
    static struct list_ages v;

    if (r->snapshot.settings->metrics_listen == NULL)
        return false;
    v.count = 0;
    for (uint32_t i = 0; i < r->policy->nparties; i++)
        if (r->pools[i] != NULL &&
            revoker_rule(r, i)->mode != POLICY_REVOCATION_OCSP)
            age_of(r, i, &v.parties[v.count++]);
    return list_ages_put(&v, data, capacity, length) == 0;
}
