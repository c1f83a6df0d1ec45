/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event's data, or one whole document, looked through: what it tells is
 * kept in the reader, what must change becomes its edits. For answer.c only.
 */
#ifndef SP_POLICY_ANSWER_WALK_H
#define SP_POLICY_ANSWER_WALK_H

#include "policy/answer.h"

/* Looks through a->json, which was parsed. Sets a->edits and a->dropped. `e` is
 * the event, NULL for a document. SP_EPERM, SP_EPROTO, SP_ENOMEM. */
int answer_walk(struct answer *a, const struct answer_event *e) SP_MUST_USE;

/* The filter that says of most names that they are in no list. */
uint64_t answer_name_bit(const char *name, size_t length);

#endif
