/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over everything that a standing holds, for both directions
 * (lib/pack.h). Slots of names that a bound policy has given out without any
 * entry are left out, and names whose slots it may have given out in another
 * order (models, terms, pairs) are sorted: the bytes follow from the entries
 * alone. What can be counted from the open requests is counted when reading.
 *
 * Runs in the keeper, and in auditors' tools. Bytes that are read are trusted
 * with nothing: every number is held to its range, every reference to what was
 * read before it, and in the end all of it is encoded again and compared.
 */
#include "policy/standing_snapshot.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/standing_state.h"

#define LAYOUT    5
#define MINUTE_MS 60000

/* Names that are sorted. */
enum kind { KIND_MODEL, KIND_TERMS, KIND_PAIR, KIND_HOLD, KINDS };
static const char letters[KINDS] = {'m', 't', 'x', 'h'};

struct name {
    const char *key; /* as in standing.names */
    size_t length;
    uint32_t slot;
    bool used;
};

/* Reading: the slots are the places in the list. */
struct roster {
    struct name *names; /* those that are used, sorted */
    uint32_t *rank;     /* of each slot among them */
    size_t slots, count;
};

struct walk {
    struct pack p;
    struct standing *s;
    struct roster rosters[KINDS];
    struct place_key *places; /* of each in s->spent */
    struct accepted_key *accepted;
    uint64_t request; /* reading: the open request before this one, plus one */
};

static bool is_well(const struct walk *w)
{
    return w->p.error == 0;
}

/* What a standing's function said about something that was read. */
static void keep(struct walk *w, int r)
{
    if (r != 0)
        pack_fail(&w->p, r == SP_ENOMEM ? r : SP_EINVAL);
}

/* ---- what the bytes mean ---- */

static void text_hash(crypto_hash_sha256_state *h, const char *text)
{
    crypto_hash_sha256_update(h, (const uint8_t *)text, strlen(text) + 1);
}

void standing_format(char text[STANDING_FORMAT_SIZE])
{
    crypto_hash_sha256_state h;
    uint8_t hash[32];
    char hex[17];

    crypto_hash_sha256_init(&h);
    for (int i = 0; i < ROUTE_COUNT; i++)
        text_hash(&h, route_info((enum route)i)->name);
    for (int i = 0; i < UNIT_COUNT; i++)
        text_hash(&h, unit_text((enum unit)i));
    for (uint16_t i = 0; i < field_count(); i++) {
        uint32_t routes = field_info(i)->routes;
        const uint8_t bytes[] = {(uint8_t)(routes >> 24),
                                 (uint8_t)(routes >> 16),
                                 (uint8_t)(routes >> 8), (uint8_t)routes};

        text_hash(&h, field_info(i)->path);
        crypto_hash_sha256_update(&h, bytes, sizeof bytes);
    }
    crypto_hash_sha256_final(&h, hash);
    sodium_bin2hex(hex, sizeof hex, hash, 8);
    snprintf(text, STANDING_FORMAT_SIZE, "%d-%s", LAYOUT, hex);
}

/* ---- names ---- */

static void name_take(void *arg, const void *key, size_t length, uint32_t slot)
{
    struct walk *w = arg;
    const char *letter = memchr(letters, *(const char *)key, KINDS);
    struct roster *r = letter == NULL ? NULL : &w->rosters[letter - letters];

    if (r != NULL && slot < r->slots)
        r->names[slot] =
            (struct name){.key = key, .length = length, .slot = slot};
}

static void place_take(void *arg, const void *key, size_t length, uint32_t i)
{
    memcpy(&((struct walk *)arg)->places[i], key, length);
}

static void accepted_take(void *arg, const void *key, size_t length, uint32_t i)
{
    memcpy(&((struct walk *)arg)->accepted[i], key, length);
}

static void use(struct walk *w, enum kind kind, uint32_t slot)
{
    if (slot < w->rosters[kind].slots)
        w->rosters[kind].names[slot].used = true;
}

/* Those that an entry has given something to. */
static void names_use(struct walk *w)
{
    const struct standing *s = w->s;

    for (uint32_t i = 0; i < s->npairs; i++)
        if (s->pairs[i] != 0)
            use(w, KIND_PAIR, i);
    for (uint32_t i = 0; i < s->nholds; i++)
        use(w, KIND_HOLD, i);
    for (uint32_t i = 0; i < s->nmodels; i++)
        if (s->models[i].released != NO_ENTRY)
            use(w, KIND_MODEL, i);
    for (size_t i = 0; i < s->nwindows; i++)
        use(w, KIND_MODEL, s->windows[i].model);
    for (size_t i = 0; i < s->nspent; i++)
        if (w->places[i].window != SLOT_NONE)
            use(w, KIND_TERMS, w->places[i].terms);
        else if (w->places[i].person == SLOT_NONE)
            use(w, KIND_MODEL, w->places[i].terms);
}

static int name_compare(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    size_t both = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->key, y->key, both);

    return order != 0 ? order
                      : (x->length > y->length) - (x->length < y->length);
}

static void roster_sort(struct roster *r)
{
    for (size_t i = 0; i < r->slots; i++)
        if (r->names[i].used && r->names[i].key != NULL)
            r->names[r->count++] = r->names[i];
    qsort(r->names, r->count, sizeof *r->names, name_compare);
    memset(r->rank, 0xff, (r->slots + 1) * sizeof *r->rank);
    for (size_t i = 0; i < r->count; i++)
        r->rank[r->names[i].slot] = (uint32_t)i;
}

static int rosters_make(struct walk *w)
{
    const struct standing *s = w->s;
    const size_t slots[KINDS] = {s->nmodels, s->nwords, s->npairs, s->nholds};

    w->places = calloc(s->nspent + 1, sizeof *w->places);
    w->accepted = calloc(s->nacceptances + 1, sizeof *w->accepted);
    if (w->places == NULL || w->accepted == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < KINDS; i++) {
        struct roster *r = &w->rosters[i];

        r->slots = slots[i];
        r->names = calloc(r->slots + 1, sizeof *r->names);
        r->rank = calloc(r->slots + 1, sizeof *r->rank);
        if (r->names == NULL || r->rank == NULL)
            return SP_ENOMEM;
    }
    table_each(&s->names, name_take, w);
    table_each(&s->places, place_take, w);
    table_each(&s->accepted, accepted_take, w);
    names_use(w);
    for (size_t i = 0; i < KINDS; i++)
        roster_sort(&w->rosters[i]);
    return 0;
}

static void walk_release(struct walk *w)
{
    for (size_t i = 0; i < KINDS; i++) {
        free(w->rosters[i].names);
        free(w->rosters[i].rank);
    }
    free(w->places);
    free(w->accepted);
}

static size_t roster_count(struct walk *w, enum kind kind)
{
    struct roster *r = &w->rosters[kind];

    return r->count = pack_count(&w->p, r->count);
}

static uint32_t roster_slot(const struct walk *w, enum kind kind, size_t i)
{
    return w->p.reading ? (uint32_t)i : w->rosters[kind].names[i].slot;
}

/* The one or two names of number `i`; nobody else of this kind has them. */
static void roster_name(struct walk *w, enum kind kind, size_t i,
                        char a[KEY_MAX], char b[KEY_MAX])
{
    bool two = kind == KIND_PAIR || kind == KIND_HOLD;

    b[0] = '\0';
    if (!w->p.reading) {
        const struct name *n = &w->rosters[kind].names[i];
        size_t first = strlen(n->key + 1), second = n->length - first - 2;

        memcpy(a, n->key + 1, first + 1);
        memcpy(b, n->key + 2 + first, second);
        b[second] = '\0';
    }
    pack_text(&w->p, a, KEY_MAX);
    if (two)
        pack_text(&w->p, b, KEY_MAX);
    if (w->p.reading && standing_slot(w->s, letters[kind], a, b) != SLOT_NONE)
        pack_fail(&w->p, SP_EINVAL);
}

/* ---- references ---- */

static void roster_ref(struct walk *w, enum kind kind, uint32_t *slot)
{
    const struct roster *r = &w->rosters[kind];
    uint32_t number = *slot;

    if (!w->p.reading)
        number = *slot < r->slots ? r->rank[*slot] : SLOT_NONE;
    pack_u32(&w->p, &number, UINT32_MAX);
    if (number >= r->count)
        pack_fail(&w->p, SP_EINVAL);
    if (w->p.reading)
        *slot = number;
}

static void slot_ref(struct walk *w, uint32_t *slot, size_t first, size_t count)
{
    pack_u32(&w->p, slot, UINT32_MAX);
    if (*slot < first || *slot >= count)
        pack_fail(&w->p, SP_EINVAL);
}

/* SLOT_NONE is 0. */
static void slot_ref_or_none(struct walk *w, uint32_t *slot, size_t count)
{
    uint64_t number = *slot == SLOT_NONE ? 0 : (uint64_t)*slot + 1;

    pack_number(&w->p, &number, count);
    if (w->p.reading)
        *slot = number == 0 ? SLOT_NONE : (uint32_t)(number - 1);
}

/* An entry before this one; NO_ENTRY is 0. */
static void entry_ref(struct walk *w, uint64_t *n)
{
    uint64_t number = *n == NO_ENTRY ? 0 : *n + 1;

    pack_number(&w->p, &number, w->s->count);
    if (w->p.reading)
        *n = number == 0 ? NO_ENTRY : number - 1;
}

/* ---- the parts, in the order of the bytes ---- */

static void head_walk(struct walk *w)
{
    char format[STANDING_FORMAT_SIZE], have[STANDING_FORMAT_SIZE];
    struct standing *s = w->s;

    standing_format(format);
    memcpy(have, format, sizeof have);
    pack_text(&w->p, have, sizeof have);
    if (strcmp(have, format) != 0)
        pack_fail(&w->p, SP_EINVAL);
    pack_number(&w->p, &s->count, UINT64_MAX - 1);
    pack_time(&w->p, &s->newest, INT64_MAX);
    pack_bool(&w->p, &s->loaded);
    pack_u32(&w->p, &s->serial, UINT32_MAX);
    pack_fixed(&w->p, s->sha256, sizeof s->sha256);
    pack_number(&w->p, &s->loaded_n, s->count);
    pack_bool(&w->p, &s->revocations_lost);
    pack_number(&w->p, &s->finding, s->count);
    pack_u32(&w->p, &s->finding_part, LIMIT_FINDING_PARTS);
    if (w->p.reading && s->loaded)
        standing_successor_fill(s);
}

/* There is one unless there is no entry, so that there is one to replace. */
static void keys_walk(struct walk *w)
{
    size_t n = pack_count(&w->p, w->s->nkeys);
    char vkey[KEY_MAX];

    if ((n == 0) != (w->s->count == 0))
        pack_fail(&w->p, SP_EINVAL);
    for (size_t i = 0; i < n && is_well(w); i++) {
        if (!w->p.reading)
            memcpy(vkey, w->s->keys[i], strlen(w->s->keys[i]) + 1);
        pack_text(&w->p, vkey, sizeof vkey);
        if (w->p.reading && is_well(w))
            keep(w, standing_key_add(w->s, vkey));
    }
}

static void approvers_walk(struct walk *w)
{
    struct approvers *a = &w->s->approvers;
    char text[APPROVERS_TEXT_MAX];
    uint32_t required = a->required;
    int64_t valid = a->valid_ms;

    approvers_format(a, text);
    pack_text(&w->p, text, sizeof text);
    if (text[0] == '\0')
        return;
    pack_u32(&w->p, &required, LIMIT_APPROVALS_REQUIRED);
    pack_time(&w->p, &valid, APPROVERS_VALID_MAX_MS);
    pack_number(&w->p, &w->s->approvers_n, w->s->count);
    if (w->p.reading)
        keep(w, approvers_parse(text, required, valid, a));
}

static void model_walk(struct walk *w, size_t i)
{
    char name[KEY_MAX], none[KEY_MAX];
    uint32_t slot = roster_slot(w, KIND_MODEL, i);

    roster_name(w, KIND_MODEL, i, name, none);
    if (w->p.reading && is_well(w))
        keep(w, standing_slot_model(w->s, name, &slot));
    if (is_well(w))
        entry_ref(w, &w->s->models[slot].released);
}

static void terms_walk(struct walk *w, size_t i)
{
    char name[KEY_MAX], none[KEY_MAX];
    uint32_t slot;

    roster_name(w, KIND_TERMS, i, name, none);
    if (w->p.reading && is_well(w))
        keep(w, standing_slot_word(w->s, letters[KIND_TERMS], name, &slot));
}

static void pair_walk(struct walk *w, size_t i)
{
    char party[KEY_MAX], model[KEY_MAX];
    uint32_t slot = roster_slot(w, KIND_PAIR, i);

    roster_name(w, KIND_PAIR, i, party, model);
    if (w->p.reading && is_well(w))
        keep(w, standing_slot_pair(w->s, party, model, &slot));
    if (!is_well(w))
        return;
    pack_time(&w->p, &w->s->pairs[slot], w->s->newest);
    if (w->s->pairs[slot] == 0)
        pack_fail(&w->p, SP_EINVAL);
}

static void hold_walk(struct walk *w, size_t i)
{
    char party[KEY_MAX], person[KEY_MAX];
    uint32_t slot = roster_slot(w, KIND_HOLD, i);
    struct hold_state *h;

    roster_name(w, KIND_HOLD, i, party, person);
    if (w->p.reading && is_well(w))
        keep(w, standing_slot_hold(w->s, party, person, &slot));
    if (!is_well(w))
        return;
    h = &w->s->holds[slot];
    entry_ref(w, &h->suspended);
    entry_ref(w, &h->revoked);
    if (w->p.reading && (h->suspended != NO_ENTRY || h->revoked != NO_ENTRY))
        w->s->held++;
}

static void party_walk(struct walk *w, size_t i)
{
    char name[KEY_MAX];
    uint32_t slot;

    if (!w->p.reading)
        memcpy(name, w->s->parties[i].name, strlen(w->s->parties[i].name) + 1);
    pack_text(&w->p, name, sizeof name);
    if (w->p.reading && standing_slot(w->s, 'o', name, "") != SLOT_NONE)
        pack_fail(&w->p, SP_EINVAL);
    if (w->p.reading && is_well(w))
        keep(w, standing_slot_party(w->s, name, &slot));
    if (is_well(w))
        pack_time(&w->p, &w->s->parties[i].ended, w->s->newest);
}

static void window_walk(struct walk *w, size_t i)
{
    struct window_state new = {0}, *state;
    struct window_state *v = w->p.reading ? &new : &w->s->windows[i];
    char id[KEY_MAX];

    if (!w->p.reading)
        memcpy(id, v->id, strlen(v->id) + 1);
    pack_text(&w->p, id, sizeof id);
    roster_ref(w, KIND_PAIR, &v->pair);
    roster_ref(w, KIND_MODEL, &v->model);
    pack_bool(&w->p, &v->closed);
    pack_bool(&w->p, &v->by_policy);
    pack_number(&w->p, &v->requests, UINT64_MAX);
    pack_number(&w->p, &v->refused, UINT64_MAX);
    pack_number(&w->p, &v->input_tokens, UINT64_MAX);
    pack_number(&w->p, &v->output_tokens, UINT64_MAX);
    pack_number(&w->p, &v->content_bytes, UINT64_MAX);
    pack_number(&w->p, &v->statement, w->s->count);
    pack_time(&w->p, &v->noticed_end, INT64_MAX);
    pack_time(&w->p, &v->noticed, LIMIT_ACCESS_MS);
    if (!w->p.reading || !is_well(w))
        return;
    if (standing_slot(w->s, 'w', id, "") != SLOT_NONE)
        pack_fail(&w->p, SP_EINVAL);
    else
        keep(w, standing_window_add(w->s, id, new.pair, new.model));
    if (!is_well(w))
        return;
    state = &w->s->windows[i];
    state->closed = new.closed;
    state->by_policy = new.by_policy;
    state->requests = new.requests;
    state->refused = new.refused;
    state->input_tokens = new.input_tokens;
    state->output_tokens = new.output_tokens;
    state->content_bytes = new.content_bytes;
    state->statement = new.statement;
    state->noticed_end = new.noticed_end;
    state->noticed = new.noticed;
    w->s->unsaid += new.closed &&new.statement == 0;
}

static void person_add(struct walk *w, const char *party, const char *person)
{
    uint32_t slot;

    if (standing_slot(w->s, 'p', party, person) != SLOT_NONE)
        pack_fail(&w->p, SP_EINVAL);
    else
        keep(w, standing_slot_person(w->s, party, person, &slot));
}

static void person_walk(struct walk *w, size_t i)
{
    char party[KEY_MAX], person[KEY_MAX];
    int64_t newest = w->s->newest;
    struct person_state *p;
    bool watched;

    if (!w->p.reading) {
        memcpy(party, w->s->people[i].party, strlen(w->s->people[i].party) + 1);
        memcpy(person, w->s->people[i].person,
               strlen(w->s->people[i].person) + 1);
    }
    pack_text(&w->p, party, sizeof party);
    pack_text(&w->p, person, sizeof person);
    if (w->p.reading && is_well(w))
        person_add(w, party, person);
    if (!is_well(w))
        return;
    p = &w->s->people[i];
    pack_time(&w->p, &p->own_minute, newest / MINUTE_MS);
    pack_u32(&w->p, &p->own_admitted, UINT32_MAX);
    watched = p->watch != NULL;
    pack_bool(&w->p, &watched);
    if (watched && is_well(w))
        keep(w, standing_watch_need(p));
    if (watched && is_well(w))
        watch_pack(p->watch, &w->p, newest);
}

/* What only those have that were issued here. */
static void issued_walk(struct walk *w, struct certificate_state *c)
{
    pack_text(&w->p, c->serial, sizeof c->serial);
    slot_ref(w, &c->person, SLOT_NEWCOMER + 1, w->s->npeople);
    slot_ref(w, &c->party, 0, w->s->nparties);
    pack_time(&w->p, &c->issued, w->s->newest);
    pack_number(&w->p, &c->recorded, w->s->count);
    if (is_well(w) && (strcmp(w->s->parties[c->party].name,
                              w->s->people[c->person].party) != 0 ||
                       !certificate_serial_is_good(c->serial)))
        pack_fail(&w->p, SP_EINVAL);
}

static void certificate_walk(struct walk *w, size_t i)
{
    struct certificate_state c = {.person = SLOT_NONE};
    bool issued;

    if (!w->p.reading)
        c = w->s->certificates[i];
    issued = c.person != SLOT_NONE;
    pack_fixed(&w->p, c.sha256, sizeof c.sha256);
    pack_time(&w->p, &c.not_after, INT64_MAX);
    entry_ref(w, &c.revoked);
    pack_bool(&w->p, &issued);
    pack_bool(&w->p, &c.ended);
    if (c.ended && (!issued || c.revoked == NO_ENTRY))
        pack_fail(&w->p, SP_EINVAL);
    if (issued)
        issued_walk(w, &c);
    else if (c.revoked == NO_ENTRY)
        pack_fail(&w->p, SP_EINVAL);
    if (!w->p.reading || !is_well(w))
        return;
    if (table_get(&w->s->certificate_slots, c.sha256, 32) != TABLE_NONE)
        pack_fail(&w->p, SP_EINVAL);
    else
        keep(w, standing_certificate_add(w->s, &c));
}

static enum spent_scope place_scope(const struct place_key *key)
{
    if (key->window != SLOT_NONE)
        return key->person == SLOT_NONE ? SCOPE_WINDOW : SCOPE_WINDOW_PERSON;
    return key->person == SLOT_NONE ? SCOPE_MODEL : SCOPE_PERSON;
}

static enum spent_scope place_key_walk(struct walk *w, struct place_key *key)
{
    uint32_t scope = place_scope(key);

    pack_u32(&w->p, &scope, SCOPE_COUNT - 1);
    if (w->p.reading)
        *key = (struct place_key){SLOT_NONE, SLOT_NONE, SLOT_NONE};
    if (scope == SCOPE_WINDOW || scope == SCOPE_WINDOW_PERSON) {
        slot_ref(w, &key->window, 0, w->s->nwindows);
        roster_ref(w, KIND_TERMS, &key->terms);
    }
    if (scope == SCOPE_MODEL)
        roster_ref(w, KIND_MODEL, &key->terms);
    if (scope == SCOPE_PERSON || scope == SCOPE_WINDOW_PERSON)
        slot_ref(w, &key->person, SLOT_NEWCOMER + 1, w->s->npeople);
    return (enum spent_scope)scope;
}

static void place_walk(struct walk *w, size_t i)
{
    struct place_key new = {SLOT_NONE, SLOT_NONE, SLOT_NONE};
    struct place_key *key = w->p.reading ? &new : &w->places[i];
    enum spent_scope scope = place_key_walk(w, key);
    uint32_t place;

    if (w->p.reading && is_well(w)) {
        if (table_get(&w->s->places, &new, sizeof new) != TABLE_NONE)
            pack_fail(&w->p, SP_EINVAL);
        else
            keep(w, standing_place_need(w->s, new, scope != SCOPE_WINDOW_PERSON,
                                        &place));
    }
    if (is_well(w))
        spent_pack(&w->s->spent[i], &w->p, w->s->newest);
}

static int acceptance_add(struct standing *s, const struct accepted_key *key,
                          const struct standing_acceptance *a)
{
    void *array = s->acceptances;
    int r =
        table_get(&s->accepted, key, sizeof *key) == TABLE_NONE ? 0 : SP_EINVAL;

    if (r != 0)
        return r;
    r = standing_array_grow(&array, s->nacceptances, sizeof *s->acceptances);
    s->acceptances = array;
    if (r != 0 || (r = table_put(&s->accepted, key, sizeof *key,
                                 (uint32_t)s->nacceptances)) != 0)
        return r;
    s->acceptances[s->nacceptances++] = *a;
    return 0;
}

static void acceptance_walk(struct walk *w, size_t i)
{
    struct standing_acceptance a = {0};
    struct accepted_key key = {0};

    if (!w->p.reading) {
        a = w->s->acceptances[i];
        key = w->accepted[i];
    }
    slot_ref(w, &key.person, SLOT_NEWCOMER + 1, w->s->npeople);
    pack_fixed(&w->p, key.sha256, sizeof key.sha256);
    pack_number(&w->p, &a.n, w->s->count);
    pack_time(&w->p, &a.t, w->s->newest);
    if (w->p.reading && is_well(w))
        keep(w, acceptance_add(w->s, &key, &a));
}

/* Counted from it: what is open of its person and window. */
static void request_add(struct walk *w, const struct open_request *q)
{
    struct person_state *p = &w->s->people[q->person];

    if (p->watch == NULL || q->n < w->request || q->n >= w->s->count) {
        pack_fail(&w->p, SP_EINVAL);
        return;
    }
    w->request = q->n + 1;
    keep(w, standing_request_add(w->s, q));
    p->own_open += route_info(q->route)->own;
    if (q->window != SLOT_NONE)
        w->s->windows[q->window].open_requests++;
}

static void request_walk(struct walk *w, const struct open_request *from)
{
    struct open_request q = {0};
    uint32_t route, place;

    if (from != NULL)
        q = *from;
    route = q.route;
    place = q.place;
    pack_number(&w->p, &q.n, w->s->count);
    slot_ref(w, &q.person, SLOT_NEWCOMER + 1, w->s->npeople);
    slot_ref_or_none(w, &q.window, w->s->nwindows);
    pack_u32(&w->p, &route, ROUTE_COUNT - 1);
    pack_u32(&w->p, &place, WATCH_ADDRESSES);
    pack_sparse(&w->p, q.reserve.units, UNIT_COUNT);
    for (int i = 0; i < SCOPE_COUNT; i++)
        slot_ref_or_none(w, &q.spent[i], w->s->nspent);
    q.route = (enum route)route;
    q.place = (uint8_t)place;
    if (w->p.reading && is_well(w))
        request_add(w, &q);
}

static void requests_walk(struct walk *w)
{
    const struct standing *s = w->s;
    size_t n = pack_count(&w->p, s->requests_open);

    for (size_t i = 0; w->p.reading && i < n && is_well(w); i++)
        request_walk(w, NULL);
    for (size_t i = 0; !w->p.reading && i < s->nrequests && is_well(w); i++)
        if (!s->requests[i].closed)
            request_walk(w, &s->requests[i]);
}

static void list_walk(struct walk *w, size_t first, size_t count,
                      void (*each)(struct walk *, size_t))
{
    size_t n = pack_count(&w->p, count);

    for (size_t i = 0; i < n && is_well(w); i++)
        each(w, first + i);
}

static void roster_walk(struct walk *w, enum kind kind,
                        void (*each)(struct walk *, size_t))
{
    size_t n = roster_count(w, kind);

    for (size_t i = 0; i < n && is_well(w); i++)
        each(w, i);
}

/* Each part refers to those before it. */
static void standing_walk(struct walk *w)
{
    struct standing *s = w->s;

    head_walk(w);
    keys_walk(w);
    approvers_walk(w);
    roster_walk(w, KIND_MODEL, model_walk);
    roster_walk(w, KIND_TERMS, terms_walk);
    roster_walk(w, KIND_PAIR, pair_walk);
    roster_walk(w, KIND_HOLD, hold_walk);
    list_walk(w, 0, s->nparties, party_walk);
    list_walk(w, 0, s->nwindows, window_walk);
    list_walk(w, SLOT_NEWCOMER + 1, s->npeople - SLOT_NEWCOMER - 1,
              person_walk);
    list_walk(w, 0, s->ncertificates, certificate_walk);
    list_walk(w, 0, s->nspent, place_walk);
    list_walk(w, 0, s->nacceptances, acceptance_walk);
    requests_walk(w);
    slot_ref(w, &s->touched, SLOT_NEWCOMER, s->npeople);
}

/* ---- both directions ---- */

int standing_encode(const struct standing *s, uint8_t **data, size_t *length)
{
    /* Nothing is changed while writing. */
    struct walk w = {.s = (struct standing *)(uintptr_t)s};
    int r = rosters_make(&w);

    *data = NULL;
    pack_write(&w.p, STANDING_BYTES_MAX);
    if (r == 0) {
        standing_walk(&w);
        r = pack_end(&w.p);
    }
    walk_release(&w);
    if (r != 0) {
        free(w.p.data);
        return r;
    }
    *data = w.p.data;
    *length = w.p.at;
    return 0;
}

static int is_own_spelling(const struct standing *s, const uint8_t *data,
                           size_t length)
{
    uint8_t *again;
    size_t n;
    int r = standing_encode(s, &again, &n);

    if (r == 0 && (n != length || memcmp(again, data, n) != 0))
        r = SP_EINVAL;
    free(again);
    return r == 0 || r == SP_ENOMEM ? r : SP_EINVAL;
}

int standing_decode(const uint8_t *data, size_t length, struct standing **s)
{
    struct walk w = {.s = standing_new()};
    int r;

    *s = NULL;
    if (w.s == NULL)
        return SP_ENOMEM;
    pack_read(&w.p, data, length);
    standing_walk(&w);
    r = pack_end(&w.p);
    if (r == 0)
        r = is_own_spelling(w.s, data, length);
    if (r != 0)
        standing_free(w.s);
    else
        *s = w.s;
    return r;
}

int standing_digest(const struct standing *s, uint8_t sha256[32])
{
    uint8_t *data;
    size_t length;
    int r = standing_encode(s, &data, &length);

    if (r == 0)
        crypto_hash_sha256(sha256, data, length);
    free(data);
    return r;
}
