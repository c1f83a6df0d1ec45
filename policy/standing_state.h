/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a standing, for standing.c and standing_due.c alone. */
#ifndef SP_POLICY_STANDING_STATE_H
#define SP_POLICY_STANDING_STATE_H

#include "lib/table.h"
#include "policy/standing.h"

#define SLOT_NONE UINT32_MAX
/* In people[]: whoever has not come yet. Always zero, and no key has it, so
 * that looking up what a newcomer did finds nothing. */
#define SLOT_NEWCOMER 0
/* Seconds that a person's rate looks back on, and the one that runs. */
#define RATE_SECONDS 61

/* A window that was opened, in the order of the ledger. */
struct window_state {
    char *id;
    uint32_t pair;
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

    struct table names; /* kind, and names, to slots */
    struct window_state *windows;
    size_t nwindows;
    int64_t *pairs; /* first opening of each, 0: never */
    size_t npairs;
    struct person_state *people;
    size_t npeople;
    uint32_t nterms;

    struct table spent; /* (window, terms, person) to index in counts[] */
    uint64_t *counts;
    size_t ncounts;

    struct open_request *requests; /* by n; closed ones until compacted */
    size_t nrequests, requests_room, requests_open;

    const struct policy *policy; /* bound, or NULL */
    struct bound_window *bound_windows;
    struct table bound_ids; /* of them, to their indices */
    uint32_t *bound_people; /* SLOT_NEWCOMER: nothing is known of that person */
    uint32_t *bound_terms;
    int64_t next_close, next_open;
};

/* The slot of names within a kind ('w'indow, 'x' pair, 'p'erson, 't'erms), or
 * SLOT_NONE. `b` may be "". */
uint32_t standing_slot(const struct standing *s, char kind, const char *a,
                       const char *b);
int standing_slot_pair(struct standing *s, const char *party, const char *model,
                       uint32_t *slot) SP_MUST_USE;
int standing_slot_person(struct standing *s, const char *party,
                         const char *person, uint32_t *slot) SP_MUST_USE;
int standing_slot_terms(struct standing *s, const char *terms,
                        uint32_t *slot) SP_MUST_USE;
/* The index in counts[] of what is spent; `person` SLOT_NONE: of all. */
int standing_spent_add(struct standing *s, uint32_t window, uint32_t terms,
                       uint32_t person, uint32_t *index) SP_MUST_USE;
uint32_t standing_spent_find(const struct standing *s, uint32_t window,
                             uint32_t terms, uint32_t person);

/* A person got a slot: from now on the bound policy's person of these names, if
 * there is one, has it. People without a request have none, so that a standing
 * grows with who comes and not with who might. */
void standing_bind_person(struct standing *s, const char *party,
                          const char *person, uint32_t slot);
/* A window of the bound policy was opened. SP_ENOMEM. */
int standing_bind_opened(struct standing *s, uint32_t state) SP_MUST_USE;
/* Computes when something is due again. */
void standing_schedule(struct standing *s);
void standing_unbind(struct standing *s);

#endif
