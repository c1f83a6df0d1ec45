/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's public files as answers: a checkpoint, a tile, a bundle as they
 * are, and the proof of one entry made from them (docs/ledger.md, "The
 * auditors' window"). A worker opens nothing (P12): it asks the supervisor for
 * one file at a time, by numbers, and gets a descriptor to read.
 */
#ifndef SP_GATEWAY_LOG_READS_H
#define SP_GATEWAY_LOG_READS_H

#include "gateway/exchange.h"

struct log_reads; /* of one worker */

struct log_reads *log_reads_new(struct worker *w); /* NULL: out of memory */
void log_reads_free(struct log_reads *all);
/* From the supervisor; takes the descriptor, -1 if there is none. */
void log_reads_arrived(struct log_reads *all, const struct log_file *v, int fd);

/* Whether a route is one of these; and what a target's last part says: in
 * x->log. SP_EINVAL: nothing of that name can be. */
bool log_read_is(enum route route);
int log_read_target(struct exchange *x, const char *id) SP_MUST_USE;

/* Admitted: SP_EAGAIN, and exchange_log_read() is called later with one of the
 * others: 0, the answer is in x->held; SP_ENOENT: not there, or not this
 * person's; SP_ENOMEM, SP_EIO, SP_ECORRUPT. */
int log_read_begin(struct exchange *x) SP_MUST_USE;
/* At the exchange's end; what still comes for it is dropped. */
void log_read_drop(struct exchange *x);

#endif
