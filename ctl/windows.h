/* SPDX-License-Identifier: Apache-2.0 */
/* How windows stand, as the command has it in memory. */
#ifndef SP_CTL_WINDOWS_H
#define SP_CTL_WINDOWS_H

#include "gateway/control_messages.h"

struct rows {
    struct standings_row *rows;
    size_t count;
};

/* Adds what is left in `m`. SP_EPROTO, SP_ENOMEM. */
int rows_take(struct rows *rows, struct msg_in *m) SP_MUST_USE;
void rows_release(struct rows *rows);
/* windows_ask.c: all rows of the daemon at the other end of `fd`, which it
 * closes. SP_EAGAIN: too many ask; SP_ECLOSED, SP_ETIMEDOUT, SP_EPROTO. */
int rows_ask(int fd, struct rows *rows) SP_MUST_USE;

#endif
