/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question and the answer: may this request pass? Runs in a worker. The
 * keeper is trusted, but its process may die at any moment; then nothing is
 * answered until the next one is there.
 */
#include "gateway/admission.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/connection.h"
#include "gateway/deadlines.h"
#include "gateway/metrics_page.h"
#include "gateway/own.h"
#include "gateway/rules_messages.h"
#include "lib/clock.h"
#include "lib/link.h"
#include "lib/log.h"

/* How often a silent keeper is looked at: LIMIT_KEEPER_DEAD_MS and this. */
#define WATCH_MS 100
/* Ends that wait for room in the ring; the ring itself holds thousands. */
#define BACKLOG_MAX 65536
/* What else is told once there is a link again. */
#define LATER_BYTES 65536

/* What is asked and not yet answered. A ticket is generation << 32 | slot, so
 * that an answer to one that was forgotten finds nobody. */
struct slot {
    struct exchange *exchange; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

#define NO_SLOT UINT32_MAX

struct admissions {
    struct worker *worker;
    struct link *link; /* NULL: no keeper */
    uint64_t generation;
    bool slept;     /* we asked for the doorbell */
    bool silent;    /* there is a link, but no heartbeat */
    int64_t linked; /* boot ms */
    /* The keeper hands over to the next: since then nothing is put but our last
     * record, which may wait for room. 0: it does not. Boot ms. */
    int64_t handed;
    bool last_put;
    bool asking_again; /* there is a link again, and questions that waited */
    struct buf later;  /* records for it, each behind its length */
    struct event *bell, *watch;
    struct slot *slots;
    uint32_t nslots, free_slot;
    struct exchange *wait_first, *wait_last; /* by n, smallest first */
    struct settle *backlog;
    size_t backlog_count, backlog_capacity;
};

/* ---- tickets ---- */

static int slots_grow(struct admissions *a)
{
    uint32_t count = a->nslots == 0 ? 256 : a->nslots * 2;
    struct slot *slots;

    if (count > 1u << 20)
        return SP_EAGAIN;
    slots = realloc(a->slots, count * sizeof(*slots));
    if (slots == NULL)
        return SP_EAGAIN;
    for (uint32_t i = a->nslots; i < count; i++)
        slots[i] = (struct slot){.next_free = i + 1 < count ? i + 1 : NO_SLOT};
    a->free_slot = a->nslots;
    a->slots = slots;
    a->nslots = count;
    return 0;
}

static int ticket_take(struct admissions *a, struct exchange *x)
{
    uint32_t i;

    if (a->free_slot == NO_SLOT && slots_grow(a) != 0)
        return SP_EAGAIN;
    i = a->free_slot;
    a->free_slot = a->slots[i].next_free;
    a->slots[i].exchange = x;
    a->slots[i].generation++;
    x->ticket = (uint64_t)a->slots[i].generation << 32 | i;
    return 0;
}

static struct exchange *ticket_give(struct admissions *a, uint64_t ticket)
{
    uint32_t i = (uint32_t)ticket;
    struct exchange *x;

    if (i >= a->nslots || a->slots[i].generation != ticket >> 32)
        return NULL;
    x = a->slots[i].exchange;
    if (x == NULL)
        return NULL;
    a->slots[i].exchange = NULL;
    a->slots[i].next_free = a->free_slot;
    a->free_slot = i;
    return x;
}

/* ---- putting ---- */

bool admissions_alive(const struct admissions *a)
{
    int64_t heard;

    if (a->link == NULL)
        return false;
    if (a->handed != 0)
        return clock_boot_ms() - a->handed <= LIMIT_HANDOVER_MS;
    /* A keeper that has not yet taken its end has its time as well. */
    heard = link_last_beat(a->link);
    if (heard < a->linked)
        heard = a->linked;
    return clock_boot_ms() - heard <= LIMIT_KEEPER_DEAD_MS;
}

bool admissions_pausing(const struct admissions *a)
{
    return (a->handed != 0 || a->asking_again) && admissions_alive(a);
}

bool admissions_settled(const struct admissions *a)
{
    return a->backlog_count == 0 && a->later.length == 0;
}

uint64_t admissions_generation(const struct admissions *a)
{
    return a->generation;
}

/* The content of one of our own routes, right before its question: nothing
 * else may come between its parts. */
static int put_content(struct admissions *a, const struct exchange *x)
{
    const uint8_t *data = buf_bytes(&x->forward);
    struct own_part part = {.ticket = x->ticket};
    uint8_t record[RING_RECORD_MAX];
    size_t length, left = x->forward.length;
    int r = 0;

    part.parts = (uint32_t)((left + OWN_PART_BYTES - 1) / OWN_PART_BYTES);
    for (; r == 0 && left > 0; part.part++) {
        part.data = data;
        part.length = left < OWN_PART_BYTES ? left : OWN_PART_BYTES;
        r = own_part_put(&part, record, sizeof(record), &length);
        if (r == 0)
            r = link_put_quiet(a->link, record, length);
        data += part.length;
        left -= part.length;
    }
    return r;
}

int admission_ask(struct exchange *x)
{
    struct admissions *a = x->worker->admissions;
    struct ask_admit ask = {.policy = x->rules->policy->serial,
                            .facts = x->facts};
    uint8_t record[RING_RECORD_MAX];
    size_t length;
    int r;

    if (!admissions_alive(a))
        return SP_ECLOSED;
    if (a->backlog_count > 0 || ticket_take(a, x) != 0)
        return SP_EAGAIN;
    ask.ticket = x->ticket;
    r = route_info(x->facts.route)->own && x->forward.length > 0
            ? put_content(a, x)
            : 0;
    if (r == 0)
        r = ask_admit_put(&ask, record, sizeof(record), &length);
    if (r == 0)
        r = link_put_quiet(a->link, record, length);
    if (r == 0) {
        x->link = a->generation;
        return 0;
    }
    ticket_give(a, x->ticket);
    return r == SP_EAGAIN ? SP_EAGAIN : SP_ECLOSED;
}

void admission_forget(struct exchange *x)
{
    ticket_give(x->worker->admissions, x->ticket);
}

static int settle_send(struct admissions *a, const struct settle *s)
{
    uint8_t record[RING_RECORD_MAX];
    size_t length;
    int r = settle_put(s, record, sizeof(record), &length);

    return r != 0 ? r : link_put_quiet(a->link, record, length);
}

static int backlog_add(struct admissions *a, const struct settle *s)
{
    if (a->backlog_count == a->backlog_capacity) {
        size_t capacity =
            a->backlog_capacity == 0 ? 256 : a->backlog_capacity * 2;
        struct settle *backlog =
            capacity > BACKLOG_MAX
                ? NULL
                : realloc(a->backlog, capacity * sizeof(*backlog));

        if (backlog == NULL)
            return SP_ENOMEM;
        a->backlog = backlog;
        a->backlog_capacity = capacity;
    }
    a->backlog[a->backlog_count++] = *s;
    return 0;
}

/* An end that can neither be sent nor kept would break P11: then this process
 * ends, and the keeper closes what it had open as lost. */
void admission_settle(struct admissions *a, uint64_t link,
                      const struct settle *s)
{
    int r;

    if (a->link == NULL || link != a->generation)
        return;
    r = a->backlog_count > 0 || a->handed != 0 ? SP_EAGAIN : settle_send(a, s);
    if (r == SP_EAGAIN)
        r = backlog_add(a, s);
    if (r != 0)
        fatal("settle_failed", "error=%s", log_quote(sp_strerror(r)));
}

static void backlog_flush(struct admissions *a)
{
    size_t sent = 0;

    while (sent < a->backlog_count && settle_send(a, &a->backlog[sent]) == 0)
        sent++;
    if (sent == 0)
        return;
    a->backlog_count -= sent;
    memmove(a->backlog, a->backlog + sent,
            a->backlog_count * sizeof(*a->backlog));
}

static int later_add(struct admissions *a, const void *record, size_t length)
{
    uint16_t head = (uint16_t)length;
    uint8_t *space;
    int r = buf_reserve(&a->later, length + sizeof(head), &space);

    if (r != 0)
        return r;
    memcpy(space, &head, sizeof(head));
    memcpy(space + sizeof(head), record, length);
    buf_commit(&a->later, length + sizeof(head));
    return 0;
}

static void later_flush(struct admissions *a)
{
    while (a->later.length > 0) {
        uint16_t length;

        memcpy(&length, buf_bytes(&a->later), sizeof(length));
        if (link_put_quiet(a->link, buf_bytes(&a->later) + sizeof(length),
                           length) != 0)
            return;
        buf_drain(&a->later, length + sizeof(length));
    }
    buf_release(&a->later);
}

/* What belongs to no request. */
static int put_word(struct admissions *a, const void *record, size_t length)
{
    if (a->link == NULL)
        return SP_ECLOSED;
    return a->handed != 0 || a->later.length > 0
               ? later_add(a, record, length)
               : link_put_quiet(a->link, record, length);
}

/* Worth an entry, not worth waiting for: without a keeper or room it is in
 * the log alone. */
void admission_connection_refused(struct admissions *a,
                                  const struct connection_refused *c)
{
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    if (connection_refused_put(c, record, sizeof(record), &length) != 0 ||
        put_word(a, record, length) != 0)
        log_warn("connection_refused_unrecorded", "address=%s reason=%s",
                 log_quote(c->address), c->reason);
}

int admission_certificate_matched(struct admissions *a,
                                  const struct certificate_matched *v)
{
    uint8_t record[RING_RECORD_MAX];
    size_t length;
    int r = certificate_matched_put(v, record, sizeof(record), &length);

    return r != 0 ? r : put_word(a, record, length);
}

int admission_certificate_revoked(struct admissions *a,
                                  const struct certificate_is_revoked *v)
{
    uint8_t record[RING_RECORD_MAX];
    size_t length;
    int r = certificate_is_revoked_put(v, record, sizeof(record), &length);

    return r != 0 ? r : put_word(a, record, length);
}

/* ---- durability ---- */

bool admission_durable(const struct exchange *x)
{
    const struct admissions *a = x->worker->admissions;

    return a->link != NULL && x->link == a->generation &&
           link_published(a->link) > x->durable;
}

/* Entries are answered in their order, so the place is near the end. */
void admission_wait(struct exchange *x)
{
    struct admissions *a = x->worker->admissions;
    struct exchange *before = a->wait_last;

    while (before != NULL && before->durable > x->durable)
        before = before->wait_previous;
    x->wait_previous = before;
    x->wait_next = before != NULL ? before->wait_next : a->wait_first;
    *(before != NULL ? &before->wait_next : &a->wait_first) = x;
    *(x->wait_next != NULL ? &x->wait_next->wait_previous : &a->wait_last) = x;
    x->waiting = true;
}

void admission_unwait(struct exchange *x)
{
    struct admissions *a = x->worker->admissions;

    if (!x->waiting)
        return;
    x->waiting = false;
    *(x->wait_previous != NULL ? &x->wait_previous->wait_next
                               : &a->wait_first) = x->wait_next;
    *(x->wait_next != NULL ? &x->wait_next->wait_previous : &a->wait_last) =
        x->wait_previous;
}

static void release_durable(struct admissions *a)
{
    while (a->wait_first != NULL && admission_durable(a->wait_first)) {
        struct exchange *x = a->wait_first;

        admission_unwait(x);
        exchange_durable(x);
    }
}

/* ---- getting ---- */

/* Nobody waits for it any more, but an admission must have its end. */
static void answer_nobody(struct admissions *a, const struct answer_admit *v)
{
    struct settle s = {.n = v->n, .cause = CAUSE_CLIENT_LEFT};

    if (v->reason == REASON_NONE && !v->stale)
        admission_settle(a, a->generation, &s);
}

/* Who asked with a ticket that is not given back yet; NULL: nobody any more. */
static struct exchange *ticket_find(const struct admissions *a, uint64_t ticket)
{
    uint32_t i = (uint32_t)ticket;

    return i < a->nslots && a->slots[i].generation == ticket >> 32
               ? a->slots[i].exchange
               : NULL;
}

/* Rows come before the answer that they belong to. Without memory for one the
 * answer lacks it, and says so by being too short. */
static int on_row(struct admissions *a, const uint8_t *data, size_t length)
{
    struct own_document document;
    struct own_window window;
    struct exchange *x;

    if (own_window_get(&window, data, length) == 0) {
        x = ticket_find(a, window.ticket);
        return x == NULL ? 0 : own_window_row(x, &window);
    }
    if (own_document_get(&document, data, length) != 0)
        return SP_EPROTO;
    x = ticket_find(a, document.ticket);
    return x == NULL ? 0 : own_document_row(x, &document);
}

/* Nothing is behind it in this ring. */
static void last_record_put(struct admissions *a)
{
    uint8_t record[16];
    size_t length;

    a->last_put = handover_put(MESSAGE_HANDOVER_ACK, record, sizeof(record),
                               &length) == 0 &&
                  link_put_quiet(a->link, record, length) == 0;
}

static void on_record(struct admissions *a, const uint8_t *data, size_t length)
{
    struct answer_admit answer;
    struct rules_in_force rules;
    struct exchange *x;
    struct cut cut;

    switch (message_type(data, length)) {
    case MESSAGE_ANSWER_ADMIT:
        if (answer_admit_get(&answer, data, length) != 0)
            break;
        x = ticket_give(a, answer.ticket);
        if (x != NULL)
            exchange_decided(x, &answer);
        else
            answer_nobody(a, &answer);
        return;
    case MESSAGE_CUT:
        if (cut_get(&cut, data, length) != 0)
            break;
        deadlines_cut(a->worker->deadlines, a->worker->rules, &cut);
        connections_cut(a->worker->connections, a->worker->rules, &cut);
        return;
    case MESSAGE_RULES_IN_FORCE:
        if (rules_in_force_get(&rules, data, length) != 0)
            break;
        a->worker->in_force = rules.number;
        worker_rules(a->worker);
        return;
    case MESSAGE_HANDOVER:
        if (a->handed != 0 || handover_get(data, length) != 0)
            break;
        a->handed = clock_boot_ms();
        last_record_put(a);
        return;
    case MESSAGE_OWN_WINDOW:
    case MESSAGE_OWN_DOCUMENT:
        if (on_row(a, data, length) != 0)
            break;
        return;
    default:
        break;
    }
    fatal("keeper_message_malformed", "type=%u", message_type(data, length));
}

static void take_records(struct admissions *a)
{
    uint8_t record[RING_RECORD_MAX];
    size_t length;
    int r;

    while ((r = link_get(a->link, record, &length)) == 0)
        on_record(a, record, length);
    if (r != SP_EAGAIN)
        fatal("keeper_link_broken", "error=%s", log_quote(sp_strerror(r)));
}

/* Whatever the ring does not take waits for the next turn. */
static void ask_again(struct admissions *a)
{
    struct exchange *next;
    int r = a->backlog_count > 0 ? SP_EAGAIN : 0;

    for (struct exchange *x = a->worker->exchanges; r == 0 && x != NULL;
         x = next) {
        next = x->next;
        if (x->state == EXCHANGE_RENEWING)
            r = exchange_ask_again(x);
    }
    a->asking_again = r != 0;
}

static void put_what_waits(struct admissions *a)
{
    if (a->handed != 0) {
        if (!a->last_put)
            last_record_put(a);
        return;
    }
    backlog_flush(a);
    later_flush(a);
    if (a->asking_again)
        ask_again(a);
}

bool admissions_turn(struct admissions *a)
{
    if (a->link == NULL)
        return true;
    put_what_waits(a);
    take_records(a);
    release_durable(a);
    link_flush(a->link); /* answers may have ended what they began */
    if (a->wait_first != NULL &&
        link_wait_for(a->link, a->wait_first->durable + 1))
        return false;
    a->slept = link_may_sleep(a->link);
    return a->slept;
}

void admissions_awake(struct admissions *a)
{
    if (a->slept && a->link != NULL)
        link_awake(a->link);
    a->slept = false;
}

/* ---- the link's life ---- */

static void on_bell(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* the turn of the loop does the work */
    (void)what;
    (void)arg;
}

/* Everything that was asked or admitted there. */
static void orphan_all(struct admissions *a)
{
    struct exchange *next;

    for (struct exchange *x = a->worker->exchanges; x != NULL; x = next) {
        next = x->next;
        if (x->state != EXCHANGE_READING && x->state != EXCHANGE_CHECKING)
            exchange_orphaned(x);
    }
}

static void link_end(struct admissions *a)
{
    if (a->bell != NULL)
        event_free(a->bell);
    link_free(a->link);
    a->bell = NULL;
    a->link = NULL;
    a->slept = a->silent = a->last_put = false;
    a->handed = 0;
}

static void link_close(struct admissions *a)
{
    link_end(a);
    a->asking_again = false;
    a->backlog_count = 0;
    buf_release(&a->later);
}

void admissions_gone(struct admissions *a, uint64_t generation)
{
    if (a->link == NULL || generation < a->generation)
        return;
    log_warn("keeper_gone", "link=%llu", (unsigned long long)generation);
    link_close(a);
    orphan_all(a);
}

static void link_begin(struct admissions *a, const int fds[3],
                       uint64_t generation)
{
    const struct link_fds ends = {fds[0], fds[1], fds[2]};
    int r = link_open(&ends, LINK_ASKING, &a->link);

    if (r != 0)
        fatal("link_failed", "error=%s", log_quote(sp_strerror(r)));
    a->generation = generation;
    a->linked = clock_boot_ms();
    a->bell = event_new(a->worker->base, link_doorbell(a->link),
                        EV_READ | EV_PERSIST, on_bell, a);
    if (a->bell == NULL || event_add(a->bell, NULL) != 0)
        fatal("link_failed", "error=%s", log_quote(sp_strerror(SP_ENOMEM)));
}

/* The next keeper has the same ledger, and all of the one before is on disk in
 * it: what was admitted is as good as before. */
static void exchanges_carry(struct admissions *a, uint64_t before)
{
    struct exchange *next;

    for (struct exchange *x = a->worker->exchanges; x != NULL; x = next) {
        next = x->next;
        if (x->link == before)
            x->link = a->generation;
        if (x->state == EXCHANGE_ASKING) /* none, or that keeper lied */
            exchange_orphaned(x);
    }
}

/* The last words of the keeper before are in its ring, and count. */
static void link_continue(struct admissions *a, const int fds[3],
                          uint64_t generation)
{
    uint64_t before = a->generation;

    take_records(a);
    link_end(a);
    link_begin(a, fds, generation);
    exchanges_carry(a, before);
    a->asking_again = true;
    log_info("keeper_here", "link=%llu before=%llu",
             (unsigned long long)generation, (unsigned long long)before);
}

void admissions_link(struct admissions *a, const int fds[3],
                     uint64_t generation, uint64_t before)
{
    if (a->link != NULL && a->last_put && before == a->generation) {
        link_continue(a, fds, generation);
        return;
    }
    if (a->link != NULL)
        admissions_gone(a, generation);
    link_begin(a, fds, generation);
    log_info("keeper_here", "link=%llu", (unsigned long long)generation);
}

/* A keeper that stands still is as bad as none (P9). */
static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    struct admissions *a = arg;
    bool silent = a->link != NULL && !admissions_alive(a);

    (void)fd;
    (void)what;
    metrics_turn(WATCH_MS);
    if (silent && !a->silent) {
        log_warn("keeper_silent", "link=%llu",
                 (unsigned long long)a->generation);
        orphan_all(a);
    }
    a->silent = silent;
}

struct admissions *admissions_new(struct worker *w)
{
    const struct timeval often = {.tv_usec = WATCH_MS * 1000};
    struct admissions *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return NULL;
    a->worker = w;
    a->free_slot = NO_SLOT;
    buf_init(&a->later, LATER_BYTES);
    a->watch = event_new(w->base, -1, EV_PERSIST, on_watch, a);
    if (a->watch == NULL || event_add(a->watch, &often) != 0) {
        admissions_free(a);
        return NULL;
    }
    return a;
}

void admissions_free(struct admissions *a)
{
    if (a == NULL)
        return;
    link_close(a);
    if (a->watch != NULL)
        event_free(a->watch);
    free(a->slots);
    free(a->backlog);
    free(a);
}
