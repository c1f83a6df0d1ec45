/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the place where tools ask. Runs in `sallyport connect`.
 */
#include "ctl/connect_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/verbs.h"
#include "lib/log.h"

static int problem(int status, const char *where, const char *what)
{
    fprintf(stderr, "sallyport connect: --listen %s: %s\n", log_quote(where),
            what);
    return status;
}

/* The path of one that ended without removing it. */
static void stale_remove(struct listening *l)
{
    struct stat st;
    int fd;

    if (lstat(l->path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = address_connect(&l->address, 1000);
    if (fd >= 0)
        close(fd);
    else if (errno == ECONNREFUSED)
        unlink(l->path);
}

static void base_set(struct listening *l)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&l->address.sa;
    const struct sockaddr_in6 *in6 =
        (const struct sockaddr_in6 *)&l->address.sa;
    char host[INET6_ADDRSTRLEN] = "";

    if (l->path != NULL)
        return;
    if (l->address.sa.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        l->port = ntohs(in6->sin6_port);
        snprintf(l->base, sizeof l->base, "http://[%s]:%u", host, l->port);
    } else {
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        l->port = ntohs(in->sin_port);
        snprintf(l->base, sizeof l->base, "http://%s:%u", host, l->port);
    }
}

int listening_open(struct listening *l, const char *text)
{
    mode_t before;

    *l = (struct listening){.fd = -1, .path = address_path(text)};
    if (address_parse(text, &l->address) != 0)
        return problem(EXIT_MISUSED, text,
                       "wanted 127.0.0.1:PORT, [::1]:PORT or unix:PATH");
    if (!address_is_local(&l->address))
        return problem(EXIT_MISUSED, text,
                       "only this machine may use your certificate: wanted a "
                       "loopback address (127.0.0.1, [::1]) or unix:PATH");
    if (l->path != NULL)
        stale_remove(l);
    before = umask(0177);
    l->fd = address_listen(&l->address);
    umask(before);
    if (l->fd < 0)
        return problem(EXIT_FAILS, text,
                       errno == EADDRINUSE
                           ? "something else listens there; port 0 takes one "
                             "that is free"
                           : strerror(errno));
    base_set(l);
    return EXIT_HOLDS;
}

void listening_close(struct listening *l)
{
    if (l->fd >= 0)
        close(l->fd);
    if (l->fd >= 0 && l->path != NULL)
        unlink(l->path);
    l->fd = -1;
}

/* "NAME" with the port behind it, which 80 may leave out. */
static bool host_is(const char *host, size_t length, const char *name,
                    unsigned port)
{
    char want[64];
    int n = snprintf(want, sizeof want, "%s:%u", name, port);

    if (length == (size_t)n && strncasecmp(host, want, length) == 0)
        return true;
    return port == 80 && length == strlen(name) &&
           strncasecmp(host, name, length) == 0;
}

bool listening_is_host(const struct listening *l, const char *host,
                       size_t length)
{
    const char *own = strncmp(l->base, "http://", 7) == 0 ? l->base + 7 : "";

    if (l->path != NULL)
        return true;
    return host_is(host, length, "127.0.0.1", l->port) ||
           host_is(host, length, "localhost", l->port) ||
           host_is(host, length, "[::1]", l->port) ||
           (length == strlen(own) && strncasecmp(host, own, length) == 0);
}
