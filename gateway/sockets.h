/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: the addresses that settings name, sockets bound to them,
 * and sockets that somebody else bound, looked at before they are used. Runs
 * in the supervisor.
 */
#ifndef SP_GATEWAY_SOCKETS_H
#define SP_GATEWAY_SOCKETS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/report.h"

struct socket_address {
    struct sockaddr_storage socket;
    socklen_t size;
};
#define SOCKET_ADDRESS_TEXT 64

/* "127.0.0.1:8443", "[::1]:8443"; port 0 is any free one. SP_EINVAL. */
int socket_address_parse(const char *text,
                         struct socket_address *a) SP_MUST_USE;
void socket_address_text(const struct socket_address *a,
                         char text[SOCKET_ADDRESS_TEXT]);
/* Whether `bound` is what `wanted` asks for, whose port may be 0. */
bool socket_address_serves(const struct socket_address *bound,
                           const struct socket_address *wanted);
/* What the socket is bound to. SP_EIO. */
int socket_address_bound(int fd, struct socket_address *a) SP_MUST_USE;

/* Binds and listens; `shared`: others of ours bind the same (SO_REUSEPORT).
 * The descriptor, or -1 with errno. */
int socket_listen(const struct socket_address *a, bool shared);
/* Says in `report` what errno means for an address that cannot be bound;
 * SP_EINVAL. */
int socket_listen_problem(struct report *report, const char *address);
/* Again, for a socket that somebody may have shut down. SP_EIO. */
int socket_listen_again(int fd) SP_MUST_USE;

/* The control socket's address; SP_EINVAL with the problem. */
int socket_control_address(const char *path, struct sockaddr_un *a,
                           struct report *report) SP_MUST_USE;
/* Binds it where nobody answers, with a mode by which everybody may connect
 * if it is `shared`, else only its owner. SP_EINVAL with the problem. */
int socket_control_listen(const struct sockaddr_un *a, bool shared,
                          struct report *report, int *fd) SP_MUST_USE;

/* Whether a socket that was handed over is what it must be; makes it one that
 * does not block. `thing` is what the problem's line starts with. SP_EINVAL
 * with the problem. */
int socket_check_stream(int fd, const char *thing, struct report *report,
                        struct socket_address *bound) SP_MUST_USE;
int socket_check_control(int fd, const char *thing, const char *path,
                         bool shared, struct report *report) SP_MUST_USE;

#endif
