/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and connects to the control socket of a deployment, and gives orders
 * over it. Runs in the command, as an operator; what answers is not trusted.
 */
#include "ctl/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/channel.h"
#include "lib/file.h"
#include "policy/settings.h"

/* A disk may be slow; a daemon that says nothing for so long stands still. */
#define ANSWER_MS 60000
/* One that does not even accept for so long. */
#define CONNECT_S 10

/* DIR itself, or the file in it. */
static void config_path(const char *dir, char *path, size_t size)
{
    struct stat st;

    if (stat(dir, &st) == 0 && S_ISREG(st.st_mode))
        snprintf(path, size, "%s", dir);
    else
        snprintf(path, size, "%s/sallyport.yaml", dir);
}

/* The control socket's path, malloc'd, or NULL after a message. */
static char *control_path(const char *verb, const char *dir)
{
    struct report report = {.out = stderr, .limit = LIMIT_POLICY_ERRORS};
    struct settings *settings = NULL;
    char config[4096], folder[4096];
    uint8_t *yaml = NULL;
    size_t length;
    char *path = NULL, *slash;
    struct stat st;
    int r;

    if (stat(dir, &st) == 0 && S_ISSOCK(st.st_mode))
        return strdup(dir); /* needs no settings, which may be broken now */
    config_path(dir, config, sizeof(config));
    snprintf(folder, sizeof(folder), "%s", config);
    slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    else
        strcpy(folder, ".");
    r = file_read(AT_FDCWD, config, LIMIT_POLICY_BYTES, &yaml, &length);
    if (r != 0)
        fprintf(stderr, "sallyport %s: %s: %s\n", verb, config, sp_strerror(r));
    else if (settings_parse(config, (const char *)yaml, length, folder, &report,
                            &settings) == 0)
        path = settings_path(settings, settings->control);
    settings_free(settings);
    free(yaml);
    return path;
}

int control_connect_path(const char *path, int *fd)
{
    /* What connect() waits for room in the backlog (unix(7), socket(7)). */
    static const struct timeval limit = {.tv_sec = CONNECT_S};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int r;

    if (strlen(path) >= sizeof(a.sun_path))
        return SP_ETOOBIG;
    memcpy(a.sun_path, path, strlen(path));
    *fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return sp_error_from_errno();
    if (setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        connect(*fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
        return 0;
    if (errno == EAGAIN)
        r = SP_ETIMEDOUT;
    else
        r = errno == ENOENT || errno == ECONNREFUSED ? SP_ECLOSED
                                                     : sp_error_from_errno();
    close(*fd);
    return r;
}

int control_exchange(int fd, uint8_t *data, size_t capacity, size_t *length)
{
    size_t nfds = 0;
    int r = channel_send_wait(fd, data, *length, NULL, 0, ANSWER_MS);

    return r != 0 ? r
                  : channel_receive_wait(fd, data, capacity, length, NULL,
                                         &nfds, ANSWER_MS);
}

int control_order(int fd, const struct order *order, struct order_answer *a)
{
    uint8_t data[CONTROL_MESSAGE_MAX];
    size_t length;
    int r = ask_order_put(order, data, sizeof(data), &length);

    if (r == 0)
        r = control_exchange(fd, data, sizeof(data), &length);
    if (r == 0)
        r = answer_order_get(a, data, length);
    return r;
}

const char *control_text_take(char *to, size_t size, const char *text,
                              int first)
{
    if (strlen(text) >= size)
        return "too long";
    for (const char *c = text; *c; c++)
        if (*c < first || *c > 0x7e)
            return "only printable characters are allowed";
    memcpy(to, text, strlen(text) + 1);
    return NULL;
}

void control_no_answer(const char *verb, const char *where, int error)
{
    fprintf(stderr,
            "sallyport %s: %s: no daemon answers (%s): is sallyportd running, "
            "and may you give it orders?\n",
            verb, where, sp_strerror(error));
}

static int connect_telling(const char *verb, const char *dir, int *fd,
                           bool quiet)
{
    char *path = control_path(verb, dir);
    int r;

    if (path == NULL)
        return SP_EINVAL;
    r = control_connect_path(path, fd);
    if (r != 0 && !(quiet && (r == SP_ECLOSED || r == SP_EPERM)))
        control_no_answer(verb, path, r);
    free(path);
    return r;
}

int control_connect(const char *verb, const char *dir, int *fd)
{
    return connect_telling(verb, dir, fd, false);
}

int control_connect_quiet(const char *verb, const char *dir, int *fd)
{
    return connect_telling(verb, dir, fd, true);
}

int control_give(const char *verb, const char *dir, const struct order *order,
                 struct order_answer *a)
{
    int fd, r = control_connect(verb, dir, &fd);

    if (r != 0)
        return r;
    r = control_order(fd, order, a);
    close(fd);
    if (r != 0)
        control_no_answer(verb, dir, r);
    return r;
}
