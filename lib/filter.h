/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter of a role: groups of system calls become an allow-list.
 * Used by the sandbox.
 */
#ifndef SP_LIB_FILTER_H
#define SP_LIB_FILTER_H

#include <stdbool.h>

#include "lib/error.h"
#include "lib/sandbox.h"

/* Binds all threads of the process for good. SP_EUNSUPPORTED if the kernel has
 * no seccomp filters, SP_ENOMEM, SP_EIO. */
int filter_enter(const struct sandbox *s) SP_MUST_USE;

#ifdef SP_HOOKS
/* With `debug`: refused calls fail with EPERM instead of ending the process,
 * for the probe, which makes them on purpose. */
void filter_tolerate(bool yes);
#endif

#endif
