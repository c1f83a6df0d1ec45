/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a checked YAML tree to a policy, element by element; what concerns
 * several elements is in policy_check.c. Every problem is reported and the
 * rest is still looked at. Runs in the supervisor for an operator's file, and
 * in every role again on the same bytes.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "policy/endpoint.h"
#include "policy/policy_build.h"
#include "policy/schemas.h"

static bool is_good(const struct node *n)
{
    return n != NULL && !n->bad;
}

/* A copy of a member's text; NULL if it is not there. */
static char *take_text(struct policy_build *b, const struct node *n,
                       const char *key)
{
    const struct node *m = node_member(n, key);
    char *text;

    if (!is_good(m) || m->kind != NODE_SCALAR)
        return NULL;
    text = strdup(m->text);
    if (text == NULL)
        b->no_memory = true;
    return text;
}

static int64_t take_number(const struct node *n, const char *key,
                           int64_t otherwise)
{
    const struct node *m = node_member(n, key);

    return is_good(m) && m->kind == NODE_SCALAR ? m->number : otherwise;
}

static void *take_array(struct policy_build *b, size_t count, size_t size)
{
    void *array = calloc(count == 0 ? 1 : count, size);

    if (array == NULL)
        b->no_memory = true;
    return array;
}

static size_t members(const struct node *n)
{
    return is_good(n) && n->kind != NODE_SCALAR ? n->count : 0;
}

/* A file that the policy names must be there. */
static void file_check(struct policy_build *b, const struct node *n,
                       const char *key)
{
    const struct node *m = node_member(n, key);
    const uint8_t *data;
    size_t length;
    int r;

    if (b->file == NULL || !is_good(m) || m->kind != NODE_SCALAR)
        return;
    r = b->file(b->file_arg, m->text, &data, &length);
    if (r == SP_ENOMEM)
        b->no_memory = true;
    else if (r != 0)
        document_error(b->d, b->report, m,
                       "file \"%.256s\": %s: expected a PEM file", m->text,
                       sp_strerror(r));
}

static void model_endpoints(struct policy_build *b, struct policy_model *m,
                            const struct node *upstream)
{
    const struct node *list = node_member(upstream, "endpoints"), *tls = NULL;
    size_t n = members(list);

    m->endpoints = take_array(b, n, sizeof *m->endpoints);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        const struct node *item = list->items[i];
        const char *expected;
        int r;

        m->nendpoints = i + 1;
        if (!is_good(item))
            continue;
        r = endpoint_parse(item->text, &m->endpoints[i], &expected);
        if (r == SP_ENOMEM)
            b->no_memory = true;
        else if (r != 0)
            document_error(b->d, b->report, item,
                           "bad endpoint \"%.128s\": expected %s", item->text,
                           expected);
        if (m->endpoints[i].scheme == ENDPOINT_HTTPS)
            tls = item;
    }
    if (tls != NULL && node_member(upstream, "ca") == NULL)
        document_error(b->d, b->report, tls,
                       "endpoint \"%.128s\" without \"ca\": expected the file "
                       "of its authority beside it",
                       tls->text);
}

static uint32_t api_routes(const char *api)
{
    uint32_t routes = 0;

    for (unsigned r = 0; r < ROUTE_COUNT; r++) {
        const char *name = route_info((enum route)r)->api;

        if (name != NULL && strcmp(name, api) == 0)
            routes |= 1u << r;
    }
    return routes;
}

static void model_build(struct policy_build *b, struct policy_model *m,
                        const struct node *n)
{
    const struct node *upstream = node_member(n, "upstream");
    const struct node *apis = node_member(n, "apis");

    m->name = strdup(n->key);
    m->upstream_name = take_text(b, upstream, "model");
    if (m->upstream_name == NULL)
        m->upstream_name = strdup(n->key);
    if (m->name == NULL || m->upstream_name == NULL)
        b->no_memory = true;
    m->ca = take_text(b, upstream, "ca");
    m->credential = take_text(b, upstream, "credential");
    m->build = take_text(b, n, "build");
    m->release = take_number(n, "release", INT64_MAX);
    for (size_t i = 0; i < members(apis); i++)
        if (is_good(apis->items[i]))
            m->apis |= api_routes(apis->items[i]->text);
    model_endpoints(b, m, upstream);
    file_check(b, upstream, "ca");
}

static void models_build(struct policy_build *b)
{
    size_t n = members(b->models);

    b->p->models = take_array(b, n, sizeof *b->p->models);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        b->p->nmodels = i + 1;
        model_build(b, &b->p->models[i], b->models->items[i]);
    }
}

/* Exactly one way to recognise a person. */
static void person_match(struct policy_build *b, struct policy_person *person,
                         const struct node *n)
{
    const struct node *hash = node_member(n, "spki_sha256");
    int ways = (node_member(n, "issuer_subject") != NULL) + (hash != NULL) +
               (node_member(n, "san_uri") != NULL);

    if (!is_good(n) || n->kind != NODE_MAP)
        return;
    if (ways != 1)
        document_error_key(b->d, b->report, n,
                           "person \"%s\" has %s: expected one of "
                           "issuer_subject, spki_sha256, san_uri",
                           n->key,
                           ways == 0 ? "no match" : "more than one match");
    person->issuer_subject = take_text(b, n, "issuer_subject");
    person->san_uri = take_text(b, n, "san_uri");
    if (is_good(hash) && (person->spki_sha256 = malloc(32)) != NULL)
        memcpy(person->spki_sha256, hash->hash, 32);
    else if (is_good(hash))
        b->no_memory = true;
}

static void people_build(struct policy_build *b, uint32_t party,
                         const struct node *people)
{
    for (size_t i = 0; i < members(people) && !b->no_memory; i++) {
        const struct node *n = people->items[i];
        struct policy_person *person = &b->p->people[b->p->npeople];

        b->people[b->p->npeople++] = n;
        person->party = party;
        if ((person->name = strdup(n->key)) == NULL)
            b->no_memory = true;
        person->kind = (enum person_kind)take_number(n, "kind", PERSON_HUMAN);
        person->custodian = take_text(b, n, "custodian");
        person_match(b, person, n);
    }
}

static void party_build(struct policy_build *b, struct policy_party *party,
                        const struct node *n)
{
    party->name = strdup(n->key);
    if (party->name == NULL)
        b->no_memory = true;
    party->kind = (enum party_kind)take_number(n, "kind", PARTY_AUDITOR);
    party->anchors = take_text(b, n, "anchors");
    party->intermediates = take_text(b, n, "intermediates");
    if (party->anchors != NULL && strcmp(party->anchors, "ca") != 0)
        file_check(b, n, "anchors");
    file_check(b, n, "intermediates");
}

static void parties_build(struct policy_build *b)
{
    size_t n = members(b->parties), people = 0;

    for (size_t i = 0; i < n; i++)
        people += members(node_member(b->parties->items[i], "people"));
    if (people > LIMIT_POLICY_PEOPLE)
        document_error_key(b->d, b->report, b->parties,
                           "%zu people: expected at most %d", people,
                           LIMIT_POLICY_PEOPLE);
    b->p->parties = take_array(b, n, sizeof *b->p->parties);
    b->p->people = take_array(b, people, sizeof *b->p->people);
    b->people = take_array(b, people, sizeof *b->people);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        const struct node *party = b->parties->items[i];

        b->p->nparties = i + 1;
        party_build(b, &b->p->parties[i], party);
        people_build(b, (uint32_t)i, node_member(party, "people"));
    }
}

static uint32_t uses_read(const struct node *uses)
{
    uint32_t routes = 0;

    for (size_t i = 0; i < members(uses); i++) {
        const struct node *n = uses->items[i];

        if (is_good(n))
            routes |= 1u << route_from_name(n->text, strlen(n->text));
    }
    if (routes & 1u << ROUTE_MODELS)
        routes |= 1u << ROUTE_MODEL;
    return routes;
}

/* The node of "budget.<group>.<key>" of these terms if written there, else of
 * the terms that they extend, else its default or NULL. */
static int64_t budget_number(const struct node *n, const struct node *base,
                             const char *group, const char *key)
{
    const struct node *own, *other;

    own = node_member(node_member(node_member(n, "budget"), group), key);
    other = node_member(node_member(node_member(base, "budget"), group), key);
    if (other != NULL && (own == NULL || own->implied))
        own = other;
    return is_good(own) ? own->number : -1;
}

static void terms_build_one(struct policy_build *b, struct policy_terms *t,
                            const struct node *n)
{
    const struct node *extends = node_member(n, "extends"), *base = NULL;

    if ((t->name = strdup(n->key)) == NULL)
        b->no_memory = true;
    if (is_good(extends)) {
        base = node_member(b->terms, extends->text);
        if (base == NULL)
            document_error(b->d, b->report, extends,
                           "no terms \"%s\": expected terms of this policy",
                           extends->text);
        else if (node_member(base, "extends") != NULL)
            document_error(b->d, b->report, extends,
                           "terms \"%s\" extend others themselves: expected "
                           "one level",
                           extends->text);
    }
    t->uses = uses_read(node_member(n, "uses"));
    if (node_member(n, "uses") == NULL)
        t->uses = uses_read(node_member(base, "uses"));
    if (t->uses == 0)
        t->uses = 1u << ROUTE_CHAT_COMPLETIONS;
    t->request_bytes = budget_number(n, base, "request", "bytes");
    t->request_ms = budget_number(n, base, "request", "seconds");
    t->window_requests = budget_number(n, base, "window", "requests");
    t->person_requests = budget_number(n, base, "person", "requests");
    t->person_concurrent = budget_number(n, base, "person", "concurrent");
    t->person_requests_per_minute =
        budget_number(n, base, "person", "requests_per_minute");
}

static void terms_build(struct policy_build *b)
{
    size_t n = members(b->terms);

    b->p->terms = take_array(b, n, sizeof *b->p->terms);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        b->p->nterms = i + 1;
        terms_build_one(b, &b->p->terms[i], b->terms->items[i]);
    }
}

/* The index of a name among a map's members; if it is none of them, says so
 * with the nearest. -1. */
static int reference_find(struct policy_build *b, const struct node *name,
                          const struct node *map, const char *what)
{
    struct nearest nearest = {0};

    if (!is_good(name) || name->kind != NODE_SCALAR)
        return -1;
    nearest.word = name->text;
    for (size_t i = 0; i < members(map); i++) {
        if (strcmp(map->items[i]->key, name->text) == 0)
            return (int)i;
        nearest_try(&nearest, map->items[i]->key);
    }
    if (nearest.best != NULL)
        document_error(b->d, b->report, name,
                       "no %s \"%s\": did you mean \"%s\"?", what, name->text,
                       nearest.best);
    else
        document_error(b->d, b->report, name,
                       "no %s \"%s\": expected one that this policy defines",
                       what, name->text);
    return -1;
}

/* The end of a window as it is written; 0 after an error. */
static int64_t window_end(struct policy_build *b, const struct node *n,
                          int64_t opens)
{
    const struct node *lasts = node_member(n, "lasts");
    const struct node *closes = node_member(n, "closes");

    if ((lasts == NULL) == (closes == NULL)) {
        document_error(b->d, b->report, n,
                       "the window has %s: expected exactly one of them",
                       lasts == NULL ? "neither \"lasts\" nor \"closes\""
                                     : "both \"lasts\" and \"closes\"");
        return 0;
    }
    if (opens == 0 || !is_good(lasts != NULL ? lasts : closes))
        return 0;
    if (lasts != NULL)
        return opens + lasts->number;
    if (closes->number <= opens) {
        document_error(b->d, b->report, closes,
                       "the window closes at or before it opens: expected a "
                       "time after \"opens\"");
        return 0;
    }
    if (closes->number - opens > LIMIT_ACCESS_MS) {
        document_error(b->d, b->report, closes,
                       "the window is longer than 30 days: expected a time at "
                       "most 30d after \"opens\"");
        return 0;
    }
    return closes->number;
}

static void window_times(struct policy_build *b, struct policy_window *w,
                         const struct node *n, const struct policy_model *m)
{
    const struct node *opens = node_member(n, "opens");

    w->opens = take_number(n, "opens", 0);
    if (w->opens % 1000 != 0) {
        document_error(b->d, b->report, opens,
                       "\"opens\" with a fraction: expected whole seconds");
        w->opens = 0;
    }
    w->closes = window_end(b, n, w->opens);
    if (m == NULL || w->closes == 0)
        return;
    if (m->release <= w->opens)
        document_error(b->d, b->report, opens,
                       "the window opens when model \"%s\" is released or "
                       "later: expected a time before its \"release\"",
                       m->name);
    else if (w->closes > m->release)
        w->closes = m->release;
}

static void window_id(struct policy_build *b, struct policy_window *w)
{
    char opens[CLOCK_UTC_SIZE];

    clock_format_utc(w->opens, opens);
    if (asprintf(&w->id, "%s/%s/%.19sZ", b->p->parties[w->party].name,
                 b->p->models[w->model].name, opens) < 0) {
        w->id = NULL;
        b->no_memory = true;
    }
}

static void window_build(struct policy_build *b, struct policy_window *w,
                         const struct node *n)
{
    const struct node *terms = node_member(n, "terms");
    int party, model, found;

    if (!is_good(n) || n->kind != NODE_MAP)
        return;
    party = reference_find(b, node_member(n, "party"), b->parties, "party");
    model = reference_find(b, node_member(n, "model"), b->models, "model");
    w->terms = take_array(b, members(terms), sizeof *w->terms);
    for (size_t i = 0; i < members(terms) && !b->no_memory; i++) {
        found = reference_find(b, terms->items[i], b->terms, "terms");
        if (found >= 0)
            w->terms[w->nterms++] = (uint32_t)found;
    }
    window_times(b, w, n, model < 0 ? NULL : &b->p->models[model]);
    if (party < 0 || model < 0 || w->closes == 0)
        return; /* without an id: unfinished */
    w->party = (uint32_t)party;
    w->model = (uint32_t)model;
    window_id(b, w);
}

static void windows_build(struct policy_build *b)
{
    const struct node *list = node_member(b->d->root, "windows");
    size_t n = members(list);

    b->p->windows = take_array(b, n, sizeof *b->p->windows);
    b->windows = take_array(b, n, sizeof *b->windows);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        struct policy_window w = {0};
        const struct node *item = list->items[i];
        size_t at = i;

        window_build(b, &w, item);
        /* Sorted by opens; equal ones stay in the file's order. */
        while (at > 0 && b->p->windows[at - 1].opens > w.opens) {
            b->p->windows[at] = b->p->windows[at - 1];
            b->windows[at] = b->windows[at - 1];
            at--;
        }
        b->p->windows[at] = w;
        b->windows[at] = item;
        b->p->nwindows = i + 1;
    }
}

static void policy_build(struct policy_build *b, const char *yaml,
                         size_t length)
{
    const struct node *root = b->d->root;
    const struct node *replaces = node_member(root, "replaces");
    struct policy *p = b->p;

    b->models = node_member(root, "models");
    b->parties = node_member(root, "parties");
    b->terms = node_member(root, "terms");
    crypto_hash_sha256(p->sha256, (const uint8_t *)yaml, length);
    p->serial = (uint32_t)take_number(root, "serial", 0);
    p->has_replaces = is_good(replaces);
    if (p->has_replaces)
        memcpy(p->replaces, replaces->hash, 32);
    p->basis = take_text(b, root, "basis");
    p->developer = take_text(b, root, "developer");
    p->author = take_text(b, root, "author");
    p->sequence = (enum policy_sequence)take_number(root, "sequence",
                                                    SEQUENCE_GOVERNMENT_FIRST);
    models_build(b);
    parties_build(b);
    terms_build(b);
    windows_build(b);
    if (!b->no_memory)
        policy_check(b);
}

int policy_parse(const char *name, const char *yaml, size_t length,
                 policy_file_fn *file, void *file_arg, struct report *report,
                 struct policy **p)
{
    struct policy_build b = {
        .report = report, .file = file, .file_arg = file_arg};
    unsigned before = report->errors;
    int r;

    *p = NULL;
    r = document_parse(name, yaml, length, LIMIT_POLICY_BYTES, report, &b.d);
    if (r == SP_ENOMEM || b.d->root == NULL)
        goto out;
    if ((r = schema_check(b.d, policy_schema, report)) == SP_ENOMEM)
        goto out;
    r = SP_ENOMEM;
    if ((b.p = calloc(1, sizeof *b.p)) == NULL)
        goto out;
    policy_build(&b, yaml, length);
    if (b.no_memory)
        goto out;
    r = report->errors == before ? 0 : SP_EINVAL;
    if (r == 0) {
        *p = b.p;
        b.p = NULL;
    }
out:
    policy_free(b.p);
    free(b.people);
    free(b.windows);
    document_free(b.d);
    return r;
}
