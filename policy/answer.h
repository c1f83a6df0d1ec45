/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's answer, read and rewritten on its way to the client: the names
 * that clients use, without what the terms remove, and with what it says about
 * itself (usage, why it ended, its id) and how much it says. Strict where two
 * readers could differ; what an endpoint says about its own errors is never
 * passed on. Facts about the APIs: docs/request.md, "What answers say".
 *
 * Pure: bytes in, bytes out. Values are kept as they were written; an event or
 * document in which nothing changes is passed byte by byte.
 */
#ifndef SP_POLICY_ANSWER_H
#define SP_POLICY_ANSWER_H

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/limits.h"
#include "policy/answer_events.h"
#include "policy/answer_usage.h"
#include "policy/route.h"

#define ANSWER_ID_BYTES     128
#define ANSWER_FINISH_BYTES 32

/* What is done to the answers of one model under one set of terms; made once,
 * and lives longer than every answer that it is used for. */
struct answer_rule {
    /* What clients call the model, at most LIMIT_MODEL_BYTES. Replaces the
     * value of `model` at the top, in `response` and in `message`, whatever
     * it was. */
    const char *model;
    /* What the endpoint calls it. Any other member `model` that has this value
     * is renamed, too, except in free-form content. */
    const char *upstream;
    /* Members that are removed at any depth the APIs define: not within tool
     * arguments and inputs, tool definitions, schemas, metadata. NULL at the
     * end; NULL itself: none. */
    const char *const *remove;
    /* Reasoning is not shown. Chat: `reasoning_content`, `reasoning` and
     * `reasoning_details` are removed, and chunks that had nothing else are
     * dropped. Responses: items of type reasoning keep neither `content` nor
     * `summary` nor `encrypted_content`; events about those are dropped.
     * Messages: `thinking`, `signature` and `data` of blocks become "", their
     * deltas are dropped. Items and blocks stay, for clients count them. */
    bool strip_reasoning;
};

/* How much was said, by where it was said; answer_content_bytes() takes the
 * largest, for each but the first repeats the first. */
enum answer_said {
    SAID_ONCE,     /* deltas; whole answers of all APIs */
    SAID_ITEMS,    /* responses: output_item.done events */
    SAID_RESPONSE, /* responses: the last event's response */
    SAID_NOTHING,  /* other repeats: not counted */
    SAID_COUNT
};

/* A change to a text: [start, end) becomes something else. */
struct answer_edit {
    uint32_t start, end;
    uint32_t length;  /* of what it becomes */
    const char *text; /* NULL with a length: the model's name, quoted */
};

/* One answer's reader. */
struct answer {
    const struct answer_rule *rule;
    enum route route;
    bool events;      /* a text/event-stream */
    bool hide_usage;  /* of a chat's stream */
    bool finished;    /* see answer_finished() */
    bool other_model; /* see answer_other_model() */
    int failed;       /* the error that ended it, or 0 */

    struct events framing;
    struct buf pending; /* an event of which not all is here; a document */
    struct buf joined;  /* data of several lines */
    struct json json;   /* of the event or document at hand */
    struct answer_edit *edits; /* to it, in its order, without overlaps */
    size_t nedits, edits_capacity;
    bool dropped;      /* nothing of the event at hand is passed on */
    char failure[160]; /* what a failed response says instead */

    uint64_t remove_filter; /* of names in rule->remove */
    uint32_t model_length;  /* of rule->model as JSON writes it */
    enum answer_said counter;
    uint64_t said[SAID_COUNT];
    struct usage_parts usage;
    char finish[ANSWER_FINISH_BYTES + 1];
    char id[ANSWER_ID_BYTES + 1];
};

/* `events`: the answer is a stream. `usage_asked`: the client itself asked for
 * stream_options.include_usage; if not, a chat's or completion's stream shows
 * no usage. SP_ETOOBIG: the model's name is too long. Even then
 * answer_release() may be called. */
int answer_init(struct answer *a, const struct answer_rule *rule,
                enum route route, bool events, bool usage_asked) SP_MUST_USE;
/* Also on one that is all zero. Wipes it. */
void answer_release(struct answer *a);

/* The next bytes, cut anywhere. Appends whole, rewritten events to `out`; of a
 * document nothing before answer_end(). After an error, which is returned
 * again each time, `out` has the whole events before the bad one.
 * SP_EPROTO: not valid: JSON or UTF-8, a name twice, an event above
 * LIMIT_EVENT_BYTES, a NUL, an event whose name is not its type.
 * SP_EPERM: the endpoint reported an error; what it said must not be shown.
 * SP_ETOOBIG: above LIMIT_ANSWER_BYTES, LIMIT_ANSWER_NODES or `out`'s limit.
 * SP_ENOMEM. */
int answer_feed(struct answer *a, const uint8_t *data, size_t length,
                struct buf *out) SP_MUST_USE;
/* The endpoint's answer is whole. What has no empty line behind it counts as an
 * event all the same, if it is one. Errors as above. */
int answer_end(struct answer *a, struct buf *out) SP_MUST_USE;

/* What was told last, together; -1: not told, or absurd (negative, no whole
 * number, above 2^53). A message's input has what was read from and written to
 * the cache in it. */
struct answer_usage answer_usage(const struct answer *a);
/* Bytes, unescaped, of what the model said: text, refusals, reasoning (in clear
 * or sealed: encrypted_content, signatures), arguments and inputs of tools (as
 * JSON, if they are objects), code, audio (as written). What is removed counts:
 * it was said. Nothing counts twice. */
uint64_t answer_content_bytes(const struct answer *a);
/* Tokens that the content may have had, for when no usage was told: a quarter
 * of its bytes, rounded up. */
int64_t answer_estimate(const struct answer *a);
/* `finish_reason`, `stop_reason` or the response's `status` as last told, if
 * it has nothing but [a-z_]; "": none. */
const char *answer_finish(const struct answer *a);
/* The answer's own id ("chatcmpl-…", "resp_…", "msg_…") if it has nothing but
 * [A-Za-z0-9_.:-]; "": none. */
const char *answer_id(const struct answer *a);
/* `model` had a value that is neither the model's nor its endpoint's name. */
bool answer_other_model(const struct answer *a);
/* The proper end was said: [DONE], response.completed, .incomplete or .failed,
 * message_stop; for a document: it was whole. */
bool answer_finished(const struct answer *a);

#endif
