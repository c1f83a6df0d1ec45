/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the sockets and the folder that roles work with. Runs in the
 * supervisor; the settings are the operator's, and each failure says what to
 * do about it.
 */
#include "gateway/openings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/messages.h"
#include "gateway/sockets.h"
#include "ledger/tile.h"
#include "ledger/transcript.h"

/* --- The socket for lists, if the settings have it --- */

static int publishing_address(const struct settings *s,
                              struct socket_address *a, struct report *report)
{
    if (socket_address_parse(s->crl_listen, a) == 0)
        return 0;
    return report_problem(report, s->crl_listen, "not an address",
                          "expected 127.0.0.1:8080 or [::1]:8080");
}

static int take_publishing(struct openings *o, const struct settings *s,
                           struct inherited *in, struct report *report)
{
    struct inherited_socket *given = inherited_next(in, "crl");
    struct socket_address a, bound;

    if (s->crl_listen == NULL || given == NULL)
        return 0;
    if (publishing_address(s, &a, report) != 0 ||
        socket_check_stream(given->fd, given->thing, report, &bound) != 0)
        return SP_EINVAL;
    if (!socket_address_serves(&bound, &a))
        return report_problem(report, given->thing,
                              "is bound to another address",
                              "expected that of `crl.listen`");
    o->publishing = given->fd;
    given->taken = true;
    return 0;
}

static int open_publishing(struct openings *o, const struct settings *s,
                           struct report *report)
{
    struct socket_address a;

    if (s->crl_listen == NULL || o->publishing >= 0)
        return 0;
    if (publishing_address(s, &a, report) != 0)
        return SP_EINVAL;
    o->publishing = socket_listen(&a, false);
    return o->publishing >= 0 ? 0
                              : socket_listen_problem(report, s->crl_listen);
}

/* --- The control socket --- */

static int take_control(struct openings *o, const struct settings *s,
                        struct inherited *in, struct report *report)
{
    struct inherited_socket *given = inherited_next(in, "control");

    if (given == NULL)
        return 0;
    if (socket_check_control(given->fd, given->thing, o->control_path,
                             s->nstaff > 0, report) != 0)
        return SP_EINVAL;
    o->control = given->fd;
    o->control_held = true;
    given->taken = true;
    return 0;
}

static int open_control(struct openings *o, const struct settings *s,
                        struct report *report)
{
    struct sockaddr_un a;

    if (o->control >= 0)
        return 0;
    if (socket_control_address(o->control_path, &a, report) != 0)
        return SP_EINVAL;
    return socket_control_listen(&a, s->nstaff > 0, report, &o->control);
}

/* One that was handed over has the mode of its unit. */
void openings_share_control(const struct openings *o, bool shared)
{
    if (!o->control_held && chmod(o->control_path, shared ? 0666 : 0600) != 0)
        log_warn("control_not_shared", "path=%s error=%s",
                 log_quote(o->control_path), log_quote(strerror(errno)));
}

/* --- All sockets --- */

/* What is handed over comes first: a mistake in it is not to be told as an
 * address that is in use. Each that is wrong is told. */
static int take_sockets(struct openings *o, const struct settings *s,
                        struct inherited *in, struct report *report)
{
    int r = openings_take_listeners(o, s, in, report);

    if (take_publishing(o, s, in, report) != 0)
        r = SP_EINVAL;
    if (take_control(o, s, in, report) != 0)
        r = SP_EINVAL;
    if (openings_take_metrics(o, s, in, report) != 0)
        r = SP_EINVAL;
    return r != 0 ? r : inherited_unused(in, report);
}

static int open_sockets(struct openings *o, const struct settings *s,
                        unsigned workers, struct inherited *in,
                        struct report *report)
{
    int r;

    o->control_path = settings_path(s, s->control);
    if (o->control_path == NULL)
        return SP_ENOMEM;
    if ((r = take_sockets(o, s, in, report)) == 0 &&
        (r = openings_open_listeners(o, s, workers, report)) == 0 &&
        (r = open_publishing(o, s, report)) == 0 &&
        (r = open_control(o, s, report)) == 0)
        r = openings_open_metrics(o, s, report);
    return r;
}

/* Who can write there can take away what is in it. */
static int check_folder(const char *path, int fd, struct report *report)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return report_problem(report, path, strerror(errno),
                              "expected a folder");
    if ((st.st_mode & 022) != 0)
        return report_problem(report, path, "others may write to it",
                              "run `chmod go-w` on it");
    if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) != 0)
        return report_problem(report, path, strerror(errno),
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
        r = report_problem(report, path, strerror(errno),
                           "expected a folder, or a place to make it");
    else
        r = check_folder(path, *fd, report);
    free(path);
    return r;
}

int openings_check_hook(const struct settings *s, struct report *report)
{
    char *path =
        s->notice_hook == NULL ? NULL : settings_path(s, s->notice_hook);
    struct stat st;
    int r = 0;

    if (path == NULL)
        return s->notice_hook == NULL ? 0 : SP_ENOMEM;
    if (stat(path, &st) != 0)
        r = report_problem(report, path, strerror(errno),
                           "expected the program of `notices.hook`");
    else if (!S_ISREG(st.st_mode) ||
             faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
        r = report_problem(report, path, "is no program",
                           "expected a file that the daemon may run, for "
                           "`notices.hook`");
    else if ((st.st_mode & 022) != 0 ||
             (st.st_uid != 0 && st.st_uid != geteuid()))
        r = report_problem(report, path, "others may write to it",
                           "run `chmod go-w` on it, and give it to root or the "
                           "daemon's user");
    free(path);
    return r;
}

static const struct openings nothing = {.control = -1,
                                        .ledger = -1,
                                        .transcripts = -1,
                                        .publishing = -1,
                                        .metrics = -1};

int openings_open(struct openings *o, const struct settings *s,
                  const struct policy *policy, unsigned workers,
                  struct inherited *in, struct report *report)
{
    int r;

    *o = nothing;
    if ((r = openings_check_hook(s, report)) != 0)
        return r;
    r = open_folder(s, s->ledger, &o->ledger, report);
    if (r == 0 && policy_seals(policy))
        r = open_folder(s, s->transcripts, &o->transcripts, report);
    if (r == 0)
        r = open_sockets(o, s, workers, in, report);
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
        r = report_problem(report, path, strerror(errno), "expected a folder");
    }
    free(path);
    return r;
}

int openings_check(const struct settings *s, const struct policy *policy,
                   struct report *report)
{
    char *path = settings_path(s, s->control);
    struct sockaddr_un a;
    struct socket_address listen;
    int r = check_own(s, s->ledger, report);

    if (path == NULL)
        return SP_ENOMEM;
    if (policy_seals(policy) && check_own(s, s->transcripts, report) != 0)
        r = SP_EINVAL;
    for (size_t i = 0; i < s->nlisteners; i++)
        if (socket_address_parse(s->listeners[i].address, &listen) != 0)
            r = report_problem(report, s->listeners[i].address,
                               "not an address",
                               "expected 127.0.0.1:8443 or [::1]:8443");
    if (socket_control_address(path, &a, report) != 0 ||
        openings_check_hook(s, report) != 0)
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

int openings_publish_again(const struct openings *o)
{
    return socket_listen_again(o->publishing);
}

void openings_close(struct openings *o)
{
    openings_stop_listening(o);
    if (o->control >= 0) {
        close(o->control);
        if (!o->control_held)
            unlink(o->control_path);
    }
    if (o->publishing >= 0)
        close(o->publishing);
    if (o->ledger >= 0)
        close(o->ledger);
    if (o->transcripts >= 0)
        close(o->transcripts);
    openings_metrics_close(o);
    free(o->control_path);
    *o = nothing;
}
