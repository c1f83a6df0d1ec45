/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that follows from the ledger so far: which windows are open and
 * since when each pair of party and model counts its 30 days, what is spent,
 * which requests are open. The one way to change it is to apply an entry,
 * in the running keeper exactly as in a replay (P5).
 *
 * Names are resolved to slots once per policy, so that a decision costs no
 * look-up of texts.
 */
#ifndef SP_POLICY_STANDING_H
#define SP_POLICY_STANDING_H

#include "policy/approvers.h"
#include "policy/entry.h"
#include "policy/facts.h"
#include "policy/policy.h"

struct standing;

struct standing *standing_new(void); /* NULL: out of memory */
void standing_free(struct standing *s);

/* Applies one entry; entries come in order, each once. SP_EINVAL: the entry
 * contradicts what came before (a second end, an unknown window, time going
 * back …), with a text in standing_error(). SP_ENOMEM. */
int standing_apply(struct standing *s, const struct entry *e) SP_MUST_USE;
const char *standing_error(const struct standing *s);

/* Resolves the policy's names. The policy must be the one of the newest
 * policy.loaded entry (same hash) and must outlive the standing or the next
 * bind. SP_EINVAL, SP_ENOMEM. */
int standing_bind(struct standing *s, const struct policy *p) SP_MUST_USE;

/* May this policy follow the one in force? REASON is a text for the operator:
 * a serial that does not grow, the same serial with other bytes, `replaces`
 * that is missing or names another policy. NULL: it may, if it is approved. The
 * same policy again may. */
const char *standing_policy_objection(const struct standing *s,
                                      const struct policy *p);
/* True if exactly this policy is the newest one loaded. */
bool standing_policy_is_current(const struct standing *s,
                                const struct policy *p);

/* The approvers in force and the entry that set them; NULL: no entry has. */
const struct approvers *standing_approvers(const struct standing *s,
                                           uint64_t *n);

/* The key that signs from here on, as a C2SP vkey; NULL: no entry yet. Whether
 * this one did and was replaced: then it signs nothing more. */
const char *standing_key(const struct standing *s);
bool standing_key_was_replaced(const struct standing *s, const char *vkey);

uint64_t standing_count(const struct standing *s); /* entries applied */
int64_t
standing_newest(const struct standing *s); /* t of the newest, 0: none */
size_t standing_open_requests(const struct standing *s);
/* The open request with the smallest index ≥ `from`; UINT64_MAX if none. */
uint64_t standing_next_open(const struct standing *s, uint64_t from);

/* What time makes due at `now`: the next window.opened, window.closed,
 * model.released, certificate.revoked or window.notice entry to append and
 * apply (call until false). Fills kind and its fields, with texts that live as long as the bound
 * policy and the standing; not n and t. `may_open` is false while the clock
 * settles: then only closings are due. */
bool standing_due(const struct standing *s, int64_t now, bool may_open,
                  struct entry *e);
/* The sum of a closed window whose requests have all ended, if one is due; the
 * same way. It need not be written at once: nothing depends on it. */
bool standing_statement_due(const struct standing *s, struct entry *e);
/* When standing_due() will next have something, INT64_MAX if never; in the past
 * while something is due (an opening stays due while the clock settles). */
int64_t standing_next_due(const struct standing *s);

/* One window of the bound policy, for decisions, status and tools. All zero
 * if no policy is bound. */
struct standing_window {
    bool opened, closed;
    bool by_policy;       /* closed, and not because its time was over */
    bool never;           /* the pair's 30 days are over before it opens (P3),
                             or the model is released */
    bool released;        /* the model is: no window of it is open any more */
    int64_t closes;       /* what holds: with P3 applied */
    int64_t first_opened; /* of the pair, 0: never */
    uint64_t requests;    /* admitted in it, under all terms */
    uint64_t statement;   /* the entry that sums it up; 0: none yet */
    uint32_t open_requests;
};
void standing_window(const struct standing *s, uint32_t window,
                     struct standing_window *w);

/* What is spent, by indices of the bound policy. */
enum spent_scope {
    SCOPE_WINDOW,        /* terms of a window, all people together */
    SCOPE_WINDOW_PERSON, /* one person under them; no minute is kept */
    SCOPE_PERSON,        /* one person, whatever the window */
    SCOPE_MODEL,         /* all parties and windows of a model */
    SCOPE_COUNT
};

struct standing_place {
    uint32_t window, model, person;
    size_t terms; /* within the window's own list */
};

/* NULL: nothing was ever spent there. Lives until the next entry. */
const struct spent *standing_spent(const struct standing *s,
                                   enum spent_scope scope,
                                   const struct standing_place *at);
/* Addresses that open requests of one person come from, `address` with them. */
uint32_t standing_person_addresses(const struct standing *s, uint32_t person,
                                   const char *address);

/* When a person (index of the bound policy) accepted a document's version. */
struct standing_acceptance {
    uint64_t n; /* of the nda.accepted entry */
    int64_t t;
};
/* False: never. */
bool standing_accepted(const struct standing *s, uint32_t person,
                       const uint8_t sha256[32], struct standing_acceptance *a);
/* The gateway's own routes: requests of one person admitted in the minute of
 * the clock that `now` is in, and those that are open. */
uint32_t standing_own_minute(const struct standing *s, uint32_t person,
                             int64_t now);
uint32_t standing_own_open(const struct standing *s, uint32_t person);

/* What was ordered, by names: it outlives policies and restarts, and holds for
 * a name that comes back. `person` NULL: the whole party (a person of a party
 * that is suspended is not suspended). *entry (may be NULL) is the entry that
 * did it, to be named when it is undone. */
bool standing_suspended(const struct standing *s, const char *party,
                        const char *person, uint64_t *entry);
bool standing_revoked(const struct standing *s, const char *party,
                      const char *person, uint64_t *entry);
bool standing_released(const struct standing *s, const char *model,
                       uint64_t *entry);
/* Whether policy or ledger have ever named them: an order about a name that
 * nobody has is a slip. */
bool standing_knows_person(const struct standing *s, const char *party,
                           const char *person);
bool standing_knows_model(const struct standing *s, const char *model);
/* The id of the open window that `target` is the id of, or the "party/model"
 * of; NULL if none is open. Lives as long as the standing. */
const char *standing_open_window(const struct standing *s, const char *target);

/* The same by indices of the bound policy, for decisions: why a person may do
 * nothing now (REASON_ACCESS_REVOKED, REASON_PERSON_SUSPENDED), of the person's
 * own account or the party's; REASON_NONE. */
enum reason standing_person_held(const struct standing *s, uint32_t party,
                                 uint32_t person);
bool standing_model_released(const struct standing *s, uint32_t model);
/* Requests to models that are open and would be cut; UINT32_MAX: any. */
struct standing_scope {
    uint32_t window, model, party, person; /* of the bound policy */
};
uint32_t standing_open_in(const struct standing *s,
                          const struct standing_scope *scope);

/* Certificates, by the SHA-256 of their DER. Those that were issued here are
 * revoked by themselves (standing_due) when the last window of their party has
 * ended, or its or their holder's access is revoked. */
bool standing_certificate_is_revoked(const struct standing *s,
                                     const uint8_t sha256[32]);
/* Whether it is revoked only because a window, or its holder's access, has
 * ended: then that is what its holder is told, if it is still so. */
bool standing_certificate_has_ended(const struct standing *s,
                                    const uint8_t sha256[32]);
/* A revocation found no room, so nobody can be vouched for any more. */
bool standing_revocations_lost(const struct standing *s);
/* No further certificate.issued is taken (LIMIT_CERTIFICATES). */
bool standing_certificates_full(const struct standing *s);
struct standing_certificate {
    bool issued;        /* by the deployment's authority; else texts are NULL */
    const char *serial; /* as long as no entry is applied */
    const char *party, *person;
    int64_t not_after; /* 0: unknown */
    bool revoked;
    uint64_t entry; /* that revoked it */
};
/* False: nothing is known of it. One is forgotten 30 days after it has run out,
 * a revoked one after a year more. */
bool standing_certificate(const struct standing *s, const uint8_t sha256[32],
                          struct standing_certificate *c);
/* Why a certificate cannot be revoked so, in words; NULL: it can. */
const char *
standing_revocation_objection(const struct standing *s,
                              const struct entry_certificate_revoked *r);
/* What entries may say: lower-case hex, at most 40 digits; one of RFC 5280's
 * reasons, in its own words, but for removeFromCRL. */
bool certificate_serial_is_good(const char *serial);
bool certificate_reason_is_known(const char *reason);

/* A tripwire of the bound policy that the newest request entry (its admission,
 * refusal or end) has set off and that nothing was done about yet. What is to
 * be done is an entry: person.suspended with cause "tripwire:<name>", or
 * tripwire.alerted; then there may be another one. Texts live until the next
 * entry. */
struct standing_trip {
    const struct policy_tripwire *tripwire;
    const char *party, *person;
    uint64_t value;
};
bool standing_tripped(const struct standing *s, int64_t now,
                      struct standing_trip *trip);

/* The bound policy, NULL if none is. */
const struct policy *standing_policy(const struct standing *s);

#endif
