/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that did not become one: recorded at most once a second for one
 * source, with the number of those in between. Bounded, whoever knocks.
 */
#ifndef SP_GATEWAY_REFUSED_H
#define SP_GATEWAY_REFUSED_H

#include "gateway/worker.h"

struct refusals;

struct refusals *refusals_new(struct worker *w); /* NULL: out of memory */
void refusals_free(struct refusals *rs);
/* `reason`: a word of at most 31 bytes, [a-z_]. */
void refused_count(struct refusals *rs, const char *address,
                   const char *reason);

#endif
