/* SPDX-License-Identifier: Apache-2.0 */
/* A growing list of growing numbers: the requests of a ledger that have no end
 * yet, mostly few. */
#ifndef SP_CTL_NUMBERS_H
#define SP_CTL_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct numbers {
    uint64_t *n;
    size_t count, room;
};

/* `n` is larger than all that are there. SP_ENOMEM. */
int numbers_add(struct numbers *l, uint64_t n) SP_MUST_USE;
bool numbers_has(const struct numbers *l, uint64_t n);
/* False: it was not there. */
bool numbers_remove(struct numbers *l, uint64_t n);
void numbers_release(struct numbers *l);

#endif
