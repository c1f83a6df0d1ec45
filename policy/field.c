/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up fields, and sets of them as text. The index over the table is
 * made once per process. Runs in workers on names that strangers chose, and in
 * auditors' tools on entries that are trusted with nothing.
 */
#include "policy/field.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "policy/field_table.h"

#define MILLION 1000000

/* Open addressing over (parent, name); a power of two above 2 × FIELD_MAX. */
#define INDEX_SIZE 1024

static struct {
    uint16_t slots[INDEX_SIZE]; /* row + 1; rows of one key follow in order */
    uint16_t parent[FIELD_MAX];
    uint16_t members[FIELD_MAX]; /* whose members it has: itself or `like` */
    uint8_t name[FIELD_MAX];     /* where the last name begins in the path */
    int8_t number[FIELD_MAX];    /* slot, or -1 */
} field_index;

static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static uint32_t key_hash(uint16_t parent, const char *name, size_t length)
{
    uint32_t h = 2166136261u ^ parent;

    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)name[i]) * 16777619u;
    return h ^ h >> 15;
}

/* The longest other row's path that this one begins with, and a dot. */
static void row_place(uint16_t row)
{
    const char *path = field_table[row].path;

    field_index.parent[row] = FIELD_NONE;
    field_index.name[row] = 0;
    for (uint16_t i = 0; i < field_table_count; i++) {
        size_t n = strlen(field_table[i].path);

        if (strncmp(path, field_table[i].path, n) != 0 || path[n] != '.' ||
            n < field_index.name[row])
            continue;
        if (field_index.parent[row] == FIELD_NONE ||
            n + 1 > field_index.name[row]) {
            field_index.parent[row] = i;
            field_index.name[row] = (uint8_t)(n + 1);
        }
    }
}

/* Rows of one path have one parent for this: the first of the parent's. */
static uint16_t first_of_path(uint16_t row)
{
    for (uint16_t i = 0; i < row; i++)
        if (strcmp(field_table[i].path, field_table[row].path) == 0)
            return i;
    return row;
}

static void index_make(void)
{
    int8_t numbers = 0;

    for (uint16_t i = 0; i < field_table_count; i++) {
        const char *like = field_table[i].like;

        row_place(i);
        field_index.number[i] = -1;
        if (field_table[i].shape == FIELD_NUMBER)
            field_index.number[i] = numbers++;
        field_index.members[i] = first_of_path(i);
        for (uint16_t k = 0; like != NULL && k < field_table_count; k++)
            if (strcmp(field_table[k].path, like) == 0)
                field_index.members[i] = first_of_path(k);
    }
    for (uint16_t i = 0; i < field_table_count; i++) {
        uint16_t parent = field_index.parent[i];
        const char *name = field_table[i].path + field_index.name[i];
        uint32_t at = key_hash(parent, name, strlen(name));

        while (field_index.slots[at % INDEX_SIZE] != 0)
            at++;
        field_index.slots[at % INDEX_SIZE] = (uint16_t)(i + 1);
    }
}

static void index_need(void)
{
    pthread_once(&index_once, index_make);
}

size_t field_count(void)
{
    return field_table_count;
}

const struct field_info *field_info(uint16_t field)
{
    return &field_table[field < field_table_count ? field : FIELD_OTHERS];
}

uint16_t field_member(enum route route, uint16_t parent, const char *name,
                      size_t length)
{
    uint32_t at;

    index_need();
    if (parent != FIELD_NONE) {
        if (parent >= field_table_count)
            return FIELD_NONE;
        parent = field_index.members[parent];
    }
    at = key_hash(parent, name, length);
    for (uint16_t slot; (slot = field_index.slots[at % INDEX_SIZE]) != 0;
         at++) {
        uint16_t row = (uint16_t)(slot - 1);
        const char *text = field_table[row].path + field_index.name[row];

        if (field_index.parent[row] == parent && row > FIELD_PREFILL &&
            (field_table[row].routes & 1u << route) != 0 &&
            strlen(text) == length && memcmp(text, name, length) == 0)
            return row;
    }
    return FIELD_NONE;
}

uint16_t field_find(const char *path, uint16_t after)
{
    for (size_t i = after == FIELD_NONE ? 0 : after + 1u; i < field_table_count;
         i++)
        if (strcmp(field_table[i].path, path) == 0)
            return (uint16_t)i;
    return FIELD_NONE;
}

uint16_t field_of_route(enum route route, const char *path, size_t length)
{
    uint16_t top = field_member(route, FIELD_NONE, path, length);

    if (top != FIELD_NONE)
        return top;
    for (uint16_t i = 0; i < field_table_count; i++)
        if ((field_table[i].routes & 1u << route) != 0 &&
            strlen(field_table[i].path) == length &&
            memcmp(field_table[i].path, path, length) == 0)
            return i;
    return FIELD_NONE;
}

int field_number_slot(uint16_t field)
{
    index_need();
    return field < field_table_count ? field_index.number[field] : -1;
}

/* ---- sets as text ---- */

bool field_set_empty(const struct field_set *s)
{
    uint64_t any = 0;

    for (size_t i = 0; i < FIELD_WORDS; i++)
        any |= s->present[i];
    return any == 0;
}

static int text_add(char *text, size_t size, size_t *length, const char *more)
{
    size_t n = strlen(more);

    if (n >= size - *length)
        return SP_ETOOBIG;
    memcpy(text + *length, more, n);
    *length += n;
    text[*length] = 0;
    return 0;
}

static int field_print(const struct field_set *s, uint16_t field, char *text,
                       size_t size, size_t *length)
{
    int slot = field_number_slot(field), r;
    char number[FIELD_NUMBER_SIZE + 1] = "=";

    if (*length > 0 && (r = text_add(text, size, length, " ")) != 0)
        return r;
    if ((r = text_add(text, size, length, field_table[field].path)) != 0)
        return r;
    if (slot < 0)
        return 0;
    field_number_print(s->number[slot], number + 1);
    return text_add(text, size, length, number);
}

int field_set_print(const struct field_set *s, char *text, size_t size,
                    size_t *length)
{
    *length = 0;
    if (size == 0)
        return SP_ETOOBIG;
    text[0] = 0;
    for (size_t word = 0; word < FIELD_WORDS; word++)
        for (uint64_t rest = s->present[word]; rest != 0; rest &= rest - 1) {
            uint16_t field =
                (uint16_t)(word * 64 + (size_t)__builtin_ctzll(rest));

            if (field >= field_table_count ||
                field_print(s, field, text, size, length) != 0)
                return SP_ETOOBIG;
        }
    return 0;
}

/* One "path" or "path=number" of `length` bytes. */
static int field_parse(struct field_set *s, enum route route, const char *text,
                       size_t length, uint16_t *field)
{
    const char *equals = memchr(text, '=', length);
    size_t path = equals == NULL ? length : (size_t)(equals - text);
    char again[FIELD_NUMBER_SIZE];
    int slot;

    *field = field_of_route(route, text, path);
    if (*field == FIELD_NONE)
        return SP_EINVAL;
    slot = field_number_slot(*field);
    if ((slot < 0) != (equals == NULL))
        return SP_EINVAL;
    field_set_add(s, *field);
    if (slot < 0)
        return 0;
    if (field_number_parse(equals + 1, length - path - 1, &s->number[slot]) !=
        0)
        return SP_EINVAL;
    field_number_print(s->number[slot], again);
    return strlen(again) == length - path - 1 &&
                   memcmp(again, equals + 1, length - path - 1) == 0
               ? 0
               : SP_EINVAL;
}

int field_set_parse(struct field_set *s, enum route route, const char *text,
                    size_t length)
{
    const char *end = text + length;
    uint16_t last = 0;
    bool any = false;

    *s = (struct field_set){0};
    while (text < end) {
        const char *space = memchr(text, ' ', (size_t)(end - text));
        const char *stop = space == NULL ? end : space;
        uint16_t field;

        if (field_parse(s, route, text, (size_t)(stop - text), &field) != 0 ||
            (any && field <= last) || space == end - 1)
            return SP_EINVAL;
        last = field;
        any = true;
        text = space == NULL ? end : space + 1;
    }
    return 0;
}

/* ---- numbers ---- */

/* A number as it is written: its digits without the point, and where that is.
 */
struct decimal {
    bool negative, more; /* more: digits that did not fit, not all zero */
    uint64_t digits;
    int64_t exponent; /* digits × 10^exponent */
};

static bool digit_take(struct decimal *d, char c, bool fraction)
{
    unsigned v = (unsigned)(c - '0');

    if (v > 9)
        return false;
    if (d->digits > (UINT64_MAX - 9) / 10) {
        d->more = d->more || v != 0;
        d->exponent += fraction ? 0 : 1;
        return true;
    }
    d->digits = d->digits * 10 + v;
    d->exponent -= fraction ? 1 : 0;
    return true;
}

/* "e+12"; huge ones stay huge. */
static int exponent_parse(const char *text, size_t length, int64_t *exponent)
{
    bool negative = length > 0 && text[0] == '-';
    size_t i = length > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    int64_t v = 0;

    if (i == length)
        return SP_EINVAL;
    for (; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return SP_EINVAL;
        if (v < 100000)
            v = v * 10 + (text[i] - '0');
    }
    *exponent += negative ? -v : v;
    return 0;
}

static int decimal_parse(const char *text, size_t length, struct decimal *d)
{
    size_t i = length > 0 && text[0] == '-' ? 1 : 0, from;

    *d = (struct decimal){.negative = i == 1};
    for (from = i; i < length && digit_take(d, text[i], false); i++)
        ;
    if (i == from)
        return SP_EINVAL;
    if (i < length && text[i] == '.') {
        for (from = ++i; i < length && digit_take(d, text[i], true); i++)
            ;
        if (i == from)
            return SP_EINVAL;
    }
    if (i == length)
        return 0;
    if (text[i] != 'e' && text[i] != 'E')
        return SP_EINVAL;
    return exponent_parse(text + i + 1, length - i - 1, &d->exponent);
}

int field_number_parse(const char *text, size_t length, int64_t *millionths)
{
    struct decimal d;
    bool rest;
    int64_t v;

    if (decimal_parse(text, length, &d) != 0)
        return SP_EINVAL;
    rest = d.more;
    d.exponent += 6;
    for (; d.exponent < 0 && d.digits != 0; d.exponent++) {
        rest = rest || d.digits % 10 != 0;
        d.digits /= 10;
    }
    for (; d.exponent > 0 && d.digits != 0; d.exponent--)
        if (__builtin_mul_overflow(d.digits, 10u, &d.digits)) {
            d.digits = UINT64_MAX;
            break;
        }
    v = d.digits > INT64_MAX ? INT64_MAX : (int64_t)d.digits;
    if (!d.negative && rest && v < INT64_MAX)
        v++;
    *millionths = d.negative ? -v : v;
    return 0;
}

void field_number_print(int64_t millionths, char text[FIELD_NUMBER_SIZE])
{
    bool negative = millionths < 0;
    uint64_t v = negative ? -(uint64_t)millionths : (uint64_t)millionths;
    int n = snprintf(text, FIELD_NUMBER_SIZE, "%s%" PRIu64 ".%06" PRIu64,
                     negative ? "-" : "", v / MILLION, v % MILLION);

    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.')
        n--;
    text[n] = 0;
}

/* ---- the reference ---- */

static const char *const shapes[] = {
    [FIELD_LEAF] = "a text or number, or a list of them",
    [FIELD_NUMBER] = "number",
    [FIELD_BOOL] = "true or false",
    [FIELD_OBJECT] = "object",
    [FIELD_FREE] = "anything",
    [FIELD_SET] = "a text, or a list of texts, each a field",
    [FIELD_URL] = "a URL (`media` decides)",
    [FIELD_DATA] = "a file's bytes (`media` decides)",
};

static const char *const defaults[] = {
    [FIELD_PART] = "part of the request",
    [FIELD_PLAIN] = "`allow`",
    [FIELD_ONE] = "`{max: 1}`",
    [FIELD_DROPPED] = "`strip`",
    [FIELD_CLOSED] = "`deny`",
    [FIELD_NEVER] = "`deny`; cannot be allowed",
};

static void routes_write(FILE *out, uint32_t routes)
{
    bool any = false;

    for (unsigned r = 1; r < ROUTE_COUNT; r++)
        if (routes & 1u << r) {
            fprintf(out, "%s%s", any ? ", " : "",
                    route_info((enum route)r)->name);
            any = true;
        }
}

int field_reference(FILE *out)
{
    fprintf(out, "| field | of | what it is | without a rule |\n"
                 "|---|---|---|---|\n");
    for (uint16_t i = 0; i < field_table_count; i++) {
        const struct field_info *f = &field_table[i];

        fprintf(out, "| `%s` | ", f->path);
        routes_write(out, f->routes);
        fprintf(out, " | %s%s | %s |\n",
                i == FIELD_OTHERS    ? "any member that is not in this table"
                : i == FIELD_PREFILL ? "a last message of the assistant's"
                                     : shapes[f->shape],
                f->off ? "; false is as good as absent" : "",
                defaults[f->otherwise]);
    }
    return ferror(out) ? SP_EIO : 0;
}
