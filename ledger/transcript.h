/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed transcripts: what one request asked and what it was answered, to the
 * byte, in a file that only the holders of the named keys can open (P7,
 * docs/transcripts.md). A worker writes them as it goes, the command reads
 * them; nothing here touches a file.
 */
#ifndef SP_LEDGER_TRANSCRIPT_H
#define SP_LEDGER_TRANSCRIPT_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/note.h"
#include "lib/sealing.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#define TRANSCRIPT_RECIPIENTS 4  /* any of them opens it … */
#define TRANSCRIPT_TOGETHER   2  /* … with as many keys as it has */
#define TRANSCRIPT_NAME       21 /* of its file, with a NUL */
#define TRANSCRIPT_SALT       16
/* A stream's key under the seal of one key, when that of the other is off. */
#define TRANSCRIPT_SHARE                                                       \
    (crypto_secretstream_xchacha20poly1305_KEYBYTES + crypto_box_SEALBYTES)

/* Of a chunk: data, its type, the tag; and its length in front. */
#define TRANSCRIPT_DATA_MAX 16384
#define TRANSCRIPT_CHUNK_MAX                                                   \
    (4 + 1 + TRANSCRIPT_DATA_MAX + crypto_secretstream_xchacha20poly1305_ABYTES)
#define TRANSCRIPT_HEAD_MAX                                                    \
    (32 + 8 + 1 + NOTE_NAME_MAX + 1 +                                          \
     TRANSCRIPT_RECIPIENTS * (1 + 32 + TRANSCRIPT_TOGETHER * (32 + 48)) +      \
     crypto_secretstream_xchacha20poly1305_HEADERBYTES)

/* Public keys that open a transcript together: one, or several of which each
 * is needed. */
struct transcript_recipient {
    uint8_t keys[TRANSCRIPT_TOGETHER][SEALING_KEY_BYTES];
    size_t count;
};

enum transcript_part {
    TRANSCRIPT_END,      /* of everything: the final chunk, empty */
    TRANSCRIPT_SALTED,   /* the salt of the commitments; first */
    TRANSCRIPT_ASKED,    /* bytes of the request's body */
    TRANSCRIPT_ANSWERED, /* bytes on their way to the client */
    TRANSCRIPT_UNSENT,   /* so many of the last answered ones did not leave */
    TRANSCRIPT_PARTS
};

/* The name of the file that goes with entry `n`. */
void transcript_name(uint64_t n, char name[TRANSCRIPT_NAME]);

/* ---- writing ---- */

struct transcript_writer {
    crypto_secretstream_xchacha20poly1305_state stream;
    SHA256_CTX file;
    uint8_t head[32]; /* its SHA-256, until the first chunk */
    bool bound;       /* … which has it */
};

/* Begins with a fresh key that nobody keeps; `out` gets the head. SP_EINVAL:
 * no recipient or too many, no origin or too long a one; SP_ECRYPTO. */
int transcript_begin(struct transcript_writer *w, const char *origin,
                     uint64_t n, const struct transcript_recipient *to,
                     size_t count, uint8_t out[TRANSCRIPT_HEAD_MAX],
                     size_t *length) SP_MUST_USE;
/* At most TRANSCRIPT_DATA_MAX bytes of data become one chunk; returns its
 * length. */
size_t transcript_chunk(struct transcript_writer *w, enum transcript_part part,
                        const void *data, size_t length,
                        uint8_t out[TRANSCRIPT_CHUNK_MAX]);
/* The final chunk, and the SHA-256 of the whole file. Wipes the writer. */
size_t transcript_end(struct transcript_writer *w,
                      uint8_t out[TRANSCRIPT_CHUNK_MAX], uint8_t sha256[32]);
/* Gives it up; it can never be ended. */
void transcript_wipe(struct transcript_writer *w);

/* ---- reading ---- */

struct transcript_head {
    uint64_t n;
    char origin[NOTE_NAME_MAX + 1];
    size_t count;
    struct {
        size_t count;
        uint8_t keys[TRANSCRIPT_TOGETHER][32]; /* SHA-256 of each key */
        const uint8_t *sealed;                 /* in what was read */
        size_t length;
    } to[TRANSCRIPT_RECIPIENTS];
    const uint8_t *stream; /* secretstream's header */
    size_t length;         /* of all of it */
};

/* What was said, in memory of its own. */
struct transcript {
    uint8_t salt[TRANSCRIPT_SALT];
    uint8_t *asked, *answered;
    size_t asked_length, answered_length;
    size_t size;   /* of the memory of each */
    size_t keys;   /* that it took to open it */
    bool complete; /* it has its end */
};

/* Reads a file's head; SP_EPROTO with *problem, which is a constant text. The
 * head points into `data`. Nothing in it is proved before the first chunk is
 * opened. */
int transcript_head_read(struct transcript_head *h, const uint8_t *data,
                         size_t length, const char **problem) SP_MUST_USE;
/* What opens a transcript: secret keys of whoever is here, and what the others
 * have opened already (transcript_share()), or NULL. */
struct transcript_keys {
    uint8_t secrets[TRANSCRIPT_TOGETHER][SEALING_KEY_BYTES];
    size_t count;
    const uint8_t *share;
};

/* Of a transcript that takes two keys: with the second of them, what the first
 * opens alone then. It is good for this transcript, and is nothing to whoever
 * has not the first. SP_EPERM: none of its recipients begins with this key. */
int transcript_share(const struct transcript_head *h,
                     const uint8_t secret[SEALING_KEY_BYTES],
                     uint8_t share[TRANSCRIPT_SHARE]) SP_MUST_USE;
/* Opens a whole file. SP_EPERM: it is sealed to other keys; SP_ECORRUPT: it was
 * changed, in chunk *chunk (from 0). A file that is cut short where a chunk
 * begins, or within one, is no error: what is there is there, and `complete` is
 * false. SP_ENOMEM. transcript_release() in any case. */
int transcript_open(struct transcript *t, const struct transcript_head *h,
                    const uint8_t *data, size_t length,
                    const struct transcript_keys *keys, uint64_t *chunk,
                    const char **problem) SP_MUST_USE;
/* Wipes what was said. */
void transcript_release(struct transcript *t);

#endif
