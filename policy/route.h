/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API routes there are: one table of method, path, dialect, name in a
 * policy's `uses`, whether there is a body, and the names of the fields that
 * hold the token ceiling. Matching is exact on the origin-form target
 * (docs/policy.md): what is not in the table is unknown.
 */
#ifndef SP_POLICY_ROUTE_H
#define SP_POLICY_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

enum dialect { DIALECT_OPENAI, DIALECT_ANTHROPIC };

enum route {
    ROUTE_UNKNOWN,
    ROUTE_CHAT_COMPLETIONS,      /* POST /v1/chat/completions   chat.completions */
    ROUTE_COMPLETIONS,           /* POST /v1/completions        completions */
    ROUTE_RESPONSES,             /* POST /v1/responses          responses */
    ROUTE_MESSAGES,              /* POST /v1/messages           messages */
    ROUTE_MESSAGES_COUNT_TOKENS, /* POST /v1/messages/count_tokens */
    ROUTE_MODELS,                /* GET  /v1/models             models */
    ROUTE_MODEL,                 /* GET  /v1/models/{id}        with models */
    ROUTE_STATUS,                /* GET  /sallyport/v1/status */
    ROUTE_NDA,                   /* GET  /sallyport/v1/nda */
    ROUTE_NDA_DOCUMENT,          /* GET  /sallyport/v1/nda/{name} */
    ROUTE_NDA_ACCEPT,            /* POST /sallyport/v1/nda */
    ROUTE_FINDINGS,              /* POST /sallyport/v1/findings */
    ROUTE_RECEIPT,               /* GET  /sallyport/v1/receipts/{entry} */
    ROUTE_LOG_CHECKPOINT,        /* GET  /sallyport/v1/log/checkpoint */
    ROUTE_LOG_COSIGNED,          /* GET  /sallyport/v1/log/checkpoint.cosigned */
    ROUTE_LOG_ENTRIES,           /* GET  /sallyport/v1/log/entries/{…} */
    ROUTE_LOG_BUNDLE,            /* GET  /sallyport/v1/log/tile/entries/{…} */
    ROUTE_LOG_TILE,              /* GET  /sallyport/v1/log/tile/{…} */
    ROUTE_COUNT
};

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OTHER };

struct route_info {
    enum route route;
    const char *name;     /* in `uses` and in entries: "chat.completions"; in
                             `uses`, "models" means ROUTE_MODEL too */
    enum method method;
    const char *path;     /* exact; a trailing "/" means one more segment (id);
                             of tiles, several */
    enum dialect dialect;
    const char *api;      /* in a model's `apis`: "openai.chat"; NULL: any */
    bool local;           /* the gateway answers it itself from the policy */
    bool own;             /* …and it is about the person: no window is needed */
};

const struct route_info *route_info(enum route route); /* never NULL */
/* The auditors' window: the ledger's public files. */
bool route_is_log(enum route route);
/* The methods of all routes with this one's path, as `allow` writes them. */
const char *route_methods(enum route route); /* a constant */
/* ROUTE_UNKNOWN if there is none of that name (or it is "unknown"). */
enum route route_from_name(const char *name, size_t length);

/* How a target looks before it is matched. */
enum target_fault { TARGET_FINE, TARGET_UNKNOWN, TARGET_METHOD, TARGET_MALFORMED };

struct target {
    enum route route;
    enum dialect dialect;  /* also for unknown routes: by path prefix */
    char id[129];          /* of a path with one: the last segment, else "" */
};

/* The dialect in which a target is refused that leads nowhere: by its prefix. */
enum dialect target_dialect(const char *text, size_t length);

/* Matches a request target as it came (origin-form, at most
 * LIMIT_TARGET_BYTES). Refuses %2f, "..", "//", ";", control bytes, "#", and
 * absolute-form as TARGET_MALFORMED ("\\", %5c and %00 too); query strings other than `?beta=true` on
 * messages routes as TARGET_UNKNOWN. HEAD matches where GET does. On
 * TARGET_METHOD the route is set: the first with this path. In an id, %3A is a colon. */
enum target_fault target_match(enum method method, const char *text, size_t length,
                               struct target *t);

#endif
