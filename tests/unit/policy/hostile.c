/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/hostile.h"

#include <stdio.h>
#include <string.h>

#include "lib/limits.h"

unsigned hostile_any(struct hostile *h, unsigned below)
{
    h->seed = h->seed * 1664525u + 1013904223u;
    return (unsigned)(((uint64_t)(h->seed >> 4) * below) >> 28);
}

/* Puts `piece` in the place of `cut` bytes; nothing if there is no room. */
static void splice(struct text *t, size_t at, size_t cut, const char *piece,
                   size_t length)
{
    if (at + cut > t->length || t->length - cut + length > HOSTILE_BYTES)
        return;
    memmove(t->data + at + length, t->data + at + cut, t->length - at - cut);
    memcpy(t->data + at, piece, length);
    t->length += length;
    t->length -= cut;
    t->data[t->length] = 0;
}

static void insert(struct text *t, size_t at, const char *piece)
{
    splice(t, at, 0, piece, strlen(piece));
}

/* What readers disagree about, as members, values and bytes. */
static const char *const members[] = {
    "\"model\":\"secret\",",
    "\"mod\\u0065l\":\"secret\",",
    "\"MODEL\":\"secret\",",
    "\"model\\u0000\":\"secret\",",
    "\"n\":1,\"n\":2,",
    "\"n\":1e0,",
    "\"n\":0.1e1,",
    "\"n\":1.0000000000000000000000000000000000000001,",
    "\"n\":-0,",
    "\"n\":1E400,",
    "\"n\":0.00000000000000000000000000000000000000000001,",
    "\"n\":9007199254740993,",
    "\"seed\":18446744073709551617,",
    "\"seed\":-9223372036854775809,",
    "\"seed\":1e-400,",
    "\"temperature\":0.1,",
    "\"temperature\":1.7976931348623159e308,",
    "\"temperature\":2E+0,",
    "\"max_tokens\":1e2,",
    "\"max_tokens\":9007199254740992,",
    "\"max_tokens\":5.0,",
    "\"max_completion_tokens\":0,\"max_tokens\":9,",
    "\"max_completion_tokens\":7,",
    "\"stream\":true,",
    "\"stream\":false,",
    "\"stream\":null,",
    "\"stream\":1,",
    "\"\\u0073tream\":true,",
    "\"user\":\"\\ud83d\\ude00\",",
    "\"user\":\"\\ud800\",",
    "\"user\":\"\\u0000\",",
    "\"user\":\"\xf0\x9f\x98\x80\",",
    "\"user\":\"\xed\xa0\x80\",",
    "\"user\":\"\xc0\x80\",",
    "\"user\":\"\\/\\b\\f\\n\\r\\t\\\"\\\\\",",
    "\"user\":\"\x7f\xc2\x80\xe2\x80\xa8\",",
    "\"metadata\":{\"a\":1,\"a\":2},",
    "\"metadata\":{\"a\":1,\"\\u0061\":2},",
    "\"metadata\":{\"__proto__\":{\"model\":\"secret\"}},",
    "\"metadata\":{\"\":1,\"toString\":2},",
    "\"__proto__\":{\"model\":\"secret\"},",
    "\"constructor\":1,",
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"parameters\":{\"type\":\"object\",\"x\":[1e5,{}]}}}],",
    "\"tools\":[{\"type\":\"mcp\",\"server_url\":\"https://x\"}],",
    "\"tools\":[{\"typ\\u0065\":\"mcp\"}],",
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"a\":"
    "[[[[[[[[]]]]]]]]}},",
    "\"stop\":[\"a\",\"b\"],",
    "\"store\":false,",
    "\"logprobs\":true,",
    "\"stream_options\":{\"include_usage\":false},",
    "\"reasoning_effort\":\"low\",",
    "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},",
    "\"thinking\":[{\"budget_tokens\":4096},{\"budget_tokens\":2}],",
};
static const char *const bits[] = {
    "\xef\xbb\xbf",
    " ",
    "\t",
    "\r\n",
    "\x0c",
    "\xc2\xa0",
    ",",
    "/**/",
    "//\n",
    "\\",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "\\u0022",
    "\\ud800",
    "\\u00",
    "NaN",
    "Infinity",
    "01",
    "1.",
    ".5",
    "+1",
    "0x1",
    "1e",
    "1e5",
    "-0",
    "null",
    "true",
    "'",
    ";",
    "\x01",
    "\xff",
    "\xc0\xaf",
    "\xe2\x80\xa8",
    "undefined",
};
static const char *const numbers[] = {
    "0",
    "-0",
    "-0.0",
    "0e0",
    "1e0",
    "1E+2",
    "0.1e1",
    "1.0",
    "2.5",
    "-1",
    "1.0000000000000000000000000000000000000001",
    "0.00000000000000000000000000000000000000000001",
    "2147483648",
    "4294967297",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551617",
    "1111111111111111111111111111111111111111111111111111111111111111",
    "11111111111111111111111111111111111111111111111111111111111111111",
    "0.30000000000000004",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "-1e309",
    "1E400",
    "4.9e-324",
    "2e-324",
    "1e-400",
    "-1e-400",
    "1e-99999999999999999999",
    "0e99999999999999999999",
    "1e99999999999999999999",
};
static const char *const values[] = {
    "null",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[{}]",
    "{\"type\":\"text\"}",
    "\"data:image/png;base64,AAAA\"",
    "\"DATA:text/plain,a\"",
    "\"d\\u0061ta:,a\"",
    "\"https://x.test/a\"",
    "\"assistant\"",
    "\"assist\\u0061nt\"",
    "\"text\"",
    "\"t\\u0065xt\"",
    "[{\"type\":\"function\"},{\"type\":\"custom\"}]",
    "[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]",
    "[\"a\",\"b\"]",
};
/* Within a text, or a name. */
static const char *const pieces[] = {
    "\\u0000",
    "\\\\u0000",
    "\\ud83d\\ude00",
    "\\uD83D\\uDE00",
    "\\ud800",
    "\\udc00",
    "\\ude00\\ud83d",
    "\\ud800\\ud800",
    "\\ud800\\u0041",
    "\\uDBFF\\uDFFF",
    "\\uffff",
    "\\ufeff",
    "\xef\xbb\xbf",
    "\xf0\x9f\x98\x80",
    "\xf4\x8f\xbf\xbf",
    "\xf4\x90\x80\x80",
    "\xed\xa0\x80",
    "\xed\xa0\xbd\xed\xb8\x80",
    "\xc0\x80",
    "\xc0\xaf",
    "\xe0\x80\xaf",
    "\xf5\x80\x80\x80",
    "\xe2\x82",
    "\x80",
    "\xff",
    "\xe2\x80\xa8",
    "\x7f",
    "\x01",
    "\t",
    "\\\"",
    "\\\\",
    "\\/",
    "\\b\\f\\n\\r\\t",
    "\\u001F",
    "\\u0022",
    "\\u005c",
    "\\x41",
    "\\u00g0",
    "\\U0041",
    "\\",
};
#define PICK(h, list) (list)[hostile_any(h, sizeof(list) / sizeof *(list))]

/* ---- by bytes ---- */

/* A place of one of `chars`, or the length. */
static size_t place_of(struct hostile *h, const struct text *t,
                       const char *chars)
{
    size_t start = hostile_any(h, (unsigned)t->length + 1);

    for (size_t i = 0; i < t->length; i++) {
        size_t at = (start + i) % t->length;

        if (strchr(chars, t->data[at]) != NULL && t->data[at] != 0)
            return at;
    }
    return t->length;
}

static void byte_flip(struct hostile *h, struct text *t)
{
    size_t at = hostile_any(h, (unsigned)t->length);
    char one = (char)(t->data[at] ^ (1 << hostile_any(h, 8)));

    splice(t, at, 1, &one, 1);
}

static void bits_put(struct hostile *h, struct text *t)
{
    static const size_t ends = 3; /* marks and trailing bytes are at the ends */
    unsigned where = hostile_any(h, ends);
    size_t at = where == 0   ? 0
                : where == 1 ? t->length
                             : hostile_any(h, (unsigned)t->length + 1);

    insert(t, at, PICK(h, bits));
}

static void space_put(struct hostile *h, struct text *t)
{
    insert(t, place_of(h, t, ",:{}[]"),
           hostile_any(h, 2) == 0 ? " " : "\n\t\r ");
}

static void bytes_cut(struct hostile *h, struct text *t)
{
    splice(t, hostile_any(h, (unsigned)t->length), 1 + hostile_any(h, 3), "",
           0);
}

static void letter_escape(struct hostile *h, struct text *t, size_t at)
{
    char escape[8];

    if (t->data[at] < 'a' || t->data[at] > 'z')
        return;
    snprintf(escape, sizeof escape,
             hostile_any(h, 2) == 0 ? "\\u%04x" : "\\u%04X",
             (unsigned)t->data[at]);
    splice(t, at, 1, escape, 6);
}

static void any_letter_escape(struct hostile *h, struct text *t)
{
    letter_escape(h, t, hostile_any(h, (unsigned)t->length));
}

static void deeper(struct hostile *h, struct text *t)
{
    size_t at = place_of(h, t, "0123456789");

    for (unsigned i = hostile_any(h, 80); i > 0 && at < t->length; i--)
        insert(t, at, "[");
}

/* A member that is known to be trouble, at any depth. */
static void member_put(struct hostile *h, struct text *t)
{
    size_t at = place_of(h, t, "{");

    if (at < t->length)
        insert(t, hostile_any(h, 3) == 0 ? at + 1 : 1, PICK(h, members));
}

/* ---- by members ---- */

/* A node of a body that reads, as `wanted` says; 0: there is none. */
static uint32_t node_pick(struct hostile *h, const struct json *j,
                          bool (*wanted)(const struct json_node *))
{
    uint32_t start = j->count == 0 ? 0 : hostile_any(h, (unsigned)j->count);

    for (uint32_t i = 0; i < j->count; i++) {
        uint32_t at = (start + i) % (uint32_t)j->count;

        if (at != 0 && wanted(&j->nodes[at]))
            return at;
    }
    return 0;
}

static bool is_member(const struct json_node *n)
{
    return n->name != 0;
}

static bool is_number(const struct json_node *n)
{
    return n->type == JSON_NUMBER;
}

static bool is_text(const struct json_node *n)
{
    return n->type == JSON_STRING;
}

static bool is_object(const struct json_node *n)
{
    return n->type == JSON_OBJECT;
}

static bool is_any(const struct json_node *n)
{
    (void)n;
    return true;
}

static void node_replace(struct hostile *h, struct text *t, uint32_t node,
                         const char *by)
{
    const struct json_node *n = &h->json.nodes[node];

    splice(t, n->start, n->end - n->start, by, strlen(by));
}

/* The same name again behind it, as it is or escaped, with this value or
 * another: at whatever depth the member is. */
static void member_double(struct hostile *h, struct text *t)
{
    uint32_t node = node_pick(h, &h->json, is_member);
    const struct json_node *n = &h->json.nodes[node];
    size_t name = h->json.nodes[n->name].start, length;
    struct text copy;

    if (node == 0)
        return;
    length = h->json.nodes[n->name].end - name;
    memcpy(copy.data, t->data + name, length + 1);
    copy.length = length;
    if (hostile_any(h, 2) == 0 && length > 2)
        letter_escape(h, &copy, 1 + hostile_any(h, (unsigned)length - 2));
    insert(&copy, 0, ",");
    insert(&copy, copy.length, ":");
    if (hostile_any(h, 2) == 0)
        insert(&copy, copy.length, PICK(h, values));
    else
        splice(&copy, copy.length, 0, t->data + n->start, n->end - n->start);
    splice(t, n->end, 0, copy.data, copy.length);
}

static void value_change(struct hostile *h, struct text *t)
{
    uint32_t node = node_pick(h, &h->json, is_member);

    if (node != 0)
        node_replace(h, t, node, PICK(h, values));
}

static void number_change(struct hostile *h, struct text *t)
{
    uint32_t node = node_pick(h, &h->json, is_number);

    if (node != 0)
        node_replace(h, t, node, PICK(h, numbers));
}

static void text_change(struct hostile *h, struct text *t)
{
    uint32_t node = node_pick(h, &h->json, is_text);
    const struct json_node *n = &h->json.nodes[node];

    if (node != 0) /* names are nodes of their own, and texts, too */
        insert(t, n->start + 1 + hostile_any(h, n->end - n->start - 1),
               PICK(h, pieces));
}

/* A letter of a name escaped, or a capital. */
static void name_change(struct hostile *h, struct text *t)
{
    uint32_t node = node_pick(h, &h->json, is_member);
    const struct json_node *name = &h->json.nodes[h->json.nodes[node].name];
    size_t at;

    if (node == 0 || name->end - name->start < 3)
        return;
    at = name->start + 1 + hostile_any(h, name->end - name->start - 2);
    if (hostile_any(h, 3) != 0)
        letter_escape(h, t, at);
    else if (t->data[at] >= 'a' && t->data[at] <= 'z')
        t->data[at] = (char)(t->data[at] - 'a' + 'A');
}

/* Lists around a value, or one member objects, up to the limit and past it. */
static void value_wrap(struct hostile *h, struct text *t)
{
    uint32_t node = node_pick(h, &h->json, is_any);
    bool object = hostile_any(h, 2) == 0;
    unsigned levels = 1 + hostile_any(h, hostile_any(h, 2) == 0 ? 3 : 80);
    size_t start = h->json.nodes[node].start, end = h->json.nodes[node].end;

    if (node == 0 || t->length + levels * 6 > HOSTILE_BYTES)
        return;
    for (unsigned i = 0; i < levels; i++)
        insert(t, end, object ? "}" : "]");
    for (unsigned i = 0; i < levels; i++)
        insert(t, start, object ? "{\"k\":" : "[");
}

/* A member of another body, in any object of this one. */
static void member_graft(struct hostile *h, struct text *t,
                         const struct text *donor)
{
    uint32_t node = node_pick(h, &h->json, is_object), from;
    const struct json_node *n, *object = &h->json.nodes[node];
    struct text copy = {.length = 0};
    size_t name;

    if (json_parse(&h->other, donor->data, donor->length, LIMIT_JSON_DEPTH,
                   LIMIT_JSON_NODES) != 0 ||
        (from = node_pick(h, &h->other, is_member)) == 0)
        return;
    if (hostile_any(h, 2) == 0) /* the top, which no pick gives */
        object = &h->json.nodes[0];
    n = &h->other.nodes[from];
    name = h->other.nodes[n->name].start;
    splice(&copy, 0, 0, donor->data + name, n->end - name);
    if (object->count > 0)
        insert(&copy, copy.length, ",");
    splice(t, object->start + 1, 0, copy.data, copy.length);
}

static void model_change(struct hostile *h, struct text *t)
{
    uint32_t node = json_member(&h->json, 0, "model");
    unsigned count = 0;
    char quoted[64];

    while (h->models[count] != NULL)
        count++;
    if (node == 0 || count == 0)
        return;
    snprintf(quoted, sizeof quoted, "\"%s\"", h->models[hostile_any(h, count)]);
    node_replace(h, t, node, quoted);
}

static void (*const blind[])(struct hostile *, struct text *) = {
    byte_flip,         bits_put, space_put,  bytes_cut,
    any_letter_escape, deeper,   member_put, member_put};
static void (*const knowing[])(struct hostile *, struct text *) = {
    member_double, value_change, number_change, number_change, text_change,
    text_change,   name_change,  value_wrap,    model_change,  model_change};

void hostile_change(struct hostile *h, struct text *t, const struct text *donor)
{
    bool reads = json_parse(&h->json, t->data, t->length, LIMIT_JSON_DEPTH,
                            LIMIT_JSON_NODES) == 0 &&
                 h->json.nodes[0].type == JSON_OBJECT;

    if (t->length == 0)
        return;
    if (!reads || hostile_any(h, 3) == 0)
        PICK(h, blind)(h, t);
    else if (hostile_any(h, 6) == 0)
        member_graft(h, t, donor);
    else
        PICK(h, knowing)(h, t);
}

void hostile_release(struct hostile *h)
{
    json_release(&h->json);
    json_release(&h->other);
}
