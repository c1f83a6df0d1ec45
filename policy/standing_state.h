/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a standing, for standing*.c alone. */
#ifndef SP_POLICY_STANDING_STATE_H
#define SP_POLICY_STANDING_STATE_H

#include "lib/table.h"
#include "policy/standing.h"
#include "policy/watch.h"

#define SLOT_NONE UINT32_MAX
/* In people[]: whoever has not come yet. Always zero, and no key has it, so
 * that looking up what a newcomer did finds nothing. */
#define SLOT_NEWCOMER 0

/* A party that had a window or a certificate, in the order of the ledger. */
struct party_state {
    char *name;
    int64_t ended;   /* when its newest window.closed was written, 0: never */
    bool over, gone; /* of the bound policy: no window of it is open or to
                        come; it is not in there at all */
};

#define CERTIFICATE_SERIAL_SIZE 41 /* 20 bytes in hex (RFC 5280) and a NUL */

/* Issued by the deployment's authority, revoked, or both. */
struct certificate_state {
    uint8_t sha256[32];
    char serial[CERTIFICATE_SERIAL_SIZE];
    uint32_t person; /* in people[]; SLOT_NONE: another authority's, of which
                        nothing but hash, not_after and revoked is known */
    uint32_t party;  /* in parties[] */
    int64_t issued, not_after; /* not_after 0: unknown */
    uint64_t recorded;         /* the entry that says that it was issued */
    uint64_t revoked;          /* the entry, or NO_ENTRY */
    bool ended; /* revoked by itself: with a window, or its holder's access */
};

/* A window that was opened, in the order of the ledger. */
struct window_state {
    char *id;
    uint32_t party, pair, model;
    bool closed, by_policy;
    uint32_t bound; /* index in the bound policy, or SLOT_NONE */
    uint64_t requests;
    uint32_t open_requests;
    uint64_t refused, input_tokens, output_tokens, content_bytes;
    uint64_t statement;           /* the entry that sums it up; 0: none yet */
    int64_t noticed_end, noticed; /* of the newest window.notice: the end that
                                     it told of, and how long before; 0: none */
};

struct person_state {
    char *party, *person; /* names */
    struct watch *watch;  /* NULL: nothing was asked yet */
    int64_t own_minute;   /* since 1970: the one that `own_admitted` counts */
    uint32_t own_admitted;
    uint32_t own_open;
    bool revoked; /* access is, the person's or the party's: as holds[] say */
};

#define NO_ENTRY UINT64_MAX

/* Of a key of names: a kind, two names and a NUL. */
#define KEY_MAX 1024

/* Of places. Which scope one is of follows from what its key leaves out; a
 * model's has it in `terms`. */
struct place_key {
    uint32_t window, terms, person;
};

/* Of acceptances. A version is its hash: two documents of the same bytes are
 * one. */
struct accepted_key {
    uint32_t person;
    uint8_t sha256[32];
};
_Static_assert(sizeof(struct accepted_key) == 36, "a key has no padding");

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
    enum route route;
    bool closed;
    uint8_t place; /* of its address in the person's watch */
    struct cost reserve;
    uint32_t spent[SCOPE_COUNT]; /* places in spent[], or SLOT_NONE */
};

/* A window of the bound policy. */
struct bound_window {
    uint32_t state; /* in windows[], SLOT_NONE: never opened */
    uint32_t pair;
};

struct standing {
    char error[256];
    char **keys; /* that sign, or did: the last one does */
    size_t nkeys;
    uint64_t count;
    int64_t newest;
    bool loaded; /* there was a policy.loaded; which one: */
    uint32_t serial;
    uint8_t sha256[32];
    uint64_t loaded_n;   /* the entry since which it is this one */
    char successor[192]; /* what the next policy must say, for its author */
    struct approvers approvers; /* in force; none in a ledger of old */
    uint64_t approvers_n;       /* the entry that set them */

    struct table names; /* kind, and names, to slots */
    struct window_state *windows;
    size_t nwindows;
    size_t unsaid;  /* of them, closed and not summed up */
    int64_t *pairs; /* first opening of each, 0: never */
    size_t npairs;
    struct person_state *people;
    size_t npeople;
    uint32_t nwords;
    struct hold_state *holds;
    size_t nholds;
    size_t held; /* of them in force: while it is 0 nobody is looked up */
    struct model_state *models;
    size_t nmodels;

    struct party_state *parties;
    size_t nparties;
    struct table certificate_slots; /* SHA-256 to index in certificates[] */
    struct certificate_state *certificates;
    size_t ncertificates, nissued, nrevoked;
    bool revocations_lost;    /* one found no room: nobody is let in */
    int64_t next_forget;      /* when one of them need not be known any more */
    uint32_t due_certificate; /* the first to revoke, or SLOT_NONE */

    struct table places; /* (window, terms, person) to place in spent[] */
    struct spent *spent;
    size_t nspent;

    struct table accepted; /* (person, SHA-256) to index in acceptances[] */
    struct standing_acceptance *acceptances;
    size_t nacceptances;
    uint64_t finding;      /* the newest that is filed in parts … */
    uint32_t finding_part; /* … and how far it is */

    struct open_request *requests; /* by n; closed ones until compacted */
    size_t nrequests, requests_room, requests_open;
    uint32_t touched; /* in people[]: whose request came or ended last */

    const struct policy *policy; /* bound, or NULL */
    struct bound_window *bound_windows;
    struct table bound_ids; /* of them, to their indices */
    uint32_t *bound_people; /* SLOT_NEWCOMER: nothing is known of that person */
    uint32_t *bound_terms;
    uint32_t *bound_models;
    int64_t next_close, next_open, next_release, next_notice;
};

/* SP_EINVAL, with the text that standing_error() gives. */
int standing_refuse(struct standing *s, const char *format, ...)
    SP_PRINTF(2, 3);
/* Room for one more element behind `count`; grows at powers of two. */
int standing_array_grow(void **array, size_t count, size_t size) SP_MUST_USE;
/* The open request of that entry, or NULL. */
const struct open_request *standing_request_open(const struct standing *s,
                                                 uint64_t n);

/* What entries do, and a snapshot again. `id` and names have no slot yet;
 * SP_ENOMEM. */
int standing_window_add(struct standing *s, const char *id, uint32_t pair,
                        uint32_t model) SP_MUST_USE;
int standing_request_add(struct standing *s,
                         const struct open_request *q) SP_MUST_USE;
int standing_key_add(struct standing *s, const char *vkey) SP_MUST_USE;
int standing_watch_need(struct person_state *p) SP_MUST_USE;
void standing_successor_fill(struct standing *s);

/* standing_own.c: the entries of the gateway's own routes. */
int standing_apply_nda_accepted(struct standing *s,
                                const struct entry *e) SP_MUST_USE;
int standing_apply_finding_filed(struct standing *s,
                                 const struct entry *e) SP_MUST_USE;
void standing_own_count(struct person_state *p, int64_t t);

/* The slot of names within a kind ('w'indow, 'x' pair, 'p'erson, 't'erms,
 * 'h'old, 'm'odel, 'o'rganisation), or SLOT_NONE. `b` may be "". */
uint32_t standing_slot(const struct standing *s, char kind, const char *a,
                       const char *b);
int standing_slot_pair(struct standing *s, const char *party, const char *model,
                       uint32_t *slot) SP_MUST_USE;
int standing_slot_person(struct standing *s, const char *party,
                         const char *person, uint32_t *slot) SP_MUST_USE;
int standing_slot_party(struct standing *s, const char *party,
                        uint32_t *slot) SP_MUST_USE;
/* Terms ('t') have no state of their own. */
int standing_slot_word(struct standing *s, char kind, const char *word,
                       uint32_t *slot) SP_MUST_USE;

/* standing_spend.c: what a request spends and reserves, by slots. */
int standing_place_need(struct standing *s, struct place_key key, bool minute,
                        uint32_t *place) SP_MUST_USE;
int standing_spend_admit(struct standing *s, struct open_request *q,
                         const struct entry *e) SP_MUST_USE;
void standing_spend_settle(struct standing *s, const struct open_request *q,
                           const struct entry *e);
void standing_spend_free(struct standing *s);

/* A person got a slot: from now on the bound policy's person of these names, if
 * there is one, has it. People without a request have none, so that a standing
 * grows with who comes and not with who might. */
void standing_bind_person(struct standing *s, const char *party,
                          const char *person, uint32_t slot);

/* standing_due.c: the sum of a window. */
int standing_apply_statement(struct standing *s,
                             const struct entry *e) SP_MUST_USE;

/* `person` "": the whole party. */
int standing_slot_hold(struct standing *s, const char *party,
                       const char *person, uint32_t *slot) SP_MUST_USE;
int standing_slot_model(struct standing *s, const char *model,
                        uint32_t *slot) SP_MUST_USE;

/* standing_orders.c: the kinds that end access, and give it back. */
int standing_apply_suspended(struct standing *s,
                             const struct entry *e) SP_MUST_USE;
int standing_apply_resumed(struct standing *s,
                           const struct entry *e) SP_MUST_USE;
int standing_apply_revoked(struct standing *s,
                           const struct entry *e) SP_MUST_USE;
int standing_apply_released(struct standing *s,
                            const struct entry *e) SP_MUST_USE;
/* standing_trip.c: a tripwire told of something; what led to it is forgotten of
 * a person, or of a whole party (NULL). */
int standing_apply_alerted(struct standing *s,
                           const struct entry *e) SP_MUST_USE;
void standing_forget(struct standing *s, const char *party, const char *person);

/* standing_certificates.c: what is issued and what is revoked. */
int standing_apply_issued(struct standing *s,
                          const struct entry *e) SP_MUST_USE;
int standing_apply_certificate_revoked(struct standing *s,
                                       const struct entry *e) SP_MUST_USE;
int standing_apply_matched(struct standing *s,
                           const struct entry *e) SP_MUST_USE;
int standing_apply_crl_loaded(struct standing *s,
                              const struct entry *e) SP_MUST_USE;
/* Its hash is not there yet. */
int standing_certificate_add(struct standing *s,
                             const struct certificate_state *c) SP_MUST_USE;
void standing_certificates_free(struct standing *s);
/* Computes again which one is to be revoked first. */
void standing_certificates_schedule(struct standing *s);
bool standing_certificate_due(const struct standing *s, struct entry *e);

/* standing_due.c: when a window of the bound policy ends: as it says, but not
 * past 30 days from the pair's first opening (P3), its own included. */
int64_t standing_window_end(const struct standing *s, uint32_t window);
bool standing_window_is_released(const struct standing *s,
                                 const struct window_state *w);

/* standing_notice.c: that windows end soon. */
int standing_apply_notice(struct standing *s,
                          const struct entry *e) SP_MUST_USE;
bool standing_notice_due(const struct standing *s, int64_t now,
                         struct entry *e);
/* When it is next due; INT64_MAX: never. */
int64_t standing_notice_next(const struct standing *s);

/* standing_due.c: whether a window of the bound policy was never opened, and
 * something is left of it to open. */
bool standing_window_may_open(const struct standing *s, uint32_t window);

/* Whether a request of this person may be admitted; SP_EINVAL. */
int standing_check_held(struct standing *s,
                        const struct entry_request *q) SP_MUST_USE;

/* A window of the bound policy was opened. SP_ENOMEM. */
int standing_bind_opened(struct standing *s, uint32_t state) SP_MUST_USE;
/* Computes when something is due again. */
void standing_schedule(struct standing *s);
void standing_unbind(struct standing *s);

#endif
