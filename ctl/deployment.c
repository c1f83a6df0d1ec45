/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a deployment for the verbs that work on one. Runs as whoever called
 * the command; the files are the operator's and may be wrong, so every
 * problem is told with its place.
 */
#include "ctl/deployment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/limits.h"

char *path_join(const char *folder, const char *name)
{
    char *joined;

    if (asprintf(&joined, "%s/%s", folder, name) < 0)
        return NULL;
    return joined;
}

bool word_is(const char *text, const char *more, size_t max)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t length = strlen(text), n;

    if (length == 0 || length > max || strchr(letters, text[0]) == NULL)
        return false;
    for (n = 0; n < length; n++) {
        if (strchr(letters, text[n]) == NULL && strchr(more, text[n]) == NULL)
            return false;
    }
    return true;
}

/* What policy_parse() reads files with: each is read once and kept. */
struct shelf {
    const char *folder;
    struct fileset *files;
};

static int shelf_file(void *arg, const char *name, const uint8_t **data,
                      size_t *length)
{
    struct shelf *s = arg;
    uint8_t *bytes = NULL;
    size_t n = 0;
    char *path;
    bool look = *length == POLICY_FILE_LOOK;
    int r = look ? SP_ENOENT : fileset_get(s->files, name, data, length);

    if (r != SP_ENOENT)
        return r;
    path = name[0] == '/' ? strdup(name) : path_join(s->folder, name);
    if (path == NULL)
        return SP_ENOMEM;
    if (look) {
        r = access(path, R_OK) == 0 ? 0 : sp_error_from_errno();
        *data = NULL;
        *length = 0;
        free(path);
        return r;
    }
    r = file_read(AT_FDCWD, path, LIMIT_TRUST_BYTES, &bytes, &n);
    if (r == 0)
        r = fileset_add(s->files, name, bytes, n);
    free(bytes);
    free(path);
    return r != 0 ? r : fileset_get(s->files, name, data, length);
}

int deployment_parse_policy(const char *folder, const char *name,
                            const char *yaml, size_t length, FILE *err,
                            struct policy **p)
{
    struct shelf shelf = {.folder = folder, .files = fileset_new()};
    struct report report = {.out = err};
    int r;

    if (shelf.files == NULL)
        return SP_ENOMEM;
    r = policy_parse(name, yaml, length, shelf_file, &shelf, &report, p);
    fileset_free(shelf.files);
    return r;
}

/* The file's text, malloc'd; a failure is told. */
static int text_read(const char *path, FILE *err, char **text, size_t *length)
{
    uint8_t *bytes = NULL;
    int r = file_read(AT_FDCWD, path, LIMIT_POLICY_BYTES, &bytes, length);

    if (r != 0)
        fprintf(err, "%s: %s\n", path, sp_strerror(r));
    *text = (char *)bytes;
    return r;
}

static int settings_load(const char *folder, FILE *err, struct settings **s)
{
    struct report report = {.out = err};
    char *path = path_join(folder, "sallyport.yaml"), *yaml = NULL;
    size_t length = 0;
    int r = path == NULL ? SP_ENOMEM : text_read(path, err, &yaml, &length);

    if (r == 0)
        r = settings_parse(path, yaml, length, folder, &report, s);
    free(yaml);
    free(path);
    return r;
}

static int policy_load(const struct settings *s, FILE *err, struct policy **p)
{
    char *path = settings_path(s, s->policy), *yaml = NULL;
    size_t length = 0;
    int r = path == NULL ? SP_ENOMEM : text_read(path, err, &yaml, &length);

    if (r == 0)
        r = deployment_parse_policy(s->folder, path, yaml, length, err, p);
    free(yaml);
    free(path);
    return r;
}

int deployment_load(const char *folder, bool with_policy, FILE *err,
                    struct deployment *d)
{
    int r;

    *d = (struct deployment){0};
    r = settings_load(folder, err, &d->settings);
    if (r == 0 && with_policy)
        r = policy_load(d->settings, err, &d->policy);
    if (r != 0)
        deployment_release(d);
    return r;
}

void deployment_release(struct deployment *d)
{
    if (d->policy != NULL)
        policy_free(d->policy);
    if (d->settings != NULL)
        settings_free(d->settings);
    *d = (struct deployment){0};
}
