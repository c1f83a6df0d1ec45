/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a subcommand of `sallyport log` finds the ledger and the key that is
 * to have signed it. Runs on anybody's machine over a folder that anybody may
 * have written.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/deployment.h"
#include "ctl/log.h"
#include "ctl/verbs.h"
#include "lib/file.h"

static char *path_sibling(const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash == NULL ? path : slash, '.');
    size_t stem = dot == NULL ? strlen(path) : (size_t)(dot - path);
    size_t size = stem + strlen(ending) + 1;
    char *out = malloc(size);

    if (out != NULL)
        snprintf(out, size, "%.*s%s", (int)stem, path, ending);
    return out;
}

static bool file_is_there(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    bool there = path != NULL && access(path, F_OK) == 0;

    free(path);
    return there;
}

/* Where a deployment says its ledger and key are. */
static int deployment_paths(const char *dir, char **ledger, char **vkey)
{
    struct deployment d = {.settings = NULL};
    int r = deployment_load(dir, false, stderr, &d);

    if (r != 0)
        return EXIT_FAILS;
    *ledger = settings_path(d.settings, d.settings->ledger);
    char *key = settings_path(d.settings, d.settings->ledger_key);
    *vkey = key == NULL ? NULL : path_sibling(key, ".vkey");
    free(key);
    deployment_release(&d);
    return *ledger != NULL && *vkey != NULL ? EXIT_HOLDS : EXIT_FAILS;
}

static int key_parse(struct log_source *s, const char *text, size_t length,
                     const char *from)
{
    int r = note_verifier_parse(text, length, &s->key);

    if (r == 0 && s->key.type != 0x01)
        r = SP_EUNSUPPORTED;
    if (r != 0) {
        fprintf(stderr,
                "sallyport log: %s: %s: wanted a vkey like "
                "name+1a2b3c4d+base64\n",
                from, sp_strerror(r));
        return EXIT_FAILS;
    }
    s->has_key = true;
    s->key_from = strdup(from);
    return s->key_from != NULL ? EXIT_HOLDS : EXIT_FAILS;
}

static int key_read(struct log_source *s, const char *file)
{
    uint8_t *data = NULL;
    size_t length;
    int r = file_read(AT_FDCWD, file, NOTE_KEY_TEXT_MAX, &data, &length);

    if (r != 0) {
        fprintf(stderr, "sallyport log: %s: %s\n", file, sp_strerror(r));
        return EXIT_FAILS;
    }
    r = key_parse(s, (const char *)data, length, file);
    free(data);
    return r;
}

int log_source_key(struct log_source *s, const char *key, const char *key_file)
{
    if (key != NULL)
        return key_parse(s, key, strlen(key), "--key");
    return key_file != NULL ? key_read(s, key_file) : EXIT_HOLDS;
}

int log_source_need_key(struct log_source *s, bool no_key, const char *verb)
{
    if (no_key) {
        s->has_key = false;
        return EXIT_HOLDS;
    }
    if (s->has_key)
        return EXIT_HOLDS;
    fprintf(stderr,
            "sallyport log %s: whose signature? give --key VKEY or "
            "--key-file FILE (`sallyport log key` prints it)%s\n",
            verb,
            strncmp(verb, "check-", 6) == 0 || strcmp(verb, "export") == 0
                ? ""
                : ", or --no-key");
    return EXIT_MISUSED;
}

static int folder_open(struct log_source *s)
{
    s->folder = open(s->folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder >= 0 && faccessat(s->folder, "checkpoint", F_OK, 0) == 0)
        return EXIT_HOLDS;
    fprintf(stderr,
            "sallyport log: %s: %s: give a deployment's folder or a ledger's\n",
            s->folder_name,
            s->folder < 0 ? sp_strerror(sp_error_from_errno())
                          : "no checkpoint in it");
    return EXIT_FAILS;
}

int log_source_open(const char *dir, const char *key, const char *key_file,
                    struct log_source *s)
{
    char *vkey = NULL;
    int status = EXIT_HOLDS;

    *s = LOG_SOURCE_NONE;
    s->folder_name = dir;
    if (file_is_there(dir, "sallyport.yaml")) {
        status = deployment_paths(dir, &s->path, &vkey);
        if (s->path != NULL)
            s->folder_name = s->path;
    }
    if (status == EXIT_HOLDS)
        status = folder_open(s);
    if (status == EXIT_HOLDS && key == NULL && key_file == NULL &&
        vkey != NULL && access(vkey, F_OK) == 0)
        key_file = vkey;
    if (status == EXIT_HOLDS)
        status = log_source_key(s, key, key_file);
    free(vkey);
    if (status != EXIT_HOLDS)
        log_source_close(s);
    return status;
}

void log_source_close(struct log_source *s)
{
    if (s->folder >= 0)
        close(s->folder);
    if (s->store >= 0)
        close(s->store);
    if (s->is_remote)
        remote_release(&s->remote);
    free(s->key_from);
    free(s->path);
    *s = LOG_SOURCE_NONE;
}

static const char *note_name(const struct log_source *s)
{
    return s->note != NULL ? s->note : "checkpoint";
}

int log_source_note(struct log_source *s, uint8_t **data, size_t *length)
{
    int r = s->is_remote
                ? log_remote_file(s, note_name(s), NOTE_MAX, data, length)
                : file_read(s->folder, note_name(s), NOTE_MAX, data, length);

    if (r != 0)
        fprintf(stderr, "sallyport log: %s/%s: %s\n", s->folder_name,
                note_name(s), sp_strerror(r));
    return r;
}

bool log_source_has(struct log_source *s, const char *name)
{
    uint8_t *data = NULL;
    size_t length;

    if (!s->is_remote)
        return faccessat(s->folder, name, F_OK, 0) == 0;
    int r = log_remote_file(s, name, NOTE_MAX, &data, &length);
    free(data);
    return r == 0;
}

int log_source_store(struct log_source *s, const char *folder)
{
    if (folder == NULL)
        return EXIT_HOLDS;
    s->store = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->store >= 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport log: --store %s: %s\n", folder,
            sp_strerror(sp_error_from_errno()));
    return EXIT_FAILS;
}

/* A ledger_files.read: the note to go by in the checkpoint's place, and old
 * bundles from where they were moved to. */
static int source_file(void *arg, const char *path, size_t max, uint8_t **data,
                       size_t *length)
{
    struct log_source *s = arg;
    const char *name = strcmp(path, "checkpoint") == 0 ? note_name(s) : path;
    int r = s->is_remote ? log_remote_file(s, name, max, data, length)
                         : file_read(s->folder, name, max, data, length);

    return r == SP_ENOENT && s->store >= 0
               ? file_read(s->store, path, max, data, length)
               : r;
}

int log_view_try(struct log_source *s, struct ledger_view **v)
{
    const struct ledger_files files = {source_file, s};
    size_t nknown = s->has_key ? 1 : 0;

    return s->is_remote || s->store >= 0
               ? ledger_view_open_files(&files, &s->key, nknown, v)
               : ledger_view_open_note(s->folder, note_name(s), &s->key, nknown,
                                       v);
}

int log_view_open(struct log_source *s, struct ledger_view **v)
{
    int r = log_view_try(s, v);

    if (r == SP_ESIGNATURE)
        fprintf(stderr, "sallyport log: %s/%s: not signed by %s+%08x (%s)\n",
                s->folder_name, note_name(s), s->key.name, (unsigned)s->key.id,
                s->key_from);
    else if (r != 0)
        fprintf(stderr, "sallyport log: %s/%s: %s\n", s->folder_name,
                note_name(s), sp_strerror(r));
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}
