/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of role processes: name, main function, sandbox. The
 * supervisor starts each by running the program again with `--role NAME`.
 */
#ifndef SP_GATEWAY_ROLES_H
#define SP_GATEWAY_ROLES_H

#include "gateway/messages.h"
#include "lib/sandbox.h"

enum role { ROLE_SUPERVISOR, ROLE_WORKER, ROLE_KEEPER, ROLE_DIALER, ROLE_CONTROL, ROLE_COUNT };

/* What a role's main function gets after the set-up handshake, before its
 * sandbox: everything is the role's own from here on. */
struct role_start {
    enum role role;
    struct setup setup;
    int channel;          /* to the supervisor */
    int fds[8];           /* that came with MESSAGE_SETUP */
    size_t nfds;
};

struct role_info {
    const char *name;
    int (*main)(struct role_start *start); /* returns the exit status */
    unsigned sandbox_groups;
};

const struct role_info *role_info(enum role role);
enum role role_from_name(const char *name); /* ROLE_COUNT: none */

int worker_main(struct role_start *start);
int keeper_main(struct role_start *start);
int dialer_main(struct role_start *start);
int control_main(struct role_start *start);

#endif
