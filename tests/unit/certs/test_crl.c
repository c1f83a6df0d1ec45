/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: what is read out of good ones, and a table of what is refused, each
 * signed as it should be so that nothing but the rule it breaks can refuse it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/crl.h"
#include "tests/unit/certs/made_crl.h"

#include <malloc.h>
#include <sys/resource.h>

static struct made root, namesake, other, no_sign, leaf_signer, rsa_root,
    weak_root, ed_root;
static STACK_OF(X509) * pool;

static void pool_add(const struct made *m)
{
    X509_up_ref(m->cert);
    sk_X509_push(pool, m->cert);
}

static int world_make(void **state)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *weak = EVP_RSA_gen(1024);
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    (void)state;
    root = make_certificate(&(struct make){.cn = "Root", .ca = true});
    namesake = make_certificate(&(struct make){.cn = "Root", .ca = true});
    other = make_certificate(&(struct make){.cn = "Other", .ca = true});
    no_sign = make_certificate(&(struct make){
        .cn = "No Sign", .ca = true, .ku = "critical,keyCertSign"});
    leaf_signer = make_certificate(
        &(struct make){.cn = "Leaf", .ku = "critical,cRLSign"});
    rsa_root =
        make_certificate(&(struct make){.cn = "RSA", .ca = true, .key = rsa});
    weak_root =
        make_certificate(&(struct make){.cn = "Weak", .ca = true, .key = weak});
    ed_root =
        make_certificate(&(struct make){.cn = "Ed", .ca = true, .key = rsa});
    EVP_PKEY_free(ed_root.key);
    ed_root.key = ed;
    X509_set_pubkey(ed_root.cert, ed);
    X509_sign(ed_root.cert, ed, NULL);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(weak);
    pool = sk_X509_new_null();
    pool_add(&no_sign);
    pool_add(&leaf_signer);
    pool_add(&root);
    pool_add(&rsa_root);
    pool_add(&weak_root);
    pool_add(&ed_root);
    return 0;
}

static int world_free(void **state)
{
    struct made *all[] = {&root,        &namesake, &other,     &no_sign,
                          &leaf_signer, &rsa_root, &weak_root, &ed_root};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
    sk_X509_pop_free(pool, X509_free);
    return 0;
}

static struct crl_list read_good(const struct made_crl *m)
{
    struct bytes der = make_crl(m);
    struct crl_list l;
    char problem[CRL_PROBLEM];

    if (crl_parse(der.data, der.length, &l, problem) != 0 || l.count != 1)
        fail_msg("not read: %s", problem);
    free(der.data);
    assert_null(crl_records(l.items[0]));
    if (crl_verify(l.items[0], pool, MADE_NOW, problem) != 0)
        fail_msg("not verified: %s", problem);
    return l;
}

/* --- what is read ----------------------------------------------------------
 */

static void a_list_says_what_was_put_in(void **state)
{
    struct crl_list l = read_good(&(struct made_crl){
        .issuer = &root,
        .keyid = &root,
        .number = 0x1234,
        .entries = {{"0f"},
                    {"00ff01", 1},
                    {"02", 6, .date = "20500101000000Z"},
                    {"0102030405060708090a0b0c0d0e0f1011121314", 4}}});
    const struct crl_info *i = crl_info(l.items[0]);
    const struct crl_record *r = crl_records(l.items[0]);
    uint8_t key[32], number[20] = {[18] = 0x12, [19] = 0x34};

    (void)state;
    assert_string_equal(i->issuer, "CN=Root");
    assert_int_equal(chain_key_hash(root.cert, key), 0);
    assert_memory_equal(i->issuer_key, key, 32);
    assert_true(i->has_number && !i->delta);
    assert_memory_equal(i->number, number, 20);
    assert_int_equal(i->this_update, MADE_NOW - 3600000);
    assert_int_equal(i->next_update, MADE_NOW + 3600000);
    assert_int_equal(i->scope, 0);
    assert_int_equal(i->count, 4);
    assert_int_equal(r[0].serial[19], 2);
    assert_int_equal(r[0].reason, 6);
    assert_int_equal(r[1].serial[19], 15);
    assert_int_equal(r[1].reason, 0);
    assert_int_equal(r[2].serial[18], 0xff);
    assert_int_equal(r[3].serial[0], 1);
    assert_int_equal(r[3].reason, 4);
    crl_list_release(&l);
}

static void a_scope_is_read(void **state)
{
    struct crl_list l = read_good(
        &(struct made_crl){.issuer = &root,
                           .number = 7,
                           .base = 5,
                           .users = true,
                           .reasons = 0x60,
                           .points = {"http://b/", "ldap://a", "http://b/"},
                           .entries = {{"01"}, {"02", 8}, {"03", 8}}});
    const struct crl_info *i = crl_info(l.items[0]);
    uint8_t a[32], b[32];

    (void)state;
    assert_int_equal(i->scope,
                     CRL_PARTITION | CRL_USERS_ONLY | CRL_SOME_REASONS | 0x600);
    assert_int_equal(i->npoints, 2); /* sorted, once each */
    assert_true(memcmp(i->points[0], i->points[1], 32) < 0);
    assert_int_equal(chain_point_hash((const uint8_t *)"ldap://a", 8, a), 0);
    assert_int_equal(chain_point_hash((const uint8_t *)"http://b/", 9, b), 0);
    assert_true(memcmp(i->points[0], a, 32) == 0 ||
                memcmp(i->points[1], a, 32) == 0);
    assert_true(memcmp(i->points[0], b, 32) == 0 ||
                memcmp(i->points[1], b, 32) == 0);
    assert_true(i->delta);
    assert_int_equal(i->base[19], 5);
    assert_int_equal(i->count, 1);
    assert_int_equal(i->removed, 2);
    crl_list_release(&l);
}

static void what_is_unusual_but_right(void **state)
{
    const struct made_crl cases[] = {
        {.issuer = &root},                                    /* no entries */
        {.issuer = &root, .version = 1, .entries = {{"01"}}}, /* version 1 */
        {.issuer = &rsa_root, .digest = "SHA512", .number = 1},
        {.issuer = &rsa_root, .digest = "SHA384", .keyid = &rsa_root},
        {.issuer = &ed_root, .digest = ""},
        {.issuer = &root, .number_hex = "00"},
        {.issuer = &root,
         .number_hex = "7f02030405060708090a0b0c0d0e0f1011121314"},
        {.issuer = &root, .from_text = "20261120090000Z"},
        {.issuer = &root, .to_text = "20500101000000Z"},
        {.issuer = &root, .to_text = "99991231235959Z"},
        {.issuer = &root, .from = MADE_NOW + CRL_SKEW_MS}, /* clocks differ */
        {.issuer = &root, .from = MADE_NOW - 9999999, .to = MADE_NOW - 1000},
        /* not critical and unknown; in an entry too */
        {.issuer = &root, .extensions = {"30080603550463040100"}},
        {.issuer = &root, .entries = {{"01", 1, "30080603550463040100"}}},
        /* FreshestCRL, invalidityDate, the same entry twice */
        {.issuer = &root, .extensions = {"300a0603551d180403020100"}},
        {.issuer = &root,
         .extensions = {"3009060355"
                        "1d2e04023000"}},
        {.issuer = &root, .entries = {{"01", 1}, {"02"}, {"01", 1}}},
        /* critical said to be FALSE, in full */
        {.issuer = &root,
         .extensions = {"300c0603550463010100040205"
                        "00"}},
        /* serials that no certificate we take has */
        {.issuer = &root, .entries = {{"00"}, {"ff01"}, {"01"}}},
        {.issuer = &root,
         .entries = {{"010203040506070809101112131415161718192021"}, {"01"}}},
        /* reasons that no standard has */
        {.issuer = &root, .entries = {{"01", 7}, {"02", 200}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct crl_list l;

        l = read_good(&cases[i]);
        crl_list_release(&l);
    }
}

static void odd_serials_are_counted_and_left_out(void **state)
{
    struct crl_list l = read_good(&(struct made_crl){
        .issuer = &root,
        .entries = {{"00"},
                    {"ff01"},
                    {"010203040506070809101112131415161718192021"},
                    {"01", 8 - 1},
                    {"01", 7}}});

    (void)state;
    assert_int_equal(crl_info(l.items[0])->odd, 3);
    assert_int_equal(crl_info(l.items[0])->count, 1);
    assert_int_equal(crl_records(l.items[0])[0].reason, 0);
    crl_list_release(&l);
}

/* As OpenSSL makes them, PSS among it. */
static void lists_that_openssl_made(void **state)
{
    X509_CRL *crl = X509_CRL_new();
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, MADE_NOW / 1000 - 60);
    ASN1_TIME *to = ASN1_TIME_set(NULL, MADE_NOW / 1000 + 60);
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    char problem[CRL_PROBLEM];
    static const char *const salts[] = {"digest", "0", "64"};

    (void)state;
    ASN1_INTEGER_set(serial, 0x1234);
    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(rsa_root.cert));
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, to);
    X509_REVOKED_set_serialNumber(revoked, serial);
    X509_REVOKED_set_revocationDate(revoked, from);
    X509_CRL_add0_revoked(crl, revoked);
    for (size_t i = 0; i < 3; i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *how = NULL;
        unsigned char *der = NULL;
        struct crl_list l;

        EVP_DigestSignInit_ex(ctx, &how, "SHA256", NULL, NULL, rsa_root.key,
                              NULL);
        EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_ctrl_str(how, "rsa_pss_saltlen", salts[i]);
        assert_true(X509_CRL_sign_ctx(crl, ctx) > 0);
        int n = i2d_X509_CRL(crl, &der);
        assert_int_equal(crl_parse(der, (size_t)n, &l, problem), 0);
        if (crl_verify(l.items[0], pool, MADE_NOW, problem) != 0)
            fail_msg("%s: %s", salts[i], problem);
        assert_int_equal(crl_info(l.items[0])->count, 1);
        assert_int_equal(crl_records(l.items[0])[0].serial[18], 0x12);
        crl_list_release(&l);
        OPENSSL_free(der);
        EVP_MD_CTX_free(ctx);
    }
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(crl);
}

static void texts_with_several(void **state)
{
    struct bytes one = make_crl(&(struct made_crl){.issuer = &root}),
                 two = make_crl(&(struct made_crl){.issuer = &rsa_root}),
                 text = {0};
    struct crl_list l;
    char problem[CRL_PROBLEM];

    (void)state;
    bytes_put(&text, "words before\n", 13);
    bytes_pem(&text, "X509 CRL", &one);
    bytes_pem(&text, "CERTIFICATE", &one); /* not read at all */
    bytes_pem(&text, "X509 CRL", &two);
    assert_int_equal(crl_parse(text.data, text.length, &l, problem), 0);
    assert_int_equal(l.count, 2);
    assert_string_equal(crl_info(l.items[1])->issuer, "CN=RSA");
    crl_list_release(&l);
    assert_int_equal(l.count, 0);

    /* The second is cut: none is taken. */
    assert_int_equal(crl_parse(text.data, text.length - 40, &l, problem),
                     SP_EINVAL);
    assert_string_equal(problem, "list 2: malformed PEM");
    assert_int_equal(l.count, 0);
    two.length -= 3;
    bytes_pem(&text, "X509 CRL", &two);
    assert_int_equal(crl_parse(text.data, text.length, &l, problem), SP_EINVAL);
    assert_non_null(strstr(problem, "list 3: expected a CertificateList"));
    free(one.data);
    free(two.data);
    free(text.data);
}

static void texts_with_too_many(void **state)
{
    struct bytes one = make_crl(&(struct made_crl){.issuer = &root});
    struct bytes text = {0};
    struct crl_list l;
    char problem[CRL_PROBLEM];

    (void)state;
    for (size_t i = 0; i < CRL_LISTS_MAX; i++)
        bytes_pem(&text, "X509 CRL", &one);
    assert_int_equal(crl_parse(text.data, text.length, &l, problem), 0);
    assert_int_equal(l.count, CRL_LISTS_MAX);
    crl_list_release(&l);
    bytes_pem(&text, "X509 CRL", &one);
    assert_int_equal(crl_parse(text.data, text.length, &l, problem),
                     SP_ETOOBIG);
    assert_int_equal(l.count, 0);
    free(one.data);
    free(text.data);
}

/* --- what is refused --------------------------------------------------------
 */

struct refusal {
    const char *name;
    struct made_crl make;
    int error;
    const char *problem;
};

#define UNKNOWN_CRITICAL "300b06035504630101ff040100"

static const struct refusal refusals[] = {
    {"indirect", {.indirect = true}, SP_EUNSUPPORTED, "indirect"},
    {"attribute certificates",
     {.attributes = true},
     SP_EUNSUPPORTED,
     "attribute"},
    {"users and CAs only", {.users = true, .cas = true}, SP_EINVAL, "at once"},
    {"a partition by a relative name",
     {.relative = true},
     SP_EUNSUPPORTED,
     "no URI names"},
    {"a partition of five URIs",
     {.points = {"a:1", "a:2", "a:3", "a:4", "a:5"}},
     SP_EUNSUPPORTED,
     "more than 4 URIs"},
    {"an unknown critical extension",
     {.extensions = {UNKNOWN_CRITICAL}},
     SP_EUNSUPPORTED,
     "critical extension 2.5.4.99"},
    {"an entry's extension, critical, on the list",
     {.extensions = {"300d0603551d150101ff04030a0101"}},
     SP_EUNSUPPORTED,
     "critical extension 2.5.29.21"},
    {"an extension twice",
     {.number = 1, .extensions = {"300a0603551d140403020101"}},
     SP_EINVAL,
     "twice"},
    {"an unknown extension twice",
     {.extensions = {"30080603550463040100", "30080603550463040100"}},
     SP_EINVAL,
     "twice"},
    {"an extension that is malformed",
     {.extensions = {"3003060355"}},
     SP_EINVAL,
     "malformed"},
    {"critical neither true nor false",
     {.extensions = {"300b060355046301010104"
                     "0100"}},
     SP_EINVAL,
     "malformed"},
    {"extensions within a version 1",
     {.version = 1, .number = 1},
     SP_EINVAL,
     "version 1 with extensions"},
    {"entry extensions within a version 1",
     {.version = 1, .entries = {{"01", 1}}},
     SP_EINVAL,
     "entry 1: extensions in a list of version 1"},
    {"version 3", {.version = 3}, SP_EINVAL, "version 2"},
    {"no nextUpdate", {.to_text = ""}, SP_EUNSUPPORTED, "no nextUpdate"},
    {"thisUpdate in the future",
     {.from = MADE_NOW + CRL_SKEW_MS + 1000},
     SP_EINVAL,
     "thisUpdate 2026-11-20T10:05:01.000Z is in the future"},
    {"nextUpdate is thisUpdate",
     {.from = MADE_NOW - 1000, .to = MADE_NOW - 1000},
     SP_EINVAL,
     "not later"},
    {"nextUpdate before thisUpdate",
     {.from = MADE_NOW - 1000, .to = MADE_NOW - 2000},
     SP_EINVAL,
     "not later"},
    {"a time without seconds",
     {.from_text = "2611200900Z"},
     SP_EINVAL,
     "thisUpdate"},
    {"a time with a zone",
     {.from_text = "261120090000+0100"},
     SP_EINVAL,
     "thisUpdate"},
    {"a time with a fraction",
     {.from_text = "20261120090000.5Z"},
     SP_EINVAL,
     "thisUpdate"},
    {"a time before 1970",
     {.from_text = "19691231235959Z"},
     SP_EINVAL,
     "thisUpdate"},
    {"29 February 2026", {.to_text = "270229000000Z"}, SP_EINVAL, "nextUpdate"},
    {"24 o'clock", {.to_text = "270228240000Z"}, SP_EINVAL, "nextUpdate"},
    {"a month 13", {.to_text = "271328000000Z"}, SP_EINVAL, "nextUpdate"},
    {"letters", {.to_text = "27122800000xZ"}, SP_EINVAL, "nextUpdate"},
    {"CRLNumber negative",
     {.number_hex = "ff"},
     SP_EINVAL,
     "CRLNumber: expected"},
    {"CRLNumber of 21 bytes",
     {.number_hex = "010203040506070809101112131415161718192021"},
     SP_EINVAL,
     "CRLNumber"},
    {"CRLNumber not in its shortest form",
     {.number_hex = "0001"},
     SP_EINVAL,
     "CRLNumber"},
    {"CRLNumber empty", {.number_hex = ""}, SP_EINVAL, "CRLNumber"},
    {"a delta without a number", {.base = 1}, SP_EINVAL, "without CRLNumber"},
    {"SHA-1",
     {.issuer = &rsa_root, .digest = "SHA1"},
     SP_EUNSUPPORTED,
     "signature algorithm"},
    {"ECDSA with SHA-1", {.digest = "SHA1"}, SP_EUNSUPPORTED, "SHA1"},
    {"MD5",
     {.issuer = &rsa_root, .digest = "MD5"},
     SP_EUNSUPPORTED,
     "signature algorithm md5WithRSAEncryption"},
    {"a key of 1024 bits", {.issuer = &weak_root}, SP_EUNSUPPORTED, "80 bits"},
    {"two algorithms",
     {.other_algorithm = true},
     SP_EINVAL,
     "two signature algorithms"},
    {"the algorithm of another kind of key",
     {.signer = &rsa_root},
     SP_EUNSUPPORTED,
     "no RSA key"},
    {"another's signature",
     {.signer = &other},
     SP_ESIGNATURE,
     "does not verify"},
    {"a namesake's signature",
     {.signer = &namesake},
     SP_ESIGNATURE,
     "does not verify"},
    {"a namesake's signature and key identifier",
     {.signer = &namesake, .keyid = &namesake},
     SP_EPERM,
     "names another key"},
    {"nobody in the pool",
     {.issuer = &other},
     SP_ENOENT,
     "CN=Other is none of the 6"},
    {"a CA without cRLSign", {.issuer = &no_sign}, SP_EPERM, "no cRLSign"},
    {"no CA", {.issuer = &leaf_signer}, SP_EPERM, "not a CA"},
    {"a signature of no whole bytes",
     {.unsigned_odd = true},
     SP_EINVAL,
     "whole number"},
    {"bytes behind the list", {.after = "00"}, SP_EINVAL, "behind the list"},
    {"something behind the entries",
     {.behind = "3000"
                "0500"},
     SP_EINVAL,
     "nothing else behind the entries"},
    {"extensions that are empty", {.behind = "a0023000"}, SP_EINVAL, "empty"},
    {"entries twice",
     {.entries = {{"01"}}, .behind = "3000"},
     SP_EINVAL,
     "behind the entries"},
    {"an entry twice, with two reasons",
     {.entries = {{"01", 1}, {"02"}, {"01", 4}}},
     SP_EINVAL,
     "contradict"},
    {"an entry of a delta, revoked and removed",
     {.number = 2, .base = 1, .entries = {{"01", 8}, {"01", 1}}},
     SP_EINVAL,
     "contradict"},
    {"removeFromCRL in no delta",
     {.entries = {{"01"}, {"02", 8}}},
     SP_EINVAL,
     "entry 2: removeFromCRL"},
    {"an entry's unknown critical extension",
     {.entries = {{"01", 0, UNKNOWN_CRITICAL}}},
     SP_EUNSUPPORTED,
     "entry 1: a critical extension"},
    {"an entry with a certificateIssuer",
     {.entries = {{"01", 0, "300c0603551d1d0101ff04023000"}}},
     SP_EUNSUPPORTED,
     "indirect"},
    {"an entry with one that is not critical",
     {.entries = {{"01", 0, "30090603551d1d04023000"}}},
     SP_EUNSUPPORTED,
     "indirect"},
    {"two reasons in one entry",
     {.entries = {{"01", 1, "300a0603551d1504030a0104"}}},
     SP_EINVAL,
     "twice"},
    {"a reason that is an INTEGER",
     {.entries = {{"01", 0, "300a0603551d150403020101"}}},
     SP_EINVAL,
     "reasonCode"},
    {"a reason of two bytes",
     {.entries = {{"01", 0, "300b0603551d1504040a020001"}}},
     SP_EINVAL,
     "reasonCode"},
    {"a serial not in its shortest form",
     {.entries = {{"0001"}}},
     SP_EINVAL,
     "entry 1: serial"},
    {"a serial that is empty", {.entries = {{""}}}, SP_EINVAL, "serial"},
    {"an entry's date without seconds",
     {.entries = {{"01", .date = "2611200900Z"}}},
     SP_EINVAL,
     "revocationDate"},
};

static void refuse(const struct refusal *c)
{
    struct made_crl make = c->make;
    struct crl_list l;
    char problem[CRL_PROBLEM];
    int r;

    if (make.issuer == NULL)
        make.issuer = &root;
    struct bytes der = make_crl(&make);
    r = crl_parse(der.data, der.length, &l, problem);
    if (r == 0) {
        r = crl_verify(l.items[0], pool, MADE_NOW, problem);
        assert_null(crl_records(l.items[0]));
        assert_int_equal(crl_info(l.items[0])->count, 0);
    }
    if (r != c->error || strstr(problem, c->problem) == NULL)
        fail_msg("%s: %d \"%s\", expected %d \"%s\"", c->name, r, problem,
                 c->error, c->problem);
    crl_list_release(&l);
    free(der.data);
}

static void refusals_have_their_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        refuse(&refusals[i]);
    print_message("%zu refusals\n", sizeof refusals / sizeof refusals[0]);
}

static void what_is_no_list(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "0",
        "0\x80",
        "0\x03\x02\x01\x01",
        "-----BEGIN X509 CRL-----",
        "-----BEGIN X509 CRL-----\n!!!!\n-----END X509 CRL-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n"};
    struct crl_list l;
    char problem[CRL_PROBLEM];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int r =
            crl_parse((const uint8_t *)texts[i], strlen(texts[i]), &l, problem);

        if (r != SP_EINVAL || problem[0] == '\0' || l.count != 0)
            fail_msg("%zu: %d %s", i, r, problem);
    }
    assert_int_equal(
        crl_parse((const uint8_t *)"0", CRL_INPUT_MAX + 1, &l, problem),
        SP_ETOOBIG);
}

static void a_list_is_verified_once(void **state)
{
    struct crl_list l = read_good(&(struct made_crl){.issuer = &root});
    char problem[CRL_PROBLEM];

    (void)state;
    assert_int_equal(crl_verify(l.items[0], pool, MADE_NOW, problem),
                     SP_EEXIST);
    crl_list_release(&l);
}

/* What an earlier pool or clock refused is taken by the right one. */
static void a_refusal_is_not_for_ever(void **state)
{
    struct bytes der = make_crl(&(struct made_crl){
        .issuer = &root, .from = MADE_NOW + 3000000, .entries = {{"01"}}});
    STACK_OF(X509) *none = sk_X509_new_null();
    struct crl_list l;
    char problem[CRL_PROBLEM];

    (void)state;
    assert_int_equal(crl_parse(der.data, der.length, &l, problem), 0);
    assert_int_equal(crl_verify(l.items[0], none, MADE_NOW, problem),
                     SP_ENOENT);
    assert_int_equal(crl_verify(l.items[0], pool, MADE_NOW, problem),
                     SP_EINVAL);
    assert_int_equal(crl_verify(l.items[0], pool, MADE_NOW + 3000000, problem),
                     0);
    assert_int_equal(crl_info(l.items[0])->count, 1);
    crl_list_release(&l);
    sk_X509_free(none);
    free(der.data);
}

/* Two of one name: the one whose key has signed is found among them. */
static void namesakes_are_told_apart(void **state)
{
    struct bytes der =
        make_crl(&(struct made_crl){.issuer = &root, .signer = &namesake});
    uint8_t key[32];
    struct crl_list l;
    char problem[CRL_PROBLEM];

    (void)state;
    pool_add(&namesake);
    assert_int_equal(crl_parse(der.data, der.length, &l, problem), 0);
    assert_int_equal(crl_verify(l.items[0], pool, MADE_NOW, problem), 0);
    assert_int_equal(chain_key_hash(namesake.cert, key), 0);
    assert_memory_equal(crl_info(l.items[0])->issuer_key, key, 32);
    X509_free(sk_X509_pop(pool));
    crl_list_release(&l);
    free(der.data);
}

/* --- mutations ---------------------------------------------------------------
 */

/* Every byte flipped each way that is likely to matter: read or not, nothing
 * changed verifies. */
static void no_changed_byte_verifies(void **state)
{
    struct bytes der = make_crl(
        &(struct made_crl){.issuer = &root,
                           .keyid = &root,
                           .number = 3,
                           .base = 1,
                           .points = {"http://p/1.crl"},
                           .entries = {{"01", 1}, {"02", 8}, {"0100"}}});
    static const uint8_t flips[] = {1, 2, 0x20, 0x80, 0xff};
    char problem[CRL_PROBLEM];
    struct crl_list l;
    size_t verified = 0;

    (void)state;
    for (size_t i = 0; i < der.length; i++) {
        for (size_t k = 0; k < sizeof flips; k++) {
            uint8_t *copy = malloc(der.length);

            memcpy(copy, der.data, der.length);
            copy[i] ^= flips[k];
            if (crl_parse(copy, der.length, &l, problem) == 0)
                for (size_t n = 0; n < l.count; n++)
                    verified +=
                        crl_verify(l.items[n], pool, MADE_NOW, problem) == 0;
            crl_list_release(&l);
            free(copy);
        }
        uint8_t *copy = malloc(i + 1); /* cut: nothing is read behind */
        memcpy(copy, der.data, i);
        if (crl_parse(copy, i, &l, problem) == 0)
            fail_msg("read although cut at %zu", i);
        free(copy);
    }
    assert_int_equal(verified, 0);
    free(der.data);
}

/* The same where the signature is made anew: whatever comes out is no crash. */
static void changed_and_signed_again(void **state)
{
    struct made_crl make = {.issuer = &root,
                            .number = 3,
                            .points = {"http://p/1.crl"},
                            .entries = {{"01", 1}, {"0100"}}};
    struct bytes tbs = {0};
    char problem[CRL_PROBLEM];
    struct crl_list l;

    (void)state;
    made_crl_tbs(&tbs, &make, root.key, "SHA256");
    for (size_t i = 0; i < tbs.length; i++) {
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            struct bytes all = {0};

            tbs.data[i] ^= (uint8_t)flip;
            bytes_put(&all, tbs.data, tbs.length);
            made_algorithm(&all, root.key, "SHA256");
            made_sign(&all, &tbs, root.key, "SHA256", false);
            bytes_wrap(&all, 0x30);
            tbs.data[i] ^= (uint8_t)flip;
            if (crl_parse(all.data, all.length, &l, problem) == 0)
                (void)!crl_verify(l.items[0], pool, MADE_NOW, problem);
            crl_list_release(&l);
            free(all.data);
        }
    }
    free(tbs.data);
}

/* --- size --------------------------------------------------------------------
 */

static uint64_t peak_now(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    unsigned long kb = 0;
    char line[128];

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        (void)!sscanf(line, "VmHWM: %lu", &kb);
    if (f != NULL)
        fclose(f);
    return kb * 1024;
}

static void peak_reset(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");

    malloc_trim(0);
    if (f == NULL)
        return;
    fputs("5", f);
    fclose(f);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* 16-byte serials in no order, each with a reason, as real authorities have. */
static struct bytes large_list(size_t count)
{
    static const uint8_t rest[] = {0x17, 0x0d, '2',  '6', '0', '1',  '0',  '1',
                                   '0',  '0',  '0',  '0', '0', '0',  'Z',  0x30,
                                   0x0c, 0x30, 0x0a, 6,   3,   0x55, 0x1d, 0x15,
                                   4,    3,    0x0a, 1,   4};
    struct bytes entries = {0}, all;
    uint64_t x = 88172645463325252u;

    for (size_t i = 0; i < count; i++) {
        uint8_t e[2 + 18 + sizeof rest] = {0x30, 18 + sizeof rest, 2, 16};

        for (size_t k = 0; k < 2; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            memcpy(e + 4 + 8 * k, &x, 8);
        }
        e[4] = (uint8_t)((e[4] & 0x7f) | 0x40);
        memcpy(e + 20, rest, sizeof rest);
        bytes_put(&entries, e, sizeof e);
    }
    all = make_crl(
        &(struct made_crl){.issuer = &root, .number = 1, .more = &entries});
    free(entries.data);
    return all;
}

static void a_million_entries(void **state)
{
    const size_t count = 1000000;
    struct bytes der = large_list(count);
    const unsigned char *at = der.data;
    char problem[CRL_PROBLEM];
    struct crl_list l;
    uint64_t before;
    int64_t start;

    (void)state;
    peak_reset();
    before = peak_now();
    start = now_us();
    assert_int_equal(crl_parse(der.data, der.length, &l, problem), 0);
    assert_int_equal(crl_verify(l.items[0], pool, MADE_NOW, problem), 0);
    assert_int_equal(crl_info(l.items[0])->count, count);
    print_message("%zu entries, %zu MB of DER: ours %lld ms, %llu MB at most\n",
                  count, der.length >> 20, (long long)(now_us() - start) / 1000,
                  (unsigned long long)(peak_now() - before) >> 20);
    crl_list_release(&l);

    peak_reset();
    before = peak_now();
    start = now_us();
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.length);
    assert_non_null(crl);
    assert_int_equal(X509_CRL_verify(crl, root.key), 1);
    print_message("the same as OpenSSL's X509_CRL: %lld ms, %llu MB at most\n",
                  (long long)(now_us() - start) / 1000,
                  (unsigned long long)(peak_now() - before) >> 20);
    X509_CRL_free(crl);
    free(der.data);
}

static void too_many_entries(void **state)
{
    struct bytes entries = {0}, der;
    char problem[CRL_PROBLEM];
    struct crl_list l;

    (void)state;
    for (size_t i = 0; i < CRL_ENTRIES_MAX + 1; i++)
        bytes_put(&entries, "\x30\x00", 2);
    der = make_crl(&(struct made_crl){.issuer = &root, .more = &entries});
    assert_int_equal(crl_parse(der.data, der.length, &l, problem), 0);
    assert_int_equal(crl_verify(l.items[0], pool, MADE_NOW, problem),
                     SP_ETOOBIG);
    assert_string_equal(problem, "more than 4000000 entries");
    crl_list_release(&l);
    free(entries.data);
    free(der.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_says_what_was_put_in),
        cmocka_unit_test(a_scope_is_read),
        cmocka_unit_test(what_is_unusual_but_right),
        cmocka_unit_test(odd_serials_are_counted_and_left_out),
        cmocka_unit_test(lists_that_openssl_made),
        cmocka_unit_test(texts_with_several),
        cmocka_unit_test(texts_with_too_many),
        cmocka_unit_test(refusals_have_their_reason),
        cmocka_unit_test(what_is_no_list),
        cmocka_unit_test(a_list_is_verified_once),
        cmocka_unit_test(a_refusal_is_not_for_ever),
        cmocka_unit_test(namesakes_are_told_apart),
        cmocka_unit_test(no_changed_byte_verifies),
        cmocka_unit_test(changed_and_signed_again),
        cmocka_unit_test(too_many_entries),
        cmocka_unit_test(a_million_entries),
    };

    return cmocka_run_group_tests(tests, world_make, world_free);
}
