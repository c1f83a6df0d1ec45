/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What encoders and decoders of messages share. For gateway/messages.c and
 * gateway/process_messages.c alone.
 */
#ifndef SP_GATEWAY_MESSAGES_PARTS_H
#define SP_GATEWAY_MESSAGES_PARTS_H

#include <string.h>

#include "lib/msg.h"

/* An enum field travels as one byte and is below its count. */
static inline unsigned get_enum(struct msg_in *m, unsigned count)
{
    unsigned value = msg_get_u8(m);

    if (value >= count) {
        m->failed = true;
        return 0;
    }
    return value;
}

/* A text of `allowed` characters only; it goes into entries and logs. */
static inline void get_word(struct msg_in *m, char *text, size_t size,
                            const char *allowed)
{
    msg_get_text(m, text, size);
    if (text[0] == '\0' || text[strspn(text, allowed)] != '\0')
        m->failed = true;
}

static inline int put_done(const struct msg_out *m, size_t *length)
{
    *length = m->length;
    return msg_put_end(m);
}

#define WORD_CHARACTERS   "abcdefghijklmnopqrstuvwxyz_"
#define STATUS_CHARACTERS WORD_CHARACTERS "0123456789="

#endif
