/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a standing, for standing.c and standing_due.c alone. */
#ifndef SP_POLICY_STANDING_STATE_H
#define SP_POLICY_STANDING_STATE_H

#include "lib/table.h"
#include "policy/standing.h"

#define SLOT_NONE UINT32_MAX
/* Seconds that a person's rate looks back on, and the one that runs. */
#define RATE_SECONDS 61

/* A window that was opened, in the order of the ledger. */
struct window_state {
    char *id;
    uint32_t pair, model;
    bool closed, by_policy;
    uint32_t bound; /* index in the bound policy, or SLOT_NONE */
    uint64_t requests;
    uint32_t open_requests;
};

struct person_state {
    uint32_t open_requests;
    int64_t second; /* the newest one that `admitted` holds */
    uint32_t admitted[RATE_SECONDS];
};

#define NO_ENTRY UINT64_MAX

/* What was ordered about a party, or about one of its people: the entry that
 * did it, or NO_ENTRY. */
struct hold_state {
    uint64_t suspended, revoked;
};

struct model_state {
    uint64_t released; /* the entry, or NO_ENTRY */
};

struct open_request {
    uint64_t n;
    uint32_t person;
    uint32_t window; /* SLOT_NONE: a local route */
    bool closed;
};

/* A window of the bound policy. */
struct bound_window {
    uint32_t state; /* in windows[], SLOT_NONE: never opened */
    uint32_t pair;
    uint32_t *spent; /* per terms of the window: index in counts[] */
};

struct standing {
    char error[256];
    uint64_t count;
    int64_t newest;
    bool loaded; /* there was a policy.loaded; which one: */
    uint32_t serial;
    uint8_t sha256[32];
    char successor[192]; /* what the next policy must say, for its author */
    struct approvers approvers; /* in force; none in a ledger of old */
    uint64_t approvers_n;       /* the entry that set them */

    struct table names; /* kind, and names, to slots */
    struct window_state *windows;
    size_t nwindows;
    int64_t *pairs; /* first opening of each, 0: never */
    size_t npairs;
    struct person_state *people;
    size_t npeople;
    uint32_t nterms;
    struct hold_state *holds;
    size_t nholds;
    size_t held; /* of them in force: while it is 0 nobody is looked up */
    struct model_state *models;
    size_t nmodels;

    struct table spent; /* (window, terms, person) to index in counts[] */
    uint64_t *counts;
    size_t ncounts;

    struct open_request *requests; /* by n; closed ones until compacted */
    size_t nrequests, requests_room, requests_open;

    const struct policy *policy; /* bound, or NULL */
    struct bound_window *bound_windows;
    uint32_t *bound_people;
    uint32_t *bound_terms;
    uint32_t *bound_holds;   /* by person; …                */
    uint32_t *bound_parties; /* …and by party, in holds[]   */
    uint32_t *bound_models;
    int64_t next_close, next_open, next_release;
};

/* Notes what contradicts what; returns SP_EINVAL. */
int standing_refuse(struct standing *s, const char *format, ...)
    SP_PRINTF(2, 3);

/* The slot of names within a kind ('w'indow, 'x' pair, 'p'erson, 't'erms,
 * 'h'old, 'm'odel), or SLOT_NONE. `b` may be "". */
uint32_t standing_slot(const struct standing *s, char kind, const char *a,
                       const char *b);
int standing_slot_pair(struct standing *s, const char *party, const char *model,
                       uint32_t *slot) SP_MUST_USE;
int standing_slot_person(struct standing *s, const char *party,
                         const char *person, uint32_t *slot) SP_MUST_USE;
int standing_slot_terms(struct standing *s, const char *terms,
                        uint32_t *slot) SP_MUST_USE;
/* `person` "": the whole party. */
int standing_slot_hold(struct standing *s, const char *party,
                       const char *person, uint32_t *slot) SP_MUST_USE;
int standing_slot_model(struct standing *s, const char *model,
                        uint32_t *slot) SP_MUST_USE;
/* The index in counts[] of what is spent; `person` SLOT_NONE: of all. */
int standing_spent_add(struct standing *s, uint32_t window, uint32_t terms,
                       uint32_t person, uint32_t *index) SP_MUST_USE;
uint32_t standing_spent_find(const struct standing *s, uint32_t window,
                             uint32_t terms, uint32_t person);

/* standing_orders.c: the kinds that end access, and give it back. */
int standing_apply_suspended(struct standing *s,
                             const struct entry *e) SP_MUST_USE;
int standing_apply_resumed(struct standing *s,
                           const struct entry *e) SP_MUST_USE;
int standing_apply_revoked(struct standing *s,
                           const struct entry *e) SP_MUST_USE;
int standing_apply_released(struct standing *s,
                            const struct entry *e) SP_MUST_USE;
/* Whether a request of this person may be admitted; SP_EINVAL. */
int standing_check_held(struct standing *s,
                        const struct entry_request *q) SP_MUST_USE;

/* A window of the bound policy was opened. SP_ENOMEM. */
int standing_bind_opened(struct standing *s, uint32_t state) SP_MUST_USE;
/* Computes when something is due again. */
void standing_schedule(struct standing *s);
void standing_unbind(struct standing *s);

#endif
