/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a daemon by tests: its workers look at what an epoll_wait
 * told them only some milliseconds later, so that more has come meanwhile.
 * Whoever relies on events and bytes being of one moment is found.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define LATE_NS 4000000

static int (*real_wait)(int, struct epoll_event *, int, int);
static bool slow;

/* Before the sandbox, which lets nobody read this. */
static void __attribute__((constructor)) look(void)
{
    char line[4096] = {0};
    FILE *f = fopen("/proc/self/cmdline", "r");
    size_t n = f != NULL ? fread(line, 1, sizeof(line) - 1, f) : 0;

    if (f != NULL)
        fclose(f);
    for (size_t i = 0; i < n; i++)
        if (line[i] == '\0')
            line[i] = ' ';
    slow = strstr(line, "--role worker") != NULL;
    *(void **)&real_wait = dlsym(RTLD_NEXT, "epoll_wait");
}

static long since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - then->tv_sec) * 1000000000L + now.tv_nsec -
           then->tv_nsec;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
    int r = real_wait(fd, events, most, timeout);
    struct timespec then;

    clock_gettime(CLOCK_MONOTONIC, &then);
    while (slow && r > 0 && since(&then) < LATE_NS)
        continue;
    return r;
}
