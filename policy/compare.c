/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares two policies element by element: what is called the same is the
 * same element. Runs in the command.
 */
#include "policy/compare.h"

#include <stdlib.h>
#include <string.h>

#include "lib/sealing.h"
#include "policy/compare_parts.h"

/* Names of people that one change tells; the rest is counted. */
#define NAMES_TOLD 8

/* ---- models ---- */

/* Where answers come from; the credential is a name. */
static void compare_upstream(struct comparison *c, const struct policy_model *a,
                             const struct policy_model *b)
{
    char was[512] = "", is[512] = "";
    struct words v = {was, sizeof was, 0}, w = {is, sizeof is, 0};

    for (size_t i = 0; i < a->nendpoints; i++)
        say(&v, "%s%s", i == 0 ? "" : ", ", a->endpoints[i].url);
    for (size_t i = 0; i < b->nendpoints; i++)
        say(&w, "%s%s", i == 0 ? "" : ", ", b->endpoints[i].url);
    compare_text(c, "endpoints", was, is);
    compare_text(c, "endpoints' name of the model", a->upstream_name,
                 b->upstream_name);
    compare_text(c, "endpoints' authorities", a->ca, b->ca);
    compare_text(c, "credential", a->credential, b->credential);
    compare_text(c, "client certificate", a->client_certificate,
                 b->client_certificate);
    compare_text(c, "build", a->build, b->build);
    compare_text(c, "designation", a->designation, b->designation);
    compare_text(c, "designation by", a->designated_by, b->designated_by);
    compare_text(c, "designation's reference", a->designation_reference,
                 b->designation_reference);
}

static void say_release(struct words *w, int64_t release)
{
    if (release == INT64_MAX)
        say(w, "none set");
    else
        say_time(w, release);
}

static void compare_release(struct comparison *c, int64_t was, int64_t is)
{
    char a[64] = "", b[64] = "";
    struct words v = {a, sizeof a, 0}, w = {b, sizeof b, 0};

    if (was == is)
        return;
    say_release(&v, was);
    say_release(&w, is);
    change_tell(c, is < was ? CHANGE_NARROWER : CHANGE_WIDER,
                "release: %s (was %s)", b, a);
}

static void compare_routes(struct comparison *c, const char *what,
                           uint32_t before, uint32_t now)
{
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if ((before ^ now) & 1u << r && r != ROUTE_MODEL)
            change_tell(c, now & 1u << r ? CHANGE_WIDER : CHANGE_NARROWER,
                        "%s: %s %s", what,
                        now & 1u << r ? "now also" : "no longer",
                        route_info((enum route)r)->name);
}

static void compare_models(struct comparison *c)
{
    for (size_t i = 0; i < c->before->nmodels; i++) {
        const struct policy_model *was = &c->before->models[i], *is;
        int found = policy_find_model(c->now, was->name);

        compare_about(c, "model %s", was->name);
        if (found < 0) {
            change_tell(c, CHANGE_NARROWER, "is gone");
            continue;
        }
        is = &c->now->models[found];
        compare_routes(c, "apis", was->apis, is->apis);
        compare_release(c, was->release, is->release);
        compare_budget(c, "of all parties: ", &was->budget, &is->budget);
        compare_upstream(c, was, is);
    }
    for (size_t i = 0; i < c->now->nmodels; i++) {
        const struct policy_model *is = &c->now->models[i];

        compare_about(c, "model %s", is->name);
        if (policy_find_model(c->before, is->name) < 0)
            change_tell(c, CHANGE_WIDER, "is new");
    }
}

/* ---- parties ---- */

/* Whether the list has every address of the network, with parts of it in
 * several elements, too. */
static bool networks_cover(const struct network *list, size_t count,
                           const struct network *n)
{
    struct network half = *n;
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (list[i].bits <= n->bits && network_has(&list[i], n->address))
            return true;
        any = any || network_has(n, list[i].address);
    }
    if (!any || n->bits >= 128)
        return false;
    half.bits++;
    if (!networks_cover(list, count, &half))
        return false;
    half.address[n->bits / 8] |= (uint8_t)(0x80u >> n->bits % 8);
    return networks_cover(list, count, &half);
}

static bool networks_all_cover(const struct policy_party *outer,
                               const struct policy_party *inner)
{
    if (outer->nnetworks == 0)
        return true;
    for (size_t i = 0; i < inner->nnetworks; i++)
        if (!networks_cover(outer->networks, outer->nnetworks,
                            &inner->networks[i]))
            return false;
    return inner->nnetworks > 0;
}

static void say_networks(struct words *w, const struct policy_party *p)
{
    char network[NETWORK_SIZE];

    if (p->nnetworks == 0)
        say(w, "any");
    for (size_t i = 0; i < p->nnetworks; i++) {
        network_print(&p->networks[i], network);
        say(w, "%s%s", i == 0 ? "" : ", ", network);
    }
}

static void compare_networks(struct comparison *c, const struct policy_party *a,
                             const struct policy_party *b)
{
    bool narrower = !networks_all_cover(b, a);
    bool wider = !networks_all_cover(a, b);
    char was[400] = "", is[400] = "";
    struct words v = {was, sizeof was, 0}, w = {is, sizeof is, 0};

    say_networks(&v, a);
    say_networks(&w, b);
    if (narrower)
        change_tell(c, CHANGE_NARROWER, "networks: %s (was %s)", is, was);
    if (wider)
        change_tell(c, CHANGE_WIDER, "networks: %s (was %s)", is, was);
}

/* Minute by minute of a week, of which hours repeat. */
static void compare_hours(struct comparison *c, const struct hours *a,
                          const struct hours *b)
{
    const int64_t minute = 60000, week = 7 * 1440, start = 4 * 1440 * minute;
    int64_t lost = 0, won = 0, end;

    for (int64_t i = 0; i < week; i++) {
        /* From a Monday in January 1970, with a day before it. */
        bool was = hours_open(a, start + i * minute, &end);
        bool is = hours_open(b, start + i * minute, &end);

        lost += was && !is;
        won += is && !was;
    }
    if (lost > 0)
        change_tell(c, CHANGE_NARROWER, "hours: %.1f hours of a week less",
                    (double)lost / 60);
    if (won > 0)
        change_tell(c, CHANGE_WIDER, "hours: %.1f hours of a week more",
                    (double)won / 60);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_match(const struct policy_person *a,
                       const struct policy_person *b)
{
    if ((a->spki_sha256 == NULL) != (b->spki_sha256 == NULL) ||
        (a->spki_sha256 != NULL &&
         memcmp(a->spki_sha256, b->spki_sha256, 32) != 0))
        return false;
    return a->match == b->match &&
           same_text(a->issuer_subject, b->issuer_subject) &&
           same_text(a->san_uri, b->san_uri) && same_text(a->other, b->other) &&
           same_text(a->policy, b->policy);
}

/* Names gathered for one change. */
struct names {
    char text[768];
    struct words words;
    size_t count;
};

static void names_add(struct names *n, const char *name)
{
    if (n->count == 0)
        n->words = (struct words){n->text, sizeof n->text, 0};
    if (n->count++ < NAMES_TOLD)
        say(&n->words, "%s%s", n->count == 1 ? "" : ", ", name);
}

static void names_tell(struct comparison *c, enum change_kind kind,
                       const char *what, struct names *n)
{
    if (n->count == 0)
        return;
    if (n->count > NAMES_TOLD)
        say(&n->words, " and %zu more", n->count - NAMES_TOLD);
    change_tell(c, kind, "%s: %s", what, n->text);
}

/* The person of the other policy's party with this one's name, or NULL. */
static const struct policy_person *person_like(const struct policy *p,
                                               uint32_t party, const char *name)
{
    int found = policy_find_person(p, party, name);

    return found < 0 ? NULL : &p->people[found];
}

static void compare_people(struct comparison *c, uint32_t before, uint32_t now)
{
    const struct policy_party *a = &c->before->parties[before];
    const struct policy_party *b = &c->now->parties[now];
    struct names gone = {.count = 0}, new = {.count = 0}, other = {.count = 0},
                 acting = {.count = 0};

    for (uint32_t i = a->first; i < a->first + a->npeople; i++) {
        const struct policy_person *was = &c->before->people[i];
        const struct policy_person *is = person_like(c->now, now, was->name);

        if (is == NULL) {
            names_add(&gone, was->name);
            continue;
        }
        if (!same_match(was, is))
            names_add(&other, was->name);
        if (was->kind != is->kind || !same_text(was->custodian, is->custodian))
            names_add(&acting, was->name);
    }
    for (uint32_t i = b->first; i < b->first + b->npeople; i++)
        if (person_like(c->before, before, c->now->people[i].name) == NULL)
            names_add(&new, c->now->people[i].name);
    names_tell(c, CHANGE_NARROWER, "people who are gone", &gone);
    names_tell(c, CHANGE_WIDER, "new people", &new);
    /* The one who held the old certificate is out, another one is in. */
    names_tell(c, CHANGE_NARROWER, "certificates that no longer match", &other);
    names_tell(c, CHANGE_WIDER, "other certificates that match", &other);
    names_tell(c, CHANGE_OTHER, "kind or custodian", &acting);
}

/* Which bytes the anchors' file must have. */
static void compare_pin(struct comparison *c, const struct policy_party *a,
                        const struct policy_party *b)
{
    if (a->has_anchors_sha256 == b->has_anchors_sha256 &&
        memcmp(a->anchors_sha256, b->anchors_sha256, 32) == 0)
        return;
    if (b->has_anchors_sha256)
        change_tell(c, CHANGE_NARROWER, "anchors_sha256: %s",
                    a->has_anchors_sha256 ? "other anchors, not the old ones"
                                          : "only the file's bytes of now");
    if (a->has_anchors_sha256)
        change_tell(c, CHANGE_WIDER, "anchors_sha256: %s",
                    b->has_anchors_sha256 ? "other anchors, not the old ones"
                                          : "any anchors that the file has");
}

/* Anybody's certificates may stop matching, and others may match. */
static void compare_anchors(struct comparison *c, const struct policy_party *a,
                            const struct policy_party *b)
{
    compare_pin(c, a, b);
    if (same_text(a->anchors, b->anchors))
        return;
    change_tell(c, CHANGE_NARROWER, "anchors: no longer %s", a->anchors);
    change_tell(c, CHANGE_WIDER, "anchors: now %s", b->anchors);
}

/* Whether the party takes certificates under that policy, for that kind of
 * people. */
static bool certificates_have(const struct policy_party *p,
                              const struct policy_certificate *certificate)
{
    for (size_t i = 0; i < p->ncertificates; i++)
        if (strcmp(p->certificates[i].oid, certificate->oid) == 0 &&
            p->certificates[i].service == certificate->service)
            return true;
    return false;
}

static void compare_policies_of(struct comparison *c, enum change_kind kind,
                                const char *how, const struct policy_party *a,
                                const struct policy_party *b)
{
    for (size_t i = 0; i < b->ncertificates; i++)
        if (!certificates_have(a, &b->certificates[i]))
            change_tell(c, kind, "%s: %s %s",
                        b->certificates[i].service ? "service_policies"
                                                   : "certificate_policies",
                        how, b->certificates[i].oid);
}

/* None asked for is all of them. */
static void compare_certificates(struct comparison *c,
                                 const struct policy_party *a,
                                 const struct policy_party *b)
{
    if (a->ncertificates == 0 && b->ncertificates > 0)
        change_tell(c, CHANGE_NARROWER, "certificate policies: required now");
    if (a->ncertificates > 0 && b->ncertificates == 0)
        change_tell(c, CHANGE_WIDER, "certificate policies: none required");
    if (a->ncertificates > 0 && b->ncertificates > 0) {
        compare_policies_of(c, CHANGE_WIDER, "now also", a, b);
        compare_policies_of(c, CHANGE_NARROWER, "no longer", b, a);
    }
    if (a->any_eku != b->any_eku)
        change_tell(c, b->any_eku ? CHANGE_WIDER : CHANGE_NARROWER,
                    "eku: %s (was %s)", b->any_eku ? "any" : "client",
                    a->any_eku ? "any" : "client");
}

/* Whose eyes transcripts are for decides nothing, but it must be seen. */
static void compare_sealing(struct comparison *c, const struct policy_party *a,
                            const struct policy_party *b)
{
    char before[SEALING_KEY_TEXT], now[SEALING_KEY_TEXT];

    sealing_key_format(a->sealing_key, before);
    sealing_key_format(b->sealing_key, now);
    compare_text(c, "sealing_key", a->has_sealing_key ? before : NULL,
                 b->has_sealing_key ? now : NULL);
}

static bool scope_covers(const struct policy *p, const struct policy_party *a,
                         const struct policy *q, const struct policy_party *b)
{
    if (a->nscope == 0)
        return true;
    for (size_t i = 0; i < b->nscope; i++)
        if (!policy_scope_has(p, (uint32_t)(a - p->parties),
                              q->parties[b->scope[i]].name))
            return false;
    return b->nscope > 0;
}

static void say_scope(struct words *w, const struct policy *p,
                      const struct policy_party *party)
{
    if (party->nscope == 0)
        say(w, "all");
    for (size_t i = 0; i < party->nscope; i++)
        say(w, "%s%s", i == 0 ? "" : ", ", p->parties[party->scope[i]].name);
}

/* What an auditor may read. */
static void compare_scope(struct comparison *c, const struct policy_party *a,
                          const struct policy_party *b)
{
    char was[400] = "", is[400] = "";
    struct words v = {was, sizeof was, 0}, w = {is, sizeof is, 0};

    if (a->kind != PARTY_AUDITOR || b->kind != PARTY_AUDITOR)
        return;
    say_scope(&v, c->before, a);
    say_scope(&w, c->now, b);
    if (!scope_covers(c->now, b, c->before, a))
        change_tell(c, CHANGE_NARROWER, "scope: %s (was %s)", is, was);
    if (!scope_covers(c->before, a, c->now, b))
        change_tell(c, CHANGE_WIDER, "scope: %s (was %s)", is, was);
}

/* What is said of a party is its own matter; where it goes is its approvers'.
 * Another place is one more that hears of it. */
static void compare_notices(struct comparison *c,
                            const struct policy_notices *a,
                            const struct policy_notices *b)
{
    const struct allowed was = {a->addresses, a->naddresses, false};
    const struct allowed is = {b->addresses, b->naddresses, false};

    compare_list(c, "notices to", &was, &is);
    compare_text(c, "notices to syslog", a->syslog, b->syslog);
}

static void compare_party(struct comparison *c, uint32_t before, uint32_t now)
{
    const struct policy_party *a = &c->before->parties[before];
    const struct policy_party *b = &c->now->parties[now];

    compare_text(c, "kind", party_kind_text(a->kind), party_kind_text(b->kind));
    compare_anchors(c, a, b);
    compare_certificates(c, a, b);
    compare_text(c, "intermediates", a->intermediates, b->intermediates);
    compare_networks(c, a, b);
    compare_hours(c, &a->hours, &b->hours);
    compare_text(c, "selection", a->selection, b->selection);
    compare_sealing(c, a, b);
    compare_scope(c, a, b);
    compare_revocation(c, &a->revocation, &b->revocation);
    compare_notices(c, &a->notices, &b->notices);
    compare_people(c, before, now);
}

static void compare_parties(struct comparison *c)
{
    for (uint32_t i = 0; i < c->before->nparties; i++) {
        const char *name = c->before->parties[i].name;
        int found = policy_find_party(c->now, name);

        compare_about(c, "party %s", name);
        if (found < 0)
            change_tell(c, CHANGE_NARROWER, "is gone");
        else
            compare_party(c, i, (uint32_t)found);
    }
    for (uint32_t i = 0; i < c->now->nparties; i++) {
        const struct policy_party *p = &c->now->parties[i];

        compare_about(c, "party %s", p->name);
        if (policy_find_party(c->before, p->name) < 0)
            change_tell(c, CHANGE_WIDER, "is new, with %u %s", p->npeople,
                        p->npeople == 1 ? "person" : "people");
    }
}

/* ---- windows ---- */

#define NO_WINDOW UINT32_MAX

static bool same_pair(const struct policy *p, const struct policy_window *w,
                      const struct policy *q, const struct policy_window *v)
{
    return strcmp(p->parties[w->party].name, q->parties[v->party].name) == 0 &&
           strcmp(p->models[w->model].name, q->models[v->model].name) == 0;
}

/* For each window of now the one of before that it continues: that with its
 * id, else the next one of its party and model that no id continues. Windows
 * are sorted by opens. */
static void windows_match(const struct comparison *c, uint32_t *matches,
                          bool *taken)
{
    const struct policy *p = c->before, *q = c->now;

    for (size_t i = 0; i < q->nwindows; i++) {
        matches[i] = NO_WINDOW;
        for (uint32_t k = 0; k < p->nwindows && matches[i] == NO_WINDOW; k++)
            if (strcmp(p->windows[k].id, q->windows[i].id) == 0)
                matches[i] = k;
        if (matches[i] != NO_WINDOW)
            taken[matches[i]] = true;
    }
    for (size_t i = 0; i < q->nwindows; i++)
        for (uint32_t k = 0; k < p->nwindows && matches[i] == NO_WINDOW; k++)
            if (!taken[k] && same_pair(p, &p->windows[k], q, &q->windows[i])) {
                matches[i] = k;
                taken[k] = true;
            }
}

static void compare_time(struct comparison *c, const char *what,
                         enum more later, int64_t was, int64_t is)
{
    char a[64] = "", b[64] = "";
    struct words v = {a, sizeof a, 0}, w = {b, sizeof b, 0};

    if (was == is)
        return;
    say_time(&v, was);
    say_time(&w, is);
    change_tell(c,
                (is > was) == (later == MORE_IS_WIDER) ? CHANGE_WIDER
                                                       : CHANGE_NARROWER,
                "%s: %s (was %s)", what, b, a);
}

static uint32_t uses_of(const struct policy *p, const struct policy_window *w)
{
    uint32_t uses = 0;

    for (size_t i = 0; i < w->nterms; i++)
        uses |= p->terms[w->terms[i]].uses;
    return uses;
}

static void compare_agreement(struct comparison *c,
                              const struct policy_window *a,
                              const struct policy_window *b)
{
    compare_text(c, "agreement", a->agreement, b->agreement);
    if (a->agreement != NULL && b->agreement != NULL &&
        memcmp(a->agreement_sha256, b->agreement_sha256, 32) != 0)
        change_tell(c, CHANGE_OTHER, "agreement: another document");
}

static void compare_notify(struct comparison *c, const struct policy_window *a,
                           const struct policy_window *b)
{
    char was[200] = "", is[200] = "";
    struct words v = {was, sizeof was, 0}, w = {is, sizeof is, 0};

    say_durations(&v, a->notify, a->nnotify);
    say_durations(&w, b->notify, b->nnotify);
    compare_text(c, "notices before the end", was, is);
}

/* A window that opens at another time is another one in the ledger: the old
 * one is closed when the policy comes into force. */
static void compare_window(struct comparison *c, const struct policy_window *a,
                           const struct policy_window *b)
{
    compare_about(c, "window %s", b->id);
    compare_time(c, "opens", MORE_IS_NARROWER, a->opens, b->opens);
    compare_time(c, "closes", MORE_IS_WIDER, a->closes, b->closes);
    if (a->opens != b->opens)
        change_tell(c, CHANGE_NARROWER, "%s is closed, this one is another",
                    a->id);
    compare_routes(c, "uses", uses_of(c->before, a), uses_of(c->now, b));
    compare_agreement(c, a, b);
    compare_notify(c, a, b);
}

static void tell_new_window(struct comparison *c, const struct policy_window *w)
{
    char text[256] = "";
    struct words s = {text, sizeof text, 0};

    say(&s, "is new: from ");
    say_time(&s, w->opens);
    say(&s, " to ");
    say_time(&s, w->closes);
    compare_about(c, "window %s", w->id);
    change_tell(c, CHANGE_WIDER, "%s", text);
}

/* ---- terms, of windows that go on ---- */

/* The uses of a window that were under one terms and are under another. */
static uint32_t routes_between(const struct comparison *c,
                               const struct policy_window *a,
                               const struct policy_window *b,
                               const struct policy_terms *was,
                               const struct policy_terms *is)
{
    uint32_t routes = 0;

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if (policy_terms_for(c->before, a, (enum route)r) == was &&
            policy_terms_for(c->now, b, (enum route)r) == is)
            routes |= 1u << r;
    return routes;
}

/* Every pair of terms is told once, whatever windows are under it. */
static void compare_pair(struct comparison *c, const uint32_t *matches,
                         const struct policy_terms *was,
                         const struct policy_terms *is)
{
    uint32_t routes = 0;

    for (size_t i = 0; i < c->now->nwindows; i++)
        if (matches[i] != NO_WINDOW)
            routes |= routes_between(c, &c->before->windows[matches[i]],
                                     &c->now->windows[i], was, is);
    if (routes == 0)
        return;
    if (strcmp(was->name, is->name) == 0)
        compare_about(c, "terms %s", is->name);
    else
        compare_about(c, "terms %s for what was under %s", is->name, was->name);
    compare_terms(c, was, is, routes);
}

static void compare_windows(struct comparison *c, uint32_t *matches,
                            bool *taken)
{
    const struct policy *p = c->before, *q = c->now;

    windows_match(c, matches, taken);
    for (size_t i = 0; i < p->nwindows; i++)
        if (!taken[i]) {
            compare_about(c, "window %s", p->windows[i].id);
            change_tell(c, CHANGE_NARROWER, "is gone");
        }
    for (size_t i = 0; i < q->nwindows; i++)
        if (matches[i] == NO_WINDOW)
            tell_new_window(c, &q->windows[i]);
        else
            compare_window(c, &p->windows[matches[i]], &q->windows[i]);
    for (size_t i = 0; i < p->nterms; i++)
        for (size_t k = 0; k < q->nterms; k++)
            compare_pair(c, matches, &p->terms[i], &q->terms[k]);
}

/* ---- the whole ---- */

static void compare_findings(struct comparison *c)
{
    const struct policy *a = c->before, *b = c->now;

    compare_flag(c, "findings are taken", MORE_IS_WIDER, a->has_findings,
                 b->has_findings);
    if (!a->has_findings || !b->has_findings)
        return;
    compare_number(c, "bytes of a finding", MORE_IS_WIDER, a->findings_max,
                   b->findings_max);
    if (memcmp(a->findings_key, b->findings_key, 32) != 0)
        change_tell(c, CHANGE_OTHER, "findings are sealed to another key");
}

static void compare_escrow(struct comparison *c)
{
    const struct policy *a = c->before, *b = c->now;

    compare_flag(c, "transcripts are sealed to two officers, too",
                 MORE_IS_OTHER, a->has_escrow, b->has_escrow);
    if (a->has_escrow && b->has_escrow &&
        memcmp(a->escrow, b->escrow, sizeof(a->escrow)) != 0)
        change_tell(c, CHANGE_OTHER,
                    "transcripts are sealed to other officers");
}

static void compare_head(struct comparison *c)
{
    const struct policy *a = c->before, *b = c->now;

    compare_about(c, "the policy");
    compare_text(c, "basis", a->basis, b->basis);
    compare_text(c, "developer", a->developer, b->developer);
    if (a->sequence != b->sequence)
        change_tell(c,
                    b->sequence == SEQUENCE_CONCURRENT ? CHANGE_WIDER
                                                       : CHANGE_NARROWER,
                    "sequence: %s",
                    b->sequence == SEQUENCE_CONCURRENT
                        ? "concurrent (was government-first)"
                        : "government-first (was concurrent)");
    compare_findings(c);
    compare_escrow(c);
}

int policy_compare(const struct policy *before, const struct policy *now,
                   compare_tell *tell, void *arg)
{
    struct comparison c = {
        .before = before, .now = now, .tell = tell, .arg = arg};
    uint32_t *matches = calloc(now->nwindows + 1, sizeof *matches);
    bool *taken = calloc(before->nwindows + 1, sizeof *taken);
    int r;

    if (matches != NULL && taken != NULL) {
        compare_head(&c);
        compare_models(&c);
        compare_parties(&c);
        compare_windows(&c, matches, taken);
    }
    r = matches == NULL || taken == NULL ? SP_ENOMEM : 0;
    free(matches);
    free(taken);
    return r;
}
