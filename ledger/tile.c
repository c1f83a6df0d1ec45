/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tiles and entry bundles live (C2SP tlog-tiles v0.1.0) and how a bundle
 * is laid out. Pure; runs in the keeper and in the tools. A bundle's bytes are
 * whatever is on disk or came from a log server: every length is checked.
 */
#include "ledger/tile.h"

#include <stdio.h>
#include <string.h>

#define LEVEL_MAX 63

/* N in groups of three digits, all but the last behind an 'x'. */
static void index_format(uint64_t index, char text[40])
{
    unsigned groups[8], count = 0;
    size_t n = 0;

    do {
        groups[count++] = (unsigned)(index % 1000);
        index /= 1000;
    } while (index != 0);
    while (count-- > 0)
        n += (size_t)snprintf(text + n, 40 - n, count > 0 ? "x%03u/" : "%03u",
                              groups[count]);
}

int tile_path(int level, uint64_t index, unsigned width,
              char path[TILE_PATH_MAX])
{
    char number[40], row[16] = "entries", partial[8] = "";

    if (level < TILE_ENTRIES || level > LEVEL_MAX || width == 0 ||
        width > TILE_WIDTH)
        return SP_ERANGE;
    index_format(index, number);
    if (level != TILE_ENTRIES)
        snprintf(row, sizeof row, "%d", level);
    if (width != TILE_WIDTH)
        snprintf(partial, sizeof partial, ".p/%u", width);
    snprintf(path, TILE_PATH_MAX, "tile/%s/%s%s", row, number, partial);
    return 0;
}

/* Decimal digits; *end is behind them. */
static uint64_t digits(const char *text, const char **end)
{
    uint64_t n = 0;

    for (; *text >= '0' && *text <= '9' && n < UINT64_MAX / 100; text++)
        n = n * 10 + (uint64_t)(*text - '0');
    *end = text;
    return n;
}

/* Read leniently, written again and compared: one path has one spelling. */
int tile_path_parse(const char *path, int *level, uint64_t *index,
                    unsigned *width)
{
    static const char entries[] = "tile/entries/";
    char again[TILE_PATH_MAX];
    const char *at = path;

    *index = 0;
    *width = TILE_WIDTH;
    if (strncmp(path, entries, sizeof entries - 1) == 0) {
        *level = TILE_ENTRIES;
        at += sizeof entries - 1;
    } else if (strncmp(path, "tile/", 5) == 0) {
        uint64_t n = digits(path + 5, &at);

        *level = n <= LEVEL_MAX ? (int)n : LEVEL_MAX;
        at += *at == '/';
    } else {
        return SP_EINVAL;
    }
    for (; *at == 'x' && *index < UINT64_MAX / 1000000; at += *at == '/')
        *index = *index * 1000 + digits(at + 1, &at) % 1000;
    *index = *index * 1000 + digits(at, &at) % 1000;
    if (strncmp(at, ".p/", 3) == 0) {
        uint64_t n = digits(at + 3, &at);

        *width = n < TILE_WIDTH ? (unsigned)n : 0;
    }
    return tile_path(*level, *index, *width, again) == 0 &&
                   strcmp(again, path) == 0
               ? 0
               : SP_EINVAL;
}

unsigned tile_partial_width(int level, uint64_t size)
{
    unsigned shift = level > 0 ? 8u * (unsigned)level : 0;

    return shift < 64 ? (unsigned)((size >> shift) % TILE_WIDTH) : 0;
}

int bundle_next(const uint8_t *bundle, size_t size, size_t *position,
                const uint8_t **entry, size_t *length)
{
    size_t at = *position;

    if (at == size)
        return SP_ENOENT;
    if (at > size || size - at < 2)
        return SP_EINVAL;
    size_t n = (size_t)bundle[at] << 8 | bundle[at + 1];
    if (size - at - 2 < n)
        return SP_EINVAL;
    *entry = bundle + at + 2;
    *length = n;
    *position = at + 2 + n;
    return 0;
}
