/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From verified lists and the set before to the next set. Runs where lists are
 * read. The lists are signed, but they come over plain HTTP: whoever is on the
 * way may give us an old one again, or leave one out, so a list is never
 * replaced by an older one, and nobody who was revoked is forgotten.
 *
 * A `part` is one list of the set to come: a complete list, perhaps with deltas
 * joined, or one that stays from the set before, or serials alone (sticky).
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "certs/revocations_build.h"
#include "lib/clock.h"

/* --- words --------------------------------------------------------------- */

struct number_text {
    char text[48];
};

static struct number_text number_print(const uint8_t number[20])
{
    struct number_text t = {"0x"};
    size_t i = 0, at = 2;

    while (i < 19 && number[i] == 0)
        i++;
    for (; i < 20; i++, at += 2)
        snprintf(t.text + at, sizeof t.text - at, "%02x", number[i]);
    return t;
}

void build_outcome_set(struct build *b, size_t i, int error, const char *text)
{
    b->outcomes[i].error = error;
    snprintf(b->outcomes[i].problem, sizeof b->outcomes[i].problem, "%s", text);
}

/* --- parts --------------------------------------------------------------- */

int build_part_add(struct build *b, const struct part *p)
{
    if (b->nparts == b->room) {
        size_t room = b->room == 0 ? 16 : b->room * 2;
        struct part *more = reallocarray(b->parts, room, sizeof *more);

        if (more == NULL)
            return SP_ENOMEM;
        b->parts = more;
        b->room = room;
    }
    b->parts[b->nparts++] = *p;
    return 0;
}

static struct part part_of_crl(const struct crl *crl)
{
    const struct crl_info *info = crl_info(crl);
    struct part p = {.records = crl_records(crl)};
    struct set_list *m = &p.meta;

    memcpy(m->issuer_key, info->issuer_key, sizeof m->issuer_key);
    memcpy(m->issuer_name, info->issuer_name, sizeof m->issuer_name);
    m->scope = info->scope;
    m->npoints = info->npoints;
    memcpy(m->points, info->points, sizeof m->points);
    m->state = info->has_number ? SET_NUMBER : 0;
    memcpy(m->number, info->number, sizeof m->number);
    memcpy(m->sha256, info->sha256, sizeof m->sha256);
    m->this_update = info->this_update;
    m->next_update = info->next_update;
    m->count = info->count;
    memcpy(m->issuer, info->issuer, sizeof m->issuer);
    return p;
}

static struct part part_of_previous(const struct revocations *set, size_t i)
{
    return (struct part){.meta = set_lists(set)[i],
                         .records = set_records(set, &set_lists(set)[i]),
                         .stays = true};
}

static size_t part_find(const struct build *b, const struct set_list *meta)
{
    for (size_t i = 0; i < b->nparts; i++) {
        if (set_list_order(&b->parts[i].meta, meta) == 0)
            return i;
    }
    return NOWHERE;
}

/* The version of it in the set before, or NOWHERE. */
static size_t previous_find(const struct build *b, const struct set_list *meta)
{
    const struct revocations *set = b->previous;

    if (set == NULL)
        return NOWHERE;
    for (size_t i =
             set_issuer_find(set_lists(set), set->nlists, meta->issuer_key);
         i < set->nlists; i++) {
        int order = set_list_order(&set_lists(set)[i], meta);

        if (order == 0)
            return i;
        if (order > 0)
            break;
    }
    return NOWHERE;
}

/* Numbers are compared if both have one; the time always is. */
static bool older(const struct set_list *a, const struct set_list *b)
{
    if ((a->state & b->state & SET_NUMBER) != 0 &&
        memcmp(a->number, b->number, sizeof a->number) < 0)
        return true;
    return a->this_update < b->this_update;
}

static void older_print(char text[CRL_PROBLEM], const char *than,
                        const struct set_list *a, const struct set_list *b)
{
    char mine[CLOCK_UTC_SIZE], theirs[CLOCK_UTC_SIZE];

    clock_format_utc(a->this_update, mine);
    clock_format_utc(b->this_update, theirs);
    snprintf(text, CRL_PROBLEM,
             "older than what is %s: number %s of %s, %s is %s of %s", than,
             (a->state & SET_NUMBER) ? number_print(a->number).text : "none",
             mine, than,
             (b->state & SET_NUMBER) ? number_print(b->number).text : "none",
             theirs);
}

/* Every list that went into the part is refused with the same words. */
static void part_refuse(struct build *b, size_t part, const char *text)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->part_of[i] != part)
            continue;
        build_outcome_set(b, i, SP_EROLLBACK, text);
        b->part_of[i] = NOWHERE;
    }
}

/* --- complete lists ------------------------------------------------------ */

/* The union of both; where both have a serial, the newer one's reason. */
static uint64_t records_merge(const struct crl_record *a, uint64_t na,
                              const struct crl_record *newer, uint64_t n,
                              struct crl_record *out)
{
    uint64_t i = 0, k = 0, count = 0;

    while (i < na || k < n) {
        int order = i == na  ? 1
                    : k == n ? -1
                             : memcmp(a[i].serial, newer[k].serial, 20);

        out[count++] = order < 0 ? a[i] : newer[k];
        i += order <= 0;
        k += order >= 0;
    }
    return count;
}

/* Two lists of which none is the older one: an authority has contradicted
 * itself. Whoever one of them revokes is revoked, and the earlier end counts.
 */
static int part_unite(struct part *p, const struct part *other)
{
    size_t most = p->meta.count + other->meta.count;
    struct crl_record *all = malloc((most > 0 ? most : 1) * sizeof *all);

    if (all == NULL)
        return SP_ENOMEM;
    p->meta.count = records_merge(p->records, p->meta.count, other->records,
                                  other->meta.count, all);
    if (other->meta.next_update < p->meta.next_update)
        p->meta.next_update = other->meta.next_update;
    free(p->owned);
    p->records = p->owned = all;
    return 0;
}

static int complete_add(struct build *b, size_t i)
{
    struct part p = part_of_crl(b->crls[i]);
    size_t at = part_find(b, &p.meta);
    char text[CRL_PROBLEM];

    if (at == NOWHERE) {
        b->part_of[i] = b->nparts;
        return build_part_add(b, &p);
    }
    if (older(&p.meta, &b->parts[at].meta)) {
        older_print(text, "given beside it", &p.meta, &b->parts[at].meta);
        build_outcome_set(b, i, SP_EROLLBACK, text);
        return 0;
    }
    if (older(&b->parts[at].meta, &p.meta)) {
        older_print(text, "given beside it", &b->parts[at].meta, &p.meta);
        part_refuse(b, at, text);
        free(b->parts[at].owned);
        b->parts[at] = p;
    }
    b->part_of[i] = at;
    if (memcmp(p.meta.sha256, b->parts[at].meta.sha256, 32) == 0)
        return 0;
    return part_unite(&b->parts[at], &p);
}

/* --- deltas -------------------------------------------------------------- */

static int delta_join(struct part *base, const struct crl *delta)
{
    const struct crl_info *info = crl_info(delta);
    size_t most = base->meta.count + info->count;
    struct crl_record *all = malloc((most > 0 ? most : 1) * sizeof *all);

    if (all == NULL)
        return SP_ENOMEM;
    base->meta.count = records_merge(base->records, base->meta.count,
                                     crl_records(delta), info->count, all);
    free(base->owned);
    base->records = base->owned = all;
    base->stays = false;
    base->meta.state |= SET_DELTA;
    base->meta.this_update = info->this_update;
    base->meta.next_update = info->next_update;
    memcpy(base->meta.number, info->number, sizeof info->number);
    memcpy(base->meta.sha256, info->sha256, sizeof info->sha256);
    return 0;
}

enum fit { FIT_NO, FIT_NOTHING_NEW, FIT };

/* RFC 5280 section 5.2.4: what may be its base. */
static enum fit delta_fits(const struct set_list *base, const struct crl *delta)
{
    const struct crl_info *info = crl_info(delta);

    if ((base->state & SET_NUMBER) == 0)
        return FIT_NO;
    if (memcmp(base->number, info->number, 20) >= 0)
        return FIT_NOTHING_NEW;
    if (memcmp(base->number, info->base, 20) < 0 ||
        info->this_update < base->this_update)
        return FIT_NO;
    return FIT;
}

static void delta_refuse(struct build *b, size_t i, const struct set_list *have)
{
    const struct crl_info *info = crl_info(b->crls[i]);
    char text[CRL_PROBLEM];

    snprintf(text, sizeof text,
             "a delta without its base: expected a complete list with a number "
             "from %s up to before %s, there is %s",
             number_print(info->base).text, number_print(info->number).text,
             have == NULL ? "none"
             : (have->state & SET_NUMBER) == 0
                 ? "one without a number"
                 : number_print(have->number).text);
    build_outcome_set(b, i, SP_ENOENT, text);
}

/* Joined to the version of the set before, which becomes a part. */
static int delta_add_previous(struct build *b, size_t i, size_t at, size_t base)
{
    struct part p = part_of_previous(b->previous, base);
    char text[CRL_PROBLEM];
    int r;

    if (at == NOWHERE) {
        at = b->nparts;
        if ((r = build_part_add(b, &p)) != 0)
            return r;
    } else { /* a complete list that is too old for the delta */
        older_print(text, "loaded", &b->parts[at].meta, &p.meta);
        part_refuse(b, at, text);
        free(b->parts[at].owned);
        b->parts[at] = p;
    }
    b->part_of[i] = at;
    return delta_join(&b->parts[at], b->crls[i]);
}

static int delta_add(struct build *b, size_t i)
{
    struct part wanted = part_of_crl(b->crls[i]);
    const struct set_list *have = NULL;
    size_t at = part_find(b, &wanted.meta);
    size_t base = previous_find(b, &wanted.meta);
    enum fit fit = FIT_NO;

    if (at != NOWHERE) {
        have = &b->parts[at].meta;
        fit = delta_fits(have, b->crls[i]);
    }
    if (fit == FIT) {
        b->part_of[i] = at;
        return delta_join(&b->parts[at], b->crls[i]);
    }
    if (fit == FIT_NO && base != NOWHERE) {
        const struct set_list *loaded = &set_lists(b->previous)[base];

        fit = delta_fits(loaded, b->crls[i]);
        if (fit == FIT)
            return delta_add_previous(b, i, at, base);
        have = have == NULL ? loaded : have;
    }
    if (fit == FIT_NO)
        delta_refuse(b, i, have);
    return 0;
}

/* From the smallest number on, so that one may be the base of the next. */
static int deltas_add(struct build *b)
{
    size_t *order = calloc(b->count + 1, sizeof *order);
    size_t n = 0;
    int r = 0;

    if (order == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < b->count; i++) {
        size_t at = n;

        if (b->outcomes[i].error != 0 || !crl_info(b->crls[i])->delta)
            continue;
        for (; at > 0 && memcmp(crl_info(b->crls[order[at - 1]])->number,
                                crl_info(b->crls[i])->number, 20) > 0;
             at--)
            order[at] = order[at - 1];
        order[at] = i;
        n++;
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        r = delta_add(b, order[i]);
    free(order);
    return r;
}

/* --- beside the set before ----------------------------------------------- */

static void parts_judge(struct build *b)
{
    char text[CRL_PROBLEM];

    for (size_t i = 0; i < b->nparts; i++) {
        struct part *p = &b->parts[i];
        size_t at = previous_find(b, &p->meta);
        const struct set_list *loaded;

        if (at == NOWHERE)
            continue;
        loaded = &set_lists(b->previous)[at];
        if (!older(&p->meta, loaded))
            continue;
        older_print(text, "loaded", &p->meta, loaded);
        part_refuse(b, i, text);
        p->dropped = true;
    }
}

static void parts_compact(struct build *b)
{
    size_t kept = 0;

    for (size_t i = 0; i < b->nparts; i++) {
        if (b->parts[i].dropped)
            free(b->parts[i].owned);
        else
            b->parts[kept++] = b->parts[i];
    }
    b->nparts = kept;
}

static int part_order(const void *a, const void *b)
{
    const struct part *x = a, *y = b;

    return set_list_order(&x->meta, &y->meta);
}

void build_parts_sort(struct build *b)
{
    if (b->nparts > 0)
        qsort(b->parts, b->nparts, sizeof *b->parts, part_order);
}

/* What nothing replaces stays. Afterwards the parts are in their order. */
static int parts_keep(struct build *b)
{
    size_t count = b->previous == NULL ? 0 : b->previous->nlists;
    int r;

    for (size_t i = 0; i < count; i++) {
        struct part p = part_of_previous(b->previous, i);

        if (p.meta.scope == SET_STICKY || part_find(b, &p.meta) != NOWHERE)
            continue;
        if ((r = build_part_add(b, &p)) != 0)
            return r;
    }
    build_parts_sort(b);
    return 0;
}

/* --- the bytes ----------------------------------------------------------- */

static void set_write(const struct build *b, struct revocations_built *out,
                      uint64_t nrecords, int64_t now)
{
    struct set_header *h = (void *)out->data;
    struct set_list *lists = (void *)(h + 1);
    struct crl_record *records = (void *)(lists + b->nparts);
    uint64_t first = 0;

    for (size_t i = 0; i < b->nparts; i++) {
        const struct part *p = &b->parts[i];

        lists[i] = p->meta;
        lists[i].first = first;
        if (p->meta.count > 0)
            memcpy(records + first, p->records,
                   p->meta.count * sizeof *records);
        first += p->meta.count;
        if (p->meta.scope == SET_STICKY)
            out->sticky += p->meta.count;
    }
    *h = (struct set_header){.version = SET_VERSION,
                             .nlists = (uint32_t)b->nparts,
                             .length = out->length,
                             .nrecords = nrecords,
                             .built = now};
    memcpy(h->magic, SET_MAGIC, sizeof h->magic);
    h->checksum = set_checksum(out->data, out->length);
}

static int set_make(const struct build *b, struct revocations_built *out,
                    int64_t now)
{
    uint64_t nrecords = 0;

    for (size_t i = 0; i < b->nparts; i++)
        nrecords += b->parts[i].meta.count;
    if (b->nparts > REVOCATIONS_LISTS_MAX || nrecords > REVOCATIONS_RECORDS_MAX)
        return SP_ETOOBIG;
    out->length = sizeof(struct set_header) +
                  b->nparts * sizeof(struct set_list) +
                  nrecords * sizeof(struct crl_record);
    out->data = malloc(out->length);
    if (out->data == NULL)
        return SP_ENOMEM;
    set_write(b, out, nrecords, now);
    return 0;
}

/* A part that the set before has to the byte is not new. */
static size_t taken_count(const struct build *b)
{
    size_t taken = 0;

    for (size_t i = 0; i < b->nparts; i++) {
        const struct part *p = &b->parts[i];
        size_t at = previous_find(b, &p->meta);

        if (p->stays || p->meta.scope == SET_STICKY)
            continue;
        taken += at == NOWHERE || memcmp(set_lists(b->previous)[at].sha256,
                                         p->meta.sha256, 32) != 0;
    }
    return taken;
}

static void build_reset(struct build *b)
{
    for (size_t i = 0; i < b->nparts; i++)
        free(b->parts[i].owned);
    b->nparts = 0;
    b->nsticky = 0;
    for (size_t i = 0; i < b->count; i++) {
        b->part_of[i] = NOWHERE;
        if (b->outcomes[i].error != SP_ETOOBIG)
            b->outcomes[i] = (struct revocations_outcome){0};
    }
}

/* SP_EAGAIN: without the lists that were refused now. */
static int build_run(struct build *b, int64_t now,
                     struct revocations_built *out)
{
    int r = 0;

    build_reset(b);
    for (size_t i = 0; r == 0 && i < b->count; i++) {
        if (b->outcomes[i].error != 0)
            continue;
        if (crl_records(b->crls[i]) == NULL)
            build_outcome_set(b, i, SP_EPERM, "not verified");
        else if (!crl_info(b->crls[i])->delta)
            r = complete_add(b, i);
    }
    if (r != 0 || (r = deltas_add(b)) != 0)
        return r;
    parts_judge(b);
    parts_compact(b);
    if ((r = parts_keep(b)) != 0 || (r = build_sticky_add(b)) != 0)
        return r;
    if (build_share_refuse(b))
        return SP_EAGAIN;
    out->taken = taken_count(b);
    return set_make(b, out, now);
}

int revocations_build(struct crl *const *crls, size_t count,
                      const struct revocations *previous, int64_t now,
                      struct revocations_outcome *outcomes,
                      struct revocations_built *out)
{
    struct build b = {.crls = crls,
                      .count = count,
                      .previous = previous,
                      .outcomes = outcomes};
    int r = SP_ENOMEM;

    *out = (struct revocations_built){0};
    if (count > REVOCATIONS_LISTS_MAX)
        return SP_ETOOBIG;
    for (size_t i = 0; i < count; i++)
        outcomes[i] = (struct revocations_outcome){0};
    b.part_of = calloc(count + 1, sizeof *b.part_of);
    if (b.part_of != NULL) {
        do
            r = build_run(&b, now, out);
        while (r == SP_EAGAIN); /* each time with fewer lists */
    }
    for (size_t i = 0; i < b.nparts; i++)
        free(b.parts[i].owned);
    free(b.parts);
    free(b.part_of);
    free(b.sticky);
    return r;
}
