/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GET /sallyport/v1/status says about a person: who it is, windows with
 * their terms and budgets, documents. Read out of the JSON with bounds, and
 * told in words.
 */
#ifndef SP_CTL_PERSON_STATUS_H
#define SP_CTL_PERSON_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"
#include "lib/json.h"
#include "lib/limits.h"

#define DURATION_WORDS 32

struct person_window {
    uint32_t node;
    char id[320];
    char model[LIMIT_MODEL_BYTES + 1];
    char opens[32], closes[32], reason[64]; /* reason: "" if it is open */
    int64_t opens_ms, closes_ms;            /* 0: not said */
    int64_t seconds_left;
    bool open;
};

struct person_budget {
    uint32_t node;
    char name[64];
    int64_t limit, left;
};

struct person_document {
    uint32_t node;
    char name[LIMIT_NAME_BYTES + 1];
    char sha256[65];
    bool accepted;
    int64_t entry;
};

/* `j` starts zeroed; `text` must outlive it. SP_EINVAL: not a gateway's
 * answer. Release with json_release() in every case. */
int person_status_parse(struct json *j, const char *text,
                        size_t length) SP_MUST_USE;

/* A member of the answer itself as text, "-" if it is not there. */
void person_status_text(const struct json *j, const char *name, char *text,
                        size_t size);

/* One after the other: the first for `x` zeroed, false behind the last. */
bool person_window_next(const struct json *j, struct person_window *x);
bool person_document_next(const struct json *j, struct person_document *x);
/* The budgets of one of a window's terms, node `terms`. */
bool person_budget_next(const struct json *j, uint32_t terms,
                        struct person_budget *x);
/* The window's terms, one after the other; 0 at first and at the end. */
uint32_t person_terms_next(const struct json *j, const struct person_window *w,
                           uint32_t terms);

/* "19 d 23 h", "1 h 5 min", "40 s". */
void duration_words(int64_t seconds, char words[DURATION_WORDS]);
/* "opens in 3 d 2 h", "open, 19 d 23 h left", "has ended" … by the gateway's
 * time `now`. */
void person_window_words(const struct person_window *w, int64_t now,
                         char words[128]);

/* All of it for people. `more` stands behind `sallyport accept` ("" or with a
 * blank before it). */
void person_status_print(FILE *out, const struct json *j, const char *more);

#endif
