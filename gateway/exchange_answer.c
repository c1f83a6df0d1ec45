/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of an exchange: answers, our own and the model's, and how
 * they leave. Runs in a worker; what a model says is not trusted.
 */
#include <string.h>

#include "gateway/admission.h"
#include "gateway/answer_rules.h"
#include "gateway/exchange_parts.h"
#include "gateway/gather.h"
#include "gateway/metrics_page.h"
#include "gateway/sealed.h"
#include "gateway/upstream.h"
#include "gateway/usage.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "policy/dialect.h"

/* Below so many held bytes the model's side is read again. */
#define RELAY_LOW (LIMIT_RELAY_BYTES / 4)

/* An answer that is no stream, whole; names in it may become longer. */
#define HELD_DOCUMENT_BYTES (LIMIT_ANSWER_BYTES + LIMIT_EVENT_BYTES)

/* Refusals in the log in one second. */
#define REFUSALS_LOGGED 20

/* ---- what goes out ---- */

static void sent(struct exchange *x, const uint8_t *data, size_t length)
{
    if (x->admitted) {
        commitment_add(&x->answered, data, length);
        x->answered_bytes += length;
        sealed_sent(x, length);
    }
    if (x->answer.type == ANSWER_EVENTS)
        sse_count(&x->out, data, length);
    buf_drain(&x->held, length);
    if (x->held.length == 0)
        buf_release(&x->held);
}

/* What cannot be kept is not said (P9): other words have taken its place then.
 * Words of our own go on without. */
static bool keep(struct exchange *x, const uint8_t *data, size_t length)
{
    bool own = x->own;

    if (sealed_answered(x, data, length) == 0)
        return true;
    exchange_unsealed(x);
    return own;
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
    if (!x->bodyless && !keep(x, data, length))
        return SP_ECLOSED;
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
    if (!x->has_entry || admission_durable(x)) {
        exchange_durable(x);
    } else if (!x->waiting) {
        /* What comes before the entry is on disk comes soon after the head: no
         * need to read the clock again. */
        x->ready_at = x->heard_at != 0 ? x->heard_at : clock_boot_ns();
        admission_wait(x);
    }
}

void exchange_durable(struct exchange *x)
{
    if (x->has_entry)
        metrics_observe(METRICS_DURABILITY,
                        x->ready_at != 0 ? clock_boot_ns() - x->ready_at : 0);
    x->ready_at = 0;
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
    const struct policy *p = x->rules->policy;

    x->answer.request_id = x->request_id;
    x->answer.policy = p->serial;
    x->answer.has_receipt = x->has_entry;
    x->answer.n = x->n;
    x->answer.salt =
        x->admitted && exchange_keeps_commitments(x) ? x->salt : NULL;
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
    if (!x->admitted || x->closes == 0)
        return;
    x->answer.closes = x->closes;
    /* By the clock that the deadline was reckoned with (P4). */
    x->answer.closes_boot = x->deadline + (x->closes - x->deadline_wall);
}

static void held_replace(struct exchange *x, const void *data, size_t length)
{
    sealed_unsent(x);
    buf_release(&x->held);
    if (buf_append(&x->held, data, length) != 0)
        log_error("out_of_memory", "request=%s", x->request_id);
}

/* Whatever x->held has becomes the whole answer. */
void exchange_answer_own(struct exchange *x, uint16_t status,
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

void exchange_answer_error(struct exchange *x, enum reason reason,
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
    exchange_answer_own(x, s->status != 0 ? s->status : (uint16_t)info->status,
                        ANSWER_JSON);
}

/* Without an entry there can be no answer but this one (P9). */
void exchange_answer_unrecorded(struct exchange *x, enum reason reason)
{
    static const struct substitute plain;

    x->has_entry = false;
    metrics_add(METRICS_UNRECORDED + reason, 1);
    exchange_answer_error(x, reason, &plain);
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
        &x->reader, answer_rule_for(x->rules, x->model, x->terms),
        x->facts.route, x->answer.type == ANSWER_EVENTS, x->usage_asked);
}

static bool type_is_allowed(const struct exchange *x, enum upstream_type type)
{
    const struct policy_terms *t = &x->rules->policy->terms[x->terms];

    return type == UPSTREAM_EVENTS ? t->answer_events : t->answer_json;
}

int exchange_upstream_head(struct exchange *x, const struct upstream_head *head)
{
    x->heard_at = clock_boot_ns();
    metrics_observe(METRICS_FIRST_BYTE, x->heard_at - x->admitted_at);
    if (x->forward_sent == x->forward.length) {
        buf_release(&x->forward); /* a long stream keeps no question */
        x->forward_sent = 0;
        exchange_uncharge(x);
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
    if (x->answer.type == ANSWER_EVENTS) {
        x->streaming = true;
        metrics_add(METRICS_STREAMS, 1);
    }
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
void exchange_end_early(struct exchange *x, enum reason reason)
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
void exchange_answer_instead(struct exchange *x, enum reason reason,
                             const struct substitute *s)
{
    admission_unwait(x);
    exchange_answer_error(x, reason, s);
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
        exchange_end_early(x, reason);
    else
        exchange_answer_instead(x, reason, &x->substitute);
}
