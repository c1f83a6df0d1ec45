/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical print as a property of random policies: it says the same as
 * what it was printed from, and printed again it is the same to the byte. And
 * damage to policies: whatever becomes of a text, it loads, or each error has
 * a place. SP_PROPERTY_COUNT in the environment changes how many are tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "policy/policy_print.h"
#include "tests/unit/policy/random_policy.h"

#if defined(SP_SANITIZED)
#define COUNT 5000
#else
#define COUNT 10000
#endif

static unsigned property_count(void)
{
    const char *text = getenv("SP_PROPERTY_COUNT");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : COUNT;
}

static struct policy *load(const char *text, unsigned seed)
{
    struct report report = {.out = stderr};
    struct policy *p;

    if (policy_parse("policy.yaml", text, strlen(text), NULL, NULL, &report,
                     &p) != 0)
        fail_msg("seed %u does not load:\n%s", seed, text);
    return p;
}

static char *print(const char *text)
{
    struct report report = {.out = stderr};
    char *printed = NULL;
    size_t size;
    FILE *f = open_memstream(&printed, &size);

    assert_non_null(f);
    assert_int_equal(policy_print("p", text, strlen(text), f, &report), 0);
    fclose(f);
    return printed;
}

static struct document *tree(const char *text)
{
    struct report report = {.out = stderr};
    struct document *d;

    assert_int_equal(document_parse_large("p", text, strlen(text),
                                          LIMIT_POLICY_BYTES, &policy_large,
                                          &report, &d),
                     0);
    assert_int_equal(schema_check(d, policy_schema, &report), 0);
    return d;
}

/* --- equal trees: of every field there is and will be --------------------- */

#define FIELDS 512
/* Fields that occurred, by their places in the tables. */
static const struct schema_field *seen[FIELDS];
static size_t nseen;

static void see(const struct schema_field *f)
{
    for (size_t i = 0; i < nseen; i++)
        if (seen[i] == f)
            return;
    assert_true(nseen < FIELDS);
    seen[nseen++] = f;
}

static void same_value(const struct schema_field *f, const struct node *a,
                       const struct node *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->implied, b->implied);
    if (!a->implied && f->name != NULL) /* the root has none */
        see(f);
    if (f->type == SCHEMA_RECORD) {
        for (const struct schema_field *i = f->fields; i->name != NULL; i++) {
            const struct node *m = node_member(a, i->name);
            const struct node *n = node_member(b, i->name);

            assert_int_equal(m == NULL, n == NULL);
            if (m != NULL)
                same_value(i, m, n);
        }
        return;
    }
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == NODE_MAP)
            assert_string_equal(a->items[i]->key, b->items[i]->key);
        same_value(f->type == SCHEMA_FREE ? f : f->fields, a->items[i],
                   b->items[i]);
    }
    if (f->type == SCHEMA_FREE) {
        if (a->kind == NODE_SCALAR) {
            assert_int_equal(a->plain, b->plain);
            assert_string_equal(a->text, b->text);
        }
        return;
    }
    assert_int_equal(a->number, b->number);
    assert_memory_equal(a->hash, b->hash, sizeof a->hash);
    if (f->type == SCHEMA_TEXT || f->type == SCHEMA_NAME ||
        f->type == SCHEMA_MODEL || f->type == SCHEMA_PATH ||
        f->type == SCHEMA_CHOICE)
        assert_string_equal(a->text, b->text);
}

static void same_trees(const char *a, const char *b)
{
    const struct schema_field root = {.type = SCHEMA_RECORD,
                                      .fields = policy_schema};
    struct document *d = tree(a), *e = tree(b);

    same_value(&root, d->root, e->root);
    document_free(d);
    document_free(e);
}

/* --- equal policies ------------------------------------------------------- */

static void same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

static void same_people(const struct policy *a, const struct policy *b)
{
    assert_int_equal(a->nparties, b->nparties);
    for (size_t i = 0; i < a->nparties; i++) {
        same_text(a->parties[i].name, b->parties[i].name);
        assert_int_equal(a->parties[i].kind, b->parties[i].kind);
        same_text(a->parties[i].anchors, b->parties[i].anchors);
        same_text(a->parties[i].intermediates, b->parties[i].intermediates);
        assert_int_equal(a->parties[i].any_eku, b->parties[i].any_eku);
        assert_int_equal(a->parties[i].ncertificates,
                         b->parties[i].ncertificates);
        assert_memory_equal(a->parties[i].anchors_sha256,
                            b->parties[i].anchors_sha256, 32);
        assert_int_equal(a->parties[i].first, b->parties[i].first);
        assert_int_equal(a->parties[i].npeople, b->parties[i].npeople);
    }
    assert_int_equal(a->npeople, b->npeople);
    for (size_t i = 0; i < a->npeople; i++) {
        const struct policy_person *p = &a->people[i], *q = &b->people[i];

        same_text(p->name, q->name);
        assert_int_equal(p->party, q->party);
        assert_int_equal(p->kind, q->kind);
        same_text(p->custodian, q->custodian);
        same_text(p->issuer_subject, q->issuer_subject);
        same_text(p->san_uri, q->san_uri);
        same_text(p->other, q->other);
        same_text(p->policy, q->policy);
        assert_int_equal(p->match, q->match);
        assert_int_equal(p->spki_sha256 == NULL, q->spki_sha256 == NULL);
        if (p->spki_sha256 != NULL)
            assert_memory_equal(p->spki_sha256, q->spki_sha256, 32);
    }
}

static void same_models(const struct policy *a, const struct policy *b)
{
    assert_int_equal(a->nmodels, b->nmodels);
    for (size_t i = 0; i < a->nmodels; i++) {
        const struct policy_model *m = &a->models[i], *n = &b->models[i];

        same_text(m->name, n->name);
        same_text(m->upstream_name, n->upstream_name);
        same_text(m->ca, n->ca);
        same_text(m->credential, n->credential);
        same_text(m->client_certificate, n->client_certificate);
        same_text(m->build, n->build);
        assert_int_equal(m->apis, n->apis);
        assert_int_equal(m->release, n->release);
        assert_int_equal(m->nendpoints, n->nendpoints);
        for (size_t k = 0; k < m->nendpoints; k++)
            same_text(m->endpoints[k].url, n->endpoints[k].url);
    }
}

static void same_windows(const struct policy *a, const struct policy *b)
{
    assert_int_equal(a->nwindows, b->nwindows);
    for (size_t i = 0; i < a->nwindows; i++) {
        const struct policy_window *w = &a->windows[i], *x = &b->windows[i];

        same_text(w->id, x->id);
        assert_int_equal(w->party, x->party);
        assert_int_equal(w->model, x->model);
        assert_int_equal(w->opens, x->opens);
        assert_int_equal(w->closes, x->closes);
        assert_int_equal(w->nterms, x->nterms);
        assert_memory_equal(w->terms, x->terms, w->nterms * sizeof *w->terms);
    }
}

static void same_terms(const struct policy *a, const struct policy *b)
{
    assert_int_equal(a->nterms, b->nterms);
    for (size_t i = 0; i < a->nterms; i++) {
        same_text(a->terms[i].name, b->terms[i].name);
        assert_int_equal(a->terms[i].uses, b->terms[i].uses);
        assert_int_equal(a->terms[i].request_bytes, b->terms[i].request_bytes);
        assert_int_equal(a->terms[i].request_ms, b->terms[i].request_ms);
    }
}

static void same_policies(const struct policy *a, const struct policy *b)
{
    assert_int_equal(a->serial, b->serial);
    assert_int_equal(a->has_replaces, b->has_replaces);
    assert_memory_equal(a->replaces, b->replaces, 32);
    same_text(a->basis, b->basis);
    same_text(a->developer, b->developer);
    assert_int_equal(a->sequence, b->sequence);
    same_models(a, b);
    same_people(a, b);
    same_terms(a, b);
    same_windows(a, b);
}

static void print_says_the_same_and_is_a_fixed_point(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < property_count(); seed++) {
        char *text = random_policy_text(seed, NULL, 0, NULL);
        struct policy *p = load(text, seed), *q;
        char *printed = print(text), *again;

        q = load(printed, seed);
        again = print(printed);
        assert_string_equal(printed, again);
        same_policies(p, q);
        same_trees(text, printed);
        policy_free(p);
        policy_free(q);
        free(text);
        free(printed);
        free(again);
    }
}

/* A field that never occurs is not tested: who adds one that cannot be right
 * with any value gives it a row in random_rules[]. */
static unsigned fields_unseen(const struct schema_field *f, const char *path)
{
    char below[512];
    unsigned unseen = 0;

    for (; f->name != NULL; f++) {
        size_t i = 0;

        snprintf(below, sizeof below, "%s.%s", path, f->name);
        if (f->flags & SCHEMA_LATER)
            continue;
        while (i < nseen && seen[i] != f)
            i++;
        if (i == nseen) {
            print_error("never in a random policy: %s\n", below);
            unseen++;
        }
        if (f->fields != NULL)
            unseen += fields_unseen(f->fields, below);
    }
    return unseen;
}

static void random_policies_have_every_field(void **state)
{
    (void)state;
    assert_int_equal(fields_unseen(policy_schema, ""), 0);
}

/* --- damage ----------------------------------------------------------------
 */

static char *splice(char *text, size_t at, size_t cut, const char *put)
{
    size_t length = strlen(text), more = strlen(put);
    char *out = malloc(length + more + 1);

    assert_non_null(out);
    if (cut > length - at)
        cut = length - at;
    memcpy(out, text, at);
    memcpy(out + at, put, more);
    memcpy(out + at + more, text + at + cut, length - at - cut + 1);
    free(text);
    return out;
}

static size_t line_at(const char *text, size_t at)
{
    while (at > 0 && text[at - 1] != '\n')
        at--;
    return at;
}

static char *lines_swap(char *text, size_t a, size_t b)
{
    size_t m, n;
    char *first, *second;

    a = line_at(text, a);
    b = line_at(text, b);
    if (a == b)
        return text;
    if (a > b) {
        size_t other = a;

        a = b;
        b = other;
    }
    m = strcspn(text + a, "\n");
    n = strcspn(text + b, "\n");
    first = strndup(text + a, m);
    second = strndup(text + b, n);
    assert_true(first != NULL && second != NULL);
    text = splice(text, b, n, first);
    text = splice(text, a, m, second);
    free(first);
    free(second);
    return text;
}

static char *mutate(struct random_policy *g, char *text)
{
    static const char *const tokens[] = {
        ":", ": ",  "- ", "\n",   "  ",       "{",     "}",
        "[", "]",   "&a", "*a",   "!!x",      "<<",    "? ",
        "|", ">",   "'",  "\"",   "#",        "%",     "---",
        "~", "0",   "\t", "\xff", "\xc2\x85", ",",     "-1",
        "9", "30d", "t0", "p0",   "models",   "kind:", "terms: [t0]\n"};
    size_t length = strlen(text);
    unsigned at, other;
    char byte[2] = {0};

    if (length < 2)
        return text;
    at = random_any(g, (unsigned)length);
    other = random_any(g, (unsigned)length);
    byte[0] = (char)(text[at] ^ (1 << random_any(g, 8)));
    switch (random_any(g, 5)) {
    case 0:
        return splice(text, at, 1, byte); /* NUL: a deletion */
    case 1:
        return splice(text, at, 1 + random_any(g, 30), "");
    case 2:
        return lines_swap(text, at, other);
    case 3:
        at = (unsigned)line_at(text, at);
        return splice(text, at, strcspn(text + at, "\n") + 1, "");
    default:
        return splice(text, at, 0,
                      tokens[random_any(g, sizeof tokens / sizeof *tokens)]);
    }
}

/* Every line that was said has a place. */
static void check_said(const char *said, const char *text)
{
    unsigned line, column;
    int end = 0;

    for (; *said != 0; said += strcspn(said, "\n") + 1)
        if (sscanf(said, "policy.yaml:%u:%u: %n", &line, &column, &end) != 2 ||
            line == 0 || column == 0 || end == 0 || said[end] == '\n')
            fail_msg("without a place: %s\n%s", said, text);
}

static void damaged_policies_load_or_say_where(void **state)
{
    unsigned loaded = 0, count = property_count();

    (void)state;
    for (unsigned seed = 0; seed < count; seed++) {
        struct random_policy g = {.seed = seed * 2246822519u + 7};
        char *text = random_policy_text(seed % 500, NULL, 0, NULL), *said;
        struct report report = {0};
        struct policy *p;
        size_t size;
        int r;

        for (unsigned i = 1 + random_any(&g, 3); i > 0; i--)
            text = mutate(&g, text);
        report.out = open_memstream(&said, &size);
        assert_non_null(report.out);
        r = policy_parse("policy.yaml", text, strlen(text), NULL, NULL, &report,
                         &p);
        fclose(report.out);
        assert_int_equal(r == 0, p != NULL);
        if (r == 0) {
            char *printed = print(text), *again = print(printed);

            assert_string_equal(printed, again);
            free(printed);
            free(again);
            loaded++;
            policy_free(p);
        } else {
            assert_int_equal(r, SP_EINVAL);
            assert_true(report.errors > 0);
        }
        assert_int_equal(said[0] != 0, r != 0);
        check_said(said, text);
        free(said);
        free(text);
    }
    /* Both happened, so both were tested. */
    assert_in_range(loaded, count / 50, count - count / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_says_the_same_and_is_a_fixed_point),
        cmocka_unit_test(random_policies_have_every_field),
        cmocka_unit_test(damaged_policies_load_or_say_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
