/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport enrol finish`: takes a developer's bundle, if it is the one that
 * the developer made and its certificate is for our key. Runs on the machine of
 * the person; the bundle is anybody's until they have compared its
 * fingerprint.
 */
#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certs/fingerprint.h"
#include "certs/pem.h"
#include "ctl/deployment.h"
#include "ctl/enrol.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/file.h"

static const char usage[] =
    "usage: sallyport enrol finish BUNDLE [DIR] [--fingerprint TEXT]\n"
    "\n"
    "Takes the file that the developer sent back, BUNDLE: checks that its\n"
    "certificate is for your key, shows the file's fingerprint, which the "
    "developer\n"
    "tells you by voice, and stores what is in it in DIR. Without DIR it is "
    "the\n"
    "only enrolment below ~/.config/sallyport.\n"
    "\n"
    "  --fingerprint TEXT  what the developer told you (either line): compared "
    "by\n"
    "                      the program instead of asking you\n"
    "\n"
    "Nothing is overwritten. Exit status: 0, 1 if it is refused, 2 for wrong "
    "usage.\n";

static int complain(int status, const char *format, ...) SP_PRINTF(2, 3);

static int complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport enrol finish: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

/* ---- is it for us ---- */

/* The public key that we asked to have certified; our own file. NULL: none. */
static EVP_PKEY *requested_key(const struct enrolment *e)
{
    char *path = path_join(e->folder, ENROLMENT_REQUEST);
    uint8_t *pem = NULL;
    size_t length = 0;
    X509_REQ *request = NULL;
    EVP_PKEY *key = NULL;
    BIO *in = NULL;

    if (path != NULL && file_read(AT_FDCWD, path, 65536, &pem, &length) == 0 &&
        (in = BIO_new_mem_buf(pem, (int)length)) != NULL &&
        (request = PEM_read_bio_X509_REQ(in, NULL, NULL, NULL)) != NULL)
        key = X509_REQ_get_pubkey(request);
    X509_REQ_free(request);
    BIO_free(in);
    free(pem);
    free(path);
    ERR_clear_error();
    return key;
}

static int names_check(const struct enrolment *e, const struct bundle *b)
{
    if (strcmp(e->party, b->party) != 0 || strcmp(e->person, b->person) != 0)
        return complain(EXIT_FAILS,
                        "the bundle is for %s/%s, and you are %s/%s: ask the "
                        "developer for yours",
                        b->party, b->person, e->party, e->person);
    if (e->deployment[0] != '\0' && strcmp(e->deployment, b->deployment) != 0)
        return complain(EXIT_FAILS,
                        "the bundle is of the deployment %s: expected %s, as "
                        "you said at the start",
                        b->deployment, e->deployment);
    return EXIT_HOLDS;
}

static int dates_check(X509 *cert)
{
    struct tm from, to;
    char text[2][32];

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0 &&
        ASN1_TIME_to_tm(X509_get0_notAfter(cert), &to) == 1) {
        strftime(text[1], sizeof text[1], "%Y-%m-%dT%H:%M:%SZ", &to);
        return complain(EXIT_FAILS,
                        "the certificate has expired, at %s: ask the developer "
                        "for a new one, or set this machine's clock",
                        text[1]);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0 &&
        ASN1_TIME_to_tm(X509_get0_notBefore(cert), &from) == 1) {
        strftime(text[0], sizeof text[0], "%Y-%m-%dT%H:%M:%SZ", &from);
        printf("note: the certificate is not valid before %s\n", text[0]);
    }
    return EXIT_HOLDS;
}

static int certificate_check(const struct enrolment *e, const struct bundle *b)
{
    char problem[PEM_PROBLEM];
    STACK_OF(X509) *chain = NULL;
    EVP_PKEY *ours = requested_key(e);
    int status = EXIT_HOLDS;

    if (ours == NULL)
        status = complain(EXIT_FAILS,
                          "%s/%s: not readable: expected what "
                          "`sallyport enrol start` wrote",
                          e->folder, ENROLMENT_REQUEST);
    else if (pem_read_certificates((const uint8_t *)b->certificate,
                                   strlen(b->certificate), &chain,
                                   problem) != 0)
        status = complain(EXIT_FAILS, "the certificate: %s", problem);
    else if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(chain, 0)), ours) != 1)
        status = complain(EXIT_FAILS,
                          "the certificate is for another key than yours: "
                          "expected one for %s/%s. Did the developer get that "
                          "file, or was it another of yours?",
                          e->folder, ENROLMENT_REQUEST);
    else
        status = dates_check(sk_X509_value(chain, 0));
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(ours);
    ERR_clear_error();
    return status;
}

/* ---- is it the developer's ---- */

/* As people write it: blanks, dashes and capitals do not count. */
static void figures_take(const char *text, char out[65])
{
    size_t n = 0;

    for (; *text != '\0' && n < 64; text++) {
        if (*text != '-' && *text != ' ' && *text != ':')
            out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = '\0';
    if (*text != '\0') /* longer than any */
        out[0] = '\0';
}

static int fingerprint_compare(const char *given, const char *whole)
{
    char theirs[65], ours[65];
    size_t length;

    figures_take(given, theirs);
    figures_take(whole, ours);
    length = strlen(theirs);
    if (length != 16 && length != 64)
        return complain(EXIT_MISUSED,
                        "--fingerprint: expected 4 or 16 groups of 4 figures");
    if (sodium_memcmp(theirs, ours, length) == 0)
        return EXIT_HOLDS;
    return complain(EXIT_FAILS,
                    "the fingerprint is another: this is not the file that the "
                    "developer made. Do not use it; tell them");
}

static int person_compare(void)
{
    char line[16] = "";

    if (isatty(STDIN_FILENO) != 1)
        return complain(EXIT_FAILS,
                        "nobody is there to compare it: expected --fingerprint "
                        "with what the developer told you by voice");
    printf("Call the developer on a number that you knew before. Do they read "
           "out the\nsame first line? Type yes: ");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "yes\n") == 0)
        return EXIT_HOLDS;
    return complain(EXIT_FAILS, "not compared, so nothing was stored");
}

static int fingerprint_check(const struct bundle *b, const char *given)
{
    char whole[FINGERPRINT_TEXT], few[FINGERPRINT_SHORT];
    uint8_t sha256[32];

    if (bundle_fingerprint(b, sha256) != 0)
        return complain(EXIT_FAILS, "%s", sp_strerror(SP_ENOMEM));
    fingerprint_text(sha256, whole);
    fingerprint_short(sha256, few);
    printf("bundle of %s for %s/%s, made %s\n"
           "Its fingerprint: %s\n"
           "          whole: %s\n",
           b->deployment, b->party, b->person, b->created, few, whole);
    return given != NULL ? fingerprint_compare(given, whole) : person_compare();
}

/* ---- what is kept ---- */

static int file_store(const struct enrolment *e, const char *name,
                      const char *text, const char *end)
{
    char *whole = NULL;
    int n = asprintf(&whole, "%s%s", text, end);
    int r = n < 0 ? SP_ENOMEM
                  : enrolment_write(e->folder, name, 0644, whole, (size_t)n);

    free(whole);
    if (r == 0)
        return EXIT_HOLDS;
    return complain(EXIT_FAILS, "%s/%s: %s", e->folder, name,
                    r == SP_EEXIST ? "there is another one already; nothing "
                                     "is overwritten: begin in a new folder"
                                   : sp_strerror(r));
}

static int bundle_store(const struct enrolment *e, const struct bundle *b)
{
    struct buf text;
    int status = EXIT_HOLDS, r;

    buf_init(&text, BUNDLE_MAX);
    r = bundle_encode(b, &text);
    if (r == 0)
        r = buf_append(&text, "", 1);
    if (r != 0)
        status = complain(EXIT_FAILS, "%s", sp_strerror(r));
    if (status == EXIT_HOLDS)
        status =
            file_store(e, ENROLMENT_BUNDLE, (const char *)buf_bytes(&text), "");
    buf_release(&text);
    return status;
}

static int all_store(const struct enrolment *e, const struct bundle *b)
{
    char url[300];
    int status = EXIT_HOLDS;

    snprintf(url, sizeof url, "https://%s", b->addresses[0]);
    if (e->finished) {
        uint8_t old[32], new[32];

        if (bundle_fingerprint(&e->bundle, old) != 0 ||
            bundle_fingerprint(b, new) != 0 || memcmp(old, new, 32) != 0)
            return complain(EXIT_FAILS,
                            "%s is finished, with another bundle; nothing is "
                            "overwritten: begin in a new folder",
                            e->folder);
    }
    if ((status = file_store(e, ENROLMENT_CERT, b->certificate, "")) ==
            EXIT_HOLDS &&
        (status = file_store(e, ENROLMENT_CA, b->gateway_ca, "")) ==
            EXIT_HOLDS &&
        (status = file_store(e, ENROLMENT_URL, url, "\n")) == EXIT_HOLDS &&
        (status = file_store(e, ENROLMENT_VKEY, b->vkey, "\n")) == EXIT_HOLDS)
        status = bundle_store(e, b);
    return status;
}

static void story_tell(const struct enrolment *e, const struct bundle *b)
{
    printf("\nstored in %s:\n"
           "  %-15s your certificate\n"
           "  %-15s who vouches for the gateway\n"
           "  %-15s https://%s\n"
           "  %-15s whose signatures are on its ledger\n",
           e->folder, ENROLMENT_CERT, ENROLMENT_CA, ENROLMENT_URL,
           b->addresses[0], ENROLMENT_VKEY);
    for (size_t i = 0; i < b->nwindows; i++)
        printf("access to %s from %s to %s\n", b->windows[i].model,
               b->windows[i].opens, b->windows[i].closes);
    for (size_t i = 0; i < b->ndocuments; i++)
        printf("to be read and accepted: %s\n", b->documents[i]);
    printf("\nNow try it:  sallyport enrol test %s\n", e->folder);
}

static int finish_run(const char *file, const char *folder, const char *given)
{
    char problem[BUNDLE_PROBLEM];
    struct enrolment e = {0};
    struct bundle b = {0};
    int status = enrol_open("finish", folder, &e);

    if (status == EXIT_HOLDS && bundle_read(file, &b, problem) != 0)
        status = complain(EXIT_FAILS, "%s: %s", file, problem);
    if (status == EXIT_HOLDS)
        status = names_check(&e, &b);
    if (status == EXIT_HOLDS)
        status = certificate_check(&e, &b);
    if (status == EXIT_HOLDS)
        status = fingerprint_check(&b, given);
    if (status == EXIT_HOLDS)
        status = all_store(&e, &b);
    if (status == EXIT_HOLDS)
        story_tell(&e, &b);
    bundle_release(&b);
    enrolment_release(&e);
    return status;
}

int enrol_finish(int argc, char **argv)
{
    static const struct option options[] = {
        {"fingerprint", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    const char *given = NULL;
    bool good = true;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        given = c == 'f' ? optarg : given;
        good = good && c != '?';
    }
    if (!good || argc - optind < 1 || argc - optind > 2 || sodium_init() < 0) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    return finish_run(argv[optind], argv[optind + 1], given);
}
