/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `log export` writes and `log check-export` reads: one party's part of a
 * ledger in a folder that needs no ledger (docs/ledger.md, "Evidence").
 */
#ifndef SP_CTL_EVIDENCE_H
#define SP_CTL_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/numbers.h"
#include "lib/buf.h"
#include "policy/entry.h"

#define EVIDENCE_ENTRIES    "entries.jsonl"
#define EVIDENCE_CHECKPOINT "checkpoint"
#define EVIDENCE_COSIGNED   "checkpoint.cosigned"
#define EVIDENCE_KEY        "ledger.vkey"
#define EVIDENCE_ABOUT      "about.json"
#define EVIDENCE_STATEMENT  "statement.txt"
#define EVIDENCE_MANIFEST   "manifest.sha256"
#define EVIDENCE_PROOF      "proofs/%020llu.tlog-proof"

/* What is in an export; times in ms UTC, INT64_MAX: to the ledger's end. */
struct evidence_scope {
    char origin[256], party[80], version[32];
    int64_t from, to;
    uint64_t size; /* of the checkpoint */
    uint64_t entries, admitted, refused, ended;
};

/* Whose entries they are, met in the ledger's order. Ends, and the opening of
 * transcripts, follow their request, whenever they come; context (log.opened,
 * approvers.set, policy.loaded) is in every export. */
struct evidence_filter {
    const char *party;
    int64_t from, to;
    struct numbers open, taken; /* requests: those without an end yet; all */
};
/* True in *take. SP_ENOMEM. */
int evidence_take(struct evidence_filter *f, const struct entry *e,
                  bool *take) SP_MUST_USE;
void evidence_filter_release(struct evidence_filter *f);

/* A path below an export's folder that a manifest may name: letters, digits
 * and "-._/", no way out of the folder, no end of its line. */
bool evidence_name_is_good(const char *name);

/* The same scope gives the same bytes: nothing of the moment or the machine. */
int evidence_about(const struct evidence_scope *s, struct buf *out) SP_MUST_USE;
int evidence_statement(const struct evidence_scope *s,
                       struct buf *out) SP_MUST_USE;
/* Counts an entry that was taken. */
void evidence_count(struct evidence_scope *s, const struct entry *e);

#endif
