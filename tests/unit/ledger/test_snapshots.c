/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts from a snapshot (P5): the tree goes on as if everything had been read;
 * what does not fit is passed over; what is before the snapshot is not looked
 * at, and everything behind it, and the tree's right edge, is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/snapshots.h"
#include "tests/unit/ledger/folder.h"

/* So long that the write-ahead file, which is compared with the tiles, no
 * longer has the first entries. 312 full tiles and a half. */
#define LONG 80000
#define AT   79000 /* entry 152 of bundle 308 */

static struct folder folder;
static uint64_t first, next; /* entry that was replayed first, and is due */
static unsigned offered;

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

/* A good one says which entry it belongs to; that one is its own decimal. */
static void snapshot_put(uint64_t size)
{
    char text[40];
    int n =
        snprintf(text, sizeof text, "before %llu", (unsigned long long)size);

    assert_int_equal(snapshots_put(folder.fd, size, text, (size_t)n), 0);
}

static int restore(void *arg, uint64_t size, const uint8_t *entry,
                   size_t length, const uint8_t *file, size_t file_length)
{
    char text[40], decimal[24];
    int n =
        snprintf(text, sizeof text, "before %llu", (unsigned long long)size);

    assert_ptr_equal(arg, &folder);
    offered++;
    assert_int_equal(length, decimal_entry(size, decimal));
    assert_memory_equal(entry, decimal, length);
    if (file_length != (size_t)n || memcmp(file, text, (size_t)n) != 0)
        return SP_EINVAL;
    first = next = size;
    return 0;
}

static int replay(void *arg, uint64_t n, const uint8_t *entry, size_t length)
{
    char decimal[24];

    assert_ptr_equal(arg, &folder);
    assert_int_equal(n, next++);
    assert_int_equal(length, decimal_entry(n, decimal));
    assert_memory_equal(entry, decimal, length);
    return 0;
}

static int open_from_snapshot(struct ledger **l)
{
    struct ledger_options o = {.folder = folder.fd,
                               .signer = &folder.signer,
                               .checkpoint_ms = 100,
                               .restore = restore,
                               .on_failed = folder_failed,
                               .arg = &folder};

    first = next = 0;
    offered = 0;
    *l = NULL;
    return ledger_open(&o, replay, &folder, &folder.recovery, l);
}

/* Opens, goes on to `size`, and all of it is there. */
static void goes_on(uint64_t from, uint64_t size)
{
    struct ledger_verdict verdict;
    struct ledger *l;

    assert_int_equal(open_from_snapshot(&l), 0);
    assert_int_equal(first, from);
    assert_int_equal(folder.recovery.restored, from);
    assert_int_equal(folder.recovery.replayed, next - from);
    assert_int_equal(folder.recovery.entries, next);
    assert_int_equal(ledger_size(l), next);
    assert_int_equal(folder_append(l, size), 0);
    assert_int_equal(ledger_close(l), 0);
    assert_int_equal(folder_verify(&folder, &verdict), 0);
    assert_true(verdict.good);
    assert_int_equal(verdict.entries, size);
}

static void P5_the_tree_goes_on_from_any_snapshot(void **state)
{
    static const uint64_t sizes[] = {2,   255,  256,   257,   300,
                                     600, 1000, 65536, 65700, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t size = sizes[i];
        const uint64_t from[] = {1, size / 2, size - size % 256, size - 1};

        folder_fill_to(&folder, size);
        for (size_t j = 0; j < 4; j++) {
            if (from[j] == 0 || from[j] >= size)
                continue;
            snapshot_put(from[j]);
            goes_on(from[j], size);
        }
        goes_on(from[3], size + 1);
    }
}

static void the_root_is_the_same_as_without(void **state)
{
    struct bytes a, b;
    struct ledger *l;

    (void)state;
    folder_fill_to(&folder, 70000);
    snapshot_put(69999);
    goes_on(69999, 71000);
    a = folder_get(&folder, "checkpoint");
    folder_remove(&folder);
    folder_make(&folder);
    folder_fill_to(&folder, 71000);
    b = folder_get(&folder, "checkpoint");
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.data, b.data, a.length);
    free(a.data);
    free(b.data);
    assert_int_equal(open_from_snapshot(&l), 0);
    assert_int_equal(folder.recovery.replayed, 71000);
    assert_string_equal(folder.recovery.skipped, "");
    assert_int_equal(ledger_close(l), 0);
}

static void the_next_older_one_is_taken(void **state)
{
    (void)state;
    folder_fill_to(&folder, 900);
    snapshot_put(300);
    snapshot_put(700);
    folder_put(&folder, "snapshot/00000000000000000700", "other", 5);
    goes_on(300, 900);
    assert_int_equal(offered, 2);
    assert_non_null(strstr(folder.recovery.skipped,
                           "snapshot/00000000000000000700: it is not what"));
}

static void without_one_that_fits_all_is_replayed(void **state)
{
    (void)state;
    folder_fill_to(&folder, 900);
    assert_int_equal(mkdirat(folder.fd, "snapshot", 0700), 0);
    goes_on(0, 900);
    folder_put(&folder, "snapshot/00000000000000000700", "", 0);
    folder_put(&folder, "snapshot/00000000000000000000", "before 0", 8);
    folder_put(&folder, "snapshot/00000000000000000800.new", "before 800", 10);
    folder_put(&folder, "snapshot/800", "before 800", 10);
    assert_int_equal(mkdirat(folder.fd, "snapshot/00000000000000000800", 0700),
                     0);
    goes_on(0, 900);
    assert_int_equal(offered, 1);
    assert_non_null(strstr(folder.recovery.skipped, "800: reading it"));
}

/* A crash can keep an entry out of the signed tree, or out of the ledger. */
static void a_snapshot_needs_a_signed_entry(void **state)
{
    (void)state;
    folder_fill_to(&folder, 900);
    snapshot_put(700);
    folder_put(&folder, "snapshot/00000000000000000900", "before 900", 10);
    folder_put(&folder, "snapshot/18446744073709551615", "x", 1);
    goes_on(700, 900);
    assert_int_equal(offered, 1);
    assert_non_null(strstr(folder.recovery.skipped, "not in the signed tree"));
}

static unsigned snapshots_there(void)
{
    static const char *const names[] = {"100", "200", "300", "400", "999"};
    char path[40];
    unsigned there = 0;

    for (unsigned i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "snapshot/00000000000000000%s", names[i]);
        there |= (unsigned)folder_has(&folder, path) << i;
    }
    return there;
}

static void the_newest_two_are_kept(void **state)
{
    (void)state;
    snapshot_put(100);
    assert_int_equal(snapshots_there(), 1);
    snapshot_put(200);
    assert_int_equal(snapshots_there(), 3);
    snapshot_put(300);
    assert_int_equal(snapshots_there(), 6);
    /* One whose entry was lost: the ledger is not that long. */
    snapshot_put(999);
    assert_int_equal(snapshots_there(), 4 + 16);
    /* One that a crash cut short. */
    folder_put(&folder, "snapshot/00000000000000000350.new", "bef", 3);
    folder_put(&folder, "snapshot/notes.new", "", 0);
    snapshot_put(400);
    assert_int_equal(snapshots_there(), 4 + 8);
    assert_false(folder_has(&folder, "snapshot/00000000000000000350.new"));
    assert_true(folder_has(&folder, "snapshot/notes.new"));
}

static void what_is_before_is_only_verified(void **state)
{
    struct ledger_verdict verdict;
    struct ledger *l;

    (void)state;
    folder_fill_to(&folder, LONG - 200); /* in a full segment, or more */
    folder_fill_to(&folder, LONG);
    snapshot_put(AT);
    folder_flip(&folder, "tile/entries/017", 100, 1);
    folder_flip(&folder, "tile/0/018", 100, 1);
    folder_flip(&folder, "tile/1/000", 100, 1);
    assert_int_equal(open_from_snapshot(&l), 0);
    assert_int_equal(folder.recovery.restored, AT);
    assert_int_equal(ledger_close(l), 0);
    assert_int_equal(folder_verify(&folder, &verdict), SP_ECORRUPT);
    assert_int_equal(verdict.bad_index / 256, 17);
    /* Without the snapshot the start finds it, too. */
    unlinkat(folder.fd, "snapshot/00000000000000079000", 0);
    assert_int_equal(open_from_snapshot(&l), SP_ECORRUPT);
    assert_int_equal(folder.recovery.bad_index / 256, 17);
}

/* Every byte of what a start from the snapshot stands on. */
static void P5_what_is_behind_and_the_edge_are_checked(void **state)
{
    static const struct {
        const char *path;
        size_t step;
    } files[] = {
        {"tile/entries/308", 211}, {"tile/entries/312.p/128", 67},
        {"tile/0/308", 131},       {"tile/0/310", 41},
        {"tile/0/312.p/128", 131}, {"tile/1/001.p/56", 27},
        {"tile/2/000.p/1", 5},     {"last-signed", 31},
    };
    struct ledger *l;

    (void)state;
    folder_fill_to(&folder, LONG);
    snapshot_put(AT);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct bytes whole = folder_get(&folder, files[i].path);
        for (size_t at = 0; at < whole.length; at += files[i].step) {
            folder_flip(&folder, files[i].path, at, 4);
            int r = open_from_snapshot(&l);
            if (r != SP_ECORRUPT && r != SP_ESIGNATURE)
                fail_msg("%s: byte %zu: %d", files[i].path, at, r);
            folder_put(&folder, files[i].path, whole.data, whole.length);
        }
        free(whole.data);
    }
    assert_int_equal(open_from_snapshot(&l), 0);
    assert_int_equal(folder.recovery.restored, AT);
    assert_int_equal(ledger_close(l), 0);
}

/* The bundle's own entry says another thing than the signed tree. */
static void an_entry_that_is_not_the_trees_counts_nothing(void **state)
{
    struct bytes b;
    struct ledger *l;

    (void)state;
    folder_fill_to(&folder, LONG);
    snapshot_put(AT);
    b = folder_get(&folder, "tile/entries/308");
    b.data[152 * 7 + 2] = '8'; /* "89000" */
    folder_put(&folder, "tile/entries/308", b.data, b.length);
    free(b.data);
    assert_int_equal(open_from_snapshot(&l), SP_ECORRUPT);
    assert_int_equal(offered, 0);
    assert_int_equal(folder.recovery.bad_index, AT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(P5_the_tree_goes_on_from_any_snapshot),
        TEST(the_root_is_the_same_as_without),
        TEST(the_next_older_one_is_taken),
        TEST(without_one_that_fits_all_is_replayed),
        TEST(a_snapshot_needs_a_signed_entry),
        TEST(the_newest_two_are_kept),
        TEST(what_is_before_is_only_verified),
        TEST(P5_what_is_behind_and_the_edge_are_checked),
        TEST(an_entry_that_is_not_the_trees_counts_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
