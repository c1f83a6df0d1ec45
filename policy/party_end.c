/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last moment of a party's windows: what a certificate may not outlive.
 * Pure.
 */
#include "policy/party_end.h"

/* When the pair's 30 days end at the latest. */
static int64_t pair_limit(const struct policy *p, uint32_t party,
                          uint32_t model)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];

        if (w->party == party && w->model == model && w->opens < first)
            first = w->opens;
    }
    return first == INT64_MAX ? first : first + LIMIT_ACCESS_MS;
}

int64_t policy_party_end(const struct policy *p, uint32_t party)
{
    int64_t end = INT64_MIN;

    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];
        int64_t limit, closes = w->closes;

        if (w->party != party)
            continue;
        limit = pair_limit(p, party, w->model);
        if (closes > limit)
            closes = limit;
        if (closes > end)
            end = closes;
    }
    return end;
}
