/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as the command's arguments write them: HOST:PORT, [HOST]:PORT with
 * a numeric host, or unix:PATH. Names are not resolved: what listens and what
 * is connected to stays what was written.
 */
#ifndef SP_CTL_ADDRESS_H
#define SP_CTL_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "lib/error.h"

struct address {
    struct sockaddr_storage sa;
    socklen_t length;
};

#define ADDRESS_TEXT 192

/* SP_EINVAL, SP_ETOOBIG (a path that is too long). */
int address_parse(const char *text, struct address *a) SP_MUST_USE;
/* The path in "unix:PATH", else NULL; points into `text`. */
const char *address_path(const char *text);
/* "address=HOST port=PORT" or "path=PATH" */
void address_format(const struct address *a, char text[ADDRESS_TEXT]);

/* 127.0.0.0/8, ::1, or a path: nobody reaches it from outside. */
bool address_is_local(const struct address *a);

/* A listening, non-blocking socket; port 0 is replaced by the one it got.
 * -1 with errno. */
int address_listen(struct address *a);
/* Begins to connect: the socket is writable once it is decided. -1 with errno.
 */
int address_dial(const struct address *a);
/* Connects within `timeout_ms`; the socket is non-blocking. -1 with errno. */
int address_connect(const struct address *a, int timeout_ms);

#endif
