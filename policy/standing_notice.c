/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices that an open window ends soon. What is due follows from the policy,
 * from when the window ends and from what the ledger has told of it, so that
 * each is an entry once, through restarts and in a replay. Runs in the keeper
 * and in auditors' tools.
 */
#include <string.h>

#include "policy/standing_state.h"

/* An end that was told, by a notice so near or nearer. Another end, of a new
 * policy, is told anew. */
static bool is_told(const struct window_state *w, int64_t end, int64_t before)
{
    return w->noticed_end == end && before >= w->noticed;
}

/* The end of a window that there is something to tell of; 0: nothing. */
static int64_t end_to_tell(const struct standing *s,
                           const struct window_state *w)
{
    return w->closed || w->bound == SLOT_NONE ||
                   s->policy->windows[w->bound].nnotify == 0 ||
                   standing_window_is_released(s, w)
               ? 0
               : standing_window_end(s, w->bound);
}

/* The nearest notice whose time has come; 0: none. One that was past when the
 * window opened never comes, and of several only the last is worth saying. */
static int64_t before_due(const struct standing *s,
                          const struct window_state *w, int64_t end,
                          int64_t now)
{
    const struct policy_window *p = &s->policy->windows[w->bound];

    if (now >= end)
        return 0; /* it closes */
    for (size_t i = p->nnotify; i-- > 0;)
        if (now >= end - p->notify[i])
            return p->notify[i] < end - p->opens &&
                           !is_told(w, end, p->notify[i])
                       ? p->notify[i]
                       : 0;
    return 0;
}

bool standing_notice_due(const struct standing *s, int64_t now, struct entry *e)
{
    for (size_t i = 0; i < s->nwindows; i++) {
        const struct window_state *w = &s->windows[i];
        int64_t end = end_to_tell(s, w);
        int64_t before = end == 0 ? 0 : before_due(s, w, end, now);
        const struct policy_window *p;

        if (before == 0)
            continue;
        p = &s->policy->windows[w->bound];
        e->kind = ENTRY_WINDOW_NOTICE;
        e->u.window_notice = (struct entry_window_notice){
            .window = w->id,
            .party = s->policy->parties[p->party].name,
            .model = s->policy->models[p->model].name,
            .closes = end,
            .before = before};
        return true;
    }
    return false;
}

int64_t standing_notice_next(const struct standing *s)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < s->nwindows; i++) {
        const struct window_state *w = &s->windows[i];
        int64_t end = end_to_tell(s, w);
        const struct policy_window *p;

        if (end == 0)
            continue;
        p = &s->policy->windows[w->bound];
        for (size_t k = 0; k < p->nnotify; k++) /* the first is the earliest */
            if (p->notify[k] < end - p->opens &&
                !is_told(w, end, p->notify[k])) {
                if (end - p->notify[k] < next)
                    next = end - p->notify[k];
                break;
            }
    }
    return next;
}

/* "party/model/opens" */
static bool window_is_of_both(const struct entry_window_notice *n)
{
    size_t party = strlen(n->party), model = strlen(n->model);

    return strncmp(n->window, n->party, party) == 0 &&
           n->window[party] == '/' &&
           strncmp(n->window + party + 1, n->model, model) == 0 &&
           n->window[party + 1 + model] == '/';
}

int standing_apply_notice(struct standing *s, const struct entry *e)
{
    const struct entry_window_notice *n = &e->u.window_notice;
    uint32_t slot = standing_slot(s, 'w', n->window, "");
    struct window_state *w;

    if (slot == SLOT_NONE || s->windows[slot].closed)
        return standing_refuse(
            s, "a notice of window %.128s, which is not open", n->window);
    w = &s->windows[slot];
    if (!window_is_of_both(n))
        return standing_refuse(
            s, "a notice of window %.128s, which is another's", w->id);
    if (n->before <= 0 || n->before > LIMIT_ACCESS_MS || n->closes <= e->t ||
        n->closes - n->before > e->t)
        return standing_refuse(s, "a notice of window %.128s at a wrong time",
                               w->id);
    if (n->closes - s->pairs[w->pair] > LIMIT_ACCESS_MS)
        return standing_refuse(s,
                               "a notice of window %.128s, of an end after "
                               "the 30 days",
                               w->id);
    if (is_told(w, n->closes, n->before))
        return standing_refuse(s, "window %.128s is told of its end again",
                               w->id);
    w->noticed_end = n->closes;
    w->noticed = n->before;
    standing_schedule(s);
    return 0;
}
