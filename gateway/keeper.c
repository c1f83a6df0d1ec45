/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: one thread that takes what workers ask, decides, and records
 * it. This file has its start, its loop, its links and its end. Workers are
 * not trusted (they parse strangers' bytes), the supervisor is.
 *
 * A turn of the loop: read the clock, open and close windows, take a bounded
 * number of records from each link in turn, then ring the ledger and the
 * workers once for everything.
 */
#include "gateway/keeper.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gateway/authority_messages.h"
#include "gateway/people.h"
#include "gateway/rules_messages.h"
#include "gateway/witness_messages.h"

/* Descriptors: links (3 each), the ledger's files, our own. */
#define KEEPER_MAX_FILES (LIMIT_WORKERS * 3 + 128)

static struct keeper keeper;

uint64_t keeper_record(struct keeper *k, struct entry *e)
{
    char line[LIMIT_ENTRY_BYTES];
    size_t length;
    uint64_t n;
    int r;

    e->n = ledger_size(k->ledger);
    e->t = k->now;
    r = entry_encode(e, line, sizeof(line), &length);
    if (r != 0)
        fatal("entry_not_encodable", "kind=%s error=%s",
              entry_kind_text(e->kind), log_quote(sp_strerror(r)));
    keeper_notice(k, e); /* while its texts live */
    /* Applied first: what the standing refuses must never get into a ledger
     * that has to be replayed. If appending fails then, this process ends,
     * and with it the standing that was ahead. */
    r = standing_apply(k->standing, e);
    if (r != 0)
        fatal("entry_not_applicable", "kind=%s error=%s problem=%s",
              entry_kind_text(e->kind), log_quote(sp_strerror(r)),
              log_quote(standing_error(k->standing)));
    r = ledger_append(k->ledger, line, length, &n);
    if (r != 0 || n != e->n)
        keeper_failed(k, r, "append");
    clock_guard_entry(&k->clock, e->t);
    keeper_count(e);
    k->last_entry = k->boot;
    return n;
}

/* --- The ledger's threads --- */

void keeper_durable(void *arg, uint64_t durable)
{
    struct keeper *k = arg;

    pthread_mutex_lock(&k->links_lock);
    k->durable = durable;
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (k->links[i].link != NULL)
            link_publish(k->links[i].link, durable);
    pthread_cond_signal(&k->durable_grew);
    pthread_mutex_unlock(&k->links_lock);
}

/* Never retried: after a failed sync nobody knows what is on the disk. The
 * next keeper reads what really is. */
void keeper_failed(void *arg, int error, const char *what)
{
    (void)arg;
    log_error("ledger_failed", "what=%s error=%s advice=%s", log_quote(what),
              log_quote(sp_strerror(error)),
              log_quote("make room on the ledger's disk or repair it; the "
                        "keeper starts again by itself"));
    _exit(ROLE_EXIT_RETRY);
}

/* --- To the supervisor --- */

void keeper_tell(struct keeper *k, const void *data, size_t length)
{
    if (channel_send(k->channel, data, length, NULL, 0) != 0)
        log_warn("supervisor_does_not_listen", "type=%u",
                 message_type(data, length));
}

/* Nothing of a worker that broke the protocol is read any more; what it has
 * open is closed when the supervisor tells of its end. */
void keeper_link_broken(struct keeper *k, struct keeper_link *l,
                        const char *what)
{
    uint32_t worker = (uint32_t)(l - k->links);
    struct worker_broken v = {.worker = worker, .generation = l->generation};
    uint8_t data[sizeof(v) + 64];
    size_t length;

    if (l->broken)
        return;
    l->broken = true;
    if (l->bell != NULL)
        event_del(l->bell);
    log_error("worker_broke_protocol", "worker=%u what=%s", worker,
              log_quote(what));
    snprintf(v.what, sizeof(v.what), "%s", what);
    if (worker_broken_put(&v, data, sizeof(data), &length) == 0)
        keeper_tell(k, data, length);
}

static void tell_ledger(struct keeper *k)
{
    struct control_ledger v;
    uint8_t data[160];
    size_t length;

    memset(&v, 0, sizeof(v)); /* padding too: it is compared below */
    v.known = true;
    v.published = ledger_published(k->ledger);
    v.durable = ledger_durable(k->ledger);
    v.size = ledger_size(k->ledger);
    if (v.published > v.durable)
        v.durable = v.published;
    v.policy = k->policy->serial;
    v.open = (uint32_t)standing_open_requests(k->standing);
    v.clock = (uint8_t)k->clock.state;
    v.landlock = k->landlock;
    keeper_witnesses_tell(k, &v);
    if (memcmp(&v, &k->told, sizeof(v)) == 0)
        return;
    k->told = v;
    if (ledger_message_put(&v, data, sizeof(data), &length) == 0)
        keeper_tell(k, data, length);
}

/* --- Links --- */

/* Answers that did not fit are kept in order, each behind its length. */
static int backlog_add(struct keeper *k, struct keeper_link *l,
                       const void *data, size_t length)
{
    uint16_t head = (uint16_t)length;
    uint8_t *space;

    if (l->backlog.length == 0)
        l->backlog_since = k->boot;
    if (buf_reserve(&l->backlog, length + sizeof(head), &space) != 0)
        return SP_ETOOBIG;
    memcpy(space, &head, sizeof(head));
    memcpy(space + sizeof(head), data, length);
    buf_commit(&l->backlog, length + sizeof(head));
    return 0;
}

void keeper_send(struct keeper *k, struct keeper_link *l, const void *data,
                 size_t length)
{
    int r;

    if ((l->link == NULL && !l->inherited) || l->broken)
        return;
    r = l->backlog.length > 0 || l->inherited
            ? SP_EAGAIN
            : link_put_quiet(l->link, data, length);
    if (r == SP_EAGAIN)
        r = backlog_add(k, l, data, length);
    if (r != 0)
        keeper_link_broken(k, l, "answers are not taken");
}

void keeper_send_all(struct keeper *k, const void *data, size_t length)
{
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        keeper_send(k, &k->links[i], data, length);
}

/* True if nothing waits any more. */
static bool backlog_flush(struct keeper *k, struct keeper_link *l)
{
    while (l->backlog.length > 0) {
        uint16_t length;
        int r;

        memcpy(&length, buf_bytes(&l->backlog), sizeof(length));
        r = link_put_quiet(l->link, buf_bytes(&l->backlog) + sizeof(length),
                           length);
        if (r == SP_EAGAIN && k->boot - l->backlog_since < KEEPER_BACKLOG_MS)
            return false;
        if (r != 0) {
            keeper_link_broken(k, l, "answers are not taken");
            return false;
        }
        buf_drain(&l->backlog, length + sizeof(length));
        l->backlog_since = k->boot;
    }
    buf_release(&l->backlog);
    return true;
}

/* A worker that does not take its answers is not asked for more. */
static void link_drain(struct keeper *k, struct keeper_link *l, size_t most,
                       bool ending)
{
    uint8_t record[RING_RECORD_MAX];
    const char *what = "a ring that does not add up";
    size_t length;
    int r = 0;

    for (size_t i = 0; i < most && (ending || l->backlog.length == 0); i++) {
        r = link_get(l->link, record, &length);
        if (r == SP_EAGAIN)
            return;
        if (r == 0)
            r = keeper_take(k, l, record, length, ending, &what);
        if (r != 0)
            break;
    }
    if (r != 0 && !ending)
        keeper_link_broken(k, l, what);
}

/* The bell only has to wake the loop: what it rang for is looked at anyway. */
static void on_bell(evutil_socket_t fd, short what, void *arg)
{
    struct keeper_link *l = arg;

    (void)fd;
    (void)what;
    l->rung = true;
}

static int link_start(struct keeper *k, struct keeper_link *l, struct link *new,
                      uint64_t generation)
{
    l->bell = event_new(k->base, link_doorbell(new), EV_READ | EV_PERSIST,
                        on_bell, l);
    if (l->bell == NULL || event_add(l->bell, NULL) != 0)
        return SP_ENOMEM;
    l->generation = generation;
    l->broken = false;
    if (l->inherited)
        l->backlog_since = k->boot;
    else
        buf_init(&l->backlog, KEEPER_BACKLOG_BYTES);
    l->inherited = false;
    pthread_mutex_lock(&k->links_lock);
    l->link = new;
    link_publish(new, k->durable);
    pthread_mutex_unlock(&k->links_lock);
    link_beat(new, k->boot);
    return 0;
}

static void link_end(struct keeper *k, struct keeper_link *l)
{
    struct link *old = l->link;

    pthread_mutex_lock(&k->links_lock);
    l->link = NULL;
    pthread_mutex_unlock(&k->links_lock);
    if (l->bell != NULL)
        event_free(l->bell);
    link_free(old);
    buf_release(&l->backlog);
    openset_release(&l->open);
    keeper_own_release(l);
    memset(l, 0, sizeof(*l));
}

static void on_link(struct keeper *k, const struct link_message *v, int *fds)
{
    const struct link_fds ends = {fds[0], fds[1], fds[2]};
    struct keeper_link *l = &k->links[v->worker];
    struct link *new = NULL;
    int r;

    if (l->link != NULL)
        fatal("link_twice", "worker=%u", v->worker);
    keeper_inherit_link(k, l, v->before);
    r = link_open(&ends, LINK_ANSWERING, &new);
    if (r == 0)
        r = link_start(k, l, new, v->generation);
    if (r != 0)
        fatal("link_failed", "worker=%u error=%s", v->worker,
              log_quote(sp_strerror(r)));
    keeper_rules_tell(k, l);
    log_debug("link", "worker=%u generation=%llu", v->worker,
              (unsigned long long)v->generation);
}

/* What a dead worker still told counts; then its open requests are lost. */
static void on_worker_died(struct keeper *k, const struct worker_died *v)
{
    struct keeper_link *l = &k->links[v->worker];
    struct entry e = {
        .kind = ENTRY_WORKER_DIED,
        .u.worker_died = {.worker = v->worker, .status = v->status},
    };

    if ((l->link == NULL && !l->inherited) || l->generation != v->generation)
        return;
    if (!l->broken && !l->inherited)
        link_drain(k, l, LINK_RING_BYTES, true);
    if (strcmp(v->status, "exit=0") == 0 && l->open.count == 0) {
        link_end(k, l); /* it retired, and has told everything */
        return;
    }
    e.u.worker_died.requests = keeper_close_lost(k, &l->open);
    keeper_record(k, &e);
    log_warn("worker_died", "worker=%u status=%s lost=%u", v->worker, v->status,
             e.u.worker_died.requests);
    link_end(k, l);
}

/* --- The end --- */

/* The last checkpoint covers everything. */
static void keeper_close(struct keeper *k) __attribute__((noreturn));

static void keeper_close(struct keeper *k)
{
    int r;

    keeper_witnesses_stop(k);
    keeper_snapshot_last(k);
    r = ledger_close(k->ledger);
    keeper_snapshot_stop(k);
    keeper_orders_turn(k);
    keeper_notices_turn(k);
    if (r != 0)
        log_error("ledger_close_failed", "error=%s", log_quote(sp_strerror(r)));
    else
        log_info("ledger_closed", "entries=%llu",
                 (unsigned long long)standing_count(k->standing));
    exit(r == 0 ? 0 : ROLE_EXIT_RETRY);
}

/* Everything that workers have told counts, what they left open is lost. */
static void keeper_stop(struct keeper *k) __attribute__((noreturn));

static void keeper_stop(struct keeper *k)
{
    keeper_clock_turn(k);
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (k->links[i].link != NULL && !k->links[i].broken)
            link_drain(k, &k->links[i], LINK_RING_BYTES, true);
    keeper_close_lost(k, NULL);
    keeper_close(k);
}

/* What is open stays open: the next keeper goes on with it. */
static void keeper_leave(struct keeper *k) __attribute__((noreturn));

static void keeper_leave(struct keeper *k)
{
    keeper_handover_list(k);
    log_info("handed_over", "open=%zu", standing_open_requests(k->standing));
    keeper_close(k);
}

/* --- From the supervisor --- */

/* Whom it speaks with. */
static bool take_channel(struct keeper *k, const uint8_t *data, size_t length,
                         int *fds, size_t nfds)
{
    struct link_message link;
    struct worker_died died;
    struct witness_channel witnesses;

    switch (message_type(data, length)) {
    case MESSAGE_WITNESSES:
        if (nfds == 1 && witness_channel_get(&witnesses, data, length) == 0) {
            keeper_witnesses_channel(k, fds[0]);
            return true;
        }
        break;
    case MESSAGE_LINK:
        if (nfds == 3 && link_message_get(&link, data, length) == 0) {
            on_link(k, &link, fds);
            return true;
        }
        break;
    case MESSAGE_WORKER_DIED:
        if (nfds == 0 && worker_died_get(&died, data, length) == 0) {
            keeper_clock_turn(k);
            on_worker_died(k, &died);
            ledger_kick(k->ledger, false);
            return true;
        }
        break;
    case MESSAGE_METRICS_PAGE:
    case MESSAGE_STANDINGS:
        if (keeper_metrics_message(k, data, length, fds, nfds) == 0)
            return true;
        break;
    default:
        break;
    }
    return false;
}

/* What becomes entries. */
static bool take_word(struct keeper *k, const uint8_t *data, size_t length,
                      int *fds, size_t nfds)
{
    struct order_message order;
    struct revocations_number revocations;
    struct crl_loaded loaded;
    struct authority_number index;
    struct rules_message rules;

    switch (message_type(data, length)) {
    case MESSAGE_ORDER:
        if (nfds == 0 && order_message_get(&order, data, length) == 0) {
            keeper_clock_turn(k);
            keeper_due(k);
            keeper_order(k, &order);
            ledger_kick(k->ledger, true);
            return true;
        }
        break;
    case MESSAGE_INDEX:
        if (nfds == 1 && authority_number_get(&index, data, length) == 0) {
            keeper_clock_turn(k);
            keeper_due(k);
            keeper_certificates_file(k, fds[0]);
            ledger_kick(k->ledger, true);
            return true;
        }
        break;
    case MESSAGE_CRL_LOADED:
        if (nfds == 0 && crl_loaded_get(&loaded, data, length) == 0) {
            keeper_clock_turn(k);
            keeper_crl_loaded(k, &loaded);
            ledger_kick(k->ledger, false);
            return true;
        }
        break;
    case MESSAGE_REVOCATIONS:
        if (nfds == 0 &&
            revocations_number_get(&revocations, data, length) == 0) {
            keeper_revocations(k, &revocations);
            ledger_kick(k->ledger, true);
            return true;
        }
        break;
    case MESSAGE_RULES:
        if (nfds == 1 && rules_message_get(&rules, data, length) == 0) {
            keeper_clock_turn(k);
            keeper_due(k);
            keeper_take_rules(k, rules.number, fds[0]);
            ledger_kick(k->ledger, true);
            return true;
        }
        break;
    default:
        break;
    }
    return false;
}

static bool take_end(struct keeper *k, const uint8_t *data, size_t length,
                     int *fds, size_t nfds)
{
    struct stop stop;

    switch (message_type(data, length)) {
    case MESSAGE_HANDOVER:
        if (nfds == 1 && handover_get(data, length) == 0) {
            keeper_handover_begin(k, fds[0]);
            return true;
        }
        break;
    case MESSAGE_STOP:
        if (nfds == 0 && stop_get(&stop, data, length) == 0) {
            k->stopping = true;
            return true;
        }
        break;
    default:
        break;
    }
    return false;
}

static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct keeper *k = arg;

    if (!take_channel(k, data, length, fds, nfds) &&
        !take_word(k, data, length, fds, nfds) &&
        !take_end(k, data, length, fds, nfds))
        role_message_unknown(data, length, nfds);
}

/* --- The loop --- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;

    (void)fd;
    (void)what;
    k->synchronised = clock_synchronised();
    keeper_heartbeat(k);
    keeper_metrics_tick(k);
    tell_ledger(k);
}

/* The next window's time, or the clock was set: either way, look again. */
static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;
    uint64_t count;
    ssize_t r = read(fd, &count, sizeof(count));

    (void)what;
    (void)r; /* ECANCELED is the point */
    k->alarm_at = -1;
}

/* As a bell: the turn tries again. */
static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static void links_turn(struct keeper *k)
{
    static const struct timeval soon = {.tv_usec = 2000};
    bool waiting = false;

    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        struct keeper_link *l = &k->links[i];

        if (l->link == NULL || l->broken)
            continue;
        link_drain(k, l, KEEPER_RECORDS_PER_TURN, false);
        if (!l->broken && !backlog_flush(k, l))
            waiting = !l->broken;
    }
    if (waiting)
        event_add(k->retry, &soon);
}

static void keeper_turn(struct keeper *k)
{
    uint64_t before = ledger_size(k->ledger);

    k->urgent = false;
    keeper_clock_turn(k);
    keeper_due(k);
    keeper_inherit_turn(k);
    keeper_witnesses_turn(k);
    links_turn(k);
    keeper_snapshot_turn(k);
    if (ledger_size(k->ledger) != before)
        ledger_kick(k->ledger, k->urgent);
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        if (k->links[i].link == NULL)
            continue;
        link_flush(k->links[i].link);
        link_beat(k->links[i].link, k->boot);
    }
    keeper_alarm_set(k);
    keeper_orders_turn(k);
    keeper_notices_turn(k);
    keeper_revocations_turn(k);
    keeper_certificates_turn(k);
    keeper_rules_turn(k);
}

/* True if every link's other side will ring before we would miss something. */
static bool links_may_sleep(struct keeper *k)
{
    bool may = true;

    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (k->links[i].link != NULL && !k->links[i].broken &&
            k->links[i].backlog.length == 0 &&
            !link_may_sleep(k->links[i].link))
            may = false;
    return may;
}

/* Clearing a bell is a system call: only for those that rang. The others stay
 * marked as sleeping, which costs at most a ring too many. */
static void links_awake(struct keeper *k)
{
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        struct keeper_link *l = &k->links[i];

        if (l->rung && l->link != NULL)
            link_awake(l->link);
        l->rung = false;
    }
}

static void keeper_loop(struct keeper *k) __attribute__((noreturn));

static void keeper_loop(struct keeper *k)
{
    for (;;) {
        int how = EVLOOP_ONCE;

        if (!links_may_sleep(k))
            how |= EVLOOP_NONBLOCK;
        if (event_base_loop(k->base, how) < 0)
            fatal("event_loop", "error=%s", log_quote("event_base_loop"));
        links_awake(k);
        keeper_turn(k);
        if (k->stopping)
            keeper_stop(k);
        if (keeper_handover_turn(k))
            keeper_leave(k);
    }
}

/* --- The start --- */

static int keeper_events(struct keeper *k)
{
    static const struct timeval tick = {.tv_usec = KEEPER_TICK_MS * 1000};

    k->alarm_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    k->base = event_base_new();
    if (k->alarm_fd < 0 || k->base == NULL)
        return SP_EIO;
    k->tick = event_new(k->base, -1, EV_PERSIST, on_tick, k);
    k->retry = event_new(k->base, -1, 0, on_retry, k);
    k->alarm =
        event_new(k->base, k->alarm_fd, EV_READ | EV_PERSIST, on_alarm, k);
    if (k->tick == NULL || k->retry == NULL || k->alarm == NULL ||
        event_add(k->tick, &tick) != 0 || event_add(k->alarm, NULL) != 0)
        return SP_ENOMEM;
    k->alarm_at = -1;
    return 0;
}

static int keeper_sandbox(struct keeper *k, int folder)
{
    const struct sandbox_path paths[] = {{.fd = folder, .writable = true}};
    struct sandbox_report report = {0};
    int r = role_sandbox(k->start, paths, 1, KEEPER_MAX_FILES, &report);

    k->landlock = (uint32_t)report.landlock_abi;
    return r;
}

static void keeper_hooks(void)
{
#ifdef SP_HOOKS
    const char *ms = getenv("SALLYPORT_SYNC_DELAY_MS");

    if (ms != NULL)
        ledger_hook_sync_delay((unsigned)strtoul(ms, NULL, 10));
#endif
}

int keeper_main(struct role_start *start)
{
    struct keeper *k = &keeper;
    char problem[512];
    bool retry = false;
    int r;

    k->start = start;
    pthread_mutex_init(&k->links_lock, NULL);
    pthread_cond_init(&k->durable_grew, NULL);
    keeper_hooks();
    if ((r = snapshot_from_fd(start->fds[0], &k->snapshot)) != 0 ||
        (k->policy = k->snapshot.policy) == NULL)
        return role_failed(start, false, "keeper: snapshot: %s",
                           sp_strerror(r));
    role_log(start, k->snapshot.settings->log_level);
    k->origin = k->snapshot.settings->origin;
    k->rules = start->setup.rules;
    buf_init(&k->to_revoke.list, KEEPER_REVOKE_BYTES);
    buf_init(&k->notices, KEEPER_NOTICE_BYTES);
    if ((r = people_load(&k->snapshot, &k->identities, problem)) != 0)
        return role_failed(start, false, "keeper: %s", problem);
    if ((k->standing = standing_new()) == NULL || (r = keeper_events(k)) != 0 ||
        (r = keeper_sandbox(k, start->fds[1])) != 0)
        return role_failed(start, true, "keeper: %s", sp_strerror(r));
    if (keeper_open(k, start->fds[1],
                    start->setup.handover != 0 ? start->fds[2] : -1, problem,
                    &retry) != 0)
        return role_failed(start, retry, "%s", problem);
    if ((r = keeper_witnesses_start(k, start->fds[1])) != 0)
        return role_failed(start, true, "keeper: witnesses: %s",
                           sp_strerror(r));
    k->channel =
        channel_new(k->base, start->channel, on_message, role_closed, k);
    if (k->channel == NULL || role_ready(start) != 0)
        return role_failed(start, true, "keeper: no channel");
    tell_ledger(k);
    keeper_loop(k);
}
