/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's side of the link to the keeper: asks, answers, ends, and the
 * waiting for durability. Knows when the keeper is gone (P9).
 */
#ifndef SP_GATEWAY_ADMISSION_H
#define SP_GATEWAY_ADMISSION_H

#include "gateway/exchange.h"
#include "gateway/revocation_messages.h"

struct admissions;

struct admissions *admissions_new(struct worker *w); /* NULL: out of memory */
void admissions_free(struct admissions *a);

/* A new keeper's link; takes the three descriptors. `before`: the link that it
 * continues (MESSAGE_LINK), then nothing ends; or 0. */
void admissions_link(struct admissions *a, const int fds[3],
                     uint64_t generation, uint64_t before);
/* The keeper of that link (or an earlier one) died; everything that waits for
 * it is orphaned. */
void admissions_gone(struct admissions *a, uint64_t generation);
/* Which link: another one is another keeper's. 0: there was none so far. */
uint64_t admissions_generation(const struct admissions *a);
/* There is a link and it was heard from lately. */
bool admissions_alive(const struct admissions *a);
/* One keeper hands over to the next: what is to be asked waits, as
 * EXCHANGE_RENEWING, and exchange_ask_again() follows. */
bool admissions_pausing(const struct admissions *a);
/* Nothing waits to be told to a keeper. */
bool admissions_settled(const struct admissions *a);

/* 0: exchange_decided() or exchange_orphaned() follows. SP_EAGAIN: too much
 * is waiting already; SP_ECLOSED: nobody there. */
int admission_ask(struct exchange *x) SP_MUST_USE;
/* The answer is no longer of interest; an admission will be settled. */
void admission_forget(struct exchange *x);
/* Sent, or kept until there is room; never lost while the keeper lives. `link`
 * is the x->link of the admission: one of a keeper that died is its
 * successor's to close. */
void admission_settle(struct admissions *a, uint64_t link,
                      const struct settle *s);
void admission_connection_refused(struct admissions *a,
                                  const struct connection_refused *c);
/* What a connection's certificate is. Not 0: it could not be told now. */
int admission_certificate_matched(
    struct admissions *a, const struct certificate_matched *v) SP_MUST_USE;
int admission_certificate_revoked(
    struct admissions *a, const struct certificate_is_revoked *v) SP_MUST_USE;

/* Whether the entry of `x` is on disk. */
bool admission_durable(const struct exchange *x);
/* exchange_durable() will be called once it is. */
void admission_wait(struct exchange *x);
void admission_unwait(struct exchange *x);

/* After each turn of the loop: what was put is announced, what came is
 * handled. True if the loop may sleep. */
bool admissions_turn(struct admissions *a);
/* The loop slept and is awake. */
void admissions_awake(struct admissions *a);

#endif
