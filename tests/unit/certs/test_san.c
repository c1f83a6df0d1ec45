/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alternative names out of DER: what each form gives, then the same bytes with
 * some of them wrong, many times over (run it with `asan`).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/san.h"
#include "lib/identifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL (~0u)

/* What a walk found, as text: "rule=hex " each. */
struct found {
    char text[4096];
    size_t length, count;
};

static void found_add(void *arg, enum identity_rule rule, const void *value,
                      size_t length)
{
    struct found *f = arg;
    const uint8_t *bytes = value;

    assert_true(length > 0 || rule == IDENTITY_BY_URI);
    assert_true(rule == IDENTITY_BY_URI || length <= SAN_VALUE_MAX);
    assert_true(rule != IDENTITY_BY_EDIPI || length == 10);
    assert_true(rule != IDENTITY_BY_UUID || length == 16);
    assert_true(rule != IDENTITY_BY_FASCN || length == FASCN_DIGITS);
    f->count++;
    f->length +=
        (size_t)snprintf(f->text + f->length, sizeof f->text - f->length,
                         "%s=", identity_rule_text(rule));
    for (size_t i = 0; i < length && f->length < 3500; i++)
        f->length += (size_t)snprintf(
            f->text + f->length, sizeof f->text - f->length,
            rule == IDENTITY_BY_UUID ? "%02x" : "%c", bytes[i]);
    f->length +=
        (size_t)snprintf(f->text + f->length, sizeof f->text - f->length, " ");
}

struct der {
    uint8_t bytes[2048];
    size_t length;
};

static void der_put(struct der *d, uint8_t tag, const void *content,
                    size_t length)
{
    assert_true(length < 128 && d->length + length + 2 < sizeof d->bytes);
    d->bytes[d->length++] = tag;
    d->bytes[d->length++] = (uint8_t)length;
    memcpy(d->bytes + d->length, content, length);
    d->length += length;
}

static const uint8_t oid_upn[] = {0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3};
static const uint8_t oid_fascn[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 6, 6};

static void der_put_other(struct der *d, const uint8_t *oid, size_t oid_length,
                          uint8_t tag, const void *content, size_t length)
{
    struct der value = {.length = 0}, wrapped = {.length = 0};

    der_put(&value, tag, content, length);
    der_put(&wrapped, 0x06, oid, oid_length);
    der_put(&wrapped, 0xa0, value.bytes, value.length);
    der_put(d, 0xa0, wrapped.bytes, wrapped.length);
}

/* The names of `d` in a SEQUENCE; NULL: not such. */
static GENERAL_NAMES *names_of(const struct der *d)
{
    uint8_t *whole = malloc(d->length + 4);
    const uint8_t *p = whole;
    GENERAL_NAMES *names;

    assert_non_null(whole);
    whole[0] = 0x30;
    whole[1] = 0x82;
    whole[2] = (uint8_t)(d->length >> 8);
    whole[3] = (uint8_t)d->length;
    memcpy(whole + 4, d->bytes, d->length);
    names = d2i_GENERAL_NAMES(NULL, &p, (long)d->length + 4);
    free(whole);
    return names;
}

static X509_NAME *subject_of(const char *cn, int type)
{
    X509_NAME *name = X509_NAME_new();

    if (cn != NULL)
        assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, type,
                                                    (const uint8_t *)cn, -1, -1,
                                                    0),
                         1);
    return name;
}

static void walk(const struct der *d, const char *cn, unsigned rules,
                 struct found *f)
{
    GENERAL_NAMES *names = d->length > 0 ? names_of(d) : GENERAL_NAMES_new();
    X509_NAME *subject = subject_of(cn, MBSTRING_UTF8);

    assert_non_null(names);
    *f = (struct found){.length = 0};
    san_each(names, subject, rules, found_add, f);
    X509_NAME_free(subject);
    GENERAL_NAMES_free(names);
}

static const uint8_t card[] = {0xd1, 0x38, 0x10, 0xd8, 0x28, 0xab, 0x6c,
                               0x10, 0xc3, 0x39, 0xe5, 0x83, 0x68, 0x5a,
                               0x10, 0x82, 0x10, 0x8c, 0xe7, 0x39, 0x81,
                               0x38, 0x10, 0xc3, 0xe7};

static void every_form(struct der *d)
{
    static const char uuid[] = "urn:uuid:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

    der_put(d, 0x86, "x://ann", 7);
    der_put(d, 0x86, uuid, sizeof uuid - 1);
    der_put(d, 0x81, "Ann@LAB.example", 15);
    der_put(d, 0x82, "lab.example", 11);
    der_put(d, 0x87, "\x0a\x01\x02\x03", 4);
    der_put_other(d, oid_upn, sizeof oid_upn, 0x0c, "1234567890@mil", 14);
    der_put_other(d, oid_fascn, sizeof oid_fascn, 0x04, card, sizeof card);
}

static void each_form_is_read(void **state)
{
    struct der d = {.length = 0};
    struct found f;

    (void)state;
    every_form(&d);
    walk(&d, NULL, ALL, &f);
    assert_string_equal(
        f.text, "san_uri=x://ann "
                "san_uri=urn:uuid:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d "
                "san_uuid=0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d "
                "san_email=Ann@lab.example upn=1234567890@mil "
                "fasc_n=47000256001337011112223333147001 edipi=1234567890 ");
    walk(&d, NULL, 1u << IDENTITY_BY_FASCN, &f);
    assert_string_equal(f.text, "fasc_n=47000256001337011112223333147001 ");
    walk(&d, NULL, 0, &f);
    assert_int_equal(f.count, 0);
}

static void edipis(void **state)
{
    static const struct {
        const char *cn, *upn, *want;
    } cases[] = {
        {"DOE.JANE.1234567890", NULL, "edipi=1234567890 "},
        {"DOE.JANE.1234567890", "1234567890@mil", "edipi=1234567890 "},
        {"DOE.JANE.1234567890", "1234567890123456@MIL", "edipi=1234567890 "},
        {"DOE.JANE.1234567890", "1234567891@mil", ""},
        {"DOE.JANE.1234567890", "ann@mil", "edipi=1234567890 "},
        {"DOE.JANE.123456789", NULL, ""},
        {"DOE.JANE.11234567890", NULL, ""},
        {"DOE.JANE 1234567890", NULL, ""},
        {"1234567890", NULL, ""},
        {".1234567890", NULL, ""},
        {"x.1234567890", NULL, "edipi=1234567890 "},
        {NULL, "12345678901@mil", ""},
        {NULL, "1234567890@mil.x", ""},
        {NULL, "1234567890@mi", ""},
        {NULL, "@mil", ""},
        {NULL, "1234567890", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct der d = {.length = 0};
        struct found f;

        if (cases[i].upn != NULL)
            der_put_other(&d, oid_upn, sizeof oid_upn, 0x0c, cases[i].upn,
                          strlen(cases[i].upn));
        walk(&d, cases[i].cn, 1u << IDENTITY_BY_EDIPI, &f);
        if (strcmp(f.text, cases[i].want) != 0)
            fail_msg("case %zu: wanted %s, have %s", i, cases[i].want, f.text);
    }
}

static void other_string_types_are_nobody(void **state)
{
    static const uint8_t types[] = {0x04, 0x13, 0x14, 0x16, 0x1a, 0x1e};
    struct found f;

    (void)state;
    for (size_t i = 0; i < sizeof types; i++) {
        struct der d = {.length = 0};

        der_put_other(&d, oid_upn, sizeof oid_upn, types[i], "ab@m", 4);
        walk(&d, NULL, 1u << IDENTITY_BY_UPN, &f);
        assert_int_equal(f.count, 0);
    }
}

static void NULs_are_seen(void **state)
{
    static const struct {
        uint8_t tag;
        const char *content;
        size_t length;
        bool plain;
    } cases[] = {
        {0x86, "x://a", 5, true},    {0x86, "x://a\0", 6, false},
        {0x86, "\0", 1, false},      {0x82, "a\0b", 3, false},
        {0x81, "a@b\0", 4, false},   {0x86, "", 0, true},
        {0x87, "\0\0\0\0", 4, true}, /* an address: no text */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct der d = {.length = 0};
        GENERAL_NAMES *names;

        der_put(&d, cases[i].tag, cases[i].content, cases[i].length);
        names = names_of(&d);
        assert_non_null(names);
        if (san_is_plain(names) != cases[i].plain)
            fail_msg("case %zu", i);
        GENERAL_NAMES_free(names);
    }
}

static void NULs_in_other_names_are_seen(void **state)
{
    static const struct {
        uint8_t tag;
        const char *content;
        size_t length;
        bool plain;
    } cases[] = {
        {0x0c, "a\0", 2, false},    {0x16, "\0a", 2, false},
        {0x1e, "\0a\0b", 4, true},  {0x1e, "\0a\0\0", 4, false},
        {0x1c, "\0\0\0a", 4, true}, {0x1c, "\0\0\0\0", 4, false},
        {0x04, "\0\0", 2, true}, /* octets: no text */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct der d = {.length = 0};
        GENERAL_NAMES *names;

        der_put_other(&d, oid_upn, sizeof oid_upn, cases[i].tag,
                      cases[i].content, cases[i].length);
        names = names_of(&d);
        assert_non_null(names);
        if (san_is_plain(names) != cases[i].plain)
            fail_msg("case %zu", i);
        GENERAL_NAMES_free(names);
    }
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Whatever parses as names is walked without harm, and nothing comes out of it
 * that is longer than it may be (found_add). */
static void mutated_names_do_no_harm(void **state)
{
    struct der whole = {.length = 0};
    uint32_t seed = 2026;
    unsigned parsed = 0;

    (void)state;
    every_form(&whole);
    for (unsigned round = 0; round < 60000; round++) {
        struct der d = whole;
        GENERAL_NAMES *names;
        X509_NAME *subject;
        struct found f = {.length = 0};

        for (unsigned n = 1 + next(&seed) % 4; n > 0; n--) {
            size_t at = next(&seed) % d.length;

            if (next(&seed) % 4 == 0)
                d.bytes[at] = (uint8_t)next(&seed);
            else
                d.bytes[at] ^= (uint8_t)(1u << next(&seed) % 8);
        }
        if (next(&seed) % 8 == 0)
            d.length = next(&seed) % d.length;
        names = names_of(&d);
        if (names == NULL)
            continue;
        parsed++;
        subject = subject_of("DOE.JANE.1234567890", MBSTRING_UTF8);
        (void)san_is_plain(names);
        san_each(names, subject, ALL, found_add, &f);
        X509_NAME_free(subject);
        GENERAL_NAMES_free(names);
    }
    assert_true(parsed > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read),
        cmocka_unit_test(edipis),
        cmocka_unit_test(other_string_types_are_nobody),
        cmocka_unit_test(NULs_are_seen),
        cmocka_unit_test(NULs_in_other_names_are_seen),
        cmocka_unit_test(mutated_names_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
