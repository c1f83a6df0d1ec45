/* SPDX-License-Identifier: Apache-2.0 */
/* Requests under review: which keys are taken, and that what is shown shows
 * everything and fools nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "certs/fingerprint.h"
#include "certs/profile.h"
#include "certs/request.h"
#include "tests/unit/certs/made.h"

static char *pem_of(X509_REQ *csr)
{
    BIO *bio = BIO_new(BIO_s_mem());

    made_must(PEM_write_bio_X509_REQ(bio, csr) == 1, "request");
    return made_take(bio);
}

static char *csr_of(EVP_PKEY *key, const EVP_MD *digest)
{
    X509_REQ *csr = X509_REQ_new();
    char *pem;

    X509_REQ_set_pubkey(csr, key);
    made_must(X509_REQ_sign(csr, key, digest) > 0, "request");
    pem = pem_of(csr);
    X509_REQ_free(csr);
    return pem;
}

static int judge(const char *pem, const char **profile, char problem[256])
{
    const struct profile *p = NULL;
    struct request *r = NULL;
    int e = request_read((const uint8_t *)pem, strlen(pem), &r, problem);

    if (e == 0)
        e = request_check(r, &p, problem);
    *profile = e == 0 ? p->name : "";
    request_free(r);
    return e;
}

static EVP_PKEY *rsa_with(unsigned bits, unsigned long e)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    BIGNUM *exponent = BN_new();

    BN_set_word(exponent, e);
    made_must(EVP_PKEY_keygen_init(ctx) == 1 &&
                  EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1 &&
                  EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, exponent) == 1 &&
                  EVP_PKEY_generate(ctx, &key) == 1,
              "RSA key");
    BN_free(exponent);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* A curve that is P-256 in all but name: its parameters are written out. */
static EVP_PKEY *p256_explicit(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    made_must(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                             "explicit") == 1,
              "explicit curve");
    return key;
}

static void keys_have_profiles_or_are_refused(void **state)
{
    const struct {
        EVP_PKEY *key;
        const EVP_MD *digest;
        const char *profile; /* "": refused */
    } cases[] = {
        {EVP_EC_gen("P-256"), EVP_sha256(), "p256"},
        {EVP_EC_gen("P-384"), EVP_sha384(), "p384"},
        {EVP_EC_gen("P-521"), EVP_sha512(), "p521"},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, "ed25519"},
        {rsa_with(2048, 65537), EVP_sha256(), "piv"},
        {rsa_with(3072, 65537), EVP_sha256(), "rsa"},
        {rsa_with(2048, 65539), EVP_sha256(), "piv"},
        {rsa_with(2048, 3), EVP_sha256(), ""},
        {rsa_with(2048, 17), EVP_sha256(), ""},
        {rsa_with(1024, 65537), EVP_sha256(), ""},
        {rsa_with(2040, 65537), EVP_sha256(), ""},
        {EVP_EC_gen("P-224"), EVP_sha256(), ""},
        {EVP_EC_gen("secp256k1"), EVP_sha256(), ""},
        {EVP_EC_gen("brainpoolP256r1"), EVP_sha256(), ""},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), NULL, ""},
        {p256_explicit(), EVP_sha256(), ""},
        {EVP_EC_gen("P-256"), EVP_sha1(), ""},
        {rsa_with(2048, 65537), EVP_md5(), ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *pem = csr_of(cases[i].key, cases[i].digest), problem[256] = "";
        const char *profile;
        int r = judge(pem, &profile, problem);

        if (strcmp(profile, cases[i].profile) != 0)
            fail_msg("key %zu: \"%s\", %s", i, profile, problem);
        if (r != 0)
            assert_non_null(strstr(problem, "expected"));
        free(pem);
        EVP_PKEY_free(cases[i].key);
    }
}

static void we_make_keys_of_three_kinds(void **state)
{
    size_t made = 0;

    (void)state;
    for (size_t i = 0; profile_at(i) != NULL; i++) {
        const struct profile *p = profile_at(i), *found = NULL;
        EVP_PKEY *key = NULL;
        char problem[256];

        assert_ptr_equal(profile_find(p->name), p);
        if (!p->made) {
            assert_int_equal(profile_make_key(p, &key), SP_EUNSUPPORTED);
            continue;
        }
        assert_int_equal(profile_make_key(p, &key), 0);
        assert_int_equal(profile_of_key(key, &found, problem), 0);
        assert_ptr_equal(found, p);
        EVP_PKEY_free(key);
        made++;
    }
    assert_int_equal(made, 3);
    assert_null(profile_find("P256"));
}

/* --- what is shown ------------------------------------------------------- */

static void name_put(X509_REQ *csr, const char *type, const char *text,
                     int length)
{
    made_must(X509_NAME_add_entry_by_txt(
                  X509_REQ_get_subject_name(csr), type, MBSTRING_UTF8,
                  (const unsigned char *)text, length, -1, 0) == 1,
              "name");
}

/* Subject, alternative names and an attribute with all that a terminal could
 * take for a command, a line or an end. */
static X509_REQ *hostile(EVP_PKEY *key)
{
    static const char uri[] = "sallyport://test/lab/\x1b[2J\nfingerprint: 0\0x";
    STACK_OF(X509_EXTENSION) *wishes = sk_X509_EXTENSION_new_null();
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    X509_REQ *csr = X509_REQ_new();

    X509_REQ_set_pubkey(csr, key);
    name_put(csr, "CN", "root\x1b[31m", -1);
    name_put(csr, "O", "a\nb\xc2\x9b", -1);
    ASN1_STRING_set(text, uri, sizeof uri - 1);
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    sk_GENERAL_NAME_push(names, name);
    sk_X509_EXTENSION_push(wishes,
                           X509V3_EXT_i2d(NID_subject_alt_name, 1, names));
    sk_X509_EXTENSION_push(wishes, X509V3_EXT_conf_nid(NULL, NULL,
                                                       NID_basic_constraints,
                                                       "critical,CA:TRUE"));
    X509_REQ_add_extensions(csr, wishes);
    X509_REQ_add1_attr_by_NID(csr, NID_pkcs9_challengePassword, MBSTRING_ASC,
                              (const unsigned char *)"secret", -1);
    made_must(X509_REQ_sign(csr, key, EVP_sha256()) > 0, "request");
    sk_X509_EXTENSION_pop_free(wishes, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    return csr;
}

static char *shown(const char *pem)
{
    struct request *r = NULL;
    char problem[256], *text = NULL;
    size_t length;
    FILE *f = open_memstream(&text, &length);

    assert_int_equal(
        request_read((const uint8_t *)pem, strlen(pem), &r, problem), 0);
    request_print(r, f);
    fclose(f);
    request_free(r);
    return text;
}

static void all_is_shown_and_nothing_fools(void **state)
{
    static const char *const expected[] = {
        "root",
        "\\1B[31m",
        "asked, ignored:  X509v3 Subject Alternative Name (critical)",
        "URI sallyport://test/lab/\\1B[2J\\0Afingerprint: 0\\00x",
        "asked, ignored:  X509v3 Basic Constraints (critical)",
        "attribute challengePassword",
        "EC, 256 bits (profile p256: EC P-256)",
        "ecdsa-with-SHA256, by its own key",
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *csr = hostile(key);
    char *pem = pem_of(csr), *text = shown(pem);
    char full[FINGERPRINT_TEXT], head[FINGERPRINT_SHORT];
    uint8_t sha256[32];

    (void)state;
    for (const char *c = text; *c != '\0'; c++)
        assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (strstr(text, expected[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", expected[i], text);
    assert_int_equal(fingerprint_of_key(key, sha256), 0);
    fingerprint_text(sha256, full);
    fingerprint_short(sha256, head);
    assert_non_null(strstr(text, full));
    assert_non_null(strstr(text, head));
    assert_int_equal(strncmp(full, head, strlen(head)), 0);
    free(text);
    free(pem);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
}

static void a_bad_signature_is_shown_and_refused(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509_REQ *csr = X509_REQ_new();
    char *pem, *text, problem[256];
    const char *profile;

    (void)state;
    /* A key that who asks does not have. */
    X509_REQ_set_pubkey(csr, other);
    made_must(X509_REQ_sign(csr, key, EVP_sha256()) > 0, "request");
    pem = pem_of(csr);
    assert_int_equal(judge(pem, &profile, problem), SP_EINVAL);
    assert_non_null(strstr(problem, "made by its own key"));
    text = shown(pem);
    assert_non_null(strstr(text, "does NOT verify"));
    free(text);
    free(pem);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* No change of the PEM does more than to be refused or shown. */
static void mutated_requests_do_no_harm(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *csr = hostile(key);
    char *pem = pem_of(csr), *copy = strdup(pem), problem[256];
    size_t length = strlen(pem);
    FILE *sink = fopen("/dev/null", "w");

    (void)state;
    for (size_t i = 0; i < length; i++) {
        struct request *r = NULL;
        const struct profile *p;

        memcpy(copy, pem, length);
        copy[i] ^= (char)(1 + i % 7);
        if (request_read((uint8_t *)copy, length, &r, problem) != 0)
            continue;
        request_print(r, sink);
        (void)!request_check(r, &p, problem);
        request_free(r);
    }
    fclose(sink);
    free(copy);
    free(pem);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_profiles_or_are_refused),
        cmocka_unit_test(we_make_keys_of_three_kinds),
        cmocka_unit_test(all_is_shown_and_nothing_fools),
        cmocka_unit_test(a_bad_signature_is_shown_and_refused),
        cmocka_unit_test(mutated_requests_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
