/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy once it is made: finding things in it and letting go of it. Runs in
 * every role; a policy that exists has been validated.
 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/policy_build.h"
#include "policy/schemas.h"

/* Indices in the order of their names, of equal names in their own; people
 * within their party. */
struct policy_order {
    uint32_t *models, *parties, *people;
};

static void order_free(struct policy_order *o)
{
    if (o == NULL)
        return;
    free(o->models);
    free(o->parties);
    free(o->people);
    free(o);
}

static void models_free(struct policy *p)
{
    for (size_t i = 0; i < p->nmodels; i++) {
        struct policy_model *m = &p->models[i];

        for (size_t k = 0; k < m->nendpoints; k++)
            endpoint_release(&m->endpoints[k]);
        free(m->endpoints);
        free(m->name);
        free(m->upstream_name);
        free(m->ca);
        free(m->credential);
        free(m->client_certificate);
        free(m->build);
        free(m->designation);
        free(m->designated_by);
        free(m->designation_reference);
    }
    free(p->models);
}

static void revocation_release(struct policy_revocation *r)
{
    for (size_t i = 0; i < r->nfetch; i++)
        free(r->fetch[i]);
    for (size_t i = 0; i < r->nhosts; i++)
        free(r->hosts[i]);
    free(r->fetch);
    free(r->hosts);
    free(r->crl);
    free(r->responder);
}

static void people_free(struct policy *p)
{
    for (size_t i = 0; i < p->nparties; i++) {
        free(p->parties[i].name);
        free(p->parties[i].anchors);
        free(p->parties[i].intermediates);
        free(p->parties[i].selection);
        for (size_t k = 0; k < p->parties[i].ncertificates; k++)
            free(p->parties[i].certificates[k].oid);
        free(p->parties[i].certificates);
        free(p->parties[i].networks);
        revocation_release(&p->parties[i].revocation);
        notices_release(&p->parties[i]);
        free(p->parties[i].scope);
        free(p->parties[i].tripwires);
    }
    free(p->parties);
    for (size_t i = 0; i < p->npeople; i++) {
        free(p->people[i].name);
        free(p->people[i].custodian);
        free(p->people[i].issuer_subject);
        free(p->people[i].spki_sha256);
        free(p->people[i].san_uri);
        free(p->people[i].other);
        free(p->people[i].policy);
    }
    free(p->people);
}

static void texts_free(char **texts)
{
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++)
        free(texts[i]);
    free(texts);
}

static void terms_free(struct policy *p)
{
    for (size_t i = 0; i < p->nterms; i++) {
        struct policy_terms *t = &p->terms[i];

        for (size_t k = 0; k < t->nforces; k++)
            free(t->forces[k].json);
        free(t->forces);
        texts_free(t->tool_types);
        texts_free(t->purposes);
        texts_free(t->versions);
        texts_free(t->betas);
        texts_free(t->removed);
        for (size_t k = 0; k < t->ntripwires; k++)
            free(t->tripwires[k].name);
        free(t->tripwires);
        free(t->marking);
        free(t->name);
    }
    free(p->terms);
}

void policy_free(struct policy *p)
{
    if (p == NULL)
        return;
    models_free(p);
    people_free(p);
    terms_free(p);
    for (size_t i = 0; i < p->ndocuments; i++) {
        free(p->documents[i].name);
        free(p->documents[i].file);
    }
    free(p->documents);
    for (size_t i = 0; i < p->nwindows; i++) {
        free(p->windows[i].id);
        free(p->windows[i].agreement);
        free(p->windows[i].terms);
    }
    free(p->windows);
    order_free(p->order);
    free(p->basis);
    free(p->developer);
    free(p->author);
    free(p);
}

typedef const char *name_fn(const struct policy *p, uint32_t i);

static const char *model_name(const struct policy *p, uint32_t i)
{
    return p->models[i].name;
}

static const char *party_name(const struct policy *p, uint32_t i)
{
    return p->parties[i].name;
}

static const char *person_name(const struct policy *p, uint32_t i)
{
    return p->people[i].name;
}

struct sorting {
    const struct policy *p;
    name_fn *name;
};

static int name_compare(const void *a, const void *b, void *arg)
{
    const struct sorting *s = arg;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    int order = strcmp(s->name(s->p, i), s->name(s->p, k));

    return order != 0 ? order : i < k ? -1 : i > k;
}

static void range_sort(const struct policy *p, name_fn *name, uint32_t *order,
                       size_t count)
{
    struct sorting s = {.p = p, .name = name};

    if (count > 1)
        qsort_r(order, count, sizeof *order, name_compare, &s);
}

/* 0 … count - 1; NULL: out of memory. */
static uint32_t *order_new(size_t count)
{
    uint32_t *order = reallocarray(NULL, count + 1, sizeof *order);

    for (size_t i = 0; order != NULL && i < count; i++)
        order[i] = (uint32_t)i;
    return order;
}

int policy_sort(struct policy *p)
{
    struct policy_order *o = calloc(1, sizeof *o);

    if ((p->order = o) == NULL || (o->models = order_new(p->nmodels)) == NULL ||
        (o->parties = order_new(p->nparties)) == NULL ||
        (o->people = order_new(p->npeople)) == NULL)
        return SP_ENOMEM;
    range_sort(p, model_name, o->models, p->nmodels);
    range_sort(p, party_name, o->parties, p->nparties);
    for (size_t i = 0; i < p->nparties; i++)
        range_sort(p, person_name, o->people + p->parties[i].first,
                   p->parties[i].npeople);
    return 0;
}

/* The first of that name in a sorted range, or -1. */
static int range_find(const struct policy *p, name_fn *name,
                      const uint32_t *order, size_t count, const char *wanted)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(name(p, order[middle]), wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && strcmp(name(p, order[low]), wanted) == 0
               ? (int)order[low]
               : -1;
}

int policy_find_model(const struct policy *p, const char *name)
{
    return range_find(p, model_name, p->order->models, p->nmodels, name);
}

int policy_find_document(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->ndocuments; i++)
        if (strcmp(p->documents[i].name, name) == 0)
            return (int)i;
    return -1;
}

int policy_find_party(const struct policy *p, const char *name)
{
    return range_find(p, party_name, p->order->parties, p->nparties, name);
}

int policy_find_person(const struct policy *p, uint32_t party, const char *name)
{
    if (party >= p->nparties)
        return -1;
    return range_find(p, person_name,
                      p->order->people + p->parties[party].first,
                      p->parties[party].npeople, name);
}

const struct policy_terms *policy_terms_for(const struct policy *p,
                                            const struct policy_window *w,
                                            enum route route)
{
    if ((unsigned)route >= ROUTE_COUNT)
        return NULL;
    for (size_t i = 0; i < w->nterms; i++)
        if (p->terms[w->terms[i]].uses & 1u << route)
            return &p->terms[w->terms[i]];
    return NULL;
}

bool policy_scope_has(const struct policy *p, uint32_t auditor,
                      const char *party)
{
    const struct policy_party *a = &p->parties[auditor];

    if (a->nscope == 0)
        return true;
    for (size_t i = 0; i < a->nscope && party != NULL; i++)
        if (strcmp(p->parties[a->scope[i]].name, party) == 0)
            return true;
    return false;
}

bool policy_party_document(const struct policy *p, uint32_t party,
                           uint32_t document)
{
    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];

        for (size_t k = 0; w->party == party && k < w->nterms; k++)
            if (p->terms[w->terms[k]].nda == document)
                return true;
    }
    return false;
}

const char *party_kind_text(enum party_kind kind)
{
    return (unsigned)kind <= PARTY_AUDITOR ? party_kind_words[kind] : "unknown";
}

const char *person_kind_text(enum person_kind kind)
{
    return (unsigned)kind <= PERSON_SERVICE ? person_kind_words[kind]
                                            : "unknown";
}

bool party_kind_waits(enum party_kind kind)
{
    return kind == PARTY_STATE_LOCAL || kind == PARTY_CRITICAL_INFRASTRUCTURE ||
           kind == PARTY_TRUSTED_PARTNER;
}

int64_t policy_party_body_limit(const struct policy *p, uint32_t party)
{
    int64_t most = 0;

    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];

        for (size_t k = 0; w->party == party && k < w->nterms; k++) {
            int64_t bytes = p->terms[w->terms[k]].request_bytes;

            if (bytes < 0 || bytes > LIMIT_BODY_BYTES)
                bytes = LIMIT_BODY_BYTES;
            if (bytes > most)
                most = bytes;
        }
    }
    return most;
}

bool policy_terms_seal(const struct policy *p, uint32_t terms)
{
    return terms < p->nterms &&
           p->terms[terms].transcripts == TRANSCRIPTS_SEALED;
}

bool policy_seals(const struct policy *p)
{
    for (uint32_t i = 0; i < p->nterms; i++)
        if (policy_terms_seal(p, i))
            return true;
    return false;
}
