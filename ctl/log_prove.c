/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log prove`: the proof that one entry is in the signed ledger, in
 * one file that needs no ledger to be checked (C2SP tlog-proof). What is
 * written was checked as its reader will. Runs on an auditor's machine;
 * nothing in the folder is trusted.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log.h"
#include "ctl/verbs.h"
#include "ledger/proof.h"
#include "lib/file.h"

static const char usage[] =
    "usage: sallyport log prove DIR N [-o FILE] [--without-entry]\n"
    "                           [--key VKEY | --key-file FILE | --no-key]\n"
    "\n"
    "Writes a C2SP tlog-proof of entry N: the checkpoint and the hashes that "
    "lead\n"
    "from the entry to it. The entry itself goes along, as extra data.\n"
    "\n"
    "  -o FILE          write there (a file that is there is not replaced)\n"
    "  --without-entry  leave the entry out, for who has it already\n"
    "  --store FOLDER   where old bundles were moved to\n"
    "  --key VKEY       the ledger's public key (default for a deployment:\n"
    "                   keys/ledger.vkey)\n"
    "\n"
    "Exit status: 0 written, 1 there is no such entry or it does not add up,\n"
    "2 wrong usage.\n";

struct options {
    const char *dir, *key, *key_file, *output, *store;
    uint64_t n;
    bool no_key, without_entry;
};

static int bad(const struct options *o, int r)
{
    fprintf(stderr, "sallyport log prove: entry %" PRIu64 ": %s\n", o->n,
            sp_strerror(r));
    return EXIT_FAILS;
}

/* As whoever gets it will: by the key, the entry and the proof alone. */
static int check_again(const struct log_source *s, struct ledger_view *v,
                       const struct options *o, const char *text, size_t length)
{
    const uint8_t *entry;
    struct proof p;
    unsigned line;
    size_t n;
    int r = ledger_view_entry(v, o->n, &entry, &n);

    if (r == 0)
        r = proof_parse(text, length, &p, &line);
    if (r == 0 && s->has_key)
        r = proof_check(&p, &s->key, 1, entry, n);
    return r;
}

static int output(const struct options *o, const char *text, size_t length)
{
    if (o->output == NULL) {
        fwrite(text, 1, length, stdout);
        return EXIT_HOLDS;
    }
    int r = file_create(AT_FDCWD, o->output, 0644, text, length);
    if (r == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport log prove: %s: %s\n", o->output, sp_strerror(r));
    return EXIT_FAILS;
}

static int prove_view(const struct options *o, const struct log_source *s,
                      struct ledger_view *v)
{
    uint64_t size = ledger_view_checkpoint(v)->size;
    char *text = malloc(PROOF_MAX);
    size_t length = 0;
    int status, r = text == NULL ? SP_ENOMEM : 0;

    if (o->n >= size) {
        fprintf(stderr,
                "sallyport log prove: no entry %" PRIu64
                ": the checkpoint has %" PRIu64 "\n",
                o->n, size);
        free(text);
        return EXIT_FAILS;
    }
    if (r == 0)
        r = proof_write(v, o->n, !o->without_entry, text, PROOF_MAX, &length);
    if (r == 0)
        r = check_again(s, v, o, text, length);
    status = r == 0 ? output(o, text, length) : bad(o, r);
    free(text);
    return status;
}

static int prove(const struct options *o)
{
    struct ledger_view *v = NULL;
    struct log_source s;
    int status = log_source_open(o->dir, o->key, o->key_file, &s);

    if (status != EXIT_HOLDS)
        return status;
    status = log_source_store(&s, o->store);
    if (status == EXIT_HOLDS)
        status = log_source_need_key(&s, o->no_key, "prove");
    if (status == EXIT_HOLDS)
        status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = prove_view(o, &s, v);
    ledger_view_free(v);
    log_source_close(&s);
    return log_finish(status);
}

int log_prove(int argc, char **argv)
{
    static const struct option options[] = {
        {"store", required_argument, NULL, 't'},
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"no-key", no_argument, NULL, 'n'},
        {"without-entry", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct options o = {.dir = NULL};
    bool good = true;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        o.key = c == 'k' ? optarg : o.key;
        o.key_file = c == 'f' ? optarg : o.key_file;
        o.store = c == 't' ? optarg : o.store;
        o.output = c == 'o' ? optarg : o.output;
        o.no_key = o.no_key || c == 'n';
        o.without_entry = o.without_entry || c == 'w';
        good = good && c != '?';
    }
    if (!good || argc - optind != 2 ||
        (o.key != NULL) + (o.key_file != NULL) + o.no_key > 1 ||
        checkpoint_size_parse(argv[optind + 1], strlen(argv[optind + 1]),
                              &o.n) != 0) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    o.dir = argv[optind];
    return prove(&o);
}
