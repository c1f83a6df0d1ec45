/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of role processes: name, main function, descriptors,
 * sandbox. The supervisor starts each by running the program again with
 * `--role NAME`. What every role does the same way at its start stands here
 * too: role_run() takes the set-up, the role's main function reads its
 * snapshot, enters the sandbox and says that it is ready.
 */
#ifndef SP_GATEWAY_ROLES_H
#define SP_GATEWAY_ROLES_H

#include "gateway/messages.h"
#include "lib/log.h"
#include "lib/sandbox.h"
#include "policy/settings.h"

enum role {
    ROLE_SUPERVISOR,
    ROLE_WORKER,
    ROLE_KEEPER,
    ROLE_DIALER,
    ROLE_CONTROL,
    ROLE_REVOKER,
    ROLE_AUTHORITY,
    ROLE_PUBLISHER,
    ROLE_COUNT
};

/* A role's files, and what else it has from its start on: a keeper its ledger,
 * and what the keeper before left open. */
#define ROLE_FDS_MAX 3

/* Exit statuses of a role. RETRY: what stopped it may go away by itself. */
#define ROLE_EXIT_FAILED 1
#define ROLE_EXIT_RETRY  75

/* What a role's main function gets after the set-up handshake, before its
 * sandbox: everything is the role's own from here on. */
struct role_start {
    enum role role;
    struct setup setup;
    int channel;           /* to the supervisor */
    int fds[ROLE_FDS_MAX]; /* that came with MESSAGE_SETUP */
    size_t nfds;
};

struct role_info {
    const char *name;
    int (*main)(struct role_start *start); /* returns the exit status */
    unsigned sandbox_groups;
    bool tcp_connect; /* Landlock: may connect */
    size_t nfds;      /* descriptors that come with its MESSAGE_SETUP */
};

const struct role_info *role_info(enum role role);
enum role role_from_name(const char *name); /* ROLE_COUNT: none */

/* In the child: hardens the process, waits for MESSAGE_SETUP on descriptor 3
 * and runs the role's main function. Returns the exit status. */
int role_run(const char *name);

/* Names this process in the log ("worker/0"), with the settings' level. */
void role_log(const struct role_start *start, enum log_level level);

/* Enters the sandbox that the table gives this role; `paths` is what it may
 * still reach by name (the keeper: its ledger folder). Call after everything
 * is set up and before role_ready(). SP_EIO, SP_EUNSUPPORTED. */
int role_sandbox(const struct role_start *start,
                 const struct sandbox_path *paths, size_t npaths,
                 size_t max_files, struct sandbox_report *report) SP_MUST_USE;

/* Tells the supervisor that this role is ready. SP_ECLOSED, SP_EIO. */
int role_ready(const struct role_start *start) SP_MUST_USE;
/* Tells the supervisor why this role cannot start (one line, what to do
 * included); returns the exit status to leave with. */
int role_failed(const struct role_start *start, bool retry, const char *format,
                ...) SP_PRINTF(3, 4);

/* For a role's channel to the supervisor. A role without one ends. */
void role_closed(void *arg, int error);
/* A message that the role itself does not know: MESSAGE_STOP ends it at once,
 * with status 0, any other with an error. */
void role_message_other(const uint8_t *data, size_t length, size_t nfds)
    __attribute__((noreturn));
/* A message that this role never gets, or a malformed one: ends the role. */
void role_message_unknown(const uint8_t *data, size_t length, size_t nfds)
    __attribute__((noreturn));

int worker_main(struct role_start *start);
int keeper_main(struct role_start *start);
int dialer_main(struct role_start *start);
int control_main(struct role_start *start);
int revoker_main(struct role_start *start);
int authority_main(struct role_start *start);
int publisher_main(struct role_start *start);

#endif
