/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `sallyport connect` listens: a loopback address, or a Unix socket that
 * only its owner may use; and whether a request's Host is that place.
 */
#ifndef SP_CTL_CONNECT_LISTEN_H
#define SP_CTL_CONNECT_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/address.h"

struct listening {
    struct address address;
    const char *path; /* of a Unix socket, else NULL; the caller's text */
    unsigned port;    /* else 0 */
    char base[128];   /* "http://127.0.0.1:8710"; "" for a Unix socket */
    int fd;
};

/* `text` is 127.0.0.0/8, [::1] with a port, or unix:PATH; anything that others
 * could reach is refused. A socket that nobody listens on is replaced. What is
 * wrong is told. EXIT_HOLDS or the exit status. */
int listening_open(struct listening *l, const char *text);
/* Also removes the socket's path. */
void listening_close(struct listening *l);

/* A page of some domain that was made to lead to 127.0.0.1 (DNS rebinding)
 * still says its own name. At a Unix socket no page can ask. */
bool listening_is_host(const struct listening *l, const char *host,
                       size_t length);

#endif
