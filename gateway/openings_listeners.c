/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of the settings' listeners: handed over or bound, and dealt out
 * to workers. Runs in the supervisor; the settings are the operator's.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/openings.h"
#include "gateway/sockets.h"

static int parse(const struct settings *s, size_t i, struct socket_address *a,
                 struct report *report)
{
    if (socket_address_parse(s->listeners[i].address, a) == 0)
        return 0;
    return report_problem(report, s->listeners[i].address, "not an address",
                          "expected 127.0.0.1:8443 or [::1]:8443");
}

/* Where the first socket is bound: port 0 of the settings has become one. */
static int name_address(struct opening_listener *l, struct socket_address *a)
{
    char text[SOCKET_ADDRESS_TEXT];
    char *colon;

    if (socket_address_bound(l->fds[0], a) != 0)
        return SP_EIO;
    socket_address_text(a, text);
    colon = strrchr(text, ':');
    (void)sscanf(colon + 1, "%u", &l->port);
    *colon = '\0';
    /* Without the brackets, as ever. */
    if (text[0] == '[')
        snprintf(l->address, sizeof(l->address), "%.*s", (int)strlen(text) - 2,
                 text + 1);
    else
        snprintf(l->address, sizeof(l->address), "%s", text);
    return 0;
}

/* --- Handed over --- */

/* "listener-2" → 1; SIZE_MAX: any whose address it is. */
static bool name_number(const char *name, size_t *number)
{
    static const char prefix[] = "listener";

    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return false;
    name += sizeof(prefix) - 1;
    *number = SIZE_MAX;
    if (name[0] == '\0')
        return true;
    if (name[0] != '-' || name[1] < '1' || name[1] > '9' || name[2] != '\0')
        return false;
    *number = (size_t)(name[1] - '1');
    return true;
}

/* Which listener a socket is for: one that names its port comes before one
 * that takes any. */
static size_t find_listener(const struct settings *s, size_t number,
                            const struct socket_address *bound)
{
    struct socket_address wanted;
    size_t any = SIZE_MAX;

    for (size_t i = 0; i < s->nlisteners; i++) {
        if ((number != SIZE_MAX && number != i) ||
            socket_address_parse(s->listeners[i].address, &wanted) != 0 ||
            !socket_address_serves(bound, &wanted))
            continue;
        if (socket_address_serves(&wanted, bound))
            return i;
        if (any == SIZE_MAX)
            any = i;
    }
    return any;
}

static int no_listener(const struct inherited_socket *socket,
                       const struct socket_address *bound,
                       struct report *report)
{
    char text[SOCKET_ADDRESS_TEXT], what[SOCKET_ADDRESS_TEXT + 16];

    socket_address_text(bound, text);
    snprintf(what, sizeof(what), "is bound to %s", text);
    return report_problem(report, socket->thing, what,
                          "expected the address of `listen`, or of the "
                          "listener that it is named for");
}

static int take_socket(struct openings *o, const struct settings *s,
                       struct inherited_socket *socket, size_t number,
                       struct report *report)
{
    struct socket_address bound, first;
    struct opening_listener *l;
    size_t i;
    int r = socket_check_stream(socket->fd, socket->thing, report, &bound);

    if (r != 0)
        return r;
    if ((i = find_listener(s, number, &bound)) == SIZE_MAX)
        return no_listener(socket, &bound, report);
    l = &o->listeners[i];
    if (l->count > 0 && (socket_address_bound(l->fds[0], &first) != 0 ||
                         !socket_address_serves(&bound, &first)))
        return report_problem(report, socket->thing,
                              "another port than its listener's first socket",
                              "expected one address for each listener");
    if (l->count == LIMIT_WORKERS)
        return report_problem(report, socket->thing, "one too many",
                              "expected at most 64 sockets for a listener");
    l->fds[l->count++] = socket->fd;
    l->held = true;
    socket->taken = true;
    return 0;
}

int openings_take_listeners(struct openings *o, const struct settings *s,
                            struct inherited *in, struct report *report)
{
    struct socket_address a;
    size_t number;
    int r = 0;

    o->nlisteners = s->nlisteners;
    for (size_t i = 0; i < s->nlisteners; i++)
        if (parse(s, i, &a, report) != 0)
            r = SP_EINVAL;
    for (size_t i = 0; r == 0 && i < in->count; i++)
        if (!in->sockets[i].taken && name_number(in->sockets[i].name, &number))
            r = take_socket(o, s, &in->sockets[i], number, report);
    return r;
}

/* --- Bound --- */

/* With SO_REUSEPORT a second daemon of the same user could bind beside us and
 * take half of the connections: ask without it first. */
static int check_free(const struct socket_address *a, const char *listen,
                      struct report *report)
{
    int fd = socket_listen(a, false);

    if (fd < 0)
        return socket_listen_problem(report, listen);
    close(fd);
    return 0;
}

static int bind_all(struct opening_listener *l, struct socket_address *a,
                    const char *listen, unsigned workers, struct report *report)
{
    if (check_free(a, listen, report) != 0)
        return SP_EINVAL;
    for (unsigned i = 0; i < workers; i++) {
        int fd = socket_listen(a, true);

        if (fd < 0)
            return socket_listen_problem(report, listen);
        l->fds[l->count++] = fd;
        /* Port 0: the first socket gets one, the others the same. */
        if (i == 0 && socket_address_bound(fd, a) != 0)
            return socket_listen_problem(report, listen);
    }
    return 0;
}

int openings_open_listeners(struct openings *o, const struct settings *s,
                            unsigned workers, struct report *report)
{
    struct socket_address a;
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->nlisteners; i++) {
        struct opening_listener *l = &o->listeners[i];

        if ((r = parse(s, i, &a, report)) == 0 && l->count == 0)
            r = bind_all(l, &a, s->listeners[i].address, workers, report);
        if (r == 0)
            r = name_address(l, &a);
    }
    return r;
}

/* --- Dealt out --- */

int openings_socket(const struct opening_listener *l, size_t worker,
                    size_t workers, size_t n)
{
    size_t i = worker + n * workers;

    if (l->count == 0)
        return -1;
    if (l->count < workers)
        return n == 0 ? (int)(worker % l->count) : -1;
    return i < l->count ? (int)i : -1;
}

int openings_listen_again(const struct opening_listener *l, size_t i)
{
    return socket_listen_again(l->fds[i]);
}

uint32_t openings_held(const struct openings *o)
{
    uint32_t held = 0;

    for (size_t i = 0; i < o->nlisteners; i++)
        if (o->listeners[i].held)
            held |= 1u << i;
    return held;
}

void openings_stop_listening(struct openings *o)
{
    for (size_t i = 0; i < o->nlisteners; i++) {
        struct opening_listener *l = &o->listeners[i];

        while (l->count > 0)
            close(l->fds[--l->count]);
    }
}
