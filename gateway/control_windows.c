/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of rows; linked into the daemon (keeper, control) and
 * into the command. Every bound is checked here, whoever wrote the bytes: names
 * are printed on terminals.
 */
#include <stdio.h>

#include "gateway/control_messages.h"
#include "policy/standing.h"

const char *window_state_text(enum window_state state)
{
    static const char *const texts[WINDOW_STATES] = {
        [WINDOW_PENDING] = "pending",
        [WINDOW_OPEN] = "open",
        [WINDOW_CLOSED] = "closed",
        [WINDOW_NEVER] = "never",
    };

    return texts[(unsigned)state < WINDOW_STATES ? state : WINDOW_CLOSED];
}

static void name_get(struct msg_in *m, char *text, size_t size)
{
    msg_get_text(m, text, size);
    for (; !m->failed && *text; text++)
        if (*text < 0x21 || *text > 0x7e)
            m->failed = true;
}

static void window_put(struct msg_out *m, const struct standings_row *v)
{
    msg_put_text(m, v->window);
    msg_put_text(m, v->party);
    msg_put_text(m, v->model);
    msg_put_u8(m, (uint8_t)v->state);
    msg_put_u8(m, v->ordered);
    msg_put_i64(m, v->opens);
    msg_put_i64(m, v->closes);
    msg_put_i64(m, v->left);
    msg_put_u64(m, v->requests);
    msg_put_i64(m, v->allowed);
    msg_put_u32(m, v->open);
}

static void window_get(struct msg_in *m, struct standings_row *v)
{
    uint8_t state;

    name_get(m, v->window, sizeof(v->window));
    name_get(m, v->party, sizeof(v->party));
    name_get(m, v->model, sizeof(v->model));
    state = msg_get_u8(m);
    v->ordered = msg_get_bool(m);
    v->opens = msg_get_i64(m);
    v->closes = msg_get_i64(m);
    v->left = msg_get_i64(m);
    v->requests = msg_get_u64(m);
    v->allowed = msg_get_i64(m);
    v->open = msg_get_u32(m);
    if (state >= WINDOW_STATES || v->left < 0 || v->opens < 0 ||
        v->closes < 0 || v->allowed < -1)
        m->failed = true;
    else
        v->state = (enum window_state)state;
}

static void budget_get(struct msg_in *m, struct standings_row *v)
{
    uint8_t unit = msg_get_u8(m);

    v->limit = msg_get_u64(m);
    v->spent = msg_get_u64(m);
    if (unit >= UNIT_COUNT)
        m->failed = true;
    else
        v->unit = (enum unit)unit;
}

int standings_row_put(struct msg_out *m, const struct standings_row *v)
{
    const struct msg_out before = *m;

    msg_put_u8(m, (uint8_t)v->kind);
    if (v->kind == STANDINGS_WINDOW)
        window_put(m, v);
    else
        msg_put_text(m, v->kind == STANDINGS_BUDGET ? v->terms : v->model);
    if (v->kind != STANDINGS_WINDOW) {
        msg_put_u8(m, (uint8_t)v->unit);
        msg_put_u64(m, v->limit);
        msg_put_u64(m, v->spent);
    }
    if (msg_put_end(m) == 0)
        return 0;
    *m = before;
    return SP_ETOOBIG;
}

int standings_row_get(struct msg_in *m, struct standings_row *v)
{
    uint8_t kind = msg_get_u8(m);

    switch (kind) {
    case STANDINGS_WINDOW:
        window_get(m, v);
        break;
    case STANDINGS_BUDGET:
        name_get(m, v->terms, sizeof(v->terms));
        budget_get(m, v);
        break;
    case STANDINGS_MODEL_BUDGET:
        name_get(m, v->model, sizeof(v->model));
        budget_get(m, v);
        break;
    default:
        return SP_EPROTO;
    }
    v->kind = (enum standings_kind)kind;
    return m->failed ? SP_EPROTO : 0;
}

/* ---- from the standing ---- */

static enum window_state state_of(const struct standing_window *w)
{
    if (w->closed)
        return WINDOW_CLOSED;
    if (w->opened)
        return WINDOW_OPEN;
    return w->never ? WINDOW_NEVER : WINDOW_PENDING;
}

/* Without a ledger: what time makes of the policy. */
static void window_look(const struct policy_window *w, int64_t now,
                        struct standing_window *s)
{
    *s = (struct standing_window){.opened = now >= w->opens,
                                  .closed = now >= w->closes,
                                  .closes = w->closes};
}

static void window_row(const struct policy *p, uint32_t window, int64_t now,
                       const struct standing_window *s,
                       struct standings_row *row)
{
    const struct policy_window *w = &p->windows[window];
    int64_t until = 0;

    row->kind = STANDINGS_WINDOW;
    snprintf(row->window, sizeof(row->window), "%s", w->id);
    snprintf(row->party, sizeof(row->party), "%s", p->parties[w->party].name);
    snprintf(row->model, sizeof(row->model), "%s", p->models[w->model].name);
    row->state = state_of(s);
    row->ordered = s->closed && s->by_policy;
    row->opens = w->opens;
    row->closes = s->closes;
    if (row->state == WINDOW_OPEN)
        until = s->closes;
    else if (row->state == WINDOW_PENDING)
        until = w->opens;
    row->left = until > now ? until - now : 0;
    row->requests = s->requests;
    row->open = s->open_requests;
    row->allowed = 0;
    for (size_t i = 0; i < w->nterms; i++) {
        int64_t limit = p->terms[w->terms[i]].window.total[UNIT_REQUESTS];

        row->allowed =
            limit < 0 || row->allowed < 0 ? -1 : row->allowed + limit;
    }
}

/* A row for each unit that has a limit. */
static int budget_rows(struct msg_out *m, const struct budget *b,
                       const struct spent *s, struct standings_row *row)
{
    for (int u = 0; u < UNIT_COUNT; u++) {
        int r;

        if (!budget_limits(b, (enum unit)u))
            continue;
        row->unit = (enum unit)u;
        row->limit = (uint64_t)b->total[u];
        row->spent = s != NULL ? s->total[u] : 0;
        if ((r = standings_row_put(m, row)) != 0)
            return r;
    }
    return 0;
}

int standings_window_put(struct msg_out *m, const struct policy *p,
                         const struct standing *standing, uint32_t window,
                         int64_t now)
{
    const struct policy_window *w = &p->windows[window];
    const struct msg_out before = *m;
    struct standings_row row;
    struct standing_window s;
    int r;

    if (standing != NULL)
        standing_window(standing, window, &s);
    else
        window_look(w, now, &s);
    window_row(p, window, now, &s, &row);
    r = standings_row_put(m, &row);
    row.kind = STANDINGS_BUDGET;
    for (size_t i = 0; r == 0 && i < w->nterms && row.state <= WINDOW_OPEN;
         i++) {
        const struct policy_terms *t = &p->terms[w->terms[i]];
        const struct standing_place at = {.window = window, .terms = i};

        snprintf(row.terms, sizeof(row.terms), "%s", t->name);
        r = budget_rows(m, &t->window,
                        standing == NULL
                            ? NULL
                            : standing_spent(standing, SCOPE_WINDOW, &at),
                        &row);
    }
    if (r != 0)
        *m = before;
    return r;
}

int standings_models_put(struct msg_out *m, const struct policy *p,
                         const struct standing *standing)
{
    const struct msg_out before = *m;
    struct standings_row row = {.kind = STANDINGS_MODEL_BUDGET};
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < p->nmodels; i++) {
        const struct standing_place at = {.model = i};

        snprintf(row.model, sizeof(row.model), "%s", p->models[i].name);
        r = budget_rows(m, &p->models[i].budget,
                        standing == NULL
                            ? NULL
                            : standing_spent(standing, SCOPE_MODEL, &at),
                        &row);
    }
    if (r != 0)
        *m = before;
    return r;
}

/* ---- between control and the command ---- */

int ask_windows_put(uint32_t from, void *memory, size_t capacity,
                    size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, CONTROL_ASK_WINDOWS);
    msg_put_u32(&m, from);
    *length = m.length;
    return msg_put_end(&m);
}

int ask_windows_get(uint32_t *from, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != CONTROL_ASK_WINDOWS)
        return SP_EPROTO;
    *from = msg_get_u32(&m);
    return msg_get_end(&m);
}

void windows_head_put(struct msg_out *m, const struct windows_head *v)
{
    msg_put_u8(m, (uint8_t)-v->error);
    msg_put_u32(m, v->policy);
    msg_put_u32(m, v->next);
}

int windows_head_get(struct msg_in *m, struct windows_head *v, const void *data,
                     size_t length)
{
    uint8_t error;

    if (msg_get_begin(m, data, length) != CONTROL_ANSWER_WINDOWS)
        return SP_EPROTO;
    error = msg_get_u8(m);
    v->error = -(int32_t)error;
    v->policy = msg_get_u32(m);
    v->next = msg_get_u32(m);
    return m->failed || error > -SP_ETIMEDOUT ? SP_EPROTO : 0;
}
