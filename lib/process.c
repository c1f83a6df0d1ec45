/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting ourselves again as a role process, and the first things such a
 * process does to itself. The supervisor starts; the children harden. No
 * outsider's byte is near.
 */
#include "lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/channel.h"
#include "lib/log.h"

/* Our own program: opened once, so that what is started later is what we are,
 * also when the file was replaced meanwhile. */
static int self_open(void)
{
    static int self = -1;

    if (self < 0)
        self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    return self;
}

/* What the parent ignored or blocked would outlive the exec. */
static void signals_reset(void)
{
    struct sigaction sa;
    sigset_t none;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = SIG_DFL;
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &sa, NULL); /* fails for SIGKILL and the like */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Leaves 0 to 3 open and everything else to be closed by the exec. */
static int descriptors_arrange(int *self, int channel)
{
    /* Out of the way of PROCESS_CHANNEL_FD, which either could be. */
    int high_self = fcntl(*self, F_DUPFD_CLOEXEC, 10);
    int high_channel = fcntl(channel, F_DUPFD_CLOEXEC, 10);

    if (high_self < 0 || high_channel < 0 ||
        dup2(high_channel, PROCESS_CHANNEL_FD) < 0 ||
        syscall(SYS_close_range, PROCESS_CHANNEL_FD + 1, ~0U,
                CLOSE_RANGE_CLOEXEC) != 0)
        return sp_error_from_errno();
    *self = high_self;
    return 0;
}

static void child_run(char *const argv[], pid_t parent, int self, int channel)
    __attribute__((noreturn));

static void child_run(char *const argv[], pid_t parent, int self, int channel)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        goto out;
    /* The parent may have died before that: then nobody would tell us. */
    if (getppid() != parent)
        _exit(127);
    if (descriptors_arrange(&self, channel) != 0)
        goto out;
    signals_reset();
    (void)fexecve(self, argv, environ);
out:
    log_error("process_start", "role=%s error=\"%s\"", argv[0],
              strerror(errno));
    _exit(127);
}

int process_start(char *const argv[], pid_t *pid, int *channel)
{
    sigset_t all, before;
    pid_t parent = getpid(), child;
    int self = self_open();
    int ends[2];
    int error;

    if (self < 0)
        return sp_error_from_errno();
    error = channel_pair(ends);
    if (error != 0)
        return error;
    /* No handler of ours may run in the child. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0)
        child_run(argv, parent, self, ends[1]);
    error = child < 0 ? sp_error_from_errno() : 0;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(ends[1]);
    if (error != 0) {
        (void)close(ends[0]);
        return error == SP_EAGAIN ? SP_EIO : error;
    }
    *pid = child;
    *channel = ends[0];
    return 0;
}

static int descriptors_of_program(int input)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (nowhere < 0 || dup2(input, STDIN_FILENO) < 0 ||
        dup2(nowhere, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0)
        return SP_EIO;
    return syscall(SYS_close_range, STDERR_FILENO + 1, ~0U,
                   CLOSE_RANGE_CLOEXEC) != 0
               ? SP_EIO
               : 0;
}

/* The supervisor's limit of descriptors is far above what programs that use
 * select(2) can take. */
static void limits_of_program(void)
{
    const struct rlimit none = {0, 0}, files = {1024, 1024};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void program_run(char *path, int input, pid_t parent)
    __attribute__((noreturn));

static void program_run(char *path, int input, pid_t parent)
{
    static char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    static char language[] = "LANG=C.UTF-8";
    char *const environment[] = {search, language, NULL};
    char *const argv[] = {path, NULL};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        setsid() < 0 || chdir("/") != 0 || descriptors_of_program(input) != 0)
        _exit(127);
    (void)umask(077);
    limits_of_program();
    signals_reset();
    (void)execve(path, argv, environment);
    _exit(127);
}

int process_start_program(char *path, int input, pid_t *pid)
{
    sigset_t all, before;
    pid_t parent = getpid(), child;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0)
        program_run(path, input, parent);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (child < 0)
        return SP_EIO;
    *pid = child;
    return 0;
}

static int channel_check(int fd)
{
    int domain = 0, type = 0;
    socklen_t length = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
        domain != AF_UNIX || type != SOCK_SEQPACKET)
        return SP_EPROTO;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return sp_error_from_errno();
    return 0;
}

int process_harden(void)
{
    const struct rlimit none = {0, 0};

    (void)umask(077);
    /* No core file and no debugger: this memory holds keys and prompts. A
     * leak check needs to look at its own process, though. */
#ifndef SP_SANITIZED
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return sp_error_from_errno();
#endif
    if (setrlimit(RLIMIT_CORE, &none) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return sp_error_from_errno();
    return channel_check(PROCESS_CHANNEL_FD);
}

const char *process_status_text(int status)
{
    static char text[32];

    if (WIFEXITED(status))
        (void)snprintf(text, sizeof(text), "exit=%d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        (void)snprintf(text, sizeof(text), "signal=%d", WTERMSIG(status));
    else
        (void)snprintf(text, sizeof(text), "status=%d", status);
    return text;
}
