/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text. Runs in control. Numbers of a worker that was taken over may
 * be anything: each is bounded to what it can be, and they are in no name and
 * no label. Labels are words of our own tables, and names of the policy, whose
 * size bounds how many there are.
 */
#include "gateway/metrics_text.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A loop that is this late, in ms, has stood still. */
#define LAG_MAX_MS     INT64_C(1000000000)
#define WORKER_TURN_MS 100
#define KEEPER_TURN_MS 500

struct writer {
    struct metrics_source *s;
    struct evbuffer *out;
    const char *name;
    int error;
};

struct family {
    const char *name, *type, *help;
    void (*samples)(struct writer *w, unsigned argument);
    unsigned argument;
};

static void put(struct writer *w, const char *format, ...) SP_PRINTF(2, 3);

static void put(struct writer *w, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (evbuffer_add_vprintf(w->out, format, ap) < 0)
        w->error = SP_ENOMEM;
    va_end(ap);
}

static void put_number(struct writer *w, uint64_t value)
{
    put(w, "%s %" PRIu64 "\n", w->name, value);
}

/* `labels` is inside of the braces. */
static void put_labelled(struct writer *w, const char *labels, uint64_t value)
{
    put(w, "%s{%s} %" PRIu64 "\n", w->name, labels, value);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* Names of policies have nothing to escape; what has is not shown as it is. */
#define LABEL_SIZE 640
static const char *label(const char *text, char out[LABEL_SIZE])
{
    size_t n = 0;

    for (; *text != '\0' && n < LABEL_SIZE - 2; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = (unsigned char)*text < ' ' ? '?' : *text;
    }
    out[n] = '\0';
    return out;
}

/* ---- what pages hold ---- */

static uint64_t bounded(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* One that lies can make a sum large, but nobody else's numbers. */
static uint64_t sum(const struct writer *w, unsigned cell)
{
    uint64_t all = 0;

    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        uint64_t more =
            w->s->workers[i] != NULL ? metrics_read(w->s->workers[i], cell) : 0;

        if (cell < METRICS_STATES)
            more = bounded(more, LIMIT_CONNECTIONS);
        all = more <= UINT64_MAX - all ? all + more : UINT64_MAX;
    }
    return all;
}

static uint64_t keeper_cell(const struct writer *w, unsigned cell)
{
    return w->s->keeper != NULL ? metrics_read(w->s->keeper, cell) : 0;
}

static void of_workers(struct writer *w, unsigned cell)
{
    put_number(w, sum(w, cell));
}

static void of_keeper(struct writer *w, unsigned cell)
{
    put_number(w, keeper_cell(w, cell));
}

static void keeper_seconds(struct writer *w, unsigned cell)
{
    put(w, "%s %.3f\n", w->name, seconds(keeper_cell(w, cell)));
}

static void refusals(struct writer *w, unsigned cell)
{
    for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++)
        put(w, "%s{reason=\"%s\"} %" PRIu64 "\n", w->name,
            reason_info((enum reason)i)->code,
            cell == METRICS_REFUSED ? keeper_cell(w, cell + i)
                                    : sum(w, cell + i));
}

static void closings(struct writer *w, unsigned cell)
{
    for (unsigned i = 0; i < CAUSE_COUNT; i++)
        put(w, "%s{cause=\"%s\"} %" PRIu64 "\n", w->name,
            cause_code((enum cause)i), keeper_cell(w, cell + i));
}

static void entries(struct writer *w, unsigned cell)
{
    for (unsigned i = ENTRY_NONE + 1; i < ENTRY_KIND_COUNT; i++)
        put(w, "%s{kind=\"%s\"} %" PRIu64 "\n", w->name,
            entry_kind_text((enum entry_kind)i), keeper_cell(w, cell + i));
}

/* What is counted while it is read is in the sums next time: the number of
 * observations is that of the buckets, so the text never contradicts itself. */
static void histogram(struct writer *w, unsigned which)
{
    unsigned first = METRICS_OBSERVED + which * METRICS_HISTOGRAM;
    bool keeper = which == METRICS_DECISION;
    uint64_t count = 0, ns;

    for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
        uint64_t end = metrics_bucket_end((enum metrics_histogram)which, i);

        count += keeper ? keeper_cell(w, first + i) : sum(w, first + i);
        if (end == UINT64_MAX)
            put(w, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", w->name, count);
        else
            put(w, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", w->name, seconds(end),
                count);
    }
    ns = keeper ? keeper_cell(w, first + METRICS_BUCKETS)
                : sum(w, first + METRICS_BUCKETS);
    put(w, "%s_sum %.9f\n", w->name, seconds(ns));
    put(w, "%s_count %" PRIu64 "\n", w->name, count);
}

static void lag(struct writer *w, const struct metrics_page *p,
                const char *role, size_t index, int64_t turn_ms)
{
    int64_t ms, silent;

    if (p == NULL || metrics_read(p, METRICS_BEAT) == 0)
        return;
    ms = (int64_t)(metrics_read(p, METRICS_LAG) / 1000000);
    silent = w->s->boot - turn_ms -
             (int64_t)(metrics_read(p, METRICS_BEAT) / 1000000);
    ms = silent > ms ? silent : ms;
    ms = ms < LAG_MAX_MS ? ms : LAG_MAX_MS;
    put(w, "%s{role=\"%s\",index=\"%zu\"} %.3f\n", w->name, role, index,
        (double)ms / 1e3);
}

static void lags(struct writer *w, unsigned argument)
{
    (void)argument;
    lag(w, w->s->keeper, "keeper", 0, KEEPER_TURN_MS);
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        lag(w, w->s->workers[i], "worker", i, WORKER_TURN_MS);
}

/* ---- what the supervisor told ---- */

static void build_info(struct writer *w, unsigned argument)
{
    char version[LABEL_SIZE], crypto[LABEL_SIZE];

    (void)argument;
    put(w, "%s{version=\"%s\",crypto=\"%s\"} 1\n", w->name,
        label(w->s->status->version, version),
        label(w->s->status->crypto, crypto));
}

static void ready(struct writer *w, unsigned argument)
{
    (void)argument;
    put_number(w, w->s->unready == NULL);
}

static void started(struct writer *w, unsigned argument)
{
    (void)argument;
    put(w, "%s %.3f\n", w->name, (double)w->s->status->roles.started / 1e3);
}

enum { ROLE_UP, ROLE_RESTARTS };

static void roles(struct writer *w, unsigned what)
{
    const struct control_roles *all = &w->s->status->roles;
    char name[LABEL_SIZE];

    for (uint32_t i = 0; i < all->count; i++) {
        const struct control_role *r = &all->roles[i];

        put(w, "%s{role=\"%s\",index=\"%u\"} %" PRIu64 "\n", w->name,
            label(r->name, name), r->index,
            what == ROLE_UP     ? (uint64_t)(r->state == ROLE_STATE_READY)
            : r->generation > 0 ? r->generation - 1
                                : 0);
    }
}

static void ledger_entries(struct writer *w, unsigned argument)
{
    const struct control_ledger *l = &w->s->status->ledger;

    (void)argument;
    put_labelled(w, "stage=\"decided\"", l->size);
    put_labelled(w, "stage=\"durable\"", l->durable);
    put_labelled(w, "stage=\"published\"", l->published);
    put_labelled(w, "stage=\"cosigned\"", l->cosigned);
}

static void checkpoint_age(struct writer *w, unsigned argument)
{
    int64_t at = (int64_t)keeper_cell(w, METRICS_PUBLISHED_AT);

    (void)argument;
    if (at > 0)
        put(w, "%s %.3f\n", w->name,
            w->s->wall > at ? (double)(w->s->wall - at) / 1e3 : 0.0);
}

static void clock_states(struct writer *w, unsigned argument)
{
    static const char *const states[] = {[CLOCK_GOOD] = "state=\"good\"",
                                         [CLOCK_BEHIND] = "state=\"behind\"",
                                         [CLOCK_SETTLING] =
                                             "state=\"settling\""};
    const struct control_ledger *l = &w->s->status->ledger;

    (void)argument;
    for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        put_labelled(w, states[i], l->known && l->clock == i);
}

static void policy_serial(struct writer *w, unsigned argument)
{
    (void)argument;
    put_number(w, w->s->status->ledger.policy);
}

static void requests_open(struct writer *w, unsigned argument)
{
    (void)argument;
    put_number(w, w->s->status->ledger.open);
}

static void landlock(struct writer *w, unsigned argument)
{
    (void)argument;
    put_number(w, w->s->status->ledger.landlock);
}

static void witnesses(struct writer *w, unsigned argument)
{
    (void)argument;
    put_number(w, w->s->status->ledger.witnesses);
}

static void witness_alarms(struct writer *w, unsigned argument)
{
    uint8_t alarm = w->s->status->ledger.alarm;

    (void)argument;
    put_labelled(w, "kind=\"missing\"", (alarm & WITNESS_ALARM_MISSING) != 0);
    put_labelled(w, "kind=\"fork\"", (alarm & WITNESS_ALARM_FORK) != 0);
}

static void refusing(struct writer *w, unsigned argument)
{
    (void)argument;
    put_number(w, w->s->status->ledger.refusing);
}

/* ---- what the revoker told ---- */

enum { LISTS_COUNT, LISTS_AGE, LISTS_LEFT };

static void lists(struct writer *w, unsigned what)
{
    char name[LABEL_SIZE];

    for (uint32_t i = 0; w->s->lists != NULL && i < w->s->lists->count; i++) {
        const struct list_age *a = &w->s->lists->parties[i];
        int64_t left = a->stale_at - w->s->wall, age = w->s->wall - a->oldest;

        label(a->party, name);
        if (what == LISTS_COUNT)
            put(w, "%s{party=\"%s\"} %u\n", w->name, name, a->lists);
        else if (what == LISTS_LEFT)
            put(w, "%s{party=\"%s\"} %.3f\n", w->name, name,
                a->lists > 0 && left > 0 ? (double)left / 1e3 : 0.0);
        else if (a->lists > 0)
            put(w, "%s{party=\"%s\"} %.3f\n", w->name, name,
                age > 0 ? (double)age / 1e3 : 0.0);
    }
}

/* ---- what the keeper told ---- */

static void complete(struct writer *w, unsigned argument)
{
    (void)argument;
    put_number(w, w->s->complete);
}

static void rows(struct writer *w, unsigned which)
{
    if (evbuffer_add_buffer(w->out, w->s->rows[which]) != 0)
        w->error = SP_ENOMEM;
}

/* ---- all of them ---- */

static const char *const row_names[ROWS_COUNT] = {
    [ROWS_WINDOW_INFO] = "sallyport_window_info",
    [ROWS_WINDOW_LEFT] = "sallyport_window_seconds_left",
    [ROWS_WINDOW_UNTIL] = "sallyport_window_seconds_until_open",
    [ROWS_WINDOW_REQUESTS] = "sallyport_window_requests_total",
    [ROWS_WINDOW_OPEN] = "sallyport_window_open_requests",
    [ROWS_BUDGET_LIMIT] = "sallyport_window_budget_limit",
    [ROWS_BUDGET_LEFT] = "sallyport_window_budget_left",
    [ROWS_MODEL_LIMIT] = "sallyport_model_budget_limit",
    [ROWS_MODEL_LEFT] = "sallyport_model_budget_left",
};

#define ROWS(type, help, which)                                                \
    {                                                                          \
        NULL, type, help, rows, which                                          \
    }

static const struct family families[] = {
    {"sallyport_build_info", "gauge",
     "Always 1; what was built and its "
     "cryptography are in the labels.",
     build_info, 0},
    {"sallyport_start_time_seconds", "gauge",
     "When the daemon was started, in seconds since 1970.", started, 0},
    {"sallyport_ready", "gauge", "1 while /readyz says yes.", ready, 0},
    {"sallyport_scrape_complete", "gauge",
     "1 if the keeper told how all "
     "windows and budgets stand; 0: they are missing here.",
     complete, 0},
    {"sallyport_role_up", "gauge", "1 while this process is ready.", roles,
     ROLE_UP},
    {"sallyport_role_restarts_total", "counter",
     "How often this process was started again.", roles, ROLE_RESTARTS},
    {"sallyport_loop_lag_seconds", "gauge",
     "The longest that this process's "
     "event loop was late in the last 15 to 30 seconds, or is now.",
     lags, 0},
    {"sallyport_landlock_abi", "gauge",
     "The kernel's Landlock ABI that the "
     "keeper's sandbox is made with; 0: it has none.",
     landlock, 0},

    {"sallyport_connections", "gauge", "Clients' connections that are open.",
     of_workers, METRICS_CONNECTIONS},
    {"sallyport_connections_accepted_total", "counter",
     "Clients' connections that were accepted.", of_workers, METRICS_ACCEPTED},
    {"sallyport_connections_refused_total", "counter",
     "Connections that were "
     "closed before anybody was known: no certificate, an unknown authority, "
     "too many, and handshakes that failed.",
     of_workers, METRICS_TURNED_AWAY},
    {"sallyport_requests_in_progress", "gauge",
     "Requests that are being read, decided or answered.", of_workers,
     METRICS_REQUESTS},
    {"sallyport_streams", "gauge",
     "Of them those that a model answers as a stream of events.", of_workers,
     METRICS_STREAMS},

    {"sallyport_requests_admitted_total", "counter",
     "Requests that were let in.", of_keeper, METRICS_ADMITTED},
    {"sallyport_requests_refused_total", "counter",
     "Requests that were refused, by the code that the client was told.",
     refusals, METRICS_REFUSED},
    {"sallyport_requests_unrecorded_total", "counter",
     "Requests that were "
     "answered with an error and without an entry, because none could be had.",
     refusals, METRICS_UNRECORDED},
    {"sallyport_requests_closed_total", "counter",
     "Ends of requests that were let in, by cause.", closings, METRICS_CLOSED},
    {"sallyport_requests_open", "gauge",
     "Requests that were let in and have no end in the ledger yet.",
     requests_open, 0},
    {"sallyport_answered_bytes_total", "counter",
     "Bytes of answers to "
     "requests that were let in, counted at their end.",
     of_keeper, METRICS_ANSWERED_BYTES},
    {"sallyport_input_tokens_total", "counter",
     "Tokens of questions, as they "
     "are charged, counted at their end.",
     of_keeper, METRICS_INPUT_TOKENS},
    {"sallyport_output_tokens_total", "counter",
     "Tokens of answers, as they "
     "are charged, counted at their end.",
     of_keeper, METRICS_OUTPUT_TOKENS},
    {"sallyport_decision_seconds", "histogram",
     "How long the keeper took for "
     "one decision, its entry included.",
     histogram, METRICS_DECISION},
    {"sallyport_durability_wait_seconds", "histogram",
     "How long an answer "
     "that was ready waited until its entry was on disk.",
     histogram, METRICS_DURABILITY},
    {"sallyport_model_first_byte_seconds", "histogram",
     "From asking a model until the head of its answer was there.", histogram,
     METRICS_FIRST_BYTE},

    ROWS("gauge",
         "Always 1; a window of the policy and its state: pending, "
         "open, closed or never.",
         ROWS_WINDOW_INFO),
    ROWS("gauge", "Until an open window ends by itself.", ROWS_WINDOW_LEFT),
    ROWS("gauge", "Until a pending window opens.", ROWS_WINDOW_UNTIL),
    ROWS("counter", "Requests that were let in, in a window.",
         ROWS_WINDOW_REQUESTS),
    ROWS("gauge", "Of them those without an end.", ROWS_WINDOW_OPEN),
    ROWS("gauge",
         "What may be spent under some terms of a window that has not "
         "ended, in the unit of the label.",
         ROWS_BUDGET_LIMIT),
    ROWS("gauge", "What of it has not been spent.", ROWS_BUDGET_LEFT),
    ROWS("gauge",
         "What may be spent of a model in all windows, in the unit of "
         "the label.",
         ROWS_MODEL_LIMIT),
    ROWS("gauge", "What of it has not been spent.", ROWS_MODEL_LEFT),
    {"sallyport_policy_serial", "gauge", "Serial of the policy in force.",
     policy_serial, 0},

    {"sallyport_ledger_entries", "gauge",
     "Entries of the ledger that are "
     "decided, on disk (durable), under a signed checkpoint (published), and "
     "under one that enough witnesses cosigned.",
     ledger_entries, 0},
    {"sallyport_entries_total", "counter",
     "Entries that were made since the daemon was started or upgraded, by "
     "kind.",
     entries, METRICS_ENTRIES},
    {"sallyport_ledger_durability_lag_seconds", "gauge",
     "How long the oldest entry that is not on disk has waited for it.",
     keeper_seconds, METRICS_SYNC_WAIT},
    {"sallyport_ledger_publishing_lag_seconds", "gauge",
     "How long the oldest "
     "entry that is under no checkpoint has waited for one.",
     keeper_seconds, METRICS_PUBLISH_WAIT},
    {"sallyport_checkpoint_age_seconds", "gauge",
     "Since the keeper saw a new checkpoint.", checkpoint_age, 0},
    {"sallyport_clock_state", "gauge",
     "1 for the state that the clock is in: "
     "good, behind the ledger (everything is refused) or settling (nothing is "
     "opened).",
     clock_states, 0},
    {"sallyport_witnesses", "gauge", "Witnesses that are asked to cosign.",
     witnesses, 0},
    {"sallyport_witness_alarm", "gauge",
     "1 while cosignatures are missing for "
     "too long, or since a witness has seen another history.",
     witness_alarms, 0},
    {"sallyport_refusing", "gauge",
     "1 while everything is refused because of what witnesses said or did not.",
     refusing, 0},
    {"sallyport_revocation_lists", "gauge",
     "Lists of a party's authorities that count.", lists, LISTS_COUNT},
    {"sallyport_revocation_list_age_seconds", "gauge",
     "Since the oldest of them was signed.", lists, LISTS_AGE},
    {"sallyport_revocation_list_seconds_left", "gauge",
     "Until the first of "
     "them says nothing any more, and whoever it is about is refused; 0: there "
     "is none, or it is so already.",
     lists, LISTS_LEFT},
};

int metrics_text(struct metrics_source *s, struct evbuffer *out)
{
    struct writer w = {.s = s, .out = out};

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const struct family *f = &families[i];

        w.name = f->name != NULL ? f->name : row_names[f->argument];
        put(&w, "# HELP %s %s\n# TYPE %s %s\n", w.name, f->help, w.name,
            f->type);
        f->samples(&w, f->argument);
    }
    return w.error;
}

/* ---- rows ---- */

static void row_put(struct evbuffer *out, int *error, const char *format, ...)
    SP_PRINTF(3, 4);

static void row_put(struct evbuffer *out, int *error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (evbuffer_add_vprintf(out, format, ap) < 0)
        *error = SP_ENOMEM;
    va_end(ap);
}

struct window_labels {
    char text[3 * LABEL_SIZE];
};

static void window_labels(const struct standings_row *v,
                          struct window_labels *labels)
{
    char window[LABEL_SIZE], party[LABEL_SIZE], model[LABEL_SIZE];

    snprintf(labels->text, sizeof(labels->text),
             "window=\"%s\",party=\"%s\",model=\"%s\"",
             label(v->window, window), label(v->party, party),
             label(v->model, model));
}

static int window_add(struct evbuffer *const out[ROWS_COUNT],
                      const struct standings_row *v)
{
    struct window_labels labels;
    double left = (double)v->left / 1e3;
    int e = 0;

    window_labels(v, &labels);
    row_put(out[ROWS_WINDOW_INFO], &e, "%s{%s,state=\"%s\"} 1\n",
            row_names[ROWS_WINDOW_INFO], labels.text,
            window_state_text(v->state));
    if (v->state == WINDOW_OPEN)
        row_put(out[ROWS_WINDOW_LEFT], &e, "%s{%s} %.3f\n",
                row_names[ROWS_WINDOW_LEFT], labels.text, left);
    if (v->state == WINDOW_PENDING)
        row_put(out[ROWS_WINDOW_UNTIL], &e, "%s{%s} %.3f\n",
                row_names[ROWS_WINDOW_UNTIL], labels.text, left);
    row_put(out[ROWS_WINDOW_REQUESTS], &e, "%s{%s} %" PRIu64 "\n",
            row_names[ROWS_WINDOW_REQUESTS], labels.text, v->requests);
    row_put(out[ROWS_WINDOW_OPEN], &e, "%s{%s} %u\n",
            row_names[ROWS_WINDOW_OPEN], labels.text, v->open);
    return e;
}

static uint64_t budget_left(const struct standings_row *v)
{
    return v->spent < v->limit ? v->limit - v->spent : 0;
}

static int budget_add(struct evbuffer *const out[ROWS_COUNT],
                      const struct standings_row *v,
                      const struct standings_row *window)
{
    struct window_labels labels;
    char terms[LABEL_SIZE];
    int e = 0;

    window_labels(window, &labels);
    label(v->terms, terms);
    row_put(out[ROWS_BUDGET_LIMIT], &e,
            "%s{%s,terms=\"%s\",unit=\"%s\"} %" PRIu64 "\n",
            row_names[ROWS_BUDGET_LIMIT], labels.text, terms,
            unit_text(v->unit), v->limit);
    row_put(out[ROWS_BUDGET_LEFT], &e,
            "%s{%s,terms=\"%s\",unit=\"%s\"} %" PRIu64 "\n",
            row_names[ROWS_BUDGET_LEFT], labels.text, terms, unit_text(v->unit),
            budget_left(v));
    return e;
}

static int model_add(struct evbuffer *const out[ROWS_COUNT],
                     const struct standings_row *v)
{
    char model[LABEL_SIZE];
    int e = 0;

    label(v->model, model);
    row_put(out[ROWS_MODEL_LIMIT], &e,
            "%s{model=\"%s\",unit=\"%s\"} %" PRIu64 "\n",
            row_names[ROWS_MODEL_LIMIT], model, unit_text(v->unit), v->limit);
    row_put(
        out[ROWS_MODEL_LEFT], &e, "%s{model=\"%s\",unit=\"%s\"} %" PRIu64 "\n",
        row_names[ROWS_MODEL_LEFT], model, unit_text(v->unit), budget_left(v));
    return e;
}

int metrics_row_add(struct evbuffer *const out[ROWS_COUNT],
                    const struct standings_row *row,
                    const struct standings_row *window)
{
    if (row->kind == STANDINGS_WINDOW)
        return window_add(out, row);
    if (row->kind == STANDINGS_BUDGET)
        return budget_add(out, row, window);
    return model_add(out, row);
}
