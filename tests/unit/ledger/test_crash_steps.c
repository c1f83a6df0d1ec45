/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P5 and P1 at each step of the write order (docs/ledger.md, "Writing" and
 * "Opening"), on a disk that dies before, in and after it, fails, is full,
 * flips a bit, and forgets what was not synced when the power goes (disk.h).
 *
 * After each run: what a reader finds is a whole ledger under a signed head;
 * the next start opens it; every entry that was reported durable is there with
 * its bytes; every head that anybody ever saw is of this ledger, and the one
 * shown now is not smaller; last-signed is never behind checkpoint.
 *
 * A run is a step, a fault, and chance. SP_CRASH_RUNS=100000 for a long form.
 * A failure prints an SP_CRASH_SEED and an SP_CRASH_CHAIN, which repeat the few
 * runs that led to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/view.h"
#include "lib/limits.h"
#include "tests/unit/ledger/disk.h"
#include "tests/unit/ledger/folder.h"

#ifdef SP_SANITIZED
#define RUNS 300
#else
#define RUNS COMPLETE
#endif
#define COMPLETE    1200 /* enough for every fault at every step */
#define CHAIN_RUNS  12
#define ENTRIES_MAX 5000 /* then the next run begins a new ledger */
#define ROOM        (ENTRIES_MAX + 4000)
#define BYTES_MAX   (24u << 20)
#define SEEN_MAX    1024
#define TRIES       4

/* --- the steps --- */

enum phase { PHASE_NONE, PHASE_CREATING, PHASE_OPENING, PHASE_WRITING };
enum place { PLACE_WAL, PLACE_TILE, PLACE_LAST, PLACE_SHOWN, PLACE_OTHER };

/* What replacing a file durably is made of. */
#define REPLACED(p, at, name, from)                                            \
    {p, at, DISK_UNLINK, false, name "leftover removed", from},                \
        {p, at, DISK_MAKE, false, name "made beside", from},                   \
        {p, at, DISK_WRITE, false, name "written", from},                      \
        {p, at, DISK_CHMOD, false, name "mode set", from},                     \
        {p, at, DISK_SYNC, false, name "synced", from},                        \
        {p, at, DISK_RENAME, false, name "renamed", from},                     \
    {                                                                          \
        p, at, DISK_NAMED, false, name "folder synced", from                   \
    }

/* Every call that the ledger makes on its folder is one of these. */
static const struct step {
    enum phase phase;
    enum place place;
    enum disk_call call;
    bool of_folder;
    const char *name;
    /* Seen only by a start that follows a death right behind that step. */
    const char *from;
} steps[] = {
    {PHASE_CREATING, PLACE_WAL, DISK_MKDIR, false, "create: wal made", NULL},
    {PHASE_CREATING, PLACE_WAL, DISK_NAMED, true, "create: wal named", NULL},
    {PHASE_CREATING, PLACE_TILE, DISK_MKDIR, false, "create: tile made", NULL},
    {PHASE_CREATING, PLACE_TILE, DISK_NAMED, true, "create: tile named", NULL},
    {PHASE_CREATING, PLACE_WAL, DISK_MAKE, false, "create: segment made", NULL},
    {PHASE_CREATING, PLACE_WAL, DISK_NAMED, false, "create: it is named", NULL},
    REPLACED(PHASE_CREATING, PLACE_LAST, "create: last-signed: ", NULL),
    REPLACED(PHASE_CREATING, PLACE_SHOWN, "create: checkpoint: ", NULL),
    {PHASE_WRITING, PLACE_WAL, DISK_MAKE, false, "sync: segment made", NULL},
    {PHASE_WRITING, PLACE_WAL, DISK_NAMED, false, "sync: it is named", NULL},
    {PHASE_WRITING, PLACE_WAL, DISK_WRITE, false, "sync: written", NULL},
    {PHASE_WRITING, PLACE_WAL, DISK_SYNC, false, "sync: fdatasync", NULL},
    {PHASE_WRITING, PLACE_WAL, DISK_READ, false, "a: read", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_MKDIR, false, "a: folder made", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_NAMED, true, "a: folder named", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_MAKE, false, "a: made beside", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_WRITE, false, "a: written", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_SYNC, false, "a: synced", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_RENAME, false, "a: renamed", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_NAMED, false, "a: folder synced", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_READ, false, "b: read back", NULL},
    /* c and d change nothing: they are before the first of e */
    REPLACED(PHASE_WRITING, PLACE_LAST, "e: last-signed: ", NULL),
    REPLACED(PHASE_WRITING, PLACE_SHOWN, "f: checkpoint: ", NULL),
    {PHASE_WRITING, PLACE_TILE, DISK_UNLINK, false, "g: partial gone", NULL},
    {PHASE_WRITING, PLACE_TILE, DISK_RMDIR, false, "g: partials gone", NULL},
    {PHASE_WRITING, PLACE_WAL, DISK_UNLINK, false, "g: segment gone", NULL},
    {PHASE_OPENING, PLACE_LAST, DISK_READ, false, "open: last-signed", NULL},
    {PHASE_OPENING, PLACE_TILE, DISK_READ, false, "open: tiles", NULL},
    {PHASE_OPENING, PLACE_SHOWN, DISK_READ, false, "open: checkpoint", NULL},
    {PHASE_OPENING, PLACE_WAL, DISK_READ, false, "open: segments", NULL},
    {PHASE_OPENING, PLACE_LAST, DISK_NAMED, false, "open: last-signed named",
     "e: last-signed: renamed"},
    REPLACED(PHASE_OPENING, PLACE_WAL, "open: tail: ", "sync: fdatasync"),
    REPLACED(PHASE_OPENING, PLACE_SHOWN,
             "open: checkpoint: ", "e: last-signed: folder synced"),
    {PHASE_OPENING, PLACE_TILE, DISK_UNLINK, false, "open: partial gone",
     "f: checkpoint: folder synced"},
    {PHASE_OPENING, PLACE_TILE, DISK_RMDIR, false, "open: partials gone",
     "f: checkpoint: folder synced"},
};

#define STEPS (sizeof steps / sizeof *steps)

static bool under(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static enum place place_of(const char *path)
{
    return under(path, "wal")                      ? PLACE_WAL
           : under(path, "tile")                   ? PLACE_TILE
           : strncmp(path, "last-signed", 11) == 0 ? PLACE_LAST
           : strncmp(path, "checkpoint", strlen("checkpoint")) == 0
               ? PLACE_SHOWN
               : PLACE_OTHER;
}

static unsigned step_find(enum phase phase, const struct disk_event *e)
{
    for (unsigned i = 0; i < STEPS; i++)
        if (steps[i].phase == phase && steps[i].call == e->call &&
            steps[i].place == place_of(e->path) &&
            steps[i].of_folder == e->of_folder)
            return i;
    return STEPS;
}

static unsigned step_named(const char *name)
{
    for (unsigned i = 0; i < STEPS; i++)
        if (strcmp(steps[i].name, name) == 0)
            return i;
    abort();
}

static const char *const faults[DISK_FAULTS] = {
    [DISK_FINE] = "nothing",
    [DISK_DIE_BEFORE] = "death before",
    [DISK_DIE_AFTER] = "death behind",
    [DISK_DIE_TORN] = "death within",
    [DISK_EIO] = "EIO",
    [DISK_ENOSPC] = "ENOSPC",
    [DISK_FLIP] = "a bit flips",
};

static bool fault_fits(const struct step *s, enum disk_fault f)
{
    if (f == DISK_DIE_TORN)
        return s->call == DISK_WRITE;
    if (f == DISK_FLIP)
        return s->call == DISK_WRITE && s->phase == PHASE_WRITING &&
               s->place == PLACE_TILE;
    return f != DISK_FINE && (s->call != DISK_READ || f == DISK_EIO);
}

/* --- a run --- */

static struct plan {
    unsigned step, nth; /* the how-manieth time it comes to that step */
    enum disk_fault fault;
    bool power; /* goes then */
} plan;

struct record {
    uint32_t length;
    uint64_t salt;
};

static struct {
    uint64_t seed;
    unsigned chain, run;
    uint64_t random;
    struct folder folder;
    bool there;       /* a folder */
    bool armed;       /* what its threads do is counted */
    enum phase phase; /* of this thread */

    struct record entries[ROOM];
    uint64_t bytes;
    uint64_t durable; /* as reported, to anybody, ever */
    struct checkpoint seen[SEEN_MAX];
    unsigned nseen;
    uint64_t shown; /* the largest */

    unsigned countdown;
    bool fired, full;    /* a disk that is full stays full */
    char complaint[256]; /* of a watcher, on any thread */
} w;

static _Thread_local bool owner;
static unsigned fired[STEPS][DISK_FAULTS], missed;

static uint64_t chance(uint64_t n)
{
    return disk_random(&w.random) % n;
}

static void wrong(const char *format, ...) SP_PRINTF(1, 2);

static void wrong(const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_msg("%s\n  SP_CRASH_SEED=%llu SP_CRASH_CHAIN=%u: run %u: %s: %s%s",
             text, (unsigned long long)w.seed, w.chain, w.run,
             steps[plan.step].name, faults[plan.fault],
             plan.power ? ", the power goes" : "");
}

#define HOLDS(condition, ...)                                                  \
    do {                                                                       \
        if (!(condition))                                                      \
            wrong(__VA_ARGS__);                                                \
    } while (0)

/* --- watching --- */

static void complain(const char *what, uint64_t n)
{
    if (w.complaint[0] == '\0')
        snprintf(w.complaint, sizeof w.complaint, "%s (%llu)", what,
                 (unsigned long long)n);
}

static enum disk_fault before_call(const struct disk_event *e)
{
    enum phase phase = owner ? w.phase : w.armed ? PHASE_WRITING : PHASE_NONE;
    unsigned step = step_find(phase, e);

    if (phase == PHASE_NONE || place_of(e->path) == PLACE_OTHER)
        return DISK_FINE;
    if (step == STEPS) {
        complain(e->path, (uint64_t)phase * 100 + (uint64_t)e->call);
        return DISK_FINE;
    }
    if (w.full && (e->call == DISK_WRITE || e->call == DISK_MAKE ||
                   e->call == DISK_MKDIR))
        return DISK_ENOSPC;
    if (step != plan.step || w.fired || --w.countdown > 0)
        return DISK_FINE;
    w.fired = true;
    w.full = plan.fault == DISK_ENOSPC;
    fired[step][plan.fault]++;
    return plan.fault;
}

/* The outside reader, who looks whenever there may be something new. */
static void after_call(const struct disk_event *e)
{
    const struct note_verifier *key = &w.folder.signer.verifier;
    struct checkpoint c, last;

    if (place_of(e->path) != PLACE_LAST && place_of(e->path) != PLACE_SHOWN)
        return;
    int r = view_read_note(w.folder.fd, "checkpoint", key, 1, &c, NULL);
    if (r == SP_ENOENT)
        return;
    if (r != 0) {
        complain("a checkpoint that is none", (uint64_t)-r);
        return;
    }
    r = view_read_note(w.folder.fd, "last-signed", key, 1, &last, NULL);
    if (r != 0 || last.size < c.size)
        complain("last-signed is behind checkpoint", c.size);
    for (unsigned i = w.nseen; i > 0; i--)
        if (w.seen[i - 1].size == c.size) {
            if (!merkle_equal(&w.seen[i - 1].root, &c.root))
                complain("two heads of one size", c.size);
            return;
        }
    if (w.nseen < SEEN_MAX)
        w.seen[w.nseen++] = c;
    else
        complain("too many heads", w.nseen);
    if (c.size > w.shown)
        w.shown = c.size;
}

/* --- a ledger's life --- */

static size_t entry_make(uint64_t n, uint8_t bytes[LIMIT_ENTRY_BYTES])
{
    uint64_t x = w.entries[n].salt + n + 1;
    size_t length = w.entries[n].length;

    for (size_t i = 0; i < length; i += 8) {
        uint64_t eight = disk_random(&x);
        memcpy(bytes + i, &eight, length - i < 8 ? length - i : 8);
    }
    return length;
}

static int replay(void *arg, uint64_t n, const uint8_t *entry, size_t length)
{
    uint8_t want[LIMIT_ENTRY_BYTES];

    (void)arg;
    if (n >= ROOM || length != entry_make(n, want) ||
        memcmp(entry, want, length) != 0)
        return SP_EINVAL;
    return 0;
}

static int life_open(struct ledger **l)
{
    struct folder *f = &w.folder;
    struct ledger_options o = {
        .folder = f->fd,
        .signer = &f->signer,
        .checkpoint_ms = 100,
        .on_durable = folder_durable,
        .on_failed = folder_failed,
        .arg = f,
    };

    atomic_store(&f->failed, 0);
    atomic_store(&f->durable, 0);
    f->recovery.problem[0] = '\0';
    return ledger_open(&o, replay, NULL, &f->recovery, l);
}

static bool life_ends(void)
{
    return disk_is_dead() || atomic_load(&w.folder.failed) != 0;
}

static void append_some(struct ledger *l, uint64_t count, uint64_t longest)
{
    uint8_t entry[LIMIT_ENTRY_BYTES];

    for (; count > 0 && ledger_size(l) < ROOM; count--) {
        uint64_t n = ledger_size(l), got;
        w.entries[n].length = (uint32_t)(longest - chance(longest / 8 + 1));
        w.entries[n].salt = chance(UINT32_MAX);
        if (ledger_append(l, entry, entry_make(n, entry), &got) != 0)
            return;
        w.bytes += w.entries[n].length;
        HOLDS(got == n, "entry %llu became %llu", (unsigned long long)n,
              (unsigned long long)got);
        if (chance(200) == 0)
            ledger_kick(l, false);
    }
    ledger_kick(l, chance(4) != 0);
}

static void wait_for(const struct ledger *l,
                     uint64_t (*what)(const struct ledger *))
{
    while (what(l) < ledger_size(l) && !life_ends())
        usleep(100);
}

/* Large entries where segments must end. */
static void life_write(struct ledger *l, bool large)
{
    static const uint64_t most[] = {1, 9, 100, 300, 600};
    uint64_t longest = large ? LIMIT_ENTRY_BYTES : 1 + chance(120);
    unsigned turns = large ? 2 : 1 + (unsigned)chance(4);

    for (unsigned i = 0; i < turns && !life_ends(); i++) {
        append_some(l, large ? 310 : 1 + chance(most[chance(5)]), longest);
        uint64_t how = chance(4);
        if (how > 0)
            wait_for(l, how == 1 ? ledger_durable : ledger_published);
    }
}

static void keep_durable(uint64_t durable)
{
    if (durable > w.durable)
        w.durable = durable;
}

/* It has opened: what was promised is there, and counts as durable now. */
static void life_opened(struct ledger *l, uint64_t shown)
{
    struct checkpoint c;

    HOLDS(ledger_size(l) >= w.durable,
          "entries before %llu were durable, %llu are there",
          (unsigned long long)w.durable, (unsigned long long)ledger_size(l));
    int r = view_read_note(w.folder.fd, "checkpoint", &w.folder.signer.verifier,
                           1, &c, NULL);
    HOLDS(r == 0 && c.size >= shown,
          "a head of size %llu was seen, the newest is %llu",
          (unsigned long long)shown, (unsigned long long)c.size);
    keep_durable(ledger_durable(l));
}

static void life_create(void)
{
    w.phase = PHASE_CREATING;
    int r = ledger_create(w.folder.fd, &w.folder.signer);
    w.phase = PHASE_NONE;
    HOLDS(r == 0 || w.fired || r == SP_EEXIST, "creating: %s", sp_strerror(r));
}

/* One process, from its start to its end or its death. */
static void life(bool large)
{
    uint64_t shown = w.shown;
    struct ledger *l;

    disk_revive();
    w.full = false;
    w.armed = true;
    w.phase = PHASE_OPENING;
    int r = life_open(&l);
    w.phase = PHASE_NONE;
    if (r == SP_ENOENT && !w.fired && w.durable == 0 && shown == 0) {
        life_create();
        if (w.fired)
            return;
        r = life_open(&l);
    }
    if (r != 0) {
        HOLDS(w.fired && (r == SP_EIO || r == SP_ENOSPC), "opening: %d: %s", r,
              w.folder.recovery.problem);
        return;
    }
    if (!disk_is_dead()) {
        life_opened(l, shown);
        life_write(l, large);
    }
    r = ledger_close(l);
    w.armed = false;
    keep_durable(atomic_load(&w.folder.durable));
    HOLDS(r == 0 || w.fired, "closing: %s", sp_strerror(r));
}

/* --- what must hold --- */

/* The reader verifies everything, and compares it with all heads ever seen. */
static uint64_t look(void)
{
    struct ledger_verdict verdict;
    struct ledger_view *v;
    struct merkle_path p;

    int r = ledger_view_open(w.folder.fd, &w.folder.signer.verifier, 1, &v);
    if (r == SP_ENOENT && w.shown == 0)
        return 0;
    HOLDS(r == 0, "checkpoint: %s", sp_strerror(r));
    const struct checkpoint *c = ledger_view_checkpoint(v);
    if (ledger_verify(v, replay, NULL, &verdict) != 0)
        wrong("of size %llu: %s", (unsigned long long)c->size, verdict.problem);
    for (unsigned i = 0; i < w.nseen; i++) {
        const struct checkpoint *s = &w.seen[i];
        if (s->size > c->size)
            continue;
        r = merkle_prove_consistency(ledger_view_hash, v, s->size, c->size, &p);
        if (r == 0)
            r = merkle_verify_consistency(s->size, &s->root, c->size, &c->root,
                                          &p);
        HOLDS(r == 0, "the head of size %llu contradicts that of %llu",
              (unsigned long long)c->size, (unsigned long long)s->size);
    }
    uint64_t size = c->size;
    ledger_view_free(v);
    return size;
}

static void heads_in_order(void)
{
    const struct note_verifier *key = &w.folder.signer.verifier;
    struct checkpoint c, last;

    if (view_read_note(w.folder.fd, "checkpoint", key, 1, &c, NULL) != 0)
        return;
    int r = view_read_note(w.folder.fd, "last-signed", key, 1, &last, NULL);
    HOLDS(r == 0 && last.size >= c.size,
          "last-signed is behind checkpoint, of size %llu",
          (unsigned long long)c.size);
}

static void no_complaint(void)
{
    HOLDS(w.complaint[0] == '\0', "%s", w.complaint);
    if (w.bytes < 1u << 20) {
        const char *where = disk_compare();
        HOLDS(where == NULL, "disk.c does not know what is in %s", where);
    }
}

static void power_goes(bool all)
{
    disk_lose_power(all);
    heads_in_order();
    (void)look();
}

/* A start without faults, and what it finds. */
static void restart(void)
{
    uint64_t shown = w.shown;
    struct ledger *l;

    disk_revive();
    w.full = w.armed = false;
    int r = life_open(&l);
    if (r == SP_ENOENT && w.durable == 0 && w.shown == 0) {
        r = ledger_create(w.folder.fd, &w.folder.signer);
        HOLDS(r == 0, "creating again: %s", sp_strerror(r));
        r = life_open(&l);
    }
    HOLDS(r == 0, "opening: %d: %s", r, w.folder.recovery.problem);
    life_opened(l, shown);
    uint64_t size = ledger_size(l);
    r = ledger_close(l);
    HOLDS(r == 0, "closing: %s", sp_strerror(r));
    HOLDS(look() == size, "not all is published");
}

/* --- runs --- */

static void ledger_remove(void)
{
    if (!w.there)
        return;
    disk_detach();
    folder_remove(&w.folder);
    w.there = false;
}

static void ledger_anew(void)
{
    static const struct disk_watcher watcher = {before_call, after_call};

    ledger_remove();
    /* in memory, where that is: the disk's work is done by disk.c */
    folder_make_below(&w.folder,
                      access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    disk_attach(w.folder.fd, &watcher, chance(UINT32_MAX));
    w.there = true;
    w.bytes = w.durable = w.shown = w.nseen = 0;
}

static void plan_set(unsigned step, enum disk_fault fault, bool power)
{
    plan = (struct plan){step, 1, fault, power};
    if (steps[step].phase == PHASE_WRITING && chance(3) == 0)
        plan.nth += (unsigned)chance(6);
    w.countdown = plan.nth;
    w.fired = false;
}

static bool wants_large(const struct step *s)
{
    return s->place == PLACE_WAL && s->phase == PHASE_WRITING &&
           (s->call == DISK_MAKE || s->call == DISK_NAMED ||
            s->call == DISK_UNLINK);
}

static void run(unsigned step, enum disk_fault fault, bool power)
{
    const struct step *s = &steps[step];

    for (unsigned i = 0; i < TRIES; i++) {
        if (!w.there || s->phase == PHASE_CREATING || w.bytes > BYTES_MAX ||
            w.durable > ENTRIES_MAX)
            ledger_anew();
        if (s->from != NULL) {
            plan_set(step_named(s->from), DISK_DIE_AFTER, false);
            life(false);
            no_complaint();
        }
        plan_set(step, fault, power);
        if (i > 0)
            w.countdown = 1;
        life(wants_large(s));
        no_complaint();
        if (power)
            power_goes(false);
        if (w.fired)
            break;
        missed++;
    }
    if (chance(4) == 0)
        return; /* the next run's start has faults of its own */
    restart();
    if (!power || chance(2) == 0) { /* what was closed in good order stays */
        power_goes(chance(4) != 0);
        HOLDS(look() >= w.shown, "a published head is lost");
    }
}

struct combination {
    unsigned step;
    enum disk_fault fault;
    bool power;
};

static unsigned combinations(struct combination c[STEPS * DISK_FAULTS * 2])
{
    unsigned n = 0;

    for (unsigned i = 0; i < STEPS; i++)
        for (unsigned f = 0; f < 2 * DISK_FAULTS; f++)
            if (fault_fits(&steps[i], (enum disk_fault)(f / 2)))
                c[n++] = (struct combination){i, (enum disk_fault)(f / 2),
                                              f % 2 == 1};
    return n;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void chain(unsigned number)
{
    struct combination all[STEPS * DISK_FAULTS * 2];
    unsigned n = combinations(all);

    w.chain = number;
    w.random = (w.seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + number * 2 + 1;
    ledger_remove();
    for (w.run = 0; w.run < CHAIN_RUNS; w.run++) {
        uint64_t at = (uint64_t)number * CHAIN_RUNS + w.run;
        const struct combination *c = &all[at * 101 % n];
        run(c->step, c->fault, c->power);
    }
}

/* A fortified build reads by another name than pread. */
static bool is_seen(const struct step *s)
{
    return __USE_FORTIFY_LEVEL == 0 || s->call != DISK_READ;
}

/* A fault that never happened at a step; NULL: nothing was left out. */
static const char *left_out(void)
{
    static char text[100];

    for (unsigned i = 0; i < STEPS; i++)
        for (unsigned f = 0; f < DISK_FAULTS; f++)
            if (fault_fits(&steps[i], (enum disk_fault)f) &&
                is_seen(&steps[i]) && fired[i][f] == 0) {
                snprintf(text, sizeof text, "%s: %s", steps[i].name, faults[f]);
                return text;
            }
    return NULL;
}

static void tell(unsigned runs)
{
    print_message("%u runs at %zu steps:", runs, STEPS);
    for (unsigned f = DISK_DIE_BEFORE; f < DISK_FAULTS; f++) {
        unsigned count = 0;
        for (unsigned i = 0; i < STEPS; i++)
            count += fired[i][f];
        print_message(" %s %u;", faults[f], count);
    }
    print_message(" missed %u\n", missed);
}

/* Chance may leave out a step that is seldom come to: a few more chains then.
 */
static void all_chains(unsigned runs)
{
    unsigned number = 0;

    while (number * CHAIN_RUNS < runs ||
           (runs >= COMPLETE && left_out() != NULL &&
            number * CHAIN_RUNS < 4 * runs))
        chain(number++);
    tell(number * CHAIN_RUNS);
    if (runs >= COMPLETE && left_out() != NULL)
        fail_msg("never: %s", left_out());
}

static void P5_no_head_is_ever_contradicted(void **state)
{
    unsigned runs = (unsigned)number_from("SP_CRASH_RUNS", RUNS);
    const char *only = getenv("SP_CRASH_CHAIN");

    (void)state;
    owner = true;
    w.seed = number_from("SP_CRASH_SEED", 1);
    if (only != NULL)
        chain((unsigned)number_from("SP_CRASH_CHAIN", 0));
    else
        all_chains(runs);
    ledger_remove();
}

static int teardown(void **state)
{
    (void)state;
    ledger_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(P5_no_head_is_ever_contradicted, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
