/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS profiles: docs/tls.md has what the table has, the OpenSSL here can do
 * them or says what it lacks, and chains meet the rules that they should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "certs/crypto.h"
#include "certs/tls_profile.h"
#include "tests/unit/certs/made.h"

static char *paper_read(void)
{
    FILE *f = fopen(SP_TEST_DATA "/../../../docs/tls.md", "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    (void)fclose(f);
    return text;
}

/* The cell of a table's row (of that title) in a column from 1. */
static void cell_of(const char *paper, const char *row, int column, char *cell,
                    size_t size)
{
    const char *at = strstr(paper, row), *end;

    if (at == NULL)
        fail_msg("docs/tls.md has no row %s", row);
    for (int i = 0; i < column; i++)
        at = strchr(at + 1, '|');
    end = strchr(at + 1, '|');
    snprintf(cell, size, "%.*s", (int)(end - at - 1), at + 1);
}

static int words_count(const struct tls_word *words)
{
    int n = 0;

    while (words != NULL && words[n].name != NULL)
        n++;
    return n;
}

/* Each word, its dagger if it is not approved, and no other words. */
static void row_is(const char *paper, const char *row, int column,
                   const struct tls_word *words)
{
    char cell[2048], word[128];
    int commas = 0;

    cell_of(paper, row, column, cell, sizeof cell);
    if (words == NULL) {
        assert_string_equal(cell, " none ");
        return;
    }
    if (strcmp(cell, " the same ") == 0)
        cell_of(paper, row, 1, cell, sizeof cell);
    for (int i = 0; words[i].name != NULL; i++) {
        snprintf(word, sizeof word, "%s%s", words[i].name,
                 words[i].fips ? "" : " †");
        if (strstr(cell, word) == NULL)
            fail_msg("%s, column %d: %s is missing", row, column, word);
    }
    for (const char *c = cell; *c != '\0'; c++)
        commas += *c == ',' || *c == ';';
    /* "and in TLS 1.2 also …" follows a semicolon. */
    assert_int_equal(commas + 1, words_count(words));
}

static void the_paper_has_the_table(void **state)
{
    static const char *const order[] = {"strict", "piv", "cnsa1", "cnsa"};
    char *paper = paper_read();

    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct tls_profile *p = tls_profile_find(order[i]);
        char cell[64];

        assert_non_null(p);
        cell_of(paper, "| | `strict`", i + 1, cell, sizeof cell);
        assert_non_null(strstr(cell, order[i]));
        cell_of(paper, "| versions", i + 1, cell, sizeof cell);
        assert_string_equal(cell, p->oldest == TLS1_3_VERSION ? " 1.3 "
                                                              : " 1.2, 1.3 ");
        row_is(paper, "| suites of 1.3", i + 1, p->suites);
        row_is(paper, "| suites of 1.2", i + 1, p->suites_1_2);
        row_is(paper, "| key exchange", i + 1, p->groups);
        row_is(paper, "| signatures", i + 1, p->signatures);
    }
    free(paper);
}

static void P9_profiles_are_probed(void **state)
{
    bool post_quantum = OpenSSL_version_num() >= 0x30500000L;
    char problem[256];

    (void)state;
    for (size_t i = 0; tls_profile_at(i) != NULL; i++) {
        const struct tls_profile *p = tls_profile_at(i);
        bool can = strcmp(p->name, "cnsa") != 0 || post_quantum;

        assert_int_equal(tls_profile_probe(p, problem),
                         can ? 0 : SP_EUNSUPPORTED);
        if (!can)
            assert_non_null(strstr(problem, "the group MLKEM1024"));
    }
    assert_int_equal(tls_profile_probe(&tls_profile_client, problem), 0);
}

/* A list with a word that OpenSSL has not is not a shorter list. */
static void P9_nothing_is_left_out(void **state)
{
    static const struct tls_word none[] = {{"NO_SUCH_THING", true},
                                           {NULL, false}};
    static const struct tls_word suites[] = {
        {"ECDHE-ECDSA-AES256-GCM-SHA384", true},
        {"ECDHE-ECDSA-NULL-SHA", true}, /* there is, but not at this level */
        {NULL, false}};
    const struct tls_profile *piv = tls_profile_find("piv");
    struct tls_profile p;
    char problem[256];

    (void)state;
    p = *piv;
    p.groups = none;
    assert_int_equal(tls_profile_probe(&p, problem), SP_EUNSUPPORTED);
    assert_non_null(strstr(problem, "the group NO_SUCH_THING"));
    p = *piv;
    p.signatures = none;
    assert_int_equal(tls_profile_probe(&p, problem), SP_EUNSUPPORTED);
    assert_non_null(strstr(problem, "the signature algorithm NO_SUCH_THING"));
    p = *piv;
    p.suites = none;
    assert_int_equal(tls_profile_probe(&p, problem), SP_EUNSUPPORTED);
    p = *piv;
    p.suites_1_2 = suites;
    assert_int_equal(tls_profile_probe(&p, problem), SP_EUNSUPPORTED);
    assert_non_null(strstr(problem, "the suite ECDHE-ECDSA-NULL-SHA"));
    p = *piv;
    p.key = "NO_SUCH_KEY";
    assert_int_equal(tls_profile_probe(&p, problem), SP_EUNSUPPORTED);
    /* What was tried has changed nothing. */
    assert_int_equal(tls_profile_probe(piv, problem), 0);
}

static EVP_PKEY *rsa(unsigned bits)
{
    return EVP_RSA_gen(bits);
}

static void chains_meet_rules(void **state)
{
    EVP_PKEY *rsa3072 = rsa(3072), *rsa2048 = rsa(2048);
    const struct {
        EVP_PKEY *key;
        const char *digest;
        bool good;
    } cases[] = {
        {EVP_EC_gen("P-384"), "SHA384", true},
        {rsa3072, "SHA384", true},
        {EVP_EC_gen("P-384"), "SHA256", false},
        {EVP_EC_gen("P-384"), "SHA512", false},
        {EVP_EC_gen("P-256"), "SHA384", false},
        {EVP_EC_gen("P-521"), "SHA384", false},
        {rsa2048, "SHA384", false},
    };
    struct made root = make_certificate(
        &(struct make){.cn = "Root", .ca = true, .key = EVP_EC_gen("P-384")});

    (void)state;
    /* The root's own signature, with SHA-256, is nobody's business. */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made leaf =
            make_certificate(&(struct make){.issuer = &root,
                                            .cn = "Leaf",
                                            .key = cases[i].key,
                                            .digest = cases[i].digest});
        STACK_OF(X509) *chain = sk_X509_new_null();

        sk_X509_push(chain, leaf.cert);
        sk_X509_push(chain, root.cert);
        assert_int_equal(tls_chain_rules(chain, true),
                         cases[i].good ? TLS_RULE_CNSA1 : 0);
        assert_int_equal(tls_chain_rules(chain, false), 0);
        assert_int_equal(tls_certificate_rules(leaf.cert),
                         cases[i].good ? TLS_RULE_CNSA1 : 0);
        sk_X509_free(chain);
        made_free(&leaf);
        EVP_PKEY_free(cases[i].key);
    }
    assert_int_equal(tls_chain_rules(NULL, true), 0);
    EVP_PKEY_free(root.key); /* made_free() has the other reference */
    made_free(&root);
}

static void what_runs_is_told(void **state)
{
    char text[CRYPTO_TEXT], problem[256];

    (void)state;
    assert_int_equal(crypto_start(false, problem), 0);
    crypto_text(text);
    assert_int_equal(strncmp(text, "OpenSSL-3.", 10), 0);
    assert_non_null(strstr(text, ";default-3."));
    assert_non_null(strstr(text, ";fips=off"));
    /* Later it changes nothing, whatever there is. */
    (void)!crypto_start(true, problem);
    crypto_text(text);
    assert_non_null(strstr(text, ";fips=off"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_paper_has_the_table),
        cmocka_unit_test(P9_profiles_are_probed),
        cmocka_unit_test(P9_nothing_is_left_out),
        cmocka_unit_test(chains_meet_rules),
        cmocka_unit_test(what_runs_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
