/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. All times are signed 64-bit milliseconds: wall times since
 * 1970-01-01T00:00:00Z, boot times since boot including suspend.
 *
 * clock_guard is the rule of "the clock cannot be turned back" (P4) as a pure
 * state machine: it is told the two clocks and the newest entry's time, and
 * says what time decisions use and whether the clock can be trusted.
 */
#ifndef SP_LIB_CLOCK_H
#define SP_LIB_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

int64_t clock_wall_ms(void); /* CLOCK_REALTIME */
int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME */
uint64_t clock_boot_ns(void);
/* Both clocks as of the same moment, for clock_guard: a process that was not
 * running between the two readings must not look like a stepped clock. */
void clock_read(int64_t *wall, int64_t *boot);
/* True if the kernel says that the wall clock is synchronised (adjtimex). */
bool clock_synchronised(void);

enum clock_state {
    CLOCK_GOOD,
    CLOCK_BEHIND,  /* > 2 s behind the newest entry, or stepped back: refuse all */
    CLOCK_SETTLING /* stepped forward, not synchronised: opens nothing */
};

enum clock_event {
    CLOCK_NOTHING,
    CLOCK_STEPPED_BACK,    /* anomaly: goes to CLOCK_BEHIND */
    CLOCK_STEPPED_FORWARD, /* anomaly: goes to CLOCK_SETTLING or stays good */
    CLOCK_RECOVERED        /* back to CLOCK_GOOD */
};

#define CLOCK_TOLERANCE_MS      2000
#define CLOCK_SETTLE_DEFAULT_MS 60000

struct clock_guard {
    enum clock_state state;
    int64_t settle_ms;   /* clock.settle */
    int64_t newest;      /* the newest entry's time; decisions never go below */
    int64_t latest;      /* the last *now; no later one is smaller */
    int64_t low;         /* wall minus boot: the least and the most seen since */
    int64_t high;        /*   the clock was last accepted; never 2 s apart */
    int64_t expected;    /* BEHIND: the wall time that must be reached again */
    int64_t settled_at;  /* SETTLING: boot time at which it ends */
};

/* `newest` is 0 for a fresh ledger. The state is CLOCK_BEHIND at once if the
 * wall clock is more than the tolerance behind `newest`. */
void clock_guard_init(struct clock_guard *g, int64_t settle_ms, int64_t newest,
                      int64_t wall, int64_t boot);

/* One reading. Returns what happened; *now = max(wall, newest, any *now
 * before). Steps within the tolerance are absorbed by *now never decreasing;
 * many small ones in one direction count as the one step that they add up to.
 *
 * CLOCK_BEHIND ends when the wall clock has reached both the newest entry and
 * the time it should have had when it stepped. That moment does not move on
 * while waiting: a clock that stays behind costs as much time as it was turned
 * back, and a restart, which knows only the newest entry, is no way round it.
 * CLOCK_SETTLING ends after settle_ms of boot time, or when the kernel says
 * that the clock is synchronised. */
enum clock_event clock_guard_read(struct clock_guard *g, int64_t wall,
                                  int64_t boot, bool synchronised, int64_t *now);

/* An entry was written at `t`. */
void clock_guard_entry(struct clock_guard *g, int64_t t);

/* "2026-11-20T10:00:00.123Z", always 24 characters and a NUL. */
#define CLOCK_UTC_SIZE 25
void clock_format_utc(int64_t t, char text[CLOCK_UTC_SIZE]);
/* RFC 3339 in UTC only: "2026-11-20T10:00:00Z", with up to 3 fraction digits.
 * Years 2000–2199. SP_EINVAL. */
int clock_parse_utc(const char *text, size_t length, int64_t *t) SP_MUST_USE;
/* "30d", "12h", "90m", "45s", "1500ms", whole numbers only. SP_EINVAL, SP_ERANGE. */
int clock_parse_duration(const char *text, size_t length, int64_t *ms) SP_MUST_USE;

#ifdef SP_HOOKS
/* Adds an offset that a test can change while we run: `path` is a file of 8
 * bytes, a little-endian offset of the wall clock in ms. Mapped once, before
 * the sandbox; a missing file is fatal. */
void clock_hook_offset(const char *path);
/* The same from a descriptor, for processes that may open nothing. */
int clock_hook_offset_fd(int fd);
#endif

#endif
