/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a function in a child process within a sandbox, for the tests of the
 * sandbox: the parent judges by exit status and by what the child logged.
 * Included by one test program each, after cmocka.
 */
#ifndef SP_TESTS_IN_SANDBOX_H
#define SP_TESTS_IN_SANDBOX_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/sandbox.h"

#define WORKER (SANDBOX_BASE | SANDBOX_STREAM | SANDBOX_ACCEPT)
#define KEEPER (SANDBOX_BASE | SANDBOX_FILES | SANDBOX_THREADS)
#define DIALER                                                                 \
    (SANDBOX_BASE | SANDBOX_STREAM | SANDBOX_CONNECT | SANDBOX_READ_FILES)

/* In the child: 0 or the line that did not hold. */
typedef int child_fn(void);

#define HOLDS(what)                                                            \
    do {                                                                       \
        if (!(what))                                                           \
            return __LINE__;                                                   \
    } while (0)

static char folder[64];
static int folder_fd = -1;

/* Runs `fn` within the sandbox; its log lines come back in `log`. */
static inline int run(const struct sandbox *s, child_fn *fn, char *log,
                      size_t size)
{
    int ends[2], status = 0, line = 0;
    size_t length = 0;
    ssize_t n;
    pid_t child;
    char sink[4096];

    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sandbox_report report;

        (void)alarm(60);
        (void)dup2(ends[1], STDERR_FILENO);
        log_open(s->role, LOG_LEVEL_DEBUG);
        if (sandbox_enter(s, &report) != 0)
            _exit(98);
        if (!report.seccomp)
            _exit(97);
        line = fn();
        if (line != 0)
            log_error("failed", "line=%d errno=%d", line, errno);
        _exit(line == 0 ? 0 : 99);
    }
    (void)close(ends[1]);
    for (;;) {
        char *to = log != NULL ? log + length : sink;
        size_t room = log != NULL ? size - 1 - length : sizeof(sink) - 1;

        n = read(ends[0], to, room);
        if (n <= 0)
            break;
        if (log != NULL)
            length += (size_t)n;
        else
            print_message("%.*s", (int)n, sink);
    }
    if (log != NULL)
        log[length] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/sp-sandbox-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder_fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const files[] = {"a", "b", "key"};

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        (void)unlinkat(folder_fd, files[i], 0);
    (void)unlinkat(folder_fd, "sub/c", 0);
    (void)unlinkat(folder_fd, "sub", AT_REMOVEDIR);
    (void)close(folder_fd);
    return rmdir(folder);
}

#endif
