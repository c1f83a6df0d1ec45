/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes over the control socket (SOCK_SEQPACKET, one packet one message,
 * encoded as lib/msg.h says): the command asks, the control role answers. The
 * only header of the gateway that the command includes. Both sides check
 * every bound: the daemon because a client may be anybody of its uid, the
 * command because the socket may be anybody's.
 */
#ifndef SP_GATEWAY_CONTROL_MESSAGES_H
#define SP_GATEWAY_CONTROL_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/control_windows.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/msg.h"

/* A control message with a full table of processes is under 8 KiB. */
#define CONTROL_MESSAGE_MAX 8192

enum control_type {
    CONTROL_ASK_STATUS = 1, /* no fields */
    CONTROL_ANSWER_STATUS,
    CONTROL_ASK_ORDER,
    CONTROL_ANSWER_ORDER,
    CONTROL_ASK_WINDOWS, /* control_windows.h, as the next one */
    CONTROL_ANSWER_WINDOWS
};

enum role_state {
    ROLE_STATE_DOWN,     /* not running: waits for its back-off */
    ROLE_STATE_STARTING, /* running, set-up not finished */
    ROLE_STATE_READY,
    ROLE_STATE_STOPPING,
    ROLE_STATE_COUNT
};

/* One process of the daemon. */
struct control_role {
    char name[16];       /* "worker" */
    uint32_t index;      /* of a worker, else 0 */
    int64_t pid;         /* 0: none */
    uint64_t generation; /* how often it was started */
    enum role_state state;
};

#define CONTROL_ROLES_MAX (LIMIT_WORKERS + 7)

enum control_phase {
    CONTROL_STARTING, /* not everything was ready yet */
    CONTROL_SERVING,
    CONTROL_ENDING, /* it drains, and ends */
    CONTROL_PHASES
};

struct control_roles {
    int64_t started; /* the daemon; ms UTC */
    enum control_phase phase;
    uint64_t reloads;    /* so far, by SIGHUP or order */
    int64_t reload_at;   /* the last one; ms UTC, 0: none */
    bool reload_refused; /* it changed nothing */
    uint32_t count;
    struct control_role roles[CONTROL_ROLES_MAX];
};

struct control_ledger {
    bool known;         /* a keeper has told it at least once */
    uint64_t size;      /* entries decided */
    uint64_t durable;   /* of them on disk */
    uint64_t published; /* of them under a signed checkpoint */
    uint32_t policy;    /* serial in force */
    uint32_t open;      /* requests in progress */
    uint8_t clock;      /* enum clock_state */
    uint32_t landlock;  /* the kernel's ABI, 0: none (downgrade) */
    uint32_t witnesses; /* that are asked to cosign; 0: none */
    uint32_t quorum;    /* so many of them must */
    uint64_t cosigned;  /* entries under a checkpoint that they did */
    uint8_t alarm;      /* bits of enum witness_alarm */
    bool refusing;      /* everything, because of it */
};

enum witness_alarm {
    WITNESS_ALARM_MISSING = 1, /* too few cosignatures for too long */
    WITNESS_ALARM_FORK = 2     /* one has seen another history */
};

struct control_status {
    char version[32];
    char crypto[97]; /* "OpenSSL-3.0.19;default-3.0.19;fips=off" */
    struct control_ledger ledger;
    struct control_roles roles;
};

/* What an operator can order (docs/operators.md). None gives more access than
 * there was, but RESUME, which takes an approver too. */
enum order_verb {
    ORDER_SUSPEND,   /* PARTY or PARTY/PERSON */
    ORDER_RESUME,    /* the same; the only one that needs an approval */
    ORDER_REVOKE,    /* the same */
    ORDER_CLOSE,     /* a window's id, or PARTY/MODEL: the one that is open */
    ORDER_RELEASE,   /* MODEL */
    ORDER_STATEMENT, /* as RESUME: changes nothing, tells what is to be signed
                      */
    ORDER_REVEAL,    /* an entry's number; records, and changes nothing */
    ORDER_CERTIFICATES, /* "authority": its index has changed; what is new in it
                           becomes entries */
    ORDER_RELOAD,       /* "gateway": its files are read again, as at SIGHUP */
    ORDER_DRAIN,        /* "gateway": it ends, as at SIGTERM */
    ORDER_VERB_COUNT
};

/* The longest window's id and a NUL, with room. */
#define ORDER_TARGET_SIZE 256
#define ORDER_REASON_SIZE 201
/* A signature file in minisign's format with comments of a sensible size. */
#define ORDER_APPROVAL_SIZE 2048
#define ORDER_TEXT_SIZE     256
/* The problems of a few files, or what a reload took over. */
#define ORDER_REPORT_SIZE 6144
/* The target of what is about no party or model. */
#define ORDER_TARGET_GATEWAY "gateway"
/* DRAIN: how long what is open may go on. */
#define ORDER_DRAIN_MAX_MS  3600000
#define ORDER_DRAIN_DEFAULT UINT32_MAX /* as `timeouts.drain` has it */

struct order {
    enum order_verb verb;
    char target[ORDER_TARGET_SIZE];     /* 1… printable ASCII, no space */
    char reason[ORDER_REASON_SIZE];     /* printable ASCII; "": none */
    char approval[ORDER_APPROVAL_SIZE]; /* RESUME's, else "" */
    uint32_t within_ms; /* DRAIN's: at most ORDER_DRAIN_MAX_MS, or
                           ORDER_DRAIN_DEFAULT; else 0 */
};

struct order_answer {
    int32_t error; /* 0: it is on disk and was told to the workers */
    uint64_t n;    /* the entry; SP_EEXIST: of what was ordered before;
                      STATEMENT: of the suspension */
    uint32_t cut;  /* requests that were open and are ended by it; DRAIN: that
                      are open */
    char text[ORDER_TEXT_SIZE];     /* of an error: why, printable ASCII;
                                       STATEMENT: the ledger's origin; else "" */
    char report[ORDER_REPORT_SIZE]; /* RELOAD: lines of printable ASCII, what is
                                       wrong or what was taken over; else "" */
};

const char *order_verb_text(enum order_verb verb); /* "suspend" */

/* Encoders return 0 or SP_ETOOBIG; decoders 0 or SP_EPROTO. */
int ask_order_put(const struct order *v, void *memory, size_t capacity,
                  size_t *length) SP_MUST_USE;
int ask_order_get(struct order *v, const void *data, size_t length) SP_MUST_USE;
int answer_order_put(const struct order_answer *v, void *memory,
                     size_t capacity, size_t *length) SP_MUST_USE;
int answer_order_get(struct order_answer *v, const void *data,
                     size_t length) SP_MUST_USE;
_Static_assert(ORDER_REPORT_SIZE + ORDER_TEXT_SIZE + 64 <= CONTROL_MESSAGE_MAX,
               "an answer is one message");
int ask_status_put(void *memory, size_t capacity, size_t *length) SP_MUST_USE;
int ask_status_get(const void *data, size_t length) SP_MUST_USE;
int answer_status_put(const struct control_status *v, void *memory,
                      size_t capacity, size_t *length) SP_MUST_USE;
int answer_status_get(struct control_status *v, const void *data,
                      size_t length) SP_MUST_USE;

/* The parts, also used between supervisor, keeper and control. */
void control_roles_write(struct msg_out *m, const struct control_roles *v);
void control_roles_read(struct msg_in *m, struct control_roles *v);
void control_ledger_write(struct msg_out *m, const struct control_ledger *v);
void control_ledger_read(struct msg_in *m, struct control_ledger *v);
void order_write(struct msg_out *m, const struct order *v);
void order_read(struct msg_in *m, struct order *v);
void order_answer_write(struct msg_out *m, const struct order_answer *v);
void order_answer_read(struct msg_in *m, struct order_answer *v);

const char *role_state_text(enum role_state state);
const char *control_phase_text(enum control_phase phase); /* "serving" */

#endif
