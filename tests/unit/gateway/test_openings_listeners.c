/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How listening sockets that were handed over are dealt out: each worker has
 * one, no socket is left without a worker, whatever their numbers are. What
 * the environment says of them is read strictly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/openings.h"

static struct opening_listener sockets(size_t count)
{
    struct opening_listener l = {.count = count};

    for (size_t i = 0; i < count; i++)
        l.fds[i] = 100 + (int)i;
    return l;
}

/* How many workers accept from each socket. */
static void count_takers(size_t count, size_t workers, size_t takers[])
{
    const struct opening_listener l = sockets(count);
    int i;

    for (size_t w = 0; w < workers; w++) {
        size_t n = 0;

        for (; (i = openings_socket(&l, w, workers, n)) >= 0; n++)
            takers[i]++;
        assert_true(n >= 1);
        assert_true(n <= LIMIT_WORKERS);
        assert_int_equal(openings_socket(&l, w, workers, n + 1), -1);
    }
}

static void every_socket_has_a_worker(void **state)
{
    (void)state;
    for (size_t count = 1; count <= LIMIT_WORKERS; count++) {
        for (size_t workers = 1; workers <= LIMIT_WORKERS; workers++) {
            size_t takers[LIMIT_WORKERS] = {0};

            count_takers(count, workers, takers);
            for (size_t i = 0; i < count; i++) {
                assert_true(takers[i] >= 1);
                /* Shared only if there are not enough. */
                assert_true(takers[i] == 1 || count < workers);
            }
        }
    }
}

static void none_is_none(void **state)
{
    const struct opening_listener l = {.count = 0};

    (void)state;
    assert_int_equal(openings_socket(&l, 0, 1, 0), -1);
}

/* --- The environment --- */

static int taken(const char *pid, const char *fds, const char *names,
                 size_t *count)
{
    struct report silent = {0};
    struct inherited in;
    char ours[16];
    int r;

    snprintf(ours, sizeof(ours), "%d", (int)getpid());
    setenv("LISTEN_PID", pid != NULL ? pid : ours, 1);
    setenv("LISTEN_FDS", fds, 1);
    if (names != NULL)
        setenv("LISTEN_FDNAMES", names, 1);
    r = inherited_take(&in, &silent);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    assert_int_equal(silent.errors, r != 0);
    *count = in.count;
    for (size_t i = 0; i < in.count; i++)
        in.sockets[i].taken = true; /* they are the test's */
    inherited_release(&in);
    return r;
}

static void environments_are_read_strictly(void **state)
{
    static const struct {
        const char *pid, *fds, *names;
        int result;
        size_t count;
    } cases[] = {
        {NULL, "1", "listener", 0, 1},
        {NULL, "2", "listener:control", 0, 2},
        {NULL, "1", NULL, 0, 1},
        {NULL, "0", NULL, 0, 0},
        {"1", "1", "listener", 0, 0}, /* somebody else's */
        {"", "1", "listener", 0, 0},
        {NULL, "1", "listener:control", SP_EINVAL, 0},
        {NULL, "2", "listener", SP_EINVAL, 0},
        {NULL, "3", "listener:control:crl", SP_EINVAL, 0}, /* not open */
        {NULL, "", "listener", SP_EINVAL, 0},
        {NULL, "-1", "listener", SP_EINVAL, 0},
        {NULL, "1x", "listener", SP_EINVAL, 0},
        {NULL, " 1", "listener", SP_EINVAL, 0},
        {NULL, "99999999999999999999", "listener", SP_EINVAL, 0},
    };
    int null = open("/dev/null", O_RDONLY);
    size_t count;

    (void)state;
    assert_true(null >= 0);
    assert_int_equal(dup2(null, 3), 3);
    assert_int_equal(dup2(null, 4), 4);
    (void)close(5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            taken(cases[i].pid, cases[i].fds, cases[i].names, &count),
            cases[i].result);
        assert_int_equal(count, cases[i].count);
    }
    assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_socket_has_a_worker),
        cmocka_unit_test(none_is_none),
        cmocka_unit_test(environments_are_read_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
