/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a certificate belongs to. The tables are made once at start (supervisor
 * to check them, workers to use them) and never change; the leaf and the
 * chain are a stranger's bytes, parsed by OpenSSL and trusted in nothing
 * until a party's own anchors have vouched for them.
 *
 * Parties that bring the same anchors and ask the same of chains share one
 * trust (certs/trust.h), so that twenty parties of the deployment's own
 * authority cost one verification, not twenty. A trust is tried only if the
 * names in the chain can lead to one of its anchors, and those that know the
 * leaf are tried first. Who a leaf belongs to is looked up, never searched for:
 * a handshake costs the same with a hundred thousand people as with ten.
 */
#include "certs/identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/strict.h"
#include "certs/trust.h"
#include "certs/trust_limits.h"

struct member {
    uint32_t party;
    size_t trust;
};

struct identities {
    EVP_MD
    *sha256; /* fetched once: a fetch by name costs a lock and a search */
    bool uses_spki, uses_names, any_eku;
    struct trust **trusts;
    size_t ntrusts;
    struct member *members;
    size_t nmembers;
};

/* --- the tables ---------------------------------------------------------- */

struct identities *identities_new(void)
{
    struct identities *ids = calloc(1, sizeof *ids);

    if (ids == NULL)
        return NULL;
    ids->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    if (ids->sha256 == NULL) {
        free(ids);
        return NULL;
    }
    return ids;
}

void identities_free(struct identities *ids)
{
    if (ids == NULL)
        return;
    for (size_t i = 0; i < ids->ntrusts; i++)
        trust_free(ids->trusts[i]);
    free(ids->trusts);
    free(ids->members);
    EVP_MD_free(ids->sha256);
    free(ids);
}

static bool rules_hash(EVP_MD_CTX *ctx, const struct identity_rules *rules)
{
    const struct identity_rules none = {.npolicies = 0};
    const struct identity_rules *r = rules != NULL ? rules : &none;
    uint8_t flags =
        (uint8_t)(r->any_eku | r->own_anchors << 1 | r->wants_links << 2);
    bool good = EVP_DigestUpdate(ctx, &flags, 1) == 1;

    for (size_t i = 0; good && i < r->npolicies; i++) {
        const struct identity_policy *p = &r->policies[i];

        good = EVP_DigestUpdate(ctx, p->service ? "s" : "p", 1) == 1 &&
               EVP_DigestUpdate(ctx, p->oid, strlen(p->oid) + 1) == 1;
    }
    return good;
}

static bool text_hash(EVP_MD_CTX *ctx, const uint8_t *text, size_t length)
{
    uint64_t number = length;

    return EVP_DigestUpdate(ctx, &number, sizeof number) == 1 &&
           EVP_DigestUpdate(ctx, text, length) == 1;
}

/* What a trust is made from; equal for parties that can share one. */
struct source {
    const uint8_t *anchors, *intermediates;
    size_t anchors_length, intermediates_length;
    const struct identity_rules *rules;
};

static int source_hash(const struct identities *ids, const struct source *s,
                       uint8_t hash[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestInit_ex(ctx, ids->sha256, NULL) == 1 &&
                text_hash(ctx, s->anchors, s->anchors_length) &&
                text_hash(ctx, s->intermediates, s->intermediates_length) &&
                rules_hash(ctx, s->rules) &&
                EVP_DigestFinal_ex(ctx, hash, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    return good ? 0 : SP_ECRYPTO;
}

/* Fails if one anchor's name leads to more trusts than are ever tried. */
static int trusts_check_crowd(const struct identities *ids,
                              const struct trust *added, char problem[256])
{
    for (int i = 0; i < sk_X509_num(added->anchors); i++) {
        X509 *anchor = sk_X509_value(added->anchors, i);
        size_t same = 1;

        for (size_t k = 0; k < ids->ntrusts; k++)
            same +=
                trust_has_anchor(ids->trusts[k], X509_get_subject_name(anchor));
        if (same > TRUST_TRIED_MAX) {
            snprintf(
                problem, 256,
                "certificate %d is an anchor in more than %d different "
                "files or beside as many lists of policies: expected parties "
                "with the same anchors to name the same file",
                i + 1, TRUST_TRIED_MAX);
            return SP_EINVAL;
        }
    }
    return 0;
}

static const struct member *member_find(const struct identities *ids,
                                        uint32_t party)
{
    for (size_t i = 0; i < ids->nmembers; i++) {
        if (ids->members[i].party == party)
            return &ids->members[i];
    }
    return NULL;
}

/* The trust made from the same, or ntrusts. */
static size_t trust_find(const struct identities *ids, const uint8_t source[32])
{
    size_t i = 0;

    while (i < ids->ntrusts && memcmp(ids->trusts[i]->source, source, 32) != 0)
        i++;
    return i;
}

static int trusts_add(struct identities *ids, const struct source *s,
                      const uint8_t hash[32], char problem[256])
{
    struct trust *t = NULL;
    int r =
        array_grow((void **)&ids->trusts, ids->ntrusts, sizeof(struct trust *));

    if (r == 0)
        r = trust_new(s->anchors, s->anchors_length, s->intermediates,
                      s->intermediates_length, s->rules, &t, problem);
    if (r == 0 && (r = trusts_check_crowd(ids, t, problem)) != 0)
        trust_free(t);
    if (r != 0)
        return r;
    memcpy(t->source, hash, 32);
    ids->trusts[ids->ntrusts++] = t;
    ids->any_eku |= t->any_eku;
    return 0;
}

int identities_add_party(struct identities *ids, uint32_t party,
                         const uint8_t *anchors, size_t anchors_length,
                         const uint8_t *intermediates,
                         size_t intermediates_length,
                         const struct identity_rules *rules, char problem[256])
{
    const struct source s = {anchors, intermediates, anchors_length,
                             intermediates_length, rules};
    uint8_t hash[32];
    size_t found;
    int r;

    problem[0] = '\0';
    if (member_find(ids, party) != NULL)
        return SP_EEXIST;
    if ((r = source_hash(ids, &s, hash)) != 0 ||
        (r = array_grow((void **)&ids->members, ids->nmembers,
                        sizeof *ids->members)) != 0)
        return r;
    found = trust_find(ids, hash);
    if (found == ids->ntrusts && (r = trusts_add(ids, &s, hash, problem)) != 0)
        return r;
    ids->members[ids->nmembers++] =
        (struct member){.party = party, .trust = found};
    return 0;
}

int identities_add_person(struct identities *ids, uint32_t party,
                          uint32_t person, const struct identity_match *match,
                          char problem[256])
{
    const struct member *member = member_find(ids, party);
    int r;

    problem[0] = '\0';
    if (member == NULL)
        return SP_ENOENT;
    r = trust_add_person(ids->trusts[member->trust], party, person, match,
                         problem);
    if (r != 0)
        return r;
    ids->uses_spki |= match->spki_sha256 != NULL;
    ids->uses_names |= match->issuer_subject != NULL;
    return 0;
}

/* --- hints --------------------------------------------------------------- */

struct hints {
    STACK_OF(X509_NAME) * names;
    size_t bytes;
    bool too_many, no_memory;
};

static void hints_add(struct hints *h, const X509_NAME *name)
{
    X509_NAME *copy;
    int size;

    for (int i = 0; i < sk_X509_NAME_num(h->names); i++) {
        if (names_equal(sk_X509_NAME_value(h->names, i), name))
            return;
    }
    size = i2d_X509_NAME(name, NULL);
    h->bytes += size > 0 ? (size_t)size + 2 : 0;
    if (sk_X509_NAME_num(h->names) == IDENTITY_HINTS_MAX ||
        h->bytes > IDENTITY_HINTS_BYTES) {
        h->too_many = true;
        return;
    }
    copy = X509_NAME_dup(name);
    if (copy == NULL || sk_X509_NAME_push(h->names, copy) <= 0) {
        X509_NAME_free(copy);
        h->no_memory = true;
    }
}

static void hints_add_all(struct hints *h, const STACK_OF(X509) * certs)
{
    for (int i = 0; i < sk_X509_num(certs) && !h->too_many && !h->no_memory;
         i++)
        hints_add(h, X509_get_subject_name(sk_X509_value(certs, i)));
}

STACK_OF(X509_NAME) * identities_hints(const struct identities *ids)
{
    struct hints h = {.names = sk_X509_NAME_new_null()};

    for (size_t i = 0; h.names != NULL && i < ids->ntrusts; i++) {
        hints_add_all(&h, ids->trusts[i]->anchors);
        /* Some clients look for the issuer of their leaf, and for no other. */
        hints_add_all(&h, ids->trusts[i]->intermediates);
    }
    if (h.too_many || h.no_memory) {
        sk_X509_NAME_pop_free(h.names, X509_NAME_free);
        h.names = h.no_memory ? NULL : sk_X509_NAME_new_null();
    }
    return h.names;
}

/* --- the leaf ------------------------------------------------------------ */

static int leaf_hash_key(const struct identities *ids, struct leaf *l)
{
    uint8_t *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(l->cert), &der);
    int good;

    if (length <= 0)
        return X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY;
    good = EVP_Digest(der, (size_t)length, l->spki, NULL, ids->sha256, NULL);
    OPENSSL_free(der);
    return good == 1 ? X509_V_OK : X509_V_ERR_UNSPECIFIED;
}

/* Whether it says that it is for clients, as far as any party asks. */
static bool leaf_is_for_clients(const struct identities *ids, unsigned eku)
{
    return (eku & STRICT_EKU_CLIENT) != 0 ||
           (ids->any_eku && (eku == 0 || (eku & STRICT_EKU_ANY) != 0));
}

/* X509_V_OK or why it is refused whoever issued it. */
static int leaf_read(const struct identities *ids, X509 *cert, struct leaf *l)
{
    int error;

    l->cert = cert;
    l->eku = strict_key_usage(cert);
    l->names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    error = strict_check_leaf(cert, l->names);
    if (error != X509_V_OK)
        return error;
    if (!leaf_is_for_clients(ids, l->eku))
        return X509_V_ERR_INVALID_PURPOSE;
    if (ids->uses_names && !names_hash(X509_get_subject_name(cert),
                                       X509_get_issuer_name(cert), &l->hash))
        return X509_V_ERR_UNSPECIFIED;
    return ids->uses_spki ? leaf_hash_key(ids, l) : X509_V_OK;
}

static void leaf_release(struct leaf *l)
{
    GENERAL_NAMES_free(l->names);
}

/* --- what was matched ---------------------------------------------------- */

static void hex_put(char *text, const uint8_t bytes[32])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < 32; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[64] = '\0';
}

static int matched_hash(enum identity_rule rule, const uint8_t issuer_key[32],
                        const char *policy_oid, const uint8_t value_sha256[32],
                        const EVP_MD *sha256, uint8_t hash[32])
{
    char issuer[65], value[65], text[320];
    int length;

    hex_put(issuer, issuer_key);
    hex_put(value, value_sha256);
    length = snprintf(text, sizeof text, "sallyport-match-v1\n%s\n%s\n%s\n%s\n",
                      identity_rule_text(rule), issuer,
                      policy_oid[0] != '\0' ? policy_oid : "-", value);
    return EVP_Digest(text, (size_t)length, hash, NULL, sha256, NULL) == 1
               ? 0
               : SP_ECRYPTO;
}

int identity_matched(enum identity_rule rule, const uint8_t issuer_key[32],
                     const char *policy_oid, const char *value,
                     uint8_t hash[32])
{
    uint8_t value_sha256[32];

    if (EVP_Digest(value, strlen(value), value_sha256, NULL, EVP_sha256(),
                   NULL) != 1)
        return SP_ECRYPTO;
    return matched_hash(rule, issuer_key, policy_oid, value_sha256,
                        EVP_sha256(), hash);
}

static void serial_put(struct identity *id, const X509 *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const uint8_t *data = ASN1_STRING_get0_data(serial);
    size_t length = (size_t)ASN1_STRING_length(serial);

    for (; length > 1 && data[0] == 0; length--)
        data++;
    if (length > sizeof id->serial) /* strict_check() let none such in */
        return;
    memcpy(id->serial, data, length);
    id->serial_length = (uint8_t)length;
}

/* --- the search ---------------------------------------------------------- */

/* Errors that only say "not mine"; any other tells more. */
static bool error_is_stranger(int error)
{
    return error == X509_V_OK ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           error == X509_V_ERR_CERT_SIGNATURE_FAILURE;
}

/* One leaf's way through the trusts. */
struct search {
    const struct identities *ids;
    const struct identity_options *options;
    struct leaf leaf;
    STACK_OF(X509) * chain;
    int64_t now;
    struct identity *id;
    int error; /* the most telling one of the trusts tried */
    unsigned tried;
    bool vouched; /* some trust's anchors verified */
    size_t matches;
};

static bool search_try(struct search *s, const struct trust *t,
                       struct verified *v)
{
    int error;

    if (s->tried++ >= TRUST_TRIED_MAX) {
        /* Not all were asked, so "exactly one" is unknown: nobody (P9). */
        s->error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
        return false;
    }
    error = trust_verify(t, &s->leaf, s->chain, s->now, s->options, v);
    if (error != X509_V_OK) {
        if (error_is_stranger(s->error))
            s->error = error;
        return false;
    }
    s->vouched = true;
    if (s->matches > 0) /* theirs counts; this one may only make it two */
        return true;
    s->id->not_before = v->not_before;
    s->id->not_after = v->not_after;
    s->id->test_pki = v->test_pki;
    s->id->key_rules = v->key_rules;
    return true;
}

/* The one person of a trust whom the leaf matches and the chain's policies
 * allow. False: it is nobody after all. */
static bool search_found(struct search *s, const struct trust *t,
                         const struct person *p, struct verified *v)
{
    struct identity *id = s->id;
    uint64_t usable = v->policies & p->policies;

    if (t->npolicies > 0 && usable == 0)
        return false;
    if (usable != 0)
        memcpy(id->policy_oid, t->policies[__builtin_ctzll(usable)].text,
               sizeof id->policy_oid);
    if (matched_hash((enum identity_rule)p->rule, v->issuer_key, id->policy_oid,
                     p->value_sha256, s->ids->sha256, id->matched_sha256) != 0)
        return false;
    id->party = p->party;
    id->person = p->person;
    id->service = p->service;
    id->rule = (enum identity_rule)p->rule;
    memcpy(id->issuer_key, v->issuer_key, sizeof id->issuer_key);
    serial_put(id, s->leaf.cert);
    identity_release(id);
    id->links = v->links;
    id->nlinks = v->nlinks;
    id->issuer = v->issuer;
    v->links = NULL;
    v->issuer = NULL;
    return true;
}

/* Those who know the leaf: in the usual case one, and one verification. */
static void search_known(struct search *s)
{
    for (size_t i = 0; i < s->ids->ntrusts; i++) {
        const struct trust *t = s->ids->trusts[i];
        struct matches m = trust_match(t, &s->leaf);
        struct verified v;

        if (m.count == 0 || !trust_may_vouch(t, s->leaf.cert, s->chain) ||
            !search_try(s, t, &v))
            continue;
        if (m.count > 1 || search_found(s, t, &t->people[m.first], &v))
            s->matches += m.count;
        verified_release(&v);
    }
}

/* Nobody's certificate: is there at least a party that vouches for it? */
static void search_voucher(struct search *s)
{
    for (size_t i = 0; i < s->ids->ntrusts && !s->vouched; i++) {
        const struct trust *t = s->ids->trusts[i];
        struct verified v;

        if (trust_match(t, &s->leaf).count == 0 &&
            trust_may_vouch(t, s->leaf.cert, s->chain) && search_try(s, t, &v))
            verified_release(&v);
    }
}

/* What only somebody has. */
static void identity_forget(struct identity *id)
{
    const struct identity nobody = {
        .party = IDENTITY_NOBODY,
        .person = IDENTITY_NOBODY,
        .not_before = id->not_before,
        .not_after = id->not_after,
        .test_pki = id->test_pki,
        .key_rules = id->key_rules,
    };
    uint8_t cert_sha256[32];

    memcpy(cert_sha256, id->cert_sha256, sizeof cert_sha256);
    identity_release(id);
    *id = nobody;
    memcpy(id->cert_sha256, cert_sha256, sizeof cert_sha256);
}

void identity_release(struct identity *id)
{
    free(id->links);
    X509_free(id->issuer);
    id->links = NULL;
    id->nlinks = 0;
    id->issuer = NULL;
}

int identity_copy(struct identity *to, const struct identity *from)
{
    struct chain_link *links = NULL;

    if (from->links != NULL) {
        links = calloc(from->nlinks + 1, sizeof *links);
        if (links == NULL) {
            memset(to, 0, sizeof *to);
            return SP_ENOMEM;
        }
        memcpy(links, from->links, from->nlinks * sizeof *links);
    }
    *to = *from;
    to->links = links;
    if (to->issuer != NULL)
        X509_up_ref(to->issuer);
    return 0;
}

static int search_run(struct search *s)
{
    search_known(s);
    if (!s->vouched)
        search_voucher(s);
    if (s->tried > TRUST_TRIED_MAX || !s->vouched) {
        identity_forget(s->id);
        if (s->error == X509_V_OK)
            s->error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
        return SP_EPERM;
    }
    if (s->matches == 1)
        return 0;
    identity_forget(s->id);
    return s->matches == 0 ? 0 : SP_EAMBIGUOUS;
}

int identity_from_chain(const struct identities *ids, X509 *leaf,
                        STACK_OF(X509) * chain, int64_t now,
                        const struct identity_options *options,
                        struct identity *id, int *x509_error)
{
    struct search s = {
        .ids = ids, .options = options, .chain = chain, .now = now, .id = id};
    int r = SP_EPERM;

    memset(id, 0, sizeof *id);
    id->party = IDENTITY_NOBODY;
    id->person = IDENTITY_NOBODY;
    *x509_error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
    if (sk_X509_num(chain) > TRUST_CHAIN_MAX)
        return SP_EPERM;
    *x509_error = X509_V_ERR_UNSPECIFIED;
    if (X509_digest(leaf, ids->sha256, id->cert_sha256, NULL) != 1)
        return SP_EPERM;
    s.error = leaf_read(ids, leaf, &s.leaf);
    if (s.error == X509_V_OK)
        r = search_run(&s);
    *x509_error = r == SP_EPERM ? s.error : X509_V_OK;
    ERR_clear_error();
    leaf_release(&s.leaf);
    return r;
}

/* --- under other rules --------------------------------------------------- */

/* The one person whom a leaf matches, over all trusts. */
static const struct person *person_of(const struct identities *ids,
                                      const struct leaf *leaf,
                                      const struct trust **trust)
{
    const struct person *found = NULL;
    size_t count = 0;

    for (size_t i = 0; i < ids->ntrusts; i++) {
        struct matches m = trust_match(ids->trusts[i], leaf);

        if (m.count == 0)
            continue;
        count += m.count;
        *trust = ids->trusts[i];
        found = &ids->trusts[i]->people[m.first];
    }
    return count == 1 ? found : NULL;
}

/* Whether the policy that held for the chain is one that this person may have.
 */
static bool policy_may_stay(const struct trust *t, const struct person *p,
                            const char *oid)
{
    for (size_t i = 0; i < t->npolicies; i++)
        if (strcmp(t->policies[i].text, oid) == 0)
            return (p->policies >> i & 1) != 0;
    return t->npolicies == 0;
}

/* The same anchors, the same demands, and the one person of this leaf: then
 * verifying it again would find what it found. */
static int renew_known(const struct identities *old, const struct identity *was,
                       const struct identities *new, const struct leaf *leaf,
                       struct identity *id)
{
    const struct member *member = member_find(old, was->party);
    const struct trust *t = NULL;
    const struct person *p = person_of(new, leaf, &t);
    int r;

    if (member == NULL || p == NULL ||
        memcmp(old->trusts[member->trust]->source, t->source, 32) != 0 ||
        !policy_may_stay(t, p, was->policy_oid))
        return SP_ENOENT;
    if ((r = identity_copy(id, was)) != 0)
        return r;
    id->party = p->party;
    id->person = p->person;
    id->service = p->service;
    id->rule = (enum identity_rule)p->rule;
    return matched_hash(id->rule, id->issuer_key, id->policy_oid,
                        p->value_sha256, new->sha256, id->matched_sha256);
}

int identity_renew(const struct identities *old, const struct identity *was,
                   const struct identities *new, X509 *leaf, int64_t now,
                   struct identity *id)
{
    const struct identity_options options = {.allow_test_pki = was->test_pki};
    struct leaf l = {.cert = NULL};
    int error, r = SP_ENOENT;

    memset(id, 0, sizeof *id);
    if (leaf_read(new, leaf, &l) == X509_V_OK)
        r = renew_known(old, was, new, &l, id);
    leaf_release(&l);
    if (r == SP_ENOENT)
        r = identity_from_chain(new, leaf, NULL, now, &options, id, &error);
    return r == SP_EAMBIGUOUS ? 0 : r;
}
