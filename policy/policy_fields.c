/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for fields of requests, from a checked YAML tree to one action a row
 * of the table: the row's default, then the rules of the terms that are
 * extended, then the terms' own. Runs wherever a policy is read.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/schema.h"
#include "policy/policy_build.h"

#define FORCED_MAX   4096 /* bytes of one forced value */
#define FORCED_DEPTH 6
#define EXPECTED     "allow, deny, strip, {force: VALUE} or {max: NUMBER}"

/* The rules of one terms as they are gathered. */
struct rules {
    struct policy_build *b;
    struct policy_terms *t;
    char *forced[FIELD_MAX]; /* JSON, owned */
    bool written[FIELD_MAX]; /* by a rule, not by default */
};

static void rule_error(struct rules *r, const struct node *rule,
                       const char *wrong, const char *expected)
{
    document_error(r->b->d, r->b->report, rule, "%s: expected %s", wrong,
                   expected);
}

static void row_set(struct rules *r, uint16_t field, enum field_action action)
{
    free(r->forced[field]);
    r->forced[field] = NULL;
    r->t->action[field] = (uint8_t)action;
    r->written[field] = true;
}

/* ---- values ---- */

static int value_write(const struct node *n, struct buf *out, unsigned depth);

static int text_write(const char *text, struct buf *out)
{
    size_t size = 6 * strlen(text) + 3, length = 0;
    uint8_t *room;
    int r = buf_reserve(out, size, &room);

    if (r == 0)
        r = json_quote((char *)room, size, &length, text, strlen(text));
    if (r == 0)
        buf_commit(out, length);
    return r;
}

/* Words that YAML 1.1 takes for true or false and people for words. */
static bool is_ambiguous(const char *text)
{
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_json_word(const char *text)
{
    int64_t number;

    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ||
           strcmp(text, "null") == 0 ||
           (field_number_parse(text, strlen(text), &number) == 0 &&
            !(text[0] == '0' && text[1] >= '0' && text[1] <= '9'));
}

static int scalar_write(const struct node *n, struct buf *out)
{
    if (!n->plain)
        return text_write(n->text, out);
    if (is_ambiguous(n->text))
        return SP_EINVAL;
    return is_json_word(n->text) ? buf_append_text(out, n->text)
                                 : text_write(n->text, out);
}

static int members_write(const struct node *n, struct buf *out, unsigned depth)
{
    int r = 0;

    for (size_t i = 0; i < n->count && r == 0; i++) {
        if (i > 0)
            r = buf_append_text(out, ",");
        if (r == 0 && n->kind == NODE_MAP &&
            (r = text_write(n->items[i]->key, out)) == 0)
            r = buf_append_text(out, ":");
        if (r == 0)
            r = value_write(n->items[i], out, depth + 1);
    }
    return r;
}

static int value_write(const struct node *n, struct buf *out, unsigned depth)
{
    bool map = n->kind == NODE_MAP;
    int r;

    if (n->kind == NODE_SCALAR)
        return scalar_write(n, out);
    if (depth >= FORCED_DEPTH)
        return SP_EINVAL;
    if ((r = buf_append_text(out, map ? "{" : "[")) != 0 ||
        (r = members_write(n, out, depth)) != 0)
        return r;
    return buf_append_text(out, map ? "}" : "]");
}

static char *value_json(struct rules *r, const struct node *value)
{
    struct buf out;
    char *json = NULL;
    int error;

    buf_init(&out, FORCED_MAX);
    error = value_write(value, &out, 0);
    if (error == 0)
        error = buf_append(&out, "", 1);
    if (error == 0)
        json = strdup((const char *)buf_bytes(&out));
    buf_release(&out);
    if (json == NULL && (error == 0 || error == SP_ENOMEM))
        r->b->no_memory = true;
    else if (json == NULL)
        rule_error(r, value, "bad value to force",
                   "true, false, null, a number, a text (in quotes where it "
                   "reads like yes or no), a list or a mapping of them");
    return json;
}

/* ---- force ---- */

/* Only what stands at the top or in an object at the top can be forced: in
 * lists nobody could say where. */
static bool row_is_forcible(uint16_t field)
{
    const struct field_info *info = field_info(field);
    const char *dot = strrchr(info->path, '.');
    uint16_t parent = FIELD_NONE;

    if (field <= FIELD_PREFILL)
        return false;
    if (dot == NULL)
        return true;
    for (unsigned route = 1; route < ROUTE_COUNT && parent == FIELD_NONE;
         route++)
        if (info->routes & 1u << route)
            parent = field_of_route((enum route)route, info->path,
                                    (size_t)(dot - info->path));
    return parent != FIELD_NONE &&
           strchr(field_info(parent)->path, '.') == NULL &&
           field_info(parent)->shape == FIELD_OBJECT &&
           field_info(parent)->otherwise != FIELD_PART;
}

static void force_row(struct rules *r, uint16_t field, const struct node *rule,
                      const struct node *value);

/* An object with fields of its own: each of them. */
static void force_members(struct rules *r, uint16_t field,
                          const struct node *rule, const struct node *value)
{
    const struct field_info *info = field_info(field);

    row_set(r, field, FIELD_ALLOW);
    for (size_t i = 0; i < value->count; i++) {
        const struct node *m = value->items[i];
        bool found = false;

        for (unsigned route = 1; route < ROUTE_COUNT; route++) {
            uint16_t member;

            if ((info->routes & 1u << route) == 0)
                continue;
            member =
                field_member((enum route)route, field, m->key, strlen(m->key));
            if (member == FIELD_NONE || (found && r->forced[member] != NULL))
                continue;
            found = true;
            force_row(r, member, rule, m);
        }
        if (!found)
            document_error_key(r->b->d, r->b->report, m,
                               "\"%s\" has no field \"%.64s\": expected one "
                               "of docs/policy-reference.md",
                               info->path, m->key);
    }
}

static void force_row(struct rules *r, uint16_t field, const struct node *rule,
                      const struct node *value)
{
    bool object = field_info(field)->shape == FIELD_OBJECT;

    if (!row_is_forcible(field)) {
        rule_error(r, rule, "a field that cannot be forced",
                   "allow, deny or strip");
        return;
    }
    if (object && value->kind == NODE_MAP) {
        force_members(r, field, rule, value);
        return;
    }
    if (object) {
        rule_error(r, value, "an object cannot become this",
                   "a mapping of its fields");
        return;
    }
    row_set(r, field, FIELD_ALLOW);
    r->forced[field] = value_json(r, value);
}

/* ---- the other actions ---- */

static void limit_row(struct rules *r, uint16_t field, int64_t most)
{
    enum field_shape shape = field_info(field)->shape;

    if (shape == FIELD_BOOL) { /* true is 1 */
        row_set(r, field, most >= 1000000 ? FIELD_ALLOW : FIELD_DENY);
        return;
    }
    row_set(r, field, FIELD_LIMIT);
    r->t->most[field] = most;
}

static bool path_is_comparable(const char *path)
{
    for (uint16_t f = field_find(path, FIELD_NONE); f != FIELD_NONE;
         f = field_find(path, f))
        if (field_info(f)->shape == FIELD_NUMBER)
            return true;
    return false;
}

static void limit_rule(struct rules *r, const struct node *rule,
                       const struct node *value)
{
    int64_t most;

    if (!path_is_comparable(rule->key)) {
        rule_error(r, rule, "a maximum for a field that is no number",
                   "allow, deny or strip");
        return;
    }
    if (value->kind != NODE_SCALAR ||
        field_number_parse(value->text, strlen(value->text), &most) != 0) {
        rule_error(r, value, "bad maximum", "a number");
        return;
    }
    for (uint16_t f = field_find(rule->key, FIELD_NONE); f != FIELD_NONE;
         f = field_find(rule->key, f))
        limit_row(r, f, most);
}

static void force_rule(struct rules *r, const struct node *rule,
                       const struct node *value)
{
    for (uint16_t f = field_find(rule->key, FIELD_NONE); f != FIELD_NONE;
         f = field_find(rule->key, f))
        force_row(r, f, rule, value);
}

/* One value of several that an API chooses from. */
static bool is_choice(uint16_t field)
{
    const char *path = field_info(field)->path;

    for (const char *dot = strchr(path, '.'); dot != NULL;
         dot = strchr(dot + 1, '.'))
        for (uint16_t f = 0; f < field_count(); f++)
            if (field_info(f)->shape == FIELD_SET &&
                strlen(field_info(f)->path) == (size_t)(dot - path) &&
                memcmp(field_info(f)->path, path, (size_t)(dot - path)) == 0)
                return true;
    return false;
}

static bool is_never(uint16_t field)
{
    return field_info(field)->otherwise == FIELD_NEVER;
}

static void never_error(struct rules *r, const struct node *rule)
{
    rule_error(r, rule,
               "what is kept at the endpoint or goes on there belongs to "
               "nobody",
               is_choice(field_find(rule->key, FIELD_NONE)) ? "deny"
                                                            : "deny or strip");
}

static void word_rule(struct rules *r, const struct node *rule)
{
    static const char *const words[] = {"allow", "deny", "strip"};
    uint16_t first = field_find(rule->key, FIELD_NONE);
    int action = -1;

    for (int i = 0; i < 3; i++)
        if (strcmp(rule->text, words[i]) == 0)
            action = i;
    if (action < 0)
        document_error(r->b->d, r->b->report, rule,
                       "bad rule \"%.64s\": expected " EXPECTED, rule->text);
    else if (first == FIELD_OTHERS && action == FIELD_ALLOW)
        rule_error(r, rule, "fields that nobody knows cannot be allowed",
                   "deny or strip");
    else if (action == FIELD_ALLOW && is_never(first))
        never_error(r, rule);
    else if (action == FIELD_STRIP &&
             (first == FIELD_PREFILL || is_choice(first)))
        rule_error(r, rule, "this cannot be taken out of a request",
                   is_never(first) ? "deny" : "allow or deny");
    else
        for (uint16_t f = first; f != FIELD_NONE; f = field_find(rule->key, f))
            row_set(r, f, (enum field_action)action);
}

/* ---- one rule ---- */

static bool path_is_known(struct rules *r, const struct node *rule)
{
    struct nearest nearest = {.word = rule->key};

    if (field_find(rule->key, FIELD_NONE) != FIELD_NONE)
        return true;
    for (uint16_t f = 0; f < field_count(); f++)
        nearest_try(&nearest, field_info(f)->path);
    if (nearest.best != NULL)
        document_error_key(r->b->d, r->b->report, rule,
                           "no field \"%.64s\": did you mean \"%s\"?",
                           rule->key, nearest.best);
    else
        document_error_key(r->b->d, r->b->report, rule,
                           "no field \"%.64s\": expected one of "
                           "docs/policy-reference.md",
                           rule->key);
    return false;
}

/* A rule that none of the terms' uses can meet would be a silence. */
static bool path_is_used(struct rules *r, const struct node *rule)
{
    for (uint16_t f = field_find(rule->key, FIELD_NONE); f != FIELD_NONE;
         f = field_find(rule->key, f))
        if (field_info(f)->routes & r->t->uses)
            return true;
    document_error_key(r->b->d, r->b->report, rule,
                       "none of the terms' uses has a field \"%.64s\": "
                       "expected a field of one of them",
                       rule->key);
    return false;
}

static void rule_apply(struct rules *r, const struct node *rule)
{
    const struct node *max, *force;

    if (field_info(field_find(rule->key, FIELD_NONE))->otherwise ==
        FIELD_PART) {
        document_error_key(r->b->d, r->b->report, rule,
                           "\"%.64s\" is part of what a request is: expected "
                           "a field that can be left out",
                           rule->key);
        return;
    }
    if (rule->kind == NODE_SCALAR) {
        word_rule(r, rule);
        return;
    }
    max = node_member(rule, "max");
    force = node_member(rule, "force");
    if (rule->kind != NODE_MAP || rule->count != 1 ||
        (max == NULL && force == NULL))
        rule_error(r, rule, "a rule that is none", EXPECTED);
    else if (is_never(field_find(rule->key, FIELD_NONE)))
        never_error(r, rule);
    else if (max != NULL)
        limit_rule(r, rule, max);
    else
        force_rule(r, rule, force);
}

static void rules_apply(struct rules *r, const struct node *fields, bool own)
{
    for (size_t i = 0; i < node_members(fields); i++) {
        const struct node *rule = fields->items[i];

        if (rule->bad)
            continue;
        if (!own) {
            /* Their own errors are told where they are written. */
            struct report silent = {.out = NULL};
            struct report *report = r->b->report;

            r->b->report = &silent;
            if (field_find(rule->key, FIELD_NONE) != FIELD_NONE)
                rule_apply(r, rule);
            r->b->report = report;
        } else if (path_is_known(r, rule) && path_is_used(r, rule)) {
            rule_apply(r, rule);
        }
    }
}

/* The dialects call one thing by three names: a rule for `max_tokens` is meant
 * for all of them. */
static void ceilings_alias(struct rules *r)
{
    static const char *const names[] = {"max_completion_tokens",
                                        "max_output_tokens"};
    uint16_t from = field_find("max_tokens", FIELD_NONE);

    if (!r->written[from])
        return;
    for (size_t i = 0; i < 2; i++) {
        uint16_t f = field_find(names[i], FIELD_NONE);

        if (r->written[f])
            continue;
        r->t->action[f] = r->t->action[from];
        r->t->most[f] = r->t->most[from];
        if (r->forced[from] != NULL &&
            (r->forced[f] = strdup(r->forced[from])) == NULL)
            r->b->no_memory = true;
    }
}

/* Together they give the model's last layer away, each of them alone less. */
static void extraction_check(struct rules *r, const struct node *fields)
{
    const struct node *bias = node_member(fields, "logit_bias");
    bool biased =
        r->t->action[field_find("logit_bias", FIELD_NONE)] == FIELD_ALLOW;
    bool probable = false;

    for (uint16_t f = 0; f < field_count(); f++)
        if (strstr(field_info(f)->path, "logprobs") != NULL &&
            field_info(f)->otherwise == FIELD_CLOSED &&
            (r->t->action[f] == FIELD_ALLOW || r->t->action[f] == FIELD_LIMIT))
            probable = true;
    if (biased && probable && fields != NULL)
        rule_error(r, bias != NULL ? bias : fields,
                   "logit_bias together with log probabilities gives the "
                   "model's output layer away",
                   "at most one of them in terms");
}

static void defaults_apply(struct rules *r)
{
    static const uint8_t actions[] = {
        [FIELD_PART] = FIELD_ALLOW,  [FIELD_PLAIN] = FIELD_ALLOW,
        [FIELD_ONE] = FIELD_LIMIT,   [FIELD_DROPPED] = FIELD_STRIP,
        [FIELD_CLOSED] = FIELD_DENY, [FIELD_NEVER] = FIELD_DENY};

    for (uint16_t f = 0; f < field_count(); f++) {
        r->t->action[f] = actions[field_info(f)->otherwise];
        r->t->most[f] = 1000000;
    }
}

/* The largest whole ceiling on a route; -1: none is set. */
static int64_t ceiling_of(const struct policy_terms *t, enum route route)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens",
                                        "max_output_tokens"};
    int64_t least = -1;

    for (size_t i = 0; i < 3; i++) {
        uint16_t f = field_of_route(route, names[i], strlen(names[i]));
        int64_t most;

        if (f == FIELD_NONE || t->action[f] != FIELD_LIMIT)
            continue;
        most = t->most[f] / 1000000;
        if (least < 0 || most < least)
            least = most;
    }
    return least;
}

static void rules_finish(struct rules *r)
{
    struct policy_terms *t = r->t;
    size_t n = 0;

    for (uint16_t f = 0; f < FIELD_MAX; f++)
        n += r->forced[f] != NULL;
    t->forces = build_array(r->b, n, sizeof *t->forces);
    for (uint16_t f = 0; f < field_count(); f++) {
        if (t->action[f] == FIELD_STRIP)
            t->strip[f / 64] |= UINT64_C(1) << f % 64;
        if (r->forced[f] != NULL && t->forces != NULL) {
            t->forces[t->nforces++] =
                (struct policy_force){.field = f, .json = r->forced[f]};
            r->forced[f] = NULL;
        }
    }
    for (uint16_t f = 0; f < FIELD_MAX; f++)
        free(r->forced[f]);
    for (unsigned route = 0; route < ROUTE_COUNT; route++)
        t->ceiling[route] = ceiling_of(t, (enum route)route);
}

void fields_build(struct policy_build *b, struct policy_terms *t,
                  const struct node *own, const struct node *base)
{
    struct rules r = {.b = b, .t = t};

    defaults_apply(&r);
    rules_apply(&r, base, false);
    ceilings_alias(&r);
    memset(r.written, 0, sizeof r.written);
    rules_apply(&r, own, true);
    ceilings_alias(&r);
    extraction_check(&r, own != NULL ? own : base);
    rules_finish(&r);
}
