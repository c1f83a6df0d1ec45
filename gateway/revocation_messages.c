/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the messages about revocation. As in messages.c:
 * every bound is checked here, whoever wrote the bytes.
 */
#include "gateway/revocation_messages.h"

#include <string.h>

#include "lib/msg.h"

#define FETCH_TIMEOUT_MAX 600000

static int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

static bool text_is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7e)
            return false;
    return true;
}

static bool text_is_from(const char *text, const char *characters)
{
    return strspn(text, characters) == strlen(text);
}

int fetch_channel_put(const struct fetch_channel *v, void *memory,
                      size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_FETCHES);
    msg_put_u64(&m, v->number);
    return put_done(&m, length);
}

int fetch_channel_get(struct fetch_channel *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_FETCHES)
        return SP_EPROTO;
    v->number = msg_get_u64(&m);
    return msg_get_end(&m);
}

int ask_fetch_put(const struct ask_fetch *v, void *memory, size_t capacity,
                  size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_FETCH);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->party);
    msg_put_u32(&m, v->timeout_ms);
    msg_put_u32(&m, v->most);
    msg_put_text(&m, v->url);
    msg_put_bytes(&m, v->body, v->length);
    return put_done(&m, length);
}

int ask_fetch_get(struct ask_fetch *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_FETCH)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->party = msg_get_u32(&m);
    v->timeout_ms = msg_get_u32(&m);
    v->most = msg_get_u32(&m);
    msg_get_text(&m, v->url, sizeof(v->url));
    v->body = msg_get_bytes(&m, REVOCATION_ASK_MAX, &v->length);
    if (v->timeout_ms == 0 || v->timeout_ms > FETCH_TIMEOUT_MAX ||
        v->most == 0 || v->most > REVOCATION_LIST_MAX ||
        !text_is_printable(v->url))
        return SP_EPROTO;
    return msg_get_end(&m);
}

int answer_fetch_put(const struct answer_fetch *v, void *memory,
                     size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ANSWER_FETCH);
    msg_put_u64(&m, v->ticket);
    msg_put_u8(&m, (uint8_t)-v->error);
    msg_put_u16(&m, v->status);
    msg_put_u32(&m, v->length);
    return put_done(&m, length);
}

int answer_fetch_get(struct answer_fetch *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ANSWER_FETCH)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->error = -(int32_t)msg_get_u8(&m);
    v->status = msg_get_u16(&m);
    v->length = msg_get_u32(&m);
    if (v->error < SP_ETIMEDOUT || v->length > REVOCATION_LIST_MAX ||
        v->status > 599 || (v->error != 0 && v->length != 0) ||
        (v->error == 0 && v->status < 200))
        return SP_EPROTO;
    return msg_get_end(&m);
}

int ask_revocation_put(const struct ask_revocation *v, void *memory,
                       size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ASK_REVOCATION);
    msg_put_u64(&m, v->ticket);
    msg_put_u32(&m, v->party);
    msg_put_bytes(&m, v->leaf, v->leaf_length);
    msg_put_bytes(&m, v->issuer, v->issuer_length);
    return put_done(&m, length);
}

int ask_revocation_get(struct ask_revocation *v, const void *data,
                       size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_ASK_REVOCATION)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    v->party = msg_get_u32(&m);
    v->leaf = msg_get_bytes(&m, REVOCATION_CERTIFICATE_MAX, &v->leaf_length);
    v->issuer =
        msg_get_bytes(&m, REVOCATION_CERTIFICATE_MAX, &v->issuer_length);
    if (v->leaf_length == 0 || v->issuer_length == 0)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int answer_revocation_put(const struct answer_revocation *v, void *memory,
                          size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_ANSWER_REVOCATION);
    msg_put_u64(&m, v->ticket);
    msg_put_u8(&m, (uint8_t)v->status);
    msg_put_i64(&m, v->until);
    msg_put_text(&m, v->problem);
    return put_done(&m, length);
}

int answer_revocation_get(struct answer_revocation *v, const void *data,
                          size_t length)
{
    struct msg_in m;
    uint8_t status;

    if (msg_get_begin(&m, data, length) != MESSAGE_ANSWER_REVOCATION)
        return SP_EPROTO;
    v->ticket = msg_get_u64(&m);
    status = msg_get_u8(&m);
    v->until = msg_get_i64(&m);
    msg_get_text(&m, v->problem, sizeof(v->problem));
    if ((status != REVOCATION_GOOD && status != REVOCATION_REVOKED &&
         status != REVOCATION_UNKNOWN) ||
        v->until < 0 || !text_is_printable(v->problem))
        return SP_EPROTO;
    v->status = (enum revocation)status;
    return msg_get_end(&m);
}

int crl_file_put(const struct crl_file *v, void *memory, size_t capacity,
                 size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_CRL_FILE);
    msg_put_u32(&m, v->party);
    return put_done(&m, length);
}

int crl_file_get(struct crl_file *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_CRL_FILE)
        return SP_EPROTO;
    v->party = msg_get_u32(&m);
    return msg_get_end(&m);
}

int crl_loaded_put(const struct crl_loaded *v, void *memory, size_t capacity,
                   size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_CRL_LOADED);
    msg_put_fixed(&m, v->issuer_key, sizeof(v->issuer_key));
    msg_put_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_put_text(&m, v->number);
    msg_put_i64(&m, v->this_update);
    msg_put_i64(&m, v->next_update);
    msg_put_u32(&m, v->count);
    msg_put_u8(&m, v->source);
    return put_done(&m, length);
}

int crl_loaded_get(struct crl_loaded *v, const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_CRL_LOADED)
        return SP_EPROTO;
    msg_get_fixed(&m, v->issuer_key, sizeof(v->issuer_key));
    msg_get_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_get_text(&m, v->number, sizeof(v->number));
    v->this_update = msg_get_i64(&m);
    v->next_update = msg_get_i64(&m);
    v->count = msg_get_u32(&m);
    v->source = msg_get_u8(&m);
    if (!text_is_from(v->number, "0123456789") || v->this_update < 0 ||
        v->next_update < 0 || v->source >= CRL_SOURCES)
        return SP_EPROTO;
    return msg_get_end(&m);
}

int revocations_number_put(uint16_t type, const struct revocations_number *v,
                           void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, type);
    msg_put_u64(&m, v->revoker);
    msg_put_u64(&m, v->number);
    return put_done(&m, length);
}

int revocations_number_get(struct revocations_number *v, const void *data,
                           size_t length)
{
    struct msg_in m;
    uint16_t type = msg_get_begin(&m, data, length);

    if (type != MESSAGE_REVOCATIONS && type != MESSAGE_REVOCATIONS_RECORDED &&
        type != MESSAGE_ANNOUNCE)
        return SP_EPROTO;
    v->revoker = msg_get_u64(&m);
    v->number = msg_get_u64(&m);
    return msg_get_end(&m);
}

static void serial_put(struct msg_out *m, const uint8_t serial[20],
                       uint8_t length)
{
    msg_put_bytes(m, serial, length);
}

static void serial_get(struct msg_in *m, uint8_t serial[20], uint8_t *length)
{
    size_t n;
    const uint8_t *bytes = msg_get_bytes(m, 20, &n);

    memset(serial, 0, 20);
    if (n > 0)
        memcpy(serial, bytes, n);
    *length = (uint8_t)n;
}

int certificate_matched_put(const struct certificate_matched *v, void *memory,
                            size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_CERTIFICATE_MATCHED);
    msg_put_u32(&m, v->policy);
    msg_put_u32(&m, v->party);
    msg_put_u32(&m, v->person);
    msg_put_u8(&m, v->rule);
    msg_put_u8(&m, v->service);
    msg_put_u8(&m, v->test_pki);
    msg_put_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_put_fixed(&m, v->issuer_key, sizeof(v->issuer_key));
    msg_put_fixed(&m, v->matched, sizeof(v->matched));
    serial_put(&m, v->serial, v->serial_length);
    msg_put_text(&m, v->oid);
    return put_done(&m, length);
}

int certificate_matched_get(struct certificate_matched *v, const void *data,
                            size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_CERTIFICATE_MATCHED)
        return SP_EPROTO;
    v->policy = msg_get_u32(&m);
    v->party = msg_get_u32(&m);
    v->person = msg_get_u32(&m);
    v->rule = msg_get_u8(&m);
    v->service = msg_get_bool(&m);
    v->test_pki = msg_get_bool(&m);
    msg_get_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_get_fixed(&m, v->issuer_key, sizeof(v->issuer_key));
    msg_get_fixed(&m, v->matched, sizeof(v->matched));
    serial_get(&m, v->serial, &v->serial_length);
    msg_get_text(&m, v->oid, sizeof(v->oid));
    if (v->serial_length == 0 || !text_is_from(v->oid, "0123456789."))
        return SP_EPROTO;
    return msg_get_end(&m);
}

int certificate_is_revoked_put(const struct certificate_is_revoked *v,
                               void *memory, size_t capacity, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_CERTIFICATE_REVOKED);
    msg_put_u32(&m, v->policy);
    msg_put_u32(&m, v->party);
    msg_put_u32(&m, v->person);
    msg_put_u8(&m, v->ocsp);
    msg_put_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_put_fixed(&m, v->issuer_key, sizeof(v->issuer_key));
    serial_put(&m, v->serial, v->serial_length);
    return put_done(&m, length);
}

int certificate_is_revoked_get(struct certificate_is_revoked *v,
                               const void *data, size_t length)
{
    struct msg_in m;

    if (msg_get_begin(&m, data, length) != MESSAGE_CERTIFICATE_REVOKED)
        return SP_EPROTO;
    v->policy = msg_get_u32(&m);
    v->party = msg_get_u32(&m);
    v->person = msg_get_u32(&m);
    v->ocsp = msg_get_bool(&m);
    msg_get_fixed(&m, v->sha256, sizeof(v->sha256));
    msg_get_fixed(&m, v->issuer_key, sizeof(v->issuer_key));
    serial_get(&m, v->serial, &v->serial_length);
    if (v->serial_length == 0)
        return SP_EPROTO;
    return msg_get_end(&m);
}
