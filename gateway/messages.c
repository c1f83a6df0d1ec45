/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of every message between role processes. A decoder
 * is the wall between two processes: whoever wrote the bytes may have been
 * taken over, so each enum, text and count is checked here once, and what
 * comes out can be used as an index into our tables. (Indices into the policy
 * are checked by who holds the policy.) Used in every process.
 */
#include "gateway/messages.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/msg.h"
#include "policy/settings.h"

/* An enum field travels as one byte and is below its count. */
static unsigned get_enum(struct msg_in *m, unsigned count)
{
    unsigned value = msg_get_u8(m);

    if (value >= count) {
        m->failed = true;
        return 0;
    }
    return value;
}

/* A text of `allowed` characters only; it goes into entries and logs. */
static void get_word(struct msg_in *m, char *text, size_t size,
                     const char *allowed)
{
    msg_get_text(m, text, size);
    if (text[0] == '\0' || text[strspn(text, allowed)] != '\0')
        m->failed = true;
}

/* A text of printable ASCII. */
static void get_line(struct msg_in *m, char *text, size_t size)
{
    msg_get_text(m, text, size);
    for (const char *c = text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            m->failed = true;
}

#define ADDRESS_CHARACTERS "0123456789abcdef:."
#define WORD_CHARACTERS    "abcdefghijklmnopqrstuvwxyz_"
#define STATUS_CHARACTERS  WORD_CHARACTERS "0123456789="

static int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

uint16_t message_type(const void *data, size_t length)
{
    struct msg_in m;

    return msg_get_begin(&m, data, length);
}

/* Words of these go into entries, where lists have commas between. */
#define LIST_CHARACTERS                                                        \
    "abcdefghijklmnopqrstuvwxyz0123456789_.-,?" /* '?': one that fits nothing  \
                                                 */
#define LABEL_CHARACTERS                                                       \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/-"

/* A text of `allowed` characters that may be empty. */
static void get_list(struct msg_in *m, char *text, size_t size,
                     const char *allowed)
{
    msg_get_text(m, text, size);
    if (text[strspn(text, allowed)] != '\0')
        m->failed = true;
}

/* The rows that are there, each with its number if it has one. */
static void fields_write(struct msg_out *m, const struct field_set *s)
{
    for (size_t word = 0; word < FIELD_WORDS; word++)
        for (uint64_t rest = s->present[word]; rest != 0; rest &= rest - 1) {
            uint16_t field =
                (uint16_t)(word * 64 + (size_t)__builtin_ctzll(rest));
            int slot = field_number_slot(field);

            msg_put_u16(m, field);
            if (slot >= 0)
                msg_put_i64(m, s->number[slot]);
        }
    msg_put_u16(m, FIELD_NONE);
}

/* In rising order, as they are written, of the request's own route: what an
 * entry could not say is no fact. */
static void fields_read(struct msg_in *m, enum route route, struct field_set *s)
{
    uint16_t field, last = 0;
    bool any = false;

    *s = (struct field_set){0};
    while (!m->failed && (field = msg_get_u16(m)) != FIELD_NONE) {
        int slot = field_number_slot(field);

        if (field >= field_count() || (any && field <= last) ||
            (field_info(field)->routes & 1u << route) == 0) {
            m->failed = true;
            return;
        }
        field_set_add(s, field);
        if (slot >= 0)
            s->number[slot] = msg_get_i64(m);
        if (slot >= 0 && s->number[slot] == INT64_MIN)
            m->failed = true;
        last = field;
        any = true;
    }
}

static void uses_write(struct msg_out *m, const struct facts *f)
{
    msg_put_u32(m, f->outputs);
    fields_write(m, &f->fields);
    msg_put_u32(m, f->tools);
    msg_put_text(m, f->tool_types);
    msg_put_u8(m, f->media);
    msg_put_text(m, f->purpose);
    msg_put_text(m, f->case_id);
    msg_put_text(m, f->version);
    msg_put_text(m, f->betas);
}

static void uses_read(struct msg_in *m, struct facts *f)
{
    f->outputs = msg_get_u32(m);
    fields_read(m, f->route, &f->fields);
    f->tools = msg_get_u32(m);
    get_list(m, f->tool_types, sizeof(f->tool_types), LIST_CHARACTERS);
    f->media = (uint8_t)get_enum(m, (MEDIA_DATA | MEDIA_REMOTE) + 1);
    get_list(m, f->purpose, sizeof(f->purpose), LABEL_CHARACTERS);
    get_list(m, f->case_id, sizeof(f->case_id), LABEL_CHARACTERS);
    get_list(m, f->version, sizeof(f->version), "0123456789-");
    get_list(m, f->betas, sizeof(f->betas), LIST_CHARACTERS);
}

static void facts_write(struct msg_out *m, const struct facts *f)
{
    msg_put_u32(m, f->party);
    msg_put_u32(m, f->person);
    msg_put_fixed(m, f->cert_sha256, sizeof(f->cert_sha256));
    /* Before 1970 is before everything: entries hold no times below 0. */
    msg_put_i64(m, f->cert_not_before > 0 ? f->cert_not_before : 0);
    msg_put_i64(m, f->cert_not_after > 0 ? f->cert_not_after : 0);
    msg_put_u8(m, (uint8_t)f->revocation);
    msg_put_u8(m, f->test_pki);
    msg_put_text(m, f->address);
    msg_put_u8(m, (uint8_t)f->method);
    msg_put_u8(m, (uint8_t)f->route);
    msg_put_u8(m, (uint8_t)f->dialect);
    msg_put_u8(m, (uint8_t)f->fault);
    msg_put_text(m, f->model);
    msg_put_u8(m, f->stream);
    msg_put_i64(m, f->max_tokens);
    msg_put_u64(m, f->body_bytes);
    uses_write(m, f);
}

static void facts_read(struct msg_in *m, struct facts *f)
{
    f->party = msg_get_u32(m);
    f->person = msg_get_u32(m);
    msg_get_fixed(m, f->cert_sha256, sizeof(f->cert_sha256));
    f->cert_not_before = msg_get_i64(m);
    f->cert_not_after = msg_get_i64(m);
    f->revocation = (enum revocation)get_enum(m, REVOCATION_COUNT);
    f->test_pki = msg_get_bool(m);
    get_word(m, f->address, sizeof(f->address), ADDRESS_CHARACTERS);
    f->method = (enum method)get_enum(m, METHOD_OTHER + 1);
    f->route = (enum route)get_enum(m, ROUTE_COUNT);
    f->dialect = (enum dialect)get_enum(m, DIALECT_ANTHROPIC + 1);
    f->fault = (enum reason)get_enum(m, REASON_COUNT);
    msg_get_text(m, f->model, sizeof(f->model));
    f->stream = msg_get_bool(m);
    f->max_tokens = msg_get_i64(m);
    f->body_bytes = msg_get_u64(m);
    uses_read(m, f);
    /* What cannot be written in an entry and read back is no fact. */
    if (f->max_tokens < -1 || f->cert_not_before < 0 || f->cert_not_after < 0 ||
        f->body_bytes > INT64_MAX)
        m->failed = true;
}

int ask_admit_put(const struct ask_admit *v, void *memory, size_t capacity,
                  size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_ADMIT);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->policy);
    facts_write(&m, &v->facts);
    return put_done(&m, length);
}

int ask_admit_get(struct ask_admit *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_ADMIT)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->policy = msg_get_u32(&m);
    facts_read(&m, &v->facts);
    return msg_get_end(&m);
}

static void rate_write(struct msg_out *m, const struct rate_told *r)
{
    msg_put_i64(m, r->limit);
    msg_put_i64(m, r->remaining);
    msg_put_u32(m, r->reset_ms);
}

static void rate_read(struct msg_in *m, struct rate_told *r)
{
    r->limit = msg_get_i64(m);
    r->remaining = msg_get_i64(m);
    r->reset_ms = msg_get_u32(m);
    if (r->limit < -1 || r->remaining < 0 || r->reset_ms > 60000)
        m->failed = true;
}

int answer_admit_put(const struct answer_admit *v, void *memory,
                     size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ANSWER_ADMIT);
    msg_put_u64(&m, v->ticket);
    msg_put_u64(&m, v->n);
    msg_put_u8(&m, v->stale);
    msg_put_u8(&m, (uint8_t)v->reason);
    msg_put_u32(&m, v->window);
    msg_put_u32(&m, v->terms);
    msg_put_u32(&m, v->model);
    msg_put_i64(&m, v->deadline);
    msg_put_i64(&m, v->deadline_wall);
    msg_put_i64(&m, v->closes);
    msg_put_u8(&m, (uint8_t)v->deadline_reason);
    msg_put_u32(&m, (uint32_t)v->retry_after);
    msg_put_u32(&m, v->behind);
    msg_put_u64(&m, v->made);
    msg_put_u8(&m, (uint8_t)v->problem);
    msg_put_u64(&m, v->models);
    msg_put_u16(&m, v->field);
    msg_put_u64(&m, v->tokens_left);
    msg_put_u64(&m, v->bytes_left);
    msg_put_u8(&m, (uint8_t)v->bytes_reason);
    rate_write(&m, &v->requests);
    rate_write(&m, &v->tokens);
    return put_done(&m, length);
}

int answer_admit_get(struct answer_admit *v, const void *data, size_t length)
{
    struct msg_in m;
    uint32_t retry_after;

    if (msg_get_begin(&m, data, length) != MESSAGE_ANSWER_ADMIT)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->n = msg_get_u64(&m);
    v->stale = msg_get_bool(&m);
    v->reason = (enum reason)get_enum(&m, REASON_COUNT);
    v->window = msg_get_u32(&m);
    v->terms = msg_get_u32(&m);
    v->model = msg_get_u32(&m);
    v->deadline = msg_get_i64(&m);
    v->deadline_wall = msg_get_i64(&m);
    v->closes = msg_get_i64(&m);
    v->deadline_reason = (enum reason)get_enum(&m, REASON_COUNT);
    retry_after = msg_get_u32(&m);
    if (retry_after > 60)
        return SP_EPROTO;
    v->retry_after = (int32_t)retry_after;
    v->behind = msg_get_u32(&m);
    v->made = msg_get_u64(&m);
    v->problem = (enum own_problem)get_enum(&m, OWN_PROBLEMS);
    if (v->behind > LIMIT_FINDING_PARTS)
        return SP_EPROTO;
    v->models = msg_get_u64(&m);
    v->field = msg_get_u16(&m);
    if (v->field != FIELD_NONE && v->field >= field_count())
        return SP_EPROTO;
    v->tokens_left = msg_get_u64(&m);
    v->bytes_left = msg_get_u64(&m);
    v->bytes_reason = (enum reason)get_enum(&m, REASON_COUNT);
    rate_read(&m, &v->requests);
    rate_read(&m, &v->tokens);
    return msg_get_end(&m);
}

static uint64_t get_tokens(struct msg_in *m)
{
    uint64_t tokens = msg_get_u64(m);

    if (tokens > SETTLE_TOKENS_MAX)
        m->failed = true;
    return tokens;
}

int settle_put(const struct settle *v, void *memory, size_t capacity,
               size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_SETTLE);
    msg_put_u64(&m, v->n);
    msg_put_u8(&m, (uint8_t)v->cause);
    msg_put_u16(&m, v->status);
    msg_put_u64(&m, v->asked_bytes);
    msg_put_u64(&m, v->answered_bytes);
    msg_put_u64(&m, v->content_bytes);
    msg_put_u64(&m, v->input_tokens);
    msg_put_u64(&m, v->output_tokens);
    msg_put_u64(&m, v->cached_tokens);
    msg_put_u64(&m, v->reasoning_tokens);
    msg_put_u8(&m, (uint8_t)v->source);
    msg_put_text(&m, v->finish);
    msg_put_u8(&m, v->has_commitments);
    if (v->has_commitments) {
        msg_put_fixed(&m, v->asked, sizeof(v->asked));
        msg_put_fixed(&m, v->answered, sizeof(v->answered));
    }
    msg_put_u8(&m, v->has_transcript);
    if (v->has_transcript)
        msg_put_fixed(&m, v->transcript, sizeof(v->transcript));
    return put_done(&m, length);
}

int settle_get(struct settle *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct settle){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_SETTLE)
        return SP_EPROTO;
    v->n = msg_get_u64(&m);
    v->cause = (enum cause)get_enum(&m, CAUSE_COUNT);
    v->status = msg_get_u16(&m);
    v->asked_bytes = msg_get_u64(&m);
    v->answered_bytes = msg_get_u64(&m);
    v->content_bytes = msg_get_u64(&m);
    v->input_tokens = get_tokens(&m);
    v->output_tokens = get_tokens(&m);
    v->cached_tokens = get_tokens(&m);
    v->reasoning_tokens = get_tokens(&m);
    v->source = (enum usage_source)get_enum(&m, USAGE_COUNT);
    get_list(&m, v->finish, sizeof(v->finish), WORD_CHARACTERS);
    v->has_commitments = msg_get_bool(&m);
    if (v->has_commitments) {
        msg_get_fixed(&m, v->asked, sizeof(v->asked));
        msg_get_fixed(&m, v->answered, sizeof(v->answered));
    }
    v->has_transcript = msg_get_bool(&m);
    if (v->has_transcript)
        msg_get_fixed(&m, v->transcript, sizeof(v->transcript));
    if (v->cause == CAUSE_LOST || (v->has_transcript && !v->has_commitments) ||
        v->asked_bytes > INT64_MAX || v->answered_bytes > INT64_MAX ||
        v->content_bytes > INT64_MAX ||
        (v->status != 0 && (v->status < 100 || v->status > 599)))
        return SP_EPROTO;
    return msg_get_end(&m);
}

int connection_refused_put(const struct connection_refused *v, void *memory,
                           size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_CONNECTION_REFUSED);
    msg_put_text(&m, v->address);
    msg_put_text(&m, v->reason);
    msg_put_u32(&m, v->count);
    return put_done(&m, length);
}

int connection_refused_get(struct connection_refused *v, const void *data,
                           size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_CONNECTION_REFUSED)
        return SP_EPROTO;
    get_word(&m, v->address, sizeof(v->address), ADDRESS_CHARACTERS);
    get_word(&m, v->reason, sizeof(v->reason), WORD_CHARACTERS);
    v->count = msg_get_u32(&m);
    if (v->count == 0)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int cut_put(const struct cut *v, void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_CUT);
    msg_put_u32(&m, v->window);
    msg_put_u32(&m, v->model);
    msg_put_u32(&m, v->party);
    msg_put_u32(&m, v->person);
    msg_put_u8(&m, (uint8_t)v->reason);
    msg_put_u8(&m, v->has_certificate);
    if (v->has_certificate)
        msg_put_fixed(&m, v->certificate, sizeof(v->certificate));
    return put_done(&m, length);
}

static bool any_or(uint32_t wanted, uint32_t have)
{
    return wanted == VERDICT_NONE || wanted == have;
}

bool cut_takes(const struct cut *c, uint32_t window, uint32_t model,
               uint32_t party, uint32_t person, const uint8_t certificate[32])
{
    return (!c->has_certificate ||
            memcmp(c->certificate, certificate, 32) == 0) &&
           any_or(c->window, window) && any_or(c->model, model) &&
           any_or(c->party, party) && any_or(c->person, person);
}

int cut_get(struct cut *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_CUT)
        return SP_EPROTO;
    v->window = msg_get_u32(&m);
    v->model = msg_get_u32(&m);
    v->party = msg_get_u32(&m);
    v->person = msg_get_u32(&m);
    v->reason = (enum reason)get_enum(&m, REASON_COUNT);
    v->has_certificate = msg_get_bool(&m);
    memset(v->certificate, 0, sizeof(v->certificate));
    if (v->has_certificate)
        msg_get_fixed(&m, v->certificate, sizeof(v->certificate));
    if (v->reason == REASON_NONE)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int setup_put(const struct setup *v, void *memory, size_t capacity,
              size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_SETUP);
    msg_put_u32(&m, v->index);
    msg_put_u32(&m, v->workers);
    msg_put_u64(&m, v->generation);
    msg_put_u64(&m, v->rules);
    msg_put_u32(&m, v->handover);
    msg_put_u32(&m, v->landlock_debug);
    msg_put_i64(&m, v->sent_boot_ms);
    return put_done(&m, length);
}

int setup_get(struct setup *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_SETUP)
        return SP_EPROTO;
    v->index = msg_get_u32(&m);
    v->workers = msg_get_u32(&m);
    v->generation = msg_get_u64(&m);
    v->rules = msg_get_u64(&m);
    v->handover = msg_get_u32(&m);
    v->landlock_debug = msg_get_u32(&m);
    v->sent_boot_ms = msg_get_i64(&m);
    if (v->workers == 0 || v->workers > LIMIT_WORKERS ||
        v->index >= v->workers || v->handover > 1 || v->landlock_debug > 1)
        return SP_EPROTO;
    return msg_get_end(&m);
}

static bool type_is_link(uint16_t type)
{
    return type == MESSAGE_LINK || type == MESSAGE_LINK_GONE ||
           type == MESSAGE_DIALER || type == MESSAGE_REVOKER;
}

int link_message_put(uint16_t type, const struct link_message *v, void *memory,
                     size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, type);
    msg_put_u32(&m, v->worker);
    msg_put_u64(&m, v->generation);
    msg_put_u64(&m, v->before);
    return put_done(&m, length);
}

int link_message_get(struct link_message *v, const void *data, size_t length)
{
    struct msg_in m;

    if (!type_is_link(msg_get_begin(&m, data, length)))
        return SP_EPROTO;
    v->worker = msg_get_u32(&m);
    v->generation = msg_get_u64(&m);
    v->before = msg_get_u64(&m);
    if (v->worker >= LIMIT_WORKERS ||
        (v->before != 0 && v->before >= v->generation))
        return SP_EPROTO;
    return msg_get_end(&m);
}

int ask_dial_put(const struct ask_dial *v, void *memory, size_t capacity,
                 size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_DIAL);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->policy);
    msg_put_u32(&m, v->model);
    msg_put_u32(&m, v->endpoint);
    return put_done(&m, length);
}

int ask_dial_get(struct ask_dial *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_DIAL)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->policy = msg_get_u32(&m);
    v->model = msg_get_u32(&m);
    v->endpoint = msg_get_u32(&m);
    return msg_get_end(&m);
}

/* Errors travel as how far below zero they are, in one byte. */
int answer_dial_put(const struct answer_dial *v, void *memory, size_t capacity,
                    size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ANSWER_DIAL);
    msg_put_u64(&m, v->ticket);
    msg_put_u8(&m, (uint8_t)-v->error);
    return put_done(&m, length);
}

int answer_dial_get(struct answer_dial *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ANSWER_DIAL)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->error = -(int32_t)get_enum(&m, -SP_ETIMEDOUT + 1);
    return msg_get_end(&m);
}

int stop_put(const struct stop *v, void *memory, size_t capacity,
             size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_STOP);
    msg_put_i64(&m, v->deadline);
    msg_put_u32(&m, v->held);
    return put_done(&m, length);
}

int stop_get(struct stop *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_STOP)
        return SP_EPROTO;
    v->deadline = msg_get_i64(&m);
    v->held = msg_get_u32(&m);
    if (v->held >= 1u << SETTINGS_LISTENERS_MAX)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int listen_message_put(const struct listen_message *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_LISTEN);
    msg_put_u32(&m, v->listener);
    return put_done(&m, length);
}

int listen_message_get(struct listen_message *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_LISTEN)
        return SP_EPROTO;
    v->listener = msg_get_u32(&m);
    if (v->listener >= SETTINGS_LISTENERS_MAX)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int worker_died_put(const struct worker_died *v, void *memory, size_t capacity,
                    size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_WORKER_DIED);
    msg_put_u32(&m, v->worker);
    msg_put_u64(&m, v->generation);
    msg_put_text(&m, v->status);
    return put_done(&m, length);
}

int worker_died_get(struct worker_died *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_WORKER_DIED)
        return SP_EPROTO;
    v->worker = msg_get_u32(&m);
    v->generation = msg_get_u64(&m);
    get_word(&m, v->status, sizeof(v->status), STATUS_CHARACTERS);
    if (v->worker >= LIMIT_WORKERS)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int worker_broken_put(const struct worker_broken *v, void *memory,
                      size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_WORKER_BROKEN);
    msg_put_u32(&m, v->worker);
    msg_put_u64(&m, v->generation);
    msg_put_text(&m, v->what);
    return put_done(&m, length);
}

int worker_broken_get(struct worker_broken *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_WORKER_BROKEN)
        return SP_EPROTO;
    v->worker = msg_get_u32(&m);
    v->generation = msg_get_u64(&m);
    get_line(&m, v->what, sizeof(v->what));
    if (v->worker >= LIMIT_WORKERS)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int failed_put(const struct failed *v, void *memory, size_t capacity,
               size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_FAILED);
    msg_put_u8(&m, v->retry);
    msg_put_text(&m, v->problem);
    return put_done(&m, length);
}

int failed_get(struct failed *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_FAILED)
        return SP_EPROTO;
    v->retry = msg_get_bool(&m);
    msg_get_text(&m, v->problem, sizeof(v->problem));
    return msg_get_end(&m);
}

int ask_transcript_put(const struct ask_transcript *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_TRANSCRIPT);
    msg_put_u32(&m, v->worker);
    msg_put_u64(&m, v->generation);
    msg_put_u64(&m, v->n);
    return put_done(&m, length);
}

int ask_transcript_get(struct ask_transcript *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    *v = (struct ask_transcript){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_TRANSCRIPT)
        return SP_EPROTO;
    v->worker = msg_get_u32(&m);
    v->generation = msg_get_u64(&m);
    v->n = msg_get_u64(&m);
    if (v->worker >= LIMIT_WORKERS)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int transcript_file_put(const struct transcript_file *v, void *memory,
                        size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_TRANSCRIPT);
    msg_put_u64(&m, v->generation);
    msg_put_u64(&m, v->n);
    msg_put_u32(&m, (uint32_t)v->error);
    return put_done(&m, length);
}

int transcript_file_get(struct transcript_file *v, const void *data,
                        size_t length)
{
    struct msg_in m;

    *v = (struct transcript_file){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_TRANSCRIPT)
        return SP_EPROTO;
    v->generation = msg_get_u64(&m);
    v->n = msg_get_u64(&m);
    v->error = (int32_t)msg_get_u32(&m);
    if (v->error > 0)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int ask_log_file_put(const struct ask_log_file *v, void *memory,
                     size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_LOG_FILE);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, (uint32_t)v->level);
    msg_put_u64(&m, v->index);
    msg_put_u32(&m, v->width);
    return put_done(&m, length);
}

int ask_log_file_get(struct ask_log_file *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct ask_log_file){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_LOG_FILE)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->level = (int32_t)msg_get_u32(&m);
    v->index = msg_get_u64(&m);
    v->width = msg_get_u32(&m);
    if (v->level < LOG_FILE_COSIGNED || v->level > 63 || v->width == 0 ||
        v->width > 256)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int log_file_put(const struct log_file *v, void *memory, size_t capacity,
                 size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_LOG_FILE);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, (uint32_t)v->error);
    return put_done(&m, length);
}

int log_file_get(struct log_file *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct log_file){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_LOG_FILE)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->error = (int32_t)msg_get_u32(&m);
    if (v->error > 0)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int reload_message_put(const struct reload_message *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_RELOAD);
    msg_put_u64(&m, v->number);
    return put_done(&m, length);
}

int reload_message_get(struct reload_message *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    *v = (struct reload_message){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_RELOAD)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    return msg_get_end(&m);
}

int handover_put(uint16_t type, void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, type);
    return put_done(&m, length);
}

int handover_get(const void *data, size_t length)
{
    struct msg_in m;
    uint16_t type = msg_get_begin(&m, data, length);

    if (type != MESSAGE_HANDOVER && type != MESSAGE_HANDOVER_ACK)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int ready_put(void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_READY);
    return put_done(&m, length);
}

int ready_get(const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_READY)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int retire_put(void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_RETIRE);
    return put_done(&m, length);
}

int retire_get(const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_RETIRE)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int ledger_message_put(const struct control_ledger *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_LEDGER);
    control_ledger_write(&m, v);
    return put_done(&m, length);
}

int ledger_message_get(struct control_ledger *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_LEDGER)
        return SP_EPROTO;
    control_ledger_read(&m, v);
    return msg_get_end(&m);
}

int roles_message_put(const struct control_roles *v, void *memory,
                      size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ROLES);
    control_roles_write(&m, v);
    return put_done(&m, length);
}

int roles_message_get(struct control_roles *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct control_roles){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_ROLES)
        return SP_EPROTO;
    control_roles_read(&m, v);
    return msg_get_end(&m);
}

int order_message_put(const struct order_message *v, void *memory,
                      size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ORDER);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->uid);
    order_write(&m, &v->order);
    return put_done(&m, length);
}

int order_message_get(struct order_message *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct order_message){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_ORDER)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->uid = msg_get_u32(&m);
    order_read(&m, &v->order);
    return msg_get_end(&m);
}

int order_answer_message_put(const struct order_answer_message *v, void *memory,
                             size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ANSWER_ORDER);
    msg_put_u64(&m, v->ticket);
    order_answer_write(&m, &v->answer);
    return put_done(&m, length);
}

int order_answer_message_get(struct order_answer_message *v, const void *data,
                             size_t length)
{
    struct msg_in m;

    *v = (struct order_answer_message){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_ANSWER_ORDER)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    order_answer_read(&m, &v->answer);
    return msg_get_end(&m);
}
