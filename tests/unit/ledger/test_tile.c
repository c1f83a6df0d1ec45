/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, widths and bundles of C2SP tlog-tiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ledger/tile.h"

static const struct {
    int level;
    uint64_t index;
    unsigned width;
    const char *path; /* NULL: refused */
} paths[] = {
    {0, 0, 256, "tile/0/000"},
    {0, 999, 256, "tile/0/999"},
    {0, 1000, 256, "tile/0/x001/000"},
    {1, 999999, 256, "tile/1/x999/999"},
    {0, 1234067, 256, "tile/0/x001/x234/067"},
    {2, 1234067, 17, "tile/2/x001/x234/067.p/17"},
    {TILE_ENTRIES, 273, 112, "tile/entries/273.p/112"},
    {TILE_ENTRIES, 0, 256, "tile/entries/000"},
    {63, UINT64_C(1) << 40, 1, "tile/63/x001/x099/x511/x627/776.p/1"},
    {0, UINT64_MAX, 255, "tile/0/x018/x446/x744/x073/x709/x551/615.p/255"},
    {0, 0, 0, NULL},
    {0, 0, 257, NULL},
    {-2, 0, 256, NULL},
    {64, 0, 256, NULL},
};

static void paths_are_as_specified(void **state)
{
    char path[TILE_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int r = tile_path(paths[i].level, paths[i].index, paths[i].width, path);
        assert_int_equal(r, paths[i].path == NULL ? SP_ERANGE : 0);
        if (r == 0)
            assert_string_equal(path, paths[i].path);
    }
}

static const struct {
    int level;
    uint64_t size;
    unsigned width;
} widths[] = {
    {0, 0, 0},
    {0, 1, 1},
    {0, 255, 255},
    {0, 256, 0},
    {1, 256, 1},
    {0, 70000, 112},
    {1, 70000, 17},
    {2, 70000, 1},
    {3, 70000, 0},
    {TILE_ENTRIES, 70000, 112},
    {7, UINT64_MAX, 255},
    {8, UINT64_MAX, 0},
    {63, UINT64_MAX, 0},
};

static void widths_are_as_specified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        assert_int_equal(tile_partial_width(widths[i].level, widths[i].size),
                         widths[i].width);
}

static void bundle_is_read_entry_by_entry(void **state)
{
    static const uint8_t bundle[] = {0, 1, '0', 0, 0, 0, 2, 'a', 'b'};
    const uint8_t *entry;
    size_t at = 0, n;

    (void)state;
    assert_int_equal(bundle_next(bundle, sizeof bundle, &at, &entry, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(entry[0], '0');
    assert_int_equal(bundle_next(bundle, sizeof bundle, &at, &entry, &n), 0);
    assert_int_equal(n, 0); /* an empty entry can be written down */
    assert_int_equal(bundle_next(bundle, sizeof bundle, &at, &entry, &n), 0);
    assert_memory_equal(entry, "ab", 2);
    assert_int_equal(bundle_next(bundle, sizeof bundle, &at, &entry, &n),
                     SP_ENOENT);
}

static void torn_bundles_are_refused(void **state)
{
    static const uint8_t bundle[] = {0, 2, 'a', 'b', 0xff, 0xff, 'c'};
    const uint8_t *entry;
    size_t n;

    (void)state;
    for (size_t size = 1; size <= sizeof bundle; size++) {
        size_t at = 0;
        int r;
        while ((r = bundle_next(bundle, size, &at, &entry, &n)) == 0)
            assert_true(entry + n <= bundle + size);
        assert_int_equal(r, size == 4 ? SP_ENOENT : SP_EINVAL);
    }
}

static void paths_are_read_as_they_are_written(void **state)
{
    static const uint64_t indices[] = {0,
                                       1,
                                       999,
                                       1000,
                                       999999,
                                       1000000,
                                       1234067,
                                       5000000000,
                                       INT64_MAX / 256,
                                       UINT64_MAX / 1000};
    static const char *const wrong[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/1000",
        "tile/0/x000/000",
        "tile/0/x001x/000",
        "tile/0/x001/",
        "tile/0/x1/000",
        "tile/0/001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/1/",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000 ",
        "tile/entries",
        "tile/entries/",
        "tile/Entries/000",
        "tile/entries/000.p/1 ",
        "tile/data/000",
        "tile/0/../0/000",
        "tile/0/000/../../../checkpoint",
        "/tile/0/000",
        "checkpoint",
        "last-signed",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
    };
    char path[TILE_PATH_MAX];
    uint64_t index;
    unsigned width;
    int level;

    (void)state;
    for (int l = TILE_ENTRIES; l < 64; l++)
        for (size_t i = 0; i < sizeof indices / sizeof *indices; i++)
            for (unsigned w = 1; w <= TILE_WIDTH; w += 51) {
                assert_int_equal(tile_path(l, indices[i], w, path), 0);
                if (tile_path_parse(path, &level, &index, &width) != 0)
                    fail_msg("refused: %s", path);
                assert_int_equal(level, l);
                assert_true(index == indices[i] && width == w);
            }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (tile_path_parse(wrong[i], &level, &index, &width) != SP_EINVAL)
            fail_msg("taken: %s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_as_specified),
        cmocka_unit_test(paths_are_read_as_they_are_written),
        cmocka_unit_test(widths_are_as_specified),
        cmocka_unit_test(bundle_is_read_entry_by_entry),
        cmocka_unit_test(torn_bundles_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
