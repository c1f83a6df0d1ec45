/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate policies that say by themselves whom they are for. */
#ifndef SP_POLICY_CERTIFICATE_POLICY_H
#define SP_POLICY_CERTIFICATE_POLICY_H

#include <stdbool.h>

/* Whether certificates under this policy are devices' (docs/certificates.md has
 * the table): federal, federal bridge, external authorities and DoD, and those
 * of the test PKI. */
bool certificate_policy_is_service(const char *oid);

#endif
