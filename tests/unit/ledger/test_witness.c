/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The witness: every status code with its causes, what it remembers across
 * restarts and failures, and both sides of the protocol against each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "ledger/cosignature.h"
#include "ledger/submission.h"
#include "ledger/witness.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/hex.h"

#define ORIGIN "log.example/audit"
#define NOW    1700000000

/* --- logs: entry i is i in decimal; a fork has another entry 2 --- */

static int leaf_hash(bool fork, uint64_t i, struct hash *h)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%llu%s", (unsigned long long)i,
                     fork && i == 2 ? "x" : "");

    merkle_leaf(text, (size_t)n, h);
    return 0;
}

static int tree_hash(void *arg, unsigned level, uint64_t index, struct hash *h)
{
    const bool *fork = arg;
    struct hash left, right;

    if (level == 0)
        return leaf_hash(*fork, index, h);
    tree_hash(arg, level - 1, 2 * index, &left);
    tree_hash(arg, level - 1, 2 * index + 1, &right);
    merkle_node(&left, &right, h);
    return 0;
}

static struct note_signer log_key(uint8_t number, const char *name)
{
    const uint8_t seed[32] = {number};
    struct note_signer s;

    assert_int_equal(note_signer_from_seed(name, seed, &s), 0);
    return s;
}

static struct note_signer witness_key(uint8_t number)
{
    const uint8_t seed[32] = {number};
    struct note_signer s;

    assert_int_equal(note_witness_from_seed("witness.example/w1", seed, &s), 0);
    return s;
}

static void head_text(char *text, size_t size, uint64_t n, bool fork,
                      const char *extension)
{
    struct checkpoint c = {.origin = ORIGIN, .size = n};
    size_t length;

    assert_int_equal(merkle_root(tree_hash, &fork, n, &c.root), 0);
    assert_int_equal(checkpoint_format(&c, text, size, &length), 0);
    snprintf(text + length, size - length, "%s", extension);
}

static void head_note(char note[NOTE_MAX], const struct note_signer *key,
                      uint64_t n, bool fork, const char *extension)
{
    char text[1000];
    size_t length;

    head_text(text, sizeof text, n, fork, extension);
    assert_int_equal(note_sign(key, text, note, NOTE_MAX, &length), 0);
}

/* "old A", the proof from A to B, the note of B. */
static void request(char body[NOTE_MAX + 4096], uint64_t a, uint64_t b,
                    bool fork)
{
    struct note_signer key = log_key(0x33, ORIGIN);
    struct merkle_path path = {.count = 0};
    char note[NOTE_MAX];
    int n = sprintf(body, "old %llu\n", (unsigned long long)a);

    if (a > 0 && a < b)
        assert_int_equal(
            merkle_prove_consistency(tree_hash, &fork, a, b, &path), 0);
    for (unsigned i = 0; i < path.count; i++) {
        sodium_bin2base64(body + n, 45, path.hashes[i].b, 32,
                          sodium_base64_VARIANT_ORIGINAL);
        n += 44;
        body[n++] = '\n';
    }
    head_note(note, &key, b, fork, "");
    sprintf(body + n, "\n%s", note);
}

/* --- a witness in a folder of its own --- */

struct there {
    struct folder f;
    struct witness *w;
    struct witness_answer a;
    char body[NOTE_MAX + 4096];
};

static void there_open(struct there *t)
{
    struct note_signer key = witness_key(0x22);
    struct note_verifier logs[] = {
        log_key(0x33, ORIGIN).verifier,
        log_key(0x34, ORIGIN).verifier, /* its next key */
        log_key(0x35, "log.example/other").verifier,
    };

    assert_int_equal(witness_open(t->f.fd, &key, logs, 3, &t->w), 0);
}

static struct there *there_make(void)
{
    struct there *t = calloc(1, sizeof *t);

    folder_make(&t->f);
    there_open(t);
    return t;
}

static void there_free(struct there *t)
{
    witness_free(t->w);
    folder_remove(&t->f);
    free(t);
}

static unsigned say_at(struct there *t, const char *body, uint64_t time)
{
    witness_add_checkpoint(t->w, body, strlen(body), time, &t->a);
    assert_int_equal(t->a.length, strlen(t->a.body));
    assert_true(t->a.status == 200 || t->a.why[0] != '\0');
    return t->a.status;
}

static unsigned say(struct there *t, const char *body)
{
    return say_at(t, body, NOW);
}

static unsigned hand_in(struct there *t, uint64_t a, uint64_t b)
{
    request(t->body, a, b, false);
    return say(t, t->body);
}

static void assert_remembers(struct there *t, uint64_t size)
{
    uint64_t have;

    assert_int_equal(witness_size(t->w, ORIGIN, &have), 0);
    assert_int_equal(have, size);
}

/* --- 200 --- */

static void what_extends_is_cosigned(void **state)
{
    struct there *t = there_make();
    struct note_verifier v = witness_key(0x22).verifier;
    static const uint64_t sizes[] = {0, 0, 1, 3, 3, 4, 7, 8, 64, 257, 600};

    (void)state;
    for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
        char note[NOTE_MAX];
        struct note_signer key = log_key(0x33, ORIGIN);
        unsigned added, count;
        uint64_t time;
        if (hand_in(t, sizes[i - 1], sizes[i]) != 200)
            fail_msg("%llu: %s", (unsigned long long)sizes[i], t->a.why);
        head_note(note, &key, sizes[i], false, "");
        size_t n = strlen(note);
        assert_int_equal(cosignature_append(note, sizeof note, &n, t->a.body,
                                            t->a.length, &v, 1, &added),
                         0);
        assert_int_equal(added, 1);
        assert_int_equal(cosignature_count(note, n, &v, 1, &time, &count), 0);
        assert_int_equal(time, NOW);
        assert_remembers(t, sizes[i]);
        assert_string_equal(t->a.origin, ORIGIN);
        assert_int_equal(t->a.size, sizes[i]);
    }
    there_free(t);
}

/* Extension lines belong to the log; strangers' signatures are passed over
 * and not kept; a log's next key is as good; both together, too. */
static void other_forms_of_a_head_are_cosigned(void **state)
{
    struct there *t = there_make();
    struct note_signer next = log_key(0x34, ORIGIN),
                       stranger = log_key(0x99, "stranger");
    char note[NOTE_MAX], other[NOTE_MAX], name[WITNESS_NAME_MAX], *kept;
    size_t n;

    (void)state;
    head_note(note, &next, 3, false, "extension line\nand another\n");
    sprintf(t->body, "old 0\n\n%s", note);
    assert_int_equal(say(t, t->body), 200);
    witness_name(ORIGIN, name);
    assert_int_equal(witness_latest(t->w, name, &kept, &n), 0);
    assert_non_null(strstr(kept, "and another\n"));
    free(kept);

    request(t->body, 3, 5, false);
    head_note(other, &stranger, 5, false, "");
    strcat(t->body, strstr(other, "\n\n") + 2);
    head_note(other, &next, 5, false, "");
    strcat(t->body, strstr(other, "\n\n") + 2);
    assert_int_equal(say(t, t->body), 200);
    assert_int_equal(witness_latest(t->w, name, &kept, &n), 0);
    assert_null(strstr(kept, "stranger"));
    unsigned verified;
    size_t text;
    struct note_verifier both[] = {log_key(0x33, ORIGIN).verifier,
                                   next.verifier, witness_key(0x22).verifier};
    assert_int_equal(note_open(kept, n, both, 3, &text, &verified), 0);
    assert_int_equal(verified, 3);
    free(kept);
    there_free(t);
}

/* --- 400 --- */

#define NOTE_OF_3 "@"

static const char *malformed[] = {
    "", "\n", "old 3\n", "old 3", "old \n\n" NOTE_OF_3, "old\n\n" NOTE_OF_3,
    "Old 3\n\n" NOTE_OF_3, "old  3\n\n" NOTE_OF_3, "old 3 \n\n" NOTE_OF_3,
    "old 03\n\n" NOTE_OF_3, "old 00\n\n" NOTE_OF_3, "old +3\n\n" NOTE_OF_3,
    "old -1\n\n" NOTE_OF_3, "old 0x3\n\n" NOTE_OF_3, "old 3\r\n\r\n" NOTE_OF_3,
    "old 9223372036854775808\n\n" NOTE_OF_3,
    "old 99999999999999999999\n\n" NOTE_OF_3, "\nold 3\n\n" NOTE_OF_3,
    "old 3\nold 3\n\n" NOTE_OF_3, "old 3\nAAAA\n\n" NOTE_OF_3,
    "old 3\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM\n\n" NOTE_OF_3,
    "old 3\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAN=\n\n" NOTE_OF_3,
    "old 3\n 2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n\n" NOTE_OF_3,
    "old 3\n\n", "old 3\n\n\n" NOTE_OF_3 NOTE_OF_3, "old 3\n\njunk\n",
    "old 3\n\n" ORIGIN "\n3\n",
    "old 3\n\n" ORIGIN "\n3\nrewq\n\n\xe2\x80\x94 a AAAAAAAA\n",
    "old 3\n\n" ORIGIN "\n3\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n",
    /* an empty extension line */
    "old 3\n\n" ORIGIN
    "\n3\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n\nx\n\n"
    "\xe2\x80\x94 a AAAAAAAA\n",
    "old 4\n\n" NOTE_OF_3, /* more than the head has */
};

static void malformed_requests_are_400(void **state)
{
    struct note_signer key = log_key(0x33, ORIGIN);
    struct there *t = there_make();
    char note[NOTE_MAX];

    (void)state;
    assert_int_equal(hand_in(t, 0, 3), 200);
    head_note(note, &key, 3, false, "");
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        size_t n = 0;
        for (const char *c = malformed[i]; *c != '\0'; c++)
            n += (size_t)sprintf(t->body + n, *c == '@' ? "%s" : "%.1s",
                                 *c == '@' ? note : c);
        t->body[n] = '\0';
        if (say(t, t->body) != 400)
            fail_msg("%s: %u %s", malformed[i], t->a.status, t->a.why);
    }
    assert_remembers(t, 3);
    there_free(t);
}

static void too_long_requests_are_400(void **state)
{
    struct there *t = there_make();
    char *body = malloc(WITNESS_BODY_MAX + 2);
    int n = sprintf(body, "old 3\n");

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        n +=
            sprintf(body + n, "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n");
    request(t->body, 0, 3, false);
    strcpy(body + n, t->body + strlen("old 0\n"));
    assert_int_equal(say(t, body), 400); /* 64 lines */
    memmove(body + 6, body + 6 + 45, strlen(body + 6 + 45) + 1);
    assert_int_equal(say(t, body), 409); /* 63 */
    memset(body, 'a', WITNESS_BODY_MAX + 1);
    body[WITNESS_BODY_MAX + 1] = '\0';
    assert_int_equal(say(t, body), 400);
    free(body);
    there_free(t);
}

/* Every prefix of a good request is no good, and no byte of it is spare. */
static void cut_and_changed_requests_are_never_cosigned(void **state)
{
    struct there *t = there_make();
    char body[sizeof t->body];

    (void)state;
    assert_int_equal(hand_in(t, 0, 3), 200);
    request(body, 3, 7, false);
    size_t n = strlen(body);
    for (size_t i = 0; i < n; i++) {
        witness_add_checkpoint(t->w, body, i, NOW, &t->a);
        if (t->a.status == 200)
            fail_msg("the first %zu bytes were taken", i);
        for (unsigned bit = 0; bit < 8; bit++) {
            body[i] = (char)(body[i] ^ (1 << bit));
            witness_add_checkpoint(t->w, body, n, NOW, &t->a);
            if (t->a.status == 200 || t->a.status == 500)
                fail_msg("byte %zu, bit %u: %u", i, bit, t->a.status);
            body[i] = (char)(body[i] ^ (1 << bit));
        }
    }
    assert_remembers(t, 3);
    assert_int_equal(say(t, body), 200);
    there_free(t);
}

/* --- 403, 404 --- */

static void unsigned_and_unknown_heads_are_refused(void **state)
{
    struct note_signer stranger = log_key(0x99, ORIGIN), /* same name */
        named = log_key(0x99, "elsewhere"), key = log_key(0x33, ORIGIN),
                       other = log_key(0x35, "log.example/other");
    struct there *t = there_make();
    char note[NOTE_MAX], good[NOTE_MAX], spoiled[NOTE_MAX];

    (void)state;
    const struct note_signer *wrong[] = {&stranger, &named, &other};
    for (size_t i = 0; i < 3; i++) {
        head_note(note, wrong[i], 3, false, "");
        sprintf(t->body, "old 0\n\n%s", note);
        assert_int_equal(say(t, t->body), 403);
    }
    /* signed, but over another text: by itself, and beside a good one */
    head_note(good, &key, 3, false, "");
    head_note(spoiled, &key, 4, false, "");
    sprintf(t->body, "old 0\n\n%.*s%s", (int)(strstr(good, "\n\n") + 2 - good),
            good, strstr(spoiled, "\n\n") + 2);
    assert_int_equal(say(t, t->body), 403);
    struct note_signer next = log_key(0x34, ORIGIN);
    head_note(spoiled, &next, 4, false, "");
    sprintf(t->body, "old 0\n\n%s%s", good, strstr(spoiled, "\n\n") + 2);
    assert_int_equal(say(t, t->body), 403);

    size_t n;
    assert_int_equal(note_sign(&named,
                               "elsewhere\n0\n47DEQpj8HBSa+/"
                               "TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
                               note, sizeof note, &n),
                     0);
    sprintf(t->body, "old 0\n\n%s", note);
    assert_int_equal(say(t, t->body), 404);
    assert_remembers(t, 0);
    /* nothing was said of the other log either */
    uint64_t size;
    assert_int_equal(witness_size(t->w, "log.example/other", &size), 0);
    assert_int_equal(size, 0);
    there_free(t);
}

/* --- 409 --- */

static void another_size_is_409_with_ours(void **state)
{
    struct there *t = there_make();
    static const struct {
        uint64_t a, b;
    } table[] = {{0, 3}, {0, 7}, {0, 9}, {3, 7}, {3, 9},
                 {6, 7}, {8, 9}, {9, 9}, {0, 0}, {5, 5}};

    (void)state;
    assert_int_equal(hand_in(t, 7, 9), 409); /* nothing was cosigned yet */
    assert_string_equal(t->a.body, "0\n");
    assert_int_equal(hand_in(t, 0, 7), 200);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(hand_in(t, table[i].a, table[i].b), 409);
        assert_string_equal(t->a.body, "7\n");
        assert_string_equal(t->a.type, "text/x.tlog.size");
        assert_false(t->a.fork);
    }
    assert_remembers(t, 7);
    there_free(t);
}

/* --- 422 --- */

static void what_does_not_extend_is_422(void **state)
{
    struct note_signer key = log_key(0x33, ORIGIN);
    struct there *t = there_make();
    char note[NOTE_MAX], text[1000];
    size_t n;

    (void)state;
    /* size 0 with a root of its own */
    snprintf(text, sizeof text, "%s",
             ORIGIN "\n0\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n");
    assert_int_equal(note_sign(&key, text, note, sizeof note, &n), 0);
    sprintf(t->body, "old 0\n\n%s", note);
    assert_int_equal(say(t, t->body), 422);
    /* a proof from nothing */
    head_note(note, &key, 3, false, "");
    sprintf(t->body,
            "old 0\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n\n%s", note);
    assert_int_equal(say(t, t->body), 422);
    assert_remembers(t, 0);

    assert_int_equal(hand_in(t, 0, 3), 200);
    /* a proof to the same size; no proof; a wrong one; one too many */
    sprintf(t->body,
            "old 3\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n\n%s", note);
    assert_int_equal(say(t, t->body), 422);
    head_note(note, &key, 7, false, "");
    sprintf(t->body, "old 3\n\n%s", note);
    assert_int_equal(say(t, t->body), 422);
    sprintf(t->body,
            "old 3\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n\n%s", note);
    assert_int_equal(say(t, t->body), 422);
    request(t->body, 3, 7, false);
    char more[sizeof t->body];
    sprintf(more, "old 3\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n%s",
            t->body + strlen("old 3\n"));
    assert_int_equal(say(t, more), 422);
    assert_false(t->a.fork); /* anybody could have sent a wrong proof */
    assert_remembers(t, 3);
    there_free(t);
}

/* A fork: honest proofs within it do not help it past entry 2. */
static void forks_are_422_and_kept(void **state)
{
    struct there *t = there_make();
    char name[WITNESS_NAME_MAX + 8];

    (void)state;
    assert_int_equal(hand_in(t, 0, 5), 200);
    request(t->body, 5, 9, true);
    assert_int_equal(say(t, t->body), 422);
    assert_false(t->a.fork);
    witness_name(ORIGIN, name);
    strcat(name, ".fork");
    assert_false(folder_has(&t->f, name));
    request(t->body, 5, 5, true);
    assert_int_equal(say(t, t->body), 422);
    assert_true(t->a.fork);
    struct bytes b = folder_get(&t->f, name);
    struct note_verifier v = log_key(0x33, ORIGIN).verifier;
    struct note_line line;
    assert_int_equal(note_find((const char *)b.data, b.length, &v, &line), 0);
    free(b.data);
    /* also where the old size is another, which tells nothing of roots */
    request(t->body, 0, 5, true);
    assert_int_equal(say(t, t->body), 409);
    assert_true(t->a.fork);
    /* before its first different entry it is the same log */
    assert_remembers(t, 5);
    assert_int_equal(hand_in(t, 5, 6), 200);
    there_free(t);
}

/* --- memory --- */

static void memory_outlives_restarts(void **state)
{
    struct there *t = there_make();
    struct note_signer key = witness_key(0x22), other = witness_key(0x23);
    struct witness *second;

    (void)state;
    assert_int_equal(hand_in(t, 0, 5), 200);
    assert_int_equal(witness_open(t->f.fd, &key, NULL, 0, &second), SP_EEXIST);
    witness_free(t->w);
    there_open(t);
    assert_remembers(t, 5);
    assert_int_equal(hand_in(t, 0, 7), 409);
    assert_int_equal(hand_in(t, 5, 7), 200);
    /* with another key it is not this witness's memory */
    witness_free(t->w);
    struct note_verifier log = log_key(0x33, ORIGIN).verifier;
    assert_int_equal(witness_open(t->f.fd, &other, &log, 1, &t->w), 0);
    assert_int_equal(hand_in(t, 7, 9), 500);
    there_free(t);
}

static void damaged_memory_cosigns_nothing(void **state)
{
    struct there *t = there_make();
    char name[WITNESS_NAME_MAX], *note;
    size_t n;

    (void)state;
    assert_int_equal(hand_in(t, 0, 5), 200);
    witness_name(ORIGIN, name);
    folder_flip(&t->f, name, 20, 1);
    assert_int_equal(hand_in(t, 5, 7), 500);
    assert_int_equal(witness_latest(t->w, name, &note, &n), SP_ECORRUPT);
    folder_flip(&t->f, name, 20, 1);
    /* another log's file under this name */
    struct bytes b = folder_get(&t->f, name);
    char other[WITNESS_NAME_MAX];
    witness_name("log.example/other", other);
    folder_put(&t->f, other, b.data, b.length);
    assert_int_equal(witness_latest(t->w, other, &note, &n), SP_ECORRUPT);
    free(b.data);
    assert_int_equal(hand_in(t, 5, 7), 200);
    there_free(t);
}

/* What could not be stored was not cosigned, and nothing is, until somebody
 * has looked. */
static void a_failed_write_is_the_end(void **state)
{
    struct there *t = there_make();
    char name[WITNESS_NAME_MAX + 8];

    (void)state;
    assert_int_equal(hand_in(t, 0, 5), 200);
    witness_name(ORIGIN, name);
    strcat(name, ".new");
    assert_int_equal(mkdirat(t->f.fd, name, 0700), 0);
    assert_int_equal(mkdirat(t->f.fd, "x", 0700), 0);
    assert_int_equal(hand_in(t, 5, 7), 500);
    assert_null(strstr(t->a.body, "\xe2\x80\x94"));
    assert_int_equal(unlinkat(t->f.fd, name, AT_REMOVEDIR), 0);
    assert_int_equal(hand_in(t, 5, 7), 500);
    witness_free(t->w);
    there_open(t);
    assert_remembers(t, 5);
    assert_int_equal(hand_in(t, 5, 7), 200);
    there_free(t);
}

static void time_does_not_run_back(void **state)
{
    struct there *t = there_make();

    (void)state;
    assert_int_equal(hand_in(t, 0, 5), 200);
    request(t->body, 5, 7, false);
    assert_int_equal(say_at(t, t->body, NOW - 1), 500);
    assert_remembers(t, 5);
    assert_int_equal(say_at(t, t->body, NOW), 200);
    there_free(t);
}

static void monitors_get_known_logs_only(void **state)
{
    static const char *bad[] = {
        "",           "..",
        "lock",       "../lock",
        "checkpoint", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="};
    struct there *t = there_make();
    char name[WITNESS_NAME_MAX], *note;
    size_t n;

    (void)state;
    witness_name(ORIGIN, name);
    assert_int_equal(witness_latest(t->w, name, &note, &n), SP_ENOENT);
    assert_int_equal(hand_in(t, 0, 5), 200);
    assert_int_equal(witness_latest(t->w, name, &note, &n), 0);
    assert_int_equal(strlen(note), n);
    free(note);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(witness_latest(t->w, bad[i], &note, &n), SP_ENOENT);
    name[3] = (char)(name[3] ^ 1);
    assert_int_equal(witness_latest(t->w, name, &note, &n), SP_ENOENT);
    there_free(t);
}

static void a_logs_key_is_no_witness(void **state)
{
    struct note_signer key = log_key(0x33, ORIGIN);
    struct witness *w;
    struct folder f;

    (void)state;
    folder_make(&f);
    assert_int_equal(witness_open(f.fd, &key, NULL, 0, &w), SP_EUNSUPPORTED);
    assert_null(w);
    folder_remove(&f);
}

/* --- the file of logs --- */

#define VKEY                                                                   \
    "log.example/audit+bea9631f+AYRhoG98PAzxERrXDahxupsA/7YBBz57VwXfq8+tBDzV"

static void files_of_logs_are_read_strictly(void **state)
{
    static const struct {
        const char *text, *problem; /* "": good */
    } table[] = {
        {VKEY "\n", ""},
        {VKEY, ""},
        {"# ours\n\n" VKEY "\n#" VKEY "\n", ""},
        {"", "l:1:1: no log"},
        {"# none\n", "l:2:1: no log"},
        {"junk\n", "l:1:1: not a key"},
        {VKEY " \n", "l:1:1: not a key"},
        {" " VKEY "\n", "l:1:1: not a key"},
        {VKEY "\r\n", "l:1:1: not a key"},
        {VKEY "\n" VKEY "\n", "l:2:1: the same key"},
        {"\nwitness.example/w1+8da96255+BKibOmQOXiAtKp7ed/"
         "O01VFGKEoeMCzcBGPnHdCfD+Yj\n",
         "l:2:1: a key of another type"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *problems = NULL;
        size_t length, nlogs = 0;
        struct report r = {.out = open_memstream(&problems, &length)};
        struct note_verifier *logs;
        int error = witness_logs_parse(table[i].text, strlen(table[i].text),
                                       "l", &r, &logs, &nlogs);
        fclose(r.out);
        bool good = table[i].problem[0] == '\0';
        if (error != (good ? 0 : SP_EINVAL) || nlogs != (good ? 1 : 0) ||
            strncmp(problems, table[i].problem, strlen(table[i].problem)) != 0)
            fail_msg("%s: %d %s", table[i].text, error, problems);
        free(problems);
        free(logs);
    }
}

/* --- the log's side --- */

static void what_answers_mean(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        uint64_t old, newest;
        enum submission_answer answer;
        uint64_t size;
    } table[] = {
        {200, "", 3, 7, SUBMISSION_COSIGNED, 0},
        {409, "5\n", 3, 7, SUBMISSION_STALE, 5},
        {409, "0\n", 3, 7, SUBMISSION_STALE, 0},
        {409, "7\n", 3, 7, SUBMISSION_STALE, 7},
        {409, "8\n", 3, 7, SUBMISSION_FORK, 8},
        {409, "9223372036854775807\n", 3, 7, SUBMISSION_FORK, INT64_MAX},
        {409, "3\n", 3, 7, SUBMISSION_FORK, 3},
        {409, "", 3, 7, SUBMISSION_FORK, 0},
        {409, "5", 3, 7, SUBMISSION_FORK, 0},
        {409, "\n", 3, 7, SUBMISSION_FORK, 0},
        {409, "05\n", 3, 7, SUBMISSION_FORK, 0},
        {409, "5\n\n", 3, 7, SUBMISSION_FORK, 0},
        {409, " 5\n", 3, 7, SUBMISSION_FORK, 0},
        {409, "-5\n", 3, 7, SUBMISSION_FORK, 0},
        {409, "9223372036854775808\n", 3, 7, SUBMISSION_FORK, 0},
        {409, "conflict\n", 3, 7, SUBMISSION_FORK, 0},
        {422, "", 3, 7, SUBMISSION_FORK, 0},
        {422, "5\n", 3, 7, SUBMISSION_FORK, 0},
        {400, "", 3, 7, SUBMISSION_REFUSED, 0},
        {403, "", 3, 7, SUBMISSION_REFUSED, 0},
        {404, "5\n", 3, 7, SUBMISSION_REFUSED, 0},
        {429, "", 3, 7, SUBMISSION_REFUSED, 0},
        {500, "", 3, 7, SUBMISSION_REFUSED, 0},
        {503, "", 3, 7, SUBMISSION_REFUSED, 0},
        {302, "", 3, 7, SUBMISSION_REFUSED, 0},
        {201, "", 3, 7, SUBMISSION_REFUSED, 0},
        {0, "", 3, 7, SUBMISSION_REFUSED, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *why;
        uint64_t size;
        enum submission_answer a = submission_judge(
            table[i].status, table[i].body, strlen(table[i].body), table[i].old,
            table[i].newest, &size, &why);
        if (a != table[i].answer ||
            (a == SUBMISSION_STALE && size != table[i].size))
            fail_msg("%u %s: %d, %llu", table[i].status, table[i].body, (int)a,
                     (unsigned long long)size);
        assert_int_equal(why[0] == '\0',
                         a == SUBMISSION_COSIGNED || a == SUBMISSION_STALE);
    }
}

/* A real ledger hands in its real heads; then a copy of it that went on in
 * another way hears of it. */
static void ledgers_hand_in_their_heads(void **state)
{
    static const uint64_t sizes[] = {0, 1, 2, 255, 256, 257, 700};
    struct there *t = there_make();
    char *body = malloc(SUBMISSION_MAX + 1);
    struct folder f;
    uint64_t old = 0;

    (void)state;
    folder_make(&f); /* seed 0x33, ORIGIN */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ledger_view *v;
        size_t n;
        folder_fill_to(&f, sizes[i]);
        struct bytes note = folder_get(&f, "checkpoint");
        assert_int_equal(ledger_view_open(f.fd, &f.signer.verifier, 1, &v), 0);
        assert_int_equal(submission_make(v, (const char *)note.data,
                                         note.length, old, body, &n),
                         0);
        assert_int_equal(strlen(body), n);
        if (say(t, body) != 200)
            fail_msg("%llu: %u %s", (unsigned long long)sizes[i], t->a.status,
                     t->a.why);
        assert_int_equal(submission_make(v, (const char *)note.data,
                                         note.length, sizes[i] + 1, body, &n),
                         SP_ERANGE);
        old = sizes[i];
        free(note.data);
        ledger_view_free(v);
    }
    folder_remove(&f);
    free(body);
    there_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_extends_is_cosigned),
        cmocka_unit_test(other_forms_of_a_head_are_cosigned),
        cmocka_unit_test(malformed_requests_are_400),
        cmocka_unit_test(too_long_requests_are_400),
        cmocka_unit_test(cut_and_changed_requests_are_never_cosigned),
        cmocka_unit_test(unsigned_and_unknown_heads_are_refused),
        cmocka_unit_test(another_size_is_409_with_ours),
        cmocka_unit_test(what_does_not_extend_is_422),
        cmocka_unit_test(forks_are_422_and_kept),
        cmocka_unit_test(memory_outlives_restarts),
        cmocka_unit_test(damaged_memory_cosigns_nothing),
        cmocka_unit_test(a_failed_write_is_the_end),
        cmocka_unit_test(time_does_not_run_back),
        cmocka_unit_test(monitors_get_known_logs_only),
        cmocka_unit_test(a_logs_key_is_no_witness),
        cmocka_unit_test(files_of_logs_are_read_strictly),
        cmocka_unit_test(what_answers_mean),
        cmocka_unit_test(ledgers_hand_in_their_heads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
