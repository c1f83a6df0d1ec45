/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From certificates to people: a table of leaves, honest and hostile, against
 * one set of parties; then the rules for loading the set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/identity.h"
#include "tests/unit/certs/made.h"

#include <stdio.h>

enum { AGENCY, LAB, BANK, CLINIC };
enum { ALICE, BOB, KEY_HOLDER, CAROL, DAVE, ERIN };

#define ALICE_URI "sallyport://test/agency/alice"
#define CAROL_URI "sallyport://test/lab/carol"
#define DAVE_URI  "sallyport://test/bank/dave"
#define ERIN_URI  "sallyport://test/clinic/erin"

/* AGENCY and CLINIC have the same anchor, LAB another, BANK's people come
 * from an intermediate that the policy provides. */
static struct made agency_root, agency_sub, agency_sub_short, agency_twin;
static struct made lab_root, bank_root, bank_sub, stranger_root;
static EVP_PKEY *known_key, *weak_key;
static struct identities *world;

static void add_party(struct identities *ids, uint32_t party,
                      const struct made *anchor, const struct made *pool)
{
    char *anchors = made_pem(anchor, NULL);
    char *more = pool ? made_pem(pool, NULL) : NULL;
    char problem[256];

    if (identities_add_party(ids, party, (uint8_t *)anchors, strlen(anchors),
                             (uint8_t *)more, more ? strlen(more) : 0, NULL,
                             problem) != 0)
        fail_msg("party %u: %s", party, problem);
    free(anchors);
    free(more);
}

static void add_person(struct identities *ids, uint32_t party, uint32_t person,
                       struct identity_match match)
{
    char problem[256];

    if (identities_add_person(ids, party, person, &match, problem) != 0)
        fail_msg("person %u: %s", person, problem);
}

static void key_hash(EVP_PKEY *key, uint8_t hash[32])
{
    uint8_t *der = NULL;
    int length = i2d_PUBKEY(key, &der);

    assert_true(length > 0);
    assert_int_equal(
        EVP_Digest(der, (size_t)length, hash, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
}

static int world_make(void **state)
{
    uint8_t spki[32];

    (void)state;
    known_key = EVP_EC_gen("P-384");
    weak_key = EVP_RSA_gen(1024);
    agency_root =
        make_certificate(&(struct make){.cn = "Agency Root", .ca = true});
    agency_twin =
        make_certificate(&(struct make){.cn = "Agency Root", .ca = true});
    agency_sub = make_certificate(&(struct make){
        .issuer = &agency_root, .cn = "Agency Issuing", .ca = true});
    agency_sub_short = make_certificate(&(struct make){.issuer = &agency_root,
                                                       .cn = "Agency Short",
                                                       .from = MADE_NOW - 60000,
                                                       .to = MADE_NOW + 60000,
                                                       .ca = true});
    lab_root = make_certificate(&(struct make){.cn = "Lab Root", .ca = true});
    bank_root = make_certificate(&(struct make){.cn = "Bank Root", .ca = true});
    bank_sub = make_certificate(
        &(struct make){.issuer = &bank_root, .cn = "Bank Issuing", .ca = true});
    stranger_root =
        make_certificate(&(struct make){.cn = "Stranger", .ca = true});

    world = identities_new();
    assert_non_null(world);
    add_party(world, AGENCY, &agency_root, NULL);
    add_party(world, LAB, &lab_root, NULL);
    add_party(world, BANK, &bank_root, &bank_sub);
    add_party(world, CLINIC, &agency_root, NULL);
    key_hash(known_key, spki);
    add_person(world, AGENCY, ALICE,
               (struct identity_match){.san_uri = ALICE_URI});
    add_person(world, AGENCY, BOB,
               (struct identity_match){
                   .issuer_subject = "CN=Bob,O=Agency,C=US | CN=Agency Root"});
    add_person(world, AGENCY, KEY_HOLDER,
               (struct identity_match){.spki_sha256 = spki});
    add_person(world, LAB, CAROL,
               (struct identity_match){.san_uri = CAROL_URI});
    add_person(world, BANK, DAVE, (struct identity_match){.san_uri = DAVE_URI});
    add_person(world, CLINIC, ERIN,
               (struct identity_match){.san_uri = ERIN_URI});
    return 0;
}

static int world_free(void **state)
{
    struct made *all[] = {&agency_root, &agency_sub,   &agency_sub_short,
                          &agency_twin, &lab_root,     &bank_root,
                          &bank_sub,    &stranger_root};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
    EVP_PKEY_free(known_key);
    EVP_PKEY_free(weak_key);
    identities_free(world);
    return 0;
}

#define NOBODY IDENTITY_NOBODY

struct identity_case {
    const char *name;
    struct make make;
    const struct made *sent; /* intermediate that the client sends */
    int result;
    int error; /* X509_V_ERR_…, if refused */
    uint32_t party, person;
};

static void case_run(const struct identity_case *c)
{
    struct made leaf = make_certificate(&c->make);
    STACK_OF(X509) *chain = sk_X509_new_null();
    struct identity id;
    uint8_t hash[32];
    int error = -1, r;

    /* As TLS gives it: the leaf is the chain's first. */
    sk_X509_push(chain, leaf.cert);
    if (c->sent != NULL)
        sk_X509_push(chain, c->sent->cert);
    r = identity_from_chain(world, leaf.cert, chain, MADE_NOW, NULL, &id,
                            &error);
    if (r != c->result)
        fail_msg("%s: wanted %s, have %s (%s)", c->name, sp_strerror(c->result),
                 sp_strerror(r), X509_verify_cert_error_string(error));
    if (error != (c->result == SP_EPERM ? c->error : X509_V_OK))
        fail_msg("%s: wanted \"%s\", have \"%s\"", c->name,
                 X509_verify_cert_error_string(c->error),
                 X509_verify_cert_error_string(error));
    if (id.party != c->party || id.person != c->person)
        fail_msg("%s: wanted %u/%u, have %u/%u", c->name, c->party, c->person,
                 id.party, id.person);
    X509_digest(leaf.cert, EVP_sha256(), hash, NULL);
    assert_memory_equal(id.cert_sha256, hash, 32);
    sk_X509_free(chain);
    made_free(&leaf);
}

static void cases_run(const struct identity_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        case_run(&cases[i]);
}

#define RUN(cases) cases_run(cases, sizeof(cases) / sizeof((cases)[0]))

static void people_are_recognised(void **state)
{
    const struct identity_case cases[] = {
        {"SAN URI",
         {.issuer = &agency_root, .cn = "x", .uri = ALICE_URI},
         NULL,
         0,
         0,
         AGENCY,
         ALICE},
        {"SAN URI twice: still one person",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .uri2 = ALICE_URI},
         NULL,
         0,
         0,
         AGENCY,
         ALICE},
        {"issuer and subject",
         {.issuer = &agency_root, .cn = "Bob", .o = "Agency"},
         NULL,
         0,
         0,
         AGENCY,
         BOB},
        {"issuer and subject in other case (RFC 5280 section 7.1)",
         {.issuer = &agency_root, .cn = "BOB", .o = "agency"},
         NULL,
         0,
         0,
         AGENCY,
         BOB},
        {"SPKI",
         {.issuer = &agency_root, .cn = "x", .key = known_key},
         NULL,
         0,
         0,
         AGENCY,
         KEY_HOLDER},
        {"party with the same anchors as another",
         {.issuer = &agency_root, .cn = "x", .uri = ERIN_URI},
         NULL,
         0,
         0,
         CLINIC,
         ERIN},
        {"intermediate sent",
         {.issuer = &agency_sub, .cn = "x", .uri = ALICE_URI},
         &agency_sub,
         0,
         0,
         AGENCY,
         ALICE},
        {"intermediate from the policy's pool",
         {.issuer = &bank_sub, .cn = "x", .uri = DAVE_URI},
         NULL,
         0,
         0,
         BANK,
         DAVE},
        {"intermediate sent and in the pool",
         {.issuer = &bank_sub, .cn = "x", .uri = DAVE_URI},
         &bank_sub,
         0,
         0,
         BANK,
         DAVE},
        {"one URI of two",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = "urn:uuid:1",
          .uri2 = ALICE_URI},
         NULL,
         0,
         0,
         AGENCY,
         ALICE},
        {"two extended key usages",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .eku = "serverAuth,clientAuth"},
         NULL,
         0,
         0,
         AGENCY,
         ALICE},
        {"valid for one more second",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .to = MADE_NOW + 1000},
         NULL,
         0,
         0,
         AGENCY,
         ALICE},
        {"valid from this second",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .from = MADE_NOW},
         NULL,
         0,
         0,
         AGENCY,
         ALICE},
    };

    (void)state;
    RUN(cases);
}

static void verified_people_who_are_nobody(void **state)
{
    const struct identity_case cases[] = {
        {"no names",
         {.issuer = &agency_root, .cn = "x"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"a URI of another party's person",
         {.issuer = &agency_root, .cn = "x", .uri = CAROL_URI},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"our person's URI under another party's anchor",
         {.issuer = &lab_root, .cn = "x", .uri = ALICE_URI},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"our person's key under another party's anchor",
         {.issuer = &lab_root, .cn = "x", .key = known_key},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"same subject, other issuer of the same party",
         {.issuer = &agency_sub, .cn = "Bob", .o = "Agency"},
         &agency_sub,
         0,
         0,
         NOBODY,
         NOBODY},
        {"same subject, other party's issuer",
         {.issuer = &lab_root, .cn = "Bob", .o = "Agency"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"look-alike letters",
         {.issuer = &agency_root,
          .cn = "B\xd0\xbe"
                "b",
          .o = "Agency"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"the whole name within one attribute",
         {.issuer = &agency_root, .cn = "Bob,O=Agency,C=US"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"text of the rule as a name",
         {.issuer = &agency_root, .cn = "Bob,O=Agency,C=US | CN=Agency Root"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"part of the subject",
         {.issuer = &agency_root, .cn = "Bob"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"URI in other case",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = "sallyport://test/Agency/alice"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"URI with a slash behind it",
         {.issuer = &agency_root, .cn = "x", .uri = ALICE_URI "/"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"beginning of a URI",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = "sallyport://test/agency/alic"},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"URI as a DNS name",
         {.issuer = &agency_root, .cn = "x", .san = "DNS:" ALICE_URI},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"URI as the common name",
         {.issuer = &agency_root, .cn = ALICE_URI},
         NULL,
         0,
         0,
         NOBODY,
         NOBODY},
        {"two people: URI and subject",
         {.issuer = &agency_root, .cn = "Bob", .o = "Agency", .uri = ALICE_URI},
         NULL,
         SP_EAMBIGUOUS,
         0,
         NOBODY,
         NOBODY},
        {"two people: two URIs of two parties",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .uri2 = ERIN_URI},
         NULL,
         SP_EAMBIGUOUS,
         0,
         NOBODY,
         NOBODY},
        {"two people: key and URI",
         {.issuer = &agency_root, .cn = "x", .key = known_key, .uri = ERIN_URI},
         NULL,
         SP_EAMBIGUOUS,
         0,
         NOBODY,
         NOBODY},
    };

    (void)state;
    RUN(cases);
}

static void nobody_vouches_for_these(void **state)
{
    const struct identity_case cases[] = {
        {"expired by a second",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .to = MADE_NOW - 1000},
         NULL,
         SP_EPERM,
         X509_V_ERR_CERT_HAS_EXPIRED,
         NOBODY,
         NOBODY},
        {"ends this second",
         {.issuer = &agency_root, .cn = "x", .uri = ALICE_URI, .to = MADE_NOW},
         NULL,
         SP_EPERM,
         X509_V_ERR_CERT_HAS_EXPIRED,
         NOBODY,
         NOBODY},
        {"valid from the next second",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .from = MADE_NOW + 1000},
         NULL,
         SP_EPERM,
         X509_V_ERR_CERT_NOT_YET_VALID,
         NOBODY,
         NOBODY},
        {"a stranger's, expired",
         {.issuer = &agency_root, .cn = "x", .to = MADE_NOW - 1000},
         NULL,
         SP_EPERM,
         X509_V_ERR_CERT_HAS_EXPIRED,
         NOBODY,
         NOBODY},
        {"a server's certificate",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .eku = "serverAuth"},
         NULL,
         SP_EPERM,
         X509_V_ERR_INVALID_PURPOSE,
         NOBODY,
         NOBODY},
        {"no extended key usage",
         {.issuer = &agency_root, .cn = "x", .uri = ALICE_URI, .eku = ""},
         NULL,
         SP_EPERM,
         X509_V_ERR_INVALID_PURPOSE,
         NOBODY,
         NOBODY},
        {"any extended key usage",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .eku = "anyExtendedKeyUsage"},
         NULL,
         SP_EPERM,
         X509_V_ERR_INVALID_PURPOSE,
         NOBODY,
         NOBODY},
        {"a key that may not sign",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .ku = "critical,keyAgreement"},
         NULL,
         SP_EPERM,
         X509_V_ERR_INVALID_PURPOSE,
         NOBODY,
         NOBODY},
        {"a CA as leaf",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .ca = true,
          .eku = "clientAuth",
          .ku = "critical,keyCertSign,digitalSignature"},
         NULL,
         SP_EPERM,
         X509_V_ERR_INVALID_PURPOSE,
         NOBODY,
         NOBODY},
        {"a leaf that may sign certificates",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .constraints = "",
          .ku = "critical,keyCertSign,digitalSignature"},
         NULL,
         SP_EPERM,
         X509_V_ERR_INVALID_PURPOSE,
         NOBODY,
         NOBODY},
        {"missing intermediate",
         {.issuer = &agency_sub, .cn = "x", .uri = ALICE_URI},
         NULL,
         SP_EPERM,
         X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
         NOBODY,
         NOBODY},
        {"another party's pool does not help",
         {.issuer = &bank_sub,
          .cn = "x",
          .uri = ALICE_URI,
          .key = NULL,
          .to = MADE_NOW - 1000},
         &bank_sub,
         SP_EPERM,
         X509_V_ERR_CERT_HAS_EXPIRED,
         NOBODY,
         NOBODY},
        {"an unknown authority",
         {.issuer = &stranger_root, .cn = "x", .uri = ALICE_URI},
         &stranger_root,
         SP_EPERM,
         X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
         NOBODY,
         NOBODY},
        {"an authority with our anchor's name",
         {.issuer = &agency_twin, .cn = "x", .uri = ALICE_URI},
         &agency_twin,
         SP_EPERM,
         X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
         NOBODY,
         NOBODY},
        {"self-signed",
         {.cn = "x", .uri = ALICE_URI},
         NULL,
         SP_EPERM,
         X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
         NOBODY,
         NOBODY},
        {"self-signed with our anchor's name",
         {.cn = "Agency Root", .uri = ALICE_URI},
         NULL,
         SP_EPERM,
         X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
         NOBODY,
         NOBODY},
        {"NUL in the URI",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI "\0.example",
          .uri_length = sizeof ALICE_URI + 8},
         NULL,
         SP_EPERM,
         X509_V_ERR_UNSUPPORTED_NAME_SYNTAX,
         NOBODY,
         NOBODY},
        {"NUL behind the URI",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .uri_length = sizeof ALICE_URI},
         NULL,
         SP_EPERM,
         X509_V_ERR_UNSUPPORTED_NAME_SYNTAX,
         NOBODY,
         NOBODY},
        {"NUL in a second URI",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = "a\0b",
          .uri_length = 3,
          .uri2 = ALICE_URI},
         NULL,
         SP_EPERM,
         X509_V_ERR_UNSUPPORTED_NAME_SYNTAX,
         NOBODY,
         NOBODY},
        {"RSA with 1024 bits",
         {.issuer = &agency_root, .cn = "x", .uri = ALICE_URI, .key = weak_key},
         NULL,
         SP_EPERM,
         X509_V_ERR_EE_KEY_TOO_SMALL,
         NOBODY,
         NOBODY},
        {"SHA-1 signature",
         {.issuer = &agency_root,
          .cn = "x",
          .uri = ALICE_URI,
          .digest = "SHA1"},
         NULL,
         SP_EPERM,
         X509_V_ERR_CA_MD_TOO_WEAK,
         NOBODY,
         NOBODY},
    };

    (void)state;
    RUN(cases);
}

static void a_leaf_cannot_issue(void **state)
{
    struct made alice = make_certificate(&(struct make){
        .issuer = &agency_root, .cn = "alice", .uri = ALICE_URI});
    const struct identity_case cases[] = {
        {"issued by a leaf",
         {.issuer = &alice, .cn = "x", .uri = ERIN_URI},
         &alice,
         SP_EPERM,
         X509_V_ERR_INVALID_CA,
         NOBODY,
         NOBODY},
    };

    (void)state;
    RUN(cases);
    made_free(&alice);
}

static void a_broken_signature_is_refused(void **state)
{
    struct made leaf = make_certificate(
        &(struct make){.issuer = &agency_root, .cn = "x", .uri = ALICE_URI});
    uint8_t *der = NULL;
    int length = i2d_X509(leaf.cert, &der), error;
    const uint8_t *at = der;
    struct identity id;
    X509 *bent;

    (void)state;
    assert_true(length > 10);
    der[length - 3] ^= 1;
    bent = d2i_X509(NULL, &at, length);
    assert_non_null(bent);
    assert_int_equal(
        identity_from_chain(world, bent, NULL, MADE_NOW, NULL, &id, &error),
        SP_EPERM);
    assert_int_equal(error, X509_V_ERR_CERT_SIGNATURE_FAILURE);
    X509_free(bent);
    OPENSSL_free(der);
    made_free(&leaf);
}

static void malformed_names_are_refused(void **state)
{
    struct made leaf = make_certificate(
        &(struct make){.issuer = &agency_root, .cn = "x", .key = known_key});
    struct identity id;
    int error;

    (void)state;
    /* Twice the same extension, which readers could read in two ways. */
    made_extend(leaf.cert, agency_root.cert, NID_subject_alt_name, "URI:urn:a");
    made_extend(leaf.cert, agency_root.cert, NID_subject_alt_name, "URI:urn:b");
    assert_true(X509_sign(leaf.cert, agency_root.key, EVP_sha256()) > 0);
    assert_int_equal(identity_from_chain(world, leaf.cert, NULL, MADE_NOW, NULL,
                                         &id, &error),
                     SP_EPERM);
    assert_int_equal(error, X509_V_ERR_INVALID_EXTENSION);
    made_free(&leaf);
}

static void the_validity_is_that_of_the_whole_chain(void **state)
{
    struct made leaf = make_certificate(&(struct make){
        .issuer = &agency_sub_short, .cn = "x", .uri = ALICE_URI});
    STACK_OF(X509) *chain = sk_X509_new_null();
    struct identity id;
    int error;

    (void)state;
    sk_X509_push(chain, agency_sub_short.cert);
    assert_int_equal(identity_from_chain(world, leaf.cert, chain, MADE_NOW,
                                         NULL, &id, &error),
                     0);
    assert_true(id.not_before == MADE_NOW - 60000);
    assert_true(id.not_after == MADE_NOW + 60000);
    assert_int_equal(identity_from_chain(world, leaf.cert, chain,
                                         MADE_NOW + 60000, NULL, &id, &error),
                     SP_EPERM);
    assert_int_equal(error, X509_V_ERR_CERT_HAS_EXPIRED);
    sk_X509_free(chain);
    made_free(&leaf);
}

static void long_chains_are_refused(void **state)
{
    struct made leaf = make_certificate(
        &(struct make){.issuer = &agency_root, .cn = "x", .uri = ALICE_URI});
    STACK_OF(X509) *chain = sk_X509_new_null();
    struct identity id;
    int error;

    (void)state;
    for (int i = 0; i < 11; i++)
        sk_X509_push(chain, stranger_root.cert);
    assert_int_equal(identity_from_chain(world, leaf.cert, chain, MADE_NOW,
                                         NULL, &id, &error),
                     0);
    sk_X509_push(chain, stranger_root.cert);
    assert_int_equal(identity_from_chain(world, leaf.cert, chain, MADE_NOW,
                                         NULL, &id, &error),
                     SP_EPERM);
    assert_int_equal(error, X509_V_ERR_CERT_CHAIN_TOO_LONG);
    sk_X509_free(chain);
    made_free(&leaf);
}

/* Two parties with different files that hold the same anchor. */
static void two_people_of_two_parties_make_nobody(void **state)
{
    struct identities *ids = identities_new();
    struct made leaf = make_certificate(
        &(struct make){.issuer = &agency_root, .cn = "x", .uri = ALICE_URI});
    char *both = made_pem(&agency_root, &lab_root);
    char problem[256];
    struct identity id;
    int error;

    (void)state;
    add_party(ids, 0, &agency_root, NULL);
    assert_int_equal(identities_add_party(ids, 1, (uint8_t *)both, strlen(both),
                                          NULL, 0, NULL, problem),
                     0);
    add_person(ids, 0, 0, (struct identity_match){.san_uri = ALICE_URI});
    assert_int_equal(
        identity_from_chain(ids, leaf.cert, NULL, MADE_NOW, NULL, &id, &error),
        0);
    assert_int_equal(id.person, 0);
    add_person(ids, 1, 1, (struct identity_match){.san_uri = ALICE_URI});
    assert_int_equal(
        identity_from_chain(ids, leaf.cert, NULL, MADE_NOW, NULL, &id, &error),
        SP_EAMBIGUOUS);
    assert_int_equal(id.party, NOBODY);
    free(both);
    made_free(&leaf);
    identities_free(ids);
}

/* A party may pin its issuing CA; the rest of its hierarchy stays outside. */
static void an_anchor_may_be_an_issuing_authority(void **state)
{
    struct identities *ids = identities_new();
    struct made in = make_certificate(
        &(struct make){.issuer = &agency_sub, .cn = "x", .uri = ALICE_URI});
    struct made out = make_certificate(
        &(struct make){.issuer = &agency_root, .cn = "x", .uri = ALICE_URI});
    struct identity id;
    int error;

    (void)state;
    add_party(ids, 7, &agency_sub, NULL);
    add_person(ids, 7, 70, (struct identity_match){.san_uri = ALICE_URI});
    assert_int_equal(
        identity_from_chain(ids, in.cert, NULL, MADE_NOW, NULL, &id, &error),
        0);
    assert_int_equal(id.person, 70);
    assert_int_equal(
        identity_from_chain(ids, out.cert, NULL, MADE_NOW, NULL, &id, &error),
        SP_EPERM);
    made_free(&in);
    made_free(&out);
    identities_free(ids);
}

/* Cross-certificates that lead in a circle end the search for an anchor. */
static void circular_cross_certificates_end(void **state)
{
    struct made one = make_certificate(&(struct make){.cn = "One", .ca = true});
    struct made two = make_certificate(
        &(struct make){.issuer = &one, .cn = "Two", .ca = true});
    struct made cross = make_certificate(&(struct make){
        .issuer = &two, .cn = "One", .ca = true, .key = one.key});
    const struct made *ring[] = {&one, &two, &cross};
    struct made leaf = make_certificate(
        &(struct make){.issuer = &two, .cn = "x", .uri = ALICE_URI});
    STACK_OF(X509) *chain = sk_X509_new_null();
    struct identity id;
    int error;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        sk_X509_push(chain, ring[i]->cert);
    assert_int_equal(identity_from_chain(world, leaf.cert, chain, MADE_NOW,
                                         NULL, &id, &error),
                     SP_EPERM);
    sk_X509_free(chain);
    made_free(&leaf);
    made_free(&cross);
    made_free(&two);
    made_free(&one);
}

static void bad_anchors_are_refused(void **state)
{
    struct identities *ids = identities_new();
    struct made leaf =
        make_certificate(&(struct make){.issuer = &agency_root, .cn = "x"});
    char *not_ca = made_pem(&agency_root, &leaf);
    char *good = made_pem(&agency_root, NULL);
    char *torn = made_pem(&agency_root, &lab_root);
    char problem[256];
    const struct {
        const char *anchors, *pool;
        const char *says;
    } cases[] = {
        {"", NULL, "no certificate"},
        {"hello", NULL, "no certificate"},
        {not_ca, NULL, "certificate 2 is not a CA"},
        {torn, NULL, "certificate 2 is malformed"},
        {good, "", "no certificate"},
        {good, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         "certificate 1 is malformed"},
    };

    (void)state;
    torn[strlen(torn) - 60] = '!';
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int r = identities_add_party(
            ids, 1, (const uint8_t *)cases[i].anchors, strlen(cases[i].anchors),
            (const uint8_t *)cases[i].pool,
            cases[i].pool ? strlen(cases[i].pool) : 0, NULL, problem);

        assert_int_equal(r, SP_EINVAL);
        if (strstr(problem, cases[i].says) == NULL)
            fail_msg("case %zu: wanted \"%s\", have \"%s\"", i, cases[i].says,
                     problem);
    }
    add_party(ids, 1, &agency_root, NULL);
    assert_int_equal(identities_add_party(ids, 1, (uint8_t *)good, strlen(good),
                                          NULL, 0, NULL, problem),
                     SP_EEXIST);
    free(torn);
    free(good);
    free(not_ca);
    made_free(&leaf);
    identities_free(ids);
}

static void people_need_one_match_of_their_own(void **state)
{
    const uint8_t spki[32] = {1};
    const struct {
        uint32_t party;
        struct identity_match match;
        int result;
    } cases[] = {
        {AGENCY, {0}, SP_EINVAL},
        {AGENCY, {.san_uri = ""}, SP_EINVAL},
        {AGENCY, {.san_uri = "urn:x", .spki_sha256 = spki}, SP_EINVAL},
        {AGENCY, {.issuer_subject = "CN=Bob"}, SP_EINVAL},
        {99, {.san_uri = "urn:x"}, SP_ENOENT},
        {AGENCY, {.san_uri = ALICE_URI}, SP_EAMBIGUOUS},
        {CLINIC, {.san_uri = ALICE_URI}, SP_EAMBIGUOUS},
        {AGENCY,
         {.issuer_subject = "CN=bob, O=AGENCY, C=us | CN=Agency Root"},
         SP_EAMBIGUOUS},
        {AGENCY, {.spki_sha256 = spki}, 0},
        {CLINIC, {.spki_sha256 = spki}, SP_EAMBIGUOUS},
        {LAB, {.spki_sha256 = spki}, 0},
    };
    char problem[256];

    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int r = identities_add_person(world, cases[i].party, 100 + i,
                                      &cases[i].match, problem);

        if (r != cases[i].result)
            fail_msg("case %u: wanted %s, have %s (%s)", i,
                     sp_strerror(cases[i].result), sp_strerror(r), problem);
    }
}

/* The work of one handshake has a bound: so many trusts are tried, and a
 * policy that would need more is refused when it is loaded. */
static void one_anchor_leads_to_few_trusts(void **state)
{
    struct identities *ids = identities_new();
    struct made extra[17];
    char problem[256] = "";

    (void)state;
    for (uint32_t i = 0; i < 17; i++) {
        char name[32], *pem;
        int r;

        snprintf(name, sizeof name, "Extra %u", i);
        extra[i] = make_certificate(&(struct make){.cn = name, .ca = true});
        pem = made_pem(&agency_root, &extra[i]);
        r = identities_add_party(ids, i, (uint8_t *)pem, strlen(pem), NULL, 0,
                                 NULL, problem);
        free(pem);
        if (i < 16)
            assert_int_equal(r, 0);
        else
            assert_int_equal(r, SP_EINVAL);
    }
    assert_non_null(strstr(problem, "same file"));
    for (uint32_t i = 0; i < 17; i++)
        made_free(&extra[i]);
    identities_free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_recognised),
        cmocka_unit_test(verified_people_who_are_nobody),
        cmocka_unit_test(nobody_vouches_for_these),
        cmocka_unit_test(a_leaf_cannot_issue),
        cmocka_unit_test(a_broken_signature_is_refused),
        cmocka_unit_test(malformed_names_are_refused),
        cmocka_unit_test(the_validity_is_that_of_the_whole_chain),
        cmocka_unit_test(long_chains_are_refused),
        cmocka_unit_test(two_people_of_two_parties_make_nobody),
        cmocka_unit_test(an_anchor_may_be_an_issuing_authority),
        cmocka_unit_test(circular_cross_certificates_end),
        cmocka_unit_test(bad_anchors_are_refused),
        cmocka_unit_test(one_anchor_leads_to_few_trusts),
        cmocka_unit_test(people_need_one_match_of_their_own),
    };

    return cmocka_run_group_tests(tests, world_make, world_free);
}
