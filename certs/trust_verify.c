/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One chain against one trust: OpenSSL's verification with the trust's own
 * parameters, then what it does not ask (certs/strict.h), then what others
 * want to know of the chain. All certificates but the anchors and the pool are
 * a stranger's.
 */
#include "certs/trust.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certs/strict.h"
#include "certs/tls_profile.h"
#include "certs/trust_limits.h"

/* --- cheap questions before ---------------------------------------------- */

/* Names that may stand on the way from a leaf to an anchor. */
struct names {
    const X509_NAME *name[TRUST_NAMES_MAX];
    size_t count;
    bool full;
};

static void names_add(struct names *n, const X509_NAME *name)
{
    for (size_t i = 0; i < n->count; i++) {
        if (names_equal(n->name[i], name))
            return;
    }
    if (n->count == TRUST_NAMES_MAX)
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

bool trust_may_vouch(const struct trust *t, X509 *leaf,
                     const STACK_OF(X509) * chain)
{
    struct names n = {.count = 0};

    names_add(&n, X509_get_issuer_name(leaf));
    for (size_t i = 0; i < n.count; i++) {
        if (trust_has_anchor(t, n.name[i]))
            return true;
        names_add_issuers(&n, n.name[i], chain);
        names_add_issuers(&n, n.name[i], t->intermediates);
    }
    return n.full; /* not searched to the end: verification will tell */
}

/* --- of a verified chain ------------------------------------------------- */

/* -1 if the time cannot be read. Leap seconds do not occur in certificates. */
static int64_t time_ms(const ASN1_TIME *t)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return -1;
    return (int64_t)timegm(&tm) * 1000;
}

/* The time in which all of a verified chain is valid. */
static void chain_validity(const STACK_OF(X509) * chain, struct verified *v)
{
    v->not_before = INT64_MIN;
    v->not_after = INT64_MAX;
    v->key_rules = tls_chain_rules(chain, true);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *cert = sk_X509_value(chain, i);
        int64_t from = time_ms(X509_get0_notBefore(cert));
        int64_t to = time_ms(X509_get0_notAfter(cert));

        if (from > v->not_before)
            v->not_before = from;
        if (to < v->not_after)
            v->not_after = to;
    }
}

/* Every certificate below the anchor, and every key. The leaf has been looked
 * at before. */
static int chain_check(const STACK_OF(X509) * chain)
{
    const int n = sk_X509_num(chain);
    int error = X509_V_OK;

    for (int i = 1; error == X509_V_OK && i < n; i++) {
        const X509 *cert = sk_X509_value(chain, i);

        if (i < n - 1)
            error = strict_check(cert);
        if (error == X509_V_OK)
            error = strict_check_key(cert);
    }
    return error;
}

/* In the place of OpenSSL's purpose, for trusts that it is not asked for:
 * clientAuth, "any" or nothing at all, of each certificate below the anchor. */
static int chain_check_usage(const struct trust *t,
                             const STACK_OF(X509) * chain)
{
    for (int i = 0; t->any_eku && i < sk_X509_num(chain) - 1; i++) {
        unsigned eku = strict_key_usage(sk_X509_value(chain, i));

        if (eku != 0 && (eku & (STRICT_EKU_CLIENT | STRICT_EKU_ANY)) == 0)
            return X509_V_ERR_INVALID_PURPOSE;
        if ((eku & STRICT_EKU_BAD) != 0)
            return X509_V_ERR_INVALID_EXTENSION;
    }
    return X509_V_OK;
}

static unsigned chain_policies(const STACK_OF(X509) * chain)
{
    unsigned said = 0;

    for (int i = 0; i < sk_X509_num(chain) - 1; i++)
        said |= strict_policies(sk_X509_value(chain, i));
    return said;
}

/* Policy constraints bind also those who require no policy themselves (RFC 5280
 * section 6.1.5): a chain that demands a valid policy must have one. Rare, so
 * that OpenSSL is not asked for it with every chain. */
static int chain_check_constraints(STACK_OF(X509) * chain)
{
    /* Without a list OpenSSL finds no policy acceptable, not any. */
    STACK_OF(ASN1_OBJECT) * any;
    X509_POLICY_TREE *tree = NULL;
    int explicit = 0, r = 0, i = 0;

    while (i < sk_X509_num(chain) - 1 &&
           X509_get_ext_by_NID(sk_X509_value(chain, i), NID_policy_constraints,
                               -1) < 0)
        i++;
    if (i == sk_X509_num(chain) - 1)
        return X509_V_OK;
    any = sk_ASN1_OBJECT_new_null();
    if (any != NULL &&
        sk_ASN1_OBJECT_push(any, OBJ_nid2obj(NID_any_policy)) > 0)
        r = X509_policy_check(&tree, &explicit, chain, any, 0);
    X509_policy_tree_free(tree);
    sk_ASN1_OBJECT_free(any);
    return r == 1    ? X509_V_OK
           : r == -2 ? X509_V_ERR_NO_EXPLICIT_POLICY
                     : X509_V_ERR_INVALID_POLICY_EXTENSION;
}

/* The trust's policies that hold for the chain. */
static uint64_t policies_held(const struct trust *t, X509_STORE_CTX *ctx)
{
    const STACK_OF(X509_POLICY_NODE) *held =
        X509_policy_tree_get0_user_policies(
            X509_STORE_CTX_get0_policy_tree(ctx));
    uint64_t bits = 0;

    for (int i = 0; i < sk_X509_POLICY_NODE_num(held); i++) {
        const ASN1_OBJECT *oid =
            X509_policy_node_get0_policy(sk_X509_POLICY_NODE_value(held, i));

        for (size_t k = 0; k < t->npolicies; k++) {
            if (OBJ_cmp(oid, t->policies[k].oid) == 0)
                bits |= UINT64_C(1) << k;
        }
    }
    return bits;
}

static int check_policies(const struct trust *t, X509_STORE_CTX *ctx,
                          const struct identity_options *options,
                          struct verified *v)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    unsigned said = chain_policies(chain);

    if ((said & STRICT_POLICY_BAD) != 0)
        return X509_V_ERR_INVALID_POLICY_EXTENSION;
    v->test_pki = (said & STRICT_POLICY_TEST) != 0;
    if (v->test_pki && (options == NULL || !options->allow_test_pki))
        return IDENTITY_ERROR_TEST_PKI;
    if (t->npolicies == 0)
        return chain_check_constraints(chain);
    /* An end entity's certificate that says "any" says nothing. */
    if ((strict_policies(sk_X509_value(chain, 0)) & STRICT_POLICY_ANY) != 0)
        return X509_V_ERR_NO_EXPLICIT_POLICY;
    v->policies = policies_held(t, ctx);
    return v->policies != 0 ? X509_V_OK : X509_V_ERR_NO_EXPLICIT_POLICY;
}

static int chain_link_all(const STACK_OF(X509) * chain, struct verified *v)
{
    size_t n = (size_t)sk_X509_num(chain) - 1;

    if ((v->links = calloc(n, sizeof *v->links)) == NULL)
        return X509_V_ERR_OUT_OF_MEM;
    v->nlinks = n;
    for (int i = 0; i < (int)n; i++) {
        if (chain_link_make(sk_X509_value(chain, i),
                            sk_X509_value(chain, i + 1), &v->links[i]) != 0)
            return X509_V_ERR_INVALID_EXTENSION;
    }
    if (X509_up_ref(sk_X509_value(chain, 1)) != 1)
        return X509_V_ERR_OUT_OF_MEM;
    v->issuer = sk_X509_value(chain, 1);
    return X509_V_OK;
}

void verified_release(struct verified *v)
{
    free(v->links);
    X509_free(v->issuer);
    v->links = NULL;
    v->nlinks = 0;
    v->issuer = NULL;
}

/* What is asked once the chain has been verified. */
static int chain_examine(const struct trust *t, X509_STORE_CTX *ctx,
                         const struct identity_options *options,
                         struct verified *v)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int error;

    if (sk_X509_num(chain) < 2)
        return X509_V_ERR_CERT_UNTRUSTED; /* a leaf is nobody's anchor */
    if ((error = chain_check(chain)) != X509_V_OK ||
        (error = chain_check_usage(t, chain)) != X509_V_OK ||
        (error = check_policies(t, ctx, options, v)) != X509_V_OK)
        return error;
    if (chain_key_hash(sk_X509_value(chain, 1), v->issuer_key) != 0)
        return X509_V_ERR_UNSPECIFIED;
    if (t->wants_links && (error = chain_link_all(chain, v)) != X509_V_OK)
        return error;
    chain_validity(chain, v);
    return X509_V_OK;
}

/* --- verification -------------------------------------------------------- */

static bool certs_have(const STACK_OF(X509) * certs, const X509_NAME *subject)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        if (names_equal(X509_get_subject_name(sk_X509_value(certs, i)),
                        subject))
            return true;
    }
    return false;
}

/* Whether what the client sent is to be put into the pool before verification:
 * something has to be joined or left out. */
static bool pool_is_needed(const struct trust *t, const STACK_OF(X509) * chain)
{
    return sk_X509_num(t->intermediates) > 0 || sk_X509_num(chain) > 2;
}

/* The trust's own pool, and of the client's chain what can lead to an anchor by
 * its names. OpenSSL takes the first issuer that fits and never another: where
 * an authority is also signed by somebody else's root, which is usual among
 * bridges, the way that was sent first would decide. NULL: out of memory. */
static STACK_OF(X509) *
    pool_make(const struct trust *t, const STACK_OF(X509) * chain)
{
    STACK_OF(X509) *pool = sk_X509_dup(t->intermediates);
    bool taken[TRUST_CHAIN_MAX] = {false}, more = pool != NULL;

    while (more) {
        more = false;
        for (int i = 0; i < sk_X509_num(chain) && i < TRUST_CHAIN_MAX; i++) {
            X509 *cert = sk_X509_value(chain, i);
            const X509_NAME *issuer = X509_get_issuer_name(cert);

            if (taken[i] ||
                (!trust_has_anchor(t, issuer) && !certs_have(pool, issuer)))
                continue;
            if (sk_X509_push(pool, cert) <= 0) {
                sk_X509_free(pool);
                return NULL;
            }
            taken[i] = more = true;
        }
    }
    return pool;
}

static int context_verify(const struct trust *t, X509_STORE_CTX *ctx,
                          const struct identity_options *options,
                          struct verified *v)
{
    int error;

    if (X509_verify_cert(ctx) == 1)
        return chain_examine(t, ctx, options, v);
    error = X509_STORE_CTX_get_error(ctx);
    /* It never says "fine" for a chain that is not. */
    return error != X509_V_OK ? error : X509_V_ERR_UNSPECIFIED;
}

int trust_verify(const struct trust *t, const struct leaf *leaf,
                 STACK_OF(X509) * chain, int64_t now,
                 const struct identity_options *options, struct verified *v)
{
    STACK_OF(X509) *joined = NULL;
    X509_STORE_CTX *ctx = NULL;
    int error = X509_V_ERR_OUT_OF_MEM;

    memset(v, 0, sizeof *v);
    if (!t->any_eku && (leaf->eku & STRICT_EKU_CLIENT) == 0)
        return X509_V_ERR_INVALID_PURPOSE;
    if ((ctx = X509_STORE_CTX_new()) == NULL)
        goto out;
    if (pool_is_needed(t, chain)) {
        if ((joined = pool_make(t, chain)) == NULL)
            goto out;
        chain = joined;
    }
    if (X509_STORE_CTX_init(ctx, t->store, leaf->cert, chain) != 1)
        goto out;
    X509_STORE_CTX_set_time(ctx, 0, (time_t)(now / 1000));
    error = context_verify(t, ctx, options, v);
    if (error != X509_V_OK)
        verified_release(v);
out:
    ERR_clear_error();
    X509_STORE_CTX_free(ctx);
    sk_X509_free(joined);
    return error;
}
