/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's part of metrics: it makes the pages that workers and the
 * keeper count in and keeps them for as long as it lives, so that no sum falls
 * when a process is started again; and it joins control with the keeper, where
 * metrics are off, too (`sallyport windows` asks there). It reads none of the
 * numbers.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/metrics_messages.h"
#include "gateway/metrics_page.h"
#include "gateway/processes.h"
#include "lib/channel.h"

/* Of the keeper, and of each worker that there ever was. */
#define PAGES (1 + LIMIT_WORKERS)

struct page {
    int memory; /* -1: none */
    struct metrics_page *map;
};

struct supervisor_metrics {
    struct page pages[PAGES];
    uint64_t number; /* of what was handed on */
    uint8_t lists[CHANNEL_MESSAGE_MAX];
    size_t lists_length; /* the revoker's last word; 0: none */
};

static bool is_ready(const struct process *p)
{
    return p->state == ROLE_STATE_READY;
}

static bool counts(const struct process *p)
{
    return p->role == ROLE_WORKER || p->role == ROLE_KEEPER;
}

static struct page *page_of(const struct process *p)
{
    struct supervisor_metrics *m = p->supervisor->metrics;

    return &m->pages[p->role == ROLE_KEEPER ? 0 : 1 + p->index];
}

static void page_send(struct process *to, size_t i, int memory)
{
    const struct metrics_page_message v = {
        .keeper = i == 0, .worker = i == 0 ? 0 : (uint32_t)i - 1};
    uint8_t data[32];
    size_t length;

    if (metrics_page_message_put(&v, data, sizeof(data), &length) == 0)
        process_send(to, data, length, &memory, 1);
}

/* The descriptor that is mapped is closed with the mapping's maker. */
static int page_make(struct page *page)
{
    int r = metrics_page_create(&page->memory), copy;

    if (r != 0) {
        page->memory = -1;
        return r;
    }
    copy = fcntl(page->memory, F_DUPFD_CLOEXEC, 0);
    r = copy < 0 ? sp_error_from_errno()
                 : metrics_page_open(copy, true, &page->map);
    if (r != 0) {
        close(page->memory);
        page->memory = -1;
    }
    return r;
}

int supervisor_metrics_init(struct supervisor *s)
{
    if (s->snapshot.settings->metrics_listen == NULL || s->metrics != NULL)
        return 0;
    if ((s->metrics = calloc(1, sizeof(*s->metrics))) == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < PAGES; i++)
        s->metrics->pages[i].memory = -1;
    return 0;
}

/* A process that was started counts in its page as soon as it listens. Without
 * one it counts for itself, and nobody sees it. */
void supervisor_metrics_started(struct process *p)
{
    struct supervisor *s = p->supervisor;
    struct page *page;
    int r;

    if (s->metrics == NULL || !counts(p))
        return;
    page = page_of(p);
    if (page->memory < 0 && (r = page_make(page)) != 0) {
        log_error("metrics_page_not_made", "error=%s",
                  log_quote(sp_strerror(r)));
        return;
    }
    page_send(p, (size_t)(page - s->metrics->pages), page->memory);
    if (is_ready(&s->processes[CONTROL]))
        page_send(&s->processes[CONTROL], (size_t)(page - s->metrics->pages),
                  page->memory);
}

void supervisor_metrics_ended(struct process *p)
{
    if (p->supervisor->metrics != NULL && counts(p) && page_of(p)->map != NULL)
        metrics_page_ended(page_of(p)->map);
}

static void serve_send(struct supervisor *s)
{
    const struct metrics_number v = {.number = ++s->metrics->number};
    uint8_t data[32];
    size_t length;
    int r = openings_metrics_again(&s->openings);

    if (r != 0) {
        log_error("metrics_not_served", "error=%s", log_quote(sp_strerror(r)));
        return;
    }
    if (metrics_number_put(MESSAGE_METRICS_SERVE, &v, data, sizeof(data),
                           &length) == 0)
        process_send(&s->processes[CONTROL], data, length, &s->openings.metrics,
                     1);
}

static void lists_send(struct supervisor *s)
{
    if (s->metrics->lists_length > 0 && is_ready(&s->processes[CONTROL]))
        process_send(&s->processes[CONTROL], s->metrics->lists,
                     s->metrics->lists_length, NULL, 0);
}

static void join(struct supervisor *s)
{
    const struct metrics_number v = {.number = ++s->links};
    uint8_t data[32];
    size_t length;

    if (metrics_number_put(MESSAGE_STANDINGS, &v, data, sizeof(data),
                           &length) != 0 ||
        process_join(&s->processes[KEEPER], &s->processes[CONTROL], data,
                     length) != 0)
        log_error("standings_not_joined", "number=%llu",
                  (unsigned long long)v.number);
}

static void metrics_begin(struct process *control)
{
    struct supervisor *s = control->supervisor;

    for (size_t i = 0; i < PAGES; i++)
        if (s->metrics->pages[i].memory >= 0)
            page_send(control, i, s->metrics->pages[i].memory);
    lists_send(s);
    serve_send(s);
}

void supervisor_metrics_ready(struct process *p)
{
    struct supervisor *s = p->supervisor;

    if (s->metrics != NULL && p->role == ROLE_CONTROL)
        metrics_begin(p);
    if ((p->role == ROLE_CONTROL || p->role == ROLE_KEEPER) &&
        is_ready(&s->processes[CONTROL]) && is_ready(&s->processes[KEEPER]))
        join(s);
}

int supervisor_list_ages(struct supervisor *s, const uint8_t *data,
                         size_t length)
{
    static struct list_ages ages;

    if (list_ages_get(&ages, data, length) != 0)
        return SP_EPROTO;
    if (s->metrics == NULL)
        return 0;
    memcpy(s->metrics->lists, data, length);
    s->metrics->lists_length = length;
    lists_send(s);
    return 0;
}
