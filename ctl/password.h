/* SPDX-License-Identifier: Apache-2.0 */
/* A password, from the terminal or from a file. */
#ifndef SP_CTL_PASSWORD_H
#define SP_CTL_PASSWORD_H

#include <stdbool.h>

#include "lib/minisign.h"

#define PASSWORD_SIZE (MINISIGN_PASSWORD_MAX + 1)

/* `file`: its first line; "-": the next line of the standard input; NULL: asks
 * on the terminal without showing it, twice if `twice`. What is wrong is told
 * on stderr. SP_EINVAL, SP_ENOENT … Wipe the password. */
int password_get(const char *file, const char *prompt, bool twice,
                 char password[PASSWORD_SIZE]) SP_MUST_USE;

#endif
