/* SPDX-License-Identifier: Apache-2.0 */
/* Renewing, revoking and the lists of it, and the index that they live in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/authority_crl.h"
#include "certs/certificate.h"
#include "certs/identity.h"
#include "tests/unit/certs/authorities.h"

/* --- revoking ------------------------------------------------------------ */

static int revoke_serial(struct authority *a, const char *serial,
                         enum authority_reason reason, int64_t at,
                         char problem[256])
{
    const struct authority_selection s = {.serial = serial};
    size_t count;

    return authority_revoke(a, &s, reason, at, &count, problem);
}

static void P9_a_revocation_is_kept_and_never_taken_back(void **state)
{
    const char *folder = authority_made("revoked");
    struct authority *a = opened(folder, AUTHORITY_ISSUING, true);
    struct authority_record r = issued_to(a, "ada");
    const struct authority_record *kept;
    char problem[256];

    (void)state;
    issued_to(a, "bo");
    assert_int_equal(
        revoke_serial(a, r.serial, AUTHORITY_SUPERSEDED, now + 1, problem), 0);
    assert_int_equal(
        revoke_serial(a, r.serial, AUTHORITY_UNSPECIFIED, now + 2, problem),
        SP_EEXIST);
    authority_close(a);
    a = opened(folder, AUTHORITY_ISSUING, false);
    /* The reason may become worse; the time stays what it was. */
    assert_int_equal(
        revoke_serial(a, r.serial, AUTHORITY_KEY_COMPROMISE, now + 3, problem),
        0);
    assert_int_equal(
        revoke_serial(a, r.serial, AUTHORITY_SUPERSEDED, now + 4, problem),
        SP_EEXIST);
    assert_non_null(strstr(problem, "never taken back"));
    authority_close(a);
    a = opened(folder, AUTHORITY_ISSUING, false);
    kept = authority_index_find(authority_records(a), r.serial);
    assert_int_equal(kept->revoked, now + 1);
    assert_int_equal(kept->reason, AUTHORITY_KEY_COMPROMISE);
    assert_int_equal(authority_records(a)->list[1].revoked, 0);
    authority_close(a);
}

static void what_is_revoked_is_said_exactly(void **state)
{
    struct authority *a =
        opened(authority_made("exact"), AUTHORITY_ISSUING, true);
    struct authority_record r = issued_to(a, "ada");
    const uint8_t other[32] = {1};
    const struct authority_selection bad[] = {
        {0},
        {.serial = r.serial, .sha256 = r.sha256},
        {.serial = r.serial, .party = "lab", .person = "ada"},
        {.party = "lab"},
        {.person = "ada"},
    };
    const struct authority_selection none[] = {
        {.serial = "00"},
        {.serial = ""},
        {.sha256 = other},
        {.party = "lab", .person = "ad"},
        {.party = "lap", .person = "ada"},
    };
    const struct authority_selection good = {.sha256 = r.sha256};
    const struct authority_selection person = {.party = "lab", .person = "bo"};
    char problem[256];
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(authority_revoke(a, &bad[i], AUTHORITY_SUPERSEDED, now,
                                          &count, problem),
                         SP_EINVAL);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(authority_revoke(a, &none[i], AUTHORITY_SUPERSEDED,
                                          now, &count, problem),
                         SP_ENOENT);
    assert_int_equal(authority_revoke(a, &good, (enum authority_reason)8, now,
                                      &count, problem),
                     SP_EINVAL); /* removeFromCRL */
    assert_int_equal(
        authority_revoke(a, &good, AUTHORITY_SUPERSEDED, now, &count, problem),
        0);
    assert_int_equal(count, 1);
    issued_to(a, "bo");
    issued_to(a, "bo");
    assert_int_equal(
        authority_revoke(a, &person, AUTHORITY_CESSATION, now, &count, problem),
        0);
    assert_int_equal(count, 2);
    assert_int_equal(
        authority_revoke(a, &person, AUTHORITY_CESSATION, now, &count, problem),
        SP_EEXIST);
    authority_close(a);
}

/* --- lists --------------------------------------------------------------- */

static X509_CRL *list_read(const char *folder, const char *name)
{
    char path[256];
    uint8_t *der = NULL;
    const uint8_t *at;
    size_t length;
    X509_CRL *crl;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &der, &length), 0);
    at = der;
    crl = d2i_X509_CRL(NULL, &at, (long)length);
    assert_non_null(crl);
    assert_ptr_equal(at, der + length);
    free(der);
    return crl;
}

static bool list_has(X509_CRL *crl, const char *serial)
{
    ASN1_INTEGER *number = NULL;
    X509_REVOKED *entry = NULL;
    BIGNUM *value = NULL;
    bool has;

    BN_hex2bn(&value, serial);
    number = BN_to_ASN1_INTEGER(value, NULL);
    has = X509_CRL_get0_by_serial(crl, &entry, number) == 1;
    ASN1_INTEGER_free(number);
    BN_free(value);
    return has;
}

static void P9_a_list_has_what_is_revoked_and_nothing_else(void **state)
{
    const char *folder = authority_made("list");
    struct authority *a = opened(folder, AUTHORITY_ISSUING, true);
    struct authority_record gone = issued_to(a, "ada"),
                            good = issued_to(a, "bo");
    char problem[256];
    uint64_t number = 0;
    X509_CRL *crl;

    (void)state;
    assert_int_equal(
        revoke_serial(a, gone.serial, AUTHORITY_KEY_COMPROMISE, now, problem),
        0);
    assert_int_equal(authority_publish(a, now, now + DAY, &number, problem), 0);
    assert_int_equal(number, 1);
    crl = list_read(folder, "ca.crl");
    assert_true(list_has(crl, gone.serial));
    assert_false(list_has(crl, good.serial));
    assert_int_equal(
        X509_CRL_verify(crl, X509_get0_pubkey(authority_certificate(a))), 1);
    assert_int_equal(X509_CRL_get_version(crl), 1);
    X509_CRL_free(crl);
    /* What has ended stays for a while, then goes. */
    assert_int_equal(authority_publish(a, gone.not_after + DAY,
                                       gone.not_after + 2 * DAY, NULL, problem),
                     0);
    crl = list_read(folder, "ca.crl");
    assert_true(list_has(crl, gone.serial));
    X509_CRL_free(crl);
    assert_int_equal(
        authority_publish(a, gone.not_after + AUTHORITY_CRL_KEEP_MS,
                          gone.not_after + 30 * DAY, NULL, problem),
        0);
    crl = list_read(folder, "ca.crl");
    assert_false(list_has(crl, gone.serial));
    X509_CRL_free(crl);
    authority_close(a);
}

static void lists_have_numbers_that_only_grow(void **state)
{
    const char *folder = authority_made("numbers");
    struct authority *a = opened(folder, AUTHORITY_ISSUING, true);
    char path[200], problem[256], *stored;
    uint64_t number = 0;

    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(authority_publish(a, now, now + DAY, &number, problem),
                         0);
        assert_int_equal(number, i);
    }
    snprintf(path, sizeof path, "%s/ca.crl.number", folder);
    stored = text_at(path);
    assert_string_equal(stored, "3\n");
    free(stored);
    /* Out of a backup, or lost: the list that was published counts. */
    text_put(path, "1\n");
    assert_int_equal(authority_publish(a, now, now + DAY, &number, problem), 0);
    assert_int_equal(number, 4);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(authority_publish(a, now, now + DAY, &number, problem), 0);
    assert_int_equal(number, 5);
    text_put(path, "100\n");
    assert_int_equal(authority_publish(a, now, now + DAY, &number, problem), 0);
    assert_int_equal(number, 101);
    static const char *const bad[] = {"",
                                      "\n",
                                      "0\n",
                                      "-1\n",
                                      "7",
                                      "7 \n",
                                      "7\n\n",
                                      "x\n",
                                      "07\n",
                                      "18446744073709551615\n",
                                      "99999999999999999999999\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        text_put(path, bad[i]);
        assert_int_equal(authority_publish(a, now, now + DAY, &number, problem),
                         SP_ECORRUPT);
        assert_non_null(strstr(problem, "expected the number"));
    }
    assert_int_equal(authority_publish(a, now, now, &number, problem),
                     SP_ERANGE);
    authority_close(a);
    a = opened(folder, AUTHORITY_ISSUING, false);
    assert_int_equal(authority_publish(a, now, now + DAY, &number, problem),
                     SP_EPERM);
    authority_close(a);
}

static void a_revoked_issuing_authority_issues_no_more(void **state)
{
    const char *folder = authority_made("upper");
    struct authority *a = opened(folder, AUTHORITY_ROOT, true);
    struct authority_opening again = {
        .at = AT_FDCWD, .folder = folder, .with_key = true};
    char problem[256], serial[AUTHORITY_SERIAL_TEXT];
    X509_CRL *crl;

    (void)state;
    assert_int_equal(authority_records(a)->count, 1);
    strcpy(serial, authority_records(a)->list[0].serial);
    assert_int_equal(
        revoke_serial(a, serial, AUTHORITY_CA_COMPROMISE, now, problem), 0);
    assert_int_equal(authority_publish(a, now, now + DAY, NULL, problem), 0);
    crl = list_read(folder, "root.crl");
    assert_true(list_has(crl, serial));
    X509_CRL_free(crl);
    authority_close(a);
    assert_int_equal(authority_open(&again, &a, problem), SP_EPERM);
    assert_non_null(strstr(problem, "cACompromise"));
}

/* --- renewing ------------------------------------------------------------ */

static void a_renewal_is_for_the_same_person_and_key(void **state)
{
    struct authority *a =
        opened(authority_made("renewed"), AUTHORITY_ISSUING, true);
    struct authority_order o = order_for("ada");
    struct authority_issued first = {0}, second = {0};
    char problem[256];
    X509 *x, *y;

    (void)state;
    assert_int_equal(authority_renew(a, &o, false, &second, problem),
                     SP_ENOENT);
    assert_int_equal(authority_issue(a, &o, &first, problem), 0);
    assert_int_equal(authority_renew(a, &o, false, &second, problem),
                     SP_EEXIST); /* the same end */
    assert_non_null(strstr(problem, "nothing would be gained"));
    o.not_after += HOUR;
    if (authority_renew(a, &o, false, &second, problem) != 0)
        fail_msg("%s", problem);
    x = cert_of(first.cert_pem);
    y = cert_of(second.cert_pem);
    assert_null(second.key_pem);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(y)), 1);
    assert_string_not_equal(first.record.serial, second.record.serial);
    assert_int_equal(authority_records(a)->list[0].revoked, 0);
    X509_free(x);
    X509_free(y);
    authority_issued_free(&first);
    authority_issued_free(&second);
    /* And the old ones at once, if that is wanted. */
    o.not_after += HOUR;
    assert_int_equal(authority_renew(a, &o, true, &second, problem), 0);
    authority_issued_free(&second);
    assert_int_equal(authority_records(a)->list[0].revoked, now);
    assert_int_equal(authority_records(a)->list[0].reason,
                     AUTHORITY_SUPERSEDED);
    assert_int_equal(authority_records(a)->list[1].revoked, now);
    assert_int_equal(authority_records(a)->list[2].revoked, 0);
    authority_close(a);
}

static void a_key_that_was_compromised_stays_out(void **state)
{
    struct authority *a =
        opened(authority_made("stolen"), AUTHORITY_ISSUING, true);
    struct authority_order o = order_for("ada");
    struct authority_issued out = {0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct request *r = request_of(key);
    const struct profile *profile;
    char problem[256];
    int64_t until;

    (void)state;
    o.request = r;
    assert_int_equal(authority_issue(a, &o, &out, problem), 0);
    authority_issued_free(&out);
    /* Somebody else's, whoever sends the request. */
    o.person = "bo";
    assert_int_equal(authority_issue(a, &o, &out, problem), SP_EEXIST);
    assert_non_null(strstr(problem, "lab/ada"));
    assert_int_equal(authority_consider(a, &o, &until, &profile, problem),
                     SP_EEXIST);
    /* The same person's again: no harm. */
    o.person = "ada";
    assert_int_equal(authority_consider(a, &o, &until, &profile, problem), 0);
    assert_int_equal(until, (now + DAY) / 1000 * 1000);
    assert_string_equal(profile->name, "p256");
    assert_int_equal(revoke_serial(a, out.record.serial,
                                   AUTHORITY_KEY_COMPROMISE, now, problem),
                     0);
    assert_int_equal(authority_issue(a, &o, &out, problem), SP_EPERM);
    assert_int_equal(authority_renew(a, &o, false, &out, problem), SP_ENOENT);
    assert_int_equal(authority_records(a)->count, 1);
    request_free(r);
    EVP_PKEY_free(key);
    authority_close(a);
}

static void the_authoritys_own_keys_are_nobodys(void **state)
{
    const char *folder = authority_made("own");
    struct authority *a = opened(folder, AUTHORITY_ISSUING, true);
    struct authority_order o = order_for("ada");
    struct authority_issued out = {0};
    struct request *r = request_of(authority_key(a));
    char problem[256];

    (void)state;
    o.request = r;
    assert_int_equal(authority_issue(a, &o, &out, problem), SP_EEXIST);
    request_free(r);
    authority_close(a);
    a = opened(folder, AUTHORITY_ISSUING, false);
    o.request = NULL;
    assert_int_equal(authority_issue(a, &o, &out, problem), SP_EPERM);
    authority_close(a);
}

/* --- the index ----------------------------------------------------------- */

#define SERIAL "f1526a54a896775e10715abf32304a04"
#define HASH   "8390e6da62ba180cd872a71e4599232822bb575e33a42b1aaa10b357bc55820b"

static void lines_that_are_not_whole_are_refused(void **state)
{
    static const char *const good[] = {
        "",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - - p256\n",
        SERIAL " " HASH " - ::1 1795254800000 1795168800000 - - p384\n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 1795168800001 "
               "keyCompromise rsa\n",
    };
    static const char *const bad[] = {
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - - p256",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - -\n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - - p256 x\n",
        SERIAL " " HASH " lab  ada 1795254800000 1795168800000 - - p256\n",
        " " SERIAL " " HASH " lab ada 1795254800000 1795168800000 - - p256\n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - - p256 \n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - - p256\r\n",
        "F1 " HASH " lab ada 1795254800000 1795168800000 - - p256\n",
        "f " HASH " lab ada 1795254800000 1795168800000 - - p256\n",
        SERIAL SERIAL " " HASH " lab ada 1795254800000 1 - - p256\n",
        SERIAL " " SERIAL " lab ada 1795254800000 1795168800000 - - p256\n",
        SERIAL " " HASH " lab ada 01795254800000 1795168800000 - - p256\n",
        SERIAL " " HASH " lab ada -1 1795168800000 - - p256\n",
        SERIAL " " HASH " lab ada 0 1795168800000 - - p256\n",
        SERIAL " " HASH " lab ada 9999999999999999 1 - - p256\n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 1 - p256\n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - superseded "
               "p256\n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 1 "
               "removeFromCRL p256\n",
        SERIAL " " HASH " lab a\x01 1795254800000 1795168800000 - - p256\n",
        SERIAL " " HASH " lab \xc3\xa9 1795254800000 1795168800000 - - p256\n",
        SERIAL " lab ada 2026-11-20T10:00:00.000Z\n", /* old, and no file */
        "\n",
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 - - p256\n" SERIAL
               " " HASH " lab bo 1795254800000 1795168800000 - - p256\n",
    };
    struct authority_index index;
    char problem[256], *text;
    size_t length;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (authority_index_parse(good[i], strlen(good[i]), &index, problem) !=
            0)
            fail_msg("line %zu: %s", i, problem);
        assert_int_equal(authority_index_format(&index, &text, &length), 0);
        assert_string_equal(text, good[i]);
        free(text);
        authority_index_release(&index);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (authority_index_parse(bad[i], strlen(bad[i]), &index, problem) !=
            SP_ECORRUPT)
            fail_msg("bad line %zu was read", i);
        assert_non_null(strstr(problem, "expected"));
        assert_null(index.list);
    }
    assert_int_equal(authority_index_parse("a\0b\n", 4, &index, problem),
                     SP_ECORRUPT);
}

/* Any change of a byte is a refusal or another index, never a crash. */
static void mutated_lines_do_no_harm(void **state)
{
    static const char line[] =
        SERIAL " " HASH " lab ada 1795254800000 1795168800000 1795168800001 "
               "keyCompromise p256\n";
    struct authority_index index;
    char text[sizeof line], problem[256];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof line; i++) {
        for (int c = 0; c < 256; c++) {
            memcpy(text, line, sizeof line);
            text[i] = (char)c;
            if (authority_index_parse(text, sizeof line - 1, &index, problem) ==
                0)
                authority_index_release(&index);
        }
        assert_int_equal(authority_index_parse(line, i, &index, problem) == 0,
                         i == 0);
    }
}

static void a_torn_index_or_another_certificate_is_noticed(void **state)
{
    const char *folder = authority_made("torn");
    struct authority *a = opened(folder, AUTHORITY_ISSUING, true);
    struct authority_record r = issued_to(a, "ada"), other;
    struct authority_opening again = {.at = AT_FDCWD, .folder = folder};
    struct authority_order o = order_for("bo");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct authority_issued out = {0};
    char path[256], from[256], problem[256], *text;

    (void)state;
    other = issued_to(a, "bo");
    /* The file of one under the name of the other. */
    snprintf(path, sizeof path, "%s/issued/%s.crt", folder, r.serial);
    snprintf(from, sizeof from, "%s/issued/%s.crt", folder, other.serial);
    text = text_at(from);
    text_put(path, text);
    free(text);
    o.request = request_of(key);
    assert_int_equal(authority_issue(a, &o, &out, problem), SP_ECORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(authority_issue(a, &o, &out, problem), SP_ECORRUPT);
    request_free((struct request *)(uintptr_t)o.request);
    EVP_PKEY_free(key);
    authority_close(a);
    snprintf(path, sizeof path, "%s/issued/index", folder);
    text = text_at(path);
    text[strlen(text) - 1] = '\0';
    text_put(path, text);
    free(text);
    assert_int_equal(authority_open(&again, &a, problem), SP_ECORRUPT);
    assert_non_null(strstr(problem, "line 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P9_a_revocation_is_kept_and_never_taken_back),
        cmocka_unit_test(what_is_revoked_is_said_exactly),
        cmocka_unit_test(P9_a_list_has_what_is_revoked_and_nothing_else),
        cmocka_unit_test(lists_have_numbers_that_only_grow),
        cmocka_unit_test(a_revoked_issuing_authority_issues_no_more),
        cmocka_unit_test(a_renewal_is_for_the_same_person_and_key),
        cmocka_unit_test(a_key_that_was_compromised_stays_out),
        cmocka_unit_test(the_authoritys_own_keys_are_nobodys),
        cmocka_unit_test(lines_that_are_not_whole_are_refused),
        cmocka_unit_test(mutated_lines_do_no_harm),
        cmocka_unit_test(a_torn_index_or_another_certificate_is_noticed),
    };

    return cmocka_run_group_tests(tests, root_make, root_remove);
}
