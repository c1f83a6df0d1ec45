/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding events of a stream together for the time that the terms say, so that
 * the sizes and times of packets say less of the words in them (the token
 * length side channel).
 */
#ifndef SP_GATEWAY_GATHER_H
#define SP_GATEWAY_GATHER_H

#include "gateway/exchange.h"

/* Something of the answer came. True: it is kept for now; `then` is called with
 * the exchange when the time is over. False: the terms want no waiting, or
 * there is no memory for it: it goes out at once. */
bool gather_more(struct exchange *x, void (*then)(struct exchange *x));
/* Nothing is kept any more; also of an exchange that never did. */
void gather_end(struct exchange *x);

#endif
