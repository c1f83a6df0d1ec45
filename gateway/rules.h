/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds for requests: the settings, the policy, and all that a worker
 * makes of them. A reload that changes them brings new rules; a request that
 * was decided under the old ones ends under these (docs/operators.md). So rules
 * are counted by who needs them, and older ones know which of their indices
 * mean the same in the newest.
 */
#ifndef SP_GATEWAY_RULES_H
#define SP_GATEWAY_RULES_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/messages.h"
#include "gateway/snapshot.h"

struct answer_rule;
struct endpoints;
struct identities;
struct shares;
struct worker;

/* Rules that a worker can have at once. Each older one has streams that began
 * under it; one more is not taken before one of them has ended. */
#define RULES_MAX 64

/* When a window ends, as the newest exchange in it was told; for what answers
 * that are over left unsent. */
struct window_end {
    int64_t boot; /* INT64_MAX: nothing was admitted since */
    int64_t wall;
    enum reason reason; /* the window's own end, or the model's release */
};

/* Of older rules: what their indices are called now; VERDICT_NONE: it is not
 * there any more. */
struct rules_now {
    uint32_t *windows, *models, *parties, *people;
};

struct rules {
    struct rules *older; /* in worker->rules, newest first */
    struct worker *worker;
    uint64_t number; /* grows with each that is taken over; 0: the start's */
    unsigned users;
    struct snapshot snapshot;
    const struct settings *settings;
    const struct policy *policy;
    struct identities *identities;
    SSL_CTX *tls[SETTINGS_LISTENERS_MAX]; /* of each listener */
    const char ***answer_removals;        /* by terms, of the rules */
    struct answer_rule *answer_rules;     /* by model and terms */
    int64_t *body_limits;  /* by party: the largest of its terms */
    struct shares *shares; /* of each party, of what there is once */
    struct endpoints *endpoints;
    struct window_end *ends; /* by window */
    struct rules_now now;    /* all NULL in the newest */
};

/* Takes the snapshot, whatever is returned. SP_EINVAL, SP_ENOMEM, SP_ECRYPTO
 * with `problem`. */
int rules_new(struct worker *w, uint64_t number, struct snapshot *s,
              char problem[256], struct rules **rules) SP_MUST_USE;
/* Of rules that nobody has taken over. */
void rules_free(struct rules *r);

/* Makes them the newest. SP_ENOMEM: they are not. */
int rules_take_over(struct worker *w, struct rules *r) SP_MUST_USE;
/* How many there are; above RULES_MAX none is taken. */
unsigned rules_count(const struct worker *w);

/* One more needs them; one less. The newest are never given up. */
struct rules *rules_hold(struct rules *r);
void rules_drop(struct rules *r);
bool rules_are_newest(const struct rules *r);
/* By the policy alone, ms UTC; the model's release counts. */
int64_t rules_window_closes(const struct rules *r, uint32_t window);

/* Whether what was decided under `mine` is among those that `c` means, whose
 * indices are of `of`: the newest, or `mine` itself; of others nothing is. */
bool rules_cut_takes(const struct rules *of, const struct cut *c,
                     const struct rules *mine, uint32_t window, uint32_t model,
                     uint32_t party, uint32_t person,
                     const uint8_t certificate[32]);

#endif
