/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a certificate belongs to. The tables are made once at start (supervisor
 * to check them, workers to use them) and never change; the leaf and the
 * chain are a stranger's bytes, parsed by OpenSSL and trusted in nothing
 * until a party's own anchors have vouched for them.
 *
 * Parties that bring the same anchors share one `trust`, so that twenty
 * parties of the deployment's own authority cost one verification, not
 * twenty. A trust is tried only if the names in the chain can lead to one of
 * its anchors, and those that know the leaf are tried first. Who a leaf belongs
 * to is looked up, never searched for: a handshake costs the same with a
 * hundred thousand people as with ten.
 */
#include "certs/identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certs/name.h"
#include "certs/pem.h"
#include "certs/tls_profile.h"
#include "lib/table.h"

/* FPKI's longest real paths have 6 certificates. */
#define IDENTITY_DEPTH_MAX 10
/* What a client may send: its leaf and a path to an anchor. */
#define IDENTITY_CHAIN_MAX (IDENTITY_DEPTH_MAX + 1)
/* Trusts whose anchors share a name with another's; more would make one
 * handshake expensive and are refused at start. */
#define IDENTITY_TRUSTS_TRIED 16
/* Issuer names looked at while searching a way to an anchor. */
#define IDENTITY_NAMES_MAX 32
/* RSA-2048 and P-224 and better, SHA-2. */
#define IDENTITY_AUTH_LEVEL 2

struct person {
    uint32_t party;
    uint32_t person;
    uint32_t next; /* another one whose names have the same hash, or NOBODY */
    uint32_t names_length;
    uint8_t *names; /* subject and issuer in DER, or NULL: not by names */
};
_Static_assert(IDENTITY_NOBODY == TABLE_NONE, "whom a table does not have");

struct trust {
    uint8_t source[32]; /* SHA-256 of what it was made from */
    X509_STORE *store;
    STACK_OF(X509) * anchors;
    STACK_OF(X509) * intermediates; /* may be empty, never NULL */
    struct person *people;
    size_t npeople;
    /* What people are recognised by to their indices in `people`: URIs and keys
     * as they are, names by their hash. */
    struct table uris, keys, names;
};

struct member {
    uint32_t party;
    size_t trust;
};

struct identities {
    EVP_MD
    *sha256; /* fetched once: a fetch by name costs a lock and a search */
    bool uses_spki, uses_names;
    struct trust **trusts;
    size_t ntrusts;
    struct member *members;
    size_t nmembers;
};

/* Of subject and issuer as they are compared (RFC 5280 section 7.1). */
struct names_hash {
    uint64_t subject, issuer;
};

/* What of a leaf people are recognised by. */
struct leaf {
    X509 *cert;
    STACK_OF(GENERAL_NAME) * names;
    uint8_t spki[32];
    struct names_hash hash;
};

/* --- the tables ---------------------------------------------------------- */

static void trust_free(struct trust *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->npeople; i++)
        free(t->people[i].names);
    free(t->people);
    table_release(&t->uris);
    table_release(&t->keys);
    table_release(&t->names);
    X509_STORE_free(t->store);
    sk_X509_pop_free(t->anchors, X509_free);
    sk_X509_pop_free(t->intermediates, X509_free);
    free(t);
}

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

/* Room for one more element behind `count`; grows at powers of two. */
static int array_grow(void **array, size_t count, size_t size)
{
    void *larger;

    if ((count & (count - 1)) != 0)
        return 0;
    larger = reallocarray(*array, count == 0 ? 1 : count * 2, size);
    if (larger == NULL)
        return SP_ENOMEM;
    *array = larger;
    return 0;
}

static bool names_equal(const X509_NAME *a, const X509_NAME *b)
{
    return X509_NAME_cmp(a, b) == 0;
}

static bool anchors_have(const struct trust *t, const X509_NAME *subject)
{
    for (int i = 0; i < sk_X509_num(t->anchors); i++) {
        X509 *anchor = sk_X509_value(t->anchors, i);

        if (names_equal(X509_get_subject_name(anchor), subject))
            return true;
    }
    return false;
}

/* An anchor that is no authority would let its holder in as a leaf does. */
static int anchors_check(STACK_OF(X509) * anchors, char problem[256])
{
    for (int i = 0; i < sk_X509_num(anchors); i++) {
        X509 *anchor = sk_X509_value(anchors, i);

        if (X509_check_ca(anchor) != 1) {
            snprintf(problem, 256,
                     "certificate %d is not a CA: expected one with "
                     "basicConstraints CA:TRUE",
                     i + 1);
            return SP_EINVAL;
        }
    }
    return 0;
}

/* How verification is done, whoever's anchors it is done with. */
static int store_configure(X509_STORE *store)
{
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
    const unsigned long flags = X509_V_FLAG_X509_STRICT |
                                X509_V_FLAG_PARTIAL_CHAIN |
                                X509_V_FLAG_TRUSTED_FIRST;

    /* Partial chain: an anchor may be an issuing CA, not only a root. */
    if (X509_VERIFY_PARAM_set_flags(param, flags) != 1 ||
        X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT) != 1 ||
        X509_VERIFY_PARAM_set_trust(param, X509_TRUST_SSL_CLIENT) != 1)
        return SP_ECRYPTO;
    X509_VERIFY_PARAM_set_depth(param, IDENTITY_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, IDENTITY_AUTH_LEVEL);
    return 0;
}

static int store_fill(X509_STORE *store, STACK_OF(X509) * anchors)
{
    for (int i = 0; i < sk_X509_num(anchors); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(anchors, i)) != 1)
            return SP_ECRYPTO;
    }
    return store_configure(store);
}

static int trust_new(const uint8_t *anchors, size_t anchors_length,
                     const uint8_t *intermediates, size_t intermediates_length,
                     struct trust **trust, char problem[256])
{
    struct trust *t = calloc(1, sizeof *t);
    int r;

    if (t == NULL)
        return SP_ENOMEM;
    r = pem_read_certificates(anchors, anchors_length, &t->anchors, problem);
    if (r == 0)
        r = anchors_check(t->anchors, problem);
    if (r == 0 && intermediates != NULL)
        r = pem_read_certificates(intermediates, intermediates_length,
                                  &t->intermediates, problem);
    else if (r == 0 && (t->intermediates = sk_X509_new_null()) == NULL)
        r = SP_ENOMEM;
    if (r == 0 && (t->store = X509_STORE_new()) == NULL)
        r = SP_ENOMEM;
    if (r == 0 && (r = store_fill(t->store, t->anchors)) != 0)
        pem_problem(problem, "anchors cannot be used");
    if (r != 0) {
        trust_free(t);
        return r;
    }
    *trust = t;
    return 0;
}

static int source_hash(const struct identities *ids, const uint8_t *anchors,
                       size_t anchors_length, const uint8_t *intermediates,
                       size_t intermediates_length, uint8_t hash[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint64_t length = anchors_length;
    bool good =
        ctx != NULL && EVP_DigestInit_ex(ctx, ids->sha256, NULL) == 1 &&
        EVP_DigestUpdate(ctx, &length, sizeof length) == 1 &&
        EVP_DigestUpdate(ctx, anchors, anchors_length) == 1 &&
        EVP_DigestUpdate(ctx, intermediates, intermediates_length) == 1 &&
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
            same += anchors_have(ids->trusts[k], X509_get_subject_name(anchor));
        if (same > IDENTITY_TRUSTS_TRIED) {
            snprintf(problem, 256,
                     "certificate %d is an anchor in more than %d different "
                     "files: expected parties with the same anchors to name "
                     "the same file",
                     i + 1, IDENTITY_TRUSTS_TRIED);
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

/* The trust made from the same texts, or ntrusts. */
static size_t trust_find(const struct identities *ids, const uint8_t source[32])
{
    size_t i = 0;

    while (i < ids->ntrusts && memcmp(ids->trusts[i]->source, source, 32) != 0)
        i++;
    return i;
}

int identities_add_party(struct identities *ids, uint32_t party,
                         const uint8_t *anchors, size_t anchors_length,
                         const uint8_t *intermediates,
                         size_t intermediates_length, char problem[256])
{
    struct trust *t = NULL;
    uint8_t source[32];
    size_t found;
    int r;

    problem[0] = '\0';
    if (member_find(ids, party) != NULL)
        return SP_EEXIST;
    if ((r = source_hash(ids, anchors, anchors_length, intermediates,
                         intermediates_length, source)) != 0 ||
        (r = array_grow((void **)&ids->members, ids->nmembers,
                        sizeof *ids->members)) != 0)
        return r;
    found = trust_find(ids, source);
    if (found == ids->ntrusts) {
        if ((r = array_grow((void **)&ids->trusts, ids->ntrusts,
                            sizeof(struct trust *))) != 0 ||
            (r = trust_new(anchors, anchors_length, intermediates,
                           intermediates_length, &t, problem)) != 0)
            return r;
        if ((r = trusts_check_crowd(ids, t, problem)) != 0) {
            trust_free(t);
            return r;
        }
        memcpy(t->source, source, sizeof source);
        ids->trusts[ids->ntrusts++] = t;
    }
    ids->members[ids->nmembers++] =
        (struct member){.party = party, .trust = found};
    return 0;
}

/* A name's hash is that of its canonical form, so that names that compare equal
 * have the same. False: the name cannot be encoded. */
static bool names_hash(const X509_NAME *subject, const X509_NAME *issuer,
                       struct names_hash *hash)
{
    int good_subject = 0, good_issuer = 0;

    hash->subject = X509_NAME_hash_ex(subject, NULL, NULL, &good_subject);
    hash->issuer = X509_NAME_hash_ex(issuer, NULL, NULL, &good_issuer);
    return good_subject == 1 && good_issuer == 1;
}

/* Both in DER, one behind the other: a tenth of what X509_NAME takes. */
static int names_encode(X509_NAME *subject, X509_NAME *issuer, struct person *p)
{
    int m = i2d_X509_NAME(subject, NULL), n = i2d_X509_NAME(issuer, NULL);
    uint8_t *at;

    if (m <= 0 || n <= 0)
        return SP_ECRYPTO;
    p->names_length = (uint32_t)m + (uint32_t)n;
    at = p->names = malloc(p->names_length);
    if (at == NULL)
        return SP_ENOMEM;
    i2d_X509_NAME(subject, &at);
    i2d_X509_NAME(issuer, &at);
    return 0;
}

static bool names_are(const struct person *p, const X509_NAME *subject,
                      const X509_NAME *issuer)
{
    const uint8_t *at = p->names, *end = at + p->names_length;
    X509_NAME *s = d2i_X509_NAME(NULL, &at, end - at);
    X509_NAME *i = s == NULL ? NULL : d2i_X509_NAME(NULL, &at, end - at);
    bool equal = i != NULL && names_equal(s, subject) && names_equal(i, issuer);

    X509_NAME_free(s);
    X509_NAME_free(i);
    return equal;
}

/* The index of the person of these names, or NOBODY. */
static uint32_t names_find(const struct trust *t, const struct names_hash *hash,
                           const X509_NAME *subject, const X509_NAME *issuer)
{
    uint32_t i = table_get(&t->names, hash, sizeof *hash);

    while (i != IDENTITY_NOBODY && !names_are(&t->people[i], subject, issuer))
        i = t->people[i].next;
    return i;
}

static int person_add_names(struct trust *t, struct person *p,
                            const char *match, char problem[256])
{
    X509_NAME *subject = NULL, *issuer = NULL;
    struct names_hash hash;
    int r = name_parse_pair(match, &subject, &issuer, problem);

    if (r != 0)
        goto out;
    r = SP_ECRYPTO;
    if (!names_hash(subject, issuer, &hash))
        goto out;
    r = SP_EAMBIGUOUS;
    if (names_find(t, &hash, subject, issuer) != IDENTITY_NOBODY)
        goto out;
    p->next = table_get(&t->names, &hash, sizeof hash);
    if ((r = names_encode(subject, issuer, p)) == 0)
        r = table_put(&t->names, &hash, sizeof hash, (uint32_t)t->npeople);
out:
    X509_NAME_free(subject);
    X509_NAME_free(issuer);
    return r;
}

static int person_add_key(struct trust *t, struct table *table, const void *key,
                          size_t length)
{
    if (table_get(table, key, length) != TABLE_NONE)
        return SP_EAMBIGUOUS;
    return table_put(table, key, length, (uint32_t)t->npeople);
}

/* How the next person of `t` is recognised. */
static int person_add(struct trust *t, struct person *p,
                      const struct identity_match *match, char problem[256])
{
    int set = (match->issuer_subject != NULL) + (match->spki_sha256 != NULL) +
              (match->san_uri != NULL);

    if (set != 1) {
        snprintf(problem, 256,
                 "expected exactly one of issuer_subject, spki_sha256 and "
                 "san_uri, not %d",
                 set);
        return SP_EINVAL;
    }
    if (match->issuer_subject != NULL)
        return person_add_names(t, p, match->issuer_subject, problem);
    if (match->spki_sha256 != NULL)
        return person_add_key(t, &t->keys, match->spki_sha256, 32);
    if (match->san_uri[0] == '\0') {
        snprintf(problem, 256, "expected a URI, not an empty text");
        return SP_EINVAL;
    }
    return person_add_key(t, &t->uris, match->san_uri, strlen(match->san_uri));
}

int identities_add_person(struct identities *ids, uint32_t party,
                          uint32_t person, const struct identity_match *match,
                          char problem[256])
{
    struct person p = {
        .party = party, .person = person, .next = IDENTITY_NOBODY};
    const struct member *member = member_find(ids, party);
    struct trust *t;
    int r;

    problem[0] = '\0';
    if (member == NULL)
        return SP_ENOENT;
    t = ids->trusts[member->trust];
    r = array_grow((void **)&t->people, t->npeople, sizeof *t->people);
    if (r == 0)
        r = person_add(t, &p, match, problem);
    if (r == SP_EAMBIGUOUS)
        /* Over all parties of the same anchors: one certificate would be both.
         */
        snprintf(problem, 256,
                 "another person under the same anchors is recognised by "
                 "the same certificate: expected a match of their own");
    if (r != 0) {
        free(p.names);
        return r;
    }
    t->people[t->npeople++] = p;
    ids->uses_spki |= match->spki_sha256 != NULL;
    ids->uses_names |= match->issuer_subject != NULL;
    return 0;
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

/* A NUL within a URI ends it for some readers and not for others. */
static bool uris_are_plain(const STACK_OF(GENERAL_NAME) * names)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *uri = name->d.uniformResourceIdentifier;

        if (name->type == GEN_URI &&
            memchr(ASN1_STRING_get0_data(uri), '\0',
                   (size_t)ASN1_STRING_length(uri)) != NULL)
            return false;
    }
    return true;
}

/* What verification does not ask: an end entity's certificate that says it is
 * for clients. OpenSSL's purpose lets certificates without extended key usage
 * and authorities' own pass. */
static int leaf_check_use(X509 *cert)
{
    uint32_t flags = X509_get_extension_flags(cert);
    uint32_t usage = X509_get_key_usage(cert); /* all bits if there is none */

    if ((flags & EXFLAG_INVALID) != 0)
        return X509_V_ERR_INVALID_EXTENSION;
    if ((flags & EXFLAG_CA) != 0 || X509_check_ca(cert) != 0)
        return X509_V_ERR_INVALID_PURPOSE;
    if ((flags & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT) == 0)
        return X509_V_ERR_INVALID_PURPOSE;
    if ((usage & KU_DIGITAL_SIGNATURE) == 0)
        return X509_V_ERR_INVALID_PURPOSE;
    return X509_V_OK;
}

/* X509_V_OK or why it is refused whoever issued it. */
static int leaf_read(const struct identities *ids, X509 *cert, struct leaf *l)
{
    int error = leaf_check_use(cert);

    l->cert = cert;
    if (error != X509_V_OK)
        return error;
    l->names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (!uris_are_plain(l->names))
        return X509_V_ERR_UNSUPPORTED_NAME_SYNTAX;
    if (ids->uses_names && !names_hash(X509_get_subject_name(cert),
                                       X509_get_issuer_name(cert), &l->hash))
        return X509_V_ERR_UNSPECIFIED;
    return ids->uses_spki ? leaf_hash_key(ids, l) : X509_V_OK;
}

static void leaf_release(struct leaf *l)
{
    GENERAL_NAMES_free(l->names);
}

/* One person or more of a trust whose certificate a leaf is. */
struct matches {
    uint32_t first; /* of them, or NOBODY */
    size_t count;   /* 2: two or more */
};

static void matches_add(struct matches *m, uint32_t person)
{
    if (person == IDENTITY_NOBODY || person == m->first)
        return;
    m->count += m->count < 2;
    if (m->first == IDENTITY_NOBODY)
        m->first = person;
}

static void matches_add_uris(struct matches *m, const struct trust *t,
                             const struct leaf *l)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(l->names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(l->names, i);
        const ASN1_STRING *uri = name->d.uniformResourceIdentifier;

        if (name->type == GEN_URI)
            matches_add(m, table_get(&t->uris, ASN1_STRING_get0_data(uri),
                                     (size_t)ASN1_STRING_length(uri)));
    }
}

static struct matches trust_match(const struct trust *t, const struct leaf *l)
{
    struct matches m = {.first = IDENTITY_NOBODY};

    if (t->uris.count > 0)
        matches_add_uris(&m, t, l);
    if (t->keys.count > 0)
        matches_add(&m, table_get(&t->keys, l->spki, sizeof l->spki));
    if (t->names.count > 0)
        matches_add(&m, names_find(t, &l->hash, X509_get_subject_name(l->cert),
                                   X509_get_issuer_name(l->cert)));
    return m;
}

/* --- verification -------------------------------------------------------- */

/* Names that may stand on the way from a leaf to an anchor. */
struct names {
    const X509_NAME *name[IDENTITY_NAMES_MAX];
    size_t count;
    bool full;
};

static void names_add(struct names *n, const X509_NAME *name)
{
    for (size_t i = 0; i < n->count; i++) {
        if (names_equal(n->name[i], name))
            return;
    }
    if (n->count == IDENTITY_NAMES_MAX)
        n->full = true;
    else
        n->name[n->count++] = name;
}

static void names_add_issuers(struct names *n, const X509_NAME *subject,
                              const STACK_OF(X509) * pool)
{
    for (int i = 0; i < sk_X509_num(pool); i++) {
        X509 *cert = sk_X509_value(pool, i);

        if (names_equal(X509_get_subject_name(cert), subject))
            names_add(n, X509_get_issuer_name(cert));
    }
}

/* Whether names alone can lead from the leaf to an anchor of `t`: cheap, and
 * no for every trust that has nothing to do with this leaf. */
static bool trust_may_vouch(const struct trust *t, X509 *leaf,
                            const STACK_OF(X509) * chain)
{
    struct names n = {.count = 0};

    names_add(&n, X509_get_issuer_name(leaf));
    for (size_t i = 0; i < n.count; i++) {
        if (anchors_have(t, n.name[i]))
            return true;
        names_add_issuers(&n, n.name[i], chain);
        names_add_issuers(&n, n.name[i], t->intermediates);
    }
    return n.full; /* not searched to the end: verification will tell */
}

/* -1 if the time cannot be read. Leap seconds do not occur in certificates. */
static int64_t time_ms(const ASN1_TIME *t)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return -1;
    return (int64_t)timegm(&tm) * 1000;
}

/* The time in which all of a verified chain is valid. */
static void chain_validity(const STACK_OF(X509) * chain, struct identity *id)
{
    id->not_before = INT64_MIN;
    id->not_after = INT64_MAX;
    id->key_rules = tls_chain_rules(chain, true);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *cert = sk_X509_value(chain, i);
        int64_t from = time_ms(X509_get0_notBefore(cert));
        int64_t to = time_ms(X509_get0_notAfter(cert));

        if (from > id->not_before)
            id->not_before = from;
        if (to < id->not_after)
            id->not_after = to;
    }
}

/* The client's chain and the trust's own pool. NULL: out of memory. */
static STACK_OF(X509) *
    pool_join(STACK_OF(X509) * chain, const STACK_OF(X509) * more)
{
    STACK_OF(X509) *pool =
        chain == NULL ? sk_X509_new_null() : sk_X509_dup(chain);

    for (int i = 0; pool != NULL && i < sk_X509_num(more); i++) {
        if (sk_X509_push(pool, sk_X509_value(more, i)) == 0) {
            sk_X509_free(pool);
            return NULL;
        }
    }
    return pool;
}

/* X509_V_OK with the validity in *id, or why not. */
static int trust_verify(const struct trust *t, X509 *leaf,
                        STACK_OF(X509) * chain, int64_t now,
                        struct identity *id)
{
    STACK_OF(X509) *joined = NULL;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;

    if (ctx == NULL)
        goto out;
    if (sk_X509_num(t->intermediates) > 0) {
        if ((joined = pool_join(chain, t->intermediates)) == NULL)
            goto out;
        chain = joined;
    }
    if (X509_STORE_CTX_init(ctx, t->store, leaf, chain) != 1)
        goto out;
    X509_STORE_CTX_set_time(ctx, 0, (time_t)(now / 1000));
    if (X509_verify_cert(ctx) == 1) {
        chain_validity(X509_STORE_CTX_get0_chain(ctx), id);
        error = X509_V_OK;
    } else {
        error = X509_STORE_CTX_get_error(ctx);
        /* It never says "fine" for a chain that is not. */
        if (error == X509_V_OK)
            error = X509_V_ERR_UNSPECIFIED;
    }
out:
    ERR_clear_error();
    X509_STORE_CTX_free(ctx);
    sk_X509_free(joined);
    return error;
}

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
    struct leaf leaf;
    STACK_OF(X509) * chain;
    int64_t now;
    struct identity *id;
    int error; /* the most telling one of the trusts tried */
    unsigned tried;
    bool vouched; /* some trust's anchors verified */
    size_t matches;
};

static bool search_try(struct search *s, const struct trust *t)
{
    struct identity valid;
    int error;

    if (s->tried++ >= IDENTITY_TRUSTS_TRIED) {
        /* Not all were asked, so "exactly one" is unknown: nobody (P9). */
        s->error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
        return false;
    }
    error = trust_verify(t, s->leaf.cert, s->chain, s->now, &valid);
    if (error != X509_V_OK) {
        if (error_is_stranger(s->error))
            s->error = error;
        return false;
    }
    s->id->not_before = valid.not_before;
    s->id->not_after = valid.not_after;
    s->id->key_rules = valid.key_rules;
    s->vouched = true;
    return true;
}

/* Those who know the leaf: in the usual case one, and one verification. */
static void search_known(struct search *s)
{
    for (size_t i = 0; i < s->ids->ntrusts; i++) {
        const struct trust *t = s->ids->trusts[i];
        struct matches m = trust_match(t, &s->leaf);

        if (m.count == 0 || !trust_may_vouch(t, s->leaf.cert, s->chain) ||
            !search_try(s, t))
            continue;
        s->matches += m.count;
        s->id->party = t->people[m.first].party;
        s->id->person = t->people[m.first].person;
    }
}

/* Nobody's certificate: is there at least a party that vouches for it? */
static void search_voucher(struct search *s)
{
    for (size_t i = 0; i < s->ids->ntrusts && !s->vouched; i++) {
        const struct trust *t = s->ids->trusts[i];

        if (trust_match(t, &s->leaf).count == 0 &&
            trust_may_vouch(t, s->leaf.cert, s->chain))
            search_try(s, t);
    }
}

static int search_run(struct search *s)
{
    search_known(s);
    if (!s->vouched)
        search_voucher(s);
    if (s->tried > IDENTITY_TRUSTS_TRIED || !s->vouched) {
        if (s->error == X509_V_OK)
            s->error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
        return SP_EPERM;
    }
    if (s->matches == 1)
        return 0;
    s->id->party = IDENTITY_NOBODY;
    s->id->person = IDENTITY_NOBODY;
    return s->matches == 0 ? 0 : SP_EAMBIGUOUS;
}

int identity_from_chain(const struct identities *ids, X509 *leaf,
                        STACK_OF(X509) * chain, int64_t now,
                        struct identity *id, int *x509_error)
{
    struct search s = {.ids = ids, .chain = chain, .now = now, .id = id};
    int r = SP_EPERM;

    memset(id, 0, sizeof *id);
    id->party = IDENTITY_NOBODY;
    id->person = IDENTITY_NOBODY;
    *x509_error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
    if (sk_X509_num(chain) > IDENTITY_CHAIN_MAX)
        return SP_EPERM;
    *x509_error = X509_V_ERR_UNSPECIFIED;
    if (X509_digest(leaf, ids->sha256, id->cert_sha256, NULL) != 1)
        return SP_EPERM;
    s.error = leaf_read(ids, leaf, &s.leaf);
    if (s.error == X509_V_OK)
        r = search_run(&s);
    *x509_error = r == SP_EPERM ? s.error : X509_V_OK;
    leaf_release(&s.leaf);
    return r;
}
