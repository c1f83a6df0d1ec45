/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries to JSON lines and back, both by one table of keys per kind. An entry
 * has exactly one spelling: what is decoded is encoded again and compared.
 *
 * Runs in the keeper and in auditors' tools. A line that is decoded comes from
 * a ledger's folder and is trusted with nothing.
 */
#include "policy/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/limits.h"

enum value_type {
    VALUE_TEXT, /* const char * */
    VALUE_U16,
    VALUE_U32,
    VALUE_U64,
    VALUE_I64, /* ≥ 0 */
    VALUE_BOOL,
    VALUE_HASH, /* uint8_t[32], as hex */
    VALUE_METHOD,
    VALUE_ROUTE,
    VALUE_DIALECT,
    VALUE_REASON,
    VALUE_CAUSE,
    VALUE_FIELDS,   /* const struct field_set *, as its text; may be NULL */
    VALUE_MEDIA,    /* uint8_t: bits of enum facts_media, as words */
    VALUE_SOURCE,   /* enum usage_source */
    VALUE_OPERATOR, /* struct entry_operator, as its uid */
};

/* When a key may be missing. */
enum field_rule {
    ALWAYS,
    IF_SET, /* a text that is not NULL, a number ≥ 0, a reason ≠ NONE, fields
               that are not NULL, an operator who is known */
    IF_ANY,        /* a number > 0 */
    IF_AGREEMENT,  /* a window under an agreement */
    IF_MANY,       /* a count > 1 */
    IF_REPLACES,   /* has_replaces */
    IF_COMMITMENTS /* has_commitments */
};

struct field {
    const char *key;
    const char *lead; /* how the key is written: ,"key": */
    size_t lead_length;
    enum value_type type;
    enum field_rule rule;
    size_t offset; /* in struct entry */
};

#define LEAD(key) ",\"" key "\":"
#define FIELD(key, type, rule, member)                                         \
    {                                                                          \
        key, LEAD(key), sizeof LEAD(key) - 1, VALUE_##type, rule,              \
            offsetof(struct entry, u.member)                                   \
    }

static const struct field log_opened[] = {
    FIELD("origin", TEXT, ALWAYS, log_opened.origin),
    FIELD("version", TEXT, ALWAYS, log_opened.version),
    FIELD("vkey", TEXT, ALWAYS, log_opened.vkey),
    {0},
};
static const struct field log_rekeyed[] = {
    FIELD("vkey", TEXT, ALWAYS, log_rekeyed.vkey),
    FIELD("replaces", TEXT, ALWAYS, log_rekeyed.replaces),
    {0},
};
static const struct field policy_loaded[] = {
    FIELD("serial", U32, ALWAYS, policy_loaded.serial),
    FIELD("sha256", HASH, ALWAYS, policy_loaded.sha256),
    FIELD("replaces", HASH, IF_REPLACES, policy_loaded.replaces),
    FIELD("basis", TEXT, IF_SET, policy_loaded.basis),
    FIELD("developer", TEXT, IF_SET, policy_loaded.developer),
    FIELD("author", TEXT, IF_SET, policy_loaded.author),
    FIELD("approvers", TEXT, IF_SET, policy_loaded.approvers),
    {0},
};
static const struct field approvers_set[] = {
    FIELD("required", U32, ALWAYS, approvers_set.required),
    FIELD("valid_ms", I64, ALWAYS, approvers_set.valid_ms),
    FIELD("approvers", TEXT, ALWAYS, approvers_set.approvers),
    FIELD("by", TEXT, IF_SET, approvers_set.by),
    {0},
};
static const struct field window_opened[] = {
    FIELD("window", TEXT, ALWAYS, window_opened.window),
    FIELD("party", TEXT, ALWAYS, window_opened.party),
    FIELD("model", TEXT, ALWAYS, window_opened.model),
    FIELD("opens", I64, ALWAYS, window_opened.opens),
    FIELD("closes", I64, ALWAYS, window_opened.closes),
    FIELD("agreement", TEXT, IF_SET, window_opened.agreement),
    FIELD("agreement_sha256", HASH, IF_AGREEMENT,
          window_opened.agreement_sha256),
    FIELD("selection", TEXT, IF_SET, window_opened.selection),
    FIELD("designation", TEXT, IF_SET, window_opened.designation),
    FIELD("designated_by", TEXT, IF_SET, window_opened.designated_by),
    FIELD("designation_reference", TEXT, IF_SET,
          window_opened.designation_reference),
    {0},
};
static const struct field window_closed[] = {
    FIELD("window", TEXT, ALWAYS, window_closed.window),
    FIELD("cause", TEXT, ALWAYS, window_closed.cause),
    FIELD("operator", OPERATOR, IF_SET, window_closed.by),
    FIELD("reason", TEXT, IF_SET, window_closed.reason),
    {0},
};
#define REQUEST_FIELDS                                                         \
    FIELD("party", TEXT, IF_SET, request.party),                               \
        FIELD("person", TEXT, IF_SET, request.person),                         \
        FIELD("model", TEXT, IF_SET, request.model),                           \
        FIELD("window", TEXT, IF_SET, request.window),                         \
        FIELD("terms", TEXT, IF_SET, request.terms),                           \
        FIELD("method", METHOD, ALWAYS, request.method),                       \
        FIELD("route", ROUTE, ALWAYS, request.route),                          \
        FIELD("dialect", DIALECT, ALWAYS, request.dialect),                    \
        FIELD("fault", REASON, IF_SET, request.fault),                         \
        FIELD("stream", BOOL, ALWAYS, request.stream),                         \
        FIELD("max_tokens", I64, IF_SET, request.max_tokens),                  \
        FIELD("bytes", U64, ALWAYS, request.bytes),                            \
        FIELD("outputs", U32, IF_MANY, request.outputs),                       \
        FIELD("fields", FIELDS, IF_SET, request.fields),                       \
        FIELD("tools", U32, IF_ANY, request.tools),                            \
        FIELD("tool_types", TEXT, IF_SET, request.tool_types),                 \
        FIELD("media", MEDIA, IF_ANY, request.media),                          \
        FIELD("purpose", TEXT, IF_SET, request.purpose),                       \
        FIELD("case", TEXT, IF_SET, request.case_id),                          \
        FIELD("version", TEXT, IF_SET, request.version),                       \
        FIELD("betas", TEXT, IF_SET, request.betas),                           \
        FIELD("address", TEXT, ALWAYS, request.address),                       \
        FIELD("cert_sha256", HASH, ALWAYS, request.cert_sha256),               \
        FIELD("cert_not_before", I64, ALWAYS, request.cert_not_before),        \
        FIELD("cert_not_after", I64, ALWAYS, request.cert_not_after),          \
        FIELD("policy", U32, ALWAYS, request.policy)
static const struct field request_admitted[] = {
    REQUEST_FIELDS,
    FIELD("deadline", I64, ALWAYS, request.deadline),
    FIELD("reserve_tokens", U64, IF_ANY, request.reserve_tokens),
    FIELD("reserve_input", U64, IF_ANY, request.reserve_input),
    FIELD("reserve_output", U64, IF_ANY, request.reserve_output),
    FIELD("reserve_bytes", U64, IF_ANY, request.reserve_bytes),
    {0},
};
static const struct field request_refused[] = {
    REQUEST_FIELDS,
    FIELD("reason", REASON, ALWAYS, request.reason),
    FIELD("field", TEXT, IF_SET, request.field),
    {0},
};
static const struct field request_closed[] = {
    FIELD("of", U64, ALWAYS, request_closed.of),
    FIELD("cause", CAUSE, ALWAYS, request_closed.cause),
    FIELD("status", U16, ALWAYS, request_closed.status),
    FIELD("asked_bytes", U64, ALWAYS, request_closed.asked_bytes),
    FIELD("answered_bytes", U64, ALWAYS, request_closed.answered_bytes),
    FIELD("content_bytes", U64, IF_ANY, request_closed.content_bytes),
    FIELD("usage", SOURCE, IF_SET, request_closed.source),
    FIELD("input_tokens", U64, IF_ANY, request_closed.input_tokens),
    FIELD("output_tokens", U64, IF_ANY, request_closed.output_tokens),
    FIELD("cached_tokens", U64, IF_ANY, request_closed.cached_tokens),
    FIELD("reasoning_tokens", U64, IF_ANY, request_closed.reasoning_tokens),
    FIELD("finish", TEXT, IF_SET, request_closed.finish),
    FIELD("asked", HASH, IF_COMMITMENTS, request_closed.asked),
    FIELD("answered", HASH, IF_COMMITMENTS, request_closed.answered),
    {0},
};
static const struct field connection_refused[] = {
    FIELD("address", TEXT, ALWAYS, connection_refused.address),
    FIELD("reason", TEXT, ALWAYS, connection_refused.reason),
    FIELD("count", U32, ALWAYS, connection_refused.count),
    {0},
};
static const struct field clock_anomaly[] = {
    FIELD("what", TEXT, ALWAYS, clock_anomaly.what),
    FIELD("wall", I64, ALWAYS, clock_anomaly.wall),
    {0},
};
static const struct field worker_died[] = {
    FIELD("worker", U32, ALWAYS, worker_died.worker),
    FIELD("status", TEXT, ALWAYS, worker_died.status),
    FIELD("requests", U32, ALWAYS, worker_died.requests),
    {0},
};
static const struct field ledger_resumed[] = {
    FIELD("version", TEXT, ALWAYS, ledger_resumed.version),
    FIELD("cut_bytes", U64, ALWAYS, ledger_resumed.cut_bytes),
    FIELD("requests", U32, ALWAYS, ledger_resumed.requests),
    FIELD("landlock", U32, ALWAYS, ledger_resumed.landlock),
    {0},
};
static const struct field nda_accepted[] = {
    FIELD("of", U64, ALWAYS, nda_accepted.of),
    FIELD("party", TEXT, ALWAYS, nda_accepted.party),
    FIELD("person", TEXT, ALWAYS, nda_accepted.person),
    FIELD("document", TEXT, ALWAYS, nda_accepted.document),
    FIELD("sha256", HASH, ALWAYS, nda_accepted.sha256),
    FIELD("certificate", TEXT, ALWAYS, nda_accepted.certificate),
    FIELD("signature", TEXT, ALWAYS, nda_accepted.signature),
    FIELD("algorithm", TEXT, ALWAYS, nda_accepted.algorithm),
    {0},
};
static const struct field finding_filed[] = {
    FIELD("of", U64, ALWAYS, finding_filed.of),
    FIELD("part", U32, ALWAYS, finding_filed.part),
    FIELD("parts", U32, ALWAYS, finding_filed.parts),
    FIELD("party", TEXT, ALWAYS, finding_filed.party),
    FIELD("person", TEXT, ALWAYS, finding_filed.person),
    FIELD("sha256", HASH, ALWAYS, finding_filed.sha256),
    FIELD("data", TEXT, ALWAYS, finding_filed.data),
    {0},
};
static const struct field person_suspended[] = {
    FIELD("party", TEXT, ALWAYS, person_suspended.party),
    FIELD("person", TEXT, IF_SET, person_suspended.person),
    FIELD("cause", TEXT, ALWAYS, person_suspended.cause),
    FIELD("operator", OPERATOR, IF_SET, person_suspended.by),
    FIELD("reason", TEXT, IF_SET, person_suspended.reason),
    {0},
};
static const struct field person_resumed[] = {
    FIELD("party", TEXT, ALWAYS, person_resumed.party),
    FIELD("person", TEXT, IF_SET, person_resumed.person),
    FIELD("of", U64, ALWAYS, person_resumed.of),
    FIELD("operator", OPERATOR, IF_SET, person_resumed.by),
    FIELD("approver", TEXT, ALWAYS, person_resumed.approver),
    FIELD("reason", TEXT, IF_SET, person_resumed.reason),
    {0},
};
static const struct field party_revoked[] = {
    FIELD("party", TEXT, ALWAYS, party_revoked.party),
    FIELD("person", TEXT, IF_SET, party_revoked.person),
    FIELD("operator", OPERATOR, IF_SET, party_revoked.by),
    FIELD("reason", TEXT, IF_SET, party_revoked.reason),
    {0},
};
static const struct field model_released[] = {
    FIELD("model", TEXT, ALWAYS, model_released.model),
    FIELD("cause", TEXT, ALWAYS, model_released.cause),
    FIELD("operator", OPERATOR, IF_SET, model_released.by),
    FIELD("reason", TEXT, IF_SET, model_released.reason),
    {0},
};
static const struct field tripwire_alerted[] = {
    FIELD("party", TEXT, ALWAYS, tripwire_alerted.party),
    FIELD("person", TEXT, ALWAYS, tripwire_alerted.person),
    FIELD("tripwire", TEXT, ALWAYS, tripwire_alerted.tripwire),
    FIELD("what", TEXT, ALWAYS, tripwire_alerted.what),
    FIELD("value", U64, ALWAYS, tripwire_alerted.value),
    FIELD("above", U64, ALWAYS, tripwire_alerted.above),
    {0},
};
static const struct field nothing[] = {{0}};

static const struct {
    const char *text;
    const struct field *fields;
} kinds[ENTRY_KIND_COUNT] = {
    [ENTRY_NONE] = {"none", NULL},
    [ENTRY_LOG_OPENED] = {"log.opened", log_opened},
    [ENTRY_POLICY_LOADED] = {"policy.loaded", policy_loaded},
    [ENTRY_WINDOW_OPENED] = {"window.opened", window_opened},
    [ENTRY_WINDOW_CLOSED] = {"window.closed", window_closed},
    [ENTRY_REQUEST_ADMITTED] = {"request.admitted", request_admitted},
    [ENTRY_REQUEST_REFUSED] = {"request.refused", request_refused},
    [ENTRY_REQUEST_CLOSED] = {"request.closed", request_closed},
    [ENTRY_CONNECTION_REFUSED] = {"connection.refused", connection_refused},
    [ENTRY_CLOCK_ANOMALY] = {"clock.anomaly", clock_anomaly},
    [ENTRY_WORKER_DIED] = {"worker.died", worker_died},
    [ENTRY_LEDGER_RESUMED] = {"ledger.resumed", ledger_resumed},
    [ENTRY_APPROVERS_SET] = {"approvers.set", approvers_set},
    [ENTRY_NDA_ACCEPTED] = {"nda.accepted", nda_accepted},
    [ENTRY_FINDING_FILED] = {"finding.filed", finding_filed},
    [ENTRY_HEARTBEAT] = {"ledger.heartbeat", nothing},
    [ENTRY_PERSON_SUSPENDED] = {"person.suspended", person_suspended},
    [ENTRY_PERSON_RESUMED] = {"person.resumed", person_resumed},
    [ENTRY_PARTY_REVOKED] = {"party.revoked", party_revoked},
    [ENTRY_MODEL_RELEASED] = {"model.released", model_released},
    [ENTRY_TRIPWIRE_ALERTED] = {"tripwire.alerted", tripwire_alerted},
    [ENTRY_LOG_REKEYED] = {"log.rekeyed", log_rekeyed},
};

static const char *const methods[] = {"GET", "HEAD", "POST", "OTHER"};
static const char *const dialects[] = {"openai", "anthropic"};

const char *entry_kind_text(enum entry_kind kind)
{
    return kinds[(unsigned)kind < ENTRY_KIND_COUNT ? kind : ENTRY_NONE].text;
}

typedef const char *text_pointer;
typedef const struct field_set *fields_pointer;

static const char *const source_words[USAGE_COUNT] = {"none", "reported",
                                                      "estimated", "unknown"};
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
        return GET(int64_t, e, f) >= 0;
    case IF_ANY:
        if (f->type == VALUE_MEDIA)
            return GET(uint8_t, e, f) != 0;
        return f->type == VALUE_U64 ? GET(uint64_t, e, f) > 0
                                    : GET(uint32_t, e, f) > 0;
    case IF_AGREEMENT:
        return e->u.window_opened.agreement != NULL;
    case IF_MANY:
        return GET(uint32_t, e, f) > 1;
    case IF_REPLACES:
        return e->u.policy_loaded.has_replaces;
    case IF_COMMITMENTS:
        return e->u.request_closed.has_commitments;
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
    line_put_quoted(&l, kinds[e->kind].text);
    for (const struct field *f = kinds[e->kind].fields; f->key != NULL; f++) {
        if (!field_is_set(e, f))
            continue;
        line_put(&l, f->lead, f->lead_length);
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
    *r = (struct entry_reader){0};
}

void entry_reader_release(struct entry_reader *r)
{
    json_release(&r->json);
}

static int text_decode(struct entry_reader *r, uint32_t node, const char **text)
{
    char *to = r->text + r->used;
    int error = json_text(&r->json, node, to, sizeof r->text - r->used);

    if (error != 0)
        return SP_EINVAL;
    *text = to;
    r->used += strlen(to) + 1;
    return 0;
}

/* A whole number of at most `max`, written without a sign. */
static int unsigned_decode(struct entry_reader *r, uint32_t node, uint64_t max,
                           uint64_t *value)
{
    const struct json_node *n = &r->json.nodes[node];
    uint64_t v = 0;

    if (n->type != JSON_NUMBER)
        return SP_EINVAL;
    for (uint32_t i = n->start; i < n->end; i++) {
        char c = r->json.text[i];

        if (c < '0' || c > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
            return SP_EINVAL;
    }
    if (v > max)
        return SP_EINVAL;
    *value = v;
    return 0;
}

static int hash_decode(const struct entry_reader *r, uint32_t node,
                       uint8_t hash[32])
{
    static const char digits[] = "0123456789abcdef";
    const struct json_node *n = &r->json.nodes[node];
    const char *p = r->json.text + n->start + 1;

    if (n->type != JSON_STRING || n->escaped || n->end - n->start != 66)
        return SP_EINVAL;
    for (size_t i = 0; i < 64; i++) {
        const char *digit = memchr(digits, p[i], 16);
        unsigned value;

        if (digit == NULL)
            return SP_EINVAL;
        value = (unsigned)(digit - digits);
        hash[i / 2] = (uint8_t)(i % 2 == 0 ? value << 4 : hash[i / 2] | value);
    }
    return 0;
}

/* The index of a string node in a list of words, or -1. */
static int word_decode(const struct entry_reader *r, uint32_t node,
                       const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        if (json_equals(&r->json, node, words[i]))
            return i;
    return -1;
}

/* The kinds of values that are one of a fixed list of codes. */
static int code_decode(struct entry_reader *r, uint32_t node,
                       const struct field *f, struct entry *e)
{
    const struct json_node *n = &r->json.nodes[node];
    const char *text = r->json.text + n->start + 1;
    size_t length = n->end - n->start - 2;
    int i;

    if (n->type != JSON_STRING || n->escaped)
        return SP_EINVAL;
    if (f->type == VALUE_METHOD) {
        if ((i = word_decode(r, node, methods, 4)) < 0)
            return SP_EINVAL;
        AT(enum method, e, f) = (enum method)i;
    } else if (f->type == VALUE_DIALECT) {
        if ((i = word_decode(r, node, dialects, 2)) < 0)
            return SP_EINVAL;
        AT(enum dialect, e, f) = (enum dialect)i;
    } else if (f->type == VALUE_ROUTE) {
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

static int number_decode(struct entry_reader *r, uint32_t node,
                         const struct field *f, struct entry *e)
{
    uint64_t max = f->type == VALUE_U16   ? UINT16_MAX
                   : f->type == VALUE_U32 ? UINT32_MAX
                   : f->type == VALUE_I64 ? INT64_MAX
                                          : UINT64_MAX;
    uint64_t v;
    int error;

    if ((error = unsigned_decode(r, node, max, &v)) != 0)
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

/* The route stands before the fields in an entry. */
static int fields_text_decode(struct entry_reader *r, uint32_t node,
                              const struct field *f, struct entry *e)
{
    const struct json_node *n = &r->json.nodes[node];

    if (n->type != JSON_STRING || n->escaped ||
        field_set_parse(&r->fields, e->u.request.route,
                        r->json.text + n->start + 1,
                        n->end - n->start - 2) != 0)
        return SP_EINVAL;
    AT(fields_pointer, e, f) = &r->fields;
    return 0;
}

static int operator_decode(struct entry_reader *r, uint32_t node,
                           struct entry_operator *who)
{
    uint64_t uid;
    int error = unsigned_decode(r, node, UINT32_MAX, &uid);

    if (error == 0)
        *who = (struct entry_operator){.known = true, .uid = (uint32_t)uid};
    return error;
}

static int field_decode(struct entry_reader *r, uint32_t node,
                        const struct field *f, struct entry *e)
{
    const struct json_node *n = &r->json.nodes[node];

    switch (f->type) {
    case VALUE_TEXT:
        return text_decode(r, node, &AT(const char *, e, f));
    case VALUE_U16:
    case VALUE_U32:
    case VALUE_U64:
    case VALUE_I64:
        return number_decode(r, node, f, e);
    case VALUE_BOOL:
        if (n->type != JSON_TRUE && n->type != JSON_FALSE)
            return SP_EINVAL;
        AT(bool, e, f) = n->type == JSON_TRUE;
        return 0;
    case VALUE_HASH:
        if (f->rule == IF_REPLACES)
            e->u.policy_loaded.has_replaces = true;
        if (f->rule == IF_COMMITMENTS)
            e->u.request_closed.has_commitments = true;
        return hash_decode(r, node, &AT(uint8_t, e, f));
    case VALUE_FIELDS:
        return fields_text_decode(r, node, f, e);
    case VALUE_SOURCE: {
        int source = word_decode(r, node, source_words, USAGE_COUNT);

        AT(enum usage_source, e, f) =
            source > 0 ? (enum usage_source)source : USAGE_NONE;
        return source > 0 ? 0 : SP_EINVAL;
    }
    case VALUE_MEDIA: {
        int bits = word_decode(r, node, media_words, 4);

        AT(uint8_t, e, f) = (uint8_t)(bits & 3);
        return bits > 0 ? 0 : SP_EINVAL;
    }
    case VALUE_METHOD:
    case VALUE_ROUTE:
    case VALUE_DIALECT:
    case VALUE_REASON:
    case VALUE_CAUSE:
        return code_decode(r, node, f, e);
    case VALUE_OPERATOR:
        return operator_decode(r, node, &AT(struct entry_operator, e, f));
    default:
        return SP_EINVAL;
    }
}

/* The three keys that every entry begins with; *member is the next one. */
static int head_decode(struct entry_reader *r, struct entry *e,
                       uint32_t *member)
{
    static const char *const keys[] = {"n", "t", "kind"};
    const struct json *j = &r->json;
    uint32_t m = j->nodes[0].child, at[3];
    uint64_t t;
    int error;

    for (size_t i = 0; i < 3; i++) {
        if (m == 0 || !json_equals(j, j->nodes[m].name, keys[i]))
            return SP_EINVAL;
        at[i] = m;
        m = j->nodes[m].next;
    }
    if ((error = unsigned_decode(r, at[0], UINT64_MAX, &e->n)) != 0 ||
        (error = unsigned_decode(r, at[1], INT64_MAX, &t)) != 0)
        return error;
    e->t = (int64_t)t;
    for (int k = ENTRY_NONE + 1; k < ENTRY_KIND_COUNT; k++)
        if (json_equals(j, at[2], kinds[k].text))
            e->kind = (enum entry_kind)k;
    *member = m;
    return e->kind == ENTRY_NONE ? SP_EINVAL : 0;
}

static int fields_decode(struct entry_reader *r, uint32_t member,
                         struct entry *e)
{
    const struct json *j = &r->json;
    int error;

    if (e->kind == ENTRY_REQUEST_ADMITTED || e->kind == ENTRY_REQUEST_REFUSED)
        e->u.request = (struct entry_request){.max_tokens = -1, .outputs = 1};
    for (const struct field *f = kinds[e->kind].fields; f->key != NULL; f++) {
        if (member == 0 || !json_equals(j, j->nodes[member].name, f->key)) {
            if (f->rule == ALWAYS)
                return SP_EINVAL;
            continue;
        }
        if ((error = field_decode(r, member, f, e)) != 0)
            return error;
        member = j->nodes[member].next;
    }
    return member == 0 ? 0 : SP_EINVAL;
}

int entry_decode(struct entry_reader *r, const char *line, size_t length,
                 struct entry *e)
{
    char again[LIMIT_ENTRY_BYTES];
    uint32_t member = 0;
    size_t n = 0;
    int error;

    *e = (struct entry){0};
    r->used = 0;
    if (length > sizeof again)
        return SP_EINVAL;
    error = json_parse(&r->json, line, length, 2, 64);
    if (error == SP_ENOMEM)
        return error;
    if (error != 0 || r->json.nodes[0].type != JSON_OBJECT ||
        head_decode(r, e, &member) != 0 || fields_decode(r, member, e) != 0)
        return SP_EINVAL;
    if (entry_encode(e, again, sizeof again, &n) != 0 || n != length ||
        memcmp(again, line, length) != 0)
        return SP_EINVAL;
    return 0;
}
