/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds listening sockets and looks at those that are handed over. Runs in
 * the supervisor; the settings are the operator's, what is handed over is the
 * service manager's, and each failure says what to do about it.
 */
#include "gateway/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Handshakes are bounded elsewhere; this is what the kernel may hold when all
 * workers are busy for a moment. */
#define LISTEN_BACKLOG 1024

/* --- Addresses --- */

/* libevent's parser does not let port 0 through. */
int socket_address_parse(const char *text, struct socket_address *a)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->socket;
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2], *end;
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    unsigned long port;

    *a = (struct socket_address){0};
    if (length == 0 || length >= sizeof(host) || colon[1] < '0' ||
        colon[1] > '9')
        return SP_EINVAL;
    port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port > 65535)
        return SP_EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        a->size = sizeof(*v4);
        return 0;
    }
    if (host[0] != '[' || host[length - 1] != ']')
        return SP_EINVAL;
    host[length - 1] = '\0';
    if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
        return SP_EINVAL;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    a->size = sizeof(*v6);
    return 0;
}

void socket_address_text(const struct socket_address *a,
                         char text[SOCKET_ADDRESS_TEXT])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->socket;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->socket;
    char host[INET6_ADDRSTRLEN] = "?";

    if (a->socket.ss_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(text, SOCKET_ADDRESS_TEXT, "[%s]:%u", host,
                 ntohs(v6->sin6_port));
        return;
    }
    (void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
    snprintf(text, SOCKET_ADDRESS_TEXT, "%s:%u", host, ntohs(v4->sin_port));
}

bool socket_address_serves(const struct socket_address *bound,
                           const struct socket_address *wanted)
{
    const struct sockaddr_in *b4 = (const struct sockaddr_in *)&bound->socket,
                             *w4 = (const struct sockaddr_in *)&wanted->socket;
    const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)&bound->socket,
                              *w6 =
                                  (const struct sockaddr_in6 *)&wanted->socket;

    if (bound->socket.ss_family != wanted->socket.ss_family)
        return false;
    if (bound->socket.ss_family == AF_INET)
        return b4->sin_addr.s_addr == w4->sin_addr.s_addr &&
               (w4->sin_port == 0 || b4->sin_port == w4->sin_port);
    return memcmp(&b6->sin6_addr, &w6->sin6_addr, sizeof(b6->sin6_addr)) == 0 &&
           (w6->sin6_port == 0 || b6->sin6_port == w6->sin6_port);
}

int socket_address_bound(int fd, struct socket_address *a)
{
    *a = (struct socket_address){.size = sizeof(a->socket)};
    return getsockname(fd, (struct sockaddr *)&a->socket, &a->size) == 0
               ? 0
               : sp_error_from_errno();
}

/* --- Sockets of our own --- */

int socket_listen(const struct socket_address *a, bool shared)
{
    const int on = 1;
    int family = a->socket.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (shared &&
         setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
        (family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(fd, (const struct sockaddr *)&a->socket, a->size) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int socket_listen_problem(struct report *report, const char *address)
{
    const char *advice = "expected an address of this machine";

    if (errno == EADDRINUSE)
        advice = "another process listens there: stop it, or change `listen`";
    else if (errno == EACCES)
        advice = "ports under 1024 need CAP_NET_BIND_SERVICE: use another, or "
                 "a socket unit (docs/systemd.md)";
    return report_problem(report, address, strerror(errno), advice);
}

int socket_listen_again(int fd)
{
    return listen(fd, LISTEN_BACKLOG) == 0 ? 0 : sp_error_from_errno();
}

/* --- The control socket --- */

int socket_control_address(const char *path, struct sockaddr_un *a,
                           struct report *report)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a->sun_path))
        return report_problem(report, path, "too long for a socket's name",
                              "set `control` to a path of at most 107 bytes");
    memcpy(a->sun_path, path, strlen(path) + 1);
    return 0;
}

/* A socket that nobody answers is left from a daemon that was killed. */
static bool somebody_answers(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    bool answers;

    if (fd < 0)
        return true;
    answers = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;
    close(fd);
    return answers;
}

/* Other users can connect only if some of them may give orders; who may is
 * asked of the kernel for each (gateway/control.c). */
static int bind_control(const struct sockaddr_un *a, bool shared)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before;
    int r;

    if (fd < 0)
        return -1;
    before = umask(shared ? 0111 : 0177); /* from the first moment */
    r = bind(fd, (const struct sockaddr *)a, sizeof(*a));
    umask(before);
    if (r != 0 || listen(fd, 16) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int socket_control_listen(const struct sockaddr_un *a, bool shared,
                          struct report *report, int *fd)
{
    struct stat st;

    if (lstat(a->sun_path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return report_problem(report, a->sun_path, "is not a socket",
                                  "move it away, or change `control`");
        if (somebody_answers(a))
            return report_problem(report, a->sun_path, "a daemon answers there",
                                  "stop it first");
        unlink(a->sun_path);
    }
    *fd = bind_control(a, shared);
    if (*fd < 0)
        return report_problem(report, a->sun_path, strerror(errno),
                              "expected a folder that the daemon may write to");
    return 0;
}

/* --- Sockets that were handed over --- */

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

static bool unblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Ours take IPv6 alone; one that takes IPv4 as well is open to more than the
 * setting says. */
static bool takes_both(int fd, const struct socket_address *a)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->socket;

    return a->socket.ss_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) &&
           option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1;
}

int socket_check_stream(int fd, const char *thing, struct report *report,
                        struct socket_address *bound)
{
    int family = option(fd, SOL_SOCKET, SO_DOMAIN);

    if ((family != AF_INET && family != AF_INET6) ||
        option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
        option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP)
        return report_problem(report, thing, "is not a TCP socket",
                              "expected ListenStream= with an address");
    if (option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
        return report_problem(report, thing, "does not listen",
                              "expected a socket unit with Accept=no");
    if (socket_address_bound(fd, bound) != 0 || !unblock(fd))
        return report_problem(report, thing, strerror(errno),
                              "expected a listening socket");
    if (takes_both(fd, bound))
        return report_problem(report, thing, "takes IPv4 on an IPv6 address",
                              "expected BindIPv6Only=ipv6-only");
    return 0;
}

/* By what it is, and not by its spelling. */
static bool same_file(const char *a, const char *b, struct stat *st)
{
    struct stat other;

    return lstat(a, st) == 0 && lstat(b, &other) == 0 &&
           st->st_dev == other.st_dev && st->st_ino == other.st_ino;
}

int socket_check_control(int fd, const char *thing, const char *path,
                         bool shared, struct report *report)
{
    struct sockaddr_un a = {0};
    socklen_t size = sizeof(a) - 1; /* the last byte stays 0 */
    struct stat st;

    if (option(fd, SOL_SOCKET, SO_DOMAIN) != AF_UNIX ||
        option(fd, SOL_SOCKET, SO_TYPE) != SOCK_SEQPACKET)
        return report_problem(report, thing,
                              "is not a Unix socket for sequenced packets",
                              "expected ListenSequentialPacket= with a path");
    if (option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
        return report_problem(report, thing, "does not listen",
                              "expected a socket unit with Accept=no");
    if (getsockname(fd, (struct sockaddr *)&a, &size) != 0 || !unblock(fd))
        return report_problem(report, thing, strerror(errno),
                              "expected a listening socket");
    if (!same_file(a.sun_path, path, &st)) {
        char what[sizeof(a.sun_path) + 32];

        snprintf(what, sizeof(what), "is bound to %s", a.sun_path);
        return report_problem(report, thing, what,
                              "expected the path of `control`");
    }
    if (!shared && (st.st_mode & 077) != 0)
        return report_problem(report, thing, "other users may connect to it",
                              "expected SocketMode=0600, or `operators`");
    return 0;
}
