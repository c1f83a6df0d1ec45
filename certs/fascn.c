/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a card's 25 bytes to digits. The bytes come out of a certificate that
 * an authority signed; nothing in them is trusted to be well formed.
 */
#include "certs/fascn.h"

#define SYMBOLS 40

/* What stands at each place: a digit, start, separator, end, the check. */
static const char layout[SYMBOLS + 1] =
    "SddddFddddFddddddFdFdFddddddddddddddddEC";

enum { SYMBOL_START = 11, SYMBOL_FIELD = 13, SYMBOL_END = 15 };

/* The data bits of a symbol, or -1: its parity is even. */
static int symbol_read(const uint8_t *data, size_t index)
{
    int value = 0;
    unsigned ones = 0;

    for (size_t i = 0; i < 5; i++) {
        size_t bit = index * 5 + i;
        unsigned set = (unsigned)(data[bit / 8] >> (7 - bit % 8)) & 1u;

        ones += set;
        if (i < 4)
            value |= (int)(set << i);
    }
    return ones % 2 == 1 ? value : -1;
}

int fascn_decode(const uint8_t *data, size_t length,
                 char digits[FASCN_DIGITS + 1])
{
    size_t used = 0;
    int sum = 0;

    if (length != FASCN_BYTES)
        return SP_EINVAL;
    for (size_t i = 0; i < SYMBOLS; i++) {
        int value = symbol_read(data, i);
        char kind = layout[i];

        if (value < 0 || (kind == 'd' && value > 9) ||
            (kind == 'S' && value != SYMBOL_START) ||
            (kind == 'F' && value != SYMBOL_FIELD) ||
            (kind == 'E' && value != SYMBOL_END) ||
            (kind == 'C' && value != sum))
            return SP_EINVAL;
        if (kind == 'd')
            digits[used++] = (char)('0' + value);
        sum ^= value;
    }
    digits[used] = '\0';
    return used == FASCN_DIGITS ? 0 : SP_EINVAL;
}
