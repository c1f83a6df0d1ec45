/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the daemon that the authority's index has changed. Runs in the command,
 * between the index and the certificate's file. The answer comes when what was
 * new is in the ledger, on disk.
 */
#include "ctl/ca_announce.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/control_socket.h"
#include "ctl/verbs.h"

static int complain(const char *why)
{
    fprintf(
        stderr,
        "sallyport ca: the daemon that runs did not take up the authority's "
        "index: %s\nWhat was done is in the index and will be in the ledger "
        "when the daemon reads it again (SIGHUP, or a start).\n",
        why);
    return EXIT_FAILS;
}

int authority_announce(const struct settings *settings)
{
    const struct order order = {.verb = ORDER_CERTIFICATES,
                                .target = "authority"};
    struct order_answer a;
    char *path;
    int fd, r;

    if (settings == NULL)
        return EXIT_HOLDS;
    if ((path = settings_path(settings, settings->control)) == NULL)
        return complain(sp_strerror(SP_ENOMEM));
    r = control_connect_path(path, &fd);
    free(path);
    if (r == SP_ECLOSED) /* no daemon runs */
        return EXIT_HOLDS;
    if (r != 0)
        return complain(sp_strerror(r));
    r = control_order(fd, &order, &a);
    close(fd);
    if (r != 0)
        return complain(sp_strerror(r));
    if (a.error != 0)
        return complain(a.text[0] != '\0' ? a.text : sp_strerror(a.error));
    return EXIT_HOLDS;
}
