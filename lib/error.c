/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error codes as text, and errno as an error code. Used in every process;
 * reads nothing that an outsider wrote.
 */
#include "lib/error.h"

#include <errno.h>
#include <stddef.h>

static const char *const texts[] = {
    [0] = "no error",
    [-SP_ENOMEM] = "out of memory",
    [-SP_EINVAL] = "malformed input",
    [-SP_ERANGE] = "number out of range",
    [-SP_ETOOBIG] = "longer than the limit",
    [-SP_EAGAIN] = "try again later",
    [-SP_EIO] = "system call failed",
    [-SP_ENOSPC] = "no space left on the device",
    [-SP_ENOENT] = "not found",
    [-SP_EEXIST] = "exists already",
    [-SP_EPERM] = "not permitted",
    [-SP_ECLOSED] = "closed by the other side",
    [-SP_EPROTO] = "protocol broken by the peer",
    [-SP_ECRYPTO] = "cryptographic library failed",
    [-SP_ESIGNATURE] = "signature does not verify",
    [-SP_ECORRUPT] = "stored data does not add up",
    [-SP_EROLLBACK] = "stored data is older than what was signed",
    [-SP_EUNSUPPORTED] = "not supported here",
    [-SP_EAMBIGUOUS] = "more than one answer fits",
    [-SP_ETIMEDOUT] = "time limit ran out",
};

const char *sp_strerror(int error)
{
    const int count = (int)(sizeof(texts) / sizeof(texts[0]));

    if (error > 0 || error <= -count || texts[-error] == NULL)
        return "unknown error";
    return texts[-error];
}

static const struct {
    int number;
    int error;
} by_errno[] = {
    {ENOMEM, SP_ENOMEM},
    {EINVAL, SP_EINVAL},
    {ERANGE, SP_ERANGE},
    {EFBIG, SP_ETOOBIG},
    {ENAMETOOLONG, SP_ETOOBIG},
    {EAGAIN, SP_EAGAIN},
    {ENOSPC, SP_ENOSPC},
    {EDQUOT, SP_ENOSPC},
    {ENOENT, SP_ENOENT},
    {ENOTDIR, SP_ENOENT},
    {EEXIST, SP_EEXIST},
    {EPERM, SP_EPERM},
    {EACCES, SP_EPERM},
    {EROFS, SP_EPERM},
    {EPIPE, SP_ECLOSED},
    {ECONNRESET, SP_ECLOSED},
    {EPROTO, SP_EPROTO},
    {ENOSYS, SP_EUNSUPPORTED},
    {EOPNOTSUPP, SP_EUNSUPPORTED},
    {ETIMEDOUT, SP_ETIMEDOUT},
};

int sp_error_from_errno(void)
{
    for (size_t i = 0; i < sizeof(by_errno) / sizeof(by_errno[0]); i++) {
        if (by_errno[i].number == errno)
            return by_errno[i].error;
    }
    return SP_EIO;
}
