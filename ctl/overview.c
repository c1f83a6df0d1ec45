/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a deployment's files as the daemon would, without being it. Runs in
 * the command, with the operator's or an auditor's rights; the ledger is
 * trusted with nothing.
 */
#include "ctl/overview.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "lib/clock.h"
#include "lib/document.h"
#include "lib/file.h"
#include "policy/schemas.h"

/* Files that a policy names, from the folder it is in. */
struct files {
    char *folder;
    struct fileset *set;
};

static char *name_join(const char *folder, const char *name)
{
    char *path;

    if (name[0] == '/' || folder[0] == 0)
        return strdup(name);
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* The folder of a path; "." if it has none. */
static char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int files_get(void *arg, const char *name, const uint8_t **data,
                     size_t *length)
{
    struct files *f = arg;
    char *path = name_join(f->folder, name);
    uint8_t *bytes = NULL;
    size_t n = 0;
    int r;

    if (path == NULL)
        return SP_ENOMEM;
    if (*length == POLICY_FILE_LOOK) {
        r = access(path, R_OK) == 0 ? 0 : sp_error_from_errno();
        *data = NULL;
        *length = 0;
        free(path);
        return r;
    }
    r = file_read(AT_FDCWD, path, LIMIT_TRUST_BYTES, &bytes, &n);
    if (r == 0)
        r = fileset_add(f->set, name, bytes, n);
    free(bytes);
    free(path);
    if (r != 0 && r != SP_EEXIST)
        return r;
    return fileset_get(f->set, name, data, length);
}

static int text_read(const char *path, char **text, size_t *length)
{
    uint8_t *data = NULL;
    int r = file_read(AT_FDCWD, path, LIMIT_POLICY_BYTES, &data, length);

    if (r != 0)
        fprintf(stderr, "%s: %s\n", path, sp_strerror(r));
    *text = (char *)data;
    return r;
}

static int policy_load(struct overview *d, const char *text, size_t length)
{
    struct report report = {.out = stderr};
    struct files files = {.folder = d->settings != NULL
                                        ? strdup(d->settings->folder)
                                        : path_folder(d->policy_path),
                          .set = fileset_new()};
    int r = SP_ENOMEM;

    if (files.folder != NULL && files.set != NULL)
        r = policy_parse(d->policy_path, text, length, files_get, &files,
                         &report, &d->policy);
    free(files.folder);
    fileset_free(files.set);
    return r;
}

static int settings_load(struct overview *d, const char *text, size_t length)
{
    struct report report = {.out = stderr};
    char *folder = path_folder(d->settings_path);
    int r = SP_ENOMEM;

    if (folder != NULL)
        r = settings_parse(d->settings_path, text, length, folder, &report,
                           &d->settings);
    free(folder);
    if (r != 0)
        return r;
    d->policy_path = settings_path(d->settings, d->settings->policy);
    return d->policy_path == NULL ? SP_ENOMEM : 0;
}

/* Settings say which deployment they are of; no policy does. */
static bool text_is_settings(const char *text)
{
    return strncmp(text, "deployment:", 11) == 0 ||
           strstr(text, "\ndeployment:") != NULL;
}

static int path_find(const char *path, struct overview *d)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, sp_strerror(sp_error_from_errno()));
        return SP_ENOENT;
    }
    d->settings_path =
        S_ISDIR(st.st_mode) ? name_join(path, "sallyport.yaml") : strdup(path);
    return d->settings_path == NULL ? SP_ENOMEM : 0;
}

/* Tells what is wrong where `keys` (NULL at the end) lead in a file that was
 * parsed before; at the last member on the way that is there. */
static void complain_at(const char *path, const char *text, size_t length,
                        const char *const *keys, const char *wrong,
                        const char *expected)
{
    struct report quiet = {0}, report = {.out = stderr};
    struct document *d = NULL;
    const struct node *n;

    if (document_parse_large(path, text, length, LIMIT_POLICY_BYTES,
                             &policy_large, &quiet, &d) != 0)
        return;
    n = d->root;
    while (*keys != NULL && node_member(n, *keys) != NULL)
        n = node_member(n, *keys++);
    document_error(d, &report, n, "%s: expected %s", wrong, expected);
    document_free(d);
}

/* A credential that a model names must be one of the settings. */
static int credentials_check(const struct overview *d, const char *text,
                             size_t length)
{
    char wrong[LIMIT_MODEL_BYTES + LIMIT_NAME_BYTES + 64];
    int r = 0;

    for (size_t i = 0; i < d->policy->nmodels; i++) {
        const struct policy_model *m = &d->policy->models[i];
        const char *const keys[] = {"models", m->name, "upstream", "credential",
                                    NULL};
        bool found = m->credential == NULL;

        for (size_t k = 0; k < d->settings->ncredentials && !found; k++)
            found =
                strcmp(d->settings->credentials[k].name, m->credential) == 0;
        if (found)
            continue;
        snprintf(wrong, sizeof wrong, "no credential \"%s\" in sallyport.yaml",
                 m->credential);
        complain_at(d->policy_path, text, length, keys, wrong,
                    "a name of its \"credentials\"");
        r = SP_EINVAL;
    }
    return r;
}

/* So must a client certificate. */
static int client_certificates_check(const struct overview *d, const char *text,
                                     size_t length)
{
    char wrong[LIMIT_MODEL_BYTES + LIMIT_NAME_BYTES + 64];
    int r = 0;

    for (size_t i = 0; i < d->policy->nmodels; i++) {
        const struct policy_model *m = &d->policy->models[i];
        const char *const keys[] = {"models", m->name, "upstream",
                                    "client_certificate", NULL};

        if (m->client_certificate == NULL ||
            settings_client_certificate(d->settings, m->client_certificate) !=
                NULL)
            continue;
        snprintf(wrong, sizeof wrong,
                 "no client certificate \"%s\" in sallyport.yaml",
                 m->client_certificate);
        complain_at(d->policy_path, text, length, keys, wrong,
                    "a name of its \"client_certificates\"");
        r = SP_EINVAL;
    }
    return r;
}

/* Exchanges the settings' text for that of the policy that they name. */
static int policy_read(const struct overview *d, char **text, size_t *length)
{
    static const char *const keys[] = {"policy", NULL};
    char *settings = *text, wrong[512];
    size_t settings_length = *length;
    uint8_t *data = NULL;
    int r =
        file_read(AT_FDCWD, d->policy_path, LIMIT_POLICY_BYTES, &data, length);

    if (r != 0) {
        snprintf(wrong, sizeof wrong, "policy \"%.300s\": %s", d->policy_path,
                 sp_strerror(r));
        complain_at(d->settings_path, settings, settings_length, keys, wrong,
                    "a file that can be read");
    }
    free(settings);
    *text = (char *)data;
    return r;
}

int overview_load(const char *path, struct overview *d)
{
    char *text = NULL;
    size_t length = 0;
    int r;

    *d = (struct overview){0};
    if ((r = path_find(path, d)) != 0 ||
        (r = text_read(d->settings_path, &text, &length)) != 0)
        goto out;
    if (text_is_settings(text)) {
        if ((r = settings_load(d, text, length)) != 0 ||
            (r = policy_read(d, &text, &length)) != 0)
            goto out;
    } else {
        d->policy_path = d->settings_path;
        d->settings_path = NULL;
    }
    r = policy_load(d, text, length);
    if (r == 0 && d->settings != NULL)
        r = credentials_check(d, text, length);
    if (r == 0 && d->settings != NULL)
        r = client_certificates_check(d, text, length);
out:
    free(text);
    if (r == SP_ENOMEM)
        fprintf(stderr, "sallyport: %s\n", sp_strerror(r));
    return r == 0 ? 0 : SP_EINVAL;
}

void overview_release(struct overview *d)
{
    standing_free(d->standing);
    policy_free(d->policy);
    settings_free(d->settings);
    free(d->settings_path);
    free(d->policy_path);
    *d = (struct overview){0};
}

static int entries_apply(struct ledger_view *v, struct overview *d)
{
    struct entry_reader *reader = calloc(1, sizeof *reader);
    uint64_t size = ledger_view_checkpoint(v)->size;
    struct entry e;
    int r = reader == NULL ? SP_ENOMEM : 0;

    for (uint64_t n = 0; n < size && r == 0; n++) {
        const uint8_t *line;
        size_t length;

        if ((r = ledger_view_entry(v, n, &line, &length)) == 0 &&
            (r = entry_decode(reader, (const char *)line, length, &e)) == 0)
            r = standing_apply(d->standing, &e);
        if (r != 0)
            fprintf(stderr,
                    "ledger: entry %" PRIu64 ": %s%s%s: look at it with "
                    "sallyport log show, and check all with log verify\n",
                    n, sp_strerror(r),
                    standing_error(d->standing)[0] ? ": " : "",
                    standing_error(d->standing));
    }
    if (reader != NULL)
        entry_reader_release(reader);
    free(reader);
    return r;
}

/* As if the policy were approved by all and loaded now, so that its windows can
 * be looked at. */
static int policy_pretend(struct overview *d)
{
    const char *objection = standing_policy_objection(d->standing, d->policy);
    struct entry e = {.n = standing_count(d->standing),
                      .t = standing_newest(d->standing),
                      .kind = ENTRY_POLICY_LOADED};
    char all[APPROVERS_BY_MAX];
    uint64_t n;

    if (objection != NULL) {
        fprintf(stderr, "%s: cannot follow the policy in force: %s\n",
                d->policy_path, objection);
        return SP_EINVAL;
    }
    /* What is missing is told elsewhere. */
    if (standing_approvers(d->standing, &n) != NULL) {
        approvers_by_format(standing_approvers(d->standing, &n), NULL, all);
        e.u.policy_loaded.approvers = all;
    }
    e.u.policy_loaded.serial = d->policy->serial;
    memcpy(e.u.policy_loaded.sha256, d->policy->sha256, 32);
    e.u.policy_loaded.has_replaces = d->policy->has_replaces;
    memcpy(e.u.policy_loaded.replaces, d->policy->replaces, 32);
    return standing_apply(d->standing, &e);
}

static void standing_drop(struct overview *d)
{
    standing_free(d->standing);
    d->standing = NULL;
}

int overview_ledger(struct overview *d)
{
    struct ledger_view *v = NULL;
    char *path;
    int folder, r;

    if (d->settings == NULL)
        return 0;
    path = settings_path(d->settings, d->settings->ledger);
    folder = path == NULL ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = folder < 0 ? SP_ENOENT : ledger_view_open(folder, NULL, 0, &v);
    if (r == SP_ENOENT) { /* nothing has run here yet */
        r = 0;
        goto out;
    }
    if (r != 0) {
        fprintf(stderr, "%s: %s\n", path, sp_strerror(r));
        goto out;
    }
    d->entries = ledger_view_checkpoint(v)->size;
    if (d->entries == 0)
        goto out;
    d->standing = standing_new();
    r = d->standing == NULL ? SP_ENOMEM : entries_apply(v, d);
    if (r == 0)
        d->in_force = standing_policy_is_current(d->standing, d->policy);
out:
    if (r != 0)
        standing_drop(d);
    ledger_view_free(v);
    if (folder >= 0)
        close(folder);
    free(path);
    return r == 0 ? 0 : SP_EINVAL;
}

int overview_replay(struct overview *d)
{
    int r = overview_ledger(d);

    if (r != 0 || d->standing == NULL)
        return r;
    if (!d->in_force)
        r = policy_pretend(d);
    if (r == 0)
        r = standing_bind(d->standing, d->policy);
    if (r != 0)
        standing_drop(d);
    return r == 0 ? 0 : SP_EINVAL;
}

const char *window_look_text(enum window_look look)
{
    static const char *const texts[] = {"scheduled", "open", "closed",
                                        "expired"};

    return texts[look];
}

enum window_look overview_window(const struct overview *d, uint32_t window,
                                 int64_t now, struct standing_window *w)
{
    const struct policy_window *p = &d->policy->windows[window];

    *w = (struct standing_window){.closes = p->closes};
    if (d->standing != NULL)
        standing_window(d->standing, window, w);
    if (w->closed && w->by_policy)
        return LOOK_CLOSED;
    if (w->closed || w->never || now >= w->closes)
        return LOOK_EXPIRED;
    if (d->standing != NULL)
        return w->opened ? LOOK_OPEN : LOOK_SCHEDULED;
    return now < p->opens ? LOOK_SCHEDULED : LOOK_OPEN;
}

void span_format(int64_t ms, char text[SPAN_SIZE])
{
    static const struct {
        const char *text;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}};
    size_t i = 0;

    while (i < 3 && ms < units[i].ms)
        i++;
    if (i < 3 && ms % units[i].ms / units[i + 1].ms != 0)
        snprintf(text, SPAN_SIZE, "%" PRId64 " %s %" PRId64 " %s",
                 ms / units[i].ms, units[i].text,
                 ms % units[i].ms / units[i + 1].ms, units[i + 1].text);
    else
        snprintf(text, SPAN_SIZE, "%" PRId64 " %s", ms / units[i].ms,
                 units[i].text);
}
