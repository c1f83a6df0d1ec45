/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One role process from its start to its end: set-up, joining it with others
 * by links and channels, what it says, its back-off. Runs in the supervisor,
 * which trusts its children no further than the decoders of
 * gateway/messages.h do.
 */
#include "gateway/processes.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/process.h"

/* From the start to READY. A keeper replays its whole ledger first. */
#define SETUP_LIMIT_MS        30000
#define SETUP_LIMIT_KEEPER_MS 600000
#define CLOSED_LIMIT_MS       1000
/* Started again at once, then after 100 ms, doubling. */
#define BACKOFF_FIRST_MS  100
#define BACKOFF_MOST_MS   2000
#define BACKOFF_FORGET_MS 10000
/* Before everything was ready once, more deaths than this of one role are
 * not bad luck. */
#define FIRST_START_DEATHS 5
/* --- Small things --- */

size_t processes_count(const struct supervisor *s)
{
    (void)s;
    return PLACES;
}

static const char *process_name(const struct process *p)
{
    static char name[32];

    if (p->role == ROLE_WORKER)
        snprintf(name, sizeof(name), "worker/%u", p->index);
    else
        snprintf(name, sizeof(name), "%s", role_info(p->role)->name);
    return name;
}

static void timer_set(struct event *timer, int64_t ms)
{
    const struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    if (event_add(timer, &after) != 0)
        fatal("timer", "error=%s", log_quote("out of memory"));
}

void process_kill(struct process *p)
{
    if (p->pid > 0)
        kill(p->pid, SIGKILL);
}

void process_send(struct process *p, const void *data, size_t length,
                  const int *fds, size_t nfds)
{
    if (p->channel == NULL)
        return;
    if (channel_send(p->channel, data, length, fds, nfds) != 0) {
        log_error("role_does_not_listen", "role=%s", process_name(p));
        process_kill(p);
    }
}

/* --- Telling control --- */

static enum control_phase phase_of(const struct supervisor *s)
{
    if (s->phase == PHASE_STARTING)
        return CONTROL_STARTING;
    return s->phase == PHASE_RUNNING ? CONTROL_SERVING : CONTROL_ENDING;
}

void supervisor_tell_roles(struct supervisor *s)
{
    struct control_roles v = {.started = s->started,
                              .phase = phase_of(s),
                              .reloads = s->reloads,
                              .reload_at = s->reload_at,
                              .reload_refused = s->reload_refused};
    uint8_t data[CONTROL_MESSAGE_MAX];
    size_t length;
    struct control_role *row = v.roles;

    if (s->processes[CONTROL].state != ROLE_STATE_READY)
        return;
    *row = (struct control_role){.name = "supervisor",
                                 .pid = getpid(),
                                 .generation = 1,
                                 .state = ROLE_STATE_READY};
    for (size_t i = 0; i < processes_count(s); i++) {
        const struct process *p = &s->processes[i];

        if (p->unused || p->leaving)
            continue;
        row++;
        *row = (struct control_role){.index = p->index,
                                     .pid = p->pid,
                                     .generation = p->generation,
                                     .state = p->state};
        snprintf(row->name, sizeof(row->name), "%s", role_info(p->role)->name);
    }
    v.count = (uint32_t)(row - v.roles) + 1;
    if (roles_message_put(&v, data, sizeof(data), &length) == 0)
        process_send(&s->processes[CONTROL], data, length, NULL, 0);
}

static void tell_ledger(struct supervisor *s)
{
    uint8_t data[160];
    size_t length;

    if (s->processes[CONTROL].state == ROLE_STATE_READY &&
        ledger_message_put(&s->ledger, data, sizeof(data), &length) == 0)
        process_send(&s->processes[CONTROL], data, length, NULL, 0);
}

/* The one place where a process changes its state. */
static void process_enter(struct process *p, enum role_state state)
{
    p->state = state;
    log_debug("role_state", "role=%s pid=%d state=%s", process_name(p),
              (int)p->pid, role_state_text(state));
    supervisor_tell_roles(p->supervisor);
    supervisor_status(p->supervisor, NULL);
}

/* --- What a role says --- */

static void process_ready(struct process *p)
{
    struct supervisor *s = p->supervisor;

    event_del(p->limit);
    process_enter(p, ROLE_STATE_READY);
    if (p->role == ROLE_KEEPER)
        supervisor_handover_ready(s);
    supervisor_upgrade_ready(s, p);
    for (unsigned i = 0; i < LIMIT_WORKERS; i++) {
        struct process *worker = &s->processes[WORKERS + i];

        if (p->role == ROLE_DIALER)
            process_join_dialer(s, worker);
        if (p->role == ROLE_KEEPER || p == worker)
            process_join_keeper(s, worker);
        if (p->role == ROLE_REVOKER || p == worker)
            supervisor_join_revoker(s, worker);
    }
    if (p->role == ROLE_KEEPER)
        supervisor_handover_done(s);
    if (p->role == ROLE_KEEPER || p->role == ROLE_DIALER)
        process_join_witnesses(s);
    if (p->role == ROLE_REVOKER)
        supervisor_revoker_ready(s);
    if (p->role == ROLE_REVOKER || p->role == ROLE_DIALER)
        supervisor_join_fetches(s);
    if (p->role == ROLE_REVOKER || p->role == ROLE_KEEPER)
        supervisor_announce(s);
    if (p->role == ROLE_AUTHORITY || p->role == ROLE_KEEPER) {
        supervisor_send_index(s);
        supervisor_announce_list(s, true);
    }
    if (p->role == ROLE_PUBLISHER)
        supervisor_publish(s);
    if (p->role == ROLE_CONTROL) {
        tell_ledger(s);
        supervisor_tell_staff(s); /* its set-up may have older lists */
    }
    if (p->role == ROLE_WORKER && s->accepting)
        supervisor_listen(s, p);
    supervisor_metrics_ready(p);
    if (p->generation > 1)
        log_info("role_ready", "role=%s pid=%d generation=%llu",
                 process_name(p), (int)p->pid,
                 (unsigned long long)p->generation);
    supervisor_ready(s);
}

/* A start that fails for good ends the daemon, unless it was good before:
 * then the operator repairs what is wrong while we keep trying (and refusing:
 * P9). */
static void process_failed(struct process *p, const struct failed *v)
{
    struct supervisor *s = p->supervisor;

    log_error("role_failed", "role=%s retry=%d problem=%s", process_name(p),
              (int)v->retry, log_quote(v->problem));
    if (s->phase != PHASE_STARTING || v->retry || s->upgrade.follows)
        return;
    fprintf(stderr, "sallyportd: %s\n", v->problem);
    supervisor_leave(s, 1);
}

static void worker_broken(struct supervisor *s, const struct worker_broken *v)
{
    struct process *worker = &s->processes[WORKERS + v->worker];

    if (v->worker >= LIMIT_WORKERS || !worker->linked ||
        worker->link != v->generation)
        return; /* of one that is gone already */
    log_error("worker_killed", "worker=%u pid=%d what=%s", v->worker,
              (int)worker->pid, log_quote(v->what));
    process_kill(worker);
}

/* A file for what the keeper admitted. A worker that is gone, or does not take
 * it, gets none: then nothing that had to be sealed is said. */
static int make_transcript(struct supervisor *s, const uint8_t *data,
                           size_t length)
{
    struct ask_transcript ask;
    struct transcript_file v = {0};
    uint8_t out[32];
    const struct process *worker;
    int fd, r = ask_transcript_get(&ask, data, length);

    if (r != 0)
        return r;
    worker = &s->processes[WORKERS + ask.worker];
    if (ask.worker >= LIMIT_WORKERS || !worker->linked ||
        worker->link != ask.generation || worker->channel == NULL ||
        channel_queued(worker->channel) >= CHANNEL_BUSY)
        return 0;
    fd = openings_transcript(&s->openings, ask.n);
    v.generation = ask.generation;
    v.n = ask.n;
    v.error = fd < 0 ? fd : 0;
    if ((r = transcript_file_put(&v, out, sizeof(out), &length)) == 0)
        r = channel_send(worker->channel, out, length, &fd, fd < 0 ? 0 : 1);
    if (r != 0)
        log_error("transcript_not_handed_over", "worker=%u n=%llu error=%s",
                  ask.worker, (unsigned long long)ask.n,
                  log_quote(sp_strerror(r)));
    if (fd >= 0)
        close(fd);
    return 0;
}

/* For whom the keeper has let in to read: whether it has, only the worker
 * knows, and one that was taken over reads what any auditor may. */
static int give_log_file(struct process *worker, const uint8_t *data,
                         size_t length)
{
    struct ask_log_file ask;
    struct log_file v = {0};
    uint8_t out[32];
    int fd, r = ask_log_file_get(&ask, data, length);

    if (r != 0)
        return r;
    fd = openings_log_file(&worker->supervisor->openings, ask.level, ask.index,
                           ask.width);
    v.ticket = ask.ticket;
    v.error = fd < 0 ? fd : 0;
    if ((r = log_file_put(&v, out, sizeof(out), &length)) == 0)
        r = channel_send(worker->channel, out, length, &fd, fd < 0 ? 0 : 1);
    if (fd >= 0)
        close(fd);
    /* One that asks faster than it takes has broken the protocol. */
    return r == SP_EAGAIN ? SP_EPROTO : 0;
}

static int role_message(struct process *p, const uint8_t *data, size_t length)
{
    struct failed failed;
    struct worker_broken broken;
    bool starting = p->state == ROLE_STATE_STARTING;
    bool keeper = p->role == ROLE_KEEPER && !starting;
    bool control = p->role == ROLE_CONTROL && !starting;
    int r = SP_EPROTO;

    switch (message_type(data, length)) {
    case MESSAGE_READY:
        if (starting && (r = ready_get(data, length)) == 0)
            process_ready(p);
        break;
    case MESSAGE_FAILED:
        if (starting && (r = failed_get(&failed, data, length)) == 0)
            process_failed(p, &failed);
        break;
    case MESSAGE_WORKER_BROKEN:
        if (keeper && (r = worker_broken_get(&broken, data, length)) == 0)
            worker_broken(p->supervisor, &broken);
        break;
    case MESSAGE_LEDGER:
        if (keeper &&
            (r = ledger_message_get(&p->supervisor->ledger, data, length)) == 0)
            tell_ledger(p->supervisor);
        break;
    case MESSAGE_ASK_TRANSCRIPT:
        if (keeper)
            r = make_transcript(p->supervisor, data, length);
        break;
    case MESSAGE_ASK_LOG_FILE:
        if (p->role == ROLE_WORKER && !starting)
            r = give_log_file(p, data, length);
        break;
    case MESSAGE_ORDER:
        if (control)
            r = supervisor_order(p->supervisor, data, length);
        break;
    case MESSAGE_ANSWER_ORDER:
        if (keeper)
            r = supervisor_order_answer(p->supervisor, data, length);
        break;
    case MESSAGE_PUBLISHED:
    case MESSAGE_CRL_LOADED:
        if (p->role == ROLE_AUTHORITY && !starting)
            r = supervisor_authority_message(p->supervisor, data, length);
        break;
    case MESSAGE_REVOKE:
        if (keeper)
            r = supervisor_revoke(p->supervisor, data, length);
        break;
    case MESSAGE_RULES_READY:
        if (!starting)
            r = supervisor_rules_ready(p->supervisor, p, data, length);
        break;
    case MESSAGE_NOTICE:
        if (keeper)
            r = supervisor_notice(p->supervisor, data, length);
        break;
    case MESSAGE_REVOCATIONS_RECORDED:
        if (keeper)
            r = supervisor_revocations_recorded(p->supervisor, data, length);
        break;
    default:
        break;
    }
    return r;
}

static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct process *p = arg;

    if (p->leaving) {
        for (size_t i = 0; i < nfds; i++)
            close(fds[i]);
        return;
    }
    if (p->role == ROLE_REVOKER && p->state != ROLE_STATE_STARTING &&
        nfds <= 1 &&
        supervisor_revoker_message(p->supervisor, data, length,
                                   nfds == 1 ? fds[0] : -1) == 0)
        return;
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds == 0 && role_message(p, data, length) == 0)
        return;
    log_error("role_broke_protocol", "role=%s type=%u", process_name(p),
              message_type(data, length));
    process_kill(p);
}

/* --- The end of a process --- */

static void tell_worker_died(struct supervisor *s, const struct process *worker)
{
    struct worker_died v = {.worker = worker->index,
                            .generation = worker->link};
    uint8_t data[128];
    size_t length;

    snprintf(v.status, sizeof(v.status), "%s",
             process_status_text(worker->status));
    if (worker_died_put(&v, data, sizeof(data), &length) == 0)
        process_send(&s->processes[KEEPER], data, length, NULL, 0);
}

void supervisor_keeper_lost(struct supervisor *s)
{
    for (unsigned i = 0; i < LIMIT_WORKERS; i++) {
        struct process *worker = &s->processes[WORKERS + i];

        if (worker->linked)
            process_send_link(worker, MESSAGE_LINK_GONE, worker->index,
                              worker->link, NULL, 0);
        worker->linked = false;
    }
}

/* What the others have to know. */
static void process_gone(struct process *p)
{
    struct supervisor *s = p->supervisor;
    bool clean = s->phase >= PHASE_DRAINING && p->status == 0;

    if (p->role == ROLE_WORKER) {
        if (p->dialer_end >= 0)
            close(p->dialer_end);
        p->dialer_end = -1;
        /* One that ended as it was told has told the keeper everything. */
        if (p->linked && !clean)
            tell_worker_died(s, p);
        p->linked = false;
    }
    if (p->role != ROLE_KEEPER || supervisor_handover_gone(s, p))
        return;
    supervisor_orders_lost(s);
    supervisor_keeper_lost(s);
}

static int64_t next_backoff(struct process *p)
{
    int64_t wait;

    if (clock_boot_ms() - p->started >= BACKOFF_FORGET_MS)
        p->backoff = 0;
    wait = p->backoff;
    p->backoff = wait == 0 ? BACKOFF_FIRST_MS : wait * 2;
    if (p->backoff > BACKOFF_MOST_MS)
        p->backoff = BACKOFF_MOST_MS;
    return wait;
}

static void process_again(struct process *p)
{
    struct supervisor *s = p->supervisor;
    int64_t wait = next_backoff(p);

    /* A keeper that waits for its disk says RETRY and may do so for ever. */
    if (s->phase == PHASE_STARTING && !s->upgrade.follows &&
        !(WIFEXITED(p->status) && WEXITSTATUS(p->status) == ROLE_EXIT_RETRY) &&
        ++p->deaths >= FIRST_START_DEATHS) {
        log_error("role_does_not_start", "role=%s tries=%u", process_name(p),
                  p->deaths);
        supervisor_leave(s, 1);
        return;
    }
    timer_set(p->again, wait);
}

static bool was_asked_to_end(const struct process *p)
{
    return p->supervisor->phase >= PHASE_DRAINING || p->retired ||
           p->state == ROLE_STATE_STOPPING;
}

static void process_dead(struct process *p)
{
    struct supervisor *s = p->supervisor;

    if (!p->alive || p->pid != 0 || p->channel != NULL)
        return;
    p->alive = false;
    event_del(p->limit);
    log_write(p->status == 0 && was_asked_to_end(p) ? LOG_LEVEL_INFO
                                                    : LOG_LEVEL_ERROR,
              "role_ended", "role=%s generation=%llu %s", process_name(p),
              (unsigned long long)p->generation,
              process_status_text(p->status));
    /* The ledger was not closed as it should be: its next start recovers. */
    if (p->role == ROLE_KEEPER && p->state == ROLE_STATE_STOPPING &&
        p->status != 0 && s->phase >= PHASE_DRAINING)
        s->exit_status = 1;
    process_enter(p, ROLE_STATE_DOWN);
    supervisor_metrics_ended(p);
    process_gone(p);
    supervisor_worker_gone(s, p);
    if (p->unused)
        supervisor_tell_roles(s); /* nobody waits for it any more */
    supervisor_rules_gone(s, p);
    if (s->phase < PHASE_DRAINING && !p->unused)
        process_again(p);
    else
        supervisor_stop_next(s);
}

static void on_closed(void *arg, int error)
{
    struct process *p = arg;

    channel_free(p->channel);
    p->channel = NULL;
    /* Without its channel it is of no use; but one that closed it to end is
     * given the time to do so. */
    if (error == SP_EPROTO)
        process_kill(p);
    else if (p->pid > 0)
        timer_set(p->limit, CLOSED_LIMIT_MS);
    process_dead(p);
}

void processes_reap(struct supervisor *s)
{
    for (size_t i = 0; i < processes_count(s); i++) {
        struct process *p = &s->processes[i];
        int status;

        if (p->pid <= 0 || waitpid(p->pid, &status, WNOHANG) != p->pid)
            continue;
        p->pid = 0;
        p->status = status;
        process_dead(p);
    }
}

void process_leaves(struct process *p, int64_t limit_ms)
{
    process_enter(p, ROLE_STATE_STOPPING);
    timer_set(p->limit, limit_ms);
}

void process_stop(struct process *p, int64_t deadline, int64_t limit_ms)
{
    struct stop v = {.deadline = deadline};
    uint8_t data[32];
    size_t length;

    event_del(p->again);
    if (!p->alive)
        return;
    if (p->state == ROLE_STATE_STARTING) {
        process_kill(p); /* it listens only once it is ready */
        return;
    }
    process_leaves(p, limit_ms);
    if (p->role == ROLE_WORKER)
        v.held = openings_held(&p->supervisor->openings);
    if (stop_put(&v, data, sizeof(data), &length) == 0)
        process_send(p, data, length, NULL, 0);
}

/* --- The start of a process --- */

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;

    (void)fd;
    (void)what;
    log_error("role_too_slow", "role=%s state=%s", process_name(p),
              role_state_text(p->state));
    process_kill(p);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    process_begin(arg);
}

static int worker_fds(struct process *p, int *fds, size_t *nfds)
{
    int ends[2];
    int r = channel_pair(ends);

    if (r != 0)
        return r;
    fds[(*nfds)++] = ends[0];
    p->dialer_end = ends[1];
    return 0;
}

static bool sandbox_debug(void)
{
#ifdef SP_HOOKS
    const char *debug = getenv("SALLYPORT_SANDBOX_DEBUG");

    return debug != NULL && strcmp(debug, "1") == 0;
#else
    return false;
#endif
}

static bool inherits(const struct process *p)
{
    return p->role == ROLE_KEEPER &&
           p->supervisor->handover.state == HANDOVER_COMING;
}

static void setup_send(struct process *p, const int *fds, size_t nfds)
{
    const struct setup v = {
        .index = p->index,
        .workers = LIMIT_WORKERS,
        .generation = p->generation,
        .rules = p->supervisor->rules,
        .handover = inherits(p),
        .landlock_debug = sandbox_debug(),
        .sent_boot_ms = clock_boot_ms(),
    };
    uint8_t data[64];
    size_t length;

    if (setup_put(&v, data, sizeof(data), &length) == 0)
        process_send(p, data, length, fds, nfds);
}

/* The descriptors of gateway/messages.h; only the first and a worker's second
 * are made for this start and closed after it. */
static int process_setup(struct process *p)
{
    struct supervisor *s = p->supervisor;
    int fds[ROLE_FDS_MAX];
    size_t nfds = 1;
    int r = snapshot_pack(&s->snapshot, p->role, &fds[0]);

    if (r != 0)
        return r;
    if (p->role == ROLE_WORKER)
        r = worker_fds(p, fds, &nfds);
    else if (p->role == ROLE_KEEPER)
        fds[nfds++] = s->openings.ledger;
    else if (p->role == ROLE_CONTROL)
        fds[nfds++] = s->openings.control;
    else if (p->role == ROLE_AUTHORITY)
        fds[nfds++] = s->authority;
    else if (p->role == ROLE_PUBLISHER &&
             (r = openings_publish_again(&s->openings)) == 0)
        fds[nfds++] = s->openings.publishing;
    if (inherits(p))
        fds[nfds++] = s->handover.list;
    if (r == 0) {
        setup_send(p, fds, nfds);
        if (p->role == ROLE_WORKER)
            close(fds[1]);
    }
    close(fds[0]);
    return r;
}

static int process_spawn(struct process *p)
{
    char option[] = "--role", name[16], shown[48];
    char *argv[] = {shown, option, name, NULL};
    int fd, r;

    snprintf(name, sizeof(name), "%s", role_info(p->role)->name);
    snprintf(shown, sizeof(shown), "sallyportd: %s", process_name(p));
    if ((r = process_start(argv, &p->pid, &fd)) != 0)
        return r;
    p->channel = channel_new(p->supervisor->base, fd, on_message, on_closed, p);
    if (p->channel == NULL)
        fatal("channel", "error=%s", log_quote("out of memory"));
    return 0;
}

void process_adopt(struct process *p, pid_t pid, int fd)
{
    p->pid = pid;
    p->status = 0;
    p->started = clock_boot_ms();
    p->channel = channel_new(p->supervisor->base, fd, on_message, on_closed, p);
    if (p->channel == NULL)
        fatal("channel", "error=%s", log_quote("out of memory"));
    p->alive = true;
    p->state = ROLE_STATE_READY;
}

void process_begin(struct process *p)
{
    struct supervisor *s = p->supervisor;
    int r;

    p->generation++;
    p->started = clock_boot_ms();
    p->status = 0;
    p->still = 0;
    if ((r = process_spawn(p)) != 0) {
        log_error("role_not_started", "role=%s error=%s", process_name(p),
                  log_quote(sp_strerror(r)));
        timer_set(p->again, BACKOFF_MOST_MS);
        return;
    }
    p->alive = true;
    process_enter(p, ROLE_STATE_STARTING);
    timer_set(p->limit,
              p->role == ROLE_KEEPER ? SETUP_LIMIT_KEEPER_MS : SETUP_LIMIT_MS);
    if ((r = process_setup(p)) != 0) {
        log_error("role_setup", "role=%s error=%s", process_name(p),
                  log_quote(sp_strerror(r)));
        process_kill(p);
        return;
    }
    supervisor_metrics_started(p);
    if (p->role == ROLE_WORKER)
        process_join_dialer(s, p);
    supervisor_rules_begun(s, p);
}

void process_init(struct supervisor *s, size_t i, enum role role)
{
    struct process *p = &s->processes[i];

    p->supervisor = s;
    p->role = role;
    p->index = i >= WORKERS && i < LEAVING ? (uint32_t)(i - WORKERS) : 0;
    p->dialer_end = -1;
    p->limit = event_new(s->base, -1, 0, on_limit, p);
    p->again = event_new(s->base, -1, 0, on_again, p);
    if (p->limit == NULL || p->again == NULL)
        fatal("event", "error=%s", log_quote("out of memory"));
}
