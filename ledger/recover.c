/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery at the keeper's start. The folder is believed as far as its hashes
 * and the signed head go: everything up to `last-signed` must be there and
 * hash to the signed root; behind it the write-ahead file must go on without a
 * gap. A snapshot may stand for what is before it (ledger/snapshots.h); the
 * tree's right edge is checked all the same. One thing is repaired: a torn
 * tail, which is what a crash leaves of a write that was never synced.
 * Everything else stops the daemon, with the first bad entry and the way out,
 * because whatever else is wrong was not a crash.
 */
#include "ledger/recover.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/snapshots.h"
#include "lib/file.h"

/* A batch is bounded by what may wait in memory, see ledger.c. */
#define SEGMENT_MAX (WAL_SEGMENT_BYTES + (96u << 20))
/* How many entries back a crash may have left partial tiles beside full ones:
 * more than one publication takes. */
#define CLEAN_BACK (UINT64_C(1) << 18)

struct recovering {
    struct publisher *p;
    struct ledger_view *v; /* of the last signed head */
    ledger_entry_fn *entry;
    void *entry_arg;
    int entry_error; /* what the caller's function said */
    struct ledger_recovery *out;
    uint64_t from; /* the first entry to replay */
    uint64_t next; /* the next entry to come from the write-ahead file */
    bool shown;    /* `checkpoint` is last-signed's head */
};

static int refuse(struct recovering *c, int error, uint64_t n,
                  const char *format, ...) SP_PRINTF(4, 5);

static int refuse(struct recovering *c, int error, uint64_t n,
                  const char *format, ...)
{
    va_list args;

    c->out->bad_index = n;
    va_start(args, format);
    vsnprintf(c->out->problem, sizeof c->out->problem, format, args);
    va_end(args);
    return error;
}

static bool file_is_there(int folder, const char *path)
{
    struct stat st;

    return fstatat(folder, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool recover_is_empty(int folder)
{
    uint64_t *segments = NULL;
    char path[WAL_PATH_MAX];
    struct stat st;
    size_t count = 0;
    bool empty = !file_is_there(folder, "last-signed") &&
                 !file_is_there(folder, "checkpoint") &&
                 !file_is_there(folder, "tile/entries");

    if (wal_list(folder, &segments, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            wal_path(segments[i], path);
            empty =
                empty && fstatat(folder, path, &st, 0) == 0 && st.st_size == 0;
        }
    }
    free(segments);
    return empty;
}

/* The two heads ----------------------------------------------------------- */

static int head_read(struct recovering *c, const char *name,
                     struct checkpoint *head)
{
    const struct note_verifier *key = &c->p->signer->verifier;
    int r = view_read_note(c->p->folder, name, key, 1, head, NULL);

    if (r == SP_ENOENT || r == SP_ENOMEM || r == SP_EIO)
        return r;
    if (r == 0 && strcmp(head->origin, key->name) != 0)
        r = SP_ESIGNATURE;
    if (r != 0)
        return refuse(c, SP_ESIGNATURE, 0,
                      "%s: %s: not signed by this ledger's key: put back the "
                      "right key or the file",
                      name, sp_strerror(r));
    return 0;
}

/* `checkpoint` may be behind last-signed (a crash between the two) or gone,
 * never ahead of it or of another tree. */
static int checkpoint_check(struct recovering *c)
{
    const struct checkpoint *last = &c->p->last;
    struct checkpoint shown;
    struct hash root;
    int r = head_read(c, "checkpoint", &shown);

    if (r != 0)
        return r == SP_ENOENT ? 0 : r;
    if (shown.size > last->size)
        return refuse(c, SP_EROLLBACK, last->size,
                      "entry %llu: checkpoint is of size %llu, last-signed of "
                      "%llu: an older copy of the folder: restore the newest",
                      (unsigned long long)last->size,
                      (unsigned long long)shown.size,
                      (unsigned long long)last->size);
    r = merkle_root(ledger_view_hash, c->v, shown.size, &root);
    if (r == 0 && !merkle_equal(&root, &shown.root))
        r = SP_ECORRUPT;
    if (r != 0)
        return refuse(c, SP_ECORRUPT, 0,
                      "checkpoint of size %llu: root is not this tree's: two "
                      "ledgers mixed, or a fork: restore the folder whole",
                      (unsigned long long)shown.size);
    c->shown = shown.size == last->size;
    return 0;
}

/* Bundles and tiles ------------------------------------------------------- */

static int entry_replay(void *arg, uint64_t n, const uint8_t *entry,
                        size_t length)
{
    struct recovering *c = arg;

    c->out->entries = n + 1;
    if (n < c->from)
        return 0;
    c->out->replayed++;
    if (c->entry != NULL)
        c->entry_error = c->entry(c->entry_arg, n, entry, length);
    return c->entry_error;
}

static int entry_refuse(struct recovering *c, uint64_t n)
{
    return refuse(c, c->entry_error, n,
                  "entry %llu: content: %s: written by another version? "
                  "restore that one",
                  (unsigned long long)n, sp_strerror(c->entry_error));
}

/* Verification stopped: a copy that ends too early, or damage inside? */
static int tree_refuse(struct recovering *c, int error,
                       const struct ledger_verdict *verdict)
{
    uint64_t size = c->p->last.size;

    if (error == SP_ENOENT &&
        view_bundle_load(c->v, (size - 1) / TILE_WIDTH) == SP_ENOENT)
        return refuse(c, SP_EROLLBACK, verdict->bad_index,
                      "%.110s: entries end before the signed size %llu: an "
                      "older copy of the folder: restore the newest",
                      verdict->problem, (unsigned long long)size);
    return refuse(c,
                  error == SP_ENOMEM || error == SP_EIO ? error : SP_ECORRUPT,
                  verdict->bad_index, "%.180s: restore this file from a copy",
                  verdict->problem);
}

static int tree_recover(struct recovering *c)
{
    struct ledger_verdict verdict = {.problem = ""};
    struct hash root;
    uint64_t from = c->from - c->from % TILE_WIDTH;
    int r = view_rows(c->v, from, c->p->checked);

    if (r != 0)
        return refuse(c, SP_ECORRUPT, from,
                      "entry %llu: the tiles before it: %s: restore them from "
                      "a copy",
                      (unsigned long long)from, sp_strerror(r));
    r = verify_range(c->v, c->p->checked, c->p->rows, entry_replay, c,
                     &verdict);
    if (c->entry_error != 0)
        return entry_refuse(c, verdict.bad_index);
    if (r != 0)
        return tree_refuse(c, r, &verdict);
    merkle_edge_root(&c->p->rows->edge, &root);
    if (!merkle_equal(&root, &c->p->last.root))
        return refuse(c, SP_ECORRUPT, 0,
                      "last-signed of size %llu: root is not this tree's: the "
                      "tiles were rewritten: restore the folder whole",
                      (unsigned long long)c->p->last.size);
    if (c->p->last.size % TILE_WIDTH != 0) {
        if (c->v->bundle.length > PUBLISH_BUNDLE_BYTES)
            return refuse(c, SP_ECORRUPT, c->p->checked->edge.size,
                          "the last bundle has larger entries than we write");
        memcpy(c->p->bundle, c->v->bundle.data, c->v->bundle.length);
        c->p->bundle_length = c->v->bundle.length;
    }
    return 0;
}

/* The write-ahead file ---------------------------------------------------- */

struct segment {
    char path[WAL_PATH_MAX];
    uint8_t *data;
    size_t length, good; /* bytes of it, and of whole valid frames */
};

static int frame_accept(struct recovering *c, const struct segment *s,
                        const struct wal_frame *f)
{
    struct hash stored;

    if (f->index >= c->p->last.size) {
        int r = entry_replay(c, f->index, f->entry, f->length);
        return r == 0 ? 0 : entry_refuse(c, f->index);
    }
    int r = ledger_view_hash(c->v, 0, f->index, &stored);
    if (r != 0 || !merkle_equal(&stored, &f->leaf))
        return refuse(c, SP_ECORRUPT, f->index,
                      "entry %llu: %s differs from the signed bundle: restore "
                      "the folder whole",
                      (unsigned long long)f->index, s->path);
    return 0;
}

/* Takes frames until the first that is not valid. */
static int segment_scan(struct recovering *c, struct segment *s)
{
    struct wal_frame f;

    while (wal_frame_get(s->data + s->good, s->length - s->good, &f) == 0 &&
           f.index == c->next && wal_frame_check(&f)) {
        int r = frame_accept(c, s, &f);
        if (r != 0)
            return r;
        c->next++;
        s->good += WAL_HEADER + f.length;
    }
    return 0;
}

/* Whether what stands behind the break proves that what is broken was durable:
 * a batch is written only when all before it is. A tear within one batch proves
 * nothing: its pages may reach the disk in any order. The missing frame itself
 * in another place is no tear either: somebody moved it. */
static bool break_was_durable(const struct recovering *c,
                              const struct segment *s)
{
    uint64_t most = c->next + s->length / WAL_HEADER;
    struct wal_frame f;

    for (size_t at = s->good; at + WAL_HEADER < s->length; at++)
        if (wal_frame_get(s->data + at, s->length - at, &f) == 0 &&
            f.index >= c->next && f.index <= most &&
            (f.batch > c->next || f.index == c->next) && wal_frame_check(&f))
            return true;
    return false;
}

static int break_refuse(struct recovering *c, const struct segment *s)
{
    return refuse(c, SP_ECORRUPT, c->next,
                  "entry %llu: %s: damaged at byte %zu, and it was durable: "
                  "restore this file from a copy",
                  (unsigned long long)c->next, s->path, s->good);
}

/* The last segment may have a torn tail. It is written anew when it has
 * entries that no signed head covers: they may be in memory only, because the
 * process before us died between writing and syncing, or had its sync fail,
 * after which the kernel would call them clean. */
static int tail_settle(struct recovering *c, const struct segment *s)
{
    uint64_t signed_size = c->p->last.size;

    c->out->cut_bytes = s->length - s->good;
    if (s->good < s->length &&
        (c->next < signed_size || break_was_durable(c, s)))
        return break_refuse(c, s);
    if (c->next < signed_size)
        return refuse(c, SP_EROLLBACK, c->next,
                      "entry %llu: %s ends here, but a head of size %llu was "
                      "signed: an older copy: restore the newest",
                      (unsigned long long)c->next, s->path,
                      (unsigned long long)signed_size);
    if (c->next == signed_size && s->good == s->length)
        return 0;
    int r = file_replace(c->p->folder, s->path, 0600, s->data, s->good);
    return r == 0 ? 0
                  : refuse(c, r, c->next, "%s: %s", s->path, sp_strerror(r));
}

static int segment_recover(struct recovering *c, size_t i)
{
    const struct publisher *p = c->p;
    struct segment s = {.data = NULL};
    bool last = i + 1 == p->nsegments;

    wal_path(p->segments[i], s.path);
    int r = file_read(p->folder, s.path, SEGMENT_MAX, &s.data, &s.length);
    if (r != 0)
        return refuse(c, r, c->next, "%s: %s", s.path, sp_strerror(r));
    r = segment_scan(c, &s);
    if (r == 0 && last)
        r = tail_settle(c, &s);
    else if (r == 0 && s.good != s.length)
        r = break_refuse(c, &s);
    else if (r == 0 && c->next != p->segments[i + 1])
        r = refuse(c, SP_ECORRUPT, c->next,
                   "entry %llu: %s ends here and the next begins at %llu: "
                   "restore what is between",
                   (unsigned long long)c->next, s.path,
                   (unsigned long long)p->segments[i + 1]);
    free(s.data);
    return r;
}

/* Leaves in p->segments those from the one on that has the first entry behind
 * the last full tile; older ones are leftovers of an interrupted removal. */
static int segments_choose(struct recovering *c)
{
    struct publisher *p = c->p;
    uint64_t size = p->last.size, full = size - size % TILE_WIDTH;
    size_t first = 0;
    char path[WAL_PATH_MAX];
    int r = wal_list(p->folder, &p->segments, &p->nsegments);

    if (r != 0 && r != SP_ENOENT)
        return refuse(c, r, size, WAL_FOLDER ": %s", sp_strerror(r));
    if (p->nsegments == 0 || p->segments[0] > size) {
        wal_path(size, path);
        return refuse(c, SP_EROLLBACK, size,
                      "entry %llu: " WAL_FOLDER " has nothing from here on: "
                      "restore it; only if it is lost for good, create an "
                      "empty %s: entries not yet signed are lost then",
                      (unsigned long long)size, path);
    }
    while (first + 1 < p->nsegments && p->segments[first + 1] <= full)
        first++;
    for (size_t i = 0; i < first; i++) {
        wal_path(p->segments[i], path);
        (void)unlinkat(p->folder, path, 0);
    }
    p->nsegments -= first;
    memmove(p->segments, p->segments + first,
            p->nsegments * sizeof *p->segments);
    return 0;
}

static int wal_recover(struct recovering *c, struct wal_writer *w)
{
    struct publisher *p = c->p;
    int r = segments_choose(c);

    if (r != 0)
        return r;
    c->next = p->segments[0];
    for (size_t i = 0; r == 0 && i < p->nsegments; i++)
        r = segment_recover(c, i);
    if (r != 0)
        return r;
    r = wal_writer_open(w, p->folder, p->segments[p->nsegments - 1]);
    if (r == 0)
        r = wal_reader_open(&p->reader, p->folder, p->segments[0]);
    while (r == 0 && p->reader.next < p->last.size) {
        struct wal_frame f;
        r = wal_reader_next(&p->reader, &f);
    }
    return r == 0 ? 0
                  : refuse(c, r, c->next, WAL_FOLDER ": %s", sp_strerror(r));
}

/* Signing is deterministic: this is last-signed's note again, which a crash
 * kept from being shown. */
static int checkpoint_show(struct recovering *c)
{
    char note[NOTE_MAX];
    size_t n;

    if (c->shown)
        return 0;
    int r =
        publisher_sign(c->p->signer, c->p->successor, &c->p->last, note, &n);
    if (r == 0)
        r = file_replace(c->p->folder, "checkpoint", 0600, note, n);
    return r == 0 ? 0 : refuse(c, r, 0, "checkpoint: %s", sp_strerror(r));
}

int recover(struct publisher *p, struct wal_writer *w,
            ledger_restore_fn *restore, ledger_entry_fn *entry, void *entry_arg,
            struct ledger_recovery *out)
{
    struct recovering c = {
        .p = p, .entry = entry, .entry_arg = entry_arg, .out = out};

    /* A head that the process before us renamed and did not live to sync may be
     * in memory only: what follows from it must not reach the disk before it.
     */
    int r = fsync(p->folder) == 0 ? 0 : sp_error_from_errno();
    if (r != 0)
        return refuse(&c, r, 0, "the ledger's folder: %s", sp_strerror(r));
    r = head_read(&c, "last-signed", &p->last);
    if (r == SP_ENOENT && !recover_is_empty(p->folder))
        return refuse(&c, SP_EROLLBACK, 0,
                      "last-signed is missing beside a ledger: restore it; "
                      "without it nobody knows what was signed");
    if (r != 0)
        return r;
    out->signed_size = p->last.size;
    if ((r = view_new(p->folder, &p->last, &c.v)) != 0)
        return r;
    if (restore != NULL)
        c.from = snapshots_restore(p->folder, c.v, restore, entry_arg, out);
    if ((r = tree_recover(&c)) != 0 || (r = checkpoint_check(&c)) != 0 ||
        (r = wal_recover(&c, w)) != 0 || (r = checkpoint_show(&c)) != 0)
        goto out;
    out->entries = c.next;
    publisher_clean(p->folder,
                    p->last.size > CLEAN_BACK ? p->last.size - CLEAN_BACK : 0,
                    p->last.size);
out:
    ledger_view_free(c.v);
    return r;
}
