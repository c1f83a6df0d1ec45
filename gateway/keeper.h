/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's own state, shared by its files: keeper.c (start, loop, links),
 * keeper_open.c (ledger and policy at the start), keeper_approve.c (who
 * approved it), keeper_keep.c (keeping it with the ledger), keeper_decide.c
 * (what workers ask), keeper_own.c (acceptances, findings, statuses),
 * keeper_orders.c (what operators order), keeper_time.c (clock, windows,
 * heartbeat), keeper_certificates.c (what is issued and revoked),
 * keeper_rules.c (another policy while it runs), keeper_handover.c (to the
 * next keeper and from the one before), keeper_snapshot.c (the standing as a
 * file), keeper_notices.c (what parties are told). One thread runs all of it;
 * the ledger's threads only call keeper_durable() and keeper_failed().
 * keeper_metrics.c counts, and tells control how windows and budgets stand.
 * keeper_witness.c has a thread of its own that hands checkpoints to witnesses.
 */
#ifndef SP_GATEWAY_KEEPER_H
#define SP_GATEWAY_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/identity.h"
#include "gateway/openset.h"
#include "gateway/own_messages.h"
#include "gateway/revocation_messages.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "ledger/ledger.h"
#include "lib/buf.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/link.h"
#include "policy/decide.h"

struct event;
struct event_base;

/* Records taken from one link in one turn, so that a busy or hostile worker
 * cannot hold up the others. */
#define KEEPER_RECORDS_PER_TURN 256
/* connection.refused entries of one worker in one second: strangers must not
 * be able to fill the disk. */
#define KEEPER_REFUSALS_PER_SECOND 100
/* A worker that leaves its answers lying for so long is broken. */
#define KEEPER_BACKLOG_MS    2000
#define KEEPER_BACKLOG_BYTES (1u << 20)
#define KEEPER_TICK_MS       500
/* Notices that wait for the disk, or for the supervisor. */
#define KEEPER_NOTICE_BYTES (1u << 20)
/* In a hand-over: a worker that does not answer for so long is broken; one that
 * does not come to the next keeper for so long is gone. */
#define KEEPER_ACK_MS   2000
#define KEEPER_CLAIM_MS 5000
/* Answers to orders that wait for the disk. */
#define KEEPER_ORDERS       64
#define KEEPER_HEARTBEAT_MS 600000

/* A snapshot is taken after so many entries: a start replays no more, in a
 * third of a second. When the keeper ends, after so many at least. */
#define KEEPER_SNAPSHOT_EVERY 32768
#define KEEPER_SNAPSHOT_LEAST 4096

/* Signatures of acceptances of one worker that are verified in one second: the
 * one thread that decides must not be kept busy with them. */
#define KEEPER_VERIFICATIONS_PER_SECOND 50

/* Entries about certificates, of those that are matched and of those that are
 * revoked, that one worker causes in one second; and how many certificates a
 * keeper remembers to have written down. */
#define KEEPER_CERTIFICATES_PER_SECOND 500
/* Certificates of other authorities that workers can have revoked for good in a
 * day (policy/standing.h holds LIMIT_CERTIFICATES of them, and more would shut
 * everybody out): a worker that was taken over must not get so far. Beyond it
 * lists and responders still refuse who is revoked. */
#define KEEPER_REVOKED_PER_DAY 16384
#define KEEPER_SEEN            8192
/* What the authority is still to be told, 64 bytes each. */
#define KEEPER_REVOKE_BYTES (64u << 20)

struct keeper_rate {
    int64_t second; /* boot */
    unsigned count; /* in it */
};

/* A content of our own routes as it comes in parts. */
struct keeper_own {
    uint8_t *data; /* OWN_CONTENT_BYTES; NULL before the first part */
    size_t length;
    uint64_t ticket;
    uint32_t next, parts;
    bool started, ready; /* something came; all of it did */
    int64_t second;      /* boot time */
    unsigned verifications;
};

/* What the examination of one of them found. */
struct keeper_case {
    struct own_acceptance acceptance; /* points into the content */
    enum own_problem problem;
};

/* One worker, as far as the keeper knows it. */
struct keeper_link {
    struct link *link; /* NULL: none. Changed under links_lock */
    uint64_t generation;
    struct event *bell;
    struct openset open;   /* its admitted requests that have no end yet */
    struct buf backlog;    /* answers that the full ring did not take */
    int64_t backlog_since; /* boot ms */
    int64_t refusals_second;
    unsigned refusals;
    unsigned refusals_dropped;
    struct keeper_rate matched, revoked;
    struct keeper_own own;
    bool rung;   /* in this turn */
    bool broken; /* told to the supervisor; nothing is read any more */
    bool handed; /* its last record was read */
    /* No link yet, but requests that the keeper before us admitted; cuts wait
     * in the backlog. `generation` is that of the worker's link to it. */
    bool inherited;
};

/* The newest snapshot, and the thread that writes it. */
struct keeper_snapshot {
    int folder;            /* the ledger's; borrowed */
    uint64_t every, least; /* 0: never */
    uint64_t last;         /* entries before the newest, 0: none */
    bool writing;          /* the thread is there; then its own: */
    pthread_t thread;
    uint64_t size;
    uint8_t *data;
    size_t length;
    int error;
    atomic_bool done; /* it will end at once */
};

/* An order that was carried out. */
struct keeper_order {
    uint64_t ticket;
    uint64_t until; /* its entries are below: the answer waits for the disk */
    uint64_t n;     /* the answer's, as its cut */
    uint32_t cut;
};

/* A person's certificate that is in the ledger already. */
struct keeper_seen {
    uint8_t sha256[32];
    uint32_t person;
    bool used;
};

struct keeper_witnesses; /* keeper_witness.c */

struct keeper {
    struct role_start *start;
    struct snapshot snapshot;
    const struct policy *policy;     /* snapshot.policy */
    uint64_t rules;                  /* the number of both; 0: the start's */
    struct settings *first_settings; /* of the start, if others came */
    struct {
        uint64_t number, until;    /* 0: none; its entries are below */
    } rules_answer;                /* waits for the disk */
    const char *origin;            /* of the ledger */
    struct identities *identities; /* whose certificates are whose */
    struct standing *standing;
    struct ledger *ledger;
    char vkey[NOTE_KEY_TEXT_MAX];
    uint32_t landlock;

    struct clock_guard clock;
    bool synchronised;
    int64_t now, wall, boot; /* of this turn */
    int64_t last_entry;      /* boot ms */

    struct event_base *base;
    struct channel *channel;
    struct event *tick;
    struct event *alarm; /* timerfd: the next window's opening or end */
    struct event *retry; /* short, while a backlog waits */
    int alarm_fd;
    int64_t alarm_at; /* what the timerfd is set to, wall ms */
    bool urgent;      /* an answer of this turn can leave at once */
    bool stopping;
    bool handing_over;
    int handover_list;                       /* then: memory for what is open */
    int64_t handover_since, inherited_since; /* boot ms */
    struct control_ledger told;              /* last sent to the supervisor */
    struct keeper_witnesses *witnesses;      /* NULL: there are none */
    bool refusing; /* everything, because of what witnesses said or did not */
    struct keeper_order orders[KEEPER_ORDERS]; /* oldest first */
    size_t norders;
    struct buf notices; /* keeper_notices.c */
    struct keeper_snapshot snapshots;
    struct {
        struct revocations_number number;
        uint64_t until; /* its entries are below */
        bool waiting;   /* for the disk */
    } revocations;      /* the newest set */
    struct keeper_seen seen[KEEPER_SEEN];
    struct {
        struct buf list;     /* of struct revoke_message */
        uint64_t until;      /* their entries are below */
        int64_t passed;      /* boot ms: when some were passed on last */
    } to_revoke;             /* by the own authority */
    char index_problem[256]; /* of the newest reading; "": none */
    int64_t revoked_day;     /* of boot time */
    unsigned revoked;        /* by workers' word, in it */

    pthread_mutex_t links_lock; /* links[].link, against keeper_durable() */
    pthread_cond_t durable_grew;
    uint64_t durable;
    struct keeper_link links[LIMIT_WORKERS];
};

/* The one way to change the standing: sets n and t, encodes, applies,
 * appends. Ends the process if the ledger cannot take it (P9). */
uint64_t keeper_record(struct keeper *k, struct entry *e);

/* keeper_open.c: opens or creates the ledger, replays it, closes what was
 * lost, loads the policy, and waits until all that is durable. `inheritance`:
 * what the keeper before handed over, or -1. 0, or SP_E… with `problem`; *retry
 * if it may go away by itself. */
int keeper_open(struct keeper *k, int ledger_folder, int inheritance,
                char problem[512], bool *retry) SP_MUST_USE;
/* keeper_approve.c: what is to be recorded about who approved (P8). */
struct keeper_approved {
    bool set_changes;                 /* an approvers.set entry is due */
    char set_by[APPROVERS_BY_MAX];    /* who approved it; "": the first set */
    char policy_by[APPROVERS_BY_MAX]; /* the policy; "": it is in force */
};
/* Whether the settings' approvers and the policy may take effect now: they are
 * the ledger's, or enough of the approvers in force signed. SP_EPERM with
 * `problem`; nothing is recorded. */
int keeper_approve(const struct keeper *k, struct keeper_approved *approved,
                   char problem[512]) SP_MUST_USE;
void keeper_record_approvers(struct keeper *k,
                             const struct keeper_approved *approved);
/* keeper_open.c: whether the policy may follow the one in force (SP_EPERM with
 * `problem`); then, recorded if it is another one, it is in force. */
int keeper_check_policy(const struct keeper *k, char problem[512]) SP_MUST_USE;
int keeper_load_policy(struct keeper *k, const struct keeper_approved *approved,
                       char problem[512]) SP_MUST_USE;
/* keeper_rules.c: others than at the start; takes the descriptor. The
 * supervisor is told when they are in force and on disk, or why not. */
void keeper_take_rules(struct keeper *k, uint64_t number, int memfd);
void keeper_rules_turn(struct keeper *k);
/* To a worker: which are in force; the first word on a link. */
void keeper_rules_tell(struct keeper *k, struct keeper_link *l);
/* keeper_handover.c */
/* From the supervisor: the next keeper is to go on. Takes the descriptor. */
void keeper_handover_begin(struct keeper *k, int memory);
/* The last record of a link; SP_EPROTO. */
int keeper_take_handed(struct keeper *k, struct keeper_link *l,
                       const uint8_t *data, size_t length,
                       const char **what) SP_MUST_USE;
/* Each turn: true once nothing comes any more and nothing waits to go out. */
bool keeper_handover_turn(struct keeper *k);
/* Behind the last entry: what is open goes to the next keeper. */
void keeper_handover_list(struct keeper *k);
/* The other side, once the ledger was replayed: takes what the keeper before
 * left open. SP_EPROTO, SP_EIO, SP_ENOMEM: it cannot be, with `problem`. */
int keeper_inherit(struct keeper *k, int memory, char problem[512]) SP_MUST_USE;
/* Before a link starts: keeps what is open if this is the worker that has it
 * under way, or closes it as lost. */
void keeper_inherit_link(struct keeper *k, struct keeper_link *l,
                         uint64_t before);
/* Nobody has it under way any more. */
void keeper_inherit_drop(struct keeper *k, struct keeper_link *l);
/* Each turn: whoever did not come in time does not come. */
void keeper_inherit_turn(struct keeper *k);

/* keeper_keep.c: the policy and its signatures are in the ledger's folder, and
 * durable, when this returns 0. SP_ENOSPC, SP_EIO … with `problem`. */
int keeper_keep_policy(const struct keeper *k, int ledger,
                       char problem[512]) SP_MUST_USE;
/* keeper_snapshot.c. `ledger` is its folder, `restored` what the start began
 * from. */
void keeper_snapshot_init(struct keeper *k, int ledger, uint64_t restored);
/* The standing in a file that entry `size`, `e`, is about: SP_ECORRUPT if it is
 * not, or not about these bytes; SP_EUNSUPPORTED: another format; SP_EINVAL. */
int keeper_snapshot_read(const struct entry *e, uint64_t size,
                         const uint8_t *file, size_t length,
                         struct standing **s) SP_MUST_USE;
/* Takes one if it is time; each turn, when nothing is half done. */
void keeper_snapshot_turn(struct keeper *k);
/* The last entry of all, if it is worth it; and the end of its file. */
void keeper_snapshot_last(struct keeper *k);
void keeper_snapshot_stop(struct keeper *k);
/* Closes every open request that is in `mine` (NULL: all) as lost. */
uint32_t keeper_close_lost(struct keeper *k, const struct openset *mine);
/* Whether a link has it among its open ones; and all that none has. */
bool keeper_is_had(const struct keeper *k, uint64_t n);
uint32_t keeper_close_orphans(struct keeper *k);

/* The ledger's threads. */
void keeper_durable(void *arg, uint64_t durable);
void keeper_failed(void *arg, int error, const char *what);

/* keeper_decide.c: one record from a worker. SP_EPROTO: it broke the
 * protocol, with *what. `ending`: the worker is gone, only ends count. */
int keeper_take(struct keeper *k, struct keeper_link *l, const uint8_t *data,
                size_t length, bool ending, const char **what) SP_MUST_USE;

/* keeper_own.c: the gateway's own routes. A part of a content: SP_EPROTO. */
int keeper_take_part(struct keeper_link *l, const uint8_t *data, size_t length,
                     const char **what) SP_MUST_USE;
/* Before an own request's entry: what is wrong with its content becomes a
 * fault of the facts, and the verdict is made again. SP_EPROTO. */
int keeper_own_examine(struct keeper *k, struct keeper_link *l,
                       struct ask_admit *ask, struct verdict *v,
                       struct keeper_case *c, const char **what) SP_MUST_USE;
/* Behind it: writes and tells what was asked for; drops the content. */
void keeper_own_record(struct keeper *k, struct keeper_link *l,
                       const struct ask_admit *ask, const struct keeper_case *c,
                       struct answer_admit *answer);
void keeper_own_drop(struct keeper_link *l);
void keeper_own_release(struct keeper_link *l);

/* keeper_orders.c. The clock was read, and what is due is done. */
void keeper_order(struct keeper *k, const struct order_message *m);
/* Answers those whose entries are on disk; each turn. */
void keeper_orders_turn(struct keeper *k);

/* keeper_notices.c */
/* What a party is told of an entry that is about to be, if anything. */
void keeper_notice(struct keeper *k, const struct entry *e);
/* Tells what is on disk; each turn. */
void keeper_notices_turn(struct keeper *k);

/* keeper_certificates.c */
/* Takes the authority's index (policy/issued.h) and records what is new in it,
 * then what is due by that. SP_EINVAL with `problem`: nothing is recorded of a
 * text that is not right as a whole; behind a line that contradicts the ledger
 * nothing more is. SP_ETOOBIG: the ledger holds no more. */
int keeper_certificates_index(struct keeper *k, const char *text, size_t length,
                              char problem[256]) SP_MUST_USE;
/* A list, a responder or an operator says that one is revoked: records it and
 * cuts whoever is here with it. SP_EEXIST: it is already; SP_EINVAL: it cannot
 * be said so, which is logged. */
int keeper_certificate_revoked(
    struct keeper *k, const struct entry_certificate_revoked *r) SP_MUST_USE;
/* From the supervisor: an open file with the index, which it takes. */
void keeper_certificates_file(struct keeper *k, int fd);
/* The ledger revokes one: if it is one of the own authority's that the index
 * has as good, the authority is told when it is on disk. */
void keeper_certificate_pass_on(struct keeper *k, const uint8_t sha256[32],
                                const char *reason);
void keeper_certificates_turn(struct keeper *k);
/* Ends its requests and connections, in every worker. */
void keeper_certificate_cut(struct keeper *k, const uint8_t sha256[32]);

/* What a tripwire does: `cause` is "tripwire:<name>", `person` NULL the whole
 * party. Records it and cuts; the caller's turn of the loop sends it.
 * SP_EEXIST: suspended or revoked already; SP_ENOENT: nobody has that name. */
int keeper_suspend(struct keeper *k, const char *party, const char *person,
                   const char *cause) SP_MUST_USE;

/* keeper_revocation.c. The clock was read. */
void keeper_crl_loaded(struct keeper *k, const struct crl_loaded *v);
void keeper_revocations(struct keeper *k, const struct revocations_number *v);
/* Says which set is on disk; each turn. */
void keeper_revocations_turn(struct keeper *k);
int keeper_take_matched(struct keeper *k, struct keeper_link *l,
                        const uint8_t *data, size_t length,
                        const char **what) SP_MUST_USE;
int keeper_take_revoked(struct keeper *k, struct keeper_link *l,
                        const uint8_t *data, size_t length,
                        const char **what) SP_MUST_USE;

/* keeper.c: to the supervisor. */
void keeper_tell(struct keeper *k, const void *data, size_t length);
/* To one worker; queued if its ring is full. */
void keeper_send(struct keeper *k, struct keeper_link *l, const void *data,
                 size_t length);
void keeper_send_all(struct keeper *k, const void *data, size_t length);
/* It broke the protocol: nothing more of it is read, and the supervisor ends
 * it. */
void keeper_link_broken(struct keeper *k, struct keeper_link *l,
                        const char *what);

/* keeper_witness.c */
/* Starts the thread, if the settings name witnesses. SP_EINVAL, SP_ENOMEM,
 * SP_EIO. */
int keeper_witnesses_start(struct keeper *k, int ledger_folder) SP_MUST_USE;
/* A new channel to the dialer; takes it. */
void keeper_witnesses_channel(struct keeper *k, int fd);
/* Each turn, with the clock read: records what there is to be alarmed about,
 * and says whether requests are refused. */
void keeper_witnesses_turn(struct keeper *k);
/* Their part of what the supervisor is told. */
void keeper_witnesses_tell(const struct keeper *k, struct control_ledger *v);
/* Ends the thread, at once. */
void keeper_witnesses_stop(struct keeper *k);

/* keeper_metrics.c */
/* One that was recorded. */
void keeper_count(const struct entry *e);
void keeper_metrics_tick(struct keeper *k);
/* From the supervisor: MESSAGE_METRICS_PAGE, MESSAGE_STANDINGS; takes the
 * descriptor. SP_EPROTO, SP_ENOMEM. */
int keeper_metrics_message(struct keeper *k, const uint8_t *data, size_t length,
                           int *fds, size_t nfds) SP_MUST_USE;

/* keeper_time.c */
void keeper_clock_init(struct keeper *k);
/* Records a clock that was behind the ledger when we started. */
void keeper_clock_started(struct keeper *k);
/* Reads the clock for this turn and records what it shows. */
void keeper_clock_turn(struct keeper *k);
/* Opens and closes the windows that are due, cutting what they end. */
void keeper_due(struct keeper *k);
/* Sets the alarm to the next of them. */
void keeper_alarm_set(struct keeper *k);
void keeper_heartbeat(struct keeper *k);
/* The CLOCK_BOOTTIME at which wall time `t` comes. */
int64_t keeper_boot_time(const struct keeper *k, int64_t t);

#endif
