/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor: what sallyportd is when it is started without a role. */
#ifndef SP_GATEWAY_SUPERVISOR_H
#define SP_GATEWAY_SUPERVISOR_H

/* Runs the daemon until it is told to stop; returns the exit status. */
int supervisor_run(const char *config);
/* `-n`: reads and checks everything, starts nothing; 0 or 1. */
int supervisor_check(const char *config);

#endif
