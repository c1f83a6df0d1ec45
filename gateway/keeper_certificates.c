/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates in the keeper: what the deployment's authority has issued and
 * revoked, by its index; what lists and responders say is revoked; and whom
 * that cuts. Each is an entry first. The index is the operator's file, lists
 * and responders were believed by whoever asked them; what cannot be an entry
 * is refused here, since one that cannot be applied ends the keeper.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <unistd.h>

#include "gateway/authority_messages.h"
#include "gateway/keeper.h"
#include "lib/file.h"
#include "policy/issued.h"

/* Behind its end for so long nothing need be known of a certificate that the
 * ledger has not heard of: it is refused as expired. */
#define EXPIRED_MS (INT64_C(86400000))

void keeper_certificate_cut(struct keeper *k, const uint8_t sha256[32])
{
    struct cut c = {CUT_ALL, .reason = REASON_CERTIFICATE_REVOKED,
                    .has_certificate = true};
    uint8_t data[CUT_BYTES];
    size_t length;

    memcpy(c.certificate, sha256, 32);
    if (cut_put(&c, data, sizeof(data), &length) == 0)
        keeper_send_all(k, data, length);
}

int keeper_certificate_revoked(struct keeper *k,
                               const struct entry_certificate_revoked *r)
{
    const char *objection = standing_revocation_objection(k->standing, r);
    struct entry e = {.kind = ENTRY_CERTIFICATE_REVOKED,
                      .u.certificate_revoked = *r};

    if (standing_certificate_is_revoked(k->standing, r->sha256))
        return SP_EEXIST;
    if (objection != NULL) {
        log_error("certificate_not_revoked", "serial=%s problem=%s",
                  log_quote(r->serial), log_quote(objection));
        return SP_EINVAL;
    }
    log_warn("certificate_revoked", "serial=%s party=%s person=%s cause=%s",
             r->serial, r->party, r->person == NULL ? "-" : r->person,
             r->cause);
    if (strcmp(r->cause, "authority") != 0)
        keeper_certificate_pass_on(k, r->sha256, r->reason);
    keeper_record(k, &e);
    keeper_certificate_cut(k, r->sha256);
    return 0;
}

/* ---- the authority's index ---- */

struct reading {
    struct keeper *k;
    char *problem;
    unsigned issued, revoked;
};

static bool says_the_same(const struct standing_certificate *c,
                          const struct issued *l)
{
    return strcmp(c->serial, l->serial) == 0 &&
           strcmp(c->party, l->party) == 0 &&
           strcmp(c->person, l->person) == 0 && c->not_after == l->not_after;
}

static int index_issued(struct reading *r, const struct issued *l)
{
    struct entry e = {.kind = ENTRY_CERTIFICATE_ISSUED,
                      .u.certificate_issued = {.serial = l->serial,
                                               .party = l->party,
                                               .person = l->person,
                                               .issued = l->issued,
                                               .not_after = l->not_after,
                                               .profile = l->profile}};

    if (standing_certificates_full(r->k->standing)) {
        snprintf(r->problem, 256,
                 "line %u: the ledger holds %d certificates: expected no more",
                 l->line, LIMIT_CERTIFICATES);
        return SP_ETOOBIG;
    }
    memcpy(e.u.certificate_issued.sha256, l->sha256, 32);
    log_info("certificate_issued", "serial=%s party=%s person=%s", l->serial,
             l->party, l->person);
    keeper_record(r->k, &e);
    r->issued++;
    return 0;
}

static int index_revoked(struct reading *r, const struct issued *l)
{
    struct entry_certificate_revoked e = {
        .serial = l->serial,
        .party = l->party,
        .person = l->person,
        .not_after = l->not_after,
        .cause = "authority",
        .reason = l->reason[0] == 0 ? NULL : l->reason};
    int error;

    memcpy(e.sha256, l->sha256, 32);
    error = keeper_certificate_revoked(r->k, &e);
    r->revoked += error == 0;
    return error;
}

/* What is new of a line. What the ledger knows as revoked stays so. */
static int index_take(void *arg, const struct issued *l)
{
    struct reading *r = arg;
    struct standing_certificate c;
    int error;

    if (l->party[0] == 0)
        return 0;
    (void)standing_certificate(r->k->standing, l->sha256, &c);
    if (c.issued && !says_the_same(&c, l)) {
        snprintf(r->problem, 256,
                 "line %u: the ledger says something else of this certificate",
                 l->line);
        return SP_EINVAL;
    }
    if (!c.issued) {
        if (r->k->now >= l->not_after + EXPIRED_MS)
            return 0;
        if ((error = index_issued(r, l)) != 0)
            return error;
    }
    if (l->revoked == 0 && c.revoked) /* while nobody wrote it down there */
        keeper_certificate_pass_on(r->k, l->sha256, NULL);
    return l->revoked != 0 && !c.revoked ? index_revoked(r, l) : 0;
}

static int index_look(void *arg, const struct issued *l)
{
    (void)arg;
    (void)l;
    return 0;
}

int keeper_certificates_index(struct keeper *k, const char *text, size_t length,
                              char problem[256])
{
    struct reading r = {.k = k, .problem = problem};
    char none[256];
    int error;

    /* All of it is right before anything is written. */
    if ((error = issued_parse(text, length, index_look, NULL, problem)) != 0)
        return error;
    error = issued_parse(text, length, index_take, &r, none);
    if (r.issued + r.revoked > 0)
        log_info("certificates_index", "issued=%u revoked=%u", r.issued,
                 r.revoked);
    keeper_due(k); /* of a window that is over already */
    return error;
}

/* 262,144 certificates in lines of 300 bytes. */
#define INDEX_MAX (96u << 20)

void keeper_certificates_file(struct keeper *k, int fd)
{
    uint8_t *text = NULL;
    size_t length = 0;
    int r = file_read_fd(fd, INDEX_MAX, &text, &length);

    close(fd);
    k->index_problem[0] = '\0';
    if (r != 0)
        snprintf(k->index_problem, sizeof(k->index_problem), "%s",
                 sp_strerror(r));
    else
        r = keeper_certificates_index(k, (const char *)text, length,
                                      k->index_problem);
    free(text);
    if (r == 0)
        return;
    if (k->index_problem[0] == '\0')
        snprintf(k->index_problem, sizeof(k->index_problem), "%s",
                 sp_strerror(r));
    log_error("certificates_index_refused", "problem=%s",
              log_quote(k->index_problem));
}

/* ---- what the authority has to write down ---- */

/* While the disk is waited for. */
#define DURABLE_POLL_US 1000
/* Certificates that are passed on in one millisecond. */
#define PASSED_ON_MAX 16

void keeper_certificate_pass_on(struct keeper *k, const uint8_t sha256[32],
                                const char *reason)
{
    struct standing_certificate c;
    struct revoke_message m = {0};

    if (!standing_certificate(k->standing, sha256, &c) || !c.issued)
        return; /* somebody else's */
    memcpy(m.sha256, sha256, sizeof(m.sha256));
    snprintf(m.reason, sizeof(m.reason), "%s",
             reason != NULL ? reason : "cessationOfOperation");
    if (buf_append(&k->to_revoke.list, &m, sizeof(m)) != 0)
        log_warn("authority_not_told", "serial=%s", log_quote(c.serial));
    k->to_revoke.until = ledger_size(k->ledger) + 1;
}

/* No faster than supervisor and authority take it. */
static void pass_some_on(struct keeper *k)
{
    struct buf *list = &k->to_revoke.list;

    if (k->to_revoke.passed == k->boot)
        return;
    k->to_revoke.passed = k->boot;
    for (size_t i = 0; i < PASSED_ON_MAX && list->length > 0; i++) {
        struct revoke_message m;
        uint8_t data[128];
        size_t length;

        memcpy(&m, buf_bytes(list), sizeof(m));
        buf_drain(list, sizeof(m));
        if (revoke_message_put(&m, data, sizeof(data), &length) == 0)
            keeper_tell(k, data, length);
    }
    if (list->length == 0)
        buf_release(list);
}

void keeper_certificates_turn(struct keeper *k)
{
    static const struct timeval soon = {.tv_usec = DURABLE_POLL_US};
    struct buf *list = &k->to_revoke.list;
    uint64_t durable;

    if (list->length == 0)
        return;
    pthread_mutex_lock(&k->links_lock);
    durable = k->durable;
    pthread_mutex_unlock(&k->links_lock);
    if (k->to_revoke.until <= durable ||
        ledger_size(k->ledger) < k->to_revoke.until)
        pass_some_on(k);
    if (list->length > 0 && k->retry != NULL)
        event_add(k->retry, &soon);
}
