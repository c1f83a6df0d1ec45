/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, from the head to the settled end: the one thing
 * that codecs drive and that nothing else needs to know HTTP for.
 *
 * Who calls whom: a codec feeds head and body in; the keeper's answer comes
 * through exchange_decided(); the model's through exchange_upstream_*(); time
 * and orders through exchange_cut(). What goes out goes through the codec.
 * An exchange that has ended stays readable until the loop has turned.
 */
#ifndef SP_GATEWAY_EXCHANGE_H
#define SP_GATEWAY_EXCHANGE_H

#include "certs/identity.h"
#include "gateway/codec.h"
#include "gateway/commitment.h"
#include "gateway/http1_client.h"
#include "gateway/messages.h"
#include "gateway/sse.h"
#include "gateway/worker.h"
#include "lib/buf.h"
#include "policy/answer.h"

enum exchange_state {
    EXCHANGE_READING,   /* the head is here, the body comes */
    EXCHANGE_CHECKING,  /* a responder is asked about the certificate */
    EXCHANGE_ASKING,    /* the keeper decides */
    EXCHANGE_RENEWING,  /* … by rules, or a keeper, not here yet */
    EXCHANGE_CALLING,   /* admitted; the model has not answered */
    EXCHANGE_HOLDING,   /* there is an answer; its entry becomes durable (P1) */
    EXCHANGE_ANSWERING, /* bytes go to the client */
    EXCHANGE_ENDED
};

/* What an exchange waits for at the model's side (gateway/upstream.c). */
struct upstream_call {
    struct upstream_connection *connection;
    struct dial *dial;
    unsigned attempts; /* endpoints that were tried */
    bool retried;      /* once, when a kept connection turned out dead */
    bool paused;       /* the client reads more slowly than the model writes */
};

/* What the model's answer is replaced by, if it is. */
struct substitute {
    uint16_t status; /* 0: the reason's own */
    const char *text;
    int retry_after;
    bool never_retry;
};

struct log_read;
struct own_view;
struct peer;
struct sealed;

/* Which of the ledger's public files, or whose proof: `index` is an entry's. */
struct log_target {
    int8_t level;
    unsigned width;
    uint64_t index;
};

struct exchange {
    struct worker *worker;
    struct rules *rules; /* that its indices are of */
    enum exchange_state state;
    struct exchange *next, *previous; /* in worker->exchanges or a free list */
    const struct codec *codec;        /* NULL: the client is gone */
    void *stream;
    struct peer *peer;           /* who is at the other end; NULL: a test's */
    struct exchange *check_next; /* in peer->waiting */

    /* what is asked */
    struct facts facts;
    char request_id[REQUEST_ID_LENGTH + 1];
    const char *why; /* the rule that was broken, for the log */
    char param[128]; /* where, as a JSON pointer; "" if nobody can say */
    struct buf body;
    size_t charged; /* bytes counted in worker->shares */
    struct json *json;
    bool usage_asked; /* for a stream's usage */
    bool reached;     /* something of the request was sent to the model */
    bool client_done; /* it sent FIN: gone, unless it only half closed */

    /* what was decided */
    uint64_t ticket;
    bool has_entry, admitted;
    uint64_t n;
    uint64_t durable; /* the newest entry that the answer waits for; ≥ n */
    uint64_t link;    /* which keeper's life it belongs to */
    uint32_t window, terms, model;
    int64_t deadline, deadline_wall;
    int64_t closes;                   /* ms UTC when the window ends; 0: none */
    uint64_t tokens_left, bytes_left; /* what it may use; then it is cut */
    enum reason bytes_reason;
    struct rate_told rate_requests, rate_tokens;
    enum reason deadline_reason;
    size_t heap; /* place in the deadlines, 0: none */
    struct exchange *wait_next, *wait_previous; /* for durability */
    bool waiting;

    /* what was said, for the ledger */
    uint8_t salt[SALT_BYTES];
    uint8_t asked[COMMITMENT_BYTES];
    struct commitment answered;
    struct sealed *sealed; /* gateway/sealed.c; NULL: nothing is */
    uint64_t answered_bytes;
    enum cause cause; /* CAUSE_COUNT until something ended it early */

    /* the gateway's own routes (gateway/own.c) */
    char own_id[LIMIT_NAME_BYTES + 1]; /* the document that is asked for */
    bool committed;                    /* `asked` is computed already */
    uint8_t sealed_sha256[32];         /* of a finding */
    uint64_t made;                     /* what the keeper wrote for it */
    struct own_view *view;             /* what it told */
    struct {                           /* gateway/log_reads.c */
        struct log_target target;
        struct log_read *read; /* NULL: nothing is waited for */
    } log;

    /* the model's side */
    struct upstream_call call;
    struct buf forward; /* room for a head, and the body, until the answer
                           begins; of our own routes, what the keeper gets */
    size_t forward_sent;
    struct substitute substitute;

    /* the answer */
    struct answer_head answer;
    struct gather *gather; /* gateway/gather.c; NULL: none was needed */
    bool gathering;        /* events wait to go out together */
    bool own;              /* ours, not the model's */
    bool complete;         /* nothing comes behind what is held */
    bool bodyless;         /* to a HEAD */
    bool head_sent;
    bool streaming; /* the model answers with events */
    /* boot ns: it was let in, the head of the model's answer came, the answer
     * began to wait for the disk; 0: not yet */
    uint64_t admitted_at, heard_at, ready_at;
    struct answer reader; /* of what the model says; no rule: it said nothing */
    struct buf held;      /* not yet taken by the codec: whole events, or all */
    struct sse out;       /* what the client got */
};

/* What the codec is to do after the head. */
enum exchange_want {
    EXCHANGE_WANTS_BODY,
    EXCHANGE_WANTS_CONTINUE, /* …and the client waits for a 100 */
    EXCHANGE_WANTS_NOTHING   /* it answers; the body, if any, is of no use */
};

/* NULL: out of memory. `id` and `address` are copied. */
struct exchange *exchange_new(struct worker *w, const struct codec *codec,
                              void *stream, const struct identity *id,
                              const char *address);
enum exchange_want exchange_head(struct exchange *x,
                                 const struct request_head *head);
/* Not 0: refused, nothing more is wanted; the codec calls exchange_asked(). */
int exchange_body(struct exchange *x, const uint8_t *data, size_t length);
/* The request is here as far as it will come. `fault`: why not wholly. */
void exchange_asked(struct exchange *x, enum reason fault, const char *why);
/* The codec can take bytes again. */
void exchange_writable(struct exchange *x);
/* The client can no longer be reached; the codec must not be called again. */
void exchange_left(struct exchange *x);
/* The client's TCP sent FIN: whoever waits for a model has gone. */
void exchange_client_done(struct exchange *x);

/* From gateway/peer.c: what the certificate is worth is known now. */
void exchange_checked(struct exchange *x);

/* To gateway/connection_rules.c: it was admitted by rules that were the newest
 * when it was asked; by newer ones it may have to end. */
void exchange_look_again(struct exchange *x);

/* From gateway/connection_rules.c: there are newer rules, and it was not
 * decided yet. */
void exchange_renew(struct exchange *x);

/* From gateway/admission.c. It waited for a link. SP_EAGAIN: it still does. */
int exchange_ask_again(struct exchange *x) SP_MUST_USE;
void exchange_decided(struct exchange *x, const struct answer_admit *a);
void exchange_durable(struct exchange *x);
/* The keeper is gone: no answer can be recorded (P9). */
void exchange_orphaned(struct exchange *x);

/* From gateway/sealed.c: its transcript has what was asked; or it cannot be
 * kept, and what cannot be kept is not said (P9). */
void exchange_sealed(struct exchange *x);
void exchange_unsealed(struct exchange *x);

/* From gateway/log_reads.c: an answer is in x->held, or `error`. */
void exchange_log_read(struct exchange *x, int error);

/* From gateway/deadlines.c: nothing more may reach the client (P2). */
void exchange_cut(struct exchange *x, enum reason reason);

/* From gateway/upstream.c. The head: not 0: this answer is not wanted, the
 * connection must be closed and exchange_upstream_failed() called. After
 * feeding what one read brought: exchange_upstream_pump(). */
int exchange_upstream_head(struct exchange *x,
                           const struct upstream_head *head);
int exchange_upstream_body(struct exchange *x, const uint8_t *data,
                           size_t length);
void exchange_upstream_pump(struct exchange *x, bool complete);
void exchange_upstream_failed(struct exchange *x, enum reason reason);

/* After each turn of the loop. */
void exchanges_bury(struct worker *w);
/* At the end of the process. */
void exchanges_free(struct worker *w);

#endif
