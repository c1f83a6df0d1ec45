/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON into a flat tape, in one pass that also validates UTF-8. No
 * recursion: while a container is open, its node's `next` holds the container
 * around it and its `end` the last member so far, so the tape is the stack.
 *
 * Runs in workers on strangers' bytes, and wherever entries are read.
 */
#include "lib/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "lib/table.h"
#include "lib/utf8.h"

/* No honest number is longer; a longer one could cost a reader much. */
#define NUMBER_MAX 64
/* Up to so many members each name is compared with each; past it, hashed. So
 * are escaped ones: comparing them is slow, and 16 that differ only at their
 * end would hold up a worker for a second. */
#define FEW_MEMBERS 16

struct parser {
    struct json *j;
    const uint8_t *text;
    size_t at;
    size_t end;
    size_t max_depth;
    size_t max_nodes;
};

static int parser_fail(struct parser *p, enum json_fault fault, size_t offset)
{
    p->j->fault = fault;
    p->j->fault_offset = offset;
    switch (fault) {
    case JSON_NO_MEMORY:
        return SP_ENOMEM;
    case JSON_TOO_DEEP:
    case JSON_TOO_LARGE:
        return SP_ETOOBIG;
    case JSON_FINE:
    case JSON_SYNTAX:
    case JSON_BAD_UTF8:
    case JSON_DUPLICATE_NAME:
    case JSON_TRAILING:
    default:
        return SP_EINVAL;
    }
}

static void parser_skip_space(struct parser *p)
{
    size_t from = p->at;

    /* Machines write none: mostly this is all. */
    if (p->at < p->end && p->text[p->at] > ' ')
        return;
    while (p->at < p->end) {
        uint8_t c = p->text[p->at];

        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        p->at++;
    }
    if (p->at != from)
        p->j->spaced = true;
}

static int nodes_grow(struct parser *p)
{
    struct json *j = p->j;
    size_t capacity = j->capacity == 0 ? 64 : j->capacity * 2;
    struct json_node *nodes = realloc(j->nodes, capacity * sizeof *nodes);

    if (nodes == NULL)
        return parser_fail(p, JSON_NO_MEMORY, p->at);
    j->nodes = nodes;
    j->capacity = capacity;
    return 0;
}

/* Takes a node from the tape. */
static int node_add(struct parser *p, enum json_type type, uint32_t *index)
{
    struct json *j = p->j;
    int r;

    if (j->count >= p->max_nodes)
        return parser_fail(p, JSON_TOO_LARGE, p->at);
    if (j->count == j->capacity && (r = nodes_grow(p)) != 0)
        return r;
    *index = (uint32_t)j->count++;
    j->nodes[*index] =
        (struct json_node){.type = (uint8_t)type, .start = (uint32_t)p->at};
    return 0;
}

/* The first position ≥ `at` that needs a look: a quote, a backslash, a control
 * byte, a byte outside ASCII, or the end. Long strings spend their time here.
 */
static size_t plain_run(const uint8_t *text, size_t at, size_t end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);

    for (; at + 16 <= end; at += 16) {
        __m128i v, stop;
        unsigned mask;

        v = _mm_loadu_si128((const __m128i *)(const void *)(text + at));
        stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, back));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        /* The sign bit of each byte says "not ASCII". */
        mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(stop, v));
        if (mask != 0)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    for (; at < end; at++) {
        uint8_t c = text[at];

        if (c == '"' || c == '\\' || c < 0x20 || c >= 0x80)
            break;
    }
    return at;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits, or -1. */
static int32_t hex_unit(const uint8_t *p)
{
    int32_t value = 0;

    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* A backslash at `at`: steps over the escape, both halves of a pair. */
static int escape_skip(struct parser *p)
{
    size_t at = p->at;
    int32_t unit;

    if (p->end - at < 2)
        return parser_fail(p, JSON_SYNTAX, at);
    if (p->text[at + 1] != 'u') {
        if (p->text[at + 1] == 0 || !strchr("\"\\/bfnrt", p->text[at + 1]))
            return parser_fail(p, JSON_SYNTAX, at);
        p->at += 2;
        return 0;
    }
    if (p->end - at < 6 || (unit = hex_unit(p->text + at + 2)) < 0)
        return parser_fail(p, JSON_SYNTAX, at);
    p->at += 6;
    if (unit < 0xd800 || unit > 0xdfff)
        return 0;
    /* A surrogate: only a high one with a low one right behind it. */
    if (unit > 0xdbff || p->end - at < 12 || p->text[at + 6] != '\\' ||
        p->text[at + 7] != 'u')
        return parser_fail(p, JSON_BAD_UTF8, at);
    unit = hex_unit(p->text + at + 8);
    if (unit < 0xdc00 || unit > 0xdfff)
        return parser_fail(p, JSON_BAD_UTF8, at);
    p->at += 6;
    return 0;
}

/* At the opening quote. */
static int string_parse(struct parser *p, uint32_t *index)
{
    bool escaped = false;
    size_t n;
    int r;

    if ((r = node_add(p, JSON_STRING, index)) != 0)
        return r;
    p->at++;
    for (;;) {
        p->at = plain_run(p->text, p->at, p->end);
        if (p->at == p->end)
            return parser_fail(p, JSON_SYNTAX, p->at);
        if (p->text[p->at] == '"')
            break;
        if (p->text[p->at] == '\\') {
            escaped = true;
            if ((r = escape_skip(p)) != 0)
                return r;
        } else if (p->text[p->at] < 0x20) {
            return parser_fail(p, JSON_SYNTAX, p->at);
        } else {
            /* Scripts other than Latin come in runs: stay here. */
            while (p->at < p->end && p->text[p->at] >= 0x80) {
                n = utf8_length(p->text + p->at, p->end - p->at);
                if (n == 0)
                    return parser_fail(p, JSON_BAD_UTF8, p->at);
                p->at += n;
            }
        }
    }
    p->at++;
    p->j->nodes[*index].escaped = escaped;
    p->j->nodes[*index].end = (uint32_t)p->at;
    return 0;
}

static size_t digits_skip(struct parser *p)
{
    size_t from = p->at;

    while (p->at < p->end && p->text[p->at] >= '0' && p->text[p->at] <= '9')
        p->at++;
    return p->at - from;
}

/* Above what a double holds readers differ: infinity, the largest number, an
 * error. Without an exponent NUMBER_MAX digits are far below. */
static bool number_is_large(const struct parser *p, size_t from)
{
    char text[NUMBER_MAX + 1];

    memcpy(text, p->text + from, p->at - from);
    text[p->at - from] = 0;
    return isinf(strtod(text, NULL));
}

static int number_parse(struct parser *p, uint32_t *index)
{
    size_t from = p->at;
    bool exponent = false;
    int r;

    if ((r = node_add(p, JSON_NUMBER, index)) != 0)
        return r;
    if (p->text[p->at] == '-')
        p->at++;
    if (p->at < p->end && p->text[p->at] == '0')
        p->at++; /* and no digit may follow: caught by whoever reads on */
    else if (digits_skip(p) == 0)
        return parser_fail(p, JSON_SYNTAX, p->at);
    if (p->at < p->end && p->text[p->at] == '.') {
        p->at++;
        if (digits_skip(p) == 0)
            return parser_fail(p, JSON_SYNTAX, p->at);
    }
    if (p->at < p->end && (p->text[p->at] | 0x20) == 'e') {
        exponent = true;
        p->at++;
        if (p->at < p->end && (p->text[p->at] == '+' || p->text[p->at] == '-'))
            p->at++;
        if (digits_skip(p) == 0)
            return parser_fail(p, JSON_SYNTAX, p->at);
    }
    if (p->at - from > NUMBER_MAX || (exponent && number_is_large(p, from)))
        return parser_fail(p, JSON_TOO_LARGE, from);
    p->j->nodes[*index].end = (uint32_t)p->at;
    return 0;
}

static int word_parse(struct parser *p, uint32_t *index)
{
    static const struct {
        const char *text;
        size_t length;
        enum json_type type;
    } words[] = {{"null", 4, JSON_NULL},
                 {"true", 4, JSON_TRUE},
                 {"false", 5, JSON_FALSE}};
    int r;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (p->end - p->at < words[i].length ||
            memcmp(p->text + p->at, words[i].text, words[i].length) != 0)
            continue;
        if ((r = node_add(p, words[i].type, index)) != 0)
            return r;
        p->at += words[i].length;
        p->j->nodes[*index].end = (uint32_t)p->at;
        return 0;
    }
    return parser_fail(p, JSON_SYNTAX, p->at);
}

/* Reads the bytes of a string node one at a time, unescaped. */
struct cursor {
    const uint8_t *p, *end;
    uint8_t pending[4];
    size_t npending, used;
};

static void cursor_init(struct cursor *c, const struct json *j, uint32_t node)
{
    const struct json_node *s = &j->nodes[node];

    c->p = (const uint8_t *)j->text + s->start + 1;
    c->end = (const uint8_t *)j->text + s->end - 1;
    c->npending = c->used = 0;
}

/* The escape was validated when it was parsed. */
static void cursor_unescape(struct cursor *c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t point;

    c->used = 0;
    if (c->p[1] != 'u') {
        c->pending[0] = (uint8_t)to[strchr(from, c->p[1]) - from];
        c->npending = 1;
        c->p += 2;
        return;
    }
    point = (uint32_t)hex_unit(c->p + 2);
    c->p += 6;
    if (point >= 0xd800 && point <= 0xdbff) {
        point = 0x10000 + ((point - 0xd800) << 10) +
                ((uint32_t)hex_unit(c->p + 2) - 0xdc00);
        c->p += 6;
    }
    c->npending = utf8_put(point, c->pending);
}

/* The next byte, or -1 at the end. */
static int cursor_next(struct cursor *c)
{
    if (c->used == c->npending) {
        if (c->p == c->end)
            return -1;
        if (*c->p != '\\')
            return *c->p++;
        cursor_unescape(c);
    }
    return c->pending[c->used++];
}

static bool strings_equal(const struct json *j, uint32_t a, uint32_t b)
{
    const struct json_node *x = &j->nodes[a], *y = &j->nodes[b];
    struct cursor c, d;
    int byte;

    if (!x->escaped && !y->escaped)
        return x->end - x->start == y->end - y->start &&
               memcmp(j->text + x->start, j->text + y->start,
                      x->end - x->start) == 0;
    cursor_init(&c, j, a);
    cursor_init(&d, j, b);
    do {
        byte = cursor_next(&c);
        if (byte != cursor_next(&d))
            return false;
    } while (byte >= 0);
    return true;
}

static int name_hash(struct parser *p, uint32_t name, uint64_t *hash)
{
    const struct json_node *s = &p->j->nodes[name];
    uint8_t *plain;
    size_t n = 0;
    struct cursor c;
    int byte;

    if (!s->escaped) {
        *hash = table_hash(p->text + s->start + 1, s->end - s->start - 2);
        return 0;
    }
    /* Unescaped text is never longer than what was written. */
    plain = malloc(s->end - s->start);
    if (plain == NULL)
        return parser_fail(p, JSON_NO_MEMORY, s->start);
    cursor_init(&c, p->j, name);
    while ((byte = cursor_next(&c)) >= 0)
        plain[n++] = (uint8_t)byte;
    *hash = table_hash(plain, n);
    free(plain);
    return 0;
}

/* Names without escapes; few are as long as another and begin like it. */
static bool names_equal(const struct parser *p, const struct json_node *x,
                        const struct json_node *y)
{
    size_t length = x->end - x->start;

    return y->end - y->start == length &&
           p->text[x->start + 1] == p->text[y->start + 1] &&
           memcmp(p->text + x->start, p->text + y->start, length) == 0;
}

static int duplicates_among_few(struct parser *p, uint32_t first)
{
    const struct json_node *nodes = p->j->nodes;

    for (uint32_t a = first; a != 0; a = nodes[a].next) {
        const struct json_node *name = &nodes[nodes[a].name];

        for (uint32_t b = first; b != a; b = nodes[b].next)
            if (names_equal(p, name, &nodes[nodes[b].name]))
                return parser_fail(p, JSON_DUPLICATE_NAME, name->start);
    }
    return 0;
}

static int duplicates_among_many(struct parser *p, uint32_t first, size_t count)
{
    const struct json_node *nodes = p->j->nodes;
    struct slot {
        uint64_t hash;
        uint32_t name;
    } *slots = NULL;
    size_t size = 64, i;
    uint64_t hash;
    int r = 0;

    while (size < count * 2)
        size *= 2;
    slots = calloc(size, sizeof *slots);
    if (slots == NULL)
        return parser_fail(p, JSON_NO_MEMORY, p->at);
    for (uint32_t m = first; m != 0; m = nodes[m].next) {
        if ((r = name_hash(p, nodes[m].name, &hash)) != 0)
            goto out;
        for (i = hash & (size - 1); slots[i].name != 0;
             i = (i + 1) & (size - 1))
            if (slots[i].hash == hash &&
                strings_equal(p->j, slots[i].name, nodes[m].name)) {
                r = parser_fail(p, JSON_DUPLICATE_NAME,
                                nodes[nodes[m].name].start);
                goto out;
            }
        slots[i].hash = hash;
        slots[i].name = nodes[m].name;
    }
out:
    free(slots);
    return r;
}

static bool names_escaped(const struct json *j, uint32_t first)
{
    for (uint32_t m = first; m != 0; m = j->nodes[m].next)
        if (j->nodes[j->nodes[m].name].escaped)
            return true;
    return false;
}

/* Behind the closing bracket of `index`: *index becomes the one around it. */
static int container_close(struct parser *p, uint32_t *index)
{
    struct json_node *n = &p->j->nodes[*index];
    uint32_t around = n->next;
    int r;

    p->at++;
    n->end = (uint32_t)p->at;
    n->next = 0;
    if (n->type == JSON_OBJECT && n->count > 1) {
        if (n->count <= FEW_MEMBERS && !names_escaped(p->j, n->child))
            r = duplicates_among_few(p, n->child);
        else
            r = duplicates_among_many(p, n->child, n->count);
        if (r != 0)
            return r;
    }
    *index = around;
    return 0;
}

/* Makes `index` the last member of the open container. */
static void container_append(struct json *j, uint32_t container, uint32_t index)
{
    struct json_node *c = &j->nodes[container];

    if (c->child == 0)
        c->child = index;
    else
        j->nodes[c->end].next = index;
    c->end = index;
    c->count++;
}

/* U+0000 can only be written as an escape. */
static bool string_has_zero(const struct parser *p, uint32_t node)
{
    const struct json_node *n = &p->j->nodes[node];

    for (size_t i = n->start; n->escaped && i + 5 < n->end; i++)
        if (p->text[i] == '\\') {
            if (memcmp(p->text + i + 1, "u0000", 5) == 0)
                return true;
            i++; /* a backslash behind this one begins nothing */
        }
    return false;
}

/* A member's name and colon. Where names are C strings, one with U+0000 ends
 * early and is another's. */
static int name_parse(struct parser *p, uint32_t *name)
{
    int r;

    if (p->at == p->end || p->text[p->at] != '"')
        return parser_fail(p, JSON_SYNTAX, p->at);
    if ((r = string_parse(p, name)) != 0)
        return r;
    if (string_has_zero(p, *name))
        return parser_fail(p, JSON_SYNTAX, p->j->nodes[*name].start);
    parser_skip_space(p);
    if (p->at == p->end || p->text[p->at] != ':')
        return parser_fail(p, JSON_SYNTAX, p->at);
    p->at++;
    parser_skip_space(p);
    return 0;
}

/* One value's beginning; *opened says that it is a container. */
static int value_parse(struct parser *p, uint32_t *index, bool *opened)
{
    uint8_t c;
    int r;

    *opened = false;
    if (p->at == p->end)
        return parser_fail(p, JSON_SYNTAX, p->at);
    c = p->text[p->at];
    if (c == '"')
        return string_parse(p, index);
    if (c == '{' || c == '[') {
        *opened = true;
        if ((r = node_add(p, c == '{' ? JSON_OBJECT : JSON_ARRAY, index)) != 0)
            return r;
        p->at++;
        return 0;
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return number_parse(p, index);
    return word_parse(p, index);
}

/* After a value in `container`: a comma before the next one, or its end (and
 * perhaps that of those around it). *open is false when all are closed. */
static int value_follow(struct parser *p, uint32_t *container, size_t *depth)
{
    while (*depth > 0) {
        bool object = p->j->nodes[*container].type == JSON_OBJECT;
        int r;

        parser_skip_space(p);
        if (p->at == p->end)
            return parser_fail(p, JSON_SYNTAX, p->at);
        if (p->text[p->at] == ',') {
            p->at++;
            parser_skip_space(p);
            return 0;
        }
        if (p->text[p->at] != (object ? '}' : ']'))
            return parser_fail(p, JSON_SYNTAX, p->at);
        if ((r = container_close(p, container)) != 0)
            return r;
        (*depth)--;
    }
    return 0;
}

/* `index` was just opened within `container` at `depth`. An empty one is
 * closed at once; then *depth is what it was. */
static int container_open(struct parser *p, uint32_t *container, uint32_t index,
                          size_t *depth)
{
    struct json_node *n = &p->j->nodes[index];
    char closing = n->type == JSON_OBJECT ? '}' : ']';

    if (*depth == p->max_depth)
        return parser_fail(p, JSON_TOO_DEEP, n->start);
    n->next = *container;
    *container = index;
    (*depth)++;
    parser_skip_space(p);
    if (p->at < p->end && p->text[p->at] == closing)
        return value_follow(p, container, depth);
    return 0;
}

static int document_parse(struct parser *p)
{
    uint32_t container = 0, index = 0, name = 0;
    size_t depth = 0;
    bool opened;
    int r;

    parser_skip_space(p);
    do {
        name = 0;
        if (depth > 0 && p->j->nodes[container].type == JSON_OBJECT &&
            (r = name_parse(p, &name)) != 0)
            return r;
        if ((r = value_parse(p, &index, &opened)) != 0)
            return r;
        p->j->nodes[index].name = name;
        if (depth > 0)
            container_append(p->j, container, index);
        r = opened ? container_open(p, &container, index, &depth)
                   : value_follow(p, &container, &depth);
        if (r != 0)
            return r;
    } while (depth > 0);
    parser_skip_space(p);
    if (p->at != p->end)
        return parser_fail(p, JSON_TRAILING, p->at);
    return 0;
}

int json_parse(struct json *j, const char *text, size_t length,
               size_t max_depth, size_t max_nodes)
{
    struct parser p = {.j = j,
                       .text = (const uint8_t *)text,
                       .end = length,
                       .max_depth = max_depth,
                       .max_nodes = max_nodes};
    int r;

    j->text = text;
    j->length = length;
    j->count = 0;
    j->spaced = false;
    j->fault = JSON_FINE;
    j->fault_offset = 0;
    if (length >= UINT32_MAX)
        return parser_fail(&p, JSON_TOO_LARGE, 0);
    r = document_parse(&p);
    if (r != 0)
        j->count = 0;
    return r;
}

void json_release(struct json *j)
{
    free(j->nodes);
    *j = (struct json){0};
}

const char *json_fault_text(enum json_fault fault)
{
    static const char *const texts[] = {
        [JSON_FINE] = "fine",
        [JSON_SYNTAX] = "not JSON",
        [JSON_BAD_UTF8] = "not UTF-8, or half of a surrogate pair",
        [JSON_DUPLICATE_NAME] = "a name twice in one object",
        [JSON_TOO_DEEP] = "nested too deeply",
        [JSON_TOO_LARGE] = "too many values, or too long or large a number",
        [JSON_TRAILING] = "bytes behind the value",
        [JSON_NO_MEMORY] = "out of memory",
    };

    return (size_t)fault < sizeof texts / sizeof texts[0] ? texts[fault]
                                                          : "unknown";
}

uint32_t json_member(const struct json *j, uint32_t object, const char *name)
{
    if (object >= j->count || j->nodes[object].type != JSON_OBJECT)
        return 0;
    for (uint32_t m = j->nodes[object].child; m != 0; m = j->nodes[m].next)
        if (json_equals(j, j->nodes[m].name, name))
            return m;
    return 0;
}

bool json_equals(const struct json *j, uint32_t node, const char *text)
{
    size_t length = strlen(text);
    const struct json_node *s;
    struct cursor c;

    if (node >= j->count || j->nodes[node].type != JSON_STRING)
        return false;
    s = &j->nodes[node];
    if (!s->escaped)
        return s->end - s->start - 2 == length &&
               memcmp(j->text + s->start + 1, text, length) == 0;
    cursor_init(&c, j, node);
    for (size_t i = 0; i < length; i++)
        if (cursor_next(&c) != (uint8_t)text[i])
            return false;
    return cursor_next(&c) < 0;
}

int json_text(const struct json *j, uint32_t node, char *out, size_t size)
{
    struct cursor c;
    size_t n = 0;
    int byte;

    if (size == 0)
        return SP_ETOOBIG;
    out[0] = 0;
    if (node >= j->count || j->nodes[node].type != JSON_STRING)
        return SP_EINVAL;
    cursor_init(&c, j, node);
    while ((byte = cursor_next(&c)) >= 0) {
        if (byte == 0 || n + 1 == size) {
            out[0] = 0;
            return SP_ETOOBIG;
        }
        out[n++] = (char)byte;
    }
    out[n] = 0;
    return 0;
}

size_t json_text_bytes(const struct json *j, uint32_t node)
{
    const struct json_node *s;
    struct cursor c;
    size_t n = 0;

    if (node >= j->count || j->nodes[node].type != JSON_STRING)
        return 0;
    s = &j->nodes[node];
    if (!s->escaped)
        return s->end - s->start - 2;
    cursor_init(&c, j, node);
    while (cursor_next(&c) >= 0)
        n++;
    return n;
}

int json_int(const struct json *j, uint32_t node, int64_t *value)
{
    const char *p, *end;
    bool negative;
    int64_t v = 0;

    if (node >= j->count || j->nodes[node].type != JSON_NUMBER)
        return SP_EINVAL;
    p = j->text + j->nodes[node].start;
    end = j->text + j->nodes[node].end;
    negative = *p == '-';
    if (memchr(p, '.', (size_t)(end - p)) ||
        memchr(p, 'e', (size_t)(end - p)) || memchr(p, 'E', (size_t)(end - p)))
        return SP_EINVAL;
    for (p += negative; p < end; p++) {
        /* Downwards, for the smallest number has no positive twin. */
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, *p - '0', &v))
            return SP_ERANGE;
    }
    if (!negative && v == INT64_MIN)
        return SP_ERANGE;
    *value = negative ? v : -v;
    return 0;
}

/* What stands for one character of `n` bytes at `p`; n = 0: a bad byte. */
static size_t quote_one(const uint8_t *p, size_t n, char out[8])
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    static const char hex[] = "0123456789abcdef";
    const char *special;

    if (n == 0) {
        memcpy(out, "\xef\xbf\xbd", 3);
        return 3;
    }
    if (n > 1 || (p[0] >= 0x20 && p[0] != '"' && p[0] != '\\')) {
        memcpy(out, p, n);
        return n;
    }
    out[0] = '\\';
    if (p[0] != 0 && (special = strchr(from, p[0])) != NULL) {
        out[1] = to[special - from];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[p[0] >> 4];
    out[5] = hex[p[0] & 15];
    return 6;
}

/* How many bytes in front stand for themselves; mostly that is all of them. */
static size_t quote_plain(const uint8_t *p, size_t length)
{
    size_t n = 0;

    while (n < length && p[n] >= 0x20 && p[n] < 0x80 && p[n] != '"' &&
           p[n] != '\\')
        n++;
    return n;
}

int json_quote(char *out, size_t size, size_t *length, const char *text,
               size_t text_length)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t at = *length, n, k;
    char piece[8];

    if (at >= size)
        return SP_ETOOBIG;
    out[at++] = '"';
    for (size_t i = 0; i < text_length; i += n == 0 ? 1 : n) {
        const void *from = p + i;

        n = k = quote_plain(p + i, text_length - i);
        if (n == 0) {
            n = utf8_length(p + i, text_length - i);
            k = quote_one(p + i, n, piece);
            from = piece;
        }
        if (k > size - at)
            return SP_ETOOBIG;
        memcpy(out + at, from, k);
        at += k;
    }
    if (at >= size)
        return SP_ETOOBIG;
    out[at++] = '"';
    *length = at;
    return 0;
}
