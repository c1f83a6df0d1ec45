/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches windows and budgets. Runs in `sallyport connect`. Times are reckoned
 * from the gateway's clock and our boot time, so that a wrong clock of this
 * machine changes nothing.
 */
#include "ctl/connect_lookout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/connect_tell.h"
#include "ctl/person_status.h"
#include "lib/buf.h"
#include "lib/clock.h"

#define WINDOWS_MAX 64
#define BUDGETS_MAX 128
#define STATUS_MAX  (4u << 20)
/* Not more often, whatever is refused: each question is an entry of the
 * gateway's ledger. */
#define WONDER_MS 10000

struct watched_window {
    char id[320], model[LIMIT_MODEL_BYTES + 1];
    bool open;
    int64_t turns_at; /* boot time: it ends, or opens if it is not open; 0 */
    int64_t told;     /* seconds left as last told */
};

struct watched_budget {
    char key[512]; /* window, terms, name */
    int told;      /* percent; 100 at first */
};

struct lookout {
    struct lookout_options o;
    struct watched_window windows[WINDOWS_MAX];
    struct watched_budget budgets[BUDGETS_MAX];
    size_t nwindows, nbudgets;
    int64_t next_at, asked_at; /* boot time */
    bool wonders, asking, tells;
    struct gate_call call;
    struct evbuffer *head;
    struct buf body;
    int status;
};

/* ---- budgets ---- */

static struct watched_budget *budget_find(struct lookout *w, const char *key)
{
    for (size_t i = 0; i < w->nbudgets; i++)
        if (strcmp(w->budgets[i].key, key) == 0)
            return &w->budgets[i];
    if (w->nbudgets == BUDGETS_MAX)
        return NULL;
    snprintf(w->budgets[w->nbudgets].key, sizeof w->budgets[0].key, "%s", key);
    w->budgets[w->nbudgets].told = 100;
    return &w->budgets[w->nbudgets++];
}

static int budget_level(const struct person_budget *b)
{
    int64_t percent;

    if (b->limit <= 0 || b->left <= 0)
        return 0;
    percent =
        b->limit >= 100 ? b->left / (b->limit / 100) : b->left * 100 / b->limit;
    return percent > 50 ? 100 : percent > 25 ? 50 : percent > 10 ? 25 : 10;
}

static void budget_take(struct lookout *w, const struct person_window *x,
                        const struct person_budget *b, const char *terms)
{
    struct watched_budget *known;
    char key[512];
    int level = budget_level(b);

    snprintf(key, sizeof key, "%s %s %s", x->id, terms, b->name);
    known = budget_find(w, key);
    if (known == NULL || level == known->told)
        return;
    if (level < known->told) {
        const struct tell_member m[] = {TELL_TEXT("model", x->model),
                                        TELL_TEXT("window", x->id),
                                        TELL_TEXT("terms", terms),
                                        TELL_TEXT("budget", b->name),
                                        TELL_NUMBER("left", b->left),
                                        TELL_NUMBER("limit", b->limit),
                                        {0}};
        tell("budget", m, "%s: %s: %" PRId64 " left of %" PRId64, x->model,
             b->name, b->left, b->limit);
    }
    known->told = level;
}

static void budgets_take(struct lookout *w, const struct json *j,
                         const struct person_window *x)
{
    for (uint32_t t = 0; (t = person_terms_next(j, x, t)) != 0;) {
        struct person_budget b = {0};
        char terms[80] = "";
        uint32_t name = json_member(j, t, "name");

        if (name == 0 || json_text(j, name, terms, sizeof terms) != 0)
            terms[0] = '\0';
        while (person_budget_next(j, t, &b))
            budget_take(w, x, &b, terms);
    }
}

/* ---- windows ---- */

static struct watched_window *window_find(struct lookout *w, const char *id)
{
    for (size_t i = 0; i < w->nwindows; i++)
        if (strcmp(w->windows[i].id, id) == 0)
            return &w->windows[i];
    if (w->nwindows == WINDOWS_MAX)
        return NULL;
    w->windows[w->nwindows] = (struct watched_window){.told = INT64_MAX};
    snprintf(w->windows[w->nwindows].id, sizeof w->windows[0].id, "%s", id);
    return &w->windows[w->nwindows++];
}

/* The budget of which the smallest part is left; false: there is none. */
static bool budget_scarcest(const struct json *j, const struct person_window *x,
                            struct person_budget *least)
{
    bool found = false;

    for (uint32_t t = 0; (t = person_terms_next(j, x, t)) != 0;) {
        struct person_budget b = {0};

        while (person_budget_next(j, t, &b)) {
            if (found && (double)b.left * (double)least->limit >=
                             (double)least->left * (double)b.limit)
                continue;
            *least = b;
            found = true;
        }
    }
    return found;
}

static void window_tell(const struct json *j, const struct person_window *x,
                        int64_t now)
{
    char words[128], budget[128] = "";
    struct person_budget least;
    const struct tell_member m[] = {
        TELL_TEXT("model", x->model),
        TELL_TEXT("window", x->id),
        TELL_TEXT("state", x->open ? "open" : x->reason),
        TELL_TEXT("opens", x->opens),
        TELL_TEXT("closes", x->closes),
        TELL_NUMBER("seconds_left", x->seconds_left),
        {0}};

    person_window_words(x, now, words);
    if (x->open && budget_scarcest(j, x, &least))
        snprintf(budget, sizeof budget, "; %s: %" PRId64 " left of %" PRId64,
                 least.name, least.left, least.limit);
    tell("window", m, "%s: %s%s", x->model, words, budget);
}

static void window_take(struct lookout *w, const struct json *j,
                        const struct person_window *x, int64_t now)
{
    struct watched_window *known = window_find(w, x->id);
    bool news;

    if (known == NULL)
        return;
    news = known->model[0] != '\0' && known->open != x->open;
    snprintf(known->model, sizeof known->model, "%s", x->model);
    known->open = x->open;
    known->turns_at = 0;
    if (x->open)
        known->turns_at = clock_boot_ms() + x->seconds_left * 1000;
    else if (x->opens_ms > now && strcmp(x->reason, "window_not_open") == 0)
        known->turns_at = clock_boot_ms() + x->opens_ms - now;
    if (x->open && known->told > x->seconds_left)
        known->told = x->seconds_left;
    if (news || (w->tells && x->open))
        window_tell(j, x, now);
}

void lookout_take(struct lookout *w, const struct json *j, bool tells)
{
    struct person_window x = {0};
    char utc[40];
    int64_t now = 0;

    person_status_text(j, "time", utc, sizeof utc);
    if (clock_parse_utc(utc, strlen(utc), &now) != 0)
        now = clock_wall_ms();
    w->tells = tells;
    while (person_window_next(j, &x)) {
        window_take(w, j, &x, now);
        if (x.open)
            budgets_take(w, j, &x);
    }
}

/* The next of these marks has been passed since it was told last. */
static void window_tick(struct watched_window *x, int64_t now)
{
    static const int64_t marks[] = {24 * 3600, 3600, 900, 300, 60};
    int64_t left = (x->turns_at - now) / 1000;
    char words[DURATION_WORDS];

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const struct tell_member m[] = {TELL_TEXT("model", x->model),
                                        TELL_TEXT("window", x->id),
                                        TELL_TEXT("state", "open"),
                                        TELL_NUMBER("seconds_left", left),
                                        {0}};

        if (left > marks[i] || x->told <= marks[i])
            continue;
        x->told = left;
        duration_words(left, words);
        tell("window", m, "%s: %s left", x->model, words);
    }
}

/* ---- asking ---- */

static void on_begin(void *arg, const struct gate_answer *a)
{
    struct lookout *w = arg;

    w->status = a->status;
}

static void on_piece(void *arg, const void *data, size_t length)
{
    struct lookout *w = arg;

    if (buf_append(&w->body, data, length) != 0)
        w->status = 0;
}

static void on_end(void *arg, const struct gate_end *e)
{
    struct lookout *w = arg;
    struct json j = {0};

    w->asking = false;
    if (e->complete && w->status == 200 &&
        person_status_parse(&j, (const char *)buf_bytes(&w->body),
                            w->body.length) == 0)
        lookout_take(w, &j, true);
    else if (!e->complete && e->reason->retry)
        w->wonders = true; /* nobody has been asked */
    json_release(&j);
    buf_release(&w->body);
}

static const struct gate_sink sink = {on_begin, on_piece, on_end};

static void ask(struct lookout *w, int64_t now)
{
    w->wonders = false;
    w->asking = true;
    w->asked_at = now;
    w->next_at = w->o.every_minutes > 0
                     ? now + (int64_t)w->o.every_minutes * 60000
                     : INT64_MAX;
    w->status = 0;
    w->call = (struct gate_call){
        .sink = &sink, .arg = w, .head = w->head, .safe = true, .first = true};
    gate_ask(w->o.gate, &w->call);
}

void lookout_wonder(struct lookout *w)
{
    w->wonders = true;
}

void lookout_tick(struct lookout *w)
{
    int64_t now = clock_boot_ms();

    for (size_t i = 0; i < w->nwindows; i++) {
        struct watched_window *x = &w->windows[i];

        if (x->turns_at == 0)
            continue;
        if (x->open)
            window_tick(x, now);
        if (now > x->turns_at + 500) { /* the gateway says what it is now */
            x->turns_at = 0;
            w->wonders = true;
        }
    }
    if (!w->asking &&
        (now >= w->next_at || (w->wonders && now >= w->asked_at + WONDER_MS)))
        ask(w, now);
}

int lookout_new(const struct lookout_options *o, struct lookout **out)
{
    struct lookout *w = calloc(1, sizeof *w);

    *out = w;
    if (w == NULL || (w->head = evbuffer_new()) == NULL)
        return SP_ENOMEM;
    w->o = *o;
    w->asked_at = -WONDER_MS;
    w->next_at = o->every_minutes > 0
                     ? clock_boot_ms() + (int64_t)o->every_minutes * 60000
                     : INT64_MAX;
    buf_init(&w->body, STATUS_MAX);
    return evbuffer_add_printf(
               w->head, "GET /sallyport/v1/status HTTP/1.1\r\nhost: %s\r\n\r\n",
               o->host) > 0
               ? 0
               : SP_ENOMEM;
}

void lookout_free(struct lookout *w)
{
    if (w == NULL)
        return;
    gate_cancel(w->o.gate, &w->call);
    if (w->head != NULL)
        evbuffer_free(w->head);
    buf_release(&w->body);
    free(w);
}
