/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders: suspend, resume, revoke, close, release, reveal; reload and drain are
 * written down for the supervisor, which carries them out. Runs in the keeper,
 * between two turns of its loop. Each is an entry first, then the workers are
 * told whom to cut, and who ordered it is answered when the entry is on disk.
 * The cut does not wait for the disk: a keeper that fails before cuts
 * everybody, and an order that was never answered may be given again.
 *
 * The order comes from an operator through control and supervisor; its texts
 * are checked by the decoder, its names here. What contradicts the standing is
 * answered, never recorded: an entry that cannot be applied ends the keeper.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/keeper.h"
#include "gateway/resume_approval.h"

/* How often the disk is asked whether an answer can go. */
#define DURABLE_POLL_US 1000

/* "PARTY" or "PARTY/PERSON". */
struct who {
    char party[ORDER_TARGET_SIZE];
    const char *person; /* into `party`, or NULL */
};

SP_PRINTF(3, 4)
static int decline(struct order_answer *a, int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(a->text, sizeof(a->text), format, list);
    va_end(list);
    return error;
}

/* --- Cutting --- */

static uint32_t cut_send(struct keeper *k, const struct cut *c)
{
    const struct standing_scope scope = {c->window, c->model, c->party,
                                         c->person};
    uint32_t open = standing_open_in(k->standing, &scope);
    uint8_t data[CUT_BYTES];
    size_t length;

    if (cut_put(c, data, sizeof(data), &length) == 0)
        keeper_send_all(k, data, length);
    return open;
}

/* Names that the policy in force does not have are in nobody's request. */
static uint32_t cut_who(struct keeper *k, const char *party, const char *person,
                        enum reason reason)
{
    struct cut c = {CUT_ALL, .reason = reason};
    int i = policy_find_party(k->policy, party);

    if (i < 0)
        return 0;
    c.party = (uint32_t)i;
    if (person != NULL) {
        i = policy_find_person(k->policy, c.party, person);
        if (i < 0)
            return 0;
        c.person = (uint32_t)i;
    }
    return cut_send(k, &c);
}

/* --- Who is meant --- */

static int who_parse(const char *target, struct who *w, struct order_answer *a)
{
    char *slash;

    snprintf(w->party, sizeof(w->party), "%s", target);
    w->person = NULL;
    slash = strchr(w->party, '/');
    if (slash != NULL) {
        *slash = '\0';
        w->person = slash + 1;
    }
    if (w->party[0] == '\0' ||
        (slash != NULL &&
         (w->person[0] == '\0' || strchr(w->person, '/') != NULL)))
        return decline(a, SP_EINVAL,
                       "expected PARTY or PARTY/PERSON, have \"%.128s\"",
                       target);
    return 0;
}

/* A slip must not be taken for an order that was carried out. */
static int who_known(const struct keeper *k, const char *party,
                     const char *person, struct order_answer *a)
{
    if (standing_knows_person(k->standing, party, person))
        return 0;
    return decline(a, SP_ENOENT, "neither policy nor ledger knows %.64s%s%.64s",
                   party, person == NULL ? "" : "/",
                   person == NULL ? "" : person);
}

static int who_not_revoked(const struct keeper *k, const char *party,
                           const char *person, struct order_answer *a)
{
    if (!standing_revoked(k->standing, party, person, &a->n))
        return 0;
    return decline(a, SP_EEXIST, "revoked for good by entry %" PRIu64, a->n);
}

static int who_not_suspended(const struct keeper *k, const char *party,
                             const char *person, struct order_answer *a)
{
    if (!standing_suspended(k->standing, party, person, &a->n))
        return 0;
    return decline(a, SP_EEXIST, "suspended already, by entry %" PRIu64, a->n);
}

/* --- The orders --- */

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static struct entry_operator operator_of(const struct order_message *m)
{
    return (struct entry_operator){.known = true, .uid = m->uid};
}

static int suspend(struct keeper *k, struct entry *e, struct order_answer *a)
{
    const struct entry_person_suspended *p = &e->u.person_suspended;
    int r;

    if ((r = who_known(k, p->party, p->person, a)) != 0 ||
        (r = who_not_revoked(k, p->party, p->person, a)) != 0 ||
        (r = who_not_suspended(k, p->party, p->person, a)) != 0)
        return r;
    a->n = keeper_record(k, e);
    a->cut = cut_who(k, p->party, p->person, REASON_PERSON_SUSPENDED);
    return 0;
}

int keeper_suspend(struct keeper *k, const char *party, const char *person,
                   const char *cause)
{
    struct entry e = {
        .kind = ENTRY_PERSON_SUSPENDED,
        .u.person_suspended = {.party = party,
                               .person = person,
                               .cause = cause},
    };
    struct order_answer a = {0};
    int r = suspend(k, &e, &a);

    if (r == 0)
        log_warn("suspended",
                 "party=%s person=%s cause=%s entry=%" PRIu64 " cut=%u", party,
                 person == NULL ? "*" : person, log_quote(cause), a.n, a.cut);
    return r;
}

static int order_suspend(struct keeper *k, const struct order_message *m,
                         struct order_answer *a)
{
    struct who w;
    int r = who_parse(m->order.target, &w, a);
    struct entry e = {
        .kind = ENTRY_PERSON_SUSPENDED,
        .u.person_suspended = {.party = w.party,
                               .person = w.person,
                               .cause = "order",
                               .by = operator_of(m),
                               .reason = text_or_null(m->order.reason)},
    };

    return r != 0 ? r : suspend(k, &e, a);
}

static int order_revoke(struct keeper *k, const struct order_message *m,
                        struct order_answer *a)
{
    struct who w;
    int r = who_parse(m->order.target, &w, a);
    struct entry e = {
        .kind = ENTRY_PARTY_REVOKED,
        .u.party_revoked = {.party = w.party,
                            .person = w.person,
                            .by = operator_of(m),
                            .reason = text_or_null(m->order.reason)},
    };

    if (r != 0 || (r = who_known(k, w.party, w.person, a)) != 0 ||
        (r = who_not_revoked(k, w.party, w.person, a)) != 0)
        return r;
    a->n = keeper_record(k, &e);
    a->cut = cut_who(k, w.party, w.person, REASON_ACCESS_REVOKED);
    return 0;
}

/* Which suspension a resumption is about; also what makes it impossible. */
static int suspension_find(const struct keeper *k, const char *target,
                           struct who *w, struct order_answer *a)
{
    int r;

    if ((r = who_parse(target, w, a)) != 0 ||
        (r = who_known(k, w->party, w->person, a)) != 0 ||
        (r = who_not_revoked(k, w->party, w->person, a)) != 0)
        return r;
    if (!standing_suspended(k->standing, w->party, w->person, &a->n)) {
        a->n = 0;
        return decline(a, SP_ENOENT, "%.128s is not suspended", target);
    }
    return 0;
}

static int order_statement(struct keeper *k, const struct order_message *m,
                           struct order_answer *a)
{
    struct who w;
    int r = suspension_find(k, m->order.target, &w, a);

    if (r == 0)
        snprintf(a->text, sizeof(a->text), "%s", k->snapshot.settings->origin);
    return r;
}

static int order_resume(struct keeper *k, const struct order_message *m,
                        struct order_answer *a)
{
    char statement[RESUME_STATEMENT_SIZE], approver[RESUME_APPROVER_SIZE];
    struct entry e = {.kind = ENTRY_PERSON_RESUMED};
    struct who w;
    int r = suspension_find(k, m->order.target, &w, a);

    if (r != 0)
        return r;
    resume_statement(statement, k->snapshot.settings->origin, w.party, w.person,
                     a->n);
    r = resume_approval_check(k->snapshot.settings, statement,
                              m->order.approval, approver, a->text);
    if (r != 0)
        return r;
    e.u.person_resumed = (struct entry_person_resumed){
        .party = w.party,
        .person = w.person,
        .of = a->n,
        .by = operator_of(m),
        .approver = approver,
        .reason = text_or_null(m->order.reason),
    };
    a->n = keeper_record(k, &e);
    return 0;
}

static int order_close(struct keeper *k, const struct order_message *m,
                       struct order_answer *a)
{
    const char *id = standing_open_window(k->standing, m->order.target);
    struct cut c = {CUT_ALL, .reason = REASON_WINDOW_CLOSED};
    struct entry e = {
        .kind = ENTRY_WINDOW_CLOSED,
        .u.window_closed = {.window = id,
                            .cause = "order",
                            .by = operator_of(m),
                            .reason = text_or_null(m->order.reason)},
    };

    if (id == NULL)
        return decline(a, SP_ENOENT,
                       "no window %.128s is open (one that is still to come is "
                       "taken away by a policy, or suspend its party)",
                       m->order.target);
    a->n = keeper_record(k, &e);
    for (uint32_t i = 0; i < k->policy->nwindows; i++)
        if (strcmp(k->policy->windows[i].id, id) == 0)
            c.window = i;
    if (c.window != VERDICT_NONE)
        a->cut = cut_send(k, &c);
    return 0;
}

/* One entry is enough for all parties; their windows' own follow from it. */
static int order_release(struct keeper *k, const struct order_message *m,
                         struct order_answer *a)
{
    struct cut c = {CUT_ALL, .reason = REASON_MODEL_RELEASED};
    int model = policy_find_model(k->policy, m->order.target);
    struct entry e = {
        .kind = ENTRY_MODEL_RELEASED,
        .u.model_released = {.model = m->order.target,
                             .cause = "order",
                             .by = operator_of(m),
                             .reason = text_or_null(m->order.reason)},
    };

    if (!standing_knows_model(k->standing, m->order.target))
        return decline(a, SP_ENOENT,
                       "neither policy nor ledger knows a model %.128s",
                       m->order.target);
    if (standing_released(k->standing, m->order.target, &a->n))
        return decline(a, SP_EEXIST, "released already, by entry %" PRIu64,
                       a->n);
    a->n = keeper_record(k, &e);
    if (model >= 0) {
        c.model = (uint32_t)model;
        a->cut = cut_send(k, &c);
    }
    keeper_due(k);
    return 0;
}

/* The command wrote into the index, and the supervisor sent it right before
 * this: what was new in it is recorded. */
static int order_certificates(struct keeper *k, const struct order_message *m,
                              struct order_answer *a)
{
    (void)m;
    if (k->index_problem[0] != '\0')
        return decline(a, SP_EINVAL, "the authority's index: %s",
                       k->index_problem);
    a->n = ledger_size(k->ledger) - 1;
    return 0;
}

/* What two officers do with their keys is not in our hands; that it was ordered
 * is in the ledger before. */
static int order_reveal(struct keeper *k, const struct order_message *m,
                        struct order_answer *a)
{
    char again[24];
    uint64_t of = strtoull(m->order.target, NULL, 10);
    struct entry e = {
        .kind = ENTRY_TRANSCRIPT_REVEALED,
        .u.transcript_revealed = {.of = of,
                                  .by = operator_of(m),
                                  .reason = m->order.reason},
    };

    snprintf(again, sizeof(again), "%" PRIu64, of);
    if (strcmp(again, m->order.target) != 0)
        return decline(a, SP_EINVAL,
                       "expected the number of an entry, have \"%.128s\"",
                       m->order.target);
    if (of >= ledger_size(k->ledger))
        return decline(a, SP_ENOENT, "the ledger has no entry %" PRIu64, of);
    if (m->order.reason[0] == '\0')
        return decline(a, SP_EINVAL, "a reason is required");
    a->n = keeper_record(k, &e);
    return 0;
}

/* The supervisor does it when this is on disk. */
static int order_gateway(struct keeper *k, const struct order_message *m,
                         struct order_answer *a)
{
    struct entry e = {
        .kind = ENTRY_GATEWAY_ORDERED,
        .u.gateway_ordered = {.order = order_verb_text(m->order.verb),
                              .within_ms = m->order.within_ms,
                              .by = operator_of(m),
                              .reason = text_or_null(m->order.reason)},
    };

    if (m->order.within_ms > ORDER_DRAIN_MAX_MS)
        return decline(a, SP_EINVAL, "until when is not said");
    a->n = keeper_record(k, &e);
    if (m->order.verb == ORDER_DRAIN)
        a->cut = (uint32_t)standing_open_requests(k->standing);
    return 0;
}

/* --- The answers --- */

static void answer_send(struct keeper *k, uint64_t ticket,
                        const struct order_answer *a)
{
    const struct order_answer_message v = {.ticket = ticket, .answer = *a};
    uint8_t data[sizeof(v) + 64];
    size_t length;

    if (order_answer_message_put(&v, data, sizeof(data), &length) == 0)
        keeper_tell(k, data, length);
}

static void orders_drop(struct keeper *k, size_t count)
{
    k->norders -= count;
    memmove(k->orders, k->orders + count, k->norders * sizeof(*k->orders));
}

/* With a disk so slow that no more can wait, it is the oldest that learns that
 * it is done before it is safe: orders themselves never wait in a queue that
 * one operator can fill for the others. */
static void answer_later(struct keeper *k, uint64_t ticket,
                         const struct order_answer *a)
{
    if (k->norders == KEEPER_ORDERS) {
        const struct keeper_order *o = &k->orders[0];
        struct order_answer early = {
            .error = SP_ETIMEDOUT, .n = o->n, .cut = o->cut};

        snprintf(early.text, sizeof(early.text),
                 "done as entry %" PRIu64 ", but it is not on disk yet",
                 early.n);
        answer_send(k, k->orders[0].ticket, &early);
        orders_drop(k, 1);
    }
    k->orders[k->norders++] =
        (struct keeper_order){.ticket = ticket,
                              .until = ledger_size(k->ledger),
                              .n = a->n,
                              .cut = a->cut};
}

void keeper_orders_turn(struct keeper *k)
{
    static const struct timeval soon = {.tv_usec = DURABLE_POLL_US};
    uint64_t durable;
    size_t i = 0;

    if (k->norders == 0)
        return;
    pthread_mutex_lock(&k->links_lock);
    durable = k->durable;
    pthread_mutex_unlock(&k->links_lock);
    for (; i < k->norders && k->orders[i].until <= durable; i++) {
        const struct order_answer a = {.n = k->orders[i].n,
                                       .cut = k->orders[i].cut};

        answer_send(k, k->orders[i].ticket, &a);
    }
    orders_drop(k, i);
    if (k->norders > 0 && k->retry != NULL)
        event_add(k->retry, &soon);
}

void keeper_order(struct keeper *k, const struct order_message *m)
{
    static int (*const orders[ORDER_VERB_COUNT])(struct keeper *,
                                                 const struct order_message *,
                                                 struct order_answer *) = {
        [ORDER_SUSPEND] = order_suspend,
        [ORDER_RESUME] = order_resume,
        [ORDER_REVOKE] = order_revoke,
        [ORDER_CLOSE] = order_close,
        [ORDER_RELEASE] = order_release,
        [ORDER_STATEMENT] = order_statement,
        [ORDER_REVEAL] = order_reveal,
        [ORDER_CERTIFICATES] = order_certificates,
        [ORDER_RELOAD] = order_gateway,
        [ORDER_DRAIN] = order_gateway,
    };
    uint64_t before = ledger_size(k->ledger);
    struct order_answer a = {0};

    a.error = orders[m->order.verb](k, m, &a);
    log_info("order",
             "verb=%s target=%s operator=%u result=%s entry=%" PRIu64 " cut=%u",
             order_verb_text(m->order.verb), log_quote(m->order.target), m->uid,
             a.error == 0 ? "done" : log_quote(a.text), a.n, a.cut);
    if (a.error == 0 && (ledger_size(k->ledger) != before ||
                         m->order.verb == ORDER_CERTIFICATES))
        answer_later(k, m->ticket, &a);
    else
        answer_send(k, m->ticket, &a);
}
