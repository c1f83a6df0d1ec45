/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the messages over channels: between the supervisor
 * and roles, and from workers to the dialer. As in messages.c: every bound is
 * checked here, whoever wrote the bytes.
 */
#include "gateway/messages.h"
#include "gateway/messages_parts.h"
#include "lib/clock.h"
#include "policy/settings.h"

/* A text of printable ASCII. */
static void get_line(struct msg_in *m, char *text, size_t size)
{
    msg_get_text(m, text, size);
    for (const char *c = text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            m->failed = true;
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
