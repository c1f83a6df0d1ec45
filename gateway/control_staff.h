/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask and order what at the control socket: one table of roles and
 * verbs (docs/operators.md shows it; a test compares). Runs in control, and in
 * the supervisor, which tells it of new lists. No rule of a policy is in it:
 * what a policy widens has approvers, not operators.
 */
#ifndef SP_GATEWAY_CONTROL_STAFF_H
#define SP_GATEWAY_CONTROL_STAFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/control_messages.h"
#include "policy/settings.h"

/* What can be asked for: the orders, and behind them what changes nothing. */
enum {
    STAFF_ASK_STATUS = ORDER_VERB_COUNT,
    STAFF_ASK_WINDOWS,
    STAFF_VERB_COUNT
};

#define STAFF_MAX (3 * SETTINGS_STAFF_MAX)

/* The settings' lists, as one; MESSAGE_STAFF when they change. */
struct staff_list {
    uint32_t count;
    struct settings_staff staff[STAFF_MAX];
};

void staff_take(struct staff_list *l, const struct settings *s);
/* SP_ETOOBIG. */
int staff_message_put(const struct staff_list *v, void *memory, size_t capacity,
                      size_t *length) SP_MUST_USE;
/* SP_EPROTO. */
int staff_message_get(struct staff_list *v, const void *data,
                      size_t length) SP_MUST_USE;

/* "observer" */
const char *staff_text(enum staff role);
/* As the command has it: "suspend", "seal reveal"; of a verb above. */
const char *staff_verb_text(unsigned verb);
bool staff_may(enum staff role, unsigned verb);
/* Of the peer `uid`; `own`: the daemon's uid. */
enum staff staff_of(const struct staff_list *l, uint32_t own, uint32_t uid);
/* Why not: "uid 1003 is observer: `release` needs releaser". */
void staff_refusal(enum staff role, unsigned verb, uint32_t uid,
                   char text[ORDER_TEXT_SIZE]);

#endif
