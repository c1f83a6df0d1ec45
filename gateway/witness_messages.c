/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the messages about witnesses. As in messages.c:
 * every bound is checked here, whoever wrote the bytes.
 */
#include "gateway/witness_messages.h"

#include "lib/msg.h"

static int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

int witness_channel_put(const struct witness_channel *v, void *memory,
                        size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_WITNESSES);
    msg_put_u64(&m, v->number);
    return put_done(&m, length);
}

int witness_channel_get(struct witness_channel *v, const void *data,
                        size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_WITNESSES)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    return msg_get_end(&m);
}

int ask_witness_put(const struct ask_witness *v, void *memory, size_t capacity,
                    size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_WITNESS);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->witness);
    msg_put_bytes(&m, v->body, v->length);
    return put_done(&m, length);
}

int ask_witness_get(struct ask_witness *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_WITNESS)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->witness = msg_get_u32(&m);
    v->body = msg_get_bytes(&m, WITNESS_ASK_MAX, &v->length);
    if (v->witness >= SETTINGS_WITNESSES_MAX || v->length == 0)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int answer_witness_put(const struct answer_witness *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ANSWER_WITNESS);
    msg_put_u64(&m, v->ticket);
    msg_put_u8(&m, (uint8_t)-v->error);
    msg_put_u16(&m, v->status);
    msg_put_bytes(&m, v->body, v->length);
    return put_done(&m, length);
}

int answer_witness_get(struct answer_witness *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ANSWER_WITNESS)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->error = -(int32_t)msg_get_u8(&m);
    v->status = msg_get_u16(&m);
    v->body = msg_get_bytes(&m, WITNESS_ANSWER_MAX, &v->length);
    if (v->error < SP_ETIMEDOUT ||
        (v->error != 0 ? v->status != 0 || v->length != 0
                       : v->status < 100 || v->status > 599))
        return SP_EPROTO;
    return msg_get_end(&m);
}
