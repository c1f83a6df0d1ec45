/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains that were verified, so that a client who comes again within their
 * time costs no verification. Whether a chain verifies depends on its bytes,
 * on the anchors and on the time alone, so that the same bytes under the same
 * anchors give the same answer for as long as every certificate of it is
 * valid. What depends on anything else (who may come, what is revoked) is
 * asked for each connection and each request as ever; that the client has the
 * key, by each handshake.
 */
#ifndef SP_CERTS_VERIFIED_H
#define SP_CERTS_VERIFIED_H

#include "certs/identity.h"

struct verified;

/* For one set of identities and one set of rules; NULL: out of memory. */
struct verified *verified_new(void);
void verified_free(struct verified *v);

/* As identity_from_chain(), which it asks if it does not know (`v` may be NULL:
 * it knows nothing), always with the same options. Only what was found good is
 * remembered. */
int verified_identity(struct verified *v, const struct identities *ids,
                      X509 *leaf, STACK_OF(X509) * chain, int64_t now,
                      const struct identity_options *options,
                      struct identity *id, int *x509_error) SP_MUST_USE;

#endif
