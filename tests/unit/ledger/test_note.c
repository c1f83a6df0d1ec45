/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes, key strings and checkpoint bodies: what others signed verifies,
 * what we sign is what others sign to the byte, and everything that is not
 * exactly a note is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "ledger/note.h"
#include "tests/unit/ledger/hex.h"

#define DASH "\xe2\x80\x94 "

static const char go_text[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
static const char go_vkey[] =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_skey[] = "PRIVATE+KEY+PeterNeumann+c74f20a3+"
                              "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
#define GO_SIG                                                                 \
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng" \
    "otpRZb6KE6RyyBwJnAM="
#define GO_LINE DASH "PeterNeumann " GO_SIG "\n"

#define C2SP_LINE                                                              \
    DASH "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7" \
         "Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"

static struct note_verifier verifier(const char *vkey)
{
    struct note_verifier v;

    assert_int_equal(note_verifier_parse(vkey, strlen(vkey), &v), 0);
    return v;
}

static int open_with(const char *note, const char *vkey, unsigned *verified)
{
    struct note_verifier v = verifier(vkey);
    size_t n = 0;

    return note_open(note, strlen(note), &v, 1, &n, verified);
}

/* --- keys --- */

static const char *good_vkeys[] = {
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "example.org/key+57bfe580+BAFFLINGNESS+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "log.example/audit+bea9631f+AYRhoG98PAzxERrXDahxupsA/7YBBz57VwXfq8+tBDzV",
    "witness.example/w1+8da96255+BKibOmQOXiAtKp7ed/O01VFGKEoeMCzcBGPnHdCfD+Yj",
    ("example.com/log/testdata+33d7b496+"
     "AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"),
};

static void verifier_keys_parse_and_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_vkeys / sizeof *good_vkeys; i++) {
        struct note_verifier v = verifier(good_vkeys[i]);
        char text[NOTE_KEY_TEXT_MAX];
        assert_int_equal(note_verifier_format(&v, text), 0);
        assert_string_equal(text, good_vkeys[i]);
    }
}

static const char *bad_vkeys[] = {
    "",
    "+",
    "a+b+c",
    /* another name, another id, another key: the id no longer fits */
    "sum.golang.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn9",
    /* the type is covered too */
    "sum.golang.org+033de0ae+BM4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "sum.golang.org+033DE0AE+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "sum.golang.org+33de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn",
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8=",
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8\n\n",
    " sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "sum golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
};

static void bad_verifier_keys_are_refused(void **state)
{
    struct note_verifier v;

    (void)state;
    for (size_t i = 0; i < sizeof bad_vkeys / sizeof *bad_vkeys; i++)
        assert_int_not_equal(
            note_verifier_parse(bad_vkeys[i], strlen(bad_vkeys[i]), &v), 0);
}

static void key_names_have_no_spaces(void **state)
{
    static const char *bad[] = {
        "",     "a b",        "a+b",           "a\tb",
        "a\nb", "a\xc2\xa0-", "a\xe2\x80\x83", "\xe3\x80\x80",
        "\xff", "\xc0\xaf",   "\xed\xa0\x80",  "a\x01"};
    static const uint8_t seed[32] = {1};
    struct note_signer s;
    char big[NOTE_NAME_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(note_signer_from_seed(bad[i], seed, &s), SP_EINVAL);
    memset(big, 'a', sizeof big);
    big[sizeof big - 1] = '\0';
    assert_int_equal(note_signer_from_seed(big, seed, &s), SP_EINVAL);
    big[NOTE_NAME_MAX] = '\0';
    assert_int_equal(note_signer_from_seed(big, seed, &s), 0);
    assert_int_equal(note_signer_from_seed("gr\xc3\xbc\xc3\x9f", seed, &s), 0);
}

static void signer_keys_parse_and_format(void **state)
{
    static const char *bad[] = {
        "PRIVATE+KEY+",
        "PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+",
        /* one bit of the seed: the id no longer fits */
        ("PRIVATE+KEY+PeterNeumann+c74f20a3+"
         "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFy"),
    };
    struct note_signer s, other;
    char text[NOTE_KEY_TEXT_MAX];

    (void)state;
    assert_int_equal(note_signer_parse(go_skey, strlen(go_skey), &s), 0);
    assert_int_equal(note_signer_format(&s, text), 0);
    assert_string_equal(text, go_skey);
    assert_int_equal(note_verifier_format(&s.verifier, text), 0);
    assert_string_equal(text, go_vkey);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(note_signer_parse(bad[i], strlen(bad[i]), &other),
                             0);
    note_signer_wipe(&s);
    assert_int_equal(sodium_is_zero((const uint8_t *)&s, sizeof s), 1);
}

static void generated_keys_sign_and_differ(void **state)
{
    struct note_signer a, b;
    char note[NOTE_MAX], text[NOTE_KEY_TEXT_MAX];
    size_t n, body;
    unsigned verified;

    (void)state;
    assert_int_equal(note_signer_generate("log.example/audit", &a), 0);
    assert_int_equal(note_signer_generate("log.example/audit", &b), 0);
    assert_memory_not_equal(a.verifier.key, b.verifier.key, 32);
    assert_int_equal(note_signer_format(&a, text), 0);
    strcat(text, "\n"); /* as a key file has it */
    assert_int_equal(note_signer_parse(text, strlen(text), &b), 0);
    assert_int_equal(note_sign(&b, "hello\n", note, sizeof note, &n), 0);
    assert_int_equal(note_open(note, n, &a.verifier, 1, &body, &verified), 0);
    assert_int_equal(body, 6);
    assert_int_equal(verified, 1);
}

/* --- signatures that others made --- */

static void others_notes_verify(void **state)
{
    char note[NOTE_MAX];
    unsigned verified;

    (void)state;
    snprintf(note, sizeof note, "%s\n%s", "This is an example message.\n",
             C2SP_LINE);
    assert_int_equal(open_with(note, good_vkeys[3], &verified), 0);
    snprintf(note, sizeof note, "%s\n%s", go_text, GO_LINE);
    assert_int_equal(open_with(note, go_vkey, &verified), 0);
    assert_int_equal(open_with(note, good_vkeys[3], &verified), SP_ESIGNATURE);
    assert_int_equal(verified, 0);
}

static void go_signature_is_reproduced(void **state)
{
    struct note_signer s;
    char note[NOTE_MAX], want[NOTE_MAX];
    size_t n;

    (void)state;
    snprintf(want, sizeof want, "%s\n%s", go_text, GO_LINE);
    assert_int_equal(note_signer_parse(go_skey, strlen(go_skey), &s), 0);
    assert_int_equal(note_sign(&s, go_text, note, sizeof note, &n), 0);
    assert_string_equal(note, want);
    assert_int_equal(n, strlen(want));
    assert_int_equal(note_sign(&s, go_text, note, n, &n), SP_ETOOBIG);
    assert_int_equal(note_sign(&s, "no newline", note, sizeof note, &n),
                     SP_EINVAL);
    assert_int_equal(note_sign(&s, "tab\there\n", note, sizeof note, &n),
                     SP_EINVAL);
}

static void assert_signed_checkpoint(const struct note_signer *s, uint64_t size,
                                     const char *root, const char *base64)
{
    struct checkpoint c = {.size = size, .root = hash_from_base64(root)}, back;
    char body[CHECKPOINT_BODY_MAX], note[NOTE_MAX], want[NOTE_MAX];
    size_t n, text;
    unsigned verified;

    strcpy(c.origin, s->verifier.name);
    assert_int_equal(checkpoint_format(&c, body, sizeof body, &n), 0);
    assert_int_equal(note_sign(s, body, note, sizeof note, &n), 0);
    snprintf(want, sizeof want, "%s\n%llu\n%s\n\n" DASH "%s %s\n",
             s->verifier.name, (unsigned long long)size, root, s->verifier.name,
             base64);
    assert_string_equal(note, want);
    assert_int_equal(note_open(note, n, &s->verifier, 1, &text, &verified), 0);
    assert_int_equal(checkpoint_parse(note, text, &back), 0);
    assert_int_equal(back.size, size);
    assert_hash(&back.root, c.root);
    assert_string_equal(back.origin, s->verifier.name);
}

static void checkpoints_are_signed_as_others_do(void **state)
{
    static const char tessera[] =
        "PRIVATE+KEY+example.com/log/testdata+33d7b496+"
        "AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
    static const char sigsum[] =
        "sigsum.org/v1/tree/"
        "e796172b92befd62d9dc67e41c2f5bc9d3100a3023b20b1ca40288dd1c679e69";
    uint8_t seed[32] = {0x11};
    struct note_signer s;

    (void)state;
    assert_int_equal(note_signer_parse(tessera, strlen(tessera), &s), 0);
    assert_signed_checkpoint(
        &s, 15, "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
        "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/"
        "uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=");
    assert_int_equal(note_signer_from_seed(sigsum, seed, &s), 0);
    assert_signed_checkpoint(
        &s, 10, "HA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "gJ2ho0n8F8olcerUF1FFdv235A/5as/"
        "coWrpLrtE7ovMeP5whgwouYExowG/lTznxu6OUGjjt5yJQ6bXtTcf718MqAQ=");
    seed[0] = 0x33;
    assert_int_equal(note_signer_from_seed("log.example/audit", seed, &s), 0);
    assert_signed_checkpoint(
        &s, 0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "vqljH773J4fcc4luilWMLxGT6Bw0KyX1jWe/PfCiu/I/"
        "ueRK3d79xqHbv1j/T8GmElyvAe+mJtcAGcIyVHOgUUThUQQ=");
    assert_signed_checkpoint(
        &s, 257, "HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ=",
        "vqljHyPTjt4kaDcKeLuY2IzMsvGFBc6B4xhOZmfAwWF9yDZxZ1vCJ1zZPRh9JpeWKT1P1t"
        "1Ex/LJHDcqKR/8BF96ZwM=");
    assert_signed_checkpoint(
        &s, 70000, "Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=",
        "vqljH8kg+e26Z4pWHtIAIhInyTIeB6C1z6ON83aONMPa5juOMNmxv8i4F80xWLN72zc4eh"
        "u3SvsE2AVUVbUfxSgCJQ4=");
}

/* --- cosignatures --- */

#define W1_SIG                                                                 \
    "jaliVQAAAABlU/"                                                           \
    "EA2s+LpPEcnjaYt0xrra2fmQTtBXFn58Wp9I2hzX3BYQuECwLGeBzjNkkGb"              \
    "m3ZE5Ei4eyQBZ5XN8vUgq5n7Bh+CQ=="
#define BODY_257                                                               \
    "log.example/audit\n257\nHtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ=\n"
#define SIG_257                                                                \
    DASH                                                                       \
        "log.example/audit "                                                   \
        "vqljHyPTjt4kaDcKeLuY2IzMsvGFBc6B4xhOZmfAwWF9yDZxZ1vCJ1zZPRh9JpeWKT1P" \
        "1t1Ex/LJHDcqKR/8BF96ZwM=\n"

static void cosignature_verifies(void **state)
{
    static const char note[] =
        BODY_257 "\n" SIG_257 DASH "witness.example/w1 " W1_SIG "\n";
    char bad[sizeof note];
    struct note_verifier known[2] = {verifier(good_vkeys[4]),
                                     verifier(good_vkeys[5])};
    size_t text;
    unsigned verified;

    (void)state;
    assert_int_equal(
        note_open(note, sizeof note - 1, known, 2, &text, &verified), 0);
    assert_int_equal(verified, 2);
    memcpy(bad, note, sizeof note);
    char *time = strstr(bad, "jaliVQAAAABlU/EA");
    assert_non_null(time);
    time[14] = 'F'; /* another second */
    assert_int_equal(note_open(bad, sizeof bad - 1, known, 2, &text, &verified),
                     SP_ESIGNATURE);
    assert_int_equal(note_open(bad, sizeof bad - 1, known, 1, &text, &verified),
                     0); /* who does not know the witness does not care */
}

static void cosigned_message_is_as_specified(void **state)
{
    char message[200];
    int n = snprintf(message, sizeof message,
                     "cosignature/v1\ntime 1700000000\n%s", BODY_257);

    (void)state;
    assert_int_equal(n, 98);
    assert_sha256(
        message, (size_t)n,
        "b0c9a91cca4e090dead839085a26c8899582d1e8a4cff960a5acc7f639180df1");
}

/* --- the table of what Go's note package accepts --- */

#define UNKNOWN_LINE                                                           \
    DASH "EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/"              \
         "5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
#define SAME_NAME_LINE                                                         \
    DASH "PeterNeumann rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/"           \
         "5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
#define BAD_LINE                                                               \
    DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1F" \
         "FYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAA=\n"
#define T                                                                      \
    "If you think cryptography is the answer to your problem,\n"               \
    "then you don't know what your problem is.\n"

static const struct {
    const char *what, *note;
    int result;
} notes[] = {
    {"good", T "\n" GO_LINE, 0},
    {"no trailing newline", T "\n" DASH "PeterNeumann " GO_SIG, SP_EINVAL},
    {"CRLF", "a\r\n\n" GO_LINE, SP_EINVAL},
    {"CRLF everywhere", "a\r\n\r\n" DASH "PeterNeumann " GO_SIG "\r\n",
     SP_EINVAL},
    {"tab in the text", "a\tb\n\n" GO_LINE, SP_EINVAL},
    {"unknown signer besides", T "\n" UNKNOWN_LINE GO_LINE, 0},
    {"same name, unknown id", T "\n" SAME_NAME_LINE GO_LINE, 0},
    {"good line twice", T "\n" GO_LINE GO_LINE, 0},
    {"known key, bad signature", T "\n" BAD_LINE, SP_ESIGNATURE},
    {"a bad one before the good one", T "\n" BAD_LINE GO_LINE, SP_ESIGNATURE},
    {"repeated line is not looked at", T "\n" GO_LINE BAD_LINE, 0},
    {"only an unknown signer", T "\n" UNKNOWN_LINE, SP_ESIGNATURE},
    {"hyphen for the dash", T "\n- PeterNeumann " GO_SIG "\n", SP_EINVAL},
    {"two spaces", T "\n" DASH "PeterNeumann  " GO_SIG "\n", SP_EINVAL},
    {"no padding",
     T "\n" DASH
       "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2"
       "pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM\n",
     SP_EINVAL},
    {"stray bits in base64",
     T "\n" DASH
       "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2"
       "pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAN=\n",
     SP_EINVAL},
    {"blob of 4 bytes", T "\n" DASH "PeterNeumann x08gow==\n", SP_EINVAL},
    {"known key, short signature", T "\n" DASH "PeterNeumann x08go/ZJ\n",
     SP_ESIGNATURE},
    {"text without its newline", "text" GO_LINE, SP_EINVAL},
    {"no signatures", T "\n", SP_EINVAL},
    {"no empty line", T GO_LINE, SP_EINVAL},
    {"empty", "", SP_EINVAL},
    {"another text", "x" T "\n" GO_LINE, SP_ESIGNATURE},
    {"a line that is no signature", T "\n" GO_LINE "junk\n", SP_EINVAL},
    {"name with a plus", T "\n" GO_LINE DASH "a+b " GO_SIG "\n", SP_EINVAL},
    {"bad UTF-8", "a\xff\n\n" GO_LINE, SP_EINVAL},
    {"empty line behind the signatures", T "\n" GO_LINE "\n", SP_EINVAL},
};

static void notes_are_accepted_and_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        unsigned verified;
        int r = open_with(notes[i].note, go_vkey, &verified);
        if (r != notes[i].result)
            fail_msg("%s: wanted %d, have %d", notes[i].what, notes[i].result,
                     r);
        assert_int_equal(verified, r == 0 ? 1 : 0);
    }
}

static void empty_lines_inside_the_text_are_text(void **state)
{
    struct note_signer s;
    char note[NOTE_MAX];
    size_t n, text;
    unsigned verified;

    (void)state;
    assert_int_equal(note_signer_parse(go_skey, strlen(go_skey), &s), 0);
    assert_int_equal(note_sign(&s, "a\n\nb\n", note, sizeof note, &n), 0);
    assert_int_equal(note_open(note, n, &s.verifier, 1, &text, &verified), 0);
    assert_int_equal(text, 5);
}

static void sixteen_signature_lines_are_read(void **state)
{
    char note[65536];
    unsigned verified;

    (void)state;
    strcpy(note, T "\n");
    for (unsigned i = 0; i < 16; i++)
        strcat(note, UNKNOWN_LINE);
    strcat(note, GO_LINE);
    assert_int_equal(open_with(note, go_vkey, &verified), 0);
    for (unsigned i = 0; i < 100; i++)
        strcat(note, UNKNOWN_LINE);
    assert_int_not_equal(open_with(note, go_vkey, &verified), 0);
}

/* One flipped bit anywhere, and the note is nobody's. */
static void flipped_bits_are_found(void **state)
{
    static const char good[] = BODY_257 "\n" SIG_257;
    char note[sizeof good];
    struct note_verifier v = verifier(good_vkeys[4]);

    (void)state;
    for (size_t i = 0; i < (sizeof good - 1) * 8; i++) {
        size_t text;
        unsigned verified;
        memcpy(note, good, sizeof good);
        note[i / 8] = (char)(note[i / 8] ^ (1 << (i % 8)));
        assert_int_not_equal(
            note_open(note, sizeof good - 1, &v, 1, &text, &verified), 0);
    }
}

/* --- checkpoint bodies --- */

#define R "HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ="

static const struct {
    const char *what, *body;
    bool good;
} bodies[] = {
    {"good", "a\n1\n" R "\n", true},
    {"empty tree", "a\n0\n" R "\n", true},
    {"largest", "a\n9223372036854775807\n" R "\n", true},
    {"too large", "a\n9223372036854775808\n" R "\n", false},
    {"much too large", "a\n99999999999999999999\n" R "\n", false},
    {"extension line", "a\n1\n" R "\nmore\n", false},
    {"extra empty line", "a\n1\n" R "\n\n", false},
    {"leading zero", "a\n01\n" R "\n", false},
    {"double zero", "a\n00\n" R "\n", false},
    {"sign", "a\n+1\n" R "\n", false},
    {"minus", "a\n-1\n" R "\n", false},
    {"space", "a\n 1\n" R "\n", false},
    {"hex", "a\n0x1\n" R "\n", false},
    {"no size", "a\n\n" R "\n", false},
    {"no origin", "\n1\n" R "\n", false},
    {"no last newline", "a\n1\n" R, false},
    {"short root", "a\n1\nHtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEg==\n",
     false},
    {"unpadded root", "a\n1\nHtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ\n",
     false},
    {"stray bits", "a\n1\nHtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsR=\n",
     false},
    {"two lines", "a\n1\n", false},
    {"one line", "a\n", false},
    {"nothing", "", false},
};

static void checkpoint_bodies_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct checkpoint c;
        int r = checkpoint_parse(bodies[i].body, strlen(bodies[i].body), &c);
        if ((r == 0) != bodies[i].good)
            fail_msg("%s: %d", bodies[i].what, r);
    }
}

static void checkpoint_format_refuses_what_it_would_not_read(void **state)
{
    struct checkpoint c = {.origin = "", .size = 1};
    char body[CHECKPOINT_BODY_MAX];
    size_t n;

    (void)state;
    assert_int_equal(checkpoint_format(&c, body, sizeof body, &n), SP_EINVAL);
    strcpy(c.origin, "two\nlines");
    assert_int_equal(checkpoint_format(&c, body, sizeof body, &n), SP_EINVAL);
    strcpy(c.origin, "a");
    c.size = UINT64_C(1) << 63;
    assert_int_equal(checkpoint_format(&c, body, sizeof body, &n), SP_EINVAL);
    c.size = 1;
    assert_int_equal(checkpoint_format(&c, body, 20, &n), SP_ETOOBIG);
    assert_int_equal(checkpoint_format(&c, body, sizeof body, &n), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifier_keys_parse_and_format),
        cmocka_unit_test(bad_verifier_keys_are_refused),
        cmocka_unit_test(key_names_have_no_spaces),
        cmocka_unit_test(signer_keys_parse_and_format),
        cmocka_unit_test(generated_keys_sign_and_differ),
        cmocka_unit_test(others_notes_verify),
        cmocka_unit_test(go_signature_is_reproduced),
        cmocka_unit_test(checkpoints_are_signed_as_others_do),
        cmocka_unit_test(cosignature_verifies),
        cmocka_unit_test(cosigned_message_is_as_specified),
        cmocka_unit_test(notes_are_accepted_and_refused),
        cmocka_unit_test(empty_lines_inside_the_text_are_text),
        cmocka_unit_test(sixteen_signature_lines_are_read),
        cmocka_unit_test(flipped_bits_are_found),
        cmocka_unit_test(checkpoint_bodies_are_read_strictly),
        cmocka_unit_test(checkpoint_format_refuses_what_it_would_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
