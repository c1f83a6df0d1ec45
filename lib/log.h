/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key=value log lines on standard error:
 *
 *   2026-11-20T10:00:00.123Z info worker/0 request_refused conn=1a reason=...
 *
 * Where the journal reads standard error ($JOURNAL_STREAM) a line begins with
 * its priority, "<3>" to "<7>", which the journal takes off again.
 *
 * Nothing secret and nothing of a request's or an answer's body is ever
 * logged (P7). Values that an outsider chose go through log_quote().
 */
#ifndef SP_LIB_LOG_H
#define SP_LIB_LOG_H

#include <stddef.h>

#include "lib/error.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* Names this process in every line ("worker/0") and sets the lowest level that
 * is written. The name is copied, at most 31 bytes of it. */
void log_open(const char *name, enum log_level level);

/* Parses "error", "warn", "info", "debug"; SP_EINVAL otherwise. */
int log_level_parse(const char *text, enum log_level *level) SP_MUST_USE;

/* One line. `event` is a constant word; `format` is key=value pairs. One
 * write(2) a line, so that lines of several processes do not mix. */
void log_write(enum log_level level, const char *event, const char *format, ...)
    SP_PRINTF(3, 4);

#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/* `text` in double quotes with everything but printable ASCII escaped, cut to
 * 200 bytes. The result lives in one of 8 rotating per-thread buffers: use it
 * in the same log call. */
const char *log_quote(const char *text);
const char *log_quote_bytes(const void *data, size_t length);

/* Logs at error level and exits with status 1. For start-up, our own bugs and
 * a broken peer process; never for what a client or a file's content did. */
void fatal(const char *event, const char *format, ...) SP_PRINTF(2, 3)
    __attribute__((noreturn));

#endif
