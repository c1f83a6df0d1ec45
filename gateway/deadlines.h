/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When each admitted request must end (P2): one heap, one timer on
 * CLOCK_BOOTTIME, so that neither suspend nor a set clock gives anybody a
 * millisecond.
 */
#ifndef SP_GATEWAY_DEADLINES_H
#define SP_GATEWAY_DEADLINES_H

#include "gateway/exchange.h"

struct deadlines;

struct deadlines *deadlines_new(struct worker *w); /* NULL: SP_EIO or memory */
void deadlines_free(struct deadlines *d);
/* x->deadline; SP_ENOMEM. */
int deadlines_add(struct deadlines *d, struct exchange *x) SP_MUST_USE;
void deadlines_remove(struct deadlines *d, struct exchange *x);
/* A newer policy ends it at `wall` (ms UTC) for `reason`, if that is sooner. */
void deadlines_lower(struct deadlines *d, struct exchange *x, int64_t wall,
                     enum reason reason);
/* Newer rules know ends of windows, too. */
void deadlines_rules(struct deadlines *d);
/* Ends these requests now; `of`: whose indices it has (gateway/rules.h). */
void deadlines_cut(struct deadlines *d, const struct rules *of,
                   const struct cut *c);

#endif
