/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role processes: this program starts itself again under other names, as the
 * daemon does, and the children report through their channel what they found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/channel.h"
#include "lib/log.h"
#include "lib/process.h"

/* Children --------------------------------------------------------------- */

/* All of what process_harden() promises, and nothing inherited but 0 to 3. */
static const char *child_state(void)
{
    DIR *d = opendir("/proc/self/fd");
    struct dirent *entry;
    struct sigaction sa;
    struct rlimit rl;
    sigset_t mask;

    if (d == NULL)
        return "no /proc";
    while ((entry = readdir(d)) != NULL) {
        int fd = atoi(entry->d_name);

        if (fd > PROCESS_CHANNEL_FD && fd != dirfd(d))
            return "inherited a descriptor";
    }
    (void)closedir(d);
    (void)sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i < SIGRTMIN; i++) {
        if (sigismember(&mask, i) == 1)
            return "inherited a blocked signal";
        if (sigaction(i, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
            return "inherited an ignored signal";
    }
    if (getrlimit(RLIMIT_CORE, &rl) != 0 || rl.rlim_max != 0)
        return "may write a core";
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return "may gain privileges";
#ifndef SP_SANITIZED
    if (prctl(PR_GET_DUMPABLE) != 0)
        return "is dumpable";
#endif
    if (umask(0) != 077)
        return "umask";
    return "good";
}

static int child_report(void)
{
    const char *text;

    if (process_harden() != 0)
        return 9;
    text = child_state();
    return channel_send_wait(PROCESS_CHANNEL_FD, text, strlen(text), NULL, 0,
                             5000) == 0
               ? 0
               : 8;
}

static int child_waits(void)
{
    char byte;
    size_t length, nfds = 0;

    return channel_receive_wait(PROCESS_CHANNEL_FD, &byte, 1, &length, NULL,
                                &nfds, 60000) == SP_ECLOSED
               ? 3
               : 4;
}

/* Starts a grandchild, says its pid, and dies of a signal. */
static int child_dies(void)
{
    char name[] = "grandchild";
    char *argv[] = {name, NULL};
    int channel;
    pid_t pid;
    char text[32];

    if (process_start(argv, &pid, &channel) != 0)
        return 9;
    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    if (channel_send_wait(PROCESS_CHANNEL_FD, text, strlen(text), NULL, 0,
                          5000) != 0)
        return 8;
    return raise(SIGKILL);
}

static int child_lives_on(void)
{
    (void)alarm(60);
    return pause();
}

static const struct {
    const char *name;
    int (*run)(void);
} roles[] = {
    {"report", child_report},
    {"waits", child_waits},
    {"dies", child_dies},
    {"grandchild", child_lives_on},
};

/* Tests ------------------------------------------------------------------ */

static pid_t start(const char *role, int *channel)
{
    char name[32];
    char *argv[] = {name, NULL};
    pid_t pid = 0;

    (void)snprintf(name, sizeof(name), "%s", role);
    assert_int_equal(process_start(argv, &pid, channel), 0);
    assert_true(pid > 0);
    return pid;
}

static const char *hear(int channel)
{
    static char text[256];
    size_t length = 0, nfds = 0;

    assert_int_equal(channel_receive_wait(channel, text, sizeof(text) - 1,
                                          &length, NULL, &nfds, 30000),
                     0);
    text[length] = '\0';
    return text;
}

static int finish(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_P12_child_has_only_its_channel(void **state)
{
    int channel, leak[8];
    sigset_t mask;
    pid_t pid;

    (void)state;
    /* Descriptors without close-on-exec, a blocked and an ignored signal. */
    for (int i = 0; i < 8; i++)
        leak[i] = open("/dev/null", O_RDONLY);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    pid = start("report", &channel);
    assert_string_equal(hear(channel), "good");
    assert_string_equal(process_status_text(finish(pid)), "exit=0");
    assert_true((fcntl(channel, F_GETFL) & O_NONBLOCK) != 0);
    assert_int_equal(fcntl(channel, F_GETFD), FD_CLOEXEC);
    (void)sigprocmask(SIG_UNBLOCK, &mask, NULL);
    (void)close(channel);
    for (int i = 0; i < 8; i++)
        (void)close(leak[i]);
}

/* The parent's own descriptors may have the number of the child's channel. */
static void test_low_descriptors_are_free(void **state)
{
    int saved = fcntl(PROCESS_CHANNEL_FD, F_DUPFD_CLOEXEC, 50);
    int channel;
    pid_t pid;

    (void)state;
    (void)close(PROCESS_CHANNEL_FD);
    pid = start("report", &channel);
    assert_string_equal(hear(channel), "good");
    assert_string_equal(process_status_text(finish(pid)), "exit=0");
    (void)close(channel);
    if (saved >= 0) {
        (void)dup2(saved, PROCESS_CHANNEL_FD);
        (void)close(saved);
    }
}

static void test_child_sees_the_parent_close(void **state)
{
    int channel;
    pid_t pid = start("waits", &channel);

    (void)state;
    (void)close(channel);
    assert_string_equal(process_status_text(finish(pid)), "exit=3");
}

static bool gone(pid_t pid)
{
    char path[64], text[512];
    const char *after;
    FILE *f;
    size_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (f == NULL)
        return true;
    n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    after = strrchr(text, ')'); /* "… (name) Z …": dead, nobody waited yet */
    return after == NULL || after[2] == 'Z';
}

static void test_P9_child_dies_with_its_parent(void **state)
{
    int channel;
    pid_t pid = start("dies", &channel);
    pid_t grandchild = (pid_t)atoi(hear(channel));

    (void)state;
    assert_true(grandchild > 0);
    assert_string_equal(process_status_text(finish(pid)), "signal=9");
    for (int i = 0; i < 1000 && !gone(grandchild); i++)
        (void)poll(NULL, 0, 10);
    assert_true(gone(grandchild));
    (void)close(channel);
}

static void test_harden_wants_the_channel(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_RDWR), pair[2], wrong;

        (void)close(PROCESS_CHANNEL_FD);
        wrong = process_harden() != SP_EPROTO;
        (void)dup2(null, PROCESS_CHANNEL_FD);
        wrong += process_harden() != SP_EPROTO;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
            (void)dup2(pair[0], PROCESS_CHANNEL_FD);
        wrong += process_harden() != SP_EPROTO;
        if (channel_pair(pair) == 0)
            (void)dup2(pair[0], PROCESS_CHANNEL_FD);
        wrong += process_harden() != 0;
        wrong += fcntl(PROCESS_CHANNEL_FD, F_GETFD) != FD_CLOEXEC;
        _exit(wrong);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_status_text(void **state)
{
    (void)state;
    assert_string_equal(process_status_text(0), "exit=0");
    assert_string_equal(process_status_text(3 << 8), "exit=3");
    assert_string_equal(process_status_text(11), "signal=11");
    assert_string_equal(process_status_text(0x80 | 6), "signal=6");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_P12_child_has_only_its_channel),
        cmocka_unit_test(test_low_descriptors_are_free),
        cmocka_unit_test(test_child_sees_the_parent_close),
        cmocka_unit_test(test_P9_child_dies_with_its_parent),
        cmocka_unit_test(test_harden_wants_the_channel),
        cmocka_unit_test(test_status_text),
    };

    for (size_t i = 0; argc > 0 && i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(argv[0], roles[i].name) == 0)
            return roles[i].run();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
