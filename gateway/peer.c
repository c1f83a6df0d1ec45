/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker knows of its clients' certificates. The set of revoked ones is
 * the supervisor's, the responders' answers are the revoker's; nothing is
 * fetched, parsed or waited for here (docs/revocation.md).
 */
#include "gateway/peer.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "certs/revocations.h"
#include "gateway/admission.h"
#include "gateway/exchange.h"
#include "gateway/revocation_messages.h"
#include "gateway/worker.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"

/* A question that got no good answer is asked again after that. */
#define AGAIN_MS 2000
/* A revoker that says nothing is given up so much later than it should say
 * that nobody answers. */
#define REVOKER_LATE_MS 1500
/* What is over is cut within twice that (P2); questions have more time. */
#define SWEEP_MS        50
#define QUESTIONS_EVERY 5
/* A wall clock that is so much behind where it should be has been set. */
#define CLOCK_SET_MS 5000
/* Revoked certificates that the keeper is told of between questions: it takes
 * no more than KEEPER_CERTIFICATES_PER_SECOND. The others' turn comes. */
#define TOLD_MAX 100

/* Those of one certificate are in one list of so many; a ticket says which. */
#define ALIKE_BITS 10
#define ALIKE      (1u << ALIKE_BITS)

LIST_HEAD(alike, peer);

struct peers {
    struct worker *worker;
    struct peer *first;
    struct alike alike[ALIKE];
    struct revocations set; /* data NULL: none yet */
    void *memory;
    size_t length;
    struct channel *revoker; /* NULL: none */
    uint64_t tickets;
    unsigned sweeps;
    unsigned told;      /* since the newest with questions */
    int64_t complained; /* boot second of the newest line about questions */
    int64_t wall, boot; /* as read last */
    struct event *sweep;
};

static const struct policy_revocation *rule_of(const struct peer *p)
{
    return &p->all->worker->rules->policy->parties[p->identity->party]
                .revocation;
}

static bool rule_asks_responders(const struct policy_revocation *r)
{
    return r->mode == POLICY_REVOCATION_OCSP ||
           r->mode == POLICY_REVOCATION_OCSP_THEN_CRL;
}

static int64_t renew_ms(const struct peer *p)
{
    const struct policy_revocation *r = rule_of(p);

    return revocation_renew_ms(r->ocsp_cache_ms, r->timeout_ms);
}

/* ---- looking ---- */

/* The wall clock, ms UTC; where it is set back, time goes on from where it was,
 * and what was over stays over (P4, P9). */
static int64_t wall_now(struct peers *ps)
{
    int64_t wall, boot, due;

    clock_read(&wall, &boot);
    due = ps->wall + (boot - ps->boot);
    ps->wall = wall < due - CLOCK_SET_MS ? due : wall;
    ps->boot = boot;
    return ps->wall;
}

static enum revocation look_at_lists(const struct peer *p, size_t from,
                                     int64_t now, int64_t *until)
{
    const struct peers *ps = p->all;
    const struct identity *id = p->identity;

    *until = 0;
    if (from >= id->nlinks)
        return REVOCATION_UNKNOWN;
    return revocations_check(ps->set.data != NULL ? &ps->set : NULL,
                             id->links + from, id->nlinks - from, now,
                             rule_of(p)->max_age_ms, until);
}

/* Authorities between the certificate and its anchor: responders are not asked
 * about them; lists are, where the rule knows lists. */
static enum revocation look_above(const struct peer *p, int64_t now,
                                  int64_t *until)
{
    *until = INT64_MAX;
    if (p->identity->nlinks < 2 ||
        rule_of(p)->mode != POLICY_REVOCATION_OCSP_THEN_CRL)
        return REVOCATION_GOOD;
    return look_at_lists(p, 1, now, until);
}

/* Lists count where a responder was asked and gave no answer, not before. */
static void look_at_answer(struct peer *p, enum revocation lists, int64_t until,
                           int64_t now)
{
    bool then_lists = rule_of(p)->mode == POLICY_REVOCATION_OCSP_THEN_CRL;
    int64_t above_until;
    enum revocation above = look_above(p, now, &above_until);

    if (p->said == REVOCATION_GOOD && p->said_until <= now)
        p->said = REVOCATION_UNKNOWN; /* it could not be renewed in time */
    if (p->said == REVOCATION_GOOD && above == REVOCATION_GOOD) {
        p->status = REVOCATION_GOOD;
        p->until = p->said_until < above_until ? p->said_until : above_until;
    } else if (p->said == REVOCATION_REVOKED) {
        p->status = REVOCATION_REVOKED;
        p->until = INT64_MAX;
    } else if (then_lists && p->said == REVOCATION_UNKNOWN) {
        p->status = lists;
        p->until = lists == REVOCATION_GOOD ? until : now;
    } else {
        p->status = REVOCATION_UNKNOWN;
        p->until = now;
    }
}

/* Once revoked, always. */
static void peer_look(struct peer *p)
{
    int64_t now = wall_now(p->all), until;
    enum revocation lists;

    if (!p->watched || p->status == REVOCATION_REVOKED)
        return;
    lists = look_at_lists(p, 0, now, &until);
    if (lists == REVOCATION_REVOKED) {
        p->status = REVOCATION_REVOKED;
        p->until = INT64_MAX;
    } else if (rule_asks_responders(rule_of(p))) {
        look_at_answer(p, lists, until, now);
    } else {
        p->status = lists;
        p->until = lists == REVOCATION_GOOD ? until : now;
    }
}

/* ---- asking ---- */

static int der_of(X509 *cert, uint8_t *der, size_t size, size_t *length)
{
    int n = i2d_X509(cert, NULL);

    if (n <= 0 || (size_t)n > size)
        return SP_ETOOBIG;
    *length = (size_t)i2d_X509(cert, &der);
    return 0;
}

static unsigned alike_of(const struct peer *p)
{
    const uint8_t *hash = p->identity->cert_sha256;

    return ((unsigned)hash[0] << 8 | hash[1]) % ALIKE;
}

/* Whoever else waits for an answer about the same certificate. */
static struct peer *question_shared(const struct peer *p)
{
    struct peer *other;

    LIST_FOREACH (other, &p->all->alike[alike_of(p)], alike)
        if (other->ticket != 0 &&
            other->identity->party == p->identity->party &&
            memcmp(other->identity->cert_sha256, p->identity->cert_sha256,
                   sizeof(p->identity->cert_sha256)) == 0)
            break;
    return other;
}

static int question_send(struct peer *p)
{
    static uint8_t leaf[REVOCATION_CERTIFICATE_MAX];
    static uint8_t issuer[REVOCATION_CERTIFICATE_MAX];
    static uint8_t data[CHANNEL_MESSAGE_MAX];
    struct ask_revocation ask = {
        .party = p->identity->party, .leaf = leaf, .issuer = issuer};
    const struct peer *other;
    size_t length;
    int r;

    if (p->all->revoker == NULL || p->leaf == NULL || p->issuer == NULL)
        return SP_ECLOSED;
    if ((other = question_shared(p)) != NULL) {
        p->ticket = other->ticket;
        p->asked = other->asked;
        return 0;
    }
    if ((r = der_of(p->leaf, leaf, sizeof(leaf), &ask.leaf_length)) != 0 ||
        (r = der_of(p->issuer, issuer, sizeof(issuer), &ask.issuer_length)) !=
            0)
        return r;
    ask.ticket = (p->all->tickets + 1) << ALIKE_BITS | alike_of(p);
    if ((r = ask_revocation_put(&ask, data, sizeof(data), &length)) != 0)
        return r;
    if (channel_queued(p->all->revoker) >= CHANNEL_BUSY)
        return SP_EAGAIN;
    r = channel_send(p->all->revoker, data, length, NULL, 0);
    if (r == 0) {
        p->ticket = ask.ticket;
        p->all->tickets++;
    }
    return r;
}

/* Between a question's end and the next one. */
static int64_t pause_ms(const struct peer *p)
{
    int64_t renew = renew_ms(p) / 4;

    return p->said == REVOCATION_GOOD && renew < AGAIN_MS ? renew : AGAIN_MS;
}

/* Whether a responder should be asked now: nothing was said yet, or what was
 * said is about to be too old. In a rule of lists: whether the revoker should
 * learn of this certificate's. */
static bool question_due(const struct peer *p)
{
    if (p->ticket != 0 || p->status == REVOCATION_REVOKED ||
        (p->asked != 0 && clock_boot_ms() - p->asked < pause_ms(p)))
        return false;
    if (!rule_asks_responders(rule_of(p)))
        return p->status != REVOCATION_GOOD && rule_of(p)->nhosts > 0;
    return p->said != REVOCATION_GOOD ||
           p->said_until - wall_now(p->all) < renew_ms(p);
}

static void question_ask(struct peer *p)
{
    int r;

    if (!question_due(p))
        return;
    p->asked = clock_boot_ms();
    r = question_send(p);
    if (r == 0)
        return;
    if (p->asked / 1000 != p->all->complained)
        log_warn("revocation_not_asked", "error=%s", log_quote(sp_strerror(r)));
    p->all->complained = p->asked / 1000;
    if (p->said != REVOCATION_GOOD)
        p->said = REVOCATION_UNKNOWN;
    peer_look(p);
}

/* ---- what follows ---- */

/* Everybody who waits hears it. */
static void waiting_go(struct peer *p)
{
    while (p->waiting != NULL) {
        struct exchange *x = p->waiting;

        p->waiting = x->check_next;
        exchange_checked(x);
    }
}

/* Not before it has asked for something: the keeper's answer to it is to close
 * its connections, and who comes with such a certificate is to hear why. */
static void tell_revoked(struct peer *p)
{
    const struct identity *id = p->identity;
    struct certificate_is_revoked v = {
        .policy = p->all->worker->rules->policy->serial,
        .party = id->party,
        .person = id->person,
        .ocsp = p->said == REVOCATION_REVOKED};
    uint64_t link = admissions_generation(p->all->worker->admissions);

    if (p->told == 0 || p->status != REVOCATION_REVOKED ||
        p->revoked_told == link || p->all->told >= TOLD_MAX)
        return;
    p->all->told++;
    memcpy(v.sha256, id->cert_sha256, sizeof(v.sha256));
    memcpy(v.issuer_key, id->issuer_key, sizeof(v.issuer_key));
    memcpy(v.serial, id->serial, sizeof(v.serial));
    v.serial_length = id->serial_length;
    if (admission_certificate_revoked(p->all->worker->admissions, &v) == 0)
        p->revoked_told = link;
}

static enum reason reason_of(enum revocation status)
{
    return status == REVOCATION_REVOKED ? REASON_CERTIFICATE_REVOKED
                                        : REASON_REVOCATION_UNAVAILABLE;
}

static bool status_is_good(enum revocation status)
{
    return status == REVOCATION_GOOD || status == REVOCATION_UNCHECKED;
}

/* Cuts what is under way with certificates that do not count any more: one
 * pass, however many they are. */
static void cut_all(struct peers *ps)
{
    struct exchange *next;

    for (struct exchange *x = ps->worker->exchanges; x != NULL; x = next) {
        next = x->next;
        if (x->peer != NULL && x->admitted && !status_is_good(x->peer->status))
            exchange_cut(x, reason_of(x->peer->status));
    }
}

static void look_at_all(struct peers *ps)
{
    bool bad = false;

    for (struct peer *p = ps->first; p != NULL; p = p->next) {
        peer_look(p);
        bad |= !status_is_good(p->status);
        tell_revoked(p);
    }
    if (bad)
        cut_all(ps);
}

/* ---- of one connection ---- */

static void peer_watch(struct peer *p, SSL *ssl)
{
    struct peers *ps = p->all;

    p->watched = true;
    p->next = ps->first;
    if (ps->first != NULL)
        ps->first->previous = p;
    ps->first = p;
    LIST_INSERT_HEAD(&ps->alike[alike_of(p)], p, alike);
    if (rule_asks_responders(rule_of(p)) || rule_of(p)->nhosts > 0) {
        p->leaf = SSL_get1_peer_certificate(ssl);
        p->issuer = p->identity->issuer;
        if (p->issuer != NULL && X509_up_ref(p->issuer) != 1)
            p->issuer = NULL;
    }
    p->status = REVOCATION_UNKNOWN;
    peer_look(p);
    question_ask(p);
}

static bool has_rule(const struct policy *p, const struct identity *id)
{
    return id->party < p->nparties && id->person != IDENTITY_NOBODY &&
           p->parties[id->party].revocation.mode != POLICY_REVOCATION_NONE;
}

void peer_begin(struct peer *p, struct worker *w, SSL *ssl,
                const struct identity *id)
{
    *p = (struct peer){.all = w->peers, .identity = id, .until = INT64_MAX};
    if (has_rule(w->rules->policy, id))
        peer_watch(p, ssl);
}

static bool asked_alike(const struct policy_revocation *a,
                        const struct policy_revocation *b)
{
    return a->mode == b->mode &&
           (a->responder == NULL) == (b->responder == NULL) &&
           (a->responder == NULL || strcmp(a->responder, b->responder) == 0);
}

void peer_renew(struct peer *p, const struct policy *before, SSL *ssl,
                const struct identity *id)
{
    const struct policy *now = p->all->worker->rules->policy;
    bool asks_the_same =
        p->watched && has_rule(now, id) &&
        asked_alike(&before->parties[p->identity->party].revocation,
                    &now->parties[id->party].revocation);
    struct exchange *waiting = p->waiting;

    p->identity = id;
    p->told = p->revoked_told = 0; /* what was told is by older rules */
    if (asks_the_same) {
        peer_look(p);
        return;
    }
    if (p->watched)
        peer_end(p);
    p->status = REVOCATION_UNCHECKED;
    p->said = REVOCATION_UNCHECKED;
    p->until = INT64_MAX;
    p->ticket = 0;
    p->asked = 0;
    p->waiting = waiting;
    if (has_rule(now, id))
        peer_watch(p, ssl);
    if (p->ticket == 0)
        waiting_go(p);
}

void peer_end(struct peer *p)
{
    if (p->all == NULL || !p->watched)
        return;
    p->watched = false;
    LIST_REMOVE(p, alike);
    if (p->previous != NULL)
        p->previous->next = p->next;
    else
        p->all->first = p->next;
    if (p->next != NULL)
        p->next->previous = p->previous;
    X509_free(p->leaf);
    X509_free(p->issuer);
    p->leaf = p->issuer = NULL;
    p->waiting = NULL;
}

bool peer_settled(struct peer *p, struct exchange *x)
{
    if (!p->watched)
        return true;
    if (p->until <= wall_now(p->all))
        peer_look(p);
    question_ask(p);
    if (p->ticket == 0 || status_is_good(p->status) ||
        p->status == REVOCATION_REVOKED || !rule_asks_responders(rule_of(p)))
        return true;
    x->check_next = p->waiting;
    p->waiting = x;
    return false;
}

void peer_unwait(struct peer *p, struct exchange *x)
{
    struct exchange **at = &p->waiting;

    while (*at != NULL && *at != x)
        at = &(*at)->check_next;
    if (*at == x)
        *at = x->check_next;
    x->check_next = NULL;
}

static void tell_matched(struct peer *p, uint64_t link)
{
    const struct identity *id = p->identity;
    struct certificate_matched v = {
        .policy = p->all->worker->rules->policy->serial,
        .party = id->party,
        .person = id->person,
        .rule = (uint8_t)id->rule,
        .service = id->service,
        .test_pki = id->test_pki,
        .serial_length = id->serial_length,
    };

    memcpy(v.sha256, id->cert_sha256, sizeof(v.sha256));
    memcpy(v.issuer_key, id->issuer_key, sizeof(v.issuer_key));
    memcpy(v.matched, id->matched_sha256, sizeof(v.matched));
    memcpy(v.serial, id->serial, sizeof(v.serial));
    memcpy(v.oid, id->policy_oid, strnlen(id->policy_oid, sizeof(v.oid) - 1));
    if (admission_certificate_matched(p->all->worker->admissions, &v) == 0)
        p->told = link;
}

enum revocation peer_status(struct peer *p)
{
    uint64_t link = admissions_generation(p->all->worker->admissions);

    if (p->told != link && p->identity->person != IDENTITY_NOBODY)
        tell_matched(p, link);
    tell_revoked(p);
    return p->status;
}

/* ---- from the revoker ---- */

/* What is good stays so for as long as it was said to. */
static void question_end(struct peer *p, enum revocation said, int64_t until)
{
    p->ticket = 0;
    p->asked = clock_boot_ms();
    if (said != REVOCATION_UNKNOWN || p->said != REVOCATION_GOOD) {
        p->said = said;
        p->said_until = until;
    }
    peer_look(p);
    if (p->status == REVOCATION_REVOKED)
        tell_revoked(p);
}

/* All who wait for it; those whose connection is gone do not any more. */
static void answered(struct peers *ps, const struct answer_revocation *v)
{
    const struct alike *alike = &ps->alike[v->ticket % ALIKE];
    struct peer *p, *next, *one = NULL;
    bool revoked = false;

    LIST_FOREACH (p, alike, alike) {
        if (p->ticket != v->ticket || v->ticket == 0)
            continue;
        question_end(p, v->status, v->until);
        revoked |= p->status == REVOCATION_REVOKED;
        one = p;
    }
    if (one == NULL)
        return;
    if (v->status == REVOCATION_UNKNOWN && rule_asks_responders(rule_of(one)))
        log_info("revocation_unknown", "party=%u problem=%s",
                 one->identity->party, log_quote(v->problem));
    if (revoked)
        cut_all(ps);
    for (p = LIST_FIRST(alike); p != NULL; p = next) {
        next = LIST_NEXT(p, alike);
        if (p->ticket == 0)
            waiting_go(p);
    }
}

/* Nobody will answer what was asked there. */
static void revoker_gone(struct peers *ps)
{
    struct peer *next;

    channel_free(ps->revoker);
    ps->revoker = NULL;
    for (struct peer *p = ps->first; p != NULL; p = next) {
        next = p->next;
        if (p->ticket != 0)
            question_end(p, REVOCATION_UNKNOWN, 0);
        waiting_go(p);
    }
}

static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct peers *ps = arg;
    struct answer_revocation v;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds == 0 && answer_revocation_get(&v, data, length) == 0) {
        answered(ps, &v);
        return;
    }
    log_error("revoker_broke_protocol", "type=%u", message_type(data, length));
    revoker_gone(ps);
}

static void on_closed(void *arg, int error)
{
    (void)error; /* the supervisor knows why, and sends a new one */
    revoker_gone(arg);
}

/* ---- of a worker ---- */

/* Questions that nobody answered, statuses that are over, answers to renew. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct peers *ps = arg;
    int64_t now = wall_now(ps), boot = clock_boot_ms();
    bool bad = false, questions = ps->sweeps++ % QUESTIONS_EVERY == 0;
    struct peer *next;

    (void)fd;
    (void)what;
    if (questions)
        ps->told = 0;
    for (struct peer *p = ps->first; p != NULL; p = p->next) {
        if (questions && p->ticket != 0 &&
            boot - p->asked > rule_of(p)->timeout_ms + REVOKER_LATE_MS)
            question_end(p, REVOCATION_UNKNOWN, 0);
        if (p->until <= now)
            peer_look(p);
        if (questions)
            question_ask(p);
        bad |= !status_is_good(p->status);
        tell_revoked(p);
    }
    if (bad)
        cut_all(ps);
    for (struct peer *p = ps->first; p != NULL; p = next) {
        next = p->next;
        if (p->ticket == 0 && p->waiting != NULL)
            waiting_go(p);
    }
}

/* What the one before did not answer. */
static void questions_repeat(struct peers *ps)
{
    /* All are forgotten first: those of one certificate share a question. */
    for (struct peer *p = ps->first; p != NULL; p = p->next) {
        p->repeat = p->ticket != 0;
        p->ticket = 0;
    }
    for (struct peer *p = ps->first; p != NULL; p = p->next)
        if (p->repeat && question_send(p) != 0)
            question_end(p, REVOCATION_UNKNOWN, 0);
}

void peers_channel(struct peers *ps, int fd)
{
    struct channel *before = ps->revoker;

    ps->revoker = channel_new(ps->worker->base, fd, on_message, on_closed, ps);
    if (ps->revoker == NULL)
        fatal("channel", "error=%s", log_quote("out of memory"));
    if (before == NULL)
        return;
    channel_free(before);
    questions_repeat(ps);
}

void peers_set(struct peers *ps, uint64_t number, int fd)
{
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    off_t length = lseek(fd, 0, SEEK_END);
    struct revocations view;
    void *memory = MAP_FAILED;

    if (length > 0 && file_check_seals(fd, seals) == 0)
        memory = mmap(NULL, (size_t)length, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) /* never with fewer revoked than there are */
        fatal("revocations_not_mapped", "bytes=%lld", (long long)length);
    if (revocations_open(memory, (size_t)length, &view) != 0) {
        log_error("revocations_corrupt", "bytes=%lld", (long long)length);
        munmap(memory, (size_t)length);
        return;
    }
    if (ps->memory != NULL)
        munmap(ps->memory, ps->length);
    ps->memory = memory;
    ps->length = (size_t)length;
    ps->set = view;
    log_info("revocations", "number=%llu lists=%u", (unsigned long long)number,
             view.nlists);
    look_at_all(ps);
}

void peers_rules(struct peers *ps)
{
    static const struct timeval often = {.tv_usec = SWEEP_MS * 1000};
    const struct policy *p = ps->worker->rules->policy;
    bool needed = false;

    for (size_t i = 0; i < p->nparties; i++)
        needed |= p->parties[i].revocation.mode != POLICY_REVOCATION_NONE;
    if (!needed)
        (void)event_del(ps->sweep);
    else if (event_add(ps->sweep, &often) != 0)
        fatal("event", "error=%s", log_quote("out of memory"));
}

struct peers *peers_new(struct worker *w)
{
    struct peers *ps = calloc(1, sizeof(*ps));

    if (ps == NULL)
        return NULL;
    ps->worker = w;
    ps->sweep = event_new(w->base, -1, EV_PERSIST, on_sweep, ps);
    if (ps->sweep == NULL) {
        peers_free(ps);
        return NULL;
    }
    peers_rules(ps);
    return ps;
}

void peers_free(struct peers *ps)
{
    if (ps == NULL)
        return;
    if (ps->revoker != NULL)
        channel_free(ps->revoker);
    if (ps->sweep != NULL)
        event_free(ps->sweep);
    if (ps->memory != NULL)
        munmap(ps->memory, ps->length);
    free(ps);
}
