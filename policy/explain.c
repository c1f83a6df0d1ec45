/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for the steps of a decision. Runs in the command, on an operator's or
 * auditor's machine.
 */
#include "policy/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS 86400000.0

/* Text that grows in place; what does not fit is left out. */
struct words {
    char *text;
    size_t size, length;
};

SP_PRINTF(2, 3)
static void say(struct words *w, const char *format, ...)
{
    va_list list;
    int n;

    va_start(list, format);
    n = vsnprintf(w->text + w->length, w->size - w->length, format, list);
    va_end(list);
    if (n > 0)
        w->length = w->length + (size_t)n >= w->size ? w->size - 1
                                                     : w->length + (size_t)n;
}

static void say_time(struct words *w, int64_t t)
{
    char utc[CLOCK_UTC_SIZE];

    if (t == INT64_MAX) {
        say(w, "for ever");
        return;
    }
    clock_format_utc(t, utc);
    say(w, "%.19sZ", utc);
}

static const struct policy_terms *terms_of(const struct explanation *e,
                                           const struct verdict *v)
{
    return v->terms < e->policy->nterms ? &e->policy->terms[v->terms] : NULL;
}

static void say_clock(struct words *w, const struct explanation *e,
                      const struct verdict *v)
{
    (void)v;
    say(w, "it is ");
    say_time(w, e->now);
    say(w, ", policy serial %u is in force", e->policy->serial);
}

static void say_identity(struct words *w, const struct explanation *e,
                         const struct verdict *v)
{
    const struct policy *p = e->policy;
    const struct facts *f = e->facts;

    (void)v;
    if (f->party >= p->nparties || f->person >= p->npeople)
        say(w, "nobody that the policy names");
    else
        say(w, "%s/%s, a %s of a %s party", p->parties[f->party].name,
            p->people[f->person].name,
            person_kind_text(p->people[f->person].kind),
            party_kind_text(p->parties[f->party].kind));
}

static void say_certificate(struct words *w, const struct explanation *e,
                            const struct verdict *v)
{
    (void)v;
    if (e->facts->cert_not_after == INT64_MAX) {
        say(w, "taken to be valid");
        return;
    }
    say(w, "valid until ");
    say_time(w, e->facts->cert_not_after);
}

static void say_suspended(struct words *w, const struct explanation *e,
                          const struct verdict *v)
{
    (void)e;
    say(w, "%s",
        v->reason == REASON_NONE
            ? "neither the person nor the party is suspended"
            : reason_info(v->reason)->text);
}

static void say_source(struct words *w, const struct explanation *e,
                       const struct verdict *v)
{
    const struct policy_party *party = &e->policy->parties[e->facts->party];

    say(w, "from %s: ", e->facts->address);
    if (party->nnetworks == 0)
        say(w, "the party may come from anywhere");
    else
        say(w, "%s of the party's %zu networks",
            v->reason == REASON_SOURCE_DENIED ? "in none" : "in one",
            party->nnetworks);
    if (v->reason == REASON_SOURCE_DENIED)
        return;
    if (party->hours.days == 0)
        say(w, ", at any hour");
    else
        say(w, ", %s of the party's hours",
            v->reason == REASON_HOURS_DENIED ? "outside" : "within");
}

static void say_model(struct words *w, const struct explanation *e,
                      const struct verdict *v)
{
    if (v->reason == REASON_MODEL_NOT_FOUND)
        say(w, "no window of the party names a model \"%s\"", e->facts->model);
    else if (v->model < e->policy->nmodels)
        say(w, "\"%s\"", e->policy->models[v->model].name);
    else
        say(w, "the request is about no model");
}

static void say_one_window(struct words *w, const struct explanation *e,
                           uint32_t window)
{
    const struct policy_window *pw = &e->policy->windows[window];
    struct standing_window s;

    standing_window(e->standing, window, &s);
    say(w, "%s, open from ", pw->id);
    say_time(w, pw->opens);
    say(w, " to ");
    say_time(w, s.closes);
    if (s.first_opened != 0)
        say(w, ", %.1f of 30 days used",
            (double)(e->now - s.first_opened) / DAY_MS);
    if (s.closed)
        say(w, ", closed");
}

static void say_window(struct words *w, const struct explanation *e,
                       const struct verdict *v)
{
    bool any = false;

    if (v->window < e->policy->nwindows) {
        say_one_window(w, e, v->window);
        return;
    }
    for (uint32_t i = 0; i < e->policy->nwindows; i++) {
        const struct policy_window *pw = &e->policy->windows[i];

        if (pw->party != e->facts->party || pw->model != v->model)
            continue;
        say(w, any ? "; " : "");
        say_one_window(w, e, i);
        any = true;
    }
    if (!any)
        say(w, v->reason == REASON_NONE ? "none is needed" : "none is open");
}

static void say_nda(struct words *w, const struct explanation *e,
                    const struct verdict *v)
{
    const struct policy *p = e->policy;
    bool any = false;

    if (v->window >= p->nwindows) {
        say(w, "nothing has to be accepted");
        return;
    }
    for (size_t i = 0; i < p->windows[v->window].nterms; i++) {
        uint32_t nda = p->terms[p->windows[v->window].terms[i]].nda;
        struct standing_acceptance a;

        if (nda >= p->ndocuments)
            continue;
        say(w, any ? "; " : "");
        if (standing_accepted(e->standing, e->facts->person,
                              p->documents[nda].sha256, &a))
            say(w, "\"%s\" was accepted in entry %" PRIu64,
                p->documents[nda].name, a.n);
        else
            say(w, "\"%s\" is not accepted in its current version",
                p->documents[nda].name);
        any = true;
    }
    if (!any)
        say(w, "nothing has to be accepted");
}

static void say_route(struct words *w, const struct explanation *e,
                      const struct verdict *v)
{
    const struct policy_terms *t = terms_of(e, v);
    const char *route = route_info(e->facts->route)->name;

    if (v->reason == REASON_ROUTE_UNKNOWN)
        say(w, "there is no such route");
    else if (v->reason == REASON_METHOD_NOT_ALLOWED)
        say(w, "%s has another method", route);
    else if (v->reason != REASON_NONE)
        say(w,
            "no terms of the window name the use \"%s\", or the model does "
            "not speak it",
            route);
    else if (t != NULL)
        say(w, "\"%s\", under terms \"%s\"", route, t->name);
    else
        say(w, "\"%s\"", route);
}

static void say_list(struct words *w, const char *what, char *const *list,
                     size_t count)
{
    say(w, "%s", what);
    for (size_t i = 0; i < count; i++)
        say(w, "%s%s", i == 0 ? "" : ", ", list[i]);
}

static void say_purpose(struct words *w, const struct explanation *e,
                        const struct verdict *v)
{
    const struct policy_terms *t = terms_of(e, v);
    const struct facts *f = e->facts;

    if (f->purpose[0] != 0)
        say(w, "purpose \"%s\"", f->purpose);
    else
        say(w, "no purpose is said");
    if (f->case_id[0] != 0)
        say(w, ", case \"%s\"", f->case_id);
    if (v->reason == REASON_PURPOSE_REQUIRED && t != NULL) {
        say(w, "; the terms want %s",
            t->case_id == PURPOSE_REQUIRED ? "a case, and a purpose"
                                           : "a purpose");
        if (t->npurposes > 0)
            say_list(w, " out of ", t->purposes, t->npurposes);
    } else if (v->reason == REASON_VERSION_DENIED) {
        say(w, "; anthropic-version %s is not one of the terms'", f->version);
    } else if (v->reason == REASON_BETA_DENIED) {
        say(w, "; anthropic-beta %s has one that the terms do not allow",
            f->betas);
    }
}

static void say_body(struct words *w, const struct explanation *e,
                     const struct verdict *v)
{
    const struct policy_terms *t = terms_of(e, v);

    if (e->facts->fault != REASON_NONE)
        say(w, "%s", reason_info(e->facts->fault)->text);
    else if (t != NULL)
        say(w, "%" PRIu64 " bytes of at most %" PRId64, e->facts->body_bytes,
            t->request_bytes);
    else
        say(w, "%" PRIu64 " bytes", e->facts->body_bytes);
}

static void say_action(struct words *w, const struct policy_terms *t,
                       uint16_t field)
{
    char number[FIELD_NUMBER_SIZE];

    switch ((enum field_action)t->action[field]) {
    case FIELD_ALLOW:
        say(w, " allowed");
        break;
    case FIELD_STRIP:
        say(w, " stripped");
        break;
    case FIELD_LIMIT:
        field_number_print(t->most[field], number);
        say(w, " at most %s", number);
        break;
    case FIELD_DENY:
    default:
        say(w, " denied");
        break;
    }
}

static void say_field(struct words *w, const struct explanation *e,
                      const struct policy_terms *t, uint16_t field)
{
    int slot = field_number_slot(field);
    char number[FIELD_NUMBER_SIZE];

    say(w, "%s%s", w->length == 0 ? "" : ", ", field_info(field)->path);
    if (slot >= 0) {
        field_number_print(e->facts->fields.number[slot], number);
        say(w, "=%s", number);
    }
    say_action(w, t, field);
}

void explain_fields(const struct explanation *e, char *text, size_t size)
{
    const struct policy_terms *t = terms_of(e, &e->verdict);
    struct words w = {text, size, 0};

    text[0] = 0;
    if (t == NULL)
        return;
    for (uint16_t f = 0; f < field_count(); f++)
        if (field_set_has(&e->facts->fields, f))
            say_field(&w, e, t, f);
    for (size_t i = 0; i < t->nforces; i++)
        if (field_info(t->forces[i].field)->routes & 1u << e->facts->route)
            say(&w, "%s%s forced to %s", w.length == 0 ? "" : ", ",
                field_info(t->forces[i].field)->path, t->forces[i].json);
}

static void say_fields(struct words *w, const struct explanation *e,
                       const struct verdict *v)
{
    const struct policy_terms *t = terms_of(e, v);
    struct explanation so_far = *e;

    if (t == NULL) {
        say(w, "the request has none");
        return;
    }
    if (v->field != FIELD_NONE) {
        say_field(w, e, t, v->field);
        return;
    }
    so_far.verdict = *v;
    explain_fields(&so_far, w->text, w->size);
    w->length = strlen(w->text);
    if (w->length == 0)
        say(w, "none that a rule could be made for");
}

static void say_tools(struct words *w, const struct explanation *e,
                      const struct verdict *v)
{
    const struct policy_terms *t = terms_of(e, v);

    if (e->facts->tools == 0 || t == NULL) {
        say(w, "none are offered");
        return;
    }
    say(w, "%u of types %s; the terms allow ", e->facts->tools,
        e->facts->tool_types);
    if (t->ntool_types == 0)
        say(w, "none");
    else
        say(w, "%" PRId64, t->tools_max);
    say_list(w, t->ntool_types == 0 ? "" : " of ", t->tool_types,
             t->ntool_types);
}

static void say_media(struct words *w, const struct explanation *e,
                      const struct verdict *v)
{
    static const char *const what[] = {"no files and no URLs", "files inside",
                                       "URLs to fetch",
                                       "files inside and URLs to fetch"};

    (void)v;
    say(w, "%s", what[e->facts->media & 3]);
}

static struct standing_place place_of(const struct explanation *e,
                                      const struct verdict *v)
{
    struct standing_place at = {
        .window = v->window, .model = v->model, .person = e->facts->person};

    if (v->window < e->policy->nwindows)
        while (at.terms < e->policy->windows[v->window].nterms &&
               e->policy->windows[v->window].terms[at.terms] != v->terms)
            at.terms++;
    return at;
}

static void say_rate(struct words *w, const struct explanation *e,
                     const struct verdict *v)
{
    const struct policy_terms *t = terms_of(e, v);
    const struct standing_place at = place_of(e, v);
    const struct spent *s = standing_spent(e->standing, SCOPE_PERSON, &at);

    say(w, "%" PRIu64, spent_minute_requests(s, e->now));
    if (t != NULL && t->person.requests_per_minute >= 0)
        say(w, " of %" PRId64, t->person.requests_per_minute);
    say(w, " requests of the person's within the minute, %u",
        s == NULL ? 0 : s->open);
    if (t != NULL && t->person.concurrent >= 0)
        say(w, " of %" PRId64, t->person.concurrent);
    say(w, " open");
}

static void say_totals(struct words *w, const char *scope,
                       const struct budget *b, const struct spent *s)
{
    for (int u = 0; u < UNIT_COUNT; u++)
        if (b->total[u] >= 0)
            say(w, "%s%s %s: %" PRIu64 " of %" PRId64,
                w->length == 0 ? "" : "; ", scope, unit_text((enum unit)u),
                s == NULL ? 0 : s->total[u], b->total[u]);
}

static void say_budget(struct words *w, const struct explanation *e,
                       const struct verdict *v)
{
    const struct policy_terms *t = terms_of(e, v);
    const struct standing_place at = place_of(e, v);

    if (t != NULL && v->model < e->policy->nmodels) {
        say_totals(w, "window", &t->window,
                   standing_spent(e->standing, SCOPE_WINDOW, &at));
        say_totals(w, "person", &t->person,
                   standing_spent(e->standing, SCOPE_WINDOW_PERSON, &at));
        say_totals(w, "model", &e->policy->models[v->model].budget,
                   standing_spent(e->standing, SCOPE_MODEL, &at));
    }
    if (w->length == 0)
        say(w, "nothing is limited");
}

/* In the order of the steps: one without words is a defect that a test finds.
 */
static void (*const sayings[EXPLAIN_STEPS])(struct words *w,
                                            const struct explanation *e,
                                            const struct verdict *v) = {
    [STEP_CLOCK] = say_clock,
    [STEP_IDENTITY] = say_identity,
    [STEP_CERTIFICATE] = say_certificate,
    [STEP_SUSPENDED] = say_suspended,
    [STEP_SOURCE] = say_source,
    [STEP_MODEL] = say_model,
    [STEP_WINDOW] = say_window,
    [STEP_NDA] = say_nda,
    [STEP_ROUTE] = say_route,
    [STEP_PURPOSE] = say_purpose,
    [STEP_BODY] = say_body,
    [STEP_FIELDS] = say_fields,
    [STEP_TOOLS] = say_tools,
    [STEP_MEDIA] = say_media,
    [STEP_RATE] = say_rate,
    [STEP_BUDGET] = say_budget,
};

static void on_step(void *arg, const struct verdict *so_far)
{
    struct explanation *e = arg;
    struct explain_step *s = &e->steps[e->count];
    struct words w = {s->words, sizeof s->words, 0};

    if ((unsigned)so_far->step >= EXPLAIN_STEPS || e->count >= EXPLAIN_STEPS)
        return;
    e->count++;
    s->step = so_far->step;
    s->reason = so_far->reason;
    s->words[0] = 0;
    if (sayings[so_far->step] != NULL)
        sayings[so_far->step](&w, e, so_far);
}

void explain(struct explanation *e, const struct policy *p,
             const struct standing *s, const struct facts *f, int64_t now)
{
    *e = (struct explanation){
        .policy = p, .standing = s, .facts = f, .now = now};
    e->verdict = policy_decide_traced(p, s, f, now, CLOCK_GOOD, on_step, e);
}
