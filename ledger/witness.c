/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The witness's decision and what it remembers: one file for each origin,
 * `<hex SHA-256 of the origin>`, the note that it cosigned last. Runs in
 * `sallyport log witness`. Requests are anybody's: nothing counts but the
 * signature of a log that is known, and nothing that is signed counts but what
 * extends the last head. The stored file is trusted as far as the witness's
 * own signature in it goes.
 *
 * Checking and storing are one step, for there is one thread and one process
 * (flock); otherwise a smaller head could be stored over a larger one.
 */
#include "ledger/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "ledger/cosignature.h"
#include "lib/base64.h"
#include "lib/file.h"

#define TYPE_ED25519     0x01
#define TYPE_COSIGNATURE 0x04
#define HASH_BASE64      44

struct witness {
    int folder, lock;
    bool failed; /* a write failed: what is on disk is not known */
    struct note_signer key;
    struct note_verifier *logs;
    size_t nlogs;
};

/* The logs ---------------------------------------------------------------- */

static int log_line_parse(const char *line, size_t length,
                          struct note_verifier *v, const char **what)
{
    if (note_verifier_parse(line, length, v) != 0) {
        *what = "not a key: expected a vkey like name+1a2b3c4d+base64";
        return SP_EINVAL;
    }
    if (v->type != TYPE_ED25519) {
        *what = "a key of another type: expected a log's (0x01)";
        return SP_EUNSUPPORTED;
    }
    return 0;
}

static bool log_is_there(const struct note_verifier *logs, size_t nlogs,
                         const struct note_verifier *v)
{
    for (size_t i = 0; i < nlogs; i++)
        if (logs[i].id == v->id && strcmp(logs[i].name, v->name) == 0)
            return true;
    return false;
}

int witness_logs_parse(const char *text, size_t length, const char *file,
                       struct report *r, struct note_verifier **logs,
                       size_t *nlogs)
{
    struct note_verifier *list = calloc(WITNESS_LOGS_MAX, sizeof *list);
    unsigned line = 0, before = r->errors;
    size_t count = 0;

    *logs = NULL;
    if (list == NULL)
        return SP_ENOMEM;
    for (const char *end; length > 0;) {
        const char *what = NULL;
        end = memchr(text, '\n', length);
        size_t n = end == NULL ? length : (size_t)(end - text);
        line++;
        if (n > 0 && text[0] != '#') {
            if (count == WITNESS_LOGS_MAX)
                what = "too many logs: expected at most 4096";
            else if (log_line_parse(text, n, &list[count], &what) == 0 &&
                     log_is_there(list, count, &list[count]))
                what = "the same key as an earlier line's: expected each once";
            if (what == NULL)
                count++;
            else
                report_error(r, file, line, 1, "%s", what);
        }
        length -= n + (end != NULL);
        text += n + (end != NULL);
    }
    if (r->errors == before && count == 0)
        report_error(r, file, line + 1, 1,
                     "no log: expected a vkey a line, at least one");
    if (r->errors != before) {
        free(list);
        return SP_EINVAL;
    }
    *logs = list;
    *nlogs = count;
    return 0;
}

/* Opening ----------------------------------------------------------------- */

static int lock_take(int folder, int *lock)
{
    int fd =
        openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return sp_error_from_errno();
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int r = errno == EWOULDBLOCK ? SP_EEXIST : sp_error_from_errno();
        close(fd);
        return r;
    }
    *lock = fd;
    return 0;
}

int witness_open(int folder, const struct note_signer *key,
                 const struct note_verifier *logs, size_t nlogs,
                 struct witness **out)
{
    struct witness *w = NULL;
    int r = SP_ENOMEM;

    *out = NULL;
    if (key->verifier.type != TYPE_COSIGNATURE)
        return SP_EUNSUPPORTED;
    if ((w = calloc(1, sizeof *w)) == NULL)
        return SP_ENOMEM;
    w->folder = w->lock = -1;
    w->key = *key;
    w->nlogs = nlogs;
    w->logs = calloc(nlogs > 0 ? nlogs : 1, sizeof *w->logs);
    if (w->logs == NULL)
        goto out;
    if (nlogs > 0)
        memcpy(w->logs, logs, nlogs * sizeof *logs);
    w->folder = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    r = w->folder < 0 ? SP_EIO : lock_take(w->folder, &w->lock);
    if (r != 0)
        goto out;
    *out = w;
    w = NULL;
out:
    witness_free(w);
    return r;
}

void witness_free(struct witness *w)
{
    if (w == NULL)
        return;
    if (w->lock >= 0)
        close(w->lock);
    if (w->folder >= 0)
        close(w->folder);
    note_signer_wipe(&w->key);
    free(w->logs);
    free(w);
}

/* What is remembered ------------------------------------------------------ */

void witness_name(const char *origin, char name[WITNESS_NAME_MAX])
{
    uint8_t h[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(h, (const uint8_t *)origin, strlen(origin));
    sodium_bin2hex(name, WITNESS_NAME_MAX, h, sizeof h);
}

/* Other people's bodies may have extension lines, which nobody interprets:
 * the whole body is what is cosigned. */
static int body_parse(const char *text, size_t length, struct checkpoint *c)
{
    const char *at = text, *end = text + length;

    for (unsigned i = 0; i < 3; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at == NULL)
            return SP_EINVAL;
        at++;
    }
    int r = checkpoint_parse(text, (size_t)(at - text), c);
    while (r == 0 && at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        if (line == NULL || line == at)
            return SP_EINVAL;
        at = line + 1;
    }
    return r;
}

struct remembered {
    struct checkpoint head; /* of size 0 with the empty root, if none */
    uint64_t time;          /* of our cosignature; 0: none */
};

/* Reads and checks what a name's file says. SP_ENOENT: there is none. */
static int state_read(const struct witness *w, const char *name, char **note,
                      size_t *length, struct remembered *was)
{
    uint8_t *data = NULL;
    struct note_line line;
    char again[WITNESS_NAME_MAX];
    size_t text;

    int r = file_read(w->folder, name, NOTE_MAX, &data, length);
    if (r != 0)
        return r == SP_ENOENT ? r : SP_EIO;
    *note = (char *)data;
    if (note_find(*note, *length, &w->key.verifier, &line) != 0 ||
        note_text(*note, *length, &text) != 0 ||
        body_parse(*note, text, &was->head) != 0)
        r = SP_ECORRUPT;
    if (r == 0) {
        witness_name(was->head.origin, again);
        was->time = line.time;
        r = strcmp(again, name) == 0 ? 0 : SP_ECORRUPT;
    }
    if (r != 0) {
        free(data);
        *note = NULL;
    }
    return r;
}

static int state_load(const struct witness *w, const char *origin,
                      struct remembered *was)
{
    char name[WITNESS_NAME_MAX], *note = NULL;
    size_t length;

    memset(was, 0, sizeof *was);
    merkle_empty(&was->head.root);
    witness_name(origin, name);
    int r = state_read(w, name, &note, &length, was);
    free(note);
    return r == SP_ENOENT ? 0 : r;
}

static bool is_known_name(const struct witness *w, const char *name)
{
    char each[WITNESS_NAME_MAX];

    for (size_t i = 0; i < w->nlogs; i++) {
        witness_name(w->logs[i].name, each);
        if (strcmp(each, name) == 0)
            return true;
    }
    return false;
}

int witness_latest(const struct witness *w, const char *name, char **note,
                   size_t *length)
{
    struct remembered was;

    *note = NULL;
    if (!is_known_name(w, name)) /* so it is a name, too, and no path */
        return SP_ENOENT;
    return state_read(w, name, note, length, &was);
}

int witness_size(const struct witness *w, const char *origin, uint64_t *size)
{
    struct remembered was;
    int r = state_load(w, origin, &was);

    *size = was.head.size;
    return r;
}

/* A request --------------------------------------------------------------- */

struct request {
    uint64_t old;
    struct merkle_path proof;
    const char *note;
    size_t length;
    size_t text; /* length of the note's text */
    struct checkpoint head;
    char kept[NOTE_MAX]; /* the text and the known keys' lines */
    size_t kept_length;
};

static void answer(struct witness_answer *a, unsigned status, const char *why)
{
    a->status = status;
    a->type = "text/plain; charset=utf-8";
    snprintf(a->why, sizeof a->why, "%s", why);
    a->length = (size_t)snprintf(a->body, sizeof a->body, "%s\n", why);
}

/* "old " and a decimal number without leading zeros. */
static int old_parse(const char *line, size_t length, uint64_t *old)
{
    if (length < 5 || length > 4 + 19 || memcmp(line, "old ", 4) != 0 ||
        (line[4] == '0' && length > 5))
        return SP_EINVAL;
    *old = 0;
    for (size_t i = 4; i < length; i++) {
        if (line[i] < '0' || line[i] > '9')
            return SP_EINVAL;
        *old = *old * 10 + (uint64_t)(line[i] - '0');
    }
    return *old <= INT64_MAX ? 0 : SP_EINVAL;
}

static int proof_add(struct merkle_path *p, const char *line, size_t length)
{
    size_t n;

    if (p->count == WITNESS_PROOF_MAX || length != HASH_BASE64)
        return SP_EINVAL;
    struct hash *h = &p->hashes[p->count++];
    return base64_decode(line, length, h->b, sizeof h->b, &n) == 0 &&
                   n == sizeof h->b
               ? 0
               : SP_EINVAL;
}

/* The lines before the note: NULL, or what is wrong with them. */
static const char *lines_parse(struct request *q, const char *body,
                               size_t length)
{
    for (unsigned line = 0;; line++) {
        const char *end = memchr(body, '\n', length);
        if (end == NULL)
            return "no empty line before the checkpoint";
        size_t n = (size_t)(end - body);
        if (line == 0 && old_parse(body, n, &q->old) != 0)
            return "line 1: expected \"old\" and a size";
        if (line > 0 && n > 0 && proof_add(&q->proof, body, n) != 0)
            return "proof: expected at most 63 lines of 44 characters base64";
        body += n + 1;
        length -= n + 1;
        if (line > 0 && n == 0)
            break;
    }
    q->note = body;
    q->length = length;
    return NULL;
}

static const char *request_parse(struct request *q, const char *body,
                                 size_t length)
{
    const char *wrong;

    if (length > WITNESS_BODY_MAX)
        return "longer than 16 KiB";
    if ((wrong = lines_parse(q, body, length)) != NULL)
        return wrong;
    if (note_text(q->note, q->length, &q->text) != 0)
        return "checkpoint: not a signed note";
    if (body_parse(q->note, q->text, &q->head) != 0)
        return "checkpoint: expected origin, size and root";
    return NULL;
}

static int kept_add(struct request *q, const char *data, size_t length)
{
    if (length > sizeof q->kept - q->kept_length)
        return SP_ETOOBIG;
    memcpy(q->kept + q->kept_length, data, length);
    q->kept_length += length;
    return 0;
}

/* Signed by a key of this origin, and by none that fails. Keeps the text and
 * those lines; what strangers signed is not ours to store. 0, or a status. */
static unsigned log_check(const struct witness *w, struct request *q,
                          const char **why)
{
    bool known = false, signed_ok = false;
    struct note_line line;

    *why = "checkpoint: too long";
    if (kept_add(q, q->note, q->text + 1) != 0)
        return 400;
    for (size_t i = 0; i < w->nlogs; i++) {
        if (strcmp(w->logs[i].name, q->head.origin) != 0)
            continue;
        known = true;
        int r = note_find(q->note, q->length, &w->logs[i], &line);
        if (r == SP_ENOENT)
            continue;
        *why = "a signature of this log's key does not verify";
        if (r != 0 || kept_add(q, line.text, line.length) != 0)
            return 403;
        signed_ok = true;
    }
    *why = known ? "not signed by a key of this log" : "no such log here";
    return signed_ok ? 0 : known ? 403 : 404;
}

/* Whether the head extends what was remembered. NULL, or what is wrong. */
static const char *extends(const struct request *q,
                           const struct remembered *was)
{
    struct hash empty;

    merkle_empty(&empty);
    if (q->head.size == 0 && !merkle_equal(&q->head.root, &empty))
        return "the root of size 0 is not that of the empty tree";
    if (q->old == 0 || q->old == q->head.size) {
        if (q->proof.count > 0)
            return "a proof where none is needed";
        if (q->old == q->head.size &&
            !merkle_equal(&q->head.root, &was->head.root))
            return "another root of the same size was cosigned: a fork";
        return NULL;
    }
    return merkle_verify_consistency(q->old, &was->head.root, q->head.size,
                                     &q->head.root, &q->proof) == 0
               ? NULL
               : "the consistency proof does not verify";
}

/* Two signed heads of one size prove a fork to anybody: the first such is
 * kept. */
static void fork_keep(struct witness *w, const struct request *q,
                      const struct remembered *was, struct witness_answer *a)
{
    char name[WITNESS_NAME_MAX + 8], hex[WITNESS_NAME_MAX];

    a->fork = q->head.size == was->head.size && was->time != 0 &&
              !merkle_equal(&q->head.root, &was->head.root);
    if (!a->fork)
        return;
    witness_name(q->head.origin, hex);
    snprintf(name, sizeof name, "%s.fork", hex);
    int r = file_create(w->folder, name, 0600, q->kept, q->kept_length);
    if (r != 0 && r != SP_EEXIST)
        snprintf(a->why, sizeof a->why,
                 "another root of the same size was cosigned: a fork (and it "
                 "could not be kept: %s)",
                 sp_strerror(r));
}

/* Cosigns and stores; only then is it an answer. */
static void cosign(struct witness *w, struct request *q, uint64_t time,
                   struct witness_answer *a)
{
    char line[COSIGNATURE_LINE_MAX], name[WITNESS_NAME_MAX];
    size_t length;

    int r = cosignature_make(&w->key, q->note, q->text, time, line, &length);
    if (r == 0)
        r = kept_add(q, line, length);
    if (r != 0) {
        answer(a, 500, "this head cannot be cosigned");
        return;
    }
    witness_name(q->head.origin, name);
    r = file_replace(w->folder, name, 0600, q->kept, q->kept_length);
    if (r != 0) {
        w->failed = true;
        answer(a, 500, "what was cosigned could not be stored");
        snprintf(a->why, sizeof a->why, "storing: %s", sp_strerror(r));
        return;
    }
    answer(a, 200, "");
    a->length = length;
    memcpy(a->body, line, length + 1);
}

/* Everything is well-formed and signed: what does memory say? */
static void head_check(struct witness *w, struct request *q, uint64_t time,
                       struct witness_answer *a)
{
    struct remembered was;
    const char *wrong;

    if (state_load(w, q->head.origin, &was) != 0) {
        answer(a, 500, "what is remembered of this log does not add up");
    } else if (q->old != was.head.size) {
        fork_keep(w, q, &was, a);
        answer(a, 409, "another head was cosigned last");
        a->type = "text/x.tlog.size";
        a->length = (size_t)snprintf(a->body, sizeof a->body, "%llu\n",
                                     (unsigned long long)was.head.size);
    } else if ((wrong = extends(q, &was)) != NULL) {
        answer(a, 422, wrong);
        fork_keep(w, q, &was, a);
    } else if (time < was.time) {
        answer(a, 500, "this witness's clock is behind its last cosignature");
    } else {
        cosign(w, q, time, a);
    }
}

void witness_add_checkpoint(struct witness *w, const char *body, size_t length,
                            uint64_t time, struct witness_answer *a)
{
    struct request *q = calloc(1, sizeof *q);
    const char *why = NULL;
    unsigned status;

    memset(a, 0, sizeof *a);
    if (q == NULL || w->failed) {
        answer(a, 500, "storing failed before: the witness must be restarted");
        free(q);
        return;
    }
    if ((why = request_parse(q, body, length)) != NULL) {
        answer(a, 400, why);
        free(q);
        return;
    }
    memcpy(a->origin, q->head.origin, sizeof a->origin);
    a->size = q->head.size;
    if ((status = log_check(w, q, &why)) != 0)
        answer(a, status, why);
    else if (q->old > q->head.size)
        answer(a, 400, "the old size is larger than the checkpoint's");
    else
        head_check(w, q, time, a);
    free(q);
}
