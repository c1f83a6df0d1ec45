/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trusts are made once at start (supervisor to check them, workers to use
 * them), out of files that the operator had approved with the policy.
 */
#include "certs/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/pem.h"
#include "certs/trust_limits.h"

void trust_free(struct trust *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->npeople; i++)
        free(t->people[i].names);
    free(t->people);
    for (size_t i = 0; i < t->npolicies; i++)
        ASN1_OBJECT_free(t->policies[i].oid);
    for (size_t i = 0; i < t->nissuers; i++)
        X509_NAME_free(t->issuers[i]);
    table_release(&t->uris);
    table_release(&t->keys);
    table_release(&t->names);
    table_release(&t->others);
    free(t->anchor_keys);
    X509_STORE_free(t->store);
    sk_X509_pop_free(t->anchors, X509_free);
    sk_X509_pop_free(t->intermediates, X509_free);
    free(t);
}

int array_grow(void **array, size_t count, size_t size)
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

bool names_equal(const X509_NAME *a, const X509_NAME *b)
{
    return X509_NAME_cmp(a, b) == 0;
}

bool names_hash(const X509_NAME *subject, const X509_NAME *issuer,
                struct names_hash *hash)
{
    int good_subject = 0, good_issuer = 0;

    hash->subject = X509_NAME_hash_ex(subject, NULL, NULL, &good_subject);
    hash->issuer = X509_NAME_hash_ex(issuer, NULL, NULL, &good_issuer);
    return good_subject == 1 && good_issuer == 1;
}

bool trust_has_anchor(const struct trust *t, const X509_NAME *subject)
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
static int store_configure(const struct trust *t)
{
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(t->store);
    unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN |
                          X509_V_FLAG_TRUSTED_FIRST;
    /* Where clientAuth may be missing, trust_verify() asks in its place. */
    int purpose = t->any_eku ? X509_PURPOSE_ANY : X509_PURPOSE_SSL_CLIENT;

    if (t->npolicies > 0)
        flags |= X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_EXPLICIT_POLICY;
    for (size_t i = 0; i < t->npolicies; i++) {
        ASN1_OBJECT *oid = OBJ_dup(t->policies[i].oid);

        if (oid == NULL || X509_VERIFY_PARAM_add0_policy(param, oid) != 1) {
            ASN1_OBJECT_free(oid);
            return SP_ENOMEM;
        }
    }
    /* Partial chain: an anchor may be an issuing CA, not only a root. */
    if (X509_VERIFY_PARAM_set_flags(param, flags) != 1 ||
        X509_VERIFY_PARAM_set_purpose(param, purpose) != 1 ||
        X509_VERIFY_PARAM_set_trust(param, X509_TRUST_SSL_CLIENT) != 1)
        return SP_ECRYPTO;
    X509_VERIFY_PARAM_set_depth(param, TRUST_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, TRUST_AUTH_LEVEL);
    return 0;
}

static int store_fill(struct trust *t)
{
    if ((t->store = X509_STORE_new()) == NULL)
        return SP_ENOMEM;
    for (int i = 0; i < sk_X509_num(t->anchors); i++) {
        if (X509_STORE_add_cert(t->store, sk_X509_value(t->anchors, i)) != 1)
            return SP_ECRYPTO;
    }
    return store_configure(t);
}

/* Most leaves come directly from an anchor; its hash is then at hand. */
static int keys_hash(struct trust *t)
{
    int n = sk_X509_num(t->anchors);

    t->anchor_keys = calloc((size_t)n, sizeof *t->anchor_keys);
    if (t->anchor_keys == NULL)
        return SP_ENOMEM;
    for (int i = 0; i < n; i++) {
        int r = chain_key_hash(sk_X509_value(t->anchors, i), t->anchor_keys[i]);

        if (r != 0)
            return r;
    }
    return 0;
}

static int policies_take(struct trust *t, const struct identity_rules *rules,
                         char problem[256])
{
    if (rules->npolicies > IDENTITY_POLICIES_MAX) {
        snprintf(problem, 256, "%zu certificate policies: expected at most %d",
                 rules->npolicies, IDENTITY_POLICIES_MAX);
        return SP_EINVAL;
    }
    for (size_t i = 0; i < rules->npolicies; i++) {
        struct trust_policy *p = &t->policies[i];
        const char *oid = rules->policies[i].oid;

        if (!oid_text_is_good(oid) || (p->oid = OBJ_txt2obj(oid, 1)) == NULL) {
            snprintf(problem, 256,
                     "bad certificate policy \"%.64s\": expected an object "
                     "identifier such as 2.16.840.1.101.3.2.1.3.13",
                     oid);
            return SP_EINVAL;
        }
        snprintf(p->text, sizeof p->text, "%s", oid);
        p->service = rules->policies[i].service;
        t->npolicies = i + 1;
    }
    return 0;
}

static int rules_take(struct trust *t, const struct identity_rules *rules,
                      char problem[256])
{
    if (rules == NULL)
        return 0;
    t->any_eku = rules->any_eku;
    t->own_anchors = rules->own_anchors;
    t->wants_links = rules->wants_links;
    return policies_take(t, rules, problem);
}

int trust_new(const uint8_t *anchors, size_t anchors_length,
              const uint8_t *intermediates, size_t intermediates_length,
              const struct identity_rules *rules, struct trust **trust,
              char problem[256])
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
    if (r == 0)
        r = rules_take(t, rules, problem);
    if (r == 0)
        r = keys_hash(t);
    if (r == 0 && (r = store_fill(t)) != 0)
        pem_problem(problem, "anchors cannot be used");
    if (r != 0) {
        trust_free(t);
        return r;
    }
    *trust = t;
    return 0;
}
