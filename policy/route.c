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
    {ROUTE_UNKNOWN, "unknown", METHOD_OTHER, "", OPENAI, NULL, false, false},
    {ROUTE_CHAT_COMPLETIONS, "chat.completions", METHOD_POST,
     "/v1/chat/completions", OPENAI, "openai.chat", false, false},
    {ROUTE_COMPLETIONS, "completions", METHOD_POST, "/v1/completions", OPENAI,
     "openai.completions", false, false},
    {ROUTE_RESPONSES, "responses", METHOD_POST, "/v1/responses", OPENAI,
     "openai.responses", false, false},
    {ROUTE_MESSAGES, "messages", METHOD_POST, "/v1/messages", ANTHROPIC,
     "anthropic.messages", false, false},
    {ROUTE_MESSAGES_COUNT_TOKENS, "messages.count_tokens", METHOD_POST,
     "/v1/messages/count_tokens", ANTHROPIC, "anthropic.messages", false,
     false},
    {ROUTE_MODELS, "models", METHOD_GET, "/v1/models", OPENAI, NULL, true,
     false},
    {ROUTE_MODEL, "model", METHOD_GET, "/v1/models/", OPENAI, NULL, true,
     false},
    {ROUTE_STATUS, "sallyport.status", METHOD_GET, "/sallyport/v1/status",
     OPENAI, NULL, true, true},
    {ROUTE_NDA, "sallyport.nda", METHOD_GET, "/sallyport/v1/nda", OPENAI, NULL,
     true, true},
    {ROUTE_NDA_DOCUMENT, "sallyport.nda.document", METHOD_GET,
     "/sallyport/v1/nda/", OPENAI, NULL, true, true},
    {ROUTE_NDA_ACCEPT, "sallyport.nda.accept", METHOD_POST, "/sallyport/v1/nda",
     OPENAI, NULL, true, true},
    {ROUTE_FINDINGS, "sallyport.findings", METHOD_POST,
     "/sallyport/v1/findings", OPENAI, NULL, true, true},
    {ROUTE_RECEIPT, "sallyport.receipt", METHOD_GET, "/sallyport/v1/receipts/",
     OPENAI, NULL, true, true},
    {ROUTE_LOG_CHECKPOINT, "sallyport.log.checkpoint", METHOD_GET,
     "/sallyport/v1/log/checkpoint", OPENAI, NULL, true, true},
    {ROUTE_LOG_COSIGNED, "sallyport.log.cosigned", METHOD_GET,
     "/sallyport/v1/log/checkpoint.cosigned", OPENAI, NULL, true, true},
    {ROUTE_LOG_ENTRIES, "sallyport.log.entries", METHOD_GET,
     "/sallyport/v1/log/entries/", OPENAI, NULL, true, true},
    /* before the tiles, whose paths begin so too */
    {ROUTE_LOG_BUNDLE, "sallyport.log.bundle", METHOD_GET,
     "/sallyport/v1/log/tile/entries/", OPENAI, NULL, true, true},
    {ROUTE_LOG_TILE, "sallyport.log.tile", METHOD_GET,
     "/sallyport/v1/log/tile/", OPENAI, NULL, true, true},
};

const struct route_info *route_info(enum route route)
{
    return &routes[(unsigned)route < ROUTE_COUNT ? route : ROUTE_UNKNOWN];
}

bool route_is_log(enum route route)
{
    return route == ROUTE_LOG_CHECKPOINT || route == ROUTE_LOG_COSIGNED ||
           route == ROUTE_LOG_ENTRIES || route == ROUTE_LOG_BUNDLE ||
           route == ROUTE_LOG_TILE;
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

/* The id of a model: its own alphabet, and %3A, for SDKs escape the colon.
 * Only tiles have folders (`slash`). */
static bool target_take_id(const char *text, size_t length, bool slash,
                           char id[129])
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
                     (c >= '0' && c <= '9') || strchr(marks, c) != NULL ||
                     (c == '/' && slash))) {
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
    if (target_take_id(path + n, length - n, route_is_log(r->route), t->id))
        return true;
    t->id[0] = 0;
    return false;
}

static bool method_fits(enum method method, enum method has)
{
    return method == has || (method == METHOD_HEAD && has == METHOD_GET);
}

const char *route_methods(enum route route)
{
    const char *path = route_info(route)->path;
    bool get = route_info(route)->route == ROUTE_UNKNOWN, post = get;

    for (int i = ROUTE_UNKNOWN + 1; i < ROUTE_COUNT; i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        get = get || routes[i].method == METHOD_GET;
        post = post || routes[i].method == METHOD_POST;
    }
    return !post ? "GET, HEAD" : get ? "GET, HEAD, POST" : "POST";
}

/* No query means anything but the one that Anthropic's SDKs add. */
static bool query_fits(const struct route_info *r, const char *query,
                       size_t length)
{
    static const char beta[] = "?beta=true";

    return query == NULL ||
           (r->dialect == DIALECT_ANTHROPIC && length == sizeof beta - 1 &&
            memcmp(query, beta, length) == 0);
}

/* Several routes may have one path: the first of them speaks for all when the
 * method fits none. */
static enum target_fault path_match(enum method method, const char *text,
                                    size_t path, struct target *t)
{
    enum target_fault fault = TARGET_UNKNOWN;

    for (int i = 0; i < ROUTE_COUNT; i++) {
        const struct route_info *r = &routes[i];

        if (!path_matches(r, text, path, t))
            continue;
        if (fault == TARGET_UNKNOWN || method_fits(method, r->method)) {
            t->route = r->route;
            t->dialect = r->dialect;
        }
        if (method_fits(method, r->method))
            return TARGET_FINE;
        fault = TARGET_METHOD;
    }
    return fault;
}

enum dialect target_dialect(const char *text, size_t length)
{
    return starts_with(text, length, "/v1/messages") ? DIALECT_ANTHROPIC
                                                     : DIALECT_OPENAI;
}

enum target_fault target_match(enum method method, const char *text,
                               size_t length, struct target *t)
{
    const char *query = memchr(text, '?', length);
    size_t path = query == NULL ? length : (size_t)(query - text);
    enum target_fault fault;

    *t = (struct target){.route = ROUTE_UNKNOWN,
                         .dialect = target_dialect(text, length)};
    if (target_is_malformed(text, length))
        return TARGET_MALFORMED;
    fault = path_match(method, text, path, t);
    if (fault == TARGET_UNKNOWN ||
        query_fits(route_info(t->route), query, length - path))
        return fault;
    *t = (struct target){.route = ROUTE_UNKNOWN, .dialect = t->dialect};
    return TARGET_UNKNOWN;
}
