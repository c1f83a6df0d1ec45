/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is forwarded says the same to another reader (P10): the bodies of
 * tests/rules/cases, made hostile at random, go through body_read(),
 * policy_decide() and body_rebuild(); what is allowed is read by jansson, too,
 * and both readings are written down as text: the whole tree, and what a
 * decision depends on, found anew in the other's tree. tests/system/
 * test_differential has Node.js read the same bodies.
 *
 * Environment: SP_DIFFER_COUNT, how many bodies are tried; SP_DIFFER_OUT, a
 * file for the table of fields and the records that Node.js reads.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/policy/reading.h"
#include "tests/unit/policy/rules.h"

#if defined(SP_SANITIZED)
#define COUNT 60000
#else
#define COUNT 1000000
#endif
#define BODY_SIZE 16384

static uint32_t seed = 20261126;

static unsigned any(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (unsigned)(((uint64_t)(seed >> 4) * below) >> 28);
}

/* ---- hostile bodies ---- */

struct text {
    char data[BODY_SIZE + 1];
    size_t length;
};

/* Puts `piece` in the place of `cut` bytes; nothing if there is no room. */
static void splice(struct text *t, size_t at, size_t cut, const char *piece,
                   size_t length)
{
    if (at + cut > t->length || t->length - cut + length > BODY_SIZE)
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

/* A place of one of `chars`, or the length. */
static size_t place_of(const struct text *t, const char *chars)
{
    size_t start = any((unsigned)t->length + 1);

    for (size_t i = 0; i < t->length; i++) {
        size_t at = (start + i) % t->length;

        if (strchr(chars, t->data[at]) != NULL && t->data[at] != 0)
            return at;
    }
    return t->length;
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
#define PICK(list) (list)[any(sizeof(list) / sizeof *(list))]

static void hostile(struct text *t)
{
    char one;
    size_t at;

    switch (any(10)) {
    case 0: /* a byte */
        at = any((unsigned)t->length);
        one = (char)(t->data[at] ^ (1 << any(8)));
        splice(t, at, 1, &one, 1);
        break;
    case 1:
        insert(t, any((unsigned)t->length + 1), PICK(bits));
        break;
    case 2: /* white space where it may be */
        insert(t, place_of(t, ",:{}[]"), any(2) == 0 ? " " : "\n\t");
        break;
    case 3: /* bytes are gone */
        splice(t, any((unsigned)t->length), 1 + any(3), "", 0);
        break;
    case 4: { /* an escape for a letter */
        char escape[8];

        at = any((unsigned)t->length);
        if (t->data[at] < 'a' || t->data[at] > 'z')
            break;
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)t->data[at]);
        splice(t, at, 1, escape, 6);
        break;
    }
    case 5: /* nested deeper */
        at = place_of(t, "0123456789");
        for (unsigned i = any(80); i > 0 && at < t->length; i--)
            insert(t, at, "[");
        break;
    default: /* a member, at any depth */
        at = place_of(t, "{");
        if (at < t->length)
            insert(t, any(3) == 0 ? at + 1 : 1, PICK(members));
        break;
    }
}

/* ---- our reading ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void our_tree(FILE *out, const struct json *j, uint32_t node);

static void our_string(FILE *out, const struct json *j, uint32_t node)
{
    size_t size = j->nodes[node].end - j->nodes[node].start + 1;
    char *plain = malloc(size);

    assert_non_null(plain);
    /* One with U+0000 is told by its length alone. */
    if (json_text(j, node, plain, size) == 0)
        reading_string(out, plain, strlen(plain));
    else
        fprintf(out, "zero%zu", json_text_bytes(j, node));
    free(plain);
}

/* Members in the order of their names, as every reader has them. */
static void our_members(FILE *out, const struct json *j, uint32_t node)
{
    uint32_t count = j->nodes[node].count, i = 0;
    char **texts = calloc(count + 1, sizeof *texts);

    assert_non_null(texts);
    for (uint32_t m = j->nodes[node].child; m != 0; m = j->nodes[m].next, i++) {
        size_t size;
        FILE *f = open_memstream(&texts[i], &size);

        our_string(f, j, j->nodes[m].name);
        fputc(':', f);
        our_tree(f, j, m);
        fclose(f);
    }
    qsort(texts, count, sizeof *texts, by_text);
    for (i = 0; i < count; i++) {
        fprintf(out, "%s ", texts[i]);
        free(texts[i]);
    }
    free(texts);
}

static void our_tree(FILE *out, const struct json *j, uint32_t node)
{
    const struct json_node *n = &j->nodes[node];

    if (n->type == JSON_NUMBER) {
        reading_number(out, strtod(j->text + n->start, NULL));
    } else if (n->type == JSON_STRING) {
        our_string(out, j, node);
    } else if (n->type == JSON_ARRAY) {
        fputc('[', out);
        for (uint32_t e = n->child; e != 0; e = j->nodes[e].next) {
            our_tree(out, j, e);
            fputc(' ', out);
        }
        fputc(']', out);
    } else if (n->type == JSON_OBJECT) {
        fputc('{', out);
        our_members(out, j, node);
        fputc('}', out);
    } else {
        fputs(n->type == JSON_NULL   ? "null"
              : n->type == JSON_TRUE ? "true"
                                     : "false",
              out);
    }
}

/* As reading_facts() says them of the other tree. */
static void our_facts(FILE *out, const struct facts *f)
{
    fputs("model=", out);
    reading_string(out, f->model, strlen(f->model));
    fprintf(out, " stream=%d ceiling=%lld tools=%u types=%s fields=", f->stream,
            (long long)f->max_tokens, f->tools, f->tool_types);
    for (uint16_t i = 0; i < field_count(); i++)
        if (field_set_has(&f->fields, i))
            fprintf(out, "%s,", field_info(i)->path);
}

/* ---- what is forwarded ---- */

struct tally {
    struct table *t;
    struct json json, again;
    FILE *records;
    unsigned tried, forwarded, refused;
    bool reasons[REASON_COUNT];
};

/* A field that was not decided on must not travel, unless it is forced. */
static void forwarded_check(const struct facts *f, const struct facts *g,
                            const struct policy_terms *t, const char *body)
{
    for (uint16_t i = 0; i < field_count(); i++) {
        const char *path = field_info(i)->path;
        /* The terms' own ceiling, where none is asked, and token counts. */
        bool forced = strncmp(path, "stream_options", 14) == 0 ||
                      (f->max_tokens < 0 && strncmp(path, "max_", 4) == 0);

        for (size_t k = 0; k < t->nforces; k++)
            forced = forced ||
                     strstr(field_info(t->forces[k].field)->path, path) != NULL;
        if (field_set_has(&g->fields, i) && !field_set_has(&f->fields, i) &&
            !forced)
            fail_msg("%s travels and was not decided on: %s", path, body);
    }
    assert_int_equal(g->stream, f->stream);
    assert_true(g->tools <= f->tools);
}

/* Both readings of the same bytes, and a record for the third. */
static void compare(struct tally *t, const struct facts *f, const char *body,
                    size_t length)
{
    struct reading theirs = {.route = f->route};
    char *tree = NULL, *facts = NULL;
    size_t size;
    FILE *out = open_memstream(&tree, &size);

    our_tree(out, &t->again, 0);
    fclose(out);
    out = open_memstream(&facts, &size);
    our_facts(out, f);
    fclose(out);
    if (reading_make(&theirs, body, length) != 0)
        fail_msg("not read by another: %s: %.*s", theirs.error, (int)length,
                 body);
    if (strcmp(theirs.tree, tree) != 0)
        fail_msg("read otherwise: %.*s\nours   %s\ntheirs %s", (int)length,
                 body, tree, theirs.tree);
    if (strcmp(theirs.facts, facts) != 0)
        fail_msg("other facts of %.*s\nours   %s\ntheirs %s", (int)length, body,
                 facts, theirs.facts);
    /* What is escaped counts as what has to be fetched. */
    if ((theirs.media & ~f->media) != 0 &&
        !(theirs.media == MEDIA_DATA && f->media == MEDIA_REMOTE))
        fail_msg("other media of %.*s", (int)length, body);
    /* 1.00…01 is 2 here and, where that is a 1, one more than is asked. */
    assert_in_range(f->outputs, theirs.outputs, 2 * theirs.outputs);
    for (uint16_t i = 0; i < field_count(); i++) {
        int slot = field_number_slot(i);
        double ours, off;

        if (slot < 0 || !field_set_has(&f->fields, i))
            continue;
        /* Ours are rounded up: a limit holds for what is a little above. */
        ours = (double)f->fields.number[slot];
        off = ours - theirs.number[i] * 1e6;
        if (fabs(ours) < 9.2e18 &&
            (off < -1e-12 * fabs(ours) - 1e-6 || off > 1 + 1e-12 * fabs(ours)))
            fail_msg("%s is %.17g to another: %.*s", field_info(i)->path,
                     theirs.number[i], (int)length, body);
    }
    if (t->records != NULL) {
        fprintf(t->records, "%d\t%u\t%s\t%s\t", (int)f->route, f->outputs,
                facts, tree);
        for (size_t i = 0; i < length; i++)
            fprintf(t->records, "%02x", (uint8_t)body[i]);
        fputc('\n', t->records);
    }
    reading_release(&theirs);
    free(tree);
    free(facts);
}

static void forward(struct tally *t, const struct facts *f,
                    const struct verdict *v)
{
    const struct policy *p = t->t->p;
    const struct body_change change = {
        .model = p->models[v->model].upstream_name,
        .terms = &p->terms[v->terms],
        .count = f->stream && (f->route == ROUTE_CHAT_COMPLETIONS ||
                               f->route == ROUTE_COMPLETIONS)};
    struct facts g = {0};
    const char *body;
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(body_rebuild(&t->json, f, &change, &out), 0);
    body = (const char *)buf_bytes(&out);
    body_read(&t->again, f->route, body, out.length, &g);
    assert_int_equal(g.fault, REASON_NONE);
    assert_string_equal(g.model, change.model);
    forwarded_check(f, &g, change.terms, body);
    compare(t, &g, body, out.length);
    t->forwarded++;
    buf_release(&out);
}

static void body_try(struct tally *t, const struct facts *base,
                     const struct text *body)
{
    struct facts f = *base;
    struct verdict v;

    body_read(&t->json, f.route, body->data, body->length, &f);
    v = policy_decide(t->t->p, t->t->s, &f, NOON, CLOCK_GOOD);
    t->tried++;
    t->reasons[v.reason] = true;
    if (v.reason == REASON_NONE)
        forward(t, &f, &v);
    else
        t->refused++;
}

/* A case's request, with a few things done to its body. */
static void case_try(struct tally *t, const char *line, unsigned times)
{
    struct facts base = {.cert_not_after = NOON + 300 * DAY,
                         .address = "127.0.0.1",
                         .max_tokens = -1};
    char *copy = strdup(line);
    struct test_case c = case_read(copy);
    struct text body = {.length = strlen(c.body)};

    who_read(t->t, c.who, &base);
    request_read(&c, &base);
    if (base.fault == REASON_NONE && !route_info(base.route)->local &&
        body.length > 0 && body.length < BODY_SIZE / 2) {
        for (unsigned i = 0; i < times; i++) {
            body.length = strlen(c.body);
            memcpy(body.data, c.body, body.length + 1);
            for (unsigned k = i == 0 ? 0 : 1 + any(3); k > 0; k--)
                hostile(&body);
            body_try(t, &base, &body);
        }
    }
    free(copy);
}

static unsigned count_wanted(void)
{
    const char *text = getenv("SP_DIFFER_COUNT");
    unsigned n = text == NULL ? 0 : (unsigned)strtoul(text, NULL, 10);

    return n == 0 ? COUNT : n;
}

static void records_open(struct tally *t)
{
    const char *path = getenv("SP_DIFFER_OUT");

    if (path == NULL)
        return;
    t->records = fopen(path, "w");
    assert_non_null(t->records);
    for (uint16_t i = 0; i < field_count(); i++) {
        const struct field_info *f = field_info(i);

        fprintf(t->records, "field\t%u\t%s\t%u\t%d\t%d\t%s\t%d\n", i, f->path,
                f->routes, (int)f->shape, (int)f->otherwise,
                f->like == NULL ? "-" : f->like, f->off);
    }
}

static void P10_others_read_the_same(void **state)
{
    struct tally t = {.t = *state};
    char *text = file_read(RULES "cases"), *next = text, *line;
    unsigned lines = 1, each;

    for (const char *at = text; *at != 0; at++)
        lines += *at == '\n';
    each = count_wanted() / lines + 1;
    records_open(&t);
    while ((line = strsep(&next, "\n")) != NULL)
        if (line[0] != 0 && line[0] != '#')
            case_try(&t, line, each);
    print_message("%u bodies: %u forwarded and compared, %u refused\n", t.tried,
                  t.forwarded, t.refused);
    assert_true(t.forwarded > t.tried / 20 && t.refused > t.tried / 4);
    assert_true(t.reasons[REASON_INVALID_JSON] &&
                t.reasons[REASON_DUPLICATE_KEY] &&
                t.reasons[REASON_INVALID_FIELD] &&
                t.reasons[REASON_UNKNOWN_FIELD] && t.reasons[REASON_TOO_DEEP]);
    if (t.records != NULL)
        assert_int_equal(fclose(t.records), 0);
    json_release(&t.json);
    json_release(&t.again);
    free(text);
}

/* The comparison would see it: a body of two readings, as a lenient gate might
 * forward it. */
static void a_difference_is_seen(void **state)
{
    static const char *const bodies[][2] = {
        {"{\"model\":\"a\",\"n\":1}", "{\"model\":\"a\",\"n\":2}"},
        {"{\"model\":\"a\"}", "{\"model\":\"a\",\"x\":null}"},
        {"{\"model\":\"a\",\"tools\":[]}",
         "{\"model\":\"a\",\"tools\":[{\"type\":\"mcp\"}]}"},
        {"{\"model\":\"a\",\"user\":\"\\u0065\"}",
         "{\"model\":\"a\",\"user\":\"f\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct reading a = {.route = ROUTE_CHAT_COMPLETIONS}, b = a;

        assert_int_equal(reading_make(&a, bodies[i][0], strlen(bodies[i][0])),
                         0);
        assert_int_equal(reading_make(&b, bodies[i][1], strlen(bodies[i][1])),
                         0);
        assert_string_not_equal(a.tree, b.tree);
        reading_release(&a);
        reading_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(P10_others_read_the_same, table_make,
                                        table_end),
        cmocka_unit_test(a_difference_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
