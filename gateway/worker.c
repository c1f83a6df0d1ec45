/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: TLS, HTTP and JSON of strangers in one event loop. This file is
 * its start, its loop and its end. It gets everything it will ever have from
 * the supervisor before it enters its sandbox: keys and policy in memory, a
 * channel to the dialer; later links to keepers, and listening sockets once
 * everybody is ready.
 */
#include "gateway/worker.h"

#include <errno.h>
#include <openssl/err.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/admission.h"
#include "gateway/connection.h"
#include "gateway/deadlines.h"
#include "gateway/exchange.h"
#include "gateway/listener.h"
#include "gateway/log_reads.h"
#include "gateway/metrics_messages.h"
#include "gateway/metrics_page.h"
#include "gateway/peer.h"
#include "gateway/revocation_messages.h"
#include "gateway/rules_messages.h"
#include "gateway/sealed.h"
#include "gateway/tls_files.h"
#include "gateway/upstream.h"
#include "gateway/upstream_endpoint.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/log.h"

/* What comes with MESSAGE_SETUP, in this order. */
enum { FD_FILES, FD_DIALER };

/* Descriptors beside those of connections and their upstreams, and beside what
 * each listener has. */
#define OTHER_FILES    128
#define LISTENER_FILES (LIMIT_WORKERS + LIMIT_ACCEPT_RESERVE)

static struct worker worker;

/* ---- small things for everybody ---- */

void worker_random(struct worker *w, uint8_t *out, size_t length)
{
    if (w->random_left < length) {
        randombytes_buf(w->random, sizeof(w->random));
        w->random_left = sizeof(w->random);
    }
    w->random_left -= length;
    memcpy(out, w->random + w->random_left, length);
    sodium_memzero(w->random + w->random_left, length);
}

const char *worker_date(struct worker *w)
{
    int64_t second = clock_wall_ms() / 1000;

    if (second != w->date_second) {
        w->date_second = second;
        headers_date(second, w->date);
    }
    return w->date;
}

/* A worker has few windows, and answers a thousand times in each second. */
const char *worker_sunset(struct worker *w, int64_t t)
{
    int64_t second = t / 1000;
    size_t i = (size_t)second % WORKER_SUNSETS;

    if (second != w->sunsets[i].second) {
        w->sunsets[i].second = second;
        headers_date(second, w->sunsets[i].text);
    }
    return w->sunsets[i].text;
}

/* ---- from the supervisor ---- */

/* Streams that outlive the drain are ended like those of a closed window. */
static void on_drain_over(evutil_socket_t fd, short what, void *arg)
{
    const struct cut all = {CUT_ALL, .reason = REASON_DRAINING};
    struct worker *w = arg;

    (void)fd;
    (void)what;
    deadlines_cut(w->deadlines, w->rules, &all);
    w->state = WORKER_ENDING;
}

static void drain(struct worker *w, const struct stop *stop)
{
    int64_t left = stop->deadline - clock_boot_ms() - LIMIT_CUT_DRAIN_MS * 2;
    struct timeval until;

    if (w->state >= WORKER_DRAINING)
        return;
    if (left < 0)
        left = 0;
    until.tv_sec = (time_t)(left / 1000);
    until.tv_usec = (suseconds_t)(left % 1000 * 1000);
    w->state = WORKER_DRAINING;
    for (size_t i = 0; i < w->rules->settings->nlisteners; i++)
        listener_stop(w->listeners[i], (stop->held & 1u << i) != 0);
    connections_drain(w->connections);
    w->stop_timer = event_new(w->base, -1, 0, on_drain_over, w);
    if (w->stop_timer == NULL || event_add(w->stop_timer, &until) != 0)
        w->state = WORKER_ENDING;
    log_info("draining", "connections=%zu ms=%lld",
             connections_count(w->connections), (long long)left);
}

/* Somebody else has the sockets now: who waits there is theirs. */
static void retire(struct worker *w)
{
    if (w->state != WORKER_SERVING)
        return;
    w->state = WORKER_RETIRING;
    for (size_t i = 0; i < w->rules->settings->nlisteners; i++)
        listener_stop(w->listeners[i], true);
    log_info("retiring", "connections=%zu", connections_count(w->connections));
}

/* Without it, connections that the kernel deals to this socket would wait for
 * ever: then whoever starts us again is to try. */
static void listen_on(struct worker *w, uint32_t number, int fd)
{
    int r = SP_EPROTO;

    if (number < w->rules->settings->nlisteners)
        r = listener_add(w->listeners[number], fd);
    if (r != 0)
        fatal("listener", "number=%u error=%s", number,
              log_quote(sp_strerror(r)));
}

/* --- new files --- */

/* Connections keep the context that they were made with, and with it its
 * certificate and key, until they end. */
static int files_take(struct worker *w, struct fileset *fresh,
                      struct tls_problem *problem)
{
    SSL_CTX *made[SETTINGS_LISTENERS_MAX];
    int r = fileset_swap(w->rules->snapshot.files, fresh);

    if (r != 0)
        return r;
    r = tls_contexts_new(&w->rules->snapshot, w->rules->identities, false,
                         problem, made);
    if (r == 0 &&
        (r = endpoints_files(w->rules->endpoints, problem->text)) != 0)
        tls_contexts_free(made);
    if (r != 0)
        return fileset_swap(w->rules->snapshot.files, fresh) != 0 ? SP_EPROTO
                                                                  : r;
    tls_contexts_free(w->rules->tls);
    memcpy(w->rules->tls, made, sizeof(made));
    return 0;
}

/* The supervisor has tried all of this with the same files: what fails here
 * lacks memory, and the worker goes on with what it has. */
static void reload(struct worker *w, uint64_t number, int memfd)
{
    struct fileset *fresh = NULL;
    struct tls_problem problem = {.text = ""};
    int r = fileset_from_fd(memfd, &fresh);

    close(memfd);
    if (r == 0)
        r = files_take(w, fresh, &problem);
    fileset_free(fresh);
    if (r != 0)
        log_error("reload_failed", "reload=%llu problem=%s error=%s",
                  (unsigned long long)number, log_quote(problem.text),
                  log_quote(sp_strerror(r)));
    else
        log_info("reloaded", "reload=%llu", (unsigned long long)number);
}

/* --- other rules --- */

/* Also again, for other settings: the same length is the same queue. */
static void set_up_timers(struct worker *w)
{
    const struct timeval *made[TIMER_COUNT];
    const struct settings *s = w->rules->settings;
    const int64_t ms[TIMER_COUNT] = {
        [TIMER_HANDSHAKE] = s->handshake_ms,
        [TIMER_HEAD] = s->head_ms,
        [TIMER_BODY] = LIMIT_BODY_IDLE_MS,
        [TIMER_KEEPALIVE] = s->keepalive_ms,
        [TIMER_WRITE] = s->write_idle_ms,
        [TIMER_CUT] = LIMIT_CUT_DRAIN_MS,
        [TIMER_LINGER] = 800,
        /* The dialer gives up by itself; this is for a dialer that does not. */
        [TIMER_DIAL] = s->connect_ms + 1000,
        [TIMER_FIRST_BYTE] = s->first_byte_ms,
        [TIMER_ANSWER_IDLE] = s->answer_idle_ms,
        [TIMER_UPSTREAM_IDLE] = LIMIT_UPSTREAM_IDLE_MS,
    };

    for (unsigned i = 0; i < TIMER_COUNT; i++) {
        const struct timeval tv = {.tv_sec = (time_t)(ms[i] / 1000),
                                   .tv_usec =
                                       (suseconds_t)(ms[i] % 1000 * 1000)};

        made[i] = event_base_init_common_timeout(w->base, &tv);
        if (made[i] == NULL) { /* no more lengths: it costs a little more */
            w->plain[i] = tv;
            made[i] = &w->plain[i];
        }
    }
    memcpy(w->timers, made, sizeof(made));
}

/* Whoever needs the old ones keeps them; everybody else is told. What fails
 * here lacks memory, and the next process starts with the new ones. */
void worker_rules(struct worker *w)
{
    struct rules *r = w->prepared;

    if (r == NULL || r->number != w->in_force)
        return;
    w->prepared = NULL;
    if (rules_take_over(w, r) != 0)
        fatal("rules_not_taken_over", "error=%s", log_quote("out of memory"));
    set_up_timers(w);
    role_log(w->start, r->settings->log_level);
    peers_rules(w->peers);
    connections_rules(w->connections);
    log_info("rules_in_force", "rules=%llu policy=%u",
             (unsigned long long)r->number, r->policy->serial);
}

static int prepare(struct worker *w, uint64_t number, int memfd,
                   char problem[256])
{
    struct snapshot s;
    int r = snapshot_from_fd(memfd, &s);

    snprintf(problem, 256, "%s", sp_strerror(r != 0 ? r : SP_EAGAIN));
    if (r != 0)
        return r;
    snapshot_forget_text(&s);
    rules_free(w->prepared);
    w->prepared = NULL;
    if (rules_count(w) >= RULES_MAX) {
        snprintf(problem, 256,
                 "streams of %u earlier policies have not ended yet",
                 RULES_MAX);
        snapshot_release(&s);
        return SP_EAGAIN;
    }
    return rules_new(w, number, &s, problem, &w->prepared);
}

static void tell_prepared(struct worker *w, const struct rules_ready *v)
{
    uint8_t data[sizeof(*v) + 64];
    size_t length;

    if (rules_ready_put(v, data, sizeof(data), &length) != 0 ||
        channel_send(w->supervisor, data, length, NULL, 0) != 0)
        log_warn("rules_ready_not_told", "rules=%llu",
                 (unsigned long long)v->number);
}

static void on_rules(struct worker *w, const struct rules_message *m, int fd)
{
    struct rules_ready v = {.number = m->number};
    char problem[256];

    v.error = prepare(w, m->number, fd, problem);
    if (v.error != 0)
        snprintf(v.problem, sizeof(v.problem), "%s", problem);
    tell_prepared(w, &v);
    worker_rules(w); /* it may be late */
}

static void on_rules_drop(struct worker *w, const struct rules_message *m)
{
    if (w->prepared == NULL || w->prepared->number != m->number)
        return;
    rules_free(w->prepared);
    w->prepared = NULL;
}

/* What a request waits for. */
static bool take_file(struct worker *w, const uint8_t *data, size_t length,
                      int *fds, size_t nfds)
{
    struct transcript_file file;
    struct log_file log;

    switch (message_type(data, length)) {
    case MESSAGE_TRANSCRIPT:
        /* None with it: we have no room for more descriptors. */
        if (nfds > 1 || transcript_file_get(&file, data, length) != 0 ||
            (file.error != 0 && nfds != 0))
            break;
        seals_arrived(w->seals, &file, nfds == 1 ? fds[0] : -1);
        return true;
    case MESSAGE_LOG_FILE:
        if (nfds > 1 || log_file_get(&log, data, length) != 0 ||
            (log.error != 0 && nfds != 0))
            break;
        log_reads_arrived(w->log_reads, &log, nfds == 1 ? fds[0] : -1);
        return true;
    default:
        break;
    }
    return false;
}

/* What holds from now on. */
static bool take_rules(struct worker *w, const uint8_t *data, size_t length,
                       int *fds, size_t nfds)
{
    struct rules_message rules;
    struct reload_message again;
    struct revocations_number set;

    switch (message_type(data, length)) {
    case MESSAGE_RELOAD:
        if (nfds > 1 || reload_message_get(&again, data, length) != 0)
            break;
        reload(w, again.number, nfds == 1 ? fds[0] : -1);
        return true;
    case MESSAGE_RULES:
        if (nfds != 1 || rules_message_get(&rules, data, length) != 0)
            break;
        on_rules(w, &rules, fds[0]);
        return true;
    case MESSAGE_RULES_DROP:
        if (nfds != 0 || rules_message_get(&rules, data, length) != 0)
            break;
        on_rules_drop(w, &rules);
        return true;
    case MESSAGE_REVOCATIONS:
        if (nfds != 1 || revocations_number_get(&set, data, length) != 0)
            break;
        peers_set(w->peers, set.number, fds[0]);
        return true;
    default:
        break;
    }
    return false;
}

/* Whom it speaks with. */
static bool take_channel(struct worker *w, const uint8_t *data, size_t length,
                         int *fds, size_t nfds)
{
    struct link_message link;

    switch (message_type(data, length)) {
    case MESSAGE_LINK:
        if (nfds != 3 || link_message_get(&link, data, length) != 0)
            break;
        admissions_link(w->admissions, fds, link.generation, link.before);
        return true;
    case MESSAGE_LINK_GONE:
        if (nfds != 0 || link_message_get(&link, data, length) != 0)
            break;
        admissions_gone(w->admissions, link.generation);
        return true;
    case MESSAGE_REVOKER:
        if (nfds != 1 || link_message_get(&link, data, length) != 0)
            break;
        peers_channel(w->peers, fds[0]);
        return true;
    case MESSAGE_DIALER:
        if (nfds != 1 || link_message_get(&link, data, length) != 0)
            break;
        upstreams_dialer(w->upstreams, fds[0]);
        return true;
    default:
        break;
    }
    return false;
}

/* What it is to do itself. */
static bool take_life(struct worker *w, const uint8_t *data, size_t length,
                      int *fds, size_t nfds)
{
    struct listen_message on;
    struct metrics_page_message page;
    struct stop stop;

    switch (message_type(data, length)) {
    case MESSAGE_RETIRE:
        if (nfds != 0 || retire_get(data, length) != 0)
            break;
        retire(w);
        return true;
    case MESSAGE_LISTEN:
        if (nfds != 1 || listen_message_get(&on, data, length) != 0)
            break;
        listen_on(w, on.listener, fds[0]);
        return true;
    case MESSAGE_METRICS_PAGE:
        if (nfds != 1 || metrics_page_message_get(&page, data, length) != 0 ||
            metrics_adopt(fds[0]) != 0)
            break;
        return true;
    case MESSAGE_STOP:
        if (nfds != 0 || stop_get(&stop, data, length) != 0)
            break;
        drain(w, &stop);
        return true;
    default:
        break;
    }
    return false;
}

static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct worker *w = arg;

    if (!take_file(w, data, length, fds, nfds) &&
        !take_rules(w, data, length, fds, nfds) &&
        !take_channel(w, data, length, fds, nfds) &&
        !take_life(w, data, length, fds, nfds))
        role_message_unknown(data, length, nfds);
}

/* ---- set-up ---- */

static int set_up_listeners(struct worker *w)
{
    for (size_t i = 0; i < w->rules->settings->nlisteners; i++) {
        w->listeners[i] = listener_new(w, i);
        if (w->listeners[i] == NULL)
            return SP_ENOMEM;
    }
    return 0;
}

static int set_up_loop(struct worker *w, char problem[256])
{
    struct event_config *config = event_config_new();
    int r = SP_ENOMEM;

    snprintf(problem, 256, "%s", sp_strerror(r));
    if (config == NULL ||
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) != 0 ||
        event_config_require_features(config, EV_FEATURE_ET |
                                                  EV_FEATURE_EARLY_CLOSE) != 0)
        goto out;
    w->base = event_base_new_with_config(config);
    /* Deadlines come before everything else in a turn. */
    if (w->base == NULL || event_base_priority_init(w->base, 2) != 0)
        goto out;
    set_up_timers(w);
    r = 0;
out:
    if (config != NULL)
        event_config_free(config);
    return r;
}

static int set_up_parts(struct worker *w, char problem[256])
{
    int r;

    snprintf(problem, 256, "%s", sp_strerror(SP_ENOMEM));
    w->scratch = malloc(WORKER_SCRATCH);
    w->record = malloc(WORKER_RECORD);
    w->admissions = admissions_new(w);
    w->deadlines = deadlines_new(w);
    w->connections = connections_new(w);
    w->seals = seals_new(w);
    w->log_reads = log_reads_new(w);
    w->peers = peers_new(w);
    w->upstreams = upstreams_new(w);
    if (w->scratch == NULL || w->record == NULL || w->admissions == NULL ||
        w->deadlines == NULL || w->connections == NULL || w->seals == NULL ||
        w->log_reads == NULL || w->peers == NULL || w->upstreams == NULL)
        return SP_ENOMEM;
    upstreams_dialer(w->upstreams, w->start->fds[FD_DIALER]);
    snprintf(problem, 256, "%s", sp_strerror(SP_ENOMEM));
    if ((r = set_up_listeners(w)) != 0)
        return r;
    w->supervisor =
        channel_new(w->base, w->start->channel, on_message, role_closed, w);
    return w->supervisor == NULL ? SP_ENOMEM : 0;
}

/* A client, its model's connection and its transcript each; as many as we may
 * have. */
static size_t set_up_files(const struct worker *w)
{
    /* Also if this policy seals nothing: another one may. */
    rlim_t wanted = 3 * (rlim_t)w->rules->settings->connections + OTHER_FILES +
                    LISTENER_FILES * (rlim_t)w->rules->settings->nlisteners;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (wanted > limit.rlim_max)
        wanted = limit.rlim_max;
    return (size_t)wanted;
}

static int set_up_rules(struct worker *w, char problem[256])
{
    struct snapshot s;
    struct rules *first;
    int r;

    snprintf(problem, 256, "configuration");
    if ((r = snapshot_from_fd(w->start->fds[FD_FILES], &s)) != 0)
        return r;
    snapshot_forget_text(&s);
    role_log(w->start, s.settings->log_level);
    /* Opens what it needs while anything can be opened, and finds out what
     * this machine hashes fastest with. */
    if (sodium_init() < 0)
        r = SP_ECRYPTO;
    if (r != 0) {
        snapshot_release(&s);
        return r;
    }
    w->in_force = w->start->setup.rules;
    r = rules_new(w, w->in_force, &s, problem, &first);
    return r != 0 ? r : rules_take_over(w, first);
}

static int set_up(struct worker *w, struct role_start *start, char problem[256])
{
    struct sandbox_report report;
    int r;

    w->start = start;
    w->index = start->setup.index;
    (void)signal(SIGPIPE, SIG_IGN);
    if ((r = set_up_rules(w, problem)) != 0 ||
        (r = set_up_loop(w, problem)) != 0 ||
        (r = set_up_parts(w, problem)) != 0)
        return r;
    snprintf(problem, 256, "sandbox");
    r = role_sandbox(start, NULL, 0, set_up_files(w), &report);
    return r != 0 ? r : role_ready(start);
}

/* ---- the loop ---- */

static void bury(struct worker *w)
{
    connections_bury(w->connections);
    exchanges_bury(w);
    upstreams_bury(w->upstreams);
}

/* A turn: what sockets and timers bring, then the keeper's answers, then the
 * dead. Sleeps only if the keeper has nothing new to say. */
static void loop(struct worker *w)
{
    bool sleep = false;

    while (w->state != WORKER_ENDING) {
        if (event_base_loop(w->base, sleep ? EVLOOP_ONCE
                                           : EVLOOP_ONCE | EVLOOP_NONBLOCK) < 0)
            fatal("event_loop_failed", "errno=%d", errno);
        admissions_awake(w->admissions);
        sleep = admissions_turn(w->admissions);
        bury(w);
        if ((w->state == WORKER_RETIRING || w->state == WORKER_DRAINING) &&
            connections_count(w->connections) == 0 &&
            admissions_settled(w->admissions))
            w->state = WORKER_ENDING;
    }
}

/* The last words of streams that were cut, and of everybody's ends. */
static void loop_out(struct worker *w)
{
    const struct timeval last = {.tv_usec = LIMIT_CUT_DRAIN_MS * 1000};

    if (connections_count(w->connections) > 0) {
        (void)event_base_loopexit(w->base, &last);
        (void)event_base_dispatch(w->base);
    }
    (void)admissions_turn(w->admissions);
    bury(w);
}

/* Not the supervisor's channel, nor the loop it hangs on: to the supervisor a
 * closed channel is a worker gone wrong, an exit status is an end. */
static void tear_down(struct worker *w)
{
    connections_free(w->connections);
    if (w->admissions != NULL)
        (void)admissions_turn(w->admissions);
    for (size_t i = 0; i < SETTINGS_LISTENERS_MAX; i++)
        listener_free(w->listeners[i]);
    upstreams_forget(w->upstreams, w->rules->endpoints);
    upstreams_free(w->upstreams);
    exchanges_free(w);
    seals_free(w->seals);
    log_reads_free(w->log_reads);
    peers_free(w->peers);
    admissions_free(w->admissions);
    deadlines_free(w->deadlines);
    if (w->stop_timer != NULL)
        event_free(w->stop_timer);
    rules_free(w->prepared);
    rules_drop(w->rules);
    free(w->scratch);
    free(w->record);
    buf_pool_release();
}

int worker_main(struct role_start *start)
{
    struct worker *w = &worker;
    char problem[256] = "";
    int r = set_up(w, start, problem);

    if (r != 0)
        return role_failed(start, r == SP_ENOMEM || r == SP_EIO, "%s: %s",
                           problem, sp_strerror(r));
    log_info("serving", "policy=%u connections=%u", w->rules->policy->serial,
             w->rules->settings->connections);
    loop(w);
    loop_out(w);
    tear_down(w);
    log_info("ended", "status=0");
    return 0;
}
