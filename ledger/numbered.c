/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing files that are named by numbers. Runs in the keeper; what is in the
 * folder may have been put there by anybody who can write to it.
 */
#include "ledger/numbered.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool name_parse(const char *name, uint64_t *number)
{
    *number = 0;
    if (strlen(name) != NUMBERED_DIGITS)
        return false;
    for (; *name != '\0'; name++) {
        uint64_t digit = (uint64_t)(*name - '0');
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int list_read(DIR *d, uint64_t **list, size_t *count)
{
    const struct dirent *e;

    while ((errno = 0, e = readdir(d)) != NULL) {
        uint64_t number;
        if (!name_parse(e->d_name, &number))
            continue; /* what a crash left beside, or not ours */
        uint64_t *more = realloc(*list, (*count + 1) * sizeof **list);
        if (more == NULL)
            return SP_ENOMEM;
        *list = more;
        more[(*count)++] = number;
    }
    return errno != 0 ? SP_EIO : 0;
}

static int folder_open(int folder, const char *name, DIR **d)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return sp_error_from_errno();
    *d = fdopendir(fd);
    if (*d != NULL)
        return 0;
    close(fd);
    return SP_ENOMEM;
}

int numbered_list(int folder, const char *name, uint64_t **numbers,
                  size_t *count)
{
    uint64_t *list = NULL;
    size_t n = 0;
    DIR *d = NULL;
    int r = folder_open(folder, name, &d);

    *numbers = NULL;
    *count = 0;
    if (r != 0)
        return r;
    r = list_read(d, &list, &n);
    closedir(d);
    if (r != 0) {
        free(list);
        return r;
    }
    if (n > 0)
        qsort(list, n, sizeof *list, compare_numbers);
    *numbers = list;
    *count = n;
    return 0;
}

void numbered_clean(int folder, const char *name)
{
    static const char suffix[] = ".new";
    const struct dirent *e;
    DIR *d = NULL;

    if (folder_open(folder, name, &d) != 0)
        return;
    while ((e = readdir(d)) != NULL) {
        char number[NUMBERED_DIGITS + 1];
        uint64_t parsed;

        if (strlen(e->d_name) != NUMBERED_DIGITS + sizeof suffix - 1 ||
            strcmp(e->d_name + NUMBERED_DIGITS, suffix) != 0)
            continue;
        memcpy(number, e->d_name, NUMBERED_DIGITS);
        number[NUMBERED_DIGITS] = '\0';
        if (name_parse(number, &parsed))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
}
