/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What responders are asked about single certificates (OCSP). Runs in the
 * revoker. Workers ask with certificates that strangers presented, and whose
 * chains they have verified; where a responder is comes from the policy, or
 * from the certificate if the policy allows its host. One question is asked
 * once, however many wait for it, and its answer is remembered for as long as
 * the policy says.
 */
#include <openssl/err.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/ocsp.h"
#include "gateway/revoker_parts.h"
#include "lib/clock.h"
#include "lib/log.h"

/* A dialer that says nothing is given up so much later than it should say that
 * nobody answers. */
#define DIALER_LATE_MS 500

static void questions_turn(struct revoker *r);

struct waiter {
    uint32_t asker;
    uint64_t number; /* of its channel */
    uint64_t ticket;
};

struct question {
    TAILQ_ENTRY(question) link;
    uint64_t ticket;
    bool sent;
    int64_t until; /* boot ms */
    uint32_t party;
    uint8_t hash[32]; /* what is asked: question_hash() */
    uint8_t nonce[OCSP_NONCE];
    X509 *leaf, *issuer;
    size_t nwaiters;
    struct waiter waiters[REVOKER_WAITERS_MAX];
};

static void question_free(struct revoker *r, struct question *q)
{
    TAILQ_REMOVE(&r->questions, q, link);
    r->nquestions[q->party]--;
    if (q->sent)
        r->nsent[q->party]--;
    X509_free(q->leaf);
    X509_free(q->issuer);
    free(q);
}

static void tell(struct revoker *r, const struct waiter *w,
                 enum revocation status, int64_t until, const char *problem)
{
    struct answer_revocation v = {
        .ticket = w->ticket, .status = status, .until = until};
    struct asker *a = &r->askers[w->asker];
    uint8_t data[256];
    size_t length;

    if (a->channel == NULL || a->number != w->number)
        return; /* it is gone */
    snprintf(v.problem, sizeof(v.problem), "%s", problem);
    if (answer_revocation_put(&v, data, sizeof(data), &length) != 0 ||
        channel_send(a->channel, data, length, NULL, 0) != 0)
        log_warn("worker_does_not_listen", "worker=%u", w->asker);
}

static struct remembered *cache_slot(struct revoker *r, const uint8_t hash[32])
{
    size_t at = (size_t)hash[0] | (size_t)hash[1] << 8;

    return &r->cache[at % REVOKER_CACHE];
}

/* Of this certificate, or NULL. */
static struct remembered *cache_find(struct revoker *r, uint32_t party,
                                     const uint8_t hash[32])
{
    struct remembered *m = cache_slot(r, hash);

    return m->status != REVOCATION_UNCHECKED && m->party == party &&
                   memcmp(m->hash, hash, 32) == 0
               ? m
               : NULL;
}

static bool failed_lately(const struct remembered *m)
{
    return m->failed != 0 && clock_boot_ms() - m->failed < REVOKER_AGAIN_MS;
}

/* True: it is known, and told; or nobody answered a moment ago. */
static bool cache_answers(const struct remembered *m, struct revoker *r,
                          const struct waiter *w)
{
    bool over = m->status == REVOCATION_UNKNOWN ||
                (m->status == REVOCATION_GOOD && m->until <= clock_wall_ms());

    if (!over)
        tell(r, w, m->status, m->until, "");
    else if (failed_lately(m))
        tell(r, w, REVOCATION_UNKNOWN, 0, "nobody answered a moment ago");
    return !over || failed_lately(m);
}

/* Whether what is remembered should be asked for again before it is over. */
static bool cache_is_old(const struct remembered *m,
                         const struct policy_revocation *rule)
{
    return m->status == REVOCATION_GOOD && !failed_lately(m) &&
           m->until - clock_wall_ms() <
               revocation_renew_ms(rule->ocsp_cache_ms, rule->timeout_ms);
}

/* An answer that is good or bad takes the place; that there was none stands
 * beside what was known, or where nothing was. */
static void cache_put(struct revoker *r, const struct question *q,
                      enum revocation status, int64_t until)
{
    struct remembered *m = cache_find(r, q->party, q->hash);
    int64_t failed = status == REVOCATION_UNKNOWN ? clock_boot_ms() : 0;

    if (m != NULL && failed != 0) {
        m->failed = failed;
        return;
    }
    m = cache_slot(r, q->hash);
    if (failed != 0 && m->status != REVOCATION_UNCHECKED &&
        m->status != REVOCATION_UNKNOWN)
        return;
    *m = (struct remembered){
        .party = q->party, .status = status, .until = until, .failed = failed};
    memcpy(m->hash, q->hash, sizeof(m->hash));
}

static void question_end(struct revoker *r, struct question *q,
                         enum revocation status, int64_t until,
                         const char *problem)
{
    if (status == REVOCATION_UNKNOWN)
        log_warn("responder_says_nothing", "party=%s problem=%s",
                 r->policy->parties[q->party].name, log_quote(problem));
    cache_put(r, q, status, until);
    for (size_t i = 0; i < q->nwaiters; i++)
        tell(r, &q->waiters[i], status, until, problem);
    question_free(r, q);
}

/* A responder whose own certificate is in a list says nothing any more. */
static bool delegate_is_revoked(const struct revoker *r,
                                const struct ocsp_answer *a)
{
    int64_t until;

    return a->delegated && r->set.data != NULL &&
           revocations_check(&r->set, &a->delegate, 1, clock_wall_ms(),
                             INT64_MAX / 4, &until) == REVOCATION_REVOKED;
}

/* GOOD for as long as the policy lets an answer be remembered. */
static int64_t good_until(const struct policy_revocation *rule,
                          const struct ocsp_answer *a, int64_t now)
{
    int64_t until = now + rule->ocsp_cache_ms;

    return until < a->good_until ? until : a->good_until;
}

static void question_read(struct revoker *r, struct question *q,
                          const struct answer_fetch *v, const uint8_t *bytes)
{
    const struct policy_revocation *rule = revoker_rule(r, q->party);
    int64_t now = clock_wall_ms();
    struct ocsp_answer a;
    char why[OCSP_PROBLEM];

    if (v->error != 0) {
        snprintf(why, sizeof(why), "the responder was not reached: %s",
                 sp_strerror(v->error));
        question_end(r, q, REVOCATION_UNKNOWN, 0, why);
        return;
    }
    if (v->status != 200) {
        snprintf(why, sizeof(why), "the responder's status is %u", v->status);
        question_end(r, q, REVOCATION_UNKNOWN, 0, why);
        return;
    }
    ocsp_answer_read(bytes, v->length, q->leaf, q->issuer, q->nonce, now,
                     rule->max_age_ms, &a);
    if (delegate_is_revoked(r, &a))
        question_end(r, q, REVOCATION_UNKNOWN, 0,
                     "the responder's own certificate has been revoked");
    else
        question_end(r, q, a.status, good_until(rule, &a, now), a.problem);
}

bool question_answered(struct revoker *r, const struct answer_fetch *v,
                       const uint8_t *bytes)
{
    struct question *q;

    TAILQ_FOREACH (q, &r->questions, link)
        if (q->ticket == v->ticket && q->sent)
            break;
    if (q == NULL)
        return false;
    question_read(r, q, v, bytes);
    questions_turn(r);
    return true;
}

void questions_tick(struct revoker *r)
{
    int64_t now = clock_boot_ms();
    struct question *q, *next;

    for (q = TAILQ_FIRST(&r->questions); q != NULL; q = next) {
        next = TAILQ_NEXT(q, link);
        if (q->until + (q->sent ? DIALER_LATE_MS : 0) <= now)
            question_end(r, q, REVOCATION_UNKNOWN, 0, "no answer in time");
    }
    questions_turn(r);
}

void questions_dialer_gone(struct revoker *r)
{
    struct question *q, *next;

    for (q = TAILQ_FIRST(&r->questions); q != NULL; q = next) {
        next = TAILQ_NEXT(q, link);
        question_end(r, q, REVOCATION_UNKNOWN, 0, "who asks it has failed");
    }
}

/* --- asking --- */

/* Where to ask; false: nowhere. */
static bool responder_of(const struct revoker *r, uint32_t party, X509 *leaf,
                         char url[REVOCATION_URL_MAX + 1])
{
    const struct policy_revocation *rule = revoker_rule(r, party);
    char named[HTTP_URL_MAX + 1];

    if (rule->responder != NULL) {
        snprintf(url, REVOCATION_URL_MAX + 1, "%s", rule->responder);
        return true;
    }
    return ocsp_url_of(leaf, named) == 0 &&
           revoker_may_ask(r, party, named, url);
}

static int question_send(struct revoker *r, struct question *q)
{
    int64_t left = q->until - clock_boot_ms();
    struct ask_fetch ask = {.ticket = q->ticket,
                            .party = q->party,
                            .timeout_ms = left > 0 ? (uint32_t)left : 1,
                            .most = REVOCATION_ANSWER_MAX};
    uint8_t *der = NULL;
    int e;

    q->sent = true;
    r->nsent[q->party]++;
    if (!responder_of(r, q->party, q->leaf, ask.url))
        return SP_EPERM;
    randombytes_buf(q->nonce, sizeof(q->nonce));
    e = ocsp_ask_make(q->leaf, q->issuer, q->nonce, &der, &ask.length);
    if (e == 0 && ask.length > REVOCATION_ASK_MAX)
        e = SP_ETOOBIG;
    ask.body = der;
    if (e == 0)
        e = revoker_fetch(r, &ask);
    free(der);
    return e;
}

static X509 *certificate(const uint8_t *der, size_t length)
{
    const uint8_t *at = der;
    X509 *cert = d2i_X509(NULL, &at, (long)length);

    ERR_clear_error();
    if (cert != NULL && at != der + length) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* SHA-256 of both certificates in DER. Of both: the issuer is a worker's word
 * too, and what somebody answered for another one must be nobody else's. */
static int question_hash(const struct ask_revocation *ask, uint8_t hash[32])
{
    uint8_t both[64];

    if (EVP_Digest(ask->leaf, ask->leaf_length, both, NULL, EVP_sha256(),
                   NULL) != 1 ||
        EVP_Digest(ask->issuer, ask->issuer_length, both + 32, NULL,
                   EVP_sha256(), NULL) != 1 ||
        EVP_Digest(both, sizeof(both), hash, NULL, EVP_sha256(), NULL) != 1)
        return SP_ECRYPTO;
    return 0;
}

static struct question *question_new(struct revoker *r,
                                     const struct ask_revocation *ask)
{
    struct question *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    q->ticket = ++r->tickets;
    q->party = ask->party;
    q->until = clock_boot_ms() + revoker_rule(r, ask->party)->timeout_ms;
    q->leaf = certificate(ask->leaf, ask->leaf_length);
    q->issuer = certificate(ask->issuer, ask->issuer_length);
    TAILQ_INSERT_TAIL(&r->questions, q, link);
    r->nquestions[q->party]++;
    if (q->leaf == NULL || q->issuer == NULL ||
        question_hash(ask, q->hash) != 0) {
        question_free(r, q);
        return NULL;
    }
    return q;
}

static struct question *question_find(const struct revoker *r, uint32_t party,
                                      const uint8_t hash[32])
{
    struct question *q;

    TAILQ_FOREACH (q, &r->questions, link)
        if (q->party == party && memcmp(q->hash, hash, 32) == 0)
            return q;
    return NULL;
}

static const char *send_problem(int error)
{
    switch (error) {
    case SP_EPERM:
        return "the policy names no responder, and not the certificate's host";
    case SP_ECLOSED:
        return "nobody can be asked now";
    default:
        return sp_strerror(error);
    }
}

/* A list is what answers, once it is here. */
static void learn_only(struct revoker *r, const struct ask_revocation *ask,
                       const struct waiter *w)
{
    X509 *leaf = certificate(ask->leaf, ask->leaf_length);
    X509 *issuer = certificate(ask->issuer, ask->issuer_length);

    if (leaf != NULL)
        lists_learn(r, ask->party, leaf);
    if (issuer != NULL)
        lists_learn(r, ask->party, issuer);
    X509_free(leaf);
    X509_free(issuer);
    lists_tick(r);
    tell(r, w, REVOCATION_UNKNOWN, 0, "lists are asked, not responders");
}

/* Those whose turn it is. */
static void questions_turn(struct revoker *r)
{
    struct question *q, *next;

    for (q = TAILQ_FIRST(&r->questions); q != NULL; q = next) {
        int e;

        next = TAILQ_NEXT(q, link);
        if (q->sent || r->nsent[q->party] >= REVOKER_QUESTIONS_MAX)
            continue;
        e = question_send(r, q);
        if (e != 0)
            question_end(r, q, REVOCATION_UNKNOWN, 0, send_problem(e));
    }
}

/* `w` NULL: an answer that is remembered is renewed, and nobody waits. */
static void question_begin(struct revoker *r, const struct ask_revocation *ask,
                           const struct waiter *w)
{
    struct question *q = NULL;

    if (r->nquestions[ask->party] < REVOKER_QUEUE_MAX)
        q = question_new(r, ask);
    if (q == NULL) {
        if (w != NULL)
            tell(r, w, REVOCATION_UNKNOWN, 0, "too many questions at once");
        return;
    }
    if (w != NULL)
        q->waiters[q->nwaiters++] = *w;
    lists_learn(r, q->party, q->leaf);
    lists_learn(r, q->party, q->issuer);
    questions_turn(r);
}

static void question_wait(struct revoker *r, struct question *q,
                          const struct waiter *w)
{
    if (q->nwaiters < REVOKER_WAITERS_MAX)
        q->waiters[q->nwaiters++] = *w;
    else
        tell(r, w, REVOCATION_UNKNOWN, 0, "too many wait for this answer");
}

void question_ask(struct asker *a, const struct ask_revocation *ask)
{
    struct revoker *r = a->revoker;
    const struct waiter w = {.asker = (uint32_t)(a - r->askers),
                             .number = a->number,
                             .ticket = ask->ticket};
    const struct policy_revocation *rule = revoker_rule(r, ask->party);
    const struct remembered *m;
    struct question *q;
    uint8_t hash[32];
    bool told;

    if (rule->mode == POLICY_REVOCATION_CRL) {
        learn_only(r, ask, &w);
        return;
    }
    if (question_hash(ask, hash) != 0) {
        tell(r, &w, REVOCATION_UNKNOWN, 0, "out of memory");
        return;
    }
    m = cache_find(r, ask->party, hash);
    told = m != NULL && cache_answers(m, r, &w);
    if (told && !cache_is_old(m, rule))
        return;
    q = question_find(r, ask->party, hash);
    if (q == NULL)
        question_begin(r, ask, told ? NULL : &w);
    else if (!told)
        question_wait(r, q, &w);
}
