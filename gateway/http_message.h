/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's head as a codec read it and an answer's head as a codec is to
 * write it: what is common to every version of HTTP. Nothing behind a codec
 * knows which one it was.
 */
#ifndef SP_GATEWAY_HTTP_MESSAGE_H
#define SP_GATEWAY_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/facts.h"
#include "policy/reason.h"
#include "policy/route.h"

/* A year, a month, a day: the only form of `anthropic-version` there is. */
#define ANTHROPIC_VERSION_LENGTH 10

struct request_head {
    enum reason fault; /* what is wrong with it; else NONE */
    const char *why;   /* the rule it broke, constant text for the log */
    bool framed;       /* false: nobody can say where the request ends */
    enum method method;
    struct target target;
    enum dialect dialect; /* of errors and lists */
    bool has_anthropic;   /* there is an `anthropic-version` */
    char anthropic_version[ANTHROPIC_VERSION_LENGTH + 1]; /* "": not a date */
    char betas[FACTS_BETAS + 1];   /* of anthropic-beta, commas between */
    char purpose[FACTS_LABEL + 1]; /* x-sallyport-purpose, "" if none */
    char case_id[FACTS_LABEL + 1]; /* x-sallyport-case */
    bool has_body;
    int64_t content_length; /* -1: not told in advance */
    bool http10;
    bool keep_alive;
    bool expects_continue;
};

enum answer_type {
    ANSWER_JSON,
    ANSWER_EVENTS,
    ANSWER_TEXT,
    ANSWER_OCTETS,
    ANSWER_LINES
};
enum answer_retry { RETRY_UNSAID, RETRY_NEVER, RETRY_LATER };

#define REQUEST_ID_LENGTH 32
#define SALT_BYTES        16

/* A limit and what is left of it; limit -1 or 0: there is none to tell. */
struct answer_rate {
    int64_t limit, remaining;
    uint32_t reset_ms;
};

struct answer_head {
    uint16_t status;
    enum answer_type type;
    int64_t length; /* -1: not known in advance */
    enum answer_retry retry;
    int retry_after;        /* seconds, 0: unsaid */
    const char *allow;      /* of a 405, else NULL */
    const char *request_id; /* REQUEST_ID_LENGTH hexadecimal digits */
    bool has_receipt;       /* `n` is the request's entry */
    uint64_t n;
    const uint8_t *salt; /* SALT_BYTES of an admitted request, else NULL */
    int64_t closes;      /* ms UTC when the window closes; 0: none */
    int64_t closes_boot; /* the same as CLOCK_BOOTTIME, ms */
    uint32_t policy;     /* serial */
    const char *build;   /* the model's, or NULL */
    const char *marking; /* of the terms, or NULL */
    bool lasting;        /* never changes: may be kept */
    size_t padding; /* TLS records become multiples of it; 0: as they are */
    enum dialect dialect;                /* the form of the two below */
    struct answer_rate requests, tokens; /* of the person's minute */
};

#endif
