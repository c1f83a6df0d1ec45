/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cosignatures: the vector to the byte; what is counted, what spoils a note,
 * what a witness may answer and what not; and that no key does another's work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>

#include "ledger/cosignature.h"
#include "lib/base64.h"
#include "tests/unit/ledger/hex.h"

#define DASH "\xe2\x80\x94 "
#define BODY                                                                   \
    "log.example/audit\n257\nHtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ=\n"
#define LOG_LINE                                                               \
    DASH "log.example/audit "                                                  \
         "vqljHyPTjt4kaDcKeLuY2IzMsvGFBc6B4xhOZmfAwWF9yDZxZ1v"                 \
         "CJ1zZPRh9JpeWKT1P1t1Ex/LJHDcqKR/8BF96ZwM=\n"
#define WITNESS_LINE                                                           \
    DASH                                                                       \
        "witness.example/w1 jaliVQAAAABlU/EA2s+LpPEcnjaYt0xrra2fmQTtBXFn58Wp9" \
        "I2hzX3BYQuECwLGeBzjNkkGbm3ZE5Ei4eyQBZ5XN8vUgq5n7Bh+CQ==\n"

static const char log_vkey[] =
    "log.example/audit+bea9631f+AYRhoG98PAzxERrXDahxupsA/7YBBz57VwXfq8+tBDzV";
static const char witness_vkey[] =
    "witness.example/w1+8da96255+BKibOmQOXiAtKp7ed/O01VFGKEoeMCzcBGPnHdCfD+Yj";

static struct note_signer witness(const char *name, uint8_t first)
{
    const uint8_t seed[32] = {first};
    struct note_signer s;

    assert_int_equal(note_witness_from_seed(name, seed, &s), 0);
    return s;
}

static struct note_verifier verifier(const char *text)
{
    struct note_verifier v;

    assert_int_equal(note_verifier_parse(text, strlen(text), &v), 0);
    return v;
}

static void line_of(const struct note_signer *s, const char *body,
                    uint64_t time, char line[COSIGNATURE_LINE_MAX])
{
    size_t n;

    assert_int_equal(cosignature_make(s, body, strlen(body), time, line, &n),
                     0);
    assert_int_equal(n, strlen(line));
}

/* --- making --- */

static void the_vector_comes_out_to_the_byte(void **state)
{
    struct note_signer s = witness("witness.example/w1", 0x22);
    char line[COSIGNATURE_LINE_MAX], text[NOTE_KEY_TEXT_MAX];

    (void)state;
    assert_int_equal(note_verifier_format(&s.verifier, text), 0);
    assert_string_equal(text, witness_vkey);
    line_of(&s, BODY, 1700000000, line);
    assert_string_equal(line, WITNESS_LINE);
}

static void the_longest_name_fits(void **state)
{
    char name[NOTE_NAME_MAX + 1], line[COSIGNATURE_LINE_MAX];

    (void)state;
    memset(name, 'a', NOTE_NAME_MAX);
    name[NOTE_NAME_MAX] = '\0';
    struct note_signer s = witness(name, 1);
    line_of(&s, BODY, INT64_MAX, line);
    assert_int_equal(strlen(line), COSIGNATURE_LINE_MAX - 1);
}

static void what_is_no_body_or_time_is_not_signed(void **state)
{
    struct note_signer s = witness("w", 1);
    char line[COSIGNATURE_LINE_MAX];
    size_t n;

    (void)state;
    assert_int_equal(cosignature_make(&s, "", 0, 1, line, &n), SP_EINVAL);
    assert_int_equal(cosignature_make(&s, "a", 1, 1, line, &n), SP_EINVAL);
    assert_int_equal(cosignature_make(&s, "a\0\n", 3, 1, line, &n), SP_EINVAL);
    assert_int_equal(
        cosignature_make(&s, BODY, strlen(BODY), UINT64_C(1) << 63, line, &n),
        SP_ERANGE);
}

/* A log's key cosigns nothing, a witness's key signs no head, and neither is
 * read where the other is wanted. */
static void keys_do_not_do_each_others_work(void **state)
{
    const uint8_t seed[32] = {7};
    struct note_signer log, w = witness("same", 7), read;
    char line[COSIGNATURE_LINE_MAX], note[NOTE_MAX], text[NOTE_KEY_TEXT_MAX];
    size_t n;

    (void)state;
    assert_int_equal(note_signer_from_seed("same", seed, &log), 0);
    assert_memory_equal(log.verifier.key, w.verifier.key, 32);
    assert_int_not_equal(log.verifier.id, w.verifier.id);
    assert_int_equal(cosignature_make(&log, BODY, strlen(BODY), 1, line, &n),
                     SP_EUNSUPPORTED);
    assert_int_equal(note_sign(&w, BODY, note, sizeof note, &n),
                     SP_EUNSUPPORTED);
    assert_int_equal(note_signer_format(&w, text), 0);
    assert_int_equal(note_signer_parse(text, strlen(text), &read),
                     SP_EUNSUPPORTED);
    assert_int_equal(note_witness_parse(text, strlen(text), &read), 0);
    assert_memory_equal(&read, &w, sizeof w);
    assert_int_equal(note_signer_format(&log, text), 0);
    assert_int_equal(note_witness_parse(text, strlen(text), &read),
                     SP_EUNSUPPORTED);
    assert_int_equal(note_witness_generate("fresh", &read), 0);
    assert_int_equal(read.verifier.type, 0x04);
}

/* --- reading --- */

/* libsodium reads bytes above 0x7f as digits; nobody else does. */
static void base64_is_ascii(void **state)
{
    char text[] = "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=";
    uint8_t out[32];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++)
        for (unsigned c = 1; c < 256; c++) {
            char was = text[i];
            bool digit = c < 0x80 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh"
                                            "ijklmnopqrstuvwxyz0123456789+/=",
                                            (int)c) != NULL;
            text[i] = (char)c;
            if (base64_decode(text, sizeof text - 1, out, sizeof out, &n) ==
                    0 &&
                !digit)
                fail_msg("byte %u at %zu", c, i);
            text[i] = was;
        }
}

static void checkpoint_roots_are_ascii(void **state)
{
    struct checkpoint c;

    (void)state;
    assert_int_equal(checkpoint_parse(BODY, strlen(BODY), &c), 0);
    char body[] = BODY;
    body[30] = '\xc3';
    body[31] = '\xa9';
    assert_int_equal(checkpoint_parse(body, strlen(body), &c), SP_EINVAL);
}

/* --- counting --- */

static void who_has_cosigned_is_counted(void **state)
{
    struct note_signer b = witness("b", 2);
    struct note_verifier known[] = {verifier(witness_vkey), b.verifier};
    static const char note[] = BODY "\n" LOG_LINE WITNESS_LINE;
    uint64_t times[2];
    unsigned count;

    (void)state;
    assert_int_equal(
        cosignature_count(note, strlen(note), known, 2, times, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(times[0], 1700000000);
    assert_true(times[1] == UINT64_MAX);
    assert_int_equal(
        cosignature_count(note, strlen(note), known, 0, NULL, &count), 0);
    assert_int_equal(count, 0);
    known[1] = verifier(log_vkey);
    assert_int_equal(
        cosignature_count(note, strlen(note), known, 2, NULL, &count),
        SP_EUNSUPPORTED);
}

/* Any bit of the text or of the cosignature flipped: not counted. (Of the name
 * and the key's id: another's line, also not counted.) */
static void flipped_bits_never_count(void **state)
{
    static const char good[] = BODY "\n" WITNESS_LINE;
    struct note_verifier known = verifier(witness_vkey);

    (void)state;
    for (size_t i = 0; i < (sizeof good - 1) * 8; i++) {
        char note[sizeof good];
        unsigned count = 0;
        memcpy(note, good, sizeof good);
        note[i / 8] = (char)(note[i / 8] ^ (1 << (i % 8)));
        int r =
            cosignature_count(note, sizeof good - 1, &known, 1, NULL, &count);
        assert_false(r == 0 && count > 0);
    }
}

/* --- what a witness answers --- */

struct answer {
    const char *what, *lines;
    int result;
    unsigned added;
};

static void answers_are_taken_or_not(void **state)
{
    struct note_signer b = witness("b", 2), stranger = witness("x", 3);
    char of_b[COSIGNATURE_LINE_MAX], of_stranger[COSIGNATURE_LINE_MAX],
        other_body[COSIGNATURE_LINE_MAX], both[2 * COSIGNATURE_LINE_MAX],
        spoiled[2 * COSIGNATURE_LINE_MAX], mixed[2 * COSIGNATURE_LINE_MAX];

    (void)state;
    line_of(&b, BODY, 5, of_b);
    line_of(&stranger, BODY, 5, of_stranger);
    line_of(&b, "log.example/audit\n258\n" BODY, 5, other_body);
    snprintf(both, sizeof both, "%s%s", WITNESS_LINE, of_b);
    snprintf(mixed, sizeof mixed, "%s%s", of_stranger, of_b);
    snprintf(spoiled, sizeof spoiled, "%s%s", WITNESS_LINE, other_body);
    const struct answer table[] = {
        {"one", of_b, 0, 1},
        {"two", both, 0, 2},
        {"a stranger's", of_stranger, 0, 0},
        {"a stranger's and one", mixed, 0, 1},
        {"the log's own", LOG_LINE, 0, 0},
        {"over another body", other_body, SP_ESIGNATURE, 0},
        {"one good, one over another body", spoiled, SP_ESIGNATURE, 0},
        {"nothing", "", SP_EINVAL, 0},
        {"an empty line", "\n", SP_EINVAL, 0},
        {"an empty line first", "\n" WITNESS_LINE, SP_EINVAL, 0},
        {"an empty line last", WITNESS_LINE "\n", SP_EINVAL, 0},
        {"an empty line inside", WITNESS_LINE "\n" WITNESS_LINE, SP_EINVAL, 0},
        {"no newline", "\xe2\x80\x94 w AAAAAAA=", SP_EINVAL, 0},
        {"HTML", "<html>\n", SP_EINVAL, 0},
        {"a size", "257\n", SP_EINVAL, 0},
        {"a whole note", BODY "\n" WITNESS_LINE, SP_EINVAL, 0},
    };
    struct note_verifier known[] = {verifier(witness_vkey), b.verifier};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char note[NOTE_MAX] = BODY "\n" LOG_LINE;
        size_t n = strlen(note), before = n;
        unsigned added = 9, count = 0;
        int r = cosignature_append(note, sizeof note, &n, table[i].lines,
                                   strlen(table[i].lines), known, 2, &added);
        if (r != table[i].result || added != table[i].added)
            fail_msg("%s: %d, %u added", table[i].what, r, added);
        if (added == 0)
            assert_int_equal(n, before);
        assert_int_equal(cosignature_count(note, n, known, 2, NULL, &count), 0);
        assert_int_equal(count, added);
    }
}

static void a_witness_is_appended_once(void **state)
{
    struct note_verifier known = verifier(witness_vkey);
    char note[NOTE_MAX] = BODY "\n" LOG_LINE;
    size_t n = strlen(note);
    unsigned added;

    (void)state;
    static const char twice[] = WITNESS_LINE WITNESS_LINE;
    assert_int_equal(cosignature_append(note, sizeof note, &n, twice,
                                        strlen(twice), &known, 1, &added),
                     0);
    assert_int_equal(added, 1);
    size_t after = n;
    assert_int_equal(cosignature_append(note, sizeof note, &n, twice,
                                        strlen(twice), &known, 1, &added),
                     0);
    assert_int_equal(added, 0);
    assert_int_equal(n, after);
    note[n] = '\0';
    assert_string_equal(note, BODY "\n" LOG_LINE WITNESS_LINE);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct note_verifier known = verifier(witness_vkey);
    char note[NOTE_MAX] = BODY "\n" LOG_LINE;
    static char long_lines[NOTE_MAX + 10];
    size_t n = strlen(note);
    unsigned added;

    (void)state;
    assert_int_equal(cosignature_append(note, n + 10, &n, WITNESS_LINE,
                                        strlen(WITNESS_LINE), &known, 1,
                                        &added),
                     SP_ETOOBIG);
    memset(long_lines, 'a', sizeof long_lines);
    assert_int_equal(cosignature_append(note, sizeof note, &n, long_lines,
                                        sizeof long_lines, &known, 1, &added),
                     SP_ETOOBIG);
    assert_int_equal(n, strlen(BODY "\n" LOG_LINE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_comes_out_to_the_byte),
        cmocka_unit_test(the_longest_name_fits),
        cmocka_unit_test(what_is_no_body_or_time_is_not_signed),
        cmocka_unit_test(keys_do_not_do_each_others_work),
        cmocka_unit_test(base64_is_ascii),
        cmocka_unit_test(checkpoint_roots_are_ascii),
        cmocka_unit_test(who_has_cosigned_is_counted),
        cmocka_unit_test(flipped_bits_never_count),
        cmocka_unit_test(answers_are_taken_or_not),
        cmocka_unit_test(a_witness_is_appended_once),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
