/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes enrolments. Runs as the person whose they are; the files are
 * theirs, but for the bundle, which they have compared.
 */
#include "ctl/enrolment.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/token.h"
#include "ctl/deployment.h"
#include "lib/file.h"
#include "lib/json.h"

#define FORMAT "sallyport-enrolment@1"

int enrolment_base(char folder[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n;

    if (config != NULL && config[0] == '/')
        n = snprintf(folder, PATH_MAX, "%s/sallyport", config);
    else if (home != NULL && home[0] == '/')
        n = snprintf(folder, PATH_MAX, "%s/.config/sallyport", home);
    else
        return SP_ENOENT;
    return n >= PATH_MAX ? SP_ETOOBIG : 0;
}

static bool has_enrolment(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int n =
        snprintf(path, sizeof path, "%s/%s/%s", folder, name, ENROLMENT_WHO);

    return name[0] != '.' && n < PATH_MAX && access(path, R_OK) == 0;
}

int enrolment_only(char folder[PATH_MAX], char problem[ENROLMENT_PROBLEM])
{
    char base[PATH_MAX], list[300] = "";
    size_t found = 0;
    DIR *all;
    int r = enrolment_base(base);

    snprintf(problem, ENROLMENT_PROBLEM, "there is no enrolment of yours");
    if (r != 0 || (all = opendir(base)) == NULL)
        return r != 0 ? r : SP_ENOENT;
    for (struct dirent *d; (d = readdir(all)) != NULL;) {
        size_t n = strlen(list);

        if (!has_enrolment(base, d->d_name))
            continue;
        found++;
        snprintf(list + n, sizeof list - n, " %.100s/%.100s", base, d->d_name);
        if (snprintf(folder, PATH_MAX, "%s/%s", base, d->d_name) >= PATH_MAX)
            r = SP_ETOOBIG;
    }
    closedir(all);
    if (found > 1)
        snprintf(problem, ENROLMENT_PROBLEM,
                 "there are several enrolments: choose one with --enrolled "
                 "DIR:%s",
                 list);
    return found == 0 ? SP_ENOENT : found > 1 ? SP_EAMBIGUOUS : r;
}

static int say(char problem[ENROLMENT_PROBLEM], int r, const char *folder,
               const char *name, const char *what)
{
    snprintf(problem, ENROLMENT_PROBLEM, "%.200s/%s: %s", folder, name, what);
    return r;
}

/* A member's text; "" if it is null and `may_be_null`. */
static int text_take(const struct json *j, const char *name, bool may_be_null,
                     char *out, size_t size)
{
    uint32_t m = json_member(j, 0, name);

    out[0] = '\0';
    if (m == 0)
        return SP_EINVAL;
    if (j->nodes[m].type == JSON_NULL && may_be_null)
        return 0;
    if (j->nodes[m].type != JSON_STRING || json_text(j, m, out, size) != 0 ||
        out[0] == '\0')
        return SP_EINVAL;
    for (const char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return SP_EINVAL;
    }
    return 0;
}

static int who_parse(struct enrolment *e, const struct json *j)
{
    char format[64], key[4096];

    if (j->nodes[0].type != JSON_OBJECT ||
        text_take(j, "format", false, format, sizeof format) != 0 ||
        strcmp(format, FORMAT) != 0 ||
        text_take(j, "party", false, e->party, sizeof e->party) != 0 ||
        text_take(j, "person", false, e->person, sizeof e->person) != 0 ||
        text_take(j, "deployment", true, e->deployment, sizeof e->deployment) !=
            0 ||
        text_take(j, "key", false, key, sizeof key) != 0)
        return SP_EINVAL;
    if (token_is_uri(key))
        e->key = strdup(key);
    else if (strcmp(key, ENROLMENT_KEY) == 0)
        e->key = path_join(e->folder, ENROLMENT_KEY);
    else
        return SP_EINVAL;
    return e->key != NULL ? 0 : SP_ENOMEM;
}

static int who_load(struct enrolment *e, char problem[ENROLMENT_PROBLEM])
{
    char *path = path_join(e->folder, ENROLMENT_WHO);
    struct json j = {0};
    uint8_t *data = NULL;
    size_t length = 0;
    int r = path == NULL ? SP_ENOMEM
                         : file_read(AT_FDCWD, path, 16384, &data, &length);

    if (r != 0) {
        say(problem, r, e->folder, ENROLMENT_WHO,
            r == SP_ENOENT ? "no such file: expected a folder that `sallyport "
                             "enrol start` made"
                           : sp_strerror(r));
    } else if (json_parse(&j, (char *)data, length, 2, 64) != 0 ||
               (r = who_parse(e, &j)) != 0) {
        r = r == 0 ? SP_EINVAL : r;
        say(problem, r, e->folder, ENROLMENT_WHO,
            "not as `sallyport enrol start` writes it");
    }
    json_release(&j);
    free(data);
    free(path);
    return r;
}

static int bundle_load(struct enrolment *e, char problem[ENROLMENT_PROBLEM])
{
    char *path = path_join(e->folder, ENROLMENT_BUNDLE), why[BUNDLE_PROBLEM];
    int r = path == NULL ? SP_ENOMEM : bundle_read(path, &e->bundle, why);

    free(path);
    if (r == SP_ENOENT)
        return 0; /* not finished */
    if (r != 0)
        return say(problem, r, e->folder, ENROLMENT_BUNDLE, why);
    e->finished = true;
    return asprintf(&e->url, "https://%s", e->bundle.addresses[0]) < 0
               ? SP_ENOMEM
               : 0;
}

int enrolment_load(const char *folder, struct enrolment *e,
                   char problem[ENROLMENT_PROBLEM])
{
    int r;

    *e = (struct enrolment){0};
    snprintf(problem, ENROLMENT_PROBLEM, "%s", sp_strerror(SP_ENOMEM));
    if (strlen(folder) >= sizeof e->folder)
        return say(problem, SP_ETOOBIG, folder, "", sp_strerror(SP_ETOOBIG));
    snprintf(e->folder, sizeof e->folder, "%s", folder);
    r = who_load(e, problem);
    if (r == 0)
        r = bundle_load(e, problem);
    if (r == 0 &&
        ((e->certificate = path_join(folder, ENROLMENT_CERT)) == NULL ||
         (e->anchors = path_join(folder, ENROLMENT_CA)) == NULL))
        r = SP_ENOMEM;
    if (r != 0)
        enrolment_release(e);
    return r;
}

void enrolment_release(struct enrolment *e)
{
    free(e->key);
    free(e->certificate);
    free(e->anchors);
    free(e->url);
    bundle_release(&e->bundle);
    *e = (struct enrolment){0};
}

int enrolment_begin(const char *folder, const char *party, const char *person,
                    const char *deployment, const char *key)
{
    char text[16384];
    const char *const parts[] = {"{\n \"format\": \"" FORMAT
                                 "\",\n \"party\": ",
                                 party,
                                 ",\n \"person\": ",
                                 person,
                                 ",\n \"deployment\": ",
                                 deployment,
                                 ",\n \"key\": ",
                                 key};
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        if (i % 2 == 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", parts[i]);
        else if (parts[i] == NULL)
            n += (size_t)snprintf(text + n, sizeof text - n, "null");
        else
            r = json_quote(text, sizeof text - 8, &n, parts[i],
                           strlen(parts[i]));
    }
    if (r != 0)
        return r;
    n += (size_t)snprintf(text + n, sizeof text - n, "\n}\n");
    return enrolment_write(folder, ENROLMENT_WHO, 0600, text, n);
}

static bool file_has(const char *path, const void *data, size_t length)
{
    uint8_t *there = NULL;
    size_t n = 0;
    bool same = file_read(AT_FDCWD, path, BUNDLE_MAX, &there, &n) == 0 &&
                n == length && memcmp(there, data, n) == 0;

    free(there);
    return same;
}

int enrolment_write(const char *folder, const char *name, unsigned mode,
                    const void *data, size_t length)
{
    char *path = path_join(folder, name);
    int r = path == NULL ? SP_ENOMEM
                         : file_create(AT_FDCWD, path, mode, data, length);

    if (r == SP_EEXIST && file_has(path, data, length))
        r = 0;
    free(path);
    return r;
}
