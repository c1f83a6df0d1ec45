/* SPDX-License-Identifier: Apache-2.0 */
/* What one handshake may cost. Private to certs/. */
#ifndef SP_CERTS_TRUST_LIMITS_H
#define SP_CERTS_TRUST_LIMITS_H

/* FPKI's longest real paths have 6 certificates. */
#define TRUST_DEPTH_MAX 10
/* What a client may send: its leaf and a path to an anchor. */
#define TRUST_CHAIN_MAX (TRUST_DEPTH_MAX + 1)
/* Trusts whose anchors share a name with another's; more would make one
 * handshake expensive and are refused at start. */
#define TRUST_TRIED_MAX 16
/* Issuer names looked at while searching a way to an anchor. */
#define TRUST_NAMES_MAX 32
/* RSA-2048 and P-224 and better, SHA-2. */
#define TRUST_AUTH_LEVEL 2

#endif
