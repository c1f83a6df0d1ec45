/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step of a decision that looks at where and when a request comes: the
 * party's networks, then its hours. Runs in the keeper on facts that a worker
 * may have been made to invent, and in auditors' tools.
 */
#include "policy/decide_steps.h"

static bool network_fits(const struct policy_party *party, const char *text)
{
    uint8_t address[16];

    if (party->nnetworks == 0)
        return true;
    if (network_address(text, address) != 0)
        return false;
    for (size_t i = 0; i < party->nnetworks; i++)
        if (network_has(&party->networks[i], address))
            return true;
    return false;
}

enum reason step_source(struct question *q)
{
    const struct policy_party *party = &q->p->parties[q->f->party];

    if (!network_fits(party, q->f->address))
        return REASON_SOURCE_DENIED;
    return hours_open(&party->hours, q->now, &q->hours_end)
               ? REASON_NONE
               : REASON_HOURS_DENIED;
}
