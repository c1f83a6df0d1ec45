/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cosignatures (C2SP tlog-cosignature v1.0.1, Ed25519): a witness says that at
 * a time this was the largest head of this log that it had seen and that all
 * heads it saw of it fit together.
 */
#ifndef SP_LEDGER_COSIGNATURE_H
#define SP_LEDGER_COSIGNATURE_H

#include "ledger/note.h"

/* The dash, name, base64 of 76 bytes, newline and NUL. */
#define COSIGNATURE_LINE_MAX (4 + NOTE_NAME_MAX + 1 + 104 + 2)

/* The signature line of a witness's key under a checkpoint's body (all of its
 * lines), with its newline and a NUL. `time` in seconds since 1970, at most
 * 2^63 - 1. SP_EINVAL: no such body; SP_ERANGE: the time; SP_EUNSUPPORTED: not
 * a witness's key. */
int cosignature_make(const struct note_signer *witness, const char *body,
                     size_t body_length, uint64_t time,
                     char line[COSIGNATURE_LINE_MAX],
                     size_t *length) SP_MUST_USE;

/* How many of `known` have cosigned the note; `times` (may be NULL) gets each
 * one's time, UINT64_MAX for those that have not. SP_ESIGNATURE: the line of a
 * known one fails, which spoils the whole note; SP_EUNSUPPORTED: one of `known`
 * is no witness's key; SP_EINVAL malformed. The log's own signature is not
 * looked at. */
int cosignature_count(const char *note, size_t length,
                      const struct note_verifier *known, size_t nknown,
                      uint64_t *times, unsigned *count) SP_MUST_USE;

/* Appends to a note the first line of each of `known` in `lines`, a witness's
 * answer; a line of a key that has one there already replaces nothing and is
 * passed over, as are unknown ones. `note` has room for `size` bytes.
 * SP_ESIGNATURE: a known one fails, nothing is appended; SP_EINVAL: not a row
 * of signature lines; SP_ETOOBIG. */
int cosignature_append(char *note, size_t size, size_t *length,
                       const char *lines, size_t lines_length,
                       const struct note_verifier *known, size_t nknown,
                       unsigned *added) SP_MUST_USE;

#endif
