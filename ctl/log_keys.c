/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of a ledger's keys. An entry alone proves no key: whoever writes
 * an entry could name any. What hands over is a head over that entry, signed by
 * the key before and the key after it, kept in the ledger's folder. Runs on an
 * auditor's machine; nothing in the folder is trusted.
 */
#include "ctl/log_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"

/* Keys change once in months. */
#define KEYS_MAX 10000

void log_keys_release(struct log_keys *k)
{
    free(k->list);
    *k = (struct log_keys){NULL, 0};
}

void log_handover_path(uint64_t n, char path[HANDOVER_PATH])
{
    snprintf(path, HANDOVER_PATH, LOG_HANDOVERS "/%" PRIu64, n);
}

static int key_add(struct log_keys *k, const char *vkey, uint64_t n)
{
    struct log_key *more = realloc(k->list, (k->count + 1) * sizeof *more);

    if (more == NULL)
        return SP_ENOMEM;
    k->list = more;
    snprintf(more[k->count].vkey, sizeof more[k->count].vkey, "%s", vkey);
    more[k->count++].n = n;
    return 0;
}

/* A key that signs notes, under the name of the one before it. */
static bool may_follow(const char *before, const char *after)
{
    struct note_verifier a, b;

    return strcmp(before, after) != 0 &&
           note_verifier_parse(before, strlen(before), &a) == 0 &&
           note_verifier_parse(after, strlen(after), &b) == 0 &&
           b.type == a.type && strcmp(a.name, b.name) == 0;
}

int log_keys_take(struct log_keys *k, const struct entry *e,
                  const char **problem)
{
    const struct entry_log_rekeyed *r = &e->u.log_rekeyed;

    if (e->kind == ENTRY_LOG_OPENED)
        return key_add(k, e->u.log_opened.vkey, e->n);
    if (e->kind != ENTRY_LOG_REKEYED)
        return 0;
    const struct log_key *last = log_keys_at(k, e->n);
    *problem = NULL;
    if (last == NULL || strcmp(r->replaces, last->vkey) != 0)
        *problem = "replaces: not the key that signed before";
    else if (!may_follow(r->replaces, r->vkey))
        *problem = "vkey: not a key of the same name";
    else if (k->count == KEYS_MAX)
        *problem = "more keys than anybody needs";
    return *problem != NULL ? SP_ECORRUPT : key_add(k, r->vkey, e->n);
}

const struct log_key *log_keys_at(const struct log_keys *k, uint64_t size)
{
    size_t i = k->count;

    while (i > 1 && k->list[i - 1].n >= size)
        i--;
    return i == 0 ? NULL : &k->list[i - 1];
}

/* 0: this key signed the note. */
static int signed_by(const char *note, size_t length, const char *vkey)
{
    struct note_verifier key;
    struct note_line line;
    int r = note_verifier_parse(vkey, strlen(vkey), &key);

    return r == 0 ? note_find(note, length, &key, &line) : r;
}

int log_handover_check(struct ledger_view *v, const char *note, size_t length,
                       uint64_t n, const char *before, const char *after)
{
    struct checkpoint head;
    struct hash root;
    size_t text;
    int r = note_text(note, length, &text);

    if (r == 0)
        r = checkpoint_parse(note, text, &head);
    if (r != 0)
        return r;
    if (signed_by(note, length, before) != 0 ||
        signed_by(note, length, after) != 0)
        return SP_ESIGNATURE;
    if (head.size != n + 1 ||
        strcmp(head.origin, ledger_view_checkpoint(v)->origin) != 0)
        return SP_ECORRUPT;
    r = merkle_root(ledger_view_hash, v, head.size, &root);
    return r == 0 && !merkle_equal(&root, &head.root) ? SP_ECORRUPT : r;
}

static int handover_verify(struct ledger_view *v, int folder,
                           const struct log_key *before,
                           const struct log_key *after,
                           char problem[PROBLEM_TEXT_MAX])
{
    char path[HANDOVER_PATH];
    uint8_t *note = NULL;
    size_t length;

    log_handover_path(after->n, path);
    int r = file_read(folder, path, NOTE_MAX, &note, &length);
    if (r == 0)
        r = log_handover_check(v, (const char *)note, length, after->n,
                               before->vkey, after->vkey);
    free(note);
    if (r != 0)
        snprintf(problem, PROBLEM_TEXT_MAX,
                 "entry %" PRIu64 ": %s: %s: wanted the head of size %" PRIu64
                 " signed by the key before and the key after it; or ask the "
                 "developer for the newer key",
                 after->n, path, sp_strerror(r), after->n + 1);
    return r;
}

int log_keys_verify(const struct log_keys *k, struct ledger_view *v, int folder,
                    const struct note_verifier *known,
                    char problem[PROBLEM_TEXT_MAX])
{
    const char *note = ledger_view_note(v);
    const struct log_key *last = log_keys_at(k, UINT64_MAX);
    char vkey[NOTE_KEY_TEXT_MAX];
    size_t i = 0;
    int r = note_verifier_format(known, vkey);

    while (r == 0 && i < k->count && strcmp(k->list[i].vkey, vkey) != 0)
        i++;
    if (r != 0 || i == k->count) {
        snprintf(problem, PROBLEM_TEXT_MAX,
                 "entry 0: vkey: not the key that signed");
        return SP_ESIGNATURE;
    }
    if ((r = signed_by(note, strlen(note), last->vkey)) != 0) {
        snprintf(problem, PROBLEM_TEXT_MAX,
                 "checkpoint: %s: not signed by the key that entry %" PRIu64
                 " names; an older one signs nothing more",
                 sp_strerror(r), last->n);
        return SP_ESIGNATURE;
    }
    for (; r == 0 && i + 1 < k->count; i++)
        r = handover_verify(v, folder, &k->list[i], &k->list[i + 1], problem);
    return r;
}
