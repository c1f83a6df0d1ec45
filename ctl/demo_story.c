/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of the demo: each step does something with real connections,
 * prints what was seen, and says whether that is what had to be seen. Runs in
 * `sallyport demo`.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/demo.h"
#include "lib/clock.h"
#include "lib/file.h"

#define TIMEOUT_MS 15000
/* P2's hard bound. What is usual is far below, and printed. */
#define CUT_MAX_MS 1000.0
/* The gate counts whole milliseconds, we count microseconds: it may seem to be
 * early by so much. */
#define CUT_GRAIN_MS 1.0

#define ASK(model, stream, prompt)                                             \
    "{\"model\":\"" model "\",\"stream\":" stream                              \
    ",\"max_tokens\":100000,\"messages\":[{\"role\":\"user\",\"content\":"     \
    "\"" prompt "\"}]}"

static bool tell(struct demo *d, bool ok, const char *what,
                 const char *expected, const char *format, ...) SP_PRINTF(5, 6);

/* One line of the story. */
static bool tell(struct demo *d, bool ok, const char *what,
                 const char *expected, const char *format, ...)
{
    char seen[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(seen, sizeof seen, format, ap);
    va_end(ap);
    d->checks++;
    printf("  [%s] %-42s %s\n", ok ? "ok" : "SURPRISE", what, seen);
    if (!ok)
        printf("             expected: %s\n", expected);
    fflush(stdout);
    return ok;
}

static double ms_between(int64_t from_us, int64_t to_us)
{
    return (double)(to_us - from_us) / 1000.0;
}

/* --- connections --- */

/* `from`: whose certificate is offered, a deployment's folder or NULL. */
static int gate_connect(struct demo *d, const char *from, struct client **c)
{
    char anchors[DEMO_PATH], certificate[DEMO_PATH], key[DEMO_PATH];
    struct client_options o = {.to = &d->address,
                               .host = "127.0.0.1",
                               .anchors =
                                   demo_path(d->gate, "ca/ca.crt", anchors),
                               .timeout_ms = TIMEOUT_MS};

    if (from != NULL) {
        o.certificate =
            demo_path(from, "people/caisi/evaluator.crt", certificate);
        o.key = demo_path(from, "people/caisi/evaluator.key", key);
    }
    return client_connect(&o, c);
}

/* One request on a connection of its own, as the evaluator. */
static int gate_ask(struct demo *d, const char *body, struct client_answer *a,
                    client_piece_fn *piece, void *arg, char problem[256])
{
    struct client *c;
    int r = gate_connect(d, d->gate, &c);

    *a = (struct client_answer){0};
    if (r == 0)
        r = client_exchange(c, "POST", "/v1/chat/completions", body, a, piece,
                            arg);
    snprintf(problem, 256, "%s",
             c == NULL ? "out of memory" : client_problem(c));
    client_close(c);
    return r;
}

static bool body_has(const struct client_answer *a, const char *text)
{
    return a->body.length > 0 && memmem(buf_bytes(&a->body), a->body.length,
                                        text, strlen(text)) != NULL;
}

static bool body_equal(const struct client_answer *a,
                       const struct client_answer *b)
{
    return a->body.length == b->body.length && a->body.length > 0 &&
           memcmp(buf_bytes(&a->body), buf_bytes(&b->body), a->body.length) ==
               0;
}

/* --- who gets in --- */

static bool handshake_refused(struct demo *d, const char *what,
                              const char *from, const char *alert)
{
    struct client *c;
    struct client_answer a = {0};
    int r = gate_connect(d, from, &c);

    if (r == 0)
        r = client_exchange(c, "GET", "/v1/models", NULL, &a, NULL, NULL);
    const char *problem = c == NULL ? "out of memory" : client_problem(c);
    bool ok = r == SP_EPERM && strcmp(problem, alert) == 0;
    if (r == 0)
        tell(d, false, what, "no answer at all", "HTTP %d", a.status);
    else
        tell(d, ok, what, alert, "handshake refused (%s)", problem);
    client_answer_release(&a);
    client_close(c);
    return ok;
}

static bool step_no_certificate(struct demo *d)
{
    return handshake_refused(d, "request without a certificate", NULL,
                             "alert: certificate required");
}

/* Same names as the evaluator's certificate, from another authority. */
static bool step_stranger(struct demo *d)
{
    return handshake_refused(d, "a stranger's certificate, same names",
                             d->stranger, "alert: unknown ca");
}

/* --- what gets through --- */

static bool step_chat(struct demo *d)
{
    struct client_answer a;
    char problem[256];
    int r =
        gate_ask(d, ASK("orion", "false", "good morning tokens=20 pace=100"),
                 &a, NULL, NULL, problem);
    bool ok = r == 0 && a.status == 200 && a.complete &&
              body_has(&a, "\"chat.completion\"");

    if (r != 0)
        tell(d, false, "the evaluator's chat request", "200", "%s", problem);
    else
        tell(d, ok, "the evaluator's chat request", "200 and a completion",
             "%d, %zu bytes of %s in %.0f ms", a.status, a.body.length, a.type,
             ms_between(a.sent_us, a.end_us));
    client_answer_release(&a);
    return ok;
}

/* Events of a stream, counted by their "data:" lines as they come. */
struct events {
    unsigned count;
    char last; /* of the piece before, to see line starts across pieces */
    size_t matched;
    int64_t first_us, last_us;
};

static void on_event_piece(void *arg, int64_t at_us, const char *data,
                           size_t length)
{
    struct events *e = arg;
    static const char start[] = "\ndata:";

    for (size_t i = 0; i < length; i++) {
        bool fits = data[i] == start[e->matched];
        e->matched = fits ? e->matched + 1 : data[i] == '\n';
        if (e->matched < sizeof start - 1)
            continue;
        e->matched = 0;
        e->count++;
        e->last_us = at_us;
        if (e->first_us == 0)
            e->first_us = at_us;
    }
}

static bool step_stream(struct demo *d)
{
    struct client_answer a;
    struct events e = {.matched = 1}; /* the body starts at a line's start */
    char problem[256];
    int r = gate_ask(d, ASK("orion", "true", "count for me tokens=20 pace=20"),
                     &a, on_event_piece, &e, problem);
    /* 20 tokens take 950 ms; had the gate kept them back, they would have come
     * all at once. */
    bool ok = r == 0 && a.status == 200 && a.complete && e.count >= 22 &&
              body_has(&a, "data: [DONE]") &&
              ms_between(e.first_us, e.last_us) > 500;

    if (r != 0)
        tell(d, false, "the same, streamed", "200", "%s", problem);
    else
        tell(d, ok, "the same, streamed",
             "200 and 23 events over about a second, the last one [DONE]",
             "%d, %u events: first after %.0f ms, last after %.0f ms", a.status,
             e.count, ms_between(a.sent_us, e.first_us),
             ms_between(a.sent_us, e.last_us));
    client_answer_release(&a);
    return ok;
}

/* A model that others may use and one that does not exist look the same. */
static bool step_withheld(struct demo *d)
{
    struct client_answer a, b;
    char problem[256];
    int r = gate_ask(d, ASK("orion-other", "false", "hello"), &a, NULL, NULL,
                     problem);
    int s = gate_ask(d, ASK("no-such-one", "false", "hello"), &b, NULL, NULL,
                     problem);
    bool same = r == 0 && s == 0 && a.status == b.status && body_equal(&a, &b);
    bool ok = same && a.status == 404 && body_has(&a, "\"model_not_found\"");

    if (r != 0 || s != 0) {
        tell(d, false, "a model without a window", "404", "%s", problem);
    } else {
        tell(d, a.status == 404, "a model without a window for this party",
             "404", "%d model_not_found", a.status);
        tell(d, ok, "a model that does not exist",
             "404, the same bytes as for the one without a window",
             "%d, %s body (%zu bytes)", b.status,
             same ? "the same" : "a different", b.body.length);
    }
    client_answer_release(&a);
    client_answer_release(&b);
    return ok;
}

/* --- the end of a window --- */

struct cut {
    const char *what;
    const char *target;
    const char *body;
    const char *end; /* the error event holds this */
    struct client *client;
    struct client_answer answer;
    struct events events;
    pthread_t thread;
    bool started;
    int result;
    bool closed;
    int64_t closed_us;
};

static void *cut_run(void *arg)
{
    struct cut *c = arg;

    c->events.matched = 1;
    c->result = client_exchange(c->client, "POST", c->target, c->body,
                                &c->answer, on_event_piece, &c->events);
    c->closed = c->answer.closed ||
                (c->result == 0 && client_closed_within(c->client, 2000));
    c->closed_us = client_now_us();
    return NULL;
}

static bool cut_tell(struct demo *d, const struct cut *c)
{
    const struct client_answer *a = &c->answer;
    int64_t end = d->brief_closes * 1000;
    double delay = ms_between(end, a->last_us);

    if (c->result != 0)
        return tell(d, false, c->what, "200 and a stream", "%s",
                    client_problem(c->client));
    bool ok = a->status == 200 && body_has(a, c->end) &&
              !body_has(a, "[DONE]") && !body_has(a, "message_stop") &&
              c->closed && delay >= -CUT_GRAIN_MS && delay <= CUT_MAX_MS;
    return tell(d, ok, c->what,
                "an error event \"window_expired\" at most 1000 ms after the "
                "end, no [DONE], connection closed",
                "%u events, then %s %.1f ms after the end, %s", c->events.count,
                body_has(a, c->end) ? "error event" : "NO error event",
                delay < 0 && delay >= -CUT_GRAIN_MS ? 0.0 : delay,
                c->closed ? "closed" : "NOT closed");
}

static bool cuts_start(struct demo *d, struct cut *cuts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = gate_connect(d, d->gate, &cuts[i].client);
        if (r == 0)
            r = pthread_create(&cuts[i].thread, NULL, cut_run, &cuts[i]);
        if (r != 0)
            return tell(d, false, cuts[i].what, "a connection", "%s",
                        cuts[i].client == NULL
                            ? "out of memory"
                            : client_problem(cuts[i].client));
        cuts[i].started = true;
    }
    return true;
}

static bool cuts_finish(struct demo *d, struct cut *cuts, size_t n, bool ok)
{
    for (size_t i = 0; i < n; i++) {
        if (cuts[i].started) {
            pthread_join(cuts[i].thread, NULL);
            ok = cut_tell(d, &cuts[i]) && ok;
        }
        client_answer_release(&cuts[i].answer);
        client_close(cuts[i].client);
    }
    return ok;
}

static bool keepalive_ask(struct demo *d, struct client *c, const char *what,
                          int status, const char *code)
{
    struct client_answer a;
    char expected[64];
    int r = client_exchange(c, "POST", "/v1/chat/completions",
                            ASK("orion-brief", "false", "hello tokens=2"), &a,
                            NULL, NULL);
    bool ok = r == 0 && a.status == status && body_has(&a, code);

    snprintf(expected, sizeof expected, "%d %s", status, code);
    if (r != 0)
        tell(d, false, what, expected, "%s", client_problem(c));
    else
        tell(d, ok, what, expected, "%d%s%s", a.status,
             status == 403 && ok ? " window_expired" : "",
             a.retry_denied ? ", not to be retried" : "");
    client_answer_release(&a);
    return ok;
}

static bool step_window_end(struct demo *d)
{
    struct cut cuts[] = {
        {.what = "window ends in mid-stream, OpenAI",
         .target = "/v1/chat/completions",
         .body = ASK("orion-brief", "true", "go on tokens=90000 pace=25"),
         .end = "\"code\":\"window_expired\""},
        {.what = "window ends in mid-stream, Anthropic",
         .target = "/v1/messages",
         .body = ASK("orion-brief", "true", "go on tokens=90000 pace=25"),
         .end = "\"error_code\":\"window_expired\""},
        {.what = "window ends while the model is silent",
         .target = "/v1/chat/completions",
         .body = ASK("orion-brief", "true", "tokens=90000 hang-after=3"),
         .end = "\"code\":\"window_expired\""},
    };
    size_t n = sizeof cuts / sizeof cuts[0];
    struct client *idle;
    bool ok = gate_connect(d, d->gate, &idle) == 0;

    if (!ok)
        tell(d, false, "a connection to be kept", "a connection", "%s",
             idle == NULL ? "out of memory" : client_problem(idle));
    ok = ok && keepalive_ask(d, idle, "a model whose window ends in seconds",
                             200, "chat.completion");
    double left = (double)(d->brief_closes - clock_wall_ms()) / 1000.0;
    if (ok && left < 1)
        ok = tell(d, false, "three streams before the window's end",
                  "a second left to start them", "%.1f s left", left);
    ok = ok && cuts_start(d, cuts, n);
    if (ok)
        printf("       ... three streams are open; the window ends in %.1f s\n",
               (double)(d->brief_closes - clock_wall_ms()) / 1000.0);
    fflush(stdout);
    ok = cuts_finish(d, cuts, n, ok);
    ok = ok && keepalive_ask(d, idle, "the connection that was kept open", 403,
                             "window_expired");
    client_close(idle);
    return ok;
}

/* --- the ledger --- */

static bool step_stop(struct demo *d)
{
    int status = demo_daemon_stop(d);
    return tell(d, status == 0, "the daemon is told to stop", "exit status 0",
                "exit status %d", status);
}

/* What stands behind `word` at the start of a line of `output`, or "". Ends
 * the line. */
static const char *line_after(char *output, const char *word)
{
    size_t length = strlen(word);

    for (char *line = output; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, word, length) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        return line + length + strspn(line + length, " ");
    }
    return "";
}

static bool step_verify(struct demo *d)
{
    char output[8192];
    int status =
        demo_run(d, output, sizeof output, "log", "verify", d->gate, NULL);
    bool ok = status == 0 && strstr(output, "\nsignature    good") != NULL;
    const char *tree = line_after(output, "tree ");

    return tell(d, ok && strncmp(tree, "good", 4) == 0,
                "the ledger is verified",
                "exit status 0, signature and tree good", "%s",
                tree[0] != '\0' ? tree : output);
}

/* The ledger's size, from the second line of its checkpoint. */
static unsigned long checkpoint_size(const char *ledger)
{
    char path[DEMO_PATH];
    uint8_t *text;
    size_t length;
    unsigned long size = 0;

    if (file_read(AT_FDCWD, demo_path(ledger, "checkpoint", path), 65536, &text,
                  &length) != 0)
        return 0;
    const char *line = strchr((char *)text, '\n');
    if (line != NULL)
        size = strtoul(line + 1, NULL, 10);
    free(text);
    return size;
}

/* Flips one bit in the middle of entry `index` of a bundle: entries are
 * framed by two bytes of length. */
static int entry_flip(const char *path, unsigned long index)
{
    uint8_t *data;
    size_t length, at = 0;
    int r = file_read(AT_FDCWD, path, 16u << 20, &data, &length);

    if (r != 0)
        return r;
    for (unsigned long i = 0; i < index && at + 2 <= length; i++)
        at += 2 + (size_t)(data[at] << 8 | data[at + 1]);
    r = at + 2 <= length ? 0 : SP_ECORRUPT;
    if (r == 0) {
        at += 2 + (size_t)(data[at] << 8 | data[at + 1]) / 2;
        data[at] ^= 1;
        r = file_replace(AT_FDCWD, path, 0600, data, length);
    }
    free(data);
    return r;
}

static bool step_flip(struct demo *d)
{
    char copy[DEMO_PATH], ledger[DEMO_PATH], key[DEMO_PATH];
    char bundle[DEMO_PATH + 64], what[64], expected[64], output[8192];
    unsigned long size, index;
    struct child cp = {0};

    demo_path(d->folder, "copy", copy);
    demo_path(d->gate, "ledger", ledger);
    const char *const argv[] = {"cp", "-R", ledger, copy, NULL};
    if (child_start(&cp, demo_path(d->folder, "cp.log", bundle), argv) != 0 ||
        child_wait(&cp, TIMEOUT_MS) != 0 ||
        (size = checkpoint_size(copy)) < 4 || size > 255)
        return tell(d, false, "a copy of the ledger",
                    "4 to 255 entries, which make one bundle",
                    "it cannot be copied or read");
    index = size / 2;
    snprintf(bundle, sizeof bundle, "%s/tile/entries/000.p/%lu", copy, size);
    if (entry_flip(bundle, index) != 0)
        return tell(d, false, "a copy of the ledger", "a bundle", "no %s",
                    bundle);
    int status =
        demo_run(d, output, sizeof output, "log", "verify", copy, "--key-file",
                 demo_path(d->gate, "keys/ledger.vkey", key), NULL);
    const char *verdict = line_after(output, "FAILED ");
    snprintf(what, sizeof what, "a copy, one byte of entry %lu flipped", index);
    snprintf(expected, sizeof expected, "entry %lu:", index);
    bool ok = status == 1 && strncmp(verdict, expected, strlen(expected)) == 0;
    return tell(d, ok, what, expected, "%s%s", ok ? "found: " : "",
                verdict[0] != '\0' ? verdict : output);
}

bool demo_story_tell(struct demo *d)
{
    static bool (*const steps[])(struct demo * d) = {
        step_no_certificate, step_stranger, step_chat,
        step_stream,         step_withheld, step_window_end,
        step_stop,           step_verify,   step_flip};
    bool ok = true;

    /* A surprise ends the story: later steps build on earlier ones. */
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && ok; i++)
        ok = !demo_interrupted() && steps[i](d);
    return ok;
}
