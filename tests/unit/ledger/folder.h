/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger in a folder of its own below /tmp, for this folder's tests: made,
 * filled with the vectors' entries (entry i is i in decimal), looked at file by
 * file, and removed.
 */
#ifndef SP_TESTS_LEDGER_FOLDER_H
#define SP_TESTS_LEDGER_FOLDER_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "ledger/tile.h"
#include "lib/file.h"

struct folder {
    char path[64];
    int fd;
    struct note_signer signer;
    atomic_uint_fast64_t durable; /* as on_durable said */
    atomic_int failed;            /* as on_failed said */
    atomic_uint failures;
    struct ledger_recovery recovery;
    uint64_t replayed;
};

static inline void folder_make_below(struct folder *f, const char *below)
{
    static const uint8_t seed[32] = {0x33};

    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "%s/ledger-test-XXXXXX", below);
    if (mkdtemp(f->path) == NULL)
        abort();
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->fd < 0 ||
        note_signer_from_seed("log.example/audit", seed, &f->signer) != 0)
        abort();
}

static inline void folder_make(struct folder *f)
{
    folder_make_below(f, "/tmp");
}

static inline int folder_unlink_one(const char *path, const struct stat *st,
                                    int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static inline void folder_remove(struct folder *f)
{
    close(f->fd);
    nftw(f->path, folder_unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_durable(void *arg, uint64_t durable)
{
    atomic_store(&((struct folder *)arg)->durable, durable);
}

static inline void folder_failed(void *arg, int error, const char *what)
{
    struct folder *f = arg;

    (void)what;
    atomic_store(&f->failed, error);
    atomic_fetch_add(&f->failures, 1);
}

static inline size_t decimal_entry(uint64_t i, char text[24])
{
    return (size_t)snprintf(text, 24, "%llu", (unsigned long long)i);
}

/* Replay: the entries must be the vectors'. */
static inline int folder_replay(void *arg, uint64_t n, const uint8_t *entry,
                                size_t length)
{
    struct folder *f = arg;
    char text[24];

    if (n != f->replayed++ || length != decimal_entry(n, text) ||
        memcmp(entry, text, length) != 0)
        return SP_EINVAL;
    return 0;
}

static inline int folder_open(struct folder *f, struct ledger **l)
{
    struct ledger_options o = {
        .folder = f->fd,
        .signer = &f->signer,
        .checkpoint_ms = 100,
        .on_durable = folder_durable,
        .on_failed = folder_failed,
        .arg = f,
    };

    f->replayed = 0;
    atomic_store(&f->failed, 0);
    atomic_store(&f->failures, 0);
    return ledger_open(&o, folder_replay, f, &f->recovery, l);
}

/* Appends until there are `size`; the first error ends it. */
static inline int folder_append(struct ledger *l, uint64_t size)
{
    while (ledger_size(l) < size) {
        uint64_t want = ledger_size(l), n;
        char text[24];
        int r = ledger_append(l, text, decimal_entry(want, text), &n);
        if (r != 0 || n != want)
            return r != 0 ? r : SP_ECORRUPT;
        if (want % 5000 == 4999)
            ledger_kick(l, false);
    }
    ledger_kick(l, true);
    return 0;
}

static inline void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

/* Creates it and publishes `size` entries; a new process could open it. */
static inline void folder_fill_to(struct folder *f, uint64_t size)
{
    struct ledger *l;
    int r = ledger_create(f->fd, &f->signer);

    if (r != 0 && r != SP_EEXIST)
        abort();
    if (folder_open(f, &l) != 0 || folder_append(l, size) != 0 ||
        ledger_close(l) != 0)
        abort();
}

static inline bool folder_has(const struct folder *f, const char *path)
{
    return faccessat(f->fd, path, F_OK, 0) == 0;
}

struct bytes {
    uint8_t *data;
    size_t length;
};

static inline struct bytes folder_get(const struct folder *f, const char *path)
{
    struct bytes b = {NULL, 0};

    if (file_read(f->fd, path, 64u << 20, &b.data, &b.length) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        abort();
    }
    return b;
}

static inline void folder_put(const struct folder *f, const char *path,
                              const void *data, size_t length)
{
    if (file_replace(f->fd, path, 0600, data, length) != 0)
        abort();
}

static inline void folder_flip(const struct folder *f, const char *path,
                               size_t at, uint8_t mask)
{
    struct bytes b = folder_get(f, path);

    if (at >= b.length)
        abort();
    b.data[at] ^= mask;
    folder_put(f, path, b.data, b.length);
    free(b.data);
}

/* cp -r */
static inline void folder_copy_tree(int from, int to)
{
    DIR *d = fdopendir(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *e;

    while ((e = readdir(d)) != NULL) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        fstatat(from, e->d_name, &st, 0);
        if (S_ISDIR(st.st_mode)) {
            mkdirat(to, e->d_name, 0700);
            int a = openat(from, e->d_name, O_RDONLY | O_CLOEXEC);
            int b = openat(to, e->d_name, O_RDONLY | O_CLOEXEC);
            folder_copy_tree(a, b);
            close(a);
            close(b);
        } else {
            uint8_t *data;
            size_t n;
            if (file_read(from, e->d_name, 64u << 20, &data, &n) != 0 ||
                file_replace(to, e->d_name, 0600, data, n) != 0)
                abort();
            free(data);
        }
    }
    closedir(d);
}

/* Verifies by the checkpoint; the verdict tells the rest. */
static inline int folder_verify(struct folder *f,
                                struct ledger_verdict *verdict)
{
    struct ledger_view *v;
    int r = ledger_view_open(f->fd, &f->signer.verifier, 1, &v);

    memset(verdict, 0, sizeof *verdict);
    if (r != 0)
        return r;
    f->replayed = 0;
    r = ledger_verify(v, folder_replay, f, verdict);
    ledger_view_free(v);
    return r;
}

#endif
