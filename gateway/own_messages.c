/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the own routes' messages. As in messages.c: who
 * wrote the bytes may have been taken over, and every bound is checked here.
 */
#include "gateway/own_messages.h"

#include <string.h>

#include "lib/msg.h"

static int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

int own_part_put(const struct own_part *v, void *memory, size_t capacity,
                 size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_OWN_PART);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->part);
    msg_put_u32(&m, v->parts);
    msg_put_bytes(&m, v->data, v->length);
    return put_done(&m, length);
}

int own_part_get(struct own_part *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_OWN_PART)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->part = msg_get_u32(&m);
    v->parts = msg_get_u32(&m);
    v->data = msg_get_bytes(&m, OWN_PART_BYTES, &v->length);
    if (msg_get_end(&m) != 0 || v->parts == 0 || v->parts > OWN_PARTS ||
        v->part >= v->parts || v->length == 0 ||
        (v->part + 1 < v->parts && v->length != OWN_PART_BYTES))
        return SP_EPROTO;
    return 0;
}

int own_acceptance_put(const struct own_acceptance *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_OWN_ACCEPTANCE);
    msg_put_u32(&m, v->document);
    msg_put_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_put_u8(&m, (uint8_t)v->algorithm);
    msg_put_bytes(&m, v->certificate, v->certificate_length);
    msg_put_bytes(&m, v->signature, v->signature_length);
    msg_put_u32(&m, v->nchain);
    for (uint32_t i = 0; i < v->nchain; i++)
        msg_put_bytes(&m, v->chain[i], v->chain_length[i]);
    return put_done(&m, length);
}

int own_acceptance_get(struct own_acceptance *v, const void *data,
                       size_t length)
{
    struct msg_in m;
    uint8_t algorithm;

    *v = (struct own_acceptance){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_OWN_ACCEPTANCE)
        return SP_EPROTO;
    v->document = msg_get_u32(&m);
    msg_get_fixed(&m, v->sha256, sizeof(v->sha256));
    algorithm = msg_get_u8(&m);
    v->certificate =
        msg_get_bytes(&m, LIMIT_CERTIFICATE_BYTES, &v->certificate_length);
    v->signature =
        msg_get_bytes(&m, LIMIT_SIGNATURE_BYTES, &v->signature_length);
    v->nchain = msg_get_u32(&m);
    if (v->nchain > LIMIT_CERTIFICATE_CHAIN ||
        algorithm >= ACCEPTANCE_ALGORITHMS || v->certificate_length == 0 ||
        v->signature_length == 0)
        return SP_EPROTO;
    v->algorithm = (enum acceptance_algorithm)algorithm;
    for (uint32_t i = 0; i < v->nchain; i++) {
        v->chain[i] =
            msg_get_bytes(&m, LIMIT_CERTIFICATE_BYTES, &v->chain_length[i]);
        if (v->chain_length[i] == 0)
            return SP_EPROTO;
    }
    return msg_get_end(&m);
}

static void units_write(struct msg_out *m, const uint64_t units[UNIT_COUNT])
{
    for (int u = 0; u < UNIT_COUNT; u++)
        msg_put_u64(m, units[u]);
}

static void units_read(struct msg_in *m, uint64_t units[UNIT_COUNT])
{
    for (int u = 0; u < UNIT_COUNT; u++)
        units[u] = msg_get_u64(m);
}

int own_window_put(const struct own_window *v, void *memory, size_t capacity,
                   size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_OWN_WINDOW);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->window);
    msg_put_u8(&m, (uint8_t)v->reason);
    msg_put_i64(&m, v->closes);
    msg_put_u64(&m, v->statement);
    msg_put_u32(&m, v->nterms);
    for (uint32_t i = 0; i < v->nterms && i < OWN_TERMS; i++) {
        units_write(&m, v->all[i]);
        units_write(&m, v->own[i]);
    }
    return put_done(&m, length);
}

int own_window_get(struct own_window *v, const void *data, size_t length)
{
    struct msg_in m;
    uint8_t reason;

    *v = (struct own_window){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_OWN_WINDOW)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->window = msg_get_u32(&m);
    reason = msg_get_u8(&m);
    v->closes = msg_get_i64(&m);
    v->statement = msg_get_u64(&m);
    v->nterms = msg_get_u32(&m);
    if (reason >= REASON_COUNT || v->nterms > OWN_TERMS || v->closes < 0)
        return SP_EPROTO;
    v->reason = (enum reason)reason;
    for (uint32_t i = 0; i < v->nterms; i++) {
        units_read(&m, v->all[i]);
        units_read(&m, v->own[i]);
    }
    return msg_get_end(&m);
}

int own_document_put(const struct own_document *v, void *memory,
                     size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_OWN_DOCUMENT);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->document);
    msg_put_u8(&m, v->accepted);
    msg_put_u64(&m, v->n);
    msg_put_i64(&m, v->t);
    return put_done(&m, length);
}

int own_document_get(struct own_document *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_OWN_DOCUMENT)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->document = msg_get_u32(&m);
    v->accepted = msg_get_bool(&m);
    v->n = msg_get_u64(&m);
    v->t = msg_get_i64(&m);
    if (v->t < 0 || (!v->accepted && (v->n != 0 || v->t != 0)))
        return SP_EPROTO;
    return msg_get_end(&m);
}
