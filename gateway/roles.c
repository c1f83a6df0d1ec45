/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of roles, and the steps that every role's start has in common.
 * Runs in every process but the supervisor. The messages it reads here
 * come from the supervisor, which it trusts.
 */
#include "gateway/roles.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/process.h"

/* The supervisor sends MESSAGE_SETUP right after the start. */
#define SETUP_WAIT_MS 10000
#define SEND_WAIT_MS  2000

static const struct role_info table[ROLE_COUNT] = {
    [ROLE_SUPERVISOR] = {.name = "supervisor"},
    [ROLE_WORKER] =
        {
            .name = "worker",
            .main = worker_main,
            .sandbox_groups = SANDBOX_BASE | SANDBOX_STREAM | SANDBOX_ACCEPT,
            .nfds = 2,
        },
    [ROLE_KEEPER] =
        {
            .name = "keeper",
            .main = keeper_main,
            .sandbox_groups = SANDBOX_BASE | SANDBOX_FILES | SANDBOX_THREADS,
            .nfds = 2,
        },
    [ROLE_DIALER] =
        {
            .name = "dialer",
            .main = dialer_main,
            .sandbox_groups = SANDBOX_BASE | SANDBOX_STREAM | SANDBOX_CONNECT |
                              SANDBOX_MEMORY,
            .tcp_connect = true,
            .nfds = 1,
        },
    [ROLE_CONTROL] =
        {
            .name = "control",
            .main = control_main,
            .sandbox_groups = SANDBOX_BASE | SANDBOX_STREAM | SANDBOX_ACCEPT,
            .nfds = 2,
        },
    [ROLE_REVOKER] =
        {
            .name = "revoker",
            .main = revoker_main,
            .sandbox_groups = SANDBOX_BASE | SANDBOX_MEMORY,
            .nfds = 1,
        },
    [ROLE_AUTHORITY] =
        {
            .name = "authority",
            .main = authority_main,
            .sandbox_groups = SANDBOX_BASE | SANDBOX_FILES,
            .nfds = 2,
        },
    [ROLE_PUBLISHER] =
        {
            .name = "publisher",
            .main = publisher_main,
            .sandbox_groups =
                SANDBOX_BASE | SANDBOX_STREAM | SANDBOX_ACCEPT | SANDBOX_MEMORY,
            .nfds = 2,
        },
};

const struct role_info *role_info(enum role role)
{
    return &table[(unsigned)role < ROLE_COUNT ? role : ROLE_SUPERVISOR];
}

enum role role_from_name(const char *name)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (table[i].main != NULL && strcmp(table[i].name, name) == 0)
            return (enum role)i;
    return ROLE_COUNT;
}

static int setup_receive(struct role_start *start)
{
    uint8_t data[CHANNEL_MESSAGE_MAX];
    size_t length = 0, wanted;
    int r;

    start->nfds = sizeof(start->fds) / sizeof(start->fds[0]);
    r = channel_receive_wait(start->channel, data, sizeof(data), &length,
                             start->fds, &start->nfds, SETUP_WAIT_MS);
    if (r == 0)
        r = setup_get(&start->setup, data, length);
    wanted = table[start->role].nfds + start->setup.handover;
    if (r == 0 && start->nfds != wanted)
        r = SP_EPROTO;
    return r;
}

void role_log(const struct role_start *start, enum log_level level)
{
    char name[32];

    if (start->role == ROLE_WORKER)
        snprintf(name, sizeof(name), "worker/%u", start->setup.index);
    else
        snprintf(name, sizeof(name), "%s", table[start->role].name);
    log_open(name, level);
}

/* A terminal's and an init system's signals go to every process of a group,
 * but only the supervisor ends the daemon, in order. If it is gone, the kernel
 * ends us (PR_SET_PDEATHSIG). A file past its limit is an error of write(2). */
static void role_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
}

int role_run(const char *name)
{
    struct role_start start = {.role = role_from_name(name),
                               .channel = PROCESS_CHANNEL_FD};
    int r;

    log_open(start.role == ROLE_COUNT ? "role" : name, LOG_LEVEL_INFO);
    if (start.role == ROLE_COUNT)
        fatal("role_unknown", "name=%s", log_quote(name));
    if ((r = process_harden()) != 0)
        fatal("role_not_started_by_supervisor", "error=%s advice=%s",
              log_quote(sp_strerror(r)), log_quote("--role is internal"));
    role_signals();
    if ((r = setup_receive(&start)) != 0)
        fatal("role_setup_failed", "error=%s", log_quote(sp_strerror(r)));
    role_log(&start, LOG_LEVEL_INFO);
#ifdef SP_HOOKS
    if (getenv("SALLYPORT_CLOCK") != NULL)
        clock_hook_offset(getenv("SALLYPORT_CLOCK"));
#endif
    return table[start.role].main(&start);
}

/* The system tests look from inside each role at what it can still do. */
static void role_probe(const struct role_start *start)
{
#ifdef SP_HOOKS
    const char *role = getenv("SALLYPORT_PROBE");
    const char *key = getenv("SALLYPORT_PROBE_KEY");

    if (role != NULL && strcmp(role, table[start->role].name) == 0)
        sandbox_probe(role, key != NULL ? key : "");
#else
    (void)start;
#endif
}

int role_sandbox(const struct role_start *start,
                 const struct sandbox_path *paths, size_t npaths,
                 size_t max_files, struct sandbox_report *report)
{
    const struct role_info *info = &table[start->role];
    struct sandbox box = {
        .role = info->name,
        .groups = info->sandbox_groups,
        .paths = paths,
        .npaths = npaths,
        .tcp_connect = info->tcp_connect,
        .max_files = max_files,
        .debug = start->setup.landlock_debug != 0,
    };
    int r = sandbox_enter(&box, report);

    if (r == 0)
        role_probe(start);
    return r;
}

int role_ready(const struct role_start *start)
{
    uint8_t data[16];
    size_t length;
    int r = ready_put(data, sizeof(data), &length);

    if (r != 0)
        return r;
    return channel_send_wait(start->channel, data, length, NULL, 0,
                             SEND_WAIT_MS);
}

int role_failed(const struct role_start *start, bool retry, const char *format,
                ...)
{
    struct failed v = {.retry = retry};
    uint8_t data[sizeof(v) + 64];
    size_t length;
    va_list ap;

    va_start(ap, format);
    vsnprintf(v.problem, sizeof(v.problem), format, ap);
    va_end(ap);
    if (failed_put(&v, data, sizeof(data), &length) != 0 ||
        channel_send_wait(start->channel, data, length, NULL, 0,
                          SEND_WAIT_MS) != 0)
        log_error("role_failed", "problem=%s", log_quote(v.problem));
    return retry ? ROLE_EXIT_RETRY : ROLE_EXIT_FAILED;
}

void role_closed(void *arg, int error)
{
    (void)arg;
    fatal("supervisor_gone", "error=%s", log_quote(sp_strerror(error)));
}

void role_message_other(const uint8_t *data, size_t length, size_t nfds)
{
    struct stop stop;

    if (message_type(data, length) == MESSAGE_STOP && nfds == 0 &&
        stop_get(&stop, data, length) == 0)
        exit(0);
    role_message_unknown(data, length, nfds);
}

void role_message_unknown(const uint8_t *data, size_t length, size_t nfds)
{
    fatal("supervisor_message_unknown", "type=%u fds=%zu",
          message_type(data, length), nfds);
}
