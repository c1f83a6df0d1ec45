/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a compiled set, with the checksum made right: it opens or not,
 * and whatever opens is read within its bounds, answers the same twice, and is
 * a set that the next one can be built from, which forgets nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "certs/revocations.h"
#include "certs/revocations_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1795168800000LL
#define AGE (24LL * 3600 * 1000)

static void must(int holds)
{
    if (!holds)
        abort();
}

static struct chain_link link_of(const struct set_list *l,
                                 const struct crl_record *r)
{
    struct chain_link link = {.npoints = (uint8_t)l->npoints};
    size_t skip = 0;

    memcpy(link.issuer_key, l->issuer_key, 32);
    memcpy(link.issuer_name, l->issuer_name, 32);
    memcpy(link.points, l->points, sizeof link.points);
    while (r->serial[skip] == 0)
        skip++;
    link.serial_length = (uint8_t)(20 - skip);
    memcpy(link.serial, r->serial + skip, 20 - skip);
    return link;
}

/* Whoever is in a list is revoked in it and in what follows from it. */
static void asked(const struct revocations *set)
{
    struct revocations_built built;
    struct revocations_info info;
    struct revocations next;
    char problem[CRL_PROBLEM];
    int64_t until;

    must(revocations_build(NULL, 0, set, NOW, NULL, &built) == 0);
    must(revocations_open(built.data, built.length, &next) == 0);
    for (size_t i = 0; i < set->nlists; i++) {
        const struct set_list *l = &set_lists(set)[i];

        revocations_list(set, i, &info);
        must(memchr(info.issuer, 0, sizeof info.issuer) != NULL);
        for (uint64_t k = 0; k < l->count; k++) {
            struct chain_link link = link_of(l, set_records(set, l) + k);

            must(revocations_check(set, &link, 1, NOW, AGE, &until) ==
                 REVOCATION_REVOKED);
            must(revocations_check(&next, &link, 1, NOW, AGE, &until) ==
                 REVOCATION_REVOKED);
            link.serial[link.serial_length - 1] ^= 1;
            enum revocation r =
                revocations_check(set, &link, 1, NOW, AGE, &until);
            must(r == revocations_check(&next, &link, 1, NOW, AGE, &until));
            must((r == REVOCATION_GOOD) == (until > NOW));
            revocations_problem(set, &link, 1, NOW, AGE, problem);
            must((r == REVOCATION_UNKNOWN) == (problem[0] != '\0'));
        }
    }
    free(built.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t records = 0, lists = size > 0 ? data[0] % 4u : 0, length;
    struct revocations view;
    struct set_header *h;
    uint8_t *copy;

    if (size == 0)
        return 0;
    must(size < 1 << 20);
    /* Bytes as they are, in memory of exactly their size. */
    copy = malloc(size);
    must(copy != NULL);
    memcpy(copy, data, size);
    must(revocations_open(copy, size, &view) != 0 || view.nlists == 0 ||
         view.length == size);
    free(copy);
    /* Then behind a header that fits. */
    data++;
    size--;
    if (size < lists * sizeof(struct set_list))
        return 0;
    records =
        (size - lists * sizeof(struct set_list)) / sizeof(struct crl_record);
    length = sizeof *h + lists * sizeof(struct set_list) +
             records * sizeof(struct crl_record);
    copy = calloc(1, length);
    must(copy != NULL);
    h = (void *)copy;
    *h = (struct set_header){.version = SET_VERSION,
                             .nlists = (uint32_t)lists,
                             .length = length,
                             .nrecords = records};
    memcpy(h->magic, SET_MAGIC, sizeof h->magic);
    memcpy(copy + sizeof *h, data, length - sizeof *h);
    h->checksum = set_checksum(copy, length);
    if (revocations_open(copy, length, &view) == 0)
        asked(&view);
    free(copy);
    return 0;
}
