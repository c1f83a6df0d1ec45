/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy says of certificates: which a party's must be, and how each
 * person is recognised. Parts of both halves of policy_parse(). Names are not
 * parsed here (certs/ does, when people are loaded); what can be known of texts
 * alone is.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/identifier.h"
#include "lib/table.h"
#include "policy/certificate_policy.h"
#include "policy/policy_build.h"

static const char *const match_words[] = {
    [MATCH_NONE] = "none",
    [MATCH_ISSUER_SUBJECT] = "issuer_subject",
    [MATCH_SPKI] = "spki_sha256",
    [MATCH_URI] = "san_uri",
    [MATCH_SERIAL] = "issuer_serial",
    [MATCH_UUID] = "san_uuid",
    [MATCH_EMAIL] = "san_email",
    [MATCH_UPN] = "upn",
    [MATCH_EDIPI] = "edipi",
    [MATCH_FASCN] = "fasc_n",
};

const char *policy_match_text(enum policy_match match)
{
    return (unsigned)match < MATCH_COUNT ? match_words[match] : "none";
}

/* ---- a party's certificates ---- */

static void policies_add(struct policy_build *b, struct policy_party *party,
                         const struct node *item, bool service)
{
    struct policy_certificate *c = &party->certificates[party->ncertificates];

    if (!node_is_good(item))
        return;
    if (!oid_text_is_good(item->text) ||
        strcmp(item->text, "2.5.29.32.0") == 0) {
        document_error(b->d, b->report, item,
                       "bad certificate policy \"%.64s\": expected an object "
                       "identifier such as 2.16.840.1.101.3.2.1.3.13, not "
                       "that of any policy",
                       item->text);
        return;
    }
    for (size_t i = 0; i < party->ncertificates; i++)
        if (strcmp(party->certificates[i].oid, item->text) == 0) {
            document_error(b->d, b->report, item,
                           "\"%s\" stands here twice: expected each once in "
                           "certificate_policies and service_policies",
                           item->text);
            return;
        }
    if ((c->oid = build_text(b, item)) == NULL)
        return;
    c->service = service || certificate_policy_is_service(c->oid);
    party->ncertificates++;
}

/* The bytes that were approved, where they can be seen. */
static void anchors_check(struct policy_build *b,
                          const struct policy_party *party,
                          const struct node *n)
{
    const uint8_t *data = NULL;
    uint8_t sha256[32];
    size_t length = 0;

    if (!party->has_anchors_sha256 || b->file == NULL ||
        party->anchors == NULL || strcmp(party->anchors, "ca") == 0 ||
        b->file(b->file_arg, party->anchors, &data, &length) != 0 ||
        data == NULL)
        return; /* missing files are told of elsewhere; "ca" is no file of a
                   policy's: whoever loads the people looks at it */
    crypto_hash_sha256(sha256, data, length);
    if (memcmp(sha256, party->anchors_sha256, sizeof sha256) != 0)
        document_error(b->d, b->report, node_member(n, "anchors_sha256"),
                       "file \"%.256s\" has another SHA-256: expected that of "
                       "the anchors that were approved",
                       party->anchors);
}

void certificates_build(struct policy_build *b, struct policy_party *party,
                        const struct node *n)
{
    const struct node *people = node_member(n, "certificate_policies");
    const struct node *services = node_member(n, "service_policies");
    const struct node *pin = node_member(n, "anchors_sha256");
    size_t count = node_members(people) + node_members(services);

    if (count > POLICY_CERTIFICATES_MAX)
        document_error(b->d, b->report, people != NULL ? people : services,
                       "%zu certificate policies: expected at most %d", count,
                       POLICY_CERTIFICATES_MAX);
    party->certificates = build_array(b, count, sizeof *party->certificates);
    for (size_t i = 0; i < node_members(people) && !b->no_memory; i++)
        policies_add(b, party, people->items[i], false);
    for (size_t i = 0; i < node_members(services) && !b->no_memory; i++)
        policies_add(b, party, services->items[i], true);
    party->any_eku = node_number(node_member(n, "eku"), 0) == 1;
    if (node_is_good(pin)) {
        party->has_anchors_sha256 = true;
        memcpy(party->anchors_sha256, pin->hash, 32);
        anchors_check(b, party, n);
    }
}

/* ---- a person's match ---- */

static void match_take(struct policy_build *b, struct policy_person *person,
                       const struct node *n)
{
    if (!node_is_good(n))
        return;
    switch (person->match) {
    case MATCH_SPKI:
        if ((person->spki_sha256 = malloc(32)) == NULL)
            b->no_memory = true;
        else
            memcpy(person->spki_sha256, n->hash, 32);
        break;
    case MATCH_ISSUER_SUBJECT:
        person->issuer_subject = build_text(b, n);
        break;
    case MATCH_URI:
        person->san_uri = build_text(b, n);
        break;
    case MATCH_SERIAL:
    case MATCH_UUID:
    case MATCH_EMAIL:
    case MATCH_UPN:
    case MATCH_EDIPI:
    case MATCH_FASCN:
        person->other = build_text(b, n);
        break;
    case MATCH_NONE:
    case MATCH_COUNT:
        break;
    }
}

/* Exactly one way to recognise a person. */
void match_build(struct policy_build *b, struct policy_person *person,
                 const struct node *n)
{
    const struct node *found = NULL;
    int ways = 0;

    if (!node_is_good(n) || n->kind != NODE_MAP)
        return;
    for (unsigned i = MATCH_NONE + 1; i < MATCH_COUNT; i++) {
        const struct node *way = node_member(n, match_words[i]);

        if (way == NULL)
            continue;
        person->match = (enum policy_match)i;
        found = way;
        ways++;
    }
    if (ways != 1)
        document_error_key(b->d, b->report, n,
                           "person \"%s\" has %s: expected one of "
                           "issuer_subject, issuer_serial, spki_sha256, "
                           "san_uri, san_uuid, san_email, upn, edipi, fasc_n",
                           n->key,
                           ways == 0 ? "no match" : "more than one match");
    else
        match_take(b, person, found);
    person->policy = build_text(b, node_member(n, "policy"));
}

/* ---- whether they are right ---- */

static void match_error(struct policy_build *b, size_t i, const char *wrong,
                        const char *expected)
{
    const struct policy_person *person = &b->p->people[i];
    const struct node *n =
        node_member(b->people[i], policy_match_text(person->match));

    document_error(b->d, b->report, n == NULL ? b->people[i] : n,
                   "%s: expected %s", wrong, expected);
}

static bool is_printable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return length > 0;
}

/* "LOCAL@DOMAIN", of printable characters. */
static bool address_is_good(const char *text, size_t length)
{
    const char *at = memchr(text, '@', length);

    return at != NULL && at != text && at + 1 < text + length &&
           memchr(at + 1, '@', (size_t)(text + length - at) - 1) == NULL &&
           is_printable(text, length);
}

static bool edipi_is_good(const char *text, size_t length)
{
    return length == 10 && strspn(text, "0123456789") == 10;
}

/* "VALUE | ISSUER" whose value and issuer look like such. */
static bool issued_is_good(enum policy_match match, const char *text)
{
    uint8_t serial[SERIAL_BYTES];
    const char *issuer;
    size_t length, n;

    if (issuer_split(text, &length, &issuer) != 0 ||
        strchr(issuer, '=') == NULL)
        return false;
    if (match == MATCH_SERIAL)
        return serial_parse(text, length, serial, &n) == 0;
    return match == MATCH_EDIPI ? edipi_is_good(text, length)
                                : address_is_good(text, length);
}

static bool uuid_is_good(const char *text)
{
    static const uint8_t nil[16] = {0};
    uint8_t uuid[16];

    return uuid_parse(text, strlen(text), uuid) == 0 &&
           memcmp(uuid, nil, sizeof nil) != 0;
}

static bool fascn_is_good(const char *text)
{
    char digits[FASCN_DIGITS + 1];
    size_t length;

    return fascn_parse(text, digits, &length) == 0;
}

static void other_check(struct policy_build *b, size_t i)
{
    const struct policy_person *p = &b->p->people[i];
    const char *anchors = b->p->parties[p->party].anchors;

    if (p->match == MATCH_SERIAL && !issued_is_good(p->match, p->other))
        match_error(b, i, "bad serial number",
                    "\"HEX | ISSUER\", such as \"1a2b | CN=Lab CA\"");
    if (p->match == MATCH_UPN && !issued_is_good(p->match, p->other))
        match_error(b, i, "bad UPN",
                    "\"UPN | ISSUER\", such as \"ann@lab | CN=Lab CA\"");
    if (p->match == MATCH_EDIPI && !issued_is_good(p->match, p->other))
        match_error(b, i, "bad EDIPI",
                    "\"EDIPI | ISSUER\" with ten digits, such as "
                    "\"1234567890 | CN=DOD ID CA-99\"");
    if (p->match == MATCH_UUID && !uuid_is_good(p->other))
        match_error(b, i, "bad UUID", "urn:uuid: and a UUID, not the nil one");
    if (p->match == MATCH_FASCN && !fascn_is_good(p->other))
        match_error(b, i, "bad FASC-N",
                    "AGENCY-SYSTEM-CREDENTIAL such as 4700-0256-001337, or "
                    "all nine fields");
    if (p->match == MATCH_EMAIL && !address_is_good(p->other, strlen(p->other)))
        match_error(b, i, "bad address", "LOCAL@DOMAIN");
    if (p->match == MATCH_EMAIL && anchors != NULL &&
        strcmp(anchors, "ca") != 0)
        match_error(b, i, "an address under another's anchors",
                    "it with \"anchors: ca\" only: other authorities do not "
                    "promise whose addresses they name");
}

/* A person needs one of the party's policies of their kind. */
static void person_policy_check(struct policy_build *b, size_t i)
{
    const struct policy_person *p = &b->p->people[i];
    const struct policy_party *party = &b->p->parties[p->party];
    const struct node *n = node_member(b->people[i], "policy");
    const char *kind = person_kind_text(p->kind);
    bool fits = false;

    for (size_t k = 0; k < party->ncertificates; k++)
        fits |= party->certificates[k].service == (p->kind == PERSON_SERVICE) &&
                (p->policy == NULL ||
                 strcmp(p->policy, party->certificates[k].oid) == 0);
    if (fits || (party->ncertificates == 0 && p->policy == NULL))
        return;
    if (p->policy != NULL)
        document_error(b->d, b->report, n,
                       "policy \"%.64s\" is not one of the party's for a %s: "
                       "expected one of its \"%s\"",
                       p->policy, kind,
                       p->kind == PERSON_SERVICE ? "service_policies"
                                                 : "certificate_policies");
    else
        document_error_key(b->d, b->report, b->people[i],
                           "person \"%s\" is a %s, and no certificate policy "
                           "of the party is for one: expected one among its "
                           "\"%s\"",
                           p->name, kind,
                           p->kind == PERSON_SERVICE ? "service_policies"
                                                     : "certificate_policies");
}

void match_check_text(struct policy_build *b, size_t i)
{
    if (b->p->people[i].other != NULL)
        other_check(b, i);
    person_policy_check(b, i);
}

/* ---- who could be taken for whom ---- */

/* Texts under which certificates are told apart: kind, scope, value. */
struct mark {
    uint8_t key[2048];
    size_t length;
};

static bool mark_make(struct mark *m, char kind, uint32_t party,
                      const void *value, size_t length, const char *issuer)
{
    size_t more = issuer == NULL ? 0 : strlen(issuer);

    if (length + more + 6 > sizeof m->key)
        return false;
    m->key[0] = (uint8_t)kind;
    memcpy(m->key + 1, &party, sizeof party);
    memcpy(m->key + 5, value, length);
    m->length = 5 + length;
    if (issuer != NULL) {
        m->key[m->length] = '\0';
        memcpy(m->key + m->length + 1, issuer, more);
        m->length += 1 + more;
    }
    return true;
}

/* Whether somebody's certificate could bear the mark `kind`; adds the mark. */
static bool mark_seen(const struct table *seen, struct mark m, char kind)
{
    m.key[0] = (uint8_t)kind;
    return table_get(seen, m.key, m.length) != TABLE_NONE;
}

static void mark_add(struct policy_build *b, struct table *seen,
                     const struct mark *m)
{
    if (table_put(seen, m->key, m->length, 0) != 0)
        b->no_memory = true;
}

/* Once per value, whoever's party it is. */
static bool value_taken(struct policy_build *b, struct table *seen, char kind,
                        uint32_t party, const void *value, size_t length,
                        const char *issuer)
{
    struct mark m;
    bool taken;

    if (!mark_make(&m, kind, party, value, length, issuer))
        return true;
    taken = mark_seen(seen, m, kind);
    mark_add(b, seen, &m);
    return taken;
}

/* A whole FASC-N and its first three fields may be the same card's. */
static bool fascn_taken(struct policy_build *b, struct table *seen,
                        const char *text)
{
    char digits[FASCN_DIGITS + 1];
    struct mark credential, whole;
    size_t length;
    bool taken;

    if (fascn_parse(text, digits, &length) != 0)
        return false;
    mark_make(&credential, 'f', 0, digits, FASCN_CREDENTIAL, NULL);
    mark_make(&whole, 'F', 0, digits, length, NULL);
    taken = mark_seen(seen, whole, 'F') ||
            (length == FASCN_DIGITS && mark_seen(seen, credential, 'F')) ||
            (length != FASCN_DIGITS && mark_seen(seen, credential, 'f'));
    mark_add(b, seen, &credential);
    mark_add(b, seen, &whole);
    return taken;
}

/* A UPN of the DoD has the EDIPI in it; the two are compared where the issuer
 * is written alike. */
static bool upn_taken(struct policy_build *b, struct table *seen,
                      const struct policy_person *p)
{
    const char *issuer = NULL;
    struct mark upn, edipi;
    size_t length = 0, digits = strspn(p->other, "0123456789");
    bool taken;

    if (issuer_split(p->other, &length, &issuer) != 0)
        return false;
    if (!mark_make(&upn, 'p', p->party, p->other, length, issuer))
        return true;
    taken = mark_seen(seen, upn, 'p');
    mark_add(b, seen, &upn);
    if ((digits != 10 && digits != 16) || length != digits + 4 ||
        strncasecmp(p->other + digits, "@mil", 4) != 0)
        return taken;
    mark_make(&edipi, 'e', p->party, p->other, 10, issuer);
    taken = taken || mark_seen(seen, edipi, 'E');
    mark_add(b, seen, &edipi);
    return taken;
}

static bool edipi_taken(struct policy_build *b, struct table *seen,
                        const struct policy_person *p)
{
    const char *issuer = NULL;
    size_t length = 0;
    struct mark m;
    bool taken;

    if (issuer_split(p->other, &length, &issuer) != 0)
        return false;
    if (!mark_make(&m, 'E', p->party, p->other, length, issuer))
        return true;
    taken = mark_seen(seen, m, 'E') || mark_seen(seen, m, 'e');
    mark_add(b, seen, &m);
    return taken;
}

static bool serial_taken(struct policy_build *b, struct table *seen,
                         const struct policy_person *p)
{
    uint8_t serial[SERIAL_BYTES];
    const char *issuer = NULL;
    size_t length = 0, n = 0;

    if (issuer_split(p->other, &length, &issuer) != 0 ||
        serial_parse(p->other, length, serial, &n) != 0)
        return false;
    return value_taken(b, seen, 's', p->party, serial, n, issuer);
}

static bool uuid_taken(struct policy_build *b, struct table *seen,
                       const char *text)
{
    uint8_t uuid[16];

    return uuid_parse(text, strlen(text), uuid) == 0 &&
           value_taken(b, seen, 'U', 0, uuid, sizeof uuid, NULL);
}

/* RFC 5280 section 7.5: the domain without case. */
static bool email_taken(struct policy_build *b, struct table *seen,
                        const char *text)
{
    char copy[LIMIT_MATCH_BYTES + 1];
    size_t length = strlen(text);

    if (length > LIMIT_MATCH_BYTES)
        return true;
    memcpy(copy, text, length + 1);
    for (char *c = strchr(copy, '@'); c != NULL && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return value_taken(b, seen, 'm', 0, copy, length, NULL);
}

bool match_could_be_taken(struct policy_build *b, struct table *seen, size_t i)
{
    const struct policy_person *p = &b->p->people[i];

    if (p->match == MATCH_URI && p->san_uri != NULL)
        return uuid_taken(b, seen, p->san_uri);
    if (p->other == NULL)
        return false;
    switch (p->match) {
    case MATCH_SERIAL:
        return serial_taken(b, seen, p);
    case MATCH_UUID:
        return uuid_taken(b, seen, p->other);
    case MATCH_EMAIL:
        return email_taken(b, seen, p->other);
    case MATCH_UPN:
        return upn_taken(b, seen, p);
    case MATCH_EDIPI:
        return edipi_taken(b, seen, p);
    case MATCH_FASCN:
        return fascn_taken(b, seen, p->other);
    case MATCH_NONE:
    case MATCH_ISSUER_SUBJECT:
    case MATCH_SPKI:
    case MATCH_URI:
    case MATCH_COUNT:
        break;
    }
    return false;
}

void match_is_ambiguous(struct policy_build *b, size_t i)
{
    match_error(b, i, "another person could have the same certificate",
                "a match that is nobody else's");
}
