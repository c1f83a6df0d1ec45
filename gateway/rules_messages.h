/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How other rules come into force while the daemon runs (docs/messages.md):
 * everybody who needs them is given them first and says whether it can use
 * them; then the keeper writes them down, and from that entry on they hold.
 */
#ifndef SP_GATEWAY_RULES_MESSAGES_H
#define SP_GATEWAY_RULES_MESSAGES_H

#include "gateway/messages.h"

/* RULES, RULES_DROP. */
struct rules_message {
    uint64_t number; /* from 1; the start's are 0 */
};

struct rules_ready {
    uint64_t number;
    int32_t error;     /* 0: they can be used; the keeper: they are in force */
    char problem[512]; /* printable ASCII */
};

/* Questions with another policy's serial behind it are stale. */
struct rules_in_force {
    uint64_t number;
    uint32_t policy; /* serial */
};

/* `type` is MESSAGE_RULES or MESSAGE_RULES_DROP. */
int rules_message_put(uint16_t type, const struct rules_message *v,
                      void *memory, size_t capacity,
                      size_t *length) SP_MUST_USE;
int rules_message_get(struct rules_message *v, const void *data,
                      size_t length) SP_MUST_USE;
MESSAGE_PAIR(rules_ready, rules_ready);
MESSAGE_PAIR(rules_in_force, rules_in_force);

#endif
