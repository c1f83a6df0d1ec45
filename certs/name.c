/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the names of a policy's `issuer_subject`. The text comes from the
 * approved policy; it decides who is let in, so whatever could be read in two
 * ways (quotes, unescaped specials, a second bar) is refused with the byte
 * where it stands. Runs at start in the supervisor and the workers.
 */
#include "certs/name.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Longest attribute value: RFC 5280's upper bounds stay far below. */
#define NAME_VALUE_MAX 1024
/* Attributes in one name; real ones have up to about ten. */
#define NAME_ENTRIES_MAX 32
#define NAME_TYPE_MAX    64
#define NAME_STRING_TYPES                                                      \
    (B_ASN1_DIRECTORYSTRING | B_ASN1_IA5STRING | B_ASN1_NUMERICSTRING)

struct reader {
    const char *text;
    size_t length;
    size_t at;
    char *problem;
};

static int reader_fail(struct reader *r, const char *what)
{
    snprintf(r->problem, NAME_PROBLEM, "byte %zu: %s", r->at + 1, what);
    return SP_EINVAL;
}

static bool reader_more(const struct reader *r)
{
    return r->at < r->length;
}

static char reader_peek(const struct reader *r)
{
    return reader_more(r) ? r->text[r->at] : '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte of two hexadecimal digits at the reader, or -1. */
static int reader_hex(struct reader *r)
{
    int high, low;

    if (r->length - r->at < 2)
        return -1;
    high = hex_digit(r->text[r->at]);
    low = hex_digit(r->text[r->at + 1]);
    if (high < 0 || low < 0)
        return -1;
    r->at += 2;
    return high * 16 + low;
}

/* "CN=" or "2.5.4.3=". */
static int reader_type(struct reader *r, ASN1_OBJECT **type)
{
    char text[NAME_TYPE_MAX];
    size_t n = 0;

    while (reader_peek(r) == ' ')
        r->at++;
    while (reader_more(r) && reader_peek(r) != '=') {
        if (n + 1 == sizeof text)
            return reader_fail(r, "attribute type too long");
        text[n++] = r->text[r->at++];
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    if (!reader_more(r))
        return reader_fail(r, "expected TYPE=value, such as CN=Name");
    r->at++;
    /* OpenSSL would take "1.2." for "1.2". */
    *type = n > 0 && text[n - 1] == '.' ? NULL : OBJ_txt2obj(text, 0);
    ERR_clear_error();
    if (*type == NULL)
        return reader_fail(r, "unknown attribute type before this byte: "
                              "expected CN, OU, O, C … or its dotted number");
    return 0;
}

/* Behind a backslash: two digits or one special character. */
static int reader_escape(struct reader *r, uint8_t *byte)
{
    int hex = reader_hex(r);

    if (hex == 0)
        return reader_fail(r, "a name may not hold a NUL");
    if (hex > 0) {
        *byte = (uint8_t)hex;
        return 0;
    }
    if (!reader_more(r) || strchr(",+\"\\<>;=# ", r->text[r->at]) == NULL)
        return reader_fail(r, "expected a special character or two "
                              "hexadecimal digits after the backslash");
    *byte = (uint8_t)r->text[r->at++];
    return 0;
}

/* A string value up to the next unescaped ',' or '+'. Blanks around it that
 * are not escaped do not count. */
static int reader_string(struct reader *r, uint8_t *value, size_t *length)
{
    size_t n = 0, keep = 0;
    int error;

    while (reader_peek(r) == ' ')
        r->at++;
    while (reader_more(r) && strchr(",+", r->text[r->at]) == NULL) {
        char c = r->text[r->at];

        if (n == NAME_VALUE_MAX)
            return reader_fail(r, "value too long");
        if (c == '\0' || strchr("\"<>;", c) != NULL)
            return reader_fail(r, "this character needs a backslash");
        r->at++;
        if (c == '\\') {
            if ((error = reader_escape(r, &value[n])) != 0)
                return error;
            keep = ++n;
        } else {
            value[n++] = (uint8_t)c;
            if (c != ' ')
                keep = n;
        }
    }
    if (keep == 0)
        return reader_fail(r, "empty value");
    *length = keep;
    return 0;
}

/* "#" and the DER of the value in hexadecimal. */
static int reader_der(struct reader *r, uint8_t *value, size_t *length)
{
    size_t n = 0;
    int byte;

    r->at++;
    while ((byte = reader_hex(r)) >= 0) {
        if (n == NAME_VALUE_MAX)
            return reader_fail(r, "value too long");
        value[n++] = (uint8_t)byte;
    }
    if (n == 0)
        return reader_fail(r, "expected hexadecimal digits after #");
    *length = n;
    return 0;
}

static int entry_from_der(struct reader *r, ASN1_OBJECT *type,
                          const uint8_t *der, size_t length,
                          X509_NAME_ENTRY **entry)
{
    const uint8_t *at = der;
    ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &at, (long)length);
    const ASN1_STRING *string = NULL;

    /* The string types that names are made of (RFC 5280, and DC's IA5). */
    if (value != NULL && at == der + length &&
        (ASN1_tag2bit(value->type) & NAME_STRING_TYPES) != 0)
        string = value->value.asn1_string;
    if (string != NULL)
        *entry = X509_NAME_ENTRY_create_by_OBJ(NULL, type, value->type,
                                               ASN1_STRING_get0_data(string),
                                               ASN1_STRING_length(string));
    ASN1_TYPE_free(value);
    ERR_clear_error();
    if (string == NULL)
        return reader_fail(r,
                           "expected the DER of one string before this byte");
    return *entry == NULL ? SP_ENOMEM : 0;
}

/* One TYPE=value. */
static int reader_entry(struct reader *r, X509_NAME_ENTRY **entry)
{
    uint8_t value[NAME_VALUE_MAX];
    ASN1_OBJECT *type = NULL;
    size_t length = 0;
    bool der;
    int error;

    *entry = NULL;
    if ((error = reader_type(r, &type)) != 0)
        return error;
    der = reader_peek(r) == '#';
    error =
        der ? reader_der(r, value, &length) : reader_string(r, value, &length);
    if (error == 0 && der) {
        error = entry_from_der(r, type, value, length, entry);
    } else if (error == 0) {
        *entry = X509_NAME_ENTRY_create_by_OBJ(NULL, type, V_ASN1_UTF8STRING,
                                               value, (int)length);
        if (*entry == NULL)
            error = SP_ENOMEM;
    }
    ASN1_OBJECT_free(type);
    return error;
}

/* The text begins with the most specific RDN, the name with the least
 * specific: each new RDN goes to the front, each further attribute of the same
 * RDN (after '+') joins the entry at the front. */
static int name_add(struct reader *r, X509_NAME *name, bool joins)
{
    X509_NAME_ENTRY *entry;
    int error = reader_entry(r, &entry);

    if (error != 0)
        return error;
    if (X509_NAME_entry_count(name) >= NAME_ENTRIES_MAX)
        error = reader_fail(r, "too many attributes");
    else if (X509_NAME_add_entry(name, entry, 0, joins ? 1 : 0) != 1)
        error = SP_ENOMEM;
    X509_NAME_ENTRY_free(entry);
    return error;
}

int name_parse(const char *text, size_t length, X509_NAME **name,
               char problem[NAME_PROBLEM])
{
    struct reader r = {.text = text, .length = length, .problem = problem};
    X509_NAME *built = X509_NAME_new();
    bool joins = false;
    int error = built == NULL ? SP_ENOMEM : 0;

    problem[0] = '\0';
    while (error == 0) {
        error = name_add(&r, built, joins);
        while (error == 0 && reader_peek(&r) == ' ')
            r.at++;
        if (error != 0 || !reader_more(&r))
            break;
        if (strchr(",+", r.text[r.at]) == NULL)
            error = reader_fail(&r, "expected , or + or the end of the name");
        joins = r.text[r.at++] == '+';
    }
    /* Encodes it, and with that makes the form that is compared. */
    if (error == 0 && i2d_X509_NAME(built, NULL) <= 0)
        error = reader_fail(&r, "not a name: is every value valid UTF-8?");
    ERR_clear_error();
    if (error != 0) {
        X509_NAME_free(built);
        return error;
    }
    *name = built;
    return 0;
}

int name_parse_pair(const char *text, X509_NAME **subject, X509_NAME **issuer,
                    char problem[NAME_PROBLEM])
{
    static const char bar[] = " | ";
    const char *split = strstr(text, bar);
    X509_NAME *first = NULL;
    const char *second;
    int error;

    if (split == NULL || strstr(split + 1, bar) != NULL) {
        snprintf(problem, NAME_PROBLEM,
                 "expected \"SUBJECT | ISSUER\", two names with one bar "
                 "between them (a bar within a name is \\7C)");
        return SP_EINVAL;
    }
    second = split + strlen(bar);
    error = name_parse(text, (size_t)(split - text), &first, problem);
    if (error == 0)
        error = name_parse(second, strlen(second), issuer, problem);
    if (error != 0) {
        X509_NAME_free(first);
        return error;
    }
    *subject = first;
    return 0;
}
