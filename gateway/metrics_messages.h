/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What roles say to each other about metrics (docs/messages.md):
 *
 *   supervisor → worker, keeper  the page that it counts in
 *   supervisor → control         everybody's pages; where it serves them
 *   keeper ↔ control             how windows and budgets stand
 *   revoker → supervisor → control
 *                                how old the parties' lists are
 */
#ifndef SP_GATEWAY_METRICS_MESSAGES_H
#define SP_GATEWAY_METRICS_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/messages.h"
#include "lib/msg.h"

/* PAGE, with one descriptor: a page of gateway/metrics_page.h. To a worker or
 * the keeper: its own. */
struct metrics_page_message {
    bool keeper;
    uint32_t worker; /* below LIMIT_WORKERS; 0 of the keeper's */
};

/* SERVE, with one descriptor, a listening socket; and STANDINGS, with an end of
 * a channel between keeper and control. */
struct metrics_number {
    uint64_t number; /* grows */
};

/* ASK_STANDINGS: windows of the policy from this one on. */
struct ask_standings {
    uint64_t ticket;
    uint32_t from;
};

/* ANSWER_STANDINGS: a head, then rows to the message's end
 * (gateway/control_windows.h). */
#define STANDINGS_WINDOWS 64 /* in one answer, at most */

struct standings_head {
    uint64_t ticket;
    uint32_t policy; /* serial */
    uint32_t next;   /* to be asked for, or STANDINGS_END: that was all */
};

void standings_head_put(struct msg_out *m, const struct standings_head *v);
/* SP_EPROTO. Rows follow while bytes are left in `m`. */
int standings_head_get(struct msg_in *m, struct standings_head *v,
                       const void *data, size_t length) SP_MUST_USE;
/* LIST_AGES: of each party that has a rule with lists. */
struct list_age {
    char party[LIMIT_NAME_BYTES + 1];
    uint32_t lists;   /* of its authorities, in the set */
    int64_t oldest;   /* ms UTC: thisUpdate of the oldest; 0: there is none */
    int64_t stale_at; /* ms UTC: when the first of them says nothing more */
};

struct list_ages {
    uint32_t count;
    struct list_age parties[LIMIT_POLICY_PARTIES];
};

MESSAGE_PAIR(metrics_page_message, metrics_page_message);
MESSAGE_PAIR(ask_standings, ask_standings);
MESSAGE_PAIR(list_ages, list_ages);

/* `type` is MESSAGE_METRICS_SERVE or MESSAGE_STANDINGS. */
int metrics_number_put(uint16_t type, const struct metrics_number *v,
                       void *memory, size_t capacity,
                       size_t *length) SP_MUST_USE;
int metrics_number_get(struct metrics_number *v, const void *data,
                       size_t length) SP_MUST_USE;

#endif
