/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message between role processes (docs/messages.md). Each has a visible
 * pair: x_put encodes, x_get decodes and checks every bound. Over the link
 * (worker ↔ keeper) a message fits RING_RECORD_MAX; over channels (all other
 * pairs) CHANNEL_MESSAGE_MAX. The control socket has its own messages
 * (gateway/control_messages.h).
 */
#ifndef SP_GATEWAY_MESSAGES_H
#define SP_GATEWAY_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/control_messages.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "policy/decide.h"

enum message_type {
    /* worker → keeper, over the link */
    MESSAGE_ASK_ADMIT = 1,
    MESSAGE_SETTLE, /* the end of an admitted request */
    MESSAGE_CONNECTION_REFUSED,
    /* keeper → worker, over the link */
    MESSAGE_ANSWER_ADMIT,
    MESSAGE_CUT, /* end some requests now */
    /* supervisor → any role, over the channel */
    MESSAGE_SETUP,     /* once, first */
    MESSAGE_LINK,      /* + 3 fds: a new link (worker or keeper) */
    MESSAGE_LINK_GONE, /* to a worker: the keeper at the other end died */
    MESSAGE_DIALER,    /* + 1 fd: worker's or dialer's end of a channel */
    MESSAGE_STOP,      /* drain until a deadline, then end */
    /* any role → supervisor */
    MESSAGE_READY,
    MESSAGE_FAILED, /* why it cannot start; then it exits */
    /* worker → dialer */
    MESSAGE_ASK_DIAL,
    /* dialer → worker */
    MESSAGE_ANSWER_DIAL, /* + 1 fd if it worked */
    /* supervisor → keeper */
    MESSAGE_WORKER_DIED, /* its link is gone; says how it died */
    /* keeper → supervisor */
    MESSAGE_WORKER_BROKEN, /* it broke the protocol: end it */
    MESSAGE_LEDGER, /* how far the ledger is; also supervisor → control */
    /* supervisor → control */
    MESSAGE_ROLES, /* the table of processes, whenever it changes */
    /* worker → keeper, over the link: our own routes (own_messages.h) */
    MESSAGE_OWN_PART,       /* of a content, before its question */
    MESSAGE_OWN_ACCEPTANCE, /* such a content; never a record of its own */
    /* keeper → worker, over the link: what a status tells, before its answer */
    MESSAGE_OWN_WINDOW,
    MESSAGE_OWN_DOCUMENT,
    /* control → supervisor → keeper, and back */
    MESSAGE_ORDER,
    MESSAGE_ANSWER_ORDER,
    /* keeper → supervisor: a request that it admitted wants a file */
    MESSAGE_ASK_TRANSCRIPT,
    /* supervisor → worker, + 1 fd if there is one */
    MESSAGE_TRANSCRIPT,
    /* worker → supervisor: a public file of the ledger */
    MESSAGE_ASK_LOG_FILE,
    /* supervisor → worker, + 1 fd if there is one */
    MESSAGE_LOG_FILE,
    /* supervisor → keeper and dialer: + 1 fd, an end of a channel between them
     * (witness_messages.h) */
    MESSAGE_WITNESSES,
    MESSAGE_ASK_WITNESS,    /* keeper → dialer */
    MESSAGE_ANSWER_WITNESS, /* dialer → keeper */
    /* Revocation (revocation_messages.h). supervisor → revoker and dialer: + 1
     * fd, an end of a channel between them */
    MESSAGE_FETCHES,
    MESSAGE_ASK_FETCH,    /* revoker → dialer */
    MESSAGE_ANSWER_FETCH, /* dialer → revoker, + 1 fd if there is an answer */
    MESSAGE_REVOKER,      /* + 1 fd: worker's or revoker's end of a channel */
    MESSAGE_ASK_REVOCATION,    /* worker → revoker */
    MESSAGE_ANSWER_REVOCATION, /* revoker → worker */
    MESSAGE_CRL_FILE,          /* supervisor → revoker, + 1 fd: a list */
    MESSAGE_CRL_LOADED, /* revoker → supervisor → keeper: one of a set */
    /* revoker → supervisor (+ 1 fd) → keeper: all of it is told; supervisor →
     * worker (+ 1 fd): it takes effect */
    MESSAGE_REVOCATIONS,
    MESSAGE_REVOCATIONS_RECORDED, /* keeper → supervisor: on disk */
    MESSAGE_ANNOUNCE,             /* supervisor → revoker: tell it again */
    /* The own authority (authority_messages.h) */
    MESSAGE_INDEX,     /* supervisor → keeper, + 1 fd: what it issued */
    MESSAGE_REVOKE,    /* keeper → supervisor → authority */
    MESSAGE_PUBLISHED, /* authority → supervisor */
    MESSAGE_PUBLISH,   /* supervisor → publisher, + 1 fd: a list */
    /* worker → keeper, over the link */
    MESSAGE_CERTIFICATE_MATCHED,
    MESSAGE_CERTIFICATE_REVOKED,
    /* supervisor → worker, + 1 fd: a sealed fileset of files that are new */
    MESSAGE_RELOAD,
    /* supervisor → worker, + 1 fd: a listener's socket */
    MESSAGE_LISTEN,
    /* Other rules than at the start (rules_messages.h). supervisor → worker,
     * keeper, dialer: + 1 fd, the role's fileset */
    MESSAGE_RULES,
    MESSAGE_RULES_READY,    /* role → supervisor: it has them, or why not */
    MESSAGE_RULES_DROP,     /* supervisor → role: not these, after all */
    MESSAGE_RULES_IN_FORCE, /* keeper → worker, over the link */
    /* supervisor → worker: others accept from now on; it serves who is there,
     * and ends when nobody is */
    MESSAGE_RETIRE,
    /* Metrics (metrics_messages.h). supervisor → worker, keeper and control, +
     * 1 fd: a page of numbers */
    MESSAGE_METRICS_PAGE,
    MESSAGE_METRICS_SERVE, /* supervisor → control, + 1 fd: listens */
    /* supervisor → keeper and control, + 1 fd: an end of a channel between
     * them */
    MESSAGE_STANDINGS,
    MESSAGE_ASK_STANDINGS,    /* control → keeper */
    MESSAGE_ANSWER_STANDINGS, /* keeper → control */
    MESSAGE_LIST_AGES,        /* revoker → supervisor → control */
    /* supervisor → control: who is heard now (control_staff.h) */
    MESSAGE_STAFF,
    MESSAGE_NOTICE, /* keeper → supervisor: what a party is told (notice.h) */
    /* The planned change from one keeper to the next (docs/messages.md).
     * supervisor → keeper, + 1 fd: memory for what is open; keeper → worker,
     * over the link */
    MESSAGE_HANDOVER,
    MESSAGE_HANDOVER_ACK /* worker → keeper: its last record on this link */
};

/* ticket: the worker's number for the request; comes back in the answer. */
struct ask_admit {
    uint64_t ticket;
    uint32_t policy; /* serial the indices are of */
    struct facts facts;
};

/* What a client is told of a rate; limit -1: there is none. */
struct rate_told {
    int64_t limit, remaining;
    uint32_t reset_ms; /* until the minute has passed: at most 60 s */
};

/* Why an acceptance proves nothing; for the words of the refusal. */
enum own_problem {
    OWN_FINE,
    OWN_DOCUMENT,          /* none of this party's */
    OWN_VERSION,           /* another SHA-256 than the policy's */
    OWN_STATEMENT,         /* the text is another one */
    OWN_OTHER_CERTIFICATE, /* not the one the connection is made with */
    OWN_CERTIFICATE,       /* not vouched for as this person's */
    OWN_ALGORITHM,         /* unknown, or its key is of another kind */
    OWN_SIGNATURE,         /* not made by this key over this text */
    OWN_PROBLEMS
};

struct answer_admit {
    uint64_t ticket;
    uint64_t n; /* the entry; the answer waits until it is durable:
                   until link_published() > n */
    bool stale; /* it was asked by rules that are not in force: nothing was
                   decided, and nothing else of this is said */
    enum reason reason;            /* REASON_NONE: admitted */
    uint32_t window, terms, model; /* VERDICT_NONE if not reached */
    int64_t deadline;              /* CLOCK_BOOTTIME ms; INT64_MAX if refused */
    int64_t deadline_wall;         /* the same in ms UTC */
    int64_t closes; /* ms UTC when the window ends, for headers; 0: none */
    enum reason deadline_reason;
    int32_t retry_after; /* seconds 0–60, 0: none */
    uint32_t behind; /* entries made beside it, next after n: they, too, must
                        be durable; at most LIMIT_FINDING_PARTS */
    uint64_t made;   /* the nda.accepted or the first finding.filed; 0: none */
    enum own_problem problem; /* with nda_invalid */
    uint64_t models;          /* a list's: bit per model that may be seen now */
    uint16_t field;           /* the one that was refused, or FIELD_NONE */
    uint64_t tokens_left, bytes_left; /* UINT64_MAX: no limit */
    enum reason bytes_reason;
    struct rate_told requests, tokens; /* of the person's minute */
};

/* More than any model ever said; sums of it cannot overflow. */
#define SETTLE_TOKENS_MAX (UINT64_C(1) << 53)

struct settle {
    uint64_t n;       /* the admitted entry */
    enum cause cause; /* never CAUSE_LOST: that is the keeper's to say */
    uint16_t status;  /* 0 or 100–599 */
    uint64_t asked_bytes, answered_bytes, content_bytes;
    /* Each at most SETTLE_TOKENS_MAX. */
    uint64_t input_tokens, output_tokens, cached_tokens, reasoning_tokens;
    enum usage_source source;
    char finish[33]; /* [a-z_]*, "": not said */
    bool has_commitments;
    uint8_t asked[32], answered[32];
    bool has_transcript; /* only beside commitments */
    uint8_t transcript[32];
};

struct connection_refused {
    char address[46]; /* as facts.address */
    char reason[32];  /* [a-z_]+ */
    uint32_t count;   /* at least 1 */
};

/* Requests that are all of this, by indices of the policy; VERDICT_NONE: any.
 */
struct cut {
    uint32_t window, model, party, person;
    enum reason reason;
    bool has_certificate;
    uint8_t certificate[32]; /* SHA-256 of its DER; then its connections end,
                                too */
};
#define CUT_BYTES 64 /* encoded, at most */
#define CUT_ALL                                                                \
    .window = VERDICT_NONE, .model = VERDICT_NONE, .party = VERDICT_NONE,      \
    .person = VERDICT_NONE
/* Whether a request of these is among them. */
bool cut_takes(const struct cut *c, uint32_t window, uint32_t model,
               uint32_t party, uint32_t person, const uint8_t certificate[32]);

/* ticket: control's number for the order; comes back in the answer. */
struct order_message {
    uint64_t ticket;
    uint32_t uid; /* who is at the control socket's other end */
    struct order order;
};

struct order_answer_message {
    uint64_t ticket;
    struct order_answer answer;
};

/* How every role starts. Which fields matter depends on the role; descriptors
 * come with the message in the order that stands below. */
struct setup {
    uint32_t index; /* worker number */
    uint32_t workers;
    uint64_t generation;     /* how often this role was started, from 1 */
    uint64_t rules;          /* the number of those in its fileset */
    uint32_t handover;       /* 1: a keeper that takes over what is open */
    uint32_t landlock_debug; /* 1: sandbox names refused calls and ends */
    int64_t sent_boot_ms;
};
/* Descriptors that go with MESSAGE_SETUP, by role (all that is needed is
 * passed; no role but supervisor opens a file by name):
 *   worker:  files (sealed fileset: see below), dialer channel
 *   keeper:  files, ledger folder; with `handover` the memory that
 *            MESSAGE_HANDOVER had
 *   dialer:  files
 *   control: files, listening control socket
 * The fileset's names: "sallyport.yaml", "policy.yaml", each file the policy
 * names, "@authority" and "@authority.chain", and for the worker "@server.crt",
 * "@server.key",
 * "@server.ocsp", the same for other names as "@names/<i>.crt" …, for endpoints
 * "@client/<name>.crt" and ".key", "@credential/<name>"; for the keeper
 * "@ledger.key", "@approvers.txt" and signatures (policy/approval.h); for the
 * dialer "@witness/<name>", what a witness's TLS is verified against. Each role
 * gets only what is its own (P12).
 */

/* LINK, LINK_GONE, DIALER, REVOKER. `generation` is the number of the link or
 * channel: it grows with each one made in this run, so that word of an old one
 * cannot be taken for the new one's. `before`, of a LINK: the link to the
 * keeper that has handed over, which this one continues; 0: it begins anew. */
struct link_message {
    uint32_t worker;
    uint64_t generation, before;
};

struct worker_died {
    uint32_t worker;
    uint64_t generation; /* of the link that is gone with it */
    char status[32];     /* "signal=11" */
};

struct worker_broken {
    uint32_t worker;
    uint64_t generation; /* of the link it happened on */
    char what[128];      /* printable ASCII */
};

struct ask_transcript {
    uint32_t worker;
    uint64_t generation; /* of the link that the request came by */
    uint64_t n;          /* the entry that admitted it */
};

struct transcript_file {
    uint64_t generation; /* of the link: another keeper may give n again */
    uint64_t n;
    int32_t error; /* 0: one descriptor comes with it */
};

/* One of the ledger's public files, by numbers (ledger/tile.h). */
#define LOG_FILE_CHECKPOINT (-2)
#define LOG_FILE_COSIGNED   (-3) /* with its witnesses' cosignatures */
struct ask_log_file {
    uint64_t ticket;
    int32_t level; /* LOG_FILE_…, -1 a bundle, 0 … 63 a tile */
    uint64_t index;
    uint32_t width; /* 1 … 256 */
};

struct log_file {
    uint64_t ticket;
    int32_t error; /* 0: one descriptor comes with it */
};

/* The files have the names of MESSAGE_SETUP's; each takes the place of the one
 * that the worker has under that name. */
struct reload_message {
    uint64_t number; /* of the reload, from 1 */
};

struct failed {
    bool retry;        /* may go away by itself (a full disk): keep trying */
    char problem[512]; /* what is wrong and what to do */
};

struct ask_dial {
    uint64_t ticket;
    uint32_t policy; /* serial */
    uint32_t model, endpoint;
};

struct answer_dial {
    uint64_t ticket;
    int32_t error; /* 0: one descriptor comes with it; SP_ETIMEDOUT … */
};

/* The listener whose socket it is, in the settings' order. */
struct listen_message {
    uint32_t listener; /* below SETTINGS_LISTENERS_MAX */
};

struct stop {
    int64_t deadline; /* CLOCK_BOOTTIME ms */
    uint32_t held;    /* a worker's: a bit for each listener (1 << i) whose
                         sockets stay open elsewhere; who waits there is left */
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
MESSAGE_PAIR(listen_message, listen_message);
MESSAGE_PAIR(worker_died, worker_died);
MESSAGE_PAIR(worker_broken, worker_broken);
MESSAGE_PAIR(failed, failed);
MESSAGE_PAIR(ask_transcript, ask_transcript);
MESSAGE_PAIR(transcript_file, transcript_file);
MESSAGE_PAIR(ask_log_file, ask_log_file);
MESSAGE_PAIR(log_file, log_file);
MESSAGE_PAIR(reload_message, reload_message);
/* What the supervisor tells control, and control tells `sallyport status`. */
MESSAGE_PAIR(ledger_message, control_ledger);
MESSAGE_PAIR(roles_message, control_roles);
MESSAGE_PAIR(order_message, order_message);
MESSAGE_PAIR(order_answer_message, order_answer_message);

/* `type` is MESSAGE_LINK, MESSAGE_LINK_GONE, MESSAGE_DIALER or
 * MESSAGE_REVOKER. */
int link_message_put(uint16_t type, const struct link_message *v, void *memory,
                     size_t capacity, size_t *length) SP_MUST_USE;
int link_message_get(struct link_message *v, const void *data,
                     size_t length) SP_MUST_USE;

/* HANDOVER and HANDOVER_ACK have no fields. */
int handover_put(uint16_t type, void *memory, size_t capacity,
                 size_t *length) SP_MUST_USE;
int handover_get(const void *data, size_t length) SP_MUST_USE;

/* READY has no fields. */
int ready_put(void *memory, size_t capacity, size_t *length) SP_MUST_USE;
int ready_get(const void *data, size_t length) SP_MUST_USE;

/* RETIRE has none either. */
int retire_put(void *memory, size_t capacity, size_t *length) SP_MUST_USE;
int retire_get(const void *data, size_t length) SP_MUST_USE;

/* The type of an encoded message, 0 if there is none. */
uint16_t message_type(const void *data, size_t length);

#endif
