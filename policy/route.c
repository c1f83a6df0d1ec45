/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes and the exact matching of request targets. Runs in
 * workers on strangers' bytes: what does not match to the letter is unknown.
 */
#include "policy/route.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define OPENAI    DIALECT_OPENAI
#define ANTHROPIC DIALECT_ANTHROPIC

static const struct route_info routes[ROUTE_COUNT] = {
    {ROUTE_UNKNOWN, "unknown", METHOD_OTHER, "", OPENAI, NULL, false},
    {ROUTE_CHAT_COMPLETIONS, "chat.completions", METHOD_POST,
     "/v1/chat/completions", OPENAI, "openai.chat", false},
    {ROUTE_COMPLETIONS, "completions", METHOD_POST, "/v1/completions", OPENAI,
     "openai.completions", false},
    {ROUTE_RESPONSES, "responses", METHOD_POST, "/v1/responses", OPENAI,
     "openai.responses", false},
    {ROUTE_MESSAGES, "messages", METHOD_POST, "/v1/messages", ANTHROPIC,
     "anthropic.messages", false},
    {ROUTE_MESSAGES_COUNT_TOKENS, "messages.count_tokens", METHOD_POST,
     "/v1/messages/count_tokens", ANTHROPIC, "anthropic.messages", false},
    {ROUTE_MODELS, "models", METHOD_GET, "/v1/models", OPENAI, NULL, true},
    {ROUTE_MODEL, "model", METHOD_GET, "/v1/models/", OPENAI, NULL, true},
};

const struct route_info *route_info(enum route route)
{
    return &routes[(unsigned)route < ROUTE_COUNT ? route : ROUTE_UNKNOWN];
}

enum route route_from_name(const char *name, size_t length)
{
    for (int i = 0; i < ROUTE_COUNT; i++)
        if (strlen(routes[i].name) == length &&
            memcmp(routes[i].name, name, length) == 0)
            return (enum route)i;
    return ROUTE_UNKNOWN;
}

static bool starts_with(const char *text, size_t length, const char *prefix)
{
    size_t n = strlen(prefix);

    return length >= n && memcmp(text, prefix, n) == 0;
}

/* Spellings that a server behind us might read as another path. */
static bool target_is_malformed(const char *text, size_t length)
{
    if (length == 0 || text[0] != '/')
        return true; /* absolute-form, authority-form, asterisk-form */
    for (size_t i = 0; i < length; i++) {
        uint8_t c = (uint8_t)text[i], next = 0;

        if (i + 1 < length)
            next = (uint8_t)text[i + 1];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == ';' || c == '\\')
            return true;
        if ((c == '/' && next == '/') || (c == '.' && next == '.'))
            return true;
        if (c == '%' && i + 2 < length &&
            (strncasecmp(text + i + 1, "2f", 2) == 0 ||
             strncasecmp(text + i + 1, "5c", 2) == 0 ||
             strncasecmp(text + i + 1, "00", 2) == 0))
            return true;
    }
    return false;
}

/* The id of a model: its own alphabet, and %3A, for SDKs escape the colon. */
static bool target_take_id(const char *text, size_t length, char id[129])
{
    static const char marks[] = "._:-";
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (n == 128)
            return false;
        if (c == '%' && i + 2 < length &&
            strncasecmp(text + i, "%3a", 3) == 0) {
            c = ':';
            i += 2;
        } else if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || strchr(marks, c) != NULL)) {
            return false;
        }
        id[n++] = c;
    }
    id[n] = 0;
    return n > 0;
}

static bool path_matches(const struct route_info *r, const char *path,
                         size_t length, struct target *t)
{
    size_t n = strlen(r->path);

    if (r->route == ROUTE_UNKNOWN || length < n ||
        memcmp(path, r->path, n) != 0)
        return false;
    if (r->path[n - 1] != '/')
        return length == n;
    if (target_take_id(path + n, length - n, t->id))
        return true;
    t->id[0] = 0;
    return false;
}

enum target_fault target_match(enum method method, const char *text,
                               size_t length, struct target *t)
{
    const char *query = memchr(text, '?', length);
    size_t path = query == NULL ? length : (size_t)(query - text);

    *t = (struct target){.route = ROUTE_UNKNOWN, .dialect = DIALECT_OPENAI};
    if (starts_with(text, length, "/v1/messages"))
        t->dialect = DIALECT_ANTHROPIC;
    if (target_is_malformed(text, length))
        return TARGET_MALFORMED;
    for (int i = 0; i < ROUTE_COUNT; i++) {
        const struct route_info *r = &routes[i];

        if (!path_matches(r, text, path, t))
            continue;
        if (query != NULL &&
            (r->dialect != DIALECT_ANTHROPIC ||
             length - path != strlen("?beta=true") ||
             memcmp(query, "?beta=true", length - path) != 0)) {
            t->id[0] = 0;
            return TARGET_UNKNOWN;
        }
        t->route = r->route;
        t->dialect = r->dialect;
        if (method == r->method ||
            (method == METHOD_HEAD && r->method == METHOD_GET))
            return TARGET_FINE;
        return TARGET_METHOD;
    }
    return TARGET_UNKNOWN;
}
