/* SPDX-License-Identifier: Apache-2.0 */
/* An approver's key pair on disk, in minisign's format. */
#ifndef SP_CTL_APPROVER_KEY_H
#define SP_CTL_APPROVER_KEY_H

#include "lib/minisign.h"

/* "NAME.key" gives "NAME.pub", others get ".pub" behind; malloc'd, NULL:
 * memory. */
char *approver_public_path(const char *secret_path);

/* Makes both files relative to `dirfd`, 0600 and 0644; nothing is overwritten,
 * and the secret is not kept if the public key cannot be written. SP_EEXIST,
 * SP_EIO … */
int approver_key_write(int dirfd, const char *path,
                       const struct minisign_secret *secret,
                       const char *password) SP_MUST_USE;

/* Reads a secret key, asking for its password if it has one (password_get()).
 * What is wrong is told on stderr. */
int approver_key_read(const char *path, const char *password_file,
                      struct minisign_secret *secret) SP_MUST_USE;

#endif
