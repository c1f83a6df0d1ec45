/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for the steps that look at who asks, where from, for which model and
 * when. Runs in the command.
 */
#include <inttypes.h>
#include <string.h>

#include "policy/explain_words.h"

#define DAY_MS 86400000.0
/* Windows of one party and model that are told; there are seldom two. */
#define WINDOWS_TOLD 4

void say_clock(struct words *w, const struct explain_question *q,
               const struct verdict *v, const char *param)
{
    (void)param;
    say(w, "it is ");
    say_time(w, q->now);
    if (v->reason == REASON_AUDIT_UNAVAILABLE)
        say(w, "; no policy is in force, or another one");
    else if (v->reason == REASON_CLOCK_UNSAFE)
        say(w, "; the clock is behind the newest entry of the ledger");
    else
        say(w, "; policy serial %u", q->policy->serial);
}

void say_identity(struct words *w, const struct explain_question *q,
                  const struct verdict *v, const char *param)
{
    const struct policy *p = q->policy;
    const struct facts *f = q->facts;

    (void)param;
    if (v->reason != REASON_NONE)
        say(w, "nobody that the policy names");
    else
        say(w, "%s/%s, a %s of a %s party", p->parties[f->party].name,
            p->people[f->person].name,
            person_kind_text(p->people[f->person].kind),
            party_kind_text(p->parties[f->party].kind));
}

void say_certificate(struct words *w, const struct explain_question *q,
                     const struct verdict *v, const char *param)
{
    (void)param;
    if (v->reason == REASON_NONE && q->facts->cert_not_after == INT64_MAX) {
        say(w, "taken to be valid");
        return;
    }
    say(w, "valid from ");
    say_time(w, q->facts->cert_not_before);
    say(w, " to ");
    say_time(w, q->facts->cert_not_after);
}

void say_revocation(struct words *w, const struct explain_question *q,
                    const struct verdict *v, const char *param)
{
    const struct policy_party *party = &q->policy->parties[q->facts->party];
    const char *mode = policy_revocation_mode_text(party->revocation.mode);

    struct standing_certificate c;

    (void)param;
    if (standing_certificate(q->standing, q->facts->cert_sha256, &c) &&
        c.revoked) {
        say(w, "revoked by entry %" PRIu64, c.entry);
        return;
    }
    if (standing_revocations_lost(q->standing)) {
        say(w, "more are revoked than the ledger's standing can hold");
        return;
    }
    switch (q->facts->revocation) {
    case REVOCATION_UNCHECKED:
        if (v->reason == REASON_NONE)
            say(w, "neither the ledger nor the party asks for more");
        else
            say(w, "nobody was asked, and the party wants it (mode %s)", mode);
        break;
    case REVOCATION_GOOD:
        say(w, "not revoked (mode %s)", mode);
        break;
    case REVOCATION_REVOKED:
        say(w, "revoked, itself or one of its authorities (mode %s)", mode);
        break;
    case REVOCATION_UNKNOWN:
    default:
        say(w, "nobody can say now (mode %s)", mode);
    }
}

void say_suspended(struct words *w, const struct explain_question *q,
                   const struct verdict *v, const char *param)
{
    const struct policy *p = q->policy;
    const char *party = p->parties[q->facts->party].name;
    const char *person = p->people[q->facts->person].name;
    bool revoked = v->reason == REASON_ACCESS_REVOKED;
    bool (*held)(const struct standing *s, const char *party,
                 const char *person, uint64_t *entry) =
        revoked ? standing_revoked : standing_suspended;
    uint64_t n = 0;

    (void)param;
    if (v->reason == REASON_NONE)
        say(w, "neither %s/%s nor %s is suspended or revoked", party, person,
            party);
    else if (held(q->standing, party, NULL, &n))
        say(w, "the party %s is %s, by entry %" PRIu64, party,
            revoked ? "revoked" : "suspended", n);
    else if (held(q->standing, party, person, &n))
        say(w, "%s/%s is %s, by entry %" PRIu64, party, person,
            revoked ? "revoked" : "suspended", n);
}

void say_source(struct words *w, const struct explain_question *q,
                const struct verdict *v, const char *param)
{
    const struct policy_party *party = &q->policy->parties[q->facts->party];

    (void)param;
    if (party->nnetworks == 0)
        say(w, "%s: the party may come from anywhere", q->facts->address);
    else
        say(w, "%s is in %s of the party's %zu networks", q->facts->address,
            v->reason == REASON_SOURCE_DENIED ? "none" : "one",
            party->nnetworks);
    if (v->reason == REASON_SOURCE_DENIED)
        return;
    if (party->hours.days == 0) {
        say(w, ", at any hour");
        return;
    }
    say(w, ", %s the party's hours: ",
        v->reason == REASON_HOURS_DENIED ? "outside of" : "within");
    say_hours(w, &party->hours);
}

void say_model(struct words *w, const struct explain_question *q,
               const struct verdict *v, const char *param)
{
    (void)param;
    if (v->reason == REASON_INVALID_FIELD)
        say(w, "the request names none");
    else if (v->reason != REASON_NONE)
        say(w, "no window of %s names a model \"%s\"",
            q->policy->parties[q->facts->party].name, q->facts->model);
    else if (v->model < q->policy->nmodels)
        say(w, "\"%s\"", q->policy->models[v->model].name);
    else
        say(w, "the request is about no model");
}

/* ---- windows ---- */

static void say_one_window(struct words *w, const struct explain_question *q,
                           uint32_t window)
{
    const struct policy_window *pw = &q->policy->windows[window];
    struct standing_window s;
    double used;

    standing_window(q->standing, window, &s);
    say(w, "%s, open ", pw->id);
    if (q->now < pw->opens) {
        say(w, "from ");
        say_time(w, pw->opens);
        say(w, " ");
    }
    say(w, "until ");
    say_time(w, s.closes);
    if (s.first_opened != 0) {
        used = (double)(q->now - s.first_opened);
        if (used > (double)LIMIT_ACCESS_MS)
            used = (double)LIMIT_ACCESS_MS;
        say(w, ", %.1f of 30 days used", used / DAY_MS);
    }
    if (s.released)
        say(w, ", the model is released");
    else if (s.never)
        say(w, ", never to open: the 30 days are over before");
    else if (s.closed)
        say(w, ", closed%s", s.by_policy ? " by order or by a policy" : "");
}

/* Whose window keeps others waiting: the same look as the decision's at who
 * may still come. */
static void say_government(struct words *w, const struct explain_question *q,
                           uint32_t model)
{
    const struct policy *p = q->policy;

    for (uint32_t i = 0; i < p->nwindows; i++) {
        struct standing_window s;

        standing_window(q->standing, i, &s);
        if (p->windows[i].model != model ||
            p->parties[p->windows[i].party].kind != PARTY_GOVERNMENT ||
            s.closed || s.never || q->now >= s.closes)
            continue;
        say(w, "; government first: ");
        say_one_window(w, q, i);
        return;
    }
}

/* Of the model, or of a local route any: none of them will do. */
static void say_windows(struct words *w, const struct explain_question *q,
                        const struct verdict *v)
{
    unsigned told = 0;

    for (uint32_t i = 0; i < q->policy->nwindows; i++) {
        const struct policy_window *pw = &q->policy->windows[i];

        if (pw->party != q->facts->party ||
            (v->model != VERDICT_NONE && pw->model != v->model))
            continue;
        if (told++ == WINDOWS_TOLD) {
            say(w, "; and others");
            return;
        }
        say(w, told == 1 ? "" : "; ");
        say_one_window(w, q, i);
    }
    if (told == 0)
        say(w, "%s has none", q->policy->parties[q->facts->party].name);
}

void say_window(struct words *w, const struct explain_question *q,
                const struct verdict *v, const char *param)
{
    const struct policy *p = q->policy;

    (void)param;
    if (v->reason == REASON_NONE && v->window >= p->nwindows) {
        say(w, "none is needed");
        return;
    }
    if (v->window < p->nwindows) {
        say_one_window(w, q, v->window);
        if (v->reason == REASON_MODEL_NOT_FOUND)
            say(w, "; but no open one is of \"%s\"", q->facts->model);
        return;
    }
    say_windows(w, q, v);
    if (v->reason == REASON_ROUTE_DENIED)
        say(w, "; no terms of an open one name the use \"%s\"",
            route_info(q->facts->route)->name);
    else if (v->reason == REASON_WINDOW_NOT_OPEN && v->model < p->nmodels &&
             p->sequence == SEQUENCE_GOVERNMENT_FIRST &&
             party_kind_waits(p->parties[q->facts->party].kind))
        say_government(w, q, v->model);
}

static void say_document(struct words *w, const struct explain_question *q,
                         const struct policy_document *d)
{
    struct standing_acceptance a;

    if (standing_accepted(q->standing, q->facts->person, d->sha256, &a))
        say(w, "\"%s\" was accepted in entry %" PRIu64, d->name, a.n);
    else
        say(w, "\"%s\" is not accepted in its current version", d->name);
}

void say_nda(struct words *w, const struct explain_question *q,
             const struct verdict *v, const char *param)
{
    const struct policy *p = q->policy;
    const struct policy_window *pw;
    const struct policy_terms *named;
    bool any = false;

    (void)param;
    if (v->window < p->nwindows) {
        pw = &p->windows[v->window];
        named = policy_terms_for(p, pw, q->facts->route);
        for (size_t i = 0; i < pw->nterms; i++) {
            const struct policy_terms *t = &p->terms[pw->terms[i]];

            if ((named != NULL && named != t) || t->nda >= p->ndocuments)
                continue;
            say(w, any ? "; " : "");
            say_document(w, q, &p->documents[t->nda]);
            any = true;
        }
    }
    if (!any)
        say(w, "nothing has to be accepted");
}

void say_route(struct words *w, const struct explain_question *q,
               const struct verdict *v, const char *param)
{
    const struct policy_terms *t = explain_terms(q, v);
    const char *route = route_info(q->facts->route)->name;
    const struct policy *p = q->policy;

    (void)param;
    if (v->reason == REASON_ROUTE_UNKNOWN)
        say(w, "there is no such route");
    else if (v->reason == REASON_METHOD_NOT_ALLOWED)
        say(w, "this route has other methods: %s",
            route_methods(q->facts->route));
    else if (v->reason != REASON_NONE && v->window < p->nwindows &&
             policy_terms_for(p, &p->windows[v->window], q->facts->route) ==
                 NULL)
        say(w, "no terms of the window name the use \"%s\"", route);
    else if (v->reason != REASON_NONE)
        say(w, "the model's apis do not have \"%s\"", route);
    else if (t != NULL)
        say(w, "\"%s\", under the terms \"%s\"", route, t->name);
    else if (q->facts->fault != REASON_NONE)
        say(w, "not looked at: the request cannot be read");
    else
        say(w, "\"%s\", one of the gateway's own", route);
}
