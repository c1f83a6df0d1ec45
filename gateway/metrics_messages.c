/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the messages about metrics. As in messages.c: every
 * bound is checked here, whoever wrote the bytes.
 */
#include "gateway/metrics_messages.h"

#include <string.h>

static int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

int metrics_page_message_put(const struct metrics_page_message *v, void *memory,
                             size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_METRICS_PAGE);
    msg_put_u8(&m, v->keeper ? 1 : 0);
    msg_put_u32(&m, v->worker);
    return put_done(&m, length);
}

int metrics_page_message_get(struct metrics_page_message *v, const void *data,
                             size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_METRICS_PAGE)
        return SP_EPROTO;
    v->keeper = msg_get_bool(&m);
    v->worker = msg_get_u32(&m);
    if (v->worker >= (v->keeper ? 1 : LIMIT_WORKERS))
        return SP_EPROTO;
    return msg_get_end(&m);
}

int metrics_number_put(uint16_t type, const struct metrics_number *v,
                       void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, type);
    msg_put_u64(&m, v->number);
    return put_done(&m, length);
}

int metrics_number_get(struct metrics_number *v, const void *data,
                       size_t length)
{
    struct msg_in m;
    uint16_t type = msg_get_begin(&m, data, length);

    if (type != MESSAGE_METRICS_SERVE && type != MESSAGE_STANDINGS)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    return msg_get_end(&m);
}

/* ---- standings ---- */

int ask_standings_put(const struct ask_standings *v, void *memory,
                      size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_STANDINGS);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->from);
    return put_done(&m, length);
}

int ask_standings_get(struct ask_standings *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_STANDINGS)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->from = msg_get_u32(&m);
    return msg_get_end(&m);
}

/* Right behind msg_put_begin(), and again when it is known what comes next. */
void standings_head_put(struct msg_out *m, const struct standings_head *v)
{
    msg_put_u64(m, v->ticket);
    msg_put_u32(m, v->policy);
    msg_put_u32(m, v->next);
}

int standings_head_get(struct msg_in *m, struct standings_head *v,
                       const void *data, size_t length)
{
    if (msg_get_begin(m, data, length) != MESSAGE_ANSWER_STANDINGS)
        return SP_EPROTO;
    v->ticket = msg_get_u64(m);
    v->policy = msg_get_u32(m);
    v->next = msg_get_u32(m);
    return m->failed ? SP_EPROTO : 0;
}

/* ---- lists ---- */

int list_ages_put(const struct list_ages *v, void *memory, size_t capacity,
                  size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_LIST_AGES);
    msg_put_u32(&m, v->count);
    for (uint32_t i = 0; i < v->count; i++) {
        const struct list_age *a = &v->parties[i];

        msg_put_text(&m, a->party);
        msg_put_u32(&m, a->lists);
        msg_put_i64(&m, a->oldest);
        msg_put_i64(&m, a->stale_at);
    }
    return put_done(&m, length);
}

int list_ages_get(struct list_ages *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_LIST_AGES)
        return SP_EPROTO;
    v->count = msg_get_u32(&m);
    if (m.failed || v->count > LIMIT_POLICY_PARTIES)
        return SP_EPROTO;
    for (uint32_t i = 0; i < v->count; i++) {
        struct list_age *a = &v->parties[i];

        msg_get_text(&m, a->party, sizeof(a->party));
        a->lists = msg_get_u32(&m);
        a->oldest = msg_get_i64(&m);
        a->stale_at = msg_get_i64(&m);
        if (a->oldest < 0 || a->stale_at < 0)
            return SP_EPROTO;
    }
    return msg_get_end(&m);
}
