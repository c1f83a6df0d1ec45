/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P8, P9: taking something away never gives anybody more. Of random policies
 * one element is left out; then random questions at random times, with random
 * requests before, are put to both: what the whole policy refuses, the smaller
 * one refuses too. A smaller policy that does not load counts as one that
 * refuses everything.
 *
 * Legitimately different, and left out below:
 * - With sequence government-first, a government's window holds others back;
 *   without it they may come. That is what the sequence is for.
 * - Requests that only one of the two admits spend a budget in only one. Both
 *   are told the same requests: those that both admit.
 * - A list of models is under the rate of the window that ends last. Without
 *   that window, or without its use, it is under another window's rate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decide.h"
#include "tests/unit/policy/random_policy.h"

#if defined(SP_SANITIZED)
#define COUNT 1500
#else
#define COUNT 4000
#endif
#define TIMES     6
#define QUESTIONS 8

/* What can be taken away: any one element at such a path. Who adds a list or
 * mapping that allows something adds its path. */
static const char *const takeaways[] = {
    "parties.*.people.*",        "windows.[]",
    "terms.*.uses.[]",           "terms.*.fields.*",
    "terms.*.tools.types.[]",    "parties.*.networks.[]",
    "terms.*.purpose.values.[]", "terms.*.anthropic.betas.[]",
};
#define TAKEAWAYS (sizeof takeaways / sizeof *takeaways)

struct side {
    struct policy *p;
    struct standing *s;
    uint64_t n;
};

static struct policy *policy_of(const char *text)
{
    struct report report = {0};
    struct policy *p;

    return policy_parse("p", text, strlen(text), NULL, NULL, &report, &p) == 0
               ? p
               : NULL;
}

static void record(struct side *d, struct entry *e, int64_t now)
{
    e->n = d->n++;
    e->t = now;
    if (standing_apply(d->s, e) != 0)
        fail_msg("%s", standing_error(d->s));
}

static void side_begin(struct side *d, struct policy *p)
{
    struct entry opened = {.kind = ENTRY_LOG_OPENED,
                           .u.log_opened = {"o", "1", "v", NULL}};
    struct entry loaded = {.kind = ENTRY_POLICY_LOADED,
                           .u.policy_loaded = {.serial = p->serial}};

    *d = (struct side){.p = p, .s = standing_new()};
    assert_non_null(d->s);
    memcpy(loaded.u.policy_loaded.sha256, p->sha256, sizeof p->sha256);
    record(d, &opened, RANDOM_BASE - RANDOM_DAY);
    record(d, &loaded, RANDOM_BASE - RANDOM_DAY);
    assert_int_equal(standing_bind(d->s, p), 0);
}

static void side_end(struct side *d)
{
    standing_free(d->s);
    policy_free(d->p);
}

static void side_advance(struct side *d, int64_t now)
{
    struct entry e;

    while (standing_due(d->s, now, true, &e))
        record(d, &e, now);
}

/* The same facts with the smaller policy's indices; of who is not in it, they
 * are a nobody's, as a handshake would make them. */
static struct facts facts_in(const struct policy *p, const struct policy *q,
                             const struct facts *f)
{
    struct facts g = *f;
    int party = policy_find_party(q, p->parties[f->party].name), person;

    person = party < 0 ? -1
                       : policy_find_person(q, (uint32_t)party,
                                            p->people[f->person].name);
    g.party = party < 0 ? FACTS_NOBODY : (uint32_t)party;
    g.person = person < 0 ? FACTS_NOBODY : (uint32_t)person;
    return g;
}

/* What terms have rules for, now and then what they allow. */
static void facts_use(struct random_policy *g, const struct policy_terms *t,
                      struct facts *f)
{
    unsigned row = random_any(g, (unsigned)field_count());

    for (unsigned tries = 0; tries < 200; tries++) { /* one that was opened */
        if (field_info((uint16_t)row)->otherwise == FIELD_CLOSED &&
            t->action[row] != FIELD_DENY)
            break;
        row = random_any(g, (unsigned)field_count());
    }
    if (random_any(g, 2) == 0 &&
        (field_info((uint16_t)row)->routes & 1u << f->route) != 0) {
        int slot = field_number_slot((uint16_t)row);

        field_set_add(&f->fields, (uint16_t)row);
        if (slot >= 0)
            f->fields.number[slot] = random_any(g, 5) * 1000000;
    }
    if (random_any(g, 4) == 0 && t->ntool_types > 0) {
        f->tools = 1;
        snprintf(f->tool_types, sizeof f->tool_types, "%s",
                 t->tool_types[random_any(g, (unsigned)t->ntool_types)]);
    }
    if (random_any(g, 8) != 0)
        snprintf(f->case_id, sizeof f->case_id, "c");
    if (random_any(g, 8) != 0)
        snprintf(f->purpose, sizeof f->purpose, "%s",
                 t->npurposes > 0
                     ? t->purposes[random_any(g, (unsigned)t->npurposes)]
                     : "p");
    if (random_any(g, 4) == 0 && t->nbetas > 0)
        snprintf(f->betas, sizeof f->betas, "%s",
                 t->betas[random_any(g, (unsigned)t->nbetas)]);
}

/* Turns a question into one that a window of the policy is made for. */
static void facts_aim(struct random_policy *g, const struct policy *p,
                      struct facts *f)
{
    static const char *const addresses[] = {"192.0.2.1", "10.1.2.3",
                                            "2001:db8::1"};
    const struct policy_window *w =
        &p->windows[random_any(g, (unsigned)p->nwindows)];
    const struct policy_party *party = &p->parties[w->party];
    const struct policy_terms *t =
        &p->terms[w->terms[random_any(g, (unsigned)w->nterms)]];

    snprintf(f->address, sizeof f->address, "%s", addresses[random_any(g, 3)]);
    f->party = w->party;
    f->person = party->first + random_any(g, party->npeople);
    snprintf(f->model, sizeof f->model, "%s", p->models[w->model].name);
    f->route = (enum route)__builtin_ctz(t->uses);
    facts_use(g, t, f);
}

static struct facts facts_any(struct random_policy *g, const struct policy *p,
                              int64_t now)
{
    static const enum route routes[] = {
        ROUTE_CHAT_COMPLETIONS, ROUTE_CHAT_COMPLETIONS,
        ROUTE_COMPLETIONS,      ROUTE_RESPONSES,
        ROUTE_MESSAGES,         ROUTE_MESSAGES_COUNT_TOKENS,
        ROUTE_MODELS,           ROUTE_MODEL,
        ROUTE_UNKNOWN};
    struct facts f = {.person = random_any(g, (unsigned)p->npeople),
                      .cert_not_after = now + RANDOM_DAY,
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = routes[random_any(g, 9)],
                      .dialect = (enum dialect)random_any(g, 2),
                      .max_tokens = -1,
                      .body_bytes = random_any(g, 4096)};

    f.party = p->people[f.person].party;
    if (random_any(g, 4) != 0) {
        facts_aim(g, p, &f);
        return f;
    }
    if (random_any(g, 16) == 0)
        f.cert_not_after = now;
    if (random_any(g, 16) == 0)
        f.fault = (enum reason)random_any(g, REASON_COUNT);
    if (random_any(g, 16) != 0)
        snprintf(f.model, sizeof f.model, "%s",
                 p->models[random_any(g, (unsigned)p->nmodels)].name);
    return f;
}

static bool has_window(const struct policy *p, const char *id)
{
    for (size_t i = 0; i < p->nwindows; i++)
        if (strcmp(p->windows[i].id, id) == 0)
            return true;
    return false;
}

/* Whether a window is gone that holds others back. */
static bool others_may_come(const struct policy *p, const struct policy *q)
{
    for (size_t i = 0; i < p->nwindows; i++)
        if (p->sequence == SEQUENCE_GOVERNMENT_FIRST &&
            p->parties[p->windows[i].party].kind == PARTY_GOVERNMENT &&
            !has_window(q, p->windows[i].id))
            return true;
    return false;
}

static bool rate_of_another_window(const struct facts *f,
                                   const struct verdict *v)
{
    return route_info(f->route)->local &&
           (v->reason == REASON_RATE_LIMITED ||
            v->reason == REASON_CONCURRENCY_LIMITED);
}

struct tally {
    unsigned both_allowed, taken, refused;
};

static void ask(struct random_policy *g, struct side *whole, struct side *less,
                int64_t now, struct tally *t)
{
    struct facts f = facts_any(g, whole->p, now);
    struct facts h = facts_in(whole->p, less->p, &f);
    struct verdict v = policy_decide(whole->p, whole->s, &f, now, CLOCK_GOOD);
    struct verdict w = policy_decide(less->p, less->s, &h, now, CLOCK_GOOD);
    struct entry e;

    t->refused += v.reason != REASON_NONE;
    t->taken += v.reason == REASON_NONE && w.reason != REASON_NONE;
    if (v.reason != REASON_NONE && w.reason == REASON_NONE &&
        !rate_of_another_window(&f, &v))
        fail_msg("refused as %s, but allowed with less",
                 reason_info(v.reason)->code);
    if (v.reason != REASON_NONE || w.reason != REASON_NONE)
        return;
    assert_true(w.deadline <= v.deadline);
    t->both_allowed++;
    decide_entry(whole->p, &f, &v, &e);
    record(whole, &e, now);
    decide_entry(less->p, &h, &w, &e);
    record(less, &e, now);
}

static void compare(unsigned seed, struct policy *p, struct policy *q,
                    struct tally *t)
{
    struct random_policy g = {.seed = seed * 3266489917u + 11};
    struct side whole, less;
    int64_t now = RANDOM_BASE;

    side_begin(&whole, p);
    side_begin(&less, q);
    for (unsigned i = 0; i < TIMES; i++) {
        now += random_any(&g, 4) == 0 ? 20 * RANDOM_DAY
                                      : random_any(&g, 86400) * 3000LL;
        side_advance(&whole, now);
        side_advance(&less, now);
        for (unsigned k = 0; k < QUESTIONS; k++)
            ask(&g, &whole, &less, now, t);
    }
    side_end(&whole);
    side_end(&less);
}

static void try_one(unsigned seed, const char *path, struct tally *t)
{
    struct random_policy g = {.seed = seed * 668265263u + 5};
    char *text = random_policy_text(seed, NULL, 0, NULL), *smaller;
    struct policy *p = policy_of(text), *q;
    bool left_out;

    if (p == NULL)
        fail_msg("seed %u does not load:\n%s", seed, text);
    smaller = random_policy_text(seed, path, random_any(&g, 6), &left_out);
    q = left_out ? policy_of(smaller) : NULL;
    if (q != NULL && !others_may_come(p, q)) {
        compare(seed, p, q, t);
    } else {
        policy_free(p);
        policy_free(q);
    }
    free(text);
    free(smaller);
}

static void P8_P9_taking_away_never_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < TAKEAWAYS; i++) {
        struct tally t = {0};

        for (unsigned seed = 0; seed < COUNT; seed++)
            try_one(seed, takeaways[i], &t);
        /* It was not all refused anyway, and what was taken was missed. */
        print_message("%s: allowed by both %u, refused %u, taken %u\n",
                      takeaways[i], t.both_allowed, t.refused, t.taken);
        if (t.both_allowed < COUNT / 100 || t.refused < COUNT / 10 ||
            t.taken == 0)
            fail_msg("%s: allowed by both %u, refused %u, taken %u",
                     takeaways[i], t.both_allowed, t.refused, t.taken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P8_P9_taking_away_never_allows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
