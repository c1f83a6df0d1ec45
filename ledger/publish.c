/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publisher. Order is everything here: bundles and tiles are durable
 * before the head over them is signed; they are read back and hashed again
 * before that (one flipped bit between hashing and storing has ended public
 * logs); the head is durable in `last-signed` before anybody can see it; and
 * only what is below it is ever thrown away. Runs in the keeper, on a thread
 * of its own; reads its entries from the write-ahead file, so that its memory
 * stays the same however far it is behind.
 */
#include "ledger/publish.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"

int publisher_init(struct publisher *p, int folder,
                   const struct note_signer *signer,
                   const struct note_signer *successor)
{
    memset(p, 0, sizeof *p);
    p->folder = folder;
    p->signer = signer;
    p->successor = successor;
    p->reader.fd = -1;
    outbox_init(&p->outbox, folder);
    p->rows = malloc(sizeof *p->rows);
    p->checked = malloc(sizeof *p->checked);
    p->bundle =
        malloc(PUBLISH_BUNDLE_BYTES); /* touched only as far as it is used */
    return p->rows != NULL && p->checked != NULL && p->bundle != NULL
               ? 0
               : SP_ENOMEM;
}

void publisher_release(struct publisher *p)
{
    outbox_release(&p->outbox);
    wal_reader_close(&p->reader);
    free(p->rows);
    free(p->checked);
    free(p->bundle);
    free(p->segments);
}

static int problem(struct publisher *p, int error, const char *what)
{
    if (p->problem[0] == '\0')
        snprintf(p->problem, sizeof p->problem, "%s: %s", what,
                 sp_strerror(error));
    return error;
}

/* Taking entries ---------------------------------------------------------- */

static int put_file(struct publisher *p, int level, uint64_t number,
                    unsigned width, const void *data, size_t length)
{
    char path[TILE_PATH_MAX];
    int r = tile_path(level, number, width, path);

    if (r == 0)
        r = outbox_put(&p->outbox, path, data, length);
    return r == 0 ? 0 : problem(p, r, path);
}

static int put_full(void *arg, unsigned level, const struct row *row)
{
    struct publisher *p = arg;
    int r = 0;

    if (level == 0) {
        r = put_file(p, TILE_ENTRIES, row->tile, TILE_WIDTH, p->bundle,
                     p->bundle_length);
        p->bundle_length = 0;
    }
    return r != 0 ? r
                  : put_file(p, (int)level, row->tile, TILE_WIDTH, row->hashes,
                             sizeof row->hashes);
}

static int segment_note(struct publisher *p, uint64_t segment)
{
    if (p->nsegments > 0 && p->segments[p->nsegments - 1] >= segment)
        return 0;
    uint64_t *more =
        realloc(p->segments, (p->nsegments + 1) * sizeof *p->segments);
    if (more == NULL)
        return SP_ENOMEM;
    p->segments = more;
    more[p->nsegments++] = segment;
    return 0;
}

static int entries_take(struct publisher *p, uint64_t size)
{
    while (p->rows->edge.size < size) {
        struct wal_frame f;
        int r = wal_reader_next(&p->reader, &f);
        if (r == 0)
            r = segment_note(p, p->reader.segment);
        if (r != 0)
            return problem(p, r, "write-ahead file");
        if (PUBLISH_BUNDLE_BYTES - p->bundle_length < 2 + f.length)
            return problem(p, SP_ECORRUPT, "bundle too large");
        uint8_t *at = p->bundle + p->bundle_length;
        at[0] = (uint8_t)(f.length >> 8);
        at[1] = (uint8_t)f.length;
        memcpy(at + 2, f.entry, f.length);
        p->bundle_length += 2 + f.length;
        if ((r = rows_append(p->rows, &f.leaf, put_full, p)) != 0)
            return r;
    }
    return 0;
}

/* The right edge. Tiles that did not grow since the last time are there. */
static int partials_put(struct publisher *p)
{
    const struct row *lowest = &p->rows->level[0];
    uint64_t size = p->rows->edge.size;
    int r = 0;

    if (lowest->width > 0)
        r = put_file(p, TILE_ENTRIES, lowest->tile, lowest->width, p->bundle,
                     p->bundle_length);
    for (unsigned level = 0; r == 0 && level < ROWS_LEVELS; level++) {
        const struct row *row = &p->rows->level[level];
        if (row->width > 0 &&
            size >> (8 * level) != p->last.size >> (8 * level))
            r = put_file(p, (int)level, row->tile, row->width, row->hashes,
                         row->width * sizeof *row->hashes);
    }
    return r;
}

/* Signing ----------------------------------------------------------------- */

/* What is on disk now gives the root that memory has; entries whose leaf hash
 * was taken when they were appended. */
static int read_back(struct publisher *p, struct ledger_view *v)
{
    struct ledger_verdict verdict = {.problem = ""};
    struct rows *end = malloc(sizeof *end);
    struct hash root;

    if (end == NULL)
        return SP_ENOMEM;
    int r = verify_range(v, p->checked, end, NULL, NULL, &verdict);
    if (r != 0) {
        snprintf(p->problem, sizeof p->problem, "%s", verdict.problem);
    } else {
        merkle_edge_root(&end->edge, &root);
        if (!merkle_equal(&root, &v->head.root))
            r = problem(p, SP_ECORRUPT, "what was read back of the tree");
    }
    free(end);
    return r;
}

/* No head is ever signed that does not extend the last one. */
static int extends_last(struct publisher *p, struct ledger_view *v)
{
    struct merkle_path path;
    int r = merkle_prove_consistency(ledger_view_hash, v, p->last.size,
                                     v->head.size, &path);

    if (r == 0)
        r = merkle_verify_consistency(p->last.size, &p->last.root, v->head.size,
                                      &v->head.root, &path);
    return r == 0 ? 0 : problem(p, r, "the new head extends the last one");
}

/* Adds the successor's line to the note. */
static int sign_too(const struct note_signer *successor, const char *body,
                    char note[NOTE_MAX], size_t *length)
{
    char other[NOTE_MAX];
    size_t text = strlen(body) + 1, n; /* an empty line is between */
    int r = note_sign(successor, body, other, sizeof other, &n);

    if (r != 0)
        return r;
    if (*length + (n - text) >= NOTE_MAX)
        return SP_ETOOBIG;
    memcpy(note + *length, other + text, n - text + 1);
    *length += n - text;
    return 0;
}

int publisher_sign(const struct note_signer *signer,
                   const struct note_signer *successor,
                   const struct checkpoint *c, char note[NOTE_MAX],
                   size_t *length)
{
    struct note_verifier keys[2] = {signer->verifier};
    unsigned verified, want = successor == NULL ? 1 : 2;
    char body[CHECKPOINT_BODY_MAX];
    size_t text;
    int r = checkpoint_format(c, body, sizeof body, &text);

    if (r == 0)
        r = note_sign(signer, body, note, NOTE_MAX, length);
    if (r == 0 && successor != NULL) {
        keys[1] = successor->verifier;
        r = sign_too(successor, body, note, length);
    }
    if (r == 0)
        r = note_open(note, *length, keys, want, &text, &verified);
    return r == 0 && verified != want ? SP_ESIGNATURE : r;
}

static int head_publish(struct publisher *p, const struct checkpoint *head)
{
    char note[NOTE_MAX];
    size_t n;
    int r = publisher_sign(p->signer, p->successor, head, note, &n);

    if (r != 0)
        return problem(p, r, "signing");
    if ((r = file_replace(p->folder, "last-signed", 0600, note, n)) != 0)
        return problem(p, r, "last-signed");
    if ((r = file_replace(p->folder, "checkpoint", 0600, note, n)) != 0)
        return problem(p, r, "checkpoint");
    return 0;
}

/* Cleaning up ------------------------------------------------------------- */

/* Empties and removes the folder of a tile's partial files. What fails is
 * tried again at the next start; nothing depends on it. */
static void partials_remove(int folder, int level, uint64_t number)
{
    char path[TILE_PATH_MAX];
    const struct dirent *e;

    if (tile_path(level, number, 1, path) != 0)
        return;
    *strrchr(path, '/') = '\0';
    int fd =
        openat(folder, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return;
    }
    while ((e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    (void)unlinkat(folder, path, AT_REMOVEDIR);
}

void publisher_clean(int folder, uint64_t before, uint64_t size)
{
    for (int level = TILE_ENTRIES; level < ROWS_LEVELS; level++) {
        unsigned shift = 8u * (unsigned)(level > 0 ? level + 1 : 1);
        uint64_t first = shift < 64 ? before >> shift : 0;
        uint64_t full = shift < 64 ? size >> shift : 0;
        for (uint64_t n = first; n < full; n++)
            partials_remove(folder, level, n);
    }
}

/* The same behind a head of our own: of the `before` entries' tree only the
 * right edge had partial tiles. */
static void edge_clean(int folder, uint64_t before, uint64_t size)
{
    for (int level = TILE_ENTRIES; level < ROWS_LEVELS; level++) {
        unsigned shift = 8u * (unsigned)(level > 0 ? level : 0);
        uint64_t was = before >> shift, is = size >> shift;

        if (was % TILE_WIDTH != 0 && was / TILE_WIDTH != is / TILE_WIDTH)
            partials_remove(folder, level, was / TILE_WIDTH);
    }
}

/* Segments wholly below the last full tile, oldest first: what a crash leaves
 * is a row without gaps. */
static void segments_remove(struct publisher *p)
{
    uint64_t keep = p->last.size - p->last.size % TILE_WIDTH;
    size_t gone = 0;

    while (gone + 1 < p->nsegments && p->segments[gone + 1] <= keep) {
        char path[WAL_PATH_MAX];
        wal_path(p->segments[gone], path);
        if (unlinkat(p->folder, path, 0) != 0)
            break;
        gone++;
    }
    p->nsegments -= gone;
    memmove(p->segments, p->segments + gone,
            p->nsegments * sizeof *p->segments);
}

int publisher_publish(struct publisher *p, uint64_t size)
{
    struct ledger_view *v = NULL;
    uint64_t before = p->last.size;
    struct checkpoint head;
    int r;

    if ((r = entries_take(p, size)) != 0 || (r = partials_put(p)) != 0)
        goto out;
    if ((r = outbox_flush(&p->outbox)) != 0) {
        problem(p, r, "bundles and tiles");
        goto out;
    }
    head = p->last; /* the same origin */
    head.size = size;
    merkle_edge_root(&p->rows->edge, &head.root);
    if ((r = view_new(p->folder, &head, &v)) != 0 ||
        (r = read_back(p, v)) != 0 || (r = extends_last(p, v)) != 0 ||
        (r = head_publish(p, &head)) != 0)
        goto out;
    p->last = head;
    edge_clean(p->folder, before, size);
    segments_remove(p);
out:
    ledger_view_free(v);
    return r == 0 ? 0 : problem(p, r, "publishing");
}
