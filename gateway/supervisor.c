/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: reads and opens everything, starts the roles, and ends the
 * daemon in order. No outsider's byte reaches it.
 */
#include "gateway/supervisor.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/approvals.h"
#include "gateway/notify.h"
#include "gateway/processes.h"
#include "gateway/upgrade_state.h"
#include "lib/clock.h"

/* Beyond the drain deadline, before a worker is killed; and for the others'
 * end (the keeper syncs and publishes everything). */
#define STOP_GRACE_MS  1000
#define STOP_KEEPER_MS 60000
/* From the start on. */
#define START_PATIENCE_S 5
/* Signals closer together than this are one. */
#define STOP_TWICE_MS 300

static struct supervisor supervisor;

/* Workers are given the listening sockets once everybody is ready: until then
 * who connects waits with the kernel, and is not refused because the keeper
 * still reads its ledger. Whoever would wait for long is told so instead. */
static void accept_begin(struct supervisor *s)
{
    if (s->accepting)
        return;
    s->accepting = true;
    event_del(s->patience);
    for (unsigned i = 0; i < LIMIT_WORKERS; i++)
        if (s->processes[WORKERS + i].state == ROLE_STATE_READY)
            supervisor_listen(s, &s->processes[WORKERS + i]);
}

static void on_patience_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    log_warn("start_takes_long", "effect=%s",
             log_quote("connections are taken, and refused for now"));
    accept_begin(arg);
}

static void patience_init(struct supervisor *s)
{
    const struct timeval wait = {.tv_sec = START_PATIENCE_S};

    s->patience = event_new(s->base, -1, 0, on_patience_over, s);
    if (s->patience == NULL || event_add(s->patience, &wait) != 0)
        fatal("event", "error=%s", log_quote("out of memory"));
}

void supervisor_ready(struct supervisor *s)
{
    const struct openings *o = &s->openings;

    for (size_t i = 0; i < processes_count(s); i++)
        if (!s->processes[i].unused &&
            s->processes[i].state != ROLE_STATE_READY)
            return;
    if (s->phase != PHASE_STARTING || !supervisor_revocation_ready(s))
        return;
    s->phase = PHASE_RUNNING;
    accept_begin(s);
    for (size_t i = 0; i < o->nlisteners; i++)
        log_info("listening", "address=%s port=%u profile=%s test_pki=%s",
                 o->listeners[i].address, o->listeners[i].port,
                 s->snapshot.settings->listeners[i].profile,
                 s->snapshot.settings->listeners[i].allow_test_pki ? "allow"
                                                                   : "refuse");
    log_info("ready", "address=%s port=%u workers=%u policy=%u pid=%d",
             o->listeners[0].address, o->listeners[0].port, s->nworkers,
             s->snapshot.policy->serial, (int)getpid());
    supervisor_tell_roles(s);
    supervisor_status(s, "READY=1");
    if (s->upgrade.follows) {
        s->upgrade.follows = false;
        supervisor_handover(s);
    }
    if (s->reload_wanted)
        supervisor_reload(s);
}

void supervisor_leave(struct supervisor *s, int exit_status)
{
    s->exit_status = exit_status;
    event_base_loopbreak(s->base);
}

/* --- Ending the daemon --- */

static bool workers_gone(const struct supervisor *s)
{
    for (unsigned i = 0; i < LIMIT_WORKERS; i++)
        if (s->processes[WORKERS + i].alive)
            return false;
    return true;
}

static bool rest_gone(const struct supervisor *s)
{
    for (size_t i = DIALER; i < WORKERS; i++)
        if (s->processes[i].alive)
            return false;
    return true;
}

/* Workers first, then the keeper (who writes down their ends), then the rest.
 * Called whenever something has ended. */
void supervisor_stop_next(struct supervisor *s)
{
    if (s->phase == PHASE_DRAINING && workers_gone(s)) {
        s->phase = PHASE_KEEPER;
        process_stop(&s->processes[KEEPER], clock_boot_ms(), STOP_KEEPER_MS);
    }
    if (s->phase == PHASE_KEEPER && !s->processes[KEEPER].alive) {
        s->phase = PHASE_REST;
        for (size_t i = DIALER; i < WORKERS; i++)
            process_stop(&s->processes[i], clock_boot_ms(), STOP_GRACE_MS);
    }
    if (s->phase == PHASE_REST && rest_gone(s))
        event_base_loopbreak(s->base);
}

void supervisor_drain(struct supervisor *s, int64_t within_ms)
{
    int64_t deadline = clock_boot_ms() + within_ms;

    if (supervisor_handing_over(s)) {
        supervisor_handover_drain(s, within_ms);
        return;
    }
    log_info("stopping", "drain_ms=%lld", (long long)within_ms);
    notify("STOPPING=1\nSTATUS=Draining");
    s->phase = PHASE_DRAINING;
    s->stop_asked = clock_boot_ms();
    openings_stop_listening(&s->openings);
    event_del(s->patience);
    for (size_t i = 0; i < processes_count(s); i++)
        event_del(s->processes[i].again);
    for (unsigned i = 0; i < LIMIT_WORKERS; i++)
        process_stop(&s->processes[WORKERS + i], deadline,
                     within_ms + STOP_GRACE_MS);
    supervisor_tell_roles(s);
    supervisor_stop_next(s);
}

static void on_stop_signal(evutil_socket_t number, short what, void *arg)
{
    struct supervisor *s = arg;

    (void)what;
    if (s->phase < PHASE_DRAINING) {
        supervisor_drain(s, s->snapshot.settings->drain_ms);
        return;
    }
    /* timeout(1) and some init systems signal the process and then its group:
     * that is one order, given twice. */
    if (clock_boot_ms() - s->stop_asked < STOP_TWICE_MS)
        return;
    log_warn("stopping_at_once", "signal=%d", (int)number);
    supervisor_leave(s, 1);
}

static void on_reload_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    supervisor_reload(arg);
}

#ifdef SP_HOOKS
static void on_handover_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    supervisor_handover(arg);
}
#endif

static void on_upgrade_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    supervisor_upgrade(arg);
}

static void on_child(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    processes_reap(arg);
    supervisor_notices_reap(arg);
    supervisor_upgrade_reap(arg);
}

/* --- The start of the daemon --- */

/* Each connection may need one to its client, one to its model, and one of its
 * transcript. */
static void raise_file_limit(const struct settings *settings)
{
    rlim_t want = (rlim_t)settings->connections * 3 + 512;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
        return;
    if (limit.rlim_max < want)
        log_warn("few_descriptors", "have=%llu want=%llu advice=%s",
                 (unsigned long long)limit.rlim_max, (unsigned long long)want,
                 log_quote("raise LimitNOFILE, or lower `connections`"));
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void signal_init(struct supervisor *s, size_t i, int number,
                        event_callback_fn handler)
{
    s->signals[i] = evsignal_new(s->base, number, handler, s);
    if (s->signals[i] == NULL || event_add(s->signals[i], NULL) != 0)
        fatal("event", "error=%s", log_quote("out of memory"));
}

static void events_init(struct supervisor *s)
{
    s->base = event_base_new();
    if (s->base == NULL)
        fatal("event", "error=%s", log_quote("no event base"));
    signal(SIGPIPE, SIG_IGN);
    signal_init(s, 0, SIGTERM, on_stop_signal);
    signal_init(s, 1, SIGINT, on_stop_signal);
    signal_init(s, 2, SIGHUP, on_reload_signal);
    signal_init(s, 3, SIGCHLD, on_child);
#ifdef SP_HOOKS
    signal_init(s, 4, SIGUSR1, on_handover_signal);
#endif
    signal_init(s, 5, SIGUSR2, on_upgrade_signal);
    supervisor_watch_init(s);
    patience_init(s);
    process_init(s, KEEPER, ROLE_KEEPER);
    process_init(s, DIALER, ROLE_DIALER);
    process_init(s, CONTROL, ROLE_CONTROL);
    process_init(s, REVOKER, ROLE_REVOKER);
    process_init(s, AUTHORITY, ROLE_AUTHORITY);
    process_init(s, PUBLISHER, ROLE_PUBLISHER);
    supervisor_rules_init(s);
    supervisor_handover_init(s);
    supervisor_revocation_init(s);
    supervisor_authority_init(s);
    supervisor_notices_init(s);
    if (supervisor_metrics_init(s) != 0)
        fatal("metrics", "error=%s", log_quote("out of memory"));
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        process_init(s, WORKERS + i, ROLE_WORKER);
        s->processes[WORKERS + i].unused = i >= s->nworkers;
        s->processes[WORKERS + i].seat = (unsigned)i;
    }
    for (size_t i = LEAVING; i < PLACES; i++) {
        process_init(s, i, ROLE_DIALER);
        s->processes[i].unused = true;
    }
    supervisor_upgrade_init(s);
}

/* Whoever is left when the loop has ended ends with us, and is waited for, so
 * that nothing of ours runs when our caller goes on. */
static void kill_all(struct supervisor *s)
{
    supervisor_notices_end(s);
    for (size_t i = 0; i < processes_count(s); i++) {
        process_kill(&s->processes[i]);
        if (s->processes[i].pid > 0)
            (void)waitpid(s->processes[i].pid, NULL, 0);
    }
}

static void hooks(void)
{
#ifdef SP_HOOKS
    if (getenv("SALLYPORT_CLOCK") != NULL)
        clock_hook_offset(getenv("SALLYPORT_CLOCK"));
#endif
}

/* As the daemon would find it; a ledger that is not there is none. */
static void check_approvals(const struct snapshot *s, struct report *report)
{
    char *path = settings_path(s->settings, s->settings->ledger);
    int folder =
        path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (approvals_check(s, folder, report) != 0 && report->errors == 0)
        report->errors++;
    if (folder >= 0)
        close(folder);
    free(path);
}

int supervisor_check(const char *config)
{
    struct report report = {.out = stderr, .limit = LIMIT_POLICY_ERRORS};
    struct snapshot s;

    log_open("supervisor", LOG_LEVEL_WARN);
    if (snapshot_read(config, &report, &s) == 0) {
        int r = openings_check(s.settings, s.policy, &report);

        if (r != 0 && report.errors == 0) {
            fprintf(stderr, "%s: %s\n", config, sp_strerror(r));
            report.errors++;
        }
        check_approvals(&s, &report);
        snapshot_release(&s);
    }
    if (report.errors != 0) {
        fprintf(stderr, "sallyportd: %u error%s in %s\n", report.errors,
                report.errors == 1 ? "" : "s", config);
        return 1;
    }
    printf("%s: good\n", config);
    return 0;
}

int supervisor_run(const char *config)
{
    struct supervisor *s = &supervisor;
    struct report report = {.out = stderr, .limit = LIMIT_POLICY_ERRORS};
    struct inherited inherited;
    static struct upgrade_state before;
    bool upgraded;
    int r;

    log_open("supervisor", LOG_LEVEL_INFO);
    hooks();
    s->config = config;
    supervisor_program(s);
    if (inherited_take(&inherited, &report) != 0)
        return 1;
    r = supervisor_upgrade_take(s, &inherited, &before);
    if (r != 0 && r != SP_ENOENT)
        fatal("upgrade", "error=%s", log_quote(sp_strerror(r)));
    upgraded = r == 0;
    if (upgraded)
        supervisor_upgrade_read(s, &before);
    else if (snapshot_read(config, &report, &s->snapshot) != 0)
        return 1;
    log_open("supervisor", s->snapshot.settings->log_level);
    if (!upgraded)
        s->started = clock_wall_ms();
    s->nworkers = supervisor_workers_wanted(s->snapshot.settings);
    raise_file_limit(s->snapshot.settings);
    if (openings_open(&s->openings, s->snapshot.settings, s->snapshot.policy,
                      s->nworkers, &inherited, &report) != 0) {
        snapshot_release(&s->snapshot);
        return 1;
    }
    inherited_release(&inherited);
    if (upgraded)
        supervisor_upgrade_openings(s, &before);
    if (approvals_check(&s->snapshot, s->openings.ledger, &report) != 0) {
        openings_close(&s->openings);
        snapshot_release(&s->snapshot);
        return 1;
    }
    events_init(s);
    if (upgraded)
        supervisor_upgrade_adopt(s, &before);
    for (size_t i = 0; i < processes_count(s); i++)
        if (!s->processes[i].unused && !s->processes[i].alive)
            process_begin(&s->processes[i]);
    processes_reap(s); /* who ended while nobody looked */
    if (event_base_dispatch(s->base) < 0)
        s->exit_status = 1;
    kill_all(s);
    openings_close(&s->openings);
    snapshot_release(&s->snapshot);
    log_info("stopped", "exit=%d", s->exit_status);
    return s->exit_status;
}
