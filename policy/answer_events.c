/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event streams cut into events and lines. Runs in workers on what a model's
 * endpoint sent: any bytes may come, cut anywhere, and the result must not
 * depend on where.
 */
#include "policy/answer_events.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum line { LINE_EMPTY, LINE_COMMENT, LINE_FIELD };

static const uint8_t byte_order_mark[3] = {0xef, 0xbb, 0xbf};

/* The first CR, LF or NUL at or behind `at`, or `end`. */
static size_t line_end(const uint8_t *p, size_t at, size_t end)
{
#ifdef __SSE2__
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    const __m128i nul = _mm_setzero_si128();

    for (; at + 16 <= end; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + at));
        __m128i stop =
            _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr));
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(stop, _mm_cmpeq_epi8(v, nul)));

        if (mask != 0)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    while (at < end && p[at] != '\n' && p[at] != '\r' && p[at] != 0)
        at++;
    return at;
}

/* At the beginning of the stream. */
static int mark_skip(struct events *s, const uint8_t *data, size_t length,
                     size_t *used)
{
    size_t at = 0;

    while (at < length && s->mark < sizeof byte_order_mark &&
           data[at] == byte_order_mark[s->mark]) {
        at++;
        s->mark++;
    }
    *used = at;
    if (s->mark == sizeof byte_order_mark || (s->mark == 0 && at < length))
        s->begun = true;
    else if (at < length)
        return SP_EPROTO;
    return 0;
}

/* A line of kind `line` ended: what that means. MORE: go on. */
static enum events_found line_ended(struct events *s, enum line line)
{
    if (line == LINE_FIELD || (line == LINE_COMMENT && s->in_event))
        return EVENTS_MORE;
    if (line == LINE_COMMENT)
        return EVENTS_COMMENT;
    if (!s->in_event)
        return EVENTS_NOTHING;
    s->in_event = false;
    return EVENTS_EVENT;
}

static void line_begin(struct events *s, uint8_t first)
{
    s->line = first == ':' ? LINE_COMMENT : LINE_FIELD;
    if (s->line == LINE_FIELD)
        s->in_event = true;
}

/* The LF of a CRLF whose CR was seen. */
static size_t lf_skip(struct events *s, uint8_t byte)
{
    bool skip = s->after_cr && byte == '\n';

    s->after_cr = false;
    return skip ? 1 : 0;
}

int events_scan(struct events *s, const uint8_t *data, size_t length,
                size_t *used, enum events_found *found)
{
    size_t at = 0;
    int r;

    *found = EVENTS_NOTHING;
    if (!s->begun && ((r = mark_skip(s, data, length, used)) != 0 || *used > 0))
        return r;
    *found = EVENTS_MORE;
    while (at < length && *found == EVENTS_MORE) {
        enum line line;

        at += lf_skip(s, data[at]);
        if (at > 0 && !s->in_event && s->line == LINE_EMPTY) {
            *found = EVENTS_NOTHING; /* that LF, behind an event */
            break;
        }
        if (at == length)
            break;
        if (s->line == LINE_EMPTY && data[at] != '\n' && data[at] != '\r')
            line_begin(s, data[at]);
        at = line_end(data, at, length);
        if (at == length)
            break;
        if (data[at] == 0)
            return SP_EPROTO;
        s->after_cr = data[at++] == '\r';
        line = (enum line)s->line;
        s->line = LINE_EMPTY;
        *found = line_ended(s, line);
    }
    *used = at;
    return 0;
}

static bool name_is_good(const char *name, size_t length)
{
    if (length > EVENT_NAME_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '.'))
            return false;
    }
    return true;
}

/* If the line is field `name`: its value, without one space in front. */
static bool line_is(const char *line, size_t length, const char *name,
                    const char **value, size_t *value_length)
{
    size_t n = strlen(name);

    if (length < n || memcmp(line, name, n) != 0 ||
        (length > n && line[n] != ':'))
        return false;
    n += length > n;
    n += length > n && line[n] == ' ';
    *value = line + n;
    *value_length = length - n;
    return true;
}

static int name_take(struct answer_event *e, const char *value, size_t length)
{
    if (e->name != NULL || !name_is_good(value, length))
        return SP_EPROTO;
    e->name = value;
    e->name_length = length;
    return 0;
}

static int data_take(struct answer_event *e, const char *value, size_t length,
                     struct buf *joined)
{
    int r = 0;

    if (e->text == NULL) {
        e->text = value;
        e->length = length;
        return 0;
    }
    if (joined->length == 0)
        r = buf_append(joined, e->text, e->length);
    if (r == 0)
        r = buf_append(joined, "\n", 1);
    if (r == 0)
        r = buf_append(joined, value, length);
    if (r != 0)
        return r;
    e->text = (const char *)buf_bytes(joined);
    e->length = joined->length;
    return 0;
}

static int line_take(struct answer_event *e, const char *line, size_t length,
                     struct buf *joined)
{
    const char *value;
    size_t n;

    if (line_is(line, length, "data", &value, &n))
        return data_take(e, value, n, joined);
    if (line_is(line, length, "event", &value, &n))
        return name_take(e, value, n);
    return 0;
}

/* As many bytes as `event: N`, `data: T` and an empty line have, at the places
 * where those stand: then it is exactly that. */
static bool event_is_plain(const struct answer_event *e, const char *p,
                           size_t length)
{
    size_t data = e->name == NULL ? 6 : 7 + e->name_length + 1 + 6;

    return e->text == p + data && length == data + e->length + 2 &&
           p[length - 1] == '\n' && p[length - 2] == '\n' &&
           (e->name == NULL ||
            (e->name == p + 7 && p[7 + e->name_length] == '\n'));
}

int answer_event_read(const uint8_t *data, size_t length, struct buf *joined,
                      struct answer_event *e)
{
    const char *p = (const char *)data;
    size_t at = 0;
    int r;

    *e = (struct answer_event){0};
    while (at < length) {
        size_t end = line_end(data, at, length);

        if ((r = line_take(e, p + at, end - at, joined)) != 0)
            return r;
        at = end + 1;
        if (at < length && data[end] == '\r' && data[at] == '\n')
            at++;
    }
    if (e->name != NULL && e->name_length == 0)
        e->name = NULL;
    e->plain = e->text != NULL && event_is_plain(e, p, length);
    return 0;
}
