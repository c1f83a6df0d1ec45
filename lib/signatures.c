/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds signature files. Runs in the supervisor and in the command; whoever
 * may write to the folder may put anything there, so nothing that is found is
 * trusted, and there is a bound on how much of it is looked at.
 */
#include "lib/signatures.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/limits.h"

#define SUFFIX_LENGTH (sizeof SIGNATURES_SUFFIX - 1)
/* Names of one folder that are remembered; more than these nobody signs. */
#define NAMES_MAX 4096

int signatures_name_id(const char *name, uint8_t id[8])
{
    size_t length = strlen(name);
    char digits[MINISIGN_ID_TEXT];

    if (length < SUFFIX_LENGTH + 17 ||
        strcmp(name + length - SUFFIX_LENGTH, SIGNATURES_SUFFIX) != 0 ||
        name[length - SUFFIX_LENGTH - 17] != '.')
        return SP_EINVAL;
    memcpy(digits, name + length - SUFFIX_LENGTH - 16, 16);
    digits[16] = '\0';
    return minisign_id_parse(digits, id);
}

char *signatures_path(const char *path, const uint8_t id[8])
{
    char digits[MINISIGN_ID_TEXT], *joined;

    minisign_id_format(id, digits);
    if (asprintf(&joined, "%s.%s" SIGNATURES_SUFFIX, path, digits) < 0)
        return NULL;
    return joined;
}

struct names {
    char **list;
    size_t count;
};

static void names_free(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->list[i]);
    free(n->list);
}

static int names_add(struct names *n, const char *name)
{
    char *copy;

    if (n->count == NAMES_MAX)
        return 0;
    if (n->list == NULL &&
        (n->list = calloc(NAMES_MAX, sizeof *n->list)) == NULL)
        return SP_ENOMEM;
    if ((copy = strdup(name)) == NULL)
        return SP_ENOMEM;
    n->list[n->count++] = copy;
    return 0;
}

static bool name_is_known(const char *name, const struct minisign_key *keys,
                          size_t nkeys)
{
    uint8_t id[8];

    if (signatures_name_id(name, id) != 0)
        return false;
    for (size_t i = 0; i < nkeys; i++)
        if (memcmp(keys[i].id, id, sizeof id) == 0)
            return true;
    return false;
}

/* Whether it is "<base>.….minisig". */
static bool name_is_signature(const char *name, const char *base)
{
    size_t length = strlen(name), n = strlen(base);

    return length >= n + SUFFIX_LENGTH && strncmp(name, base, n) == 0 &&
           name[n] == '.' &&
           strcmp(name + length - SUFFIX_LENGTH, SIGNATURES_SUFFIX) == 0;
}

/* Names of known keys are kept apart: `others` may be cut short. */
static int folder_read(DIR *dir, const char *base,
                       const struct minisign_key *keys, size_t nkeys,
                       struct names *known, struct names *others)
{
    struct dirent *e;
    int r = 0;

    while (r == 0 && (e = readdir(dir)) != NULL) {
        if (!name_is_signature(e->d_name, base))
            continue;
        r = names_add(name_is_known(e->d_name, keys, nkeys) ? known : others,
                      e->d_name);
    }
    return r;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int file_add(int folder, const char *name, const char *prefix,
                    struct fileset *set)
{
    uint8_t *data = NULL;
    size_t length = 0;
    char *as;
    int r = file_read(folder, name, MINISIGN_FILE_MAX, &data, &length);

    if (r == SP_ENOMEM)
        return r;
    if (r != 0)
        length = 0;
    if (asprintf(&as, "%s%s", prefix, name) < 0) {
        free(data);
        return SP_ENOMEM;
    }
    r = fileset_add(set, as, data, length);
    free(as);
    free(data);
    return r;
}

static int names_collect(int folder, struct names *n, const char *prefix,
                         size_t *room, struct fileset *set)
{
    int r = 0;

    if (n->count > 0)
        qsort(n->list, n->count, sizeof *n->list, name_compare);
    for (size_t i = 0; r == 0 && i<n->count && * room> 0; i++, (*room)--)
        r = file_add(folder, n->list[i], prefix, set);
    return r;
}

/* The folder of a path, open; the rest of the path is *base. */
static DIR *folder_open(const char *path, const char **base)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    DIR *dir;

    *base = slash == NULL ? path : slash + 1;
    if (slash == NULL)
        return opendir(".");
    folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL)
        return NULL;
    dir = opendir(folder);
    free(folder);
    return dir;
}

int signatures_collect(const char *path, const char *prefix,
                       const struct minisign_key *keys, size_t nkeys,
                       struct fileset *set)
{
    struct names known = {0}, others = {0};
    size_t room = LIMIT_SIGNATURES;
    const char *base;
    DIR *dir = folder_open(path, &base);
    int r;

    if (dir == NULL)
        return sp_error_from_errno();
    r = folder_read(dir, base, keys, nkeys, &known, &others);
    if (r == 0)
        r = names_collect(dirfd(dir), &known, prefix, &room, set);
    if (r == 0)
        r = names_collect(dirfd(dir), &others, prefix, &room, set);
    names_free(&known);
    names_free(&others);
    closedir(dir);
    return r;
}
