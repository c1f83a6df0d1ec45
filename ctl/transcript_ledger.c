/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a transcript against a ledger. Both may come from anybody; each entry
 * that is read is checked against the tree, and the tree's head against the key
 * if there is one.
 */
#include "ctl/transcript_ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log.h"
#include "ctl/verbs.h"
#include "policy/entry.h"

/* An open ledger, and what it is asked about. */
struct asked {
    const char *verb, *ledger;
    const struct transcript_head *head;
    struct log_source source;
    struct ledger_view *view;
    struct entry_reader *reader;
};

SP_PRINTF(3, 4)
static int problem(const char *verb, const char *what, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "sallyport %s: %s: ", verb, what);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILS;
}

static bool entry_at(const struct asked *a, uint64_t n, struct entry *e)
{
    const uint8_t *line;
    size_t length;

    return ledger_view_entry(a->view, n, &line, &length) == 0 &&
           entry_decode(a->reader, (const char *)line, length, e) == 0;
}

/* The head is shown by nobody but its writer: it must fit this ledger. */
static int request_check(const struct asked *a)
{
    const struct checkpoint *head = ledger_view_checkpoint(a->view);
    struct entry e;

    if (strcmp(head->origin, a->head->origin) != 0)
        return problem(a->verb, a->ledger,
                       "the transcript is of another ledger than %s",
                       head->origin);
    if (a->head->n >= head->size || !entry_at(a, a->head->n, &e) ||
        e.kind != ENTRY_REQUEST_ADMITTED)
        return problem(a->verb, a->ledger,
                       "entry %" PRIu64 " admits no request", a->head->n);
    return EXIT_HOLDS;
}

static void asked_close(struct asked *a)
{
    ledger_view_free(a->view);
    log_source_close(&a->source);
    entry_reader_release(a->reader);
    free(a->reader);
}

static int asked_open(struct asked *a)
{
    int status;

    if ((a->reader = malloc(sizeof(*a->reader))) == NULL)
        return problem(a->verb, a->ledger, "out of memory");
    status = log_source_open(a->ledger, NULL, NULL, &a->source);
    if (status != EXIT_HOLDS) {
        free(a->reader);
        return status;
    }
    entry_reader_init(a->reader);
    if (!a->source.has_key)
        fprintf(stderr,
                "sallyport %s: the checkpoint's signature is not checked: no "
                "key here\n",
                a->verb);
    status = log_view_open(&a->source, &a->view);
    if (status == EXIT_HOLDS)
        status = request_check(a);
    if (status != EXIT_HOLDS)
        asked_close(a);
    return status;
}

/* The first entry of this kind about the request: one follows it, if any. */
static int entry_find(const struct asked *a, enum entry_kind kind,
                      struct entry *e)
{
    uint64_t size = ledger_view_checkpoint(a->view)->size;

    for (uint64_t n = a->head->n + 1; n < size; n++) {
        if (!entry_at(a, n, e))
            return problem(a->verb, a->ledger,
                           "entry %" PRIu64 " cannot be read", n);
        if (e->kind == kind &&
            (kind == ENTRY_REQUEST_CLOSED
                 ? e->u.request_closed.of
                 : e->u.transcript_revealed.of) == a->head->n)
            return EXIT_HOLDS;
    }
    return problem(a->verb, a->ledger,
                   kind == ENTRY_REQUEST_CLOSED
                       ? "request %" PRIu64 " has no end yet"
                       : "nobody has ordered to reveal the transcript of "
                         "request %" PRIu64 " (sallyport seal reveal)",
                   a->head->n);
}

/* ---- the file and what is in it ---- */

static bool is_committed(const struct transcript *t, const uint8_t *data,
                         size_t length, const uint8_t want[32])
{
    crypto_generichash_state state;
    uint8_t have[32];

    crypto_generichash_init(&state, NULL, 0, sizeof(have));
    crypto_generichash_update(&state, t->salt, sizeof(t->salt));
    crypto_generichash_update(&state, data, length);
    crypto_generichash_final(&state, have, sizeof(have));
    return memcmp(have, want, sizeof(have)) == 0;
}

static int end_compare(const struct asked *a, const struct entry *e,
                       const char *file, const uint8_t *data, size_t length,
                       const struct transcript *t)
{
    const struct entry_request_closed *c = &e->u.request_closed;
    uint8_t sha256[32];

    if (!c->has_transcript)
        return problem(a->verb, a->ledger,
                       "entry %" PRIu64 " ends this request as %s, without a "
                       "transcript",
                       e->n, cause_code(c->cause));
    crypto_hash_sha256(sha256, data, length);
    if (memcmp(sha256, c->transcript, sizeof(sha256)) != 0)
        return problem(a->verb, file,
                       "not the file whose SHA-256 is in entry %" PRIu64, e->n);
    if (c->has_commitments &&
        (!is_committed(t, t->asked, t->asked_length, c->asked) ||
         !is_committed(t, t->answered, t->answered_length, c->answered)))
        return problem(a->verb, file,
                       "what was said is not what entry %" PRIu64
                       " has commitments to",
                       e->n);
    fprintf(stderr,
            "sallyport %s: entry %" PRIu64 " names this file, and what was "
            "said\n",
            a->verb, e->n);
    return EXIT_HOLDS;
}

int transcript_ledger_compare(const char *verb, const char *ledger,
                              const char *file, const uint8_t *data,
                              size_t length, const struct transcript_head *head,
                              const struct transcript *said)
{
    struct asked a = {.verb = verb, .ledger = ledger, .head = head};
    struct entry e;
    int status = asked_open(&a);

    if (status != EXIT_HOLDS)
        return status;
    status = entry_find(&a, ENTRY_REQUEST_CLOSED, &e);
    if (status == EXIT_HOLDS)
        status = end_compare(&a, &e, file, data, length, said);
    asked_close(&a);
    return status;
}

int transcript_ledger_revealed(const char *verb, const char *ledger,
                               const struct transcript_head *head)
{
    struct asked a = {.verb = verb, .ledger = ledger, .head = head};
    struct entry e;
    int status = asked_open(&a);

    if (status != EXIT_HOLDS)
        return status;
    status = entry_find(&a, ENTRY_TRANSCRIPT_REVEALED, &e);
    asked_close(&a);
    return status;
}
