/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled set: what it answers, what stays revoked whatever comes later
 * (P9), what is too old, and what hostile bytes in its place can do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/revocations.h"
#include "certs/revocations_format.h"
#include "tests/unit/certs/made_crl.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOUR   3600000LL
#define DAY    (24 * HOUR)
#define LISTS  8
#define MAXAGE (2 * DAY)

static struct made root, sub, other;
static STACK_OF(X509) * pool;

static int world_make(void **state)
{
    (void)state;
    root = make_certificate(&(struct make){.cn = "Root", .ca = true});
    sub = make_certificate(
        &(struct make){.issuer = &root, .cn = "Sub", .ca = true});
    other = make_certificate(&(struct make){.cn = "Other", .ca = true});
    pool = sk_X509_new_null();
    sk_X509_push(pool, root.cert);
    sk_X509_push(pool, sub.cert);
    sk_X509_push(pool, other.cert);
    return 0;
}

static int world_free(void **state)
{
    (void)state;
    sk_X509_free(pool);
    made_free(&root);
    made_free(&sub);
    made_free(&other);
    return 0;
}

static struct crl *crl_of(const struct made_crl *m)
{
    struct made_crl make = *m;
    char problem[CRL_PROBLEM];
    struct crl_list l;
    struct crl *crl;

    if (make.issuer == NULL)
        make.issuer = &sub;
    struct bytes der = make_crl(&make);
    if (crl_parse(der.data, der.length, &l, problem) != 0 ||
        crl_verify(l.items[0], pool, MADE_NOW, problem) != 0)
        fail_msg("%s", problem);
    crl = l.items[0];
    free(l.items);
    free(der.data);
    return crl;
}

static void crl_drop(struct crl *crl)
{
    struct crl_list l = {.items = malloc(sizeof(struct crl *)), .count = 1};

    l.items[0] = crl;
    crl_list_release(&l);
}

struct set {
    struct revocations_built built;
    struct revocations view;
    struct revocations_outcome outcomes[LISTS];
};

static void set_free(struct set *s)
{
    free(s->built.data);
    *s = (struct set){0};
}

/* *s is the set before and becomes the next. */
static void set_next(struct set *s, const struct made_crl *lists, size_t n)
{
    struct crl *crls[LISTS] = {NULL};
    struct set next = {0};

    for (size_t i = 0; i < n; i++)
        crls[i] = crl_of(&lists[i]);
    assert_int_equal(revocations_build(crls, n, s->view.data ? &s->view : NULL,
                                       MADE_NOW, next.outcomes, &next.built),
                     0);
    for (size_t i = 0; i < n; i++)
        crl_drop(crls[i]);
    assert_int_equal(
        revocations_open(next.built.data, next.built.length, &next.view), 0);
    free(s->built.data);
    *s = next;
}

static struct chain_link link_of(const struct made *issuer, const char *serial,
                                 bool ca, const char *point)
{
    struct chain_link l = {.ca = ca};
    struct bytes b = {0};

    bytes_hex(&b, serial);
    assert_int_equal(chain_key_hash(issuer->cert, l.issuer_key), 0);
    assert_int_equal(chain_name_hash(issuer->cert, l.issuer_name), 0);
    memcpy(l.serial, b.data, b.length);
    l.serial_length = (uint8_t)b.length;
    free(b.data);
    if (point != NULL) {
        assert_int_equal(chain_point_hash((const uint8_t *)point, strlen(point),
                                          l.points[0]),
                         0);
        l.npoints = 1;
    }
    return l;
}

static enum revocation leaf_is(const struct set *s, const char *serial)
{
    struct chain_link l = link_of(&sub, serial, false, NULL);
    int64_t until;

    return revocations_check(&s->view, &l, 1, MADE_NOW, MAXAGE, &until);
}

/* --- what is answered --------------------------------------------------------
 */

#define GOOD    REVOCATION_GOOD
#define REVOKED REVOCATION_REVOKED
#define UNKNOWN REVOCATION_UNKNOWN

struct check_case {
    const char *name;
    struct made_crl lists[3];
    const char *serial; /* of the leaf under `sub` */
    bool ca;
    const char *point;
    int64_t now, max_age; /* 0: MADE_NOW, MAXAGE; -1: none */
    enum revocation expected;
    int64_t until;
};

#define FRESH .from = MADE_NOW - HOUR, .to = MADE_NOW + HOUR
#define OVER  .from = MADE_NOW - 2 * HOUR, .to = MADE_NOW - HOUR

static const struct check_case checks[] = {
    {"not in a fresh list",
     {{FRESH, .entries = {{"02"}}}},
     "01",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"in it", {{FRESH, .entries = {{"01"}}}}, "01", .expected = REVOKED},
    {"in it, on hold",
     {{FRESH, .entries = {{"01", 6}}}},
     "01",
     .expected = REVOKED},
    {"no list", {{.issuer = &other}}, "01", .expected = UNKNOWN},
    {"another issuer revokes this number",
     {{FRESH}, {FRESH, .issuer = &other, .entries = {{"01"}}}},
     "01",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"an empty list",
     {{FRESH}},
     "01",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"a list that is over", {{OVER}}, "01", .expected = UNKNOWN},
    {"a list that is over still revokes",
     {{OVER, .entries = {{"01"}}}},
     "01",
     .expected = REVOKED},
    {"a millisecond before the end",
     {{FRESH}},
     "01",
     .now = MADE_NOW + HOUR - 1,
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"at the end",
     {{FRESH}},
     "01",
     .now = MADE_NOW + HOUR,
     .expected = UNKNOWN},
    {"long after the end it still revokes",
     {{FRESH, .entries = {{"01"}}}},
     "01",
     .now = MADE_NOW + 9000 * DAY,
     .expected = REVOKED},
    {"max_age ends earlier",
     {{FRESH}},
     "01",
     .max_age = HOUR + 1000,
     .expected = GOOD,
     .until = MADE_NOW + 1000},
    {"max_age is over", {{FRESH}}, "01", .max_age = HOUR, .expected = UNKNOWN},
    {"no max_age", {{FRESH}}, "01", .max_age = -1, .expected = UNKNOWN},
    {"the largest max_age",
     {{FRESH}},
     "01",
     .max_age = INT64_MAX,
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"a clock before the list",
     {{FRESH}},
     "01",
     .now = MADE_NOW - HOUR - CRL_SKEW_MS - 1,
     .expected = UNKNOWN},
    {"a clock just before the list",
     {{FRESH}},
     "01",
     .now = MADE_NOW - HOUR - CRL_SKEW_MS,
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"its partition",
     {{FRESH, .points = {"http://p/1"}}},
     "01",
     .point = "http://p/1",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"one of the partition's names",
     {{FRESH, .points = {"http://p/1", "ldap://p/1"}}},
     "01",
     .point = "ldap://p/1",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"another partition",
     {{FRESH, .points = {"http://p/2"}}},
     "01",
     .point = "http://p/1",
     .expected = UNKNOWN},
    {"a partition's name in other case",
     {{FRESH, .points = {"http://P/1"}}},
     "01",
     .point = "http://p/1",
     .expected = UNKNOWN},
    {"another partition revokes it",
     {{FRESH, .points = {"http://p/1"}},
      {FRESH, .points = {"http://p/2"}, .entries = {{"01"}}}},
     "01",
     .point = "http://p/1",
     .expected = REVOKED},
    {"a partition, but it names none",
     {{FRESH, .points = {"http://p/1"}}},
     "01",
     .expected = UNKNOWN},
    {"the whole list, although it names a partition",
     {{FRESH}},
     "01",
     .point = "http://p/1",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"the list that lasts longer counts",
     {{FRESH, .points = {"http://p/1"}},
      {.from = MADE_NOW - HOUR, .to = MADE_NOW + 3 * HOUR}},
     "01",
     .point = "http://p/1",
     .expected = GOOD,
     .until = MADE_NOW + 3 * HOUR},
    {"its partition is over, the whole list is not",
     {{OVER, .points = {"http://p/1"}}, {FRESH}},
     "01",
     .point = "http://p/1",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"end entities only, for one",
     {{FRESH, .users = true}},
     "01",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"end entities only, for a CA",
     {{FRESH, .users = true}},
     "01",
     .ca = true,
     .expected = UNKNOWN},
    {"CAs only, for an end entity",
     {{FRESH, .cas = true}},
     "01",
     .expected = UNKNOWN},
    {"CAs only, for a CA",
     {{FRESH, .cas = true}},
     "01",
     .ca = true,
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
    {"CAs only, yet it revokes an end entity",
     {{FRESH, .cas = true, .entries = {{"01"}}}},
     "01",
     .expected = REVOKED},
    {"some reasons are no good",
     {{FRESH, .reasons = 0x60}},
     "01",
     .expected = UNKNOWN},
    {"nor all of them in two lists",
     {{FRESH, .reasons = 0x60}, {FRESH, .reasons = 0x1f}},
     "01",
     .expected = UNKNOWN},
    {"some reasons revoke",
     {{FRESH}, {FRESH, .reasons = 0x60, .entries = {{"01", 1}}}},
     "01",
     .expected = REVOKED},
    {"a number of 20 bytes",
     {{FRESH, .entries = {{"7f02030405060708090a0b0c0d0e0f1011121314"}}}},
     "7f02030405060708090a0b0c0d0e0f1011121314",
     .expected = REVOKED},
    {"a number with its highest bit",
     {{FRESH, .entries = {{"00ff"}}}},
     "ff",
     .expected = REVOKED},
    {"a longer number with the same end",
     {{FRESH, .entries = {{"0101"}}}},
     "01",
     .expected = GOOD,
     .until = MADE_NOW + HOUR},
};

static void check_run(const struct check_case *c)
{
    struct chain_link l = link_of(&sub, c->serial, c->ca, c->point);
    int64_t max_age = c->max_age == 0 ? MAXAGE : c->max_age, until = 77;
    size_t n = 1;
    struct set s = {0};
    char problem[CRL_PROBLEM];
    enum revocation r;

    /* Lists begin with a time or an issuer. */
    while (n < 3 && (c->lists[n].from != 0 || c->lists[n].issuer != NULL))
        n++;
    set_next(&s, c->lists, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(s.outcomes[i].error, 0);
    assert_int_equal(s.built.taken, n);
    r = revocations_check(&s.view, &l, 1, c->now ? c->now : MADE_NOW,
                          max_age == -1 ? 0 : max_age, &until);
    if (r != c->expected || until != c->until)
        fail_msg("%s: %d until %lld, expected %d until %lld", c->name, r,
                 (long long)until, c->expected, (long long)c->until);
    revocations_problem(&s.view, &l, 1, c->now ? c->now : MADE_NOW,
                        max_age == -1 ? 0 : max_age, problem);
    if ((problem[0] != '\0') != (r == UNKNOWN))
        fail_msg("%s: problem \"%s\"", c->name, problem);
    set_free(&s);
}

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        check_run(&checks[i]);
}

/* Every link counts; the earliest end is the chain's. */
static void a_chain_is_as_good_as_its_worst_link(void **state)
{
    struct chain_link both[2] = {link_of(&sub, "01", false, NULL),
                                 link_of(&root, "05", true, NULL)};
    struct made_crl leafs = {.to = MADE_NOW + 2 * HOUR},
                    subs = {.issuer = &root, .number = 1};
    struct set s = {0};
    int64_t until;

    (void)state;
    set_next(&s, &leafs, 1);
    assert_int_equal(
        revocations_check(&s.view, both, 2, MADE_NOW, MAXAGE, &until), UNKNOWN);
    set_next(&s, &subs, 1);
    assert_int_equal(
        revocations_check(&s.view, both, 2, MADE_NOW, MAXAGE, &until), GOOD);
    assert_int_equal(until, MADE_NOW + HOUR);
    subs.number = 2;
    subs.entries[0].serial = "05";
    set_next(&s, &subs, 1);
    assert_int_equal(
        revocations_check(&s.view, both, 2, MADE_NOW, MAXAGE, &until), REVOKED);
    assert_int_equal(until, 0);
    /* Revoked, though another link is unknown: the stronger word. */
    both[0].issuer_key[0] ^= 1;
    assert_int_equal(
        revocations_check(&s.view, both, 2, MADE_NOW, MAXAGE, &until), REVOKED);
    set_free(&s);
}

static void what_is_missing_is_named(void **state)
{
    struct chain_link links[2] = {link_of(&sub, "01", false, NULL),
                                  link_of(&root, "05", true, NULL)};
    char p[CRL_PROBLEM];
    struct set s = {0};

    (void)state;
    revocations_problem(NULL, links, 2, MADE_NOW, MAXAGE, p);
    assert_string_equal(p, "no lists are loaded");
    set_next(&s, &(struct made_crl){FRESH}, 1);
    revocations_problem(&s.view, links, 0, MADE_NOW, MAXAGE, p);
    assert_string_equal(p, "no certificate below an anchor");
    revocations_problem(&s.view, links, 2, MADE_NOW, MAXAGE, p);
    assert_string_equal(p, "certificate 2: no list of its issuer is loaded");
    revocations_problem(&s.view, links, 1, MADE_NOW + HOUR, MAXAGE, p);
    assert_string_equal(p, "certificate 1: the list of CN=Sub is stale since "
                           "2026-11-20T11:00:00.000Z");
    revocations_problem(&s.view, links, 1, MADE_NOW, HOUR, p);
    assert_string_equal(p, "certificate 1: the list of CN=Sub is too old, or "
                           "not yet valid: of 2026-11-20T09:00:00.000Z");
    set_next(&s, &(struct made_crl){FRESH, .issuer = &root, .users = true}, 1);
    revocations_problem(&s.view, links, 2, MADE_NOW, MAXAGE, p);
    assert_non_null(strstr(p, "certificate 2: no list of its issuer CN=Root"));
    set_free(&s);
}

/* One key under two names is two issuers: the lists of one are neither versions
 * of the other's, nor good for its certificates; but both revoke. */
static void one_key_under_two_names(void **state)
{
    struct made renamed = make_certificate(
        &(struct make){.cn = "Sub, renamed", .ca = true, .key = sub.key});
    struct chain_link old = link_of(&sub, "01", false, NULL),
                      new = link_of(&renamed, "01", false, NULL);
    struct set s = {0};
    int64_t until;

    (void)state;
    assert_memory_equal(old.issuer_key, new.issuer_key, 32);
    sk_X509_push(pool, renamed.cert);
    set_next(&s, &(struct made_crl){.issuer = &renamed, .number = 9}, 1);
    assert_int_equal(
        revocations_check(&s.view, &new, 1, MADE_NOW, MAXAGE, &until), GOOD);
    assert_int_equal(
        revocations_check(&s.view, &old, 1, MADE_NOW, MAXAGE, &until), UNKNOWN);
    set_next(&s, &(struct made_crl){.number = 1}, 1);
    assert_int_equal(s.outcomes[0].error, 0);
    assert_int_equal(s.view.nlists, 2);
    assert_int_equal(
        revocations_check(&s.view, &old, 1, MADE_NOW, MAXAGE, &until), GOOD);
    set_next(&s, &(struct made_crl){.number = 2, .entries = {{"01"}}}, 1);
    assert_int_equal(
        revocations_check(&s.view, &old, 1, MADE_NOW, MAXAGE, &until), REVOKED);
    assert_int_equal(
        revocations_check(&s.view, &new, 1, MADE_NOW, MAXAGE, &until), REVOKED);
    sk_X509_pop(pool);
    made_free(&renamed);
    set_free(&s);
}

static void without_anything_nothing_is_known(void **state)
{
    struct chain_link l = link_of(&sub, "01", false, NULL);
    struct revocations closed = {0};
    struct set s = {0};
    int64_t until;

    (void)state;
    assert_int_equal(revocations_check(NULL, &l, 1, MADE_NOW, MAXAGE, &until),
                     UNKNOWN);
    assert_int_equal(
        revocations_check(&closed, &l, 1, MADE_NOW, MAXAGE, &until), UNKNOWN);
    set_next(&s, NULL, 0);
    assert_int_equal(s.view.nlists, 0);
    assert_int_equal(
        revocations_check(&s.view, &l, 1, MADE_NOW, MAXAGE, &until), UNKNOWN);
    set_next(&s, &(struct made_crl){0}, 1);
    assert_int_equal(
        revocations_check(&s.view, &l, 0, MADE_NOW, MAXAGE, &until), UNKNOWN);
    l.serial_length = 0;
    assert_int_equal(
        revocations_check(&s.view, &l, 1, MADE_NOW, MAXAGE, &until), UNKNOWN);
    l.serial_length = 21;
    assert_int_equal(
        revocations_check(&s.view, &l, 1, MADE_NOW, MAXAGE, &until), UNKNOWN);
    set_free(&s);
}

static void lists_are_described(void **state)
{
    const struct made_crl lists[] = {
        {.number = 0x102, .entries = {{"01"}, {"02"}}},
        {.issuer = &root, .users = true, .points = {"http://p/"}},
    };
    struct revocations_info info;
    struct set s = {0};
    bool seen = false;

    (void)state;
    set_next(&s, lists, 2);
    assert_int_equal(s.view.nlists, 2);
    for (size_t i = 0; i < 2; i++) {
        revocations_list(&s.view, i, &info);
        assert_int_equal(info.this_update, MADE_NOW - HOUR);
        assert_int_equal(info.next_update, MADE_NOW + HOUR);
        assert_false(info.sticky || info.delta);
        if (strcmp(info.issuer, "CN=Sub") == 0) {
            assert_true(info.has_number);
            assert_int_equal(info.number[18] << 8 | info.number[19], 0x102);
            assert_int_equal(info.count, 2);
            assert_int_equal(info.scope, 0);
            seen = true;
        } else {
            assert_string_equal(info.issuer, "CN=Root");
            assert_false(info.has_number);
            assert_int_equal(info.npoints, 1);
            assert_int_equal(info.scope, CRL_USERS_ONLY | CRL_PARTITION);
        }
    }
    assert_true(seen);
    set_free(&s);
}

/* --- nobody is forgotten (P9)
 * ------------------------------------------------- */

static void p9_dropped_serials_stay_revoked(void **state)
{
    struct set s = {0};

    (void)state;
    set_next(&s, &(struct made_crl){.number = 1, .entries = {{"01"}, {"02"}}},
             1);
    set_next(&s, &(struct made_crl){.number = 2, .entries = {{"02"}, {"03"}}},
             1);
    assert_int_equal(s.outcomes[0].error, 0);
    assert_int_equal(s.built.sticky, 1);
    assert_int_equal(leaf_is(&s, "01"), REVOKED);
    assert_int_equal(leaf_is(&s, "02"), REVOKED);
    assert_int_equal(leaf_is(&s, "04"),
                     GOOD); /* the sticky ones hide nothing */
    /* An empty list, then nothing at all, then one that names it again. */
    set_next(&s, &(struct made_crl){.number = 3}, 1);
    assert_int_equal(s.built.sticky, 3);
    set_next(&s, NULL, 0);
    assert_int_equal(s.built.sticky, 3);
    assert_int_equal(leaf_is(&s, "01"), REVOKED);
    assert_int_equal(leaf_is(&s, "03"), REVOKED);
    assert_int_equal(leaf_is(&s, "04"), GOOD);
    set_next(&s, &(struct made_crl){.number = 4, .entries = {{"01"}}}, 1);
    assert_int_equal(s.built.sticky, 2);
    set_next(&s, &(struct made_crl){.number = 5}, 1);
    assert_int_equal(s.built.sticky, 3);
    assert_int_equal(leaf_is(&s, "01"), REVOKED);
    set_free(&s);
}

/* The list is replaced by two partitions, or by another kind of list. */
static void p9_another_scope_un_revokes_nobody(void **state)
{
    const struct made_crl parts[] = {
        {.number = 5, .points = {"http://p/1"}, .entries = {{"03"}}},
        {.number = 5, .points = {"http://p/2"}},
    };
    struct revocations_info info;
    struct set s = {0};

    (void)state;
    set_next(&s, &(struct made_crl){.number = 1, .entries = {{"01"}}}, 1);
    set_next(&s, parts, 2);
    assert_int_equal(s.view.nlists, 3); /* the whole list stays */
    assert_int_equal(leaf_is(&s, "01"), REVOKED);
    set_next(&s, &(struct made_crl){.number = 2}, 1);
    assert_int_equal(leaf_is(&s, "01"), REVOKED);
    assert_int_equal(s.view.nlists, 4);
    for (size_t i = 0; i < 4; i++) {
        revocations_list(&s.view, i, &info);
        if (info.sticky)
            break;
    }
    assert_true(info.sticky);
    assert_int_equal(info.count, 1);
    assert_string_equal(info.issuer, "CN=Sub");
    /* A partition names it: then it is no longer sticky, but revoked. */
    set_next(&s,
             &(struct made_crl){.number = 6,
                                .points = {"http://p/1"},
                                .entries = {{"01"}, {"03"}}},
             1);
    assert_int_equal(s.built.sticky, 0);
    assert_int_equal(leaf_is(&s, "01"), REVOKED);
    set_free(&s);
}

/* --- what is too old
 * ----------------------------------------------------------- */

struct age_case {
    const char *name;
    struct made_crl before, next;
    int error;
};

static void p9_no_list_is_replaced_by_an_older_one(void **state)
{
    static const struct age_case cases[] = {
        {"a smaller number", {.number = 5}, {.number = 4}, SP_EROLLBACK},
        {"a smaller number, later",
         {.number = 5, .from = MADE_NOW - 2 * HOUR},
         {.number = 4},
         SP_EROLLBACK},
        {"an earlier time",
         {.number = 5},
         {.number = 6, .from = MADE_NOW - 2 * HOUR},
         SP_EROLLBACK},
        {"an earlier time, no numbers",
         {.from = MADE_NOW - HOUR},
         {.from = MADE_NOW - HOUR - 1000},
         SP_EROLLBACK},
        {"a number less of many bytes",
         {.number_hex = "7f00000000000000000000000000000000000000"},
         {.number = 0x7fffffff},
         SP_EROLLBACK},
        {"the same", {.number = 5}, {.number = 5}, 0},
        {"the same number, later",
         {.number = 5, .from = MADE_NOW - 2 * HOUR},
         {.number = 5},
         0},
        {"a larger number at the same time", {.number = 5}, {.number = 6}, 0},
        {"the number is gone",
         {.number = 5, .from = MADE_NOW - 2 * HOUR},
         {.number = 0},
         0},
        {"a smaller number of another partition",
         {.number = 5},
         {.number = 4, .points = {"http://p/"}},
         0},
        {"a smaller number of another issuer",
         {.number = 5},
         {.number = 4, .issuer = &root},
         0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct set s = {0};
        struct made_crl before = cases[i].before;

        before.entries[0].serial = "01";
        set_next(&s, &before, 1);
        set_next(&s, &cases[i].next, 1);
        if (s.outcomes[0].error != cases[i].error ||
            (s.outcomes[0].problem[0] != '\0') != (cases[i].error != 0))
            fail_msg("%s: %d %s", cases[i].name, s.outcomes[0].error,
                     s.outcomes[0].problem);
        if (cases[i].error != 0)
            assert_non_null(strstr(s.outcomes[0].problem,
                                   "older than what is loaded: number "));
        assert_int_equal(leaf_is(&s, "01"), REVOKED);
        set_free(&s);
    }
}

/* A list that was refused does not leave what it would have changed. */
static void a_refused_list_changes_nothing(void **state)
{
    struct set s = {0};
    struct revocations_built before;

    (void)state;
    set_next(&s, &(struct made_crl){.number = 5, .entries = {{"01"}}}, 1);
    before = s.built;
    s.built.data = NULL;
    set_next(&s, &(struct made_crl){.number = 4, .entries = {{"02"}}}, 1);
    assert_int_equal(s.outcomes[0].error, SP_EROLLBACK);
    assert_int_equal(s.built.taken, 0);
    assert_int_equal(s.built.length, before.length);
    assert_memory_equal(s.built.data, before.data, before.length);
    free(before.data);
    set_free(&s);
}

static void of_two_the_newer_one_is_taken(void **state)
{
    const struct made_crl lists[] = {
        {.number = 5, .entries = {{"01"}}},
        {.number = 7, .entries = {{"02"}}},
        {.number = 6, .entries = {{"03"}}},
    };
    struct set s = {0};

    (void)state;
    set_next(&s, lists, 3);
    assert_int_equal(s.outcomes[0].error, SP_EROLLBACK);
    assert_int_equal(s.outcomes[1].error, 0);
    assert_int_equal(s.outcomes[2].error, SP_EROLLBACK);
    assert_int_equal(leaf_is(&s, "02"), REVOKED);
    assert_int_equal(leaf_is(&s, "01"), GOOD);
    set_free(&s);
}

/* An authority that signs two lists of one number: both count. */
static void two_lists_of_one_number_are_united(void **state)
{
    const struct made_crl lists[] = {
        {.number = 5, .entries = {{"01"}, {"02"}}},
        {.number = 5, .entries = {{"02"}, {"03"}}, .to = MADE_NOW + 1000},
    };
    struct chain_link l = link_of(&sub, "04", false, NULL);
    struct set s = {0};
    int64_t until;

    (void)state;
    set_next(&s, lists, 2);
    assert_int_equal(s.outcomes[0].error | s.outcomes[1].error, 0);
    assert_int_equal(leaf_is(&s, "01"), REVOKED);
    assert_int_equal(leaf_is(&s, "03"), REVOKED);
    assert_int_equal(
        revocations_check(&s.view, &l, 1, MADE_NOW, MAXAGE, &until), GOOD);
    assert_int_equal(until, MADE_NOW + 1000);
    set_free(&s);
}

static void an_unverified_list_is_not_taken(void **state)
{
    struct bytes der =
        make_crl(&(struct made_crl){.issuer = &sub, .entries = {{"01"}}});
    struct revocations_outcome outcome;
    struct revocations_built built;
    char problem[CRL_PROBLEM];
    struct crl_list l;

    (void)state;
    assert_int_equal(crl_parse(der.data, der.length, &l, problem), 0);
    assert_int_equal(
        revocations_build(l.items, 1, NULL, MADE_NOW, &outcome, &built), 0);
    assert_int_equal(outcome.error, SP_EPERM);
    assert_int_equal(built.taken, 0);
    assert_int_equal(built.length, sizeof(struct set_header));
    free(built.data);
    crl_list_release(&l);
    free(der.data);
}

/* --- deltas
 * --------------------------------------------------------------------- */

static void a_delta_is_joined_to_its_base(void **state)
{
    const struct made_crl both[] = {
        {.number = 7,
         .base = 5,
         .from = MADE_NOW - 1000,
         .to = MADE_NOW + 1000,
         .entries = {{"02", 1}, {"01", 8}}},
        {.number = 5, .entries = {{"01", 6}, {"09"}}},
    };
    struct chain_link l = link_of(&sub, "04", false, NULL);
    struct revocations_info info;
    struct set s = {0};
    int64_t until;

    (void)state;
    set_next(&s, both, 2); /* the delta comes first */
    assert_int_equal(s.outcomes[0].error | s.outcomes[1].error, 0);
    assert_int_equal(s.view.nlists, 1);
    revocations_list(&s.view, 0, &info);
    assert_true(info.delta);
    assert_int_equal(info.number[19], 7);
    assert_int_equal(info.count, 3);
    assert_int_equal(info.this_update, MADE_NOW - 1000);
    assert_int_equal(leaf_is(&s, "01"), REVOKED); /* removeFromCRL or not */
    assert_int_equal(leaf_is(&s, "02"), REVOKED);
    assert_int_equal(leaf_is(&s, "09"), REVOKED);
    assert_int_equal(
        revocations_check(&s.view, &l, 1, MADE_NOW, MAXAGE, &until), GOOD);
    assert_int_equal(until, MADE_NOW + 1000); /* the delta's */
    /* The same files again: nothing is refused. */
    set_next(&s, both, 2);
    assert_int_equal(s.outcomes[0].error | s.outcomes[1].error, 0);
    /* The next delta fits what was joined. */
    set_next(&s,
             &(struct made_crl){.number = 8,
                                .base = 7,
                                .from = MADE_NOW - 500,
                                .entries = {{"03"}}},
             1);
    assert_int_equal(s.outcomes[0].error, 0);
    assert_int_equal(s.built.taken, 1);
    assert_int_equal(leaf_is(&s, "02"), REVOKED);
    assert_int_equal(leaf_is(&s, "03"), REVOKED);
    assert_int_equal(leaf_is(&s, "04"), GOOD);
    /* And now the first base is too old. */
    set_next(&s, &both[1], 1);
    assert_int_equal(s.outcomes[0].error, SP_EROLLBACK);
    set_free(&s);
}

struct delta_case {
    const char *name;
    struct made_crl before[2], next[3];
    int errors[3];
    bool revoked; /* 02, which the delta names */
};

#define DELTA(n, b)                                                            \
    {                                                                          \
        .number = (n), .base = (b), .entries = { {"02"} }                      \
    }

static void deltas_without_their_base_are_refused(void **state)
{
    static const struct delta_case cases[] = {
        {"nothing there", {{0}}, {DELTA(2, 1)}, {SP_ENOENT}, false},
        {"a base that is too old",
         {{.number = 1}},
         {DELTA(5, 3)},
         {SP_ENOENT},
         false},
        {"a base without a number",
         {{.number = 0, .users = false, .from = MADE_NOW - HOUR}},
         {DELTA(5, 3)},
         {SP_ENOENT},
         false},
        {"the least base that fits", {{.number = 3}}, {DELTA(5, 3)}, {0}, true},
        {"the largest", {{.number = 4}}, {DELTA(5, 3)}, {0}, true},
        {"a base with the delta's number: nothing new",
         {{.number = 5}},
         {DELTA(5, 3)},
         {0},
         false},
        {"a base that is newer", {{.number = 6}}, {DELTA(5, 3)}, {0}, false},
        {"another partition's",
         {{.number = 4, .points = {"http://p/"}}},
         {DELTA(5, 3)},
         {SP_ENOENT},
         false},
        {"another issuer's",
         {{.number = 4, .issuer = &root}},
         {DELTA(5, 3)},
         {SP_ENOENT},
         false},
        {"a delta from before its base",
         {{.number = 4}},
         {{.number = 5,
           .base = 3,
           .from = MADE_NOW - 2 * HOUR,
           .entries = {{"02"}}}},
         {SP_ENOENT},
         false},
        {"one delta after the other, in any order",
         {{.number = 3}},
         {DELTA(9, 7), DELTA(5, 3), DELTA(7, 5)},
         {0, 0, 0},
         true},
        {"a gap between them",
         {{.number = 3}},
         {DELTA(9, 8), DELTA(5, 3)},
         {SP_ENOENT, 0},
         true},
        {"an old base given, the right one loaded",
         {{.number = 4}},
         {{.number = 2, .from = MADE_NOW - 2 * HOUR}, DELTA(5, 3)},
         {SP_EROLLBACK, 0},
         true},
        {"a newer base given than the delta's",
         {{.number = 4}},
         {{.number = 6}, DELTA(5, 3)},
         {0, 0},
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct delta_case *c = &cases[i];
        struct set s = {0};
        size_t n = 1;

        while (n < 3 && c->next[n].number != 0)
            n++;
        if (c->before[0].number != 0 || c->before[0].from != 0)
            set_next(&s, c->before, 1);
        set_next(&s, c->next, n);
        for (size_t k = 0; k < n; k++) {
            if (s.outcomes[k].error != c->errors[k])
                fail_msg("%s: %zu: %d %s", c->name, k, s.outcomes[k].error,
                         s.outcomes[k].problem);
        }
        if ((leaf_is(&s, "02") == REVOKED) != c->revoked)
            fail_msg("%s: revoked is wrong", c->name);
        set_free(&s);
    }
}

static void a_delta_without_base_says_what_it_needs(void **state)
{
    struct set s = {0};

    (void)state;
    set_next(&s, &(struct made_crl){.number = 0x12, .entries = {{"01"}}}, 1);
    set_next(&s, &(struct made_crl){.number = 0x300, .base = 0x20}, 1);
    assert_string_equal(s.outcomes[0].problem,
                        "a delta without its base: expected a complete list "
                        "with a number from 0x20 up to before 0x0300, there is "
                        "0x12");
    assert_int_equal(leaf_is(&s, "01"), REVOKED); /* the base stays */
    assert_int_equal(leaf_is(&s, "02"), GOOD);
    set_free(&s);
}

/* --- at random
 * ------------------------------------------------------------------- */

static uint64_t seed = 0x5a11;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

/* A list of any kind with serials 1 … 30. */
static struct made_crl any_list(char serials[6][3])
{
    static const char *const uris[] = {NULL, "http://p/1", "http://p/2"};
    struct made_crl m = {.issuer = any(2) ? &sub : &root,
                         .number = 1 + any(12),
                         .from = MADE_NOW - (int64_t)any(5) * HOUR,
                         .to = MADE_NOW + HOUR,
                         .points = {uris[any(3)]}};

    if (m.number > 2 && any(3) == 0)
        m.base = m.number - 1 - any(2);
    if (any(8) == 0)
        m.users = true;
    for (size_t i = 0, n = any(6); i < n; i++) {
        snprintf(serials[i], 3, "%02x", (unsigned)(1 + 5 * i + any(5)));
        m.entries[i].serial = serials[i];
        m.entries[i].reason = (uint8_t)(m.base && any(4) == 0 ? 8 : any(2));
    }
    return m;
}

static bool is_revoked(const struct revocations *set, const struct made *issuer,
                       unsigned serial)
{
    char text[3];
    int64_t until;

    snprintf(text, sizeof text, "%02x", serial);
    struct chain_link l = link_of(issuer, text, false, NULL);
    return revocations_check(set, &l, 1, MADE_NOW, MAXAGE, &until) == REVOKED;
}

/* Random lists in random order: whoever was revoked once is so for ever; no
 * serial is revoked that no list has named; complete lists that are taken are
 * obeyed; what is built opens. */
static void p9_random_lists_never_un_revoke(void **state)
{
    const struct made *issuers[] = {&sub, &root};
    bool named[2][31], revoked[2][31];

    (void)state;
    for (int run = 0; run < 40; run++) {
        struct set s = {0};

        memset(named, 0, sizeof named);
        memset(revoked, 0, sizeof revoked);
        for (int step = 0; step < 12; step++) {
            struct made_crl lists[4];
            char serials[4][6][3];
            size_t n = any(5);

            for (size_t i = 0; i < n; i++)
                lists[i] = any_list(serials[i]);
            set_next(&s, lists, n);
            for (size_t i = 0; i < n; i++) {
                size_t who = lists[i].issuer == &root;

                for (size_t k = 0; k < 6 && lists[i].entries[k].serial; k++) {
                    long serial = strtol(lists[i].entries[k].serial, NULL, 16);
                    const bool removed = lists[i].entries[k].reason == 8;

                    named[who][serial] |= !removed;
                    if (!removed && s.outcomes[i].error == 0 && !lists[i].base)
                        revoked[who][serial] = true;
                }
            }
            for (size_t who = 0; who < 2; who++) {
                for (unsigned k = 1; k <= 30; k++) {
                    bool now = is_revoked(&s.view, issuers[who], k);

                    if (revoked[who][k] && !now)
                        fail_msg("run %d step %d: %u un-revoked", run, step, k);
                    if (now && !named[who][k])
                        fail_msg("run %d step %d: %u by nobody", run, step, k);
                    revoked[who][k] = now;
                }
            }
        }
        set_free(&s);
    }
}

/* The same lists in another order make the same set, to the byte. */
static void the_order_of_lists_does_not_matter(void **state)
{
    struct made_crl lists[] = {
        {.number = 5, .entries = {{"01"}}},
        DELTA(6, 5),
        {.number = 7, .base = 6, .entries = {{"03"}}},
        {.issuer = &root, .number = 4, .entries = {{"07"}}},
        {.number = 4, .points = {"http://p/"}, .entries = {{"05"}}},
    };
    struct crl *crls[5];
    struct revocations_built first = {0};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        crls[i] = crl_of(&lists[i]);
    for (int run = 0; run < 50; run++) {
        struct revocations_outcome outcomes[5];
        struct revocations_built built;

        for (uint32_t i = 4; i > 0; i--) {
            uint32_t k = any(i + 1);
            struct crl *c = crls[i];

            crls[i] = crls[k];
            crls[k] = c;
        }
        assert_int_equal(
            revocations_build(crls, 5, NULL, MADE_NOW, outcomes, &built), 0);
        if (first.data == NULL) {
            first = built;
            continue;
        }
        assert_int_equal(built.length, first.length);
        assert_memory_equal(built.data, first.data, first.length);
        free(built.data);
    }
    free(first.data);
    for (size_t i = 0; i < 5; i++)
        crl_drop(crls[i]);
}

/* --- hostile bytes
 * ---------------------------------------------------------------- */

static void small_set(struct set *s)
{
    const struct made_crl lists[] = {
        {.number = 5, .entries = {{"01"}, {"02", 1}, {"0400"}}},
        {.issuer = &root, .points = {"http://p/", "http://q/"}, .users = true},
        {.issuer = &root, .number = 3, .reasons = 0x40, .entries = {{"05"}}},
    };

    set_next(s, lists, 3);
    set_next(s, &(struct made_crl){.number = 6, .entries = {{"02"}}}, 1);
    assert_int_equal(s->built.sticky, 2);
    assert_int_equal(s->view.nlists, 4);
}

/* Everything that can be asked of it. */
static void ask_everything(const struct revocations *view)
{
    struct chain_link links[3] = {link_of(&sub, "01", false, NULL),
                                  link_of(&root, "05", true, "http://p/"),
                                  link_of(&root, "ff", false, "http://q/")};
    struct revocations_info info;
    char problem[CRL_PROBLEM];
    int64_t until;

    for (size_t i = 0; i < view->nlists; i++) {
        revocations_list(view, i, &info);
        assert_non_null(memchr(info.issuer, 0, sizeof info.issuer));
    }
    for (size_t n = 0; n <= 3; n++) {
        (void)revocations_check(view, links, n, MADE_NOW, MAXAGE, &until);
        revocations_problem(view, links, n, MADE_NOW, MAXAGE, problem);
    }
}

static void a_torn_set_does_not_open(void **state)
{
    struct revocations view;
    struct set s = {0};

    (void)state;
    small_set(&s);
    for (size_t i = 0; i < s.built.length; i++) {
        uint8_t *cut = malloc(i + 1);

        memcpy(cut, s.built.data, i);
        if (revocations_open(cut, i, &view) != SP_ECORRUPT)
            fail_msg("opened although cut at %zu", i);
        free(cut);
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            s.built.data[i] ^= (uint8_t)flip;
            if (revocations_open(s.built.data, s.built.length, &view) !=
                SP_ECORRUPT)
                fail_msg("opened although byte %zu is another", i);
            assert_null(view.data);
            s.built.data[i] ^= (uint8_t)flip;
        }
    }
    assert_int_equal(revocations_open(s.built.data, s.built.length, &view), 0);
    assert_int_equal(revocations_open(s.built.data, s.built.length + 8, &view),
                     SP_ECORRUPT);
    assert_int_equal(revocations_open(NULL, s.built.length, &view),
                     SP_ECORRUPT);
    uint8_t *odd = malloc(s.built.length + 1);
    memcpy(odd + 1, s.built.data, s.built.length);
    assert_int_equal(revocations_open(odd + 1, s.built.length, &view),
                     SP_ECORRUPT);
    free(odd);
    set_free(&s);
}

/* The same by somebody who makes the checksum right: it opens or not, and
 * nothing is ever read outside (the sanitizers look). */
static void a_forged_set_is_read_within_its_bounds(void **state)
{
    static const uint8_t bytes[] = {0, 1, 0x7f, 0x80, 0xff};
    struct revocations view;
    struct set s = {0};
    size_t opened = 0, refused = 0;

    (void)state;
    small_set(&s);
    for (size_t i = 0; i < s.built.length; i++) {
        for (size_t k = 0; k < sizeof bytes; k++) {
            uint8_t *copy = malloc(s.built.length);
            struct set_header *h = (void *)copy;

            memcpy(copy, s.built.data, s.built.length);
            copy[i] = bytes[k];
            h->checksum = set_checksum(copy, s.built.length);
            if (revocations_open(copy, s.built.length, &view) == 0) {
                ask_everything(&view);
                opened++;
            } else {
                refused++;
            }
            free(copy);
        }
    }
    print_message("%zu forged sets opened, %zu refused\n", opened, refused);
    assert_true(opened > 0 && refused > 0);
    set_free(&s);
}

typedef void forge(struct set_header *h, struct set_list *l,
                   struct crl_record *r);

static void forge_lists(struct set_header *h, struct set_list *l,
                        struct crl_record *r)
{
    (void)l;
    (void)r;
    h->nlists = 5;
}
static void forge_overflow(struct set_header *h, struct set_list *l,
                           struct crl_record *r)
{
    (void)l;
    (void)r;
    h->nrecords = UINT64_MAX / 24 + 2;
}
static void forge_first(struct set_header *h, struct set_list *l,
                        struct crl_record *r)
{
    (void)h;
    (void)r;
    l[1].first = UINT64_MAX - 1;
}
static void forge_count(struct set_header *h, struct set_list *l,
                        struct crl_record *r)
{
    (void)h;
    (void)r;
    l[3].count = UINT64_MAX;
}
static void forge_gap(struct set_header *h, struct set_list *l,
                      struct crl_record *r)
{
    (void)h;
    (void)r;
    for (size_t i = 0; i < 4; i++)
        l[i].count = 0;
    l[0].first = 1;
}
static void forge_issuer(struct set_header *h, struct set_list *l,
                         struct crl_record *r)
{
    (void)h;
    (void)r;
    memset(l[0].issuer, 'x', sizeof l[0].issuer);
}
static void forge_issuer_text(struct set_header *h, struct set_list *l,
                              struct crl_record *r)
{
    (void)h;
    (void)r;
    l[0].issuer[0] = '\n';
}
static void forge_points(struct set_header *h, struct set_list *l,
                         struct crl_record *r)
{
    (void)h;
    (void)r;
    for (size_t i = 0; i < 4; i++) {
        if ((l[i].scope & CRL_PARTITION) != 0)
            l[i].npoints = 5;
    }
}
static void forge_twice(struct set_header *h, struct set_list *l,
                        struct crl_record *r)
{
    (void)h;
    (void)r;
    memcpy(&l[1], &l[0], SET_IDENTITY);
}
static void forge_order(struct set_header *h, struct set_list *l,
                        struct crl_record *r)
{
    (void)h;
    for (size_t i = 0; i < 4; i++) {
        if (l[i].count == 2) {
            struct crl_record first = r[l[i].first];

            r[l[i].first] = r[l[i].first + 1];
            r[l[i].first + 1] = first;
        }
    }
}
static void forge_zero(struct set_header *h, struct set_list *l,
                       struct crl_record *r)
{
    (void)h;
    (void)l;
    memset(r[0].serial, 0, sizeof r[0].serial);
}
static void forge_times(struct set_header *h, struct set_list *l,
                        struct crl_record *r)
{
    (void)h;
    (void)r;
    for (size_t i = 0; i < 4; i++) {
        l[i].this_update = INT64_MIN;
        l[i].next_update = INT64_MAX;
    }
}
static void forge_sticky_times(struct set_header *h, struct set_list *l,
                               struct crl_record *r)
{
    (void)h;
    (void)r;
    for (size_t i = 0; i < 4; i++) {
        if (l[i].scope == SET_STICKY)
            l[i].next_update = MADE_NOW + DAY;
    }
}
static void forge_version(struct set_header *h, struct set_list *l,
                          struct crl_record *r)
{
    (void)l;
    (void)r;
    h->version = 2;
}
static void forge_scope(struct set_header *h, struct set_list *l,
                        struct crl_record *r)
{
    (void)h;
    (void)r;
    for (size_t i = 0; i < 4; i++)
        l[i].scope |= 0x10;
}

static void forgeries_are_refused(void **state)
{
    static forge *const forgeries[] = {
        forge_lists,   forge_overflow,    forge_first,  forge_count,
        forge_gap,     forge_issuer,      forge_points, forge_twice,
        forge_order,   forge_zero,        forge_times,  forge_sticky_times,
        forge_version, forge_issuer_text, forge_scope};
    struct revocations view;
    struct set s = {0};

    (void)state;
    small_set(&s);
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        uint8_t *copy = malloc(s.built.length);
        struct set_header *h = (void *)copy;
        struct set_list *l = (void *)(h + 1);

        memcpy(copy, s.built.data, s.built.length);
        forgeries[i](h, l, (void *)(l + 4));
        h->checksum = set_checksum(copy, s.built.length);
        if (revocations_open(copy, s.built.length, &view) != SP_ECORRUPT)
            fail_msg("forgery %zu opened", i);
        free(copy);
    }
    set_free(&s);
}

/* --- limits and costs
 * --------------------------------------------------------------- */

/* Partitions of one issuer; the caller's. */
static void many_lists(struct crl **crls, const struct made *issuer, size_t n)
{
    char uri[32];

    for (size_t i = 0; i < n; i++) {
        snprintf(uri, sizeof uri, "http://p/%zu", i);
        crls[i] = crl_of(&(struct made_crl){
            .issuer = issuer, .points = {uri}, .entries = {{"01"}}});
    }
}

#define MANY REVOCATIONS_ISSUER_LISTS

/* An authority that has too many lists keeps what it had, and the others get
 * what is theirs. */
static void p9_nobody_crowds_out_the_others(void **state)
{
    static struct revocations_outcome outcomes[MANY + 2];
    static struct crl *crls[MANY + 2];
    struct revocations_built built, next;
    struct revocations view;

    (void)state;
    many_lists(crls, &sub, MANY + 1);
    crls[MANY + 1] = crl_of(&(struct made_crl){.issuer = &root});
    assert_int_equal(
        revocations_build(crls, MANY, NULL, MADE_NOW, outcomes, &built), 0);
    assert_int_equal(built.taken, MANY);
    assert_int_equal(revocations_open(built.data, built.length, &view), 0);
    assert_int_equal(
        revocations_build(crls, MANY + 2, &view, MADE_NOW, outcomes, &next), 0);
    assert_int_equal(next.taken, 1); /* the root's */
    assert_int_equal(outcomes[0].error, SP_ETOOBIG);
    assert_int_equal(outcomes[MANY].error, SP_ETOOBIG);
    assert_non_null(strstr(outcomes[MANY].problem, "would have 1025 lists"));
    assert_int_equal(outcomes[MANY + 1].error, 0);
    free(built.data);
    built = next;
    assert_int_equal(revocations_open(built.data, built.length, &view), 0);
    assert_int_equal(view.nlists, MANY + 1);
    free(built.data);
    /* Without anything before, none of them is there. */
    assert_int_equal(
        revocations_build(crls, MANY + 2, NULL, MADE_NOW, outcomes, &built), 0);
    assert_int_equal(revocations_open(built.data, built.length, &view), 0);
    assert_int_equal(view.nlists, 1);
    free(built.data);
    for (size_t i = 0; i < MANY + 2; i++)
        crl_drop(crls[i]);
}

/* A full set: who has most does not grow, who has little does. */
static void p9_a_full_set_takes_from_who_has_most(void **state)
{
    const struct made *issuers[] = {&sub, &root, &other, NULL, NULL};
    struct made more[2] = {
        make_certificate(&(struct make){.cn = "Fourth", .ca = true}),
        make_certificate(&(struct make){.cn = "Fifth", .ca = true})};
    const size_t all = 4 * MANY;
    struct crl **crls = calloc(all + 1, sizeof(struct crl *));
    struct revocations_outcome *outcomes = calloc(all, sizeof *outcomes);
    struct revocations_built built, next;
    struct revocations view;

    (void)state;
    issuers[3] = &more[0];
    issuers[4] = &more[1];
    sk_X509_push(pool, more[0].cert);
    sk_X509_push(pool, more[1].cert);
    for (size_t i = 0; i < 4; i++)
        many_lists(crls + i * MANY, issuers[i], MANY);
    many_lists(crls + all, &more[1], 1);
    struct crl *const kept = crls[MANY - 10];
    assert_int_equal(
        revocations_build(crls, all, NULL, MADE_NOW, outcomes, &built), 0);
    assert_int_equal(revocations_open(built.data, built.length, &view), 0);
    assert_int_equal(view.nlists, REVOCATIONS_LISTS_MAX);
    /* Nobody else grows: the newcomer itself is too much. */
    assert_int_equal(
        revocations_build(crls + all, 1, &view, MADE_NOW, outcomes, &next), 0);
    assert_int_equal(outcomes[0].error, SP_ETOOBIG);
    assert_int_equal(next.length, built.length);
    free(next.data);
    free(built.data);
    /* Of two that would grow, the one with more stays out. */
    assert_int_equal(revocations_build(crls + MANY - 10, all - MANY + 10, NULL,
                                       MADE_NOW, outcomes, &built),
                     0);
    assert_int_equal(revocations_open(built.data, built.length, &view), 0);
    assert_int_equal(view.nlists, 3 * MANY + 10);
    crls[MANY - 10] = crls[all];
    assert_int_equal(
        revocations_build(crls, MANY - 9, &view, MADE_NOW, outcomes, &next), 0);
    assert_int_equal(outcomes[0].error, SP_ETOOBIG);
    assert_int_equal(outcomes[MANY - 10].error, 0);
    assert_int_equal(next.taken, 1);
    free(built.data);
    assert_int_equal(revocations_open(next.data, next.length, &view), 0);
    assert_int_equal(view.nlists, 3 * MANY + 11);
    free(next.data);
    crls[MANY - 10] = kept;
    for (size_t i = 0; i <= all; i++)
        crl_drop(crls[i]);
    assert_int_equal(revocations_build(crls, REVOCATIONS_LISTS_MAX + 1, NULL,
                                       MADE_NOW, outcomes, &built),
                     SP_ETOOBIG);
    sk_X509_pop(pool);
    sk_X509_pop(pool);
    made_free(&more[0]);
    made_free(&more[1]);
    free(outcomes);
    free(crls);
}

static size_t heap_used(void)
{
    return mallinfo2().uordblks;
}

/* A thousand reloads of the same lists: the same set, nothing left behind. */
static void a_thousand_reloads_leave_nothing(void **state)
{
    const struct made_crl lists[] = {{.number = 5, .entries = {{"01"}}},
                                     DELTA(6, 5)};
    struct crl *crls[2] = {crl_of(&lists[0]), crl_of(&lists[1])};
    struct revocations_outcome outcomes[2];
    struct revocations_built built = {0};
    struct revocations view = {0};
    size_t length = 0, used = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct revocations_built next;

        assert_int_equal(revocations_build(crls, 2, i ? &view : NULL,
                                           MADE_NOW + i, outcomes, &next),
                         0);
        assert_int_equal(next.taken, i == 0);
        assert_int_equal(outcomes[0].error | outcomes[1].error, 0);
        free(built.data);
        built = next;
        assert_int_equal(revocations_open(built.data, built.length, &view), 0);
        if (i == 10) {
            length = built.length;
            used = heap_used();
        }
    }
    assert_int_equal(built.length, length);
    assert_in_range(heap_used(), 0, used + 4096);
    free(built.data);
    crl_drop(crls[0]);
    crl_drop(crls[1]);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* As the processes share it: a sealed memory file, mapped to be read. */
static void *shared_map(const struct revocations_built *b)
{
    int fd = memfd_create("revocations", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *map;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, b->data, b->length), (ssize_t)b->length);
    map = mmap(NULL, b->length, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    close(fd);
    return map;
}

static struct bytes many_entries(size_t count, struct chain_link *links,
                                 size_t nlinks)
{
    static const uint8_t date[] = "\x17\x0d"
                                  "260101000000Z";
    struct bytes all = {0};

    for (size_t i = 0; i < count; i++) {
        uint8_t e[2 + 18 + 15] = {0x30, 33, 2, 16};

        for (size_t k = 4; k < 20; k += 4) {
            uint32_t word = any(UINT32_MAX);

            memcpy(e + k, &word, 4);
        }
        e[4] = (uint8_t)((e[4] & 0x7f) | 0x40);
        memcpy(e + 20, date, 15);
        bytes_put(&all, e, sizeof e);
        if (i < nlinks) { /* one off what is revoked */
            links[i] = link_of(&sub, "01", false, NULL);
            memcpy(links[i].serial, e + 4, 16);
            links[i].serial[15] ^= 1;
            links[i].serial_length = 16;
        }
    }
    return all;
}

static void what_checking_costs(void **state)
{
    const size_t counts[] = {1000, 1000000}, nlinks = 10000;
    struct chain_link *links = calloc(nlinks, sizeof *links);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bytes entries =
            many_entries(counts[i], links, i == 0 ? 1000 : nlinks);
        struct crl *crl = crl_of(&(struct made_crl){.more = &entries});
        struct revocations_outcome outcome;
        struct revocations_built built;
        struct revocations view;
        size_t good = 0;
        int64_t start = now_us(), until;

        assert_int_equal(
            revocations_build(&crl, 1, NULL, MADE_NOW, &outcome, &built), 0);
        int64_t built_us = now_us() - start;
        void *map = shared_map(&built);
        start = now_us();
        assert_int_equal(revocations_open(map, built.length, &view), 0);
        int64_t opened_us = now_us() - start;
        start = now_us();
        for (size_t k = 0; k < nlinks; k++)
            good += revocations_check(&view, &links[k % (i ? nlinks : 1000)], 1,
                                      MADE_NOW, MAXAGE, &until) == GOOD;
        int64_t checked_us = now_us() - start;
        start = now_us();
        struct revocations_built next;
        assert_int_equal(
            revocations_build(&crl, 1, &view, MADE_NOW, &outcome, &next), 0);
        print_message(
            "%7zu serials: built in %lld us, again in %lld us, opened "
            "in %lld us, 10,000 certificates asked for in %lld us\n",
            counts[i], (long long)built_us, (long long)(now_us() - start),
            (long long)opened_us, (long long)checked_us);
        assert_int_equal(good, nlinks);
        munmap(map, built.length);
        free(built.data);
        free(next.data);
        free(entries.data);
        crl_drop(crl);
    }
    free(links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(a_chain_is_as_good_as_its_worst_link),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(one_key_under_two_names),
        cmocka_unit_test(without_anything_nothing_is_known),
        cmocka_unit_test(lists_are_described),
        cmocka_unit_test(p9_dropped_serials_stay_revoked),
        cmocka_unit_test(p9_another_scope_un_revokes_nobody),
        cmocka_unit_test(p9_no_list_is_replaced_by_an_older_one),
        cmocka_unit_test(a_refused_list_changes_nothing),
        cmocka_unit_test(of_two_the_newer_one_is_taken),
        cmocka_unit_test(two_lists_of_one_number_are_united),
        cmocka_unit_test(an_unverified_list_is_not_taken),
        cmocka_unit_test(a_delta_is_joined_to_its_base),
        cmocka_unit_test(deltas_without_their_base_are_refused),
        cmocka_unit_test(a_delta_without_base_says_what_it_needs),
        cmocka_unit_test(p9_random_lists_never_un_revoke),
        cmocka_unit_test(the_order_of_lists_does_not_matter),
        cmocka_unit_test(a_torn_set_does_not_open),
        cmocka_unit_test(a_forged_set_is_read_within_its_bounds),
        cmocka_unit_test(forgeries_are_refused),
        cmocka_unit_test(p9_nobody_crowds_out_the_others),
        cmocka_unit_test(p9_a_full_set_takes_from_who_has_most),
        cmocka_unit_test(a_thousand_reloads_leave_nothing),
        cmocka_unit_test(what_checking_costs),
    };

    return cmocka_run_group_tests(tests, world_make, world_free);
}
