/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's own routes (docs/nda.md, docs/findings.md) in a worker: reads
 * what a person sends into a content for the keeper, and writes what the keeper
 * knows into answers. exchange.c drives the request as any other.
 */
#ifndef SP_GATEWAY_OWN_H
#define SP_GATEWAY_OWN_H

#include "gateway/exchange.h"
#include "gateway/own_messages.h"

/* What the keeper told about a person so far; wiped with the exchange. */
struct own_view;
void own_view_free(struct own_view *v); /* NULL is fine */

/* What is wrong before the body is here: a document that is none of this
 * party's. The id is the target's last segment. */
enum reason own_head_fault(const struct exchange *x, const char *id);
/* Bytes of a body on this route. */
int64_t own_body_limit(const struct exchange *x);

/* The body is here: its content goes to x->forward, and the body itself is
 * wiped and given up. Sets facts.fault, and the refusal's words. */
void own_read(struct exchange *x);

/* A row from the keeper. SP_EPROTO: of no such window or document; SP_ENOMEM.
 */
int own_window_row(struct exchange *x,
                   const struct own_window *row) SP_MUST_USE;
int own_document_row(struct exchange *x,
                     const struct own_document *row) SP_MUST_USE;

/* Admitted: writes the answer into x->held and sets its status and type.
 * SP_ENOMEM, SP_ETOOBIG. */
int own_answer(struct exchange *x) SP_MUST_USE;

/* The words for an acceptance that proves nothing; NULL for OWN_FINE. */
const char *own_problem_text(enum own_problem problem);

#endif
