/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sealed transcript of one exchange as it is written (P7,
 * docs/transcripts.md): asked before the model is, answered before the client
 * gets it, so that nothing is said that is not kept. The file comes from the
 * supervisor; a worker can append to it and do nothing else with it.
 */
#ifndef SP_GATEWAY_SEALED_H
#define SP_GATEWAY_SEALED_H

#include "gateway/exchange.h"

struct seals; /* all that a worker waits for */

struct seals *seals_new(struct worker *w); /* NULL: out of memory */
void seals_free(struct seals *s);
/* What the supervisor said, with the descriptor or -1; takes it. */
void seals_arrived(struct seals *s, const struct transcript_file *v, int fd);

/* Whether the terms of an admitted exchange want one. */
bool sealed_wanted(const struct exchange *x);
/* Begins with what was asked. 0: done; SP_EAGAIN: exchange_sealed() or
 * exchange_unsealed() follows, unless sealed_drop() comes first; anything else:
 * it cannot be done. */
int sealed_begin(struct exchange *x) SP_MUST_USE;
/* Of the `length` bytes that are about to be offered to the client, those that
 * were not offered before; sealed_sent(): so many were taken. Without a
 * transcript nothing happens. What fails must not be sent. */
int sealed_answered(struct exchange *x, const uint8_t *data,
                    size_t length) SP_MUST_USE;
void sealed_sent(struct exchange *x, size_t length);
/* Those that were offered and not taken never will be. A failure is told by
 * the next call. */
void sealed_unsent(struct exchange *x);
/* Ends it. 0 with the file's hash; SP_ENOENT: there is none; anything else: it
 * could not be kept. */
int sealed_end(struct exchange *x, uint8_t sha256[32]) SP_MUST_USE;
/* Gives up what is not ended. */
void sealed_drop(struct exchange *x);

#endif
