/* SPDX-License-Identifier: Apache-2.0 */
/* Collects and prints the findings of `sallyport enrol test`. Runs in the
 * command. */
#include "ctl/enrol_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/verbs.h"
#include "lib/json.h"

static const char *const verdicts[] = {"fine", "missing", "skipped"};

static void SP_PRINTF(4, 0)
    add(struct enrol_report *r, const char *step, enum enrol_verdict verdict,
        const char *format, va_list args)
{
    struct enrol_finding *f = &r->findings[r->count];

    r->failed = r->failed || verdict == ENROL_MISSING;
    if (r->count == ENROL_STEPS)
        return;
    r->count++;
    f->step = step;
    f->verdict = verdict;
    vsnprintf(f->what, sizeof f->what, format, args);
    /* Some of it is the gateway's words. */
    for (char *c = f->what; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    }
    if (!r->json)
        printf("%-8s %-12s %s\n", verdicts[verdict], step, f->what);
    fflush(stdout);
}

#define ADD(verdict)                                                           \
    va_list args;                                                              \
    va_start(args, format);                                                    \
    add(r, step, verdict, format, args);                                       \
    va_end(args)

void enrol_fine(struct enrol_report *r, const char *step, const char *format,
                ...)
{
    ADD(ENROL_FINE);
}

void enrol_missing(struct enrol_report *r, const char *step, const char *format,
                   ...)
{
    ADD(ENROL_MISSING);
}

void enrol_skipped(struct enrol_report *r, const char *step, const char *format,
                   ...)
{
    ADD(ENROL_SKIPPED);
}

static void json_print(const struct enrol_report *r)
{
    printf("{\"ok\":%s,\"steps\":[", r->failed ? "false" : "true");
    for (size_t i = 0; i < r->count; i++) {
        const struct enrol_finding *f = &r->findings[i];
        char text[6 * ENROL_TEXT + 3];
        size_t n = 0;

        if (json_quote(text, sizeof text, &n, f->what, strlen(f->what)) != 0)
            n = 0;
        printf("%s{\"step\":\"%s\",\"verdict\":\"%s\",\"text\":%.*s}",
               i == 0 ? "" : ",", f->step, verdicts[f->verdict], (int)n, text);
    }
    puts("]}");
}

int enrol_report_end(const struct enrol_report *r)
{
    if (r->json)
        json_print(r);
    else if (r->failed)
        puts("\nSomething is missing, see above.");
    else
        puts("\nAll is fine: you can begin.");
    return r->failed ? EXIT_FAILS : EXIT_HOLDS;
}
