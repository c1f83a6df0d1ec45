/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from the ledger: one function per kind of entry, each of which
 * refuses what contradicts the entries before it. Runs in the keeper, and in
 * auditors' tools on ledgers that are trusted with nothing.
 */
#include "policy/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "policy/standing_state.h"

struct standing *standing_new(void)
{
    struct standing *s = calloc(1, sizeof *s);

    if (s == NULL || (s->people = calloc(1, sizeof *s->people)) == NULL) {
        free(s);
        return NULL;
    }
    s->npeople = SLOT_NEWCOMER + 1;
    s->next_close = s->next_open = s->next_release = INT64_MAX;
    s->next_notice = INT64_MAX;
    s->next_forget = INT64_MAX;
    s->due_certificate = SLOT_NONE;
    return s;
}

void standing_free(struct standing *s)
{
    if (s == NULL)
        return;
    standing_unbind(s);
    for (size_t i = 0; i < s->nkeys; i++)
        free(s->keys[i]);
    free(s->keys);
    for (size_t i = 0; i < s->nwindows; i++)
        free(s->windows[i].id);
    free(s->windows);
    free(s->pairs);
    for (size_t i = 0; i < s->npeople; i++) {
        watch_free(s->people[i].watch);
        free(s->people[i].party);
        free(s->people[i].person);
    }
    free(s->people);
    standing_spend_free(s);
    standing_certificates_free(s);
    free(s->acceptances);
    table_release(&s->accepted);
    free(s->holds);
    free(s->models);
    free(s->requests);
    table_release(&s->names);
    free(s);
}

int standing_refuse(struct standing *s, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(s->error, sizeof s->error, format, list);
    va_end(list);
    return SP_EINVAL;
}

const char *standing_error(const struct standing *s)
{
    return s->error;
}

int standing_array_grow(void **array, size_t count, size_t size)
{
    void *more;

    if ((count & (count - 1)) != 0)
        return 0;
    more = reallocarray(*array, count == 0 ? 1 : count * 2, size);
    if (more == NULL)
        return SP_ENOMEM;
    *array = more;
    return 0;
}

/* "kind a NUL b": no name has a NUL in it. 0 if it is too long for any. */
static size_t slot_key(char key[KEY_MAX], char kind, const char *a,
                       const char *b)
{
    size_t m = strlen(a), n = strlen(b);

    if (m + n + 2 > KEY_MAX)
        return 0;
    key[0] = kind;
    memcpy(key + 1, a, m);
    key[1 + m] = 0;
    memcpy(key + 2 + m, b, n);
    return m + n + 2;
}

uint32_t standing_slot(const struct standing *s, char kind, const char *a,
                       const char *b)
{
    char key[KEY_MAX];
    size_t length = slot_key(key, kind, a, b);

    return length == 0 ? SLOT_NONE : table_get(&s->names, key, length);
}

static int slot_put(struct standing *s, char kind, const char *a, const char *b,
                    uint32_t slot)
{
    char key[KEY_MAX];
    size_t length = slot_key(key, kind, a, b);

    return length == 0 ? SP_EINVAL : table_put(&s->names, key, length, slot);
}

int standing_slot_pair(struct standing *s, const char *party, const char *model,
                       uint32_t *slot)
{
    void *array = s->pairs;
    int r;

    if ((*slot = standing_slot(s, 'x', party, model)) != SLOT_NONE)
        return 0;
    r = standing_array_grow(&array, s->npairs, sizeof *s->pairs);
    s->pairs = array;
    if (r != 0 ||
        (r = slot_put(s, 'x', party, model, (uint32_t)s->npairs)) != 0)
        return r;
    *slot = (uint32_t)s->npairs;
    s->pairs[s->npairs++] = 0;
    return 0;
}

int standing_slot_person(struct standing *s, const char *party,
                         const char *person, uint32_t *slot)
{
    void *array = s->people;
    int r;

    if ((*slot = standing_slot(s, 'p', party, person)) != SLOT_NONE)
        return 0;
    r = standing_array_grow(&array, s->npeople, sizeof *s->people);
    s->people = array;
    if (r != 0 ||
        (r = slot_put(s, 'p', party, person, (uint32_t)s->npeople)) != 0)
        return r;
    *slot = (uint32_t)s->npeople;
    s->people[s->npeople] =
        (struct person_state){.party = strdup(party), .person = strdup(person)};
    s->npeople++;
    if (s->people[*slot].party == NULL || s->people[*slot].person == NULL)
        return SP_ENOMEM;
    s->people[*slot].revoked = standing_revoked(s, party, NULL, NULL) ||
                               standing_revoked(s, party, person, NULL);
    standing_bind_person(s, party, person, *slot);
    return 0;
}

int standing_slot_word(struct standing *s, char kind, const char *word,
                       uint32_t *slot)
{
    int r;

    if ((*slot = standing_slot(s, kind, word, "")) != SLOT_NONE)
        return 0;
    if ((r = slot_put(s, kind, word, "", s->nwords)) != 0)
        return r;
    *slot = s->nwords++;
    return 0;
}

int standing_slot_hold(struct standing *s, const char *party,
                       const char *person, uint32_t *slot)
{
    void *array = s->holds;
    int r;

    if ((*slot = standing_slot(s, 'h', party, person)) != SLOT_NONE)
        return 0;
    r = standing_array_grow(&array, s->nholds, sizeof *s->holds);
    s->holds = array;
    if (r != 0 ||
        (r = slot_put(s, 'h', party, person, (uint32_t)s->nholds)) != 0)
        return r;
    *slot = (uint32_t)s->nholds;
    s->holds[s->nholds++] = (struct hold_state){NO_ENTRY, NO_ENTRY};
    return 0;
}

int standing_slot_model(struct standing *s, const char *model, uint32_t *slot)
{
    void *array = s->models;
    int r;

    if ((*slot = standing_slot(s, 'm', model, "")) != SLOT_NONE)
        return 0;
    r = standing_array_grow(&array, s->nmodels, sizeof *s->models);
    s->models = array;
    if (r != 0 || (r = slot_put(s, 'm', model, "", (uint32_t)s->nmodels)) != 0)
        return r;
    *slot = (uint32_t)s->nmodels;
    s->models[s->nmodels++] = (struct model_state){NO_ENTRY};
    return 0;
}

int standing_slot_party(struct standing *s, const char *party, uint32_t *slot)
{
    void *array = s->parties;
    int r;

    if ((*slot = standing_slot(s, 'o', party, "")) != SLOT_NONE)
        return 0;
    r = standing_array_grow(&array, s->nparties, sizeof *s->parties);
    s->parties = array;
    if (r != 0 || (r = slot_put(s, 'o', party, "", (uint32_t)s->nparties)) != 0)
        return r;
    *slot = (uint32_t)s->nparties;
    s->parties[s->nparties] = (struct party_state){.name = strdup(party)};
    return s->parties[s->nparties++].name == NULL ? SP_ENOMEM : 0;
}

int standing_key_add(struct standing *s, const char *vkey)
{
    void *array = s->keys;
    int r = standing_array_grow(&array, s->nkeys, sizeof *s->keys);

    s->keys = array;
    if (r != 0)
        return r;
    if ((s->keys[s->nkeys] = strdup(vkey)) == NULL)
        return SP_ENOMEM;
    s->nkeys++;
    return 0;
}

static int apply_log_opened(struct standing *s, const struct entry *e)
{
    const char *vkey = e->u.log_opened.vkey;

    if (e->n != 0)
        return standing_refuse(s, "log.opened again");
    if (vkey == NULL) /* not of a ledger: somebody asks what would be */
        vkey = "";
    if (strlen(vkey) >= KEY_MAX)
        return standing_refuse(s, "a key that is too long for any");
    return standing_key_add(s, vkey);
}

/* Each key replaces the one before. */
static int apply_log_rekeyed(struct standing *s, const struct entry *e)
{
    const struct entry_log_rekeyed *k = &e->u.log_rekeyed;

    if (strcmp(k->replaces, s->keys[s->nkeys - 1]) != 0)
        return standing_refuse(s, "a key is replaced that did not sign here");
    if (strlen(k->vkey) >= KEY_MAX)
        return standing_refuse(s, "a key that is too long for any");
    return standing_key_add(s, k->vkey);
}

const char *standing_key(const struct standing *s)
{
    return s->nkeys == 0 ? NULL : s->keys[s->nkeys - 1];
}

bool standing_key_was_replaced(const struct standing *s, const char *vkey)
{
    for (size_t i = 0; i + 1 < s->nkeys; i++)
        if (strcmp(s->keys[i], vkey) == 0)
            return true;
    return false;
}

/* A new set is approved by the one before it (P8). */
static int apply_approvers_set(struct standing *s, const struct entry *e)
{
    const struct entry_approvers_set *a = &e->u.approvers_set;
    bool who[LIMIT_APPROVERS];
    struct approvers set;
    unsigned have = 0;

    if (approvers_parse(a->approvers, a->required, a->valid_ms, &set) != 0)
        return standing_refuse(s, "approvers that are no set of approvers");
    if (s->approvers.count == 0 && a->by != NULL)
        return standing_refuse(s, "the first approvers were approved by some");
    if (s->approvers.count > 0) {
        if (a->by == NULL ||
            approvers_by_parse(&s->approvers, a->by, who, &have) != 0 ||
            have < s->approvers.required)
            return standing_refuse(s,
                                   "approvers replaced with %u of %u approvals",
                                   have, s->approvers.required);
        if (approvers_equal(&set, &s->approvers))
            return standing_refuse(s, "approvers replaced by themselves");
    }
    s->approvers = set;
    s->approvers_n = e->n;
    return 0;
}

/* A ledger that knows its approvers has no policy without them. */
static int approval_check(struct standing *s,
                          const struct entry_policy_loaded *l)
{
    bool who[LIMIT_APPROVERS];
    unsigned have = 0;
    int author = -1;

    if (s->approvers.count == 0)
        return 0;
    if (l->author != NULL &&
        (author = approvers_find(&s->approvers, l->author)) < 0)
        return standing_refuse(s, "the author of policy %u is no approver",
                               l->serial);
    if (l->approvers == NULL ||
        approvers_by_parse(&s->approvers, l->approvers, who, &have) != 0 ||
        have < s->approvers.required)
        return standing_refuse(s, "policy %u with %u of %u approvals",
                               l->serial, have, s->approvers.required);
    if (author >= 0 && who[author])
        return standing_refuse(s, "policy %u is approved by its author",
                               l->serial);
    return 0;
}

void standing_successor_fill(struct standing *s)
{
    int n = snprintf(s->successor, sizeof s->successor,
                     "its `replaces` is not the SHA-256 of the policy in "
                     "force: write `replaces: ");

    for (size_t i = 0; i < sizeof s->sha256; i++)
        n += snprintf(s->successor + n, sizeof s->successor - (size_t)n, "%02x",
                      s->sha256[i]);
    snprintf(s->successor + n, sizeof s->successor - (size_t)n, "`");
}

static int apply_policy_loaded(struct standing *s, const struct entry *e)
{
    const struct entry_policy_loaded *l = &e->u.policy_loaded;
    bool same = s->loaded && memcmp(s->sha256, l->sha256, 32) == 0;
    int r;

    if (s->loaded && !same) {
        if (l->serial <= s->serial)
            return standing_refuse(s, "policy serial %u after %u", l->serial,
                                   s->serial);
        if (!l->has_replaces && s->approvers.count > 0)
            return standing_refuse(s, "policy %u replaces none", l->serial);
        if (l->has_replaces && memcmp(l->replaces, s->sha256, 32) != 0)
            return standing_refuse(s,
                                   "policy %u replaces one that was not in "
                                   "force",
                                   l->serial);
    }
    if (same && l->serial != s->serial)
        return standing_refuse(s, "one policy with serials %u and %u",
                               s->serial, l->serial);
    if (!s->loaded && l->has_replaces)
        return standing_refuse(s, "the first policy replaces another one");
    if (!same && (r = approval_check(s, l)) != 0)
        return r;
    if (!same)
        s->loaded_n = e->n;
    s->loaded = true;
    s->serial = l->serial;
    memcpy(s->sha256, l->sha256, 32);
    standing_successor_fill(s);
    if (s->policy != NULL && !same)
        standing_unbind(s);
    return 0;
}

/* Whether a window's id says what its entry says. */
static bool id_is_right(const struct entry_window_opened *w)
{
    char opens[CLOCK_UTC_SIZE], id[KEY_MAX];

    clock_format_utc(w->opens, opens);
    return snprintf(id, sizeof id, "%s/%s/%.19sZ", w->party, w->model, opens) <
               (int)sizeof id &&
           strcmp(id, w->window) == 0;
}

/* "party/model/opens" */
static int window_party(struct standing *s, const char *id, uint32_t *party)
{
    char name[KEY_MAX];
    size_t length = strcspn(id, "/");

    if (length >= sizeof name)
        return SP_EINVAL;
    memcpy(name, id, length);
    name[length] = 0;
    return standing_slot_party(s, name, party);
}

int standing_window_add(struct standing *s, const char *id, uint32_t pair,
                        uint32_t model)
{
    void *array = s->windows;
    struct window_state *w;
    uint32_t party;
    int r = standing_array_grow(&array, s->nwindows, sizeof *s->windows);

    s->windows = array;
    if (r != 0 || (r = window_party(s, id, &party)) != 0 ||
        (r = slot_put(s, 'w', id, "", (uint32_t)s->nwindows)) != 0)
        return r;
    w = &s->windows[s->nwindows];
    *w = (struct window_state){
        .party = party, .pair = pair, .model = model, .bound = SLOT_NONE};
    if ((w->id = strdup(id)) == NULL)
        return SP_ENOMEM;
    s->nwindows++;
    return 0;
}

static int apply_window_opened(struct standing *s, const struct entry *e)
{
    const struct entry_window_opened *w = &e->u.window_opened;
    int64_t first;
    uint32_t pair, model;
    int r;

    if (!s->loaded)
        return standing_refuse(s, "window %.128s without a policy", w->window);
    if (!id_is_right(w))
        return standing_refuse(s, "window %.128s is not what it says",
                               w->window);
    if (standing_slot(s, 'w', w->window, "") != SLOT_NONE)
        return standing_refuse(s, "window %.128s opens again", w->window);
    if (w->opens > e->t || w->opens <= 0 || w->closes <= w->opens)
        return standing_refuse(s, "window %.128s opens at a wrong time",
                               w->window);
    if ((r = standing_slot_pair(s, w->party, w->model, &pair)) != 0 ||
        (r = standing_slot_model(s, w->model, &model)) != 0)
        return r;
    if (s->models[model].released != NO_ENTRY)
        return standing_refuse(s, "window %.128s opens after the release",
                               w->window);
    first = s->pairs[pair];
    if (first == 0 || w->opens < first)
        first = w->opens;
    if (w->closes - first > LIMIT_ACCESS_MS)
        return standing_refuse(s,
                               "window %.128s ends more than 30 days after "
                               "the first opening",
                               w->window);
    if ((r = standing_window_add(s, w->window, pair, model)) != 0)
        return r;
    s->pairs[pair] = first;
    return standing_bind_opened(s, (uint32_t)s->nwindows - 1);
}

/* Whether a window can end so: only an order has an operator, and only a
 * release ends what is released. */
static bool closing_is_right(const struct standing *s, uint32_t slot,
                             const struct entry_window_closed *w)
{
    bool released = s->models[s->windows[slot].model].released != NO_ENTRY;

    if (strcmp(w->cause, "order") == 0)
        return w->by.known;
    if (w->by.known)
        return false;
    if (strcmp(w->cause, "released") == 0)
        return released;
    return strcmp(w->cause, "expired") == 0 || strcmp(w->cause, "policy") == 0;
}

static int apply_window_closed(struct standing *s, const struct entry *e)
{
    const struct entry_window_closed *w = &e->u.window_closed;
    uint32_t slot = standing_slot(s, 'w', w->window, "");

    if (slot == SLOT_NONE || s->windows[slot].closed)
        return standing_refuse(s, "window %.128s closes but is not open",
                               w->window);
    if (!closing_is_right(s, slot, w))
        return standing_refuse(s, "window %.128s closes for no such cause",
                               w->window);
    s->windows[slot].closed = true;
    s->parties[s->windows[slot].party].ended = e->t;
    s->unsaid++;
    s->windows[slot].by_policy = strcmp(w->cause, "expired") != 0;
    standing_schedule(s);
    standing_certificates_schedule(s);
    return 0;
}

/* Keeps what is open, when most is not: each request moves once on average. */
static void requests_compact(struct standing *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->nrequests; i++)
        if (!s->requests[i].closed)
            s->requests[kept++] = s->requests[i];
    s->nrequests = kept;
}

int standing_request_add(struct standing *s, const struct open_request *q)
{
    if (s->nrequests == s->requests_room &&
        s->requests_open <= s->nrequests / 2)
        requests_compact(s);
    if (s->nrequests == s->requests_room) {
        size_t room = s->requests_room == 0 ? 64 : s->requests_room * 2;
        struct open_request *more =
            reallocarray(s->requests, room, sizeof *more);

        if (more == NULL)
            return SP_ENOMEM;
        s->requests = more;
        s->requests_room = room;
    }
    s->requests[s->nrequests++] = *q;
    s->requests_open++;
    return 0;
}

/* A request to a model: its window must be open, and within the 30 days. */
static int admission_check(struct standing *s, const struct entry *e,
                           uint32_t *window)
{
    const struct entry_request *q = &e->u.request;
    int64_t first;
    int r;

    if (q->party == NULL || q->person == NULL)
        return standing_refuse(s, "request %" PRIu64 " of nobody", e->n);
    if (!s->loaded || q->policy != s->serial)
        return standing_refuse(s, "request %" PRIu64 " under policy %u", e->n,
                               q->policy);
    if ((r = standing_check_held(s, q)) != 0)
        return r;
    if (standing_revocations_lost(s) ||
        standing_certificate_is_revoked(s, q->cert_sha256))
        return standing_refuse(s,
                               "request %" PRIu64 " with a certificate that "
                               "is revoked",
                               e->n);
    if (route_info(q->route)->local) {
        if (q->window != NULL || q->terms != NULL)
            return standing_refuse(s, "local request %" PRIu64 " in a window",
                                   e->n);
        return 0;
    }
    if (q->window == NULL || q->terms == NULL || q->route == ROUTE_UNKNOWN)
        return standing_refuse(s, "request %" PRIu64 " without a window", e->n);
    *window = standing_slot(s, 'w', q->window, "");
    if (*window == SLOT_NONE || s->windows[*window].closed)
        return standing_refuse(s, "request %" PRIu64 " in a closed window",
                               e->n);
    if (s->models[s->windows[*window].model].released != NO_ENTRY)
        return standing_refuse(s, "request %" PRIu64 " to a released model",
                               e->n);
    first = s->pairs[s->windows[*window].pair];
    if (e->t - first >= LIMIT_ACCESS_MS ||
        q->deadline - first > LIMIT_ACCESS_MS)
        return standing_refuse(s, "request %" PRIu64 " after the 30 days",
                               e->n);
    return 0;
}

int standing_watch_need(struct person_state *p)
{
    if (p->watch == NULL)
        p->watch = watch_new();
    return p->watch == NULL ? SP_ENOMEM : 0;
}

static int apply_request_admitted(struct standing *s, const struct entry *e)
{
    const struct entry_request *q = &e->u.request;
    struct open_request o = {.n = e->n, .window = SLOT_NONE, .route = q->route};
    struct person_state *p;
    int r;

    if ((r = admission_check(s, e, &o.window)) != 0 ||
        (r = standing_slot_person(s, q->party, q->person, &o.person)) != 0 ||
        (r = standing_watch_need(&s->people[o.person])) != 0 ||
        (r = standing_spend_admit(s, &o, e)) != 0)
        return r;
    p = &s->people[o.person];
    o.place = watch_admitted(p->watch, q->address, q->route, q->fields, e->t);
    if ((r = standing_request_add(s, &o)) != 0)
        return r;
    s->touched = o.person;
    if (o.window != SLOT_NONE) {
        s->windows[o.window].requests++;
        s->windows[o.window].open_requests++;
    }
    if (route_info(q->route)->own)
        standing_own_count(p, e->t);
    return 0;
}

/* Also after its end: only until it is summed up. */
static void window_count_refusal(struct standing *s, const char *window)
{
    uint32_t slot = standing_slot(s, 'w', window, "");

    if (slot != SLOT_NONE && s->windows[slot].statement == 0)
        s->windows[slot].refused++;
}

static int apply_request_refused(struct standing *s, const struct entry *e)
{
    const struct entry_request *q = &e->u.request;
    uint32_t person;
    int r;

    if (e->u.request.reason == REASON_NONE)
        return standing_refuse(s, "request %" PRIu64 " refused for nothing",
                               e->n);
    if (e->u.request.window != NULL)
        window_count_refusal(s, e->u.request.window);
    if (q->party == NULL || q->person == NULL)
        return 0;
    if ((r = standing_slot_person(s, q->party, q->person, &person)) != 0 ||
        (r = standing_watch_need(&s->people[person])) != 0)
        return r;
    s->touched = person;
    watch_refused(s->people[person].watch, e->t);
    return 0;
}

/* The index of the first request with a number ≥ n. */
static size_t request_at(const struct standing *s, uint64_t n)
{
    size_t low = 0, high = s->nrequests;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (s->requests[middle].n < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct open_request *standing_request_open(const struct standing *s,
                                                 uint64_t n)
{
    size_t i = request_at(s, n);

    return i == s->nrequests || s->requests[i].n != n || s->requests[i].closed
               ? NULL
               : &s->requests[i];
}

/* A worker's word may be any number: sums stay where they cannot grow. */
static void count_add(uint64_t *sum, uint64_t more)
{
    *sum = *sum > UINT64_MAX - more ? UINT64_MAX : *sum + more;
}

static void window_count_end(struct window_state *w,
                             const struct entry_request_closed *c)
{
    w->open_requests--;
    count_add(&w->input_tokens, c->input_tokens);
    count_add(&w->output_tokens, c->output_tokens);
    count_add(&w->content_bytes, c->content_bytes);
}

static int apply_request_closed(struct standing *s, const struct entry *e)
{
    uint64_t of = e->u.request_closed.of;
    size_t i = request_at(s, of);
    struct open_request *q;

    if (i == s->nrequests || s->requests[i].n != of || s->requests[i].closed)
        return standing_refuse(s, "request %" PRIu64 " ends but is not open",
                               of);
    q = &s->requests[i];
    q->closed = true;
    s->requests_open--;
    s->touched = q->person;
    standing_spend_settle(s, q, e);
    if (route_info(q->route)->own)
        s->people[q->person].own_open--;
    if (q->window != SLOT_NONE)
        window_count_end(&s->windows[q->window], &e->u.request_closed);
    return 0;
}

/* Changes nothing; what it says of the standing is an auditor's to check. */
static int apply_snapshot(struct standing *s, const struct entry *e)
{
    if (e->u.snapshot.size != e->n)
        return standing_refuse(s,
                               "a snapshot of %" PRIu64 " entries behind "
                               "%" PRIu64,
                               e->u.snapshot.size, e->n);
    return 0;
}

/* Kinds that change nothing that a decision depends on. */
static int apply_nothing(struct standing *s, const struct entry *e)
{
    (void)s;
    (void)e;
    return 0;
}

static int apply_revealed(struct standing *s, const struct entry *e)
{
    if (e->u.transcript_revealed.of >= e->n)
        return standing_refuse(
            s, "entry %" PRIu64 " reveals what is not yet said", e->n);
    return 0;
}

/* It changes nothing by itself; nobody but an operator can have ordered it. */
static int apply_ordered(struct standing *s, const struct entry *e)
{
    const struct entry_gateway_ordered *o = &e->u.gateway_ordered;
    bool drain = strcmp(o->order, "drain") == 0;

    if (!o->by.known || (!drain && strcmp(o->order, "reload") != 0) ||
        o->within_ms > (drain ? ENTRY_DRAIN_MAX_MS : 0))
        return standing_refuse(s, "entry %" PRIu64 " is no order of anybody",
                               e->n);
    return 0;
}

int standing_apply(struct standing *s, const struct entry *e)
{
    static int (*const applies[ENTRY_KIND_COUNT])(struct standing *,
                                                  const struct entry *) = {
        [ENTRY_LOG_OPENED] = apply_log_opened,
        [ENTRY_POLICY_LOADED] = apply_policy_loaded,
        [ENTRY_WINDOW_OPENED] = apply_window_opened,
        [ENTRY_WINDOW_CLOSED] = apply_window_closed,
        [ENTRY_REQUEST_ADMITTED] = apply_request_admitted,
        [ENTRY_REQUEST_REFUSED] = apply_request_refused,
        [ENTRY_REQUEST_CLOSED] = apply_request_closed,
        [ENTRY_CONNECTION_REFUSED] = apply_nothing,
        [ENTRY_CLOCK_ANOMALY] = apply_nothing,
        [ENTRY_WORKER_DIED] = apply_nothing,
        [ENTRY_LEDGER_RESUMED] = apply_nothing,
        [ENTRY_APPROVERS_SET] = apply_approvers_set,
        [ENTRY_NDA_ACCEPTED] = standing_apply_nda_accepted,
        [ENTRY_FINDING_FILED] = standing_apply_finding_filed,
        [ENTRY_HEARTBEAT] = apply_nothing,
        [ENTRY_PERSON_SUSPENDED] = standing_apply_suspended,
        [ENTRY_PERSON_RESUMED] = standing_apply_resumed,
        [ENTRY_PARTY_REVOKED] = standing_apply_revoked,
        [ENTRY_MODEL_RELEASED] = standing_apply_released,
        [ENTRY_TRIPWIRE_ALERTED] = standing_apply_alerted,
        [ENTRY_WITNESS_ALARM] = apply_nothing,
        [ENTRY_TRANSCRIPT_REVEALED] = apply_revealed,
        [ENTRY_SNAPSHOT] = apply_snapshot,
        [ENTRY_WINDOW_STATEMENT] = standing_apply_statement,
        [ENTRY_WINDOW_NOTICE] = standing_apply_notice,
        [ENTRY_LOG_REKEYED] = apply_log_rekeyed,
        [ENTRY_CERTIFICATE_ISSUED] = standing_apply_issued,
        [ENTRY_CERTIFICATE_REVOKED] = standing_apply_certificate_revoked,
        [ENTRY_CERTIFICATE_MATCHED] = standing_apply_matched,
        [ENTRY_CRL_LOADED] = standing_apply_crl_loaded,
        [ENTRY_GATEWAY_ORDERED] = apply_ordered,
    };
    int r;

    s->error[0] = 0;
    if (e->n != s->count)
        return standing_refuse(s, "entry %" PRIu64 " where %" PRIu64 " is next",
                               e->n, s->count);
    if (e->t < s->newest)
        return standing_refuse(s,
                               "entry %" PRIu64 " is older than the one "
                               "before it",
                               e->n);
    if ((unsigned)e->kind >= ENTRY_KIND_COUNT || applies[e->kind] == NULL)
        return standing_refuse(s, "entry %" PRIu64 " of no kind", e->n);
    if (e->n == 0 && e->kind != ENTRY_LOG_OPENED)
        return standing_refuse(s, "the first entry is not log.opened");
    r = applies[e->kind](s, e);
    if (r == SP_EINVAL && s->error[0] == 0)
        return standing_refuse(s, "entry %" PRIu64 ": a name is too long",
                               e->n);
    if (r != 0)
        return r;
    s->count++;
    s->newest = e->t;
    return 0;
}

const struct approvers *standing_approvers(const struct standing *s,
                                           uint64_t *n)
{
    *n = s->approvers_n;
    return s->approvers.count == 0 ? NULL : &s->approvers;
}

uint64_t standing_count(const struct standing *s)
{
    return s->count;
}

int64_t standing_newest(const struct standing *s)
{
    return s->newest;
}

size_t standing_open_requests(const struct standing *s)
{
    return s->requests_open;
}

uint64_t standing_next_open(const struct standing *s, uint64_t from)
{
    for (size_t i = request_at(s, from); i < s->nrequests; i++)
        if (!s->requests[i].closed)
            return s->requests[i].n;
    return UINT64_MAX;
}
