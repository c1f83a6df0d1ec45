/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses endpoints and remembers which of them fail. Runs in a worker; all
 * that is in here comes from the policy and the supervisor's files.
 */
#include "gateway/upstream_endpoint.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tls_files.h"
#include "lib/clock.h"
#include "lib/log.h"

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS  10000
#define CREDENTIAL_BYTES 1024

struct endpoints {
    struct rules *rules;
    struct endpoint *all;
    size_t count;
    size_t *first;                         /* by model: its first one */
    char (*credentials)[CREDENTIAL_BYTES]; /* by model */
};

/* Healthy before not, then the least loaded, then one with a connection. */
static bool endpoint_better(const struct endpoint *a, const struct endpoint *b,
                            int64_t now)
{
    bool up_a = a->back_at <= now, up_b = b->back_at <= now;

    if (up_a != up_b)
        return up_a;
    if (!up_a)
        return a->back_at < b->back_at;
    if (a->active != b->active)
        return a->active < b->active;
    return a->nidle > b->nidle;
}

struct endpoint *endpoint_choose(struct endpoints *es, uint32_t model)
{
    struct endpoint *best = NULL;
    int64_t now = clock_boot_ms();

    for (size_t i = 0; i < endpoints_count(es, model); i++) {
        struct endpoint *e = &es->all[es->first[model] + i];

        if (best == NULL || endpoint_better(e, best, now))
            best = e;
    }
    return best;
}

size_t endpoints_count(const struct endpoints *es, uint32_t model)
{
    return es->rules->policy->models[model].nendpoints;
}

const char *endpoint_credential(const struct endpoints *es, uint32_t model)
{
    return es->credentials[model];
}

void endpoint_failed(struct endpoint *e)
{
    int64_t wait = BACKOFF_FIRST_MS;

    for (unsigned i = 0; i < e->failures && wait < BACKOFF_MOST_MS; i++)
        wait *= 2;
    if (wait > BACKOFF_MOST_MS)
        wait = BACKOFF_MOST_MS;
    e->failures++;
    e->back_at = clock_boot_ms() + wait;
    log_warn("endpoint_failed", "endpoint=%s failures=%u",
             log_quote(e->policy->url), e->failures);
}

static void endpoint_host(struct endpoint *e)
{
    const struct policy_endpoint *p = e->policy;
    bool v6 = p->host != NULL && strchr(p->host, ':') != NULL;
    bool usual = (p->scheme == ENDPOINT_HTTP && p->port == 80) ||
                 (p->scheme == ENDPOINT_HTTPS && p->port == 443);

    if (p->scheme == ENDPOINT_UNIX)
        snprintf(e->host, sizeof(e->host), "localhost");
    else if (usual)
        snprintf(e->host, sizeof(e->host), "%s%s%s", v6 ? "[" : "", p->host,
                 v6 ? "]" : "");
    else
        snprintf(e->host, sizeof(e->host), "%s%s%s:%u", v6 ? "[" : "", p->host,
                 v6 ? "]" : "", p->port);
}

/* *tls is NULL if none of the model's endpoints needs it. */
static int model_tls(struct rules *rules, const struct policy_model *m,
                     char problem[256], SSL_CTX **tls)
{
    char what[256] = "";
    bool wanted = false;
    int r;

    for (size_t i = 0; i < m->nendpoints; i++)
        wanted = wanted || m->endpoints[i].scheme == ENDPOINT_HTTPS;
    *tls = NULL;
    if (!wanted)
        return 0;
    r = tls_model_context(&rules->snapshot, m, what, tls);
    if (r != 0)
        snprintf(problem, 256, "model %.100s: %.140s", m->name, what);
    return r;
}

/* The field line with the secret of this model's endpoints. */
static int model_credential(struct rules *rules, const struct policy_model *m,
                            char *line, char problem[256])
{
    const struct settings *s = rules->settings;
    const struct settings_credential *found = NULL;
    char name[LIMIT_NAME_BYTES + 32];
    const uint8_t *secret;
    size_t length;
    int n;

    if (m->credential == NULL)
        return 0;
    for (size_t i = 0; i < s->ncredentials; i++)
        if (strcmp(s->credentials[i].name, m->credential) == 0)
            found = &s->credentials[i];
    snprintf(name, sizeof(name), "@credential/%s", m->credential);
    if (found == NULL ||
        fileset_get(rules->snapshot.files, name, &secret, &length) != 0) {
        snprintf(problem, 256, "model %s: credential %s is missing", m->name,
                 m->credential);
        return SP_EINVAL;
    }
    length = strcspn((const char *)secret, "\r\n");
    n = snprintf(line, CREDENTIAL_BYTES, "%s: %s%.*s\r\n", found->header,
                 strcmp(found->header, "authorization") == 0 ? "Bearer " : "",
                 (int)length, (const char *)secret);
    if (n >= 0 && n < CREDENTIAL_BYTES)
        return 0;
    snprintf(problem, 256, "model %s: its credential is too long", m->name);
    return SP_EINVAL;
}

static int model_set_up(struct endpoints *es, uint32_t model, char problem[256])
{
    const struct policy_model *m = &es->rules->policy->models[model];
    int r = model_credential(es->rules, m, es->credentials[model], problem);

    if (r != 0)
        return r;
    es->first[model] = es->count;
    for (uint32_t i = 0; i < m->nendpoints; i++) {
        struct endpoint *e = &es->all[es->count++];

        e->rules = es->rules;
        e->model = model;
        e->index = i;
        e->policy = &m->endpoints[i];
        endpoint_host(e);
    }
    return 0;
}

/* Connections that there are keep the context that they were made with. */
static void model_use(struct endpoints *es, uint32_t model, SSL_CTX *tls)
{
    for (size_t i = 0; tls != NULL && i < endpoints_count(es, model); i++) {
        struct endpoint *e = &es->all[es->first[model] + i];

        if (e->policy->scheme != ENDPOINT_HTTPS)
            continue;
        SSL_CTX_free(e->tls);
        e->tls = tls;
        SSL_CTX_up_ref(tls);
    }
}

int endpoints_files(struct endpoints *es, char problem[256])
{
    const struct policy *p = es->rules->policy;
    SSL_CTX **made = calloc(p->nmodels + 1, sizeof(SSL_CTX *));
    int r = made == NULL ? SP_ENOMEM : 0;

    for (uint32_t i = 0; r == 0 && i < p->nmodels; i++)
        r = model_tls(es->rules, &p->models[i], problem, &made[i]);
    for (uint32_t i = 0; r == 0 && i < p->nmodels; i++)
        model_use(es, i, made[i]);
    for (size_t i = 0; made != NULL && i < p->nmodels; i++)
        SSL_CTX_free(made[i]);
    free(made);
    return r;
}

int endpoints_new(struct rules *rules, char problem[256],
                  struct endpoints **out)
{
    const struct policy *p = rules->policy;
    struct endpoints *es = calloc(1, sizeof(*es));
    size_t count = 0;
    int r = SP_ENOMEM;

    *out = NULL;
    if (es == NULL)
        return r;
    es->rules = rules;
    for (size_t i = 0; i < p->nmodels; i++)
        count += p->models[i].nendpoints;
    es->all = calloc(count + 1, sizeof(*es->all));
    es->first = calloc(p->nmodels + 1, sizeof(*es->first));
    es->credentials = calloc(p->nmodels + 1, CREDENTIAL_BYTES);
    if (es->all == NULL || es->first == NULL || es->credentials == NULL)
        goto out;
    r = 0;
    for (uint32_t i = 0; r == 0 && i < p->nmodels; i++)
        r = model_set_up(es, i, problem);
    if (r == 0 && (r = endpoints_files(es, problem)) == 0) {
        *out = es;
        es = NULL;
    }
out:
    endpoints_free(es);
    return r;
}

void endpoints_free(struct endpoints *es)
{
    if (es == NULL)
        return;
    for (size_t i = 0; i < es->count; i++)
        SSL_CTX_free(es->all[i].tls);
    if (es->credentials != NULL)
        sodium_memzero(es->credentials,
                       es->rules->policy->nmodels * CREDENTIAL_BYTES);
    free(es->credentials);
    free(es->first);
    free(es->all);
    free(es);
}

struct upstream_connection *endpoints_idle(const struct endpoints *es,
                                           size_t *at)
{
    if (es == NULL)
        return NULL;
    while (*at < es->count && es->all[*at].idle == NULL)
        ++*at;
    return *at < es->count ? es->all[*at].idle : NULL;
}
