/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log check-proof`: one entry's place in a signed ledger, from one
 * file and the ledger's public key. Runs on anybody's machine, without the
 * ledger; the file is a stranger's.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/log.h"
#include "ctl/verbs.h"
#include "ledger/proof.h"
#include "lib/file.h"
#include "lib/limits.h"

static const char usage[] =
    "usage: sallyport log check-proof FILE (--key VKEY | --key-file FILE)\n"
    "                                 [--entry FILE] [--json]\n"
    "\n"
    "Checks a C2SP tlog-proof: that the key signed the checkpoint in it, and "
    "that\n"
    "the checkpoint has this entry at this place. FILE - is standard input.\n"
    "\n"
    "  --key VKEY       the ledger's public key; have the developer confirm "
    "it\n"
    "  --key-file FILE  the same from a file\n"
    "  --entry FILE     the entry's exact bytes (a newline behind them is not "
    "part\n"
    "                   of them); without it, those in the proof's extra line\n"
    "  --json           one JSON object\n"
    "\n"
    "Exit status: 0 it is proven, 1 it is not, 2 wrong usage.\n";

struct options {
    const char *file, *key, *key_file, *entry;
    bool json;
};

struct subject {
    uint8_t *text, *entry;
    size_t length, entry_length;
    struct proof proof;
    const char *entry_from;
};

static int file_take(const char *name, size_t max, uint8_t **data,
                     size_t *length)
{
    int r = strcmp(name, "-") == 0
                ? file_read_fd(STDIN_FILENO, max, data, length)
                : file_read(AT_FDCWD, name, max, data, length);

    if (r != 0)
        fprintf(stderr, "sallyport log check-proof: %s: %s\n", name,
                sp_strerror(r));
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int proof_take(const struct options *o, struct subject *x)
{
    unsigned line;
    int status = file_take(o->file, PROOF_MAX, &x->text, &x->length);

    if (status != EXIT_HOLDS ||
        proof_parse((char *)x->text, x->length, &x->proof, &line) == 0)
        return status;
    fprintf(stderr,
            "sallyport log check-proof: %s:%u: not a proof: wanted a C2SP "
            "tlog-proof@v1: \"index\", hashes, an empty line, a signed "
            "checkpoint that is larger than the index\n",
            o->file, line);
    return EXIT_FAILS;
}

/* The entry that is to be proven: the file's, or the extra line's. */
static int entry_take(const struct options *o, struct subject *x)
{
    const struct proof *p = &x->proof;
    int status;

    if (o->entry != NULL) {
        x->entry_from = o->entry;
        status = file_take(o->entry, LIMIT_ENTRY_BYTES + 1, &x->entry,
                           &x->entry_length);
        if (status == EXIT_HOLDS && x->entry_length > 0 &&
            x->entry[x->entry_length - 1] == '\n')
            x->entry_length--;
        return status;
    }
    x->entry_from = "the proof's extra line";
    if (p->extra == NULL) {
        fprintf(stderr,
                "sallyport log check-proof: %s: has no entry in it: give "
                "--entry FILE\n",
                o->file);
        return EXIT_MISUSED;
    }
    x->entry = malloc(PROOF_EXTRA_MAX);
    if (x->entry == NULL ||
        base64_decode(p->extra, p->extra_length, x->entry, PROOF_EXTRA_MAX,
                      &x->entry_length) != 0)
        return EXIT_FAILS;
    return EXIT_HOLDS;
}

static const char *verdict_text(int r)
{
    return r == 0               ? NULL
           : r == SP_ESIGNATURE ? "the checkpoint is not signed by this key, "
                                  "or not for the ledger of its name"
                                : "another entry stands there: the hashes do "
                                  "not lead from this one to the root";
}

static void outcome_json(const struct subject *x, const struct log_source *s,
                         int r)
{
    const char *problem = verdict_text(r);

    printf("{\"good\":%s", r == 0 ? "true" : "false");
    if (problem != NULL) {
        fputs(",\"problem\":", stdout);
        log_print_json_text(problem);
    }
    fputs(",\"origin\":", stdout);
    log_print_json_text(x->proof.head.origin);
    printf(",\"size\":%" PRIu64 ",\"index\":%" PRIu64 ",\"key\":",
           x->proof.head.size, x->proof.index);
    log_print_json_text(s->key.name);
    puts("}");
}

static void outcome_text(const struct subject *x, const struct log_source *s,
                         int r)
{
    printf("index        %" PRIu64 ", from %s\ncheckpoint   %s, size %" PRIu64
           "\nkey          %s+%08x, from %s\n",
           x->proof.index, x->entry_from, x->proof.head.origin,
           x->proof.head.size, s->key.name, (unsigned)s->key.id, s->key_from);
    if (r != 0) {
        printf("FAILED       %s\n", verdict_text(r));
        return;
    }
    puts("signature    good\ninclusion    good: the signed ledger has this "
         "entry at this index");
    fputs("entry        ", stdout);
    log_print_bytes(x->entry, x->entry_length);
    puts("\nnot checked  that the entry is true, and that others were shown "
         "the same ledger");
}

static int check_proof(const struct options *o)
{
    struct log_source s = LOG_SOURCE_NONE;
    struct subject x = {.text = NULL};
    int status = log_source_key(&s, o->key, o->key_file);

    if (status == EXIT_HOLDS)
        status = log_source_need_key(&s, false, "check-proof");
    if (status == EXIT_HOLDS)
        status = proof_take(o, &x);
    if (status == EXIT_HOLDS)
        status = entry_take(o, &x);
    if (status == EXIT_HOLDS) {
        int r = proof_check(&x.proof, &s.key, 1, x.entry, x.entry_length);
        if (o->json)
            outcome_json(&x, &s, r);
        else
            outcome_text(&x, &s, r);
        status = r == 0 ? EXIT_HOLDS : EXIT_FAILS;
    }
    free(x.text);
    free(x.entry);
    log_source_close(&s);
    return log_finish(status);
}

int log_check_proof(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"entry", required_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct options o = {.file = NULL};
    bool good = true;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        o.key = c == 'k' ? optarg : o.key;
        o.key_file = c == 'f' ? optarg : o.key_file;
        o.entry = c == 'e' ? optarg : o.entry;
        o.json = o.json || c == 'j';
        good = good && c != '?';
    }
    if (!good || argc - optind != 1 || (o.key != NULL && o.key_file != NULL)) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    o.file = argv[optind];
    return check_proof(&o);
}
