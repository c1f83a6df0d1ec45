/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the authority's index, field by field. Runs in the keeper. The file
 * is the operator's, but a disk may have lost a part of it and somebody may
 * have edited it: a line is right as a whole, or none is.
 */
#include "policy/issued.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/standing.h"

#define FIELDS 9
#define HEX    "0123456789abcdef"
#define NAME   "abcdefghijklmnopqrstuvwxyz0123456789._-"

SP_PRINTF(3, 4)
static int wrong(char problem[256], unsigned line, const char *format, ...)
{
    int n = snprintf(problem, 256, "line %u: ", line);
    va_list list;

    va_start(list, format);
    vsnprintf(problem + n, 256 - (size_t)n, format, list);
    va_end(list);
    return SP_EINVAL;
}

static bool text_take(char *to, size_t size, const char *from)
{
    size_t n = strlen(from);

    if (n == 0 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (from[i] <= ' ' || from[i] > '~')
            return false;
    memcpy(to, from, n + 1);
    return true;
}

static bool serial_take(struct issued *l, const char *from)
{
    return certificate_serial_is_good(from) &&
           text_take(l->serial, sizeof l->serial, from);
}

static bool hash_take(struct issued *l, const char *from)
{
    if (strlen(from) != 64 || strspn(from, HEX) != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        const char *high = strchr(HEX, from[2 * i]);
        const char *low = strchr(HEX, from[2 * i + 1]);

        l->sha256[i] = (uint8_t)((high - HEX) << 4 | (low - HEX));
    }
    return true;
}

/* Decimal, without a sign or zeros in front. */
static bool time_take(int64_t *to, const char *from)
{
    size_t n = strlen(from);

    if (n == 0 || n > 15 || from[0] == '0' || strspn(from, "0123456789") != n)
        return false;
    *to = strtoll(from, NULL, 10);
    return true;
}

/* Names as a policy has them, where the line is a person's. */
static bool who_take(struct issued *l, const char *party, const char *person)
{
    bool none = strcmp(party, "-") == 0;

    if (!text_take(l->person, sizeof l->person, person))
        return false;
    return none || (party[strspn(party, NAME)] == 0 &&
                    person[strspn(person, NAME)] == 0 &&
                    strlen(person) < sizeof l->party &&
                    text_take(l->party, sizeof l->party, party));
}

static bool revoked_take(struct issued *l, const char *when, const char *why)
{
    if (strcmp(when, "-") == 0)
        return strcmp(why, "-") == 0;
    if (!time_take(&l->revoked, when))
        return false;
    return strcmp(why, "-") == 0 ||
           (certificate_reason_is_known(why) &&
            text_take(l->reason, sizeof l->reason, why));
}

/* Cuts at single spaces; -1: not as many as there must be. */
static int fields_cut(char *line, char *fields[FIELDS])
{
    for (int i = 0; i < FIELDS; i++) {
        char *space = strchr(line, ' ');

        fields[i] = line;
        if ((space == NULL) != (i == FIELDS - 1))
            return -1;
        if (space != NULL) {
            *space = 0;
            line = space + 1;
        }
    }
    return 0;
}

static int line_take(struct issued *l, char *line, char problem[256])
{
    char *f[FIELDS];

    if (fields_cut(line, f) != 0)
        return wrong(problem, l->line,
                     "expected nine fields with one space between");
    if (!serial_take(l, f[0]))
        return wrong(problem, l->line,
                     "expected a serial, up to 40 digits of "
                     "lower-case hex");
    if (!hash_take(l, f[1]))
        return wrong(problem, l->line,
                     "expected a SHA-256, 64 digits of "
                     "lower-case hex");
    if (!who_take(l, f[2], f[3]))
        return wrong(problem, l->line,
                     "expected a party and a person as in a policy");
    if (!time_take(&l->not_after, f[4]) || !time_take(&l->issued, f[5]))
        return wrong(problem, l->line,
                     "expected the end and the time of issue in ms UTC");
    if (!revoked_take(l, f[6], f[7]))
        return wrong(problem, l->line,
                     "expected when it was revoked in ms UTC and why, or two "
                     "\"-\"");
    if (!text_take(l->profile, sizeof l->profile, f[8]))
        return wrong(problem, l->line, "expected a profile");
    return 0;
}

int issued_parse(const char *text, size_t length, issued_take_fn *take,
                 void *arg, char problem[256])
{
    unsigned number = 0;
    int r = 0;

    problem[0] = 0;
    while (r == 0 && length > 0) {
        struct issued l = {.line = ++number};
        const char *end = memchr(text, '\n', length);
        size_t n = end == NULL ? length : (size_t)(end - text);
        char line[1024];

        if (end == NULL)
            return wrong(problem, number, "expected a line's end behind it");
        if (n >= sizeof line || memchr(text, 0, n) != NULL)
            return wrong(problem, number, "longer than any, or not text");
        memcpy(line, text, n);
        line[n] = 0;
        if ((r = line_take(&l, line, problem)) == 0)
            r = take(arg, &l);
        text += n + 1;
        length -= n + 1;
    }
    return r;
}
