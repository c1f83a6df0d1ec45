/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each reason that a decision can give is explained at its own step, in words
 * that name what was compared; steps before it pass, those behind it are not
 * reached; and the verdict is the one that is given without an explanation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/body.h"
#include "policy/explain.h"
#include "policy/labels.h"

#define DAY  86400000LL
#define NOV1 1793491200000LL        /* 2026-11-01T00:00:00Z, a Sunday */
#define NOW  (NOV1 + DAY + DAY / 2) /* Monday noon */

static const char yaml[] =
    "policy: 1\n"
    "serial: 7\n"
    "models:\n"
    "  orion: {upstream: {endpoints: [\"unix:/o\"]}, apis: [openai.chat]}\n"
    "  vega: {upstream: {endpoints: [\"unix:/v\"]}, apis: [openai.chat]}\n"
    "  lyra: {upstream: {endpoints: [\"unix:/l\"]}, apis: [openai.chat]}\n"
    "  bare: {upstream: {endpoints: [\"unix:/b\"]}, apis: [openai.chat]}\n"
    "  ant: {upstream: {endpoints: [\"unix:/a\"]}, apis: "
    "[anthropic.messages]}\n"
    "  none: {upstream: {endpoints: [\"unix:/n\"]}, apis: "
    "[openai.completions]}\n"
    "  late: {upstream: {endpoints: [\"unix:/t\"]}, apis: [openai.chat], "
    "release: 2026-11-20T00:00:00Z}\n"
    "documents: {doc: {file: d, sha256: "
    "dd000000000000000000000000000000000000000000000000000000000000dd}}\n"
    "parties:\n"
    "  caisi: {kind: government, anchors: ca, people: {eva: {san_uri: "
    "\"x://a/eva\"}, bot: {san_uri: \"x://a/bot\", kind: service, custodian: "
    "eva}}}\n"
    "  far: {kind: government, anchors: ca, networks: [203.0.113.0/24], hours: "
    "{days: [mon, tue], from: \"08:00\", until: \"11:00\"}, people: {kim: "
    "{san_uri: \"x://a/kim\"}}}\n"
    "  bank: {kind: trusted-partner, anchors: ca, people: {ben: {san_uri: "
    "\"x://a/ben\"}}}\n"
    "terms:\n"
    "  t:\n"
    "    uses: [chat.completions, messages, models]\n"
    "    fields: {seed: allow, n: {max: 2}, user: strip, store: {force: "
    "false}}\n"
    "    tools: {types: [function], max: 2}\n"
    "    anthropic: {versions: [\"2023-06-01\"], betas: [one-2025]}\n"
    "    budget:\n"
    "      window: {requests: 4, tokens: 1k}\n"
    "      person: {requests_per_minute: 3, concurrent: 2, addresses: 1}\n"
    "      request: {bytes: 1k, tokens: 600, seconds: 60}\n"
    "  agreed: {nda: doc, uses: [chat.completions]}\n"
    "  defence:\n"
    "    uses: [chat.completions]\n"
    "    purpose: {required: true, values: [scan, repair], case: required}\n"
    "windows:\n"
    "  - {party: caisi, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n"
    "  - {party: caisi, model: ant, opens: 2026-11-01T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n"
    "  - {party: caisi, model: none, opens: 2026-11-01T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n"
    "  - {party: caisi, model: bare, opens: 2026-11-01T00:00:00Z, lasts: 10d, "
    "terms: [defence]}\n"
    "  - {party: caisi, model: late, opens: 2026-11-01T00:00:00Z, lasts: 19d, "
    "terms: [agreed]}\n"
    "  - {party: caisi, model: vega, opens: 2026-11-20T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n"
    "  - {party: caisi, model: lyra, opens: 2026-10-20T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n"
    "  - {party: far, model: orion, opens: 2026-11-01T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n"
    "  - {party: bank, model: orion, opens: 2026-11-12T00:00:00Z, lasts: 10d, "
    "terms: [t]}\n";

struct scene {
    struct policy *p;
    struct standing *s;
    struct json body;
    struct facts f;
    struct explain_question q;
    struct explanation e;
};

static void scene_apply(struct scene *c, struct entry *e, int64_t t)
{
    e->n = standing_count(c->s);
    e->t = t;
    if (standing_apply(c->s, e) != 0)
        fail_msg("%s", standing_error(c->s));
}

static void scene_open(struct scene *c)
{
    struct report report = {.out = stderr};
    struct entry e = {.kind = ENTRY_LOG_OPENED,
                      .u.log_opened = {"x", "x", "x", NULL}};

    memset(c, 0, sizeof *c);
    c->s = standing_new();
    assert_int_equal(
        policy_parse("p", yaml, sizeof yaml - 1, NULL, NULL, &report, &c->p),
        0);
    scene_apply(c, &e, NOV1);
    e = (struct entry){.kind = ENTRY_POLICY_LOADED};
    e.u.policy_loaded.serial = c->p->serial;
    memcpy(e.u.policy_loaded.sha256, c->p->sha256, 32);
    scene_apply(c, &e, NOV1);
    assert_int_equal(standing_bind(c->s, c->p), 0);
    while (standing_due(c->s, NOV1, true, &e))
        scene_apply(c, &e, NOV1);
}

static void scene_close(struct scene *c)
{
    json_release(&c->body);
    standing_free(c->s);
    policy_free(c->p);
}

static void ask(struct scene *c, const char *who, const char *path,
                const char *body)
{
    struct target target;
    enum target_fault fault;

    c->f = (struct facts){.cert_not_before = NOV1,
                          .cert_not_after = NOW + 300 * DAY,
                          .address = "192.0.2.1",
                          .method = strncmp(path, "GET ", 4) == 0 ? METHOD_GET
                                                                  : METHOD_POST,
                          .max_tokens = -1,
                          .party = FACTS_NOBODY,
                          .person = FACTS_NOBODY};
    path = strchr(path, ' ') + 1;
    for (uint32_t i = 0; i < c->p->npeople; i++)
        if (strcmp(c->p->people[i].name, who) == 0) {
            c->f.person = i;
            c->f.party = c->p->people[i].party;
        }
    fault = target_match(c->f.method, path, strlen(path), &target);
    c->f.route = target.route;
    c->f.dialect = target.dialect;
    c->f.fault = fault == TARGET_FINE        ? REASON_NONE
                 : fault == TARGET_MALFORMED ? REASON_BAD_REQUEST
                 : fault == TARGET_METHOD    ? REASON_METHOD_NOT_ALLOWED
                                             : REASON_ROUTE_UNKNOWN;
    if (c->f.fault == REASON_NONE && !route_info(c->f.route)->local)
        body_read(&c->body, c->f.route, body, strlen(body), &c->f);
    c->f.body_bytes = strlen(body);
    c->q = (struct explain_question){.policy = c->p,
                                     .standing = c->s,
                                     .facts = &c->f,
                                     .body = &c->body,
                                     .now = NOW,
                                     .clock = CLOCK_GOOD};
}

/* ---- what makes a request that is fine one that is not ---- */

static void unbound(struct scene *c)
{
    struct standing *empty = standing_new();

    standing_free(c->s);
    c->s = empty;
    c->q.standing = empty;
}

static void clock_behind(struct scene *c)
{
    c->q.clock = CLOCK_BEHIND;
}

static void cert_over(struct scene *c)
{
    c->f.cert_not_after = NOW;
}

static void cert_revoked(struct scene *c)
{
    c->f.revocation = REVOCATION_REVOKED;
}

static void cert_unknown(struct scene *c)
{
    c->f.revocation = REVOCATION_UNKNOWN;
}

static void suspended(struct scene *c)
{
    struct entry e = {.kind = ENTRY_PERSON_SUSPENDED,
                      .u.person_suspended = {.party = "caisi",
                                             .person = "eva",
                                             .cause = "order",
                                             .by = {true, 1}}};
    scene_apply(c, &e, NOW);
}

static void party_revoked(struct scene *c)
{
    struct entry e = {.kind = ENTRY_PARTY_REVOKED,
                      .u.party_revoked = {.party = "caisi", .by = {true, 1}}};
    scene_apply(c, &e, NOW);
}

static void from_network(struct scene *c)
{
    strcpy(c->f.address, "203.0.113.9");
}

static void window_closed(struct scene *c)
{
    struct entry e = {
        .kind = ENTRY_WINDOW_CLOSED,
        .u.window_closed = {.window = "caisi/orion/2026-11-01T00:00:00Z",
                            .cause = "order",
                            .by = {true, 1}}};
    scene_apply(c, &e, NOW);
}

static void model_released(struct scene *c)
{
    struct entry e = {.kind = ENTRY_MODEL_RELEASED,
                      .u.model_released = {
                          .model = "orion", .cause = "order", .by = {true, 1}}};
    scene_apply(c, &e, NOW);
}

static void document_unknown(struct scene *c)
{
    c->f.fault = REASON_DOCUMENT_NOT_FOUND;
}

static void version_other(struct scene *c)
{
    assert_int_equal(labels_take(&c->f, "anthropic-version", "2024-01-01", 10),
                     0);
}

static void beta_other(struct scene *c)
{
    assert_int_equal(labels_take(&c->f, "anthropic-beta", "one-2025,two", 12),
                     0);
}

static void purpose_other(struct scene *c)
{
    assert_int_equal(labels_take(&c->f, "x-sallyport-purpose", "attack", 6), 0);
}

static void purpose_alone(struct scene *c)
{
    assert_int_equal(labels_take(&c->f, "x-sallyport-purpose", "scan", 4), 0);
}

/* eva's requests: admitted, and closed again if `ended`. */
static void used(struct scene *c, unsigned times, bool ended, int64_t t)
{
    struct facts f = c->f;

    for (unsigned i = 0; i < times; i++) {
        struct verdict v = policy_decide(c->p, c->s, &f, t, CLOCK_GOOD);
        struct entry e;

        assert_int_equal(v.reason, REASON_NONE);
        decide_entry(c->p, &f, &v, &e);
        scene_apply(c, &e, t);
        e = (struct entry){.kind = ENTRY_REQUEST_CLOSED,
                           .u.request_closed = {.of = e.n,
                                                .status = 200,
                                                .source = USAGE_REPORTED,
                                                .output_tokens = 10}};
        if (ended)
            scene_apply(c, &e, t);
    }
}

static void three_a_minute(struct scene *c)
{
    used(c, 3, true, NOW - 1000);
}

static void one_open(struct scene *c)
{
    used(c, 1, false, NOW - 1000);
}

static void two_open(struct scene *c)
{
    c->f.max_tokens = 100;
    used(c, 2, false, NOW - 1000);
}

static void one_open_elsewhere(struct scene *c)
{
    c->f.max_tokens = 100;
    strcpy(c->f.address, "192.0.2.77");
    used(c, 1, false, NOW - 1000);
    strcpy(c->f.address, "192.0.2.1");
}

static void four_spent(struct scene *c)
{
    used(c, 2, true, NOW - 600000);
    used(c, 2, true, NOW - 300000);
}

#define CHAT    "POST /v1/chat/completions"
#define HI      "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define ORION   "{\"model\":\"orion\"," HI "}"
#define WITH(m) "{\"model\":\"orion\"," HI "," m "}"
#define OF(m)   "{\"model\":\"" m "\"," HI "}"
#define PART(m)                                                                \
    "{\"model\":\"orion\",\"messages\":[{\"role\":\"user\",\"content\":[" m    \
    "]}]}"

static const struct row {
    const char *who, *request, *body;
    void (*change)(struct scene *c);
    enum decide_step step;
    enum reason reason;
    const char *words[3];
    const char *param;
} rows[] = {
    {"eva",
     CHAT,
     ORION,
     unbound,
     STEP_CLOCK,
     REASON_AUDIT_UNAVAILABLE,
     {"no policy is in force"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     clock_behind,
     STEP_CLOCK,
     REASON_CLOCK_UNSAFE,
     {"2026-11-02T12:00:00Z", "behind the newest entry"},
     NULL},
    {"mallory",
     CHAT,
     ORION,
     NULL,
     STEP_IDENTITY,
     REASON_IDENTITY_UNMAPPED,
     {"nobody that the policy names"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     cert_over,
     STEP_CERTIFICATE,
     REASON_CERTIFICATE_EXPIRED,
     {"to 2026-11-02T12:00:00Z"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     cert_revoked,
     STEP_REVOCATION,
     REASON_CERTIFICATE_REVOKED,
     {"revoked, itself or one of its authorities (mode none)"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     cert_unknown,
     STEP_REVOCATION,
     REASON_REVOCATION_UNAVAILABLE,
     {"nobody can say now"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     suspended,
     STEP_SUSPENDED,
     REASON_PERSON_SUSPENDED,
     {"caisi/eva is suspended, by entry"},
     NULL},
    {"bot",
     CHAT,
     ORION,
     party_revoked,
     STEP_SUSPENDED,
     REASON_ACCESS_REVOKED,
     {"the party caisi is revoked, by entry"},
     NULL},
    {"kim",
     CHAT,
     ORION,
     NULL,
     STEP_SOURCE,
     REASON_SOURCE_DENIED,
     {"192.0.2.1", "in none of the party's 1 networks"},
     NULL},
    {"kim",
     CHAT,
     ORION,
     from_network,
     STEP_SOURCE,
     REASON_HOURS_DENIED,
     {"203.0.113.9 is in one", "outside of", "Mon, Tue 08:00 to 11:00 UTC"},
     NULL},
    {"eva",
     CHAT,
     OF("secret"),
     NULL,
     STEP_MODEL,
     REASON_MODEL_NOT_FOUND,
     {"no window of caisi names a model \"secret\""},
     NULL},
    {"eva",
     CHAT,
     OF("vega"),
     NULL,
     STEP_WINDOW,
     REASON_WINDOW_NOT_OPEN,
     {"caisi/vega/2026-11-20T00:00:00Z", "open from 2026-11-20T00:00:00Z",
      "until 2026-11-30T00:00:00Z"},
     NULL},
    {"ben",
     CHAT,
     ORION,
     NULL,
     STEP_WINDOW,
     REASON_WINDOW_NOT_OPEN,
     {"bank/orion/2026-11-12T00:00:00Z", "government first: "
                                         "caisi/orion/2026-11-01T00:00:00Z"},
     NULL},
    {"eva",
     CHAT,
     OF("lyra"),
     NULL,
     STEP_WINDOW,
     REASON_WINDOW_EXPIRED,
     {"until 2026-10-30T00:00:00Z", "13.5 of 30 days used"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     window_closed,
     STEP_WINDOW,
     REASON_WINDOW_CLOSED,
     {"closed by order or by a policy"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     model_released,
     STEP_WINDOW,
     REASON_MODEL_RELEASED,
     {"the model is released"},
     NULL},
    {"eva",
     CHAT,
     OF("late"),
     NULL,
     STEP_NDA,
     REASON_NDA_REQUIRED,
     {"\"doc\" is not accepted"},
     NULL},
    {"eva",
     "POST /v1/completions",
     "{\"model\":\"orion\",\"prompt\":\"x\"}",
     NULL,
     STEP_ROUTE,
     REASON_ROUTE_DENIED,
     {"no terms of the window name the use \"completions\""},
     NULL},
    {"eva",
     CHAT,
     OF("none"),
     NULL,
     STEP_ROUTE,
     REASON_ROUTE_DENIED,
     {"the model's apis do not have \"chat.completions\""},
     NULL},
    {"ben",
     "GET /v1/models",
     "",
     NULL,
     STEP_WINDOW,
     REASON_WINDOW_NOT_OPEN,
     {"bank/orion/2026-11-12T00:00:00Z"},
     NULL},
    {"eva",
     "POST /v1/other",
     "{}",
     NULL,
     STEP_ROUTE,
     REASON_ROUTE_UNKNOWN,
     {"no such route"},
     NULL},
    {"eva",
     "GET /v1/chat/completions",
     "",
     NULL,
     STEP_ROUTE,
     REASON_METHOD_NOT_ALLOWED,
     {"POST"},
     NULL},
    {"eva",
     "GET /sallyport/v1/nda/x",
     "",
     document_unknown,
     STEP_BODY,
     REASON_DOCUMENT_NOT_FOUND,
     {"document"},
     NULL},
    {"eva",
     "POST /v1//x",
     "{}",
     NULL,
     STEP_BODY,
     REASON_BAD_REQUEST,
     {"not well-formed HTTP"},
     NULL},
    {"eva",
     CHAT,
     "{",
     NULL,
     STEP_BODY,
     REASON_INVALID_JSON,
     {"not one well-formed JSON object"},
     NULL},
    {"eva",
     CHAT,
     WITH("\"seed\":1,\"seed\":1"),
     NULL,
     STEP_BODY,
     REASON_DUPLICATE_KEY,
     {"same key twice"},
     NULL},
    {"eva",
     CHAT,
     WITH("\"stream\":1"),
     NULL,
     STEP_BODY,
     REASON_INVALID_FIELD,
     {"At /stream."},
     "/stream"},
    {"eva",
     CHAT,
     NULL,
     NULL,
     STEP_BODY,
     REASON_BODY_TOO_LARGE,
     {"bytes of at most 1000"},
     NULL},
    {"eva",
     CHAT,
     OF("bare"),
     NULL,
     STEP_PURPOSE,
     REASON_PURPOSE_REQUIRED,
     {"no purpose is said", "the terms \"defence\" want a purpose "
                            "(scan, repair) and a case"},
     NULL},
    {"eva",
     CHAT,
     OF("bare"),
     purpose_other,
     STEP_PURPOSE,
     REASON_PURPOSE_REQUIRED,
     {"purpose \"attack\"", "(scan, repair)"},
     NULL},
    {"eva",
     CHAT,
     OF("bare"),
     purpose_alone,
     STEP_PURPOSE,
     REASON_PURPOSE_REQUIRED,
     {"purpose \"scan\"", "a case"},
     NULL},
    {"eva",
     "POST /v1/messages",
     "{\"model\":\"ant\",\"max_tokens\":9," HI "}",
     version_other,
     STEP_PURPOSE,
     REASON_VERSION_DENIED,
     {"2024-01-01", "2023-06-01"},
     NULL},
    {"eva",
     "POST /v1/messages",
     "{\"model\":\"ant\",\"max_tokens\":9," HI "}",
     beta_other,
     STEP_PURPOSE,
     REASON_BETA_DENIED,
     {"one-2025,two", "allow one-2025"},
     NULL},
    {"eva",
     CHAT,
     WITH("\"new\":1"),
     NULL,
     STEP_FIELDS,
     REASON_UNKNOWN_FIELD,
     {"a field that is not known: deny (terms \"t\"), at /new"},
     "/new"},
    {"eva",
     CHAT,
     WITH("\"logprobs\":true"),
     NULL,
     STEP_FIELDS,
     REASON_PARAMETER_DENIED,
     {"logprobs: deny (terms \"t\"), at /logprobs"},
     "/logprobs"},
    {"eva",
     CHAT,
     WITH("\"n\":3"),
     NULL,
     STEP_FIELDS,
     REASON_PARAMETER_DENIED,
     {"n=3: at most 2 (terms \"t\"), at /n"},
     "/n"},
    {"eva",
     CHAT,
     WITH("\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"x\"}}]"),
     NULL,
     STEP_TOOLS,
     REASON_TOOL_DENIED,
     {"1 of type custom", "allow 2 of function"},
     NULL},
    {"eva",
     CHAT,
     PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a/b\"}}"),
     NULL,
     STEP_MEDIA,
     REASON_REMOTE_URL_DENIED,
     {"the terms \"t\" refuse URLs to fetch"},
     NULL},
    {"eva",
     CHAT,
     PART("{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"data:image/png;base64,AA==\"}}"),
     NULL,
     STEP_MEDIA,
     REASON_MEDIA_DENIED,
     {"the terms \"t\" refuse files inside"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     three_a_minute,
     STEP_RATE,
     REASON_RATE_LIMITED,
     {"requests within the minute: 3 of 3", "again in"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     two_open,
     STEP_RATE,
     REASON_CONCURRENCY_LIMITED,
     {"requests open: 2 of 2"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     one_open_elsewhere,
     STEP_RATE,
     REASON_ADDRESSES_LIMITED,
     {"addresses with this one: 2 of 1"},
     NULL},
    {"eva",
     CHAT,
     WITH("\"max_tokens\":990"),
     one_open,
     STEP_BUDGET,
     REASON_BUDGET_RESERVED,
     {"window tokens: 0 of 1000 and", "set aside"},
     NULL},
    {"eva",
     CHAT,
     ORION,
     four_spent,
     STEP_BUDGET,
     REASON_BUDGET_EXHAUSTED,
     {"window requests: 4 of 4"},
     NULL},
    {"eva",
     CHAT,
     WITH("\"seed\":1,\"user\":\"me\""),
     NULL,
     STEP_ALLOWED,
     REASON_NONE,
     {NULL},
     NULL},
    {"eva",
     "GET /v1/models",
     "",
     NULL,
     STEP_ALLOWED,
     REASON_NONE,
     {NULL},
     NULL},
    {"eva",
     "GET /sallyport/v1/status",
     "",
     NULL,
     STEP_ALLOWED,
     REASON_NONE,
     {NULL},
     NULL},
};

/* Asked before a change that the request itself is not part of. */
static void row_ask(struct scene *c, const struct row *row)
{
    char large[1100];

    if (row->body != NULL) {
        ask(c, row->who, row->request, row->body);
        return;
    }
    memset(large, ' ', sizeof large);
    memcpy(large, ORION, strlen(ORION));
    large[sizeof large - 1] = 0;
    ask(c, row->who, row->request, large);
    json_release(&c->body);
    c->body = (struct json){0}; /* `large` does not outlive this */
    c->q.body = NULL;
}

static void steps_check(const struct scene *c, const struct row *row, size_t i)
{
    for (unsigned k = 0; k < EXPLAIN_STEPS; k++) {
        const struct explain_step *s = &c->e.steps[k];

        assert_int_equal(s->step, k);
        if (s->taken != (k <= row->step) || (s->words[0] == 0) == s->taken ||
            (s->taken && (s->reason == REASON_NONE) != (k != row->step)))
            fail_msg("row %zu: step %s: %s %s", i, decide_step_text(s->step),
                     s->taken ? reason_info(s->reason)->code : "not taken",
                     s->words);
    }
}

static void row_check(struct scene *c, const struct row *row, size_t i)
{
    const struct verdict plain =
        policy_decide(c->p, c->s, &c->f, c->q.now, c->q.clock);
    const char *words;

    explain(&c->e, &c->q);
    if (c->e.verdict.reason != row->reason || c->e.verdict.step != row->step)
        fail_msg("row %zu: %s at %s, wanted %s at %s", i,
                 reason_info(c->e.verdict.reason)->code,
                 decide_step_text(c->e.verdict.step),
                 reason_info(row->reason)->code, decide_step_text(row->step));
    assert_int_equal(plain.reason, c->e.verdict.reason);
    assert_int_equal(plain.step, c->e.verdict.step);
    assert_int_equal(plain.deadline, c->e.verdict.deadline);
    assert_int_equal(plain.field, c->e.verdict.field);
    steps_check(c, row, i);
    assert_string_equal(c->e.param, row->param == NULL ? "" : row->param);
    if (row->step == STEP_ALLOWED)
        return;
    words = c->e.steps[row->step].words;
    for (size_t k = 0; k < 3 && row->words[k] != NULL; k++)
        if (strstr(words, row->words[k]) == NULL)
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, words,
                     row->words[k]);
}

static void each_reason_is_explained_at_its_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene c;

        scene_open(&c);
        row_ask(&c, &rows[i]);
        if (rows[i].change != NULL)
            rows[i].change(&c);
        c.f.max_tokens =
            rows[i].change == two_open || rows[i].change == one_open_elsewhere
                ? 100
                : c.f.max_tokens;
        row_check(&c, &rows[i], i);
        scene_close(&c);
    }
}

/* What only bytes, load or another process can cause is never decided. */
static void every_reason_has_a_row(void **state)
{
    static const enum reason elsewhere[] = {
        REASON_HEAD_TOO_LARGE,   REASON_EXPECTATION_FAILED,
        REASON_BODY_TIMEOUT,     REASON_CONTENT_TYPE,
        REASON_TOO_DEEP,         REASON_ENCODING_UNSUPPORTED,
        REASON_NDA_INVALID,      REASON_EGRESS_CEILING,
        REASON_TIME_LIMIT,       REASON_DRAINING,
        REASON_OVERLOADED,       REASON_UPSTREAM_ERROR,
        REASON_UPSTREAM_TIMEOUT,
    };
    bool seen[REASON_COUNT] = {false}, stepped[STEP_ALLOWED + 1] = {false};

    (void)state;
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        seen[elsewhere[i]] = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        seen[rows[i].reason] = true;
        stepped[rows[i].step] = true;
    }
    for (int r = 0; r < REASON_COUNT; r++)
        if (!seen[r])
            fail_msg("no row is refused as %s",
                     reason_info((enum reason)r)->code);
    for (unsigned k = 0; k <= STEP_ALLOWED; k++)
        if (!stepped[k])
            fail_msg("no row ends at the step %s",
                     decide_step_text((enum decide_step)k));
}

static void fields_and_budgets_are_told(void **state)
{
    struct scene c;
    char text[1024];

    (void)state;
    scene_open(&c);
    ask(&c, "eva", CHAT, WITH("\"seed\":1,\"user\":\"me\",\"n\":2"));
    used(&c, 1, true, NOW - 1000);
    explain(&c.e, &c.q);
    explain_fields(&c.e, text, sizeof text);
    assert_string_equal(text, "n=2 at most 2, seed=1 allowed, user stripped, "
                              "store forced to false");
    explain_left(&c.e, text, sizeof text);
    assert_string_equal(text, "window requests: 3 of 4 left; window tokens: "
                              "990 of 1000 left");
    assert_string_equal(c.e.steps[STEP_WINDOW].words,
                        "caisi/orion/2026-11-01T00:00:00Z, open until "
                        "2026-11-11T00:00:00Z, 1.5 of 30 days used");
    scene_close(&c);
}

/* Long names and lists are cut, not written past the end. */
static void words_have_an_end(void **state)
{
    struct scene c;
    char text[8];

    (void)state;
    scene_open(&c);
    ask(&c, "eva", CHAT, WITH("\"seed\":1,\"user\":\"me\",\"n\":2"));
    explain(&c.e, &c.q);
    memset(text, 'x', sizeof text);
    explain_fields(&c.e, text, sizeof text - 1);
    assert_int_equal(strlen(text), sizeof text - 2);
    assert_int_equal(text[sizeof text - 1], 'x');
    scene_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_is_explained_at_its_step),
        cmocka_unit_test(every_reason_has_a_row),
        cmocka_unit_test(fields_and_budgets_are_told),
        cmocka_unit_test(words_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
