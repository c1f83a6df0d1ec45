/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root and issuing authority on two machines, keys at rest, what the name
 * constraints keep out, and folders from before there were two levels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/certificate.h"
#include "certs/identity.h"
#include "tests/unit/certs/authorities.h"

/* --- two machines -------------------------------------------------------- */

/* A root alone, named `name`. */
static const char *root_made(const char *name, const char *deployment)
{
    const struct authority_plan plan = {.deployment = deployment,
                                        .root_only = true};
    const char *folder = below(name);
    char problem[256];

    if (authority_create_as(folder, &plan, problem) != 0)
        fail_msg("%s", problem);
    return folder;
}

static char *requested(const char *folder, const char *deployment)
{
    const struct authority_key_plan key = {0};
    char problem[256], *csr = NULL;

    if (authority_request(folder, deployment, &key, &csr, problem) != 0)
        fail_msg("%s", problem);
    return csr;
}

static int sign_issuing(const char *folder, const char *csr, int64_t ms,
                        char **pem, char problem[256])
{
    struct authority *a = opened(folder, AUTHORITY_ROOT, true);
    struct authority_record record;
    struct request *r = NULL;
    int e = request_read((const uint8_t *)csr, strlen(csr), &r, problem);

    if (e == 0)
        e = authority_sign_issuing(a, r, now, ms, pem, &record, problem);
    request_free(r);
    authority_close(a);
    return e;
}

static int install(const char *folder, const char *deployment, const char *pem,
                   char problem[256])
{
    return authority_install(folder, deployment, (const uint8_t *)pem,
                             strlen(pem), problem);
}

static void an_offline_root_makes_an_issuing_authority(void **state)
{
    const char *off = root_made("off", "test"), *on = below("on");
    char *csr = requested(on, "test"), *again, *pem = NULL, problem[256];
    struct authority_opening o = {.at = AT_FDCWD, .folder = on};
    struct authority *a = NULL;

    (void)state;
    assert_int_equal(authority_open(&o, &a, problem), SP_ENOENT);
    if (sign_issuing(off, csr, 0, &pem, problem) != 0)
        fail_msg("%s", problem);
    if (install(on, "test", pem, problem) != 0)
        fail_msg("%s", problem);
    a = opened(on, AUTHORITY_ISSUING, true);
    issued_to(a, "ada");
    authority_close(a);
    /* The root's key never was here; nor can the root issue by itself. */
    o.part = AUTHORITY_ROOT;
    o.with_key = true;
    assert_int_equal(authority_open(&o, &a, problem), SP_ENOENT);
    o.folder = off;
    o.part = AUTHORITY_ISSUING;
    assert_int_equal(authority_open(&o, &a, problem), SP_ENOENT);
    assert_non_null(strstr(problem, "issuing.crt"));
    /* The same again gains nothing; a longer one does, for the same key. */
    assert_int_equal(install(on, "test", pem, problem), SP_EEXIST);
    free(pem);
    again = requested(on, "test");
    assert_int_equal(
        sign_issuing(off, again, AUTHORITY_ISSUING_MS + DAY, &pem, problem), 0);
    assert_int_equal(install(on, "test", pem, problem), 0);
    a = opened(on, AUTHORITY_ISSUING, true);
    issued_to(a, "bo");
    authority_close(a);
    a = opened(off, AUTHORITY_ROOT, false);
    assert_int_equal(authority_records(a)->count, 2);
    authority_close(a);
    free(pem);
    free(again);
    free(csr);
}

static void what_comes_back_is_checked(void **state)
{
    const char *off = root_made("off2", "test"), *on = below("on2");
    const char *stranger = root_made("stranger", "test");
    const char *foreign = root_made("foreign", "other");
    char *csr = requested(on, "test"), *pem = NULL, *theirs = NULL,
         *other = NULL, *swapped, *doubled, problem[256], path[256];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *csr_of_another = csr_text_of(key, EVP_sha256());

    (void)state;
    assert_int_equal(sign_issuing(off, csr, 0, &pem, problem), 0);
    /* Two certificates, in that order. */
    swapped = strstr(pem + 1, "-----BEGIN");
    assert_int_equal(install(on, "test", swapped, problem), SP_EINVAL);
    assert_true(asprintf(&doubled, "%s%s", swapped, pem) > 0);
    assert_int_equal(install(on, "test", doubled, problem), SP_EINVAL);
    free(doubled);
    assert_true(asprintf(&doubled, "%s%s", swapped, swapped) > 0);
    assert_int_equal(install(on, "test", doubled, problem), SP_EPERM);
    free(doubled);
    assert_int_equal(install(on, "test", "hello", problem), SP_EINVAL);
    assert_int_equal(install(on, "other", pem, problem), SP_EPERM);
    assert_int_equal(install(on, "tes", pem, problem), SP_EPERM);
    /* For another key, by another deployment's root. */
    assert_int_equal(sign_issuing(off, csr_of_another, 0, &other, problem), 0);
    assert_int_equal(install(on, "test", other, problem), SP_EPERM);
    assert_non_null(strstr(problem, "another key"));
    free(other);
    assert_int_equal(sign_issuing(foreign, csr, 0, &other, problem), 0);
    assert_int_equal(install(on, "test", other, problem), SP_EPERM);
    assert_non_null(strstr(problem, "not for another"));
    snprintf(path, sizeof path, "%s/ca.crt", on);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(install(on, "test", pem, problem), 0);
    /* Then no other root of the same name. */
    assert_int_equal(
        sign_issuing(stranger, csr, AUTHORITY_ISSUING_MS * 2, &theirs, problem),
        0);
    assert_int_equal(install(on, "test", theirs, problem), SP_EPERM);
    assert_non_null(strstr(problem, "never overwritten"));
    EVP_PKEY_free(key);
    free(csr_of_another);
    free(csr);
    free(pem);
    free(theirs);
    free(other);
}

static void requests_of_authorities_are_judged_too(void **state)
{
    const char *off = root_made("off3", "test");
    struct authority *a = opened(off, AUTHORITY_ROOT, true);
    EVP_PKEY *weak = EVP_RSA_gen(1024), *lost = EVP_EC_gen("P-384");
    char *csrs[] = {csr_text_of(authority_key(a), EVP_sha256()),
                    csr_text_of(weak, EVP_sha256()),
                    csr_text_of(lost, EVP_sha1())};
    const int expected[] = {SP_EEXIST, SP_EINVAL, SP_EINVAL};
    char *pem = NULL, problem[256], *csr;
    struct authority_selection s;
    size_t count;

    (void)state;
    authority_close(a);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sign_issuing(off, csrs[i], 0, &pem, problem),
                         expected[i]);
        free(csrs[i]);
    }
    /* A key that was lost is not vouched for again. */
    csr = csr_text_of(lost, EVP_sha384());
    assert_int_equal(sign_issuing(off, csr, 0, &pem, problem), 0);
    free(pem);
    a = opened(off, AUTHORITY_ROOT, false);
    assert_int_equal(authority_records(a)->count, 1);
    s = (struct authority_selection){.serial =
                                         authority_records(a)->list[0].serial};
    assert_int_equal(
        authority_revoke(a, &s, AUTHORITY_CA_COMPROMISE, now, &count, problem),
        0);
    authority_close(a);
    assert_int_equal(sign_issuing(off, csr, 0, &pem, problem), SP_EPERM);
    free(csr);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(lost);
}

/* --- keys at rest -------------------------------------------------------- */

static int open_with(const char *folder, enum authority_part part,
                     const char *passphrase, char problem[256])
{
    const struct authority_opening o = {.at = AT_FDCWD,
                                        .folder = folder,
                                        .part = part,
                                        .with_key = true,
                                        .passphrase = passphrase};
    struct authority *a = NULL;
    int r = authority_open(&o, &a, problem);

    authority_close(a);
    return r;
}

static void keys_are_encrypted_at_rest(void **state)
{
    const struct authority_plan plan = {
        .deployment = "test",
        .root = {.passphrase = "of the root"},
        .issuing = {.passphrase = "of the issuer", .curve = "p384"}};
    const char *folder = below("secret");
    enum authority_key_state how;
    char path[256], problem[256], *text;

    (void)state;
    assert_int_equal(authority_create_as(folder, &plan, problem), 0);
    assert_int_equal(
        authority_look_key(AT_FDCWD, folder, AUTHORITY_ISSUING, &how), 0);
    assert_int_equal(how, AUTHORITY_KEY_ENCRYPTED);
    snprintf(path, sizeof path, "%s/issuing.key", folder);
    text = text_at(path);
    assert_non_null(strstr(text, "BEGIN ENCRYPTED PRIVATE KEY"));
    free(text);
    assert_int_equal(open_with(folder, AUTHORITY_ISSUING, NULL, problem),
                     SP_EPERM);
    assert_non_null(strstr(problem, "expected its passphrase"));
    assert_int_equal(
        open_with(folder, AUTHORITY_ISSUING, "of the root", problem), SP_EPERM);
    assert_non_null(strstr(problem, "wrong passphrase"));
    assert_int_equal(
        open_with(folder, AUTHORITY_ISSUING, "of the issuer", problem), 0);
    assert_int_equal(open_with(folder, AUTHORITY_ROOT, "of the root", problem),
                     0);
    /* Changed, taken away, set. */
    assert_int_equal(authority_change_passphrase(folder, AUTHORITY_ISSUING,
                                                 "of the root", "x", problem),
                     SP_EPERM);
    assert_int_equal(authority_change_passphrase(folder, AUTHORITY_ISSUING,
                                                 "of the issuer", "x", problem),
                     0);
    assert_int_equal(open_with(folder, AUTHORITY_ISSUING, "x", problem), 0);
    assert_int_equal(authority_change_passphrase(folder, AUTHORITY_ISSUING, "x",
                                                 NULL, problem),
                     0);
    assert_int_equal(open_with(folder, AUTHORITY_ISSUING, NULL, problem), 0);
    assert_int_equal(authority_change_passphrase(folder, AUTHORITY_ISSUING,
                                                 NULL, "y", problem),
                     0);
    assert_int_equal(open_with(folder, AUTHORITY_ISSUING, "y", problem), 0);
    /* Whatever the file's end becomes, it is no key or the wrong passphrase. */
    text = text_at(path);
    text[strlen(text) / 2] ^= 1;
    text_put(path, text);
    assert_true(open_with(folder, AUTHORITY_ISSUING, "y", problem) != 0);
    free(text);
}

static void URIs_of_tokens_are_no_secret_and_one_line(void **state)
{
    static const char *const bad[] = {"issuing.key", "", "pkcs11:a\nb",
                                      "pkcs11:token=x?pin-value=1234"};
    char problem[256], path[256];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct authority_plan plan = {.deployment = "test",
                                            .issuing = {.uri = bad[i]}};

        assert_int_equal(authority_create_as(below("token"), &plan, problem),
                         SP_EINVAL);
        /* And no half of an authority stays. */
        snprintf(path, sizeof path, "%s/ca.key", below("token"));
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* --- name constraints ---------------------------------------------------- */

/* As the gate sees it: parties of two deployments trust the same root. */
static int recognise(const char *folder, X509 *leaf, STACK_OF(X509) * chain,
                     bool with_chain, struct identity *id, int *error)
{
    struct identity_match match = {.san_uri = "sallyport://other/lab/ada"};
    struct identities *ids = identities_new();
    char path[256], problem[256], *anchors, *issuing;
    int r;

    snprintf(path, sizeof path, "%s/ca.crt", folder);
    anchors = text_at(path);
    snprintf(path, sizeof path, "%s/issuing.crt", folder);
    issuing = text_at(path);
    assert_int_equal(
        identities_add_party(ids, 0, (uint8_t *)anchors, strlen(anchors),
                             with_chain ? (uint8_t *)issuing : NULL,
                             with_chain ? strlen(issuing) : 0, NULL, problem),
        0);
    assert_int_equal(identities_add_person(ids, 0, 0, &match, problem), 0);
    match.san_uri = "sallyport://test/lab/ada";
    assert_int_equal(identities_add_person(ids, 0, 1, &match, problem), 0);
    r = identity_from_chain(ids, leaf, chain, now, NULL, id, error);
    identity_release(id);
    identities_free(ids);
    free(anchors);
    free(issuing);
    return r;
}

static X509 *leaf_with(struct authority *a, EVP_PKEY *key, const char *san)
{
    struct made issuer = {.cert = authority_certificate(a),
                          .key = authority_key(a)};
    const struct make m = {.issuer = &issuer,
                           .cn = "ada",
                           .san = san,
                           .key = key,
                           .from = now - HOUR,
                           .to = now + HOUR};

    struct made leaf = make_certificate(&m);

    EVP_PKEY_free(leaf.key);
    return leaf.cert;
}

/* Who has the issuing key, but not the root's, vouches for this deployment. */
static void P12_an_issuing_key_is_worth_nothing_elsewhere(void **state)
{
    static const struct {
        const char *san;
        int error; /* 0: verifies */
        uint32_t person;
    } cases[] = {
        {"URI:sallyport://test/lab/ada", 0, 1},
        {"URI:sallyport://test/lab/bo", 0, IDENTITY_NOBODY},
        {"URI:sallyport://other/lab/ada", X509_V_ERR_PERMITTED_VIOLATION, 0},
        {"URI:sallyport://test/lab/ada,URI:sallyport://other/lab/ada",
         X509_V_ERR_PERMITTED_VIOLATION, 0},
        {"URI:sallyport://test.other/lab/ada", X509_V_ERR_PERMITTED_VIOLATION,
         0},
        {"URI:sallyport://x.test/lab/ada", X509_V_ERR_PERMITTED_VIOLATION, 0},
        {"URI:sallyport://test@other/lab/ada", X509_V_ERR_PERMITTED_VIOLATION,
         0},
        {"email:ada@example.org", X509_V_ERR_PERMITTED_VIOLATION, 0},
    };
    const char *folder = authority_made("constrained");
    struct authority *a = opened(folder, AUTHORITY_ISSUING, true);
    EVP_PKEY *key = EVP_EC_gen("P-256");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509 *leaf = leaf_with(a, key, cases[i].san);
        struct identity id;
        int error = 0;
        int r = recognise(folder, leaf, NULL, true, &id, &error);

        if (cases[i].error != 0 && (r != SP_EPERM || error != cases[i].error))
            fail_msg("%s: %d, error %d", cases[i].san, r, error);
        if (cases[i].error == 0 && (r != 0 || id.person != cases[i].person))
            fail_msg("%s: %d, person %u, error %d", cases[i].san, r, id.person,
                     error);
        X509_free(leaf);
    }
    EVP_PKEY_free(key);
    authority_close(a);
}

static void a_leaf_verifies_with_its_chain_or_ours(void **state)
{
    const char *folder = authority_made("chained");
    struct authority *a = opened(folder, AUTHORITY_ISSUING, true);
    struct authority_order o = order_for("ada");
    struct authority_issued out = {0};
    STACK_OF(X509) *chain = sk_X509_new_null();
    char problem[256], *second;
    struct identity id;
    X509 *leaf;
    int error;

    (void)state;
    assert_int_equal(authority_issue(a, &o, &out, problem), 0);
    leaf = cert_of(out.cert_pem);
    second = strstr(out.cert_pem + 1, "-----BEGIN");
    assert_non_null(second);
    sk_X509_push(chain, cert_of(second));
    assert_int_equal(recognise(folder, leaf, NULL, false, &id, &error),
                     SP_EPERM);
    assert_int_equal(recognise(folder, leaf, NULL, true, &id, &error), 0);
    assert_int_equal(id.person, 1);
    assert_int_equal(recognise(folder, leaf, chain, false, &id, &error), 0);
    assert_int_equal(id.person, 1);
    assert_int_equal(recognise(folder, leaf, chain, true, &id, &error), 0);
    sk_X509_pop_free(chain, X509_free);
    X509_free(leaf);
    authority_issued_free(&out);
    authority_close(a);
}

/* --- from before --------------------------------------------------------- */

/* ca.crt with path length 0 and ca.key; an index of four columns. */
static const char *old_authority(const char *name, char serial[40])
{
    const struct make of_root = {.cn = "test",
                                 .o = "sallyport authority",
                                 .ca = true,
                                 .constraints = "critical,CA:TRUE,pathlen:0",
                                 .from = now - HOUR,
                                 .to = now + 1000 * DAY};
    struct made top = make_certificate(&of_root);
    const struct make of_leaf = {.issuer = &top,
                                 .cn = "ada",
                                 .uri = "sallyport://test/lab/ada",
                                 .from = now - HOUR,
                                 .to = now + DAY};
    struct made leaf = make_certificate(&of_leaf);
    const char *folder = below(name);
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get_serialNumber(leaf.cert), NULL);
    char path[256], line[128], *hex = BN_bn2hex(number);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;

    for (size_t i = 0; i <= strlen(hex); i++)
        serial[i] = (char)(hex[i] >= 'A' ? hex[i] + 32 : hex[i]);
    snprintf(path, sizeof path, "%s/issued", folder);
    assert_int_equal(file_make_folders(AT_FDCWD, path, 0700), 0);
    PEM_write_bio_X509(bio, top.cert);
    pem = made_take(bio);
    snprintf(path, sizeof path, "%s/ca.crt", folder);
    text_put(path, pem);
    free(pem);
    pem = authority_key_text(top.key, NULL);
    snprintf(path, sizeof path, "%s/ca.key", folder);
    text_put(path, pem);
    free(pem);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, leaf.cert);
    pem = made_take(bio);
    snprintf(path, sizeof path, "%s/issued/%s.crt", folder, serial);
    text_put(path, pem);
    free(pem);
    snprintf(line, sizeof line, "%s lab ada 2026-11-21T10:00:00.000Z\n",
             serial);
    snprintf(path, sizeof path, "%s/issued/index", folder);
    text_put(path, line);
    OPENSSL_free(hex);
    BN_free(number);
    X509_free(top.cert);
    EVP_PKEY_free(top.key);
    X509_free(leaf.cert);
    EVP_PKEY_free(leaf.key);
    return folder;
}

static void an_authority_from_before_goes_on(void **state)
{
    char serial[40], path[256], problem[256], *text;
    const char *folder = old_authority("before", serial);
    struct authority *a = opened(folder, AUTHORITY_ISSUING, false);
    struct authority_selection s = {.serial = serial};
    const struct authority_record *r;
    size_t count;

    (void)state;
    /* In the new form from the first look on. */
    authority_close(a);
    snprintf(path, sizeof path, "%s/issued/index", folder);
    text = text_at(path);
    assert_non_null(strstr(text, " - - p256\n"));
    free(text);
    a = opened(folder, AUTHORITY_ISSUING, true);
    assert_int_equal(authority_records(a)->count, 1);
    r = &authority_records(a)->list[0];
    assert_string_equal(r->serial, serial);
    assert_string_equal(r->person, "ada");
    assert_string_equal(r->profile, "p256");
    assert_int_equal(r->not_after, (now + DAY) / 1000 * 1000);
    issued_to(a, "bo");
    assert_int_equal(
        authority_revoke(a, &s, AUTHORITY_SUPERSEDED, now, &count, problem), 0);
    assert_int_equal(authority_publish(a, now, now + DAY, NULL, problem), 0);
    authority_close(a);
    text = text_at(path);
    assert_non_null(strstr(text, " superseded p256\n"));
    assert_null(strstr(text, "2026-11-21T"));
    free(text);
    /* And where an old line's certificate is gone, it is said. */
    folder = old_authority("before2", serial);
    snprintf(path, sizeof path, "%s/issued/%s.crt", folder, serial);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_with(folder, AUTHORITY_ISSUING, NULL, problem),
                     SP_ECORRUPT);
    assert_non_null(strstr(problem, serial));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offline_root_makes_an_issuing_authority),
        cmocka_unit_test(what_comes_back_is_checked),
        cmocka_unit_test(requests_of_authorities_are_judged_too),
        cmocka_unit_test(keys_are_encrypted_at_rest),
        cmocka_unit_test(URIs_of_tokens_are_no_secret_and_one_line),
        cmocka_unit_test(P12_an_issuing_key_is_worth_nothing_elsewhere),
        cmocka_unit_test(a_leaf_verifies_with_its_chain_or_ours),
        cmocka_unit_test(an_authority_from_before_goes_on),
    };

    return cmocka_run_group_tests(tests, root_make, root_remove);
}
