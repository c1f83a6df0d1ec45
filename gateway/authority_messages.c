/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the messages about the authority. As in messages.c:
 * every bound is checked here, whoever wrote the bytes.
 */
#include "gateway/authority_messages.h"

#include <string.h>

#include "lib/msg.h"

static int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

int authority_number_put(uint16_t type, const struct authority_number *v,
                         void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, type);
    msg_put_u64(&m, v->number);
    return put_done(&m, length);
}

int authority_number_get(struct authority_number *v, const void *data,
                         size_t length)
{
    struct msg_in m;
    uint16_t type = msg_get_begin(&m, data, length);

    if (type != MESSAGE_INDEX && type != MESSAGE_PUBLISHED)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    return msg_get_end(&m);
}

int revoke_message_put(const struct revoke_message *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_REVOKE);
    msg_put_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_put_text(&m, v->reason);
    return put_done(&m, length);
}

int revoke_message_get(struct revoke_message *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_REVOKE)
        return SP_EPROTO;
    msg_get_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_get_text(&m, v->reason, sizeof(v->reason));
    if (strspn(v->reason, "abcdefghijklmnopqrstuvwxyzACOPW") !=
        strlen(v->reason))
        return SP_EPROTO;
    return msg_get_end(&m);
}

int publish_message_put(const struct publish_message *v, void *memory,
                        size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_PUBLISH);
    msg_put_u8(&m, (uint8_t)v->list);
    return put_done(&m, length);
}

int publish_message_get(struct publish_message *v, const void *data,
                        size_t length)
{
    struct msg_in m;
    uint8_t list;

    if (msg_get_begin(&m, data, length) != MESSAGE_PUBLISH)
        return SP_EPROTO;
    list = msg_get_u8(&m);
    if (list >= PUBLISHED_LISTS)
        return SP_EPROTO;
    v->list = (enum published_list)list;
    return msg_get_end(&m);
}
