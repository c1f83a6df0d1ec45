/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a connection from this machine is: the kernel knows the user of every
 * socket (sock_diag(7)). At a Unix socket its mode says who may come.
 */
#ifndef SP_CTL_CONNECT_USER_H
#define SP_CTL_CONNECT_USER_H

#include <sys/types.h>

#include "lib/error.h"

/* The user of the other end of a loopback TCP connection. SP_ENOENT: it is
 * closed, or closing, already; SP_EIO: the kernel does not tell. */
int connect_user(int fd, uid_t *uid) SP_MUST_USE;

#endif
