/* SPDX-License-Identifier: Apache-2.0 */
/* Plain words of a fixed size. Runs in the command. */
#include "policy/words.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/clock.h"

void say(struct words *w, const char *format, ...)
{
    va_list list;
    int n;

    va_start(list, format);
    n = vsnprintf(w->text + w->length, w->size - w->length, format, list);
    va_end(list);
    if (n > 0)
        w->length = w->length + (size_t)n >= w->size ? w->size - 1
                                                     : w->length + (size_t)n;
}

void say_time(struct words *w, int64_t t)
{
    char utc[CLOCK_UTC_SIZE];

    if (t == INT64_MAX) {
        say(w, "for ever");
        return;
    }
    clock_format_utc(t, utc);
    say(w, "%.19sZ", utc);
}

void say_list(struct words *w, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        say(w, "%s%s", i == 0 ? "" : ", ", list[i]);
}

void say_durations(struct words *w, const int64_t *ms, size_t count)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};

    if (count == 0)
        say(w, "none");
    for (size_t i = 0; i < count; i++) {
        size_t u = 0;

        while (ms[i] % units[u].ms != 0)
            u++;
        say(w, "%s%lld %s", i == 0 ? "" : ", ",
            (long long)(ms[i] / units[u].ms), units[u].unit);
    }
}

void say_hours(struct words *w, const struct hours *h)
{
    static const char *const names[] = {"Mon", "Tue", "Wed", "Thu",
                                        "Fri", "Sat", "Sun"};
    const char *comma = "";

    for (unsigned i = 0; i < 7; i++)
        if (h->days & 1u << i) {
            say(w, "%s%s", comma, names[i]);
            comma = ", ";
        }
    if (h->from != h->until)
        say(w, " %02d:%02d to %02d:%02d UTC", (int)(h->from / 3600000),
            (int)(h->from / 60000 % 60), (int)(h->until / 3600000),
            (int)(h->until / 60000 % 60));
}
