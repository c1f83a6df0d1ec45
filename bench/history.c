/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-history: a ledger as long as one likes, made in minutes. It begins with
 * what the daemon wrote at its first start (dated back), and goes on with
 * requests that come, are decided, end or are refused: by the code that the
 * keeper decides, encodes, applies and appends with, and with snapshots as it
 * takes them. Nothing is faked but who asks, when, and what the model said. A
 * tool of bench/ledger's; its input is that script's.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ledger/snapshots.h"
#include "lib/file.h"
#include "policy/decide.h"
#include "policy/standing_snapshot.h"

#define OPEN_MAX 64        /* requests that are under way at the same time */
#define BEHIND   (1 << 20) /* entries durable, not published: bounds the disk */
#define WAITING  (1 << 15) /* entries appended, not durable: bounds memory */
#define PACED    512       /* entries between two looks at these */
#define SNAPSHOT 32768     /* entries between two, as in gateway/keeper.h */

struct open_request {
    uint64_t n;
    int64_t max_tokens;
    uint64_t bytes;
};

struct history {
    struct note_signer signer;
    struct policy *policy;
    struct standing *standing;
    struct ledger *ledger;
    struct open_request open[OPEN_MAX];
    unsigned nopen;
    int folder; /* the ledger's */
    uint64_t snapshot;
    uint64_t seed, count, admitted, refused, bytes;
    int64_t began, ends; /* ms UTC of the first and last entry */
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench-history: %s: %s\n", what, why);
    exit(1);
}

static void check(int r, const char *what)
{
    if (r != 0)
        fail(what, sp_strerror(r));
}

static void ledger_failed(void *arg, int error, const char *what)
{
    (void)arg;
    fail(what, sp_strerror(error));
}

/* xorshift64: the same history each time. */
static uint64_t random_below(struct history *h, uint64_t limit)
{
    h->seed ^= h->seed << 13;
    h->seed ^= h->seed >> 7;
    h->seed ^= h->seed << 17;
    return h->seed % limit;
}

static void random_hash(struct history *h, uint8_t hash[32])
{
    for (unsigned i = 0; i < 32; i++)
        hash[i] = (uint8_t)random_below(h, 256);
}

/* Entries are spread evenly over the history's days. */
static int64_t history_time(const struct history *h, uint64_t n)
{
    double share = (double)n / (double)h->count;

    return h->began + (int64_t)((double)(h->ends - h->began) * share);
}

/* The disk must neither be outrun in memory nor filled with the write-ahead
 * file: the keeper's load never does the one, its publisher keeps up. */
static void pace(struct history *h)
{
    const struct timespec nap = {.tv_nsec = 500000};
    uint64_t size = ledger_size(h->ledger);

    if (size % PACED != 0)
        return;
    ledger_kick(h->ledger, true);
    while (size - ledger_durable(h->ledger) > WAITING ||
           size - ledger_published(h->ledger) > BEHIND)
        nanosleep(&nap, NULL);
}

static uint64_t record(struct history *h, struct entry *e)
{
    char line[LIMIT_ENTRY_BYTES];
    size_t length;
    uint64_t n;

    e->n = ledger_size(h->ledger);
    e->t = history_time(h, e->n);
    check(entry_encode(e, line, sizeof line, &length), "entry");
    if (standing_apply(h->standing, e) != 0)
        fail("standing", standing_error(h->standing));
    check(ledger_append(h->ledger, line, length, &n), "append");
    h->bytes += length;
    pace(h);
    return n;
}

/* The beginning ----------------------------------------------------------- */

static int folder_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        fail(path, sp_strerror(sp_error_from_errno()));
    return fd;
}

static void deployment_read(struct history *h, int folder)
{
    struct report report = {.out = stderr};
    uint8_t *data = NULL;
    size_t length;

    check(
        file_read(folder, "keys/ledger.key", NOTE_KEY_TEXT_MAX, &data, &length),
        "keys/ledger.key");
    check(note_signer_parse((const char *)data, length, &h->signer),
          "keys/ledger.key");
    free(data);
    check(file_read(folder, "policy.yaml", LIMIT_POLICY_BYTES, &data, &length),
          "policy.yaml");
    check(policy_parse("policy.yaml", (const char *)data, length, NULL, NULL,
                       &report, &h->policy),
          "policy.yaml");
    free(data);
}

static void ledger_begin(struct history *h, int folder)
{
    struct ledger_options o = {
        .signer = &h->signer, .checkpoint_ms = 500, .on_failed = ledger_failed};
    struct ledger_recovery recovery;

    check(file_make_folders(folder, "ledger", 0700), "ledger");
    o.folder = openat(folder, "ledger", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o.folder < 0)
        fail("ledger", sp_strerror(sp_error_from_errno()));
    check(ledger_create(o.folder, &h->signer), "ledger");
    if (ledger_open(&o, NULL, NULL, &recovery, &h->ledger) != 0)
        fail("ledger", recovery.problem);
    h->folder = o.folder;
}

/* What the daemon wrote at its first start, under earlier times. */
static void beginning_copy(struct history *h, const char *path)
{
    int folder = folder_open(path);
    struct entry_reader *reader = malloc(sizeof *reader);
    struct ledger_view *v = NULL;

    if (reader == NULL)
        fail(path, sp_strerror(SP_ENOMEM));
    entry_reader_init(reader);
    check(ledger_view_open(folder, &h->signer.verifier, 1, &v), path);
    for (uint64_t n = 0; n < ledger_view_checkpoint(v)->size; n++) {
        const uint8_t *line;
        size_t length;
        struct entry e;
        check(ledger_view_entry(v, n, &line, &length), path);
        check(entry_decode(reader, (const char *)line, length, &e), path);
        record(h, &e);
    }
    check(standing_bind(h->standing, h->policy), "policy.yaml");
    ledger_view_free(v);
    entry_reader_release(reader);
    free(reader);
    close(folder);
}

/* Requests ---------------------------------------------------------------- */

static struct facts facts_make(struct history *h)
{
    static const int64_t ceilings[] = {-1, 256, 1024, 4096};
    uint32_t person = (uint32_t)random_below(h, h->policy->npeople);
    bool messages = random_below(h, 3) == 0;
    struct facts f = {
        .person = person,
        .party = h->policy->people[person].party,
        .cert_not_before = h->began - 86400000,
        .cert_not_after = h->ends + 864000000,
        .method = METHOD_POST,
        .route = messages ? ROUTE_MESSAGES : ROUTE_CHAT_COMPLETIONS,
        .dialect = messages ? DIALECT_ANTHROPIC : DIALECT_OPENAI,
        .stream = random_below(h, 2) == 0,
        .max_tokens = ceilings[random_below(h, 4)],
        .body_bytes = 200 + random_below(h, 4000),
        .outputs = 1,
    };
    const char *model = h->policy->models[0].name;

    if (random_below(h, 25) == 0)
        model = "not-a-model";
    if (random_below(h, 100) == 0)
        f.person = f.party = FACTS_NOBODY;
    if (messages && f.max_tokens < 0)
        f.max_tokens = 512;
    memset(f.cert_sha256, (int)(person % 251) + 1, sizeof f.cert_sha256);
    snprintf(f.address, sizeof f.address, "192.0.2.%u", person % 250 + 1);
    snprintf(f.model, sizeof f.model, "%s", model);
    if (messages)
        snprintf(f.version, sizeof f.version, "2023-06-01");
    return f;
}

static void request_begin(struct history *h)
{
    struct facts f = facts_make(h);
    struct verdict v =
        policy_decide(h->policy, h->standing, &f,
                      history_time(h, ledger_size(h->ledger)), CLOCK_GOOD);
    struct entry e;

    decide_entry(h->policy, &f, &v, &e);
    uint64_t n = record(h, &e);
    h->admitted += v.reason == REASON_NONE;
    h->refused += v.reason != REASON_NONE;
    if (v.reason == REASON_NONE)
        h->open[h->nopen++] =
            (struct open_request){n, f.max_tokens, f.body_bytes};
}

static void request_end(struct history *h)
{
    struct open_request *r = &h->open[random_below(h, h->nopen)];
    uint64_t most = r->max_tokens < 0 ? 4096 : (uint64_t)r->max_tokens;
    struct entry e = {.kind = ENTRY_REQUEST_CLOSED};
    struct entry_request_closed *c = &e.u.request_closed;

    c->of = r->n;
    c->cause = random_below(h, 50) == 0 ? CAUSE_CLIENT_LEFT : CAUSE_DONE;
    c->status = 200;
    c->source = USAGE_REPORTED;
    c->asked_bytes = r->bytes;
    c->input_tokens = r->bytes / 4;
    c->output_tokens = 1 + random_below(h, most);
    c->content_bytes = 4 * c->output_tokens;
    c->answered_bytes = 600 + c->content_bytes;
    c->finish = c->cause == CAUSE_DONE ? "stop" : NULL;
    c->has_commitments = true;
    random_hash(h, c->asked);
    random_hash(h, c->answered);
    *r = h->open[--h->nopen];
    record(h, &e);
}

static void stranger_refuse(struct history *h)
{
    struct entry e = {
        .kind = ENTRY_CONNECTION_REFUSED,
        .u.connection_refused = {.address = "198.51.100.9",
                                 .reason = "untrusted",
                                 .count = 1 + (uint32_t)random_below(h, 9)}};

    record(h, &e);
}

static void snapshot_take(struct history *h)
{
    char format[STANDING_FORMAT_SIZE];
    struct entry e = {.kind = ENTRY_SNAPSHOT, .u.snapshot = {.format = format}};
    uint8_t *data;
    size_t length;

    standing_format(format);
    check(standing_encode(h->standing, &data, &length), "snapshot");
    crypto_hash_sha256(e.u.snapshot.sha256, data, length);
    h->snapshot = e.u.snapshot.size = ledger_size(h->ledger);
    check(snapshots_put(h->folder, h->snapshot, data, length), "snapshot");
    free(data);
    record(h, &e);
}

/* So that all of them end within the count. */
static bool may_begin(const struct history *h)
{
    return h->nopen < OPEN_MAX &&
           ledger_size(h->ledger) + h->nopen + 1 < h->count;
}

static void history_go(struct history *h)
{
    while (ledger_size(h->ledger) < h->count) {
        if (ledger_size(h->ledger) - h->snapshot >= SNAPSHOT &&
            ledger_size(h->ledger) + h->nopen + 1 < h->count)
            snapshot_take(h);
        else if (random_below(h, 500) == 0 &&
                 ledger_size(h->ledger) + h->nopen < h->count)
            stranger_refuse(h);
        else if (may_begin(h) && (h->nopen == 0 || random_below(h, 2) == 0))
            request_begin(h);
        else if (h->nopen > 0)
            request_end(h);
        else
            stranger_refuse(h); /* the last one, alone */
    }
}

int main(int argc, char **argv)
{
    struct history h = {.seed = 88172645463325252u};
    struct timespec now;

    if (argc != 5) {
        fprintf(stderr, "usage: bench-history DEPLOYMENT BEGINNING COUNT DAYS\n"
                        "makes DEPLOYMENT/ledger; BEGINNING is the ledger of "
                        "the daemon's first start\n");
        return 2;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    h.ends = now.tv_sec * 1000;
    h.began = h.ends - strtoll(argv[4], NULL, 10) * 86400000;
    h.count = strtoull(argv[3], NULL, 10);
    if ((h.standing = standing_new()) == NULL)
        fail("standing", sp_strerror(SP_ENOMEM));
    int folder = folder_open(argv[1]);
    deployment_read(&h, folder);
    ledger_begin(&h, folder);
    beginning_copy(&h, argv[2]);
    history_go(&h);
    check(ledger_close(h.ledger), "ledger");
    printf("{\"entries\":%" PRIu64 ",\"admitted\":%" PRIu64
           ",\"refused\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
           h.count, h.admitted, h.refused, h.bytes);
    standing_free(h.standing);
    policy_free(h.policy);
    close(h.folder);
    close(folder);
    return 0;
}
