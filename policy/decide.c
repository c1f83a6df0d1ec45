/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision as a list of steps, each of which lets the request pass or
 * gives the one reason. Pure: the same policy, standing, facts and time give
 * the same verdict on anybody's machine (P6). Runs in the keeper on facts that
 * a worker may have been made to invent: every index is checked.
 */
#include "policy/decide_steps.h"

#include <string.h>

static enum reason step_clock(struct question *q)
{
    if (q->p == NULL || standing_policy(q->s) != q->p)
        return REASON_AUDIT_UNAVAILABLE;
    return q->clock == CLOCK_BEHIND ? REASON_CLOCK_UNSAFE : REASON_NONE;
}

static enum reason step_identity(struct question *q)
{
    const struct facts *f = q->f;

    if (f->party >= q->p->nparties || f->person >= q->p->npeople ||
        q->p->people[f->person].party != f->party)
        return REASON_IDENTITY_UNMAPPED;
    return REASON_NONE;
}

static enum reason step_certificate(struct question *q)
{
    if (q->now < q->f->cert_not_before || q->now >= q->f->cert_not_after)
        return REASON_CERTIFICATE_EXPIRED;
    return REASON_NONE;
}

/* What the ledger knows to be revoked is, whatever a worker says; and a worker
 * that did not ask, where the policy wants it, knows nothing (P9). One that
 * ended with its window is refused for what has ended, if anything has; if
 * nothing has, behind all steps. */
static enum reason step_revocation(struct question *q)
{
    const struct policy_party *party = &q->p->parties[q->f->party];

    q->ended = standing_certificate_has_ended(q->s, q->f->cert_sha256);
    if (!q->ended && standing_certificate_is_revoked(q->s, q->f->cert_sha256))
        return REASON_CERTIFICATE_REVOKED;
    if (standing_revocations_lost(q->s))
        return REASON_REVOCATION_UNAVAILABLE;
    switch (q->f->revocation) {
    case REVOCATION_UNCHECKED:
        return party->revocation.mode == POLICY_REVOCATION_NONE
                   ? REASON_NONE
                   : REASON_REVOCATION_UNAVAILABLE;
    case REVOCATION_GOOD:
        return REASON_NONE;
    case REVOCATION_REVOKED:
        return REASON_CERTIFICATE_REVOKED;
    case REVOCATION_UNKNOWN:
    default:
        return REASON_REVOCATION_UNAVAILABLE;
    }
}

/* Whatever is asked: also what would be refused for another reason. */
static enum reason step_suspended(struct question *q)
{
    return standing_person_held(q->s, q->f->party, q->f->person);
}

/* A fault that came before any model could be read is all there is to say. */
static bool fault_is_all(const struct facts *f)
{
    return f->fault != REASON_NONE && f->model[0] == 0;
}

static bool window_is_open(const struct standing *s, const struct policy *p,
                           uint32_t window, int64_t now, int64_t *end)
{
    struct standing_window w;

    standing_window(s, window, &w);
    *end = w.closes;
    return w.opened && !w.closed && !w.released &&
           now >= p->windows[window].opens && now < w.closes;
}

/* Why a window that is not open is not; later beats earlier reasons. */
static enum reason window_reason(const struct standing *s, uint32_t window,
                                 int64_t now)
{
    struct standing_window w;

    standing_window(s, window, &w);
    if (w.released)
        return REASON_MODEL_RELEASED;
    if (w.closed && w.by_policy)
        return REASON_WINDOW_CLOSED;
    if (w.closed || w.never || now >= w.closes)
        return REASON_WINDOW_EXPIRED;
    return REASON_WINDOW_NOT_OPEN;
}

/* Among reasons of several windows: what may still come says most, and then
 * what was ended last (windows are sorted by opens). */
static enum reason reason_of_windows(enum reason so_far, enum reason next)
{
    return so_far == REASON_WINDOW_NOT_OPEN ? so_far : next;
}

/* Nobody but governments while a government's window of the model is open or
 * still to come. Loading refuses such a policy; this holds whatever loads. */
static bool sequence_blocks(const struct question *q, uint32_t model)
{
    const struct policy *p = q->p;

    if (p->sequence != SEQUENCE_GOVERNMENT_FIRST ||
        !party_kind_waits(p->parties[q->f->party].kind))
        return false;
    for (uint32_t i = 0; i < p->nwindows; i++) {
        struct standing_window w;

        if (p->windows[i].model != model ||
            p->parties[p->windows[i].party].kind != PARTY_GOVERNMENT)
            continue;
        standing_window(q->s, i, &w);
        if (!w.closed && !w.never && q->now < w.closes)
            return true;
    }
    return false;
}

/* Unknown and ungranted look the same: no window of this party names it. */
static enum reason step_model(struct question *q)
{
    int model;

    if (fault_is_all(q->f) || q->local || q->route->route == ROUTE_UNKNOWN)
        return REASON_NONE;
    if (q->f->model[0] == 0)
        return REASON_INVALID_FIELD; /* nothing was found wrong, yet no model */
    model = policy_find_model(q->p, q->f->model);
    for (size_t i = 0; i < q->p->nwindows && model >= 0; i++)
        if (q->p->windows[i].party == q->f->party &&
            q->p->windows[i].model == (uint32_t)model) {
            q->v->model = (uint32_t)model;
            return REASON_NONE;
        }
    return REASON_MODEL_NOT_FOUND;
}

/* A list of models, or one of them: any open window whose terms name the use
 * will do, the one that ends last counts. */
static enum reason window_of_local(struct question *q, uint32_t *found)
{
    enum reason reason = REASON_ROUTE_DENIED;
    bool open = false;

    for (uint32_t i = 0; i < q->p->nwindows; i++) {
        const struct policy_window *w = &q->p->windows[i];
        int64_t end;

        if (w->party != q->f->party)
            continue;
        if (window_is_open(q->s, q->p, i, q->now, &end)) {
            open = true;
            if (policy_terms_for(q->p, w, q->route->route) == NULL ||
                sequence_blocks(q, w->model) ||
                (*found != VERDICT_NONE && end <= q->window_end))
                continue;
            *found = i;
            q->window_end = end;
        } else {
            reason = reason_of_windows(reason, window_reason(q->s, i, q->now));
        }
    }
    if (*found != VERDICT_NONE)
        return REASON_NONE;
    return open ? REASON_ROUTE_DENIED : reason;
}

static enum reason window_of_model(struct question *q, uint32_t *found)
{
    enum reason reason = REASON_MODEL_NOT_FOUND;

    for (uint32_t i = 0; i < q->p->nwindows; i++) {
        const struct policy_window *w = &q->p->windows[i];

        if (w->party != q->f->party || w->model != q->v->model)
            continue;
        if (window_is_open(q->s, q->p, i, q->now, &q->window_end)) {
            *found = i;
            return sequence_blocks(q, w->model) ? REASON_WINDOW_NOT_OPEN
                                                : REASON_NONE;
        }
        reason = reason_of_windows(reason, window_reason(q->s, i, q->now));
    }
    return reason;
}

static enum reason step_window(struct question *q)
{
    uint32_t found = VERDICT_NONE;
    enum reason reason;

    if (fault_is_all(q->f) || q->own || q->route->route == ROUTE_UNKNOWN)
        return REASON_NONE;
    reason = q->local ? window_of_local(q, &found) : window_of_model(q, &found);
    if (reason != REASON_NONE)
        return reason;
    q->v->window = found;
    if (q->route->route == ROUTE_MODEL) {
        int model = policy_find_model(q->p, q->f->model);

        if (model < 0 || !decide_model_visible(q->p, q->s, q->f->party,
                                               (uint32_t)model, q->now))
            return REASON_MODEL_NOT_FOUND;
        q->v->model = (uint32_t)model;
    }
    return REASON_NONE;
}

static bool nda_is_accepted(const struct question *q,
                            const struct policy_terms *t)
{
    return t->nda == POLICY_NO_DOCUMENT ||
           standing_accepted(q->s, q->f->person, q->p->documents[t->nda].sha256,
                             NULL);
}

/* What the terms of this use want; a use that no terms name must not tell more
 * to whoever has accepted nothing, so then what any of them want. */
static enum reason step_nda(struct question *q)
{
    const struct policy_terms *named;
    const struct policy_window *w;

    if (fault_is_all(q->f) || q->own || q->route->route == ROUTE_UNKNOWN)
        return REASON_NONE;
    w = &q->p->windows[q->v->window];
    named = policy_terms_for(q->p, w, q->route->route);
    for (size_t i = 0; i < w->nterms; i++) {
        const struct policy_terms *t = &q->p->terms[w->terms[i]];

        if ((named == NULL || named == t) && !nda_is_accepted(q, t))
            return REASON_NDA_REQUIRED;
    }
    return REASON_NONE;
}

/* Auditors do; whole bundles only those whose scope is all of the ledger. */
static bool may_read_log(const struct question *q)
{
    const struct policy_party *party = &q->p->parties[q->f->party];

    return party->kind == PARTY_AUDITOR &&
           (party->nscope == 0 || q->route->route != ROUTE_LOG_BUNDLE);
}

static enum reason step_route(struct question *q)
{
    const struct policy_window *w;

    if (q->f->fault == REASON_ROUTE_UNKNOWN ||
        q->f->fault == REASON_METHOD_NOT_ALLOWED)
        return q->f->fault;
    if (q->route->route == ROUTE_FINDINGS && !q->p->has_findings)
        return REASON_ROUTE_UNKNOWN;
    if (route_is_log(q->route->route) && !may_read_log(q))
        return REASON_ROUTE_DENIED;
    if (fault_is_all(q->f) || q->own)
        return REASON_NONE;
    if (q->route->route == ROUTE_UNKNOWN)
        return REASON_ROUTE_UNKNOWN;
    w = &q->p->windows[q->v->window];
    for (q->terms = 0; q->terms < w->nterms; q->terms++)
        if (q->p->terms[w->terms[q->terms]].uses & 1u << q->route->route)
            break;
    if (q->terms == w->nterms || (!q->local && (q->p->models[w->model].apis &
                                                1u << q->route->route) == 0))
        return REASON_ROUTE_DENIED;
    q->v->terms = w->terms[q->terms];
    return REASON_NONE;
}

static int64_t body_limit(const struct question *q)
{
    if (!q->own)
        return q->p->terms[q->v->terms].request_bytes;
    return q->route->route == ROUTE_FINDINGS ? q->p->findings_max
                                             : LIMIT_ACCEPT_BYTES;
}

static enum reason step_body(struct question *q)
{
    if ((unsigned)q->f->fault >= REASON_COUNT)
        return REASON_BAD_REQUEST;
    if (q->f->fault != REASON_NONE)
        return q->f->fault;
    if (q->f->body_bytes > (uint64_t)body_limit(q))
        return REASON_BODY_TOO_LARGE;
    return REASON_NONE;
}

static const struct {
    const char *text;
    enum reason (*take)(struct question *q);
} steps[] = {
    [STEP_CLOCK] = {"clock", step_clock},
    [STEP_IDENTITY] = {"identity", step_identity},
    [STEP_CERTIFICATE] = {"certificate", step_certificate},
    [STEP_REVOCATION] = {"revocation", step_revocation},
    [STEP_SUSPENDED] = {"suspended", step_suspended},
    [STEP_SOURCE] = {"source", step_source},
    [STEP_MODEL] = {"model", step_model},
    [STEP_WINDOW] = {"window", step_window},
    [STEP_NDA] = {"nda", step_nda},
    [STEP_ROUTE] = {"route", step_route},
    [STEP_PURPOSE] = {"purpose", step_purpose},
    [STEP_BODY] = {"body", step_body},
    [STEP_FIELDS] = {"fields", step_fields},
    [STEP_TOOLS] = {"tools", step_tools},
    [STEP_MEDIA] = {"media", step_media},
    [STEP_RATE] = {"rate", step_rate},
    [STEP_BUDGET] = {"budget", step_budget},
    [STEP_ALLOWED] = {"allowed", NULL},
};

const char *decide_step_text(enum decide_step step)
{
    return steps[(unsigned)step <= STEP_ALLOWED ? step : STEP_CLOCK].text;
}

/* What is wrong with a request itself (its fault) is told by the body's step.
 */
enum decide_step decide_reason_step(enum reason reason)
{
    static const uint8_t table[REASON_COUNT] = {
        [REASON_NONE] = STEP_ALLOWED,
        [REASON_AUDIT_UNAVAILABLE] = STEP_CLOCK,
        [REASON_CLOCK_UNSAFE] = STEP_CLOCK,
        [REASON_IDENTITY_UNMAPPED] = STEP_IDENTITY,
        [REASON_CERTIFICATE_EXPIRED] = STEP_CERTIFICATE,
        [REASON_CERTIFICATE_REVOKED] = STEP_REVOCATION,
        [REASON_REVOCATION_UNAVAILABLE] = STEP_REVOCATION,
        [REASON_PERSON_SUSPENDED] = STEP_SUSPENDED,
        [REASON_ACCESS_REVOKED] = STEP_SUSPENDED,
        [REASON_SOURCE_DENIED] = STEP_SOURCE,
        [REASON_HOURS_DENIED] = STEP_SOURCE,
        [REASON_MODEL_NOT_FOUND] = STEP_MODEL,
        [REASON_WINDOW_NOT_OPEN] = STEP_WINDOW,
        [REASON_WINDOW_EXPIRED] = STEP_WINDOW,
        [REASON_WINDOW_CLOSED] = STEP_WINDOW,
        [REASON_MODEL_RELEASED] = STEP_WINDOW,
        [REASON_NDA_REQUIRED] = STEP_NDA,
        [REASON_ROUTE_DENIED] = STEP_ROUTE,
        [REASON_ROUTE_UNKNOWN] = STEP_ROUTE,
        [REASON_METHOD_NOT_ALLOWED] = STEP_ROUTE,
        [REASON_PURPOSE_REQUIRED] = STEP_PURPOSE,
        [REASON_VERSION_DENIED] = STEP_PURPOSE,
        [REASON_BETA_DENIED] = STEP_PURPOSE,
        [REASON_UNKNOWN_FIELD] = STEP_FIELDS,
        [REASON_PARAMETER_DENIED] = STEP_FIELDS,
        [REASON_TOOL_DENIED] = STEP_TOOLS,
        [REASON_MEDIA_DENIED] = STEP_MEDIA,
        [REASON_REMOTE_URL_DENIED] = STEP_MEDIA,
        [REASON_RATE_LIMITED] = STEP_RATE,
        [REASON_ADDRESSES_LIMITED] = STEP_RATE,
        [REASON_CONCURRENCY_LIMITED] = STEP_RATE,
        [REASON_BUDGET_RESERVED] = STEP_BUDGET,
        [REASON_BUDGET_EXHAUSTED] = STEP_BUDGET,
        [REASON_EGRESS_CEILING] = STEP_BUDGET,
    };

    if ((unsigned)reason >= REASON_COUNT)
        return STEP_CLOCK;
    return reason != REASON_AUDIT_UNAVAILABLE &&
                   reason != REASON_CLOCK_UNSAFE && table[reason] == STEP_CLOCK
               ? STEP_BODY
               : (enum decide_step)table[reason];
}

/* The earliest of the ends; of equal ones, the window's. */
static void deadline_set(struct question *q)
{
    int64_t request_ms =
        q->own ? LIMIT_OWN_MS : q->p->terms[q->v->terms].request_ms;
    struct verdict *v = q->v;

    v->closes = q->local ? 0 : q->window_end;
    v->deadline = q->own ? INT64_MAX : q->window_end;
    v->deadline_reason = !q->own && v->model != VERDICT_NONE &&
                                 q->window_end == q->p->models[v->model].release
                             ? REASON_MODEL_RELEASED
                             : REASON_WINDOW_EXPIRED;
    if (q->f->cert_not_after < v->deadline) {
        v->deadline = q->f->cert_not_after;
        v->deadline_reason = REASON_CERTIFICATE_EXPIRED;
    }
    if (q->hours_end < v->deadline) {
        v->deadline = q->hours_end;
        v->deadline_reason = REASON_HOURS_DENIED;
    }
    if (request_ms < v->deadline - q->now) {
        v->deadline = q->now + request_ms;
        v->deadline_reason = REASON_TIME_LIMIT;
    }
}

struct verdict policy_decide(const struct policy *p, const struct standing *s,
                             const struct facts *f, int64_t now,
                             enum clock_state clock)
{
    return policy_decide_traced(p, s, f, now, clock, NULL, NULL);
}

struct verdict policy_decide_traced(const struct policy *p,
                                    const struct standing *s,
                                    const struct facts *f, int64_t now,
                                    enum clock_state clock,
                                    decide_trace_fn *trace, void *arg)
{
    struct verdict v = {.window = VERDICT_NONE,
                        .terms = VERDICT_NONE,
                        .model = VERDICT_NONE,
                        .step = STEP_CLOCK,
                        .field = FIELD_NONE};
    struct question q = {.p = p,
                         .s = s,
                         .f = f,
                         .now = now,
                         .clock = clock,
                         .route = route_info(f->route),
                         .v = &v};

    q.local = q.route->local;
    q.own = q.route->own;
    for (unsigned i = STEP_CLOCK; i < STEP_ALLOWED; i++) {
        v.step = (enum decide_step)i;
        v.reason = steps[i].take(&q);
        if (trace != NULL)
            trace(arg, &v);
        if (v.reason != REASON_NONE)
            break;
    }
    if (v.reason == REASON_NONE && q.ended) {
        v.step = STEP_REVOCATION;
        v.reason = REASON_CERTIFICATE_REVOKED;
        if (trace != NULL)
            trace(arg, &v);
    }
    if (v.reason == REASON_NONE) {
        v.step = STEP_ALLOWED;
        deadline_set(&q);
    } else if (v.retry_after == 0) {
        v.retry_after = reason_info(v.reason)->retry_after;
    }
    if (q.local) /* a local route is in no window of one model */
        v.window = v.terms = VERDICT_NONE;
    return v;
}

enum reason decide_window_reason(const struct policy *p,
                                 const struct standing *s, uint32_t window,
                                 int64_t now)
{
    int64_t end;

    return window_is_open(s, p, window, now, &end)
               ? REASON_NONE
               : window_reason(s, window, now);
}

bool decide_model_visible(const struct policy *p, const struct standing *s,
                          uint32_t party, uint32_t model, int64_t now)
{
    int64_t end;

    for (uint32_t i = 0; i < p->nwindows; i++)
        if (p->windows[i].party == party && p->windows[i].model == model &&
            window_is_open(s, p, i, now, &end))
            return true;
    return false;
}

static const char *text_if_any(const char *text)
{
    return text[0] != 0 ? text : NULL;
}

void decide_entry(const struct policy *p, const struct facts *f,
                  const struct verdict *v, struct entry *e)
{
    bool allowed = v->reason == REASON_NONE;
    struct entry_request *q = &e->u.request;

    *e = (struct entry){.kind = allowed ? ENTRY_REQUEST_ADMITTED
                                        : ENTRY_REQUEST_REFUSED};
    if (f->party < p->nparties)
        q->party = p->parties[f->party].name;
    if (f->person < p->npeople)
        q->person = p->people[f->person].name;
    q->model = f->model[0] != 0 ? f->model : NULL;
    if (v->window < p->nwindows)
        q->window = p->windows[v->window].id;
    if (v->terms < p->nterms)
        q->terms = p->terms[v->terms].name;
    q->method = f->method;
    q->route = f->route;
    q->dialect = f->dialect;
    q->fault = f->fault;
    q->stream = f->stream;
    q->max_tokens = f->max_tokens;
    q->bytes = f->body_bytes;
    q->outputs = f->outputs == 0 ? 1 : f->outputs;
    q->fields = field_set_empty(&f->fields) ? NULL : &f->fields;
    q->tools = f->tools;
    q->tool_types = text_if_any(f->tool_types);
    q->media = f->media;
    q->purpose = text_if_any(f->purpose);
    q->case_id = text_if_any(f->case_id);
    q->version = text_if_any(f->version);
    q->betas = text_if_any(f->betas);
    if (v->field != FIELD_NONE)
        q->field = field_info(v->field)->path;
    q->address = f->address;
    memcpy(q->cert_sha256, f->cert_sha256, sizeof q->cert_sha256);
    /* Entries have no times before 1970; for the decision it is all one. */
    q->cert_not_before = f->cert_not_before < 0 ? 0 : f->cert_not_before;
    q->cert_not_after = f->cert_not_after < 0 ? 0 : f->cert_not_after;
    q->revocation = f->revocation;
    q->test_pki = f->test_pki;
    q->policy = p->serial;
    q->deadline = v->deadline;
    q->reserve_tokens = v->reserve.units[UNIT_TOKENS];
    q->reserve_input = v->reserve.units[UNIT_INPUT_TOKENS];
    q->reserve_output = v->reserve.units[UNIT_OUTPUT_TOKENS];
    q->reserve_bytes = v->reserve.units[UNIT_BYTES];
    q->reason = v->reason;
}

static void text_take(char *to, size_t size, const char *from)
{
    if (from != NULL)
        strncat(to, from, size - 1);
}

void decide_facts(const struct policy *p, const struct entry *e,
                  struct facts *f)
{
    const struct entry_request *q = &e->u.request;
    int party = q->party == NULL ? -1 : policy_find_party(p, q->party);
    int person = -1;

    if (party >= 0 && q->person != NULL)
        person = policy_find_person(p, (uint32_t)party, q->person);
    *f = (struct facts){
        .party = party < 0 ? FACTS_NOBODY : (uint32_t)party,
        .person = person < 0 ? FACTS_NOBODY : (uint32_t)person,
        .cert_not_before = q->cert_not_before,
        .cert_not_after = q->cert_not_after,
        .revocation = q->revocation,
        .test_pki = q->test_pki,
        .method = q->method,
        .route = q->route,
        .dialect = q->dialect,
        .fault = q->fault,
        .stream = q->stream,
        .max_tokens = q->max_tokens,
        .body_bytes = q->bytes,
        .outputs = q->outputs,
        .tools = q->tools,
        .media = q->media,
    };
    if (q->fields != NULL)
        f->fields = *q->fields;
    text_take(f->tool_types, sizeof f->tool_types, q->tool_types);
    text_take(f->purpose, sizeof f->purpose, q->purpose);
    text_take(f->case_id, sizeof f->case_id, q->case_id);
    text_take(f->version, sizeof f->version, q->version);
    text_take(f->betas, sizeof f->betas, q->betas);
    memcpy(f->cert_sha256, q->cert_sha256, sizeof f->cert_sha256);
    text_take(f->address, sizeof f->address, q->address);
    text_take(f->model, sizeof f->model, q->model);
}
