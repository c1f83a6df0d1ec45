/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first half of an exchange: what a client sends is read, the keeper is
 * asked, and what it admits is called. Runs in a worker on strangers' bytes.
 */
#include <string.h>

#include "gateway/admission.h"
#include "gateway/connection.h"
#include "gateway/deadlines.h"
#include "gateway/exchange_parts.h"
#include "gateway/exchange_pool.h"
#include "gateway/log_reads.h"
#include "gateway/models.h"
#include "gateway/own.h"
#include "gateway/peer.h"
#include "gateway/sealed.h"
#include "gateway/shares.h"
#include "gateway/upstream.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "policy/body.h"

/* ---- asking ---- */

/* 0: it is asked. SP_EAGAIN: no room; SP_ECLOSED: nobody there; SP_EPERM: it
 * was refused too often just now. */
static int put_question(struct exchange *x)
{
    int r = SP_EPERM;

    if (x->peer != NULL)
        x->facts.revocation = peer_status(x->peer);
    if (shares_may_ask(x->rules->shares, x->facts.party, x->facts.person,
                       clock_boot_ms()))
        r = admission_ask(x);
    else
        connections_refused(x->worker->connections, x->facts.address,
                            "too_many_refusals");
    if (r == 0)
        x->state = EXCHANGE_ASKING;
    return r;
}

static void not_asked(struct exchange *x, int error)
{
    exchange_answer_unrecorded(x, error == SP_ECLOSED ? REASON_AUDIT_UNAVAILABLE
                                                      : REASON_OVERLOADED);
}

static void ask_keeper(struct exchange *x)
{
    int r;

    if (admissions_pausing(x->worker->admissions)) {
        x->state = EXCHANGE_RENEWING;
        return;
    }
    if ((r = put_question(x)) != 0)
        not_asked(x, r);
}

int exchange_ask_again(struct exchange *x)
{
    int r;

    x->state = EXCHANGE_READING;
    r = put_question(x);
    if (r == SP_EAGAIN)
        x->state = EXCHANGE_RENEWING;
    else if (r != 0)
        not_asked(x, r);
    return r == SP_EAGAIN ? SP_EAGAIN : 0;
}

static void ask(struct exchange *x)
{
    if (x->peer != NULL && !peer_settled(x->peer, x))
        x->state = EXCHANGE_CHECKING;
    else
        ask_keeper(x);
}

/* Once is enough: what is not known now is refused, and not asked again while
 * the client waits. */
void exchange_checked(struct exchange *x)
{
    x->state = EXCHANGE_READING;
    ask_keeper(x);
}

/* Its body is not theirs any more, or counts in another share. */
static void charge_again(struct exchange *x, size_t charged)
{
    if (x->facts.party < x->rules->policy->nparties)
        exchange_charge(x, charged);
    else
        exchange_request_release(x);
}

void exchange_renew(struct exchange *x)
{
    const struct identity *id = x->peer != NULL ? x->peer->identity : NULL;
    struct rules *before = x->rules;
    size_t charged = x->charged;

    /* What the keeper was asked by older rules it sends back. */
    if (id == NULL || x->state == EXCHANGE_ASKING || rules_are_newest(before))
        return;
    exchange_uncharge(x);
    x->rules = rules_hold(x->worker->rules);
    rules_drop(before);
    x->facts.party = id->party;
    x->facts.person = id->person;
    charge_again(x, charged);
    if (x->state == EXCHANGE_RENEWING) {
        x->state = EXCHANGE_READING;
        ask_keeper(x);
    }
}

/* The keeper has newer rules than it was asked by, and so have we, or will. */
static void exchange_stale(struct exchange *x)
{
    bool newest = rules_are_newest(x->rules);

    x->state = EXCHANGE_RENEWING;
    if (!newest)
        exchange_renew(x);
    else if (x->worker->in_force == x->rules->number)
        exchange_orphaned(x); /* it contradicts itself */
}

static int64_t body_limit(const struct exchange *x)
{
    if (route_info(x->facts.route)->own)
        return own_body_limit(x);
    return x->facts.party < x->rules->policy->nparties
               ? x->rules->body_limits[x->facts.party]
               : 0;
}

/* What can be said against the request before its body is here. */
static enum reason head_fault(struct exchange *x,
                              const struct request_head *head)
{
    if (head->fault != REASON_NONE)
        return head->fault;
    if (x->worker->state >= WORKER_DRAINING)
        return REASON_DRAINING;
    if (head->content_length > body_limit(x))
        return REASON_BODY_TOO_LARGE;
    if (head->has_body && head->content_length > 0 &&
        !shares_body_fits(x->rules->shares, x->facts.party,
                          (size_t)head->content_length))
        return REASON_OVERLOADED;
    if (log_read_is(head->target.route))
        return log_read_target(x, head->target.id) == 0 ? REASON_NONE
                                                        : REASON_ROUTE_UNKNOWN;
    return own_head_fault(x, head->target.id);
}

enum exchange_want exchange_head(struct exchange *x,
                                 const struct request_head *head)
{
    x->facts.method = head->method;
    x->facts.route = head->target.route;
    x->facts.dialect = head->dialect;
    x->facts.fault = head_fault(x, head);
    x->why = head->why;
    x->bodyless = head->method == METHOD_HEAD;
    memcpy(x->facts.version, head->anthropic_version, sizeof(x->facts.version));
    memcpy(x->facts.betas, head->betas, sizeof(x->facts.betas));
    memcpy(x->facts.purpose, head->purpose, sizeof(x->facts.purpose));
    memcpy(x->facts.case_id, head->case_id, sizeof(x->facts.case_id));
    if (head->target.route == ROUTE_MODEL)
        memcpy(x->facts.model, head->target.id,
               strnlen(head->target.id, sizeof(x->facts.model) - 1));
    if (head->target.route == ROUTE_NDA_DOCUMENT)
        memcpy(x->own_id, head->target.id,
               strnlen(head->target.id, sizeof(x->own_id) - 1));
    if (x->facts.fault != REASON_NONE || x->facts.party == FACTS_NOBODY ||
        !admissions_alive(x->worker->admissions)) {
        ask(x);
        return EXCHANGE_WANTS_NOTHING;
    }
    if (!head->has_body) {
        exchange_asked(x, REASON_NONE, NULL);
        return EXCHANGE_WANTS_NOTHING;
    }
    return head->expects_continue ? EXCHANGE_WANTS_CONTINUE
                                  : EXCHANGE_WANTS_BODY;
}

int exchange_body(struct exchange *x, const uint8_t *data, size_t length)
{
    enum reason fault = REASON_NONE;

    if ((int64_t)(x->body.length + length) > body_limit(x))
        fault = REASON_BODY_TOO_LARGE;
    else if (!shares_body_fits(x->rules->shares, x->facts.party, length) ||
             buf_append(&x->body, data, length) != 0)
        fault = REASON_OVERLOADED;
    if (fault != REASON_NONE) {
        x->facts.fault = fault;
        return SP_ETOOBIG;
    }
    exchange_charge(x, length);
    return 0;
}

/* Facts come from a body that is whole; what is wrong with another is enough.
 */
static void read_body(struct exchange *x)
{
    if (route_info(x->facts.route)->own) {
        own_read(x);
        exchange_uncharge(x);
        return;
    }
    if (route_info(x->facts.route)->local)
        return;
    x->json = exchange_json_take(x->worker);
    if (x->json == NULL) {
        x->facts.fault = REASON_OVERLOADED;
        return;
    }
    body_read(x->json, x->facts.route,
              x->body.length > 0 ? (const char *)buf_bytes(&x->body) : "",
              x->body.length, &x->facts);
    if (x->facts.fault == REASON_INVALID_FIELD)
        body_locate(x->json, x->facts.route, FIELD_NONE, x->param,
                    sizeof(x->param));
}

void exchange_asked(struct exchange *x, enum reason fault, const char *why)
{
    x->facts.body_bytes = x->body.length;
    if (why != NULL)
        x->why = why;
    if (x->facts.fault == REASON_NONE)
        x->facts.fault = fault;
    if (x->facts.fault == REASON_NONE)
        read_body(x);
    if (x->facts.fault != REASON_NONE)
        exchange_request_release(x);
    ask(x);
}

/* ---- decided ---- */

static void answer_models(struct exchange *x, uint64_t visible)
{
    const struct models_view v = {.policy = x->rules->policy,
                                  .party = x->facts.party,
                                  .visible = visible,
                                  .dialect = x->facts.dialect};
    int r = x->facts.route == ROUTE_MODELS
                ? models_list(&v, &x->held)
                : models_one(&v, x->facts.model, &x->held);

    if (r == 0)
        exchange_answer_own(x, 200, ANSWER_JSON);
    else
        exchange_answer_error(
            x, r == SP_ENOENT ? REASON_MODEL_NOT_FOUND : REASON_OVERLOADED,
            &x->substitute);
}

/* The request as the model gets it: our head, the body rebuilt from what was
 * parsed (P10), in one piece. */
static int rebuild(struct exchange *x)
{
    const struct policy *p = x->rules->policy;
    const struct body_change change = {
        .model = p->models[x->model].upstream_name,
        .terms = &p->terms[x->terms],
        .count = x->facts.stream && (x->facts.route == ROUTE_CHAT_COMPLETIONS ||
                                     x->facts.route == ROUTE_COMPLETIONS),
    };
    uint8_t *room;
    int r = buf_reserve(&x->forward, HEADERS_BYTES, &room);

    if (r != 0)
        return r;
    buf_commit(&x->forward, HEADERS_BYTES);
    return body_rebuild(x->json, &x->facts, &change, &x->forward);
}

static void commit_asked(struct exchange *x)
{
    struct commitment asked;

    commitment_init(&x->answered, x->salt);
    if (x->committed) /* a body that is gone already */
        return;
    commitment_init(&asked, x->salt);
    if (x->body.length > 0)
        commitment_add(&asked, buf_bytes(&x->body), x->body.length);
    commitment_end(&asked, x->asked);
}

static void call(struct exchange *x)
{
    int r = rebuild(x);

    x->usage_asked = body_asks_usage(x->json);
    exchange_request_release(x);
    exchange_charge(x, x->forward.length); /* a model may read slowly, too */
    x->state = EXCHANGE_CALLING;
    if (r != 0) {
        x->cause = CAUSE_UPSTREAM;
        exchange_answer_error(x, REASON_OVERLOADED, &x->substitute);
        return;
    }
    upstream_start(x);
}

void exchange_sealed(struct exchange *x)
{
    call(x);
}

/* What the terms seal is kept before the model hears it. */
static void seal(struct exchange *x)
{
    int r = sealed_begin(x);

    if (r == 0)
        call(x);
    else if (r != SP_EAGAIN)
        exchange_unsealed(x);
}

static void own_route_answered(struct exchange *x, int r)
{
    buf_release(&x->forward);
    if (r == 0)
        exchange_answer_own(x, x->answer.status, x->answer.type);
    else
        exchange_answer_error(x, REASON_OVERLOADED, &x->substitute);
}

void exchange_log_read(struct exchange *x, int error)
{
    x->answer.lasting = x->answer.lasting && error == 0;
    if (error == SP_ENOENT) {
        x->substitute.text =
            x->facts.route == ROUTE_RECEIPT
                ? "There is no such entry of yours, or no checkpoint covers it "
                  "yet: that takes about a second."
                : "The ledger has no such file, or not any more: take the full "
                  "tile for a partial one.";
        exchange_answer_error(x, REASON_DOCUMENT_NOT_FOUND, &x->substitute);
        return;
    }
    if (error != 0)
        log_error("log_not_read", "n=%llu error=%s", (unsigned long long)x->n,
                  log_quote(sp_strerror(error)));
    own_route_answered(x, error);
}

static void answer_own_route(struct exchange *x)
{
    int r;

    if (!log_read_is(x->facts.route))
        own_route_answered(x, own_answer(x));
    else if ((r = log_read_begin(x)) != SP_EAGAIN)
        exchange_log_read(x, r);
}

static void answer_local(struct exchange *x, const struct answer_admit *a)
{
    if (route_info(x->facts.route)->own)
        answer_own_route(x);
    else
        answer_models(x, a->models);
}

static void admitted(struct exchange *x, const struct answer_admit *a)
{
    bool local = route_info(x->facts.route)->local;

    x->admitted = true;
    x->deadline = a->deadline;
    x->deadline_wall = a->deadline_wall;
    x->closes = a->closes;
    x->deadline_reason = a->deadline_reason;
    x->admitted_at = clock_boot_ns();
    commit_asked(x);
    x->state = EXCHANGE_CALLING;
    if (x->client_done && !local)
        exchange_finish(x, CAUSE_CLIENT_LEFT, CODEC_BROKEN);
    else if (x->deadline <= (int64_t)(x->admitted_at / 1000000))
        exchange_cut(x, x->deadline_reason);
    else if (local)
        answer_local(x, a);
    else if (x->model >= x->rules->policy->nmodels ||
             x->terms >= x->rules->policy->nterms || x->json == NULL)
        fatal("keeper_admitted_nonsense", "n=%llu", (unsigned long long)x->n);
    else if (deadlines_add(x->worker->deadlines, x) != 0)
        exchange_answer_error(x, REASON_OVERLOADED, &x->substitute);
    else if (sealed_wanted(x))
        seal(x);
    else
        call(x);
}

void exchange_decided(struct exchange *x, const struct answer_admit *a)
{
    x->state = EXCHANGE_READING; /* the ticket is given back already */
    if (a->stale) {
        exchange_stale(x);
        return;
    }
    x->has_entry = true;
    x->n = a->n;
    x->durable = a->n + a->behind;
    x->made = a->made;
    x->window = a->window;
    x->terms = a->terms;
    x->model = a->model;
    x->tokens_left = a->tokens_left;
    x->bytes_left = a->bytes_left;
    x->bytes_reason = a->bytes_reason;
    x->rate_requests = a->requests;
    x->rate_tokens = a->tokens;
    if (a->reason == REASON_NONE) {
        admitted(x, a);
        exchange_look_again(x);
        return;
    }
    shares_refused(x->rules->shares, x->facts.party, x->facts.person);
    if (a->field != FIELD_NONE && x->json != NULL)
        body_locate(x->json, x->facts.route, a->field, x->param,
                    sizeof(x->param));
    exchange_request_release(x);
    buf_release(&x->forward);
    if (a->problem != OWN_FINE)
        x->substitute.text = own_problem_text(a->problem);
    x->substitute.retry_after = a->retry_after;
    exchange_answer_error(x, a->reason, &x->substitute);
}
