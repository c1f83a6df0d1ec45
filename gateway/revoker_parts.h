/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revoker's own state, shared by its files: revoker.c (start, set, who
 * talks to it), revoker_lists.c (where lists come from and when), and
 * revoker_ask.c (what responders are asked).
 */
#ifndef SP_GATEWAY_REVOKER_PARTS_H
#define SP_GATEWAY_REVOKER_PARTS_H

#include <event2/event.h>
#include <openssl/x509.h>
#include <sys/queue.h>

#include "certs/revocations.h"
#include "gateway/revocation_messages.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "lib/channel.h"

/* Lists that are fetched for one party: more are not those of one PKI. */
#define REVOKER_SOURCES_MAX 64
/* Certificates of one party that responders are asked about at the same time
 * (a responder that hangs must not keep others' from being asked); how many
 * with those that wait for their turn; and who waits for one of them: a worker
 * asks once for all of its connections. */
#define REVOKER_QUESTIONS_MAX 32
#define REVOKER_QUEUE_MAX     1024
#define REVOKER_WAITERS_MAX   LIMIT_WORKERS
/* After a responder gave no answer, for one certificate. */
#define REVOKER_AGAIN_MS 1000
/* Answers that are remembered; a newer one may take an older one's place. */
#define REVOKER_CACHE   8192
#define REVOKER_TICK_MS 250

struct revoker;

/* A worker that asks. */
struct asker {
    struct revoker *revoker;
    struct channel *channel; /* NULL: none */
    uint64_t number;         /* grows with each channel */
};

/* A list that is fetched again and again. */
struct list_source {
    LIST_ENTRY(list_source) link;
    uint32_t party;
    bool named; /* by the policy; others may lose their place */
    char url[REVOCATION_URL_MAX + 1];
    int64_t next;      /* boot ms: when it is fetched */
    unsigned failures; /* one behind the other */
    bool baseless;   /* the newest: perhaps a delta that came before its base */
    uint64_t ticket; /* of what is under way, 0: nothing */
    int64_t asked;   /* boot ms */
};

/* Where a list of the set came from. */
struct list_origin {
    uint8_t sha256[32];
    enum crl_source source;
};

struct question;

/* A remembered answer. */
struct remembered {
    uint8_t hash[32]; /* of the certificate and its issuer's */
    uint32_t party;
    enum revocation status; /* UNCHECKED: nothing is here; UNKNOWN: no answer */
    int64_t until;          /* GOOD: ms UTC */
    int64_t failed;         /* boot ms: the last time without one; 0: none */
};

struct revoker {
    struct role_start *start;
    struct snapshot snapshot;
    const struct policy *policy;
    struct event_base *base;
    struct event *tick;
    struct channel *supervisor, *dialer; /* NULL: none */
    STACK_OF(X509) * *pools; /* by party: its authorities; NULL: no rule */
    struct asker askers[LIMIT_WORKERS];

    uint8_t *memory; /* of the set; malloc'd */
    struct revocations set;
    uint64_t number; /* of the newest set that was told; 0: none was */
    struct list_origin *origins;
    size_t norigins;

    LIST_HEAD(, list_source) sources;
    TAILQ_HEAD(questions, question) questions; /* the oldest first */
    uint32_t *nquestions;                      /* by party */
    uint32_t *nsent;                           /* … that the dialer has */
    uint64_t tickets;                          /* given so far */
    struct remembered cache[REVOKER_CACHE];
};

static inline const struct policy_revocation *
revoker_rule(const struct revoker *r, uint32_t party)
{
    return &r->policy->parties[party].revocation;
}

/* revoker.c: lists out of `bytes` become part of the set, and everybody hears
 * of it. *next: when the first of them is over (ms UTC, 0: not known). The
 * error of the first that could not be used, if none could: crl_parse(),
 * crl_verify(), revocations_build(). */
int revoker_take(struct revoker *r, uint32_t party, const uint8_t *bytes,
                 size_t length, enum crl_source source, const char *name,
                 int64_t *next) SP_MUST_USE;
/* Whether an address that a certificate names may be asked for its party; then
 * `url` is it in the one form in which it is asked (http://host:port/path). */
bool revoker_may_ask(const struct revoker *r, uint32_t party, const char *named,
                     char url[REVOCATION_URL_MAX + 1]);
/* To the dialer. SP_ECLOSED: there is none. */
int revoker_fetch(struct revoker *r, const struct ask_fetch *ask) SP_MUST_USE;

/* revoker_lists.c */
/* Everything that the policy names. SP_ENOMEM. */
int lists_init(struct revoker *r) SP_MUST_USE;
/* The lists that a certificate names, if they may be fetched. */
void lists_learn(struct revoker *r, uint32_t party, X509 *cert);
/* True: it was for a list. */
bool lists_answered(struct revoker *r, const struct answer_fetch *v,
                    const uint8_t *bytes);
void lists_tick(struct revoker *r);
/* What was under way went with the dialer. */
void lists_dialer_gone(struct revoker *r);

/* revoker_metrics.c: a message for the supervisor. False: there is none. */
bool revoker_ages(const struct revoker *r, uint8_t *data, size_t capacity,
                  size_t *length);

/* revoker_ask.c */
void question_ask(struct asker *a, const struct ask_revocation *ask);
bool question_answered(struct revoker *r, const struct answer_fetch *v,
                       const uint8_t *bytes);
/* Ends what is over its time. */
void questions_tick(struct revoker *r);
/* Nobody will answer what was asked there. */
void questions_dialer_gone(struct revoker *r);

#endif
