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
#include "gateway/log_reads_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/proof.h"
#include "lib/channel.h"
#include "lib/log.h"

/* Under way in one worker at a time: what is asked for fits the channel. */
#define READS_MAX 256

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

int log_read_file(void *arg, const char *path, size_t max, uint8_t **data,
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

    if (r->count == LOG_FILES_MAX && !files_drop(r))
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
    int e = log_read_file(r, path, LOG_BUNDLE_MAX, &data, &length);

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
    const struct policy *p = x->rules->policy;

    return party != NULL && person != NULL &&
           strcmp(party, p->parties[x->facts.party].name) == 0 &&
           strcmp(person, p->people[x->facts.person].name) == 0;
}

static int entry_get(struct ledger_view *v, struct entry_reader *reader,
                     uint64_t n, struct entry *e)
{
    const uint8_t *line;
    size_t length;
    int r = ledger_view_entry(v, n, &line, &length);

    return r != 0 ? r : entry_decode(reader, (const char *)line, length, e);
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
        theirs = entry_is_of_party(
            &e, x->rules->policy->parties[x->facts.party].name);
    return theirs ? 0 : SP_ENOENT;
}

static int scope_check(const struct exchange *x, struct ledger_view *v,
                       struct entry_reader *reader, uint64_t n)
{
    struct entry e;
    int r = 0;

    if (x->rules->policy->parties[x->facts.party].nscope == 0)
        return 0;
    r = entry_get(v, reader, n, &e);
    if (r == 0 && entry_request(&e) != UINT64_MAX)
        r = entry_get(v, reader, entry_request(&e), &e);
    return r != 0 || log_scope_has(x, &e) ? r : SP_ENOENT;
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
    const struct policy *p = x->rules->policy;
    const struct ledger_files files = {log_read_file, read};
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
    buf_init(&x->held, LOG_BUNDLE_MAX);
    x->answer.status = 200;
    if (x->facts.route == ROUTE_LOG_CHECKPOINT) {
        x->answer.type = ANSWER_TEXT;
        e = serve_file(x, r, "checkpoint");
    } else if (x->facts.route == ROUTE_LOG_COSIGNED) {
        x->answer.type = ANSWER_TEXT;
        e = serve_file(x, r, "checkpoint.cosigned");
    } else if (x->facts.route == ROUTE_LOG_ENTRIES) {
        e = log_scope_serve(x, r);
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
    if (st.st_size > (off_t)LOG_BUNDLE_MAX)
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
