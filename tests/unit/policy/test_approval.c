/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P8: which signatures count, and that nothing else ever does. Keys are made
 * here; time is a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/approval.h"

#define NOW INT64_C(1793880000000)
#define DAY INT64_C(86400000)

static const char text[] = "policy: 1\nserial: 7\n";

enum { ALICE, BOB, CAROL, MALLORY, PEOPLE };
static const char *const names[] = {"alice", "bob", "carol", "mallory"};

struct fixture {
    struct minisign_secret secret[PEOPLE];
    struct approvers set; /* all but mallory, two required */
    struct fileset *files;
    struct approval_document d;
    struct approval a;
    char told[4096]; /* "file: why\n" */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct minisign_key key;

    assert_non_null(f);
    f->set.required = 2;
    f->set.valid_ms = 30 * DAY;
    for (size_t i = 0; i < PEOPLE; i++) {
        assert_int_equal(minisign_generate(&f->secret[i]), 0);
        minisign_public(&f->secret[i], &key);
        if (i != MALLORY)
            assert_int_equal(approvers_add(&f->set, names[i], &key), 0);
    }
    f->files = fileset_new();
    f->d = (struct approval_document){.prefix = APPROVAL_OF_POLICY,
                                      .data = text,
                                      .length = sizeof text - 1,
                                      .serial = 7};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fileset_free(f->files);
    free(f);
    return 0;
}

/* Adds a signature of `who` in a file named for the key of `named`, or for
 * nobody's id if that is NULL. */
static void add_as(struct fixture *f, unsigned who, const char *named,
                   const char *comment, const char *data)
{
    char file[MINISIGN_FILE_MAX], name[256];

    assert_int_equal(
        minisign_sign(&f->secret[who], data, strlen(data), comment, file), 0);
    snprintf(name, sizeof name, APPROVAL_OF_POLICY "p.%s.minisig", named);
    assert_int_equal(fileset_add(f->files, name, file, strlen(file)), 0);
}

static void add(struct fixture *f, unsigned who, const char *comment)
{
    char id[MINISIGN_ID_TEXT];

    minisign_id_format(f->secret[who].id, id);
    add_as(f, who, id, comment, text);
}

static void add_good(struct fixture *f, unsigned who)
{
    char comment[APPROVAL_COMMENT_MAX];

    approval_comment(NOW - DAY, NOW + DAY, 7, comment);
    add(f, who, comment);
}

static void on_told(void *arg, const char *file, const char *why)
{
    struct fixture *f = arg;
    size_t at = strlen(f->told);

    snprintf(f->told + at, sizeof f->told - at, "%s: %s\n", file, why);
}

static int judge(struct fixture *f)
{
    f->told[0] = '\0';
    return approval_judge(&f->set, &f->d, f->files, NOW, on_told, f, &f->a);
}

static void P8_enough_signatures_approve(void **state)
{
    struct fixture *f = *state;
    char by[APPROVERS_BY_MAX], alice[MINISIGN_ID_TEXT], carol[MINISIGN_ID_TEXT];

    add_good(f, CAROL);
    assert_int_equal(judge(f), SP_EPERM);
    assert_int_equal(f->a.have, 1);
    assert_string_equal(f->a.missing, "alice, bob");
    add_good(f, ALICE);
    assert_int_equal(judge(f), 0);
    assert_int_equal(f->a.have, 2);
    minisign_id_format(f->secret[ALICE].id, alice);
    minisign_id_format(f->secret[CAROL].id, carol);
    snprintf(by, sizeof by, "alice:%s,carol:%s", alice, carol);
    assert_string_equal(f->a.by, by);
    assert_string_equal(f->a.missing, "bob");
    assert_string_equal(f->told, "");
}

static void P8_nobody_approves_nothing(void **state)
{
    struct fixture *f = *state;
    struct approvers none = {0};
    struct approval a;

    assert_int_equal(judge(f), SP_EPERM);
    assert_int_equal(f->a.have, 0);
    assert_int_equal(f->a.need, 2);
    /* A set that requires nothing is no way in. */
    assert_int_equal(
        approval_judge(&none, &f->d, f->files, NOW, NULL, NULL, &a), SP_EPERM);
}

/* What the trusted comment may say, and what follows from it. */
static void P8_times_are_looked_at(void **state)
{
    static const struct {
        const char *comment;
        const char *why; /* NULL: it counts */
    } cases[] = {
        /* 1793880000 is now */
        {"timestamp:1793880000\tfile:p\thashed", NULL},
        {"timestamp:1793880000", NULL},
        {"timestamp:1793880300", NULL}, /* five minutes ahead */
        {"timestamp:1793880301", "signed in the future"},
        {"timestamp:1791288001", NULL}, /* 30 days ago, but a second */
        {"timestamp:1791288000", "expired at"},
        {"timestamp:1\texpires:1793880001", NULL},
        {"timestamp:1\texpires:1793880000", "expired at"},
        {"expires:1793880001", NULL},
        {"expires:1793880000", "expired at"},
        {"expires:1793879999\ttimestamp:1793880000", "expired at"},
        {"timestamp:1793880000\texpires:0", "expired at"},
        {"timestamp:1793880000\texpires:1793890000\tserial:7", NULL},
        {"timestamp:1793880000\texpires:1793890000\tserial:8",
         "made for serial 8: expected one for serial 7"},
        {"timestamp:1793890000\texpires:1793890000", "signed in the future"},
        {"", "does not say how long"},
        {"serial:7", "does not say how long"},
        {"file:timestamp:1793880000", "does not say how long"},
        {"Timestamp:1793880000", "does not say how long"},
        {"timestamp:", "trusted comment is wrong"},
        {"timestamp:-1", "trusted comment is wrong"},
        {"timestamp:1793880000 ", "trusted comment is wrong"},
        {"timestamp: 1793880000", "trusted comment is wrong"},
        {"timestamp:0x6aec", "trusted comment is wrong"},
        {"timestamp:1793880000\ttimestamp:1793880000",
         "trusted comment is wrong"},
        {"expires:1\texpires:9999999999", "trusted comment is wrong"},
        {"timestamp:1793880000\texpires:99999999999999999999",
         "trusted comment is wrong"},
        {"timestamp:1793880000\tserial:", "trusted comment is wrong"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *own = NULL;
        struct fixture *f;

        assert_int_equal(setup(&own), 0);
        f = own;
        add_good(f, ALICE);
        add(f, BOB, cases[i].comment);
        if ((judge(f) == 0) != (cases[i].why == NULL))
            fail_msg("\"%s\": %s", cases[i].comment, f->told);
        if (cases[i].why != NULL && strstr(f->told, cases[i].why) == NULL)
            fail_msg("\"%s\": %s", cases[i].comment, f->told);
        teardown(&own);
    }
}

static void P8_one_key_counts_once(void **state)
{
    struct fixture *f = *state;
    char id[MINISIGN_ID_TEXT];

    add_good(f, ALICE);
    minisign_id_format(f->secret[ALICE].id, id);
    for (char *p = id; *p != '\0'; p++)
        *p = (char)(*p >= 'A' ? *p + 32 : *p);
    add_as(f, ALICE, id, "timestamp:1793880000", text); /* the same, in small */
    assert_int_equal(judge(f), SP_EPERM);
    assert_int_equal(f->a.have, 1);
    assert_non_null(strstr(f->told, "alice is counted already"));
}

static void P8_a_signature_is_its_signers(void **state)
{
    struct fixture *f = *state;
    char id[MINISIGN_ID_TEXT];

    add_good(f, ALICE);
    /* In bob's name, by alice. */
    minisign_id_format(f->secret[BOB].id, id);
    add_as(f, ALICE, id, "timestamp:1793880000", text);
    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->told, "but named for"));
    assert_int_equal(f->a.have, 1);
}

static void P8_strangers_do_not_count(void **state)
{
    struct fixture *f = *state;

    add_good(f, ALICE);
    add_good(f, MALLORY);
    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->told, "is of no approver"));
    /* Nor with bob's id in key, file and name. */
    memcpy(f->secret[MALLORY].id, f->secret[BOB].id, 8);
    add_good(f, MALLORY);
    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->told, "does not verify with the key of bob"));
    assert_int_equal(f->a.have, 1);
}

static void P8_other_bytes_are_not_approved(void **state)
{
    struct fixture *f = *state;
    char changed[sizeof text];

    add_good(f, ALICE);
    add_good(f, BOB);
    assert_int_equal(judge(f), 0);
    f->d.data = changed;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        memcpy(changed, text, sizeof text);
        changed[i] ^= 1;
        assert_int_equal(judge(f), SP_EPERM);
        assert_int_equal(f->a.have, 0);
    }
    memcpy(changed, text, sizeof text);
    f->d.length--;
    assert_int_equal(judge(f), SP_EPERM);
}

static void P8_the_author_does_not_count(void **state)
{
    struct fixture *f = *state;

    f->d.author = "alice";
    add_good(f, ALICE);
    add_good(f, BOB);
    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->told, "alice is the author"));
    assert_string_equal(f->a.missing, "carol");
    add_good(f, CAROL);
    assert_int_equal(judge(f), 0);
    /* Nobody can be the author to get around that. */
    f->d.author = "nobody";
    assert_int_equal(judge(f), SP_EINVAL);
}

static void P8_bad_files_neither_help_nor_block(void **state)
{
    static const char *const bad[] = {"", "x", "untrusted comment: x\n"};
    struct fixture *f = *state;
    char name[256];

    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, APPROVAL_OF_POLICY "p.%016zX.minisig", i);
        assert_int_equal(fileset_add(f->files, name, bad[i], strlen(bad[i])),
                         0);
    }
    add_as(f, BOB, "backup", "timestamp:1793880000", text);
    assert_int_equal(judge(f), SP_EPERM);
    assert_int_equal(f->a.have, 0);
    assert_non_null(strstr(f->told, "no key id in its name"));
    assert_non_null(strstr(f->told, "p.0000000000000001.minisig: not a signa"));
    add_good(f, ALICE);
    add_good(f, BOB);
    assert_int_equal(judge(f), 0);
}

/* A signature of one kind of document says nothing of the other. */
static void P8_signatures_stay_with_their_document(void **state)
{
    struct fixture *f = *state;

    add_good(f, ALICE);
    add_good(f, BOB);
    f->d.prefix = APPROVAL_OF_APPROVERS;
    assert_int_equal(judge(f), SP_EPERM);
    assert_string_equal(f->told, "");
}

static void sets_have_one_spelling(void **state)
{
    struct fixture *f = *state;
    char good[APPROVERS_TEXT_MAX], wrong[APPROVERS_TEXT_MAX + 64];
    struct approvers set;
    char *comma;

    approvers_format(&f->set, good);
    assert_int_equal(approvers_parse(good, 2, 30 * DAY, &set), 0);
    assert_true(approvers_equal(&set, &f->set));
    for (unsigned required = 0; required < 20; required++)
        assert_int_equal(approvers_parse(good, required, 30 * DAY, &set),
                         required >= 1 && required <= 3 ? 0 : SP_EINVAL);
    assert_int_equal(approvers_parse(good, 2, 0, &set), SP_EINVAL);
    assert_int_equal(approvers_parse(good, 2, 366 * DAY, &set), SP_EINVAL);
    assert_int_equal(approvers_parse("", 1, 30 * DAY, &set), SP_EINVAL);
    snprintf(wrong, sizeof wrong, "%s,", good);
    assert_int_equal(approvers_parse(wrong, 2, 30 * DAY, &set), SP_EINVAL);
    snprintf(wrong, sizeof wrong, ",%s", good);
    assert_int_equal(approvers_parse(wrong, 2, 30 * DAY, &set), SP_EINVAL);
    snprintf(wrong, sizeof wrong, "A%s", good + 1);
    assert_int_equal(approvers_parse(wrong, 2, 30 * DAY, &set), SP_EINVAL);
    /* another order: carol's before the others */
    comma = strrchr(good, ',');
    snprintf(wrong, sizeof wrong, "%s,%.*s", comma + 1, (int)(comma - good),
             good);
    assert_int_equal(approvers_parse(wrong, 2, 30 * DAY, &set), SP_EINVAL);
    /* one key under two names */
    snprintf(wrong, sizeof wrong, "%s,dave:%s", good, comma + 1 + 6);
    assert_int_equal(approvers_parse(wrong, 2, 30 * DAY, &set), SP_EINVAL);
}

static void sets_do_not_take_twins(void **state)
{
    struct fixture *f = *state;
    struct minisign_key key = f->set.list[0].key, other;

    minisign_public(&f->secret[MALLORY], &other);
    assert_int_equal(approvers_add(&f->set, "dave", &key), SP_EEXIST);
    assert_int_equal(approvers_add(&f->set, "alice", &other), SP_EEXIST);
    key.key[0] ^= 1; /* the id alone */
    assert_int_equal(approvers_add(&f->set, "dave", &key), SP_EEXIST);
    key = f->set.list[0].key;
    key.id[0] ^= 1; /* the key alone */
    assert_int_equal(approvers_add(&f->set, "dave", &key), SP_EEXIST);
    assert_int_equal(f->set.count, 3);
}

static void who_approved_has_one_spelling(void **state)
{
    struct fixture *f = *state;
    char good[APPROVERS_BY_MAX], wrong[APPROVERS_BY_MAX + 64];
    bool who[LIMIT_APPROVERS] = {true, false, true};
    unsigned count;
    char *comma;

    approvers_by_format(&f->set, who, good);
    assert_int_equal(approvers_by_parse(&f->set, good, who, &count), 0);
    assert_int_equal(count, 2);
    assert_true(who[0] && !who[1] && who[2]);
    comma = strchr(good, ',');
    snprintf(wrong, sizeof wrong, "%s,%s", good, comma + 1);
    assert_int_equal(approvers_by_parse(&f->set, wrong, who, &count),
                     SP_EINVAL);
    snprintf(wrong, sizeof wrong, "%s,%.*s", comma + 1, (int)(comma - good),
             good);
    assert_int_equal(approvers_by_parse(&f->set, wrong, who, &count),
                     SP_EINVAL);
    snprintf(wrong, sizeof wrong, "bob%s", strchr(good, ':'));
    assert_int_equal(approvers_by_parse(&f->set, wrong, who, &count),
                     SP_EINVAL);
    assert_int_equal(
        approvers_by_parse(&f->set, "alice:0123456789ABCDEF", who, &count),
        SP_EINVAL);
}

/* The document for a new set can be used for one change of one ledger. */
static void documents_name_their_ledger_and_entry(void **state)
{
    struct fixture *f = *state;
    char a[APPROVERS_DOCUMENT_MAX], b[APPROVERS_DOCUMENT_MAX];
    struct approvers set = f->set;

    approvers_document(&f->set, "sp.sallyport/ledger", 1, a);
    assert_non_null(strstr(a, "ledger: sp.sallyport/ledger\nreplaces: entry 1\n"
                              "required: 2\nvalid: 2592000000 ms\nalice: RW"));
    approvers_document(&f->set, "sp.sallyport/ledger", 2, b);
    assert_string_not_equal(a, b);
    approvers_document(&f->set, "sq.sallyport/ledger", 1, b);
    assert_string_not_equal(a, b);
    set.required = 1;
    approvers_document(&set, "sp.sallyport/ledger", 1, b);
    assert_string_not_equal(a, b);
    set = f->set;
    set.valid_ms++;
    approvers_document(&set, "sp.sallyport/ledger", 1, b);
    assert_string_not_equal(a, b);
    set = f->set;
    set.list[2].key.key[31] ^= 1;
    approvers_document(&set, "sp.sallyport/ledger", 1, b);
    assert_string_not_equal(a, b);
}

/* The largest sets fit into the texts and documents that are made of them. */
static void large_sets_fit(void **state)
{
    static struct approvers set, again;
    char text_of[APPROVERS_TEXT_MAX], by[APPROVERS_BY_MAX];
    char document[APPROVERS_DOCUMENT_MAX], name[LIMIT_NAME_BYTES + 1];
    char origin[129];

    (void)state;
    memset(&set, 0, sizeof set);
    set.required = LIMIT_APPROVALS_REQUIRED;
    set.valid_ms = APPROVERS_VALID_MAX_MS;
    memset(origin, 'o', sizeof origin - 1);
    origin[128] = '\0';
    for (unsigned i = 0; i < LIMIT_APPROVERS + 1; i++) {
        struct minisign_secret secret;
        struct minisign_key key;

        assert_int_equal(minisign_generate(&secret), 0);
        minisign_public(&secret, &key);
        snprintf(name, sizeof name, "%064u", i);
        assert_int_equal(approvers_add(&set, name, &key),
                         i < LIMIT_APPROVERS ? 0 : SP_ETOOBIG);
    }
    approvers_format(&set, text_of);
    assert_int_equal(
        approvers_parse(text_of, set.required, set.valid_ms, &again), 0);
    assert_true(approvers_equal(&set, &again));
    approvers_by_format(&set, NULL, by);
    assert_true(strlen(by) < sizeof by - 1);
    approvers_document(&set, origin, UINT64_MAX, document);
    assert_true(strlen(document) < sizeof document - 1);
    assert_int_equal(document[strlen(document) - 1], '\n');
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(P8_enough_signatures_approve),
        TEST(P8_nobody_approves_nothing),
        cmocka_unit_test(P8_times_are_looked_at),
        TEST(P8_one_key_counts_once),
        TEST(P8_a_signature_is_its_signers),
        TEST(P8_strangers_do_not_count),
        TEST(P8_other_bytes_are_not_approved),
        TEST(P8_the_author_does_not_count),
        TEST(P8_bad_files_neither_help_nor_block),
        TEST(P8_signatures_stay_with_their_document),
        TEST(sets_have_one_spelling),
        TEST(sets_do_not_take_twins),
        TEST(who_approved_has_one_spelling),
        TEST(documents_name_their_ledger_and_entry),
        cmocka_unit_test(large_sets_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
