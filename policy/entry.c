/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries to JSON lines and back, both by one table of keys per kind. An entry
 * has exactly one spelling: what is decoded is encoded again and compared, and
 * only that comparison makes decoding strict.
 *
 * Runs in the keeper and in auditors' tools. A line that is decoded comes from
 * a ledger's folder and is trusted with nothing.
 */
#include "policy/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/limits.h"
#include "policy/entry_table.h"

static const char *const methods[] = {"GET", "HEAD", "POST", "OTHER"};
static const char *const dialects[] = {"openai", "anthropic"};

const char *entry_kind_text(enum entry_kind kind)
{
    return entry_kinds[(unsigned)kind < ENTRY_KIND_COUNT ? kind : ENTRY_NONE]
        .text;
}

/* "party/model/opens" */
static bool window_is_of(const char *window, const char *party)
{
    size_t n = strlen(party);

    return strncmp(window, party, n) == 0 && window[n] == '/';
}

bool entry_is_of_party(const struct entry *e, const char *party)
{
    const char *const parties[ENTRY_KIND_COUNT] = {
        [ENTRY_REQUEST_ADMITTED] = e->u.request.party,
        [ENTRY_REQUEST_REFUSED] = e->u.request.party,
        [ENTRY_WINDOW_OPENED] = e->u.window_opened.party,
        [ENTRY_WINDOW_NOTICE] = e->u.window_notice.party,
        [ENTRY_NDA_ACCEPTED] = e->u.nda_accepted.party,
        [ENTRY_FINDING_FILED] = e->u.finding_filed.party,
        [ENTRY_TRIPWIRE_ALERTED] = e->u.tripwire_alerted.party,
        [ENTRY_PERSON_SUSPENDED] = e->u.person_suspended.party,
        [ENTRY_PERSON_RESUMED] = e->u.person_resumed.party,
        [ENTRY_PARTY_REVOKED] = e->u.party_revoked.party,
        [ENTRY_CERTIFICATE_ISSUED] = e->u.certificate_issued.party,
        [ENTRY_CERTIFICATE_REVOKED] = e->u.certificate_revoked.party,
        [ENTRY_CERTIFICATE_MATCHED] = e->u.certificate_matched.party,
    };

    if (e->kind == ENTRY_WINDOW_CLOSED)
        return window_is_of(e->u.window_closed.window, party);
    if (e->kind == ENTRY_WINDOW_STATEMENT)
        return window_is_of(e->u.window_statement.window, party);
    return (unsigned)e->kind < ENTRY_KIND_COUNT && parties[e->kind] != NULL &&
           strcmp(parties[e->kind], party) == 0;
}

uint64_t entry_request(const struct entry *e)
{
    if (e->kind == ENTRY_REQUEST_CLOSED)
        return e->u.request_closed.of;
    return e->kind == ENTRY_TRANSCRIPT_REVEALED ? e->u.transcript_revealed.of
                                                : UINT64_MAX;
}

typedef const char *text_pointer;
typedef const struct field_set *fields_pointer;

static const char *const source_words[USAGE_COUNT] = {"none", "reported",
                                                      "estimated", "unknown"};
static const char *const revocation_words[REVOCATION_COUNT] = {
    "unchecked", "good", "revoked", "unknown"};
/* By the bits of enum facts_media. */
static const char *const media_words[] = {"none", "data", "remote",
                                          "data remote"};

/* The member of a struct entry that a field is kept in. */
#define AT(type, e, f) (*(type *)(void *)((char *)(e) + (f)->offset))
#define GET(type, e, f)                                                        \
    (*(const type *)(const void *)((const char *)(e) + (f)->offset))

/* A line as it grows; once `failed`, nothing is added. */
struct line {
    char *text;
    size_t size;
    size_t length;
    bool failed;
};

static void line_put(struct line *l, const char *text, size_t length)
{
    if (l->failed || length > l->size - l->length) {
        l->failed = true;
        return;
    }
    memcpy(l->text + l->length, text, length);
    l->length += length;
}

static void line_put_lead(struct line *l, const struct field *f)
{
    if (l->failed || l->size - l->length < LEAD_MAX) {
        line_put(l, f->lead, f->lead_length);
        return;
    }
    memcpy(l->text + l->length, f->lead, LEAD_MAX);
    l->length += f->lead_length;
}

static void line_put_quoted(struct line *l, const char *text)
{
    if (l->failed || text == NULL ||
        json_quote(l->text, l->size, &l->length, text, strlen(text)) != 0)
        l->failed = true;
}

static void line_put_unsigned(struct line *l, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    line_put(l, digits + at, sizeof digits - at);
}

/* Times before 1970 are the only negative numbers there could be; no entry
 * has one. */
static void line_put_signed(struct line *l, int64_t value)
{
    if (value < 0)
        l->failed = true;
    else
        line_put_unsigned(l, (uint64_t)value);
}

static void line_put_hash(struct line *l, const uint8_t hash[32])
{
    static const char digits[] = "0123456789abcdef";
    char hex[66];

    hex[0] = hex[65] = '"';
    for (size_t i = 0; i < 32; i++) {
        hex[1 + 2 * i] = digits[hash[i] >> 4];
        hex[2 + 2 * i] = digits[hash[i] & 15];
    }
    line_put(l, hex, sizeof hex);
}

/* Paths have nothing to escape. */
static void line_put_fields(struct line *l, const struct field_set *fields)
{
    size_t length = 0;

    line_put(l, "\"", 1);
    if (l->failed || field_set_print(fields, l->text + l->length,
                                     l->size - l->length, &length) != 0) {
        l->failed = true;
        return;
    }
    l->length += length;
    line_put(l, "\"", 1);
}

static bool field_is_set(const struct entry *e, const struct field *f)
{
    switch (f->rule) {
    case IF_SET:
        if (f->type == VALUE_TEXT)
            return GET(text_pointer, e, f) != NULL;
        if (f->type == VALUE_REASON)
            return GET(enum reason, e, f) != REASON_NONE;
        if (f->type == VALUE_SOURCE)
            return GET(enum usage_source, e, f) != USAGE_NONE;
        if (f->type == VALUE_FIELDS)
            return GET(fields_pointer, e, f) != NULL;
        if (f->type == VALUE_OPERATOR)
            return GET(struct entry_operator, e, f).known;
        if (f->type == VALUE_REVOCATION)
            return GET(enum revocation, e, f) != REVOCATION_UNCHECKED;
        return GET(int64_t, e, f) >= 0;
    case IF_ANY:
        if (f->type == VALUE_MEDIA)
            return GET(uint8_t, e, f) != 0;
        if (f->type == VALUE_I64)
            return GET(int64_t, e, f) > 0;
        return f->type == VALUE_U64 ? GET(uint64_t, e, f) > 0
                                    : GET(uint32_t, e, f) > 0;
    case IF_AGREEMENT:
        return e->u.window_opened.agreement != NULL;
    case IF_MANY:
        return GET(uint32_t, e, f) > 1;
    case IF_TRUE:
        return GET(bool, e, f);
    case IF_REPLACES:
        return e->u.policy_loaded.has_replaces;
    case IF_COMMITMENTS:
        return e->u.request_closed.has_commitments;
    case IF_TRANSCRIPT:
        return e->u.request_closed.has_transcript;
    case IF_ISSUER:
        return e->u.certificate_revoked.has_issuer;
    case ALWAYS:
    default:
        return true;
    }
}

static void field_encode(struct line *l, const struct entry *e,
                         const struct field *f)
{
    switch (f->type) {
    case VALUE_TEXT:
        line_put_quoted(l, GET(text_pointer, e, f));
        break;
    case VALUE_U16:
        line_put_unsigned(l, GET(uint16_t, e, f));
        break;
    case VALUE_U32:
        line_put_unsigned(l, GET(uint32_t, e, f));
        break;
    case VALUE_U64:
        line_put_unsigned(l, GET(uint64_t, e, f));
        break;
    case VALUE_I64:
        line_put_signed(l, GET(int64_t, e, f));
        break;
    case VALUE_BOOL:
        line_put(l, GET(bool, e, f) ? "true" : "false",
                 GET(bool, e, f) ? 4 : 5);
        break;
    case VALUE_HASH:
        line_put_hash(l, &GET(uint8_t, e, f));
        break;
    case VALUE_METHOD:
        line_put_quoted(l, methods[GET(enum method, e, f) & 3]);
        break;
    case VALUE_ROUTE:
        line_put_quoted(l, route_info(GET(enum route, e, f))->name);
        break;
    case VALUE_DIALECT:
        line_put_quoted(l, dialects[GET(enum dialect, e, f) & 1]);
        break;
    case VALUE_REASON:
        line_put_quoted(l, reason_info(GET(enum reason, e, f))->code);
        break;
    case VALUE_CAUSE:
        line_put_quoted(l, cause_code(GET(enum cause, e, f)));
        break;
    case VALUE_FIELDS:
        line_put_fields(l, GET(fields_pointer, e, f));
        break;
    case VALUE_SOURCE:
        line_put_quoted(l, source_words[GET(enum usage_source, e, f) & 3]);
        break;
    case VALUE_MEDIA:
        line_put_quoted(l, media_words[GET(uint8_t, e, f) & 3]);
        break;
    case VALUE_REVOCATION:
        line_put_quoted(l, revocation_words[GET(enum revocation, e, f) & 3]);
        break;
    case VALUE_OPERATOR:
        line_put_unsigned(l, GET(struct entry_operator, e, f).uid);
        break;
    default:
        l->failed = true;
    }
}

int entry_encode(const struct entry *e, char *line, size_t size, size_t *length)
{
    struct line l = {.text = line, .size = size};

    if (e->kind == ENTRY_NONE || (unsigned)e->kind >= ENTRY_KIND_COUNT)
        return SP_EINVAL;
    line_put(&l, "{\"n\":", 5);
    line_put_unsigned(&l, e->n);
    line_put(&l, LEAD("t"), sizeof LEAD("t") - 1);
    line_put_signed(&l, e->t);
    line_put(&l, LEAD("kind"), sizeof LEAD("kind") - 1);
    line_put_quoted(&l, entry_kinds[e->kind].text);
    for (const struct field *f = entry_kinds[e->kind].fields; f->key != NULL;
         f++) {
        if (!field_is_set(e, f))
            continue;
        line_put_lead(&l, f);
        field_encode(&l, e, f);
    }
    line_put(&l, "}", 1);
    if (l.failed)
        return SP_ETOOBIG;
    *length = l.length;
    return 0;
}

void entry_reader_init(struct entry_reader *r)
{
    r->used = 0;
}

void entry_reader_release(struct entry_reader *r)
{
    r->used = 0; /* all that it has is its own */
}

/* Decoding ---------------------------------------------------------------- */

/* A line as it is read: what is in front of `at` was taken. What is taken may
 * be too much (leading zeros, bytes that are not UTF-8, a reason that says
 * none): the comparison at the end refuses whatever is not spelled as
 * entry_encode() does. A parser of all JSON cost four times as much and
 * refused nothing that the comparison does not. */
struct scan {
    const char *at, *end;
};

static bool scan_take(struct scan *s, const char *text, size_t length)
{
    if ((size_t)(s->end - s->at) < length || memcmp(s->at, text, length) != 0)
        return false;
    s->at += length;
    return true;
}

/* The key of a field, if it stands there; most of them do not, which the first
 * letter tells without a call. */
static bool scan_lead(struct scan *s, const struct field *f)
{
    return s->end - s->at > 2 && s->at[2] == f->lead[2] &&
           scan_take(s, f->lead, f->lead_length);
}

/* The bytes of a string as they stand there, up to the next quote. */
static int scan_quoted(struct scan *s, const char **text, size_t *length)
{
    if (!scan_take(s, "\"", 1))
        return SP_EINVAL;
    const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
    if (quote == NULL)
        return SP_EINVAL;
    *text = s->at;
    *length = (size_t)(quote - s->at);
    s->at = quote + 1;
    return 0;
}

/* One character behind a backslash; U+0000 would end a text early. */
static int escape_decode(struct scan *s, char *c)
{
    static const char from[] = "\"\\bfnrt", to[] = "\"\\\b\f\n\r\t";
    static const char hex[] = "0123456789abcdef";
    const char *high, *low, *known;

    if (s->end - s->at < 2)
        return SP_EINVAL;
    known = memchr(from, s->at[1], sizeof from - 1);
    if (known != NULL) {
        *c = to[known - from];
        s->at += 2;
        return 0;
    }
    if (!scan_take(s, "\\u00", 4) || s->end - s->at < 2)
        return SP_EINVAL;
    high = memchr(hex, s->at[0], 2);
    low = memchr(hex, s->at[1], 16);
    if (high == NULL || low == NULL)
        return SP_EINVAL;
    *c = (char)((high - hex) << 4 | (low - hex));
    s->at += 2;
    return *c == '\0' ? SP_EINVAL : 0;
}

static int text_decode(struct entry_reader *r, struct scan *s,
                       const char **text)
{
    char *to = r->text + r->used;
    size_t room = sizeof r->text - r->used, length = 0;

    if (!scan_take(s, "\"", 1))
        return SP_EINVAL;
    for (;;) {
        const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
        if (quote == NULL)
            return SP_EINVAL;
        const char *stop = memchr(s->at, '\\', (size_t)(quote - s->at));
        size_t plain = (size_t)((stop == NULL ? quote : stop) - s->at);
        if (plain + 2 > room - length)
            return SP_EINVAL;
        memcpy(to + length, s->at, plain);
        length += plain;
        s->at += plain;
        if (stop == NULL)
            break;
        if (escape_decode(s, &to[length++]) != 0)
            return SP_EINVAL;
    }
    to[length++] = '\0';
    s->at++; /* the quote */
    r->used += length;
    *text = to;
    return 0;
}

/* A whole number of at most `max`, written without a sign. */
static int unsigned_decode(struct scan *s, uint64_t max, uint64_t *value)
{
    const char *began = s->at;
    uint64_t v = 0;

    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s->at - '0'), &v))
            return SP_EINVAL;
    if (s->at == began || v > max)
        return SP_EINVAL;
    *value = v;
    return 0;
}

/* The value of a hex digit and 16; 0: none. (Digits of hashes are random, and
 * a comparison for each is a branch that nothing can predict.) */
static const uint8_t nibbles[256] = {
    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21,
    ['6'] = 22, ['7'] = 23, ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27,
    ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
};

static int hash_decode(struct scan *s, uint8_t hash[32])
{
    uint8_t good = 16;

    if (s->end - s->at < 66 || s->at[0] != '"' || s->at[65] != '"')
        return SP_EINVAL;
    for (size_t i = 0; i < 32; i++) {
        uint8_t high = nibbles[(uint8_t)s->at[1 + 2 * i]];
        uint8_t low = nibbles[(uint8_t)s->at[2 + 2 * i]];
        good &= high & low;
        hash[i] = (uint8_t)(high << 4 | (low & 15));
    }
    s->at += 66;
    return good != 0 ? 0 : SP_EINVAL;
}

/* The text may have zeros in it, behind which the word must not be read. */
static bool word_is(const char *word, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (word[i] == '\0' || word[i] != text[i])
            return false;
    return word[length] == '\0';
}

/* The index of a string in a list of words, or -1. */
static int word_decode(struct scan *s, const char *const *words, int count)
{
    const char *text;
    size_t length;

    if (scan_quoted(s, &text, &length) != 0)
        return -1;
    for (int i = 0; i < count; i++)
        if (word_is(words[i], text, length))
            return i;
    return -1;
}

/* The kinds of values that are one of a fixed list of codes. */
static int code_decode(struct scan *s, const struct field *f, struct entry *e)
{
    const char *text;
    size_t length;

    if (scan_quoted(s, &text, &length) != 0)
        return SP_EINVAL;
    if (f->type == VALUE_ROUTE) {
        /* An unknown name becomes ROUTE_UNKNOWN, and the comparison with what
         * that encodes to refuses it. */
        AT(enum route, e, f) = route_from_name(text, length);
    } else if (f->type == VALUE_REASON) {
        enum reason reason = reason_from_code(text, length);

        if (reason == REASON_COUNT || reason == REASON_NONE)
            return SP_EINVAL;
        AT(enum reason, e, f) = reason;
    } else {
        enum cause cause = cause_from_code(text, length);

        if (cause == CAUSE_COUNT)
            return SP_EINVAL;
        AT(enum cause, e, f) = cause;
    }
    return 0;
}

/* The kinds of values that are one of a short list of words. */
static int listed_decode(struct scan *s, const struct field *f, struct entry *e)
{
    int i;

    if (f->type == VALUE_METHOD) {
        if ((i = word_decode(s, methods, 4)) < 0)
            return SP_EINVAL;
        AT(enum method, e, f) = (enum method)i;
    } else if (f->type == VALUE_DIALECT) {
        if ((i = word_decode(s, dialects, 2)) < 0)
            return SP_EINVAL;
        AT(enum dialect, e, f) = (enum dialect)i;
    } else if (f->type == VALUE_SOURCE) {
        if ((i = word_decode(s, source_words, USAGE_COUNT)) <= 0)
            return SP_EINVAL;
        AT(enum usage_source, e, f) = (enum usage_source)i;
    } else if (f->type == VALUE_REVOCATION) {
        if ((i = word_decode(s, revocation_words, REVOCATION_COUNT)) <= 0)
            return SP_EINVAL;
        AT(enum revocation, e, f) = (enum revocation)i;
    } else {
        if ((i = word_decode(s, media_words, 4)) <= 0)
            return SP_EINVAL;
        AT(uint8_t, e, f) = (uint8_t)i;
    }
    return 0;
}

static int number_decode(struct scan *s, const struct field *f, struct entry *e)
{
    uint64_t max = f->type == VALUE_U16   ? UINT16_MAX
                   : f->type == VALUE_U32 ? UINT32_MAX
                   : f->type == VALUE_I64 ? INT64_MAX
                                          : UINT64_MAX;
    uint64_t v;
    int error;

    if ((error = unsigned_decode(s, max, &v)) != 0)
        return error;
    if (f->type == VALUE_U16)
        AT(uint16_t, e, f) = (uint16_t)v;
    else if (f->type == VALUE_U32)
        AT(uint32_t, e, f) = (uint32_t)v;
    else if (f->type == VALUE_I64)
        AT(int64_t, e, f) = (int64_t)v;
    else
        AT(uint64_t, e, f) = v;
    return 0;
}

static int bool_decode(struct scan *s, bool *value)
{
    *value = scan_take(s, "true", 4);
    return *value || scan_take(s, "false", 5) ? 0 : SP_EINVAL;
}

/* The route stands before the fields in an entry. */
static int fields_text_decode(struct entry_reader *r, struct scan *s,
                              const struct field *f, struct entry *e)
{
    const char *text;
    size_t length;

    if (scan_quoted(s, &text, &length) != 0 ||
        field_set_parse(&r->fields, e->u.request.route, text, length) != 0)
        return SP_EINVAL;
    AT(fields_pointer, e, f) = &r->fields;
    return 0;
}

static int operator_decode(struct scan *s, struct entry_operator *who)
{
    uint64_t uid;
    int error = unsigned_decode(s, UINT32_MAX, &uid);

    if (error == 0)
        *who = (struct entry_operator){.known = true, .uid = (uint32_t)uid};
    return error;
}

static int field_decode(struct entry_reader *r, struct scan *s,
                        const struct field *f, struct entry *e)
{
    switch (f->type) {
    case VALUE_TEXT:
        return text_decode(r, s, &AT(const char *, e, f));
    case VALUE_U16:
    case VALUE_U32:
    case VALUE_U64:
    case VALUE_I64:
        return number_decode(s, f, e);
    case VALUE_BOOL:
        return bool_decode(s, &AT(bool, e, f));
    case VALUE_HASH:
        if (f->rule == IF_REPLACES)
            e->u.policy_loaded.has_replaces = true;
        if (f->rule == IF_COMMITMENTS)
            e->u.request_closed.has_commitments = true;
        if (f->rule == IF_TRANSCRIPT)
            e->u.request_closed.has_transcript = true;
        if (f->rule == IF_ISSUER)
            e->u.certificate_revoked.has_issuer = true;
        return hash_decode(s, &AT(uint8_t, e, f));
    case VALUE_FIELDS:
        return fields_text_decode(r, s, f, e);
    case VALUE_SOURCE:
    case VALUE_MEDIA:
    case VALUE_METHOD:
    case VALUE_DIALECT:
    case VALUE_REVOCATION:
        return listed_decode(s, f, e);
    case VALUE_ROUTE:
    case VALUE_REASON:
    case VALUE_CAUSE:
        return code_decode(s, f, e);
    case VALUE_OPERATOR:
        return operator_decode(s, &AT(struct entry_operator, e, f));
    default:
        return SP_EINVAL;
    }
}

static enum entry_kind kind_decode(struct scan *s)
{
    const char *text;
    size_t length;

    if (scan_quoted(s, &text, &length) == 0)
        for (int k = ENTRY_NONE + 1; k < ENTRY_KIND_COUNT; k++)
            if (word_is(entry_kinds[k].text, text, length))
                return (enum entry_kind)k;
    return ENTRY_NONE;
}

/* The three keys that every entry begins with. */
static int head_decode(struct scan *s, struct entry *e)
{
    uint64_t t;

    if (!scan_take(s, "{\"n\":", 5) ||
        unsigned_decode(s, UINT64_MAX, &e->n) != 0 ||
        !scan_take(s, LEAD("t"), sizeof LEAD("t") - 1) ||
        unsigned_decode(s, INT64_MAX, &t) != 0 ||
        !scan_take(s, LEAD("kind"), sizeof LEAD("kind") - 1))
        return SP_EINVAL;
    e->t = (int64_t)t;
    e->kind = kind_decode(s);
    return e->kind == ENTRY_NONE ? SP_EINVAL : 0;
}

static int fields_decode(struct entry_reader *r, struct scan *s,
                         struct entry *e)
{
    int error;

    if (e->kind == ENTRY_REQUEST_ADMITTED || e->kind == ENTRY_REQUEST_REFUSED)
        e->u.request = (struct entry_request){.max_tokens = -1, .outputs = 1};
    for (const struct field *f = entry_kinds[e->kind].fields; f->key != NULL;
         f++) {
        if (!scan_lead(s, f)) {
            if (f->rule == ALWAYS)
                return SP_EINVAL;
            continue;
        }
        if ((error = field_decode(r, s, f, e)) != 0)
            return error;
    }
    return scan_take(s, "}", 1) && s->at == s->end ? 0 : SP_EINVAL;
}

int entry_decode(struct entry_reader *r, const char *line, size_t length,
                 struct entry *e)
{
    struct scan s = {line, line + length};
    char again[LIMIT_ENTRY_BYTES];
    size_t n = 0;

    *e = (struct entry){0};
    r->used = 0;
    if (length > sizeof again || head_decode(&s, e) != 0 ||
        fields_decode(r, &s, e) != 0)
        return SP_EINVAL;
    if (entry_encode(e, again, sizeof again, &n) != 0 || n != length ||
        memcmp(again, line, length) != 0)
        return SP_EINVAL;
    return 0;
}
