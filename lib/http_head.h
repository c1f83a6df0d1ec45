/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an HTTP/1.1 message's head, before any parser sees them: where
 * it ends, and whether it has something that two parsers could read apart (RFC
 * 9112, sections 2.2 and 5). So a parser is only ever given whole heads, and
 * what it makes of them does not depend on how the network cut them.
 */
#ifndef SP_LIB_HTTP_HEAD_H
#define SP_LIB_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_head { HTTP_HEAD_MORE, HTTP_HEAD_WHOLE, HTTP_HEAD_FAULT };

/* The `why` of a head that has more than `max` bytes; compared by its address.
 */
extern const char http_head_too_large[];

/* Looks at bytes [*scanned, length) of a head that begins at data[0]; *scanned
 * is 0 at first and then left alone. WHOLE: *end is behind the empty line.
 * FAULT: `why` is a constant word: bare CR or LF, a folded line, a NUL or
 * another control byte, or http_head_too_large. */
enum http_head http_head_scan(const uint8_t *data, size_t length, size_t max,
                              size_t *scanned, size_t *end, const char **why);

/* The phrase behind a status that we give or relay (RFC 9110, section 15); a
 * constant. It means nothing to anybody, but HTTP/1 wants one. */
const char *http_status_phrase(int status);

/* Whether that may be the name of a field (RFC 9110, section 5.6.2). */
bool http_token_is(const char *data, size_t length);

#endif
