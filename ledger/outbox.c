/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on their way to the disk. Runs in the keeper's publisher thread; its
 * input is ours. A failed sync is reported and never tried again.
 */
#include "ledger/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BESIDE_MAX (OUTBOX_PATH + 8)

void outbox_init(struct outbox *o, int folder)
{
    memset(o, 0, sizeof *o);
    o->folder = folder;
}

void outbox_release(struct outbox *o)
{
    for (unsigned i = 0; i < o->count; i++)
        close(o->files[i].fd);
    o->count = 0;
}

static void folder_of(const char *path, char folder[OUTBOX_PATH])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);

    snprintf(folder, OUTBOX_PATH, "%.*s", n == 0 ? 1 : (int)n,
             n == 0 ? "." : path);
}

static bool folder_is_known(const struct outbox *o, const char *folder)
{
    for (unsigned i = 0; i < OUTBOX_KNOWN && i < o->nknown; i++)
        if (strcmp(o->known[i], folder) == 0)
            return true;
    return false;
}

static int sync_folder(int folder, const char *path)
{
    int fd = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return sp_error_from_errno();
    int r = fsync(fd) == 0 ? 0 : sp_error_from_errno();
    close(fd);
    return r;
}

static int folder_make(struct outbox *o, const char *folder)
{
    char above[OUTBOX_PATH];

    if (folder_is_known(o, folder))
        return 0;
    if (mkdirat(o->folder, folder, 0700) != 0 && errno != EEXIST)
        return sp_error_from_errno();
    folder_of(folder, above);
    int r = sync_folder(o->folder, above);
    if (r == 0)
        snprintf(o->known[o->nknown++ % OUTBOX_KNOWN], OUTBOX_PATH, "%s",
                 folder);
    return r;
}

/* Makes the folders that `path` is in, from the top. One that is there has its
 * name synced too when this process uses it first: the one before us may have
 * made it and died, and without its name all that is synced in it is lost. */
static int folders_make(struct outbox *o, const char *path)
{
    char folder[OUTBOX_PATH];
    int r = 0;

    for (const char *slash = path;
         r == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        r = folder_make(o, folder);
    }
    return r;
}

static int open_beside(struct outbox *o, const char *path)
{
    char beside[BESIDE_MAX];
    int r = folders_make(o, path);

    if (r != 0)
        return r;
    snprintf(beside, sizeof beside, "%s.new", path);
    int fd =
        openat(o->folder, beside,
               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : sp_error_from_errno();
}

static int write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sp_error_from_errno();
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

int outbox_put(struct outbox *o, const char *path, const void *data,
               size_t length)
{
    int r;

    if (o->count == OUTBOX_FILES && (r = outbox_flush(o)) != 0)
        return r;
    int fd = open_beside(o, path);
    if (fd < 0)
        return fd;
    if ((r = write_all(fd, data, length)) != 0) {
        close(fd);
        return r;
    }
    /* Starts the writing already, so that the syncs find it done; failures
     * show there. */
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    struct outbox_file *f = &o->files[o->count++];
    f->fd = fd;
    snprintf(f->path, sizeof f->path, "%s", path);
    return 0;
}

/* Each folder of the files once; a round has two to five. */
static int sync_folders(const struct outbox *o)
{
    char mine[OUTBOX_PATH], other[OUTBOX_PATH];

    for (unsigned i = 0; i < o->count; i++) {
        bool done = false;
        folder_of(o->files[i].path, mine);
        for (unsigned j = 0; j < i && !done; j++) {
            folder_of(o->files[j].path, other);
            done = strcmp(mine, other) == 0;
        }
        int r = done ? 0 : sync_folder(o->folder, mine);
        if (r != 0)
            return r;
    }
    return 0;
}

int outbox_flush(struct outbox *o)
{
    int r = 0;

    for (unsigned i = 0; i < o->count && r == 0; i++)
        if (fsync(o->files[i].fd) != 0)
            r = sp_error_from_errno();
    for (unsigned i = 0; i < o->count && r == 0; i++) {
        char beside[BESIDE_MAX];
        snprintf(beside, sizeof beside, "%s.new", o->files[i].path);
        if (renameat(o->folder, beside, o->folder, o->files[i].path) != 0)
            r = sp_error_from_errno();
    }
    if (r == 0)
        r = sync_folders(o);
    outbox_release(o);
    return r;
}
