/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy once it is made: finding things in it and letting go of it. Runs in
 * every role; a policy that exists has been validated.
 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/schemas.h"

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
        free(m->build);
    }
    free(p->models);
}

static void people_free(struct policy *p)
{
    for (size_t i = 0; i < p->nparties; i++) {
        free(p->parties[i].name);
        free(p->parties[i].anchors);
        free(p->parties[i].intermediates);
    }
    free(p->parties);
    for (size_t i = 0; i < p->npeople; i++) {
        free(p->people[i].name);
        free(p->people[i].custodian);
        free(p->people[i].issuer_subject);
        free(p->people[i].spki_sha256);
        free(p->people[i].san_uri);
    }
    free(p->people);
}

void policy_free(struct policy *p)
{
    if (p == NULL)
        return;
    models_free(p);
    people_free(p);
    for (size_t i = 0; i < p->nterms; i++)
        free(p->terms[i].name);
    free(p->terms);
    for (size_t i = 0; i < p->nwindows; i++) {
        free(p->windows[i].id);
        free(p->windows[i].terms);
    }
    free(p->windows);
    free(p->basis);
    free(p->developer);
    free(p->author);
    free(p);
}

int policy_find_model(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->nmodels; i++)
        if (strcmp(p->models[i].name, name) == 0)
            return (int)i;
    return -1;
}

int policy_find_party(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->nparties; i++)
        if (strcmp(p->parties[i].name, name) == 0)
            return (int)i;
    return -1;
}

int policy_find_person(const struct policy *p, uint32_t party, const char *name)
{
    for (size_t i = 0; i < p->npeople; i++)
        if (p->people[i].party == party && strcmp(p->people[i].name, name) == 0)
            return (int)i;
    return -1;
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
