/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled set and the question it answers. Asked in every process that holds
 * connections, at each handshake and for all of them at each new set; built
 * elsewhere, by a process that reads strangers' bytes and may have been taken
 * over: it can then say who is revoked, but not make anybody read outside.
 */
#include "certs/revocations.h"

#include <stddef.h>
#include <stdio.h>

#include "certs/revocations_format.h"
#include "lib/clock.h"

/* 9999-12-31T23:59:59Z: the last time that a list can name. */
#define TIME_MAX 253402300799000LL

/* --- parts that building uses as well ------------------------------------ */

bool set_records_have(const struct crl_record *records, uint64_t count,
                      const uint8_t serial[20])
{
    while (count > 0) {
        uint64_t half = count / 2;
        int order = memcmp(records[half].serial, serial, 20);

        if (order == 0)
            return true;
        if (order < 0) {
            records += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return false;
}

size_t set_issuer_find(const struct set_list *lists, size_t count,
                       const uint8_t issuer_key[32])
{
    size_t low = 0;

    while (low < count) {
        size_t half = low + (count - low) / 2;

        if (memcmp(lists[half].issuer_key, issuer_key, 32) < 0)
            low = half + 1;
        else
            count = half;
    }
    return low;
}

static uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i += 8) {
        uint64_t word;

        memcpy(&word, data + i, 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    return sum;
}

uint64_t set_checksum(const uint8_t *data, size_t length)
{
    const size_t own = offsetof(struct set_header, checksum);
    uint64_t sum = checksum_add(0x5350, data, own);

    return checksum_add(sum, data + own + 8, length - own - 8);
}

/* --- opening ------------------------------------------------------------- */

static bool header_good(const struct set_header *h, size_t length)
{
    uint64_t expected;

    if (memcmp(h->magic, SET_MAGIC, sizeof h->magic) != 0 ||
        h->version != SET_VERSION || h->length != length ||
        h->nlists > REVOCATIONS_LISTS_MAX ||
        h->nrecords > REVOCATIONS_RECORDS_MAX || h->zero[0] != 0 ||
        h->zero[1] != 0)
        return false;
    expected = sizeof *h + h->nlists * sizeof(struct set_list) +
               h->nrecords * sizeof(struct crl_record);
    return expected == length;
}

static bool scope_good(const struct set_list *l)
{
    const uint32_t both = CRL_USERS_ONLY | CRL_CAS_ONLY;
    static const uint8_t nobody[32];

    if (l->scope == SET_STICKY)
        return l->npoints == 0 && l->state == 0 && l->this_update == 0 &&
               l->next_update == 0 && memcmp(l->issuer_name, nobody, 32) == 0;
    if ((l->scope & ~0xffff0fu) != 0 || (l->scope & both) == both)
        return false;
    if ((l->scope & CRL_SOME_REASONS) == 0 && CRL_REASONS(l->scope) != 0)
        return false;
    return ((l->scope & CRL_PARTITION) != 0) == (l->npoints > 0) &&
           l->this_update >= 0 && l->this_update < l->next_update &&
           l->next_update <= TIME_MAX;
}

static bool points_good(const struct set_list *l)
{
    static const uint8_t zero[32];

    if (l->npoints > CHAIN_POINTS_MAX)
        return false;
    for (uint32_t i = 1; i < l->npoints; i++) {
        if (memcmp(l->points[i - 1], l->points[i], 32) >= 0)
            return false;
    }
    for (uint32_t i = l->npoints; i < CHAIN_POINTS_MAX; i++) {
        if (memcmp(l->points[i], zero, 32) != 0)
            return false;
    }
    return true;
}

/* Printable, one NUL-terminated text, zeros behind it. */
static bool issuer_good(const struct set_list *l)
{
    size_t n = strnlen(l->issuer, sizeof l->issuer);

    if (n == sizeof l->issuer)
        return false;
    for (size_t i = 0; i < sizeof l->issuer; i++) {
        if (i < n ? l->issuer[i] < 0x20 || l->issuer[i] > 0x7e
                  : l->issuer[i] != '\0')
            return false;
    }
    return true;
}

static bool number_good(const struct set_list *l)
{
    static const uint8_t zero[20];

    return (l->state & ~(SET_NUMBER | SET_DELTA)) == 0 &&
           ((l->state & SET_NUMBER) != 0 || memcmp(l->number, zero, 20) == 0);
}

static bool lists_good(const struct set_list *lists, uint32_t nlists,
                       uint64_t nrecords)
{
    uint64_t next = 0;

    for (uint32_t i = 0; i < nlists; i++) {
        const struct set_list *l = &lists[i];

        if (l->first != next || l->count > nrecords - next || !scope_good(l) ||
            !points_good(l) || !issuer_good(l) || !number_good(l) ||
            (i > 0 && set_list_order(&lists[i - 1], l) >= 0))
            return false;
        next += l->count;
    }
    return next == nrecords;
}

static bool records_good(const struct crl_record *records, uint64_t count)
{
    static const struct crl_record zero;
    const uint8_t *before = zero.serial; /* no serial is 0 */

    for (uint64_t i = 0; i < count; i++) {
        const struct crl_record *r = &records[i];

        if (memcmp(before, r->serial, 20) >= 0 || r->reason > 10 ||
            memcmp(r->zero, zero.zero, sizeof r->zero) != 0)
            return false;
        before = r->serial;
    }
    return true;
}

int revocations_open(const void *data, size_t length, struct revocations *view)
{
    const struct set_header *h = data;
    struct revocations set;

    *view = (struct revocations){0};
    if (data == NULL || (uintptr_t)data % 8 != 0 || length < sizeof *h ||
        !header_good(h, length) || set_checksum(data, length) != h->checksum)
        return SP_ECORRUPT;
    set = (struct revocations){.data = data,
                               .length = length,
                               .nlists = h->nlists,
                               .nrecords = h->nrecords};
    if (!lists_good(set_lists(&set), set.nlists, set.nrecords))
        return SP_ECORRUPT;
    for (uint32_t i = 0; i < set.nlists; i++) {
        const struct set_list *l = &set_lists(&set)[i];

        if (!records_good(set_records(&set, l), l->count))
            return SP_ECORRUPT;
    }
    *view = set;
    return 0;
}

/* --- asking -------------------------------------------------------------- */

static bool points_share(const struct set_list *l,
                         const struct chain_link *link)
{
    for (uint32_t i = 0; i < l->npoints; i++) {
        for (size_t k = 0; k < link->npoints && k < CHAIN_POINTS_MAX; k++) {
            if (memcmp(l->points[i], link->points[k], 32) == 0)
                return true;
        }
    }
    return false;
}

/* Whether not being in the list means anything for this certificate. */
static bool list_covers(const struct set_list *l, const struct chain_link *link)
{
    if ((l->scope & (SET_STICKY | CRL_SOME_REASONS)) != 0 ||
        memcmp(l->issuer_name, link->issuer_name, 32) != 0)
        return false;
    if ((l->scope & (link->ca ? CRL_USERS_ONLY : CRL_CAS_ONLY)) != 0)
        return false;
    return (l->scope & CRL_PARTITION) == 0 || points_share(l, link);
}

/* Until when the list can be relied on; 0: no longer, or not yet. */
static int64_t list_fresh_until(const struct set_list *l, int64_t now,
                                int64_t max_age)
{
    int64_t until = l->next_update;

    if (max_age <= 0 || l->this_update - CRL_SKEW_MS > now)
        return 0;
    if (max_age < until - l->this_update)
        until = l->this_update + max_age;
    return now < until ? until : 0;
}

/* *until: the latest that a list covering the link is fresh; 0: none. True if
 * the link is revoked. */
static bool link_check(const struct revocations *set,
                       const struct chain_link *link, int64_t now,
                       int64_t max_age, int64_t *until)
{
    const struct set_list *lists = set_lists(set);
    uint8_t serial[20] = {0};

    *until = 0;
    if (link->serial_length == 0 || link->serial_length > sizeof serial)
        return false;
    memcpy(serial + sizeof serial - link->serial_length, link->serial,
           link->serial_length);
    for (size_t i = set_issuer_find(lists, set->nlists, link->issuer_key);
         i < set->nlists &&
         memcmp(lists[i].issuer_key, link->issuer_key, 32) == 0;
         i++) {
        int64_t fresh = 0;

        if (set_records_have(set_records(set, &lists[i]), lists[i].count,
                             serial))
            return true;
        if (list_covers(&lists[i], link))
            fresh = list_fresh_until(&lists[i], now, max_age);
        if (fresh > *until)
            *until = fresh;
    }
    return false;
}

enum revocation revocations_check(const struct revocations *set,
                                  const struct chain_link *links, size_t n,
                                  int64_t now_ms, int64_t max_age_ms,
                                  int64_t *good_until_ms)
{
    int64_t earliest = INT64_MAX, until;

    *good_until_ms = 0;
    if (set == NULL || set->data == NULL || n == 0)
        return REVOCATION_UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        if (link_check(set, &links[i], now_ms, max_age_ms, &until))
            return REVOCATION_REVOKED;
        if (until < earliest)
            earliest = until;
    }
    if (earliest == 0)
        return REVOCATION_UNKNOWN;
    *good_until_ms = earliest;
    return REVOCATION_GOOD;
}

/* The covering list that lasts longest, or NULL; *issuer: any list of it. */
static const struct set_list *link_cover(const struct revocations *set,
                                         const struct chain_link *link,
                                         const struct set_list **issuer)
{
    const struct set_list *lists = set_lists(set), *best = NULL;

    *issuer = NULL;
    for (size_t i = set_issuer_find(lists, set->nlists, link->issuer_key);
         i < set->nlists &&
         memcmp(lists[i].issuer_key, link->issuer_key, 32) == 0;
         i++) {
        *issuer = &lists[i];
        if (list_covers(&lists[i], link) &&
            (best == NULL || best->next_update < lists[i].next_update))
            best = &lists[i];
    }
    return best;
}

static void link_problem(const struct revocations *set,
                         const struct chain_link *link, size_t number,
                         int64_t now, char problem[CRL_PROBLEM])
{
    const struct set_list *issuer, *l = link_cover(set, link, &issuer);
    char when[CLOCK_UTC_SIZE];

    if (issuer == NULL) {
        snprintf(problem, CRL_PROBLEM,
                 "certificate %zu: no list of its issuer is loaded", number);
    } else if (l == NULL) {
        snprintf(problem, CRL_PROBLEM,
                 "certificate %zu: no list of its issuer %s covers it "
                 "(partition, kind of certificate or reasons)",
                 number, issuer->issuer);
    } else {
        bool over = l->next_update <= now;

        clock_format_utc(over ? l->next_update : l->this_update, when);
        snprintf(problem, CRL_PROBLEM,
                 "certificate %zu: the list of %s is %s %s", number, l->issuer,
                 over ? "stale since" : "too old, or not yet valid: of", when);
    }
}

void revocations_problem(const struct revocations *set,
                         const struct chain_link *links, size_t n,
                         int64_t now_ms, int64_t max_age_ms,
                         char problem[CRL_PROBLEM])
{
    int64_t until;

    problem[0] = '\0';
    if (revocations_check(set, links, n, now_ms, max_age_ms, &until) !=
        REVOCATION_UNKNOWN)
        return;
    if (set == NULL || set->data == NULL) {
        snprintf(problem, CRL_PROBLEM, "no lists are loaded");
        return;
    }
    if (n == 0)
        snprintf(problem, CRL_PROBLEM, "no certificate below an anchor");
    for (size_t i = 0; i < n; i++) {
        (void)link_check(set, &links[i], now_ms, max_age_ms, &until);
        if (until == 0) {
            link_problem(set, &links[i], i + 1, now_ms, problem);
            return;
        }
    }
}

void revocations_list(const struct revocations *set, size_t i,
                      struct revocations_info *info)
{
    const struct set_list *l = &set_lists(set)[i];

    memset(info, 0, sizeof *info);
    memcpy(info->issuer, l->issuer, sizeof info->issuer);
    memcpy(info->issuer_key, l->issuer_key, sizeof info->issuer_key);
    memcpy(info->sha256, l->sha256, sizeof info->sha256);
    memcpy(info->number, l->number, sizeof info->number);
    info->has_number = (l->state & SET_NUMBER) != 0;
    info->delta = (l->state & SET_DELTA) != 0;
    info->sticky = l->scope == SET_STICKY;
    info->scope = info->sticky ? 0 : l->scope;
    info->npoints = l->npoints;
    info->this_update = l->this_update;
    info->next_update = l->next_update;
    info->count = l->count;
}
