/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where metrics and health are served: on this machine only. Whoever can
 * connect there can read them, so an address that others can reach is refused,
 * not warned of.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "policy/settings_build.h"

static bool port_is_good(const char *text)
{
    char *end;
    unsigned long port;

    if (*text < '0' || *text > '9')
        return false;
    port = strtoul(text, &end, 10);
    return *end == '\0' && port <= 65535;
}

/* "127.0.0.1:9464", anything in 127.0.0.0/8; "[::1]:9464". */
static bool is_loopback(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    size_t length = colon != NULL ? (size_t)(colon - listen) : 0;
    char host[sizeof "255.255.255.255"];
    uint8_t v4[4];

    if (length == 0 || !port_is_good(colon + 1))
        return false;
    if (strncmp(listen, "[::1]", 5) == 0)
        return length == 5;
    if (length >= sizeof host)
        return false;
    memcpy(host, listen, length);
    host[length] = '\0';
    return inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127;
}

void settings_metrics_build(struct settings_build *b, const struct node *root)
{
    const struct node *n = node_member(root, "metrics");
    const char *listen;

    b->s->metrics_listen = settings_take_text(b, n, "listen");
    listen = b->s->metrics_listen;
    if (listen == NULL || is_loopback(listen) ||
        (strncmp(listen, SETTINGS_UNIX, strlen(SETTINGS_UNIX)) == 0 &&
         listen[strlen(SETTINGS_UNIX)] != '\0'))
        return;
    document_error(b->d, b->report, node_member(n, "listen"),
                   "bad listen \"%s\": expected an address of this machine "
                   "alone, which nobody else can reach: 127.0.0.1:9464, "
                   "[::1]:9464 or unix:PATH",
                   listen);
}
