/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proof to take away (C2SP tlog-proof): that one entry stands at one place
 * of a signed tree, in one file that needs no ledger to be checked.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>            perhaps; says nothing that is proven
 *     index <decimal>
 *     <base64 of a hash>        the inclusion path, the leaf's sibling first
 *     (empty line)
 *     <the signed checkpoint>
 */
#ifndef SP_LEDGER_PROOF_H
#define SP_LEDGER_PROOF_H

#include "ledger/ledger.h"
#include "lib/base64.h"

#define PROOF_EXTRA_MAX 65536 /* bytes, decoded */
#define PROOF_MAX                                                              \
    (BASE64_SIZE(PROOF_EXTRA_MAX) + 64 + MERKLE_PATH_MAX * 45 + NOTE_MAX)

struct proof {
    uint64_t index;
    struct merkle_path path;
    /* Of proof_parse(): into the text, which must outlive it. */
    const char *extra; /* base64 or NULL; not what is proven */
    size_t extra_length;
    const char *note;
    size_t note_length;
    struct checkpoint head; /* what the note says; signed by nobody yet */
};

/* Writes the proof of entry `index` in the view's tree, with a NUL. We put the
 * entry itself into the extra line (`with_entry`), so that one file is enough:
 * whoever checks hashes it. SP_ERANGE no such entry; SP_ETOOBIG; SP_ENOENT,
 * SP_EIO, SP_ECORRUPT of the files. */
int proof_write(struct ledger_view *v, uint64_t index, bool with_entry,
                char *text, size_t size, size_t *length) SP_MUST_USE;

/* Syntax only: SP_EINVAL with *line, from 1, of what is wrong. */
int proof_parse(const char *text, size_t length, struct proof *p,
                unsigned *line) SP_MUST_USE;

/* Whether `known` signed the head and the head has the entry there.
 * SP_ESIGNATURE; SP_ECORRUPT: signed, but another entry stands there. */
int proof_check(const struct proof *p, const struct note_verifier *known,
                size_t nknown, const void *entry, size_t length) SP_MUST_USE;

#endif
