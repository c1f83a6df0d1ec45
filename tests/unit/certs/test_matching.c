/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies, kinds of people, what was matched, and what others are told of a
 * chain; then certificates with any byte changed, which are nobody's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/identity.h"
#include "certs/strict.h"
#include "tests/unit/certs/made.h"

#include <openssl/err.h>
#include <stdio.h>

#define ANN "x://lab/ann"
#define BOT "x://lab/bot"

static struct made root, sub;

static int authorities_make(void **state)
{
    (void)state;
    root = make_certificate(&(struct make){.cn = "Root", .ca = true});
    sub = make_certificate(&(struct make){
        .issuer = &root, .cn = "Sub", .ca = true, .policies = "1.2.3,1.2.4"});
    return 0;
}

static int authorities_free(void **state)
{
    (void)state;
    made_free(&root);
    made_free(&sub);
    return 0;
}

static const struct identity_policy both[] = {{"1.2.3", false},
                                              {"1.2.4", true}};

static struct identities *world(const struct identity_rules *rules)
{
    struct identities *ids = identities_new();
    const struct identity_match ann = {.san_uri = ANN};
    const struct identity_match bot = {.san_uri = BOT, .service = true};
    char *pem = made_pem(&root, NULL), problem[256];

    assert_int_equal(identities_add_party(ids, 7, (uint8_t *)pem, strlen(pem),
                                          NULL, 0, rules, problem),
                     0);
    assert_int_equal(identities_add_person(ids, 7, 70, &ann, problem), 0);
    assert_int_equal(identities_add_person(ids, 7, 71, &bot, problem), 0);
    free(pem);
    return ids;
}

static int ask(const struct identities *ids, const struct make *m,
               const struct identity_options *options, struct identity *id,
               int *error)
{
    struct made leaf = make_certificate(m);
    STACK_OF(X509) *chain = sk_X509_new_null();
    int r;

    sk_X509_push(chain, leaf.cert);
    sk_X509_push(chain, sub.cert);
    r = identity_from_chain(ids, leaf.cert, chain, MADE_NOW, options, id,
                            error);
    sk_X509_free(chain);
    made_free(&leaf);
    return r;
}

static void policies_decide_who_it_is(void **state)
{
    const struct identity_rules rules = {.policies = both, .npolicies = 2};
    static const struct {
        const char *uri, *policies;
        int error;
        uint32_t person;
        const char *oid;
    } cases[] = {
        {ANN, "1.2.3", 0, 70, "1.2.3"},
        {ANN, "1.2.3,1.2.4", 0, 70, "1.2.3"},
        {ANN, "1.2.4", 0, IDENTITY_NOBODY, ""},
        {BOT, "1.2.4", 0, 71, "1.2.4"},
        {BOT, "1.2.3", 0, IDENTITY_NOBODY, ""},
        {ANN, "1.2.5", X509_V_ERR_NO_EXPLICIT_POLICY, IDENTITY_NOBODY, ""},
        {ANN, NULL, X509_V_ERR_NO_EXPLICIT_POLICY, IDENTITY_NOBODY, ""},
        {ANN, "2.5.29.32.0", X509_V_ERR_NO_EXPLICIT_POLICY, IDENTITY_NOBODY,
         ""},
    };
    struct identities *ids = world(&rules);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct identity id;
        int error;
        int r = ask(ids,
                    &(struct make){.issuer = &sub,
                                   .cn = "x",
                                   .uri = cases[i].uri,
                                   .policies = cases[i].policies},
                    NULL, &id, &error);

        if (r != (cases[i].error != 0 ? SP_EPERM : 0) ||
            error != cases[i].error || id.person != cases[i].person ||
            strcmp(id.policy_oid, cases[i].oid) != 0)
            fail_msg("case %zu: %s, %s, %u, \"%s\"", i, sp_strerror(r),
                     X509_verify_cert_error_string(error), id.person,
                     id.policy_oid);
        assert_int_equal(id.service, cases[i].person == 71);
        identity_release(&id);
    }
    identities_free(ids);
}

static void what_was_matched_is_told(void **state)
{
    const struct identity_rules rules = {
        .policies = both, .npolicies = 2, .wants_links = true};
    struct identities *ids = world(&rules);
    const struct make m = {
        .issuer = &sub, .cn = "x", .uri = ANN, .policies = "1.2.3"};
    uint8_t want[32], key[32], anchor[32];
    struct identity id;
    int error;

    (void)state;
    assert_int_equal(ask(ids, &m, NULL, &id, &error), 0);
    assert_int_equal(chain_key_hash(sub.cert, key), 0);
    assert_int_equal(chain_key_hash(root.cert, anchor), 0);
    assert_int_equal(id.rule, IDENTITY_BY_URI);
    assert_memory_equal(id.issuer_key, key, 32);
    assert_int_equal(identity_matched(id.rule, key, "1.2.3", ANN, want), 0);
    assert_memory_equal(id.matched_sha256, want, 32);
    assert_int_equal(identity_matched(id.rule, key, "", ANN, want), 0);
    assert_memory_not_equal(id.matched_sha256, want, 32);
    assert_int_equal(id.nlinks, 2);
    assert_false(id.links[0].ca);
    assert_true(id.links[1].ca);
    assert_memory_equal(id.links[0].issuer_key, key, 32);
    assert_memory_equal(id.links[1].issuer_key, anchor, 32);
    assert_int_equal(id.serial_length, id.links[0].serial_length);
    assert_memory_equal(id.serial, id.links[0].serial, SERIAL_BYTES);
    identity_release(&id);
    assert_null(id.links);
    identities_free(ids);
}

/* Nobody leaves nothing behind, and who does not ask pays nothing. */
static void links_are_for_those_who_want_them(void **state)
{
    const struct identity_rules wants = {.wants_links = true};
    static const uint8_t zero[32] = {0};
    struct identity id;
    int error;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct identities *ids = world(i % 2 ? &wants : NULL);
        const struct make m = {
            .issuer = &sub, .cn = "x", .uri = i < 2 ? ANN : "x://nobody"};

        assert_int_equal(ask(ids, &m, NULL, &id, &error), 0);
        assert_int_equal(id.person, i < 2 ? 70 : IDENTITY_NOBODY);
        assert_int_equal(id.links != NULL, i == 1);
        if (i >= 2) {
            assert_memory_equal(id.matched_sha256, zero, 32);
            assert_memory_equal(id.issuer_key, zero, 32);
            assert_int_equal(id.serial_length, 0);
        }
        identity_release(&id);
        identities_free(ids);
    }
}

static void the_test_pki_is_refused_unless_allowed(void **state)
{
    const struct identity_options allow = {.allow_test_pki = true};
    struct identities *ids = world(NULL);
    const struct make m = {.issuer = &sub,
                           .cn = "x",
                           .uri = ANN,
                           .policies = "2.16.840.1.101.3.2.1.48.11"};
    struct identity id;
    int error;

    (void)state;
    assert_int_equal(ask(ids, &m, NULL, &id, &error), SP_EPERM);
    assert_int_equal(error, IDENTITY_ERROR_TEST_PKI);
    assert_int_equal(id.person, IDENTITY_NOBODY);
    identity_release(&id);
    assert_int_equal(ask(ids, &m, &allow, &id, &error), 0);
    assert_int_equal(id.person, 70);
    assert_true(id.test_pki);
    identity_release(&id);
    assert_int_equal(ask(ids,
                         &(struct make){.issuer = &sub, .cn = "x", .uri = ANN},
                         &allow, &id, &error),
                     0);
    assert_false(id.test_pki);
    identity_release(&id);
    identities_free(ids);
}

static void people_need_a_match_that_can_be(void **state)
{
    static const struct {
        struct identity_match match;
        const char *problem;
    } cases[] = {
        {{.upn = "a@b"}, "bad upn"},
        {{.upn = "a@b | CN"}, ""},
        {{.issuer_serial = "x | CN=CA"}, "bad issuer_serial"},
        {{.edipi = "123 | CN=CA"}, "bad edipi"},
        {{.fasc_n = "1-2-3"}, "bad fasc_n"},
        {{.san_uuid = "x"}, "bad san_uuid"},
        {{.san_email = "a@b"}, "another's anchors"},
        {{.san_uri = "x://n", .policy = "1.2.9"}, "one of the party's"},
        {{.san_uri = "x://n", .policy = "1.2.4"}, "one of the party's"},
        {{.san_uri = "x://n", .san_uuid = "x"}, "exactly one"},
        {{.policy = NULL}, "exactly one"},
    };
    const struct identity_rules rules = {.policies = both, .npolicies = 2};
    struct identities *ids = world(&rules);
    char problem[256];

    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int r =
            identities_add_person(ids, 7, 100 + i, &cases[i].match, problem);

        if (r != SP_EINVAL || strstr(problem, cases[i].problem) == NULL)
            fail_msg("case %u: %s (%s)", i, sp_strerror(r), problem);
    }
    identities_free(ids);
}

/* The same in another spelling is the same. */
static void one_certificate_is_one_persons(void **state)
{
    static const struct identity_match pairs[][2] = {
        {{.issuer_serial = "1a2b | CN=CA"},
         {.issuer_serial = "00:1A:2B | CN=ca"}},
        {{.upn = "a@b | CN=CA,O=x"}, {.upn = "a@b | CN=ca,O= x"}},
        {{.edipi = "1234567890 | CN=CA"}, {.edipi = "1234567890 | CN=CA "}},
        {{.fasc_n = "1111-2222-333333"}, {.fasc_n = "1111-2222-333333"}},
        {{.san_uuid = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"},
         {.san_uuid = "URN:UUID:0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D"}},
        {{.san_email = "a@B.c"}, {.san_email = "a@b.C"}},
    };
    const struct identity_rules rules = {.own_anchors = true};
    struct identities *ids = world(&rules);
    char problem[256];

    (void)state;
    for (uint32_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        int r = identities_add_person(ids, 7, 200 + i, &pairs[i][0], problem);
        int s = identities_add_person(ids, 7, 300 + i, &pairs[i][1], problem);

        if (r != 0 || s != SP_EAMBIGUOUS)
            fail_msg("case %u: %s, %s (%s)", i, sp_strerror(r), sp_strerror(s),
                     problem);
    }
    identities_free(ids);
}

static void hints_are_short(void **state)
{
    struct identities *ids = identities_new();
    char problem[256];
    STACK_OF(X509_NAME) * names;

    (void)state;
    for (uint32_t i = 0; i < 18; i++) {
        char name[16], *pem;
        struct made one;

        snprintf(name, sizeof name, "Hint %u", i);
        one = make_certificate(&(struct make){.cn = name, .ca = true});
        pem = made_pem(&one, i == 0 ? &one : NULL);
        assert_int_equal(identities_add_party(ids, i, (uint8_t *)pem,
                                              strlen(pem), NULL, 0, NULL,
                                              problem),
                         0);
        names = identities_hints(ids);
        assert_non_null(names);
        assert_int_equal(sk_X509_NAME_num(names),
                         i < IDENTITY_HINTS_MAX ? i + 1 : 0);
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        free(pem);
        made_free(&one);
    }
    identities_free(ids);
}

/* P9: whatever byte is changed, it is nobody's, and reading it does no harm. */
static void a_changed_certificate_is_nobodys(void **state)
{
    const struct identity_rules rules = {
        .policies = both, .npolicies = 2, .wants_links = true};
    struct identities *ids = world(&rules);
    struct made leaf = make_certificate(&(struct make){
        .issuer = &sub, .cn = "x", .uri = ANN, .policies = "1.2.3"});
    STACK_OF(X509) *chain = sk_X509_new_null();
    uint8_t *der = NULL;
    int length = i2d_X509(leaf.cert, &der);
    unsigned parsed = 0;

    (void)state;
    sk_X509_push(chain, sub.cert);
    for (int bit = 0; bit < length * 8; bit++) {
        const uint8_t *p = der;
        struct identity id;
        int error, r;
        X509 *bent;

        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bent = d2i_X509(NULL, &p, length);
        if (bent != NULL) {
            parsed++;
            r = identity_from_chain(ids, bent, chain, MADE_NOW, NULL, &id,
                                    &error);
            if (r == 0 && id.person != IDENTITY_NOBODY)
                fail_msg("bit %d changed: still somebody", bit);
            identity_release(&id);
        }
        X509_free(bent);
        ERR_clear_error();
        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(parsed > 1000);
    OPENSSL_free(der);
    sk_X509_free(chain);
    made_free(&leaf);
    identities_free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_decide_who_it_is),
        cmocka_unit_test(what_was_matched_is_told),
        cmocka_unit_test(links_are_for_those_who_want_them),
        cmocka_unit_test(the_test_pki_is_refused_unless_allowed),
        cmocka_unit_test(people_need_a_match_that_can_be),
        cmocka_unit_test(one_certificate_is_one_persons),
        cmocka_unit_test(hints_are_short),
        cmocka_unit_test(a_changed_certificate_is_nobodys),
    };

    return cmocka_run_group_tests(tests, authorities_make, authorities_free);
}
