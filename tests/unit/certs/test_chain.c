/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a certificate, and URLs out of certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/chain.h"
#include "certs/crl.h"
#include "certs/der.h"
#include "lib/http_url.h"
#include "certs/ocsp.h"
#include "tests/unit/certs/made.h"

#include <time.h>

static struct made root, sub, leaf;

static int world_make(void **state)
{
    (void)state;
    root = make_certificate(&(struct make){.cn = "Root", .ca = true});
    sub = make_certificate(
        &(struct make){.issuer = &root, .cn = "Sub", .ca = true});
    leaf = make_certificate(&(struct make){.issuer = &sub, .cn = "Leaf"});
    return 0;
}

static int world_free(void **state)
{
    (void)state;
    made_free(&root);
    made_free(&sub);
    made_free(&leaf);
    return 0;
}

/* A copy of the leaf with something else in it; not signed again. */
static X509 *leaf_with(int nid, const char *value)
{
    X509 *cert = X509_dup(leaf.cert);
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, sub.cert, cert, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    made_must(e != NULL && X509_add_ext(cert, e, -1) == 1, value);
    X509_EXTENSION_free(e);
    return cert;
}

static X509 *leaf_with_serial(const char *hex)
{
    X509 *cert = X509_dup(leaf.cert);
    BIGNUM *n = NULL;

    made_must(BN_hex2bn(&n, hex) > 0, hex);
    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return cert;
}

static void a_link_names_issuer_and_serial(void **state)
{
    struct chain_link l, again;
    uint8_t key[32], *der = NULL;
    int n = i2d_PUBKEY(sub.key, &der);

    (void)state;
    memset(&l, 0xa5, sizeof l);
    memset(&again, 0x5a, sizeof again);
    assert_int_equal(chain_link_make(leaf.cert, sub.cert, &l), 0);
    assert_int_equal(chain_link_make(leaf.cert, sub.cert, &again), 0);
    assert_memory_equal(&l, &again, sizeof l);
    EVP_Digest(der, (size_t)n, key, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    assert_memory_equal(l.issuer_key, key, 32);
    X509_NAME_digest(X509_get_subject_name(sub.cert), EVP_sha256(), key, NULL);
    assert_memory_equal(l.issuer_name, key, 32);
    assert_int_equal(l.serial_length, 2);
    assert_int_equal(l.serial[0] << 8 | l.serial[1],
                     ASN1_INTEGER_get(X509_get0_serialNumber(leaf.cert)));
    assert_false(l.ca);
    assert_int_equal(l.npoints, 0);
    assert_int_equal(chain_link_make(sub.cert, root.cert, &l), 0);
    assert_true(l.ca);
}

static void serials(void **state)
{
    static const struct {
        const char *hex;
        int result, length;
    } cases[] = {
        {"01", 0, 1},
        {"80", 0, 1}, /* 02 02 00 80: the magnitude has one byte */
        {"FF01", 0, 2},
        {"7F02030405060708090A0B0C0D0E0F1011121314", 0, 20},
        {"FF02030405060708090A0B0C0D0E0F1011121314", 0, 20},
        {"0102030405060708090A0B0C0D0E0F101112131415", SP_EINVAL, 0},
        {"00", SP_EINVAL, 0},
        {"-01", SP_EINVAL, 0},
        {"-FF02", SP_EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509 *cert = leaf_with_serial(cases[i].hex);
        struct chain_link l;
        int r = chain_link_make(cert, sub.cert, &l);

        if (r != cases[i].result || l.serial_length != cases[i].length)
            fail_msg("%s: %d, %d bytes", cases[i].hex, r, l.serial_length);
        X509_free(cert);
    }
}

static void points(void **state)
{
    static const struct {
        const char *text;
        uint8_t npoints;
    } cases[] = {
        {"URI:http://a/1", 1},
        {"URI:http://a/1,URI:ldap://a/2", 2},
        {"URI:http://a/1,URI:http://a/2,URI:http://a/3,URI:http://a/4", 4},
        {"URI:a:1,URI:a:2,URI:a:3,URI:a:4,URI:a:5", 4}, /* the first four */
        {"DNS:a", 0},
        {"DER:3000", 0},
        /* relative to the issuer: CN=one */
        {"DER:30123010a00ea10c300a06035504030c036f6e65", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509 *cert = leaf_with(NID_crl_distribution_points, cases[i].text);
        struct chain_link l;

        assert_int_equal(chain_link_make(cert, sub.cert, &l), 0);
        if (l.npoints != cases[i].npoints)
            fail_msg("%s: %u points", cases[i].text, l.npoints);
        X509_free(cert);
    }
}

static DIST_POINT *point_new(const char *uri)
{
    DIST_POINT *p = DIST_POINT_new();
    GENERAL_NAMES *names = GENERAL_NAMES_new();

    made_add_uri(names, uri, strlen(uri));
    p->distpoint = DIST_POINT_NAME_new();
    p->distpoint->type = 0;
    p->distpoint->name.fullname = names;
    return p;
}

/* Of three points only the one that names a whole, direct list counts. */
static void points_of_parts_and_of_others_do_not_count(void **state)
{
    CRL_DIST_POINTS *all = sk_DIST_POINT_new_null();
    X509 *cert = X509_dup(leaf.cert);
    DIST_POINT *reasons = point_new("http://reasons/"),
               *indirect = point_new("http://indirect/"),
               *whole = point_new("http://whole/");
    char urls[4][HTTP_URL_MAX + 1];
    struct chain_link l;
    uint8_t hash[32];

    (void)state;
    reasons->reasons = ASN1_BIT_STRING_new();
    ASN1_BIT_STRING_set_bit(reasons->reasons, 1, 1);
    indirect->CRLissuer = GENERAL_NAMES_new();
    made_add_uri(indirect->CRLissuer, "x:y", 3);
    sk_DIST_POINT_push(all, reasons);
    sk_DIST_POINT_push(all, indirect);
    sk_DIST_POINT_push(all, whole);
    made_must(X509_add1_ext_i2d(cert, NID_crl_distribution_points, all, 0, 0) ==
                  1,
              "points");
    assert_int_equal(chain_link_make(cert, sub.cert, &l), 0);
    assert_int_equal(l.npoints, 1);
    assert_int_equal(
        chain_point_hash((const uint8_t *)"http://whole/", 13, hash), 0);
    assert_memory_equal(l.points[0], hash, 32);
    /* Who may fetch is asked elsewhere: a part is worth fetching. */
    assert_int_equal(crl_urls_of(cert, urls, 4), 2);
    assert_string_equal(urls[0], "http://reasons/");
    assert_string_equal(urls[1], "http://whole/");
    CRL_DIST_POINTS_free(all);
    X509_free(cert);
}

static void an_extension_twice_or_malformed(void **state)
{
    X509 *cert = leaf_with(NID_crl_distribution_points, "URI:http://a/");
    X509 *bad = leaf_with(NID_crl_distribution_points, "DER:040100");
    struct chain_link l;

    (void)state;
    X509_add_ext(cert, X509_get_ext(cert, X509_get_ext_count(cert) - 1), -1);
    assert_int_equal(chain_link_make(cert, sub.cert, &l), SP_EINVAL);
    X509_free(cert);
    assert_int_equal(chain_link_make(bad, sub.cert, &l), SP_EINVAL);
    X509_free(bad);
}

/* --- URLs ------------------------------------------------------------------
 */

static void what_a_certificate_names(void **state)
{
    static const char access[] =
        "caIssuers;URI:http://ca/,OCSP;URI:https://no/,OCSP;DNS:no,"
        "OCSP;URI:http://Ocsp.example/a,OCSP;URI:http://second/";
    static const char lists[] =
        "URI:ldap://no/,URI:http://one/,URI:http://user@no/,URI:http://two/,"
        "URI:http://three/";
    X509 *cert = leaf_with(NID_info_access, access);
    X509 *with = leaf_with(NID_crl_distribution_points, lists);
    X509 *none = leaf_with(NID_info_access, "OCSP;URI:https://no/");
    char url[HTTP_URL_MAX + 1], urls[2][HTTP_URL_MAX + 1];

    (void)state;
    assert_int_equal(ocsp_url_of(cert, url), 0);
    assert_string_equal(url, "http://Ocsp.example/a");
    assert_int_equal(ocsp_url_of(leaf.cert, url), SP_ENOENT);
    assert_string_equal(url, "");
    assert_int_equal(ocsp_url_of(none, url), SP_ENOENT);
    assert_int_equal(crl_urls_of(with, urls, 2), 2);
    assert_string_equal(urls[0], "http://one/");
    assert_string_equal(urls[1], "http://two/");
    assert_int_equal(crl_urls_of(with, urls, 0), 0);
    assert_int_equal(crl_urls_of(leaf.cert, urls, 2), 0);
    X509_free(cert);
    X509_free(with);
    X509_free(none);
}

/* The NUL that ends a C text is in the middle of this one. */
static void a_url_with_a_nul(void **state)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    AUTHORITY_INFO_ACCESS *access = AUTHORITY_INFO_ACCESS_new();
    ACCESS_DESCRIPTION *a = ACCESS_DESCRIPTION_new();
    X509 *cert = X509_dup(leaf.cert);
    char url[HTTP_URL_MAX + 1];

    (void)state;
    made_add_uri(names, "http://good\0.evil/", 18);
    ASN1_OBJECT_free(a->method);
    a->method = OBJ_nid2obj(NID_ad_OCSP);
    GENERAL_NAME_free(a->location);
    a->location = sk_GENERAL_NAME_pop(names);
    sk_ACCESS_DESCRIPTION_push(access, a);
    made_must(X509_add1_ext_i2d(cert, NID_info_access, access, 0, 0) == 1,
              "access");
    assert_int_equal(ocsp_url_of(cert, url), SP_ENOENT);
    AUTHORITY_INFO_ACCESS_free(access);
    GENERAL_NAMES_free(names);
    X509_free(cert);
}

/* --- DER -------------------------------------------------------------------
 */

static void lengths_have_one_form(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        bool good;
    } cases[] = {
        {"\x04\x00", 2, true},
        {"\x04\x01x", 3, true},
        {"\x04", 1, false},
        {"", 0, false},
        {"\x04\x01", 2, false},         /* past the end */
        {"\x04\x80\x00\x00", 4, false}, /* indefinite */
        {"\x04\x81\x01x", 4, false},    /* longer than need be */
        {"\x04\x82\x00\x80", 4, false},
        {"\x04\x85\x01\x00\x00\x00\x00", 7, false},
        {"\x04\x84\xff\xff\xff\xff", 6, false},
        {"\x1f\x01\x00", 3, false}, /* a tag of more bytes */
        {"\x04\xff", 2, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* Exactly as large, so that a sanitizer sees a byte too many. */
        uint8_t *copy = malloc(cases[i].length + 1);
        uint8_t *at = copy + 1;
        struct der_value v;

        memcpy(at, cases[i].bytes, cases[i].length);
        struct der d = der_of(at, cases[i].length);
        if (der_take(&d, &v) != cases[i].good)
            fail_msg("case %zu", i);
        free(copy);
    }
}

/* Our calendar is the C library's, day by day over four centuries. */
static void days_are_those_of_the_calendar(void **state)
{
    struct tm tm = {.tm_year = 70, .tm_mday = 1};

    (void)state;
    for (int day = 0; day < 146097 + 500; day++) {
        char text[40];
        time_t t = (time_t)day * 86400 + day % 86400;
        struct der_value v = {
            .tag = DER_GENERALIZED_TIME, .data = (uint8_t *)text, .length = 15};
        int64_t ms;

        gmtime_r(&t, &tm);
        strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm);
        if (!der_time(&v, &ms) || ms != (int64_t)t * 1000)
            fail_msg("%s", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_names_issuer_and_serial),
        cmocka_unit_test(serials),
        cmocka_unit_test(points),
        cmocka_unit_test(points_of_parts_and_of_others_do_not_count),
        cmocka_unit_test(an_extension_twice_or_malformed),
        cmocka_unit_test(what_a_certificate_names),
        cmocka_unit_test(a_url_with_a_nul),
        cmocka_unit_test(lengths_have_one_form),
        cmocka_unit_test(days_are_those_of_the_calendar),
    };

    return cmocka_run_group_tests(tests, world_make, world_free);
}
