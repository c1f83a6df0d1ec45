/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alternative names, one form at a time. Where a form has more than one way to
 * be written (UPNs in other string types, FASC-Ns as text) only the one of its
 * specification counts: the others name nobody.
 */
#include "certs/san.h"

#include <openssl/objects.h>
#include <string.h>
#include <strings.h>

#include "certs/fascn.h"
#include "lib/identifier.h"

#define EDIPI_DIGITS 10
/* EDIPI, category, organization and association: the newer UPN of the DoD. */
#define EDIPI_LONG_DIGITS 16

static const char *const rule_words[IDENTITY_RULES] = {
    [IDENTITY_BY_NOTHING] = "none",
    [IDENTITY_BY_ISSUER_SUBJECT] = "issuer_subject",
    [IDENTITY_BY_ISSUER_SERIAL] = "issuer_serial",
    [IDENTITY_BY_SPKI] = "spki_sha256",
    [IDENTITY_BY_URI] = "san_uri",
    [IDENTITY_BY_UUID] = "san_uuid",
    [IDENTITY_BY_EMAIL] = "san_email",
    [IDENTITY_BY_UPN] = "upn",
    [IDENTITY_BY_EDIPI] = "edipi",
    [IDENTITY_BY_FASCN] = "fasc_n",
};

const char *identity_rule_text(enum identity_rule rule)
{
    return (unsigned)rule < IDENTITY_RULES ? rule_words[rule] : "none";
}

/* 2.16.840.1.101.3.6.6, without tag and length. */
static const uint8_t oid_fascn[] = {0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x06, 0x06};

static bool is_upn(const GENERAL_NAME *name)
{
    return name->type == GEN_OTHERNAME &&
           OBJ_obj2nid(name->d.otherName->type_id) == NID_ms_upn;
}

static bool is_fascn(const GENERAL_NAME *name)
{
    const ASN1_OBJECT *type;

    if (name->type != GEN_OTHERNAME)
        return false;
    type = name->d.otherName->type_id;
    return OBJ_length(type) == sizeof oid_fascn &&
           memcmp(OBJ_get0_data(type), oid_fascn, sizeof oid_fascn) == 0;
}

/* The content of an otherName of that one type, or NULL. */
static const uint8_t *other_content(const GENERAL_NAME *name, int type,
                                    size_t *length)
{
    const ASN1_TYPE *value = name->d.otherName->value;

    if (value == NULL || value->type != type)
        return NULL;
    *length = (size_t)ASN1_STRING_length(value->value.asn1_string);
    return ASN1_STRING_get0_data(value->value.asn1_string);
}

size_t san_email(const char *text, size_t length, char value[SAN_VALUE_MAX])
{
    const char *at = memchr(text, '@', length);

    if (at == NULL || at == text || at == text + length - 1 ||
        length > SAN_VALUE_MAX ||
        memchr(at + 1, '@', (size_t)(text + length - at - 1)) != NULL)
        return 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c <= ' ' || c >= 0x7f)
            return 0;
        /* RFC 5280 section 7.5: the domain without case, the rest with. */
        value[i] = text + i > at && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return length;
}

/* One leaf's walk. */
struct walk {
    unsigned rules;
    san_fn *each;
    void *arg;
    char edipi[EDIPI_DIGITS]; /* if edipis > 0 */
    unsigned edipis;          /* different ones; 2: two or more */
};

static bool wants(const struct walk *w, enum identity_rule rule)
{
    return (w->rules & 1u << rule) != 0;
}

static void edipi_add(struct walk *w, const uint8_t *digits)
{
    if (w->edipis == 0) {
        memcpy(w->edipi, digits, EDIPI_DIGITS);
        w->edipis = 1;
    } else if (memcmp(w->edipi, digits, EDIPI_DIGITS) != 0) {
        w->edipis = 2;
    }
}

static size_t digits_count(const uint8_t *text, size_t length)
{
    size_t n = 0;

    while (n < length && text[n] >= '0' && text[n] <= '9')
        n++;
    return n;
}

/* "1234567890@mil", or with six more digits. */
static void edipi_from_upn(struct walk *w, const uint8_t *upn, size_t length)
{
    size_t n = digits_count(upn, length);

    if ((n == EDIPI_DIGITS || n == EDIPI_LONG_DIGITS) && length == n + 4 &&
        strncasecmp((const char *)upn + n, "@mil", 4) == 0)
        edipi_add(w, upn);
}

/* "LAST.FIRST.MIDDLE.1234567890", of the only CN that there is. */
static void edipi_from_subject(struct walk *w, const X509_NAME *subject)
{
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const ASN1_STRING *cn;
    const uint8_t *text;
    size_t length;

    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return;
    cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    if (ASN1_STRING_type(cn) != V_ASN1_UTF8STRING &&
        ASN1_STRING_type(cn) != V_ASN1_PRINTABLESTRING)
        return;
    text = ASN1_STRING_get0_data(cn);
    length = (size_t)ASN1_STRING_length(cn);
    if (length > EDIPI_DIGITS + 1 && text[length - EDIPI_DIGITS - 1] == '.' &&
        digits_count(text + length - EDIPI_DIGITS, EDIPI_DIGITS) ==
            EDIPI_DIGITS)
        edipi_add(w, text + length - EDIPI_DIGITS);
}

static void walk_uri(struct walk *w, const ASN1_STRING *uri)
{
    const char *text = (const char *)ASN1_STRING_get0_data(uri);
    size_t length = (size_t)ASN1_STRING_length(uri);
    uint8_t uuid[16];

    if (wants(w, IDENTITY_BY_URI))
        w->each(w->arg, IDENTITY_BY_URI, text, length);
    /* A bare UUID is no URI: nothing but urn:uuid: has a colon there. */
    if (wants(w, IDENTITY_BY_UUID) && length > 36 &&
        uuid_parse(text, length, uuid) == 0)
        w->each(w->arg, IDENTITY_BY_UUID, uuid, sizeof uuid);
}

static void walk_email(struct walk *w, const ASN1_STRING *email)
{
    char value[SAN_VALUE_MAX];
    size_t length = san_email((const char *)ASN1_STRING_get0_data(email),
                              (size_t)ASN1_STRING_length(email), value);

    if (length > 0)
        w->each(w->arg, IDENTITY_BY_EMAIL, value, length);
}

static void walk_upn(struct walk *w, const GENERAL_NAME *name)
{
    size_t length = 0;
    const uint8_t *upn = other_content(name, V_ASN1_UTF8STRING, &length);

    if (upn == NULL || length == 0 || length > SAN_VALUE_MAX)
        return;
    if (wants(w, IDENTITY_BY_UPN))
        w->each(w->arg, IDENTITY_BY_UPN, upn, length);
    if (wants(w, IDENTITY_BY_EDIPI))
        edipi_from_upn(w, upn, length);
}

static void walk_fascn(struct walk *w, const GENERAL_NAME *name)
{
    char digits[FASCN_DIGITS + 1];
    size_t length = 0;
    const uint8_t *data = other_content(name, V_ASN1_OCTET_STRING, &length);

    if (data != NULL && fascn_decode(data, length, digits) == 0)
        w->each(w->arg, IDENTITY_BY_FASCN, digits, FASCN_DIGITS);
}

void san_each(const STACK_OF(GENERAL_NAME) * names, const X509_NAME *subject,
              unsigned rules, san_fn *each, void *arg)
{
    struct walk w = {.rules = rules, .each = each, .arg = arg};

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_URI)
            walk_uri(&w, name->d.uniformResourceIdentifier);
        else if (name->type == GEN_EMAIL && wants(&w, IDENTITY_BY_EMAIL))
            walk_email(&w, name->d.rfc822Name);
        else if (is_upn(name))
            walk_upn(&w, name);
        else if (is_fascn(name) && wants(&w, IDENTITY_BY_FASCN))
            walk_fascn(&w, name);
    }
    if (!wants(&w, IDENTITY_BY_EDIPI))
        return;
    edipi_from_subject(&w, subject);
    if (w.edipis == 1)
        each(arg, IDENTITY_BY_EDIPI, w.edipi, sizeof w.edipi);
}

/* --- NULs ---------------------------------------------------------------- */

/* Bytes of one character of a string type; 0: it is no text. */
static size_t text_width(int type)
{
    switch (type) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_NUMERICSTRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_VISIBLESTRING:
    case V_ASN1_GENERALSTRING:
        return 1;
    case V_ASN1_BMPSTRING:
        return 2;
    case V_ASN1_UNIVERSALSTRING:
        return 4;
    default:
        return 0;
    }
}

static bool text_is_plain(const ASN1_STRING *s, int type)
{
    const uint8_t *data = ASN1_STRING_get0_data(s), zeros[4] = {0};
    size_t length = (size_t)ASN1_STRING_length(s), width = text_width(type);

    if (width == 1)
        return length == 0 || memchr(data, '\0', length) == NULL;
    for (size_t i = 0; width != 0 && i + width <= length; i += width) {
        if (memcmp(data + i, zeros, width) == 0)
            return false;
    }
    return true;
}

bool subject_is_plain(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const ASN1_STRING *s =
            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));

        if (!text_is_plain(s, ASN1_STRING_type(s)))
            return false;
    }
    return true;
}

static bool name_is_plain(const GENERAL_NAME *name)
{
    const ASN1_TYPE *value;

    switch (name->type) {
    case GEN_EMAIL:
    case GEN_DNS:
    case GEN_URI:
        return text_is_plain(name->d.ia5, V_ASN1_IA5STRING);
    case GEN_DIRNAME:
        return subject_is_plain(name->d.directoryName);
    case GEN_OTHERNAME:
        value = name->d.otherName->value;
        return value == NULL || text_width(value->type) == 0 ||
               text_is_plain(value->value.asn1_string, value->type);
    default:
        return true;
    }
}

bool san_is_plain(const STACK_OF(GENERAL_NAME) * names)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (!name_is_plain(sk_GENERAL_NAME_value(names, i)))
            return false;
    }
    return true;
}
