/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe of P12, the debug hook with which the system tests look out of
 * each role: it must see refusals as such, and what is allowed as allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef SP_HOOKS
#include <stdbool.h>

#include "lib/file.h"
#include "tests/unit/lib/in_sandbox.h"

static char key_path[96];

static int probes(void)
{
    sandbox_probe("worker/0", key_path);
    return 0;
}

static const char *const actions[] = {
    "open_file", "write_file", "start_program", "connect_tcp",   "connect_unix",
    "listen",    "read_key",   "ptrace",        "signal_others",
};

static bool probe_says(const char *log, const char *action, const char *result)
{
    char wanted[96];

    (void)snprintf(wanted, sizeof(wanted),
                   " probe action=%s result=%s errno=", action, result);
    return strstr(log, wanted) != NULL;
}

static void probe_all_refused(bool debug)
{
    const struct sandbox s = {
        .role = "worker/0", .groups = WORKER, .debug = debug};
    char log[8192];

    assert_int_equal(run(&s, probes, log, sizeof(log)), 0);
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (!probe_says(log, actions[i], "refused"))
            fail_msg("%s not refused:\n%s", actions[i], log);
    }
}

static void test_P12_probe_of_a_worker(void **state)
{
    (void)state;
    (void)snprintf(key_path, sizeof(key_path), "%s/key", folder);
    assert_int_equal(file_create(folder_fd, "key", 0600, "k", 1), 0);
#ifdef SP_SANITIZED
    skip(); /* sanitizers may open and clone */
#endif
    probe_all_refused(false);
    probe_all_refused(true);
}

/* A probe that could not see what is allowed would prove nothing. */
static void test_P12_probe_sees_what_is_allowed(void **state)
{
    static const char *const expected[] = {"connect_tcp", "connect_unix",
                                           "read_key"};
    const struct sandbox_path path = {folder_fd, false};
    const struct sandbox s = {.role = "dialer",
                              .groups = DIALER,
                              .paths = &path,
                              .npaths = 1,
                              .tcp_connect = true};
    char log[8192];

    (void)state;
    assert_int_equal(run(&s, probes, log, sizeof(log)), 0);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        if (!probe_says(log, expected[i], "allowed"))
            fail_msg("%s not allowed:\n%s", expected[i], log);
    }
    assert_true(probe_says(log, "listen", "refused"));
    assert_true(probe_says(log, "write_file", "refused"));
}

/* Without a sandbox nothing is refused that this user may do. */
static void test_probe_outside_sees_no_refusal(void **state)
{
    int ends[2], status;
    char log[8192];
    size_t length = 0;
    ssize_t n;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        log_open("free", LOG_LEVEL_INFO);
        sandbox_probe("free", key_path);
        _exit(0);
    }
    (void)close(ends[1]);
    while ((n = read(ends[0], log + length, sizeof(log) - 1 - length)) > 0)
        length += (size_t)n;
    log[length] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(probe_says(log, "open_file", "allowed"));
    assert_true(probe_says(log, "write_file", "allowed"));
    assert_true(probe_says(log, "start_program", "allowed"));
    assert_true(probe_says(log, "listen", "allowed"));
    assert_true(probe_says(log, "read_key", "allowed"));
    assert_true(probe_says(log, "signal_others", "allowed"));
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_P12_probe_of_a_worker),
        cmocka_unit_test(test_P12_probe_sees_what_is_allowed),
        cmocka_unit_test(test_probe_outside_sees_no_refusal),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
#else
int main(void)
{
    print_message("a release has no probe: nothing to test\n");
    return 0;
}
#endif
