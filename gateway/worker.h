/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a worker share. One process, one thread, one event loop;
 * everything here belongs to it.
 */
#ifndef SP_GATEWAY_WORKER_H
#define SP_GATEWAY_WORKER_H

#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "gateway/headers.h"
#include "gateway/rules.h"
#include "lib/json.h"

/* One read takes at most so much; larger than a TLS record. */
#define WORKER_SCRATCH 65536
/* The plaintext of one TLS record. */
#define WORKER_RECORD 16384
/* A prime: windows end on the hour, and hours are to differ in it. */
#define WORKER_SUNSETS 13

struct channel;
struct connections;
struct deadlines;
struct exchange;
struct admissions;
struct listener;
struct log_reads;
struct peers;
struct seals;
struct upstreams;

enum worker_state {
    WORKER_SERVING,
    WORKER_RETIRING, /* others accept; who is here is served, and each answer
                        is the last of its connection */
    WORKER_DRAINING, /* nobody new; what is open may end */
    WORKER_ENDING    /* leaves the loop after this turn */
};

/* libevent keeps timers of a few common lengths in queues, so that arming one
 * costs the same whatever their number. */
enum worker_timer {
    TIMER_HANDSHAKE,
    TIMER_HEAD,
    TIMER_BODY,
    TIMER_KEEPALIVE,
    TIMER_WRITE,
    TIMER_CUT,
    TIMER_LINGER,
    TIMER_DIAL,
    TIMER_FIRST_BYTE,
    TIMER_ANSWER_IDLE,
    TIMER_UPSTREAM_IDLE,
    TIMER_COUNT
};

struct worker {
    uint32_t index;
    enum worker_state state;
    struct event_base *base;
    struct role_start *start;
    struct rules *rules;    /* the newest; older ones hang on them */
    struct rules *prepared; /* not yet in force, or NULL */
    uint64_t in_force;      /* the number of the keeper's */
    struct channel *supervisor;
    struct admissions *admissions;
    struct deadlines *deadlines;
    struct upstreams *upstreams;
    struct listener *listeners[SETTINGS_LISTENERS_MAX];
    struct connections *connections;
    struct seals *seals;
    struct log_reads *log_reads;
    struct peers *peers;
    struct event *stop_timer;

    const struct timeval *timers[TIMER_COUNT];
    struct timeval plain[TIMER_COUNT]; /* of those that have no queue */
    uint8_t *scratch;                  /* WORKER_SCRATCH: what was read last */
    uint8_t *record;                   /* WORKER_RECORD: what is written next */

    struct exchange *exchanges; /* all that are under way */
    struct exchange *graveyard; /* ended in this turn of the loop */
    struct exchange *spare;     /* to be used again */
    size_t nspare;
    struct json *spare_json[16];
    size_t nspare_json;

    int64_t refusals_second;   /* of boot time */
    unsigned refusals;         /* in it */
    int64_t odd_answer_second; /* when last was said that a model is another */

    uint8_t random[1024];
    size_t random_left;
    int64_t date_second;
    char date[HEADERS_DATE_SIZE];
    struct { /* ends of windows, by their seconds */
        int64_t second;
        char text[HEADERS_DATE_SIZE];
    } sunsets[WORKER_SUNSETS];
};

/* Random bytes without a system call each time. */
void worker_random(struct worker *w, uint8_t *out, size_t length);
/* Takes over what was prepared, if it is what the keeper goes by. */
void worker_rules(struct worker *w);
/* For the `date` field; good until the next call. */
const char *worker_date(struct worker *w);
/* The same of a time in ms UTC, > 0, for `sunset`; good until the next call. */
const char *worker_sunset(struct worker *w, int64_t t);

#endif
