/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both directions of a byte format. Pure; runs in the keeper and in tools. What
 * is read is trusted with nothing.
 */
#include "lib/pack.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_START 4096

void pack_write(struct pack *p, size_t limit)
{
    *p = (struct pack){.limit = limit};
}

void pack_read(struct pack *p, const void *data, size_t length)
{
    *p = (struct pack){.reading = true, .from = data, .length = length};
}

int pack_end(const struct pack *p)
{
    if (p->error == 0 && p->reading && p->at != p->length)
        return SP_EINVAL;
    return p->error;
}

void pack_fail(struct pack *p, int error)
{
    if (p->error == 0)
        p->error = error;
}

static bool room_make(struct pack *p, size_t more)
{
    size_t room = p->length == 0 ? ROOM_START : p->length;
    uint8_t *data;

    if (more > p->limit - p->at) {
        pack_fail(p, SP_ETOOBIG);
        return false;
    }
    if (more <= p->length - p->at)
        return true;
    while (room - p->at < more)
        room *= 2;
    data = realloc(p->data, room);
    if (data == NULL) {
        pack_fail(p, SP_ENOMEM);
        return false;
    }
    p->data = data;
    p->length = room;
    return true;
}

void pack_fixed(struct pack *p, void *data, size_t length)
{
    if (p->error == 0 && p->reading && length > p->length - p->at)
        pack_fail(p, SP_EINVAL);
    if (p->error != 0 || (!p->reading && !room_make(p, length))) {
        if (p->reading && length > 0)
            memset(data, 0, length);
        return;
    }
    if (length > 0 && p->reading)
        memcpy(data, p->from + p->at, length);
    else if (length > 0)
        memcpy(p->data + p->at, data, length);
    p->at += length;
}

static void number_write(struct pack *p, uint64_t value)
{
    size_t length = 1;

    for (uint64_t rest = value >> 7; rest > 0; rest >>= 7)
        length++;
    if (p->error != 0 || !room_make(p, length))
        return;
    for (; value > 0x7f; value >>= 7)
        p->data[p->at++] = (uint8_t)(value | 0x80);
    p->data[p->at++] = (uint8_t)value;
}

/* Only the shortest spelling, and no bit past the 64th. */
static uint64_t number_read(struct pack *p)
{
    uint64_t value = 0;

    for (unsigned shift = 0; p->error == 0 && p->at < p->length; shift += 7) {
        uint8_t byte = p->from[p->at++];

        if (shift > 63 || (shift == 63 && byte > 1) || (shift > 0 && byte == 0))
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    pack_fail(p, SP_EINVAL);
    return 0;
}

void pack_number(struct pack *p, uint64_t *value, uint64_t most)
{
    if (p->reading)
        *value = number_read(p);
    if (*value > most) {
        pack_fail(p, SP_EINVAL);
        if (p->reading)
            *value = 0;
    }
    if (!p->reading)
        number_write(p, *value);
}

void pack_u32(struct pack *p, uint32_t *value, uint32_t most)
{
    uint64_t wide = *value;

    pack_number(p, &wide, most);
    *value = (uint32_t)wide;
}

void pack_time(struct pack *p, int64_t *value, int64_t most)
{
    uint64_t wide = (uint64_t)*value; /* before 1970: too large */

    pack_number(p, &wide, (uint64_t)most);
    *value = (int64_t)wide;
}

void pack_bool(struct pack *p, bool *value)
{
    uint64_t wide = *value;

    pack_number(p, &wide, 1);
    *value = wide != 0;
}

void pack_text(struct pack *p, char *text, size_t size)
{
    uint64_t length = p->reading ? 0 : strlen(text);

    pack_number(p, &length, size - 1);
    pack_fixed(p, text, length);
    if (!p->reading)
        return;
    text[length] = '\0';
    if (strlen(text) != length)
        pack_fail(p, SP_EINVAL);
    if (p->error != 0)
        text[0] = '\0';
}

size_t pack_count(struct pack *p, size_t count)
{
    uint64_t wide = count;

    pack_number(p, &wide, p->reading ? p->length - p->at : SIZE_MAX);
    if (p->reading && wide > p->length - p->at)
        pack_fail(p, SP_EINVAL);
    return p->error == 0 ? (size_t)wide : 0;
}

static void sparse_write(struct pack *p, uint64_t *values, size_t count)
{
    uint64_t used = 0, gap = 0;

    for (size_t i = 0; i < count; i++)
        used += values[i] != 0;
    pack_number(p, &used, count);
    for (size_t i = 0; i < count; i++, gap++) {
        if (values[i] == 0)
            continue;
        pack_number(p, &gap, count);
        pack_number(p, &values[i], UINT64_MAX);
        gap = UINT64_MAX; /* the next one begins anew */
    }
}

static void sparse_read(struct pack *p, uint64_t *values, size_t count)
{
    uint64_t used, gap;
    size_t i = 0;

    memset(values, 0, count * sizeof *values);
    pack_number(p, &used, count);
    for (; used > 0 && p->error == 0; used--, i++) {
        pack_number(p, &gap, count);
        if (gap >= count - i) {
            pack_fail(p, SP_EINVAL);
            return;
        }
        i += gap;
        pack_number(p, &values[i], UINT64_MAX);
        if (values[i] == 0)
            pack_fail(p, SP_EINVAL);
    }
}

void pack_sparse(struct pack *p, uint64_t *values, size_t count)
{
    if (p->reading)
        sparse_read(p, values, count);
    else
        sparse_write(p, values, count);
}
