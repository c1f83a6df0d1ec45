/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of P12: from inside a role process, what no role may do is tried
 * and the outcome logged. A debug hook of the system tests; not in a release.
 */
#include "lib/sandbox.h"

#ifdef SP_HOOKS
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/log.h"

/* Each gives 0 if it was allowed (and undoes it), or an errno. */
typedef int probe_fn(const char *key_path);

static int open_and_close(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno;
    (void)close(fd);
    return 0;
}

static int probe_open_file(const char *key_path)
{
    (void)key_path;
    return open_and_close("/etc/passwd", O_RDONLY);
}

static int probe_write_file(const char *key_path)
{
    static const char path[] = "/tmp/sallyport-probe";
    int error = open_and_close(path, O_WRONLY | O_CREAT);

    (void)key_path;
    if (error == 0)
        (void)unlink(path);
    return error;
}

/* Was it allowed there would be no way back: so a program that is none. That
 * is ENOENT only if the call got as far as looking for it. */
static int probe_start_program(const char *key_path)
{
    char name[] = "/nonexistent/sallyport-probe";
    char *argv[] = {name, NULL};
    pid_t child;

    (void)key_path;
    (void)execve("/nonexistent/sallyport-probe", argv, argv + 1);
    if (errno == ENOENT)
        return 0;
    child = fork();
    if (child == 0)
        _exit(0);
    if (child < 0)
        return errno;
    (void)waitpid(child, NULL, 0);
    return 0;
}

static int socket_try(int family,
                      int (*use)(int, const struct sockaddr *, socklen_t),
                      const void *address, socklen_t length)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return errno;
    error = use(fd, address, length) == 0 ? 0 : errno;
    (void)close(fd);
    return error;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int probe_connect_tcp(const char *key_path)
{
    const struct sockaddr_in in = loopback(9);
    int error = socket_try(AF_INET, connect, &in, sizeof(in));

    (void)key_path;
    return error == ECONNREFUSED ? 0 : error; /* it knocked at the door */
}

static int probe_connect_unix(const char *key_path)
{
    const struct sockaddr_un un = {.sun_family = AF_UNIX,
                                   .sun_path = "/nonexistent/sallyport-probe"};
    int error = socket_try(AF_UNIX, connect, &un, sizeof(un));

    (void)key_path;
    return error == ENOENT || error == ECONNREFUSED ? 0 : error;
}

static int bind_and_listen(int fd, const struct sockaddr *address,
                           socklen_t length)
{
    if (bind(fd, address, length) != 0)
        return -1;
    return listen(fd, 1);
}

static int probe_listen(const char *key_path)
{
    const struct sockaddr_in in = loopback(0);

    (void)key_path;
    return socket_try(AF_INET, bind_and_listen, &in, sizeof(in));
}

static int probe_read_key(const char *key_path)
{
    return open_and_close(key_path, O_RDONLY);
}

static int probe_ptrace(const char *key_path)
{
    const pid_t parent = getppid();

    (void)key_path;
    /* The same permission as PTRACE_ATTACH, but the parent runs on; it is let
     * go when we end. */
    return ptrace(PTRACE_SEIZE, parent, NULL, NULL) == 0 ? 0 : errno;
}

static int probe_signal_others(const char *key_path)
{
    (void)key_path;
    return kill(getppid(), 0) == 0 ? 0 : errno;
}

static const struct {
    const char *action;
    probe_fn *try;
} probes[] = {
    {"open_file", probe_open_file},         {"write_file", probe_write_file},
    {"start_program", probe_start_program}, {"connect_tcp", probe_connect_tcp},
    {"connect_unix", probe_connect_unix},   {"listen", probe_listen},
    {"read_key", probe_read_key},           {"ptrace", probe_ptrace},
    {"signal_others", probe_signal_others},
};

/* Refused by a rule: an outcome such as ENOENT or ESRCH would say that the
 * call was made, and is as good as allowed. */
static bool is_refusal(int error)
{
    return error == EPERM || error == EACCES || error == EAFNOSUPPORT;
}

void sandbox_probe(const char *role, const char *key_path)
{
    filter_tolerate(true);
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        int error = probes[i].try(key_path);

        log_info("probe", "action=%s result=%s errno=%s role=%s",
                 probes[i].action, is_refusal(error) ? "refused" : "allowed",
                 error == 0 ? "0" : strerrorname_np(error), role);
    }
    filter_tolerate(false);
}
#endif
