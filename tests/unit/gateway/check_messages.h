/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every message between processes must stand, for the tests of each
 * family of them: it comes back as it was put, in no less room; cut anywhere,
 * longer, of another type or with a wrong bit it is refused or read, and never
 * crashes its decoder. Include behind cmocka.h.
 */
#ifndef SP_TESTS_CHECK_MESSAGES_H
#define SP_TESTS_CHECK_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/messages.h"

#define ROOM 32768

/* One encoded message, in memory of exactly its size, so that a sanitizer
 * sees a decoder that reads on. */
typedef int decode_fn(const void *data, size_t length);

static void check_cuts(const uint8_t *data, size_t length, decode_fn *decode)
{
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *part = malloc(cut + 1);

        assert_non_null(part);
        memcpy(part, data, cut);
        assert_int_equal(decode(realloc(part, cut > 0 ? cut : 1), cut),
                         SP_EPROTO);
    }
}

static void check_longer(const uint8_t *data, size_t length, decode_fn *decode)
{
    uint8_t *more = calloc(1, length + 1);

    assert_non_null(more);
    memcpy(more, data, length);
    assert_int_equal(decode(more, length + 1), SP_EPROTO);
}

/* Any other type in front is not this message. */
static void check_types(const uint8_t *data, size_t length, decode_fn *decode,
                        const uint16_t *types, size_t count)
{
    for (uint16_t other = 0; other < 64; other++) {
        uint8_t *copy = malloc(length);
        bool right = false;

        for (size_t i = 0; i < count; i++)
            right |= other == types[i];
        assert_non_null(copy);
        memcpy(copy, data, length);
        copy[0] = (uint8_t)other;
        copy[1] = 0;
        if (right)
            free(copy);
        else
            assert_int_equal(decode(copy, length), SP_EPROTO);
    }
}

/* Each byte flipped in each bit must be refused or decoded, never crash. */
static void check_flips(const uint8_t *data, size_t length, decode_fn *decode)
{
    for (size_t i = 0; i < length * 8; i++) {
        uint8_t *copy = malloc(length);
        int r;

        assert_non_null(copy);
        memcpy(copy, data, length);
        copy[i / 8] ^= (uint8_t)(1u << (i % 8));
        r = decode(copy, length);
        assert_true(r == 0 || r == SP_EPROTO);
    }
}

/* decode() frees what it is given. */
#define DECODER(name, type)                                                    \
    static int decode_##name(const void *data, size_t length)                  \
    {                                                                          \
        struct type v;                                                         \
        int r = name##_get(&v, data, length);                                  \
                                                                               \
        free((void *)(uintptr_t)data);                                         \
        return r;                                                              \
    }

static void check_all(const uint8_t *data, size_t length, decode_fn *decode,
                      uint16_t type)
{
    assert_int_equal(message_type(data, length), type);
    check_cuts(data, length, decode);
    check_longer(data, length, decode);
    check_types(data, length, decode, &type, 1);
    check_flips(data, length, decode);
}

/* Puts `in`, checks that it does not fit in any smaller room, and reads it
 * into `out`. */
#define ROUND_TRIP(name, in, out, code)                                        \
    do {                                                                       \
        uint8_t whole[ROOM];                                                   \
        size_t whole_length, ignored;                                          \
        assert_int_equal(name##_put(in, whole, sizeof(whole), &whole_length),  \
                         0);                                                   \
        for (size_t room = 0; room < whole_length; room++)                     \
            assert_int_equal(name##_put(in, whole, room, &ignored),            \
                             SP_ETOOBIG);                                      \
        assert_int_equal(name##_put(in, whole, whole_length, &ignored), 0);    \
        assert_int_equal(whole_length, ignored);                               \
        assert_int_equal(name##_get(out, whole, whole_length), 0);             \
        check_all(whole, whole_length, decode_##name, code);                   \
    } while (0)

#endif
