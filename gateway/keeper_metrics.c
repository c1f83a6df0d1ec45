/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper counts, and how it tells control where windows and budgets
 * stand. Runs in the keeper. Control answers local strangers and is not
 * believed: it can ask for what any operator may see, a bounded piece at a
 * time and so often a second, and say nothing else.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/keeper.h"
#include "gateway/metrics_messages.h"
#include "gateway/metrics_page.h"

#define NS_OF_MS 1000000u

/* Answers in one second: the largest policy's windows take sixteen. */
#define ASKS_PER_SECOND 64

static struct {
    struct channel *control; /* NULL: none */
    struct keeper_rate asks;
    /* Entries below `size` were there at `at` (boot ms): until all of them are
     * on disk (or under a checkpoint), that is how long one has waited. */
    struct mark {
        uint64_t size;
        int64_t at;
    } durable, published;
    uint64_t newest; /* that the newest checkpoint was seen to cover */
} metrics;

/* ---- counting ---- */

static void count_closed(const struct entry_request_closed *c)
{
    metrics_add(METRICS_CLOSED + c->cause, 1);
    metrics_add(METRICS_ANSWERED_BYTES, c->answered_bytes);
    metrics_add(METRICS_INPUT_TOKENS, c->input_tokens);
    metrics_add(METRICS_OUTPUT_TOKENS, c->output_tokens);
}

void keeper_count(const struct entry *e)
{
    metrics_add(METRICS_ENTRIES + e->kind, 1);
    if (e->kind == ENTRY_REQUEST_ADMITTED)
        metrics_add(METRICS_ADMITTED, 1);
    else if (e->kind == ENTRY_REQUEST_REFUSED)
        metrics_add(METRICS_REFUSED + e->u.request.reason, 1);
    else if (e->kind == ENTRY_REQUEST_CLOSED)
        count_closed(&e->u.request_closed);
}

/* Exact to a tick, which is enough to tell a disk that stands still. */
static uint64_t waited_ns(const struct keeper *k, struct mark *m, uint64_t done)
{
    if (done >= m->size) {
        m->size = ledger_size(k->ledger);
        m->at = k->boot;
        return 0;
    }
    return (uint64_t)(k->boot - m->at) * NS_OF_MS;
}

void keeper_metrics_tick(struct keeper *k)
{
    uint64_t published = ledger_published(k->ledger);

    metrics_turn(KEEPER_TICK_MS);
    metrics_set(METRICS_SYNC_WAIT,
                waited_ns(k, &metrics.durable, ledger_durable(k->ledger)));
    metrics_set(METRICS_PUBLISH_WAIT,
                waited_ns(k, &metrics.published, published));
    if (published != metrics.newest)
        metrics_set(METRICS_PUBLISHED_AT, (uint64_t)k->wall);
    metrics.newest = published;
}

/* ---- standings ---- */

/* As many windows as there is room for; behind the last one the models, if
 * they fit, else in an answer of their own. One that alone is too large for an
 * answer is left out with its budgets: no policy has such a one. */
static int answer_rows(const struct keeper *k, const struct ask_standings *ask,
                       struct msg_out *m, struct standings_head *head)
{
    const uint32_t nwindows = (uint32_t)k->policy->nwindows;
    const struct msg_out empty = *m;
    struct msg_out before;
    uint32_t i = ask->from;

    for (; i < nwindows && i - ask->from < STANDINGS_WINDOWS; i++)
        if (standings_window_put(m, k->policy, k->standing, i, k->now) != 0 &&
            m->length > empty.length)
            break;
    head->next = i;
    if (i < nwindows)
        return 0;
    before = *m;
    if (standings_models_put(m, k->policy, k->standing) == 0) {
        head->next = STANDINGS_END;
        return 0;
    }
    *m = before;
    return m->length > empty.length ? 0 : SP_ETOOBIG;
}

static void answer(struct keeper *k, const struct ask_standings *ask)
{
    static uint8_t data[CHANNEL_MESSAGE_MAX];
    struct standings_head head = {.ticket = ask->ticket,
                                  .policy = k->policy->serial};
    struct msg_out m, start;
    int r;

    msg_put_begin(&m, data, sizeof(data), MESSAGE_ANSWER_STANDINGS);
    start = m;
    standings_head_put(&m, &head);
    r = answer_rows(k, ask, &m, &head);
    standings_head_put(&start, &head); /* now it is known what comes next */
    if (r == 0)
        r = channel_send(metrics.control, data, m.length, NULL, 0);
    if (r != 0)
        log_warn("standings_not_told", "from=%u error=%s", ask->from,
                 log_quote(sp_strerror(r)));
}

static void control_drop(void)
{
    if (metrics.control != NULL)
        channel_free(metrics.control);
    metrics.control = NULL;
}

/* More than fits into a second gets no answer, and whoever does not take its
 * answers no more of them. */
static bool ask_has_room(const struct keeper *k)
{
    int64_t second = k->boot / 1000;

    if (metrics.asks.second != second)
        metrics.asks = (struct keeper_rate){.second = second};
    return metrics.asks.count++ < ASKS_PER_SECOND &&
           channel_queued(metrics.control) < 2;
}

static void on_ask(void *arg, const uint8_t *data, size_t length, int *fds,
                   size_t nfds)
{
    struct keeper *k = arg;
    struct ask_standings ask;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds != 0 || ask_standings_get(&ask, data, length) != 0) {
        log_error("control_broke_protocol", "type=%u",
                  message_type(data, length));
        control_drop();
        return;
    }
    if (ask_has_room(k))
        answer(k, &ask);
}

static void on_left(void *arg, int error)
{
    (void)arg;
    (void)error; /* the supervisor knows why, and sends a new one */
    control_drop();
}

int keeper_metrics_message(struct keeper *k, const uint8_t *data, size_t length,
                           int *fds, size_t nfds)
{
    struct metrics_page_message page;
    struct metrics_number number;

    if (nfds != 1)
        return SP_EPROTO;
    if (metrics_page_message_get(&page, data, length) == 0 && page.keeper) {
        keeper_metrics_tick(k);
        return metrics_adopt(fds[0]);
    }
    if (metrics_number_get(&number, data, length) != 0)
        return SP_EPROTO;
    control_drop();
    metrics.control = channel_new(k->base, fds[0], on_ask, on_left, k);
    return metrics.control != NULL ? 0 : SP_ENOMEM;
}
