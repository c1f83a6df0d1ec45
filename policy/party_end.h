/* SPDX-License-Identifier: Apache-2.0 */
/* When a party's access ends at the latest, as far as a policy tells (P3). */
#ifndef SP_POLICY_PARTY_END_H
#define SP_POLICY_PARTY_END_H

#include <stdint.h>

#include "policy/policy.h"

/* The end of the party's last window in ms UTC, each counted with the 30 days
 * of its pair of party and model; INT64_MIN: it has no window. The ledger may
 * know of an earlier first opening; the keeper enforces that, whatever this
 * says. */
int64_t policy_party_end(const struct policy *p, uint32_t party);

#endif
