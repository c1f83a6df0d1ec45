/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put and get of typed messages, in every process that talks to another. What
 * is read may come from a process that was taken over: a reader never looks
 * past the message, remembers the first thing that was wrong and from then on
 * yields zeros, so that one check at the end is enough.
 */
#include "lib/msg.h"

#include <string.h>

static uint8_t *put_space(struct msg_out *m, size_t length)
{
    uint8_t *space;

    if (m->failed || length > m->capacity - m->length) {
        m->failed = true;
        return NULL;
    }
    space = m->data + m->length;
    m->length += length;
    return space;
}

static void put_number(struct msg_out *m, uint64_t value, size_t bytes)
{
    uint8_t *space = put_space(m, bytes);

    if (space == NULL)
        return;
    for (size_t i = 0; i < bytes; i++)
        space[i] = (uint8_t)(value >> (8 * i));
}

void msg_put_begin(struct msg_out *m, void *memory, size_t capacity,
                   uint16_t type)
{
    *m = (struct msg_out){.data = memory, .capacity = capacity};
    msg_put_u16(m, type);
}

void msg_put_u8(struct msg_out *m, uint8_t value)
{
    put_number(m, value, 1);
}

void msg_put_u16(struct msg_out *m, uint16_t value)
{
    put_number(m, value, 2);
}

void msg_put_u32(struct msg_out *m, uint32_t value)
{
    put_number(m, value, 4);
}

void msg_put_u64(struct msg_out *m, uint64_t value)
{
    put_number(m, value, 8);
}

void msg_put_i64(struct msg_out *m, int64_t value)
{
    put_number(m, (uint64_t)value, 8);
}

void msg_put_fixed(struct msg_out *m, const void *data, size_t length)
{
    uint8_t *space = put_space(m, length);

    if (space != NULL && length > 0)
        memcpy(space, data, length);
}

void msg_put_bytes(struct msg_out *m, const void *data, size_t length)
{
    if (length > UINT32_MAX) {
        m->failed = true;
        return;
    }
    msg_put_u32(m, (uint32_t)length);
    msg_put_fixed(m, data, length);
}

void msg_put_text(struct msg_out *m, const char *text)
{
    msg_put_bytes(m, text, strlen(text));
}

int msg_put_end(const struct msg_out *m)
{
    return m->failed ? SP_ETOOBIG : 0;
}

static const uint8_t *get_span(struct msg_in *m, size_t length)
{
    const uint8_t *span;

    if (m->failed || length > m->length - m->position) {
        m->failed = true;
        return NULL;
    }
    span = m->data + m->position;
    m->position += length;
    return span;
}

static uint64_t get_number(struct msg_in *m, size_t bytes)
{
    const uint8_t *span = get_span(m, bytes);
    uint64_t value = 0;

    if (span == NULL)
        return 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)span[i] << (8 * i);
    return value;
}

uint16_t msg_get_begin(struct msg_in *m, const void *data, size_t length)
{
    uint16_t type;

    *m = (struct msg_in){.data = data, .length = length};
    type = msg_get_u16(m);
    if (type == 0)
        m->failed = true;
    return type;
}

uint8_t msg_get_u8(struct msg_in *m)
{
    return (uint8_t)get_number(m, 1);
}

bool msg_get_bool(struct msg_in *m)
{
    uint8_t value = msg_get_u8(m);

    if (value > 1)
        m->failed = true;
    return value == 1;
}

uint16_t msg_get_u16(struct msg_in *m)
{
    return (uint16_t)get_number(m, 2);
}

uint32_t msg_get_u32(struct msg_in *m)
{
    return (uint32_t)get_number(m, 4);
}

uint64_t msg_get_u64(struct msg_in *m)
{
    return get_number(m, 8);
}

int64_t msg_get_i64(struct msg_in *m)
{
    return (int64_t)get_number(m, 8);
}

const uint8_t *msg_get_bytes(struct msg_in *m, size_t max, size_t *length)
{
    size_t n = msg_get_u32(m);
    const uint8_t *span;

    *length = 0;
    if (n > max) {
        m->failed = true;
        return NULL;
    }
    span = get_span(m, n);
    if (span != NULL)
        *length = n;
    return span;
}

void msg_get_text(struct msg_in *m, char *text, size_t size)
{
    size_t length;
    const uint8_t *bytes;

    text[0] = '\0';
    bytes = msg_get_bytes(m, size - 1, &length);
    if (bytes == NULL)
        return;
    if (memchr(bytes, '\0', length) != NULL) {
        m->failed = true;
        return;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
}

void msg_get_fixed(struct msg_in *m, void *data, size_t length)
{
    const uint8_t *span = get_span(m, length);

    if (length == 0)
        return;
    if (span != NULL)
        memcpy(data, span, length);
    else
        memset(data, 0, length);
}

int msg_get_end(const struct msg_in *m)
{
    return m->failed || m->position != m->length ? SP_EPROTO : 0;
}
