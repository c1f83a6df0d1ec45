/* SPDX-License-Identifier: Apache-2.0 */
/* Names from text: what is read, what is equal, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/name.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static X509_NAME *parsed(const char *text)
{
    char problem[NAME_PROBLEM];
    X509_NAME *name = NULL;

    if (name_parse(text, strlen(text), &name, problem) != 0)
        fail_msg("%s: %s", text, problem);
    return name;
}

static void names_print_as_they_were_written(void **state)
{
    static const char *const texts[] = {
        "CN=Evaluator One,OU=NIST,O=U.S. Government,C=US",
        "CN=Smith\\, John",
        "UID=1234+CN=Doe Jane,O=Agency",
        "CN=a\\+b",
        "CN=\\C3\\89l\\C3\\A9onore",
        "CN=\\#hash\\ ",
        "CN=quote\\\"d \\<a\\>\\;\\\\",
        "CN=100,DC=example,DC=org",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        X509_NAME *name = parsed(texts[i]);
        BIO *bio = BIO_new(BIO_s_mem());
        char out[256] = "";

        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
        assert_true(BIO_read(bio, out, sizeof out - 1) > 0);
        assert_string_equal(out, texts[i]);
        BIO_free(bio);
        X509_NAME_free(name);
    }
}

static void names_compare_as_names(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"CN=Bob,O=X", "CN=Bob,O=X", true},
        {"CN=Bob,O=X", "CN = Bob , O = X", true},
        {"CN=Bob,O=X", "2.5.4.3=Bob,2.5.4.10=X", true},
        {"CN=Bob,O=X", "CN=#0C03426F62,O=X", true},
        {"CN=Bob,O=X", "CN=#1303426F62,O=X", true},
        /* RFC 5280 section 7.1: case and runs of blanks do not count. */
        {"CN=Bob  the  Builder", "CN=BOB the builder", true},
        {"CN=a+OU=b", "OU=b+CN=a", true},
        {"CN=Bob,O=X", "O=X,CN=Bob", false},
        {"CN=Bob,O=X", "CN=Bob\\,O\\=X", false},
        {"CN=Bob+O=X", "CN=Bob,O=X", false},
        {"CN=Bob,O=X", "CN=B\\D0\\BEb,O=X", false}, /* Cyrillic o */
        {"CN=Bob,O=X", "CN=Bob,O=X,C=US", false},
        {"CN=Bob", "O=Bob", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509_NAME *a = parsed(cases[i].a), *b = parsed(cases[i].b);

        if ((X509_NAME_cmp(a, b) == 0) != cases[i].equal)
            fail_msg("%s and %s: wanted %s", cases[i].a, cases[i].b,
                     cases[i].equal ? "equal" : "different");
        X509_NAME_free(a);
        X509_NAME_free(b);
    }
}

static void malformed_names_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "CN",
        "CN=",
        "CN= ",
        "=x",
        "NOSUCHTYPE=x",
        "1.2.3.=x",
        "CN=a,",
        "CN=a+",
        ",CN=a",
        "CN=\"quoted\"",
        "CN=a<b",
        "CN=a;O=b",
        "CN=a\\",
        "CN=a\\x",
        "CN=a\\4",
        "CN=a\\00b",
        "CN=\\FF\\FE", /* not UTF-8 */
        "CN=#",
        "CN=#0",
        "CN=#0C",
        "CN=#0C03426F",
        "CN=#0C03426F6200", /* bytes behind the value */
        "CN=#0500",         /* NULL */
        "CN=#04020C03",     /* OCTET STRING */
        "CN=#0101FF",       /* BOOLEAN */
        "CN=#0C03426F62x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char problem[NAME_PROBLEM] = "";
        X509_NAME *name = NULL;

        if (name_parse(texts[i], strlen(texts[i]), &name, problem) != SP_EINVAL)
            fail_msg("accepted: %s", texts[i]);
        assert_null(name);
        assert_true(strncmp(problem, "byte ", 5) == 0);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void oversized_names_are_refused(void **state)
{
    char text[4096] = "CN=";
    char problem[NAME_PROBLEM];
    X509_NAME *name = NULL;

    (void)state;
    memset(text + 3, 'a', 1025);
    assert_int_equal(name_parse(text, 1028, &name, problem), SP_EINVAL);
    assert_int_equal(name_parse(text, 1027, &name, problem), 0);
    X509_NAME_free(name);
    memset(text, 'C', 100);
    assert_int_equal(name_parse(text, 100, &name, problem), SP_EINVAL);
    for (size_t i = 0; i < 33; i++)
        memcpy(text + i * 5, "CN=a,", 5);
    assert_int_equal(name_parse(text, 33 * 5 - 1, &name, problem), SP_EINVAL);
    assert_int_equal(name_parse(text, 32 * 5 - 1, &name, problem), 0);
    X509_NAME_free(name);
}

static void pairs_have_one_bar(void **state)
{
    static const char *const bad[] = {
        "CN=a",    "CN=a|CN=b", "CN=a | CN=b | CN=c", " | CN=b",
        "CN=a | ", "CN=a | CN", "CN=a,| CN=b",        "CN=a | CN=b | ",
    };
    char problem[NAME_PROBLEM];
    X509_NAME *subject = NULL, *issuer = NULL, *a = parsed("CN=a\\7C b"),
              *b = parsed("CN=Test Issuing CA");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (name_parse_pair(bad[i], &subject, &issuer, problem) != SP_EINVAL)
            fail_msg("accepted: %s", bad[i]);
        assert_true(problem[0] != '\0');
    }
    assert_int_equal(name_parse_pair("CN=a\\7C b | CN=Test Issuing CA",
                                     &subject, &issuer, problem),
                     0);
    assert_int_equal(X509_NAME_cmp(subject, a), 0);
    assert_int_equal(X509_NAME_cmp(issuer, b), 0);
    X509_NAME_free(subject);
    X509_NAME_free(issuer);
    X509_NAME_free(a);
    X509_NAME_free(b);
}

/* Whatever a policy says, reading it ends in a name or a refusal. */
static void P9_mutated_names_never_break_the_reader(void **state)
{
    static const char seed[] =
        "CN=Smith\\, J+UID=\\41,O=#0C03426F62 | CN=b,C=US";
    static const char swap[] = "\\+,=#| \"<>;0aF\xff\x80"
                               "C";
    unsigned random = 12345;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        X509_NAME *subject = NULL, *issuer = NULL;
        char problem[NAME_PROBLEM], text[sizeof seed];
        int r;

        memcpy(text, seed, sizeof seed);
        for (int k = 0; k < 3; k++) {
            random = random * 1103515245u + 12345u;
            text[(random >> 8) % (sizeof seed - 1)] =
                swap[(random >> 20) % (sizeof swap - 1)];
        }
        r = name_parse_pair(text, &subject, &issuer, problem);
        assert_true(r == 0 || r == SP_EINVAL);
        assert_true((r == 0) == (subject != NULL));
        X509_NAME_free(subject);
        X509_NAME_free(issuer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_print_as_they_were_written),
        cmocka_unit_test(names_compare_as_names),
        cmocka_unit_test(malformed_names_are_refused),
        cmocka_unit_test(oversized_names_are_refused),
        cmocka_unit_test(pairs_have_one_bar),
        cmocka_unit_test(P9_mutated_names_never_break_the_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
