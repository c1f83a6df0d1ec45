/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that the deployment's authority issued, and those that nothing
 * is admitted with any more: known by the SHA-256 of their DER, kept in the
 * order of the ledger, and forgotten long after they have run out. What is
 * revoked stays so. Runs in the keeper and in auditors' tools.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy/standing_state.h"

#define DAY_MS INT64_C(86400000)
/* After its end a certificate is refused as expired, whatever is known. */
#define KEEP_ISSUED_MS  (30 * DAY_MS)
#define KEEP_REVOKED_MS (366 * DAY_MS)

static const char *const causes[] = {"crl", "ocsp", "authority", "window_ended",
                                     "access_revoked"};
#define CAUSE_IS(r, word) (strcmp((r)->cause, (word)) == 0)

/* RFC 5280, section 5.3.1, but for removeFromCRL: nothing is un-revoked. */
static const char *const reasons[] = {
    "unspecified",        "keyCompromise",      "cACompromise",
    "affiliationChanged", "superseded",         "cessationOfOperation",
    "certificateHold",    "privilegeWithdrawn", "aACompromise"};

static bool is_word(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}
#define IS_WORD(text, words)                                                   \
    is_word(text, words, sizeof(words) / sizeof *(words))

bool certificate_reason_is_known(const char *reason)
{
    return IS_WORD(reason, reasons);
}

bool certificate_serial_is_good(const char *serial)
{
    size_t n = strlen(serial);

    return n > 0 && n < CERTIFICATE_SERIAL_SIZE &&
           strspn(serial, "0123456789abcdef") == n;
}

static void due_find(struct standing *s, size_t from);

/* ---- the list ---- */

static uint32_t certificate_find(const struct standing *s,
                                 const uint8_t sha256[32])
{
    return table_get(&s->certificate_slots, sha256, 32);
}

/* When nobody needs to know of it any more; whole days, so that the list is
 * gone through once a day at most. */
static int64_t forget_at(const struct certificate_state *c)
{
    int64_t keep = c->revoked == NO_ENTRY ? KEEP_ISSUED_MS : KEEP_REVOKED_MS;

    if (c->not_after == 0 || c->not_after > INT64_MAX - keep - DAY_MS)
        return INT64_MAX;
    return (c->not_after + keep + DAY_MS) / DAY_MS * DAY_MS;
}

static void forget_schedule(struct standing *s,
                            const struct certificate_state *c)
{
    int64_t at = forget_at(c);

    if (at < s->next_forget)
        s->next_forget = at;
}

int standing_certificate_add(struct standing *s,
                             const struct certificate_state *c)
{
    void *array = s->certificates;
    int r =
        standing_array_grow(&array, s->ncertificates, sizeof *s->certificates);

    s->certificates = array;
    if (r != 0 || (r = table_put(&s->certificate_slots, c->sha256, 32,
                                 (uint32_t)s->ncertificates)) != 0)
        return r;
    s->certificates[s->ncertificates++] = *c;
    s->nissued += c->person != SLOT_NONE;
    s->nrevoked += c->revoked != NO_ENTRY;
    forget_schedule(s, c);
    return 0;
}

void standing_certificates_free(struct standing *s)
{
    free(s->certificates);
    table_release(&s->certificate_slots);
    for (size_t i = 0; i < s->nparties; i++)
        free(s->parties[i].name);
    free(s->parties);
}

/* Everything again without those whose time is over. */
static int forget(struct standing *s, int64_t t)
{
    struct certificate_state *all = s->certificates;
    size_t count = s->ncertificates;
    int r = 0;

    if (t < s->next_forget)
        return 0;
    table_release(&s->certificate_slots);
    s->certificates = NULL;
    s->ncertificates = s->nissued = s->nrevoked = 0;
    s->next_forget = INT64_MAX;
    for (size_t i = 0; r == 0 && i < count; i++)
        if (t < forget_at(&all[i]))
            r = standing_certificate_add(s, &all[i]);
    free(all);
    standing_certificates_schedule(s);
    return r;
}

/* ---- what is asked ---- */

bool standing_certificate_is_revoked(const struct standing *s,
                                     const uint8_t sha256[32])
{
    uint32_t i;

    if (s->nrevoked == 0)
        return false;
    i = certificate_find(s, sha256);
    return i != TABLE_NONE && s->certificates[i].revoked != NO_ENTRY;
}

bool standing_certificate_has_ended(const struct standing *s,
                                    const uint8_t sha256[32])
{
    return standing_certificate_is_revoked(s, sha256) &&
           s->certificates[certificate_find(s, sha256)].ended;
}

bool standing_revocations_lost(const struct standing *s)
{
    return s->revocations_lost;
}

bool standing_certificates_full(const struct standing *s)
{
    return s->nissued >= LIMIT_CERTIFICATES;
}

bool standing_certificate(const struct standing *s, const uint8_t sha256[32],
                          struct standing_certificate *c)
{
    uint32_t i = certificate_find(s, sha256);
    const struct certificate_state *state;

    *c = (struct standing_certificate){0};
    if (i == TABLE_NONE)
        return false;
    state = &s->certificates[i];
    c->not_after = state->not_after;
    c->revoked = state->revoked != NO_ENTRY;
    c->entry = c->revoked ? state->revoked : 0;
    if (state->person == SLOT_NONE)
        return true;
    c->issued = true;
    c->serial = state->serial;
    c->party = s->people[state->person].party;
    c->person = s->people[state->person].person;
    return true;
}

/* ---- the entries ---- */

static int refuse(struct standing *s, const char *serial, const char *what)
{
    return standing_refuse(s, "certificate %.40s %s", serial, what);
}

/* One that was revoked before it was heard of that it was issued. */
static void issue_late(struct standing *s, uint32_t i,
                       const struct certificate_state *new)
{
    struct certificate_state *c = &s->certificates[i];
    uint64_t revoked = c->revoked;

    *c = *new;
    c->revoked = revoked;
    s->nissued++;
    forget_schedule(s, c);
}

int standing_apply_issued(struct standing *s, const struct entry *e)
{
    const struct entry_certificate_issued *is = &e->u.certificate_issued;
    struct certificate_state c = {.not_after = is->not_after,
                                  .recorded = e->n,
                                  .revoked = NO_ENTRY,
                                  .issued =
                                      is->issued < e->t ? is->issued : e->t};
    uint32_t i = certificate_find(s, is->sha256);
    size_t parties = s->nparties;
    int r;

    if (!certificate_serial_is_good(is->serial))
        return refuse(s, is->serial, "has a serial that is none");
    if (is->party[0] == 0 || is->person[0] == 0 || is->not_after <= 0)
        return refuse(s, is->serial, "is issued to nobody, or for no time");
    if (i != TABLE_NONE && s->certificates[i].person != SLOT_NONE)
        return refuse(s, is->serial, "is issued already");
    if (standing_certificates_full(s))
        return refuse(s, is->serial, "is one more than can be kept");
    if ((r = standing_slot_person(s, is->party, is->person, &c.person)) != 0 ||
        (r = standing_slot_party(s, is->party, &c.party)) != 0)
        return r;
    memcpy(c.sha256, is->sha256, 32);
    memcpy(c.serial, is->serial, strlen(is->serial) + 1);
    if (i != TABLE_NONE)
        issue_late(s, i, &c);
    else if ((r = standing_certificate_add(s, &c)) != 0)
        return r;
    if (s->nparties != parties || i != TABLE_NONE)
        standing_certificates_schedule(s);
    else if (s->due_certificate == SLOT_NONE)
        due_find(s, s->ncertificates - 1);
    return forget(s, e->t);
}

/* What only the deployment's own authority does is done to its own. */
static bool is_as_issued(const struct standing *s,
                         const struct certificate_state *c,
                         const struct entry_certificate_revoked *r)
{
    return strcmp(c->serial, r->serial) == 0 &&
           strcmp(s->people[c->person].party, r->party) == 0 &&
           r->person != NULL &&
           strcmp(s->people[c->person].person, r->person) == 0 &&
           c->not_after == r->not_after;
}

static bool access_is_revoked(const struct standing *s, const char *party,
                              const char *person)
{
    return standing_revoked(s, party, NULL, NULL) ||
           standing_revoked(s, party, person, NULL);
}

/* The causes that come by themselves: only so, and not to be worded. */
static bool is_by_itself(const struct entry_certificate_revoked *r)
{
    return CAUSE_IS(r, "window_ended") || CAUSE_IS(r, "access_revoked");
}

const char *
standing_revocation_objection(const struct standing *s,
                              const struct entry_certificate_revoked *r)
{
    uint32_t i = certificate_find(s, r->sha256);
    bool own = i != TABLE_NONE && s->certificates[i].person != SLOT_NONE;
    bool told = CAUSE_IS(r, "crl") || CAUSE_IS(r, "ocsp");

    if (!certificate_serial_is_good(r->serial))
        return "has a serial that is none";
    if (!IS_WORD(r->cause, causes))
        return "is revoked for no such cause";
    if (r->reason != NULL && !certificate_reason_is_known(r->reason))
        return "is revoked for no such reason";
    if (i != TABLE_NONE && s->certificates[i].revoked != NO_ENTRY)
        return "is revoked already";
    if (r->party[0] == 0 || told != r->has_issuer)
        return "is revoked by nobody, or nobody's";
    if (!told && (!own || !is_as_issued(s, &s->certificates[i], r)))
        return "is revoked, but was not issued so";
    if (CAUSE_IS(r, "access_revoked") &&
        !access_is_revoked(s, r->party, r->person))
        return "is revoked, but its holder's access is not";
    if (is_by_itself(r) && (r->by.known || r->words != NULL))
        return "is revoked by itself, and by somebody";
    return NULL;
}

/* With no room left it is known that one was lost, and nobody is let in. */
static int revoke_other(struct standing *s, const struct entry *e)
{
    const struct entry_certificate_revoked *r = &e->u.certificate_revoked;
    struct certificate_state c = {
        .person = SLOT_NONE, .not_after = r->not_after, .revoked = e->n};

    if (s->ncertificates - s->nissued >= LIMIT_CERTIFICATES) {
        s->revocations_lost = true;
        return 0;
    }
    memcpy(c.sha256, r->sha256, 32);
    return standing_certificate_add(s, &c);
}

int standing_apply_certificate_revoked(struct standing *s,
                                       const struct entry *e)
{
    const struct entry_certificate_revoked *r = &e->u.certificate_revoked;
    uint32_t i = certificate_find(s, r->sha256);
    const char *objection = standing_revocation_objection(s, r);
    int error = 0;

    if (objection != NULL)
        return refuse(s, r->serial, objection);
    if (i == TABLE_NONE) {
        error = revoke_other(s, e);
    } else {
        s->certificates[i].revoked = e->n;
        s->certificates[i].ended = is_by_itself(r);
        s->nrevoked++;
        if (s->due_certificate == i)
            due_find(s, i + 1);
    }
    return error != 0 ? error : forget(s, e->t);
}

/* Nothing depends on them; that they can be meant is all. */
int standing_apply_matched(struct standing *s, const struct entry *e)
{
    const struct entry_certificate_matched *m = &e->u.certificate_matched;

    if (!certificate_serial_is_good(m->serial) || m->party[0] == 0 ||
        m->person[0] == 0 || m->rule[0] == 0)
        return refuse(s, m->serial, "is recognised as nobody");
    return 0;
}

int standing_apply_crl_loaded(struct standing *s, const struct entry *e)
{
    static const char *const sources[] = {"file", "fetched", "authority"};
    const struct entry_crl_loaded *c = &e->u.crl_loaded;

    if (!IS_WORD(c->source, sources) ||
        (c->number != NULL &&
         (c->number[0] == 0 || strlen(c->number) > 40 ||
          strspn(c->number, "0123456789") != strlen(c->number))))
        return standing_refuse(s, "a revocation list from nowhere");
    return 0;
}

/* ---- what is due ---- */

/* Which parties no window is open for, or may still open. An auditor has no
 * windows to end. */
static void parties_look(struct standing *s)
{
    const struct policy *p = s->policy;

    for (size_t i = 0; i < s->nparties; i++) {
        int bound = policy_find_party(p, s->parties[i].name);

        s->parties[i].gone = bound < 0;
        s->parties[i].over =
            bound < 0 || p->parties[bound].kind != PARTY_AUDITOR;
    }
    for (size_t i = 0; i < s->nwindows; i++)
        if (!s->windows[i].closed)
            s->parties[s->windows[i].party].over = false;
    for (uint32_t i = 0; i < p->nwindows; i++) {
        uint32_t party =
            standing_slot(s, 'o', p->parties[p->windows[i].party].name, "");

        if (party != SLOT_NONE && standing_window_may_open(s, i))
            s->parties[party].over = false;
    }
}

/* Of a party whose windows were over before it was issued nothing ends. */
static bool window_has_ended(const struct standing *s,
                             const struct certificate_state *c)
{
    const struct party_state *party = &s->parties[c->party];

    return party->over && (c->issued < party->ended ||
                           (party->gone && c->recorded < s->loaded_n));
}

static bool is_due(const struct standing *s, const struct certificate_state *c)
{
    return c->person != SLOT_NONE && c->revoked == NO_ENTRY &&
           (s->people[c->person].revoked || window_has_ended(s, c));
}

/* None before `from` is. */
static void due_find(struct standing *s, size_t from)
{
    s->due_certificate = SLOT_NONE;
    for (size_t i = from; s->policy != NULL && i < s->ncertificates; i++)
        if (is_due(s, &s->certificates[i])) {
            s->due_certificate = (uint32_t)i;
            return;
        }
}

void standing_certificates_schedule(struct standing *s)
{
    if (s->policy != NULL)
        parties_look(s);
    due_find(s, 0);
}

bool standing_certificate_due(const struct standing *s, struct entry *e)
{
    struct entry_certificate_revoked *r = &e->u.certificate_revoked;
    const struct certificate_state *c;
    bool held;

    if (s->due_certificate == SLOT_NONE)
        return false;
    c = &s->certificates[s->due_certificate];
    held = s->people[c->person].revoked;
    e->kind = ENTRY_CERTIFICATE_REVOKED;
    memcpy(r->sha256, c->sha256, 32);
    r->serial = c->serial;
    r->party = s->people[c->person].party;
    r->person = s->people[c->person].person;
    r->not_after = c->not_after;
    r->cause = held ? "access_revoked" : "window_ended";
    r->reason = held ? "privilegeWithdrawn" : "cessationOfOperation";
    return true;
}
