/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All metrics as a text that Prometheus reads (exposition format 0.0.4): one
 * table of names, and what each takes its samples from. docs/metrics.md has the
 * same names; a test compares. Runs in control.
 */
#ifndef SP_GATEWAY_METRICS_TEXT_H
#define SP_GATEWAY_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/metrics_messages.h"
#include "gateway/metrics_page.h"

struct evbuffer;

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Texts that are made as rows of the keeper's answers arrive: the samples of
 * one name stand together, and a row has some of several names. */
enum metrics_rows {
    ROWS_WINDOW_INFO,
    ROWS_WINDOW_LEFT,
    ROWS_WINDOW_UNTIL,
    ROWS_WINDOW_REQUESTS,
    ROWS_WINDOW_OPEN,
    ROWS_BUDGET_LIMIT,
    ROWS_BUDGET_LEFT,
    ROWS_MODEL_LIMIT,
    ROWS_MODEL_LEFT,
    ROWS_COUNT
};

struct metrics_source {
    const struct control_status *status;
    const struct metrics_page *keeper; /* NULL: none yet */
    const struct metrics_page *workers[LIMIT_WORKERS];
    const struct list_ages *lists;
    struct evbuffer *rows[ROWS_COUNT]; /* emptied */
    bool complete;                     /* the keeper told all of its rows */
    const char *unready;               /* NULL: everything is ready */
    int64_t wall, boot;                /* ms */
};

/* 0; SP_ENOMEM: *out holds a part. */
int metrics_text(struct metrics_source *s, struct evbuffer *out) SP_MUST_USE;

/* Adds the samples of one row; `window` is the newest WINDOW row, for budgets.
 * SP_ENOMEM. */
int metrics_row_add(struct evbuffer *const rows[ROWS_COUNT],
                    const struct standings_row *row,
                    const struct standings_row *window) SP_MUST_USE;

#endif
