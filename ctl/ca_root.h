/* SPDX-License-Identifier: Apache-2.0 */
/* What making a root and asking one for a certificate have in common. */
#ifndef SP_CTL_CA_ROOT_H
#define SP_CTL_CA_ROOT_H

#include "ctl/ca_parts.h"

/* The fingerprint of the root's key, for comparing. */
int ca_print_root(const char *folder);
/* A passphrase for a key that is being made; `wanted`: unless told otherwise.
 */
int ca_new_passphrase(const struct ca_options *o, bool wanted,
                      char passphrase[PASSWORD_SIZE], bool *have);

#endif
