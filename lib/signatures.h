/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detached signatures that lie beside a file: `<file>.<key id>.minisig`.
 * They are collected into a fileset, so that a process without files can judge
 * them; which of them count is not said here.
 */
#ifndef SP_LIB_SIGNATURES_H
#define SP_LIB_SIGNATURES_H

#include "lib/file.h"
#include "lib/minisign.h"

#define SIGNATURES_SUFFIX ".minisig"

/* Adds every regular file `<path><anything>.minisig` to the set as
 * "<prefix><its name without folders>", in the order of their names, at most
 * LIMIT_SIGNATURES: first those whose name ends in the id of one of `keys`, so
 * that no number of others can crowd these out. One that cannot be read, or is
 * longer than a signature file can be, is added empty. SP_ENOENT, SP_EPERM or SP_EIO (the folder),
 * SP_ENOMEM, SP_ETOOBIG (the set is full). */
int signatures_collect(const char *path, const char *prefix,
                       const struct minisign_key *keys, size_t nkeys,
                       struct fileset *set) SP_MUST_USE;

/* The key id in a signature file's name: 16 digits between two dots before the
 * end. SP_EINVAL: there is none. */
int signatures_name_id(const char *name, uint8_t id[8]) SP_MUST_USE;

/* "<path>.<key id>.minisig", malloc'd; NULL: out of memory. */
char *signatures_path(const char *path, const uint8_t id[8]);

#endif
