/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames the model in answers. Runs in a worker over what a model answered;
 * any bytes are fine, and bytes that are no JSON pass as they are.
 */
#include "gateway/rename.h"

#include <string.h>

#include "lib/json.h"

static const char member[] = "\"model\"";
#define MEMBER_LENGTH (sizeof(member) - 1)

enum part { PART_NAME, PART_COLON, PART_VALUE };

int rename_rule_init(struct rename_rule *r, const char *from, const char *to)
{
    int e;

    memset(r, 0, sizeof(*r));
    e = json_quote(r->from, sizeof(r->from), &r->from_length, from,
                   strlen(from));
    if (e != 0)
        return e;
    return json_quote(r->to, sizeof(r->to), &r->to_length, to, strlen(to));
}

static void start_over(struct rename *r)
{
    r->before = r->nheld > 0 ? (uint8_t)r->held[r->nheld - 1] : r->before;
    r->part = PART_NAME;
    r->matched = r->nheld = 0;
    r->spaces = 0;
}

/* No match: what was held passes as it was. */
static int give_up(struct rename *r, struct buf *out)
{
    int e = r->nheld > 0 ? buf_append(out, r->held, r->nheld) : 0;

    start_over(r);
    return e;
}

static int replace(struct rename *r, struct buf *out)
{
    int e = buf_append(out, r->held, r->value);

    if (e == 0)
        e = buf_append(out, r->rule->to, r->rule->to_length);
    start_over(r);
    return e;
}

static bool is_space(uint8_t b)
{
    return b == ' ' || b == '\t' || b == '\n' || b == '\r';
}

/* True if `b` fits where the match stands; then it is held. */
static bool fits(struct rename *r, uint8_t b)
{
    const struct rename_rule *rule = r->rule;

    if (r->matched == 0 && r->part != PART_NAME && is_space(b))
        return ++r->spaces <= RENAME_SPACES;
    switch ((enum part)r->part) {
    case PART_NAME:
        if (b != (uint8_t)member[r->matched] ||
            (r->matched == 0 && r->before == '\\'))
            return false;
        if (++r->matched == MEMBER_LENGTH) {
            r->part = PART_COLON;
            r->matched = 0;
        }
        return true;
    case PART_COLON:
        r->part = PART_VALUE;
        r->spaces = 0;
        return b == ':';
    case PART_VALUE:
        if (r->matched == 0)
            r->value = r->nheld;
        /* Some write a slash as \/. */
        if (b == '\\' && rule->from[r->matched] == '/' &&
            r->held[r->nheld - 1] != '\\')
            return true;
        if (b != (uint8_t)rule->from[r->matched])
            return false;
        r->matched++;
        return true;
    default:
        return false;
    }
}

/* One byte of a match, or of none. */
static int feed_byte(struct rename *r, uint8_t b, struct buf *out)
{
    int e;

    if (r->nheld < sizeof(r->held) && fits(r, b)) {
        r->held[r->nheld++] = (char)b;
        return r->part == PART_VALUE && r->matched == r->rule->from_length
                   ? replace(r, out)
                   : 0;
    }
    if ((e = give_up(r, out)) != 0)
        return e;
    if (b == member[0] && r->before != '\\') {
        r->held[r->nheld++] = (char)b;
        r->matched = 1;
        return 0;
    }
    r->before = b;
    return buf_append(out, &b, 1);
}

/* Bytes before the next quote cannot begin a match. */
static int skip(struct rename *r, const uint8_t *data, size_t length,
                struct buf *out, size_t *skipped)
{
    const uint8_t *next = memmem(data, length, member, MEMBER_LENGTH);
    /* What may be the beginning of one at the end. */
    size_t tail = length < MEMBER_LENGTH ? length : MEMBER_LENGTH - 1;

    *skipped = next != NULL ? (size_t)(next - data) : length - tail;
    while (next == NULL && *skipped < length && data[*skipped] != '"')
        ++*skipped;
    if (*skipped == 0)
        return 0;
    r->before = data[*skipped - 1];
    return buf_append(out, data, *skipped);
}

int rename_feed(struct rename *r, const uint8_t *data, size_t length,
                struct buf *out)
{
    size_t at = 0;
    int e = 0;

    while (e == 0 && at < length) {
        if (r->nheld == 0) {
            size_t skipped = 0;

            e = skip(r, data + at, length - at, out, &skipped);
            at += skipped;
            if (e != 0 || at == length)
                break;
        }
        e = feed_byte(r, data[at++], out);
    }
    return e;
}

int rename_end(struct rename *r, struct buf *out)
{
    return give_up(r, out);
}
