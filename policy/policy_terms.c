/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terms from a checked YAML tree. What terms do not write themselves is taken
 * from those that they extend, member by member, then from the defaults. Runs
 * in the supervisor for an operator's file, and in every role again on the
 * same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/schema.h"
#include "policy/policy_build.h"

/* The same place in the terms and in those that they extend. */
struct pair {
    const struct node *own, *base;
};

static struct pair pair_in(struct pair p, const char *key)
{
    return (struct pair){node_member(p.own, key), node_member(p.base, key)};
}

/* What counts of the two: the own one unless it is only a default. */
static const struct node *pair_member(struct pair p, const char *key)
{
    struct pair m = pair_in(p, key);

    if (m.base != NULL && (m.own == NULL || m.own->implied))
        return m.base;
    return m.own;
}

static int64_t pair_number(struct pair p, const char *key)
{
    return node_number(pair_member(p, key), -1);
}

static uint32_t uses_read(const struct node *uses)
{
    uint32_t routes = 0;

    for (size_t i = 0; i < node_members(uses); i++) {
        const struct node *n = uses->items[i];

        if (node_is_good(n))
            routes |= 1u << route_from_name(n->text, strlen(n->text));
    }
    if (routes & 1u << ROUTE_MODELS)
        routes |= 1u << ROUTE_MODEL;
    return routes;
}

static char **texts_read(struct policy_build *b, const struct node *list,
                         size_t *count)
{
    size_t n = node_members(list);
    char **texts = build_array(b, n + 1, sizeof *texts);

    *count = 0;
    for (size_t i = 0; i < n && !b->no_memory; i++)
        if (node_is_good(list->items[i])) {
            texts[*count] = build_text(b, list->items[i]);
            *count += texts[*count] != NULL;
        }
    return texts;
}

/* ---- tools ---- */

/* Types of tools that the client runs itself. Others run at the developer's,
 * out of the evaluator's sandbox and of what the gateway can see. */
static const char *const client_tools[] = {
    "function",   "custom",    "bash_*",      "text_editor_*", "memory_*",
    "computer_*", "browser_*", "local_shell", "apply_patch",
};

static bool type_fits(const char *pattern, const char *type, size_t length)
{
    size_t n = strlen(pattern);

    if (n > 0 && pattern[n - 1] == '*')
        return length >= n - 1 && memcmp(pattern, type, n - 1) == 0;
    return n == length && memcmp(pattern, type, n) == 0;
}

static void tool_types_check(struct policy_build *b, const struct node *list)
{
    for (size_t i = 0; i < node_members(list); i++) {
        const struct node *n = list->items[i];
        bool known = false;

        for (size_t k = 0; node_is_good(n) && !known &&
                           k < sizeof client_tools / sizeof client_tools[0];
             k++)
            known = type_fits(client_tools[k], n->text, strlen(n->text));
        if (!known && node_is_good(n))
            document_error(b->d, b->report, n,
                           "tool type \"%.64s\" does not run at the client: "
                           "expected function, custom, bash_*, text_editor_*, "
                           "memory_*, computer_*, browser_*, local_shell or "
                           "apply_patch",
                           n->text);
    }
}

static void tools_build(struct policy_build *b, struct policy_terms *t,
                        struct pair terms)
{
    struct pair tools = pair_in(terms, "tools");

    tool_types_check(b, node_member(tools.own, "types"));
    t->tool_types = texts_read(b, pair_member(tools, "types"), &t->ntool_types);
    t->tools_max = pair_number(tools, "max");
}

/* ---- what requests say of themselves ---- */

static void purpose_build(struct policy_build *b, struct policy_terms *t,
                          struct pair terms)
{
    struct pair purpose = pair_in(terms, "purpose");
    const struct node *required = pair_member(purpose, "required");
    const struct node *case_id = pair_member(purpose, "case");

    t->purposes = texts_read(b, pair_member(purpose, "values"), &t->npurposes);
    if (purpose.own == NULL && purpose.base == NULL)
        return;
    t->purpose =
        node_number(required, 0) == 1 ? PURPOSE_REQUIRED : PURPOSE_OPTIONAL;
    t->case_id =
        node_number(case_id, 0) == 1 ? PURPOSE_REQUIRED : PURPOSE_OPTIONAL;
}

static void anthropic_build(struct policy_build *b, struct policy_terms *t,
                            struct pair terms)
{
    struct pair anthropic = pair_in(terms, "anthropic");

    t->versions =
        texts_read(b, pair_member(anthropic, "versions"), &t->nversions);
    t->betas = texts_read(b, pair_member(anthropic, "betas"), &t->nbetas);
}

/* ---- answers ---- */

static void response_build(struct policy_build *b, struct policy_terms *t,
                           struct pair terms)
{
    struct pair response = pair_in(terms, "response");
    const struct node *types = pair_member(response, "types");
    size_t count;

    t->answer_json = t->answer_events = types == NULL;
    for (size_t i = 0; i < node_members(types); i++) {
        t->answer_json |= types->items[i]->number == 0;
        t->answer_events |= types->items[i]->number == 1;
    }
    t->removed = texts_read(b, pair_member(response, "remove"), &count);
    t->strip_reasoning = pair_number(response, "reasoning") == 1;
    t->coalesce_ms = pair_number(response, "coalesce");
    t->padding = pair_number(response, "record_padding");
}

/* A legend is the developer's own words; markings of a government's are not
 * theirs to put on, nor is a classification. */
static void legend_check(struct policy_build *b, const struct node *legend)
{
    static const char *const words[] = {"CUI", "SECRET", "CLASSIFIED", "NOFORN",
                                        "FOUO"};

    if (!node_is_good(legend))
        return;
    for (const char *p = legend->text; *p != 0; p++)
        if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\') {
            document_error(b->d, b->report, legend,
                           "a legend that a header cannot carry: expected "
                           "printable ASCII without '\"' and '\\'");
            return;
        }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(legend->text, words[i]) != NULL)
            document_error(b->d, b->report, legend,
                           "\"%s\" in a developer's legend: expected no "
                           "government marking or classification",
                           words[i]);
}

static void marking_build(struct policy_build *b, struct policy_terms *t,
                          struct pair terms)
{
    struct pair marking = pair_in(terms, "marking");
    const struct node *tlp = pair_member(marking, "tlp");
    const struct node *legend = pair_member(marking, "legend");
    int r = 0;

    legend_check(b, node_member(marking.own, "legend"));
    if (node_is_good(tlp) && node_is_good(legend))
        r = asprintf(&t->marking, "%s; legend=\"%s\"", tlp->text, legend->text);
    else if (node_is_good(tlp))
        r = asprintf(&t->marking, "%s", tlp->text);
    else if (node_is_good(legend))
        r = asprintf(&t->marking, "legend=\"%s\"", legend->text);
    if (r < 0) {
        t->marking = NULL;
        b->no_memory = true;
    }
}

/* ---- tripwires ---- */

/* "VALUE > NUMBER", or a value alone that is yes or no. */
static bool when_read(const char *text, struct policy_tripwire *w)
{
    static const struct schema_field count = {
        .name = "when", .type = SCHEMA_COUNT, .max = 1000000000000000};
    const char *sign = strstr(text, " > ");
    size_t length = sign == NULL ? strlen(text) : (size_t)(sign - text);
    struct node number = {0};

    w->value = watch_value_from_name(text, length);
    if (w->value == WATCH_VALUES ||
        (w->value == WATCH_FIRST_USE) != (sign == NULL))
        return false;
    if (sign == NULL)
        return true;
    number.text = (char *)(uintptr_t)(sign + 3);
    if (!schema_decode(&count, &number))
        return false;
    w->above = (uint64_t)number.number;
    return true;
}

static void tripwire_read(struct policy_build *b, struct policy_terms *t,
                          const struct node *n)
{
    struct policy_tripwire *w = &t->tripwires[t->ntripwires];
    const struct node *when = node_member(n, "when");

    w->name = build_text(b, node_member(n, "name"));
    w->suspends = node_number(node_member(n, "action"), 1) == 1;
    if (w->name == NULL)
        return;
    t->ntripwires++;
    if (node_is_good(when) && !when_read(when->text, w))
        document_error(b->d, b->report, when,
                       "bad condition \"%.64s\": expected first_use, or one of "
                       "requests_per_minute, refusals_per_minute, "
                       "requests_per_hour, tokens_per_hour, bytes_per_hour, "
                       "addresses, wire_per_content, then > and a number",
                       when->text);
    for (size_t i = 0; i + 1 < t->ntripwires; i++)
        if (strcmp(t->tripwires[i].name, w->name) == 0)
            document_error(b->d, b->report, node_member(n, "name"),
                           "another tripwire of these terms is called "
                           "\"%s\": expected a name of its own",
                           w->name);
}

static void tripwires_build(struct policy_build *b, struct policy_terms *t,
                            struct pair terms)
{
    const struct node *list = pair_member(terms, "tripwires");
    size_t n = node_members(list);

    t->tripwires = build_array(b, n, sizeof *t->tripwires);
    for (size_t i = 0; i < n && !b->no_memory; i++)
        if (node_is_good(list->items[i]) && list->items[i]->kind == NODE_MAP)
            tripwire_read(b, t, list->items[i]);
}

/* ---- the whole ---- */

static void scope_build(struct budget *b, struct pair scope)
{
    for (int u = 0; u < UNIT_COUNT; u++)
        b->total[u] = pair_number(scope, unit_text((enum unit)u));
    b->requests_per_minute = pair_number(scope, "requests_per_minute");
    b->tokens_per_minute = pair_number(scope, "tokens_per_minute");
    b->concurrent = pair_number(scope, "concurrent");
}

void budget_build(struct budget *b, const struct node *n)
{
    scope_build(b, (struct pair){n, NULL});
}

static void budgets_build(struct policy_terms *t, struct pair terms)
{
    struct pair budget = pair_in(terms, "budget");
    struct pair request = pair_in(budget, "request");

    t->request_bytes = pair_number(request, "bytes");
    t->request_ms = pair_number(request, "seconds");
    t->request_tokens = pair_number(request, "tokens");
    t->answer_bytes = pair_number(request, "answer_bytes");
    scope_build(&t->window, pair_in(budget, "window"));
    scope_build(&t->person, pair_in(budget, "person"));
    t->person_addresses = pair_number(pair_in(budget, "person"), "addresses");
}

/* The terms that these extend; NULL if they do not or may not. */
static const struct node *base_find(struct policy_build *b,
                                    const struct node *n)
{
    const struct node *extends = node_member(n, "extends");
    const struct node *base;

    if (!node_is_good(extends))
        return NULL;
    base = node_member(b->terms, extends->text);
    if (base == NULL)
        document_error(b->d, b->report, extends,
                       "no terms \"%s\": expected terms of this policy",
                       extends->text);
    else if (node_member(base, "extends") != NULL)
        document_error(b->d, b->report, extends,
                       "terms \"%s\" extend others themselves: expected "
                       "one level",
                       extends->text);
    return base;
}

/* The document that is named "nda" here, or else in the terms they extend. */
static uint32_t nda_find(struct policy_build *b, struct pair terms)
{
    struct pair nda = pair_in(terms, "nda");
    int found;

    if (nda.own == NULL && nda.base != NULL &&
        (!node_is_good(nda.base) ||
         node_member(b->documents, nda.base->text) == NULL))
        return POLICY_NO_DOCUMENT; /* an error of the base is told there */
    found = reference_find(b, nda.own != NULL ? nda.own : nda.base,
                           b->documents, "document");
    return found < 0 ? POLICY_NO_DOCUMENT : (uint32_t)found;
}

static void terms_build_one(struct policy_build *b, struct policy_terms *t,
                            const struct node *n)
{
    struct pair terms = {n, base_find(b, n)};

    if ((t->name = strdup(n->key)) == NULL)
        b->no_memory = true;
    t->uses = uses_read(pair_member(terms, "uses"));
    if (t->uses == 0)
        t->uses = 1u << ROUTE_CHAT_COMPLETIONS;
    t->nda = nda_find(b, terms);
    budgets_build(t, terms);
    fields_build(b, t, node_member(terms.own, "fields"),
                 node_member(terms.base, "fields"));
    tools_build(b, t, terms);
    t->data_urls = pair_number(pair_in(terms, "media"), "data_urls") == 1;
    t->remote_urls = pair_number(pair_in(terms, "media"), "remote_urls") == 1;
    purpose_build(b, t, terms);
    anthropic_build(b, t, terms);
    response_build(b, t, terms);
    marking_build(b, t, terms);
    tripwires_build(b, t, terms);
    t->transcripts = (enum policy_transcripts)pair_number(terms, "transcripts");
}

void terms_build(struct policy_build *b)
{
    size_t n = node_members(b->terms);

    b->p->terms = build_array(b, n, sizeof *b->p->terms);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        b->p->nterms = i + 1;
        terms_build_one(b, &b->p->terms[i], b->terms->items[i]);
    }
}
