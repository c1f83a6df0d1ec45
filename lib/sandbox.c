/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering a role's sandbox. Runs once in each role process after its set-up
 * and before it reads anything of an outsider; what it is told are constants
 * of the role table.
 */
#include "lib/sandbox.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/landlock.h"
#include "lib/log.h"

static int limit_set(__rlimit_resource_t resource, rlim_t value)
{
    const struct rlimit limit = {value, value};

    return setrlimit(resource, &limit) == 0 ? 0 : sp_error_from_errno();
}

static int limits_enter(const struct sandbox *s)
{
    int error = limit_set(RLIMIT_CORE, 0);

    if (error == 0 && s->max_files != 0)
        error = limit_set(RLIMIT_NOFILE, (rlim_t)s->max_files);
    return error;
}

static bool nothing_held(const struct __user_cap_data_struct *data)
{
    uint32_t held = 0;

    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        held |= data[i].effective | data[i].permitted | data[i].inheritable;
    return held == 0;
}

/* Who runs us as root gets no more than a user in here. Roles with files keep
 * what root needs to reach another user's files; Landlock says which. */
static int capabilities_drop(const struct sandbox *s)
{
    struct __user_cap_header_struct head = {.version =
                                                _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    uint32_t keep = 0;

    if ((s->groups & (SANDBOX_FILES | SANDBOX_READ_FILES)) != 0)
        keep = 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER;
    if (syscall(SYS_capget, &head, data) != 0)
        return sp_error_from_errno();
    /* A service that has none needs no capset(2) either, which is then one of
     * the calls that its unit refuses. */
    if (nothing_held(data))
        return 0;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].effective &= i == 0 ? keep : 0;
        data[i].permitted &= i == 0 ? keep : 0;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &head, data) != 0)
        return sp_error_from_errno();
    return 0;
}

int sandbox_enter(const struct sandbox *s, struct sandbox_report *report)
{
    int error;

    *report = (struct sandbox_report){.seccomp = false, .landlock_abi = 0};
    tzset(); /* the C library would read its time zone's file on first use */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return sp_error_from_errno();
    if ((error = limits_enter(s)) != 0 ||
        (error = landlock_enter(s, &report->landlock_abi)) != 0)
        return error;
    if (report->landlock_abi == 0)
        log_warn("landlock_missing",
                 "role=%s effect=\"files and ports are refused by system call "
                 "only\" remedy=\"run a kernel with Landlock\"",
                 s->role);
    if ((error = capabilities_drop(s)) != 0 || (error = filter_enter(s)) != 0)
        return error;
    report->seccomp = true;
    return 0;
}
