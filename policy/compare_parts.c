/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that several elements of a policy have, compared. */
#include "policy/compare_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void compare_about(struct comparison *c, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(c->about, sizeof c->about, format, list);
    va_end(list);
}

void change_tell(struct comparison *c, enum change_kind kind,
                 const char *format, ...)
{
    char words[1024];
    struct change change = {kind, c->about, words};
    va_list list;

    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    c->tell(c->arg, &change);
}

static enum change_kind kind_of(enum more more, bool is_more)
{
    if (more == MORE_IS_OTHER)
        return CHANGE_OTHER;
    return is_more == (more == MORE_IS_WIDER) ? CHANGE_WIDER : CHANGE_NARROWER;
}

/* "5", or "no limit". */
static const char *number_text(int64_t number, char text[24])
{
    if (number < 0)
        return "no limit";
    snprintf(text, 24, "%" PRId64, number);
    return text;
}

void compare_number(struct comparison *c, const char *what, enum more more,
                    int64_t before, int64_t now)
{
    uint64_t was = (uint64_t)before, is = (uint64_t)now; /* -1: the most */
    char a[24], b[24];

    if (was != is)
        change_tell(c, kind_of(more, is > was), "%s: %s (was %s)", what,
                    number_text(now, a), number_text(before, b));
}

void compare_flag(struct comparison *c, const char *what, enum more more,
                  bool before, bool now)
{
    if (before != now)
        change_tell(c, kind_of(more, now), "%s: %s (was %s)", what,
                    now ? "yes" : "no", before ? "yes" : "no");
}

void compare_text(struct comparison *c, const char *what, const char *before,
                  const char *now)
{
    before = before == NULL ? "none" : before;
    now = now == NULL ? "none" : now;
    if (strcmp(before, now) != 0)
        change_tell(c, CHANGE_OTHER, "%s: %s (was %s)", what, now, before);
}

void compare_budget(struct comparison *c, const char *whose,
                    const struct budget *before, const struct budget *now)
{
    char what[128];

    for (int u = 0; u < UNIT_COUNT; u++) {
        snprintf(what, sizeof what, "%s%s", whose, unit_text((enum unit)u));
        compare_number(c, what, MORE_IS_WIDER, before->total[u], now->total[u]);
    }
    snprintf(what, sizeof what, "%srequests_per_minute", whose);
    compare_number(c, what, MORE_IS_WIDER, before->requests_per_minute,
                   now->requests_per_minute);
    snprintf(what, sizeof what, "%stokens_per_minute", whose);
    compare_number(c, what, MORE_IS_WIDER, before->tokens_per_minute,
                   now->tokens_per_minute);
    snprintf(what, sizeof what, "%sconcurrent", whose);
    compare_number(c, what, MORE_IS_WIDER, before->concurrent, now->concurrent);
}

/* ---- lists ---- */

/* Whether all that `item` stands for is in the list, by one element of it. */
static bool list_covers(const struct allowed *a, const char *item)
{
    size_t length = strlen(item);

    for (size_t i = 0; i < a->count; i++) {
        size_t n = strlen(a->list[i]);

        if (strcmp(a->list[i], item) == 0 ||
            (n > 0 && a->list[i][n - 1] == '*' && length >= n - 1 &&
             memcmp(a->list[i], item, n - 1) == 0))
            return true;
    }
    return false;
}

/* Tells what is in `a` and not in `b`. */
static void list_tell_missing(struct comparison *c, const char *what,
                              enum change_kind kind, const char *how,
                              const struct allowed *a, const struct allowed *b)
{
    char text[768] = "";
    struct words w = {text, sizeof text, 0};

    for (size_t i = 0; i < a->count; i++)
        if (!list_covers(b, a->list[i]))
            say(&w, "%s%s", w.length == 0 ? "" : ", ", a->list[i]);
    if (w.length > 0)
        change_tell(c, kind, "%s: %s %s", what, how, text);
}

void compare_list(struct comparison *c, const char *what,
                  const struct allowed *before, const struct allowed *now)
{
    bool was_any = before->empty_is_any && before->count == 0;
    bool is_any = now->empty_is_any && now->count == 0;
    char text[768] = "";
    struct words w = {text, sizeof text, 0};

    if (was_any && is_any)
        return;
    if (was_any) {
        say_list(&w, now->list, now->count);
        change_tell(c, CHANGE_NARROWER, "%s: only %s (was any)", what, text);
    } else if (is_any) {
        say_list(&w, before->list, before->count);
        change_tell(c, CHANGE_WIDER, "%s: any (was %s)", what, text);
    } else {
        list_tell_missing(c, what, CHANGE_NARROWER, "no longer", before, now);
        list_tell_missing(c, what, CHANGE_WIDER, "now also", now, before);
    }
}
