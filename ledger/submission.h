/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's side of C2SP tlog-witness: what is handed to a witness, and what
 * its answer means. A witness that says the ledger does not extend what it
 * cosigned is what a forked log would hear: that is never mistaken for an
 * outage.
 */
#ifndef SP_LEDGER_SUBMISSION_H
#define SP_LEDGER_SUBMISSION_H

#include "ledger/ledger.h"

#define SUBMISSION_MAX 16384

/* The body of add-checkpoint for a note over the head of `v`, from a head of
 * `old` entries; a NUL behind it. SP_ERANGE: old is larger; SP_ETOOBIG,
 * SP_ECORRUPT, SP_ENOENT, SP_EIO (the tiles). */
int submission_make(struct ledger_view *v, const char *note, size_t note_length,
                    uint64_t old, char body[SUBMISSION_MAX + 1],
                    size_t *length) SP_MUST_USE;

enum submission_answer {
    SUBMISSION_COSIGNED, /* 200: verify what it says */
    SUBMISSION_STALE,    /* it has cosigned another size: try from that one */
    SUBMISSION_FORK,     /* what it has seen of this log does not fit ours */
    SUBMISSION_REFUSED   /* anything else: not known there, an outage, … */
};

/* What an answer means. `old` was said, `newest` is the size of the newest
 * head that we have signed by now. With SUBMISSION_STALE, *size is what the
 * witness has. `why` gets a constant text. */
enum submission_answer submission_judge(unsigned status, const char *body,
                                        size_t length, uint64_t old,
                                        uint64_t newest, uint64_t *size,
                                        const char **why);

#endif
