/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a policy and the files it names to the identities that a TLS handshake
 * asks: each party's anchors, each person's match. Used by the supervisor to
 * check, by workers to work.
 */
#ifndef SP_GATEWAY_PEOPLE_H
#define SP_GATEWAY_PEOPLE_H

#include "certs/identity.h"
#include "gateway/snapshot.h"

/* The caller frees *ids. SP_EINVAL, SP_EAMBIGUOUS, SP_ENOMEM with `problem`:
 * which party or person, and what is wrong. Party and person numbers are the
 * policy's indices. */
int people_load(const struct snapshot *s, struct identities **ids,
                char problem[256]) SP_MUST_USE;

#endif
