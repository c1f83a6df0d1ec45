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

enum window_state {
    WINDOW_PENDING, /* it opens at a time to come */
    WINDOW_OPEN,
    WINDOW_CLOSED,
    WINDOW_NEVER, /* the pair's 30 days, or the model's release, came before */
    WINDOW_STATES
};
const char *window_state_text(enum window_state state);

/* ANSWER_STANDINGS: a head, then rows to the message's end, each of one kind.
 * Budgets are those of the window, or the model, before them. */
#define STANDINGS_WINDOWS 64 /* in one answer, at most */
#define STANDINGS_END     UINT32_MAX

struct standings_head {
    uint64_t ticket;
    uint32_t policy; /* serial */
    uint32_t next;   /* to be asked for, or STANDINGS_END: that was all */
};

enum standings_kind {
    STANDINGS_WINDOW = 1,
    STANDINGS_BUDGET, /* of the window before it, under some terms */
    STANDINGS_MODEL_BUDGET
};

struct standings_row {
    enum standings_kind kind;
    /* WINDOW */
    char window[ORDER_TARGET_SIZE];
    char party[LIMIT_NAME_BYTES + 1];
    char model[LIMIT_MODEL_BYTES + 1]; /* MODEL_BUDGET, too */
    enum window_state state;
    int64_t left; /* ms until it ends, or until it opens (PENDING); else 0 */
    uint64_t requests; /* admitted in it */
    uint32_t open;     /* of them */
    /* BUDGET, MODEL_BUDGET */
    char terms[LIMIT_NAME_BYTES + 1];
    enum unit unit;
    uint64_t limit, spent;
};

void standings_head_put(struct msg_out *m, const struct standings_head *v);
/* SP_EPROTO. Rows follow while bytes are left in `m`. */
int standings_head_get(struct msg_in *m, struct standings_head *v,
                       const void *data, size_t length) SP_MUST_USE;
/* A row that does not fit leaves `m` as it was: SP_ETOOBIG. */
int standings_row_put(struct msg_out *m,
                      const struct standings_row *v) SP_MUST_USE;
int standings_row_get(struct msg_in *m, struct standings_row *v) SP_MUST_USE;

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
