/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of exchanges: taken and given back without a call of malloc each
 * time, and wiped when it held a body. For gateway/exchange.c alone; the
 * public ends are exchange_new(), exchanges_bury() and exchanges_free().
 */
#ifndef SP_GATEWAY_EXCHANGE_POOL_H
#define SP_GATEWAY_EXCHANGE_POOL_H

#include "gateway/exchange.h"

struct json *exchange_json_take(struct worker *w); /* NULL: out of memory */
void exchange_json_give(struct worker *w, struct json *j); /* NULL is fine */

/* It has ended: out of the list, freed when the loop has turned. */
void exchange_bury(struct exchange *x);

#endif
