/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints of models. Plain HTTP is for this machine and private networks
 * only; nothing in a URL is left to a second parser to read another way.
 * Runs wherever a policy is read; the text is an approved policy's.
 */
#include "policy/endpoint.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 253

static const char expected_form[] =
    "https://HOST[:PORT][/PREFIX], http:// to loopback or a private address, "
    "or unix:/PATH";
static const char expected_host[] =
    "a host name, an IPv4 address or an IPv6 address in brackets";
static const char expected_port[] = "a port from 1 to 65535";
static const char expected_private[] =
    "https:// for a host that is not loopback or in a private network";
static const char expected_prefix[] =
    "a path prefix of letters, digits, '.', '_', '-' and single slashes";

static bool ipv4_is_private(const uint8_t a[4])
{
    return a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
           (a[0] == 192 && a[1] == 168);
}

static bool ipv6_is_private(const uint8_t a[16])
{
    static const uint8_t loopback[16] = {[15] = 1};

    return memcmp(a, loopback, 16) == 0 || (a[0] & 0xfe) == 0xfc;
}

static bool host_is_private(const char *host)
{
    uint8_t a[16];

    if (inet_pton(AF_INET, host, a) == 1)
        return ipv4_is_private(a);
    if (inet_pton(AF_INET6, host, a) == 1)
        return ipv6_is_private(a);
    return strcmp(host, "localhost") == 0;
}

/* A DNS name whose last label is not a number: a resolver would read "10.1"
 * or "0x7f000001" as an address. */
static bool host_is_name(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *label = host, *last = host;

    if (strlen(host) > HOST_MAX)
        return false;
    for (;;) {
        size_t n = strspn(label, letters);

        if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-')
            return false;
        last = label;
        if (label[n] == 0)
            break;
        if (label[n] != '.')
            return false;
        label += n + 1;
    }
    return last[0] < '0' || last[0] > '9';
}

static bool port_parse(const char *text, size_t length, uint16_t *port)
{
    unsigned long v = 0;

    if (length == 0 || length > 5 || text[0] == '0')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (unsigned long)(text[i] - '0');
    }
    *port = (uint16_t)v;
    return v <= UINT16_MAX;
}

static bool prefix_is_good(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

    return path[0] == 0 || (strspn(path, letters) == strlen(path) &&
                            !strstr(path, "//") && !strstr(path, "/."));
}

static int unix_parse(const char *path, struct policy_endpoint *e,
                      const char **expected)
{
    e->scheme = ENDPOINT_UNIX;
    /* sun_path has 108 bytes, one for the NUL. */
    if (path[0] != '/' || strlen(path) > 107) {
        *expected = "unix: with an absolute path of at most 107 bytes";
        return SP_EINVAL;
    }
    e->path = strdup(path);
    return e->path == NULL ? SP_ENOMEM : 0;
}

/* "HOST[:PORT]" of `length` bytes. */
static int authority_parse(const char *text, size_t length,
                           struct policy_endpoint *e, const char **expected)
{
    const char *colon, *end = text + length;
    uint8_t address[16];
    bool bracket = length > 0 && text[0] == '[';

    colon = bracket ? memchr(text, ']', length) : memchr(text, ':', length);
    *expected = expected_host;
    if (bracket && (colon == NULL || (colon + 1 < end && colon[1] != ':')))
        return SP_EINVAL;
    e->host = bracket ? strndup(text + 1, (size_t)(colon - text - 1))
                      : strndup(text, colon ? (size_t)(colon - text) : length);
    if (e->host == NULL)
        return SP_ENOMEM;
    if (bracket ? inet_pton(AF_INET6, e->host, address) != 1
                : inet_pton(AF_INET, e->host, address) != 1 &&
                      !host_is_name(e->host))
        return SP_EINVAL;
    if (bracket)
        colon = colon + 1 < end ? colon + 1 : NULL;
    if (colon != NULL &&
        !port_parse(colon + 1, (size_t)(end - colon - 1), &e->port)) {
        *expected = expected_port;
        return SP_EINVAL;
    }
    return 0;
}

int endpoint_parse(const char *url, struct policy_endpoint *e,
                   const char **expected)
{
    const char *rest, *slash;
    size_t length;
    int r;

    *expected = expected_form;
    if ((e->url = strdup(url)) == NULL)
        return SP_ENOMEM;
    if (strncmp(url, "unix:", 5) == 0)
        return unix_parse(url + 5, e, expected);
    if (strncmp(url, "https://", 8) == 0)
        e->scheme = ENDPOINT_HTTPS;
    else if (strncmp(url, "http://", 7) == 0)
        e->scheme = ENDPOINT_HTTP;
    else
        return SP_EINVAL;
    e->port = e->scheme == ENDPOINT_HTTPS ? 443 : 80;
    rest = url + (e->scheme == ENDPOINT_HTTPS ? 8 : 7);
    slash = strchr(rest, '/');
    length = slash == NULL ? strlen(rest) : (size_t)(slash - rest);
    if ((r = authority_parse(rest, length, e, expected)) != 0)
        return r;
    if (e->scheme == ENDPOINT_HTTP && !host_is_private(e->host)) {
        *expected = expected_private;
        return SP_EINVAL;
    }
    if ((e->path = strdup(slash == NULL ? "" : slash)) == NULL)
        return SP_ENOMEM;
    length = strlen(e->path);
    if (length > 0 && e->path[length - 1] == '/')
        e->path[length - 1] = 0;
    *expected = expected_prefix;
    return prefix_is_good(e->path) ? 0 : SP_EINVAL;
}

void endpoint_release(struct policy_endpoint *e)
{
    free(e->url);
    free(e->host);
    free(e->path);
    *e = (struct policy_endpoint){0};
}
