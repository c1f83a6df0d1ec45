/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body as jansson reads it, written down as text, and what a decision depends
 * on found in jansson's tree by other code than the gateway's. Apart from the
 * test, since both libraries have a JSON_OBJECT.
 */
#ifndef SP_TESTS_POLICY_READING_H
#define SP_TESTS_POLICY_READING_H

#include <stdio.h>

#include "policy/facts.h"

struct reading {
    enum route route;
    char *tree, *facts; /* owned */
    uint8_t media;
    unsigned outputs;
    double number[FIELD_MAX]; /* the largest, of number fields */
    char error[256];
};

/* 0, or SP_EINVAL with `error`. */
int reading_make(struct reading *r, const char *body,
                 size_t length) SP_MUST_USE;
void reading_release(struct reading *r);

/* Strings as their bytes, numbers as the bits of a double: nothing is rounded
 * or normalised away. */
void reading_string(FILE *out, const char *data, size_t length);
void reading_number(FILE *out, double v);

#endif
