/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every decision again, from entries and policies alone (P6). Runs in
 * auditors' tools. An entry is looked at in three turns: is it what follows
 * from the standing before it, does the standing take it, and what must now
 * follow it. Entries and policies may be anybody's.
 */
#include "policy/replay.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/approval.h"
#include "policy/standing_snapshot.h"

/* How far the entries tell what the keeper's clock was like. */
enum clock_told {
    TOLD_GOOD,
    TOLD_BEHIND,
    TOLD_STEPPED /* forward: windows may not have opened for a while */
};

struct replay {
    struct entry_reader reader;
    struct standing *s;
    struct policy *policy; /* bound; ours */
    replay_policy_fn *get;
    void *arg;
    enum clock_told clock;
    bool trip_due; /* the next entry must tell of it, or suspend */
    uint64_t trip_of;
    struct standing_trip trip;
    const char *line; /* of this entry */
    size_t length;
    char derived[LIMIT_ENTRY_BYTES];
    int64_t missed_end, missed_before; /* the newest missed notice */
    struct replay_counts counts;
    struct replay_difference difference;
};

struct replay *replay_new(replay_policy_fn *policy, void *arg)
{
    struct replay *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->get = policy;
    r->arg = arg;
    entry_reader_init(&r->reader);
    r->s = standing_new();
    if (r->s == NULL) {
        replay_free(r);
        return NULL;
    }
    return r;
}

void replay_free(struct replay *r)
{
    if (r == NULL)
        return;
    standing_free(r->s);
    policy_free(r->policy);
    entry_reader_release(&r->reader);
    free(r);
}

const struct replay_difference *replay_difference(const struct replay *r)
{
    return &r->difference;
}

const struct replay_counts *replay_counts(const struct replay *r)
{
    return &r->counts;
}

/* ---- telling what differs ---- */

SP_PRINTF(3, 4)
static void say(char *text, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(text, size, format, args);
    va_end(args);
}

#define SAY(field, ...) say(field, sizeof(field), __VA_ARGS__)

static int differs(struct replay *r, uint64_t n, const char *what)
{
    r->difference = (struct replay_difference){.n = n};
    SAY(r->difference.what, "%s", what);
    return SP_ECORRUPT;
}

/* Where a member of an entry ends: at the comma or brace that is in no text. */
static size_t member_end(const char *line, size_t length, size_t at)
{
    bool text = false;

    for (; at < length; at++) {
        if (text && line[at] == '\\')
            at++;
        else if (line[at] == '"')
            text = !text;
        else if (!text && (line[at] == ',' || line[at] == '}'))
            break;
    }
    return at < length ? at : length;
}

/* The member that holds byte `at` of an entry's line, as it is written. Entries
 * are flat. */
static void member_at(const char *line, size_t length, size_t at,
                      char text[REPLAY_TEXT])
{
    size_t start = 1, end = member_end(line, length, 1);

    while (end <= at && end + 1 < length) {
        start = end + 1;
        end = member_end(line, length, start);
    }
    say(text, REPLAY_TEXT, "%.*s", (int)(end - start), line + start);
}

/* Both lines are entries of one kind: the first member that differs. */
static void members_tell(struct replay *r, size_t derived)
{
    struct replay_difference *d = &r->difference;
    size_t at = 0, both = r->length < derived ? r->length : derived;

    while (at < both && r->line[at] == r->derived[at])
        at++;
    member_at(r->line, r->length, at, d->recorded);
    member_at(r->derived, derived, at, d->derived);
}

static void verdict_tell(const struct entry *e, char text[REPLAY_TEXT])
{
    if (e->kind == ENTRY_REQUEST_ADMITTED)
        say(text, REPLAY_TEXT, "admitted");
    else
        say(text, REPLAY_TEXT, "refused: %s%s%s",
            reason_info(e->u.request.reason)->code,
            e->u.request.field != NULL ? " of " : "",
            e->u.request.field != NULL ? e->u.request.field : "");
}

static int encode(struct replay *r, struct entry *e, const struct entry *like,
                  size_t *length)
{
    e->n = like->n;
    e->t = like->t;
    return entry_encode(e, r->derived, sizeof r->derived, length);
}

/* Whether `e`, derived, is the entry that was written, to the byte. */
static bool is_same(const struct replay *r, size_t length)
{
    return length == r->length && memcmp(r->line, r->derived, length) == 0;
}

/* ---- requests ---- */

static int request_differs(struct replay *r, const struct entry *e,
                           const struct entry *derived, size_t length,
                           enum decide_step step)
{
    struct replay_difference *d = &r->difference;
    enum decide_step told = decide_reason_step(
        e->kind == ENTRY_REQUEST_ADMITTED ? REASON_NONE : e->u.request.reason);

    differs(r, e->n, "the decision");
    if (e->kind != derived->kind ||
        e->u.request.reason != derived->u.request.reason) {
        verdict_tell(e, d->recorded);
        verdict_tell(derived, d->derived);
    } else {
        members_tell(r, length);
    }
    d->step = decide_step_text(told < step ? told : step);
    return SP_ECORRUPT;
}

/* Which one is due. */
static const char *due_name(const struct entry *due)
{
    if (due->kind == ENTRY_WINDOW_OPENED)
        return due->u.window_opened.window;
    if (due->kind == ENTRY_WINDOW_CLOSED)
        return due->u.window_closed.window;
    if (due->kind == ENTRY_WINDOW_NOTICE)
        return due->u.window_notice.window;
    return due->kind == ENTRY_CERTIFICATE_REVOKED
               ? due->u.certificate_revoked.serial
               : due->u.model_released.model;
}

/* No decision depends on a notice, and a gateway of before there were any wrote
 * none: counted, each once for the first window that lacks one. Everything else
 * that is due comes before it. */
static void notice_miss(struct replay *r, const struct entry_window_notice *n)
{
    if (n->closes == r->missed_end && n->before == r->missed_before)
        return;
    r->missed_end = n->closes;
    r->missed_before = n->before;
    r->counts.missed_notices++;
}

/* What time had made due before this decision must have been written. */
static int due_check(struct replay *r, const struct entry *e)
{
    bool certificate;
    struct entry due;

    if (r->clock == TOLD_GOOD ? !standing_due(r->s, e->t, true, &due)
                              : !standing_due(r->s, e->t, false, &due))
        return 0;
    if (due.kind == ENTRY_WINDOW_NOTICE) {
        notice_miss(r, &due.u.window_notice);
        return 0;
    }
    certificate = due.kind == ENTRY_CERTIFICATE_REVOKED;
    differs(r, e->n,
            certificate
                ? "a certificate's revocation is missing before this decision"
                : "a window's beginning or end is missing before this "
                  "decision");
    SAY(r->difference.recorded, "%s", entry_kind_text(e->kind));
    SAY(r->difference.derived, "%s of %s", entry_kind_text(due.kind),
        due_name(&due));
    r->difference.step =
        decide_step_text(certificate ? STEP_REVOCATION : STEP_WINDOW);
    return SP_ECORRUPT;
}

static int request_check(struct replay *r, const struct entry *e)
{
    enum clock_state clock =
        r->clock == TOLD_BEHIND ? CLOCK_BEHIND : CLOCK_GOOD;
    struct facts facts;
    struct verdict v;
    struct entry derived;
    size_t length;
    int bad;

    if (r->policy == NULL)
        return differs(r, e->n, "a decision before the first policy");
    if ((bad = due_check(r, e)) != 0)
        return bad;
    decide_facts(r->policy, e, &facts);
    v = policy_decide(r->policy, r->s, &facts, e->t, clock);
    decide_entry(r->policy, &facts, &v, &derived);
    if ((bad = encode(r, &derived, e, &length)) != 0)
        return bad;
    return is_same(r, length) ? 0
                              : request_differs(r, e, &derived, length, v.step);
}

/* ---- what follows by itself ---- */

static int derived_check(struct replay *r, const struct entry *e,
                         struct entry *derived, const char *what)
{
    size_t length;
    int bad = encode(r, derived, e, &length);

    if (bad != 0 || is_same(r, length))
        return bad;
    differs(r, e->n, what);
    members_tell(r, length);
    return SP_ECORRUPT;
}

/* By time or a new policy; what an operator orders follows from nothing, nor
 * does what lists, responders and the authority say. */
static bool is_by_itself(const struct entry *e)
{
    if (e->kind == ENTRY_CERTIFICATE_REVOKED)
        return strcmp(e->u.certificate_revoked.cause, "window_ended") == 0 ||
               strcmp(e->u.certificate_revoked.cause, "access_revoked") == 0;
    if (e->kind == ENTRY_WINDOW_CLOSED)
        return strcmp(e->u.window_closed.cause, "order") != 0;
    if (e->kind == ENTRY_MODEL_RELEASED)
        return strcmp(e->u.model_released.cause, "time") == 0;
    return true;
}

static int due_entry_check(struct replay *r, const struct entry *e,
                           const char *what, const char *not_due)
{
    struct entry due;

    if (!is_by_itself(e))
        return 0;
    if (r->policy == NULL || r->clock == TOLD_BEHIND
            ? !standing_due(r->s, e->t, false, &due)
            : !standing_due(r->s, e->t, true, &due)) {
        differs(r, e->n, not_due);
        SAY(r->difference.recorded, "%s", entry_kind_text(e->kind));
        SAY(r->difference.derived, "nothing was due");
        return SP_ECORRUPT;
    }
    return derived_check(r, e, &due, what);
}

static int window_check(struct replay *r, const struct entry *e)
{
    return due_entry_check(r, e, "a window's beginning or end",
                           "a window's beginning or end that was not due");
}

static int notice_check(struct replay *r, const struct entry *e)
{
    return due_entry_check(r, e, "a window's notice",
                           "a window's notice that was not due");
}

static int certificate_check(struct replay *r, const struct entry *e)
{
    return due_entry_check(r, e, "a certificate's revocation",
                           "a certificate's revocation that was not due");
}

static bool is_trip(const struct entry *e)
{
    return e->kind == ENTRY_TRIPWIRE_ALERTED ||
           (e->kind == ENTRY_PERSON_SUSPENDED &&
            strncmp(e->u.person_suspended.cause, "tripwire:", 9) == 0);
}

static int trip_check(struct replay *r, const struct entry *e)
{
    const struct standing_trip *t = &r->trip;
    char cause[LIMIT_NAME_BYTES + 16];
    struct entry derived = {0};

    if (!is_trip(e))
        return 0;
    if (!r->trip_due)
        return differs(r, e->n, "a tripwire that nothing set off");
    if (t->tripwire->suspends) {
        SAY(cause, "tripwire:%s", t->tripwire->name);
        derived.kind = ENTRY_PERSON_SUSPENDED;
        derived.u.person_suspended = (struct entry_person_suspended){
            .party = t->party, .person = t->person, .cause = cause};
    } else {
        derived.kind = ENTRY_TRIPWIRE_ALERTED;
        derived.u.tripwire_alerted = (struct entry_tripwire_alerted){
            .party = t->party,
            .person = t->person,
            .tripwire = t->tripwire->name,
            .what = watch_value_name(t->tripwire->value),
            .value = t->value,
            .above = t->tripwire->above};
    }
    return derived_check(r, e, &derived, "a tripwire");
}

/* A tripwire that was set off is the next thing that is written, but for what
 * the same request brought, and unless the keeper ended. */
static int trip_missing(struct replay *r, const struct entry *e)
{
    bool ended = e->kind == ENTRY_LEDGER_RESUMED ||
                 (e->kind == ENTRY_REQUEST_CLOSED &&
                  e->u.request_closed.cause == CAUSE_LOST);

    if (!r->trip_due || is_trip(e) || e->kind == ENTRY_NDA_ACCEPTED ||
        e->kind == ENTRY_FINDING_FILED)
        return 0;
    if (ended) {
        r->trip_due = false;
        return 0;
    }
    differs(r, e->n, "a tripwire's entry is missing");
    SAY(r->difference.recorded, "%s", entry_kind_text(e->kind));
    SAY(r->difference.derived,
        "tripwire %s of %s/%s, set off by entry %" PRIu64,
        r->trip.tripwire->name, r->trip.party, r->trip.person, r->trip_of);
    return SP_ECORRUPT;
}

static void trip_look(struct replay *r, const struct entry *e)
{
    bool request = e->kind == ENTRY_REQUEST_ADMITTED ||
                   e->kind == ENTRY_REQUEST_REFUSED ||
                   (e->kind == ENTRY_REQUEST_CLOSED &&
                    e->u.request_closed.cause != CAUSE_LOST);

    if (!request && !is_trip(e) && !r->trip_due)
        return; /* what the same request brought only moves the texts */
    r->trip_due = standing_tripped(r->s, e->t, &r->trip);
    r->trip_of = request ? e->n : r->trip_of;
}

/* ---- policies ---- */

/* Its files are not here: what a decision needs is in the text. */
static int no_file(void *arg, const char *name, const uint8_t **data,
                   size_t *length)
{
    (void)arg;
    (void)name;
    *data = NULL;
    *length = 0;
    return 0;
}

static int policy_differs(struct replay *r, const struct entry *e,
                          const char *what, const char *recorded,
                          const char *derived)
{
    differs(r, e->n, what);
    SAY(r->difference.recorded, "%s", recorded);
    SAY(r->difference.derived, "%s", derived);
    return SP_ECORRUPT;
}

/* The signatures that were kept, judged as the keeper did, at that time. */
static int approval_check(struct replay *r, const struct entry *e,
                          const struct replay_policy *text)
{
    uint64_t n;
    const struct approvers *set = standing_approvers(r->s, &n);
    struct approval_document d =
        approval_of_policy(r->policy, text->yaml, text->length);
    struct approval a;
    int judged;

    if (text->signatures == NULL || set == NULL)
        return 0;
    judged = approval_judge(set, &d, text->signatures, e->t, NULL, NULL, &a);
    if (judged != 0 || strcmp(a.by, e->u.policy_loaded.approvers) != 0)
        return policy_differs(r, e, "who approved the policy",
                              e->u.policy_loaded.approvers, a.by);
    r->counts.approved++;
    return 0;
}

static bool text_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What the entry says of the policy is what the policy says. */
static int policy_content_check(struct replay *r, const struct entry *e)
{
    const struct entry_policy_loaded *l = &e->u.policy_loaded;
    const struct policy *p = r->policy;
    char a[72], b[72];

    if (memcmp(l->sha256, p->sha256, 32) != 0) {
        sodium_bin2hex(a, sizeof a, l->sha256, 32);
        sodium_bin2hex(b, sizeof b, p->sha256, 32);
        return policy_differs(r, e, "the policy's hash", a, b);
    }
    if (l->serial != p->serial || l->has_replaces != p->has_replaces ||
        (l->has_replaces && memcmp(l->replaces, p->replaces, 32) != 0) ||
        !text_equal(l->basis, p->basis) || !text_equal(l->author, p->author) ||
        !text_equal(l->developer, p->developer))
        return policy_differs(r, e, "what is said of the policy",
                              "serial, replaces, basis, developer or author",
                              "other ones in its text");
    return 0;
}

static int policy_take(struct replay *r, const struct entry *e,
                       const struct replay_policy *text)
{
    struct report report = {0};
    struct policy *p = NULL;
    int bad = policy_parse("policy.yaml", text->yaml, text->length, no_file,
                           NULL, &report, &p);

    if (bad == SP_EINVAL)
        return policy_differs(r, e, "the policy's text", "a policy",
                              "not one that this version reads");
    if (bad != 0)
        return bad;
    policy_free(r->policy);
    r->policy = p;
    if (text->instead) { /* in its place: also for the standing */
        p->serial = e->u.policy_loaded.serial;
        memcpy(p->sha256, e->u.policy_loaded.sha256, 32);
        return 0;
    }
    if ((bad = policy_content_check(r, e)) != 0)
        return bad;
    return approval_check(r, e, text);
}

static int policy_check(struct replay *r, const struct entry *e)
{
    struct replay_policy text = {0};
    int bad = r->get(r->arg, e, &text);

    if (bad == SP_ENOENT) {
        differs(r, e->n, "the policy's text is not here");
        return bad;
    }
    return bad != 0 ? bad : policy_take(r, e, &text);
}

/* ---- the clock ---- */

static int clock_take(struct replay *r, const struct entry *e)
{
    const char *what = e->u.clock_anomaly.what;

    if (e->kind == ENTRY_LEDGER_RESUMED ||
        (e->kind == ENTRY_CLOCK_ANOMALY && strcmp(what, "recovered") == 0))
        r->clock = TOLD_GOOD;
    else if (e->kind == ENTRY_CLOCK_ANOMALY)
        r->clock =
            strcmp(what, "step_forward") == 0 ? TOLD_STEPPED : TOLD_BEHIND;
    return 0;
}

/* ---- snapshots ---- */

/* What the keeper may begin from is what follows from all before it. */
static int snapshot_check(struct replay *r, const struct entry *e)
{
    char format[STANDING_FORMAT_SIZE], recorded[72], derived[72];
    uint8_t sha256[32];
    int bad;

    standing_format(format);
    if (strcmp(e->u.snapshot.format, format) != 0) {
        r->counts.other_snapshots++;
        return 0;
    }
    if ((bad = standing_digest(r->s, sha256)) != 0)
        return bad;
    if (memcmp(sha256, e->u.snapshot.sha256, sizeof sha256) == 0)
        return 0;
    differs(r, e->n, "the snapshot's hash");
    sodium_bin2hex(recorded, sizeof recorded, e->u.snapshot.sha256, 32);
    sodium_bin2hex(derived, sizeof derived, sha256, sizeof sha256);
    SAY(r->difference.recorded, "%s", recorded);
    SAY(r->difference.derived, "%s", derived);
    return SP_ECORRUPT;
}

/* ---- all kinds ---- */

static int (*const checks[ENTRY_KIND_COUNT])(struct replay *,
                                             const struct entry *) = {
    [ENTRY_REQUEST_ADMITTED] = request_check,
    [ENTRY_REQUEST_REFUSED] = request_check,
    [ENTRY_WINDOW_OPENED] = window_check,
    [ENTRY_WINDOW_CLOSED] = window_check,
    [ENTRY_MODEL_RELEASED] = window_check,
    [ENTRY_WINDOW_NOTICE] = notice_check,
    [ENTRY_CERTIFICATE_REVOKED] = certificate_check,
    [ENTRY_TRIPWIRE_ALERTED] = trip_check,
    [ENTRY_PERSON_SUSPENDED] = trip_check,
    [ENTRY_POLICY_LOADED] = policy_check,
    [ENTRY_CLOCK_ANOMALY] = clock_take,
    [ENTRY_LEDGER_RESUMED] = clock_take,
    [ENTRY_SNAPSHOT] = snapshot_check,
};

static void count(struct replay *r, const struct entry *e)
{
    struct replay_counts *c = &r->counts;
    uint64_t *const counters[ENTRY_KIND_COUNT] = {
        [ENTRY_REQUEST_ADMITTED] = &c->admitted,
        [ENTRY_REQUEST_REFUSED] = &c->refused,
        [ENTRY_REQUEST_CLOSED] = &c->closed,
        [ENTRY_WINDOW_OPENED] = &c->windows,
        [ENTRY_WINDOW_CLOSED] = &c->windows,
        [ENTRY_TRIPWIRE_ALERTED] = &c->tripwires,
        [ENTRY_PERSON_SUSPENDED] = is_trip(e) ? &c->tripwires : &c->orders,
        [ENTRY_PERSON_RESUMED] = &c->orders,
        [ENTRY_PARTY_REVOKED] = &c->orders,
        [ENTRY_MODEL_RELEASED] = &c->orders,
        [ENTRY_POLICY_LOADED] = &c->policies,
        [ENTRY_CERTIFICATE_ISSUED] = &c->certificates,
        [ENTRY_CERTIFICATE_REVOKED] = &c->certificates,
        [ENTRY_SNAPSHOT] = &c->snapshots,
        [ENTRY_WINDOW_NOTICE] = &c->notices,
    };

    c->entries++;
    if (counters[e->kind] != NULL)
        ++*counters[e->kind];
}

static int apply(struct replay *r, const struct entry *e)
{
    int bad = standing_apply(r->s, e);

    if (bad == SP_EINVAL) {
        differs(r, e->n, "what the entries before it allow");
        SAY(r->difference.recorded, "%s", entry_kind_text(e->kind));
        SAY(r->difference.derived, "%s", standing_error(r->s));
        return SP_ECORRUPT;
    }
    if (bad == 0 && e->kind == ENTRY_POLICY_LOADED)
        bad = standing_bind(r->s, r->policy);
    return bad;
}

int replay_entry(struct replay *r, uint64_t n, const uint8_t *line,
                 size_t length)
{
    struct entry e;
    int bad = entry_decode(&r->reader, (const char *)line, length, &e);

    r->line = (const char *)line;
    r->length = length;
    if (bad == SP_ENOMEM)
        return bad;
    if (bad != 0)
        return differs(r, n, "not an entry of this program's version");
    if (e.n != n)
        return differs(r, n, "the entry's own number");
    if ((bad = trip_missing(r, &e)) != 0 ||
        (checks[e.kind] != NULL && (bad = checks[e.kind](r, &e)) != 0) ||
        (bad = apply(r, &e)) != 0)
        return bad;
    trip_look(r, &e);
    count(r, &e);
    return 0;
}
