/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acceptances: each algorithm as the openssl command makes it, and everything
 * that must not pass for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/acceptance.h"

static const uint8_t document[32] = {1, 2, 3}, certificate[32] = {4, 5, 6};

static struct acceptance_claim claim_good(void)
{
    return (struct acceptance_claim){.origin = "sp.sallyport/ledger",
                                     .party = "caisi",
                                     .person = "eva",
                                     .document = "nda-v3",
                                     .sha256 = document,
                                     .cert_sha256 = certificate};
}

static const char *statement_of(const struct acceptance_claim *c)
{
    static char text[ACCEPTANCE_STATEMENT_SIZE];

    assert_int_equal(acceptance_statement(c, text), 0);
    return text;
}

static void the_statement_is_this_text(void **state)
{
    struct acceptance_claim c = claim_good();

    (void)state;
    assert_string_equal(
        statement_of(&c),
        "sallyport nda acceptance\n"
        "sp.sallyport/ledger\n"
        "caisi/eva\n"
        "nda-v3\n"
        "0102030000000000000000000000000000000000000000000000000000000000\n"
        "0405060000000000000000000000000000000000000000000000000000000000\n");
}

static void names_stay_on_their_line(void **state)
{
    static const char *const bad[] = {"", "a\nb", "a\r", "\n"};
    char text[ACCEPTANCE_STATEMENT_SIZE], long_name[ACCEPTANCE_STATEMENT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct acceptance_claim c[4] = {claim_good(), claim_good(),
                                        claim_good(), claim_good()};

        c[0].origin = bad[i];
        c[1].party = bad[i];
        c[2].person = bad[i];
        c[3].document = bad[i];
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(acceptance_statement(&c[k], text), SP_EINVAL);
    }
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    struct acceptance_claim c = claim_good();
    c.origin = long_name;
    assert_int_equal(acceptance_statement(&c, text), SP_ETOOBIG);
}

static EVP_PKEY *key_make(const char *kind)
{
    EVP_PKEY *key = NULL;

    if (strncmp(kind, "RSA", 3) == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(kind + 3));
    else if (strcmp(kind, "ED25519") == 0 || strcmp(kind, "ED448") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    assert_non_null(key);
    return key;
}

static void file_write(const char *folder, const char *name, const void *data,
                       size_t length)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, length, f), length);
    fclose(f);
}

/* Signs with the openssl command, as an evaluator without our tools does. */
static size_t command_sign(EVP_PKEY *key, const char *options,
                           const char *statement, uint8_t signature[2048])
{
    char folder[] = "/tmp/sp-accept-XXXXXX", path[64], command[512];
    size_t length;
    FILE *f;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL),
                     1);
    fclose(f);
    file_write(folder, "text", statement, strlen(statement));
    if (strncmp(options, "raw", 3) == 0)
        snprintf(command, sizeof command,
                 "openssl pkeyutl -sign -rawin -inkey %s/key -in %s/text "
                 "-out %s/sig",
                 folder, folder, folder);
    else
        snprintf(command, sizeof command,
                 "openssl dgst %s -sign %s/key -out %s/sig %s/text", options,
                 folder, folder, folder);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/sig", folder);
    f = fopen(path, "r");
    assert_non_null(f);
    length = fread(signature, 1, 2048, f);
    fclose(f);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    return length;
}

static const struct {
    const char *key, *options;
    enum acceptance_algorithm algorithm;
    bool by_key; /* what such a key makes when nothing is said */
} made[] = {
    {"P-256", "-sha256", ACCEPTANCE_ECDSA_SHA256, true},
    {"P-384", "-sha384", ACCEPTANCE_ECDSA_SHA384, true},
    {"P-384", "-sha256", ACCEPTANCE_ECDSA_SHA256, false},
    {"P-256", "-sha384", ACCEPTANCE_ECDSA_SHA384, false},
    {"ED25519", "raw", ACCEPTANCE_ED25519, true},
    {"RSA2048", "-sha256", ACCEPTANCE_RSA_SHA256, true},
    {"RSA3072", "-sha256", ACCEPTANCE_RSA_SHA256, true},
    {"RSA2048", "-sha256 -sigopt rsa_padding_mode:pss",
     ACCEPTANCE_RSA_PSS_SHA256, false},
    {"RSA2048",
     "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32",
     ACCEPTANCE_RSA_PSS_SHA256, false},
};

static int verify(EVP_PKEY *key, enum acceptance_algorithm a, const char *text,
                  const uint8_t *signature, size_t length)
{
    return acceptance_verify(key, &a, text, signature, length);
}

/* Nothing but these bytes, this key and this algorithm. */
static void refusals(EVP_PKEY *key, const char *kind,
                     enum acceptance_algorithm algorithm, const char *text,
                     const uint8_t *signature, size_t length)
{
    EVP_PKEY *other = key_make(kind);
    uint8_t changed[2048];
    char said[ACCEPTANCE_STATEMENT_SIZE];

    assert_int_equal(verify(other, algorithm, text, signature, length),
                     SP_ESIGNATURE);
    EVP_PKEY_free(other);
    for (size_t i = 0; i < strlen(text); i += 7) {
        snprintf(said, sizeof said, "%s", text);
        said[i] ^= 1;
        assert_int_equal(verify(key, algorithm, said, signature, length),
                         SP_ESIGNATURE);
    }
    for (size_t i = 0; i < length; i += 5) {
        memcpy(changed, signature, length);
        changed[i] ^= 0x10;
        assert_int_equal(verify(key, algorithm, text, changed, length),
                         SP_ESIGNATURE);
    }
    assert_int_equal(verify(key, algorithm, text, signature, length - 1),
                     SP_ESIGNATURE);
    memcpy(changed, signature, length);
    changed[length] = 0;
    assert_int_equal(verify(key, algorithm, text, changed, length + 1),
                     SP_ESIGNATURE);
    assert_int_equal(verify(key, algorithm, text, signature, 0), SP_ESIGNATURE);
    for (int a = ACCEPTANCE_BY_KEY + 1; a <= ACCEPTANCE_ALGORITHMS; a++)
        if (a != (int)algorithm)
            assert_int_not_equal(verify(key, (enum acceptance_algorithm)a, text,
                                        signature, length),
                                 0);
}

static void P12_what_the_openssl_command_signs_and_nothing_else(void **state)
{
    struct acceptance_claim c = claim_good();
    const char *text = statement_of(&c);

    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        EVP_PKEY *key = key_make(made[i].key);
        enum acceptance_algorithm a = ACCEPTANCE_BY_KEY;
        uint8_t signature[2048];
        size_t length = command_sign(key, made[i].options, text, signature);

        assert_int_equal(
            verify(key, made[i].algorithm, text, signature, length), 0);
        assert_int_equal(acceptance_verify(key, &a, text, signature, length),
                         made[i].by_key ? 0 : SP_ESIGNATURE);
        if (made[i].by_key)
            assert_int_equal(a, made[i].algorithm);
        refusals(key, made[i].key, made[i].algorithm, text, signature, length);
        EVP_PKEY_free(key);
    }
}

/* One acceptance is nobody else's, of nothing else, nowhere else. */
static void P12_of_this_person_document_and_gate_alone(void **state)
{
    static const uint8_t other[32] = {9};
    struct acceptance_claim c = claim_good(), others[6];
    EVP_PKEY *key = key_make("P-256");
    enum acceptance_algorithm a = ACCEPTANCE_BY_KEY;
    uint8_t *signature;
    size_t length;

    (void)state;
    assert_int_equal(
        acceptance_sign(key, &a, statement_of(&c), &signature, &length), 0);
    assert_int_equal(verify(key, a, statement_of(&c), signature, length), 0);
    for (size_t i = 0; i < 6; i++)
        others[i] = c;
    others[0].origin = "sp-two.sallyport/ledger";
    others[1].party = "bank";
    others[2].person = "bob";
    others[3].document = "nda-v4";
    others[4].sha256 = other;
    others[5].cert_sha256 = other;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(
            verify(key, a, statement_of(&others[i]), signature, length),
            SP_ESIGNATURE);
    free(signature);
    EVP_PKEY_free(key);
}

static void each_kind_of_key_signs_for_itself(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "ED25519", "RSA2048"};
    struct acceptance_claim c = claim_good();

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY *key = key_make(kinds[i]);
        enum acceptance_algorithm a = ACCEPTANCE_BY_KEY;
        uint8_t *signature;
        size_t length;

        assert_int_equal(
            acceptance_sign(key, &a, statement_of(&c), &signature, &length), 0);
        assert_int_not_equal(a, ACCEPTANCE_BY_KEY);
        assert_int_equal(verify(key, a, statement_of(&c), signature, length),
                         0);
        free(signature);
        EVP_PKEY_free(key);
    }
}

static void weak_and_strange_keys_prove_nothing(void **state)
{
    static const char *const kinds[] = {"RSA1024", "P-224", "P-521",
                                        "secp256k1", "ED448"};
    struct acceptance_claim c = claim_good();

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        EVP_PKEY *key = key_make(kinds[i]);
        uint8_t *signature = NULL, any[64] = {0};
        size_t length;

        for (int a = ACCEPTANCE_BY_KEY; a <= ACCEPTANCE_ALGORITHMS; a++) {
            enum acceptance_algorithm b = (enum acceptance_algorithm)a;

            assert_int_equal(
                acceptance_verify(key, &b, statement_of(&c), any, sizeof any),
                SP_EUNSUPPORTED);
            assert_int_equal(
                acceptance_sign(key, &b, statement_of(&c), &signature, &length),
                SP_EUNSUPPORTED);
            assert_null(signature);
        }
        EVP_PKEY_free(key);
    }
}

static void certificates_are_whole_der(void **state)
{
    X509 *cert = X509_new(), *read = NULL;
    EVP_PKEY *key = key_make("P-256");
    uint8_t *der = NULL, more[4096];
    int length;

    (void)state;
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 60));
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_true((length = i2d_X509(cert, &der)) > 0);
    assert_int_equal(acceptance_certificate(der, (size_t)length, &read), 0);
    X509_free(read);
    memcpy(more, der, (size_t)length);
    more[length] = 0;
    assert_int_equal(acceptance_certificate(more, (size_t)length + 1, &read),
                     SP_EINVAL);
    assert_null(read);
    for (int i = 0; i < length; i += 11) {
        assert_int_equal(acceptance_certificate(der, (size_t)i, &read),
                         SP_EINVAL);
        assert_null(read);
    }
    OPENSSL_free(der);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void algorithms_have_one_name(void **state)
{
    (void)state;
    for (int a = ACCEPTANCE_BY_KEY + 1; a < ACCEPTANCE_ALGORITHMS; a++)
        assert_int_equal(acceptance_algorithm_from(acceptance_algorithm_text(
                             (enum acceptance_algorithm)a)),
                         a);
    assert_int_equal(acceptance_algorithm_from("by-key"),
                     ACCEPTANCE_ALGORITHMS);
    assert_int_equal(acceptance_algorithm_from("md5"), ACCEPTANCE_ALGORITHMS);
    assert_int_equal(acceptance_algorithm_from(""), ACCEPTANCE_ALGORITHMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_statement_is_this_text),
        cmocka_unit_test(names_stay_on_their_line),
        cmocka_unit_test(P12_what_the_openssl_command_signs_and_nothing_else),
        cmocka_unit_test(P12_of_this_person_document_and_gate_alone),
        cmocka_unit_test(each_kind_of_key_signs_for_itself),
        cmocka_unit_test(weak_and_strange_keys_prove_nothing),
        cmocka_unit_test(certificates_are_whole_der),
        cmocka_unit_test(algorithms_have_one_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
