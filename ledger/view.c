/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a ledger's folder: by anyone, also while its writer works. A view
 * holds on to the tree of one checkpoint; the files of that tree never change,
 * but a partial one may give way to the full one. Everything read is a
 * stranger's until its hashes say otherwise.
 */
#include "ledger/view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"

static int folder_file(void *arg, const char *path, size_t max, uint8_t **data,
                       size_t *length)
{
    const struct ledger_view *v = arg;

    return file_read(v->folder, path, max, data, length);
}

int view_new(int folder, const struct checkpoint *head, struct ledger_view **v)
{
    struct ledger_view *view = calloc(1, sizeof *view);

    *v = NULL;
    if (view == NULL)
        return SP_ENOMEM;
    view->folder = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    if (view->folder < 0) {
        free(view);
        return SP_EIO;
    }
    view->files = (struct ledger_files){folder_file, view};
    view->head = *head;
    *v = view;
    return 0;
}

void ledger_view_free(struct ledger_view *v)
{
    if (v == NULL)
        return;
    for (unsigned i = 0; i < ROWS_LEVELS; i++)
        free(v->tile[i].hashes);
    free(v->bundle.data);
    if (v->folder >= 0)
        close(v->folder);
    free(v);
}

/* Takes the note's bytes, in any case. */
static int note_take(uint8_t *data, size_t length,
                     const struct note_verifier *known, size_t nknown,
                     struct checkpoint *c, char copy[NOTE_MAX + 1])
{
    const char *note = (const char *)data;
    unsigned verified;
    size_t text;
    int r = nknown == 0
                ? note_text(note, length, &text)
                : note_open(note, length, known, nknown, &text, &verified);

    if (r == 0)
        r = checkpoint_parse(note, text, c);
    if (r == 0 && copy != NULL) {
        memcpy(copy, note, length);
        copy[length] = '\0';
    }
    free(data);
    return r;
}

int view_read_note(int folder, const char *name,
                   const struct note_verifier *known, size_t nknown,
                   struct checkpoint *c, char copy[NOTE_MAX + 1])
{
    uint8_t *data = NULL;
    size_t length;
    int r = file_read(folder, name, NOTE_MAX, &data, &length);

    return r != 0 ? r : note_take(data, length, known, nknown, c, copy);
}

int ledger_view_open_files(const struct ledger_files *files,
                           const struct note_verifier *known, size_t nknown,
                           struct ledger_view **v)
{
    struct ledger_view *view = calloc(1, sizeof *view);
    uint8_t *data = NULL;
    size_t length;
    int r = SP_ENOMEM;

    *v = NULL;
    if (view == NULL)
        return r;
    view->folder = -1;
    view->files = *files;
    view->signed_ok = nknown > 0;
    r = files->read(files->arg, "checkpoint", NOTE_MAX, &data, &length);
    if (r == 0)
        r = note_take(data, length, known, nknown, &view->head, view->note);
    if (r != 0) {
        ledger_view_free(view);
        return r;
    }
    *v = view;
    return 0;
}

int ledger_view_open(int folder, const struct note_verifier *known,
                     size_t nknown, struct ledger_view **v)
{
    return ledger_view_open_note(folder, "checkpoint", known, nknown, v);
}

int ledger_view_open_note(int folder, const char *name,
                          const struct note_verifier *known, size_t nknown,
                          struct ledger_view **v)
{
    char note[NOTE_MAX + 1];
    struct checkpoint head;

    *v = NULL;
    int r = view_read_note(folder, name, known, nknown, &head, note);
    if (r == 0)
        r = view_new(folder, &head, v);
    if (r == 0) {
        (*v)->signed_ok = nknown > 0;
        memcpy((*v)->note, note, sizeof note);
    }
    return r;
}

const struct checkpoint *ledger_view_checkpoint(const struct ledger_view *v)
{
    return &v->head;
}

const char *ledger_view_note(const struct ledger_view *v)
{
    return v->note;
}

bool ledger_view_signed(const struct ledger_view *v)
{
    return v->signed_ok;
}

unsigned view_width(const struct ledger_view *v, int level, uint64_t number)
{
    unsigned shift = level > 0 ? 8u * (unsigned)level : 0;
    uint64_t count = shift < 64 ? v->head.size >> shift : 0;
    uint64_t before = number * TILE_WIDTH;

    if (number > UINT64_MAX / TILE_WIDTH || before >= count)
        return 0;
    return count - before < TILE_WIDTH ? (unsigned)(count - before)
                                       : TILE_WIDTH;
}

/* The file of a tile; *whole says that it is the full one. */
static int tile_read(const struct ledger_view *v, int level, uint64_t number,
                     unsigned width, uint8_t **data, size_t *length,
                     bool *whole)
{
    char path[TILE_PATH_MAX];

    *whole = width == TILE_WIDTH;
    int r = tile_path(level, number, width, path);
    if (r != 0)
        return r;
    r = v->files.read(v->files.arg, path, VIEW_BUNDLE_MAX, data, length);
    if (r != SP_ENOENT || *whole)
        return r;
    *whole = true;
    if ((r = tile_path(level, number, TILE_WIDTH, path)) != 0)
        return r;
    return v->files.read(v->files.arg, path, VIEW_BUNDLE_MAX, data, length);
}

/* Where each entry starts; SP_ECORRUPT if the bundle is torn or, unless it is
 * the full one for a partial, has bytes left. */
static int bundle_index(struct view_bundle *b, unsigned width, size_t length,
                        bool exact)
{
    size_t at = 0;

    for (b->count = 0; b->count < width; b->count++) {
        const uint8_t *entry;
        size_t n;
        b->starts[b->count] = at;
        if (bundle_next(b->data, length, &at, &entry, &n) != 0)
            break;
    }
    b->starts[b->count] = b->count < width ? b->starts[b->count] : at;
    b->length = b->starts[b->count];
    return b->count < width || (exact && at != length) ? SP_ECORRUPT : 0;
}

int view_bundle_load(struct ledger_view *v, uint64_t number)
{
    struct view_bundle *b = &v->bundle;
    unsigned width = view_width(v, TILE_ENTRIES, number);
    uint8_t *data = NULL;
    size_t length;
    bool whole;

    if (b->count == width && width > 0 && b->number == number)
        return 0;
    b->count = 0;
    if (width == 0)
        return SP_ENOENT;
    int r = tile_read(v, TILE_ENTRIES, number, width, &data, &length, &whole);
    if (r != 0)
        return r;
    free(b->data);
    b->data = data;
    b->number = number;
    return bundle_index(b, width, length, whole == (width == TILE_WIDTH));
}

void view_read_ahead(const struct ledger_view *v, uint64_t number)
{
    for (int level = TILE_ENTRIES; level <= 0; level++) {
        char path[TILE_PATH_MAX];
        if (v->folder < 0 || view_width(v, level, number) != TILE_WIDTH ||
            tile_path(level, number, TILE_WIDTH, path) != 0)
            return;
        int fd = openat(v->folder, path,
                        O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
            return;
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
        close(fd);
    }
}

int view_tile_load(struct ledger_view *v, unsigned level, uint64_t number,
                   const struct hash **hashes)
{
    unsigned width = view_width(v, (int)level, number);
    uint8_t *data = NULL;
    size_t length;
    bool whole;

    if (level >= ROWS_LEVELS || width == 0)
        return SP_ENOENT;
    struct view_tile *t = &v->tile[level];
    if (!t->loaded || t->number != number) {
        t->loaded = false;
        int r = tile_read(v, (int)level, number, width, &data, &length, &whole);
        if (r != 0)
            return r;
        unsigned there = whole ? TILE_WIDTH : width;
        if (length != there * sizeof(struct hash)) {
            free(data);
            return SP_ECORRUPT;
        }
        free(t->hashes);
        t->hashes = (struct hash *)(void *)data; /* bytes only: any alignment */
        t->number = number;
        t->width = width;
        t->loaded = true;
    }
    *hashes = t->hashes;
    return 0;
}

int ledger_view_hash(void *arg, unsigned level, uint64_t index, struct hash *h)
{
    struct ledger_view *v = arg;
    unsigned tile_level = level / 8, span = 1u << (level % 8);
    const struct hash *hashes;

    if (tile_level >= ROWS_LEVELS || index > UINT64_MAX / span)
        return SP_ENOENT;
    uint64_t first = index * span;
    int r = view_tile_load(v, tile_level, first / TILE_WIDTH, &hashes);
    if (r != 0)
        return r;
    unsigned at = (unsigned)(first % TILE_WIDTH);
    if (at + span > v->tile[tile_level].width)
        return SP_ENOENT;
    rows_fold(hashes + at, span, h);
    return 0;
}

static int edge_load(struct ledger_view *v, struct merkle_edge *e)
{
    for (unsigned bit = 64; bit-- > 0;) {
        int r;

        if ((e->size >> bit & 1) == 0)
            continue;
        r = ledger_view_hash(v, bit, (e->size >> bit) - 1,
                             &e->roots[e->count++]);
        if (r != 0)
            return r;
    }
    return 0;
}

int view_rows(struct ledger_view *v, uint64_t size, struct rows *rows)
{
    rows_init(rows);
    rows->edge.size = size;
    for (unsigned level = 0; level < ROWS_LEVELS; level++) {
        struct row *row = &rows->level[level];
        const struct hash *hashes;
        int r;

        row->tile = (size >> (8 * level)) / TILE_WIDTH;
        row->width = (unsigned)((size >> (8 * level)) % TILE_WIDTH);
        if (row->width == 0)
            continue;
        if ((r = view_tile_load(v, level, row->tile, &hashes)) != 0)
            return r;
        memcpy(row->hashes, hashes, row->width * sizeof *hashes);
    }
    return edge_load(v, &rows->edge);
}

int ledger_view_entry(struct ledger_view *v, uint64_t n, const uint8_t **entry,
                      size_t *length)
{
    uint64_t number = n / TILE_WIDTH;
    unsigned at = (unsigned)(n % TILE_WIDTH);
    const struct hash *leaves;
    struct hash h;

    if (n >= v->head.size)
        return SP_ENOENT;
    int r = view_bundle_load(v, number);
    if (r == SP_ECORRUPT && at < v->bundle.count)
        r = 0; /* this one is whole: its hash decides */
    if (r == 0)
        r = view_tile_load(v, 0, number, &leaves);
    if (r != 0)
        return r == SP_ENOENT ? SP_ECORRUPT : r;
    const struct view_bundle *b = &v->bundle;
    const uint8_t *data = b->data + b->starts[at] + 2;
    size_t size = b->starts[at + 1] - b->starts[at] - 2;
    merkle_leaf(data, size, &h);
    if (!merkle_equal(&h, &leaves[at]))
        return SP_ECORRUPT;
    *entry = data;
    *length = size;
    return 0;
}
