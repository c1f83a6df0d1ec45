/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs out of certificates and policies. What a resolver would take for an
 * address although it does not look like one ("0x7f.1", "2130706433") is
 * refused, so that an allow-list of names and addresses means what it says.
 */
#include "lib/http_url.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Letters, digits and hyphens, none of these at an end. */
static bool label_good(const char *label, size_t length)
{
    if (length == 0 || length > LABEL_MAX || label[0] == '-' ||
        label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(label[i]) && !is_letter(label[i]) && label[i] != '-')
            return false;
    }
    return true;
}

/* A name whose last label is a number is an address to some resolver: "0x7f",
 * "017", "2130706433". */
static bool ends_in_number(const char *label)
{
    if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
        return true;
    return strspn(label, "0123456789") == strlen(label);
}

static int host_read(const char *text, size_t length, char *host)
{
    const char *label = host;
    struct in_addr address;

    if (length == 0 || length > HTTP_HOST_MAX)
        return length == 0 ? SP_EINVAL : SP_ETOOBIG;
    for (size_t i = 0; i < length; i++)
        host[i] =
            (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    host[length] = '\0';
    if (strlen(host) != length)
        return SP_EINVAL;
    for (;;) {
        size_t n = strcspn(label, ".");

        if (!label_good(label, n))
            return SP_EINVAL;
        if (label[n] == '\0')
            break;
        label += n + 1;
    }
    if (ends_in_number(label) && inet_pton(AF_INET, host, &address) != 1)
        return SP_EINVAL;
    return 0;
}

/* 1 … 65535, as nobody could write it otherwise. */
static int port_read(const char *text, size_t length, uint16_t *port)
{
    uint32_t value = 0;

    if (length == 0 || length > 5 || text[0] == '0')
        return SP_EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i]))
            return SP_EINVAL;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    if (value > 65535)
        return SP_EINVAL;
    *port = (uint16_t)value;
    return 0;
}

/* RFC 3986 section 3.3 and 3.4, with its percent triplets. */
static int path_read(const char *text, size_t length, char *path)
{
    static const char others[] = "-._~!$&'()*+,;=:@/?";

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '%') {
            if (length - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))
                return SP_EINVAL;
        } else if (!is_digit(c) && !is_letter(c) &&
                   (c == '\0' || strchr(others, c) == NULL)) {
            return SP_EINVAL;
        }
        path[i] = c;
    }
    path[length] = '\0';
    if (length == 0)
        memcpy(path, "/", 2);
    return 0;
}

int http_url_parse(const char *text, size_t length, struct http_url *out)
{
    static const char scheme[] = "http://";
    const size_t skip = sizeof scheme - 1;
    const char *slash, *colon;
    size_t authority, host;
    int r;

    memset(out, 0, sizeof *out);
    if (length > HTTP_URL_MAX)
        return SP_ETOOBIG;
    if (length <= skip || strncasecmp(text, scheme, skip) != 0)
        return SP_EINVAL;
    text += skip;
    length -= skip;
    slash = memchr(text, '/', length);
    authority = slash == NULL ? length : (size_t)(slash - text);
    colon = memchr(text, ':', authority);
    host = colon == NULL ? authority : (size_t)(colon - text);
    out->port = 80;
    if ((r = host_read(text, host, out->host)) != 0)
        return r;
    if (colon != NULL &&
        (r = port_read(colon + 1, authority - host - 1, &out->port)) != 0)
        return r;
    return path_read(text + authority, length - authority, out->path);
}
