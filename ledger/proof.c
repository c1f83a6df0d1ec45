/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs to take away (C2SP tlog-proof). Written by auditors' tools and by
 * whoever serves receipts from a ledger's own files; read on anybody's
 * machine: every line of a proof is a stranger's until the signature and the
 * hashes say otherwise, and there is one spelling of each.
 */
#include "ledger/proof.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"

#define HEADER      "c2sp.org/tlog-proof@v1"
#define HASH_BASE64 44

/* ---- writing ---- */

struct writer {
    char *text;
    size_t size, length;
};

SP_PRINTF(2, 3) static int put(struct writer *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(w->text + w->length, w->size - w->length, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= w->size - w->length)
        return SP_ETOOBIG;
    w->length += (size_t)n;
    return 0;
}

static int extra_put(struct writer *w, struct ledger_view *v, uint64_t index)
{
    const uint8_t *entry;
    size_t length;
    int r = ledger_view_entry(v, index, &entry, &length);

    if (r == 0)
        r = put(w, "extra ");
    if (r == 0 && w->size - w->length < BASE64_SIZE(length))
        r = SP_ETOOBIG;
    if (r != 0)
        return r;
    base64_encode(entry, length, w->text + w->length);
    w->length += BASE64_SIZE(length) - 1;
    return put(w, "\n");
}

int proof_write(struct ledger_view *v, uint64_t index, bool with_entry,
                char *text, size_t size, size_t *length)
{
    struct writer w = {text, size, 0};
    struct merkle_path path;
    char hash[HASH_BASE64 + 1];
    int r;

    if ((r = merkle_prove_inclusion(ledger_view_hash, v, index,
                                    ledger_view_checkpoint(v)->size, &path)) !=
            0 ||
        (r = put(&w, HEADER "\n")) != 0 ||
        (with_entry && (r = extra_put(&w, v, index)) != 0) ||
        (r = put(&w, "index %llu\n", (unsigned long long)index)) != 0)
        return r;
    for (unsigned i = 0; r == 0 && i < path.count; i++) {
        base64_encode(path.hashes[i].b, MERKLE_HASH, hash);
        r = put(&w, "%s\n", hash);
    }
    if (r == 0)
        r = put(&w, "\n%s", ledger_view_note(v));
    *length = w.length;
    return r;
}

/* ---- reading ---- */

struct lines {
    const char *at, *end;
    unsigned number;
};

/* The next line without its newline; every line has one. */
static int line_next(struct lines *l, const char **text, size_t *length)
{
    const char *newline = memchr(l->at, '\n', (size_t)(l->end - l->at));

    l->number++;
    if (newline == NULL)
        return SP_EINVAL;
    *text = l->at;
    *length = (size_t)(newline - l->at);
    l->at = newline + 1;
    return 0;
}

static bool starts_with(const char *text, size_t length, const char *prefix)
{
    size_t n = strlen(prefix);

    return length >= n && memcmp(text, prefix, n) == 0;
}

/* The line behind the header, or the one behind an extra line. */
static int index_read(struct lines *l, struct proof *p)
{
    static uint8_t extra[PROOF_EXTRA_MAX];
    const char *text;
    size_t length, n;
    int r = line_next(l, &text, &length);

    if (r == 0 && starts_with(text, length, "extra ")) {
        p->extra = text + strlen("extra ");
        p->extra_length = length - strlen("extra ");
        if ((r = base64_decode(p->extra, p->extra_length, extra, sizeof extra,
                               &n)) == 0)
            r = line_next(l, &text, &length);
    }
    if (r != 0 || !starts_with(text, length, "index "))
        return SP_EINVAL;
    return checkpoint_size_parse(text + strlen("index "),
                                 length - strlen("index "), &p->index);
}

/* Hashes, up to the empty line. */
static int path_read(struct lines *l, struct merkle_path *path)
{
    const char *text;
    size_t length, n;
    int r;

    while ((r = line_next(l, &text, &length)) == 0 && length > 0) {
        if (path->count == MERKLE_PATH_MAX || length != HASH_BASE64 ||
            base64_decode(text, length, path->hashes[path->count].b,
                          MERKLE_HASH, &n) != 0 ||
            n != MERKLE_HASH)
            return SP_EINVAL;
        path->count++;
    }
    return r;
}

int proof_parse(const char *text, size_t length, struct proof *p,
                unsigned *line)
{
    struct lines l = {text, text + length, 0};
    const char *header;
    size_t n;
    int r;

    memset(p, 0, sizeof *p);
    if ((r = line_next(&l, &header, &n)) == 0 &&
        (n != strlen(HEADER) || memcmp(header, HEADER, n) != 0))
        r = SP_EINVAL;
    if (r == 0 && (r = index_read(&l, p)) == 0 &&
        (r = path_read(&l, &p->path)) == 0) {
        l.number++;
        p->note = l.at;
        p->note_length = (size_t)(l.end - l.at);
        if ((r = note_text(p->note, p->note_length, &n)) == 0)
            r = checkpoint_parse(p->note, n, &p->head);
    }
    if (r == 0 && p->index >= p->head.size) {
        l.number = p->extra != NULL ? 3 : 2;
        r = SP_EINVAL;
    }
    *line = l.number;
    return r == 0 ? 0 : SP_EINVAL;
}

int proof_check(const struct proof *p, const struct note_verifier *known,
                size_t nknown, const void *entry, size_t length)
{
    struct checkpoint signed_head;
    struct hash leaf;
    unsigned verified;
    size_t text;
    bool ours = false;
    int r = note_open(p->note, p->note_length, known, nknown, &text, &verified);

    if (r == 0)
        r = checkpoint_parse(p->note, text, &signed_head);
    /* A log's key signs for the origin that is its name, and no other. */
    for (size_t i = 0; r == 0 && i < nknown; i++)
        ours = ours || strcmp(known[i].name, signed_head.origin) == 0;
    if (r != 0 || !ours)
        return SP_ESIGNATURE;
    merkle_leaf(entry, length, &leaf);
    return merkle_verify_inclusion(&leaf, p->index, signed_head.size, &p->path,
                                   &signed_head.root);
}
