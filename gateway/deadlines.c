/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadlines of admitted requests. Runs in a worker. The keeper decides
 * them and also orders cuts; this is what makes them happen in time, with no
 * message from anybody.
 */
#include "gateway/deadlines.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gateway/connection.h"
#include "lib/clock.h"
#include "lib/log.h"

/* A place in the heap is its index + 1; 0 in an exchange means: not in it. */
struct deadlines {
    struct worker *worker;
    struct exchange **heap;
    size_t count, capacity;
    int64_t next_end; /* the earliest end of a window */
    int64_t armed;    /* boot ms the timer is set to, INT64_MAX: it is not */
    int timer;        /* CLOCK_BOOTTIME */
    int watch;        /* CLOCK_REALTIME, only to hear of the clock being set */
    struct event *timer_event, *watch_event;
};

static void place(struct deadlines *d, size_t at, struct exchange *x)
{
    d->heap[at] = x;
    x->heap = at + 1;
}

static void sift_up(struct deadlines *d, size_t at, struct exchange *x)
{
    while (at > 0 && d->heap[(at - 1) / 2]->deadline > x->deadline) {
        place(d, at, d->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(d, at, x);
}

static void sift_down(struct deadlines *d, size_t at, struct exchange *x)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= d->count)
            break;
        if (child + 1 < d->count &&
            d->heap[child + 1]->deadline < d->heap[child]->deadline)
            child++;
        if (d->heap[child]->deadline >= x->deadline)
            break;
        place(d, at, d->heap[child]);
        at = child;
    }
    place(d, at, x);
}

/* The timer is only ever moved forward in time when it has fired: most
 * requests end long before their deadline and cost no system call. */
static void arm(struct deadlines *d)
{
    int64_t at = d->count > 0 ? d->heap[0]->deadline : INT64_MAX;
    struct itimerspec spec = {0};

    if (d->next_end < at)
        at = d->next_end;
    if (at >= d->armed)
        return;
    d->armed = at;
    if (at < 1)
        at = 1;
    spec.it_value.tv_sec = (time_t)(at / 1000);
    spec.it_value.tv_nsec = (long)(at % 1000) * 1000000;
    if (timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &spec, NULL) != 0)
        fatal("deadline_timer_failed", "errno=%d", errno);
}

static void window_note(struct deadlines *d, const struct exchange *x)
{
    struct window_end *e;

    if ((x->deadline_reason != REASON_WINDOW_EXPIRED &&
         x->deadline_reason != REASON_MODEL_RELEASED) ||
        x->window >= x->rules->policy->nwindows)
        return;
    e = &x->rules->ends[x->window];
    e->boot = x->deadline;
    e->wall = x->deadline_wall;
    e->reason = x->deadline_reason;
    if (e->boot < d->next_end)
        d->next_end = e->boot;
}

/* Ends what is under way in a window, first of all (deadlines that were
 * reckoned at different moments may be a millisecond apart), then what the
 * kernel still holds of answers that were whole before. The keeper says so as
 * well, unless it is not there. */
static void windows_end(struct deadlines *d, struct rules *r, int64_t now)
{
    for (uint32_t i = 0; i < r->policy->nwindows; i++) {
        if (r->ends[i].boot <= now) {
            struct cut c = {CUT_ALL, .reason = r->ends[i].reason};

            c.window = i;
            r->ends[i].boot = INT64_MAX;
            deadlines_cut(d, r, &c);
            connections_cut(d->worker->connections, r, &c);
        }
        if (r->ends[i].boot < d->next_end)
            d->next_end = r->ends[i].boot;
    }
}

/* Also of older rules, by which something may still be answered. */
static void all_windows_end(struct deadlines *d, int64_t now)
{
    struct rules *next, *r = d->worker->rules;

    d->next_end = INT64_MAX;
    for (; r != NULL; r = next) {
        next = r->older;
        windows_end(d, r, now);
    }
}

int deadlines_add(struct deadlines *d, struct exchange *x)
{
    if (x->deadline == INT64_MAX)
        return 0;
    if (d->count == d->capacity) {
        size_t capacity = d->capacity == 0 ? 64 : d->capacity * 2;
        struct exchange **heap =
            realloc(d->heap, capacity * sizeof(struct exchange *));

        if (heap == NULL)
            return SP_ENOMEM;
        d->heap = heap;
        d->capacity = capacity;
    }
    sift_up(d, d->count++, x);
    window_note(d, x);
    arm(d);
    return 0;
}

void deadlines_remove(struct deadlines *d, struct exchange *x)
{
    size_t at = x->heap;
    struct exchange *last;

    if (at == 0)
        return;
    x->heap = 0;
    last = d->heap[--d->count];
    if (last == x)
        return;
    at--;
    if (at > 0 && d->heap[(at - 1) / 2]->deadline > last->deadline)
        sift_up(d, at, last);
    else
        sift_down(d, at, last);
}

void deadlines_lower(struct deadlines *d, struct exchange *x, int64_t wall,
                     enum reason reason)
{
    size_t at = x->heap;

    if (at == 0 || wall >= x->deadline_wall)
        return;
    x->deadline_wall = wall;
    x->deadline = wall + clock_boot_ms() - clock_wall_ms();
    x->deadline_reason = reason;
    sift_up(d, at - 1, x);
    arm(d);
}

void deadlines_rules(struct deadlines *d)
{
    const struct rules *r = d->worker->rules;

    for (size_t i = 0; i < r->policy->nwindows; i++)
        if (r->ends[i].boot < d->next_end)
            d->next_end = r->ends[i].boot;
    arm(d);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct deadlines *d = arg;
    int64_t now = clock_boot_ms();
    uint64_t fired;

    (void)what;
    if (read(fd, &fired, sizeof(fired)) < 0 && errno != EAGAIN)
        log_error("deadline_timer_read", "errno=%d", errno);
    d->armed = INT64_MAX;
    while (d->count > 0 && d->heap[0]->deadline <= now) {
        struct exchange *x = d->heap[0];

        deadlines_remove(d, x);
        exchange_cut(x, x->deadline_reason);
    }
    if (d->next_end <= now)
        all_windows_end(d, now);
    arm(d);
}

void deadlines_cut(struct deadlines *d, const struct rules *of,
                   const struct cut *c)
{
    struct exchange *next;

    for (struct exchange *x = d->worker->exchanges; x != NULL; x = next) {
        next = x->next;
        if (!x->admitted ||
            !rules_cut_takes(of, c, x->rules, x->window, x->model,
                             x->facts.party, x->facts.person,
                             x->facts.cert_sha256))
            continue;
        deadlines_remove(d, x);
        exchange_cut(x, c->reason);
    }
}

static void watch_arm(struct deadlines *d)
{
    struct itimerspec spec = {.it_value = {.tv_sec = 4102444800}}; /* 2100 */

    if (timerfd_settime(d->watch, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
                        &spec, NULL) != 0 &&
        errno != ECANCELED)
        log_error("clock_watch_failed", "errno=%d", errno);
}

static void windows_shift(struct deadlines *d, struct rules *r, int64_t shift)
{
    for (size_t i = 0; i < r->policy->nwindows; i++) {
        struct window_end *e = &r->ends[i];

        if (e->boot != INT64_MAX && e->wall + shift < e->boot)
            e->boot = e->wall + shift;
        if (e->boot < d->next_end)
            d->next_end = e->boot;
    }
}

/* Somebody set the wall clock: what ends at a wall time may end sooner now;
 * it never ends later (P4). */
static void on_clock_set(evutil_socket_t fd, short what, void *arg)
{
    struct deadlines *d = arg;
    int64_t shift = clock_boot_ms() - clock_wall_ms();
    uint64_t fired;

    (void)what;
    if (read(fd, &fired, sizeof(fired)) < 0 && errno != ECANCELED)
        return;
    for (size_t i = 0; i < d->count; i++) {
        struct exchange *x = d->heap[i];

        if (x->deadline_wall + shift < x->deadline)
            x->deadline = x->deadline_wall + shift;
    }
    for (size_t i = d->count / 2; i-- > 0;)
        sift_down(d, i, d->heap[i]);
    for (struct rules *r = d->worker->rules; r != NULL; r = r->older)
        windows_shift(d, r, shift);
    watch_arm(d);
    arm(d);
}

struct deadlines *deadlines_new(struct worker *w)
{
    struct deadlines *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->worker = w;
    d->armed = d->next_end = INT64_MAX;
    d->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    d->watch = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (d->timer >= 0)
        d->timer_event =
            event_new(w->base, d->timer, EV_READ | EV_PERSIST, on_timer, d);
    if (d->watch >= 0)
        d->watch_event =
            event_new(w->base, d->watch, EV_READ | EV_PERSIST, on_clock_set, d);
    if (d->timer_event == NULL || d->watch_event == NULL ||
        event_priority_set(d->timer_event, 0) != 0 ||
        event_add(d->timer_event, NULL) != 0 ||
        event_add(d->watch_event, NULL) != 0) {
        deadlines_free(d);
        return NULL;
    }
    watch_arm(d);
    return d;
}

void deadlines_free(struct deadlines *d)
{
    if (d == NULL)
        return;
    if (d->timer_event != NULL)
        event_free(d->timer_event);
    if (d->watch_event != NULL)
        event_free(d->watch_event);
    if (d->timer >= 0)
        close(d->timer);
    if (d->watch >= 0)
        close(d->watch);
    free(d->heap);
    free(d);
}
