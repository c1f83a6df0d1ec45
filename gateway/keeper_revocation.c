/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation as the keeper sees it: lists that are about to count are entries
 * before they do (P5), and so is what a certificate was recognised by. Runs in
 * the keeper. What the revoker tells comes through the supervisor; workers are
 * believed that a certificate is revoked, which only ever closes.
 */
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "gateway/keeper.h"
#include "gateway/revocation_messages.h"

/* While the disk is waited for. */
#define DURABLE_POLL_US 1000

static void serial_text(const uint8_t serial[20], uint8_t length, char text[41])
{
    for (size_t i = 0; i < length && i < 20; i++)
        snprintf(text + 2 * i, 3, "%02x", serial[i]);
    if (length == 0)
        text[0] = '\0';
}

static const char *source_text(uint8_t source)
{
    static const char *const texts[CRL_SOURCES] = {
        [CRL_FROM_FILE] = "file",
        [CRL_FETCHED] = "fetched",
        [CRL_OF_AUTHORITY] = "authority",
    };

    return texts[source < CRL_SOURCES ? source : CRL_FROM_FILE];
}

void keeper_crl_loaded(struct keeper *k, const struct crl_loaded *v)
{
    struct entry e = {
        .kind = ENTRY_CRL_LOADED,
        .u.crl_loaded = {.number = v->number[0] != '\0' ? v->number : NULL,
                         .this_update = v->this_update,
                         .next_update = v->next_update,
                         .count = v->count,
                         .source = source_text(v->source)},
    };

    memcpy(e.u.crl_loaded.issuer_key, v->issuer_key, 32);
    memcpy(e.u.crl_loaded.sha256, v->sha256, 32);
    keeper_record(k, &e);
}

/* All lists of a set are recorded: when they are on disk, it may count. */
void keeper_revocations(struct keeper *k, const struct revocations_number *v)
{
    k->revocations.number = *v;
    k->revocations.until = ledger_size(k->ledger);
    k->revocations.waiting = true;
}

void keeper_revocations_turn(struct keeper *k)
{
    static const struct timeval soon = {.tv_usec = DURABLE_POLL_US};
    uint8_t data[64];
    size_t length;
    uint64_t durable;

    if (!k->revocations.waiting)
        return;
    pthread_mutex_lock(&k->links_lock);
    durable = k->durable;
    pthread_mutex_unlock(&k->links_lock);
    if (k->revocations.until > durable) {
        if (k->retry != NULL)
            event_add(k->retry, &soon);
        return;
    }
    k->revocations.waiting = false;
    if (revocations_number_put(MESSAGE_REVOCATIONS_RECORDED,
                               &k->revocations.number, data, sizeof(data),
                               &length) == 0)
        keeper_tell(k, data, length);
}

/* --- from workers --- */

/* Of people who are in the policy. */
static bool is_known(const struct keeper *k, uint32_t party, uint32_t person)
{
    const struct policy *p = k->policy;

    return party < p->nparties && person < p->npeople &&
           p->people[person].party == party;
}

/* One worker's in a second: an entry each, and nobody may fill the disk. */
static bool has_room(struct keeper *k, struct keeper_rate *rate)
{
    int64_t second = k->boot / 1000;

    if (rate->second != second)
        *rate = (struct keeper_rate){.second = second};
    return rate->count++ < KEEPER_CERTIFICATES_PER_SECOND;
}

/* Whether it was written down lately. */
static bool is_remembered(const struct keeper_seen *seen,
                          const uint8_t sha256[32], uint32_t person)
{
    return seen->used && seen->person == person &&
           memcmp(seen->sha256, sha256, sizeof(seen->sha256)) == 0;
}

static struct keeper_seen *seen_slot(struct keeper *k, const uint8_t sha256[32])
{
    size_t at = (size_t)sha256[0] | (size_t)sha256[1] << 8;

    return &k->seen[at % KEEPER_SEEN];
}

static void remember(struct keeper_seen *seen, const uint8_t sha256[32],
                     uint32_t person)
{
    seen->used = true;
    seen->person = person;
    memcpy(seen->sha256, sha256, sizeof(seen->sha256));
}

int keeper_take_matched(struct keeper *k, struct keeper_link *l,
                        const uint8_t *data, size_t length, const char **what)
{
    struct certificate_matched v;
    struct keeper_seen *seen;
    char serial[41];
    struct entry e = {.kind = ENTRY_CERTIFICATE_MATCHED};
    struct entry_certificate_matched *m = &e.u.certificate_matched;

    *what = "a matched certificate that does not add up";
    if (certificate_matched_get(&v, data, length) != 0 ||
        v.rule == IDENTITY_BY_NOTHING || v.rule >= IDENTITY_RULES)
        return SP_EPROTO;
    if (v.policy != k->policy->serial)
        return 0; /* told again under the newer one */
    if (!is_known(k, v.party, v.person))
        return SP_EPROTO;
    seen = seen_slot(k, v.sha256);
    if (is_remembered(seen, v.sha256, v.person) || !has_room(k, &l->matched))
        return 0;
    remember(seen, v.sha256, v.person);
    serial_text(v.serial, v.serial_length, serial);
    memcpy(m->sha256, v.sha256, 32);
    memcpy(m->issuer_key, v.issuer_key, 32);
    memcpy(m->matched_sha256, v.matched, 32);
    m->serial = serial;
    m->party = k->policy->parties[v.party].name;
    m->person = k->policy->people[v.person].name;
    m->rule = identity_rule_text((enum identity_rule)v.rule);
    m->policy = v.oid[0] != '\0' ? v.oid : NULL;
    m->service = v.service;
    m->test_pki = v.test_pki;
    keeper_record(k, &e);
    return 0;
}

static bool day_has_room(struct keeper *k)
{
    int64_t day = k->boot / 86400000;

    if (k->revoked_day != day) {
        k->revoked_day = day;
        k->revoked = 0;
    }
    if (k->revoked == KEEPER_REVOKED_PER_DAY)
        log_error("too_many_revoked", "today=%u advice=%s", k->revoked,
                  log_quote("no more of them are remembered for good today; "
                            "lists and responders refuse them meanwhile"));
    return k->revoked++ < KEEPER_REVOKED_PER_DAY;
}

int keeper_take_revoked(struct keeper *k, struct keeper_link *l,
                        const uint8_t *data, size_t length, const char **what)
{
    struct certificate_is_revoked v;
    char serial[41];
    struct entry_certificate_revoked r = {.has_issuer = true};

    *what = "a revoked certificate that does not add up";
    if (certificate_is_revoked_get(&v, data, length) != 0)
        return SP_EPROTO;
    if (v.policy != k->policy->serial)
        return 0; /* told again under the newer one */
    if (!is_known(k, v.party, v.person))
        return SP_EPROTO;
    if (standing_certificate_is_revoked(k->standing, v.sha256) ||
        !has_room(k, &l->revoked) || !day_has_room(k))
        return 0;
    serial_text(v.serial, v.serial_length, serial);
    memcpy(r.sha256, v.sha256, 32);
    memcpy(r.issuer_key, v.issuer_key, 32);
    r.serial = serial;
    r.party = k->policy->parties[v.party].name;
    r.person = k->policy->people[v.person].name;
    r.cause = v.ocsp ? "ocsp" : "crl";
    /* Whatever it says of this one, which is in the log: no worker broke a
     * protocol by it. */
    return keeper_certificate_revoked(k, &r) == SP_EPROTO ? SP_EPROTO : 0;
}
