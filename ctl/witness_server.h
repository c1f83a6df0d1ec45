/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP side of `sallyport log witness`. */
#ifndef SP_CTL_WITNESS_SERVER_H
#define SP_CTL_WITNESS_SERVER_H

#include "ledger/witness.h"

/* Serves until SIGTERM or SIGINT, from a sandbox in which only `folder`, the
 * state's, can be reached by name; prints `listening address=… port=…` when it
 * is ready, what is wrong otherwise. The exit status. */
int witness_serve(struct witness *w, int folder, const char *listen);

#endif
