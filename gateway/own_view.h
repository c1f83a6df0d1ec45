/* SPDX-License-Identifier: Apache-2.0 */
/* What the halves of the own routes share: reading (own.c), answering
 * (own_view.c). */
#ifndef SP_GATEWAY_OWN_VIEW_H
#define SP_GATEWAY_OWN_VIEW_H

#include "gateway/own.h"

/* The text that this person signs with this connection's certificate to accept
 * a document of the policy. SP_EINVAL, SP_ETOOBIG. */
int own_statement(const struct exchange *x, uint32_t document,
                  char text[ACCEPTANCE_STATEMENT_SIZE]) SP_MUST_USE;

#endif
