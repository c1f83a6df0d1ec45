/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's entries for an auditor of some parties: theirs as they are, of
 * all others the leaf hash, so that lines and hashes together still come to
 * the signed root. Runs in a worker, over files that are our own.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/log_reads_parts.h"
#include "ledger/merkle.h"
#include "lib/base64.h"

/* What needs no other entry to tell. Of nobody is what everybody may know:
 * how the ledger began, which keys sign it, that it was taken up again. */
bool log_scope_has(const struct exchange *x, const struct entry *e)
{
    static const bool common[ENTRY_KIND_COUNT] = {
        [ENTRY_LOG_OPENED] = true,    [ENTRY_POLICY_LOADED] = true,
        [ENTRY_APPROVERS_SET] = true, [ENTRY_CLOCK_ANOMALY] = true,
        [ENTRY_WORKER_DIED] = true,   [ENTRY_LEDGER_RESUMED] = true,
        [ENTRY_HEARTBEAT] = true,     [ENTRY_MODEL_RELEASED] = true,
        [ENTRY_WITNESS_ALARM] = true, [ENTRY_SNAPSHOT] = true,
        [ENTRY_LOG_REKEYED] = true,
    };

    const struct policy *p = x->rules->policy;
    const struct policy_party *auditor = &p->parties[x->facts.party];
    bool has = auditor->nscope == 0 || common[e->kind];

    for (size_t i = 0; !has && i < auditor->nscope; i++)
        has = entry_is_of_party(e, p->parties[auditor->scope[i]].name);
    return has;
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
    if ((error = log_read_file(r, path, LOG_BUNDLE_MAX, &data, &length)) != 0)
        return error == SP_ENOENT ? SP_ECORRUPT : error;
    const struct got g = {.data = data, .length = length};
    error = bundle_entry(&g, (unsigned)(of % TILE_WIDTH), &line, &length);
    if (error == 0)
        error = entry_decode(reader, (const char *)line, length, &e);
    if (error == 0)
        r->ends[at] = log_scope_has(x, &e) ? OWNER_THEIRS : OWNER_OTHERS;
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
    if ((of = entry_request(&e)) == UINT64_MAX)
        return scoped_line(x, line, length, n, log_scope_has(x, &e));
    if (r->ends[at] == OWNER_UNKNOWN &&
        (error = end_owner(x, r, reader, at, of)) != 0)
        return error;
    return scoped_line(x, line, length, n, r->ends[at] == OWNER_THEIRS);
}

/* A bundle's entries as lines; of those outside the scope the leaf hash. */
int log_scope_serve(struct exchange *x, struct log_read *r)
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
        e = log_read_file(r, path, LOG_BUNDLE_MAX, &data, &size);
    for (unsigned i = 0; e == 0 && i < TILE_WIDTH; i++) {
        if ((e = bundle_next(data, size, &at, &line, &length)) == 0)
            e = scoped_entry(x, r, reader, i, line, length);
    }
    free(data);
    free(reader);
    return e == SP_ENOENT && size > 0 ? 0 : e; /* the end of a partial one */
}
