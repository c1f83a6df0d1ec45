/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One keeper goes and the next one comes, and no request is refused for it and
 * no stream cut: the one that goes leaves a list of what is open, in memory
 * that we hand on. Only one has the ledger at a time. What must be answered by
 * the keeper it was given to, orders and other rules, is waited for first; what
 * comes meanwhile is kept. Whatever goes wrong is a keeper's death like any
 * other (P9). Runs in the supervisor.
 */
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "gateway/processes.h"
#include "lib/clock.h"
#include "lib/file.h"

#define ORDERS_BYTES (256u << 10)

bool supervisor_handing_over(const struct supervisor *s)
{
    return s->handover.state != HANDOVER_NONE;
}

int supervisor_handover_order(struct supervisor *s, const uint8_t *data,
                              size_t length)
{
    uint16_t head = (uint16_t)length;
    uint8_t *space;

    if (buf_reserve(&s->handover.orders, length + sizeof(head), &space) != 0)
        return SP_EAGAIN;
    memcpy(space, &head, sizeof(head));
    memcpy(space + sizeof(head), data, length);
    buf_commit(&s->handover.orders, length + sizeof(head));
    return 0;
}

void supervisor_handover_drain(struct supervisor *s, int64_t within_ms)
{
    s->handover.drain = true;
    s->handover.within_ms = within_ms;
}

static void orders_go_on(struct supervisor *s)
{
    struct buf waiting = s->handover.orders;
    uint16_t length;

    buf_init(&s->handover.orders, ORDERS_BYTES);
    while (waiting.length > 0) {
        memcpy(&length, buf_bytes(&waiting), sizeof(length));
        buf_drain(&waiting, sizeof(length));
        (void)supervisor_order(s, buf_bytes(&waiting), length);
        buf_drain(&waiting, length);
    }
    buf_release(&waiting);
}

/* However it went: what waited for its end. */
static void over(struct supervisor *s)
{
    event_del(s->handover.limit);
    s->handover.state = HANDOVER_NONE;
    if (s->handover.list >= 0)
        close(s->handover.list);
    s->handover.list = -1;
    orders_go_on(s);
    if (s->handover.drain)
        supervisor_drain(s, s->handover.within_ms);
    else if (s->reload_wanted)
        supervisor_reload(s);
}

static void failed(struct supervisor *s, const char *what)
{
    log_error("handover_failed", "what=%s", log_quote(what));
    over(s);
}

static void start_limit(struct supervisor *s)
{
    const struct timeval after = {.tv_sec = LIMIT_HANDOVER_MS / 1000};

    if (event_add(s->handover.limit, &after) != 0)
        fatal("timer", "error=%s", log_quote("out of memory"));
}

static void begin(struct supervisor *s)
{
    struct process *keeper = &s->processes[KEEPER];
    uint8_t data[16];
    size_t length;

    if (keeper->state != ROLE_STATE_READY ||
        file_memory("sallyport-open", &s->handover.list) != 0 ||
        handover_put(MESSAGE_HANDOVER, data, sizeof(data), &length) != 0) {
        failed(s, "it cannot begin: nothing was changed");
        return;
    }
    s->handover.state = HANDOVER_LEAVING;
    s->handover.began = clock_boot_ms();
    start_limit(s);
    process_leaves(keeper, LIMIT_HANDOVER_MS);
    process_send(keeper, data, length, &s->handover.list, 1);
}

void supervisor_handover_step(struct supervisor *s)
{
    if (s->handover.state == HANDOVER_WAITING && s->norders == 0 &&
        s->change.state == CHANGE_NONE)
        begin(s);
}

void supervisor_handover(struct supervisor *s)
{
    if (s->phase != PHASE_RUNNING || supervisor_handing_over(s))
        return;
    s->handover.state = HANDOVER_WAITING;
    start_limit(s);
    supervisor_handover_step(s);
}

bool supervisor_handover_gone(struct supervisor *s, struct process *keeper)
{
    if (s->handover.state == HANDOVER_LEAVING && keeper->status == 0) {
        s->handover.state = HANDOVER_COMING;
        keeper->backoff = 0;
        return true;
    }
    if (supervisor_handing_over(s))
        failed(s, "a keeper ended");
    return false;
}

void supervisor_handover_ready(struct supervisor *s)
{
    if (s->handover.state != HANDOVER_COMING)
        return;
    for (size_t i = WORKERS; i < processes_count(s); i++) {
        struct process *worker = &s->processes[i];

        worker->before = worker->linked ? worker->link : 0;
        worker->linked = false;
    }
}

void supervisor_handover_done(struct supervisor *s)
{
    if (s->handover.state != HANDOVER_COMING)
        return;
    log_info("handed_over", "ms=%lld",
             (long long)(clock_boot_ms() - s->handover.began));
    s->processes[KEEPER].backoff = 0;
    over(s);
}

/* Workers have stopped waiting, too. The keeper that is coming closes as lost
 * what nobody has under way any more. */
static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;

    (void)fd;
    (void)what;
    if (s->handover.state == HANDOVER_LEAVING) {
        process_kill(&s->processes[KEEPER]); /* its end decides */
        return;
    }
    if (s->handover.state == HANDOVER_COMING)
        supervisor_keeper_lost(s);
    failed(s, "it took too long");
}

void supervisor_handover_init(struct supervisor *s)
{
    s->handover.list = -1;
    buf_init(&s->handover.orders, ORDERS_BYTES);
    s->handover.limit = event_new(s->base, -1, 0, on_limit, s);
    if (s->handover.limit == NULL)
        fatal("event", "error=%s", log_quote("out of memory"));
}
