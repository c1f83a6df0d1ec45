/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGUSR2: another program takes this one's place, while clients are served.
 * The supervisor becomes it (exec: the same process, for a service manager),
 * with the channels to all who run and with every socket. Then one keeper
 * follows the other, new workers take the sockets, and those of before serve
 * whom they have until nobody is left. Nothing is begun before the new program
 * has said that it can run what is here. Runs in the supervisor.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/notify.h"
#include "gateway/upgrade_state.h"
#include "lib/channel.h"
#include "lib/clock.h"

/* For the new program to look at everything. */
#define ASK_LIMIT_MS 60000
/* Until nothing is on its way any more. */
#define QUIET_LIMIT_MS 10000
#define QUIET_EVERY_MS 10
/* Somebody changes the folder between our last look and the new program's. */
#define READ_AGAIN_MS 100
#define READ_TRIES    300

static const int held_signals[] = {SIGTERM, SIGINT,  SIGHUP,
                                   SIGCHLD, SIGUSR1, SIGUSR2};

/* --- before --- */

static void refuse(struct supervisor *s, const char *problem)
{
    event_del(s->upgrade.timer);
    s->upgrade.state = UPGRADE_NONE;
    log_error("upgrade_refused", "program=%s problem=%s advice=%s",
              log_quote(s->program), log_quote(problem),
              log_quote("nothing was changed"));
    notify("READY=1\nSTATUS=Serving");
}

static void again_in(struct supervisor *s, int64_t ms)
{
    const struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    if (event_add(s->upgrade.timer, &after) != 0)
        fatal("timer", "error=%s", log_quote("out of memory"));
}

/* The new program checks the deployment as a start would, and that it speaks
 * with those who run. */
static int ask_program(struct supervisor *s)
{
    char option[16];
    pid_t pid = fork();

    if (pid != 0) {
        s->upgrade.pid = pid;
        return pid < 0 ? SP_EIO : 0;
    }
    snprintf(option, sizeof(option), "%d", UPGRADE_MESSAGES);
    (void)execl(s->program, s->program, "-n", "-m", option, "-c", s->config,
                (char *)NULL);
    _exit(127);
}

/* Whoever may write to it is who runs next. */
static const char *program_problem(const char *program)
{
    struct stat st;

    if (stat(program, &st) != 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "is no program";
    if ((st.st_mode & 022) != 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
        return "others may write to it: run `chmod go-w` on it, and give it to "
               "root";
    return NULL;
}

void supervisor_upgrade(struct supervisor *s)
{
    const char *problem;

    if (s->phase != PHASE_RUNNING || s->upgrade.state != UPGRADE_NONE) {
        log_warn("upgrade_not_now", "problem=%s",
                 log_quote("the daemon starts, ends, or is being upgraded"));
        return;
    }
    log_info("upgrade", "program=%s version=%s", log_quote(s->program),
             SP_VERSION);
    s->upgrade.state = UPGRADE_ASKING;
    again_in(s, ASK_LIMIT_MS);
    problem = program_problem(s->program);
    if (problem == NULL && ask_program(s) != 0)
        problem = "cannot be started";
    if (problem != NULL)
        refuse(s, problem);
}

/* Those who run on go by what is in force, and so must those who come. */
static bool folder_is(struct supervisor *s, const uint8_t digest[32],
                      struct report *report, struct snapshot *fresh)
{
    uint8_t found[32];

    if (snapshot_read(s->config, report, fresh) != 0)
        return false;
    snapshot_digest(fresh, found);
    if (memcmp(found, digest, sizeof(found)) == 0)
        return true;
    snapshot_release(fresh);
    return false;
}

static bool folder_is_in_force(struct supervisor *s)
{
    struct report report = {.out = NULL, .limit = LIMIT_POLICY_ERRORS};
    uint8_t digest[32];
    struct snapshot fresh;
    bool same;

    snapshot_digest(&s->snapshot, digest);
    same = folder_is(s, digest, &report, &fresh);
    if (same)
        snapshot_release(&fresh);
    return same;
}

static const char other_folder[] =
    "the folder has another policy, other settings or other certificates than "
    "those in force: expected a reload before";

void supervisor_upgrade_reap(struct supervisor *s)
{
    int status;

    if (s->upgrade.state != UPGRADE_ASKING ||
        waitpid(s->upgrade.pid, &status, WNOHANG) != s->upgrade.pid)
        return;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        refuse(s, "it does not take this deployment (its words are above), or "
                  "speaks other messages than those who run: expected a "
                  "restart");
        return;
    }
    if (!folder_is_in_force(s)) {
        refuse(s, other_folder);
        return;
    }
    if (!supervisor_workers_may_follow(s)) {
        refuse(s, "there are no places for new workers: those that retire have "
                  "clients still");
        return;
    }
    s->upgrade.state = UPGRADE_QUIETING;
    s->upgrade.until = clock_boot_ms() + QUIET_LIMIT_MS;
    again_in(s, QUIET_EVERY_MS);
}

/* --- the exec --- */

/* Everybody there, nothing half done, no word in a queue of ours. */
static bool is_quiet(const struct supervisor *s)
{
    if (s->change.state != CHANGE_NONE || s->norders > 0 ||
        supervisor_handing_over(s) || supervisor_notices_wait(s))
        return false;
    for (size_t i = 0; i < processes_count(s); i++) {
        const struct process *p = &s->processes[i];

        if (p->alive &&
            (p->state != ROLE_STATE_READY || channel_queued(p->channel) > 0))
            return false;
        if (!p->unused && !p->alive)
            return false;
    }
    return true;
}

/* Who retires goes on retiring. */
static void collect_processes(struct supervisor *s, struct upgrade_state *u)
{
    for (size_t i = 0; i < processes_count(s); i++) {
        const struct process *p = &s->processes[i];

        if (p->alive && u->nprocesses < UPGRADE_PROCESSES)
            u->processes[u->nprocesses++] =
                (struct upgrade_process){.role = p->role,
                                         .index = p->index,
                                         .pid = p->pid,
                                         .fd = channel_fd(p->channel),
                                         .generation = p->generation,
                                         .linked = p->linked,
                                         .link = p->link};
    }
}

static void collect_socket(struct upgrade_state *u, int fd, const char *name)
{
    struct upgrade_socket *to = &u->sockets[u->nsockets];

    if (fd < 0 || u->nsockets == INHERITED_MAX)
        return;
    to->fd = fd;
    snprintf(to->name, sizeof(to->name), "%s", name);
    u->nsockets++;
}

static void collect_sockets(struct supervisor *s, struct upgrade_state *u)
{
    const struct openings *o = &s->openings;
    char name[16];

    for (size_t i = 0; i < o->nlisteners; i++) {
        snprintf(name, sizeof(name), "listener-%u", (unsigned)(i + 1) % 100);
        for (size_t n = 0; n < o->listeners[i].count; n++)
            collect_socket(u, o->listeners[i].fds[n], name);
    }
    collect_socket(u, o->control, "control");
    collect_socket(u, o->publishing, "crl");
    collect_socket(u, o->metrics, "metrics");
    u->held = openings_held(o);
    u->control_held = o->control_held;
}

static void collect(struct supervisor *s, struct upgrade_state *u)
{
    *u = (struct upgrade_state){.started = s->started,
                                .links = s->links,
                                .rules = s->rules,
                                .rule_numbers = s->change.numbers,
                                .reloads = s->reloads,
                                .offered_number = s->offered_number,
                                .announced = s->announced,
                                .offered = s->offered,
                                .in_force = s->in_force};
    snapshot_digest(&s->snapshot, u->digest);
    collect_processes(s, u);
    collect_sockets(s, u);
}

static void signals_hold(bool hold)
{
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(held_signals) / sizeof(held_signals[0]); i++)
        (void)sigaddset(&set, held_signals[i]);
    (void)sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* Comes back only if it failed; then everything is as it was. */
static void become(struct supervisor *s)
{
    static struct upgrade_state u;
    char option[] = "-c", config[4096], number[16], program[4096];
    char *argv[] = {program, option, config, NULL};
    int memfd;

    collect(s, &u);
    if (upgrade_state_write(&u, &memfd) != 0)
        return;
    snprintf(config, sizeof(config), "%s", s->config);
    snprintf(program, sizeof(program), "%s", s->program);
    snprintf(number, sizeof(number), "%d", memfd);
    upgrade_state_keep(&u, true);
    (void)fcntl(memfd, F_SETFD, 0);
    if (setenv(UPGRADE_VARIABLE, number, 1) == 0)
        (void)execv(program, argv);
    (void)unsetenv(UPGRADE_VARIABLE);
    upgrade_state_keep(&u, false);
    close(memfd);
}

/* Signals are held for a turn before: what was caught already is looked at. */
static void try_to_become(struct supervisor *s)
{
    bool held = s->upgrade.state == UPGRADE_HELD;

    if (held && is_quiet(s)) {
        notify("STATUS=Upgrading");
        become(s);
        signals_hold(false);
        refuse(s, "could not be started");
    } else if (!is_quiet(s)) {
        if (held)
            signals_hold(false);
        s->upgrade.state = UPGRADE_QUIETING;
        if (clock_boot_ms() > s->upgrade.until)
            refuse(s, "something is always on its way: give the signal again");
        else
            again_in(s, QUIET_EVERY_MS);
    } else if (!folder_is_in_force(s)) {
        refuse(s, other_folder);
    } else {
        signals_hold(true);
        s->upgrade.state = UPGRADE_HELD;
        again_in(s, 0);
    }
}

static void on_upgrade_timer(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;

    (void)fd;
    (void)what;
    if (s->upgrade.state == UPGRADE_ASKING) {
        (void)kill(s->upgrade.pid, SIGKILL);
        again_in(s, ASK_LIMIT_MS); /* its end decides */
    } else if (s->upgrade.state != UPGRADE_NONE) {
        try_to_become(s);
    }
}

void supervisor_upgrade_init(struct supervisor *s)
{
    s->upgrade.timer = event_new(s->base, -1, 0, on_upgrade_timer, s);
    if (s->upgrade.timer == NULL)
        fatal("event", "error=%s", log_quote("out of memory"));
    signals_hold(false); /* handlers are there now */
}

void supervisor_program(struct supervisor *s)
{
    ssize_t n = readlink("/proc/self/exe", s->program, sizeof(s->program) - 1);

    s->program[n > 0 ? n : 0] = '\0';
}

/* --- after --- */

int supervisor_upgrade_take(struct supervisor *s, struct inherited *in,
                            struct upgrade_state *u)
{
    const char *number = getenv(UPGRADE_VARIABLE);
    int memfd, r;

    if (number == NULL)
        return SP_ENOENT;
    memfd = (int)strtol(number, NULL, 10);
    (void)unsetenv(UPGRADE_VARIABLE);
    if ((r = upgrade_state_read(memfd, u)) != 0)
        return r;
    close(memfd);
    upgrade_state_keep(u, false);
    for (uint32_t i = 0; r == 0 && i < u->nsockets; i++)
        r = inherited_add(in, u->sockets[i].fd, u->sockets[i].name);
    s->started = u->started;
    s->links = u->links;
    s->rules = u->rules;
    s->change.numbers = u->rule_numbers;
    s->reloads = u->reloads;
    return r;
}

void supervisor_upgrade_read(struct supervisor *s,
                             const struct upgrade_state *u)
{
    struct report quiet = {.out = NULL, .limit = LIMIT_POLICY_ERRORS};
    struct report report = {.out = stderr, .limit = LIMIT_POLICY_ERRORS};
    const struct timespec wait = {.tv_nsec = READ_AGAIN_MS * 1000000L};

    for (unsigned i = 0; i < READ_TRIES; i++) {
        if (folder_is(s, u->digest, &quiet, &s->snapshot))
            return;
        (void)nanosleep(&wait, NULL);
    }
    if (!folder_is(s, u->digest, &report, &s->snapshot))
        fatal("upgrade", "problem=%s", log_quote(other_folder));
}

void supervisor_upgrade_openings(struct supervisor *s,
                                 const struct upgrade_state *u)
{
    for (size_t i = 0; i < s->openings.nlisteners; i++)
        s->openings.listeners[i].held = (u->held >> i & 1) != 0;
    s->openings.control_held = u->control_held;
}

/* The keeper and the authority end before others follow, all others once
 * others have: they are beside the places of their kind until then. */
static struct process *place_of(struct supervisor *s,
                                const struct upgrade_process *u)
{
    static const int places[ROLE_COUNT] = {
        [ROLE_KEEPER] = KEEPER, [ROLE_AUTHORITY] = AUTHORITY};

    if (u->role == ROLE_WORKER)
        return &s->processes[WORKERS + u->index];
    if (u->role == ROLE_KEEPER || u->role == ROLE_AUTHORITY)
        return &s->processes[places[u->role]];
    for (size_t i = LEAVING; i < LEAVING + LEAVING_PLACES; i++)
        if (!s->processes[i].alive)
            return &s->processes[i];
    return NULL;
}

static void adopt(struct supervisor *s, const struct upgrade_process *u)
{
    struct process *p = place_of(s, u);

    if (p == NULL) {
        (void)kill(u->pid, SIGKILL);
        return;
    }
    p->role = (enum role)u->role;
    p->leaving = p >= &s->processes[LEAVING];
    p->unused = p->leaving;
    /* An upgrade is no restart; but sets of revoked certificates go on being
     * numbered. */
    if (p->role == ROLE_REVOKER)
        s->processes[REVOKER].generation = u->generation;
    else if (p->role == ROLE_WORKER)
        p->generation = u->generation;
    p->linked = u->linked;
    p->link = u->link;
    if (p->role == ROLE_WORKER) {
        p->retiring = true;
        p->retired = false;
    }
    process_adopt(p, u->pid, u->fd);
}

void supervisor_upgrade_adopt(struct supervisor *s,
                              const struct upgrade_state *u)
{
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        s->processes[WORKERS + i].unused = true;
    for (uint32_t i = 0; i < u->nprocesses; i++)
        adopt(s, &u->processes[i]);
    s->offered = u->offered;
    s->in_force = u->in_force;
    s->offered_number = u->offered_number;
    s->announced = u->announced;
    supervisor_workers_set(s, supervisor_workers_wanted(s->snapshot.settings));
    if (s->processes[AUTHORITY].alive)
        process_stop(&s->processes[AUTHORITY], clock_boot_ms(), 1000);
    s->upgrade.follows = true;
    log_info("upgraded", "version=%s processes=%u", SP_VERSION, u->nprocesses);
}

void supervisor_upgrade_ready(struct supervisor *s, const struct process *p)
{
    for (size_t i = LEAVING; i < LEAVING + LEAVING_PLACES; i++) {
        struct process *old = &s->processes[i];

        if (old->alive && old->role == p->role && !p->leaving)
            process_stop(old, clock_boot_ms(), 1000);
    }
}
