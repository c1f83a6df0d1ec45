/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain words about policies and decisions, put together in memory of a fixed
 * size; what does not fit is left out. For people to read, in the command.
 */
#ifndef SP_POLICY_WORDS_H
#define SP_POLICY_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "policy/hours.h"

/* `text` ends with a NUL from the first say() on; size at least 1. */
struct words {
    char *text;
    size_t size, length;
};

SP_PRINTF(2, 3)
void say(struct words *w, const char *format, ...);
/* "2026-11-01T00:00:00Z", or "for ever" for INT64_MAX. */
void say_time(struct words *w, int64_t t);
/* With commas between. */
void say_list(struct words *w, char *const *list, size_t count);
/* Of milliseconds: "72 h, 90 min, 5 s"; "none". */
void say_durations(struct words *w, const int64_t *ms, size_t count);
/* "Mon, Tue 08:00 to 18:00 UTC"; of a rule that there is. */
void say_hours(struct words *w, const struct hours *h);

#endif
