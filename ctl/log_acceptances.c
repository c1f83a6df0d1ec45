/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log acceptances`: who accepted which document, with every
 * signature verified again from the ledger alone. Runs on an auditor's machine
 * over a folder that anybody may have written.
 */
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/acceptance.h"
#include "ctl/log.h"
#include "ctl/verbs.h"
#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport log acceptances DIR [--json]\n"
    "\n"
    "Lists the documents that people accepted and verifies each signature\n"
    "again, over the text that docs/nda.md has. Whether a certificate was "
    "that\n"
    "person's follows from the policy that was in force.\n"
    "\n"
    "Exit status: 0 every signature holds, 1 one does not, 2 wrong usage.\n";

struct audit {
    bool json;
    char origin[512]; /* of entry 0 */
    uint64_t count, wrong;
};

static int signature_check(const struct acceptance_claim *claim, X509 *cert,
                           const struct entry_nda_accepted *a)
{
    enum acceptance_algorithm algorithm =
        acceptance_algorithm_from(a->algorithm);
    uint8_t signature[LIMIT_SIGNATURE_BYTES];
    char text[ACCEPTANCE_STATEMENT_SIZE];
    size_t length = 0;
    int r;

    if ((r = base64_decode(a->signature, strlen(a->signature), signature,
                           sizeof(signature), &length)) != 0 ||
        (r = acceptance_statement(claim, text)) != 0)
        return r;
    return acceptance_verify(X509_get0_pubkey(cert), &algorithm, text,
                             signature, length);
}

/* 0 if the entry proves what it says. */
static int acceptance_check(const struct audit *u,
                            const struct entry_nda_accepted *a)
{
    uint8_t der[LIMIT_CERTIFICATE_BYTES], cert_sha256[32];
    const struct acceptance_claim claim = {.origin = u->origin,
                                           .party = a->party,
                                           .person = a->person,
                                           .document = a->document,
                                           .sha256 = a->sha256,
                                           .cert_sha256 = cert_sha256};
    size_t length = 0;
    X509 *cert = NULL;
    int r;

    if ((r = base64_decode(a->certificate, strlen(a->certificate), der,
                           sizeof(der), &length)) != 0 ||
        (r = acceptance_certificate(der, length, &cert)) != 0)
        return r;
    crypto_hash_sha256(cert_sha256, der, length);
    r = signature_check(&claim, cert, a);
    X509_free(cert);
    return r;
}

static void acceptance_print(const struct audit *u, const struct entry *e,
                             int r)
{
    const struct entry_nda_accepted *a = &e->u.nda_accepted;
    char when[CLOCK_UTC_SIZE], hex[65];

    clock_format_utc(e->t, when);
    sodium_bin2hex(hex, sizeof(hex), a->sha256, 32);
    printf(u->json ? "{\"n\":%" PRIu64 ",\"t\":\"%s\",\"party\":"
                   : "%8" PRIu64 "  %s  ",
           e->n, when);
    log_print_json_text(a->party);
    fputs(u->json ? ",\"person\":" : "/", stdout);
    log_print_json_text(a->person);
    fputs(u->json ? ",\"document\":" : " ", stdout);
    log_print_json_text(a->document);
    printf(u->json ? ",\"sha256\":\"%s\",\"holds\":%s}\n" : " %s  %s\n", hex,
           u->json ? (r == 0 ? "true" : "false")
                   : (r == 0 ? "holds" : sp_strerror(r)));
}

static int entry_audit(struct audit *u, struct entry_reader *reader,
                       const uint8_t *line, size_t length)
{
    struct entry e;
    int r = entry_decode(reader, (const char *)line, length, &e);

    if (r == SP_ENOMEM)
        return r;
    if (r == 0 && e.kind == ENTRY_LOG_OPENED)
        snprintf(u->origin, sizeof(u->origin), "%s", e.u.log_opened.origin);
    if (r != 0 || e.kind != ENTRY_NDA_ACCEPTED)
        return 0;
    r = acceptance_check(u, &e.u.nda_accepted);
    u->count++;
    u->wrong += r != 0;
    acceptance_print(u, &e, r);
    return 0;
}

static int view_audit(struct audit *u, struct ledger_view *v)
{
    uint64_t size = ledger_view_checkpoint(v)->size;
    struct entry_reader *reader = malloc(sizeof(*reader));
    int r = reader == NULL ? SP_ENOMEM : 0;

    if (reader != NULL)
        entry_reader_init(reader);
    for (uint64_t n = 0; r == 0 && n < size; n++) {
        const uint8_t *line;
        size_t length;

        if ((r = ledger_view_entry(v, n, &line, &length)) == 0)
            r = entry_audit(u, reader, line, length);
    }
    if (reader != NULL)
        entry_reader_release(reader);
    free(reader);
    if (r != 0)
        fprintf(stderr, "sallyport log acceptances: %s\n", sp_strerror(r));
    else if (u->wrong > 0)
        fprintf(stderr,
                "sallyport log acceptances: %" PRIu64 " of %" PRIu64
                " prove nothing\n",
                u->wrong, u->count);
    return r == 0 && u->wrong == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int acceptances(const char *dir, bool json)
{
    struct audit u = {.json = json};
    struct ledger_view *v = NULL;
    struct log_source s;
    int status = log_source_open(dir, NULL, NULL, &s);

    if (status != EXIT_HOLDS)
        return status;
    if (!s.has_key)
        fputs("sallyport log acceptances: the checkpoint's signature is not "
              "checked: no key here\n",
              stderr);
    status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = view_audit(&u, v);
    ledger_view_free(v);
    log_source_close(&s);
    return log_finish(status);
}

int log_acceptances(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool json = false;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        if (c != 'j') {
            fputs(usage, stderr);
            return EXIT_MISUSED;
        }
        json = true;
    }
    if (argc - optind != 1 || sodium_init() < 0) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    return acceptances(argv[optind], json);
}
