/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport ca bundle`: makes the one file that a developer sends to a person
 * (ctl/bundle.h). Runs as the operator, over a deployment; reads nothing
 * secret.
 */
#include "ctl/ca_bundle.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/fingerprint.h"
#include "certs/pem.h"
#include "ctl/bundle.h"
#include "ctl/deployment.h"
#include "ctl/verbs.h"
#include "ledger/note.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/limits.h"

static const char usage[] =
    "usage: sallyport ca bundle DIR --party PARTY --person PERSON --cert FILE\n"
    "                           --address HOST:PORT [--address …] --out FILE\n"
    "                           [--name NAME] [--gateway-ca FILE]\n"
    "                           [--ledger-key FILE]\n"
    "\n"
    "Packs into one file what the person needs beside their key: the\n"
    "certificate that was issued to them, where the gateway is and who "
    "vouches\n"
    "for it, the ledger's key, their windows and what they have to accept. "
    "They\n"
    "read it with `sallyport enrol finish`. Nothing in it is secret, but they\n"
    "must get this one and no other: tell them its fingerprint by voice.\n"
    "\n"
    "  --cert FILE        the person's certificate, perhaps with its chain\n"
    "  --address          where the gateway is reached from outside\n"
    "  --name NAME        what the gateway's certificate says it is; else the\n"
    "                     host of the first address\n"
    "  --gateway-ca FILE  who vouches for the gateway; else the deployment's\n"
    "                     authority\n"
    "  --ledger-key FILE  else the .vkey beside the deployment's ledger key\n"
    "\n"
    "Nothing is overwritten. Exit status: 0, 1 if it failed, 2 for wrong "
    "usage.\n";

struct packing {
    const char *folder, *party, *person, *certificate, *name, *anchors, *vkey,
        *out;
    struct deployment d;
    uint32_t party_index;
    struct bundle bundle;
};

static int complain(int status, const char *format, ...) SP_PRINTF(2, 3);

static int complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport ca bundle: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

static int no_memory(void)
{
    return complain(EXIT_FAILS, "%s", sp_strerror(SP_ENOMEM));
}

/* ---- its parts ---- */

static int person_find(struct packing *p)
{
    const struct policy *policy = p->d.policy;
    int i = policy_find_party(policy, p->party);

    if (i < 0)
        return complain(EXIT_FAILS, "the policy has no party \"%s\"", p->party);
    p->party_index = (uint32_t)i;
    if (policy_find_person(policy, p->party_index, p->person) < 0)
        return complain(EXIT_FAILS, "party \"%s\" has no person \"%s\"",
                        p->party, p->person);
    return EXIT_HOLDS;
}

/* The text of `path`, malloc'd. */
static int file_take(const char *path, size_t max, uint8_t **data,
                     size_t *length)
{
    int r = file_read(AT_FDCWD, path, max, data, length);

    return r == 0 ? EXIT_HOLDS
                  : complain(EXIT_FAILS, "%s: %s", path, sp_strerror(r));
}

static int pem_take(const char *path, char **out)
{
    char problem[BUNDLE_PROBLEM];
    uint8_t *data = NULL;
    size_t length = 0;
    int status = file_take(path, 65536, &data, &length);

    if (status == EXIT_HOLDS && bundle_pem(data, length, out, problem) != 0)
        status = complain(EXIT_FAILS, "%s: %s", path, problem);
    free(data);
    return status;
}

static int setting_pem(const struct packing *p, const char *given,
                       const char *setting, char **out)
{
    char *path =
        given != NULL ? strdup(given) : settings_path(p->d.settings, setting);
    int status = path == NULL ? no_memory() : pem_take(path, out);

    free(path);
    return status;
}

static int vkey_take(struct packing *p)
{
    char *path = p->vkey != NULL
                     ? strdup(p->vkey)
                     : settings_path(p->d.settings, p->d.settings->ledger_key);
    struct note_verifier v;
    char *wider = NULL, *dot;
    uint8_t *text = NULL;
    size_t length = 0;
    int status = EXIT_HOLDS;

    if (path != NULL && p->vkey == NULL) {
        dot = strrchr(path, '.');
        if (dot != NULL && strchr(dot, '/') == NULL)
            *dot = '\0';
        if (asprintf(&wider, "%s.vkey", path) < 0)
            wider = NULL;
        free(path);
        path = wider;
    }
    if (path == NULL)
        return no_memory();
    status = file_take(path, 65536, &text, &length);
    if (status == EXIT_HOLDS) {
        length = strcspn((char *)text, "\n");
        if (note_verifier_parse((char *)text, length, &v) != 0 ||
            v.type != 0x01)
            status =
                complain(EXIT_FAILS,
                         "%s: expected a vkey like name+1a2b3c4d+base64", path);
        else if ((p->bundle.vkey = strndup((char *)text, length)) == NULL)
            status = no_memory();
    }
    free(text);
    free(path);
    return status;
}

static int windows_take(struct packing *p)
{
    const struct policy *policy = p->d.policy;
    int64_t now = clock_wall_ms();

    for (size_t i = 0; i < policy->nwindows; i++) {
        const struct policy_window *w = &policy->windows[i];
        struct bundle_window *out = &p->bundle.windows[p->bundle.nwindows];
        char opens[CLOCK_UTC_SIZE], closes[CLOCK_UTC_SIZE];

        if (w->party != p->party_index || w->closes <= now)
            continue;
        if (p->bundle.nwindows == BUNDLE_WINDOWS)
            break; /* to inform only; the gateway tells all */
        clock_format_utc(w->opens, opens);
        clock_format_utc(w->closes, closes);
        p->bundle.nwindows++;
        out->model = strdup(policy->models[w->model].name);
        out->opens = strdup(opens);
        out->closes = strdup(closes);
        if (out->model == NULL || out->opens == NULL || out->closes == NULL)
            return no_memory();
    }
    return EXIT_HOLDS;
}

static int lists_take(struct packing *p)
{
    const struct settings *s = p->d.settings;
    const struct policy *policy = p->d.policy;
    struct bundle *b = &p->bundle;

    for (size_t i = 0; i < policy->ndocuments; i++) {
        if (!policy_party_document(policy, p->party_index, (uint32_t)i))
            continue;
        if ((b->documents[b->ndocuments++] =
                 strdup(policy->documents[i].name)) == NULL)
            return no_memory();
    }
    for (size_t i = 0; i < s->nwitnesses; i++) {
        if ((b->witnesses[b->nwitnesses++] = strdup(s->witnesses[i].vkey)) ==
            NULL)
            return no_memory();
    }
    return windows_take(p);
}

static int names_take(struct packing *p)
{
    struct bundle *b = &p->bundle;
    char host[256], port[8], now[CLOCK_UTC_SIZE];

    if (bundle_address_split(b->addresses[0], host, port) != 0)
        return EXIT_FAILS;
    clock_format_utc(clock_wall_ms() / 1000 * 1000, now);
    b->name = strdup(p->name != NULL ? p->name : host);
    b->deployment = strdup(p->d.settings->deployment);
    b->party = strdup(p->party);
    b->person = strdup(p->person);
    b->origin = strdup(p->d.settings->origin);
    b->created = strdup(now);
    return b->name != NULL && b->deployment != NULL && b->party != NULL &&
                   b->person != NULL && b->origin != NULL && b->created != NULL
               ? EXIT_HOLDS
               : no_memory();
}

/* ---- what would only be noticed far away ---- */

static bool certificate_names(X509 *cert, const char *name)
{
    unsigned char binary[16];

    if (inet_pton(AF_INET, name, binary) == 1 ||
        inet_pton(AF_INET6, name, binary) == 1)
        return X509_check_ip_asc(cert, name, 0) == 1;
    return X509_check_host(cert, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                           NULL) == 1;
}

static bool anchors_vouch(STACK_OF(X509) * chain, const char *anchors)
{
    char problem[PEM_PROBLEM];
    STACK_OF(X509) *roots = NULL;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good = store != NULL && ctx != NULL &&
                pem_read_certificates((const uint8_t *)anchors, strlen(anchors),
                                      &roots, problem) == 0;

    for (int i = 0; good && i < sk_X509_num(roots); i++)
        good = X509_STORE_add_cert(store, sk_X509_value(roots, i)) == 1;
    good =
        good &&
        X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain) == 1 &&
        X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_pop_free(roots, X509_free);
    ERR_clear_error();
    return good;
}

/* Only where the gateway's certificate is at hand. */
static int gateway_check(struct packing *p)
{
    char *path =
        settings_path(p->d.settings, p->d.settings->server_certificate);
    char problem[PEM_PROBLEM];
    STACK_OF(X509) *chain = NULL;
    uint8_t *pem = NULL;
    size_t length = 0;
    int status = EXIT_HOLDS;

    if (path == NULL || file_read(AT_FDCWD, path, 65536, &pem, &length) != 0 ||
        pem_read_certificates(pem, length, &chain, problem) != 0)
        fprintf(stderr,
                "sallyport ca bundle: note: the gateway's certificate is not "
                "here to compare its names\n");
    else if (!certificate_names(sk_X509_value(chain, 0), p->bundle.name))
        status = complain(EXIT_FAILS,
                          "%s is not for \"%s\": expected --name with one of "
                          "its names, or another server certificate",
                          path, p->bundle.name);
    else if (!anchors_vouch(chain, p->bundle.gateway_ca))
        status = complain(
            EXIT_FAILS,
            "%s is not vouched for by %s: expected --gateway-ca "
            "with who does",
            path, p->anchors != NULL ? p->anchors : p->d.settings->authority);
    sk_X509_pop_free(chain, X509_free);
    free(pem);
    free(path);
    return status;
}

/* ---- the file ---- */

static int bundle_save(struct packing *p)
{
    char text[FINGERPRINT_TEXT], few[FINGERPRINT_SHORT],
        problem[BUNDLE_PROBLEM];
    struct bundle again;
    uint8_t sha256[32];
    struct buf out;
    int r;

    buf_init(&out, BUNDLE_MAX);
    r = bundle_encode(&p->bundle, &out);
    /* What the other side would refuse is not sent. */
    if (r == 0 &&
        bundle_parse(buf_bytes(&out), out.length, &again, problem) != 0) {
        buf_release(&out);
        return complain(EXIT_FAILS, "%s", problem);
    }
    if (r == 0) {
        bundle_release(&again);
        r = file_create(AT_FDCWD, p->out, 0644, buf_bytes(&out), out.length);
    }
    buf_release(&out);
    if (r != 0 || bundle_fingerprint(&p->bundle, sha256) != 0)
        return complain(EXIT_FAILS, "%s: %s", p->out,
                        r == SP_EEXIST ? "there is such a file already; "
                                         "nothing is overwritten"
                                       : sp_strerror(r));
    fingerprint_text(sha256, text);
    fingerprint_short(sha256, few);
    printf("made  %s  for %s/%s: send it to them\n\n"
           "Its fingerprint: %s\n"
           "          whole: %s\n\n"
           "Tell them the first line by voice, calling a number that you knew "
           "before: who\nswaps the file could lead them to a gateway of their "
           "own.\n",
           p->out, p->party, p->person, few, text);
    return EXIT_HOLDS;
}

static int bundle_pack(struct packing *p)
{
    const struct settings *s = p->d.settings;
    struct bundle *b = &p->bundle;
    int status = person_find(p);

    if (status == EXIT_HOLDS)
        status = names_take(p);
    if (status == EXIT_HOLDS)
        status = pem_take(p->certificate, &b->certificate);
    if (status == EXIT_HOLDS)
        status = setting_pem(p, p->anchors, s->authority, &b->gateway_ca);
    if (status == EXIT_HOLDS)
        status = vkey_take(p);
    if (status == EXIT_HOLDS)
        status = lists_take(p);
    if (status == EXIT_HOLDS)
        status = gateway_check(p);
    return status == EXIT_HOLDS ? bundle_save(p) : status;
}

static int address_add(struct bundle *b, const char *text)
{
    char host[256], port[8];

    if (b->naddresses == BUNDLE_ADDRESSES ||
        bundle_address_split(text, host, port) != 0)
        return complain(EXIT_MISUSED,
                        "--address %s: expected HOST:PORT or [ADDRESS]:PORT, "
                        "%d at most",
                        text, BUNDLE_ADDRESSES);
    if ((b->addresses[b->naddresses] = strdup(text)) == NULL)
        return no_memory();
    b->naddresses++;
    return EXIT_HOLDS;
}

static const char **option_slot(struct packing *p, int option)
{
    switch (option) {
    case 'p':
        return &p->party;
    case 'n':
        return &p->person;
    case 'c':
        return &p->certificate;
    case 'm':
        return &p->name;
    case 'g':
        return &p->anchors;
    case 'k':
        return &p->vkey;
    case 'o':
        return &p->out;
    default:
        return NULL;
    }
}

/* EXIT_HOLDS to go on; -1: the help was shown. */
static int options_read(struct packing *p, int argc, char **argv)
{
    static const struct option options[] = {
        {"party", required_argument, NULL, 'p'},
        {"person", required_argument, NULL, 'n'},
        {"cert", required_argument, NULL, 'c'},
        {"address", required_argument, NULL, 'a'},
        {"name", required_argument, NULL, 'm'},
        {"gateway-ca", required_argument, NULL, 'g'},
        {"ledger-key", required_argument, NULL, 'k'},
        {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    int c, status;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return -1;
        }
        const char **slot = option_slot(p, c);

        if (slot != NULL)
            *slot = optarg;
        else if (c != 'a')
            return EXIT_MISUSED;
        else if ((status = address_add(&p->bundle, optarg)) != EXIT_HOLDS)
            return status;
    }
    if (argc - optind != 1 || p->party == NULL || p->person == NULL ||
        p->certificate == NULL || p->out == NULL || p->bundle.naddresses == 0) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    p->folder = argv[optind];
    return EXIT_HOLDS;
}

int ca_bundle(int argc, char **argv)
{
    struct packing p = {0};
    int status = options_read(&p, argc, argv);

    if (status == EXIT_HOLDS &&
        deployment_load(p.folder, true, stderr, &p.d) != 0)
        status = EXIT_FAILS;
    if (status == EXIT_HOLDS)
        status = bundle_pack(&p);
    bundle_release(&p.bundle);
    deployment_release(&p.d);
    return status == -1 ? EXIT_HOLDS : status;
}
