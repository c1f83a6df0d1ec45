/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the daemon that the authority's index has changed. Runs in the command,
 * between the index and the certificate's file. The answer comes when what was
 * new is in the ledger, on disk.
 */
#include "ctl/ca_announce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/verbs.h"
#include "gateway/control_messages.h"
#include "lib/channel.h"

/* A disk may be slow; a daemon that says nothing for so long stands still. */
#define ANSWER_MS 60000

/* The daemon's socket; -1 with *none: there is no daemon. */
static int daemon_connect(const char *path, bool *none)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd;

    *none = false;
    if (strlen(path) >= sizeof(a.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(a.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    *none = errno == ENOENT || errno == ECONNREFUSED;
    close(fd);
    return -1;
}

static int order_give(int fd, struct order_answer *a)
{
    const struct order order = {.verb = ORDER_CERTIFICATES,
                                .target = "authority"};
    uint8_t data[CONTROL_MESSAGE_MAX];
    size_t length, nfds = 0;
    int r = ask_order_put(&order, data, sizeof(data), &length);

    if (r == 0)
        r = channel_send_wait(fd, data, length, NULL, 0, ANSWER_MS);
    if (r == 0)
        r = channel_receive_wait(fd, data, sizeof(data), &length, NULL, &nfds,
                                 ANSWER_MS);
    if (r == 0)
        r = answer_order_get(a, data, length);
    return r;
}

static int complain(const char *why)
{
    fprintf(stderr,
            "sallyport ca: the daemon that runs did not take up the authority's "
            "index: %s\nWhat was done is in the index and will be in the ledger "
            "when the daemon reads it again (SIGHUP, or a start).\n",
            why);
    return EXIT_FAILS;
}

int authority_announce(const struct settings *settings)
{
    struct order_answer a;
    char *path;
    bool none;
    int fd, r;

    if (settings == NULL)
        return EXIT_HOLDS;
    if ((path = settings_path(settings, settings->control)) == NULL)
        return complain(sp_strerror(SP_ENOMEM));
    fd = daemon_connect(path, &none);
    free(path);
    if (fd < 0)
        return none ? EXIT_HOLDS : complain(strerror(errno));
    r = order_give(fd, &a);
    close(fd);
    if (r != 0)
        return complain(sp_strerror(r));
    if (a.error != 0)
        return complain(a.text[0] != '\0' ? a.text : sp_strerror(a.error));
    return EXIT_HOLDS;
}
