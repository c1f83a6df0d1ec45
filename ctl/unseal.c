/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport unseal: opens a sealed transcript with a party's secret key, and
 * holds it against the ledger. Runs where the key is; file and ledger may come
 * from anybody.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "ctl/log.h"
#include "ctl/sealing_secret.h"
#include "ctl/verbs.h"
#include "ledger/transcript.h"
#include "lib/file.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport unseal FILE --key KEYFILE [--key KEYFILE]\n"
    "                        [--ledger DIR] [--partial]\n"
    "                        [--asked | --answered] [-o OUT]\n"
    "\n"
    "Opens a sealed transcript and prints what was asked and answered.\n"
    "  --key       a secret key that `sallyport seal keygen` made; twice if "
    "it\n"
    "              takes two\n"
    "  --ledger    a deployment or a ledger's folder: the file must be the "
    "one\n"
    "              that the end of its request names, and what was said must\n"
    "              be what the commitments there are to\n"
    "  --partial   also of a file that was cut short, which is then said\n"
    "  --asked, --answered\n"
    "              only that, byte for byte\n"
    "  -o, --out   into a new file (mode 0600) instead of standard output\n"
    "Exit status: 0, 1 if it cannot be opened or does not hold, 2 wrong "
    "usage.\n";

/* A body and an answer as long as they may be, and some. */
#define FILE_MAX (1u << 30)

struct job {
    const char *file, *ledger, *out;
    const char *keys[TRANSCRIPT_TOGETHER];
    size_t nkeys;
    bool partial, asked, answered;
    /* what the file has */
    uint8_t *data;
    size_t length;
    struct transcript_head head;
    struct transcript said;
};

SP_PRINTF(2, 3)
static int problem(const char *what, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "sallyport unseal: %s: ", what);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILS;
}

static int misused(void)
{
    fputs(usage, stderr);
    return EXIT_MISUSED;
}

/* ---- opening ---- */

/* What was said is in our memory now. */
static void harden(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

static int opened(struct job *j, const uint8_t (*secrets)[SEALING_KEY_BYTES])
{
    const char *why = NULL;
    uint64_t chunk = 0;
    int r = transcript_open(&j->said, &j->head, j->data, j->length, secrets,
                            j->nkeys, &chunk, &why);

    if (r == SP_EPERM && j->nkeys < TRANSCRIPT_TOGETHER)
        return problem(j->file, "not sealed to this key, or not to it alone");
    if (r == SP_EPERM || r == SP_ENOMEM)
        return problem(j->file, "%s", why);
    if (r != 0)
        return problem(j->file, "damaged at chunk %" PRIu64 ": %s", chunk, why);
    if (j->said.complete)
        return EXIT_HOLDS;
    fprintf(stderr,
            "sallyport unseal: %s: incomplete: it ends behind chunk %" PRIu64
            " without its end\n",
            j->file, chunk);
    return j->partial ? EXIT_HOLDS : EXIT_FAILS;
}

static int file_open(struct job *j)
{
    uint8_t secrets[TRANSCRIPT_TOGETHER][SEALING_KEY_BYTES];
    const char *why = NULL;
    int r = file_read(AT_FDCWD, j->file, FILE_MAX, &j->data, &j->length);
    int status = EXIT_HOLDS;

    if (r != 0)
        return problem(j->file, "%s", sp_strerror(r));
    if (transcript_head_read(&j->head, j->data, j->length, &why) != 0)
        return problem(j->file, "%s", why);
    for (size_t i = 0; status == EXIT_HOLDS && i < j->nkeys; i++)
        status = sealing_secret_read("unseal", j->keys[i], secrets[i]);
    if (status == EXIT_HOLDS)
        status = opened(j, (const uint8_t(*)[SEALING_KEY_BYTES])secrets);
    sodium_memzero(secrets, sizeof(secrets));
    return status;
}

/* ---- the ledger ---- */

static bool entry_at(struct ledger_view *v, struct entry_reader *reader,
                     uint64_t n, struct entry *e)
{
    const uint8_t *line;
    size_t length;

    return ledger_view_entry(v, n, &line, &length) == 0 &&
           entry_decode(reader, (const char *)line, length, e) == 0;
}

/* The end of the request that the file says it is of. */
static int end_find(const struct job *j, struct ledger_view *v,
                    struct entry_reader *reader, struct entry *e)
{
    const struct checkpoint *head = ledger_view_checkpoint(v);

    if (strcmp(head->origin, j->head.origin) != 0)
        return problem(j->file, "it is of another ledger than %s",
                       head->origin);
    if (j->head.n >= head->size || !entry_at(v, reader, j->head.n, e) ||
        e->kind != ENTRY_REQUEST_ADMITTED)
        return problem(j->ledger, "entry %" PRIu64 " admits no request",
                       j->head.n);
    for (uint64_t n = j->head.n + 1; n < head->size; n++) {
        if (!entry_at(v, reader, n, e))
            return problem(j->ledger, "entry %" PRIu64 " cannot be read", n);
        if (e->kind == ENTRY_REQUEST_CLOSED &&
            e->u.request_closed.of == j->head.n)
            return EXIT_HOLDS;
    }
    return problem(j->ledger, "request %" PRIu64 " has no end yet", j->head.n);
}

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

static int end_compare(const struct job *j, const struct entry *e)
{
    const struct entry_request_closed *c = &e->u.request_closed;
    const struct transcript *t = &j->said;
    uint8_t sha256[32];

    if (!c->has_transcript)
        return problem(j->ledger,
                       "entry %" PRIu64 " ends this request as %s, without a "
                       "transcript",
                       e->n, cause_code(c->cause));
    crypto_hash_sha256(sha256, j->data, j->length);
    if (memcmp(sha256, c->transcript, sizeof(sha256)) != 0)
        return problem(j->file,
                       "not the file whose SHA-256 is in entry %" PRIu64, e->n);
    if (c->has_commitments &&
        (!is_committed(t, t->asked, t->asked_length, c->asked) ||
         !is_committed(t, t->answered, t->answered_length, c->answered)))
        return problem(j->file,
                       "what was said is not what entry %" PRIu64
                       " has commitments to",
                       e->n);
    fprintf(stderr,
            "sallyport unseal: entry %" PRIu64 " names this file, and what was "
            "said\n",
            e->n);
    return EXIT_HOLDS;
}

static int ledger_compare(const struct job *j)
{
    struct entry_reader *reader = malloc(sizeof(*reader));
    struct ledger_view *v = NULL;
    struct log_source s;
    struct entry e;
    int status = reader == NULL ? problem(j->ledger, "out of memory")
                                : log_source_open(j->ledger, NULL, NULL, &s);

    if (status != EXIT_HOLDS) {
        free(reader);
        return status;
    }
    entry_reader_init(reader);
    if (!s.has_key)
        fputs("sallyport unseal: the checkpoint's signature is not checked: no "
              "key here\n",
              stderr);
    status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = end_find(j, v, reader, &e);
    if (status == EXIT_HOLDS)
        status = end_compare(j, &e);
    ledger_view_free(v);
    log_source_close(&s);
    entry_reader_release(reader);
    free(reader);
    return status;
}

/* ---- what was said ---- */

static void say(const struct job *j, FILE *out)
{
    const struct transcript *t = &j->said;
    bool both = !j->asked && !j->answered;

    if (both)
        fprintf(out, "--- entry %" PRIu64 ": asked, %zu bytes\n", j->head.n,
                t->asked_length);
    if (!j->answered)
        fwrite(t->asked, 1, t->asked_length, out);
    if (both)
        fprintf(out, "\n--- answered, %zu bytes\n", t->answered_length);
    if (!j->asked)
        fwrite(t->answered, 1, t->answered_length, out);
    if (both)
        fputc('\n', out);
}

static int said_to_file(const struct job *j)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    int r = SP_ENOMEM;

    if (out != NULL) {
        say(j, out);
        if (fclose(out) == 0 && text != NULL)
            r = file_create(AT_FDCWD, j->out, 0600, text, length);
    }
    if (text != NULL)
        sodium_memzero(text, length);
    free(text);
    return r == 0 ? EXIT_HOLDS : problem(j->out, "%s", sp_strerror(r));
}

static int run(struct job *j)
{
    int status;

    harden();
    status = file_open(j);
    if (status == EXIT_HOLDS && j->ledger != NULL)
        status = ledger_compare(j);
    if (status == EXIT_HOLDS && j->out != NULL)
        status = said_to_file(j);
    else if (status == EXIT_HOLDS) {
        say(j, stdout);
        status = log_finish(EXIT_HOLDS);
    }
    if (status == EXIT_HOLDS && !j->said.complete)
        status = EXIT_FAILS;
    transcript_release(&j->said);
    free(j->data);
    return status;
}

int verb_unseal(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"ledger", required_argument, NULL, 'l'},
        {"out", required_argument, NULL, 'o'},
        {"partial", no_argument, NULL, 'p'},
        {"asked", no_argument, NULL, 'q'},
        {"answered", no_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct job j = {0};
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        if (c == 'k' && j.nkeys < TRANSCRIPT_TOGETHER)
            j.keys[j.nkeys++] = optarg;
        else if (c == 'l')
            j.ledger = optarg;
        else if (c == 'o')
            j.out = optarg;
        else if (c == 'p')
            j.partial = true;
        else if (c == 'q')
            j.asked = true;
        else if (c == 'a')
            j.answered = true;
        else
            return misused();
    }
    if (argc - optind != 1 || j.nkeys == 0 || (j.asked && j.answered))
        return misused();
    j.file = argv[optind];
    if (sodium_init() < 0)
        return EXIT_FAILS;
    return run(&j);
}
