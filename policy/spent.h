/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one scope (a window, a person in it, a person, a model) has spent of
 * each unit, what its open requests have reserved, and how much of it within
 * the last minute. And budgets: what a scope may spend. Pure.
 *
 * A request is spent when it is admitted. Of everything else it reserves the
 * largest that it could cost; at its end the reservation is given back and what
 * it did cost is spent, also if that is more: then the next ones find less.
 */
#ifndef SP_POLICY_SPENT_H
#define SP_POLICY_SPENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/pack.h"

enum unit {
    UNIT_REQUESTS,
    UNIT_TOKENS, /* of question and answer together */
    UNIT_INPUT_TOKENS,
    UNIT_OUTPUT_TOKENS,
    UNIT_CACHED_TOKENS,    /* of the question's, what the endpoint had cached */
    UNIT_REASONING_TOKENS, /* of the answer's, what was not said */
    UNIT_BYTES,            /* of answers, as they were sent */
    UNIT_CONTENT_BYTES,    /* of answers, what the model said */
    UNIT_COUNT
};

/* "requests", "tokens" …, as in policies. */
const char *unit_text(enum unit unit);

/* -1: no limit. */
struct budget {
    int64_t total[UNIT_COUNT];
    int64_t requests_per_minute, tokens_per_minute;
    int64_t concurrent;
};

/* What one request costs, or could. */
struct cost {
    uint64_t units[UNIT_COUNT];
};

/* The second that runs and the 60 before it: never less than the last 60. */
#define SPENT_SECONDS 61

struct minute {
    int64_t second; /* the newest that is held */
    uint32_t requests[SPENT_SECONDS];
    uint64_t tokens[SPENT_SECONDS];
};

struct spent {
    uint64_t total[UNIT_COUNT];
    uint64_t reserved[UNIT_COUNT];
    uint32_t open;         /* requests */
    struct minute *minute; /* NULL: none is kept for this scope */
};

/* t in ms, never falling. Sums stay at their largest rather than overflow. */
void spent_admit(struct spent *s, const struct cost *reserve, int64_t t);
void spent_settle(struct spent *s, const struct cost *reserve,
                  const struct cost *cost, int64_t t);

/* Both ways, for a standing's snapshot; whether a minute is kept is the
 * caller's, who has allocated it. Nothing in it is later than `newest` ms. */
void spent_pack(struct spent *s, struct pack *p, int64_t newest);

/* Within the last minute; of tokens those that are reserved now, too. `s` may
 * be NULL: nothing was spent. */
uint64_t spent_minute_requests(const struct spent *s, int64_t now);
uint64_t spent_minute_tokens(const struct spent *s, int64_t now);
/* Seconds (1–60) until the minute's sum is below `limit`, if nothing else is
 * asked. */
int spent_wait_requests(const struct spent *s, int64_t now, int64_t limit);
int spent_wait_tokens(const struct spent *s, int64_t now, int64_t limit);

/* How a scope stands to its budget. */
enum budget_state {
    BUDGET_LEFT,
    BUDGET_HELD, /* what is left is reserved by open requests */
    BUDGET_SPENT
};
/* Of one unit; *left is lowered to what is left if that is less. */
enum budget_state budget_state(const struct budget *b, const struct spent *s,
                               enum unit unit, uint64_t *left);
bool budget_limits(const struct budget *b, enum unit unit);

#endif
