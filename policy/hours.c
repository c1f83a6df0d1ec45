/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hours of use, computed from UTC alone: no time zone's rules may change what
 * a decision was. Runs in the keeper and in auditors' tools.
 */
#include "policy/hours.h"

#include <string.h>

#define DAY_MS    86400000LL
#define MINUTE_MS 60000LL
#define ALL_DAYS  0x7f

int hours_parse_time(const char *text, int64_t *ms)
{
    int hour, minute;

    if (strlen(text) != 5 || text[2] != ':')
        return SP_EINVAL;
    for (int i = 0; i < 5; i++)
        if (i != 2 && (text[i] < '0' || text[i] > '9'))
            return SP_EINVAL;
    hour = (text[0] - '0') * 10 + text[1] - '0';
    minute = (text[3] - '0') * 10 + text[4] - '0';
    if (minute > 59 || hour > 24 || (hour == 24 && minute != 0))
        return SP_EINVAL;
    *ms = (hour * 60 + minute) * MINUTE_MS % DAY_MS;
    return 0;
}

/* 1970-01-01 was a Thursday. */
static bool begins_on(const struct hours *h, int64_t day)
{
    return h->days >> ((day % 7 + 3) % 7) & 1;
}

static int64_t length_of(const struct hours *h)
{
    int64_t length = h->until - h->from;

    return length <= 0 ? length + DAY_MS : length;
}

bool hours_open(const struct hours *h, int64_t now, int64_t *end)
{
    int64_t day = now / DAY_MS;
    bool open = false;

    *end = INT64_MAX;
    if (h->days == 0 || (h->days == ALL_DAYS && length_of(h) == DAY_MS))
        return true;
    if (now < 0)
        return false;
    *end = now;
    /* The part that began yesterday, then today's; those that follow without a
     * gap go on. */
    for (int64_t d = day - 1; d <= day + 7; d++) {
        int64_t from = d * DAY_MS + h->from, until = from + length_of(h);

        if (d >= 0 && begins_on(h, d) && from <= *end && *end < until &&
            (open || from <= now)) {
            *end = until;
            open = true;
        }
    }
    return open;
}
