/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of receipts: one JSON object a line for each answer that came with
 * one (docs/connect.md), only ever appended to. What was asked and answered is
 * in it as sizes and as the salted commitments that the ledger has as well, so
 * that `sallyport log open-commitment --receipts` can compare them; nobody
 * learns from the file what was said (P7).
 *
 * Lines are written as they come and synced once a second. What cannot be
 * written waits in memory, and is written as soon as it can be.
 */
#ifndef SP_CTL_CONNECT_RECEIPTS_H
#define SP_CTL_CONNECT_RECEIPTS_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct receipts;

#define RECEIPT_SALT 16

/* One answer's, while it comes. Zeroed at first. */
struct receipt {
    bool open, has_salt;
    char line[96]; /* "N" or "N;SALT" as it came */
    uint64_t n;
    char salt[2 * RECEIPT_SALT + 1];
    crypto_generichash_state asked, answered;
    uint64_t asked_bytes, answered_bytes;
    int64_t t; /* when it came, wall clock */
    int status;
    char model[129];
    const char *route; /* a constant */
};

/* Opens or makes it, mode 0600; another `connect` that writes to it is an
 * error. What is wrong is told. EXIT_HOLDS or the exit status. */
int receipts_open(const char *path, struct receipts **r);
/* Writes and syncs what there is to write; false: some of it is lost. */
bool receipts_close(struct receipts *r);

/* Whether all could be written so far: if not, no more should be asked. `r` may
 * be NULL here and below: nothing is kept. */
bool receipts_fine(const struct receipts *r);
/* Once a second: writes what waits, syncs what was written. */
void receipts_tick(struct receipts *r);

/* A receipt came: `text` as in the header. Not open if it is none. */
void receipt_begin(struct receipt *x, const char *text);
void receipt_asked(struct receipt *x, const void *data, size_t length);
void receipt_answered(struct receipt *x, const void *data, size_t length);
/* The line; `end` is a constant word: done, cut, client_left. */
void receipt_end(struct receipt *x, struct receipts *r, const char *end);

#endif
