/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of what was spent. Runs in the keeper for every request, and in
 * auditors' tools on entries that are trusted with nothing: no sum overflows.
 */
#include "policy/spent.h"

#include <string.h>

static const char *const units[UNIT_COUNT] = {
    "requests",      "tokens",           "input_tokens", "output_tokens",
    "cached_tokens", "reasoning_tokens", "bytes",        "content_bytes"};

const char *unit_text(enum unit unit)
{
    return units[(unsigned)unit < UNIT_COUNT ? unit : UNIT_REQUESTS];
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a < b ? 0 : a - b;
}

/* Makes `second` the newest. */
static void minute_reach(struct minute *m, int64_t second)
{
    if (second - m->second >= SPENT_SECONDS) {
        memset(m->requests, 0, sizeof m->requests);
        memset(m->tokens, 0, sizeof m->tokens);
    } else {
        for (int64_t i = m->second + 1; i <= second; i++) {
            m->requests[i % SPENT_SECONDS] = 0;
            m->tokens[i % SPENT_SECONDS] = 0;
        }
    }
    m->second = second;
}

static void minute_add(struct minute *m, int64_t t, uint32_t requests,
                       uint64_t tokens)
{
    size_t at = (size_t)(t / 1000 % SPENT_SECONDS);

    if (m == NULL)
        return;
    minute_reach(m, t / 1000);
    m->requests[at] += requests;
    m->tokens[at] = plus(m->tokens[at], tokens);
}

void spent_admit(struct spent *s, const struct cost *reserve, int64_t t)
{
    minute_add(s->minute, t, 1, 0);
    s->total[UNIT_REQUESTS] = plus(s->total[UNIT_REQUESTS], 1);
    for (int u = UNIT_REQUESTS + 1; u < UNIT_COUNT; u++)
        s->reserved[u] = plus(s->reserved[u], reserve->units[u]);
    s->open++;
}

void spent_settle(struct spent *s, const struct cost *reserve,
                  const struct cost *cost, int64_t t)
{
    minute_add(s->minute, t, 0, cost->units[UNIT_TOKENS]);
    for (int u = UNIT_REQUESTS + 1; u < UNIT_COUNT; u++) {
        s->reserved[u] = minus(s->reserved[u], reserve->units[u]);
        s->total[u] = plus(s->total[u], cost->units[u]);
    }
    if (s->open > 0)
        s->open--;
}

static void minute_pack(struct minute *m, struct pack *p, int64_t newest)
{
    uint64_t requests[SPENT_SECONDS];

    for (size_t i = 0; i < SPENT_SECONDS; i++)
        requests[i] = m->requests[i];
    pack_time(p, &m->second, newest / 1000);
    pack_sparse(p, requests, SPENT_SECONDS);
    pack_sparse(p, m->tokens, SPENT_SECONDS);
    for (size_t i = 0; i < SPENT_SECONDS; i++) {
        if (requests[i] > UINT32_MAX)
            pack_fail(p, SP_EINVAL);
        m->requests[i] = (uint32_t)requests[i];
    }
}

void spent_pack(struct spent *s, struct pack *p, int64_t newest)
{
    pack_sparse(p, s->total, UNIT_COUNT);
    pack_sparse(p, s->reserved, UNIT_COUNT);
    pack_u32(p, &s->open, UINT32_MAX);
    if (s->minute != NULL)
        minute_pack(s->minute, p, newest);
}

/* The first second from `from` on that is still held. */
static int64_t first_held(const struct minute *m, int64_t from)
{
    if (from <= m->second - SPENT_SECONDS)
        from = m->second - SPENT_SECONDS + 1;
    return from < 0 ? 0 : from;
}

static uint64_t requests_since(const struct spent *s, int64_t from)
{
    const struct minute *m = s->minute;
    uint64_t sum = 0;

    for (int64_t i = first_held(m, from); i <= m->second; i++)
        sum += m->requests[i % SPENT_SECONDS];
    return sum;
}

static uint64_t tokens_since(const struct spent *s, int64_t from)
{
    const struct minute *m = s->minute;
    uint64_t sum = s->reserved[UNIT_TOKENS];

    for (int64_t i = first_held(m, from); i <= m->second; i++)
        sum = plus(sum, m->tokens[i % SPENT_SECONDS]);
    return sum;
}

static int64_t minute_begin(int64_t now)
{
    return now / 1000 - (SPENT_SECONDS - 1);
}

static bool is_kept(const struct spent *s)
{
    return s != NULL && s->minute != NULL;
}

uint64_t spent_minute_requests(const struct spent *s, int64_t now)
{
    return is_kept(s) ? requests_since(s, minute_begin(now)) : 0;
}

uint64_t spent_minute_tokens(const struct spent *s, int64_t now)
{
    return is_kept(s) ? tokens_since(s, minute_begin(now)) : 0;
}

static int wait_below(const struct spent *s, int64_t now, int64_t limit,
                      uint64_t (*since)(const struct spent *, int64_t))
{
    for (int wait = 1; is_kept(s) && wait < 60; wait++)
        if (since(s, minute_begin(now) + wait) < (uint64_t)limit)
            return wait;
    return 60;
}

int spent_wait_requests(const struct spent *s, int64_t now, int64_t limit)
{
    return wait_below(s, now, limit, requests_since);
}

int spent_wait_tokens(const struct spent *s, int64_t now, int64_t limit)
{
    return wait_below(s, now, limit, tokens_since);
}

bool budget_limits(const struct budget *b, enum unit unit)
{
    return b->total[unit] >= 0;
}

enum budget_state budget_state(const struct budget *b, const struct spent *s,
                               enum unit unit, uint64_t *left)
{
    uint64_t limit, spent, rest;

    if (b->total[unit] < 0)
        return BUDGET_LEFT;
    limit = (uint64_t)b->total[unit];
    spent = s == NULL ? 0 : s->total[unit];
    if (spent >= limit)
        return BUDGET_SPENT;
    rest = minus(limit - spent, s == NULL ? 0 : s->reserved[unit]);
    if (rest < *left)
        *left = rest;
    return rest == 0 ? BUDGET_HELD : BUDGET_LEFT;
}
