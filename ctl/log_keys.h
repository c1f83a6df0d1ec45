/* SPDX-License-Identifier: Apache-2.0 */
/* Which key signs a ledger from which entry on (docs/ledger.md, "Another
 * key"). */
#ifndef SP_CTL_LOG_KEYS_H
#define SP_CTL_LOG_KEYS_H

#include "ledger/ledger.h"
#include "policy/entry.h"

#define LOG_HANDOVERS    "handovers" /* in the ledger's folder: <n, decimal> */
#define HANDOVER_PATH    40
#define PROBLEM_TEXT_MAX 300

struct log_keys {
    struct log_key {
        char vkey[NOTE_KEY_TEXT_MAX];
        uint64_t n; /* the entry that names it: it signs what covers it */
    } * list;
    size_t count;
};

void log_keys_release(struct log_keys *k);

/* Takes what log.opened and log.rekeyed say; other entries say nothing. Each
 * key replaces the one before. SP_ECORRUPT with *problem; SP_ENOMEM. */
int log_keys_take(struct log_keys *k, const struct entry *e,
                  const char **problem) SP_MUST_USE;

/* The key of a head of that size; NULL: none is known. */
const struct log_key *log_keys_at(const struct log_keys *k, uint64_t size);

/* The tree of `v` was verified and all its entries were taken. Whether its head
 * is signed by the key of its size, and whether who knows `known` only has a
 * reason to believe in that key: each that followed was handed over to by a
 * head that both signed. SP_ESIGNATURE, SP_ECORRUPT, … with problem. */
int log_keys_verify(const struct log_keys *k, struct ledger_view *v, int folder,
                    const struct note_verifier *known,
                    char problem[PROBLEM_TEXT_MAX]) SP_MUST_USE;

/* Whether `note` is the handover at entry n: a head of the n + 1 entries of
 * `v`, signed by both. */
int log_handover_check(struct ledger_view *v, const char *note, size_t length,
                       uint64_t n, const char *before,
                       const char *after) SP_MUST_USE;

void log_handover_path(uint64_t n, char path[HANDOVER_PATH]);

#endif
