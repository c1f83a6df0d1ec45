/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets for the command's own small server and client. Runs in `sallyport`;
 * the texts are the caller's own arguments.
 */
#include "ctl/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* As many as the kernel lets wait: tests open a thousand at once. */
#define BACKLOG 4096

const char *address_path(const char *text)
{
    return strncmp(text, "unix:", 5) == 0 ? text + 5 : NULL;
}

static int path_parse(const char *path, struct address *a)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&a->sa;

    if (path[0] == '\0')
        return SP_EINVAL;
    if (strlen(path) >= sizeof un->sun_path)
        return SP_ETOOBIG;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    a->length = sizeof *un;
    return 0;
}

static int port_parse(const char *text, in_port_t *port)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > 65535)
        return SP_EINVAL;
    *port = htons((uint16_t)value);
    return 0;
}

int address_parse(const char *text, struct address *a)
{
    char host[64];
    const char *path = address_path(text), *colon = strrchr(text, ':');
    struct sockaddr_in *in = (struct sockaddr_in *)&a->sa;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->sa;

    memset(a, 0, sizeof *a);
    if (path != NULL)
        return path_parse(path, a);
    if (colon == NULL || colon == text || colon - text >= (long)sizeof host)
        return SP_EINVAL;
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    size_t skip = bracketed ? 1 : 0;
    size_t length = (size_t)(colon - text) - 2 * skip;
    memcpy(host, text + skip, length);
    host[length] = '\0';
    if (bracketed && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        a->length = sizeof *in6;
        return port_parse(colon + 1, &in6->sin6_port);
    }
    if (!bracketed && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        a->length = sizeof *in;
        return port_parse(colon + 1, &in->sin_port);
    }
    return SP_EINVAL;
}

void address_format(const struct address *a, char text[ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;

    if (a->sa.ss_family == AF_UNIX) {
        snprintf(text, ADDRESS_TEXT, "path=%s",
                 ((const struct sockaddr_un *)&a->sa)->sun_path);
    } else if (a->sa.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT, "address=%s port=%u", host,
                 ntohs(in6->sin6_port));
    } else {
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT, "address=%s port=%u", host,
                 ntohs(in->sin_port));
    }
}

static int close_failed(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int socket_new(const struct address *a)
{
    int one = 1;
    int fd =
        socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && a->sa.ss_family != AF_UNIX) {
        /* Streams are many small writes; accepted sockets inherit it. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    return fd;
}

bool address_is_local(const struct address *a)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;

    if (a->sa.ss_family == AF_INET)
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    if (a->sa.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    return a->sa.ss_family == AF_UNIX;
}

int address_listen(struct address *a)
{
    socklen_t length = sizeof a->sa;
    int fd = socket_new(a);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&a->sa, a->length) != 0 ||
        listen(fd, BACKLOG) != 0)
        return close_failed(fd);
    if (a->sa.ss_family != AF_UNIX &&
        getsockname(fd, (struct sockaddr *)&a->sa, &length) != 0)
        return close_failed(fd);
    return fd;
}

static int connect_wait(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = ETIMEDOUT;
    socklen_t length = sizeof error;

    if (poll(&p, 1, timeout_ms) == 1)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    return error == 0 ? 0 : -1;
}

int address_dial(const struct address *a)
{
    int fd = socket_new(a);

    if (fd >= 0 &&
        connect(fd, (const struct sockaddr *)&a->sa, a->length) != 0 &&
        errno != EINPROGRESS)
        return close_failed(fd);
    return fd;
}

int address_connect(const struct address *a, int timeout_ms)
{
    int fd = socket_new(a);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&a->sa, a->length) == 0)
        return fd;
    if (errno != EINPROGRESS || connect_wait(fd, timeout_ms) != 0)
        return close_failed(fd);
    return fd;
}
