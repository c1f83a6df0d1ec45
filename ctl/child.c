/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, watching and ending the demo's programs. Runs in `sallyport`.
 * Logs are files and not pipes: a program never waits for us to read.
 */
#include "ctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"

#define POLL_MS 10
#define LOG_MAX (4u << 20)

/* In the child, between fork and exec. A group of its own: Ctrl-C at the
 * terminal is ours to handle, in our order. */
static void child_exec(const char *log, const char *const argv[])
{
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL); /* ours is ignored, and would be inherited */
    if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0)
        /* POSIX: it does not change them, its prototype is older. */
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

int child_start(struct child *c, const char *log, const char *const argv[])
{
    snprintf(c->log, sizeof c->log, "%s", log);
    /* What an earlier program left there must not look like ours. */
    unlink(log);
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        return SP_EIO;
    if (pid == 0)
        child_exec(log, argv);
    c->pid = pid;
    return 0;
}

static int status_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool child_ended(struct child *c, int *status)
{
    int raw;

    if (c->pid == 0 || waitpid(c->pid, &raw, WNOHANG) != c->pid)
        return c->pid == 0;
    c->pid = 0;
    *status = status_of(raw);
    return true;
}

static bool log_line_find(const char *log, const char *text, char *line,
                          size_t size)
{
    uint8_t *data;
    size_t length;
    bool found = false;

    if (file_read(AT_FDCWD, log, LOG_MAX, &data, &length) != 0)
        return false;
    char *hit = strstr((char *)data, text);
    if (hit != NULL && strchr(hit, '\n') != NULL) {
        char *start = hit;
        while (start > (char *)data && start[-1] != '\n')
            start--;
        snprintf(line, size, "%.*s", (int)(strchr(hit, '\n') - start), start);
        found = true;
    }
    free(data);
    return found;
}

int child_wait_line(struct child *c, const char *text, char *line, size_t size,
                    int timeout_ms)
{
    int64_t end = clock_boot_ms() + timeout_ms;
    int status;

    for (;;) {
        bool ended = child_ended(c, &status);
        if (log_line_find(c->log, text, line, size))
            return 0;
        if (ended)
            return SP_ECLOSED;
        /* poll() and not a sleep: a signal to us ends the wait. */
        if (clock_boot_ms() > end || poll(NULL, 0, POLL_MS) != 0)
            return SP_ETIMEDOUT;
    }
}

int child_wait(struct child *c, int timeout_ms)
{
    int64_t end = clock_boot_ms() + timeout_ms;
    int raw, status = 0;

    while (!child_ended(c, &status)) {
        if (clock_boot_ms() > end) {
            kill(c->pid, SIGKILL);
            waitpid(c->pid, &raw, 0);
            c->pid = 0;
            return -SIGKILL;
        }
        poll(NULL, 0, POLL_MS);
    }
    return status;
}

int child_stop(struct child *c, int timeout_ms)
{
    if (c->pid == 0)
        return 0;
    kill(c->pid, SIGTERM);
    return child_wait(c, timeout_ms);
}
