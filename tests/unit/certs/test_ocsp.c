/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP: what is asked, and a table of answers, honest and not, each with what
 * it is worth. Answers are made by OpenSSL, so that they are as responders'
 * are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/ocsp.h"
#include "tests/unit/certs/made.h"

#include <openssl/ocsp.h>
#include <openssl/provider.h>

#define HOUR   3600000LL
#define MAXAGE (24 * HOUR)

static const uint8_t nonce[OCSP_NONCE] = "sixteen bytes ok";

static struct made root, twin, other, leaf, sibling;
static struct made good, no_eku, client, expired, soon, ca_too, no_sign, weak,
    old_hash, stranger, cousin, critical;

static struct made delegate(const struct made *issuer, struct make m)
{
    m.issuer = issuer;
    m.cn = m.cn ? m.cn : "Responder";
    m.eku = m.eku ? m.eku : "OCSPSigning";
    return make_certificate(&m);
}

static void critical_make(void)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment,
                                            "critical,not known to anybody");

    critical = delegate(&root, (struct make){0});
    made_must(e != NULL && X509_add_ext(critical.cert, e, -1) == 1, "ext");
    X509_EXTENSION_free(e);
    made_must(X509_sign(critical.cert, root.key, EVP_sha256()) > 0, "sign");
}

static int world_make(void **state)
{
    EVP_PKEY *rsa1024 = EVP_RSA_gen(1024), *rsa = EVP_RSA_gen(2048);

    (void)state;
    root =
        make_certificate(&(struct make){.cn = "Root", .ca = true, .key = rsa});
    twin = make_certificate(&(struct make){.cn = "Root", .ca = true});
    other = make_certificate(&(struct make){.cn = "Other", .ca = true});
    leaf = make_certificate(&(struct make){.issuer = &root, .cn = "Leaf"});
    sibling = make_certificate(&(struct make){.issuer = &root, .cn = "Leaf"});
    good = delegate(&root, (struct make){0});
    no_eku = delegate(&root, (struct make){.eku = ""});
    client = delegate(&root, (struct make){.eku = "clientAuth,serverAuth"});
    expired = delegate(&root, (struct make){.to = MADE_NOW});
    soon = delegate(&root, (struct make){.from = MADE_NOW + 1000});
    ca_too = delegate(&root, (struct make){.ca = true});
    no_sign = delegate(&root, (struct make){.ku = "critical,keyAgreement"});
    weak = delegate(&root, (struct make){.key = rsa1024});
    old_hash = delegate(&root, (struct make){.digest = "SHA1"});
    stranger = delegate(&twin, (struct make){0});
    cousin = delegate(&good, (struct make){.cn = "Cousin"});
    critical_make();
    EVP_PKEY_free(rsa1024);
    EVP_PKEY_free(rsa);
    return 0;
}

static int world_free(void **state)
{
    struct made *all[] = {&root,   &twin,    &other,  &leaf,     &sibling,
                          &good,   &no_eku,  &client, &expired,  &soon,
                          &ca_too, &no_sign, &weak,   &old_hash, &stranger,
                          &cousin, &critical};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
    return 0;
}

/* --- answers as they are made
 * -------------------------------------------------- */

#define NEVER (-1) /* no nextUpdate */

struct say {
    int status; /* V_OCSP_CERTSTATUS_GOOD is 0 */
    int reason; /* REVOKED: the reason, -1: none */
    int64_t from, to;
    const struct made *about;   /* NULL: the leaf */
    const struct made *issuer;  /* of the CertID; NULL: root */
    bool sha256;                /* in the CertID */
    bool also;                  /* about the sibling before, revoked */
    int twice;                  /* once more: its status + 1 */
    const struct made *signer;  /* NULL: root */
    const struct made *with[2]; /* certificates in the answer */
    bool by_key;                /* ResponderID */
    const char *digest;         /* NULL: SHA256 */
    const uint8_t *nonce;       /* NULL: none */
    size_t nonce_length;        /* 0: 16 */
    bool two_nonces;
    bool critical, single_critical; /* an extension that is not known */
    int response;                   /* responseStatus */
};

static OCSP_CERTID *id_of(const struct say *s, const struct made *about)
{
    const struct made *issuer = s->issuer ? s->issuer : &root;

    return OCSP_cert_id_new(s->sha256 ? EVP_sha256() : EVP_sha1(),
                            X509_get_subject_name(issuer->cert),
                            X509_get0_pubkey_bitstr(issuer->cert),
                            X509_get0_serialNumber(about->cert));
}

static OCSP_SINGLERESP *single_add(OCSP_BASICRESP *basic, const struct say *s,
                                   const struct made *about, int status)
{
    int64_t from = s->from ? s->from : MADE_NOW - HOUR;
    int64_t to = s->to ? s->to : MADE_NOW + HOUR;
    ASN1_TIME *a = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(from / 1000));
    ASN1_TIME *b = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(to / 1000));
    OCSP_CERTID *id = id_of(s, about);
    OCSP_SINGLERESP *single = OCSP_basic_add1_status(
        basic, id, status, s->reason, a, a, s->to == NEVER ? NULL : b);

    made_must(single != NULL, "single");
    OCSP_CERTID_free(id);
    ASN1_TIME_free(a);
    ASN1_TIME_free(b);
    return single;
}

static void extensions_add(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single,
                           const struct say *s)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment,
                                            "critical,something");
    unsigned char copy[64] = {0};

    if (s->critical)
        OCSP_BASICRESP_add_ext(basic, e, -1);
    if (s->single_critical)
        OCSP_SINGLERESP_add_ext(single, e, -1);
    X509_EXTENSION_free(e);
    if (s->nonce == NULL)
        return;
    memcpy(copy, s->nonce, OCSP_NONCE);
    OCSP_basic_add1_nonce(basic, copy,
                          s->nonce_length ? (int)s->nonce_length : OCSP_NONCE);
    if (s->two_nonces) {
        e = X509_EXTENSION_dup(OCSP_BASICRESP_get_ext(basic, 0));
        OCSP_BASICRESP_add_ext(basic, e, -1);
        X509_EXTENSION_free(e);
    }
}

/* DER of the answer; malloc'd. */
static uint8_t *answer_make(const struct say *s, size_t *length)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    const struct made *signer = s->signer ? s->signer : &root;
    const struct made *about = s->about ? s->about : &leaf;
    struct say revoked = *s;
    OCSP_RESPONSE *response;
    OCSP_SINGLERESP *single;
    uint8_t *der = NULL;

    if (s->also) {
        revoked.issuer = NULL;
        single_add(basic, &revoked, &sibling, V_OCSP_CERTSTATUS_REVOKED);
    }
    if (s->twice > 0)
        single_add(basic, s, about, s->twice - 1);
    single = single_add(basic, s, about, s->status);
    extensions_add(basic, single, s);
    made_must(OCSP_basic_sign(
                  basic, signer->cert, signer->key,
                  EVP_get_digestbyname(s->digest ? s->digest : "SHA256"), NULL,
                  OCSP_NOCERTS | (s->by_key ? OCSP_RESPID_KEY : 0)) == 1,
              "answer");
    for (size_t i = 0; i < 2 && s->with[i] != NULL; i++)
        OCSP_basic_add1_cert(basic, s->with[i]->cert); /* not signed */
    response = OCSP_response_create(s->response, s->response ? NULL : basic);
    int n = i2d_OCSP_RESPONSE(response, NULL);
    der = malloc((size_t)n);
    uint8_t *at = der;
    i2d_OCSP_RESPONSE(response, &at);
    *length = (size_t)n;
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    return der;
}

/* --- the table
 * --------------------------------------------------------------------- */

#define GOOD      REVOCATION_GOOD
#define REVOKED   REVOCATION_REVOKED
#define UNKNOWN   REVOCATION_UNKNOWN
#define S_REVOKED .status = V_OCSP_CERTSTATUS_REVOKED

static const uint8_t another[OCSP_NONCE] = "sixteen bytes no";

struct answer_case {
    const char *name;
    struct say say;
    bool asked_without; /* no nonce was sent */
    int64_t max_age;    /* 0: MAXAGE */
    enum revocation expected;
    const char *problem; /* or NULL */
    int64_t until;
    int reason;
    bool delegated;
};

#define IS_GOOD       .expected = GOOD, .until = MADE_NOW + HOUR, .reason = -1
#define IS_REVOKED(r) .expected = REVOKED, .reason = (r)
#define IS_UNKNOWN(p) .expected = UNKNOWN, .problem = (p), .reason = -1

static const struct answer_case cases[] = {
    {"good", {.nonce = nonce}, IS_GOOD},
    {"good, without the nonce", {0}, IS_GOOD},
    {"good, none was sent", {0}, .asked_without = true, IS_GOOD},
    {"good, responder by its key", {.by_key = true}, IS_GOOD},
    {"good, among others", {.also = true}, IS_GOOD},
    {"good, SHA-512", {.digest = "SHA512"}, IS_GOOD},
    {"good, without nextUpdate: until max_age",
     {.to = NEVER},
     .expected = GOOD,
     .until = MADE_NOW - HOUR + MAXAGE,
     .reason = -1},
    {"good, max_age ends earlier",
     {0},
     .max_age = HOUR + 1000,
     .expected = GOOD,
     .until = MADE_NOW + 1000,
     .reason = -1},
    {"good, five minutes ahead of us",
     {.from = MADE_NOW + OCSP_SKEW_MS},
     IS_GOOD},
    {"good, a second before its end",
     {.to = MADE_NOW + 1000},
     .expected = GOOD,
     .until = MADE_NOW + 1000,
     .reason = -1},
    {"a delegate's",
     {.signer = &good, .with = {&good}},
     IS_GOOD,
     .delegated = true},
    {"a delegate's, by its key",
     {.signer = &good, .with = {&good}, .by_key = true},
     IS_GOOD,
     .delegated = true},
    {"a delegate's behind a namesake's",
     {.signer = &good, .with = {&no_eku, &good}},
     IS_GOOD,
     .delegated = true},

    {"revoked", {S_REVOKED, .reason = 1}, IS_REVOKED(1)},
    {"revoked without a reason", {S_REVOKED, .reason = -1}, IS_REVOKED(-1)},
    {"on hold", {S_REVOKED, .reason = 6}, IS_REVOKED(6)},
    {"revoked long ago, the answer is stale",
     {S_REVOKED, .from = MADE_NOW - 900 * HOUR, .to = MADE_NOW - 800 * HOUR},
     IS_REVOKED(0)},
    {"revoked, from the future",
     {S_REVOKED, .from = MADE_NOW + 90 * HOUR, .to = MADE_NOW + 99 * HOUR},
     IS_REVOKED(0)},
    {"revoked, times that contradict",
     {S_REVOKED, .from = MADE_NOW, .to = MADE_NOW - 1000},
     IS_REVOKED(0)},
    {"revoked, by a delegate",
     {S_REVOKED, .signer = &good, .with = {&good}},
     IS_REVOKED(0),
     .delegated = true},

    {"unknown",
     {.status = V_OCSP_CERTSTATUS_UNKNOWN},
     IS_UNKNOWN("does not know it")},
    {"stale: at its end", {.to = MADE_NOW}, IS_UNKNOWN("nextUpdate is past")},
    {"stale: replayed",
     {.from = MADE_NOW - 9 * HOUR, .to = MADE_NOW - 8 * HOUR},
     IS_UNKNOWN("nextUpdate is past")},
    {"older than max_age",
     {.from = MADE_NOW - MAXAGE, .to = MADE_NOW + HOUR},
     IS_UNKNOWN("max_age")},
    {"older than max_age, without nextUpdate",
     {.from = MADE_NOW - MAXAGE, .to = NEVER},
     IS_UNKNOWN("max_age")},
    {"from the future",
     {.from = MADE_NOW + OCSP_SKEW_MS + 1000},
     IS_UNKNOWN("in the future")},
    {"nextUpdate is thisUpdate",
     {.from = MADE_NOW + 1000, .to = MADE_NOW + 1000},
     IS_UNKNOWN("not later")},

    {"another nonce", {.nonce = another}, IS_UNKNOWN("another nonce")},
    {"a nonce, none was sent",
     {.nonce = nonce},
     .asked_without = true,
     IS_UNKNOWN("although none was sent")},
    {"a shorter nonce",
     {.nonce = nonce, .nonce_length = 15},
     IS_UNKNOWN("another nonce")},
    {"a longer nonce",
     {.nonce = nonce, .nonce_length = 17},
     IS_UNKNOWN("another nonce")},
    {"the nonce twice",
     {.nonce = nonce, .two_nonces = true},
     IS_UNKNOWN("more than one nonce")},
    {"revoked, but another's answer",
     {S_REVOKED, .nonce = another},
     IS_UNKNOWN("another nonce")},

    {"about another certificate",
     {.about = &sibling},
     IS_UNKNOWN("other certificates")},
    {"another certificate is revoked",
     {.about = &sibling, S_REVOKED},
     IS_UNKNOWN("other certificates")},
    {"about another issuer's of this number",
     {.issuer = &other},
     IS_UNKNOWN("other certificates")},
    {"about a namesake issuer's",
     {.issuer = &twin},
     IS_UNKNOWN("other certificates")},
    {"a CertID with another hash",
     {.sha256 = true},
     IS_UNKNOWN("other certificates")},
    {"good twice",
     {.twice = 1 + V_OCSP_CERTSTATUS_GOOD},
     IS_UNKNOWN("more than one answer")},
    {"revoked and good",
     {.twice = 1 + V_OCSP_CERTSTATUS_REVOKED},
     IS_UNKNOWN("more than one answer")},

    {"signed by another authority",
     {.signer = &other, .with = {&other}},
     IS_UNKNOWN("not issued by")},
    {"signed by a namesake of the issuer",
     {.signer = &twin, .with = {&twin}},
     IS_UNKNOWN("")},
    {"signed by the evaluator",
     {.signer = &leaf, .with = {&leaf}},
     IS_UNKNOWN("not for OCSPSigning")},
    {"signed by another evaluator",
     {.signer = &sibling, .with = {&sibling}},
     IS_UNKNOWN("not for OCSPSigning")},
    {"a delegate for nothing",
     {.signer = &no_eku, .with = {&no_eku}},
     IS_UNKNOWN("not for OCSPSigning")},
    {"a delegate for clients",
     {.signer = &client, .with = {&client}},
     IS_UNKNOWN("not for OCSPSigning")},
    {"a delegate that is over",
     {.signer = &expired, .with = {&expired}},
     IS_UNKNOWN("not valid now")},
    {"a delegate of tomorrow",
     {.signer = &soon, .with = {&soon}},
     IS_UNKNOWN("not valid now")},
    {"a delegate that is a CA",
     {.signer = &ca_too, .with = {&ca_too}},
     IS_UNKNOWN("a CA's")},
    {"a delegate that may not sign",
     {.signer = &no_sign, .with = {&no_sign}},
     IS_UNKNOWN("may not sign")},
    {"a delegate with 1024 bits",
     {.signer = &weak, .with = {&weak}},
     IS_UNKNOWN("80 bits")},
    {"a delegate under SHA-1",
     {.signer = &old_hash, .with = {&old_hash}},
     IS_UNKNOWN("not issued by")},
    {"a delegate with a critical extension",
     {.signer = &critical, .with = {&critical}},
     IS_UNKNOWN("critical extension that is not known")},
    {"a delegate whose certificate is not in it",
     {.signer = &good},
     IS_UNKNOWN("neither the issuer nor")},
    {"only namesakes of the delegate",
     {.signer = &good, .with = {&no_eku, &client}},
     IS_UNKNOWN("not for OCSPSigning")},
    {"a namesake issuer's delegate",
     {.signer = &stranger, .with = {&stranger}},
     IS_UNKNOWN("not issued by")},
    {"a delegate's delegate",
     {.signer = &cousin, .with = {&cousin, &good}},
     IS_UNKNOWN("not issued by")},
    {"revoked, says another authority",
     {S_REVOKED, .signer = &other, .with = {&other}},
     IS_UNKNOWN("not issued by")},
    {"SHA-1", {.digest = "SHA1"}, IS_UNKNOWN("signature algorithm")},
    {"a critical extension",
     {.critical = true},
     IS_UNKNOWN("critical extension of the answer")},
    {"a critical extension of the one",
     {.single_critical = true},
     IS_UNKNOWN("critical extension of the answer")},
    {"malformedRequest", {.response = 1}, IS_UNKNOWN("malformedRequest")},
    {"internalError", {.response = 2}, IS_UNKNOWN("internalError")},
    {"tryLater", {.response = 3}, IS_UNKNOWN("tryLater")},
    {"a status that is none", {.response = 4}, IS_UNKNOWN("no standard")},
    {"sigRequired", {.response = 5}, IS_UNKNOWN("sigRequired")},
    {"unauthorized", {.response = 6}, IS_UNKNOWN("unauthorized")},
};

static void case_run(const struct answer_case *c)
{
    struct ocsp_answer a;
    size_t length;
    uint8_t *der = answer_make(&c->say, &length);
    bool delegated;

    memset(&a, 0xa5, sizeof a);
    ocsp_answer_read(der, length, leaf.cert, root.cert,
                     c->asked_without ? NULL : nonce, MADE_NOW,
                     c->max_age ? c->max_age : MAXAGE, &a);
    delegated = a.delegated && a.delegate.serial_length > 0;
    if (a.status != c->expected || a.good_until != c->until ||
        a.reason != c->reason || delegated != c->delegated ||
        (c->problem
             ? strstr(a.problem, c->problem) == NULL || a.problem[0] == '\0'
             : a.problem[0] != '\0'))
        fail_msg("%s: %d until %lld, reason %d, \"%s\"", c->name, a.status,
                 (long long)a.good_until, a.reason, a.problem);
    free(der);
}

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        case_run(&cases[i]);
    print_message("%zu answers\n", sizeof cases / sizeof cases[0]);
}

static void times_are_told(void **state)
{
    struct ocsp_answer a;
    size_t length;
    uint8_t *der = answer_make(&(struct say){0}, &length);

    (void)state;
    ocsp_answer_read(der, length, leaf.cert, root.cert, NULL, MADE_NOW, MAXAGE,
                     &a);
    assert_int_equal(a.this_update, MADE_NOW - HOUR);
    assert_int_equal(a.next_update, MADE_NOW + HOUR);
    free(der);
    der = answer_make(&(struct say){.to = NEVER}, &length);
    ocsp_answer_read(der, length, leaf.cert, root.cert, NULL, MADE_NOW, MAXAGE,
                     &a);
    assert_int_equal(a.next_update, 0);
    free(der);
}

static void a_delegate_can_be_looked_up(void **state)
{
    struct chain_link expected;
    struct ocsp_answer a;
    size_t length;
    uint8_t *der =
        answer_make(&(struct say){.signer = &good, .with = {&good}}, &length);

    (void)state;
    ocsp_answer_read(der, length, leaf.cert, root.cert, NULL, MADE_NOW, MAXAGE,
                     &a);
    assert_int_equal(chain_link_make(good.cert, root.cert, &expected), 0);
    assert_memory_equal(&a.delegate, &expected, sizeof expected);
    free(der);
}

/* --- bytes that are no answer
 * -------------------------------------------------------- */

static void what_is_no_answer(void **state)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "0",
                                        "0\x03\n\x01",
                                        "0\x03\n\x01\x01x",
                                        "HTTP/1.1 200 OK\r\n\r\n",
                                        "<html>busy</html>",
                                        "0\x80"};
    struct ocsp_answer a;
    size_t length;
    uint8_t *der = answer_make(&(struct say){0}, &length);
    uint8_t *longer = calloc(1, OCSP_ANSWER_MAX + 1);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ocsp_answer_read((const uint8_t *)texts[i], strlen(texts[i]), leaf.cert,
                         root.cert, nonce, MADE_NOW, MAXAGE, &a);
        assert_int_equal(a.status, UNKNOWN);
        assert_true(a.problem[0] != '\0');
    }
    memcpy(longer, der, length);
    ocsp_answer_read(longer, length + 1, leaf.cert, root.cert, nonce, MADE_NOW,
                     MAXAGE, &a);
    assert_int_equal(a.status, UNKNOWN);
    assert_non_null(strstr(a.problem, "bytes behind"));
    ocsp_answer_read(longer, OCSP_ANSWER_MAX + 1, leaf.cert, root.cert, nonce,
                     MADE_NOW, MAXAGE, &a);
    assert_int_equal(a.status, UNKNOWN);
    assert_non_null(strstr(a.problem, "65537 bytes"));
    free(longer);
    free(der);
}

/* Changed bytes make an answer worth nothing or leave it as it was: good never
 * becomes revoked, revoked never good. */
static void mutate(const struct say *s, enum revocation was)
{
    struct ocsp_answer a;
    size_t length, kept = 0;
    uint8_t *der = answer_make(s, &length);

    for (size_t i = 0; i < length; i++) {
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            uint8_t *copy = malloc(length);

            memcpy(copy, der, length);
            copy[i] ^= (uint8_t)flip;
            ocsp_answer_read(copy, length, leaf.cert, root.cert, nonce,
                             MADE_NOW, MAXAGE, &a);
            if (a.status != was && a.status != UNKNOWN)
                fail_msg("byte %zu made %d of %d", i, a.status, was);
            if ((a.status == UNKNOWN) != (a.problem[0] != '\0'))
                fail_msg("byte %zu: problem \"%s\"", i, a.problem);
            kept += a.status == was;
            free(copy);
        }
        uint8_t *cut = malloc(i + 1);
        memcpy(cut, der, i);
        ocsp_answer_read(cut, i, leaf.cert, root.cert, nonce, MADE_NOW, MAXAGE,
                         &a);
        assert_int_equal(a.status, UNKNOWN);
        free(cut);
    }
    print_message("%zu of %zu changes left the answer as it was\n", kept,
                  8 * length);
    free(der);
}

static void p9_a_changed_answer_is_worth_nothing(void **state)
{
    (void)state;
    mutate(&(struct say){.nonce = nonce}, GOOD);
    mutate(&(struct say){S_REVOKED, .reason = 1}, REVOKED);
    mutate(&(struct say){.signer = &good, .with = {&good}}, GOOD);
}

/* --- questions
 * -------------------------------------------------------------------------- */

static void question_check(const uint8_t *sent)
{
    OCSP_REQUEST *request;
    ASN1_OCTET_STRING *name, *key;
    ASN1_INTEGER *serial;
    ASN1_OBJECT *hash;
    const uint8_t *at;
    uint8_t *der;
    size_t length;

    assert_int_equal(ocsp_ask_make(leaf.cert, root.cert, sent, &der, &length),
                     0);
    at = der;
    request = d2i_OCSP_REQUEST(NULL, &at, (long)length);
    assert_non_null(request);
    assert_ptr_equal(at, der + length);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    OCSP_id_get0_info(
        &name, &hash, &key, &serial,
        OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)));
    assert_int_equal(OBJ_obj2nid(hash), NID_sha1);
    assert_int_equal(ASN1_STRING_length(name), 20);
    assert_int_equal(ASN1_STRING_length(key), 20);
    assert_int_equal(
        ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf.cert)), 0);
    assert_int_equal(OCSP_REQUEST_get_ext_count(request), sent ? 1 : 0);
    if (sent != NULL) {
        int n =
            OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
        const ASN1_OCTET_STRING *value =
            X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, n));

        assert_int_equal(ASN1_STRING_length(value), 2 + OCSP_NONCE);
        assert_memory_equal(ASN1_STRING_get0_data(value) + 2, sent, OCSP_NONCE);
    }
    OCSP_REQUEST_free(request);
    free(der);
}

static void questions(void **state)
{
    (void)state;
    question_check(NULL);
    question_check(nonce);
}

/* With approved algorithms only, SHA-1 as a name is still there: from the FIPS
 * provider, or from another if there is none. */
static void questions_under_fips(void **state)
{
    OSSL_PROVIDER *fips;

    (void)state;
    assert_int_equal(EVP_default_properties_enable_fips(NULL, 1), 1);
    question_check(nonce);
    fips = OSSL_PROVIDER_try_load(NULL, "fips", 1);
    print_message("FIPS provider: %s\n", fips ? "loaded" : "there is none");
    if (fips != NULL) {
        question_check(nonce);
        case_run(&cases[0]);
        OSSL_PROVIDER_unload(fips);
    }
    assert_int_equal(EVP_default_properties_enable_fips(NULL, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(times_are_told),
        cmocka_unit_test(a_delegate_can_be_looked_up),
        cmocka_unit_test(what_is_no_answer),
        cmocka_unit_test(p9_a_changed_answer_is_worth_nothing),
        cmocka_unit_test(questions),
        cmocka_unit_test(questions_under_fips),
    };

    return cmocka_run_group_tests(tests, world_make, world_free);
}
