/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of very many people: what is looked up instead of searched for must
 * be found, and refused with the same words at the same places, as in a policy
 * of three.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/crowd.h"
#include "policy/policy.h"

static const char head[] =
    "policy: 1\nserial: 1\nmodels:\n"
    "  orion: {upstream: {endpoints: [\"unix:/m\"]}, apis: [openai.chat]}\n"
    "terms: {plain: {}}\nwindows:\n"
    "  - {party: bank, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 1d, "
    "terms: [plain]}\n"
    "parties:\n"; /* 8 lines */

static int parse(const char *text, size_t length, char **said,
                 struct policy **p)
{
    struct report report = {0};
    size_t size;
    int r;

    report.out = open_memstream(said, &size);
    assert_non_null(report.out);
    r = policy_parse("p", text, length, NULL, NULL, &report, p);
    fclose(report.out);
    assert_int_equal(r == SP_EINVAL, report.errors > 0);
    return r;
}

/* A party of `count` people from line `line` on: names h0 …, URIs x://i. */
static void party_put(FILE *f, const char *name, unsigned count)
{
    fprintf(f,
            "  %s:\n    kind: trusted-partner\n    anchors: ca\n    people:\n",
            name);
    for (unsigned i = 0; i < count; i++)
        fprintf(f, "      h%u: {san_uri: \"x://%s/%u\"}\n", i, name, i);
}

/* Replaces one person's line. */
static void check(unsigned count, unsigned person, const char *line,
                  const char *expected)
{
    char *text = NULL, *said, find[32], *at, *broken;
    struct policy *p;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    fputs(head, f);
    party_put(f, "bank", count);
    fclose(f);
    snprintf(find, sizeof find, "      h%u: ", person);
    at = strstr(text, find);
    assert_non_null(at);
    *at = 0;
    assert_true(asprintf(&broken, "%s%s%s", text, line, strchr(at + 1, '\n')) >
                0);
    assert_int_equal(parse(broken, strlen(broken), &said, &p),
                     expected[0] == 0 ? 0 : SP_EINVAL);
    assert_string_equal(said, expected);
    policy_free(p);
    free(said);
    free(broken);
    free(text);
}

static void doubles_are_told_where_they_stand(void **state)
{
    (void)state;
    check(6000, 5000, "      h5000: {san_uri: \"x://own\"}", "");
    check(6000, 5000, "      h7: {san_uri: \"x://own\"}",
          "p:5013:7: duplicate key \"h7\": expected it once, it is in line "
          "20\n");
    check(6000, 17, "      h5: {san_uri: \"x://own\"}",
          "p:30:7: duplicate key \"h5\": expected it once, it is in line "
          "18\n");
    check(6000, 5000, "      h5000: {san_uri: \"x://bank/7\"}",
          "p:5013:24: another person has this URI: expected one that is nobody "
          "else's\n");
    /* Whoever comes later is told, even if the earlier one is the wrong one. */
    check(6000, 7, "      h7: {san_uri: \"x://bank/5000\"}",
          "p:5013:24: another person has this URI: expected one that is nobody "
          "else's\n");
    check(
        6000, 5000,
        "      h5000: {san_uri: \"x://own\", kind: service, custodian: h6001}",
        "p:5013:61: the custodian is not a human of this party: expected a "
        "name of \"people\" with kind human\n");
    check(
        6000, 5000,
        "      h5000: {san_uri: \"x://own\", kind: service, custodian: h4999}",
        "");
    check(6000, 5000, "      h5000: {san_uri: \"x://own\", kindd: human}",
          "p:5013:35: unknown key \"kindd\": did you mean \"kind\"?\n");
}

/* One error for each earlier one, as many as are told of any file. */
static void many_doubles_end(void **state)
{
    char *text = NULL, *said;
    struct policy *p;
    size_t size, lines = 0;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    assert_non_null(f);
    fputs(head, f);
    party_put(f, "bank", 1);
    for (unsigned i = 1; i < 50000; i++)
        fprintf(f, "      h%u: {san_uri: \"x://bank/0\"}\n", i);
    fclose(f);
    assert_int_equal(parse(text, size, &said, &p), SP_EINVAL);
    for (const char *c = said; *c != 0; c++)
        lines += *c == '\n';
    assert_int_equal(lines, LIMIT_POLICY_ERRORS + 1);
    assert_memory_equal(said, "p:14:21: another person has this URI", 36);
    free(said);
    free(text);
}

/* Nothing is printed any more; it is refused all the same. */
static void doubles_count_when_the_report_is_full(void **state)
{
    struct report report = {.limit = 2, .errors = 3};
    struct policy *p;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    assert_non_null(f);
    fputs(head, f);
    party_put(f, "bank", 100);
    fprintf(f, "      last: {san_uri: \"x://bank/50\"}\n");
    fclose(f);
    assert_int_equal(policy_parse("p", text, size, NULL, NULL, &report, &p),
                     SP_EINVAL);
    assert_null(p);
    assert_int_equal(report.errors, 4);
    free(text);
}

/* `count` people in each party, refused with these words or not at all. */
static void check_count(unsigned bank, unsigned lab, const char *expected)
{
    char *text = NULL, *said;
    struct policy *p;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    fputs(head, f);
    party_put(f, "bank", bank);
    if (lab > 0)
        party_put(f, "lab", lab);
    fclose(f);
    assert_int_equal(parse(text, size, &said, &p),
                     expected[0] == 0 ? 0 : SP_EINVAL);
    assert_string_equal(said, expected);
    policy_free(p);
    free(said);
    free(text);
}

static void only_so_many_people_are_allowed(void **state)
{
    (void)state;
    check_count(LIMIT_POLICY_PEOPLE, 0, "");
    check_count(LIMIT_POLICY_PEOPLE + 1, 0,
                "p:131085:7: too many members: expected at most 131072\n");
    check_count(LIMIT_POLICY_PEOPLE, 1,
                "p:8:1: 131073 people: expected at most 131072\n");
}

/* Only the map of people is large, not all that are called so. */
static void other_lists_keep_their_limit(void **state)
{
    static const char *const starts[] = {
        "policy: 1\npeople:\n", "parties:\n  people:\n",
        "models:\n  orion:\n    apis:\n", "parties:\n  bank:\n    anchors:\n",
        "parties:\n  bank:\n    people:\n      h0:\n        people:\n"};

    (void)state;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        char *text = NULL, *said;
        struct policy *p;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        fputs(starts[i], f);
        for (unsigned k = 0; k < 4097; k++)
            fprintf(f, "          h%u: 1\n", k);
        fclose(f);
        assert_int_equal(parse(text, size, &said, &p), SP_EINVAL);
        assert_non_null(
            strstr(said, ":11: too many members: expected at most 4096\n"));
        free(said);
        free(text);
    }
}

static struct policy *crowd(unsigned people, unsigned parties)
{
    char *said, *text;
    struct policy *p;
    size_t length;

    text = crowd_policy(people, parties, "ca", &length);
    assert_non_null(text);
    if (parse(text, length, &said, &p) != 0)
        fail_msg("%s", said);
    free(said);
    free(text);
    return p;
}

static void everybody_is_found(void **state)
{
    struct policy *p = crowd(20000, 200);

    (void)state;
    assert_int_equal(p->npeople, 20000);
    for (uint32_t i = 0; i < p->npeople; i++) {
        const struct policy_person *person = &p->people[i];

        assert_int_equal(policy_find_person(p, person->party, person->name), i);
        assert_int_equal(
            policy_find_person(p, (person->party + 1) % 200, person->name), -1);
    }
    for (uint32_t i = 0; i < p->nparties; i++)
        assert_int_equal(policy_find_party(p, p->parties[i].name), i);
    assert_int_equal(policy_find_party(p, "party-0200"), -1);
    assert_int_equal(policy_find_party(p, ""), -1);
    assert_int_equal(policy_find_person(p, 200, "evaluator-000000"), -1);
    assert_int_equal(policy_find_person(p, UINT32_MAX, "evaluator-000000"), -1);
    assert_int_equal(policy_find_model(p, "orion"), 0);
    assert_int_equal(policy_find_model(p, "orio"), -1);
    policy_free(p);
}

/* Names in no order, so that sorting has something to do. */
static void names_in_any_order_are_found(void **state)
{
    static const unsigned order[] = {7, 3, 9, 1, 30, 2, 22, 11, 100, 10};
    char *text = NULL, *said;
    struct policy *p;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    assert_non_null(f);
    fputs(head, f);
    for (unsigned k = 0; k < 2; k++) {
        fprintf(f,
                "  %s:\n    kind: trusted-partner\n    anchors: ca\n"
                "    people:\n",
                k == 0 ? "lab" : "bank");
        for (unsigned i = 0; i < 10; i++)
            fprintf(f, "      h%u: {san_uri: \"x://%u/%u\"}\n", order[i], k,
                    order[i]);
    }
    fclose(f);
    if (parse(text, size, &said, &p) != 0)
        fail_msg("%s", said);
    assert_int_equal(policy_find_party(p, "lab"), 0);
    assert_int_equal(policy_find_party(p, "bank"), 1);
    for (unsigned i = 0; i < 10; i++) {
        char name[16];

        snprintf(name, sizeof name, "h%u", order[i]);
        assert_int_equal(policy_find_person(p, 0, name), i);
        assert_int_equal(policy_find_person(p, 1, name), 10 + i);
    }
    assert_int_equal(policy_find_person(p, 0, "h4"), -1);
    policy_free(p);
    free(said);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_are_told_where_they_stand),
        cmocka_unit_test(many_doubles_end),
        cmocka_unit_test(doubles_count_when_the_report_is_full),
        cmocka_unit_test(only_so_many_people_are_allowed),
        cmocka_unit_test(other_lists_keep_their_limit),
        cmocka_unit_test(everybody_is_found),
        cmocka_unit_test(names_in_any_order_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
