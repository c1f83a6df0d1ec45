/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's time: one reading of the clocks per turn, what is done when
 * they disagree (P4), and the windows that time opens and closes (P2, P3).
 * Runs in the keeper; the wall clock is not trusted further than
 * lib/clock.h's guard does.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "gateway/keeper.h"

/* With no window to come the alarm still tells of a clock that is set. */
#define ALARM_NEVER (INT64_C(1) << 52)

static void record_anomaly(struct keeper *k, const char *what)
{
    struct entry e = {
        .kind = ENTRY_CLOCK_ANOMALY,
        .u.clock_anomaly = {.what = what, .wall = k->wall},
    };

    keeper_record(k, &e);
    log_warn("clock_anomaly", "what=%s wall=%lld newest=%lld state=%d", what,
             (long long)k->wall, (long long)k->clock.newest,
             (int)k->clock.state);
}

void keeper_clock_init(struct keeper *k)
{
    clock_read(&k->wall, &k->boot);
    k->synchronised = clock_synchronised();
    clock_guard_init(&k->clock, k->snapshot.settings->clock_settle_ms,
                     standing_newest(k->standing), k->wall, k->boot);
    k->now = k->wall > k->clock.newest ? k->wall : k->clock.newest;
    k->last_entry = k->boot;
}

void keeper_clock_started(struct keeper *k)
{
    if (k->clock.state == CLOCK_BEHIND)
        record_anomaly(k, "behind");
}

/* Asking the kernel whether the clock is synchronised is a system call; it
 * matters only when the two clocks have moved apart. */
static bool clocks_moved_apart(const struct keeper *k, int64_t wall,
                               int64_t boot)
{
    return llabs((wall - k->wall) - (boot - k->boot)) > 100;
}

void keeper_clock_turn(struct keeper *k)
{
    static const char *const what[] = {
        [CLOCK_STEPPED_BACK] = "step_back",
        [CLOCK_STEPPED_FORWARD] = "step_forward",
        [CLOCK_RECOVERED] = "recovered",
    };
    int64_t wall, boot;
    enum clock_event event;

    clock_read(&wall, &boot);
    if (clocks_moved_apart(k, wall, boot))
        k->synchronised = clock_synchronised();
    event = clock_guard_read(&k->clock, wall, boot, k->synchronised, &k->now);
    k->wall = wall;
    k->boot = boot;
    if (event != CLOCK_NOTHING)
        record_anomaly(k, what[event]);
}

int64_t keeper_boot_time(const struct keeper *k, int64_t t)
{
    int64_t left = t > k->now ? t - k->now : 0;

    return left > INT64_MAX - k->boot ? INT64_MAX : k->boot + left;
}

static enum reason closing_reason(const char *cause)
{
    if (strcmp(cause, "released") == 0)
        return REASON_MODEL_RELEASED;
    return strcmp(cause, "expired") == 0 ? REASON_WINDOW_EXPIRED
                                         : REASON_WINDOW_CLOSED;
}

/* Ends what runs in a window, in every worker. Workers keep their own
 * deadlines; this is for the clock that was set forward and for orders. */
static void cut_window(struct keeper *k, const struct entry *e)
{
    struct cut c = {CUT_ALL,
                    .reason = closing_reason(e->u.window_closed.cause)};
    uint8_t data[CUT_BYTES];
    size_t length;

    for (uint32_t i = 0; i < k->policy->nwindows; i++)
        if (strcmp(k->policy->windows[i].id, e->u.window_closed.window) == 0)
            c.window = i;
    if (c.window == VERDICT_NONE)
        return; /* of an older policy: this one's workers never had it */
    if (cut_put(&c, data, sizeof(data), &length) == 0)
        keeper_send_all(k, data, length);
}

/* What ends, and the log's line: before the entry is applied, since its texts
 * are the standing's. */
static void due_tell(struct keeper *k, const struct entry *e)
{
    const struct entry_certificate_revoked *r = &e->u.certificate_revoked;

    if (e->kind == ENTRY_WINDOW_CLOSED) {
        cut_window(k, e);
        log_info("window_closed", "window=%s cause=%s",
                 log_quote(e->u.window_closed.window),
                 e->u.window_closed.cause);
    } else if (e->kind == ENTRY_MODEL_RELEASED) {
        log_info("model_released", "model=%s cause=%s",
                 e->u.model_released.model, e->u.model_released.cause);
    } else if (e->kind == ENTRY_CERTIFICATE_REVOKED) {
        /* What was under way ended with the window, or with the access; whoever
         * comes again on a connection that is open is told that. */
        keeper_certificate_pass_on(k, r->sha256, r->reason);
        log_info("certificate_revoked", "serial=%s party=%s person=%s cause=%s",
                 r->serial, r->party, r->person, r->cause);
    } else if (e->kind == ENTRY_WINDOW_NOTICE) {
        log_info("window_notice", "window=%s seconds_left=%lld",
                 log_quote(e->u.window_notice.window),
                 (long long)(e->u.window_notice.closes - k->now) / 1000);
    } else {
        log_info("window_opened", "window=%s",
                 log_quote(e->u.window_opened.window));
    }
}

void keeper_due(struct keeper *k)
{
    struct entry e = {0};

    while (
        standing_due(k->standing, k->now, k->clock.state == CLOCK_GOOD, &e)) {
        due_tell(k, &e);
        keeper_record(k, &e);
        e = (struct entry){0};
    }
    while (standing_statement_due(k->standing, &e)) {
        log_info("window_statement", "window=%s admitted=%llu refused=%llu",
                 log_quote(e.u.window_statement.window),
                 (unsigned long long)e.u.window_statement.admitted,
                 (unsigned long long)e.u.window_statement.refused);
        keeper_record(k, &e);
    }
}

/* The timer runs on the kernel's wall clock, which a test's clock may be off
 * from; what counts is how long it is from now. */
static struct timespec alarm_time(const struct keeper *k, int64_t at)
{
    struct timespec t;
    int64_t left = at - k->wall;
    int64_t ns;

    clock_gettime(CLOCK_REALTIME, &t);
    left = left > 0 ? left : 0;
    ns = (int64_t)t.tv_nsec + left % 1000 * 1000000;
    t.tv_sec += (time_t)(left / 1000 + ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    return t;
}

void keeper_alarm_set(struct keeper *k)
{
    int64_t at = standing_next_due(k->standing);
    struct itimerspec when = {0};

    /* What is due already is held back while the clock settles: the tick
     * looks again, an alarm would go off at once and for ever. */
    if (at > ALARM_NEVER || at <= k->now)
        at = ALARM_NEVER;
    if (at == k->alarm_at)
        return;
    when.it_value = alarm_time(k, at);
    if (timerfd_settime(k->alarm_fd,
                        TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when,
                        NULL) == 0)
        k->alarm_at = at;
}

void keeper_heartbeat(struct keeper *k)
{
    struct entry e = {.kind = ENTRY_HEARTBEAT};

    if (k->boot - k->last_entry >= KEEPER_HEARTBEAT_MS)
        keeper_record(k, &e);
}
