/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names from text (RFC 2253, as `openssl x509 -nameopt RFC2253`
 * prints them) to X509_NAME, so that they are compared as names (RFC 5280
 * section 7.1) and not as text.
 */
#ifndef SP_CERTS_NAME_H
#define SP_CERTS_NAME_H

#include <openssl/x509.h>
#include <stddef.h>

#include "lib/error.h"

#define NAME_PROBLEM 256

/* One name, most specific part first: "CN=One,OU=NIST,C=US". Attribute types
 * are OpenSSL's short names or dotted numbers; values are UTF-8 with
 * backslash escapes or "#" and hexadecimal DER. SP_EINVAL with `problem`,
 * SP_ENOMEM. Free with X509_NAME_free(). */
int name_parse(const char *text, size_t length, X509_NAME **name,
               char problem[NAME_PROBLEM]) SP_MUST_USE;

/* "SUBJECT | ISSUER". A bar within a name is written \7C. */
int name_parse_pair(const char *text, X509_NAME **subject, X509_NAME **issuer,
                    char problem[NAME_PROBLEM]) SP_MUST_USE;

#endif
