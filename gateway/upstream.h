/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models' side: endpoints, their health, pools of kept connections, and
 * the call of one exchange. Sockets come connected from the dialer (P12).
 */
#ifndef SP_GATEWAY_UPSTREAM_H
#define SP_GATEWAY_UPSTREAM_H

#include "gateway/exchange.h"

struct upstreams;

/* `problem` gets one line. SP_EINVAL, SP_ENOMEM. */
int upstreams_new(struct worker *w, char problem[256],
                  struct upstreams **u) SP_MUST_USE;
void upstreams_free(struct upstreams *u);
/* Client certificates as the worker's files have them now, for connections
 * that are made from now on. As above; nothing changes if it fails. */
int upstreams_files(struct upstreams *u, char problem[256]) SP_MUST_USE;
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
