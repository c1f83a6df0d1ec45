/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, and sets of named files passed between processes. */
#ifndef SP_LIB_FILE_H
#define SP_LIB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"

/* Reads a regular file of at most `max` bytes relative to `dirfd` (AT_FDCWD
 * for the current folder) into malloc'd memory with a NUL behind it.
 * SP_ENOENT, SP_EINVAL (not a regular file), SP_ETOOBIG, SP_EPERM, SP_ENOMEM,
 * SP_EIO. file_read_fd() reads from the file's start and leaves its position. */
int file_read(int dirfd, const char *path, size_t max, uint8_t **data,
              size_t *length) SP_MUST_USE;
int file_read_fd(int fd, size_t max, uint8_t **data, size_t *length) SP_MUST_USE;

/* Creates a file that must not exist, mode as given whatever the umask, synced
 * with its folder. It appears whole or not at all: it is written as
 * `<path>.new` first, so a folder has one writer.
 * SP_EEXIST, SP_ENOSPC, SP_EPERM, SP_ENOENT (no such folder), SP_EIO. */
int file_create(int dirfd, const char *path, mode_t mode, const void *data,
                size_t length) SP_MUST_USE;

/* Replaces a file: written beside it, synced, renamed, folder synced. */
int file_replace(int dirfd, const char *path, mode_t mode, const void *data,
                 size_t length) SP_MUST_USE;

/* mkdir -p below `dirfd` with every new folder's parent synced. */
int file_make_folders(int dirfd, const char *path, mode_t mode) SP_MUST_USE;

/* Anonymous memory that can be sealed, close-on-exec. SP_EIO. */
int file_memory(const char *name, int *memfd) SP_MUST_USE;
/* 0 if all of `seals` (F_SEAL_…) are set, SP_EPROTO otherwise. */
int file_check_seals(int memfd, int seals) SP_MUST_USE;

/* A set of named blobs: what one process read, handed to others as a sealed
 * memfd, so that they need no files. */
struct fileset;

struct fileset *fileset_new(void); /* NULL: out of memory */
void fileset_free(struct fileset *s);
/* Copies; a name can be added once (SP_EEXIST) and has 1 to 4095 bytes
 * (SP_EINVAL). At most 4096 blobs and 64 MiB (SP_ETOOBIG), SP_ENOMEM. */
int fileset_add(struct fileset *s, const char *name, const void *data,
                size_t length) SP_MUST_USE;
/* The data live as long as the set, with a NUL behind them. SP_ENOENT. */
int fileset_get(const struct fileset *s, const char *name, const uint8_t **data,
                size_t *length) SP_MUST_USE;
/* The blob that was added as number `i` (from 0), in the same way. */
int fileset_at(const struct fileset *s, size_t i, const char **name,
               const uint8_t **data, size_t *length) SP_MUST_USE;
/* Forgets a blob, if it is there; what fileset_get() gave for it ends. */
void fileset_drop(struct fileset *s, const char *name);
/* Each blob of `some` takes the place of the one that `all` has under that
 * name, which goes to `some`: done twice it is as before. Needs no memory; all
 * or none: SP_ENOENT (a name that `all` has not), SP_ETOOBIG. */
int fileset_swap(struct fileset *all, struct fileset *some) SP_MUST_USE;
int fileset_seal(const struct fileset *s, int *memfd) SP_MUST_USE;
/* Does not take the descriptor. SP_EPROTO if unsealed or malformed. */
int fileset_from_fd(int memfd, struct fileset **s) SP_MUST_USE;

#endif
