/* SPDX-License-Identifier: Apache-2.0 */
/* What `sallyport enrol test` found, step by step, for people and as JSON. */
#ifndef SP_CTL_ENROL_REPORT_H
#define SP_CTL_ENROL_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

enum enrol_verdict { ENROL_FINE, ENROL_MISSING, ENROL_SKIPPED };

#define ENROL_STEPS 24
#define ENROL_TEXT  768

struct enrol_report {
    struct enrol_finding {
        const char *step;
        enum enrol_verdict verdict;
        char what[ENROL_TEXT]; /* "found: what to do, whom to ask" */
    } findings[ENROL_STEPS];
    size_t count;
    bool failed; /* something is missing */
    bool json;   /* printed at the end; else each as it comes */
};

/* `step` is a constant. */
void enrol_fine(struct enrol_report *r, const char *step, const char *format,
                ...) SP_PRINTF(3, 4);
void enrol_missing(struct enrol_report *r, const char *step, const char *format,
                   ...) SP_PRINTF(3, 4);
void enrol_skipped(struct enrol_report *r, const char *step, const char *format,
                   ...) SP_PRINTF(3, 4);
/* Prints the end of it; the exit status. */
int enrol_report_end(const struct enrol_report *r);

#endif
