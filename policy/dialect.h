/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the two API families say that something went wrong: the body of an
 * error answer, and the event that ends a stream early. Official clients turn
 * both into typed errors with our code in them.
 */
#ifndef SP_POLICY_DIALECT_H
#define SP_POLICY_DIALECT_H

#include <stdint.h>

#include "lib/text.h"
#include "policy/reason.h"
#include "policy/route.h"

/* Room for any of them. */
#define DIALECT_BYTES 1024

struct dialect_error {
    enum dialect dialect;
    enum route route; /* of the request: the form of a stream's events */
    enum reason reason;
    const struct reason_info *info; /* instead of the reason's, or NULL */
    const char *text;  /* instead of the reason's own, or NULL */
    const char *param; /* JSON pointer to the cause, "" or NULL: none. Printable
                          ASCII without '"' and '\\' */
    const char *request_id;
};

void dialect_body(struct text *t, const struct dialect_error *e);
/* `sequence`: events that came before it. Never a `[DONE]`. */
void dialect_event(struct text *t, const struct dialect_error *e,
                   uint64_t sequence);

#endif
