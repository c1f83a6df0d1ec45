/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of an exchange share: exchange.c ends it, exchange_ask.c asks
 * and calls, exchange_answer.c answers. Nobody else includes this.
 */
#ifndef SP_GATEWAY_EXCHANGE_PARTS_H
#define SP_GATEWAY_EXCHANGE_PARTS_H

#include "gateway/exchange.h"

/* ---- exchange.c ---- */

/* Bytes of a body count in its party's share until they are given back; all
 * that is charged is. */
void exchange_charge(struct exchange *x, size_t length);
void exchange_uncharge(struct exchange *x);
/* What was asked is not needed any more. */
void exchange_request_release(struct exchange *x);
/* Terms may want nothing kept but sizes. */
bool exchange_keeps_commitments(const struct exchange *x);
/* Settles and ends it (EXCHANGE_ENDED), and tells the codec how. */
void exchange_finish(struct exchange *x, enum cause cause, enum codec_end end);

/* ---- exchange_answer.c: each may end the exchange ---- */

/* Whatever x->held has becomes the whole answer. */
void exchange_answer_own(struct exchange *x, uint16_t status,
                         enum answer_type type);
/* A refusal in the client's dialect, with what *s has instead of the reason's
 * own words and numbers. */
void exchange_answer_error(struct exchange *x, enum reason reason,
                           const struct substitute *s);
/* Without an entry there can be no answer but this one (P9). */
void exchange_answer_unrecorded(struct exchange *x, enum reason reason);
/* Nothing of the answer has left: this error is it. */
void exchange_answer_instead(struct exchange *x, enum reason reason,
                             const struct substitute *s);
/* A part of the answer has left: its end says why, or cannot be taken for
 * whole. */
void exchange_end_early(struct exchange *x, enum reason reason);

#endif
