/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of a deployment's running daemon. */
#ifndef SP_CTL_CONTROL_SOCKET_H
#define SP_CTL_CONTROL_SOCKET_H

#include "lib/error.h"

/* Connects to the daemon of the deployment in `dir` (or with the configuration
 * file `dir`); the descriptor is the caller's. After an error it has been told
 * on stderr, under the verb's name. */
int control_connect(const char *verb, const char *dir, int *fd) SP_MUST_USE;
/* Tells that nothing, or nothing sensible, came back. */
void control_no_answer(const char *verb, const char *where, int error);

#endif
