/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a request with everything around it played by the test: a codec
 * that writes down what it is told, a keeper at the other end of a real link,
 * a dialer at the other end of a real channel, a model on a socket pair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/admission.h"
#include "gateway/answer_rules.h"
#include "gateway/connection.h"
#include "gateway/deadlines.h"
#include "gateway/own.h"
#include "gateway/sealed.h"
#include "gateway/shares.h"
#include "gateway/upstream.h"
#include "gateway/upstream_endpoint.h"
#include "ledger/transcript.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/link.h"

static const char policy_yaml[] =
    "policy: 1\nserial: 7\nbasis: voluntary\n"
    "models:\n  orion:\n    upstream:\n"
    "      endpoints: [\"http://127.0.0.1:9\"]\n      model: hidden\n"
    "    apis: [openai.chat, openai.completions, anthropic.messages]\n"
    "documents: {nda: {file: nda, sha256: "
    "0000000000000000000000000000000000000000000000000000000000000000}}\n"
    "findings: {sealing_key: "
    "\"x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\", max: 10k}\n"
    "parties:\n  caisi:\n    kind: government\n    anchors: ca\n"
    "    sealing_key: x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
    "    people:\n"
    "      e: {san_uri: \"sallyport://d/caisi/e\"}\n"
    "terms:\n  t:\n    uses: [chat.completions, messages, models]\n"
    "    nda: nda\n"
    "  u:\n    uses: [completions]\n    transcripts: sealed\n"
    "windows:\n  - party: caisi\n    model: orion\n"
    "    opens: 2026-01-01T00:00:00Z\n    lasts: 30d\n    terms: [t, u]\n";

static const char anchors[] =
    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/* What the exchange said. */
struct listener_side {
    unsigned starts, hurried, finished;
    struct answer_head answer;
    enum codec_end end;
    char body[1 << 20];
    size_t length;
    bool blocked;
};

static struct listener_side client;

static void client_start(void *stream, const struct answer_head *answer)
{
    struct listener_side *c = stream;

    c->starts++;
    c->answer = *answer;
}

static ssize_t client_body(void *stream, const uint8_t *data, size_t length,
                           bool last)
{
    struct listener_side *c = stream;

    (void)last;
    assert_int_equal(c->finished, 0);
    if (c->blocked)
        return SP_EAGAIN;
    assert_true(c->length + length < sizeof(c->body));
    if (length > 0)
        memcpy(c->body + c->length, data, length);
    c->length += length;
    return (ssize_t)length;
}

static void client_hurry(void *stream)
{
    ((struct listener_side *)stream)->hurried++;
}

static void client_finish(void *stream, enum codec_end end)
{
    struct listener_side *c = stream;

    c->finished++;
    c->end = end;
}

static const struct codec fake = {client_start, client_body, client_hurry,
                                  client_finish};

/* ---- a worker with its neighbours ---- */

static char origin[] = "g/ledger";

struct world {
    struct worker w;
    struct settings settings;
    struct link *keeper;
    int dialer; /* the test's end */
    struct rules rules;
    int model; /* the model's end of the connection, -1: none */
    struct exchange *x;
    uint32_t terms; /* that the keeper finds it under */
};

static int file_any(void *arg, const char *name, const uint8_t **data,
                    size_t *length)
{
    (void)arg;
    *data = (const uint8_t *)anchors;
    *length = sizeof(anchors) - 1;
    if (strcmp(name, "nda") == 0)
        *data = NULL; /* as a role that does not have it */
    return 0;
}

static void world_keeper_behind(struct world *o, uint64_t generation,
                                uint64_t before)
{
    struct link_fds ends, mine;
    int theirs[3];

    assert_int_equal(link_create(&ends), 0);
    mine = (struct link_fds){dup(ends.memory), dup(ends.bell_asking),
                             dup(ends.bell_answering)};
    theirs[0] = ends.memory;
    theirs[1] = ends.bell_asking;
    theirs[2] = ends.bell_answering;
    link_free(o->keeper);
    assert_int_equal(link_open(&mine, LINK_ANSWERING, &o->keeper), 0);
    link_beat(o->keeper, clock_boot_ms());
    admissions_link(o->w.admissions, theirs, generation, before);
}

static void world_keeper(struct world *o, uint64_t generation)
{
    world_keeper_behind(o, generation, 0);
}

static struct world *world_new(void)
{
    const struct timeval long_time = {.tv_sec = 60};
    struct world *o = calloc(1, sizeof(*o));
    struct policy *policy = NULL;
    struct report report = {.out = stderr};
    char problem[256];
    int ends[2];

    assert_non_null(o);
    assert_int_equal(policy_parse("policy.yaml", policy_yaml,
                                  sizeof(policy_yaml) - 1, file_any, NULL,
                                  &report, &policy),
                     0);
    memset(&client, 0, sizeof(client));
    o->model = -1;
    o->rules = (struct rules){.worker = &o->w, .users = 1};
    o->rules.policy = o->rules.snapshot.policy = policy;
    o->rules.settings = &o->settings;
    o->w.rules = &o->rules;
    o->settings.origin = origin;
    o->w.base = event_base_new();
    assert_non_null(o->w.base);
    assert_int_equal(event_base_priority_init(o->w.base, 2), 0);
    for (unsigned i = 0; i < TIMER_COUNT; i++)
        o->w.timers[i] = event_base_init_common_timeout(o->w.base, &long_time);
    o->w.scratch = malloc(WORKER_SCRATCH);
    o->rules.body_limits = calloc(1, sizeof(int64_t));
    o->rules.body_limits[0] = 1000;
    o->rules.shares = shares_new(policy, clock_boot_ms());
    assert_non_null(o->rules.shares);
    o->rules.ends = calloc(policy->nwindows + 1, sizeof(*o->rules.ends));
    assert_non_null(o->rules.ends);
    for (size_t i = 0; i < policy->nwindows; i++)
        o->rules.ends[i].boot = INT64_MAX;
    assert_int_equal(answer_rules_set_up(&o->rules), 0);
    assert_int_equal(endpoints_new(&o->rules, problem, &o->rules.endpoints), 0);
    o->w.admissions = admissions_new(&o->w);
    o->w.deadlines = deadlines_new(&o->w);
    o->w.connections = connections_new(&o->w);
    assert_non_null(o->w.connections);
    o->w.seals = seals_new(&o->w);
    assert_non_null(o->w.seals);
    o->w.upstreams = upstreams_new(&o->w);
    assert_non_null(o->w.upstreams);
    assert_int_equal(channel_pair(ends), 0);
    upstreams_dialer(o->w.upstreams, ends[0]);
    o->dialer = ends[1];
    world_keeper(o, 1);
    return o;
}

static void turn(struct world *o)
{
    for (unsigned i = 0; i < 4; i++) {
        event_base_loop(o->w.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        admissions_awake(o->w.admissions);
        (void)admissions_turn(o->w.admissions);
    }
}

static void bury(struct world *o)
{
    exchanges_bury(&o->w);
    upstreams_bury(o->w.upstreams);
}

static void world_free(struct world *o)
{
    bury(o);
    assert_null(o->w.exchanges);
    assert_int_equal(shares_bodies(o->rules.shares), 0);
    upstreams_forget(o->w.upstreams, o->rules.endpoints);
    upstreams_free(o->w.upstreams);
    endpoints_free(o->rules.endpoints);
    free(o->rules.ends);
    exchanges_free(&o->w);
    connections_free(o->w.connections);
    seals_free(o->w.seals);
    admissions_free(o->w.admissions);
    deadlines_free(o->w.deadlines);
    link_free(o->keeper);
    close(o->dialer);
    if (o->model >= 0)
        close(o->model);
    event_base_free(o->w.base);
    answer_rules_release(&o->rules);
    policy_free(o->rules.snapshot.policy);
    free(o->w.scratch);
    free(o->rules.body_limits);
    shares_free(o->rules.shares);
    free(o);
    buf_pool_release();
}

/* ---- steps ---- */

static void ask(struct world *o, enum route route, const char *body)
{
    static const struct identity evaluator = {.not_after = INT64_MAX};
    struct request_head head = {
        .framed = true,
        .method = METHOD_POST,
        .target = {.route = route, .dialect = route_info(route)->dialect},
        .dialect = route_info(route)->dialect,
        .has_body = true,
        .content_length = (int64_t)strlen(body)};

    o->x = exchange_new(&o->w, &fake, &client, &evaluator, "192.0.2.1");
    assert_non_null(o->x);
    if (exchange_head(o->x, &head) != EXCHANGE_WANTS_BODY)
        return;
    assert_int_equal(exchange_body(o->x, (const uint8_t *)body, strlen(body)),
                     0);
    exchange_asked(o->x, REASON_NONE, NULL);
}

static struct ask_admit keeper_hears(struct world *o)
{
    uint8_t record[RING_RECORD_MAX];
    struct ask_admit v;
    size_t length;

    assert_int_equal(link_get(o->keeper, record, &length), 0);
    assert_int_equal(ask_admit_get(&v, record, length), 0);
    return v;
}

static void keeper_says(struct world *o, uint64_t n, enum reason reason,
                        int64_t ms)
{
    struct ask_admit asked = keeper_hears(o);
    struct answer_admit v = {.ticket = asked.ticket,
                             .n = n,
                             .reason = reason,
                             .terms = o->terms,
                             .deadline = clock_boot_ms() + ms,
                             .deadline_wall = clock_wall_ms() + ms,
                             .deadline_reason = REASON_WINDOW_EXPIRED};
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    if (reason != REASON_NONE)
        v.deadline = INT64_MAX;
    assert_int_equal(answer_admit_put(&v, record, sizeof(record), &length), 0);
    assert_int_equal(link_put(o->keeper, record, length), 0);
    turn(o);
}

/* The one SETTLE that there must be; none may follow it. */
static struct settle keeper_settles(struct world *o)
{
    uint8_t record[RING_RECORD_MAX];
    struct settle v;
    size_t length;

    assert_int_equal(link_get(o->keeper, record, &length), 0);
    assert_int_equal(settle_get(&v, record, length), 0);
    assert_int_equal(link_get(o->keeper, record, &length), SP_EAGAIN);
    return v;
}

static void keeper_hears_nothing(struct world *o)
{
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(link_get(o->keeper, record, &length), SP_EAGAIN);
}

static void dialer_dials(struct world *o, int error)
{
    struct answer_dial answer = {.error = error};
    uint8_t data[256];
    struct ask_dial v;
    size_t length, nfds = 0;
    int ends[2];

    assert_int_equal(channel_receive_wait(o->dialer, data, sizeof(data),
                                          &length, NULL, &nfds, 1000),
                     0);
    assert_int_equal(ask_dial_get(&v, data, length), 0);
    assert_int_equal(v.policy, 7);
    answer.ticket = v.ticket;
    assert_int_equal(answer_dial_put(&answer, data, sizeof(data), &length), 0);
    if (error != 0) {
        assert_int_equal(
            channel_send_wait(o->dialer, data, length, NULL, 0, 1000), 0);
        turn(o);
        return;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends),
                     0);
    assert_int_equal(
        channel_send_wait(o->dialer, data, length, &ends[0], 1, 1000), 0);
    close(ends[0]);
    o->model = ends[1];
    turn(o);
}

static void model_says(struct world *o, const char *text)
{
    assert_int_equal(write(o->model, text, strlen(text)), strlen(text));
    turn(o);
}

static bool model_let_go(struct world *o)
{
    char rest[4096];
    ssize_t n;

    bury(o);
    do
        n = read(o->model, rest, sizeof(rest));
    while (n > 0);
    return n == 0 || errno == ECONNRESET;
}

#define CHAT "{\"model\":\"orion\",\"stream\":true,\"messages\":[]}"
#define EVENTS                                                                 \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"                   \
    "transfer-encoding: chunked\r\n\r\n"
#define JSON                                                                   \
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"                    \
    "content-length: 2\r\n\r\n"

/* 15 bytes. */
#define FIRST "data: {\"a\":1}\n\n"

static struct world *admitted(int64_t ms)
{
    struct world *o = world_new();

    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    turn(o);
    keeper_says(o, 5, REASON_NONE, ms);
    dialer_dials(o, 0);
    return o;
}

static struct world *streaming(int64_t ms)
{
    struct world *o = admitted(ms);

    link_publish(o->keeper, 6);
    model_says(o, EVENTS "f\r\n" FIRST "\r\n");
    assert_int_equal(client.starts, 1);
    assert_string_equal(client.body, FIRST);
    return o;
}

/* ---- tests ---- */

static void P1_no_byte_leaves_before_its_entry_is_durable(void **state)
{
    struct world *o = admitted(60000);

    (void)state;
    model_says(o, JSON "{}");
    assert_int_equal(client.starts, 0);
    link_publish(o->keeper, 5); /* entries below 5: ours is not among them */
    turn(o);
    assert_int_equal(client.starts, 0);
    link_publish(o->keeper, 6);
    turn(o);
    assert_int_equal(client.starts, 1);
    assert_int_equal(client.answer.n, 5);
    assert_string_equal(client.body, "{}");
    assert_int_equal(client.end, CODEC_WHOLE);
    assert_int_equal(keeper_settles(o).cause, CAUSE_DONE);
    world_free(o);
}

/* What a worker puts into the ring for a finding: its content, sealed, in
 * parts, and then the question. */
static struct ask_admit keeper_hears_content(struct world *o, uint8_t *content,
                                             size_t *length)
{
    uint8_t record[RING_RECORD_MAX];
    struct own_part part;
    struct ask_admit v;
    uint32_t next = 0;
    size_t n;

    *length = 0;
    for (;;) {
        assert_int_equal(link_get(o->keeper, record, &n), 0);
        if (message_type(record, n) != MESSAGE_OWN_PART)
            break;
        assert_int_equal(own_part_get(&part, record, n), 0);
        assert_int_equal(part.part, next++);
        memcpy(content + *length, part.data, part.length);
        *length += part.length;
    }
    assert_int_equal(ask_admit_get(&v, record, n), 0);
    if (next > 0)
        assert_int_equal(part.ticket, v.ticket);
    return v;
}

static void keeper_admits(struct world *o, const struct ask_admit *asked,
                          uint64_t n, uint32_t behind, uint64_t made)
{
    const struct answer_admit v = {.ticket = asked->ticket,
                                   .n = n,
                                   .behind = behind,
                                   .made = made,
                                   .window = VERDICT_NONE,
                                   .terms = VERDICT_NONE,
                                   .model = VERDICT_NONE,
                                   .deadline = clock_boot_ms() + 60000,
                                   .deadline_reason = REASON_TIME_LIMIT};
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(answer_admit_put(&v, record, sizeof(record), &length), 0);
    assert_int_equal(link_put(o->keeper, record, length), 0);
    turn(o);
}

static bool holds(const uint8_t *data, size_t length, const char *text)
{
    return memmem(data, length, text, strlen(text)) != NULL;
}

static void P7_a_finding_is_sealed_before_anybody_is_asked(void **state)
{
    static uint8_t content[OWN_CONTENT_BYTES];
    static char body[9001];
    struct world *o = world_new();
    struct ask_admit asked;
    size_t length;

    (void)state;
    memset(body, 'x', sizeof(body) - 1);
    memcpy(body, "CANARY", 6);
    ask(o, ROUTE_FINDINGS, body);
    assert_int_equal(o->x->body.length, 0);
    assert_null(o->x->body.data);
    turn(o);
    asked = keeper_hears_content(o, content, &length);
    assert_int_equal(asked.facts.route, ROUTE_FINDINGS);
    assert_int_equal(asked.facts.fault, REASON_NONE);
    assert_int_equal(asked.facts.body_bytes, 9000);
    assert_int_equal(length, 9000 + 48);
    assert_false(holds(content, length, "CANARY"));
    assert_false(holds(content, length, "xxxxxxxx"));
    exchange_left(o->x);
    world_free(o);
}

/* The receipt names entries: all of them are on disk before it is given. */
static void P1_a_receipt_waits_for_its_last_entry(void **state)
{
    static uint8_t content[OWN_CONTENT_BYTES];
    struct world *o = world_new();
    struct settle settled;
    struct ask_admit asked;
    size_t length;

    (void)state;
    ask(o, ROUTE_FINDINGS, "what I found");
    turn(o);
    asked = keeper_hears_content(o, content, &length);
    keeper_admits(o, &asked, 5, 3, 6);
    for (uint64_t durable = 0; durable <= 8; durable++) {
        link_publish(o->keeper, durable);
        turn(o);
        assert_int_equal(client.starts, 0);
    }
    link_publish(o->keeper, 9);
    turn(o);
    assert_int_equal(client.starts, 1);
    assert_int_equal(client.answer.status, 201);
    assert_int_equal(client.answer.n, 5);
    assert_non_null(strstr(client.body, "\"id\":5,\"entries\":[6,7,8]"));
    settled = keeper_settles(o);
    assert_int_equal(settled.cause, CAUSE_DONE);
    assert_int_equal(settled.status, 201);
    assert_int_equal(settled.asked_bytes, 12);
    world_free(o);
}

/* A keeper that is gone takes the receipt with it (P9). */
static void P9_no_receipt_without_a_keeper(void **state)
{
    static uint8_t content[OWN_CONTENT_BYTES];
    struct world *o = world_new();
    struct ask_admit asked;
    size_t length;

    (void)state;
    ask(o, ROUTE_FINDINGS, "what I found");
    turn(o);
    asked = keeper_hears_content(o, content, &length);
    keeper_admits(o, &asked, 5, 1, 6);
    admissions_gone(o->w.admissions, 1);
    turn(o);
    assert_int_equal(client.answer.status, 503);
    assert_non_null(strstr(client.body, "audit_unavailable"));
    world_free(o);
}

static void own_faults_are_asked_without_content(void **state)
{
    static const struct {
        enum route route;
        const char *body;
        enum reason fault;
    } cases[] = {
        {ROUTE_NDA_ACCEPT, "{", REASON_INVALID_JSON},
        {ROUTE_NDA_ACCEPT, "[]", REASON_INVALID_FIELD},
        {ROUTE_NDA_ACCEPT, "{\"a\":1,\"a\":2}", REASON_DUPLICATE_KEY},
        {ROUTE_NDA_ACCEPT, "{\"chain\":[[[1]]]}", REASON_TOO_DEEP},
        {ROUTE_NDA_ACCEPT, "{\"document\":\"nda\"}", REASON_INVALID_FIELD},
        {ROUTE_NDA_ACCEPT,
         "{\"document\":\"other\",\"sha256\":"
         "\"00000000000000000000000000000000000000000000000000000000000000"
         "00\",\"statement\":\"s\",\"certificate\":\"AA==\","
         "\"signature\":\"AA==\"}",
         REASON_NDA_INVALID},
        {ROUTE_NDA_ACCEPT,
         "{\"document\":\"nda\",\"sha256\":"
         "\"00000000000000000000000000000000000000000000000000000000000000"
         "01\",\"statement\":\"s\",\"certificate\":\"AA==\","
         "\"signature\":\"AA==\"}",
         REASON_NDA_INVALID},
        {ROUTE_NDA_ACCEPT,
         "{\"document\":\"nda\",\"sha256\":"
         "\"00000000000000000000000000000000000000000000000000000000000000"
         "00\",\"statement\":\"s\",\"certificate\":\"AA==\","
         "\"signature\":\"AA==\",\"chain\":[\"AA==\",\"AA==\",\"AA==\","
         "\"AA==\",\"AA==\"]}",
         REASON_INVALID_FIELD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *o = world_new();
        struct ask_admit asked;

        o->settings.origin = (char *)(uintptr_t) "o";
        ask(o, cases[i].route, cases[i].body);
        turn(o);
        asked = keeper_hears(o); /* no part before it */
        assert_int_equal(asked.facts.fault, cases[i].fault);
        assert_int_equal(o->x->body.length, 0);
        exchange_left(o->x);
        world_free(o);
    }
}

/* Rows that fit nothing are a keeper gone wrong, or nobody's any more. */
static void rows_are_checked(void **state)
{
    struct world *o = world_new();
    struct own_window window = {.window = 1};
    struct own_document document = {.document = 1};

    (void)state;
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    assert_int_equal(own_window_row(o->x, &window), SP_EPROTO);
    assert_int_equal(own_document_row(o->x, &document), SP_EPROTO);
    window = (struct own_window){.nterms = 3};
    assert_int_equal(own_window_row(o->x, &window), SP_EPROTO);
    window.nterms = 2;
    document.document = 0;
    assert_int_equal(own_window_row(o->x, &window), 0);
    assert_int_equal(own_window_row(o->x, &window), SP_EPROTO);
    assert_int_equal(own_document_row(o->x, &document), 0);
    assert_int_equal(own_document_row(o->x, &document), SP_EPROTO);
    turn(o);
    exchange_left(o->x);
    world_free(o);
}

static void P1_refusals_wait_too(void **state)
{
    struct world *o = world_new();

    (void)state;
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    turn(o);
    keeper_says(o, 3, REASON_WINDOW_EXPIRED, 0);
    assert_int_equal(client.starts, 0);
    link_publish(o->keeper, 4);
    turn(o);
    assert_int_equal(client.answer.status, 403);
    assert_int_equal(client.answer.retry, RETRY_NEVER);
    assert_non_null(strstr(client.body, "window_expired"));
    assert_int_equal(client.finished, 1);
    keeper_hears_nothing(o);
    world_free(o);
}

static void P2_a_deadline_ends_a_stream_with_its_event(void **state)
{
    struct world *o = streaming(150);
    struct settle s;

    (void)state;
    /* Half an event, which the client must not get. */
    model_says(o, "a\r\ndata: {\"b\"\r\n");
    assert_string_equal(client.body, FIRST);
    usleep(200 * 1000);
    turn(o);
    assert_int_equal(client.finished, 1);
    assert_int_equal(client.end, CODEC_CUT);
    assert_int_equal(client.hurried, 1);
    assert_memory_equal(client.body, FIRST "data: {\"error\":", 30);
    assert_non_null(strstr(client.body, "\"window_expired\""));
    assert_null(strstr(client.body, "data: {\"b\""));
    assert_null(strstr(client.body, "[DONE]"));
    assert_true(model_let_go(o));
    s = keeper_settles(o);
    assert_int_equal(s.cause, CAUSE_EXPIRED);
    assert_int_equal(s.answered_bytes, client.length);
    world_free(o);
}

static void P2_before_an_answer_a_deadline_is_a_refusal(void **state)
{
    struct world *o = admitted(50);

    (void)state;
    usleep(100 * 1000);
    link_publish(o->keeper, 6);
    turn(o);
    assert_int_equal(client.answer.status, 403);
    assert_non_null(strstr(client.body, "window_expired"));
    assert_true(model_let_go(o));
    assert_int_equal(keeper_settles(o).cause, CAUSE_EXPIRED);
    world_free(o);
}

static void P2_what_waited_for_the_client_is_dropped(void **state)
{
    struct world *o = streaming(150);

    (void)state;
    client.blocked = true;
    model_says(o, "f\r\ndata: {\"b\":2}\n\n\r\n");
    usleep(200 * 1000);
    turn(o);
    assert_int_equal(client.hurried, 1);
    client.blocked = false;
    exchange_writable(o->x);
    assert_null(strstr(client.body, "data: {\"b\""));
    assert_non_null(strstr(client.body, "window_expired"));
    assert_int_equal(client.end, CODEC_CUT);
    assert_int_equal(keeper_settles(o).cause, CAUSE_EXPIRED);
    world_free(o);
}

static void P2_an_order_cuts_at_once(void **state)
{
    struct world *o = streaming(60000);
    const struct cut cut = {.window = 0, .reason = REASON_WINDOW_CLOSED};
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    (void)state;
    assert_int_equal(cut_put(&cut, record, sizeof(record), &length), 0);
    assert_int_equal(link_put(o->keeper, record, length), 0);
    turn(o);
    assert_non_null(strstr(client.body, "window_closed"));
    assert_int_equal(keeper_settles(o).cause, CAUSE_ORDERED);
    world_free(o);
}

/* Of one certificate, and nobody else's. */
static void P2_a_revoked_certificate_cuts_at_once(void **state)
{
    struct world *o = streaming(60000);
    struct cut cut = {CUT_ALL, .reason = REASON_CERTIFICATE_REVOKED,
                      .has_certificate = true, .certificate = {0xff, 1}};
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    (void)state;
    assert_int_equal(cut_put(&cut, record, sizeof(record), &length), 0);
    assert_int_equal(link_put(o->keeper, record, length), 0);
    turn(o);
    assert_null(strstr(client.body, "revoked"));
    memcpy(cut.certificate, o->x->facts.cert_sha256, 32);
    assert_int_equal(cut_put(&cut, record, sizeof(record), &length), 0);
    assert_int_equal(link_put(o->keeper, record, length), 0);
    turn(o);
    assert_non_null(strstr(client.body, "certificate_revoked"));
    assert_non_null(strstr(client.body, "has been revoked"));
    assert_int_equal(keeper_settles(o).cause, CAUSE_REVOKED);
    world_free(o);
}

static void P9_without_a_keeper_nothing_is_asked(void **state)
{
    struct world *o = world_new();

    (void)state;
    admissions_gone(o->w.admissions, 1);
    ask(o, ROUTE_MESSAGES, CHAT);
    assert_int_equal(client.answer.status, 503);
    assert_false(client.answer.has_receipt);
    assert_non_null(strstr(client.body, "audit_unavailable"));
    assert_non_null(strstr(client.body, "\"type\":\"error\""));
    world_free(o);
}

static void P9_a_keeper_that_dies_ends_everything(void **state)
{
    struct world *o = streaming(60000);

    (void)state;
    admissions_gone(o->w.admissions, 1);
    turn(o);
    assert_non_null(strstr(client.body, "audit_unavailable"));
    assert_int_equal(client.end, CODEC_CUT);
    assert_true(model_let_go(o));
    /* Its successor closes it as lost; a second end would be a lie. */
    world_keeper(o, 2);
    turn(o);
    keeper_hears_nothing(o);
    world_free(o);

    o = admitted(60000);
    model_says(o, JSON "{}"); /* held: not durable */
    admissions_gone(o->w.admissions, 1);
    turn(o);
    assert_int_equal(client.answer.status, 503);
    assert_null(strstr(client.body, "{}"));
    world_free(o);
}

/* ---- one keeper hands over to the next ---- */

static void keeper_hands_over(struct world *o)
{
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(
        handover_put(MESSAGE_HANDOVER, record, sizeof(record), &length), 0);
    assert_int_equal(link_put(o->keeper, record, length), 0);
    turn(o);
    assert_int_equal(link_get(o->keeper, record, &length), 0);
    assert_int_equal(message_type(record, length), MESSAGE_HANDOVER_ACK);
    assert_int_equal(handover_get(record, length), 0);
}

static void P11_a_stream_goes_on_with_the_next_keeper(void **state)
{
    struct world *o = streaming(60000);
    struct settle s;

    (void)state;
    keeper_hands_over(o);
    model_says(o, "f\r\n" FIRST "\r\n");
    assert_string_equal(client.body, FIRST FIRST);
    model_says(o, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    assert_int_equal(client.end, CODEC_WHOLE);
    keeper_hears_nothing(o); /* its end is the next one's */
    world_keeper_behind(o, 2, 1);
    turn(o);
    s = keeper_settles(o);
    assert_int_equal(s.n, 5);
    assert_int_equal(s.cause, CAUSE_DONE);
    world_free(o);
}

static void P1_what_waited_for_the_disk_goes_on_waiting(void **state)
{
    struct world *o = admitted(60000);

    (void)state;
    keeper_hands_over(o);
    model_says(o, JSON "{}");
    assert_int_equal(client.starts, 0);
    world_keeper_behind(o, 2, 1);
    turn(o);
    assert_int_equal(client.starts, 0);
    link_publish(o->keeper, 5);
    turn(o);
    assert_int_equal(client.starts, 0);
    link_publish(o->keeper, 6);
    turn(o);
    assert_string_equal(client.body, "{}");
    assert_int_equal(keeper_settles(o).cause, CAUSE_DONE);
    world_free(o);
}

static void what_is_asked_in_between_the_next_one_hears(void **state)
{
    struct world *o = world_new();

    (void)state;
    keeper_hands_over(o);
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    turn(o);
    keeper_hears_nothing(o);
    assert_int_equal(client.starts, 0);
    world_keeper_behind(o, 2, 1);
    turn(o);
    keeper_says(o, 7, REASON_NONE, 60000);
    dialer_dials(o, 0);
    link_publish(o->keeper, 8);
    model_says(o, JSON "{}");
    assert_string_equal(client.body, "{}");
    assert_int_equal(keeper_settles(o).n, 7);
    world_free(o);
}

/* What the one that went decided in front of our last record counts. */
static void P11_its_last_answers_are_heard(void **state)
{
    struct world *o = world_new();
    struct ask_admit asked;
    struct answer_admit v = {.n = 5,
                             .deadline = clock_boot_ms() + 60000,
                             .deadline_wall = clock_wall_ms() + 60000};
    uint8_t record[RING_RECORD_MAX];
    size_t length;

    (void)state;
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    turn(o);
    asked = keeper_hears(o);
    keeper_hands_over(o);
    v.ticket = asked.ticket;
    assert_int_equal(answer_admit_put(&v, record, sizeof(record), &length), 0);
    assert_int_equal(link_put_quiet(o->keeper, record, length), 0);
    world_keeper_behind(o, 2, 1); /* it comes before anybody looked */
    assert_int_equal(o->x->state, EXCHANGE_CALLING);
    exchange_left(o->x);
    turn(o);
    assert_int_equal(keeper_settles(o).n, 5);
    world_free(o);
}

static void P9_a_keeper_that_dies_while_it_hands_over(void **state)
{
    struct world *o = streaming(60000);

    (void)state;
    keeper_hands_over(o);
    admissions_gone(o->w.admissions, 1);
    turn(o);
    assert_non_null(strstr(client.body, "audit_unavailable"));
    assert_int_equal(client.end, CODEC_CUT);
    world_keeper(o, 2);
    turn(o);
    keeper_hears_nothing(o);
    world_free(o);

    o = world_new();
    keeper_hands_over(o);
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    admissions_gone(o->w.admissions, 1);
    assert_int_equal(client.answer.status, 503);
    assert_non_null(strstr(client.body, "audit_unavailable"));
    world_free(o);
}

/* A link that does not continue ours is a dead keeper's successor's. */
static void P9_another_keeper_continues_nothing(void **state)
{
    static const uint64_t before[] = {0, 1, 9};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world *o = streaming(60000);

        if (before[i] != 1) /* 1 is ours, but nobody asked for our last word */
            keeper_hands_over(o);
        world_keeper_behind(o, 10, before[i]);
        turn(o);
        assert_non_null(strstr(client.body, "audit_unavailable"));
        keeper_hears_nothing(o);
        world_free(o);
    }
}

static void P11_leaving_while_asking_is_settled(void **state)
{
    struct world *o = world_new();
    struct settle s;

    (void)state;
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    turn(o);
    exchange_left(o->x);
    keeper_says(o, 9, REASON_NONE, 60000);
    s = keeper_settles(o);
    assert_int_equal(s.n, 9);
    assert_int_equal(s.cause, CAUSE_CLIENT_LEFT);
    assert_int_equal(client.starts, 0);
    world_free(o);
}

static void P11_leaving_mid_stream_frees_the_model(void **state)
{
    struct world *o = streaming(60000);

    (void)state;
    exchange_left(o->x);
    assert_true(model_let_go(o));
    turn(o);
    assert_int_equal(keeper_settles(o).cause, CAUSE_CLIENT_LEFT);
    world_free(o);
}

static void P11_a_model_that_cannot_be_reached(void **state)
{
    struct world *o = world_new();

    (void)state;
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    turn(o);
    link_publish(o->keeper, 6);
    keeper_says(o, 5, REASON_NONE, 60000);
    dialer_dials(o, SP_ETIMEDOUT);
    assert_int_equal(client.answer.status, 504);
    assert_non_null(strstr(client.body, "upstream_timeout"));
    assert_int_equal(keeper_settles(o).cause, CAUSE_UPSTREAM);
    world_free(o);
}

static void models_errors_never_pass(void **state)
{
    static const struct {
        const char *answer;
        uint16_t status;
        enum answer_retry retry;
    } cases[] = {
        {"HTTP/1.1 500 No\r\ncontent-length: 6\r\n\r\nsecret", 502,
         RETRY_LATER},
        {"HTTP/1.1 400 No\r\ncontent-length: 6\r\n\r\nsecret", 400,
         RETRY_NEVER},
        {"HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 6\r\n\r\nsecret",
         502, RETRY_LATER},
        {"HTTP/1.1 302 No\r\nlocation: /secret\r\ncontent-length: 0\r\n\r\n",
         502, RETRY_LATER},
        {"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n"
         "\r\nsecret",
         502, RETRY_LATER},
        {"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
         "content-encoding: gzip\r\ncontent-length: 6\r\n\r\nsecret",
         502, RETRY_LATER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *o = admitted(60000);

        link_publish(o->keeper, 6);
        model_says(o, cases[i].answer);
        assert_int_equal(client.answer.status, cases[i].status);
        assert_int_equal(client.answer.retry, cases[i].retry);
        assert_null(strstr(client.body, "secret"));
        assert_non_null(strstr(client.body, "upstream_error"));
        assert_int_equal(keeper_settles(o).cause, CAUSE_UPSTREAM);
        world_free(o);
    }
}

static void what_breaks_says_so(void **state)
{
    struct world *o = streaming(60000);

    (void)state;
    close(o->model);
    o->model = -1;
    turn(o);
    assert_non_null(strstr(client.body, "upstream_error"));
    assert_int_equal(client.end, CODEC_CUT);
    assert_int_equal(keeper_settles(o).cause, CAUSE_UPSTREAM);
    world_free(o);

    o = admitted(60000);
    link_publish(o->keeper, 6);
    model_says(o, JSON "{");
    assert_int_equal(client.starts, 0);
    close(o->model);
    o->model = -1;
    turn(o);
    assert_int_equal(client.answer.status, 502);
    assert_int_equal(client.end, CODEC_WHOLE);
    assert_non_null(strstr(client.body, "upstream_error"));
    assert_int_equal(keeper_settles(o).cause, CAUSE_UPSTREAM);
    world_free(o);
}

/* What an endpoint says of its errors may hold what no client is to know. */
static void errors_within_an_answer_never_pass(void **state)
{
    struct world *o = streaming(60000);

    (void)state;
    model_says(o, "3c\r\ndata: {\"b\":2}\n\n"
                  "data: {\"error\":{\"message\":\"secret hidden\"}}\n\n\r\n");
    assert_memory_equal(client.body,
                        FIRST "data: {\"b\":2}\n\ndata: {\"error\":", 45);
    assert_non_null(strstr(client.body, "upstream_error"));
    assert_null(strstr(client.body, "secret"));
    assert_int_equal(client.end, CODEC_CUT);
    assert_true(model_let_go(o));
    assert_int_equal(keeper_settles(o).cause, CAUSE_UPSTREAM);
    world_free(o);

    o = admitted(60000);
    link_publish(o->keeper, 6);
    model_says(o, EVENTS "1a\r\ndata: {\"error\":\"secret\"}\n\n\r\n");
    assert_int_equal(client.answer.status, 502);
    assert_null(strstr(client.body, "secret"));
    assert_int_equal(keeper_settles(o).cause, CAUSE_UPSTREAM);
    world_free(o);

    o = admitted(60000);
    link_publish(o->keeper, 6);
    model_says(o, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                  "content-length: 18\r\n\r\n{\"error\":\"secret\"}");
    assert_int_equal(client.answer.status, 502);
    assert_null(strstr(client.body, "secret"));
    assert_int_equal(keeper_settles(o).cause, CAUSE_UPSTREAM);
    world_free(o);
}

static void P10_an_answer_that_is_not_right_is_not_passed(void **state)
{
    static const char *const bodies[] = {
        "{\"a\":1,\"a\":2}  ", "secret, not JSON ", "[\"secret\"]       "};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct world *o = admitted(60000);
        char text[256];

        link_publish(o->keeper, 6);
        snprintf(text, sizeof(text),
                 "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                 "content-length: %zu\r\n\r\n%s",
                 strlen(bodies[i]), bodies[i]);
        model_says(o, text);
        assert_int_equal(client.answer.status, 502);
        assert_null(strstr(client.body, "secret"));
        keeper_settles(o);
        world_free(o);
    }
}

/* A document goes out when it is whole, and says how long it is. */
static void documents_are_held_until_they_are_whole(void **state)
{
    struct world *o = admitted(60000);

    (void)state;
    link_publish(o->keeper, 6);
    model_says(o, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                  "transfer-encoding: chunked\r\n\r\n"
                  "a\r\n{\"model\": \r\n");
    assert_int_equal(client.starts, 0);
    model_says(o, "9\r\n\"hidden\"}\r\n0\r\n\r\n");
    assert_int_equal(client.starts, 1);
    assert_string_equal(client.body, "{\"model\": \"orion\"}");
    assert_int_equal(client.answer.length, client.length);
    assert_int_equal(keeper_settles(o).answered_bytes, client.length);
    world_free(o);

    o = admitted(50);
    link_publish(o->keeper, 6);
    model_says(o, JSON "{");
    usleep(100 * 1000);
    turn(o);
    assert_int_equal(client.answer.status, 403);
    assert_non_null(strstr(client.body, "window_expired"));
    assert_int_equal(keeper_settles(o).cause, CAUSE_EXPIRED);
    world_free(o);
}

#define USAGE       "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5}}\n\n"
#define USAGE_CHUNK "32\r\n" USAGE "\r\n"

/* Whoever did not ask for usage in a stream does not see that we did. */
static void usage_is_shown_to_those_who_asked(void **state)
{
    struct world *o = streaming(60000);

    (void)state;
    model_says(o, USAGE_CHUNK);
    assert_string_equal(client.body, FIRST);
    assert_int_equal(answer_usage(&o->x->reader).input, 5);
    exchange_left(o->x);
    turn(o);
    world_free(o);

    o = world_new();
    ask(o, ROUTE_CHAT_COMPLETIONS,
        "{\"model\":\"orion\",\"stream\":true,\"stream_options\":"
        "{\"include_usage\":true}}");
    turn(o);
    keeper_says(o, 5, REASON_NONE, 60000);
    dialer_dials(o, 0);
    link_publish(o->keeper, 6);
    model_says(o, EVENTS USAGE_CHUNK);
    assert_string_equal(client.body, USAGE);
    exchange_left(o->x);
    turn(o);
    world_free(o);
}

/* Reads on only when the client has taken most of what waits. */
static void a_slow_client_slows_its_model(void **state)
{
    static const char begin[] = "1f40\r\ndata: {\"a\":\"";
    static char chunk[8 + 8000 + 3];
    struct world *o = streaming(60000);
    size_t written = 0;

    (void)state;
    memset(chunk, 'x', 6 + 8000);
    memcpy(chunk, begin, sizeof(begin) - 1);
    memcpy(chunk + 6 + 7996, "\"}\n\n", 4);
    memcpy(chunk + 6 + 8000, "\r\n", 3);
    client.blocked = true;
    for (unsigned i = 0; i < 400 && written < 4u << 20; i++) {
        ssize_t n = write(o->model, chunk, 8008);

        turn(o);
        if (n < 0)
            break;
        written += (size_t)n;
        if (n < 8008)
            break;
    }
    assert_true(o->x->call.paused);
    assert_true(o->x->held.length >= LIMIT_RELAY_BYTES);
    assert_true(o->x->held.length <= LIMIT_RELAY_BYTES + WORKER_SCRATCH);
    client.blocked = false;
    exchange_writable(o->x);
    turn(o);
    assert_false(o->x->call.paused);
    assert_true(client.length > LIMIT_RELAY_BYTES);
    exchange_left(o->x);
    turn(o);
    world_free(o);
}

/* The hash in the entry is over what the client got, salted with what the
 * client was given. */
static void commitments_are_over_what_was_said(void **state)
{
    struct world *o = streaming(60000);
    uint8_t salt[SALT_BYTES], want[COMMITMENT_BYTES];
    struct commitment c;
    struct settle s;

    (void)state;
    memcpy(salt, client.answer.salt, sizeof(salt));
    model_says(o, "27\r\ndata: {\"model\":\"hidden\"}\n\ndata: [DONE]\n\r\n"
                  "1\r\n\n\r\n0\r\n\r\n");
    assert_int_equal(client.end, CODEC_WHOLE);
    assert_string_equal(client.body, FIRST
                        "data: {\"model\":\"orion\"}\n\ndata: [DONE]\n\n");
    s = keeper_settles(o);
    commitment_init(&c, salt);
    commitment_add(&c, client.body, client.length);
    commitment_end(&c, want);
    assert_memory_equal(s.answered, want, sizeof(want));
    commitment_init(&c, salt);
    commitment_add(&c, CHAT, strlen(CHAT));
    commitment_end(&c, want);
    assert_memory_equal(s.asked, want, sizeof(want));
    assert_int_equal(s.asked_bytes, strlen(CHAT));
    assert_int_equal(s.status, 200);
    world_free(o);
}

/* ---- sealed transcripts ---- */

#define COMPLETION "{\"model\":\"orion\",\"stream\":true,\"prompt\":\"p\"}"

/* Of a key that takes the place of the policy's. */
static uint8_t party_secret[32];

static struct world *sealing_world(void)
{
    struct world *o = world_new();

    crypto_box_keypair(o->rules.snapshot.policy->parties[0].sealing_key,
                       party_secret);
    o->terms = 1;
    ask(o, ROUTE_COMPLETIONS, COMPLETION);
    turn(o);
    return o;
}

/* Memory that stands for the file; the worker gets a copy of the descriptor. */
static int file_arrives(struct world *o, uint64_t n)
{
    const struct transcript_file v = {.generation = 1, .n = n};
    int fd = memfd_create("transcript", MFD_CLOEXEC);

    assert_true(fd >= 0);
    seals_arrived(o->w.seals, &v, dup(fd));
    turn(o);
    return fd;
}

static void nobody_is_dialled(struct world *o)
{
    uint8_t data[256];
    size_t length, nfds = 0;

    assert_int_equal(channel_receive_wait(o->dialer, data, sizeof(data),
                                          &length, NULL, &nfds, 0),
                     SP_ETIMEDOUT);
}

/* The file opens for the party, and has what the client and the ledger have. */
static void file_holds(int fd, const struct settle *s, bool complete)
{
    static uint8_t data[1 << 20];
    struct transcript_keys keys = {.count = 1};
    struct transcript_head h;
    struct transcript t;
    const char *problem;
    uint8_t sha256[32];
    uint64_t chunk;
    ssize_t length = pread(fd, data, sizeof(data), 0);

    memcpy(keys.secrets[0], party_secret, sizeof(party_secret));
    assert_true(length > 0);
    assert_int_equal(transcript_head_read(&h, data, (size_t)length, &problem),
                     0);
    assert_string_equal(h.origin, "g/ledger");
    assert_int_equal(
        transcript_open(&t, &h, data, (size_t)length, &keys, &chunk, &problem),
        0);
    assert_int_equal(t.complete, complete);
    assert_int_equal(t.asked_length, strlen(COMPLETION));
    assert_memory_equal(t.asked, COMPLETION, t.asked_length);
    if (complete) {
        assert_int_equal(h.n, s->n);
        assert_int_equal(t.answered_length, client.length);
        assert_memory_equal(t.answered, client.body, client.length);
        assert_true(s->has_transcript);
        crypto_hash_sha256(sha256, data, (size_t)length);
        assert_memory_equal(sha256, s->transcript, 32);
        assert_int_equal(s->answered_bytes, client.length);
    }
    transcript_release(&t);
    close(fd);
}

static void P7_nothing_is_asked_before_it_is_kept(void **state)
{
    struct world *o = sealing_world();
    struct settle s;
    int fd;

    (void)state;
    keeper_says(o, 5, REASON_NONE, 60000);
    nobody_is_dialled(o);
    fd = file_arrives(o, 5);
    file_holds(dup(fd), NULL, false); /* the question is there already */
    dialer_dials(o, 0);
    link_publish(o->keeper, 6);
    model_says(o, EVENTS "f\r\n" FIRST "\r\n");
    assert_string_equal(client.body, FIRST);
    model_says(o, "f\r\ndata: {\"b\":2}\n\n\r\n0\r\n\r\n");
    s = keeper_settles(o);
    assert_int_equal(s.cause, CAUSE_DONE);
    file_holds(fd, &s, true);
    world_free(o);
}

/* The party's key opens it, and those of two officers together. */
static void P7_escrow_takes_two(void **state)
{
    struct world *o = sealing_world();
    struct policy *p = o->rules.snapshot.policy;
    struct transcript_keys keys = {.count = 1};
    static uint8_t data[1 << 16];
    uint8_t officers[2][32];
    struct transcript_head h;
    struct transcript t;
    const char *problem;
    uint64_t chunk;
    ssize_t length;
    int fd;

    (void)state;
    p->has_escrow = true;
    crypto_box_keypair(p->escrow[0], officers[0]);
    crypto_box_keypair(p->escrow[1], officers[1]);
    keeper_says(o, 5, REASON_NONE, 60000);
    fd = file_arrives(o, 5);
    file_holds(dup(fd), NULL, false);
    length = pread(fd, data, sizeof(data), 0);
    assert_true(length > 0);
    assert_int_equal(transcript_head_read(&h, data, (size_t)length, &problem),
                     0);
    assert_int_equal(h.count, 2);
    for (int i = 0; i < 2; i++) {
        memcpy(keys.secrets[0], officers[i], 32);
        assert_int_equal(transcript_open(&t, &h, data, (size_t)length, &keys,
                                         &chunk, &problem),
                         SP_EPERM);
        transcript_release(&t);
    }
    memcpy(keys.secrets, officers, sizeof(officers));
    keys.count = 2;
    assert_int_equal(
        transcript_open(&t, &h, data, (size_t)length, &keys, &chunk, &problem),
        0);
    assert_int_equal(t.asked_length, strlen(COMPLETION));
    transcript_release(&t);
    exchange_left(o->x);
    turn(o);
    close(fd);
    world_free(o);
}

static void P7_the_file_may_come_first(void **state)
{
    struct world *o = sealing_world();
    int fd = file_arrives(o, 5), other = file_arrives(o, 9);
    struct settle s;

    (void)state;
    keeper_says(o, 5, REASON_NONE, 60000);
    dialer_dials(o, SP_ECLOSED); /* our own words are kept like the model's */
    link_publish(o->keeper, 6);
    turn(o);
    assert_int_equal(client.answer.status, 502);
    s = keeper_settles(o);
    file_holds(fd, &s, true);
    close(other); /* nobody came for it */
    world_free(o);
}

/* The index is given again, by the next keeper to another request. */
static void P7_a_file_of_another_life_is_not_taken(void **state)
{
    struct transcript_file v = {.generation = 1, .n = 5};
    struct world *o = world_new();
    int old = memfd_create("transcript", MFD_CLOEXEC), fd;

    (void)state;
    seals_arrived(o->w.seals, &v, dup(old)); /* nobody has asked yet */
    world_keeper(o, 2);
    o->terms = 1;
    ask(o, ROUTE_COMPLETIONS, COMPLETION);
    turn(o);
    keeper_says(o, 5, REASON_NONE, 60000);
    nobody_is_dialled(o);
    fd = memfd_create("transcript", MFD_CLOEXEC);
    v.generation = 2;
    seals_arrived(o->w.seals, &v, dup(fd));
    turn(o);
    dialer_dials(o, 0);
    assert_int_equal(lseek(old, 0, SEEK_END), 0);
    assert_true(lseek(fd, 0, SEEK_END) > 0);
    exchange_left(o->x);
    turn(o);
    close(old);
    close(fd);
    world_free(o);
}

static void is_refused_unsealed(struct world *o)
{
    struct settle s;

    link_publish(o->keeper, 6);
    turn(o);
    assert_int_equal(client.answer.status, 503);
    assert_non_null(strstr(client.body, "audit_unavailable"));
    s = keeper_settles(o);
    assert_int_equal(s.cause, CAUSE_UNSEALED);
    assert_false(s.has_transcript);
    nobody_is_dialled(o);
    world_free(o);
}

static void P9_without_a_file_nothing_is_asked(void **state)
{
    struct transcript_file v = {.generation = 1, .n = 5, .error = SP_ENOSPC};
    struct world *o = sealing_world();

    (void)state;
    keeper_says(o, 5, REASON_NONE, 60000);
    seals_arrived(o->w.seals, &v, -1); /* the supervisor could not make it */
    is_refused_unsealed(o);

    o = sealing_world();
    seals_arrived(o->w.seals, &v, -1); /* so before the keeper spoke */
    keeper_says(o, 5, REASON_NONE, 60000);
    is_refused_unsealed(o);

    o = sealing_world();
    v.error = 0; /* there was one, but not for us: too many descriptors */
    keeper_says(o, 5, REASON_NONE, 60000);
    seals_arrived(o->w.seals, &v, -1);
    is_refused_unsealed(o);

    o = sealing_world();
    keeper_says(o, 5, REASON_NONE, 60000);
    seals_arrived(o->w.seals, &v, open("/dev/full", O_WRONLY | O_CLOEXEC));
    is_refused_unsealed(o);

    o = sealing_world();
    keeper_says(o, 5, REASON_NONE, 60000);
    while (client.starts == 0 && o->x->state == EXCHANGE_CALLING) {
        link_beat(o->keeper, clock_boot_ms()); /* and none ever comes */
        turn(o);
        usleep(10000);
    }
    is_refused_unsealed(o);
}

/* A pipe without a reader: what was written before is kept, no more is. */
static struct world *losing_its_file(const char *first)
{
    const struct transcript_file v = {.generation = 1, .n = 5};
    struct world *o = sealing_world();
    static char data[1 << 16];
    int ends[2];

    (void)signal(SIGPIPE, SIG_IGN);
    keeper_says(o, 5, REASON_NONE, 60000);
    assert_int_equal(pipe(ends), 0);
    seals_arrived(o->w.seals, &v, ends[1]);
    turn(o);
    dialer_dials(o, 0);
    link_publish(o->keeper, 6);
    if (first != NULL)
        model_says(o, first);
    assert_true(read(ends[0], data, sizeof(data)) > 0);
    close(ends[0]);
    return o;
}

static void P9_what_cannot_be_kept_is_not_said(void **state)
{
    struct world *o = losing_its_file(EVENTS "f\r\n" FIRST "\r\n");
    struct settle s;

    (void)state;
    assert_string_equal(client.body, FIRST);
    model_says(o, "f\r\ndata: {\"b\":2}\n\n\r\n");
    assert_null(strstr(client.body, "\"b\""));
    assert_non_null(strstr(client.body, "audit_unavailable"));
    assert_int_equal(client.end, CODEC_CUT);
    assert_true(model_let_go(o));
    s = keeper_settles(o);
    assert_int_equal(s.cause, CAUSE_UNSEALED);
    assert_false(s.has_transcript);
    world_free(o);

    o = losing_its_file(NULL);
    model_says(o, JSON "{}");
    assert_int_equal(client.answer.status, 503);
    assert_non_null(strstr(client.body, "audit_unavailable"));
    assert_int_equal(client.end, CODEC_WHOLE);
    assert_int_equal(keeper_settles(o).cause, CAUSE_UNSEALED);
    world_free(o);

    o = losing_its_file(NULL); /* only the end is lost: all was said */
    exchange_left(o->x);
    turn(o);
    s = keeper_settles(o);
    assert_int_equal(s.cause, CAUSE_UNSEALED);
    assert_false(s.has_transcript);
    world_free(o);
}

static void P2_cut_while_it_waits_for_its_file(void **state)
{
    struct world *o = sealing_world();
    struct settle s;
    int fd;

    (void)state;
    keeper_says(o, 5, REASON_NONE, 60000);
    exchange_cut(o->x, REASON_WINDOW_EXPIRED);
    fd = file_arrives(o, 5);
    nobody_is_dialled(o);
    link_publish(o->keeper, 6);
    turn(o);
    assert_int_equal(client.answer.status, 403);
    s = keeper_settles(o);
    assert_int_equal(s.cause, CAUSE_EXPIRED);
    assert_false(s.has_transcript); /* nothing was asked */
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    close(fd);
    world_free(o);

    o = sealing_world();
    keeper_says(o, 5, REASON_NONE, 60000);
    exchange_left(o->x);
    close(file_arrives(o, 5));
    nobody_is_dialled(o);
    assert_int_equal(keeper_settles(o).cause, CAUSE_CLIENT_LEFT);
    world_free(o);
}

/* What the client did not take before it was cut is not in the transcript as
 * if it had. */
static void P7_what_did_not_leave_is_taken_back(void **state)
{
    struct world *o = sealing_world();
    struct settle s;
    int fd;

    (void)state;
    keeper_says(o, 5, REASON_NONE, 60000);
    fd = file_arrives(o, 5);
    dialer_dials(o, 0);
    link_publish(o->keeper, 6);
    model_says(o, EVENTS "f\r\n" FIRST "\r\n");
    client.blocked = true;
    model_says(o, "f\r\ndata: {\"b\":2}\n\n\r\n");
    model_says(o, "f\r\ndata: {\"c\":3}\n\n\r\n");
    exchange_cut(o->x, REASON_WINDOW_EXPIRED);
    client.blocked = false;
    exchange_writable(o->x);
    turn(o);
    assert_null(strstr(client.body, "\"b\""));
    assert_non_null(strstr(client.body, "window_expired"));
    s = keeper_settles(o);
    assert_int_equal(s.cause, CAUSE_EXPIRED);
    file_holds(fd, &s, true);
    world_free(o);
}

static void a_kept_connection_that_died_is_replaced_once(void **state)
{
    struct world *o = admitted(60000);
    int kept;

    (void)state;
    link_publish(o->keeper, 7);
    model_says(o, JSON "{}");
    keeper_settles(o);
    kept = o->model;
    memset(&client, 0, sizeof(client));
    ask(o, ROUTE_CHAT_COMPLETIONS, CHAT);
    turn(o);
    keeper_says(o, 6, REASON_NONE, 60000);
    close(kept); /* with the request in it */
    turn(o);
    dialer_dials(o, 0);
    model_says(o, JSON "{}");
    assert_string_equal(client.body, "{}");
    assert_int_equal(keeper_settles(o).cause, CAUSE_DONE);
    world_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P1_no_byte_leaves_before_its_entry_is_durable),
        cmocka_unit_test(P7_a_finding_is_sealed_before_anybody_is_asked),
        cmocka_unit_test(P1_a_receipt_waits_for_its_last_entry),
        cmocka_unit_test(P9_no_receipt_without_a_keeper),
        cmocka_unit_test(own_faults_are_asked_without_content),
        cmocka_unit_test(rows_are_checked),
        cmocka_unit_test(P1_refusals_wait_too),
        cmocka_unit_test(P2_a_deadline_ends_a_stream_with_its_event),
        cmocka_unit_test(P2_before_an_answer_a_deadline_is_a_refusal),
        cmocka_unit_test(P2_what_waited_for_the_client_is_dropped),
        cmocka_unit_test(P2_an_order_cuts_at_once),
        cmocka_unit_test(P2_a_revoked_certificate_cuts_at_once),
        cmocka_unit_test(P9_without_a_keeper_nothing_is_asked),
        cmocka_unit_test(P9_a_keeper_that_dies_ends_everything),
        cmocka_unit_test(P11_a_stream_goes_on_with_the_next_keeper),
        cmocka_unit_test(P1_what_waited_for_the_disk_goes_on_waiting),
        cmocka_unit_test(what_is_asked_in_between_the_next_one_hears),
        cmocka_unit_test(P11_its_last_answers_are_heard),
        cmocka_unit_test(P9_a_keeper_that_dies_while_it_hands_over),
        cmocka_unit_test(P9_another_keeper_continues_nothing),
        cmocka_unit_test(P11_leaving_while_asking_is_settled),
        cmocka_unit_test(P11_leaving_mid_stream_frees_the_model),
        cmocka_unit_test(P11_a_model_that_cannot_be_reached),
        cmocka_unit_test(models_errors_never_pass),
        cmocka_unit_test(what_breaks_says_so),
        cmocka_unit_test(errors_within_an_answer_never_pass),
        cmocka_unit_test(P10_an_answer_that_is_not_right_is_not_passed),
        cmocka_unit_test(documents_are_held_until_they_are_whole),
        cmocka_unit_test(usage_is_shown_to_those_who_asked),
        cmocka_unit_test(a_slow_client_slows_its_model),
        cmocka_unit_test(commitments_are_over_what_was_said),
        cmocka_unit_test(P7_nothing_is_asked_before_it_is_kept),
        cmocka_unit_test(P7_escrow_takes_two),
        cmocka_unit_test(P7_the_file_may_come_first),
        cmocka_unit_test(P7_a_file_of_another_life_is_not_taken),
        cmocka_unit_test(P9_without_a_file_nothing_is_asked),
        cmocka_unit_test(P9_what_cannot_be_kept_is_not_said),
        cmocka_unit_test(P2_cut_while_it_waits_for_its_file),
        cmocka_unit_test(P7_what_did_not_leave_is_taken_back),
        cmocka_unit_test(a_kept_connection_that_died_is_replaced_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
