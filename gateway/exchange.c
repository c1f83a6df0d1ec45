/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of one request through a worker: read, ask, call, hold, answer,
 * settle (docs/request.md). What clients and models say passes through here;
 * neither is trusted, and no byte of an answer leaves before its entry is on
 * disk (P1) or after its deadline (P2).
 *
 * Every function that can end an exchange leaves it in EXCHANGE_ENDED; callers
 * look at the state before they go on.
 */
#include "gateway/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/admission.h"
#include "gateway/answer_rules.h"
#include "gateway/connection.h"
#include "gateway/deadlines.h"
#include "gateway/exchange_pool.h"
#include "gateway/gather.h"
#include "gateway/models.h"
#include "gateway/own.h"
#include "gateway/shares.h"
#include "gateway/upstream.h"
#include "gateway/usage.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "policy/body.h"
#include "policy/dialect.h"

/* Below so many held bytes the model's side is read again. */
#define RELAY_LOW (LIMIT_RELAY_BYTES / 4)

/* An answer that is no stream, whole; names in it may become longer. */
#define HELD_DOCUMENT_BYTES (LIMIT_ANSWER_BYTES + LIMIT_EVENT_BYTES)

/* Refusals in the log in one second. */
#define REFUSALS_LOGGED 20

/* ---- the end ---- */

static void charge_take(struct exchange *x, size_t length)
{
    shares_body_take(x->worker->shares, x->facts.party, length);
    x->charged += length;
}

static void charge_give(struct exchange *x)
{
    shares_body_give(x->worker->shares, x->facts.party, x->charged);
    x->charged = 0;
}

static void request_release(struct exchange *x)
{
    exchange_json_give(x->worker, x->json);
    x->json = NULL;
    buf_release(&x->body);
    charge_give(x);
}

/* Terms may want nothing kept but sizes. */
static bool keeps_commitments(const struct exchange *x)
{
    const struct policy *p = x->worker->policy;

    return x->terms >= p->nterms || p->terms[x->terms].commitments;
}

static void settle(struct exchange *x, enum cause cause)
{
    struct settle s = {
        .n = x->n,
        .cause = x->cause != CAUSE_COUNT ? x->cause : cause,
        .status = x->head_sent ? x->answer.status : 0,
        .asked_bytes = x->facts.body_bytes,
        .answered_bytes = x->answered_bytes,
        .has_commitments = keeps_commitments(x),
    };

    if (s.has_commitments) {
        memcpy(s.asked, x->asked, sizeof(s.asked));
        commitment_end(&x->answered, s.answered);
    }
    usage_settle(x, &s);
    admission_settle(x->worker->admissions, x->link, &s);
    log_debug("request_closed", "request=%s n=%llu cause=%s bytes=%llu",
              x->request_id, (unsigned long long)x->n, cause_code(s.cause),
              (unsigned long long)x->answered_bytes);
}

/* The one way out. The codec is told by whoever knows how it ended. */
static void exchange_end(struct exchange *x, enum cause cause)
{
    struct worker *w = x->worker;

    if (x->state == EXCHANGE_ASKING)
        admission_forget(x);
    upstream_cancel(x);
    admission_unwait(x);
    deadlines_remove(w->deadlines, x);
    if (x->admitted)
        settle(x, cause);
    request_release(x);
    buf_release(&x->forward);
    buf_release(&x->held);
    answer_release(&x->reader);
    gather_end(x);
    own_view_free(x->view);
    x->view = NULL;
    x->codec = NULL;
    x->state = EXCHANGE_ENDED;
    exchange_bury(x);
}

static void exchange_finish(struct exchange *x, enum cause cause,
                            enum codec_end end)
{
    const struct codec *codec = x->codec;
    void *stream = x->stream;

    exchange_end(x, cause);
    if (codec != NULL)
        codec->finish(stream, end);
}

void exchange_left(struct exchange *x)
{
    x->codec = NULL;
    exchange_end(x, CAUSE_CLIENT_LEFT);
}

/* ---- what goes out ---- */

static void sent(struct exchange *x, const uint8_t *data, size_t length)
{
    if (x->admitted) {
        commitment_add(&x->answered, data, length);
        x->answered_bytes += length;
    }
    if (x->answer.type == ANSWER_EVENTS)
        sse_count(&x->out, data, length);
    buf_drain(&x->held, length);
    if (x->held.length == 0)
        buf_release(&x->held);
}

/* One piece, as large as the codec takes. 0: there may be more to send. */
static int send_piece(struct exchange *x, bool *last)
{
    size_t length = x->held.length;
    const uint8_t *data = length > 0 ? buf_bytes(&x->held) : NULL;
    ssize_t taken;

    *last = x->complete;
    if (x->bodyless)
        *last = true;
    if (length == 0 && !*last && x->head_sent)
        return SP_EAGAIN;
    taken = x->codec->body(x->stream, data, x->bodyless ? 0 : length, *last);
    if (x->state != EXCHANGE_ANSWERING)
        return SP_ECLOSED;
    if (taken < 0)
        return SP_EAGAIN;
    x->head_sent = true;
    if (x->bodyless)
        return 0;
    if ((size_t)taken < length)
        *last = false;
    if (taken > 0)
        sent(x, data, (size_t)taken);
    return 0;
}

/* A stream that was cut takes its connection with it; an error that stands in
 * for an answer is whole, and the connection goes on. */
static enum codec_end pumped_end(const struct exchange *x)
{
    return x->cause != CAUSE_COUNT && x->answer.type == ANSWER_EVENTS
               ? CODEC_CUT
               : CODEC_WHOLE;
}

/* Sends what may be sent; ends the exchange when that was all. */
static void pump(struct exchange *x)
{
    bool last = false;

    while (x->state == EXCHANGE_ANSWERING && send_piece(x, &last) == 0) {
        if (last) {
            exchange_finish(x, CAUSE_DONE, pumped_end(x));
            return;
        }
    }
}

/* An answer is there: it goes out as soon as its entry is on disk (P1). */
static void hold(struct exchange *x)
{
    x->state = EXCHANGE_HOLDING;
    if (!x->has_entry || admission_durable(x))
        exchange_durable(x);
    else if (!x->waiting)
        admission_wait(x);
}

void exchange_durable(struct exchange *x)
{
    x->state = EXCHANGE_ANSWERING;
    x->codec->start(x->stream, &x->answer);
    pump(x);
}

void exchange_writable(struct exchange *x)
{
    if (x->state != EXCHANGE_ANSWERING)
        return;
    if (!x->gathering)
        pump(x);
    if (x->state == EXCHANGE_ANSWERING && x->call.paused &&
        x->held.length < RELAY_LOW)
        upstream_resume(x);
}

/* ---- answers of our own ---- */

static void answer_common(struct exchange *x)
{
    const struct policy *p = x->worker->policy;

    x->answer.request_id = x->request_id;
    x->answer.policy = p->serial;
    x->answer.has_receipt = x->has_entry;
    x->answer.n = x->n;
    x->answer.salt = x->admitted && keeps_commitments(x) ? x->salt : NULL;
    if (x->model < p->nmodels)
        x->answer.build = p->models[x->model].build;
    if (x->terms < p->nterms) {
        x->answer.marking = p->terms[x->terms].marking;
        x->answer.padding = (size_t)p->terms[x->terms].padding;
    }
    x->answer.dialect = x->facts.dialect;
    x->answer.requests =
        (struct answer_rate){x->rate_requests.limit, x->rate_requests.remaining,
                             x->rate_requests.reset_ms};
    x->answer.tokens =
        (struct answer_rate){x->rate_tokens.limit, x->rate_tokens.remaining,
                             x->rate_tokens.reset_ms};
    if (!x->admitted || x->window >= p->nwindows)
        return;
    x->answer.closes = x->deadline_reason == REASON_WINDOW_EXPIRED
                           ? x->deadline_wall
                           : p->windows[x->window].closes;
}

static void held_replace(struct exchange *x, const void *data, size_t length)
{
    buf_release(&x->held);
    if (buf_append(&x->held, data, length) != 0)
        log_error("out_of_memory", "request=%s", x->request_id);
}

/* Whatever x->held has becomes the whole answer. */
static void answer_own(struct exchange *x, uint16_t status,
                       enum answer_type type)
{
    x->answer.status = status;
    x->answer.type = type;
    x->answer.length = (int64_t)x->held.length;
    x->own = x->complete = true;
    answer_common(x);
    hold(x);
}

/* The ledger has each of them; the log must not be filled by whoever asks in
 * vain, nor by everybody while the keeper is away. */
static bool log_is_full(struct worker *w)
{
    int64_t second = clock_boot_ms() / 1000;

    if (second != w->refusals_second) {
        if (w->refusals > REFUSALS_LOGGED)
            log_info("requests_refused_too", "count=%u",
                     w->refusals - REFUSALS_LOGGED);
        w->refusals_second = second;
        w->refusals = 0;
    }
    return ++w->refusals > REFUSALS_LOGGED;
}

static void log_refusal(const struct exchange *x, enum reason reason)
{
    if (log_is_full(x->worker))
        return;
    log_info("request_refused", "request=%s n=%lld address=%s reason=%s why=%s",
             x->request_id, x->has_entry ? (long long)x->n : -1LL,
             x->facts.address, reason_info(reason)->code,
             x->why != NULL ? x->why : "-");
}

static void answer_error(struct exchange *x, enum reason reason,
                         const struct substitute *s)
{
    const struct reason_info *info = reason_info(reason);
    const struct dialect_error e = {.dialect = x->facts.dialect,
                                    .route = x->facts.route,
                                    .reason = reason,
                                    .text = s->text,
                                    .param = x->param,
                                    .request_id = x->request_id};
    bool again = info->retry && !s->never_retry;
    char body[DIALECT_BYTES];
    struct text t;

    text_init(&t, body, sizeof(body));
    dialect_body(&t, &e);
    held_replace(x, t.data, t.length);
    x->answer.retry = again ? RETRY_LATER : RETRY_NEVER;
    x->answer.retry_after = !again               ? 0
                            : s->retry_after > 0 ? s->retry_after
                                                 : info->retry_after;
    if (reason == REASON_METHOD_NOT_ALLOWED)
        x->answer.allow = route_methods(x->facts.route);
    log_refusal(x, reason);
    answer_own(x, s->status != 0 ? s->status : (uint16_t)info->status,
               ANSWER_JSON);
}

/* Without an entry there can be no answer but this one (P9). */
static void answer_unrecorded(struct exchange *x, enum reason reason)
{
    static const struct substitute plain;

    x->has_entry = false;
    answer_error(x, reason, &plain);
}

/* ---- asking ---- */

static void ask(struct exchange *x)
{
    int r = SP_EAGAIN;

    if (shares_may_ask(x->worker->shares, x->facts.party, x->facts.person,
                       clock_boot_ms()))
        r = admission_ask(x);
    else
        connections_refused(x->worker->connections, x->facts.address,
                            "too_many_refusals");
    if (r == 0)
        x->state = EXCHANGE_ASKING;
    else
        answer_unrecorded(x, r == SP_EAGAIN ? REASON_OVERLOADED
                                            : REASON_AUDIT_UNAVAILABLE);
}

static int64_t body_limit(const struct exchange *x)
{
    const struct worker *w = x->worker;

    if (route_info(x->facts.route)->own)
        return own_body_limit(x);
    return x->facts.party < w->policy->nparties ? w->body_limits[x->facts.party]
                                                : 0;
}

/* What can be said against the request before its body is here. */
static enum reason head_fault(const struct exchange *x,
                              const struct request_head *head)
{
    if (head->fault != REASON_NONE)
        return head->fault;
    if (x->worker->state != WORKER_SERVING)
        return REASON_DRAINING;
    if (head->content_length > body_limit(x))
        return REASON_BODY_TOO_LARGE;
    if (head->has_body && head->content_length > 0 &&
        !shares_body_fits(x->worker->shares, x->facts.party,
                          (size_t)head->content_length))
        return REASON_OVERLOADED;
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
    else if (!shares_body_fits(x->worker->shares, x->facts.party, length) ||
             buf_append(&x->body, data, length) != 0)
        fault = REASON_OVERLOADED;
    if (fault != REASON_NONE) {
        x->facts.fault = fault;
        return SP_ETOOBIG;
    }
    charge_take(x, length);
    return 0;
}

/* Facts come from a body that is whole; what is wrong with another is enough.
 */
static void read_body(struct exchange *x)
{
    if (route_info(x->facts.route)->own) {
        own_read(x);
        charge_give(x);
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
        request_release(x);
    ask(x);
}

/* ---- decided ---- */

static void answer_models(struct exchange *x, uint64_t visible)
{
    const struct models_view v = {.policy = x->worker->policy,
                                  .party = x->facts.party,
                                  .visible = visible,
                                  .dialect = x->facts.dialect};
    int r = x->facts.route == ROUTE_MODELS
                ? models_list(&v, &x->held)
                : models_one(&v, x->facts.model, &x->held);

    if (r == 0)
        answer_own(x, 200, ANSWER_JSON);
    else
        answer_error(
            x, r == SP_ENOENT ? REASON_MODEL_NOT_FOUND : REASON_OVERLOADED,
            &x->substitute);
}

/* The request as the model gets it: our head, the body rebuilt from what was
 * parsed (P10), in one piece. */
static int rebuild(struct exchange *x)
{
    const struct policy *p = x->worker->policy;
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
    request_release(x);
    charge_take(x, x->forward.length); /* a model may read slowly, too */
    x->state = EXCHANGE_CALLING;
    if (r != 0) {
        x->cause = CAUSE_UPSTREAM;
        answer_error(x, REASON_OVERLOADED, &x->substitute);
        return;
    }
    upstream_start(x);
}

static void answer_own_route(struct exchange *x)
{
    int r = own_answer(x);

    buf_release(&x->forward);
    if (r == 0)
        answer_own(x, x->answer.status, x->answer.type);
    else
        answer_error(x, REASON_OVERLOADED, &x->substitute);
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
    x->deadline_reason = a->deadline_reason;
    commit_asked(x);
    x->state = EXCHANGE_CALLING;
    if (x->client_done && !local)
        exchange_finish(x, CAUSE_CLIENT_LEFT, CODEC_BROKEN);
    else if (x->deadline <= clock_boot_ms())
        exchange_cut(x, x->deadline_reason);
    else if (local)
        answer_local(x, a);
    else if (x->model >= x->worker->policy->nmodels ||
             x->terms >= x->worker->policy->nterms || x->json == NULL)
        fatal("keeper_admitted_nonsense", "n=%llu", (unsigned long long)x->n);
    else if (deadlines_add(x->worker->deadlines, x) != 0)
        answer_error(x, REASON_OVERLOADED, &x->substitute);
    else
        call(x);
}

void exchange_decided(struct exchange *x, const struct answer_admit *a)
{
    x->state = EXCHANGE_READING; /* the ticket is given back already */
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
        return;
    }
    shares_refused(x->worker->shares, x->facts.party, x->facts.person);
    if (a->field != FIELD_NONE && x->json != NULL)
        body_locate(x->json, x->facts.route, a->field, x->param,
                    sizeof(x->param));
    request_release(x);
    buf_release(&x->forward);
    if (a->problem != OWN_FINE)
        x->substitute.text = own_problem_text(a->problem);
    x->substitute.retry_after = a->retry_after;
    answer_error(x, a->reason, &x->substitute);
}

/* ---- the model's answer ---- */

/* What a status of the endpoint means for the client. Its body never passes:
 * it may name what the client must not know. */
static int status_refused(struct exchange *x, const struct upstream_head *head)
{
    x->substitute.retry_after = head->retry_after;
    if (head->status == 400 || head->status == 413 || head->status == 422) {
        x->substitute.status = 400;
        x->substitute.never_retry = true;
        x->substitute.text = "The model refused the request as invalid.";
    }
    log_info("upstream_status", "request=%s status=%u", x->request_id,
             head->status);
    return SP_EPROTO;
}

static int reader_init(struct exchange *x)
{
    if (x->answer.type == ANSWER_JSON)
        x->held.limit = HELD_DOCUMENT_BYTES;
    return answer_init(
        &x->reader, answer_rule_for(x->worker, x->model, x->terms),
        x->facts.route, x->answer.type == ANSWER_EVENTS, x->usage_asked);
}

static bool type_is_allowed(const struct exchange *x, enum upstream_type type)
{
    const struct policy_terms *t = &x->worker->policy->terms[x->terms];

    return type == UPSTREAM_EVENTS ? t->answer_events : t->answer_json;
}

int exchange_upstream_head(struct exchange *x, const struct upstream_head *head)
{
    if (x->forward_sent == x->forward.length) {
        buf_release(&x->forward); /* a long stream keeps no question */
        x->forward_sent = 0;
        charge_give(x);
    }
    if (head->status != 200)
        return status_refused(x, head);
    if (head->type == UPSTREAM_OTHER || head->encoded) {
        log_warn("upstream_type", "request=%s encoded=%d", x->request_id,
                 head->encoded);
        return SP_EPROTO;
    }
    if (!type_is_allowed(x, head->type)) {
        log_warn("upstream_type", "request=%s denied=1", x->request_id);
        return SP_EPROTO;
    }
    x->answer.status = head->status;
    x->answer.type =
        head->type == UPSTREAM_EVENTS ? ANSWER_EVENTS : ANSWER_JSON;
    x->answer.length = -1;
    answer_common(x);
    x->state = EXCHANGE_HOLDING;
    return reader_init(x);
}

/* What is wrong is said, but never what the endpoint said. */
static int answer_refused(const struct exchange *x, int error)
{
    log_warn("upstream_answer", "request=%s error=%s", x->request_id,
             error == SP_EPERM ? "reported by the endpoint"
                               : sp_strerror(error));
    return error;
}

int exchange_upstream_body(struct exchange *x, const uint8_t *data,
                           size_t length)
{
    int r = answer_feed(&x->reader, data, length, &x->held);

    return r == 0 ? 0 : answer_refused(x, r);
}

static int answer_whole(struct exchange *x)
{
    int r = answer_end(&x->reader, &x->held);

    if (r != 0)
        return answer_refused(x, r);
    x->complete = true;
    if (x->answer.type == ANSWER_JSON)
        x->answer.length = (int64_t)x->held.length;
    return 0;
}

/* A document is held back until it is whole. */
static bool has_begun(const struct exchange *x)
{
    return x->complete || x->answer.type == ANSWER_EVENTS;
}

void exchange_upstream_pump(struct exchange *x, bool complete)
{
    enum reason over;

    if (complete && answer_whole(x) != 0) {
        exchange_upstream_failed(x, REASON_UPSTREAM_ERROR);
        return;
    }
    if ((over = usage_over(x)) != REASON_NONE) {
        exchange_cut(x, over);
        return;
    }
    if (complete)
        gather_end(x);
    if (x->state != EXCHANGE_HOLDING && !complete && gather_more(x, pump))
        ; /* with what comes meanwhile */
    else if (x->state != EXCHANGE_HOLDING)
        pump(x);
    else if (has_begun(x) && !x->waiting)
        hold(x);
    if (x->state != EXCHANGE_ENDED && !complete &&
        x->held.length >= LIMIT_RELAY_BYTES)
        upstream_pause(x);
}

/* A stream that has begun ends with an event that says why; anything else
 * that has begun ends so that nobody can take it for whole. */
static void end_early(struct exchange *x, enum reason reason)
{
    const struct dialect_error e = {.dialect = x->facts.dialect,
                                    .route = x->facts.route,
                                    .reason = reason,
                                    .request_id = x->request_id};
    char body[DIALECT_BYTES];
    struct text t;

    if (x->answer.type != ANSWER_EVENTS || x->bodyless) {
        exchange_finish(x, CAUSE_UPSTREAM, CODEC_BROKEN);
        return;
    }
    text_init(&t, body, sizeof(body));
    text_put(&t, sse_gap(&x->out));
    dialect_event(&t, &e, x->out.events + (x->out.in_event ? 1 : 0));
    held_replace(x, t.data, t.length);
    x->own = x->complete = true;
    x->codec->hurry(x->stream);
    pump(x);
}

/* Nothing of the answer has left: it is replaced. */
static void replace_answer(struct exchange *x, enum reason reason,
                           const struct substitute *s)
{
    admission_unwait(x);
    answer_error(x, reason, s);
}

void exchange_upstream_failed(struct exchange *x, enum reason reason)
{
    upstream_cancel(x);
    if (x->cause == CAUSE_COUNT)
        x->cause = CAUSE_UPSTREAM;
    if (x->state == EXCHANGE_ANSWERING && x->head_sent)
        pump(x); /* whole events in front of what went wrong */
    if (x->state == EXCHANGE_ENDED)
        return;
    if (x->state == EXCHANGE_ANSWERING && x->head_sent)
        end_early(x, reason);
    else
        replace_answer(x, reason, &x->substitute);
}

/* ---- cut ---- */

static enum cause cut_cause(enum reason reason)
{
    if (reason == REASON_BUDGET_EXHAUSTED || reason == REASON_EGRESS_CEILING)
        return CAUSE_BUDGET;
    return reason == REASON_WINDOW_EXPIRED ||
                   reason == REASON_CERTIFICATE_EXPIRED ||
                   reason == REASON_HOURS_DENIED || reason == REASON_TIME_LIMIT
               ? CAUSE_EXPIRED
               : CAUSE_ORDERED;
}

void exchange_cut(struct exchange *x, enum reason reason)
{
    static const struct substitute plain;

    if (x->state == EXCHANGE_ENDED || x->own)
        return; /* what is ours is not what the window guards */
    upstream_cancel(x);
    x->cause = cut_cause(reason);
    log_debug("request_cut", "request=%s n=%llu reason=%s", x->request_id,
              (unsigned long long)x->n, reason_info(reason)->code);
    if (x->state == EXCHANGE_ANSWERING && x->head_sent)
        end_early(x, reason);
    else
        replace_answer(x, reason, &plain);
}

void exchange_orphaned(struct exchange *x)
{
    if (x->state == EXCHANGE_ENDED)
        return;
    if (x->state == EXCHANGE_ASKING) {
        admission_forget(x);
        x->state = EXCHANGE_READING;
        request_release(x);
        answer_unrecorded(x, REASON_AUDIT_UNAVAILABLE);
        return;
    }
    upstream_cancel(x);
    if (x->cause == CAUSE_COUNT)
        x->cause = CAUSE_ORDERED;
    if (x->state == EXCHANGE_ANSWERING && x->head_sent) {
        if (!x->own)
            end_early(x, REASON_AUDIT_UNAVAILABLE);
    } else {
        /* Also a refusal: its entry may never have reached the disk. */
        admission_unwait(x);
        answer_unrecorded(x, REASON_AUDIT_UNAVAILABLE);
    }
}

void exchange_client_done(struct exchange *x)
{
    x->client_done = true;
    if (x->admitted && !x->own &&
        (x->state == EXCHANGE_CALLING || x->state == EXCHANGE_HOLDING ||
         x->state == EXCHANGE_ANSWERING)) {
        upstream_cancel(x);
        exchange_finish(x, CAUSE_CLIENT_LEFT, CODEC_BROKEN);
    }
}
