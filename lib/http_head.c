/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans heads. Runs in workers and in the command, on bytes of strangers.
 */
#include "lib/http_head.h"

#include <string.h>

const char http_head_too_large[] = "head_too_large";

/* A NUL, a control byte, DEL: no head has them. CR and LF are looked at where
 * they stand. */
static bool byte_is_plain(uint8_t b)
{
    return (b >= 0x20 && b != 0x7f) || b == '\t';
}

/* What is wrong with byte `b` behind `before`, or NULL. */
static const char *byte_fault(uint8_t before, uint8_t b)
{
    if (before == '\r' && b != '\n')
        return "bare_cr";
    if (b == '\n')
        return before != '\r' ? "bare_lf" : NULL;
    if (before == '\n' && (b == ' ' || b == '\t'))
        return "folded_line";
    return b == '\r' || byte_is_plain(b) ? NULL : "control_byte";
}

enum http_head http_head_scan(const uint8_t *data, size_t length, size_t max,
                              size_t *scanned, size_t *end, const char **why)
{
    for (size_t i = *scanned; i < length; i++) {
        uint8_t b = data[i];

        *why = i >= max ? http_head_too_large
                        : byte_fault(i > 0 ? data[i - 1] : 0, b);
        if (*why != NULL)
            return HTTP_HEAD_FAULT;
        if (b == '\n' && i >= 3 && data[i - 2] == '\n') {
            *end = i + 1;
            return HTTP_HEAD_WHOLE;
        }
    }
    *scanned = length;
    return HTTP_HEAD_MORE;
}

static bool is_token_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool http_token_is(const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_token_byte(data[i]))
            return false;
    return length > 0;
}

const char *http_status_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Error";
}
