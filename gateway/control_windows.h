/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How windows and budgets stand, as rows: what the keeper tells control, and
 * control the command and, as numbers, Prometheus. Part of
 * gateway/control_messages.h, which includes it.
 */
#ifndef SP_GATEWAY_CONTROL_WINDOWS_H
#define SP_GATEWAY_CONTROL_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "lib/msg.h"
#include "policy/spent.h"

struct policy;
struct standing;

enum window_state {
    WINDOW_PENDING, /* it opens at a time to come */
    WINDOW_OPEN,
    WINDOW_CLOSED,
    WINDOW_NEVER, /* the pair's 30 days, or the model's release, came before */
    WINDOW_STATES
};
const char *window_state_text(enum window_state state);

/* Budgets are those of the window, or the model, before them. */
enum standings_kind {
    STANDINGS_WINDOW = 1,
    STANDINGS_BUDGET, /* of the window before it, under some terms */
    STANDINGS_MODEL_BUDGET
};

/* The longest window's id and a NUL, with room. */
#define STANDINGS_ID_SIZE 256

struct standings_row {
    enum standings_kind kind;
    /* WINDOW */
    char window[STANDINGS_ID_SIZE];
    char party[LIMIT_NAME_BYTES + 1];
    char model[LIMIT_MODEL_BYTES + 1]; /* MODEL_BUDGET, too */
    enum window_state state;
    bool ordered;          /* CLOSED before its time */
    int64_t opens, closes; /* ms UTC; what holds */
    int64_t left; /* ms until it ends, or until it opens (PENDING); else 0 */
    uint64_t requests; /* admitted in it */
    int64_t allowed;   /* of them, under all terms; -1: no limit */
    uint32_t open;     /* of them */
    /* BUDGET, MODEL_BUDGET */
    char terms[LIMIT_NAME_BYTES + 1];
    enum unit unit;
    uint64_t limit, spent;
};

/* A row that does not fit leaves `m` as it was: SP_ETOOBIG. */
int standings_row_put(struct msg_out *m,
                      const struct standings_row *v) SP_MUST_USE;
/* SP_EPROTO. Fields of other kinds stay as they were. */
int standings_row_get(struct msg_in *m, struct standings_row *v) SP_MUST_USE;

/* The rows of a window of the policy at `now`, and of the models' budgets; all
 * of them or none, SP_ETOOBIG. What has ended has no budgets. `standing` is
 * bound to the policy; NULL: there is no ledger, and it is as the policy has
 * it. */
int standings_window_put(struct msg_out *m, const struct policy *p,
                         const struct standing *standing, uint32_t window,
                         int64_t now) SP_MUST_USE;
int standings_models_put(struct msg_out *m, const struct policy *p,
                         const struct standing *standing) SP_MUST_USE;

/* ASK_WINDOWS: of the policy in force, from this one on. */
int ask_windows_put(uint32_t from, void *memory, size_t capacity,
                    size_t *length) SP_MUST_USE;
int ask_windows_get(uint32_t *from, const void *data,
                    size_t length) SP_MUST_USE;

/* ANSWER_WINDOWS, then rows to the message's end; longer than other messages of
 * the control socket. */
#define CONTROL_WINDOWS_MAX 32768
#define STANDINGS_END       UINT32_MAX

struct windows_head {
    int32_t error;   /* SP_EAGAIN: too many ask; SP_ECLOSED, SP_ETIMEDOUT: the
                        keeper does not answer; then no rows follow */
    uint32_t policy; /* serial; another one than before: ask from 0 again */
    uint32_t next;   /* to be asked for, or STANDINGS_END: that was all */
};

void windows_head_put(struct msg_out *m, const struct windows_head *v);
/* SP_EPROTO. Rows follow while bytes are left in `m`. */
int windows_head_get(struct msg_in *m, struct windows_head *v, const void *data,
                     size_t length) SP_MUST_USE;

#endif
