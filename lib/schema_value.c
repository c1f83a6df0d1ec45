/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scalar types of a schema: how each is decoded, and how its field's
 * expectation is worded. Runs wherever a configuration or a policy is read.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/schema.h"

static bool name_is_good(const char *text, const char *first, const char *more,
                         size_t max)
{
    size_t length = strlen(text);

    return length > 0 && length <= max && strchr(first, text[0]) != NULL &&
           strspn(text, more) == length;
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Relative or absolute, but nothing that climbs or hides where it leads. */
static bool path_is_good(const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length > 1024 || text[length - 1] == '/' ||
        strstr(text, "//") != NULL)
        return false;
    for (const char *p = text; p != NULL; p = strchr(p, '/')) {
        p += *p == '/';
        if (strcmp(p, "..") == 0 || strncmp(p, "../", 3) == 0)
            return false;
    }
    return true;
}

/* Digits and one of the suffixes, with a multiplication that cannot wrap. */
static bool number_decode(const char *text, bool bytes, int64_t *number)
{
    static const struct {
        const char *text;
        int64_t factor;
    } suffixes[] = {{"", 1},           {"k", 1000},        {"M", 1000000},
                    {"G", 1000000000}, {"KiB", 1LL << 10}, {"MiB", 1LL << 20},
                    {"GiB", 1LL << 30}};
    size_t digits = strspn(text, DIGITS), n = bytes ? 7 : 4;
    int64_t v = 0;

    if (digits == 0 || (digits > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < digits; i++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, text[i] - '0', &v))
            return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(text + digits, suffixes[i].text) == 0)
            return !__builtin_mul_overflow(v, suffixes[i].factor, number);
    return false;
}

static bool hash_decode(const char *text, uint8_t hash[32])
{
    static const char digits[] = "0123456789abcdef";

    if (strlen(text) != 64)
        return false;
    for (size_t i = 0; i < 64; i++) {
        const char *digit = strchr(digits, tolower((unsigned char)text[i]));
        unsigned value;

        if (digit == NULL)
            return false;
        value = (unsigned)(digit - digits);
        hash[i / 2] = (uint8_t)(i % 2 == 0 ? value << 4 : hash[i / 2] | value);
    }
    return true;
}

static bool choice_decode(const struct schema_field *f, struct node *n)
{
    for (size_t i = 0; f->words[i] != NULL; i++)
        if (strcmp(f->words[i], n->text) == 0) {
            n->number = (int64_t)i;
            return true;
        }
    return false;
}

static bool in_range(const struct schema_field *f, int64_t v)
{
    return v >= f->min && (f->max == 0 || v <= f->max);
}

/* What a reader of YAML would take for "nothing here". */
static bool is_null(const struct node *n)
{
    return n->plain && (n->text[0] == 0 || strcmp(n->text, "~") == 0 ||
                        strcasecmp(n->text, "null") == 0);
}

bool schema_decode(const struct schema_field *f, struct node *n)
{
    if (is_null(n))
        return false;
    switch (f->type) {
    case SCHEMA_TEXT:
        return in_range(f, (int64_t)strlen(n->text));
    case SCHEMA_NAME:
        return name_is_good(n->text, LOWER DIGITS, LOWER DIGITS "._-", 64);
    case SCHEMA_MODEL:
        return name_is_good(n->text, LOWER UPPER DIGITS,
                            LOWER UPPER DIGITS "._:-", 128);
    case SCHEMA_PATH:
        return path_is_good(n->text);
    case SCHEMA_CHOICE:
        return choice_decode(f, n);
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
        if (f->words != NULL && strcmp(n->text, f->words[0]) == 0)
            return true; /* the number stays 0 */
        return number_decode(n->text, f->type == SCHEMA_SIZE, &n->number) &&
               in_range(f, n->number);
    case SCHEMA_TIME:
        return clock_parse_utc(n->text, strlen(n->text), &n->number) == 0;
    case SCHEMA_SECONDS:
        if (number_decode(n->text, false, &n->number))
            return !__builtin_mul_overflow(n->number, 1000, &n->number) &&
                   in_range(f, n->number);
        /* fall through */
    case SCHEMA_DURATION:
        return clock_parse_duration(n->text, strlen(n->text), &n->number) ==
                   0 &&
               in_range(f, n->number);
    case SCHEMA_HASH:
        return hash_decode(n->text, n->hash);
    case SCHEMA_RECORD:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
    case SCHEMA_FREE:
    case SCHEMA_ANY:
    default:
        return false;
    }
}

struct unit {
    const char *text;
    int64_t factor;
};

void schema_number(const struct schema_field *f, int64_t v, char *text,
                   size_t size)
{
    static const struct unit times[] = {
        {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    static const struct unit sizes[] = {{"GiB", 1LL << 30},
                                        {"MiB", 1LL << 20},
                                        {"KiB", 1LL << 10},
                                        {"", 1},
                                        {"", 1}};
    static const struct unit counts[] = {
        {"G", 1000000000}, {"M", 1000000}, {"k", 1000}, {"", 1}, {"", 1}};
    const struct unit *units = counts;

    if (f->type == SCHEMA_DURATION || f->type == SCHEMA_SECONDS)
        units = times;
    else if (f->type == SCHEMA_SIZE)
        units = sizes;
    for (size_t i = 0; i < 5; i++)
        if (i == 4 || (v != 0 && v % units[i].factor == 0)) {
            snprintf(text, size, "%" PRId64 "%s", v / units[i].factor,
                     units[i].text);
            return;
        }
}

static void words_join(const char *const *words, char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; words[i] != NULL && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s",
                              i == 0                 ? ""
                              : words[i + 1] == NULL ? " or "
                                                     : ", ",
                              words[i]);
}

static void expected_number(const struct schema_field *f, const char *what,
                            char text[SCHEMA_EXPECTED_SIZE])
{
    char min[32], max[32];

    schema_number(f, f->min, min, sizeof min);
    schema_number(f, f->max, max, sizeof max);
    if (f->max == 0)
        snprintf(text, SCHEMA_EXPECTED_SIZE, "%s of at least %s", what, min);
    else
        snprintf(text, SCHEMA_EXPECTED_SIZE, "%s from %s to %s", what, min,
                 max);
}

void schema_expected(const struct schema_field *f,
                     char text[SCHEMA_EXPECTED_SIZE])
{
    static const char *const fixed[] = {
        [SCHEMA_NAME] = "a name of at most 64 of a-z, 0-9, '.', '_', '-' that "
                        "begins with a letter or digit",
        [SCHEMA_MODEL] = "a name of at most 128 of A-Z, a-z, 0-9, '.', '_', "
                         "':', '-' that begins with a letter or digit",
        [SCHEMA_PATH] = "the path of a file, without '..'",
        [SCHEMA_TIME] = "a time in UTC, such as 2026-11-20T00:00:00Z",
        [SCHEMA_HASH] = "64 hexadecimal digits",
        [SCHEMA_RECORD] = "a mapping of fields",
        [SCHEMA_MAP] = "a mapping of names",
        [SCHEMA_LIST] = "a list",
        [SCHEMA_ANY] = "nothing yet",
    };

    text[0] = 0;
    if (f->type == SCHEMA_TEXT)
        expected_number(f, "a text with a length", text);
    else if (f->type == SCHEMA_COUNT && f->words != NULL) {
        char what[64];

        snprintf(what, sizeof what, "%s or a whole number", f->words[0]);
        expected_number(f, what, text);
    } else if (f->type == SCHEMA_COUNT)
        expected_number(f, "a whole number", text);
    else if (f->type == SCHEMA_SIZE)
        expected_number(f, "a size in bytes, such as 16MiB,", text);
    else if (f->type == SCHEMA_DURATION)
        expected_number(f, "a duration, such as 12h or 30d,", text);
    else if (f->type == SCHEMA_SECONDS)
        expected_number(f, "seconds, or a duration such as 90m,", text);
    else if (f->type == SCHEMA_CHOICE)
        words_join(f->words, text, SCHEMA_EXPECTED_SIZE);
    else if (f->type == SCHEMA_FREE)
        snprintf(text, SCHEMA_EXPECTED_SIZE, "%s", f->words[0]);
    else
        snprintf(text, SCHEMA_EXPECTED_SIZE, "%s", fixed[f->type]);
}

/* Changed, missing, added and swapped letters between two words (optimal
 * string alignment); anything long is far. */
static size_t word_distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b), rows[3][65];
    size_t *before = rows[0], *last = rows[1], *row = rows[2], *spare;

    if (m > 64 || n > 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        last[j] = j;
    for (size_t i = 1; i <= m; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t d = last[j - 1] + (a[i - 1] != b[j - 1]);

            if (last[j] + 1 < d)
                d = last[j] + 1;
            if (row[j - 1] + 1 < d)
                d = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && before[j - 2] + 1 < d)
                d = before[j - 2] + 1;
            row[j] = d;
        }
        spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[n];
}

void nearest_try(struct nearest *n, const char *candidate)
{
    size_t distance = word_distance(n->word, candidate);

    /* One slip a three letters is a misspelling; more is another word, and so
     * is everything that short. */
    if (strlen(candidate) < 3 || distance > (strlen(candidate) + 2) / 3)
        return;
    if (n->best == NULL || distance < n->distance) {
        n->best = candidate;
        n->distance = distance;
    }
}
