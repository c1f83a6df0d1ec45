/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps bodies. Runs in `sallyport connect`, for whoever asked for it.
 */
#include "ctl/connect_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/connect_tell.h"
#include "ctl/verbs.h"

int keep_folder(const char *path, int *folder)
{
    struct stat st;

    *folder = -1;
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        *folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0 || fstat(*folder, &st) != 0) {
        fprintf(stderr, "sallyport connect: --keep %s: %s\n", path,
                strerror(errno));
        return EXIT_FAILS;
    }
    if ((st.st_mode & 077) == 0)
        return EXIT_HOLDS;
    fprintf(stderr,
            "sallyport connect: --keep %s: others may look into it: expected "
            "mode 0700 (chmod 700)\n",
            path);
    close(*folder);
    *folder = -1;
    return EXIT_FAILS;
}

/* Told once; the request goes on. */
static void failed(const char *name)
{
    static bool told;

    if (!told)
        tell("not_kept", NULL, "--keep: %s: %s: some bodies are not kept", name,
             strerror(errno));
    told = true;
}

static int file_new(int folder, uint64_t n, const char *what)
{
    char name[48];
    int fd;

    snprintf(name, sizeof name, "%" PRIu64 ".%s", n, what);
    fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        failed(name);
    return fd < 0 ? 0 : fd;
}

void keep_begin(struct keep *k, int folder, uint64_t n)
{
    if (folder < 0)
        return;
    k->asked = file_new(folder, n, "asked");
    k->answered = file_new(folder, n, "answered");
}

/* What is not whole is worth nothing: such a file is emptied. */
static void put(int *fd, const void *data, size_t length)
{
    const char *at = data;

    while (*fd > 0 && length > 0) {
        ssize_t n = write(*fd, at, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            failed("a file");
            if (ftruncate(*fd, 0) != 0)
                failed("a file");
            close(*fd);
            *fd = 0;
            return;
        }
        at += n;
        length -= (size_t)n;
    }
}

void keep_asked(struct keep *k, const void *data, size_t length)
{
    put(&k->asked, data, length);
}

void keep_answered(struct keep *k, const void *data, size_t length)
{
    put(&k->answered, data, length);
}

void keep_end(struct keep *k)
{
    if (k->asked > 0)
        close(k->asked);
    if (k->answered > 0)
        close(k->answered);
    *k = (struct keep){0};
}
