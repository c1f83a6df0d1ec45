/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sallyport connect` refuses itself, in the words of the API that the
 * client speaks: one table of reasons, beside the gateway's own.
 */
#ifndef SP_CTL_CONNECT_ERROR_H
#define SP_CTL_CONNECT_ERROR_H

#include <event2/buffer.h>

#include "policy/dialect.h"

enum connect_reason {
    CONNECT_HOST_DENIED,      /* 403 a name that is not ours: DNS rebinding */
    CONNECT_BROWSER_DENIED,   /* 403 a web page */
    CONNECT_USER_DENIED,      /* 403 another user of this machine */
    CONNECT_TOKEN_REQUIRED,   /* 401 */
    CONNECT_GATE_UNREACHABLE, /* 503 */
    CONNECT_GATE_UNTRUSTED,   /* 403 it does not prove that it is the gateway */
    CONNECT_CERTIFICATE_REFUSED, /* 403 ours, by the gateway */
    CONNECT_KEY_UNAVAILABLE,     /* 403 it cannot sign: the card */
    CONNECT_GATE_LOST,           /* 502 closed before or in its answer */
    CONNECT_GATE_SILENT,         /* 504 */
    CONNECT_RECEIPTS_UNWRITABLE, /* 503 */
    CONNECT_BUSY,                /* 503 */
    CONNECT_STOPPING,            /* 503 */
    CONNECT_REASONS
};

/* A constant; never NULL. */
const struct reason_info *connect_reason(enum connect_reason reason);

#define CONNECT_TEXT 704

/* `text` with what must not stand in a JSON string replaced. */
void connect_text_clean(char *text);

/* A whole answer. `text`: instead of the reason's own, clean, or NULL. `closes`
 * says that the connection ends behind it; `no_body` is for HEAD. */
void connect_error_write(struct evbuffer *out, enum dialect dialect,
                         const struct reason_info *info, const char *text,
                         bool closes, bool no_body);
/* The event that ends a stream early. */
void connect_error_event(struct evbuffer *out, enum dialect dialect,
                         enum route route, const struct reason_info *info,
                         const char *text);

#endif
