/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hours of use: days of the week and a part of the day, in UTC. A part that
 * ends at or before it begins goes on past midnight, into the next day. Pure.
 */
#ifndef SP_POLICY_HOURS_H
#define SP_POLICY_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct hours {
    uint8_t days; /* bit 0: Monday … bit 6: Sunday, on which a part begins; 0:
                     no rule at all */
    int64_t from; /* ms since midnight, below one day */
    int64_t until; /* the same; equal to `from`: the whole day */
};

/* "08:00" up to "23:59"; "24:00" is 0. ms. SP_EINVAL. */
int hours_parse_time(const char *text, int64_t *ms) SP_MUST_USE;

/* Whether `now` (ms UTC) is within the hours; *end is when they end then
 * (INT64_MAX: never). */
bool hours_open(const struct hours *h, int64_t now, int64_t *end);

#endif
