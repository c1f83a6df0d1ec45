/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: which files stay reachable by name, whether TCP may be used, and
 * no signals or abstract sockets to processes outside. Used by the sandbox.
 */
#ifndef SP_LIB_LANDLOCK_H
#define SP_LIB_LANDLOCK_H

#include "lib/error.h"
#include "lib/sandbox.h"

/* Binds the calling thread for good. *abi is what the kernel knows, 0 if it
 * has no Landlock (then nothing is bound, and that is no error). The process
 * must have PR_SET_NO_NEW_PRIVS. SP_EINVAL, SP_EIO. */
int landlock_enter(const struct sandbox *s, int *abi) SP_MUST_USE;

#endif
