/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads configuration, policy and the files they name, checks that they fit
 * together, and hands each role its share. The reading half runs in the
 * supervisor (and for `sallyportd -n`): the files are the operator's, trusted
 * as far as they parse. The other half runs in every role and reads only what
 * the supervisor sealed.
 */
#include "gateway/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <malloc.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/crypto.h"
#include "certs/tls.h"
#include "gateway/people.h"
#include "gateway/service_credential.h"
#include "gateway/snapshot_reading.h"
#include "gateway/tls_files.h"
#include "ledger/note.h"
#include "lib/document.h"
#include "lib/report.h"
#include "lib/signatures.h"
#include "policy/approval.h"
#include "policy/schemas.h"

/* A mapping's member of that name, or the element of a list of that number. */
static const struct node *step(const struct node *n, const char *key)
{
    char *end;
    unsigned long i;

    if (n->kind != NODE_LIST)
        return node_member(n, key);
    i = strtoul(key, &end, 10);
    return *end == '\0' && i < n->count ? n->items[i] : NULL;
}

/* The member "server/key" of a document; its deepest part that is there. */
static const struct node *find(const struct document *d, const char *where)
{
    const struct node *n = d != NULL ? d->root : NULL;
    char key[LIMIT_MODEL_BYTES + 1];

    while (n != NULL && *where != '\0') {
        size_t length = strcspn(where, "/");
        const struct node *member;

        snprintf(key, sizeof(key), "%.*s", (int)length, where);
        member = step(n, key);
        if (member == NULL)
            break;
        n = member;
        where += length + (where[length] == '/' ? 1 : 0);
    }
    return n;
}

/* Our own reading of a file that its parser has accepted. */
static struct document *document_again(const char *name, const uint8_t *yaml,
                                       size_t length)
{
    struct report silent = {0};
    struct document *d = NULL;

    if (document_parse_large(name, (const char *)yaml, length,
                             LIMIT_POLICY_BYTES, &policy_large, &silent,
                             &d) != 0) {
        document_free(d);
        d = NULL;
    }
    return d;
}

/* Only once it is needed: a large policy takes a while. */
static struct document *policy_again(const struct reading *r)
{
    const uint8_t *yaml;
    size_t length;

    if (fileset_get(r->s->files, "policy.yaml", &yaml, &length) != 0)
        return NULL;
    return document_again(r->policy_path, yaml, length);
}

void reading_complain(struct reading *r, const char *where, const char *format,
                      ...)
{
    const struct node *n = find(r->settings_text, where);
    va_list ap;

    va_start(ap, format);
    report_error_list(r->report, r->config, n != NULL ? n->line : 1,
                      n != NULL ? n->column : 1, format, ap);
    va_end(ap);
}

void reading_complain_policy(struct reading *r, const char *where,
                             const char *format, ...)
{
    const struct node *n;
    va_list ap;

    if (r->policy_text == NULL)
        r->policy_text = policy_again(r);
    n = find(r->policy_text, where);

    va_start(ap, format);
    report_error_list(r->report, r->policy_path, n != NULL ? n->line : 1,
                      n != NULL ? n->column : 1, format, ap);
    va_end(ap);
}

static bool everybody_writes(const struct stat *st)
{
    return (st->st_mode & S_IWOTH) != 0 && (st->st_mode & S_ISVTX) == 0;
}

/* What says who may reach a model must not be for everybody to say. */
static int check_guarded(struct reading *r, const char *where, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0 || !everybody_writes(&st))
        return 0;
    reading_complain(
        r, where,
        "%s: everybody may write to it (mode %03o): run `chmod o-w %s`", path,
        (unsigned)(st.st_mode & 0777), path);
    return SP_EINVAL;
}

/* A file's bytes into the set under `name`; complains at the setting `where`
 * if it cannot be read. */
static int add_file(struct reading *r, const char *name, const char *where,
                    const char *path, size_t max, const char *what)
{
    uint8_t *data = NULL;
    size_t length = 0;
    int e = file_read(AT_FDCWD, path, max, &data, &length);

    if (e != 0) {
        reading_complain(r, where, "%s: cannot be read (%s): expected %s", path,
                         e == SP_EIO ? strerror(errno) : sp_strerror(e), what);
        return SP_EINVAL;
    }
    e = fileset_add(r->s->files, name, data, length);
    explicit_bzero(data, length);
    free(data);
    if (e != 0 && e != SP_EEXIST)
        return e;
    return check_guarded(r, where, path);
}

/* A name that the policy may use for a file: below the deployment's folder,
 * and never one of our own names in the set. */
static bool name_is_below(const char *name)
{
    const char *part = name;

    if (name[0] == '/' || name[0] == '@' || name[0] == '\0' ||
        strcmp(name, "sallyport.yaml") == 0 || strcmp(name, "policy.yaml") == 0)
        return false;
    while (part != NULL) {
        if (strcmp(part, "..") == 0 || strncmp(part, "../", 3) == 0)
            return false;
        part = strchr(part, '/');
        part = part != NULL ? part + 1 : NULL;
    }
    return true;
}

/* A list, which the revoker reads: nothing of it comes in here. */
static int look_named(const struct reading *r, const char *name,
                      const uint8_t **data, size_t *length)
{
    struct stat st;

    *data = NULL;
    *length = 0;
    if (!name_is_below(name))
        return SP_EPERM;
    if (fstatat(r->folder, name, &st, 0) != 0)
        return sp_error_from_errno();
    if (!S_ISREG(st.st_mode))
        return SP_EINVAL;
    if (everybody_writes(&st) ||
        faccessat(r->folder, name, R_OK, AT_EACCESS) != 0)
        return SP_EPERM;
    return 0;
}

/* The policy's parser asks for a file: read it once, keep it. */
static int read_named(void *arg, const char *name, const uint8_t **data,
                      size_t *length)
{
    struct reading *r = arg;
    uint8_t *bytes = NULL;
    struct stat st;
    size_t count = 0;
    int e;

    if (strcmp(name, "ca") == 0)
        name = "@authority";
    if (*length == POLICY_FILE_LOOK)
        return look_named(r, name, data, length);
    if (fileset_get(r->s->files, name, data, length) == 0)
        return 0;
    if (!name_is_below(name))
        return strcmp(name, "@authority") == 0 ? SP_ENOENT : SP_EPERM;
    e = fstatat(r->folder, name, &st, 0) == 0 && everybody_writes(&st)
            ? SP_EPERM
            : file_read(r->folder, name, LIMIT_TRUST_BYTES, &bytes, &count);
    if (e == 0)
        e = fileset_add(r->s->files, name, bytes, count);
    free(bytes);
    return e != 0 ? e : fileset_get(r->s->files, name, data, length);
}

int snapshot_file(void *arg, const char *name, const uint8_t **data,
                  size_t *length)
{
    if (strcmp(name, "ca") == 0)
        name = "@authority";
    return fileset_get(arg, name, data, length);
}

/* What is only looked at is no part of a snapshot: the supervisor did. */
static int file_in_set(void *arg, const char *name, const uint8_t **data,
                       size_t *length)
{
    if (*length != POLICY_FILE_LOOK)
        return snapshot_file(arg, name, data, length);
    *data = NULL;
    *length = 0;
    return 0;
}

/* A role that has not all the files: the supervisor looked at the others. */
static int file_elsewhere(void *arg, const char *name, const uint8_t **data,
                          size_t *length)
{
    if (*length != POLICY_FILE_LOOK &&
        snapshot_file(arg, name, data, length) == 0)
        return 0;
    *data = NULL;
    *length = 0;
    return 0;
}

/* A secret file that others may read is no secret. */
static int check_private(struct reading *r, const char *where, const char *path,
                         bool handed)
{
    struct stat st;

    if (stat(path, &st) != 0 || (st.st_mode & 077) == 0 ||
        (handed && service_credential_mode_private(st.st_mode)))
        return 0;
    reading_complain(
        r, where,
        "%s: others may read this secret (mode %03o): run `chmod 600 %s`", path,
        (unsigned)(st.st_mode & 0777), path);
    return SP_EINVAL;
}

/* Where a file is that the settings name at `where`. */
static int find_file(struct reading *r, const char *where, const char *setting,
                     char **path)
{
    const char *problem = NULL;
    int e;

    if (!service_credential_named(setting)) {
        *path = settings_path(r->s->settings, setting);
        return *path != NULL ? 0 : SP_ENOMEM;
    }
    e = service_credential_path(setting, path, &problem);
    if (e == SP_EINVAL)
        reading_complain(r, where, "%s: %s", setting, problem);
    return e;
}

/* One file that the settings name at `where`, relative to the deployment's
 * folder. */
int reading_add(struct reading *r, const char *name, const char *where,
                const char *setting, size_t max, bool secret, const char *what)
{
    char *path;
    int e = find_file(r, where, setting, &path);

    if (e != 0)
        return e;
    e = add_file(r, name, where, path, max, what);
    if (e == 0 && secret)
        e = check_private(r, where, path, service_credential_named(setting));
    free(path);
    return e;
}

static int read_settings(struct reading *r, const char *config)
{
    char *copy = strdup(config);
    char problem[256];
    const uint8_t *yaml;
    size_t length;
    int e;

    if (copy == NULL)
        return SP_ENOMEM;
    e = add_file(r, "sallyport.yaml", "", config, LIMIT_SETTINGS_BYTES,
                 "the configuration (`sallyport init` makes one)");
    if (e == 0)
        e = fileset_get(r->s->files, "sallyport.yaml", &yaml, &length);
    if (e == 0)
        e = settings_parse(config, (const char *)yaml, length, dirname(copy),
                           r->report, &r->s->settings);
    if (e == 0)
        r->settings_text = document_again(config, yaml, length);
    free(copy);
    /* Before any key is read. */
    if (e == 0 && (e = crypto_start(r->s->settings->fips, problem)) != 0)
        reading_complain(r, "crypto/fips", "%s", problem);
    return e;
}

/* The document for another set of approvers, if there is one, and what signs
 * it. One that cannot be read is as good as an empty one. */
static int read_approvers(struct reading *r, const struct minisign_key *keys,
                          size_t nkeys)
{
    char *path = settings_path(r->s->settings, APPROVERS_FILE);
    uint8_t *data = NULL;
    size_t length = 0;
    int e;

    if (path == NULL)
        return SP_ENOMEM;
    e = file_read(AT_FDCWD, path, APPROVERS_DOCUMENT_MAX, &data, &length);
    if (e == SP_ENOENT) {
        free(path);
        return 0;
    }
    e = fileset_add(r->s->files, APPROVAL_APPROVERS, data, e == 0 ? length : 0);
    if (e == 0)
        e = signatures_collect(path, APPROVAL_OF_APPROVERS, keys, nkeys,
                               r->s->files);
    free(data);
    free(path);
    return e;
}

/* Signatures are only collected here: who judges them is told which count. */
static int read_approvals(struct reading *r)
{
    const struct approvers *a = &r->s->settings->approvers;
    struct minisign_key keys[LIMIT_APPROVERS];
    int e;

    for (size_t i = 0; i < a->count; i++)
        keys[i] = a->list[i].key;
    e = signatures_collect(r->policy_path, APPROVAL_OF_POLICY, keys, a->count,
                           r->s->files);
    if (e == 0)
        e = read_approvers(r, keys, a->count);
    if (e != 0)
        reading_complain(r, "policy",
                         "its signatures: %s: expected to read them",
                         sp_strerror(e));
    return e;
}

static bool policy_uses_authority(const struct policy *p)
{
    for (size_t i = 0; i < p->nparties; i++)
        if (strcmp(p->parties[i].anchors, "ca") == 0)
            return true;
    return false;
}

/* The issuing authority's certificate, beside the root's: people may send their
 * own alone. It vouches for nothing by itself. Old authorities have none. */
static int read_authority_chain(struct reading *r, const char *root)
{
    const char *slash = strrchr(root, '/');
    char *path = NULL;
    int e = 0;

    if (asprintf(&path, "%.*sissuing.crt",
                 slash == NULL ? 0 : (int)(slash - root) + 1, root) < 0)
        return SP_ENOMEM;
    if (access(path, F_OK) == 0)
        e = add_file(r, "@authority.chain", "authority", path,
                     LIMIT_TRUST_BYTES, "the issuing authority's certificate");
    free(path);
    return e;
}

/* Only a policy that says `anchors: ca` needs it; but if it is there, it must
 * be one. */
static int read_authority(struct reading *r)
{
    char *path = settings_path(r->s->settings, r->s->settings->authority);
    char problem[256] = "";
    const uint8_t *pem;
    size_t length;
    SSL_CTX *ctx = NULL;
    int e = 0;

    if (path == NULL)
        return SP_ENOMEM;
    if (access(path, F_OK) == 0)
        e = add_file(r, "@authority", "authority", path, LIMIT_TRUST_BYTES,
                     "the deployment's authority");
    if (e == 0 && fileset_get(r->s->files, "@authority", &pem, &length) == 0 &&
        (e = tls_client_new(pem, length, problem, &ctx)) != 0)
        reading_complain(r, "authority", "%s: %s", path, problem);
    if (e == 0)
        e = read_authority_chain(r, path);
    SSL_CTX_free(ctx);
    free(path);
    return e;
}

static int read_policy(struct reading *r)
{
    const struct settings *settings = r->s->settings;
    const uint8_t *yaml, *pem;
    size_t length, pem_length;
    int e;

    e = reading_add(r, "policy.yaml", "policy", settings->policy,
                    LIMIT_POLICY_BYTES, false, "the policy");
    if (e != 0 ||
        (e = fileset_get(r->s->files, "policy.yaml", &yaml, &length)) != 0)
        return e;
    e = read_authority(r);
    if (e == 0)
        e = policy_parse(r->policy_path, (const char *)yaml, length, read_named,
                         r, r->report, &r->s->policy);
    if (e != 0)
        return e;
    if (policy_uses_authority(r->s->policy) &&
        fileset_get(r->s->files, "@authority", &pem, &pem_length) != 0) {
        reading_complain(
            r, "authority",
            "%s: no such file: expected the authority that `anchors: ca` "
            "in the policy means (`sallyport ca init` makes one)",
            settings->authority);
        e = SP_EINVAL;
    }
    return e;
}

/* One line of printable characters: it becomes a header's value. */
static bool secret_is_line(const uint8_t *data, size_t length)
{
    while (length > 0 && (data[length - 1] == '\n' || data[length - 1] == '\r'))
        length--;
    for (size_t i = 0; i < length; i++)
        if (data[i] < 0x21 || data[i] > 0x7e)
            return false;
    return length > 0;
}

static int read_credential(struct reading *r,
                           const struct settings_credential *c)
{
    char name[LIMIT_NAME_BYTES + 16], where[LIMIT_NAME_BYTES + 32];
    const uint8_t *data;
    size_t length;
    int e;

    snprintf(name, sizeof(name), "@credential/%s", c->name);
    snprintf(where, sizeof(where), "credentials/%s/file", c->name);
    e = reading_add(r, name, where, c->file, READING_SECRET_BYTES, true,
                    "the upstream's credential on one line");
    if (e != 0 || (e = fileset_get(r->s->files, name, &data, &length)) != 0)
        return e;
    if (!secret_is_line(data, length)) {
        reading_complain(r, where,
                         "%s: not a credential: expected one line of printable "
                         "characters without spaces",
                         c->file);
        return SP_EINVAL;
    }
    return 0;
}

static int read_credentials(struct reading *r)
{
    const struct settings *s = r->s->settings;
    int worst = 0;

    for (size_t i = 0; i < s->ncredentials; i++) {
        int e = read_credential(r, &s->credentials[i]);

        if (e != 0)
            worst = e;
    }
    return worst;
}

/* A cosignature of one key must not count twice. */
static int witness_key_check(struct reading *r, size_t i, const char *where,
                             struct note_verifier *keys)
{
    const struct settings_witness *w = &r->s->settings->witnesses[i];

    if (note_verifier_parse(w->vkey, strlen(w->vkey), &keys[i]) != 0 ||
        keys[i].type != 0x04) {
        reading_complain(
            r, where,
            "%.60s: not a witness's key: expected a vkey as `sallyport log "
            "witness keygen` prints it",
            w->vkey);
        return SP_EINVAL;
    }
    for (size_t j = 0; j < i; j++)
        if (memcmp(keys[j].key, keys[i].key, sizeof(keys[i].key)) == 0) {
            reading_complain(r, where,
                             "%.60s: the key of %s too: expected another one",
                             w->vkey, r->s->settings->witnesses[j].name);
            return SP_EINVAL;
        }
    return 0;
}

static int read_witness_anchors(struct reading *r,
                                const struct settings_witness *w,
                                const char *where)
{
    char name[LIMIT_NAME_BYTES + 16], problem[256] = "";
    const uint8_t *pem;
    size_t length;
    SSL_CTX *ctx = NULL;
    int e;

    snprintf(name, sizeof(name), "@witness/%s", w->name);
    e = reading_add(r, name, where, w->ca, LIMIT_TRUST_BYTES, false,
                    "what the witness is verified against");
    if (e == 0 && (e = fileset_get(r->s->files, name, &pem, &length)) == 0 &&
        (e = tls_client_new(pem, length, problem, &ctx)) != 0)
        reading_complain(r, where, "%s: %s", w->ca, problem);
    SSL_CTX_free(ctx);
    return e;
}

static int read_witnesses(struct reading *r)
{
    struct note_verifier keys[SETTINGS_WITNESSES_MAX] = {0};
    const struct settings *s = r->s->settings;
    char where[LIMIT_NAME_BYTES + 32];
    int e, worst = 0;

    for (size_t i = 0; i < s->nwitnesses; i++) {
        snprintf(where, sizeof(where), "witnesses/list/%s/vkey",
                 s->witnesses[i].name);
        if ((e = witness_key_check(r, i, where, keys)) != 0)
            worst = e;
        snprintf(where, sizeof(where), "witnesses/list/%s/ca",
                 s->witnesses[i].name);
        if (s->witnesses[i].ca != NULL &&
            (e = read_witness_anchors(r, &s->witnesses[i], where)) != 0)
            worst = e;
    }
    return worst;
}

static bool credential_exists(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->ncredentials; i++)
        if (strcmp(s->credentials[i].name, name) == 0)
            return true;
    return false;
}

static int complain_model(struct reading *r, const struct policy_model *m,
                          const char *member, const char *name,
                          const char *setting)
{
    char where[LIMIT_MODEL_BYTES + 64];

    snprintf(where, sizeof(where), "models/%s/upstream/%s", m->name, member);
    reading_complain_policy(r, where,
                            "%s %s: unknown: expected one of the `%s` in "
                            "sallyport.yaml",
                            member, name, setting);
    return SP_EINVAL;
}

/* What policy and settings say of each other. */
static int check_models(struct reading *r)
{
    const struct settings *s = r->s->settings;
    int worst = 0;

    for (size_t i = 0; i < r->s->policy->nmodels; i++) {
        const struct policy_model *m = &r->s->policy->models[i];

        if (m->credential != NULL && !credential_exists(s, m->credential))
            worst = complain_model(r, m, "credential", m->credential,
                                   "credentials");
        if (m->client_certificate != NULL &&
            settings_client_certificate(s, m->client_certificate) == NULL)
            worst =
                complain_model(r, m, "client_certificate",
                               m->client_certificate, "client_certificates");
    }
    return worst;
}

static int read_ledger_key(struct reading *r)
{
    const struct settings *settings = r->s->settings;
    struct note_signer signer;
    const uint8_t *text;
    size_t length;
    int e = reading_add(r, "@ledger.key", "ledger/key", settings->ledger_key,
                        READING_SECRET_BYTES, true, "the ledger's signing key");

    if (e != 0 ||
        (e = fileset_get(r->s->files, "@ledger.key", &text, &length)) != 0)
        return e;
    e = note_signer_parse((const char *)text, length, &signer);
    if (e != 0) {
        reading_complain(
            r, "ledger/key",
            "%s: not a signing key: expected PRIVATE+KEY+<name>+<hash>"
            "+<base64> on one line",
            settings->ledger_key);
        return SP_EINVAL;
    }
    if (strcmp(signer.verifier.name, settings->origin) != 0) {
        reading_complain(r, "ledger/key",
                         "%s: a key named %s: expected the ledger's origin, %s",
                         settings->ledger_key, signer.verifier.name,
                         settings->origin);
        e = SP_EINVAL;
    }
    note_signer_wipe(&signer);
    return e;
}

/* Each step that can be taken is taken, so that one run tells all problems. */
static int read_all(struct reading *r, const char *config)
{
    int e, worst;

    if ((e = read_settings(r, config)) != 0)
        return e;
    r->policy_path = settings_path(r->s->settings, r->s->settings->policy);
    r->folder =
        open(r->s->settings->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->policy_path == NULL || r->folder < 0)
        return r->folder < 0 ? SP_EIO : SP_ENOMEM;
    if ((e = check_guarded(r, "", r->s->settings->folder)) != 0)
        return e;
    worst = read_ledger_key(r);
    if ((e = read_credentials(r)) != 0)
        worst = e;
    if ((e = read_witnesses(r)) != 0)
        worst = e;
    if ((e = read_policy(r)) != 0)
        return e;
    if ((e = read_approvals(r)) != 0)
        return e;
    if ((e = check_models(r)) != 0)
        return e;
    if ((e = reading_tls(r)) != 0)
        worst = e;
    /* With the client certificates that were read. */
    if (e == 0 && (e = reading_check_upstream(r)) != 0)
        worst = e;
    return worst;
}

int snapshot_read(const char *config, struct report *report, struct snapshot *s)
{
    struct reading r = {
        .s = s, .report = report, .config = config, .folder = -1};
    int e;

    *s = (struct snapshot){.files = fileset_new()};
    if (s->files == NULL)
        return SP_ENOMEM;
    e = read_all(&r, config);
    if (e != 0 && report->errors == 0)
        reading_complain(&r, "", "%s: expected a readable deployment",
                         sp_strerror(e));
    if (r.folder >= 0)
        close(r.folder);
    free(r.policy_path);
    document_free(r.settings_text);
    document_free(r.policy_text);
    snapshot_memory_give_back();
    if (e != 0)
        snapshot_release(s);
    return e;
}

void snapshot_digest(const struct snapshot *s, uint8_t digest[32])
{
    crypto_generichash_state state;
    const uint8_t *data;
    const char *name;
    size_t length;

    crypto_generichash_init(&state, NULL, 0, 32);
    for (size_t i = 0; fileset_at(s->files, i, &name, &data, &length) == 0;
         i++) {
        uint64_t size = length;

        if (strncmp(name, "@approv", 7) == 0)
            continue;
        crypto_generichash_update(&state, (const uint8_t *)name,
                                  strlen(name) + 1);
        crypto_generichash_update(&state, (const uint8_t *)&size, sizeof(size));
        crypto_generichash_update(&state, data, length);
    }
    crypto_generichash_final(&state, digest, 32);
}

static int parse_set(struct snapshot *s)
{
    struct report report = {.out = stderr, .limit = LIMIT_POLICY_ERRORS};
    const uint8_t *yaml;
    char problem[256];
    size_t length;
    bool certificates;
    int e;

    e = fileset_get(s->files, "sallyport.yaml", &yaml, &length);
    if (e == 0)
        e = settings_parse("sallyport.yaml", (const char *)yaml, length, "/",
                           &report, &s->settings);
    if (e == 0 && (e = crypto_start(s->settings->fips, problem)) != 0)
        log_error("crypto", "problem=%s", log_quote(problem));
    if (e != 0)
        return e;
    if (fileset_get(s->files, "policy.yaml", &yaml, &length) != 0)
        return 0;
    certificates = fileset_get(s->files, "@server.crt", &(const uint8_t *){0},
                               &(size_t){0}) == 0;
    return policy_parse("policy.yaml", (const char *)yaml, length,
                        certificates ? file_in_set : file_elsewhere, s->files,
                        &report, &s->policy);
}

int snapshot_from_fd(int memfd, struct snapshot *s)
{
    int e;

    *s = (struct snapshot){0};
    e = fileset_from_fd(memfd, &s->files);
    close(memfd);
    if (e == 0)
        e = parse_set(s);
    snapshot_memory_give_back();
    if (e != 0)
        snapshot_release(s);
    return e;
}

void snapshot_forget_text(struct snapshot *s)
{
    fileset_drop(s->files, "policy.yaml");
    snapshot_memory_give_back();
}

void snapshot_release(struct snapshot *s)
{
    policy_free(s->policy);
    settings_free(s->settings);
    fileset_free(s->files);
    *s = (struct snapshot){0};
}
