/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a revocation list: everything around its entries. The bytes are
 * a stranger's and no signature has been looked at yet, so nothing here
 * allocates in proportion to anything but the bytes that are there.
 */
#include "certs/crl_frame.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/signed.h"

/* Real lists have three or four. */
#define EXTENSIONS_MAX 32

static const struct {
    enum crl_extension kind;
    uint8_t length;
    uint8_t oid[8];
} known[] = {
    {CRL_EXT_REASON, 3, {0x55, 0x1d, 21}},
    {CRL_EXT_INVALIDITY, 3, {0x55, 0x1d, 24}},
    {CRL_EXT_HOLD, 3, {0x55, 0x1d, 23}},
    {CRL_EXT_CERTIFICATE_ISSUER, 3, {0x55, 0x1d, 29}},
    {CRL_EXT_NUMBER, 3, {0x55, 0x1d, 20}},
    {CRL_EXT_DELTA, 3, {0x55, 0x1d, 27}},
    {CRL_EXT_SCOPE, 3, {0x55, 0x1d, 28}},
    {CRL_EXT_SIGNER, 3, {0x55, 0x1d, 35}},
    {CRL_EXT_FRESHEST, 3, {0x55, 0x1d, 46}},
    {CRL_EXT_ISSUER_NAMES, 3, {0x55, 0x1d, 18}},
    {CRL_EXT_EXPIRED, 3, {0x55, 0x1d, 60}},
    {CRL_EXT_AUTHORITY_ACCESS, 8, {0x2b, 6, 1, 5, 5, 7, 1, 1}},
};

int crl_refuse(char problem[CRL_PROBLEM], int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(problem, CRL_PROBLEM, format, args);
    va_end(args);
    return error;
}

bool crl_extension_take(struct der *d, struct crl_extension_read *e)
{
    struct der_value whole, flag;
    struct der in;

    if (!der_expect(d, DER_SEQUENCE, &whole))
        return false;
    in = der_within(&whole);
    e->kind = CRL_EXT_UNKNOWN;
    e->critical = false;
    if (!der_expect(&in, DER_OID, &e->oid) || e->oid.length == 0)
        return false;
    if (der_next_is(&in, DER_BOOLEAN) &&
        (!der_take(&in, &flag) || !der_boolean(&flag, &e->critical)))
        return false;
    if (!der_expect(&in, DER_OCTET_STRING, &e->value) || !der_done(&in))
        return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].length == e->oid.length &&
            memcmp(known[i].oid, e->oid.data, e->oid.length) == 0) {
            e->kind = known[i].kind;
            break;
        }
    }
    return true;
}

/* --- what extensions say ------------------------------------------------- */

static int number_read(const struct crl_extension_read *e, uint8_t number[20],
                       const char *what, char problem[CRL_PROBLEM])
{
    struct der in = der_within(&e->value);
    struct der_value v;

    if (!der_take(&in, &v) || !der_done(&in) || der_magnitude(&v, number) != 0)
        return crl_refuse(problem, SP_EINVAL,
                          "%s: expected an integer of 0 to 20 bytes", what);
    return 0;
}

static int hash_order(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* Sorted and without doubles: two lists of one partition compare as equal. */
static void points_sort(struct crl_info *info)
{
    uint32_t kept = 0;

    qsort(info->points, info->npoints, sizeof info->points[0], hash_order);
    for (uint32_t i = 0; i < info->npoints; i++) {
        if (kept > 0 &&
            memcmp(info->points[kept - 1], info->points[i], 32) == 0)
            continue;
        memmove(info->points[kept++], info->points[i], 32);
    }
    for (uint32_t i = kept; i < CHAIN_POINTS_MAX; i++)
        memset(info->points[i], 0, 32);
    info->npoints = kept;
}

static int points_read(struct crl_info *info, const DIST_POINT_NAME *name,
                       char problem[CRL_PROBLEM])
{
    const GENERAL_NAMES *names = name->type == 0 ? name->name.fullname : NULL;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *uri = g->d.uniformResourceIdentifier;

        if (g->type != GEN_URI)
            continue;
        if (info->npoints == CHAIN_POINTS_MAX)
            return crl_refuse(problem, SP_EUNSUPPORTED,
                              "issuingDistributionPoint names more than %d "
                              "URIs",
                              CHAIN_POINTS_MAX);
        if (chain_point_hash(ASN1_STRING_get0_data(uri),
                             (size_t)ASN1_STRING_length(uri),
                             info->points[info->npoints]) != 0)
            return crl_refuse(problem, SP_ECRYPTO, "SHA-256 is not available");
        info->npoints++;
    }
    if (info->npoints == 0)
        return crl_refuse(problem, SP_EUNSUPPORTED,
                          "a partition that no URI names: no certificate could "
                          "be known to be in it");
    points_sort(info);
    return 0;
}

/* ReasonFlags (RFC 5280 section 4.2.1.13) have nine bits. */
static uint32_t reasons_read(const ASN1_BIT_STRING *reasons)
{
    uint32_t bits = 0;

    for (int i = 0; i < 16; i++)
        bits |= ASN1_BIT_STRING_get_bit(reasons, i) ? 1u << i : 0;
    return CRL_SOME_REASONS | bits << 8;
}

static int scope_flags(struct crl_info *info, const ISSUING_DIST_POINT *p,
                       char problem[CRL_PROBLEM])
{
    if (p->indirectCRL > 0)
        return crl_refuse(problem, SP_EUNSUPPORTED,
                          "an indirect list: expected one whose issuer is the "
                          "certificates' own");
    if (p->onlyattr > 0)
        return crl_refuse(problem, SP_EUNSUPPORTED,
                          "a list of attribute certificates only");
    if (p->onlyuser > 0 && p->onlyCA > 0)
        return crl_refuse(problem, SP_EINVAL,
                          "issuingDistributionPoint: only end entities and "
                          "only authorities at once");
    info->scope |= p->onlyuser > 0 ? CRL_USERS_ONLY : 0;
    info->scope |= p->onlyCA > 0 ? CRL_CAS_ONLY : 0;
    if (p->onlysomereasons != NULL)
        info->scope |= reasons_read(p->onlysomereasons);
    info->scope |= p->distpoint != NULL ? CRL_PARTITION : 0;
    return 0;
}

static int scope_read(struct crl *crl, const struct crl_extension_read *e,
                      char problem[CRL_PROBLEM])
{
    const unsigned char *at = e->value.data;
    ISSUING_DIST_POINT *p =
        d2i_ISSUING_DIST_POINT(NULL, &at, (long)e->value.length);
    int r;

    ERR_clear_error();
    if (p == NULL || at != e->value.data + e->value.length)
        r = crl_refuse(problem, SP_EINVAL,
                       "issuingDistributionPoint is malformed");
    else if ((r = scope_flags(&crl->info, p, problem)) == 0 &&
             p->distpoint != NULL)
        r = points_read(&crl->info, p->distpoint, problem);
    ISSUING_DIST_POINT_free(p);
    return r;
}

static int signer_read(struct crl *crl, const struct crl_extension_read *e,
                       char problem[CRL_PROBLEM])
{
    const unsigned char *at = e->value.data;

    crl->signer = d2i_AUTHORITY_KEYID(NULL, &at, (long)e->value.length);
    ERR_clear_error();
    if (crl->signer == NULL || at != e->value.data + e->value.length)
        return crl_refuse(problem, SP_EINVAL,
                          "authorityKeyIdentifier is malformed");
    return 0;
}

static int extension_apply(struct crl *crl, const struct crl_extension_read *e,
                           char problem[CRL_PROBLEM])
{
    char name[80];

    switch (e->kind) {
    case CRL_EXT_NUMBER:
        crl->info.has_number = true;
        return number_read(e, crl->info.number, "CRLNumber", problem);
    case CRL_EXT_DELTA:
        crl->info.delta = true;
        return number_read(e, crl->info.base, "BaseCRLNumber", problem);
    case CRL_EXT_SCOPE:
        return scope_read(crl, e, problem);
    case CRL_EXT_SIGNER:
        return signer_read(crl, e, problem);
    case CRL_EXT_FRESHEST: /* where deltas are: the policy says it, not a list
                            */
    case CRL_EXT_ISSUER_NAMES:
    case CRL_EXT_AUTHORITY_ACCESS:
    case CRL_EXT_EXPIRED:
        return 0;
    case CRL_EXT_UNKNOWN:
    case CRL_EXT_REASON:
    case CRL_EXT_INVALIDITY:
    case CRL_EXT_HOLD:
    case CRL_EXT_CERTIFICATE_ISSUER:
    default:
        break;
    }
    if (!e->critical)
        return 0;
    const unsigned char *at = e->oid.whole;
    ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &at, (long)e->oid.whole_length);
    if (oid == NULL || OBJ_obj2txt(name, sizeof name, oid, 1) <= 0)
        snprintf(name, sizeof name, "unreadable");
    ASN1_OBJECT_free(oid);
    ERR_clear_error();
    return crl_refuse(problem, SP_EUNSUPPORTED,
                      "critical extension %s is not known", name);
}

static int extensions_read(struct crl *crl, struct der list,
                           char problem[CRL_PROBLEM])
{
    struct der_value seen[EXTENSIONS_MAX];
    struct crl_extension_read e;
    size_t n = 0;
    int r;

    while (!der_done(&list)) {
        if (n == EXTENSIONS_MAX)
            return crl_refuse(problem, SP_ETOOBIG, "more than %d extensions",
                              EXTENSIONS_MAX);
        if (!crl_extension_take(&list, &e))
            return crl_refuse(problem, SP_EINVAL, "extension %zu is malformed",
                              n + 1);
        for (size_t i = 0; i < n; i++) {
            if (seen[i].length == e.oid.length &&
                memcmp(seen[i].data, e.oid.data, e.oid.length) == 0)
                return crl_refuse(problem, SP_EINVAL,
                                  "extension %zu is there twice", n + 1);
        }
        seen[n++] = e.oid;
        if ((r = extension_apply(crl, &e, problem)) != 0)
            return r;
    }
    if (n == 0)
        return crl_refuse(problem, SP_EINVAL, "extensions are empty");
    if (crl->info.delta && !crl->info.has_number)
        return crl_refuse(problem, SP_EINVAL, "a delta without CRLNumber");
    return 0;
}

/* --- the fields, in their order ------------------------------------------ */

static int outer_read(struct crl *crl, struct der_value *algorithm,
                      char problem[CRL_PROBLEM])
{
    struct der in = der_of(crl->der, crl->length);
    struct der_value whole;

    if (!der_expect(&in, DER_SEQUENCE, &whole))
        return crl_refuse(problem, SP_EINVAL,
                          "expected a CertificateList in DER, or PEM");
    if (!der_done(&in))
        return crl_refuse(problem, SP_EINVAL, "bytes behind the list");
    in = der_within(&whole);
    if (!der_expect(&in, DER_SEQUENCE, &crl->tbs) ||
        !der_expect(&in, DER_SEQUENCE, algorithm) ||
        !der_expect(&in, DER_BIT_STRING, &crl->signature) || !der_done(&in))
        return crl_refuse(problem, SP_EINVAL,
                          "expected tbsCertList, algorithm and signature");
    if (crl->signature.length < 2 || crl->signature.data[0] != 0)
        return crl_refuse(problem, SP_EINVAL,
                          "the signature is not a whole number of bytes");
    return 0;
}

static int version_read(struct crl *crl, struct der *in,
                        char problem[CRL_PROBLEM])
{
    struct der_value v;

    if (!der_next_is(in, DER_INTEGER))
        return 0;
    if (!der_take(in, &v) || v.length != 1 || v.data[0] != 1)
        return crl_refuse(problem, SP_EINVAL,
                          "expected version 2, or none for version 1");
    crl->extensible = true;
    return 0;
}

static int algorithm_read(struct crl *crl, struct der *in,
                          const struct der_value *outer,
                          char problem[CRL_PROBLEM])
{
    const unsigned char *at;
    struct der_value v;

    if (!der_expect(in, DER_SEQUENCE, &v))
        return crl_refuse(problem, SP_EINVAL, "signature algorithm missing");
    if (v.whole_length != outer->whole_length ||
        memcmp(v.whole, outer->whole, v.whole_length) != 0)
        return crl_refuse(problem, SP_EINVAL,
                          "two signature algorithms: the one within the signed "
                          "part is not the one outside");
    at = v.whole;
    crl->algorithm = d2i_X509_ALGOR(NULL, &at, (long)v.whole_length);
    ERR_clear_error();
    if (crl->algorithm == NULL || at != v.whole + v.whole_length)
        return crl_refuse(problem, SP_EINVAL,
                          "signature algorithm is malformed");
    return signed_check_algorithm(crl->algorithm, problem);
}

static void issuer_print(struct crl *crl)
{
    char *text = crl->info.issuer;
    BIO *bio = BIO_new(BIO_s_mem());
    int length = 0;

    if (bio != NULL &&
        X509_NAME_print_ex(bio, crl->issuer, 0, XN_FLAG_RFC2253) >= 0)
        length = BIO_read(bio, text, CRL_NAME_MAX - 1);
    BIO_free(bio);
    text[length > 0 ? length : 0] = '\0';
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
    }
    ERR_clear_error();
}

static int issuer_read(struct crl *crl, struct der *in,
                       char problem[CRL_PROBLEM])
{
    const unsigned char *at;
    struct der_value v;

    if (!der_expect(in, DER_SEQUENCE, &v))
        return crl_refuse(problem, SP_EINVAL, "issuer is missing");
    at = v.whole;
    crl->issuer = d2i_X509_NAME(NULL, &at, (long)v.whole_length);
    ERR_clear_error();
    if (crl->issuer == NULL || at != v.whole + v.whole_length ||
        X509_NAME_entry_count(crl->issuer) == 0)
        return crl_refuse(problem, SP_EINVAL, "issuer is malformed or empty");
    issuer_print(crl);
    return 0;
}

static int times_read(struct crl *crl, struct der *in,
                      char problem[CRL_PROBLEM])
{
    struct der_value v;

    if (!der_take(in, &v) || !der_time(&v, &crl->info.this_update) ||
        crl->info.this_update < 0)
        return crl_refuse(problem, SP_EINVAL,
                          "thisUpdate: expected a time in seconds and Z");
    if (!der_next_is(in, DER_UTC_TIME) &&
        !der_next_is(in, DER_GENERALIZED_TIME))
        return crl_refuse(problem, SP_EUNSUPPORTED,
                          "no nextUpdate: nobody could say when it is stale");
    if (!der_take(in, &v) || !der_time(&v, &crl->info.next_update))
        return crl_refuse(problem, SP_EINVAL,
                          "nextUpdate: expected a time in seconds and Z");
    if (crl->info.next_update <= crl->info.this_update)
        return crl_refuse(problem, SP_EINVAL,
                          "nextUpdate is not later than thisUpdate");
    return 0;
}

static int rest_read(struct crl *crl, struct der *in, char problem[CRL_PROBLEM])
{
    struct der_value v;
    struct der wrapped;

    if (der_next_is(in, DER_SEQUENCE)) {
        if (!der_take(in, &v))
            return crl_refuse(problem, SP_EINVAL,
                              "revokedCertificates is malformed");
        crl->revoked = der_within(&v);
    }
    if (der_done(in))
        return 0;
    if (!der_expect(in, DER_CONTEXT_0, &v) || !der_done(in))
        return crl_refuse(problem, SP_EINVAL,
                          "expected extensions and nothing else behind the "
                          "entries");
    if (!crl->extensible)
        return crl_refuse(problem, SP_EINVAL, "version 1 with extensions");
    wrapped = der_within(&v);
    if (!der_expect(&wrapped, DER_SEQUENCE, &v) || !der_done(&wrapped))
        return crl_refuse(problem, SP_EINVAL, "extensions are malformed");
    return extensions_read(crl, der_within(&v), problem);
}

static int frame_read(struct crl *crl, char problem[CRL_PROBLEM])
{
    struct der_value algorithm;
    struct der in;
    int r;

    if ((r = outer_read(crl, &algorithm, problem)) != 0)
        return r;
    in = der_within(&crl->tbs);
    if ((r = version_read(crl, &in, problem)) != 0 ||
        (r = algorithm_read(crl, &in, &algorithm, problem)) != 0 ||
        (r = issuer_read(crl, &in, problem)) != 0 ||
        (r = times_read(crl, &in, problem)) != 0)
        return r;
    return rest_read(crl, &in, problem);
}

void crl_free(struct crl *crl)
{
    if (crl == NULL)
        return;
    free(crl->der);
    free(crl->records);
    X509_NAME_free(crl->issuer);
    X509_ALGOR_free(crl->algorithm);
    AUTHORITY_KEYID_free(crl->signer);
    free(crl);
}

int crl_frame_read(uint8_t *der, size_t length, struct crl **out,
                   char problem[CRL_PROBLEM])
{
    struct crl *crl = calloc(1, sizeof *crl);
    int r;

    if (crl == NULL) {
        free(der);
        return crl_refuse(problem, SP_ENOMEM, "out of memory");
    }
    crl->der = der;
    crl->length = length;
    if (length > CRL_BYTES_MAX)
        r = crl_refuse(problem, SP_ETOOBIG, "%zu bytes: expected at most %u",
                       length, CRL_BYTES_MAX);
    else if (EVP_Digest(der, length, crl->info.sha256, NULL, EVP_sha256(),
                        NULL) != 1)
        r = crl_refuse(problem, SP_ECRYPTO, "SHA-256 is not available");
    else
        r = frame_read(crl, problem);
    if (r != 0) {
        crl_free(crl);
        return r;
    }
    *out = crl;
    return 0;
}
