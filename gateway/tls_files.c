/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to TLS contexts. Runs in the supervisor and the workers, before
 * and within the sandbox: everything is in memory.
 */
#include "gateway/tls_files.h"

#include <stdio.h>
#include <string.h>

#include "certs/tls.h"
#include "lib/clock.h"

/* The default one and those with names. */
#define CERTIFICATES_MAX (1 + SETTINGS_SERVER_NAMES_MAX)

/* --- which files --------------------------------------------------------- */

static const char *const ends[] = {
    [SERVER_CERTIFICATE] = "crt", [SERVER_KEY] = "key", [SERVER_OCSP] = "ocsp"};
static const char *const members[] = {[SERVER_CERTIFICATE] = "certificate",
                                      [SERVER_KEY] = "key",
                                      [SERVER_OCSP] = "ocsp"};

/* Of the server's certificate `i`, 0 being the default one. */
static void server_file(const struct settings *s, size_t i,
                        enum server_part part, struct tls_file *f)
{
    static const char *const what[] = {
        [SERVER_CERTIFICATE] = "the server's certificate",
        [SERVER_KEY] = "the server's key",
        [SERVER_OCSP] = "an OCSP response for the server's certificate"};
    const struct settings_names *n = i > 0 ? &s->server_names[i - 1] : NULL;
    const char *const paths[] = {[SERVER_CERTIFICATE] =
                                     n ? n->certificate : s->server_certificate,
                                 [SERVER_KEY] = n ? n->key : s->server_key,
                                 [SERVER_OCSP] = n ? n->ocsp : s->server_ocsp};

    *f = (struct tls_file){
        .path = paths[part], .secret = part == SERVER_KEY, .what = what[part]};
    if (n == NULL) {
        snprintf(f->name, sizeof(f->name), "@server.%s", ends[part]);
        snprintf(f->where, sizeof(f->where), "server/%s", members[part]);
    } else {
        snprintf(f->name, sizeof(f->name), "@names/%zu.%s", i, ends[part]);
        snprintf(f->where, sizeof(f->where), "server_names/%zu/%s", i - 1,
                 members[part]);
    }
}

static void client_file(const struct settings_client_certificate *c,
                        enum server_part part, struct tls_file *f)
{
    *f = (struct tls_file){.path = part == SERVER_KEY ? c->key : c->certificate,
                           .secret = part == SERVER_KEY,
                           .what = part == SERVER_KEY
                                       ? "the key of a client certificate"
                                       : "a client certificate"};
    snprintf(f->name, sizeof(f->name), "@client/%s.%s", c->name, ends[part]);
    snprintf(f->where, sizeof(f->where), "client_certificates/%s/%s", c->name,
             members[part]);
}

bool tls_file_at(const struct settings *s, size_t i, struct tls_file *f)
{
    for (size_t c = 0; c <= s->nserver_names; c++)
        for (int part = SERVER_CERTIFICATE; part <= SERVER_OCSP; part++) {
            server_file(s, c, (enum server_part)part, f);
            if (f->path != NULL && i-- == 0)
                return true;
        }
    if (i >= 2 * s->nclient_certificates)
        return false;
    client_file(&s->client_certificates[i / 2],
                i % 2 == 0 ? SERVER_CERTIFICATE : SERVER_KEY, f);
    return true;
}

/* --- the server's -------------------------------------------------------- */

static int file_get(const struct snapshot *s, const struct tls_file *f,
                    struct tls_bytes *bytes)
{
    *bytes = (struct tls_bytes){0};
    return f->path == NULL
               ? 0
               : fileset_get(s->files, f->name, &bytes->data, &bytes->length);
}

static int missing(const struct tls_file *f, struct tls_problem *problem)
{
    snprintf(problem->text, sizeof(problem->text), "%s is missing", f->what);
    snprintf(problem->where, sizeof(problem->where), "%s", f->where);
    return SP_ENOENT;
}

static int certificate_new(const struct snapshot *s, size_t i,
                           struct tls_problem *problem,
                           struct server_certificate **out)
{
    struct server_certificate_files files = {0};
    struct tls_bytes *const parts[] = {[SERVER_CERTIFICATE] =
                                           &files.certificate,
                                       [SERVER_KEY] = &files.key,
                                       [SERVER_OCSP] = &files.ocsp};
    const struct settings *settings = s->settings;
    enum server_part part;
    struct tls_file f;
    int r;

    for (int k = SERVER_CERTIFICATE; k <= SERVER_OCSP; k++) {
        server_file(settings, i, (enum server_part)k, &f);
        if (file_get(s, &f, parts[k]) != 0)
            return missing(&f, problem);
    }
    if (fileset_get(s->files, "@authority", &files.issuers.data,
                    &files.issuers.length) != 0)
        files.issuers = (struct tls_bytes){0};
    if (i > 0) {
        files.names = (const char *const *)settings->server_names[i - 1].names;
        files.nnames = settings->server_names[i - 1].nnames;
    }
    r = server_certificate_new(&files, clock_wall_ms(), &part, problem->text,
                               out);
    if (r != 0) {
        server_file(settings, i, part, &f);
        snprintf(problem->where, sizeof(problem->where), "%s", f.where);
    }
    return r;
}

static int staple_is_fresh(const struct settings *s, size_t i,
                           const struct server_certificate *c,
                           struct tls_problem *problem)
{
    struct tls_file f;

    if (c->staple == NULL || c->staple_until > clock_wall_ms())
        return 0;
    server_file(s, i, SERVER_OCSP, &f);
    snprintf(problem->where, sizeof(problem->where), "%s", f.where);
    snprintf(problem->text, sizeof(problem->text),
             "server OCSP response: it has ended: expected one that holds now "
             "(or none: take `ocsp` out until there is one)");
    return SP_EINVAL;
}

static int listeners_make(const struct snapshot *s,
                          const struct identities *ids,
                          struct server_certificate *const *certificates,
                          struct tls_problem *problem,
                          SSL_CTX *contexts[SETTINGS_LISTENERS_MAX])
{
    const struct settings *settings = s->settings;
    int r = 0;

    for (size_t i = 0; r == 0 && i < settings->nlisteners; i++) {
        const struct settings_listener *l = &settings->listeners[i];
        const struct tls_server server = {
            .profile = tls_profile_find(l->profile),
            .ids = ids,
            .allow_test_pki = l->allow_test_pki,
            .certificates = certificates,
            .ncertificates = 1 + settings->nserver_names};

        if (server.profile == NULL)
            return SP_EINVAL;
        r = tls_server_new(&server, problem->text, &contexts[i]);
        if (r != 0)
            snprintf(problem->where, sizeof(problem->where),
                     "listeners/%zu/profile", i);
        else
            /* One read(2) brings a record's head and body together. */
            SSL_CTX_set_read_ahead(contexts[i], 1);
    }
    return r;
}

int tls_contexts_new(const struct snapshot *s, const struct identities *ids,
                     bool fresh, struct tls_problem *problem,
                     SSL_CTX *contexts[SETTINGS_LISTENERS_MAX])
{
    struct server_certificate *certificates[CERTIFICATES_MAX] = {NULL};
    int r = 0;

    *problem = (struct tls_problem){.text = ""};
    for (size_t i = 0; i < SETTINGS_LISTENERS_MAX; i++)
        contexts[i] = NULL;
    for (size_t i = 0; r == 0 && i <= s->settings->nserver_names; i++)
        if ((r = certificate_new(s, i, problem, &certificates[i])) == 0 &&
            fresh)
            r = staple_is_fresh(s->settings, i, certificates[i], problem);
    if (r == 0)
        r = listeners_make(s, ids, certificates, problem, contexts);
    if (r != 0)
        tls_contexts_free(contexts);
    for (size_t i = 0; i < CERTIFICATES_MAX; i++)
        server_certificate_free(certificates[i]);
    return r;
}

void tls_contexts_free(SSL_CTX *contexts[SETTINGS_LISTENERS_MAX])
{
    for (size_t i = 0; i < SETTINGS_LISTENERS_MAX; i++) {
        if (contexts[i] != NULL)
            tls_server_retire(contexts[i]);
        SSL_CTX_free(contexts[i]);
        contexts[i] = NULL;
    }
}

/* --- towards models ------------------------------------------------------ */

static int client_use(const struct snapshot *s,
                      const struct settings_client_certificate *c, SSL_CTX *ctx,
                      struct tls_problem *problem)
{
    struct tls_bytes certificate, key;
    struct tls_file of_certificate, of_key;
    int r;

    client_file(c, SERVER_CERTIFICATE, &of_certificate);
    client_file(c, SERVER_KEY, &of_key);
    if (file_get(s, &of_certificate, &certificate) != 0)
        return missing(&of_certificate, problem);
    if (file_get(s, &of_key, &key) != 0)
        return missing(&of_key, problem);
    r = tls_client_use(ctx, &certificate, &key, problem->text);
    if (r != 0)
        snprintf(problem->where, sizeof(problem->where), "%s",
                 strncmp(problem->text, "client key", 10) == 0
                     ? of_key.where
                     : of_certificate.where);
    return r;
}

int tls_client_certificate_check(const struct snapshot *s, size_t i,
                                 struct tls_problem *problem)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int r = SP_ENOMEM;

    *problem = (struct tls_problem){.text = ""};
    if (ctx != NULL)
        r = client_use(s, &s->settings->client_certificates[i], ctx, problem);
    SSL_CTX_free(ctx);
    return r;
}

int tls_model_context(const struct snapshot *s, const struct policy_model *m,
                      char problem[256], SSL_CTX **ctx)
{
    const struct settings_client_certificate *c = NULL;
    struct tls_problem of_client = {.text = ""};
    const uint8_t *pem;
    size_t length;
    int r;

    snprintf(problem, 256, "its `ca` is missing");
    if (m->ca == NULL || snapshot_file(s->files, m->ca, &pem, &length) != 0)
        return SP_EINVAL;
    r = tls_client_new(pem, length, problem, ctx);
    if (r != 0 || m->client_certificate == NULL)
        return r;
    c = settings_client_certificate(s->settings, m->client_certificate);
    r = c == NULL ? SP_ENOENT : client_use(s, c, *ctx, &of_client);
    if (r == 0)
        return 0;
    snprintf(problem, 256, "client certificate %.64s: %.150s",
             m->client_certificate, of_client.text);
    SSL_CTX_free(*ctx);
    *ctx = NULL;
    return r;
}
