/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the messages over the link, between workers and the
 * keeper (process_messages.c has those over channels). A decoder
 * is the wall between two processes: whoever wrote the bytes may have been
 * taken over, so each enum, text and count is checked here once, and what
 * comes out can be used as an index into our tables. (Indices into the policy
 * are checked by who holds the policy.) Used in every process.
 */
#include "gateway/messages.h"

#include <string.h>

#include "gateway/messages_parts.h"
#include "lib/clock.h"
#include "policy/settings.h"

#define ADDRESS_CHARACTERS "0123456789abcdef:."

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
