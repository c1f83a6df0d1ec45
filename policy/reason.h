/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something was refused or ended: one table of code, HTTP status,
 * retryable, text. Codes are stable: they are in ledgers and in clients'
 * error handling. Statuses follow how the official clients retry: a permanent
 * refusal is 403 with x-should-retry: false, 429 and 503 clear soon.
 */
#ifndef SP_POLICY_REASON_H
#define SP_POLICY_REASON_H

#include <stdbool.h>
#include <stddef.h>

enum reason {
    REASON_NONE, /* allowed */
    /* who */
    REASON_IDENTITY_UNMAPPED,      /* 401 valid chain, nobody we know */
    REASON_CERTIFICATE_EXPIRED,    /* 403 since the handshake */
    REASON_CERTIFICATE_REVOKED,    /* 403 itself or one above it; a cut */
    REASON_REVOCATION_UNAVAILABLE, /* 503 nobody says that it is not revoked */
    REASON_PERSON_SUSPENDED,       /* 403 or the whole party is */
    REASON_ACCESS_REVOKED, /* 403 of the person or the party, for ever */
    REASON_SOURCE_DENIED,  /* 403 not from one of the party's networks */
    REASON_HOURS_DENIED,   /* 403 outside of the party's hours; a cut */
    /* what and when */
    REASON_MODEL_NOT_FOUND,    /* 404 unknown and ungranted look the same */
    REASON_WINDOW_NOT_OPEN,    /* 403 */
    REASON_WINDOW_EXPIRED,     /* 403 ended by time, also the 30 days */
    REASON_WINDOW_CLOSED,      /* 403 ended by order or by a new policy */
    REASON_MODEL_RELEASED,     /* 403 its windows have ended, for everybody */
    REASON_NDA_REQUIRED,       /* 403 a document is to be accepted first */
    REASON_ROUTE_DENIED,       /* 403 the terms do not name this use */
    REASON_ROUTE_UNKNOWN,      /* 404 no such route */
    REASON_METHOD_NOT_ALLOWED, /* 405 */
    REASON_DOCUMENT_NOT_FOUND, /* 404 none of this party's */
    /* the request itself */
    REASON_BAD_REQUEST,        /* 400 HTTP that two parsers could read apart */
    REASON_HEAD_TOO_LARGE,     /* 431 */
    REASON_EXPECTATION_FAILED, /* 417 */
    REASON_BODY_TOO_LARGE,     /* 413 */
    REASON_BODY_TIMEOUT,       /* 408 is retried by SDKs: use 400 */
    REASON_CONTENT_TYPE,       /* 415 */
    REASON_ENCODING_UNSUPPORTED, /* 415 */
    REASON_INVALID_JSON,         /* 400 */
    REASON_DUPLICATE_KEY,        /* 400 */
    REASON_TOO_DEEP,             /* 400 */
    REASON_INVALID_FIELD, /* 400 model, stream or a ceiling of wrong type */
    REASON_NDA_INVALID,   /* 400 an acceptance that proves nothing */
    /* what for, and with what */
    REASON_PURPOSE_REQUIRED,  /* 403 no purpose or case, or not one allowed */
    REASON_VERSION_DENIED,    /* 403 anthropic-version */
    REASON_BETA_DENIED,       /* 403 anthropic-beta */
    REASON_UNKNOWN_FIELD,     /* 400 nobody has thought about it yet */
    REASON_PARAMETER_DENIED,  /* 403 */
    REASON_TOOL_DENIED,       /* 403 */
    REASON_MEDIA_DENIED,      /* 403 a file inline */
    REASON_REMOTE_URL_DENIED, /* 403 */
    /* how much */
    REASON_RATE_LIMITED,        /* 429 */
    REASON_ADDRESSES_LIMITED,   /* 429 */
    REASON_CONCURRENCY_LIMITED, /* 429 */
    REASON_BUDGET_RESERVED,     /* 429 what is left is set aside for others */
    REASON_EGRESS_CEILING,      /* 403 an answer is too large (cut) */
    REASON_BUDGET_EXHAUSTED,    /* 403, not 429: it does not clear */
    REASON_TIME_LIMIT, /* 403 one request's seconds are used up (cut) */
    /* us */
    REASON_AUDIT_UNAVAILABLE, /* 503 */
    REASON_CLOCK_UNSAFE,      /* 503 */
    REASON_DRAINING,          /* 503 */
    REASON_OVERLOADED,        /* 503 out of memory or connections */
    REASON_UPSTREAM_ERROR,    /* 502 */
    REASON_UPSTREAM_TIMEOUT,  /* 504 */
    REASON_COUNT
};

struct reason_info {
    const char *code;        /* "window_expired" */
    int status;              /* 400–599 */
    bool retry;              /* x-should-retry; if true a Retry-After is sent */
    int retry_after;         /* seconds, ≤ 60; 0 if not retryable */
    const char *openai_type; /* "permission_error", "invalid_request_error" … */
    const char *anthropic_type; /* "permission_error", "not_found_error" … */
    const char *text;           /* one English sentence for the client */
};

/* Never NULL; an out-of-range value gives the entry of AUDIT_UNAVAILABLE. */
const struct reason_info *reason_info(enum reason reason);
/* REASON_COUNT if there is none of that code. */
enum reason reason_from_code(const char *code, size_t length);

/* How an admitted request ended (P11). */
enum cause {
    CAUSE_DONE,        /* "done" */
    CAUSE_CLIENT_LEFT, /* "client_left" */
    CAUSE_UPSTREAM,    /* "upstream_failed" */
    CAUSE_EXPIRED,     /* "cut_expiry" */
    CAUSE_ORDERED,     /* "cut_order" */
    CAUSE_BUDGET,      /* "cut_budget" */
    CAUSE_REVOKED,     /* "cut_revoked": its certificate was */
    CAUSE_UNSEALED,    /* "not_sealed": its transcript could not be kept */
    CAUSE_LOST,        /* "lost": in a crash, written at recovery */
    CAUSE_COUNT
};

const char *cause_code(enum cause cause);
enum cause cause_from_code(const char *code,
                           size_t length); /* CAUSE_COUNT: none */

#endif
