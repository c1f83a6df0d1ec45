/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the control socket's messages; linked into the
 * daemon (control, supervisor, keeper) and into the command. What is decoded
 * is not trusted: every text, count and enum is checked here.
 */
#include "gateway/control_messages.h"

#include "lib/clock.h"

/* Names and versions are printed on terminals. */
static bool text_is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < 0x21 || *text > 0x7e)
            return false;
    return true;
}

/* Texts for people: with spaces, but nothing that a terminal obeys. */
static bool text_is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e)
            return false;
    return true;
}

/* The same in lines. */
static bool text_is_lines(const char *text)
{
    for (; *text; text++)
        if (*text != '\n' && (*text < 0x20 || *text > 0x7e))
            return false;
    return true;
}

const char *role_state_text(enum role_state state)
{
    static const char *const text[ROLE_STATE_COUNT] = {
        [ROLE_STATE_DOWN] = "down",
        [ROLE_STATE_STARTING] = "starting",
        [ROLE_STATE_READY] = "ready",
        [ROLE_STATE_STOPPING] = "stopping",
    };

    return (unsigned)state < ROLE_STATE_COUNT ? text[state] : "unknown";
}

const char *control_phase_text(enum control_phase phase)
{
    static const char *const text[CONTROL_PHASES] = {
        [CONTROL_STARTING] = "starting",
        [CONTROL_SERVING] = "serving",
        [CONTROL_ENDING] = "ending",
    };

    return (unsigned)phase < CONTROL_PHASES ? text[phase] : "unknown";
}

void control_roles_write(struct msg_out *m, const struct control_roles *v)
{
    msg_put_i64(m, v->started);
    msg_put_u8(m, (uint8_t)v->phase);
    msg_put_u64(m, v->reloads);
    msg_put_i64(m, v->reload_at);
    msg_put_u8(m, v->reload_refused);
    msg_put_u32(m, v->count);
    for (uint32_t i = 0; i < v->count && i < CONTROL_ROLES_MAX; i++) {
        const struct control_role *r = &v->roles[i];

        msg_put_text(m, r->name);
        msg_put_u32(m, r->index);
        msg_put_i64(m, r->pid);
        msg_put_u64(m, r->generation);
        msg_put_u8(m, (uint8_t)r->state);
    }
}

static void control_role_read(struct msg_in *m, struct control_role *r)
{
    uint8_t state;

    msg_get_text(m, r->name, sizeof(r->name));
    r->index = msg_get_u32(m);
    r->pid = msg_get_i64(m);
    r->generation = msg_get_u64(m);
    state = msg_get_u8(m);
    if (state >= ROLE_STATE_COUNT || !text_is_plain(r->name) || r->pid < 0)
        m->failed = true;
    r->state =
        state < ROLE_STATE_COUNT ? (enum role_state)state : ROLE_STATE_DOWN;
}

static void control_phase_read(struct msg_in *m, struct control_roles *v)
{
    uint8_t phase = msg_get_u8(m);

    v->phase =
        phase < CONTROL_PHASES ? (enum control_phase)phase : CONTROL_STARTING;
    v->reloads = msg_get_u64(m);
    v->reload_at = msg_get_i64(m);
    v->reload_refused = msg_get_bool(m);
    if (phase >= CONTROL_PHASES || v->reload_at < 0)
        m->failed = true;
}

void control_roles_read(struct msg_in *m, struct control_roles *v)
{
    v->started = msg_get_i64(m);
    control_phase_read(m, v);
    v->count = msg_get_u32(m);
    if (v->count > CONTROL_ROLES_MAX) {
        v->count = 0;
        m->failed = true;
    }
    for (uint32_t i = 0; i < v->count && !m->failed; i++)
        control_role_read(m, &v->roles[i]);
}

void control_ledger_write(struct msg_out *m, const struct control_ledger *v)
{
    msg_put_u8(m, v->known);
    msg_put_u64(m, v->size);
    msg_put_u64(m, v->durable);
    msg_put_u64(m, v->published);
    msg_put_u32(m, v->policy);
    msg_put_u32(m, v->open);
    msg_put_u8(m, v->clock);
    msg_put_u32(m, v->landlock);
    msg_put_u32(m, v->witnesses);
    msg_put_u32(m, v->quorum);
    msg_put_u64(m, v->cosigned);
    msg_put_u8(m, v->alarm);
    msg_put_u8(m, v->refusing);
}

void control_ledger_read(struct msg_in *m, struct control_ledger *v)
{
    v->known = msg_get_bool(m);
    v->size = msg_get_u64(m);
    v->durable = msg_get_u64(m);
    v->published = msg_get_u64(m);
    v->policy = msg_get_u32(m);
    v->open = msg_get_u32(m);
    v->clock = msg_get_u8(m);
    v->landlock = msg_get_u32(m);
    v->witnesses = msg_get_u32(m);
    v->quorum = msg_get_u32(m);
    v->cosigned = msg_get_u64(m);
    v->alarm = msg_get_u8(m);
    v->refusing = msg_get_bool(m);
    if (v->clock > CLOCK_SETTLING || v->durable > v->size ||
        v->published > v->durable || v->quorum > v->witnesses ||
        v->cosigned > v->size ||
        v->alarm > (WITNESS_ALARM_MISSING | WITNESS_ALARM_FORK))
        m->failed = true;
}

int ask_status_put(void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, CONTROL_ASK_STATUS);
    *length = m.length;
    return msg_put_end(&m);
}

int ask_status_get(const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != CONTROL_ASK_STATUS)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int answer_status_put(const struct control_status *v, void *memory,
                      size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, CONTROL_ANSWER_STATUS);
    msg_put_text(&m, v->version);
    msg_put_text(&m, v->crypto);
    control_ledger_write(&m, &v->ledger);
    control_roles_write(&m, &v->roles);
    *length = m.length;
    return msg_put_end(&m);
}

int answer_status_get(struct control_status *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct control_status){0};
    if (msg_get_begin(&m, data, length) != CONTROL_ANSWER_STATUS)
        return SP_EPROTO;
    msg_get_text(&m, v->version, sizeof(v->version));
    msg_get_text(&m, v->crypto, sizeof(v->crypto));
    control_ledger_read(&m, &v->ledger);
    control_roles_read(&m, &v->roles);
    if (!text_is_plain(v->version) || !text_is_plain(v->crypto))
        return SP_EPROTO;
    return msg_get_end(&m);
}

const char *order_verb_text(enum order_verb verb)
{
    static const char *const text[ORDER_VERB_COUNT] = {
        [ORDER_SUSPEND] = "suspend", [ORDER_RESUME] = "resume",
        [ORDER_REVOKE] = "revoke",   [ORDER_CLOSE] = "close",
        [ORDER_RELEASE] = "release", [ORDER_STATEMENT] = "statement",
        [ORDER_REVEAL] = "reveal",   [ORDER_CERTIFICATES] = "certificates",
        [ORDER_RELOAD] = "reload",   [ORDER_DRAIN] = "drain",
    };

    return (unsigned)verb < ORDER_VERB_COUNT ? text[verb] : "unknown";
}

void order_write(struct msg_out *m, const struct order *v)
{
    msg_put_u8(m, (uint8_t)v->verb);
    msg_put_text(m, v->target);
    msg_put_text(m, v->reason);
    msg_put_text(m, v->approval);
    msg_put_u32(m, v->within_ms);
}

static bool within_is_right(const struct order *v)
{
    if (v->verb != ORDER_DRAIN)
        return v->within_ms == 0;
    return v->within_ms <= ORDER_DRAIN_MAX_MS ||
           v->within_ms == ORDER_DRAIN_DEFAULT;
}

/* An approval of what needs none, or a reason of what is not done, would be
 * read by nobody: who sends it means something else. */
static bool order_is_right(const struct order *v)
{
    return v->target[0] != 0 && text_is_plain(v->target) &&
           text_is_printable(v->reason) &&
           (v->approval[0] == 0 || v->verb == ORDER_RESUME) &&
           (v->reason[0] == 0 || v->verb != ORDER_STATEMENT) &&
           within_is_right(v);
}

void order_read(struct msg_in *m, struct order *v)
{
    uint8_t verb = msg_get_u8(m);

    msg_get_text(m, v->target, sizeof(v->target));
    msg_get_text(m, v->reason, sizeof(v->reason));
    msg_get_text(m, v->approval, sizeof(v->approval));
    v->within_ms = msg_get_u32(m);
    v->verb = verb < ORDER_VERB_COUNT ? (enum order_verb)verb : ORDER_STATEMENT;
    if (m->failed || verb >= ORDER_VERB_COUNT || !order_is_right(v))
        m->failed = true;
}

/* Errors travel as how far below zero they are, in one byte. */
void order_answer_write(struct msg_out *m, const struct order_answer *v)
{
    msg_put_u8(m, (uint8_t)-v->error);
    msg_put_u64(m, v->n);
    msg_put_u32(m, v->cut);
    msg_put_text(m, v->text);
    msg_put_text(m, v->report);
}

void order_answer_read(struct msg_in *m, struct order_answer *v)
{
    uint8_t error = msg_get_u8(m);

    v->n = msg_get_u64(m);
    v->cut = msg_get_u32(m);
    msg_get_text(m, v->text, sizeof(v->text));
    msg_get_text(m, v->report, sizeof(v->report));
    v->error = -(int32_t)error;
    if (error > -SP_ETIMEDOUT || (!m->failed && (!text_is_printable(v->text) ||
                                                 !text_is_lines(v->report))))
        m->failed = true;
}

int ask_order_put(const struct order *v, void *memory, size_t capacity,
                  size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, CONTROL_ASK_ORDER);
    order_write(&m, v);
    *length = m.length;
    return msg_put_end(&m);
}

int ask_order_get(struct order *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct order){0};
    if (msg_get_begin(&m, data, length) != CONTROL_ASK_ORDER)
        return SP_EPROTO;
    order_read(&m, v);
    return msg_get_end(&m);
}

int answer_order_put(const struct order_answer *v, void *memory,
                     size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, CONTROL_ANSWER_ORDER);
    order_answer_write(&m, v);
    *length = m.length;
    return msg_put_end(&m);
}

int answer_order_get(struct order_answer *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct order_answer){0};
    if (msg_get_begin(&m, data, length) != CONTROL_ANSWER_ORDER)
        return SP_EPROTO;
    order_answer_read(&m, v);
    return msg_get_end(&m);
}
