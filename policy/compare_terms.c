/* SPDX-License-Identifier: Apache-2.0 */
/* Terms compared: every member of struct policy_terms has a line here. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/compare_parts.h"

/* ---- fields ---- */

/* The more, the less is refused. */
static int rank_of(uint8_t action)
{
    static const int ranks[] = {
        [FIELD_DENY] = 0,
        [FIELD_LIMIT] = 1,
        [FIELD_STRIP] = 2,
        [FIELD_ALLOW] = 3,
    };

    return action < sizeof ranks / sizeof *ranks ? ranks[action] : 0;
}

static void say_rule(struct words *w, const struct policy_terms *t,
                     uint16_t field)
{
    static const char *const texts[] = {
        [FIELD_ALLOW] = "allowed",
        [FIELD_DENY] = "refused",
        [FIELD_STRIP] = "taken out",
    };
    char number[FIELD_NUMBER_SIZE];

    if (t->action[field] == FIELD_LIMIT) {
        field_number_print(t->most[field], number);
        say(w, "at most %s", number);
    } else {
        say(w, "%s",
            texts[t->action[field] <= FIELD_STRIP ? t->action[field]
                                                  : FIELD_DENY]);
    }
}

static bool rules_differ(const struct policy_terms *a,
                         const struct policy_terms *b, uint16_t field)
{
    return a->action[field] != b->action[field] ||
           (a->action[field] == FIELD_LIMIT &&
            a->most[field] != b->most[field]);
}

static bool rules_are_alike(const struct policy_terms *t, uint16_t f,
                            uint16_t g)
{
    return t->action[f] == t->action[g] &&
           (t->action[f] != FIELD_LIMIT || t->most[f] == t->most[g]);
}

/* One path may have several rows, for several routes. */
static bool field_was_told(const struct policy_terms *before,
                           const struct policy_terms *now, uint16_t field,
                           uint32_t routes)
{
    const char *path = field_info(field)->path;

    for (uint16_t f = field_find(path, FIELD_NONE); f < field;
         f = field_find(path, f))
        if (field_info(f)->routes & routes &&
            rules_are_alike(before, f, field) && rules_are_alike(now, f, field))
            return true;
    return false;
}

static enum change_kind field_kind(const struct policy_terms *before,
                                   const struct policy_terms *now,
                                   uint16_t field)
{
    int was = rank_of(before->action[field]), is = rank_of(now->action[field]);

    if (was != is)
        return is > was ? CHANGE_WIDER : CHANGE_NARROWER;
    return now->most[field] > before->most[field] ? CHANGE_WIDER
                                                  : CHANGE_NARROWER;
}

static void compare_field(struct comparison *c,
                          const struct policy_terms *before,
                          const struct policy_terms *now, uint16_t field)
{
    char text[96] = "", was[96] = "";
    struct words w = {text, sizeof text, 0}, v = {was, sizeof was, 0};

    say_rule(&w, now, field);
    say_rule(&v, before, field);
    change_tell(c, field_kind(before, now, field), "field %s: %s (was %s)",
                field_info(field)->path, text, was);
}

static const char *forced_value(const struct policy_terms *t, uint16_t field)
{
    for (size_t i = 0; i < t->nforces; i++)
        if (t->forces[i].field == field)
            return t->forces[i].json;
    return NULL;
}

static void compare_force(struct comparison *c,
                          const struct policy_terms *before,
                          const struct policy_terms *now, uint16_t field)
{
    const char *was = forced_value(before, field);
    const char *is = forced_value(now, field);

    if ((was == NULL) != (is == NULL) || (was != NULL && strcmp(was, is) != 0))
        change_tell(c, CHANGE_OTHER, "field %s: set to %.256s (was %.256s)",
                    field_info(field)->path, is == NULL ? "nothing" : is,
                    was == NULL ? "not set" : was);
}

static void compare_fields(struct comparison *c,
                           const struct policy_terms *before,
                           const struct policy_terms *now, uint32_t routes)
{
    for (uint16_t f = 0; f < field_count(); f++) {
        if ((field_info(f)->routes & routes) == 0)
            continue;
        if (rules_differ(before, now, f) &&
            !field_was_told(before, now, f, routes))
            compare_field(c, before, now, f);
        compare_force(c, before, now, f);
    }
}

/* ---- what people accept and say ---- */

static const struct policy_document *document_of(const struct policy *p,
                                                 const struct policy_terms *t)
{
    return t->nda < p->ndocuments ? &p->documents[t->nda] : NULL;
}

static void compare_nda(struct comparison *c, const struct policy_terms *before,
                        const struct policy_terms *now)
{
    const struct policy_document *was = document_of(c->before, before);
    const struct policy_document *is = document_of(c->now, now);

    if (was == NULL && is != NULL)
        change_tell(c, CHANGE_NARROWER,
                    "nda: %s has to be accepted first (was nothing)", is->name);
    else if (was != NULL && is == NULL)
        change_tell(c, CHANGE_WIDER, "nda: nothing has to be accepted (was %s)",
                    was->name);
    else if (was != NULL && memcmp(was->sha256, is->sha256, 32) != 0)
        change_tell(c, CHANGE_NARROWER,
                    "nda: another text of %s has to be accepted, by all who "
                    "did not yet",
                    is->name);
    else if (was != NULL)
        compare_text(c, "nda's name", was->name, is->name);
}

static void compare_purpose(struct comparison *c,
                            const struct policy_terms *before,
                            const struct policy_terms *now)
{
    compare_flag(c, "x-sallyport-purpose required", MORE_IS_NARROWER,
                 before->purpose == PURPOSE_REQUIRED,
                 now->purpose == PURPOSE_REQUIRED);
    compare_flag(c, "x-sallyport-case required", MORE_IS_NARROWER,
                 before->case_id == PURPOSE_REQUIRED,
                 now->case_id == PURPOSE_REQUIRED);
    compare_list(c, "x-sallyport-purpose",
                 &(struct allowed){before->purposes, before->npurposes, true},
                 &(struct allowed){now->purposes, now->npurposes, true});
    compare_list(c, "anthropic-version",
                 &(struct allowed){before->versions, before->nversions, true},
                 &(struct allowed){now->versions, now->nversions, true});
    compare_list(c, "anthropic-beta",
                 &(struct allowed){before->betas, before->nbetas, false},
                 &(struct allowed){now->betas, now->nbetas, false});
}

/* ---- answers ---- */

static size_t list_length(char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* What is taken out is the reverse of what is allowed. */
static void compare_removed(struct comparison *c,
                            const struct policy_terms *before,
                            const struct policy_terms *now)
{
    const struct policy_terms *sides[] = {before, now};

    for (int to = 0; to < 2; to++)
        for (size_t i = 0; i < list_length(sides[to]->removed); i++) {
            const char *name = sides[to]->removed[i];
            char *const *other = sides[!to]->removed;
            size_t k = 0, n = list_length(other);

            while (k < n && strcmp(other[k], name) != 0)
                k++;
            if (k == n)
                change_tell(c, to == 1 ? CHANGE_NARROWER : CHANGE_WIDER,
                            "answers: %s is %s", name,
                            to == 1 ? "taken out" : "no longer taken out");
        }
}

static void compare_answers(struct comparison *c,
                            const struct policy_terms *before,
                            const struct policy_terms *now)
{
    static const char *const transcripts[] = {[TRANSCRIPTS_NONE] = "none",
                                              [TRANSCRIPTS_COMMITMENT] =
                                                  "commitment",
                                              [TRANSCRIPTS_SEALED] = "sealed"};

    compare_flag(c, "answers of application/json", MORE_IS_WIDER,
                 before->answer_json, now->answer_json);
    compare_flag(c, "answers of text/event-stream", MORE_IS_WIDER,
                 before->answer_events, now->answer_events);
    compare_removed(c, before, now);
    compare_flag(c, "answers: reasoning is taken out", MORE_IS_NARROWER,
                 before->strip_reasoning, now->strip_reasoning);
    compare_number(c, "answers: ms that events are held", MORE_IS_OTHER,
                   before->coalesce_ms, now->coalesce_ms);
    compare_number(c, "answers: records padded to multiples of bytes",
                   MORE_IS_OTHER, before->padding, now->padding);
    compare_text(c, "marking", before->marking, now->marking);
    compare_text(c, "transcripts", transcripts[before->transcripts],
                 transcripts[now->transcripts]);
}

/* ---- tripwires ---- */

static const struct policy_tripwire *tripwire_find(const struct policy_terms *t,
                                                   const char *name)
{
    for (size_t i = 0; i < t->ntripwires; i++)
        if (strcmp(t->tripwires[i].name, name) == 0)
            return &t->tripwires[i];
    return NULL;
}

static void say_tripwire(struct words *w, const struct policy_tripwire *t)
{
    say(w, "%s", watch_value_name(t->value));
    if (t->value != WATCH_FIRST_USE)
        say(w, " > %" PRIu64, t->above);
    say(w, t->suspends ? " suspends" : " is told");
}

/* Only what suspends can refuse anybody. */
static void tripwire_tell(struct comparison *c, enum change_kind kind,
                          const struct policy_tripwire *t, const char *how)
{
    char text[96] = "";
    struct words w = {text, sizeof text, 0};

    say_tripwire(&w, t);
    change_tell(c, t->suspends ? kind : CHANGE_OTHER, "tripwire %s%s: %s",
                t->name, how, text);
}

static void compare_tripwire(struct comparison *c,
                             const struct policy_tripwire *was,
                             const struct policy_tripwire *is)
{
    char text[96] = "", old[96] = "";
    struct words w = {text, sizeof text, 0}, v = {old, sizeof old, 0};
    enum change_kind kind = CHANGE_OTHER;

    if (was->value == is->value && was->above == is->above &&
        was->suspends == is->suspends)
        return;
    if (was->suspends != is->suspends || was->value != is->value) {
        /* Other people may be suspended, or fewer, or both. */
        if (was->suspends)
            tripwire_tell(c, CHANGE_WIDER, was, " is gone");
        if (is->suspends)
            tripwire_tell(c, CHANGE_NARROWER, is, "");
        if (was->suspends || is->suspends)
            return;
    } else if (is->suspends) {
        kind = is->above > was->above ? CHANGE_WIDER : CHANGE_NARROWER;
    }
    say_tripwire(&w, is);
    say_tripwire(&v, was);
    change_tell(c, kind, "tripwire %s: %s (was %s)", is->name, text, old);
}

static void compare_tripwires(struct comparison *c,
                              const struct policy_terms *before,
                              const struct policy_terms *now)
{
    for (size_t i = 0; i < before->ntripwires; i++) {
        const struct policy_tripwire *was = &before->tripwires[i];
        const struct policy_tripwire *is = tripwire_find(now, was->name);

        if (is == NULL)
            tripwire_tell(c, CHANGE_WIDER, was, " is gone");
        else
            compare_tripwire(c, was, is);
    }
    for (size_t i = 0; i < now->ntripwires; i++)
        if (tripwire_find(before, now->tripwires[i].name) == NULL)
            tripwire_tell(c, CHANGE_NARROWER, &now->tripwires[i], "");
}

/* ---- how much ---- */

static void compare_amounts(struct comparison *c,
                            const struct policy_terms *before,
                            const struct policy_terms *now)
{
    compare_budget(c, "of a window: ", &before->window, &now->window);
    compare_budget(c, "of a person: ", &before->person, &now->person);
    compare_number(c, "of a person: addresses", MORE_IS_WIDER,
                   before->person_addresses, now->person_addresses);
    compare_number(c, "of a request: bytes", MORE_IS_WIDER,
                   before->request_bytes, now->request_bytes);
    compare_number(c, "of a request: ms", MORE_IS_WIDER, before->request_ms,
                   now->request_ms);
    /* The more is held back, the sooner others find nothing. */
    compare_number(c, "of a request: tokens held back for its answer",
                   MORE_IS_NARROWER, before->request_tokens,
                   now->request_tokens);
    compare_number(c, "of a request: bytes of its answer", MORE_IS_WIDER,
                   before->answer_bytes, now->answer_bytes);
}

static void compare_tools(struct comparison *c,
                          const struct policy_terms *before,
                          const struct policy_terms *now)
{
    compare_list(
        c, "tools",
        &(struct allowed){before->tool_types, before->ntool_types, false},
        &(struct allowed){now->tool_types, now->ntool_types, false});
    if (before->ntool_types > 0 && now->ntool_types > 0)
        compare_number(c, "tools in a request", MORE_IS_WIDER,
                       before->tools_max, now->tools_max);
    compare_flag(c, "media inside of requests", MORE_IS_WIDER,
                 before->data_urls, now->data_urls);
    compare_flag(c, "media that the endpoint fetches", MORE_IS_WIDER,
                 before->remote_urls, now->remote_urls);
}

void compare_terms(struct comparison *c, const struct policy_terms *before,
                   const struct policy_terms *now, uint32_t routes)
{
    compare_nda(c, before, now);
    compare_fields(c, before, now, routes);
    compare_tools(c, before, now);
    compare_purpose(c, before, now);
    compare_amounts(c, before, now);
    compare_answers(c, before, now);
    compare_tripwires(c, before, now);
}
