/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text put together in memory of a fixed size: message heads and error bodies.
 * Nothing is written past the end; a text that did not fit says so at the end,
 * once. Used in workers; what outsiders chose must have been checked before it
 * is added.
 */
#ifndef SP_LIB_TEXT_H
#define SP_LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/error.h"

struct text {
    char *data;
    size_t length;
    size_t capacity;
    bool failed;
};

static inline void text_init(struct text *t, void *memory, size_t capacity)
{
    *t = (struct text){.data = memory, .capacity = capacity};
}

static inline void text_add(struct text *t, const void *data, size_t length)
{
    if (length > t->capacity - t->length) {
        t->failed = true;
        return;
    }
    if (length > 0)
        memcpy(t->data + t->length, data, length);
    t->length += length;
}

static inline void text_put(struct text *t, const char *words)
{
    text_add(t, words, strlen(words));
}

static inline void text_number(struct text *t, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_add(t, digits + at, sizeof(digits) - at);
}

static inline void text_hex(struct text *t, const uint8_t *data, size_t length)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        char pair[2] = {digits[data[i] >> 4], digits[data[i] & 15]};

        text_add(t, pair, 2);
    }
}

/* 0, or SP_ETOOBIG when something did not fit. */
SP_MUST_USE static inline int text_end(const struct text *t)
{
    return t->failed ? SP_ETOOBIG : 0;
}

#endif
