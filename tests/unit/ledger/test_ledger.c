/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as its owner uses it: what is on disk to the byte, when an entry
 * counts as durable, what a reader sees meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/limits.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/hex.h"

#define DASH "\xe2\x80\x94 "

static struct folder folder;

static int setup(void **state)
{
    (void)state;
    folder_make(&folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
#ifdef SP_HOOKS
    ledger_hook_sync_delay(0);
#endif
    folder_remove(&folder);
    return 0;
}

/* --- the vectors --- */

static const struct {
    uint64_t size;
    const char *root, *signature; /* NULL: only the root is published */
} heads[] = {
    {0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
     "vqljH773J4fcc4luilWMLxGT6Bw0KyX1jWe/PfCiu/I/"
     "ueRK3d79xqHbv1j/T8GmElyvAe+mJtcAGcIyVHOgUUThUQQ="},
    {1, "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=", NULL},
    {255, "Mvhbyqh9e80Fco8J6a66NQumovczgwCH8Fl2goSL5cs=", NULL},
    {256, "goUV0DPBnYyQHzfsy4rtkZZncDSG+NL/8c9wQDIcXbE=", NULL},
    {257, "HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ=",
     "vqljHyPTjt4kaDcKeLuY2IzMsvGFBc6B4xhOZmfAwWF9yDZxZ1vCJ1zZPRh9JpeWKT1P1t1"
     "Ex/LJHDcqKR/8BF96ZwM="},
    {512, "1LIWJJXKYJ3AY5DTU8oMVRB3ZcYJ4CJut0fYkQXcjVU=", NULL},
    {1000, "Y4r6mAIpJbrP3a2xXvIv0BmcGsmcKXO2FYJD0T/OBcI=", NULL},
    {65536, "8CXQbtgEhZ/SdKG9rK3W5I6odjSqkeHtsgFD+UmM0Cs=", NULL},
    {70000, "Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=",
     "vqljH8kg+e26Z4pWHtIAIhInyTIeB6C1z6ON83aONMPa5juOMNmxv8i4F80xWLN72zc4ehu3"
     "SvsE2AVUVbUfxSgCJQ4="},
};

static const struct {
    uint64_t from; /* the size at which it is there … */
    uint64_t to;   /* … and to which it stays */
    const char *path;
    size_t length;
    const char *sha256; /* NULL: must be there */
} files[] = {
    {256, 70000, "tile/0/000", 8192,
     "b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b"},
    {256, 70000, "tile/entries/000", 1170,
     "94693d5c6d6a0355ec07bac8214516c1ce6a5100b0588f226fd95f26571157d7"},
    {257, 257, "tile/0/001.p/1", 32,
     "981d45e4e43aa88052c5977a60140d138c34616386a58afd1dd8c3045e7a5a50"},
    {257, 257, "tile/1/000.p/1", 32,
     "d8543884b063e422f6de2e558c6b11eb5e1a20528ccfe23cf27ceeb764b93a6e"},
    {257, 257, "tile/entries/001.p/1", 5,
     "27224137367efa18fb136223191d2ebf06b90d9cf92022eef939d58a3c7eaf9e"},
    {70000, 70000, "tile/0/273.p/112", 3584,
     "4d21244557c976993a9a89bf928a46b5a876585228df279878239fd84489e5a5"},
    {70000, 70000, "tile/1/000", 8192,
     "ea7b038bc73489c89c31a27ac355aaca65a4ed73f0dd7484e68deb29d30f10a2"},
    {70000, 70000, "tile/1/001.p/17", 544,
     "adfaca2731630fe7944a4b98a0f98ef3e98685eafda09e6f81070218fb759ce4"},
    {70000, 70000, "tile/2/000.p/1", 32,
     "f0113c8bad855b49f9a5dd661d50012cd94f19aae87a45eb8334666835e3caea"},
    {70000, 70000, "tile/entries/273.p/112", 784,
     "36c3ec44895d1b8098dbe8523078d6750bf09e0f12cd64671ebfe165b7647405"},
};

static void assert_checkpoint(size_t i)
{
    char want[NOTE_MAX];
    struct bytes have = folder_get(&folder, "checkpoint");
    struct bytes last = folder_get(&folder, "last-signed");
    int n =
        snprintf(want, sizeof want,
                 "log.example/audit\n%llu\n%s\n\n" DASH "log.example/audit ",
                 (unsigned long long)heads[i].size, heads[i].root);

    if (heads[i].signature != NULL)
        n += snprintf(want + n, sizeof want - (size_t)n, "%s\n",
                      heads[i].signature);
    assert_true(have.length >= (size_t)n);
    assert_memory_equal(have.data, want, (size_t)n);
    if (heads[i].signature != NULL)
        assert_int_equal(have.length, n);
    assert_int_equal(last.length, have.length);
    assert_memory_equal(last.data, have.data, have.length);
    free(have.data);
    free(last.data);
}

static void assert_files(uint64_t size)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (size < files[i].from || size > files[i].to)
            continue;
        struct bytes b = folder_get(&folder, files[i].path);
        assert_int_equal(b.length, files[i].length);
        assert_sha256(b.data, b.length, files[i].sha256);
        free(b.data);
    }
}

static uint64_t count_files(const char *path)
{
    uint64_t count = 0;
    int fd = openat(folder.fd, path, O_RDONLY | O_DIRECTORY);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    while (d != NULL) {
        const struct dirent *e = readdir(d);
        if (e == NULL)
            break;
        count += e->d_name[0] != '.';
    }
    if (d != NULL)
        closedir(d);
    return count;
}

static void files_are_the_vectors_to_the_byte(void **state)
{
    struct ledger_verdict verdict;

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        folder_fill_to(&folder, heads[i].size);
        assert_checkpoint(i);
        assert_files(heads[i].size);
        assert_int_equal(folder_verify(&folder, &verdict), 0);
        assert_true(verdict.good);
        assert_int_equal(verdict.entries, heads[i].size);
        assert_int_equal(folder.replayed, heads[i].size);
    }
    /* What the partial tiles on the way left is gone: 273 full tiles and the
     * folder of the partial one. */
    assert_int_equal(count_files("tile/0"), 274);
    assert_int_equal(count_files("tile/entries"), 274);
    assert_int_equal(count_files("tile/1"), 2);
    assert_int_equal(count_files("tile/2"), 1);
}

static void one_run_gives_the_same_files(void **state)
{
    (void)state;
    folder_fill_to(&folder, 70000);
    assert_checkpoint(8);
    assert_files(70000);
}

/* --- opening --- */

static void create_and_open_refuse_what_is_not_theirs(void **state)
{
    struct ledger *l = NULL, *other = NULL;

    (void)state;
    assert_int_equal(folder_open(&folder, &l), SP_ENOENT);
    assert_int_equal(ledger_create(folder.fd, &folder.signer), 0);
    assert_int_equal(ledger_create(folder.fd, &folder.signer), SP_EEXIST);
    assert_int_equal(folder_open(&folder, &l), 0);
    assert_int_equal(folder_open(&folder, &other), SP_EEXIST);
    assert_non_null(strstr(folder.recovery.problem, "another process"));
    assert_int_equal(ledger_create(folder.fd, &folder.signer), SP_EEXIST);
    assert_int_equal(ledger_close(l), 0);
    assert_int_equal(ledger_create(folder.fd, &folder.signer), SP_EEXIST);
    assert_int_equal(folder_open(&folder, &l), 0);
    assert_int_equal(ledger_close(l), 0);
}

static void P5_replay_gives_every_entry_back(void **state)
{
    struct ledger *l;

    (void)state;
    folder_fill_to(&folder, 600);
    assert_int_equal(folder_open(&folder, &l), 0);
    assert_int_equal(folder.replayed, 600);
    assert_int_equal(folder.recovery.entries, 600);
    assert_int_equal(folder.recovery.signed_size, 600);
    assert_int_equal(folder.recovery.cut_bytes, 0);
    assert_int_equal(ledger_size(l), 600);
    assert_int_equal(ledger_durable(l), 600);
    assert_int_equal(ledger_published(l), 600);
    assert_int_equal(ledger_close(l), 0);
}

static int refuse_seven(void *arg, uint64_t n, const uint8_t *entry,
                        size_t length)
{
    (void)arg, (void)entry, (void)length;
    return n == 7 ? SP_EUNSUPPORTED : 0;
}

static void replay_stops_where_the_owner_says(void **state)
{
    struct ledger_options o = {
        .folder = folder.fd, .signer = &folder.signer, .checkpoint_ms = 100};
    struct ledger *l;

    (void)state;
    folder_fill_to(&folder, 20);
    assert_int_equal(ledger_open(&o, refuse_seven, NULL, &folder.recovery, &l),
                     SP_EUNSUPPORTED);
    assert_int_equal(folder.recovery.bad_index, 7);
    assert_null(l);
}

/* --- appending --- */

static void entries_have_bounds(void **state)
{
    static uint8_t big[LIMIT_ENTRY_BYTES + 1];
    struct ledger_view *v;
    const uint8_t *entry;
    struct ledger *l;
    size_t length;
    uint64_t n = 99;

    (void)state;
    assert_int_equal(ledger_create(folder.fd, &folder.signer), 0);
    assert_int_equal(folder_open(&folder, &l), 0);
    memset(big, 'x', sizeof big);
    assert_int_equal(ledger_append(l, big, 0, &n), SP_ETOOBIG);
    assert_int_equal(ledger_append(l, big, sizeof big, &n), SP_ETOOBIG);
    assert_int_equal(n, 99);
    assert_int_equal(ledger_append(l, big, sizeof big - 1, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(ledger_append(l, big, 1, &n), 0);
    assert_int_equal(n, 1);
    ledger_kick(l, true);
    assert_int_equal(ledger_close(l), 0);
    assert_int_equal(
        ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
    assert_true(ledger_view_signed(v));
    assert_int_equal(ledger_view_entry(v, 0, &entry, &length), 0);
    assert_int_equal(length, LIMIT_ENTRY_BYTES);
    assert_memory_equal(entry, big, length);
    assert_int_equal(ledger_view_entry(v, 2, &entry, &length), SP_ENOENT);
    ledger_view_free(v);
}

/* Bundles of the largest entries there are, across segments. */
static void largest_entries_fill_bundles_and_segments(void **state)
{
    static uint8_t big[LIMIT_ENTRY_BYTES];
    struct ledger_options o = {
        .folder = folder.fd, .signer = &folder.signer, .checkpoint_ms = 100};
    struct ledger_verdict verdict;
    struct ledger_view *v;
    struct ledger *l;
    uint64_t n;

    (void)state;
    assert_int_equal(ledger_create(folder.fd, &folder.signer), 0);
    assert_int_equal(ledger_open(&o, NULL, NULL, &folder.recovery, &l), 0);
    for (unsigned i = 0; i < 1100; i++) {
        memcpy(big, &i, sizeof i);
        assert_int_equal(ledger_append(l, big, sizeof big, &n), 0);
        if (i % 50 == 49) {
            ledger_kick(l, true);
            while (ledger_durable(l) < i)
                sleep_ms(1);
        }
    }
    assert_int_equal(ledger_close(l), 0);
    assert_true(count_files("wal") < 3); /* what is published is cut */
    assert_int_equal(
        ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
    assert_int_equal(ledger_verify(v, NULL, NULL, &verdict), 0);
    assert_int_equal(verdict.entries, 1100);
    ledger_view_free(v);
    assert_int_equal(ledger_open(&o, NULL, NULL, &folder.recovery, &l), 0);
    assert_int_equal(ledger_size(l), 1100);
    assert_int_equal(ledger_close(l), 0);
}

static void wait_for(uint64_t (*get)(const struct ledger *),
                     const struct ledger *l, uint64_t want)
{
    for (unsigned i = 0; i < 20000 && get(l) < want; i++)
        sleep_ms(1);
    assert_true(get(l) >= want);
}

static void unhurried_entries_are_synced_too(void **state)
{
    struct ledger *l;
    uint64_t n;

    (void)state;
    folder_fill_to(&folder, 3);
    assert_int_equal(folder_open(&folder, &l), 0);
    assert_int_equal(ledger_append(l, "3", 1, &n), 0);
    ledger_kick(l, false);
    wait_for(ledger_durable, l, 4);
    wait_for(ledger_published, l, 4);
    assert_int_equal(atomic_load(&folder.durable), 4);
    assert_int_equal(ledger_close(l), 0);
}

static void closing_publishes_what_nobody_kicked(void **state)
{
    struct ledger_verdict verdict;
    struct ledger *l;
    uint64_t n;

    (void)state;
    folder_fill_to(&folder, 3);
    assert_int_equal(folder_open(&folder, &l), 0);
    assert_int_equal(ledger_append(l, "3", 1, &n), 0);
    assert_int_equal(ledger_close(l), 0);
    assert_int_equal(folder_verify(&folder, &verdict), 0);
    assert_int_equal(verdict.entries, 4);
}

#ifdef SP_HOOKS
static void P1_durable_only_after_the_sync(void **state)
{
    struct ledger *l;
    uint64_t n;

    (void)state;
    folder_fill_to(&folder, 1);
    assert_int_equal(folder_open(&folder, &l), 0);
    atomic_store(&folder.durable, 0);
    ledger_hook_sync_delay(400);
    assert_int_equal(ledger_append(l, "1", 1, &n), 0);
    ledger_kick(l, true);
    for (unsigned i = 0; i < 10; i++) {
        sleep_ms(10);
        assert_int_equal(ledger_durable(l), 1);
        assert_int_equal(atomic_load(&folder.durable), 0);
        assert_int_equal(ledger_published(l), 1);
    }
    wait_for(ledger_durable, l, 2);
    assert_int_equal(atomic_load(&folder.durable), 2);
    ledger_hook_sync_delay(0);
    assert_int_equal(ledger_close(l), 0);
}
#endif

/* --- reading while it is written --- */

/* Opens views all the time and checks each whole: whatever checkpoint is
 * there, its tree is there. */
static void readers_see_whole_trees_while_it_grows(void **state)
{
    struct ledger *l;
    uint64_t seen = 0, views = 0;

    (void)state;
    folder_fill_to(&folder, 0);
    assert_int_equal(folder_open(&folder, &l), 0);
    while (seen < 3000) {
        struct ledger_verdict verdict;
        struct ledger_view *v;
        if (ledger_size(l) < 3000)
            assert_int_equal(folder_append(l, ledger_size(l) + 37), 0);
        assert_int_equal(
            ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
        uint64_t size = ledger_view_checkpoint(v)->size;
        assert_true(size >= seen);
        seen = size;
        sleep_ms((long)(views % 7) * 20); /* lets the view grow old */
        folder.replayed = 0;
        int r = ledger_verify(v, folder_replay, &folder, &verdict);
        if (r != 0)
            fail_msg("size %llu: %s", (unsigned long long)size,
                     verdict.problem);
        assert_int_equal(verdict.entries, size);
        if (size > 0) {
            const uint8_t *entry;
            size_t n;
            char text[24];
            assert_int_equal(ledger_view_entry(v, size - 1, &entry, &n), 0);
            assert_int_equal(n, decimal_entry(size - 1, text));
        }
        ledger_view_free(v);
        views++;
    }
    assert_int_equal(ledger_close(l), 0);
}

/* --- proofs from tiles --- */

static void proofs_from_tiles_verify(void **state)
{
    static const uint64_t sizes[] = {1, 2, 255, 256, 257, 600, 1000};
    struct ledger_view *v;
    const struct checkpoint *c;
    struct merkle_path p;

    (void)state;
    folder_fill_to(&folder, 1000);
    assert_int_equal(
        ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
    c = ledger_view_checkpoint(v);
    for (uint64_t n = 0; n < c->size; n += 13) {
        char text[24];
        struct hash leaf;
        merkle_leaf(text, decimal_entry(n, text), &leaf);
        assert_int_equal(
            merkle_prove_inclusion(ledger_view_hash, v, n, c->size, &p), 0);
        assert_int_equal(
            merkle_verify_inclusion(&leaf, n, c->size, &p, &c->root), 0);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct hash root;
        assert_int_equal(merkle_root(ledger_view_hash, v, sizes[i], &root), 0);
        assert_int_equal(merkle_prove_consistency(ledger_view_hash, v, sizes[i],
                                                  c->size, &p),
                         0);
        assert_int_equal(
            merkle_verify_consistency(sizes[i], &root, c->size, &c->root, &p),
            0);
    }
    assert_int_equal(ledger_view_hash(v, 0, 1000, &p.hashes[0]), SP_ENOENT);
    assert_int_equal(ledger_view_hash(v, 9, 1, &p.hashes[0]), SP_ENOENT);
    ledger_view_free(v);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_the_vectors_to_the_byte),
        TEST(one_run_gives_the_same_files),
        TEST(create_and_open_refuse_what_is_not_theirs),
        TEST(P5_replay_gives_every_entry_back),
        TEST(replay_stops_where_the_owner_says),
        TEST(entries_have_bounds),
        TEST(largest_entries_fill_bundles_and_segments),
        TEST(unhurried_entries_are_synced_too),
        TEST(closing_publishes_what_nobody_kicked),
#ifdef SP_HOOKS
        TEST(P1_durable_only_after_the_sync),
#endif
        TEST(readers_see_whole_trees_while_it_grows),
        TEST(proofs_from_tiles_verify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
