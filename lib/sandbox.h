/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role may still do once it is set up: a seccomp allow-list of system
 * calls (everything else fails with EPERM), Landlock rules for files and
 * TCP, and resource limits. Each role's lists are constants in the role table.
 *
 * With `debug`, a refused call is named in the log and ends the process by
 * SIGSYS, so that a missing entry is found in the tests and not in the field.
 */
#ifndef SP_LIB_SANDBOX_H
#define SP_LIB_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

/* Groups of system calls, so that a role's list reads like its job. What each
 * holds to the call is the table in lib/filter.c. */
enum sandbox_group {
    SANDBOX_BASE = 1u << 0,    /* memory, time, random, exit, signals to itself,
                                  futex, read, write, epoll, eventfd, timerfd,
                                  close, and packets on the channels it has */
    SANDBOX_STREAM = 1u << 1,  /* send/recv/shutdown/sockopt on sockets it has */
    SANDBOX_ACCEPT = 1u << 2,  /* accept4 */
    SANDBOX_CONNECT = 1u << 3, /* socket (AF_INET, AF_INET6, AF_UNIX stream; UDP
                                  for name resolution), connect, bind to port 0;
                                  with SANDBOX_STREAM */
    SANDBOX_FILES = 1u << 4,   /* openat, fstat, rename, unlink, mkdir, fsync,
                                  fdatasync, pread/pwrite, fallocate, getdents */
    SANDBOX_READ_FILES = 1u << 5, /* openat read-only, fstat, read (resolver) */
    SANDBOX_THREADS = 1u << 6, /* clone of threads only, set_robust_list, … */
    SANDBOX_MEMORY = 1u << 7   /* memory that can be sealed and handed
                                  on, and files that it was handed */
};

struct sandbox_path {
    int fd;        /* an open directory or file */
    bool writable; /* read-only otherwise */
};

struct sandbox {
    const char *role;
    unsigned groups;
    const struct sandbox_path *paths; /* all that stays reachable by name */
    size_t npaths;
    bool tcp_connect; /* Landlock ABI ≥ 4: may connect TCP */
    size_t max_files; /* RLIMIT_NOFILE; 0 leaves it */
    bool debug;
};

struct sandbox_report {
    bool seccomp;
    int landlock_abi; /* 0: the kernel has none (a loud, recorded downgrade) */
};

/* Enters the sandbox for good: resource limits, no core, no new privileges, no
 * capabilities (but the file ones for roles with file groups), Landlock, then
 * seccomp. To be called before the process has a second thread, which Landlock
 * would not bind. A kernel without seccomp is an error (SP_EUNSUPPORTED), one
 * without Landlock a warning in the log and in the report. SP_EINVAL for a
 * path that is no open file or folder, SP_EIO. */
int sandbox_enter(const struct sandbox *s, struct sandbox_report *report)
    SP_MUST_USE;

#ifdef SP_HOOKS
/* Tries what no role may do, and logs a line each:
 * `probe action=<open_file|write_file|start_program|connect_tcp|connect_unix|
 *  listen|read_key|ptrace|signal_others> result=<refused|allowed> errno=…`.
 * `key_path` is the ledger key's file. */
void sandbox_probe(const char *role, const char *key_path);
#endif

#endif
