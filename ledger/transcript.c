/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file format of sealed transcripts (docs/transcripts.md): a head that
 * says for whom, then the chunks of a libsodium secretstream. Written by a
 * worker, whose stream key exists nowhere else and is wiped at the end; read
 * by the command, which may get a file from anybody.
 *
 * The first chunk has the head's hash as associated data, so that a head
 * cannot be put in front of another body; the stream itself notices a chunk
 * that was changed, dropped, doubled or moved.
 */
#include "ledger/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       "sallyport transcript 1\n"
#define MAGIC_BYTES (sizeof(MAGIC) - 1)
#define KEY_BYTES   crypto_secretstream_xchacha20poly1305_KEYBYTES
#define OVERHEAD    crypto_secretstream_xchacha20poly1305_ABYTES
#define FINAL       crypto_secretstream_xchacha20poly1305_TAG_FINAL
#define MESSAGE     crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
#define SEAL_MAX    (KEY_BYTES + TRANSCRIPT_TOGETHER * crypto_box_SEALBYTES)

void transcript_name(uint64_t n, char name[TRANSCRIPT_NAME])
{
    snprintf(name, TRANSCRIPT_NAME, "%020llu", (unsigned long long)n);
}

/* ---- writing ---- */

static void put(uint8_t **at, const void *data, size_t length)
{
    memcpy(*at, data, length);
    *at += length;
}

static void put_number(uint8_t **at, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0)
        *(*at)++ = (uint8_t)(v >> 8 * bytes);
}

static void key_hash(const uint8_t key[SEALING_KEY_BYTES], uint8_t hash[32])
{
    SHA256(key, SEALING_KEY_BYTES, hash);
}

/* The stream's key, sealed to the first of the keys, that to the next: the
 * last one's holder begins, and nobody gets through alone. */
static int put_recipient(uint8_t **at, const struct transcript_recipient *to,
                         const uint8_t key[KEY_BYTES])
{
    uint8_t box[SEAL_MAX], outer[SEAL_MAX];
    size_t length = KEY_BYTES;
    int r = 0;

    if (to->count == 0 || to->count > TRANSCRIPT_TOGETHER)
        return SP_EINVAL;
    *(*at)++ = (uint8_t)to->count;
    for (size_t i = 0; i < to->count; i++, *at += 32)
        key_hash(to->keys[i], *at);
    memcpy(box, key, KEY_BYTES);
    for (size_t i = 0; r == 0 && i < to->count; i++) {
        r = crypto_box_seal(outer, box, length, to->keys[i]);
        length += crypto_box_SEALBYTES;
        memcpy(box, outer, length);
    }
    put(at, box, length);
    sodium_memzero(box, sizeof(box)); /* the key itself, if that failed */
    return r == 0 ? 0 : SP_ECRYPTO;
}

static int put_head(uint8_t **at, const char *origin, uint64_t n,
                    const struct transcript_recipient *to, size_t count,
                    const uint8_t key[KEY_BYTES])
{
    size_t length = strlen(origin);
    int r = 0;

    if (length == 0 || length > NOTE_NAME_MAX || count == 0 ||
        count > TRANSCRIPT_RECIPIENTS)
        return SP_EINVAL;
    put(at, MAGIC, MAGIC_BYTES);
    put_number(at, n, 8);
    put_number(at, length, 1);
    put(at, origin, length);
    put_number(at, count, 1);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = put_recipient(at, &to[i], key);
    return r;
}

int transcript_begin(struct transcript_writer *w, const char *origin,
                     uint64_t n, const struct transcript_recipient *to,
                     size_t count, uint8_t out[TRANSCRIPT_HEAD_MAX],
                     size_t *length)
{
    uint8_t key[KEY_BYTES];
    uint8_t *at = out;
    int r;

    *w = (struct transcript_writer){.bound = false};
    crypto_secretstream_xchacha20poly1305_keygen(key);
    r = put_head(&at, origin, n, to, count, key);
    if (r == 0 && crypto_secretstream_xchacha20poly1305_init_push(&w->stream,
                                                                  at, key) != 0)
        r = SP_ECRYPTO;
    sodium_memzero(key, sizeof(key));
    if (r != 0) {
        transcript_wipe(w);
        return r;
    }
    at += crypto_secretstream_xchacha20poly1305_HEADERBYTES;
    *length = (size_t)(at - out);
    SHA256_Init(&w->file);
    SHA256_Update(&w->file, out, *length);
    SHA256(out, *length, w->head);
    return 0;
}

static size_t chunk_put(struct transcript_writer *w, enum transcript_part part,
                        const void *data, size_t length, unsigned char tag,
                        uint8_t out[TRANSCRIPT_CHUNK_MAX])
{
    static uint8_t plain[1 + TRANSCRIPT_DATA_MAX]; /* one thread writes */
    uint8_t *at = out;

    plain[0] = (uint8_t)part;
    if (length > 0)
        memcpy(plain + 1, data, length);
    put_number(&at, 1 + length + OVERHEAD, 4);
    crypto_secretstream_xchacha20poly1305_push(
        &w->stream, at, NULL, plain, 1 + length, w->bound ? NULL : w->head,
        w->bound ? 0 : sizeof(w->head), tag);
    w->bound = true;
    sodium_memzero(plain, 1 + length);
    at += 1 + length + OVERHEAD;
    SHA256_Update(&w->file, out, (size_t)(at - out));
    return (size_t)(at - out);
}

size_t transcript_chunk(struct transcript_writer *w, enum transcript_part part,
                        const void *data, size_t length,
                        uint8_t out[TRANSCRIPT_CHUNK_MAX])
{
    return chunk_put(w, part, data, length, MESSAGE, out);
}

size_t transcript_end(struct transcript_writer *w,
                      uint8_t out[TRANSCRIPT_CHUNK_MAX], uint8_t sha256[32])
{
    size_t length = chunk_put(w, TRANSCRIPT_END, NULL, 0, FINAL, out);

    SHA256_Final(sha256, &w->file);
    transcript_wipe(w);
    return length;
}

void transcript_wipe(struct transcript_writer *w)
{
    sodium_memzero(w, sizeof(*w));
}

/* ---- reading: the head ---- */

struct input {
    const uint8_t *data;
    size_t left;
};

/* NULL: so much is not there. */
static const uint8_t *take(struct input *in, size_t length)
{
    const uint8_t *at = in->data;

    if (length > in->left)
        return NULL;
    in->data += length;
    in->left -= length;
    return at;
}

static bool take_number(struct input *in, unsigned bytes, uint64_t *v)
{
    const uint8_t *at = take(in, bytes);

    *v = 0;
    for (unsigned i = 0; at != NULL && i < bytes; i++)
        *v = *v << 8 | at[i];
    return at != NULL;
}

static bool take_origin(struct input *in, struct transcript_head *h)
{
    const uint8_t *at;
    uint64_t length;

    if (!take_number(in, 1, &length) || length == 0 ||
        (at = take(in, length)) == NULL)
        return false;
    for (size_t i = 0; i < length; i++)
        if (at[i] <= 0x20 || at[i] == 0x7f)
            return false;
    memcpy(h->origin, at, length);
    h->origin[length] = '\0';
    return true;
}

static bool take_recipient(struct input *in, struct transcript_head *h,
                           size_t i)
{
    const uint8_t *at;
    uint64_t count;

    if (!take_number(in, 1, &count) || count == 0 ||
        count > TRANSCRIPT_TOGETHER)
        return false;
    h->to[i].count = count;
    for (size_t k = 0; k < count; k++) {
        if ((at = take(in, 32)) == NULL)
            return false;
        memcpy(h->to[i].keys[k], at, 32);
    }
    h->to[i].length = KEY_BYTES + count * crypto_box_SEALBYTES;
    h->to[i].sealed = take(in, h->to[i].length);
    return h->to[i].sealed != NULL;
}

int transcript_head_read(struct transcript_head *h, const uint8_t *data,
                         size_t length, const char **problem)
{
    struct input in = {data, length};
    const uint8_t *magic = take(&in, MAGIC_BYTES);
    uint64_t count;

    memset(h, 0, sizeof(*h));
    *problem = "no transcript of this version";
    if (magic == NULL || memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
        return SP_EPROTO;
    *problem = "the head is damaged or cut short";
    if (!take_number(&in, 8, &h->n) || !take_origin(&in, h) ||
        !take_number(&in, 1, &count) || count == 0 ||
        count > TRANSCRIPT_RECIPIENTS)
        return SP_EPROTO;
    for (h->count = 0; h->count < count; h->count++)
        if (!take_recipient(&in, h, h->count))
            return SP_EPROTO;
    h->stream = take(&in, crypto_secretstream_xchacha20poly1305_HEADERBYTES);
    if (h->stream == NULL)
        return SP_EPROTO;
    h->length = (size_t)(in.data - data);
    *problem = NULL;
    return 0;
}

/* ---- reading: the key ---- */

/* Takes off one seal, if this secret is of the key with this hash. */
static bool seal_open(const uint8_t hash[32], uint8_t *box, size_t *length,
                      const uint8_t secret[SEALING_KEY_BYTES])
{
    uint8_t key[SEALING_KEY_BYTES], have[32], inner[SEAL_MAX];
    bool opened;

    if (crypto_scalarmult_base(key, secret) != 0)
        return false;
    key_hash(key, have);
    opened = memcmp(have, hash, 32) == 0 &&
             crypto_box_seal_open(inner, box, *length, key, secret) == 0;
    if (opened) {
        *length -= crypto_box_SEALBYTES;
        memcpy(box, inner, *length);
    }
    sodium_memzero(inner, sizeof(inner));
    return opened;
}

static bool seal_open_any(const uint8_t hash[32], uint8_t *box, size_t *length,
                          const struct transcript_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (seal_open(hash, box, length, keys->secrets[i]))
            return true;
    return false;
}

/* From the last of a recipient's keys to the first; a share has all but that
 * behind it. */
static bool recipient_open(const struct transcript_head *h, size_t i,
                           const struct transcript_keys *keys, bool shared,
                           uint8_t box[SEAL_MAX])
{
    size_t length = shared ? TRANSCRIPT_SHARE : h->to[i].length;
    size_t k = shared ? 1 : h->to[i].count;

    if (shared && (keys->share == NULL || h->to[i].count < 2))
        return false;
    memcpy(box, shared ? keys->share : h->to[i].sealed, length);
    while (k > 0 && seal_open_any(h->to[i].keys[k - 1], box, &length, keys))
        k--;
    return k == 0;
}

/* How many keys it took; 0: these do not open it. */
static size_t key_open(const struct transcript_head *h,
                       const struct transcript_keys *keys,
                       uint8_t key[KEY_BYTES])
{
    uint8_t box[SEAL_MAX];
    size_t took = 0;

    for (size_t i = 0; i < h->count && took == 0; i++)
        if (recipient_open(h, i, keys, false, box) ||
            recipient_open(h, i, keys, true, box))
            took = h->to[i].count;
    if (took > 0)
        memcpy(key, box, KEY_BYTES);
    sodium_memzero(box, sizeof(box));
    return took;
}

int transcript_share(const struct transcript_head *h,
                     const uint8_t secret[SEALING_KEY_BYTES],
                     uint8_t share[TRANSCRIPT_SHARE])
{
    uint8_t box[SEAL_MAX];

    for (size_t i = 0; i < h->count; i++) {
        size_t length = h->to[i].length;

        if (h->to[i].count != 2)
            continue;
        memcpy(box, h->to[i].sealed, length);
        if (!seal_open(h->to[i].keys[1], box, &length, secret))
            continue;
        memcpy(share, box, TRANSCRIPT_SHARE);
        return 0;
    }
    return SP_EPERM;
}

/* ---- reading: the chunks ---- */

struct reader {
    crypto_secretstream_xchacha20poly1305_state stream;
    struct transcript *t;
    struct input in;
    uint8_t head[32];
    uint64_t chunk;
    enum transcript_part last;
};

static const uint8_t *next_chunk(struct reader *r, size_t *length)
{
    uint64_t n;

    if (!take_number(&r->in, 4, &n))
        return NULL;
    *length = (size_t)n;
    return take(&r->in, *length);
}

/* Which kind may come behind which. */
static bool part_fits(const struct reader *r, enum transcript_part part)
{
    switch (part) {
    case TRANSCRIPT_SALTED:
        return r->chunk == 0;
    case TRANSCRIPT_ASKED:
        return r->chunk > 0 && r->last <= TRANSCRIPT_ASKED;
    case TRANSCRIPT_ANSWERED:
        return r->chunk > 0;
    case TRANSCRIPT_UNSENT:
        return r->last == TRANSCRIPT_ANSWERED;
    case TRANSCRIPT_END:
        return r->chunk > 0;
    case TRANSCRIPT_PARTS:
        break;
    }
    return false;
}

static bool unsent(struct transcript *t, const uint8_t *data, size_t length)
{
    struct input in = {data, length};
    uint64_t count;

    if (length != 8 || !take_number(&in, 8, &count) ||
        count > t->answered_length)
        return false;
    t->answered_length -= (size_t)count;
    return true;
}

/* Each of the two has room for the whole file. */
static bool part_take(struct transcript *t, enum transcript_part part,
                      const uint8_t *data, size_t length)
{
    if (part == TRANSCRIPT_SALTED && length == sizeof(t->salt)) {
        memcpy(t->salt, data, length);
        return true;
    }
    if (part == TRANSCRIPT_ASKED) {
        memcpy(t->asked + t->asked_length, data, length);
        t->asked_length += length;
        return true;
    }
    if (part == TRANSCRIPT_ANSWERED) {
        memcpy(t->answered + t->answered_length, data, length);
        t->answered_length += length;
        return true;
    }
    if (part == TRANSCRIPT_UNSENT)
        return unsent(t, data, length);
    return part == TRANSCRIPT_END && length == 0;
}

static int chunk_open(struct reader *r, const uint8_t *data, size_t length,
                      uint8_t *plain, const char **problem)
{
    unsigned char tag = 0;
    bool first = r->chunk == 0;

    *problem = "it was changed, left out, put in or moved";
    if (length <= OVERHEAD || length > 1 + TRANSCRIPT_DATA_MAX + OVERHEAD ||
        crypto_secretstream_xchacha20poly1305_pull(
            &r->stream, plain, NULL, &tag, data, length, first ? r->head : NULL,
            first ? sizeof(r->head) : 0) != 0)
        return SP_ECORRUPT;
    *problem = "its writer did not keep to the format";
    if ((tag != MESSAGE && tag != FINAL) ||
        (tag == FINAL) != (plain[0] == TRANSCRIPT_END) ||
        plain[0] >= TRANSCRIPT_PARTS ||
        !part_fits(r, (enum transcript_part)plain[0]) ||
        !part_take(r->t, (enum transcript_part)plain[0], plain + 1,
                   length - OVERHEAD - 1))
        return SP_ECORRUPT;
    r->last = (enum transcript_part)plain[0];
    r->t->complete = tag == FINAL;
    r->chunk++;
    *problem = NULL;
    return 0;
}

static int chunks_read(struct reader *r, uint8_t *plain, const char **problem)
{
    const uint8_t *data;
    size_t length = 0;
    int error = 0;

    while (error == 0 && !r->t->complete &&
           (data = next_chunk(r, &length)) != NULL)
        error = chunk_open(r, data, length, plain, problem);
    if (error == 0 && r->t->complete && r->in.left > 0) {
        *problem = "something is behind the end";
        error = SP_ECORRUPT;
    }
    return error;
}

int transcript_open(struct transcript *t, const struct transcript_head *h,
                    const uint8_t *data, size_t length,
                    const struct transcript_keys *keys, uint64_t *chunk,
                    const char **problem)
{
    static uint8_t plain[1 + TRANSCRIPT_DATA_MAX];
    struct reader r = {.t = t,
                       .in = {data + h->length, length - h->length},
                       .last = TRANSCRIPT_SALTED};
    uint8_t key[KEY_BYTES];
    int error = SP_ENOMEM;

    memset(t, 0, sizeof(*t));
    *problem = "sealed to other keys";
    if ((t->keys = key_open(h, keys, key)) == 0)
        return SP_EPERM;
    SHA256(data, h->length, r.head);
    t->asked = malloc(length);
    t->answered = malloc(length);
    t->size = length;
    *problem = "out of memory";
    if (t->asked != NULL && t->answered != NULL) {
        *problem = NULL;
        error = crypto_secretstream_xchacha20poly1305_init_pull(
                    &r.stream, h->stream, key) == 0
                    ? chunks_read(&r, plain, problem)
                    : SP_ECORRUPT;
    }
    *chunk = r.chunk;
    sodium_memzero(key, sizeof(key));
    sodium_memzero(&r.stream, sizeof(r.stream));
    sodium_memzero(plain, sizeof(plain));
    return error;
}

void transcript_release(struct transcript *t)
{
    if (t->asked != NULL)
        sodium_memzero(t->asked, t->size);
    if (t->answered != NULL)
        sodium_memzero(t->answered, t->size);
    free(t->asked);
    free(t->answered);
    memset(t, 0, sizeof(*t));
}
