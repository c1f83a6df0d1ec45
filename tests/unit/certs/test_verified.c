/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verified chains are remembered: the same bytes, within their time, and only
 * if they were good. Whether something was remembered shows when the anchors
 * are taken away, which never happens in a daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/verified.h"
#include "tests/unit/certs/made.h"

#define URI  "sallyport://test/party/person"
#define HOUR 3600000

static struct made root, other_root, person, twin, stranger;
static struct identities *ids, *nobody;
static struct verified *v;

static int setup(void **state)
{
    struct identity_match match = {.san_uri = URI};
    const struct identity_rules rules = {.wants_links = true};
    char problem[256], *pem;

    (void)state;
    root = make_certificate(&(struct make){.cn = "Root",
                                           .ca = true,
                                           .from = MADE_NOW - 4 * HOUR,
                                           .to = MADE_NOW + 4 * HOUR});
    other_root = make_certificate(&(struct make){.cn = "Root", .ca = true});
    person = make_certificate(
        &(struct make){.issuer = &root, .cn = "Person", .uri = URI});
    /* All the same but its signature, its serial number and its time. */
    twin = make_certificate(&(struct make){.issuer = &root,
                                           .cn = "Person",
                                           .uri = URI,
                                           .key = person.key,
                                           .to = MADE_NOW + 2 * HOUR});
    stranger = make_certificate(
        &(struct make){.issuer = &other_root, .cn = "Person", .uri = URI});
    ids = identities_new();
    nobody = identities_new();
    v = verified_new();
    assert_non_null(v);
    pem = made_pem(&root, NULL);
    assert_int_equal(identities_add_party(ids, 3, (uint8_t *)pem, strlen(pem),
                                          NULL, 0, &rules, problem),
                     0);
    free(pem);
    assert_int_equal(identities_add_person(ids, 3, 30, &match, problem), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    made_free(&root);
    made_free(&other_root);
    made_free(&person);
    made_free(&twin);
    made_free(&stranger);
    identities_free(ids);
    identities_free(nobody);
    verified_free(v);
    return 0;
}

static int ask(const struct identities *who, const struct made *leaf,
               const struct made *more, int64_t now)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    struct identity id;
    int error, r;

    if (more != NULL)
        sk_X509_push(chain, more->cert);
    r = verified_identity(v, who, leaf->cert, chain, now, NULL, &id, &error);
    sk_X509_free(chain);
    assert_int_equal(r == 0, error == X509_V_OK);
    if (r == 0) {
        assert_true(id.party == 3 && id.person == 30);
        /* What was remembered has links and issuer of its own. */
        assert_true(id.nlinks == 1 && id.links != NULL);
        assert_int_equal(X509_cmp(id.issuer, root.cert), 0);
    }
    identity_release(&id);
    return r;
}

static void the_same_bytes_are_remembered(void **state)
{
    (void)state;
    assert_int_equal(ask(ids, &person, NULL, MADE_NOW), 0);
    assert_int_equal(ask(nobody, &person, NULL, MADE_NOW), 0);
    assert_int_equal(ask(nobody, &person, NULL, MADE_NOW + HOUR - 1), 0);
}

static void P9_outside_of_their_time_they_are_not(void **state)
{
    (void)state;
    assert_int_equal(ask(ids, &person, NULL, MADE_NOW), 0);
    assert_int_equal(ask(ids, &person, NULL, MADE_NOW + HOUR + 1000), SP_EPERM);
    assert_int_equal(ask(nobody, &person, NULL, MADE_NOW + HOUR), SP_EPERM);
    assert_int_equal(ask(nobody, &person, NULL, MADE_NOW - HOUR - 1), SP_EPERM);
    /* And back within it, nothing was forgotten. */
    assert_int_equal(ask(nobody, &person, NULL, MADE_NOW), 0);
}

static void P9_other_bytes_are_verified(void **state)
{
    (void)state;
    assert_int_equal(ask(ids, &person, NULL, MADE_NOW), 0);
    assert_int_equal(ask(nobody, &twin, NULL, MADE_NOW), SP_EPERM);
    assert_int_equal(ask(nobody, &person, &root, MADE_NOW), SP_EPERM);
    assert_int_equal(ask(ids, &person, &root, MADE_NOW), 0);
    assert_int_equal(ask(nobody, &person, &root, MADE_NOW), 0);
    assert_int_equal(ask(nobody, &person, &other_root, MADE_NOW), SP_EPERM);
}

static void P9_refusals_are_not_remembered(void **state)
{
    (void)state;
    assert_int_equal(ask(ids, &stranger, NULL, MADE_NOW), SP_EPERM);
    assert_int_equal(ask(nobody, &stranger, NULL, MADE_NOW), SP_EPERM);
    assert_int_equal(ask(nobody, &twin, NULL, MADE_NOW), SP_EPERM);
    assert_int_equal(ask(ids, &twin, NULL, MADE_NOW), 0);
}

static void there_are_as_many_places_as_there_are(void **state)
{
    (void)state;
    /* More than there are places: some are pushed out, and all are right. */
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < 600; i++) {
            struct made leaf =
                make_certificate(&(struct make){.issuer = &root,
                                                .cn = "Person",
                                                .uri = URI,
                                                .key = person.key});

            assert_int_equal(ask(ids, &leaf, NULL, MADE_NOW), 0);
            made_free(&leaf);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_are_remembered),
        cmocka_unit_test(P9_outside_of_their_time_they_are_not),
        cmocka_unit_test(P9_other_bytes_are_verified),
        cmocka_unit_test(P9_refusals_are_not_remembered),
        cmocka_unit_test(there_are_as_many_places_as_there_are),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
