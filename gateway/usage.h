/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one request has used of its model: counts for the ledger when it ends,
 * and whether it has used up what it may while it goes on.
 */
#ifndef SP_GATEWAY_USAGE_H
#define SP_GATEWAY_USAGE_H

#include "gateway/exchange.h"

/* Fills the counts of `s`. What the endpoint reported counts; where it said
 * nothing, not all, or far less than it was seen to say, a quarter of the bytes
 * does, and is marked so. */
void usage_settle(const struct exchange *x, struct settle *s);

/* Why the answer that goes on has to be cut, or REASON_NONE. */
enum reason usage_over(const struct exchange *x);

#endif
