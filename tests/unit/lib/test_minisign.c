/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minisign's format (P8): what the program minisign 0.11 made is read, and
 * whatever is changed in a signature, a comment or a key is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/minisign.h"

/* Made by minisign over "hello\n", with -W. */
static const char data[] = "hello\n";
#define DATA data, sizeof data - 1
#define KEY  "RWSqpFEfUcPa/yEIMmOndvCoaYy+nhViNRxGe9iqfYRTi2Wk5WomdHsa"
#define ID   "FFDAC3511F51A4AA"
static const char secret_file[] =
    "untrusted comment: minisign encrypted secret key\n"
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "qqRRH1HD2v996UBzIsmJhmtsPz9QnBdzf+"
    "hsQZUg/x1eRdsK/5bZ3iEIMmOndvCoaYy+nhViNRxGe9iqfYRTi2Wk5WomdHsaAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
#define UNTRUSTED "untrusted comment: signature from minisign secret key\n"
#define SIGNATURE                                                              \
    "RUSqpFEfUcPa/+"                                                           \
    "d5N6+VFdE2qs9TBtTrzrBiZf6O7UoOBBLpOjXNKeCpUygHGlt6812M2t3lcjyX9aPCWzkm4n" \
    "GruGOQPLgfCAA=\n"
#define TRUSTED "trusted comment: timestamp:1795674959\tfile:f\thashed\n"
#define GLOBAL                                                                 \
    "wGLaLfCrE192YQQ90E+EeGn8AVxtQngjSkjCVkDUAi+Fd/"                           \
    "Lgy9VeofwO1RUNxn7cGKJ7/qy59v7k1TafizXyBA==\n"
static const char good[] = UNTRUSTED SIGNATURE TRUSTED GLOBAL;
#define LEGACY                                                                 \
    "RWSqpFEfUcPa/"                                                            \
    "x5Lo1xOFd0VkNr+p/pmVFWc7H1jsgksrY5VXoUVv2H+5+Yypt7AKGbLx5IA/lQwAa6qdj7f3" \
    "X0nz/sKA5aBHAs=\n"
#define LEGACY_GLOBAL                                                          \
    "vMJDIbc2fLasUzsZWjYSvromjvdCC6wSQOLLRTTQ77RVcFMsHndXM3t4TFwFEWTckfSJSNYr" \
    "73EuXNTZby0NDw==\n"
static const char legacy[] =
    UNTRUSTED LEGACY "trusted comment: legacy comment\n" LEGACY_GLOBAL;

static struct minisign_key key_of(const char *text)
{
    struct minisign_key key;

    assert_int_equal(minisign_key_parse(text, strlen(text), &key), 0);
    return key;
}

/* 0 if a file parses and verifies. */
static int check(const char *file, size_t length)
{
    const struct minisign_key key = key_of(KEY);
    struct minisign_signature s;
    int r = minisign_signature_parse(file, length, &s);

    return r != 0 ? r : minisign_verify(&key, &s, DATA);
}

static void what_minisign_made_verifies(void **state)
{
    struct minisign_signature s;
    char id[MINISIGN_ID_TEXT];

    (void)state;
    assert_int_equal(minisign_signature_parse(good, sizeof good - 1, &s), 0);
    assert_true(s.prehashed);
    assert_string_equal(s.trusted, "timestamp:1795674959\tfile:f\thashed");
    minisign_id_format(s.id, id);
    assert_string_equal(id, ID);
    assert_int_equal(check(good, sizeof good - 1), 0);
    assert_int_equal(check(legacy, sizeof legacy - 1), 0);
    assert_int_equal(minisign_signature_parse(legacy, sizeof legacy - 1, &s),
                     0);
    assert_false(s.prehashed);
    /* Without the last newline, as an editor may leave it. */
    assert_int_equal(check(good, sizeof good - 2), 0);
}

static void other_data_do_not_verify(void **state)
{
    static const struct {
        const char *data;
        size_t length;
    } others[] = {{"hello", 5},   {"hello\n\n", 7}, {"hellO\n", 6},
                  {"hello\0", 6}, {"", 0},          {"hello\r\n", 7}};
    const struct minisign_key key = key_of(KEY);
    struct minisign_signature s;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *file = i == 0 ? good : legacy;

        assert_int_equal(minisign_signature_parse(file, strlen(file), &s), 0);
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            assert_int_equal(
                minisign_verify(&key, &s, others[k].data, others[k].length),
                SP_ESIGNATURE);
        /* A hashed signature is none of the data, nor the other way round. */
        s.prehashed = !s.prehashed;
        assert_int_equal(minisign_verify(&key, &s, DATA), SP_ESIGNATURE);
    }
}

static void every_bit_matters(void **state)
{
    const size_t free_from = strlen("untrusted comment: ");
    const size_t free_to = strlen(UNTRUSTED) - 1;

    (void)state;
    for (size_t f = 0; f < 2; f++) {
        const char *from = f == 0 ? good : legacy;
        size_t length = strlen(from);
        char file[1024];

        for (size_t i = 0; i < length; i++)
            for (unsigned bit = 0; bit < 8; bit++) {
                memcpy(file, from, length);
                file[i] = (char)(file[i] ^ 1 << bit);
                /* Nothing vouches for the untrusted comment's text. */
                if (i >= free_from && i < free_to)
                    continue;
                if (check(file, length) == 0)
                    fail_msg("file %zu, byte %zu, bit %u is not noticed", f, i,
                             bit);
            }
    }
}

static void parts_of_two_signatures_do_not_mix(void **state)
{
    static const char *const wrong[] = {
        /* the trusted comment of another signature, with and without its
         * global signature */
        UNTRUSTED SIGNATURE "trusted comment: legacy comment\n" GLOBAL,
        UNTRUSTED SIGNATURE "trusted comment: legacy comment\n" LEGACY_GLOBAL,
        UNTRUSTED LEGACY TRUSTED GLOBAL,
        UNTRUSTED SIGNATURE TRUSTED LEGACY_GLOBAL,
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(check(wrong[i], strlen(wrong[i])), SP_ESIGNATURE);
}

static void other_forms_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "\n",
        UNTRUSTED,
        UNTRUSTED SIGNATURE,
        UNTRUSTED SIGNATURE TRUSTED,
        SIGNATURE TRUSTED GLOBAL,
        UNTRUSTED SIGNATURE GLOBAL,
        UNTRUSTED TRUSTED SIGNATURE GLOBAL,
        UNTRUSTED SIGNATURE TRUSTED GLOBAL "\n",
        UNTRUSTED SIGNATURE TRUSTED GLOBAL GLOBAL,
        UNTRUSTED SIGNATURE TRUSTED GLOBAL "x",
        "\n" UNTRUSTED SIGNATURE TRUSTED GLOBAL,
        UNTRUSTED "\n" SIGNATURE TRUSTED GLOBAL,
        UNTRUSTED " " SIGNATURE TRUSTED GLOBAL,
        "Untrusted comment: x\n" SIGNATURE TRUSTED GLOBAL,
        "untrusted comment:x\n" SIGNATURE TRUSTED GLOBAL,
        UNTRUSTED SIGNATURE "trusted comment:x\n" GLOBAL,
        UNTRUSTED SIGNATURE "trusted comment: \x1b[2J\n" GLOBAL,
        UNTRUSTED SIGNATURE "trusted comment: \xff\n" GLOBAL,
        "untrusted comment: \x07\n" SIGNATURE TRUSTED GLOBAL,
        /* a public key in a signature's place */
        UNTRUSTED KEY "\n" TRUSTED GLOBAL,
    };
    struct minisign_signature s;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (minisign_signature_parse(wrong[i], strlen(wrong[i]), &s) !=
            SP_EINVAL)
            fail_msg("form %zu is not refused", i);
    /* Cut anywhere, but before the last newline. */
    for (size_t n = 0; n < sizeof good - 2; n++)
        if (minisign_signature_parse(good, n, &s) == 0)
            fail_msg("cut to %zu bytes it is not refused", n);
}

/* Lines of another system's ends are other bytes. */
static void crlf_is_refused(void **state)
{
    char file[1024];
    size_t n = 0;

    (void)state;
    for (const char *p = good; *p != '\0'; p++) {
        if (*p == '\n')
            file[n++] = '\r';
        file[n++] = *p;
    }
    assert_int_equal(check(file, n), SP_EINVAL);
    /* A NUL is no way to hide the rest. */
    memcpy(file, good, sizeof good);
    assert_int_equal(check(file, sizeof good), SP_EINVAL);
}

static void base64_has_one_spelling(void **state)
{
    char file[1024];
    size_t at = strlen(UNTRUSTED) + strlen(SIGNATURE) - 3; /* "A=\n" */

    (void)state;
    memcpy(file, good, sizeof good);
    assert_int_equal(file[at], 'A');
    file[at] = 'B'; /* stray bits behind the last byte */
    assert_int_equal(check(file, sizeof good - 1), SP_EINVAL);
    memcpy(file, good, sizeof good);
    memmove(file + at + 1, file + at + 2, sizeof good - at - 2); /* no '=' */
    assert_int_equal(check(file, sizeof good - 2), SP_EINVAL);
    /* The URL's alphabet. */
    memcpy(file, good, sizeof good);
    *strchr(file + strlen(UNTRUSTED), '+') = '-';
    assert_int_equal(check(file, sizeof good - 1), SP_EINVAL);
}

static void comments_are_bounded(void **state)
{
    size_t room = 1u << 16, n;
    char *file = malloc(room);
    struct minisign_signature s;
    const struct {
        size_t untrusted, trusted;
        int expected;
    } cases[] = {{1023, 20, 0},
                 {1024, 20, SP_ETOOBIG},
                 {20, 8191, 0},
                 {20, 8192, SP_ETOOBIG},
                 {20, 20000, SP_ETOOBIG}};

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        n = (size_t)snprintf(file, room,
                             "untrusted comment: %0*d\n" SIGNATURE
                             "trusted comment: %0*d\n" GLOBAL,
                             (int)cases[i].untrusted, 0, (int)cases[i].trusted,
                             0);
        assert_int_equal(minisign_signature_parse(file, n, &s),
                         cases[i].expected);
    }
    free(file);
}

static void another_key_does_not_verify(void **state)
{
    const struct minisign_key right = key_of(KEY);
    struct minisign_key key = right;
    struct minisign_signature s;

    (void)state;
    assert_int_equal(minisign_signature_parse(good, sizeof good - 1, &s), 0);
    key.id[0] ^= 1;
    assert_int_equal(minisign_verify(&key, &s, DATA), SP_ENOENT);
    /* The signature swears by another's id: it is not that one's. */
    memcpy(s.id, key.id, sizeof key.id);
    assert_int_equal(minisign_verify(&right, &s, DATA), SP_ENOENT);
    for (size_t i = 0; i < sizeof key.key; i++) {
        key = right;
        memcpy(key.id, s.id, sizeof key.id);
        key.key[i] ^= 0x10;
        assert_int_equal(minisign_verify(&key, &s, DATA), SP_ESIGNATURE);
    }
}

static void public_keys_are_read_strictly(void **state)
{
    static const char *const right[] = {
        KEY, KEY "\n",
        ("untrusted comment: minisign public key " ID "\n" KEY "\n"),
        ("untrusted comment: \n" KEY)};
    static const char *const wrong[] = {
        "", "RW", KEY "\n\n", KEY "A", KEY "\r\n", " " KEY,
        "untrusted comment: x\n", ("trusted comment: x\n" KEY),
        ("untrusted comment: x\n" KEY "\n" KEY "\n"),
        /* other algorithms: "ED", "Ex" */
        "RUSqpFEfUcPa/yEIMmOndvCoaYy+nhViNRxGe9iqfYRTi2Wk5WomdHsa",
        "RXiqpFEfUcPa/yEIMmOndvCoaYy+nhViNRxGe9iqfYRTi2Wk5WomdHsa"};
    struct minisign_key key;
    char text[MINISIGN_KEY_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        key = key_of(right[i]);
        minisign_key_format(&key, text);
        assert_string_equal(text, KEY);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (minisign_key_parse(wrong[i], strlen(wrong[i]), &key) == 0)
            fail_msg("\"%s\" is no public key", wrong[i]);
}

static void ids_are_sixteen_digits(void **state)
{
    static const char *const wrong[] = {"",
                                        "FFDAC3511F51A4A",
                                        "FFDAC3511F51A4AA0",
                                        "FFDAC3511F51A4AG",
                                        "0xDAC3511F51A4AA",
                                        "FFDAC3511F51A4A "};
    const struct minisign_key key = key_of(KEY);
    uint8_t id[8];

    (void)state;
    assert_int_equal(minisign_id_parse(ID, id), 0);
    assert_memory_equal(id, key.id, sizeof id);
    assert_int_equal(minisign_id_parse("ffdac3511f51a4aa", id), 0);
    assert_memory_equal(id, key.id, sizeof id);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(minisign_id_parse(wrong[i], id), SP_EINVAL);
}

static void secret_of_minisign_signs(void **state)
{
    struct minisign_secret secret;
    struct minisign_key key;
    struct minisign_signature s;
    char text[MINISIGN_KEY_TEXT], file[MINISIGN_FILE_MAX];
    bool needs = true;

    (void)state;
    assert_int_equal(minisign_secret_needs_password(
                         secret_file, sizeof secret_file - 1, &needs),
                     0);
    assert_false(needs);
    assert_int_equal(minisign_secret_parse(secret_file, sizeof secret_file - 1,
                                           NULL, &secret),
                     0);
    minisign_public(&secret, &key);
    minisign_key_format(&key, text);
    assert_string_equal(text, KEY);
    assert_int_equal(
        minisign_sign(&secret, DATA, "timestamp:1\tserial:2", file), 0);
    assert_int_equal(minisign_signature_parse(file, strlen(file), &s), 0);
    assert_string_equal(s.trusted, "timestamp:1\tserial:2");
    assert_int_equal(minisign_verify(&key, &s, DATA), 0);
    assert_int_equal(minisign_sign(&secret, DATA, "two\nlines", file),
                     SP_EINVAL);
    minisign_secret_wipe(&secret);
    assert_true(sodium_is_zero((const uint8_t *)&secret, sizeof secret));
}

/* Cheap, so that the test is; the default is for people. */
static const struct minisign_cost cheap = {
    crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_MIN,
    crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_MIN};

static void passwords_open_keys(void **state)
{
    char file[MINISIGN_SECRET_TEXT];
    struct minisign_secret made, read;
    bool needs = false;

    (void)state;
    assert_int_equal(minisign_generate(&made), 0);
    assert_int_equal(minisign_secret_format(&made, "pass word", &cheap, file),
                     0);
    assert_int_equal(minisign_secret_needs_password(file, strlen(file), &needs),
                     0);
    assert_true(needs);
    assert_int_equal(
        minisign_secret_parse(file, strlen(file), "pass word", &read), 0);
    assert_memory_equal(&made, &read, sizeof made);
    static const char *const wrong[] = {"pass wore", "", "pass word ", NULL};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            minisign_secret_parse(file, strlen(file), wrong[i], &read),
            SP_EPERM);
        assert_true(sodium_is_zero((const uint8_t *)&read, sizeof read));
    }
    /* The same key under the same password is another file: there is a salt. */
    char again[MINISIGN_SECRET_TEXT];
    assert_int_equal(minisign_secret_format(&made, "pass word", &cheap, again),
                     0);
    assert_string_not_equal(file, again);
}

/* Decodes a secret key file's second line, changes one byte, encodes it. */
static void secret_change(const char *file, size_t at, uint8_t bit,
                          char changed[MINISIGN_SECRET_TEXT])
{
    const char *line = strchr(file, '\n') + 1;
    uint8_t bytes[158];
    size_t n, head = (size_t)(line - file);

    assert_int_equal(sodium_base642bin(bytes, sizeof bytes, line,
                                       strlen(line) - 1, NULL, &n, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(n, sizeof bytes);
    bytes[at] ^= bit;
    memcpy(changed, file, head);
    sodium_bin2base64(changed + head, MINISIGN_SECRET_TEXT - head, bytes,
                      sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
}

static void changed_secrets_are_refused(void **state)
{
    char file[MINISIGN_SECRET_TEXT], changed[MINISIGN_SECRET_TEXT];
    struct minisign_secret made, read;

    (void)state;
    assert_int_equal(minisign_generate(&made), 0);
    assert_int_equal(minisign_secret_format(&made, "p", &cheap, file), 0);
    for (size_t i = 0; i < 158; i++) {
        /* The limits' lower bytes are rounded; the upper ones would mean hours
         * of work, if they were taken. */
        if (i >= 38 && i < 54 && (i - 38) % 8 < 3)
            continue;
        secret_change(file, i, i >= 38 && i < 54 ? 0x80 : 1, changed);
        if (minisign_secret_parse(changed, strlen(changed), "p", &read) == 0)
            fail_msg("byte %zu of a sealed key is not noticed", i);
    }
    /* Without a password: a public half that is not the seed's would give the
     * seed away with the first signature. The id alone is nobody's to know. */
    for (size_t i = 0; i < 158; i++) {
        if (i >= 6 && i < 62)
            continue; /* salt and limits are not used; the id is free */
        secret_change(secret_file, i, 1, changed);
        if (minisign_secret_parse(changed, strlen(changed), NULL, &read) == 0)
            fail_msg("byte %zu of an open key is not noticed", i);
    }
}

static void costs_are_bounded(void **state)
{
    const struct minisign_cost wrong[] = {
        {0, cheap.memory},
        {cheap.operations, 0},
        {cheap.operations, minisign_cost_default.memory + 1},
        {minisign_cost_default.operations + 1, cheap.memory},
        {UINT64_MAX, UINT64_MAX}};
    char file[MINISIGN_SECRET_TEXT];
    struct minisign_secret made;

    (void)state;
    assert_int_equal(minisign_generate(&made), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(minisign_secret_format(&made, "p", &wrong[i], file),
                         SP_EINVAL);
}

static void other_files_are_no_secrets(void **state)
{
    static const char *const wrong[] = {
        "", "untrusted comment: x\n", good, KEY,
        "untrusted comment: minisign public key " ID "\n" KEY "\n"};
    struct minisign_secret read;
    bool needs;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(
            minisign_secret_needs_password(wrong[i], strlen(wrong[i]), &needs),
            SP_EINVAL);
        assert_int_equal(
            minisign_secret_parse(wrong[i], strlen(wrong[i]), "p", &read),
            SP_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_minisign_made_verifies),
        cmocka_unit_test(other_data_do_not_verify),
        cmocka_unit_test(every_bit_matters),
        cmocka_unit_test(parts_of_two_signatures_do_not_mix),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(crlf_is_refused),
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(comments_are_bounded),
        cmocka_unit_test(another_key_does_not_verify),
        cmocka_unit_test(public_keys_are_read_strictly),
        cmocka_unit_test(ids_are_sixteen_digits),
        cmocka_unit_test(secret_of_minisign_signs),
        cmocka_unit_test(passwords_open_keys),
        cmocka_unit_test(changed_secrets_are_refused),
        cmocka_unit_test(costs_are_bounded),
        cmocka_unit_test(other_files_are_no_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
