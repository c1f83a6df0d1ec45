/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1.1 answer as a load generator reads it: status, framing, server
 * events counted, and the last bytes kept to see how it ended. A header with
 * its code, because every .c file of this folder is a program of its own.
 * Its input comes from the proxies we measure and is not hostile.
 */
#ifndef SP_BENCH_ANSWER_H
#define SP_BENCH_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANSWER_HEAD_MAX 8192
#define ANSWER_TAIL     1024

enum answer_step {
    ANSWER_HEAD,
    ANSWER_BODY,       /* `left` bytes, or until the connection ends (-1) */
    ANSWER_CHUNK_SIZE, /* reading a chunk's size line */
    ANSWER_CHUNK,      /* `left` bytes of a chunk */
    ANSWER_CHUNK_END,  /* its CRLF */
    ANSWER_TRAILER,    /* the CRLF behind the last chunk */
    ANSWER_DONE,
    ANSWER_BAD
};

struct answer {
    enum answer_step step;
    int status;
    bool closes; /* "connection: close" */
    int64_t left;
    uint64_t bytes;  /* of the body */
    unsigned events; /* blank lines in the body */
    bool newline;    /* the last byte of the body was one */
    size_t head_length, tail_length;
    char head[ANSWER_HEAD_MAX + 1];
    char tail[ANSWER_TAIL + 1];
};

static inline void answer_reset(struct answer *a)
{
    memset(a, 0, offsetof(struct answer, head));
    a->head[0] = a->tail[0] = '\0';
}

/* The text behind "name:" and spaces in the head, or NULL. */
static inline const char *answer_field(const struct answer *a, const char *name)
{
    size_t length = strlen(name);
    const char *line = strstr(a->head, "\r\n");

    for (; line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            return line + strspn(line, " ");
        }
    }
    return NULL;
}

static inline void answer_keep(struct answer *a, const char *data,
                               size_t length)
{
    size_t keep = length < ANSWER_TAIL ? length : ANSWER_TAIL;
    size_t old = ANSWER_TAIL - keep;

    if (old > a->tail_length)
        old = a->tail_length;
    memmove(a->tail, a->tail + a->tail_length - old, old);
    memcpy(a->tail + old, data + length - keep, keep);
    a->tail_length = old + keep;
    a->tail[a->tail_length] = '\0';
}

static inline void answer_take(struct answer *a, const char *data,
                               size_t length)
{
    for (size_t i = 0; i < length; i++) {
        a->events += a->newline && data[i] == '\n';
        a->newline = data[i] == '\n';
    }
    a->bytes += length;
    answer_keep(a, data, length);
}

static inline void answer_head_end(struct answer *a)
{
    const char *coding = answer_field(a, "transfer-encoding");
    const char *length = answer_field(a, "content-length");
    const char *connection = answer_field(a, "connection");

    a->status = strncmp(a->head, "HTTP/1.1 ", 9) == 0 ? atoi(a->head + 9) : 0;
    a->closes = connection != NULL && strncasecmp(connection, "close", 5) == 0;
    a->left = length != NULL ? strtoll(length, NULL, 10) : -1;
    if (a->status < 200 || a->status > 599)
        a->step = ANSWER_BAD;
    else if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0)
        a->step = ANSWER_CHUNK_SIZE;
    else
        a->step = a->left == 0 ? ANSWER_DONE : ANSWER_BODY;
    a->left = a->step == ANSWER_CHUNK_SIZE ? 0 : a->left;
}

static inline size_t answer_feed_head(struct answer *a, const char *data,
                                      size_t length)
{
    size_t before = a->head_length;
    size_t room = ANSWER_HEAD_MAX - before;
    size_t take = length < room ? length : room;

    memcpy(a->head + before, data, take);
    a->head_length += take;
    a->head[a->head_length] = '\0';
    char *end = strstr(a->head, "\r\n\r\n");
    if (end == NULL) {
        if (a->head_length == ANSWER_HEAD_MAX)
            a->step = ANSWER_BAD;
        return take;
    }
    a->head_length = (size_t)(end - a->head) + 4;
    a->head[a->head_length] = '\0';
    answer_head_end(a);
    return a->head_length - before;
}

static inline size_t answer_feed_payload(struct answer *a, const char *data,
                                         size_t length)
{
    size_t take = length;

    if (a->left >= 0 && (uint64_t)a->left < length)
        take = (size_t)a->left;
    answer_take(a, data, take);
    if (a->left >= 0) {
        a->left -= (int64_t)take;
        if (a->left == 0)
            a->step = a->step == ANSWER_CHUNK ? ANSWER_CHUNK_END : ANSWER_DONE;
    }
    return take;
}

static inline void answer_feed_size(struct answer *a, char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit;

    if (byte == '\n') {
        a->step = a->left == 0 ? ANSWER_TRAILER : ANSWER_CHUNK;
        return;
    }
    if (byte == '\r')
        return;
    digit = memchr(digits, byte >= 'A' && byte <= 'F' ? byte + 32 : byte, 16);
    if (digit == NULL || a->left > (1 << 30))
        a->step = ANSWER_BAD;
    else
        a->left = a->left * 16 + (digit - digits);
}

/* Takes bytes of the answer; returns how many (less when it is complete). */
static inline size_t answer_feed(struct answer *a, const char *data,
                                 size_t length)
{
    size_t used = 0;

    while (used < length && a->step < ANSWER_DONE) {
        const char *at = data + used;

        switch (a->step) {
        case ANSWER_HEAD:
            used += answer_feed_head(a, at, length - used);
            break;
        case ANSWER_BODY:
        case ANSWER_CHUNK:
            used += answer_feed_payload(a, at, length - used);
            break;
        case ANSWER_CHUNK_SIZE:
            answer_feed_size(a, *at);
            used++;
            break;
        case ANSWER_CHUNK_END:
        case ANSWER_TRAILER:
            if (*at == '\n') {
                a->step =
                    a->step == ANSWER_TRAILER ? ANSWER_DONE : ANSWER_CHUNK_SIZE;
                a->left = 0;
            }
            used++;
            break;
        case ANSWER_DONE:
        case ANSWER_BAD:
            break;
        }
    }
    return used;
}

/* What the end of the body says. */
static inline bool answer_says_done(const struct answer *a)
{
    return strstr(a->tail, "data: [DONE]") != NULL ||
           strstr(a->tail, "event: response.completed") != NULL ||
           strstr(a->tail, "event: message_stop") != NULL;
}

static inline bool answer_says_error(const struct answer *a)
{
    return strstr(a->tail, "\"error\":{") != NULL ||
           strstr(a->tail, "\"error\": {") != NULL;
}

/* The error's code in the tail: letters and underscores, or "". */
static inline void answer_code(const struct answer *a, char code[64])
{
    const char *p = strstr(a->tail, "\"code\":\"");
    size_t skip = strlen("\"code\":\"");

    code[0] = '\0';
    if (p == NULL) {
        p = strstr(a->tail, "\"error_code\":\"");
        skip = strlen("\"error_code\":\"");
    }
    if (p == NULL)
        return;
    size_t length = strspn(p + skip, "abcdefghijklmnopqrstuvwxyz_0123456789");
    length = length < 63 ? length : 63;
    memcpy(code, p + skip, length);
    code[length] = '\0';
}

#endif
