/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs to take away: every entry of every small tree, the bytes that others
 * read (C2SP tlog-proof), and everything that is not one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/proof.h"
#include "tests/unit/ledger/folder.h"

static struct folder folder;
static char text[PROOF_MAX];
static size_t length;

static int setup(void **state)
{
    (void)state;
    folder_make(&folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

static void write_proof(uint64_t index)
{
    struct ledger_view *v;

    assert_int_equal(
        ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
    assert_int_equal(proof_write(v, index, false, text, sizeof text, &length),
                     0);
    ledger_view_free(v);
    assert_int_equal(strlen(text), length);
}

static int check(const char *proof, size_t size, const char *entry)
{
    struct proof p;
    unsigned line;
    int r = proof_parse(proof, size, &p, &line);

    return r != 0 ? r
                  : proof_check(&p, &folder.signer.verifier, 1, entry,
                                strlen(entry));
}

static void every_entry_has_a_proof_and_no_other_entry_has_it(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= 40; size++) {
        folder_fill_to(&folder, size);
        for (uint64_t n = 0; n < size; n++) {
            char entry[24], other[24];

            write_proof(n);
            decimal_entry(n, entry);
            decimal_entry(n + 1, other);
            assert_int_equal(check(text, length, entry), 0);
            assert_int_equal(check(text, length, other), SP_ECORRUPT);
            assert_int_equal(check(text, length, ""), SP_ECORRUPT);
        }
    }
    folder_fill_to(&folder, 600);
    for (uint64_t n = 0; n < 600; n += 7) {
        char entry[24];

        write_proof(n);
        decimal_entry(n, entry);
        assert_int_equal(check(text, length, entry), 0);
    }
}

static void what_is_written_is_what_others_read(void **state)
{
    static const char want[] =
        "c2sp.org/tlog-proof@v1\n"
        "index 1\n"
        "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n" /* leaf of "0" */
        "\n"
        "log.example/audit\n2\n";

    (void)state;
    folder_fill_to(&folder, 2);
    write_proof(1);
    assert_memory_equal(text, want, sizeof want - 1);
    folder_fill_to(&folder, 3);
    write_proof(2);
    assert_non_null(strstr(text, "index 2\n"));
    struct ledger_view *v;
    assert_int_equal(
        ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
    assert_int_equal(proof_write(v, 3, true, text, sizeof text, &length),
                     SP_ERANGE);
    assert_int_equal(proof_write(v, 1, false, text, 60, &length), SP_ETOOBIG);
    ledger_view_free(v);
}

static void any_flipped_bit_is_found(void **state)
{
    (void)state;
    folder_fill_to(&folder, 300);
    write_proof(257);
    for (size_t at = 0; at < length; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            text[at] ^= (char)(1u << bit);
            if (check(text, length, "257") == 0)
                fail_msg("bit %u of byte %zu: still proves", bit, at);
            text[at] ^= (char)(1u << bit);
        }
    for (size_t n = 0; n < length; n++)
        assert_int_equal(check(text, n, "257"), SP_EINVAL);
    assert_int_equal(check(text, length, "257"), 0);
}

/* `from` becomes `to`; refused at that line. */
static void refused(const char *from, const char *to, unsigned want)
{
    char other[PROOF_MAX + 256];
    const char *at = strstr(text, from);
    struct proof p;
    unsigned line;

    assert_non_null(at);
    int n = snprintf(other, sizeof other, "%.*s%s%s", (int)(at - text), text,
                     to, at + strlen(from));
    int r = proof_parse(other, (size_t)n, &p, &line);
    if (r != SP_EINVAL || line != want)
        fail_msg("%s for %s: wanted line %u, have %d, line %u", to, from, want,
                 r, line);
}

static void other_spellings_are_refused_by_line(void **state)
{
    (void)state;
    folder_fill_to(&folder, 2);
    write_proof(1);
    refused("@v1", "@v2", 1);
    refused("c2sp.org/tlog-proof@v1\n", "", 1);
    refused("@v1\n", "@v1\r\n", 1);
    refused("index 1", "index 01", 2);
    refused("index 1", "index +1", 2);
    refused("index 1", "index 2", 2); /* not in a tree of two */
    refused("index 1", "index 9223372036854775808", 2);
    refused("index 1", "index", 2);
    refused("index 1", "Index 1", 2);
    refused("index 1", "extra !\nindex 1", 2);
    refused("index 1", "extra Zg==\nextra Zg==\nindex 1", 3);
    refused("index 1", "index 1\nextra Zg==", 3);
    refused("AM=", "AN=", 3);
    refused("AM=", "AM", 3);
    refused("AM=", "AM= ", 3);
    refused("AM=\n\n", "AM=\n\n\n", 5); /* the note begins with nothing */
    refused("AM=\n\n", "AM=\n", 4);
}

static void the_entry_goes_with_the_proof(void **state)
{
    struct ledger_view *v;
    struct proof p;
    unsigned line;

    (void)state;
    folder_fill_to(&folder, 300);
    assert_int_equal(
        ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
    assert_int_equal(proof_write(v, 299, true, text, sizeof text, &length), 0);
    for (size_t size = 0; size < length; size++) {
        size_t n;
        char *small = malloc(size + 1);

        assert_int_equal(proof_write(v, 299, true, small, size, &n),
                         SP_ETOOBIG);
        free(small);
    }
    ledger_view_free(v);
    assert_int_equal(proof_parse(text, length, &p, &line), 0);
    assert_int_equal(p.extra_length, 4);
    assert_memory_equal(p.extra, "Mjk5", 4);
    assert_int_equal(check(text, length, "299"), 0);
}

static void an_extra_line_says_nothing_that_is_proven(void **state)
{
    char other[PROOF_MAX + 64];
    struct proof p;
    unsigned line;

    (void)state;
    folder_fill_to(&folder, 5);
    write_proof(3);
    int n =
        snprintf(other, sizeof other, "%.23sextra aGk=\n%s", text, text + 23);
    assert_int_equal(proof_parse(other, (size_t)n, &p, &line), 0);
    assert_int_equal(p.extra_length, 4);
    assert_memory_equal(p.extra, "aGk=", 4);
    assert_int_equal(check(other, (size_t)n, "3"), 0);
}

static void too_many_hashes_are_refused(void **state)
{
    char other[8192], hash[] = "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n";
    struct proof p;
    unsigned line;

    (void)state;
    int n = snprintf(other, sizeof other, "c2sp.org/tlog-proof@v1\nindex 0\n");
    for (int i = 0; i < 65; i++)
        n += snprintf(other + n, sizeof other - (size_t)n, "%s", hash);
    n += snprintf(other + n, sizeof other - (size_t)n, "\n");
    assert_int_equal(proof_parse(other, (size_t)n, &p, &line), SP_EINVAL);
    assert_int_equal(line, 67);
}

static void another_key_or_another_origin_proves_nothing(void **state)
{
    static const uint8_t seed[32] = {0x44};
    struct note_signer other;
    struct proof p;
    unsigned line;

    (void)state;
    folder_fill_to(&folder, 5);
    write_proof(3);
    assert_int_equal(proof_parse(text, length, &p, &line), 0);
    assert_int_equal(note_signer_from_seed("log.example/audit", seed, &other),
                     0);
    assert_int_equal(proof_check(&p, &other.verifier, 1, "3", 1),
                     SP_ESIGNATURE);
    assert_int_equal(proof_check(&p, NULL, 0, "3", 1), SP_ESIGNATURE);
    /* A key that signs a checkpoint of a log that is not its own. */
    char note[NOTE_MAX], whole[PROOF_MAX];
    size_t n;
    assert_int_equal(note_signer_from_seed("evil.example/x", seed, &other), 0);
    assert_int_equal(note_sign(&other,
                               "log.example/audit\n1\n"
                               "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n",
                               note, sizeof note, &n),
                     0);
    int size = snprintf(whole, sizeof whole,
                        "c2sp.org/tlog-proof@v1\nindex 0\n\n%s", note);
    assert_int_equal(proof_parse(whole, (size_t)size, &p, &line), 0);
    assert_int_equal(proof_check(&p, &other.verifier, 1, "0", 1),
                     SP_ESIGNATURE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_entry_has_a_proof_and_no_other_entry_has_it),
        TEST(what_is_written_is_what_others_read),
        TEST(any_flipped_bit_is_found),
        TEST(other_spellings_are_refused_by_line),
        TEST(the_entry_goes_with_the_proof),
        TEST(an_extra_line_says_nothing_that_is_proven),
        TEST(too_many_hashes_are_refused),
        TEST(another_key_or_another_origin_proves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
