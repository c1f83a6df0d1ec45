/* SPDX-License-Identifier: Apache-2.0 */
/* A policy's rules in plain words. Runs in the command. */
#include "policy/agreement.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "lib/sealing.h"
#include "policy/words.h"

/* A line in the making: parts with "; " between, nothing if there are none. */
struct line {
    FILE *out;
    const char *indent, *title;
    bool begun;
};

SP_PRINTF(2, 3)
static void part(struct line *l, const char *format, ...)
{
    va_list list;

    if (l->begun)
        fputs("; ", l->out);
    else
        fprintf(l->out, "%s%s: ", l->indent, l->title);
    l->begun = true;
    va_start(list, format);
    vfprintf(l->out, format, list);
    va_end(list);
}

static void line_end(const struct line *l)
{
    if (l->begun)
        fputc('\n', l->out);
}

/* ---- how much ---- */

static void part_limit(struct line *l, const char *before, int64_t limit,
                       const char *after)
{
    if (limit >= 0)
        part(l, "%s%" PRId64 " %s", before, limit, after);
}

static void budget_print(const struct budget *b, struct line l)
{
    static const char *const units[] = {
        [UNIT_REQUESTS] = "requests",
        [UNIT_TOKENS] = "tokens",
        [UNIT_INPUT_TOKENS] = "tokens of questions",
        [UNIT_OUTPUT_TOKENS] = "tokens of answers",
        [UNIT_CACHED_TOKENS] = "cached tokens",
        [UNIT_REASONING_TOKENS] = "tokens of reasoning",
        [UNIT_BYTES] = "bytes of answers as sent",
        [UNIT_CONTENT_BYTES] = "bytes of what the model said",
    };

    for (int u = 0; u < UNIT_COUNT; u++)
        part_limit(&l, "", b->total[u], units[u]);
    part_limit(&l, "", b->requests_per_minute, "requests a minute");
    part_limit(&l, "", b->tokens_per_minute, "tokens a minute");
    part_limit(&l, "", b->concurrent, "requests at a time");
    line_end(&l);
}

static void amounts_print(const struct policy_terms *t, struct line l)
{
    struct line of = l;

    of.title = "one window, at most";
    budget_print(&t->window, of);
    of.title = "one person, at most";
    budget_print(&t->person, of);
    of.title = "one person's open requests come from at most";
    part_limit(&of, "", t->person_addresses, "addresses");
    line_end(&of);
    l.title = "one request, at most";
    part_limit(&l, "", t->request_bytes, "bytes");
    part(&l, "%" PRId64 " s", t->request_ms / 1000);
    part_limit(&l, "", t->answer_bytes, "bytes of answer");
    line_end(&l);
}

/* ---- fields ---- */

/* What holds without a rule is in the reference. */
static bool is_default(const struct policy_terms *t, uint16_t f)
{
    switch (field_info(f)->otherwise) {
    case FIELD_PLAIN:
    case FIELD_PART:
        return t->action[f] == FIELD_ALLOW;
    case FIELD_ONE:
        return t->action[f] == FIELD_LIMIT && t->most[f] == 1000000;
    case FIELD_DROPPED:
        return t->action[f] == FIELD_STRIP;
    case FIELD_CLOSED:
    case FIELD_NEVER:
    default:
        return t->action[f] == FIELD_DENY;
    }
}

static bool is_forced(const struct policy_terms *t, uint16_t field)
{
    for (size_t i = 0; i < t->nforces; i++)
        if (t->forces[i].field == field)
            return true;
    return false;
}

/* Rows of one path that are alike are told once. */
static bool was_told(const struct policy_terms *t, uint16_t field)
{
    const char *path = field_info(field)->path;

    for (uint16_t f = field_find(path, FIELD_NONE); f < field;
         f = field_find(path, f))
        if (field_info(f)->routes & t->uses && !is_default(t, f) &&
            t->action[f] == t->action[field] && t->most[f] == t->most[field])
            return true;
    return false;
}

static void part_field(struct line *l, const struct policy_terms *t, uint16_t f)
{
    const char *path =
        f == FIELD_OTHERS ? "fields that are not known" : field_info(f)->path;
    char number[FIELD_NUMBER_SIZE];

    if (t->action[f] == FIELD_LIMIT) {
        field_number_print(t->most[f], number);
        part(l, "%s up to %s", path, number);
    } else {
        part(l, "%s", path);
    }
}

static void fields_print(const struct policy_terms *t, struct line l)
{
    static const char *const titles[] = {
        [FIELD_ALLOW] = "fields allowed, other than by default",
        [FIELD_DENY] = "fields refused, other than by default",
        [FIELD_STRIP] = "fields taken out, other than by default",
        [FIELD_LIMIT] = "fields allowed up to a number",
    };

    for (uint8_t action = 0; action < sizeof titles / sizeof *titles;
         action++) {
        struct line of = l;

        of.title = titles[action];
        for (uint16_t f = 0; f < field_count(); f++)
            if (t->action[f] == action && field_info(f)->routes & t->uses &&
                !is_default(t, f) && !is_forced(t, f) && !was_told(t, f))
                part_field(&of, t, f);
        line_end(&of);
    }
    l.title = "fields set by the gateway";
    for (size_t i = 0; i < t->nforces; i++)
        if (field_info(t->forces[i].field)->routes & t->uses)
            part(&l, "%s to %s", field_info(t->forces[i].field)->path,
                 t->forces[i].json);
    line_end(&l);
}

/* ---- what requests bring ---- */

static void part_list(struct line *l, const char *before, char *const *list,
                      size_t count)
{
    char text[1024] = "";
    struct words w = {text, sizeof text, 0};

    say_list(&w, list, count);
    part(l, "%s%s", before, text);
}

static void tools_print(const struct policy_terms *t, struct line l)
{
    struct line media = l;

    l.title = "tools";
    if (t->ntool_types == 0) {
        part(&l, "none");
    } else {
        part_list(&l, "", t->tool_types, t->ntool_types);
        part(&l, "at most %" PRId64 " in a request", t->tools_max);
    }
    line_end(&l);
    media.title = "files and URLs in requests";
    if (t->data_urls)
        part(&media, "files inside of the request");
    if (t->remote_urls)
        part(&media, "URLs that the endpoint fetches, past the gateway");
    if (!media.begun)
        part(&media, "none");
    line_end(&media);
}

static void said_print(const struct policy_terms *t, struct line l)
{
    struct line api = l;

    l.title = "requests say";
    if (t->purpose == PURPOSE_REQUIRED)
        part(&l, "their purpose");
    if (t->npurposes > 0)
        part_list(&l, "if a purpose, one of ", t->purposes, t->npurposes);
    if (t->case_id == PURPOSE_REQUIRED)
        part(&l, "their case");
    line_end(&l);
    api.title = "Anthropic API";
    if (t->nversions > 0)
        part_list(&api, "versions ", t->versions, t->nversions);
    if (t->nbetas > 0)
        part_list(&api, "betas ", t->betas, t->nbetas);
    line_end(&api);
}

/* ---- answers ---- */

static void answers_print(const struct policy_terms *t, struct line l)
{
    l.title = "answers";
    part(&l, "%s",
         t->answer_json && t->answer_events ? "application/json or "
                                              "text/event-stream"
         : t->answer_json                   ? "application/json alone"
                                            : "text/event-stream alone");
    for (char **name = t->removed; name != NULL && *name != NULL; name++)
        part(&l, "without %s", *name);
    if (t->strip_reasoning)
        part(&l, "without reasoning");
    if (t->coalesce_ms > 0)
        part(&l, "events held together for %" PRId64 " ms", t->coalesce_ms);
    if (t->padding > 0)
        part(&l, "records padded to multiples of %" PRId64 " bytes",
             t->padding);
    if (t->marking != NULL)
        part(&l, "marked %s", t->marking);
    line_end(&l);
}

static void tripwires_print(const struct policy_terms *t, struct line l)
{
    for (size_t i = 0; i < t->ntripwires; i++) {
        const struct policy_tripwire *w = &t->tripwires[i];
        const char *does = w->suspends ? "suspends the person" : "is recorded";

        l.title = "tripwires";
        if (w->value == WATCH_FIRST_USE)
            part(&l, "%s: %s %s", w->name, watch_value_name(w->value), does);
        else
            part(&l, "%s: %s above %" PRIu64 " %s", w->name,
                 watch_value_name(w->value), w->above, does);
    }
    line_end(&l);
}

/* ---- the whole ---- */

static void uses_print(const struct policy *p, const struct policy_terms *t,
                       struct line l)
{
    l.title = "uses";
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if (t->uses & 1u << r && r != ROUTE_MODEL)
            part(&l, "%s", route_info((enum route)r)->name);
    if (t->nda < p->ndocuments)
        part(&l, "after accepting %s", p->documents[t->nda].name);
    line_end(&l);
}

void agreement_print_terms(const struct policy *p, const struct policy_terms *t,
                           const char *indent, FILE *out)
{
    const char *escrow = t->transcripts == TRANSCRIPTS_SEALED && p->has_escrow
                             ? ", and to two officers who open it together"
                             : "";
    static const char *const kept[] = {
        [TRANSCRIPTS_NONE] = "nothing but sizes",
        [TRANSCRIPTS_COMMITMENT] = "salted commitments to what is said",
        [TRANSCRIPTS_SEALED] = ("salted commitments to what is said, and all "
                                "of it sealed to the party's key")};
    struct line l = {.out = out, .indent = indent};

    uses_print(p, t, l);
    amounts_print(t, l);
    fields_print(t, l);
    tools_print(t, l);
    said_print(t, l);
    answers_print(t, l);
    tripwires_print(t, l);
    l.title = "transcripts";
    part(&l, "%s%s", kept[t->transcripts], escrow);
    line_end(&l);
}

/* Who is asked, and how old an answer may be. */
static void revocation_print(const struct policy_revocation *r,
                             const char *indent, FILE *out)
{
    struct line l = {.out = out, .indent = indent, .title = "revocation"};
    char text[1024];
    struct words w = {text, sizeof text, 0};

    if (r->mode == POLICY_REVOCATION_NONE)
        return;
    part(&l, "%s", policy_revocation_mode_text(r->mode));
    if (r->responder != NULL)
        part(&l, "responder %s", r->responder);
    if (r->nhosts > 0) {
        say_list(&w, r->hosts, r->nhosts);
        part(&l, "where certificates say so, at %s", text);
    }
    if (r->crl != NULL)
        part(&l, "lists of %s", r->crl);
    for (size_t i = 0; i < r->nfetch; i++)
        part(&l, "lists from %s", r->fetch[i]);
    part(&l, "at most %" PRId64 " min old", r->max_age_ms / 60000);
    line_end(&l);
}

static void notices_print(const struct policy_notices *n, const char *indent,
                          FILE *out)
{
    struct line l = {.out = out, .indent = indent, .title = "notices go to"};

    for (size_t i = 0; i < n->naddresses; i++)
        part(&l, "%s", n->addresses[i]);
    if (n->syslog != NULL)
        part(&l, "syslog at %s", n->syslog);
    line_end(&l);
}

void agreement_print_notify(const struct policy_window *w, const char *indent,
                            FILE *out)
{
    char text[200] = "";
    struct words words = {text, sizeof text, 0};

    say_durations(&words, w->notify, w->nnotify);
    fprintf(out, "%sits end is told before: %s\n", indent, text);
}

void agreement_print_source(const struct policy_party *party,
                            const char *indent, FILE *out)
{
    struct line l = {.out = out, .indent = indent, .title = "from"};
    char text[1024] = "";
    struct words w = {text, sizeof text, 0};

    for (size_t i = 0; i < party->nnetworks; i++) {
        char network[NETWORK_SIZE];

        network_print(&party->networks[i], network);
        say(&w, "%s%s", i == 0 ? "" : ", ", network);
    }
    if (party->nnetworks > 0)
        part(&l, "%s", text);
    if (party->hours.days != 0) {
        w = (struct words){text, sizeof text, 0};
        say_hours(&w, &party->hours);
        part(&l, "%s", text);
    }
    line_end(&l);
    revocation_print(&party->revocation, indent, out);
    notices_print(&party->notices, indent, out);
    if (!party->has_sealing_key)
        return;
    sealing_key_format(party->sealing_key, text);
    fprintf(out, "%skey of transcripts: %s\n", indent, text);
}

void agreement_print_model(const struct policy_model *m, const char *indent,
                           FILE *out)
{
    char title[192];

    snprintf(title, sizeof title, "%s, all parties together, at most", m->name);
    budget_print(&m->budget,
                 (struct line){.out = out, .indent = indent, .title = title});
}
