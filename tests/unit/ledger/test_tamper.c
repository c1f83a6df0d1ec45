/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What anybody who can write to the folder might do to it, and what a crash
 * leaves there: every change is found, with the entry it touches, by whoever
 * verifies and by the daemon's start; only a torn write is repaired.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/wal.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/hex.h"

#define SIZE 300

static struct folder folder;

static int setup(void **state)
{
    (void)state;
    folder_make(&folder);
    folder_fill_to(&folder, SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

/* Without the syncs of folder_put(): there are thousands of these. */
static void poke(const char *path, size_t at, uint8_t byte)
{
    int fd = openat(folder.fd, path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

static void assert_found(uint64_t n, const char *what)
{
    struct ledger_verdict verdict;
    int r = folder_verify(&folder, &verdict);

    if (r != SP_ECORRUPT || verdict.good || verdict.bad_index != n)
        fail_msg("%s: wanted entry %llu, have %d, entry %llu: %s", what,
                 (unsigned long long)n, r,
                 (unsigned long long)verdict.bad_index, verdict.problem);
}

static void assert_refused(int error, uint64_t n, const char *text)
{
    struct ledger *l;
    int r = folder_open(&folder, &l);

    if (r != error || folder.recovery.bad_index != n ||
        strstr(folder.recovery.problem, text) == NULL)
        fail_msg("wanted %d, entry %llu, \"%s\"; have %d, entry %llu: %s",
                 error, (unsigned long long)n, text, r,
                 (unsigned long long)folder.recovery.bad_index,
                 folder.recovery.problem);
}

static void assert_opens(uint64_t size)
{
    struct ledger_verdict verdict;
    struct ledger *l;
    int r = folder_open(&folder, &l);

    if (r != 0)
        fail_msg("%d: %s", r, folder.recovery.problem);
    assert_int_equal(ledger_size(l), size);
    assert_int_equal(folder.replayed, size);
    assert_int_equal(ledger_close(l), 0);
    assert_int_equal(folder_verify(&folder, &verdict), 0);
    assert_int_equal(verdict.entries, size);
}

/* --- bundles and tiles --- */

/* Which entry a byte of a bundle belongs to. */
static uint64_t entry_of_byte(uint64_t first, size_t at)
{
    char text[24];

    for (uint64_t n = first;; n++) {
        size_t length = 2 + decimal_entry(n, text);
        if (at < length)
            return n;
        at -= length;
    }
}

static void flip_all(const char *path, uint64_t (*owner)(size_t at))
{
    struct bytes b = folder_get(&folder, path);

    for (size_t at = 0; at < b.length; at++) {
        poke(path, at, b.data[at] ^ (uint8_t)(1u << (at % 8)));
        assert_found(owner(at), path);
        if (at % 97 == 0)
            assert_refused(SP_ECORRUPT, owner(at), path);
        poke(path, at, b.data[at]);
    }
    free(b.data);
}

static uint64_t owner_bundle_0(size_t at)
{
    return entry_of_byte(0, at);
}

static uint64_t owner_bundle_1(size_t at)
{
    return entry_of_byte(256, at);
}

static uint64_t owner_tile_0(size_t at)
{
    return at / 32;
}

static uint64_t owner_tile_1(size_t at)
{
    return 256 + at / 32;
}

static uint64_t owner_upper(size_t at)
{
    (void)at;
    return 0;
}

static void any_flipped_byte_is_found_with_its_entry(void **state)
{
    (void)state;
    flip_all("tile/entries/000", owner_bundle_0);
    flip_all("tile/entries/001.p/44", owner_bundle_1);
    flip_all("tile/0/000", owner_tile_0);
    flip_all("tile/0/001.p/44", owner_tile_1);
    flip_all("tile/1/000.p/1", owner_upper);
    assert_opens(SIZE);
}

static void upper_tiles_point_at_the_first_entry_below(void **state)
{
    (void)state;
    folder_fill_to(&folder, 1000);
    folder_flip(&folder, "tile/1/000.p/3", 2 * 32 + 5, 0x10);
    assert_found(512, "second hash of the upper tile");
    assert_refused(SP_ECORRUPT, 512, "tile/1/000.p/3");
}

static void truncated_files_are_found(void **state)
{
    struct bytes b = folder_get(&folder, "tile/entries/001.p/44");

    (void)state;
    for (size_t n = 0; n < b.length; n++) {
        folder_put(&folder, "tile/entries/001.p/44", b.data, n);
        assert_found(entry_of_byte(256, n), "truncated bundle");
    }
    assert_refused(SP_ECORRUPT, 299, "the bundle ends here");
    folder_put(&folder, "tile/entries/001.p/44", b.data, b.length);
    free(b.data);
    b = folder_get(&folder, "tile/0/000");
    folder_put(&folder, "tile/0/000", b.data, b.length - 32);
    assert_found(0, "truncated tile");
    assert_refused(SP_ECORRUPT, 0, "wrong length");
    folder_put(&folder, "tile/0/000", b.data, b.length);
    free(b.data);
    assert_opens(SIZE);
}

static void inserted_deleted_and_swapped_entries_are_found(void **state)
{
    struct bytes b = folder_get(&folder, "tile/entries/001.p/44");
    const size_t one = 5; /* bytes of each entry from 100 to 999 */
    uint8_t changed[1024];

    (void)state;
    assert_int_equal(b.length, 44 * one);
    /* one more at the end */
    memcpy(changed, b.data, b.length);
    memcpy(changed + b.length, b.data, one);
    folder_put(&folder, "tile/entries/001.p/44", changed, b.length + one);
    assert_found(299, "bytes at the end");
    /* one more inside */
    memcpy(changed, b.data, 10 * one);
    memcpy(changed + 10 * one, b.data, one);
    memcpy(changed + 11 * one, b.data + 10 * one, b.length - 10 * one);
    folder_put(&folder, "tile/entries/001.p/44", changed, b.length + one);
    assert_found(266, "inserted");
    /* one less */
    memcpy(changed, b.data, 7 * one);
    memcpy(changed + 7 * one, b.data + 8 * one, b.length - 8 * one);
    folder_put(&folder, "tile/entries/001.p/44", changed, b.length - one);
    assert_found(263, "deleted");
    /* two changed places */
    memcpy(changed, b.data, b.length);
    memcpy(changed + 20 * one, b.data + 30 * one, one);
    memcpy(changed + 30 * one, b.data + 20 * one, one);
    folder_put(&folder, "tile/entries/001.p/44", changed, b.length);
    assert_found(276, "swapped");
    assert_refused(SP_ECORRUPT, 276, "restore this file");
    free(b.data);
}

static void missing_files_are_found(void **state)
{
    static const struct {
        const char *path;
        uint64_t n;
        int error;
    } lost[] = {
        {"tile/entries/000", 0, SP_ECORRUPT},
        {"tile/0/000", 0, SP_ECORRUPT},
        {"tile/0/001.p/44", 256, SP_ECORRUPT},
        {"tile/1/000.p/1", 0, SP_ECORRUPT},
        /* only the end is gone: as if the copy were older */
        {"tile/entries/001.p/44", 256, SP_EROLLBACK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        struct bytes b = folder_get(&folder, lost[i].path);
        assert_int_equal(unlinkat(folder.fd, lost[i].path, 0), 0);
        assert_found(lost[i].n, lost[i].path);
        assert_refused(lost[i].error, lost[i].n, lost[i].path);
        folder_put(&folder, lost[i].path, b.data, b.length);
        free(b.data);
    }
    assert_opens(SIZE);
}

/* A liar's view of one entry: its bytes never come out. */
static void changed_entries_are_not_shown(void **state)
{
    struct ledger_view *v;
    const uint8_t *entry;
    size_t n;

    (void)state;
    folder_flip(&folder, "tile/entries/000", 2, 1);
    assert_int_equal(ledger_view_open(folder.fd, NULL, 0, &v), 0);
    assert_false(ledger_view_signed(v));
    assert_int_equal(ledger_view_entry(v, 0, &entry, &n), SP_ECORRUPT);
    assert_int_equal(ledger_view_entry(v, 1, &entry, &n), 0);
    ledger_view_free(v);
}

/* --- heads --- */

static void flipped_heads_are_refused(void **state)
{
    static const char *names[] = {"checkpoint", "last-signed"};
    struct ledger_verdict verdict;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct bytes b = folder_get(&folder, names[i]);
        for (size_t at = 0; at < b.length; at++) {
            poke(names[i], at, b.data[at] ^ (uint8_t)(1u << (at % 8)));
            if (i == 0)
                assert_int_not_equal(folder_verify(&folder, &verdict), 0);
            assert_refused(SP_ESIGNATURE, 0, names[i]);
            poke(names[i], at, b.data[at]);
        }
        free(b.data);
    }
    assert_opens(SIZE);
}

static void another_key_is_refused(void **state)
{
    struct note_signer other, mine = folder.signer;
    struct folder fork;
    struct ledger_view *v;

    (void)state;
    assert_int_equal(note_signer_generate(mine.verifier.name, &other), 0);
    folder.signer = other;
    assert_refused(SP_ESIGNATURE, 0, "last-signed");
    assert_int_equal(ledger_view_open(folder.fd, &other.verifier, 1, &v),
                     SP_ESIGNATURE);
    folder.signer = mine;
    /* the whole ledger signed anew with another key of the same name */
    folder_make(&fork);
    fork.signer = other;
    folder_fill_to(&fork, SIZE);
    assert_int_equal(ledger_view_open(fork.fd, &mine.verifier, 1, &v),
                     SP_ESIGNATURE);
    folder_remove(&fork);
}

static void heads_that_contradict_are_refused(void **state)
{
    struct bytes old = folder_get(&folder, "last-signed");
    struct bytes newer;
    struct ledger *l;
    struct ledger_options o = {.signer = &folder.signer, .checkpoint_ms = 100};
    struct folder fork;
    uint64_t n;

    (void)state;
    folder_fill_to(&folder, 350);
    newer = folder_get(&folder, "last-signed");
    /* last-signed of an older copy under a newer checkpoint */
    folder_put(&folder, "last-signed", old.data, old.length);
    assert_refused(SP_EROLLBACK, SIZE, "older copy");
    folder_put(&folder, "last-signed", newer.data, newer.length);
    /* an older checkpoint is what a crash leaves; it is shown anew */
    folder_put(&folder, "checkpoint", old.data, old.length);
    assert_opens(350);
    /* none is, too */
    assert_int_equal(unlinkat(folder.fd, "checkpoint", 0), 0);
    assert_opens(350);
    /* a fork under the same key */
    folder_make(&fork);
    o.folder = fork.fd;
    assert_int_equal(ledger_create(fork.fd, &fork.signer), 0);
    assert_int_equal(ledger_open(&o, NULL, NULL, &fork.recovery, &l), 0);
    assert_int_equal(ledger_append(l, "fork", 4, &n), 0);
    assert_int_equal(ledger_close(l), 0);
    struct bytes forked = folder_get(&fork, "checkpoint");
    folder_put(&folder, "checkpoint", forked.data, forked.length);
    assert_refused(SP_ECORRUPT, 0, "fork");
    folder_put(&folder, "checkpoint", newer.data, newer.length);
    /* no last-signed: nobody knows what was signed */
    assert_int_equal(unlinkat(folder.fd, "last-signed", 0), 0);
    assert_refused(SP_EROLLBACK, 0, "last-signed is missing");
    assert_int_equal(ledger_create(folder.fd, &folder.signer), SP_EEXIST);
    free(old.data);
    free(newer.data);
    free(forked.data);
    folder_remove(&fork);
}

/* Everything rewritten so that all files fit each other, under the old head. */
static void rewritten_tree_is_found(void **state)
{
    struct bytes head = folder_get(&folder, "checkpoint");
    struct ledger_options o = {.signer = &folder.signer, .checkpoint_ms = 100};
    struct ledger_verdict verdict;
    struct folder other;
    struct ledger_view *v;
    struct ledger *l;
    uint64_t n;

    (void)state;
    folder_make(&other);
    o.folder = other.fd;
    assert_int_equal(ledger_create(other.fd, &other.signer), 0);
    assert_int_equal(ledger_open(&o, NULL, NULL, &other.recovery, &l), 0);
    for (unsigned i = 0; i < SIZE; i++)
        assert_int_equal(ledger_append(l, "other", 5, &n), 0);
    assert_int_equal(ledger_close(l), 0);
    folder_put(&other, "checkpoint", head.data, head.length);
    folder_put(&other, "last-signed", head.data, head.length);
    assert_int_equal(ledger_view_open(other.fd, &other.signer.verifier, 1, &v),
                     0);
    assert_int_equal(ledger_verify(v, NULL, NULL, &verdict), SP_ECORRUPT);
    assert_non_null(strstr(verdict.problem, "root"));
    ledger_view_free(v);
    assert_int_equal(ledger_open(&o, NULL, NULL, &other.recovery, &l),
                     SP_ECORRUPT);
    assert_non_null(strstr(other.recovery.problem, "root"));
    folder_remove(&other);
    free(head.data);
}

/* --- restored backups --- */

static void restored_backup_is_refused(void **state)
{
    struct folder backup;
    struct bytes last;

    (void)state;
    folder_make(&backup);
    folder_copy_tree(folder.fd, backup.fd);
    folder_fill_to(&folder, 700);
    /* everything but last-signed is old */
    last = folder_get(&folder, "last-signed");
    folder_put(&backup, "last-signed", last.data, last.length);
    struct folder now = folder;
    folder = backup;
    assert_refused(SP_EROLLBACK, 256, "older copy");
    backup = folder;
    folder = now;
    free(last.data);
    folder_remove(&backup);
}

static void older_write_ahead_file_is_refused(void **state)
{
    struct bytes wal = folder_get(&folder, "wal/00000000000000000000");

    (void)state;
    folder_fill_to(&folder, 350);
    folder_put(&folder, "wal/00000000000000000000", wal.data, wal.length);
    assert_refused(SP_EROLLBACK, SIZE, "size 350 was signed");
    /* all of it gone, and the documented way out */
    assert_int_equal(unlinkat(folder.fd, "wal/00000000000000000000", 0), 0);
    assert_refused(SP_EROLLBACK, 350, "wal/00000000000000000350");
    folder_put(&folder, "wal/00000000000000000350", "", 0);
    assert_opens(350);
    free(wal.data);
    folder_fill_to(&folder, 600);
    assert_opens(600);
}

/* --- the write-ahead file's end --- */

#define WAL "wal/00000000000000000000"

struct tail {
    uint8_t data[65536];
    size_t length;
    size_t ends[64]; /* of each frame that was added */
    unsigned count;
};

static void tail_add(struct tail *t, uint64_t n, uint64_t batch)
{
    char text[24];
    struct wal_frame f = {
        .index = n, .batch = batch, .entry = (const uint8_t *)text};

    f.length = decimal_entry(n, text);
    merkle_leaf(text, f.length, &f.leaf);
    wal_frame_put(&f, t->data + t->length);
    t->length += WAL_HEADER + f.length;
    t->ends[t->count++] = t->length;
}

static void tail_start(struct tail *t)
{
    struct bytes b = folder_get(&folder, WAL);

    t->count = 0;
    t->length = b.length;
    memcpy(t->data, b.data, b.length);
    free(b.data);
}

static void P5_unsigned_entries_are_recovered(void **state)
{
    struct tail t;

    (void)state;
    tail_start(&t);
    for (unsigned i = 0; i < 5; i++)
        tail_add(&t, SIZE + i, SIZE + i / 2 * 2);
    folder_put(&folder, WAL, t.data, t.length);
    assert_opens(SIZE + 5);
    assert_int_equal(folder.recovery.signed_size, SIZE);
    assert_int_equal(folder.recovery.entries, SIZE + 5);
}

static void torn_tail_is_cut_and_counted(void **state)
{
    struct tail t;
    struct ledger *l;
    struct folder clean;

    (void)state;
    tail_start(&t);
    tail_add(&t, SIZE, SIZE);
    tail_add(&t, SIZE + 1, SIZE);
    folder_make(&clean);
    folder_copy_tree(folder.fd, clean.fd);
    struct folder first = folder;
    for (size_t n = t.ends[0]; n < t.ends[1]; n += 3) {
        folder_make(&folder);
        folder_copy_tree(clean.fd, folder.fd);
        folder_put(&folder, WAL, t.data, n);
        assert_int_equal(folder_open(&folder, &l), 0);
        assert_int_equal(folder.recovery.cut_bytes, n - t.ends[0]);
        assert_int_equal(ledger_size(l), SIZE + 1);
        assert_int_equal(folder_append(l, SIZE + 10), 0);
        assert_int_equal(ledger_close(l), 0);
        assert_opens(SIZE + 10);
        folder_remove(&folder);
    }
    folder = first;
    folder_remove(&clean);
}

/* Zeros and noise behind the end, as a file system leaves them. */
static void junk_behind_the_end_is_cut(void **state)
{
    struct tail t;
    struct ledger *l;

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        tail_start(&t);
        for (size_t i = 0; i < 9000; i++)
            t.data[t.length++] =
                kind == 0 ? 0 : (uint8_t)(i * 2654435761u >> 9);
        folder_put(&folder, WAL, t.data, t.length);
        assert_int_equal(folder_open(&folder, &l), 0);
        assert_int_equal(folder.recovery.cut_bytes, 9000);
        assert_int_equal(ledger_close(l), 0);
    }
    assert_opens(SIZE);
}

/* Pages of one unsynced batch may arrive in any order. */
static void tear_inside_the_last_batch_is_cut(void **state)
{
    struct tail t;
    struct ledger *l;

    (void)state;
    tail_start(&t);
    for (unsigned i = 0; i < 6; i++)
        tail_add(&t, SIZE + i, i < 2 ? SIZE : SIZE + 2);
    memset(t.data + t.ends[2], 0, t.ends[3] - t.ends[2]);
    folder_put(&folder, WAL, t.data, t.length);
    assert_int_equal(folder_open(&folder, &l), 0);
    assert_int_equal(ledger_size(l), SIZE + 3);
    assert_int_equal(folder.recovery.cut_bytes, t.ends[5] - t.ends[2]);
    assert_int_equal(ledger_close(l), 0);
}

static void damage_before_a_later_batch_is_refused(void **state)
{
    struct tail t;
    size_t start;

    (void)state;
    tail_start(&t);
    start = t.length;
    for (unsigned i = 0; i < 4; i++)
        tail_add(&t, SIZE + i, SIZE + i);
    for (size_t at = start; at < t.ends[2]; at += 1) {
        uint64_t n = at < t.ends[0]   ? SIZE
                     : at < t.ends[1] ? SIZE + 1
                                      : SIZE + 2;
        size_t in_frame = at < t.ends[0]   ? at - start
                          : at < t.ends[1] ? at - t.ends[0]
                                           : at - t.ends[1];
        if (in_frame >= 12 && in_frame < 20)
            continue; /* the batch may be smaller and says nothing then */
        t.data[at] ^= 0x04;
        folder_put(&folder, WAL, t.data, t.length);
        assert_refused(SP_ECORRUPT, n, WAL);
        t.data[at] ^= 0x04;
    }
    folder_put(&folder, WAL, t.data, t.length);
    assert_opens(SIZE + 4);
}

static void damage_to_signed_entries_is_refused(void **state)
{
    struct tail t;

    (void)state;
    tail_start(&t);
    t.data[t.length - 1] ^= 1; /* the last entry, which a head covers */
    folder_put(&folder, WAL, t.data, t.length);
    assert_refused(SP_ECORRUPT, SIZE - 1, "durable");
}

/* Another entry in the place of a signed one, its frame in order. */
static void other_content_for_a_signed_entry_is_refused(void **state)
{
    struct tail t;
    struct wal_frame f = {.index = SIZE - 1,
                          .batch = SIZE - 1,
                          .entry = (const uint8_t *)"999",
                          .length = 3};

    (void)state;
    tail_start(&t);
    merkle_leaf("999", 3, &f.leaf);
    wal_frame_put(&f, t.data + t.length - WAL_HEADER - 3);
    folder_put(&folder, WAL, t.data, t.length);
    assert_refused(SP_ECORRUPT, SIZE - 1, "differs from the signed bundle");
}

static void missing_and_moved_frames_are_refused(void **state)
{
    struct tail t, changed;

    (void)state;
    tail_start(&t);
    for (unsigned i = 0; i < 4; i++)
        tail_add(&t, SIZE + i, SIZE + i);
    /* the second is missing */
    changed = t;
    memmove(changed.data + t.ends[0], t.data + t.ends[1], t.length - t.ends[1]);
    folder_put(&folder, WAL, changed.data, t.length - (t.ends[1] - t.ends[0]));
    assert_refused(SP_ECORRUPT, SIZE + 1, WAL);
    /* the last two have changed places */
    changed = t;
    memcpy(changed.data + t.ends[1], t.data + t.ends[2], t.ends[3] - t.ends[2]);
    memcpy(changed.data + t.ends[1] + (t.ends[3] - t.ends[2]),
           t.data + t.ends[1], t.ends[2] - t.ends[1]);
    folder_put(&folder, WAL, changed.data, t.length);
    assert_refused(SP_ECORRUPT, SIZE + 2, WAL);
    /* the last is there twice: its second self is a torn tail, no more */
    changed = t;
    memcpy(changed.data + t.length, t.data + t.ends[2], t.ends[3] - t.ends[2]);
    folder_put(&folder, WAL, changed.data, t.length + t.ends[3] - t.ends[2]);
    assert_opens(SIZE + 4);
}

static void missing_segment_is_refused(void **state)
{
    struct tail t;

    (void)state;
    tail_start(&t);
    tail_add(&t, SIZE, SIZE);
    folder_put(&folder, WAL, t.data, t.length);
    folder_put(&folder, "wal/00000000000000000305", "", 0);
    assert_refused(SP_ECORRUPT, SIZE + 1, "305");
    /* a segment with a successor has no torn tail */
    assert_int_equal(renameat(folder.fd, "wal/00000000000000000305", folder.fd,
                              "wal/00000000000000000301"),
                     0);
    folder_put(&folder, WAL, t.data, t.length - 1);
    assert_refused(SP_ECORRUPT, SIZE, "durable");
    folder_put(&folder, WAL, t.data, t.length);
    assert_opens(SIZE + 1);
}

static void half_created_ledger_is_created(void **state)
{
    struct folder half;

    (void)state;
    folder_make(&half);
    assert_int_equal(file_make_folders(half.fd, "wal", 0700), 0);
    assert_int_equal(file_make_folders(half.fd, "tile", 0700), 0);
    folder_put(&half, WAL, "", 0);
    folder_fill_to(&half, 3);
    folder_remove(&half);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_flipped_byte_is_found_with_its_entry),
        TEST(upper_tiles_point_at_the_first_entry_below),
        TEST(truncated_files_are_found),
        TEST(inserted_deleted_and_swapped_entries_are_found),
        TEST(missing_files_are_found),
        TEST(changed_entries_are_not_shown),
        TEST(flipped_heads_are_refused),
        TEST(another_key_is_refused),
        TEST(heads_that_contradict_are_refused),
        TEST(rewritten_tree_is_found),
        TEST(restored_backup_is_refused),
        TEST(older_write_ahead_file_is_refused),
        TEST(P5_unsigned_entries_are_recovered),
        TEST(torn_tail_is_cut_and_counted),
        TEST(junk_behind_the_end_is_cut),
        TEST(tear_inside_the_last_batch_is_cut),
        TEST(damage_before_a_later_batch_is_refused),
        TEST(damage_to_signed_entries_is_refused),
        TEST(other_content_for_a_signed_entry_is_refused),
        TEST(missing_and_moved_frames_are_refused),
        TEST(missing_segment_is_refused),
        TEST(half_created_ledger_is_created),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
