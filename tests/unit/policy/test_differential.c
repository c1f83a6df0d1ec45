/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is forwarded says the same to another reader (P10): the bodies of
 * tests/rules/cases and the attacks of test_body_attacks, made hostile at
 * random, go through body_read(), policy_decide() and body_rebuild(). What is
 * allowed is read by jansson, too, as it came and as it is forwarded, and both
 * readings are written down as text: the whole tree, and what a decision
 * depends on, found anew in the other's tree. tests/system/test_differential
 * has Node.js read the same bodies.
 *
 * Environment: SP_DIFFER_COUNT, how many bodies are tried; SP_DIFFER_SEED,
 * other ones; SP_DIFFER_OUT, a file for the table of fields and the records
 * that Node.js reads.
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

#include "tests/unit/policy/attacks.h"
#include "tests/unit/policy/hostile.h"
#include "tests/unit/policy/reading.h"
#include "tests/unit/policy/rules.h"

#if defined(SP_SANITIZED)
#define COUNT 60000
#else
#define COUNT 400000
#endif
#define SEED 20261126

/* ---- our reading ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void our_tree(FILE *out, const struct json *j, uint32_t node);

/* The bytes between here and a U+0000, which is always an escape. */
static size_t piece_length(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\\') {
            if (length - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0)
                return i;
            i++;
        }
    return length;
}

/* json_text() of one piece; how many bytes it has. */
static size_t piece_plain(const char *text, size_t length, char *plain)
{
    char *quoted = malloc(length + 2);
    struct json j = {0};

    assert_non_null(quoted);
    quoted[0] = quoted[length + 1] = '"';
    memcpy(quoted + 1, text, length);
    assert_int_equal(json_parse(&j, quoted, length + 2, 1, 1), 0);
    assert_int_equal(json_text(&j, 0, plain, length + 1), 0);
    json_release(&j);
    free(quoted);
    return strlen(plain);
}

/* Texts with U+0000 are C strings to no one here: piece by piece. */
static size_t pieces_plain(const char *text, size_t length, char *plain)
{
    size_t n = 0, piece;

    for (;;) {
        piece = piece_length(text, length);
        n += piece_plain(text, piece, plain + n);
        if (piece == length)
            return n;
        plain[n++] = 0;
        text += piece + 6;
        length -= piece + 6;
    }
}

static void our_string(FILE *out, const struct json *j, uint32_t node)
{
    const struct json_node *n = &j->nodes[node];
    size_t size = n->end - n->start + 1, length;
    char *plain = malloc(size);

    assert_non_null(plain);
    if (json_text(j, node, plain, size) == 0)
        length = strlen(plain);
    else
        length =
            pieces_plain(j->text + n->start + 1, n->end - n->start - 2, plain);
    assert_int_equal(length, json_text_bytes(j, node));
    reading_string(out, plain, length);
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

/* ---- two readings of the same bytes ---- */

struct telling {
    const struct facts *f;
    char *tree, *facts; /* owned */
};

static void telling_make(struct telling *o, const struct facts *f,
                         const struct json *j)
{
    size_t size;
    FILE *out = open_memstream(&o->tree, &size);

    o->f = f;
    our_tree(out, j, 0);
    fclose(out);
    out = open_memstream(&o->facts, &size);
    our_facts(out, f);
    fclose(out);
}

static void telling_release(struct telling *o)
{
    free(o->tree);
    free(o->facts);
}

/* A data: URL with an escape in its scheme counts as what has to be fetched,
 * and only that may differ. */
static bool media_differ(uint8_t ours, uint8_t theirs)
{
    return ours != theirs &&
           ((ours & MEDIA_REMOTE) == 0 || (theirs & MEDIA_DATA) == 0);
}

/* Ours are exact and rounded up, so that a limit holds for what is a little
 * above it; another's are doubles. */
static bool number_differs(int64_t millionths, double theirs)
{
    double ours = (double)millionths, off = ours - theirs * 1e6;
    double near = 1e-12 * fabs(ours) + 1e-6;

    if (fabs(ours) >= 9.2e18) /* the largest that we tell apart */
        return fabs(theirs) < 9.2e12 || (ours < 0) != (theirs < 0);
    return off < -near || off > 1 + near;
}

static const char *number_difference(const struct facts *f,
                                     const struct reading *theirs)
{
    for (uint16_t i = 0; i < field_count(); i++) {
        int slot = field_number_slot(i);

        if (slot >= 0 && field_set_has(&f->fields, i) &&
            number_differs(f->fields.number[slot], theirs->number[i]))
            return field_info(i)->path;
    }
    return NULL;
}

static bool path_is_in(const char *path, const char *outer)
{
    size_t n = strlen(outer);

    return strncmp(path, outer, n) == 0 && (path[n] == 0 || path[n] == '.');
}

static bool is_choice(uint16_t field)
{
    const char *path = field_info(field)->path;

    for (uint16_t i = 0; i < field_count(); i++)
        if (field_info(i)->shape == FIELD_SET && i != field &&
            path_is_in(path, field_info(i)->path))
            return true;
    return false;
}

/* An escaped text of a set is one of the others here, which no terms let
 * travel; another reader sees the text. Nothing else may differ. */
static bool escaped_choice(const struct telling *o,
                           const struct reading *theirs)
{
    size_t before = (size_t)(strstr(o->facts, " fields=") - o->facts);

    if (!field_set_has(&o->f->fields, FIELD_OTHERS) ||
        strncmp(o->facts, theirs->facts, before + 1) != 0)
        return false;
    for (uint16_t i = FIELD_OTHERS + 1; i < field_count(); i++)
        if (field_set_has(&o->f->fields, i) != theirs->present[i] &&
            (!theirs->present[i] || !is_choice(i)))
            return false;
    return true;
}

/* What is read differently, or NULL. */
static const char *difference(const struct telling *o,
                              const struct reading *theirs)
{
    if (strcmp(theirs->facts, o->facts) != 0 && !escaped_choice(o, theirs))
        return "facts";
    if (strcmp(theirs->tree, o->tree) != 0)
        return "tree";
    if (media_differ(o->f->media, theirs->media))
        return "media";
    /* 1.00…01 is 2 here and, where that is a 1, one more than is asked. */
    if (o->f->outputs < theirs->outputs ||
        o->f->outputs > theirs->rounded_outputs)
        return "outputs";
    return number_difference(o->f, theirs);
}

/* ---- what is forwarded ---- */

struct tally {
    struct table *t;
    struct json json, again;
    struct hostile hostile;
    FILE *records;
    unsigned tried, forwarded, refused;
    unsigned escaped;   /* a text of a set, in what is not forwarded as it is */
    unsigned terms[32]; /* forwarded under each */
    bool reasons[REASON_COUNT];
};

/* With something of everything that is compared; the first record. */
static const char known[] =
    "{\"model\":\"a\",\"stream\":true,\"max_tokens\":5,\"n\":3,"
    "\"temperature\":0.7,\"tools\":[{\"type\":\"function\"}],"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
    "\"image_url\":{\"url\":\"https://x/\"}},{\"type\":\"text\",\"text\":"
    "\"a\\u0000b\"}]}]}";

static void record_numbers(FILE *out, const struct facts *f)
{
    for (uint16_t i = 0; i < field_count(); i++) {
        int slot = field_number_slot(i);

        if (slot >= 0 && field_set_has(&f->fields, i))
            fprintf(out, "%u=%lld,", i, (long long)f->fields.number[slot]);
    }
}

static void record(FILE *out, const struct telling *o, const char *body,
                   size_t length)
{
    fprintf(out, "%d\t%u\t%u\t", (int)o->f->route, o->f->media, o->f->outputs);
    record_numbers(out, o->f);
    fprintf(out, "\t%s\t%s\t", o->facts, o->tree);
    for (size_t i = 0; i < length; i++)
        fprintf(out, "%02x", (uint8_t)body[i]);
    fputc('\n', out);
}

/* Both readings of the same bytes, and a record for the third. */
static void compare(struct tally *t, const struct facts *f,
                    const struct json *j, const char *body, size_t length)
{
    struct reading theirs = {.route = f->route};
    struct telling ours;
    const char *what;

    telling_make(&ours, f, j);
    if (reading_make(&theirs, body, length) != 0)
        fail_msg("not read by another: %s: %.*s", theirs.error, (int)length,
                 body);
    what = difference(&ours, &theirs);
    if (what != NULL)
        fail_msg("other %s of %.*s\nours   media=%u outputs=%u %s %s\n"
                 "theirs media=%u outputs=%u %s %s",
                 what, (int)length, body, f->media, f->outputs, ours.facts,
                 ours.tree, theirs.media, theirs.outputs, theirs.facts,
                 theirs.tree);
    if (strcmp(ours.facts, theirs.facts) != 0)
        t->escaped++;
    else if (t->records != NULL)
        record(t->records, &ours, body, length);
    reading_release(&theirs);
    telling_release(&ours);
}

/* Whether the terms give the field, or something in or around it, a value. */
static bool is_forced(const struct body_change *c, const char *path)
{
    const struct policy_terms *t = c->terms;

    if (c->count && path_is_in("stream_options.include_usage", path))
        return true;
    for (size_t k = 0; k < t->nforces; k++) {
        const char *forced = field_info(t->forces[k].field)->path;

        if (path_is_in(forced, path) || path_is_in(path, forced))
            return true;
    }
    return false;
}

static bool is_ceiling(const char *path)
{
    return strcmp(path, "max_tokens") == 0 ||
           strcmp(path, "max_output_tokens") == 0;
}

/* What the terms force at the top stands there as they write it, and nothing
 * that is null. */
static void forced_check(const struct facts *f, const struct json *j,
                         const struct body_change *c)
{
    const struct policy_terms *t = c->terms;

    for (size_t k = 0; k < t->nforces; k++) {
        const struct field_info *info = field_info(t->forces[k].field);
        uint32_t m = json_member(j, 0, info->path);
        const struct json_node *n = &j->nodes[m];

        if (strchr(info->path, '.') != NULL ||
            (info->routes & 1u << f->route) == 0 ||
            (info->streamed && !f->stream))
            continue;
        assert_int_not_equal(m, 0);
        assert_int_equal(n->end - n->start, strlen(t->forces[k].json));
        assert_memory_equal(j->text + n->start, t->forces[k].json,
                            n->end - n->start);
    }
    for (uint32_t m = j->nodes[0].child; m != 0; m = j->nodes[m].next)
        assert_int_not_equal(j->nodes[m].type, JSON_NULL);
}

/* What was decided on, `f`, and what travels, `g`: nothing is added but what
 * the terms say, what they strip is gone, and no number grows. */
static void forwarded_check(const struct facts *f, const struct facts *g,
                            const struct body_change *c, const char *body)
{
    for (uint16_t i = 0; i < field_count(); i++) {
        const char *path = field_info(i)->path;
        int slot = field_number_slot(i);
        bool own =
            is_forced(c, path) || (f->max_tokens < 0 && is_ceiling(path));

        if (!field_set_has(&g->fields, i) || own)
            continue;
        if (c->terms->action[i] == FIELD_STRIP)
            fail_msg("%s travels and is to be stripped: %s", path, body);
        if (!field_set_has(&f->fields, i))
            fail_msg("%s travels and was not decided on: %s", path, body);
        if (slot >= 0 && g->fields.number[slot] > f->fields.number[slot])
            fail_msg("%s is more than was decided on: %s", path, body);
    }
    assert_false(field_set_has(&g->fields, FIELD_OTHERS));
    assert_string_equal(g->model, c->model);
    assert_int_equal(g->stream, f->stream);
    assert_true(g->tools <= f->tools);
    assert_int_equal(g->media & ~f->media, 0);
    assert_true(g->outputs <= f->outputs);
    if (f->max_tokens >= 0)
        assert_true(g->max_tokens == f->max_tokens);
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
    forwarded_check(f, &g, &change, body);
    forced_check(f, &t->again, &change);
    compare(t, &g, &t->again, body, out.length);
    t->forwarded++;
    if (v->terms < sizeof t->terms / sizeof *t->terms)
        t->terms[v->terms]++;
    buf_release(&out);
}

static void body_try(struct tally *t, const struct facts *base,
                     const struct text *body)
{
    /* In memory of its own, so that a read behind it is found. */
    char *copy = malloc(body->length + (body->length == 0));
    struct facts f = *base;
    struct verdict v;

    assert_non_null(copy);
    memcpy(copy, body->data, body->length);
    body_read(&t->json, f.route, copy, body->length, &f);
    v = policy_decide(t->t->p, t->t->s, &f, NOON, CLOCK_GOOD);
    t->tried++;
    t->reasons[v.reason] = true;
    if (v.reason == REASON_NONE) {
        compare(t, &f, &t->json, copy, body->length);
        forward(t, &f, &v);
    } else {
        t->refused++;
    }
    free(copy);
}

/* ---- what to begin with ---- */

struct start {
    struct facts base; /* who asks what, of which route */
    struct text body;
};

struct starts {
    struct start *list;
    size_t count, room;
};

static void start_add(struct starts *s, const struct facts *base,
                      const char *body, size_t length)
{
    struct start *new;

    if (length == 0 || length > HOSTILE_BYTES / 2)
        return;
    if (s->count == s->room) {
        s->room = s->room == 0 ? 1024 : 2 * s->room;
        s->list = realloc(s->list, s->room * sizeof *s->list);
        assert_non_null(s->list);
    }
    new = &s->list[s->count++];
    new->base = *base;
    memcpy(new->body.data, body, length);
    new->body.data[length] = 0;
    new->body.length = length;
}

static struct facts nobody(void)
{
    return (struct facts){.cert_not_after = NOON + 300 * DAY,
                          .address = "127.0.0.1",
                          .max_tokens = -1};
}

static void starts_of_cases(struct starts *s, const struct table *t)
{
    char *text = file_read(RULES "cases"), *next = text, *line;

    while ((line = strsep(&next, "\n")) != NULL) {
        struct facts base = nobody();
        struct test_case c;

        if (line[0] == 0 || line[0] == '#')
            continue;
        c = case_read(line);
        who_read(t, c.who, &base);
        request_read(&c, &base);
        if (base.fault == REASON_NONE && !route_info(base.route)->local)
            start_add(s, &base, c.body, strlen(c.body));
    }
    free(text);
}

/* An attack asks for "a": for the model with the widest terms instead. */
static void attack_add(struct starts *s, const struct facts *base,
                       const char *body, size_t length)
{
    static const char old[] = "\"model\":\"a\"", new[] = "\"model\":\"open\"";
    char *at = memmem(body, length, old, strlen(old)), *copy;
    size_t before = at == NULL ? length : (size_t)(at - body);
    size_t rest = length - before;

    copy = malloc(length + sizeof new);
    assert_non_null(copy);
    memcpy(copy, body, before);
    length = before;
    if (at != NULL) {
        memcpy(copy + before, new, strlen(new));
        memcpy(copy + before + strlen(new), at + strlen(old),
               rest - strlen(old));
        length = before + strlen(new) + rest - strlen(old);
    }
    start_add(s, base, copy, length);
    free(copy);
}

static void starts_of_attacks(struct starts *s, const struct table *t)
{
    static const char *const inner[] = {"{\"x\":1,\"X\":1}",
                                        "{\"x\":1,\"\\u0078\":1}"};
    struct facts base = nobody();
    char who[] = "eva", body[2048];

    who_read(t, who, &base);
    base.method = METHOD_POST;
    base.route = ROUTE_CHAT_COMPLETIONS;
    base.dialect = route_info(base.route)->dialect;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        attack_add(s, &base, attacks[i].body, attacks[i].length);
    for (size_t depth = 0; depth <= LIMIT_JSON_DEPTH; depth++)
        for (size_t i = 0; i < 2; i++)
            attack_add(s, &base, body, put_deep(body, depth, inner[i]));
}

static unsigned number_wanted(const char *variable, unsigned otherwise)
{
    const char *text = getenv(variable);
    unsigned n = text == NULL ? 0 : (unsigned)strtoul(text, NULL, 10);

    return n == 0 ? otherwise : n;
}

static void known_compare(struct tally *t)
{
    struct facts f = {0};

    body_read(&t->json, ROUTE_CHAT_COMPLETIONS, known, strlen(known), &f);
    compare(t, &f, &t->json, known, strlen(known));
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
    known_compare(t);
}

/* Each start as it is, then with one to three things done to it. */
static void starts_try(struct tally *t, const struct starts *s)
{
    unsigned each =
        number_wanted("SP_DIFFER_COUNT", COUNT) / (unsigned)s->count + 1;
    struct hostile *h = &t->hostile;
    struct text body;

    for (size_t i = 0; i < s->count; i++)
        for (unsigned k = 0; k < each; k++) {
            const struct start *donor =
                &s->list[hostile_any(h, (unsigned)s->count)];
            unsigned changes = k == 0 ? 0 : 1 + hostile_any(h, 3);

            body.length = s->list[i].body.length;
            memcpy(body.data, s->list[i].body.data, body.length + 1);
            while (changes-- > 0)
                hostile_change(h, &body, &donor->body);
            body_try(t, &s->list[i].base, &body);
        }
}

static void tally_check(const struct tally *t)
{
    static const enum reason wanted[] = {
        REASON_INVALID_JSON,  REASON_DUPLICATE_KEY,     REASON_INVALID_FIELD,
        REASON_UNKNOWN_FIELD, REASON_TOO_DEEP,          REASON_PARAMETER_DENIED,
        REASON_TOOL_DENIED,   REASON_REMOTE_URL_DENIED, REASON_MODEL_NOT_FOUND};
    unsigned terms = 0;

    for (size_t i = 0; i < sizeof t->terms / sizeof *t->terms; i++)
        terms += t->terms[i] > 50;
    print_message("%u bodies: %u forwarded under %u terms, both forms compared "
                  "(%u with an escaped choice), %u "
                  "refused\n",
                  t->tried, t->forwarded, terms, t->escaped, t->refused);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!t->reasons[wanted[i]])
            fail_msg("none is refused as %s", reason_info(wanted[i])->code);
    assert_true(t->forwarded > 4000 && t->forwarded > t->tried / 20);
    assert_true(t->refused > 4000 && t->refused > t->tried / 4);
    assert_true(terms >= 10 && t->escaped < t->forwarded / 50);
}

static void P10_others_read_the_same(void **state)
{
    static const char *const models[] = {
        "open",   "strip", "forced", "limit", "eval",  "tools", "data",
        "loglik", "shut",  "betas",  "bias",  "plain", NULL};
    struct tally t = {.t = *state,
                      .hostile = {.seed = number_wanted("SP_DIFFER_SEED", SEED),
                                  .models = models}};
    struct starts s = {0};

    starts_of_cases(&s, t.t);
    starts_of_attacks(&s, t.t);
    records_open(&t);
    starts_try(&t, &s);
    tally_check(&t);
    if (t.records != NULL)
        assert_int_equal(fclose(t.records), 0);
    hostile_release(&t.hostile);
    json_release(&t.json);
    json_release(&t.again);
    free(s.list);
}

/* ---- the comparison would see it ---- */

static void wrong_model(struct facts *f)
{
    f->model[0]++;
}

static void wrong_stream(struct facts *f)
{
    f->stream = !f->stream;
}

static void wrong_ceiling(struct facts *f)
{
    f->max_tokens--;
}

static void wrong_outputs(struct facts *f)
{
    f->outputs--;
}

static void wrong_tools(struct facts *f)
{
    f->tools--;
}

static void wrong_type(struct facts *f)
{
    f->tool_types[0]++;
}

static void wrong_field(struct facts *f)
{
    f->fields.present[0] ^= UINT64_C(1) << FIELD_PREFILL;
}

static void wrong_media(struct facts *f)
{
    f->media = 0;
}

static void wrong_number(struct facts *f)
{
    uint16_t n = field_of_route(f->route, "temperature", 11);

    f->fields.number[field_number_slot(n)] -= 2;
}

static void P10_wrong_facts_are_noticed(void **state)
{
    static void (*const wrong[])(struct facts *) = {
        wrong_model, wrong_stream, wrong_ceiling, wrong_outputs, wrong_tools,
        wrong_type,  wrong_field,  wrong_media,   wrong_number};
    struct reading theirs = {.route = ROUTE_CHAT_COMPLETIONS};
    struct telling right, other;
    struct json j = {0};
    struct facts f = {0}, g;

    (void)state;
    body_read(&j, theirs.route, known, strlen(known), &f);
    assert_int_equal(f.fault, REASON_NONE);
    assert_int_equal(reading_make(&theirs, known, strlen(known)), 0);
    telling_make(&right, &f, &j);
    assert_null(difference(&right, &theirs));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        g = f;
        wrong[i](&g);
        telling_make(&other, &g, &j);
        if (difference(&other, &theirs) == NULL)
            fail_msg("wrong facts %zu are not noticed", i);
        telling_release(&other);
    }
    right.tree[strlen(right.tree) / 2]++;
    assert_non_null(difference(&right, &theirs));
    telling_release(&right);
    reading_release(&theirs);
    json_release(&j);
}

/* What a lenient gate would see in each, and forward: another reader sees
 * something else, or refuses it. */
static void P10_a_lenient_reader_is_noticed(void **state)
{
    static const char *const bodies[][2] = {
        {"{\"model\":\"a\"}", "{\"model\":\"a\",\"model\":\"b\"}"},
        {"{\"model\":\"b\"}", "{\"model\":\"a\",\"model\":\"b\"}"},
        {"{\"model\":\"a\"}", "{\"model\":\"a\",\"mod\\u0065l\":\"b\"}"},
        {"{\"model\":\"a\",\"metadata\":{\"x\":[{\"y\":1}]}}",
         "{\"model\":\"a\",\"metadata\":{\"x\":[{\"y\":1,\"\\u0079\":2}]}}"},
        {"{\"model\":\"a\",\"n\":1}", "{\"model\":\"a\",\"n\":2}"},
        {"{\"model\":\"a\"}", "{\"model\":\"a\",\"x\":null}"},
        {"{\"model\":\"a\"}", "\xef\xbb\xbf{\"model\":\"a\"}"},
        {"{\"model\":\"a\"}", "{\"model\":\"a\"}{\"model\":\"b\"}"},
        {"{\"model\":\"a\"}", "{\"model\":\"a\"/**/}"},
        {"{\"model\":\"a\",\"temperature\":1}",
         "{\"model\":\"a\",\"temperature\":1E400}"},
        {"{\"model\":\"a\",\"user\":\"\"}",
         "{\"model\":\"a\",\"user\":\"\\ud800\"}"},
        {"{\"model\":\"a\",\"user\":\"/\"}",
         "{\"model\":\"a\",\"user\":\"\xc0\xaf\"}"},
        {"{\"model\":\"a\",\"user\":\"x\"}",
         "{\"model\":\"a\",\"user\":\"x\\u0000y\"}"},
        {"{\"model\":\"a\",\"metadata\":{\"x\":1}}",
         "{\"model\":\"a\",\"metadata\":{\"x\\u0000y\":1}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct reading theirs = {.route = ROUTE_CHAT_COMPLETIONS};
        struct telling ours;
        struct json j = {0};
        struct facts f = {0};

        body_read(&j, theirs.route, bodies[i][0], strlen(bodies[i][0]), &f);
        telling_make(&ours, &f, &j);
        if (reading_make(&theirs, bodies[i][1], strlen(bodies[i][1])) == 0 &&
            difference(&ours, &theirs) == NULL)
            fail_msg("not noticed: %s", bodies[i][1]);
        reading_release(&theirs);
        telling_release(&ours);
        json_release(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(P10_others_read_the_same, table_make,
                                        table_end),
        cmocka_unit_test(P10_wrong_facts_are_noticed),
        cmocka_unit_test(P10_a_lenient_reader_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
