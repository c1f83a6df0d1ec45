/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells events. Runs in `sallyport connect`.
 */
#include "ctl/connect_tell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

#define LINE_MAX_BYTES 8192

static bool as_json;

void tell_open(bool json)
{
    as_json = json;
}

bool tell_is_json(void)
{
    return as_json;
}

static void line_add(char *line, size_t *n, const char *name, const char *text)
{
    size_t before = *n;

    if (json_quote(line, LINE_MAX_BYTES, n, name, strlen(name)) != 0)
        return;
    if (*n + 1 < LINE_MAX_BYTES)
        line[(*n)++] = ':';
    if (json_quote(line, LINE_MAX_BYTES, n, text, strlen(text)) != 0)
        *n = before;
}

static void json_tell(const char *time, const char *event,
                      const struct tell_member *m, const char *words)
{
    char line[LINE_MAX_BYTES] = "{";
    size_t n = 1;

    line_add(line, &n, "time", time);
    line[n++] = ',';
    line_add(line, &n, "event", event);
    for (; m != NULL && m->name != NULL && n < LINE_MAX_BYTES - 200; m++) {
        line[n++] = ',';
        if (m->text != NULL)
            line_add(line, &n, m->name, m->text);
        else
            n += (size_t)snprintf(line + n, LINE_MAX_BYTES - n,
                                  "\"%.64s\":%" PRId64, m->name, m->number);
    }
    line[n++] = ',';
    line_add(line, &n, "text", words);
    if (line[n - 1] == ',')
        n--;
    printf("%.*s}\n", (int)n, line);
    fflush(stdout);
}

void tell(const char *event, const struct tell_member *members,
          const char *format, ...)
{
    char time[CLOCK_UTC_SIZE], words[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    clock_format_utc(clock_wall_ms(), time);
    if (as_json)
        json_tell(time, event, members, words);
    else
        fprintf(stderr, "%.19sZ %s\n", time, words);
}
