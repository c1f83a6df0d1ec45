/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket where metrics and health are served. Runs in the supervisor. The
 * settings were checked: it is a loopback address, or a path. Who may connect
 * to a path is a matter of its folder and group: its mode is 0660.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/openings.h"
#include "gateway/sockets.h"
#include "lib/log.h"

#define BACKLOG 64

static bool at_path(const struct settings *s)
{
    return strncmp(s->metrics_listen, SETTINGS_UNIX, strlen(SETTINGS_UNIX)) ==
           0;
}

static int path_address(const struct settings *s, struct sockaddr_un *a,
                        struct report *report)
{
    char *path = settings_path(s, s->metrics_listen + strlen(SETTINGS_UNIX));
    int r = 0;

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path == NULL)
        return SP_ENOMEM;
    if (strlen(path) >= sizeof(a->sun_path))
        r = report_problem(
            report, path, "too long for a socket's name",
            "set `metrics.listen` to a path of at most 107 bytes");
    else
        memcpy(a->sun_path, path, strlen(path) + 1);
    free(path);
    return r;
}

/* ---- handed over ---- */

static int option(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

static int check_path(const struct inherited_socket *given,
                      const struct settings *s, struct report *report)
{
    struct sockaddr_un wanted, bound = {0};
    socklen_t size = sizeof(bound) - 1; /* the last byte stays 0 */
    int flags = fcntl(given->fd, F_GETFL);
    int r = path_address(s, &wanted, report);

    if (r != 0)
        return r;
    if (option(given->fd, SO_DOMAIN) != AF_UNIX ||
        option(given->fd, SO_TYPE) != SOCK_STREAM ||
        option(given->fd, SO_ACCEPTCONN) != 1 || flags < 0 ||
        fcntl(given->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return report_problem(report, given->thing,
                              "is not a listening stream socket at a path",
                              "expected ListenStream= with that of "
                              "`metrics.listen`");
    if (getsockname(given->fd, (struct sockaddr *)&bound, &size) != 0 ||
        strcmp(bound.sun_path, wanted.sun_path) != 0)
        return report_problem(report, given->thing, "is at another path",
                              "expected that of `metrics.listen`");
    return 0;
}

static int check_address(const struct inherited_socket *given,
                         const struct settings *s, struct report *report)
{
    struct socket_address wanted, bound;
    int r = socket_check_stream(given->fd, given->thing, report, &bound);

    if (r == 0 && (socket_address_parse(s->metrics_listen, &wanted) != 0 ||
                   !socket_address_serves(&bound, &wanted)))
        r = report_problem(report, given->thing, "is bound to another address",
                           "expected that of `metrics.listen`");
    return r;
}

int openings_take_metrics(struct openings *o, const struct settings *s,
                          struct inherited *in, struct report *report)
{
    struct inherited_socket *given =
        s->metrics_listen != NULL ? inherited_next(in, "metrics") : NULL;
    int r;

    if (given == NULL)
        return 0;
    r = at_path(s) ? check_path(given, s, report)
                   : check_address(given, s, report);
    if (r != 0)
        return r;
    o->metrics = given->fd;
    given->taken = true;
    return 0;
}

/* ---- bound by us ---- */

/* A socket that nobody answers is left from a daemon that was killed. */
static int path_free(const struct sockaddr_un *a, struct report *report)
{
    struct stat st;
    bool answers;
    int fd;

    if (lstat(a->sun_path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return report_problem(report, a->sun_path, "is not a socket",
                              "move it away, or change `metrics.listen`");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    answers = fd < 0 ||
              connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 ||
              errno == EAGAIN;
    if (fd >= 0)
        close(fd);
    if (answers)
        return report_problem(report, a->sun_path, "somebody answers there",
                              "stop it first, or change `metrics.listen`");
    unlink(a->sun_path);
    return 0;
}

static int listen_at_path(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0117); /* from the first moment */
    int r = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)a, sizeof(*a));

    umask(before);
    if (r == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    if (fd >= 0) {
        int saved = errno;

        close(fd);
        errno = saved;
    }
    return -1;
}

static int open_path(struct openings *o, const struct settings *s,
                     struct report *report)
{
    struct sockaddr_un a;
    int r = path_address(s, &a, report);

    if (r != 0 || (r = path_free(&a, report)) != 0)
        return r;
    o->metrics = listen_at_path(&a);
    if (o->metrics < 0)
        return report_problem(report, a.sun_path, strerror(errno),
                              "expected a folder that the daemon may write to");
    o->metrics_path = strdup(a.sun_path);
    return o->metrics_path != NULL ? 0 : SP_ENOMEM;
}

static int open_address(struct openings *o, const struct settings *s,
                        struct report *report)
{
    struct socket_address a;

    if (socket_address_parse(s->metrics_listen, &a) != 0)
        return SP_EINVAL;
    o->metrics = socket_listen(&a, false);
    return o->metrics >= 0 ? 0
                           : socket_listen_problem(report, s->metrics_listen);
}

int openings_open_metrics(struct openings *o, const struct settings *s,
                          struct report *report)
{
    char text[SOCKET_ADDRESS_TEXT];
    struct socket_address a;
    int r = 0;

    if (s->metrics_listen == NULL)
        return 0;
    if (o->metrics < 0)
        r = at_path(s) ? open_path(o, s, report) : open_address(o, s, report);
    if (r != 0)
        return r;
    if (at_path(s) || socket_address_bound(o->metrics, &a) != 0) {
        log_info("metrics", "listen=%s", log_quote(s->metrics_listen));
        return 0;
    }
    socket_address_text(&a, text);
    log_info("metrics", "listen=%s", text);
    return 0;
}

int openings_metrics_again(const struct openings *o)
{
    return socket_listen_again(o->metrics);
}

void openings_metrics_close(struct openings *o)
{
    if (o->metrics >= 0)
        close(o->metrics);
    if (o->metrics_path != NULL)
        unlink(o->metrics_path);
    free(o->metrics_path);
    o->metrics = -1;
    o->metrics_path = NULL;
}
