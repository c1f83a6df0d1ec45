/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's processes: what processes.c (start, joining, end of each)
 * and supervisor.c (start, signals and end of all) share.
 *
 * A process is in one state (enum role_state). It counts as dead when it has
 * been reaped and its channel has been read to the end, so that its last
 * words are heard.
 */
#ifndef SP_GATEWAY_PROCESSES_H
#define SP_GATEWAY_PROCESSES_H

#include <sys/types.h>

#include "gateway/openings.h"
#include "gateway/reload_result.h"
#include "gateway/revocation_messages.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "lib/buf.h"

struct channel;
struct event;
struct event_base;
struct notices;
struct supervisor;
struct supervisor_metrics;

struct process {
    struct supervisor *supervisor;
    enum role role;
    uint32_t index;
    enum role_state state;
    pid_t pid; /* 0: none, or reaped */
    int status;
    struct channel *channel; /* NULL: none, or read to its end */
    bool alive;              /* started, and its end not yet handled */
    bool unused;             /* nobody needs it: it is never started */
    uint64_t generation;
    unsigned deaths; /* before the first time everything was ready */
    int64_t started; /* boot ms */
    int64_t backoff;
    unsigned still;      /* looks in a row that found it so */
    struct event *limit; /* of the set-up, or of the stop */
    struct event *again; /* the back-off */
    bool leaving;        /* of before an upgrade: nothing is heard of it */
    bool preparing;      /* was given other rules, and did not say yet */
    /* A worker's: */
    bool linked;
    uint64_t link;   /* the number of its newest link */
    uint64_t before; /* the one that the next continues; 0: it begins anew */
    int dialer_end;  /* of its channel to the dialer, not yet handed over */
    unsigned seat;   /* among those that accept: which sockets are its own */
    bool retiring;   /* others are to accept; it ends when nobody is left */
    bool retired;    /* it was told so */
    uint64_t
        sockets[SETTINGS_LISTENERS_MAX]; /* that it was given, a bit each */
};

/* Where other rules are on their way into force (supervisor_rules.c). */
enum change_state {
    CHANGE_NONE,
    CHANGE_PREPARING, /* workers and dialer read them */
    CHANGE_COMMITTING /* the keeper has them */
};

/* From one keeper to the next (supervisor_handover.c). */
enum handover_state {
    HANDOVER_NONE,
    HANDOVER_WAITING, /* for what is under way with the keeper */
    HANDOVER_LEAVING, /* it was told to go */
    HANDOVER_COMING   /* it has gone, and the next one starts */
};

/* Where an upgrade is (supervisor_upgrade.c). */
enum upgrade_step {
    UPGRADE_NONE,
    UPGRADE_ASKING,   /* the new program looks at the deployment */
    UPGRADE_QUIETING, /* until nothing is on its way */
    UPGRADE_HELD      /* signals wait for the new program */
};

enum phase {
    PHASE_STARTING,
    PHASE_RUNNING,
    PHASE_DRAINING, /* workers end */
    PHASE_KEEPER,   /* then the keeper, which writes down their ends */
    PHASE_REST
};

/* Orders that the keeper has not answered; more means that it stands still. */
#define SUPERVISOR_ORDERS 512

struct supervisor_order {
    uint64_t ticket;
    enum order_verb verb;
    uint32_t within_ms; /* of a drain */
};

/* Where they are in processes[]. */
#define LEAVING_PLACES 8
enum {
    KEEPER,
    DIALER,
    CONTROL,
    REVOKER,
    AUTHORITY,
    PUBLISHER,
    WORKERS,
    LEAVING = WORKERS + LIMIT_WORKERS, /* of before an upgrade, until others
                                          of their kind are there */
    PLACES = LEAVING + LEAVING_PLACES
};

struct supervisor {
    enum phase phase;
    int exit_status;
    const char *config; /* sallyport.yaml, as it was named */
    struct snapshot snapshot;
    struct openings openings;
    struct event_base *base;
    struct event *signals[6];
    struct event *watchdog, *look; /* supervisor_watch.c */
    char status_told[96];
    struct event *patience; /* see supervisor_accept() */
    bool accepting;         /* workers are given listening sockets */
    uint64_t links;         /* made so far */
    unsigned nworkers;      /* that accept, or will */
    struct process processes[PLACES];
    struct control_ledger ledger; /* the keeper's last word */
    int64_t started;              /* ms UTC */
    int64_t stop_asked;           /* boot ms */
    struct supervisor_order orders[SUPERVISOR_ORDERS]; /* oldest first */
    size_t norders;
    /* The reload that runs, if an operator ordered it; ticket 0: SIGHUP did. */
    uint64_t reload_ticket, reload_entry;
    /* Sets of revoked certificates: the newest, which the keeper records, and
     * the one that workers have. -1: none. */
    struct revocations_number offered_number;
    int offered, in_force;
    uint64_t announced; /* numbers behind it are told to this keeper */
    int64_t lists_used, lists_at; /* told by the revoker; boot ms */
    bool revokes_left_out;        /* the authority is to hear of them later */
    int authority;    /* the folder of the own authority, -1: it is elsewhere */
    uint64_t reloads; /* so far */
    int64_t reload_at; /* the last one's end, ms UTC; 0: none */
    bool reload_refused;
    size_t reload_files;         /* that the newest found new */
    struct reload_result reload; /* of the newest */
    bool reload_wanted;          /* asked for while it could not be done */
    uint64_t rules;     /* the number of those in force, 0: the start's */
    char program[4096]; /* our file, by which name it was started */
    struct {
        enum upgrade_step state;
        bool follows; /* the keeper is of before */
        pid_t pid;
        int64_t until; /* boot ms */
        struct event *timer;
    } upgrade;
    struct {
        enum change_state state;
        uint64_t numbers, number; /* given so far; of this one */
        struct snapshot fresh;
        struct event *limit;
    } change;
    struct notices *notices;            /* supervisor_notices.c */
    struct supervisor_metrics *metrics; /* NULL: they are off */
    struct {
        enum handover_state state;
        int64_t began; /* boot ms */
        int list;      /* memory: what the keeper leaves open */
        struct event *limit;
        struct buf orders; /* that came meanwhile, each behind its length */
        bool drain;        /* asked for meanwhile */
        int64_t within_ms; /* of the drain */
    } handover;
};

/* processes.c */
/* What the processes are doing, and the daemon, to control; whenever it
 * changes.
 */
void supervisor_tell_roles(struct supervisor *s);
size_t processes_count(const struct supervisor *s);
void process_init(struct supervisor *s, size_t i, enum role role);
void process_begin(struct process *p);
/* One that runs already, and is ready. Takes its channel. */
void process_adopt(struct process *p, pid_t pid, int fd);
void process_kill(struct process *p);
/* To a process that is there. One that does not read is broken. */
void process_send(struct process *p, const void *data, size_t length,
                  const int *fds, size_t nfds);
/* Gives each an end of a new channel, with the same message. An end that one
 * had before is for it to drop. SP_EIO: no descriptors, told in the log. */
int process_join(struct process *a, struct process *b, const uint8_t *data,
                 size_t length) SP_MUST_USE;
/* It was, or will be, told to end; it is killed `limit_ms` from now. */
void process_leaves(struct process *p, int64_t limit_ms);
/* process_join.c: a link message to one of them. */
void process_send_link(struct process *p, uint16_t type, uint32_t worker,
                       uint64_t number, const int *fds, size_t nfds);
/* A worker with the keeper, a worker with the dialer, keeper with dialer; each
 * when both are there to be joined. */
void process_join_keeper(struct supervisor *s, struct process *worker);
void process_join_dialer(struct supervisor *s, struct process *worker);
void process_join_witnesses(struct supervisor *s);
/* Asks it to end by `deadline` (boot ms) and kills it `limit_ms` from now. */
void process_stop(struct process *p, int64_t deadline, int64_t limit_ms);
/* Workers are told that their keeper is gone. */
void supervisor_keeper_lost(struct supervisor *s);
/* SIGCHLD: reaps whoever has ended. */
void processes_reap(struct supervisor *s);

/* supervisor_orders.c: from control, and from the keeper; SP_EPROTO. */
int supervisor_order(struct supervisor *s, const uint8_t *data, size_t length);
int supervisor_order_answer(struct supervisor *s, const uint8_t *data,
                            size_t length);
/* Control hears who is on the settings' lists. */
void supervisor_tell_staff(struct supervisor *s);
/* The keeper is gone: what it had is answered. */
void supervisor_orders_lost(struct supervisor *s);
/* What became of the reload: told in the log, and to who ordered it. */
void supervisor_reload_over(struct supervisor *s,
                            const struct reload_result *result);

/* supervisor_revocation.c */
void supervisor_revocation_init(struct supervisor *s);
/* Whether any party of the policy has a rule. */
bool supervisor_needs_revoker(const struct supervisor *s);
/* Both are there, or one is there again. */
void supervisor_revoker_ready(struct supervisor *s);
void supervisor_join_fetches(struct supervisor *s);
/* A worker is ready, or the revoker is. */
void supervisor_join_revoker(struct supervisor *s, struct process *worker);
/* The keeper is there: it hears of everything that counts. */
void supervisor_announce(struct supervisor *s);
/* From the revoker (perhaps with a descriptor, which it takes) and from the
 * keeper; SP_EPROTO. */
int supervisor_revoker_message(struct supervisor *s, const uint8_t *data,
                               size_t length, int fd);
int supervisor_revocations_recorded(struct supervisor *s, const uint8_t *data,
                                    size_t length);
/* Reads the lists' files again. */
void supervisor_send_lists(struct supervisor *s);
/* Whether everybody has what they need to tell who is revoked. */
bool supervisor_revocation_ready(const struct supervisor *s);
/* supervisor_authority.c */
void supervisor_authority_init(struct supervisor *s);
/* Another policy is in force. */
void supervisor_authority_adapt(struct supervisor *s);
/* To the keeper: what the authority has issued and revoked. */
void supervisor_send_index(struct supervisor *s);
/* To the publisher: the authority's lists. */
void supervisor_publish(struct supervisor *s);
void supervisor_announce_list(struct supervisor *s, bool fresh);
/* From the authority and from the keeper; SP_EPROTO. */
int supervisor_authority_message(struct supervisor *s, const uint8_t *data,
                                 size_t length);
int supervisor_revoke(struct supervisor *s, const uint8_t *data, size_t length);

/* supervisor_upgrade.c */
struct inherited;
struct upgrade_state;
void supervisor_upgrade_init(struct supervisor *s);
/* SIGUSR2. */
void supervisor_upgrade(struct supervisor *s);
/* SIGCHLD: perhaps the new program has looked. */
void supervisor_upgrade_reap(struct supervisor *s);
/* By which name we were started; before anything is replaced. */
void supervisor_program(struct supervisor *s);
/* At a start: takes what the program before us left. SP_ENOENT: there is none;
 * SP_EPROTO. Then, with the openings, and when there are events. */
int supervisor_upgrade_take(struct supervisor *s, struct inherited *in,
                            struct upgrade_state *u) SP_MUST_USE;
/* Reads the folder, which must be what is in force: whoever is changing it at
 * this moment is waited for. */
void supervisor_upgrade_read(struct supervisor *s,
                             const struct upgrade_state *u);
void supervisor_upgrade_openings(struct supervisor *s,
                                 const struct upgrade_state *u);
void supervisor_upgrade_adopt(struct supervisor *s,
                              const struct upgrade_state *u);
/* A role is ready: the one of before can go. */
void supervisor_upgrade_ready(struct supervisor *s, const struct process *p);

/* supervisor_workers.c */
/* How many there should be. */
unsigned supervisor_workers_wanted(const struct settings *settings);
/* Starts or retires some until there are `count` that accept. */
void supervisor_workers_set(struct supervisor *s, unsigned count);
/* Whether there are places for as many others beside all that are alive. */
bool supervisor_workers_may_follow(struct supervisor *s);
/* Gives a worker that is ready the sockets of its seat. */
void supervisor_listen(struct supervisor *s, struct process *worker);
/* A worker was given its sockets: perhaps those that retire can go. */
void supervisor_workers_seated(struct supervisor *s);
/* A process has ended; of a worker that retired nothing is left. */
void supervisor_worker_gone(struct supervisor *s, struct process *p);

/* supervisor_reload.c: SIGHUP, or an order. What is not right changes nothing.
 * Its end, now or later, is supervisor_reload_over(). */
/* supervisor_notices.c */
void supervisor_notices_init(struct supervisor *s);
/* Whether any waits for the hook, or for its end. */
bool supervisor_notices_wait(const struct supervisor *s);
/* From the keeper: one is delivered, as far as there is anywhere; SP_EPROTO. */
int supervisor_notice(struct supervisor *s, const uint8_t *data, size_t length);
/* SIGCHLD: the hook may have ended. */
void supervisor_notices_reap(struct supervisor *s);
/* Ends the hook that runs; what waits is not delivered. */
void supervisor_notices_end(struct supervisor *s);

/* supervisor_reload.c: SIGHUP. What is not right changes nothing. */
void supervisor_reload(struct supervisor *s);
/* Other rules are in force, or what was wrong with them: lines, which it cuts
 * up. */
void supervisor_reloaded(struct supervisor *s, int error, char *problem);

/* supervisor_rules.c */
void supervisor_rules_init(struct supervisor *s);
/* Whether they are others than those in force. */
bool supervisor_rules_differ(const struct supervisor *s,
                             const struct snapshot *fresh);
/* Takes them, and calls supervisor_reloaded() in the end; or says at once in
 * the report why they may not come: SP_EPERM, SP_EUNSUPPORTED. */
int supervisor_rules_begin(struct supervisor *s, struct snapshot *fresh,
                           struct report *report) SP_MUST_USE;
/* A process was started with those in force; one has ended. */
void supervisor_rules_begun(struct supervisor *s, struct process *p);
void supervisor_rules_gone(struct supervisor *s, struct process *p);
/* RULES_READY; SP_EPROTO. */
int supervisor_rules_ready(struct supervisor *s, struct process *p,
                           const uint8_t *data, size_t length) SP_MUST_USE;

/* supervisor_metrics.c */
int supervisor_metrics_init(struct supervisor *s) SP_MUST_USE;
/* A process was started and set up; became ready; has ended. */
void supervisor_metrics_started(struct process *p);
void supervisor_metrics_ready(struct process *p);
void supervisor_metrics_ended(struct process *p);
/* From the revoker: SP_EPROTO. */
int supervisor_list_ages(struct supervisor *s, const uint8_t *data,
                         size_t length) SP_MUST_USE;

/* supervisor_watch.c */
void supervisor_watch_init(struct supervisor *s);
/* Tells the service manager how things are, if it is news or comes with
 * `state` ("READY=1"). */
void supervisor_status(struct supervisor *s, const char *state);
/* supervisor_handover.c */
void supervisor_handover_init(struct supervisor *s);
/* Another keeper takes this one's place; nothing ends by it. What comes
 * meanwhile for the keeper waits; if it does not work it is as if the keeper
 * had died. Nothing happens unless PHASE_RUNNING. */
void supervisor_handover(struct supervisor *s);
bool supervisor_handing_over(const struct supervisor *s);
/* An order was answered, or a reload has ended. */
void supervisor_handover_step(struct supervisor *s);
/* True: the keeper has ended as it was to, and nobody is told. */
bool supervisor_handover_gone(struct supervisor *s, struct process *keeper);
/* A keeper is ready: before workers are joined to it, and behind that. */
void supervisor_handover_ready(struct supervisor *s);
void supervisor_handover_done(struct supervisor *s);
/* Keeps an order until then. SP_EAGAIN: no more. */
int supervisor_handover_order(struct supervisor *s, const uint8_t *data,
                              size_t length) SP_MUST_USE;
/* Ends the daemon after it: supervisor_drain() comes. */
void supervisor_handover_drain(struct supervisor *s, int64_t within_ms);

/* supervisor.c */
/* A role became ready. */
void supervisor_ready(struct supervisor *s);
/* A process has ended while the daemon does. */
void supervisor_stop_next(struct supervisor *s);
/* SIGTERM, or an order: ends the daemon in order, and what is open with it when
 * `within_ms` are over. Only while PHASE_RUNNING or before. */
void supervisor_drain(struct supervisor *s, int64_t within_ms);
/* Ends the loop, and the daemon with `exit_status`. */
void supervisor_leave(struct supervisor *s, int exit_status);

#endif
