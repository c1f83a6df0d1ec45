/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P7: sealed transcripts. What was said comes out as it went in, for whoever
 * has the keys; everything else that can be done to a file is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/transcript.h"
#include "lib/error.h"

#define ORIGIN "gate.sallyport/ledger"
#define MAGIC  23
#define CHUNK  (4 + 1 + 17) /* one without data */

static uint8_t publics[3][32], secrets[3][32];

static int keys_make(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    for (size_t i = 0; i < 3; i++)
        crypto_box_keypair(publics[i], secrets[i]);
    return 0;
}

/* ---- files ---- */

struct file {
    uint8_t data[1 << 18];
    size_t length;
    size_t chunks[64]; /* where each begins; the end behind them */
    size_t count;
    uint8_t sha256[32];
    struct transcript_writer w;
};

static void begin(struct file *f, uint64_t n,
                  const struct transcript_recipient *to, size_t count)
{
    f->count = 0;
    assert_int_equal(
        transcript_begin(&f->w, ORIGIN, n, to, count, f->data, &f->length), 0);
    f->chunks[0] = f->length;
}

static void chunk(struct file *f, enum transcript_part part, const void *data,
                  size_t length)
{
    f->length +=
        transcript_chunk(&f->w, part, data, length, f->data + f->length);
    f->chunks[++f->count] = f->length;
}

static void end(struct file *f)
{
    f->length += transcript_end(&f->w, f->data + f->length, f->sha256);
    f->chunks[++f->count] = f->length;
}

static const uint8_t salt[16] = "sixteen bytes of";

/* salt, "question", "an ", "answer", "swer" taken back, " answer", end */
static void usual(struct file *f, uint64_t n,
                  const struct transcript_recipient *to, size_t count)
{
    static const uint8_t four[8] = {0, 0, 0, 0, 0, 0, 0, 4};

    begin(f, n, to, count);
    chunk(f, TRANSCRIPT_SALTED, salt, sizeof(salt));
    chunk(f, TRANSCRIPT_ASKED, "ques", 4);
    chunk(f, TRANSCRIPT_ASKED, "tion", 4);
    chunk(f, TRANSCRIPT_ANSWERED, "an ", 3);
    chunk(f, TRANSCRIPT_ANSWERED, "answer", 6);
    chunk(f, TRANSCRIPT_UNSENT, four, sizeof(four));
    chunk(f, TRANSCRIPT_ANSWERED, "swer!", 5);
    end(f);
}

static struct transcript_recipient one(size_t key)
{
    struct transcript_recipient r = {.count = 1};

    memcpy(r.keys[0], publics[key], 32);
    return r;
}

/* Opens with the secrets of a bit set. */
static int open_with(const struct file *f, unsigned keys, struct transcript *t,
                     uint64_t *at)
{
    struct transcript_keys have = {0};
    struct transcript_head h;
    const char *problem = NULL;
    int r;

    memset(t, 0, sizeof(*t));
    *at = UINT64_MAX;
    for (size_t i = 0; i < 3; i++)
        if (keys >> i & 1)
            memcpy(have.secrets[have.count++], secrets[i], 32);
    if ((r = transcript_head_read(&h, f->data, f->length, &problem)) == 0)
        r = transcript_open(t, &h, f->data, f->length, &have, at, &problem);
    assert_int_equal(r == 0, problem == NULL);
    return r;
}

static void is_usual(const struct transcript *t)
{
    assert_memory_equal(t->salt, salt, sizeof(salt));
    assert_int_equal(t->asked_length, 8);
    assert_memory_equal(t->asked, "question", 8);
    assert_int_equal(t->answered_length, 10);
    assert_memory_equal(t->answered, "an answer!", 10);
    assert_true(t->complete);
}

/* ---- tests ---- */

static void comes_out_as_it_went_in(void **state)
{
    static struct file f;
    struct transcript_recipient to = one(0);
    uint8_t sha256[32];
    struct transcript t;
    uint64_t at;

    (void)state;
    usual(&f, 4711, &to, 1);
    assert_int_equal(open_with(&f, 1, &t, &at), 0);
    is_usual(&t);
    transcript_release(&t);
    crypto_hash_sha256(sha256, f.data, f.length);
    assert_memory_equal(sha256, f.sha256, 32);
    assert_true(sodium_is_zero((const uint8_t *)&f.w, sizeof(f.w)));
}

/* docs/transcripts.md has these places. */
static void the_head_is_as_documented(void **state)
{
    static struct file f;
    struct transcript_recipient to = one(0);
    struct transcript_head h;
    const char *problem;
    uint8_t hash[32];

    (void)state;
    usual(&f, 0x0102030405060708, &to, 1);
    assert_memory_equal(f.data, "sallyport transcript 1\n", MAGIC);
    assert_memory_equal(f.data + MAGIC, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(f.data[MAGIC + 8], strlen(ORIGIN));
    assert_memory_equal(f.data + MAGIC + 9, ORIGIN, strlen(ORIGIN));
    assert_int_equal(f.data[MAGIC + 9 + strlen(ORIGIN)], 1);
    assert_int_equal(f.data[MAGIC + 10 + strlen(ORIGIN)], 1);
    crypto_hash_sha256(hash, publics[0], 32);
    assert_memory_equal(f.data + MAGIC + 11 + strlen(ORIGIN), hash, 32);
    assert_int_equal(f.chunks[0], MAGIC + 11 + strlen(ORIGIN) + 32 + 80 + 24);
    assert_memory_equal(f.data + f.chunks[0], "\0\0\0\42", 4);
    assert_int_equal(f.chunks[1] - f.chunks[0], CHUNK + 16);
    assert_int_equal(transcript_head_read(&h, f.data, f.length, &problem), 0);
    assert_int_equal(h.n, 0x0102030405060708);
    assert_string_equal(h.origin, ORIGIN);
    assert_int_equal(h.length, f.chunks[0]);
}

static void names_sort_like_entries(void **state)
{
    char name[TRANSCRIPT_NAME];

    (void)state;
    transcript_name(4711, name);
    assert_string_equal(name, "00000000000000004711");
    transcript_name(UINT64_MAX, name);
    assert_string_equal(name, "18446744073709551615");
}

/* Any of the recipients, and of one with two keys only both. */
static void only_its_keys_open_it(void **state)
{
    static const struct {
        unsigned keys;
        bool alone, shared; /* sealed to 0; to 0, or 1 with 2 */
        bool together;      /* to 1 with 2 */
    } cases[] = {
        {0, false, false, false}, {1, true, true, false},
        {2, false, false, false}, {4, false, false, false},
        {6, false, true, true},   {3, true, true, false},
    };
    struct transcript_recipient to[2] = {one(0), one(1)};
    static struct file f;
    struct transcript t;
    uint64_t at;

    (void)state;
    to[1].count = 2;
    memcpy(to[1].keys[1], publics[2], 32);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        usual(&f, 1, to, 1);
        assert_int_equal(open_with(&f, cases[i].keys, &t, &at),
                         cases[i].alone ? 0 : SP_EPERM);
        transcript_release(&t);
        usual(&f, 1, to, 2);
        assert_int_equal(open_with(&f, cases[i].keys, &t, &at),
                         cases[i].shared ? 0 : SP_EPERM);
        transcript_release(&t);
        usual(&f, 1, to + 1, 1);
        assert_int_equal(open_with(&f, cases[i].keys, &t, &at),
                         cases[i].together ? 0 : SP_EPERM);
        if (cases[i].together)
            is_usual(&t);
        transcript_release(&t);
    }
}

/* Two who do not show each other their keys. */
static void a_share_is_half_of_it(void **state)
{
    struct transcript_recipient to[2] = {one(0), one(1)};
    struct transcript_keys first = {.count = 1}, second = {.count = 1};
    uint8_t share[TRANSCRIPT_SHARE], other[TRANSCRIPT_SHARE];
    static struct file f, g;
    struct transcript_head h;
    struct transcript t;
    const char *problem;
    uint64_t at;

    (void)state;
    to[1].count = 2;
    memcpy(to[1].keys[1], publics[2], 32);
    memcpy(first.secrets[0], secrets[1], 32);
    memcpy(second.secrets[0], secrets[2], 32);
    usual(&f, 7, to, 2);
    usual(&g, 8, to, 2);
    assert_int_equal(transcript_head_read(&h, g.data, g.length, &problem), 0);
    assert_int_equal(transcript_share(&h, secrets[2], other), 0);
    assert_int_equal(transcript_head_read(&h, f.data, f.length, &problem), 0);
    assert_int_equal(transcript_share(&h, secrets[0], share), SP_EPERM);
    assert_int_equal(transcript_share(&h, secrets[1], share), SP_EPERM);
    assert_int_equal(transcript_share(&h, secrets[2], share), 0);

    first.share = share;
    assert_int_equal(
        transcript_open(&t, &h, f.data, f.length, &first, &at, &problem), 0);
    assert_int_equal(t.keys, 2);
    is_usual(&t);
    transcript_release(&t);
    second.share = share; /* nothing to who made it */
    assert_int_equal(
        transcript_open(&t, &h, f.data, f.length, &second, &at, &problem),
        SP_EPERM);
    transcript_release(&t);
    first.share = other; /* of another file: another stream's key */
    assert_int_equal(
        transcript_open(&t, &h, f.data, f.length, &first, &at, &problem),
        SP_ECORRUPT);
    assert_int_equal(at, 0);
    transcript_release(&t);
    for (size_t i = 0; i < sizeof(share); i++) {
        share[i] ^= 1;
        first.share = share;
        assert_int_equal(
            transcript_open(&t, &h, f.data, f.length, &first, &at, &problem),
            SP_EPERM);
        transcript_release(&t);
        share[i] ^= 1;
    }
    usual(&f, 7, to, 1); /* to one alone: there is nothing to share */
    assert_int_equal(transcript_head_read(&h, f.data, f.length, &problem), 0);
    assert_int_equal(transcript_share(&h, secrets[0], share), SP_EPERM);
}

static void what_cannot_be_sealed_is_refused(void **state)
{
    struct transcript_recipient to[5] = {one(0), one(0), one(0), one(0),
                                         one(0)};
    static uint8_t out[TRANSCRIPT_HEAD_MAX];
    struct transcript_writer w;
    char longer[257] = "";
    size_t length;

    (void)state;
    memset(longer, 'a', 256);
    assert_int_equal(transcript_begin(&w, ORIGIN, 1, to, 0, out, &length),
                     SP_EINVAL);
    assert_int_equal(transcript_begin(&w, ORIGIN, 1, to, 5, out, &length),
                     SP_EINVAL);
    assert_int_equal(transcript_begin(&w, "", 1, to, 1, out, &length),
                     SP_EINVAL);
    assert_int_equal(transcript_begin(&w, longer, 1, to, 1, out, &length),
                     SP_EINVAL);
    to[0].count = 0;
    assert_int_equal(transcript_begin(&w, ORIGIN, 1, to, 1, out, &length),
                     SP_EINVAL);
    to[0].count = 3;
    assert_int_equal(transcript_begin(&w, ORIGIN, 1, to, 1, out, &length),
                     SP_EINVAL);
    to[0] = one(0);
    memset(to[0].keys[0], 0, 32); /* everybody has the secret of this one */
    assert_int_equal(transcript_begin(&w, ORIGIN, 1, to, 1, out, &length),
                     SP_ECRYPTO);
    longer[255] = '\0';
    for (size_t i = 0; i < 4; i++) {
        to[i] = one(0);
        memcpy(to[i].keys[1], publics[1], 32);
        to[i].count = 2;
    }
    assert_int_equal(transcript_begin(&w, longer, 1, to, 4, out, &length), 0);
    assert_in_range(length, 1, sizeof(out));
}

/* Every bit of a file counts. */
static void a_flipped_bit_is_noticed(void **state)
{
    static struct file f;
    struct transcript_recipient to = one(0);
    struct transcript t;
    uint64_t at;

    (void)state;
    usual(&f, 7, &to, 1);
    for (size_t i = 0; i < f.length * 8; i++) {
        int r;

        f.data[i / 8] ^= (uint8_t)(1 << i % 8);
        r = open_with(&f, 1, &t, &at);
        /* A larger length of the last chunk is a file that is cut short. */
        if (r == 0 && t.complete)
            fail_msg("bit %zu of byte %zu", i % 8, i / 8);
        transcript_release(&t);
        f.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

static void a_file_cut_short_is_incomplete(void **state)
{
    static struct file f, whole;
    struct transcript_recipient to = one(0);
    struct transcript t;
    uint64_t at;

    (void)state;
    usual(&whole, 7, &to, 1);
    for (size_t length = 0; length < whole.length; length++) {
        int r;

        f = whole;
        f.length = length;
        r = open_with(&f, 1, &t, &at);
        assert_int_equal(r, length < whole.chunks[0] ? SP_EPROTO : 0);
        assert_false(t.complete);
        if (r == 0) {
            size_t chunks = 0;

            while (whole.chunks[chunks + 1] <= length)
                chunks++;
            assert_int_equal(at, chunks);
        }
        transcript_release(&t);
    }
}

static size_t chunk_size(const struct file *f, size_t i)
{
    return f->chunks[i + 1] - f->chunks[i];
}

static void append(struct file *f, const struct file *from, size_t i)
{
    memcpy(f->data + f->length, from->data + from->chunks[i],
           chunk_size(from, i));
    f->length += chunk_size(from, i);
}

/* Chunks 0 to 7 of a file in other orders; -1: one of another file under the
 * same keys, with the same place and content. */
static void chunks_stay_where_they_are(void **state)
{
    static const struct {
        const char *what;
        int order[10]; /* behind it -2 */
        int chunk;     /* that is found */
    } cases[] = {
        {"two swapped", {0, 2, 1, 3, 4, 5, 6, 7, -2}, 1},
        {"the last two swapped", {0, 1, 2, 3, 4, 5, 7, 6, -2}, 6},
        {"one left out", {0, 1, 2, 4, 5, 6, 7, -2}, 3},
        {"the first left out", {1, 2, 3, 4, 5, 6, 7, -2}, 0},
        {"one twice", {0, 1, 1, 2, 3, 4, 5, 6, 7, -2}, 2},
        {"the end early", {0, 1, 2, 7, -2}, 3},
        {"something behind the end", {0, 1, 2, 3, 4, 5, 6, 7, 6, -2}, 8},
        {"the end twice", {0, 1, 2, 3, 4, 5, 6, 7, 7, -2}, 8},
        {"one of another file", {0, 1, 2, -1, 4, 5, 6, 7, -2}, 3},
    };
    static struct file f, whole, other;
    struct transcript_recipient to = one(0);
    struct transcript t;
    uint64_t at;

    (void)state;
    usual(&whole, 7, &to, 1);
    usual(&other, 7, &to, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f = whole;
        f.length = whole.chunks[0];
        for (size_t k = 0; cases[i].order[k] != -2; k++)
            append(&f, cases[i].order[k] == -1 ? &other : &whole,
                   cases[i].order[k] == -1 ? k : (size_t)cases[i].order[k]);
        if (open_with(&f, 1, &t, &at) != SP_ECORRUPT ||
            at != (uint64_t)cases[i].chunk)
            fail_msg("%s: chunk %d", cases[i].what, (int)at);
        transcript_release(&t);
    }
}

/* The head of one file in front of the chunks of another. */
static void heads_stay_where_they_are(void **state)
{
    static struct file f, whole;
    struct transcript_recipient to[2] = {one(0), one(1)};
    struct transcript t;
    uint64_t at;

    (void)state;
    usual(&whole, 7, to, 2);
    f = whole;
    f.data[MAGIC + 7] = 8; /* another entry */
    assert_int_equal(open_with(&f, 1, &t, &at), SP_ECORRUPT);
    assert_int_equal(at, 0);
    transcript_release(&t);
    f = whole;
    f.data[MAGIC + 9] = 'h'; /* another ledger */
    assert_int_equal(open_with(&f, 1, &t, &at), SP_ECORRUPT);
    transcript_release(&t);
    f = whole; /* as if it had been sealed to the first alone */
    f.data[MAGIC + 9 + strlen(ORIGIN)] = 1;
    memmove(f.data + MAGIC + 10 + strlen(ORIGIN) + 113,
            f.data + MAGIC + 10 + strlen(ORIGIN) + 226,
            f.length - (MAGIC + 10 + strlen(ORIGIN) + 226));
    f.length -= 113;
    assert_int_equal(open_with(&f, 1, &t, &at), SP_ECORRUPT);
    assert_int_equal(at, 0);
    transcript_release(&t);
}

/* What no writer of ours does, under the right key. */
static void the_format_is_kept(void **state)
{
    static const struct {
        const char *what;
        int parts[6]; /* behind them -1 */
        size_t length;
        int chunk;
    } cases[] = {
        {"no salt", {TRANSCRIPT_ASKED, -1}, 4, 0},
        {"a short salt", {TRANSCRIPT_SALTED, -1}, 15, 0},
        {"two salts", {TRANSCRIPT_SALTED, TRANSCRIPT_SALTED, -1}, 16, 1},
        {"asked behind answered",
         {TRANSCRIPT_SALTED, TRANSCRIPT_ANSWERED, TRANSCRIPT_ASKED, -1},
         16,
         2},
        {"unsent of nothing",
         {TRANSCRIPT_SALTED, TRANSCRIPT_UNSENT, -1},
         16,
         1},
        {"an unknown part", {TRANSCRIPT_SALTED, TRANSCRIPT_PARTS, -1}, 16, 1},
        {"an end that is not final",
         {TRANSCRIPT_SALTED, TRANSCRIPT_END, -1},
         16,
         1},
    };
    static const uint8_t bytes[16] = {0};
    struct transcript_recipient to = one(0);
    static struct file f;
    struct transcript t;
    uint64_t at;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(&f, 1, &to, 1);
        for (size_t k = 0; cases[i].parts[k] != -1; k++)
            chunk(&f, (enum transcript_part)cases[i].parts[k], bytes,
                  cases[i].length);
        if (open_with(&f, 1, &t, &at) != SP_ECORRUPT ||
            at != (uint64_t)cases[i].chunk)
            fail_msg("%s: chunk %d", cases[i].what, (int)at);
        transcript_release(&t);
    }
}

static void more_unsent_than_answered_is_refused(void **state)
{
    static const uint8_t five[8] = {0, 0, 0, 0, 0, 0, 0, 5};
    static const uint8_t huge[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    struct transcript_recipient to = one(0);
    static struct file f;
    struct transcript t;
    uint64_t at;

    (void)state;
    for (int i = 0; i < 3; i++) {
        begin(&f, 1, &to, 1);
        chunk(&f, TRANSCRIPT_SALTED, salt, sizeof(salt));
        chunk(&f, TRANSCRIPT_ANSWERED, "four", 4);
        chunk(&f, TRANSCRIPT_UNSENT, i == 0 ? five : huge, i == 1 ? 7 : 8);
        assert_int_equal(open_with(&f, 1, &t, &at), SP_ECORRUPT);
        assert_int_equal(at, 2);
        transcript_release(&t);
    }
}

static void other_files_are_none(void **state)
{
    static const struct {
        const char *data;
        size_t length;
    } cases[] = {
        {"", 0},
        {"sallyport transcript 2\n", 23},
        {"sallyport transcript 1\n\0\0\0\0\0\0\0\1\0", 32}, /* no origin */
        {"sallyport transcript 1\n\0\0\0\0\0\0\0\1\1 \1", 34},
        {"sallyport transcript 1\n\0\0\0\0\0\0\0\1\1a\0", 34}, /* for nobody */
        {"sallyport transcript 1\n\0\0\0\0\0\0\0\1\1a\5", 34},
        {"sallyport transcript 1\n\0\0\0\0\0\0\0\1\1a\1\0", 35},
        {"sallyport transcript 1\n\0\0\0\0\0\0\0\1\1a\1\3", 35},
    };
    struct transcript_head h;
    const char *problem;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *copy = malloc(cases[i].length + 1); /* for the sanitizers */

        assert_non_null(copy);
        memcpy(copy, cases[i].data, cases[i].length);
        assert_int_equal(
            transcript_head_read(&h, copy, cases[i].length, &problem),
            SP_EPROTO);
        assert_non_null(problem);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_as_it_went_in),
        cmocka_unit_test(the_head_is_as_documented),
        cmocka_unit_test(names_sort_like_entries),
        cmocka_unit_test(only_its_keys_open_it),
        cmocka_unit_test(a_share_is_half_of_it),
        cmocka_unit_test(what_cannot_be_sealed_is_refused),
        cmocka_unit_test(a_flipped_bit_is_noticed),
        cmocka_unit_test(a_file_cut_short_is_incomplete),
        cmocka_unit_test(chunks_stay_where_they_are),
        cmocka_unit_test(heads_stay_where_they_are),
        cmocka_unit_test(the_format_is_kept),
        cmocka_unit_test(more_unsent_than_answered_is_refused),
        cmocka_unit_test(other_files_are_none),
    };

    return cmocka_run_group_tests(tests, keys_make, NULL);
}
