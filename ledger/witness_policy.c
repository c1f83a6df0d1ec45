/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C2SP tlog-policy files, read by whoever verifies. The file is the verifier's
 * own choice of whom to believe, the note that is judged is a stranger's. A
 * policy that could be read two ways is refused.
 */
#include "ledger/witness_policy.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/cosignature.h"

#define TYPE_ED25519     0x01
#define TYPE_COSIGNATURE 0x04

#define NAME_BYTES  255
#define WORDS_MAX   (WITNESS_POLICY_ITEMS * 2 + 4)
#define NO_MEMBER   SIZE_MAX
#define QUORUM_NONE SIZE_MAX

/* A witness or a group: one namespace, in the order of their lines. */
struct named {
    char name[NAME_BYTES + 1];
    bool group;
    size_t witness;   /* its place among the witnesses */
    size_t threshold; /* of a group: so many of its members */
    size_t member_of; /* the group that has it as its member, or NO_MEMBER */
};

struct witness_policy {
    struct note_verifier logs[WITNESS_POLICY_ITEMS];
    struct note_verifier witnesses[WITNESS_POLICY_ITEMS];
    size_t witness_named[WITNESS_POLICY_ITEMS];
    size_t nlogs, nwitnesses, ngroups;
    struct named named[2 * WITNESS_POLICY_ITEMS];
    size_t nnamed;
    size_t quorum; /* of `named`, or QUORUM_NONE */
};

struct word {
    const char *text;
    size_t length;
    unsigned column;
};

struct reading {
    struct witness_policy *p;
    struct report *report;
    const char *file;
    unsigned line;
    unsigned quorum_line; /* 0: none so far */
    struct word words[WORDS_MAX];
    size_t nwords;
};

#define WORD(w) (int)(w)->length, (w)->text

static bool word_is(const struct word *w, const char *text)
{
    return w->length == strlen(text) && memcmp(w->text, text, w->length) == 0;
}

static void wrong(struct reading *r, const struct word *at, const char *format,
                  ...) SP_PRINTF(3, 4);

static void wrong(struct reading *r, const struct word *at, const char *format,
                  ...)
{
    va_list list;

    va_start(list, format);
    report_error_list(r->report, r->file, r->line, at->column, format, list);
    va_end(list);
}

static const struct named *named_find(const struct reading *r,
                                      const struct word *w)
{
    for (size_t i = 0; i < r->p->nnamed; i++)
        if (word_is(w, r->p->named[i].name))
            return &r->p->named[i];
    return NULL;
}

/* A new name, or NULL with the problem told. */
static struct named *named_add(struct reading *r, const struct word *w)
{
    if (word_is(w, "none")) {
        wrong(r, w,
              "\"none\" as a name: it is what `quorum none` says: "
              "expected another one");
        return NULL;
    }
    if (w->length > NAME_BYTES) {
        wrong(r, w, "a name of %zu bytes: expected at most %d", w->length,
              NAME_BYTES);
        return NULL;
    }
    if (named_find(r, w) != NULL) {
        wrong(r, w,
              "the name \"%.*s\" stands for something else already: "
              "expected another one",
              WORD(w));
        return NULL;
    }
    struct named *n = &r->p->named[r->p->nnamed++];
    memcpy(n->name, w->text, w->length);
    n->name[w->length] = '\0';
    n->member_of = NO_MEMBER;
    return n;
}

/* A vkey of the type that is needed, not there yet under whatever name. */
static bool key_read(struct reading *r, const struct word *w, uint8_t type,
                     const struct note_verifier *there, size_t nthere,
                     struct note_verifier *v)
{
    if (note_verifier_parse(w->text, w->length, v) != 0) {
        wrong(r, w, "not a key: expected a vkey like name+1a2b3c4d+base64");
        return false;
    }
    if (v->type != type) {
        wrong(r, w, "a key of type 0x%02x: expected 0x%02x, a %s's", v->type,
              type, type == TYPE_ED25519 ? "log" : "witness");
        return false;
    }
    for (size_t i = 0; i < nthere; i++)
        if (memcmp(there[i].key, v->key, sizeof v->key) == 0) {
            wrong(r, w,
                  "the same public key as an earlier line's: expected "
                  "each key once");
            return false;
        }
    return true;
}

static bool words_are(struct reading *r, size_t least, size_t most,
                      const char *form)
{
    if (r->nwords >= least && r->nwords <= most)
        return true;
    wrong(r, &r->words[0], "%zu words: expected `%s`", r->nwords, form);
    return false;
}

static bool has_room(struct reading *r, size_t count, const char *what)
{
    if (count < WITNESS_POLICY_ITEMS)
        return true;
    wrong(r, &r->words[0], "too many %s: expected at most %d", what,
          WITNESS_POLICY_ITEMS);
    return false;
}

static void log_read(struct reading *r)
{
    struct witness_policy *p = r->p;
    struct note_verifier v;

    if (words_are(r, 2, 3, "log VKEY [URL]") && has_room(r, p->nlogs, "logs") &&
        key_read(r, &r->words[1], TYPE_ED25519, p->logs, p->nlogs, &v))
        p->logs[p->nlogs++] = v;
}

static void witness_read(struct reading *r)
{
    struct witness_policy *p = r->p;
    struct note_verifier v;
    struct named *n;

    if (!words_are(r, 3, 4, "witness NAME VKEY [URL]") ||
        !has_room(r, p->nwitnesses, "witnesses") ||
        !key_read(r, &r->words[2], TYPE_COSIGNATURE, p->witnesses,
                  p->nwitnesses, &v) ||
        (n = named_add(r, &r->words[1])) == NULL)
        return;
    n->witness = p->nwitnesses;
    p->witness_named[p->nwitnesses] = (size_t)(n - p->named);
    p->witnesses[p->nwitnesses++] = v;
}

/* `any`, `all` or a number from 1 to the count of members. */
static bool threshold_read(struct reading *r, size_t members, size_t *threshold)
{
    const struct word *w = &r->words[2];
    size_t k = 0;

    if (word_is(w, "any") || word_is(w, "all")) {
        *threshold = word_is(w, "any") ? 1 : members;
        return true;
    }
    bool good = w->length <= 3 && w->text[0] != '0';
    for (size_t i = 0; good && i < w->length; i++) {
        good = w->text[i] >= '0' && w->text[i] <= '9';
        k = k * 10 + (size_t)(w->text[i] - '0');
    }
    if (!good || k < 1 || k > members) {
        wrong(r, w,
              "\"%.*s\": expected any, all or a number from 1 to %zu, "
              "the count of members",
              WORD(w), members);
        return false;
    }
    *threshold = k;
    return true;
}

/* Every member is named by a line before and is a member of nothing else, so
 * that no witness counts twice and nothing goes round in a circle. */
static bool members_check(struct reading *r)
{
    bool good = true;

    for (size_t i = 3; i < r->nwords; i++) {
        const struct word *w = &r->words[i];
        const struct named *n = named_find(r, w);
        bool again = false;
        for (size_t j = 3; j < i; j++)
            again =
                again || (r->words[j].length == w->length &&
                          memcmp(r->words[j].text, w->text, w->length) == 0);
        if (n == NULL)
            wrong(r, w,
                  "\"%.*s\" is not defined: expected a witness or group "
                  "of a line before",
                  WORD(w));
        else if (again || n->member_of != NO_MEMBER)
            wrong(r, w,
                  "\"%.*s\" is a member already: expected each name in "
                  "one group, once",
                  WORD(w));
        good = good && n != NULL && !again && n->member_of == NO_MEMBER;
    }
    return good;
}

static void group_read(struct reading *r)
{
    struct witness_policy *p = r->p;
    size_t threshold = 0;
    struct named *n;

    if (!words_are(r, 4, WORDS_MAX - 1, "group NAME any|all|K MEMBER...") ||
        !has_room(r, p->ngroups, "groups") ||
        !threshold_read(r, r->nwords - 3, &threshold) || !members_check(r) ||
        (n = named_add(r, &r->words[1])) == NULL)
        return;
    n->group = true;
    n->threshold = threshold;
    p->ngroups++;
    for (size_t i = 3; i < r->nwords; i++)
        p->named[named_find(r, &r->words[i]) - p->named].member_of =
            (size_t)(n - p->named);
}

static void quorum_read(struct reading *r)
{
    const struct named *n;

    if (!words_are(r, 2, 2, "quorum NAME|none"))
        return;
    if (r->quorum_line != 0) {
        wrong(r, &r->words[0],
              "a second quorum, line %u has one: expected "
              "exactly one",
              r->quorum_line);
        return;
    }
    r->quorum_line = r->line;
    if (word_is(&r->words[1], "none")) {
        r->p->quorum = QUORUM_NONE;
        return;
    }
    if ((n = named_find(r, &r->words[1])) == NULL)
        wrong(r, &r->words[1],
              "\"%.*s\" is not defined: expected none, or a "
              "witness or group of a line before",
              WORD(&r->words[1]));
    else
        r->p->quorum = (size_t)(n - r->p->named);
}

static void words_read(struct reading *r)
{
    static const struct {
        const char *word;
        void (*read)(struct reading *r);
    } lines[] = {{"log", log_read},
                 {"witness", witness_read},
                 {"group", group_read},
                 {"quorum", quorum_read}};

    if (r->nwords == WORDS_MAX) {
        wrong(r, &r->words[0], "too many words: expected at most %d",
              WORDS_MAX - 1);
        return;
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (word_is(&r->words[0], lines[i].word)) {
            lines[i].read(r);
            return;
        }
    wrong(r, &r->words[0], "\"%.*s\": expected log, witness, group or quorum",
          (int)(r->words[0].length < 60 ? r->words[0].length : 60),
          r->words[0].text);
}

/* Splits a line at blanks. False: it has a byte that no policy may have. */
static bool line_split(struct reading *r, const char *text, size_t length)
{
    bool inside = false;

    r->nwords = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        struct word here = {text + i, 1, (unsigned)i + 1};
        if (c == ' ' || c == '\t') {
            inside = false;
            continue;
        }
        if (c < 0x20 || c == 0x7f) {
            wrong(r, &here, "the byte 0x%02x: expected text, blanks and tabs",
                  c);
            return false;
        }
        if (inside)
            r->words[r->nwords - 1].length++;
        else if (r->nwords < WORDS_MAX)
            r->words[r->nwords++] = here;
        inside = true;
    }
    return true;
}

static void text_read(struct reading *r, const char *text, size_t length)
{
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t n = end == NULL ? length : (size_t)(end - text);
        struct word last = {text, 0, (unsigned)n + 1};
        r->line++;
        if (line_split(r, text, n) && r->nwords > 0 &&
            r->words[0].text[0] != '#')
            words_read(r);
        if (end == NULL) {
            wrong(r, &last, "the line does not end: expected a newline");
            return;
        }
        text += n + 1;
        length -= n + 1;
    }
}

int witness_policy_parse(const char *text, size_t length, const char *file,
                         struct report *report, struct witness_policy **p)
{
    struct reading *r = calloc(1, sizeof *r);
    unsigned before = report->errors;
    int error = 0;

    *p = NULL;
    if (r == NULL)
        return SP_ENOMEM;
    *r = (struct reading){.report = report, .file = file};
    r->p = calloc(1, sizeof *r->p);
    if (r->p == NULL) {
        free(r);
        return SP_ENOMEM;
    }
    r->p->quorum = QUORUM_NONE;
    if (length > WITNESS_POLICY_BYTES)
        report_error(report, file, 1, 1, "%zu bytes: expected at most %u",
                     length, WITNESS_POLICY_BYTES);
    else
        text_read(r, text, length);
    if (report->errors == before && r->quorum_line == 0)
        report_error(report, file, r->line + 1, 1,
                     "no quorum: expected a line `quorum NAME` or `quorum "
                     "none`");
    if (report->errors != before)
        error = SP_EINVAL;
    if (error == 0)
        *p = r->p;
    else
        free(r->p);
    free(r);
    return error;
}

void witness_policy_free(struct witness_policy *p)
{
    free(p);
}

size_t witness_policy_logs(const struct witness_policy *p)
{
    return p->nlogs;
}

size_t witness_policy_witnesses(const struct witness_policy *p)
{
    return p->nwitnesses;
}

const struct note_verifier *witness_policy_log(const struct witness_policy *p,
                                               size_t i)
{
    return &p->logs[i];
}

const char *witness_policy_name(const struct witness_policy *p, size_t i)
{
    return p->named[p->witness_named[i]].name;
}

/* Judging ----------------------------------------------------------------- */

/* A log signs only under its own origin, which is its key's name. */
static int log_find(const struct witness_policy *p, const char *note,
                    size_t length, struct witness_verdict *verdict)
{
    struct note_line line;

    verdict->log = SIZE_MAX;
    for (size_t i = 0; i < p->nlogs; i++) {
        if (strcmp(p->logs[i].name, verdict->checkpoint.origin) != 0)
            continue;
        int r = note_find(note, length, &p->logs[i], &line);
        if (r != 0 && r != SP_ENOENT)
            return r;
        if (r == 0 && verdict->log == SIZE_MAX)
            verdict->log = i;
    }
    return p->nlogs > 0 && verdict->log == SIZE_MAX ? SP_ESIGNATURE : 0;
}

/* Members stand before their group, so one pass in order decides them all. */
static bool quorum_met(const struct witness_policy *p,
                       const struct witness_verdict *verdict)
{
    size_t have[2 * WITNESS_POLICY_ITEMS] = {0};

    if (p->quorum == QUORUM_NONE)
        return true;
    for (size_t i = 0; i < p->nnamed; i++) {
        const struct named *n = &p->named[i];
        bool holds = n->group ? have[i] >= n->threshold
                              : verdict->times[n->witness] != UINT64_MAX;
        if (i == p->quorum)
            return holds;
        if (holds && n->member_of != NO_MEMBER)
            have[n->member_of]++;
    }
    return false;
}

int witness_policy_judge(const struct witness_policy *p, const char *note,
                         size_t length, struct witness_verdict *verdict)
{
    size_t text;

    memset(verdict, 0, sizeof *verdict);
    int r = note_text(note, length, &text);
    if (r == 0)
        r = checkpoint_parse(note, text, &verdict->checkpoint);
    if (r == 0)
        r = log_find(p, note, length, verdict);
    if (r == 0)
        r = cosignature_count(note, length, p->witnesses, p->nwitnesses,
                              verdict->times, &verdict->cosigned);
    if (r == 0)
        verdict->quorum = quorum_met(p, verdict);
    return r;
}
