/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers ask and tell: may this request pass, this one has ended, this
 * connection was refused. Runs in the keeper. A worker may have been taken
 * over: its facts are decided on and written down as it tells them, but it
 * can end only what it was granted itself, and numbers of the policy that fit
 * nobody make nobody.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/keeper.h"
#include "gateway/metrics_page.h"

/* A person of another party, or a number past the policy's end, is nobody we
 * know. */
static void facts_check(const struct keeper *k, struct facts *f)
{
    const struct policy *p = k->policy;
    bool party = f->party == FACTS_NOBODY || f->party < p->nparties;
    bool person = f->person == FACTS_NOBODY ||
                  (f->person < p->npeople && f->party != FACTS_NOBODY &&
                   p->people[f->person].party == f->party);

    if (party && person)
        return;
    log_warn("facts_of_nobody", "party=%u person=%u", f->party, f->person);
    f->party = FACTS_NOBODY;
    f->person = FACTS_NOBODY;
}

_Static_assert(LIMIT_POLICY_MODELS <= 64, "answer_admit.models has a bit each");

/* Which models exist for a party is part of the decision: only the standing
 * knows which windows are really open. */
static uint64_t models_visible(const struct keeper *k, uint32_t party)
{
    uint64_t models = 0;

    for (uint32_t i = 0; i < k->policy->nmodels; i++)
        if (decide_model_visible(k->policy, k->standing, party, i, k->now))
            models |= UINT64_C(1) << i;
    return models;
}

static int64_t remaining(int64_t limit, uint64_t spent)
{
    return spent >= (uint64_t)limit ? 0 : limit - (int64_t)spent;
}

/* What the person's minute holds before this request is in it; the official
 * clients slow down by it. */
static void rates_fill(const struct keeper *k, const struct facts *f,
                       const struct verdict *v, struct answer_admit *a)
{
    const struct standing_place at = {.person = f->person};
    const struct spent *s = standing_spent(k->standing, SCOPE_PERSON, &at);
    const struct budget *b;

    a->requests.limit = a->tokens.limit = -1;
    if (v->terms >= k->policy->nterms || f->person >= k->policy->npeople)
        return;
    b = &k->policy->terms[v->terms].person;
    a->requests.reset_ms = a->tokens.reset_ms = 60000;
    a->requests.limit = b->requests_per_minute;
    a->tokens.limit = b->tokens_per_minute;
    if (a->requests.limit >= 0)
        a->requests.remaining =
            remaining(a->requests.limit, spent_minute_requests(s, k->now));
    if (a->tokens.limit >= 0)
        a->tokens.remaining =
            remaining(a->tokens.limit, spent_minute_tokens(s, k->now));
    if (a->requests.remaining == 0 && a->requests.limit >= 0)
        a->requests.reset_ms =
            1000u * (uint32_t)spent_wait_requests(s, k->now, a->requests.limit);
    if (a->tokens.remaining == 0 && a->tokens.limit >= 0)
        a->tokens.reset_ms =
            1000u * (uint32_t)spent_wait_tokens(s, k->now, a->tokens.limit);
}

static void answer_fill(const struct keeper *k, const struct facts *f,
                        const struct verdict *v, struct answer_admit *a)
{
    bool allowed = v->reason == REASON_NONE;

    a->reason = v->reason;
    a->window = v->window;
    a->terms = v->terms;
    a->model = v->model;
    a->deadline = allowed ? keeper_boot_time(k, v->deadline) : INT64_MAX;
    a->deadline_wall = allowed ? v->deadline : 0;
    a->closes = allowed ? v->closes : 0;
    a->deadline_reason = allowed ? v->deadline_reason : REASON_NONE;
    a->retry_after = v->retry_after;
    a->field = v->field;
    a->tokens_left = v->tokens_left;
    a->bytes_left = v->bytes_left;
    a->bytes_reason = v->bytes_reason;
    rates_fill(k, f, v, a);
    a->models = allowed && route_info(f->route)->local
                    ? models_visible(k, f->party)
                    : 0;
}

/* What a request's entry has set off. A person who was just let in is cut
 * again before the model is asked: the cut follows the answer. */
static void tripwires_look(struct keeper *k)
{
    struct standing_trip trip;

    while (standing_tripped(k->standing, k->now, &trip)) {
        char cause[LIMIT_NAME_BYTES + 16];
        struct entry e = {.kind = ENTRY_TRIPWIRE_ALERTED,
                          .u.tripwire_alerted = {
                              .party = trip.party,
                              .person = trip.person,
                              .tripwire = trip.tripwire->name,
                              .what = watch_value_name(trip.tripwire->value),
                              .value = trip.value,
                              .above = trip.tripwire->above}};

        log_warn("tripwire", "name=%s party=%s person=%s value=%llu",
                 trip.tripwire->name, trip.party, trip.person,
                 (unsigned long long)trip.value);
        if (!trip.tripwire->suspends) {
            keeper_record(k, &e);
            continue;
        }
        snprintf(cause, sizeof(cause), "tripwire:%s", trip.tripwire->name);
        if (keeper_suspend(k, trip.party, trip.person, cause) != 0)
            return;
    }
}

/* The worker does not ask the model before it can keep what is said. */
static void ask_transcript(struct keeper *k, const struct keeper_link *l,
                           uint64_t n)
{
    const struct ask_transcript v = {.worker = (uint32_t)(l - k->links),
                                     .generation = l->generation,
                                     .n = n};
    uint8_t data[64];
    size_t length;

    /* With a supervisor that stands still there is no file, and in time a
     * refusal; words of broken workers and orders are not lost for it. */
    if (channel_queued(k->channel) < CHANNEL_BUSY &&
        ask_transcript_put(&v, data, sizeof(data), &length) == 0)
        keeper_tell(k, data, length);
}

/* Its indices are of another policy than ours: the worker has ours by now, or
 * is about to, and asks again. Nothing is decided, and nothing is written. */
static void answer_stale(struct keeper *k, struct keeper_link *l,
                         uint64_t ticket)
{
    const struct answer_admit v = {
        .ticket = ticket, .stale = true, .deadline = INT64_MAX};
    uint8_t data[512];
    size_t length;

    keeper_own_drop(l);
    if (answer_admit_put(&v, data, sizeof(data), &length) != 0)
        fatal("answer_too_long", "length=%zu", length);
    keeper_send(k, l, data, length);
}

static int take_ask(struct keeper *k, struct keeper_link *l,
                    const uint8_t *data, size_t length, const char **what)
{
    struct ask_admit ask;
    struct answer_admit answer = {0};
    struct keeper_case own;
    struct verdict verdict;
    struct entry e = {0};
    uint8_t out[512];
    size_t out_length;

    *what = "malformed question";
    if (ask_admit_get(&ask, data, length) != 0)
        return SP_EPROTO;
    /* No worker has more requests in hand than it has connections. */
    *what = "more requests than connections";
    if (l->open.count >= LIMIT_CONNECTIONS)
        return SP_EPROTO;
    if (ask.policy != k->policy->serial) {
        answer_stale(k, l, ask.ticket);
        return 0;
    }
    facts_check(k, &ask.facts);
    if (k->refusing && ask.facts.fault == REASON_NONE)
        ask.facts.fault = REASON_AUDIT_UNAVAILABLE;
    verdict = policy_decide(k->policy, k->standing, &ask.facts, k->now,
                            k->clock.state);
    if (keeper_own_examine(k, l, &ask, &verdict, &own, what) != 0)
        return SP_EPROTO;
    decide_entry(k->policy, &ask.facts, &verdict, &e);
    answer_fill(k, &ask.facts, &verdict, &answer);
    answer.ticket = ask.ticket;
    answer.n = keeper_record(k, &e);
    if (verdict.reason == REASON_NONE &&
        openset_add(&l->open, answer.n, LIMIT_CONNECTIONS) != 0)
        fatal("open_requests", "problem=\"out of memory\"");
    keeper_own_record(k, l, &ask, &own, &answer);
    /* A refusal, and what the gateway answers itself, can leave as soon as it
     * is durable; an admitted request is with the model meanwhile. */
    if (verdict.reason != REASON_NONE || route_info(ask.facts.route)->local)
        k->urgent = true;
    if (answer_admit_put(&answer, out, sizeof(out), &out_length) != 0)
        fatal("answer_too_long", "length=%zu", out_length);
    keeper_send(k, l, out, out_length);
    if (verdict.reason == REASON_NONE &&
        policy_terms_seal(k->policy, verdict.terms))
        ask_transcript(k, l, answer.n);
    tripwires_look(k);
    return 0;
}

static int take_ask_timed(struct keeper *k, struct keeper_link *l,
                          const uint8_t *data, size_t length, const char **what)
{
    uint64_t from = clock_boot_ns();
    int r = take_ask(k, l, data, length, what);

    metrics_observe(METRICS_DECISION, clock_boot_ns() - from);
    return r;
}

static int take_settle(struct keeper *k, struct keeper_link *l,
                       const uint8_t *data, size_t length, const char **what)
{
    struct settle s;
    struct entry e = {.kind = ENTRY_REQUEST_CLOSED};

    *what = "malformed end";
    if (settle_get(&s, data, length) != 0)
        return SP_EPROTO;
    *what = "an end of a request that is not its own or not open";
    if (!openset_remove(&l->open, s.n))
        return SP_EPROTO;
    e.u.request_closed = (struct entry_request_closed){
        .of = s.n,
        .cause = s.cause,
        .status = s.status,
        .asked_bytes = s.asked_bytes,
        .answered_bytes = s.answered_bytes,
        .content_bytes = s.content_bytes,
        .input_tokens = s.input_tokens,
        .output_tokens = s.output_tokens,
        .cached_tokens = s.cached_tokens,
        .reasoning_tokens = s.reasoning_tokens,
        .source = s.source,
        .finish = s.finish[0] != '\0' ? s.finish : NULL,
        .has_commitments = s.has_commitments,
        .has_transcript = s.has_transcript,
    };
    if (s.has_commitments) {
        memcpy(e.u.request_closed.asked, s.asked, sizeof(s.asked));
        memcpy(e.u.request_closed.answered, s.answered, sizeof(s.answered));
    }
    memcpy(e.u.request_closed.transcript, s.transcript, sizeof(s.transcript));
    keeper_record(k, &e);
    tripwires_look(k);
    return 0;
}

/* True if this worker may have one more such entry in this second. */
static bool refusal_fits(const struct keeper *k, struct keeper_link *l)
{
    int64_t second = k->boot / 1000;

    if (l->refusals_second != second) {
        if (l->refusals_dropped > 0)
            log_warn("connection_refusals_not_recorded", "count=%u",
                     l->refusals_dropped);
        l->refusals_second = second;
        l->refusals = 0;
        l->refusals_dropped = 0;
    }
    if (l->refusals < KEEPER_REFUSALS_PER_SECOND) {
        l->refusals++;
        return true;
    }
    l->refusals_dropped++;
    return false;
}

static int take_refused(struct keeper *k, struct keeper_link *l,
                        const uint8_t *data, size_t length, const char **what)
{
    struct connection_refused c;
    struct entry e = {.kind = ENTRY_CONNECTION_REFUSED};

    *what = "malformed word of a refused connection";
    if (connection_refused_get(&c, data, length) != 0)
        return SP_EPROTO;
    if (!refusal_fits(k, l))
        return 0;
    e.u.connection_refused = (struct entry_connection_refused){
        .address = c.address, .reason = c.reason, .count = c.count};
    keeper_record(k, &e);
    return 0;
}

int keeper_take(struct keeper *k, struct keeper_link *l, const uint8_t *data,
                size_t length, bool ending, const char **what)
{
    *what = "a record behind its last one";
    if (l->handed)
        return SP_EPROTO;
    switch (message_type(data, length)) {
    case MESSAGE_HANDOVER_ACK:
        return keeper_take_handed(k, l, data, length, what);
    case MESSAGE_ASK_ADMIT:
        /* Nobody is left to answer. */
        return ending ? 0 : take_ask_timed(k, l, data, length, what);
    case MESSAGE_SETTLE:
        return take_settle(k, l, data, length, what);
    case MESSAGE_CONNECTION_REFUSED:
        return take_refused(k, l, data, length, what);
    case MESSAGE_CERTIFICATE_MATCHED:
        return keeper_take_matched(k, l, data, length, what);
    case MESSAGE_CERTIFICATE_REVOKED:
        return keeper_take_revoked(k, l, data, length, what);
    case MESSAGE_OWN_PART:
        return ending ? 0 : keeper_take_part(l, data, length, what);
    default:
        *what = "a message of a type that no worker may send";
        return SP_EPROTO;
    }
}
