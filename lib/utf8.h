/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of UTF-8 (RFC 3629, Unicode table 3-7): no overlong forms, no
 * surrogates, nothing above U+10FFFF. Used on strangers' bytes in workers and
 * on operators' files.
 */
#ifndef SP_LIB_UTF8_H
#define SP_LIB_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length (1–4) of the well-formed character at `p`, 0 if there is none
 * within `left` bytes. */
static inline size_t utf8_length(const uint8_t *p, size_t left)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t n, i;

    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < n)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return n;
}

/* The code point of a well-formed character of `n` bytes. */
static inline uint32_t utf8_point(const uint8_t *p, size_t n)
{
    uint32_t c = p[0];

    if (n == 2)
        c &= 0x1f;
    else if (n == 3)
        c &= 0x0f;
    else if (n == 4)
        c &= 0x07;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

/* Writes `c` (a scalar value) and returns its length, 1–4. */
static inline size_t utf8_put(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

#endif
