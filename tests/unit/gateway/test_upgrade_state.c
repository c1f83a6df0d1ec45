/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a supervisor leaves to the program that takes its place: it comes back
 * as it was, only from sealed memory, and nothing that does not add up is
 * taken for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/upgrade_state.h"

static struct upgrade_state in, out;

static void fill(void)
{
    in = (struct upgrade_state){.started = 1764430000000,
                                .links = 77,
                                .rules = 3,
                                .rule_numbers = 5,
                                .reloads = 9,
                                .offered_number = {.revoker = 2, .number = 4},
                                .announced = 6,
                                .offered = 0,
                                .in_force = -1,
                                .control_held = true,
                                .held = 5,
                                .nprocesses = UPGRADE_PROCESSES,
                                .nsockets = INHERITED_MAX};
    for (uint32_t i = 0; i < in.nprocesses; i++)
        in.processes[i] = (struct upgrade_process){.role = i % ROLE_COUNT,
                                                   .index = i % LIMIT_WORKERS,
                                                   .pid = 1000 + (int32_t)i,
                                                   .fd = 1,
                                                   .generation = i,
                                                   .linked = i % 2 == 0,
                                                   .link = i + 7};
    for (uint32_t i = 0; i < in.nsockets; i++) {
        in.sockets[i].fd = 2;
        snprintf(in.sockets[i].name, sizeof(in.sockets[i].name), "listener-%u",
                 i % 8 + 1);
    }
}

static void the_largest_comes_back(void **state)
{
    int memfd;

    (void)state;
    fill();
    assert_int_equal(upgrade_state_write(&in, &memfd), 0);
    assert_int_equal(fcntl(memfd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(upgrade_state_read(memfd, &out), 0);
    assert_int_equal(out.started, in.started);
    assert_int_equal(out.rule_numbers, in.rule_numbers);
    assert_int_equal(out.in_force, -1);
    assert_int_equal(out.nprocesses, in.nprocesses);
    for (uint32_t i = 0; i < in.nprocesses; i++) {
        assert_int_equal(out.processes[i].role, in.processes[i].role);
        assert_int_equal(out.processes[i].pid, in.processes[i].pid);
        assert_int_equal(out.processes[i].link, in.processes[i].link);
        assert_int_equal(out.processes[i].linked, in.processes[i].linked);
    }
    assert_int_equal(out.nsockets, in.nsockets);
    assert_string_equal(out.sockets[INHERITED_MAX - 1].name,
                        in.sockets[INHERITED_MAX - 1].name);
    close(memfd);
}

/* The bytes of a small one, in memory with or without seals. */
static int memory_of(const uint8_t *data, size_t length, bool sealed)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), (ssize_t)length);
    if (sealed)
        assert_int_equal(
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
            0);
    return fd;
}

static int read_bytes(const uint8_t *data, size_t length, bool sealed)
{
    int fd = memory_of(data, length, sealed);
    int r = upgrade_state_read(fd, &out);

    close(fd);
    return r;
}

static void what_does_not_add_up_is_refused(void **state)
{
    uint8_t data[4096];
    ssize_t n;
    int memfd;

    (void)state;
    fill();
    in.nprocesses = 2;
    in.nsockets = 2;
    assert_int_equal(upgrade_state_write(&in, &memfd), 0);
    n = pread(memfd, data, sizeof(data), 0);
    close(memfd);
    assert_true(n > 0 && (size_t)n < sizeof(data));
    assert_int_equal(read_bytes(data, (size_t)n, true), 0);
    assert_int_equal(read_bytes(data, (size_t)n, false), SP_EPROTO);
    for (size_t cut = 1; cut < (size_t)n; cut++)
        assert_int_equal(read_bytes(data, cut, true), SP_EPROTO);
    assert_int_equal(read_bytes(data, (size_t)n + 1, true), SP_EPROTO);
}

static void check_process(struct upgrade_process p)
{
    int memfd;

    fill();
    in.nprocesses = 1;
    in.processes[0] = p;
    assert_int_equal(upgrade_state_write(&in, &memfd), 0);
    assert_int_equal(upgrade_state_read(memfd, &out), SP_EPROTO);
    close(memfd);
}

static void processes_that_cannot_be_are_refused(void **state)
{
    const struct upgrade_process good = {
        .role = ROLE_WORKER, .pid = 2, .fd = 1};
    struct upgrade_process p;

    (void)state;
    p = good;
    p.role = ROLE_COUNT;
    check_process(p);
    p = good;
    p.index = LIMIT_WORKERS;
    check_process(p);
    p = good;
    p.pid = 0;
    check_process(p);
    p = good;
    p.fd = 1 << 19; /* not open */
    check_process(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_comes_back),
        cmocka_unit_test(what_does_not_add_up_is_refused),
        cmocka_unit_test(processes_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
