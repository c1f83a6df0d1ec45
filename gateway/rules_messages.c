/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the messages about other rules. As in messages.c:
 * every bound is checked here, whoever wrote the bytes.
 */
#include "gateway/rules_messages.h"

#include "lib/msg.h"

static int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

int rules_message_put(uint16_t type, const struct rules_message *v,
                      void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, type);
    msg_put_u64(&m, v->number);
    return put_done(&m, length);
}

int rules_message_get(struct rules_message *v, const void *data, size_t length)
{
    struct msg_in m;
    uint16_t type = msg_get_begin(&m, data, length);

    if (type != MESSAGE_RULES && type != MESSAGE_RULES_DROP)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    if (v->number == 0)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int rules_ready_put(const struct rules_ready *v, void *memory, size_t capacity,
                    size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_RULES_READY);
    msg_put_u64(&m, v->number);
    msg_put_u32(&m, (uint32_t)-v->error);
    msg_put_text(&m, v->problem);
    return put_done(&m, length);
}

int rules_ready_get(struct rules_ready *v, const void *data, size_t length)
{
    struct msg_in m;
    uint32_t error;

    if (msg_get_begin(&m, data, length) != MESSAGE_RULES_READY)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    error = msg_get_u32(&m);
    if (v->number == 0 || error > 4096)
        return SP_EPROTO;
    v->error = -(int32_t)error;
    msg_get_text(&m, v->problem, sizeof(v->problem));
    return msg_get_end(&m);
}

int rules_in_force_put(const struct rules_in_force *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_RULES_IN_FORCE);
    msg_put_u64(&m, v->number);
    msg_put_u32(&m, v->policy);
    return put_done(&m, length);
}

int rules_in_force_get(struct rules_in_force *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_RULES_IN_FORCE)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    v->policy = msg_get_u32(&m);
    return msg_get_end(&m);
}
