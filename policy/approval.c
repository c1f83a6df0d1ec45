/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges signatures. Runs in the supervisor, again in the keeper (which is
 * what loads a policy), and in the command. The set of approvers is trusted,
 * the signatures' files are not.
 */
#include "policy/approval.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/signatures.h"

#define WHY_MAX 512

/* What a trusted comment says, in seconds; -1: nothing. */
struct claims {
    int64_t timestamp, expires, serial;
};

/* One judgement as it goes. */
struct judging {
    const struct approvers *set;
    const struct approval_document *d;
    int64_t now;
    struct approval *a;
    char *why;
};

static int reject(const struct judging *j, const char *format, ...)
    SP_PRINTF(2, 3);

static int reject(const struct judging *j, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(j->why, WHY_MAX, format, list);
    va_end(list);
    return SP_EPERM;
}

/* A whole number of seconds that fits as milliseconds. */
static int seconds_read(const char *text, size_t length, int64_t *seconds)
{
    int64_t v = 0;

    if (length == 0 || length > 15 || *seconds >= 0)
        return SP_EINVAL; /* the last: it was said before */
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return SP_EINVAL;
        v = v * 10 + (text[i] - '0');
    }
    *seconds = v;
    return 0;
}

/* Fields between tabs; those that are not ours may say anything. */
static int claims_read(const char *comment, struct claims *c)
{
    const struct {
        const char *name;
        int64_t *value;
    } known[] = {{"timestamp:", &c->timestamp},
                 {"expires:", &c->expires},
                 {"serial:", &c->serial}};

    *c = (struct claims){-1, -1, -1};
    for (const char *field = comment; field != NULL;) {
        size_t length = strcspn(field, "\t");

        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            size_t n = strlen(known[i].name);

            if (strncmp(field, known[i].name, n) == 0 &&
                seconds_read(field + n, length - n, known[i].value) != 0)
                return SP_EINVAL;
        }
        field = field[length] == '\t' ? field + length + 1 : NULL;
    }
    return 0;
}

/* Whether a signature that verifies holds now. */
static int claims_check(const struct judging *j, const char *comment)
{
    char when[CLOCK_UTC_SIZE];
    struct claims c;
    int64_t until;

    if (claims_read(comment, &c) != 0)
        return reject(j, "its trusted comment is wrong: expected timestamp:, "
                         "expires: and serial: at most once each, with a "
                         "number");
    if (c.timestamp < 0 && c.expires < 0)
        return reject(j, "does not say how long it holds: expected "
                         "expires:<unix seconds> or timestamp:<unix seconds> "
                         "in its trusted comment");
    if (c.timestamp >= 0 && c.timestamp * 1000 > j->now + APPROVAL_FUTURE_MS) {
        clock_format_utc(c.timestamp * 1000, when);
        return reject(j,
                      "signed in the future, at %s: expected a time that has "
                      "passed: is a clock wrong?",
                      when);
    }
    until = c.expires >= 0 ? c.expires * 1000
                           : c.timestamp * 1000 + j->set->valid_ms;
    if (j->now >= until) {
        clock_format_utc(until, when);
        return reject(j, "expired at %s: expected a newer signature", when);
    }
    if (c.serial >= 0 && j->d->serial != 0 && c.serial != j->d->serial)
        return reject(j,
                      "made for serial %" PRId64 ": expected one for serial "
                      "%" PRIu32,
                      c.serial, j->d->serial);
    return 0;
}

static int signer_find(const struct judging *j, const char *name,
                       const struct minisign_signature *s, int *signer)
{
    char in_name[MINISIGN_ID_TEXT], in_file[MINISIGN_ID_TEXT];
    uint8_t id[8];

    if (signatures_name_id(name, id) != 0)
        return reject(j, "no key id in its name: expected it as 16 "
                         "hexadecimal digits before " SIGNATURES_SUFFIX);
    minisign_id_format(id, in_name);
    minisign_id_format(s->id, in_file);
    if (memcmp(id, s->id, sizeof id) != 0)
        return reject(j, "signed by key %s, but named for %s: expected one key",
                      in_file, in_name);
    *signer = approvers_find_id(j->set, id);
    if (*signer < 0)
        return reject(j,
                      "key %s is of no approver: expected a key of the "
                      "approvers in sallyport.yaml",
                      in_file);
    return 0;
}

static int signature_judge(const struct judging *j, const char *name,
                           const uint8_t *data, size_t length, int *signer)
{
    struct minisign_signature s;
    const char *who;
    int r;

    if (length == 0)
        return reject(j,
                      "empty, longer than %d bytes, or cannot be read: "
                      "expected a signature of minisign",
                      MINISIGN_FILE_MAX);
    if (minisign_signature_parse((const char *)data, length, &s) != 0)
        return reject(j, "not a signature: expected the four lines that "
                         "minisign writes, and nothing else");
    if ((r = signer_find(j, name, &s, signer)) != 0)
        return r;
    who = j->set->list[*signer].name;
    if (minisign_verify(&j->set->list[*signer].key, &s, j->d->data,
                        j->d->length) != 0)
        return reject(j,
                      "does not verify with the key of %s: expected a "
                      "signature over exactly these bytes: was the file "
                      "changed since?",
                      who);
    if (j->d->author != NULL && strcmp(who, j->d->author) == 0)
        return reject(j, "%s is the author: expected signatures of others",
                      who);
    if ((r = claims_check(j, s.trusted)) != 0)
        return r;
    if (j->a->who[*signer])
        return reject(j, "%s is counted already: expected others", who);
    return 0;
}

static void missing_fill(struct judging *j)
{
    size_t at = 0;

    j->a->missing[0] = '\0';
    for (size_t i = 0; i < j->set->count; i++) {
        const char *name = j->set->list[i].name;

        if (j->a->who[i] ||
            (j->d->author != NULL && strcmp(name, j->d->author) == 0))
            continue;
        at += (size_t)snprintf(j->a->missing + at, sizeof j->a->missing - at,
                               "%s%s", at == 0 ? "" : ", ", name);
    }
}

int approval_judge(const struct approvers *set,
                   const struct approval_document *d,
                   const struct fileset *files, int64_t now,
                   approval_tell_fn *tell, void *arg, struct approval *a)
{
    char why[WHY_MAX];
    struct judging j = {.set = set, .d = d, .now = now, .a = a, .why = why};
    size_t n = strlen(d->prefix), length;
    const uint8_t *data;
    const char *name;
    int signer;

    *a = (struct approval){.need = set->required};
    for (size_t i = 0; fileset_at(files, i, &name, &data, &length) == 0; i++) {
        if (strncmp(name, d->prefix, n) != 0)
            continue;
        if (signature_judge(&j, name + n, data, length, &signer) == 0) {
            a->who[signer] = true;
            a->have++;
        } else if (tell != NULL) {
            tell(arg, name + n, why);
        }
    }
    approvers_by_format(set, a->who, a->by);
    missing_fill(&j);
    if (d->author != NULL && approvers_find(set, d->author) < 0)
        return SP_EINVAL;
    return a->have >= a->need && a->need > 0 ? 0 : SP_EPERM;
}

struct approval_document approval_of_policy(const struct policy *p,
                                            const void *yaml, size_t length)
{
    return (struct approval_document){.prefix = APPROVAL_OF_POLICY,
                                      .data = yaml,
                                      .length = length,
                                      .author = p->author,
                                      .serial = p->serial};
}

void approval_summary(const struct approval *a, char text[APPROVAL_SUMMARY_MAX])
{
    snprintf(text, APPROVAL_SUMMARY_MAX,
             "%u of %u approvals%s%.150s%s; still missing: %.150s", a->have,
             a->need, a->have == 0 ? "" : " (", a->by, a->have == 0 ? "" : ")",
             a->missing[0] == '\0' ? "nobody who could sign" : a->missing);
}

void approval_comment(int64_t now, int64_t expires, uint32_t serial,
                      char text[APPROVAL_COMMENT_MAX])
{
    int n = snprintf(text, APPROVAL_COMMENT_MAX,
                     "timestamp:%" PRId64 "\texpires:%" PRId64, now / 1000,
                     expires / 1000);

    if (serial != 0)
        snprintf(text + n, (size_t)(APPROVAL_COMMENT_MAX - n),
                 "\tserial:%" PRIu32, serial);
}
