/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers made of the ledger's public files. Runs in a worker. What is needed
 * is found by trying: a step that misses a file says which, the file is asked
 * for, and when it is here the step begins anew with it. So a proof, which
 * needs some five of them, is written by the same code as on a disk.
 *
 * Files come from the supervisor and are our own; their content is what the
 * keeper published.
 */
#include "gateway/log_reads.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/proof.h"
#include "ledger/tile.h"
#include "lib/channel.h"
#include "lib/log.h"
#include "policy/entry.h"

/* A proof wants the checkpoint, two bundles and a tile of each level. */
#define FILES_MAX 16
/* Under way in one worker at a time: what is asked for fits the channel. */
#define READS_MAX  256
#define BUNDLE_MAX (TILE_WIDTH * (2u + LIMIT_ENTRY_BYTES))

struct log_read {
    struct log_read *next; /* of all that wait */
    struct exchange *x;
    uint64_t ticket; /* of the file that is asked for */
    char wanted[TILE_PATH_MAX];
    struct got {
        char path[TILE_PATH_MAX];
        int error; /* 0: there is one */
        uint8_t *data;
        size_t length;
    } got[FILES_MAX];
    size_t count;
    /* Of a bundle that is read by somebody with a scope: whose each end is. */
    enum owner { OWNER_UNKNOWN, OWNER_THEIRS, OWNER_OTHERS } ends[TILE_WIDTH];
};

struct log_reads {
    struct worker *worker;
    struct log_read *waiting;
    size_t count;
    uint64_t ticket;
};

struct log_reads *log_reads_new(struct worker *w)
{
    struct log_reads *all = calloc(1, sizeof(*all));

    if (all != NULL)
        all->worker = w;
    return all;
}

static void read_free(struct log_read *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->got[i].data);
    free(r);
}

void log_reads_free(struct log_reads *all)
{
    if (all == NULL)
        return;
    while (all->waiting != NULL)
        log_read_drop(all->waiting->x);
    free(all);
}

void log_read_drop(struct exchange *x)
{
    struct log_reads *all = x->worker->log_reads;
    struct log_read **at;

    if (x->log.read == NULL)
        return;
    for (at = &all->waiting; *at != NULL; at = &(*at)->next)
        if (*at == x->log.read) {
            *at = x->log.read->next;
            break;
        }
    read_free(x->log.read);
    x->log.read = NULL;
    all->count--;
}

/* ---- targets ---- */

bool log_read_is(enum route route)
{
    return route == ROUTE_RECEIPT || route_is_log(route);
}

int log_read_target(struct exchange *x, const char *id)
{
    struct log_target *t = &x->log.target;
    char path[TILE_PATH_MAX + 16];
    int level;

    *t = (struct log_target){0};
    if (x->facts.route == ROUTE_LOG_CHECKPOINT ||
        x->facts.route == ROUTE_LOG_COSIGNED)
        return 0;
    if (x->facts.route == ROUTE_RECEIPT)
        return checkpoint_size_parse(id, strlen(id), &t->index);
    snprintf(path, sizeof(path), "tile/%s%.64s",
             x->facts.route == ROUTE_LOG_TILE ? "" : "entries/", id);
    if (strlen(id) > 64 ||
        tile_path_parse(path, &level, &t->index, &t->width) != 0)
        return SP_EINVAL;
    t->level = (int8_t)level;
    return 0;
}

/* ---- files ---- */

/* A ledger_files.read: what is here, or SP_EAGAIN and what is to be fetched. */
static int file_get(void *arg, const char *path, size_t max, uint8_t **data,
                    size_t *length)
{
    struct log_read *r = arg;

    for (size_t i = 0; i < r->count; i++) {
        const struct got *g = &r->got[i];

        if (strcmp(g->path, path) != 0)
            continue;
        if (g->error != 0 || g->length > max)
            return g->error != 0 ? g->error : SP_ETOOBIG;
        *data = malloc(g->length + 1);
        if (*data == NULL)
            return SP_ENOMEM;
        memcpy(*data, g->data, g->length);
        (*data)[g->length] = '\0';
        *length = g->length;
        return 0;
    }
    snprintf(r->wanted, sizeof(r->wanted), "%s", path);
    return SP_EAGAIN;
}

/* Bundles that told whose an end is: they have done so. The first file is the
 * one that is read. */
static bool files_drop(struct log_read *r)
{
    if (r->x->facts.route != ROUTE_LOG_ENTRIES)
        return false;
    while (r->count > 1)
        free(r->got[--r->count].data);
    return true;
}

static int file_ask(struct log_reads *all, struct log_read *r)
{
    struct ask_log_file v = {.ticket = ++all->ticket,
                             .level = LOG_FILE_CHECKPOINT,
                             .width = TILE_WIDTH};
    uint8_t data[64];
    size_t length;
    int level, e;

    if (r->count == FILES_MAX && !files_drop(r))
        return SP_ECORRUPT; /* no proof needs so many */
    if (strcmp(r->wanted, "checkpoint.cosigned") == 0) {
        v.level = LOG_FILE_COSIGNED;
    } else if (strcmp(r->wanted, "checkpoint") != 0) {
        if ((e = tile_path_parse(r->wanted, &level, &v.index, &v.width)) != 0)
            return e;
        v.level = level;
    }
    r->ticket = v.ticket;
    if ((e = ask_log_file_put(&v, data, sizeof(data), &length)) == 0)
        e = channel_send(all->worker->supervisor, data, length, NULL, 0);
    return e == 0 ? SP_EAGAIN : e == SP_EAGAIN ? SP_EIO : e;
}

/* ---- steps ---- */

/* One file as it is. */
static int serve_file(struct exchange *x, struct log_read *r, const char *path)
{
    uint8_t *data;
    size_t length;
    int e = file_get(r, path, BUNDLE_MAX, &data, &length);

    if (e == 0) {
        e = buf_append(&x->held, data, length);
        free(data);
    }
    return e;
}

static int serve_tile(struct exchange *x, struct log_read *r)
{
    const struct log_target *t = &x->log.target;
    char path[TILE_PATH_MAX];
    int e = tile_path(t->level, t->index, t->width, path);

    x->answer.type = ANSWER_OCTETS;
    x->answer.lasting = true;
    return e != 0 ? e : serve_file(x, r, path);
}

static bool is_theirs(const struct exchange *x, const char *party,
                      const char *person)
{
    const struct policy *p = x->worker->policy;

    return party != NULL && person != NULL &&
           strcmp(party, p->parties[x->facts.party].name) == 0 &&
           strcmp(person, p->people[x->facts.person].name) == 0;
}

/* "party/model/opens": the sum of a window is for all of its party. */
static bool is_their_window(const struct exchange *x, const char *window)
{
    const char *party = x->worker->policy->parties[x->facts.party].name;
    size_t n = strlen(party);

    return strncmp(window, party, n) == 0 && window[n] == '/';
}

static int entry_get(struct ledger_view *v, struct entry_reader *reader,
                     uint64_t n, struct entry *e)
{
    const uint8_t *line;
    size_t length;
    int r = ledger_view_entry(v, n, &line, &length);

    return r != 0 ? r : entry_decode(reader, (const char *)line, length, e);
}

/* ---- within a scope ---- */

/* The party that an entry is about; NULL: none, or all of them. */
static const char *party_of(const struct entry *e)
{
    const char *const parties[ENTRY_KIND_COUNT] = {
        [ENTRY_REQUEST_ADMITTED] = e->u.request.party,
        [ENTRY_REQUEST_REFUSED] = e->u.request.party,
        [ENTRY_WINDOW_OPENED] = e->u.window_opened.party,
        [ENTRY_NDA_ACCEPTED] = e->u.nda_accepted.party,
        [ENTRY_FINDING_FILED] = e->u.finding_filed.party,
        [ENTRY_TRIPWIRE_ALERTED] = e->u.tripwire_alerted.party,
        [ENTRY_PERSON_SUSPENDED] = e->u.person_suspended.party,
        [ENTRY_PERSON_RESUMED] = e->u.person_resumed.party,
        [ENTRY_PARTY_REVOKED] = e->u.party_revoked.party,
    };

    return parties[e->kind];
}

/* "party/model/opens" within the scope. */
static bool scope_has_window(const struct exchange *x, const char *window)
{
    char party[LIMIT_NAME_BYTES + 1];
    size_t n = strcspn(window, "/");

    if (n >= sizeof(party))
        return false;
    memcpy(party, window, n);
    party[n] = '\0';
    return policy_scope_has(x->worker->policy, x->facts.party, party);
}

/* What needs no other entry to tell. Of nobody is what everybody may know:
 * how the ledger began, which keys sign it, that it was taken up again. */
static bool scope_has(const struct exchange *x, const struct entry *e)
{
    static const bool common[ENTRY_KIND_COUNT] = {
        [ENTRY_LOG_OPENED] = true,    [ENTRY_POLICY_LOADED] = true,
        [ENTRY_APPROVERS_SET] = true, [ENTRY_CLOCK_ANOMALY] = true,
        [ENTRY_WORKER_DIED] = true,   [ENTRY_LEDGER_RESUMED] = true,
        [ENTRY_HEARTBEAT] = true,     [ENTRY_MODEL_RELEASED] = true,
        [ENTRY_WITNESS_ALARM] = true, [ENTRY_SNAPSHOT] = true,
        [ENTRY_LOG_REKEYED] = true,
    };

    if (e->kind == ENTRY_WINDOW_CLOSED)
        return scope_has_window(x, e->u.window_closed.window);
    if (e->kind == ENTRY_WINDOW_STATEMENT)
        return scope_has_window(x, e->u.window_statement.window);
    return common[e->kind] ||
           (party_of(e) != NULL &&
            policy_scope_has(x->worker->policy, x->facts.party, party_of(e)));
}

/* An entry that belongs to a request: the request; UINT64_MAX: it does not. */
static uint64_t request_of(const struct entry *e)
{
    return e->kind == ENTRY_REQUEST_CLOSED        ? e->u.request_closed.of
           : e->kind == ENTRY_TRANSCRIPT_REVEALED ? e->u.transcript_revealed.of
                                                  : UINT64_MAX;
}

/* One of a file's entries by its place. SP_ENOENT, SP_EINVAL. */
static int bundle_entry(const struct got *g, unsigned at, const uint8_t **line,
                        size_t *length)
{
    size_t position = 0;
    int r = 0;

    for (unsigned i = 0; r == 0 && i <= at; i++)
        r = bundle_next(g->data, g->length, &position, line, length);
    return r;
}

/* Whose end it is, by the bundle that has its request. A full bundle is asked
 * for first; of the newest there is a partial one only, whose width the
 * bundle that is read tells: no request is behind its end. */
static int end_owner(struct exchange *x, struct log_read *r,
                     struct entry_reader *reader, unsigned at, uint64_t of)
{
    const struct log_target *t = &x->log.target;
    bool same = of / TILE_WIDTH == t->index;
    char path[TILE_PATH_MAX];
    const uint8_t *line;
    struct entry e;
    size_t length;
    uint8_t *data = NULL;
    int error = tile_path(TILE_ENTRIES, of / TILE_WIDTH,
                          same ? t->width : TILE_WIDTH, path);

    if (error != 0 || of / TILE_WIDTH > t->index)
        return SP_ECORRUPT;
    if ((error = file_get(r, path, BUNDLE_MAX, &data, &length)) != 0)
        return error == SP_ENOENT ? SP_ECORRUPT : error;
    const struct got g = {.data = data, .length = length};
    error = bundle_entry(&g, (unsigned)(of % TILE_WIDTH), &line, &length);
    if (error == 0)
        error = entry_decode(reader, (const char *)line, length, &e);
    if (error == 0)
        r->ends[at] = scope_has(x, &e) ? OWNER_THEIRS : OWNER_OTHERS;
    free(data);
    return error;
}

/* A line of the answer: the entry, or the hash that stands for it. */
static int scoped_line(struct exchange *x, const uint8_t *line, size_t length,
                       uint64_t n, bool visible)
{
    char base64[BASE64_SIZE(MERKLE_HASH)];
    struct hash leaf;

    if (visible)
        return buf_printf(&x->held, "%.*s\n", (int)length, (const char *)line);
    merkle_leaf(line, length, &leaf);
    base64_encode(leaf.b, MERKLE_HASH, base64);
    return buf_printf(&x->held, "{\"n\":%llu,\"leaf\":\"%s\"}\n",
                      (unsigned long long)n, base64);
}

static int scoped_entry(struct exchange *x, struct log_read *r,
                        struct entry_reader *reader, unsigned at,
                        const uint8_t *line, size_t length)
{
    uint64_t of, n = x->log.target.index * TILE_WIDTH + at;
    struct entry e;
    int error = entry_decode(reader, (const char *)line, length, &e);

    if (error != 0)
        return error;
    if ((of = request_of(&e)) == UINT64_MAX)
        return scoped_line(x, line, length, n, scope_has(x, &e));
    if (r->ends[at] == OWNER_UNKNOWN &&
        (error = end_owner(x, r, reader, at, of)) != 0)
        return error;
    return scoped_line(x, line, length, n, r->ends[at] == OWNER_THEIRS);
}

/* A bundle's entries as lines; of those outside the scope the leaf hash. */
static int serve_entries(struct exchange *x, struct log_read *r)
{
    const struct log_target *t = &x->log.target;
    struct entry_reader *reader = malloc(sizeof(*reader));
    char path[TILE_PATH_MAX];
    uint8_t *data = NULL;
    const uint8_t *line;
    size_t length, size = 0, at = 0;
    int e = reader == NULL ? SP_ENOMEM
                           : tile_path(t->level, t->index, t->width, path);

    x->answer.type = ANSWER_LINES;
    if (e == 0)
        e = file_get(r, path, BUNDLE_MAX, &data, &size);
    for (unsigned i = 0; e == 0 && i < TILE_WIDTH; i++) {
        if ((e = bundle_next(data, size, &at, &line, &length)) == 0)
            e = scoped_entry(x, r, reader, i, line, length);
    }
    free(data);
    free(reader);
    return e == SP_ENOENT && size > 0 ? 0 : e; /* the end of a partial one */
}

/* ---- receipts ---- */

/* Whose entry it is: a request's, its end's, or what it brought. */
static int owner_check(const struct exchange *x, struct ledger_view *v,
                       struct entry_reader *reader, uint64_t n)
{
    struct entry e;
    bool theirs = false;
    int r = entry_get(v, reader, n, &e);

    if (r == 0 && e.kind == ENTRY_REQUEST_CLOSED)
        r = entry_get(v, reader, e.u.request_closed.of, &e);
    if (r != 0)
        return r;
    if (e.kind == ENTRY_REQUEST_ADMITTED || e.kind == ENTRY_REQUEST_REFUSED)
        theirs = is_theirs(x, e.u.request.party, e.u.request.person);
    else if (e.kind == ENTRY_NDA_ACCEPTED)
        theirs = is_theirs(x, e.u.nda_accepted.party, e.u.nda_accepted.person);
    else if (e.kind == ENTRY_FINDING_FILED)
        theirs =
            is_theirs(x, e.u.finding_filed.party, e.u.finding_filed.person);
    else if (e.kind == ENTRY_WINDOW_STATEMENT)
        theirs = is_their_window(x, e.u.window_statement.window);
    return theirs ? 0 : SP_ENOENT;
}

static int scope_check(const struct exchange *x, struct ledger_view *v,
                       struct entry_reader *reader, uint64_t n)
{
    struct entry e;
    int r = 0;

    if (x->worker->policy->parties[x->facts.party].nscope == 0)
        return 0;
    r = entry_get(v, reader, n, &e);
    if (r == 0 && request_of(&e) != UINT64_MAX)
        r = entry_get(v, reader, request_of(&e), &e);
    return r != 0 || scope_has(x, &e) ? r : SP_ENOENT;
}

static int proof_put(struct exchange *x, struct ledger_view *v, uint64_t n)
{
    char *text = malloc(PROOF_MAX);
    size_t length;
    int r = text == NULL ? SP_ENOMEM : 0;

    if (r == 0)
        r = proof_write(v, n, true, text, PROOF_MAX, &length);
    if (r == 0)
        r = buf_append(&x->held, text, length);
    free(text);
    return r;
}

/* The entry's proof, for whose it is and for auditors. */
static int serve_receipt(struct exchange *x, struct log_read *read)
{
    const struct policy *p = x->worker->policy;
    const struct ledger_files files = {file_get, read};
    struct entry_reader *reader = malloc(sizeof(*reader));
    uint64_t n = x->log.target.index;
    struct ledger_view *v = NULL;
    int r = reader == NULL ? SP_ENOMEM : 0;

    x->answer.type = ANSWER_TEXT;
    if (r == 0)
        entry_reader_init(reader);
    if (r == 0)
        r = ledger_view_open_files(&files, NULL, 0, &v);
    if (r == 0 && n >= ledger_view_checkpoint(v)->size)
        r = SP_ENOENT;
    if (r == 0)
        r = p->parties[x->facts.party].kind == PARTY_AUDITOR
                ? scope_check(x, v, reader, n)
                : owner_check(x, v, reader, n);
    if (r == 0)
        r = proof_put(x, v, n);
    if (reader != NULL)
        entry_reader_release(reader);
    free(reader);
    ledger_view_free(v);
    return r;
}

static int step(struct exchange *x, struct log_read *r)
{
    int e;

    buf_release(&x->held);
    buf_init(&x->held, BUNDLE_MAX);
    x->answer.status = 200;
    if (x->facts.route == ROUTE_LOG_CHECKPOINT) {
        x->answer.type = ANSWER_TEXT;
        e = serve_file(x, r, "checkpoint");
    } else if (x->facts.route == ROUTE_LOG_COSIGNED) {
        x->answer.type = ANSWER_TEXT;
        e = serve_file(x, r, "checkpoint.cosigned");
    } else if (x->facts.route == ROUTE_LOG_ENTRIES) {
        e = serve_entries(x, r);
    } else if (x->facts.route == ROUTE_RECEIPT) {
        e = serve_receipt(x, r);
    } else {
        e = serve_tile(x, r);
    }
    return e == SP_EAGAIN ? file_ask(x->worker->log_reads, r) : e;
}

int log_read_begin(struct exchange *x)
{
    struct log_reads *all = x->worker->log_reads;
    struct log_read *r = all->count < READS_MAX ? calloc(1, sizeof(*r)) : NULL;
    int e;

    if (r == NULL)
        return SP_ENOMEM;
    all->count++;
    r->x = x;
    r->next = all->waiting;
    all->waiting = r;
    x->log.read = r;
    e = step(x, r);
    if (e != SP_EAGAIN)
        log_read_drop(x);
    return e;
}

/* ---- what comes ---- */

/* With the two calls that a worker has for it; nobody else has moved it. */
static int file_read_whole(int fd, uint8_t **data, size_t *length)
{
    struct stat st;
    ssize_t n = 0;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return SP_EIO;
    if (st.st_size > (off_t)BUNDLE_MAX)
        return SP_ETOOBIG;
    *length = 0;
    *data = malloc((size_t)st.st_size + 1);
    if (*data == NULL)
        return SP_ENOMEM;
    while (*length < (size_t)st.st_size &&
           (n = read(fd, *data + *length, (size_t)st.st_size - *length)) > 0)
        *length += (size_t)n;
    return n < 0 ? SP_EIO : 0;
}

static int file_take(struct log_read *r, const struct log_file *v, int fd)
{
    struct got *g = &r->got[r->count++];

    g->data = NULL;
    g->length = 0;
    memcpy(g->path, r->wanted, sizeof(g->path));
    g->error = v->error;
    if (g->error == 0)
        g->error = fd < 0 ? SP_EIO : file_read_whole(fd, &g->data, &g->length);
    return g->error == SP_ENOMEM ? SP_ENOMEM : 0;
}

void log_reads_arrived(struct log_reads *all, const struct log_file *v, int fd)
{
    struct log_read *r = all->waiting;
    struct exchange *x;
    int e;

    while (r != NULL && r->ticket != v->ticket)
        r = r->next;
    e = r == NULL ? 0 : file_take(r, v, fd);
    if (fd >= 0)
        close(fd);
    if (r == NULL)
        return; /* whoever asked is gone */
    x = r->x;
    if (x->state != EXCHANGE_CALLING) { /* cut meanwhile, and answered */
        log_read_drop(x);
        return;
    }
    if (e == 0)
        e = step(x, r);
    if (e == SP_EAGAIN)
        return;
    log_read_drop(x);
    exchange_log_read(x, e);
}
