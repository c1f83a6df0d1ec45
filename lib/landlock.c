/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock by system call, because headers are older than kernels: Debian 12
 * knows ABI 2, and we take what the running kernel has. Runs once in each role
 * process, on constants of the role table.
 */
#include "lib/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From include/uapi/linux/landlock.h of Linux 6.15, which older headers lack
 * in part; names of our own, so that neither hides the other. */
#define CREATE_VERSION 1u
#define RULE_PATH      1
#define RULE_PORT      2

#define FS_EXECUTE     (1ull << 0)
#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_DIR  (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_REFER       (1ull << 13)
#define FS_TRUNCATE    (1ull << 14)
#define FS_ALL_ABI_1   ((1ull << 13) - 1)
#define FS_ALL_ABI_2   ((1ull << 14) - 1) /* with REFER */
#define FS_ALL_ABI_3   ((1ull << 15) - 1) /* with TRUNCATE */
#define FS_ALL_ABI_5   ((1ull << 16) - 1) /* with IOCTL_DEV */

#define NET_BIND_TCP    (1ull << 0)
#define NET_CONNECT_TCP (1ull << 1)

#define SCOPE_ABSTRACT_UNIX_SOCKET (1ull << 0)
#define SCOPE_SIGNAL               (1ull << 1)

#define FILE_READ   FS_READ_FILE
#define FILE_WRITE  (FS_WRITE_FILE | FS_TRUNCATE)
#define FOLDER_READ (FILE_READ | FS_READ_DIR)
#define FOLDER_WRITE                                                           \
    (FILE_WRITE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | \
     FS_REFER)

struct ruleset_attr {
    uint64_t fs;
    uint64_t net;    /* ABI 4 */
    uint64_t scoped; /* ABI 6 */
};

struct path_attr {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

struct port_attr {
    uint64_t allowed;
    uint64_t port;
};

static int kernel_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

    return abi > 0 ? (int)abi : 0;
}

static struct ruleset_attr ruleset_for(const struct sandbox *s, int abi)
{
    struct ruleset_attr a = {.fs = FS_ALL_ABI_1};

    if (abi >= 2)
        a.fs = FS_ALL_ABI_2;
    if (abi >= 3)
        a.fs = FS_ALL_ABI_3;
    if (abi >= 5)
        a.fs = FS_ALL_ABI_5;
    if (abi >= 4) /* what is not handled is not refused */
        a.net = NET_BIND_TCP | (s->tcp_connect ? 0 : NET_CONNECT_TCP);
    if (abi >= 6)
        a.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
    return a;
}

static size_t ruleset_size(int abi)
{
    if (abi >= 6)
        return sizeof(struct ruleset_attr);
    return abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static int path_allow(int ruleset, const struct sandbox_path *path,
                      uint64_t handled)
{
    struct path_attr a = {.fd = path->fd};
    struct stat st;

    if (fstat(path->fd, &st) != 0)
        return errno == EBADF ? SP_EINVAL : sp_error_from_errno();
    if (S_ISDIR(st.st_mode))
        a.allowed = FOLDER_READ | (path->writable ? FOLDER_WRITE : 0);
    else
        a.allowed = FILE_READ | (path->writable ? FILE_WRITE : 0);
    a.allowed &= handled;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &a, 0) != 0)
        return sp_error_from_errno();
    return 0;
}

/* A connecting socket may be bound to a port of the kernel's choice. */
static int ephemeral_port_allow(int ruleset)
{
    struct port_attr a = {.allowed = NET_BIND_TCP, .port = 0};

    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &a, 0) != 0)
        return sp_error_from_errno();
    return 0;
}

#ifdef SP_SANITIZED
/* The sanitizers read /proc/self at exit, and libraries and the program to
 * name what they found. Builds for tests only. */
static int sanitizer_paths_allow(int ruleset, uint64_t handled)
{
    static const char *const names[] = {"/proc", "/usr/lib", "/proc/self/exe"};
    int error = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct sandbox_path path = {open(names[i], O_PATH | O_CLOEXEC), false};

        if (path.fd < 0)
            continue;
        if (error == 0)
            error = path_allow(ruleset, &path, handled);
        (void)close(path.fd);
    }
    return error;
}
#else
static int sanitizer_paths_allow(int ruleset, uint64_t handled)
{
    (void)ruleset;
    (void)handled;
    return 0;
}
#endif

static int ruleset_fill(int ruleset, const struct sandbox *s,
                        const struct ruleset_attr *attr)
{
    int error = sanitizer_paths_allow(ruleset, attr->fs);

    for (size_t i = 0; error == 0 && i < s->npaths; i++)
        error = path_allow(ruleset, &s->paths[i], attr->fs);
    if (error == 0 && s->tcp_connect && (attr->net & NET_BIND_TCP) != 0)
        error = ephemeral_port_allow(ruleset);
    return error;
}

int landlock_enter(const struct sandbox *s, int *abi)
{
    struct ruleset_attr attr;
    int ruleset, error;

    *abi = kernel_abi();
    if (*abi == 0)
        return 0;
    attr = ruleset_for(s, *abi);
    ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &attr, ruleset_size(*abi), 0);
    if (ruleset < 0)
        return sp_error_from_errno();
    error = ruleset_fill(ruleset, s, &attr);
    if (error == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        error = sp_error_from_errno();
    (void)close(ruleset);
    return error;
}
