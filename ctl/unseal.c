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
#include "ctl/transcript_file.h"
#include "ctl/transcript_ledger.h"
#include "ctl/verbs.h"
#include "ledger/transcript.h"
#include "lib/file.h"

static const char usage[] =
    "usage: sallyport unseal FILE --key KEYFILE [--key KEYFILE | --share "
    "SHARE]\n"
    "                        [--ledger DIR] [--partial]\n"
    "                        [--asked | --answered] [-o OUT]\n"
    "\n"
    "Opens a sealed transcript and prints what was asked and answered.\n"
    "  --key       a secret key that `sallyport seal keygen` made; twice if "
    "it\n"
    "              takes two\n"
    "  --share     what the holder of the second of two keys made with\n"
    "              `sallyport seal share`, instead of that key\n"
    "  --ledger    a deployment or a ledger's folder: the file must be the "
    "one\n"
    "              that the end of its request names, and what was said must\n"
    "              be what the commitments there are to. With two keys it is\n"
    "              required, and must say that the transcript was revealed\n"
    "  --partial   also of a file that was cut short, which is then said\n"
    "  --asked, --answered\n"
    "              only that, byte for byte\n"
    "  -o, --out   into a new file (mode 0600) instead of standard output\n"
    "Exit status: 0, 1 if it cannot be opened or does not hold, 2 wrong "
    "usage.\n";

struct job {
    const char *file, *ledger, *out, *share;
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

static int opened(struct job *j, const struct transcript_keys *keys)
{
    const char *why = NULL;
    uint64_t chunk = 0;
    int r = transcript_open(&j->said, &j->head, j->data, j->length, keys,
                            &chunk, &why);

    if (r == SP_EPERM && keys->count + (keys->share != NULL) < 2)
        return problem(j->file, "not sealed to this key, or not to it alone");
    if (r == SP_EPERM || r == SP_ENOMEM)
        return problem(j->file, "%s", why);
    if (r != 0)
        return problem(j->file, "damaged at chunk %" PRIu64 ": %s", chunk, why);
    for (size_t i = 0; i < j->head.count; i++)
        if (j->head.to[i].count != j->said.keys)
            fprintf(stderr, "sallyport unseal: %s: also sealed to %s\n",
                    j->file,
                    j->head.to[i].count > 1 ? "two others, who open it together"
                                            : "another key");
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
    uint8_t share[TRANSCRIPT_SHARE];
    struct transcript_keys keys = {.count = j->nkeys};
    int status =
        transcript_file_read("unseal", j->file, &j->data, &j->length, &j->head);

    for (size_t i = 0; status == EXIT_HOLDS && i < j->nkeys; i++)
        status = sealing_secret_read("unseal", j->keys[i], keys.secrets[i]);
    if (status == EXIT_HOLDS && j->share != NULL) {
        status = transcript_share_read("unseal", j->share, share);
        keys.share = share;
    }
    if (status == EXIT_HOLDS)
        status = opened(j, &keys);
    sodium_memzero(&keys, sizeof(keys));
    sodium_memzero(share, sizeof(share));
    return status;
}

/* ---- the ledger ---- */

/* Two officers read nothing that nobody ordered them to. */
static int ledger_compare(const struct job *j)
{
    int status = EXIT_HOLDS;

    if (j->ledger == NULL && j->said.keys > 1)
        return problem(j->file, "with two keys, --ledger is required");
    if (j->said.keys > 1)
        status = transcript_ledger_revealed("unseal", j->ledger, &j->head);
    if (status == EXIT_HOLDS && j->ledger != NULL)
        status =
            transcript_ledger_compare("unseal", j->ledger, j->file, j->data,
                                      j->length, &j->head, &j->said);
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
    if (status == EXIT_HOLDS)
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
        {"share", required_argument, NULL, 's'},
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
        else if (c == 's')
            j.share = optarg;
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
