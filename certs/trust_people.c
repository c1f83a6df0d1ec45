/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The people of a trust: added once from a policy, then looked up by what a
 * leaf says. The lookup comes before verification, so that the right trust is
 * tried first; it decides nothing by itself.
 */
#include "certs/trust.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/name.h"

#define NO_ISSUER UINT32_MAX

/* --- names --------------------------------------------------------------- */

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

/* The number of an issuer that matches name, or NO_ISSUER. */
static uint32_t issuer_find(const struct trust *t, const X509_NAME *name)
{
    for (size_t i = 0; i < t->nissuers; i++) {
        if (names_equal(t->issuers[i], name))
            return (uint32_t)i;
    }
    return NO_ISSUER;
}

static int issuer_add(struct trust *t, const char *text, uint32_t *number,
                      char problem[256])
{
    X509_NAME *name = NULL;
    int r = name_parse(text, strlen(text), &name, problem);

    if (r != 0)
        return r;
    *number = issuer_find(t, name);
    if (*number == NO_ISSUER && t->nissuers == TRUST_ISSUERS_MAX) {
        snprintf(problem, 256,
                 "more than %d different issuers in the matches of one party",
                 TRUST_ISSUERS_MAX);
        r = SP_EINVAL;
    } else if (*number == NO_ISSUER) {
        *number = (uint32_t)t->nissuers;
        t->issuers[t->nissuers++] = name;
        return 0;
    }
    X509_NAME_free(name);
    return r;
}

/* --- other names --------------------------------------------------------- */

/* The key of `others`: rule, issuer, value. */
struct other {
    uint8_t key[5 + SAN_VALUE_MAX];
    size_t length;
};

static bool other_make(struct other *o, enum identity_rule rule,
                       uint32_t issuer, const void *value, size_t length)
{
    if (length > SAN_VALUE_MAX)
        return false;
    o->key[0] = (uint8_t)rule;
    memcpy(o->key + 1, &issuer, sizeof issuer);
    memcpy(o->key + 5, value, length);
    o->length = 5 + length;
    return true;
}

static int table_add(struct trust *t, struct table *table, const void *key,
                     size_t length)
{
    if (table_get(table, key, length) != TABLE_NONE)
        return SP_EAMBIGUOUS;
    return table_put(table, key, length, (uint32_t)t->npeople);
}

static int other_add(struct trust *t, enum identity_rule rule, uint32_t issuer,
                     const void *value, size_t length)
{
    struct other o;

    if (!other_make(&o, rule, issuer, value, length))
        return SP_EINVAL;
    return table_add(t, &t->others, o.key, o.length);
}

/* The value of "VALUE | ISSUER" as a leaf's is compared. */
static int issued_value(enum identity_rule rule, const char *text,
                        size_t length, uint8_t value[SAN_VALUE_MAX],
                        size_t *used)
{
    if (rule == IDENTITY_BY_ISSUER_SERIAL)
        return serial_parse(text, length, value, used);
    if (length > SAN_VALUE_MAX ||
        (rule == IDENTITY_BY_EDIPI &&
         (length != 10 || strspn(text, "0123456789") != 10)))
        return SP_EINVAL;
    memcpy(value, text, length);
    *used = length;
    return 0;
}

static int person_add_issued(struct trust *t, enum identity_rule rule,
                             const char *match, char problem[256])
{
    uint8_t value[SAN_VALUE_MAX];
    size_t length, used = 0;
    const char *issuer;
    uint32_t number;
    int r;

    if (issuer_split(match, &length, &issuer) != 0 ||
        issued_value(rule, match, length, value, &used) != 0) {
        snprintf(problem, 256, "bad %s: expected \"%s | ISSUER\"",
                 identity_rule_text(rule),
                 rule == IDENTITY_BY_ISSUER_SERIAL ? "HEX"
                 : rule == IDENTITY_BY_EDIPI       ? "1234567890"
                                                   : "UPN");
        return SP_EINVAL;
    }
    r = issuer_add(t, issuer, &number, problem);
    return r != 0 ? r : other_add(t, rule, number, value, used);
}

static int person_add_uuid(struct trust *t, const char *text, char problem[256])
{
    uint8_t uuid[16];

    if (uuid_parse(text, strlen(text), uuid) != 0) {
        snprintf(problem, 256, "bad san_uuid: expected urn:uuid: and a UUID");
        return SP_EINVAL;
    }
    return other_add(t, IDENTITY_BY_UUID, NO_ISSUER, uuid, sizeof uuid);
}

static int person_add_email(struct trust *t, const char *text,
                            char problem[256])
{
    char value[SAN_VALUE_MAX];
    size_t length = san_email(text, strlen(text), value);

    if (!t->own_anchors) {
        snprintf(problem, 256,
                 "san_email under another's anchors: expected it with "
                 "anchors: ca only");
        return SP_EINVAL;
    }
    if (length == 0) {
        snprintf(problem, 256, "bad san_email: expected LOCAL@DOMAIN");
        return SP_EINVAL;
    }
    return other_add(t, IDENTITY_BY_EMAIL, NO_ISSUER, value, length);
}

static int person_add_fascn(struct trust *t, const char *text,
                            char problem[256])
{
    char digits[FASCN_DIGITS + 1];
    size_t length;

    if (fascn_parse(text, digits, &length) != 0) {
        snprintf(problem, 256,
                 "bad fasc_n: expected AGENCY-SYSTEM-CREDENTIAL such as "
                 "4700-0256-001337, or all nine fields");
        return SP_EINVAL;
    }
    return other_add(t, IDENTITY_BY_FASCN, NO_ISSUER, digits, length);
}

static int person_add_uri(struct trust *t, const char *uri, char problem[256])
{
    if (uri[0] == '\0') {
        snprintf(problem, 256, "expected a URI, not an empty text");
        return SP_EINVAL;
    }
    return table_add(t, &t->uris, uri, strlen(uri));
}

/* --- adding -------------------------------------------------------------- */

/* The match's text by rule; NULL: it has none. A key's hash is in `hex`. */
static const char *match_text(const struct identity_match *m,
                              enum identity_rule rule, char hex[65])
{
    switch (rule) {
    case IDENTITY_BY_ISSUER_SUBJECT:
        return m->issuer_subject;
    case IDENTITY_BY_ISSUER_SERIAL:
        return m->issuer_serial;
    case IDENTITY_BY_SPKI:
        for (size_t i = 0; m->spki_sha256 != NULL && i < 32; i++)
            snprintf(hex + 2 * i, 3, "%02x", m->spki_sha256[i]);
        return m->spki_sha256 != NULL ? hex : NULL;
    case IDENTITY_BY_URI:
        return m->san_uri;
    case IDENTITY_BY_UUID:
        return m->san_uuid;
    case IDENTITY_BY_EMAIL:
        return m->san_email;
    case IDENTITY_BY_UPN:
        return m->upn;
    case IDENTITY_BY_EDIPI:
        return m->edipi;
    case IDENTITY_BY_FASCN:
        return m->fasc_n;
    case IDENTITY_BY_NOTHING:
    case IDENTITY_RULES:
        break;
    }
    return NULL;
}

/* The one rule of a match, with its text; BY_NOTHING with `problem`. */
static enum identity_rule match_rule(const struct identity_match *m,
                                     const char **text, char hex[65],
                                     char problem[256])
{
    enum identity_rule found = IDENTITY_BY_NOTHING;
    int set = 0;

    for (int i = 1; i < IDENTITY_RULES; i++) {
        const char *t = match_text(m, (enum identity_rule)i, hex);

        if (t == NULL)
            continue;
        found = (enum identity_rule)i;
        *text = t;
        set++;
    }
    if (set == 1)
        return found;
    snprintf(problem, 256,
             "expected exactly one of issuer_subject, issuer_serial, "
             "spki_sha256, san_uri, san_uuid, san_email, upn, edipi and "
             "fasc_n, not %d",
             set);
    return IDENTITY_BY_NOTHING;
}

/* Which of the trust's policies would do for this person. */
static int policies_choose(const struct trust *t, struct person *p,
                           const char *policy, char problem[256])
{
    for (size_t i = 0; i < t->npolicies; i++) {
        if (t->policies[i].service == p->service &&
            (policy == NULL || strcmp(policy, t->policies[i].text) == 0))
            p->policies |= UINT64_C(1) << i;
    }
    if (p->policies != 0 || (t->npolicies == 0 && policy == NULL))
        return 0;
    if (policy != NULL)
        snprintf(problem, 256,
                 "policy %.64s: expected one of the party's for a %s", policy,
                 p->service ? "service" : "human");
    else
        snprintf(problem, 256,
                 "none of the party's certificate policies is for a %s",
                 p->service ? "service" : "human");
    return SP_EINVAL;
}

/* How the next person of `t` is recognised. */
static int person_add(struct trust *t, struct person *p,
                      const struct identity_match *match, char problem[256])
{
    char hex[65];
    const char *text = NULL;
    enum identity_rule rule = match_rule(match, &text, hex, problem);

    p->rule = (uint8_t)rule;
    if (rule != IDENTITY_BY_NOTHING &&
        EVP_Digest(text, strlen(text), p->value_sha256, NULL, EVP_sha256(),
                   NULL) != 1)
        return SP_ECRYPTO;
    switch (rule) {
    case IDENTITY_BY_ISSUER_SUBJECT:
        return person_add_names(t, p, text, problem);
    case IDENTITY_BY_SPKI:
        return table_add(t, &t->keys, match->spki_sha256, 32);
    case IDENTITY_BY_URI:
        return person_add_uri(t, text, problem);
    case IDENTITY_BY_UUID:
        return person_add_uuid(t, text, problem);
    case IDENTITY_BY_EMAIL:
        return person_add_email(t, text, problem);
    case IDENTITY_BY_FASCN:
        return person_add_fascn(t, text, problem);
    case IDENTITY_BY_ISSUER_SERIAL:
    case IDENTITY_BY_UPN:
    case IDENTITY_BY_EDIPI:
        return person_add_issued(t, rule, text, problem);
    case IDENTITY_BY_NOTHING:
    case IDENTITY_RULES:
        break;
    }
    return SP_EINVAL;
}

int trust_add_person(struct trust *t, uint32_t party, uint32_t person,
                     const struct identity_match *match, char problem[256])
{
    struct person p = {.party = party,
                       .person = person,
                       .next = IDENTITY_NOBODY,
                       .service = match->service};
    int r = array_grow((void **)&t->people, t->npeople, sizeof *t->people);

    if (r == 0)
        r = policies_choose(t, &p, match->policy, problem);
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
    t->rules |= 1u << p.rule;
    return 0;
}

/* --- looking up ---------------------------------------------------------- */

static void matches_add(struct matches *m, uint32_t person)
{
    if (person == IDENTITY_NOBODY || person == m->first)
        return;
    m->count += m->count < 2;
    if (m->first == IDENTITY_NOBODY)
        m->first = person;
}

struct matching {
    const struct trust *t;
    struct matches m;
    uint32_t issuer; /* of the leaf, among those that matches name */
};

static void matches_add_other(struct matching *g, enum identity_rule rule,
                              uint32_t issuer, const void *value, size_t length)
{
    struct other o;

    if (other_make(&o, rule, issuer, value, length))
        matches_add(&g->m, table_get(&g->t->others, o.key, o.length));
}

static void matches_add_name(void *arg, enum identity_rule rule,
                             const void *value, size_t length)
{
    struct matching *g = arg;

    if (rule == IDENTITY_BY_URI) {
        matches_add(&g->m, table_get(&g->t->uris, value, length));
    } else if (rule == IDENTITY_BY_UPN || rule == IDENTITY_BY_EDIPI) {
        if (g->issuer != NO_ISSUER)
            matches_add_other(g, rule, g->issuer, value, length);
    } else {
        if (rule == IDENTITY_BY_FASCN) /* people of the first three fields */
            matches_add_other(g, rule, NO_ISSUER, value, FASCN_CREDENTIAL);
        matches_add_other(g, rule, NO_ISSUER, value, length);
    }
}

static void matches_add_serial(struct matching *g, X509 *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const uint8_t *data = ASN1_STRING_get0_data(serial);
    size_t length = (size_t)ASN1_STRING_length(serial);

    if (g->issuer == NO_ISSUER || ASN1_STRING_type(serial) != V_ASN1_INTEGER)
        return;
    for (; length > 0 && data[0] == 0; length--)
        data++;
    if (length <= SERIAL_BYTES)
        matches_add_other(g, IDENTITY_BY_ISSUER_SERIAL, g->issuer, data,
                          length);
}

#define RULE(r) (1u << IDENTITY_BY_##r)
#define RULES_OF_NAMES                                                         \
    (RULE(URI) | RULE(UUID) | RULE(EMAIL) | RULE(UPN) | RULE(EDIPI) |          \
     RULE(FASCN))

struct matches trust_match(const struct trust *t, const struct leaf *l)
{
    struct matching g = {
        .t = t, .m = {.first = IDENTITY_NOBODY}, .issuer = NO_ISSUER};

    if (t->nissuers > 0)
        g.issuer = issuer_find(t, X509_get_issuer_name(l->cert));
    if ((t->rules & RULES_OF_NAMES) != 0)
        san_each(l->names, X509_get_subject_name(l->cert),
                 t->rules & RULES_OF_NAMES, matches_add_name, &g);
    if ((t->rules & RULE(ISSUER_SERIAL)) != 0)
        matches_add_serial(&g, l->cert);
    if (t->keys.count > 0)
        matches_add(&g.m, table_get(&t->keys, l->spki, sizeof l->spki));
    if (t->names.count > 0)
        matches_add(&g.m,
                    names_find(t, &l->hash, X509_get_subject_name(l->cert),
                               X509_get_issuer_name(l->cert)));
    return g.m;
}
