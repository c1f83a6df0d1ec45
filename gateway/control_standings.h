/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control's way to ask the keeper how windows and budgets stand: one channel
 * for all who want to know. Runs in control.
 */
#ifndef SP_GATEWAY_CONTROL_STANDINGS_H
#define SP_GATEWAY_CONTROL_STANDINGS_H

#include <stdint.h>

#include "gateway/metrics_messages.h"

struct event_base;

/* The answer: its head, and `m` before its rows. NULL, NULL: there will be
 * none, the keeper is gone. May ask again. What it returns but 0 is a broken
 * protocol. */
typedef int standings_fn(void *arg, const struct standings_head *head,
                         struct msg_in *m);

/* A new channel to the keeper, which it takes, in place of the one before.
 * SP_ENOMEM. */
int control_standings_join(struct event_base *base, int fd) SP_MUST_USE;
/* Asks for windows from `from` on; `fn` is called at most once, never before
 * this returns. A keeper that is asked too much says nothing: who waits has a
 * limit, and forgets. SP_ECLOSED: there is no keeper; SP_EAGAIN: too many
 * wait. */
int control_standings_ask(uint32_t from, standings_fn *fn, void *arg,
                          uint64_t *ticket) SP_MUST_USE;
void control_standings_forget(uint64_t ticket);

#endif
