/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of one request through a worker: read, ask, call, hold, answer,
 * settle (docs/request.md). exchange_ask.c has it up to the call,
 * exchange_answer.c from there on; here is how it ends. What clients and models
 * say passes through here; neither is trusted, and no byte of an answer leaves
 * before its entry is on disk (P1) or after its deadline (P2).
 *
 * Every function that can end an exchange leaves it in EXCHANGE_ENDED; callers
 * look at the state before they go on.
 */
#include "gateway/exchange.h"

#include <string.h>

#include "gateway/admission.h"
#include "gateway/deadlines.h"
#include "gateway/exchange_parts.h"
#include "gateway/exchange_pool.h"
#include "gateway/gather.h"
#include "gateway/log_reads.h"
#include "gateway/own_view.h"
#include "gateway/peer.h"
#include "gateway/sealed.h"
#include "gateway/shares.h"
#include "gateway/upstream.h"
#include "gateway/usage.h"
#include "lib/log.h"

/* ---- the end ---- */

void exchange_charge(struct exchange *x, size_t length)
{
    shares_body_take(x->rules->shares, x->facts.party, length);
    x->charged += length;
}

void exchange_uncharge(struct exchange *x)
{
    shares_body_give(x->rules->shares, x->facts.party, x->charged);
    x->charged = 0;
}

void exchange_request_release(struct exchange *x)
{
    exchange_json_give(x->worker, x->json);
    x->json = NULL;
    buf_release(&x->body);
    exchange_uncharge(x);
}

/* Terms may want nothing kept but sizes. */
bool exchange_keeps_commitments(const struct exchange *x)
{
    const struct policy *p = x->rules->policy;

    return x->terms >= p->nterms ||
           p->terms[x->terms].transcripts != TRANSCRIPTS_NONE;
}

static void settle(struct exchange *x, enum cause cause)
{
    struct settle s = {
        .n = x->n,
        .cause = x->cause != CAUSE_COUNT ? x->cause : cause,
        .status = x->head_sent ? x->answer.status : 0,
        .asked_bytes = x->facts.body_bytes,
        .answered_bytes = x->answered_bytes,
        .has_commitments = exchange_keeps_commitments(x),
    };
    int r;

    if (s.has_commitments) {
        memcpy(s.asked, x->asked, sizeof(s.asked));
        commitment_end(&x->answered, s.answered);
    }
    r = sealed_end(x, s.transcript);
    s.has_transcript = r == 0;
    if (r != 0 && r != SP_ENOENT)
        s.cause = CAUSE_UNSEALED; /* all of it was said, but its end is lost */
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

    if (x->state == EXCHANGE_CHECKING)
        peer_unwait(x->peer, x);
    if (x->state == EXCHANGE_ASKING)
        admission_forget(x);
    upstream_cancel(x);
    admission_unwait(x);
    deadlines_remove(w->deadlines, x);
    if (x->admitted)
        settle(x, cause);
    sealed_drop(x);
    exchange_request_release(x);
    buf_release(&x->forward);
    buf_release(&x->held);
    answer_release(&x->reader);
    gather_end(x);
    log_read_drop(x);
    own_view_free(x->view);
    x->view = NULL;
    x->codec = NULL;
    x->state = EXCHANGE_ENDED;
    exchange_bury(x);
}

void exchange_finish(struct exchange *x, enum cause cause, enum codec_end end)
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

/* ---- cut ---- */

static enum cause cut_cause(enum reason reason)
{
    if (reason == REASON_BUDGET_EXHAUSTED || reason == REASON_EGRESS_CEILING)
        return CAUSE_BUDGET;
    if (reason == REASON_CERTIFICATE_REVOKED ||
        reason == REASON_REVOCATION_UNAVAILABLE)
        return CAUSE_REVOKED;
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
        exchange_end_early(x, reason);
    else
        exchange_answer_instead(x, reason, &plain);
}

void exchange_unsealed(struct exchange *x)
{
    static const struct substitute plain;

    sealed_drop(x);
    if (x->state == EXCHANGE_ENDED)
        return;
    upstream_cancel(x);
    x->cause = CAUSE_UNSEALED;
    if (x->own)
        return; /* our own words may go on without */
    if (x->state == EXCHANGE_ANSWERING && x->head_sent)
        exchange_end_early(x, REASON_AUDIT_UNAVAILABLE);
    else
        exchange_answer_instead(x, REASON_AUDIT_UNAVAILABLE, &plain);
}

void exchange_orphaned(struct exchange *x)
{
    if (x->state == EXCHANGE_ENDED)
        return;
    if (x->state == EXCHANGE_ASKING) {
        admission_forget(x);
        x->state = EXCHANGE_READING;
        exchange_request_release(x);
        exchange_answer_unrecorded(x, REASON_AUDIT_UNAVAILABLE);
        return;
    }
    upstream_cancel(x);
    if (x->cause == CAUSE_COUNT)
        x->cause = CAUSE_ORDERED;
    if (x->state == EXCHANGE_ANSWERING && x->head_sent) {
        if (!x->own)
            exchange_end_early(x, REASON_AUDIT_UNAVAILABLE);
    } else {
        /* Also a refusal: its entry may never have reached the disk. */
        admission_unwait(x);
        exchange_answer_unrecorded(x, REASON_AUDIT_UNAVAILABLE);
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
