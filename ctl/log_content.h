/* SPDX-License-Identifier: Apache-2.0 */
/* What entries must keep among themselves, whatever a policy says. */
#ifndef SP_CTL_LOG_CONTENT_H
#define SP_CTL_LOG_CONTENT_H

#include "ctl/log.h"
#include "ctl/log_keys.h"
#include "ctl/numbers.h"
#include "policy/entry.h"

struct log_content {
    struct entry_reader reader;
    const struct checkpoint *head;
    const struct log_source *source;
    struct numbers open; /* requests that have no end yet */
    struct log_keys keys;
    int64_t newest;
    uint64_t admitted, refused, closed;
    char problem[300]; /* "" while everything fits */
};

/* A ledger_entry_fn (`arg` is the content): numbers and times in order, the
 * first entry names origin and key, one end for each admitted request (P11).
 * SP_ECORRUPT with the problem, SP_ENOMEM. */
int log_content_check(void *arg, uint64_t n, const uint8_t *line,
                      size_t length);

#endif
