/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models' side: endpoints, their health, pools of kept connections, and
 * the call of one exchange. Sockets come connected from the dialer (P12).
 */
#ifndef SP_GATEWAY_UPSTREAM_H
#define SP_GATEWAY_UPSTREAM_H

#include "gateway/exchange.h"

struct endpoints;
struct upstreams;

struct upstreams *upstreams_new(struct worker *w); /* NULL: memory */
void upstreams_free(struct upstreams *u);
/* Closes the kept connections of endpoints that are not used any more. */
void upstreams_forget(struct upstreams *u, struct endpoints *es);
/* A (new) dialer's channel; takes the descriptor. */
void upstreams_dialer(struct upstreams *u, int fd);

/* Sends x->forward (HEADERS_BYTES of room and the body behind them) to an
 * endpoint of x->model. Ends in exchange_upstream_pump(x, true) or
 * exchange_upstream_failed(), perhaps before it returns. */
void upstream_start(struct exchange *x);
/* Closes the connection at once: the model stops working for nobody. */
void upstream_cancel(struct exchange *x);
void upstream_pause(struct exchange *x);
void upstream_resume(struct exchange *x);

/* After each turn of the loop. */
void upstreams_bury(struct upstreams *u);

#endif
