/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problems of a configuration file, one line each:
 *
 *   file:line:column: what is wrong: what is expected
 *
 * Read by people; lines and columns count from 1, columns in characters.
 */
#ifndef SP_LIB_REPORT_H
#define SP_LIB_REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/error.h"

struct report {
    FILE *out; /* may be NULL: only count */
    unsigned errors;
    unsigned limit; /* after so many errors the rest is not printed;
                       0: LIMIT_POLICY_ERRORS */
};

/* Adds an error; `format` is "what is wrong: what is expected". */
void report_error(struct report *r, const char *file, unsigned line,
                  unsigned column, const char *format, ...) SP_PRINTF(5, 6);
/* Whether nothing more will be printed: what is still found only counts. */
bool report_is_full(const struct report *r);
void report_error_list(struct report *r, const char *file, unsigned line,
                       unsigned column, const char *format, va_list list)
    SP_PRINTF(5, 0);
/* One that is not in a file: "thing: what: advice". SP_EINVAL. */
int report_problem(struct report *r, const char *thing, const char *what,
                   const char *advice);

#endif
