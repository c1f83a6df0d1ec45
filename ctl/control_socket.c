/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and connects to the control socket of a deployment. Runs in the
 * command, as an operator.
 */
#include "ctl/control_socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/file.h"
#include "policy/settings.h"

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
    int r;

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

static int connect_to(const char *path, int *fd)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(a.sun_path))
        return SP_ETOOBIG;
    memcpy(a.sun_path, path, strlen(path));
    *fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return sp_error_from_errno();
    if (connect(*fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        close(*fd);
        return SP_ECLOSED;
    }
    return 0;
}

void control_no_answer(const char *verb, const char *where, int error)
{
    fprintf(stderr,
            "sallyport %s: %s: no daemon answers (%s): is sallyportd running, "
            "and may you give it orders?\n",
            verb, where, sp_strerror(error));
}

int control_connect(const char *verb, const char *dir, int *fd)
{
    char *path = control_path(verb, dir);
    int r;

    if (path == NULL)
        return SP_EINVAL;
    r = connect_to(path, fd);
    if (r != 0)
        control_no_answer(verb, path, r);
    free(path);
    return r;
}
