/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that the demo starts: each writes into a log file of its own, gets
 * SIGTERM if we die, and is ended by its process id.
 */
#ifndef SP_CTL_CHILD_H
#define SP_CTL_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"

struct child {
    pid_t pid;      /* 0: not running */
    char log[4096]; /* its standard output and error */
};

/* Runs argv[0] (a path, or a name that is looked up in PATH). SP_EIO. */
int child_start(struct child *c, const char *log,
                const char *const argv[]) SP_MUST_USE;

/* Waits until its log has a line with `text` in it, and copies that line.
 * SP_ECLOSED: it ended before; SP_ETIMEDOUT. */
int child_wait_line(struct child *c, const char *text, char *line, size_t size,
                    int timeout_ms) SP_MUST_USE;

/* True once it has ended (or was never started); then *status is its exit
 * status, or -signal. */
bool child_ended(struct child *c, int *status);

/* SIGTERM, then SIGKILL after the time limit. Returns its exit status, or
 * -signal. 0 if it was not running. */
int child_stop(struct child *c, int timeout_ms);

/* Waits for its own end; SIGKILL after the time limit. As child_stop(). */
int child_wait(struct child *c, int timeout_ms);

#endif
