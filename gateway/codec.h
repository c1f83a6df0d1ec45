/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exchange asks of the codec that carries it (HTTP/1 now). A codec
 * reads requests into exchanges and writes what they answer; this is the
 * second half.
 */
#ifndef SP_GATEWAY_CODEC_H
#define SP_GATEWAY_CODEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/http_message.h"

enum codec_end {
    CODEC_WHOLE, /* the answer is whole */
    CODEC_CUT,   /* it ended early and says so itself: close behind it */
    CODEC_BROKEN /* it ended early and must not look whole */
};

struct codec {
    /* Begins the answer. Nothing is sent before the first body(). */
    void (*start)(void *stream, const struct answer_head *answer);
    /* Takes up to `length` bytes of the body and returns how many, or
     * SP_EAGAIN: exchange_writable() will be called. With `last` nothing comes
     * behind them. Neither bytes nor last: the head goes out now. */
    ssize_t (*body)(void *stream, const uint8_t *data, size_t length,
                    bool last);
    /* What follows is the last that this answer says: from now on the client
     * has LIMIT_CUT_DRAIN_MS to read it. */
    void (*hurry)(void *stream);
    /* The exchange is over; the stream is the codec's own again. */
    void (*finish)(void *stream, enum codec_end end);
};

#endif
