/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that the daemon was started with (sd_listen_fds(3)'s protocol: the
 * variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES). Runs in the supervisor,
 * which looks at each before it is used (gateway/sockets.h).
 *
 * The names: `listener` (which one is told by its address), `listener-1` (the
 * first of the settings) …, `control`, `crl`, `metrics`. A listener may come as
 * several sockets with one address (SO_REUSEPORT), which workers share among
 * them.
 *
 * The library for it would bring compression and a cipher library into every
 * role; the protocol is three variables, documented to be spoken without it.
 */
#ifndef SP_GATEWAY_INHERITED_H
#define SP_GATEWAY_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/limits.h"
#include "lib/report.h"

/* Every listener as one socket a worker, and some. */
#define INHERITED_MAX (8 * LIMIT_WORKERS + 8)

struct inherited_socket {
    int fd;
    bool taken;       /* it is its taker's to close */
    const char *name; /* "": it came without one */
    char own_name[16];
    char thing[80]; /* for problems: "descriptor 3 (listener)" */
};

struct inherited {
    struct inherited_socket sockets[INHERITED_MAX];
    size_t count;
    char *names;
};

/* Takes what is meant for this process and removes the variables, so that no
 * role gets them. Descriptors are closed by an exec from here on. SP_EINVAL
 * with the problem. To be called before any descriptor is opened. */
int inherited_take(struct inherited *in, struct report *report) SP_MUST_USE;
/* One that came in another way. SP_ETOOBIG, SP_ENOMEM. */
int inherited_add(struct inherited *in, int fd, const char *name) SP_MUST_USE;
/* The next that is called so and that nobody has taken, or NULL. */
struct inherited_socket *inherited_next(struct inherited *in, const char *name);
/* What nobody has taken is a problem each; SP_EINVAL. */
int inherited_unused(const struct inherited *in,
                     struct report *report) SP_MUST_USE;
/* Closes what nobody has taken. */
void inherited_release(struct inherited *in);

#endif
