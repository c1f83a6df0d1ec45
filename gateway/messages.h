/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message between role processes (docs/messages.md). Each has a visible
 * pair: x_put encodes, x_get decodes and checks every bound. Over the link
 * (worker ↔ keeper) a message fits RING_RECORD_MAX; over channels (all other
 * pairs) CHANNEL_MESSAGE_MAX.
 */
#ifndef SP_GATEWAY_MESSAGES_H
#define SP_GATEWAY_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "policy/decide.h"

enum message_type {
    /* worker → keeper, over the link */
    MESSAGE_ASK_ADMIT = 1,
    MESSAGE_SETTLE,            /* the end of an admitted request */
    MESSAGE_CONNECTION_REFUSED,
    /* keeper → worker, over the link */
    MESSAGE_ANSWER_ADMIT,
    MESSAGE_CUT,               /* end requests of a window now */
    /* supervisor → any role, over the channel */
    MESSAGE_SETUP,             /* once, first */
    MESSAGE_LINK,              /* + 3 fds: a new link (worker or keeper) */
    MESSAGE_LINK_GONE,         /* the other end of a link died */
    MESSAGE_DIALER,            /* + 1 fd: worker's or dialer's end of a channel */
    MESSAGE_STOP,              /* drain until a deadline, then end */
    /* any role → supervisor */
    MESSAGE_READY,
    MESSAGE_FAILED,            /* why it cannot start; then it exits */
    /* worker → dialer */
    MESSAGE_ASK_DIAL,
    /* dialer → worker */
    MESSAGE_ANSWER_DIAL        /* + 1 fd if it worked */
};

/* ticket: the worker's number for the request; comes back in the answer. */
struct ask_admit {
    uint64_t ticket;
    uint32_t policy;           /* serial the indices are of */
    struct facts facts;
};

struct answer_admit {
    uint64_t ticket;
    uint64_t n;                /* the entry; the answer waits until it is durable */
    enum reason reason;        /* REASON_NONE: admitted */
    uint32_t window, terms, model; /* VERDICT_NONE if not reached */
    int64_t deadline;          /* CLOCK_BOOTTIME ms; INT64_MAX if refused */
    int64_t deadline_wall;     /* the same in ms UTC, for headers */
    enum reason deadline_reason;
    int32_t retry_after;       /* seconds, 0: none */
};

struct settle {
    uint64_t n;                /* the admitted entry */
    enum cause cause;
    uint16_t status;
    uint64_t asked_bytes, answered_bytes;
    bool has_commitments;
    uint8_t asked[32], answered[32];
};

struct connection_refused {
    char address[46];
    char reason[32];
    uint32_t count;
};

struct cut {
    uint32_t window;           /* VERDICT_NONE: all requests */
    enum reason reason;
};

/* How every role starts. Which fields matter depends on the role; descriptors
 * come with the message in the order that setup_fds says. */
struct setup {
    uint32_t index;            /* worker number */
    uint32_t workers;
    uint64_t generation;       /* how often this role was started */
    uint32_t landlock_debug;   /* 1: sandbox names refused calls and ends */
    int64_t sent_boot_ms;
};
/* Descriptors that go with MESSAGE_SETUP, by role (all that is needed is
 * passed; no role but supervisor opens a file by name):
 *   worker:  files (sealed fileset: see below), listening socket, dialer channel
 *   keeper:  files, ledger folder
 *   dialer:  files
 *   control: files, listening control socket
 * The fileset's names: "sallyport.yaml", "policy.yaml", each file the policy
 * names, "@authority", and for the worker "@server.crt", "@server.key",
 * "@credential/<name>"; for the keeper "@ledger.key". Each role gets only what
 * is its own (P12). */

struct link_message {
    uint32_t worker;
    uint64_t generation;
};

struct ask_dial {
    uint64_t ticket;
    uint32_t policy;           /* serial */
    uint32_t model, endpoint;
};

struct answer_dial {
    uint64_t ticket;
    int32_t error;             /* 0: one descriptor comes with it; SP_ETIMEDOUT … */
};

struct stop {
    int64_t deadline;          /* CLOCK_BOOTTIME ms */
};

/* Encoders return 0 or SP_ETOOBIG; decoders 0 or SP_EPROTO. */
#define MESSAGE_PAIR(name, type)                                               \
    int name##_put(const struct type *v, void *memory, size_t capacity,        \
                   size_t *length) SP_MUST_USE;                                \
    int name##_get(struct type *v, const void *data, size_t length) SP_MUST_USE

MESSAGE_PAIR(ask_admit, ask_admit);
MESSAGE_PAIR(answer_admit, answer_admit);
MESSAGE_PAIR(settle, settle);
MESSAGE_PAIR(connection_refused, connection_refused);
MESSAGE_PAIR(cut, cut);
MESSAGE_PAIR(setup, setup);
MESSAGE_PAIR(ask_dial, ask_dial);
MESSAGE_PAIR(answer_dial, answer_dial);
MESSAGE_PAIR(stop, stop);
/* LINK and LINK_GONE have the same fields; READY none; FAILED a text. */
int link_message_put(uint16_t type, const struct link_message *v, void *memory,
                     size_t capacity, size_t *length) SP_MUST_USE;
int link_message_get(struct link_message *v, const void *data, size_t length) SP_MUST_USE;

/* The type of an encoded message, 0 if there is none. */
uint16_t message_type(const void *data, size_t length);

#endif
