/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P5 and P9 for the authority at each call that it makes on its disk: one that
 * dies before, in and after it, fails, is full, and forgets what was not synced
 * (tests/unit/ledger/disk.h). After each run the index is whole, knows every
 * certificate that was handed out and every revocation that was reported, and
 * no revocation list has a number that one before it had.
 *
 * A failure prints the seed; SP_CRASH_SEED repeats it, SP_CRASH_RUNS is a
 * longer form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/authority_crl.h"
#include "tests/unit/certs/authorities.h"
#include "tests/unit/ledger/disk.h"

#define RUNS       300
#define KEPT       24 /* certificates before a new authority is begun */
#define CALLS_MOST 26 /* of one operation */

/* What the world was told. */
static struct {
    struct authority_record issued[KEPT];
    size_t nissued;
    char revoked[KEPT][AUTHORITY_SERIAL_TEXT];
    size_t nrevoked;
    uint64_t number; /* the highest that was seen in a list */
} told;

static int disk = -1;   /* the folder that the disk is in front of */
static char folder[16]; /* below it */
static unsigned begun;
static uint64_t chance;

/* --- faults -------------------------------------------------------------- */

static unsigned calls, fault_at;
static enum disk_fault fault;

static enum disk_fault on_call(const struct disk_event *e)
{
    (void)e;
    return ++calls == fault_at ? fault : DISK_FINE;
}

static void on_done(const struct disk_event *e)
{
    (void)e;
}

static const struct disk_watcher watcher = {on_call, on_done};

static void fault_none(void)
{
    calls = 0;
    fault_at = 0;
}

static void fault_choose(void)
{
    static const enum disk_fault faults[] = {
        DISK_DIE_BEFORE, DISK_DIE_AFTER, DISK_DIE_TORN, DISK_EIO, DISK_ENOSPC};

    calls = 0;
    fault_at = 1 + (unsigned)(disk_random(&chance) % CALLS_MOST);
    fault = faults[disk_random(&chance) % 5];
}

/* --- what is done -------------------------------------------------------- */

static struct authority *try_open(int *error)
{
    const struct authority_opening o = {
        .at = disk, .folder = folder, .with_key = true};
    struct authority *a = NULL;
    char problem[256];

    *error = authority_open(&o, &a, problem);
    return *error == 0 ? a : NULL;
}

static void try_issue(struct authority *a)
{
    struct authority_order o = order_for("ada");
    struct authority_issued out = {0};
    char problem[256];

    if (told.nissued < KEPT && authority_issue(a, &o, &out, problem) == 0) {
        told.issued[told.nissued++] = out.record;
        authority_issued_free(&out);
    }
}

static void try_revoke(struct authority *a)
{
    struct authority_selection s = {0};
    char problem[256];
    size_t count;

    if (told.nrevoked >= told.nissued)
        return;
    s.serial = told.issued[told.nrevoked].serial;
    if (authority_revoke(a, &s, AUTHORITY_KEY_COMPROMISE, now, &count,
                         problem) == 0 ||
        strstr(problem, "was revoked at") != NULL)
        strcpy(told.revoked[told.nrevoked++], s.serial);
}

/* A list that anybody could have fetched. */
static uint64_t list_number(void)
{
    char path[64];
    uint8_t *der = NULL;
    size_t length;
    uint64_t number;

    snprintf(path, sizeof path, "%s/ca.crl", folder);
    if (file_read(disk, path, 1 << 20, &der, &length) != 0)
        return 0;
    number = authority_crl_number(der, length);
    free(der);
    if (number == 0)
        fail_msg("a torn list was published");
    return number;
}

static void try_publish(struct authority *a)
{
    char problem[256];
    uint64_t number = 0;

    if (authority_publish(a, now, now + DAY, &number, problem) != 0)
        return;
    if (number <= told.number)
        fail_msg("list %llu after list %llu", (unsigned long long)number,
                 (unsigned long long)told.number);
    told.number = number;
}

/* --- what must hold ------------------------------------------------------ */

static void holds(void)
{
    const struct authority_index *index;
    const struct authority_record *r;
    struct authority *a;
    uint64_t seen;
    int error;

    fault_none();
    a = try_open(&error);
    if (a == NULL)
        fail_msg("the authority does not open: %s", sp_strerror(error));
    index = authority_records(a);
    for (size_t i = 0; i < told.nissued; i++) {
        X509 *cert = NULL;
        char problem[256];
        char path[64];
        int fd;

        snprintf(path, sizeof path, "%s/issued", folder);
        fd = openat(disk, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        r = authority_index_find(index, told.issued[i].serial);
        if (r == NULL)
            fail_msg("certificate %zu was handed out and is not on record", i);
        if (authority_index_certificate(fd, r, &cert, problem) != 0)
            fail_msg("%s", problem);
        X509_free(cert);
        close(fd);
    }
    for (size_t i = 0; i < told.nrevoked; i++) {
        r = authority_index_find(index, told.revoked[i]);
        if (r->revoked == 0)
            fail_msg("revocation %zu was taken back", i);
    }
    seen = list_number();
    if (seen > told.number)
        told.number = seen; /* published, though nobody was told */
    authority_close(a);
}

static void run_once(unsigned what)
{
    struct authority *a;
    int error;

    fault_choose();
    a = try_open(&error);
    if (a != NULL && what == 0)
        try_issue(a);
    else if (a != NULL && what == 1)
        try_revoke(a);
    else if (a != NULL)
        try_publish(a);
    authority_close(a);
    if (!disk_is_dead() && disk_random(&chance) % 4 != 0)
        return;
    if (!disk_is_dead()) {
        /* Who asks again is told what was done, and then the power goes. */
        fault_none();
        if ((a = try_open(&error)) != NULL)
            try_revoke(a);
        authority_close(a);
        disk_lose_power(disk_random(&chance) % 2 == 0);
    } else if (disk_random(&chance) % 3 == 0) {
        disk_revive();
        /* Who reads between two processes sees what is there. */
        uint64_t seen = list_number();

        if (seen > told.number)
            told.number = seen;
    } else {
        disk_lose_power(disk_random(&chance) % 2 == 0);
    }
}

/* One that was made elsewhere, copied to the disk. */
static void begin(void)
{
    static const char *const names[] = {"ca.crt", "ca.key", "issuing.crt",
                                        "issuing.key"};
    char path[64], from[200];

    memset(&told, 0, sizeof told);
    fault_none();
    if (disk >= 0) {
        disk_detach();
        close(disk);
    }
    snprintf(folder, sizeof folder, "disk%u", begun++);
    assert_int_equal(mkdir(below(folder), 0700), 0);
    disk = open(below(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    disk_attach(disk, &watcher, disk_random(&chance));
    strcpy(folder, "ca");
    snprintf(path, sizeof path, "%s/issued", folder);
    assert_int_equal(file_make_folders(disk, path, 0700), 0);
    for (size_t i = 0; i < 4; i++) {
        char *text;

        snprintf(from, sizeof from, "%s/%s", below("made"), names[i]);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        text = text_at(from);
        assert_int_equal(file_create(disk, path, 0600, text, strlen(text)), 0);
        free(text);
    }
}

static void P9_no_crash_loses_a_record_or_uses_a_number_twice(void **state)
{
    const char *runs = getenv("SP_CRASH_RUNS"), *seed = getenv("SP_CRASH_SEED");
    unsigned long n = runs == NULL ? RUNS : strtoul(runs, NULL, 10);
    uint64_t first = seed == NULL ? (uint64_t)now : strtoull(seed, NULL, 10);

    (void)state;
    chance = first;
    print_message("SP_CRASH_SEED=%llu\n", (unsigned long long)first);
    authority_made("made");
    for (unsigned long i = 0; i < n; i++) {
        if (told.nissued == KEPT || i == 0)
            begin();
        run_once((unsigned)(disk_random(&chance) % 3));
        holds();
    }
    disk_detach();
    close(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P9_no_crash_loses_a_record_or_uses_a_number_twice),
    };

    return cmocka_run_group_tests(tests, root_make, root_remove);
}
