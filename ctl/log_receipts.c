/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares receipts with a ledger. Runs on an evaluator's or an auditor's
 * machine, over a file that anybody may have written.
 */
#include "ctl/log_receipts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/verbs.h"
#include "lib/file.h"
#include "lib/json.h"
#include "policy/entry.h"

#define FILE_MAX (64u << 20)

/* What became of one: the ledger has it, or what is wrong. */
enum verdict {
    RECEIPT_MISSING, /* no such entry of a request, or it has no end yet */
    RECEIPT_GOOD,
    RECEIPT_REFUSAL,     /* the ledger has the refusal */
    RECEIPT_UNCOMMITTED, /* its end has no commitments */
    RECEIPT_ASKED,       /* asked is what the ledger has; the answer was not
                            received to its end */
    RECEIPT_DIFFERS,
    VERDICTS
};

static const struct {
    const char *word, *says;
    bool holds;
} verdicts[VERDICTS] = {
    [RECEIPT_MISSING] = {"missing",
                         "the ledger has no such request, or not its "
                         "end yet",
                         false},
    [RECEIPT_GOOD] = {"good", "asked and answered as the ledger has it", true},
    [RECEIPT_REFUSAL] = {"refusal", "the ledger has this refusal", true},
    [RECEIPT_UNCOMMITTED] = {"uncommitted",
                             "the ledger has this request, and "
                             "no commitments to it",
                             true},
    [RECEIPT_ASKED] = {"asked",
                       "asked as the ledger has it; the answer did not "
                       "come to its end",
                       true},
    [RECEIPT_DIFFERS] = {"differs", "NOT what the ledger has", false},
};

struct receipt_line {
    uint64_t n;
    bool salted, done;
    uint8_t asked[32], answered[32];
    enum verdict verdict;
};

struct receipt_lines {
    struct receipt_line *all;
    size_t count, room;
};

/* ---- the file ---- */

static bool hash_take(const struct json *j, const char *name, uint8_t hash[32])
{
    uint32_t m = json_member(j, 0, name);
    char hex[65];
    size_t n = 0;

    return m != 0 && j->nodes[m].type == JSON_STRING &&
           json_text(j, m, hex, sizeof hex) == 0 &&
           sodium_hex2bin(hash, 32, hex, strlen(hex), NULL, &n, NULL) == 0 &&
           n == 32;
}

static bool line_take(const struct json *j, struct receipt_line *x)
{
    uint32_t entry = 0, salt = 0, end = 0;
    int64_t n = -1;

    *x = (struct receipt_line){.verdict = RECEIPT_MISSING};
    if (j->nodes[0].type == JSON_OBJECT) {
        entry = json_member(j, 0, "entry");
        salt = json_member(j, 0, "salt");
        end = json_member(j, 0, "end");
    }
    if (entry == 0 || salt == 0 || end == 0 || json_int(j, entry, &n) != 0 ||
        n < 0)
        return false;
    x->n = (uint64_t)n;
    x->done = j->nodes[end].type == JSON_STRING && json_equals(j, end, "done");
    x->salted = j->nodes[salt].type == JSON_STRING;
    return !x->salted || (hash_take(j, "asked", x->asked) &&
                          hash_take(j, "answered", x->answered));
}

static int line_add(struct receipt_lines *l, const struct receipt_line *x)
{
    if (l->count == l->room) {
        size_t room = l->room == 0 ? 256 : 2 * l->room;
        struct receipt_line *all = reallocarray(l->all, room, sizeof *all);

        if (all == NULL)
            return SP_ENOMEM;
        l->all = all;
        l->room = room;
    }
    l->all[l->count++] = *x;
    return 0;
}

static int lines_read(const char *file, const char *text, size_t length,
                      struct receipt_lines *l)
{
    struct json j = {0};
    size_t number = 0;
    int status = EXIT_HOLDS;

    for (const char *at = text; status == EXIT_HOLDS && at < text + length;) {
        const char *end = memchr(at, '\n', (size_t)(text + length - at));
        struct receipt_line x;

        number++;
        if (end == NULL)
            end = text + length;
        if (end > at && (json_parse(&j, at, (size_t)(end - at), 2, 64) != 0 ||
                         !line_take(&j, &x) || line_add(l, &x) != 0)) {
            fprintf(stderr,
                    "sallyport log open-commitment: %s:%zu: not a receipt as "
                    "`sallyport connect` writes it\n",
                    file, number);
            status = EXIT_FAILS;
        }
        at = end + 1;
    }
    json_release(&j);
    return status;
}

static int by_number(const void *a, const void *b)
{
    const struct receipt_line *x = a, *y = b;

    return x->n < y->n ? -1 : x->n > y->n;
}

/* ---- the ledger ---- */

static struct receipt_line *line_find(struct receipt_lines *l, uint64_t n)
{
    const struct receipt_line key = {.n = n};

    return l->count == 0
               ? NULL
               : bsearch(&key, l->all, l->count, sizeof *l->all, by_number);
}

static enum verdict end_judge(const struct receipt_line *x,
                              const struct entry_request_closed *c)
{
    if (!c->has_commitments)
        return x->salted ? RECEIPT_DIFFERS : RECEIPT_UNCOMMITTED;
    if (!x->salted || memcmp(x->asked, c->asked, 32) != 0)
        return RECEIPT_DIFFERS;
    if (memcmp(x->answered, c->answered, 32) == 0)
        return RECEIPT_GOOD;
    return x->done ? RECEIPT_DIFFERS : RECEIPT_ASKED;
}

static void entry_judge(struct receipt_lines *l, const struct entry *e)
{
    bool closed = e->kind == ENTRY_REQUEST_CLOSED;
    struct receipt_line *x =
        line_find(l, closed ? e->u.request_closed.of : e->n);

    if (x == NULL)
        return;
    if (closed)
        x->verdict = end_judge(x, &e->u.request_closed);
    else if (e->kind == ENTRY_REQUEST_REFUSED)
        x->verdict = x->salted ? RECEIPT_DIFFERS : RECEIPT_REFUSAL;
}

static int ledger_pass(struct ledger_view *v, struct receipt_lines *l)
{
    uint64_t size = ledger_view_checkpoint(v)->size;
    struct entry_reader reader;
    const uint8_t *line;
    struct entry e;
    size_t length;
    int r = 0;

    entry_reader_init(&reader);
    for (uint64_t n = l->count > 0 ? l->all[0].n : size; r == 0 && n < size;
         n++) {
        if ((r = ledger_view_entry(v, n, &line, &length)) == 0 &&
            (r = entry_decode(&reader, (const char *)line, length, &e)) == 0)
            entry_judge(l, &e);
        if (r != 0)
            fprintf(stderr,
                    "sallyport log open-commitment: entry %" PRIu64 ": %s\n", n,
                    sp_strerror(r));
    }
    entry_reader_release(&reader);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

/* ---- what is told ---- */

static int lines_tell(const struct receipt_lines *l, bool json)
{
    size_t of[VERDICTS] = {0};
    bool holds = true;

    for (size_t i = 0; i < l->count; i++) {
        const struct receipt_line *x = &l->all[i];

        of[x->verdict]++;
        holds = holds && verdicts[x->verdict].holds;
        if (json)
            printf("{\"entry\":%" PRIu64 ",\"verdict\":\"%s\"}\n", x->n,
                   verdicts[x->verdict].word);
        else if (!verdicts[x->verdict].holds)
            printf("receipt %" PRIu64 ": FAILED: %s\n", x->n,
                   verdicts[x->verdict].says);
    }
    for (size_t i = 0; !json && i < VERDICTS; i++)
        if (of[i] > 0)
            printf("%8zu %s\n", of[i], verdicts[i].says);
    if (!json && l->count == 0)
        puts("no receipt in it");
    return holds ? EXIT_HOLDS : EXIT_FAILS;
}

int log_receipts_compare(struct ledger_view *v, const char *file, bool json)
{
    struct receipt_lines l = {0};
    uint8_t *text = NULL;
    size_t length = 0;
    int status = EXIT_FAILS,
        r = file_read(AT_FDCWD, file, FILE_MAX, &text, &length);

    if (r != 0)
        fprintf(stderr, "sallyport log open-commitment: %s: %s\n", file,
                sp_strerror(r));
    else
        status = lines_read(file, (const char *)text, length, &l);
    if (status == EXIT_HOLDS && l.count > 0)
        qsort(l.all, l.count, sizeof *l.all, by_number);
    if (status == EXIT_HOLDS)
        status = ledger_pass(v, &l);
    if (status == EXIT_HOLDS)
        status = lines_tell(&l, json);
    free(l.all);
    free(text);
    return status;
}
