/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists: texts with several, who has signed one, whom it revokes.
 * Runs in a process without files and network, on bytes that came over plain
 * HTTP. The entries are walked in the signed bytes themselves: OpenSSL's tree
 * of a million of them costs 400 MB, ours costs 24.
 */
#include "certs/crl.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/crl_frame.h"
#include "certs/signed.h"
#include "lib/clock.h"

_Static_assert(sizeof(struct crl_record) == 24, "as docs/revocation.md says");

#define REASON_REMOVED       8 /* removeFromCRL */
#define ENTRY_EXTENSIONS_MAX 8

/* --- reading ------------------------------------------------------------- */

void crl_list_release(struct crl_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        crl_free(l->items[i]);
    free(l->items);
    *l = (struct crl_list){0};
}

/* Takes `der`. */
static int list_add(struct crl_list *l, uint8_t *der, size_t length,
                    char problem[CRL_PROBLEM])
{
    char what[CRL_PROBLEM];
    struct crl **more;
    int r;

    if (l->count == CRL_LISTS_MAX) {
        free(der);
        return crl_refuse(problem, SP_ETOOBIG, "more than %d lists in it",
                          CRL_LISTS_MAX);
    }
    more = reallocarray(l->items, l->count + 1, sizeof(struct crl *));
    if (more == NULL) {
        free(der);
        return crl_refuse(problem, SP_ENOMEM, "out of memory");
    }
    l->items = more;
    if ((r = crl_frame_read(der, length, &l->items[l->count], what)) != 0)
        return crl_refuse(problem, r, "list %zu: %.230s", l->count + 1, what);
    l->count++;
    return 0;
}

/* OpenSSL's memory is not free()'s under every allocator. */
static int list_add_copy(struct crl_list *l, const uint8_t *data, size_t length,
                         char problem[CRL_PROBLEM])
{
    uint8_t *der = malloc(length > 0 ? length : 1);

    if (der == NULL)
        return crl_refuse(problem, SP_ENOMEM, "out of memory");
    if (length > 0)
        memcpy(der, data, length);
    return list_add(l, der, length, problem);
}

/* One block of PEM. SP_ENOENT: there is no further one. */
static int block_read(BIO *bio, struct crl_list *l, char problem[CRL_PROBLEM])
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long length = 0;
    int r = 0;

    if (PEM_read_bio(bio, &name, &header, &data, &length) != 1) {
        unsigned long e = ERR_peek_last_error();
        bool ended = ERR_GET_LIB(e) == ERR_LIB_PEM &&
                     ERR_GET_REASON(e) == PEM_R_NO_START_LINE;

        ERR_clear_error();
        if (ended)
            return SP_ENOENT;
        return crl_refuse(problem, SP_EINVAL, "list %zu: malformed PEM",
                          l->count + 1);
    }
    if (strcmp(name, PEM_STRING_X509_CRL) == 0)
        r = list_add_copy(l, data, (size_t)length, problem);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return r;
}

static int pem_read(const uint8_t *bytes, size_t length, struct crl_list *l,
                    char problem[CRL_PROBLEM])
{
    BIO *bio = BIO_new_mem_buf(bytes, (int)length);
    int r = 0;

    if (bio == NULL)
        return crl_refuse(problem, SP_ENOMEM, "out of memory");
    ERR_clear_error();
    while (r == 0)
        r = block_read(bio, l, problem);
    BIO_free(bio);
    if (r != SP_ENOENT)
        return r;
    if (l->count == 0)
        return crl_refuse(problem, SP_EINVAL,
                          "no list in it: expected DER, or PEM with "
                          "\"-----BEGIN X509 CRL-----\"");
    return 0;
}

int crl_parse(const uint8_t *bytes, size_t length, struct crl_list *out,
              char problem[CRL_PROBLEM])
{
    int r;

    *out = (struct crl_list){0};
    problem[0] = '\0';
    if (length > CRL_INPUT_MAX)
        return crl_refuse(problem, SP_ETOOBIG, "%zu bytes: expected at most %u",
                          length, CRL_INPUT_MAX);
    if (length > 0 && bytes[0] == DER_SEQUENCE)
        r = list_add_copy(out, bytes, length, problem);
    else
        r = pem_read(bytes, length, out, problem);
    if (r != 0)
        crl_list_release(out);
    return r;
}

/* --- entries ------------------------------------------------------------- */

struct entry {
    struct crl_record record;
    bool odd;
};

/* ENUMERATED of one byte; what no RFC names is as if no reason was given. */
static bool reason_read(const struct der_value *value, uint8_t *reason)
{
    struct der in = der_within(value);
    struct der_value v;

    if (!der_expect(&in, DER_ENUMERATED, &v) || !der_done(&in) || v.length != 1)
        return false;
    *reason = v.data[0] <= 10 && v.data[0] != 7 ? v.data[0] : 0;
    return true;
}

static int entry_extension(const struct crl_extension_read *e,
                           struct entry *entry, const char **wrong)
{
    switch (e->kind) {
    case CRL_EXT_REASON:
        *wrong = "reasonCode is malformed";
        return reason_read(&e->value, &entry->record.reason) ? 0 : SP_EINVAL;
    case CRL_EXT_INVALIDITY:
    case CRL_EXT_HOLD:
        return 0;
    case CRL_EXT_CERTIFICATE_ISSUER:
        *wrong = "certificateIssuer: indirect lists are not supported";
        return SP_EUNSUPPORTED;
    case CRL_EXT_UNKNOWN:
    case CRL_EXT_NUMBER:
    case CRL_EXT_DELTA:
    case CRL_EXT_SCOPE:
    case CRL_EXT_SIGNER:
    case CRL_EXT_FRESHEST:
    case CRL_EXT_ISSUER_NAMES:
    case CRL_EXT_AUTHORITY_ACCESS:
    case CRL_EXT_EXPIRED:
    default:
        *wrong = "a critical extension is not known";
        return e->critical ? SP_EUNSUPPORTED : 0;
    }
}

static int entry_extensions(struct der list, struct entry *entry,
                            const char **wrong)
{
    struct crl_extension_read e[ENTRY_EXTENSIONS_MAX];
    size_t n = 0;
    int r = 0;

    *wrong = "extensions are malformed, or more than 8";
    if (der_done(&list))
        return SP_EINVAL;
    for (; r == 0 && !der_done(&list); n++) {
        *wrong = "extensions are malformed, or more than 8";
        if (n == ENTRY_EXTENSIONS_MAX || !crl_extension_take(&list, &e[n]))
            return SP_EINVAL;
        *wrong = "an extension is there twice";
        for (size_t i = 0; i < n; i++) {
            if (e[i].oid.length == e[n].oid.length &&
                memcmp(e[i].oid.data, e[n].oid.data, e[n].oid.length) == 0)
                return SP_EINVAL;
        }
        r = entry_extension(&e[n], entry, wrong);
    }
    return r;
}

static int entry_serial(const struct der_value *v, struct entry *entry,
                        const char **wrong)
{
    static const uint8_t zero[20];
    int r = der_magnitude(v, entry->record.serial);

    *wrong = "serial number: expected an integer in its shortest form";
    if (r == SP_EINVAL)
        return r;
    entry->odd = r == SP_ERANGE || memcmp(entry->record.serial, zero, 20) == 0;
    return 0;
}

static int entry_read(const struct crl *crl, struct der *list,
                      struct entry *entry, const char **wrong)
{
    struct der_value v;
    struct der in;
    int64_t when;
    int r;

    *entry = (struct entry){0};
    *wrong = "expected a serial number and a date";
    if (!der_expect(list, DER_SEQUENCE, &v))
        return SP_EINVAL;
    in = der_within(&v);
    if (!der_take(&in, &v))
        return SP_EINVAL;
    if ((r = entry_serial(&v, entry, wrong)) != 0)
        return r;
    *wrong = "revocationDate: expected a time in seconds and Z";
    if (!der_take(&in, &v) || !der_time(&v, &when))
        return SP_EINVAL;
    if (der_done(&in))
        return 0;
    *wrong = "expected extensions and nothing else behind the date";
    if (!der_expect(&in, DER_SEQUENCE, &v) || !der_done(&in))
        return SP_EINVAL;
    *wrong = "extensions in a list of version 1";
    if (!crl->extensible)
        return SP_EINVAL;
    if ((r = entry_extensions(der_within(&v), entry, wrong)) != 0)
        return r;
    *wrong = "removeFromCRL in a list that is no delta";
    return entry->record.reason == REASON_REMOVED && !crl->info.delta
               ? SP_EINVAL
               : 0;
}

static int entries_count(const struct crl *crl, size_t *count,
                         char problem[CRL_PROBLEM])
{
    struct der list = crl->revoked;
    struct der_value v;

    for (*count = 0; !der_done(&list); ++*count) {
        if (*count == CRL_ENTRIES_MAX)
            return crl_refuse(problem, SP_ETOOBIG, "more than %u entries",
                              CRL_ENTRIES_MAX);
        if (!der_expect(&list, DER_SEQUENCE, &v))
            return crl_refuse(problem, SP_EINVAL, "entry %zu is malformed",
                              *count + 1);
    }
    return 0;
}

static int record_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct crl_record));
}

/* Many authorities write them in order; sorting needs as much memory again. */
static void records_sort(struct crl_record *records, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (record_order(&records[i - 1], &records[i]) > 0) {
            qsort(records, count, sizeof *records, record_order);
            return;
        }
    }
}

/* One record for each serial, none for what a delta takes back. */
static int records_settle(struct crl *crl, size_t count,
                          char problem[CRL_PROBLEM])
{
    struct crl_record *records = crl->records;
    size_t kept = 0;

    records_sort(records, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 &&
            memcmp(records[i].serial, records[i - 1].serial, 20) == 0) {
            if (records[i].reason != records[i - 1].reason)
                return crl_refuse(problem, SP_EINVAL,
                                  "two entries of one serial number "
                                  "contradict each other");
            continue;
        }
        if (records[i].reason == REASON_REMOVED) {
            crl->info.removed++;
            continue;
        }
        kept++;
    }
    crl->info.count = kept;
    return 0;
}

static void records_compact(struct crl_record *records, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        bool twice = kept > 0 && memcmp(&records[kept - 1], &records[i],
                                        sizeof *records) == 0;

        if (!twice && records[i].reason != REASON_REMOVED)
            records[kept++] = records[i];
    }
}

static int entries_read(struct crl *crl, char problem[CRL_PROBLEM])
{
    struct der list = crl->revoked;
    size_t count, kept = 0;
    struct entry entry;
    const char *wrong;
    int r;

    if ((r = entries_count(crl, &count, problem)) != 0)
        return r;
    crl->records = malloc((count > 0 ? count : 1) * sizeof *crl->records);
    if (crl->records == NULL)
        return crl_refuse(problem, SP_ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        if ((r = entry_read(crl, &list, &entry, &wrong)) != 0)
            return crl_refuse(problem, r, "entry %zu: %s", i + 1, wrong);
        if (entry.odd)
            crl->info.odd++;
        else
            crl->records[kept++] = entry.record;
    }
    if ((r = records_settle(crl, kept, problem)) == 0)
        records_compact(crl->records, kept);
    return r;
}

/* --- who has signed it --------------------------------------------------- */

/* SP_EPERM: this one may not sign lists, or is not whom the list means. */
static int signer_check(const struct crl *crl, X509 *cert,
                        char problem[CRL_PROBLEM])
{
    if (X509_check_ca(cert) != 1)
        return crl_refuse(problem, SP_EPERM, "its issuer is not a CA");
    if ((X509_get_key_usage(cert) & KU_CRL_SIGN) == 0)
        return crl_refuse(problem, SP_EPERM,
                          "its issuer's key may not sign lists (keyUsage has "
                          "no cRLSign)");
    if (crl->signer != NULL && X509_check_akid(cert, crl->signer) != X509_V_OK)
        return crl_refuse(problem, SP_EPERM,
                          "authorityKeyIdentifier names another key than its "
                          "issuer's");
    return 0;
}

static int signer_try(struct crl *crl, X509 *cert, char problem[CRL_PROBLEM])
{
    EVP_PKEY *key;
    int r;

    if ((r = signer_check(crl, cert, problem)) != 0)
        return r;
    key = X509_get0_pubkey(cert);
    if (key == NULL) {
        ERR_clear_error();
        return crl_refuse(problem, SP_EPERM, "its issuer's key is unreadable");
    }
    r = signed_verify(crl->algorithm, key, crl->tbs.whole,
                      crl->tbs.whole_length, crl->signature.data + 1,
                      crl->signature.length - 1, problem);
    if (r == 0 && (chain_key_hash(cert, crl->info.issuer_key) != 0 ||
                   chain_name_hash(cert, crl->info.issuer_name) != 0))
        r = crl_refuse(problem, SP_ECRYPTO, "SHA-256 is not available");
    return r;
}

/* The problem of the last one that was tried stays. */
static int signer_find(struct crl *crl, STACK_OF(X509) * pool,
                       char problem[CRL_PROBLEM])
{
    int found = SP_ENOENT;

    for (int i = 0; i < sk_X509_num(pool); i++) {
        X509 *cert = sk_X509_value(pool, i);
        char what[CRL_PROBLEM];
        int r;

        if (X509_NAME_cmp(X509_get_subject_name(cert), crl->issuer) != 0)
            continue;
        r = signer_try(crl, cert, what);
        if (r == 0)
            return 0;
        /* A wrong signature says more than a namesake that was out. */
        if (found != SP_ESIGNATURE || r == SP_ESIGNATURE) {
            found = r;
            memcpy(problem, what, sizeof what);
        }
    }
    if (found == SP_ENOENT)
        return crl_refuse(problem, SP_ENOENT,
                          "its issuer %s is none of the %d authorities",
                          crl->info.issuer, sk_X509_num(pool));
    return found;
}

static int future_check(const struct crl *crl, int64_t now,
                        char problem[CRL_PROBLEM])
{
    char when[CLOCK_UTC_SIZE];

    if (crl->info.this_update <= now ||
        crl->info.this_update - now <= CRL_SKEW_MS)
        return 0;
    clock_format_utc(crl->info.this_update, when);
    return crl_refuse(problem, SP_EINVAL, "thisUpdate %s is in the future",
                      when);
}

int crl_verify(struct crl *crl, STACK_OF(X509) * pool, int64_t now,
               char problem[CRL_PROBLEM])
{
    int r;

    problem[0] = '\0';
    if (crl->verified)
        return crl_refuse(problem, SP_EEXIST, "verified before");
    if ((r = signer_find(crl, pool, problem)) == 0 &&
        (r = future_check(crl, now, problem)) == 0)
        r = entries_read(crl, problem);
    if (r != 0) {
        free(crl->records);
        crl->records = NULL;
        crl->info.count = crl->info.removed = crl->info.odd = 0;
        memset(crl->info.issuer_key, 0, sizeof crl->info.issuer_key);
        memset(crl->info.issuer_name, 0, sizeof crl->info.issuer_name);
        return r;
    }
    free(crl->der);
    crl->der = NULL;
    crl->tbs = crl->signature = (struct der_value){0};
    crl->revoked = (struct der){0};
    crl->verified = true;
    return 0;
}

const struct crl_info *crl_info(const struct crl *crl)
{
    return &crl->info;
}

const struct crl_record *crl_records(const struct crl *crl)
{
    return crl->verified ? crl->records : NULL;
}

/* --- where lists are ----------------------------------------------------- */

static size_t url_add(const GENERAL_NAME *name, char (*urls)[HTTP_URL_MAX + 1],
                      size_t count, size_t most)
{
    struct http_url parsed;
    const ASN1_STRING *uri = name->d.uniformResourceIdentifier;
    const char *text;
    size_t length;

    if (count == most || name->type != GEN_URI)
        return count;
    text = (const char *)ASN1_STRING_get0_data(uri);
    length = (size_t)ASN1_STRING_length(uri);
    if (http_url_parse(text, length, &parsed) != 0)
        return count;
    memcpy(urls[count], text, length);
    urls[count][length] = '\0';
    return count + 1;
}

size_t crl_urls_of(X509 *cert, char (*urls)[HTTP_URL_MAX + 1], size_t most)
{
    CRL_DIST_POINTS *points =
        X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    size_t count = 0;

    ERR_clear_error();
    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *p = sk_DIST_POINT_value(points, i);
        const GENERAL_NAMES *names;

        if (p->distpoint == NULL || p->distpoint->type != 0 ||
            p->CRLissuer != NULL)
            continue;
        names = p->distpoint->name.fullname;
        for (int k = 0; k < sk_GENERAL_NAME_num(names); k++)
            count = url_add(sk_GENERAL_NAME_value(names, k), urls, count, most);
    }
    CRL_DIST_POINTS_free(points);
    return count;
}
