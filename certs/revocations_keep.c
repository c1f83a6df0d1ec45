/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new set owes: that nobody who was revoked is forgotten, and that no
 * authority's lists crowd out the others'. Runs where sets are built.
 */
#include <stdio.h>
#include <stdlib.h>

#include "certs/revocations_build.h"

/* --- nobody is forgotten ------------------------------------------------- */

static int sticky_push(struct build *b, const struct crl_record *r)
{
    if (b->nsticky == b->sticky_room) {
        size_t room = b->sticky_room == 0 ? 64 : b->sticky_room * 2;
        struct crl_record *more = reallocarray(b->sticky, room, sizeof *more);

        if (more == NULL)
            return SP_ENOMEM;
        b->sticky = more;
        b->sticky_room = room;
    }
    b->sticky[b->nsticky++] = *r;
    return 0;
}

/* The parts of one issuer, which stand beside each other. */
struct span {
    const struct part *parts;
    size_t count;
};

static struct span span_of(const struct build *b, size_t nparts,
                           const uint8_t issuer_key[32])
{
    struct span s = {.parts = b->parts};
    const struct part *end = b->parts + nparts;

    while (s.parts != end &&
           memcmp(s.parts->meta.issuer_key, issuer_key, 32) != 0)
        s.parts++;
    while (s.parts + s.count != end &&
           memcmp(s.parts[s.count].meta.issuer_key, issuer_key, 32) == 0)
        s.count++;
    return s;
}

static bool span_has(const struct span *s, const uint8_t serial[20])
{
    for (size_t i = 0; i < s->count; i++) {
        if (set_records_have(s->parts[i].records, s->parts[i].meta.count,
                             serial))
            return true;
    }
    return false;
}

/* Those of one list of before that no list names any more. Most are in the
 * version that replaced it, which is walked beside it. */
static int sticky_collect(struct build *b, const struct span *s,
                          const struct set_list *before)
{
    const struct crl_record *old = set_records(b->previous, before);
    const struct part *now = NULL;
    uint64_t at = 0;
    int r;

    for (size_t i = 0; i < s->count; i++) {
        if (set_list_order(&s->parts[i].meta, before) == 0)
            now = &s->parts[i];
    }
    if (now != NULL && now->records == old)
        return 0;
    for (uint64_t i = 0; i < before->count; i++) {
        int order = 1;

        while (now != NULL && at < now->meta.count &&
               (order = memcmp(now->records[at].serial, old[i].serial, 20)) < 0)
            at++;
        if ((now != NULL && at < now->meta.count && order == 0) ||
            span_has(s, old[i].serial))
            continue;
        if ((r = sticky_push(b, &old[i])) != 0)
            return r;
    }
    return 0;
}

static int serial_order(const void *a, const void *b)
{
    return memcmp(a, b, 20);
}

/* What was collected becomes a part, at the end of `parts`. */
static int sticky_part(struct build *b, const struct set_list *example)
{
    struct part p = {.meta = {.scope = SET_STICKY}};
    size_t kept = 0;

    if (b->nsticky == 0)
        return 0;
    qsort(b->sticky, b->nsticky, sizeof *b->sticky, serial_order);
    for (size_t i = 0; i < b->nsticky; i++) {
        if (kept == 0 || serial_order(&b->sticky[kept - 1], &b->sticky[i]) != 0)
            b->sticky[kept++] = b->sticky[i];
    }
    memcpy(p.meta.issuer_key, example->issuer_key, sizeof p.meta.issuer_key);
    memcpy(p.meta.issuer, example->issuer, sizeof p.meta.issuer);
    p.meta.count = kept;
    p.records = p.owned = b->sticky;
    b->sticky = NULL;
    b->nsticky = b->sticky_room = 0;
    if (build_part_add(b, &p) == 0)
        return 0;
    free(p.owned);
    return SP_ENOMEM;
}

/* For each issuer of the set before. */
int build_sticky_add(struct build *b)
{
    size_t count = b->previous == NULL ? 0 : b->previous->nlists;
    const size_t nparts = b->nparts; /* sticky ones come behind these */
    int r = 0;

    for (size_t i = 0; r == 0 && i < count;) {
        const struct set_list *first = &set_lists(b->previous)[i];
        struct span s = span_of(b, nparts, first->issuer_key);

        for (; r == 0 && i < count; i++) {
            const struct set_list *l = &set_lists(b->previous)[i];

            if (memcmp(l->issuer_key, first->issuer_key, 32) != 0)
                break;
            r = sticky_collect(b, &s, l);
        }
        if (r == 0)
            r = sticky_part(b, first);
    }
    build_parts_sort(b);
    return r;
}

/* --- shares -------------------------------------------------------------- */

/* The parts of one issuer's key. */
struct share {
    const struct part *parts;
    uint64_t lists, records;
};

static struct share share_of(const struct build *b, size_t first)
{
    struct share s = {.parts = b->parts + first};

    for (size_t i = first;
         i < b->nparts &&
         memcmp(b->parts[i].meta.issuer_key, s.parts->meta.issuer_key, 32) == 0;
         i++) {
        s.lists++;
        s.records += b->parts[i].meta.count;
    }
    return s;
}

static uint64_t share_size(const struct share *s)
{
    return s->lists * sizeof(struct set_list) +
           s->records * sizeof(struct crl_record);
}

static bool share_grows(const struct build *b, const struct share *s)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->part_of[i] != NOWHERE &&
            memcmp(crl_info(b->crls[i])->issuer_key, s->parts->meta.issuer_key,
                   32) == 0)
            return true;
    }
    return false;
}

/* Whose new lists are too much: of an issuer that has more than one may have,
 * or, if all together have too much, of the one that has most. */
static bool share_find(const struct build *b, struct share *worst)
{
    uint64_t records = 0;
    bool over = false;

    *worst = (struct share){0};
    for (size_t i = 0; i < b->nparts && !over;) {
        struct share s = share_of(b, i);

        i += s.lists;
        records += s.records;
        if (!share_grows(b, &s))
            continue;
        over = s.lists > REVOCATIONS_ISSUER_LISTS ||
               s.records > REVOCATIONS_ISSUER_RECORDS;
        if (over || share_size(&s) > share_size(worst))
            *worst = s;
    }
    if (b->nparts > REVOCATIONS_LISTS_MAX || records > REVOCATIONS_RECORDS_MAX)
        over = true;
    return over && worst->lists > 0;
}

bool build_share_refuse(struct build *b)
{
    char text[CRL_PROBLEM];
    struct share s;

    if (!share_find(b, &s))
        return false;
    snprintf(text, sizeof text,
             "too much: its issuer would have %llu lists with %llu serial "
             "numbers: expected at most %u with %u, and fewer in a full set",
             (unsigned long long)s.lists, (unsigned long long)s.records,
             REVOCATIONS_ISSUER_LISTS, REVOCATIONS_ISSUER_RECORDS);
    for (size_t i = 0; i < b->count; i++) {
        if (b->part_of[i] != NOWHERE &&
            memcmp(crl_info(b->crls[i])->issuer_key, s.parts->meta.issuer_key,
                   32) == 0)
            build_outcome_set(b, i, SP_ETOOBIG, text);
    }
    return true;
}
