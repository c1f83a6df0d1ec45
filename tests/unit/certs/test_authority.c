/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small authority in a temporary folder: what it issues is what the gate
 * recognises, and what it must not issue it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/authority.h"
#include "certs/authority_make.h"
#include "certs/certificate.h"
#include "certs/identity.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "tests/unit/certs/made.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR 3600000LL

static char root[64];   /* everything is below it */
static char folder[96]; /* an authority for the tests that only issue */
static int64_t now;

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int folder_make(void **state)
{
    char problem[256];

    (void)state;
    now = clock_wall_ms();
    strcpy(root, "/tmp/sallyport-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/ca", root);
    if (authority_create(folder, "test", problem) != 0)
        fail_msg("%s", problem);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *text_of(const char *name)
{
    char path[512];
    uint8_t *data = NULL;
    size_t length;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(AT_FDCWD, path, 1 << 20, &data, &length) != 0)
        fail_msg("cannot read %s", path);
    return (char *)data;
}

static mode_t mode_of(const char *base, const char *name)
{
    char path[512];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static X509 *cert_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

static EVP_PKEY *key_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(key);
    return key;
}

static int64_t ms_of(const ASN1_TIME *t)
{
    struct tm tm;

    assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
    return (int64_t)timegm(&tm) * 1000;
}

static size_t lines_of_index(void)
{
    char *index = text_of("issued/index");
    size_t count = 0;

    for (char *at = index; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    free(index);
    return count;
}

/* As the gate would see it: the party's anchors are this authority's. */
static int recognise(X509 *cert, int64_t at, struct identity *id, int *error)
{
    struct identities *ids = identities_new();
    char *anchors = text_of("ca.crt"), *issuing = text_of("issuing.crt");
    char problem[256];
    struct identity_match match = {.san_uri = "sallyport://test/lab/ada"};
    int r;

    assert_int_equal(identities_add_party(ids, 1, (uint8_t *)anchors,
                                          strlen(anchors), (uint8_t *)issuing,
                                          strlen(issuing), NULL, problem),
                     0);
    assert_int_equal(identities_add_person(ids, 1, 2, &match, problem), 0);
    r = identity_from_chain(ids, cert, NULL, at, NULL, id, error);
    identities_free(ids);
    free(anchors);
    free(issuing);
    return r;
}

static void an_authority_is_made_once(void **state)
{
    char path[128], problem[256], *before, *after;

    (void)state;
    assert_int_equal(mode_of(root, "ca"), 0700);
    assert_int_equal(mode_of(folder, "ca.key"), 0600);
    assert_int_equal(mode_of(folder, "issuing.key"), 0600);
    assert_int_equal(mode_of(folder, "issued"), 0700);
    before = text_of("ca.key");
    assert_int_equal(authority_create(folder, "test", problem), SP_EEXIST);
    assert_non_null(strstr(problem, "never overwritten"));
    after = text_of("ca.key");
    assert_string_equal(before, after);
    free(before);
    free(after);
    /* Half of one is one as well: the key alone must survive. */
    snprintf(path, sizeof path, "%s/half", root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/half/ca.key", root);
    assert_int_equal(file_create(AT_FDCWD, path, 0600, "k", 1), 0);
    snprintf(path, sizeof path, "%s/half", root);
    assert_int_equal(authority_create(path, "test", problem), SP_EEXIST);
}

static void root_and_issuing_authority_are_what_they_say(void **state)
{
    static const struct {
        const char *name;
        long pathlen, days;
        bool constrained;
    } parts[] = {{"ca.crt", 1, 3649, false}, {"issuing.crt", 0, 729, true}};
    X509 *certs[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *pem = text_of(parts[i].name);
        X509 *cert = certs[i] = cert_of(pem);

        assert_int_equal(X509_check_ca(cert), 1);
        assert_int_equal(X509_get_pathlen(cert), parts[i].pathlen);
        assert_int_equal(X509_get_key_usage(cert),
                         KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        assert_non_null(X509_get0_subject_key_id(cert));
        assert_non_null(X509_get0_authority_key_id(cert));
        assert_true(ms_of(X509_get0_notBefore(cert)) <= now);
        assert_true(ms_of(X509_get0_notAfter(cert)) >
                    now + parts[i].days * 24 * HOUR);
        assert_int_equal(certificate_is_constrained(cert, "test"),
                         parts[i].constrained);
        assert_false(certificate_is_constrained(cert, "tes"));
        free(pem);
    }
    assert_int_equal(X509_self_signed(certs[0], 1), 1);
    assert_int_equal(X509_verify(certs[1], X509_get0_pubkey(certs[0])), 1);
    X509_free(certs[0]);
    X509_free(certs[1]);
}

static void P3_a_clients_certificate_ends_when_it_was_said(void **state)
{
    int64_t end = now / 1000 * 1000 + HOUR;
    struct authority_issued out = {0};
    struct identity id;
    char problem[256];
    EVP_PKEY *key;
    X509 *cert;
    int error;

    (void)state;
    if (authority_issue_client(folder, "test", "lab", "ada", now, end + 999,
                               NULL, 0, &out, problem) != 0)
        fail_msg("%s", problem);
    cert = cert_of(out.cert_pem);
    key = key_of(out.key_pem);
    assert_int_equal(X509_check_private_key(cert, key), 1);
    assert_int_equal(recognise(cert, now, &id, &error), 0);
    assert_int_equal(id.party, 1);
    assert_int_equal(id.person, 2);
    assert_true(id.not_after == end); /* rounded down, never up */
    assert_true(id.not_before <= now - 5 * 60000 + 1000);
    assert_int_equal(recognise(cert, end - 1, &id, &error), 0);
    assert_int_equal(recognise(cert, end, &id, &error), SP_EPERM);
    assert_int_equal(error, X509_V_ERR_CERT_HAS_EXPIRED);
    X509_free(cert);
    EVP_PKEY_free(key);
    authority_issued_free(&out);
    assert_null(out.key_pem);
}

static void what_is_issued_is_on_record(void **state)
{
    struct authority_issued a = {0}, b = {0};
    char problem[256], serial[40], name[64], line[256], hex[65];
    uint8_t hash[32];
    size_t before = lines_of_index();
    ASN1_INTEGER *number;
    BIGNUM *value;
    char *record, *index, *issuing;
    X509 *cert;

    (void)state;
    assert_int_equal(authority_issue_client(folder, "test", "lab", "bo", now,
                                            now + HOUR, NULL, 0, &a, problem),
                     0);
    assert_int_equal(authority_issue_client(folder, "test", "lab", "bo", now,
                                            now + HOUR, NULL, 0, &b, problem),
                     0);
    assert_int_equal(lines_of_index(), before + 2);
    cert = cert_of(a.cert_pem);
    number = X509_get_serialNumber(cert);
    value = ASN1_INTEGER_to_BN(number, NULL);
    assert_int_equal(BN_num_bytes(value), 16);
    for (int i = 0; i < 16; i++)
        snprintf(serial + (ptrdiff_t)2 * i, 3, "%02x",
                 ASN1_STRING_get0_data(number)[i]);
    snprintf(name, sizeof name, "issued/%s.crt", serial);
    record = text_of(name);
    /* What is handed out is it and what leads to the root. */
    issuing = text_of("issuing.crt");
    assert_int_equal(strncmp(record, a.cert_pem, strlen(record)), 0);
    assert_string_equal(a.cert_pem + strlen(record), issuing);
    assert_int_equal(X509_digest(cert, EVP_sha256(), hash, NULL), 1);
    for (int i = 0; i < 32; i++)
        snprintf(hex + (ptrdiff_t)2 * i, 3, "%02x", hash[i]);
    snprintf(line, sizeof line, "%s %s lab bo %lld %lld - - p256\n", serial,
             hex, (long long)(now + HOUR) / 1000 * 1000, (long long)now);
    index = text_of("issued/index");
    assert_non_null(strstr(index, line));
    assert_int_equal(mode_of(folder, "issued/index"), 0600);
    assert_string_not_equal(a.cert_pem, b.cert_pem);
    assert_string_not_equal(a.key_pem, b.key_pem);
    free(index);
    free(issuing);
    free(record);
    BN_free(value);
    X509_free(cert);
    authority_issued_free(&a);
    authority_issued_free(&b);
}

/* --- requests ------------------------------------------------------------ */

/* Asks for more than it will get: another name, and to be an authority. */
static char *csr_make(EVP_PKEY *key, bool broken)
{
    STACK_OF(X509_EXTENSION) *wishes = sk_X509_EXTENSION_new_null();
    X509_REQ *csr = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_REQ_set_pubkey(csr, key);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(csr), "CN",
                               MBSTRING_UTF8, (const unsigned char *)"root", -1,
                               -1, 0);
    sk_X509_EXTENSION_push(wishes, X509V3_EXT_conf_nid(NULL, NULL,
                                                       NID_basic_constraints,
                                                       "critical,CA:TRUE"));
    sk_X509_EXTENSION_push(wishes,
                           X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                               "URI:sallyport://test/lab/ada"));
    X509_REQ_add_extensions(csr, wishes);
    made_must(
        X509_REQ_sign(csr, key,
                      EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0,
        "request");
    if (broken) {
        const ASN1_BIT_STRING *signature;

        X509_REQ_get0_signature(csr, &signature, NULL);
        /* The last byte belongs to the number s, so the form stays whole. */
        ((uint8_t *)(uintptr_t)ASN1_STRING_get0_data(
            signature))[ASN1_STRING_length(signature) - 1] ^= 1;
    }
    made_must(PEM_write_bio_X509_REQ(bio, csr) == 1, "request");
    sk_X509_EXTENSION_pop_free(wishes, X509_EXTENSION_free);
    X509_REQ_free(csr);
    return made_take(bio);
}

static int issue_for(const char *csr, struct authority_issued *out,
                     char problem[256])
{
    return authority_issue_client(folder, "test", "lab", "cy", now, now + HOUR,
                                  (const uint8_t *)csr, strlen(csr), out,
                                  problem);
}

static void a_request_gives_its_key_and_nothing_else(void **state)
{
    EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-384"),
                        EVP_EC_gen("P-521"), EVP_RSA_gen(2048),
                        EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *csr = csr_make(keys[i], false), problem[256], name[64];
        struct authority_issued out = {0};
        struct identity id;
        GENERAL_NAMES *san;
        X509 *cert;
        int error;

        if (issue_for(csr, &out, problem) != 0)
            fail_msg("key %zu: %s", i, problem);
        assert_null(out.key_pem);
        cert = cert_of(out.cert_pem);
        assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), keys[i]), 1);
        assert_int_equal(X509_check_ca(cert), 0);
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
                                  name, sizeof name);
        assert_string_equal(name, "cy");
        san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        assert_int_equal(sk_GENERAL_NAME_num(san), 1);
        GENERAL_NAMES_free(san);
        /* A valid certificate, but not ada's, whatever it asked for. */
        assert_int_equal(recognise(cert, now, &id, &error), 0);
        assert_int_equal(id.person, IDENTITY_NOBODY);
        X509_free(cert);
        authority_issued_free(&out);
        free(csr);
        EVP_PKEY_free(keys[i]);
    }
}

static void bad_requests_are_refused(void **state)
{
    EVP_PKEY *good = EVP_EC_gen("P-256"), *weak = EVP_RSA_gen(1024),
             *odd = EVP_EC_gen("secp256k1"), *small = EVP_EC_gen("P-224");
    char *cases[] = {
        csr_make(good, true),
        csr_make(weak, false),
        csr_make(odd, false),
        csr_make(small, false),
        strdup(""),
        strdup("hello"),
        strdup("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n"
               "-----END CERTIFICATE REQUEST-----\n"),
        text_of("ca.crt"),
    };
    size_t before = lines_of_index();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authority_issued out = {0};
        char problem[256] = "";

        if (issue_for(cases[i], &out, problem) != SP_EINVAL)
            fail_msg("request %zu was accepted", i);
        assert_non_null(strstr(problem, "expected"));
        assert_null(out.cert_pem);
        free(cases[i]);
    }
    assert_int_equal(lines_of_index(), before);
    EVP_PKEY_free(good);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(odd);
    EVP_PKEY_free(small);
}

/* --- what it must not issue ---------------------------------------------- */

static void names_that_could_say_something_else_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "A",
        "a b",
        "a/b",
        "..",
        "../x",
        "a,URI:urn:x",
        "a\n",
        "-x",
        "_x",
        ".x",
        "\xc3\xa9",
        "a:b",
        "a%2fb",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    size_t before = lines_of_index();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct authority_issued out = {0};
        char problem[256] = "";

        assert_int_equal(authority_issue_client(folder, "test", bad[i], "x",
                                                now, now + HOUR, NULL, 0, &out,
                                                problem),
                         SP_EINVAL);
        assert_int_equal(authority_issue_client(folder, "test", "x", bad[i],
                                                now, now + HOUR, NULL, 0, &out,
                                                problem),
                         SP_EINVAL);
        assert_int_equal(authority_issue_client(folder, bad[i], "x", "x", now,
                                                now + HOUR, NULL, 0, &out,
                                                problem),
                         SP_EINVAL);
        assert_non_null(strstr(problem, "expected"));
    }
    assert_int_equal(lines_of_index(), before);
}

static void P3_nothing_is_issued_for_a_time_that_is_past(void **state)
{
    const int64_t ends[] = {now - 1000, now - 1, now, now / 1000 * 1000};
    struct authority_issued out = {0};
    char problem[256], *pem;
    X509 *ca, *cert;

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        assert_int_equal(authority_issue_client(folder, "test", "x", "y", now,
                                                ends[i], NULL, 0, &out,
                                                problem),
                         SP_ERANGE);
    /* Nor for a time after the authority's own. */
    assert_int_equal(authority_issue_client(folder, "test", "x", "y", now,
                                            now + 20LL * 365 * 24 * HOUR, NULL,
                                            0, &out, problem),
                     0);
    pem = text_of("issuing.crt");
    ca = cert_of(pem);
    cert = cert_of(out.cert_pem);
    assert_int_equal(
        ASN1_TIME_compare(X509_get0_notAfter(ca), X509_get0_notAfter(cert)), 0);
    authority_issued_free(&out);
    assert_int_equal(authority_issue_client(folder, "test", "x", "y",
                                            ms_of(X509_get0_notAfter(ca)),
                                            INT64_MAX / 2, NULL, 0, &out,
                                            problem),
                     SP_ERANGE);
    assert_non_null(strstr(problem, "the authority ended"));
    X509_free(ca);
    X509_free(cert);
    free(pem);
}

static void broken_folders_are_refused(void **state)
{
    struct authority_issued out = {0};
    char path[128], file[160], problem[256], *cert;

    (void)state;
    snprintf(path, sizeof path, "%s/nowhere", root);
    assert_int_equal(authority_issue_client(path, "test", "x", "y", now,
                                            now + HOUR, NULL, 0, &out, problem),
                     SP_ENOENT);
    /* Another authority's root; then its issuing certificate, too. */
    snprintf(path, sizeof path, "%s/other", root);
    assert_int_equal(authority_create(path, "test", problem), 0);
    for (size_t i = 0; i < 2; i++) {
        const char *const names[] = {"ca.crt", "issuing.crt"};

        cert = text_of(names[i]);
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        assert_int_equal(file_replace(AT_FDCWD, file, 0644, cert, strlen(cert)),
                         0);
        free(cert);
        assert_int_equal(authority_issue_client(path, "test", "x", "y", now,
                                                now + HOUR, NULL, 0, &out,
                                                problem),
                         SP_EPERM);
        assert_non_null(
            strstr(problem, i == 0 ? "ca.crt vouches" : "expected the key of"));
    }
    snprintf(file, sizeof file, "%s/issuing.key", path);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(authority_issue_client(path, "test", "x", "y", now,
                                            now + HOUR, NULL, 0, &out, problem),
                     SP_ENOENT);
    assert_non_null(strstr(problem, "issuing.key"));
}

static void servers_have_addresses_and_names(void **state)
{
    const char *const names[] = {"127.0.0.1", "::1", "localhost",
                                 "gate.example"};
    const char *const bad[] = {"a b",  "*",          "x,DNS:y", "-a",
                               "a..b", "1.2.3.4:80", ""};
    struct authority_issued out = {0};
    char problem[256];
    X509 *cert;

    (void)state;
    assert_int_equal(authority_issue_server(folder, "test", names, 4, now,
                                            now + HOUR, &out, problem),
                     0);
    cert = cert_of(out.cert_pem);
    assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "::1", 0), 1);
    assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "gate.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "other.example", 0, 0, NULL), 0);
    assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER);
    X509_free(cert);
    authority_issued_free(&out);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(authority_issue_server(folder, "test", &bad[i], 1, now,
                                                now + HOUR, &out, problem),
                         SP_EINVAL);
    assert_int_equal(authority_issue_server(folder, "test", names, 0, now,
                                            now + HOUR, &out, problem),
                     SP_EINVAL);
}

/* RFC 5280 section 4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050. */
static void late_times_are_generalized(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    struct certificate_plan plan = {.kind = CERTIFICATE_ROOT,
                                    .organization = "o",
                                    .name = "n",
                                    .from = 2524607999000LL,
                                    .to = 2524608000000LL,
                                    .key = key};
    char serial[CERTIFICATE_SERIAL_TEXT];
    X509 *cert = NULL;

    (void)state;
    assert_int_equal(certificate_make(&plan, &cert, serial), 0);
    assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(cert)),
                     V_ASN1_UTCTIME);
    assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(cert)),
                     V_ASN1_GENERALIZEDTIME);
    assert_int_equal(X509_get_signature_nid(cert), NID_ecdsa_with_SHA384);
    X509_free(cert);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authority_is_made_once),
        cmocka_unit_test(root_and_issuing_authority_are_what_they_say),
        cmocka_unit_test(P3_a_clients_certificate_ends_when_it_was_said),
        cmocka_unit_test(what_is_issued_is_on_record),
        cmocka_unit_test(a_request_gives_its_key_and_nothing_else),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(names_that_could_say_something_else_are_refused),
        cmocka_unit_test(P3_nothing_is_issued_for_a_time_that_is_past),
        cmocka_unit_test(broken_folders_are_refused),
        cmocka_unit_test(servers_have_addresses_and_names),
        cmocka_unit_test(late_times_are_generalized),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
