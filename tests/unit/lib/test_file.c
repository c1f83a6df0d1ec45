/* SPDX-License-Identifier: Apache-2.0 */
/* Files appear whole or not at all; sealed sets are read to the last byte or
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"

static char folder[64];
static int dir = -1;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/sp-file-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"a", "b", "a.new", "fifo", "link"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlinkat(dir, names[i], 0);
    (void)unlinkat(dir, "x/y/z", AT_REMOVEDIR);
    (void)unlinkat(dir, "x/y", AT_REMOVEDIR);
    (void)unlinkat(dir, "x", AT_REMOVEDIR);
    (void)close(dir);
    return rmdir(folder);
}

static void assert_holds(const char *name, const char *wanted)
{
    uint8_t *data;
    size_t length;

    assert_int_equal(file_read(dir, name, 1000, &data, &length), 0);
    assert_int_equal(length, strlen(wanted));
    assert_string_equal((char *)data, wanted); /* with its NUL */
    free(data);
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void test_create_and_read(void **state)
{
    mode_t before = umask(0777);

    (void)state;
    assert_int_equal(file_create(dir, "a", 0640, "one", 3), 0);
    (void)umask(before);
    assert_int_equal(mode_of("a"), 0640);
    assert_holds("a", "one");
    assert_int_equal(file_create(dir, "a", 0600, "two", 3), SP_EEXIST);
    assert_holds("a", "one");
    assert_int_equal(faccessat(dir, "a.new", F_OK, 0), -1);
    assert_int_equal(file_create(dir, "no/a", 0600, "x", 1), SP_ENOENT);
    assert_int_equal(unlinkat(dir, "a", 0), 0);
}

static void test_replace(void **state)
{
    (void)state;
    assert_int_equal(file_replace(dir, "a", 0600, "one", 3), 0);
    assert_int_equal(file_replace(dir, "a", 0600, "", 0), 0);
    assert_holds("a", "");
    /* What a crash left beside it is in nobody's way. */
    assert_int_equal(symlinkat("/etc/passwd", dir, "a.new"), 0);
    assert_int_equal(file_replace(dir, "a", 0400, "three", 5), 0);
    assert_holds("a", "three");
    assert_int_equal(mode_of("a"), 0400);
    assert_int_equal(faccessat(dir, "a.new", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(unlinkat(dir, "a", 0), 0);
}

static void test_absolute_paths(void **state)
{
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/a", folder);
    assert_int_equal(file_create(AT_FDCWD, path, 0600, "abs", 3), 0);
    assert_holds("a", "abs");
    assert_int_equal(unlinkat(dir, "a", 0), 0);
}

static void test_a_link_is_not_followed_when_writing(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(file_create(dir, "b", 0600, "keep", 4), 0);
    assert_int_equal(symlinkat("b", dir, "link"), 0);
    assert_int_equal(file_create(dir, "link", 0600, "x", 1), SP_EEXIST);
    assert_int_equal(file_replace(dir, "link", 0600, "x", 1), 0);
    assert_int_equal(fstatat(dir, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_holds("b", "keep");
    assert_int_equal(unlinkat(dir, "link", 0), 0);
    assert_int_equal(unlinkat(dir, "b", 0), 0);
}

static void test_read_refusals(void **state)
{
    uint8_t *data = NULL;
    size_t length;

    (void)state;
    assert_int_equal(file_read(dir, "none", 10, &data, &length), SP_ENOENT);
    assert_int_equal(file_read(dir, ".", 10, &data, &length), SP_EINVAL);
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    assert_int_equal(file_read(dir, "fifo", 10, &data, &length), SP_EINVAL);
    assert_int_equal(file_create(dir, "a", 0600, "12345", 5), 0);
    assert_int_equal(file_read(dir, "a", 4, &data, &length), SP_ETOOBIG);
    assert_null(data);
    assert_int_equal(file_read(dir, "a", 5, &data, &length), 0);
    free(data);
    assert_int_equal(unlinkat(dir, "a", 0), 0);
    assert_int_equal(unlinkat(dir, "fifo", 0), 0);
}

/* A disk that is full in the middle, by way of the file size limit. */
static void test_failed_write_leaves_the_old_file(void **state)
{
    struct rlimit before, small;
    static char large[100000];
    int create_error, replace_error;

    (void)state;
    assert_int_equal(file_create(dir, "a", 0600, "old", 3), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    replace_error = file_replace(dir, "a", 0600, large, sizeof(large));
    create_error = file_create(dir, "b", 0600, large, sizeof(large));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(replace_error, SP_ETOOBIG);
    assert_int_equal(create_error, SP_ETOOBIG);
    assert_holds("a", "old");
    assert_int_equal(faccessat(dir, "b", F_OK, 0), -1);
    assert_int_equal(faccessat(dir, "a.new", F_OK, 0), -1);
    assert_int_equal(faccessat(dir, "b.new", F_OK, 0), -1);
    assert_int_equal(unlinkat(dir, "a", 0), 0);
}

static void test_full_disk_is_told(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(sp_error_from_errno(), SP_ENOSPC);
    (void)close(fd);
}

static void test_make_folders(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(file_make_folders(dir, "x/y/z", 0700), 0);
    assert_int_equal(file_make_folders(dir, "x//y/z/", 0700), 0);
    assert_int_equal(fstatat(dir, "x/y/z", &st, 0), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(file_create(dir, "a", 0600, "", 0), 0);
    assert_int_equal(file_make_folders(dir, "a", 0700), SP_EEXIST);
    assert_int_equal(file_make_folders(dir, "a/b", 0700), SP_EEXIST);
    assert_int_equal(file_make_folders(dir, "", 0700), SP_EINVAL);
    assert_int_equal(unlinkat(dir, "a", 0), 0);
}

/* Sets ------------------------------------------------------------------- */

static struct fileset *set_with(const char *const *names, size_t count)
{
    struct fileset *s = fileset_new();

    assert_non_null(s);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fileset_add(s, names[i], names[i], strlen(names[i])),
                         0);
    return s;
}

static void test_set_travels(void **state)
{
    static const char *const names[] = {"policy.yaml", "trust/caisi.pem", "c"};
    struct fileset *s = set_with(names, 3), *got;
    const uint8_t *data;
    size_t length;
    int fd;

    (void)state;
    assert_int_equal(fileset_add(s, "empty", NULL, 0), 0);
    assert_int_equal(fileset_add(s, "zeros", "\0\0", 2), 0);
    assert_int_equal(fileset_seal(s, &fd), 0);
    fileset_free(s);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fileset_from_fd(fd, &got), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fileset_get(got, names[i], &data, &length), 0);
        assert_int_equal(length, strlen(names[i]));
        assert_string_equal((const char *)data, names[i]);
    }
    assert_int_equal(fileset_get(got, "empty", &data, &length), 0);
    assert_true(length == 0 && data[0] == '\0');
    assert_int_equal(fileset_get(got, "zeros", &data, &length), 0);
    assert_true(length == 2 && data[2] == '\0');
    assert_int_equal(fileset_get(got, "none", &data, &length), SP_ENOENT);
    fileset_free(got);
    (void)close(fd);
}

static void test_set_cannot_be_changed(void **state)
{
    static const char *const names[] = {"a"};
    struct fileset *s = set_with(names, 1);
    int fd;

    (void)state;
    assert_int_equal(fileset_seal(s, &fd), 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(ftruncate(fd, 100000), -1);
    assert_ptr_equal(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    fileset_free(s);
    (void)close(fd);
}

static void test_set_names(void **state)
{
    struct fileset *s = fileset_new();
    static char longer[4097];

    (void)state;
    memset(longer, 'n', 4096);
    assert_int_equal(fileset_add(s, "a", "1", 1), 0);
    assert_int_equal(fileset_add(s, "a", "2", 1), SP_EEXIST);
    assert_int_equal(fileset_add(s, "", "2", 1), SP_EINVAL);
    assert_int_equal(fileset_add(s, longer, "2", 1), SP_EINVAL);
    longer[4095] = '\0';
    assert_int_equal(fileset_add(s, longer, "2", 1), 0);
    assert_int_equal(fileset_add(s, "big", longer, (64u << 20) + 1),
                     SP_ETOOBIG);
    fileset_free(s);
}

static void test_set_forgets(void **state)
{
    static const char *const names[] = {"a", "policy.yaml", "c"};
    struct fileset *s = set_with(names, 3), *got;
    const uint8_t *data;
    size_t length;
    int fd;

    (void)state;
    fileset_drop(s, "none");
    fileset_drop(s, "policy.yaml");
    assert_int_equal(fileset_get(s, "policy.yaml", &data, &length), SP_ENOENT);
    assert_int_equal(fileset_get(s, "c", &data, &length), 0);
    assert_string_equal((const char *)data, "c");
    /* What is left still adds up. */
    assert_int_equal(fileset_seal(s, &fd), 0);
    assert_int_equal(fileset_from_fd(fd, &got), 0);
    assert_int_equal(fileset_get(got, "a", &data, &length), 0);
    assert_int_equal(fileset_get(got, "policy.yaml", &data, &length),
                     SP_ENOENT);
    fileset_free(got);
    fileset_free(s);
    (void)close(fd);
}

static void assert_blob(const struct fileset *s, const char *name,
                        const char *wanted)
{
    const uint8_t *data;
    size_t length;

    assert_int_equal(fileset_get(s, name, &data, &length), 0);
    assert_int_equal(length, strlen(wanted));
    assert_string_equal((const char *)data, wanted);
}

static void test_sets_swap_all_or_nothing(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const other[] = {"c", "d"};
    struct fileset *s = set_with(names, 3), *some = set_with(other, 2), *got;
    int fd;

    (void)state;
    assert_int_equal(fileset_swap(s, some), SP_ENOENT);
    assert_blob(s, "c", "c");
    fileset_drop(some, "d");
    fileset_drop(some, "c");
    assert_int_equal(fileset_swap(s, some), 0);
    assert_int_equal(fileset_add(some, "c", "longer", 6), 0);
    assert_int_equal(fileset_add(some, "a", "", 0), 0);
    assert_int_equal(fileset_swap(s, some), 0);
    assert_blob(s, "a", "");
    assert_blob(s, "b", "b");
    assert_blob(s, "c", "longer");
    assert_blob(some, "a", "a");
    /* Both still add up. */
    assert_int_equal(fileset_seal(s, &fd), 0);
    assert_int_equal(fileset_from_fd(fd, &got), 0);
    assert_blob(got, "c", "longer");
    fileset_free(got);
    (void)close(fd);
    assert_int_equal(fileset_seal(some, &fd), 0);
    (void)close(fd);
    assert_int_equal(fileset_swap(s, some), 0);
    assert_blob(s, "a", "a");
    assert_blob(s, "c", "c");
    fileset_free(some);
    fileset_free(s);
}

static void test_sets_swap_within_their_limit(void **state)
{
    const size_t half = 33u << 20;
    char *bytes = calloc(1, half);
    struct fileset *s = fileset_new(), *some = fileset_new();

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(fileset_add(s, "a", bytes, half), 0);
    assert_int_equal(fileset_add(s, "b", "", 0), 0);
    assert_int_equal(fileset_add(some, "b", bytes, half), 0);
    assert_int_equal(fileset_swap(s, some), SP_ETOOBIG);
    assert_blob(s, "b", "");
    free(bytes);
    fileset_free(some);
    fileset_free(s);
}

static int memfd_with(const void *data, size_t length, int seals)
{
    int fd;

    assert_int_equal(file_memory("test", &fd), 0);
    assert_int_equal(write(fd, data, length), length);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int parse(const void *data, size_t length, int seals)
{
    struct fileset *s = NULL;
    int fd = memfd_with(data, length, seals);
    int error = fileset_from_fd(fd, &s);

    assert_true((error == 0) == (s != NULL));
    fileset_free(s);
    (void)close(fd);
    return error;
}

static void test_set_without_seals_is_refused(void **state)
{
    static const char *const names[] = {"a"};
    static const int missing[] = {F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW,
                                  F_SEAL_SEAL};
    struct fileset *s = set_with(names, 1), *got = NULL;
    uint8_t *data;
    size_t length;
    int fd, other[2];

    (void)state;
    assert_int_equal(fileset_seal(s, &fd), 0);
    assert_int_equal(file_read_fd(fd, 1000, &data, &length), 0);
    assert_int_equal(parse(data, length, ALL_SEALS), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(parse(data, length, ALL_SEALS & ~missing[i]),
                         SP_EPROTO);
    assert_int_equal(pipe(other), 0);
    assert_int_equal(fileset_from_fd(other[0], &got), SP_EPROTO);
    assert_int_equal(fileset_from_fd(dir, &got), SP_EPROTO);
    (void)close(other[0]);
    (void)close(other[1]);
    (void)close(fd);
    free(data);
    fileset_free(s);
}

static void test_malformed_sets_are_refused(void **state)
{
    static const struct {
        const char *what;
        const char *data;
        size_t length;
    } cases[] = {
        {"nothing", "", 0},
        {"another type", "XX\0\0\0\0", 6},
        {"one too few", "FS\2\0\0\0\1\0\0\0a\0\0\0\0", 15},
        {"a name twice", "FS\2\0\0\0\1\0\0\0a\0\0\0\0\1\0\0\0a\0\0\0\0", 24},
        {"a name of none", "FS\1\0\0\0\0\0\0\0\0\0\0\0", 14},
        {"a NUL in a name", "FS\1\0\0\0\2\0\0\0a\0\0\0\0\0", 16},
        {"data past the end", "FS\1\0\0\0\1\0\0\0a\1\0\0\0", 15},
        {"four billion of them", "FS\377\377\377\377", 6},
        {"a huge length", "FS\1\0\0\0\377\377\377\377a", 11},
        {"bytes left", "FS\1\0\0\0\1\0\0\0a\0\0\0\0x", 16},
    };

    (void)state;
    assert_int_equal(parse("FS\1\0\0\0\1\0\0\0a\0\0\0\0", 15, ALL_SEALS), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int error = parse(cases[i].data, cases[i].length, ALL_SEALS);

        if (error != SP_EPROTO)
            fail_msg("%s: %d", cases[i].what, error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_read),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_absolute_paths),
        cmocka_unit_test(test_a_link_is_not_followed_when_writing),
        cmocka_unit_test(test_read_refusals),
        cmocka_unit_test(test_failed_write_leaves_the_old_file),
        cmocka_unit_test(test_full_disk_is_told),
        cmocka_unit_test(test_make_folders),
        cmocka_unit_test(test_set_travels),
        cmocka_unit_test(test_set_cannot_be_changed),
        cmocka_unit_test(test_set_names),
        cmocka_unit_test(test_set_forgets),
        cmocka_unit_test(test_sets_swap_all_or_nothing),
        cmocka_unit_test(test_sets_swap_within_their_limit),
        cmocka_unit_test(test_set_without_seals_is_refused),
        cmocka_unit_test(test_malformed_sets_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
