/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what a service manager hands over. Runs in the supervisor, before it
 * has opened anything. The environment is the service manager's; one that is
 * not as the protocol says ends the start.
 */
#include "gateway/inherited.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* A decimal number and nothing else; -1. */
static long number(const char *text)
{
    char *end;
    long n;

    if (text[0] < '0' || text[0] > '9')
        return -1;
    n = strtol(text, &end, 10);
    return *end == '\0' ? n : -1;
}

static int describe(struct inherited *in, struct report *report)
{
    char *rest = in->names;

    for (size_t i = 0; i < in->count; i++) {
        struct inherited_socket *s = &in->sockets[i];
        const char *name = rest != NULL ? strsep(&rest, ":") : NULL;

        *s = (struct inherited_socket){.fd = FIRST_FD + (int)i};
        if (in->names != NULL && name == NULL)
            return report_problem(report, "LISTEN_FDNAMES", "too few names",
                                  "expected one for each of LISTEN_FDS");
        s->name = name != NULL ? name : "";
        snprintf(s->thing, sizeof(s->thing), "descriptor %d (%.40s)", s->fd,
                 s->name[0] != '\0' ? s->name : "without a name");
        if (fcntl(s->fd, F_SETFD, FD_CLOEXEC) != 0)
            return report_problem(report, s->thing, "is not open",
                                  "expected as many as LISTEN_FDS says");
    }
    if (rest != NULL)
        return report_problem(report, "LISTEN_FDNAMES", "too many names",
                              "expected one for each of LISTEN_FDS");
    return 0;
}

static int take(struct inherited *in, const char *fds, const char *names,
                struct report *report)
{
    long count = number(fds);
    int r;

    if (count < 0 || count > INHERITED_MAX)
        return report_problem(report, "LISTEN_FDS", fds,
                              "expected how many sockets are handed over");
    if (names != NULL && (in->names = strdup(names)) == NULL)
        return SP_ENOMEM;
    in->count = count > 0 ? (size_t)count : 0;
    r = in->count > 0 ? describe(in, report) : 0;
    /* The rest were not looked at: whose they are is not known. */
    if (r != 0)
        in->count = 0;
    return r;
}

int inherited_take(struct inherited *in, struct report *report)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    int r = 0;

    in->count = 0;
    in->names = NULL;
    /* A parent's, which came down to us. */
    if (pid != NULL && fds != NULL && number(pid) == (long)getpid())
        r = take(in, fds, getenv("LISTEN_FDNAMES"), report);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_PIDFDID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return r;
}

int inherited_add(struct inherited *in, int fd, const char *name)
{
    struct inherited_socket *s = &in->sockets[in->count];

    if (in->count == INHERITED_MAX || strlen(name) >= sizeof(s->own_name))
        return SP_ETOOBIG;
    *s = (struct inherited_socket){.fd = fd, .name = s->own_name};
    memcpy(s->own_name, name, strlen(name) + 1);
    snprintf(s->thing, sizeof(s->thing), "descriptor %d (%s)", fd, name);
    in->count++;
    return 0;
}

struct inherited_socket *inherited_next(struct inherited *in, const char *name)
{
    for (size_t i = 0; i < in->count; i++)
        if (!in->sockets[i].taken && strcmp(in->sockets[i].name, name) == 0)
            return &in->sockets[i];
    return NULL;
}

int inherited_unused(const struct inherited *in, struct report *report)
{
    int r = 0;

    for (size_t i = 0; i < in->count; i++)
        if (!in->sockets[i].taken)
            r = report_problem(report, in->sockets[i].thing,
                               "no setting asks for it",
                               "expected FileDescriptorName=listener, control "
                               "or crl, and the setting that it is for");
    return r;
}

void inherited_release(struct inherited *in)
{
    for (size_t i = 0; i < in->count; i++)
        if (!in->sockets[i].taken)
            close(in->sockets[i].fd);
    free(in->names);
    in->names = NULL;
    in->count = 0;
}
