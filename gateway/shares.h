/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one party may take of a worker and of the ledger's disk, so that none
 * can shut out the others without ever being admitted: the memory that bodies
 * are read into, and the entries that refusals cost.
 */
#ifndef SP_GATEWAY_SHARES_H
#define SP_GATEWAY_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct shares;

/* `now` is boot time in ms, here and below. */
struct shares *shares_new(const struct policy *p,
                          int64_t now); /* NULL: out of memory */
void shares_free(struct shares *s);

/* Whether `length` more bytes of bodies fit: a party gets at most half of what
 * the others leave, so that there is always something left. Parties that are
 * none of the policy's get nothing. */
bool shares_body_fits(const struct shares *s, uint32_t party, size_t length);
void shares_body_take(struct shares *s, uint32_t party, size_t length);
void shares_body_give(struct shares *s, uint32_t party, size_t length);
size_t shares_bodies(const struct shares *s); /* bytes, of all */

/* False: this person (or all of a party that the policy does not name) was
 * refused so often that another question might cost another entry. */
bool shares_may_ask(struct shares *s, uint32_t party, uint32_t person,
                    int64_t now);
/* One of its questions was refused, and that is an entry. */
void shares_refused(struct shares *s, uint32_t party, uint32_t person);

#endif
