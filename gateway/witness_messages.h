/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeper and dialer say to each other about witnesses, over a channel of
 * their own (docs/messages.md): the keeper hands over what a witness is to
 * get, the dialer brings back what it answered. The keeper believes nothing in
 * there that no key has signed.
 */
#ifndef SP_GATEWAY_WITNESS_MESSAGES_H
#define SP_GATEWAY_WITNESS_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/messages.h"
#include "policy/settings.h"

#define WITNESS_ASK_MAX    16384 /* one add-checkpoint request */
#define WITNESS_ANSWER_MAX 8192  /* signature lines, or words */

/* From the supervisor, with one descriptor; the number grows. */
struct witness_channel {
    uint64_t number;
};

/* Bytes point into the message. */
struct ask_witness {
    uint64_t ticket;
    uint32_t witness; /* index in the settings */
    const uint8_t *body;
    size_t length; /* 1 … WITNESS_ASK_MAX */
};

struct answer_witness {
    uint64_t ticket;
    int32_t error;   /* not 0: there was no answer; SP_ETIMEDOUT … */
    uint16_t status; /* 100–599; 0 with an error */
    const uint8_t *body;
    size_t length; /* 0 with an error */
};

MESSAGE_PAIR(witness_channel, witness_channel);
MESSAGE_PAIR(ask_witness, ask_witness);
MESSAGE_PAIR(answer_witness, answer_witness);

#endif
