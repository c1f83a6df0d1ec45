/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk of disk.h. Everything is under one lock; the calls that are ours
 * are those of this program, defined in front of the C library's. Nothing is
 * really synced, which makes it fast.
 */
#include "tests/unit/ledger/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NAME       80
#define PATH       256
#define FDS        1024
#define LOST       16
#define PAGE       4096
#define TIME_FLIES 100 /* waits are this much shorter */

struct node;

struct names {
    struct {
        char text[NAME];
        struct node *node;
    } * list;
    size_t count;
};

/* What was done to a folder since its last sync: a name goes, a name comes. */
struct change {
    uint64_t order; /* among all folders */
    char gone[NAME], come[NAME];
    struct node *node;
};

struct node {
    struct node *next;
    bool folder, reached;
    char path[PATH]; /* the newest */

    uint8_t *data;
    size_t length, capacity;
    size_t synced; /* bytes of it that a sync was about */
    struct {
        size_t from, to;
    } lost[LOST]; /* of them, what a failed sync was about */
    unsigned nlost;
    uint8_t *before; /* content before it was cut to nothing, until a sync */
    size_t before_length;

    struct names now, durable;
    struct change *changes;
    size_t nchanges;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool passing; /* calls of our own */
static struct disk_watcher watcher;
static int root_fd = -1;
static struct stat root_stat;
static struct node *root, *nodes;
static struct {
    struct node *node;
    ino_t ino;
} fds[FDS];
static atomic_bool dead;
static uint64_t order, randomness;

uint64_t disk_random(uint64_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}

static uint64_t chance(uint64_t n)
{
    return disk_random(&randomness) % n;
}

/* What is kept ------------------------------------------------------------ */

static void *more(void *list, size_t bytes)
{
    void *p = realloc(list, bytes);

    if (p == NULL)
        abort();
    return p;
}

static struct node *node_new(bool folder, const char *path)
{
    struct node *n = calloc(1, sizeof *n);

    if (n == NULL)
        abort();
    n->folder = folder;
    snprintf(n->path, sizeof n->path, "%s", path);
    n->next = nodes;
    nodes = n;
    return n;
}

static void node_free(struct node *n)
{
    free(n->data);
    free(n->before);
    free(n->now.list);
    free(n->durable.list);
    free(n->changes);
    free(n);
}

static struct node *names_get(const struct names *l, const char *text)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->list[i].text, text) == 0)
            return l->list[i].node;
    return NULL;
}

static void names_drop(struct names *l, const char *text)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->list[i].text, text) == 0)
            l->list[i--] = l->list[--l->count];
}

static void names_set(struct names *l, const char *text, struct node *node)
{
    names_drop(l, text);
    l->list = more(l->list, (l->count + 1) * sizeof *l->list);
    snprintf(l->list[l->count].text, NAME, "%s", text);
    l->list[l->count++].node = node;
}

static void names_copy(struct names *to, const struct names *from)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++)
        names_set(to, from->list[i].text, from->list[i].node);
}

static void names_change(struct names *l, const struct change *c)
{
    if (c->gone[0] != '\0')
        names_drop(l, c->gone);
    if (c->come[0] != '\0')
        names_set(l, c->come, c->node);
}

static void folder_change(struct node *f, const char *gone, const char *come,
                          struct node *node)
{
    f->changes = more(f->changes, (f->nchanges + 1) * sizeof *f->changes);
    struct change *c = &f->changes[f->nchanges++];
    *c = (struct change){.order = ++order, .node = node};
    snprintf(c->gone, NAME, "%s", gone);
    snprintf(c->come, NAME, "%s", come);
    names_change(&f->now, c);
}

static void file_append(struct node *n, const void *data, size_t length)
{
    if (n->length + length > n->capacity) {
        n->capacity = 2 * (n->length + length);
        n->data = more(n->data, n->capacity);
    }
    memcpy(n->data + n->length, data, length);
    n->length += length;
}

static void file_cut(struct node *n)
{
    if (n->before == NULL) {
        n->before = n->data;
        n->before_length = n->length;
    } else {
        free(n->data);
    }
    n->data = NULL;
    n->length = n->capacity = n->synced = n->nlost = 0;
}

static void file_synced(struct node *n, bool failed)
{
    if (failed && n->synced < n->length) {
        if (n->nlost == LOST)
            abort();
        n->lost[n->nlost].from = n->synced;
        n->lost[n->nlost++].to = n->length;
    }
    n->synced = n->length;
    free(n->before);
    n->before = NULL;
}

static void folder_synced(struct node *n)
{
    names_copy(&n->durable, &n->now);
    n->nchanges = 0;
}

static void reach(struct node *n)
{
    if (n == NULL || n->reached)
        return;
    n->reached = true;
    for (size_t i = 0; i < n->now.count; i++)
        reach(n->now.list[i].node);
    for (size_t i = 0; i < n->durable.count; i++)
        reach(n->durable.list[i].node);
    for (size_t i = 0; i < n->nchanges; i++)
        reach(n->changes[i].node);
}

/* Frees what no name, old or new, leads to. */
static void sweep(void)
{
    struct node **at = &nodes, *n;

    reach(root);
    while ((n = *at) != NULL) {
        bool keep = n->reached;
        n->reached = false;
        if (keep) {
            at = &n->next;
        } else {
            *at = n->next;
            node_free(n);
        }
    }
    memset(fds, 0, sizeof fds);
}

/* Which is meant ---------------------------------------------------------- */

static struct node *node_of_fd(int fd)
{
    struct stat st;

    if (root == NULL || fd < 0 || fstat(fd, &st) != 0)
        return NULL;
    if (st.st_dev != root_stat.st_dev)
        return NULL;
    if (st.st_ino == root_stat.st_ino)
        return root;
    return fd < FDS && fds[fd].ino == st.st_ino ? fds[fd].node : NULL;
}

/* The folder that `path` is in, and its name there; NULL: none of ours. */
static struct node *resolve(int fd, const char *path, const char **name)
{
    struct node *f = path[0] == '/' ? NULL : node_of_fd(fd);
    const char *slash;

    while (f != NULL && (slash = strchr(path, '/')) != NULL) {
        char part[NAME];
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        f = names_get(&f->now, part);
        path = slash + 1;
    }
    *name = path;
    return f != NULL && f->folder ? f : NULL;
}

static const char *join(const struct node *f, const char *name, char path[PATH])
{
    int n = snprintf(path, PATH, "%s%s%s", f->path,
                     f->path[0] == '\0' ? "" : "/", name);
    if (n >= PATH || strlen(name) >= NAME)
        abort();
    return path;
}

static void fd_is(int fd, struct node *node)
{
    struct stat st;

    if (fd < 0)
        return;
    if (fd >= FDS || fstat(fd, &st) != 0)
        abort();
    fds[fd].node = node;
    fds[fd].ino = st.st_ino;
}

/* The calls --------------------------------------------------------------- */

static bool enter(void)
{
    if (passing)
        return false;
    pthread_mutex_lock(&lock);
    passing = true;
    return true;
}

static ssize_t leave_size(ssize_t r)
{
    int e = errno;

    passing = false;
    pthread_mutex_unlock(&lock);
    errno = e;
    return r;
}

static int leave(int r)
{
    return (int)leave_size(r);
}

/* What becomes of a call; with EIO and ENOSPC errno is set. */
static enum disk_fault ask(const struct disk_event *e)
{
    enum disk_fault f = DISK_DIE_BEFORE;

    if (!atomic_load(&dead))
        f = watcher.before(e);
    if (f == DISK_DIE_BEFORE || f == DISK_DIE_AFTER || f == DISK_DIE_TORN)
        atomic_store(&dead, true);
    errno = f == DISK_ENOSPC ? ENOSPC : EIO;
    return f;
}

static bool fails(enum disk_fault f)
{
    return f == DISK_DIE_BEFORE || f == DISK_EIO || f == DISK_ENOSPC;
}

/* `r` of a call that was let through, -1 if the process dies with it. */
static int done(const struct disk_event *e, enum disk_fault f, int r)
{
    int error = errno;

    watcher.after(e);
    errno = error;
    if (f == DISK_FINE || f == DISK_FLIP)
        return r;
    errno = EIO;
    return -1;
}

int openat(int fd, const char *path, int flags, ...)
{
    mode_t mode = 0;
    const char *name;
    char whole[PATH];
    va_list args;

    if ((flags & O_CREAT) != 0) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (!enter())
        return (int)syscall(SYS_openat, fd, path, flags, mode);
    struct node *f = resolve(fd, path, &name);
    struct node *n = f == NULL                ? NULL
                     : strcmp(name, ".") == 0 ? f
                                              : names_get(&f->now, name);
    bool makes = f != NULL && n == NULL && (flags & O_CREAT) != 0;
    bool cuts = n != NULL && (flags & O_TRUNC) != 0 && n->length > 0;
    struct disk_event e = {DISK_MAKE, f == NULL ? "" : join(f, name, whole),
                           false};
    enum disk_fault fault = makes || cuts ? ask(&e) : DISK_FINE;
    if (fails(fault))
        return leave(-1);
    int r = (int)syscall(SYS_openat, fd, path, flags, mode);
    if (r >= 0 && makes)
        folder_change(f, "", name, n = node_new(false, whole));
    if (r >= 0 && cuts)
        file_cut(n);
    if (r >= 0 && f != NULL)
        fd_is(r, n);
    if (r >= 0 && fault == DISK_DIE_AFTER)
        close(r);
    return leave(makes || cuts ? done(&e, fault, r) : r);
}

/* A failing write leaves a part of it too. */
static ssize_t do_write(struct node *n, int fd, const uint8_t *data,
                        size_t length)
{
    struct disk_event e = {DISK_WRITE, n->path, false};
    enum disk_fault fault = ask(&e);
    size_t arrives = length;

    if (atomic_load(&dead) && fails(fault))
        return -1;
    if (fails(fault) || fault == DISK_DIE_TORN)
        arrives = chance(length);
    uint8_t *copy = more(NULL, length);
    memcpy(copy, data, length);
    if (fault == DISK_FLIP)
        copy[chance(length)] ^= (uint8_t)(1u << chance(8));
    if (arrives > 0) {
        if (syscall(SYS_write, fd, copy, arrives) != (ssize_t)arrives)
            abort();
        file_append(n, copy, arrives);
    }
    free(copy);
    int r = done(&e, fault, 0);
    errno = fault == DISK_ENOSPC ? ENOSPC : EIO;
    return r < 0 ? -1 : (ssize_t)length;
}

ssize_t write(int fd, const void *data, size_t length)
{
    if (!enter())
        return syscall(SYS_write, fd, data, length);
    struct node *n = node_of_fd(fd);
    if (n == NULL || length == 0)
        return leave_size(syscall(SYS_write, fd, data, length));
    return leave_size(do_write(n, fd, data, length));
}

ssize_t pread(int fd, void *data, size_t length, off_t offset)
{
    if (!enter())
        return syscall(SYS_pread64, fd, data, length, offset);
    struct node *n = node_of_fd(fd);
    struct disk_event e = {DISK_READ, n == NULL ? "" : n->path, false};
    if (n != NULL && !atomic_load(&dead) && ask(&e) != DISK_FINE)
        return leave(-1);
    return leave_size(syscall(SYS_pread64, fd, data, length, offset));
}

int fchmod(int fd, mode_t mode)
{
    if (!enter())
        return (int)syscall(SYS_fchmod, fd, mode);
    struct node *n = node_of_fd(fd);
    if (n == NULL)
        return leave((int)syscall(SYS_fchmod, fd, mode));
    struct disk_event e = {DISK_CHMOD, n->path, false};
    enum disk_fault fault = ask(&e);
    return leave(fails(fault) ? -1 : done(&e, fault, 0));
}

static int do_sync(struct node *n)
{
    struct disk_event e = {n->folder ? DISK_NAMED : DISK_SYNC, n->path, false};
    char path[PATH];

    if (n->folder) {
        const struct change *c =
            n->nchanges == 0 ? NULL : &n->changes[n->nchanges - 1];
        e.path = join(n, c == NULL ? "" : c->come[0] ? c->come : c->gone, path);
        e.of_folder = c != NULL && c->node != NULL && c->node->folder;
    }
    enum disk_fault fault = ask(&e);
    if (!n->folder && !atomic_load(&dead) && fails(fault))
        file_synced(n, true);
    if (fails(fault))
        return -1;
    n->folder ? folder_synced(n) : file_synced(n, false);
    return done(&e, fault, 0);
}

int fsync(int fd)
{
    if (!enter())
        return 0;
    struct node *n = node_of_fd(fd);
    return leave(n == NULL ? 0 : do_sync(n));
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    const char *gone, *come;
    char path[PATH];

    if (!enter())
        return (int)syscall(SYS_renameat2, a, from, b, to, flags);
    struct node *f = resolve(a, from, &gone), *g = resolve(b, to, &come);
    if (f == NULL && g == NULL)
        return leave((int)syscall(SYS_renameat2, a, from, b, to, flags));
    if (f == NULL || f != g || names_get(&f->now, gone) == NULL)
        abort();
    if ((flags & RENAME_NOREPLACE) != 0 && names_get(&f->now, come) != NULL) {
        errno = EEXIST;
        return leave(-1);
    }
    struct disk_event e = {DISK_RENAME, join(f, come, path), false};
    enum disk_fault fault = ask(&e);
    if (fails(fault))
        return leave(-1);
    if (syscall(SYS_renameat, a, from, b, to) != 0)
        abort();
    struct node *n = names_get(&f->now, gone);
    folder_change(f, gone, come, n);
    snprintf(n->path, sizeof n->path, "%s", path);
    return leave(done(&e, fault, 0));
}

int renameat(int a, const char *from, int b, const char *to)
{
    return renameat2(a, from, b, to, 0);
}

int unlinkat(int fd, const char *path, int flags)
{
    const char *name;
    char whole[PATH];

    if (!enter())
        return (int)syscall(SYS_unlinkat, fd, path, flags);
    struct node *f = resolve(fd, path, &name);
    if (f == NULL)
        return leave((int)syscall(SYS_unlinkat, fd, path, flags));
    struct disk_event e = {(flags & AT_REMOVEDIR) != 0 ? DISK_RMDIR
                                                       : DISK_UNLINK,
                           join(f, name, whole), false};
    enum disk_fault fault = ask(&e);
    if (fails(fault))
        return leave(-1);
    int r = (int)syscall(SYS_unlinkat, fd, path, flags);
    if (r == 0)
        folder_change(f, name, "", names_get(&f->now, name));
    return leave(done(&e, fault, r));
}

int mkdirat(int fd, const char *path, mode_t mode)
{
    const char *name;
    char whole[PATH];

    if (!enter())
        return (int)syscall(SYS_mkdirat, fd, path, mode);
    struct node *f = resolve(fd, path, &name);
    if (f == NULL || names_get(&f->now, name) != NULL)
        return leave((int)syscall(SYS_mkdirat, fd, path, mode));
    struct disk_event e = {DISK_MKDIR, join(f, name, whole), false};
    enum disk_fault fault = ask(&e);
    if (fails(fault))
        return leave(-1);
    if (syscall(SYS_mkdirat, fd, path, mode) != 0)
        abort();
    folder_change(f, "", name, node_new(true, whole));
    return leave(done(&e, fault, 0));
}

/* Time flies: who waits for company waits less. */
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                           const struct timespec *until)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = (until->tv_sec - t.tv_sec) * INT64_C(1000000000) +
                 (until->tv_nsec - t.tv_nsec);
    ns = t.tv_nsec + (ns > 0 ? ns / TIME_FLIES : 0);
    t.tv_sec += ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    return pthread_cond_clockwait(c, m, CLOCK_MONOTONIC, &t);
}

/* Loss of power ----------------------------------------------------------- */

enum loss {
    LOSS_ALL,   /* only what was synced is left */
    LOSS_NONE,  /* all arrived */
    LOSS_ORDER, /* what was done to names up to some moment is left */
    LOSS_ANY,   /* any of it */
    LOSSES
};

static void folder_settle(struct node *n, enum loss loss, uint64_t moment)
{
    for (size_t i = 0; i < n->nchanges; i++) {
        const struct change *c = &n->changes[i];
        if (loss == LOSS_NONE || (loss == LOSS_ORDER && c->order <= moment) ||
            (loss == LOSS_ANY && chance(2) == 0))
            names_change(&n->durable, c);
    }
    names_copy(&n->now, &n->durable);
    n->nchanges = 0;
}

/* Of what was not synced nothing, all, a part, or some of its pages. */
static void tail_settle(struct node *n, enum loss loss)
{
    size_t tail = n->length - n->synced;

    if (tail == 0 || loss == LOSS_NONE)
        return;
    if (loss == LOSS_ALL || chance(3) == 0)
        n->length = n->synced;
    else if (chance(2) == 0)
        n->length = n->synced + chance(tail);
    else
        for (size_t at = n->synced; at < n->length; at += PAGE - at % PAGE)
            if (chance(2) == 0)
                memset(n->data + at, 0,
                       n->length - at < PAGE - at % PAGE ? n->length - at
                                                         : PAGE - at % PAGE);
}

static void file_settle(struct node *n, enum loss loss)
{
    if (n->before != NULL && loss != LOSS_NONE && chance(2) == 0) {
        free(n->data);
        n->data = n->before;
        n->length = n->capacity = n->synced = n->before_length;
        n->before = NULL;
        n->nlost = 0;
    }
    tail_settle(n, loss);
    while (n->nlost > 0) {
        size_t from = n->lost[--n->nlost].from, to = n->lost[n->nlost].to;
        if (to >= n->length && from < n->length && chance(2) == 0)
            n->length = from;
        else if (from < n->length)
            memset(n->data + from, 0, (to < n->length ? to : n->length) - from);
    }
    free(n->before);
    n->before = NULL;
    n->synced = n->length;
}

static void settle(struct node *n, const char *path, enum loss loss,
                   uint64_t moment)
{
    snprintf(n->path, sizeof n->path, "%s", path);
    if (!n->folder) {
        file_settle(n, loss);
        return;
    }
    folder_settle(n, loss, moment);
    for (size_t i = 0; i < n->now.count; i++) {
        char below[PATH];
        join(n, n->now.list[i].text, below);
        settle(n->now.list[i].node, below, loss, moment);
    }
}

static void real_file(const struct node *n)
{
    int fd = openat(root_fd, n->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 ||
        (n->length > 0 && write(fd, n->data, n->length) != (ssize_t)n->length))
        abort();
    close(fd);
}

/* Makes the real folder what is kept of it. */
static void real_fill(const struct node *n)
{
    for (size_t i = 0; i < n->now.count; i++) {
        const struct node *below = n->now.list[i].node;
        if (!below->folder) {
            real_file(below);
            continue;
        }
        if (mkdirat(root_fd, below->path, 0700) != 0)
            abort();
        real_fill(below);
    }
}

static void real_empty(const struct node *n)
{
    for (size_t i = 0; i < n->now.count; i++) {
        const struct node *below = n->now.list[i].node;
        if (below->folder)
            real_empty(below);
        if (unlinkat(root_fd, below->path, below->folder ? AT_REMOVEDIR : 0) !=
            0)
            abort();
    }
}

void disk_lose_power(bool all)
{
    if (!enter())
        abort();
    enum loss loss = all ? LOSS_ALL : (enum loss)chance(LOSSES);
    /* mostly of the last things done */
    uint64_t back = chance(2) == 0 ? 6 : 40;
    uint64_t moment = order - chance((back < order ? back : order) + 1);
    real_empty(root);
    settle(root, "", loss, moment);
    real_fill(root);
    sweep();
    atomic_store(&dead, false);
    (void)leave(0);
}

void disk_revive(void)
{
    if (!enter())
        abort();
    sweep();
    atomic_store(&dead, false);
    (void)leave(0);
}

bool disk_is_dead(void)
{
    return atomic_load(&dead);
}

static const char *differs(const struct node *n)
{
    const char *where = NULL;
    struct stat st;

    if (!n->folder) {
        int fd = openat(root_fd, n->path, O_RDONLY);
        uint8_t *have = more(NULL, n->length + 1);
        if (fd < 0 || pread(fd, have, n->length + 1, 0) != (ssize_t)n->length ||
            (n->length > 0 && memcmp(have, n->data, n->length) != 0))
            where = n->path;
        close(fd);
        free(have);
        return where;
    }
    if (n != root &&
        (fstatat(root_fd, n->path, &st, 0) != 0 || !S_ISDIR(st.st_mode)))
        return n->path;
    for (size_t i = 0; i < n->now.count && where == NULL; i++)
        where = differs(n->now.list[i].node);
    return where;
}

const char *disk_compare(void)
{
    if (!enter())
        abort();
    const char *where = differs(root);
    (void)leave(0);
    return where;
}

void disk_attach(int folder, const struct disk_watcher *w, uint64_t seed)
{
    if (fstat(folder, &root_stat) != 0 || !enter())
        abort();
    root_fd = folder;
    watcher = *w;
    randomness = seed | 1;
    order = 0;
    root = node_new(true, "");
    atomic_store(&dead, false);
    (void)leave(0);
}

void disk_detach(void)
{
    if (!enter())
        abort();
    root = NULL;
    sweep();
    (void)leave(0);
}
