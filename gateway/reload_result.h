/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of a reload, in lines: for the log, and for the operator who
 * ordered it. Runs in the supervisor. What is said comes from operators' files
 * and is made printable; what does not fit is counted.
 */
#ifndef SP_GATEWAY_RELOAD_RESULT_H
#define SP_GATEWAY_RELOAD_RESULT_H

#include <stddef.h>

#include "gateway/control_messages.h"

struct reload_result {
    int error;         /* 0: taken over; else nothing was changed */
    unsigned left_out; /* lines that had no room */
    size_t length;
    char text[ORDER_REPORT_SIZE]; /* each line with its newline */
};

/* Adds each line of a text; empty ones are left out. */
void reload_result_add(struct reload_result *r, const char *lines);
/* Adds one line. */
void reload_result_say(struct reload_result *r, const char *format, ...)
    SP_PRINTF(2, 3);
/* The lines, the last of which says how many others there are, if any. */
void reload_result_text(const struct reload_result *r,
                        char text[ORDER_REPORT_SIZE]);

#endif
