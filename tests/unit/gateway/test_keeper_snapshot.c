/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's snapshots (P5): taken when it is time, begun from at the next
 * start; a file that its entry does not name, and one that does but contradicts
 * what follows, are not. A real ledger in a temporary folder; the loop and the
 * workers are missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/keeper.h"
#include "ledger/snapshots.h"
#include "lib/file.h"
#include "policy/approval.h"
#include "policy/standing_snapshot.h"

static const char yaml[] = "policy: 1\n"
                           "serial: 7\n"
                           "models:\n"
                           "  orion: {upstream: {endpoints: "
                           "[\"unix:/m\"]}, apis: [openai.chat]}\n"
                           "parties:\n"
                           "  caisi: {kind: government, anchors: ca, people: "
                           "{eva: {san_uri: \"x://sp/caisi/eva\"}}}\n"
                           "terms: {t: {}}\n"
                           "windows:\n"
                           "  - {party: caisi, model: orion, opens: "
                           "2026-11-01T00:00:00Z, lasts: 10d, terms: [t]}\n";

static char folder[32];
static int ledger;
static struct note_signer signer;
static struct minisign_secret approver;
static char problem[512];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sp-keeper-XXXXXX");
    assert_non_null(mkdtemp(folder));
    ledger = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(note_signer_generate("sp.sallyport/ledger", &signer), 0);
    return minisign_generate(&approver);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    close(ledger);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void add(struct keeper *k, const char *name, const char *text)
{
    assert_int_equal(fileset_add(k->snapshot.files, name, text, strlen(text)),
                     0);
}

/* What the supervisor hands over: key, policy, one approver's signature. */
static void files_make(struct keeper *k)
{
    char text[NOTE_KEY_TEXT_MAX], comment[APPROVAL_COMMENT_MAX];
    char file[MINISIGN_FILE_MAX], id[MINISIGN_ID_TEXT], name[128];

    k->snapshot.files = fileset_new();
    assert_int_equal(note_signer_format(&signer, text), 0);
    add(k, "@ledger.key", text);
    add(k, "policy.yaml", yaml);
    approval_comment(clock_wall_ms(), clock_wall_ms() + 60000, 0, comment);
    assert_int_equal(
        minisign_sign(&approver, yaml, sizeof yaml - 1, comment, file), 0);
    minisign_id_format(approver.id, id);
    snprintf(name, sizeof name, APPROVAL_OF_POLICY "x.%s.minisig", id);
    add(k, name, file);
}

static struct keeper *keeper_make(void)
{
    struct keeper *k = calloc(1, sizeof *k);
    struct report report = {.out = stderr};
    char text[512], key_text[MINISIGN_KEY_TEXT];
    struct minisign_key key;

    assert_non_null(k);
    minisign_public(&approver, &key);
    minisign_key_format(&key, key_text);
    snprintf(text, sizeof text,
             "deployment: sp\napprovals:\n  required: 1\n  approvers:\n"
             "    alice: \"%s\"\n",
             key_text);
    assert_int_equal(settings_parse("s", text, strlen(text), "/", &report,
                                    &k->snapshot.settings),
                     0);
    assert_int_equal(policy_parse("p", yaml, sizeof yaml - 1, NULL, NULL,
                                  &report, &k->snapshot.policy),
                     0);
    k->policy = k->snapshot.policy;
    files_make(k);
    pthread_mutex_init(&k->links_lock, NULL);
    pthread_cond_init(&k->durable_grew, NULL);
    k->standing = standing_new();
    return k;
}

/* A start that must succeed, from the snapshot of so many entries. */
static struct keeper *start(uint64_t from)
{
    struct keeper *k = keeper_make();
    bool retry;

    if (keeper_open(k, ledger, -1, problem, &retry) != 0)
        fail_msg("%s", problem);
    assert_int_equal(k->snapshots.last, from);
    return k;
}

static void stop(struct keeper *k)
{
    assert_int_equal(ledger_close(k->ledger), 0);
    keeper_snapshot_stop(k);
    standing_free(k->standing);
    snapshot_release(&k->snapshot);
    free(k);
}

static void stop_refused(struct keeper *k)
{
    standing_free(k->standing);
    snapshot_release(&k->snapshot);
    free(k);
}

/* The newest heads, signed by this key alone. */
static void resign(const struct note_signer *by)
{
    static const char *const names[] = {"last-signed", "checkpoint"};

    for (size_t i = 0; i < 2; i++) {
        char note[NOTE_MAX];
        uint8_t *data;
        size_t length, n;

        assert_int_equal(file_read(ledger, names[i], NOTE_MAX, &data, &length),
                         0);
        *(strstr((char *)data, "\n\n") + 1) =
            '\0'; /* the text that is signed */
        assert_int_equal(note_sign(by, (char *)data, note, sizeof note, &n), 0);
        assert_int_equal(file_replace(ledger, names[i], 0600, note, n), 0);
        free(data);
    }
}

static uint64_t heartbeat(struct keeper *k)
{
    struct entry e = {.kind = ENTRY_HEARTBEAT};

    return keeper_record(k, &e);
}

static uint64_t suspend(struct keeper *k)
{
    struct entry e = {.kind = ENTRY_PERSON_SUSPENDED,
                      .u.person_suspended = {.party = "caisi",
                                             .cause = "order",
                                             .by = {.known = true}}};

    return keeper_record(k, &e);
}

static bool is_there(uint64_t size)
{
    char path[SNAPSHOTS_PATH_MAX];

    snapshots_path(size, path);
    return faccessat(ledger, path, F_OK, 0) == 0;
}

/* Until `n` entries are there. */
static void fill(struct keeper *k, uint64_t n)
{
    while (standing_count(k->standing) < n)
        heartbeat(k);
}

/* --- */

static void P5_a_start_begins_from_the_newest(void **state)
{
    struct keeper *k = start(0);

    (void)state;
    assert_int_equal(k->snapshots.every, KEEPER_SNAPSHOT_EVERY);
    assert_int_equal(k->snapshots.least, KEEPER_SNAPSHOT_LEAST);
    k->snapshots.every = 100;
    suspend(k);
    fill(k, 99);
    keeper_snapshot_turn(k);
    assert_int_equal(k->snapshots.last, 0);
    fill(k, 103);
    keeper_snapshot_turn(k);
    assert_int_equal(k->snapshots.last, 103);
    assert_int_equal(standing_count(k->standing), 104);
    keeper_snapshot_turn(k); /* and not again at once */
    assert_int_equal(standing_count(k->standing), 104);
    fill(k, 150);
    stop(k);
    assert_true(is_there(103));

    k = start(103);
    assert_true(standing_suspended(k->standing, "caisi", NULL, NULL));
    assert_true(standing_count(k->standing) > 150);
    stop(k);
    unlinkat(ledger, "snapshot/00000000000000000103", 0);
    k = start(0);
    assert_true(standing_suspended(k->standing, "caisi", NULL, NULL));
    stop(k);
}

static void the_end_takes_one_if_it_is_worth_it(void **state)
{
    struct keeper *k = start(0);

    (void)state;
    k->snapshots.least = 60;
    fill(k, 59);
    keeper_snapshot_last(k);
    assert_int_equal(standing_count(k->standing), 59);
    fill(k, 60);
    keeper_snapshot_last(k);
    assert_int_equal(standing_count(k->standing), 61);
    stop(k);
    stop(start(60));
}

/* Entries can name what was never written; a disk can be full. */
static void a_file_that_cannot_be_written_ends_nothing(void **state)
{
    struct keeper *k = start(0);

    (void)state;
    assert_int_equal(close(openat(ledger, "snapshot", O_CREAT, 0600)), 0);
    k->snapshots.every = 50;
    fill(k, 50);
    keeper_snapshot_turn(k);
    fill(k, 80);
    stop(k);
    unlinkat(ledger, "snapshot", 0);
    stop(start(0));
}

static struct entry entry_of(uint64_t size, const uint8_t *data, size_t length)
{
    static char format[STANDING_FORMAT_SIZE];
    struct entry e = {.n = size,
                      .kind = ENTRY_SNAPSHOT,
                      .u.snapshot = {.size = size, .format = format}};

    standing_format(format);
    crypto_hash_sha256(e.u.snapshot.sha256, data, length);
    return e;
}

static int read_one(struct entry e, const uint8_t *data, size_t length)
{
    struct standing *s;
    int r = keeper_snapshot_read(&e, 40, data, length, &s);

    assert_true((r == 0) == (s != NULL));
    standing_free(s);
    return r;
}

static void P5_a_file_is_what_its_entry_says(void **state)
{
    struct keeper *k = start(0);
    uint8_t *data;
    size_t length;
    struct entry e;

    (void)state;
    fill(k, 40);
    assert_int_equal(standing_encode(k->standing, &data, &length), 0);
    e = entry_of(40, data, length);
    assert_int_equal(read_one(e, data, length), 0);
    e.n = 41;
    assert_int_equal(read_one(e, data, length), SP_ECORRUPT);
    e = entry_of(40, data, length);
    e.u.snapshot.size = 41;
    assert_int_equal(read_one(e, data, length), SP_ECORRUPT);
    e = entry_of(40, data, length);
    e.kind = ENTRY_HEARTBEAT;
    assert_int_equal(read_one(e, data, length), SP_ECORRUPT);
    e = entry_of(40, data, length);
    e.u.snapshot.format = "2-0123456789abcdef";
    assert_int_equal(read_one(e, data, length), SP_EUNSUPPORTED);
    e = entry_of(40, data, length);
    assert_int_equal(read_one(e, data, length - 1), SP_ECORRUPT);
    data[length / 2] ^= 1;
    assert_int_equal(read_one(e, data, length), SP_ECORRUPT);
    data[length / 2] ^= 1;
    /* The hash is right, the bytes are no standing. */
    e = entry_of(40, data, length - 1);
    assert_int_equal(read_one(e, data, length - 1), SP_EINVAL);
    free(data);
    /* A standing of another number of entries. */
    fill(k, 41);
    assert_int_equal(standing_encode(k->standing, &data, &length), 0);
    e = entry_of(40, data, length);
    assert_int_equal(read_one(e, data, length), SP_ECORRUPT);
    free(data);
    stop(k);
}

/* A keeper that lied: its snapshot does not know of a suspension that is
 * resumed later. Then all entries say what is so. */
static void
P5_what_contradicts_the_entries_behind_is_not_begun_from(void **state)
{
    struct keeper *k = start(0);
    struct standing *lie;
    struct entry e = {.kind = ENTRY_HEARTBEAT}, named;
    struct entry resumed = {.kind = ENTRY_PERSON_RESUMED,
                            .u.person_resumed = {.party = "caisi",
                                                 .by = {.known = true},
                                                 .approver = "ada:1"}};
    uint64_t size;
    uint8_t *data;
    size_t length;

    (void)state;
    fill(k, 20);
    assert_int_equal(standing_encode(k->standing, &data, &length), 0);
    assert_int_equal(standing_decode(data, length, &lie), 0);
    free(data);
    e.n = standing_count(lie);
    e.t = k->now;
    assert_int_equal(standing_apply(lie, &e), 0);
    resumed.u.person_resumed.of = suspend(k);
    size = standing_count(k->standing);
    assert_int_equal(standing_encode(lie, &data, &length), 0);
    standing_free(lie);
    named = entry_of(size, data, length);
    keeper_record(k, &named);
    assert_int_equal(snapshots_put(ledger, size, data, length), 0);
    free(data);
    keeper_record(k, &resumed);
    stop(k);
    k = start(0);
    assert_false(standing_suspended(k->standing, "caisi", NULL, NULL));
    stop(k);
}

static struct keeper *keeper_refused(void)
{
    struct keeper *k = keeper_make();
    bool retry = true;

    assert_int_not_equal(keeper_open(k, ledger, -1, problem, &retry), 0);
    assert_false(retry);
    return k;
}

/* After `sallyport log rotate-key` a start begins from a snapshot all the same,
 * from before or behind it, but not under the key that was replaced, also if
 * somebody who has it signs the newest head again. */
static void P5_a_key_that_was_replaced_signs_nothing(void **state)
{
    char old_text[NOTE_KEY_TEXT_MAX], new_text[NOTE_KEY_TEXT_MAX];
    struct entry e = {.kind = ENTRY_LOG_REKEYED,
                      .u.log_rekeyed = {new_text, old_text}};
    struct note_signer old = signer, new;
    struct keeper *k = start(0);

    (void)state;
    assert_int_equal(note_signer_generate("sp.sallyport/ledger", &new), 0);
    assert_int_equal(note_verifier_format(&old.verifier, old_text), 0);
    assert_int_equal(note_verifier_format(&new.verifier, new_text), 0);
    fill(k, 30);
    k->snapshots.least = 20;
    keeper_snapshot_last(k); /* before the change */
    fill(k, 35);
    keeper_record(k, &e); /* its head is signed by the old key, as a thief's */
    stop(k);
    stop_refused(keeper_refused());
    assert_non_null(strstr(problem, "our key was replaced there"));
    resign(&new);
    signer = new;
    k = start(30);
    fill(k, 60);
    k->snapshots.least = 20;
    keeper_snapshot_last(k); /* behind it */
    stop(k);
    stop(start(60));
    resign(&old);
    signer = old;
    stop_refused(keeper_refused());
    assert_non_null(strstr(problem, "entry 35: our key was replaced there"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(P5_a_start_begins_from_the_newest),
        TEST(the_end_takes_one_if_it_is_worth_it),
        TEST(a_file_that_cannot_be_written_ends_nothing),
        TEST(P5_a_file_is_what_its_entry_says),
        TEST(P5_what_contradicts_the_entries_behind_is_not_begun_from),
        TEST(P5_a_key_that_was_replaced_signs_nothing),
    };

    log_open("test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
