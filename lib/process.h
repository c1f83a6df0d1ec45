/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role processes: the program starts itself again (fork + exec of
 * /proc/self/exe), so that every role has an address space of its own. The
 * child inherits standard input/output/error and one channel as descriptor 3,
 * nothing else; everything more comes through the channel.
 */
#ifndef SP_LIB_PROCESS_H
#define SP_LIB_PROCESS_H

#include <sys/types.h>

#include "lib/error.h"

#define PROCESS_CHANNEL_FD 3

/* Starts ourselves with `argv` (argv[0] is what ps shows; NULL at the end).
 * The child dies when this process does (PR_SET_PDEATHSIG). *channel is our
 * end, non-blocking. SP_EIO. */
int process_start(char *const argv[], pid_t *pid, int *channel) SP_MUST_USE;

/* Starts another program, with no argument but its own path, in a session of
 * its own: `input` (which stays the caller's) is its standard input, output and
 * errors go nowhere; no other descriptor, a fixed environment, the root as its
 * folder, no core, no new privileges. It dies when this process does. SP_EIO;
 * a program that cannot be run ends with status 127. */
int process_start_program(char *path, int input, pid_t *pid) SP_MUST_USE;

/* In the child: dumpable off, no core, no new privileges, umask 077; checks
 * that descriptor 3 is the channel. SP_EPROTO if it is not. */
int process_harden(void) SP_MUST_USE;

/* "exit=3" or "signal=11" for a wait status, in a static buffer. */
const char *process_status_text(int status);

#endif
