/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an approver signs so that a suspension may end: one text, made by the
 * command for who signs and by the keeper for who checks.
 */
#ifndef SP_POLICY_RESUME_H
#define SP_POLICY_RESUME_H

#include <stdint.h>

#include "lib/limits.h"

/* The ledger's name is at most 255 bytes long, as a note's. */
#define RESUME_STATEMENT_SIZE (16 + 1 + 256 + 2 * (LIMIT_NAME_BYTES + 1) + 24)

/* Writes
 *
 *   sallyport resume
 *   <origin>
 *   <party>/<person, or * for the whole party>
 *   <entry of the suspension, decimal>
 *
 * each line with its newline. The entry makes an approval good for one
 * suspension, the origin for one ledger. `person` NULL: the whole party. */
void resume_statement(char text[RESUME_STATEMENT_SIZE], const char *origin,
                      const char *party, const char *person, uint64_t of);

#endif
