/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and tells a gateway's words about a person. Runs as an evaluator; the
 * words are printed without control bytes.
 */
#include "ctl/person_status.h"

#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"
#include "policy/reason.h"

#define STATUS_DEPTH 16
#define STATUS_NODES (1u << 18)

int person_status_parse(struct json *j, const char *text, size_t length)
{
    return json_parse(j, text, length, STATUS_DEPTH, STATUS_NODES) == 0 &&
                   j->nodes[0].type == JSON_OBJECT &&
                   json_member(j, 0, "party") != 0
               ? 0
               : SP_EINVAL;
}

/* ---- members ---- */

/* The member as text for people: a text without control bytes, anything else
 * as it is written; "-" if it is not there. */
static void member(const struct json *j, uint32_t of, const char *name,
                   char *text, size_t size)
{
    uint32_t m =
        j->nodes[of].type == JSON_OBJECT ? json_member(j, of, name) : 0;
    const struct json_node *n = &j->nodes[m];

    snprintf(text, size, "-");
    if (m == 0 || n->type == JSON_NULL)
        return;
    if (n->type != JSON_STRING)
        snprintf(text, size, "%.*s", (int)(n->end - n->start),
                 j->text + n->start);
    else if (json_text(j, m, text, size) != 0)
        snprintf(text, size, "-");
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

static bool member_is_true(const struct json *j, uint32_t of, const char *name)
{
    uint32_t m = json_member(j, of, name);

    return m != 0 && j->nodes[m].type == JSON_TRUE;
}

static int64_t member_number(const struct json *j, uint32_t of,
                             const char *name)
{
    uint32_t m = json_member(j, of, name);
    int64_t value = 0;

    return m != 0 && j->nodes[m].type == JSON_NUMBER &&
                   json_int(j, m, &value) == 0
               ? value
               : 0;
}

static int64_t member_time(const char *utc)
{
    int64_t t = 0;

    return clock_parse_utc(utc, strlen(utc), &t) == 0 ? t : 0;
}

/* The next object of a list behind `node`, or its first; 0 at the end. */
static uint32_t next_object(const struct json *j, uint32_t of, const char *name,
                            uint32_t node)
{
    uint32_t m = 0;

    if (node != 0)
        node = j->nodes[node].next;
    else if (j->nodes[of].type == JSON_OBJECT &&
             (m = json_member(j, of, name)) != 0 &&
             j->nodes[m].type == JSON_ARRAY)
        node = j->nodes[m].child;
    while (node != 0 && j->nodes[node].type != JSON_OBJECT)
        node = j->nodes[node].next;
    return node;
}

void person_status_text(const struct json *j, const char *name, char *text,
                        size_t size)
{
    member(j, 0, name, text, size);
}

bool person_window_next(const struct json *j, struct person_window *x)
{
    uint32_t node = next_object(j, 0, "windows", x->node);

    *x = (struct person_window){.node = node};
    if (node == 0)
        return false;
    member(j, node, "id", x->id, sizeof(x->id));
    member(j, node, "model", x->model, sizeof(x->model));
    member(j, node, "opens", x->opens, sizeof(x->opens));
    member(j, node, "closes", x->closes, sizeof(x->closes));
    x->opens_ms = member_time(x->opens);
    x->closes_ms = member_time(x->closes);
    x->open = member_is_true(j, node, "open");
    if (!x->open)
        member(j, node, "reason", x->reason, sizeof(x->reason));
    x->seconds_left = member_number(j, node, "seconds_left");
    return true;
}

bool person_document_next(const struct json *j, struct person_document *x)
{
    uint32_t node = next_object(j, 0, "documents", x->node);

    *x = (struct person_document){.node = node};
    if (node == 0)
        return false;
    member(j, node, "name", x->name, sizeof(x->name));
    member(j, node, "sha256", x->sha256, sizeof(x->sha256));
    x->accepted = member_is_true(j, node, "accepted");
    x->entry = member_number(j, node, "entry");
    return true;
}

uint32_t person_terms_next(const struct json *j, const struct person_window *w,
                           uint32_t terms)
{
    return next_object(j, w->node, "terms", terms);
}

bool person_budget_next(const struct json *j, uint32_t terms,
                        struct person_budget *x)
{
    uint32_t node = next_object(j, terms, "budgets", x->node);

    *x = (struct person_budget){.node = node};
    if (node == 0)
        return false;
    member(j, node, "name", x->name, sizeof(x->name));
    x->limit = member_number(j, node, "limit");
    x->left = member_number(j, node, "left");
    return true;
}

/* ---- words ---- */

void duration_words(int64_t seconds, char words[DURATION_WORDS])
{
    int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (seconds < 0)
        snprintf(words, DURATION_WORDS, "0 s");
    else if (days > 0)
        snprintf(words, DURATION_WORDS, "%" PRId64 " d %d h", days,
                 (int)(hours % 24));
    else if (hours > 0)
        snprintf(words, DURATION_WORDS, "%d h %d min", (int)hours,
                 (int)(minutes % 60));
    else if (minutes > 0)
        snprintf(words, DURATION_WORDS, "%d min", (int)minutes);
    else
        snprintf(words, DURATION_WORDS, "%d s", (int)seconds);
}

void person_window_words(const struct person_window *w, int64_t now,
                         char words[128])
{
    char duration[DURATION_WORDS];
    enum reason reason = reason_from_code(w->reason, strlen(w->reason));

    if (w->open) {
        duration_words(w->seconds_left, duration);
        snprintf(words, 128, "open, %s left", duration);
    } else if (reason == REASON_WINDOW_NOT_OPEN && w->opens_ms > now) {
        duration_words((w->opens_ms - now) / 1000, duration);
        snprintf(words, 128, "not open yet, opens in %s", duration);
    } else if (reason == REASON_WINDOW_EXPIRED) {
        snprintf(words, 128, "has ended");
    } else if (reason == REASON_WINDOW_CLOSED) {
        snprintf(words, 128, "was closed by the developer");
    } else if (reason == REASON_MODEL_RELEASED) {
        snprintf(words, 128, "is over: the model was released");
    } else {
        snprintf(words, 128, "not open: %s", w->reason);
    }
}

/* ---- all of it ---- */

static void uses_print(FILE *out, const struct json *j, uint32_t terms)
{
    uint32_t m = json_member(j, terms, "uses"), u;

    if (m == 0 || j->nodes[m].type != JSON_ARRAY)
        return;
    for (u = j->nodes[m].child; u != 0; u = j->nodes[u].next) {
        char use[64] = "";

        if (j->nodes[u].type == JSON_STRING &&
            json_text(j, u, use, sizeof(use)) == 0)
            fprintf(out, " %s", use);
    }
}

/* Counts are read more easily in groups of three. */
static void number_print(FILE *out, int64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRId64, n);

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            fputc(',', out);
        fputc(digits[i], out);
    }
}

static void terms_print(FILE *out, const struct json *j, uint32_t terms)
{
    struct person_budget b = {0};
    char name[80];

    member(j, terms, "name", name, sizeof(name));
    fprintf(out, "    terms %s:", name);
    uses_print(out, j, terms);
    fputc('\n', out);
    while (person_budget_next(j, terms, &b)) {
        fprintf(out, "      %s: ", b.name);
        number_print(out, b.left);
        fputs(" left of ", out);
        number_print(out, b.limit);
        fputc('\n', out);
    }
}

static void window_print(FILE *out, const struct json *j,
                         const struct person_window *w, int64_t now)
{
    char words[128], entry[32];

    person_window_words(w, now, words);
    fprintf(out, "  model %s: %s\n", w->model, words);
    fprintf(out, "    from %s to %s (window %s)\n", w->opens, w->closes, w->id);
    if (json_member(j, w->node, "statement") != 0) {
        member(j, w->node, "statement", entry, sizeof(entry));
        fprintf(out,
                "    summed up in entry %s: GET /sallyport/v1/receipts/%s "
                "proves it\n",
                entry, entry);
    }
    /* What a window allowed that is over helps nobody. */
    for (uint32_t t = 0; (t = person_terms_next(j, w, t)) != 0;)
        if (w->open || strcmp(w->reason, "window_not_open") == 0)
            terms_print(out, j, t);
}

/* Those that are open come first. */
static void windows_print(FILE *out, const struct json *j, int64_t now)
{
    struct person_window w;
    size_t all = 0;

    for (int pass = 0; pass < 2; pass++) {
        w.node = 0;
        while (person_window_next(j, &w)) {
            all++;
            if (w.open == (pass == 0))
                window_print(out, j, &w, now);
        }
    }
    if (all == 0)
        fputs("  no access window: ask the developer when there will be one\n",
              out);
}

static void documents_print(FILE *out, const struct json *j, const char *more)
{
    struct person_document d = {0};

    while (person_document_next(j, &d)) {
        if (d.accepted)
            fprintf(out, "  %s: accepted, entry %" PRId64 "\n", d.name,
                    d.entry);
        else
            fprintf(out,
                    "  %s: to be accepted, SHA-256 %s:\n"
                    "    sallyport accept%s %s\n",
                    d.name, d.sha256, more, d.name);
    }
}

void person_status_print(FILE *out, const struct json *j, const char *more)
{
    char a[128], b[128], c[64], d[64], duration[DURATION_WORDS];
    int64_t now, ends;

    member(j, 0, "party", a, sizeof(a));
    member(j, 0, "person", b, sizeof(b));
    member(j, 0, "kind", c, sizeof(c));
    member(j, 0, "party_kind", d, sizeof(d));
    fprintf(out, "%s/%s (%s of a %s party)", a, b, c, d);
    member(j, 0, "gateway", a, sizeof(a));
    member(j, 0, "time", b, sizeof(b));
    member(j, 0, "policy", c, sizeof(c));
    fprintf(out, " at %s\n  time %s, policy %s", a, b, c);
    member(j, 0, "certificate_ends", a, sizeof(a));
    now = member_time(b);
    ends = member_time(a);
    duration_words((ends - now) / 1000, duration);
    fprintf(out, ", certificate until %s (%s)\n", a, duration);
    windows_print(out, j, now);
    documents_print(out, j, more);
}
