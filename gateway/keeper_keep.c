/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies are kept with the ledger, so that whoever has the folder can make
 * every decision again (P6): the text and the approvers' signatures, in
 * policies/<SHA-256 of the text>/, durable before the entry that puts the
 * policy into force. Runs in the keeper, with what the supervisor read.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/keeper.h"
#include "lib/file.h"
#include "policy/approval.h"

#define FOLDER_MAX    96
#define KEPT_PATH_MAX (FOLDER_MAX + 256)

/* What is there and the same stays; the content is named by its hash. */
static int keep(int ledger, const char *path, const uint8_t *data,
                size_t length)
{
    uint8_t *there = NULL;
    size_t n = 0;
    int r = file_read(ledger, path, length, &there, &n);
    bool same = r == 0 && n == length && memcmp(there, data, length) == 0;

    free(there);
    return same ? 0 : file_replace(ledger, path, 0600, data, length);
}

/* Signatures' files by the names that they had; none of them has a folder. */
static int keep_signatures(const struct fileset *files, int ledger,
                           const char *folder)
{
    static const size_t prefix = sizeof(APPROVAL_OF_POLICY) - 1;
    const uint8_t *data;
    const char *name;
    size_t length;
    int r = 0;

    for (size_t i = 0; r == 0; i++) {
        char path[KEPT_PATH_MAX];

        if (fileset_at(files, i, &name, &data, &length) != 0)
            break;
        if (strncmp(name, APPROVAL_OF_POLICY, prefix) != 0 ||
            strchr(name + prefix, '/') != NULL)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", folder, name + prefix) >=
            (int)sizeof(path))
            r = SP_ETOOBIG;
        else
            r = keep(ledger, path, data, length);
    }
    return r;
}

/* What the process before us put there and did not live to sync is found, but
 * its name may be in memory only. */
static int sync_names(int ledger, const char *folder)
{
    const char *const folders[] = {folder, "policies", "."};
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(*folders); i++) {
        int fd = openat(ledger, folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return sp_error_from_errno();
        if (fsync(fd) != 0)
            r = sp_error_from_errno();
        close(fd);
    }
    return r;
}

int keeper_keep_policy(const struct keeper *k, int ledger, char problem[512])
{
    char hash[65], folder[FOLDER_MAX], path[KEPT_PATH_MAX];
    const uint8_t *yaml;
    size_t length;
    int r = fileset_get(k->snapshot.files, "policy.yaml", &yaml, &length);

    sodium_bin2hex(hash, sizeof(hash), k->policy->sha256, 32);
    snprintf(folder, sizeof(folder), "policies/%s", hash);
    snprintf(path, sizeof(path), "%s/policy.yaml", folder);
    if (r == 0)
        r = file_make_folders(ledger, folder, 0700);
    if (r == 0)
        r = keep_signatures(k->snapshot.files, ledger, folder);
    if (r == 0)
        r = keep(ledger, path, yaml, length);
    if (r == 0)
        r = sync_names(ledger, folder);
    if (r != 0)
        snprintf(problem, 512,
                 "policy serial %u: cannot be kept in the ledger's folder as "
                 "%.120s: %s",
                 k->policy->serial, path, sp_strerror(r));
    return r;
}
