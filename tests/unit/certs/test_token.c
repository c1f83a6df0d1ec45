/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys on a real token: SoftHSM's, in a folder of its own. The tools that
 * fill it are the distribution's (scripts/bootstrap installs them).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/rsa.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/token.h"
#include "made.h"

static char folder[] = "/tmp/sallyport-token-XXXXXX";
static char module[256];

static void SP_PRINTF(1, 2) run(const char *format, ...)
{
    char command[1024], quiet[1100];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(quiet, sizeof quiet, "(%s) >>%s/log 2>&1", command, folder);
    if (system(quiet) != 0)
        fail_msg("failed: %s (softhsm2 and opensc are needed)", command);
}

static void tool(const char *token, const char *arguments)
{
    run("pkcs11-tool --module %s --token-label %s --login --pin 4711 %s",
        module, token, arguments);
}

static void certificate_store(void)
{
    struct made m = make_certificate(&(struct make){.cn = "on the token"});
    char path[300], arguments[400];
    FILE *f;

    snprintf(path, sizeof path, "%s/cert.der", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(i2d_X509_fp(f, m.cert), 1);
    fclose(f);
    snprintf(arguments, sizeof arguments,
             "--write-object %s --type cert --id 01 --label auth", path);
    tool("badge", arguments);
    made_free(&m);
}

/* pkcs11-tool cannot say that a key must not sign. */
static void decryption_key_make(void)
{
    CK_FUNCTION_LIST *m = p11_kit_module_load(module, 0);
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG bits = 2048, n = 8;
    char label[] = "decrypts";
    unsigned char pin[] = "4711", id[] = {3};
    CK_ATTRIBUTE public[] = {{CKA_TOKEN, &yes, sizeof yes},
                             {CKA_MODULUS_BITS, &bits, sizeof bits}};
    CK_ATTRIBUTE private[] = {
        {CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SIGN, &no, sizeof no},    {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_ID, id, sizeof id},       {CKA_LABEL, label, sizeof label - 1}};
    CK_SLOT_ID slots[8], slot = 0;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE keys[2];
    CK_TOKEN_INFO info;

    assert_non_null(m);
    assert_int_equal(p11_kit_module_initialize(m), CKR_OK);
    assert_int_equal(m->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        assert_int_equal(m->C_GetTokenInfo(slots[i], &info), CKR_OK);
        if (memcmp(info.label, "badge ", 6) == 0)
            slot = slots[i];
    }
    assert_int_equal(m->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                      NULL, NULL, &session),
                     CKR_OK);
    assert_int_equal(m->C_Login(session, CKU_USER, pin, 4), CKR_OK);
    assert_int_equal(m->C_GenerateKeyPair(session, &mechanism, public, 2,
                                          private, 6, &keys[0], &keys[1]),
                     CKR_OK);
    p11_kit_module_finalize(m);
    p11_kit_module_release(m);
}

static void module_find(void)
{
    static const char *const paths[] = {
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (access(paths[i], R_OK) == 0)
            snprintf(module, sizeof module, "%s", paths[i]);
    }
    if (module[0] == '\0')
        fail_msg("libsofthsm2.so is nowhere: install softhsm2");
}

static int setup(void **state)
{
    char path[300];
    FILE *f;

    (void)state;
    module_find();
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/softhsm2.conf", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "directories.tokendir = %s\n", folder);
    fclose(f);
    setenv("SOFTHSM2_CONF", path, 1);
    run("softhsm2-util --init-token --free --label badge --pin 4711 "
        "--so-pin 12345678");
    run("softhsm2-util --init-token --free --label other --pin 4711 "
        "--so-pin 12345678");
    tool("badge", "-k --key-type EC:prime256v1 --id 01 --label auth");
    tool("badge", "-k --key-type rsa:2048 --id 02 --label rsa");
    decryption_key_make();
    tool("other", "-k --key-type EC:secp384r1 --id 01 --label auth");
    certificate_store();
    return 0;
}

static int teardown(void **state)
{
    char command[300];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* "pkcs11:" + path + "?module-path=..." + query. */
static const char *uri(const char *path, const char *query)
{
    static char text[1400];

    snprintf(text, sizeof text, "pkcs11:%s?module-path=%s%s", path, module,
             query);
    return text;
}

static EVP_PKEY *opened(const char *where, const char *pin)
{
    char problem[TOKEN_PROBLEM];
    EVP_PKEY *key = NULL;
    int r = token_key_open(where, pin, &key, problem);

    if (r != 0)
        fail_msg("%s: %d: %s", where, r, problem);
    assert_string_equal(problem, "");
    return key;
}

/* Signs on the token, verifies in software with a copy of the public key. */
static void signs(EVP_PKEY *key, int padding)
{
    static const uint8_t text[] = "a statement";
    EVP_MD_CTX *s = EVP_MD_CTX_new(), *v = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    uint8_t signature[512];
    unsigned char *der = NULL;
    const unsigned char *at;
    size_t length = sizeof signature;
    EVP_PKEY *copy;
    int n = i2d_PUBKEY(key, &der);

    assert_true(n > 0);
    at = der;
    copy = d2i_PUBKEY(NULL, &at, n);
    assert_non_null(copy);
    assert_int_equal(EVP_DigestSignInit(s, &p, EVP_sha256(), NULL, key), 1);
    if (padding != 0)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, padding), 1);
    assert_int_equal(EVP_DigestSign(s, signature, &length, text, sizeof text),
                     1);
    assert_int_equal(EVP_DigestVerifyInit(v, &p, EVP_sha256(), NULL, copy), 1);
    if (padding != 0)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, padding), 1);
    assert_int_equal(EVP_DigestVerify(v, signature, length, text, sizeof text),
                     1);
    EVP_MD_CTX_free(s);
    EVP_MD_CTX_free(v);
    EVP_PKEY_free(copy);
    OPENSSL_free(der);
}

static void keys_on_a_token_sign(void **state)
{
    EVP_PKEY *key;

    (void)state;
    key = opened(uri("token=badge;object=auth", ""), "4711");
    signs(key, 0);
    EVP_PKEY_free(key);
    key = opened(uri("token=badge;id=%02", ""), "4711");
    signs(key, RSA_PKCS1_PADDING);
    signs(key, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_free(key);
    key = opened(uri("token=other;type=private", "&pin-value=4711"), NULL);
    signs(key, 0);
    EVP_PKEY_free(key);
}

/* Looking for one more must not end the sessions of those in use. */
static void keys_live_side_by_side(void **state)
{
    char problem[TOKEN_PROBLEM];
    EVP_PKEY *first, *second, *none = NULL;
    X509 *cert = NULL;

    (void)state;
    first = opened(uri("token=badge;object=auth", ""), "4711");
    second = opened(uri("token=badge;object=rsa", ""), "4711");
    assert_int_equal(token_certificate_open(uri("token=badge;object=auth", ""),
                                            &cert, problem),
                     0);
    assert_int_equal(token_key_open(uri("token=badge;object=nope", ""), "4711",
                                    &none, problem),
                     SP_ENOENT);
    signs(first, 0);
    signs(second, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_free(first);
    signs(second, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_free(second);
    X509_free(cert);
}

static void pin_is_read_from_a_file(void **state)
{
    char path[300], query[400];
    EVP_PKEY *key;
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/pin", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("4711\nnot this\n", f);
    fclose(f);
    snprintf(query, sizeof query, "&pin-source=file:%s", path);
    key = opened(uri("token=badge;object=auth", query), NULL);
    EVP_PKEY_free(key);
    snprintf(query, sizeof query, "&pin-source=%s", path);
    key = opened(uri("token=badge;object=auth", query), NULL);
    EVP_PKEY_free(key);
}

static int asked;
static char asked_label[64];

static int prompt(const char *label, char pin[TOKEN_PIN_SIZE])
{
    asked++;
    snprintf(asked_label, sizeof asked_label, "%s", label);
    snprintf(pin, TOKEN_PIN_SIZE, "4711");
    return 0;
}

static void pin_is_asked_for_once(void **state)
{
    EVP_PKEY *key;

    (void)state;
    token_set_prompt(prompt);
    asked = 0;
    key = opened(uri("token=badge;object=auth", ""), NULL);
    signs(key, 0);
    signs(key, 0);
    assert_int_equal(asked, 1);
    assert_string_equal(asked_label, "badge");
    EVP_PKEY_free(key);
    /* Not when it is known. */
    key = opened(uri("token=badge;object=auth", "&pin-value=4711"), NULL);
    assert_int_equal(asked, 1);
    EVP_PKEY_free(key);
    token_set_prompt(NULL);
}

static void certificate_is_read_without_a_pin(void **state)
{
    char problem[TOKEN_PROBLEM];
    X509 *cert = NULL;

    (void)state;
    assert_int_equal(token_certificate_open(uri("token=badge;object=auth", ""),
                                            &cert, problem),
                     0);
    assert_non_null(cert);
    X509_free(cert);
    assert_int_equal(token_certificate_open(uri("token=other;object=auth", ""),
                                            &cert, problem),
                     SP_ENOENT);
    assert_null(cert);
    assert_string_equal(problem, "token \"other\" has no certificate at all");
}

static void refusals_say_why(void **state)
{
    static const struct {
        const char *path, *query, *pin;
        int result;
        const char *says;
    } table[] = {
        {"token=badge;object=auth", "", "0815", SP_EPERM, "the PIN is wrong"},
        {"token=badge;object=auth", "", "1", SP_EPERM, "the PIN is wrong"},
        {"token=badge;object=auth", "", NULL, SP_EPERM, "needs its PIN"},
        {"token=badge;object=auth", "", "", SP_EINVAL, "the PIN: expected"},
        {"token=lost;object=auth", "", "4711", SP_ENOENT,
         "is the right card in the reader? Those there: \""},
        {"object=auth", "", "4711", SP_EAMBIGUOUS, "2 tokens fit"},
        {"token=badge;object=nope", "", "4711", SP_ENOENT,
         "has no private key of the URI's"},
        {"token=badge", "", "4711", SP_EAMBIGUOUS, "name one with object="},
        {"token=badge;object=decrypts", "", "4711", SP_EPERM,
         "not allowed to sign"},
        {"token=badge;object=auth;type=public", "", "4711", SP_EINVAL,
         "expected type=private"},
        {"token=badge;object=auth;colour=red", "", "4711", SP_EINVAL,
         "not known here"},
        {"token=%ZZ", "", "4711", SP_EINVAL, "not a pkcs11: URI"},
        {"token=badge;object=auth", "&pin-source=file:/nowhere/pin", NULL,
         SP_ENOENT, "pin-source /nowhere/pin"},
        {"token=badge;object=auth", "&pin-source=%7Ccat", NULL, SP_EINVAL,
         "expected file:"},
    };
    char problem[TOKEN_PROBLEM];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        EVP_PKEY *key = NULL;
        int r = token_key_open(uri(table[i].path, table[i].query), table[i].pin,
                               &key, problem);

        if (r != table[i].result || strstr(problem, table[i].says) == NULL ||
            key != NULL)
            fail_msg("%s %s: %d, expected %d: \"%s\", expected \"%s\"",
                     table[i].path, table[i].query, r, table[i].result, problem,
                     table[i].says);
    }
}

static void module_must_be_one(void **state)
{
    char problem[TOKEN_PROBLEM], text[400];
    EVP_PKEY *key = NULL;

    (void)state;
    assert_int_equal(token_key_open("pkcs11:token=x?module-path=/nowhere.so",
                                    "1", &key, problem),
                     SP_ENOENT);
    assert_non_null(strstr(problem, "PKCS#11 module /nowhere.so"));
    snprintf(text, sizeof text, "pkcs11:token=x?module-path=%s/log", folder);
    assert_int_equal(token_key_open(text, "1", &key, problem), SP_ENOENT);
    assert_int_equal(token_key_open("pkcs11:token=x?module-name=softhsm2", "1",
                                    &key, problem),
                     SP_EINVAL);
    assert_null(key);
}

/* The label and what else is on a token may be anybody's choice. */
static void hostile_label_is_cleaned(void **state)
{
    char problem[TOKEN_PROBLEM];
    EVP_PKEY *key = NULL;

    (void)state;
    run("softhsm2-util --init-token --free --label "
        "\"$(printf 'a\\033[2Jb')\" --pin 4711 --so-pin 12345678");
    assert_int_equal(token_key_open(uri("token=lost", ""), "1", &key, problem),
                     SP_ENOENT);
    assert_non_null(strstr(problem, "\"a?[2Jb\""));
    assert_null(strchr(problem, '\033'));
}

static void names_of_files_are_no_uris(void **state)
{
    (void)state;
    assert_true(token_is_uri("pkcs11:token=x"));
    assert_true(token_is_uri("PKCS11:"));
    assert_false(token_is_uri("pkcs11"));
    assert_false(token_is_uri("./pkcs11:x"));
    assert_false(token_is_uri(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: who is logged in stays so until the process ends. */
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(module_must_be_one),
        cmocka_unit_test(hostile_label_is_cleaned),
        cmocka_unit_test(certificate_is_read_without_a_pin),
        cmocka_unit_test(keys_on_a_token_sign),
        cmocka_unit_test(keys_live_side_by_side),
        cmocka_unit_test(pin_is_read_from_a_file),
        cmocka_unit_test(pin_is_asked_for_once),
        cmocka_unit_test(names_of_files_are_no_uris),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
