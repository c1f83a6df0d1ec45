/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revoking, and the list of it. A revocation is durable in the index before
 * anything else happens and is never taken back; the list's number is durable
 * before the list is signed, so that a crash wastes a number and never uses
 * one twice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/authority_crl.h"
#include "certs/authority_parts.h"
#include "lib/clock.h"
#include "lib/file.h"

#define CRL_FILE_MAX (64u << 20)

/* --- revoking ------------------------------------------------------------ */

static bool selection_is_one(const struct authority_selection *s)
{
    return (s->serial != NULL) + (s->sha256 != NULL) + (s->person != NULL) ==
               1 &&
           (s->person != NULL) == (s->party != NULL);
}

static bool selection_fits(const struct authority_selection *s,
                           const struct authority_record *r)
{
    if (s->serial != NULL)
        return strcmp(r->serial, s->serial) == 0;
    if (s->sha256 != NULL)
        return memcmp(r->sha256, s->sha256, sizeof r->sha256) == 0;
    return strcmp(r->party, s->party) == 0 && strcmp(r->person, s->person) == 0;
}

/* A key that turns out to be stolen later: the reason may become worse, the
 * time stays. */
static bool reason_worsens(const struct authority_record *r,
                           enum authority_reason reason)
{
    return r->revoked != 0 && r->reason != AUTHORITY_KEY_COMPROMISE &&
           r->reason != AUTHORITY_CA_COMPROMISE &&
           reason == AUTHORITY_KEY_COMPROMISE;
}

static bool record_revoke(struct authority_record *r,
                          enum authority_reason reason, int64_t now)
{
    if (r->revoked != 0 && !reason_worsens(r, reason))
        return false;
    if (r->revoked == 0)
        r->revoked = now;
    r->reason = reason;
    return true;
}

/* Of a person, what has ended needs no revoking. */
static bool record_is_over(const struct authority_selection *s,
                           const struct authority_record *r, int64_t now)
{
    return s->person != NULL && r->revoked == 0 && r->not_after <= now;
}

static int nothing_revoked(const struct authority_record *before,
                           char problem[256])
{
    char when[CLOCK_UTC_SIZE];

    if (before == NULL)
        return authority_fail(problem, SP_ENOENT,
                              "no certificate of this authority fits: "
                              "\"sallyport ca list\" shows them");
    clock_format_utc(before->revoked, when);
    return authority_fail(problem, SP_EEXIST,
                          "%s was revoked at %s (%s), which is never taken "
                          "back or dated anew",
                          before->serial, when,
                          authority_reason_text(before->reason));
}

int authority_revoke(struct authority *a, const struct authority_selection *s,
                     enum authority_reason reason, int64_t now, size_t *count,
                     char problem[256])
{
    const struct authority_record *before = NULL;
    int r;

    *count = 0;
    problem[0] = '\0';
    if (!selection_is_one(s) || authority_reason_text(reason) == NULL)
        return authority_fail(problem, SP_EINVAL,
                              "expected a serial number, a certificate, or a "
                              "party and a person");
    for (size_t i = 0; i < a->index.count; i++) {
        struct authority_record *record = &a->index.list[i];

        if (!selection_fits(s, record) || record_is_over(s, record, now))
            continue;
        if (record_revoke(record, reason, now))
            (*count)++;
        else
            before = record;
    }
    if (*count == 0)
        return nothing_revoked(before, problem);
    r = authority_index_store(a->records, &a->index);
    return r == 0 ? 0
                  : authority_fail(problem, r, "its index: %s", sp_strerror(r));
}

/* --- the list ------------------------------------------------------------ */

static int stored_read(int folder, const char *name, uint64_t *number,
                       char problem[256])
{
    uint8_t *text = NULL;
    size_t length = 0;
    char *end = NULL;
    int r = file_read(folder, name, 64, &text, &length);

    *number = 0;
    if (r == SP_ENOENT)
        return 0;
    if (r == 0) {
        *number = strtoull((char *)text, &end, 10);
        if (length < 2 || text[0] < '1' || text[0] > '9' ||
            strcmp(end, "\n") != 0 || *number == UINT64_MAX)
            r = SP_ECORRUPT;
    }
    free(text);
    if (r != 0)
        return authority_fail(problem, r,
                              "%s: %s: expected the number of the newest list "
                              "and the line's end",
                              name, sp_strerror(r));
    return 0;
}

/* What is published counts as well: a folder that came back from a backup must
 * not number its lists again. */
static uint64_t published_number(int folder, const char *name)
{
    uint8_t *der = NULL;
    size_t length = 0;
    uint64_t number;

    if (file_read(folder, name, CRL_FILE_MAX, &der, &length) != 0)
        return 0;
    number = authority_crl_number(der, length);
    free(der);
    return number;
}

static int number_take(const struct authority *a, const char *stem,
                       uint64_t *number, char problem[256])
{
    char name[32], text[32], list[32];
    uint64_t published;
    int r;

    snprintf(name, sizeof name, "%s.number", stem);
    snprintf(list, sizeof list, "%s", stem);
    if ((r = stored_read(a->folder, name, number, problem)) != 0)
        return r;
    published = published_number(a->folder, list);
    if (published > *number && published != UINT64_MAX)
        *number = published;
    (*number)++;
    snprintf(text, sizeof text, "%" PRIu64 "\n", *number);
    r = file_replace(a->folder, name, 0600, text, strlen(text));
    return r == 0 ? 0
                  : authority_fail(problem, r, "%s: %s", name, sp_strerror(r));
}

static int list_write(const struct authority *a, const char *stem,
                      const uint8_t *der, size_t length, char problem[256])
{
    char *pem = authority_crl_pem(der, length), name[32];
    int r;

    snprintf(name, sizeof name, "%s.pem", stem);
    if (pem == NULL)
        return SP_ENOMEM;
    r = file_replace(a->folder, stem, 0644, der, length);
    if (r == 0)
        r = file_replace(a->folder, name, 0644, pem, strlen(pem));
    free(pem);
    return r == 0 ? 0
                  : authority_fail(problem, r, "%s: %s", stem, sp_strerror(r));
}

int authority_publish(struct authority *a, int64_t now, int64_t next,
                      uint64_t *number, char problem[256])
{
    const char *stem = a->part == AUTHORITY_ROOT ? "root.crl" : "ca.crl";
    struct authority_crl_plan plan = {.issuer = a->cert,
                                      .key = a->key,
                                      .index = &a->index,
                                      .now = now,
                                      .next = next};
    uint8_t *der = NULL;
    size_t length = 0;
    int r;

    problem[0] = '\0';
    if (a->key == NULL)
        return authority_fail(problem, SP_EPERM,
                              "the authority's key is not here");
    if (next / 1000 <= now / 1000)
        return authority_fail(problem, SP_ERANGE,
                              "a list must be good for a time to come");
    if ((r = number_take(a, stem, &plan.number, problem)) != 0)
        return r;
    r = authority_crl_make(&plan, &der, &length);
    if (r != 0)
        return authority_fail(problem, r, "the list cannot be made: %s",
                              sp_strerror(r));
    r = list_write(a, stem, der, length, problem);
    free(der);
    if (r == 0 && number != NULL)
        *number = plan.number;
    if (r != 0 && problem[0] == '\0')
        authority_fail(problem, r, "%s", sp_strerror(r));
    return r;
}
