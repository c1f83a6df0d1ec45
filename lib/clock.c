/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the clocks, times as text, and the rule that the clock cannot be
 * turned back (P4). Used in every process. Whoever sets this machine's clock
 * is not trusted; texts come from policies and settings.
 */
#include "lib/clock.h"

#include <string.h>
#include <sys/timex.h>
#include <time.h>

#ifdef SP_HOOKS
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#endif

#define DAY_MS 86400000LL

/* Reading ---------------------------------------------------------------- */

#ifdef SP_HOOKS
static const _Atomic int64_t *hook_offset;

int clock_hook_offset_fd(int fd)
{
    struct stat st;
    void *memory;

    if (fstat(fd, &st) != 0)
        return sp_error_from_errno();
    if (st.st_size < (off_t)sizeof(int64_t))
        return SP_EINVAL;
    memory = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return sp_error_from_errno();
    hook_offset = memory; /* stays mapped until the process ends */
    return 0;
}

void clock_hook_offset(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error;

    if (fd < 0)
        fatal("clock_hook", "path=%s error=%s", log_quote(path),
              strerror(errno));
    error = clock_hook_offset_fd(fd);
    (void)close(fd);
    if (error != 0)
        fatal("clock_hook", "path=%s error=\"%s\"", log_quote(path),
              sp_strerror(error));
}
#endif

static int64_t wall_offset(void)
{
#ifdef SP_HOOKS
    if (hook_offset != NULL)
        return atomic_load_explicit(hook_offset, memory_order_relaxed);
#endif
    return 0;
}

static int64_t milliseconds(const struct timespec *ts)
{
    return (int64_t)ts->tv_sec * 1000 + ts->tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
    return milliseconds(&ts) + wall_offset();
}

int64_t clock_boot_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_BOOTTIME, &ts);
    return milliseconds(&ts);
}

uint64_t clock_boot_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void clock_read(int64_t *wall, int64_t *boot)
{
    int64_t after;

    /* Three tries are enough on any machine that runs at all; if none is
     * clean the last one is taken and the guard has the last word. */
    for (int i = 0; i < 3; i++) {
        *boot = clock_boot_ms();
        *wall = clock_wall_ms();
        after = clock_boot_ms();
        if (after - *boot <= 20)
            return;
    }
}

bool clock_synchronised(void)
{
    struct timex tx = {.modes = 0};
    int state = adjtimex(&tx);

    return state >= 0 && state != TIME_ERROR && (tx.status & STA_UNSYNC) == 0;
}

/* The guard -------------------------------------------------------------- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* From now on `offset` (wall minus boot) is what the clock should keep to. On
 * Linux both clocks are slewed together, so only steps ever change it. */
static void guard_accept(struct clock_guard *g, int64_t offset)
{
    g->low = g->high = offset;
}

static bool guard_stepped_back(const struct clock_guard *g, int64_t offset,
                               int64_t wall)
{
    return offset < g->high - CLOCK_TOLERANCE_MS ||
           wall < g->newest - CLOCK_TOLERANCE_MS;
}

static bool guard_stepped_forward(const struct clock_guard *g, int64_t offset)
{
    return offset > g->low + CLOCK_TOLERANCE_MS;
}

static enum clock_event guard_enter_behind(struct clock_guard *g, int64_t boot)
{
    g->state = CLOCK_BEHIND;
    g->expected = boot + g->high;
    return CLOCK_STEPPED_BACK;
}

static enum clock_event guard_enter_forward(struct clock_guard *g,
                                            int64_t offset, int64_t boot,
                                            bool synchronised)
{
    guard_accept(g, offset);
    if (synchronised) {
        g->state = CLOCK_GOOD;
    } else {
        g->state = CLOCK_SETTLING;
        g->settled_at = boot + g->settle_ms;
    }
    return CLOCK_STEPPED_FORWARD;
}

static enum clock_event guard_enter_good(struct clock_guard *g, int64_t offset)
{
    g->state = CLOCK_GOOD;
    /* Caught up, or set right again: in the second case the offset is within
     * what was accepted before the step, and that stays the measure. */
    if (offset < g->high - CLOCK_TOLERANCE_MS ||
        offset > g->low + CLOCK_TOLERANCE_MS)
        guard_accept(g, offset);
    g->low = smaller(g->low, offset);
    g->high = larger(g->high, offset);
    return CLOCK_RECOVERED;
}

static enum clock_event guard_read_behind(struct clock_guard *g, int64_t wall,
                                          int64_t boot, bool synchronised)
{
    int64_t offset = wall - boot;

    if (wall < g->expected || wall < g->newest)
        return CLOCK_NOTHING;
    /* Back by a little and then forward by a lot is a step forward. */
    if (guard_stepped_forward(g, offset) && !synchronised)
        return guard_enter_forward(g, offset, boot, false);
    return guard_enter_good(g, offset);
}

void clock_guard_init(struct clock_guard *g, int64_t settle_ms, int64_t newest,
                      int64_t wall, int64_t boot)
{
    *g = (struct clock_guard){
        .state = CLOCK_GOOD,
        .settle_ms = settle_ms,
        .newest = newest,
        .latest = larger(wall, newest),
    };
    guard_accept(g, wall - boot);
    if (wall < newest - CLOCK_TOLERANCE_MS) {
        g->state = CLOCK_BEHIND;
        g->expected = newest;
    }
}

static enum clock_event guard_step(struct clock_guard *g, int64_t wall,
                                   int64_t boot, bool synchronised)
{
    int64_t offset = wall - boot;

    if (g->state == CLOCK_BEHIND)
        return guard_read_behind(g, wall, boot, synchronised);
    if (guard_stepped_back(g, offset, wall))
        return guard_enter_behind(g, boot);
    if (guard_stepped_forward(g, offset))
        return guard_enter_forward(g, offset, boot, synchronised);
    g->low = smaller(g->low, offset);
    g->high = larger(g->high, offset);
    if (g->state == CLOCK_SETTLING && (synchronised || boot >= g->settled_at))
        return guard_enter_good(g, offset);
    return CLOCK_NOTHING;
}

enum clock_event clock_guard_read(struct clock_guard *g, int64_t wall,
                                  int64_t boot, bool synchronised, int64_t *now)
{
    enum clock_event event = guard_step(g, wall, boot, synchronised);

    g->latest = larger(g->latest, larger(wall, g->newest));
    *now = g->latest;
    return event;
}

void clock_guard_entry(struct clock_guard *g, int64_t t)
{
    g->newest = larger(g->newest, t);
}

/* Text ------------------------------------------------------------------- */

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, with
 * years counted from March so that the leap day is the last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
           719468;
}

static bool leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t month_days(int64_t year, int64_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};

    return month == 2 && leap_year(year) ? 29 : days[month - 1];
}

static void date_from_days(int64_t days, int64_t *year, int64_t *month,
                           int64_t *day)
{
    int64_t y = (days * 400 + 719468 * 400) / 146097; /* at most one too many */
    int64_t m = 1;

    while (days_from_date(y, 1, 1) > days)
        y--;
    while (days_from_date(y + 1, 1, 1) <= days)
        y++;
    days -= days_from_date(y, 1, 1);
    while (days >= month_days(y, m))
        days -= month_days(y, m++);
    *year = y;
    *month = m;
    *day = days + 1;
}

static char *put_digits(char *p, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + digits;
}

void clock_format_utc(int64_t t, char text[CLOCK_UTC_SIZE])
{
    /* Years 1970 to 9999; what lies outside is shown as the nearer end. */
    const int64_t last = days_from_date(10000, 1, 1) * DAY_MS - 1;
    int64_t year, month, day, ms;
    char *p = text;

    t = larger(0, smaller(t, last));
    ms = t % DAY_MS;
    date_from_days(t / DAY_MS, &year, &month, &day);
    p = put_digits(p, year, 4);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    p = put_digits(p, day, 2);
    *p++ = 'T';
    p = put_digits(p, ms / 3600000, 2);
    *p++ = ':';
    p = put_digits(p, ms / 60000 % 60, 2);
    *p++ = ':';
    p = put_digits(p, ms / 1000 % 60, 2);
    *p++ = '.';
    p = put_digits(p, ms % 1000, 3);
    *p++ = 'Z';
    *p = '\0';
}

/* Reads `count` digits at text[at]; -1 if one is none. */
static int64_t get_digits(const char *text, size_t at, size_t count)
{
    int64_t value = 0;

    for (size_t i = at; i < at + count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static int parse_date(const char *text, int64_t *days)
{
    int64_t year = get_digits(text, 0, 4);
    int64_t month = get_digits(text, 5, 2);
    int64_t day = get_digits(text, 8, 2);

    if (year < 2000 || year > 2199 || month < 1 || month > 12 || day < 1 ||
        day > month_days(year, month))
        return SP_EINVAL;
    *days = days_from_date(year, month, day);
    return 0;
}

static int parse_fraction(const char *text, size_t length, int64_t *ms)
{
    int64_t value;

    *ms = 0;
    if (length == 0)
        return 0;
    if (length < 2 || length > 4 || text[0] != '.')
        return SP_EINVAL;
    value = get_digits(text, 1, length - 1);
    if (value < 0)
        return SP_EINVAL;
    for (size_t i = length; i < 4; i++)
        value *= 10;
    *ms = value;
    return 0;
}

int clock_parse_utc(const char *text, size_t length, int64_t *t)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    const size_t whole = sizeof(shape) - 1;
    int64_t days, ms, hour, minute, second;

    if (length < whole + 1 || text[length - 1] != 'Z')
        return SP_EINVAL;
    for (size_t i = 0; i < whole; i++) {
        if (shape[i] != 'd' && text[i] != shape[i])
            return SP_EINVAL;
    }
    hour = get_digits(text, 11, 2);
    minute = get_digits(text, 14, 2);
    second = get_digits(text, 17, 2); /* no leap seconds: POSIX has none */
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 59 || parse_date(text, &days) != 0 ||
        parse_fraction(text + whole, length - whole - 1, &ms) != 0)
        return SP_EINVAL;
    *t = days * DAY_MS + hour * 3600000 + minute * 60000 + second * 1000 + ms;
    return 0;
}

static const struct {
    const char *unit;
    int64_t ms;
} units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", DAY_MS},
};

static int64_t unit_ms(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].unit) == length &&
            memcmp(text, units[i].unit, length) == 0)
            return units[i].ms;
    }
    return 0;
}

int clock_parse_duration(const char *text, size_t length, int64_t *ms)
{
    int64_t value = 0, unit;
    bool large = false;
    size_t i;

    for (i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        large = __builtin_mul_overflow(value, 10, &value) || large;
        large = __builtin_add_overflow(value, text[i] - '0', &value) || large;
    }
    /* "010s" might be meant as octal: nobody has to guess. */
    if (i == 0 || (i > 1 && text[0] == '0'))
        return SP_EINVAL;
    unit = unit_ms(text + i, length - i);
    if (unit == 0)
        return SP_EINVAL;
    if (large || __builtin_mul_overflow(value, unit, &value))
        return SP_ERANGE;
    *ms = value;
    return 0;
}
