/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of a deployment: everything that TLS is made with. Runs in the supervisor,
 * at start, for `sallyportd -n` and when files are read again; the files are
 * the operator's. Whatever a worker would do with them is done here first.
 */
#include <stdio.h>
#include <string.h>

#include "certs/tls.h"
#include "gateway/people.h"
#include "gateway/snapshot_reading.h"
#include "gateway/tls_files.h"

/* A profile that OpenSSL cannot do is refused, never weakened. */
static int check_profiles(struct reading *r)
{
    const struct settings *s = r->s->settings;
    char problem[256], where[64];
    int worst = 0;

    for (size_t i = 0; i < s->nlisteners; i++) {
        const struct tls_profile *p = tls_profile_find(s->listeners[i].profile);
        int e = p == NULL ? SP_EINVAL : tls_profile_probe(p, problem);

        if (e == 0)
            continue;
        snprintf(where, sizeof(where), "listeners/%zu/profile", i);
        reading_complain(r, where, "%s", problem);
        worst = e;
    }
    return worst;
}

static bool speaks_1_2(const struct settings_listener *l)
{
    const struct tls_profile *p = tls_profile_find(l->profile);

    return p != NULL && p->oldest < TLS1_3_VERSION;
}

/* Records of TLS 1.2 cannot be padded: terms must not lose by the listener
 * that somebody chooses. */
static int check_padding(struct reading *r)
{
    const struct settings *s = r->s->settings;
    const struct policy *p = r->s->policy;
    const char *profile = NULL;
    char where[LIMIT_NAME_BYTES + 64];
    int worst = 0;

    for (size_t i = 0; i < s->nlisteners; i++)
        if (speaks_1_2(&s->listeners[i]))
            profile = s->listeners[i].profile;
    for (size_t i = 0; profile != NULL && i < p->nterms; i++) {
        if (p->terms[i].padding == 0)
            continue;
        snprintf(where, sizeof(where), "terms/%s/response/record_padding",
                 p->terms[i].name);
        reading_complain_policy(r, where,
                                "record_padding beside a listener with the "
                                "profile %s in sallyport.yaml: TLS 1.2 has no "
                                "padding: expected listeners with TLS 1.3 "
                                "alone",
                                profile);
        worst = SP_EINVAL;
    }
    return worst;
}

static int read_tls_files(struct reading *r)
{
    struct tls_file f;
    int worst = 0;

    for (size_t i = 0; tls_file_at(r->s->settings, i, &f); i++) {
        int e = reading_add(r, f.name, f.where, f.path,
                            f.secret ? READING_SECRET_BYTES : LIMIT_TRUST_BYTES,
                            f.secret, f.what);

        if (e != 0)
            worst = e;
    }
    return worst;
}

/* The server's certificates and keys, with the people they will let in. */
static int check_server(struct reading *r)
{
    SSL_CTX *contexts[SETTINGS_LISTENERS_MAX] = {NULL};
    struct identities *people = NULL;
    struct tls_problem problem;
    char who[256];
    int e;

    if ((e = people_load(r->s, &people, who)) != 0) {
        reading_complain_policy(r, "parties", "%s", who);
        return e;
    }
    if ((e = tls_contexts_new(r->s, people, true, &problem, contexts)) != 0)
        reading_complain(r, problem.where, "%s", problem.text);
    tls_contexts_free(contexts);
    identities_free(people);
    return e;
}

static int check_client_certificates(struct reading *r)
{
    int worst = 0;

    for (size_t i = 0; i < r->s->settings->nclient_certificates; i++) {
        struct tls_problem problem;
        int e = tls_client_certificate_check(r->s, i, &problem);

        if (e == 0)
            continue;
        reading_complain(r, problem.where, "%s", problem.text);
        worst = e;
    }
    return worst;
}

int reading_tls(struct reading *r)
{
    int e, worst = check_profiles(r);

    if ((e = check_padding(r)) != 0)
        worst = e;
    if ((e = read_tls_files(r)) != 0)
        return e;
    if (worst == 0)
        worst = check_server(r);
    return (e = check_client_certificates(r)) != 0 ? e : worst;
}

/* The anchors that models' endpoints are verified against, and what is shown
 * to them. */
int reading_check_upstream(struct reading *r)
{
    int worst = 0;

    for (size_t i = 0; i < r->s->policy->nmodels; i++) {
        const struct policy_model *m = &r->s->policy->models[i];
        char problem[256] = "", where[LIMIT_MODEL_BYTES + 32];
        SSL_CTX *ctx = NULL;
        int e;

        if (m->ca == NULL)
            continue;
        if ((e = tls_model_context(r->s, m, problem, &ctx)) != 0) {
            snprintf(where, sizeof(where), "models/%s/upstream/ca", m->name);
            reading_complain_policy(r, where, "%s: %s", m->ca,
                                    problem[0] != '\0' ? problem
                                                       : sp_strerror(e));
            worst = e;
        }
        SSL_CTX_free(ctx);
    }
    return worst;
}
