/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one list of error codes. A fallible function returns 0 or one of these
 * (always negative), and says in its header which ones to expect.
 */
#ifndef SP_LIB_ERROR_H
#define SP_LIB_ERROR_H

enum sp_error {
    SP_OK = 0,
    SP_ENOMEM = -1,       /* out of memory */
    SP_EINVAL = -2,       /* malformed input */
    SP_ERANGE = -3,       /* a number outside its range */
    SP_ETOOBIG = -4,      /* longer than the limit allows */
    SP_EAGAIN = -5,       /* nothing to read, or no room: try again later */
    SP_EIO = -6,          /* a system call failed; errno says why */
    SP_ENOSPC = -7,       /* no space left on the device */
    SP_ENOENT = -8,       /* no such file or thing */
    SP_EEXIST = -9,       /* it exists already */
    SP_EPERM = -10,       /* not permitted */
    SP_ECLOSED = -11,     /* the other side is gone */
    SP_EPROTO = -12,      /* the peer broke the protocol */
    SP_ECRYPTO = -13,     /* a cryptographic library call failed */
    SP_ESIGNATURE = -14,  /* a signature does not verify */
    SP_ECORRUPT = -15,    /* stored data does not add up */
    SP_EROLLBACK = -16,   /* stored data is older than what was signed */
    SP_EUNSUPPORTED = -17, /* known, but not supported here */
    SP_EAMBIGUOUS = -18,  /* more than one answer fits */
    SP_ETIMEDOUT = -19    /* the time limit ran out */
};

/* A constant English text for an error code; never NULL. */
const char *sp_strerror(int error);

/* The sp_error that fits the current errno: SP_ENOSPC, SP_ENOENT, … or SP_EIO. */
int sp_error_from_errno(void);

#define SP_MUST_USE __attribute__((warn_unused_result))
#define SP_PRINTF(f, a) __attribute__((format(printf, f, a)))

#endif
