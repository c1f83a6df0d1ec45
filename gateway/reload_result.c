/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a reload's result, within the room that an answer has.
 */
#include "gateway/reload_result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* For the line that says how many were left out. */
#define LAST_LINE 64
/* Longer than any line that a person reads to its end; the rest of it is in
 * the log. */
#define LINE_SIZE 1024

static void line_add(struct reload_result *r, const char *line, size_t length)
{
    if (length == 0)
        return;
    if (length + 1 > sizeof(r->text) - LAST_LINE - r->length ||
        r->left_out > 0) {
        r->left_out++;
        return;
    }
    for (size_t i = 0; i < length; i++) {
        char c = line[i];

        r->text[r->length++] = c < 0x20 || c > 0x7e ? '?' : c;
    }
    r->text[r->length++] = '\n';
    r->text[r->length] = '\0';
}

void reload_result_add(struct reload_result *r, const char *lines)
{
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");

        line_add(r, lines, length < LINE_SIZE ? length : LINE_SIZE - 1);
        lines += length + (lines[length] == '\n');
    }
}

void reload_result_say(struct reload_result *r, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    reload_result_add(r, line);
}

void reload_result_text(const struct reload_result *r,
                        char text[ORDER_REPORT_SIZE])
{
    memcpy(text, r->text, r->length);
    text[r->length] = '\0';
    if (r->left_out > 0)
        snprintf(text + r->length, ORDER_REPORT_SIZE - r->length,
                 "... and %u more lines: the daemon's log has all\n",
                 r->left_out);
}
