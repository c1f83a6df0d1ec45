/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C2SP tlog-policy: what is refused, with the line where; and which
 * checkpoints a policy believes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/cosignature.h"
#include "ledger/witness_policy.h"

#define BODY                                                                   \
    "log.example/audit\n257\nHtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ=\n"
#define LOG                                                                    \
    "log.example/audit+bea9631f+AYRhoG98PAzxERrXDahxupsA/7YBBz57VwXfq8+tBDzV"
#define W1                                                                     \
    "witness.example/w1+8da96255+BKibOmQOXiAtKp7ed/O01VFGKEoeMCzcBGPnHdCfD+Yj"

/* The vkey of a witness or log made from a name and a number; static text. */
static const char *vkey(const char *name, uint8_t number, bool log)
{
    static char texts[256][NOTE_KEY_TEXT_MAX];
    static unsigned next;
    const uint8_t seed[32] = {number, 9};
    struct note_signer s;
    char *text = texts[next++ % 256];

    assert_int_equal(log ? note_signer_from_seed(name, seed, &s)
                         : note_witness_from_seed(name, seed, &s),
                     0);
    assert_int_equal(note_verifier_format(&s.verifier, text), 0);
    return text;
}

struct read {
    struct witness_policy *p;
    char *problems;
    size_t length;
    int error;
};

static struct read policy_read(const char *text, size_t length)
{
    struct read r = {NULL, NULL, 0, 0};
    struct report report = {.out = open_memstream(&r.problems, &r.length)};

    r.error = witness_policy_parse(text, length, "p", &report, &r.p);
    fclose(report.out);
    return r;
}

static void read_free(struct read *r)
{
    witness_policy_free(r->p);
    free(r->problems);
}

/* --- refused --- */

/* `@1` … `@9` in a text stand for witnesses' keys, `@a` for a log's. */
static void expand(const char *text, char *out, size_t size)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (*text == '@' && text[1] >= '1' && text[1] <= '9')
            n += (size_t)snprintf(out + n, size - n, "%s",
                                  vkey("w", (uint8_t) * ++text, false));
        else if (*text == '@' && text[1] >= 'a' && text[1] <= 'c')
            n += (size_t)snprintf(out + n, size - n, "%s",
                                  vkey("l", (uint8_t) * ++text, true));
        else
            out[n++] = *text;
    }
    out[n] = '\0';
}

static const struct {
    const char *text, *where, *why;
} refused[] = {
    {"", "p:1:1:", "no quorum"},
    {"# nothing\n", "p:2:1:", "no quorum"},
    {"log @a\n", "p:2:1:", "no quorum"},
    {"quorum none\nquorum none\n", "p:2:1:", "a second quorum"},
    {"quorum none", "p:1:12:", "does not end"},
    {"quorum\n", "p:1:1:", "1 words"},
    {"quorum a b\n", "p:1:1:", "3 words"},
    {"quorum a\n", "p:1:8:", "\"a\" is not defined"},
    {"quorum a\nwitness a @1\n", "p:1:8:", "\"a\" is not defined"},
    {"quorum none # why\n", "p:1:1:", "4 words"},
    {"Quorum none\n", "p:1:1:", "expected log, witness, group or quorum"},
    {"logs @a\nquorum none\n", "p:1:1:", "\"logs\""},
    {"quorum none\r\n", "p:1:12:", "the byte 0x0d"},
    {"quorum\vnone\n", "p:1:7:", "the byte 0x0b"},
    {"# \x7f\nquorum none\n", "p:1:3:", "the byte 0x7f"},
    {"log\nquorum none\n", "p:1:1:", "1 words"},
    {"log @a u v\nquorum none\n", "p:1:1:", "4 words"},
    {"log junk\nquorum none\n", "p:1:5:", "not a key"},
    {"log @1\nquorum none\n", "p:1:5:", "type 0x04: expected 0x01"},
    {"log @a\nlog @a\nquorum none\n", "p:2:5:", "the same public key"},
    {"witness a\nquorum none\n", "p:1:1:", "2 words"},
    {"witness a @1 u v\nquorum none\n", "p:1:1:", "5 words"},
    {"witness a @a\nquorum none\n", "p:1:11:", "type 0x01: expected 0x04"},
    {"witness a @1x\nquorum none\n", "p:1:11:", "not a key"},
    {"witness none @1\nquorum none\n", "p:1:9:", "\"none\" as a name"},
    {"witness a @1\nwitness a @2\nquorum a\n", "p:2:9:", "something else"},
    {"witness a @1\nwitness b @1\nquorum a\n",
     "p:2:11:", "the same public key"},
    {"group g any\nquorum none\n", "p:1:1:", "3 words"},
    {"group g any a\nquorum none\n", "p:1:13:", "\"a\" is not defined"},
    {"group g any g\nquorum none\n", "p:1:13:", "\"g\" is not defined"},
    {"witness a @1\ngroup none any a\nquorum a\n", "p:2:7:", "\"none\""},
    {"witness a @1\ngroup a any a\nquorum a\n", "p:2:7:", "something else"},
    {"witness a @1\ngroup g any none\nquorum a\n", "p:2:13:", "not defined"},
    {"witness a @1\ngroup g 0 a\nquorum g\n", "p:2:9:", "from 1 to 1"},
    {"witness a @1\ngroup g 2 a\nquorum g\n", "p:2:9:", "from 1 to 1"},
    {"witness a @1\ngroup g 01 a\nquorum g\n", "p:2:9:", "from 1 to 1"},
    {"witness a @1\ngroup g +1 a\nquorum g\n", "p:2:9:", "from 1 to 1"},
    {"witness a @1\ngroup g most a\nquorum g\n", "p:2:9:", "expected any"},
    {"witness a @1\ngroup g 4294967297 a\nquorum g\n", "p:2:9:", "from 1"},
    {"witness a @1\ngroup g any a a\nquorum g\n",
     "p:2:15:", "a member already"},
    {"witness a @1\ngroup g any a\ngroup h any a\nquorum h\n",
     "p:3:13:", "a member already"},
    {"witness a @1\ngroup g any a\ngroup h any g g\nquorum h\n",
     "p:3:15:", "a member already"},
    /* names are bytes: a Kelvin sign is no K */
    {"witness K @1\nquorum \xe2\x84\xaa\n", "p:2:8:", "not defined"},
};

static void wrong_policies_are_refused_by_line(void **state)
{
    char text[4096];

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        expand(refused[i].text, text, sizeof text);
        struct read r = policy_read(text, strlen(text));
        if (r.error != SP_EINVAL || r.p != NULL ||
            strncmp(r.problems, refused[i].where, strlen(refused[i].where)) !=
                0 ||
            strstr(r.problems, refused[i].why) == NULL)
            fail_msg("%s: wanted %s %s, have %d %s", refused[i].text,
                     refused[i].where, refused[i].why, r.error, r.problems);
        read_free(&r);
    }
}

static void all_that_is_wrong_is_told(void **state)
{
    struct read r;

    (void)state;
    static const char text[] = "log x\nwitness a b\nwho\nquorum c\n";
    r = policy_read(text, strlen(text));
    assert_int_equal(r.error, SP_EINVAL);
    for (unsigned line = 1; line <= 4; line++) {
        char want[8];
        snprintf(want, sizeof want, "p:%u:", line);
        assert_non_null(strstr(r.problems, want));
    }
    read_free(&r);
}

static void nul_bytes_and_long_files_are_refused(void **state)
{
    static const char nul[] = "quorum none\n#\0\n";
    char *much = calloc(1, WITNESS_POLICY_BYTES + 20);
    struct read r = policy_read(nul, sizeof nul - 1);

    (void)state;
    assert_int_equal(r.error, SP_EINVAL);
    read_free(&r);
    strcpy(much, "quorum none\n");
    memset(much + 12, '\n', WITNESS_POLICY_BYTES);
    r = policy_read(much, WITNESS_POLICY_BYTES + 1);
    assert_int_equal(r.error, SP_EINVAL);
    read_free(&r);
    r = policy_read(much, WITNESS_POLICY_BYTES);
    assert_int_equal(r.error, 0);
    read_free(&r);
    free(much);
}

/* 64 of each are taken, one more is not. */
static void many_are_taken_too_many_are_not(void **state)
{
    char *text = malloc(200000);

    (void)state;
    for (unsigned count = WITNESS_POLICY_ITEMS;
         count <= WITNESS_POLICY_ITEMS + 1; count++) {
        size_t n = 0;
        for (unsigned i = 0; i < count; i++)
            n += (size_t)sprintf(text + n,
                                 "log %s https://l%u/\nwitness w%u %s\n"
                                 "group g%u all w%u\n",
                                 vkey("l", (uint8_t)i, true), i, i,
                                 vkey("w", (uint8_t)i, false), i, i);
        n += (size_t)sprintf(text + n, "quorum g0\n");
        struct read r = policy_read(text, n);
        assert_int_equal(r.error,
                         count == WITNESS_POLICY_ITEMS ? 0 : SP_EINVAL);
        if (r.error != 0)
            assert_non_null(strstr(r.problems, "too many logs"));
        else
            assert_int_equal(witness_policy_logs(r.p), count);
        read_free(&r);
    }
    free(text);
}

/* --- judged --- */

struct note {
    char text[NOTE_MAX];
    size_t length;
};

/* BODY, signed by the log (seed 0x33 under its vector's name) and cosigned by
 * the witnesses '1' … '9' in `who`. */
static void note_make(struct note *n, const char *who)
{
    const uint8_t seed[32] = {0x33};
    struct note_signer log, w;

    assert_int_equal(note_signer_from_seed("log.example/audit", seed, &log), 0);
    assert_int_equal(note_sign(&log, BODY, n->text, sizeof n->text, &n->length),
                     0);
    for (; *who != '\0'; who++) {
        const uint8_t of[32] = {(uint8_t)*who, 9};
        char line[COSIGNATURE_LINE_MAX];
        size_t length;
        assert_int_equal(note_witness_from_seed("w", of, &w), 0);
        assert_int_equal(cosignature_make(&w, BODY, strlen(BODY),
                                          (uint64_t)*who, line, &length),
                         0);
        memcpy(n->text + n->length, line, length);
        n->length += length;
    }
}

#define TWO_LEVELS                                                             \
    "log " LOG " https://log.example/\n\n"                                     \
    "\t witness X1 @1\nwitness X2 @2 https://w/\nwitness X3 @3\n"              \
    "group X 2 X1 X2 X3\n# the others\n"                                       \
    "witness Y1 @4\nwitness Y2 @5\n  # more\ngroup Y any Y1 Y2\n"              \
    "group XY all X Y\nquorum XY\n"

static const struct {
    const char *policy, *cosigned;
    bool met;
} quorums[] = {
    {"quorum none\n", "", true},
    {"log " LOG "\nquorum none\n", "", true},
    {"witness a @1\nquorum none\n", "", true},
    {"witness a @1\nquorum a\n", "", false},
    {"witness a @1\nquorum a\n", "1", true},
    {"witness a @1\nquorum a\n", "2", false},
    {"witness a @1\nwitness b @2\ngroup g all a b\nquorum g\n", "1", false},
    {"witness a @1\nwitness b @2\ngroup g all a b\nquorum g\n", "12", true},
    {"witness a @1\nwitness b @2\ngroup g any a b\nquorum g\n", "2", true},
    {"witness a @1\nwitness b @2\ngroup g any a b\nquorum a\n", "2", false},
    {TWO_LEVELS, "", false},
    {TWO_LEVELS, "12", false},
    {TWO_LEVELS, "45", false},
    {TWO_LEVELS, "14", false},
    {TWO_LEVELS, "45123", true},
    {TWO_LEVELS, "235", true},
    {TWO_LEVELS, "136789", false},
};

static void quorums_are_met_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quorums / sizeof *quorums; i++) {
        struct witness_verdict verdict;
        char text[4096];
        struct note n;
        expand(quorums[i].policy, text, sizeof text);
        struct read r = policy_read(text, strlen(text));
        if (r.error != 0)
            fail_msg("%s: %s", quorums[i].policy, r.problems);
        note_make(&n, quorums[i].cosigned);
        assert_int_equal(witness_policy_judge(r.p, n.text, n.length, &verdict),
                         0);
        if (verdict.quorum != quorums[i].met)
            fail_msg("%s with %s", quorums[i].policy, quorums[i].cosigned);
        assert_int_equal(verdict.checkpoint.size, 257);
        read_free(&r);
    }
}

static void who_cosigned_is_named(void **state)
{
    struct witness_verdict verdict;
    char text[4096];
    struct note n;

    (void)state;
    expand(TWO_LEVELS, text, sizeof text);
    struct read r = policy_read(text, strlen(text));
    note_make(&n, "24");
    assert_int_equal(witness_policy_judge(r.p, n.text, n.length, &verdict), 0);
    assert_int_equal(verdict.cosigned, 2);
    assert_int_equal(verdict.log, 0);
    assert_int_equal(witness_policy_witnesses(r.p), 5);
    assert_string_equal(witness_policy_name(r.p, 1), "X2");
    assert_string_equal(witness_policy_name(r.p, 3), "Y1");
    assert_true(verdict.times[0] == UINT64_MAX);
    assert_int_equal(verdict.times[1], '2');
    assert_int_equal(verdict.times[3], '4');
    read_free(&r);
}

static int judged(const char *policy, const struct note *n)
{
    struct witness_verdict verdict;
    char text[4096];

    expand(policy, text, sizeof text);
    struct read r = policy_read(text, strlen(text));
    assert_int_equal(r.error, 0);
    int result = witness_policy_judge(r.p, n->text, n->length, &verdict);
    read_free(&r);
    return result;
}

static void what_nobody_known_signed_is_not_judged(void **state)
{
    struct note n;

    (void)state;
    note_make(&n, "1");
    assert_int_equal(judged("log " LOG "\nlog @b\nquorum none\n", &n), 0);
    /* another log's key only; a key of another name with the same secret */
    assert_int_equal(judged("log @a\nquorum none\n", &n), SP_ESIGNATURE);
    n.text[n.length - 10] ^= 1; /* in the cosignature */
    assert_int_equal(judged("witness a @1\nquorum a\n", &n), SP_ESIGNATURE);
    assert_int_equal(judged("witness a @1\nquorum none\n", &n), SP_ESIGNATURE);
    assert_int_equal(judged("witness a @2\nquorum none\n", &n), 0);
    note_make(&n, "");
    n.text[strlen(BODY) + 60] ^= 1; /* in the log's signature */
    assert_int_equal(judged("log " LOG "\nquorum none\n", &n), SP_ESIGNATURE);
    n.length = 20;
    assert_int_equal(judged("quorum none\n", &n), SP_EINVAL);
}

/* A known log's key under another origin: it speaks for its own log only. */
static void a_log_speaks_for_its_own_origin(void **state)
{
    const uint8_t seed[32] = {0x33};
    struct note_signer log;
    struct note n;

    (void)state;
    assert_int_equal(note_signer_from_seed("log.example/audit", seed, &log), 0);
    assert_int_equal(note_sign(&log,
                               "log.example/other\n257\n"
                               "HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ=\n",
                               n.text, sizeof n.text, &n.length),
                     0);
    assert_int_equal(judged("log " LOG "\nquorum none\n", &n), SP_ESIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_policies_are_refused_by_line),
        cmocka_unit_test(all_that_is_wrong_is_told),
        cmocka_unit_test(nul_bytes_and_long_files_are_refused),
        cmocka_unit_test(many_are_taken_too_many_are_not),
        cmocka_unit_test(quorums_are_met_or_not),
        cmocka_unit_test(who_cosigned_is_named),
        cmocka_unit_test(what_nobody_known_signed_is_not_judged),
        cmocka_unit_test(a_log_speaks_for_its_own_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
