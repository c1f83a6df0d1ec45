/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P8: the keeper judges approvals itself, from the files in its own set, and
 * says no whatever the supervisor thought. Only the question is here; the
 * system test has the processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/keeper.h"
#include "policy/approval.h"

static const char yaml[] = "policy: 1\n"
                           "serial: 7\n"
                           "models:\n"
                           "  orion: {upstream: {endpoints: "
                           "[\"unix:/m\"]}, apis: [openai.chat]}\n"
                           "parties:\n"
                           "  caisi: {kind: government, anchors: ca, people: "
                           "{eva: {san_uri: \"x://sp/caisi/eva\"}}}\n"
                           "terms: {t: {}}\n"
                           "windows:\n"
                           "  - {party: caisi, model: orion, opens: "
                           "2026-11-01T00:00:00Z, lasts: 10d, terms: [t]}\n";

#define ORIGIN "sp.sallyport/ledger"
enum { ALICE, BOB, CAROL, PEOPLE };
static const char *const names[] = {"alice", "bob", "carol"};

struct fixture {
    struct keeper k;
    struct minisign_secret secret[PEOPLE];
    struct keeper_approved approved;
    char problem[512];
};

/* Settings with these people, a bit each. */
static void settings_set(struct fixture *f, unsigned who, unsigned required)
{
    struct report report = {.out = stderr};
    char text[1024], key_text[MINISIGN_KEY_TEXT];
    size_t at = (size_t)snprintf(text, sizeof text,
                                 "deployment: sp\napprovals:\n  required: %u\n"
                                 "  approvers:\n",
                                 required);

    for (size_t i = 0; i < PEOPLE; i++) {
        struct minisign_key key;

        if ((who & 1u << i) == 0)
            continue;
        minisign_public(&f->secret[i], &key);
        minisign_key_format(&key, key_text);
        at += (size_t)snprintf(text + at, sizeof text - at, "    %s: \"%s\"\n",
                               names[i], key_text);
    }
    settings_free(f->k.snapshot.settings);
    assert_int_equal(
        settings_parse("s", text, at, "/", &report, &f->k.snapshot.settings),
        0);
}

static void apply(struct fixture *f, struct entry *e)
{
    e->n = standing_count(f->k.standing);
    e->t = clock_wall_ms();
    if (standing_apply(f->k.standing, e) != 0)
        fail_msg("%s", standing_error(f->k.standing));
}

#define TWO   (1u << ALICE | 1u << BOB)
#define OTHER (1u << ALICE | 1u << CAROL)

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct report report = {.out = stderr};
    struct entry e = {.kind = ENTRY_LOG_OPENED,
                      .u.log_opened = {ORIGIN, "1", "x", NULL}};

    assert_non_null(f);
    for (size_t i = 0; i < PEOPLE; i++)
        assert_int_equal(minisign_generate(&f->secret[i]), 0);
    f->k.snapshot.files = fileset_new();
    assert_int_equal(
        fileset_add(f->k.snapshot.files, "policy.yaml", yaml, sizeof yaml - 1),
        0);
    assert_int_equal(policy_parse("p", yaml, sizeof yaml - 1, NULL, NULL,
                                  &report, &f->k.snapshot.policy),
                     0);
    f->k.policy = f->k.snapshot.policy;
    f->k.standing = standing_new();
    settings_set(f, TWO, 2);
    apply(f, &e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    standing_free(f->k.standing);
    snapshot_release(&f->k.snapshot);
    free(f);
    return 0;
}

static void sign(struct fixture *f, unsigned who, const char *prefix,
                 const char *data)
{
    char file[MINISIGN_FILE_MAX], id[MINISIGN_ID_TEXT], name[128];
    char comment[APPROVAL_COMMENT_MAX];

    approval_comment(clock_wall_ms(), clock_wall_ms() + 60000, 0, comment);
    assert_int_equal(
        minisign_sign(&f->secret[who], data, strlen(data), comment, file), 0);
    minisign_id_format(f->secret[who].id, id);
    snprintf(name, sizeof name, "%sx.%s.minisig", prefix, id);
    assert_int_equal(fileset_add(f->k.snapshot.files, name, file, strlen(file)),
                     0);
}

static int judge(struct fixture *f)
{
    return keeper_approve(&f->k, &f->approved, f->problem);
}

/* As the keeper would record it. */
static void record(struct fixture *f)
{
    const struct approvers *set = &f->k.snapshot.settings->approvers;
    char text[APPROVERS_TEXT_MAX];
    struct entry e = {.kind = ENTRY_APPROVERS_SET,
                      .u.approvers_set = {.required = set->required,
                                          .valid_ms = set->valid_ms,
                                          .approvers = text}};

    approvers_format(set, text);
    if (f->approved.set_by[0] != '\0')
        e.u.approvers_set.by = f->approved.set_by;
    apply(f, &e);
}

static void policy_record(struct fixture *f)
{
    struct entry e = {
        .kind = ENTRY_POLICY_LOADED,
        .u.policy_loaded = {.serial = 7, .approvers = f->approved.policy_by}};

    memcpy(e.u.policy_loaded.sha256, f->k.policy->sha256, 32);
    apply(f, &e);
}

static void P8_keeper_wants_signatures(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->problem, "policy serial 7 is not approved: 0 of "
                                       "2 approvals; still missing: alice, "
                                       "bob"));
    sign(f, ALICE, APPROVAL_OF_POLICY, yaml);
    sign(f, CAROL, APPROVAL_OF_POLICY, yaml);
    assert_int_equal(judge(f), SP_EPERM);
    sign(f, BOB, APPROVAL_OF_POLICY, yaml);
    assert_int_equal(judge(f), 0);
    assert_true(f->approved.set_changes);
    assert_string_equal(f->approved.set_by, "");
    assert_int_equal(strncmp(f->approved.policy_by, "alice:", 6), 0);
    assert_non_null(strstr(f->approved.policy_by, ",bob:"));
}

static void P5_keeper_goes_on_with_the_policy_in_force(void **state)
{
    struct fixture *f = *state;

    sign(f, ALICE, APPROVAL_OF_POLICY, yaml);
    sign(f, BOB, APPROVAL_OF_POLICY, yaml);
    assert_int_equal(judge(f), 0);
    record(f);
    policy_record(f);
    fileset_free(f->k.snapshot.files);
    f->k.snapshot.files = fileset_new();
    assert_int_equal(judge(f), 0);
    assert_false(f->approved.set_changes);
    assert_string_equal(f->approved.policy_by, "");
}

static void P8_keeper_holds_settings_to_the_ledger(void **state)
{
    struct fixture *f = *state;
    char text[APPROVERS_DOCUMENT_MAX];

    sign(f, ALICE, APPROVAL_OF_POLICY, yaml);
    sign(f, BOB, APPROVAL_OF_POLICY, yaml);
    sign(f, CAROL, APPROVAL_OF_POLICY, yaml);
    assert_int_equal(judge(f), 0);
    record(f);
    settings_set(f, TWO, 1);
    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->problem, "entry 1 of the ledger"));
    settings_set(f, OTHER, 2);
    assert_int_equal(judge(f), SP_EPERM);
    /* The right document, signed by one, by others, by two. */
    approvers_document(&f->k.snapshot.settings->approvers, ORIGIN, 1, text);
    assert_int_equal(fileset_add(f->k.snapshot.files, APPROVAL_APPROVERS, text,
                                 strlen(text)),
                     0);
    sign(f, ALICE, APPROVAL_OF_APPROVERS, text);
    sign(f, CAROL, APPROVAL_OF_APPROVERS, text);
    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->problem, "approvers.txt is not approved: 1 of"));
    sign(f, BOB, APPROVAL_OF_APPROVERS, text);
    assert_int_equal(judge(f), 0);
    assert_true(f->approved.set_changes);
    record(f);
    assert_int_equal(judge(f), 0);
    assert_false(f->approved.set_changes);
    /* The same signatures are for no other change. */
    settings_set(f, TWO, 2);
    assert_int_equal(judge(f), SP_EPERM);
    assert_non_null(strstr(f->problem, "entry 2 of the ledger"));
}

/* A document of another ledger, or of this one's other entry. */
static void P8_keeper_takes_no_document_of_another_change(void **state)
{
    static const struct {
        const char *origin;
        uint64_t n;
    } wrong[] = {{"other.sallyport/ledger", 1}, {ORIGIN, 0}, {ORIGIN, 2}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[APPROVERS_DOCUMENT_MAX];
        struct fixture *f;

        if (i > 0)
            assert_int_equal(setup(state), 0);
        f = *state;
        sign(f, ALICE, APPROVAL_OF_POLICY, yaml);
        sign(f, BOB, APPROVAL_OF_POLICY, yaml);
        assert_int_equal(judge(f), 0);
        record(f);
        settings_set(f, OTHER, 2);
        approvers_document(&f->k.snapshot.settings->approvers, wrong[i].origin,
                           wrong[i].n, text);
        assert_int_equal(fileset_add(f->k.snapshot.files, APPROVAL_APPROVERS,
                                     text, strlen(text)),
                         0);
        sign(f, ALICE, APPROVAL_OF_APPROVERS, text);
        sign(f, BOB, APPROVAL_OF_APPROVERS, text);
        assert_int_equal(judge(f), SP_EPERM);
        assert_non_null(strstr(f->problem, "entry 1 of the ledger"));
        if (i + 1 < sizeof wrong / sizeof wrong[0])
            teardown(state);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(P8_keeper_wants_signatures),
        TEST(P5_keeper_goes_on_with_the_policy_in_force),
        TEST(P8_keeper_holds_settings_to_the_ledger),
        TEST(P8_keeper_takes_no_document_of_another_change),
    };

    log_open("test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
