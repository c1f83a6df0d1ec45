/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of issued certificates. Used by the command and by whoever signs
 * revocation lists; the file is our own, but a disk may have lost a part of it
 * and an operator may have edited it, so every line is checked as a whole.
 */
#include "certs/authority_index.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certs/pem.h"
#include "certs/profile.h"
#include "lib/clock.h"
#include "lib/file.h"

#define INDEX_FILE_MAX (64u << 20)
#define CERT_FILE_MAX  65536
#define FIELDS         9
#define FIELDS_OLD     4
#define HEX            "0123456789abcdef"
/* Validity begins so much before the issue (certs/authority.c). */
#define SKEW_MS (5LL * 60 * 1000)

static const struct {
    enum authority_reason reason;
    const char *text;
} reasons[] = {
    {AUTHORITY_UNSPECIFIED, "unspecified"},
    {AUTHORITY_KEY_COMPROMISE, "keyCompromise"},
    {AUTHORITY_CA_COMPROMISE, "cACompromise"},
    {AUTHORITY_AFFILIATION_CHANGED, "affiliationChanged"},
    {AUTHORITY_SUPERSEDED, "superseded"},
    {AUTHORITY_CESSATION, "cessationOfOperation"},
    {AUTHORITY_PRIVILEGE_WITHDRAWN, "privilegeWithdrawn"},
};

#define NREASONS (sizeof reasons / sizeof reasons[0])

const char *authority_reason_text(enum authority_reason reason)
{
    for (size_t i = 0; i < NREASONS; i++) {
        if (reasons[i].reason == reason)
            return reasons[i].text;
    }
    return NULL;
}

int authority_reason_parse(const char *text, enum authority_reason *reason)
{
    for (size_t i = 0; i < NREASONS; i++) {
        if (strcmp(reasons[i].text, text) == 0) {
            *reason = reasons[i].reason;
            return 0;
        }
    }
    return SP_EINVAL;
}

static int corrupt(char problem[256], const char *format, ...) SP_PRINTF(2, 3);

static int corrupt(char problem[256], const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(problem, 256, format, list);
    va_end(list);
    return SP_ECORRUPT;
}

void authority_index_release(struct authority_index *index)
{
    free(index->list);
    *index = (struct authority_index){0};
}

int authority_index_add(struct authority_index *index,
                        const struct authority_record *record)
{
    size_t n = index->count;

    if ((n & (n - 1)) == 0) {
        struct authority_record *larger =
            reallocarray(index->list, n == 0 ? 1 : 2 * n, sizeof *index->list);

        if (larger == NULL)
            return SP_ENOMEM;
        index->list = larger;
    }
    index->list[index->count++] = *record;
    return 0;
}

struct authority_record *
authority_index_find(const struct authority_index *index, const char *serial)
{
    for (size_t i = 0; i < index->count; i++) {
        if (strcmp(index->list[i].serial, serial) == 0)
            return &index->list[i];
    }
    return NULL;
}

/* --- one line ------------------------------------------------------------ */

/* Cuts at single spaces; -1 if there are more than fit or one is empty. */
static int fields_cut(char *line, char *fields[FIELDS])
{
    int n = 0;

    for (;;) {
        size_t length = strcspn(line, " ");

        if (length == 0 || n == FIELDS)
            return -1;
        fields[n++] = line;
        if (line[length] == '\0')
            return n;
        line[length] = '\0';
        line += length + 1;
    }
}

static bool text_take(char *to, size_t size, const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    if (length == 0 || length >= size)
        return false;
    memcpy(to, text, length + 1);
    return true;
}

static bool serial_take(char to[AUTHORITY_SERIAL_TEXT], const char *text)
{
    size_t length = strlen(text);

    return length % 2 == 0 && strspn(text, HEX) == length &&
           text_take(to, AUTHORITY_SERIAL_TEXT, text);
}

static bool hash_take(uint8_t to[32], const char *text)
{
    if (strlen(text) != 64 || strspn(text, HEX) != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        const char *high = strchr(HEX, text[2 * i]);
        const char *low = strchr(HEX, text[2 * i + 1]);

        to[i] = (uint8_t)((high - HEX) * 16 + (low - HEX));
    }
    return true;
}

/* Decimal, no sign, no zeros in front. */
static bool time_take(int64_t *to, const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length > 15 || strspn(text, "0123456789") != length ||
        text[0] == '0')
        return false;
    *to = strtoll(text, NULL, 10);
    return true;
}

static bool revocation_take(struct authority_record *r, const char *when,
                            const char *why)
{
    if (strcmp(when, "-") == 0)
        return strcmp(why, "-") == 0;
    return time_take(&r->revoked, when) &&
           authority_reason_parse(why, &r->reason) == 0;
}

static bool line_take(struct authority_record *r, char *f[FIELDS])
{
    *r = (struct authority_record){0};
    return serial_take(r->serial, f[0]) && hash_take(r->sha256, f[1]) &&
           text_take(r->party, sizeof r->party, f[2]) &&
           text_take(r->person, sizeof r->person, f[3]) &&
           time_take(&r->not_after, f[4]) && time_take(&r->issued, f[5]) &&
           revocation_take(r, f[6], f[7]) &&
           text_take(r->profile, sizeof r->profile, f[8]);
}

/* --- certificates beside the index --------------------------------------- */

static int certificate_read(int fd, const char *serial, X509 **cert,
                            char problem[256])
{
    char name[AUTHORITY_SERIAL_TEXT + 4], why[PEM_PROBLEM];
    STACK_OF(X509) *certs = NULL;
    uint8_t *pem = NULL;
    size_t length = 0;
    int r;

    snprintf(name, sizeof name, "%s.crt", serial);
    r = file_read(fd, name, CERT_FILE_MAX, &pem, &length);
    if (r != 0)
        return corrupt(problem,
                       "%s: %s: expected the certificate that the index names",
                       name, sp_strerror(r));
    r = pem_read_certificates(pem, length, &certs, why);
    free(pem);
    if (r != 0)
        return corrupt(problem, "%s: %.190s", name, why);
    *cert = sk_X509_shift(certs);
    sk_X509_pop_free(certs, X509_free);
    return 0;
}

int authority_index_certificate(int fd, const struct authority_record *record,
                                X509 **cert, char problem[256])
{
    uint8_t sha256[32];
    int r = certificate_read(fd, record->serial, cert, problem);

    if (r != 0)
        return r;
    if (X509_digest(*cert, EVP_sha256(), sha256, NULL) == 1 &&
        memcmp(sha256, record->sha256, sizeof sha256) == 0)
        return 0;
    X509_free(*cert);
    *cert = NULL;
    return corrupt(problem,
                   "%s.crt: expected the certificate that the index "
                   "has the hash of, not another one",
                   record->serial);
}

static bool asn1_ms(const ASN1_TIME *t, int64_t *ms)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

/* What an old line does not say is in its certificate. */
static int old_line_complete(int fd, struct authority_record *r, char *f[],
                             char problem[256])
{
    const struct profile *profile = NULL;
    char why[256];
    X509 *cert = NULL;
    bool good;
    int error;

    *r = (struct authority_record){0};
    if (!serial_take(r->serial, f[0]) ||
        !text_take(r->party, sizeof r->party, f[1]) ||
        !text_take(r->person, sizeof r->person, f[2]))
        return corrupt(problem, "expected \"SERIAL PARTY PERSON END\"");
    error = certificate_read(fd, r->serial, &cert, problem);
    if (error != 0)
        return error;
    good = X509_digest(cert, EVP_sha256(), r->sha256, NULL) == 1 &&
           asn1_ms(X509_get0_notAfter(cert), &r->not_after) &&
           asn1_ms(X509_get0_notBefore(cert), &r->issued) &&
           profile_of_key(X509_get0_pubkey(cert), &profile, why) == 0;
    r->issued += SKEW_MS;
    if (good)
        snprintf(r->profile, sizeof r->profile, "%s", profile->name);
    X509_free(cert);
    return good ? 0
                : corrupt(problem, "%s.crt: expected a certificate of ours",
                          r->serial);
}

/* --- the whole ----------------------------------------------------------- */

/* Serials sorted beside each other: a search for each would be quadratic. */
static int serial_compare(const void *a, const void *b)
{
    const struct authority_record *const *left = a, *const *right = b;

    return strcmp((*left)->serial, (*right)->serial);
}

static int index_check_serials(const struct authority_index *index,
                               char problem[256])
{
    const struct authority_record **sorted =
        calloc(index->count + 1, sizeof(struct authority_record *));
    int r = 0;

    if (sorted == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < index->count; i++)
        sorted[i] = &index->list[i];
    qsort(sorted, index->count, sizeof(struct authority_record *),
          serial_compare);
    for (size_t i = 1; r == 0 && i < index->count; i++) {
        if (strcmp(sorted[i - 1]->serial, sorted[i]->serial) == 0)
            r = corrupt(problem, "index: serial %s: expected it once",
                        sorted[i]->serial);
    }
    free(sorted);
    return r;
}

/* `fd` < 0: old lines are not completed but refused. */
static int line_read(int fd, char *line, struct authority_index *index,
                     char why[256])
{
    struct authority_record record;
    char *fields[FIELDS];
    int n = fields_cut(line, fields), r;

    if (n == FIELDS_OLD && fd >= 0) {
        r = old_line_complete(fd, &record, fields, why);
        if (r != 0)
            return r;
        index->old = true;
    } else if (n != FIELDS || !line_take(&record, fields)) {
        return corrupt(why, "expected \"SERIAL SHA256 PARTY PERSON NOT_AFTER "
                            "ISSUED REVOKED REASON PROFILE\"");
    }
    return authority_index_add(index, &record);
}

static int index_read(int fd, char *text, size_t length,
                      struct authority_index *index, char problem[256])
{
    char why[256] = "";
    size_t number = 0, at = 0;
    int r = 0;

    if (memchr(text, '\0', length) != NULL)
        return corrupt(problem, "index: expected text, not a NUL");
    while (r == 0 && at < length) {
        char *line = text + at, *end = memchr(line, '\n', length - at);

        number++;
        if (end == NULL) {
            r = corrupt(why, "expected a whole line");
            break;
        }
        *end = '\0';
        at += (size_t)(end - line) + 1;
        r = line_read(fd, line, index, why);
    }
    if (r != 0)
        snprintf(problem, 256, "index: line %zu: %.220s", number,
                 why[0] != '\0' ? why : sp_strerror(r));
    else
        r = index_check_serials(index, problem);
    if (r != 0)
        authority_index_release(index);
    return r;
}

int authority_index_parse(const char *text, size_t length,
                          struct authority_index *index, char problem[256])
{
    char *copy = calloc(1, length + 1);
    int r;

    *index = (struct authority_index){0};
    if (copy == NULL)
        return SP_ENOMEM;
    memcpy(copy, text, length);
    r = index_read(-1, copy, length, index, problem);
    free(copy);
    return r;
}

int authority_index_load(int fd, struct authority_index *index,
                         char problem[256])
{
    uint8_t *data = NULL;
    size_t length = 0;
    int r = file_read(fd, "index", INDEX_FILE_MAX, &data, &length);

    *index = (struct authority_index){0};
    if (r == SP_ENOENT)
        return 0;
    if (r != 0) {
        snprintf(problem, 256, "index: %s", sp_strerror(r));
        return r;
    }
    r = index_read(fd, (char *)data, length, index, problem);
    free(data);
    return r;
}

static void line_print(FILE *f, const struct authority_record *r)
{
    char when[24] = "-";

    if (r->revoked != 0)
        snprintf(when, sizeof when, "%lld", (long long)r->revoked);
    fprintf(f, "%s ", r->serial);
    for (size_t i = 0; i < sizeof r->sha256; i++)
        fprintf(f, "%02x", r->sha256[i]);
    fprintf(f, " %s %s %lld %lld %s %s %s\n", r->party, r->person,
            (long long)r->not_after, (long long)r->issued, when,
            r->revoked != 0 ? authority_reason_text(r->reason) : "-",
            r->profile);
}

int authority_index_format(const struct authority_index *index, char **text,
                           size_t *length)
{
    FILE *f = open_memstream(text, length);

    if (f == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < index->count; i++)
        line_print(f, &index->list[i]);
    if (fclose(f) != 0) {
        free(*text);
        return SP_ENOMEM;
    }
    return 0;
}

int authority_index_store(int fd, const struct authority_index *index)
{
    char *text = NULL;
    size_t length = 0;
    int r = authority_index_format(index, &text, &length);

    if (r != 0)
        return r;
    r = file_replace(fd, "index", 0600, text, length);
    free(text);
    return r;
}
