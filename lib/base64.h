/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 in one spelling: the alphabet of RFC 4648 section 4, padded, without
 * stray bits, white space or anything that a library takes for a character of
 * it. What is signed or hashed as text must not have two spellings.
 */
#ifndef SP_LIB_BASE64_H
#define SP_LIB_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Of the text of so many bytes, with its NUL. */
#define BASE64_SIZE(bytes) (((bytes) + 2) / 3 * 4 + 1)

/* `text` has room for BASE64_SIZE(length). */
void base64_encode(const void *data, size_t length, char *text);
/* SP_EINVAL: not base64_encode()'s spelling of anything, or more than `size`
 * bytes; then *n is 0 and `data` is wiped. */
int base64_decode(const char *text, size_t length, void *data, size_t size,
                  size_t *n) SP_MUST_USE;

#endif
