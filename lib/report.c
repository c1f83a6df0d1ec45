/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints problems of configuration files. Runs in the supervisor and in the
 * command; the texts come from operators' files, free of control characters.
 */
#include "lib/report.h"

#include "lib/limits.h"

static unsigned report_limit(const struct report *r)
{
    return r->limit == 0 ? LIMIT_POLICY_ERRORS : r->limit;
}

bool report_is_full(const struct report *r)
{
    return r->errors > report_limit(r);
}

void report_error_list(struct report *r, const char *file, unsigned line,
                       unsigned column, const char *format, va_list list)
{
    unsigned limit = report_limit(r);

    r->errors++;
    if (r->out == NULL || r->errors > limit + 1)
        return;
    if (r->errors == limit + 1) {
        fprintf(r->out, "%s:%u:%u: more errors follow: expected at most %u\n",
                file, line, column, limit);
        return;
    }
    fprintf(r->out, "%s:%u:%u: ", file, line, column);
    vfprintf(r->out, format, list);
    fputc('\n', r->out);
}

void report_error(struct report *r, const char *file, unsigned line,
                  unsigned column, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    report_error_list(r, file, line, column, format, list);
    va_end(list);
}

int report_problem(struct report *r, const char *thing, const char *what,
                   const char *advice)
{
    r->errors++;
    if (r->out != NULL)
        fprintf(r->out, "%s: %s: %s\n", thing, what, advice);
    return SP_EINVAL;
}
