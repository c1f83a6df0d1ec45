/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs of CRLs and OCSP responders. They are a stranger's words (they come out
 * of the certificate that somebody presents), and what is fetched from them is
 * decided by the host: so a host has one spelling here, and what has two is
 * refused.
 */
#ifndef SP_LIB_HTTP_URL_H
#define SP_LIB_HTTP_URL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define HTTP_URL_MAX  512 /* bytes, without a NUL */
#define HTTP_HOST_MAX 253 /* RFC 1035 */

struct http_url {
    char host[HTTP_HOST_MAX + 1]; /* lower case; a name, or four decimals */
    uint16_t port;                /* 80 if none is given */
    char path[HTTP_URL_MAX + 1];  /* with the query; begins with "/" */
};

/* http://host[:port][/path[?query]], ASCII. SP_EINVAL: anything else: another
 * scheme, userinfo, a fragment, an IPv6 literal, a number that is not an IPv4
 * address in its usual form, controls, blanks, NUL; SP_ETOOBIG. Nothing is
 * decoded, and "." segments stay as they are. */
int http_url_parse(const char *text, size_t length,
                   struct http_url *out) SP_MUST_USE;

#endif
