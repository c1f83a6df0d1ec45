/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on standard error, in every process. Nothing here allocates or
 * takes a lock, so that a line can be written when memory has run out and
 * from the keeper's second thread. Values may come from outsiders only
 * through log_quote(); as a second fence, control characters that reach a line
 * any other way are replaced, so that no value can forge a line.
 */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"

#define LINE_MAX_BYTES 2048 /* below PIPE_BUF: one write is one whole line */
#define NAME_MAX_BYTES 32
#define QUOTE_SOURCE   200 /* bytes of the source that are shown */
#define QUOTE_SIZE     (QUOTE_SOURCE * 4 + 8) /* each may become \xNN */
#define QUOTE_BUFFERS  8

static char process_name[NAME_MAX_BYTES] = "-";
static enum log_level lowest = LOG_LEVEL_INFO;
static bool journal; /* reads lines from our standard error */

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

/* sd-daemon(3): what a line of the journal may begin with. */
static const char *const priorities[] = {
    [LOG_LEVEL_ERROR] = "<3>",
    [LOG_LEVEL_WARN] = "<4>",
    [LOG_LEVEL_INFO] = "<6>",
    [LOG_LEVEL_DEBUG] = "<7>",
};

/* systemd.exec(5), $JOURNAL_STREAM: "device:inode" of the journal's socket. A
 * standard error that was led elsewhere has another. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[48];
    struct stat st;

    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
        return false;
    (void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev,
                   (uintmax_t)st.st_ino);
    return strcmp(stream, ours) == 0;
}

void log_open(const char *name, enum log_level level)
{
    journal = is_journal();
    (void)snprintf(process_name, sizeof(process_name), "%s", name);
    lowest = level;
}

int log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return SP_EINVAL;
}

/* What snprintf() says it would have written, cut to what it did write. */
static size_t written(int result, size_t room)
{
    if (result < 0 || room == 0)
        return 0;
    return (size_t)result < room ? (size_t)result : room - 1;
}

static void line_write(const char *line, size_t length)
{
    ssize_t n;

    do
        n = write(STDERR_FILENO, line, length);
    while (n < 0 && errno == EINTR);
    /* A log that cannot be written has nobody to be told about it. */
}

static void log_write_list(enum log_level level, const char *event,
                           const char *format, va_list args) SP_PRINTF(3, 0);

static void log_write_list(enum log_level level, const char *event,
                           const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    char time[CLOCK_UTC_SIZE];
    const size_t room = sizeof(line) - 1; /* one for the line's end */
    size_t length;
    int saved = errno;

    clock_format_utc(clock_wall_ms(), time);
    length = written(snprintf(line, room, "%s%s %s %s %s ",
                              journal ? priorities[level] : "", time,
                              level_names[level], process_name, event),
                     room);
    errno = saved; /* the format may say %m */
    length += written(vsnprintf(line + length, room - length, format, args),
                      room - length);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < 0x20 || (unsigned char)line[i] >= 0x7f)
            line[i] = '?';
    }
    while (length > 0 && line[length - 1] == ' ')
        length--;
    line[length++] = '\n';
    line_write(line, length);
    errno = saved;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    va_list args;

    if (level > lowest)
        return;
    va_start(args, format);
    log_write_list(level, event, format, args);
    va_end(args);
}

void fatal(const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_write_list(LOG_LEVEL_ERROR, event, format, args);
    va_end(args);
    exit(1);
}

/* Writes one byte as it may stand in a line; returns how many were written. */
static size_t quote_byte(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";

    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    if (c >= 0x20 && c < 0x7f) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex[c >> 4];
    out[3] = hex[c & 15];
    return 4;
}

const char *log_quote_bytes(const void *data, size_t length)
{
    static _Thread_local char buffers[QUOTE_BUFFERS][QUOTE_SIZE];
    static _Thread_local unsigned next;
    const unsigned char *bytes = data;
    char *text = buffers[next++ % QUOTE_BUFFERS];
    size_t shown = length < QUOTE_SOURCE ? length : QUOTE_SOURCE;
    size_t n = 0;

    text[n++] = '"';
    for (size_t i = 0; i < shown; i++)
        n += quote_byte(text + n, bytes[i]);
    if (shown < length) {
        memcpy(text + n, "...", 3);
        n += 3;
    }
    text[n++] = '"';
    text[n] = '\0';
    return text;
}

const char *log_quote(const char *text)
{
    if (text == NULL)
        return "\"\"";
    return log_quote_bytes(text, strlen(text));
}
