/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log open-commitment`: shows by the salt of a receipt that these
 * bytes are what was asked, and what was answered, in one request. The ledger
 * has only salted hashes, so nobody can do this who did not get the receipt.
 * Runs on an evaluator's or an auditor's machine.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/log.h"
#include "ctl/log_receipts.h"
#include "ctl/verbs.h"
#include "lib/file.h"
#include "policy/entry.h"

#define SALT_BYTES 16

static const char usage[] =
    "usage: sallyport log open-commitment DIR 'N;SALT' [--asked FILE]\n"
    "                                     [--answered FILE] [--json]\n"
    "                                     [--key VKEY | --key-file FILE | "
    "--no-key]\n"
    "       sallyport log open-commitment DIR --receipts FILE [--json]\n"
    "                                     [--key VKEY | --key-file FILE | "
    "--no-key]\n"
    "\n"
    "'N;SALT' is the receipt (x-sallyport-receipt) of a request that was let "
    "in.\n"
    "Shows whether FILE is, byte for byte, the body of what was asked or of "
    "what\n"
    "was answered, as the end of that request has it in the ledger.\n"
    "\n"
    "--receipts FILE: the same for all receipts that `sallyport connect` has "
    "kept.\n"
    "\n"
    "Exit status: 0 each file is what the ledger has, 1 one is not, 2 wrong "
    "usage.\n";

struct options {
    const char *dir, *key, *key_file, *asked, *answered, *receipts;
    uint64_t n;
    uint8_t salt[SALT_BYTES];
    bool no_key, json;
};

static bool receipt_parse(const char *text, struct options *o)
{
    const char *semicolon = strchr(text, ';');
    size_t n = 0;

    return semicolon != NULL &&
           checkpoint_size_parse(text, (size_t)(semicolon - text), &o->n) ==
               0 &&
           strlen(semicolon + 1) == 2 * SALT_BYTES &&
           strspn(semicolon + 1, "0123456789abcdef") == 2 * SALT_BYTES &&
           sodium_hex2bin(o->salt, SALT_BYTES, semicolon + 1, 2 * SALT_BYTES,
                          NULL, &n, NULL) == 0 &&
           n == SALT_BYTES;
}

/* BLAKE2b-256 over salt and file. */
static int file_commit(const struct options *o, const char *name,
                       uint8_t hash[32])
{
    static uint8_t part[65536];
    crypto_generichash_state state;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;

    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, o->salt, SALT_BYTES);
    while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0)
        crypto_generichash_update(&state, part, (size_t)n);
    if (n < 0)
        fprintf(stderr, "sallyport log open-commitment: %s: %s\n", name,
                sp_strerror(sp_error_from_errno()));
    if (fd >= 0)
        close(fd);
    crypto_generichash_final(&state, hash, 32);
    sodium_memzero(part, sizeof part);
    return n == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int compare(const struct options *o, const char *what, const char *name,
                   const uint8_t want[32], bool *first)
{
    uint8_t hash[32];

    if (name == NULL)
        return EXIT_HOLDS;
    if (file_commit(o, name, hash) != EXIT_HOLDS)
        return EXIT_FAILS;
    bool same = memcmp(hash, want, 32) == 0;
    if (o->json)
        printf("%s\"%s\":%s", *first ? "" : ",", what, same ? "true" : "false");
    else
        printf("%-12s %s: %s\n", what, same ? "good" : "FAILED",
               same ? name : "not these bytes, or not this salt");
    *first = false;
    return same ? EXIT_HOLDS : EXIT_FAILS;
}

static int end_compare(const struct options *o,
                       const struct entry_request_closed *c, uint64_t n)
{
    bool first = true;
    int asked, answered;

    if (!c->has_commitments) {
        fprintf(stderr,
                "sallyport log open-commitment: entry %" PRIu64 ", the end of "
                "request %" PRIu64 ", has no commitments: its terms keep none, "
                "or it was lost in a crash\n",
                n, o->n);
        return EXIT_FAILS;
    }
    if (o->json)
        putchar('{');
    else
        printf("request      entry %" PRIu64 ", its end entry %" PRIu64 "\n",
               o->n, n);
    asked = compare(o, "asked", o->asked, c->asked, &first);
    answered = compare(o, "answered", o->answered, c->answered, &first);
    if (o->json)
        printf("%s\"request\":%" PRIu64 ",\"end\":%" PRIu64 "}\n",
               first ? "" : ",", o->n, n);
    return asked == EXIT_HOLDS && answered == EXIT_HOLDS ? EXIT_HOLDS
                                                         : EXIT_FAILS;
}

/* Whether entry n is of the request: itself first, its end later. */
static bool is_of(const struct options *o, const struct entry *e)
{
    return e->n == o->n ? e->kind == ENTRY_REQUEST_ADMITTED
                        : e->kind == ENTRY_REQUEST_CLOSED &&
                              e->u.request_closed.of == o->n;
}

static int view_find(const struct options *o, struct ledger_view *v,
                     struct entry_reader *reader)
{
    uint64_t size = ledger_view_checkpoint(v)->size;
    const uint8_t *line;
    struct entry e;
    size_t length;
    uint64_t n;
    int r = 0;

    for (n = o->n; r == 0 && n < size; n++) {
        if ((r = ledger_view_entry(v, n, &line, &length)) != 0 ||
            (r = entry_decode(reader, (const char *)line, length, &e)) != 0)
            break;
        if (e.n != n)
            r = SP_ECORRUPT;
        else if (n == o->n && !is_of(o, &e))
            break;
        else if (n > o->n && is_of(o, &e))
            return end_compare(o, &e.u.request_closed, n);
    }
    fprintf(stderr, "sallyport log open-commitment: entry %" PRIu64 ": %s\n",
            r != 0 ? n : o->n,
            r != 0        ? sp_strerror(r)
            : n < size    ? "not a request that was let in"
            : o->n < size ? "that request has no end yet"
                          : "the checkpoint does not have it yet");
    return EXIT_FAILS;
}

static int open_commitment(const struct options *o)
{
    struct ledger_view *v = NULL;
    struct entry_reader reader;
    struct log_source s;
    int status = log_source_open(o->dir, o->key, o->key_file, &s);

    if (status != EXIT_HOLDS)
        return status;
    status = log_source_need_key(&s, o->no_key, "open-commitment");
    if (status == EXIT_HOLDS)
        status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS && o->receipts != NULL) {
        status = log_receipts_compare(v, o->receipts, o->json);
    } else if (status == EXIT_HOLDS) {
        entry_reader_init(&reader);
        status = view_find(o, v, &reader);
        entry_reader_release(&reader);
    }
    ledger_view_free(v);
    log_source_close(&s);
    return log_finish(status);
}

int log_open_commitment(int argc, char **argv)
{
    static const struct option options[] = {
        {"asked", required_argument, NULL, 'a'},
        {"answered", required_argument, NULL, 'b'},
        {"receipts", required_argument, NULL, 'r'},
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"no-key", no_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct options o = {.dir = NULL};
    bool good = true;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        o.asked = c == 'a' ? optarg : o.asked;
        o.answered = c == 'b' ? optarg : o.answered;
        o.receipts = c == 'r' ? optarg : o.receipts;
        o.key = c == 'k' ? optarg : o.key;
        o.key_file = c == 'f' ? optarg : o.key_file;
        o.no_key = o.no_key || c == 'n';
        o.json = o.json || c == 'j';
        good = good && c != '?';
    }
    good = good && sodium_init() >= 0 &&
           (o.key != NULL) + (o.key_file != NULL) + o.no_key <= 1;
    if (o.receipts != NULL)
        good =
            good && argc - optind == 1 && o.asked == NULL && o.answered == NULL;
    else
        good = good && argc - optind == 2 &&
               (o.asked != NULL || o.answered != NULL) &&
               receipt_parse(argv[optind + 1], &o);
    if (!good) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    o.dir = argv[optind];
    return open_commitment(&o);
}
