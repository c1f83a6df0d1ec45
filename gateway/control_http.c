/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics and health. Runs in control. Who connects is on this machine and
 * nothing more is known of them: they can read, and be closed. What is counted
 * is read out of pages that others write; how windows and budgets stand the
 * keeper is asked, at most once a second whatever is asked here, in pieces, so
 * that no decision waits for it.
 */
#include "gateway/control_http.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/control_standings.h"
#include "gateway/metrics_text.h"
#include "gateway/plain_http.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/log.h"

#define CONNECTIONS 32
#define HEAD_MS     5000
#define IDLE_MS     5000
#define TOTAL_MS    30000
/* Scrapes that are closer together get the same text. */
#define FRESH_MS 1000
/* A keeper that does not answer is left out. */
#define COLLECT_MS 2000
/* A keeper that was not heard from, or whose disk does not take an entry, for
 * so long is not ready. */
#define KEEPER_SILENT_MS 3000
#define DISK_SLOW_MS     2000
/* The largest policy's windows come to 2 MB; beyond this there is no text. */
#define TEXT_MAX (64u << 20)

static struct control_http {
    struct event_base *base;
    const struct control_status *status;
    struct plain_http *server; /* NULL: not served */
    int listening;
    struct metrics_page *keeper_page;
    struct metrics_page *worker_pages[LIMIT_WORKERS];
    struct list_ages lists;

    /* what is being collected */
    bool collecting;
    uint64_t ticket;
    uint32_t policy, next;
    struct standings_row window; /* the newest */
    struct evbuffer *rows[ROWS_COUNT];
    struct event *limit;

    struct evbuffer *text; /* the newest; NULL: none */
    int64_t made;          /* boot ms */
} http = {.listening = -1};

/* ---- health ---- */

static int64_t ms_of(unsigned cell)
{
    return (int64_t)(metrics_read(http.keeper_page, cell) / 1000000);
}

/* Why the disk, or the keeper that has it, is not good; NULL. */
static const char *keeper_problem(void)
{
    int64_t beat;

    if (http.keeper_page == NULL || (beat = ms_of(METRICS_BEAT)) == 0)
        return "the keeper has not begun";
    if (clock_boot_ms() - beat > KEEPER_SILENT_MS)
        return "the keeper stands still";
    if (ms_of(METRICS_SYNC_WAIT) > DISK_SLOW_MS)
        return "the ledger's disk does not take entries";
    return NULL;
}

static const char *roles_problem(char text[64])
{
    const struct control_roles *all = &http.status->roles;

    if (all->count == 0)
        return "nothing is known of the other processes yet";
    for (uint32_t i = 0; i < all->count; i++) {
        const struct control_role *r = &all->roles[i];

        if (r->state == ROLE_STATE_READY)
            continue;
        snprintf(text, 64, "%s/%u is %s", r->name, r->index,
                 role_state_text(r->state));
        return text;
    }
    return NULL;
}

/* In the order in which one follows from the other; NULL: all is ready. */
static const char *unready(void)
{
    static char text[64];
    const struct control_ledger *l = &http.status->ledger;
    const char *problem = roles_problem(text);

    if (problem == NULL)
        problem = keeper_problem();
    if (problem == NULL && (!l->known || l->clock != CLOCK_GOOD))
        problem = l->clock == CLOCK_SETTLING
                      ? "the clock was set forward and settles"
                      : "the clock is behind the ledger";
    if (problem == NULL && l->refusing)
        problem = "witnesses have not cosigned, or have seen another history";
    return problem;
}

static bool answer_line(struct plain_answer *a, unsigned status,
                        const char *line)
{
    static struct evbuffer *body;

    if (body != NULL)
        evbuffer_free(body);
    body = evbuffer_new();
    if (body != NULL && evbuffer_add_printf(body, "%s\n", line) < 0)
        (void)evbuffer_drain(body, evbuffer_get_length(body));
    *a = (struct plain_answer){.status = status,
                               .type = "text/plain; charset=utf-8",
                               .cache = "no-store",
                               .body = body};
    return true;
}

/* ---- the text ---- */

static struct evbuffer *text_make(bool complete)
{
    struct metrics_source s = {.status = http.status,
                               .keeper = http.keeper_page,
                               .lists = &http.lists,
                               .complete = complete,
                               .unready = unready(),
                               .wall = clock_wall_ms(),
                               .boot = clock_boot_ms()};
    struct evbuffer *out = evbuffer_new();

    memcpy(s.workers, http.worker_pages, sizeof(s.workers));
    memcpy(s.rows, http.rows, sizeof(s.rows));
    if (out != NULL && metrics_text(&s, out) == 0)
        return out;
    if (out != NULL)
        evbuffer_free(out);
    return NULL;
}

static void text_answer(struct plain_answer *a)
{
    if (http.text == NULL) {
        (void)answer_line(a, 503, "out of memory");
        return;
    }
    *a = (struct plain_answer){.status = 200,
                               .type = METRICS_CONTENT_TYPE,
                               .cache = "no-store",
                               .body = http.text};
}

/* Those who read the one before hold on to its bytes. */
static void text_replace(bool complete)
{
    if (http.text != NULL)
        evbuffer_free(http.text);
    http.text = text_make(complete);
    http.made = clock_boot_ms();
}

/* ---- collecting ---- */

static void rows_empty(void)
{
    for (size_t i = 0; i < ROWS_COUNT; i++)
        (void)evbuffer_drain(http.rows[i], evbuffer_get_length(http.rows[i]));
}

static size_t rows_length(void)
{
    size_t length = 0;

    for (size_t i = 0; i < ROWS_COUNT; i++)
        length += evbuffer_get_length(http.rows[i]);
    return length;
}

/* Half of the windows would look like all of them: none are shown. */
static void collect_end(bool complete)
{
    struct plain_answer a;

    http.collecting = false;
    (void)event_del(http.limit);
    if (!complete)
        rows_empty();
    text_replace(complete);
    text_answer(&a);
    if (http.server != NULL)
        plain_http_answer(http.server, &a);
}

static int standings_take(void *arg, const struct standings_head *head,
                          struct msg_in *m);

static int ask_next(void)
{
    return control_standings_ask(http.next, standings_take, &http,
                                 &http.ticket);
}

static bool collect_begin(void)
{
    static const struct timeval limit = {.tv_sec = COLLECT_MS / 1000};

    rows_empty();
    http.policy = http.next = 0;
    http.window = (struct standings_row){0};
    http.collecting = ask_next() == 0 && event_add(http.limit, &limit) == 0;
    return http.collecting;
}

static void on_collect_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    log_warn("standings_not_told", "ticket=%llu next=%u",
             (unsigned long long)http.ticket, http.next);
    control_standings_forget(http.ticket);
    collect_end(false);
}

static int rows_take(struct msg_in *m)
{
    int r = 0;

    while (r == 0 && m->position < m->length) {
        struct standings_row row;

        if ((r = standings_row_get(m, &row)) != 0)
            return r;
        r = metrics_row_add(http.rows, &row, &http.window);
        if (row.kind == STANDINGS_WINDOW)
            http.window = row;
    }
    return r != 0 ? r : msg_get_end(m);
}

/* A policy that is replaced meanwhile has other windows: next time. */
static int standings_take(void *arg, const struct standings_head *head,
                          struct msg_in *m)
{
    int r;

    (void)arg;
    if (!http.collecting)
        return 0;
    if (head == NULL || (http.next != 0 && head->policy != http.policy) ||
        (head->next != STANDINGS_END && head->next < http.next) ||
        rows_length() > TEXT_MAX) {
        collect_end(false);
        return 0;
    }
    if ((r = rows_take(m)) != 0) {
        collect_end(false);
        return r;
    }
    http.policy = head->policy;
    http.next = head->next;
    if (head->next == STANDINGS_END)
        collect_end(true);
    else if (ask_next() != 0)
        collect_end(false);
    return 0;
}

/* ---- what is asked ---- */

static bool on_metrics(struct plain_answer *a)
{
    if (http.collecting)
        return false;
    if (http.text == NULL || clock_boot_ms() - http.made >= FRESH_MS) {
        if (collect_begin())
            return false;
        text_replace(false);
    }
    text_answer(a);
    return true;
}

static bool on_ask(void *arg, const char *path, struct plain_answer *a)
{
    const char *problem;

    (void)arg;
    if (strcmp(path, "/metrics") == 0)
        return on_metrics(a);
    if (strcmp(path, "/healthz") == 0)
        return answer_line(a, 200, "alive");
    if (strcmp(path, "/readyz") != 0)
        return answer_line(a, 404, "there are /metrics, /healthz and /readyz");
    problem = unready();
    return problem == NULL ? answer_line(a, 200, "ready")
                           : answer_line(a, 503, problem);
}

/* ---- from the supervisor ---- */

static int on_serve(int fd)
{
    const struct plain_http_plan plan = {.connections = CONNECTIONS,
                                         .head_ms = HEAD_MS,
                                         .idle_ms = IDLE_MS,
                                         .total_ms = TOTAL_MS,
                                         .ask = on_ask};

    plain_http_free(http.server);
    if (http.listening >= 0)
        close(http.listening);
    http.listening = fd;
    http.server = plain_http_new(http.base, fd, &plan);
    return http.server != NULL ? 0 : SP_ENOMEM;
}

static int on_page(const struct metrics_page_message *v, int fd)
{
    struct metrics_page **place =
        v->keeper ? &http.keeper_page : &http.worker_pages[v->worker];
    struct metrics_page *page;
    int r = metrics_page_open(fd, false, &page);

    if (r != 0)
        return r;
    metrics_page_free(*place);
    *place = page;
    return 0;
}

int control_http_message(const uint8_t *data, size_t length, int *fds,
                         size_t nfds)
{
    struct metrics_page_message page;
    struct metrics_number number;

    switch (message_type(data, length)) {
    case MESSAGE_LIST_AGES:
        return nfds == 0 ? list_ages_get(&http.lists, data, length) : SP_EPROTO;
    case MESSAGE_METRICS_PAGE:
        if (nfds != 1 || metrics_page_message_get(&page, data, length) != 0)
            return SP_EPROTO;
        return on_page(&page, fds[0]);
    case MESSAGE_METRICS_SERVE:
        if (nfds != 1 || metrics_number_get(&number, data, length) != 0)
            return SP_EPROTO;
        return on_serve(fds[0]);
    case MESSAGE_STANDINGS:
        if (nfds != 1 || metrics_number_get(&number, data, length) != 0)
            return SP_EPROTO;
        return control_standings_join(http.base, fds[0]);
    default:
        return SP_EPROTO;
    }
}

int control_http_init(struct event_base *base,
                      const struct control_status *status)
{
    http.base = base;
    http.status = status;
    for (size_t i = 0; i < ROWS_COUNT; i++)
        if ((http.rows[i] = evbuffer_new()) == NULL)
            return SP_ENOMEM;
    http.limit = event_new(base, -1, 0, on_collect_limit, NULL);
    return http.limit != NULL ? 0 : SP_ENOMEM;
}
