/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: TLS, HTTP and JSON of strangers in one event loop. This file is
 * its start, its loop and its end. It gets everything it will ever have from
 * the supervisor before it enters its sandbox: keys and policy in memory, a
 * listening socket, a channel to the dialer, later links to keepers.
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
#include "gateway/answer_rules.h"
#include "gateway/connection.h"
#include "gateway/deadlines.h"
#include "gateway/exchange.h"
#include "gateway/listener.h"
#include "gateway/log_reads.h"
#include "gateway/peer.h"
#include "gateway/people.h"
#include "gateway/revocation_messages.h"
#include "gateway/sealed.h"
#include "gateway/shares.h"
#include "gateway/tls_files.h"
#include "gateway/upstream.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/log.h"

/* What comes with MESSAGE_SETUP, in this order. */
enum { FD_FILES, FD_DIALER, FD_LISTENERS };

/* Descriptors beside those of connections and their upstreams, and beside what
 * each listener has. */
#define OTHER_FILES    128
#define LISTENER_FILES (1 + LIMIT_ACCEPT_RESERVE)

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
    deadlines_cut(w->deadlines, &all);
    w->state = WORKER_ENDING;
}

static void drain(struct worker *w, const struct stop *stop)
{
    int64_t left = stop->deadline - clock_boot_ms() - LIMIT_CUT_DRAIN_MS * 2;
    struct timeval until;

    if (w->state != WORKER_SERVING)
        return;
    if (left < 0)
        left = 0;
    until.tv_sec = (time_t)(left / 1000);
    until.tv_usec = (suseconds_t)(left % 1000 * 1000);
    w->state = WORKER_DRAINING;
    for (size_t i = 0; i < w->settings->nlisteners; i++)
        listener_stop(w->listeners[i]);
    connections_drain(w->connections);
    w->stop_timer = event_new(w->base, -1, 0, on_drain_over, w);
    if (w->stop_timer == NULL || event_add(w->stop_timer, &until) != 0)
        w->state = WORKER_ENDING;
    log_info("draining", "connections=%zu ms=%lld",
             connections_count(w->connections), (long long)left);
}

/* --- new files --- */

/* Connections keep the context that they were made with, and with it its
 * certificate and key, until they end. */
static int files_take(struct worker *w, struct fileset *fresh,
                      struct tls_problem *problem)
{
    SSL_CTX *made[SETTINGS_LISTENERS_MAX];
    int r = fileset_swap(w->snapshot.files, fresh);

    if (r != 0)
        return r;
    r = tls_contexts_new(&w->snapshot, w->identities, false, problem, made);
    if (r == 0 && (r = upstreams_files(w->upstreams, problem->text)) != 0)
        tls_contexts_free(made);
    if (r != 0)
        return fileset_swap(w->snapshot.files, fresh) != 0 ? SP_EPROTO : r;
    tls_contexts_free(w->tls);
    memcpy(w->tls, made, sizeof(made));
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

static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct worker *w = arg;
    struct link_message link;
    struct transcript_file file;
    struct log_file log;
    struct reload_message again;
    struct revocations_number set;
    struct stop stop;

    switch (message_type(data, length)) {
    case MESSAGE_TRANSCRIPT:
        /* None with it: we have no room for more descriptors. */
        if (nfds > 1 || transcript_file_get(&file, data, length) != 0 ||
            (file.error != 0 && nfds != 0))
            break;
        seals_arrived(w->seals, &file, nfds == 1 ? fds[0] : -1);
        return;
    case MESSAGE_LOG_FILE:
        if (nfds > 1 || log_file_get(&log, data, length) != 0 ||
            (log.error != 0 && nfds != 0))
            break;
        log_reads_arrived(w->log_reads, &log, nfds == 1 ? fds[0] : -1);
        return;
    case MESSAGE_RELOAD:
        if (nfds > 1 || reload_message_get(&again, data, length) != 0)
            break;
        reload(w, again.number, nfds == 1 ? fds[0] : -1);
        return;
    case MESSAGE_LINK:
        if (nfds != 3 || link_message_get(&link, data, length) != 0)
            break;
        admissions_link(w->admissions, fds, link.generation);
        return;
    case MESSAGE_LINK_GONE:
        if (nfds != 0 || link_message_get(&link, data, length) != 0)
            break;
        admissions_gone(w->admissions, link.generation);
        return;
    case MESSAGE_REVOCATIONS:
        if (nfds != 1 || revocations_number_get(&set, data, length) != 0)
            break;
        peers_set(w->peers, set.number, fds[0]);
        return;
    case MESSAGE_REVOKER:
        if (nfds != 1 || link_message_get(&link, data, length) != 0)
            break;
        peers_channel(w->peers, fds[0]);
        return;
    case MESSAGE_DIALER:
        if (nfds != 1 || link_message_get(&link, data, length) != 0)
            break;
        upstreams_dialer(w->upstreams, fds[0]);
        return;
    case MESSAGE_STOP:
        if (nfds != 0 || stop_get(&stop, data, length) != 0)
            break;
        drain(w, &stop);
        return;
    default:
        break;
    }
    role_message_unknown(data, length, nfds);
}

/* ---- set-up ---- */

/* The largest body that any terms of a party allow; before its model is
 * known, no more can be said. */
static int set_up_limits(struct worker *w)
{
    const struct policy *p = w->policy;

    w->body_limits = calloc(p->nparties + 1, sizeof(*w->body_limits));
    if (w->body_limits == NULL)
        return SP_ENOMEM;
    for (uint32_t i = 0; i < p->nparties; i++)
        /* Who has no window is told so, and not that a body is too large. */
        if ((w->body_limits[i] = policy_party_body_limit(p, i)) == 0)
            w->body_limits[i] = WORKER_SCRATCH;
    return 0;
}

static int set_up_tls(struct worker *w, char problem[256])
{
    struct tls_problem of_files;
    int r = people_load(&w->snapshot, &w->identities, problem);

    if (r != 0)
        return r;
    r = tls_contexts_new(&w->snapshot, w->identities, false, &of_files, w->tls);
    if (r != 0)
        snprintf(problem, 256, "%s", of_files.text);
    return r;
}

static int set_up_listeners(struct worker *w)
{
    for (size_t i = 0; i < w->settings->nlisteners; i++) {
        w->listeners[i] = listener_new(w, w->start->fds[FD_LISTENERS + i], i);
        if (w->listeners[i] == NULL)
            return SP_ENOMEM;
    }
    return 0;
}

static int set_up_timers(struct worker *w)
{
    const struct settings *s = w->settings;
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

        w->timers[i] = event_base_init_common_timeout(w->base, &tv);
        if (w->timers[i] == NULL)
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
    r = set_up_timers(w);
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
    if (w->scratch == NULL || w->record == NULL || w->admissions == NULL ||
        w->deadlines == NULL || w->connections == NULL || w->seals == NULL ||
        w->log_reads == NULL || w->peers == NULL)
        return SP_ENOMEM;
    if ((r = upstreams_new(w, problem, &w->upstreams)) != 0)
        return r;
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
    rlim_t each = policy_seals(w->policy) ? 3 : 2;
    rlim_t wanted = each * (rlim_t)w->settings->connections + OTHER_FILES +
                    LISTENER_FILES * (rlim_t)w->settings->nlisteners;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (wanted > limit.rlim_max)
        wanted = limit.rlim_max;
    return (size_t)wanted;
}

static int set_up(struct worker *w, struct role_start *start, char problem[256])
{
    struct sandbox_report report;
    int r;

    w->start = start;
    w->index = start->setup.index;
    snprintf(problem, 256, "configuration");
    if ((r = snapshot_from_fd(start->fds[FD_FILES], &w->snapshot)) != 0)
        return r;
    snapshot_forget_text(&w->snapshot);
    w->settings = w->snapshot.settings;
    w->policy = w->snapshot.policy;
    if (start->nfds != FD_LISTENERS + w->settings->nlisteners)
        return SP_EPROTO;
    role_log(start, w->settings->log_level);
    (void)signal(SIGPIPE, SIG_IGN);
    /* Opens what it needs while anything can be opened, and finds out what
     * this machine hashes fastest with. */
    if (sodium_init() < 0)
        return SP_ECRYPTO;
    if ((w->shares = shares_new(w->policy, clock_boot_ms())) == NULL)
        return SP_ENOMEM;
    if ((r = set_up_limits(w)) != 0 || (r = answer_rules_set_up(w)) != 0 ||
        (r = set_up_tls(w, problem)) != 0 ||
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
        if (w->state == WORKER_DRAINING &&
            connections_count(w->connections) == 0)
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
    upstreams_free(w->upstreams);
    exchanges_free(w);
    seals_free(w->seals);
    log_reads_free(w->log_reads);
    peers_free(w->peers);
    admissions_free(w->admissions);
    deadlines_free(w->deadlines);
    if (w->stop_timer != NULL)
        event_free(w->stop_timer);
    tls_contexts_free(w->tls);
    identities_free(w->identities);
    answer_rules_release(w); /* its keys are the policy's own terms */
    snapshot_release(&w->snapshot);
    free(w->body_limits);
    shares_free(w->shares);
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
    log_info("serving", "policy=%u connections=%u", w->policy->serial,
             w->settings->connections);
    loop(w);
    loop_out(w);
    tear_down(w);
    log_info("ended", "status=0");
    return 0;
}
