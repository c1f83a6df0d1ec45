/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P6: a policy is kept with the ledger before an entry puts it into force,
 * whatever call the process before died at and whatever the power then takes
 * (the disk of tests/unit/ledger/disk.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/keeper.h"
#include "lib/file.h"
#include "policy/approval.h"
#include "tests/unit/ledger/disk.h"

static const char yaml[] = "serial: 1\n";
static const char signature[] = "untrusted comment: x\n";

static unsigned countdown;
static enum disk_fault fault;

static enum disk_fault before(const struct disk_event *e)
{
    (void)e;
    return countdown > 0 && --countdown == 0 ? fault : DISK_FINE;
}

static void after(const struct disk_event *e)
{
    (void)e;
}

static int unlink_one(const char *path, const struct stat *st, int kind,
                      struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void assert_kept(int folder, const char *name, const char *content)
{
    char path[200];
    uint8_t *data;
    size_t length;

    snprintf(path, sizeof path, "policies/%064d/%s", 0, name);
    assert_int_equal(file_read(folder, path, 100, &data, &length), 0);
    assert_string_equal((char *)data, content);
    free(data);
}

/* Dies at call `step`, is started again, says that the policy is kept, and the
 * power goes. False: there was no such call. */
static bool crash(const struct keeper *k, unsigned step, enum disk_fault f)
{
    static const struct disk_watcher watcher = {before, after};
    char path[] = "/tmp/keep-test-XXXXXX", problem[512];
    bool died;

    assert_non_null(mkdtemp(path));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    disk_attach(folder, &watcher, step);
    countdown = step;
    fault = f;
    int r = keeper_keep_policy(k, folder, problem);
    died = countdown == 0;
    countdown = 0;
    assert_true(died || r == 0);
    disk_revive();
    assert_int_equal(keeper_keep_policy(k, folder, problem), 0);
    disk_lose_power(true);
    assert_kept(folder, "policy.yaml", yaml);
    assert_kept(folder, "a.minisig", signature);
    disk_detach();
    close(folder);
    nftw(path, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
    return died;
}

static void P6_a_kept_policy_stays(void **state)
{
    static struct keeper k;
    struct policy p = {.serial = 1};

    (void)state;
    k.policy = &p;
    k.snapshot.files = fileset_new();
    assert_non_null(k.snapshot.files);
    assert_int_equal(
        fileset_add(k.snapshot.files, "policy.yaml", yaml, strlen(yaml)), 0);
    assert_int_equal(fileset_add(k.snapshot.files,
                                 APPROVAL_OF_POLICY "a.minisig", signature,
                                 strlen(signature)),
                     0);
    for (unsigned f = DISK_DIE_BEFORE; f <= DISK_ENOSPC; f++) {
        unsigned step = 1;
        while (crash(&k, step, (enum disk_fault)f))
            step++;
        assert_true(step > 12);
    }
    fileset_free(k.snapshot.files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P6_a_kept_policy_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
