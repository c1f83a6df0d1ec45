/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport finding: makes the key that vulnerability reports are sealed to,
 * and opens them from a ledger. Runs where the secret key is, which is not
 * where the gateway is; the ledger's folder may come from anybody.
 */
#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log.h"
#include "ctl/sealing_secret.h"
#include "ctl/verbs.h"
#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/sealing.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport finding keygen FILE\n"
    "       sallyport finding list DIR\n"
    "       sallyport finding open DIR N --key FILE [--out FILE]\n"
    "\n"
    "  keygen  makes the key pair that findings are sealed to: the secret "
    "goes\n"
    "          to FILE (mode 0600), the line for `findings.sealing_key` of "
    "the\n"
    "          policy to standard output\n"
    "  list    says which findings a ledger holds\n"
    "  open    opens finding N (its id, or the entry of one of its parts)\n"
    "\n"
    "DIR is a deployment or a ledger's folder. Exit status: 0, 1 if it cannot\n"
    "be opened or is not whole, 2 wrong usage.\n";

#define SEALED_MAX (LIMIT_FINDING_PARTS * LIMIT_FINDING_PART)

static int problem(const char *what, const char *why)
{
    fprintf(stderr, "sallyport finding: %s: %s\n", what, why);
    return EXIT_FAILS;
}

static int misused(void)
{
    fputs(usage, stderr);
    return EXIT_MISUSED;
}

/* ---- the ledger ---- */

/* Decodes entry n of the view; EXIT_FAILS if there is none of this version. */
static int entry_read(struct ledger_view *v, struct entry_reader *reader,
                      uint64_t n, struct entry *e)
{
    const uint8_t *line;
    size_t length;

    return ledger_view_entry(v, n, &line, &length) == 0 &&
                   entry_decode(reader, (const char *)line, length, e) == 0
               ? EXIT_HOLDS
               : EXIT_FAILS;
}

/* The ciphertext as its parts bring it, in order. */
struct sealed {
    uint8_t data[SEALED_MAX];
    size_t length;
    uint32_t parts, next;
    uint8_t sha256[32];
};

static bool part_take(struct sealed *s, const struct entry_finding_filed *f)
{
    size_t n = 0;

    if (s->next == 1) {
        s->parts = f->parts;
        memcpy(s->sha256, f->sha256, 32);
    }
    if (f->part != s->next || f->parts != s->parts ||
        memcmp(f->sha256, s->sha256, 32) != 0 ||
        base64_decode(f->data, strlen(f->data), s->data + s->length,
                      SEALED_MAX - s->length, &n) != 0)
        return false;
    s->length += n;
    s->next++;
    return true;
}

/* Collects the parts of the finding that request `of` brought: they are the
 * entries right behind it. */
static int sealed_collect(struct ledger_view *v, struct entry_reader *reader,
                          uint64_t of, struct sealed *s)
{
    uint8_t sha256[32];
    struct entry e;

    *s = (struct sealed){.next = 1};
    for (uint64_t n = of + 1; s->next == 1 || s->next <= s->parts; n++)
        if (entry_read(v, reader, n, &e) != EXIT_HOLDS ||
            e.kind != ENTRY_FINDING_FILED || e.u.finding_filed.of != of ||
            !part_take(s, &e.u.finding_filed))
            return problem("the ledger", "the finding is not whole in it");
    crypto_hash_sha256(sha256, s->data, s->length);
    return memcmp(sha256, s->sha256, 32) == 0
               ? EXIT_HOLDS
               : problem("the ledger", "the finding's SHA-256 is another");
}

/* N is the id, which is the request's entry, or one of the parts. */
static int finding_locate(struct ledger_view *v, struct entry_reader *reader,
                          uint64_t n, uint64_t *of)
{
    struct entry e;

    if (entry_read(v, reader, n, &e) == EXIT_HOLDS &&
        e.kind == ENTRY_FINDING_FILED) {
        *of = e.u.finding_filed.of;
        return EXIT_HOLDS;
    }
    *of = n;
    return EXIT_HOLDS;
}

static int plain_write(const char *out, const uint8_t *plain, size_t length)
{
    int r;

    if (out == NULL)
        return fwrite(plain, 1, length, stdout) == length && fflush(stdout) == 0
                   ? EXIT_HOLDS
                   : problem("standard output", "cannot be written");
    r = file_create(AT_FDCWD, out, 0600, plain, length);
    return r == 0 ? EXIT_HOLDS : problem(out, sp_strerror(r));
}

static int sealed_open(const struct sealed *s, const char *key_file,
                       const char *out)
{
    static uint8_t plain[SEALED_MAX];
    uint8_t key[SEALING_KEY_BYTES], secret[SEALING_KEY_BYTES];
    int status = sealing_secret_read("finding", key_file, secret);

    if (status != EXIT_HOLDS)
        return status;
    if (s->length <= crypto_box_SEALBYTES ||
        crypto_scalarmult_base(key, secret) != 0 ||
        crypto_box_seal_open(plain, s->data, s->length, key, secret) != 0)
        status = problem(key_file, "the finding is not sealed to this key");
    else
        status = plain_write(out, plain, s->length - crypto_box_SEALBYTES);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(plain, sizeof(plain));
    return status;
}

/* ---- subcommands ---- */

/* Opens a ledger and does the work on it. */
struct work {
    int (*run)(const struct work *w, struct ledger_view *v,
               struct entry_reader *reader);
    uint64_t n;
    const char *key, *out;
};

static int on_ledger(const char *dir, const struct work *w)
{
    struct ledger_view *v = NULL;
    struct entry_reader *reader = malloc(sizeof(*reader));
    struct log_source s;
    int status =
        reader == NULL ? EXIT_FAILS : log_source_open(dir, NULL, NULL, &s);

    if (status != EXIT_HOLDS) {
        free(reader);
        return status;
    }
    entry_reader_init(reader);
    if (!s.has_key)
        fputs("sallyport finding: the checkpoint's signature is not checked: "
              "no key here\n",
              stderr);
    status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = w->run(w, v, reader);
    ledger_view_free(v);
    log_source_close(&s);
    entry_reader_release(reader);
    free(reader);
    return status;
}

static int run_open(const struct work *w, struct ledger_view *v,
                    struct entry_reader *reader)
{
    struct sealed *s = malloc(sizeof(*s));
    uint64_t of = 0;
    int status = s == NULL ? EXIT_FAILS : finding_locate(v, reader, w->n, &of);

    if (status == EXIT_HOLDS)
        status = sealed_collect(v, reader, of, s);
    if (status == EXIT_HOLDS)
        status = sealed_open(s, w->key, w->out);
    free(s);
    return status;
}

static int run_list(const struct work *w, struct ledger_view *v,
                    struct entry_reader *reader)
{
    uint64_t size = ledger_view_checkpoint(v)->size;
    char when[CLOCK_UTC_SIZE], hex[65];
    struct entry e;

    (void)w;
    for (uint64_t n = 0; n < size; n++) {
        const struct entry_finding_filed *f = &e.u.finding_filed;

        if (entry_read(v, reader, n, &e) != EXIT_HOLDS ||
            e.kind != ENTRY_FINDING_FILED || f->part != 1)
            continue;
        clock_format_utc(e.t, when);
        sodium_bin2hex(hex, sizeof(hex), f->sha256, 32);
        /* Names are of the language's alphabet only if a keeper wrote them. */
        printf("%8" PRIu64 "  %s  ", f->of, when);
        log_print_json_text(f->party);
        printf("/");
        log_print_json_text(f->person);
        printf("  parts=%u sha256=%s\n", f->parts, hex);
    }
    return log_finish(EXIT_HOLDS);
}

static bool number_parse(const char *text, uint64_t *n)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    *n = strtoull(text, &end, 10);
    return *end == '\0';
}

static int finding_open(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"out", required_argument, NULL, 'o'},
        {0}};
    struct work w = {.run = run_open};
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'k')
            w.key = optarg;
        else if (c == 'o')
            w.out = optarg;
        else
            return misused();
    }
    if (argc - optind != 2 || w.key == NULL ||
        !number_parse(argv[optind + 1], &w.n))
        return misused();
    return on_ledger(argv[optind], &w);
}

static int finding_list(int argc, char **argv)
{
    const struct work w = {.run = run_list};

    return argc != 2 ? misused() : on_ledger(argv[1], &w);
}

static int finding_keygen(int argc, char **argv)
{
    return argc != 2 ? misused() : sealing_secret_make("finding", argv[1]);
}

int verb_finding(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } subcommands[] = {{"keygen", finding_keygen},
                       {"list", finding_list},
                       {"open", finding_open}};

    if (argc < 2)
        return misused();
    if (verb_asks_help(argc, argv)) {
        fputs(usage, stdout);
        return EXIT_HOLDS;
    }
    if (sodium_init() < 0)
        return EXIT_FAILS;
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    return misused();
}
