/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P8: what counts as the second person's word that a suspension may end. One
 * text of one ledger, one person and one suspension, by one of the approvers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/resume_approval.h"
#include "lib/minisign.h"

struct fixture {
    struct settings settings;
    struct minisign_secret ada, bob, eve;
};

#define ORIGIN "sp.sallyport/ledger"

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct minisign_secret *const all[] = {&f->ada, &f->bob, &f->eve};
    static const char *const names[] = {"ada", "bob"};
    struct minisign_key key;

    assert_non_null(f);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(minisign_generate(all[i]), 0);
        minisign_public(all[i], &key);
        if (i < 2)
            assert_int_equal(
                approvers_add(&f->settings.approvers, names[i], &key), 0);
    }
    *state = f;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static void sign(const struct minisign_secret *by, const char *person,
                 uint64_t of, const char *origin, char text[MINISIGN_FILE_MAX])
{
    char statement[RESUME_STATEMENT_SIZE];

    resume_statement(statement, origin, "caisi", person, of);
    assert_int_equal(
        minisign_sign(by, statement, strlen(statement), "timestamp:1", text),
        0);
}

/* For caisi/eva, suspended by entry 17. */
static int check(const struct fixture *f, const char *approval,
                 char approver[RESUME_APPROVER_SIZE])
{
    char statement[RESUME_STATEMENT_SIZE], problem[ORDER_TEXT_SIZE] = "";
    int r;

    resume_statement(statement, ORIGIN, "caisi", "eva", 17);
    r = resume_approval_check(&f->settings, statement, approval, approver,
                              problem);
    assert_int_equal(r == 0, problem[0] == 0);
    return r;
}

static void the_text_is_as_documented(void **state)
{
    char text[RESUME_STATEMENT_SIZE];

    (void)state;
    resume_statement(text, ORIGIN, "caisi", "eva", 17);
    assert_string_equal(text, "sallyport resume\n" ORIGIN "\ncaisi/eva\n17\n");
    resume_statement(text, ORIGIN, "caisi", NULL, UINT64_MAX);
    assert_string_equal(text, "sallyport resume\n" ORIGIN
                              "\ncaisi/*\n18446744073709551615\n");
}

static void P8_an_approver_is_named_with_the_key(void **state)
{
    const struct fixture *f = *state;
    char text[MINISIGN_FILE_MAX], approver[RESUME_APPROVER_SIZE];
    char id[MINISIGN_ID_TEXT];

    sign(&f->bob, "eva", 17, ORIGIN, text);
    assert_int_equal(check(f, text, approver), 0);
    minisign_id_format(f->bob.id, id);
    assert_memory_equal(approver, "bob:", 4);
    assert_string_equal(approver + 4, id);
    sign(&f->ada, "eva", 17, ORIGIN, text);
    assert_int_equal(check(f, text, approver), 0);
    assert_memory_equal(approver, "ada:", 4);
}

static void P8_what_was_signed_for_something_else_is_refused(void **state)
{
    const struct fixture *f = *state;
    char text[MINISIGN_FILE_MAX], approver[RESUME_APPROVER_SIZE];

    sign(&f->ada, "eva", 16, ORIGIN, text); /* an earlier suspension */
    assert_int_equal(check(f, text, approver), SP_ESIGNATURE);
    sign(&f->ada, "eva", 171, ORIGIN, text);
    assert_int_equal(check(f, text, approver), SP_ESIGNATURE);
    sign(&f->ada, "bob", 17, ORIGIN, text); /* somebody else */
    assert_int_equal(check(f, text, approver), SP_ESIGNATURE);
    sign(&f->ada, NULL, 17, ORIGIN, text); /* the whole party */
    assert_int_equal(check(f, text, approver), SP_ESIGNATURE);
    sign(&f->ada, "eva", 17, "sp2.sallyport/ledger", text);
    assert_int_equal(check(f, text, approver), SP_ESIGNATURE);
}

static void P8_a_strangers_signature_is_refused(void **state)
{
    const struct fixture *f = *state;
    char text[MINISIGN_FILE_MAX], approver[RESUME_APPROVER_SIZE];
    struct minisign_secret liar = f->eve;

    sign(&f->eve, "eva", 17, ORIGIN, text);
    assert_int_equal(check(f, text, approver), SP_EPERM);
    memcpy(liar.id, f->ada.id, sizeof(liar.id)); /* under ada's key id */
    sign(&liar, "eva", 17, ORIGIN, text);
    assert_int_equal(check(f, text, approver), SP_ESIGNATURE);
}

static void P8_what_is_no_signature_file_is_refused(void **state)
{
    const struct fixture *f = *state;
    char text[MINISIGN_FILE_MAX], bad[MINISIGN_FILE_MAX];
    char approver[RESUME_APPROVER_SIZE];
    size_t length;

    assert_int_equal(check(f, "", approver), SP_EPERM);
    assert_int_equal(check(f, "RW", approver), SP_EINVAL);
    sign(&f->ada, "eva", 17, ORIGIN, text);
    length = strlen(text);
    for (size_t i = 0; i + 1 < length; i++) { /* all but the last newline */
        memcpy(bad, text, i);
        bad[i] = '\0';
        assert_int_not_equal(check(f, bad, approver), 0);
    }
    for (size_t i = strlen("untrusted comment: "); i < length; i++) {
        memcpy(bad, text, length + 1);
        if (i < (size_t)(strchr(text, '\n') - text))
            continue; /* the comment that nobody signs */
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(check(f, bad, approver), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)
        TEST(the_text_is_as_documented),
        TEST(P8_an_approver_is_named_with_the_key),
        TEST(P8_what_was_signed_for_something_else_is_refused),
        TEST(P8_a_strangers_signature_is_refused),
        TEST(P8_what_is_no_signature_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
