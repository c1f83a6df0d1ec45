/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the sockets and the folder that roles work with. Runs in the
 * supervisor; the settings are the operator's, and each failure says what to
 * do about it.
 */
#include "gateway/openings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/messages.h"
#include "ledger/tile.h"
#include "ledger/transcript.h"

/* Handshakes are bounded elsewhere; this is what the kernel may hold when all
 * workers are busy for a moment. */
#define LISTEN_BACKLOG 1024

static int problem(struct report *report, const char *thing, const char *what,
                   const char *advice)
{
    report->errors++;
    if (report->out != NULL)
        fprintf(report->out, "%s: %s: %s\n", thing, what, advice);
    return SP_EINVAL;
}

struct address {
    struct sockaddr_storage socket;
    socklen_t size;
};

/* "127.0.0.1:8443", "[::1]:8443"; port 0 is any free one, which libevent's
 * parser does not let through. */
static int address_parse(const char *text, struct address *a)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->socket;
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2], *end;
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    unsigned long port;

    *a = (struct address){0};
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

static int stream_socket(const struct address *a, bool shared)
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

static int bind_problem(struct report *report, const char *listen)
{
    const char *advice = "expected an address of this machine";

    if (errno == EADDRINUSE)
        advice = "another process listens there: stop it, or change `listen`";
    else if (errno == EACCES)
        advice = "ports under 1024 need CAP_NET_BIND_SERVICE: use another, or "
                 "give the unit AmbientCapabilities=CAP_NET_BIND_SERVICE";
    return problem(report, listen, strerror(errno), advice);
}

/* With SO_REUSEPORT a second daemon of the same user could bind beside us and
 * take half of the connections: ask without it first. */
static int check_free(const struct address *a, const char *listen,
                      struct report *report)
{
    int fd = stream_socket(a, false);

    if (fd < 0)
        return bind_problem(report, listen);
    close(fd);
    return 0;
}

static void name_address(struct opening_listener *l, const struct address *a)
{
    char port[8];

    if (getnameinfo((const struct sockaddr *)&a->socket, a->size, l->address,
                    sizeof(l->address), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        l->port = (unsigned)strtoul(port, NULL, 10);
}

static int open_listener(struct opening_listener *l, const char *listen,
                         unsigned workers, struct report *report)
{
    struct address a;

    if (address_parse(listen, &a) != 0)
        return problem(report, listen, "not an address",
                       "expected 127.0.0.1:8443 or [::1]:8443");
    if (check_free(&a, listen, report) != 0)
        return SP_EINVAL;
    for (unsigned i = 0; i < workers; i++) {
        int fd = stream_socket(&a, true);

        if (fd < 0)
            return bind_problem(report, listen);
        l->fds[l->count++] = fd;
        /* Port 0: the first socket gets one, the others the same. */
        if (i == 0) {
            socklen_t size = sizeof(a.socket);

            if (getsockname(fd, (struct sockaddr *)&a.socket, &size) != 0)
                return bind_problem(report, listen);
            a.size = size;
            name_address(l, &a);
        }
    }
    return 0;
}

static int open_listening(struct openings *o, const struct settings *s,
                          unsigned workers, struct report *report)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->nlisteners; i++)
        r = open_listener(&o->listeners[o->nlisteners++],
                          s->listeners[i].address, workers, report);
    return r;
}

/* One for lists, if the settings have it. */
static int open_publishing(struct openings *o, const struct settings *s,
                           struct report *report)
{
    struct address a;

    if (s->crl_listen == NULL)
        return 0;
    if (address_parse(s->crl_listen, &a) != 0)
        return problem(report, s->crl_listen, "not an address",
                       "expected 127.0.0.1:8080 or [::1]:8080");
    o->publishing = stream_socket(&a, false);
    return o->publishing >= 0 ? 0 : bind_problem(report, s->crl_listen);
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

static int control_address(const char *path, struct sockaddr_un *a,
                           struct report *report)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a->sun_path))
        return problem(report, path, "too long for a socket's name",
                       "set `control` to a path of at most 107 bytes");
    memcpy(a->sun_path, path, strlen(path) + 1);
    return 0;
}

static int open_control(struct openings *o, const struct settings *s,
                        struct report *report)
{
    struct sockaddr_un a;
    struct stat st;

    o->control_path = settings_path(s, s->control);
    if (o->control_path == NULL)
        return SP_ENOMEM;
    if (control_address(o->control_path, &a, report) != 0)
        return SP_EINVAL;
    if (lstat(o->control_path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return problem(report, o->control_path, "is not a socket",
                           "move it away, or change `control`");
        if (somebody_answers(&a))
            return problem(report, o->control_path, "a daemon answers there",
                           "stop it first");
        unlink(o->control_path);
    }
    o->control = bind_control(&a, s->nstaff > 0);
    if (o->control < 0)
        return problem(report, o->control_path, strerror(errno),
                       "expected a folder that the daemon may write to");
    return 0;
}

/* Who can write there can take away what is in it. */
static int check_folder(const char *path, int fd, struct report *report)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return problem(report, path, strerror(errno), "expected a folder");
    if ((st.st_mode & 022) != 0)
        return problem(report, path, "others may write to it",
                       "run `chmod go-w` on it");
    if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) != 0)
        return problem(report, path, strerror(errno),
                       "expected a folder that the daemon may write to");
    return 0;
}

/* A folder of the daemon's own, made if it is missing. */
static int open_folder(const struct settings *s, const char *name, int *fd,
                       struct report *report)
{
    char *path = settings_path(s, name);
    int r;

    if (path == NULL)
        return SP_ENOMEM;
    r = file_make_folders(AT_FDCWD, path, 0700);
    *fd = r != 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        r = problem(report, path, strerror(errno),
                    "expected a folder, or a place to make it");
    else
        r = check_folder(path, *fd, report);
    free(path);
    return r;
}

static const struct openings nothing = {
    .control = -1, .ledger = -1, .transcripts = -1, .publishing = -1};

int openings_open(struct openings *o, const struct settings *s,
                  const struct policy *policy, unsigned workers,
                  struct report *report)
{
    int r;

    *o = nothing;
    r = open_folder(s, s->ledger, &o->ledger, report);
    if (r == 0 && policy_seals(policy))
        r = open_folder(s, s->transcripts, &o->transcripts, report);
    if (r == 0 && (r = open_listening(o, s, workers, report)) == 0)
        r = open_publishing(o, s, report);
    if (r == 0)
        r = open_control(o, s, report);
    if (r != 0)
        openings_close(o);
    return r;
}

int openings_seal(struct openings *o, const struct settings *s,
                  const struct policy *policy)
{
    struct report report = {.out = stderr, .limit = 1};

    if (!policy_seals(policy) || o->transcripts >= 0)
        return 0;
    return open_folder(s, s->transcripts, &o->transcripts, &report);
}

static int check_own(const struct settings *s, const char *name,
                     struct report *report)
{
    char *path = settings_path(s, name);
    int fd, r = 0;

    if (path == NULL)
        return SP_ENOMEM;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        r = check_folder(path, fd, report);
        close(fd);
    } else if (errno != ENOENT) { /* a missing one is made at the start */
        r = problem(report, path, strerror(errno), "expected a folder");
    }
    free(path);
    return r;
}

int openings_check(const struct settings *s, const struct policy *policy,
                   struct report *report)
{
    char *path = settings_path(s, s->control);
    struct sockaddr_un a;
    struct address listen;
    int r = check_own(s, s->ledger, report);

    if (path == NULL)
        return SP_ENOMEM;
    if (policy_seals(policy) && check_own(s, s->transcripts, report) != 0)
        r = SP_EINVAL;
    for (size_t i = 0; i < s->nlisteners; i++)
        if (address_parse(s->listeners[i].address, &listen) != 0)
            r = problem(report, s->listeners[i].address, "not an address",
                        "expected 127.0.0.1:8443 or [::1]:8443");
    if (control_address(path, &a, report) != 0)
        r = SP_EINVAL;
    free(path);
    return r;
}

/* The entry that it was for never became durable, and another has its place:
 * what was sealed then is kept under a name that no entry has. */
static int move_aside(int folder, const char *name)
{
    char aside[TRANSCRIPT_NAME + 12];

    for (int i = 1; i < 100; i++) {
        snprintf(aside, sizeof(aside), "%s.%d", name, i);
        if (renameat2(folder, name, folder, aside, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    return sp_error_from_errno();
}

int openings_transcript(const struct openings *o, uint64_t n)
{
    const int flags =
        O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    char name[TRANSCRIPT_NAME];
    int fd;

    if (o->transcripts < 0)
        return SP_ENOENT;
    transcript_name(n, name);
    fd = openat(o->transcripts, name, flags, 0600);
    if (fd < 0 && errno == EEXIST && move_aside(o->transcripts, name) == 0)
        fd = openat(o->transcripts, name, flags, 0600);
    return fd >= 0 ? fd : sp_error_from_errno();
}

int openings_log_file(const struct openings *o, int level, uint64_t index,
                      unsigned width)
{
    char path[TILE_PATH_MAX] = "checkpoint";
    int fd, r = 0;

    if (level == LOG_FILE_COSIGNED)
        strcpy(path, "checkpoint.cosigned");
    else if (level != LOG_FILE_CHECKPOINT)
        r = tile_path(level, index, width, path);
    if (r != 0)
        return r;
    fd =
        openat(o->ledger, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 ? fd : sp_error_from_errno();
}

int openings_listen_again(const struct openings *o, size_t worker)
{
    for (size_t i = 0; i < o->nlisteners; i++)
        if (listen(o->listeners[i].fds[worker], LISTEN_BACKLOG) != 0)
            return sp_error_from_errno();
    return 0;
}

int openings_publish_again(const struct openings *o)
{
    return listen(o->publishing, LISTEN_BACKLOG) == 0 ? 0
                                                      : sp_error_from_errno();
}

void openings_stop_listening(struct openings *o)
{
    for (size_t i = 0; i < o->nlisteners; i++) {
        struct opening_listener *l = &o->listeners[i];

        while (l->count > 0)
            close(l->fds[--l->count]);
    }
}

void openings_close(struct openings *o)
{
    openings_stop_listening(o);
    if (o->control >= 0) {
        close(o->control);
        unlink(o->control_path);
    }
    if (o->publishing >= 0)
        close(o->publishing);
    if (o->ledger >= 0)
        close(o->ledger);
    if (o->transcripts >= 0)
        close(o->transcripts);
    free(o->control_path);
    *o = nothing;
}
