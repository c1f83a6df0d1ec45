/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies that are right, written from the schema's own table: a field
 * that is added to the language occurs in them without a change here, as long
 * as any value of its type is right. What refers to something else, or is
 * held to a form that its type does not know, has a row in rules[]. Members
 * are in any order, values in any spelling, with comments between.
 *
 * One element can be left out ("the second person", "the third window") with
 * everything else staying as it was.
 */
#ifndef SP_TESTS_POLICY_RANDOM_POLICY_H
#define SP_TESTS_POLICY_RANDOM_POLICY_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "policy/schemas.h"

#define RANDOM_DAY  86400000LL
#define RANDOM_BASE 1793491200000LL /* 2026-11-01T00:00:00Z */

struct random_policy {
    uint32_t seed;
    FILE *out;
    FILE *nowhere;
    char path[512]; /* "parties.*.people.*", "windows.[]" */
    unsigned depth;
    /* What the references need. */
    unsigned models, parties, terms, windows;
    bool government_first;
    unsigned party, person, term, window; /* that is being written */
    unsigned people;                      /* of the party */
    bool service, lasts;
    unsigned match;
    bool with_nda;
    const char *field; /* that a rule is written for */
    unsigned trip;     /* tripwires written */
    /* The element to leave out: the nth at this path; NULL: none. */
    const char *take_path;
    unsigned take_nth, take_seen;
};

static unsigned random_any(struct random_policy *g, unsigned below)
{
    g->seed = g->seed * 1664525u + 1013904223u;
    return (unsigned)(((uint64_t)(g->seed >> 4) * below) >> 28);
}

/* --- texts --------------------------------------------------------------- */

/* In any of the spellings that mean it. */
static void random_put(struct random_policy *g, const char *text)
{
    unsigned style = random_any(g, 3);
    size_t plain = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-");

    if (style == 0 && text[0] != 0 && text[plain] == 0 && text[0] != '-' &&
        strcasecmp(text, "null") != 0) {
        fputs(text, g->out);
    } else if (style == 1) {
        fputc('\'', g->out);
        for (; *text != 0; text++)
            fprintf(g->out, "%s%c", *text == '\'' ? "'" : "", *text);
        fputc('\'', g->out);
    } else {
        fputc('"', g->out);
        for (; *text != 0; text++)
            fprintf(g->out, "%s%c", strchr("\"\\", *text) ? "\\" : "", *text);
        fputc('"', g->out);
    }
}

static void random_text(struct random_policy *g, const struct schema_field *f)
{
    static const char *const pieces[] = {"a",
                                         "B",
                                         "7",
                                         " ",
                                         ":",
                                         ": ",
                                         "#",
                                         " #",
                                         "\"",
                                         "'",
                                         "\\",
                                         "-",
                                         ",",
                                         "[",
                                         "{",
                                         "*",
                                         "&",
                                         "!",
                                         "%",
                                         "|",
                                         "~",
                                         "\303\251",
                                         "\342\202\254",
                                         "\360\237\230\200",
                                         "null",
                                         "yes",
                                         "@",
                                         "`",
                                         "<<",
                                         "?"};
    char text[256] = "";
    size_t want = (size_t)f->min + random_any(g, 20), length = 0;

    if (f->max != 0 && want > (size_t)f->max)
        want = (size_t)f->max;
    if (want >= sizeof text - 8)
        want = sizeof text - 8;
    while (length < want) {
        const char *piece =
            pieces[random_any(g, sizeof pieces / sizeof *pieces)];

        if (f->max != 0 && length + strlen(piece) > (size_t)f->max)
            piece = "x";
        strcat(text, piece);
        length += strlen(piece);
    }
    random_put(g, text);
}

static void random_name(struct random_policy *g, const char *more, size_t most)
{
    char text[160];
    size_t length = 1 + random_any(g, (unsigned)most), many = strlen(more);

    for (size_t i = 0; i < length; i++)
        text[i] = more[random_any(g, (unsigned)(i == 0 ? many - 3 : many))];
    text[length] = 0;
    random_put(g, text);
}

static void random_number(struct random_policy *g, const struct schema_field *f)
{
    static const int64_t factors[] = {1,       1000,    60000,
                                      1000000, 3600000, 1 << 20};
    int64_t top = f->max == 0 ? f->min + 1000000 : f->max, v;
    char text[32];

    v = factors[random_any(g, 6)] * (1 + random_any(g, 50));
    if (random_any(g, 8) == 0 || v < f->min)
        v = f->min;
    if (random_any(g, 16) == 0 || v > top)
        v = top;
    if (random_any(g, 2) == 0)
        schema_number(f, v, text, sizeof text);
    else
        snprintf(text, sizeof text, "%" PRId64 "%s", v,
                 f->type == SCHEMA_DURATION || f->type == SCHEMA_SECONDS ? "ms"
                                                                         : "");
    if (f->words != NULL && random_any(g, 4) == 0)
        snprintf(text, sizeof text, "%s", f->words[0]);
    random_put(g, text);
}

static void random_time(struct random_policy *g, int64_t t)
{
    char text[CLOCK_UTC_SIZE];

    clock_format_utc(t, text);
    if (t % 1000 == 0 && random_any(g, 2) == 0)
        strcpy(text + 19, "Z");
    random_put(g, text);
}

static void random_hash(struct random_policy *g, unsigned unique)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    char text[65];

    for (size_t i = 0; i < 64; i++)
        text[i] = digits[random_any(g, 22)];
    snprintf(text + 56, 9, "%08x", unique);
    random_put(g, text);
}

static void random_scalar(struct random_policy *g, const struct schema_field *f)
{
    unsigned words = 0;

    switch (f->type) {
    case SCHEMA_TEXT:
        random_text(g, f);
        break;
    case SCHEMA_NAME:
        random_name(g, "abcxyz019._-", 63);
        break;
    case SCHEMA_MODEL:
        random_name(g, "abcXYZ019:_-", 127);
        break;
    case SCHEMA_PATH:
        random_name(g, "abcXYZ019._-", 40);
        break;
    case SCHEMA_CHOICE:
        while (f->words[words] != NULL)
            words++;
        random_put(g, f->words[random_any(g, words)]);
        break;
    case SCHEMA_TIME:
        random_time(g, RANDOM_BASE + (int64_t)random_any(g, 1u << 27) * 100);
        break;
    case SCHEMA_HASH:
        random_hash(g, random_any(g, 1u << 27));
        break;
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
    case SCHEMA_SECONDS:
    case SCHEMA_RECORD:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
    case SCHEMA_FREE:
    case SCHEMA_ANY:
    default:
        random_number(g, f);
        break;
    }
}

/* --- what refers to something else --------------------------------------- */

static unsigned party_kind_of(const struct random_policy *g, unsigned party)
{
    unsigned kind = (party * 7 + g->models * 3 + g->terms) % 5;

    return party == 0 && kind == PARTY_AUDITOR ? PARTY_GOVERNMENT : kind;
}

/* Parties with windows: the first, and all that are no auditors. */
static unsigned party_of_window(const struct random_policy *g, unsigned window)
{
    unsigned found[8], n = 0;

    for (unsigned i = 0; i < g->parties; i++)
        if (party_kind_of(g, i) != PARTY_AUDITOR)
            found[n++] = i;
    return found[window % n];
}

static unsigned model_of_window(const struct random_policy *g, unsigned window)
{
    unsigned n = 0;

    for (unsigned i = 0; i < g->parties; i++)
        n += party_kind_of(g, i) != PARTY_AUDITOR;
    return window / n % g->models;
}

/* Which window of its pair it is: 0 to 5. */
static unsigned round_of_window(const struct random_policy *g, unsigned window)
{
    unsigned n = 0;

    for (unsigned i = 0; i < window; i++)
        n += party_of_window(g, i) == party_of_window(g, window) &&
             model_of_window(g, i) == model_of_window(g, window);
    return n;
}

/* Rounds of a pair are 4 days apart and at most 3 days long; those who wait
 * begin when every government is done. */
static int64_t window_opens_of(const struct random_policy *g, unsigned window)
{
    bool waits =
        g->government_first && party_kind_waits((enum party_kind)party_kind_of(
                                   g, party_of_window(g, window)));

    return RANDOM_BASE + round_of_window(g, window) * 4 * RANDOM_DAY +
           (waits ? 30 * RANDOM_DAY : 0);
}

static void put_format(struct random_policy *g, const char *prefix,
                       unsigned number)
{
    char text[64];

    snprintf(text, sizeof text, "%s%u", prefix, number);
    random_put(g, text);
}

static void put_sequence(struct random_policy *g)
{
    random_put(g, g->government_first ? "government-first" : "concurrent");
}

static void put_endpoint(struct random_policy *g)
{
    static const char *const urls[] = {
        "unix:/run/model", "http://127.0.0.1:8080", "https://h.example:8443/v1",
        "http://10.1.2.3", "https://10.1.2.3/a/b/"};

    random_put(g, urls[random_any(g, 5)]);
}

static void put_kind(struct random_policy *g)
{
    random_put(g, party_kind_words[party_kind_of(g, g->party)]);
}

static void put_uri(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "sallyport://d/p%u/h%u", g->party, g->person);
    random_put(g, text);
}

static void put_names(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "CN=h%u,O=p%u | CN=CA", g->person, g->party);
    random_put(g, text);
}

static void put_key(struct random_policy *g)
{
    random_hash(g, g->party << 8 | g->person);
}

/* One person's number, unlike any other's. */
static unsigned person_number(const struct random_policy *g)
{
    return g->party * 1000 + g->person + 1;
}

static void put_serial(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "%08x | CN=CA", person_number(g));
    random_put(g, text);
}

static void put_uuid(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "urn:uuid:0000000a-0000-4000-8000-%012x",
             person_number(g));
    random_put(g, text);
}

static void put_upn(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "h%u@p | CN=CA", person_number(g));
    random_put(g, text);
}

static void put_edipi(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "%010u | CN=CA", person_number(g));
    random_put(g, text);
}

static void put_fascn(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "4700-0001-%06u", person_number(g));
    random_put(g, text);
}

static void put_email(struct random_policy *g)
{
    char text[64];

    snprintf(text, sizeof text, "h%u@p.example", person_number(g));
    random_put(g, text);
}

/* The first party is of the deployment's own authority. */
static void put_anchors(struct random_policy *g)
{
    if (g->party == 0)
        random_put(g, "ca");
    else
        put_format(g, "trust/", g->party);
}

static void put_certificate_policy(struct random_policy *g, unsigned i)
{
    put_format(g, "1.2.3.", i);
}

static void put_service_policy(struct random_policy *g, unsigned i)
{
    put_format(g, "1.2.4.", i);
}

static void put_person_policy(struct random_policy *g)
{
    random_put(g, g->service ? "1.2.4.0" : "1.2.3.0");
}

static unsigned count_two(const struct random_policy *g)
{
    (void)g;
    return 2;
}

static void put_person_kind(struct random_policy *g)
{
    random_put(g, g->service ? "service" : "human");
}

static void put_custodian(struct random_policy *g)
{
    put_format(g, "h", 0);
}

static void put_extends(struct random_policy *g)
{
    put_format(g, "t", 0);
}

static void put_release(struct random_policy *g)
{
    random_time(g, RANDOM_BASE + (58 + random_any(g, 30)) * RANDOM_DAY +
                       random_any(g, 1000));
}

static void put_window_party(struct random_policy *g)
{
    put_format(g, "p", party_of_window(g, g->window));
}

static void put_window_model(struct random_policy *g)
{
    put_format(g, "M", model_of_window(g, g->window));
}

static void put_opens(struct random_policy *g)
{
    random_time(g, window_opens_of(g, g->window));
}

static void put_lasts(struct random_policy *g)
{
    static const char *const times[] = {"3d", "72h", "1d", "90m", "86400s"};

    random_put(g, times[random_any(g, 5)]);
}

/* Shorter than any window. */
static void put_notify(struct random_policy *g)
{
    static const char *const times[] = {"1h", "45m", "3600s", "1s"};

    random_put(g, times[random_any(g, 4)]);
}

static void put_address(struct random_policy *g)
{
    static const char *const uris[] = {"mailto:soc@p.example", "sms:+15550100",
                                       "https://p.example/in?a=1&b=%20#x"};

    random_put(g, uris[random_any(g, 3)]);
}

static void put_syslog(struct random_policy *g)
{
    static const char *const paths[] = {"unix:/dev/log", "unix:/run/p log"};

    random_put(g, paths[random_any(g, 2)]);
}

static void put_closes(struct random_policy *g)
{
    random_time(g, window_opens_of(g, g->window) +
                       (1 + random_any(g, 3)) * RANDOM_DAY);
}

/* Disjoint between terms: each has its own. */
static const char *const uses_of_terms[][3] = {
    {"chat.completions", "models", NULL},
    {"completions", NULL, NULL},
    {"messages", "messages.count_tokens", NULL},
    {"responses", NULL, NULL}};

static unsigned uses_count(const struct random_policy *g)
{
    return uses_of_terms[g->term][1] != NULL ? 2 : 1;
}

static void put_use(struct random_policy *g, unsigned i)
{
    random_put(g, uses_of_terms[g->term][i]);
}

static void put_api(struct random_policy *g, unsigned i)
{
    static const char *const apis[] = {"openai.chat", "openai.completions",
                                       "openai.responses",
                                       "anthropic.messages"};

    random_put(g, apis[i % 4]);
}

/* The terms of a window: each terms' turn comes, sometimes with its next. */
static unsigned window_terms_count(const struct random_policy *g)
{
    return g->terms > 1 && g->window % 3 == 1 ? 2 : 1;
}

static void put_window_terms(struct random_policy *g, unsigned i)
{
    put_format(g, "t", (g->window + i) % g->terms);
}

enum { MAY, MUST, NEVER };

static int is_match(const struct random_policy *g, unsigned match)
{
    return g->match == match ? MUST : NEVER;
}

static int has_uri(const struct random_policy *g)
{
    return is_match(g, 0);
}

static int has_names(const struct random_policy *g)
{
    return is_match(g, 1);
}

static int has_key(const struct random_policy *g)
{
    return is_match(g, 2);
}

static int has_serial(const struct random_policy *g)
{
    return is_match(g, 3);
}

static int has_uuid(const struct random_policy *g)
{
    return is_match(g, 4);
}

static int has_upn(const struct random_policy *g)
{
    return is_match(g, 5);
}

static int has_edipi(const struct random_policy *g)
{
    return is_match(g, 6);
}

static int has_fascn(const struct random_policy *g)
{
    return is_match(g, 7);
}

static int has_email(const struct random_policy *g)
{
    return is_match(g, 8);
}

/* Both lists or none: there may be a service, and there is a human. */
static int has_certificates(const struct random_policy *g)
{
    return (g->party + g->terms) % 2 == 0 ? MUST : NEVER;
}

static int has_person_policy(const struct random_policy *g)
{
    return has_certificates(g) == MUST ? MAY : NEVER;
}

static int has_person_kind(const struct random_policy *g)
{
    return g->service ? MUST : MAY;
}

static int has_custodian(const struct random_policy *g)
{
    return g->service ? MUST : NEVER;
}

static int has_extends(const struct random_policy *g)
{
    return g->term == 0 ? NEVER : MAY;
}

/* Without it: those of the first terms, which another window's has too. */
static int has_uses(const struct random_policy *g)
{
    return g->term == 0 ? MAY : MUST;
}

static int has_lasts(const struct random_policy *g)
{
    return g->lasts ? MUST : NEVER;
}

static int has_closes(const struct random_policy *g)
{
    return g->lasts ? NEVER : MUST;
}

static int has_always(const struct random_policy *g)
{
    (void)g;
    return MUST;
}

static int has_sequence(const struct random_policy *g)
{
    return g->government_first ? MAY : MUST;
}

static unsigned count_models(const struct random_policy *g)
{
    return g->models;
}

static unsigned count_parties(const struct random_policy *g)
{
    return g->parties;
}

static unsigned count_people(const struct random_policy *g)
{
    return g->people;
}

static unsigned count_terms(const struct random_policy *g)
{
    return g->terms;
}

static unsigned count_windows(const struct random_policy *g)
{
    return g->windows;
}

static unsigned count_apis(const struct random_policy *g)
{
    (void)g;
    return 4;
}

static int has_nda(const struct random_policy *g)
{
    return g->with_nda && (g->term == 0 || g->path[0] == 'd') ? MUST : NEVER;
}

/* Only auditors have one; the first party is none. */
static int has_scope(const struct random_policy *g)
{
    return party_kind_of(g, g->party) == PARTY_AUDITOR && g->terms % 2 == 0
               ? MUST
               : NEVER;
}

static void put_scope(struct random_policy *g)
{
    random_put(g, "p0");
}

/* What refuses nearly everything is not everywhere. */
static int has_seldom(const struct random_policy *g)
{
    return (g->seed >> 9) % 8 == 0 ? MUST : NEVER;
}

static unsigned count_one(const struct random_policy *g)
{
    (void)g;
    return 1;
}

static void put_document(struct random_policy *g)
{
    random_put(g, "d0");
}

static void put_network(struct random_policy *g)
{
    static const char *const networks[] = {"192.0.2.0/24", "10.0.0.0/8",
                                           "2001:db8::/32", "192.0.2.1"};

    random_put(g, networks[random_any(g, 4)]);
}

static void put_hour(struct random_policy *g)
{
    static const char *const hours[] = {"00:00", "08:30", "18:00", "24:00"};

    fprintf(g->out, "\"%s\"", hours[random_any(g, 4)]);
}

static void put_tool_type(struct random_policy *g)
{
    static const char *const types[] = {"function", "custom", "bash_*",
                                        "text_editor_20250728", "apply_patch"};

    random_put(g, types[random_any(g, 5)]);
}

static void put_when(struct random_policy *g)
{
    static const char *const whens[] = {
        "first_use", "tokens_per_hour > 5M", "addresses > 2",
        "refusals_per_minute > 50", "wire_per_content > 0"};

    random_put(g, whens[random_any(g, 5)]);
}

static const char *trip_name(unsigned i)
{
    static const char *const names[] = {"volume", "roaming", "refused", "new"};

    return names[i % 4];
}

static void put_trip_name(struct random_policy *g)
{
    random_put(g, trip_name(g->trip++));
}

static void put_legend(struct random_policy *g)
{
    put_format(g, "ACME: (7) ", random_any(g, 100));
}

/* By the party: lists, with and without saying so, a responder, or both. */
static bool asks_lists(const struct random_policy *g)
{
    return g->party % 4 != 2;
}

static bool asks_responder(const struct random_policy *g)
{
    return g->party % 4 >= 2;
}

static int has_mode(const struct random_policy *g)
{
    return g->party % 4 == 0 ? NEVER : MUST;
}

static void put_mode(struct random_policy *g)
{
    static const char *const modes[] = {"crl", "crl", "ocsp", "ocsp-then-crl"};

    random_put(g, modes[g->party % 4]);
}

static int has_crl(const struct random_policy *g)
{
    return asks_lists(g) ? MUST : NEVER;
}

static int has_fetch(const struct random_policy *g)
{
    return asks_lists(g) ? MAY : NEVER;
}

static int has_responder(const struct random_policy *g)
{
    return asks_responder(g) ? MUST : NEVER;
}

static void put_list_url(struct random_policy *g)
{
    static const char *const urls[] = {"http://crl.example/a.crl",
                                       "HTTP://Crl.example:8080/lists/?b=1,2",
                                       "http://198.51.100.7/%20"};

    random_put(g, urls[random_any(g, 3)]);
}

static void put_host(struct random_policy *g)
{
    static const char *const hosts[] = {"ocsp.example", "198.51.100.7", "h2"};

    random_put(g, hosts[random_any(g, 3)]);
}

static void put_responder(struct random_policy *g)
{
    put_format(g, "http://ocsp.example:80/", random_any(g, 100));
}

static void put_findings_key(struct random_policy *g)
{
    random_put(g, "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
}

static void put_escrow_key(struct random_policy *g)
{
    random_put(g, "x25519:CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

/* Rules for fields only open what is closed, and no two terms that extend
 * each other have a rule for one: so that taking one away opens nothing. */
static const char *random_field(const struct random_policy *g, unsigned i)
{
    uint32_t uses = 0;

    for (unsigned u = 0; u < uses_count(g); u++)
        uses |= 1u << route_from_name(uses_of_terms[g->term][u],
                                      strlen(uses_of_terms[g->term][u]));
    for (uint16_t f = 2, n = 0; f < field_count(); f++) {
        const struct field_info *info = field_info(f);

        if (info->otherwise == FIELD_CLOSED && (info->routes & uses) != 0 &&
            f % 4 == g->term % 4 && strcmp(info->path, "logit_bias") != 0 &&
            field_find(info->path, FIELD_NONE) == f && n++ == i)
            return info->path;
    }
    return NULL;
}

static unsigned count_fields(const struct random_policy *g)
{
    unsigned n = 0;

    while (n < 5 && random_field(g, n) != NULL)
        n++;
    return n;
}

static void put_rule(struct random_policy *g)
{
    const struct field_info *info =
        field_info(field_find(g->field, FIELD_NONE));

    if (info->shape == FIELD_NUMBER && random_any(g, 2) == 0)
        fprintf(g->out, "{max: %u.5}", random_any(g, 4));
    else if (info->shape == FIELD_BOOL && strchr(info->path, '.') == NULL)
        fprintf(g->out, "{\"force\": %s}", random_any(g, 2) ? "true" : "false");
    else if (info->shape == FIELD_FREE && strchr(info->path, '.') == NULL)
        fputs("{force: {a: [1, \"1\", {b: ~x, \"c d\": 'e'}], f: -0.5}}",
              g->out);
    else
        random_put(g, "allow");
}

/* At a path: is it there, how is it written; of maps and lists, how many
 * members, and what a member is called or how it is written. */
struct random_rule {
    const char *path;
    int (*has)(const struct random_policy *g);
    void (*put)(struct random_policy *g);
    unsigned (*count)(const struct random_policy *g);
    const char *key; /* of a map's members, before their number */
    const char *(*name)(const struct random_policy *g, unsigned i);
    void (*item)(struct random_policy *g, unsigned i);
};

static const struct random_rule random_rules[] = {
    {.path = "sequence", .has = has_sequence, .put = put_sequence},
    {.path = "models", .count = count_models, .key = "M"},
    {.path = "models.*.upstream.endpoints.[]", .put = put_endpoint},
    {.path = "models.*.upstream.ca", .has = has_always},
    {.path = "models.*.apis", .count = count_apis, .item = put_api},
    {.path = "models.*.release", .put = put_release},
    {.path = "parties", .count = count_parties, .key = "p"},
    {.path = "parties.*.kind", .put = put_kind},
    {.path = "parties.*.people", .count = count_people, .key = "h"},
    {.path = "parties.*.people.*.san_uri", .has = has_uri, .put = put_uri},
    {.path = "parties.*.people.*.issuer_subject",
     .has = has_names,
     .put = put_names},
    {.path = "parties.*.people.*.spki_sha256", .has = has_key, .put = put_key},
    {.path = "parties.*.people.*.issuer_serial",
     .has = has_serial,
     .put = put_serial},
    {.path = "parties.*.people.*.san_uuid", .has = has_uuid, .put = put_uuid},
    {.path = "parties.*.people.*.san_email",
     .has = has_email,
     .put = put_email},
    {.path = "parties.*.people.*.upn", .has = has_upn, .put = put_upn},
    {.path = "parties.*.people.*.edipi", .has = has_edipi, .put = put_edipi},
    {.path = "parties.*.people.*.fasc_n", .has = has_fascn, .put = put_fascn},
    {.path = "parties.*.people.*.policy",
     .has = has_person_policy,
     .put = put_person_policy},
    {.path = "parties.*.anchors", .put = put_anchors},
    {.path = "parties.*.certificate_policies",
     .has = has_certificates,
     .count = count_two,
     .item = put_certificate_policy},
    {.path = "parties.*.service_policies",
     .has = has_certificates,
     .count = count_two,
     .item = put_service_policy},
    {.path = "parties.*.people.*.kind",
     .has = has_person_kind,
     .put = put_person_kind},
    {.path = "parties.*.people.*.custodian",
     .has = has_custodian,
     .put = put_custodian},
    {.path = "terms", .count = count_terms, .key = "t"},
    {.path = "terms.*.extends", .has = has_extends, .put = put_extends},
    {.path = "terms.*.uses",
     .has = has_uses,
     .count = uses_count,
     .item = put_use},
    {.path = "documents", .has = has_nda, .count = count_one, .key = "d"},
    {.path = "terms.*.nda", .has = has_nda, .put = put_document},
    {.path = "findings.sealing_key", .put = put_findings_key},
    {.path = "escrow", .has = has_seldom},
    {.path = "escrow.first", .put = put_findings_key},
    {.path = "escrow.second", .put = put_escrow_key},
    {.path = "parties.*.sealing_key",
     .has = has_always,
     .put = put_findings_key},
    {.path = "parties.*.scope", .has = has_scope, .count = count_one},
    {.path = "parties.*.scope.[]", .put = put_scope},
    {.path = "parties.*.networks.[]", .put = put_network},
    {.path = "parties.*.networks", .has = has_seldom},
    {.path = "parties.*.hours", .has = has_seldom},
    {.path = "parties.*.revocation", .has = has_seldom},
    {.path = "parties.*.revocation.mode", .has = has_mode, .put = put_mode},
    {.path = "parties.*.revocation.crl", .has = has_crl},
    {.path = "parties.*.revocation.fetch", .has = has_fetch},
    {.path = "parties.*.revocation.fetch.[]", .put = put_list_url},
    {.path = "parties.*.revocation.hosts.[]", .put = put_host},
    {.path = "parties.*.revocation.responder",
     .has = has_responder,
     .put = put_responder},
    {.path = "terms.*.purpose", .has = has_seldom},
    {.path = "parties.*.hours.from", .put = put_hour},
    {.path = "parties.*.hours.until", .put = put_hour},
    {.path = "terms.*.tools.types.[]", .put = put_tool_type},
    {.path = "terms.*.tripwires.[].name", .put = put_trip_name},
    {.path = "terms.*.tripwires.[].when", .put = put_when},
    {.path = "terms.*.marking.legend", .put = put_legend},
    {.path = "terms.*.fields", .count = count_fields, .name = random_field},
    {.path = "terms.*.fields.*", .put = put_rule},
    {.path = "windows", .count = count_windows},
    {.path = "windows.[].party", .put = put_window_party},
    {.path = "windows.[].model", .put = put_window_model},
    {.path = "windows.[].opens", .put = put_opens},
    {.path = "windows.[].notify", .has = has_seldom, .count = count_one},
    {.path = "windows.[].notify.[]", .put = put_notify},
    {.path = "parties.*.notices", .has = has_seldom},
    {.path = "parties.*.notices.addresses",
     .has = has_always,
     .count = count_one},
    {.path = "parties.*.notices.addresses.[]", .put = put_address},
    {.path = "parties.*.notices.syslog", .put = put_syslog},
    {.path = "windows.[].lasts", .has = has_lasts, .put = put_lasts},
    {.path = "windows.[].closes", .has = has_closes, .put = put_closes},
    {.path = "windows.[].terms",
     .count = window_terms_count,
     .item = put_window_terms},
};

static const struct random_rule *random_rule(const struct random_policy *g)
{
    static const struct random_rule none;

    for (size_t i = 0; i < sizeof random_rules / sizeof *random_rules; i++)
        if (strcmp(random_rules[i].path, g->path) == 0)
            return &random_rules[i];
    return &none;
}

/* --- the walk through the table ------------------------------------------ */

static void random_value(struct random_policy *g, const struct schema_field *f);

/* Adds to the path; gives its length before, for random_up(). */
static size_t random_down(struct random_policy *g, const char *name)
{
    size_t before = strlen(g->path);

    snprintf(g->path + before, sizeof g->path - before, "%s%s",
             before == 0 ? "" : ".", name);
    return before;
}

static void random_up(struct random_policy *g, size_t before)
{
    g->path[before] = 0;
}

static void random_line(struct random_policy *g)
{
    if (random_any(g, 12) == 0)
        fprintf(g->out, "%*s# - a: [comment\n", (int)random_any(g, 9), "");
    fprintf(g->out, "%*s", (int)g->depth * 3, "");
}

/* What the rules below an element need to know of it. */
static void random_enter(struct random_policy *g, unsigned i)
{
    if (strcmp(g->path, "parties.*") == 0) {
        g->party = i;
        g->people = 1 + random_any(g, 3);
    } else if (strcmp(g->path, "parties.*.people.*") == 0) {
        g->person = i;
        g->service = i > 0 && random_any(g, 3) == 0;
        /* addresses with the deployment's own authority only */
        g->match = random_any(g, g->party == 0 ? 9 : 8);
    } else if (strcmp(g->path, "terms.*") == 0) {
        g->term = i;
    } else if (strcmp(g->path, "windows.[]") == 0) {
        g->window = i;
        g->lasts = random_any(g, 2) == 0;
    }
}

/* Where an element is written: nowhere if it is the one to leave out. */
static FILE *random_element_out(struct random_policy *g)
{
    if (g->take_path == NULL || strcmp(g->path, g->take_path) != 0 ||
        g->take_seen++ != g->take_nth)
        return g->out;
    return g->nowhere;
}

static unsigned random_count(struct random_policy *g,
                             const struct schema_field *f,
                             const struct random_rule *rule)
{
    unsigned n;

    if (rule->count != NULL)
        return rule->count(g);
    n = (unsigned)f->min + random_any(g, 3);
    return f->max != 0 && n > f->max ? (unsigned)f->max : n;
}

static void random_elements(struct random_policy *g,
                            const struct schema_field *f)
{
    const struct random_rule *rule = random_rule(g);
    unsigned n = random_count(g, f, rule);
    bool map = f->type == SCHEMA_MAP;

    if (n == 0)
        fputs(map ? " {}" : " []", g->out);
    fputc('\n', g->out);
    g->depth++;
    for (unsigned i = 0; i < n; i++) {
        size_t before = random_down(g, map ? "*" : "[]");
        FILE *out = g->out;

        g->out = random_element_out(g);
        random_enter(g, i);
        random_line(g);
        if (map && rule->name != NULL)
            random_put(g, g->field = rule->name(g, i));
        else if (map)
            put_format(g, rule->key != NULL ? rule->key : "k", i);
        fputs(map ? ":" : "-", g->out);
        if (rule->item != NULL) {
            fputc(' ', g->out);
            rule->item(g, i);
            fputc('\n', g->out);
        } else {
            random_value(g, f->fields);
        }
        g->out = out;
        random_up(g, before);
    }
    g->depth--;
}

static bool random_has(struct random_policy *g, const struct schema_field *f)
{
    const struct random_rule *rule = random_rule(g);
    int has = rule->has != NULL ? rule->has(g) : MAY;

    if (f->flags & SCHEMA_LATER)
        return false;
    if (has == MAY)
        has = (f->flags & SCHEMA_REQUIRED) || random_any(g, 2) == 0 ? MUST
                                                                    : NEVER;
    return has == MUST;
}

static void random_record(struct random_policy *g,
                          const struct schema_field *fields)
{
    unsigned order[64], n = 0, count = 0;

    while (fields[n].name != NULL && n < 64)
        n++;
    for (unsigned i = 0; i < n; i++) {
        unsigned k = random_any(g, i + 1);

        order[i] = order[k];
        order[k] = i;
    }
    for (unsigned i = 0; i < n; i++) {
        const struct schema_field *f = &fields[order[i]];
        size_t before = random_down(g, f->name);

        if (random_has(g, f)) {
            if (count++ == 0 && g->depth > 0)
                fputc('\n', g->out);
            random_line(g);
            random_put(g, f->name);
            fputc(':', g->out);
            random_value(g, f);
        }
        random_up(g, before);
    }
    if (count == 0)
        fputs(" {}\n", g->out);
}

/* What follows "key:" or "-", to the end of the line and below it. */
static void random_value(struct random_policy *g, const struct schema_field *f)
{
    if (f->type == SCHEMA_RECORD) {
        g->depth++;
        random_record(g, f->fields);
        g->depth--;
        return;
    }
    if (f->type == SCHEMA_MAP || f->type == SCHEMA_LIST) {
        random_elements(g, f);
        return;
    }
    fputc(' ', g->out);
    if (random_rule(g)->put != NULL)
        random_rule(g)->put(g);
    else
        random_scalar(g, f);
    if (random_any(g, 12) == 0)
        fputs(" # \"comment", g->out);
    fputc('\n', g->out);
}

/* The policy of a seed, malloc'd, without the nth element at a path (NULL:
 * whole). *left_out tells whether there was one. */
static char *random_policy_text(uint32_t seed, const char *take_path,
                                unsigned take_nth, bool *left_out)
{
    struct random_policy g = {.seed = seed * 2654435761u,
                              .take_path = take_path,
                              .take_nth = take_nth};
    char *text = NULL;
    size_t size;

    g.out = open_memstream(&text, &size);
    g.nowhere = fopen("/dev/null", "w");
    if (g.out == NULL || g.nowhere == NULL)
        abort();
    g.models = 1 + random_any(&g, 3);
    g.parties = 1 + random_any(&g, 4);
    g.terms = 1 + random_any(&g, 4);
    g.windows = g.terms + random_any(&g, 3);
    g.government_first = random_any(&g, 2) == 0;
    g.with_nda = random_any(&g, 6) == 0;
    random_record(&g, policy_schema);
    fclose(g.out);
    fclose(g.nowhere);
    if (left_out != NULL)
        *left_out = g.take_seen > take_nth;
    return text;
}

#endif
