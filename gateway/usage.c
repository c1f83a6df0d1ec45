/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts of tokens and bytes of requests. Runs in a worker over what a model
 * answered: counts that it tells are bounded, and checked against what it was
 * seen to say.
 */
#include "gateway/usage.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

/* Tokens have some four bytes; whoever tells of more than eight times that
 * tells less than was said. */
#define BYTES_PER_TOKEN_MOST 32
/* A short answer may well be one token. */
#define SAID_LEAST 256

static uint64_t quarter(uint64_t bytes)
{
    return bytes / 4 + (bytes % 4 != 0);
}

static bool tells_too_little(int64_t tokens, uint64_t bytes)
{
    return bytes >= SAID_LEAST &&
           (uint64_t)tokens < bytes / BYTES_PER_TOKEN_MOST;
}

/* Once a second: every answer of such an endpoint says so. */
static bool may_log(const struct exchange *x)
{
    struct worker *w = x->worker;
    int64_t second = clock_boot_ms() / 1000;

    if (second == w->odd_answer_second)
        return false;
    w->odd_answer_second = second;
    return true;
}

static void odd_log(const struct exchange *x, const char *what)
{
    if (may_log(x))
        log_warn(what, "request=%s n=%llu model=%s", x->request_id,
                 (unsigned long long)x->n,
                 x->rules->policy->models[x->model].name);
}

static uint64_t told(int64_t tokens)
{
    return tokens < 0 ? 0 : (uint64_t)tokens;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Without a whole report: what is known, at least what was seen. */
static void estimate(const struct exchange *x, const struct answer_usage *u,
                     struct settle *s)
{
    uint64_t seen = (uint64_t)answer_estimate(&x->reader);

    s->source = USAGE_ESTIMATED;
    s->input_tokens =
        u->input >= 0 ? told(u->input) : quarter(x->facts.body_bytes);
    s->output_tokens = larger(told(u->output), seen);
}

static void settle_answer(const struct exchange *x, struct settle *s)
{
    const struct answer *a = &x->reader;
    const struct answer_usage u = answer_usage(a);
    uint64_t content = answer_content_bytes(a);
    /* To count tokens is to read them; nothing is said. */
    bool counts = x->facts.route == ROUTE_MESSAGES_COUNT_TOKENS;
    bool whole =
        answer_finished(a) && u.input >= 0 && (u.output >= 0 || counts);

    s->content_bytes = content;
    s->cached_tokens = told(u.cached);
    s->reasoning_tokens = told(u.reasoning);
    strcpy(s->finish, answer_finish(a));
    if (answer_other_model(a))
        odd_log(x, "upstream_other_model");
    if (whole && !tells_too_little(u.output, content)) {
        s->source = USAGE_REPORTED;
        s->input_tokens = told(u.input);
        s->output_tokens = told(u.output);
        return;
    }
    if (whole)
        odd_log(x, "upstream_usage_too_small");
    estimate(x, &u, s);
}

void usage_settle(const struct exchange *x, struct settle *s)
{
    if (!x->reached)
        return; /* the model was never asked: USAGE_NONE */
    if (x->reader.rule != NULL) {
        settle_answer(x, s);
        return;
    }
    /* Asked, and nobody saw what it made of it. */
    s->source = USAGE_UNKNOWN;
    s->input_tokens = quarter(x->facts.body_bytes);
}

static bool tokens_over(const struct exchange *x)
{
    const struct answer *a = &x->reader;
    struct answer_usage u;
    uint64_t input, output;

    if (x->tokens_left == UINT64_MAX || x->answer.type != ANSWER_EVENTS ||
        answer_finished(a))
        return false;
    u = answer_usage(a);
    input = u.input >= 0 ? told(u.input) : quarter(x->facts.body_bytes);
    output = larger(told(u.output), (uint64_t)answer_estimate(a));
    return input + output > x->tokens_left;
}

enum reason usage_over(const struct exchange *x)
{
    if (x->reader.rule == NULL || x->own)
        return REASON_NONE;
    if (x->answered_bytes + x->held.length > x->bytes_left)
        return x->bytes_reason;
    return tokens_over(x) ? REASON_BUDGET_EXHAUSTED : REASON_NONE;
}
