/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write-ahead file: frames, segments, one writer and sequential readers.
 * Runs in the keeper: the sync thread writes, the publisher and recovery read.
 * What is read may be torn by a crash or changed by anybody who can write
 * there: a frame counts only when it says the expected index and its entry has
 * the leaf hash.
 */
#include "ledger/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/numbered.h"
#include "lib/limits.h"

#define READ_BYTES (256u << 10) /* holds the largest frame many times */

void wal_path(uint64_t first, char path[WAL_PATH_MAX])
{
    snprintf(path, WAL_PATH_MAX, WAL_FOLDER "/%020llu",
             (unsigned long long)first);
}

static void put_number(uint8_t *at, uint64_t n, unsigned bytes)
{
    while (bytes-- > 0) {
        at[bytes] = (uint8_t)n;
        n >>= 8;
    }
}

static uint64_t get_number(const uint8_t *at, unsigned bytes)
{
    uint64_t n = 0;

    while (bytes-- > 0)
        n = n << 8 | *at++;
    return n;
}

void wal_frame_put(const struct wal_frame *f, uint8_t *at)
{
    put_number(at, f->length, 4);
    put_number(at + 4, f->index, 8);
    put_number(at + 12, f->batch, 8);
    memcpy(at + 20, f->leaf.b, MERKLE_HASH);
    memcpy(at + WAL_HEADER, f->entry, f->length);
}

int wal_frame_get(const uint8_t *at, size_t size, struct wal_frame *f)
{
    if (size < WAL_HEADER)
        return SP_EAGAIN;
    f->length = (size_t)get_number(at, 4);
    f->index = get_number(at + 4, 8);
    f->batch = get_number(at + 12, 8);
    memcpy(f->leaf.b, at + 20, MERKLE_HASH);
    f->entry = at + WAL_HEADER;
    if (f->length == 0 || f->length > LIMIT_ENTRY_BYTES || f->batch > f->index)
        return SP_ECORRUPT;
    return size - WAL_HEADER < f->length ? SP_EAGAIN : 0;
}

bool wal_frame_check(const struct wal_frame *f)
{
    struct hash h;

    merkle_leaf(f->entry, f->length, &h);
    return merkle_equal(&h, &f->leaf);
}

/* Segments ---------------------------------------------------------------- */

int wal_list(int folder, uint64_t **segments, size_t *count)
{
    return numbered_list(folder, WAL_FOLDER, segments, count);
}

/* Writing ----------------------------------------------------------------- */

static int sync_wal_folder(int folder)
{
    int fd = openat(folder, WAL_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return sp_error_from_errno();
    int r = fsync(fd) == 0 ? 0 : sp_error_from_errno();
    close(fd);
    return r;
}

int wal_writer_open(struct wal_writer *w, int folder, uint64_t first)
{
    char path[WAL_PATH_MAX];
    struct stat st;

    wal_path(first, path);
    int fd =
        openat(folder, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return sp_error_from_errno();
    int r =
        fstat(fd, &st) == 0 ? sync_wal_folder(folder) : sp_error_from_errno();
    if (r != 0) {
        close(fd);
        return r;
    }
    *w = (struct wal_writer){folder, fd, (uint64_t)st.st_size};
    return 0;
}

void wal_writer_close(struct wal_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static int write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sp_error_from_errno();
        /* A short write means that the next one says why (usually ENOSPC). */
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

int wal_writer_append(struct wal_writer *w, uint64_t first,
                      const uint8_t *frames, size_t length)
{
    int r;

    /* Everything in the old segment is synced by now: a segment that has a
     * successor can have no torn tail. */
    if (w->fd < 0 || w->written >= WAL_SEGMENT_BYTES) {
        struct wal_writer next;
        if ((r = wal_writer_open(&next, w->folder, first)) != 0)
            return r;
        wal_writer_close(w);
        *w = next;
    }
    if ((r = write_all(w->fd, frames, length)) != 0)
        return r;
    w->written += length;
    return fdatasync(w->fd) == 0 ? 0 : sp_error_from_errno();
}

/* Reading ----------------------------------------------------------------- */

static int reader_open_segment(struct wal_reader *r, uint64_t segment)
{
    char path[WAL_PATH_MAX];

    wal_path(segment, path);
    int fd = openat(r->folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SP_ECORRUPT : sp_error_from_errno();
    if (r->fd >= 0)
        close(r->fd);
    r->fd = fd;
    r->segment = r->next = segment;
    r->offset = 0;
    r->start = r->length = 0;
    return 0;
}

int wal_reader_open(struct wal_reader *r, int folder, uint64_t segment)
{
    *r = (struct wal_reader){.folder = folder, .fd = -1};
    r->buffer = malloc(READ_BYTES);
    if (r->buffer == NULL)
        return SP_ENOMEM;
    int error = reader_open_segment(r, segment);
    if (error != 0)
        wal_reader_close(r);
    return error;
}

void wal_reader_close(struct wal_reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    free(r->buffer);
    r->buffer = NULL;
}

/* SP_ENOENT: nothing more in this segment. */
static int reader_fill(struct wal_reader *r)
{
    ssize_t n;

    memmove(r->buffer, r->buffer + r->start, r->length);
    r->start = 0;
    do {
        n = pread(r->fd, r->buffer + r->length, READ_BYTES - r->length,
                  (off_t)r->offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return sp_error_from_errno();
    if (n == 0)
        return SP_ENOENT;
    r->length += (size_t)n;
    r->offset += (uint64_t)n;
    return 0;
}

int wal_reader_next(struct wal_reader *r, struct wal_frame *f)
{
    int error;

    while ((error = wal_frame_get(r->buffer + r->start, r->length, f)) ==
           SP_EAGAIN) {
        error = reader_fill(r);
        if (error == SP_ENOENT && r->length == 0 && r->next != r->segment)
            error = reader_open_segment(r, r->next);
        if (error != 0)
            return error == SP_ENOENT ? SP_ECORRUPT : error;
    }
    if (error != 0)
        return error;
    if (f->index != r->next)
        return SP_ECORRUPT;
    r->next++;
    r->start += WAL_HEADER + f->length;
    r->length -= WAL_HEADER + f->length;
    return 0;
}
