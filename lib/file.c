/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files read and written so that a crash at any moment leaves the old
 * one, the new one or none, never a part. Used at start by the supervisor, in
 * the keeper for small ledger files, and by the command. Contents are judged
 * by the callers; sizes are bounded here.
 */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

/* Reading ---------------------------------------------------------------- */

/* Reads from the start until `capacity` bytes or the end. */
static int read_all(int fd, uint8_t *data, size_t capacity, size_t *length)
{
    size_t done = 0;
    ssize_t n;

    while (done < capacity) {
        n = pread(fd, data + done, capacity - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sp_error_from_errno();
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *length = done;
    return 0;
}

int file_read_fd(int fd, size_t max, uint8_t **data, size_t *length)
{
    struct stat st;
    uint8_t *bytes;
    size_t n = 0;
    int error;

    if (fstat(fd, &st) != 0)
        return sp_error_from_errno();
    if (!S_ISREG(st.st_mode))
        return SP_EINVAL;
    if (st.st_size < 0 || (uint64_t)st.st_size > max)
        return SP_ETOOBIG;
    /* One byte more than there was: a file that grows meanwhile is noticed. */
    bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL)
        return SP_ENOMEM;
    error = read_all(fd, bytes, (size_t)st.st_size + 1, &n);
    if (error == 0 && n > (size_t)st.st_size)
        error = SP_EAGAIN;
    if (error != 0) {
        free(bytes);
        return error;
    }
    bytes[n] = '\0';
    *data = bytes;
    *length = n;
    return 0;
}

int file_read(int dirfd, const char *path, size_t max, uint8_t **data,
              size_t *length)
{
    /* O_NONBLOCK: a FIFO in the file's place must not stop us. */
    int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error;

    if (fd < 0)
        return sp_error_from_errno();
    error = file_read_fd(fd, max, data, length);
    (void)close(fd);
    return error;
}

/* Writing ---------------------------------------------------------------- */

static int write_all(int fd, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    ssize_t n;

    while (length > 0) {
        n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sp_error_from_errno();
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Makes the names in the folder of `path` durable. */
static int sync_folder(int dirfd, const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    int fd, error = 0;

    if (slash != NULL) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);

        if (length >= sizeof(folder))
            return SP_ETOOBIG;
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sp_error_from_errno();
    if (fsync(fd) != 0)
        error = sp_error_from_errno();
    (void)close(fd);
    return error;
}

/* Writes `<path>.new`, whole and synced; its name comes back in `beside`. */
static int write_beside(int dirfd, const char *path, mode_t mode,
                        const void *data, size_t length, char beside[PATH_MAX])
{
    int n = snprintf(beside, PATH_MAX, "%s.new", path);
    int fd, error;

    if (n < 0 || n >= PATH_MAX)
        return SP_ETOOBIG;
    /* One that a crash left is ours to remove; O_EXCL then makes sure that we
     * write to a file of our own and through nobody's link. */
    (void)unlinkat(dirfd, beside, 0);
    fd = openat(dirfd, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sp_error_from_errno();
    error = write_all(fd, data, length);
    if (error == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        error = sp_error_from_errno();
    if (close(fd) != 0 && error == 0)
        error = sp_error_from_errno();
    if (error != 0)
        (void)unlinkat(dirfd, beside, 0);
    return error;
}

/* Gives `from` the name `to`, which must not exist. */
static int rename_new(int dirfd, const char *from, const char *to)
{
    if (renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return sp_error_from_errno();
    /* A file system without that flag: a link is exclusive as well. */
    if (linkat(dirfd, from, dirfd, to, 0) != 0)
        return sp_error_from_errno();
    (void)unlinkat(dirfd, from, 0);
    return 0;
}

int file_create(int dirfd, const char *path, mode_t mode, const void *data,
                size_t length)
{
    char beside[PATH_MAX];
    int error;

    error = write_beside(dirfd, path, mode, data, length, beside);
    if (error != 0)
        return error;
    error = rename_new(dirfd, beside, path);
    if (error != 0) {
        (void)unlinkat(dirfd, beside, 0);
        return error;
    }
    return sync_folder(dirfd, path);
}

int file_replace(int dirfd, const char *path, mode_t mode, const void *data,
                 size_t length)
{
    char beside[PATH_MAX];
    int error;

    error = write_beside(dirfd, path, mode, data, length, beside);
    if (error != 0)
        return error;
    if (renameat(dirfd, beside, dirfd, path) != 0) {
        error = sp_error_from_errno();
        (void)unlinkat(dirfd, beside, 0);
        return error;
    }
    return sync_folder(dirfd, path);
}

static int make_folder(int dirfd, const char *path, mode_t mode)
{
    struct stat st;

    if (mkdirat(dirfd, path, mode) == 0)
        return sync_folder(dirfd, path);
    if (errno != EEXIST)
        return sp_error_from_errno();
    if (fstatat(dirfd, path, &st, 0) != 0)
        return sp_error_from_errno();
    return S_ISDIR(st.st_mode) ? 0 : SP_EEXIST;
}

int file_make_folders(int dirfd, const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    int error;

    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0)
        return SP_EINVAL;
    if (length >= sizeof(part))
        return SP_ETOOBIG;
    memcpy(part, path, length);
    part[length] = '\0';
    for (size_t i = 1; i < length; i++) {
        if (part[i] != '/' || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        error = make_folder(dirfd, part, mode);
        if (error != 0)
            return error;
        part[i] = '/';
    }
    return make_folder(dirfd, part, mode);
}

/* Memory ----------------------------------------------------------------- */

int file_memory(const char *name, int *memfd)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, flags); /* a kernel before 6.3 */
    if (fd < 0)
        return sp_error_from_errno();
    *memfd = fd;
    return 0;
}

int file_check_seals(int memfd, int seals)
{
    int have = fcntl(memfd, F_GET_SEALS);

    return have >= 0 && (have & seals) == seals ? 0 : SP_EPROTO;
}
