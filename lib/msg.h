/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed messages between role processes. A message is a 16-bit type followed
 * by fields in a fixed order, little-endian, byte strings with a 32-bit length
 * before them. The reader asks for the fields in the same order and then
 * calls msg_get_end(), which fails if any field was short, out of its bounds,
 * or if bytes are left. The other side may be hostile: read only from memory
 * that it cannot change (copy out first).
 */
#ifndef SP_LIB_MSG_H
#define SP_LIB_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct msg_out {
    uint8_t *data;
    size_t length;
    size_t capacity;
    bool failed; /* something did not fit */
};

struct msg_in {
    const uint8_t *data;
    size_t length;
    size_t position;
    bool failed; /* something was short or out of bounds */
};

/* Starts a message in the caller's memory. */
void msg_put_begin(struct msg_out *m, void *memory, size_t capacity, uint16_t type);
void msg_put_u8(struct msg_out *m, uint8_t value);
void msg_put_u16(struct msg_out *m, uint16_t value);
void msg_put_u32(struct msg_out *m, uint32_t value);
void msg_put_u64(struct msg_out *m, uint64_t value);
void msg_put_i64(struct msg_out *m, int64_t value);
void msg_put_bytes(struct msg_out *m, const void *data, size_t length);
void msg_put_text(struct msg_out *m, const char *text);
/* Exactly `length` bytes, no length before them (hashes, keys). */
void msg_put_fixed(struct msg_out *m, const void *data, size_t length);
/* 0, or SP_ETOOBIG when a field did not fit; then the message must not be sent. */
int msg_put_end(const struct msg_out *m) SP_MUST_USE;

/* Reads the type; 0 (never a valid type) if there is none. */
uint16_t msg_get_begin(struct msg_in *m, const void *data, size_t length);
uint8_t msg_get_u8(struct msg_in *m);
bool msg_get_bool(struct msg_in *m); /* fails on anything but 0 and 1 */
uint16_t msg_get_u16(struct msg_in *m);
uint32_t msg_get_u32(struct msg_in *m);
uint64_t msg_get_u64(struct msg_in *m);
int64_t msg_get_i64(struct msg_in *m);
/* A pointer into the message; longer than `max` fails. NULL and 0 on failure. */
const uint8_t *msg_get_bytes(struct msg_in *m, size_t max, size_t *length);
/* Copies a text with its final NUL; fails if it has a NUL within or does not
 * fit in `size` bytes. `text` is "" on failure. */
void msg_get_text(struct msg_in *m, char *text, size_t size);
void msg_get_fixed(struct msg_in *m, void *data, size_t length);
/* 0, or SP_EPROTO if anything failed or bytes are left. */
int msg_get_end(const struct msg_in *m) SP_MUST_USE;

#endif
