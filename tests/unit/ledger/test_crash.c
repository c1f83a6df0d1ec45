/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crashes and failing disks. A writer is killed at random moments and at each
 * single system call that changes the disk, and each of those calls is made to
 * fail: afterwards every entry that was reported durable is there byte for
 * byte, every head that anybody could have seen is extended, and everything
 * verifies.
 *
 * The calls are ours here: this program defines them in front of the C
 * library's, counts them while armed, and dies or fails at the one chosen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/hex.h"

/* --- the calls --- */

enum mode { MODE_OFF, MODE_DIE, MODE_FAIL };

static atomic_int mode = MODE_OFF;
static atomic_int countdown; /* 1: the next call is the one */
static atomic_int failure;   /* errno */
static atomic_uint faults;   /* how many calls failed */

/* True: this call is to fail, and so is every one after it (a full disk stays
 * full). */
static bool is_chosen(void)
{
    int m = atomic_load(&mode);

    if (m == MODE_OFF || atomic_fetch_sub(&countdown, 1) > 1)
        return false;
    if (m == MODE_DIE)
        return true;
    atomic_fetch_add(&faults, 1);
    errno = atomic_load(&failure);
    return true;
}

static void die(void)
{
    if (atomic_load(&mode) == MODE_DIE)
        syscall(SYS_exit_group, 99);
}

/* A call that dies dies before or after, or in the middle of a write. */
#define CALL(number, ...)                                                      \
    do {                                                                       \
        if (is_chosen()) {                                                     \
            if (atomic_load(&mode) == MODE_DIE && atomic_load(&failure) != 0)  \
                (void)syscall(number, __VA_ARGS__);                            \
            die();                                                             \
            return -1;                                                         \
        }                                                                      \
        return (int)syscall(number, __VA_ARGS__);                              \
    } while (0)

int fsync(int fd)
{
    CALL(SYS_fsync, fd);
}

/* A disk that takes its time: while it is shut, no fdatasync returns. */
static atomic_bool gate_shut, gate_reached;

int fdatasync(int fd)
{
    while (atomic_load(&gate_shut)) {
        atomic_store(&gate_reached, true);
        sleep_ms(1);
    }
    CALL(SYS_fdatasync, fd);
}

int renameat(int a, const char *from, int b, const char *to)
{
    CALL(SYS_renameat, a, from, b, to);
}

int unlinkat(int fd, const char *path, int flags)
{
    CALL(SYS_unlinkat, fd, path, flags);
}

int mkdirat(int fd, const char *path, mode_t m)
{
    CALL(SYS_mkdirat, fd, path, m);
}

ssize_t write(int fd, const void *data, size_t length)
{
    if (is_chosen()) {
        /* half of it arrives */
        if (length > 1)
            (void)syscall(SYS_write, fd, data, length / 2);
        errno = atomic_load(&failure);
        die();
        return -1;
    }
    return syscall(SYS_write, fd, data, length);
}

static void arm(enum mode m, int step, int error)
{
    atomic_store(&countdown, step);
    atomic_store(&failure, error);
    if (m != MODE_OFF)
        atomic_store(&faults, 0);
    atomic_store(&mode, m);
}

/* --- the folder and what was seen of it --- */

#define SEEN_MAX 4096

static struct folder folder;
static struct checkpoint seen[SEEN_MAX];
static unsigned nseen;

static int setup(void **state)
{
    (void)state;
    folder_make(&folder);
    assert_int_equal(ledger_create(folder.fd, &folder.signer), 0);
    nseen = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arm(MODE_OFF, 0, 0);
    folder_remove(&folder);
    return 0;
}

/* What an auditor who looks right now sees: a head, and its whole tree. */
static void look(void)
{
    struct ledger_verdict verdict;
    struct ledger_view *v;

    assert_int_equal(
        ledger_view_open(folder.fd, &folder.signer.verifier, 1, &v), 0);
    folder.replayed = 0;
    if (ledger_verify(v, folder_replay, &folder, &verdict) != 0)
        fail_msg("%s", verdict.problem);
    const struct checkpoint *c = ledger_view_checkpoint(v);
    if (nseen == 0 || seen[nseen - 1].size != c->size) {
        assert_true(nseen < SEEN_MAX);
        seen[nseen++] = *c;
    }
    for (unsigned i = 0; i < nseen; i++) {
        struct merkle_path p;
        assert_true(seen[i].size <= c->size);
        assert_int_equal(merkle_prove_consistency(ledger_view_hash, v,
                                                  seen[i].size, c->size, &p),
                         0);
        assert_int_equal(merkle_verify_consistency(seen[i].size, &seen[i].root,
                                                   c->size, &c->root, &p),
                         0);
    }
    ledger_view_free(v);
}

/* Opens what a crash left; replay compares each entry. */
static uint64_t reopen(uint64_t durable)
{
    struct ledger *l;
    int r;

    look();
    if ((r = folder_open(&folder, &l)) != 0)
        fail_msg("%d: %s", r, folder.recovery.problem);
    uint64_t size = ledger_size(l);
    if (size < durable)
        fail_msg("entry %llu was durable, %llu are there",
                 (unsigned long long)durable, (unsigned long long)size);
    assert_int_equal(ledger_close(l), 0);
    look();
    assert_int_equal(seen[nseen - 1].size, size);
    return size;
}

/* --- a writer in a process of its own --- */

static int report;

static void report_durable(void *arg, uint64_t durable)
{
    (void)arg;
    /* around our own write(2), which may be armed */
    (void)syscall(SYS_write, report, &durable, sizeof durable);
}

static int writer_open(struct ledger **l)
{
    struct ledger_options o = {
        .folder = folder.fd,
        .signer = &folder.signer,
        .checkpoint_ms = 100,
        .on_durable = report_durable,
        .on_failed = folder_failed,
        .arg = &folder,
    };

    folder.replayed = 0;
    return ledger_open(&o, folder_replay, &folder, &folder.recovery, l);
}

static void wait_durable(const struct ledger *l)
{
    while (ledger_durable(l) < ledger_size(l) &&
           atomic_load(&folder.failed) == 0)
        sleep_ms(1);
}

/* Starts `run` in a child; returns the highest number it reported. */
static uint64_t child_run(void (*run)(unsigned), unsigned arg, long kill_us,
                          int *status)
{
    uint64_t durable = 0, n;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        report = ends[1];
        run(arg);
        syscall(SYS_exit_group, 0);
    }
    close(ends[1]);
    if (kill_us >= 0) { /* from when it has opened the ledger */
        if (read(ends[0], &n, sizeof n) == sizeof n)
            durable = n;
        struct timespec t = {0, kill_us * 1000};
        nanosleep(&t, NULL);
        kill(pid, SIGKILL);
    }
    while (read(ends[0], &n, sizeof n) == sizeof n)
        durable = n;
    close(ends[0]);
    assert_int_equal(waitpid(pid, status, 0), pid);
    return durable;
}

static uint64_t random_next(void)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

/* Appends a few at a time, now urgent, now not, for ever. */
static void write_for_ever(unsigned seed)
{
    struct ledger *l;

    for (unsigned i = 0; i < seed % 64; i++)
        (void)random_next();
    if (writer_open(&l) != 0)
        syscall(SYS_exit_group, 98);
    report_durable(NULL, ledger_durable(l));
    for (;;) {
        char text[24];
        uint64_t n;
        for (uint64_t i = random_next() % 20; i > 0; i--)
            if (ledger_append(l, text, decimal_entry(ledger_size(l), text),
                              &n) != 0)
                syscall(SYS_exit_group, 97);
        ledger_kick(l, random_next() % 2 == 0);
        usleep((useconds_t)(random_next() % 2000));
    }
}

static void P5_killed_at_random_moments(void **state)
{
    unsigned alive = 0;
    uint64_t size = 0;

    (void)state;
    for (unsigned round = 0; round < 80; round++) {
        int status;
        /* mostly short; some live long enough to publish several times */
        long us = (long)(random_next() % (round % 4 == 0 ? 400000 : 40000));
        uint64_t durable = child_run(write_for_ever, round, us, &status);
        assert_true(WIFSIGNALED(status));
        alive += durable > size;
        size = reopen(durable);
    }
    assert_true(alive > 20); /* most did write */
    assert_true(nseen > 20);
}

/* Three turns and an orderly end, or death at the chosen call. */
static void write_and_die(unsigned step)
{
    struct ledger *l;

    arm(MODE_DIE, (int)(step / 2) + 1, (int)(step % 2));
    if (writer_open(&l) != 0)
        syscall(SYS_exit_group, 98);
    for (unsigned turn = 0; turn < 3; turn++) {
        if (folder_append(l, ledger_size(l) + 20) != 0)
            syscall(SYS_exit_group, 97);
        wait_durable(l);
    }
    syscall(SYS_exit_group, ledger_close(l) == 0 ? 0 : 96);
}

static void P5_killed_at_every_call(void **state)
{
    unsigned died = 0;

    (void)state;
    for (unsigned step = 0; step < 400; step++) {
        int status;
        uint64_t durable = child_run(write_and_die, step, -1, &status);
        assert_true(WIFEXITED(status));
        reopen(durable);
        if (WEXITSTATUS(status) == 0)
            break; /* it has no more calls */
        assert_int_equal(WEXITSTATUS(status), 99);
        died++;
    }
    assert_true(died > 40);
}

/* --- a slow disk --- */

static void P1_durable_only_when_fdatasync_returned(void **state)
{
    struct ledger *l;
    struct stat st = {.st_size = 0};

    (void)state;
    assert_int_equal(folder_open(&folder, &l), 0);
    atomic_store(&gate_shut, true);
    assert_int_equal(folder_append(l, 3), 0);
    while (!atomic_load(&gate_reached))
        sleep_ms(1);
    /* It is written, and anybody could read it; that is not enough. */
    assert_int_equal(fstatat(folder.fd, "wal/00000000000000000000", &st, 0), 0);
    assert_true(st.st_size > 0);
    for (unsigned i = 0; i < 20; i++) {
        sleep_ms(10);
        assert_int_equal(ledger_durable(l), 0);
        assert_int_equal(atomic_load(&folder.durable), 0);
        assert_int_equal(ledger_published(l), 0);
    }
    atomic_store(&gate_shut, false);
    wait_durable(l);
    assert_int_equal(ledger_durable(l), 3);
    assert_int_equal(ledger_close(l), 0);
    assert_int_equal(atomic_load(&folder.durable), 3);
}

/* --- failing calls --- */

static void assert_failed_for_good(struct ledger *l)
{
    uint64_t n;

    for (unsigned i = 0; i < 5000 && atomic_load(&folder.failed) == 0; i++)
        sleep_ms(1);
    assert_int_equal(atomic_load(&folder.failures), 1);
    assert_int_equal(ledger_append(l, "x", 1, &n), SP_EIO);
    /* space comes back; this process does not */
    arm(MODE_OFF, 0, 0);
    assert_int_equal(ledger_append(l, "x", 1, &n), SP_EIO);
    assert_int_not_equal(ledger_close(l), 0);
    assert_int_equal(atomic_load(&folder.failures), 1);
}

static bool fail_at(int step, int error)
{
    struct ledger *l;
    uint64_t durable = 0;
    int r;

    atomic_store(&folder.failed, 0);
    assert_int_equal(folder_open(&folder, &l), 0);
    arm(MODE_FAIL, step, error);
    for (unsigned turn = 0; turn < 3; turn++) {
        if (folder_append(l, ledger_size(l) + 30) != 0)
            break;
        wait_durable(l);
    }
    /* The publisher has its turn. */
    while (atomic_load(&folder.failed) == 0 &&
           ledger_published(l) < ledger_size(l))
        sleep_ms(1);
    durable = ledger_durable(l);
    assert_true(atomic_load(&folder.durable) <= durable);
    if (atomic_load(&folder.failed) != 0) {
        r = atomic_load(&folder.failed);
        assert_int_equal(r, error == ENOSPC ? SP_ENOSPC : SP_EIO);
        assert_failed_for_good(l);
    } else {
        arm(MODE_OFF, 0, 0);
        assert_int_equal(ledger_close(l), 0);
    }
    reopen(durable);
    return atomic_load(&faults) > 0;
}

static void P9_any_failing_call_stops_the_ledger(void **state)
{
    int failed = 0, clean = 0;

    (void)state;
    /* How many calls there are depends on how entries meet in batches. */
    for (int step = 1; clean < 3; step++) {
        bool one = fail_at(step, step % 2 == 0 ? ENOSPC : EIO);
        failed += one;
        clean += !one;
    }
    assert_true(failed > 15);
}

/* The disk is full before we start: it does not open, or it opens and stops at
 * the first entry; nothing is lost. */
static void P9_opening_on_a_full_disk_loses_nothing(void **state)
{
    uint64_t size = 0;

    (void)state;
    for (int step = 1; step < 40; step++) {
        struct ledger *l;
        int status;
        /* leaves entries that no head covers */
        uint64_t durable = child_run(write_and_die, 4, -1, &status);
        if (durable > size)
            size = durable;
        arm(MODE_FAIL, step, ENOSPC);
        int r = folder_open(&folder, &l);
        if (r == 0) {
            (void)folder_append(l, ledger_size(l) + 1);
            r = ledger_close(l);
        }
        arm(MODE_OFF, 0, 0);
        if (r != 0)
            assert_int_equal(r, SP_ENOSPC);
        size = reopen(size);
    }
}

static void creating_is_whole_or_can_be_repeated(void **state)
{
    (void)state;
    for (int step = 1; step < 60; step++) {
        struct folder f;
        struct ledger *l;
        folder_make(&f);
        arm(MODE_FAIL, step, ENOSPC);
        int r = ledger_create(f.fd, &f.signer);
        arm(MODE_OFF, 0, 0);
        if (r != 0) {
            assert_int_equal(r, SP_ENOSPC);
            r = folder_open(&f, &l);
            if (r == SP_ENOENT) {
                assert_int_equal(ledger_create(f.fd, &f.signer), 0);
                r = folder_open(&f, &l);
            }
            assert_int_equal(r, 0);
        } else {
            assert_int_equal(folder_open(&f, &l), 0);
        }
        assert_int_equal(ledger_close(l), 0);
        folder_remove(&f);
        if (atomic_load(&faults) == 0) {
            assert_true(step > 10);
            return;
        }
    }
    fail_msg("more than 60 calls");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(P1_durable_only_when_fdatasync_returned),
        TEST(P5_killed_at_random_moments),
        TEST(P5_killed_at_every_call),
        TEST(P9_any_failing_call_stops_the_ledger),
        TEST(P9_opening_on_a_full_disk_loses_nothing),
        TEST(creating_is_whole_or_can_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
