/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP responses for stapling. Runs in the supervisor and the workers when
 * files are read. Such a response comes from a responder by way of an
 * operator's file; clients check it again, so that what is wrong here would
 * cost connections and not trust. It is refused nevertheless: the operator
 * hears of it now, not their clients later.
 */
#include "certs/staple.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What clocks may differ by. */
#define LEEWAY_S 300

static int wrong(char problem[256], const char *what)
{
    snprintf(problem, 256, "%s", what);
    ERR_clear_error();
    return SP_EINVAL;
}

static int64_t time_ms(const ASN1_TIME *t)
{
    struct tm tm;

    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1
               ? (int64_t)timegm(&tm) * 1000
               : -1;
}

/* The certificate's issuer among those that could be it; by signature, not by
 * name. */
static X509 *issuer_find(X509 *cert, STACK_OF(X509) * issuers)
{
    for (int i = 0; i < sk_X509_num(issuers); i++) {
        X509 *issuer = sk_X509_value(issuers, i);
        EVP_PKEY *key = X509_get0_pubkey(issuer);

        if (X509_check_issued(issuer, cert) == X509_V_OK && key != NULL &&
            X509_verify(cert, key) == 1)
            return issuer;
    }
    ERR_clear_error();
    return NULL;
}

/* By that issuer, or by a responder's certificate within the response that the
 * issuer signed for OCSP; nothing else is trusted for it. */
static int signature_check(OCSP_BASICRESP *basic, X509 *issuer,
                           char problem[256])
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *certs = sk_X509_new_null();
    int r = SP_ENOMEM;

    if (store != NULL && certs != NULL &&
        X509_STORE_add_cert(store, issuer) == 1 &&
        sk_X509_push(certs, issuer) > 0 &&
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1)
        r = OCSP_basic_verify(basic, certs, store, 0) == 1
                ? 0
                : wrong(problem, "not signed by the certificate's issuer, nor "
                                 "by a responder that it names");
    sk_X509_free(certs);
    X509_STORE_free(store);
    ERR_clear_error();
    return r;
}

/* The answer about this certificate, whatever digest names it. */
static OCSP_SINGLERESP *single_find(OCSP_BASICRESP *basic, X509 *cert,
                                    X509 *issuer)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
        ASN1_OBJECT *digest = NULL;
        const EVP_MD *md;
        OCSP_CERTID *ours;
        bool same;

        OCSP_id_get0_info(NULL, &digest, NULL, NULL,
                          (OCSP_CERTID *)(uintptr_t)id);
        md = EVP_get_digestbyobj(digest);
        ours = md != NULL ? OCSP_cert_to_id(md, cert, issuer) : NULL;
        same = ours != NULL && OCSP_id_cmp(ours, id) == 0;
        OCSP_CERTID_free(ours);
        if (same)
            return single;
    }
    ERR_clear_error();
    return NULL;
}

static int single_check(OCSP_SINGLERESP *single, int64_t now, int64_t *until,
                        char problem[256])
{
    ASN1_GENERALIZEDTIME *from = NULL, *to = NULL;
    int reason;
    int status = OCSP_single_get0_status(single, &reason, NULL, &from, &to);

    if (status != V_OCSP_CERTSTATUS_GOOD)
        return wrong(problem, status == V_OCSP_CERTSTATUS_REVOKED
                                  ? "it says that the certificate is revoked: "
                                    "expected \"good\""
                                  : "it does not know the certificate: "
                                    "expected \"good\"");
    if (time_ms(from) < 0 || time_ms(from) > now + LEEWAY_S * 1000)
        return wrong(problem, "it begins in the future: expected one that is "
                              "valid now");
    *until = time_ms(to);
    if (to == NULL || *until < 0)
        return wrong(problem, "it has no end (nextUpdate): expected one with "
                              "an end");
    return 0;
}

static int basic_check(OCSP_BASICRESP *basic, X509 *cert,
                       STACK_OF(X509) * issuers, int64_t now, int64_t *until,
                       char problem[256])
{
    X509 *issuer = issuer_find(cert, issuers);
    OCSP_SINGLERESP *single;
    int r;

    if (issuer == NULL)
        return wrong(problem, "the certificate's issuer is not known: expected "
                              "it behind the certificate in its file");
    if ((single = single_find(basic, cert, issuer)) == NULL)
        return wrong(problem, "it is about another certificate");
    if ((r = signature_check(basic, issuer, problem)) != 0)
        return r;
    return single_check(single, now, until, problem);
}

int staple_check(const uint8_t *der, size_t length, X509 *cert,
                 STACK_OF(X509) * issuers, int64_t now, int64_t *until,
                 char problem[256])
{
    const unsigned char *at = der;
    OCSP_RESPONSE *response =
        length <= LONG_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)length) : NULL;
    OCSP_BASICRESP *basic = NULL;
    int r;

    if (response == NULL || at != der + length)
        r = wrong(problem, "not an OCSP response: expected one in DER, as "
                           "`openssl ocsp -respout` writes it");
    else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        r = wrong(problem, "the responder refused to answer: expected a "
                           "successful response");
    else if ((basic = OCSP_response_get1_basic(response)) == NULL)
        r = wrong(problem, "not a basic OCSP response");
    else
        r = basic_check(basic, cert, issuers, now, until, problem);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return r;
}
